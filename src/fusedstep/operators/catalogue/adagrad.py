"""Adagrad and its relatives."""

from ... import rules
from ..entry import Entry

IN_TURN = "it applies the gradients of a row one by one"
ZERO_BY_ZERO = "where accum and gradient are 0 it computes 0/0 = NaN; here no step is taken"
TORCH = "torch.optim.Adagrad decreases lr with the step, and adds an epsilon to the root."
TORCH_V2 = "torch.optim.Adagrad decreases lr with the step."
PENALTIES = ("lr", "l1", "l2")
EXAMPLE = """
>>> import numpy as np
>>> import fusedstep as fs
>>> var, accum = np.ones(2, np.float32), np.array([0.75, 1.5], np.float32)
>>> grad = np.array([0.5, -0.5], np.float32)
"""
SPARSE_EXAMPLE = """
>>> import numpy as np
>>> import fusedstep as fs
>>> var, accum = np.ones((3, 2), np.float32), np.ones((3, 2), np.float32)
>>> grad, indices = np.full((2, 2), 0.5, np.float32), np.array([2, 2])
"""
DA_EXAMPLE = """
>>> import numpy as np
>>> import fusedstep as fs
>>> var, total, squares = np.ones((3, 2), np.float32), np.zeros((3, 2), np.float32), np.ones((3, 2), np.float32)
"""

ENTRIES = [
    Entry(
        "ApplyAdagrad",
        rules.adagrad,
        "Take a step of Adagrad on every element.",
        "var accum lr grad",
        constructor="update_slots=True",
        example=EXAMPLE
        + """\
>>> _ = fs.ops.ApplyAdagrad()(var, accum, 0.1, grad)
>>> print(var)
[0.95      1.0377965]
""",
        differs={
            "MindSpore": "version 2.10 ignores update_slots=False.",
            "TensorFlow": f"{ZERO_BY_ZERO}.",
            "torch": TORCH,
        },
    ),
    Entry(
        "ApplyAdagradV2",
        rules.adagrad,
        "Take a step of Adagrad on every element, with an epsilon that is added to the root.",
        "var accum lr grad",
        constructor="epsilon, update_slots=True",
        example=EXAMPLE
        + """\
>>> _ = fs.ops.ApplyAdagradV2(0.25)(var, accum, 0.1, grad)
>>> print(var)
[0.96     1.031789]
""",
        differs={
            "MindSpore": "version 2.10 leaves float16 and float64 states as they are, and returns the new values only.",
            "torch": TORCH_V2,
        },
    ),
    Entry(
        "SparseApplyAdagrad",
        rules.adagrad,
        "Sum the gradients of each row, then take a step of Adagrad on the named rows.",
        "var accum grad indices",
        rows="touched",
        constructor="lr, update_slots=True, use_locking=False",
        example=SPARSE_EXAMPLE
        + """\
>>> _ = fs.ops.SparseApplyAdagrad(0.1)(var, accum, grad, indices)
>>> print(var[:, 0])
[1.         1.         0.92928934]
""",
        differs={
            "MindSpore": "version 2.10 leaves float16 states as they are, and returns the new values only; it drops "
            "indices out of range silently.",
            "TensorFlow": f"{IN_TURN}; {ZERO_BY_ZERO}.",
            "torch": TORCH,
        },
    ),
    Entry(
        "SparseApplyAdagradV2",
        rules.adagrad,
        "Sum the gradients of each row, then take a step of Adagrad, with an epsilon added to the root, on the named "
        "rows.",
        "var accum grad indices",
        rows="touched",
        constructor="lr, epsilon, use_locking=False, update_slots=True",
        example=SPARSE_EXAMPLE
        + """\
>>> _ = fs.ops.SparseApplyAdagradV2(0.1, 0.25)(var, accum, grad, indices)
>>> print(var[:, 0])
[1.         1.         0.93991154]
""",
        differs={
            "MindSpore": "version 2.10 computes sqrt(accum + epsilon), against its documentation; with duplicate "
            "indices its threads race, and an index out of range ends the process.",
            "TensorFlow": f"{IN_TURN}.",
            "torch": TORCH_V2,
        },
    ),
    Entry(
        "ApplyAdagradDA",
        rules.adagrad_da,
        "Take a step of Adagrad by dual averaging on every element.",
        "var gradient_accumulator gradient_squared_accumulator grad lr l1 l2 global_step",
        constructor="use_locking=False",
        step_sizes=PENALTIES,
        example=DA_EXAMPLE
        + """\
>>> grad = np.array([[0.5, -0.5], [0.25, 0.125], [0.0, 2.0]], np.float32)
>>> _ = fs.ops.ApplyAdagradDA()(var, total, squares, grad, 0.5, 0.125, 0.0, 1)
>>> print(var)
[[-0.16770509  0.16770509]
 [-0.06063391 -0.        ]
 [-0.         -0.41926274]]
""",
        differs={
            "MindSpore": "with an l1 above 0, version 2.10 computes abs(s - l1 t) instead of max(abs(s) - l1 t, 0), "
            "against its documentation.",
        },
    ),
    Entry(
        "SparseApplyAdagradDA",
        rules.adagrad_da,
        "Sum the gradients of each row, then take a step of Adagrad by dual averaging on the named rows.",
        "var grad_accum:gradient_accumulator grad_square_accum:gradient_squared_accumulator grad indices lr l1 l2 "
        "global_step",
        rows="touched",
        constructor="use_locking=False",
        step_sizes=PENALTIES,
        example=DA_EXAMPLE
        + """\
>>> grad, indices = np.full((2, 2), 0.25, np.float32), np.array([2, 2])
>>> _ = fs.ops.SparseApplyAdagradDA()(var, total, squares, grad, indices, 0.5, 0.125, 0.0, 1)
>>> print(var[:, 0])
[ 1.          1.         -0.16770509]
""",
        differs={"MindSpore": f"{IN_TURN}.", "TensorFlow": f"{IN_TURN}."},
    ),
]
