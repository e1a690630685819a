"""Nonlinear least squares: `least_squares`, and `scipy_problem` for SciPy's solvers.

>>> from autograd_engine import exp
>>> data = [(0.0, 3.0), (1.0, 1.1), (2.0, 0.4)]
>>> fit = least_squares(lambda p: [p["a"] * exp(-p["b"] * t) - y for t, y in data], {"a": 1.0, "b": 0.0})
>>> {name: round(number, 6) for name, number in fit.x.items()}
{'a': 3.000287, 'b': 1.004826}
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nn.checks import Array, at_least_0, whole_number
from nn.flat_function import CompiledFunction, FlatFunction
from nn.minimize import Descent, Path, Reason

EPS = float(np.finfo(float).eps)
NEWTON_STEPS = 100
FLAT = 1e-6  # a cosine; a full step would lower Σ r² by its square


def least_squares(
    residuals: Callable[[Any], Any], x0: Any, *, max_steps: int = 1000, tolerance: float = 1e-12, jit: bool = False
) -> Descent:
    """Minimise ½ Σ r² from `x0`, where r are all the numbers that `residuals` returns (Levenberg and Marquardt).

    Each step minimises ‖r + J step‖ where ‖D step‖ <= radius; J is the Jacobian, and D the largest norm that each of
    its columns has had. It solves (JᵀJ + damping D²) step = -Jᵀr. With little damping that is Gauss and Newton's step,
    which sees the shape of a narrow valley and goes along its floor, where a gradient goes from wall to wall; with
    much damping it is a short step down. The radius grows where J has foreseen the residuals, and shrinks where it
    has not. Other units, of the residuals or of a parameter, change nothing but the units of the path. (Moré, "The
    Levenberg-Marquardt Algorithm: Implementation and Theory", 1978; MINPACK's lmder.)

    The scaled gradient is the largest of the numbers |Jᵀr| / |J|ᵀ(|r| + |J| |x|): each slope is divided by the sizes of
    the terms that cancel in it. The `reason` is

    - "converged" where the scaled gradient is at most `tolerance`, or where one of the next two rules ends the descent
      and the |cosine| between r and each column of J is at most 1e-6: a full step would lower Σ r² by 1e-12 of it;
    - "small_step" where no parameter would change by more than `tolerance` times itself;
    - "small_decrease" where a step can lower Σ r² by at most `tolerance`² of it, or by its rounding;
    - "max_steps" or "diverged" as in `minimize`.

    In the result the `values` are ½ Σ r², and `lrs` are 1 / damping instead of learning rates, inf where it is 0.

    With `jit` the residuals and their Jacobian are compiled, which pays where they are those of many samples: return
    what `vmap` returns, an array.

    Raises TypeError if x0 does not consist of numbers or residuals does not return numbers, ValueError if x0
    holds none or a setting is out of its range; TraceError if `jit` is True and the residuals cannot be compiled.

    Return the residuals themselves, not their squares or their sum. Rosenbrock's valley, in which `minimize` needs
    thousands of steps, is two of them:

    >>> found = least_squares(lambda p: [1 - p["x"], 10 * (p["y"] - p["x"] ** 2)], {"x": -1.2, "y": 1.0})
    >>> found.reason, found.steps < 40, {name: round(number, 9) for name, number in found.x.items()}
    ('converged', True, {'x': 1.0, 'y': 1.0})
    """
    function = (CompiledFunction if jit else FlatFunction)(residuals, x0)
    max_steps, tolerance = whole_number("max_steps", max_steps, at_least=0), at_least_0("tolerance", tolerance)
    x, path, D, radius = function.start, Path(function), np.zeros_like(function.start), math.inf
    r = function.values(x)
    while True:
        J, norm = function.jacobian(x), math.hypot(*r)
        with np.errstate(all="ignore"):  # path.lost() will say it
            value, gradient = 0.5 * float(r @ r), J.T @ r
        if path.add(x, value, gradient):
            return path.lost()
        lengths = np.array([math.hypot(*column) for column in J.T])
        D = np.maximum(D, lengths)
        units = _or_1(D)  # what no residual depends on stays, whatever its unit
        A, size = J / units, D * x
        scaled, cosine = _slopes(J / _or_1(lengths), r / (norm or 1.0), (np.abs(J) @ np.abs(x)) / (norm or 1.0))
        if scaled <= tolerance:
            return path.converged(f"scaled gradient = {scaled:.3g} <= {tolerance:g}")
        if path.steps == 0:
            radius = 100.0 * math.hypot(*size, norm)
        within = _steps(A, r)
        while True:
            move, damping = within(radius)
            step, length, along = move / units, math.hypot(*move) / norm, math.hypot(*(A @ move)) / norm
            if (np.abs(step) <= tolerance * np.abs(x)).all() or not 0.0 < length < math.inf:
                return _short(path, "small_step", f"|step| <= {tolerance:g} |x|", cosine)
            if path.steps == max_steps:
                return path.out_of_steps()
            r_there = function.values(x + step)
            left = math.hypot(*r_there) / norm
            promised, gained = along * along + 2.0 * damping * length * length, (1.0 - left) * (1.0 + left)
            least = max(tolerance * tolerance, EPS)
            if promised <= least and not gained > least:
                return _short(path, "small_decrease", f"Σ r² falls by {promised:.1g} of it", cosine)
            if path.steps == 0:
                radius = min(radius, length * norm)
            if not gained > 0.25 * promised:
                slope = promised - damping * length * length
                shrink = 0.5 if gained >= 0.0 else 0.5 * slope / (slope - 0.5 * gained)
                radius = max(0.1, shrink) * min(radius, 10.0 * length * norm)
            elif gained >= 0.75 * promised or not damping:
                radius = 2.0 * length * norm
            if gained >= 1e-4 * promised:
                break
        path.lrs.append(1.0 / damping if damping else math.inf)
        x, r = x + step, r_there


def scipy_problem(f: Callable[[Any], Any], x0: Any) -> dict[str, Any]:
    """`f` and its derivatives as the arguments `fun`, `x0` and `jac` of SciPy's solvers.

    If f returns one number they are for `scipy.optimize.minimize(**scipy_problem(f, x0))`, if it returns
    several for `scipy.optimize.least_squares(**scipy_problem(residuals, x0))`. SciPy's `result.x` is an array of
    the numbers in x0, in their order.

    Raises TypeError if x0 does not consist of numbers, ValueError if it holds none.

    >>> from scipy.optimize import minimize
    >>> minimize(**scipy_problem(lambda p: (p["a"] - 5) ** 2 + (p["b"] - 1) ** 2, {"a": 0.0, "b": 0.0})).x.round(6)
    array([5., 1.])
    """
    function = FlatFunction(f, x0)
    if function.returns_one_number():
        return {"fun": function.value_and_gradient, "x0": function.start, "jac": True}
    return {"fun": function.values, "x0": function.start, "jac": function.jacobian}


def _or_1(numbers: Array) -> Array:
    """The numbers, for a division: 1 where they are 0."""
    return np.where(numbers > 0, numbers, 1.0)


def _slopes(columns: Array, r: Array, terms: Array) -> tuple[float, float]:
    """The scaled gradient, and the largest |cosine| between r and a column of J, where both have the length 1.

    `terms` are |J| |x| in the unit of r.
    """
    cosines = np.abs(columns.T @ r)
    return float(np.max(cosines / _or_1(np.abs(columns).T @ (np.abs(r) + terms)))), float(np.max(cosines))


def _steps(A: Array, r: Array) -> Callable[[float], tuple[Array, float]]:
    """For any radius: the move that minimises ‖r + A move‖ where ‖move‖ <= radius, to a tenth, and its damping.

    With the singular values s of A its coordinates are -s Uᵀr / (s² + damping). Their norm falls as the damping grows;
    Newton's method on 1 / norm finds the damping from below (Hebden, "An Algorithm for Minimization Using Exact Second
    Derivatives", 1973).
    """
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    kept = s > max(A.shape) * EPS * s[0]  # a smaller one is 0 but for rounding
    largest, s, along, back = float(s[0]), s[kept] / s[0], (U.T @ r)[kept] / s[0], Vt[kept].T

    def within(radius: float) -> tuple[Array, float]:
        damping = 0.0
        with np.errstate(all="ignore"):  # a step of inf or nan ends the descent
            coordinates = -along / s
            for _ in range(NEWTON_STEPS):
                norm = math.hypot(*coordinates)
                if not 1.1 * radius < norm < math.inf:
                    break
                damping += (norm / radius - 1.0) / float(np.sum((coordinates / norm) ** 2 / (s**2 + damping)))
                coordinates = -along * s / (s**2 + damping)
            return back @ coordinates, damping * largest * largest

    return within


def _short(path: Path, reason: Reason, because: str, cosine: float) -> Descent:
    """The descent whose next step is too short: converged if r is at right angles to the columns of J."""
    if cosine <= FLAT:
        return path.converged(f"{because}, cosine = {cosine:.3g} <= {FLAT:g}")
    return path.stuck(reason, f"{because}, but the cosine is {cosine:.3g}")
