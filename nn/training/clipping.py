"""Gradient clipping: gradients that are too large are scaled down before the optimiser sees them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_engine.value import Value
from nn.checks import at_least_0, of_kind


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
    with np.errstate(all="ignore"):  # inf and nan pass
        clipped, norm = clipped_gradients(gradients, clip_norm, clip_value)
    for value, gradient in zip(values, clipped.tolist()):
        value.grad = gradient
    return float(norm)


def clipped_gradients(gradients: Any, clip_norm: float | None = None, clip_value: float | None = None) -> Any:
    """Gradients (n,) clipped as by `clip_gradients`, and the norm that they had: floats, or symbols while compiling."""
    before = _norm(gradients)
    if clip_value is not None:
        bound = at_least_0("clip_value", clip_value)
        gradients = np.where(gradients > bound, bound, np.where(gradients < -bound, -bound, gradients))
    if clip_norm is not None:
        bound = at_least_0("clip_norm", clip_norm)
        gradients = gradients * np.minimum(bound / (_norm(gradients) + 1e-6), 1.0)
    return gradients, before


def _norm(gradients: Any) -> Any:
    """The root of the sum of squares, added from the first to the last, as a kernel does."""
    squares = gradients * gradients
    return np.sqrt(np.cumsum(squares)[-1:].sum() if isinstance(squares, np.ndarray) else squares.sum())
