"""Laws of check_gradients: right derivatives pass everywhere, wrong ones are caught and the guilty rule is named."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import autograd_engine as ag
from autograd_engine import PRIMITIVES, Primitive, Value
from autograd_engine.check import GradientCheck, GradientError, Slope, check_gradients
from autograd_engine.derivatives import grad
from tests.laws.rows import NONZERO
from tests.laws.strategies import Expression, domain, expressions, points

ROWS = list(PRIMITIVES.values())


@pytest.fixture
def new_row() -> Iterator[Callable[..., Primitive]]:
    """Makes primitives that are gone after the test."""
    made: list[str] = []

    def make(name: str, forward: Callable[..., float], partials: Callable[..., Any]) -> Primitive:
        made.append(name)
        return Primitive(name, name, forward, partials, "A row of a test.")

    yield make
    for name in made:
        PRIMITIVES.pop(name)


# --- right derivatives pass -------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
@settings(max_examples=6)
@given(data=st.data())
def test_every_primitive_passes_on_its_domain(op: Primitive, data: st.DataObject) -> None:
    check_gradients(op, *data.draw(domain(op)), order=2)


@settings(max_examples=40)
@given(expressions(), points())
def test_random_expressions_pass(expression: Expression, point: tuple[float, ...]) -> None:
    check_gradients(expression, *point)


@settings(max_examples=15)
@given(expressions(max_steps=5), points())
def test_random_smooth_expressions_pass_to_second_order(expression: Expression, point: tuple[float, ...]) -> None:
    check_gradients(expression, *point, order=2)


UNITS = st.integers(-25, 25).map(lambda power: 10.0**power)


def in_units(
    expression: Expression, point: tuple[float, ...], units: tuple[float, float, float]
) -> tuple[Callable[..., Any], list[float]]:
    """An expression and a point with its variables, and its result, measured in other units."""
    of_x, of_y, of_result = units

    def f(x: Any, y: Any) -> Any:
        return expression(x / of_x, y / of_y) * of_result

    return f, [point[0] * of_x, point[1] * of_y]


@settings(max_examples=150)
@given(expressions(), st.tuples(NONZERO, NONZERO), st.tuples(UNITS, UNITS, UNITS))
def test_random_expressions_pass_in_any_units(
    expression: Expression, point: tuple[float, float], units: tuple[float, float, float]
) -> None:
    f, scaled = in_units(expression, point, units)
    check_gradients(f, *scaled)


def test_a_step_across_a_peak_is_not_trusted_beyond_what_finer_steps_say() -> None:
    def f(x: Any, y: Any) -> Any:
        """Its second term hides the first, whose slope with respect to y peaks one step away, in rounding."""
        return (ag.erf(ag.logaddexp(x, y / 0.001)) + ag.tanh(x) + ag.tanh(x) + ag.tanh(x)) * 1e22

    check_gradients(f, 5.0, 0.00025)


def near_one(x: Any) -> Any:
    """About 0.993 at 0, in many roundings."""

    def positive(x: Any) -> Any:
        return 0.3 + ag.softplus(ag.tanh(x))

    return positive(ag.xlogy(ag.tanh(ag.log10(positive(1 / positive(x)))), positive(x)))


TINY = {
    "gauss": lambda x: ag.exp(-x * x),
    "cos": ag.cos,
    "sin": ag.sin,
    "tanh": ag.tanh,
    "lorentz": lambda x: 1 / (1 + x * x),
    "exp": ag.exp,
}


@pytest.mark.parametrize("f", TINY.values(), ids=TINY)
@settings(max_examples=40)
@given(st.floats(-3.0, 6.0), st.floats(-26.0, -3.0), st.sampled_from([1, -1]), st.sampled_from([1, 2]))
def test_steep_functions_pass_near_zero(
    f: Callable[[Any], Any], steepness: float, power: float, sign: int, order: int
) -> None:
    check_gradients(lambda x: f(10**steepness * x), sign * 10**power, order=order)


SCALES = {
    "exp(20 x)": (lambda x: ag.exp(20 * x), [-3.0, 1e-8, 1.0, 3.0]),
    "x**10": (lambda x: x**10, [0.0, 1e-8, 1e-3, -1.0, 1e8]),
    "cancellation": (lambda x: (1e8 + x) - 1e8, [1e-8, 1e-3, 1.0, 1e8]),
    "half cancelled": (lambda x: x + ((1e8 + x) - 1e8), [1e-3, 1.0]),
    "difference of squares": (lambda x: (1 + x) ** 2 - 1 - x * (2 + x), [1e-8, 1.0, 1e8]),
    "log": (ag.log, [1e-300, 1e-8, 1e8, 1e300]),
    "sin": (ag.sin, [1e-300, 1e-8, 1e8, 1e12]),
    "fast sine": (lambda x: ag.sin(1e8 * x), [1.0, 1e-8]),
    "1 / x": (lambda x: 1 / x, [1e-150, -1e-8, 1e8]),
    "logistic tail": (ag.sigmoid, [-700.0, -40.0, 40.0]),
    "tanh tail": (ag.tanh, [18.0, 20.0]),
    "rational": (lambda x: (x - 1) / (x + 1e-6), [1e-6, 1.0, 1e6]),
    "its slope rounds, its value does not": (lambda x: ag.xlogy(x, near_one(x)), [0.0]),
    "slopes that cancel": (lambda x: ag.gelu(x) - x / x, [2.5592477875184847e-08, 1e-12]),
    "linear": (lambda x: 3 * x + 1, [1e-8, 0.0, 1e8, 1e300]),
    "constant": (lambda x: 7.0, [0.0, 1e8]),
    "nothing": (lambda x: x - x, [0.0, 1.0, 1e8]),
    "even, beside its middle": (lambda x: ag.exp(-((100 * x) ** 2)), [0.1 + 0.2 - 0.3, 1e-17, -2.86e-19]),
    "fast and even": (lambda x: ag.cos(100 * x), [1e-17, 5e-17, -3e-20]),
    "whole steps lead from zero to zero": (ag.sinc, [1e5, 1e8, 3e8]),
    "a peak narrower than all large steps": (lambda x: ag.exp(-((1e6 * x) ** 2)), [1e-17, 3e-7]),
    "nearly a kink": (abs, [1e-9, -1e-13, 1e-300]),
}


@pytest.mark.parametrize(("f", "points"), SCALES.values(), ids=SCALES)
def test_no_false_alarm_at_any_scale(f: Callable[..., Any], points: list[float]) -> None:
    for x in points:
        check_gradients(f, x)
        if 1e-10 < abs(x) < 1e10:
            check_gradients(f, x, order=2)


@pytest.mark.parametrize(("f", "x"), [(lambda x: ag.sin(100 * x), 5e-17), (lambda x: ag.tanh(79.6 * x), 1.2e-18)])
def test_an_even_slope_beside_its_middle_is_no_false_alarm(f: Callable[..., Any], x: float) -> None:
    check_gradients(f, x, order=2)


# --- wrong derivatives are caught -------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.floats(-2.0, 2.0), st.floats(0.1, 3.0), st.sampled_from([1e-6, -1e-6, 1e-3, 1.0, -2.0]))
def test_a_wrong_gradient_is_caught(x: float, y: float, error: float) -> None:
    def f(x: float, y: float) -> float:
        return math.exp(x) * math.sin(x * y) + math.log(y)

    def true(x: float, y: float) -> tuple[float, float]:
        return (
            math.exp(x) * (math.sin(x * y) + y * math.cos(x * y)),
            math.exp(x) * x * math.cos(x * y) + 1 / y,
        )

    dx, dy = true(x, y)
    assume(abs(dx) > 1e-2 and abs(dy) > 1e-2)
    check_gradients(f, x, y, gradient=true)
    with pytest.raises(GradientError) as caught:
        check_gradients(f, x, y, gradient=lambda x, y: (dx, dy * (1 + error)))
    assert caught.value.check is not None
    assert [slope.agrees for slope in caught.value.check.first] == [True, False]
    assert "1 of 2 derivatives disagree" in str(caught.value)


@settings(max_examples=20)
@given(expressions(max_steps=5), points(), st.sampled_from([1e-6, -1e-3, 3.0]))
def test_a_wrong_gradient_of_a_random_expression_is_caught(
    expression: Expression, point: tuple[float, ...], error: float
) -> None:
    check = check_gradients(expression, *point)
    assume(any(abs(slope.found) > 1e7 * slope.tolerance for slope in check.first))
    with pytest.raises(GradientError):
        check_gradients(expression, *point, gradient=lambda *xs: [x.found * (1 + error) for x in check.first])


WRONG: dict[str, Callable[[float, float], tuple[float, float]]] = {
    "a thousandth off": (lambda dx, dy: (dx * 1.001, dy * 1.001)),
    "the wrong sign": (lambda dx, dy: (-dx, -dy)),
    "nothing": (lambda dx, dy: (0.0, 0.0)),
    "swapped": (lambda dx, dy: (dy, dx)),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@settings(max_examples=40)
@given(expressions(), st.tuples(NONZERO, NONZERO), st.tuples(UNITS, UNITS, UNITS))
def test_a_wrong_gradient_is_caught_in_any_units(
    wrong: Callable[[float, float], tuple[float, float]],
    expression: Expression,
    point: tuple[float, float],
    units: tuple[float, float, float],
) -> None:
    f, scaled = in_units(expression, point, units)
    dx, dy = (slope.found for slope in check_gradients(f, *scaled).first)
    bad = wrong(dx, dy)
    # What is wrong must be more than rounding: over a unit it moves f by a hundred thousandth of its size.
    moves = [abs(b - d) * unit for b, d, unit in zip(bad, (dx, dy), units)]
    assume(max(moves) > 1e-5 * max(abs(f(*scaled)), units[2]))
    with pytest.raises(GradientError):
        check_gradients(f, *scaled, gradient=lambda x, y: bad)


STEEP: dict[str, tuple[Callable[..., Any], float, Callable[[float], float]]] = {
    "x**x": (lambda x: ag.exp(x * ag.log(x)), 100.0, lambda x: 0.0),
    "exp(x²)": (lambda x: ag.exp(x * x), 20.0, lambda x: 0.0),
    "exp(500 x)": (lambda x: ag.exp(500 * x), 1.0, lambda x: 1.01 * 500 * math.exp(500 * x)),
    "far down the tail": (ag.exp, -700.0, lambda x: 3 * math.exp(x)),
    "in units of physics": (lambda q: 8.99e9 * q * q / 1e-10, 1.6e-19, lambda q: 0.0),
}


@pytest.mark.parametrize(("f", "x", "wrong"), STEEP.values(), ids=STEEP)
def test_what_f_rounds_elsewhere_does_not_hide_a_wrong_gradient(
    f: Callable[..., Any], x: float, wrong: Callable[[float], float]
) -> None:
    (slope,) = check_gradients(f, x).first
    assert slope.tolerance < 1e-8 * abs(slope.found)
    with pytest.raises(GradientError):
        check_gradients(f, x, gradient=wrong)


def test_a_rule_that_is_wrong_only_far_out_is_named(new_row: Any) -> None:
    bad = new_row("bad_tail", math.exp, lambda out, x: (ag.where(x < -500, 0.0, out),))
    check_gradients(bad, -400.0)
    with pytest.raises(GradientError, match="guilty: the partials of bad_tail"):
        check_gradients(bad, -700.0)


def test_a_rule_of_floats_only_is_checked_too(new_row: Any) -> None:
    row = new_row("float_sin", math.sin, lambda out, x: (math.cos(x),))
    check_gradients(lambda x: 1e3 * row(1e3 * x), 0.3)
    with pytest.raises(GradientError):
        check_gradients(lambda x: row(x), 0.3, gradient=lambda x: 1.0001 * math.cos(x))


def deep(bad: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def f(xs: Any, w: Any) -> Any:
        hidden = [ag.tanh(ag.dot(xs, w) + k) for k in range(8)]
        odd = bad(hidden[7])
        if isinstance(odd, Value):
            odd.label = "odd one"
        return ag.sum(hidden) * odd + ag.exp(hidden[0])

    return f


POINT = ([0.3, -0.7], [1.1, 0.4])


def test_the_guilty_rule_is_named_with_its_node(new_row: Any) -> None:
    bad = new_row("bad_sin", math.sin, lambda out, x: (ag.cos(x) * (1 + 1e-6),))
    with pytest.raises(GradientError) as caught:
        check_gradients(deep(bad), *POINT)
    report = str(caught.value)
    assert "guilty: the partials of bad_sin, at odd one = bad_sin(" in report
    assert report.count("guilty") == 1
    assert "w[1]" in report
    assert "input 1" in report
    assert len(report.splitlines()) < 40
    check_gradients(deep(ag.sin), *POINT, order=2)


def test_a_rule_that_is_wrong_only_when_differentiated_again_is_named(new_row: Any) -> None:
    def frozen(out: Any, x: Any) -> Any:
        return (out.data if isinstance(out, Value) else out,)

    bad = new_row("bad_exp", math.exp, frozen)
    check_gradients(deep(bad), *POINT)
    with pytest.raises(GradientError, match="guilty: the partials of bad_exp") as caught:
        check_gradients(deep(bad), *POINT, order=2)
    assert "input 1, input 1" in str(caught.value)


def test_more_guilty_rules_than_fit_are_named_in_one_line(new_row: Any) -> None:
    rows = [new_row(f"bad_{i}", lambda x, y: x + y, lambda out, x, y: (1.0, 1.5)) for i in range(5)]

    def f(x: Any, y: Any) -> Any:
        for row in rows:
            x = row(x, y)
        return x

    with pytest.raises(GradientError, match="also guilty: bad_3, bad_4") as caught:
        check_gradients(f, 1.0, 2.0)
    assert "input 2" in str(caught.value)


def test_a_long_table_is_cut_and_shows_what_is_wrong_first() -> None:
    def wrong(xs: list[float]) -> list[float]:
        return [2 * x + (1.0 if i in (50, 59) else 0.0) for i, x in enumerate(xs)]

    with pytest.raises(GradientError) as caught:
        check_gradients(lambda xs: sum(x * x for x in xs), [float(i) for i in range(60)], gradient=wrong)
    lines = str(caught.value).splitlines()
    assert lines[2].startswith("xs[50]")
    assert lines[3].startswith("xs[59]")
    assert lines[-1] == "... and 40 more, 0 of them wrong"


HINTS = {
    "a detached path": (lambda x: x * (x.detach() if isinstance(x, Value) else x), "look for .data, float\\(\\)"),
    "no path at all": (lambda x: ag.exp(x.data if isinstance(x, Value) else x), "not recorded|does not reach x"),
    "another input": (lambda x: Value(2.0) * (x.data if isinstance(x, Value) else x), "does not reach x"),
    "another branch": (lambda x: x + 1 if isinstance(x, Value) else x, "2.0 on floats, but 3.0 on Values"),
    "an infinite slope inside": (lambda x: ag.sqrt(x - x) + x, "infinite slope.*\na node = sqrt\\(0\\) = 0"),
    "a kink inside": (lambda x: ag.copysign(x - 2, x - 2), "kink.*\na node = copysign"),
}


@pytest.mark.parametrize(("f", "hint"), HINTS.values(), ids=HINTS)
def test_where_no_rule_is_guilty_a_hint_says_what_to_look_for(f: Callable[..., Any], hint: str) -> None:
    with pytest.raises(GradientError, match=hint) as caught:
        check_gradients(f, 2.0)
    assert "guilty" not in str(caught.value)


def test_a_different_value_is_reported_before_any_derivative() -> None:
    with pytest.raises(GradientError, match="on floats") as caught:
        check_gradients(lambda x: 2 * x * x if isinstance(x, Value) else x, 2.0)
    assert caught.value.check is None


# --- kinks, jumps, edges ----------------------------------------------------------------------------------

KINKS = [
    (ag.relu, (0.0,), (0.0, 1.0)),
    (abs, (0.0,), (-1.0, 1.0)),
    (lambda x: ag.sin(x) + 1e-3 * ag.relu(x), (0.0,), (1.0, 1.001)),
    (lambda x: 5 + 3 * ag.leaky_relu(x, 0.25), (0.0,), (0.75, 3.0)),
    (lambda x: ag.maximum(x, 3.0), (3.0,), (0.0, 1.0)),
    (lambda x: ag.minimum(x, x * x), (1.0,), (1.0, 2.0)),
    (lambda x: ag.clip(x, -1.0, 1.0), (1.0,), (0.0, 1.0)),
    (lambda x: ag.hypot(x, 0.0), (0.0,), (-1.0, 1.0)),
]


@pytest.mark.parametrize(("f", "point", "sides"), KINKS)
def test_at_a_kink_the_derivative_lies_between_the_slopes_of_the_sides(
    f: Callable[..., Any], point: tuple[float, ...], sides: tuple[float, float]
) -> None:
    slope = check_gradients(f, *point, order=2).first[0]
    assert slope.note == "kink"
    assert (slope.low, slope.high) == pytest.approx(sides, abs=1e-9)
    low, high = sides
    for inside in (low, (low + high) / 2, high):
        check_gradients(f, *point, gradient=lambda x, inside=inside: inside)
    for outside in (low - 1e-6, high + 1e-6, nan, inf):
        with pytest.raises(GradientError):
            check_gradients(f, *point, gradient=lambda x, outside=outside: outside)


@pytest.mark.parametrize("f", [ag.floor, ag.ceil, ag.sign, lambda x: ag.heaviside(x, 0.5), lambda x: ag.fmod(x, 2.0)])
def test_at_a_jump_the_sides_count_and_nan_is_no_lie(f: Callable[..., Any]) -> None:
    slope = check_gradients(f, 0.0, order=2).first[0]
    assert slope.difference == 0
    if f(0.0) != f(1e-9) or f(0.0) != f(-1e-9):
        assert slope.note in ("jump", "")
    with pytest.raises(GradientError):
        check_gradients(f, 0.0, gradient=lambda x: 1.5)


def test_where_there_is_a_jump_nan_is_accepted() -> None:
    assert {slope.note for slope in check_gradients(ag.arctan2, 0.0, 0.0).first} == {"jump"}


EDGES = [
    (ag.sqrt, 0.0, inf),
    (ag.arcsin, 1.0, inf),
    (ag.arccos, -1.0, -inf),
    (ag.arccosh, 1.0, inf),
    (ag.cbrt, 0.0, inf),
    (lambda x: x**0.9, 0.0, inf),
    (lambda x: ag.xlogy(x, x), 0.0, -inf),
    (lambda x: ag.xlogy(x, 0.0), 0.0, -inf),
    (lambda x: x**1.5, 0.0, 0.0),
    (lambda x: x**1.1, 0.0, 0.0),
    (lambda x: (x - 1) * ag.log1p(-x * x), 0.0, 0.0),
]


@pytest.mark.parametrize(("f", "x", "slope"), EDGES)
def test_at_the_edge_of_the_domain_one_side_decides(f: Callable[..., Any], x: float, slope: float) -> None:
    assert check_gradients(f, x, gradient=lambda x: slope).first[0].found == slope
    for wrong in (1.0, -slope if slope else -0.5, nan):
        with pytest.raises(GradientError):
            check_gradients(f, x, gradient=lambda x, wrong=wrong: wrong)


@pytest.mark.parametrize("x", [1e-300, 1e-12, 1e-5, 1 - 1e-12, 1 - 2**-53])
def test_points_near_the_edge_are_checked(x: float) -> None:
    for f in (ag.log, ag.sqrt, ag.arcsin, ag.arctanh, math.log, math.sqrt):
        check_gradients(f, x, gradient=grad(getattr(ag, f.__name__, f) if f in (math.log, math.sqrt) else f))
    with pytest.raises(GradientError):
        check_gradients(ag.log, x, gradient=lambda x: 1.001 / x)


def test_what_cannot_be_judged_is_accepted_and_says_so() -> None:
    for f, x, found in [
        (lambda x: ag.pow(-2.0, x), 3.0, nan),  # nan on both sides
        (lambda x: ag.sin(1e40 * x), 1.0, 5.0),  # nothing but rounding
        (ag.sin, 1e30, 0.3),  # changes faster than the last bits of x
    ]:
        (slope,) = check_gradients(f, x, gradient=lambda x, found=found: found).first
        assert slope.note == "not judged"
        assert "not judged" in slope.row()


@settings(max_examples=100)
@given(st.floats(30.0, 300.0), st.sampled_from([ag.sin, ag.cos]))
def test_a_sine_far_out_cannot_be_judged(power: float, f: Primitive) -> None:
    assert check_gradients(f, 10.0**power).first[0].note == "not judged"
    assert check_gradients(f, -(10.0**power)).first[0].note == "not judged"


def test_a_slope_beyond_all_floats_is_infinite() -> None:
    for x in (3.4e-121, -1e-130):
        (slope,) = check_gradients(lambda x: 1 / x, x, order=2).second
        assert slope.found == slope.low == slope.high == math.copysign(inf, x)
    check_gradients(ag.reciprocal, 7.9e-193, order=2)  # here the first slope is infinite already


def test_python_beyond_the_edge_of_a_domain_is_no_failure() -> None:
    check_gradients(lambda x: x**0.5, 1e-5)  # complex left of 0
    check_gradients(lambda x: 1 / x, 1.0)  # ZeroDivisionError at 1 - 1
    check_gradients(lambda x: 10.0**x, 300.0)  # OverflowError at 300 + 300
    check_gradients(lambda x: np.sqrt(x), 1e-5)  # RuntimeWarning of NumPy
    check_gradients(lambda x: x * 0.5, 1.7e308)


def guarded(x: Any) -> Any:
    assert x < 2.9
    return x * x


def looked_up(x: Any) -> Any:
    return x * [1.0, 2.0, 3.0][int(x.data if isinstance(x, Value) else x)]


def refused(x: Any) -> Any:
    if x > 2.9:
        raise RuntimeError("too far")
    return x * x


@pytest.mark.parametrize("f", [guarded, looked_up, refused])
def test_whatever_f_raises_away_from_the_point_is_an_edge_of_its_domain(f: Callable[..., Any]) -> None:
    check_gradients(f, 2.5)
    with pytest.raises(GradientError):
        check_gradients(f, 2.5, gradient=lambda x: 1.0)


# --- a gradient from outside -------------------------------------------------------------------------------


def test_rounding_inside_a_function_of_plain_floats_is_seen_from_outside() -> None:
    def cancelling(x: float) -> float:
        return (1e6 + math.exp(x)) - 1e6

    check = check_gradients(cancelling, 0.5, gradient=math.exp)
    assert check.first[0].tolerance > 1e-12
    with pytest.raises(GradientError):
        check_gradients(cancelling, 0.5, gradient=lambda x: math.exp(x) * (1 + 1e-4))


@pytest.mark.parametrize("x", [0.99999, 1.99999, 0.49999])
def test_steps_across_a_power_of_two_are_taken_as_they_were_rounded(x: float) -> None:
    check_gradients(lambda x: math.log(x), x, gradient=lambda x: 1 / x)


def test_the_structure_of_the_point_names_the_derivatives() -> None:
    def f(w: dict[str, Any], scale: float) -> Any:
        return scale * (w["a"] @ w["a"]) + w["b"][0] * w["b"][1]

    point = {"a": np.array([1.0, 2.0]), "b": (3.0, 4.0)}
    check = check_gradients(f, point, 5, order=2)
    assert [slope.by for slope in check.first] == ["w['a'][0]", "w['a'][1]", "w['b'][0]", "w['b'][1]", "scale"]
    assert [slope.found for slope in check.first] == [10.0, 20.0, 4.0, 3.0, 5.0]
    assert len(check.second) == 25
    assert check.second[1].by == "w['a'][0], w['a'][1]"
    assert check_gradients(math.hypot, 3.0, 4.0, gradient=lambda x, y: (0.6, 0.8)).first[1].by in ("x2", "y")
    assert check_gradients(ag.sum, [1.0, 2.0]).first[1].by == "values[1]"


def test_a_gradient_of_a_dict_is_matched_by_its_keys() -> None:
    def f(w: dict[str, Any], scale: float) -> Any:
        return scale * (w["a"] ** 2 + w["b"][0] ** 3 * w["b"][1])

    check = check_gradients(
        f,
        {"a": 2.0, "b": [3.0, 5.0]},
        7.0,
        gradient=lambda w, scale: [{"b": np.array([945.0, 189.0]), "a": 28.0}, 139.0],
    )
    assert [slope.found for slope in check.first] == [28.0, 945.0, 189.0, 139.0]


TWO_BY_THREE = np.arange(6.0).reshape(2, 3)

ALIKE: dict[str, tuple[Any, Any]] = {
    "a number": (3.0, 6.0),
    "a tuple of one": (3.0, (6.0,)),
    "a list of one": ([3.0], [6.0]),
    "a list of one, in a tuple": ([3.0], ([6.0],)),
    "rows of an array": (TWO_BY_THREE, (2 * TWO_BY_THREE).tolist()),
    "an array for lists": (TWO_BY_THREE.tolist(), 2 * TWO_BY_THREE),
}


@pytest.mark.parametrize(("point", "slopes"), ALIKE.values(), ids=ALIKE)
def test_lists_tuples_and_arrays_stand_for_each_other(point: Any, slopes: Any) -> None:
    check_gradients(lambda x: np.sum(np.square(x)), point, gradient=lambda x: slopes)


MISFITS: dict[str, tuple[Any, Any, str]] = {
    "a list for a dict": ({"a": 1.0, "b": 2.0}, [1.0, 1.0], "for x a dict with the keys 'a', 'b', got list of 2"),
    "another key": ({"a": 1.0}, {"b": 1.0}, "for x a dict with the keys 'a', got dict with the keys 'b'"),
    "a key too many": ({"a": 1.0}, {"a": 1.0, "b": 1.0}, "got dict with the keys 'a', 'b'"),
    "a list for a number": ({"a": [1.0, 2.0]}, {"a": [1.0, [2.0]]}, r"for x\['a'\]\[1\] one number, got list of 1"),
    "a flat list for a nested one": ([[1.0, 2.0], [3.0]], [1.0, 1.0, 1.0], "for x a list, tuple or array of 2"),
    "a transposed array": (TWO_BY_THREE, TWO_BY_THREE.T, "for x a list, tuple or array of 2, got ndarray of 3"),
    "a row too short": (TWO_BY_THREE, [[1.0] * 3, [1.0] * 2], r"for x\[1\] a list, tuple or array of 3, got list of 2"),
    "a dict for a number": (1.0, {"a": 1.0}, "for x one number, got dict"),
}


@pytest.mark.parametrize(("point", "slopes", "message"), MISFITS.values(), ids=MISFITS)
def test_a_gradient_of_another_structure_is_refused(point: Any, slopes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"the structure of the point: .*{message}"):
        check_gradients(lambda x: 0.0, point, gradient=lambda x: slopes)


def test_a_success_is_a_table_of_each_derivative_beside_its_finite_difference() -> None:
    check = check_gradients(lambda x, y: x * y, 3.0, 4.0)
    assert isinstance(check, GradientCheck)
    lines = str(check).splitlines()
    assert lines[0] == "f = 12"
    assert lines[1].split() == ["wrt", "at", "found", "finite", "difference", "tolerance", "difference"]
    assert lines[2].split()[:4] == ["x", "3", "4", "4"]
    assert check == check_gradients(lambda x, y: x * y, 3.0, 4.0)
    assert Slope("x", 0.0, nan, 0.0, 1.0, 0.1).difference != 0


def test_nothing_is_changed_in_the_values_that_f_closes_over() -> None:
    w = Value(3.0, label="w")
    check_gradients(lambda x: w * x * x, 2.0, order=2)
    assert w.grad == 0.0


# --- what cannot be checked ---------------------------------------------------------------------------------

BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "no function": (lambda: check_gradients(3.0, 2.0), TypeError, "needs a function first, got float"),
    "no point": (lambda: check_gradients(abs), ValueError, "needs a point"),
    "empty point": (lambda: check_gradients(sum, []), ValueError, "needs a point"),
    "text": (lambda: check_gradients(abs, "a"), TypeError, "in the point, x.*got str"),
    "a Value": (
        lambda: check_gradients(abs, Value(1.0)),
        TypeError,
        "in the point, x.*got autograd_engine.value.Value",
    ),
    "nan": (lambda: check_gradients(lambda x: x, nan), ValueError, "the point, x, is nan"),
    "inf": (lambda: check_gradients(lambda x: x, inf), ValueError, "the point, x, is inf"),
    "order": (lambda: check_gradients(abs, 1.0, order=3), ValueError, "order must be 1 or 2, got 3"),
    "order and gradient": (
        lambda: check_gradients(abs, 1.0, order=2, gradient=abs),
        ValueError,
        "leave out gradient, or order",
    ),
    "returns a list": (lambda: check_gradients(lambda x: [x], 1.0), TypeError, "f to return one number.*got list"),
    "returns None": (lambda: check_gradients(lambda x: None, 1.0), TypeError, "f to return one number.*NoneType"),
    "returns nan": (lambda: check_gradients(ag.log, -1.0), ValueError, "f is nan at the point"),
    "returns inf": (lambda: check_gradients(ag.log, 0.0), ValueError, "f is -inf at the point"),
    "complex": (lambda: check_gradients(lambda x: x**0.5, -1.0), ValueError, "f is nan at the point"),
    "raises": (lambda: check_gradients(lambda x: 1 / int(x), 0.0), ValueError, "cannot be computed.*division by zero"),
    "math on Values": (lambda: check_gradients(math.exp, 1.0), TypeError, "exp, not math.exp"),
    "short gradient": (
        lambda: check_gradients(lambda x, y: x, 1.0, 2.0, gradient=lambda x, y: 1.0),
        ValueError,
        "structure of the point: for the point a list, tuple or array of 2, got float",
    ),
    "gradient of text": (lambda: check_gradients(abs, 1.0, gradient=str), TypeError, "result of gradient.*got str"),
}


@pytest.mark.parametrize(("call", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input_gets_one_clear_sentence(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_function_with_randomness_is_refused() -> None:
    numbers = iter(range(100))
    with pytest.raises(ValueError, match="remove what is random"):
        check_gradients(lambda x: x + next(numbers), 1.0)
