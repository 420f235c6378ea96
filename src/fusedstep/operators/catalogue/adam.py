"""Adam and its relatives."""

from ... import rules
from ..entry import Entry

NESTEROV = "use_locking=False, use_nesterov=False"
SCALARS = "beta1_power beta2_power lr beta1 beta2 epsilon"
UNINITIALISED = "version 2.10 returns uninitialised memory; here the states are returned."
CORRECTED = "torch.optim.{name} adds epsilon to the corrected root, m_hat / (sqrt(v_hat) + epsilon); {where}."
NAN_IGNORED = "the maximum ignores a NaN, which is kept here."
EXAMPLE = """
>>> import numpy as np
>>> import fusedstep as fs
>>> var, m, v = (np.ones(2, np.float32) for _ in range(3))
>>> grad = np.array([0.5, -0.5], np.float32)
"""
SPARSE_EXAMPLE = """
>>> import numpy as np
>>> import fusedstep as fs
>>> var, m, v = (np.ones((3, 1, 2), np.float32) for _ in range(3))
>>> gradient, indices = np.full((2, 1, 2), 0.1, np.float32), np.array([0, 1])
>>> _ = fs.ops.{name}()(var, m, v, 0.9, 0.999, 0.001, 0.9, 0.999, 1e-8, gradient, indices)
>>> print(var[:, 0, 0])
{shown}
"""

ENTRIES = [
    Entry(
        "Adam",
        rules.adam,
        "Take a step of Adam on every element.",
        f"var m v {SCALARS} gradient",
        constructor=NESTEROV,
        example=EXAMPLE
        + """\
>>> _ = fs.ops.Adam()(var, m, v, 0.9, 0.999, 0.01, 0.9, 0.999, 1e-8, grad)
>>> print(var)
[0.99699473 0.99731106]
""",
        differs={
            "MindSpore": UNINITIALISED,
            "torch": CORRECTED.format(name="Adam", where="that is fusedstep.rules.torch_adam"),
        },
    ),
    Entry(
        "AdamNoUpdateParam",
        rules.adam_delta,
        "Compute what a step of Adam would add to the weights, without changing them.",
        f"m v {SCALARS} gradient",
        constructor=NESTEROV,
        creates=("delta",),
        example=EXAMPLE
        + """\
>>> print(fs.ops.AdamNoUpdateParam()(m, v, 0.9, 0.999, 0.01, 0.9, 0.999, 1e-8, grad))
[-0.00300529 -0.00268894]
""",
    ),
    Entry(
        "ApplyAdamWithAmsgrad",
        rules.amsgrad,
        "Take a step of AMSGrad on every element; betas and epsilon are fixed at construction.",
        "var m v vhat beta1_power beta2_power lr grad",
        constructor="beta1=0.9, beta2=0.999, epsilon=1e-08, use_locking=False",
        example=EXAMPLE
        + """\
>>> vhat = np.full(2, 4, np.float32)
>>> _ = fs.ops.ApplyAdamWithAmsgrad(beta1=0.8)(var, m, v, vhat, 0.8, 0.999, 0.01, grad)
>>> print(var)
[0.9992885  0.99944663]
""",
        differs={
            "MindSpore": NAN_IGNORED,
            "TensorFlow": NAN_IGNORED,
            "torch": CORRECTED.format(name="Adam(amsgrad=True)", where="that is fusedstep.rules.torch_adam"),
        },
    ),
    Entry(
        "ApplyAdamWithAmsgradV2",
        rules.amsgrad,
        "Take a step of AMSGrad on every element; betas and epsilon are arguments of every call.",
        f"var m v vhat {SCALARS} grad",
        constructor="use_locking=False",
        example=EXAMPLE
        + """\
>>> vhat = np.full(2, 4, np.float32)
>>> _ = fs.ops.ApplyAdamWithAmsgradV2()(var, m, v, vhat, 0.8, 0.999, 0.01, 0.8, 0.999, 1e-8, grad)
>>> print(var)
[0.9992885  0.99944663]
""",
        differs={
            "MindSpore": NAN_IGNORED,
            "TensorFlow": NAN_IGNORED,
            "torch": CORRECTED.format(name="Adam(amsgrad=True)", where="that is fusedstep.rules.torch_adam"),
        },
    ),
    Entry(
        "ApplyAdaMax",
        rules.adamax,
        "Take a step of AdaMax on every element.",
        "var m v beta1_power lr beta1 beta2 epsilon grad",
        constructor="",
        example=EXAMPLE
        + """\
>>> _ = fs.ops.ApplyAdaMax()(var, m, v, 0.9, 0.01, 0.9, 0.99, 1e-8, grad)
>>> print(var)
[0.9040404 0.9141414]
""",
        differs={
            "MindSpore": NAN_IGNORED,
            "TensorFlow": NAN_IGNORED,
            "torch": "torch.optim.Adamax adds epsilon to the magnitude of the gradient, not to v; that is "
            "fusedstep.rules.torch_adamax.",
        },
    ),
    Entry(
        "FusedSparseAdam",
        rules.adam,
        "Sum the gradients of each row, then take a step of Adam on every row, with a zero gradient where not named.",
        f"var m v {SCALARS} gradient indices",
        rows="every",
        constructor=NESTEROV,
        example=SPARSE_EXAMPLE.format(name="FusedSparseAdam", shown="[0.9997121  0.9997121  0.99971527]"),
        differs={
            "MindSpore": "with use_nesterov, version 2.10 reads uninitialised memory for rows that are not named; it "
            "drops indices out of range silently; its second and third output are uninitialised memory.",
        },
    ),
    Entry(
        "FusedSparseLazyAdam",
        rules.adam,
        "Sum the gradients of each row, then take a step of Adam on the named rows only.",
        f"var m v {SCALARS} gradient indices",
        rows="touched",
        constructor=NESTEROV,
        example=SPARSE_EXAMPLE.format(name="FusedSparseLazyAdam", shown="[0.9997121 0.9997121 1.       ]"),
        differs={"MindSpore": "version 2.10 drops indices out of range silently."},
    ),
]
