"""The catalogue of rewrites: formulas that lose their numbers, each with one that keeps them.

A row is a formula and what to write instead, both in the language of `autograd_engine.expressions`. The first one
is the pattern that a part of a user's graph is held against; its variables stand for any node or number, and
`sum(exp(x))` for a sum of any number of terms of that form. Other spellings need no rows of their own: x**2 and
square(x) match x * x, dot and sum match products and sums, x + 1 matches 1 + x.

`matching.py` finds the row that helps.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autograd_engine.primitives import exp, hypot, log, logsumexp, sum


@dataclass(frozen=True)
class Rewrite:
    """A row: the formula `pattern`, what to write `instead`, and a `note` where the two are not the same number.

    `when`, a condition on the numbers by their names, says where the row is meant. A row for any number of terms
    has `compute`, which takes a list of numbers by the name of the pattern's variable, and does what `instead` says.
    `plain` names variables that are to be plain numbers.
    """

    pattern: str
    instead: str
    note: str = ""
    when: Callable[..., bool] | None = None
    compute: Callable[..., Any] | None = None
    plain: tuple[str, ...] = ()


ROUNDING = 1e-6  # what rounding may have carried a number beyond the end of a domain
EPSILON = "it shifts the result a little everywhere; choose a number that is small beside yours"

# In the order in which they are tried: what is more special comes first.
REWRITES = (
    # logarithms of exponentials
    Rewrite("log(1 + exp(x))", "softplus(x)"),
    Rewrite("log(exp(x) + exp(y))", "logaddexp(x, y)"),
    Rewrite("log(sum(exp(x)))", "logsumexp([{x}])", compute=lambda x: logsumexp(x)),
    Rewrite("log(exp(y) / sum(exp(x)))", "{y} - logsumexp([{x}])", compute=lambda x, y: y - logsumexp(x)),
    Rewrite("log(exp(x) / s)", "x - log(s)"),
    Rewrite("log(exp(x))", "x"),
    Rewrite("log(sigmoid(x))", "-softplus(-x)"),
    Rewrite("log(1 - sigmoid(x))", "-softplus(x)"),
    Rewrite("log(1 / (1 + exp(-x)))", "-softplus(-x)"),
    Rewrite("log(cosh(x))", "abs(x) + log1p(exp(-2 * abs(x))) - log(2)"),
    # small differences
    Rewrite("log(1 + x)", "log1p(x)"),
    Rewrite("log(1 - x)", "log1p(-x)"),
    Rewrite("exp(x) - 1", "expm1(x)"),
    Rewrite("1 - exp(x)", "-expm1(x)"),
    Rewrite("1 - cos(x)", "2 * sin(x / 2) ** 2"),
    Rewrite("1 - sigmoid(x)", "sigmoid(-x)"),
    Rewrite("1 - tanh(x) * tanh(x)", "1 / cosh(x) ** 2"),
    Rewrite("1 - erf(x)", "erfc(x)"),
    # quotients of exponentials
    Rewrite("1 / (1 + exp(-x))", "sigmoid(x)"),
    Rewrite("1 / (1 + exp(x))", "sigmoid(-x)"),
    Rewrite("exp(x) / (1 + exp(x))", "sigmoid(x)"),
    Rewrite("exp(x) / (exp(x) + exp(y))", "sigmoid(x - y)"),
    Rewrite("(exp(x) - exp(-x)) / (exp(x) + exp(-x))", "tanh(x)"),
    Rewrite("exp(y) / sum(exp(x))", "exp({y} - logsumexp([{x}]))", compute=lambda x, y: exp(y - logsumexp(x))),
    Rewrite("exp(x) / exp(y)", "exp(x - y)"),
    Rewrite("exp(x) * exp(y)", "exp(x + y)"),
    # products
    Rewrite("log(prod(x))", "sum([log(x) for x in [{x}]])", compute=lambda x: sum(list(map(log, x)))),
    Rewrite("x * log(y)", "xlogy(x, y)"),
    # roots
    Rewrite("sqrt(x * x)", "abs(x)"),
    Rewrite("sqrt(1 + x * x)", "hypot(1, x)"),
    Rewrite("sqrt(sum(x * x))", "reduce(hypot, [{x}])", compute=lambda x: functools.reduce(hypot, x)),
    Rewrite(
        "x / sqrt(v)",
        "x / sqrt(v + 1e-08)",
        "as batch normalisation does; the 1e-08 is to be small beside a usual variance",
    ),
    Rewrite("sqrt(1 - x * x)", "sqrt(maximum((1 - x) * (1 + x), 0))", when=lambda x: 1 < abs(x) < 1 + ROUNDING),
    Rewrite(
        "sqrt(x - y)",
        "sqrt(maximum(x - y, 0))",
        "what rounding left below 0 becomes 0, with gradient 0",
        when=lambda x, y: 0 < y - x < ROUNDING * max(abs(x), abs(y)),
    ),
    # ends of domains
    Rewrite("arccos(x)", "arccos(clip(x, -1, 1))", when=lambda x: 1 < abs(x) < 1 + ROUNDING),
    Rewrite("arcsin(x)", "arcsin(clip(x, -1, 1))", when=lambda x: 1 < abs(x) < 1 + ROUNDING),
    Rewrite(
        "arctan2(y, x)", "where(hypot(x, y), arctan2(y, x), 0)", "the origin has no angle; it gets 0, with gradient 0"
    ),
    Rewrite("sin(x) / x", "sinc(x / pi)"),
    Rewrite(
        "x ** y",
        "x ** y",
        "the exponent as a plain number: a power of a negative number has no derivative with respect to its exponent",
        when=lambda x, y: y.is_integer(),
        plain=("y",),
    ),
    Rewrite("x ** (1 / 3)", "cbrt(x)", "which is real for negative numbers too"),
    Rewrite("x ** y", "abs(x) ** y", "where the size of x is meant", when=lambda x, y: x < 0),
    # poles, and masks over them
    Rewrite("log(x)", "log(x + 1e-12)", EPSILON, when=lambda x: 0 <= x < 1e-12),
    Rewrite("sqrt(x)", "sqrt(x + 1e-12)", EPSILON, when=lambda x: 0 <= x < 1e-12),
    Rewrite(
        "m * x", "where(m, x, 0)", "if it is a mask: what is masked out no longer matters", when=lambda m, x: m == 0
    ),
    Rewrite("x / y", "where(y, x / y, 0)", "with what you want at 0 instead of the last 0", when=lambda x, y: y == 0),
    Rewrite("exp(x)", "exp(minimum(x, 700))", "or keep the logarithm; exp overflows from 709.8 on"),
    # activation functions that let nothing through
    Rewrite("relu(x)", "leaky_relu(x, 0.01)", "or a smaller learning rate, so that the unit does not die"),
    Rewrite("tanh(x)", "softsign(x)", "its slope fades more slowly; or smaller weights, or normalised inputs"),
    Rewrite("sigmoid(x)", "0.5 + 0.5 * softsign(x)", "its slope fades more slowly; or a loss of the logits"),
    Rewrite("sign(x)", "tanh(x)", "a step is flat everywhere; tanh is its smooth relative"),
)
