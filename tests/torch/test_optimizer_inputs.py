"""Every input of torch's own table of optimizers, beside torch's optimizers."""

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

import fusedstep as fs

torch = pytest.importorskip("torch")
# The table is not public: a version of torch may lack it.
table = pytest.importorskip("torch.testing._internal.common_optimizers")

INFOS = [each for each in table.optim_db if hasattr(fs.torch, each.optim_cls.__name__)]
IMPLEMENTATIONS = ("", "foreach", "fused", "differentiable")
DTYPES = ("float32", "float64", "complex64", "complex128")
SHAPES = ((10,), (3, 4), (), (2, 1, 3))


def test_the_table_has_every_class_of_torchs_name() -> None:
    ours = {name for name in fs.torch.__all__ if hasattr(torch.optim, name)}
    assert {each.optim_cls.__name__ for each in INFOS} == ours


def inputs_of(info: Any, dtype: str) -> list[dict[str, Any]]:
    """The settings of all inputs, those for devices included."""
    found: list[dict[str, Any]] = []
    for device in ("cpu", "cuda"):
        for each in info.optim_inputs_func(device=device, dtype=getattr(torch, dtype)):
            if not any(same(each.kwargs, other) for other in found):
                found.append(each.kwargs)
    return found


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return repr(sorted(one.items())) == repr(sorted(other.items()))


def has_tensors(settings: dict[str, Any]) -> bool:
    values = [value if isinstance(value, tuple) else (value,) for value in settings.values()]
    return any(map(torch.is_tensor, itertools.chain(*values)))


def compared(info: Any, dtype: str, settings: dict[str, Any], implementation: str) -> bool:
    """Whether torch takes a combination on the CPU; each type is compared in one implementation, wide ones in all."""
    is_complex = dtype.startswith("complex")
    if is_complex and (not info.supports_complex or info.only_supports_sparse_grads or implementation == "fused"):
        return False
    if implementation == "foreach" and has_tensors(settings):
        return False
    wide = dtype in ("float64", "complex128")
    return not implementation or (wide and implementation in info.supported_impls)


def cases() -> Iterator[Any]:
    for info, dtype in itertools.product(INFOS, DTYPES):
        for (number, settings), implementation in itertools.product(enumerate(inputs_of(info, dtype)), IMPLEMENTATIONS):
            if compared(info, dtype, settings, implementation):
                name = "-".join(filter(None, [info.optim_cls.__name__, dtype, implementation, str(number)]))
                yield pytest.param(info, dtype, settings, implementation, id=name)


def values(dtype: str) -> list[Any]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, dtype=getattr(torch, dtype), generator=generator) for shape in SHAPES]


def trained(optimizer_class: Any, settings: dict[str, Any], dtype: str, sparse: int | None) -> Any:
    """An optimizer after some steps, and its parameters."""
    # Settings are tensors in some inputs.
    settings = copy.deepcopy(settings)
    params = [each.clone().requires_grad_() for each in values(dtype)]
    if settings.get("differentiable"):
        params = [each.clone() for each in params]
    optimizer = optimizer_class(params, **settings)
    generator = torch.Generator().manual_seed(1)
    for _ in range(4):
        for param in params:
            dense = torch.randn(param.shape, dtype=param.dtype, generator=generator)
            param.grad = dense if sparse is None else dense.to_sparse(min(sparse, dense.dim()))
        optimizer.step()
    return optimizer, params


@pytest.mark.parametrize(("info", "dtype", "settings", "implementation"), list(cases()))
def test_steps_are_torchs(
    info: Any, dtype: str, settings: dict[str, Any], implementation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if implementation == "differentiable":
        # Torch computes recorded steps with the counter, which has the default type.
        monkeypatch.setattr(torch, "get_default_dtype", lambda: torch.float64)
    chosen = settings | ({implementation: True} if implementation else {})
    sparse = 3 if info.only_supports_sparse_grads else None
    ours, params = trained(getattr(fs.torch, info.optim_cls.__name__), chosen, dtype, sparse)
    # On the CPU torch asserts that nothing is captured.
    uncaptured = {name: value for name, value in chosen.items() if name != "capturable"}
    theirs, expected = trained(info.optim_cls, uncaptured, dtype, sparse)
    for param, want in zip(params, expected, strict=True):
        torch.testing.assert_close(param, want)
        for key, state in theirs.state[want].items():
            torch.testing.assert_close(ours.state[param][key], state, check_dtype=torch.is_tensor(state))


SPARSE = [each for each in INFOS if each.supports_sparse or each.only_supports_sparse_grads]


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("info", SPARSE, ids=lambda each: each.optim_cls.__name__)
def test_sparse_steps_are_torchs(info: Any, dimensions: int) -> None:
    for settings in (info.metadata_for_sparse[0], {}):
        _, params = trained(getattr(fs.torch, info.optim_cls.__name__), settings, "float64", dimensions)
        _, expected = trained(info.optim_cls, settings, "float64", dimensions)
        for param, want in zip(params, expected, strict=True):
            torch.testing.assert_close(param, want)


# What torch's classes refuse and these take: its foreach kernels cannot read settings that are tensors, and betas of
# which one is a number and one a tensor.
TAKEN = ("foreach=True", "must be either both floats or both Tensors")


def errors() -> Iterator[Any]:
    for info in INFOS:
        for number, each in enumerate(info.optim_error_inputs_func(device="cpu", dtype=torch.float32)):
            yield pytest.param(info, each, id=f"{info.optim_cls.__name__}-{number}")


@pytest.mark.parametrize(("info", "error"), list(errors()))
def test_errors_are_torchs(info: Any, error: Any) -> None:
    given = error.optimizer_error_input
    params = [torch.nn.Parameter(torch.ones(2, 2))] if given.params is None else given.params
    made = getattr(fs.torch, info.optim_cls.__name__)
    if any(each in error.error_regex.replace("\\", "") for each in TAKEN):
        made(params, **given.kwargs)
        return
    with pytest.raises(error.error_type):
        made(params, **given.kwargs)
    with pytest.raises(error.error_type, match=error.error_regex):
        info.optim_cls(copy.copy(params), **given.kwargs)
