"""Training loops: loops of rounds, each with sums over samples, beside JAX's loops around its vmap."""

import numpy as np
import pytest

from autograd_engine import exp, fori_loop, grad, jit, log1p, mean, tanh, value_and_grad, vmap
from tests.benchmarks.test_loops import jax_with_doubles

EPOCHS, UNITS = 1000, 8
GENERATOR = np.random.default_rng(0)
WEIGHTS = GENERATOR.normal(size=3 * UNITS + UNITS + 1) * 0.5


def samples(count):
    X = GENERATOR.normal(size=(count, 2))
    return X, np.where(X[:, 0] * X[:, 1] > 0, 1.0, -1.0)


def of_network(w, x, sign, tanh, exp, log1p):
    """The logistic loss of a network with a layer of tanh."""
    total = w[4 * UNITS]
    for k in range(UNITS):
        total = total + w[3 * UNITS + k] * tanh(w[3 * k] * x[0] + w[3 * k + 1] * x[1] + w[3 * k + 2])
    return log1p(exp(-sign * total))


def loss(w, X, signs):
    return mean(vmap(lambda x, sign: of_network(w, x, sign, tanh, exp, log1p))(X, signs))


def trained(w, X, signs):
    return fori_loop(0, EPOCHS, lambda i, w: w - 0.5 * np.array(grad(loss)(w, X, signs)), w)


def of_jax(jax):
    def loss(w, X, signs):
        np_ = jax.numpy
        of_sample = lambda x, sign: of_network(w, x, sign, np_.tanh, np_.exp, np_.log1p)  # noqa: E731
        return jax.vmap(of_sample)(X, signs).mean()

    def trained(w, X, signs):
        return jax.lax.fori_loop(0, EPOCHS, lambda i, w: w - 0.5 * jax.grad(loss)(w, X, signs), w)

    return loss, trained


@pytest.mark.parametrize("count", [40, 1000])
def test_gradient_descent_against_jax(compare, count):
    jax = jax_with_doubles()
    X, signs = samples(count)
    theirs, ours = jax.jit(of_jax(jax)[1]), jit(trained)
    np.testing.assert_allclose(ours(WEIGHTS, X, signs), theirs(WEIGHTS, X, signs), rtol=1e-6, atol=1e-8)
    name = f"JAX's fori_loop, {EPOCHS:,} steps of gradient descent, {count:,} samples"
    compare(
        lambda: ours(WEIGHTS, X, signs), name, lambda: jax.block_until_ready(theirs(WEIGHTS, X, signs)), bar=5, rounds=3
    )


def test_steps_called_from_python(compare):
    X, signs = samples(40)
    ours, step = jit(trained), jit(grad(loss))

    def theirs():
        w = WEIGHTS
        for _ in range(EPOCHS):
            w = w - 0.5 * step(w, X, signs)
        return w

    np.testing.assert_allclose(ours(WEIGHTS, X, signs), theirs(), rtol=1e-9)
    name = f"the same {EPOCHS:,} steps, each a call of a kernel"
    compare(lambda: ours(WEIGHTS, X, signs), name, theirs, bar=3, rounds=3)


def test_derivative_of_a_training_against_jax(compare):
    jax = jax_with_doubles()
    X, signs = samples(200)
    of_theirs, _ = of_jax(jax)

    def scanned(w, rate):
        step = lambda w, _: (w - rate * jax.grad(of_theirs)(w, X, signs), None)  # noqa: E731
        return of_theirs(jax.lax.scan(step, w, None, length=100)[0], X, signs)

    def ours_looped(w, rate):
        step = lambda i, w: w - rate * np.array(grad(loss)(w, X, signs))  # noqa: E731
        return loss(fori_loop(0, 100, step, w), X, signs)

    theirs = jax.jit(jax.value_and_grad(scanned, (0, 1)))
    ours = jit(value_and_grad(ours_looped, (0, 1)))
    (value, (by_w, by_rate)), (other, others) = ours(WEIGHTS, 0.5), theirs(WEIGHTS, 0.5)
    np.testing.assert_allclose([value, by_rate, *by_w], [other, others[1], *others[0]], rtol=1e-7, atol=1e-10)
    name = "JAX's scan, slopes of the loss after 100 steps with respect to rate and weights"
    compare(lambda: ours(WEIGHTS, 0.5), name, lambda: jax.block_until_ready(theirs(WEIGHTS, 0.5)), bar=5, rounds=3)
