"""Integrals of functions that fall like exp(-u), for the incomplete gamma and beta functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from autograd_engine.primitives.arithmetic import div, minimum
from autograd_engine.primitives.exponentials import exp, log1p, sqrt
from autograd_engine.primitives.trigonometry import hypot

# The Gauss-Legendre formula of 32 points between -1 and 1: the positive points and half their weights.
_POINTS = [
    *(0.04830766568773832, 0.1444719615827965, 0.23928736225213706, 0.33186860228212767, 0.42135127613063533),
    *(0.5068999089322294, 0.5877157572407623, 0.6630442669302152, 0.7321821187402897, 0.7944837959679424),
    *(0.84936761373257, 0.8963211557660521, 0.9349060759377397, 0.9647622555875064, 0.9856115115452684),
    0.9972638618494816,
]
_WEIGHTS = [
    *(0.0482700442573639, 0.04781936003963743, 0.04692219954040228, 0.045586939347881945, 0.043826046502201906),
    *(0.041655962113473374, 0.039096947893535156, 0.03617289705442425, 0.032911111388180925, 0.029342046739267772),
    *(0.025499029631188087, 0.02141794901111334, 0.017136931456510716, 0.01269603265463103, 0.008137197365452835),
    0.003509305004735048,
]
# The same between 0 and 1 after u = v (1 + v) / 2, which puts more points near 0.
_FORMULA = [
    (0.5 * v * (1.0 + v), weight * (0.5 + v))
    for point, weight in zip(_POINTS, _WEIGHTS)
    for v in (0.5 * (1.0 - point), 0.5 * (1.0 + point))
]
FALL = 42.0  # the integrals end where the integrand is exp(-42)


def integral(f: Callable[[Any], Any], start: Any, exponent: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Any:
    """The integral of f(u) exp(-exponent(u)) over u > 0, for an exponent that is convex, and 0 at 0.

    From `start`, Newton's method leads to where it is 42.
    """
    end = start
    for _ in range(3):
        end = end - div(exponent(end) - FALL, slope(end))
    total: Any = 0.0
    for point, weight in _FORMULA:
        u = end * point
        total = total + weight * f(u) * exp(-exponent(u))
    return end * total


def fall(rate: Any, variance: Any, growth: Any) -> Any:
    """About where an exponent of this slope and curvature at 0 is 42, at most where growth * (exp(u) - 1 - u) is."""
    least = rate - FALL / 3.0  # by Bernstein's inequality
    slow = 2.0 * FALL / (least + hypot(least, 2.0 * math.sqrt(FALL) * sqrt(rate / 3.0 + 0.5 * variance)))
    return minimum(slow, log1p(FALL / growth + math.sqrt(2.0 * FALL) / sqrt(growth)))
