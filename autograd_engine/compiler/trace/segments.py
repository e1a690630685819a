"""Loops in segments, so that a loop back keeps the states of few rounds.

A loop back needs the states of all n rounds. If the rounds are a loop of about sqrt(n) segments, each a loop of sqrt(n)
rounds, it needs those at the beginnings of the segments, and then, segment by segment, those of its rounds, which it
runs again. Where n is not known, each segment has one round more than the one before it. (Two of the levels of Griewank
and Walther, "Algorithm 799: revolve", 2000, which needs less memory yet, and more runs.)
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from autograd_engine.compiler.trace.indices import Index
from autograd_engine.compiler.trace.loops import Loop, record_again
from autograd_engine.compiler.trace.results import ROUNDS
from autograd_engine.compiler.trace.stacks import Entries, Stack, picked, put, table, zeros
from autograd_engine.compiler.trace.traced import Batch, Condition, Traced, context, is_among, recording
from autograd_engine.primitives import add, ceil, minimum, sqrt

FEW = 64
"""Rounds. What a loop keeps of as many is little."""
MANY = 1_000_000
"""Rounds of a loop of unknown length that keeps much."""


def pulled_in_segments(loop: Loop, of: dict[Any, Any]) -> list[Any]:
    """The cotangents of the arguments of a loop, from those of its results, by a loop back over segments."""
    if not _can_be_cut(loop):
        return loop.pulled_back(of)
    arguments, starts, rounds = loop.node.arguments, len(loop.starts), loop.most or 0
    places = _cut(loop)
    of = {key: _in_tables(x, rounds, key.batch) if key in places else x for key, x in of.items()}
    found = loop.pulled_back({places.get(key, key): x for key, x in of.items()})
    first = len(loop.starts)
    by_argument = dict(zip(loop.node.arguments[first:], found[first:]))
    return [*found[:starts], *[by_argument.get(x) for x in arguments[starts:]]]


def _in_tables(entries: Entries, size: int, batch: Batch | None) -> Entries:
    """Cotangents of the entries of a stack, those of single ones as a table instead of one by one."""
    numbers = [entries.points.get(i, 0.0) for i in range(size)] if entries.points else []
    tables = [table(numbers, batch)] if numbers else []
    return Entries([*entries.stacks, *tables], None, entries.added, entries.sums)


def _can_be_cut(loop: Loop) -> bool:
    """Whether segments save memory: there may be many rounds, and what else a segment must begin with is small."""
    if loop.segment is not None or ROUNDS in loop.results or not is_among(context.nodes or (), loop.node):
        return False
    if any(isinstance(x, Stack) for x in (*loop.reads.values(), *loop.results)):
        return False
    if loop.most is None and any(isinstance(key, Traced) for key in loop.results):
        return False
    copied = sum([carry.size for carry in loop.carries if isinstance(carry, Stack)])
    rounds = MANY if loop.most is None else loop.most
    return rounds > FEW and copied <= math.isqrt(rounds)


def _cut(loop: Loop) -> dict[Any, int]:
    """Make a loop one of segments. Returns the places among its carries of what it kept of every round."""
    whole, node = copy.copy(loop), loop.node
    kept = [key for key in loop.results if isinstance(key, Traced)]
    with _before(node):
        rooms = [zeros(loop.most or 0, key.batch) for key in kept]
        if counted := loop.continues is None:
            count = loop.count.detach() if isinstance(loop.count, Traced) else loop.count
            length: Any = ceil(sqrt(count))
            loop.count = ceil(count / length)
            loop.most = None if loop.most is None else int(loop.count)
    loop.nodes, loop.starts, loop.carries, loop.reads, loop.rounds, loop.slopes = [], [], [], {}, None, {}
    with loop.body():
        for start, carry in zip([*whole.starts, *rooms], [*whole.carries, *kept]):
            loop.carry(start, carry.__class__, carry)
        segment = Loop(loop.batch, loop.backwards)
        segment.cut, segment.is_segment = None, True
        if counted:
            first: Any = (loop.index() * length).detach()
            segment.count = minimum(length, count - first)
            segment.most = None if loop.most is None else int(length)
        else:
            first = loop.carry(0.0)
            segment.begins = 1.0
            last = loop.index() + 1
        with segment.body():
            carries = [segment.carry(x, x.__class__, x) for x in loop.carries[: len(whole.carries) + len(kept)]]
            known: dict[Traced, Any] = dict(zip(whole.carries, carries))
            index = Index.of(segment, 0, 1, (add, (first.detach(), segment.index())))
            known |= {number: picked(stack, index) for stack, number in whole.reads.items()}
            if whole.rounds is not None:
                known[whole.rounds] = index
            record_again(whole.nodes, known)
            segment.following = [known.get(x, x) if isinstance(x, Traced) else x for x in whole.following]
            memories: list[Any] = carries[len(whole.carries) :]
            segment.following += [put(memory, index, known[key]) for memory, key in zip(memories, kept)]
            if not counted:
                holds = known.get(whole.continues, whole.continues)
                segment.carry(1.0, Condition)
                segment.following.append(holds)
                segment.continues = holds & (segment.index() + 1 < last)
        segment.close()
        loop.following = [segment.result(k) for k in range(len(carries))]
        if not counted:
            loop.following.append(first + segment.result(ROUNDS))
            loop.continues = segment.result(len(carries))
    with recording([]):
        again = loop.close()
    node.arguments, node.expansion, loop.node, loop.segment = again.arguments, again.expansion, node, segment.node
    loop.orders = int(any(isinstance(x, Stack) for x in loop.outside))
    places = {key: len(whole.carries) + k for k, key in enumerate(kept)}
    loop.results = {places.get(key, key): x for key, x in loop.results.items()}
    for key, x in loop.results.items():
        x.op.key = key
    return places


@contextmanager
def _before(node: Traced) -> Iterator[None]:
    """Record what is made in the block before a node."""
    nodes = context.nodes
    assert nodes is not None
    end = len(nodes)
    yield
    made = nodes[end:]
    del nodes[end:]
    nodes[node.index : node.index] = made
    for i in range(made[0].index - end + node.index, len(nodes)) if made else ():
        nodes[i].index = i
