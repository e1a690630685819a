"""NumPy's functions on Values and on arrays of Values: element by element, by the rows of the table.

On arrays of objects NumPy uses the operators, methods and comparisons of the elements. Where a comparison decides,
the result is wrong or there is none: np.maximum would pick one of two Values by `>=`, which loses nan and gives a tie
to one side. A `NumberArray` uses the rows instead. The arrays that a function receives while it is differentiated are
NumberArrays, and so are those that NumPy derives from them. An array made by np.array is not.
"""

from __future__ import annotations

import functools
import inspect
import operator
import re
import sys
from collections.abc import Callable, Sequence
from math import inf, log, pi
from typing import Any, NoReturn

import numpy as np

from autograd_engine.primitives import PRIMITIVES, copysign, logaddexp, maximum, minimum, where

_NAMES = {
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "power": "pow",
    "negative": "neg",
    "absolute": "abs",
    "remainder": "mod",
    "floor_divide": "floordiv",
    "rint": "round",
    "float_power": "pow",
    "fabs": "abs",
    "expit": "sigmoid",
    "gammaln": "lgamma",
    "psi": "digamma",
}
"""Functions of NumPy and of scipy.special whose row has another name here."""

SCALES = {"deg2rad": pi / 180, "radians": pi / 180, "rad2deg": 180 / pi, "degrees": 180 / pi}
"""NumPy functions that multiply by a constant."""

_FORMULAS: dict[str, Callable[..., Any]] = {
    **{name: functools.partial(operator.mul, scale) for name, scale in SCALES.items()},
    "fmax": lambda x, y: where(x != x, y, where(y != y, x, maximum(x, y))),
    "fmin": lambda x, y: where(x != x, y, where(y != y, x, minimum(x, y))),
    "logaddexp2": lambda x, y: logaddexp(x * log(2), y * log(2)) / log(2),
    "ldexp": lambda x, n: x * 2.0**n,
}
"""NumPy functions for which there is no row, by element."""

_TESTS: dict[str, Callable[[Any], Any]] = {
    "isnan": lambda x: x != x,
    "isinf": lambda x: abs(x) == inf,
    "isfinite": lambda x: abs(x) < inf,
    "signbit": lambda x: copysign(1.0, x) < 0,
    "logical_not": lambda x: x == 0,
}
"""NumPy's functions that ask a yes-or-no question about one number."""

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "logical_and": lambda x, y: (x != 0) & (y != 0),
    "logical_or": lambda x, y: (x != 0) | (y != 0),
    "logical_xor": lambda x, y: (x != 0) ^ (y != 0),
}
"""Comparisons, and what connects truths, by the names of NumPy's functions."""

_CONNECTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "logical_and": operator.and_,
    "logical_or": operator.or_,
    "logical_xor": operator.xor,
}
"""What the functions that connect numbers as truths do with truths, by which they reduce."""

_OF_TRUTHS: dict[Any, Any] = {
    **dict.fromkeys((np.add, np.maximum, np.fmax), np.bitwise_or),
    **dict.fromkeys((np.multiply, np.minimum, np.fmin), np.bitwise_and),
    **dict.fromkeys((np.subtract, np.negative, np.positive), None),
}
"""What some of NumPy's functions are of truths; None where NumPy refuses."""

WHERE = np.frompyfunc(where, 3, 1)
"""The row `where` as a NumPy ufunc."""


class NumberArray(np.ndarray[Any, Any]):
    """An array of Values or other recorded numbers, indexed and shaped like any NumPy array."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        return apply_ufunc(ufunc, method, *inputs, **keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        return apply_function(function, args, keywords)

    def astype(self, dtype: Any, *args: Any, copy: bool = True, **keywords: Any) -> Any:  # type: ignore[override]
        """The same numbers where floats are asked for, since that is what they are; of truths, 0 and 1."""
        of_truths = _is_of_truths(self)
        if of_truths and np.dtype(dtype) in (float, int):
            return self * 1.0
        if np.dtype(dtype) == (bool if of_truths else float):
            return self.copy() if copy else self
        plain: Any = super()
        return plain.astype(dtype, *args, copy=copy, **keywords)

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **others: Any) -> Any:
        """The mean, of the numbers `where=` a condition holds if there is one."""
        where = others.pop("where", True)
        if where is True:
            plain: Any = super()
            return viewed(plain.mean(axis, dtype, out, keepdims, **others))
        counted = apply_ufunc(WHERE, "__call__", np.broadcast_to(where, self.shape), 1.0, 0.0)
        total = self.sum(axis, out=out, keepdims=keepdims, where=where, **others)
        return total / counted.sum(axis, keepdims=keepdims)

    def sort(self, axis: Any = -1, *args: Any, **keywords: Any) -> None:
        """Sort in place, as np.sort does."""
        self[...] = np.sort(self, axis, *args, **keywords)

    def partition(self, *args: Any, **keywords: Any) -> None:
        """Partition in place, as np.partition does."""
        self[...] = np.partition(self, *args, **keywords)

    def argsort(self, *args: Any, **keywords: Any) -> Any:
        """np.argsort of the array; so are `argpartition`, `argmax`, `argmin` and `searchsorted` NumPy's functions."""
        return np.argsort(self, *args, **keywords)

    def argpartition(self, *args: Any, **keywords: Any) -> Any:  # noqa: D102
        return np.argpartition(self, *args, **keywords)

    def argmax(self, *args: Any, **keywords: Any) -> Any:  # noqa: D102
        return np.argmax(self, *args, **keywords)

    def argmin(self, *args: Any, **keywords: Any) -> Any:  # noqa: D102
        return np.argmin(self, *args, **keywords)

    def searchsorted(self, *args: Any, **keywords: Any) -> Any:  # noqa: D102
        return np.searchsorted(self, *args, **keywords)

    def __copy__(self) -> Any:
        return viewed(super().__copy__())  # NumPy returns a plain array

    def __deepcopy__(self, memo: Any) -> Any:
        return viewed(super().__deepcopy__(memo))

    def __repr__(self) -> str:
        return repr(_plain(self))

    def __str__(self) -> str:
        return str(_plain(self))


def apply_function(function: Any, args: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """Call a NumPy function on recorded numbers: what stands for it in `FUNCTIONS`, or else its own Python text.

    Returns NotImplemented if an argument of another type handles functions itself, so that NumPy asks that argument.
    Raises TypeError if the function takes floats only.
    """
    if any(_handles_ufuncs_itself(x) for x in args):
        return NotImplemented
    if function in FUNCTIONS:
        return viewed(FUNCTIONS[function](*args, **keywords))
    if function is np.where and len(args) == 3 and _is_of_numbers(args[0]):
        return apply_ufunc(WHERE, "__call__", *args)
    try:
        return viewed(function._implementation(*args, **keywords))
    except (TypeError, AttributeError) as error:
        _explain(error, f"{function.__module__}.{function.__name__}")


_OF_FLOATS = r"dtype\('O'\)|for the input types|no callable|as a data type|attribute 'dtype'|takes floats only"
"""What errors say where a function of NumPy's does not take objects; the last are those that `_explain` raises."""


def _explain(error: Exception, name: str) -> NoReturn:
    """Raise the error of a NumPy function, in words that a user can act on if it does not take objects."""
    if not re.search(_OF_FLOATS, str(error)):
        raise error
    raise TypeError(
        f"{name}() takes floats only, so it has no derivatives; write it with operators, @ and the functions of "
        "autograd_engine, or give it plain numbers, x.data"
    ) from error


def apply_ufunc(ufunc: np.ufunc, method: str, *inputs: Any, out: tuple[Any, ...] | None = None, **keywords: Any) -> Any:
    """Apply a method of a NumPy ufunc element by element, by the row of the table where there is one.

    Returns NotImplemented if an input of another type handles ufuncs itself, so that NumPy asks that input.
    """
    if any(_handles_ufuncs_itself(x) for x in inputs):
        return NotImplemented
    if ufunc is np.matmul and not out and not keywords and method == "__call__":
        found = FUNCTIONS[np.matmul](*map(np.asarray, inputs))
        if found is not NotImplemented:
            return found
    if out is not None:
        if not all(isinstance(x, np.ndarray) for x in out):
            raise TypeError(f"numpy.{ufunc.__name__}() can only write its result into an array, not {out[0]!r:.60}")
        if ufunc.__name__ in _TESTS or ufunc.__name__ in COMPARISONS:
            keywords.setdefault("casting", "unsafe")  # the results are booleans held as objects
        elif any(x.dtype != object for x in out):
            raise TypeError(
                f"numpy.{ufunc.__name__}() cannot write what is differentiated or compiled into an array of floats, "
                "out=; make that array by np.zeros_like(x), where x is an argument of the function"
            )
    if method == "__call__" and keywords.get("where", True) is not True:
        keywords["where"] = condition = np.asarray(keywords["where"])
        if condition.dtype == object or (out is None and not condition.all()):
            return _written_where(keywords.pop("where"), ufunc, inputs, out, keywords)
    if out is not None:
        keywords["out"] = tuple(map(_plain, out))
    arrays = [np.asarray(x, dtype=object) for x in inputs]
    if keywords.get("dtype") is not None and np.dtype(keywords["dtype"]) in (float, bool):
        del keywords["dtype"]  # what numbers and conditions are
    if ufunc in _OF_TRUTHS and method in ("__call__", "outer") and all(map(_is_of_truths, arrays)):
        ufunc = _OF_TRUTHS[ufunc] or ufunc(*[np.zeros(1, dtype=bool)] * ufunc.nin)  # which raises NumPy's error
    if method == "reduce" and keywords.get("where", True) is not True:
        neutral = keywords.get("initial") if ufunc.identity is None else ufunc.identity
        arrays[0] = _only(arrays[0], keywords.pop("where"), neutral)
    if method in ("reduce", "accumulate", "reduceat") and ufunc.__name__ in _CONNECTIONS:
        arrays[0] = np.asarray(arrays[0].view(NumberArray) != 0, dtype=object)  # so is a single number a truth
    if method in ("at", "reduceat"):  # the second input holds indices
        arrays[:2] = [_plain(inputs[0] if method == "at" else arrays[0]), inputs[1]]
    if method == "reduce" and ufunc in _EXTREMES and out is None:
        given = {name: keywords[name] for name in ("axis", "keepdims") if name in keywords}
        initial = keywords.get("initial")
        return viewed(_extreme(ufunc, arrays[0], **given, initial=None if initial is _NO_VALUE else initial))
    with np.errstate(all="ignore"):  # nan and inf are valid results, as they are for Values
        try:
            result = getattr(_by_rows(ufunc, method), method)(*map(_plain, arrays), **keywords)
        except TypeError as error:
            _explain(error, f"numpy.{ufunc.__name__}" if hasattr(np, ufunc.__name__) else ufunc.__name__)
    if out is not None and method != "at":
        return out[0] if len(out) == 1 else out
    return truths(result) if ufunc.__name__ in _TESTS or ufunc.__name__ in COMPARISONS else viewed(result)


def _written_where(condition: Any, ufunc: np.ufunc, inputs: Any, out: Any, keywords: dict[str, Any]) -> Any:
    """Write the results of a ufunc where a condition holds, which need not be known yet."""
    if out is None:
        raise TypeError(f"numpy.{ufunc.__name__}() with where= needs out=, an array that has the numbers elsewhere")
    results = apply_ufunc(ufunc, "__call__", *inputs, **keywords)
    for array, result in zip(out, results if ufunc.nout > 1 else (results,)):
        array[...] = apply_ufunc(WHERE, "__call__", condition, result, array)
    return out[0] if len(out) == 1 else out


_NO_VALUE = inspect.signature(np.max).parameters["initial"].default
_EXTREMES: dict[Any, Any] = {np.maximum: PRIMITIVES["amax"], np.minimum: PRIMITIVES["amin"]}


def _extreme(ufunc: np.ufunc, x: Any, axis: Any = 0, *, keepdims: bool = False, initial: Any = None) -> Any:
    """The largest or smallest numbers along axes, and of an initial one if there is one, as one node each."""
    first = [] if initial is None else [initial]
    like = ufunc.reduce(np.zeros(x.shape), axis, keepdims=keepdims, initial=0.0 if first else None)  # NumPy's errors
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    rows = np.moveaxis(x, tuple(axes), tuple(range(-len(axes), 0))).reshape(np.size(like), -1)
    found = np.empty(len(rows), dtype=object)
    found[:] = [_EXTREMES[ufunc](*first, *row) for row in rows.tolist()]
    return found.reshape(np.shape(like))[()]


def _only(x: Any, condition: Any, neutral: Any) -> Any:
    """`x` where the condition holds; elsewhere what leaves a reduction unchanged."""
    if neutral is None:
        raise ValueError("a maximum or minimum with where= needs initial=, the result where no number is left")
    return apply_ufunc(WHERE, "__call__", condition, x, neutral)


def as_numbers(x: Any) -> Any:
    """An array, or what can be one, as an array of recorded numbers."""
    return np.asarray(x, dtype=object).view(NumberArray)


def number_array(numbers: Sequence[Any], shape: Sequence[int]) -> Any:
    """`numbers` as an array of the given shape: of floats if all of them are floats, else a NumberArray."""
    if all(isinstance(x, float) for x in numbers):
        return np.array(numbers, dtype=float).reshape(shape)
    return np.fromiter(numbers, dtype=object, count=len(numbers)).reshape(shape).view(NumberArray)


def compared_like(made: Any, *others: Any) -> Any:
    """`made` of numbers of `others`: a plain array if these are, which NumPy compares as objects."""
    arrays = [x for x in others if isinstance(x, np.ndarray) and x.dtype == object]
    is_plain = bool(arrays) and all(type(x) is np.ndarray for x in arrays)
    return np.asarray(made) if is_plain and isinstance(made, NumberArray) else made


def _by_rows(ufunc: np.ufunc, method: str) -> Any:
    """`ufunc`, or a function that computes the same on objects by the rows of the table."""
    name = ufunc.__name__
    if name in _TESTS:
        test = _TESTS[name]
        return np.frompyfunc(lambda x: test(x if hasattr(x, "record") else float(x)), 1, 1)
    if name in _CONNECTIONS and method not in ("__call__", "outer"):
        return np.frompyfunc(_CONNECTIONS[name], 2, 1, identity=ufunc.identity)
    if name in COMPARISONS and (method == "__call__" or name in _CONNECTIONS):
        return np.frompyfunc(COMPARISONS[name], 2, 1, identity=ufunc.identity)
    if name == "divmod":
        return np.frompyfunc(divmod, 2, 2)
    if name in _FORMULAS:
        return _pyfunc(_FORMULAS[name], ufunc)
    op = PRIMITIVES.get(_NAMES.get(name, name))
    if op is None or op.arity != ufunc.nin:
        return ufunc
    if method != "__call__" and hasattr(operator, name):  # NumPy's own reductions know the sum of nothing
        return ufunc
    return _pyfunc(op, ufunc)


def _pyfunc(f: Callable[..., Any], ufunc: np.ufunc) -> Any:
    """`f` as a NumPy ufunc that reduces several axes where `ufunc` does."""
    if ufunc.identity is None and ufunc.__name__ not in ("maximum", "minimum", "fmax", "fmin"):
        return np.frompyfunc(f, ufunc.nin, 1)
    return np.frompyfunc(f, ufunc.nin, 1, identity=ufunc.identity)


def _handles_ufuncs_itself(x: Any) -> bool:
    known = isinstance(x, (np.ndarray, np.generic)) or hasattr(x, "record")
    return not known and hasattr(x, "__array_ufunc__")


def _is_of_numbers(condition: Any) -> bool:
    """Whether NumPy would ask recorded numbers in `condition` for their truth value."""
    return hasattr(condition, "record") or (isinstance(condition, np.ndarray) and condition.dtype == object)


def _nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    """np.nan_to_num by the rows of the table; NumPy's own leaves arrays of objects unchanged."""
    if not copy:
        raise TypeError("numpy.nan_to_num() cannot change an array of Values in place; leave out copy=False")
    largest = sys.float_info.max if posinf is None else posinf
    smallest = -sys.float_info.max if neginf is None else neginf
    finite = apply_ufunc(WHERE, "__call__", x == inf, largest, apply_ufunc(WHERE, "__call__", x == -inf, smallest, x))
    return apply_ufunc(WHERE, "__call__", x != x, nan, finite)


FUNCTIONS: dict[Any, Callable[..., Any]] = {np.nan_to_num: _nan_to_num}
"""What computes functions of NumPy's on NumberArrays; later modules add theirs."""


def truths(result: Any) -> Any:
    """NumPy's booleans; or an array of conditions, if one of them is not known yet (while a function is traced)."""
    if isinstance(result, (bool, np.bool_)):
        return np.bool_(result)
    known = isinstance(result, np.ndarray) and all(isinstance(x, (bool, np.bool_)) for x in result.flat)
    return result.astype(bool) if known else viewed(result)


def _is_of_truths(x: Any) -> bool:
    """Whether an array of objects holds bools, and conditions that are not known yet."""
    return all(isinstance(e, (bool, np.bool_)) or getattr(e, "is_truth", False) for e in x.flat) and x.size > 0


def _plain(x: Any) -> Any:
    return x.view(np.ndarray) if isinstance(x, NumberArray) else x


def viewed(result: Any) -> Any:
    """An array of objects as a NumberArray; of a tuple, each part."""
    if type(result) is np.ndarray and result.dtype == object:
        return result.view(NumberArray)
    return tuple(map(viewed, result)) if type(result) is tuple else result
