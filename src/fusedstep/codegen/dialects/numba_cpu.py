"""What the words of rules and loops mean to Numba on a CPU.

The weaver copies from this file the definitions that a kernel uses, unchanged, so that a kernel's text, and with it
the name under which it is cached, holds everything that its result depends on.
"""
# mypy: ignore-errors

import math

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils
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
    # A root is correctly rounded, and many times faster.
    return math.sqrt(x) if y == 0.5 else np.power(x, y)


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
    # In 32 bits throughout: to Numba the sum of two has 64, and half as many go side by side.
    odd = np.uint32(np.uint32(bits >> np.uint32(16)) & np.uint32(1))
    rounded = np.uint32(np.uint32(bits + np.uint32(0x7FFF)) + odd)
    return np.uint16(np.uint32(rounded >> np.uint32(16))) if x == x else np.uint16(0x7FC0)


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


@njit(inline="always", error_model="numpy")
def random(key, element, state):
    # SplitMix64's output function of a counter: 32 bits that depend on nothing but the three.
    x = np.uint64(key) + (np.uint64(element) * np.uint64(8) + np.uint64(state)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.uint32((x ^ (x >> np.uint64(31))) >> np.uint64(32))


@njit(inline="always", error_model="numpy")
def to_bfloat16_by_chance(x, chance):
    bits = np.float32(x).view(np.uint32)
    rounded = (bits + (chance >> np.uint32(16))) >> np.uint32(16)
    return np.uint16(rounded) if x == x else np.uint16(0x7FC0)


@njit(inline="always", error_model="numpy")
def to_float16_by_chance(x, chance):
    bits = np.float32(x).view(np.uint32)
    sign = (bits >> np.uint32(16)) & np.uint32(0x8000)
    magnitude = np.uint32(bits & np.uint32(0x7FFFFFFF))
    thirteen = chance >> np.uint32(19)
    # Subnormal halves are whole multiples of 2**-24; with 13 bits behind the point float32 holds their sum exactly.
    small = magnitude.view(np.float32) if magnitude < np.uint32(0x38800000) else np.float32(0)
    subnormal = np.uint32(small * np.float32(2.0**24) + np.float32(thirteen) * np.float32(2.0**-13))
    normal = (magnitude - np.uint32(0x38000000) + thirteen) >> np.uint32(13)
    finite = subnormal if magnitude < np.uint32(0x38800000) else normal
    bounded = min(finite, np.uint32(0x7C00)) if magnitude < np.uint32(0x7F800000) else np.uint32(0x7C00)
    return np.uint16(sign | bounded) if x == x else np.uint16(0x7E00)


@intrinsic
def stack_of_lanes(typing_context, number):
    def generate(context, builder, signature, arguments):
        return cgutils.alloca_once(builder, ir.DoubleType(), size=32)

    return types.CPointer(types.float64)(number), generate


@njit(inline="always", error_model="numpy")
def lanes(number):
    # On the stack: a row has too few elements to pay for an array of its own.
    zeros = carray(stack_of_lanes(number), 32)
    for lane in range(zeros.size):
        zeros[lane] = 0.0
    return zeros


@njit(inline="always", error_model="numpy")
def sum_of_lanes(parts):
    # One by one: compilers take loops of known length apart.
    for lane in range(16):
        parts[lane] += parts[lane + 16]
    for lane in range(8):
        parts[lane] += parts[lane + 8]
    for lane in range(4):
        parts[lane] += parts[lane + 4]
    return (parts[0] + parts[2]) + (parts[1] + parts[3])


@intrinsic(prefer_literal=True)
def prefetch(typing_context, array, index, writes):
    def generate(context, builder, signature, arguments):
        pointer = builder.gep(make_array(signature.args[0])(context, builder, arguments[0]).data, [arguments[1]])
        byte, word = ir.PointerType(ir.IntType(8)), ir.IntType(32)
        hint = builder.module.declare_intrinsic(
            "llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        )
        # What is read comes in a long stream, which the nearest cache does not hold.
        level = 3 if writes.literal_value else 2
        # Arguments: for writing or reading, nearest cache level (3 is the first), data.
        builder.call(hint, [builder.bitcast(pointer, byte), word(writes.literal_value), word(level), word(1)])
        return context.get_dummy_value()

    return types.void(array, index, writes), generate
