"""A vmap in the samples of another one: in a function that is long without loops, a loop in each sample."""

import numpy as np
import pytest

from autograd_engine import amax, dot, exp, grad, hessian, jit, logsumexp, mean, tanh, value_and_grad, vmap, where
from autograd_engine.compiler.trace import traced
from autograd_engine.primitives import sum as total
from autograd_engine.structure import flatten

DRAW = np.random.default_rng(0)
X, Y, W = DRAW.normal(size=(9, 3)), DRAW.normal(size=(40, 3)), DRAW.normal(size=40)


@pytest.fixture(autouse=True)
def short_traces(monkeypatch):
    monkeypatch.setattr(traced, "LONG", 150)


def numbers(result):
    return np.array(flatten(result)[0])


def squared(x, y):
    return dot(x - y, x - y)


def changed(h):
    h[1] = 0.5
    h *= 2.0
    return h


def chosen(x, Y):
    h = vmap(lambda y: dot(x, y))(Y)
    if x[0] > 0:
        h = vmap(lambda y: x[1] - y[0])(Y)
    return h


SHORT = {
    "a sum": lambda x, Y, w: total(vmap(lambda y, w: w * exp(-squared(x, y)))(Y, w)),
    "a mean": lambda x, Y, w: mean(vmap(lambda y: squared(x, y))(Y)),
    "sums of arithmetic": lambda x, Y, w: np.sum(np.exp(-vmap(lambda y: squared(x, y))(Y)) * 2 + x[0]),
    "two of them": lambda x, Y, w: (vmap(lambda y: y[0] * x)(Y) * vmap(lambda y: np.sin(y) + x)(Y)).sum(axis=0) @ x,
    "mapped again": lambda x, Y, w: np.mean(vmap(lambda r: tanh(r) * x[1])(vmap(lambda y: squared(x, y))(Y))),
    "shared": lambda x, Y, w: total(vmap(lambda y, x: y * x[0], in_axes=(0, None))(w, x)) + x[1],
    "a constant": lambda x, Y, w: total(vmap(lambda y: 0.1)(w)) * x[0] + np.sum(vmap(lambda y: x[2])(w)),
    "all of a table": lambda x, Y, w: np.mean(vmap(lambda y: y * x)(Y)) + vmap(lambda y: y * x)(Y).sum(-2)[1],
    "a dict": lambda x, Y, w: (lambda d: d["a"].sum() + total(d["b"]))(vmap(lambda y: {"a": y * x, "b": y[0]})(Y)),
}
LONGER = {
    "along the other axis": lambda x, Y, w: total(vmap(lambda y: dot(y, x), in_axes=1)(Y.T)),
    "logsumexp": lambda x, Y, w: logsumexp(vmap(lambda y: squared(x, y))(Y)),
    "the largest": lambda x, Y, w: amax(vmap(lambda y: squared(x, y))(Y)) + vmap(lambda y: dot(x, y))(Y).max(),
    "one of them": lambda x, Y, w: vmap(lambda y: squared(x, y))(Y)[3] + len(vmap(lambda y: y[0] * x[0])(Y)),
    "a choice": lambda x, Y, w: np.sum(np.where((h := vmap(lambda y: dot(x, y))(Y)) > 0, h, h * x[0])),
    "with an array": lambda x, Y, w: np.sum(vmap(lambda y: dot(x, y))(Y) * w) + w @ vmap(lambda y: dot(x, y))(Y),
    "stacked": lambda x, Y, w: np.concatenate([vmap(lambda y: dot(x, y))(Y), w]).sum(),
    "other axes": lambda x, Y, w: vmap(lambda y: y * x)(Y).sum(axis=1)[2] + vmap(lambda y: y * x)(Y).mean(-1)[3],
    "changed in place": lambda x, Y, w: changed(vmap(lambda y: dot(x, y))(Y)).sum(),
    "chosen": lambda x, Y, w: chosen(x, Y).sum(),
    "one by one": lambda x, Y, w: sum(vmap(lambda y: where(y[0] > x[0], dot(x, y), 0.0))(Y)),
}
ALL = {**SHORT, **LONGER}


@pytest.mark.parametrize("f", ALL.values(), ids=ALL)
def test_values_and_derivatives_are_those_of_the_loop_of_vmap(f):
    for derivative in (f, value_and_grad(f), grad(f, (1, 2))):
        g = vmap(derivative, in_axes=(0, None, None))
        np.testing.assert_allclose(numbers(jit(g)(X, Y, W)), numbers(g(X, Y, W)), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("f", SHORT.values(), ids=SHORT)
def test_the_program_does_not_grow_with_the_inner_samples(f):
    g = jit(vmap(value_and_grad(f), in_axes=(0, None, None)))
    assert g.stats(X, np.tile(Y, (10, 1)), np.tile(W, 10)).instructions < 150


def test_sums_over_both_and_second_derivatives():
    def loss(p, X, Y):
        kernel = vmap(lambda x, p: total(vmap(lambda y: exp(-p[0] * squared(x, y)) * p[1])(Y)), in_axes=(0, None))
        return mean(kernel(X, p))

    for derivative in (value_and_grad(loss), hessian(loss)):
        expected = numbers(derivative([0.5, 2.0], X, Y))
        np.testing.assert_allclose(numbers(jit(derivative)([0.5, 2.0], X, Y)), expected, rtol=1e-11)


def test_the_exact_mode_keeps_the_order_of_sums():
    f = vmap(grad(SHORT["a sum"]), in_axes=(0, None, None))
    assert jit(f, exact=True)(X, Y, W).tolist() == f(X, Y, W).tolist()
