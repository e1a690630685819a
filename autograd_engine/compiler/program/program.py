"""A program: instructions, and the blocks and regions in which they are executed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

SHARED = -1
"""Stands for the batch of an instruction that belongs to no batch."""
CONDITIONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not", "as_bits"})
"""Operations whose result is a condition, not a number."""
FROM_OUTSIDE = frozenset({"scalar", "element", "sample", "size"})
"""Instructions that read a number: in place of operands they have numbers that say where it comes from."""


class Instruction(NamedTuple):
    """One operation. An operand is the number of an earlier instruction; or, for constants, -1, -2, and so on.

    An instruction of a batch stands for one number per sample; `batch` is SHARED for one that stands for one number.
    """

    operation: str
    operands: tuple[int, ...]
    batch: int = SHARED


@dataclass
class Block:
    """The numbers of instructions, and regions, in order. `results` are the instructions that are used after it."""

    steps: list[int | Region]
    results: tuple[int, ...] = ()


@dataclass
class Region:
    """A step with a block that may be executed more than once, or not at all."""

    body: Block


@dataclass
class Samples(Region):
    """A loop over the samples of a batch. What its body adds up over them is known only after the loop.

    Loops of the same stage do not need each other's sums.
    """

    stage: int
    batch: int


@dataclass
class Program:
    """What a traced function computes.

    `body` says in which order the instructions are executed, and which of them in loops. It does not contain those
    FROM_OUTSIDE, which are read where they are needed. `outputs` are operands. If a strong zero was left out,
    `guarded()` is the program with all of them, for when a result is NaN.
    """

    instructions: list[Instruction]
    constants: list[float]
    body: Block
    outputs: list[int]
    recorded: int = 0
    guarded: Callable[[], Program] | None = None

    def __len__(self) -> int:
        return len(self.instructions)
