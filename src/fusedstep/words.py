"""The vocabulary of rules; see ``fusedstep.rules.words``."""

from .rules.words import PerColumn as PerColumn
from .rules.words import PerRow as PerRow
from .rules.words import (
    abs,
    column_mean,
    column_sum,
    divide_or_zero,
    exp,
    log,
    maximum,
    minimum,
    power,
    row_mean,
    row_sum,
    sign,
    sqrt,
    tensor_mean,
    tensor_sum,
    where,
)
from .rules.words import per_column as per_column
from .rules.words import per_row as per_row

__all__ = [
    "abs",
    "column_mean",
    "column_sum",
    "divide_or_zero",
    "exp",
    "log",
    "maximum",
    "minimum",
    "power",
    "row_mean",
    "row_sum",
    "sign",
    "sqrt",
    "tensor_mean",
    "tensor_sum",
    "where",
]
