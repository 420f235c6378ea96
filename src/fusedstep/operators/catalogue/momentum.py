"""Gradient descent, plain or with momentum."""

from ... import rules
from ..entry import Entry

EXAMPLE = """
>>> import numpy as np
>>> import fusedstep as fs
>>> var, accum = np.ones(2, np.float32), np.ones(2, np.float32)
>>> grad = np.array([0.5, -0.5], np.float32)
"""

ENTRIES = [
    Entry(
        "ApplyGradientDescent",
        rules.gradient_descent,
        "Take a step of gradient descent on every element.",
        "var alpha:lr delta:grad",
        constructor="",
        example="""
>>> import numpy as np
>>> import fusedstep as fs
>>> var, delta = np.ones(2, np.float32), np.array([0.5, -0.5], np.float32)
>>> _ = fs.ops.ApplyGradientDescent()(var, 0.25, delta)
>>> print(var)
[0.875 1.125]
""",
    ),
    Entry(
        "ApplyMomentum",
        rules.momentum,
        "Take a step of gradient descent with momentum on every element.",
        "variable:var accumulation:accum learning_rate:lr gradient momentum",
        constructor="use_nesterov=False, use_locking=False, gradient_scale=1.0",
        example=EXAMPLE
        + """\
>>> _ = fs.ops.ApplyMomentum()(var, accum, 0.1, grad, 0.9)
>>> print(var)
[0.86 0.96]
""",
        differs={"MindSpore": "version 2.10 ignores use_nesterov and gradient_scale."},
    ),
    Entry(
        "ApplyKerasMomentum",
        rules.keras_momentum,
        "Take a step of gradient descent with the momentum of Keras on every element.",
        "var accum lr grad momentum",
        constructor="use_locking=False, use_nesterov=False",
        example=EXAMPLE
        + """\
>>> _ = fs.ops.ApplyKerasMomentum()(var, accum, 0.1, grad, 0.9)
>>> print(var)
[1.8499999 1.95     ]
""",
        differs={
            "MindSpore": "version 2.10 has no kernel for CPUs.",
            "torch": "torch.optim.SGD multiplies by lr outside the accumulator; that is ApplyMomentum here.",
        },
    ),
    Entry(
        "SGD",
        rules.sgd,
        "Take a step of gradient descent, with momentum if that is positive, on every element.",
        "parameters:var gradient learning_rate:lr accum momentum stat",
        constructor="dampening=0.0, weight_decay=0.0, nesterov=False",
        step_sizes=("lr", "weight_decay"),
        example=EXAMPLE
        + """\
>>> stat = np.ones(2, np.float32)
>>> _ = fs.ops.SGD(weight_decay=0.1)(var, grad, 0.1, accum, 0.9, stat)
>>> print(var, stat)
[0.94 1.04] [0. 0.]
""",
        differs={"torch": "torch.optim.SGD has no stat: a missing accumulator marks the first step."},
    ),
    Entry(
        "FusedWeightScaleApplyMomentum",
        rules.weight_scale_momentum,
        "Take a step of gradient descent with momentum, weight decay and a scale for both on every element.",
        "weight_decay loss_scale variable:var accumulation:accum learning_rate:lr gradient momentum",
        constructor="",
        step_sizes=("lr", "weight_decay"),
        example=EXAMPLE
        + """\
>>> _ = fs.ops.FusedWeightScaleApplyMomentum()(0.1, 0.5, var, accum, 0.1, grad, 0.9)
>>> print(var)
[0.88 0.93]
""",
        differs={"MindSpore": "version 2.10 has no kernel for CPUs."},
    ),
    Entry(
        "SparseApplyMomentum",
        rules.momentum,
        "Sum the gradients of each row, then take a step of gradient descent with momentum on the named rows.",
        "var accum lr grad indices momentum",
        rows="touched",
        constructor="use_locking=False, use_nesterov=False",
        example="""
>>> import numpy as np
>>> import fusedstep as fs
>>> var, accum = np.ones((3, 2), np.float32), np.ones((3, 2), np.float32)
>>> grad, indices = np.full((2, 2), 0.25, np.float32), np.array([2, 2])
>>> _ = fs.ops.SparseApplyMomentum()(var, accum, 0.1, grad, indices, 0.9)
>>> print(var[:, 0])
[1.   1.   0.86]
""",
        differs={
            "MindSpore": "version 2.10 ignores use_nesterov, and applies the gradients of a row one by one.",
            "TensorFlow": "it applies the gradients of a row one by one.",
        },
    ),
]
