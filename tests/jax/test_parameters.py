"""Parameters that are integers, complex, NumPy's float64, Python's numbers, masked or empty: as optax treats them."""

from typing import Any

import numpy as np
import pytest

import fusedstep as fs

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

# The aliases whose states of integers are not integers, which would cut them.
WITH_INTEGERS = ["adadelta", "adamax", "lars", "lion", "radam", "rmsprop", "sgd"]
# adadelta squares complex numbers in optax.
WITH_COMPLEX = ["adafactor", "adagrad", "adam", "adamax", "adamw", "amsgrad", "lamb", "lars", "lion", "nadam", "nadamw"]
WITH_COMPLEX += ["radam", "rmsprop", "sgd"]
SETTINGS: dict[str, dict[str, Any]] = {
    "adafactor": {"min_dim_size_to_factor": 2},
    "rmsprop": {"centered": True, "momentum": 0.5, "nesterov": True},
    "sgd": {"momentum": 0.5},
}


def run(library: Any, name: str, params: Any, grads: list[Any]) -> tuple[list[Any], Any, Any]:
    """The updates of some steps, the parameters after them, and the last state."""
    optimizer = getattr(library, name)(learning_rate=0.5, **SETTINGS.get(name, {}))
    state, updates = optimizer.init(params), []
    for grad in grads:
        update, state = optimizer.update(grad, state, params)
        params = optax.apply_updates(params, update)
        updates.append(update)
    return updates, params, state


def assert_near(got: Any, want: Any, tolerance: float) -> None:
    assert jax.tree.structure(got) == jax.tree.structure(want)
    for ours, theirs in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert np.asarray(ours).dtype == np.asarray(theirs).dtype
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", WITH_INTEGERS)
def test_integers(name: str) -> None:
    params = {"array": jax.numpy.array([7, -20, 30]), "number": jax.numpy.array(5)}
    grads = [{"array": jax.numpy.array([k, -2, 3]), "number": jax.numpy.array(2)} for k in (1, 2, -3)]
    got, want = run(fs.jax, name, params, grads), run(optax, name, params, grads)
    assert_near(got[:2], want[:2], 1e-5)
    assert {str(each.dtype) for each in jax.tree.leaves(got[2].states)} <= {"float32"}


@pytest.mark.parametrize("name", ["adam", "adagrad", "ftrl"])
def test_states_of_integers_are_not_cut(name: str) -> None:
    settings = {"lr": 0.5, "l1": 0.0, "l2": 0.0} if name == "ftrl" else {"learning_rate": 0.5}
    optimizer = getattr(fs.jax, name)(**settings)
    whole, wide = jax.numpy.array([7, -20]), jax.numpy.array([7.0, -20.0])
    updates = [optimizer.update(each, optimizer.init(each), each) for each in (whole, wide)]
    jax.tree.map(np.testing.assert_array_equal, *updates)


def test_integers_without_a_gradient_stay() -> None:
    params = {"weight": jax.numpy.ones(2), "count": jax.numpy.array([3, 4])}
    grads = jax.grad(lambda tree: jax.numpy.sum(tree["weight"] ** 2) * tree["count"].sum(), allow_int=True)(params)
    assert grads["count"].dtype == jax.dtypes.float0
    optimizer = fs.jax.adam(0.1)
    updates, state = optimizer.update(grads, optimizer.init(params), params)
    after = optax.apply_updates(params, updates)
    assert after["count"].tolist() == [3, 4]
    assert after["count"].dtype == params["count"].dtype
    assert (after["weight"] != params["weight"]).all()
    assert not state.states["v"]["count"].any()
    alone, _ = optimizer.update(grads, optimizer.init(params))
    assert optax.apply_updates(params, alone)["count"].tolist() == [3, 4]


@pytest.mark.parametrize(("name", "x64"), [("adam", False), *((name, True) for name in WITH_COMPLEX)])
def test_complex_numbers(name: str, x64: bool) -> None:
    rng = np.random.default_rng(4)

    def drawn() -> Any:
        values = rng.standard_normal((2, 3, 4)) + 1j * rng.standard_normal((2, 3, 4))
        return {"matrix": jax.numpy.asarray(values[0]), "vector": jax.numpy.asarray(values[1, 0])}

    with jax.enable_x64(x64):
        params, grads = drawn(), [drawn() for _ in range(4)]
        got, want = run(fs.jax, name, params, grads), run(optax, name, params, grads)
        # optax evaluates 1 - b2**t in the type of the parameters, and the decay of Adafactor in float32.
        assert_near(got[:2], want[:2], 1e-3 if not x64 else 1e-5 if name == "adafactor" else 1e-9)


def test_second_moments_of_complex_numbers_are_real() -> None:
    param = jax.numpy.array([3 + 4j])
    for make in (jax.jit, lambda function: function):
        state = make(fs.jax.adam(0.1).init)(param)
        assert {name: str(each.dtype) for name, each in state.states.items()} == {"m": "complex64", "v": "float32"}
    _, state = fs.jax.adam(0.1).update(param, state, param)
    np.testing.assert_allclose(state.states["v"], 0.025, rtol=1e-6)


def test_real_gradients_of_complex_parameters() -> None:
    param, grad = jax.numpy.array([3 + 4j]), jax.numpy.array([1.0])
    update, _ = fs.jax.sgd(0.5).update(grad, fs.jax.sgd(0.5).init(param), param)
    assert update.tolist() == [-0.5]
    assert update.dtype == param.dtype


def test_rules_with_an_order_refuse_complex_numbers() -> None:
    penalties = {"lr": 0.1, "l1": 0.1, "l2": 0.1}
    for optimizer in (fs.jax.ftrl(**penalties), fs.jax.group_lasso_ftrl(**penalties, l21=0.1)):
        with pytest.raises(TypeError, match=r"complex numbers have no order; .*split_real_and_imaginary"):
            optimizer.init(jax.numpy.array([1j]))
    split = optax.contrib.split_real_and_imaginary(fs.jax.ftrl(lr=0.1, l1=0.0, l2=0.0))
    params = jax.numpy.array([1 + 1j])
    assert split.update(params, split.init(params), params)[0].shape == (1,)


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.complex128])
def test_numpys_wide_types_become_jaxs(dtype: Any) -> None:
    params = {"weight": np.array([1, 2, 3], dtype)}
    got, want = run(fs.jax, "sgd", params, [params] * 2), run(optax, "sgd", params, [params] * 2)
    assert_near(got[:2], jax.tree.map(jax.numpy.asarray, want[:2]), 1e-6)
    described = jax.ShapeDtypeStruct((3,), dtype)
    state = fs.jax.adam(0.1).init(described)
    assert jax.tree.map(lambda each: (each.shape, each.dtype), state) == jax.tree.map(
        lambda each: (each.shape, each.dtype), fs.jax.adam(0.1).init(params["weight"])
    )


def test_pythons_numbers_and_arrays_of_no_dimension_or_element() -> None:
    params = {
        "number": 2.0,
        "integer": 3,
        "scalar": jax.numpy.float32(3),
        "empty": jax.numpy.zeros((0, 3)),
        "none": None,
    }
    grads = {
        "number": 1.0,
        "integer": 2,
        "scalar": jax.numpy.float32(1),
        "empty": jax.numpy.zeros((0, 3)),
        "none": None,
    }
    for name in ("lion", "sgd"):
        got, want = run(fs.jax, name, params, [grads] * 3), run(optax, name, params, [grads] * 3)
        assert_near(got[:2], jax.tree.map(jax.numpy.asarray, want[:2]), 2e-5)


def test_masked_parameters() -> None:
    params = {"a": jax.numpy.ones(2), "b": optax.MaskedNode(), "c": (jax.numpy.ones(3),)}
    for optimizer in (fs.jax.adamw(0.1, mask={"a": True, "b": optax.MaskedNode(), "c": False}), fs.jax.sgd(0.1)):
        updates, state = optimizer.update(params, optimizer.init(params), params)
        assert jax.tree.structure(updates) == jax.tree.structure(params)
        assert int(state.count) == 1


@pytest.mark.parametrize(
    ("param", "grad", "message"),
    [
        (np.ones(2, bool), np.ones(2, np.float32), "adam: a parameter holds bool, expected float32"),
        (np.ones(2, np.float32), np.ones(2, bool), "adam: a gradient holds bool, expected float32"),
        (np.ones(2, np.float32), np.ones(2, np.complex64), "a gradient holds complex64, its parameter float32; .*real"),
    ],
)
def test_other_types_are_refused(param: Any, grad: Any, message: str) -> None:
    optimizer = fs.jax.adam(0.1)
    with pytest.raises(TypeError, match=message):
        optimizer.update(grad, optimizer.init(param), param)


def test_complex_states_beside_real_parameters_are_refused() -> None:
    optimizer, real, whole = fs.jax.adam(0.1), jax.numpy.ones(2), jax.numpy.ones(2, "complex64")
    with pytest.raises(TypeError, match="adam: m holds complex64, expected real numbers with a float32 parameter"):
        optimizer.update(real, optimizer.init(whole), real)
    with pytest.raises(TypeError, match="adam: m holds float32, expected complex numbers with a complex64 parameter"):
        optimizer.update(whole, optimizer.init(real), whole)


def test_steps_of_complex_numbers_have_derivatives() -> None:
    def after(rate: Any) -> Any:
        optimizer = fs.jax.adam(rate, eps=0.1)
        params = jax.numpy.array([1 + 2j, 0j])
        updates, _ = optimizer.update(jax.numpy.array([0.3 - 0.4j, 0j]), optimizer.init(params), params)
        return jax.numpy.sum(jax.numpy.abs(params + updates) ** 2)

    numeric = (after(0.101) - after(0.099)) / 0.002
    np.testing.assert_allclose(jax.grad(after)(0.1), numeric, rtol=2e-3)
