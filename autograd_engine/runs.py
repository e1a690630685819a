"""One run of a function on fresh Values, and the graph between its inputs and its outputs.

Every derivative of a function takes three steps: a `Run` calls it with variables in place of its arguments, `Outputs`
holds the numbers that it returned, and a `Trace` carries derivatives between the two. They are floats if everything
came from the arguments of this run, else nodes that record what they depend on.
"""

from __future__ import annotations

import inspect
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

from autograd_engine.arguments import check_function, float_arguments
from autograd_engine.backward import cotangents_of, order_of_values
from autograd_engine.calls import pulls_close_over, with_calls
from autograd_engine.constants import map_numbers
from autograd_engine.copying import has_variables, is_variable, variables
from autograd_engine.forks import Lazy
from autograd_engine.graph import forward_sweep, reverse_sweep, topological_order
from autograd_engine.number import Float
from autograd_engine.primitives import as_float, identity
from autograd_engine.structure import Structure, flatten, float_arrays, leaves_of, map_leaves
from autograd_engine.value import Value, become_constant, differentiable_edges, differentiable_operands, edges, partials

_op = operator.attrgetter("op")

variable: ContextVar[Callable[[float], Any]] = ContextVar("variable", default=Value)
"""Makes the variable that stands for a plain number in a run: a Value, unless a compiler is tracing the function."""
user_function: ContextVar[Callable[[Any], Any]] = ContextVar("user_function", default=lambda f: f)
"""Gives what is called for a function of the user: itself, unless a compiler rewrites its statements."""
by_paths: ContextVar[Callable[[Trace, dict[Any, Any]], dict[Any, Any]] | None] = ContextVar("by_paths", default=None)
"""What sweeps a trace in reverse from some seeds, where a compiler wants the bits of each branch."""


swept: ContextVar[tuple[Iterable[Any], ...]] = ContextVar("swept", default=())
"""The nodes that the sweep of the moment goes through, and those that it starts with."""


class Run:
    """One run of `f` with fresh variables in place of the arguments that `argnums` selects.

    With `together`, the samples of a vmap that a compiler traces may be among them: one variable stands for all, which
    is right where cotangents are carried back to it.
    """

    def __init__(
        self,
        caller: str,
        f: Callable[..., Any],
        args: Sequence[Any],
        keywords: dict[str, Any],
        argnums: int | Sequence[int],
        together: bool = False,
    ) -> None:
        check_function(caller, f)
        one = not isinstance(argnums, Iterable)
        indices = [_index(i, args, f) for i in ([argnums] if one else argnums)]  # type: ignore[union-attr]
        if len(set(indices)) < len(indices):
            raise ValueError(f"argnums={argnums} names an argument twice")
        args, keywords = float_arguments(caller, args, keywords)
        selected = args[indices[0]] if one else tuple(args[i] for i in indices)
        new = variable.get()
        together = together and new is not Value
        if together:
            selected = map_leaves(lambda leaf: leaf.together() if hasattr(leaf, "together") else leaf, selected)
        leaves, self.structure = flatten(selected)
        self.real = Float if Float in map(type, leaves) else float  # of the results
        points = [
            leaf if together and is_of_batch(leaf) else number_of(caller, "the arguments", leaf) for leaf in leaves
        ]
        # Nodes for this run alone, so that an inner derivative cannot confuse its variable with an outer one.
        self._leaves = [
            x.variables() if together and is_of_batch(x) else x.record(identity, x) if is_node(x) else new(x)
            for x in points
        ]
        self.inputs = numbers_in(self._leaves) if together else self._leaves
        self.nested = any(x.op is not None for x in self.inputs)
        fresh, arguments = self.structure(self._leaves), args.copy()
        # What existed before the run cannot depend on its inputs, so the sweeps stop there. Inside another derivative
        # that can save much: a whole trajectory.
        inside = self.nested or new is not Value or has_variables()
        self.outside = set(_nodes_in([args, keywords])) if inside else set()
        for i, argument in zip(indices, [fresh] if one else fresh):
            arguments[i] = argument
        with variables(self.inputs):
            try:
                self.output = user_function.get()(f)(*arguments, **keywords)
            except TypeError as error:
                check_for_floats_alone(error)
                raise
        for x in self.inputs:  # variables while f runs, constants afterwards
            if x.op is None:
                become_constant(x)

    def gradient(self, slopes: Sequence[Any]) -> Any:
        """The derivatives with respect to the inputs, in the structure of the arguments."""
        return self.structure(slopes if self.inputs is self._leaves else leaves_with(self._leaves, slopes))

    def trace(self, outputs: Sequence[Any], seeds: Sequence[Any] = ()) -> Trace:
        """The graph that leads to `outputs`. Derivatives along it are nodes if one of the `seeds` to be carried is."""
        return Trace(self.inputs, outputs, self.outside, self.nested or any(is_node(x) for x in seeds), self.real)


def check_for_floats_alone(error: TypeError) -> None:
    """Raise TypeError, with what to write instead, if an error is NumPy's refusal to compute with objects."""
    words = str(error)
    about_objects = "dtype('O')" in words or "not supported for the input types" in words
    if about_objects and _WAY_OUT not in words:
        raise TypeError(f"{words}; {_WAY_OUT}") from error


_WAY_OUT = (
    "NumPy computes that in floats alone; for numbers that are differentiated take a function of "
    "autograd_engine.linalg, such as solve or inv, or write out the formula"
)


class Outputs:
    """The numbers that a function returned; called with as many other numbers, it gives them the same structure.

    The result of a vmap that a compiler traces contributes the numbers of one sample, which stand for all samples.
    """

    def __init__(self, caller: str, output: Any) -> None:
        self.caller = caller
        self.leaves, self.structure = flatten(output)
        self.numbers = self._numbers("what the function returned", self.leaves)
        self.of_batches = any(map(is_of_batch, self.leaves))
        self.arrays = list(leaves_of(output)) if self.of_batches else []

    def __call__(self, numbers: Iterable[Any]) -> Any:
        """What the function returned, with `numbers` instead of its own."""
        return self.structure(leaves_with(self.leaves, numbers))

    def matching(self, cotangents: Any) -> list[Any]:
        """The numbers in `cotangents`. Raises ValueError or TypeError unless it is structured like the outputs."""
        if self.of_batches:
            outputs = iter(self.arrays)
            cotangents = map_leaves(lambda x: self._of_batch(next(outputs, None), x), cotangents)
        leaves = matching(self.caller, "cotangents", cotangents, "outputs", self.structure)
        return self._numbers("cotangents", leaves)

    def _of_batch(self, output: Any, cotangent: Any) -> Any:
        """The cotangent of a leaf, as the result of a vmap where the leaf is one."""
        if not is_of_batch(output):
            return cotangent
        mapped = output.mapped(cotangent)
        if not output.fits(mapped):
            raise TypeError(
                f"{self.caller}(): the cotangent of a vmap result must be a vmap result of the same shape, or such an "
                "array that is an argument or a constant"
            )
        return mapped

    def _numbers(self, what: str, leaves: Sequence[Any]) -> list[Any]:
        return numbers_in([leaf if is_of_batch(leaf) else number_of(self.caller, what, leaf) for leaf in leaves])


def numbers_in(leaves: Sequence[Any]) -> list[Any]:
    """The numbers in leaves, and of the results of a vmap those of one sample."""
    numbers: list[Any] = []
    for leaf in leaves:
        numbers += leaf.of_sample.ravel().tolist() if is_of_batch(leaf) else [leaf]
    return numbers


def leaves_with(leaves: Sequence[Any], numbers: Iterable[Any]) -> list[Any]:
    """The leaves, with other numbers instead of their own."""
    rest = iter(numbers)
    return [leaf.with_numbers(rest) if is_of_batch(leaf) else next(rest) for leaf in leaves]


def is_of_batch(leaf: Any) -> bool:
    """Whether `leaf` is the result of a vmap that a compiler is tracing."""
    return hasattr(type(leaf), "of_sample")


class Trace:
    """The graph between the inputs and the outputs of a run, and the number type of its derivatives."""

    def __init__(
        self, inputs: Sequence[Any], outputs: Sequence[Any], outside: set[Any], as_nodes: bool, real: type[float]
    ) -> None:
        nodes = [x for x in outputs if is_node(x)]
        if as_nodes or outside or any(x.__class__ is not Value for x in nodes):
            self._order = topological_order(nodes, stop=outside.union(inputs))
        else:
            self._order = order_of_values(nodes)
        self.inputs, self.outputs, self._real = inputs, nodes, real
        # The inputs are constants by now, so a leaf is a Value from outside the function.
        self.as_nodes = as_nodes or None in map(_op, self._order) or not outside.isdisjoint(self._order)

    @property
    def needs_a_variable(self) -> bool:
        """Whether the graph contains a variable of an enclosing derivative."""
        return any(is_variable(x) for x in self._order)

    @Lazy
    def order(self) -> list[Any]:
        """The inputs and what depends on them, in topological order."""
        return between(self.inputs, self._order)

    @property
    def constants(self) -> list[Any]:
        """What the outputs were computed from and that does not depend on the inputs."""
        depends = set(self.order)
        return [x for x in self._order if x not in depends]

    def pull(self, seeds: dict[Any, Any]) -> list[Any]:
        """The derivative with respect to each input, with `seeds` as cotangents of the outputs."""
        nodes = {x: seed for x, seed in seeds.items() if is_node(x)}
        if not self.as_nodes:
            slopes = cotangents_of(self.inputs, self._order, nodes, partials)
            if not self._turns_to_nodes():
                return [self._real(slope + 0.0) for slope in slopes]
        along = by_paths.get()
        cotangents = along(self, nodes) if along else carried(reverse_sweep, self.order, nodes, as_nodes=True)
        return [self.slope(cotangents.get(x, 0.0)) for x in self.inputs]

    def push(self, seeds: dict[Any, Any], outputs: Sequence[Any]) -> list[Any]:
        """The tangent of each of `outputs`, with `seeds` as tangents of the inputs."""
        tangents = carried(forward_sweep, self.order, seeds, self.as_nodes)
        if not self.as_nodes and self._turns_to_nodes():
            tangents = carried(forward_sweep, self.order, seeds, as_nodes=True)
        return [self.slope(tangents.get(x, 0.0) if is_node(x) else 0.0) for x in outputs]

    def _turns_to_nodes(self) -> bool:
        """Whether a sweep in floats has met Values that the derivatives depend on and the graph does not: in a pull."""
        self.as_nodes = pulls_close_over(self._order)
        return self.as_nodes

    def number(self, x: Any) -> Any:
        """A result in the number type of this trace."""
        if self.as_nodes:
            return x if is_node(x) else next(itertools.chain(self.inputs, self._order)).record(identity, x)
        return self._real(float_of(x))

    def numbers_in(self, tree: Any) -> Any:
        """Nested data with its Values in the number type of this trace; what holds no Values is left alone."""
        return map_numbers(lambda x: self.number(x) if isinstance(x, Value) else x, tree)

    def slope(self, x: Any) -> Any:
        """A derivative in the number type of this trace, with 0.0 instead of -0.0."""
        slope = self.number(x)
        return slope if isinstance(slope, Value) and slope.data else slope + 0.0


def carried(
    sweep: Callable[..., dict[Any, Any]], order: Sequence[Any], seeds: dict[Any, Any], as_nodes: bool
) -> dict[Any, Any]:
    """What a sweep of graph.py carries to each node: nodes, or floats."""
    of_node: Any
    of_node, operands = (any_edges, any_operands) if as_nodes else (edges, operator.attrgetter("operands"))
    nodes, of_node = with_calls(order, of_node, operands)
    before = swept.set((nodes, seeds))
    try:
        return sweep(nodes, seeds, of_node)
    finally:
        swept.reset(before)


def between(inputs: Sequence[Any], order: Sequence[Any]) -> list[Any]:
    """The nodes of a topological order that are, or were computed from, `inputs`."""
    depends = set(inputs)
    between = []
    for node in order:
        if node in depends or not depends.isdisjoint(node.arguments):
            depends.add(node)
            between.append(node)
    return between


def is_node(x: Any) -> bool:
    """Whether x is a recorded number (a Value, or one that a compiler traces) and not a plain one."""
    return not isinstance(x, float) and hasattr(x, "record")


def float_of(x: Any) -> float:
    """The data of a Value, another number as a float. Raises TypeError for anything else."""
    return x.data if isinstance(x, Value) else as_float(x)


def _nodes_in(tree: Any) -> Iterator[Any]:
    """The nodes in nested data. Arrays are left alone: a compiler wants to know who looks into one."""
    return (leaf for leaf in leaves_of(tree) if hasattr(type(leaf), "record") and not isinstance(leaf, float))


def any_edges(node: Any) -> Any:
    """Pairs of an argument of a node, of any type, and the local derivative with respect to it as a node."""
    return differentiable_edges(node) if node.__class__ is Value else node.edges()


def any_operands(node: Any) -> Any:
    """The numbers that a node of any type was called with, as nodes."""
    return differentiable_operands(node) if node.__class__ is Value else node.arguments


def number_of(caller: str, what: str, x: Any) -> Any:
    """A node unchanged, a number as a float. Raises TypeError, saying where it was found, for anything else."""
    try:
        return x if is_node(x) else as_float(x)
    except TypeError as error:
        raise TypeError(f"{caller}(), in {what}: {error}") from None


def matching(caller: str, what: str, given: Any, like: str, structure: Structure) -> list[Any]:
    """The numbers in `given`. Raises ValueError unless it has this `structure`."""
    leaves, found = flatten(float_arrays(given, f"{caller}(): {what}"))
    if found != structure:
        raise ValueError(f"{caller}() needs {what} of the same structure and shapes as the {like}")
    return [leaf if is_of_batch(leaf) else number_of(caller, what, leaf) for leaf in leaves]


def _index(argnum: Any, args: Sequence[Any], f: Callable[..., Any]) -> int:
    try:
        argnum = operator.index(argnum)
    except TypeError:
        raise TypeError(f"argnums must be a whole number or several, got {argnum!r:.60}") from None
    if not -len(args) <= argnum < len(args):
        raise IndexError(f"argnums={argnum}, but {name_of(f)}() was called with {len(args)} positional arguments")
    return int(argnum % len(args))


def name_of(f: Callable[..., Any]) -> str:
    """The name of a function in messages."""
    return getattr(f, "__name__", type(f).__name__)


def parameters_of(f: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters of a function; an empty list if Python does not know them."""
    try:
        return list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return []


def positional(parameters: Iterable[inspect.Parameter]) -> list[inspect.Parameter]:
    """Those of the parameters that can be passed by position."""
    return [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
