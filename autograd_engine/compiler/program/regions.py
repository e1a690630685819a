"""The instructions of a program, divided into regions and straight lines.

Shared instructions are computed once, those of a batch in a loop over its samples. What a loop adds up is known only
after it, so a program falls into stages: shared code, loops, shared code that uses their sums, loops again.

A long straight line is cut into parts, each of which becomes a function, since the time that a compiler takes for a
function grows faster than its length.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from autograd_engine.compiler.program.program import (
    CHANGES,
    FROM_OUTSIDE,
    OF_LOOP,
    REDUCTIONS,
    SHARED,
    STACKS,
    Block,
    Instruction,
    Loop,
    Program,
    Region,
    Rounds,
    Samples,
)

T = TypeVar("T")

PART = 400
"""The most instructions in a part."""


def divided(
    instructions: Sequence[Instruction],
    loops: Mapping[int, Loop] = MappingProxyType({}),
    earliest: Mapping[int, int] = MappingProxyType({}),
) -> Block:
    """The instructions, divided stage by stage into shared code and loops over samples, or around them.

    `earliest` has stages before which instructions must not be executed.
    """
    ready = [0] * len(instructions)  # the first stage in which each can be used
    lines: dict[tuple[int, int], list[int]] = {}
    sums: dict[tuple[int, int], list[int]] = {}
    around = {i for i, loop in loops.items() if loop.around}
    operations = [i.operation for i in instructions]
    read_before = readers(operations, [i.operands for i in instructions])
    fills_buffers = not STACKS.isdisjoint(operations)
    for i, (operation, operands, batch) in enumerate(instructions):
        if operation in FROM_OUTSIDE:
            continue
        stage = earliest.get(i, 0)
        for x in operands:
            if x >= 0 and ready[x] > stage:
                stage = ready[x]
        for x in read_before.get(i, ()):
            # A loop over samples comes after the shared code of its stage, and so does not read what that has changed.
            stage = max(stage, ready[x] + (instructions[x].batch != batch))
        ready[i] = stage
        if operation in REDUCTIONS:
            batch = summed_batch(instructions, operands)
            sums.setdefault((stage, batch), []).append(i)
            ready[i] += 1
        elif i in around:
            ready[i] += 1
            batch = _ROUNDS
        elif operation in OF_LOOP and operands[0] in around:
            continue
        lines.setdefault((stage, batch), []).append(i)
    steps: list[int | Region] = []
    for (stage, batch), line in sorted(lines.items()):  # SHARED is the smallest number of a batch
        if batch == SHARED:
            steps += line
        elif batch == _ROUNDS:
            steps += [Rounds(loops[i].body.body, stage, i) for i in line]
        else:
            again = _filling_buffers(instructions, line, batch) if fills_buffers else []
            too_early = [
                i for i, before in read_before.items() if ready[i] <= stage and not set(again).isdisjoint(before)
            ]
            if too_early:
                return divided(instructions, loops, {**earliest, **dict.fromkeys(too_early, stage + 1)})
            steps.append(Samples(Block([*again, *line], tuple(sums.get((stage, batch), ()))), stage, batch))
    return Block(steps)


def readers(operations: Sequence[str], operands: Sequence[tuple[int, ...]]) -> dict[int, list[int]]:
    """For each instruction that changes a stack where it lies, those that read the stack as it was before."""
    found: dict[int, list[int]] = {}
    changes = [i for i, operation in enumerate(operations) if operation in CHANGES]
    if changes:
        users: dict[int, list[int]] = {operands[i][1]: [] for i in changes}
        for i, (operation, of) in enumerate(zip(operations, operands)):
            if operation not in FROM_OUTSIDE:
                for x in users.keys() & of:
                    users[x].append(i)
        found = {i: [x for x in users[operands[i][1]] if x < i] for i in changes}
    return found


_ROUNDS = sys.maxsize
"""Stands for a batch, after all others, in loops around samples."""


def _filling_buffers(instructions: Sequence[Instruction], line: list[int], batch: int) -> list[int]:
    """What other loops over the samples do to fill buffers that this one reads. A buffer holds a block of samples, so
    it is done again."""
    here, found = set(line), dict[int, None]()

    def bring(x: int) -> None:
        if x < 0 or instructions[x].operation not in STACKS or instructions[x].batch != batch:
            return
        operation, operands, _ = instructions[x]
        source = operands[0] if operation in OF_LOOP else x
        if source not in here:
            for other in instructions[source].operands:
                bring(other)
            found[source] = None

    for i in line:
        for x in instructions[i].operands:
            bring(x)
    return sorted(found)


def summed_batch(instructions: Sequence[Instruction], operands: Sequence[int]) -> int:
    """The batch over which these operands are summed, or reduced otherwise."""
    return max([instructions[x].batch for x in operands if x >= 0])


@dataclass(eq=False)
class Line:
    """A straight line of a program: the shared code of a stage, or the body of a loop over the samples of a batch.

    `sums` are the instructions that add up over the samples; their results are known after the loop. A loop around
    samples, which has lines of its own, is the only instruction of a line with `rounds`.
    """

    stage: int
    batch: int
    instructions: list[int]
    sums: tuple[int, ...] = ()
    rounds: bool = False


def lines(body: Block) -> list[Line]:
    """The straight lines of a program: for each stage, its shared code, which may be empty, and then its loops."""
    shared = Line(0, SHARED, [])
    found = [shared]
    for step in body.steps:
        if isinstance(step, (Samples, Rounds)):
            if step.stage > shared.stage:  # a stage without shared code
                shared = Line(step.stage, SHARED, [])
                found.append(shared)
            if isinstance(step, Rounds):
                found.append(Line(step.stage, SHARED, [step.loop], rounds=True))
                continue
            instructions = [i for i in step.body.steps if isinstance(i, int)]
            found.append(Line(step.stage, step.batch, instructions, step.body.results))
        elif isinstance(step, int):
            if found[-1] is not shared:
                shared = Line(shared.stage + 1, SHARED, [])
                found.append(shared)
            shared.instructions.append(step)
    return found


def parts(program: Program, line: Sequence[int]) -> list[list[int]]:
    """The instructions of a line in parts of about equal length; a loop stays with its results."""
    groups: list[list[int]] = []
    for i in line:
        if program.instructions[i].operation in OF_LOOP:
            groups[-1].append(i)
        else:
            groups.append([i])
    return [[i for group in part for i in group] for part in cut(groups)]


def cut(line: list[T]) -> list[list[T]]:
    """A list of instructions, or of other items that become one line of code each, in parts of about equal length."""
    count = -(-len(line) // PART)
    return [line[len(line) * k // count : len(line) * (k + 1) // count] for k in range(count)]
