"""One run of a function on fresh Values, and the graph between its inputs and its outputs.

Every derivative of a function is taken in three steps: a `Run` puts variables in the places of the arguments,
`Outputs` are the numbers that came out, and a `Trace` carries derivatives between the two, as floats where everything
came from the arguments of this run, else as nodes that know what they depend on.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

from autograd_engine.backward import cotangents_of, order_of_values
from autograd_engine.constants import map_numbers
from autograd_engine.copying import has_variables, is_variable, variables
from autograd_engine.graph import forward_sweep, reverse_sweep, topological_order
from autograd_engine.number import Float
from autograd_engine.primitives import as_float, identity
from autograd_engine.structure import Structure, flatten, float_arguments, float_arrays, leaves_of
from autograd_engine.value import Value, become_constant, differentiable_edges, edges, partials

_op = operator.attrgetter("op")

variable: ContextVar[Callable[[float], Any]] = ContextVar("variable", default=Value)
"""Makes the variable of a run that stands for a plain number. A Value, unless a compiler traces the function."""


class Run:
    """One run of `f` on fresh Values in the places of the arguments that `argnums` names."""

    def __init__(
        self,
        caller: str,
        f: Callable[..., Any],
        args: Sequence[Any],
        keywords: dict[str, Any],
        argnums: int | Sequence[int],
    ) -> None:
        if not callable(f):
            raise TypeError(f"{caller}() needs a function, got {type(f).__name__}")
        one = not isinstance(argnums, Iterable)
        indices = [_index(i, args, f) for i in ([argnums] if one else argnums)]  # type: ignore[union-attr]
        if len(set(indices)) < len(indices):
            raise ValueError(f"argnums={argnums} names an argument twice")
        args, keywords = float_arguments(caller, args, keywords)
        leaves, self.structure = flatten(args[indices[0]] if one else tuple(args[i] for i in indices))
        self.real = Float if Float in map(type, leaves) else float  # of the results
        points = [number_of(caller, "the arguments", leaf) for leaf in leaves]
        # Nodes for this run alone, so that an inner derivative does not mix up its variable with an outer one.
        new = variable.get()
        self.inputs = [x.record(identity, x) if is_node(x) else new(x) for x in points]
        self.nested = any(x.op is not None for x in self.inputs)
        fresh, arguments = self.structure(self.inputs), args.copy()
        # What was there before the run cannot depend on its inputs. Inside of another derivative there may be much
        # after it, a whole trajectory, that need not be looked at.
        inside = self.nested or new is not Value or has_variables()
        self.outside = set(_nodes_in([args, keywords])) if inside else set()
        for i, argument in zip(indices, [fresh] if one else fresh):
            arguments[i] = argument
        with variables(self.inputs):
            self.output = f(*arguments, **keywords)
        for x in self.inputs:  # variables for what f ran inside, constants for everybody else
            if x.op is None:
                become_constant(x)

    def trace(self, outputs: Sequence[Any], seeds: Sequence[Any] = ()) -> Trace:
        """The graph of these outputs, along which `seeds` are carried: all of them nodes where one of the seeds is."""
        return Trace(self.inputs, outputs, self.outside, self.nested or any(is_node(x) for x in seeds), self.real)


class Outputs:
    """What a function returned, as numbers; called with as many, it puts them in their places.

    Of the result of a vmap that a compiler traces they are the numbers of one sample, which stand for those of all.
    """

    def __init__(self, caller: str, output: Any) -> None:
        self.caller = caller
        self.leaves, self.structure = flatten(output)
        self.numbers = self._numbers("what the function returned", self.leaves)
        self.of_batches = any(map(is_of_batch, self.leaves))

    def __call__(self, numbers: Iterable[Any]) -> Any:
        """What was returned, with these numbers."""
        return self.structure(self.leaves_with(numbers))

    def leaves_with(self, numbers: Iterable[Any]) -> list[Any]:
        """The leaves with these numbers in the places of theirs."""
        rest = iter(numbers)
        return [leaf.with_numbers(rest) if is_of_batch(leaf) else next(rest) for leaf in self.leaves]

    def matching(self, cotangents: Any) -> list[Any]:
        """The numbers of something that has the structure of the outputs."""
        leaves = matching(self.caller, "cotangents", cotangents, "outputs", self.structure)
        if any(is_of_batch(leaf) and not leaf.fits(given) for leaf, given in zip(self.leaves, leaves)):
            raise TypeError(f"{self.caller}() needs for the result of a vmap a cotangent that is one of the same shape")
        return self._numbers("cotangents", leaves)

    def _numbers(self, what: str, leaves: Sequence[Any]) -> list[Any]:
        numbers: list[Any] = []
        for leaf in leaves:
            numbers += leaf.of_sample.ravel().tolist() if is_of_batch(leaf) else [number_of(self.caller, what, leaf)]
        return numbers


def is_of_batch(leaf: Any) -> bool:
    """Whether something is the result of a vmap that a compiler traces."""
    return hasattr(type(leaf), "of_sample")


class Trace:
    """The graph between the inputs of a run and its outputs, and the number type its derivatives have."""

    def __init__(
        self, inputs: Sequence[Any], outputs: Sequence[Any], outside: set[Any], as_nodes: bool, real: type[float]
    ) -> None:
        nodes = [x for x in outputs if is_node(x)]
        if as_nodes or outside or any(x.__class__ is not Value for x in nodes):
            self._order = topological_order(nodes, stop=outside.union(inputs))
        else:
            self._order = order_of_values(nodes)
        self.inputs, self._real = inputs, real
        # A leaf that is not an input of this run is a Value of the outside.
        self.as_nodes = as_nodes or None in map(_op, self._order) or not outside.isdisjoint(self._order)
        self.edges = any_edges if self.as_nodes else edges

    @property
    def needs_a_variable(self) -> bool:
        """Whether it depends on a variable of a derivative that is being taken outside."""
        return any(is_variable(x) for x in self._order)

    @functools.cached_property
    def order(self) -> list[Any]:
        """In topological order what depends on the inputs."""
        return between(self.inputs, self._order)

    def pull(self, seeds: dict[Any, Any]) -> list[Any]:
        """The derivative by each input, where `seeds` are the cotangents of the outputs."""
        nodes = {x: seed for x, seed in seeds.items() if is_node(x)}
        if self.as_nodes:
            cotangents = reverse_sweep(self.order, nodes, self.edges)
            return [self.slope(cotangents.get(x, 0.0)) for x in self.inputs]
        return [self._real(slope + 0.0) for slope in cotangents_of(self.inputs, self._order, nodes, partials)]

    def push(self, seeds: dict[Any, Any], outputs: Sequence[Any]) -> list[Any]:
        """How each of `outputs` changes, where `seeds` are the tangents of the inputs."""
        tangents = forward_sweep(self.order, seeds, self.edges)
        return [self.slope(tangents.get(x, 0.0) if is_node(x) else 0.0) for x in outputs]

    def number(self, x: Any) -> Any:
        """A result in the number type of this trace."""
        if self.as_nodes:
            return x if is_node(x) else next(itertools.chain(self.inputs, self._order)).record(identity, x)
        return self._real(x.data if isinstance(x, Value) else as_float(x))

    def numbers_in(self, tree: Any) -> Any:
        """Nested data with its Values in the number type of this trace; what holds no Value stays as it is."""
        return map_numbers(lambda x: self.number(x) if isinstance(x, Value) else x, tree)

    def slope(self, x: Any) -> Any:
        """A derivative in the number type of this trace, 0.0 instead of -0.0."""
        slope = self.number(x)
        return slope if isinstance(slope, Value) and slope.data else slope + 0.0


def between(inputs: Sequence[Any], order: Sequence[Any]) -> list[Any]:
    """Of a topological order, `inputs` and what was computed from them."""
    depends = set(inputs)
    between = []
    for node in order:
        if node in depends or not depends.isdisjoint(node.arguments):
            depends.add(node)
            between.append(node)
    return between


def is_node(x: Any) -> bool:
    """Whether x is a Value, or a number that a compiler traces, and not a plain one."""
    return not isinstance(x, float) and hasattr(x, "record")


def _nodes_in(tree: Any) -> Iterator[Any]:
    """The nodes in nested data. Arrays are left alone: a compiler wants to know who looks into one."""
    return (leaf for leaf in leaves_of(tree) if hasattr(type(leaf), "record") and not isinstance(leaf, float))


def any_edges(node: Any) -> Any:
    """The arguments of a node with its local derivatives as nodes."""
    return differentiable_edges(node) if node.__class__ is Value else node.edges()


def number_of(caller: str, what: str, x: Any) -> Any:
    """A node as it is, a number as a float, or a TypeError that says where something else was found."""
    try:
        return x if is_node(x) else as_float(x)
    except TypeError as error:
        raise TypeError(f"{caller}(), in {what}: {error}") from None


def matching(caller: str, what: str, given: Any, like: str, structure: Structure) -> list[Any]:
    """The numbers in what was `given`. Raises ValueError unless it has the structure."""
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
    """What messages call a function."""
    return getattr(f, "__name__", type(f).__name__)
