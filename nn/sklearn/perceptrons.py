"""`MLPClassifier` and `MLPRegressor`: `nn.MLP`, trained by `nn.fit`, as estimators of scikit-learn."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cache, partial
from typing import Any, ClassVar, TypeVar

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from autograd_engine.compiler import jit
from autograd_engine.mapping import vmap
from autograd_engine.primitives import Primitive
from nn.checks import Array, at_least_0, whole_number
from nn.losses import binary_cross_entropy_with_logits, cross_entropy, l2_penalty, squared_error
from nn.optimizer import Optimizer
from nn.optimizers import OPTIMIZERS, SGD
from nn.perceptrons import MLP
from nn.schedules import Schedule
from nn.sklearn.samples import checked, rows
from nn.training.fit import fit
from nn.training.history import History
from nn.training.samples import Loss

Self = TypeVar("Self", bound="_Perceptron")

SOLVERS = tuple(name for name, make in OPTIMIZERS.items() if isinstance(make, type))
_LARGEST_BATCH = 200  # of batch_size="auto"


class _Trained(BaseEstimator):  # type: ignore[misc]
    """What a training leaves."""

    model_: MLP
    loss_curve_: list[float]
    _optimizer: Optimizer
    _draws: np.random.Generator


@dataclass(eq=False, repr=False)
class _Perceptron(_Trained):
    """What both have in common: the parameters, the training, and the outputs of the network."""

    hidden_layer_sizes: int | Sequence[int] = (100,)
    activation: str | Primitive | None = "relu"
    _: KW_ONLY
    solver: str | Callable[..., Optimizer] = "adam"
    alpha: float = 0.0001
    batch_size: int | str = "auto"
    learning_rate_init: float | Schedule = 0.001
    max_iter: int = 200
    random_state: Any = None
    tol: float = 1e-4
    verbose: bool = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    jit: bool | None = None

    @property
    def coefs_(self) -> list[Array]:
        """The weights of each layer, (inputs, outputs), as scikit-learn has them."""
        return [array.T for name, array in self.model_.arrays().items() if name.endswith("weight")]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of each layer, (outputs,)."""
        return [array for name, array in self.model_.arrays().items() if name.endswith("bias")]

    def fit(self: Self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on the rows of X (n, features) and the targets y; `sample_weight` (n,) are their weights, else 1."""
        fresh = not (self.warm_start and hasattr(self, "model_"))
        return self._trained(X, y, sample_weight, fresh)

    def _trained(
        self: Self, X: Any, y: Any, sample_weight: Any, fresh: bool, once: bool = False, classes: Any = None
    ) -> Self:
        """Train, from the start if `fresh`, and for one epoch if `once`."""
        epochs = 1 if once else whole_number("max_iter", self.max_iter)
        X, y, weights = checked(self, X, y, sample_weight, reset=fresh, **self._rules)
        y = self._targets(y, fresh, classes)
        if fresh:
            model, optimizer, draws = self._start(X.shape[1])
        else:
            model, optimizer, draws = self.model_, self._optimizer, self._draws
        optimizer.lr = self._rate()
        heavy = 1.0 if weights is None else weights.mean()
        table = y if weights is None else np.column_stack([y, weights / heavy])
        held_out = None
        if self.early_stopping and not once:
            seed = int(draws.integers(2**31))
            share: dict[str, Any] = {"test_size": self.validation_fraction, "random_state": seed}
            X, X_held, table, held = train_test_split(X, table, stratify=y if self._stratified else None, **share)
            held_out = X_held, held
        auto = isinstance(self.batch_size, str) and self.batch_size == "auto"
        batch_size = min(len(X), _LARGEST_BATCH if auto else whole_number("batch_size", self.batch_size))
        # scikit-learn divides alpha by the weight of a batch, too.
        factor = 0.5 * at_least_0("alpha", self.alpha) / (batch_size * heavy)
        watch = _Watch(at_least_0("tol", self.tol), whole_number("n_iter_no_change", self.n_iter_no_change))
        history = fit(
            model,
            X,
            table,
            self._loss if weights is None else _weighted(self._loss),
            optimizer,
            epochs=epochs,
            batch_size=batch_size,
            validation=held_out,
            early_stopping=watch.patience if held_out else None,
            penalty=(lambda model: factor * l2_penalty(_weights(model))) if factor else None,
            seed=draws,
            progress=bool(self.verbose),
            stop=watch,
            jit=self.jit,
        )
        if not all(np.isfinite(array).all() for array in model.arrays().values()):
            raise ValueError("the training has diverged: a parameter is inf or nan; lower learning_rate_init")
        self.model_, self._optimizer, self._draws, self.history_ = model, optimizer, draws, history
        self.loss_curve_ = history.loss if fresh else [*self.loss_curve_, *history.loss]
        self.n_iter_, self.loss_ = len(self.loss_curve_), self.loss_curve_[-1] if self.loss_curve_ else math.nan
        if history.interrupted:
            warnings.warn("the training was interrupted", UserWarning, stacklevel=3)
        elif not once and not history.stopped_early:
            message = f"the loss was still falling after {epochs} epochs; raise max_iter"
            warnings.warn(message, ConvergenceWarning, stacklevel=3)
        return self

    def _start(self, n_features: int) -> tuple[MLP, Optimizer, np.random.Generator]:
        """A new network, with an optimiser and the generator that the training draws from."""
        hidden = self.hidden_layer_sizes if np.iterable(self.hidden_layer_sizes) else [self.hidden_layer_sizes]
        widths = [whole_number("hidden_layer_sizes", width) for width in hidden]
        activation = (
            "sigmoid" if isinstance(self.activation, str) and self.activation == "logistic" else self.activation
        )
        draws = np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))
        model = MLP(n_features, [*widths, self._n_outputs()], activation, draws)
        return model, self._solver()(model.parameters(), lr=self._rate()), draws

    def _rate(self) -> float | Schedule:
        rate = self.learning_rate_init
        return rate if callable(rate) else at_least_0("learning_rate_init", rate)

    def _solver(self) -> Callable[..., Optimizer]:
        if not isinstance(self.solver, str):
            return self.solver
        if self.solver not in SOLVERS:
            raise ValueError(f"solver must be one of {', '.join(SOLVERS)} or make an optimizer, got {self.solver!r}")
        if self.solver != "sgd":
            return OPTIMIZERS[self.solver]
        return partial(SGD, momentum=self.momentum, nesterov=bool(self.nesterovs_momentum and self.momentum))

    def _outputs(self, X: Any) -> Array:
        """What the network answers to the rows of X: (n, outputs)."""
        check_is_fitted(self, "model_")
        outputs = rows(self, X)
        for layer in self.model_.layers:
            arrays = layer.arrays()
            outputs = outputs @ arrays["weight"].T + arrays["bias"]
            if layer.activation is not None:
                outputs = _elementwise(layer.activation)(outputs.ravel()).reshape(outputs.shape)
        return outputs


class MLPClassifier(ClassifierMixin, _Perceptron):  # type: ignore[misc]
    """A network that tells classes apart: logits of an `nn.MLP`, trained by `nn.fit` with cross-entropy.

    The parameters are those of scikit-learn's MLPClassifier, and mean the same, where they have the same name; there is
    no "lbfgs" here, and a learning rate that changes is a schedule of `nn` in `learning_rate_init`. Besides:

    - `activation` may be any of `nn.ACTIVATIONS` or a primitive of one number, None for none;
    - `solver` may be "adagrad", "rmsprop" and "adamw" too, or what makes an optimizer of parameters and `lr`, such as
      `functools.partial(nn.RMSprop, momentum=0.5)`;
    - with `early_stopping` the validation loss decides, not the score, and the network of its best epoch is kept;
    - `jit` is that of `nn.fit`: by default a training of 2,000 samples or more is compiled.

    `fit` warns (ConvergenceWarning) if the loss has not come to rest after `max_iter` epochs: it has when
    `n_iter_no_change` epochs in a row have not lowered it by more than `tol`. It raises ValueError if there is only one
    class or if the parameters become inf or nan.

    `sample_weight` multiplies the loss of a sample. A sample of weight 0 counts as absent, and one of weight n as n
    samples, if all go into one batch.

    After `fit` there are `classes_`, the network `model_` with its `coefs_` and `intercepts_`, the `history_` of the
    last call, `loss_curve_` over all calls, the last `loss_`, and `n_iter_`, the number of epochs. With `warm_start`
    another `fit` goes on from there, as `partial_fit` always does for one epoch.

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier([8], "tanh", learning_rate_init=0.05, tol=1e-3, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network).fit(X, y)
    >>> round(model.score(X, y), 2), network.model_
    (0.99, MLP(4 -> 8 tanh -> 3, 67 parameters))
    """

    classes_: Any
    _rules: ClassVar[dict[str, Any]] = {}
    _stratified = True

    @property
    def _loss(self) -> Loss:
        return binary_cross_entropy_with_logits if self._n_outputs() == 1 else cross_entropy

    def _n_outputs(self) -> int:
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    def _targets(self, y: Any, fresh: bool, classes: Any) -> Any:
        """The index of the class of each sample; the first time, `classes` are all that there will be, if given."""
        check_classification_targets(y)
        known = np.unique(y if classes is None else classes) if fresh else self.classes_
        if len(known) < 2:
            raise ValueError(f"MLPClassifier needs samples of several classes, got one class: {known.tolist()}")
        for label in np.setdiff1d(y, known)[:1].tolist():
            raise ValueError(f"y holds the class {label!r}, which is not one of {known.tolist()}")
        self.classes_ = known
        return np.searchsorted(known, y)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> MLPClassifier:
        """One more epoch, on these samples; the first call needs all `classes` that there will be."""
        fresh = not hasattr(self, "model_")
        if fresh and classes is None:
            raise ValueError("the first call of partial_fit() needs classes, all that there will be")
        if not fresh and classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes must be those of the first call, {self.classes_.tolist()}, got {classes!r:.60}")
        return self._trained(X, y, sample_weight, fresh, once=True, classes=classes)

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, (n, classes), in the order of `classes_`."""
        return self._of_classes(X, expit, softmax)

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of `predict_proba`."""
        return self._of_classes(X, log_expit, log_softmax)

    def _of_classes(self, X: Any, of_two: Callable[[Array], Array], of_more: Callable[..., Array]) -> Array:
        """What the logits say about each class, by a function of a single one where there are two classes."""
        logits = self._outputs(X)
        return np.hstack([of_two(-logits), of_two(logits)]) if logits.shape[1] == 1 else of_more(logits, axis=1)

    def predict(self, X: Any) -> Any:
        """The most probable class of each row of X, (n,)."""
        likely = self.predict_proba(X).argmax(axis=1)
        return self.classes_[likely]


class MLPRegressor(RegressorMixin, _Perceptron):  # type: ignore[misc]
    """A network for numbers, one or several a row: an `nn.MLP`, trained by `nn.fit` with the squared error.

    Parameters, attributes and what is raised are those of `MLPClassifier`, but for the classes. The loss of a sample is
    ½ Σ (output - target)², so it depends on the unit of the targets: scale them (TransformedTargetRegressor).

    >>> X = np.linspace(-2.0, 2.0, 41).reshape(-1, 1)
    >>> network = MLPRegressor([8], "tanh", learning_rate_init=0.05, max_iter=400, tol=1e-5, random_state=0)
    >>> round(network.fit(X, np.sin(2 * X[:, 0])).score(X, np.sin(2 * X[:, 0])), 2)
    1.0
    """

    _rules: ClassVar[dict[str, Any]] = {"multi_output": True, "y_numeric": True}
    _stratified = False
    _loss = staticmethod(squared_error)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _n_outputs(self) -> int:
        return self.n_outputs_

    def _targets(self, y: Any, fresh: bool, classes: Any) -> Any:
        """The targets, one or more a row; later trainings have as many."""
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        if fresh:
            self.n_outputs_ = n_outputs
        elif n_outputs != self.n_outputs_:
            raise ValueError(f"y must have {self.n_outputs_} columns as before, got {n_outputs}")
        return y

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """One more epoch, on these samples."""
        return self._trained(X, y, sample_weight, not hasattr(self, "model_"), once=True)

    def predict(self, X: Any) -> Array:
        """The targets for the rows of X: (n,), or (n, outputs) if there are several."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self.n_outputs_ == 1 else outputs


class _Watch:
    """Tells when the loss has stopped falling."""

    def __init__(self, tol: float, patience: int) -> None:
        self.tol, self.patience = tol, patience
        self._lowest, self._since = math.inf, 0

    def __call__(self, history: History) -> bool:
        loss = (history.validation_loss or history.loss)[-1]
        self._since = 0 if loss < self._lowest - self.tol else self._since + 1
        self._lowest = min(self._lowest, loss)
        return self._since >= self.patience


def _weighted(loss: Loss) -> Loss:
    """The loss of targets that have the weight of their sample as the last number."""

    def weighted(outputs: Any, target: Any) -> Any:
        *numbers, weight = target
        return weight * loss(outputs, numbers[0] if len(numbers) == 1 else numbers)

    return weighted


def _weights(model: Any) -> list[Any]:
    return [weight for layer in model.layers for neuron in layer.neurons for weight in neuron.weight]


@cache
def _elementwise(activation: Primitive) -> Callable[[Array], Array]:
    return jit(vmap(activation))
