"""The samples of an estimator, checked by scikit-learn's rules."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import _check_sample_weight, validate_data

from nn.checks import Array


def checked(estimator: Any, X: Any, y: Any, sample_weight: Any, **rules: Any) -> tuple[Array, Any, Array | None]:
    """The rows, the targets and the weights, if any are given, of the samples whose weight is not 0.

    So a sample of weight 0 counts as absent. Raises what scikit-learn does.
    """
    X, y = validate_data(estimator, X, y, dtype=np.float64, **rules)
    if sample_weight is None:
        return X, y, None
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    used = weights > 0
    if not used.any():
        raise ValueError("every sample has the weight 0, so there is nothing to learn from")
    return X[used], y[used], weights[used]


def rows(estimator: Any, X: Any) -> Array:
    """The rows of samples to predict for."""
    return validate_data(estimator, X, dtype=np.float64, reset=False)  # type: ignore[no-any-return]
