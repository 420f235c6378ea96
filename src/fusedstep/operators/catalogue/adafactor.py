"""Adafactor."""

from ... import rules
from ..entry import Entry

ARGUMENTS = (
    "epsilon:epsilon1+epsilon2 clip_threshold beta1 beta2 weight_decay learning_rate:lr gradient param:var exp_avg "
    "exp_avg_sq_row exp_avg_sq_col exp_avg_sq"
)
CONSTRUCTOR = "enable_scale_parameter=False, enable_first_moment=False, enable_weight_decay=False"
CHOICES = {
    "enable_scale_parameter": {False: {"scale_parameter": False}, True: {"scale_parameter": True}},
    "enable_first_moment": {False: {"first_moment": False}, True: {"first_moment": True}},
    "enable_weight_decay": {False: {"decay_weights": False}, True: {"decay_weights": True}},
}
EXAMPLE = """
>>> import numpy as np
>>> import fusedstep as fs
>>> param, gradient = np.ones((2, 2), np.float32), np.array([[0.1, 0.2], [0.2, 0.4]], np.float32)
>>> row, column = np.zeros(2, np.float32), np.zeros(2, np.float32)
>>> _ = fs.ops.{name}()((1e-30, 1e-3), 1.0, 0.9, 0.8, 0.0, 0.1, gradient, param, None, row, column, None{more})
>>> print(param, row)
[[0.9 0.9]
 [0.9 0.9]] [0.005 0.02 ]
"""
DIFFERS = {
    "MindSpore": "the documentation has sums over rows and columns; the kernel takes means, as here. The output is "
    "uninitialised memory."
}
NOTES = {
    "epsilon": "two numbers: the first is added to the squared gradient, the second is the least RMS of the weights.",
    "enable_scale_parameter": "scale the steps by the RMS of the weights.",
    "enable_first_moment": "step along the decaying mean of the updates, ``exp_avg``.",
    "enable_weight_decay": "take ``weight_decay`` into account.",
}

ENTRIES = [
    Entry(
        name,
        rules.adafactor,
        summary,
        ARGUMENTS + more,
        constructor=CONSTRUCTOR,
        step_sizes=("lr", "weight_decay"),
        choices=CHOICES,
        by_rank={"factored": lambda dimensions: dimensions > 1},
        notes=NOTES,
        example=EXAMPLE.format(name=name, more=", 1.0" if more else ""),
        differs=DIFFERS,
    )
    for name, more, summary in (
        ("FusedAdaFactor", "", "Take a step of Adafactor on the whole tensor."),
        (
            "FusedAdaFactorWithGlobalNorm",
            " global_norm",
            "Divide the gradient by a norm, then take a step of Adafactor on the whole tensor.",
        ),
    )
]
