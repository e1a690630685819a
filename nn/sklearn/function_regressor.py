"""`FunctionRegressor`: any scalar function of parameters and a row as an estimator of scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from autograd_engine.compiler.jit import jit
from autograd_engine.mapping import vmap
from autograd_engine.primitives import dot
from nn.checks import Array, as_number, at_least_0, of_kind, whole_number
from nn.least_squares import least_squares
from nn.minimize import Descent
from nn.sklearn.samples import checked, rows

T = TypeVar("T")

WORTH_COMPILING = 100
"""How many samples take about as long on Values as compiling the function does."""


def affine(parameters: Any, row: Sequence[float]) -> Any:
    """weights · row + bias: with it, `FunctionRegressor` is linear regression.

    >>> affine({"weights": [2.0, 3.0], "bias": 1.0}, [10.0, 20.0])
    81.0
    """
    return dot(parameters["weights"], row) + parameters["bias"]


def affine_start(n_features: int) -> dict[str, Any]:
    """The parameters of `affine`, all 0.

    >>> affine_start(2)
    {'weights': [0.0, 0.0], 'bias': 0.0}
    """
    return {"weights": [0.0] * n_features, "bias": 0.0}


@dataclass(eq=False, repr=False)
class FunctionRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """The parameters of `function(parameters, row)` that fit the targets best: the least Σ w (function - y)².

    `function` returns one number, and is written with operators and the functions of `autograd_engine`; `row` is an
    array (features,). `initial` is where the parameters start: a number or nested lists, tuples, dicts or arrays of
    numbers, or a function of the number of features that returns that. `max_iter` and `tol` are `max_steps` and
    `tolerance` of `nn.least_squares`, which does the fitting. With `jit` the function is compiled; by default it is for
    100 samples or more, if it can be. To be pickled, `function` must be defined in a module.

    After `fit`, `parameters_` are the best parameters in the structure of `initial`, `descent_` is the way to them,
    `n_iter_` its steps. `fit` raises ValueError if the function is not finite, TypeError if it returns no number, and
    warns (ConvergenceWarning) if `max_iter` is not enough.

    >>> from autograd_engine import exp
    >>> def decay(p, row):
    ...     return p["a"] * exp(-p["b"] * row[0])
    >>> X = np.linspace(0.0, 3.0, 7).reshape(-1, 1)
    >>> model = FunctionRegressor(decay, {"a": 1.0, "b": 0.0}).fit(X, 3.0 * np.exp(-0.5 * X[:, 0]))
    >>> {name: round(number, 6) for name, number in model.parameters_.items()}
    {'a': 3.0, 'b': 0.5}
    >>> model.predict([[2.0]]).round(6), round(model.score(X, 3.0 * np.exp(-0.5 * X[:, 0])), 6)
    (array([1.103638]), 1.0)
    """

    function: Callable[[Any, Sequence[float]], Any] = affine
    initial: Any = affine_start
    _: KW_ONLY
    max_iter: int = 1000
    tol: float = 1e-12
    jit: bool | None = None

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> FunctionRegressor:
        """Fit to the rows of X (n, features) and the targets y (n,); `sample_weight` (n,) are the w, else 1."""
        of_kind("function", self.function, Callable)
        max_steps, tolerance = whole_number("max_iter", self.max_iter, at_least=0), at_least_0("tol", self.tol)
        X, y, weights = checked(self, X, y, sample_weight, y_numeric=True)
        start = self.initial(X.shape[1]) if callable(self.initial) else self.initial
        roots = np.ones(len(X)) if weights is None else np.sqrt(weights)
        differences = vmap(lambda p, row, target, root: root * (self._number(p, row) - target), in_axes=(None, 0, 0, 0))

        def descent(compiled: bool) -> Descent:
            settings: dict[str, Any] = {"max_steps": max_steps, "tolerance": tolerance, "jit": compiled}
            return least_squares(lambda parameters: differences(parameters, X, y, roots), start, **settings)

        found = self._compiled_or_not(len(X), descent)
        if found.reason == "diverged":
            raise ValueError(f"the function cannot be fitted from there, {found.message}; give another initial")
        if found.reason == "max_steps":
            warnings.warn(f"{found.message}; raise max_iter", ConvergenceWarning, stacklevel=2)
        self.parameters_, self.n_iter_, self.descent_ = found.x, found.steps, found
        return self

    def predict(self, X: Any) -> Array:
        """The function of each row of X, (n,)."""
        check_is_fitted(self, "parameters_")
        X = rows(self, X)
        numbers = vmap(self._number, in_axes=(None, 0))

        def answers(compiled: bool) -> Any:
            return (jit(numbers) if compiled else numbers)(self.parameters_, X)

        return np.asarray(self._compiled_or_not(len(X), answers), dtype=np.float64)

    def _compiled_or_not(self, samples: int, run: Callable[[bool], T]) -> T:
        """`run(compiled)`; by default compiled if that pays and is possible."""
        if self.jit or (self.jit is None and samples >= WORTH_COMPILING):
            try:
                return run(True)
            except Exception:  # of any kind: the function may not work on symbols
                if self.jit:
                    raise
        return run(False)

    def _number(self, parameters: Any, row: Sequence[float]) -> Any:
        number = self.function(parameters, row)
        try:
            return as_number(number)
        except TypeError:
            raise TypeError(f"function(parameters, row) must return one number, got {number!r:.60}") from None
