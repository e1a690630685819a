"""NumPy's functions of whole arrays, for recorded numbers: those that are made of floats or of comparisons in NumPy.

Each returns what NumPy's own returns for floats, to rounding. Most are sums of the numbers, with factors that do not
depend on them, or choices, which `where` makes if a condition is not known yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import nan
from typing import Any

import numpy as np

from autograd_engine.number_arrays import FUNCTIONS, WHERE, apply_ufunc, as_numbers
from autograd_engine.primitives import div, sinc, sum, where
from autograd_engine.primitives.bessel import i0


def _chosen(pairs: Sequence[tuple[Any, Callable[[], Any]]], otherwise: Callable[[], Any]) -> Any:
    """What belongs to the first condition that holds. What cannot be chosen is not computed."""
    open_pairs = []
    for condition, value in pairs:
        if not isinstance(condition, (bool, np.bool_)):
            open_pairs.append((condition, value()))
        elif condition:
            otherwise = value
            break
    result = otherwise()
    for condition, number in reversed(open_pairs):
        result = where(condition, number, result)
    return result


def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """np.interp, with the slope to the right of it at a knot."""
    if period is not None:
        raise TypeError("numpy.interp() takes no period where it has derivatives; give it x % period and its knots")
    xp, fp = np.asarray(xp, dtype=object), np.asarray(fp, dtype=object)
    np.interp(0.0, np.zeros(xp.shape), np.zeros(fp.shape))  # raises what NumPy raises
    knots, heights = xp.tolist(), fp.tolist()

    def line(i: int, x: Any) -> Any:
        return div(heights[i + 1] - heights[i], knots[i + 1] - knots[i]) * (x - knots[i]) + heights[i]

    def interpolated(x: Any) -> Any:
        pairs = [
            (x != x, lambda: x),
            (x > knots[-1], lambda: heights[-1] if right is None else right),
            (x >= knots[-1], lambda: heights[-1]),
            *[(x >= knots[i], lambda i=i: line(i, x)) for i in reversed(range(len(knots) - 1))],
        ]
        return _chosen(pairs, lambda: heights[0] if left is None else left)

    return np.frompyfunc(interpolated, 1, 1)(as_numbers(x))


def _cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, **others: Any) -> Any:
    if given := [name for name, value in others.items() if value is not None]:
        raise TypeError(f"numpy.cov() takes no {given[0]} where it has derivatives; write the weighted sums out")
    tables = [as_numbers(x) for x in (m, y) if x is not None]
    rows = np.vstack([table if rowvar or table.ndim < 2 else table.T for table in tables])
    rows = rows - rows.mean(axis=1, keepdims=True)
    count = rows.shape[1] - (ddof if ddof is not None else 0 if bias else 1)
    return np.squeeze(rows @ rows.T * div(1.0, float(max(count, 0))))[()]


def _corrcoef(x: Any, y: Any = None, rowvar: bool = True, **others: Any) -> Any:
    covariance = _cov(x, y, rowvar, **others)
    if not np.ndim(covariance):
        return covariance / covariance
    deviations = np.sqrt(np.diag(covariance))
    return np.clip(covariance / deviations[:, None] / deviations, -1.0, 1.0)


_PLAIN_GRADIENT: Any = np.gradient


def _gradient(f: Any, *spacings: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f, spacings = as_numbers(f), tuple([np.asarray(spacing, dtype=float) for spacing in spacings])
    plain = _PLAIN_GRADIENT(np.zeros(f.shape), *spacings, axis=axis, edge_order=edge_order)  # raises what NumPy raises
    axes = [i % f.ndim for i in (range(f.ndim) if axis is None else np.atleast_1d(axis))]
    each = spacings if len(spacings) == len(axes) else (spacings or (1.0,)) * len(axes)
    found = [np.apply_along_axis(_slopes, i, f, spacing, edge_order) for i, spacing in zip(axes, each)]
    return type(plain)(found) if isinstance(plain, (tuple, list)) else found[0]


def _slopes(column: Any, spacing: Any, edge_order: int) -> Any:
    """np.gradient of one column. Each slope is a sum over three neighbours at most; NumPy itself tells the factors, of
    every third number at once."""
    n = len(column)
    factors = [_PLAIN_GRADIENT((np.arange(n) % 3 == k).astype(float), spacing, edge_order=edge_order) for k in range(3)]
    result = np.empty(n, dtype=object)
    for i in range(n):
        first = min(max(i - 1, 0), max(n - 3, 0))
        terms = [factors[j % 3][i] * column[j] for j in range(first, min(first + 3, n)) if factors[j % 3][i]]
        result[i] = sum(terms)
    return result


def _polyfit(x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """The coefficients are sums of the numbers y with factors that depend on x and w alone."""
    if full or cov:
        raise TypeError("numpy.polyfit() has derivatives of the coefficients only; leave out full= and cov=")
    for name, numbers in (("x", x), ("w", w)):
        if np.asarray(numbers if numbers is not None else 0.0).dtype == object:
            raise TypeError(
                f"numpy.polyfit() has no derivatives with respect to {name}; give it plain numbers, {name}.data"
            )
    y = as_numbers(y)
    return np.polyfit(x, np.eye(len(y)), deg, rcond, w=w) @ y


def _missing(a: Any, is_missing: Any, otherwise: Any) -> Any:
    return apply_ufunc(WHERE, "__call__", a != a, is_missing, otherwise)


def _without_nan(reduction: Any, neutral: float) -> Callable[..., Any]:
    """np.nansum and the like, from np.sum and the number that changes no sum."""
    return lambda a, *args, **keywords: reduction(_missing(as_numbers(a), neutral, a), *args, **keywords)


_nansum = _without_nan(np.sum, 0.0)


def _count(a: Any, **keywords: Any) -> Any:
    return np.sum(_missing(a, 0.0, 1.0), **keywords)


def _nanmean(a: Any, axis: Any = None, *, keepdims: Any = False, where: Any = True) -> Any:
    how = {"axis": axis, "keepdims": keepdims, "where": where}
    return _nansum(a, **how) / _count(as_numbers(a), **how)


def _nanvar(a: Any, axis: Any = None, *, ddof: float = 0.0, keepdims: Any = False, where: Any = True) -> Any:
    a, how = as_numbers(a), {"axis": axis, "keepdims": keepdims, "where": where}
    squares = np.square(a - _nanmean(a, axis, keepdims=True, where=where))
    degrees = _count(a, **how) - ddof
    return apply_ufunc(WHERE, "__call__", degrees > 0, _nansum(squares, **how) / degrees, nan)


def _select(conditions: Sequence[Any], choices: Sequence[Any], default: Any = 0) -> Any:
    if len(conditions) != len(choices) or not len(conditions):
        raise ValueError(
            f"numpy.select() needs as many choices as conditions, got {len(choices)} and {len(conditions)}"
        )
    result = default
    for condition, choice in zip(reversed(conditions), reversed(choices)):
        result = apply_ufunc(WHERE, "__call__", condition, choice, result)
    return result


def _piecewise(x: Any, conditions: Any, functions: Sequence[Any], *args: Any, **keywords: Any) -> Any:
    x, conditions = as_numbers(x), np.asarray(conditions)
    if conditions.dtype != object:  # known, so each function sees its own numbers only
        return np.piecewise.__wrapped__(x, conditions, functions, *args, **keywords)  # type: ignore[attr-defined]
    rows = conditions if conditions.ndim > x.ndim else conditions[None]
    found = [f(x, *args, **keywords) if callable(f) else f for f in functions]
    return _select(rows[::-1], found[len(rows) - 1 :: -1], found[-1] if len(found) > len(rows) else 0.0)


def _average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    a = as_numbers(a)
    shares = as_numbers(np.ones(a.shape) if weights is None else weights)
    if shares.shape != a.shape:
        np.average(np.ones(a.shape), axis, np.ones(shares.shape))  # raises what NumPy raises
        shares = np.moveaxis(shares.reshape(-1, *[1] * (a.ndim - 1)), 0, axis)
    total = np.broadcast_to(shares, a.shape).sum(axis, keepdims=keepdims)
    result = (a * shares).sum(axis, keepdims=keepdims) / total
    return (result, total) if returned else result


def _count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    marks = as_numbers(a) != 0
    if marks.dtype != object:
        return np.count_nonzero(marks, axis, keepdims=keepdims)
    return apply_ufunc(WHERE, "__call__", marks, 1.0, 0.0).sum(axis, keepdims=keepdims)


def _all(marks: Any) -> Any:
    """Whether all hold: a bool, or a condition that is not known yet."""
    held = np.all(as_numbers(marks))
    return bool(held) if isinstance(held, np.bool_) else held


def _allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    return _all(np.isclose(a, b, rtol, atol, equal_nan))


def _array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    try:
        a, b = as_numbers(a1), as_numbers(a2)
    except ValueError:  # rows of several lengths
        return False
    if a.shape != b.shape:
        return False
    return _all((a == b) | (a != a) & (b != b) if equal_nan else a == b)


def _array_equiv(a1: Any, a2: Any) -> Any:
    try:
        a, b = np.broadcast_arrays(as_numbers(a1), as_numbers(a2), subok=True)
    except ValueError:  # shapes that do not go together
        return False
    return _array_equal(a, b)


def _linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, **others: Any) -> Any:
    shares, step = np.linspace(0.0, 1.0, num, endpoint, retstep=True)
    start, change = as_numbers(start), as_numbers(stop) - start
    grid = start + change * shares.reshape(-1, *[1] * np.ndim(change))
    if endpoint and num > 1:
        grid[-1] = stop
    grid = np.moveaxis(grid, 0, others.get("axis", 0))
    return (grid, change * step) if retstep else grid


def _logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, **others: Any) -> Any:
    return np.power(base, _linspace(start, stop, num, endpoint, **others))


def _geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, **others: Any) -> Any:
    start = as_numbers(start)
    grid = start * _logspace(0.0, 1.0, num, endpoint, np.divide(stop, start), **others)
    if endpoint and num > 1:
        np.moveaxis(grid, others.get("axis", 0), 0)[-1] = stop
    return grid


_OURS: dict[Any, Callable[..., Any]] = {
    np.sinc: lambda x: np.frompyfunc(sinc, 1, 1)(as_numbers(x)),
    np.i0: lambda x: np.frompyfunc(i0, 1, 1)(as_numbers(x)),
    np.interp: _interp,
    np.cov: _cov,
    np.corrcoef: _corrcoef,
    np.gradient: _gradient,
    np.polyfit: _polyfit,
    np.nansum: _nansum,
    np.nanprod: _without_nan(np.prod, 1.0),
    np.nancumsum: _without_nan(np.cumsum, 0.0),
    np.nancumprod: _without_nan(np.cumprod, 1.0),
    np.nanmean: _nanmean,
    np.nanvar: _nanvar,
    np.nanstd: lambda *args, **keywords: np.sqrt(_nanvar(*args, **keywords)),
    np.nanmax: lambda a, axis=None, out=None, **keywords: np.fmax.reduce(as_numbers(a), axis, None, out, **keywords),
    np.nanmin: lambda a, axis=None, out=None, **keywords: np.fmin.reduce(as_numbers(a), axis, None, out, **keywords),
    np.select: _select,
    np.piecewise: _piecewise,
    np.average: _average,
    np.count_nonzero: _count_nonzero,
    np.allclose: _allclose,
    np.array_equal: _array_equal,
    np.array_equiv: _array_equiv,
    np.linspace: _linspace,
    np.logspace: _logspace,
    np.geomspace: _geomspace,
}
FUNCTIONS.update(_OURS)
