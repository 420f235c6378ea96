"""What the words of rules and loops mean to Numba on a CPU.

The weaver copies from this file the definitions that a kernel uses, unchanged, so that a kernel's text, and with it
the name under which it is cached, holds everything that its result depends on.
"""
# mypy: ignore-errors

import math

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array


@njit(inline="always", error_model="numpy")
def word_sqrt(x):
    return math.sqrt(x)


@njit(inline="always", error_model="numpy")
def word_abs(x):
    return abs(x)


@njit(inline="always", error_model="numpy")
def word_sign(x):
    one, zero = type(x)(1), type(x)(0)
    return one if x > zero else (-one if x < zero else x + zero)


@njit(inline="always", error_model="numpy")
def word_maximum(x, y):
    return x if (x >= y) | (x != x) else y


@njit(inline="always", error_model="numpy")
def word_minimum(x, y):
    return x if (x <= y) | (x != x) else y


@njit(inline="always", error_model="numpy")
def word_where(condition, x, y):
    return x if condition else y


@njit(inline="always", error_model="numpy")
def word_exp(x):
    return math.exp(x)


@njit(inline="always", error_model="numpy")
def word_log(x):
    return np.log(x)


@njit(inline="always", error_model="numpy")
def word_power(x, y):
    return np.power(x, y)


@njit(inline="always", error_model="numpy")
def word_divide_or_zero(x, y):
    zero = type(y)(0)
    return zero if y == zero else x / y


@njit(inline="always", error_model="numpy")
def from_float32(x):
    return x


@njit(inline="always", error_model="numpy")
def to_float32(x):
    return np.float32(x)


@njit(inline="always", error_model="numpy")
def from_float64(x):
    return x


@njit(inline="always", error_model="numpy")
def to_float64(x):
    return np.float64(x)


@njit(inline="always", error_model="numpy")
def from_bfloat16(bits):
    return np.uint32(np.uint32(bits) << np.uint32(16)).view(np.float32)


@njit(inline="always", error_model="numpy")
def to_bfloat16(x):
    bits = np.float32(x).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    return np.uint16(rounded) if x == x else np.uint16(0x7FC0)


@intrinsic
def from_float16_by_hardware(typing_context, bits):
    def generate(context, builder, signature, arguments):
        return builder.fpext(builder.bitcast(arguments[0], ir.HalfType()), ir.FloatType())

    return types.float32(types.uint16), generate


@intrinsic
def to_float16_by_hardware(typing_context, x):
    def generate(context, builder, signature, arguments):
        return builder.bitcast(builder.fptrunc(arguments[0], ir.HalfType()), ir.IntType(16))

    return types.uint16(types.float32), generate


@njit(inline="always", error_model="numpy")
def from_float16_by_integers(bits):
    sign = (np.uint32(bits) & np.uint32(0x8000)) << np.uint32(16)
    magnitude = np.uint32((np.uint32(bits) & np.uint32(0x7FFF)) << np.uint32(13))
    # The exponent's offset differs by 112: an exact product moves it, and makes subnormal halves normal on the way.
    moved = np.float32(magnitude.view(np.float32) * np.float32(2.0**112)).view(np.uint32)
    special = np.uint32(0x7F800000) if magnitude >= np.uint32(0x0F800000) else np.uint32(0)
    return np.uint32(sign | moved | special).view(np.float32)


@njit(inline="always", error_model="numpy")
def to_float16_by_integers(x):
    bits = np.float32(x).view(np.uint32)
    sign = (bits >> np.uint32(16)) & np.uint32(0x8000)
    magnitude = np.uint32(bits & np.uint32(0x7FFFFFFF))
    # Adding 0.5 makes the float32 adder round at 2**-24, the last place of a subnormal half.
    subnormal = np.float32(magnitude.view(np.float32) + np.float32(0.5)).view(np.uint32) - np.uint32(0x3F000000)
    rounding = np.uint32(0xFFF) + ((magnitude >> np.uint32(13)) & np.uint32(1))
    normal = (magnitude - np.uint32(0x38000000) + rounding) >> np.uint32(13)
    finite = subnormal if magnitude < np.uint32(0x38800000) else normal
    bounded = finite if magnitude < np.uint32(0x477FF000) else np.uint32(0x7C00)
    return np.uint16(sign | bounded) if x == x else np.uint16(0x7E00)


@intrinsic(prefer_literal=True)
def prefetch(typing_context, array, index, writes):
    def generate(context, builder, signature, arguments):
        pointer = builder.gep(make_array(signature.args[0])(context, builder, arguments[0]).data, [arguments[1]])
        byte, word = ir.PointerType(ir.IntType(8)), ir.IntType(32)
        hint = builder.module.declare_intrinsic(
            "llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        )
        # Arguments: for writing or reading, keep in every cache level, data.
        builder.call(hint, [builder.bitcast(pointer, byte), word(writes.literal_value), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, index, writes), generate
