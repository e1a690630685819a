"""A sum of products as one writes it down: signs in front, factors that cancel left out, equal products together.

>>> from autograd_engine.explanations.notation import text
>>> from autograd_engine.explanations.symbols import Name, Product
>>> x, y = Name("x"), Name("y")
>>> text(Product(tuple(part.symbol for part in tidied([Part(2 * x, 6.0), Part(-y, -4.0), Part(Number(-1.0), -1.0)]))))
'2·x · y'
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autograd_engine import primitives
from autograd_engine.explanations.chain_rule import Factor, Path
from autograd_engine.explanations.names import Names
from autograd_engine.explanations.notation import rewritten
from autograd_engine.explanations.symbols import Call, Number, Symbol, is_number
from autograd_engine.primitives import PRIMITIVES
from autograd_engine.value import Value

MOST_PATHS, MOST_PIECES = 64, 40  # that are compared with each other

_SQUARE, _DOT = PRIMITIVES["square"], PRIMITIVES["dot"]


@dataclass(frozen=True)
class Part:
    """A factor, as it stands in the line of symbols and in that of numbers. `fixed` ones are never taken apart."""

    symbol: Symbol
    number: float
    fixed: bool = False


def part(factor: Factor) -> Part:
    """A local derivative as a factor."""
    return Part(factor.symbol, factor.number, factor.special)


def tidied(parts: Iterable[Part]) -> list[Part]:
    """The same product with its sign in front, without ones, and without constants whose product is one: ½ · 2·x."""
    sign, found = 1.0, []
    for given in parts:
        if not given.fixed:
            of_part, symbol = signed(given.symbol)
            sign *= of_part
            given = Part(symbol, of_part * given.number)
        found.append(given)
    constants = [1.0 if x.fixed else _constant(x.symbol)[0] for x in found]
    if math.prod(constants) == 1:
        found = [x if c == 1 else Part(_constant(x.symbol)[1], x.number / c) for x, c in zip(found, constants)]
    found = [x for x in found if x.fixed or not is_number(x.symbol, 1)]
    if sign > 0:
        return found
    return [Part(-found[0].symbol, -found[0].number), *found[1:]] if found else [Part(Number(-1.0), -1.0)]


def signed(x: Symbol) -> tuple[float, Symbol]:
    """-1 and the opposite of an expression that begins with a minus, or 1 and the expression."""
    x = rewritten(x)
    if isinstance(x, Number) and x.value < 0:
        return -1.0, replace(x, value=-x.value)
    if isinstance(x, Call) and x.op is primitives.neg:
        sign, rest = signed(x.args[0])
        return -sign, rest
    if isinstance(x, Call) and x.op in (primitives.mul, primitives.div):
        sign, first = signed(x.args[0])
        if sign < 0:
            return sign, Symbol.record(x.op, first, x.args[1])
    return 1.0, x


def _constant(x: Symbol) -> tuple[float, Symbol]:
    """The number that an expression begins with, and what it multiplies."""
    if isinstance(x, Number):
        return (x.value, Number(1.0)) if x.value and math.isfinite(x.value) else (1.0, x)
    if isinstance(x, Call) and x.op is primitives.mul and isinstance(x.args[0], Number):
        return (x.args[0].value, x.args[1]) if x.args[0].value else (1.0, x)
    return 1.0, x


def gathered(paths: Sequence[Path], names: Names) -> list[tuple[Path, list[Part] | None]]:
    """The paths, of several with equal products only the first, with the sum of their numbers and its own factors.

    a·a·a·a has four paths to a, of which each is a·a·a: together they are 4·a³.
    """
    alone: list[tuple[Path, list[Part] | None]] = [(path, None) for path in paths]
    if not 1 < len(paths) <= MOST_PATHS or any(len(path.factors) > MOST_PIECES for path in paths):
        return alone
    groups: dict[Hashable, list[tuple[Path, _Monomial]]] = {}
    for path in paths:
        monomial = _Monomial(names)
        for factor in path.factors:
            monomial.take(factor)
        powers = frozenset((key, power) for key, power in monomial.powers.items() if power)
        groups.setdefault((path.source, powers), []).append((path, monomial))
    found: list[tuple[Path, list[Part] | None]] = []
    for group in groups.values():
        first, monomial = group[0]
        coefficient = sum(x.coefficient for _, x in group)
        parts = monomial.parts(coefficient)
        value = math.prod(x.number for x in monomial.parts(monomial.coefficient))
        number = first.number / value * math.prod(x.number for x in parts) if value else 0.0
        total = sum(path.number for path, _ in group)
        plain = bool(monomial.powers) or all(x.coefficient.is_integer() for _, x in group)
        cancels = abs(coefficient) < 1e-6 * max(abs(x.coefficient) for _, x in group)
        same = plain and not cancels and coefficient and (number == total or math.isclose(number, total, rel_tol=1e-9))
        if len(group) > 1 and same:
            found.append((replace(first, number=total), parts))
        else:
            found += [(path, None) for path, _ in group]
    return found


@dataclass
class _Monomial:
    """A product of powers: what stands in it by a key, with its number, and how often."""

    names: Names
    coefficient: float = 1.0
    powers: Counter[Hashable] = field(default_factory=Counter)
    pieces: dict[Hashable, Part] = field(default_factory=dict)

    def take(self, factor: Factor) -> None:
        """Multiply by a local derivative."""
        child, place = factor.child, factor.position
        if factor.special:
            self._piece((child, place), Part(factor.symbol, factor.number))
        elif child.op is primitives.mul:
            self._argument(child.arguments[1 - place], child.operands[1 - place])
        elif child.op is _DOT:
            place = (place + len(child.arguments) // 2) % len(child.arguments)
            self._argument(child.arguments[place], child.operands[place])
        elif (power := _whole_power(child)) and place == 0:
            self.coefficient *= power
            self._argument(child.arguments[0], child.operands[0], power - 1)
        elif isinstance(factor.symbol, Number):
            self.coefficient *= factor.number
        else:
            self._piece((child, place), Part(factor.symbol, factor.number))

    def parts(self, coefficient: float) -> list[Part]:
        """One factor for each power, the coefficient with the first of them."""
        found: list[Part] = []
        for key, power in self.powers.most_common():
            if power:
                piece = self.pieces[key]
                number = _raised(piece.number, power)
                found.append(Part(piece.symbol ** Number(float(power)), number))
        if not found:
            return [Part(Number(coefficient, self.names.digits), coefficient)]
        sign, symbol = signed(found[0].symbol)
        first = Part(Number(sign * coefficient, self.names.digits) * symbol, coefficient * found[0].number)
        return [first, *found[1:]]

    def _argument(self, x: Any, number: float, times: int = 1) -> None:
        """Multiply by an argument `times` times; by the factors that it is the product of, where it has no name."""
        stack = [(x, number, times)]
        while stack:
            x, number, times = stack.pop()
            if not isinstance(x, Value):
                self.coefficient *= _raised(number, times)
            elif x.op is None or x in self.names or len(self.pieces) > MOST_PIECES:
                self._piece(x, Part(self.names.symbol(x), number), times)
            elif x.op is primitives.mul:
                stack += [(argument, operand, times) for argument, operand in zip(x.arguments, x.operands)][::-1]
            elif power := _whole_power(x):
                stack.append((x.arguments[0], x.operands[0], times * power))
            else:
                self._piece(x, Part(self.names.symbol(x), number), times)

    def _piece(self, key: Hashable, piece: Part, times: int = 1) -> None:
        self.pieces.setdefault(key, piece)
        self.powers[key] += times


def _whole_power(node: Value) -> int:
    """The exponent of a node that is a whole power of its first argument, or 0."""
    if node.op is _SQUARE:
        return 2
    if node.op is not primitives.pow or isinstance(node.arguments[1], Value):
        return 0
    exponent = node.operands[1]
    return int(exponent) if exponent.is_integer() and 1 <= exponent <= 1000 else 0


def _raised(x: float, power: int) -> float:
    return float(primitives.pow(x, float(power)))
