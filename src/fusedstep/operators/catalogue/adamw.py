"""Adam with weight decay that is not part of the gradient."""

from ... import rules
from ..entry import Entry

EXAMPLE = """
>>> import numpy as np
>>> import fusedstep as fs
>>> var, m, v = (np.ones(2, np.float32) for _ in range(3))
>>> grad = np.array([0.5, -0.5], np.float32)
"""
NEGATIVE = (
    "version 2.10 applies a negative decay, against its documentation; here it is refused. It returns uninitialised "
    "memory; here the states are returned."
)
CORRECTED = "torch.optim.AdamW corrects the bias, and adds epsilon to the corrected root; that is AdamW here."

ENTRIES = [
    Entry(
        "AdamWeightDecay",
        rules.adam_weight_decay,
        "Take a step of Adam with weight decay and without bias correction on every element.",
        "var m v lr beta1 beta2 epsilon decay gradient",
        constructor="use_locking=False",
        step_sizes=("lr", "decay"),
        example=EXAMPLE
        + """\
>>> _ = fs.ops.AdamWeightDecay()(var, m, v, 0.01, 0.9, 0.999, 1e-8, 0.1, grad)
>>> print(var)
[0.9894964 0.9904968]
""",
        differs={"MindSpore": NEGATIVE, "torch": CORRECTED},
    ),
    Entry(
        "FusedCastAdamWeightDecay",
        rules.adam_weight_decay_by_norm,
        "Divide the gradient by a norm, if that is positive, then take a step of AdamWeightDecay on every element.",
        "var m v lr beta1 beta2 epsilon decay gradient global_norm",
        constructor="use_locking=False",
        step_sizes=("lr", "decay"),
        example=EXAMPLE
        + """\
>>> half = grad.astype(np.float16)
>>> var = var.astype(np.float16)
>>> _ = fs.ops.FusedCastAdamWeightDecay()(var, m, v, 0.5, 0.9, 0.999, 1e-8, 0.1, half, 2.0)
>>> print(var)
[0.4873 0.512 ]
""",
        differs={"MindSpore": NEGATIVE, "torch": CORRECTED},
    ),
    Entry(
        "AdamW",
        rules.adamw,
        "Shrink the weights, then take a step of Adam on every element; the step gives the powers of the betas.",
        "var m v max_v:vhat gradient step:- lr beta1 beta2 decay:weight_decay eps:epsilon",
        constructor="*, amsgrad=False",
        step_sizes=("lr", "weight_decay"),
        ranges={"step": "1 or more"},
        derived={
            "beta1_power": lambda beta1, step: beta1**step,
            "beta2_power": lambda beta2, step: beta2**step,
        },
        notes={
            "max_v": "the largest v so far, with the shape of ``var``; unused without amsgrad, and then may be None.",
            "step": "the step t, counted from 1.",
        },
        example=EXAMPLE
        + """\
>>> _ = fs.ops.AdamW()(var, m, v, None, grad, 1, 0.01, 0.9, 0.999, 0.1, 1e-8)
>>> print(var)
[0.99599475 0.99631107]
""",
        differs={"MindSpore": "version 2.10 has no kernel for CPUs."},
    ),
    Entry(
        "ApplyAdamW",
        rules.adamw,
        "Shrink the weights, then take a step of Adam on every element.",
        "var m v beta1_power beta2_power lr weight_decay beta1 beta2 epsilon grad",
        constructor="",
        step_sizes=("lr", "weight_decay"),
        example=EXAMPLE
        + """\
>>> _ = fs.ops.ApplyAdamW()(var, m, v, 0.9, 0.999, 0.01, 0.1, 0.9, 0.999, 1e-8, grad)
>>> print(var)
[0.99599475 0.99631107]
""",
        differs={"MindSpore": "version 2.10 has no kernel for CPUs, and documents no formula."},
    ),
]
