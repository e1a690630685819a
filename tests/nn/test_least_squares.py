"""`least_squares` on the classic problems, and its laws of scale.

The problems are numbers 1 to 20 of Moré, Garbow and Hillstrom, "Testing Unconstrained Optimization Software", ACM
Transactions on Mathematical Software 7, 1981, with their starting points and their minima.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from autograd_engine import TraceError, atan2, cos, exp, hypot, log, sin, vmap
from nn import least_squares, scipy_problem
from nn.flat_function import CompiledFunction, FlatFunction

BARD = [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39]
GAUSSIAN = [0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989]
GAUSSIAN += GAUSSIAN[-2::-1]
MEYER = [34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872]
KOWALIK_OSBORNE = [
    (0.1957, 4.0), (0.1947, 2.0), (0.1735, 1.0), (0.1600, 0.5), (0.0844, 0.25), (0.0627, 0.167), (0.0456, 0.125),
    (0.0342, 0.1), (0.0323, 0.0833), (0.0235, 0.0714), (0.0246, 0.0625),
]  # fmt: skip
OSBORNE_1 = [
    0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685, 0.658, 0.628, 0.603,
    0.580, 0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411,
    0.406,
]  # fmt: skip
OSBORNE_2 = [
    1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608, 0.655, 0.616, 0.606,
    0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495, 0.500, 0.423,
    0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668,
    0.645, 0.632, 0.591, 0.559, 0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098,
    0.054,
]  # fmt: skip


def bard(x: Any) -> list[Any]:
    return [y - (x[0] + u / ((16 - u) * x[1] + min(u, 16 - u) * x[2])) for u, y in enumerate(BARD, 1)]


def gaussian(x: Any) -> list[Any]:
    return [x[0] * exp(-x[1] * ((8 - i) / 2 - x[2]) ** 2 / 2) - y for i, y in enumerate(GAUSSIAN, 1)]


def gulf(x: Any) -> list[Any]:
    times = [i / 100 for i in range(1, 100)]
    return [exp(-(abs(25 + (-50 * math.log(t)) ** (2 / 3) - x[1]) ** x[2]) / x[0]) - t for t in times]


def box(x: Any) -> list[Any]:
    times = [i / 10 for i in range(1, 11)]
    return [exp(-t * x[0]) - exp(-t * x[1]) - x[2] * (math.exp(-t) - math.exp(-10 * t)) for t in times]


def wood(x: Any) -> list[Any]:
    valleys = [10 * (x[1] - x[0] ** 2), 1 - x[0], 90**0.5 * (x[3] - x[2] ** 2), 1 - x[2]]
    return [*valleys, 10**0.5 * (x[1] + x[3] - 2), (x[1] - x[3]) / 10**0.5]


def brown_dennis(x: Any) -> list[Any]:
    times = [i / 5 for i in range(1, 21)]
    return [(x[0] + t * x[1] - exp(t)) ** 2 + (x[2] + x[3] * sin(t) - cos(t)) ** 2 for t in times]


def osborne_1(x: Any) -> list[Any]:
    return [y - (x[0] + x[1] * exp(-10 * i * x[3]) + x[2] * exp(-10 * i * x[4])) for i, y in enumerate(OSBORNE_1)]


def biggs(x: Any) -> list[Any]:
    data = [(t, math.exp(-t) - 5 * math.exp(-10 * t) + 3 * math.exp(-4 * t)) for t in (i / 10 for i in range(1, 14))]
    return [x[2] * exp(-t * x[0]) - x[3] * exp(-t * x[1]) + x[5] * exp(-t * x[4]) - y for t, y in data]


def osborne_2(x: Any) -> list[Any]:
    def peaks(t: float) -> Any:
        return sum((x[k] * exp(-x[k + 4] * (t - x[k + 7]) ** 2) for k in (1, 2, 3)), x[0] * exp(-t * x[4]))

    return [y - peaks(i / 10) for i, y in enumerate(OSBORNE_2)]


def watson(x: Any) -> list[Any]:
    def polynomial(t: float) -> Any:
        return sum(c * t**j for j, c in enumerate(x))

    def slope(t: float) -> Any:
        return sum(j * c * t ** (j - 1) for j, c in enumerate(x) if j)

    return [slope(i / 29) - polynomial(i / 29) ** 2 - 1 for i in range(1, 30)] + [x[0], x[1] - x[0] ** 2 - 1]


@dataclass(frozen=True)
class Problem:
    """Residuals, a starting point, and the published least sum of squares."""

    name: str
    residuals: Callable[[Any], list[Any]]
    start: Sequence[float]
    minimum: float

    def start_times(self, factor: int) -> list[float]:
        """A multiple of the starting point; where that is 0, `factor` in all places, as in MINPACK's own tests."""
        return [factor * x for x in self.start] if any(self.start) or factor == 1 else [float(factor)] * len(self.start)


PROBLEMS = [
    Problem("Rosenbrock", lambda x: [10 * (x[1] - x[0] ** 2), 1 - x[0]], [-1.2, 1.0], 0.0),
    Problem(
        "Freudenstein and Roth",
        lambda x: [x[0] - 13 + ((5 - x[1]) * x[1] - 2) * x[1], x[0] - 29 + ((x[1] + 1) * x[1] - 14) * x[1]],
        [0.5, -2.0],
        0.0,
    ),
    Problem(
        "Powell badly scaled", lambda x: [1e4 * x[0] * x[1] - 1, exp(-x[0]) + exp(-x[1]) - 1.0001], [0.0, 1.0], 0.0
    ),
    Problem("Brown badly scaled", lambda x: [x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2], [1.0, 1.0], 0.0),
    Problem(
        "Beale",
        lambda x: [y - x[0] * (1 - x[1] ** i) for i, y in enumerate([1.5, 2.25, 2.625], 1)],
        [1.0, 1.0],
        0.0,
    ),
    Problem(
        "Jennrich and Sampson",
        lambda x: [2 + 2 * i - (exp(i * x[0]) + exp(i * x[1])) for i in range(1, 11)],
        [0.3, 0.4],
        124.362,
    ),
    Problem(
        "Helical valley",
        # The angle goes from -1/4 to 3/4 of a turn.
        lambda x: [
            10 * (x[2] - 10 * (0.25 + atan2(-x[0], x[1]) / (2 * math.pi))),
            10 * (hypot(x[0], x[1]) - 1),
            x[2],
        ],
        [-1.0, 0.0, 0.0],
        0.0,
    ),
    Problem("Bard", bard, [1.0, 1.0, 1.0], 8.21487e-3),
    Problem("Gaussian", gaussian, [0.4, 1.0, 0.0], 1.12793e-8),
    Problem(
        "Meyer",
        lambda x: [x[0] * exp(x[1] / (45 + 5 * i + x[2])) - y for i, y in enumerate(MEYER, 1)],
        [0.02, 4000.0, 250.0],
        87.9458,
    ),
    Problem("Gulf research and development", gulf, [5.0, 2.5, 0.15], 0.0),
    Problem("Box three-dimensional", box, [0.0, 10.0, 20.0], 0.0),
    Problem(
        "Powell singular",
        lambda x: [x[0] + 10 * x[1], 5**0.5 * (x[2] - x[3]), (x[1] - 2 * x[2]) ** 2, 10**0.5 * (x[0] - x[3]) ** 2],
        [3.0, -1.0, 0.0, 1.0],
        0.0,
    ),
    Problem("Wood", wood, [-3.0, -1.0, -3.0, -1.0], 0.0),
    Problem(
        "Kowalik and Osborne",
        lambda x: [y - x[0] * (u * u + u * x[1]) / (u * u + u * x[2] + x[3]) for y, u in KOWALIK_OSBORNE],
        [0.25, 0.39, 0.415, 0.39],
        3.07505e-4,
    ),
    Problem("Brown and Dennis", brown_dennis, [25.0, 5.0, -5.0, -1.0], 85822.2),
    Problem("Osborne 1", osborne_1, [0.5, 1.5, -1.0, 0.01, 0.02], 5.46489e-5),
    Problem("Biggs EXP6", biggs, [1.0, 2.0, 1.0, 1.0, 1.0, 1.0], 0.0),
    Problem("Osborne 2", osborne_2, [1.3, 0.65, 0.65, 0.7, 0.6, 3.0, 5.0, 7.0, 2.0, 4.5, 5.5], 4.01377e-2),
    Problem("Watson", watson, [0.0] * 6, 2.28767e-3),
]

# What MINPACK's lmder (SciPy's `leastsq`) gets where it does not get the minimum: another stationary point, a limit at
# infinity, or a place where the residuals are flat.
LMDER = {
    ("Freudenstein and Roth", 1): 48.9843,
    ("Freudenstein and Roth", 10): 48.9843,
    ("Freudenstein and Roth", 100): 48.9843,
    ("Powell badly scaled", 10): 1.01021e-8,
    ("Powell badly scaled", 100): 1.0,
    ("Beale", 10): 0.452009,
    ("Beale", 100): 0.452009,
    ("Jennrich and Sampson", 10): 259.580,
    ("Jennrich and Sampson", 100): 259.580,
    ("Bard", 10): 17.4287,
    ("Bard", 100): 17.4287,
    ("Gaussian", 100): 0.281128,
    ("Gulf research and development", 100): 32.8350,
    ("Box three-dimensional", 10): 0.0755887,
    ("Box three-dimensional", 100): 0.0755887,
    ("Kowalik and Osborne", 10): 1.02734e-3,
    ("Biggs EXP6", 100): 0.306367,
    ("Osborne 2", 10): 1.78981,
    ("Osborne 2", 100): 1.78981,
}


def cosine(problem: Problem, x: Any) -> float:
    """MINPACK's gtol: the largest |cos| of the angle between the residuals and a column of their Jacobian."""
    flat = scipy_problem(problem.residuals, x)
    r, J = flat["fun"](flat["x0"]), flat["jac"](flat["x0"])
    lengths = np.linalg.norm(J, axis=0) * np.linalg.norm(r)
    return float(np.max(np.abs(J.T @ r) / np.where(lengths > 0, lengths, 1.0)))


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_compiled_residuals_and_jacobians_are_those_on_values(problem: Problem) -> None:
    on_values, compiled = (kind(problem.residuals, list(problem.start)) for kind in (FlatFunction, CompiledFunction))
    x = on_values.start + 0.1
    assert compiled.values(x) == pytest.approx(on_values.values(x), rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(compiled.jacobian(x), on_values.jacobian(x), rtol=1e-9, atol=1e-12)


def test_a_compiled_fit_of_many_samples_goes_the_same_way() -> None:
    t = np.linspace(0.0, 3.0, 50)
    y = 3 * np.exp(-0.5 * t) + 0.1 * np.sin(40 * t)

    def residuals(p: Any) -> Any:
        return [0.01 * p["rates"][0], vmap(lambda t, y: p["a"] * exp(-p["rates"][0] * t) - y)(t, y)]

    start = {"a": 1.0, "rates": [0.0]}
    slow, fast = least_squares(residuals, start), least_squares(residuals, start, jit=True)
    assert (fast.reason, fast.steps) == (slow.reason, slow.steps)
    assert fast.values == pytest.approx(slow.values, rel=1e-9)
    with pytest.raises(TraceError):
        least_squares(lambda p: [float(p) - 1.0, p], 1.0, jit=True)


@pytest.mark.parametrize("factor", [1, 10, 100])
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_the_classic_problems_end_where_minpack_ends(problem: Problem, factor: int) -> None:
    fit = least_squares(problem.residuals, problem.start_times(factor), max_steps=3000)
    if (problem.name, factor) == ("Jennrich and Sampson", 100):  # e⁴⁰⁰ squared; lmder never squares
        assert fit.message == "diverged in 0 steps: f(x) is inf, ‖gradient‖ is inf"
        return
    found, other = 2 * fit.value, LMDER.get((problem.name, factor), problem.minimum)
    assert found == pytest.approx(other, rel=1e-3, abs=1e-20) or problem.minimum <= found * (1 + 1e-6) <= other
    assert fit.reason == "converged" or factor > 1
    if fit.reason == "converged" and found > 1e-20:
        assert cosine(problem, fit.x) <= 1e-6


# --- scale ----------------------------------------------------------------------------------------------------


def decay(p: Any) -> list[Any]:
    return [5 * exp(-t / (1000 * p[0])) - v for t, v in [(1e-9, 3.17), (2e-9, 2.01), (4e-9, 0.81), (8e-9, 0.13)]]


@pytest.mark.parametrize(
    ("residuals", "start", "solution"),
    [
        (decay, [1e-12], 2.2e-12),
        (lambda p: [p[0] * 1e-20 - 3], [1e20], 3e20),
        (lambda p: [1e-15 * (p[0] - 3), 1e-15 * (p[0] - 5)], [100.0], 4.0),
        (lambda p: [1e13 * (p[1] - 1), p[0] - 5], [0.0, 1.0], 5.0),
    ],
)
def test_badly_scaled_problems_are_solved(residuals: Any, start: list[float], solution: float) -> None:
    fit = least_squares(residuals, start)
    assert fit.reason == "converged"
    assert fit.steps > 0
    assert fit.x[0] == pytest.approx(solution, rel=1e-2 if residuals is decay else 1e-9)
    scipy_optimize = pytest.importorskip("scipy.optimize")
    flat = scipy_problem(residuals, start)
    judge = scipy_optimize.leastsq(flat["fun"], flat["x0"], Dfun=flat["jac"], xtol=1e-14, ftol=1e-14)[0]
    assert fit.x == pytest.approx(judge, rel=1e-6)


@pytest.mark.parametrize("k", [-300, -50, 3, 100])
@pytest.mark.parametrize("problem", PROBLEMS[:10], ids=lambda problem: problem.name)
def test_powers_of_two_before_the_residuals_change_nothing(problem: Problem, k: int) -> None:
    plain = least_squares(problem.residuals, problem.start, max_steps=20)
    scaled = least_squares(lambda x: [2.0**k * r for r in problem.residuals(x)], problem.start, max_steps=20)
    assert scaled.points == plain.points
    assert (scaled.lrs, scaled.reason) == (plain.lrs, plain.reason)
    assert scaled.values == tuple(value * 4.0**k for value in plain.values)


@pytest.mark.parametrize("k", [-300, -50, 3, 100])
@pytest.mark.parametrize("problem", PROBLEMS[:10], ids=lambda problem: problem.name)
def test_powers_of_two_before_the_parameters_change_only_the_points(problem: Problem, k: int) -> None:
    """Another power for each parameter: its unit is nobody's business."""
    powers = [2.0 ** (k + 7 * i) for i in range(len(problem.start))]
    plain = least_squares(problem.residuals, problem.start, max_steps=20)
    scaled = least_squares(
        lambda x: problem.residuals([c / power for c, power in zip(x, powers)]),
        [c * power for c, power in zip(problem.start, powers)],
        max_steps=20,
    )
    assert [[c / power for c, power in zip(x, powers)] for x in scaled.points] == list(plain.points)
    assert (scaled.lrs, scaled.values, scaled.reason) == (plain.lrs, plain.values, plain.reason)


def test_what_does_not_converge_says_which_rule_has_ended_it() -> None:
    step = least_squares(lambda p: [abs(p[0] - 1) + 1 + p[0] / 2], [3.0])
    assert (step.reason, step.x[0]) == ("small_step", pytest.approx(1))
    at_infinity = least_squares(lambda p: [1 + exp(-p[0])], [0.0])
    assert at_infinity.reason == "small_decrease"
    assert "but the cosine is 1" in at_infinity.message


@pytest.mark.parametrize("tolerance", [1e-12, 0.0])
@pytest.mark.parametrize(
    ("residual", "start"), [(exp, 0.0), (lambda p: 1 / p, 1.0), (lambda p: p**50, 3.0), (lambda p: log(p) - 3, 1e-300)]
)
def test_what_leaves_the_range_of_floats_ends_without_a_warning(residual: Any, start: float, tolerance: float) -> None:
    fit = least_squares(lambda p: [residual(p)], start, tolerance=tolerance)
    assert fit.reason != "diverged"
    assert fit.value < 1e-9 * fit.values[0] or fit.reason == "max_steps"
