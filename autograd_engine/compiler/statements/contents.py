"""What a branch or a round may change in place: lists, dicts, arrays, objects, and whatever else has a state."""

from __future__ import annotations

import functools
import pickle
import random
import sys
from array import array
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextvars import ContextVar
from operator import is_
from types import BuiltinMethodType, CellType, CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

import numpy as np

from autograd_engine.compiler.statements.tables import row_of
from autograd_engine.compiler.statements.views import view_of
from autograd_engine.compiler.trace.errors import TraceError, is_of_user, user_line
from autograd_engine.compiler.trace.traced import Traced, context, refusal

Changes = dict[int, tuple[Any, Any]]
"""What is in the containers that a side has changed: pairs of container and content, by the id of the container."""

_PLAIN = (float, int, str, bytes, bool, type(None), complex, Traced, CodeType)
_GENERATORS = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random)
_OF_PYTHON = ("types", "collections", "argparse")
"""Modules of Python with classes whose objects hold what users give them: SimpleNamespace, UserDict and the like."""

_VARIABLES = (CellType, ContextVar)
_LARGE = 1000
"""Of larger arrays of plain numbers it is only noted whether they change."""


class Contents:
    """What is in the containers that some functions and `others` reach; their own variables `names` do not count."""

    def __init__(
        self, functions: Sequence[Callable[[], Any]], names: Collection[str], others: Sequence[Any] = ()
    ) -> None:
        cells = [cell for f in map(_inner, functions) for cell in _cells(f, lambda name: name not in names)]
        self.of_others = [content(cell) for cell in cells]
        self.containers = list(_reachable(functions, names, others))
        self._before = [content(x) for x in self.containers]

    def held(self) -> list[Any]:
        """What is kept of the attributes and items of objects, dicts and deques, to give it back."""
        pairs = zip(self.containers, self._before)
        return [x for container, before in pairs if not isinstance(container, list) for x in _items_of(before)]

    def taken(self) -> Changes:
        """What has changed. The containers get back what they held before."""
        changed: Changes = {}
        for container, before in zip(self.containers, self._before):
            now = content(container)
            if not is_the_same(container, now, before):
                if isinstance(now, Checksum):
                    raise refusal(
                        f"{user_line()} changes an array of {container.size:,} numbers in place on one side of a "
                        "branch that depends on numbers known only when the compiled function is called; change it "
                        "after the branch, by what the branch leaves in a variable"
                    )
                changed[id(container)] = container, now
                fill(container, before)
        return changed

    @staticmethod
    def put(choose: Callable[[Any, Any, str], Any], a: Changes, b: Changes) -> None:
        """Change the containers as on one side where the condition holds, as on the other elsewhere."""
        chosen = []
        for key, (container, _) in {**a, **b}.items():
            before = content(container)
            of_a, of_b = (changes[key][1] if key in changes else before for changes in (a, b))
            if isinstance(of_a, State):
                if of_a != of_b:
                    raise of_a.refusal()
                now = of_a
            else:
                now = choose(of_a, of_b, f"{described(container)} that it changes")
            chosen.append((container, now))
        for container, now in chosen:
            fill(container, now)


class _Empty:
    """The content of the cell of a variable without a value."""


_EMPTY = _Empty()


class Checksum(int):
    """What is kept of an array that is too large to be kept."""


class State:
    """How far a generator of random numbers is."""

    def __init__(self, generator: Any) -> None:
        self._state: Any
        if isinstance(generator, random.Random):
            self._state, self._restore = generator.getstate(), generator.setstate
        elif isinstance(generator, np.random.RandomState):
            self._state, self._restore = generator.get_state(), generator.set_state
        else:
            bits = getattr(generator, "bit_generator", generator)
            self._state, self._restore = bits.state, functools.partial(setattr, bits, "state")
        self._bytes = pickle.dumps(self._state)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self._bytes == other._bytes

    def restore(self) -> None:
        """Let the generator go on from here."""
        self._restore(self._state)

    @staticmethod
    def refusal() -> TraceError:
        """The error for drawing where only a call can tell whether, or how often."""
        return refusal(
            f"{user_line()} is a branch or a loop that is compiled, and runs only while it is traced; draw random "
            "numbers before it"
        )


def content(container: Any) -> Any:
    """What is in a container, for `fill`; of a large array of plain numbers a checksum, of an iterator nothing."""
    if isinstance(container, _VARIABLES):
        try:
            return container.get() if isinstance(container, ContextVar) else container.cell_contents
        except (ValueError, LookupError):
            return _EMPTY
    if isinstance(container, np.ndarray) and container.dtype != object and container.size > _LARGE:
        numbers = np.ascontiguousarray(container).ravel()
        numbers = numbers.view(np.uint64 if numbers.itemsize == 8 else np.uint8).astype(np.uint64)
        return Checksum(numbers @ np.arange(1, 2 * numbers.size, 2, dtype=np.uint64))
    if isinstance(container, (list, deque)):
        return list(container)
    if isinstance(container, (dict, set, np.ndarray)):
        return container.copy()
    if isinstance(container, (bytearray, array)):
        return container[:]
    if isinstance(container, _GENERATORS):
        return State(container)
    return None if is_iterator(container) else _attributes(container)


def is_the_same(container: Any, a: Any, b: Any) -> bool:
    """Whether a container has one content as well as the other."""
    if isinstance(container, _VARIABLES):
        return a is b
    if isinstance(a, dict):
        return len(a) == len(b) and all(map(is_, a, b)) and all(map(is_, a.values(), b.values()))
    if isinstance(a, list):
        return len(a) == len(b) and all(map(is_, a, b))
    if isinstance(a, np.ndarray):
        return all(map(is_, a.flat, b.flat)) if a.dtype == object else a.tobytes() == b.tobytes()
    return bool(a == b)


def fill(container: Any, now: Any) -> None:
    """Give a container this content."""
    if isinstance(container, ContextVar):
        container.set(now)
    elif isinstance(container, CellType):
        if now is _EMPTY:
            del container.cell_contents
        else:
            container.cell_contents = now
    elif isinstance(container, (dict, set)):
        container.clear()
        container.update(now)
    elif isinstance(container, deque):
        container.clear()
        container.extend(now)
    elif isinstance(container, np.ndarray):
        container[...] = now
    elif isinstance(now, State):
        now.restore()
    elif isinstance(now, dict):
        before = _attributes(container)
        for name in before.keys() - now.keys():
            delattr(container, name)
        for name, x in now.items():
            if before.get(name, _EMPTY) is not x:
                setattr(container, name, x)
    else:
        container[:] = now


class Places:
    """What containers hold in some of their places: attributes, items of dicts and deques, variables of functions."""

    def __init__(self) -> None:
        self.all: list[tuple[Any, Any]] = []

    def found(self, container: Any, now: Any) -> list[tuple[Any, Any]] | None:
        """Where `now` is not what a container holds, besides what is here; None if it has not the same places."""
        before, after = _by_place(container, content(container)), _by_place(container, now)
        if before is None or after is None or [*before] != [*after]:
            return None
        others = [key for x, key in self.all if x is container]
        return [(container, key) for key in before if before[key] is not after[key] and key not in others]

    def read(self) -> list[Any]:
        """What is in the places."""
        contents = self._contents()
        return [contents[id(x)][key] for x, key in self.all]

    def write(self, values: Sequence[Any]) -> None:
        """Fill the places."""
        contents = self._contents()
        for (x, key), value in zip(self.all, values):
            contents[id(x)][key] = value
        for x in {id(x): x for x, _ in self.all}.values():
            now = contents[id(x)]
            fill(x, now[None] if isinstance(x, _VARIABLES) else list(now.values()) if isinstance(x, deque) else now)

    def _contents(self) -> dict[int, Any]:
        """What is in the containers, by place."""
        return {id(x): _by_place(x, content(x)) for x, _ in self.all}

    @staticmethod
    def name(container: Any, key: Any) -> str:
        """A place, in a message."""
        kind = "a dict or an object" if type(container) is dict else described(container)
        return described(container) if isinstance(container, CellType) else f"{key!r} of {kind}"


def _by_place(container: Any, now: Any) -> dict[Any, Any] | None:
    """A content as a dict of what is in each place; None for containers whose places are no variables."""
    if isinstance(container, _VARIABLES):
        return {} if now is _EMPTY else {None: now}
    if isinstance(container, deque):
        return dict(enumerate(now))
    return now if isinstance(now, dict) else None


def described(container: Any) -> str:
    """A container, in a message."""
    if isinstance(container, CellType):
        return "a variable of another function"
    if isinstance(container, (type, ModuleType)):
        return f"the {'class' if isinstance(container, type) else 'module'} {container.__name__}"
    return f"a {type(container).__name__}"


def is_iterator(x: Any) -> bool:
    """Whether something keeps in mind which of its items is next, but not in attributes."""
    return hasattr(type(x), "__next__") and not _holds_what_users_give(x.__class__)


def check_iterator(x: Any) -> None:
    """Raise TraceError if items are to be taken from an iterator that was made outside of the branch or the loop, or
    from an object of the user's that holds one."""
    if not context.kept:
        return
    holds = _holds_what_users_give(x.__class__) and hasattr(x, "__iter__")
    iterators = [y for y in (x, *(_items_of(_own(x)) if holds else ())) if is_iterator(y)]
    if iterators and any(y is z for some in context.kept for z in some for y in iterators):
        raise refusal(
            f"{user_line()} takes items from an iterator in a branch or a loop that is compiled, which runs only while "
            "it is traced; take them before it, or count in a variable and look them up in a list"
        )


def _attributes(x: Any) -> dict[str, Any]:
    """The attributes of a class or a module, or those of an object that have slots."""
    if isinstance(x, type):
        return {name: value for name, value in vars(x).items() if not name.startswith("__")}
    if isinstance(x, ModuleType):
        return dict(vars(x))
    return {name: getattr(x, name) for name in _slots(x.__class__) if hasattr(x, name)}


@functools.lru_cache(maxsize=1000)
def _slots(kind: Any) -> tuple[str, ...]:
    """The attributes of the objects of a class that are kept in slots."""
    members = {name: x for base in reversed(kind.__mro__) for name, x in vars(base).items()}
    return tuple([name for name, x in members.items() if isinstance(x, MemberDescriptorType)])


def _own(x: Any) -> dict[str, Any]:
    """The attributes of an object."""
    return {**_attributes(x), **getattr(x, "__dict__", {})}


def _items_of(now: Any) -> Iterable[Any]:
    return now.values() if isinstance(now, dict) else now if isinstance(now, list) else ()


def _can_change(x: Any) -> bool:
    """Whether something has a state of its own."""
    if isinstance(x, np.ndarray):
        return bool(x.flags.writeable)
    return _is_of_user(x) if isinstance(x, (type, ModuleType)) else _has_state(x.__class__)


@functools.lru_cache(maxsize=1000)
def _has_state(kind: Any) -> bool:
    """Whether the objects of a class have a state, besides that in their attributes that are no slots."""
    kinds = (*_VARIABLES, list, set, dict, deque, bytearray, array, *_GENERATORS)
    is_one = issubclass(kind, kinds) and not issubclass(kind, random.SystemRandom)
    return is_one or hasattr(kind, "__next__") or (_holds_what_users_give(kind) and bool(_slots(kind)))


def _parts(x: Any, is_a_side: bool) -> Iterable[Any]:
    """What can be reached from something at once."""
    if isinstance(x, _VARIABLES):
        return (content(x),)
    if isinstance(x, dict):
        return (*x.values(), *_of_object(x))
    if isinstance(x, (list, set, tuple, deque)):
        return (*x, *_of_object(x))
    if isinstance(x, FunctionType):
        return _of_function(x) if is_a_side or is_of_user(x.__code__.co_filename) else ()
    if isinstance(x, np.ndarray):
        return x.ravel().tolist() if x.dtype == object else ()
    if isinstance(x, type):
        return (*_attributes(x).values(), *x.__bases__) if _is_of_user(x) else ()
    if isinstance(x, (MethodType, BuiltinMethodType)):
        return getattr(x, "__func__", None), x.__self__
    if isinstance(x, functools.partial):
        return x.func, *x.args, *x.keywords.values()
    if isinstance(x, functools._lru_cache_wrapper):
        return (x.__wrapped__,)
    if isinstance(x, property):
        return x.fget, x.fset, x.fdel
    if isinstance(x, (staticmethod, classmethod)):
        return (x.__func__,)
    if isinstance(x, memoryview):
        return (x.obj,)
    return _of_object(x)


def _of_object(x: Any) -> Sequence[Any]:
    """The attributes of an object, and its class."""
    if not _holds_what_users_give(x.__class__):
        return ()
    return (x.__class__, *_attributes(x).values(), getattr(x, "__dict__", None))


def _of_function(f: FunctionType) -> Iterator[Any]:
    """The variables that a function uses, the defaults of its parameters, and its attributes."""
    cells, names = _cells(f), _names(f.__code__)
    used = [f.__globals__[name] for name in names if name in f.__globals__]
    yield from (*cells, *used, *(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values(), vars(f))
    for x in (*used, *map(content, cells)):
        if isinstance(x, ModuleType) and _is_of_user(x):
            yield from [vars(x)[name] for name in names if name in vars(x)]


def _reachable(functions: Iterable[Callable[[], Any]], names: Collection[str], others: Sequence[Any]) -> Iterator[Any]:
    """The containers, and the variables of other functions, that some functions and other things can reach."""
    own = list(map(_inner, functions))
    variables = [cell for f in own for cell in _cells(f, lambda name: name in names)]
    seen = set(map(id, variables))
    twins = dict[int, list[Any]]()  # by the id of what they may be
    for twin in context.twins.values():
        for key in twin.owners:
            twins.setdefault(key, []).append(twin)
    stack: list[Any] = [*functions, *others, *map(content, variables)]
    while stack:
        x = stack.pop()
        if id(x) in seen or isinstance(x, _PLAIN):
            continue
        seen.add(id(x))
        if twin := context.twins.get(id(x)):
            stack += [other.container for key in twin.owners for other in twins[key]]
        if (row := row_of(x)) is not None:
            stack.append(row.table)
        if (view := view_of(x)) is not None:
            stack += view.arrays
        if _can_change(x):
            yield x
        stack += _parts(x, any(x is f for f in own))


def _inner(f: Any) -> Any:
    return f.func if isinstance(f, functools.partial) else f


def _cells(f: Any, which: Callable[[str], bool] = lambda name: True) -> list[CellType]:
    return [cell for name, cell in zip(f.__code__.co_freevars, f.__closure__ or ()) if which(name)]


@functools.lru_cache(maxsize=1000)
def _names(code: CodeType) -> frozenset[str]:
    """The names that a function and the functions in it look up."""
    inner = [_names(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return frozenset(code.co_names).union(*inner)


@functools.lru_cache(maxsize=1000)
def _holds_what_users_give(kind: Any) -> bool:
    """Whether a class is the user's, or one of Python's that is made to hold attributes or items."""
    return kind.__module__ in _OF_PYTHON or _is_of_user(kind)


def _is_of_user(x: Any) -> bool:
    """Whether a class or a module is the user's."""
    name = x.__module__ if isinstance(x, type) else x.__name__
    file = getattr(sys.modules.get(name), "__file__", None) or ""  # none in a notebook
    return name not in sys.builtin_module_names and is_of_user(file)
