"""Functions of large arrays that treat all entries alike, written for the arrays: loops, in derivatives too."""

import numpy as np
import pytest

from autograd_engine import (
    dot,
    exp,
    grad,
    hvp,
    jit,
    log,
    logsumexp,
    maximum,
    mean,
    relu,
    sin,
    value_and_grad,
    vjp,
    vmap,
    where,
)
from autograd_engine.compiler.trace import traced
from autograd_engine.primitives import sum as total
from autograd_engine.structure import flatten

N = 60
DRAW = np.random.default_rng(0)
X, Y, ROWS = DRAW.normal(size=N), DRAW.normal(size=N), DRAW.normal(size=(N, 3))


@pytest.fixture(autouse=True)
def short_traces(monkeypatch):
    monkeypatch.setattr(traced, "LONG", 250)


def lines(compiled):
    return compiled.program().count("\n")


def assert_agree(f, *args):
    expected, structure = flatten(f(*args))
    for exact in (True, False):
        compiled = jit(f, exact=exact)
        found, of_found = flatten(compiled(*args))
        assert of_found == structure
        np.testing.assert_allclose(np.array(found), np.array(expected), rtol=1e-11, atol=1e-12)
    return compiled


ALIKE = {
    "log-sum-exp": lambda x, y: np.log(np.sum(np.exp(x - np.max(x)))) + np.max(x),
    "logsumexp": lambda x, y: logsumexp(x),
    "logsumexp of a vmap": lambda x, y: logsumexp(vmap(lambda t: 2 * t)(x)),
    "a sum by vmap": lambda x, y: total(vmap(lambda t, u: sin(t) * u)(x, y)),
    "squares": lambda x, y: ((x - y) ** 2).sum() / 2,
    "a mean": lambda x, y: mean(np.exp(-x) * y) + x.mean() - np.mean(y),
    "a product": lambda x, y: x @ y + np.dot(x, x) + (x * y) @ x,
    "a choice": lambda x, y: np.sum(np.where(x > 0, x * y, np.maximum(x, y))),
    "two steps": lambda x, y: vmap(lambda t, m: (t - m) ** 2, in_axes=(0, None))(x, mean(x)).sum() * y.max(),
    "extremes": lambda x, y: x.max() - np.min(x * y),
}


@pytest.mark.parametrize("f", ALIKE.values(), ids=ALIKE)
def test_functions_that_treat_all_entries_alike(f):
    for derivative in (f, value_and_grad(f, (0, 1))):
        assert_agree(derivative, X, Y)
    compiled = jit(value_and_grad(f, (0, 1)))
    samples = [(np.ones(n), np.ones(n)) for n in (N, 100, 20_000)]
    for x, y in samples:
        compiled(x, y)
    assert len({id(compiled.stats(x, y)) for x, y in samples}) == 1
    assert lines(compiled) < 80


def test_columns():
    def f(X):
        return np.sum(np.exp(X[:, 0] * X[:, 1]) + X[..., 2]) + np.tanh(X).sum()

    assert lines(assert_agree(value_and_grad(f), ROWS)) < 80


def mixture(parameters, x):
    """The log-likelihood of one point under a mixture of as many Gaussians as there are rows."""
    return logsumexp(vmap(lambda m, w: w - dot(x - m, x - m) / 2)(parameters["means"], parameters["weights"]))


def test_the_exact_mode_keeps_the_order_of_sums():
    f = grad(lambda w, x: np.sum(np.sin(x * w)))
    assert jit(f, exact=True)(0.3, X) == f(0.3, X) != jit(f)(0.3, X)


def test_rows_of_a_mixture():
    point = np.array([0.3, -0.2, 1.0])
    compiled = assert_agree(value_and_grad(mixture, (0, 1)), {"means": ROWS, "weights": X}, point)
    assert lines(compiled) < 80


def test_gradients_are_arrays_to_compute_with():
    def descent(x, rate):
        return x - rate * grad(lambda x: np.sum(x**4))(x)

    compiled = assert_agree(descent, X, 0.1)
    assert lines(compiled) < 20
    assert_agree(grad(lambda x: total(grad(lambda x: np.sum(np.sin(x) * x))(x) ** 2)), X)
    assert_agree(lambda x, y: vjp(lambda x: np.exp(x) * 2, x)[1](y), X, Y)
    assert_agree(lambda x, y: hvp(lambda x: np.sum(x**4))(x, y), X, Y)


def test_the_gradient_by_what_vmap_returns():
    def f(x):
        h = vmap(lambda t: 2 * t)(x)
        value, slopes = value_and_grad(lambda h: mean(vmap(relu)(h)) + h.max())(h)
        return value, slopes * h

    assert_agree(f, X)


UNLIKE = {
    "neighbours": lambda x, y: np.sum((x[1:] - x[:-1]) ** 2),
    "one of them": lambda x, y: np.sum(np.exp(x - x[0]) * y),
    "entries one by one": lambda x, y: total(exp(t) * u for t, u in zip(x, y)),
    "in reverse": lambda x, y: np.sum(x[::-1] * np.exp(y)),
    "a sort": lambda x, y: (np.sort(x)[:2] * y[:2]).sum(),
    "a choice of Python": lambda x, y: np.sum(x) if len(x) == N else 0.0,
    "each with all": lambda x, y: vmap(lambda t: total(maximum(t, u) for u in y[:9]))(x).sum(),
    "caught": lambda x, y: caught(x),
}


def caught(x):
    """Something else where the samples cannot be picked."""
    try:
        return np.sum(np.exp(x)) + x[0]
    except TypeError:
        return 0.0


@pytest.mark.parametrize("f", UNLIKE.values(), ids=UNLIKE)
def test_others_are_compiled_as_before(f):
    for derivative in (f, value_and_grad(f, (0, 1))):
        assert_agree(derivative, X, Y)


def test_what_is_wrong_is_said_as_before():
    with pytest.raises(TypeError, match="needs <lambda>\\(\\) to return one number, got a ndarray of 60"):
        jit(grad(lambda x: np.exp(x) * 2 + where(x[0] > 0, 1.0, 2.0)))(X)
    with pytest.raises(ValueError, match="could not be broadcast"):
        jit(lambda x: np.sum(np.exp(x) + log(2.0) + np.ones(7) * x))(X)
