"""The rows that stand apart as functions that a back end writes, by running them on symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from autograd_engine.number import Operators
from autograd_engine.primitives import PRIMITIVES, Primitive
from autograd_engine.primitives.expansions import APART

__all__ = ["APART", "inputs_of", "parts"]

Write = Callable[[str, Sequence[Any]], str]
"""Writes the operation of a name on operands, each a float or the name of a result; returns the name of the result."""


class Symbol(Operators):
    """A number, or a condition, of the function that is being written."""

    __slots__ = ("fused", "name", "write")

    def __init__(self, name: str, write: Write, fused: bool) -> None:
        self.name, self.write, self.fused = name, write, fused

    def record(self, op: Primitive, *args: Any) -> Symbol:
        """The result of a row."""
        return self._written(op.name, *args)

    def compare(self, name: str, other: Any) -> Symbol:
        """The comparison as a condition."""
        return self._written(name, self, other)

    def __and__(self, other: Any) -> Symbol:
        return self._written("and", self, other)

    def __or__(self, other: Any) -> Symbol:
        return self._written("or", self, other)

    @property
    def times_minus(self) -> Callable[[Any, Any], Symbol] | None:
        """This number times x minus y, rounded once, if there is an instruction for it."""
        return (lambda x, y: self._written("fms", self, x, y)) if self.fused else None

    def _written(self, operation: str, *args: Any) -> Symbol:
        operands = [x if x.__class__ is float else x.name for x in args]
        return Symbol(self.write(operation, operands), self.write, self.fused)


def inputs_of(name: str) -> list[str]:
    """Names for the inputs of a row."""
    return [f"x{i}" for i in range(PRIMITIVES[name].arity or 0)]


def parts(name: str, inputs: Sequence[str], write: Write, fused: bool = True) -> Iterator[str]:
    """Write whether a row is as usual, then what it is where not. Yields the name of each, once it is written.

    `fused` says that there is an instruction for x * y - z.
    """
    symbols = [Symbol(x, write, fused) for x in inputs]
    for part in APART[name]:
        yield part(*symbols).name
