"""A vmap inside of a vmap as a loop in each sample, and what it returns.

The loop keeps its results in stacks. Arithmetic on them, element by element, and their sums are loops over the stacks;
for everything else they are an array of single numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.arrays import ArgumentArray, LateArray
from autograd_engine.compiler.trace.items import stacks_of
from autograd_engine.compiler.trace.loops import Loop
from autograd_engine.compiler.trace.stacks import Stack, batch_of, entry
from autograd_engine.compiler.trace.traced import BROADCAST, Condition, Traced, UnlikeRoundsError, is_among
from autograd_engine.control_flow import apart_from_none, numbers_of_round
from autograd_engine.mapping import along, map_arrays
from autograd_engine.number import ieee
from autograd_engine.number_arrays import apply_ufunc, number_array
from autograd_engine.structure import Structure, map_leaves


def is_given(array: Any) -> bool:
    """Whether an array consists of numbers of the arguments, or lies in stacks. A loop is no gain where others are
    mapped: the derivative with respect to each of them is a sum of its own."""
    if isinstance(array, (ArgumentArray, LoopedArray)):
        return True
    numbers = [x.arguments[0] if getattr(x, "op", None) is BROADCAST else x for x in np.asarray(array).flat]
    return all(not isinstance(x, Traced) or x.op is None for x in numbers)


def looped_vmap(f: Callable[..., Any], args: Sequence[Any], axes: Sequence[int | None], samples: int) -> Any:
    """vmap of `f` as a loop. Raises TraceError where f does what a loop cannot."""
    batch = batch_of()
    shared = [map_leaves(ieee, arg, keep=True) if axis is None else arg for arg, axis in zip(args, axes)]

    def stacks(array: Any, axis: int) -> Any:
        if isinstance(array, LoopedArray) and axis == 0:
            return array.numbers
        return stacks_of(array if axis == 0 and isinstance(array, ArgumentArray) else along(array, axis), batch)

    mapped = map_arrays(stacks, shared, axes)
    kept, structure = _kept(samples, lambda loop: f(*map_arrays(lambda x, axis: _read(loop, x), mapped, axes)))
    return structure.filled(kept, lambda numbers, shape: LoopedArray(samples, _array(numbers, shape)))


def _loop(length: int) -> Loop:
    loop = Loop(batch_of())
    loop.count, loop.most = float(length), length
    return loop


def _kept(length: int, of_round: Callable[[Loop], Any]) -> tuple[list[Any], Structure]:
    """What a loop of `length` rounds keeps of each: stacks, and what is the same in all rounds."""
    loop = _loop(length)
    with loop.body():
        returned = of_round(loop)
        structure = apart_from_none(returned)[1]
        numbers = numbers_of_round("vmap", "what the function returns", structure, returned)
    loop.close()
    return [loop.result(x) if isinstance(x, Traced) and is_among(loop.nodes, x) else x for x in numbers], structure


def _read(loop: Loop, numbers: Any) -> Any:
    """The entries of stacks for a round."""
    entries = [loop.read(x) if isinstance(x, Stack) else x for x in numbers.ravel().tolist()]
    return number_array(entries, numbers.shape)[()]


def _array(numbers: Sequence[Any], shape: Sequence[int]) -> Any:
    return np.fromiter(numbers, dtype=object, count=len(numbers)).reshape(shape)


class LoopedArray(LateArray):
    """An array with `length` entries, whose `numbers` are stacks, or the same for all entries."""

    def __init__(self, length: int, numbers: Any) -> None:
        self.length, self.numbers = length, numbers
        self.shape, self.ndim = (length, *numbers.shape), 1 + int(numbers.ndim)

    def sum(self, axis: Any = None, **others: Any) -> Any:
        """The sum over the entries (axis 0) or everything (None); over other axes as of an array of single numbers."""
        if others or (axis is not None and axis not in (0, -self.ndim)):
            return self.__array__().sum(axis, **others)
        sums = number_array([self._added(x) for x in self.numbers.ravel().tolist()], self.numbers.shape)[()]
        return sums.sum() if axis is None and self.ndim > 1 else sums

    def mean(self, axis: Any = None, **others: Any) -> Any:
        """The mean over the entries or everything; else as `sum`."""
        if others or (axis is not None and axis not in (0, -self.ndim)):
            return self.__array__().mean(axis, **others)
        return self.sum(axis) / float(self.length * (self.numbers.size if axis is None else 1))

    def _added(self, stack: Any) -> Any:
        loop = _loop(self.length)
        with loop.body():
            carry = loop.carry(-0.0)  # adding this changes no number
            loop.following = [carry + (loop.read(stack) if isinstance(stack, Stack) else stack)]
        loop.close()
        return loop.result(0)

    def _total(self) -> tuple[Any, Any]:
        """The sum and the length, for `sum` and `mean` of the package."""
        return self.sum(), float(self.length)

    def one_by_one(self) -> list[Any]:  # noqa: D102
        numbers = self.numbers.ravel().tolist()
        return [entry(x, i) if isinstance(x, Stack) else x for i in range(self.length) for x in numbers]

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        if method == "__call__" and not keywords and ufunc.signature is None and all(map(self._goes_along, inputs)):

            def of_round(loop: Loop) -> Any:
                parts = [_read(loop, x.numbers) if isinstance(x, LoopedArray) else _single(x) for x in inputs]
                return apply_ufunc(ufunc, "__call__", *parts)

            kept, structure = _kept(self.length, of_round)
            if not any(isinstance(getattr(x.op, "key", None), Condition) for x in kept if isinstance(x, Stack)):
                return structure.filled(kept, lambda numbers, shape: LoopedArray(self.length, _array(numbers, shape)))
        if "out" in keywords:
            raise UnlikeRoundsError  # changed in place, it is an array of single numbers from the beginning
        return getattr(ufunc, method)(*map(_single, inputs), **keywords)

    def _goes_along(self, x: Any) -> bool:
        """Whether an operand has an entry for each of this array, or is the same for all."""
        if isinstance(x, LoopedArray):
            return x.length == self.length and x.ndim == self.ndim
        return getattr(x, "ndim", 0) < self.ndim and not isinstance(x, (list, tuple))

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        if function in (np.sum, np.mean, np.ndim, np.shape) and isinstance(args[0], LoopedArray):
            found = getattr(args[0], function.__name__)
            return found(*args[1:], **keywords) if callable(found) else found
        return function(*map(_single, args), **{name: _single(x) for name, x in keywords.items()})

    def __getattr__(self, name: str) -> Any:
        if name == "total" and self.ndim == 1:
            return self._total
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(name)
        return getattr(self.__array__(), name)

    def __setitem__(self, key: Any, number: Any) -> None:
        raise UnlikeRoundsError


def _single(x: Any) -> Any:
    """Arrays, also in a list or tuple, as arrays of single numbers."""
    if isinstance(x, (list, tuple)):
        return type(x)(map(_single, x))
    return x.__array__() if isinstance(x, (LoopedArray, ArgumentArray)) else x
