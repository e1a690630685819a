"""What copies of nodes need: the order in which a graph is copied, and which nodes are not copied at all.

pickle and deepcopy copy what an object refers to by recursion. A node therefore hands them its ancestors first, in
topological order, so that no depth is a recursion (`Ancestors`), and hears when they are through (`AllCopied`).

While a function is differentiated, the variables that stand for its numbers copy to themselves, as numbers do
(`variables`): a copy apart from the graph would be a constant, and its gradient lost.

A function that is made of another can be pickled where that can be (`FunctionOf`), for a pool of processes say.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import MethodType
from typing import Any

from autograd_engine.graph import topological_order


class _ThisThread(threading.local):
    """The nodes whose parents are copied before them just now, and the variables of the derivatives being taken."""

    def __init__(self) -> None:
        self.copying: set[Any] = set()
        self.variables: set[Any] = set()


_this_thread = _ThisThread()


class Ancestors:
    """What a node was computed from, in topological order. Until `end`, these nodes may be copied one by one."""

    def __init__(self, node: Any) -> None:
        self.order = topological_order([node], stop=_this_thread.variables)[:-1]
        self.copying = _this_thread.copying
        self.copying.update(self.order)

    def __reduce__(self) -> Any:
        return list, (), None, iter(self.order)

    def end(self) -> None:
        """All have been copied, or copying was given up."""
        self.copying.difference_update(self.order)

    __del__ = end


class AllCopied:
    """The state of a node, which pickle and deepcopy take up when they are through with its ancestors."""

    def __init__(self, ancestors: Ancestors) -> None:
        self.ancestors = ancestors

    def __reduce__(self) -> Any:
        self.ancestors.end()
        return type(None), ()


def is_being_copied(node: Any) -> bool:
    """Whether the parents of a node are copied before it."""
    return node in _this_thread.copying


@contextmanager
def variables(nodes: Sequence[Any]) -> Iterator[None]:
    """While a function is differentiated by these nodes: a copy of one of them is itself, as of a number."""
    running = _this_thread.variables
    running.update(nodes)
    try:
        yield
    finally:
        running.difference_update(nodes)


def has_variables() -> bool:
    """Whether a function is being differentiated in this thread."""
    return bool(_this_thread.variables)


def is_variable(x: Any) -> bool:
    """Whether x is a node by which a function is being differentiated in this thread."""
    return x in _this_thread.variables


def depends_on_a_variable(x: Any) -> bool:
    """Whether x was computed from a node by which a function is being differentiated in this thread, or is one."""
    running = _this_thread.variables
    return bool(running) and not running.isdisjoint(topological_order([x], stop=running))


class FunctionOf(functools.partial[Any]):
    """`run(f, *options, ...)` as a function of the arguments of `f`, with its name."""

    def __init__(self, run: Callable[..., Any], f: Callable[..., Any], *options: Any) -> None:
        functools.update_wrapper(self, f)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        return name_in_module(self) or (FunctionOf, (self.func, *self.args))


def name_in_module(function: Any) -> str:
    """The name by which its module has a function, which is all that pickle needs of it; empty where it has none."""
    name: str = getattr(function, "__qualname__", "")
    found: Any = sys.modules.get(function.__module__)
    for part in name.split("."):
        found = getattr(found, part, None)
    return name if found is function else ""
