"""Sources of random numbers: the Generators and the like that a model, a loss or a penalty leads to.

Whatever is drawn from them in a run on symbols would be the same in every compiled step. `nothing_else_drawn` detects
that, and restores the sources, so that a training on Values goes on as if nothing had happened. Sources hidden where
`reached` does not look are found by running twice, see `compiled.py`.
"""

from __future__ import annotations

import functools
import pickle
import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autograd_engine.number import Operators
from autograd_engine.primitives import Primitive


@contextmanager
def nothing_else_drawn(*traced: Any) -> Iterator[None]:
    """Raises TraceError, and undoes the draws, if any random numbers but those of stand-ins are drawn.

    These are NumPy's and Python's global ones, and those that the `traced` model and functions lead to.
    """
    watched = [*_GLOBAL, *sources(traced)]
    before = [pickle.dumps(_state(source)) for source in watched]
    try:
        yield
    finally:
        drawn = [pickle.dumps(_state(source)) != state for source, state in zip(watched, before)]
        for source, state in zip(watched, before):
            _set_state(source, pickle.loads(state))
    if any(drawn):
        from autograd_engine.compiler.trace.errors import TraceError  # which imports the compiler

        raise TraceError(
            "the model, the loss or the penalty draws "
            + ("global random numbers" if any(drawn[: len(_GLOBAL)]) else "random numbers")
            + " on its own, which would be the same in every compiled step; keep a NumPy Generator in an attribute of "
            "the unit, and draw with its random(size)"
        )


def sources(things: Any) -> list[Any]:
    """The sources of random numbers that `things` lead to and whose state can be restored."""
    return [x for x in reached(things) if isinstance(x, _SOURCES) and not isinstance(x, random.SystemRandom)]


def random_state(source: Any) -> Any:
    """The state of a source as JSON can hold it."""
    return _plain(_state(source))


def set_random_state(source: Any, state: Any) -> None:
    """Set a `random_state` again. Raises an error of any kind if it is not one of such a source."""
    _set_state(source, _like(_state(source), state))


def _state(source: Any) -> Any:
    if isinstance(source, np.random.Generator):
        return source.bit_generator.state
    return source.getstate() if isinstance(source, random.Random) else source.get_state(legacy=False)


def _set_state(source: Any, state: Any) -> None:
    if isinstance(source, np.random.Generator):
        source.bit_generator.state = state
    elif isinstance(source, random.Random):
        source.setstate(state)
    else:
        source.set_state(state)


def _plain(state: Any) -> Any:
    if isinstance(state, dict):
        return {name: _plain(part) for name, part in state.items()}
    if isinstance(state, tuple):
        return list(map(_plain, state))
    return state.tolist() if isinstance(state, (np.ndarray, np.generic)) else state


def _like(known: Any, state: Any) -> Any:
    """A plain state with the tuples and arrays of a known one."""
    if isinstance(known, dict):
        return {name: _like(part, state[name]) for name, part in known.items()}
    if isinstance(known, tuple):
        return tuple(map(_like, known, state))
    return np.array(state, known.dtype) if isinstance(known, np.ndarray) else state


def reached(things: Any) -> list[Any]:
    """Everything that `things` lead to by attributes, containers and functions, each once."""
    seen: dict[int, Any] = {}
    stack: list[Any] = [things]
    while stack:
        thing = stack.pop()
        if id(thing) not in seen:
            seen[id(thing)] = thing
            stack += _within(thing)
    return list(seen.values())


def _within(thing: Any) -> list[Any]:
    """What a thing leads to: what it holds, and what a user's function closes over or names."""
    if isinstance(thing, _ENDS):
        return []
    if isinstance(thing, dict):
        return list(thing.values())
    if isinstance(thing, (list, tuple, set, frozenset)):
        return list(thing)
    if isinstance(thing, np.ndarray):
        return thing.ravel().tolist() if thing.dtype == object else []
    if isinstance(thing, FunctionType):
        if _is_ours(thing):
            return []
        names = {name for code in _codes(thing.__code__) for name in code.co_names}
        named = [thing.__globals__[name] for name in sorted(names) if name in thing.__globals__]
        return [*named, *(thing.__closure__ or ()), thing.__defaults__, thing.__kwdefaults__]
    if isinstance(thing, CellType):
        try:
            return [thing.cell_contents]
        except ValueError:  # it is still empty
            return []
    if isinstance(thing, (MethodType, BuiltinFunctionType)):
        return [thing.__self__, getattr(thing, "__func__", None)]
    if isinstance(thing, functools.partial):
        return [thing.func, thing.args, thing.keywords]
    calls = [getattr(type(thing), name, None) for name in ("__call__", "forward_batch")]
    return [*getattr(thing, "__dict__", {}).values(), *calls]


def _is_ours(function: FunctionType) -> bool:
    """Whether it belongs to this library, whose functions draw only from what they are given."""
    return (function.__module__ or "").partition(".")[0] in ("autograd_engine", "nn")


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of those within it."""
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _codes(part)


_GLOBAL: list[Any] = [random.random.__self__, np.random.random.__self__]  # type: ignore[attr-defined]
_SOURCES = (np.random.Generator, np.random.RandomState, random.Random)
_ENDS = (*_SOURCES, str, bytes, int, float, complex, type, type(None), ModuleType, Primitive, Operators)
