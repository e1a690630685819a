"""Statements that stay loops in compiled code: a while on numbers that are not known, a for of many rounds.

The body runs once, on symbols, and each variable that it changes is carried from round to round. Variables that stay
what they are need not be numbers; one that turns out to change is carried in another attempt.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autograd_engine.compiler.statements.choice import InSomeRounds, NothingReturned, Partly, Undefined, exact_number
from autograd_engine.compiler.statements.conditions import Unread, is_certain, truth, without_not
from autograd_engine.compiler.statements.contents import Contents, Places, State, content, described
from autograd_engine.compiler.statements.iterables import Rounds
from autograd_engine.compiler.statements.memory import Memory
from autograd_engine.compiler.statements.tables import Row, holds_row, rows_of, shape_of
from autograd_engine.compiler.statements.twins import Links, note, one_of, spread
from autograd_engine.compiler.trace.errors import user_line
from autograd_engine.compiler.trace.indices import Index
from autograd_engine.compiler.trace.items import NUMBERS
from autograd_engine.compiler.trace.loops import Loop, needs
from autograd_engine.compiler.trace.stacks import batch_of, entry
from autograd_engine.compiler.trace.traced import Condition, Traced, UnlikeRoundsError, context, is_among, refusal
from autograd_engine.compiler.trace.words import widened, with_words
from autograd_engine.runs import is_of_batch
from autograd_engine.structure import Structure, apart, flatten

_PLAIN = (bool, int, float, str, bytes, type(None))


def while_loop(
    test: Callable[[], Any],
    begins: Any,
    body: Callable[[], None],
    get_state: Callable[[], Sequence[Any]],
    set_state: Callable[[Sequence[Any]], None],
    names: Sequence[str],
) -> None:
    """`while test(): body()`, where `begins` is what the first test said: a condition, or 1.0 for true."""

    def of_round(loop: Loop) -> Any:
        body()
        return truth(test())

    def new() -> Loop:
        loop = Loop(batch_of(begins))
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
        return _both(loop.index() + 1 < rounds.count, truth(goes_on()))

    def new() -> Loop:
        loop = Loop(context.batch)
        if goes_on is None:
            loop.count = rounds.count
        else:
            begins = _both(rounds.count > 0, truth(goes_on()))
            loop.begins = begins if isinstance(begins, Condition) else float(begins)
        loop.most = rounds.length
        return loop

    functions = (body,) if goes_on is None else (body, goes_on)
    certain = rounds.length is not None and goes_on is None
    _Repeated(new, of_round, functions, get_state, set_state, names, certain, rounds.sources).run()


def _both(x: Any, y: Any) -> Any:
    """`x and y` of two that are each a bool or a condition."""
    if isinstance(x, Condition) and isinstance(y, Condition):
        return x & y
    return (y if x else False) if not isinstance(x, Condition) else x if y else False


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
        others: Sequence[Any] = (),
    ) -> None:
        self.new, self.of_round, self.names, self.certain = new, of_round, names, certain
        self._get_state, self._set_state = get_state, set_state
        self.before = tuple(get_state())
        self.contents = Contents(functions, names, others)
        self._found = set(map(id, self.contents.containers))
        self.carried = {k for k, x in enumerate(self.before) if _changes_likely(x)}
        self.appended: dict[int, list[Any]] = {}
        self.numbers: set[int] = set()  # the carried variables of which a round makes numbers, not conditions
        self.wanted: dict[int, Any] = {}  # lists and arrays that a round changes at an index
        self.exchanged: set[int] = set()  # the tables of which a round exchanges rows
        self.places = Places()  # what rounds change of objects, dicts and the like; it follows the variables

    def get_state(self) -> tuple[Any, ...]:
        """The variables, and what is in the places."""
        return (*self._get_state(), *self.places.read())

    def set_state(self, state: Sequence[Any]) -> None:
        """Give the variables and the places these values."""
        count = len(state) - len(self.places.all)
        self._set_state(state[:count])
        self.places.write(state[count:])

    def found(self, a: Any) -> bool:
        """Whether a list or an array is there before the loop."""
        return id(a) in self._found

    def run(self) -> None:
        """Record the loop, and give the variables their values after it."""
        loop, more = self._attempt()
        while self._learned(more):
            loop, more = self._attempt()
        if not context.outer:  # what is inside is run twice with it
            before, (loop, _) = list(_trail(loop)), self._attempt()
            if before != list(_trail(loop)):
                if loop.most is not None:
                    raise UnlikeRoundsError
                raise refusal(
                    f"{user_line()}: the body of a loop that is compiled runs only while it is traced, and gives other "
                    "numbers each time; let rounds differ only by variables that the loop changes, and draw random "
                    "numbers before it"
                )
        loop.close()
        after = list(self.before)
        place = 0
        for k, structure in self.structures.items():
            if place == self.of_memory:
                place += len(self.in_memory)
            numbers = [loop.result(place + i) for i in range(structure.size)]
            ended = _ended_with(loop, place) if structure.size == 1 else None
            after[k], place = structure(numbers if ended is None else [ended]), place + structure.size
            if k in self.new_in_rounds and not self.certain and isinstance(loop.begins, Condition):
                after[k] = Partly(self.names[k], after[k], loop.begins, user_line())
        for k in self.in_some_rounds:
            after[k] = InSomeRounds(self.names[k], loop.most is not None)
        for k in self.in_place:
            self.before[k][...] = after[k]
            after[k] = self.before[k]
        self.set_state(tuple(after))
        self._append(loop)
        for place, memory in enumerate(self.in_memory.values(), self.of_memory):
            memory.leave(loop.result(place))
        spread() if self.appended else note()
        left = [after[k].value if isinstance(after[k], Partly) else after[k] for k in self.structures]
        self.links.leave(left, self.before, self.contents.containers, after, left)

    def _attempt(self) -> tuple[Loop, set[int]]:
        """The loop with the variables that are carried, and those that have to be carried besides."""
        loop = self.new()
        self.structures: dict[int, Structure] = {}
        self.new_in_rounds: set[int] = set()
        self.in_some_rounds: set[int] = set()
        unread = Unread.new()
        for container in self.appended.values():
            container[:] = [unread] * (len(container) + 1)
        self.in_memory: dict[int, Memory] = {}
        around = context.memories, context.repeated
        twins, kept = context.twins, context.kept
        context.repeated = (*context.repeated, self)
        try:
            with loop.body():
                state = list(self.before)
                for k in sorted(self.carried):
                    leaves, structure = flatten(with_words(self.before[k]))
                    starts = [_start(x) for x in leaves]
                    state[k] = structure([loop.carry(x, Traced if k in self.numbers else kind) for x, kind in starts])
                    self.structures[k] = structure
                self.of_memory = len(loop.carries)
                self.in_memory = {key: Memory(a, self, loop) for key, a in self.wanted.items()}
                rows = {key: row for memory in self.in_memory.values() for key, row in memory.rows().items()}
                context.memories = {**context.memories, **self.in_memory, **rows}
                given = {k: state[k].copy() for k in self.carried if isinstance(state[k], np.ndarray)}
                carried = list(self.structures)
                outside = self.contents.containers
                self.links = Links([self.before[k] for k in carried], [state[k] for k in carried], outside)
                context.kept = *kept, self.before, outside, self.links.before
                self.set_state(tuple(state))
                continues = self.of_round(loop)
                after = tuple(map(self._left, self.get_state(), self.names))
                spread()
                loop.following, more = [], set()
                self.in_place = {k for k, x in given.items() if any(map(operator.is_not, x.flat, state[k].flat))}
                for k in self.in_place:
                    self._check_in_place(self.before[k], state[k], after[k])
                for k, structure in self.structures.items():
                    place = len(loop.following)
                    if (following := self._following(k, structure, after[k])) is None:
                        more.add(k)
                        loop.following += loop.carries[place : place + structure.size]
                        continue
                    loop.following += following
                    kinds = [isinstance(x, Condition) for x in loop.carries[place : len(loop.following)]]
                    are_numbers = [not isinstance(x, (Condition, bool, np.bool_)) for x in flatten(after[k])[0]]
                    if any(map(operator.and_, kinds, are_numbers)):
                        self.numbers.add(k)
                        more.add(k)
                loop.following += [memory.end() for memory in self.in_memory.values()]
                for k, (x, y) in enumerate(zip(self.before, after)):
                    if k not in self.carried and not _is_the_same(x, y):
                        more |= self._of_changed(loop, k, x, y)
                left = [after[k].value if isinstance(after[k], Partly) else after[k] for k in self.structures]
                self.links.end(left, [state[k] for k in self.in_place])
                used = [x for node in loop.nodes for x in needs(node)]
                for x in (*used, *loop.following, continues):
                    if isinstance(x, Unread):
                        raise x.error()
            if context.refused:  # and caught in the body
                raise context.refused
        finally:
            context.memories, context.repeated = around
            in_memory = self.in_memory.keys() | _rows(self.wanted)
            self.changes = {key: x for key, x in self.contents.taken().items() if key not in in_memory}
            places = {key: self.places.found(x, now) for key, (x, now) in self.changes.items()}
            self.new_places = [place for found in places.values() for place in found or ()]
            context.twins, context.kept = twins, kept
            self.set_state(self.before)
            note()
        changed = {*self.changes, *in_memory}
        held = self.before, self.contents.held()
        self.links.check(outside, changed, *held, *held, outside)  # variables and containers hold it, too
        self.changes = {key: x for key, x in self.changes.items() if places[key] is None}
        if continues is not None:
            loop.continues = continues if isinstance(continues, Traced) else float(continues)
        return loop, more

    def _learned(self, more: set[int]) -> bool:
        """Whether the next attempt has to do with more than the last one: with more variables, or more in memory."""
        if self.new_places:  # what rounds change of objects, dicts and the like are variables too
            self.places.all += self.new_places
            self.names = [*self.names, *[self.places.name(*place) for place in self.new_places]]
            self.before = self.get_state()
            return True
        rows = _rows(self.wanted)
        self.wanted = {key: a for key, a in self.wanted.items() if key not in rows}
        changes = [(key, x, now) for key, (x, now) in self.changes.items() if key not in rows | self.wanted.keys()]
        at_items = {key: x for key, x, now in changes if _is_of_numbers(x, now)}
        lists = {key: x for key, x, _ in changes if isinstance(x, list) and key not in at_items}
        rows = _rows(at_items)
        at_items = {key: x for key, x in at_items.items() if key not in rows}
        missing = (self.wanted | at_items).keys() - self.in_memory.keys()
        missing |= {key for key in self.exchanged if key in self.in_memory and not self.in_memory[key].exchanges}
        if not more and not missing and lists.keys() <= self.appended.keys():
            return False
        self.carried |= more
        self.appended |= lists
        own = {id(self.before[k]) for k in more}  # a variable that gets other lists is carried, and not in memory
        self.wanted = {key: a for key, a in (self.wanted | at_items).items() if key not in own}
        return True

    def _left(self, x: Any, name: str) -> Any:
        """A variable at the end of a round. A row of a table becomes a list that may be any of its rows, since the
        table may have changed when the variable is used; where there is another way, that is not worth it."""
        if isinstance(x, Row) and not self.certain and id(x.table) not in context.memories and len(x.place) == 1:
            return one_of(x.table, x.place[0])
        if holds_row(x):
            raise refusal(
                f"{user_line()}: {name} is a row of a list of lists at the end of a round of a loop that is compiled; "
                "let it have a copy, row[:]"
            )
        return x

    def _check_in_place(self, array: Any, given: Any, left: Any) -> None:
        """Raise TraceError unless each round changes the same array, which has no other name in the loop."""
        names = [x for x in (*self.before, *self.contents.of_others) if x is array]
        if left is not given or array.dtype != object or len(names) > 1 or self.appended:
            raise refusal(f"{user_line()}: a loop that is compiled changes an array in place, which has other names")

    def _following(self, k: int, structure: Structure, x: Any) -> list[Any] | None:
        """The numbers of a carried variable at the end of a round; None if it has to be carried otherwise."""
        wider = widened(with_words(self.before[k]), x)
        if flatten(wider)[1] != structure:  # there are more words than so far, which another attempt carries
            self.before = (*self.before[:k], wider, *self.before[k + 1 :])
            return None
        leaves, found = _flat(widened(with_words(x), wider))
        if found != structure:
            raise refusal(
                f"{user_line()}: {self.names[k]} must keep its structure from round to round of a loop that is compiled"
            )
        return leaves

    def _of_changed(self, loop: Loop, k: int, x: Any, y: Any) -> set[int]:
        """What to do about a variable that is not carried and changes: carry it, unless it is new in every round."""
        if isinstance(y, NothingReturned):
            return set()
        if isinstance(y, Partly):
            if not is_certain(y.defined):
                self.in_some_rounds.add(k)
                return set()
            y = y.value
        leaves, structure = _flat(y)
        if any(map(is_of_batch, flatten(y)[0])):
            raise refusal(
                f"{user_line()}: {self.names[k]} is a result of vmap that changes from round to round of a loop that "
                "is compiled; write while_loop or fori_loop, whose state may hold one"
            )
        is_new = isinstance(x, (Undefined, NothingReturned))
        if None in [*leaves, *([] if is_new else _flat(x)[0])]:
            raise refusal(
                f"{user_line()}: {self.names[k]} changes from round to round of a loop that is compiled, but is no "
                "number; keep numbers in variables that a loop changes"
            )
        if not is_new:
            return {k}
        for leaf in leaves:
            loop.carry(0.0, Condition if isinstance(leaf, (bool, Condition)) else Traced)
        loop.following += leaves
        self.structures[k] = structure
        if isinstance(x, Undefined):  # of what a function returns, another variable says whether it counts
            self.new_in_rounds.add(k)
        return set()

    def _is_there(self, x: Any) -> bool:
        """Whether x is a list or an array from before the loop, or the row of one, or has one in it."""
        return isinstance(x, Row) or self.found(x) or any(map(self._is_there, (apart(x) or ((),))[-1]))

    def _append(self, loop: Loop) -> None:
        """Append to lists what every round appends."""
        for key, (container, now) in self.changes.items():
            if isinstance(now, State):
                raise now.refusal()
            if isinstance(now, dict) and (new := content(container).keys() ^ now.keys()):
                raise refusal(
                    f"{user_line()}: a loop that is compiled may change what a dict or an object holds, but not add or "
                    f"remove {min(map(repr, new))}; give it a value before the loop"
                )
            n = len(container) + 1 if key in self.appended else 0
            if not n or not self.certain or [isinstance(x, Unread) for x in now[:n]] != [True] * n:
                raise refusal(
                    f"{user_line()}: a loop that is compiled may change variables and append to lists, but it changes "
                    f"{described(container)} in place"
                )
            if any(map(self._is_there, now[n:])):
                raise refusal(f"{user_line()}: a loop that is compiled appends a list that is there already, no copy")
            items = [flatten(item) for item in now[n:]]
            columns = [([self._kept(loop, leaf) for leaf in leaves], structure) for leaves, structure in items]
            for i in range(int(loop.count)):
                for kept, structure in columns:
                    container.append(structure([of_round(i) for of_round in kept]))

    def _kept(self, loop: Loop, x: Any) -> Callable[[int], Any]:
        """What gives the x of a round."""
        if isinstance(x, Index) and x.loop is loop:
            return lambda i: x.first + x.step * i
        if isinstance(x, Traced) and is_among(loop.nodes, x):
            stack = loop.stack(x)
            return lambda i: entry(stack, i)
        if isinstance(x, Unread) or not isinstance(x, (Traced, *_PLAIN)):
            raise refusal(f"{user_line()}: a loop that is compiled appends a {type(x).__name__} to a list, no number")
        return lambda i: x


def _ended_with(loop: Loop, k: int) -> bool | None:
    """Whether carry k is true or false after the loop, if its rounds go on as long as it is not."""
    begins = [] if loop.begins.__class__ is float and loop.begins else [(loop.begins, loop.starts[k])]
    ends = [*begins, (loop.continues, loop.following[k])]
    if not all(isinstance(x, Condition) for pair in ends for x in pair):
        return None
    apart = [(without_not(goes_on), without_not(x)) for goes_on, x in ends]
    [ended] = {goes_on[1] == x[1] for goes_on, x in apart} if all(a[0] is b[0] for a, b in apart) else {None}
    return ended


def _is_of_numbers(a: Any, now: Any) -> bool:
    """Whether a list or an array holds numbers after a round, or rows of a table or nothing yet, as many as before."""
    if isinstance(a, np.ndarray):
        return bool(a.dtype == object)
    if not isinstance(a, list) or not len(a) == len(now) > 0:
        return False
    return len(shape_of(a)) > 1 or all(x is None or isinstance(x, NUMBERS) for x in now)


def _rows(tables: dict[int, Any]) -> set[int]:
    """The ids of all lists in tables."""
    return {id(row) for a in tables.values() for row in rows_of(a)}


def _trail(loop: Loop) -> Iterator[str]:
    """The operations and the plain numbers in the body of a loop."""
    for node in loop.nodes:
        yield node.op.name if node.op else ""
        yield from [repr(x) for x in needs(node) if isinstance(x, float)]
        if isinstance(node.op, Loop):
            yield from _trail(node.op)
    yield from [repr(x) for x in loop.following if isinstance(x, float)]


def _flat(x: Any) -> tuple[list[Any], Structure]:
    """The numbers in a variable and their structure; None for what is no number."""
    leaves, structure = flatten(with_words(x))
    return [_number(leaf) for leaf in leaves], structure


def _number(x: Any) -> Any:
    if isinstance(x, NUMBERS):
        return x if isinstance(x, Traced) else float(exact_number(x))
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
    if x is y or (isinstance(x, Undefined) and isinstance(y, Undefined) and not isinstance(y, Partly)):
        return True
    return type(x) is type(y) and isinstance(x, _PLAIN) and repr(x) == repr(y)
