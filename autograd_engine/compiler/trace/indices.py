"""The number of a round of a loop: a whole number, of which it is known what it runs through."""

from __future__ import annotations

import itertools
from typing import Any

from autograd_engine import primitives
from autograd_engine.compiler.trace.errors import user_line
from autograd_engine.compiler.trace.traced import Traced, refusal


class Index(Traced):
    """The whole number `first + step * k` in round k of a loop."""

    __slots__ = ("first", "loop", "step")
    first: int
    step: int
    loop: Any  # a Loop

    @staticmethod
    def of(loop: Any, first: int, step: int, node: tuple[Any, tuple[Any, ...]]) -> Index:
        """The index with this operation and these arguments."""
        index = Index(*node, loop.batch)
        index.loop, index.first, index.step = loop, first, step
        return index

    def __add__(self, other: Any) -> Any:
        if type(other) is not int:
            return super().__add__(other)
        return Index.of(self.loop, self.first + other, self.step, (primitives.add, (self, float(other))))

    def __sub__(self, other: Any) -> Any:
        return self + -other if type(other) is int else super().__sub__(other)

    def __mul__(self, other: Any) -> Any:
        if type(other) is not int:
            return super().__mul__(other)
        return Index.of(self.loop, self.first * other, self.step * other, (primitives.mul, (self, float(other))))

    def __neg__(self) -> Any:
        return self * -1

    def __rsub__(self, other: Any) -> Any:
        return -self + other if type(other) is int else super().__rsub__(other)

    __radd__, __rmul__ = __add__, __mul__

    def _check_division(self) -> None:
        ends = self.ends()
        if ends and ends[0] <= 0 <= ends[1] and self.first % (self.step or 1) == 0:
            raise refusal(f"{user_line()} divides by the number of a round, which is 0 in one")

    def __rtruediv__(self, other: Any) -> Any:
        self._check_division()
        return super().__rtruediv__(other)

    def __rfloordiv__(self, other: Any) -> Any:
        self._check_division()
        return super().__rfloordiv__(other)

    def __rmod__(self, other: Any) -> Any:
        self._check_division()
        return super().__rmod__(other)

    def __str__(self) -> str:
        if self.loop.most is not None:
            raise refusal(f"{user_line()} makes text of the number of a round, in a loop that is compiled")
        return repr(self)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def ends(self) -> tuple[int, int] | None:
        """The smallest and the largest number that it is; None if that is not known, or it is never any."""
        if not self.loop.most:
            return None
        low, high = sorted([self.first, self.first + self.step * (self.loop.most - 1)])
        return low, high


_MONOTONIC = frozenset({"add", "sub", "neg", "mul", "ceil", "floor", "maximum", "minimum"})
"""Operations whose smallest and largest result, with each operand in a range of its own, are at ends of the ranges."""
_DEEP = 8


def ends_of(x: Any, depth: int = 0) -> tuple[float, float] | None:
    """Between which numbers a number is that is computed from those of rounds; None if that is not known."""
    if not isinstance(x, Traced):
        return float(x), float(x)
    if isinstance(x, Index) and (bound := x.loop.bound):
        at_ends = x.first, x.first + x.step * (bound - 1)
        return min(at_ends), max(at_ends)
    if x.op is None or x.op.name not in _MONOTONIC or depth == _DEEP:
        return None
    known = [ends for argument in x.arguments if (ends := ends_of(argument, depth + 1))]
    if len(known) < len(x.arguments):
        return None
    corners = [x.op(*corner) for corner in itertools.product(*known)]
    return min(corners), max(corners)
