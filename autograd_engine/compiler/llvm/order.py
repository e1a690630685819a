"""In which order the body of a loop over samples computes, and which of its sums it computes together.

The order of a trace is depth first: a sum of products is a chain, each line of which waits for the one before it. The
processor looks ahead, but not as far as the next chain.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Collection, Sequence

from autograd_engine.compiler.program.program import IN_BUFFERS, Program

LATENCY = 4
"""Operations on vectors that a processor begins until the first of them is done."""
SIDE = 4
"""Numbers whose products with as many others are summed together."""
TOGETHER = SIDE * SIDE
"""Sums that are added up in one function, at most: with what is added they fit into 32 registers."""


def interleaved(program: Program, line: Sequence[int], latency: int) -> list[int]:
    """A straight line in another order: what comes first, among what does not use the `latency` lines before it.

    What changes memory, or may end the call, and what reads the memory stay in order: such a line is left as it is.
    """
    operations = {program.instructions[i].operation for i in line}
    if not operations.isdisjoint(_IN_ORDER):
        return list(line)
    place = {i: k for k, i in enumerate(line)}
    users: dict[int, list[int]] = {i: [] for i in line}
    missing: dict[int, int] = {}
    for i in line:
        operands = {x for x in program.instructions[i].operands if x in users}
        missing[i] = len(operands)
        for x in operands:
            users[x].append(i)
    ready = [place[i] for i in line if not missing[i]]
    waiting: list[tuple[int, int]] = []  # the line that may use its operands, and its place
    found: list[int] = []
    while ready or waiting:
        while waiting and (waiting[0][0] <= len(found) or not ready):
            heapq.heappush(ready, heapq.heappop(waiting)[1])
        i = line[heapq.heappop(ready)]
        for user in users[i]:
            missing[user] -= 1
            if not missing[user]:
                heapq.heappush(waiting, (len(found) + latency, place[user]))
        found.append(i)
    return found


_IN_ORDER = IN_BUFFERS | {"checked"}


def tiles(program: Program, sums: Collection[int]) -> list[list[int]]:
    """Sums in groups whose operands are few: those of a matrix of products in tiles of SIDE times SIDE."""
    operands = {i: sorted(program.instructions[i].operands, reverse=True) for i in sums}
    ranks = {x: k // SIDE for k, x in enumerate(sorted(set(itertools.chain(*operands.values()))))}
    tile = {i: [ranks[x] for x in operands[i]] for i in sums}
    groups: list[list[int]] = []
    for _, group in itertools.groupby(sorted(sums, key=lambda i: tile[i]), key=lambda i: tile[i]):
        of_tile = list(group)
        if groups and len(groups[-1]) + len(of_tile) <= TOGETHER:
            groups[-1] += of_tile
        else:
            groups.append(of_tile)
    return groups
