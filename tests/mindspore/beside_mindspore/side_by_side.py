"""One optimizer of ``mindspore.nn`` and ours of the same name, on MindSpore's parameters with the same values."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mindspore
import numpy as np

import fusedstep.mindspore.nn

STEPS = 100
TOLERANCE = 1e-6
# One that is not decayed by default for its name, and one whose gradient is centralized in groups that say so.
SHAPES = {
    "table": (7, 16),
    "dense.weight": (4, 3),
    "dense.bias": (5,),
    "norm.gamma": (3,),
    "conv.weight": (2, 16, 3, 3),
}

MakeOptimizer = Callable[[Any, list[Any]], Any]


def tensor(array: Any) -> Any:
    return mindspore.Tensor(np.asarray(array))


def parameters(shapes: dict[str, tuple[int, ...]], dtype: Any = np.float32, seed: int = 0) -> list[Any]:
    """New parameters of MindSpore; the same values for the same seed."""
    rng = np.random.default_rng(seed)
    return [
        mindspore.Parameter(tensor(rng.standard_normal(shape).astype(dtype)), name=name)
        for name, shape in shapes.items()
    ]


def gradients(shapes: dict[str, tuple[int, ...]], dtype: Any = np.float32, seed: int = 1) -> Iterator[list[np.ndarray]]:
    """Gradients of one step after another, of the size that networks have."""
    rng = np.random.default_rng(seed)
    while True:
        yield [rng.normal(0, 0.1, shape).astype(dtype) for shape in shapes.values()]


def values(parameters: Sequence[Any]) -> dict[str, np.ndarray]:
    """Copies of parameters by their names."""
    return {each.name: each.asnumpy().astype(np.float64) for each in parameters}


def stepped(
    nn: Any,
    make: MakeOptimizer,
    shapes: dict[str, tuple[int, ...]] = SHAPES,
    dtype: Any = np.float32,
    steps: int = STEPS,
) -> Any:
    """An optimizer after many steps with dense gradients."""
    optimizer = make(nn, parameters(shapes, dtype))
    order = {name: place for place, name in enumerate(shapes)}
    places = [order[each.name] for each in optimizer.parameters]
    for _, found in zip(range(steps), gradients(shapes, dtype), strict=False):
        optimizer(tuple(tensor(found[place]) for place in places))
    return optimizer


def assert_close(got: dict[str, np.ndarray], expected: dict[str, np.ndarray], tolerance: float = TOLERANCE) -> None:
    """Each value is as expected to the tolerance, times its size where that is above 1."""
    assert got.keys() == expected.keys()
    for name, want in expected.items():
        error = np.abs(got[name] - want) / np.maximum(1, np.abs(want))
        assert error.max() <= tolerance, f"{name}: {error.max():.3g} at {np.unravel_index(error.argmax(), error.shape)}"


def assert_same_steps(make: MakeOptimizer, **options: Any) -> None:
    """Ours and MindSpore's step the same parameters to the same values, and hold the same parameters."""
    expected = stepped(mindspore.nn, make, **options)
    got = stepped(fusedstep.mindspore.nn, make, **options)
    assert type(got).__module__.startswith("fusedstep.")
    assert isinstance(got, mindspore.nn.Optimizer)
    assert_close(values(got.parameters), values(expected.parameters))
    assert_same_parameters(got, expected)


def assert_same_parameters(got: Any, expected: Any) -> None:
    """The parameters that a checkpoint holds have the same names, shapes and types, in one order."""
    described = [
        # MindSpore's AdaFactor has one without a name where it keeps no mean.
        [(each.name, each.shape, each.dtype) for each in one.get_parameters() if not each.name.startswith("Parameter$")]
        for one in (got, expected)
    ]
    assert described[0] == described[1]
    assert int(got.global_step.asnumpy()[0]) == int(expected.global_step.asnumpy()[0])
