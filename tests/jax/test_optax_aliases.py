"""The arguments of optax' aliases: with each of them, the steps of the factory of that name are optax'.

Steps are compared in float64, since optax evaluates 1 - b2**t in the type of the parameters: in float32 a first step
of its Adam is off by 7e-6. They run without jax.jit, which compiles each case anew.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fusedstep as fs

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

from fusedstep.jax.optax_aliases import ALIASES  # noqa: E402 - after the packages that it imports

Tree = dict[str, Any]
# More steps than RAdam takes before it divides by a root.
STEPS = 8
SCHEDULE = optax.linear_schedule(0.2, 0.05, STEPS)


def wide(tree: Any) -> Any:
    """A mask: all but vectors."""
    return jax.tree.map(lambda leaf: leaf.ndim != 1, tree)


MASKS = [wide, False]
# For each argument of an alias some values that are not its default.
VALUES: dict[str, list[Any]] = {
    "learning_rate": [0.1, SCHEDULE],
    "b1": [0.5, 0.0],
    "b2": [0.9],
    "rho": [0.5],
    "decay": [0.5],
    "eps": [0.03],
    "eps_root": [0.03],
    "mu_dtype": ["bfloat16", jax.numpy.float16],
    "accumulator_dtype": ["bfloat16"],
    "dtype_momentum": ["bfloat16"],
    "nesterov": [True, False],
    "weight_decay": [0.0, 0.3, SCHEDULE],
    "weight_decay_rate": [0.3, SCHEDULE],
    "mask": MASKS,
    "weight_decay_mask": MASKS,
    "trust_ratio_mask": MASKS,
    "momentum": [0.0, 0.7],
    "initial_scale": [0.2],
    "initial_accumulator_value": [0.0, 0.7],
    "eps_in_sqrt": [False],
    "centered": [True],
    "bias_correction": [True],
    "bias_correction_mu": [False],
    "bias_correction_nu": [False],
    "threshold": [4.5, 7.0],
    "trust_coefficient": [0.3],
    "min_dim_size_to_factor": [2, 5],
    "decay_rate": [0.5],
    "decay_offset": [-3],
    "multiply_by_parameter_scale": [False],
    "clipping_threshold": [0.5, None],
    "factored": [False],
}
# Other arguments without which an argument has no effect.
BESIDE: dict[str, dict[str, Any]] = {
    "mask": {"weight_decay": 0.3},
    "weight_decay_mask": {"weight_decay": 0.3},
    "accumulator_dtype": {"momentum": 0.7},
    "dtype_momentum": {"momentum": 0.7},
    "bias_correction": {"centered": True, "initial_scale": 0.5},
    "threshold": {"b2": 0.9},
    "eps_root": {"nesterov": True},
}
BESIDE_OF: dict[tuple[str, str], dict[str, Any]] = {
    ("adafactor", "weight_decay_mask"): {"weight_decay_rate": 0.3},
    ("sgd", "nesterov"): {"momentum": 0.7},
    ("rmsprop", "nesterov"): {"momentum": 0.7},
    ("rmsprop", "momentum"): {"learning_rate": SCHEDULE},
    ("lars", "momentum"): {"learning_rate": SCHEDULE},
    ("lars", "eps"): {"weight_decay": 0.3},
}
# Of a state of 16 bits optax rounds products, too.
NARROW = ("mu_dtype", "accumulator_dtype", "dtype_momentum")


def drawn(with_cube: bool) -> tuple[Tree, list[Tree]]:
    """Parameters, and the gradients of some steps; for Adafactor one whose longest dimensions are not the last."""
    rng = np.random.default_rng(5)

    def tree() -> Tree:
        shapes = {"matrix": (6, 4), "vector": (5,)} | ({"cube": (7, 2, 5)} if with_cube else {})
        return {name: jax.numpy.asarray(rng.standard_normal(shape)) for name, shape in shapes.items()}

    return tree(), [tree() for _ in range(STEPS)]


def steps_of(optimizer: Any, params: Tree, gradients: list[Tree]) -> Tree:
    """The parameters after some steps."""
    state = optimizer.init(params)
    for gradient in gradients:
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
    return params


def cases() -> list[Any]:
    """Each argument of each alias with each of its values."""
    found = []
    for alias in ALIASES:
        parameters = inspect.signature(getattr(optax, alias)).parameters
        for name in parameters:
            beside = {each: value for each, value in BESIDE.get(name, {}).items() if each in parameters}
            beside |= BESIDE_OF.get((alias, name), {}) | ({"min_dim_size_to_factor": 2} if alias == "adafactor" else {})
            # Lion's steps are signs, which rounding to 16 bits turns.
            values = ["float32"] if (alias, name) == ("lion", "mu_dtype") else VALUES[name]
            for number, value in enumerate(each for each in values if each != parameters[name].default):
                given = {"learning_rate": 0.1} | beside | {name: value}
                found.append(pytest.param(alias, name, given, id=f"{alias}-{name}-{number}"))
        found.append(pytest.param(alias, "", {"learning_rate": 0.1}, id=alias))
    return found


@pytest.mark.parametrize(("alias", "name", "given"), cases())
def test_steps_are_those_of_optax(alias: str, name: str, given: dict[str, Any]) -> None:
    with jax.enable_x64(True):
        params, gradients = drawn(alias == "adafactor")
        got = steps_of(getattr(fs.jax, alias)(**given), params, gradients)
        want = steps_of(getattr(optax, alias)(**given), params, gradients)
    # optax' Adafactor evaluates its decay in float32.
    tolerance = 2.0**-6 if name in NARROW else 1e-6 if alias == "adafactor" else 1e-10
    for leaf, each in want.items():
        np.testing.assert_allclose(got[leaf], each, rtol=tolerance, atol=tolerance, err_msg=leaf)


@pytest.mark.parametrize("alias", ALIASES)
def test_arguments_are_those_of_optax(alias: str) -> None:
    def described(function: Callable[..., Any]) -> list[Any]:
        parameters = inspect.signature(function).parameters.values()
        return [(each.name, each.kind, each.default) for each in parameters]

    ours, theirs = described(ALIASES[alias]), described(getattr(optax, alias))
    names = {name for name, *_ in theirs}
    # An older optax may lack some.
    assert [each for each in ours if each[0] in names] == theirs
    assert names <= inspect.signature(getattr(fs.jax, alias)).parameters.keys()
