"""log(exp(x) + exp(y)) near its zeros, where 1 is nearly all of that sum, by numbers of more digits than a float has.

Such a number is a list of floats, each about 2**53 times smaller than the one before. What rounding takes from a sum or
a product of two floats is a float itself, which goes into the next place (Knuth; Dekker 1971). So the operations must
be done as they are written, and none may be fused with another one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from math import inf
from typing import Any, NamedTuple

from autograd_engine.primitives.activations import sigmoid
from autograd_engine.primitives.arithmetic import abs, maximum, minimum, where
from autograd_engine.primitives.exponentials import LOG2E, exp, exp2, log1p
from autograd_engine.primitives.primitive import PRIMITIVES, row
from autograd_engine.primitives.rounding import round

Sum = list[Any]

_BITS = 120  # of exp(x). The float nearest to a zero is some 2**-54 off, seldom much less.
_LN2 = [0.6931471805598903, 5.49792301870721e-14, 1.1612227229362532e-26]
# The first two have 42 bits, so that their products with exponents are exact.


def _two_sum(x: Any, y: Any) -> tuple[Any, Any]:
    total = x + y
    z = total - x
    return total, (x - (total - z)) + (y - z)


def _two_product(x: Any, y: Any) -> tuple[Any, Any]:
    product = x * y
    if less := getattr(x, "times_minus", None):  # the same bits by two instructions
        return product, less(y, product)
    (x, a), (y, b) = _halves(x), _halves(y)
    return product, ((x * y - product) + x * b + a * y) + a * b


def _halves(x: Any) -> tuple[Any, Any]:
    """x as the sum of two floats of 26 bits, whose products are exact."""
    large = x * (2.0**27 + 1.0)
    high = large - (large - x)
    return high, x - high


def _total(places: list[Sum], products: Iterable[tuple[int, Any, Any]] = ()) -> Sum:
    """The sum of the floats in each place, and of products of two floats, each with its place."""
    last = len(places) - 1
    places = [[*floats] for floats in places]
    for k, x, y in products:
        if k < last:
            product, rest = _two_product(x, y)
            places[k].append(product)
            places[k + 1].append(rest)
        elif k == last:
            places[k].append(x * y)
    found: Sum = []
    for k, (total, *others) in enumerate(places):
        for x in others:
            if k < last:
                total, rest = _two_sum(total, x)
                places[k + 1].append(rest)
            else:
                total = total + x
        found.append(total)
    for k in reversed(range(last)):
        found[k], found[k + 1] = _two_sum(found[k], found[k + 1])
    return found


def _coefficients() -> list[Sum]:
    """Those of x, x², … in the power series of exp(x), each by as many floats as count where |x| < 0.35."""
    found: list[Sum] = []
    k = 1
    while (bits := _BITS + math.log2(0.35**k / math.factorial(k))) > 0:
        left = Fraction(1, math.factorial(k))
        coefficient: Sum = []
        for _ in range(math.ceil(bits / 53)):
            coefficient.append(float(left))
            left -= Fraction(coefficient[-1])
        found.append(coefficient)
        k += 1
    return found


_SERIES = _coefficients()


def _exp(x: Any) -> tuple[Any, Sum]:
    """exp(x) as p (1 + e): p, a power of 2, and e."""
    n = round(x * LOG2E)
    r, *rest = _total([[x - n * _LN2[0]], [n * -_LN2[1]], [n * -_LN2[2]]])
    e: Sum = []
    for coefficient in reversed([[0.0, 0.0, 0.0], *_SERIES]):
        e = _total([[a] for a in coefficient], [(k, r, a) for k, a in enumerate(e)])
    d = [rest[0], rest[1] + 0.5 * rest[0] * rest[0]]  # the exponential of the rest, less 1
    return exp2(n), _total([e[:1], [e[1], d[0]], [e[2], d[1]]], [(1, e[0], d[0]), (2, e[1], d[0]), (2, e[0], d[1])])


class Apart(NamedTuple):
    """A row that is its first input where `usual` holds, else `rare`. Both are functions of all inputs."""

    usual: Callable[..., Any]
    rare: Callable[..., Any]


APART: dict[str, Apart] = {}
"""The rows inside of other rows that are long, and so become functions of their own wherever code is written."""


def _usual(rough: Any, larger: Any, smaller: Any) -> Any:
    return 4.0 * (rough * rough) >= larger * larger  # nothing cancels where the larger number is positive


def _rare(rough: Any, larger: Any, smaller: Any) -> Any:
    (p, e), (q, f) = _exp(larger), _exp(maximum(smaller, -800.0))
    large, medium, small = _total([[p - 1.0, q, p * e[0], q * f[0]], [p * e[1], q * f[1]], [p * e[2], q * f[2]]])
    return where(abs(larger) < inf, log1p((small + medium) + large), larger)


def _near(rough: Any, larger: Any, smaller: Any) -> Any:
    usual = _usual(rough, larger, smaller)
    return rough if usual is True else where(usual, rough, _rare(rough, larger, smaller))


def _near_partials(out: Any, rough: Any, larger: Any, smaller: Any) -> tuple[Any, Any, Any]:
    usual = _usual(rough, larger, smaller)
    return where(usual, 1.0, 0.0), where(usual, 0.0, exp(larger - out)), where(usual, 0.0, exp(smaller - out))


_logaddexp_near_0 = row(
    "logaddexp_near_0",
    _near,
    _near_partials,
    "log(exp(larger) + exp(smaller)) where that is near 0 or `rough` is nan; elsewhere `rough`, what floats give.",
    ("1 unless near 0", "exp(larger - out) near 0", "exp(smaller - out) near 0"),
)
PRIMITIVES.apart["logaddexp_near_0"] = PRIMITIVES.pop("logaddexp_near_0")
APART["logaddexp_near_0"] = Apart(_usual, _rare)


def _logaddexp(x: Any, y: Any) -> Any:
    larger = maximum(x, y)
    return _logaddexp_near_0(larger + log1p(exp(-abs(x - y))), larger, minimum(x, y))  # of nan for equal infinities


def _logaddexp_partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
    both_infinite = (x == y) & (abs(x) == inf)
    d = x - y
    z = d - x
    rest = where(abs(d) < inf, (x - (d - z)) - (y + z), 0.0)  # what rounding took from d (Knuth), much in a tail
    of_x, of_y = sigmoid(d), sigmoid(-d)
    return where(both_infinite, 0.5, of_x + of_x * of_y * rest), where(both_infinite, 0.5, of_y - of_x * of_y * rest)


logaddexp = row(
    "logaddexp",
    _logaddexp,
    _logaddexp_partials,
    "log(exp(x) + exp(y)), without overflow.",
    ("exp(x - out)", "exp(y - out)"),
    composite=True,
)
