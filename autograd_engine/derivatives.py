"""Derivatives of functions: gradient, grad, value_and_grad, jacobian, hessian, jvp, vjp.

The functions take and return numbers, or nested lists, tuples, dicts and arrays of numbers, and so do their
derivatives. All of them nest to any order, because the sweep runs on Values as well as on floats.

A function is run once on fresh Values. Where everything came from its own arguments, the derivatives are
floats. Where the result also depends on Values of the outside (the parameters of a model, or the point of an
outer derivative), the derivatives are Values that know it, so that nothing is lost.

>>> from autograd_engine.primitives import sin
>>> grad(grad(sin))(0.5)
-0.479425538604203
>>> hessian(lambda p: p[0] ** 2 * p[1])([3.0, 5.0])
[[10.0, 6.0], [6.0, 0.0]]
"""

from __future__ import annotations

import functools
import itertools
import operator
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from autograd_engine.backward import cotangents_of, order_of_values
from autograd_engine.copying import has_variables, is_variable, variables
from autograd_engine.graph import forward_sweep, reverse_sweep, topological_order
from autograd_engine.primitives import as_float, identity
from autograd_engine.structure import Structure, flatten, leaves_of, map_leaves
from autograd_engine.value import (
    Value,
    become_constant,
    differentiable_edges,
    edges,
    partials,
)

_op = operator.attrgetter("op")
_MANY = 4  # times as many outputs as inputs: from there on forward sweeps, which are slower one by one, are faster

variable: ContextVar[Callable[[float], Any]] = ContextVar("variable", default=Value)
"""Makes the variable of a run that stands for a plain number. A Value, unless a compiler traces the function."""


def gradient(output: Value, inputs: Any) -> Any:
    """d(output)/d(input) as Values, which can be differentiated again, in the structure of `inputs`.

    `inputs` is a Value or nested lists, tuples, dicts or arrays of Values, of any place in the graph; what the
    output does not depend on gets 0. No `grad` is touched. Raises TypeError where one of them is not a Value.

    >>> x = Value(3.0)
    >>> slope = gradient(x**3, x)
    >>> slope.data, gradient(slope, x).data
    (27.0, 18.0)
    """
    if not _is_node(output):
        raise TypeError(f"gradient() needs a Value as output, got {type(output).__name__}")
    leaves, structure = flatten(inputs)
    for leaf in leaves:
        if not _is_node(leaf):
            raise TypeError(f"gradient() needs Values as inputs, got {type(leaf).__name__}")
    cotangents = reverse_sweep(_between(leaves, topological_order([output])), {output: 1.0}, _edges)
    return structure([_as_node(cotangents.get(leaf, 0.0), output) for leaf in leaves])


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of `f`, a function of numbers that returns one number.

    `argnums` says which positional arguments to differentiate by: one index, or several for a tuple of
    gradients. Each gradient has the structure of its argument. With `has_aux`, `f` returns a number and
    something else, which is handed on: `(gradient, something)`.

    Raises TypeError where f does not return one number, IndexError where an index has no argument.

    >>> grad(lambda x, y: x * y**2, argnums=(0, 1))(2.0, 3.0)
    (9.0, 12.0)
    """
    both = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f)
    def gradient_of_f(*args: Any, **keywords: Any) -> Any:
        value, slopes = both(*args, **keywords)
        return (slopes, value[1]) if has_aux else slopes

    return gradient_of_f


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns `(f(...), gradient)` from one run; arguments and errors as for `grad`.

    With `has_aux` it returns `((value, aux), gradient)`.

    >>> value_and_grad(lambda w: w["a"] * w["b"])({"a": 2.0, "b": 5.0})
    (10.0, {'a': 5.0, 'b': 2.0})
    >>> value_and_grad(lambda x: (x * x, "a remark"), has_aux=True)(3.0)
    ((9.0, 'a remark'), 6.0)
    """

    @functools.wraps(f)
    def value_and_gradient_of_f(*args: Any, **keywords: Any) -> Any:
        run = _Run("grad", f, args, keywords, argnums)
        output, aux = run.output if has_aux else (run.output, None)
        output = _one_number(output, f)
        trace = run.trace([output])
        value, slopes = trace.number(output), run.structure(trace.pull({output: 1.0}))
        return ((value, trace.numbers_in(aux)), slopes) if has_aux else (value, slopes)

    return value_and_gradient_of_f


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, sparse: bool = False) -> Callable[..., Any]:
    """The derivatives of every number that `f` returns by every number of its argument(s).

    The result has the structure of what f returns, with the structure of the argument in the place of each
    number; an array of shape S differentiated by an array of shape T gives an array of shape S + T.
    One reverse sweep per output; where there are many more outputs than inputs, one forward sweep per input.

    With `sparse` the result is a `scipy.sparse.csr_matrix` of floats, a row for each number returned and a column
    for each number of the argument, both in the order in which they are written. A sweep then visits only what its
    output was computed from, and what the output does not depend on takes neither time nor memory.

    Raises TypeError where f does not return numbers and where a sparse Jacobian is to be differentiated again,
    IndexError where an index has no argument, ImportError for a sparse one without SciPy.

    >>> jacobian(lambda p: [p[0] * p[1], p[0] + p[1]])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 1.0]]
    """

    @functools.wraps(f)
    def jacobian_of_f(*args: Any, **keywords: Any) -> Any:
        run = _Run("jacobian", f, args, keywords, argnums)
        outputs, structure = run.outputs()
        if sparse:
            return _sparse_jacobian(run, outputs)
        trace = run.trace(outputs)
        block = np.empty((structure.size, run.structure.size), dtype=object)
        if _MANY * len(run.inputs) <= len(outputs):
            for j, x in enumerate(run.inputs):
                block[:, j] = trace.push({x: 1.0}, outputs)
        else:
            for i, output in enumerate(outputs):
                block[i] = trace.pull({output: 1.0})
        return _assemble(structure, run.structure, block)

    return jacobian_of_f


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The second derivatives of `f`, which returns one number: the jacobian of its gradient.

    For an argument of n numbers these are n² of them, from n sweeps; an array of shape S gives one of shape S + S.
    Where a single direction is enough, `jvp` of `grad(f)` takes the time of a few runs of f, whatever n is. Errors as
    for `grad`.

    >>> hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    >>> jvp(grad(lambda x: (x**3).sum()), [np.array([1.0, 2.0])], [np.array([1.0, 0.0])])[1]  # its first column
    array([6., 0.])
    """
    return jacobian(grad(f, argnums), argnums)


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Forward mode: `(f(*primals), J @ tangents)`, how the outputs change along a direction of the inputs.

    `tangents` has the structure of `primals`, the tuple of arguments (a tuple also where there is one); the tangent of
    the outputs has theirs. One sweep, however many outputs there are. Raises ValueError where the two structures
    differ, TypeError where f or one of them holds something that is no number.

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (6.0, 3.0)
    """
    if not isinstance(primals, (list, tuple)) or not isinstance(tangents, (list, tuple)):
        raise TypeError("jvp() needs primals and tangents as tuples with an entry for each argument: (x,) for f(x)")
    run = _Run("jvp", f, tuple(primals), {}, range(len(primals)))
    directions = _matching("jvp", "tangents", tuple(tangents), "primals", run.structure)
    outputs, structure = run.outputs()
    trace = run.trace(outputs, directions)
    slopes = trace.push(dict(zip(run.inputs, directions)), outputs)
    return structure([trace.number(output) for output in outputs]), structure(slopes)


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Reverse mode: `(f(*primals), pullback)`, where `pullback(cotangents)` is the tuple `cotangents @ J`.

    `cotangents` has the structure of what f returns; the result has one entry for each of `primals`, and so is a tuple
    also where there is one. One sweep for each call of `pullback`, however many inputs there are. Raises ValueError
    where the structure is another, TypeError where something is no number.

    >>> outputs, pullback = vjp(lambda x, y: [x * y, x + y], 2.0, 3.0)
    >>> outputs, pullback([1.0, 10.0])
    ([6.0, 5.0], (13.0, 12.0))
    """
    run = _Run("vjp", f, primals, {}, range(len(primals)))
    outputs, structure = run.outputs()

    def pullback(cotangents: Any) -> tuple[Any, ...]:
        given = _matching("vjp", "cotangents", cotangents, "outputs", structure)
        seeds: dict[Any, Any] = {}
        for output, cotangent in zip(outputs, given):
            seeds[output] = seeds[output] + cotangent if output in seeds else cotangent
        slopes: tuple[Any, ...] = run.structure(run.trace(outputs, given).pull(seeds))
        return slopes

    trace = run.trace(outputs)
    return structure([trace.number(output) for output in outputs]), pullback


class _Run:
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
        self.caller = caller
        one = not isinstance(argnums, Iterable)
        indices = [_index(i, args, f) for i in ([argnums] if one else argnums)]  # type: ignore[union-attr]
        if len(set(indices)) < len(indices):
            raise ValueError(f"argnums={argnums} names an argument twice")
        leaves, self.structure = flatten(args[indices[0]] if one else tuple(args[i] for i in indices))
        points = [_number(caller, "the arguments", leaf) for leaf in leaves]
        # Nodes for this run alone, so that an inner derivative does not mix up its variable with an outer one.
        new = variable.get()
        self.inputs = [x.record(identity, x) if _is_node(x) else new(x) for x in points]
        self.nested = any(x.op is not None for x in self.inputs)
        fresh, arguments = self.structure(self.inputs), list(args)
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

    def outputs(self) -> tuple[list[Any], Structure]:
        """The numbers that f returned, and the structure they came in."""
        leaves, structure = flatten(self.output)
        return [_number(self.caller, "what the function returned", leaf) for leaf in leaves], structure

    def trace(self, outputs: Sequence[Any], seeds: Sequence[Any] = ()) -> _Trace:
        return _Trace(self.inputs, outputs, self.outside, self.nested or any(_is_node(x) for x in seeds))


class _Trace:
    """The graph between the inputs of a run and its outputs, and the number type its derivatives have."""

    def __init__(self, inputs: Sequence[Any], outputs: Sequence[Any], outside: set[Any], as_nodes: bool) -> None:
        nodes = [x for x in outputs if _is_node(x)]
        if as_nodes or outside or any(x.__class__ is not Value for x in nodes):
            self._order = topological_order(nodes, stop=outside.union(inputs))
        else:
            self._order = order_of_values(nodes)
        self.inputs = inputs
        # A leaf that is not an input of this run is a Value of the outside.
        self.as_nodes = as_nodes or None in map(_op, self._order) or not outside.isdisjoint(self._order)
        self.edges = _edges if self.as_nodes else edges

    @property
    def needs_a_variable(self) -> bool:
        """Whether it depends on a variable of a derivative that is being taken outside."""
        return any(is_variable(x) for x in self._order)

    @functools.cached_property
    def order(self) -> list[Any]:
        """In topological order what depends on the inputs."""
        return _between(self.inputs, self._order)

    def pull(self, seeds: dict[Any, Any]) -> list[Any]:
        """The derivative by each input, where `seeds` are the cotangents of the outputs."""
        nodes = {x: seed for x, seed in seeds.items() if _is_node(x)}
        if self.as_nodes:
            cotangents = reverse_sweep(self.order, nodes, self.edges)
            return [self.slope(cotangents.get(x, 0.0)) for x in self.inputs]
        return [slope + 0.0 for slope in cotangents_of(self.inputs, self._order, nodes, partials)]

    def push(self, seeds: dict[Any, Any], outputs: Sequence[Any]) -> list[Any]:
        """How each of `outputs` changes, where `seeds` are the tangents of the inputs."""
        tangents = forward_sweep(self.order, seeds, self.edges)
        return [self.slope(tangents.get(x, 0.0) if _is_node(x) else 0.0) for x in outputs]

    def number(self, x: Any) -> Any:
        """A result in the number type of this trace."""
        if self.as_nodes:
            return x if _is_node(x) else next(itertools.chain(self.inputs, self._order)).record(identity, x)
        return x.data if isinstance(x, Value) else as_float(x)

    def numbers_in(self, tree: Any) -> Any:
        """Nested data with its Values in the number type of this trace; what holds no Value stays as it is."""

        def number(leaf: Any) -> Any:
            if isinstance(leaf, np.ndarray) and leaf.dtype == object:
                leaves, structure = flatten(leaf)
                return structure([self.numbers_in(x) for x in leaves])
            return self.number(leaf) if isinstance(leaf, Value) else leaf

        return map_leaves(number, tree, keep=True)

    def slope(self, x: Any) -> Any:
        """A derivative in the number type of this trace, 0.0 instead of -0.0."""
        slope = self.number(x)
        return slope if isinstance(slope, Value) and slope.data else slope + 0.0


def _sparse_jacobian(run: _Run, outputs: Sequence[Any]) -> Any:
    """The matrix of derivatives as a scipy.sparse.csr_matrix (outputs, inputs)."""
    trace = run.trace(outputs)
    if run.nested or trace.needs_a_variable:
        raise TypeError("jacobian(sparse=True) is a matrix of floats, which cannot be differentiated again")
    try:
        from scipy.sparse import csr_matrix
    except ImportError:
        raise ImportError("jacobian(sparse=True) needs SciPy: pip install scipy") from None
    columns = {x: column for column, x in enumerate(run.inputs)}
    on_the_way = set(trace.order)
    slopes, indices, ends = array("d"), array("q"), array("q", [0])
    for output in outputs:
        if _is_node(output):
            order = [node for node in topological_order([output], stop=columns) if node in on_the_way]
            for node, slope in reverse_sweep(order, {output: 1.0}, edges).items():
                if node in columns:
                    indices.append(columns[node])
                    slopes.append(slope)
        ends.append(len(slopes))
    matrix = csr_matrix((slopes, indices, ends), shape=(len(outputs), len(columns)))
    matrix.sort_indices()
    return matrix


def _between(inputs: Sequence[Any], order: Sequence[Any]) -> list[Any]:
    """Of a topological order, `inputs` and what was computed from them."""
    depends = set(inputs)
    between = []
    for node in order:
        if node in depends or not depends.isdisjoint(node.arguments):
            depends.add(node)
            between.append(node)
    return between


def _is_node(x: Any) -> bool:
    """Whether x is a Value, or a number that a compiler traces, and not a plain one."""
    return x.__class__ is not float and hasattr(x, "record")


def _nodes_in(tree: Any) -> Iterator[Any]:
    """The nodes in nested data. Arrays are left alone: a compiler wants to know who looks into one."""
    return (leaf for leaf in leaves_of(tree) if hasattr(type(leaf), "record"))


def _as_node(x: Any, like: Any) -> Any:
    """A number as a node of the type of `like`, but not as a leaf, which would be a variable."""
    return x if _is_node(x) else like.record(identity, x)


def _edges(node: Any) -> Any:
    """The arguments of a node with its local derivatives as nodes."""
    return differentiable_edges(node) if node.__class__ is Value else node.edges()


def _number(caller: str, what: str, x: Any) -> Any:
    try:
        return x if _is_node(x) else as_float(x)
    except TypeError as error:
        raise TypeError(f"{caller}(), in {what}: {error}") from None


def _matching(caller: str, what: str, given: Any, like: str, structure: Structure) -> list[Any]:
    leaves, found = flatten(given)
    if found != structure:
        raise ValueError(f"{caller}() needs {what} of the same structure and shapes as the {like}")
    return [_number(caller, what, leaf) for leaf in leaves]


def _one_number(output: Any, f: Callable[..., Any]) -> Any:
    leaves, structure = flatten(output)
    if structure.kind is np.ndarray and structure.keys == ():
        [output] = leaves
    elif structure.kind is not None:
        held = f"{structure.kind.__name__} of {structure.size}"
        raise TypeError(f"grad() needs {_name(f)}() to return one number, got a {held}; use jacobian()")
    return _number("grad", f"what {_name(f)}() returned", output)


def _index(argnum: Any, args: Sequence[Any], f: Callable[..., Any]) -> int:
    try:
        argnum = operator.index(argnum)
    except TypeError:
        raise TypeError(f"argnums must be a whole number or several, got {argnum!r:.60}") from None
    if not -len(args) <= argnum < len(args):
        raise IndexError(f"argnums={argnum}, but {_name(f)}() was called with {len(args)} positional arguments")
    return int(argnum % len(args))


def _name(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", type(f).__name__)


def _assemble(outputs: Structure, inputs: Structure, block: Any) -> Any:
    """A matrix of derivatives, one row per output and one column per input, in the structures of both."""

    def of_output(rows: Any, shape: tuple[int, ...]) -> Any:
        return inputs.filled(rows.T, lambda columns, of_input: _derivative(columns.T, (*shape, *of_input)))

    return outputs.filled(block, of_output)


def _derivative(block: Any, shape: tuple[int, ...]) -> Any:
    """The derivatives of one output, number or array, by one input: an array unless both are numbers."""
    return Structure(np.ndarray if shape else None, shape, (), block.size)(block.ravel().tolist())
