"""The arguments of a compiled function: their names, which are static, the numbers in them, and checks."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.traced import Traced
from autograd_engine.primitives import as_float
from autograd_engine.runs import name_of, parameters_of, positional, user_function
from autograd_engine.structure import apart, float_array, leaves_with_paths, map_leaves
from autograd_engine.value import Value

ANY_NUMBER = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
"""The kinds of parameters that take any number of arguments."""
ONLY_FLOATS = {float}
_FLOAT64 = np.dtype(np.float64)


def named_arguments(f: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> list[tuple[str, Any]]:
    """Pairs of the name that the function gives an argument, and the argument."""
    parameters = parameters_of(f)
    names = [p.name for p in positional(parameters)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "")
    names += [f"{rest}[{i}]" if rest else f"argument {len(names) + i}" for i in range(len(args) - len(names))]
    return [*zip(names, args), *keywords.items()]


class _WithStatic:
    """A function with some arguments fixed: `positional` ones by their index, the others by name."""

    def __init__(
        self, f: Callable[..., Any], names: Sequence[str], positional: dict[int, Any], others: dict[str, Any]
    ) -> None:
        self._function, self._names, self._positional, self._others = f, names, positional, others
        self.__name__ = name_of(f)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.Signature([p for p in parameters_of(self._function) if p.name not in self._names])

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        given = list(args)
        for index, argument in self._positional.items():
            given.insert(index, argument)
        return user_function.get()(self._function)(*given, **keywords, **self._others)


class StaticArguments:
    """The arguments, given by their names, that jit passes to a function unchanged."""

    def __init__(self, f: Callable[..., Any], names: Sequence[str]) -> None:
        self._function, self._names = f, names
        parameters = parameters_of(f)
        named = {p.name for p in parameters if p.kind not in ANY_NUMBER}
        takes_any = not parameters or any(p.kind is p.VAR_KEYWORD for p in parameters)
        for name in names:
            if name not in named and not takes_any:
                raise ValueError(f"jit(): static_argnames has {name!r}, which {name_of(f)} does not take")
        # Only of the static arguments that can be passed by position.
        self._indices = {name: i for i, name in enumerate(p.name for p in positional(parameters)) if name in names}

    def taken_out(
        self, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[tuple[Any, ...], Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """A key for the static arguments of a call, the function with them fixed, and the remaining arguments."""
        positional = {i: args[i] for i in self._indices.values() if i < len(args)}
        others = {name: keywords[name] for name in self._names if name in keywords}
        named = {name: positional[i] for name, i in self._indices.items() if i in positional} | others
        # The types are part of the key, since 1 == True.
        key = tuple([(name, type(named[name]), named[name]) for name in self._names if name in named])
        return (
            key,
            _WithStatic(self._function, list(named), positional, others),
            tuple([argument for i, argument in enumerate(args) if i not in positional]),
            {name: argument for name, argument in keywords.items() if name not in others},
        )


class NotANumberError(Exception):
    """An argument holds a Value or a traced number (then `symbol` is True), or something that is not a number."""

    def __init__(self, message: str, symbol: bool = False) -> None:
        super().__init__(message)
        self.symbol = symbol


def take(tree: Any, scalars: list[float], arrays: list[Any]) -> Any:
    """Append the numbers and arrays in an argument to `scalars` and `arrays`; return its structure, to compare with.

    Raises NotANumberError for anything else.
    """
    kind = tree.__class__
    if kind is np.ndarray and tree.dtype is _FLOAT64 and tree.ndim:
        arrays.append(tree)
        return np.ndarray
    if kind is float:
        scalars.append(tree)
        return float
    if kind is tuple or kind is list:
        return (kind, *[take(part, scalars, arrays) for part in tree])
    if kind is dict:
        return (kind, *tree, *[take(part, scalars, arrays) for part in tree.values()])
    if isinstance(tree, (tuple, list)):  # a NamedTuple or a user's own class
        return (kind, *[take(part, scalars, arrays) for part in tree])
    if isinstance(tree, dict):
        default = tree.default_factory if isinstance(tree, defaultdict) else None
        return (kind, default, *tree, *[take(part, scalars, arrays) for part in tree.values()])
    if isinstance(tree, np.ndarray):
        array_kind = np.bool_ if tree.dtype == bool else np.ndarray  # the first is a mask where it is an index
        try:
            tree = float_array(tree)
        except TypeError as error:
            raise NotANumberError(str(error)) from None
        if tree.dtype == object:
            numbers: list[float] = []
            for x in tree.flat:
                if take(x, numbers, []) is not float:
                    raise NotANumberError(f"expected a real number in an array of objects, got {type(x).__name__}")
            tree = np.array(numbers).reshape(tree.shape)
        if tree.dtype != _FLOAT64:
            raise NotANumberError(f"expected an array of real numbers, got dtype {tree.dtype}")
        if tree.ndim:
            arrays.append(tree)
            return array_kind
        tree = tree.item()
    elif tree is None:
        return None
    elif hasattr(kind, "__dataclass_fields__") and (found := apart(tree)):
        return (*found[:2], *[take(part, scalars, arrays) for part in found[-1]])
    elif isinstance(tree, (Value, Traced)) or hasattr(tree, "shape_to_map"):
        raise NotANumberError(f"expected a plain number, got a {kind.__name__}", symbol=True)
    try:
        scalars.append(as_float(tree))
    except (TypeError, OverflowError) as error:
        raise NotANumberError(str(error)) from None
    return float


def check_containers(name: str, tree: Any) -> None:
    """Raise TypeError where a container in an argument is of a class that cannot be made with other numbers."""
    try:
        map_leaves(lambda leaf: leaf, tree)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from error


def fault_of(name: str, tree: Any) -> str:
    """Where in an argument something is not a number, and what is wrong with it; "" if all is well."""
    for path, leaf in leaves_with_paths(tree, name):
        try:
            take(leaf, [], []) if leaf is not None else as_float(leaf)
        except (NotANumberError, TypeError) as found:
            return f"{path}: {found}"
    return ""
