"""Slopes of a loop by a few numbers: computed in its own rounds, forward, instead of in a loop back.

A loop back needs what all rounds have computed, 8 bytes for each number of each round, and must wait for the last of
them. Where few of the numbers that a loop starts with or uses are differentiated, the loop can carry the slope of each
of its numbers by each of these along with the numbers themselves, and forgets them as it goes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from autograd_engine.compiler.library import C_LIBRARY
from autograd_engine.compiler.trace.stacks import Stack, total_of
from autograd_engine.compiler.trace.traced import Traced, context, is_among
from autograd_engine.graph import forward_sweep, product
from autograd_engine.runs import carried, swept

BACK, KEPT, CALL = 1.5, 5, 12
"""What a loop back costs, in operations: for an operation, that is done again and differentiated; for a number that is
kept of every round and read again; for a call, whose result the next round waits for while slopes could be computed.

Measured: forward a pendulum takes 0.68 and GARCH 0.89 of the time that it takes back, a Kalman filter 2.0 and
Runge-Kutta of six rates 1.75.
"""


def pulled_forward(loop: Any, of: dict[Any, Any], again: frozenset[str]) -> list[Any] | None:
    """The cotangents of the arguments of a loop, from those of its results, where that is cheaper forward.

    `again` are the names of the operations whose results a loop back does not keep. None if the loop back is cheaper,
    or the loop is one that must go back: it has stacks or other loops in it, or keeps numbers of its rounds.
    """
    if context.is_exact or not is_among(context.nodes or (), loop.node) or not _is_plain(loop, of):
        return None
    within, first = set(itertools.chain(*swept.get())), len(loop.starts)
    of_arguments: list[Any] = [None] * len(loop.node.arguments)
    sources = [*loop.carries, *loop.outside]
    active = [i for i, x in enumerate(loop.node.arguments) if x.__class__ is not float and x in within]
    if any(i >= len(sources) or sources[i].__class__ is not Traced for i in active):
        return None
    leads = _leads(loop, sources)
    needed = _needed(leads, loop, of)
    way = _way(loop, [loop.following[k] for k in needed])
    computed = [leads[x] for x in way if x.arguments and leads[x]]
    moved = {i: _moved(leads, loop, i, needed) for i in active}
    new = [bits for i, (bits, places) in moved.items() if _missing(loop, sources[i], places)]
    forward = sum(1 for bits in new for lead in computed if lead & bits)
    names = [x.op.name for x in way if x.op is not None]
    kept, calls = sum(name not in again for name in names), sum(name in C_LIBRARY for name in names)
    if forward > BACK * len(computed) + KEPT * (kept + len(loop.carries)) + CALL * calls:
        return None
    with loop.body():
        slopes = {i: _carried_along(loop, sources[i], i if i < first else None, moved[i][1]) for i in active}
    loop.node.arguments = (*loop.starts, *loop.outside, *loop.reads)
    for i, by in slopes.items():
        parts = [product(of[k], loop.result(place), "pull") for k, place in by.items() if of.get(k) is not None]
        of_arguments[i] = total_of([x for x in parts if x is not None])
    return [0.0 if x is None else x for x in of_arguments]


def _is_plain(loop: Any, of: dict[Any, Any]) -> bool:
    """Whether a loop computes numbers alone, and only what it carries is differentiated."""
    if any(not isinstance(k, int) or isinstance(loop.carries[k], Stack) for k in of):
        return False
    return all(
        x.batch is loop.batch and not isinstance(x, Stack) and (x.op is None or x.op.name not in ("loop", "result"))
        for x in loop.nodes
    )


def _leads(loop: Any, sources: Sequence[Traced]) -> dict[Any, int]:
    """For each number of the body a bit for each of the sources that a derivative leads to from there."""
    leads: dict[Any, int] = {x: 1 << i for i, x in enumerate(sources)}
    for node in loop.nodes:
        if node not in leads:
            leads[node] = 0
            for x in node.arguments if node.op is not None else ():
                if x.__class__ is not float:
                    leads[node] |= leads.get(x, 0)
    return leads


def _needed(leads: dict[Any, int], loop: Any, of: Iterable[int]) -> set[int]:
    """The places of what is carried that these results depend on. Slopes that the loop carries for another sweep are
    not among them, unless they are differentiated again."""
    needed, waiting = set(of), [*of]
    for k in waiting:
        lead = leads.get(loop.following[k], 0)
        more = [place for place in range(len(loop.carries)) if lead >> place & 1 and place not in needed]
        needed.update(more)
        waiting += more
    return needed


def _way(loop: Any, ends: Iterable[Any]) -> list[Any]:
    """What is computed in a round from the numbers that it gets, for these ends."""
    leaves = [*loop.carries, *loop.outside, *loop.reads.values(), *([loop.rounds] if loop.rounds is not None else [])]
    way: list[Any] = loop.order([x for x in ends if isinstance(x, Traced)], leaves)
    return way


def _moved(leads: dict[Any, int], loop: Any, i: int, needed: set[int]) -> tuple[int, list[int]]:
    """What a change of source i changes in some round: as bits, and as the places of what is carried and `needed`."""
    bits, places = 1 << i, {i} if i < len(loop.carries) else set[int]()
    while True:
        more = {k for k, x in enumerate(loop.following) if k not in places and leads.get(x, 0) & bits}
        if not more:
            return bits, sorted(places & needed)
        places |= more
        bits |= sum(1 << k for k in more)


def _missing(loop: Any, source: Traced, places: Sequence[int]) -> list[int]:
    """The places of numbers whose slopes by a source are not yet carried."""
    known = loop.slopes.get(source, {})
    return [k for k in places if k not in known and loop.carries[k].__class__ is Traced]


def _carried_along(loop: Any, source: Traced, start: int | None, places: Sequence[int]) -> dict[int, int]:
    """Carry the slopes with respect to a source of the numbers in `places`; return where that of each is carried.

    The source is a carry, of which the slope at the `start` is 1, or a number from outside.
    """
    missing = _missing(loop, source, places)
    known: dict[int, int] = loop.slopes.setdefault(source, {})
    for k in missing:
        known[k] = len(loop.carries)
        loop.carry(1.0 if k == start else 0.0)
    seeds: dict[Any, Any] = {loop.carries[k]: loop.carries[place] for k, place in known.items()}
    if start is None:
        seeds[source] = 1.0
    ends = [loop.following[k] for k in missing]
    found = carried(forward_sweep, _way(loop, ends), seeds, as_nodes=True)
    loop.following += [found.get(x, 0.0) if isinstance(x, Traced) else 0.0 for x in ends]
    return known
