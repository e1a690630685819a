"""The chain rule of one derivative, taken apart: factors, the paths they lie on, and the terms they add up to.

Where there are few paths from `wrt` to `out`, the derivative is a sum over them. Where there are many, it is
a recursion: some nodes get a derivative of their own, and each follows from those nearer to `out`. Which
nodes these are is the `form`: "states" are all that are used more than once, "deltas" the pre-activations of
units. Either way there is one factor for each edge of the graph and no more.
(These objects are equal only to themselves, since Values compare by their data.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from autograd_engine.explanations.names import Names
from autograd_engine.explanations.notation import latex, text
from autograd_engine.explanations.results import known_results
from autograd_engine.explanations.symbols import HALF, Number, Symbol, evaluate, symbolic_partials, times
from autograd_engine.forks import Lazy
from autograd_engine.graph import reverse_sweep, topological_order
from autograd_engine.primitives import PRIMITIVES
from autograd_engine.value import Value, edges

Form = Literal["paths", "states", "deltas"]

MOST_PATHS = 8
ACTIVATIONS = {"heaviside", *[op.name for op in PRIMITIVES.values() if op.activation]}


@dataclass(frozen=True, eq=False)
class Factor:
    """The local derivative ∂child/∂parent for the argument at `position`: as a number and as an expression."""

    child: Value
    parent: Value
    position: int
    number: float
    names: Names = field(repr=False)

    @Lazy
    def rule(self) -> tuple[Symbol, float]:
        """The derivative as the row's rule has it, in the names of the explanation, and its value at this point."""
        op, out = self.child.op, self.names.symbol(self.child)
        assert op is not None
        args = list(map(self.names.symbol, self.child.arguments))
        symbol = symbolic_partials(op, out, args)[self.position]
        try:
            return symbol, evaluate(symbol, {out: self.child.data, **dict(zip(args, self.child.operands))})
        except KeyError:  # only the name of a derivative is known
            return symbol, self.number

    @property
    def special(self) -> bool:
        """Whether the rule has another value than the derivative: at a tie, or where the function has no slope."""
        value = self.rule[1]
        both_nan = math.isnan(value) and math.isnan(self.number)
        return not (both_nan or math.isclose(value, self.number, rel_tol=1e-3, abs_tol=1e-9))

    @property
    def symbol(self) -> Symbol:
        """The expression, or the number where it stands for another."""
        if not self.special:
            return self.rule[0]
        return HALF if self.number == 0.5 else Number(self.number, self.names.digits)

    @property
    def text(self) -> str:
        """The expression as text."""
        return text(self.symbol)

    @property
    def latex(self) -> str:
        """The expression in LaTeX."""
        return latex(self.symbol)


@dataclass(frozen=True, eq=False)
class KnownFactor(Factor):
    """The derivative of a loss with respect to a logit, over all that is between them: a result that is known."""

    result: Symbol
    words: str

    @property
    def rule(self) -> tuple[Symbol, float]:
        """The result, and its value."""
        return self.result, self.number


@dataclass(frozen=True, eq=False)
class Path:
    """One way from `source`, whose derivative is known, to a node: `number` is that derivative times the factors.

    The factors come from the source on, so the last one is nearest to the node.
    """

    source: Value
    factors: tuple[Factor, ...]
    number: float


@dataclass(frozen=True, eq=False)
class Term:
    """The derivative of `out` with respect to one node: the sum over the paths, times the factors that all share."""

    node: Value
    common: tuple[Factor, ...]
    paths: tuple[Path, ...]
    number: float


@dataclass(frozen=True)
class Derivation:
    """How d(out)/d(wrt) comes about: the terms in the order in which they are computed, that of `wrt` last."""

    form: Form
    terms: tuple[Term, ...]


def derive(out: Value, wrt: Value, seed: float, form: Form | None, names: Names, full: bool = True) -> Derivation:
    """The derivation in that form; if it is None, over the paths if they are few, or else the deltas.

    Unless it is `full`, a loss whose derivative is known to be p - y is one step.
    """
    order = topological_order([out], stop={wrt})
    reached = {wrt}
    for node in order:
        if node is not wrt and not reached.isdisjoint(node.parents):
            reached.add(node)
    if out not in reached:
        return Derivation(form or "paths", (Term(wrt, (), (), 0.0),))
    uses: dict[Value, list[Factor]] = {node: [] for node in order if node in reached}
    known = {} if full else known_results(order, reached, wrt, names)
    for node in reversed(order):
        if node not in reached or node is wrt or not (node is out or uses[node]):
            continue
        for result in known.get(node, ()):
            uses[result.logit].append(
                KnownFactor(node, result.logit, -1, result.number, names, result.symbol, result.words)
            )
        if node not in known:
            for position, (parent, partial) in enumerate(edges(node)):
                if isinstance(parent, Value) and parent in uses:
                    uses[parent].append(Factor(node, parent, position, float(partial), names))
    uses = {node: factors for node, factors in uses.items() if factors or node is out or node is wrt}
    cotangents = reverse_sweep(order, {out: seed}, edges)
    if form is None or out is wrt:
        form = "paths" if _has_few_paths(uses, out) else "deltas"

    def path(source: Value, factors: list[Factor]) -> Path:
        number = cotangents.get(source, 0.0)
        for factor in factors:
            number = times(number, factor.number)
        return Path(source, tuple(factors), number)

    if form == "paths":
        paths = tuple(path(out, factors) for factors in _all_paths(uses, out, wrt))
        return Derivation(form, (Term(wrt, (), paths, cotangents.get(wrt, 0.0)),))
    inner = _states(uses, out) if form == "states" else _deltas(uses, out, wrt)
    terms = [
        Term(node, *_recursion(node, uses, inner, path), cotangents.get(node, 0.0))
        for node in reversed(order)
        if node in inner and node is not out and node is not wrt
    ]
    return Derivation(form, (*terms, Term(wrt, *_recursion(wrt, uses, inner, path), cotangents.get(wrt, 0.0))))


def _has_few_paths(uses: dict[Value, list[Factor]], out: Value) -> bool:
    """Whether no node has more than MOST_PATHS ways to `out`; the counts never grow beyond it."""
    counts = {out: 1}
    for node in reversed(uses):
        if node is not out:
            counts[node] = sum(counts[factor.child] for factor in uses[node])
            if counts[node] > MOST_PATHS:
                return False
    return True


def _all_paths(uses: dict[Value, list[Factor]], out: Value, wrt: Value) -> list[list[Factor]]:
    """Every path from `out` to `wrt`, as its factors."""
    found: list[list[Factor]] = []
    stack: list[tuple[Value, Any]] = [(wrt, None)]  # a node, and the factors after it as (factor, (factor, … None))
    while stack:
        node, trail = stack.pop()
        if node is not out:
            stack += [(factor.child, (factor, trail)) for factor in reversed(uses[node])]
            continue
        factors: list[Factor] = []
        while trail:
            factor, trail = trail
            factors.append(factor)
        found.append(factors)
    return found


def _states(uses: dict[Value, list[Factor]], out: Value) -> set[Value]:
    return {out, *(node for node, factors in uses.items() if len(factors) > 1)}


def _deltas(uses: dict[Value, list[Factor]], out: Value, wrt: Value) -> set[Value]:
    """The pre-activations and logits, and what is used more than once without being the activation of one."""
    before = {
        node: factors[0].child
        for node, factors in uses.items()
        if len(factors) == 1 and node.op and node is not wrt and _is_activated(factors[0])
    }
    return {out, *before, *(_states(uses, out) - set(before.values()))}


def _is_activated(use: Factor) -> bool:
    return isinstance(use, KnownFactor) or bool(use.child.op and use.child.op.name in ACTIVATIONS)


def _recursion(
    node: Value, uses: dict[Value, list[Factor]], known: set[Value], path: Callable[[Value, list[Factor]], Path]
) -> tuple[tuple[Factor, ...], tuple[Path, ...]]:
    """The shared factors, and the paths from the nearest nodes whose derivatives are known."""

    def up_to_branch(factor: Factor) -> list[Factor]:
        chain = [factor]
        while chain[-1].child not in known and len(uses[chain[-1].child]) == 1:
            chain.append(uses[chain[-1].child][0])
        return chain[::-1]

    common: list[Factor] = []
    branch = node
    if len(uses[node]) == 1:
        common = up_to_branch(uses[node][0])
        branch = common[0].child
        if branch in known:
            return (), (path(branch, common),)
    chains = map(up_to_branch, uses[branch])
    return tuple(common), tuple(path(chain[0].child, chain) for chain in chains)
