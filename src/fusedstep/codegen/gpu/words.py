"""What the words of rules and loops mean to Triton.

The weaver copies from this file the definitions that a kernel uses, unchanged. They use what Triton's language has on
every device, and nothing of one vendor.
"""
# mypy: ignore-errors

import triton
import triton.language as tl


@triton.jit
def load(places, here):
    # Of float8 the language makes no whole number.
    return tl.load(places) if here is None else tl.load(places, mask=here, other=0.0)


@triton.jit
def pointer_at(place, kind, aligned: tl.constexpr):
    pointer = tl.load(place).to(tl.pointer_type(kind))
    # Else nothing is known of the address, and loads are narrow.
    return tl.multiple_of(pointer, 16) if aligned else pointer


@triton.jit
def pointers_at(places, kind, aligned: tl.constexpr):
    return pointers_of(tl.load(places), kind, aligned)


@triton.jit
def pointers_of(addresses, kind, aligned: tl.constexpr):
    pointers = addresses.to(tl.pointer_type(kind))
    # A hint for each dimension; one row needs none.
    return tl.multiple_of(pointers, [16, 16]) if aligned and len(addresses.shape) == 2 else pointers


@triton.jit
def quotient(x, y):
    # On a device `/` of float32 is approximate.
    return tl.div_rn(x, y) if x.dtype == tl.float32 else x / y


@triton.jit
def word_sqrt(x):
    return tl.sqrt_rn(x) if x.dtype == tl.float32 else tl.sqrt(x)


@triton.jit
def word_abs(x):
    return tl.abs(x)


@triton.jit
def word_sign(x):
    one, zero = tl.full((), 1, x.dtype), tl.full((), 0, x.dtype)
    return tl.where(x > zero, one, tl.where(x < zero, -one, x + zero))


@triton.jit
def word_maximum(x, y):
    # Devices' own lose a NaN, or order the zeros.
    return tl.where((x >= y) | (x != x), x, y)


@triton.jit
def word_minimum(x, y):
    return tl.where((x <= y) | (x != x), x, y)


@triton.jit
def word_clip(x, low, high):
    return word_minimum(word_maximum(x, low), high)


@triton.jit
def word_floor(x):
    # Devices' own may flush denormals.
    if x.dtype == tl.float32:
        has_fraction = tl.abs(x) < 8388608.0
        whole = tl.where(has_fraction, x, 0.0).to(tl.int32).to(tl.float32)
    else:
        has_fraction = tl.abs(x) < 4503599627370496.0
        whole = tl.where(has_fraction, x, 0.0).to(tl.int64).to(tl.float64)
    return tl.where(has_fraction, copysign(tl.where(whole > x, whole - 1.0, whole), x), x)


@triton.jit
def word_ceil(x):
    return -word_floor(-x)


@triton.jit
def word_isnan(x):
    return x != x


@triton.jit
def word_isinf(x):
    return tl.abs(x) == float("inf")


@triton.jit
def word_isfinite(x):
    return tl.abs(x) < float("inf")


@triton.jit
def largest(x, axis: tl.constexpr, keep_dims: tl.constexpr):
    # Devices' own loses a NaN.
    not_numbers = tl.max((x != x).to(tl.int32), axis=axis, keep_dims=keep_dims)
    numbers = tl.max(tl.where(x == x, x, float("-inf")), axis=axis, keep_dims=keep_dims)
    return tl.where(not_numbers > 0, float("nan"), numbers)


@triton.jit
def copysign(x, y):
    if x.dtype == tl.float32:
        sign = y.to(tl.uint32, bitcast=True) & 0x80000000
        result = ((x.to(tl.uint32, bitcast=True) & 0x7FFFFFFF) | sign).to(tl.float32, bitcast=True)
    else:
        sign = y.to(tl.uint64, bitcast=True) & tl.full((), 0x8000000000000000, tl.uint64)
        result = ((x.to(tl.uint64, bitcast=True) & 0x7FFFFFFFFFFFFFFF) | sign).to(tl.float64, bitcast=True)
    return result


@triton.jit
def word_remainder(x, y):
    zero = tl.full((), 0, x.dtype)
    exact = fmod(x, y)
    moved = tl.where((exact < zero) != (y < zero), exact + y, exact)
    return tl.where(exact == zero, copysign(exact, y), moved)


@triton.jit
def fmod(x, y):
    # The language's own is made of a rounded quotient.
    valid = (tl.abs(x) < float("inf")) & (y == y) & (y != 0.0)
    if x.dtype == tl.float32:
        x_bits, y_bits = x.to(tl.uint32, bitcast=True) & 0x7FFFFFFF, y.to(tl.uint32, bitcast=True) & 0x7FFFFFFF
        whole, exponent = long_division(x_bits, y_bits, valid, 23)
        half = (exponent - 150) >> 1
        first = ((half + 127) << 23).to(tl.float32, bitcast=True)
        second = ((exponent - half - 23) << 23).to(tl.float32, bitcast=True)
        result = whole.to(tl.int32).to(tl.float32)
    else:
        x_bits = x.to(tl.uint64, bitcast=True) & 0x7FFFFFFFFFFFFFFF
        y_bits = y.to(tl.uint64, bitcast=True) & 0x7FFFFFFFFFFFFFFF
        whole, exponent = long_division(x_bits, y_bits, valid, 52)
        half = (exponent - 1075) >> 1
        first = ((half + 1023).to(tl.int64) << 52).to(tl.float64, bitcast=True)
        second = ((exponent - half - 52).to(tl.int64) << 52).to(tl.float64, bitcast=True)
        result = whole.to(tl.int64).to(tl.float64)
    # In two factors, since the power of 2 may be no normal number.
    result = tl.where(x_bits < y_bits, tl.abs(x), result * first * second)
    return tl.where(valid, copysign(result, x), float("nan"))


@triton.jit
def long_division(x_bits, y_bits, valid, mantissa: tl.constexpr):
    # What a division of positive numbers leaves: a whole number of places, and the exponent of these, the divisor's.
    zero, one = tl.full((), 0, x_bits.dtype), tl.full((), 1, x_bits.dtype)
    first = one << mantissa
    x_exponent, y_exponent = (x_bits >> mantissa).to(tl.int32), (y_bits >> mantissa).to(tl.int32)
    x_whole = (x_bits & (first - one)) | tl.where(x_exponent > 0, first, zero)
    y_whole = (y_bits & (first - one)) | tl.where(y_exponent > 0, first, zero)
    x_exponent, y_exponent = tl.where(x_exponent > 0, x_exponent, 1), tl.where(y_exponent > 0, y_exponent, 1)
    # The digits of x behind its first, and the zeros that follow.
    digits = tl.where(valid & (x_bits >= y_bits), x_exponent - y_exponent + mantissa, -1)
    rest = tl.where(digits < 0, zero, zero)
    for digit in range(tl.max(digits + tl.full((1,), 0, tl.int32)) + 1):
        place = tl.where(digit < mantissa, mantissa - digit, 0).to(x_bits.dtype)
        next_digit = tl.where(digit <= mantissa, (x_whole >> place) & one, zero)
        longer = (rest << 1) | next_digit
        longer = tl.where(longer >= y_whole, longer - y_whole, longer)
        rest = tl.where(digit <= digits, longer, rest)
    return rest, y_exponent


@triton.jit
def word_tanh(x):
    # The steps of ``tanh`` of ``codegen/cpu``, which says why.
    magnitude = tl.abs(x)
    if x.dtype == tl.float32:
        inside = tl.where(magnitude < 10.0, magnitude, 10.0)
        twice = inside + inside
        aligned = twice * 1.4426950408889634 + 12582912.0
        k = aligned - 12582912.0
        r = (twice - k * 0.693359375) - k * -0.00021219444005469057
        series = tl.full((), 2.48015873015873e-05, tl.float32)
        series = series * r + 0.0001984126984126984
        series = series * r + 0.001388888888888889
        series = series * r + 0.008333333333333333
        series = series * r + 0.041666666666666664
        series = series * r + 0.16666666666666666
        series = series * r + 0.5
        scale = ((aligned.to(tl.int32, bitcast=True) << 23) + 0x3F800000).to(tl.float32, bitcast=True)
    else:
        inside = tl.where(magnitude < 20.0, magnitude, 20.0)
        twice = inside + inside
        aligned = twice * 1.4426950408889634 + 6755399441055744.0
        k = aligned - 6755399441055744.0
        r = (twice - k * 0.6931471803691238) - k * 1.9082149292705877e-10
        series = tl.full((), 1.1470745597729725e-11, tl.float64)
        series = series * r + 1.6059043836821613e-10
        series = series * r + 2.08767569878681e-09
        series = series * r + 2.505210838544172e-08
        series = series * r + 2.755731922398589e-07
        series = series * r + 2.7557319223985893e-06
        series = series * r + 2.48015873015873e-05
        series = series * r + 0.0001984126984126984
        series = series * r + 0.001388888888888889
        series = series * r + 0.008333333333333333
        series = series * r + 0.041666666666666664
        series = series * r + 0.16666666666666666
        series = series * r + 0.5
        scale = ((aligned.to(tl.int64, bitcast=True) << 52) + 0x3FF0000000000000).to(tl.float64, bitcast=True)
    near = r + (r * r) * series
    grown = scale * near + (scale - 1.0)
    return tl.where(x == x, copysign(quotient(grown, grown + 2.0), x), x)


@triton.jit
def word_where(condition, x, y):
    return tl.where(condition, x, y)


@triton.jit
def word_divide_or_zero(x, y):
    zero = tl.full((), 0, y.dtype)
    return tl.where(y == zero, zero, quotient(x, y))


@triton.jit
def word_exp(x):
    return exp_of_sum(x, x * 0) if x.dtype == tl.float32 else tl.exp(x)


@triton.jit
def word_log(x):
    if x.dtype == tl.float32:
        high, low = log_of(x)
        result = high + low
    else:
        result = tl.log(x)
    return result


@triton.jit
def word_power(x, y):
    zero, one = tl.full((), 0, x.dtype), tl.full((), 1, x.dtype)
    infinite, none = tl.full((), float("inf"), x.dtype), tl.full((), float("nan"), x.dtype)
    # Of what is no number or zero, the power's place is taken below.
    magnitude = tl.where((x == x) & (x != zero), tl.abs(x), one)
    if x.dtype == tl.float32:
        high, low = log_of(magnitude)
        product, rest = product_of(y, high)
        bounded = tl.abs(product) < 200.0
        power = exp_of_sum(tl.where(bounded, product, y * high), tl.where(bounded, rest + y * low, zero))
        negative = x.to(tl.int32, bitcast=True) < 0
    else:
        power = tl.exp(y * tl.log(magnitude))
        negative = x.to(tl.int64, bitcast=True) < 0
    # Beyond 2**31 the numbers of either type that come here are whole, and far from giving anything but 0 or infinity.
    near, number = tl.abs(y) < 2147483648.0, tl.where(tl.abs(y) < 2147483648.0, y, zero).to(tl.int32)
    power = tl.where(magnitude == one, one, power)
    power = tl.where(x == zero, tl.where(y > zero, zero, infinite), power)
    power = tl.where(negative & near & ((number & 1) == 1), -power, power)
    power = tl.where((x < zero) & (magnitude < infinite) & near & (number.to(x.dtype) != y), none, power)
    power = tl.where((x != x) | (y != y), none, power)
    power = tl.where((x == one) | (y == zero), one, power)
    # A root is correctly rounded.
    return tl.where(y == 0.5, word_sqrt(x), power)


@triton.jit
def product_of(x, y):
    # Dekker's product (1971): what is rounded off, too. The halves of 12 bits multiply exactly.
    x_high = 4097.0 * x - (4097.0 * x - x)
    y_high = 4097.0 * y - (4097.0 * y - y)
    x_low, y_low, product = x - x_high, y - y_high, x * y
    return product, ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low


@triton.jit
def log_of(x):
    # The logarithm as a sum of two: a power multiplies its error by the exponent.
    small = x < 1.1754943508222875e-38
    bits = tl.where(small, x * 16777216.0, x).to(tl.int32, bitcast=True)
    # x = 2**exponent * mantissa, where the mantissa is between the roots of 1/2 and of 2.
    exponent = (bits - 0x3F3504F3) >> 23
    mantissa = (bits - (exponent << 23)).to(tl.float32, bitcast=True)
    exponent = exponent.to(tl.float32) - tl.where(small, 24.0, 0.0)
    # log(mantissa) = 2 atanh(s), s = (mantissa - 1) / (mantissa + 1), to twice the precision.
    above, below = mantissa - 1.0, mantissa + 1.0
    lost = (mantissa - (below - 1.0)) + (1.0 - (below - (below - 1.0)))
    s = tl.div_rn(above, below)
    product, rest = product_of(s, below)
    s_rest = tl.div_rn((above - product) - rest - s * lost, below)
    z = s * s
    series = z * (
        0.3333333333333333 + z * (0.2 + z * (0.14285714285714285 + z * (0.1111111111111111 + z * 0.0909090909)))
    )
    near, near_rest = 2.0 * s, 2.0 * (s_rest + s * series)
    # The logarithm of 2 in two parts, of which multiples of the first are exact.
    far = exponent * 0.693145751953125
    high = far + near
    low = (near - (high - far)) + (far - (high - (high - far)))
    low = low + near_rest + exponent * 1.4286068203094172e-06
    result = high + low
    high_or_special = tl.where(
        x == float("inf"), x, tl.where(x == 0.0, float("-inf"), tl.where(x > 0.0, result, float("nan")))
    )
    finite = (x > 0.0) & (x < float("inf"))
    return high_or_special, tl.where(finite, low - (result - high), 0.0)


@triton.jit
def exp_of_sum(x, rest):
    # e**(x + rest) = 2**k e**r.
    inside = tl.where(x > 100.0, 100.0, tl.where(x > -110.0, x, -110.0))
    # Added to 160, which makes it positive, it is cut off to the nearest whole number.
    exponent = (inside * 1.4426950408889634 + 160.5).to(tl.int32) - 160
    k = exponent.to(tl.float32)
    r = ((inside - k * 0.693359375) + k * 0.00021219444005469057) + tl.where(inside == x, rest, 0.0)
    series = 0.5 + r * (
        0.16666666666666666 + r * (0.041666666666666664 + r * (0.008333333333333333 + r * 0.001388888888888889))
    )
    near = 1.0 + (r + r * r * (series + r * r * r * r * r * 0.0001984126984126984))
    # In two factors, since 2**k may be no normal number.
    half = exponent >> 1
    first = ((half + 127) << 23).to(tl.float32, bitcast=True)
    second = ((exponent - half + 127) << 23).to(tl.float32, bitcast=True)
    return tl.where(x == x, near * first * second, x)


@triton.jit
def from_float32(x):
    return x


@triton.jit
def to_float32(x):
    return x


@triton.jit
def from_float64(x):
    return x


@triton.jit
def to_float64(x):
    return x


@triton.jit
def from_float16(x):
    return x.to(tl.float32)


@triton.jit
def to_float16(x):
    return x.to(tl.float16)


@triton.jit
def from_bfloat16(x):
    return (x.to(tl.uint16, bitcast=True).to(tl.uint32) << 16).to(tl.float32, bitcast=True)


@triton.jit
def to_bfloat16(x):
    # To nearest even by integers: not every device has an instruction, and the interpreter cuts off.
    bits = x.to(tl.uint32, bitcast=True)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).to(tl.uint16)
    return tl.where(x == x, rounded, 0x7FC0).to(tl.uint16).to(tl.bfloat16, bitcast=True)


@triton.jit
def random(key, element, state: tl.constexpr):
    # SplitMix64's output function of a counter: 32 bits that depend on nothing but the three.
    x = key.to(tl.uint64) + (element.to(tl.uint64) * 8 + state) * tl.full((), 0x9E3779B97F4A7C15, tl.uint64)
    x = (x ^ (x >> 30)) * tl.full((), 0xBF58476D1CE4E5B9, tl.uint64)
    x = (x ^ (x >> 27)) * tl.full((), 0x94D049BB133111EB, tl.uint64)
    return ((x ^ (x >> 31)) >> 32).to(tl.uint32)


@triton.jit
def to_bfloat16_stochastic(x, random_bits):
    bits = x.to(tl.uint32, bitcast=True)
    rounded = ((bits + (random_bits >> 16)) >> 16).to(tl.uint16)
    return tl.where(x == x, rounded, 0x7FC0).to(tl.uint16).to(tl.bfloat16, bitcast=True)


@triton.jit
def to_float16_stochastic(x, random_bits):
    bits = x.to(tl.uint32, bitcast=True)
    sign = (bits >> 16) & 0x8000
    magnitude = bits & 0x7FFFFFFF
    thirteen = random_bits >> 19
    # Subnormal halves are whole multiples of 2**-24; with 13 bits behind the point float32 holds their sum exactly.
    small = tl.where(magnitude < 0x38800000, magnitude, 0).to(tl.uint32).to(tl.float32, bitcast=True)
    subnormal = (small * 16777216.0 + thirteen.to(tl.float32) * 0.0001220703125).to(tl.uint32)
    normal = ((magnitude - 0x38000000).to(tl.uint32) + thirteen) >> 13
    finite = tl.where(magnitude < 0x38800000, subnormal, normal)
    bounded = tl.where((magnitude < 0x7F800000) & (finite < 0x7C00), finite, 0x7C00)
    rounded = tl.where(x == x, sign | bounded, 0x7E00)
    return rounded.to(tl.uint16).to(tl.float16, bitcast=True)
