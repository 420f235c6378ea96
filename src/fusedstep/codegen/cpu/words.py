"""What each word of a rule is as LLVM instructions.

No instruction has a fast-math flag, and none is fused with another: what is exact in the rule is exact here.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir

Builder = Any
Value = Any

FLOATS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}


class TanhSteps(NamedTuple):
    """What ``tanh`` computes with in a compute type.

    Attributes:
        bits: the integers of its size.
        mantissa: the bits of its mantissa, without the first.
        last: beyond this number the result is 1.
        ln2_high, ln2_low: the sum is the logarithm of 2; products of the first with small whole numbers are exact.
        terms: the last term of the series, its exponent.
    """

    bits: ir.IntType
    mantissa: int
    last: float
    ln2_high: float
    ln2_low: float
    terms: int


TANH = {
    FLOATS["float32"]: TanhSteps(ir.IntType(32), 23, 10.0, 0.693359375, -0.00021219444005469057, 8),
    FLOATS["float64"]: TanhSteps(ir.IntType(64), 52, 20.0, 0.6931471803691238, 1.9082149292705877e-10, 14),
}
LOG2_E = 1.4426950408889634
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


def clip(builder: Builder, x: Value, low: Value, high: Value) -> Value:
    return minimum(builder, maximum(builder, x, low), high)


def floor(builder: Builder, x: Value) -> Value:
    return intrinsic(builder, "floor", x)


def ceil(builder: Builder, x: Value) -> Value:
    return intrinsic(builder, "ceil", x)


def is_infinite(builder: Builder, x: Value) -> Value:
    return compare(builder, "==", absolute(builder, x), ir.Constant(x.type, math.inf))


def is_finite(builder: Builder, x: Value) -> Value:
    return compare(builder, "<", absolute(builder, x), ir.Constant(x.type, math.inf))


def where(builder: Builder, condition: Value, x: Value, y: Value) -> Value:
    if condition.type in FLOATS.values():
        # A number is true unless it is 0, as to NumPy; so is a NaN.
        condition = compare(builder, "!=", condition, ir.Constant(condition.type, 0.0))
    return builder.select(condition, x, y)


def exp(builder: Builder, x: Value) -> Value:
    return intrinsic(builder, "exp", x)


def log(builder: Builder, x: Value) -> Value:
    return intrinsic(builder, "log", x)


def tanh(builder: Builder, x: Value) -> Value:
    """By e**(2 |x|) - 1, in operations that are exact or correctly rounded: the same bits on every processor.

    ``word_tanh`` of ``codegen/gpu`` takes the same steps.
    """
    steps, kind = TANH[x.type], x.type

    def number(value: float) -> Value:
        return ir.Constant(kind, value)

    magnitude, one = absolute(builder, x), number(1.0)
    inside = builder.select(compare(builder, "<", magnitude, number(steps.last)), magnitude, number(steps.last))
    twice = builder.fadd(inside, inside)
    # e**twice = 2**k e**r. A number so large has no places behind the point: k is rounded, and lies in its last bits.
    aligner = number(1.5 * 2.0**steps.mantissa)
    aligned = builder.fadd(builder.fmul(twice, number(LOG2_E)), aligner)
    k = builder.fsub(aligned, aligner)
    r = builder.fsub(twice, builder.fmul(k, number(steps.ln2_high)))
    r = builder.fsub(r, builder.fmul(k, number(steps.ln2_low)))
    series = number(1 / math.factorial(steps.terms))
    for n in range(steps.terms - 1, 1, -1):
        series = builder.fadd(builder.fmul(series, r), number(1 / math.factorial(n)))
    near = builder.fadd(r, builder.fmul(builder.fmul(r, r), series))
    shifted = builder.shl(builder.bitcast(aligned, steps.bits), steps.bits(steps.mantissa))
    scale = builder.bitcast(builder.add(shifted, builder.bitcast(one, steps.bits)), kind)
    grown = builder.fadd(builder.fmul(scale, near), builder.fsub(scale, one))
    result = builder.fdiv(grown, builder.fadd(grown, number(2.0)))
    return builder.select(is_nan(builder, x), x, intrinsic(builder, "copysign", result, x))


def remainder(builder: Builder, x: Value, y: Value) -> Value:
    """``x % y``, as NumPy computes it: the exact remainder of a division towards 0, moved to the sign of ``y``."""
    zero = ir.Constant(x.type, 0.0)
    exact = builder.frem(x, y)
    is_opposite = builder.xor(compare(builder, "<", exact, zero), compare(builder, "<", y, zero))
    moved = builder.select(is_opposite, builder.fadd(exact, y), exact)
    return builder.select(compare(builder, "==", exact, zero), intrinsic(builder, "copysign", zero, y), moved)


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
    "clip": clip,
    "floor": floor,
    "ceil": ceil,
    "isnan": is_nan,
    "isinf": is_infinite,
    "isfinite": is_finite,
    "remainder": remainder,
    "where": where,
    "exp": exp,
    "log": log,
    "tanh": tanh,
    "power": power,
    "divide_or_zero": divide_or_zero,
}
