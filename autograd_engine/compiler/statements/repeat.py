"""Statements that stay loops in compiled code: a while on numbers that are not known, a for of many rounds.

The body runs once, on symbols, and each variable that it changes is carried from round to round. Variables that stay
what they are need not be numbers; one that turns out to change is carried in another attempt.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_engine.compiler.statements.choice import NothingReturned, Partly, Undefined
from autograd_engine.compiler.statements.conditions import truth
from autograd_engine.compiler.statements.contents import Contents
from autograd_engine.compiler.trace.arrays import ArgumentArray
from autograd_engine.compiler.trace.errors import user_line
from autograd_engine.compiler.trace.loops import Loop, is_among
from autograd_engine.compiler.trace.recorder import entry_of, stacks_of
from autograd_engine.compiler.trace.stacks import Stack, entry
from autograd_engine.compiler.trace.traced import Condition, Traced, context, refusal
from autograd_engine.primitives import ceil
from autograd_engine.structure import Structure, flatten

_MANY_SYMBOLS = 256
"""Entries. In a list of fewer symbols each is likely to be used in a way of its own, as weights are."""


@dataclass(frozen=True)
class Rounds:
    """What a for runs over: how many rounds, None if that is not known, and what the variable is in one of a loop."""

    length: int | None
    count: Any
    of: Callable[[Loop], Any]


class UnknownRange:
    """`range` of numbers that are not known."""

    def __init__(self, *args: Any) -> None:
        start, stop, step = args if len(args) == 3 else (*args, 1) if len(args) == 2 else (0, *args, 1)
        if isinstance(step, Traced):
            raise refusal(f"{user_line()}: the step of a range must be known; multiply the number of the round by it")
        self.start, self.step = start.detach() if isinstance(start, Traced) else start, step
        self.count = stop - start if step == 1 else ceil((stop - start) / step)

    def __iter__(self) -> Iterator[Any]:
        raise refusal(
            f"{user_line()} runs over a range whose length is known only when the compiled function is called; that "
            "works as `for i in range(n)`"
        )

    def rounds(self) -> Rounds:
        """The rounds of a for over it."""
        return Rounds(None, self.count, lambda loop: self.start + loop.index() * self.step)


class Zipped:
    """What `zip` or `enumerate` makes, which a loop can read as long as nothing has been taken from it."""

    def __init__(self, iterator: Iterator[Any], sources: Sequence[Any]) -> None:
        self._iterator, self._sources = iterator, tuple(sources)
        self._is_new = True

    def __iter__(self) -> Zipped:
        return self

    def __next__(self) -> Any:
        self._is_new = False
        return next(self._iterator)

    def rounds(self) -> Rounds | None:
        """The rounds of a for over it; None if it cannot be read in a loop."""
        rounds = [rounds_of(source) for source in self._sources] if self._is_new else [None]
        known = [x for x in rounds if x is not None and x.length is not None]
        if len(known) < len(rounds) or not known:
            return None
        length = min([x.length for x in known if x.length is not None])
        return Rounds(length, float(length), lambda loop: tuple([x.of(loop) for x in known]))


def zipped(*sources: Any, strict: bool = False) -> Any:
    """`zip`."""
    return builtins.zip(*sources, strict=strict) if strict else Zipped(builtins.zip(*sources), sources)


def enumerated(source: Any, start: Any = 0) -> Any:
    """`enumerate`."""
    return Zipped(builtins.enumerate(source, start), [builtins.range(start, sys.maxsize), source])


def ranged(*args: Any) -> Any:
    """`range`."""
    return UnknownRange(*args) if any(isinstance(x, Traced) for x in args) else builtins.range(*args)


def rounds_of(iterable: Any) -> Rounds | None:
    """The rounds of a for over something; None if it cannot be read in a loop."""
    if isinstance(iterable, (UnknownRange, Zipped)):
        return iterable.rounds()
    if isinstance(iterable, builtins.range):
        start, step = iterable.start, iterable.step
        return Rounds(len(iterable), float(len(iterable)), lambda loop: loop.index() * step + start)
    if isinstance(iterable, list) and iterable and all(type(x) is float or isinstance(x, Traced) for x in iterable):
        iterable = np.array(iterable, dtype=float if all(type(x) is float for x in iterable) else object)
    if not isinstance(iterable, (np.ndarray, ArgumentArray)) or not iterable.ndim:
        return None
    if isinstance(iterable, np.ndarray) and iterable.dtype == object and iterable.size < _MANY_SYMBOLS:
        return None
    stacks = stacks_of(iterable)
    return Rounds(len(iterable), float(len(iterable)), lambda loop: entry_of(loop, stacks))


def while_loop(
    test: Callable[[], Any],
    begins: Condition,
    body: Callable[[], None],
    get_state: Callable[[], Sequence[Any]],
    set_state: Callable[[Sequence[Any]], None],
    names: Sequence[str],
) -> None:
    """`while test(): body()`, where `begins` is what the first test said."""

    def of_round(loop: Loop) -> Any:
        body()
        return truth(test())

    def new() -> Loop:
        loop = Loop(context.batch)
        loop.begins = begins
        return loop

    _Repeated(new, of_round, (test, body), get_state, set_state, names, certain=False).run()


def for_loop(
    rounds: Rounds,
    goes_on: Callable[[], Any] | None,
    body: Callable[[Any], None],
    get_state: Callable[[], Sequence[Any]],
    set_state: Callable[[Sequence[Any]], None],
    names: Sequence[str],
) -> None:
    """`for x in rounds: body(x)`, as long as `goes_on()` holds."""

    def of_round(loop: Loop) -> Any:
        body(rounds.of(loop))
        if goes_on is None:
            return None
        more = loop.index() + 1 < rounds.count
        return more & holds if isinstance(holds := truth(goes_on()), Condition) else more if holds else False

    def new() -> Loop:
        loop = Loop(context.batch)
        if goes_on is None:
            loop.count = rounds.count
        else:
            begins = truth(goes_on())
            some = rounds.count > 0
            loop.begins = float(bool(begins and some)) if not isinstance(some, Condition) else some
        loop.most = rounds.length
        return loop

    functions = (body,) if goes_on is None else (body, goes_on)
    certain = rounds.length is not None and goes_on is None
    _Repeated(new, of_round, functions, get_state, set_state, names, certain).run()


class _Repeated:
    """The attempts to record a loop, and its results. `certain` if the number of its rounds is known."""

    def __init__(
        self,
        new: Callable[[], Loop],
        of_round: Callable[[Loop], Any],
        functions: Sequence[Callable[..., Any]],
        get_state: Callable[[], Sequence[Any]],
        set_state: Callable[[Sequence[Any]], None],
        names: Sequence[str],
        certain: bool,
    ) -> None:
        self.new, self.of_round, self.names, self.certain = new, of_round, names, certain
        self.get_state, self.set_state = get_state, set_state
        self.before = tuple(get_state())
        self.contents = Contents(functions, names)
        self.carried = {k for k, x in enumerate(self.before) if _changes_likely(x)}
        self.numbers: set[int] = set()  # of what is carried, what begins as a truth value and becomes a number

    def run(self) -> None:
        """Record the loop, and give the variables their values after it."""
        while True:
            loop, more = self._attempt()
            if not more:
                break
            self.carried |= more
        loop.close()
        after = list(self.before)
        place = 0
        for k, structure in self.structures.items():
            numbers = [loop.result(place + i) for i in range(structure.size)]
            after[k], place = structure(numbers), place + structure.size
            if k in self.new_in_rounds and not self.certain:
                after[k] = Partly(self.names[k], after[k], loop.begins, user_line())
        self.set_state(tuple(after))
        self._append(loop)

    def _attempt(self) -> tuple[Loop, set[int]]:
        """The loop with the variables that are carried, and those that have to be carried besides."""
        loop = self.new()
        self.structures: dict[int, Structure] = {}
        self.new_in_rounds: set[int] = set()
        try:
            with loop.body():
                state = list(self.before)
                for k in sorted(self.carried):
                    leaves, structure = flatten(self.before[k])
                    starts = [_start(x) for x in leaves]
                    carries = [loop.carry(x, Traced if k in self.numbers else kind) for x, kind in starts]
                    state[k] = structure(carries)
                    self.structures[k] = structure
                self.set_state(tuple(state))
                continues = self.of_round(loop)
                after = tuple(self.get_state())
                loop.following, more = [], set()
                for k, structure in self.structures.items():
                    numbers = self._following(k, structure, after[k])
                    carries = loop.carries[len(loop.following) :]
                    if any(c.__class__ is Condition and x.__class__ is Traced for c, x in zip(carries, numbers)):
                        self.numbers.add(k)
                        more.add(k)
                    loop.following += numbers
                for k, (x, y) in enumerate(zip(self.before, after)):
                    if k not in self.carried and not _is_the_same(x, y):
                        more |= self._of_changed(loop, k, x, y)
        finally:
            self.changes = self.contents.taken()
            self.set_state(self.before)
        if continues is not None:
            loop.continues = continues if isinstance(continues, Traced) else float(continues)
        return loop, more

    def _following(self, k: int, structure: Structure, x: Any) -> list[Any]:
        """The numbers of a carried variable at the end of a round."""
        leaves, found = _flat(x)
        if found != structure:
            raise refusal(
                f"{user_line()}: {self.names[k]} must keep its structure from round to round of a loop that is compiled"
            )
        return leaves

    def _of_changed(self, loop: Loop, k: int, x: Any, y: Any) -> set[int]:
        """What to do about a variable that is not carried and changes: carry it, unless it is new in every round."""
        if isinstance(y, NothingReturned):
            return set()
        y = y.value if isinstance(y, Partly) else y
        leaves, structure = _flat(y)
        if any(leaf is None for leaf in leaves):
            raise refusal(
                f"{user_line()}: {self.names[k]} changes from round to round of a loop that is compiled, but is no "
                "number; keep numbers in variables that a loop changes"
            )
        if not isinstance(x, (Undefined, NothingReturned)):
            return {k}
        for leaf in leaves:
            loop.carry(0.0, Condition if isinstance(leaf, (bool, Condition)) else Traced)
        loop.following += leaves
        self.structures[k] = structure
        if isinstance(x, Undefined):  # of what a function returns, another variable says whether it counts
            self.new_in_rounds.add(k)
        return set()

    def _append(self, loop: Loop) -> None:
        """Append to lists what every round appends."""
        for container, now in self.changes.values():
            before = list(container) if isinstance(container, list) else None
            if before is None or not self.certain or len(now) < len(before) or any(map(_differ, before, now)):
                raise refusal(
                    f"{user_line()}: a loop that is compiled may change variables and append to lists, but it changes "
                    f"a {type(container).__name__} in place"
                )
            columns = []
            for item in now[len(before) :]:
                leaves, structure = _flat(item)
                kept = [loop.result(x) if isinstance(x, Traced) and is_among(loop.nodes, x) else x for x in leaves]
                columns.append((kept, structure))
            for i in range(int(loop.count)):
                for kept, structure in columns:
                    container.append(structure([entry(x, i) if isinstance(x, Stack) else x for x in kept]))


def _differ(x: Any, y: Any) -> bool:
    return x is not y


def _flat(x: Any) -> tuple[list[Any], Structure]:
    """The numbers in a variable and their structure; None for what is no number."""
    leaves, structure = flatten(x)
    return [_number(leaf) for leaf in leaves], structure


def _number(x: Any) -> Any:
    if isinstance(x, (Traced, bool, np.bool_, int, float, np.integer, np.floating)):
        return x if isinstance(x, Traced) else float(x)
    return None


def _start(x: Any) -> tuple[Any, type[Traced]]:
    """What a number is at the start, and what stands for it in the body."""
    truth_value = isinstance(x, (bool, np.bool_, Condition))
    return x if isinstance(x, Traced) else float(x), Condition if truth_value else Traced


def _changes_likely(x: Any) -> bool:
    """Whether a variable holds symbols, and numbers only."""
    if isinstance(x, (Undefined, NothingReturned, str)) or callable(x):
        return False
    leaves, _ = _flat(x)
    return bool(leaves) and None not in leaves and any(isinstance(leaf, Traced) for leaf in leaves)


def _is_the_same(x: Any, y: Any) -> bool:
    if x is y or (isinstance(x, Undefined) and isinstance(y, Undefined)):
        return True
    plain = (bool, int, float, str, bytes, type(None))
    return type(x) is type(y) and isinstance(x, plain) and repr(x) == repr(y)
