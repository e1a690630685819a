"""Symbols: numbers that are names, so that the rules of the table can be read.

A `Symbol` takes part in arithmetic and in primitives as a Value does, and what comes out is the expression.
So the table's own `partials`, run on symbols, are the symbolic local derivatives. A row may say in its
`derivative` how a textbook writes them; `symbolic_partials` then takes that.

>>> from autograd_engine.primitives import pow, sin
>>> from autograd_engine.explanations.notation import text
>>> x, out = Name("x"), Name("out")
>>> [text(d) for d in symbolic_partials(pow, out, [x, Number(3.0)])]
['3·x²', 'out·ln(x)']
>>> text(2 * sin(x) + 0)
'2·sin(x)'
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from autograd_engine import primitives
from autograd_engine.expressions import Expression, parse
from autograd_engine.number import Operators
from autograd_engine.primitives import Primitive, as_float

DIGITS = 6  # of a constant, unless more are asked for
_SIGNS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_HOLDS: dict[str, Callable[[float, float], Any]] = {
    **{"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge},
    **{"==": operator.eq, "!=": operator.ne, "and": lambda a, b: bool(a and b), "or": lambda a, b: bool(a or b)},
}


class Symbol(Operators):
    """An expression to be read: a Number, a Name, a Call of a primitive, a Relation, a Product, a Sum or a Mention."""

    @staticmethod
    def record(op: Primitive, *args: Any) -> Symbol:
        """The expression `op(*args)`, simplified where that is obvious: 1·x is x."""
        symbols = tuple(map(symbol, args))
        numbers = [x for x in symbols if isinstance(x, Number)]
        if numbers and len(numbers) == len(symbols):
            known = symbol(op(*[x.value for x in numbers]))
            return Number(known.value, max(x.digits for x in numbers)) if isinstance(known, Number) else known
        simpler = _SIMPLER.get(op.name)
        found = simpler(*symbols) if simpler else None
        return Call(op, symbols) if found is None else found

    def compare(self, name: str, other: Any) -> Symbol:
        """The comparison as a Relation, or as 1 or 0 where that is known."""
        return self._related(_SIGNS[name], other)

    def __and__(self, other: Any) -> Symbol:
        return self._related("and", other)

    def __or__(self, other: Any) -> Symbol:
        return self._related("or", other)

    def _related(self, sign: str, other: Any) -> Symbol:
        other = symbol(other)
        if isinstance(self, Number) and isinstance(other, Number):
            return Number(float(_HOLDS[sign](self.value, other.value)))
        return Number(1.0) if sign == "==" and self is other else Relation(sign, self, other)

    def __bool__(self) -> bool:
        raise TypeError("a symbol is neither true nor false; write where(condition, a, b)")


@final
@dataclass(frozen=True, eq=False)
class Number(Symbol):
    """A constant, shown with `digits` significant digits."""

    value: float
    digits: int = DIGITS


@final
@dataclass(frozen=True, eq=False)
class Name(Symbol):
    """A name: as text, and in LaTeX where that is not the text itself."""

    text: str
    latex: str = ""


@final
@dataclass(frozen=True, eq=False)
class Call(Symbol):
    """A primitive with its arguments."""

    op: Primitive
    args: tuple[Symbol, ...]


@final
@dataclass(frozen=True, eq=False)
class Relation(Symbol):
    """1 where it holds, else 0: a comparison, or two of them joined by "and" or "or"."""

    sign: str
    left: Symbol
    right: Symbol


@final
@dataclass(frozen=True, eq=False)
class Product(Symbol):
    """The factors of a chain rule, set apart from each other."""

    factors: tuple[Symbol, ...]


@final
@dataclass(frozen=True, eq=False)
class Sum(Symbol):
    """The terms of a chain rule that has several paths."""

    terms: tuple[Symbol, ...]


@final
@dataclass(frozen=True, eq=False)
class Mention(Symbol):
    """What is named only if and when it is written: `named()` is the Symbol to write."""

    named: Callable[[], Symbol]


PI = Name("π", r"\pi")
HALF = Name("½", r"\tfrac{1}{2}")  # of a slope, at a tie
_ROOT_OF_PI = Call(primitives.sqrt, (PI,))
_ROOT_OF_2_PI = Call(primitives.sqrt, (Call(primitives.mul, (Number(2.0), PI)),))
_LN2, _LN10 = (Call(primitives.log, (Number(base),)) for base in (2.0, 10.0))


def _ratio(above: float, below: Symbol) -> Symbol:
    return Call(primitives.div, (Number(above), below))


# The irrational numbers that the rules are written with.
_KNOWN: dict[float, Symbol] = {
    math.pi: PI,
    math.sqrt(2.0): Call(primitives.sqrt, (Number(2.0),)),
    primitives.SQRT1_2: Call(primitives.sqrt, (_ratio(1.0, Number(2.0)),)),
    primitives.TWO_OVER_SQRT_PI: _ratio(2.0, _ROOT_OF_PI),
    primitives.ONE_OVER_SQRT_2PI: _ratio(1.0, _ROOT_OF_2_PI),
    primitives.LN2: _LN2,
    math.log(10.0): _LN10,
    primitives.LOG2E: _ratio(1.0, _LN2),
    primitives.LOG10E: _ratio(1.0, _LN10),
}


def symbol(x: Any) -> Symbol:
    """A Symbol as it is, a number of a rule as a Number, or as what it is known by: ln(2), 2/sqrt(π)."""
    if isinstance(x, Symbol):
        return x
    number = as_float(x)
    if -number in _KNOWN:
        return Call(primitives.neg, (_KNOWN[-number],))
    return _KNOWN.get(number, Number(number))


def is_number(x: Symbol, value: float) -> bool:
    """Whether x is that constant."""
    return isinstance(x, Number) and x.value == value


def times(cotangent: float, partial: float) -> float:
    """The product of the chain rule, in which zero times anything is zero."""
    return cotangent * partial if cotangent and partial else 0.0


def evaluate(x: Symbol, known: Mapping[Symbol, float]) -> float:
    """The number that an expression stands for where these Symbols are known. Raises KeyError for an unknown Name."""
    if isinstance(x, Number):
        return x.value
    if isinstance(x, Call):
        return float(x.op(*[evaluate(arg, known) for arg in x.args]))
    if isinstance(x, Relation):
        return float(_HOLDS[x.sign](evaluate(x.left, known), evaluate(x.right, known)))
    if isinstance(x, Product):
        return functools.reduce(times, [evaluate(factor, known) for factor in x.factors])
    if isinstance(x, Sum):
        terms = [evaluate(term, known) for term in x.terms]
        return math.fsum(terms) if all(map(math.isfinite, terms)) else sum(terms)
    return math.pi if x is PI else known[x]


def symbolic_partials(op: Primitive, out: Symbol, args: Sequence[Symbol]) -> tuple[Symbol, ...]:
    """The local derivatives of `out = op(*args)` as expressions, one per argument.

    As the row's `derivative` has them, or else what its `partials` give for symbols. Of a rule that cannot be run
    on symbols, because it branches in Python, only the name of the derivative is given.
    """
    if op.derivative:
        inputs = list(inspect.signature(op).parameters)
        # A row of any number of inputs has one formula, of any of them.
        known = [dict(zip(inputs, args))] * len(args) if op.arity else [{inputs[0]: arg} for arg in args]
        return tuple(
            symbol(expression(**{name: {"out": out, "π": PI, **names}[name] for name in expression.names}))
            for expression, names in zip(textbook(op) * (1 if op.arity else len(args)), known)
        )
    return computed_partials(op, out, args)


def computed_partials(op: Primitive, out: Symbol, args: Sequence[Symbol]) -> tuple[Symbol, ...]:
    """The local derivatives as the row's `partials` compute them."""
    try:
        return tuple(map(symbol, op.partials(out, *args)))
    except (TypeError, ValueError, AttributeError):
        marks = ["'"] if len(args) == 1 else [f"_{i + 1}'" for i in range(len(args))]
        return tuple(Name(f"{op.name}{mark}") for mark in marks)


@functools.cache
def textbook(op: Primitive) -> tuple[Expression, ...]:
    """The row's `derivative`, parsed: formulas of `out`, the inputs by their names in `partials`, and π."""
    return tuple(map(parse, op.derivative))


def _add(x: Symbol, y: Symbol) -> Symbol | None:
    return y if is_number(x, 0) else x if is_number(y, 0) else None


def _sub(x: Symbol, y: Symbol) -> Symbol | None:
    return -y if is_number(x, 0) else x if is_number(y, 0) else None


def _mul(x: Symbol, y: Symbol) -> Symbol | None:
    if isinstance(y, Number):  # a constant comes first
        return Symbol.record(primitives.mul, y, x)
    if isinstance(x, Number) and x.value in (0.0, 1.0, -1.0):
        return (Number(0.0), y, -y)[int(x.value)]
    return None


def _div(x: Symbol, y: Symbol) -> Symbol | None:
    return x if is_number(y, 1) or _is_nan(x) else None


def _pow(x: Symbol, y: Symbol) -> Symbol | None:
    return x if is_number(y, 1) else Number(1.0) if is_number(y, 0) else None


def _neg(x: Symbol) -> Symbol | None:
    return x.args[0] if isinstance(x, Call) and x.op is primitives.neg else None


def _where(condition: Symbol, x: Symbol, y: Symbol) -> Symbol | None:
    if isinstance(condition, Number):
        return x if condition.value else y
    asks_for_nan = isinstance(condition, Relation) and condition.left is condition.right
    return x if x is y or asks_for_nan or _is_nan(y) else None


def _is_nan(x: Symbol) -> bool:
    return isinstance(x, Number) and math.isnan(x.value)


_SIMPLER: dict[str, Callable[..., Symbol | None]] = {
    "identity": lambda x: x,
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "pow": _pow,
    "neg": _neg,
    "where": _where,
}
