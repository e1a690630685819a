"""Stacks: numbers of all rounds of a loop, or of all entries of an array, in memory; and their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.traced import Batch, Operation, Traced, context
from autograd_engine.structure import leaves_of


class Stack(Traced):
    """One number of every round of a loop, or one number of every entry of an array, in memory."""

    __slots__ = ()


class Entries:
    """Tangents or cotangents of the entries of a stack: a sum of stacks, and of numbers for single entries."""

    def __init__(self, stacks: Sequence[Stack] = (), points: dict[int, Any] | None = None) -> None:
        self.stacks, self.points = tuple(stacks), points or {}

    def __add__(self, other: Entries) -> Entries:
        return Entries(self.stacks + other.stacks, merged(self.points, other.points))

    def entry(self, i: int) -> Any:
        """The number for entry i, None where there is none."""
        numbers = [entry(stack, i) for stack in self.stacks]
        return total_of([*numbers, self.points[i]] if i in self.points else numbers)


class Entry(Operation):
    """The operation that takes entry i of a stack, and its local derivative."""

    def __init__(self, i: int) -> None:
        super().__init__("entry", lambda out, stack: (self,))
        self.i = i

    def pull(self, cotangent: Any) -> Entries:
        """The cotangent of the entry as one of the stack."""
        return Entries(points={self.i: cotangent})

    def push(self, tangents: Entries) -> Any:
        """The tangent of the entry."""
        return tangents.entry(self.i)


class _InTable:
    """The local derivative of a table with respect to its entry i."""

    def __init__(self, i: int) -> None:
        self.i = i

    def pull(self, cotangents: Entries) -> Any:
        return cotangents.entry(self.i)

    def push(self, tangent: Any) -> Entries:
        return Entries(points={self.i: tangent})


class Table(Operation):
    """The operation that makes a stack of given numbers."""

    def __init__(self) -> None:
        super().__init__("table", lambda out, *numbers: [_InTable(i) for i in range(len(numbers))])


def table(numbers: Sequence[Any], batch: Batch | None) -> Stack:
    """A stack of given numbers."""
    return Stack(Table(), tuple([in_batch(x, batch) for x in numbers]), batch)


def entry(stack: Stack, i: int) -> Traced:
    """Entry i of a stack."""
    return Traced(Entry(i), (stack,), stack.batch)


def batch_of(*numbers: Any) -> Batch | None:
    """The batch of a loop that begins with these numbers: that of the vmap around it, or else that of one of them."""
    if context.batch is not None:
        return context.batch
    for leaf in leaves_of(numbers):
        symbols = leaf.flat if isinstance(leaf, np.ndarray) and leaf.dtype == object else [leaf]
        for x in symbols:
            if isinstance(x, Traced) and x.batch is not None:
                return x.batch
    return None


def in_batch(x: Any, batch: Batch | None) -> Any:
    """A number as one of a batch, if there is any. Raises TraceError for a number of a batch where there is none."""
    if not isinstance(x, Traced):
        return x
    if batch is None and x.batch is not None:
        raise TraceError(f"{user_line()}: a loop that all samples share reads numbers of each of them")
    return x if batch is None else batch.broadcast(x)


def merged(some: dict[Any, Any], others: dict[Any, Any]) -> dict[Any, Any]:
    """Both dicts, with the sum where both have a number."""
    both = dict(some)
    for key, number in others.items():
        both[key] = both[key] + number if key in both else number
    return both


def total_of(numbers: Sequence[Any]) -> Any:
    """The sum of numbers, None if there are none."""
    total = None
    for x in numbers:
        total = x if total is None else total + x
    return total
