"""The patterns of the catalogue held against a graph.

A pattern is a small graph itself: its formula computed with Values whose labels are the variables. It matches a
node if the operations are the same, down to the variables; each stands for what it finds in its place, and for
the same thing wherever it appears.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

from autograd_engine.diagnosis.origins import computed_aside
from autograd_engine.diagnosis.rewrites import Rewrite
from autograd_engine.expressions import parse
from autograd_engine.value import Value


class Operand(NamedTuple):
    """What an operation was called with: a Value, a constant or an operation in another spelling, and its number."""

    x: Any
    number: float


class _Spelling(NamedTuple):
    """An operation that is not in the graph, but that a node amounts to."""

    name: str
    operands: tuple[Operand, ...]


class Terms(NamedTuple):
    """What a variable inside of `sum(...)` or `prod(...)` stands for."""

    operands: tuple[Operand, ...]


Bindings: TypeAlias = dict[str, Any]  # of the names of variables to operands or terms

_ONE = Operand(1.0, 1.0)
_COMMUTATIVE = frozenset({"add", "mul", "maximum", "minimum", "logaddexp", "hypot"})
_BINARY = {"sum": "add", "prod": "mul"}
_NEUTRAL = {"add": 0.0, "mul": 1.0}  # what a loop that adds or multiplies begins with


def bindings_of(rule: Rewrite, node: Value) -> Bindings | None:
    """What the variables of the row stand for, None where its pattern does not match the node."""
    return next(_matches(_pattern(rule.pattern), Operand(node, node.data), {}), None)


@functools.cache
@computed_aside
def _pattern(text: str) -> Value:
    """A pattern as a graph: its variables are leaves with a label. The numbers in it do not matter."""
    formula = parse(text)
    pattern = formula(**{name: Value(0.5, name) for name in formula.names})
    assert isinstance(pattern, Value)
    return pattern


def _matches(pattern: Any, operand: Operand, found: Bindings) -> Iterator[Bindings]:
    if pattern.__class__ is float:
        if operand.x.__class__ is float and operand.x == pattern:
            yield found
    elif pattern.op is None:
        before = found.get(pattern.label)
        if before is None:
            yield {**found, pattern.label: operand}
        elif before.x is operand.x or (
            operand.x.__class__ is float and before.x.__class__ is float and before == operand
        ):
            yield found
    elif pattern.op.name in _BINARY:
        yield from _matches_of_terms(pattern, operand, found)
    else:
        spelling = _spelling(operand.x)
        if spelling is not None and spelling.name == pattern.op.name:
            orders = [spelling.operands]
            if spelling.name in _COMMUTATIVE:
                orders.append(spelling.operands[::-1])
            for operands in orders:
                yield from _all_match(pattern.arguments, operands, found)


def _all_match(patterns: tuple[Any, ...], operands: tuple[Operand, ...], found: Bindings) -> Iterator[Bindings]:
    if not patterns:
        yield found
        return
    for first in _matches(patterns[0], operands[0], found):
        yield from _all_match(patterns[1:], operands[1:], first)


def _matches_of_terms(pattern: Value, operand: Operand, found: Bindings) -> Iterator[Bindings]:
    assert pattern.op is not None
    terms: list[Bindings] = []
    for term in _terms(_BINARY[pattern.op.name], operand):
        of_term = next(_matches(pattern.arguments[0], term, {}), None)
        if of_term is None:
            return
        terms.append(of_term)
    if len(terms) > 1:
        yield {**found, **{name: Terms(tuple([term[name] for term in terms])) for name in terms[0]}}


def _terms(name: str, operand: Operand) -> Iterator[Operand]:
    """The terms of a sum ("add") or the factors of a product ("mul"), whether written in one call or in a chain."""
    unread = [iter([operand])]
    while unread:
        for operand in unread[-1]:
            parts = _parts(name, operand.x)
            if parts is not None:
                unread.append(parts)
                break
            if operand.x.__class__ is not float or operand.x != _NEUTRAL[name]:
                yield operand
        else:
            unread.pop()


def _parts(name: str, x: Any) -> Iterator[Operand] | None:
    """The operands of a sum or a product, one after the other; None for anything else."""
    if x.__class__ is Value and x.op is not None:
        if x.op.name == "dot" and name == "add":
            return map(_product, *_halves(x))
        if _BINARY.get(x.op.name) == name:
            return map(Operand, x.arguments, x.operands)
    spelling = _spelling(x)
    return iter(spelling.operands) if spelling is not None and spelling.name == name else None


def _product(x: Operand, y: Operand) -> Operand:
    return Operand(_Spelling("mul", (x, y)), x.number * y.number)


def _halves(dot: Value) -> tuple[Iterator[Operand], Iterator[Operand]]:
    half = len(dot.arguments) // 2
    xs, ys = (map(Operand, dot.arguments[part], dot.operands[part]) for part in (slice(half), slice(half, None)))
    return xs, ys


def _spelling(x: Any) -> _Spelling | None:
    """The operation and the operands of a node, in the spelling that patterns use; None for a leaf or a constant."""
    if x.__class__ is _Spelling:
        return x
    if x.__class__ is not Value or x.op is None:
        return None
    name, count = x.op.name, len(x.arguments)
    if x.op.arity is None:
        if count != 2:
            return None  # `_parts` has the longer ones
        name = _BINARY.get(name, "mul")  # a dot of two numbers is their product
    operands = tuple(map(Operand, x.arguments, x.operands))
    if name == "square":
        return _Spelling("mul", operands * 2)
    if name == "reciprocal":
        return _Spelling("div", (_ONE, *operands))
    if name == "pow" and operands[1].x.__class__ is float:
        if operands[1].x == 2:
            return _Spelling("mul", operands[:1] * 2)
        if operands[1].x == 0.5:
            return _Spelling("sqrt", operands[:1])
        if operands[1].x == -1:
            return _Spelling("div", (_ONE, operands[0]))
    if name == "mul":
        for factor, other in (operands, operands[::-1]):
            if factor.x.__class__ is float and factor.x == -1:
                return _Spelling("neg", (other,))
    return _Spelling(name, operands)
