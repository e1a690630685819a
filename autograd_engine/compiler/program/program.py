"""A program: instructions, and the blocks and regions in which they are executed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

SHARED = -1
"""The batch of an instruction that belongs to none."""
CONDITIONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not", "as_bits"})
"""Operations whose result is a condition, not a number."""
FROM_OUTSIDE = frozenset({"scalar", "element", "sample", "size"})
"""Instructions without operands: their numbers say where the value comes from."""


class Instruction(NamedTuple):
    """One operation. An operand is the number of an earlier instruction, or negative for a constant, -1 the first.

    An instruction of a batch stands for one number per sample; `batch` is SHARED for one that stands for one number.
    """

    operation: str
    operands: tuple[int, ...]
    batch: int = SHARED


@dataclass
class Block:
    """Instructions, by number, and regions, in order. `results` are those of its numbers that are used after it."""

    steps: list[int | Region]
    results: tuple[int, ...] = ()


@dataclass
class Region:
    """A step that holds a block, which is executed more than once or not always."""

    body: Block


@dataclass
class Samples(Region):
    """A loop over the samples of a batch. What its body adds up over them is known after the loop.

    Loops of one stage need no sums of each other.
    """

    stage: int
    batch: int


@dataclass
class Program:
    """What a traced function computes.

    `body` says in which order the instructions are executed and which of them in loops. Those FROM_OUTSIDE are not in
    it: they are read where they are needed. `outputs` are operands. Where a strong zero was left out, `guarded()` is
    the program that has them all, for results that are NaN.
    """

    instructions: list[Instruction]
    constants: list[float]
    body: Block
    outputs: list[int]
    recorded: int = 0
    guarded: Callable[[], Program] | None = None

    def __len__(self) -> int:
        return len(self.instructions)
