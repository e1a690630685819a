"""`minimize`: descent on a plain function of numbers, with every step of its path kept.

The function takes a number, or nested lists, tuples, dicts or arrays of numbers, and is written with operators and
the functions of `autograd_engine`; its derivatives come from there.

>>> descent = minimize(lambda x: (x - 5) ** 2, 0.0, lr=0.25)
>>> descent
Descent: converged after 28 steps, lr · ‖gradient‖ = 9.31e-09 <= 1e-08
  x    = 4.9999999813735485
  f(x) = 3.469446951953614e-16
>>> [round(x, 3) for x in descent.points[:5]]
[0.0, 2.5, 3.75, 4.375, 4.688]
>>> minimize(lambda x: (x - 5) ** 2, 0.0, lr=1.1).reason
'diverged'
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from autograd_engine.value import Value
from nn.checks import Array, at_least_0, whole_number
from nn.flat_function import FlatFunction
from nn.optimizer import Optimizer
from nn.optimizers import SGD
from nn.schedules import Schedule

Reason: TypeAlias = Literal["converged", "small_step", "small_decrease", "max_steps", "diverged"]
"""Why a descent has ended; "small_decrease" is a reason of `least_squares` only."""


@dataclass(frozen=True, repr=False)
class Descent:
    """The path of a descent and why it ended.

    `points[0]` is the start and `points[k]` where step k has led, in the structure of the start; `values` and
    `gradient_norms` are the function's value and ‖gradient‖ there. `lrs[k]` is the learning rate of the step from
    points[k] to points[k + 1]. `reason` is a `Reason`, `message` a sentence about it.

    >>> descent = minimize(lambda x: (x - 5) ** 2, 0.0, lr=0.25, max_steps=3)
    >>> descent.points, descent.values
    ((0.0, 2.5, 3.75, 4.375), (25.0, 6.25, 1.5625, 0.390625))
    >>> len(descent.lrs), descent.reason
    (3, 'max_steps')
    """

    points: tuple[Any, ...]
    values: tuple[float, ...]
    gradient_norms: tuple[float, ...]
    lrs: tuple[float, ...]
    reason: Reason
    message: str

    @property
    def x(self) -> Any:
        """The last point."""
        return self.points[-1]

    @property
    def value(self) -> float:
        """The function's value at the last point."""
        return self.values[-1]

    @property
    def steps(self) -> int:
        """How many steps were made."""
        return len(self.points) - 1

    def __repr__(self) -> str:
        return f"Descent: {self.message}\n  x    = {self.x!r}\n  f(x) = {self.value!r}"


@dataclass(frozen=True)
class Backtracking:
    """A line search: the longest of lr, lr · shrink, lr · shrink² ... that leads far enough down.

    Far enough is f(x - α g) <= f(x) - decrease · α ‖g‖², where g is the gradient at x (Armijo, "Minimization of
    functions having Lipschitz continuous first partial derivatives", 1966). Raises ValueError unless lr is above 0,
    and shrink and decrease are between 0 and 1.

    For x² 4, 2 and 1 are all too long: they lead up, or as high up on the other side.

    >>> minimize(lambda x: x * x, 3.0, lr=Backtracking(lr=4.0)).lrs
    (0.5,)
    """

    lr: float = 1.0
    shrink: float = 0.5
    decrease: float = 1e-4

    def __post_init__(self) -> None:
        if not (at_least_0("lr", self.lr) and 0 < self.shrink < 1 and 0 < self.decrease < 1):
            raise ValueError(f"lr must be above 0, shrink and decrease between 0 and 1, got {self}")

    def __call__(self, f: Callable[[Array], float], x: Array, value: float, gradient: Array, tolerance: float) -> float:
        """The α for a step from x, not looked for where α ‖gradient‖ is at most `tolerance`."""
        alpha, norm = self.lr, math.hypot(*gradient)
        # In this form a nan is not far enough.
        while alpha * norm > tolerance and not f(x - alpha * gradient) <= value - self.decrease * alpha * norm * norm:
            alpha *= self.shrink
        return alpha


def minimize(
    f: Callable[[Any], Any],
    x0: Any,
    *,
    lr: float | Schedule | Backtracking = 0.1,
    optimizer: Callable[..., Optimizer] = SGD,
    max_steps: int = 1000,
    tolerance: float = 1e-8,
) -> Descent:
    """Go down the gradient of `f`, which returns one number, from `x0` until lr · ‖gradient‖ <= tolerance.

    `lr` is a number, a schedule, which is a function of the step number, or a `Backtracking` line search.
    `optimizer` is called with the parameters and `lr`: a class such as `Adam`, or with more settings
    `functools.partial(SGD, momentum=0.9)`. A line search is for plain gradient descent only.

    A short step alone may come from a small `lr`, so the `reason` is

    - "converged" where each slope is also at most √tolerance times the largest that it was on the path, or changes by
      at least itself when x changes by `tolerance` times itself, as at a start that is a minimum but for rounding;
    - "small_step" where it is not: f may well be lower further on;
    - "diverged" as soon as the value or the gradient is inf or nan, or where the last of `max_steps` leads above the
      start (a smaller `lr` may help);
    - "max_steps" else.

    Raises TypeError if x0 does not consist of numbers or f does not return one, ValueError if x0 holds none,
    a setting is out of its range, or another optimizer than SGD comes with a line search.

    Rosenbrock's valley is curved and its walls are steep. Plain descent goes from wall to wall, Adam goes along it:

    >>> from nn import Adam
    >>> valley = lambda p: (1 - p["x"]) ** 2 + 100 * (p["y"] - p["x"] ** 2) ** 2
    >>> start = {"x": -1.2, "y": 1.0}
    >>> for settings in ({"lr": 1e-3}, {"lr": 0.05, "optimizer": Adam}):
    ...     print(round(minimize(valley, start, **settings, max_steps=2000).x["x"], 2))  # of 1
    0.72
    1.0
    """
    function = FlatFunction(f, x0)
    max_steps, tolerance = whole_number("max_steps", max_steps, at_least=0), at_least_0("tolerance", tolerance)
    search = lr if isinstance(lr, Backtracking) else None
    if search and optimizer is not SGD:
        raise ValueError("a line search is for plain gradient descent, without another optimizer")
    rule = optimizer([Value(number) for number in function.start], lr=0.0 if search else lr)

    x, path, largest = function.start, Path(function), np.zeros_like(function.start)
    while True:
        value, gradient = function.value_and_gradient(x)
        largest = np.maximum(largest, np.abs(gradient))
        if path.add(x, value, gradient):
            return path.lost()
        if search:
            rule.lr = search(function.value, x, value, gradient, tolerance)
        alpha = rule.lr
        length = alpha * path.gradient_norms[-1]
        if length <= tolerance:
            because = f"lr · ‖gradient‖ = {length:.3g} <= {tolerance:g}"
            if _is_small(gradient, largest, x, function, tolerance):
                return path.converged(because)
            return path.stuck("small_step", f"{because}, but ‖gradient‖ = {path.gradient_norms[-1]:.3g} is not small")
        if path.steps == max_steps:
            return path.out_of_steps()
        path.lrs.append(alpha)
        x = rule.update(x, gradient)


def _is_small(gradient: Array, largest: Array, x: Array, function: FlatFunction, tolerance: float) -> bool:
    """Whether each slope at x is small beside the largest that it was, or beside its own change close to x."""
    slopes = np.abs(gradient)
    small = slopes <= math.sqrt(tolerance) * largest
    if small.all():
        return True
    change = function.value_and_gradient(x * (1.0 + tolerance))[1] - gradient
    return bool(np.all(small | (slopes <= np.abs(change))))


class Path:
    """A `Descent` while it goes on."""

    def __init__(self, function: FlatFunction) -> None:
        self.function = function
        self.points: list[Any] = []
        self.values: list[float] = []
        self.gradient_norms: list[float] = []
        self.lrs: list[float] = []

    @property
    def steps(self) -> int:
        """How many steps were made so far."""
        return len(self.points) - 1

    def add(self, x: Array, value: float, gradient: Array) -> bool:
        """Keep a point; return whether it is lost: the value or the gradient is inf or nan."""
        norm = math.hypot(*gradient)
        self.points.append(self.function.unflatten(x))
        self.values.append(value)
        self.gradient_norms.append(norm)
        return not (math.isfinite(value) and math.isfinite(norm))

    def converged(self, because: str) -> Descent:
        """The descent that has reached its end."""
        return self._descent("converged", f"converged after {self._count()}, {because}")

    def stuck(self, reason: Reason, because: str) -> Descent:
        """The descent that comes no further, although its gradient is not small."""
        return self._descent(reason, f"not converged after {self._count()}: {because}")

    def lost(self) -> Descent:
        """The descent whose last point has no finite value or gradient."""
        value, norm = self.values[-1], self.gradient_norms[-1]
        return self._descent("diverged", f"diverged in {self._count()}: f(x) is {value:g}, ‖gradient‖ is {norm:g}")

    def out_of_steps(self) -> Descent:
        """The descent that had no more steps; it has diverged where it is higher now than at its start."""
        first, last = self.values[0], self.values[-1]
        if last > first:
            return self._descent("diverged", f"diverged: f(x) rose from {first:g} to {last:g} in {self._count()}")
        norm = self.gradient_norms[-1]
        return self._descent("max_steps", f"not converged after {self._count()}, ‖gradient‖ = {norm:.3g}")

    def _count(self) -> str:
        return "1 step" if self.steps == 1 else f"{self.steps} steps"

    def _descent(self, reason: Reason, message: str) -> Descent:
        return Descent(
            tuple(self.points), tuple(self.values), tuple(self.gradient_norms), tuple(self.lrs), reason, message
        )
