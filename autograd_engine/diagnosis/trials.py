"""Which row of the catalogue helps: what matches is tried out.

Nothing is suggested unheard. The formula of a row that matches is computed at the user's own numbers, value and
gradient, and the row applies only where that does away with what is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from autograd_engine.diagnosis.as_python import python_text, with_names
from autograd_engine.diagnosis.matching import Bindings, Operand, Terms, bindings_of
from autograd_engine.diagnosis.origins import computed_aside
from autograd_engine.diagnosis.rewrites import REWRITES, Rewrite
from autograd_engine.expressions import parse
from autograd_engine.graph import reverse_sweep, topological_order
from autograd_engine.roundings import DIGITS, digits_of, estimates
from autograd_engine.value import Value, edges

WHOLE = 5  # operations deep is every pattern of the catalogue
FEW_DIGITS = DIGITS / 2  # with fewer of them right a number is "inexact"
MOST_NAMES = 3  # of a list of terms, in a text


class Suggestion(NamedTuple):
    """A rewrite that helps: the row, the node, its text and the new text, and the number that the new one gives."""

    rule: Rewrite
    node: Value
    original: str
    instead: str
    number: float

    def __str__(self) -> str:
        note = f" ({self.rule.note})" if self.rule.note else ""
        return f"instead of {self.original} write {self.instead}{note}"


def kind_of(number: float, bound: float) -> str:
    """ "nan", "inf", "zero", "huge" (beyond `bound`), "vanishing" (below 1 / bound), or else "fine"."""
    size = abs(number)
    if size != size:
        return "nan"
    if size == math.inf:
        return "inf"
    return "zero" if not size else "huge" if size > bound else "vanishing" if size < 1 / bound else "fine"


def suggestion(nodes: Iterable[Value], about_gradient: bool, kinds: Collection[str], bound: float) -> Suggestion | None:
    """The first row of the catalogue that helps at one of `nodes`; None where none does.

    `kinds` are the kinds of number that are wrong, see `kind_of`: of the gradient, or of the value.
    """
    nodes = list(nodes)
    for rule in REWRITES:
        for node in nodes:
            bound_to = bindings_of(rule, node)
            if bound_to is None or (rule.when and not rule.when(**{name: x.number for name, x in bound_to.items()})):
                continue
            after = _replaced(rule, bound_to)
            if _helps(_as_it_is(node, bound_to), after, about_gradient, kinds, bound):
                return Suggestion(
                    rule, node, python_text(node, depth=WHOLE, top=True), _text(rule, bound_to), after.value
                )
    return None


class _Outcome(NamedTuple):
    """A value, its derivatives with respect to the variables, whether there is an inf or a nan on the way back to them,
    and how many digits of the value are right if the variables are exact."""

    value: float
    slopes: tuple[float, ...]
    hidden: bool
    digits: float


def _operands(bindings: Bindings) -> Iterator[Operand]:
    for x in bindings.values():
        yield from x.operands if x.__class__ is Terms else [x]


def _as_it_is(node: Value, bindings: Bindings) -> _Outcome:
    return _outcome(node, [x.x for x in _operands(bindings) if x.x.__class__ is Value])


@computed_aside
def _replaced(rule: Rewrite, bindings: Bindings) -> _Outcome:
    """The outcome of the rewrite, at the numbers that the nodes had."""
    variables: dict[Any, Any] = {}

    def variable(name: str, operand: Operand) -> Any:
        if name in rule.plain or operand.x.__class__ is float:
            return operand.number
        return variables.setdefault(id(operand.x), Value(operand.number))

    arguments = {
        name: [variable(name, y) for y in x.operands] if x.__class__ is Terms else variable(name, x)
        for name, x in bindings.items()
    }
    return _outcome((rule.compute or parse(rule.instead))(**arguments), variables.values())


def _outcome(node: Any, variables: Iterable[Value]) -> _Outcome:
    variables = list(dict.fromkeys(variables))
    if node.__class__ is not Value:
        return _Outcome(node, (0.0,) * len(variables), False, DIGITS)
    order = topological_order([node], stop=set(variables))
    cotangents = reverse_sweep(order, {node: 1.0}, edges)
    slopes = tuple([cotangents.get(x, 0.0) for x in variables])
    [(number, error, _)] = estimates([node], variables)
    return _Outcome(number, slopes, not all(map(math.isfinite, cotangents.values())), digits_of(number, error))


def _helps(before: _Outcome, after: _Outcome, about_gradient: bool, kinds: Collection[str], bound: float) -> bool:
    if "inexact" in kinds:
        return before.digits < FEW_DIGITS <= after.digits
    if not about_gradient:
        return kind_of(before.value, bound) in kinds and kind_of(after.value, bound) not in {*kinds, "nan", "inf"}
    if not all(map(math.isfinite, (after.value, *after.slopes))):
        return False
    was, would_be = ({kind_of(slope, bound) for slope in outcome.slopes} for outcome in (before, after))
    if not {"zero", "vanishing"} & {*kinds}:
        return bool(was & {*kinds}) and not would_be & {*kinds}
    if before.hidden:
        return not after.hidden
    nothing = {*kinds, "zero"}
    return was <= nothing and not would_be <= nothing


def _text(rule: Rewrite, bindings: Bindings) -> str:
    if rule.compute:
        return rule.instead.format(**{name: _names(x) for name, x in bindings.items()})
    return with_names(rule.instead, {name: x.number if name in rule.plain else x.x for name, x in bindings.items()})


def _names(x: Any) -> str:
    if x.__class__ is Operand:
        return python_text(x.x)
    some = [python_text(term.x) for term in x.operands[:MOST_NAMES]]
    return ", ".join(some + (["…"] if len(x.operands) > MOST_NAMES else []))
