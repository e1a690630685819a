"""Gradient clipping: gradients that are too large are scaled down before the optimiser sees them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from autograd_engine.value import Value
from nn.checks import Array, at_least_0, of_kind


def clip_gradients(
    parameters: Iterable[Value], clip_norm: float | None = None, clip_value: float | None = None
) -> float:
    """Scale down the gradients of `parameters` that are too large; return the norm that they had.

    `clip_value` cuts each gradient off at ±clip_value. `clip_norm` then multiplies all of them by
    clip_norm / (norm + 1e-6) if that is below 1, norm being the root of the sum of their squares. These are
    PyTorch's clip_grad_value_ and clip_grad_norm_, with its 1e-6. A nan stays nan, and makes the norm and thus
    all gradients nan.

    Raises ValueError if a bound is negative or not finite. To be called between backward() and step(), as `fit` does
    with the same two arguments. `clip_norm` keeps the direction of the gradient:

    >>> x, y = Value(0.0), Value(0.0)
    >>> x.grad, y.grad = 30.0, 40.0
    >>> clip_gradients([x, y], clip_norm=5.0)
    50.0
    >>> round(x.grad, 6), round(y.grad, 6)
    (3.0, 4.0)
    """
    values = list(of_kind("parameters", parameters, Iterable))
    gradients = np.array([value.grad for value in values])
    clipped, norm = clipped_gradients(gradients, clip_norm, clip_value)
    for value, gradient in zip(values, clipped.tolist()):
        value.grad = gradient
    return norm


def clipped_gradients(
    gradients: Array, clip_norm: float | None = None, clip_value: float | None = None
) -> tuple[Array, float]:
    """Gradients (n,) clipped as by `clip_gradients`, and the norm that they had."""
    with np.errstate(all="ignore"):
        before = float(np.linalg.norm(gradients))
        if clip_value is not None:
            bound = at_least_0("clip_value", clip_value)
            gradients = np.clip(gradients, -bound, bound)
        if clip_norm is not None:
            bound = at_least_0("clip_norm", clip_norm)
            gradients = gradients * np.minimum(bound / (np.linalg.norm(gradients) + 1e-6), 1.0)
    return gradients, before
