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
from nn.flat_function import FlatFunction
from nn.minimize import Descent, Path


def least_squares(
    residuals: Callable[[Any], Any], x0: Any, *, max_steps: int = 1000, tolerance: float = 1e-12
) -> Descent:
    """Minimise ½ Σ r² from `x0`, where r are all the numbers that `residuals` returns (Levenberg and Marquardt).

    Each step minimises ½ ‖r + J step‖² + ½ damping ‖step‖², where J is the Jacobian. With little damping that is Gauss
    and Newton's step, which sees the shape of a narrow valley and goes along its floor, where a gradient goes from
    wall to wall; with much damping it is a short step down the gradient. A step that does not lead down is tried
    again with ten times the damping; after one that does, it is a tenth. (Levenberg, "A Method for the Solution of
    Certain Non-Linear Problems in Least Squares", 1944.)

    It ends as "converged" where ‖step‖ <= tolerance (1 + ‖x‖), else as `minimize` does. In the result the `values`
    are ½ Σ r², and `lrs` are the factors 1 / damping instead of learning rates.

    Raises TypeError if x0 does not consist of numbers or residuals does not return numbers, ValueError if x0
    holds none or a setting is out of its range.

    Return the residuals themselves, not their squares or their sum. Rosenbrock's valley, in which `minimize` needs
    thousands of steps, is two of them:

    >>> found = least_squares(lambda p: [1 - p["x"], 10 * (p["y"] - p["x"] ** 2)], {"x": -1.2, "y": 1.0})
    >>> found.reason, found.steps < 40, {name: round(number, 9) for name, number in found.x.items()}
    ('converged', True, {'x': 1.0, 'y': 1.0})
    """
    function = FlatFunction(residuals, x0)
    max_steps, tolerance = whole_number("max_steps", max_steps, at_least=0), at_least_0("tolerance", tolerance)
    x, path, damping = function.start, Path(function), 1.0
    r = function.values(x)
    while True:
        J = function.jacobian(x)
        with np.errstate(all="ignore"):  # path.lost() will say it
            value, gradient = 0.5 * float(r @ r), J.T @ r
        if path.add(x, value, gradient):
            return path.lost()
        while True:
            step = _damped_step(J, r, damping)
            if np.linalg.norm(step) <= tolerance * (1.0 + np.linalg.norm(x)):
                return path.converged(f"‖step‖ <= {tolerance:g} (1 + ‖x‖)")
            if path.steps == max_steps:
                return path.out_of_steps()
            r_there = function.values(x + step)
            if math.hypot(*r_there) < math.hypot(*r):
                break
            damping *= 10.0
        path.lrs.append(1.0 / damping)
        x, r, damping = x + step, r_there, max(damping / 10.0, 1e-15)


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


def _damped_step(J: Array, r: Array, damping: float) -> Array:
    """The step that minimises ‖r + J step‖² + damping ‖step‖², as one linear least squares problem.

    Its matrix is J with √damping I below; JᵀJ would square the condition number.
    """
    n = J.shape[1]
    below = np.sqrt(damping) * np.eye(n)
    step: Array = np.linalg.lstsq(np.vstack([J, below]), np.concatenate([-r, np.zeros(n)]), rcond=None)[0]
    return step
