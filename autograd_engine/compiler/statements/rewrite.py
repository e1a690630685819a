"""Which functions are rewritten, and what calls one another in them.

A function is rewritten (`conversion`), so that each statement calls an operator. The new code has the file and the
lines of the old one, so that errors and tracebacks name what the user wrote. It shares globals, defaults and the
variables from outside with the old function.

Only the user's functions are rewritten: those that a rewritten function calls, and those that it gives to others, such
as `map` and `grad`. Functions of this library also ask for what they call (`user_function`).
"""

from __future__ import annotations

import ast
import functools
import inspect
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinMethodType, CodeType, FunctionType, MethodType, SimpleNamespace
from typing import Any

from autograd_engine.compiler.statements import operators, paths
from autograd_engine.compiler.statements.calls import BUILTINS, method_of
from autograd_engine.compiler.statements.contents import check_iterator
from autograd_engine.compiler.statements.indices import check_key, live, read
from autograd_engine.compiler.statements.source import FUTURE, NotRewritableError, definition
from autograd_engine.compiler.trace.errors import NOT_REWRITTEN, is_of_user
from autograd_engine.compiler.trace.traced import context
from autograd_engine.runs import by_paths, user_function

_Factory = tuple[CodeType, tuple[str, ...]]
_factories: weakref.WeakKeyDictionary[CodeType, dict[str, _Factory]] = weakref.WeakKeyDictionary()
"""By code and file: code of different files can be equal."""
_lock = threading.RLock()
if hasattr(os, "register_at_fork"):
    # A child has only the thread that forked: nobody there would release what another one holds.
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


@contextmanager
def rewriting(exact: bool) -> Iterator[None]:
    """Rewrite the user's functions that are called in the block, by each other or by this library.

    With `exact`, their first derivatives have the bits that each branch gives.
    """
    before = user_function.set(rewritten), by_paths.set(paths.reverse_sweep if exact else None)
    try:
        yield
    finally:
        user_function.reset(before[0])
        by_paths.reset(before[1])


@contextmanager
def rolling(exact: bool) -> Iterator[Callable[[FunctionType], Any]]:
    """Keep loops of several rounds as loops in the block. What it gives rewrites any function, of the library too."""
    before, context.straight = context.straight, 1
    try:
        with rewriting(exact):
            yield _rewritten
    finally:
        context.straight = before


def rewritten(f: Any) -> Any:
    """The function rewritten; the function itself if it is not the user's or cannot be rewritten."""
    if isinstance(f, FunctionType):
        return _rewritten(f) if _is_to_be_rewritten(f) else f
    if isinstance(f, MethodType):
        inner = rewritten(f.__func__)
        return f if inner is f.__func__ else MethodType(inner, f.__self__)
    if type(f) is functools.partial:
        return functools.partial(rewritten(f.func), *f.args, **f.keywords)
    if type(f) is functools._lru_cache_wrapper:  # what it kept belongs to other traces
        return rewritten(f.__wrapped__)
    if isinstance(f, type):
        plain = type(f) is type and inspect.getattr_static(f, "__new__") is object.__new__
        return functools.partial(_made, f) if plain and _is_to_be_rewritten(_init(f)) else f
    call = inspect.getattr_static(type(f), "__call__", None)
    return functools.partial(_rewritten(call), f) if _is_to_be_rewritten(call) else f


def converted_call(f: Any, args: tuple[Any, ...], keywords: dict[str, Any] | None) -> Any:
    """`f(*args, **keywords)` in a rewritten function."""
    try:
        builtin = BUILTINS.get(f) or method_of(f)
    except TypeError:  # f has no hash
        builtin = None
    called = builtin or rewritten(f)
    if builtin or called is f:
        takes_of_its_own = getattr(f, "__name__", "") in ("__next__", "send")
        for x in (*args, getattr(f, "__self__", None)) if takes_of_its_own else args:
            check_iterator(x)
    is_method = isinstance(f, BuiltinMethodType) and isinstance(f.__self__, (list, dict, set))
    if args and isinstance(f, BuiltinMethodType):
        check_key(f.__self__, args[0])
    if context.repeated and (builtin or called is f) and not is_method:  # which may keep a list, as `append` does
        args = tuple(map(live if f in (zip, enumerate, iter) else read, args))
    if called is f and (not isinstance(f, type) or f.__module__ == "builtins"):  # `map` is a class
        args = tuple(map(_argument, args))
        keywords = keywords and {name: _argument(x) for name, x in keywords.items()}
    result = called(*args, **(keywords or {}))
    operators.changed()
    return result


def _argument(x: Any) -> Any:
    """A function that is given to one that is not rewritten, which may call it."""
    return rewritten(x) if isinstance(x, (FunctionType, MethodType)) or type(x) is functools.partial else x


def _made(kind: Any, *args: Any, **keywords: Any) -> Any:
    """An object of a class whose `__init__` is rewritten."""
    new = object.__new__(kind)
    rewritten(_init(kind))(new, *args, **keywords)
    return new


def _init(kind: Any) -> Any:
    return inspect.getattr_static(kind, "__init__")


def autograph_artifact(f: Any) -> Any:
    """Mark a function that is defined in a rewritten one: it is rewritten with it."""
    if isinstance(f, FunctionType):
        f.__dict__["_rewritten"] = f.__code__
    return f


def _is_to_be_rewritten(f: Any) -> bool:
    if not isinstance(f, FunctionType):
        return False
    # functools.wraps copies attributes, so the mark says whose it is.
    return is_of_user(f.__code__.co_filename) and f.__dict__.get("_rewritten") is not f.__code__


def _rewritten(f: FunctionType) -> Any:
    code = f.__code__
    file = code.co_filename
    if file in NOT_REWRITTEN.get(code, ()):
        return f
    with _lock:
        factories = _factories.setdefault(code, {})
        if file not in factories:
            try:
                factories[file] = _factory(f)
            except NotRewritableError as error:
                for inner in _codes_in(code):
                    reasons = NOT_REWRITTEN.setdefault(inner, {})
                    reasons[file] = f"in {f.__name__}(), which cannot be rewritten because {error}"
                return f
        factory, names = factories[file]
    cells = dict(zip(code.co_freevars, f.__closure__ or ()))
    bound = FunctionType(factory, f.__globals__, closure=tuple([cells[name] for name in names]))
    new = bound(_operators())
    new.__defaults__, new.__kwdefaults__ = f.__defaults__, f.__kwdefaults__
    return autograph_artifact(functools.update_wrapper(new, f))


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes_in(constant)


@functools.cache
def _operators() -> Any:
    """The name `ag__` in a rewritten function."""
    names = {name: thing for name, thing in vars(operators).items() if not name.startswith("__")}
    return _Names(**names, converted_call=converted_call, autograph_artifact=autograph_artifact)


class _Names(SimpleNamespace):
    """What a rewritten function reaches by the name `ag__`; of this library, so none of what it may change."""


def _factory(f: FunctionType) -> _Factory:
    """The code of a function of `ag__` that makes the rewritten function, and the variables that it needs."""
    code = f.__code__
    if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        raise NotRewritableError("it is a generator or a coroutine")
    node = definition(code, f.__globals__)
    try:
        from autograd_engine.compiler.statements import conversion

        node, name = conversion.converted(node, f)
    except ModuleNotFoundError:
        raise ImportError(
            "jit() needs diastatic-malt for statements that depend on the arguments: pip install diastatic-malt"
        ) from None
    except Exception as error:  # whatever malt raises
        raise NotRewritableError(f"{type(error).__name__}: {error}") from error
    outer = ast.parse("def outer():\n    def inner(ag__):\n        return None").body[0]
    inner: Any = outer.body[0]  # type: ignore[attr-defined]
    inner.body[0].value = ast.Name(name, ast.Load())
    if isinstance(node, ast.Lambda):
        node = ast.Assign([ast.Name(name, ast.Store())], node)
    inner.body.insert(0, node)
    variables = [ast.Assign([ast.Name(x, ast.Store())], ast.Constant(None)) for x in code.co_freevars]
    outer.body[:0] = variables  # type: ignore[attr-defined]
    conversion.place(outer, code.co_firstlineno)
    module = ast.Module([outer], [])
    flags = code.co_flags & FUTURE
    compiled = compile(module, code.co_filename, "exec", flags=flags, dont_inherit=True)
    [of_outer] = [x for x in compiled.co_consts if isinstance(x, CodeType)]
    [of_inner] = [x for x in of_outer.co_consts if isinstance(x, CodeType)]
    return of_inner, of_inner.co_freevars
