"""The vocabulary of rules; see ``fusedstep.rules.words``."""

from .rules.words import (
    abs,
    divide_or_zero,
    exp,
    log,
    maximum,
    minimum,
    power,
    sign,
    sqrt,
    where,
)

__all__ = ["abs", "divide_or_zero", "exp", "log", "maximum", "minimum", "power", "sign", "sqrt", "where"]
