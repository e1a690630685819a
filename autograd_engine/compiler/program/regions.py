"""The instructions of a program, divided into regions and straight lines.

Shared instructions are computed once, those of a batch in a loop over its samples. What a loop adds up is known only
after it, so a program falls into stages: shared code, loops, shared code that uses their sums, loops again.

A long straight line is cut into parts, each of which becomes a function, since the time that a compiler takes for one
function grows faster than its length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from autograd_engine.compiler.program.program import FROM_OUTSIDE, SHARED, Block, Instruction, Samples

T = TypeVar("T")

PART = 400
"""Instructions in a part, at most."""


def divided(instructions: Sequence[Instruction]) -> Block:
    """The instructions in shared code and loops over samples, stage by stage."""
    ready = [0] * len(instructions)  # the stage from which on each is known
    lines: dict[tuple[int, int], list[int]] = {}
    sums: dict[tuple[int, int], list[int]] = {}
    for i, (operation, operands, batch) in enumerate(instructions):
        if operation in FROM_OUTSIDE:
            continue
        ready[i] = stage = max([ready[x] for x in operands if x >= 0], default=0)
        if operation == "batch_sum":
            batch = summed_batch(instructions, operands)
            sums.setdefault((stage, batch), []).append(i)
            ready[i] += 1
        lines.setdefault((stage, batch), []).append(i)
    steps: list[int | Samples] = []
    for (stage, batch), line in sorted(lines.items()):  # SHARED is the smallest number of a batch
        if batch == SHARED:
            steps += line
        else:
            steps.append(Samples(stage, batch, Block([*line], tuple(sums.get((stage, batch), ())))))
    return Block(steps)


def summed_batch(instructions: Sequence[Instruction], operands: Sequence[int]) -> int:
    """The batch over whose samples a batch_sum of these operands adds up."""
    return max([instructions[x].batch for x in operands if x >= 0])


def stages(body: Block) -> list[tuple[list[int], list[Samples]]]:
    """The shared code and the loops of each stage."""
    found: list[tuple[list[int], list[Samples]]] = [([], [])]
    for step in body.steps:
        if isinstance(step, Samples):
            if step.stage == len(found):  # without shared code
                found.append(([], []))
            found[step.stage][1].append(step)
        else:
            if found[-1][1]:
                found.append(([], []))
            found[-1][0].append(step)
    return found


def straight(block: Block) -> list[int]:
    """The instructions of a block that holds no region."""
    return [step for step in block.steps if not isinstance(step, Samples)]


def cut(line: list[T]) -> list[list[T]]:
    """A line of instructions, or of what else becomes one line of code each, in parts of about equal length."""
    count = -(-len(line) // PART)
    return [line[len(line) * k // count : len(line) * (k + 1) // count] for k in range(count)]
