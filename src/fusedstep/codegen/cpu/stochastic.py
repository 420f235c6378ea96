"""Stochastic rounding as LLVM instructions: up or down at random, exact in the mean."""

from llvmlite import ir

from .conversions import SHORT, SINGLE, WORD
from .words import Builder, Value, is_nan

LONG = ir.IntType(64)
GOLDEN = 0x9E3779B97F4A7C15


def random(builder: Builder, key: Value, element: Value, state: int) -> Value:
    """32 random bits of a key, an element and a state: SplitMix64's output function of a counter."""
    counter = builder.add(builder.mul(element, LONG(8)), LONG(state))
    x = builder.add(key, builder.mul(counter, LONG(GOLDEN)))
    x = builder.mul(builder.xor(x, builder.lshr(x, LONG(30))), LONG(0xBF58476D1CE4E5B9))
    x = builder.mul(builder.xor(x, builder.lshr(x, LONG(27))), LONG(0x94D049BB133111EB))
    return builder.trunc(builder.lshr(builder.xor(x, builder.lshr(x, LONG(31))), LONG(32)), WORD)


def to_bfloat16(builder: Builder, x: Value, random_bits: Value) -> Value:
    """A bfloat16, rounded by random bits."""
    bits = builder.add(builder.bitcast(x, WORD), builder.lshr(random_bits, WORD(16)))
    rounded = builder.trunc(builder.lshr(bits, WORD(16)), SHORT)
    return builder.select(is_nan(builder, x), SHORT(0x7FC0), rounded)


def to_float16(builder: Builder, x: Value, random_bits: Value) -> Value:
    """A float16, rounded by random bits."""
    bits = builder.bitcast(x, WORD)
    sign = builder.and_(builder.lshr(bits, WORD(16)), WORD(0x8000))
    magnitude = builder.and_(bits, WORD(0x7FFFFFFF))
    thirteen = builder.lshr(random_bits, WORD(19))
    is_small = builder.icmp_unsigned("<", magnitude, WORD(0x38800000))
    # Subnormal halves are whole multiples of 2**-24; with 13 bits behind the point float32 holds their sum exactly.
    small = builder.select(is_small, builder.bitcast(magnitude, SINGLE), SINGLE(0.0))
    part = builder.fmul(builder.uitofp(thirteen, SINGLE), SINGLE(2.0**-13))
    subnormal = builder.fptoui(builder.fadd(builder.fmul(small, SINGLE(2.0**24)), part), WORD)
    normal = builder.lshr(builder.add(builder.sub(magnitude, WORD(0x38000000)), thirteen), WORD(13))
    finite = builder.select(is_small, subnormal, normal)
    fits = builder.icmp_unsigned("<", finite, WORD(0x7C00))
    is_finite = builder.icmp_unsigned("<", magnitude, WORD(0x7F800000))
    bounded = builder.select(builder.and_(fits, is_finite), finite, WORD(0x7C00))
    return builder.select(is_nan(builder, x), SHORT(0x7E00), builder.trunc(builder.or_(sign, bounded), SHORT))


STOCHASTIC = {"float16": to_float16, "bfloat16": to_bfloat16}
