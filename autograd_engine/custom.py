"""Functions whose derivatives are not recorded on the way: custom_derivative states them, checkpoint computes again.

>>> from autograd_engine.derivatives import grad
>>> import math
>>> from autograd_engine.primitives import exp
>>> erf = custom_derivative(math.erf, lambda cotangent, out, x: cotangent * 2 / math.sqrt(math.pi) * exp(-x * x))
>>> grad(erf)(0.5), grad(grad(erf))(0.5)
(0.8787825789354448, -0.8787825789354448)
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from autograd_engine.arguments import check_function, float_arguments
from autograd_engine.calls import Call, Output
from autograd_engine.constants import map_numbers
from autograd_engine.control_flow import recorder
from autograd_engine.copying import FunctionOf, is_variable, variables
from autograd_engine.graph import forward_sweep, reverse_sweep, topological_order
from autograd_engine.number import ieee
from autograd_engine.primitives import identity
from autograd_engine.runs import between, carried, is_node, name_of, number_of, user_function, variable
from autograd_engine.structure import flatten, numbers_like
from autograd_engine.value import Value, become_constant


def custom_derivative(f: Callable[..., Any], pull: Callable[..., Any]) -> Callable[..., Any]:
    """The function `f` with the derivative that `pull` states.

    `pull(cotangent, out, *args)` is called with the arguments of `f`, with what it returned for them, and with a
    cotangent for each number of that, in the same structure. It returns the cotangent of each argument, structured like
    the argument: for several arguments a tuple, with None for those without a derivative.

    Where something is differentiated, `f` runs on plain numbers, so it may call whatever takes floats: `math`, NumPy,
    SciPy. If `pull` is written with operators and the functions of this package, derivatives of every order follow;
    if it needs floats too, there are first derivatives. In a compiled function both run on numbers that are not known.
    Derivatives depend on the Values that `pull` uses besides; what `f` returns does not.

    Derivatives are with respect to positional arguments; those by keyword are passed on. A call raises TypeError where
    `f` uses other Values than its arguments, since their derivatives would be lost, and where it does not return
    numbers; a derivative raises ValueError where `pull` does not return the structure of the arguments.

    >>> import math
    >>> from autograd_engine.derivatives import jacobian
    >>> polar = custom_derivative(
    ...     lambda x, y: (math.hypot(x, y), math.atan2(y, x)),
    ...     lambda cotangent, out, x, y: (
    ...         (cotangent[0] * x - cotangent[1] * y / out[0]) / out[0],
    ...         (cotangent[0] * y + cotangent[1] * x / out[0]) / out[0],
    ...     ),
    ... )
    >>> jacobian(polar, argnums=(0, 1))(3.0, 4.0)
    ((0.6, 0.8), (-0.16, 0.12))
    """
    for name, function in (("f", f), ("pull", pull)):
        if not callable(function):
            raise TypeError(f"custom_derivative(): {name} must be a function, got {type(function).__name__}")
    return FunctionOf(_with_pull, f, pull)


def _with_pull(f: Callable[..., Any], pull: Callable[..., Any], /, *args: Any, **keywords: Any) -> Any:
    name = name_of(f)
    args, keywords = float_arguments(name, args, keywords)  # type: ignore[assignment]
    if nodes_in(keywords):
        raise TypeError(f"{name}() has a derivative of its own, with respect to positional arguments only")
    inputs, f, pull = nodes_in(args), user_function.get()(f), user_function.get()(pull)
    if not inputs:
        return f(*args, **keywords)
    own = [x if x.__class__ is Value else x.record(identity, x) for x in inputs]
    structure: Any = None

    def run(numbers: Sequence[Any]) -> list[Any]:
        nonlocal structure
        leaves, structure = flatten(f(*filled(args, map(ieee, numbers)), **keywords))
        outputs = [number_of(name, "what it returned", leaf) for leaf in leaves]
        if closes_over(outputs, [x for x in numbers if is_node(x)]):
            raise TypeError(f"{name}() has a derivative of its own, but uses a Value that is not among its arguments")
        return list(map(data, outputs))

    def pulled(call: Call, numbers: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        results = call.results(numbers)
        if plain := not any(map(is_node, numbers)):
            cotangents, results, numbers = (list(map(ieee, x)) for x in (cotangents, results, numbers))
        found = pull(structure(cotangents), structure(results), *filled(args, numbers), **keywords)
        slopes = [number_of(name, "what its pull returned", x) for x in _slopes(name, args, found)]
        if not plain:
            return slopes
        call.pull_closes_over = call.pull_closes_over or closes_over(slopes, ())
        return list(map(data, slopes))

    call = Call(name, run, pulled)
    call.numbers(list(map(data, own)))
    results = call.results(own)
    return structure(results)


def _slopes(name: str, args: Sequence[Any], found: Any) -> list[Any]:
    """The cotangents that a pull returned for the nodes among the arguments of its function."""
    if len(args) == 1:
        with suppress(ValueError):
            return _of_nodes(args[0], found)
    if not isinstance(found, (tuple, list)) or len(found) != len(args):
        kind = "one number" if isinstance(found, float) else type(found).__name__
        got = kind + (f" of {len(found)}" if isinstance(found, (tuple, list)) else "")
        expected = "a cotangent" if len(args) == 1 else f"a tuple of {len(args)} cotangents, one for each argument"
        raise ValueError(f"the pull of {name}() must return {expected}, got {got}")
    try:
        return [x for i, (arg, slope) in enumerate(zip(args, found)) for x in _of_nodes(arg, slope, f"argument {i}")]
    except ValueError as error:
        raise ValueError(f"the pull of {name}() must return the structure of the arguments: {error}") from None


def _of_nodes(arg: Any, slope: Any, path: str = "") -> list[Any]:
    """The numbers of `slope` that stand where the nodes of `arg` do. Raises ValueError where the structures differ."""
    if not nodes_in(arg):
        return []
    leaves, structure = flatten(arg)
    return [x for leaf, x in zip(leaves, numbers_like(structure, slope, path)) if is_node(leaf)]


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function `f`, of which no intermediate result is kept: derivatives run it again.

    So a long computation, cut into pieces that are checkpoints, takes the memory of the longest piece and of what goes
    from piece to piece, for the time of one more run. Values, derivatives of every order and what may be given to `f`
    are those without `checkpoint`; `f` returns a number, an array, or nested lists, tuples and dicts of them. Whenever
    it runs it has to do the same.

    In a compiled function it is for loops: one in `f` keeps the states of about 2 sqrt(n) of its n rounds, as all loops
    do under the limit of `jit(memory=...)`, and one around `f` keeps what it carries from round to round, but no result
    of a function in `f`.

    Raises TypeError unless f returns numbers, ValueError where a second run differs from the first, as where a variable
    that `f` uses besides its arguments has been set to something else before a derivative is taken.

    >>> from autograd_engine.derivatives import grad
    >>> from autograd_engine.primitives import exp
    >>> def piece(x):
    ...     for _ in range(1000):
    ...         x = x + 0.001 * exp(-x)
    ...     return x
    >>> x = checkpoint(piece)(Value(1.0))
    >>> len(x.parents), grad(checkpoint(piece))(1.0) == grad(piece)(1.0)
    (1, True)
    """
    check_function("checkpoint", f)
    return FunctionOf(_checkpointed, f)


def _checkpointed(f: Callable[..., Any], /, *args: Any, **keywords: Any) -> Any:
    given = float_arguments("checkpoint", args, keywords)
    f = user_function.get()(f)
    inputs = nodes_in(given)
    if variable.get() is not Value or any(x.__class__ is not Value for x in inputs):
        return f(*given[0], **given[1]) if recorder.get() is None else recorder.get().checkpoint(f, *given)
    if not inputs and not nodes_in(result := f(*given[0], **given[1])):
        return result
    structure: Any = None

    def numbers_of_f(numbers: Sequence[Any]) -> list[Any]:
        nonlocal structure
        own, named = filled(given, numbers)
        leaves, structure = flatten(f(*own, **named))
        return [number_of("checkpoint", f"what {name_of(f)}() returned", leaf) for leaf in leaves]

    numbers = list(map(data, inputs))
    first = Again(numbers_of_f, numbers)
    outer = first.used_besides(numbers)

    def again(numbers: Sequence[Any]) -> Again:
        # Other nodes than those that f itself would find in its variables: series, or what a replay has in their place.
        others = any(is_node(x) and x is not own for x, own in zip(numbers[len(inputs) :], outer))
        others = others or any(is_node(x) and x.__class__ is not Value for x in numbers)
        then = given_then if others else numbers
        run = Again(numbers_of_f, then[: len(inputs)], outer, then[len(inputs) :])
        same = list(map(data, then)) != given_then or all(map(_alike, map(data, run.outputs), results))
        if not same or not set(outer).issubset(run.reached):
            raise ValueError(_ANOTHER)
        return Again(run.replayed, numbers) if others else run

    given_then, results = [*numbers, *map(data, outer)], list(map(data, first.outputs))
    call = Call(
        name_of(f),
        lambda numbers: list(map(data, again(numbers).outputs)),
        lambda call, numbers, cotangents: again(numbers).pull(cotangents),
        lambda call, numbers, tangents: again(numbers).push(tangents),
    )
    call.latest = given_then, results
    return structure(call.results([*inputs, *outer]))


_ANOTHER = (
    "a function that has to run again, for its derivatives, does not do the same again; if it uses a variable that has "
    "been set anew since, such as that of a loop, make it an argument"
)


class Again:
    """A run of a function from numbers to numbers, on variables of its own, to carry derivatives through.

    `outer` are the nodes that the function uses besides, `then` the numbers that they are expected to be.
    """

    def __init__(
        self,
        f: Callable[[Sequence[Any]], list[Any]],
        numbers: Sequence[Any],
        outer: Sequence[Any] = (),
        then: Sequence[Any] = (),
    ) -> None:
        for x, number in zip(outer, then):
            if not _alike(x.data, data(number)):
                raise ValueError(
                    f"a Value that a function used besides its arguments was {data(number)!r} then and is {x.data!r} "
                    "now, so the function cannot run again; make it an argument"
                )
        self.f = f
        new = variable.get()
        self.inputs = [x.record(identity, x) if is_node(x) else new(x) for x in numbers]
        with variables(self.inputs):
            self.outputs = f(self.inputs)
        for x in self.inputs:
            if x.op is None:
                become_constant(x)
        self.sources = [*self.inputs, *outer]
        self.as_nodes = new is not Value or any(map(is_node, [*numbers, *then]))

    @functools.cached_property
    def reached(self) -> list[Any]:
        """What the outputs were computed from, down to the inputs and the outer nodes, in topological order."""
        return topological_order(filter(is_node, self.outputs), stop=set(self.sources))

    @functools.cached_property
    def order(self) -> list[Any]:
        """What depends on the inputs and the outer nodes, in topological order."""
        stop = set(self.sources)
        return [node for node in between(self.sources, self.reached) if node not in stop]

    def pull(self, cotangents: Sequence[Any]) -> list[Any]:
        """A cotangent for each input and outer node, of one for each output."""
        # An input may have been computed from an outer node, of which no derivative is to arrive here: so the sweep
        # receives for the sources, but does not go through them.
        seeds: dict[Any, Any] = dict.fromkeys(self.sources)
        for output, cotangent in zip(self.outputs, cotangents):
            if is_node(output):
                before = seeds.get(output)
                seeds[output] = cotangent if before is None else before + cotangent
        found = carried(reverse_sweep, self.order, seeds, self.as_nodes)
        return [found.get(x, 0.0) for x in self.sources]

    def push(self, tangents: Sequence[Any]) -> list[Any]:
        """A tangent for each output, of one for each input and outer node."""
        seeds = {x: tangent for x, tangent in zip(self.sources, tangents) if is_node(tangent) or tangent}
        found = carried(forward_sweep, self.order, seeds, self.as_nodes)
        return [found.get(x, 0.0) if is_node(x) else 0.0 for x in self.outputs]

    def used_besides(self, numbers: Sequence[float]) -> list[Any]:
        """The nodes that the function uses besides its inputs: those that a second run has in common with this one.

        From then on they are sources of this run. Raises ValueError if it does not do the same again.
        """
        if not closes_over(self.outputs, self.inputs):
            return []
        common: dict[Any, None] = {}
        pairs, seen = list(zip(self.outputs, Again(self.f, numbers).outputs)), set()
        while pairs:
            x, y = pairs.pop()
            if not (is_node(x) and is_node(y)):
                alike = not is_node(x) and not is_node(y) and _alike(x, y)
            elif x is y:
                alike = True
                common[x] = None
            elif x in seen:
                alike = True
            else:
                seen.add(x)
                alike = x.op is not None and y.op is not None and x.op.name == y.op.name
                pairs += zip(x.arguments, y.arguments)
            if not alike:
                raise ValueError(_ANOTHER)
        self.sources += common
        return list(common)

    def replayed(self, numbers: Sequence[Any]) -> list[Any]:
        """What was computed in this run for other sources, by the same operations, without the function."""
        known, calls = dict(zip(self.sources, numbers)), dict[Call, Call]()
        for node in self.order:
            if node not in known:
                op = node.op
                if op.__class__ is Output:  # in a sweep each call of a function is one node
                    op = Output(calls.setdefault(op.call, copy.copy(op.call)), op.position, op.count)
                known[node] = node.record(op, *[known.get(x, x) if is_node(x) else x for x in node.arguments])
        return [known.get(x, x) if is_node(x) else x for x in self.outputs]


def closes_over(outputs: Sequence[Any], inputs: Sequence[Any]) -> bool:
    """Whether outputs of a function depend on leaves or variables that are not among its inputs."""
    own = set(inputs)
    order = topological_order(filter(is_node, outputs), stop=own)
    return any(x not in own and (is_variable(x) or (x.op is None and x.__class__ is Value)) for x in order)


def nodes_in(tree: Any) -> list[Any]:
    """The nodes in nested data, those in arrays included, in the order in which they stand."""
    found: list[Any] = []

    def note(x: Any) -> Any:
        if is_node(x):
            found.append(x)
        return x

    map_numbers(note, tree)
    return found


def filled(tree: Any, numbers: Iterable[Any]) -> Any:
    """Nested data with `numbers` in place of its nodes."""
    rest = iter(numbers)
    return map_numbers(lambda x: next(rest) if is_node(x) else x, tree)


def data(x: Any) -> Any:
    """The float of a Value; any other number as it is."""
    return x.data if x.__class__ is Value else x


def _alike(x: Any, y: Any) -> bool:
    return bool(x == y or (x != x and y != y))
