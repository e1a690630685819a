"""Results that everyone knows: softmax with cross-entropy, and the logistic with it, have the derivative p - y.

A loss is found by what it is, however it was written: each node is read as a linear combination of logits z and
of logarithms ln Σ exp(z), or as a sum of exponentials of such combinations. So -ln(softmax(z)), with or without
the largest logit taken off, and `cross_entropy(z)` all come out as ln Σ exp(z) - Σ y z, and

    d/dz (ln Σ exp(z) - Σ y z) = p - y.

A logistic is the same for two logits, of which one is 0: softplus(z) is ln(exp(0) + exp(z)).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from autograd_engine import primitives
from autograd_engine.explanations.names import Names
from autograd_engine.explanations.symbols import Number, Symbol
from autograd_engine.graph import reverse_sweep, topological_order
from autograd_engine.primitives import PRIMITIVES, exp, logsumexp, sigmoid
from autograd_engine.value import Value, edges

MOST_LOGITS = 100

Logits = tuple[Value, ...]  # of ln Σ exp(z); of one logit alone it is softplus(z), and of none a constant
Linear = dict["Value | Logits", "Coefficient"]
Exponentials = list[tuple[float, Linear]]  # Σ c exp(linear)


@dataclass(frozen=True)
class Coefficient:
    """A number that does not depend on the logits, and how it is written."""

    symbol: Symbol
    number: float

    def __add__(self, other: Coefficient) -> Coefficient:
        return Coefficient(self.symbol + other.symbol, self.number + other.number)

    def __mul__(self, other: Coefficient) -> Coefficient:
        return Coefficient(self.symbol * other.symbol, self.number * other.number)


@dataclass(frozen=True)
class Result:
    """The derivative of a loss with respect to one of its logits, p - y, with its number."""

    logit: Value
    symbol: Symbol
    number: float
    words: str


ONE, MINUS_ONE = Coefficient(Number(1.0), 1.0), Coefficient(Number(-1.0), -1.0)

# The rows that are weighted sums of their arguments.
_WEIGHTS: dict[str, Iterable[Coefficient]] = {
    **{"identity": (ONE,), "neg": (MINUS_ONE,), "add": (ONE, ONE), "sub": (ONE, MINUS_ONE)},
    "sum": (ONE,) * 2 * MOST_LOGITS,
}


def known_results(
    order: Sequence[Value], reached: Collection[Value], wrt: Value, names: Names
) -> dict[Value, list[Result]]:
    """The losses among these nodes, with the derivative for each logit; `reached` are those that depend on `wrt`."""
    reader = _Reader(reached, wrt, names)
    losses: dict[Value, Linear] = {}
    for node in order:
        reader.read(node)
        linear = reader.loss(node) if node in reached else None
        if linear:
            for parent in node.parents:
                losses.pop(parent, None)
            losses[node] = linear
    found = {}
    for loss, linear in losses.items():
        if results := _results(loss, linear, reader):
            found[loss] = results
    return found


def _results(loss: Value, linear: Linear, reader: _Reader) -> list[Result]:
    """The derivative for each logit that matters; none where the numbers of the graph are others, as at its limits."""
    [logits] = (key for key in linear if isinstance(key, tuple) and key)
    ends = set(logits)
    slopes = reverse_sweep(
        topological_order([loss], stop=ends), {loss: 1.0}, lambda node: () if node in ends else edges(node)
    )
    found = []
    for place, (logit, p) in enumerate(zip(logits, reader.shares(logits))):
        y = linear.get(logit, Coefficient(Number(0.0), 0.0))
        expected, number = p.data + y.number, float(slopes.get(logit, 0.0))
        if not math.isclose(expected, number, rel_tol=1e-9, abs_tol=1e-12):
            return []
        if logit in reader.reached:
            name = f"p{place}" if len(logits) > 1 else "p"
            reader.names.wish(p, name)
            what = "softmax with cross-entropy" if len(logits) > 1 else "the logistic with cross-entropy"
            found.append(Result(logit, reader.names.symbol(p) + y.symbol, number, f"{what}: p - y"))
    return found


class _Reader:
    """What nodes are in terms of logits; what is neither linear nor exponential is a logit itself."""

    def __init__(self, reached: Collection[Value], wrt: Value, names: Names) -> None:
        self.reached, self.wrt, self.names = reached, wrt, names
        self.linear: dict[Value, Linear] = {}
        self.exponentials: dict[Value, Exponentials] = {}
        self._shares: dict[Value, Linear] = {}  # the nodes that are exp(linear)

    def loss(self, node: Value) -> Linear | None:
        """What a node is, if that is ln Σ exp(z) - Σ y z."""
        linear = self.linear.get(node, {})
        sums = [key for key in linear if isinstance(key, tuple) and key]
        if len(sums) != 1 or linear[sums[0]].number != 1:
            return None
        whole: Linear = {}
        for key, c in linear.items():  # y z is found here, where it is known which nodes are the logits
            products = self._products(key) if isinstance(key, Value) and key not in set(sums[0]) else None
            for d, z in products or [(ONE, key)]:
                whole = _plus(whole, {z: c * d})
        logits = [key for key in whole if isinstance(key, Value)]
        return whole if logits and set(sums[0]).issuperset(logits) else None

    def _products(self, node: Value) -> list[tuple[Coefficient, Any]] | None:
        """What a product, or a sum of products, with constants consists of."""
        half = len(node.arguments) // 2
        if node.op not in (primitives.mul, PRIMITIVES["dot"]):
            return None
        pairs = list(zip(node.arguments[:half], node.arguments[half:]))
        found = [(c, y) for x, y in pairs if (c := self._constant(x))]
        if len(found) < half:
            found = [(c, x) for x, y in pairs if (c := self._constant(y))]
        return found if len(found) == half else None

    def shares(self, logits: Logits) -> list[Value]:
        """The probabilities: nodes of the graph, or else of our own."""
        total = next((node for node, x in self.linear.items() if _numbers(x) == {logits: 1.0}), None)
        if len(logits) > 1:
            total = total or logsumexp(logits)
            self.names.wish(total, "lse")
        found = []
        for z in logits:
            wanted = {z: 1.0, logits: -1.0}
            same = [node for node, linear in self._shares.items() if _numbers(linear) == wanted]
            same.sort(key=lambda node: (node in self.names, node.op is not primitives.div))
            found.append(same[-1] if same else exp(z - total) if len(logits) > 1 else sigmoid(z))
        return found

    def read(self, node: Value) -> None:
        """Find out what a node is, whose arguments have been read."""
        if node.op is None or node is self.wrt:
            return
        name, arguments = node.op.name, node.arguments
        if len(arguments) <= 2 * MOST_LOGITS:
            if name in _WEIGHTS:
                self._weighted(node, list(zip(_WEIGHTS[name], arguments)))
            elif rule := getattr(self, f"read_{name}", None):
                rule(node, *arguments)
        if (parts := self.exponentials.get(node)) and len(parts) == 1 and parts[0][0] == 1:
            self._shares[node] = parts[0][1]

    # --- other rows, by their names ---

    def read_exp(self, node: Value, x: Any) -> None:
        self.exponentials[node] = [(1.0, self._logit(x))]

    def read_log(self, node: Value, x: Any) -> None:
        if linear := self._logarithm(x):
            self.linear[node] = linear

    def read_log1p(self, node: Value, x: Any) -> None:
        parts = self.exponentials.get(x) if isinstance(x, Value) else None
        if parts and (linear := _logarithm([(1.0, {}), *parts])):
            self.linear[node] = linear

    def read_logsumexp(self, node: Value, *xs: Any) -> None:
        if linear := _logarithm([(1.0, self._logit(x)) for x in xs]):
            self.linear[node] = linear

    def read_softplus(self, node: Value, x: Any) -> None:
        if isinstance(x, Value):
            negated = x.op is primitives.neg and isinstance(x.arguments[0], Value)
            z = x.arguments[0] if negated else x
            self.linear[node] = {(z,): ONE, z: MINUS_ONE} if negated else {(z,): ONE}

    def read_sigmoid(self, node: Value, x: Any) -> None:
        self.exponentials[node] = [(1.0, {x: ONE, (x,): MINUS_ONE})]

    def read_xlogy(self, node: Value, x: Any, y: Any) -> None:
        if (c := self._constant(x)) and (linear := self._logarithm(y)):
            self.linear[node] = _times(c, linear)

    def read_dot(self, node: Value, *xs: Any) -> None:
        half = len(xs) // 2
        pairs = [self._product(x, y) for x, y in zip(xs[:half], xs[half:])]
        if all(pairs):
            self._weighted(node, [pair for pair in pairs if pair])

    def read_mul(self, node: Value, x: Any, y: Any) -> None:
        if pair := self._product(x, y):
            self._weighted(node, [pair])

    def read_div(self, node: Value, x: Any, y: Any) -> None:
        above, below = (self._logarithm(side) if isinstance(side, Value) else None for side in (x, y))
        if above is not None and below is not None:
            self.exponentials[node] = [(1.0, _plus(above, _times(MINUS_ONE, below)))]

    def read_where(self, node: Value, condition: Any, x: Any, y: Any) -> None:
        if not isinstance(condition, Value):
            self._weighted(node, [(ONE, x if condition else y)])

    # --- what rows are made of ---

    def _product(self, x: Any, y: Any) -> tuple[Coefficient, Any] | None:
        for c, other in ((self._constant(x), y), (self._constant(y), x)):
            if c and isinstance(other, Value) and (other in self.linear or other in self.exponentials):
                return c, other
        return None

    def _constant(self, x: Any) -> Coefficient | None:
        """What does not depend on `wrt`, as a coefficient."""
        if not isinstance(x, Value):
            return Coefficient(Number(float(x)), float(x))
        if x in self.reached:
            return None
        return Coefficient(self.names.symbol(x), x.data)

    def _logit(self, x: Any) -> Linear:
        return self.linear.get(x, {x: ONE}) if isinstance(x, Value) else {(): Coefficient(Number(x), x)}

    def _logarithm(self, x: Any) -> Linear | None:
        return _logarithm(self.exponentials[x]) if isinstance(x, Value) and x in self.exponentials else None

    def _weighted(self, node: Value, terms: list[tuple[Coefficient, Any]]) -> None:
        """A sum of linear combinations, or of exponentials. z - m is a logit less the largest one."""
        values = [(c, x) for c, x in terms if isinstance(x, Value)]
        if any(x in self.exponentials for _, x in values):
            parts: Exponentials = [(c.number * x, {}) for c, x in terms if not isinstance(x, Value) and x]
            for c, x in values:
                if x not in self.exponentials:
                    return
                parts += [(c.number * factor, linear) for factor, linear in self.exponentials[x]]
            self.exponentials[node] = parts
            return
        shifted = len(values) == 2 and values[1][1].op is PRIMITIVES["maximum"]
        if (len(values) == 1 and len(terms) > 1) or shifted or any(x in self.linear for _, x in values):
            whole: Linear = {}
            for c, x in terms:
                whole = _plus(whole, _times(c, self._logit(x)))
            self.linear[node] = whole


def _numbers(linear: Linear) -> dict[Any, float]:
    return {key: coefficient.number for key, coefficient in linear.items()}


def _plus(x: Linear, y: Linear) -> Linear:
    whole = dict(x)
    for key, coefficient in y.items():
        whole[key] = whole[key] + coefficient if key in whole else coefficient
    return {key: coefficient for key, coefficient in whole.items() if coefficient.number}


def _times(c: Coefficient, x: Linear) -> Linear:
    return {key: c * coefficient for key, coefficient in x.items()}


def _logarithm(parts: Exponentials) -> Linear | None:
    """The logarithm of a sum of exponentials: of one, of 1 - p, or of those of logits that are shifted alike."""
    if len(parts) == 1:
        return parts[0][1] if parts[0][0] == 1 else None
    if len(parts) == 2:  # 1 - σ(z) = σ(-z)
        (c, one), (d, share) = sorted(parts, key=lambda part: len(part[1]))
        if (c, d) == (1, -1) and not one and len(share) == 2:
            z = next((key for key in share if isinstance(key, Value)), None)
            if _numbers(share) == {z: 1.0, (z,): -1.0}:
                return {(z,): MINUS_ONE}  # type: ignore[dict-item]
    logits: dict[Value, None] = {}
    shifts = []
    for c, linear in parts:
        own = [key for key, x in linear.items() if isinstance(key, Value) and x.number == 1]
        if c != 1 or len(own) != 1 or own[0] in logits:
            return None
        logits[own[0]] = None
        shifts.append({key: x for key, x in linear.items() if key is not own[0]})
    if any(_numbers(shift) != _numbers(shifts[0]) for shift in shifts):
        return None
    return _plus({tuple(logits): ONE}, shifts[0])
