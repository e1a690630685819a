"""How cond, while_loop, fori_loop and scan are recorded while a function is traced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.array_trace import ArrayTrace
from autograd_engine.compiler.trace.arrays import BatchArray
from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.gathering import gathered
from autograd_engine.compiler.trace.items import entry_of, item, some, stacks_of
from autograd_engine.compiler.trace.looped import is_given, looped_vmap
from autograd_engine.compiler.trace.loops import Loop, needs, record_again
from autograd_engine.compiler.trace.segments import pulled_in_segments
from autograd_engine.compiler.trace.stacks import PICK, Stack, batch_of, entry
from autograd_engine.compiler.trace.traced import Condition, Traced, cannot, context, home, is_among
from autograd_engine.control_flow import apart_from_none, numbers_of_round, pair, recorder
from autograd_engine.copying import is_variable
from autograd_engine.mapping import stacked
from autograd_engine.primitives import where
from autograd_engine.runs import is_of_batch
from autograd_engine.structure import leaves_of, map_leaves

UNROLLED = 16
"""Rounds. A loop of up to as many becomes a straight line."""


class Recorder:
    """Records the branches and loops of one trace; see `control_flow.recorder`."""

    rolling: Callable[[], Any]

    def __init__(self, arrays: ArrayTrace, gathers: bool = False) -> None:
        self.arrays, self._gathers = arrays, gathers
        self.has_gathered = False
        self._positions: dict[int, Any] = {}

    def item(self, array: Any, parts: tuple[Any, ...]) -> Any:
        """`array[parts]`, where a part is not known."""
        return item(array, parts)

    def some(self, count: Any) -> Any:
        """That a count is not 0, which is checked at a call."""
        return some(count)

    def gathered(self, array: Any, axis: int) -> Any:
        """What gives a sample of a computed array that is mapped, if there are many and they are picked alike."""
        samples = np.shape(array)[axis]
        found = gathered(array, axis) if self._gathers and samples > UNROLLED else None
        if found is None:
            return None
        self.has_gathered = True
        return lambda: found(self._position(samples))

    def _position(self, samples: int) -> Any:
        """The number of a sample among so many."""
        if samples not in self._positions:
            self._positions[samples] = self.arrays.constant(np.arange(samples, dtype=float))
        self.arrays.batch(samples).fixed = True
        return self._positions[samples].samples(0)[()]

    def vmap(self, f: Callable[..., Any], args: Sequence[Any], axes: Sequence[int | None], samples: int) -> Any:
        """A vmap in a sample of another one, where arrays are to stay together."""
        mapped = leaves_of([arg for arg, axis in zip(args, axes) if axis is not None])
        if samples <= UNROLLED or not context.together or not all(map(is_given, mapped)):
            return NotImplemented
        try:
            return looped_vmap(f, args, axes, samples)
        except TraceError:
            return NotImplemented

    def cond(self, pred: Traced, if_true: Any, if_false: Any, operands: tuple[Any, ...]) -> Any:
        """Both branches, and a choice between the numbers that they return."""
        leaves, structure = apart_from_none(if_true(*operands))
        others = numbers_of_round("cond", "what if_false returns", structure, if_false(*operands))
        return structure([x if x is y else where(pred, x, y) for x, y in zip(leaves, others)])

    def while_loop(self, cond: Callable[[Any], Any], body: Callable[[Any], Any], init: Any) -> Any:
        """A loop as long as a condition holds. Rounds in which it is known are made one by one."""
        state = _State("while_loop", init)
        while not isinstance(holds := cond(state.value), Traced):
            if not holds:
                return state.value
            state = _State("while_loop", state.filled(state.numbers_of(body(state.value))))
        loop = Loop(batch_of(state.value, holds))
        loop.begins = _condition(holds)
        with loop.body():
            loop.following = state.numbers_of(body(state.carried(loop)))
            loop.continues = _condition(cond(state.filled(loop.following)))
        return state.after(loop)

    def fori_loop(self, lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any) -> Any:
        """A counted loop."""
        count = upper - lower
        if not isinstance(count, Traced) and count <= UNROLLED:
            return NotImplemented
        state = _State("fori_loop", init)
        loop = Loop(batch_of(init, lower, upper))
        loop.count = count if isinstance(count, Traced) else float(count)
        loop.most = None if isinstance(count, Traced) else int(count)
        try:
            with loop.body():
                carried = state.carried(loop)
                first = lower.detach() if isinstance(lower, Traced) else float(lower)
                loop.following = state.numbers_of(body(first + loop.index(), carried))
            return state.after(loop)
        except TraceError:
            if isinstance(count, Traced):
                raise
            return NotImplemented  # what a loop cannot do, a straight line may

    def scan(self, step: Callable[[Any, Any], Any], init: Any, xs: Any, length: int, reverse: bool) -> Any:
        """A loop that reads an entry of each array in every round, and keeps what the step returns."""
        if length <= UNROLLED or any(isinstance(leaf, BatchArray) for leaf in leaves_of(xs, lists=False)):
            return NotImplemented
        state = _State("scan", init)
        loop = Loop(batch_of(init, xs), reverse)
        loop.count, loop.most = float(length), length
        try:
            stacks = None if xs is None else map_leaves(lambda x: stacks_of(x, loop.batch), xs, lists=False)
            with loop.body():
                carried = state.carried(loop)
                x = None if xs is None else map_leaves(lambda array: entry_of(loop, array), stacks, lists=False)
                carried, y = pair(step(carried, x))
                loop.following = state.numbers_of(carried)
                returned, of_y = apart_from_none(y)
                returned = numbers_of_round("scan", "y", of_y, y)
                if any(map(is_of_batch, returned)):
                    return NotImplemented
            after = state.after(loop)
        except TraceError:
            return NotImplemented
        columns = [loop.result(y) if isinstance(y, Traced) and is_among(loop.nodes, y) else y for y in returned]
        rows = [[entry(y, i) if isinstance(y, Stack) else y for y in columns] for i in range(length)]
        return after, stacked(rows, of_y)

    def checkpoint(self, f: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any]) -> Any:
        """What f returns. Loops in it keep little for their derivatives; one around it keeps nothing of it."""
        before, context.cut = context.cut, pulled_in_segments
        nodes = context.nodes
        assert nodes is not None
        first = len(nodes)
        try:
            return f(*args, **keywords)
        finally:
            context.cut = before
            context.again.update(x for x in nodes[first:] if x.op is not PICK)

    @contextmanager
    def unrolled(self) -> Iterator[None]:
        """Leave loops of a known length to Python in the block."""
        straight, context.straight = context.straight, inf
        before = recorder.set(_Unrolled(self.arrays))
        try:
            yield
        finally:
            recorder.reset(before)
            context.straight = straight

    def closed(
        self, inputs: Sequence[Traced], outputs: Sequence[Any]
    ) -> tuple[list[Traced], Callable[[Sequence[Any]], list[Any]]]:
        """What has been computed since `inputs` were recorded, as a function: what it uses besides them, and what gives
        the `outputs` for other inputs followed by others of these."""
        assert context.nodes is not None
        own: dict[Any, None] = dict.fromkeys(inputs)
        nodes: list[Traced] = []
        for node in context.nodes[inputs[-1].index + 1 :]:
            if not own.keys().isdisjoint(needs(node)):
                nodes.append(node)
                own[node] = None
        used, foreign = [x for node in nodes for x in needs(node)] + [*outputs], list[Traced]()
        for x in used:  # which grows
            if isinstance(x, Traced) and x not in own and x.op is not None and x.batch not in (None, inputs[-1].batch):
                # A number of samples that only a sum in the function is over. It is computed there.
                if is_variable(x):
                    raise cannot(f"{user_line()} has an equation with sums over numbers that it is differentiated in")
                foreign.append(x)
                own[x] = None
                used += needs(x)
        around = [*context.outer, context.nodes]
        foreign.sort(key=lambda x: ([nodes is home(x) for nodes in around].index(True), x.index))
        nodes = [*foreign, *nodes]
        # What is given with a call is the same wherever the function runs.
        own |= dict.fromkeys(x for x in used if isinstance(x, Traced) and x.op is None and is_among(around[0], x))
        outer = list(dict.fromkeys(x for x in used if isinstance(x, Traced) and x not in own))

        def again(numbers: Sequence[Any]) -> list[Any]:
            known: dict[Traced, Any] = dict(zip([*inputs, *outer], numbers))
            record_again(nodes, known)
            return [known.get(x, x) if isinstance(x, Traced) else x for x in outputs]

        return outer, again


class _Unrolled(Recorder):
    """Leaves loops of a known length to Python."""

    def vmap(self, *args: Any) -> Any:
        return NotImplemented

    def scan(self, *args: Any) -> Any:
        return NotImplemented

    def fori_loop(self, lower: Any, upper: Any, body: Any, init: Any) -> Any:
        known = not isinstance(upper - lower, Traced)
        return NotImplemented if known else super().fori_loop(lower, upper, body, init)


class _State:
    """The state with which a loop begins, and its structure. The results of a vmap in it are numbers of a sample."""

    def __init__(self, caller: str, value: Any) -> None:
        self.caller, self.value = caller, value
        self._leaves, self._structure = apart_from_none(value)

    def numbers_of(self, state: Any) -> list[Any]:
        """The numbers of a state. Raises TypeError unless it is structured like this one."""
        leaves = numbers_of_round(self.caller, "the state", self._structure, state)
        if any(
            is_of_batch(x) != is_of_batch(y) or (is_of_batch(x) and not x.fits(y)) for x, y in zip(self._leaves, leaves)
        ):
            raise TypeError(f"{self.caller}(): what is a vmap result in the state must stay one of the same shape")
        return [x for leaf in leaves for x in (leaf.of_sample.ravel().tolist() if is_of_batch(leaf) else [leaf])]

    def filled(self, numbers: Sequence[Any]) -> Any:
        """A state of this structure."""
        rest = iter(numbers)
        return self._structure([leaf.with_numbers(rest) if is_of_batch(leaf) else next(rest) for leaf in self._leaves])

    def carried(self, loop: Loop) -> Any:
        """What stands for this state in the body of a loop: numbers, since a round may make one of a condition."""
        return self.filled(
            [loop.carry(x, of=x if isinstance(x, Traced) else None) for x in self.numbers_of(self.value)]
        )

    def after(self, loop: Loop) -> Any:
        """The state after a loop."""
        loop.close()
        return self.filled([loop.result(k) for k in range(len(loop.carries))])


def _condition(holds: Any) -> Any:
    """What says whether there is another round, as a condition; a float if it is known."""
    if isinstance(holds, Traced):
        return holds if isinstance(holds, Condition) else holds != 0.0
    return float(bool(holds))
