"""Containers of which only a call can tell whether they are one: after `if c: w = v`, w is v where c holds.

While tracing, w is a container of its own, with a choice for each item. What is changed in one of such twins is changed
in the others too, where they are the same. After a loop it is not known where that is; there a change is refused. Only
containers that have names count: what nothing refers to needs no change.
"""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_engine.compiler.statements.choice import Choice, is_container
from autograd_engine.compiler.statements.conditions import chosen
from autograd_engine.compiler.statements.contents import Checksum, content, fill, is_the_same
from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.traced import Condition, context, refusal
from autograd_engine.structure import apart

_Twins = Mapping[int, "Twin"]


class Twin:
    """A container that may be another one. `owners` says by id which one, and where: a bool, a condition, or None."""

    def __init__(self, x: Any, owners: dict[int, Any], line: str) -> None:
        self.x, self.owners, self.line = x, owners, line
        self.note()

    @property
    def container(self) -> Any:
        """What has the content: the container, or the attributes of an object."""
        return _container(self.x)

    def note(self) -> None:
        """Take note of what is in it."""
        self.content = content(self.container)

    def others(self) -> Iterator[Twin]:
        """The twins that it may be."""
        for other in list(context.twins.values()):
            if other is not self and not self.owners.keys().isdisjoint(other.owners):
                yield other

    def is_same(self, other: Twin) -> Any:
        """Where it is another one: a bool, a condition, or None if that is not known."""
        result: Any = False
        for key, where in self.owners.items():
            result = _joined(result, _joined(where, other.owners.get(key, False), False), True)
        return result

    def refusal(self) -> TraceError:
        """The error for a change that cannot be made in the others."""
        return _refusal(self.x, self.line)


def _refusal(x: Any, line: str) -> TraceError:
    kind = "an array" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
    return refusal(
        f"{user_line()} changes {kind} which may be the same as one with another name, or not, since {line}; that is "
        "known only when the compiled function is called, so let one of the names have a copy"
    )


def _joined(a: Any, b: Any, decided: bool) -> Any:
    """`a or b` of what True decides, `a and b` of what False does; each is a bool, a condition, or None."""
    if a is decided or b is decided:
        return decided
    if a is None or b is None:
        return None
    if isinstance(a, bool):
        return b
    return chosen(a, True, b) if decided else chosen(a, b, False)


def _container(x: Any) -> Any:
    return vars(x) if hasattr(type(x), "__dataclass_fields__") and hasattr(x, "__dict__") else x


def same_as(a: Any) -> Iterator[tuple[Any, Any]]:
    """The containers that one that changes may be, and where it is. Raises TraceError if that is not known."""
    twin = context.twins.get(id(a))
    if twin is None:
        return
    for other in twin.others():
        same = twin.is_same(other)
        if same is None:
            raise twin.refusal()
        if same is not False:
            yield other.container, same


def spread() -> None:
    """Change, in the twins of what has changed, the same."""
    if not context.twins:
        return
    changed = []
    for twin in context.twins.values():
        if id(twin.container) not in context.memories:
            now = content(twin.container)
            if not is_the_same(twin.container, now, twin.content):
                changed.append((twin, twin.content, now))
    for twin, before, now in changed:
        twin.content = now
        for container, same in same_as(twin.container):
            other = context.twins[id(container)]
            if any(other is one for one, _, _ in changed):
                raise twin.refusal()
            _change(twin, other, same, before, now)


def _change(twin: Twin, other: Twin, same: Any, before: Any, now: Any) -> None:
    """Change in another twin what has changed in one, where they are the same."""
    container, old = other.container, other.content
    plain = container is other.x and isinstance(container, (list, dict, np.ndarray)) and not isinstance(old, Checksum)
    if not plain or id(container) in context.memories or not _shape(old) == _shape(before) == _shape(now):
        raise twin.refusal()
    items = _items(old)
    for k, (x, y) in enumerate(zip(_items(before), _items(now))):
        if x is not y and not (x.__class__ is y.__class__ is float and repr(x) == repr(y)):
            items[k] = where_same(same, y, items[k])
    if isinstance(old, np.ndarray):
        if old.dtype != object and not all(isinstance(x, (float, int)) for x in items):
            raise twin.refusal()
        fill(container, np.fromiter(items, old.dtype, len(items)).reshape(old.shape))
    else:
        fill(container, dict(zip(old, items)) if isinstance(old, dict) else items)
    other.note()


def where_same(same: Any, x: Any, old: Any) -> Any:
    """x where twins are the `same`, else what was there."""
    return Choice(same, {}, {})(x, old, "an item") if isinstance(same, Condition) else x


def one_of(things: Sequence[Any], index: Any) -> Any:
    """The thing at an index that is not known."""
    found = things[-1]
    for i in reversed(range(len(things) - 1)):
        found = Choice(index == float(i), {}, {})(things[i], found, "an item")
    settle()
    return found


def _shape(now: Any) -> Any:
    return tuple(now) if isinstance(now, dict) else np.shape(now) if isinstance(now, np.ndarray) else len(now)


def _items(now: Any) -> list[Any]:
    if isinstance(now, np.ndarray):
        flat: list[Any] = now.ravel().tolist()
        return flat
    return list(now.values() if isinstance(now, dict) else now)


def note() -> None:
    """Take note of what is in all twins, since a statement has filled some of them."""
    for twin in context.twins.values():
        if id(twin.container) not in context.memories:
            twin.note()


def settle(*kept: Iterable[Any]) -> None:
    """Make twins of the containers that were chosen between, and of those that they may be.

    What is in `kept` goes with the statement that has ended.
    """
    if not context.unsettled:
        return
    spread()
    twins, line = dict(context.twins), user_line()
    while context.unsettled:
        condition, made, a, b = context.unsettled.pop(0)
        of_a, of_b = _owners(twins, a, line), _owners(twins, b, line)
        owners: dict[int, Any] = {}
        for key in {**of_a, **of_b}:
            one, other = of_a.get(key, False), of_b.get(key, False)
            owners[key] = None if one is None or other is None else chosen(condition, one, other)
        twins[id(_container(made))] = Twin(made, owners, line)
        made = a = b = None
    _keep(twins, kept)


def _owners(twins: dict[int, Twin], x: Any, line: str) -> dict[int, Any]:
    """What a container may be: itself, if nothing else is known of it."""
    key = id(_container(x))
    if key not in twins:
        context.roots[key] = x
        twins[key] = Twin(x, {key: True}, line)
    return twins[key].owners


def _keep(twins: _Twins, kept: Sequence[Iterable[Any]]) -> None:
    """Keep the twins that have names, and others."""
    named = _named((twin.x for twin in twins.values()), twins, kept)
    context.twins = {key: twin for key, twin in twins.items() if id(twin.x) in named}
    shares = Counter(key for twin in context.twins.values() for key in twin.owners)
    context.twins = {
        key: twin for key, twin in context.twins.items() if any(shares[owner] > 1 for owner in twin.owners)
    }


def _named(things: Iterable[Any], twins: _Twins, kept: Sequence[Iterable[Any]]) -> dict[int, Any]:
    """By id, the things to which more refers than the statements, in `kept` too, the twins and `roots`.

    To what a part of another array is a part of, counts as well.
    """
    unique = [*{id(x): x for x in things}.values()]
    bases = [x.base if isinstance(x, np.ndarray) else None for x in unique]
    ours = Counter(id(x) for some in (bases, *context.kept, *kept) for x in some)
    # How many references this line adds differs from one Python to another; to the new list there are no others.
    pairs: Iterable[tuple[Any, Any]] = zip([[], *unique], [[], *bases])
    own, *counts = [(sys.getrefcount(x), sys.getrefcount(base)) for x, base in pairs]
    found = {}
    for x, base, (of_x, of_base) in zip(unique, bases, counts):
        key = id(_container(x))
        others = of_x - own[0] - 1 - ours[id(x)] - (key in context.roots) - (key in twins)
        if isinstance(base, np.ndarray):
            others += of_base - own[1] - 1 - ours[id(base)]
        if others > 0:
            found[id(x)] = x
    return found


def united(before: _Twins, a: _Twins, b: _Twins) -> _Twins:
    """The twins after a branch, of those after its sides."""
    twins = {**before, **a}
    for key, twin in b.items():
        if twin is not before.get(key):
            known = twins.get(key)
            owners = twin.owners if known is None else {**known.owners, **twin.owners}
            twins[key] = Twin(twin.x, owners, twin.line)
    return twins


class Links:
    """Which of the containers that a loop carries may be one, or one from outside, in some round.

    In a round the variables have containers of their own, so a change of one that may be another one is refused. A
    container is known by its place among all that are carried.
    """

    def __init__(self, before: Sequence[Any], given: Sequence[Any], outside: Sequence[Any]) -> None:
        self._outside = {key for x in outside for key in _keys(x)}.union(context.roots)
        self.before, self.given, self.line = _containers(before), _containers(given), user_line()
        self._keys = [_keys(x) for x in self.before]  # what each may be
        self._pairs = set(_pairs(self.before))
        self._contents = [content(_container(x)) for x in self.given]

    def end(self, after: Sequence[Any], in_place: Sequence[Any]) -> None:
        """Take note of what the variables are at the end of a round, and which containers it has changed."""
        left = _containers(after)
        places = {id(_container(x)): k for k, x in enumerate(self.given)}
        known = self._outside.union(places)  # what is made in a round is no container of an earlier one
        follows = [[places.get(key, key) for key in _keys(x) & known] for x in left]
        self._keys += [set() for _ in left[len(self._keys) :]]  # of variables that are new in a round
        self._pairs |= set(_pairs(left))
        size = -1
        while size != (size := len(self._pairs) + sum(map(len, self._keys))):
            for k, of_k in enumerate(follows):
                self._keys[k] |= {key for x in of_k for key in (self._keys[x] if x in places.values() else [x])}
            for i, j in itertools.combinations(range(len(left)), 2):
                if any(self._meet(x, y) for x in follows[i] for y in follows[j] if x != y):
                    self._pairs.add((i, j))
        exempt = set(map(id, in_place))
        self._changed = {
            k
            for k, (x, now) in enumerate(zip(self.given, self._contents))
            if id(x) not in exempt and not is_the_same(_container(x), content(_container(x)), now)
        }

    def _meet(self, x: int, y: int) -> bool:
        """Whether two containers, by place or id, may be one; those from outside are what they are."""
        x, y = sorted([x, y])
        count = len(self.given)
        return (x, y) in self._pairs if y < count else x < count and y in self._keys[x]

    def check(self, outside: Sequence[Any], changed: Collection[int], *kept: Iterable[Any]) -> None:
        """Find out what is linked, with containers from outside of which some have `changed`.

        Raises TraceError if that is not only read.
        """
        candidates = [*self.before, *outside, *[twin.x for twin in context.twins.values()]]
        others = _named(candidates, context.twins, (candidates, self.before, *kept))
        self._linked = [(k, x) for k, keys in enumerate(self._keys) for x in others.values() if keys & _keys(x)]
        for k, x in self._linked:
            if k in self._changed or id(_container(x)) in changed:
                raise _refusal(x, self.line)
        for i, j in sorted(self._pairs):
            if not self._changed.isdisjoint((i, j)):
                raise _refusal(self.given[min(i, len(self.given) - 1)], self.line)

    def leave(self, after: Sequence[Any], *kept: Iterable[Any]) -> None:
        """Make twins of what is linked, after the loop, where the variables are `after`."""
        left, twins = _containers(after), dict(context.twins)
        pairs = [(left[k], x) for k, x in self._linked] + [(left[i], left[j]) for i, j in sorted(self._pairs)]
        for some in pairs:
            key = object()
            context.roots[id(key)] = key
            for x in some if some[0] is not some[1] else ():
                owners = {**_owners(twins, x, self.line), id(key): None}
                twins[id(_container(x))] = Twin(x, owners, self.line)
        if pairs:
            _keep(twins, (*kept, left, self.before, [y for x in pairs for y in x], [y for _, y in self._linked]))


def _pairs(containers: Sequence[Any]) -> Iterator[tuple[int, int]]:
    """The places of those that may be one."""
    twins = [context.twins.get(id(_container(x))) for x in containers]
    for i, j in itertools.combinations(range(len(containers)), 2):
        if (one := twins[i]) and (other := twins[j]):
            meet = one.is_same(other) is not False
        else:
            meet = not _keys(containers[i]).isdisjoint(_keys(containers[j]))
        if meet:
            yield i, j


def _keys(x: Any) -> set[int]:
    """The ids of the containers that one may be."""
    key = id(_container(x))
    return {id(_base(x)), *(context.twins[key].owners if key in context.twins else [key])} - {id(None)}


def _base(x: Any) -> Any:
    """What an array has its numbers from; None if they are its own."""
    base = getattr(x, "base", None) if isinstance(x, np.ndarray) else None
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    return base


def _containers(variables: Sequence[Any]) -> list[Any]:
    """The containers in some variables, in order."""
    found: list[Any] = []
    for x in variables:
        if is_container(x):
            found.append(x)
        if of_x := apart(x):
            found += _containers(of_x[-1])
    return found
