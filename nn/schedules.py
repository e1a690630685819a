"""Learning rate schedules: functions that give the learning rate of a step by its number, 0 for the first.

A schedule is a plain function, so `lambda step: 0.1 / (1 + step)` is one; those here have PyTorch's formulas and
its names for the arguments, and can be pickled. PyTorch's are stepped once an epoch as a rule. Ours count what the
optimiser counts, its steps, one for each batch: multiply a number of epochs by the number of batches.

>>> from nn import MLP, SGD
>>> schedule = in_sequence([linear_warm_up(0.1, total_iters=4), cosine_annealing(0.1, T_max=8)], milestones=[4])
>>> [round(schedule(step), 3) for step in range(13)]
[0.033, 0.05, 0.067, 0.083, 0.1, 0.096, 0.085, 0.069, 0.05, 0.031, 0.015, 0.004, 0.0]
>>> optimizer = SGD(MLP(2, [1]).parameters(), lr=schedule)
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

from nn.checks import at_least_0, whole_number

Schedule: TypeAlias = Callable[[int], float]
"""The learning rate of a step by its number; the first step is number 0."""


def step_decay(lr: float, step_size: int, gamma: float = 0.1) -> Schedule:
    """lr · gamma^⌊step / step_size⌋: multiplied by `gamma` after every `step_size` steps (PyTorch's StepLR).

    Raises TypeError or ValueError if lr or gamma is not a finite number of at least 0, or step_size not a whole
    number of at least 1; so do the others here.

    >>> schedule = step_decay(0.1, step_size=10, gamma=0.5)
    >>> [schedule(step) for step in (0, 9, 10, 20)]
    [0.1, 0.1, 0.05, 0.025]
    """
    lr, gamma, step_size = at_least_0("lr", lr), at_least_0("gamma", gamma), whole_number("step_size", step_size)
    return _Schedule(_step_decay, {"lr": lr, "step_size": step_size, "gamma": gamma})


def exponential_decay(lr: float, gamma: float) -> Schedule:
    """lr · gamma^step: multiplied by `gamma` after every step (PyTorch's ExponentialLR).

    A step is a batch, so a gamma that was meant for epochs is the gamma**(1 / batches) of here:

    >>> batches = 80
    >>> schedule = exponential_decay(0.1, gamma=0.5 ** (1 / batches))
    >>> [round(schedule(epoch * batches), 6) for epoch in range(4)]
    [0.1, 0.05, 0.025, 0.0125]
    """
    return step_decay(lr, 1, gamma)


def cosine_annealing(lr: float, T_max: int, eta_min: float = 0.0) -> Schedule:
    """eta_min + ½ (lr - eta_min) (1 + cos(π step / T_max)): down to `eta_min` in `T_max` steps.

    It goes up again after that, as PyTorch's CosineAnnealingLR does: let `T_max` be the number of all steps. From
    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.

    >>> schedule = cosine_annealing(0.1, T_max=10, eta_min=0.02)
    >>> [round(schedule(step), 6) for step in (0, 5, 10, 15, 20)]
    [0.1, 0.06, 0.02, 0.06, 0.1]
    """
    lr, eta_min, T_max = at_least_0("lr", lr), at_least_0("eta_min", eta_min), whole_number("T_max", T_max)
    return _Schedule(_cosine_annealing, {"lr": lr, "T_max": T_max, "eta_min": eta_min})


def linear_warm_up(
    lr: float, start_factor: float = 1.0 / 3.0, end_factor: float = 1.0, total_iters: int = 5
) -> Schedule:
    """From lr · start_factor along a straight line to lr · end_factor, which is reached after `total_iters` steps.

    It stays there. (PyTorch's LinearLR.) Adam's means are rough estimates at first; small steps let them settle.

    >>> schedule = linear_warm_up(0.1, start_factor=0.1, total_iters=3)
    >>> [round(schedule(step), 6) for step in range(5)]
    [0.01, 0.04, 0.07, 0.1, 0.1]
    """
    start, end = at_least_0("start_factor", start_factor), at_least_0("end_factor", end_factor)
    lr, total_iters = at_least_0("lr", lr), whole_number("total_iters", total_iters)
    settings = {"lr": lr, "start_factor": start, "end_factor": end, "total_iters": total_iters}
    return _Schedule(_linear_warm_up, settings)


def in_sequence(schedules: Sequence[Schedule], milestones: Sequence[int]) -> Schedule:
    """One schedule after the other; each begins anew, at its step 0, at its milestone (PyTorch's SequentialLR).

    Raises ValueError unless the milestones increase and are one fewer than the schedules.

    >>> schedule = in_sequence([lambda step: 1.0, exponential_decay(0.8, gamma=0.5)], milestones=[2])
    >>> [schedule(step) for step in range(5)]
    [1.0, 1.0, 0.8, 0.4, 0.2]
    """
    starts = [0, *(whole_number("each milestone", milestone) for milestone in milestones)]
    if len(starts) != len(schedules) or any(a >= b for a, b in pairwise(starts)):
        raise ValueError(
            f"{len(schedules)} schedules need one milestone fewer, in increasing order, got {list(milestones)}"
        )
    return _Schedule(_in_sequence, {"schedules": tuple(schedules), "milestones": tuple(starts[1:])})


@dataclass(frozen=True, repr=False)
class _Schedule:
    """What the functions above return: one of the formulas below with its settings, which can be pickled."""

    formula: Callable[..., float]
    settings: dict[str, Any] = field(hash=False)

    def __call__(self, step: int) -> float:
        return self.formula(step, **self.settings)

    def __repr__(self) -> str:
        settings = [f"{name}={setting!r}" for name, setting in self.settings.items()]
        return f"{self.formula.__name__.lstrip('_')}({', '.join(settings)})"


def _step_decay(step: int, lr: float, step_size: int, gamma: float) -> float:
    return lr * gamma ** (step // step_size)


def _cosine_annealing(step: int, lr: float, T_max: int, eta_min: float) -> float:
    return eta_min + (lr - eta_min) * (1.0 + math.cos(math.pi * step / T_max)) / 2.0


def _linear_warm_up(step: int, lr: float, start_factor: float, end_factor: float, total_iters: int) -> float:
    return lr * (start_factor + (end_factor - start_factor) * min(step, total_iters) / total_iters)


def _in_sequence(step: int, schedules: Sequence[Schedule], milestones: Sequence[int]) -> float:
    i = bisect_right(milestones, step)
    return schedules[i](step - (0, *milestones)[i])
