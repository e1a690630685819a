"""What hypothesis draws: inputs for each primitive, and random expressions over the table.

`domain(op)` gives inputs where finite differences work: of moderate size, away from kinks, jumps and poles.
`wide(op)` gives any finite
doubles, for a judge that can follow. `expressions()` builds closed expressions that other tests
differentiate, draw or compile.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from autograd_engine.primitives import PRIMITIVES, Primitive, cos, softplus, square, tanh, where
from tests.laws.rows import NONZERO, REALS, ROWS, Inputs

Operand = Callable[[Any], Any]


def _of_each_length(op: Primitive, numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Inputs]:
    """Inputs of `op` drawn one by one: one to five for a row of any number, an even number for dot."""
    if op.arity is not None:
        return st.tuples(*[numbers] * op.arity)
    if op.name == "dot":
        pairs = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=3)
        return pairs.map(lambda xys: tuple(x for x, _ in xys) + tuple(y for _, y in xys))
    return st.lists(numbers, min_size=1, max_size=5).map(tuple)


def domain(op: Primitive) -> st.SearchStrategy[Inputs]:
    """Inputs where the row is smooth and finite differences resolve its derivatives."""
    known = ROWS[op.name].domain
    return _of_each_length(op, REALS) if known is None else known


FINITE = st.floats(allow_nan=False, allow_infinity=False)
NEAR = st.builds(
    lambda centre, power, sign: centre + sign * 10.0**power,
    st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, math.pi / 2]),
    st.floats(-17.0, -1.0),
    st.sampled_from([-1.0, 1.0]),
)
WIDE = FINITE | st.floats(-40.0, 40.0) | NEAR | st.floats(-800.0, 800.0)
ANY = st.floats()


def wide(op: Primitive) -> st.SearchStrategy[Inputs]:
    """Inputs over all finite doubles, with more of them where functions bend."""
    if op.arity == 2:
        close = st.builds(lambda x, share: (x, x * (1 + share)), st.floats(-1e300, 1e300), st.floats(-1e-3, 1e-3))
        return st.tuples(WIDE, WIDE) | close
    if op.arity is None:  # without overflow and underflow on the way, which the fixed order cannot help
        return _of_each_length(op, st.builds(lambda x, power: x * 10.0**power, NONZERO, st.integers(-50, 50)))
    if op.name == "clip":
        return st.tuples(WIDE, WIDE, WIDE).filter(lambda inputs: len(set(inputs)) == 3)
    return _of_each_length(op, WIDE)


def anything(op: Primitive) -> st.SearchStrategy[Inputs]:
    """Inputs over all doubles, infinities, nan and signed zeros included."""
    return _of_each_length(op, ANY | st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 1.0, -1.0]))


# --- random expressions ------------------------------------------------------------------------------------


def _any(x: Any) -> Any:
    return x


def _bounded(x: Any) -> Any:
    return tanh(x)


def _positive(x: Any) -> Any:
    return 0.3 + softplus(tanh(x))


def _inside_one(x: Any) -> Any:
    return 0.8 * tanh(x)


def _share(x: Any) -> Any:
    return 0.5 + 0.4 * tanh(x)


def _above_one(x: Any) -> Any:
    return 1.5 + square(cos(x))


# What an operand goes through first, so that the primitive is smooth there and nothing grows out of bounds.
ADAPTERS: dict[str, tuple[Operand, ...]] = {
    "add": (_any, _bounded),
    "sub": (_any, _bounded),
    "mul": (_any, _bounded),
    "div": (_any, _positive),
    "reciprocal": (_positive,),
    "square": (_bounded,),
    "pow": (_positive, _bounded),
    "exp": (_bounded,),
    "exp2": (_bounded,),
    "expm1": (_bounded,),
    "sinh": (_bounded,),
    "cosh": (_bounded,),
    "tan": (_bounded,),
    "log": (_positive,),
    "log2": (_positive,),
    "log10": (_positive,),
    "log1p": (_positive,),
    "sqrt": (_positive,),
    "cbrt": (_positive,),
    "xlogy": (_bounded, _positive),
    "entr": (_positive,),
    "logit": (_share,),
    "ndtri": (_share,),
    "erfinv": (_inside_one,),
    "erfcinv": (_share,),
    "digamma": (_positive,),
    "lgamma": (_positive,),
    "beta": (_positive, _positive),
    "betaln": (_positive, _positive),
    "gammainc": (_positive, _positive),
    "gammaincc": (_positive, _positive),
    "betainc": (_positive, _positive, _share),
    "arcsin": (_inside_one,),
    "arccos": (_inside_one,),
    "arctanh": (_inside_one,),
    "arccosh": (_above_one,),
    "arctan2": (_any, _positive),
    "hypot": (_any, _positive),
}

# Rows with a kink or a jump that no adapter takes away.
KINKED = {
    *("abs", "sign", "floor", "ceil", "round", "trunc", "fmod", "mod", "floordiv", "copysign"),
    *("where", "maximum", "minimum", "clip", "heaviside", "relu", "leaky_relu", "elu", "softsign"),
    *("i0e", "i1e", "amax", "amin"),
}

CONSTANTS = (-1.5, 0.5, 2.0)


@dataclasses.dataclass(frozen=True)
class Choice:
    """A choice between its last two operands by a condition on the others, as a step of an expression."""

    name: str
    arity: int
    condition: Callable[..., Any]

    def __call__(self, *operands: Any) -> Any:
        return where(self.condition(*operands[:-2]), *operands[-2:])


CHOICES = (
    Choice("where(<)", 4, lambda a, b: a < b),
    Choice("where(==)", 4, lambda a, b: a == b),
    Choice("where(> & <=)", 5, lambda a, b, c: (a > b) & (b <= c)),
    Choice("where(>= | !=)", 5, lambda a, b, c: (a >= b) | (b != c)),
    Choice("where(< ^ <)", 6, lambda a, b, c, d: (a < b) ^ (c < d)),
)


@dataclasses.dataclass(frozen=True)
class Expression:
    """A closed expression, as a callable of its variables (floats or Values).

    It is a straight line of steps, each a primitive or a choice with the places of its operands: in the variables, then
    CONSTANTS, then the results of earlier steps. So steps share what they use, and graphs are no mere trees.
    """

    variables: int
    steps: tuple[tuple[Primitive | Choice, tuple[int, ...]], ...]

    def __call__(self, *xs: Any) -> Any:
        """The value of the last step at `xs`, one number per variable."""
        known = [*xs, *CONSTANTS]
        for op, places in self.steps:
            adapters = ADAPTERS.get(op.name, (_bounded if op.arity is None else _any,) * len(places))
            known.append(op(*[adapt(known[place]) for adapt, place in zip(adapters, places)]))
        return known[-1]

    def __repr__(self) -> str:
        names = [f"x{i}" for i in range(self.variables)] + list(map(str, CONSTANTS))
        lines = []
        for op, places in self.steps:
            lines.append(f"s{len(lines)} = {op.name}({', '.join(names[place] for place in places)})")
            names.append(f"s{len(lines) - 1}")
        return "; ".join(lines)


@st.composite
def expressions(
    draw: st.DrawFn, variables: int = 2, *, smooth: bool = True, choices: bool = False, max_steps: int = 8
) -> Expression:
    """Random expressions over the whole table, tame for variables within ±2 (see `points`).

    With `smooth` they have derivatives of every order everywhere; without, the rows with kinks and jumps occur too.
    With `choices` there are those by conditions of all depths, whose result may be a constant. Each step uses the one
    before, so that the result depends on a variable through all of them.
    """
    rows: list[Primitive | Choice] = [op for op in PRIMITIVES.values() if not (smooth and op.name in KINKED)]
    if choices:
        rows += 3 * CHOICES  # a quarter
    steps: list[tuple[Primitive | Choice, tuple[int, ...]]] = []
    for op in draw(st.lists(st.sampled_from(rows), min_size=1, max_size=max_steps)):
        known = variables + len(CONSTANTS) + len(steps)
        uses = op.arity or 2 * draw(st.integers(1, 2))
        latest = known - 1 if steps else draw(st.integers(0, variables - 1))
        others = draw(st.lists(st.integers(0, known - 1), min_size=uses - 1, max_size=uses - 1))
        steps.append((op, tuple(draw(st.permutations([latest, *others])))))
    return Expression(variables, tuple(steps))


def points(variables: int = 2) -> st.SearchStrategy[Inputs]:
    """Where `expressions` of so many variables are evaluated."""
    return st.tuples(*[st.floats(-2.0, 2.0)] * variables)
