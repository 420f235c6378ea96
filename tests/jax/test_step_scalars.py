"""Scalars that follow from the number of the step: NAdam's momentum, and products over the steps."""

from typing import Any

import numpy as np
import pytest

import fusedstep as fs

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

NADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}


def steps_of(optimizer: Any, param: Any, grads: Any, make: Any = lambda function: function) -> tuple[Any, Any]:
    update, state = make(optimizer.update), optimizer.init(param)
    for grad in grads:
        change, state = update(grad, state, param)
        param = optax.apply_updates(param, change)
    return param, state


def drawn() -> tuple[Any, Any]:
    rng = np.random.default_rng(8)
    return jax.numpy.asarray(rng.standard_normal(5)), jax.numpy.asarray(rng.standard_normal((6, 5)))


def by_rule(param: Any, grads: Any, decay: float, beta1: float = 0.9, **scalars: Any) -> Any:
    """Steps of the rule on NumPy arrays, with the schedule written out."""
    var, m, v, product = np.asarray(param), 0.0, 0.0, 1.0
    for step, grad in enumerate(np.asarray(grads), start=1):
        mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (each * decay)) for each in (step, step + 1))
        product *= mu
        schedule = {"mu": mu, "mu_next": mu_next, "mu_product": product, "beta2_power": 0.999**step}
        var, m, v = fs.rules.nadam(var, m, v, grad, **NADAM | {"beta1": beta1} | schedule | scalars)
    return var


@pytest.mark.parametrize("make", [jax.jit, lambda function: function], ids=["jit", "plain"])
@pytest.mark.parametrize("settings", [{}, {"momentum_decay": 0.5}, {"weight_decay": 0.3, "decoupled": True}])
def test_nadam_has_pytorchs_schedule(settings: dict[str, Any], make: Any) -> None:
    decay = settings.get("momentum_decay", 0.004)
    scalars = {name: each for name, each in settings.items() if name != "momentum_decay"}
    with jax.enable_x64(True):
        param, grads = drawn()
        got, state = steps_of(fs.jax.nadam(**NADAM, **settings), param, grads, make)
    np.testing.assert_allclose(got, by_rule(param, grads, decay, **scalars), rtol=1e-12)
    expected = np.prod([0.9 * (1 - 0.5 * 0.96 ** (step * decay)) for step in range(1, 7)])
    np.testing.assert_allclose(state.states["mu_product"], expected, rtol=1e-12)


def test_nadam_in_float32() -> None:
    param, grads = (each.astype("float32") for each in drawn())
    got, state = steps_of(fs.jax.nadam(**NADAM), param, grads, jax.jit)
    np.testing.assert_allclose(got, by_rule(param, grads, 0.004), rtol=2e-6, atol=2e-6)
    assert state.states["mu_product"].dtype == np.float32
    injected = optax.inject_hyperparams(fs.jax.nadam)(**NADAM)
    again, _ = steps_of(injected, param, grads, jax.jit)
    np.testing.assert_allclose(again, got, rtol=1e-3)


def test_nadam_of_torch() -> None:
    torch = pytest.importorskip("torch")
    param, grads = drawn()
    weight = torch.nn.Parameter(torch.tensor(np.asarray(param)))
    theirs = torch.optim.NAdam([weight], lr=0.1, momentum_decay=0.1)
    for grad in grads:
        weight.grad = torch.tensor(np.asarray(grad))
        theirs.step()
    got, _ = steps_of(fs.jax.nadam(**NADAM, momentum_decay=0.1), param, grads)
    np.testing.assert_allclose(got, weight.detach(), rtol=2e-6, atol=2e-6)


def test_a_schedule_of_ones_own_gives_the_next_and_the_product() -> None:
    def schedule(count: Any) -> Any:
        return 0.5 + 0.05 * count

    seen = []

    def rule(var: Any, grad: Any, *, lr: Any, mu: Any, mu_next: Any, mu_product: Any) -> Any:
        return var - lr * (mu + 10 * mu_next + 100 * mu_product) * grad

    optimizer = fs.jax.transformation(rule, lr=1.0, mu=schedule)
    param = jax.numpy.ones(1)
    state = optimizer.init(param)
    for _ in range(3):
        update, state = optimizer.update(param, state)
        seen.append(-float(update[0]))
    np.testing.assert_allclose(seen, [0.5 + 5.5 + 50, 0.55 + 6 + 27.5, 0.6 + 6.5 + 16.5], rtol=1e-6)


def test_products_are_part_of_a_state() -> None:
    optimizer, param = fs.jax.nadam(**NADAM), jax.numpy.ones(2)
    state = optimizer.init(param)
    assert state.states.keys() == {"m", "v", "mu_product"}
    with pytest.raises(TypeError, match="nadam: state holds m, v, expected m, v, mu_product"):
        optimizer.update(param, fs.jax.adam(0.1).init(param), param)
    given = fs.jax.nadam(**NADAM, mu=0.5, mu_next=0.5, mu_product=0.25)
    assert given.init(param).states.keys() == {"m", "v"}


def test_missing_scalars_are_named() -> None:
    with pytest.raises(TypeError, match=r"nadam: takes the scalars .*; missing: lr"):
        fs.jax.nadam(beta1=0.9, beta2=0.9, epsilon=0.1)
    with pytest.raises(TypeError, match="not known: momentum_decay"):
        fs.jax.adam(**NADAM, momentum_decay=0.1)
