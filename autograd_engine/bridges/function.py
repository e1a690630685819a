"""What goes over a bridge: a function of numbers and arrays, compiled, with its derivatives and its vmap.

A framework differentiates a function of its arrays by calling the function's pullback. That is again a function of
numbers and arrays, compiled when it is first needed, and has a pullback of its own: so derivatives have every order.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Hashable, Sequence
from math import prod
from typing import Any

import numpy as np

from autograd_engine.arguments import check_function
from autograd_engine.compiler.arguments import fault_of
from autograd_engine.compiler.jit import Jitted, jit
from autograd_engine.copying import name_in_module
from autograd_engine.derivatives import grad
from autograd_engine.mapping import vmap
from autograd_engine.runs import name_of, user_function
from autograd_engine.structure import Structure, flatten, leaves_of, leaves_with_paths, map_leaves


class Function:
    """`f`, whose arguments are numbers and arrays, as native code, `jitted`. It returns nested ones.

    `forms` is what frameworks need of it, by their names.
    """

    def __init__(self, f: Callable[..., Any], jitted: Jitted) -> None:
        self.f, self.jitted = f, jitted
        self.forms: dict[str, Any] = {}
        self._derived: dict[Hashable, Function] = {}

    def pullback(self, count: int, wrt: tuple[int, ...]) -> Function:
        """The function of `count` arguments of this one and of a cotangent for each number and array of its result,
        which returns the cotangents of the arguments `wrt`."""

        def pulled(*args: Any) -> Any:
            inputs, cotangents = list(args[:count]), args[count:]

            def total(chosen: Sequence[Any]) -> Any:
                for i, x in zip(wrt, chosen):
                    inputs[i] = x
                outputs = leaves_of(user_function.get()(self.f)(*inputs))
                terms = [c * x for c, x in zip(cotangents, outputs)]
                return functools.reduce(operator.add, [np.sum(x) if getattr(x, "ndim", 0) else x for x in terms])

            return grad(total)([inputs[i] for i in wrt])

        return self._made((count, wrt), pulled)

    def mapped(self, axes: tuple[int | None, ...]) -> Function:
        """The function that maps this one over the first axis of each argument whose axis is 0, not None."""
        return self._made(axes, vmap(self.f, axes))

    def over_leading_axes(self, arrays: Sequence[Any], ranks: Sequence[int]) -> Any:
        """The results for arrays that have axes before those that `f` wants, `ranks` of them: these are broadcast, and
        stand before the axes of the results. Raises ValueError where they do not fit."""
        leading = [array.shape[: array.ndim - rank] for array, rank in zip(arrays, ranks)]
        own = [array.shape[array.ndim - rank :] for array, rank in zip(arrays, ranks)]
        shape = np.broadcast_shapes(*leading)
        if not shape:
            return self.jitted(*arrays)
        axes = tuple([0 if prod(before) > 1 else None for before in leading])
        if not prod(shape):
            return map_leaves(lambda x: np.empty(shape + np.shape(x)), self.jitted.blank(*map(np.empty, own)))
        if not any(axis == 0 for axis in axes):
            of_one = self.jitted(*map(np.reshape, arrays, own))
            return map_leaves(lambda x: np.reshape(x, shape + np.shape(x)), of_one)
        flat = [
            array.reshape(of_one) if axis is None else np.broadcast_to(array, shape + of_one).reshape(-1, *of_one)
            for array, of_one, axis in zip(arrays, own, axes)
        ]
        return map_leaves(lambda x: x.reshape(*shape, *x.shape[1:]), self.mapped(axes).jitted(*flat))

    def _made(self, key: Hashable, f: Callable[..., Any]) -> Function:
        return self._derived.setdefault(key, Function(f, self.jitted.part(key, f)))


class Bridge:
    """A function of the user for `caller`, which takes it into a framework. It is pickled as the function is."""

    def __init__(self, caller: str, f: Callable[..., Any]) -> None:
        check_function(caller, f)
        self.jitted = f if isinstance(f, Jitted) else jit(f)
        if self.jitted.static:
            raise ValueError(
                f"{caller}() has no static arguments, but {self.jitted!r} has {', '.join(self.jitted.static)}; "
                "fix them with functools.partial"
            )
        functools.update_wrapper(self, self.jitted.function, updated=())  # type: ignore[arg-type]
        self._caller = caller
        self._functions: dict[Structure, Function] = {}

    def __reduce__(self) -> Any:
        return name_in_module(self) or (type(self), (self._caller, self.jitted))

    def fault(self, path: str, x: Any) -> str:
        """What is wrong with a number or an array of a call; "" if nothing is."""
        return fault_of(path, x)

    def function(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Function, list[Any]]:
        """The function of the numbers and arrays in arguments of this structure, and these numbers and arrays.

        Raises TypeError where there is anything else.
        """
        call = args, keywords
        leaves = list(leaves_of(call))
        whole = [*args, *keywords.values()]  # None is an argument that is missing, but may be a part of one
        if any(x is None for x in whole) or any(self.fault("", leaf) for leaf in leaves):
            raise TypeError(self._complaint(args, keywords))
        structure = without_leaves(call)
        found = self._functions.get(structure)
        if found is None:

            def of_leaves(*leaves: Any) -> Any:
                args, keywords = structure(leaves)
                return user_function.get()(self.jitted.function)(*args, **keywords)

            found = self._functions.setdefault(structure, Function(of_leaves, self.jitted.part(structure, of_leaves)))
        return found, leaves

    def _complaint(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> str:
        arguments = [(f"argument {i}", x) for i, x in enumerate(args)] + list(keywords.items())
        leaves = [found for name, argument in arguments for found in leaves_with_paths(argument, name)]
        return f"{name_of(self.jitted.function)}(): {next(fault for found in leaves if (fault := self.fault(*found)))}"


def without_leaves(tree: Any) -> Structure:
    """What is left of nested data without its numbers and arrays, each of which counts as one."""
    return flatten(map_leaves(lambda _: 0.0, tree))[1]
