"""Where the digits of a value were lost that rounding has left wrong."""

from __future__ import annotations

from typing import NamedTuple

from autograd_engine.diagnosis.as_python import numeric_text
from autograd_engine.diagnosis.trials import FEW_DIGITS
from autograd_engine.diagnosis.value_paths import Step, shortest_path
from autograd_engine.graph import reverse_sweep, topological_order
from autograd_engine.roundings import DIGITS, digits_of, estimates, rounding
from autograd_engine.runs import carried
from autograd_engine.value import Value, edges

_SUMS = {"add": "the addition", "sub": "the subtraction", "sum": "the sum", "dot": "the sum"}


class Loss(NamedTuple):
    """What is left of a value in words, and the steps from it down to the node that lost the rest."""

    cause: str
    path: list[Step]


def lost_digits(value: Value) -> Loss | None:
    """Where a finite value lost its digits; None where at least half of them are right."""
    [(number, error, _)] = estimates([value], ())
    left = digits_of(number, error)
    if left >= FEW_DIGITS:
        return None
    order = topological_order([value])
    cotangents = carried(reverse_sweep, order, {value: 1.0}, as_nodes=False)
    errors: dict[Value, float] = {}
    place, most = value, 0.0
    for node in order:
        handed_on = [(x, abs(by) * errors[x]) for x, by in (edges(node) if node.op else ()) if errors.get(x) and by]
        errors[node] = sum([rounding(node), *[part for _, part in handed_on]])
        before = min([DIGITS, *[digits_of(x.data, errors[x]) for x, _ in handed_on]])
        lost = before - digits_of(node.data, errors[node])
        # Whatever a node has lost counts by what it does to the value.
        if abs(cotangents.get(node, 0.0)) * errors[node] >= error / 2 and lost > most:
            place, most = node, lost
    assert place.op is not None
    where = f"{numeric_text(place)}, which is steep there"
    if place.op.name in _SUMS:
        where = f"{_SUMS[place.op.name]} {numeric_text(place)}, whose terms cancel"
    path = shortest_path([value], lambda node: () if node is place else node.parents)
    return Loss(f"{left:.0f} of {DIGITS:.0f} digits are left, lost in {where}", [Step(x, x.data, None) for x in path])
