"""The estimators for scikit-learn: its own checks, and that a network is nn's, trained by nn's fit."""

from __future__ import annotations

import functools
import inspect
import math
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.neural_network
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from autograd_engine import TraceError, exp, silu
from nn import MLP, SGD, RMSprop, exponential_decay, fit, squared_error
from nn.sklearn import FunctionRegressor, MLPClassifier, MLPRegressor, affine
from nn.sklearn.function_regressor import WORTH_COMPILING

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 20, "learning_rate_init": 0.1, "random_state": 0}
NETWORKS = [MLPClassifier, MLPRegressor]
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 3))
PLANE = X @ [1.0, -2.0, 0.5] + 3.0
CLASSES = np.array(["low", "high"])[(PLANE > 3).astype(int)]
TARGETS = {MLPClassifier: CLASSES, MLPRegressor: PLANE}
WEIGHTS = RANDOM.integers(0, 4, size=40).astype(float)


@parametrize_with_checks([FunctionRegressor(), MLPClassifier(**SMALL), MLPRegressor(**SMALL)])
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


# --- networks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NETWORKS)
def test_parameters_are_named_as_in_scikit_learn_and_default_to_the_same(kind: Any) -> None:
    ours = inspect.signature(kind).parameters
    theirs = inspect.signature(getattr(sklearn.neural_network, kind.__name__)).parameters
    assert set(ours) - set(theirs) == {"jit"}
    assert all(ours[name].default == theirs[name].default for name in set(ours) - {"jit"})


def test_a_network_is_what_fit_makes_of_an_mlp() -> None:
    network = MLPRegressor((4,), "tanh", alpha=0.0, solver="sgd", momentum=0.0, learning_rate_init=0.05, max_iter=30)
    network.set_params(random_state=3, tol=0.0).fit(X, PLANE)
    draws = np.random.default_rng(np.random.RandomState(3).randint(2**31 - 1))
    model = MLP(3, [4, 1], "tanh", draws)
    history = fit(model, X, PLANE, squared_error, SGD(model.parameters(), lr=0.05), epochs=30, batch_size=40)
    assert network.loss_curve_ == history.loss
    assert [x.data for x in network.model_.parameters()] == [x.data for x in model.parameters()]


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu", "gelu", silu, None])
def test_outputs_are_those_of_the_network(activation: Any) -> None:
    network = MLPRegressor((4, 3), activation, random_state=0, max_iter=2).fit(X, np.stack([PLANE, -PLANE], axis=1))
    expected = [[output.data for output in network.model_(row)] for row in X.tolist()]
    np.testing.assert_allclose(network.predict(X), expected, rtol=1e-12, atol=1e-13)
    assert [array.shape for array in network.coefs_] == [(3, 4), (4, 3), (3, 2)]
    assert [array.shape for array in network.intercepts_] == [(4,), (3,), (2,)]


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_are_those_of_the_logits(classes: int) -> None:
    y = np.arange(40) % classes
    network = MLPClassifier(**SMALL).fit(X, y)
    logits = np.array([[output.data for output in network.model_(row)] for row in X.tolist()])
    expected = softmax(logits, axis=1) if classes > 2 else np.hstack([1 - expit(logits), expit(logits)])
    np.testing.assert_allclose(network.predict_proba(X), expected, rtol=1e-12)
    np.testing.assert_allclose(network.predict_log_proba(X), np.log(expected), rtol=1e-10)
    far = network.predict_log_proba(1e4 * X)
    assert np.isfinite(far).all()  # where a probability is 0
    assert far.min() < -800


def test_a_penalty_pulls_the_weights_to_0_and_leaves_the_bias() -> None:
    settings: dict[str, Any] = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.2, "max_iter": 300}
    for alpha in (0.0, 40.0):
        network = MLPRegressor((), alpha=alpha, tol=0.0, random_state=0, **settings).fit(X, PLANE)
        ridge = Ridge(alpha).fit(X, PLANE)
        np.testing.assert_allclose(network.coefs_[0][:, 0], ridge.coef_, atol=1e-6)
        assert network.intercepts_[0] == pytest.approx(ridge.intercept_)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("jit", [False, True])
def test_a_weight_stands_for_so_many_samples(kind: Any, jit: bool) -> None:
    y, times = TARGETS[kind], WEIGHTS.astype(int)
    weighted = kind(**SMALL, alpha=1.0, jit=jit).fit(X, y, sample_weight=WEIGHTS)
    repeated = kind(**SMALL, alpha=1.0, jit=jit).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)
    for one, other in zip(weighted.coefs_, repeated.coefs_):
        np.testing.assert_allclose(one, other, rtol=1e-7)


@pytest.mark.parametrize("estimator", [MLPRegressor(**SMALL), FunctionRegressor()], ids=repr)
def test_weights_that_leave_no_sample_are_refused(estimator: Any) -> None:
    for weights in (np.zeros(40), -np.ones(40)):
        with pytest.raises(ValueError, match="weight"):
            clone(estimator).fit(X, PLANE, sample_weight=weights)


def test_several_targets_are_weighted_alike() -> None:
    y, times = np.stack([PLANE, PLANE**2], axis=1), WEIGHTS.astype(int)
    weighted = MLPRegressor(**SMALL).fit(X, y, sample_weight=WEIGHTS)
    repeated = MLPRegressor(**SMALL).fit(np.repeat(X, times, axis=0), np.repeat(y, times, axis=0))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-7)


@pytest.mark.parametrize("kind", NETWORKS)
def test_partial_fit_goes_on_for_one_epoch(kind: Any) -> None:
    y = TARGETS[kind]
    whole, parts = kind(**SMALL, batch_size=10, tol=0.0).fit(X, y), kind(**SMALL, batch_size=10)
    first = {"classes": np.unique(y)} if kind is MLPClassifier else {}
    for _ in range(20):
        assert parts.partial_fit(X, y, **first) is parts
    assert parts.loss_curve_ == whole.loss_curve_
    assert (parts.n_iter_, parts.loss_) == (20, whole.loss_curve_[-1])


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_warm_start_goes_on_and_a_cold_one_does_not(kind: Any) -> None:
    warm, cold, y = kind(**SMALL, warm_start=True, tol=0.0), kind(**SMALL, tol=0.0), TARGETS[kind]
    twice = [estimator.fit(X, y).fit(X, y).loss_curve_ for estimator in (warm, cold)]
    whole = kind(**{**SMALL, "max_iter": 40}, tol=0.0).fit(X, y).loss_curve_
    assert twice == [whole, whole[:20]]


@pytest.mark.parametrize("kind", NETWORKS)
def test_early_stopping_keeps_the_network_of_the_best_epoch(kind: Any) -> None:
    settings = {**SMALL, "max_iter": 200, "n_iter_no_change": 5, "validation_fraction": 0.3}
    network = kind(**settings, early_stopping=True, tol=0.0).fit(X, TARGETS[kind])
    losses = network.history_.validation_loss
    assert network.history_.best_epoch == np.argmin(losses) + 1
    assert network.history_.stopped_early is (len(losses) == network.history_.best_epoch + 5)
    assert network.history_.best_epoch < network.n_iter_ == len(losses)


def test_it_ends_where_the_loss_has_come_to_rest_and_warns_where_it_has_not() -> None:
    settings = {**SMALL, "tol": 0.01, "n_iter_no_change": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network = MLPRegressor(**{**settings, "max_iter": 500}).fit(X, PLANE)
    assert network.n_iter_ < 500
    lowest = np.minimum.accumulate(network.loss_curve_)
    falls = [loss < low - 0.01 for low, loss in zip(lowest, network.loss_curve_[1:])]
    assert falls[-3:] == [False] * 3
    assert all(any(falls[i : i + 3]) for i in range(len(falls) - 3))
    with pytest.warns(ConvergenceWarning, match="still falling after 2 epochs; raise max_iter"):
        MLPRegressor(**{**settings, "max_iter": 2}).fit(X, PLANE)


@pytest.mark.parametrize(
    "settings",
    [
        *[{"solver": solver} for solver in ("sgd", "adagrad", "rmsprop", "adam", "adamw")],
        {"solver": functools.partial(RMSprop, momentum=0.5)},
        {"solver": "sgd", "momentum": 0.0},
        {"learning_rate_init": exponential_decay(0.05, 0.99)},
        {"hidden_layer_sizes": 4},
        {"random_state": np.random.RandomState(1)},
        {"verbose": True},
    ],
    ids=lambda settings: " ".join(settings),  # without addresses, which differ from worker to worker
)
def test_every_setting_lowers_the_loss(settings: dict[str, Any]) -> None:
    network = MLPRegressor(**{**SMALL, "learning_rate_init": 0.02} | settings).fit(X, PLANE)
    assert network.loss_ < network.loss_curve_[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"solver": "lbfgs"}, "solver must be one of sgd, .* or make an optimizer, got 'lbfgs'"),
        ({"activation": "step"}, "unknown activation 'step'"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be at least 1, got 0"),
        ({"max_iter": 0}, "max_iter must be at least 1, got 0"),
        ({"alpha": -1.0}, "alpha must be finite and at least 0"),
        ({"tol": -1.0}, "tol must be finite and at least 0"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be at least 1"),
        ({"learning_rate_init": -0.1}, "learning_rate_init must be finite and at least 0"),
        ({"solver": "sgd", "learning_rate_init": 1e300}, "has diverged: .* lower learning_rate_init"),
    ],
)
def test_a_setting_out_of_its_range_is_refused(settings: dict[str, Any], message: str) -> None:
    network = MLPRegressor(**SMALL | settings)
    with pytest.raises(ValueError, match=message):
        network.fit(X, PLANE)
    with pytest.raises(NotFittedError):
        network.predict(X)


def test_classes_are_known_from_the_first_call_on() -> None:
    network = MLPClassifier(**SMALL, warm_start=True)
    with pytest.raises(ValueError, match=r"the first call of partial_fit\(\) needs classes"):
        network.partial_fit(X, CLASSES)
    network.partial_fit(X[:5], CLASSES[:5], classes=["low", "high", "middle"])
    assert network.classes_.tolist() == ["high", "low", "middle"]
    with pytest.raises(ValueError, match="classes must be those of the first call"):
        network.partial_fit(X, CLASSES, classes=["low", "high"])
    for train in (network.fit, network.partial_fit):
        with pytest.raises(ValueError, match=r"the class 'new', which is not one of \['high', 'low', 'middle'\]"):
            train(X[:2], ["low", "new"])
    with pytest.raises(ValueError, match="y must have 1 columns as before, got 2"):
        MLPRegressor(**SMALL, warm_start=True).fit(X, PLANE).fit(X, X[:, :2])


# --- in scikit-learn's company ---------------------------------------------------------------------------------------


def test_pipelines_searches_and_cross_validation_take_them() -> None:
    iris, species = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(**SMALL))
    search = GridSearchCV(pipeline, {"mlpclassifier__hidden_layer_sizes": [(2,), (6,)]}, cv=2).fit(iris, species)
    assert search.best_score_ > 0.9
    diabetes, progression = load_diabetes(return_X_y=True, scaled=False)
    scores = cross_val_score(make_pipeline(StandardScaler(), FunctionRegressor()), diabetes, progression, cv=3)
    assert scores == pytest.approx(cross_val_score(LinearRegression(), diabetes, progression, cv=3))


@pytest.mark.parametrize("estimator", [MLPClassifier(**SMALL), MLPRegressor(**SMALL), FunctionRegressor()], ids=repr)
def test_they_are_pickled_cloned_and_shown(estimator: Any) -> None:
    y = TARGETS.get(type(estimator), PLANE)
    fitted = clone(estimator).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.predict(X) == fitted.predict(X)).all()
    if hasattr(fitted, "partial_fit"):
        assert again.partial_fit(X, y).loss_curve_ == fitted.partial_fit(X, y).loss_curve_
    with pytest.raises(NotFittedError):
        clone(fitted).predict(X)
    assert type(estimator).__name__ in fitted._repr_html_()


def test_names_of_columns_are_remembered() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=["a", "b", "c"])
    for estimator in (MLPRegressor(**SMALL), FunctionRegressor()):
        estimator.fit(table, PLANE)
        assert estimator.feature_names_in_.tolist() == ["a", "b", "c"]
        assert estimator.n_features_in_ == 3
        with pytest.raises(ValueError, match="feature names"):
            estimator.predict(table[["b", "a", "c"]])


def test_it_learns_as_well_as_scikit_learns_network() -> None:
    cancer, diagnosis = load_breast_cancer(return_X_y=True)
    scaled = StandardScaler().fit_transform(cancer)
    settings: dict[str, Any] = {**SMALL, "learning_rate_init": 0.01, "batch_size": 50}
    ours, theirs = MLPClassifier(**settings), sklearn.neural_network.MLPClassifier(**settings)
    scores = [network.fit(scaled, diagnosis).score(scaled, diagnosis) for network in (ours, theirs)]
    assert scores[0] == pytest.approx(scores[1], abs=0.01)


# --- functions -------------------------------------------------------------------------------------------------------


def decay(p: Any, row: Any) -> Any:
    """A function with parameters of two names."""
    return p["a"] * exp(-p["b"] * row[0])


def test_a_function_is_fitted_by_its_least_squares() -> None:
    times = np.linspace(0.0, 3.0, 20).reshape(-1, 1)
    y = 3.0 * np.exp(-0.5 * times[:, 0])
    model = FunctionRegressor(decay, {"a": 1.0, "b": 0.0}).fit(times, y)
    assert model.parameters_ == {"a": pytest.approx(3.0), "b": pytest.approx(0.5)}
    assert model.n_iter_ == model.descent_.steps > 1
    np.testing.assert_allclose(model.predict(times), y)


def test_the_affine_function_is_linear_regression_weights_included() -> None:
    y = PLANE + RANDOM.normal(size=40)
    ours, theirs = FunctionRegressor(affine).fit(X, y, WEIGHTS), LinearRegression().fit(X, y, WEIGHTS)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X))


def untraceable(p: Any, row: Any) -> Any:
    """A function that looks into the numbers of a row."""
    return p["a"] * math.exp(float(row[0])) + p["b"]


@pytest.mark.parametrize("function", [decay, untraceable])
@pytest.mark.parametrize("samples", [20, 2 * WORTH_COMPILING])
def test_compiled_or_not_it_finds_the_same(function: Any, samples: int) -> None:
    times = np.linspace(0.0, 3.0, samples).reshape(-1, 1)
    y = 3.0 * np.exp(-0.5 * times[:, 0]) + 0.1 * np.sin(40 * times[:, 0])
    slow, best = (FunctionRegressor(function, {"a": 1.0, "b": 0.0}, jit=jit).fit(times, y) for jit in (False, None))
    np.testing.assert_allclose(best.predict(times), slow.predict(times), rtol=1e-9)
    fast = FunctionRegressor(function, {"a": 1.0, "b": 0.0}, jit=True)
    if function is decay:
        np.testing.assert_allclose(fast.fit(times, y).predict(times), slow.predict(times), rtol=1e-9)
    else:
        with pytest.raises(TraceError):
            fast.fit(times, y)


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        (FunctionRegressor("affine"), TypeError, "function must be a Callable, got 'affine'"),
        (FunctionRegressor(decay, {}), ValueError, "x0 holds no number"),
        (FunctionRegressor(lambda p, row: [p], 0.0), TypeError, r"function\(parameters, row\) must return one number"),
        (
            FunctionRegressor(lambda p, row: 1 / p, 0.0),
            ValueError,
            "cannot be fitted from there, diverged",
        ),
        (FunctionRegressor(max_iter=-1), ValueError, "max_iter must be at least 0, got -1"),
        (FunctionRegressor(tol=-1.0), ValueError, "tol must be finite and at least 0"),
    ],
)
def test_what_cannot_be_fitted_is_refused(estimator: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        estimator.fit(X, PLANE)
    with pytest.raises(NotFittedError):
        estimator.predict(X)


def test_too_few_steps_are_warned_of() -> None:
    with pytest.warns(ConvergenceWarning, match="not converged after 1 step.*raise max_iter"):
        FunctionRegressor(decay, {"a": 1.0, "b": 0.0}, max_iter=1).fit(X, PLANE)
