"""Adadelta."""

from ... import rules
from ..entry import Entry

ENTRIES = [
    Entry(
        "ApplyAdadelta",
        rules.adadelta,
        "Take a step of Adadelta on every element.",
        "var accum accum_update lr rho epsilon grad",
        constructor="",
        example="""
>>> import numpy as np
>>> import fusedstep as fs
>>> var, accum, accum_update = (np.ones(2, np.float32) for _ in range(3))
>>> grad = np.array([0.5, -0.5], np.float32)
>>> _ = fs.ops.ApplyAdadelta()(var, accum, accum_update, 0.1, 0.9, 1e-6, grad)
>>> print(var)
[0.9480125 1.0519875]
""",
    ),
    Entry(
        "SparseApplyAdadelta",
        rules.adadelta,
        "Sum the gradients of each row, then take a step of Adadelta on the named rows.",
        "var accum accum_update lr rho grad indices",
        rows="touched",
        constructor="epsilon, use_locking=False",
        example="""
>>> import numpy as np
>>> import fusedstep as fs
>>> var, accum, accum_update = (np.ones((3, 2), np.float32) for _ in range(3))
>>> grad, indices = np.full((2, 2), 0.25, np.float32), np.array([2, 2])
>>> _ = fs.ops.SparseApplyAdadelta(1e-6)(var, accum, accum_update, 0.1, 0.9, grad, indices)
>>> print(var[:, 0])
[1.        1.        0.9480125]
""",
        differs={
            "MindSpore": "version 2.10 has no kernel for CPUs.",
            "TensorFlow": "it applies the gradients of a row one by one.",
        },
    ),
]
