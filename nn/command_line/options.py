"""What the options of several commands share: kinds of numbers, and how to go down a gradient."""

# The annotations are not strings here, since cyclopts would evaluate an inherited one in the subclass's module.

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter, Token

from nn.datasets import CellError, DataError
from nn.optimizers import OPTIMIZERS
from nn.schedules import Schedule, cosine_annealing, exponential_decay, in_sequence, linear_warm_up, step_decay


class CommandError(ValueError):
    """A command that cannot be carried out. The message is one line that says what to change."""


def with_hints(error: CellError) -> DataError:
    """The error with the options that help."""
    hints = []
    if error.is_missing:
        hints.append("--missing drop leaves the row out, and --missing mean takes the mean of the training rows")
    if error.may_be_class:
        hints.append("if they are classes, say --task classification")
    return DataError("; ".join([str(error), *hints]))


def at_least(least: int) -> Parameter:
    """Reads a whole number; cyclopts on its own would round 1.5."""

    def convert(_: Any, tokens: Sequence[Token]) -> int:
        text = tokens[0].value
        if not re.fullmatch(r"\d{1,18}", text) or int(text) < least:
            raise ValueError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return Parameter(converter=convert, allow_leading_hyphen=True)


def _positive(_: Any, number: float | None) -> None:
    if number is not None and not 0 < number < math.inf:
        raise ValueError("it is a positive number")


def _fraction(_: Any, number: float | None) -> None:
    if number is not None and not 0 < number < 1:
        raise ValueError("it is a number between 0 and 1")


Positive = Annotated[float, Parameter(validator=_positive)]
Fraction = Annotated[float, Parameter(validator=_fraction)]

OptimizerName = Literal[tuple(OPTIMIZERS)]  # type: ignore[valid-type]
ScheduleName = Literal["constant", "step", "exponential", "cosine"]

STAGES = 3  # of the schedule "step"
DATA, NETWORK, DESCENT, STOPPING, RESULTS = (
    Parameter(group=Group.create_ordered(name)) for name in ("Data", "Network", "Descent", "Stopping", "Results")
)
FLAG = Parameter(show_default=False)


@dataclass(frozen=True, kw_only=True)
class DescentOptions:
    """How to go down a gradient."""

    optimizer: Annotated[OptimizerName, DESCENT] = "sgd"  # type: ignore[valid-type]
    """How to use the gradients. sgd is plain gradient descent, momentum and nesterov are sgd with a momentum of 0.9."""
    lr: Annotated[Positive | None, DESCENT] = None
    """Learning rate (default: what suits the optimizer)."""
    schedule: Annotated[ScheduleName, DESCENT] = "constant"
    """How the learning rate goes from --lr to --final-lr: step in three stages, exponential by the same factor in
    every step, cosine along half a wave; constant stays."""
    final_lr: Annotated[Positive | None, DESCENT] = None
    """Learning rate at the end of a schedule (default: a hundredth of --lr)."""

    def described(self, lr: float) -> str:
        """The options as they are shown, where `lr` is the highest learning rate."""
        changes = "" if self.schedule == "constant" else f" to {self._final(lr):g} ({self.schedule})"
        return f"{self.optimizer}, learning rate {lr:g}{changes}"

    def rate(self, steps: int, lr: float, warm_up: int = 0) -> float | Schedule:
        """The learning rate of each of `steps` steps, where `lr` is the highest one.

        In the first `warm_up` of them it rises to `lr` along a straight line. Raises CommandError if that leaves
        no step for the schedule, or if there is a final rate but no schedule.
        """
        if self.final_lr is not None and self.schedule == "constant":
            raise CommandError("--final-lr is for a --schedule that changes the learning rate")
        if warm_up >= steps:
            raise CommandError("--warm-up takes the whole descent; make it shorter")
        schedule = self._schedule(steps - warm_up, lr)
        if not warm_up:
            return schedule
        constant = schedule if callable(schedule) else lambda step: lr
        return in_sequence([linear_warm_up(lr, 1 / (warm_up + 1), total_iters=warm_up), constant], [warm_up])

    def _schedule(self, steps: int, lr: float) -> float | Schedule:
        final, last = self._final(lr), max(steps - 1, 1)
        if self.schedule == "cosine":
            return cosine_annealing(lr, last, final)
        if self.schedule == "exponential":
            return exponential_decay(lr, (final / lr) ** (1 / last))
        if self.schedule == "step":
            return step_decay(lr, math.ceil(steps / STAGES), (final / lr) ** (1 / (STAGES - 1)))
        return lr

    def _final(self, lr: float) -> float:
        return lr / 100 if self.final_lr is None else self.final_lr
