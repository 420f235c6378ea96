"""Storage types as LLVM instructions: how an element is loaded into the compute type, and stored from it."""

from typing import Any

from llvmlite import ir

from ...storage import ITEM_BYTES
from .words import is_nan

Builder = Any
Value = Any

SHORT, WORD = ir.IntType(16), ir.IntType(32)
HALF, SINGLE, DOUBLE = ir.HalfType(), ir.FloatType(), ir.DoubleType()
# What lies in memory; 16-bit floats are held as bits.
STORED = {"float64": DOUBLE, "float32": SINGLE, "float16": SHORT, "bfloat16": SHORT}


def load(builder: Builder, storage: str, address: Value, has_half: bool) -> Value:
    """An element in the compute type."""
    stored = builder.load(address, typ=STORED[storage], align=ITEM_BYTES[storage])
    if storage == "bfloat16":
        return from_bfloat16(builder, stored)
    if storage == "float16":
        return half_to_single(builder, stored) if has_half else from_float16(builder, stored)
    return stored


def store(builder: Builder, storage: str, value: Value, address: Value, has_half: bool) -> None:
    """Stores an element, rounded to the nearest."""
    if storage == "bfloat16":
        value = to_bfloat16(builder, value)
    elif storage == "float16":
        value = single_to_half(builder, value) if has_half else to_float16(builder, value)
    builder.store(value, address, align=ITEM_BYTES[storage])


def half_to_single(builder: Builder, bits: Value) -> Value:
    """By the CPU's own conversion; LLVM fails for CPUs that have none."""
    return builder.fpext(builder.bitcast(bits, HALF), SINGLE)


def single_to_half(builder: Builder, x: Value) -> Value:
    return builder.bitcast(builder.fptrunc(x, HALF), SHORT)


def from_bfloat16(builder: Builder, bits: Value) -> Value:
    return builder.bitcast(builder.shl(builder.zext(bits, WORD), WORD(16)), SINGLE)


def to_bfloat16(builder: Builder, x: Value) -> Value:
    bits = builder.bitcast(x, WORD)
    odd = builder.and_(builder.lshr(bits, WORD(16)), WORD(1))
    rounded = builder.lshr(builder.add(builder.add(bits, WORD(0x7FFF)), odd), WORD(16))
    return builder.select(is_nan(builder, x), SHORT(0x7FC0), builder.trunc(rounded, SHORT))


def from_float16(builder: Builder, bits: Value) -> Value:
    """By integers."""
    wide = builder.zext(bits, WORD)
    sign = builder.shl(builder.and_(wide, WORD(0x8000)), WORD(16))
    magnitude = builder.shl(builder.and_(wide, WORD(0x7FFF)), WORD(13))
    # The exponent's offset differs by 112: an exact product moves it, and makes subnormal halves normal on the way.
    moved = builder.fmul(builder.bitcast(magnitude, SINGLE), SINGLE(2.0**112))
    infinite = builder.icmp_unsigned(">=", magnitude, WORD(0x0F800000))
    special = builder.select(infinite, WORD(0x7F800000), WORD(0))
    return builder.bitcast(builder.or_(builder.or_(sign, builder.bitcast(moved, WORD)), special), SINGLE)


def to_float16(builder: Builder, x: Value) -> Value:
    """By integers."""
    bits = builder.bitcast(x, WORD)
    sign = builder.and_(builder.lshr(bits, WORD(16)), WORD(0x8000))
    magnitude = builder.and_(bits, WORD(0x7FFFFFFF))
    # Adding 0.5 makes the float32 adder round at 2**-24, the last place of a subnormal half.
    sum_with_half = builder.fadd(builder.bitcast(magnitude, SINGLE), SINGLE(0.5))
    subnormal = builder.sub(builder.bitcast(sum_with_half, WORD), WORD(0x3F000000))
    rounding = builder.add(WORD(0xFFF), builder.and_(builder.lshr(magnitude, WORD(13)), WORD(1)))
    normal = builder.lshr(builder.add(builder.sub(magnitude, WORD(0x38000000)), rounding), WORD(13))
    small = builder.icmp_unsigned("<", magnitude, WORD(0x38800000))
    finite = builder.select(small, subnormal, normal)
    fits = builder.icmp_unsigned("<", magnitude, WORD(0x477FF000))
    rounded = builder.or_(sign, builder.select(fits, finite, WORD(0x7C00)))
    return builder.select(is_nan(builder, x), SHORT(0x7E00), builder.trunc(rounded, SHORT))
