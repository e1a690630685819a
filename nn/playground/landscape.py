"""The loss over two of the parameters, all others held where they are, and the way the training took across it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nn.checks import Array
from nn.playground.training import Training

SIDE = 33
MOST_POINTS = 100  # of the training points that the loss is the mean of
LEAST_REACH, MARGIN = 1.0, 0.25


class Landscape(NamedTuple):
    """`losses` (SIDE, SIDE) over the range (low, high) of the first parameter, its columns, and of the second, its
    rows from low to high; `trail` (n, 2) are the two parameters so far, the last row now."""

    first: tuple[float, float]
    second: tuple[float, float]
    losses: Array
    trail: Array


def landscape(training: Training, first: int, second: int) -> Landscape:
    """The mean loss of the training points while parameters number `first` and `second` vary.

    The ranges hold all of the trail and some room around it. The other parameters are where they are now, so the
    earlier points of the trail lie on the surface only as far as these have not moved since.
    """
    pair = [first, second]
    trail = np.array([point[pair] for point in (*training.trail.points, training.parameters)])
    ranges = [_range(numbers) for numbers in trail.T]
    xs, ys = (np.linspace(low, high, SIDE) for low, high in ranges)
    X, y = training.train.inputs[:MOST_POINTS], training.train.targets[:MOST_POINTS]
    losses = np.full((SIDE, SIDE), np.nan)
    for i, j in np.ndindex(losses.shape) if len(X) else ():
        parameters = training.parameters.copy()
        parameters[pair] = xs[j], ys[i]
        losses[i, j] = training.engine.mean_loss(parameters, X, y)
    return Landscape(ranges[0], ranges[1], losses, trail)


def _range(numbers: Any) -> tuple[float, float]:
    finite = numbers[np.isfinite(numbers)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    reach = max(LEAST_REACH, MARGIN * (high - low))
    return float(low - reach), float(high + reach)
