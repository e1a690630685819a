"""The arguments of a compiled function: their names, which of them are fixed, the numbers in them, and checks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.traced import Traced
from autograd_engine.primitives import as_float
from autograd_engine.structure import float_array, leaves_with_paths, map_leaves
from autograd_engine.value import Value

ANY_NUMBER = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
"""The kinds of parameters that take any number of arguments."""
ONLY_FLOATS = {float}
_FLOAT64 = np.dtype(np.float64)


def named_arguments(f: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> list[tuple[str, Any]]:
    """Each argument with the name that the function has for it."""
    parameters = parameters_of(f)
    names = positional_names(parameters)
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "")
    names += [f"{rest}[{i}]" if rest else f"argument {len(names) + i}" for i in range(len(args) - len(names))]
    return [*zip(names, args), *keywords.items()]


def parameters_of(f: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters of a function, none where Python does not know them."""
    try:
        return list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return []


def positional_names(parameters: Sequence[inspect.Parameter]) -> list[str]:
    """The names of the parameters that can be given by position."""
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def name_of(f: Callable[..., Any]) -> str:
    """What a function is called in messages."""
    return getattr(f, "__name__", type(f).__name__)


class _WithStatic:
    """A function with some arguments fixed: `positional` by their index among all, the others by name."""

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
        return self._function(*given, **keywords, **self._others)


class StaticArguments:
    """The arguments of a function that jit hands to it as they are, by their names."""

    def __init__(self, f: Callable[..., Any], names: Sequence[str]) -> None:
        self._function, self._names = f, names
        parameters = parameters_of(f)
        named = {p.name for p in parameters if p.kind not in ANY_NUMBER}
        takes_any = not parameters or any(p.kind is p.VAR_KEYWORD for p in parameters)
        for name in names:
            if name not in named and not takes_any:
                raise ValueError(f"jit(): static_argnames has {name!r}, which {name_of(f)} does not take")
        # Of those that can be given by position.
        self._indices = {name: i for i, name in enumerate(positional_names(parameters)) if name in names}

    def taken_out(
        self, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[tuple[Any, ...], Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """A key for the static arguments of a call, the function with them fixed, and the other arguments."""
        positional = {i: args[i] for i in self._indices.values() if i < len(args)}
        others = {name: keywords[name] for name in self._names if name in keywords}
        named = {name: positional[i] for name, i in self._indices.items() if i in positional} | others
        # With their types, since 1 == True.
        key = tuple([(name, type(named[name]), named[name]) for name in self._names if name in named])
        return (
            key,
            _WithStatic(self._function, list(named), positional, others),
            tuple([argument for i, argument in enumerate(args) if i not in positional]),
            {name: argument for name, argument in keywords.items() if name not in others},
        )


class NotANumberError(Exception):
    """Found in the arguments: a Value or a traced number (`symbol`), or something that is no number at all."""

    def __init__(self, message: str, symbol: bool = False) -> None:
        super().__init__(message)
        self.symbol = symbol


def take(tree: Any, scalars: list[float], arrays: list[Any]) -> Any:
    """Collect the numbers and the arrays of an argument; return what is left of it, to compare structures by."""
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
    if isinstance(tree, (tuple, list)):  # a named or a user-defined one
        return (kind, *[take(part, scalars, arrays) for part in tree])
    if isinstance(tree, dict):
        return (kind, *tree, *[take(part, scalars, arrays) for part in tree.values()])
    if isinstance(tree, np.ndarray):
        try:
            tree = float_array(tree)
        except TypeError as error:
            raise NotANumberError(str(error)) from None
        if tree.dtype == object:
            numbers: list[float] = []
            take(tree.ravel().tolist(), numbers, [])
            tree = np.array(numbers).reshape(tree.shape)
        if tree.dtype != _FLOAT64:
            raise NotANumberError(f"expected an array of real numbers, got dtype {tree.dtype}")
        if tree.ndim:
            arrays.append(tree)
            return np.ndarray
        tree = tree.item()
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
            take(leaf, [], [])
        except NotANumberError as found:
            return f"{path}: {found}"
    return ""
