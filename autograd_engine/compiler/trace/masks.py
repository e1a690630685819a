"""The numbers of an array for which conditions hold: `x[x > 0]` and `x[:n]`, while only a call can tell how many."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.traced import Condition, refusal
from autograd_engine.control_flow import recorder
from autograd_engine.number_arrays import WHERE, apply_ufunc, as_numbers


class Masked(NDArrayOperatorsMixin):
    """The entries of `numbers` along the first axis for which `holds`; it can be computed with and added up."""

    ndim = 1

    def __init__(self, numbers: Any, holds: Any, shape: tuple[int, ...]) -> None:
        self.numbers, self.holds, self.shape_of_all = as_numbers(numbers), np.asarray(holds, dtype=object), shape

    def where(self, neutral: float) -> Any:
        """All entries, with another number instead of those that do not count."""
        holds = self.holds.reshape(-1, *[1] * (self.numbers.ndim - 1))
        return apply_ufunc(WHERE, "__call__", holds, self.numbers, neutral)

    def sum(self, axis: Any = None) -> Any:
        """The sum."""
        return self.where(0.0).sum(axis=self._checked(axis))

    def prod(self, axis: Any = None) -> Any:
        """The product."""
        return self.where(1.0).prod(axis=self._checked(axis))

    def mean(self, axis: Any = None) -> Any:
        """The mean, nan if there are none."""
        each = 1.0 if axis == 0 else float(np.prod(self.numbers.shape[1:]))
        return self.sum(axis) / (self.count() * each)

    def max(self, axis: Any = None) -> Any:
        """The largest; where there are none, the call raises ValueError."""
        return self._of_some(self.where(-np.inf).max(axis=self._checked(axis)))

    def min(self, axis: Any = None) -> Any:
        """The smallest."""
        return self._of_some(self.where(np.inf).min(axis=self._checked(axis)))

    def _of_some(self, x: Any) -> Any:
        return apply_ufunc(WHERE, "__call__", recorder.get().some(self.count()), x, np.nan)

    def count(self) -> Any:
        """How many entries there are."""
        return apply_ufunc(WHERE, "__call__", self.holds, 1.0, 0.0).sum()

    def replaced(self, x: Any) -> Any:
        """All entries as one array, with x instead of those that count."""
        if isinstance(x, Masked) and not self.is_like(x):
            raise self._refusal()
        x = x.numbers if isinstance(x, Masked) else np.asarray(x, dtype=object)
        if x.ndim and x.shape != self.numbers.shape:
            raise self._refusal()
        holds = self.holds.reshape(-1, *[1] * (self.numbers.ndim - 1))
        return apply_ufunc(WHERE, "__call__", holds, x, self.numbers).reshape(self.shape_of_all)

    def total(self) -> tuple[Any, Any]:
        """The sum, and how many there are, for `sum` and `mean`."""
        return self.sum(), self.count()

    def is_like(self, other: Any) -> bool:
        """Whether another one consists of the same entries."""
        return (
            isinstance(other, Masked)
            and len(self.holds) == len(other.holds)
            and all(_are_the_same(x, y) for x, y in zip(self.holds.tolist(), other.holds.tolist()))
        )

    def _checked(self, axis: Any) -> Any:
        if axis not in (None, 0):
            raise self._refusal()
        return axis

    def _refusal(self) -> TraceError:
        return refusal(
            f"{user_line()}: how many numbers x[condition] and x[:n] have is known only when the compiled function is "
            "called, so they can be added up and multiplied, by sum, mean and prod, compared by max and min, and "
            "computed with; for more, write where(condition, x, 0.0)",
            of_a_branch=True,
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        keywords.pop("out", None)  # of x[condition] *= 2, which assigns the result
        several = [x for x in inputs if not isinstance(x, Masked) and np.ndim(x)]
        if method != "__call__" or several or not all(self.is_like(x) for x in inputs if isinstance(x, Masked)):
            raise self._refusal()
        numbers = [x.numbers if isinstance(x, Masked) else x for x in inputs]
        return Masked(apply_ufunc(ufunc, method, *numbers, **keywords), self.holds, self.shape_of_all)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        method = _METHODS.get(function)
        if method is None or not isinstance(args[0], Masked):
            raise self._refusal()
        return method(*args, **keywords)

    def __iter__(self, *_: Any) -> NoReturn:
        raise self._refusal()

    __len__ = __bool__ = __array__ = __getitem__ = __iter__

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self._refusal()


_METHODS: dict[Any, Any] = {
    np.sum: Masked.sum,
    np.mean: Masked.mean,
    np.prod: Masked.prod,
    np.size: Masked.count,
    np.max: Masked.max,
    np.min: Masked.min,
    np.amax: Masked.max,
    np.amin: Masked.min,
}
"""What NumPy's functions are of the numbers for which conditions hold."""


def is_mask(parts: tuple[Any, ...]) -> bool:
    """Whether an index is an array of conditions."""
    if len(parts) != 1 or getattr(parts[0], "of_truths", False):
        return len(parts) == 1
    return isinstance(parts[0], np.ndarray) and any(isinstance(x, Condition) for x in parts[0].flat)


def masked(array: Any, mask: Any) -> Masked:
    """`array[mask]`. Raises IndexError as NumPy does if they do not fit."""
    array = np.asarray(array)
    for axis, (size, of_mask) in enumerate(zip(array.shape, mask.shape)):
        if size != of_mask:
            raise IndexError(
                f"boolean index did not match indexed array along axis {axis}; size of axis is {size} but size of "
                f"corresponding boolean axis is {of_mask}"
            )
    if mask.ndim > array.ndim:
        raise IndexError(f"too many indices for array: array is {array.ndim}-dimensional, but {mask.ndim} were indexed")
    return Masked(array.reshape(mask.size, *array.shape[mask.ndim :]), mask.ravel(), array.shape)


def _are_the_same(x: Any, y: Any) -> bool:
    """Whether two conditions compare the same."""
    if x is y or not (isinstance(x, Condition) and isinstance(y, Condition)):
        return x is y or (not isinstance(x, Condition) and not isinstance(y, Condition) and bool(x) == bool(y))
    operands = zip(x.expansion or (), y.expansion or ())
    same = [a is b or (a.__class__ is float and a == b) for a, b in operands]
    return x.op is y.op and bool(same) and all(same)
