"""The catalogue of rewrites case by case, and the laws of `why` and `debug`."""

import asyncio
import gc
import math
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from autograd_engine import (
    NotFiniteError,
    Value,
    accuracy,
    arctan,
    cos,
    debug,
    dot,
    exp,
    grad,
    gradient,
    hessian,
    log,
    maximum,
    prod,
    relu,
    round,
    sigmoid,
    sqrt,
    sum,
    tanh,
    taylor,
    value,
    where,
    why,
)
from autograd_engine.diagnosis import origins
from autograd_engine.diagnosis.as_python import python_text, with_names
from autograd_engine.diagnosis.matching import Operand, Terms, _pattern
from autograd_engine.diagnosis.rewrites import REWRITES
from autograd_engine.diagnosis.trials import WHOLE, _names, kind_of
from autograd_engine.expressions import parse
from autograd_engine.primitives import PRIMITIVES, identity
from autograd_engine.rows import Rows
from nn import MLP, Layer
from tests.laws.judge import Exact
from tests.laws.strategies import domain

HERE = __file__
BOUND = 1e8


# --- the catalogue ------------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """Where a formula breaks: the numbers; the variable whose gradient is asked for, None for the value; what is
    wrong; the node where that begins; and the formula, where it is not the pattern itself."""

    numbers: dict
    kind: str
    node: str
    by: str | None = None
    formula: str | None = None


THREE = {"a": 1000.0, "b": 999.0, "c": 998.0}
EPS = 2.0**-52
CASES = {
    ("log(1 + exp(x))", "softplus(x)"): Case({"x": 1000.0}, "inf", "exp(x)"),
    ("log(exp(x) + exp(y))", "logaddexp(x, y)"): Case({"x": 1000.0, "y": 1.0}, "inf", "exp(x)"),
    ("log(sum(exp(x)))", "logsumexp([{x}])"): Case(THREE, "inf", "exp(a)", formula="log(sum(exp(a), exp(b), exp(c)))"),
    ("log(exp(y) / sum(exp(x)))", "{y} - logsumexp([{x}])"): Case(
        THREE, "nan", "exp(b)", formula="log(exp(b) / (exp(a) + exp(b) + exp(c)))"
    ),
    ("log(exp(x) / s)", "x - log(s)"): Case({"x": -800.0, "s": 2.0}, "inf", "log(exp(x) / s)"),
    ("log(exp(x))", "x"): Case({"x": -800.0}, "inf", "log(exp(x))"),
    ("log(sigmoid(x))", "-softplus(-x)"): Case({"x": -800.0}, "inf", "log(sigmoid(x))"),
    ("log(1 - sigmoid(x))", "-softplus(x)"): Case({"x": 40.0}, "inf", "log(1.0 - sigmoid(x))"),
    ("log(1 / (1 + exp(-x)))", "-softplus(-x)"): Case({"x": -800.0}, "inf", "log(1.0 / (1.0 + …))"),
    ("log(cosh(x))", "abs(x)"): Case({"x": 1000.0}, "inf", "cosh(x)"),
    ("log(1 + x)", "log1p(x)"): Case({"x": 1e-20}, "zero", "log(1.0 + x)"),
    ("log(1 - x)", "log1p(-x)"): Case({"x": 1e-20}, "zero", "log(1.0 - x)"),
    ("exp(x) - 1", "expm1(x)"): Case({"x": 1e-20}, "zero", "exp(x) - 1.0"),
    ("1 - exp(x)", "-expm1(x)"): Case({"x": 1e-20}, "zero", "1.0 - exp(x)"),
    ("1 - cos(x)", "2 * sin(x / 2) ** 2"): Case({"x": 1e-9}, "zero", "1.0 - cos(x)"),
    ("1 - sigmoid(x)", "sigmoid(-x)"): Case({"x": 40.0}, "zero", "1.0 - sigmoid(x)"),
    ("1 - tanh(x) * tanh(x)", "1 / cosh(x) ** 2"): Case(
        {"x": 20.0}, "zero", "1.0 - tanh(x) ** 2.0", formula="1 - tanh(x) ** 2"
    ),
    ("1 - erf(x)", "erfc(x)"): Case({"x": 7.0}, "zero", "1.0 - erf(x)"),
    ("1 / (1 + exp(-x))", "sigmoid(x)"): Case({"x": -720.0}, "zero", "exp(-x)"),
    ("1 / (1 + exp(x))", "sigmoid(-x)"): Case({"x": 720.0}, "zero", "exp(x)", None, "(1 + exp(x)) ** -1"),
    ("exp(x) / (1 + exp(x))", "sigmoid(x)"): Case({"x": 800.0}, "nan", "exp(x)"),
    ("exp(x) / (exp(x) + exp(y))", "sigmoid(x - y)"): Case({"x": 800.0, "y": 799.0}, "nan", "exp(x)"),
    ("(exp(x) - exp(-x)) / (exp(x) + exp(-x))", "tanh(x)"): Case({"x": 800.0}, "nan", "exp(x)"),
    ("exp(y) / sum(exp(x))", "exp({y} - logsumexp([{x}]))"): Case(
        THREE, "nan", "exp(b)", formula="exp(b) / sum(exp(a), exp(b), exp(c))"
    ),
    ("exp(x) / exp(y)", "exp(x - y)"): Case({"x": 800.0, "y": 799.0}, "nan", "exp(x)"),
    ("exp(x) * exp(y)", "exp(x + y)"): Case({"x": 800.0, "y": -800.0}, "nan", "exp(x)"),
    ("log(prod(x))", "sum("): Case(
        {"a": 1e-200, "b": 1e-150, "c": 2.0}, "inf", "log(prod([a, b, c]))", None, "log(prod(a, b, c))"
    ),
    ("x * log(y)", "xlogy(x, y)"): Case({"x": 0.0, "y": 0.0}, "nan", "log(y)"),
    ("sqrt(x * x)", "abs(x)"): Case({"x": 0.0}, "zero", "sqrt(x ** 2.0)", "x", "sqrt(x ** 2)"),
    ("sqrt(1 + x * x)", "hypot(1, x)"): Case({"x": 1e200}, "inf", "square(x)", None, "sqrt(square(x) + 1)"),
    ("sqrt(sum(x * x))", "reduce("): Case(
        {"a": 1e-200, "b": 2e-200}, "inf", "(a * a + b * b) ** 0.5", "a", "(a * a + b * b) ** 0.5"
    ),
    ("x / sqrt(v)", "x / sqrt(v + 1e-08)"): Case({"x": 0.0, "v": 0.0}, "nan", "x / sqrt(v)"),
    ("sqrt(1 - x * x)", "sqrt(maximum("): Case({"x": 1 + EPS}, "nan", "sqrt(1.0 - x * x)"),
    ("sqrt(x - y)", "sqrt(maximum("): Case({"x": 0.3, "y": 0.1 * 3}, "nan", "sqrt(x - y)"),
    ("arccos(x)", "arccos(clip("): Case({"x": 1 + EPS}, "nan", "arccos(x)"),
    ("arcsin(x)", "arcsin(clip("): Case({"x": -1 - EPS}, "nan", "arcsin(x)", "x"),
    ("arctan2(y, x)", "where("): Case({"x": 0.0, "y": 0.0}, "nan", "arctan2(y, x)", "x"),
    ("sin(x) / x", "sinc(x / pi)"): Case({"x": 0.0}, "nan", "sin(x) / x"),
    ("x ** y", "x ** y"): Case({"x": -2.0, "y": 3.0}, "nan", "x ** y", "y"),
    ("x ** (1 / 3)", "cbrt(x)"): Case({"x": -8.0}, "nan", "x ** 0.333333"),
    ("x ** y", "abs(x) ** y"): Case({"x": -2.0, "y": 0.5}, "nan", "x ** y"),
    ("m * x", "where(m"): Case({"m": 0.0, "x": math.inf}, "nan", "m * x"),
    ("x / y", "where(y"): Case({"x": 1.0, "y": 0.0}, "inf", "x / y"),
    ("log(x)", "log(x + 1e-12)"): Case({"x": 0.0}, "inf", "log(x)"),
    ("sqrt(x)", "sqrt(x + 1e-12)"): Case({"x": 0.0}, "inf", "sqrt(x)", "x"),
    ("exp(x)", "exp(minimum("): Case({"x": 1000.0}, "inf", "exp(x)"),
    ("relu(x)", "leaky_relu("): Case({"x": -1.0}, "zero", "relu(x)", "x"),
    ("tanh(x)", "softsign(x)"): Case({"x": 20.0}, "vanishing", "tanh(x)", "x"),
    ("sigmoid(x)", "0.5 + 0.5 * softsign(x)"): Case({"x": -40.0}, "vanishing", "sigmoid(x)", "x"),
    ("sign(x)", "tanh(x)"): Case({"x": 2.0}, "zero", "sign(x)", "x"),
}  # fmt: skip


def case_of(rule):
    [case] = [
        c for (pattern, instead), c in CASES.items() if pattern == rule.pattern and rule.instead.startswith(instead)
    ]
    return case


def computed(function, numbers):
    """The value, and the gradient with respect to each variable."""
    values = {name: Value(number, name) for name, number in numbers.items()}
    out = function(**values)
    if isinstance(out, Value):
        out.backward()
        return out.data, {name: x.grad for name, x in values.items()}
    return out, dict.fromkeys(values, 0.0)


def cure(rule, case):
    """The rewrite as a function of the case's variables."""
    if rule.compute is None:
        return lambda **values: parse(rule.instead)(**{**values, **{name: values[name].data for name in rule.plain}})
    with_y = {"y": "b"} if "y" in parse(rule.pattern).names else {}
    return lambda **values: rule.compute(list(values.values()), **{y: values[name] for y, name in with_y.items()})


by_rule = pytest.mark.parametrize("rule", REWRITES, ids=lambda rule: f"{rule.pattern}: {rule.instead}"[:60])


def test_every_row_has_a_case_and_there_are_enough():
    assert len(CASES) == len(REWRITES) >= 20


@by_rule
def test_the_formula_breaks_and_why_names_the_node_and_the_rewrite(rule):
    case = case_of(rule)
    values = {name: Value(number, name) for name, number in case.numbers.items()}
    out = 3.0 * parse(case.formula or rule.pattern)(**values)
    found = why(out) if case.by is None else why(values[case.by], gradient_of=out)
    assert found.kind == case.kind
    assert python_text(found.node, top=True) == case.node
    assert found.rewrite.rule is rule
    assert found.path[0].node is (out if case.by is None else values[case.by])
    assert str(found.rewrite) in str(found) == repr(found)


@by_rule
def test_the_rewrite_cures_it(rule):
    case = case_of(rule)
    value, slopes = computed(parse(case.formula or rule.pattern), case.numbers)
    assert kind_of(value if case.by is None else slopes[case.by], BOUND) == case.kind
    value, slopes = computed(cure(rule, case), case.numbers)
    assert math.isfinite(value)
    if case.by is None:
        assert value != 0 or case.kind != "zero"
    else:
        assert all(map(math.isfinite, slopes.values()))
        # At 0 the slope of |x| is 0 by right; there the infinity has gone that zero had to be multiplied with.
        assert slopes[case.by] or case.kind in ("nan", "inf") or rule.instead == "abs(x)"


# A note or a condition says that the two formulas are not the same function, or not everywhere.
IDENTITIES = [rule for rule in REWRITES if not rule.note and rule.when is None]


@pytest.mark.parametrize("rule", IDENTITIES, ids=lambda rule: rule.pattern)
def test_the_rewrite_gives_the_number_that_the_formula_has_lost(rule):
    case = case_of(rule)
    if case.by is not None or rule.pattern in ("x * log(y)", "sin(x) / x"):  # of the last two it is a limit
        return
    with mp.workprec(4000):
        exact = parse(case.formula or rule.pattern)(**{name: Exact(mpf(x)) for name, x in case.numbers.items()}).number
        value, _ = computed(cure(rule, case), case.numbers)
        assert abs(value - exact) <= 1e-12 * abs(exact) + 5e-324


@pytest.mark.parametrize("rule", IDENTITIES, ids=lambda rule: rule.pattern)
@settings(max_examples=20)
@given(data=st.data())
def test_the_rewrite_is_the_same_function(rule, data):
    case = case_of(rule)
    numbers = {name: data.draw(st.floats(0.2, 0.8), label=name) for name in case.numbers}
    value, slopes = computed(parse(case.formula or rule.pattern), numbers)
    new_value, new_slopes = computed(cure(rule, case), numbers)
    assert new_value == pytest.approx(value, rel=1e-9, abs=1e-12)
    assert new_slopes == pytest.approx(slopes, rel=1e-9, abs=1e-12)


@by_rule
@settings(max_examples=10)
@given(data=st.data())
def test_nothing_is_suggested_where_nothing_is_wrong(rule, data):
    case = case_of(rule)
    values = {name: Value(data.draw(st.floats(0.2, 0.8), label=name), name) for name in case.numbers}
    out = parse(case.formula or rule.pattern)(**values)
    assert why(out).rewrite is None or out.data == 0


def test_users_names_and_expressions_stand_in_the_text():
    w, x = Value(2.0, "w"), Value(500.0, "x")
    found = why(log(1 + exp(w * x)))
    assert str(found.rewrite) == "instead of log(1.0 + exp(w * x)) write softplus(w * x)"
    assert found.rewrite.number == 1000.0
    assert with_names("x ** 2 * y", {"x": w + x, "y": Value(-3.0)}) == "(w + x) ** 2 * -3.0"
    assert python_text(dot([w] * 9, [x] * 9)) == "dot([w, w, w, w, …], [x, x, x, x, …])"
    assert python_text(prod([w, -x]) - sum([])) == "prod([w, -x]) - 0.0"


def test_other_spellings_need_no_rows_of_their_own():
    x, zero = Value(1000.0, "x"), Value(0.0, "zero")
    for node, pattern in [
        (log(sum([exp(x), 1.0])), "log(1 + exp(x))"),
        (prod([zero, math.inf]), "m * x"),
        (dot([zero], [log(zero)]), "x * log(y)"),
        (1 / (1 + exp(-1 * (x - 1720))), "1 / (1 + exp(-x))"),
        ((exp(x - 280) + 1).reciprocal(), "1 / (1 + exp(x))"),
        (-(x.square() * 1e300).sqrt() * 0 + sqrt(1 + (x * 1e200).square()), "sqrt(1 + x * x)"),
    ]:
        assert why(node).rewrite.rule.pattern == pattern


def test_equal_numbers_are_not_the_same_variable():
    x, y = Value(800.0, "x"), Value(800.0, "y")
    quotient = (exp(x) - exp(-y)) / (exp(x) + exp(-y))
    assert why(quotient).rewrite.rule.pattern != "(exp(x) - exp(-x)) / (exp(x) + exp(-x))"
    assert why((3.0 * x) ** 0 * (exp(2 * x) / exp(2 * y))).rewrite.instead == "exp(2.0 * x - 2.0 * y)"


def test_what_does_not_help_is_not_suggested():
    x, y = Value(2000.0, "x"), Value(800.0, "y")
    assert why(exp(x) / exp(y)).rewrite.rule.pattern == "exp(x)"  # since exp(x - y) is inf too
    p, three = Value(0.0, "p"), Value(3.0, "three")
    # The slope of p * log(p) at 0 is -inf by right, so xlogy is no help; its value is, see above.
    assert why(p, gradient_of=p * log(p)).rewrite.rule.pattern == "log(x)"
    assert why(sqrt(three - 5)).rewrite is None
    assert str(why(three, gradient_of=(-2.0) ** three).rewrite).startswith(
        "instead of (-2.0) ** three write (-2.0) ** 3.0"
    )


def test_a_long_sum_is_recognised_in_any_spelling():
    logits = [Value(800.0 + i, f"z{i}") for i in range(6)]
    total = 0.0
    for z in logits:
        total = total + exp(z)
    for denominator in (total, sum(map(exp, logits)), dot([exp(z) for z in logits], [1.0] * 6)):
        found = why(-log(exp(logits[2]) / denominator))
        expected = "softmax" if denominator.op.name != "dot" else "x / y"
        assert found.kind == "nan"
        assert expected != "softmax" or found.rewrite.instead == "z2 - logsumexp([z0, z1, z2, …])"
    norm = sqrt(dot(logits, logits) * 0.0 + dot([x * 1e200 for x in logits], [x * 1e200 for x in logits]))
    assert why(norm).kind in ("inf", "nan")


# --- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "numbers", "kind", "cause"),
    [
        ("x", {"x": math.nan}, "nan", "x is nan itself"),
        ("x + 1", {"x": math.inf}, "inf", "x is inf itself"),
        ("x - y", {"x": math.inf, "y": math.inf}, "nan", "inf - inf; the difference of two infinities"),
        ("x + y + nan", {"x": 1.0, "y": 2.0}, "nan", "3.0 + nan; a nan was handed in"),
        ("x + inf", {"x": 1.0}, "inf", "1.0 + inf; an inf was handed in"),
        ("sqrt(x)", {"x": -1.0}, "nan", "sqrt(-1.0); the square root of a negative number"),
        ("erf(x) + log(-y)", {"x": 1.0, "y": 2.0}, "nan", "log(-2.0); the logarithm of a negative number"),
        ("heaviside(x, 1)", {"x": math.nan}, "nan", "x is nan itself"),
        ("sin(x)", {"x": math.inf}, "nan", "sin(inf); it has no limit at infinity"),
        ("reciprocal(x)", {"x": 0.0}, "inf", "reciprocal(0.0); division by 0"),
        ("x // y", {"x": 1.0, "y": 0.0}, "inf", "1.0 // 0.0; division by 0"),
        ("x ** -2", {"x": 0.0}, "inf", "0 to a negative power"),
        ("arctanh(x)", {"x": 1.0}, "inf", "arctanh(1.0); its end of the domain"),
        ("x * y", {"x": 1e200, "y": 1e200}, "inf", "1e+200 * 1e+200; beyond 1.8e308, the largest float"),
        ("x * y", {"x": 1e-200, "y": 1e-200}, "zero", "1e-200 * 1e-200; below 4.9e-324, the smallest float"),
        ("x / y", {"x": 1.0, "y": math.inf}, "zero", "1.0 / inf; division by an infinity"),
        ("exp(x)", {"x": -800.0}, "zero", "exp(-800.0); below 4.9e-324, the smallest float"),
        ("2 * relu(x)", {"x": -1.0}, "zero", "relu(-1.0); relu of a number that is not positive"),
        ("x - y", {"x": 1.0, "y": 1.0}, "zero", "1.0 - 1.0; the terms cancel"),
        ("x * y", {"x": 0.0, "y": 1.0}, "zero", "x is 0.0 itself"),
        ("x + y", {"x": 0.0, "y": 0.0}, "zero", "x is 0.0 itself"),
        ("log(x)", {"x": 1.0}, "zero", "log(1.0); that is its value there"),
        ("x * y + 1", {"x": 1e5, "y": 1e6}, "huge", "100000.0 * 1e+06; the first number beyond 1e+08"),
        ("x * y * 2", {"x": 1e-5, "y": 1e-6}, "vanishing", "1e-05 * 1e-06; the first number below 1e-08"),
        ("x * y", {"x": 3.0, "y": 2.0}, "fine", "nothing is wrong, it is a number between 1e-08 and 1e+08 in size"),
    ],
)
def test_causes_of_values(formula, numbers, kind, cause):
    found = why(parse(formula)(**{name: Value(x, name) for name, x in numbers.items()}))
    assert found.kind == kind
    assert found.cause.endswith(cause)
    assert (found.node is None) == (not found.path) == (kind == "fine")
    assert found.location is None


def test_why_names_the_line_where_digits_are_lost_and_what_keeps_them():
    with debug():
        x = Value(1e-6, "x")
        lost = 1 - cos(x)
        ratio = 3 * (lost / x**2)
    found = why(ratio)
    assert (found.kind, found.node, found.location.code) == ("inexact", lost, "lost = 1 - cos(x)")
    assert found.cause == "4 of 16 digits are left, lost in the subtraction 1.0 - 1.0, whose terms cancel"
    assert found.path[0].node is ratio
    assert str(found.rewrite) == "instead of 1.0 - cos(x) write 2 * sin(x / 2) ** 2"


@pytest.mark.parametrize(
    ("formula", "x", "kind", "cause"),
    [
        (
            "sin(x * 1e12 / 3)",
            0.1,
            "inexact",
            "6 of 16 digits are left, lost in sin(3.33333e+10), which is steep",
        ),
        ("sin(x * 1e10 / 3)", 0.1, "inexact", "8 of 16 digits are left, lost in sin(3.33333e+08), which is steep"),
        ("sin(x * 3e9 / 3)", 0.1, "fine", "nothing is wrong"),  # more than half of them are
        ("(1 - cos(x)) * 1e-5", 1e-6, "vanishing", "; 4 of 16 digits are left, lost in the subtraction 1.0 - 1.0, "),
        ("x - 1", 1 + 2.0**-40, "vanishing", "the first number below 1e-08"),
        ("(x - 1) * 1e12", 1 + 2.0**-40, "fine", "nothing is wrong"),
        ("x ** 2 * exp(x)", 0.3, "fine", "nothing is wrong"),
    ],
)
def test_lost_digits_are_told_from_numbers_that_are_just_small(formula, x, kind, cause):
    found = why(parse(formula)(x=Value(x, "x")))
    assert found.kind == kind
    assert cause in found.cause
    assert ("digits" in found.cause) == ("digits" in cause)


def test_a_branch_that_was_not_taken_is_not_followed():
    x, bad = Value(-1.0, "x"), Value(math.nan, "bad")
    assert why(where(x < 0, sqrt(x), bad)).node.op is sqrt
    assert why(where(x < 0, bad, sqrt(x))).node is bad
    assert why(maximum(exp(1000.0 + x), -exp(999.0 + x))).node.arguments[0].arguments[0] == 1000.0


def test_the_path_is_a_shortest_one():
    x = Value(-1.0, "x")
    root = sqrt(x)
    long = root
    for _ in range(5):
        long = long + 1
    found = why((long * root) + 1)
    assert [step.node.op.name for step in found.path] == ["add", "mul", "sqrt"]
    assert all(step.node in child.node.parents for child, step in zip(found.path, found.path[1:]))


def test_a_leaf_that_was_changed_since():
    x = Value(math.nan, "x")
    y = x * 2
    x.data = 3.0
    assert why(y).cause == "x is nan itself when it was used; it is 3.0 now"


def test_an_innocent_value_with_a_bad_gradient_says_how_to_ask():
    x = Value(0.0, "x")
    sqrt(x).backward()
    y = x + 1
    y.grad = x.grad
    assert "for its gradient inf ask why(value, gradient_of=output)" in str(why(y))


@pytest.mark.parametrize("bad", [3.0, None, "x", [Value(1.0)]])
def test_only_values_are_explained(bad):
    with pytest.raises(TypeError, match=f"value must be a Value, got {type(bad).__name__}"):
        why(bad)
    if bad is not None:
        with pytest.raises(TypeError, match="gradient_of must be a Value"):
            why(Value(1.0), bad)


@pytest.mark.parametrize("bound", [1.0, 0.0, -5.0, math.nan])
def test_the_bound_must_be_above_one(bound):
    with pytest.raises(ValueError, match="bound must be above 1"):
        why(Value(1.0), bound=bound)


# --- gradients ------------------------------------------------------------------------------------------------------


def gradient_cause(out, x, **options):
    found = why(x, gradient_of=out, **options)
    return found.kind, found.cause


def test_zero_gradients():
    x, y = Value(-2.0, "x"), Value(0.0, "y")
    for out, node, reason in [
        (relu(x) * 3, "relu(x)", "relu lets nothing through"),
        (where(x > 0, x, 1.0), "where(0.0, x, 1.0)", "the other branch was taken"),
        (where(x, 2.0, 3.0), "where(x, 2.0, 3.0)", "the condition has no gradient"),
        (maximum(x, 1.0), "maximum(x, 1.0)", "another argument was chosen"),
        (x.clip(-1.0, 1.0), "clip(x, -1.0, 1.0)", "another argument was chosen"),
        (round(x), "round(x)", "a step function is flat"),
        (x * y, "x * y", "the other factor is 0"),
        (tanh(x * 1e3), "tanh(x * 1000.0)", "saturated"),
        ((x + 2).cos(), "cos(x + 2.0)", "it is flat there"),
        ((x + 2) ** 3, "(x + 2.0) ** 3.0", "it is flat there"),
    ]:
        found = why(x, gradient_of=out)
        assert found.kind == "zero"
        assert python_text(found.node, top=True) == node
        assert reason in found.cause


def test_a_gradient_below_the_smallest_float():
    x = Value(-600.0, "x")
    kind, cause = gradient_cause(exp(exp(x) * 1e-20) * 1e-50 * exp(x).detach(), x)
    assert kind == "zero"
    assert "it is below the smallest float" in cause


def test_what_the_output_does_not_depend_on():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    assert gradient_cause(y * y, x) == ("zero", "y * y does not depend on this Value")
    _, cause = gradient_cause(x.detach() * y, x)
    assert "but on another one labelled x: a copy, or detached" in cause
    assert why(x, gradient_of=y * y).node is None


def test_paths_that_cancel_and_infinities_that_meet():
    x = Value(2.0, "x")
    kind, cause = gradient_cause(x * 3 - x * 3, x)
    assert (kind, cause) == ("zero", "2 paths meet at x and add up to 0.0")
    zero = Value(0.0, "zero")
    found = why(zero, gradient_of=sqrt(zero) - 2 * sqrt(zero))
    assert found.kind == "nan"
    assert "2 paths meet at zero and add up to nan; the inf: the slope of sqrt(zero)" in found.cause
    assert found.node.op is sqrt


def test_a_bad_value_behind_a_bad_gradient():
    x, y = Value(1000.0, "x"), Value(-1.0, "y")
    found = why(x, gradient_of=log(exp(x) + 1))
    assert [step.node for step in found.path] == [x, found.node]
    assert found.node.op is exp
    assert found.cause.endswith("exp(1000.0); beyond 1.8e308, the largest float")
    found = why(x, gradient_of=x * sqrt(y))
    assert found.node.op is sqrt
    # An inf in a branch that was not taken is not to blame.
    found = why(x, gradient_of=where(x < 0, exp(x), 1.0))
    assert found.node.op.name == "where"


def test_growth_and_fading():
    x = Value(1.0, "x")
    grown, faded, pole = x, x, 1 / (x - 1 + 1e-6)
    for _ in range(100):
        grown, faded = grown * 2, faded * 0.5
    kind, cause = gradient_cause(grown, x)
    assert kind == "huge"
    assert "no single step is to blame, it has come through 27 of them" in cause
    for _ in range(3):
        grown = grown * 50
    assert "no single step is to blame" in gradient_cause(grown, x)[1]
    kind, cause = gradient_cause(faded, x)
    assert kind == "vanishing"
    assert "no single step is to blame" in cause
    kind, cause = gradient_cause(pole, x)
    assert kind == "huge"
    assert "no single step" not in cause
    assert "is -1e+12 at 1.0 / 1e-06" in cause
    assert gradient_cause(grown, x, bound=1e40)[0] == "fine"
    kind, cause = gradient_cause(1e4 * (1e6 * x), x)
    assert "is 1e+06 at 1e+06 * 1.0: times the 10000.0 from there" in cause
    assert gradient_cause(1e-4 * (1e-6 * x) * 1, x)[0] == "vanishing"


def test_nothing_is_wrong():
    x = Value(3.0, "x")
    found = why(x, gradient_of=x * x)
    assert (found.kind, found.number, found.path) == ("fine", 6.0, ())


def test_no_gradient_is_touched():
    x = Value(0.0, "x")
    out = sqrt(x)
    why(x, gradient_of=out)
    assert (x.grad, out.grad) == (0.0, 0.0)


# --- large graphs ---------------------------------------------------------------------------------------------------


def test_deep_and_wide_graphs():
    x = Value(-1.0, "x")
    deep = sqrt(x)
    for _ in range(25_000):
        deep = deep + 1.0
    found = why(deep)
    assert len(found.path) == 25_001
    assert found.node.op is sqrt
    assert "… 24993 more" in str(found)
    assert why(x, gradient_of=deep).node.op is sqrt

    wide = [Value(800.0) for _ in range(20_000)]
    total = 0.0
    for z in wide:
        total = total + exp(z)
    found = why(wide[7], gradient_of=log(total))
    assert len(found.path) == 2
    assert found.rewrite.rule.pattern == "log(sum(exp(x)))"


# --- debug ----------------------------------------------------------------------------------------------------------


def here(offset=0):
    """The place of the caller's line."""
    frame = sys._getframe(1)
    return HERE, frame.f_lineno + offset


def test_the_line_is_noted_within_the_block_only():
    x = Value(-1.0, "x")
    before = sqrt(x)
    with debug():
        y, place = sqrt(x), here()
    after = sqrt(x)
    found = why(y + 1)
    assert found.location[:2] == place
    assert found.location.function == "test_the_line_is_noted_within_the_block_only"
    assert found.location.code == "y, place = sqrt(x), here()"
    assert f"line: {HERE}:{place[1]}, in test_the_line" in str(found)
    assert why(before).location is why(after).location is None


def test_everything_that_makes_nodes_is_noted():
    x, array = Value(0.5, "x"), np.array([Value(1.0), Value(2.0)])
    with debug():
        made, place = [
            x + x, x - 1, 2 * x, x / x, x // x, x % x, x**x, 2**x, -x, abs(x), x.tanh(), divmod(x, 2)[1],
            x.__round__(1), np.exp(x), np.dot(array, array), (array * x)[1], np.sum(array), np.float64(2) * x,
            dot([x, 1.0], [2.0, 3.0]), sum([x]), Value.record(exp, x), Value(3.0), gradient(x * x, x),
        ], here()  # fmt: skip
    lines = [origins.location(node) for node in made]
    assert {line.file for line in lines} == {HERE}
    assert all(place[1] - 6 < line.line <= place[1] for line in lines)


def test_a_node_that_no_line_of_the_users_made_has_no_location():
    assert origins._users_line(None) == (None, True)
    assert python_text(Value.record(identity, Value(2.0, "x")) * 2) == "x * 2.0"


def test_plus_x_is_x_and_was_made_elsewhere():
    x = Value(2.0)
    with debug():
        y = +x
        z = x * 1
        first = origins.location(z)
        z = +z
    assert y is x
    assert origins.location(x) is None
    assert origins.location(z) is first


def test_lines_of_the_packages_are_skipped():
    model = MLP(2, [3, 1], seed=0)
    with debug():
        [out], place = model([1.0, 2.0]), here()
    assert origins.location(out)[:2] == place
    assert origins.location(out.parents[0])[:2] == place


def test_code_without_a_file_has_no_text():
    names = {"x": Value(1.0), "exp": exp}
    with debug():
        exec("y = exp(x)", names)
    assert str(origins.location(names["y"])) == "<string>:1"


def test_value_is_as_it_was_before_and_after():
    before = dict(vars(Value))
    new = value.new_node
    with debug():
        assert vars(Value)["__add__"] is not before["__add__"]
        assert value.new_node is not new
        with debug(strict=True):
            pass
        assert vars(Value)["__add__"] is not before["__add__"]
    assert dict(vars(Value)) == before
    assert value.new_node is new
    with pytest.raises(KeyError), debug(strict=True):
        raise KeyError
    assert all(vars(Value)[name] is thing for name, thing in before.items())


def test_notes_go_with_their_nodes_and_equal_numbers_are_not_mixed_up():
    gc.collect()
    before = len(origins._notes)
    with debug():
        x = Value(1.0)
        y = Value(1.0)
    assert origins.location(x).line + 1 == origins.location(y).line
    with debug():
        chain = x
        for _ in range(50):
            chain = chain * 1.0
    assert len(origins._notes) == before + 52
    del x, y, chain
    assert len(origins._notes) == before
    assert origins.location(Value(1.0)) is None


def test_a_block_is_for_its_thread():
    made = {}

    def work(name, watched):
        if watched:
            with debug():
                made[name] = exp(Value(1.0))
                inside.wait()
                done.wait()
        else:
            inside.wait()
            made[name] = exp(Value(1000.0))
            done.set()

    inside, done = threading.Barrier(2), threading.Event()
    threads = [threading.Thread(target=work, args=args) for args in (("a", True), ("b", False))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert origins.location(made["a"]) is not None
    assert origins.location(made["b"]) is None


def test_a_block_is_for_its_task():
    async def watched():
        with debug(strict=True):
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def free():
        await asyncio.sleep(0)
        return exp(Value(1000.0))

    async def both():
        return await asyncio.gather(watched(), free())

    with ThreadPoolExecutor(1) as thread:  # in the thread of the tests, the browser of others may have a loop
        assert thread.submit(asyncio.run, both()).result()[1].data == math.inf


def test_nothing_is_said_when_python_ends_with_notes():
    program = "from autograd_engine import *\nwith debug():\n    x = exp(Value(1.0))\ny = x * x"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


# --- strict ---------------------------------------------------------------------------------------------------------


def test_strict_stops_at_the_first_bad_value():
    x = Value(-1.0, "x")
    with pytest.raises(NotFiniteError) as caught, debug(strict=True):
        y = x * 2
        z, _ = sqrt(y), here()
        z + 1
    found = caught.value.diagnosis
    assert isinstance(caught.value, ArithmeticError)
    assert found.kind == "nan"
    assert found.location.code == "z, _ = sqrt(y), here()"
    assert str(caught.value) == str(found)
    with pytest.raises(NotFiniteError, match="inf is inf itself"), debug(strict=True):
        Value(math.inf)


@pytest.mark.parametrize("overflow", [lambda x: x * 1e10, lambda x: 1e10 * x, lambda x: x + x, np.exp, lambda x: x**2])
def test_strict_watches_every_kind_of_operation(overflow):
    x = Value(1.7e308)
    with pytest.raises(NotFiniteError), debug(strict=True):
        overflow(x)


def test_strict_stops_at_the_first_bad_gradient_and_adds_up_nothing():
    x = Value(0.0, "x")
    with (
        pytest.raises(NotFiniteError, match=r"gradient of 3\.0 \* sqrt\(x \+ 0\.0\) .* is inf") as caught,
        debug(strict=True),
    ):
        loss = 3.0 * sqrt(x + 0.0)
        loss.backward()
    assert caught.value.diagnosis.node.op is sqrt
    assert loss.grad == x.grad == 0.0
    with pytest.raises(NotFiniteError, match="began with inf"), debug(strict=True):
        (x + 1).backward(math.inf)


def test_strict_sees_the_nodes_that_nn_makes_by_itself():
    layer = Layer(1, 2, seed=0)
    layer.neurons[0].weight[0].data = 1e200
    with pytest.raises(NotFiniteError, match=r"dot\(\[w0\], \[x\]\) is inf") as caught, debug(strict=True):
        layer([Value(1e200, "x")])
    assert caught.value.diagnosis.location.code == 'layer([Value(1e200, "x")])'


def test_a_bad_value_at_the_very_end_of_a_block_raises_too():
    [weight], [x] = [Value(1e200, "w")], [Value(1e200, "x")]
    with pytest.raises(NotFiniteError, match="dot"), debug(strict=True):
        Rows([(weight,)]).dots((x,))


def test_a_block_that_is_not_strict_lets_everything_through():
    x = Value(0.0)
    with debug():
        sqrt(x).backward()
    assert x.grad == math.inf


def test_strict_lets_good_gradients_through():
    x = Value(2.0)
    with debug(strict=True):
        (x * x).backward(seed=0.5)
        (x * x).backward(0.5)
    assert x.grad == 4.0


def test_of_nested_blocks_the_inner_one_decides():
    x = Value(-1.0)
    with debug(strict=True):
        with debug():
            y = sqrt(x)
        with pytest.raises(NotFiniteError):
            sqrt(x)
    with debug():
        with pytest.raises(NotFiniteError), debug(strict=True):
            sqrt(x)
        sqrt(x)
    assert origins.location(y) is not None


def test_what_rules_and_sweeps_compute_aside_does_not_count():
    with debug(strict=True):
        assert hessian(lambda x: arctan(x))(0.0) == 0.0  # the rule divides by 0 in a branch that it does not take
        x = Value(0.0)
        where(x > 0, 1 / (x + 1), 0.0).backward()
        y = gradient(where(x > 0, 1.0, x) * 2, x)
        assert y.data == 2.0
        assert why(x + 800.0).kind == "fine"
        with debug():
            bad = log(exp(x + 800.0) + 1)
        assert why(bad).rewrite.rule.pattern == "log(1 + exp(x))"  # trying the rewrite out does not raise


@pytest.mark.parametrize("op", PRIMITIVES.values(), ids=lambda op: op.name)
@settings(max_examples=5)
@given(data=st.data())
def test_what_estimates_and_series_compute_aside_does_not_count(op, data):
    x = data.draw(domain(op))
    with debug(strict=True):
        why(op(*map(Value, x)))
        accuracy(op)(*x)
        grad(lambda t: taylor(op, 2, (1.0,) * len(x))(t, *x[1:])[2])(x[0])


def test_debug_decorates_a_function_too():
    @debug(strict=True)
    def loss(x):
        return log(sigmoid(x))

    with pytest.raises(NotFiniteError, match=r"log\(sigmoid\(x\)\) write -softplus\(-x\)"):
        loss(Value(-800.0, "x"))


def test_a_pattern_is_shown_to_the_end_and_no_deeper():
    def depth(x):
        return 0 if isinstance(x, float) or x.op is None else 1 + max(map(depth, x.arguments))

    assert max(depth(_pattern(rule.pattern)) for rule in REWRITES) == WHOLE


def test_a_list_of_terms_names_three():
    terms = tuple(Operand(Value(1.0, name), 1.0) for name in "abcd")
    assert _names(Terms(terms[:3])) == "a, b, c"
    assert _names(Terms(terms)) == "a, b, c, …"


@pytest.mark.parametrize("bound", [1e3, 2.0**40])
def test_a_number_on_the_bound_is_fine(bound):
    assert kind_of(bound, bound) == kind_of(-1 / bound, bound) == "fine"
    assert kind_of(math.nextafter(bound, math.inf), bound) == "huge"
    assert kind_of(math.nextafter(1 / bound, 0.0), bound) == "vanishing"


ROUNDED = ([1 + 0.9e-6, -1 - 0.9e-6], [1.0, -1.0, 1 + 1.1e-6, -1 - 1.1e-6])
TINY = ([0.0, 0.9e-12], [-1e-300, 1.1e-12])


@pytest.mark.parametrize(
    ("instead", "meant", "not_meant"),
    [
        ("sqrt(maximum((1 - x) * (1 + x), 0))", *ROUNDED),
        ("arccos(clip(x, -1, 1))", *ROUNDED),
        ("arcsin(clip(x, -1, 1))", *ROUNDED),
        ("log(x + 1e-12)", *TINY),
        ("sqrt(x + 1e-12)", *TINY),
        ("sqrt(maximum(x - y, 0))", [(1.0, 1 + 0.9e-6)], [(1.0, 1.0), (1.0, 1 + 1.1e-6), (1.0, 0.5)]),
        ("abs(x) ** y", [(-1e-300, 0.5)], [(0.0, 0.5), (1.0, 0.5)]),
        ("x ** y", [(-2.0, 3.0)], [(-2.0, 0.5)]),
        ("where(m, x, 0)", [(0.0, 1.0)], [(1e-300, 1.0)]),
        ("where(y, x / y, 0)", [(1.0, 0.0)], [(1.0, 1e-300)]),
    ],
)
def test_a_rewrite_is_meant_up_to_its_limit_and_no_further(instead, meant, not_meant):
    [rule] = [rule for rule in REWRITES if rule.instead == instead]
    names = parse(rule.pattern).names

    def says(point):
        return bool(rule.when(**dict(zip(sorted(names), point if isinstance(point, tuple) else (point,)))))

    assert list(map(says, [*meant, *not_meant])) == [True] * len(meant) + [False] * len(not_meant)
