"""accuracy: how many digits of a value and of its gradient survived rounding, from the graph that computed them.

Every operation rounds its result. To first order, what that does to an output is the rounding error of the node times
its cotangent, so one more sweep over the graph bounds the error of the output: the sum of |cotangent · rounding|. The
gradient is a graph too, of the operations of the reverse sweep, and is treated the same way.

Sources: F. L. Bauer, Computational graphs and rounding error, SIAM J. Numer. Anal. 11 (1974); N. J. Higham, Accuracy
and Stability of Numerical Algorithms, 2nd ed. (2002), sections 1.6 and 3.

>>> from autograd_engine.primitives import cos
>>> accuracy(lambda x: (1 - cos(x)) / x**2)(1e-6)
       number              error    condition  digits
f      0.5000444502911705  1.1e-04  1.8e-04    4 of 16
wrt x  -88.90058250771835  2.2e+02  3.0e+00    0 of 16
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from autograd_engine.calls import Output, with_calls
from autograd_engine.copying import FunctionOf
from autograd_engine.derivatives import one_number
from autograd_engine.diagnosis.origins import computed_aside
from autograd_engine.graph import reverse_sweep, topological_order
from autograd_engine.runs import Run, between, carried, is_node
from autograd_engine.slopes import aligned, argument_names, number_names
from autograd_engine.structure import flatten, map_leaves
from autograd_engine.value import Value, differentiable_operands, edges

__all__ = ["Accuracy", "Estimate", "accuracy"]

DIGITS = -math.log10(2.0**-53)
"""How many decimal digits a float has: 15.95."""

# Rows whose result is exact, and basic ones that IEEE 754 rounds to the nearest float. Other basic rows are functions
# of the C library, which are off by a unit in the last place at most.
_EXACT = {
    *("identity", "neg", "abs", "where", "sign", "copysign", "maximum", "minimum", "clip", "floor", "ceil", "round"),
    *("trunc", "fmod", "relu", "heaviside", "amax", "amin"),
}
_NEAREST = {"add", "sub", "mul", "div"}
_ONE_BY_ONE = {"sum", "prod", "dot"}


@dataclass(frozen=True)
class Estimate:
    """Numbers, and for each an estimate of its absolute rounding error and its condition number.

    The condition number says how many times larger than a relative error of the inputs that of the number can be:
    the sum of |x · d(number)/dx| over the inputs, divided by |number|. All three have the same structure.
    """

    number: Any
    error: Any
    condition: Any

    @property
    def digits(self) -> Any:
        """How many of the 16 decimal digits of each number are right, a fraction of a digit included."""
        (numbers, structure), (errors, _) = flatten(self.number), flatten(self.error)
        return structure(list(map(digits_of, numbers, errors)))


@dataclass(frozen=True, repr=False)
class Accuracy:
    """What accuracy() found: an Estimate of the value, and one of the gradient. Its repr is a table."""

    value: Estimate
    gradient: Estimate
    names: tuple[str, ...] = field(default=(), compare=False)

    def __repr__(self) -> str:
        columns = [flatten(part)[0] for part in (self.gradient.number, self.gradient.error, self.gradient.condition)]
        rows = [("f", *_cells(self.value.number, self.value.error, self.value.condition))]
        rows += [(f"wrt {name}", *_cells(*cells)) for name, *cells in zip(self.names, *columns)]
        return "\n".join(aligned([("", "number", "error", "condition", "digits"), *rows]))


def accuracy(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Accuracy]:
    """The value and the gradient of `f`, a function that returns one number, with their rounding errors.

    Arguments count as exact, as do constants and what is computed from integers and constants alone. The errors are
    estimates to first order in which no two roundings compensate each other, so the true ones are smaller, often ten
    times. It takes a sweep over the graph for the value and one for each number of the gradient, as a Hessian does.

    `argnums` selects the arguments of the gradient, and errors are raised, as in `grad`; TypeError too in a function
    that is being compiled, since the answer depends on the numbers.

    >>> found = accuracy(lambda x, y: x * x - y * y, argnums=(0, 1))(1.0, 1.0 - 1e-9)
    >>> found
           number                 error    condition  digits
    f      1.999999943436137e-09  5.6e-17  2.0e+09    8 of 16
    wrt x  2.0                    0.0e+00  1.0e+00    16 of 16
    wrt y  -1.999999998           0.0e+00  1.0e+00    16 of 16
    >>> found.gradient.number, round(found.value.digits)
    ((2.0, -1.999999998), 8)
    """
    return FunctionOf(_accuracy, f, argnums)


def _accuracy(f: Callable[..., Any], argnums: int | Sequence[int], /, *args: Any, **keywords: Any) -> Accuracy:
    names = argument_names(f, args)
    run = Run("accuracy", f, [_recorded(x) for x in args], _recorded(keywords), argnums)
    if any(x.__class__ is not Value for x in run.inputs):
        raise TypeError("accuracy() depends on the numbers; call it outside of compiled functions")
    output = one_number("accuracy", run.output, f)
    output = output if is_node(output) else Value(output)
    value, *slopes = estimates([output, *_gradient(output, run.inputs)], run.inputs)
    numbers, errors, conditions = (run.structure(column) for column in list(zip(*slopes)) or [()] * 3)
    chosen = np.atleast_1d(argnums).tolist()
    by = number_names([names[i] for i in chosen], [args[i] for i in chosen])
    return Accuracy(Estimate(*value), Estimate(numbers, errors, conditions), tuple(by))


def _recorded(tree: Any) -> Any:
    """Nested data with Values instead of its floats, so that what is computed from them is recorded."""
    return map_leaves(_recorded_leaf, tree, keep=True)


def _recorded_leaf(x: Any) -> Any:
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        leaves, structure = flatten(x)
        return structure(list(map(Value, leaves)))
    return Value(x) if isinstance(x, float) else x


def _gradient(output: Value, inputs: Sequence[Value]) -> list[Value]:
    """The gradient as nodes, as `gradient` makes it, in which what the rules compute from constants is recorded too."""
    order = between(inputs, topological_order([output]))
    nodes, edges_of = with_calls(order, _recorded_edges, differentiable_operands)
    slopes = reverse_sweep(nodes, {output: 1.0}, edges_of)
    return [x if is_node(x) else Value(x) for x in (slopes.get(x, 0.0) for x in inputs)]


def _recorded_edges(node: Value) -> Any:
    operands = _recorded(differentiable_operands(node))
    return zip(node.arguments, node.op.partials(node, *operands))  # type: ignore[union-attr]


def estimates(outputs: Sequence[Value], inputs: Collection[Value]) -> list[tuple[float, float, float]]:
    """The number of each output, its rounding error and its condition number, where the `inputs` are exact."""
    stop = set(inputs)
    own = {node: rounding(node) for node in topological_order(outputs, stop) if node not in stop}
    found = []
    for output in outputs:
        cotangents = carried(reverse_sweep, topological_order([output], stop), {output: 1.0}, as_nodes=False)
        error = sum([abs(by) * own[x] for x, by in cotangents.items() if x in own and by and own[x]])
        change = sum([abs(by * x.data) for x, by in cotangents.items() if x in stop and by and x.data])
        found.append((output.data, error, change / abs(output.data) if output.data else math.inf if change else 0.0))
    return found


def digits_of(number: float, error: float) -> float:
    """How many decimal digits of a number with this error are right."""
    if not error <= abs(number) < math.inf:
        return 0.0
    share = error / abs(number) if error else 0.0
    return min(DIGITS, -math.log10(share)) if share else DIGITS


@computed_aside
def rounding(node: Value) -> float:
    """What the operation of a node may have changed its result by: nothing where that is exact."""
    op, operands = node.op, node.operands
    if op is None or op.name in _EXACT or not all(map(math.isfinite, (node.data, *operands))):
        return 0.0
    if op.name in _NEAREST:
        exactly = op.forward(*map(Fraction, operands))
        return 0.0 if exactly == Fraction(node.data) else math.ulp(node.data) / 2
    if op.__class__ is Output:  # as if what went into the call were off in the last place
        return sum([math.ulp(node.data), *[abs(by) * math.ulp(x) for (_, by), x in zip(edges(node), operands)]])
    if not op.composite and op.name not in _ONE_BY_ONE:
        return math.ulp(node.data)
    inside = op.forward(*map(Value, operands))  # made of other rows: what those do
    return estimates([inside], ())[0][1] if is_node(inside) else 0.0


def _cells(number: float, error: float, condition: float) -> tuple[str, ...]:
    return repr(number), f"{error:.1e}", f"{condition:.1e}", f"{digits_of(number, error):.0f} of {DIGITS:.0f}"
