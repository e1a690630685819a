"""Laws of descent: the lectures' problems, why it ends, and that SciPy gets the same derivatives."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import Value, cos, exp, jacobian, log, sigmoid, sqrt
from autograd_engine import sum as node_sum
from nn import SGD, Adam, Backtracking, cosine_annealing, least_squares, minimize, scipy_problem

SECOND_LECTURE = [
    (0.32625098, 0.71507894),
    (-0.65595776, 1.0065779),
    (-0.9664146, 1.09676408),
    (1.53148642, 0.48558244),
    (-1.07312405, 1.12584863),
    (1.32680081, 0.51212226),
]


def parabola(x: Any) -> Any:
    return (x - 5) ** 2


def rosenbrock(p: Any) -> Any:
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def rosenbrock_residuals(p: Any) -> Any:
    return [1 - p[0], 10 * (p[1] - p[0] ** 2)]


def chain_residuals(w: Any) -> list[Any]:
    return [w[2] * sigmoid(w[1] * sigmoid(w[0] * s0)) - out for s0, out in SECOND_LECTURE]


# --- the lectures ---------------------------------------------------------------------------------------------


def test_the_fourth_lectures_parabola_has_its_minimum_at_5() -> None:
    descent = minimize(parabola, 0.0)
    assert descent.x == pytest.approx(5, abs=1e-6)
    assert descent.reason == "converged"
    assert 0.1 * descent.gradient_norms[-1] <= 1e-8 < 0.1 * descent.gradient_norms[-2]


@given(st.floats(0.01, 0.99), st.floats(-10, 10))
def test_a_fixed_rate_follows_the_closed_form(alpha: float, x0: float) -> None:
    descent = minimize(parabola, x0, lr=alpha, max_steps=50)
    for k, (x, value, norm) in enumerate(zip(descent.points, descent.values, descent.gradient_norms)):
        distance = (x0 - 5) * (1 - 2 * alpha) ** k
        assert x - 5 == pytest.approx(distance, rel=1e-9, abs=1e-12)
        assert value == pytest.approx(distance**2, rel=1e-6, abs=1e-12)
        assert norm == pytest.approx(2 * abs(distance), rel=1e-6, abs=1e-12)


def test_a_variable_rate_is_that_of_each_step() -> None:
    descent = minimize(parabola, 0.0, lr=lambda k: 0.5 / (1 + k) ** 0.5 if k else 0.1, tolerance=1e-10)
    assert descent.points[:3] == (0.0, 1.0, pytest.approx(1 - 0.5 / 2**0.5 * 2 * (1 - 5)))
    assert descent.lrs[:2] == (0.1, 0.5 / 2**0.5)
    assert descent.reason == "converged"
    annealed = minimize(parabola, 0.0, lr=cosine_annealing(0.3, 100))
    assert annealed.x == pytest.approx(5, abs=1e-6)


def test_the_stopping_rule_looks_at_the_learning_rate_too() -> None:
    descent = minimize(parabola, 0.0, lr=1e-9)
    assert (descent.steps, descent.reason, descent.points) == (0, "small_step", (0.0,))
    assert descent.message == (
        "not converged after 0 steps: lr · ‖gradient‖ = 1e-08 <= 1e-08, but ‖gradient‖ = 10 is not small"
    )
    assert minimize(parabola, 5.0, tolerance=0.0).steps == 0


@pytest.mark.parametrize(
    ("f", "x0", "lr"),
    [
        (parabola, 0.0, 1e-9),
        (parabola, 0.0, lambda k: 0.1 * 0.5**k),
        (parabola, 0.0, Backtracking(lr=1e-9)),
        (lambda x: 1e-15 * (x - 5) ** 2, 0.0, 0.1),
        (lambda x: (1e12 * x - 5) ** 2, 1e-12, 1e-25),
        (lambda p: 1e-9 * (p[0] - 5) ** 2 + (p[1] - 5) ** 2, [4.0, 5.0], 0.1),
        (lambda p: 1e-9 * (p[0] - 5) ** 2 + (p[1] - 5) ** 2, [4.0, 4.0], 0.1),
        (lambda x: x if x >= 0 else x + 10, 0.0, Backtracking()),
    ],
)
def test_a_short_step_is_no_convergence_where_the_gradient_is_not_small(f: Any, x0: Any, lr: Any) -> None:
    descent = minimize(f, x0, lr=lr)
    assert descent.reason == "small_step"
    assert descent.message.startswith("not converged after ")


@given(st.floats(-10, 10), st.floats(1e-10, 0.9), st.floats(1e-12, 1e-2), st.booleans())
def test_what_has_converged_has_a_small_gradient(x0: float, lr: float, tolerance: float, search: bool) -> None:
    descent = minimize(parabola, x0, lr=Backtracking(lr) if search else lr, tolerance=tolerance, max_steps=200)
    if descent.reason == "converged":
        slope, largest = descent.gradient_norms[-1], max(descent.gradient_norms)
        assert slope <= tolerance**0.5 * largest or abs(descent.x - 5) <= tolerance * abs(descent.x) * (1 + 1e-6)


@pytest.mark.parametrize("x0", [[math.pi, 0.0], [-math.pi, 0.0], [math.pi, 1.0]])
def test_a_slope_that_is_0_but_for_rounding_is_small(x0: list[float]) -> None:
    descent = minimize(lambda x: cos(x[0]) + x[1] ** 2, x0)
    assert (descent.reason, abs(descent.x[0])) == ("converged", math.pi)


def test_the_end_of_a_descent_is_a_start_that_has_converged() -> None:
    assert minimize(parabola, minimize(parabola, 0.0).x, tolerance=1e-7).reason == "converged"


@pytest.mark.parametrize("k", [-200, -20, 3, 100])
@pytest.mark.parametrize("search", [False, True])
def test_powers_of_two_change_nothing_but_the_units_of_a_descent(k: int, search: bool) -> None:
    def settings(lr: float) -> Any:
        return {"lr": Backtracking(lr) if search else lr, "max_steps": 50}

    plain, unit = minimize(rosenbrock, [-1.2, 1.0], **settings(2.0**-10)), 2.0**k
    higher = minimize(lambda p: unit * rosenbrock(p), [-1.2, 1.0], **settings(2.0**-10 / unit))
    assert (higher.points, higher.reason) == (plain.points, plain.reason)
    wider = minimize(
        lambda p: rosenbrock([c / unit for c in p]), [-1.2 * unit, unit], **settings(2.0**-10 * unit**2), tolerance=0.0
    )
    assert [[c / unit for c in x] for x in wider.points] == list(plain.points)
    assert (wider.values, wider.reason) == (plain.values, plain.reason)


@pytest.mark.parametrize(("alpha", "max_steps"), [(1.1, 50), (1.1, 5000), (3.0, 1000), (1e200, 10)])
def test_too_large_a_rate_diverges_and_is_reported(alpha: float, max_steps: int) -> None:
    descent = minimize(parabola, 0.0, lr=alpha, max_steps=max_steps)
    assert descent.reason == "diverged"
    assert descent.message.startswith("diverged")
    assert not descent.value < descent.values[0]
    if math.isfinite(descent.value):
        assert f"f(x) rose from 25 to {descent.value:g} in {max_steps} steps" in descent.message


def test_too_small_a_rate_runs_out_of_steps() -> None:
    descent = minimize(parabola, 0.0, lr=1e-4, max_steps=10)
    assert (descent.reason, descent.steps, len(descent.lrs)) == ("max_steps", 10, 10)
    assert descent.message == "not converged after 10 steps, ‖gradient‖ = 9.98"
    assert sorted(descent.values, reverse=True) == list(descent.values)


def test_the_second_lectures_weights_are_found() -> None:
    fit = least_squares(chain_residuals, [2.0, 1.0, 0.5])
    assert fit.reason == "converged"
    assert [round(w, 5) for w in fit.x] == [1.0, -2.0, 3.0]
    assert fit.value < 1e-15


def test_gradient_descent_comes_near_the_second_lectures_weights() -> None:
    def cost(w: Any) -> Any:
        return node_sum([r * r / 2 for r in chain_residuals(w)])

    descent = minimize(cost, [1.2, -1.8, 2.7], lr=Backtracking(lr=20.0), max_steps=300)
    assert descent.value < descent.values[0] / 100
    assert list(descent.values) == sorted(descent.values, reverse=True)


# --- line search and optimisers -------------------------------------------------------------------------------


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.1, 100.0))
def test_every_step_of_a_line_search_goes_far_enough_down(x: float, y: float, longest: float) -> None:
    search = Backtracking(lr=longest)
    descent = minimize(rosenbrock, [x, y], lr=search, max_steps=20)
    for value, after, norm, alpha in zip(descent.values, descent.values[1:], descent.gradient_norms, descent.lrs):
        assert after <= value - search.decrease * alpha * norm**2
        assert alpha <= longest
        assert math.log2(longest / alpha) == pytest.approx(round(math.log2(longest / alpha)), abs=1e-9)


def test_a_line_search_takes_the_longest_step_that_will_do() -> None:
    descent = minimize(parabola, 0.0, lr=Backtracking())
    assert (descent.points, descent.lrs, descent.reason) == ((0.0, 5.0), (0.5,), "converged")


@given(st.floats(0.05, 0.9))
def test_how_far_down_is_enough_can_be_set(decrease: float) -> None:
    """On the parabola from 0 the condition (10 α - 5)² <= 25 - decrease · 100 α means α <= 1 - decrease."""
    alpha = minimize(parabola, 0.0, lr=Backtracking(decrease=decrease), max_steps=1).lrs[0]
    assert alpha <= (1 - decrease) * (1 + 1e-9)
    assert 2 * alpha >= (1 - decrease) * (1 - 1e-9) or alpha == 1.0


def test_a_line_search_steps_back_from_where_there_is_no_value() -> None:
    descent = minimize(lambda x: x - log(x), 0.1, lr=Backtracking(lr=8.0))
    assert descent.x == pytest.approx(1, abs=1e-6)
    assert min(descent.points) > 0


@pytest.mark.parametrize(
    ("f", "x0", "longest", "least"),
    [
        (lambda x: x**4, 1e3, 1e100, 0.0),
        (lambda x: x**1.5, 1.0, 10.0, 0.0),
        (lambda x: abs((x - 5) ** 0.5), 7.0, 100.0, 5.0),
        (lambda x: x**2, 1e154, 1.0, 0.0),
    ],
)
def test_a_line_search_steps_back_from_where_operators_on_floats_raise_or_turn_complex(
    f: Callable[[Any], Any], x0: float, longest: float, least: float
) -> None:
    descent = minimize(f, x0, lr=Backtracking(longest), max_steps=200)
    assert all(a >= b for a, b in itertools.pairwise(descent.values))
    assert descent.x == pytest.approx(least, abs=1e-6)


@pytest.mark.parametrize(
    ("residual", "x0", "reason", "least"),
    [
        (lambda p: p**0.5 - 0.1, 4.0, "converged", 0.01),
        (lambda p: 1 / p - 1, 0.0, "diverged", 0.0),
        (lambda p: p**400, 10.0, "diverged", 10.0),
    ],
)
def test_least_squares_takes_operators_that_raise_or_turn_complex_on_floats(
    residual: Callable[[Any], Any], x0: float, reason: str, least: float
) -> None:
    fit = least_squares(lambda p: [residual(p)], x0)
    assert (fit.reason, fit.x) == (reason, pytest.approx(least, abs=1e-9))


def test_a_problem_for_scipy_may_start_where_it_is_not_finite() -> None:
    problem = scipy_problem(lambda p: [1 / p, p**400], 0.0)
    assert problem["fun"](problem["x0"]).tolist() == [math.inf, 0.0]
    assert problem["fun"](np.array([10.0])).tolist() == [0.1, math.inf]


def test_a_line_search_ends_where_nothing_is_lower() -> None:
    """The slope of a jump says nothing about what is beyond it."""
    descent = minimize(lambda x: x if x >= 0 else x + 10, 0.0, lr=Backtracking())
    assert (descent.x, descent.steps) == (0.0, 0)


@pytest.mark.parametrize("optimizer", [Adam, functools.partial(SGD, momentum=0.9, nesterov=True)])
def test_any_optimizer_can_be_used(optimizer: Any) -> None:
    descent = minimize(rosenbrock, [-1.0, 1.0], lr=0.1 if optimizer is Adam else 5e-4, optimizer=optimizer)
    assert descent.value < 1e-2 < descent.values[0]


# --- structure ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x0", "f"),
    [
        (0, lambda x: x**2 + x),
        ([0.0, 1.0], lambda p: p[0] ** 2 + p[1] ** 2),
        ({"a": 1.0, "b": [2.0, (3.0,)]}, lambda p: p["a"] ** 2 + p["b"][0] ** 2 + p["b"][1][0] ** 2),
        (np.array([[1.0, 2.0]]), lambda p: (p**2).sum()),
    ],
)
def test_points_have_the_structure_of_the_start(x0: Any, f: Callable[[Any], Any]) -> None:
    descent = minimize(f, x0, lr=0.25)
    assert type(descent.x) is (float if isinstance(x0, int) else type(x0))
    assert repr(descent.points[0]) == repr(float(x0) if isinstance(x0, int) else x0)
    assert f(descent.x) == descent.value
    assert descent.reason == "converged"


def test_a_function_may_use_values_of_its_own() -> None:
    shift = Value(2.0)
    assert minimize(lambda x: (x - shift) ** 2, 0.0).x == pytest.approx(2, abs=1e-6)
    assert least_squares(lambda x: [x - shift, x - 2], 0.0).x == pytest.approx(2)
    assert shift.grad == 0.0


def test_a_function_that_is_constant_ends_at_once() -> None:
    assert minimize(lambda x: 3.0, 1.0).steps == 0
    assert least_squares(lambda x: [3.0], 1.0).steps == 0


def test_a_descent_is_frozen_and_shows_its_end() -> None:
    descent = minimize(parabola, 0.0, lr=0.5)
    assert repr(descent) == (
        "Descent: converged after 1 step, lr · ‖gradient‖ = 0 <= 1e-08\n  x    = 5.0\n  f(x) = 0.0"
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        descent.reason = "diverged"  # type: ignore[misc]


# --- least squares --------------------------------------------------------------------------------------------


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_least_squares_goes_down_to_the_minimum_of_a_curved_valley(x: float, y: float) -> None:
    fit = least_squares(rosenbrock_residuals, [x, y])
    assert fit.reason == "converged"
    assert fit.x == pytest.approx([1, 1], abs=1e-6)
    assert list(fit.values) == sorted(fit.values, reverse=True)
    assert fit.values[0] == pytest.approx(rosenbrock([x, y]) / 2, rel=1e-12)
    assert all(lr > 0 for lr in fit.lrs)


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_every_step_of_least_squares_solves_its_damped_equations(x: float, y: float) -> None:
    fit = least_squares(rosenbrock_residuals, [x, y], max_steps=5)
    D = np.zeros(2)
    for before, after, lr in zip(fit.points, fit.points[1:], fit.lrs):
        J, r = np.array(jacobian(rosenbrock_residuals)(before)), np.array(rosenbrock_residuals(before))
        D, step = np.maximum(D, np.linalg.norm(J, axis=0)), np.subtract(after, before)
        left = J.T @ J @ step + D**2 * step / lr
        assert left == pytest.approx(-J.T @ r, rel=1e-6, abs=1e-6 * (1 + np.linalg.norm(J.T @ r)))


@given(st.integers(0, 1000), st.integers(1, 6), st.integers(1, 6))
def test_linear_least_squares_are_those_of_linear_algebra(seed: int, m: int, n: int) -> None:
    draws = np.random.default_rng(seed)
    A, b = draws.normal(size=(m, n)), draws.normal(size=m)
    fit = least_squares(lambda x: A @ x - b, np.zeros(n), tolerance=1e-14)
    best = np.linalg.lstsq(A, b, rcond=None)[0]
    assert fit.value == pytest.approx(0.5 * float(np.sum((A @ best - b) ** 2)), rel=1e-9, abs=1e-12)


def test_a_number_that_nothing_depends_on_stays() -> None:
    assert least_squares(lambda p: [p["a"] - 1], {"a": 0.0, "b": 7.0}).x == {"a": pytest.approx(1), "b": 7.0}


def test_least_squares_steps_back_from_where_there_is_no_value() -> None:
    fit = least_squares(lambda x: [sqrt(x) - 0.01, 0 * x], 4.0)
    assert fit.x == pytest.approx(1e-4, rel=1e-5)


def test_least_squares_says_when_it_is_lost_or_has_no_more_steps() -> None:
    assert least_squares(lambda x: [log(x)], -1.0).reason == "diverged"
    short = least_squares(rosenbrock_residuals, [-1.0, 1.0], max_steps=2)
    assert (short.reason, short.steps) == ("max_steps", 2)
    assert least_squares(lambda x: [exp(x) * 1e200], 1.0, max_steps=0).reason == "diverged"


# --- what is lost or wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("f", "x0"), [(log, -1.0), (lambda x: 1 / x, 0.0), (sqrt, 0.0)])
def test_a_start_without_value_or_slope_is_reported(f: Callable[[Any], Any], x0: float) -> None:
    descent = minimize(f, x0)
    assert (descent.reason, descent.steps) == ("diverged", 0)
    assert descent.message.startswith("diverged in 0 steps: f(x) is ")


@pytest.mark.parametrize("solve", [minimize, least_squares])
@pytest.mark.parametrize(
    ("x0", "options", "error", "message"),
    [
        ("a", {}, TypeError, "^x0: expected a real number .* got str: 'a'"),
        ([1.0, 1j], {}, TypeError, "^x0: expected a real number .* got complex"),
        ([], {}, ValueError, "^x0 holds no number$"),
        (1.0, {"max_steps": -1}, ValueError, "^max_steps must be at least 0, got -1$"),
        (1.0, {"tolerance": math.nan}, ValueError, "^tolerance must be finite and at least 0, got nan$"),
    ],
)
def test_wrong_arguments_are_refused(solve: Any, x0: Any, options: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        solve(lambda x: x, x0, **options)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: minimize(None, 1.0), TypeError, "^the function must be a Callable, got None$"),  # type: ignore[arg-type]
        (lambda: least_squares(None, 1.0), TypeError, "^the function must be a Callable, got None$"),  # type: ignore[arg-type]
        (lambda: minimize(lambda x: [x], 1.0), TypeError, "to return one number, got a list of 1; use jacobian"),
        (lambda: minimize(lambda x: "a", 1.0), TypeError, "expected a real number"),
        (lambda: minimize(parabola, 1.0, lr=-0.1), ValueError, "^lr must be finite and at least 0, got -0.1$"),
        (lambda: minimize(parabola, 1.0, lr=Backtracking(), optimizer=Adam), ValueError, "^a line search is for plain"),
        (
            lambda: Backtracking(lr=0.0),
            ValueError,
            "^lr must be above 0, shrink and decrease between 0 and 1, got Back",
        ),
        (lambda: Backtracking(shrink=1.0), ValueError, "^lr must be above 0, shrink and decrease between"),
        (lambda: Backtracking(decrease=0.0), ValueError, "^lr must be above 0, shrink and decrease between"),
        (lambda: least_squares(lambda x: [x, "a"], 1.0), TypeError, "expected a real number"),
    ],
)
def test_wrong_functions_and_settings_are_refused(call: Callable[[], object], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


# --- SciPy ----------------------------------------------------------------------------------------------------


def test_scipys_minimize_takes_a_problem_in_one_line() -> None:
    scipy_optimize = pytest.importorskip("scipy.optimize")
    result = scipy_optimize.minimize(**scipy_problem(rosenbrock, [-1.0, 1.0]))
    assert result.x == pytest.approx([1, 1], abs=1e-5)
    assert result.nfev < 60  # with finite differences it would be three times as many
    named = scipy_optimize.minimize(**scipy_problem(lambda p: (p["a"] - 1) ** 2 + (p["b"] + 2) ** 2, {"a": 0, "b": 0}))
    assert named.x == pytest.approx([1, -2], abs=1e-5)


def test_scipys_least_squares_takes_a_problem_in_one_line() -> None:
    scipy_optimize = pytest.importorskip("scipy.optimize")
    result = scipy_optimize.least_squares(**scipy_problem(chain_residuals, [2.0, 1.0, 0.5]), xtol=1e-14, ftol=1e-14)
    assert result.x.round(5).tolist() == [1.0, -2.0, 3.0]


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=2))
def test_scipy_gets_derivatives_that_agree_with_differences(point: list[float]) -> None:
    x, step = np.array(point), 1e-6
    problem = scipy_problem(rosenbrock_residuals, {"p": point}["p"])
    differences = [(problem["fun"](x + e) - problem["fun"](x - e)) / (2 * step) for e in step * np.eye(2)]
    assert problem["jac"](x) == pytest.approx(np.array(differences).T, rel=1e-6, abs=1e-6)
    both = scipy_problem(rosenbrock, point)["fun"]
    slopes = [(both(x + e)[0] - both(x - e)[0]) / (2 * step) for e in step * np.eye(2)]
    assert both(x)[1] == pytest.approx(slopes, rel=1e-4, abs=1e-3)


def test_a_problem_for_scipy_refuses_what_is_no_number() -> None:
    with pytest.raises(TypeError, match=r"^x0: expected a real number .* got str: 'a'$"):
        scipy_problem(rosenbrock, "a")
