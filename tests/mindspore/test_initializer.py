"""What fills new tensors: values, distributions, names and refusals."""

import math

import numpy as np
import pytest

from fusedstep.mindspore import Parameter, Tensor, set_seed
from fusedstep.mindspore.common import initializer as module
from fusedstep.mindspore.common.initializer import initializer

SHAPE = (300, 200)
# The standard deviation of each, by its documented formula, and the bound if it is uniform.
DEVIATIONS = {
    "normal": (module.Normal(), 0.01, None),
    "wide normal": (module.Normal(sigma=2.0, mean=3.0), 2.0, None),
    "uniform": (module.Uniform(), 0.07 / math.sqrt(3), 0.07),
    "xavier_normal": (module.XavierNormal(), math.sqrt(2 / 500), None),
    "xavier_uniform": (module.XavierUniform(gain=2), 2 * math.sqrt(2 / 500), 2 * math.sqrt(6 / 500)),
    "he_normal": (module.HeNormal(), math.sqrt(2 / 200), None),
    "he_uniform": (module.HeUniform(mode="fan_out", nonlinearity="tanh"), 5 / 3 / math.sqrt(300), None),
    "leaky he": (module.HeNormal(negative_slope=1.0), math.sqrt(1 / 200), None),
    "truncated": (module.TruncatedNormal(sigma=0.5), 0.5 * 0.87962566, 1.0),
    "scaled": (module.VarianceScaling(), math.sqrt(1 / 200), None),
    "scaled uniform": (module.VarianceScaling(2.0, "fan_avg", "uniform"), math.sqrt(2 / 250), math.sqrt(6 / 250)),
    "scaled normal": (module.VarianceScaling(2.0, "fan_out", "untruncated_normal"), math.sqrt(2 / 300), None),
}


@pytest.mark.parametrize("name", DEVIATIONS)
def test_a_distribution_is_the_documented_one(name: str) -> None:
    made, deviation, bound = DEVIATIONS[name]
    set_seed(1)
    drawn = initializer(made, SHAPE).asnumpy()
    assert abs(drawn.std() / deviation - 1) < 0.02
    assert abs(drawn.mean() - getattr(made, "mean", 0)) < 5 * deviation / math.sqrt(drawn.size)
    if bound is not None:
        assert 0.99 * bound < np.abs(drawn).max() <= bound


def test_values() -> None:
    assert initializer("zeros", [2]).tolist() == initializer(module.Zero(), 2).tolist() == [0, 0]
    assert initializer("ones", [1, 2], "float16").dtype.name == "float16"
    assert initializer(3, (2,), "int32").tolist() == [3, 3]
    assert initializer("Identity", [2, 3]).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert initializer("zeros", []).shape == ()
    dirac = initializer(module.Dirac(groups=2), [4, 2, 3]).asnumpy()
    assert np.argwhere(dirac).tolist() == [[0, 0, 1], [1, 1, 1], [2, 0, 1], [3, 1, 1]]
    for shape in ([3, 5], [5, 3], [4, 2, 3]):
        matrix = initializer(module.Orthogonal(gain=2.0), shape, "float64").asnumpy().reshape(shape[0], -1)
        matrix = matrix if shape[0] < matrix.shape[1] else matrix.T
        np.testing.assert_allclose(matrix @ matrix.T, 4 * np.eye(len(matrix)), atol=1e-12)
    sparse = initializer(module.Sparse(0.25), [8, 5]).asnumpy()
    assert ((sparse == 0).sum(0) == 2).all()
    given = Tensor([1.0, 2.0])
    assert initializer(given, [2]) is given


def test_a_parameter_is_made_of_one() -> None:
    var = Parameter(initializer("ones", [2]), name="var")
    assert (var.tolist(), var.has_init, var.init_data() is var) == ([1, 1], False, True)
    assert Tensor(shape=(2, 1), dtype="float64", init=module.One()).tolist() == [[1], [1]]
    assert Tensor(shape=[None, 2], dtype="float32").shape == (0, 2)


def test_what_is_refused() -> None:
    for wrong, error in (([1.0], TypeError), (None, TypeError), ("nothing", ValueError)):
        with pytest.raises(error, match="initializer: init"):
            initializer(wrong, [2])
    for shape in ([0], [-1], [2.0], [2, 0]):
        with pytest.raises(ValueError, match="shape"):
            initializer("ones", shape)
    with pytest.raises(TypeError, match="shape is missing"):
        initializer("ones")
    with pytest.raises(ValueError, match="init has shape"):
        initializer(Tensor([1.0]), [2])
    for name, shape in (("xavier_uniform", [2]), ("identity", [2]), ("dirac", [2, 2]), ("orthogonal", [2])):
        with pytest.raises(ValueError, match="dimensions"):
            initializer(name, shape)
    for make in (
        lambda: module.VarianceScaling(0.0),
        lambda: module.VarianceScaling(mode="fan"),
        lambda: initializer(module.HeNormal(mode="fan"), SHAPE),
        lambda: initializer(module.HeNormal(nonlinearity="step"), SHAPE),
        lambda: initializer(module.TruncatedNormal(a=9.0, b=10.0), SHAPE),
        lambda: initializer(module.Dirac(groups=3), [4, 2, 3]),
    ):
        with pytest.raises(ValueError):
            make()
    for arguments in ({"shape": [2]}, {"init": module.One()}, {"shape": [2], "init": module.One()}):
        with pytest.raises(ValueError, match="go together"):
            Tensor(**arguments)
    with pytest.raises(ValueError, match="beside"):
        Tensor(1.0, shape=[2], dtype="float32")
    with pytest.raises(TypeError, match="names"):
        Tensor(shape=[2], dtype="float32", init="ones")
