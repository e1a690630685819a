"""What is called instead of functions of Python and NumPy that ask for the truth of numbers."""

from __future__ import annotations

import bisect
import builtins
import math
import operator
from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np

from autograd_engine.compiler.statements import indices, iterables
from autograd_engine.compiler.statements.cases import by_case
from autograd_engine.compiler.statements.conditions import truth
from autograd_engine.compiler.statements.operators import UNKNOWN, if_exp
from autograd_engine.compiler.trace.arrays import is_unknown
from autograd_engine.compiler.trace.errors import user_line
from autograd_engine.compiler.trace.indices import Index
from autograd_engine.compiler.trace.traced import Traced, refusal
from autograd_engine.number_arrays import number_array, viewed
from autograd_engine.primitives import ceil, floor, sign, where

_NOTHING: Any = object()


def _largest(better: Callable[[Any, Any], Any], builtin: Callable[..., Any]) -> Callable[..., Any]:
    """Python's max or min: the first of the numbers than which no other is better."""

    def chosen(*args: Any, key: Any = None, default: Any = _NOTHING) -> Any:
        given = list(args[0]) if len(args) == 1 else list(args)
        keys = given if key is None else [key(x) for x in given]
        if not any(isinstance(x, Traced) for x in keys):
            others = {"key": key} if default is _NOTHING else {"key": key, "default": default}
            return builtin(given, **others) if len(args) == 1 else builtin(*given, key=key)
        best = keys[0], given[0]
        for pair in zip(keys[1:], given[1:]):
            best = if_exp(better(pair[0], best[0]), lambda pair=pair: pair, lambda best=best: best)  # type: ignore[misc]
        return best[1]

    return chosen


def _sorted(items: Iterable[Any], *, key: Any = None, reverse: bool = False) -> Any:
    """`sorted`, of numbers."""
    given = list(items)
    if not any(isinstance(x, Traced) for x in given):
        return sorted(given, key=key, reverse=reverse)
    if key is not None:
        raise refusal(f"{user_line()} sorts by a key that depends on {UNKNOWN}; sort the numbers themselves")
    numbers = np.sort(number_array(given, (len(given),))).tolist()
    return numbers[::-1] if reverse else numbers


def _any(conditions: Iterable[Any]) -> Any:
    result: Any = False
    for x in conditions:
        if (result := if_exp(result, lambda: True, lambda x=x: truth(x))) is True:  # type: ignore[misc]
            break
    return result


def _all(conditions: Iterable[Any]) -> Any:
    result: Any = True
    for x in conditions:
        if (result := if_exp(result, lambda x=x: truth(x), lambda: False)) is False:  # type: ignore[misc]
            break
    return result


def _whole(x: Any = 0, *base: Any) -> Any:
    """`int`: of a number that is not known, towards zero. No derivative goes through it."""
    if not isinstance(x, Traced) or base:
        return int(x, *base)
    return x if isinstance(x, Index) else where(x < 0, ceil(x), floor(x)).detach()


def _taken(a: Any, places: Any, axis: Any = None, **others: Any) -> Any:
    """`np.take`."""
    places = np.asarray(places)
    if not is_unknown(places) or others:
        return np.take(a, places, axis, **others)
    array = np.asanyarray(a).ravel() if axis is None else np.moveaxis(np.asanyarray(a), axis, 0)
    found = indices.item(array, places)
    count = places.ndim
    return found if axis is None else np.moveaxis(found, range(count), range(axis, axis + count))


def _larger(better: Callable[[Any, Any], Any]) -> Any:
    """What NumPy's maximum or minimum of two objects is: the first one, if it is not worse."""
    return np.frompyfunc(lambda x, y: if_exp(better(x, y), lambda: x, lambda: y), 2, 1)


_MAXIMUM, _MINIMUM = _larger(operator.ge), _larger(operator.le)


def _over(ufunc: Any) -> Callable[..., Any]:
    """The reduction of an array along some axes, or of all of it."""

    def reduced(a: Any, axis: Any = None, keepdims: bool = False, **initial: Any) -> Any:
        axes = range(a.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        for k in sorted([k % a.ndim for k in axes], reverse=not keepdims):
            a = ufunc.reduce(a, k, keepdims=keepdims, **initial)
        return a

    return reduced


def _clipped(a: Any, low: Any = None, high: Any = None) -> Any:
    a = a if low is None else _MAXIMUM(a, low)
    return a if high is None else _MINIMUM(a, high)


def _comparing(function: Callable[..., Any], of_objects: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy's that compares numbers, of arrays made by np.array too, which compare as objects do."""

    def called(*args: Any, **keywords: Any) -> Any:
        given = [np.asanyarray(indices.read(a)) if isinstance(a, (list, tuple, np.ndarray)) else a for a in args]
        arrays = [a for a in given if type(a) is np.ndarray]
        others = [a for a in given if type(a) is not np.ndarray and a is not None]
        are_plain = all(isinstance(a, (float, int, np.number)) for a in others)
        if not are_plain or not any(map(is_unknown, arrays)) or not keywords.keys() <= {"axis", "keepdims", "initial"}:
            return function(*args, **keywords)
        return of_objects(*given, **keywords)

    return called


def method_of(f: Any) -> Callable[..., Any] | None:
    """What is called instead of a method of a list, a dict, an array of objects or a ufunc that compares."""
    owner: Any = getattr(f, "__self__", None)
    name = getattr(f, "__name__", "")
    is_array = type(owner) is np.ndarray and is_unknown(owner)
    if name == "get" and isinstance(owner, dict):
        return lambda *args: by_case(lambda given: owner.get(*given), args)
    if name in ("sort", "partition") and (is_array or type(owner) is list):
        order = BUILTINS[getattr(np, name) if is_array else builtins.sorted]
        return lambda *args, **keywords: operator.setitem(owner, slice(None), order(owner, *args, **keywords))
    if is_array and name in _METHODS:
        return lambda *args, **keywords: BUILTINS[_METHODS[name]](owner, *args, **keywords)
    if isinstance(owner, np.ufunc) and owner in _OF_OBJECTS and name in ("accumulate", "reduce", "outer"):
        return _comparing(f, getattr(_OF_OBJECTS[owner], name))
    return None


_METHODS = {name: getattr(np, name) for name in ("max", "min", "clip", "argmax", "argmin", "argsort", "argpartition")}
_OF_OBJECTS: dict[Any, Any] = {np.maximum: _MAXIMUM, np.fmax: _MAXIMUM, np.minimum: _MINIMUM, np.fmin: _MINIMUM}
_EXTREMES: dict[Any, Callable[..., Any]] = {
    **_OF_OBJECTS,
    **dict.fromkeys((np.max, np.amax), _over(_MAXIMUM)),
    **dict.fromkeys((np.min, np.amin), _over(_MINIMUM)),
    np.ptp: lambda a, axis=None: _over(_MAXIMUM)(a, axis) - _over(_MINIMUM)(a, axis),
    np.clip: _clipped,
    np.sign: np.frompyfunc(sign, 1, 1),
}
_DECIDING: tuple[Any, ...] = (
    *(np.argmax, np.argmin, np.argsort, np.sort, np.argpartition, np.partition, np.searchsorted),
    *(np.median, np.percentile, np.quantile, np.linalg.norm),
    *(np.count_nonzero, np.allclose, np.array_equal, np.array_equiv),
)


_OF_NUMBERS_ALONE = (np.nansum, np.nanprod, np.nancumsum, np.nancumprod, np.nanmean, np.nanvar, np.nanstd)


def _by_order(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy's that decides by comparing, of lists and arrays made by np.array too."""

    def seen(a: Any) -> Any:
        a = indices.read(a)
        return viewed(np.asarray(a) if isinstance(a, (list, tuple)) else a)

    return lambda a, *args, **others: function(seen(a), *map(seen, args), **others)


def _without_nan(function: Callable[..., Any]) -> Callable[..., Any]:
    """np.nanmax or np.nanmin, of a list or an array made by np.array too: the extreme of what is a number."""
    extreme, lost = (BUILTINS[np.max], -math.inf) if function is np.nanmax else (BUILTINS[np.min], math.inf)

    def called(a: Any, axis: Any = None, *, keepdims: bool = False, **others: Any) -> Any:
        a = indices.read(a)
        array = np.asarray(a) if isinstance(a, (list, tuple)) else a
        if type(array) is not np.ndarray or not is_unknown(array) or others:
            return function(a, axis, keepdims=keepdims, **others)
        numbers = viewed(array)
        are = numbers == numbers
        found = extreme(np.asarray(np.where(are, numbers, lost)), axis=axis, keepdims=keepdims)
        return np.where(np.any(are, axis=axis, keepdims=keepdims), found, math.nan)

    return called


def _close(a: Any, b: Any, *args: Any, **others: Any) -> Any:
    """`np.isclose`, of numbers, lists and arrays made by np.array too."""
    arrays = [np.asarray(indices.read(x)) for x in (a, b)]
    found = np.isclose(*[viewed(np.atleast_1d(x)) for x in arrays], *args, **others)
    return found if any(x.ndim for x in arrays) else found[0]


def _place(side: Literal["left", "right"]) -> Callable[..., Any]:
    """`bisect`, where an index of numbers that are not known is asked for."""

    def found(a: Any, x: Any, *others: Any, **keywords: Any) -> Any:
        a = indices.read(a)
        if others or keywords or not (is_unknown(x) or any(map(is_unknown, a))):
            return getattr(bisect, f"bisect_{side}")(a, x, *others, **keywords)
        return np.searchsorted(number_array([*a], (len(a),)), x, side=side)

    return found


BUILTINS: dict[Any, Callable[..., Any]] = {
    np.take: _taken,
    **{f: _by_order(f) for f in _DECIDING},
    **{f: _comparing(f, of_objects) for f, of_objects in _EXTREMES.items()},
    **{f: _by_order(f) for f in _OF_NUMBERS_ALONE},
    np.isclose: _close,
    bisect.bisect_left: _place("left"),
    bisect.bisect_right: _place("right"),
    builtins.int: _whole,
    builtins.sorted: _sorted,
    builtins.float: lambda x=0.0: x if isinstance(x, Traced) else float(x),
    builtins.max: _largest(lambda x, best: x > best, builtins.max),
    builtins.min: _largest(lambda x, best: x < best, builtins.min),
    builtins.str: lambda *args: by_case(lambda given: str(*given), args),
    builtins.getattr: lambda *args: by_case(lambda given: getattr(*given), args),
    builtins.bool: lambda x=False: truth(x),
    builtins.any: _any,
    builtins.isinstance: indices.is_instance,
    builtins.type: indices.kind,
    builtins.len: iterables.length,
    builtins.sum: iterables.total,
    builtins.range: iterables.ranged,
    builtins.iter: iterables.iterator,
    builtins.zip: iterables.zipped,
    builtins.enumerate: iterables.enumerated,
    builtins.all: _all,
}
"""What is called instead of builtin functions that ask for the truth of numbers."""
BUILTINS |= {f: _without_nan(f) for f in (np.nanmax, np.nanmin)}
