"""Turning a trace into a program.

A node of a batch becomes an instruction that stands for one number per sample; those OVER_SAMPLES become one that
stands for a single number. The body of a loop becomes a program of its own; what is the same in every round is computed
before the loop, and what is not needed is left out.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from autograd_engine.compiler.program.bodies import Body
from autograd_engine.compiler.program.program import SHARED, Program
from autograd_engine.compiler.program.regions import divided
from autograd_engine.compiler.program.rules import bits_of
from autograd_engine.compiler.program.simplify import Simplifier
from autograd_engine.compiler.trace.errors import TraceError
from autograd_engine.compiler.trace.loops import Loop
from autograd_engine.compiler.trace.reductions import OVER_SAMPLES
from autograd_engine.compiler.trace.results import ROUNDS, Result, room_of
from autograd_engine.compiler.trace.stacks import ADD_ALL, ADD_AT, PUT, TABLE, ZEROS, Entry, Stack
from autograd_engine.compiler.trace.traced import BROADCAST, Batch, Traced, is_among


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause Python's cyclic garbage collector, which would walk a growing program again and again and free nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@collector_paused()
def program_of(outputs: Sequence[Any], nodes: Sequence[Traced], batches: Iterable[Batch], exact: bool) -> Program:
    """The simplified program that computes `outputs`, floats and Traced numbers among the `nodes` of a trace."""
    simplifier = Simplifier(exact)
    loops: _Needs = {}
    needed, foreign = _needed(outputs, nodes, loops)
    if foreign:
        spoilt = [x.arguments[1] for x in foreign if x.op is None and x.arguments[0] == "unread"]
        raise TraceError(
            spoilt[0]
            if spoilt
            else "a number of another compiled function, or of an earlier call, was used; give it to the "
            "function as an argument instead of keeping it elsewhere"
        )
    scope = _Scope(nodes, simplifier, {batch: i for i, batch in enumerate(batches)})
    scope.emit(needed, loops)
    ends = [simplifier.output(scope.here(x)) for x in outputs]
    recorded = len(nodes)
    program = _program(simplifier, ends, recorded, guarded=exact)
    if not exact and simplifier.has_guards:
        program.guarded = functools.partial(_program, simplifier, ends, recorded, guarded=True)
    return program


def _program(simplifier: Simplifier, outputs: list[int], recorded: int, guarded: bool) -> Program:
    instructions, found, loops = simplifier.finished(outputs, guarded)
    body, n = divided(instructions, loops), len(outputs)
    return Program(instructions, simplifier.constants, body, found[:n], loops, recorded, found[n:])


class _Scope:
    """The nodes of a trace, or of the body of a loop in it, and the operands that stand for them.

    What a body computes from numbers outside of it alone is computed there: it stands `elsewhere`.
    """

    def __init__(
        self,
        nodes: Sequence[Traced],
        simplifier: Simplifier,
        batches: dict[Batch, int],
        outer: _Scope | None = None,
        batch: Batch | None = None,
    ) -> None:
        self.nodes, self.simplifier, self.batches, self.outer = nodes, simplifier, batches, outer
        self.batch = batch  # that of the loop, to which the whole body belongs then
        self.operands: list[int] = [0] * len(nodes)
        self.elsewhere: dict[int, tuple[_Scope, int]] = {}
        self.captured: dict[int, int] = {}  # the operand here of one of the scope around
        self.results: dict[Loop, dict[Any, tuple[_Scope, int]]] = {}

    def emit(self, needed: bytearray, loops: _Needs) -> None:
        """Emit the instructions of all nodes that are needed."""
        operands, simplifier = self.operands, self.simplifier
        emit, constant = simplifier.emit, simplifier.constant
        for node in self.nodes:
            if not needed[node.index]:
                continue
            op = node.op
            if op is None:
                if self.outer is None:
                    operands[node.index] = self._leaf(node)
            elif op is BROADCAST:
                self._place(node, self.find(node.arguments[0]))
            elif op in OVER_SAMPLES:
                x = node.arguments[0]
                where, operand = self.find(x)
                size = functools.partial(where._size, self.batches[x.batch])
                self._place(node, (where, where.simplifier.over_samples(op.name, operand, size)))
            elif op.composite:
                self._place(node, self.find(node.expansion))
            elif op.__class__ in _OF_LOOPS or op in _OF_STACKS:
                self._of_loops(node, loops)
            elif self.outer is not None:
                self._in_body(node)
            else:
                computed_from = node.expansion or node.arguments
                operands[node.index] = emit(
                    op.name, tuple([constant(x) if x.__class__ is float else operands[x.index] for x in computed_from])
                )

    def here(self, x: Any) -> int:
        """The operand of a number."""
        return self._brought(*self.find(x))

    def find(self, x: Any) -> tuple[_Scope, int]:
        """Where a number is computed, and its operand there."""
        if x.__class__ is float:
            return self, self.simplifier.constant(x)
        scope = self
        while not is_among(scope.nodes, x):
            assert scope.outer is not None
            scope = scope.outer
        return scope.elsewhere.get(x.index) or (scope, scope.operands[x.index])

    def _brought(self, scope: _Scope, operand: int) -> int:
        """The operand here for one of a scope around this one."""
        if scope is self:
            return operand
        assert self.outer is not None
        operand = self.outer._brought(scope, operand)
        if operand < 0:
            return self.simplifier.constant(self.outer.simplifier.value(operand))
        if operand not in self.captured:
            batch = SHARED if self.batch is not None else self.outer.simplifier.batches[operand]
            number, outer = len(self.captured), self.outer.simplifier
            self.captured[operand] = self.simplifier.leaf("captured", (number,), batch, outer.is_stack(operand))
        return self.captured[operand]

    def _size(self, batch: int) -> int:
        """The operand here for the number of samples of a batch."""
        outermost = self
        while outermost.outer is not None:
            outermost = outermost.outer
        return self._brought(outermost, outermost.simplifier.leaf("size", (batch,), SHARED))

    def _leaf(self, node: Traced) -> int:
        kind, *source = node.arguments
        if kind == "size":
            source = [self.batches[source[0]]]
        elif kind == "array":
            del source[-1]  # how many entries there are
        return self.simplifier.leaf(kind, tuple(source), self._batch_of(node))

    def _batch_of(self, node: Traced) -> int:
        """The number of a node's batch; in the body of a loop in a batch, none."""
        return SHARED if node.batch is None or self.batch is not None else self.batches[node.batch]

    def _place(self, node: Traced, found: tuple[_Scope, int]) -> None:
        """Note where a node is computed."""
        if found[0] is self:
            self.operands[node.index] = found[1]
        else:
            self.elsewhere[node.index] = found

    def _in_body(self, node: Traced) -> None:
        """Emit a node of a body, as far out as its operands allow."""
        found = [self.find(x) for x in node.expansion or node.arguments]
        scope: _Scope = self
        while scope.outer is not None and not any(where is scope and operand >= 0 for where, operand in found):
            scope = scope.outer
        operands = []
        for where, operand in found:
            if operand < 0:
                operands.append(scope.simplifier.constant(where.simplifier.value(operand)))
            else:
                operands.append(scope._brought(where, operand))
        self._place(node, (scope, scope.simplifier.emit(node.op.name, tuple(operands))))

    def _of_loops(self, node: Traced, loops: _Needs) -> None:
        """Emit a loop, a result of one, or what has to do with stacks."""
        op, simplifier = node.op, self.simplifier
        if isinstance(op, Loop):
            self.results[op] = self._loop(op, loops[op], loops)
        elif isinstance(op, Result):
            [loop] = node.arguments or node.expansion
            self._place(node, self.results[loop.op][op.key])
        elif op is TABLE:
            self.operands[node.index] = simplifier.table([simplifier.as_number(self.here(x)) for x in node.arguments])
        elif op in _OF_STACKS:
            operands = tuple([simplifier.as_number(self.here(x)) for x in node.arguments])
            if op is ADD_ALL:
                operands = (self._stacked(operands[0], int(node.arguments[-1])), *operands[1:])
            batch = self._batch_of(node)
            self.operands[node.index] = simplifier.apart(op.name, operands, batch)
        else:
            where, operand = self.find(node.arguments[0])
            if where.simplifier.is_stack(operand):
                operands = (self._brought(where, operand), simplifier.constant(float(op.i)))
                where, operand = self, simplifier.instruction("entry", operands)
            self._place(node, (where, operand))

    def _stacked(self, x: int, size: int) -> int:
        """A stack; where all entries are the same number, it is made of that."""
        simplifier = self.simplifier
        return x if simplifier.is_stack(x) else simplifier.instruction("table", (simplifier.as_number(x),) * size)

    def _loop(self, loop: Loop, need: _Need, loops: _Needs) -> dict[Any, tuple[_Scope, int]]:
        """Emit a loop. Returns where each of its results is, and its operand there."""
        simplifier = self.simplifier
        fixed: dict[int, tuple[_Scope, int]] = {}  # the carries that stay what they are at the start
        while True:
            inner = _Scope(loop.nodes, Simplifier(simplifier.exact), self.batches, self, loop.batch)
            moving = [k for k in need.carries if k not in fixed]
            stacks = inner._begin(loop, need, moving, fixed)
            inner.emit(need.nodes, loops)
            of_body = inner.simplifier
            following = [of_body.output(inner.here(loop.following[k])) for k in moving]
            starts = [self.find(loop.starts[k]) for k in moving]
            staying = {
                k: start
                for k, start, x in zip(moving, starts, following)
                if x == inner.operands[loop.carries[k].index] or (x < 0 and self._is(start, of_body.value(x)))
            }
            if not staying:
                break
            fixed |= staying
        results = dict[Any, tuple[_Scope, int]](fixed)
        kept = {}
        of_samples = {key for key in need.kept if loop.batch is None and key.batch is not None}
        found = {key: inner._outermost(*inner.find(key)) for key in need.kept}
        stacks_kept = {key for key, (where, operand) in found.items() if where is inner and of_body.is_stack(operand)}
        for key in sorted(need.kept, key=lambda key: (key in of_samples, key in stacks_kept)):
            where, operand = found[key]
            if where is inner:
                kept[key] = of_body.as_number(operand)
            else:  # the same in every round
                results[key] = where, operand
        of_rounds = [loop.carries[k] for k in moving]
        memories = {p: x.size for p, x in enumerate(of_rounds) if isinstance(x, Stack)}
        copies = [room_of(key) for key in kept if isinstance(key, Stack) and key in stacks_kept]
        rows = [self._batch_of(key) for key in kept if key in of_samples]
        counted = loop.continues is None
        continues = [] if counted else [of_body.as_condition(inner.here(loop.continues))]
        outputs = [*continues, *following, *kept.values()]
        if not (moving or kept or need.rounds):
            return results
        used = of_body.numbered("captured", outputs)
        outside = {operand: x for x, operand in inner.captured.items()}
        batch = None if loop.batch else SHARED  # one in a batch is shared where nothing differs from sample to sample
        operand = simplifier.loop(
            (
                simplifier.as_number(self.here(loop.count if counted else loop.begins)),
                *[
                    self._stacked(operand, memories[place]) if place in memories else simplifier.as_number(operand)
                    for place, operand in enumerate([self._brought(*start) for start in starts])
                ],
                *[self.here(stack) for stack in stacks],
                *[simplifier.as_number(outside[x]) for x in used],
            ),
            Body(
                counted,
                loop.backwards,
                len(moving),
                len(stacks),
                len(kept) - len(copies) - len(rows),
                memories,
                copies,
                {p: self._batch_of(x) for p, x in enumerate(of_rounds) if x.batch} if loop.batch is None else {},
                rows,
                loop.bound if counted and kept else None,
                simplifier=of_body,
                outputs=outputs,
            ),
            batch,
        )
        for place, k in enumerate(moving):
            operation = "memory" if place in memories else "result"
            of_carry = None if loop.batch else self._batch_of(loop.carries[k])
            results[k] = self, simplifier.of_loop(operation, operand, place, of_carry)
        for place, key in enumerate(kept):
            of_stack = self._batch_of(key) if key in of_samples else batch
            results[key] = self, simplifier.of_loop("stack", operand, place, of_stack)
            if key in stacks_kept:
                simplifier.of_stacks.add(results[key][1])
        if need.rounds:
            results[ROUNDS] = self, simplifier.of_loop("result", operand, -1, batch)
        return results

    def _begin(
        self, loop: Loop, need: _Need, moving: Sequence[int], fixed: dict[int, tuple[_Scope, int]]
    ) -> list[Stack]:
        """Emit what stands for the numbers that the body gets. Returns the stacks that it reads."""
        assert self.outer is not None
        leaf = self.simplifier.leaf
        for place, k in enumerate(moving):
            carry = loop.carries[k]
            self.operands[carry.index] = leaf("carry", (place,), self._batch_of(carry), isinstance(carry, Stack))
        for k, start in fixed.items():
            self.elsewhere[loop.carries[k].index] = start
        if loop.rounds is not None:
            self.operands[loop.rounds.index] = leaf("index", (), SHARED)
        stacks: list[Stack] = []
        for stack in need.stacks:
            where, operand = self.outer.find(stack)
            index = loop.reads[stack].index
            if where.simplifier.is_stack(operand):
                batch, is_of_stacks = self._batch_of(loop.reads[stack]), operand in where.simplifier.of_stacks
                self.operands[index] = leaf("read", (len(stacks),), batch, is_of_stacks)
                stacks.append(stack)
            else:
                self.elsewhere[index] = where, operand
        return stacks

    def _outermost(self, where: _Scope, operand: int) -> tuple[_Scope, int]:
        """Where an operand comes from that is the same in every round."""
        if where is self and self.outer is not None:
            if operand < 0:
                return self.outer, self.outer.simplifier.constant(self.simplifier.value(operand))
            for outside, captured in self.captured.items():
                if captured == operand:
                    return self.outer, outside
        return where, operand

    def _is(self, found: tuple[_Scope, int], x: float) -> bool:
        """Whether an operand is the constant x."""
        where, operand = found
        return operand < 0 and bits_of(where.simplifier.value(operand)) == bits_of(x)


_OF_LOOPS = frozenset({Loop, Result, Entry})
_OF_STACKS = frozenset({TABLE, ZEROS, PUT, ADD_AT, ADD_ALL})


@dataclass
class _Need:
    """What is needed of a loop: nodes of its body, numbers that it carries, stacks that it reads, what it keeps."""

    nodes: bytearray
    carries: list[int]
    stacks: list[Stack]
    kept: list[Traced]
    rounds: bool


_Needs = dict[Loop, _Need]


def _needed(outputs: Iterable[Any], nodes: Sequence[Traced], loops: _Needs) -> tuple[bytearray, list[Traced]]:
    """A flag for each node: whether the outputs depend on it; and the nodes of other traces that they depend on.

    What is needed of the loops among the nodes is added to `loops`.
    """
    needed, count = bytearray(len(nodes)), len(nodes)
    foreign: list[Traced] = []

    def need(arguments: Iterable[Any]) -> None:
        for x in arguments:
            if x.__class__ is not float:
                i = x.index
                if i >= count or nodes[i] is not x:
                    foreign.append(x)
                else:
                    needed[i] = 1

    need(outputs)
    for node in reversed(nodes):
        op = node.op
        if needed[node.index] and op is not None:
            if op.__class__ is Loop:
                need(_needed_of_loop(op, needed, loops))
            else:
                need((node.expansion,) if op.composite else node.expansion or node.arguments)
    return needed, foreign


def _needed_of_loop(loop: Loop, needed: bytearray, loops: _Needs) -> list[Any]:
    """What a loop needs from outside, so that its needed results can be computed."""
    keys = [key for key, result in loop.results.items() if needed[result.index]]
    kept = [key for key in keys if isinstance(key, Traced)]
    carries = {key for key in keys if isinstance(key, int)}
    while True:
        ends = [*kept, *[loop.following[k] for k in carries], *([] if loop.continues is None else [loop.continues])]
        nodes, foreign = _needed(ends, loop.nodes, loops)
        more = {k for k, carry in enumerate(loop.carries) if nodes[carry.index]} - carries
        if not more:
            break
        carries |= more
    stacks = [stack for stack, number in loop.reads.items() if nodes[number.index]]
    loops[loop] = _Need(nodes, sorted(carries), stacks, kept, ROUNDS in keys)
    rounds = loop.count if loop.continues is None else loop.begins
    return [rounds, *[loop.starts[k] for k in sorted(carries)], *stacks, *foreign]
