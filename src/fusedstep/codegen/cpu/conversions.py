"""Storage types as LLVM instructions: how an element is loaded into the compute type, and stored from it."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from ...storage import STORAGES
from .words import FLOATS, is_nan

Builder = Any
Value = Any
Conversion = Callable[[Builder, Value], Value]

SHORT, WORD = ir.IntType(16), ir.IntType(32)
HALF, SINGLE = ir.HalfType(), ir.FloatType()
# What lies in memory: of narrow types the bits.
STORED = {each.name: ir.IntType(each.bits) if each.is_narrow else FLOATS[each.name] for each in STORAGES.values()}


def load(builder: Builder, storage: str, address: Value, has_half: bool) -> Value:
    """An element in the compute type."""
    stored = builder.load(address, typ=STORED[storage], align=STORAGES[storage].item_bytes)
    return conversions_of(storage, has_half)[0](builder, stored) if STORAGES[storage].is_narrow else stored


def store(builder: Builder, storage: str, value: Value, address: Value, has_half: bool) -> None:
    """Stores an element, rounded to the nearest."""
    if STORAGES[storage].is_narrow:
        value = conversions_of(storage, has_half)[1](builder, value)
    store_bits(builder, storage, value, address)


def store_bits(builder: Builder, storage: str, bits: Value, address: Value) -> None:
    """Stores what lies in memory."""
    builder.store(bits, address, align=STORAGES[storage].item_bytes)


def conversions_of(storage: str, has_half: bool) -> tuple[Conversion, Conversion]:
    """The conversions of a narrow type: from its bits to the compute type, and to the nearest bits."""
    return BY_HARDWARE[storage] if has_half and storage in BY_HARDWARE else NARROW[storage]


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


NARROW: dict[str, tuple[Conversion, Conversion]] = {
    "float16": (from_float16, to_float16),
    "bfloat16": (from_bfloat16, to_bfloat16),
}
BY_HARDWARE: dict[str, tuple[Conversion, Conversion]] = {"float16": (half_to_single, single_to_half)}
