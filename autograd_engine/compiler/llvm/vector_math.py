"""exp, expm1, log, tanh, sin, cos and powers in LLVM IR, for any number of lanes: where most programs spend their time.

How to read this file: a function takes an operand as `Lanes` and returns one, in ordinary arithmetic, each
operation of which appends an instruction. Look at `exp` first. All go the same way: the argument is reduced
by a multiple of ln 2 or pi that is held in two or three floats, so that nothing is lost (Cody and Waite),
then comes a polynomial in few dependent steps (Estrin's scheme), then the scaling or the sign.

The coefficients are minimax, found by Remez' algorithm in 300 bits, with relative errors below 2e-17. Results
are within 3 units in the last place, the slope of tanh within 5, provided that the machine has a fused
multiply-add. Special points come out by the order of comparisons: `at_most(c, x)` is NaN where x is.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from math import inf, nan, pi

from autograd_engine.compiler.llvm.builder import Builder
from autograd_engine.compiler.llvm.host import host_features
from autograd_engine.compiler.llvm.instructions import INSTRUCTIONS

__all__ = ["LARGEST_ANGLE", "VECTOR_MATH", "Lanes", "Two", "log2_of_base", "power"]

LOG2E = math.log2(math.e)
# ln 2 and pi as sums of floats, each the nearest to what the ones before leave.
LN2 = (0.6931471805599453, 2.3190468138462996e-17)
PI = (3.141592653589793, 1.2246467991473532e-16, -2.9947698097183397e-33)
LOG2 = [(2.8853900817779268, 4.0710547481862066e-17), (0.9617966939259756, 5.0577616648125907e-17)]  # 2 / ln 2, a third
LARGEST_ANGLE = 2.0**40  # the reduction of a larger one would need more of pi

# Added to a number it rounds it to an integer, which then stands in the lowest bits of the sum.
ROUNDER = 1.5 * 2.0**52
BIAS = 1023  # of the exponents of doubles
ONE, ROOT_HALF = (struct.unpack(">q", struct.pack(">d", x))[0] for x in (1.0, math.sqrt(0.5)))  # their bits

# (exp(r) - 1 - r) / r², |r| < ln(2) / 2
EXP = [
    0.5000000000000006, 0.16666666666666685, 0.04166666666657333, 0.008333333333314527, 0.001388888893248307,
    0.0001984126990319109, 2.480150431347139e-05, 2.7557227793794257e-06, 2.7626381714083187e-07,
    2.5114528419049945e-08,
]  # fmt: skip
# (1 - exp(-2r) - 2r) / r², |r| < ln(2) / 4
TANH = [-4 * c * (-2.0) ** k for k, c in enumerate(EXP)]
# (log((1 + s) / (1 - s)) - 2s) / s³ in powers of s², |s| < 0.172
LOG = [
    0.6666666666666735, 0.3999999999940749, 0.28571428744141486, 0.22222198378484304, 0.1818357516364633,
    0.15313755847469768, 0.14799064835912354,
]  # fmt: skip
# The same divided by ln 2, without its first term and divided by s², as Taylor has it: to 70 bits of the logarithm
LOG2_REST = [2 * LOG2E / k for k in range(5, 29, 2)]
# (sin(r) - r) / r³ in powers of r², |r| < pi / 2
SIN = [
    -0.16666666666666666, 0.008333333333333193, -0.00019841269841208478, 2.7557319211006828e-06,
    -2.5052106860546083e-08, 1.6058939075062635e-10, -7.642974709435026e-13, 2.7209946470604148e-15,
]  # fmt: skip


class Lanes:
    """An operand in a builder's lines, with the operators that append further ones."""

    __slots__ = ("builder", "name")

    def __init__(self, builder: Builder, name: str) -> None:
        self.builder, self.name = builder, name

    def constant(self, number: float) -> Lanes:
        """A number, the same in all lanes."""
        return Lanes(self.builder, self.builder.constant(number))

    def operation(self, name: str, *others: Lanes | float) -> Lanes:
        """The operation `name` of `INSTRUCTIONS` on this operand and others."""
        operands = [x if isinstance(x, Lanes) else self.constant(x) for x in others]
        return Lanes(self.builder, INSTRUCTIONS[name](self.builder, self.name, *[x.name for x in operands]))

    def __add__(self, other: Lanes | float) -> Lanes:
        return self.operation("add", other)

    def __sub__(self, other: Lanes | float) -> Lanes:
        return self.operation("sub", other)

    def __rsub__(self, other: float) -> Lanes:
        return self.constant(other) - self

    def __mul__(self, other: Lanes | float) -> Lanes:
        return self.operation("mul", other)

    def __truediv__(self, other: Lanes) -> Lanes:
        return self.operation("div", other)

    def __abs__(self) -> Lanes:
        return self.operation("abs")

    def __lt__(self, other: Lanes | float) -> Lanes:
        return self.operation("lt", other)

    def __gt__(self, other: Lanes | float) -> Lanes:
        return self.operation("gt", other)

    def where(self, x: Lanes | float, y: Lanes | float) -> Lanes:
        """x in the lanes where this condition holds, y in the others."""
        return self.operation("where", x, y)

    def bitwise(self, instruction: str, other: Lanes | int) -> Lanes:
        """An instruction on the bits of numbers, as on integers: `add`, `and`, `xor`, `shl` or `lshr`."""
        emit, numbers = self.builder.emit, self.builder.type
        words = numbers.replace("double", "i64")
        if isinstance(other, Lanes):
            operand = emit(f"bitcast {numbers} {other.name} to {words}")
        else:
            operand = str(other) if words == "i64" else f"splat (i64 {other})"
        result = emit(f"{instruction} {words} {emit(f'bitcast {numbers} {self.name} to {words}')}, {operand}")
        return Lanes(self.builder, emit(f"bitcast {words} {result} to {numbers}"))


Two = tuple[Lanes, Lanes]
"""A number as the sum of two, of which the second is what rounding has taken from the first."""


def at_least(bound: float, x: Lanes) -> Lanes:
    """The larger of both; NaN where x is. One machine instruction."""
    return (x.constant(bound) > x).where(bound, x)


def at_most(bound: float, x: Lanes) -> Lanes:
    """The smaller of both; NaN where x is. One machine instruction."""
    return (x.constant(bound) < x).where(bound, x)


def fma(x: Lanes, y: Lanes | float, z: Lanes | float) -> Lanes:
    """x * y + z, rounded once."""
    return x.operation("fma", y, z)


def polynomial(x: Lanes, coefficients: Sequence[float]) -> Lanes:
    """Coefficients of ascending powers, by Estrin's scheme: pairs, then pairs of pairs in powers of x²."""
    terms = [x.constant(c) for c in coefficients]
    while len(terms) > 1:
        pairs = [fma(x, odd, even) for even, odd in zip(terms[::2], terms[1::2])]
        terms = pairs + terms[2 * len(pairs) :]
        x = x * x
    return terms[0]


def _power_of_two(shifted: Lanes) -> Lanes:
    """2**n for -1023 < n < 1024, given ROUNDER + BIAS + n."""
    return shifted.bitwise("shl", 52)


def _scaled(x: Lanes, n: Lanes) -> Lanes:
    """x * 2**n for -1100 < n < 1100, rounded once at most."""
    b = x.builder
    if b.width in (2, 4, 8) and {"avx512f", "avx512vl"} <= host_features():  # which have it as one instruction
        mode = ", i32 4" if b.width == 8 else ""  # 4 stands for the current rounding mode
        function = f"@llvm.x86.avx512.mask.scalef.pd.{64 * b.width}"
        b.declarations.add(f"declare {b.type} {function}({b.type}, {b.type}, {b.type}, i8{mode[:5]})")
        operands = f"{b.type} {x.name}, {b.type} {n.name}, {b.type} zeroinitializer, i8 -1{mode}"
        return Lanes(b, b.emit(f"call {b.type} {function}({operands})"))
    half = fma(n, 0.5, ROUNDER + BIAS)  # in two steps, since 2**n itself may be out of range
    rest = n - (half - (ROUNDER + BIAS)) + (ROUNDER + BIAS)
    return x * _power_of_two(half) * _power_of_two(rest)


def exp(x: Lanes) -> Lanes:
    """The exponential of x = n ln 2 + r, as 2**n times that of r."""
    x = at_least(-746.0, at_most(710.0, x))
    n = fma(x, LOG2E, ROUNDER) - ROUNDER
    r = fma(n, -LN2[1], fma(n, -LN2[0], x))
    return _scaled(fma(r * r, polynomial(r, EXP), r + 1.0), n)


def expm1(x: Lanes) -> Lanes:
    """exp(x) - 1 as 2**n (exp(r) - 1) + (2**n - 1), by halves, since 2**1024 is out of range."""
    bounded = at_least(-40.0, at_most(710.0, x))
    shift = ROUNDER + BIAS - 1
    shifted = fma(bounded, LOG2E, shift)
    n, half = shifted - shift, _power_of_two(shifted)
    r = fma(n, -LN2[1], fma(n, -LN2[0], bounded))
    y = fma(half, fma(r * r, polynomial(r, EXP), r), half - 0.5)
    return (abs(x) < 2.0**-54).where(x, y + y)


def _parts(x: Lanes) -> tuple[Lanes, Lanes]:
    """k and f of a positive x = 2**k (1 + f), where 1 + f is between the roots of 1/2 and 2."""
    subnormal = x < 2.0**-1022
    bits = subnormal.where(x * 2.0**54, x).bitwise("add", ONE - ROOT_HALF)
    exponent = bits.bitwise("lshr", 52).bitwise("add", x.constant(ROUNDER))
    k = exponent - subnormal.where(x.constant(ROUNDER + BIAS + 54), ROUNDER + BIAS)
    return k, bits.bitwise("and", 2**52 - 1).bitwise("add", ROOT_HALF) - 1.0


def log(x: Lanes) -> Lanes:
    """The natural logarithm of 2**k (1 + f), as k ln 2 + ln(1 + f); the latter as in Sun's fdlibm."""
    k, f = _parts(x)
    s = f / (f + 2.0)
    z, half_square = s * s, f * 0.5 * f
    rest = fma(s, fma(z, polynomial(z, LOG), half_square), k * LN2[1])
    y = fma(k, LN2[0], f - (half_square - rest))
    pole = x.operation("eq", 0.0).where(x.constant(-inf), nan)
    return x.operation("le", 0.0).where(pole, (x < inf).where(y, x))


def _product(x: Two, y: Two) -> Two:
    high = x[0] * y[0]
    return high, x[0].operation("fms", y[0], high) + fma(x[0], y[1], x[1] * y[0])


def _sum(larger: Two, smaller: Two) -> Two:
    high = larger[0] + smaller[0]
    return high, smaller[0] - (high - larger[0]) + (larger[1] + smaller[1])


def log2_of_base(x: Lanes) -> Two:
    """The logarithm of x = 2**k (1 + f) > 0 to base 2, to more than 64 bits, as k and a series in f / (2 + f)."""
    k, f = _parts(x)
    zero, d = x.constant(0.0), f + 2.0
    s = f / d
    quotient = s, (s.operation("fnma", d, f) + s * (d - 2.0 - f)) / d
    z = _product(quotient, quotient)
    first, second = [(x.constant(high), x.constant(low)) for high, low in LOG2]
    series = _sum(first, _product(z, _sum(second, (z[0] * polynomial(z[0], LOG2_REST), zero))))
    return _sum((k, zero), _product(quotient, series))


def power(y: Lanes, log2: Two) -> Lanes:
    """2 to the power of y times a logarithm that `log2_of_base` returned, as 2**n exp(r); NaN where y is."""
    high = y * log2[0]
    rest = (abs(high) < 1090.0).where(fma(y, log2[1], y.operation("fms", log2[0], high)), 0.0)
    high = at_least(-1090.0, at_most(1090.0, high))
    n = high + ROUNDER - ROUNDER
    r = (high - n + rest) * LN2[0]
    return _scaled(fma(r * r, polynomial(r, EXP), r) + 1.0, n)


def tanh(x: Lanes) -> Lanes:
    """The hyperbolic tangent as d / (2 - d) with the sign of x, where d = 1 - exp(-2|x|) is expanded as in `expm1`."""
    a = at_most(20.0, abs(x))
    shifted = fma(a, -2 * LOG2E, ROUNDER + BIAS)
    n, power = shifted - (ROUNDER + BIAS), _power_of_two(shifted)
    r = fma(n, 0.5 * LN2[0], a)  # the rest of ln 2 is negligible, since 2**n is small where n is large
    d = fma(power, fma(r * r, polynomial(r, TANH), r + r), 1.0 - power)
    return (d / (2.0 - d)).operation("copysign", x)


def _sin_reduced(x: Lanes, n: Lanes, shifted: Lanes) -> Lanes:
    """(-1)**k sin(x - n pi), where k is the integer in the lowest bits of `shifted`."""
    r = fma(n, -PI[1], fma(n, -PI[0], x))  # the first product and difference are exact where that matters
    z = r * r
    y = fma(r * z, polynomial(z, SIN), fma(n, -PI[2], r))
    return y.bitwise("xor", shifted.bitwise("shl", 63))


def sin(x: Lanes) -> Lanes:
    """The sine up to LARGEST_ANGLE: that of the rest after k half turns, times (-1)**k."""
    shifted = fma(x, 1 / pi, ROUNDER)
    return _sin_reduced(x, shifted - ROUNDER, shifted)


def cos(x: Lanes) -> Lanes:
    """The cosine up to LARGEST_ANGLE: the sine of the rest after k - 1/2 half turns, times (-1)**k."""
    shifted = fma(x, 1 / pi, 0.5) + ROUNDER
    return _sin_reduced(x, (shifted - ROUNDER) - 0.5, shifted)


VECTOR_MATH: dict[str, Callable[[Lanes], Lanes]] = {
    function.__name__: function for function in (exp, expm1, log, tanh, sin, cos)
}
