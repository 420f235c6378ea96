"""The factory of each rule."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fusedstep as fs

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

from fusedstep.jax.optax_aliases import ALIASES  # noqa: E402 - after the packages that it imports


def test_every_rule_has_its_own_signature_and_docstring() -> None:
    for name in fs.rules.__all__:
        make = getattr(fs.jax, name)
        signature = fs.Operator(getattr(fs.rules, name)).signature
        parameters = inspect.signature(make).parameters
        own = {"initial", "state_dtype", "maximize", *signature.scalars, *signature.switches}
        own |= {"momentum_decay"} if name == "nadam" else set()
        theirs = inspect.signature(getattr(optax, name)).parameters.keys() if name in ALIASES else set()
        assert parameters.keys() == own | theirs
        assert make.__name__ == name
        for scalar in own:
            assert f"    {scalar}: " in make.__doc__
    assert inspect.signature(fs.jax.adam).parameters["beta1_power"].default is None
    assert inspect.signature(fs.jax.adam).parameters["beta1"].default is inspect.Parameter.empty
    assert set(dir(fs.jax)) >= {*fs.rules.__all__, "nadamw"}
    with pytest.raises(AttributeError, match="has no 'nothing'"):
        fs.jax.nothing  # noqa: B018 - asking for it is what is tested


def test_the_first_arguments_of_optax_may_be_given_by_position() -> None:
    param = jax.numpy.ones(2)
    by_position, by_name = fs.jax.adam(0.1, 0.8, 0.9), fs.jax.adam(learning_rate=0.1, b1=0.8, b2=0.9)
    got, want = (each.update(param, each.init(param))[0] for each in (by_position, by_name))
    assert got.tolist() == want.tolist()


def test_names_say_whose_formula_it_is() -> None:
    # optax adds eps to the corrected root, the rule adam to the root itself.
    param = jax.numpy.ones(1)
    ours = fs.jax.adam(lr=0.1, beta1=0.9, beta2=0.999, epsilon=1.0)
    theirs = fs.jax.adam(0.1, eps=1.0)
    steps = [float(each.update(param, each.init(param))[0][0]) for each in (ours, theirs)]
    np.testing.assert_allclose(steps, [-0.1 * 0.001**0.5 / (1 + 0.001**0.5), -0.05], rtol=1e-5)


def test_options_go_with_either_names() -> None:
    param = jax.numpy.ones(2)
    for optimizer in (
        fs.jax.sgd(0.1, momentum=0.9, maximize=True, initial={"momentum_buffer": 1.0}, state_dtype="bfloat16"),
        fs.jax.torch_sgd(lr=0.1, momentum=0.9, maximize=True, initial={"momentum_buffer": 1.0}, state_dtype="bfloat16"),
    ):
        state = optimizer.init(param)
        assert str(state.states["momentum_buffer"].dtype) == "bfloat16"
        np.testing.assert_allclose(optimizer.update(param, state)[0], 0.01, rtol=1e-5)


REFUSED: dict[str, tuple[str, Callable[[], Any]]] = {
    "both names": (
        r"adam: got b1 of optax\.adam and lr of the rule; pass .* of optax\.adam, or the rule's \(lr, beta1",
        lambda: fs.jax.adam(lr=0.1, b1=0.9, beta2=0.9),
    ),
    "a position and the rule's names": (
        r"sgd: got an argument by position of optax\.sgd and dampening of the rule",
        lambda: fs.jax.sgd(0.1, dampening=0.5),
    ),
    "a position without an alias": ("ftrl: takes its arguments by name, got 1", lambda: fs.jax.ftrl(0.1)),
    "an unknown name": (
        "adam: takes learning_rate, b1, .*; not known: weight_decay, rate",
        lambda: fs.jax.adam(0.1, weight_decay=0.1, rate=2),
    ),
    "an unknown name of an alias alone": ("nadamw: takes .*; not known: lr", lambda: fs.jax.nadamw(lr=0.1)),
    "no learning rate": ("adam.* missing .*learning_rate", lambda: fs.jax.adam()),
    "a learning rate that is no number": ("adam: lr is of type str, expected a real", lambda: fs.jax.adam("x")),
}


@pytest.mark.parametrize("what", list(REFUSED))
def test_invalid_arguments_are_refused(what: str) -> None:
    message, call = REFUSED[what]
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize("name", ["adamw", "lion", "adafactor", "rmsprop"])
def test_arguments_of_optax_may_be_injected(name: str) -> None:
    params, grads = {"a": jax.numpy.ones((2, 3))}, {"a": jax.numpy.full((2, 3), 0.5)}
    static = ("min_dim_size_to_factor",) if name == "adafactor" else ()
    types = {"mu_dtype": jax.numpy.bfloat16} if name in ("adamw", "lion") else {}
    given = {"learning_rate": optax.linear_schedule(0.5, 0.1, 4)} | types
    got, want = (
        optax.inject_hyperparams(getattr(library, name), static_args=(*static, *more))(**given)
        for library, more in ((fs.jax, ()), (optax, tuple(types)))
    )
    states = [got.init(params), want.init(params)]
    # optax takes a type for a schedule.
    assert states[0].hyperparams.keys() == states[1].hyperparams.keys() - {"dtype_momentum"}
    for _ in range(3):
        ours, states[0] = jax.jit(got.update)(grads, states[0], params)
        theirs, states[1] = jax.jit(want.update)(grads, states[1], params)
        np.testing.assert_allclose(ours["a"], theirs["a"], rtol=5e-3)
