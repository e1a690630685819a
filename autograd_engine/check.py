"""check_gradients: compare the derivatives of the engine with finite differences of the function itself.

`differences` measures a slope on a ladder of steps, and its tolerance too. That takes the rounding error of f, which
comes from the graph: a unit in the last place of every node, carried to the output by the size of the slopes on the
way. The derivative under test has a rounding error too, from its own graph.

If the slopes left and right of the point differ there is a kink, and the derivative must lie between them. Where f
jumps, each side is measured without f at the point, and NaN is accepted as well.

Source: F. L. Bauer, Computational graphs and rounding error, SIAM J. Numer. Anal. 11 (1974).

>>> from autograd_engine import tanh
>>> print(check_gradients(lambda x, w: tanh(w * x), 0.5, 2.0))  # doctest: +ELLIPSIS
f = 0.761594155956
wrt  at   found           finite difference  tolerance  difference
x    0.5  0.839948683228  0.839948683228     ...
w    2    0.209987170807  0.209987170807     ...
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

import numpy as np

from autograd_engine.arguments import float_arguments
from autograd_engine.derivatives import gradient as graph_gradient
from autograd_engine.diagnosis.origins import location
from autograd_engine.differences import Outputs, differences
from autograd_engine.given_gradient import slopes_like
from autograd_engine.graph import reverse_sweep, topological_order
from autograd_engine.number import ieee
from autograd_engine.primitives import Primitive, as_float
from autograd_engine.slopes import Slope, argument_names, number_names, table
from autograd_engine.structure import flatten
from autograd_engine.value import Value, edges

__all__ = ["GradientCheck", "GradientError", "Slope", "check_gradients"]


@dataclass(frozen=True, repr=False)
class GradientCheck:
    """What check_gradients found. Its repr is a table.

    `value` is f at the point. `first` holds one Slope for each first derivative; `second`, with order=2, one for each
    second derivative, in the order of the rows of the Hessian.
    """

    value: float
    first: tuple[Slope, ...]
    second: tuple[Slope, ...] = ()

    def __repr__(self) -> str:
        return "\n".join([f"f = {self.value:.12g}", *table([*self.first, *self.second])])


class GradientError(AssertionError):
    """A derivative does not agree with finite differences. The message is a report that names the guilty rule.

    `check` is the GradientCheck with all numbers (None if f itself differs between floats and Values).

    >>> try:
    ...     check_gradients(lambda x: x**3, 2.0, gradient=lambda x: 3 * x)
    ... except GradientError as error:
    ...     print([(slope.by, slope.found, round(slope.low, 6)) for slope in error.check.first])
    [('x', 6.0, 12.0)]
    """

    def __init__(self, report: str, check: GradientCheck | None = None) -> None:
        super().__init__(report)
        self.check = check


def check_gradients(
    f: Callable[..., Any], *point: Any, order: int = 1, gradient: Callable[..., Any] | None = None
) -> GradientCheck:
    """Compare the derivatives of `f` at `point` with finite differences of `f` on plain floats.

    `f` takes numbers, or nested lists, tuples, dicts and arrays of numbers, and returns one number; `point` holds its
    arguments. `order=2` checks the second derivatives too: the gradient of the gradient against differences of the
    gradient. The cost is about 50 evaluations per number in the point: of f, and for order 2 of its gradient.

    With `gradient`, a function of the same arguments, its result is checked instead of the engine's gradient, and `f`
    may be any callable of floats. It returns all slopes in the structure of the point: a tuple with an entry for each
    argument, or the entry itself if there is only one. Dicts go by their keys; lists, tuples and arrays are
    interchangeable.

    There is no tolerance to choose: it is measured. The docstring of the module says how, and what happens at kinks
    and jumps.

    Raises GradientError with a report, under `debug()` with the line of the guilty node, if a derivative is wrong,
    or if f gives a different value on Values than on floats; TypeError or ValueError if f or the point cannot be
    checked.

    >>> check_gradients(abs, -3.0).first[0].found
    -1.0
    >>> check_gradients(lambda x: x**3, 2.0, gradient=lambda x: 3 * x)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autograd_engine.check.GradientError: 1 of 1 derivatives disagrees with finite differences
    ...
    """
    if not callable(f):
        raise TypeError(f"check_gradients() needs a function first, got {type(f).__name__}")
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2, got {order!r}")
    if gradient is not None and order == 2:
        raise ValueError("order=2 differentiates the engine's gradient again; leave out gradient, or order")
    leaves, structure = flatten(tuple(float_arguments("check_gradients", point)[0]))
    if not leaves:
        raise ValueError("check_gradients() needs a point: the numbers to call f with")
    arguments = argument_names(f, point)
    names = number_names(arguments, point)
    numbers = [_real(x, f"the point, {name}") for x, name in zip(leaves, names)]
    for x, name in zip(numbers, names):
        if not isfinite(x):
            raise ValueError(f"check_gradients() needs a finite point; the point, {name}, is {x}")

    def of_leaves(xs: Sequence[Any]) -> Any:
        return f(*structure(list(map(ieee, xs))))

    function = _Function(of_leaves, numbers, names)
    value = function.value()
    if gradient is not None:
        slopes = slopes_like(structure, gradient(*structure(list(map(ieee, numbers)))), arguments)
        check = GradientCheck(value, function.slopes([_real(x, "the result of gradient()") for x in slopes]))
    else:
        if different := function.difference_on_values():
            raise GradientError(different)
        check = GradientCheck(value, function.slopes())
    if order == 2 and all(slope.agrees for slope in check.first):
        check = GradientCheck(value, check.first, function.second_slopes())
    if not all(slope.agrees for slope in (*check.first, *check.second)):
        raise GradientError(_report(check, None if gradient else function), check)
    return check


# --- the function under test ---------------------------------------------------------------------------------


class _Function:
    """A function of a list of numbers at one point: its value, and its derivatives by the engine and by differences."""

    def __init__(self, f: Callable[[Sequence[Any]], Any], point: Sequence[float], names: Sequence[str]) -> None:
        self.f, self.point, self.names = f, point, names

    def value(self) -> float:
        """f at the point, on floats. Raises ValueError unless it is finite and the same every time."""
        with np.errstate(all="ignore"):
            try:
                value, again = (_result(self.f(list(self.point))) for _ in range(2))
            except ArithmeticError as error:
                raise ValueError(f"f cannot be computed on floats at the point: {error}") from error
        if not isfinite(value):
            raise ValueError(f"f is {value} at the point, so it has no finite differences")
        if value != again:
            raise ValueError(f"f gives {value!r} and then {again!r} at the same point; remove what is random")
        return value

    def recorded(self) -> tuple[list[Value], Any]:
        """Fresh leaves, and the result of f on them; a constant if f records nothing."""
        leaves = [Value(x, label=name) for x, name in zip(self.point, self.names)]
        try:
            output = self.f(leaves)
        except (TypeError, AttributeError) as error:
            raise TypeError(
                f"check_gradients() cannot run f on Values: {error}; "
                "use the functions of autograd_engine in f (exp, not math.exp), or give its gradient"
            ) from error
        return leaves, output if isinstance(output, Value) else Value(_result(output))

    def difference_on_values(self) -> str:
        """A message if f differs between floats and Values by more than rounding, else an empty string."""
        _, output = self.recorded()
        value = self.value()
        if abs(output.data - value) <= 4 * _roundings([output])[0] + 4 * math.ulp(value):
            return ""
        return (
            f"f gives {value!r} on floats, but {output.data!r} on Values at the same point\n"
            "hint: f takes a different branch or calls a different function for Values (isinstance, float(), .data)"
        )

    def slopes(self, found: Sequence[float] | None = None) -> tuple[Slope, ...]:
        """First derivatives: `found`, or else the engine's."""
        try:
            rows = self.rows(order=1)
        except Exception:  # with a given gradient, f need not run on Values
            if found is None:
                raise
            rows = [_Recorded(Value(0.0), [Value(x) for x in self.point])]
            rows[0].rounding = nan
        if found is not None:
            rows[0].slopes = list(found)
        return tuple(self._compare(rows, lambda xs: [_result(self.f(xs))], order=1))

    def second_slopes(self) -> tuple[Slope, ...]:
        """Second derivatives: the gradient of each first derivative."""

        def first(xs: Sequence[float]) -> list[float]:
            return _slopes(*_Function(self.f, xs, self.names).recorded())

        return tuple(self._compare(self.rows(order=2), first, order=2))

    def rows(self, order: int) -> list[_Recorded]:
        """The outputs to differentiate for derivatives of this order: f itself, or each of its first derivatives."""
        leaves, output = self.recorded()
        outputs = [output] if order == 1 else graph_gradient(output, leaves)
        return [_Recorded(x, leaves) for x in outputs]

    def _compare(self, rows: Sequence[_Recorded], outputs: Outputs, order: int) -> Iterable[Slope]:
        """Compare each derivative of each output, as recorded in `rows`, with differences of `outputs`."""
        columns = [differences(outputs, self.point, j, [row.rounding for row in rows]) for j in range(len(self.point))]
        for i, row in enumerate(rows):
            for j, (name, x) in enumerate(zip(self.names, self.point)):
                low, high, error, note = columns[j][i]
                # The derivative under test has rounding errors of its own. They also stand for how the rounding error
                # of f grows away from the point: x * log(y) has none at x = 0, but its slope log(y) has one.
                own = 2 * row.slope_roundings[j] + _few_ulps(row.slopes[j])
                by = name if order == 1 else f"{self.names[i]}, {name}"
                yield Slope(by, x, row.slopes[j], low, high, error + own, note)


class _Recorded:
    """An output, its slopes by the engine, and bounds for the rounding errors of both.

    Those of the slopes come from the graph of the gradient, so it does not matter how steep f is beside the point.
    """

    def __init__(self, output: Value, leaves: Sequence[Value]) -> None:
        self.slopes = _slopes(leaves, output)
        (self.rounding,) = _roundings([output])
        try:
            self.slope_roundings = _roundings(graph_gradient(output, list(leaves)))
        except Exception:  # a user-defined row may have partials of floats only
            self.slope_roundings = [0.0] * len(leaves)


def _slopes(leaves: Sequence[Value], output: Value) -> list[float]:
    """The first derivatives by the engine, as floats."""
    slopes = reverse_sweep(topological_order([output]), {output: 1.0}, edges)
    return [slopes.get(leaf, 0.0) for leaf in leaves]


def _roundings(outputs: Sequence[Value]) -> list[float]:
    """Bounds for the rounding errors of nodes: the error of each operation, carried on by the size of the slopes."""
    bounds: dict[Value, float] = {}
    for node in topological_order(outputs):
        slopes = [] if node.op is None else list(edges(node))
        carried = [abs(d) * bounds.get(x, 0.0) for x, d in slopes if d]
        bounds[node] = math.fsum(error for error in (*carried, _rounding(node, slopes)) if isfinite(error))
    return [bounds[node] for node in outputs]


def _rounding(node: Value, slopes: Sequence[tuple[Any, float]]) -> float:
    """The rounding error of one operation. A composite row or a long sum also rounds on the way, as much as if its
    operands were off in the last place."""
    if node.op is None:
        return 0.0
    error = math.ulp(node.data)
    if node.op.composite or node.op.arity is None:
        error += math.fsum(abs(d) * math.ulp(x) for (_, d), x in zip(slopes, node.operands) if d)
    return error


def _few_ulps(slope: float) -> float:
    return 8 * math.ulp(slope) if isfinite(slope) else 0.0


# --- the report ----------------------------------------------------------------------------------------------

_RULES = 3  # the most rules that are described in full
_SHORT = 60  # the most characters of a call's arguments


def _report(check: GradientCheck, function: _Function | None) -> str:
    slopes = [*check.first, *check.second]
    wrong = [slope for slope in slopes if not slope.agrees]
    verb = "disagrees" if len(wrong) == 1 else "disagree"
    lines = [f"{len(wrong)} of {len(slopes)} derivatives {verb} with finite differences", *table(slopes)]
    return "\n".join(lines + (_causes(function, wrong, 2 if check.second else 1) if function else []))


def _causes(function: _Function, wrong: Sequence[Slope], order: int) -> list[str]:
    """What the report says about the graph of f: which local rule is wrong at which node, or what else to look for."""
    leaves, output = function.recorded()
    nodes = topological_order([output])
    guilty: dict[Primitive, tuple[Value, list[Slope]]] = {}
    special: list[Value] = []
    for node in nodes:
        if node.op is None or node.op in guilty:
            continue
        slopes = _local_slopes(node, order)
        if wrong_here := [slope for slope in slopes if not slope.agrees]:
            guilty[node.op] = node, wrong_here
        if any(slope.note or not isfinite(slope.found) for slope in slopes):
            special.append(node)
    lines = []
    for op, (node, slopes) in list(guilty.items())[:_RULES]:
        count = len([other for other in nodes if other.op is op])
        lines += ["", f"guilty: the partials of {op.name}, at {_where(node)}; used {count} times in the graph"]
        lines += _line(node)
        lines += table(slopes, 4)
    if len(guilty) > _RULES:
        lines.append(f"... also guilty: {', '.join(op.name for op in list(guilty)[_RULES:])}")
    if guilty:
        return lines
    if special:
        hint = "at a kink, a jump or an infinite slope the chain rule need not hold, and there is one at"
        return ["", f"hint: {hint}", _where(special[0]), *_line(special[0])]
    reached = set(nodes)  # a list would compare the data
    lost = [leaf.label for leaf in leaves if leaf not in reached and any(leaf.label == slope.by for slope in wrong)]
    if lost:
        hint = f"the graph of f does not reach {', '.join(lost[:5])}; look for .data, float() or detach() in f"
        return ["", f"hint: {hint}"]
    hint = "each rule in the graph of f is right by itself, so a path from the input to f is not recorded:"
    return ["", f"hint: {hint}", "look for .data, float() or detach() in f, or for a branch that only Values take"]


def _local_slopes(node: Value, order: int) -> list[Slope]:
    """The derivatives of one operation, at the operands it was recorded with, and its finite differences."""
    op, operands = node.op, node.operands
    places = [i for i, argument in enumerate(node.arguments) if argument.__class__ is Value]
    if op is None or not all(map(isfinite, (node.data, *operands))):
        return []

    def rule(xs: Sequence[Any]) -> Any:
        filled = list(operands)
        for i, x in zip(places, xs):
            filled[i] = x
        return op(*filled)

    local = _Function(rule, [operands[i] for i in places], [f"input {i + 1}" for i in places])
    return [*local.slopes(), *(local.second_slopes() if order == 2 else ())]


def _where(node: Value) -> str:
    """A node in words: its label, the operation with the labels and numbers of its inputs, the result."""
    labels = [f"{x.label}=" if x.__class__ is Value and x.label else "" for x in node.arguments]
    inputs = ", ".join(f"{label}{x:.6g}" for label, x in zip(labels, node.operands))
    inputs = inputs if len(inputs) <= _SHORT else inputs[:_SHORT] + "…"
    return f"{node.label or 'a node'} = {node.op.name if node.op else ''}({inputs}) = {node.data:.6g}"


def _line(node: Value) -> list[str]:
    return [f"line: {place}"] if (place := location(node)) else []


# --- numbers -------------------------------------------------------------------------------------------------


def _real(number: Any, where: str) -> float:
    """The float of a number that the user gave."""
    return as_float(number, f"check_gradients(), in {where}")


def _result(number: Any) -> float:
    """The float of what f returned; nan for a complex number, Python's result outside the domain of a power."""
    if isinstance(number, complex):
        return nan
    if isinstance(number, Value):
        return number.data
    try:
        return as_float(number)
    except TypeError as error:
        raise TypeError(f"check_gradients() needs f to return one number: {error}") from None
