"""What only one side of a choice needs, so that it need not be computed where the other side is chosen.

A `where` computes both of its numbers. If one of them, and what leads to it alone, calls a function such as exp or pow,
it is cheaper to look at the condition first. In a loop over samples that pays where all lanes agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autograd_engine.compiler.library import C_LIBRARY
from autograd_engine.compiler.program.program import FROM_OUTSIDE, IN_BUFFERS, OF_LOOP, Program

_STAYS = FROM_OUTSIDE | OF_LOOP | IN_BUFFERS | {"pick", "entry", "checked", "batch_sum"}
"""What stands where it is: its result is found elsewhere, or depends on what has been done before."""


class Side(NamedTuple):
    """The number that a choice, an instruction, makes if its condition holds (1) or not (2)."""

    choice: int
    number: int


Sides = dict[int, tuple[list[int], list[int]]]
"""The instructions that only the first, and only the second number of a choice needs."""


def apart(sides: Sides) -> set[int]:
    """All instructions on some side."""
    return {i for of_choice in sides.values() for side in of_choice for i in side}


def sides(program: Program, line: Sequence[int]) -> Sides:
    """The sides of the choices in a straight line.

    An instruction stands on the innermost side that all its users stand on. Sides that call no function are left out.
    """
    instructions, uses = program.instructions, program.uses
    operations = {instructions[i].operation for i in line}
    if "where" not in operations or C_LIBRARY.keys().isdisjoint(operations):
        return {}
    of: dict[int, Side | None] = {}  # of instructions and, until these are reached, of all users so far
    seen: dict[int, int] = {}

    def common(x: Side | None, y: Side | None) -> Side | None:
        """The innermost side that both sides belong to."""
        while x != y:
            if y is None or (x is not None and x.choice <= y.choice):
                x, y = y, x
            assert y is not None
            y = of[y.choice]
        return x

    for i in reversed(line):
        operation, operands, _ = instructions[i]
        if operation in _STAYS or seen.get(i, 0) < uses[i]:
            of[i] = None
        here = of.setdefault(i, None)
        if operation in FROM_OUTSIDE:
            continue
        for number, x in enumerate(operands):
            side = Side(i, number) if operation == "where" and number else here
            of[x] = common(of[x], side) if x in of else side
            seen[x] = seen.get(x, 0) + 1
    pays: set[Side] = set()
    for i in line:
        side = of[i] if instructions[i].operation in C_LIBRARY else None
        while side is not None:
            pays.add(side)
            side = of[side.choice]
    found: Sides = {side.choice: ([], []) for side in pays}
    for i in line:
        side = of[i]
        while side is not None and side not in pays:
            side = of[side.choice]
        if side is not None:
            found[side.choice][side.number - 1].append(i)
    return found
