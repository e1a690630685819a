"""Loops while tracing: one node for a loop, however many rounds it has.

The body is traced once, as a list of nodes of its own. From round to round it carries numbers along (`carries` stand
for them at the beginning of a round, `following` at its end); it uses numbers from outside, and it can keep a number of
every round in a `Stack`, for other loops to read in the same round.

The chain rule sees a node with several results. The cotangents of the results travel back to the loop in a bundle, and
what the loop makes of them is another loop, in the other direction, whose body is the derivative of the body. That one
is recorded like any other, so there are derivatives of every order, and no rule for loops anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any

from autograd_engine.compiler.trace.errors import TraceError
from autograd_engine.compiler.trace.indices import Index, ends_of
from autograd_engine.compiler.trace.results import ROUNDS, Argument, Result, Sum, next_order, room_of
from autograd_engine.compiler.trace.slopes import pulled_forward
from autograd_engine.compiler.trace.stacks import (
    ADD_ALL,
    CHANGES,
    Entries,
    Stack,
    in_batch,
    is_computed,
    put,
    table,
    total_of,
    zeros,
)
from autograd_engine.compiler.trace.traced import (
    BROADCAST,
    CONDITIONS,
    Batch,
    Condition,
    Operation,
    Traced,
    context,
    is_among,
    recording,
)
from autograd_engine.graph import forward_sweep, reverse_sweep, topological_order
from autograd_engine.primitives import identity
from autograd_engine.runs import between, carried

_CHEAP = "identity add sub mul neg product0 abs sign copysign floor ceil round where maximum minimum relu broadcast"
COMPUTED_AGAIN = frozenset(_CHEAP.split()) | {"table"} | CONDITIONS.keys()
"""The basic operations that the derivative of a loop computes again; the results of others are kept."""


class _Known(Operation):
    """An operation whose result need not be computed, since it is kept: the expansion of its node."""

    composite = True

    def __init__(self, op: Any) -> None:
        super().__init__(op.name, op.partials)


class Loop(Operation):
    """A loop: its parts are recorded in `body()`, and then `close` makes its node.

    There are `count` rounds or, if that is None, as many as the condition `continues` allows, which the body computes
    at its end; `begins` says whether there is a first round. With `backwards` the rounds are numbered from the last.
    """

    def __init__(self, batch: Batch | None, backwards: bool = False) -> None:
        super().__init__("loop", lambda out, *arguments: [Argument(out, i) for i in range(len(arguments))])
        self.batch, self.backwards = batch, backwards
        self.nodes: list[Traced] = []
        self.starts: list[Any] = []  # what is carried into the first round
        self.carries: list[Traced] = []
        self.following: list[Any] = []
        self.reads: dict[Stack, Traced] = {}
        self.results: dict[Any, Traced] = {}
        self.slopes: dict[Traced, dict[int, int]] = {}  # by a carry or a number from outside; see slopes.py
        self.continues: Any = None
        self.begins: Any = None
        self.count: Any = None
        self.most: int | None = None  # rounds, if that is known
        self.rounds: Index | None = None  # stands for the number of the round
        self.cut = context.cut  # what makes it one of segments for a loop back, if anything does; see segments.py
        self.segment: Traced | None = None  # the loop in it that is one segment, once it has been cut
        self.is_segment = False
        self.orders = 0  # of derivatives of a loop in segments that adds up in arrays; see `next_order`
        self.onto: dict[Traced, Any] = {}  # what a loop back adds the cotangents of numbers from outside to
        self.kept: Callable[[Any], Traced | None] = lambda key: None  # a result that was kept of the same loop, if any

    @contextmanager
    def body(self) -> Iterator[None]:
        """Record what is made in the block as the body."""
        before = context.nodes, context.outer, context.batch
        assert context.nodes is not None
        self.around = context.nodes
        context.nodes, context.outer, context.batch = self.nodes, (*context.outer, context.nodes), self.batch
        try:
            yield
        finally:
            context.nodes, context.outer, context.batch = before

    def carry(self, start: Any, kind: type[Traced] = Traced, of: Traced | None = None) -> Traced:
        """A number that is carried from round to round, in the body; or a stack, that the loop may change.

        Around samples it is one of each sample where it belongs to the number `of`, that of a batch.
        """
        is_stack, batch = isinstance(start, Stack), self.batch or (of.batch if of is not None else None)
        self.starts.append(start if is_stack else in_batch(start, batch))
        self.carries.append(Stack(None, ("carry", start.size), batch) if is_stack else kind(None, ("carry",), batch))
        return self.carries[-1]

    def index(self) -> Index:
        """The number of the round, in the body."""
        if self.rounds is None:
            with recording(self.nodes):
                self.rounds = Index.of(self, 0, 1, (None, ("index",)))
        return self.rounds

    def read(self, stack: Stack | Entries) -> Any:
        """The entry of a stack for this round, in the body."""
        if isinstance(stack, Entries):
            with recording(self.around):
                stacks = [stack.stack(int(self.count), self.batch)] if stack.added or stack.sums else [*stack.stacks]
                if stack.points:
                    numbers = [stack.points.get(i, 0.0) for i in range(int(self.count))]
                    stacks.append(table(numbers, self.batch))
            return total_of([_cotangent(self.read(one)) for one in stacks])
        kept: Any = stack.op.key if isinstance(stack.op, Result) else None
        batch = stack.batch if isinstance(kept, Traced) else self.batch
        if batch is None:
            in_batch(stack, None)  # refuses one of a batch
        if stack not in self.reads:
            with recording(self.nodes):
                if isinstance(kept, Stack):
                    self.reads[stack] = Stack(None, ("read", room_of(kept)), batch)
                else:
                    self.reads[stack] = Traced(None, ("read", self, stack), batch)
        return self.reads[stack]

    def close(self) -> Traced:
        """The node of the loop."""
        if self.batch and any(node.batch is not self.batch for node in self.nodes):
            raise TraceError("a loop of each sample of a vmap cannot hold sums over the samples in its body")
        self.following = [in_batch(x, carry.batch) for x, carry in zip(self.following, self.carries)]
        used = [x for node in self.nodes for x in needs(node)] + [*self.following, self.continues]
        foreign = dict.fromkeys(x for x in used if isinstance(x, Traced) and not is_among(self.nodes, x))
        if self.batch is None:
            for x in foreign:
                if isinstance(x, Stack):
                    in_batch(x, None)  # refuses one of a batch
        of_numbers = [x for x in foreign if x.__class__ is Traced or (x.__class__ is Stack and is_computed(x))]
        self.outside, differentiable = of_numbers, dict.fromkeys(of_numbers)
        apart = [x for x in (*foreign, self.count, self.begins) if isinstance(x, Traced) and x.__class__ is not Traced]
        others = [x for x in apart if x not in differentiable]
        self.node = Traced(self, (*self.starts, *self.outside, *self.reads), self.batch)
        self.node.expansion = (*others, *[x for x in (self.count,) if x.__class__ is Traced])
        return self.node

    def result(self, key: Any, kept: Traced | None = None) -> Traced:
        """A result of the loop; see `Result`. Asked for a stack, the loop keeps it. What is `kept` is not computed."""
        if key not in self.results:
            kept = self.kept(key) if kept is None else kept
            with recording(self.around):
                batch = self.batch if key is ROUNDS else self.carries[key].batch if isinstance(key, int) else key.batch
                if isinstance(key, int) and isinstance(self.carries[key], Condition):
                    result: Traced = self.carries[key].__class__(Result(key), (), batch)
                    result.expansion = (self.node,)
                else:
                    is_stack = isinstance(key, Traced) or (key is not ROUNDS and isinstance(self.carries[key], Stack))
                    result = (Stack if is_stack else Traced)(Result(key, kept is not None), (self.node,), batch)
                    result.expansion = kept
            self.results[key] = result
        return self.results[key]

    def pulled(self, of: dict[Any, Any]) -> list[Any]:
        """The cotangents of the arguments, from those of the results: the loop in the other direction, or slopes that
        are carried along."""
        next_order(self.orders)
        if (forward := pulled_forward(self, of, COMPUTED_AGAIN)) is not None:
            return forward
        return self.pulled_back(of) if self.cut is None else self.cut(self, of)

    def pulled_back(self, of: dict[Any, Any]) -> list[Any]:
        """The cotangents of the arguments, by a loop in the other direction."""
        back = Loop(self.batch, not self.backwards)
        back.count, back.most, back.cut = self.result(ROUNDS) if self.count is None else self.count, self.most, None
        back.orders = next_order(self.orders)
        outside = [self._start_of(x, self.onto.get(x)) for x in self.outside]
        ends = [self._start_of(self.carries[i], of.get(i)) for i in range(len(self.carries))]
        with back.body():
            known: dict[Traced, Any] = {carry: _changeable(back.read(self.stack(carry))) for carry in self.carries}
            known |= {number: _changeable(back.read(stack)) for stack, number in self.reads.items()}
            if self.rounds is not None:
                known[self.rounds] = back.index()
            leaves = [*known.values(), *self.outside]
            record_again(self.nodes, known, lambda node: back.read(self.stack(node)))
            sums: dict[Any, Any] = {x: _cotangent(back.carry(start, of=x)) for x, start in zip(self.outside, outside)}
            seeds = dict(sums) if self.segment is None else dict.fromkeys(sums)
            if self.segment is not None:
                known[self.segment].op.onto = sums

            def seed(x: Any, cotangent: Any) -> None:
                if x.__class__ in (Traced, Stack) and cotangent is not None:
                    seeds[x] = seeds[x] + cotangent if x in seeds else cotangent

            for carry, x, end in zip(self.carries, self.following, ends):
                seed(_known(known, x), _cotangent(back.carry(end, of=carry)))
            for key, cotangents in of.items():
                if isinstance(key, Traced):
                    seed(known[key], back.read(cotangents))
            found = carried(reverse_sweep, self.order(seeds, leaves), seeds, as_nodes=True)
            arriving = [self._end_of(carry, found.get(known[carry], 0.0)) for carry in self.carries]
            back.following = [*[self._end_of(x, found.get(x, sums[x])) for x in self.outside], *arriving]
            read = [
                self._of_read(back, stack, number, found.get(known[number])) for stack, number in self.reads.items()
            ]
        back.close()
        n = len(self.outside)
        return [
            *[_cotangent(back.result(n + i)) for i in range(len(self.carries))],
            *[self._summed(back, i, x) for i, x in enumerate(self.outside)],
            *[None if key is None else _cotangent(back.result(key)) for key in read],
        ]

    def _summed(self, back: Loop, i: int, x: Traced) -> Any:
        """The cotangent of a number or a stack from outside, which the loop back adds up."""
        if x in self.onto:
            return _cotangent(back.result(i))
        return Entries(sums=[Sum(back, i)]) if isinstance(x, Stack) else back.result(i)

    def pushed(self, of: dict[int, Any]) -> Callable[[Any], Any]:
        """What gives the tangent of a result, from the tangents of the arguments: a loop in the same direction."""
        along = Loop(self.batch, self.backwards)
        along.count, along.begins, along.most, along.cut = self.count, self.begins, self.most, self.cut
        along.orders = next_order(self.orders)
        count = len(self.carries)
        starts = [self._start_of(carry, of.get(i)) for i, carry in enumerate(self.carries)]
        outside = {x: self._start_of(x, of[count + i]) for i, x in enumerate(self.outside) if count + i in of}
        with along.body():
            known: dict[Traced, Any] = {}
            for carry, start in zip(self.carries, self.starts):
                known[carry] = along.carry(start, carry.__class__, carry)
            seeds = {
                known[carry]: _cotangent(along.carry(start, of=carry)) for carry, start in zip(self.carries, starts)
            }
            seeds |= {x: _cotangent(start) for x, start in outside.items()}
            for i, (stack, number) in enumerate(self.reads.items(), count + len(self.outside)):
                known[number] = along.read(stack)
                if i in of and (tangent_read := along.read(of[i])) is not None:
                    seeds[known[number]] = tangent_read
            if self.rounds is not None:
                known[self.rounds] = along.index()
            leaves = [*known.values(), *self.outside]
            record_again(self.nodes, known, copies=True)
            following = [_known(known, x) for x in self.following]
            ends = [*following, *[known[key] for key in self.results if isinstance(key, Traced)]]
            order = self.order([x for x in ends if isinstance(x, Traced)], leaves)
            found = carried(forward_sweep, order, seeds, as_nodes=True)
            tangents = [found.get(x, 0.0) if isinstance(x, Traced) else 0.0 for x in following]
            along.following = [*following, *map(self._end_of, self.carries, tangents)]
            along.continues = _known(known, self.continues)
            slopes = {key: found.get(known[key]) for key in self.results if isinstance(key, Traced)}
            kept = {key: _of_body(x if x is None else self._end_of(key, x)) for key, x in slopes.items()}
        along.close()

        def tangent(key: Any) -> Any:
            if key is ROUNDS:
                return None
            if not isinstance(key, Traced):
                return _cotangent(along.result(count + key))
            return None if kept[key] is None else Entries([along.stack(kept[key])])

        return tangent

    @property
    def bound(self) -> int | None:
        """How many rounds there are at most, of a loop that counts them; None if that is not known."""
        ends = None if self.count is None else ends_of(self.count)
        return None if ends is None or not ends[1] < 2**31 else max(ceil(ends[1]), 0)

    def keeps_less(self, known: Container[Traced]) -> bool:
        """Whether what a derivative needs of all rounds is less than the stacks that the loop changes, and those of the
        loop around it, which are `known` there. The loop back of that one then keeps what is needed, and does not run
        this one again, from copies of the stacks."""
        if self.is_segment or self.bound is None or any(x.batch is not self.batch for x in self.nodes):
            return False
        names = [x.op.name for x in self.nodes if x.op is not None and not isinstance(x, Stack)]
        numbers = len(self.carries) + sum(name not in COMPUTED_AGAIN for name in names)
        stacks = [*self.carries, *[x for x in self.outside if x in known]]
        entries = sum(x.size for x in stacks if isinstance(x, Stack))
        return "loop" not in names and numbers * self.bound < entries

    def order(self, ends: Iterable[Any], leaves: Sequence[Any]) -> list[Any]:
        """What a sweep goes through. A number from outside may depend on another; that is not the body's business.
        Where a stack changes in place, it goes through everything in the order in which it was recorded."""
        outside = set(self.outside)
        order = [x for x in between(leaves, topological_order(ends, stop=set(leaves))) if x not in outside]
        return sorted(order, key=lambda x: x.index) if any(isinstance(x, Stack) for x in order) else order

    def _of_read(self, back: Loop, stack: Stack, number: Traced, cotangent: Any) -> Any:
        """Which result of the loop back is the cotangent of a stack that this one reads, from that of what it reads.
        It is kept of every round; where there may be fewer rounds than entries, it is put among zeros."""
        if cotangent is None:
            return None
        if isinstance(number, Stack):
            return _changeable(cotangent.stack(number.size, self.batch))
        if self.count.__class__ is float or (isinstance(stack.op, Result) and isinstance(stack.op.key, Traced)):
            return _of_body(cotangent)
        with recording(back.around):
            start = zeros(stack.size, self.batch)
        carry: Any = back.carry(start)
        back.following.append(put(carry, back.index(), cotangent))
        return len(back.carries) - 1

    def _start_of(self, x: Traced, cotangent: Any) -> Any:
        """A cotangent or tangent of a number or a stack, as what a loop can carry."""
        if not isinstance(x, Stack):
            return 0.0 if cotangent is None else cotangent
        return (Entries() if cotangent is None else cotangent).stack(x.size, self.batch)

    def _end_of(self, x: Traced, cotangent: Any) -> Any:
        """The same at the end of a round."""
        return cotangent.stack(x.size, self.batch) if isinstance(x, Stack) else cotangent

    def stack(self, node: Traced) -> Stack:
        """The numbers of a node of the body in all rounds, which the loop keeps."""
        stack = self.result(node)
        assert isinstance(stack, Stack)
        return stack

    def again(self, known: dict[Traced, Any]) -> Traced:
        """The node of the same loop, recorded again with what is `known` instead of the numbers it used."""
        loop = Loop(self.batch, self.backwards)
        loop.count, loop.begins = _known(known, self.count), _known(known, self.begins)
        loop.most, loop.cut, loop.is_segment = self.most, self.cut, self.is_segment
        with loop.body():
            for carry, start in zip(self.carries, self.starts):
                known[carry] = loop.carry(_known(known, start), carry.__class__, carry)
            for stack, number in self.reads.items():
                known[number] = loop.read(_known(known, stack))
            if self.rounds is not None:
                known[self.rounds] = loop.index()
            record_again(self.nodes, known)
            loop.following = [_known(known, x) for x in self.following]
            loop.continues = _known(known, self.continues)
        return loop.close()


def record_again(
    nodes: Sequence[Traced],
    known: dict[Traced, Any],
    kept: Callable[[Traced], Any] | None = None,
    copies: bool = False,
) -> None:
    """Record nodes again with what is `known` instead of their arguments, and add them to it. `kept` returns the number
    that was kept of a node, so that it need not be computed again. With `copies` a loop gets copies of the stacks that
    it uses: its derivative is recorded later, when they may have changed."""
    for node in nodes:
        if node in known:
            continue
        op: Any = node.op
        if isinstance(op, Loop):
            stacks: dict[Traced, Any] = {
                x: known[x] for x in op.outside if copies and isinstance(x, Stack) and x in known
            }
            known |= {x: _changeable(stack) for x, stack in stacks.items()}
            known[node] = op.again(known)
            known |= stacks
            if kept is not None and op.keeps_less(known):
                changed = {x.arguments[1] for x in nodes if x.op in CHANGES}
                _keep_results(op, known[node].op, known, kept, changed)
            continue
        if isinstance(op, Result):
            [loop] = node.arguments or node.expansion
            of_kept = _known(known, node.expansion) if op.composite else None
            known[node] = _known(known, loop).op.result(_known(known, op.key), of_kept)
            continue
        is_number = node.__class__ is not Stack and not op.composite and not node.expansion
        of_loop = node.batch is context.batch  # not of samples that the loop is around
        is_cheap = op.name in COMPUTED_AGAIN or node in context.again
        keep = kept is not None and is_number and of_loop and not is_cheap
        arguments = tuple([_known(known, x) for x in node.arguments])
        if isinstance(node, Index) and op is not BROADCAST:
            loop = _known(known, node.loop.rounds).loop
            known[node] = Index.of(loop, node.first, node.step, (op, arguments))
            continue
        again = type(node)(_Known(op) if keep else op, arguments, node.batch)
        if keep:
            assert kept is not None
            again.expansion = kept(node)
        elif op.composite:
            again.expansion = _known(known, node.expansion)
        elif node.expansion:
            again.expansion = tuple([_known(known, x) for x in node.expansion])
        if node in context.again:
            context.again.add(again)
        known[node] = again


def _keep_results(
    loop: Loop, again: Loop, known: dict[Traced, Any], kept: Callable[[Traced], Any], changed: Container[Traced]
) -> None:
    """Have the results of a loop that was recorded `again`, in the derivative of the loop around it, read from what
    was `kept` of the loop itself. Those `changed` later where they lie are kept with the changes, and so computed."""
    nodes, around = {known[x]: x for x in loop.nodes}, again.around
    carries = [k for k, x in enumerate(loop.carries) if not isinstance(x, Condition)]
    keys = {*loop.nodes, *[k for k in carries if loop.results.get(k) not in changed]}

    def result(key: Any) -> Any:
        of_loop = nodes.get(key) if isinstance(key, Traced) else key
        if of_loop not in keys or not any(around is x for x in (context.nodes, *context.outer)):
            return None
        with recording(around):
            found = kept(loop.result(of_loop))
            return found if isinstance(key, Traced) else _changeable(found)

    again.kept = result


def needs(node: Traced) -> Iterable[Any]:
    """What a node is computed from, and its arguments."""
    if node.op is None:
        return ()
    if node.op.composite:
        return (*node.arguments, node.expansion)
    return (*node.arguments, *(node.expansion or ()))


def _cotangent(x: Any) -> Any:
    """What is carried back, as the cotangent of what it belongs to."""
    return Entries([x]) if isinstance(x, Stack) else x


def _changeable(x: Any) -> Any:
    """A number; of a stack a copy, which may be changed where it lies."""
    return Stack(ADD_ALL, (x, zeros(x.size, x.batch), float(x.size)), x.batch) if isinstance(x, Stack) else x


def _known(known: dict[Traced, Any], x: Any) -> Any:
    return known.get(x, x) if isinstance(x, Traced) else x


def _of_body(x: Any) -> Any:
    """A number as a node of the body that is being recorded, which a stack can be made of."""
    if x is None or (isinstance(x, Traced) and context.nodes is not None and is_among(context.nodes, x)):
        return x
    return Traced(identity, (x,), x.batch if isinstance(x, Traced) else context.batch)
