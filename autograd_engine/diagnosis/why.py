"""Why a value or a gradient is nan, inf, zero, huge, vanishing or inexact: `why` follows it to where that begins.

A value is followed down to what it was computed from, a gradient up to what it came back from. The path goes
through numbers of the same kind; where it ends is the node to look at. An inf that a nan comes from is followed
further, and from a gradient the path goes on into the values where they are to blame.

>>> x = Value(-3.0, label="x")
>>> loss = (x.relu() - 1.0).square()
>>> print(why(x, gradient_of=loss))
the gradient of square(relu(x) - 1.0) with respect to x is 0.0
  why:  the slope of relu(x) is 0.0 at relu(-3.0): relu lets nothing through where its argument is not positive
  path: x = -3.0   gradient 0.0
        relu(x) = 0.0   gradient -2.0
  help: instead of relu(x) write leaky_relu(x, 0.01) (or a smaller learning rate, so that the unit does not die)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from autograd_engine.diagnosis import causes
from autograd_engine.diagnosis.as_python import python_text, short_number
from autograd_engine.diagnosis.gradient_paths import Sweep, uses_of
from autograd_engine.diagnosis.lost_digits import lost_digits
from autograd_engine.diagnosis.origins import Location, location
from autograd_engine.diagnosis.trials import Suggestion, kind_of, suggestion
from autograd_engine.diagnosis.value_paths import Step, first_bad_operand, nearest, value_path
from autograd_engine.graph import reverse_sweep, topological_order
from autograd_engine.value import Value, edges

__all__ = ["Diagnosis", "Step", "why"]

MOST_STEPS = 8  # of a path, when printed


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """What `why` found. Printed, it is a few lines of text.

    `kind` is "nan", "inf", "zero", "huge", "vanishing", "inexact" (a value of which rounding has left less than half of
    the digits), or "fine". `path` leads from what was asked about to
    `node`, where it begins; it is empty, and `node` None, where nothing is wrong or nothing leads there. `cause`
    says in words what happens at the node, `rewrite` what to write instead (None where the catalogue has nothing that
    helps), and `location` is the line that made the node, where it was made under `debug()`.

    >>> x = Value(-1.0, label="x")
    >>> found = why(2 * x.sqrt())
    >>> found.kind, found.node.op.name, found.cause
    ('nan', 'sqrt', 'sqrt(-1.0); the square root of a negative number')
    """

    question: str
    kind: str
    number: float
    cause: str
    path: tuple[Step, ...] = ()
    rewrite: Suggestion | None = None

    @property
    def node(self) -> Value | None:
        """The node where it begins."""
        return self.path[-1].node if self.path else None

    @property
    def location(self) -> Location | None:
        """The line that made `node`."""
        return location(self.path[-1].node) if self.path else None

    def __str__(self) -> str:
        lines = [f"{self.question} is {short_number(self.number)}", f"  why:  {self.cause}"]
        if len(self.path) > 1:
            left_out = max(len(self.path) - MOST_STEPS, 0)
            first, last = (self.path[:3], self.path[3 + left_out :]) if left_out else (self.path, ())
            steps = [*map(str, first), *([f"… {left_out} more"] if left_out else []), *map(str, last)]
            lines += [f"  {'      ' if i else 'path: '}{step}" for i, step in enumerate(steps)]
        if self.location:
            lines.append(f"  line: {self.location}")
        if self.rewrite:
            lines.append(f"  help: {self.rewrite}")
        return "\n".join(lines)

    __repr__ = __str__


def why(value: Value, gradient_of: Value | None = None, *, bound: float = 1e8) -> Diagnosis:
    """Why `value`, or the gradient of the Value `gradient_of` with respect to it, is nan, inf, zero, huge or vanishing;
    and of a value that has lost digits to rounding, where.

    The path in the answer is the shortest one to a node where that begins: the first nan or inf in the order of
    computing, the first number beyond `bound` (or below 1 / `bound`), the factor that is 0. The line of the
    program that made the node is known where that ran under `debug()`. `.grad` is neither read nor changed.

    >>> p = Value(0.0, label="p")
    >>> print(why(p * p.log()))
    p * log(p) is nan
      why:  0.0 * -inf; zero times an infinity, where log(0.0); the logarithm of 0
      path: p * log(p) = nan
            log(p) = -inf
      help: instead of p * log(p) write xlogy(p, p)

    The time is linear in the size of the graph. Raises TypeError where `value` or `gradient_of` is not a Value,
    ValueError where `bound` is not above 1.
    """
    for name, x in (("value", value), ("gradient_of", gradient_of)):
        if not isinstance(x, Value) and (name == "value" or x is not None):
            raise TypeError(f"why(): {name} must be a Value, got {type(x).__name__}")
    if not bound > 1:
        raise ValueError(f"why(): bound must be above 1, got {bound!r}")
    return why_value(value, bound) if gradient_of is None else why_gradient(value, gradient_of, 1.0, bound)


# --- values: down to what they were computed from --------------------------------------------------------------


def why_value(value: Value, bound: float) -> Diagnosis:
    """The answer about a value, see `why`."""
    question, kind = python_text(value), kind_of(value.data, bound)
    loss = lost_digits(value) if kind in ("fine", "huge", "vanishing") else None
    if kind == "fine":
        if loss is None:
            return Diagnosis(question, kind, value.data, _nothing_wrong(value, bound))
        better = suggestion(nearest(loss.path), False, {"inexact"}, bound)
        return Diagnosis(question, "inexact", value.data, loss.cause, tuple(loss.path), better)
    path, anchors = value_path(value, value.data, bound)
    end = path[-1]
    cause = causes.of_value(end.node, end.number, kind_of(end.number, bound), bound)
    if kind_of(end.number, bound) != kind:  # a nan or a zero that an inf has made
        before = next(step for step in reversed(path) if kind_of(step.number, bound) == kind)
        cause = f"{causes.of_value(before.node, before.number, kind, bound)}, where {cause}"
    kinds = {kind_of(step.number, bound) for step in path}
    rewrite = suggestion(anchors, False, kinds, bound)
    if loss is not None:
        cause = f"{cause}; {loss.cause}"
        rewrite = rewrite or suggestion(nearest(loss.path), False, {"inexact"}, bound)
    return Diagnosis(question, kind, value.data, cause, tuple(path), rewrite)


def _nothing_wrong(value: Value, bound: float) -> str:
    hint = ""
    if kind_of(value.grad, bound) in ("nan", "inf", "huge"):
        hint = f"; for its gradient {short_number(value.grad)} ask why(value, gradient_of=output)"
    return f"nothing is wrong, it is a number between {1 / bound:g} and {bound:g} in size{hint}"


# --- gradients: up to what they came back from -------------------------------------------------------------------


def why_gradient(value: Value, output: Value, seed: float, bound: float) -> Diagnosis:
    """The answer about a gradient, for the cotangent `seed` of the output, see `why`."""
    question = f"the gradient of {python_text(output)} with respect to {python_text(value)}"
    order = topological_order([output])
    uses = uses_of(value, order)
    if uses is None:
        cause = f"{python_text(output)} does not depend on this Value{_namesake(value, order)}"
        return Diagnosis(question, "zero", 0.0, cause)
    cotangents = reverse_sweep(order, {output: seed}, edges)
    sweep = Sweep(uses, cotangents, bound)
    number = sweep.gradient(value)
    kind = kind_of(number, bound)
    if kind == "fine":
        return Diagnosis(question, kind, number, _nothing_wrong(value, bound).partition(";")[0])
    nodes, use = sweep.climb(value, kind)
    cause = sweep.cause(nodes[-1], use, kind)
    child = use.child if use else nodes[-1]
    if (kind == "zero" and math.isinf(sweep.gradient(child))) or (kind == "nan" and use is None):
        # An inf that has met a zero, or one of the opposite sign: look where it begins.
        further, use = sweep.climb(child, "inf")
        nodes += further
        cause += f"; the inf: {sweep.cause(further[-1], use, 'inf')}"
        child = use.child if use else further[-1]
    if nodes[-1] is not child:
        nodes.append(child)
    path = [Step(node, node.data, sweep.gradient(node)) for node in dict.fromkeys(nodes)]
    anchors = [child, *sweep.above(child), *nearest(path)]
    to_blame = first_bad_operand(child) if math.isfinite(child.data) else (child, child.data)
    if to_blame is not None:
        # The local derivatives are bad because values are. Look for a bad value on the way first.
        bad = next((i for i, step in enumerate(path) if not math.isfinite(step.number)), len(path))
        below, more = value_path(*(path[bad][:2] if bad < len(path) else to_blame), bound)
        path = path[:bad] + below
        end = below[-1]
        cause += f"; {causes.of_value(end.node, end.number, kind_of(end.number, bound), bound)}"
        anchors += more
    rewrite = suggestion(dict.fromkeys(anchors), True, {kind}, bound)
    return Diagnosis(question, kind, number, cause, tuple(path), rewrite)


def _namesake(value: Value, order: Sequence[Value]) -> str:
    for node in order:
        if node.op is None and value.label and node.label == value.label:
            return f", but on another one labelled {value.label}: a copy, or detached"
    return ""
