"""LARS."""

from ... import rules
from ..entry import Entry

ENTRIES = [
    Entry(
        "LARSUpdate",
        rules.lars_gradient,
        "Scale a gradient to the norm of the weights, for the optimizer that uses it next.",
        "weight gradient norm_weight norm_gradient weight_decay learning_rate",
        constructor="epsilon=1e-05, hyperpara=0.001, use_clip=False",
        step_sizes=("weight_decay", "learning_rate"),
        creates=("scaled",),
        example="""
>>> import numpy as np
>>> import fusedstep as fs
>>> weight, gradient = np.array([3.0, 4.0], np.float32), np.array([0.6, 0.8], np.float32)
>>> scaled = fs.ops.LARSUpdate(epsilon=0.0, hyperpara=0.1)(weight, gradient, 25.0, 1.0, 0.0, 0.1)
>>> print(scaled)
[0.3 0.4]
""",
        differs={"MindSpore": "no kernel for the CPU of version 2.10."},
    ),
]
