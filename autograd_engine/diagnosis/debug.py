"""`with debug():` notes the line that makes each node; with `strict=True` it stops at the first nan or inf.

While a block is open, what makes nodes is exchanged for what also looks at them: the `new_node` that every maker of
nodes in `value.py` begins with, and the methods of Value, after which a node is complete. Before and after, all is
as it was, so that it costs nothing.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FunctionType
from typing import Any

from autograd_engine import value
from autograd_engine.diagnosis.origins import note, start_afresh
from autograd_engine.diagnosis.why import Diagnosis, why_gradient, why_value
from autograd_engine.forks import new_lock
from autograd_engine.graph import reverse_sweep, topological_order
from autograd_engine.primitives import as_float
from autograd_engine.value import Value, edges

BOUND = 1e8


class NotFiniteError(ArithmeticError):
    """A value or a gradient has become nan or inf under `debug(strict=True)`. `diagnosis` is what `why` says of it.

    >>> x = Value(0.0)
    >>> try:
    ...     with debug(strict=True):
    ...         x.sqrt().backward()  # the root of 0 is a number, but its slope there is not
    ... except NotFiniteError as error:
    ...     print(error.diagnosis.kind, x.grad)
    inf 0.0
    """

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis


@contextmanager
def debug(strict: bool = False) -> Iterator[None]:
    """Note the line that makes each node, for `why` to name it.

    With `strict`, the first Value that is nan or inf raises NotFiniteError where it is made, with what `why` says of
    it; and backward() does so for the first nan or inf among the gradients, before any `.grad` is changed. What a
    derivative rule or a sweep computes on its own behalf may legitimately be inf or nan and does not raise.

    A block is for the thread (or the asyncio task) it is opened in. Of nested blocks the inner one says whether it
    is strict. The notes go with their nodes.

    >>> x = Value(-1.0, label="x")
    >>> with debug(strict=True):
    ...     y = x.sqrt()
    Traceback (most recent call last):
    ...
    autograd_engine.diagnosis.debug.NotFiniteError: sqrt(x) is nan
      why:  sqrt(-1.0); the square root of a negative number
      line: <doctest autograd_engine.diagnosis.debug.debug[1]>:2: y = x.sqrt()
    """
    outer, block = _block.get(), _Block(strict)
    _hooks.open()
    _block.set(block)
    try:
        yield
        block.check()
    finally:
        _block.set(outer)
        _hooks.close()


class _Block:
    """One `with debug()`."""

    def __init__(self, strict: bool) -> None:
        self.strict = strict
        self.last: Value | None = None  # made by the user and not yet checked

    def made(self, node: Value) -> None:
        """Take notice of a node that is being made; its number may not be there yet."""
        self.check()
        by_user = note(node)
        if by_user and self.strict:
            self.last = node

    def check(self) -> None:
        """Raise if the last node, which is complete by now (or was given up), is nan or inf."""
        node, self.last = self.last, None
        if node is not None and not math.isfinite(getattr(node, "data", 0.0)):
            raise NotFiniteError(why_value(node, BOUND))


# The innermost block of this thread or task.
_block: ContextVar[_Block | None] = ContextVar("block", default=None)


class _Hooks:
    """What makes nodes, in two versions, and how many blocks are open in all threads."""

    def __init__(self) -> None:
        self.lock = new_lock()
        self.blocks = 0
        self.new = value.new_node
        self.methods: dict[str, Any] = {}

    def open(self) -> None:
        with self.lock:
            self.blocks += 1
            if self.blocks == 1:
                start_afresh()
                self.methods = {
                    name: x for name, x in vars(Value).items() if isinstance(x, FunctionType | staticmethod)
                }
                # In one go, without a look at the class in between: CPython counts the versions of a class, and from
                # 1000 on it no longer speeds up its methods.
                for name, method in self.methods.items():
                    setattr(Value, name, _hooked(name, method))
                value.new_node = _noting(self.new)  # type: ignore[assignment]

    def close(self) -> None:
        with self.lock:
            self.blocks -= 1
            if not self.blocks:
                value.new_node = self.new
                for name, method in self.methods.items():
                    setattr(Value, name, method)


_hooks = _Hooks()


def _noting(new: Callable[[type[Value]], Value]) -> Callable[[type[Value]], Value]:
    def noting(kind: type[Value]) -> Value:
        node, block = new(kind), _block.get()
        if block is not None:
            block.made(node)
        return node

    return noting


def _hooked(name: str, method: Any) -> Any:
    if isinstance(method, staticmethod):
        return staticmethod(_then_checking(method.__func__))
    special: dict[str, Callable[[Any], Any]] = {"__init__": _noting_leaf, "backward": _checking_gradients}
    hook: Callable[[Any], Any] = special.get(name, _then_checking)
    return hook(method)


def _then_checking(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def method(*args: Any, **keywords: Any) -> Any:
        result = function(*args, **keywords)
        block = _block.get()
        if block is not None:
            block.check()
        return result

    return method


def _noting_leaf(function: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(function)
    def method(self: Value, *args: Any, **keywords: Any) -> None:
        function(self, *args, **keywords)
        block = _block.get()
        if block is not None:
            block.made(self)
            block.check()

    return method


def _checking_gradients(backward: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(backward)
    def method(self: Value, seed: float = 1.0) -> None:
        block = _block.get()
        if block is not None and block.strict:
            order = topological_order([self])
            cotangents = reverse_sweep(order, {self: as_float(seed)}, edges)
            for node in reversed(order):
                if not math.isfinite(cotangents.get(node, 0.0)):
                    raise NotFiniteError(why_gradient(node, self, as_float(seed), BOUND))
        backward(self, seed)

    return method
