"""taylor: the Taylor coefficients of a function along a curve, to any order.

The graph of one run is walked once, forward, with a power series in t for each node in place of its number. What an
operation does to series follows from its row: out' = Σ ∂out/∂xᵢ · xᵢ', where the partials are the row's own, computed
on series. So coefficient k of `out` comes from coefficients of the arguments up to k and of the partials up to k - 1.
Those of the partials are asked for only when they are needed, since the partials of a row lead to further rows: from
sin to cos and back, from lgamma on and on. Where they lead back, the time grows with the square of the order, while
each nested derivative takes twice the time of the one inside it.

Source: A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed. (2008), chapter 13.

>>> from autograd_engine.primitives import exp, sin
>>> taylor(exp, 4)(0.0)
[1.0, 1.0, 0.5, 0.16666666666666666, 0.041666666666666664]
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any

from autograd_engine.calls import Output
from autograd_engine.control_flow import recorder
from autograd_engine.copying import FunctionOf
from autograd_engine.custom import closes_over
from autograd_engine.diagnosis.origins import computed_aside
from autograd_engine.graph import product, topological_order
from autograd_engine.number import Arithmetic
from autograd_engine.primitives import div, identity, mul
from autograd_engine.runs import Outputs, Run, Trace, any_operands, between, is_node, matching

__all__ = ["taylor"]


_NO_NUMBER = (
    "taylor() cannot be compiled where a loop has a number of rounds, or an item an index, that is known only when the "
    "compiled function is called; take derivatives by grad instead"
)


def taylor(f: Callable[..., Any], order: int, *path: Sequence[Any]) -> Callable[..., list[Any]]:
    """The Taylor coefficients c₀ … cₙ, n = `order`, of `f` along a curve through its arguments.

    The curve is x(t) = x + t v₁ + t² v₂ + …, where x are the arguments of the call, and `path` holds v₁, v₂ and so on,
    each as a tuple with an entry for each argument, in its structure. Without a path it is x + t, for a function of one
    number. The result is the list of the cₖ in f(x(t)) = c₀ + c₁ t + … + cₙ tⁿ + …, each in the structure of what f
    returns; the derivative of order k with respect to t is k! cₖ.

    f is run once. The coefficients can be differentiated again, and computed in a compiled function, in which the loops
    of f are then unrolled: their lengths must be known while it is compiled, and so must be the indices of numbers that
    depend on x. `root` and `fixed_point` have no series there.

    Raises ValueError unless `order` is a whole number from 0 on, and where the structure of a part of the path is not
    that of the arguments; TypeError where the path is missing, or something is not a number.

    >>> from autograd_engine.primitives import log
    >>> taylor(log, 3)(2.0)
    [0.6931471805599453, 0.5, -0.125, 0.041666666666666664]
    >>> taylor(lambda x, y: [x * y, x / y], 2, (1.0, 3.0))(5.0, 1.0)  # along (5 + t, 1 + 3 t)
    [[5.0, 5.0], [16.0, -14.0], [3.0, 42.0]]
    """
    if not (hasattr(type(order), "__index__") and order >= 0):
        raise ValueError(f"taylor() needs a whole number from 0 on for the order, got {order!r:.60}")
    return FunctionOf(_taylor, f, operator.index(order), path)


def _taylor(
    f: Callable[..., Any], order: int, path: Sequence[Sequence[Any]], /, *args: Any, **keywords: Any
) -> list[Any]:
    recording = recorder.get()  # a loop recorded whole can carry tangents, but no series
    with nullcontext() if recording is None else recording.unrolled():
        run = Run("taylor", f, args, keywords, range(len(args)))
    if not path:
        if len(args) != 1 or run.structure.children[0].kind is not None:
            raise TypeError("taylor() of a function of more than one number needs a direction: taylor(f, order, (v,))")
        path = [(1.0,)]
    if not all(isinstance(part, (list, tuple)) for part in path):
        raise TypeError("taylor() needs parts of the path as tuples with an entry for each argument: (v,) for f(x)")
    parts = [matching("taylor", "the path", tuple(part), "arguments", run.structure) for part in path]
    outputs = Outputs("taylor", run.output)
    trace = run.trace(outputs.numbers, [x for part in parts for x in part])
    series = _series(trace, parts, order)
    found = [[_coefficient(series.get(x, x), k) for x in outputs.numbers] for k in range(order + 1)]
    return [outputs(map(trace.slope if k else trace.number, numbers)) for k, numbers in enumerate(found)]


def _series(trace: Trace, path: Sequence[Sequence[Any]], order: int) -> dict[Any, Any]:
    """The series of each node on the way from the inputs to the outputs, up to `order`; of others, their numbers."""
    table = _Table(trace)
    for i, x in enumerate(trace.inputs):
        start = [x if trace.as_nodes else x.data, *[part[i] for part in path]]
        table.of_node[x] = Series(table, None, (), start[: order + 1])
    for node in trace.order:
        if node not in table.of_node:
            table.add(node)
            table.complete(table.of_node[node], order)
    if table.closes_over and not trace.as_nodes:
        trace.as_nodes = True
        return _series(trace, path, order)
    return table.of_node


class _Table:
    """The series of each node, and of each operation on the same arguments: sin and cos, of which each is the other's
    derivative, are two and not ever new ones.

    A node that does not depend on t has its number for a series. `closes_over` says whether one of them that the graph
    does not show is to be differentiated itself.
    """

    def __init__(self, trace: Trace) -> None:
        self.as_nodes, self.closes_over = trace.as_nodes, False
        self.of_node: dict[Any, Any] = {x: self._constant(x) for x in trace.constants}
        self.known: dict[Any, Series] = {}
        self.latest: list[Series] = []

    def add(self, node: Any) -> None:
        """Note the series of a node, of whose arguments those that depend on t are known."""
        if node.op.__class__ is Output and not node.op.call.has_series:
            raise TypeError(f"taylor() of {node.op.call.name}() cannot be compiled; take derivatives by grad instead")
        constants = any_operands(node) if self.as_nodes else node.operands
        arguments = [self.of_node.get(x, constant) for x, constant in zip(node.arguments, constants)]
        self.of_node[node] = self.series(node.op, arguments, node if self.as_nodes else node.data)

    def of(self, x: Any) -> Any:
        """A number that the rule of a call gave: as a series, where it was computed from a node that has one."""
        if x.__class__ is Series or not is_node(x):
            return x
        if x not in self.of_node:
            order = topological_order([x], stop=self.of_node)
            known = [node for node in order if node in self.of_node]
            depending = between([node for node in known if self.of_node[node].__class__ is Series], order)
            for node in depending:
                if node not in self.of_node:
                    self.add(node)
            self.closes_over = self.closes_over or closes_over([x], ())
            self.of_node.update((node, self._constant(node)) for node in order if node not in self.of_node)
        return self.of_node[x]

    def _constant(self, node: Any) -> Any:
        return node if self.as_nodes else node.data

    def series(self, op: Any, arguments: Sequence[Any], first: Any = None) -> Series:
        """The series of `op` on series and constants; its first coefficient need not be computed where it is given."""
        of = (op.call, op.position) if op.__class__ is Output else op
        key = (of, *[x.hex() if x.__class__ is float else id(x) for x in arguments])
        if key not in self.known or op is identity:  # which stands for a variable of a derivative
            if first is None:
                first = op(*[_coefficient(x, 0) for x in arguments])
            self.known[key] = Series(self, op, arguments, [first])
            self.latest.append(self.known[key])
        return self.known[key]

    def complete(self, series: Series, order: int) -> None:
        """Compute a series up to `order`, where those of its arguments are complete.

        Before each step, what was asked for on the way is taken a step further, the last first, so that a rule that
        leads to ever further rows takes no deep recursion.
        """
        self.latest = []
        for k in range(1, order + 1):
            for further, done in [(x, len(x.coefficients)) for x in reversed(self.latest)]:
                if done > 1:
                    further[done]
            series[k]


class Series(Arithmetic):
    """A power series in t. Coefficients that are not known are computed when they are asked for."""

    __slots__ = ("arguments", "coefficients", "op", "slopes", "table")

    def __init__(self, table: _Table, op: Any, arguments: Sequence[Any], coefficients: list[Any]) -> None:
        self.table, self.op, self.arguments, self.coefficients = table, op, arguments, coefficients
        self.slopes: Sequence[Any] | None = None

    def record(self, op: Any, *args: Any) -> Series:
        """The series of `op` on these arguments."""
        return self.table.series(op, [float(x) if x.__class__ in (int, bool) else self.table.of(x) for x in args])

    def compare(self, name: str, other: Any) -> Any:
        """The comparison of the numbers at t = 0: a bool, or a constant where they are not known yet."""
        return self._constant(getattr(operator, name)(self[0], _coefficient(other, 0)))

    def __and__(self, other: Any) -> Any:
        return self._constant(self[0] & _coefficient(other, 0))

    def __or__(self, other: Any) -> Any:
        return self._constant(self[0] | _coefficient(other, 0))

    def __xor__(self, other: Any) -> Any:
        return self._constant(self[0] ^ _coefficient(other, 0))

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    @computed_aside
    def edges(self) -> Any:
        """Pairs of an argument and the local derivative with respect to it, for the sweeps in the rules of calls."""
        if self.slopes is None:
            self.slopes = [self.table.of(slope) for slope in self.op.partials(self, *self.arguments)]
        return zip(self.arguments, self.slopes)

    def pull(self, factor: Any) -> Any:
        """The product with another factor of the chain rule."""
        return factor * self

    push = pull

    def _constant(self, x: Any) -> Any:
        return x if x.__class__ is bool else Series(self.table, None, (), [x])

    @property
    def batch(self) -> Any:
        """The batch of a number that is being traced."""
        return self[0].batch

    def __getitem__(self, k: int) -> Any:
        """The coefficient of tᵏ."""
        known = self.coefficients
        while len(known) <= k:
            known.append(0.0 if self.op is None else self._next(len(known)))
        return known[k]

    def _next(self, k: int) -> Any:
        """Coefficient k, from those before it and from up to k of the arguments."""
        arguments = self.arguments
        if self.op is mul:
            x, y = arguments
            return _sum([_times(_coefficient(x, j), y, k - j) for j in range(k + 1)])
        if self.op is div:  # the quotient times y is x
            x, y = arguments
            rest = _sum([_times(_coefficient(y, j), self, k - j) for j in range(1, k + 1)])
            return div(_coefficient(x, k) - rest, _coefficient(y, 0))
        total, linear = [], []
        for x, slope in self.edges():
            if x.__class__ is Series and slope.__class__ is Series:
                total += [_times(j * x[j], slope, k - j) for j in range(1, k + 1)]
            elif x.__class__ is Series and (slope.__class__ is not float or slope):
                linear.append(term := product(x[k], slope, "push"))
                if term.__class__ is not float and not (term is None or is_node(term)):
                    raise TypeError(_NO_NUMBER)
        return _sum([_sum(total) / k, *linear])


def _coefficient(x: Any, k: int) -> Any:
    """The coefficient of tᵏ of a series or a constant."""
    return x[k] if x.__class__ is Series else 0.0 if k else x


def _times(number: Any, x: Any, k: int) -> Any:
    """A number times a coefficient, which is not asked for where the number is 0."""
    return product(number, _coefficient(x, k), "push") if number.__class__ is not float or number else None


def _sum(terms: Iterable[Any]) -> Any:
    """The sum of what is not None."""
    total: Any = None
    for term in terms:
        if term is not None:
            total = term if total is None else total + term
    return 0.0 if total is None else total
