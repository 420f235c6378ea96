"""RMSProp, plain and centered."""

from ... import rules
from ..entry import Entry

IN_TURN = "it applies the gradients of a row one by one"
TORCH = (
    "torch.optim.RMSprop adds epsilon to the root, and multiplies by lr outside the moment; that is "
    "fusedstep.rules.torch_rmsprop."
)
EXAMPLE = """
>>> import numpy as np
>>> import fusedstep as fs
>>> var, {states} = (np.ones(2, np.float32) for _ in range({count}))
>>> grad = np.array([0.5, -0.5], np.float32)
"""
SPARSE_EXAMPLE = """
>>> import numpy as np
>>> import fusedstep as fs
>>> var, {states} = (np.ones((3, 2), np.float32) for _ in range({count}))
>>> grad, indices = np.full((2, 2), 0.25, np.float32), np.array([2, 2])
"""

ENTRIES = [
    Entry(
        "ApplyRMSProp",
        rules.rmsprop,
        "Take a step of RMSProp on every element.",
        "var mean_square moment learning_rate:lr grad decay:rho momentum epsilon",
        constructor="use_locking=False",
        example=EXAMPLE.format(states="mean_square, moment", count=3)
        + """\
>>> _ = fs.ops.ApplyRMSProp()(var, mean_square, moment, 0.1, grad, 0.9, 0.5, 1e-10)
>>> print(var)
[0.44801247 0.5519875 ]
""",
        differs={
            "MindSpore": "version 2.10 adds epsilon to the root in all but the last few elements, against its "
            "documentation, so that the result depends on an element's place; it returns uninitialised memory.",
            "torch": TORCH,
        },
    ),
    Entry(
        "SparseApplyRMSProp",
        rules.rmsprop,
        "Sum the gradients of each row, then take a step of RMSProp on the named rows.",
        "var ms:mean_square mom:moment lr grad indices",
        rows="touched",
        constructor="rho, momentum, epsilon, use_locking=False",
        example=SPARSE_EXAMPLE.format(states="ms, mom", count=3)
        + """\
>>> _ = fs.ops.SparseApplyRMSProp(0.9, 0.5, 1e-10)(var, ms, mom, 0.1, grad, indices)
>>> print(var[:, 0])
[1.         1.         0.44801247]
""",
        differs={
            "MindSpore": "version 2.10 leaves ms as it is where the gradient is 0, against its documentation; it needs "
            "as many indices as there are rows, and with duplicate indices its threads race.",
            "TensorFlow": f"{IN_TURN}.",
            "torch": TORCH,
        },
    ),
    Entry(
        "ApplyCenteredRMSProp",
        rules.centered_rmsprop,
        "Take a step of centered RMSProp on every element.",
        "var mean_gradient mean_square moment grad learning_rate:lr decay:rho momentum epsilon",
        constructor="use_locking=False",
        example=EXAMPLE.format(states="mean_gradient, mean_square, moment", count=4)
        + """\
>>> step = fs.ops.ApplyCenteredRMSProp()
>>> _ = step(var, mean_gradient, mean_square, moment, grad, 0.1, 0.9, 0.5, 1e-3)
>>> print(var)
[0.17383575 0.6108378 ]
""",
        differs={
            "MindSpore": "version 2.10 returns uninitialised memory; here the states are returned.",
            "torch": TORCH,
        },
    ),
    Entry(
        "SparseApplyCenteredRMSProp",
        rules.centered_rmsprop,
        "Sum the gradients of each row, then take a step of centered RMSProp on the named rows.",
        "var mg:mean_gradient ms:mean_square mom:moment lr rho momentum epsilon grad indices",
        rows="touched",
        constructor="use_locking=False",
        example=SPARSE_EXAMPLE.format(states="mg, ms, mom", count=4)
        + """\
>>> _ = fs.ops.SparseApplyCenteredRMSProp()(var, mg, ms, mom, 0.1, 0.9, 0.5, 1e-3, grad, indices)
>>> print(var[:, 0])
[1.         1.         0.17383575]
""",
        differs={
            "MindSpore": "the documentation's last formula is not centered; the kernel of version 2.10 is, but "
            f"{IN_TURN}.",
            "TensorFlow": f"{IN_TURN}.",
            "torch": TORCH,
        },
    ),
]
