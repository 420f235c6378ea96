"""Steps by the signs of the gradient and of its decaying mean."""

from ... import rules
from ..entry import Entry

EXAMPLE = """
>>> import numpy as np
>>> import fusedstep as fs
>>> var, m = np.ones(2, np.float32), np.ones(2, np.float32)
>>> grad = np.array([0.5, -0.5], np.float32)
"""

ENTRIES = [
    Entry(
        "ApplyAddSign",
        rules.add_sign,
        "Take a step of AddSign on every element.",
        "var m lr alpha sign_decay beta grad",
        constructor="",
        example=EXAMPLE
        + """\
>>> _ = fs.ops.ApplyAddSign()(var, m, 0.1, 1.0, 0.5, 0.9, grad)
>>> print(var)
[0.925 1.025]
""",
    ),
    Entry(
        "ApplyPowerSign",
        rules.power_sign,
        "Take a step of PowerSign on every element.",
        "var m lr logbase sign_decay beta grad",
        constructor="",
        example=EXAMPLE
        + """\
>>> _ = fs.ops.ApplyPowerSign()(var, m, 0.1, 1.0, 0.5, 0.9, grad)
>>> print(var.round(5))
[0.91756 1.03033]
""",
    ),
]
