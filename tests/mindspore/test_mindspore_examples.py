"""MindSpore's documented examples run with only their imports changed."""

import contextlib
import io
import subprocess
import sys

import pytest

DENSE = """
import numpy as np
from mindspore import Tensor, Parameter, nn, ops

class Descent(nn.Cell):
    def __init__(self):
        super(Descent, self).__init__()
        self.step = ops.ApplyProximalAdagrad()
        self.var = Parameter(Tensor(np.array([[0.6, 0.4], [0.1, 0.5]]).astype(np.float32)), name="var")
        self.accum = Parameter(Tensor(np.array([[0.6, 0.5], [0.2, 0.6]]).astype(np.float32)), name="accum")
        self.lr, self.l1, self.l2 = 0.01, 0.0, 0.0
    def construct(self, grad):
        return self.step(self.var, self.accum, self.lr, self.l1, self.l2, grad)

print(Descent()(Tensor(np.array([[0.3, 0.7], [0.1, 0.8]]).astype(np.float32))))
"""
DENSE_PRINTS = """\
(Tensor(shape=[2, 2], dtype=Float32, value=
[[ 5.96388459e-01,  3.92964751e-01],
 [ 9.78178233e-02,  4.92815793e-01]]), Tensor(shape=[2, 2], dtype=Float32, value=
[[ 6.90000057e-01,  9.90000010e-01],
 [ 2.10000008e-01,  1.24000001e+00]]))
"""

ADAM = """
import numpy as np
import mindspore
from mindspore import Tensor, nn, ops, Parameter

class Table(nn.Cell):
    def __init__(self):
        super(Table, self).__init__()
        self.step = ops.{name}()
        self.var, self.m, self.v = (
            Parameter(Tensor(np.ones([3, 1, 2]).astype(np.float32)), name=name) for name in ("var", "m", "v")
        )
    def construct(self, beta1_power, beta2_power, lr, beta1, beta2, epsilon, grad, indices):
        return self.step(
            self.var, self.m, self.v, beta1_power, beta2_power, lr, beta1, beta2, epsilon, grad, indices
        )

table = Table()
scalars = [Tensor(value, mindspore.float32) for value in (0.9, 0.999, 0.001, 0.9, 0.999, 1e-8)]
gradient = Tensor(np.array([[[0.1, 0.1]], [[0.1, 0.1]]]), mindspore.float32)
output = table(*scalars, gradient, Tensor([0, 1], mindspore.int32))
print(table.var.asnumpy())
print(table.trainable_params())
"""
ADAM_PRINTS = """\
[[[{touched}]]

 [[{touched}]]

 [[{last}]]]
[Parameter (name=var, shape=(3, 1, 2), dtype=Float32, requires_grad=True), \
Parameter (name=m, shape=(3, 1, 2), dtype=Float32, requires_grad=True), \
Parameter (name=v, shape=(3, 1, 2), dtype=Float32, requires_grad=True)]
"""

OLDER_ADAM = """
import numpy as np
import mindspore.context as context
import mindspore.common.dtype as mstype
from mindspore.common.tensor import Tensor
from mindspore.common.parameter import Parameter
from mindspore.ops import operations as P
import mindspore.nn as nn

context.set_context(mode=context.PYNATIVE_MODE, device_target="CPU")

class Table(nn.Cell):
    def __init__(self):
        super().__init__()
        self.step = P.FusedSparseAdam(use_nesterov=False)
        self.var = Parameter(Tensor(np.ones([3, 1, 2]).astype(np.float32)), name="var")
        self.m = Parameter(Tensor(np.ones([3, 1, 2]).astype(np.float32)), name="m")
        self.v = Parameter(Tensor(np.ones([3, 1, 2]).astype(np.float32)), name="v")
    def construct(self, *rest):
        return self.step(self.var, self.m, self.v, *rest)

table = Table()
scalars = [Tensor(value, mstype.float32) for value in (0.9, 0.999, 0.001, 0.9, 0.999, 1e-8)]
table(*scalars, Tensor(np.random.rand(2, 1, 2), mstype.float32), Tensor([0, 1], mstype.int32))
print(table.var.asnumpy()[2])
"""

PROXIMAL = """
import numpy as np
import mindspore
from mindspore import Tensor, nn, ops, Parameter

class Table(nn.Cell):
    def __init__(self):
        super(Table, self).__init__()
        self.step = ops.FusedSparseProximalAdagrad()
        self.var = Parameter(Tensor(np.ones([3, 1, 2]).astype(np.float32)), name="var")
        self.accum = Parameter(Tensor(np.ones([3, 1, 2]).astype(np.float32)), name="accum")
        self.scalars = [Tensor(value, mindspore.float32) for value in (0.01, 0.0, 0.0)]
    def construct(self, grad, indices):
        return self.step(self.var, self.accum, *self.scalars, grad, indices)

table = Table()
table(Tensor(np.array([[[0.1, 0.1]], [[0.1, 0.1]]]).astype(np.float32)), Tensor(np.array([0, 1]).astype(np.int32)))
print(table.var.asnumpy().ravel())
"""

EXAMPLES = {
    "ApplyProximalAdagrad": (DENSE, DENSE_PRINTS),
    "FusedSparseAdam": (
        ADAM.format(name="FusedSparseAdam"),
        ADAM_PRINTS.format(touched="0.9997121  0.9997121 ", last="0.99971527 0.99971527"),
    ),
    "FusedSparseLazyAdam": (
        ADAM.format(name="FusedSparseLazyAdam"),
        ADAM_PRINTS.format(touched="0.9997121 0.9997121", last="1.        1.       "),
    ),
    "FusedSparseAdam, older": (OLDER_ADAM, "[[0.99971527 0.99971527]]\n"),
    "FusedSparseProximalAdagrad": (PROXIMAL, "[0.99900496 0.99900496 0.99900496 0.99900496 1.         1.        ]\n"),
}


def printed(program: str) -> str:
    """What a program prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(program, {"__name__": "example"})  # noqa: S102
    return output.getvalue()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_documented_example_runs_with_only_its_imports_changed(name: str) -> None:
    program, prints = EXAMPLES[name]
    imports = "\n".join(
        line.replace("mindspore", "fusedstep.mindspore", 1) + (" as mindspore" if line == "import mindspore" else "")
        if "import" in line
        else line
        for line in program.splitlines()
    )
    assert printed(imports) == prints


def test_importing_it_imports_nothing_heavy() -> None:
    heavy = "{'numba', 'llvmlite', 'torch', 'mindspore', 'jax', 'triton', 'numpy.random'}"
    # NumPy 1 imports its random numbers itself.
    imports = "import sys, numpy; had = {*sys.modules}; import fusedstep.mindspore"
    program = f"{imports}; print({heavy} & {{*sys.modules}} - had)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
