"""Learning rate schedules: functions that give the learning rate of a step by its number, 0 for the first.

A schedule is a plain function, so `lambda step: 0.1 / (1 + step)` is one; those here have PyTorch's formulas and
its names for the arguments. PyTorch's are stepped once an epoch as a rule. Ours count what the optimiser counts,
its steps, one for each batch: multiply a number of epochs by the number of batches.

>>> from nn import MLP, SGD
>>> schedule = in_sequence([linear_warm_up(0.1, total_iters=4), cosine_annealing(0.1, T_max=8)], milestones=[4])
>>> [round(schedule(step), 3) for step in range(13)]
[0.033, 0.05, 0.067, 0.083, 0.1, 0.096, 0.085, 0.069, 0.05, 0.031, 0.015, 0.004, 0.0]
>>> optimizer = SGD(MLP(2, [1]).parameters(), lr=schedule)
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from nn.modules import whole_number
from nn.settings import Schedule, at_least_0


def step_decay(lr: float, step_size: int, gamma: float = 0.1) -> Schedule:
    """lr · gamma^⌊step / step_size⌋: multiplied by `gamma` after every `step_size` steps (PyTorch's StepLR)."""
    lr, gamma, step_size = at_least_0("lr", lr), at_least_0("gamma", gamma), whole_number("step_size", step_size)
    return lambda step: lr * gamma ** (step // step_size)


def exponential_decay(lr: float, gamma: float) -> Schedule:
    """lr · gamma^step: multiplied by `gamma` after every step (PyTorch's ExponentialLR)."""
    return step_decay(lr, 1, gamma)


def cosine_annealing(lr: float, T_max: int, eta_min: float = 0.0) -> Schedule:
    """eta_min + ½ (lr - eta_min) (1 + cos(π step / T_max)): down to `eta_min` in `T_max` steps.

    It goes up again after that, as PyTorch's CosineAnnealingLR does. From Loshchilov and Hutter, "SGDR: Stochastic
    Gradient Descent with Warm Restarts", 2017.
    """
    lr, eta_min, T_max = at_least_0("lr", lr), at_least_0("eta_min", eta_min), whole_number("T_max", T_max)
    return lambda step: eta_min + (lr - eta_min) * (1.0 + math.cos(math.pi * step / T_max)) / 2.0


def linear_warm_up(
    lr: float, start_factor: float = 1.0 / 3.0, end_factor: float = 1.0, total_iters: int = 5
) -> Schedule:
    """From lr · start_factor along a straight line to lr · end_factor, which is reached after `total_iters` steps.

    It stays there. (PyTorch's LinearLR.)
    """
    start, end = at_least_0("start_factor", start_factor), at_least_0("end_factor", end_factor)
    lr, total_iters = at_least_0("lr", lr), whole_number("total_iters", total_iters)
    return lambda step: lr * (start + (end - start) * min(step, total_iters) / total_iters)


def in_sequence(schedules: Sequence[Schedule], milestones: Sequence[int]) -> Schedule:
    """One schedule after the other; each begins anew, at its step 0, at its milestone (PyTorch's SequentialLR).

    Raises ValueError unless the milestones increase and are one fewer than the schedules.
    """
    schedules = list(schedules)
    starts = [0, *(whole_number("each milestone", milestone) for milestone in milestones)]
    if len(starts) != len(schedules) or any(a >= b for a, b in pairwise(starts)):
        raise ValueError(
            f"{len(schedules)} schedules need one milestone fewer, in increasing order, got {list(milestones)}"
        )

    def schedule(step: int) -> float:
        i = bisect_right(starts, step) - 1
        return schedules[i](step - starts[i])

    return schedule
