"""A program: a straight line of instructions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

SHARED = -1
"""The batch of an instruction that belongs to none."""
CONDITIONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not", "as_bits"})
"""Operations whose result is a condition, not a number."""
FROM_OUTSIDE = frozenset({"scalar", "element", "sample", "size"})
"""Instructions without operands: their numbers say where the value comes from."""


@dataclass
class Program:
    """The instructions of a traced function.

    `batches[i]` is the number of the batch that instruction i belongs to, SHARED for none. `outputs` are operands.
    Where a strong zero was left out, `guarded()` is the program that has them all, for results that are NaN.
    """

    operations: list[str]
    operands: list[tuple[int, ...]]
    batches: list[int]
    constants: list[float]
    outputs: list[int]
    recorded: int = 0
    guarded: Callable[[], Program] | None = None

    def __len__(self) -> int:
        return len(self.operations)
