"""How cond, while_loop, fori_loop and scan are recorded while a function is traced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd_engine.compiler.trace.arrays import ArrayTrace, BatchArray
from autograd_engine.compiler.trace.errors import TraceError
from autograd_engine.compiler.trace.items import entry_of, item, stacks_of
from autograd_engine.compiler.trace.looped import is_given, looped_vmap
from autograd_engine.compiler.trace.loops import Loop
from autograd_engine.compiler.trace.stacks import Stack, batch_of, entry
from autograd_engine.compiler.trace.traced import Condition, Traced, context, is_among
from autograd_engine.control_flow import apart_from_none, numbers_of_round, pair
from autograd_engine.mapping import stacked
from autograd_engine.primitives import where
from autograd_engine.structure import Structure, leaves_of, map_leaves

UNROLLED = 16
"""Rounds. A loop of up to as many becomes a straight line."""


class Recorder:
    """Records the branches and loops of one trace; see `control_flow.recorder`."""

    def __init__(self, arrays: ArrayTrace) -> None:
        self.arrays = arrays

    def item(self, array: Any, parts: tuple[Any, ...]) -> Any:
        """`array[parts]`, where a part is not known."""
        return item(array, parts)

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
        state = init
        structure = apart_from_none(init)[1]
        while not isinstance(holds := cond(state), Traced):
            if not holds:
                return state
            state = structure(numbers_of_round("while_loop", "the state", structure, body(state)))
        loop = Loop(batch_of(state, holds))
        loop.begins = _condition(holds)
        with loop.body():
            state = structure(_carries(loop, state))
            loop.following = numbers_of_round("while_loop", "the state", structure, body(state))
            loop.continues = _condition(cond(structure(loop.following)))
        return _finals(loop, structure)

    def fori_loop(self, lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any) -> Any:
        """A counted loop."""
        count = upper - lower
        if not isinstance(count, Traced) and count <= UNROLLED:
            return NotImplemented
        structure = apart_from_none(init)[1]
        loop = Loop(batch_of(init, lower, upper))
        loop.count = count if isinstance(count, Traced) else float(count)
        loop.most = None if isinstance(count, Traced) else int(count)
        try:
            with loop.body():
                state = structure(_carries(loop, init))
                first = lower.detach() if isinstance(lower, Traced) else float(lower)
                state = body(first + loop.index(), state)
                loop.following = numbers_of_round("fori_loop", "the state", structure, state)
            return _finals(loop, structure)
        except TraceError:
            if isinstance(count, Traced):
                raise
            return NotImplemented  # what a loop cannot do, a straight line may

    def scan(self, step: Callable[[Any, Any], Any], init: Any, xs: Any, length: int, reverse: bool) -> Any:
        """A loop that reads an entry of each array in every round, and keeps what the step returns."""
        if length <= UNROLLED or any(isinstance(leaf, BatchArray) for leaf in leaves_of(xs, lists=False)):
            return NotImplemented
        structure = apart_from_none(init)[1]
        loop = Loop(batch_of(init, xs), reverse)
        loop.count, loop.most = float(length), length
        try:
            stacks = None if xs is None else map_leaves(lambda x: stacks_of(x, loop.batch), xs, lists=False)
            with loop.body():
                state = structure(_carries(loop, init))
                x = None if xs is None else map_leaves(lambda array: entry_of(loop, array), stacks, lists=False)
                state, y = pair(step(state, x))
                loop.following = numbers_of_round("scan", "the state", structure, state)
                returned, of_y = apart_from_none(y)
                returned = numbers_of_round("scan", "y", of_y, y)
            state = _finals(loop, structure)
        except TraceError:
            return NotImplemented
        columns = [loop.result(y) if isinstance(y, Traced) and is_among(loop.nodes, y) else y for y in returned]
        rows = [[entry(y, i) if isinstance(y, Stack) else y for y in columns] for i in range(length)]
        return state, stacked(rows, of_y)


def _carries(loop: Loop, state: Any) -> list[Traced]:
    """What stands for the numbers of a state in the body of a loop."""
    leaves = apart_from_none(state)[0]
    if any(isinstance(leaf, BatchArray) for leaf in leaves):
        raise TraceError("a loop that is compiled cannot carry the results of a vmap; call vmap of the loop instead")
    return [loop.carry(x) for x in leaves]  # as numbers: a round may make a number of a condition


def _finals(loop: Loop, structure: Structure) -> Any:
    """The state after a loop."""
    loop.close()
    return structure([loop.result(k) for k in range(len(loop.carries))])


def _condition(holds: Any) -> Any:
    """What says whether there is another round, as a condition; a float if it is known."""
    if isinstance(holds, Traced):
        return holds if isinstance(holds, Condition) else holds != 0.0
    return float(bool(holds))
