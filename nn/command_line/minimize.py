"""The command `minimize`: down the gradient of a formula, step by step."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter
from rich.table import Table

from autograd_engine.derivatives import hessian
from autograd_engine.expressions import Expression, parse
from autograd_engine.files import write_atomically
from autograd_engine.value import Value
from nn.command_line.assignments import assigned, computed
from nn.command_line.options import DESCENT, FLAG, RESULTS, STOPPING, CommandError, DescentOptions, Positive, at_least
from nn.command_line.output import check_ending, console, table
from nn.extras import extra
from nn.minimize import Backtracking, Descent
from nn.minimize import minimize as descend
from nn.optimizers import OPTIMIZERS

NO_MINIMUM = 1
LR = {"adagrad": 1.0}
DEFAULT_LR = 0.1
MOST_ROWS = 20
PICTURES = (".png", ".svg")
MINIMUM, SADDLE, FLAT = "Minimum", "Saddle point or maximum", "Stationary point, flat in some direction"
KINK, LAST = "Stationary point, not smooth", "Last point"
FLATNESS = 1e-12  # a curvature this much smaller than the largest one is 0 but for rounding


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class MinimizeOptions(DescentOptions):
    """The options of `minimize`."""

    warm_up: Annotated[int, at_least(0), DESCENT] = 0
    """Number of steps in which the learning rate first rises to --lr."""
    line_search: Annotated[bool, FLAG, DESCENT] = False
    """Take in each step the longest of --lr (default: 1), a half, a quarter ... of it that leads far enough down."""
    steps: Annotated[int, at_least(0), STOPPING] = 1000
    """Most steps to take."""
    tolerance: Annotated[Positive, STOPPING] = 1e-8
    """Stop where learning rate · ‖gradient‖ is at most this."""
    out: Annotated[Path | None, RESULTS] = None
    """File for a picture of the path, .svg or .png."""

    def lr_or_search(self) -> Any:
        """What `nn.minimize` takes as `lr`. Raises CommandError if options do not go together."""
        if not self.line_search:
            return self.rate(max(self.steps, 1), self.lr or LR.get(self.optimizer, DEFAULT_LR), self.warm_up)
        if self.optimizer != "sgd" or self.schedule != "constant" or self.final_lr is not None or self.warm_up:
            raise CommandError("--line-search finds the learning rate itself: it is for --optimizer sgd, no --schedule")
        return Backtracking(self.lr or 1.0)


def minimize(
    formula: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *start: str,
    options: MinimizeOptions | None = None,
) -> int:
    """Go down the gradient of a formula to a local minimum, and show the path.

    The exit code is 1 if no minimum was reached.

    Parameters
    ----------
    formula
        Such as "(x-5)**2": numbers, variables, operators, and functions such as exp and sin.
    start
        Where to start: a number for each variable, such as x=0 y=-pi/2.
    """
    options = options or MinimizeOptions()
    expression = parse(formula)
    x0 = assigned(expression, start, what="start value", to="minimise")
    computed(expression, {name: Value(x) for name, x in x0.items()})  # refuses a comparison
    check_ending("--out", options.out, PICTURES)
    if options.out is not None:
        with extra("train"):
            from nn.command_line.descent_picture import picture  # here, because matplotlib takes half a second
    descent = descend(
        lambda x: expression(**x),
        x0,
        lr=options.lr_or_search(),
        optimizer=OPTIMIZERS[options.optimizer],
        max_steps=options.steps,
        tolerance=options.tolerance,
    )
    screen = console()
    screen.print(_table(expression, descent))
    kind = _kind(expression, descent)
    screen.print(f"\n{_message(expression, descent, kind)}.\n{kind}: {_point(expression, descent)}")
    if options.out is not None:
        write_atomically(options.out, picture(expression, descent, options.out.suffix.lower()))
        screen.print(f"Written: {options.out}")
    return NO_MINIMUM if kind in (SADDLE, LAST) else 0


def _table(expression: Expression, descent: Descent) -> Table:
    rows = []
    for k in _shown(descent.steps):
        rate = f"{descent.lrs[k]:.4g}" if k < descent.steps else ""
        numbers = [f"{x:.8g}" for x in (*descent.points[k].values(), descent.values[k])]
        rows.append((str(k), *numbers, f"{descent.gradient_norms[k]:.3g}", rate))
    return table(("step", *expression.names, "value", "‖gradient‖", "learning rate"), rows)


def _shown(steps: int) -> list[int]:
    """The steps to show: all of them, or if they are many 0, 1, 2, 3, 4, 5, 10, 20, 50, 100 ... and the last."""
    if steps < MOST_ROWS:
        return list(range(steps + 1))
    series = (digit * 10**power for power in range(1, len(str(steps))) for digit in (1, 2, 5))
    return [*range(6), *(k for k in series if k < steps), steps]


def _message(expression: Expression, descent: Descent, kind: str) -> str:
    """Why it ended, and what to change if it ended badly."""
    message = descent.message[0].upper() + descent.message[1:]
    if descent.reason == "converged":
        downwards = "; but the formula curves downwards there in some direction, start elsewhere"
        return message + downwards * (kind in (SADDLE, LAST))
    if _bottomless(expression, descent):
        return f"{message}; the formula seems to have no minimum there, start elsewhere"
    if descent.reason == "max_steps":
        return f"{message}; allow more --steps, or another --lr"
    if descent.reason == "small_step":
        return f"{message}; raise --lr, or lower --tolerance"
    return f"{message}; {'lower --lr' if descent.steps else 'start elsewhere'}"


def _bottomless(expression: Expression, descent: Descent) -> bool:
    """Whether it fell to -inf, or was falling ever more steeply when it came to the edge of the domain."""
    if descent.value == -math.inf:
        return True
    if not descent.steps or not (math.isnan(descent.value) or descent.reason == "small_step"):
        return False
    before, after = (np.array(list(point.values())) for point in descent.points[-2:])
    return bool((after - before) @ _curvatures(expression, descent.points[-2]) @ (after - before) < 0)


def _point(expression: Expression, descent: Descent) -> str:
    numbers = ", ".join(f"{name} = {x:.10g}" for name, x in descent.x.items())
    return f"{expression.text} = {descent.value:.10g} at {numbers}"


def _curvatures(expression: Expression, x: dict[str, float]) -> Any:
    """The matrix of second derivatives at x."""
    return np.array(hessian(lambda numbers: expression(**dict(zip(x, numbers))))(list(x.values())))


def _kind(expression: Expression, descent: Descent) -> str:
    """What the second derivatives say about the last point, if the gradient is 0 there."""
    if descent.reason != "converged":
        return LAST
    curvatures = _curvatures(expression, descent.x)
    if not np.isfinite(curvatures).all():
        return KINK
    lowest, highest = np.linalg.eigvalsh(curvatures)[[0, -1]]
    if lowest < -FLATNESS * max(highest, -lowest):
        return LAST if descent.gradient_norms[-1] else SADDLE
    return MINIMUM if lowest > FLATNESS * highest else FLAT
