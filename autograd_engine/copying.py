"""Copying and pickling of nodes: in which order a graph is copied, and which nodes are not copied.

pickle and deepcopy follow references by recursion. A node therefore gives them its ancestors first, in topological
order, so that a deep graph needs no deep recursion (`Ancestors`), and is told when they are done (`AllCopied`).

While a function is differentiated, a copy of one of its variables is the variable itself (`variables`), just as the
copy of a number is the same number. A separate node would be a constant, and its gradient would be lost.

A function made from another one can be pickled if the other can (`FunctionOf`), for example for a pool of processes.
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
    """Per thread: the nodes whose parents are being copied before them, and the variables of running derivatives."""

    def __init__(self) -> None:
        self.copying: set[Any] = set()
        self.variables: set[Any] = set()


_this_thread = _ThisThread()


class Ancestors:
    """What a node was computed from, in topological order. Until `end`, these nodes are copied one by one."""

    def __init__(self, node: Any) -> None:
        self.order = topological_order([node], stop=_this_thread.variables)[:-1]
        self.copying = _this_thread.copying
        self.copying.update(self.order)

    def __reduce__(self) -> Any:
        return list, (), None, iter(self.order)

    def end(self) -> None:
        """Note that all have been copied, or that copying was given up."""
        self.copying.difference_update(self.order)

    __del__ = end


class AllCopied:
    """Stands for the state of a node: pickle and deepcopy come to it when they have copied the node's ancestors."""

    def __init__(self, ancestors: Ancestors) -> None:
        self.ancestors = ancestors

    def __reduce__(self) -> Any:
        self.ancestors.end()
        return type(None), ()


def is_being_copied(node: Any) -> bool:
    """Whether the parents of a node are being copied before the node itself."""
    return node in _this_thread.copying


@contextmanager
def variables(nodes: Sequence[Any]) -> Iterator[None]:
    """While a function is differentiated with respect to `nodes`, make each of them its own copy."""
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
    """Whether x is a variable of a function that is being differentiated in this thread."""
    return x in _this_thread.variables


def depends_on_a_variable(x: Any) -> bool:
    """Whether x is, or was computed from, a variable of a function that is being differentiated in this thread."""
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
    """The name under which pickle finds a function in its module; empty if there is none."""
    name: str = getattr(function, "__qualname__", "")
    found: Any = sys.modules.get(function.__module__)
    for part in name.split("."):
        found = getattr(found, part, None)
    return name if found is function else ""
