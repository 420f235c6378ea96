"""Follow the regularized leader."""

from ... import rules
from ..entry import Entry

PENALTIES = ("lr", "l1", "l2")
NAN = "a NaN in linear makes the weight 0; here the weight is NaN"
FIXED = "lr, l1, l2, lr_power, use_locking=False"
SPARSE_EXAMPLE = """
>>> import numpy as np
>>> import fusedstep as fs
>>> var, accum, linear = np.ones((3, 2), np.float32), np.ones((3, 2), np.float32), np.zeros((3, 2), np.float32)
>>> grad, indices = np.full((2, 2), 0.25, np.float32), np.array([2, 2])
>>> _ = fs.ops.{name}({options})(var, accum, linear, grad, indices)
>>> print(var[:, 0])
{shown}
"""

ENTRIES = [
    Entry(
        "ApplyFtrl",
        rules.ftrl,
        "Take a step of FTRL-Proximal on every element.",
        "var accum linear grad lr l1 l2 lr_power",
        constructor="use_locking=False",
        step_sizes=PENALTIES,
        ranges={"lr_power": "not positive"},
        example="""
>>> import numpy as np
>>> import fusedstep as fs
>>> var, accum, linear = np.ones(3, np.float32), np.ones(3, np.float32), np.zeros(3, np.float32)
>>> grad = np.array([0.5, -0.5, 0.0], np.float32)
>>> _ = fs.ops.ApplyFtrl()(var, accum, linear, grad, 0.1, 0.25, 0.5, -0.5)
>>> print(var)
[0.03533071 0.11743023 0.        ]
""",
        differs={
            "MindSpore": "version 2.10 computes l1 - z instead of sign(z) l1 - z, which is wrong where z is less than "
            f"-l1; {NAN}.",
            "TensorFlow": f"{NAN}.",
        },
    ),
    Entry(
        "FusedSparseFtrl",
        rules.ftrl,
        "Sum the gradients of each row, then take a step of FTRL-Proximal on the named rows.",
        "var accum linear grad indices",
        rows="touched",
        constructor=FIXED,
        step_sizes=PENALTIES,
        ranges={"lr_power": "not positive"},
        example=SPARSE_EXAMPLE.format(
            name="FusedSparseFtrl", options="0.1, 0.25, 0.5, -0.5", shown="[1.         1.         0.03533071]"
        ),
        differs={
            "MindSpore": "version 2.10 drops indices out of range silently; its second and third output are "
            f"uninitialised memory; {NAN}.",
            "TensorFlow": f"it applies the gradients of a row one by one; {NAN}.",
        },
    ),
    Entry(
        "SparseApplyFtrl",
        rules.ftrl,
        "Sum the gradients of each row, then take a step of FTRL-Proximal on the named rows.",
        "var accum linear grad indices",
        rows="touched",
        constructor=FIXED,
        step_sizes=PENALTIES,
        ranges={"lr_power": "not positive"},
        example=SPARSE_EXAMPLE.format(
            name="SparseApplyFtrl", options="0.1, 0.25, 0.5, -0.5", shown="[1.         1.         0.03533071]"
        ),
        differs={
            "MindSpore": "version 2.10 applies the gradients of a row one by one, and reads and writes "
            f"outside the arrays if an index is out of range; {NAN}.",
            "TensorFlow": f"it applies the gradients of a row one by one; {NAN}.",
        },
    ),
    Entry(
        "SparseApplyFtrlV2",
        rules.ftrl,
        "Sum the gradients of each row, then take a step of FTRL-Proximal, with l2_shrinkage, on the named rows.",
        "var accum linear grad indices",
        rows="touched",
        constructor="lr, l1, l2, l2_shrinkage, lr_power, use_locking=False",
        step_sizes=(*PENALTIES, "l2_shrinkage"),
        ranges={"lr_power": "not positive"},
        example=SPARSE_EXAMPLE.format(
            name="SparseApplyFtrlV2", options="0.1, 0.25, 0.5, 0.125, -0.5", shown="[1.         1.         0.01480583]"
        ),
        differs={
            "MindSpore": "version 2.10 has no kernel for CPUs, and documents no formula.",
            "TensorFlow": f"it applies the gradients of a row one by one; {NAN}.",
        },
    ),
]
