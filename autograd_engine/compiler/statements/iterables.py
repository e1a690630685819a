"""What a for of a rewritten function runs over, and how it can be read in a loop that stays one.

Ranges of numbers that are not known, arrays, and the iterators of `zip`, `enumerate` and `iter`, which here know what
they were made of.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_engine.compiler.statements.cases import by_word
from autograd_engine.compiler.statements.conditions import Unread
from autograd_engine.compiler.statements.tables import Row, shape_of
from autograd_engine.compiler.trace.arrays import ArgumentArray
from autograd_engine.compiler.trace.errors import user_line
from autograd_engine.compiler.trace.items import entry_of, stacks_of
from autograd_engine.compiler.trace.loops import Loop
from autograd_engine.compiler.trace.masks import Masked
from autograd_engine.compiler.trace.stacks import batch_of
from autograd_engine.compiler.trace.traced import Traced, context, refusal
from autograd_engine.primitives import ceil

_MANY_SYMBOLS = 256
"""Entries. In a list of fewer symbols each is likely to be used in a way of its own, as weights are."""
_LARGE_INTEGER = 2**26
"""The product of two smaller ones is exact as a double."""


@dataclass(frozen=True)
class Rounds:
    """What a for runs over: how many rounds, None if that is not known, what the variable is in one of a loop, and the
    lists and arrays that it is from."""

    length: int | None
    count: Any
    of: Callable[[Loop], Any]
    sources: tuple[Any, ...] = ()


class UnknownRange:
    """`range` of numbers that are not known."""

    def __init__(self, *args: Any) -> None:
        start, stop, step = args if len(args) == 3 else (*args, 1) if len(args) == 2 else (0, *args, 1)
        if isinstance(step, Traced):
            raise refusal(f"{user_line()}: the step of a range must be known; multiply the number of the round by it")
        self.start, self.step = start.detach() if isinstance(start, Traced) else start, step
        self.count = stop - start if step == 1 else ceil((stop - start) / step)

    def __iter__(self) -> Iterator[Any]:
        raise refusal(
            f"{user_line()} runs over a range whose length is known only when the compiled function is called; that "
            "works as `for i in range(n)`"
        )

    def rounds(self) -> Rounds:
        """The rounds of a for over it."""
        return Rounds(None, self.count, lambda loop: self.start + loop.index() * self.step)


class Items:
    """An iterator, such as that of `zip` and `enumerate`, which a loop can read as long as nothing is taken from it."""

    def __init__(self, iterator: Iterator[Any], sources: Sequence[Any] = ()) -> None:
        self._iterator, self._sources = iterator, tuple(sources)
        self._taken, self._home = 0, context.nodes

    def __iter__(self) -> Items:
        return self

    def __next__(self) -> Any:
        self._taken += 1
        if context.nodes is not self._home:
            raise refusal(
                f"{user_line()}: a loop that is compiled cannot take items from an iterator that was made before it; "
                "make the loop run over the items"
            )
        return next(self._iterator)

    def rounds(self, first: int) -> Rounds | None:
        """The rounds of a for over it, without the `first` that were taken; None if it cannot be read in a loop."""
        is_whole = self._taken == first and context.nodes is self._home
        rounds = [rounds_of(source, first) for source in self._sources] if is_whole else [None]
        known = [x for x in rounds if x is not None and x.length is not None]
        if len(known) < len(rounds) or not known:
            return None
        length = min([x.length for x in known if x.length is not None])
        sources = tuple([source for x in known for source in x.sources])
        return Rounds(length, float(length), lambda loop: tuple([x.of(loop) for x in known]), sources)

    def leave(self, ended: bool) -> None:
        """Note that a loop took all items or, if it has not `ended` for certain, as many as only a call can tell."""
        self._taken, self._iterator = sys.maxsize, builtins.iter(()) if ended else _unknown_items()
        for source in self._sources:
            if isinstance(source, Items):
                source.leave(False)


class Live:
    """A list or an array that a loop carries, run over: each round takes what is in its place then."""

    def __init__(self, array: Any, item: Callable[[Any], Any]) -> None:
        self._array, self._item = array, item

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[Any]:
        return map(self._item, builtins.range(len(self)))

    def rounds(self, first: int) -> Rounds:
        """The rounds of a for over it, without the first ones."""
        count = len(self) - first
        return Rounds(count, float(count), lambda loop: self._item(loop.index() + first), (self._array,))


def _unknown_items() -> Iterator[Any]:
    raise refusal(
        f"{user_line()} takes items from an iterator of which a loop has taken some, and how many is known only when "
        "the compiled function is called; run over a slice instead"
    )
    yield


def iterator(*args: Any) -> Items:
    """`iter`."""
    return Items(builtins.iter(*args))


def zipped(*sources: Any, strict: bool = False) -> Any:
    """`zip`."""
    return builtins.zip(*sources, strict=strict) if strict else Items(builtins.zip(*sources), sources)


def enumerated(source: Any, start: Any = 0) -> Any:
    """`enumerate`."""
    return Items(builtins.enumerate(source, start), [builtins.range(start, start + sys.maxsize), source])


def ranged(*args: Any) -> Any:
    """`range`."""
    return UnknownRange(*args) if any(isinstance(x, Traced) for x in args) else builtins.range(*args)


def length(x: Any) -> Any:
    """`len`."""
    Unread.check(x)
    return x.count() if isinstance(x, Masked) else by_word(len, x)


def total(values: Any, start: Any = 0) -> Any:
    """`sum`."""
    return start + values.sum(axis=0) if isinstance(values, Masked) else builtins.sum(values, start)


def rounds_of(iterable: Any, first: int = 0) -> Rounds | None:
    """The rounds of a for over something, without the `first` ones; None if it cannot be read in a loop."""
    if isinstance(iterable, UnknownRange):
        return None if first else iterable.rounds()
    if isinstance(iterable, (Items, Live)):
        return iterable.rounds(first)
    given = iterable
    if isinstance(iterable, builtins.range):
        iterable = iterable[first:]
        start, step = iterable.start, iterable.step
        return Rounds(len(iterable), float(len(iterable)), lambda loop: loop.index() * step + start)
    if isinstance(iterable, np.ndarray) and not are_doubles(iterable):
        return None
    if len(shape := shape_of(iterable)) > 1:
        count = shape[0] - first
        return Rounds(count, float(count), lambda loop: Row(iterable, (loop.index() + first,), shape), (iterable,))
    if isinstance(iterable, list) and iterable and all(type(x) is float or isinstance(x, Traced) for x in iterable):
        iterable = np.array(iterable, dtype=float if all(type(x) is float for x in iterable) else object)
    if not isinstance(iterable, (np.ndarray, ArgumentArray)) or not iterable.ndim:
        return None
    if isinstance(iterable, np.ndarray) and iterable.dtype == object and iterable.size < _MANY_SYMBOLS:
        return None
    iterable = iterable[first:]
    stacks = stacks_of(iterable, batch_of(iterable))

    def of(loop: Loop) -> Any:
        memory = context.memories.get(id(given))  # of this loop, which changes what it runs over
        if memory is None:
            found = entry_of(loop, stacks)
            if isinstance(found, np.ndarray):  # a view of a row, which is not to be changed
                found.flags.writeable = False
            return found
        if len(memory.shape) > 1:
            raise refusal(f"{user_line()} runs over the rows of an array that it changes; run over their numbers")
        return memory.read((loop.index() + first,))

    return Rounds(len(iterable), float(len(iterable)), of, (given,))


def are_doubles(array: np.ndarray) -> bool:
    """Whether an array computes with its numbers as with doubles, those of whole numbers included."""
    if array.dtype.kind == "i" and array.itemsize == 8:
        return array.size == 0 or -_LARGE_INTEGER < array.min() <= array.max() < _LARGE_INTEGER
    return array.dtype in (float, bool, object)
