"""NumPy's functions that sort or look for a number, for recorded numbers that need not be known yet.

Where Python can tell which of two numbers is less, NumPy's own functions do the work. While a function is compiled it
cannot: then numbers are exchanged by `where`, pair by pair, in an order that does not depend on them (a sorting
network), and an index is a number like others. As in NumPy, nan is sorted to the end, and is the largest and the
smallest of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import floor, nan
from typing import Any

import numpy as np

from autograd_engine.number_arrays import FUNCTIONS, as_numbers
from autograd_engine.primitives import where

_FEW = 16
"""Up to this many numbers are sorted by exchanging neighbours, which keeps equal ones in their order."""


def _floats(array: Any) -> Any:
    """The floats of recorded numbers, as an array; None if they are not known yet."""
    array = np.asarray(array, dtype=object)
    numbers = array.ravel().tolist()
    if not all(isinstance(x < 0.0, (bool, np.bool_)) for x in numbers):
        return None
    return np.array([float(getattr(x, "data", x)) for x in numbers]).reshape(array.shape)


def _order(a: Any, axis: Any) -> Any:
    """Floats in the order of numbers along an axis; None if it is not known yet. That of a single number is known."""
    length = np.size(a) if axis is None else np.shape(a)[axis]
    return np.zeros(np.shape(a)) if length == 1 else _floats(a)


def exchanges(n: int) -> Iterator[tuple[int, int]]:
    """The pairs of places whose numbers are exchanged if the second is less, so that n numbers get sorted.

    Neighbours in turns for few numbers; then Batcher's odd-even merge sort (Knuth, The Art of Computer Programming,
    volume 3, 5.2.2).
    """
    if n <= _FEW:
        yield from ((j, j + 1) for turn in range(n) for j in range(turn % 2, n - 1, 2))
        return
    p = 1
    while p < n:
        k = p
        while k:
            for j in range(k % p, n - k, 2 * k):
                for i in range(j, j + min(k, n - j - k)):
                    if i // (2 * p) == (i + k) // (2 * p):
                        yield i, i + k
            k //= 2
        p *= 2


def _sorted(numbers: Sequence[Any], *others: Sequence[Any]) -> list[list[Any]]:
    """Numbers in ascending order, equal ones in the order in which they are given, and others in the same order."""
    rows = list(zip(numbers, *others, range(len(numbers))))
    for i, j in exchanges(len(rows)):
        (a, *_, place), (b, *_, other) = rows[i], rows[j]
        swaps = (b < a) | ((a != a) & (b == b))
        if len(rows) > _FEW:
            swaps = swaps | (((a == b) | ((a != a) & (b != b))) & (other < place))
        before, after = rows[i], rows[j]
        rows[i] = tuple([where(swaps, y, x) for x, y in zip(before, after)])
        rows[j] = tuple([where(swaps, x, y) for x, y in zip(before, after)])
    return [list(column) for column in zip(*rows)] if rows else [[], *[[] for _ in others], []]


def _along(f: Callable[[list[Any]], Any], a: Any, axis: Any) -> Any:
    """`f` of the numbers along an axis; of all of them if it is None."""
    a = as_numbers(a)
    if axis is None:
        a, axis = a.ravel(), 0
    moved = np.moveaxis(a, axis, -1)
    found = [as_numbers(f(row.tolist())) for row in moved.reshape(-1, moved.shape[-1])]
    stacked = as_numbers(np.stack(found)).reshape((*moved.shape[:-1], *found[0].shape))
    return np.moveaxis(stacked, -1, axis) if found[0].ndim else stacked[()]


def _sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, **others: Any) -> Any:
    floats = _floats(a)
    if floats is None:
        return _along(lambda row: _sorted(row)[0], a, axis)
    places = np.argsort(floats, axis, kind or "stable", order, **others)
    return as_numbers(a).ravel()[places] if axis is None else np.take_along_axis(as_numbers(a), places, axis)


def _argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, **others: Any) -> Any:
    floats = _order(a, axis)
    if floats is None:
        return _along(lambda row: _sorted(row)[-1], a, axis)
    return np.argsort(floats, axis, kind, order, **others)


def _partitioned(plain: Any, in_order: Callable[..., Any]) -> Callable[..., Any]:
    """np.partition or np.argpartition: numbers in ascending order are partitioned at every place."""

    def call(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> Any:
        plain(np.zeros(np.shape(a)), kth, axis, kind, order)  # raises what NumPy raises
        return in_order(a, axis)

    return call


def _place_of(better: Callable[[Any, Any], Any], plain: Any) -> Callable[..., Any]:
    """np.argmax or np.argmin: the place of the best number, the first of several, or of the first nan."""

    def of_row(row: list[Any]) -> Any:
        if not row:
            return plain(row)  # raises what NumPy raises
        best, place = row[0], 0
        for i, x in enumerate(row[1:], 1):
            is_better = (better(x, best) | (x != x)) & (best == best)
            best, place = where(is_better, x, best), where(is_better, i, place)
        return place

    def call(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        if (floats := _order(a, axis)) is not None:
            return plain(floats, axis, out, **({"keepdims": keepdims} if keepdims else {}))
        return _kept(_along(of_row, a, axis), a, axis, keepdims)

    return call


def _searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    if sorter is not None:
        a = np.asarray(a)[sorter]
    knots, numbers = _floats(a), _floats(v)
    if knots is not None and numbers is not None:
        return np.searchsorted(knots, numbers, side)  # type: ignore[call-overload]
    if side not in ("left", "right"):
        raise ValueError(f"search side must be 'left' or 'right', got {side!r}")
    knots = np.asarray(a, dtype=object).tolist()

    def place(x: Any) -> Any:
        """How many numbers come before x; nan comes after all of them."""
        total: Any = 0.0
        for knot in knots:
            comes_first = (knot < x) if side == "left" else (knot <= x)
            total = total + where(comes_first | (x != x), 1.0, 0.0)
        return total

    return np.frompyfunc(place, 1, 1)(as_numbers(v))


_WEIGHTS: dict[str, Callable[[float], float]] = {
    "linear": lambda part: part,
    "lower": lambda part: 0.0,
    "higher": lambda part: float(part > 0),
    "midpoint": lambda part: 0.5 * (part > 0),
}
"""NumPy's methods for a quantile between two numbers: the weight of the second, by how far the quantile is from the
first."""


def _quantile(plain: Any, scale: float, skips_nan: bool) -> Callable[..., Any]:
    """np.percentile and the like, of numbers whose order need not be known."""

    def call(
        a: Any, q: Any, axis: Any = None, *args: Any, method: str = "linear", keepdims: bool = False, **others: Any
    ) -> Any:
        shares = np.asarray(q, dtype=float)
        if args or others or skips_nan or isinstance(axis, tuple) or (method not in _WEIGHTS and method != "nearest"):
            if _floats(a) is None:
                raise TypeError(
                    f"numpy.{plain.__name__}() of numbers that are not known while tracing takes a, q, axis, keepdims "
                    f"and one of the methods {', '.join(_WEIGHTS)}, nearest" + (", and skips no nan" * skips_nan)
                )
            # NumPy's text takes several quantiles of objects but not a single one.
            options = {"method": method, "keepdims": keepdims, **others}
            found = plain._implementation(as_numbers(a), np.atleast_1d(shares), axis, *args, **options)
            return found if shares.ndim else found[0]
        np.quantile([0.0], shares / scale)  # raises what NumPy raises
        flat, along = (np.ravel(a), 0) if axis is None else (a, axis)
        numbers = np.moveaxis(_sort(flat, along), along, 0)
        each = [_kept(_of_sorted(numbers, share, method), a, axis, keepdims) for share in (shares / scale).flat]
        return as_numbers(np.stack(list(map(as_numbers, each)))).reshape((*shares.shape, *np.shape(each[0])))[()]

    return call


def _of_sorted(numbers: Any, share: float, method: str) -> Any:
    """The quantile of numbers that are sorted along the first axis, nan if the last of them is."""
    at = share * (len(numbers) - 1)
    low = min(floor(at), len(numbers) - 1)
    weight = round(at) - low if method == "nearest" else _WEIGHTS[method](at - low)
    high = min(low + 1, len(numbers) - 1)
    return np.where(numbers[-1] != numbers[-1], nan, _between(numbers[low], numbers[high], weight))


def _between(low: Any, high: Any, weight: float) -> Any:
    """Numbers between two, by NumPy's formula: from the nearer one, which is not rounded if it has all the weight."""
    if weight in (0, 1):
        return high if weight else low
    return low + (high - low) * weight if weight < 0.5 else high - (high - low) * (1 - weight)


def _kept(found: Any, a: Any, axis: Any, keepdims: bool) -> Any:
    """A result with the axis along which it was computed, if that is asked for."""
    if not keepdims:
        return found
    return as_numbers(found).reshape([1] * np.ndim(a)) if axis is None else np.expand_dims(found, axis)


def _median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    if out is not None or isinstance(axis, tuple):
        return np.median._implementation(as_numbers(a), axis, out, overwrite_input, keepdims)  # type: ignore[attr-defined]
    flat, along = (np.ravel(a), 0) if axis is None else (a, axis)
    numbers = np.moveaxis(_sort(flat, along), along, 0)
    n = len(numbers)
    middle = numbers[n // 2] if n % 2 else (numbers[n // 2 - 1] + numbers[n // 2]) / 2
    return _kept(np.where(numbers[-1] != numbers[-1], nan, middle), a, axis, keepdims)


def _unique(ar: Any, *args: Any, **keywords: Any) -> Any:
    if _floats(ar) is None:
        raise TypeError(
            "numpy.unique() has as many numbers as differ, which is known only when the compiled function is called; "
            "call it outside, on plain numbers, or use np.sort(), whose length is known"
        )
    return np.unique._implementation(ar, *args, **keywords)  # type: ignore[attr-defined]


_OURS: dict[Any, Callable[..., Any]] = {
    np.sort: _sort,
    np.unique: _unique,
    np.argsort: _argsort,
    np.partition: _partitioned(np.partition, _sort),
    np.argpartition: _partitioned(np.argpartition, _argsort),
    np.argmax: _place_of(lambda x, best: x > best, np.argmax),
    np.argmin: _place_of(lambda x, best: x < best, np.argmin),
    np.searchsorted: _searchsorted,
    np.median: _median,
    np.quantile: _quantile(np.quantile, 1.0, skips_nan=False),
    np.percentile: _quantile(np.percentile, 100.0, skips_nan=False),
    np.nanquantile: _quantile(np.nanquantile, 1.0, skips_nan=True),
    np.nanpercentile: _quantile(np.nanpercentile, 100.0, skips_nan=True),
}
FUNCTIONS.update(_OURS)
