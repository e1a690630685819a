"""The normal distribution function, its logarithm, and the inverses of it and of the error functions."""

from __future__ import annotations

import math
from math import inf, pi
from typing import Any

from autograd_engine.primitives.arithmetic import abs, clip, copysign, div, minus_abs, polynomial, square, where
from autograd_engine.primitives.exponentials import LN2, exp, log, log1p, sqrt
from autograd_engine.primitives.primitive import row
from autograd_engine.primitives.rounding import round
from autograd_engine.primitives.special import ONE_OVER_SQRT_2PI, SQRT1_2, TWO_OVER_SQRT_PI, erf, erfc, gaussian

SQRT2 = math.sqrt(2.0)
_HALF_LOG_2PI = 0.5 * math.log(2 * pi)
# sqrt(1/2) as a number of 26 bits plus the rest, so that its product with 26 bits of x is exact.
_ROOT_HIGH = math.floor(2**26 * SQRT1_2) / 2**26
_ROOT_LOW = (0.5 - _ROOT_HIGH**2) / (SQRT1_2 + _ROOT_HIGH)


def _ndtr(x: Any) -> Any:
    """erfc(z) / 2 at z = -x / sqrt(2).

    Rounding z costs up to 1400 units in the last place in the tail, so the result is corrected to first order:
    -erfc'(z) / erfc(z) is close to z + sqrt(z*z + 4/pi) (Abramowitz and Stegun 7.1.13).
    """
    x = clip(x, -40.0, 40.0)  # beyond, it is 0 or 1
    z = -SQRT1_2 * x
    high = round(x * 2.0**20) * 2.0**-20
    excess = (_ROOT_HIGH * high + z) + _ROOT_HIGH * (x - high) + _ROOT_LOW * x  # rounded minus exact z
    return 0.5 * (1 + excess * (z + sqrt(z * z + 4 / pi))) * erfc(z)


def normal_density(x: Any) -> Any:
    """exp(-x*x / 2) / sqrt(2 pi), the slope of the normal distribution function."""
    return ONE_OVER_SQRT_2PI * gaussian(x, 0.5)


ndtr = row(
    "ndtr",
    _ndtr,
    lambda out, x: (normal_density(x),),
    "The normal distribution function: the share of a standard normal variable below x.",
    "exp(-(x**2) / 2) / sqrt(2 * π)",
    symbol="Φ",
    latex=r"\Phi",
    composite=True,
    saturates=True,
)

# From here on, ndtr(x) is normal_density(x) / -x times a power series in 1 / x² (Abramowitz and Stegun 26.2.12).
_TAIL = -12.0
_FAR_FROM = 8.5  # above -_TAIL / sqrt(2): the same for erfc
_MILLS = [(-1.0) ** k * math.prod(range(1, 2 * k, 2)) for k in range(17)]


def _tail_and_middle(x: Any) -> tuple[Any, Any, Any]:
    """x in the tail, x elsewhere, and the power series at the former."""
    tail = where(x < _TAIL, x, _TAIL)
    return tail, where(x < _TAIL, _TAIL, x), polynomial(square(div(1.0, tail)), _MILLS)


def _log_ndtr(x: Any) -> Any:
    tail, middle, series = _tail_and_middle(x)
    near = where(x > -1.0, log1p(-ndtr(-middle)), log(ndtr(middle)))
    return where(x < _TAIL, -0.5 * tail * tail - log(-tail) - _HALF_LOG_2PI + log(series), near)


def _log_slope(x: Any) -> Any:
    """normal_density(x) / ndtr(x), also where both are too small for floats."""
    tail, middle, series = _tail_and_middle(x)
    return where(x < _TAIL, div(-tail, series), normal_density(middle) / ndtr(middle))


log_ndtr = row(
    "log_ndtr",
    _log_ndtr,
    lambda out, x: (_log_slope(x),),
    "The logarithm of the normal distribution function, also far below 0.",
    "exp(-(x**2) / 2 - out) / sqrt(2 * π)",
    composite=True,
)

# M. J. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37, 1988.
_QUANTILE = (
    [
        *(3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946),
        *(45921.95393154987, 67265.7709270087, 33430.57558358813, 2509.0809287301227),
    ],
    [
        *(1.0, 42.31333070160091, 687.1870074920579, 5394.196021424751),
        *(21213.794301586597, 39307.89580009271, 28729.085735721943, 5226.495278852854),
    ],
)
_UPPER = (
    [
        *(1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045),
        *(1.2704582524523684, 0.2417807251774506, 0.022723844989269184, 0.0007745450142783414),
    ],
    [
        *(1.0, 2.053191626637759, 1.6763848301838038, 0.6897673349851),
        *(0.14810397642748008, 0.015198666563616457, 0.0005475938084995345, 1.0507500716444169e-09),
    ],
)
_FAR = (
    [
        *(6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487),
        *(0.026532189526576124, 0.0012426609473880784, 2.7115555687434876e-05, 2.0103343992922881e-07),
    ],
    [
        *(1.0, 0.599832206555888, 0.1369298809227358, 0.014875361290850615),
        *(0.0007868691311456133, 1.8463183175100548e-05, 1.421511758316446e-07, 2.0442631033899397e-15),
    ],
)


def _ratio(x: Any, coefficients: tuple[list[float], list[float]]) -> Any:
    above, below = coefficients
    return div(polynomial(x, above), polynomial(x, below))


def _inverse_erf(y: Any, share: Any) -> Any:
    """The z with erf(z) = y, where `share` is 1 - |y|. Wichura's approximation, then a step of Newton's method."""
    centre = y * (0.5 * SQRT1_2 * _ratio(0.180625 - 0.25 * y * y, _QUANTILE))
    centre = centre - (erf(centre) - y) * exp(centre * centre) * (1 / TWO_OVER_SQRT_PI)
    r = sqrt(LN2 - log(share))
    tail = SQRT1_2 * where(r <= 5.0, _ratio(r - 1.6, _UPPER), _ratio(r - 5.0, _FAR))
    # -erfc'(z) / erfc(z) is close to z + sqrt(z*z + 4/pi). Of shares near 1e-308 erfc has lost its digits.
    step = (div(erfc(tail), share) - 1.0) / (tail + sqrt(tail * tail + 4 / pi))
    tail = where(share == 0, inf, where(share > 1e-300, tail + step, tail))
    return where(abs(y) <= 0.85, centre, copysign(tail, y))


def _slope_of_erf(z: Any, share: Any) -> Any:
    """2 / sqrt(pi) * exp(-z*z) for z >= 0, by `share`, which is erfc(z): so an error of a large z does not grow."""
    far, near = where(z > _FAR_FROM, z, _FAR_FROM), where(z > _FAR_FROM, _FAR_FROM, z)
    slope = TWO_OVER_SQRT_PI * gaussian(near, 1.0)
    decay = where(z > _FAR_FROM, div(2.0 * far, polynomial(div(0.5, far * far), _MILLS)), slope / erfc(near))
    return where(share == 0, 0.0, where(z < 0.6, slope, share * decay))


def _ends(p: Any, whole: float) -> Any:
    """The distance of p from the nearer end of the range from 0 to `whole`."""
    return where(p < 0.5 * whole, p, whole - p)


ndtri = row(
    "ndtri",
    lambda p: SQRT2 * _inverse_erf(2.0 * (p - 0.5), 2.0 * _ends(p, 1.0)),
    lambda out, p: (div(2.0 * SQRT2, _slope_of_erf(-SQRT1_2 * minus_abs(out), 2.0 * _ends(p, 1.0))),),
    "The inverse of ndtr: the quantile of the normal distribution.",
    "sqrt(2 * π) * exp(out**2 / 2)",
    symbol="Φ⁻¹",
    latex=r"\Phi^{-1}",
    composite=True,
)
erfinv = row(
    "erfinv",
    lambda y: _inverse_erf(y, 1.0 - abs(y)),
    lambda out, y: (div(1.0, _slope_of_erf(-minus_abs(out), 1.0 + minus_abs(y))),),
    "The inverse of erf.",
    "sqrt(π) / 2 * exp(out**2)",
    composite=True,
)
erfcinv = row(
    "erfcinv",
    lambda y: _inverse_erf(1.0 - y, _ends(y, 2.0)),
    lambda out, y: (div(-1.0, _slope_of_erf(-minus_abs(out), where(y <= 1, y, 2.0 - y))),),
    "The inverse of erfc, accurate where y is small.",
    "-sqrt(π) / 2 * exp(out**2)",
    composite=True,
)
