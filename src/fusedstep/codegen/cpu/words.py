"""What each word of a rule is as LLVM instructions.

No instruction has a fast-math flag, and none is fused with another: what is exact in the rule is exact here.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

Builder = Any
Value = Any

FLOATS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}
COMPARISONS = ("<", "<=", ">", ">=", "==")


def intrinsic(builder: Builder, name: str, *values: Value) -> Value:
    """The result of an intrinsic function of LLVM."""
    kind = values[0].type
    function = builder.module.declare_intrinsic(f"llvm.{name}", [kind], ir.FunctionType(kind, [kind] * len(values)))
    return builder.call(function, values)


def compare(builder: Builder, sign: str, left: Value, right: Value) -> Value:
    """A comparison as Python means it: with a NaN only != is true."""
    return builder.fcmp_ordered(sign, left, right) if sign in COMPARISONS else builder.fcmp_unordered("!=", left, right)


def is_nan(builder: Builder, x: Value) -> Value:
    """Whether a number is a NaN."""
    return builder.fcmp_unordered("uno", x, x)


def sqrt(builder: Builder, x: Value) -> Value:
    return intrinsic(builder, "sqrt", x)


def absolute(builder: Builder, x: Value) -> Value:
    return intrinsic(builder, "fabs", x)


def sign(builder: Builder, x: Value) -> Value:
    zero, one, minus_one = (ir.Constant(x.type, number) for number in (0.0, 1.0, -1.0))
    # The sum of a NaN and 0 is a NaN, that of -0 and 0 is 0.
    neither = builder.select(compare(builder, "<", x, zero), minus_one, builder.fadd(x, zero))
    return builder.select(compare(builder, ">", x, zero), one, neither)


def maximum(builder: Builder, x: Value, y: Value) -> Value:
    first = builder.or_(compare(builder, ">=", x, y), is_nan(builder, x))
    return builder.select(first, x, y)


def minimum(builder: Builder, x: Value, y: Value) -> Value:
    first = builder.or_(compare(builder, "<=", x, y), is_nan(builder, x))
    return builder.select(first, x, y)


def where(builder: Builder, condition: Value, x: Value, y: Value) -> Value:
    if condition.type in FLOATS.values():
        # A number is true unless it is 0, as to NumPy; so is a NaN.
        condition = compare(builder, "!=", condition, ir.Constant(condition.type, 0.0))
    return builder.select(condition, x, y)


def exp(builder: Builder, x: Value) -> Value:
    return intrinsic(builder, "exp", x)


def log(builder: Builder, x: Value) -> Value:
    return intrinsic(builder, "log", x)


def power(builder: Builder, x: Value, y: Value) -> Value:
    # A root is correctly rounded, and many times faster.
    half = compare(builder, "==", y, ir.Constant(y.type, 0.5))
    return builder.select(half, sqrt(builder, x), intrinsic(builder, "pow", x, y))


def divide_or_zero(builder: Builder, x: Value, y: Value) -> Value:
    zero = ir.Constant(y.type, 0.0)
    return builder.select(compare(builder, "==", y, zero), zero, builder.fdiv(x, y))


WORDS: dict[str, Callable[..., Value]] = {
    "sqrt": sqrt,
    "abs": absolute,
    "sign": sign,
    "maximum": maximum,
    "minimum": minimum,
    "where": where,
    "exp": exp,
    "log": log,
    "power": power,
    "divide_or_zero": divide_or_zero,
}
