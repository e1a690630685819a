"""Complex: a complex number as a pair of numbers, whose parts may be differentiated and compiled.

A Complex is a dataclass of two parts, so functions of the package take and return it as they do any nested data. Values
are those of Python's `cmath`, with its branch cuts, on which the sign of a zero says on which side a number lies, and
inf or nan where `cmath` raises. All formulas are written in rows of the table, so that derivatives follow.

Source: W. Kahan, Branch cuts for complex elementary functions, or Much ado about nothing's sign bit (1987); ISO C99,
Annex G.

>>> from autograd_engine.derivatives import grad
>>> from autograd_engine.primitives import exp
>>> z = exp(Complex(0.0, 1.0))
>>> z.real, z.imag, abs(z)
(0.5403023058681398, 0.8414709848078965, 1.0)
>>> grad(lambda w: abs(1 / Complex(1.0, w)))(1.0)
-0.35355339059327373
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nan
from typing import Any

from autograd_engine import primitives as rows
from autograd_engine.primitives import Primitive, as_float, copysign, hypot, where
from autograd_engine.runs import is_node, number_of

__all__ = ["Complex"]


@dataclass(frozen=True, eq=False)
class Complex:
    """A complex number of two parts, each a number of any kind: a float, a Value, or one that is being compiled.

    It has the operators of `complex`, also with real numbers and with `complex`, and `abs`; `angle()`, `conjugate()`
    and, as methods and as the functions of this package, exp, log, sqrt, sin, cos, sinh and cosh. Powers of a whole
    number are products; others are exp(w log z). A real number in an operation has no imaginary part, not even a zero.

    Raises TypeError where a part is not a real number.

    >>> from autograd_engine.primitives import sqrt
    >>> z = Complex(3.0, 4.0)
    >>> z * 1j + 1, abs(z), sqrt(z)
    (Complex(real=-3.0, imag=3.0), 5.0, Complex(real=2.0, imag=1.0))
    >>> sqrt(Complex(-1.0, -0.0))  # below the branch cut
    Complex(real=0.0, imag=-1.0)
    """

    real: Any
    imag: Any = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "real", number_of("Complex", "its real part", self.real))
        object.__setattr__(self, "imag", number_of("Complex", "its imaginary part", self.imag))

    def angle(self) -> Any:
        """The angle from the positive real axis, from -π to π."""
        return rows.arctan2(self.imag, self.real)

    def conjugate(self) -> Complex:
        """The number with the other sign of the imaginary part."""
        return Complex(self.real, -self.imag)

    conj = conjugate

    def apply_primitive(self, op: Primitive, *args: Any) -> Any:
        """What a function of the package makes of Complex numbers."""
        if op.name not in _FUNCTIONS:
            known = ", ".join(sorted(_FUNCTIONS))
            raise TypeError(f"{op.name}() takes no Complex; the functions that do are {known}")
        return _FUNCTIONS[op.name](*args)

    def __complex__(self) -> complex:
        return complex(self.real, self.imag)

    def __neg__(self) -> Complex:
        return Complex(-self.real, -self.imag)

    def __pos__(self) -> Complex:
        return self

    def __abs__(self) -> Any:
        return hypot(self.real, self.imag)

    def __eq__(self, other: Any) -> Any:
        other = _operand(other)
        if other is NotImplemented:
            return other
        return (self.real == _real(other)) & (_imag(other) == self.imag)

    __hash__ = None  # type: ignore[assignment]


def _operand(x: Any) -> Any:
    """A number in the form that the formulas take: a Complex, a real number, or NotImplemented for anything else."""
    if isinstance(x, Complex) or is_node(x):
        return x
    if isinstance(x, complex):
        return Complex(x.real, x.imag)
    try:
        return as_float(x)
    except TypeError:
        return NotImplemented


def _real(x: Any) -> Any:
    return x.real if isinstance(x, Complex) else x


def _imag(x: Any) -> Any:
    return x.imag if isinstance(x, Complex) else 0.0


# --- arithmetic -------------------------------------------------------------------------------------------------


def _add(x: Any, y: Any) -> Complex:
    if not isinstance(y, Complex):
        return Complex(x.real + y, x.imag)
    return Complex(x.real + y.real, x.imag + y.imag) if isinstance(x, Complex) else Complex(x + y.real, y.imag)


def _sub(x: Any, y: Any) -> Complex:
    return _add(x, -y)


def _mul(x: Any, y: Any) -> Complex:
    if not isinstance(y, Complex):
        return Complex(x.real * y, x.imag * y)
    if not isinstance(x, Complex):
        return Complex(x * y.real, x * y.imag)
    return Complex(x.real * y.real - x.imag * y.imag, x.real * y.imag + x.imag * y.real)


def _div(x: Any, y: Any) -> Complex:
    """By R. L. Smith, Algorithm 116: Complex division, CACM 5 (1962): the larger part of y divides first."""
    div = rows.div
    if not isinstance(y, Complex):
        return Complex(div(x.real, y), div(x.imag, y))
    a, b, c, d = _real(x), _imag(x), y.real, y.imag
    wide = abs(c) >= abs(d)
    large, small = where(wide, c, d), where(wide, d, c)
    ratio = div(small, where(large == 0, 1.0, large))
    size = where(large == 0, abs(large), large + small * ratio)
    return Complex(
        div(where(wide, a + b * ratio, a * ratio + b), size), div(where(wide, b - a * ratio, b * ratio - a), size)
    )


def _pow(x: Any, y: Any) -> Complex:
    if y.__class__ is float and y.is_integer() and abs(y) <= _LONGEST:
        power = _whole_power(x, int(abs(y)))
        return power if y >= 0 else _div(1.0, power)
    x = x if isinstance(x, Complex) else Complex(x)
    power = _exp(_mul(_log(x), y))
    zero = (x.real == 0) & (x.imag == 0)
    return Complex(where(zero, rows.pow(0.0, _real(y)), power.real), where(zero, 0.0, power.imag))


_LONGEST = 1024
"""The largest power that is computed by products."""


def _whole_power(x: Any, n: int) -> Complex:
    if n < 2:
        return x if n else Complex(1.0)
    half = _whole_power(_mul(x, x), n // 2)
    return _mul(half, x) if n % 2 else half


# --- functions --------------------------------------------------------------------------------------------------


def _times(x: Any, y: Any) -> Any:
    """The product; where that is nan although one of the two is 0, a zero."""
    out = x * y
    by_x, by_y = where(y == y, x * copysign(1.0, y), x), where(x == x, y * copysign(1.0, x), y)
    return where(out == out, out, where(x == 0, by_x, where(y == 0, by_y, out)))


def _exp(z: Complex) -> Complex:
    # Where the exponential alone would overflow, half of it is multiplied in at a time.
    x, y, beyond = z.real, z.imag, z.real > _LARGE
    size, rest = rows.exp(where(beyond, x / 2, x)), rows.exp(where(beyond, x / 2, 0.0))
    real, imag = _times(_times(rows.cos(y), size), rest), _times(_times(rows.sin(y), size), rest)
    turning, low = y - y != 0, where(x == -inf, 0.0, nan)  # at an infinity there is no angle
    return Complex(where(turning, where(x == inf, inf, low), real), where(turning, low, imag))


_LARGE = 708.0
"""Where exponentials and hyperbolic functions are about to overflow."""


def _log(z: Complex) -> Complex:
    # The part that is larger is chosen as it stands: abs and maximum have no second derivatives at 0 and at ties.
    wide = abs(z.real) >= abs(z.imag)
    large, small = where(wide, z.real, z.imag), where(wide, z.imag, z.real)
    size = hypot(z.real, z.imag)
    near = 0.5 * rows.log1p((large - 1) * (large + 1) + small * small)
    scale = where(abs(large) > 1e300, 0.25, where(abs(large) < 1e-290, 2.0**100, 1.0))
    far = rows.log(hypot(z.real * scale, z.imag * scale)) - rows.log(scale)
    return Complex(where((size > 0.5) & (size < 2), near, far), z.angle())


def _sqrt(z: Complex) -> Complex:
    x, y = z.real, z.imag
    side = copysign(1.0, y)
    right = x >= 0
    size = where(right, x, -x)
    large = rows.maximum(size, abs(y))
    scale = where(large > 1e300, 0.25, where(large < 1e-290, 2.0**54, 1.0))
    long = rows.sqrt((size * scale * scale + hypot(x * scale * scale, y * scale * scale)) / 2) / scale
    short = where(long == 0, side * rows.sqrt(side * y), y / where(long == 0, 1.0, 2 * long))
    endless = abs(y) == inf
    real = where(endless, inf, where(right, long, side * short))
    return Complex(real, where(endless, side * inf, where(right, short, side * long)))


def _grown(angle: Any, hyperbolic: Primitive, x: Any) -> Any:
    """sin or cos of an angle times sinh(x) or cosh(x), where that fits a float although the second factor does not."""
    beyond = (abs(x) > _LARGE) & (abs(x) < inf)
    half = where(beyond, x / 2, 0.0)
    large = 2 * _times(_times(angle, rows.cosh(half)), hyperbolic(half))
    return where(beyond, large, _times(angle, hyperbolic(x)))


def _hyperbolic(z: Complex, even: Primitive, odd: Primitive) -> Complex:
    cos, sin = rows.cos(z.imag), rows.sin(z.imag)
    endless = (abs(z.real) == inf) & (z.imag - z.imag != 0)
    return Complex(where(endless, inf, _grown(cos, even, z.real)), _grown(sin, odd, z.real))


def _sinh(z: Complex) -> Complex:
    return _hyperbolic(z, rows.sinh, rows.cosh)


def _cosh(z: Complex) -> Complex:
    return _hyperbolic(z, rows.cosh, rows.sinh)


def _sin(z: Complex) -> Complex:
    out = _sinh(Complex(-z.imag, z.real))
    return Complex(out.imag, -out.real)


def _cos(z: Complex) -> Complex:
    return _cosh(Complex(-z.imag, z.real))


def _where(condition: Any, x: Any, y: Any) -> Complex:
    return Complex(where(condition, _real(x), _real(y)), where(condition, _imag(x), _imag(y)))


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {"add": _add, "sub": _sub, "mul": _mul, "truediv": _div, "pow": _pow}
_OF_ONE: dict[str, Callable[[Complex], Any]] = {
    **{"exp": _exp, "log": _log, "sqrt": _sqrt, "sin": _sin, "cos": _cos, "sinh": _sinh, "cosh": _cosh},
    "square": lambda z: _mul(z, z),
    "reciprocal": lambda z: _div(1.0, z),
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **_OF_ONE,
    **{"abs": operator.abs, "neg": operator.neg, "add": operator.add, "sub": operator.sub, "mul": operator.mul},
    **{"div": operator.truediv, "pow": operator.pow, "where": _where, "identity": operator.pos},
    "sum": lambda *zs: functools.reduce(operator.add, zs),
    "prod": lambda *zs: functools.reduce(operator.mul, zs),
    "dot": lambda *zs: functools.reduce(operator.add, map(operator.mul, zs[: len(zs) // 2], zs[len(zs) // 2 :])),
}


def _operator(formula: Callable[[Any, Any], Any]) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    def method(self: Complex, other: Any) -> Any:
        other = _operand(other)
        return other if other is NotImplemented else formula(self, other)

    def reflected(self: Complex, other: Any) -> Any:
        other = _operand(other)
        return other if other is NotImplemented else formula(other, self)

    return method, reflected


for _name, _formula in _OPERATORS.items():
    for _method, _kind in zip(_operator(_formula), ("__{}__", "__r{}__")):
        setattr(Complex, _kind.format(_name), _method)
for _name, _formula_of_one in _OF_ONE.items():
    setattr(Complex, _name, _formula_of_one)
