"""What a branch may change in place: the lists, dicts, arrays and objects that it can reach."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from operator import is_
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autograd_engine.compiler.statements.tables import row_of
from autograd_engine.compiler.statements.views import view_of
from autograd_engine.compiler.trace.errors import is_of_user, user_line
from autograd_engine.compiler.trace.traced import Traced, context, refusal

Changes = dict[int, tuple[Any, Any]]
"""What is in the containers that a side has changed: pairs of container and content, by the id of the container."""

_PLAIN = (float, int, str, bytes, bool, type(None), complex, Traced, ModuleType, type, CodeType)


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
            chosen.append((container, choose(of_a, of_b, f"a {type(container).__name__} that it changes")))
        for container, now in chosen:
            fill(container, now)


class _Empty:
    """The content of the cell of a variable without a value."""


_EMPTY = _Empty()


class Checksum(int):
    """What is kept of an array that is too large to be kept."""


def content(container: Any) -> Any:
    """What is in a container, for `fill`; of a large array of plain numbers a checksum."""
    if isinstance(container, CellType):
        try:
            return container.cell_contents
        except ValueError:
            return _EMPTY
    if isinstance(container, np.ndarray) and container.dtype != object and container.size > _LARGE:
        numbers = np.ascontiguousarray(container).ravel()
        numbers = numbers.view(np.uint64 if numbers.itemsize == 8 else np.uint8).astype(np.uint64)
        return Checksum(numbers @ np.arange(1, 2 * numbers.size, 2, dtype=np.uint64))
    return list(container) if isinstance(container, list) else container.copy()


def is_the_same(container: Any, a: Any, b: Any) -> bool:
    """Whether a container has one content as well as the other."""
    if isinstance(container, CellType):
        return a is b
    if isinstance(container, dict):
        return len(a) == len(b) and all(map(is_, a, b)) and all(map(is_, a.values(), b.values()))
    if isinstance(container, list):
        return len(a) == len(b) and all(map(is_, a, b))
    if isinstance(a, np.ndarray):
        return all(map(is_, a.flat, b.flat)) if a.dtype == object else a.tobytes() == b.tobytes()
    return bool(a == b)


def fill(container: Any, now: Any) -> None:
    """Give a container this content."""
    if isinstance(container, CellType):
        if now is _EMPTY:
            del container.cell_contents
        else:
            container.cell_contents = now
    elif isinstance(container, (dict, set)):
        container.clear()
        container.update(now)
    elif isinstance(container, np.ndarray):
        container[...] = now
    else:
        container[:] = now


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
        if isinstance(x, _PLAIN) or id(x) in seen:
            continue
        seen.add(id(x))
        if twin := context.twins.get(id(x)):
            stack += [other.container for key in twin.owners for other in twins[key]]
        if (row := row_of(x)) is not None:
            stack.append(row.table)
        if (view := view_of(x)) is not None:
            stack += view.arrays
        if isinstance(x, FunctionType):
            if x in own or is_of_user(x.__code__.co_filename):
                stack += _cells(x)
                stack += [x.__globals__[name] for name in _names(x.__code__) if name in x.__globals__]
        elif isinstance(x, MethodType):
            stack += [x.__func__, x.__self__]
        elif isinstance(x, functools.partial):
            stack += [x.func, *x.args, *x.keywords.values()]
        elif isinstance(x, CellType):
            yield x
            stack.append(content(x))
        elif isinstance(x, (list, set)):
            yield x
            stack += x
        elif isinstance(x, tuple):
            stack += x
        elif isinstance(x, dict):
            yield x
            stack += x.values()
        elif isinstance(x, np.ndarray):
            if x.flags.writeable:
                yield x
            if x.dtype == object:
                stack += x.ravel().tolist()
        elif _is_a_class_of_user(type(x)) and hasattr(x, "__dict__"):
            stack.append(vars(x))


def _inner(f: Any) -> Any:
    return f.func if isinstance(f, functools.partial) else f


def _cells(f: Any, which: Callable[[str], bool] = lambda name: True) -> list[CellType]:
    return [cell for name, cell in zip(f.__code__.co_freevars, f.__closure__ or ()) if which(name)]


@functools.lru_cache(maxsize=1000)
def _names(code: CodeType) -> frozenset[str]:
    """The names that a function and the functions in it look up."""
    inner = [_names(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return frozenset(code.co_names).union(*inner)


def _is_a_class_of_user(kind: Any) -> bool:
    return is_of_user(getattr(sys.modules.get(kind.__module__), "__file__", None) or "")
