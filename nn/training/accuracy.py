"""Accuracy: whether one sample, or each of many at once, is classified correctly.

>>> accuracy([0.1, 2.5, -1.0], 1), accuracy(-0.3, 1), accuracy(-0.3, -1)
(1.0, 0.0, 1.0)
>>> accuracies([np.array([0.1, 3.0]), np.array([2.5, 1.0])], np.array([1.0, 1.0]))
array([1., 0.])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nn.checks import Array, as_constant


def accuracy(outputs: Any, target: float) -> float:
    """1.0 if a sample is classified correctly, else 0.0: to be passed to `fit` and `evaluate`.

    If there are several outputs, such as logits, the largest must be the one at index `target`. A single output must be
    above 0 where the target is above 0, and nowhere else: a logit for the targets 0 and 1, a score for -1 and 1.
    A probability, which is always above 0, would always count as a 1: give the logit.

    >>> accuracy(-0.3, 0), accuracy(0.4, 0), accuracy([0.1, 2.5, -1.0], 1)
    (1.0, 0.0, 1.0)
    """
    if isinstance(outputs, np.ndarray):
        outputs = outputs.tolist()
    if isinstance(outputs, Sequence):
        if not outputs:
            raise ValueError("accuracy() needs at least one output, got none")
        return float(max(range(len(outputs)), key=outputs.__getitem__) == target)
    return float((as_constant(outputs) > 0) == (as_constant(target) > 0))


def accuracies(outputs: Sequence[Array], targets: Array) -> Array:
    """`accuracy` of many samples: `outputs` has an array (samples,) for each output, `targets` are (samples,)."""
    if len(outputs) == 1:
        return np.equal(outputs[0] > 0, targets > 0).astype(np.float64)
    largest, best = outputs[0], np.zeros(len(targets))
    for i, column in enumerate(outputs[1:], start=1):  # not argmax, which takes nan for the largest
        larger = column > largest
        largest, best = np.where(larger, column, largest), np.where(larger, i, best)
    return np.equal(best, targets).astype(np.float64)
