"""Steps followed by shrinkage."""

from ... import rules
from ..entry import Entry

SHRINK = {"shrink": {"lr": {"shrink_by_rate": False}, "lr/sqrt(accum)": {"shrink_by_rate": True}}}
CONSTRUCTOR = "use_locking=False, *, shrink='lr'"
RATE = (
    'the kernel shrinks by lr/sqrt(accum), as here with shrink="lr/sqrt(accum)"; the documentation has lr, the '
    "default here."
)
RATE_IN_TURN = f"{RATE} It applies the gradients of a row one by one."
IN_TURN = "it applies the gradients of a row one by one."
ZERO_BY_ZERO = "Where accum and gradient are 0 it computes 0/0 = NaN; here no step is taken."
NEGATIVE = "Version 2.10 ignores a negative l1; here it is refused"
PENALTIES = ("lr", "l1", "l2")
SPARSE_EXAMPLE = """
>>> import numpy as np
>>> import fusedstep as fs
>>> var, accum = np.ones((3, 2), np.float32), np.ones((3, 2), np.float32)
>>> grad, indices = np.full((2, 2), 0.5, np.float32), np.array([2, 2])
>>> _ = fs.ops.{name}()(var, accum, 0.1, {penalties}, grad, indices)
>>> print(var[:, 0])
{shown}
"""

ENTRIES = [
    Entry(
        "ApplyProximalAdagrad",
        rules.proximal_adagrad,
        "Take a step of proximal Adagrad on every element.",
        "var accum lr l1 l2 grad",
        step_sizes=PENALTIES,
        constructor=CONSTRUCTOR,
        choices=SHRINK,
        example="""
>>> import numpy as np
>>> import fusedstep as fs
>>> var = np.array([[0.6, 0.4], [0.1, 0.5]], np.float32)
>>> accum = np.array([[0.6, 0.5], [0.2, 0.6]], np.float32)
>>> grad = np.array([[0.3, 0.7], [0.1, 0.8]], np.float32)
>>> _ = fs.ops.ApplyProximalAdagrad()(var, accum, 0.01, 0.0, 0.0, grad)
>>> print(var)
[[0.59638846 0.39296475]
 [0.09781782 0.4928158 ]]
""",
        differs={
            "MindSpore": f"{RATE} {NEGATIVE}.",
            "TensorFlow": f"{RATE} {ZERO_BY_ZERO}",
        },
    ),
    Entry(
        "FusedSparseProximalAdagrad",
        rules.proximal_adagrad,
        "Sum the gradients of each row, then take a step of proximal Adagrad on the named rows.",
        "var accum lr l1 l2 grad indices",
        rows="touched",
        step_sizes=PENALTIES,
        constructor=CONSTRUCTOR,
        choices=SHRINK,
        example=SPARSE_EXAMPLE.format(
            name="FusedSparseProximalAdagrad", penalties="0.0, 0.0", shown="[1.         1.         0.92928934]"
        ),
        differs={"MindSpore": RATE, "TensorFlow": RATE_IN_TURN},
    ),
    Entry(
        "SparseApplyProximalAdagrad",
        rules.proximal_adagrad,
        "Sum the gradients of each row, then take a step of proximal Adagrad on the named rows.",
        "var accum lr l1 l2 grad indices",
        rows="touched",
        step_sizes=PENALTIES,
        constructor=CONSTRUCTOR,
        choices=SHRINK,
        example=SPARSE_EXAMPLE.format(
            name="SparseApplyProximalAdagrad", penalties="0.5, 0.5", shown="[1.         1.         0.83741844]"
        ),
        differs={
            "MindSpore": "version 2.10 has no kernel for CPUs.",
            "TensorFlow": RATE_IN_TURN,
        },
    ),
    Entry(
        "ApplyProximalGradientDescent",
        rules.proximal_gradient_descent,
        "Take a step of proximal gradient descent on every element.",
        "var alpha:lr l1 l2 delta:grad",
        step_sizes=PENALTIES,
        constructor="",
        example="""
>>> import numpy as np
>>> import fusedstep as fs
>>> var = np.array([1.0, -1.0, 0.125], np.float32)
>>> delta = np.array([0.5, 0.5, 0.5], np.float32)
>>> _ = fs.ops.ApplyProximalGradientDescent()(var, 0.25, 0.5, 0.0, delta)
>>> print(var)
[ 0.75 -1.    0.  ]
""",
        differs={"MindSpore": f"with an l1 above 0 it changes a NaN to 0; here it is kept. {NEGATIVE}."},
    ),
    Entry(
        "SparseApplyProximalGradientDescent",
        rules.proximal_gradient_descent,
        "Sum the gradients of each row, then take a step of proximal gradient descent on the named rows.",
        "var alpha:lr l1 l2 grad indices",
        rows="touched",
        step_sizes=PENALTIES,
        constructor="use_locking=False",
        example="""
>>> import numpy as np
>>> import fusedstep as fs
>>> var, indices = np.ones((3, 2), np.float32), np.array([2, 2])
>>> grad = np.full((2, 2), 0.5, np.float32)
>>> _ = fs.ops.SparseApplyProximalGradientDescent()(var, 0.25, 0.5, 0.0, grad, indices)
>>> print(var[:, 0])
[1.    1.    0.625]
""",
        differs={
            "MindSpore": "the documentation omits the gradient from the step; the kernel of version 2.10 does not, "
            f"but {IN_TURN}",
            "TensorFlow": IN_TURN,
        },
    ),
]
