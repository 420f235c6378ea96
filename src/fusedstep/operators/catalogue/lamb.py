"""LAMB, whole and in halves."""

from ... import rules
from ..entry import Entry

ENTRIES = [
    Entry(
        "Lamb",
        rules.lamb,
        "Take a step of LAMB on the whole tensor.",
        "var m v lr beta1 beta2 epsilon decay global_step:- gradient",
        constructor="",
        step_sizes=("lr", "decay"),
        ranges={"global_step": "1 or more"},
        derived={
            "beta1_power": lambda beta1, global_step: beta1**global_step,
            "beta2_power": lambda beta2, global_step: beta2**global_step,
        },
        notes={"global_step": "the step t, counted from 1."},
        example="""
>>> import numpy as np
>>> import fusedstep as fs
>>> var, m, v = np.array([3.0, 4.0], np.float32), np.zeros(2, np.float32), np.zeros(2, np.float32)
>>> _ = fs.ops.Lamb()(var, m, v, 0.1, 0.9, 0.999, 1e-6, 0.0, 1, np.array([0.1, -0.1], np.float32))
>>> print(var.round(4))
[2.6464 4.3536]
""",
        differs={"MindSpore": "no kernel for the CPU or the GPU of version 2.10 could be run."},
    ),
    Entry(
        "LambApplyOptimizerAssign",
        rules.lamb_direction,
        "Take the first half of a step of LAMB: update the moments, and compute the direction.",
        "gradient v m var beta1 sub1 beta2 sub2 epsilon steps decay_flag weight_decay",
        constructor="",
        step_sizes=("weight_decay",),
        ranges={"steps": "1 or more"},
        creates=("update",),
        returns=("update", "v", "m"),
        example="""
>>> import numpy as np
>>> import fusedstep as fs
>>> gradient, var = np.array([0.5, -0.5], np.float32), np.array([2.0, 1.0], np.float32)
>>> v, m = np.zeros(2, np.float32), np.zeros(2, np.float32)
>>> update, v, m = fs.ops.LambApplyOptimizerAssign()(
...     gradient, v, m, var, 0.9, 0.1, 0.999, 0.001, 1e-6, 1.0, 1.0, 0.1)
>>> print(update.round(4))
[ 1.2 -0.9]
""",
        differs={"MindSpore": "no kernel for the CPU of version 2.10."},
    ),
    Entry(
        "LambApplyWeightAssign",
        rules.lamb_step,
        "Take the second half of a step of LAMB: along the direction, scaled to the norm of the weights.",
        "w_norm g_norm lr update:grad var",
        constructor="",
        example="""
>>> import numpy as np
>>> import fusedstep as fs
>>> var, update = np.array([2.0, 1.0], np.float32), np.array([0.5, -0.5], np.float32)
>>> _ = fs.ops.LambApplyWeightAssign()(3.0, 1.5, 0.1, update, var)
>>> print(var)
[1.9 1.1]
""",
        differs={"MindSpore": "no kernel for the CPU of version 2.10."},
    ),
]
