"""Power series in two changes g and h, as tables of coefficients: that of g**p h**q is series[p][q]."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

from autograd_engine.primitives.arithmetic import div, polynomial

Series = list[list[Any]]


def exponential_series(cumulant: Callable[[int, int], Any], j: int, k: int) -> Series:
    """The coefficients of g**p h**q, up to p = j and q = k, of the exponential of the sum of cumulant(p, q) g**p h**q /
    (p! q!) over all terms of order 2 and more."""
    scaled = {
        (p, q): cumulant(p, q) * (1 / (math.factorial(p) * math.factorial(q)))
        for p in range(j + 1)
        for q in range(k + 1)
        if p + q > 1
    }
    series: Series = [[0.0] * (k + 1) for _ in range(j + 1)]
    series[0][0] = 1.0
    for p in range(j + 1):
        for q in range(1 if p == 0 else 0, k + 1):
            total: Any = 0.0
            for (i, m), term in scaled.items():
                order, of = (i, p) if p else (m, q)
                if order and i <= p and m <= q:
                    total = total + (order / of) * term * series[p - i][q - m]
            series[p][q] = total
    return series


def times(series: Series, by: Series) -> Series:
    """The product of two power series, to the order of the first; the second may be shorter."""

    def term(p: int, q: int) -> Any:
        products = [a * series[p - i][q - m] for i, row in enumerate(by[: p + 1]) for m, a in enumerate(row[: q + 1])]
        return functools.reduce(operator.add, products)

    return [[term(p, q) for q in range(len(series[0]))] for p in range(len(series))]


def reciprocal_of_sum(total: Any, j: int, k: int) -> Series:
    """The power series, up to g**j h**k, of 1 / (total + g + h)."""
    powers = [div(1.0, total)]
    for _ in range(j + k):
        powers.append(-powers[0] * powers[-1])
    return [[math.comb(p + q, p) * powers[p + q] for q in range(k + 1)] for p in range(j + 1)]


def derivative(series: Series, y: Any, z: Any) -> Any:
    """The derivative, of the order to which it goes, of the product of a series and exp(y g + z h)."""
    j, k = len(series) - 1, len(series[0]) - 1
    order = math.factorial(j) * math.factorial(k)

    def coefficient(p: int, q: int) -> Any:
        return series[j - p][k - q] * (order / (math.factorial(p) * math.factorial(q)))

    return polynomial(y, [polynomial(z, [coefficient(p, q) for q in range(k + 1)]) for p in range(j + 1)])
