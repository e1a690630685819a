"""The largest, the smallest and log-sum-exp of the samples of a vmap: as uncompiled, with derivatives to any order."""

import math
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_engine import amax, amin, dot, exp, grad, hessian, jit, logsumexp, mean, relu, tanh, value_and_grad, vmap
from autograd_engine.compiler.program.program import Samples
from autograd_engine.compiler.program.traced_function import TracedFunction
from autograd_engine.structure import flatten

OF_THE_TABLE = {
    "amax": amax,
    "amin": amin,
    "np.max": np.max,
    "np.min": np.min,
    ".max()": lambda h: h.max(),
    ".min(axis=0)": lambda h: h.min(axis=0),
    "logsumexp": logsumexp,
    "spread": lambda h: (h.max() - h.min()) * mean(h),
}
REDUCTIONS = {
    **OF_THE_TABLE,
    "by hand": lambda h: np.max(h) + np.log(np.sum(np.exp(h - np.max(h)))),
    "distance from the largest": lambda h: np.sum((h - h.max()) ** 2),
}
every_reduction = pytest.mark.parametrize("reduce", REDUCTIONS.values(), ids=REDUCTIONS)
W = [0.3, -0.2]
SIZES = [1, 2, 7, 8, 9, 17, 31]


def numbers(f, *args):
    return np.array(flatten(f(*args))[0], dtype=float)


def assert_agree(f, *args):
    """Compiled, f returns the digits of f."""
    expected = numbers(f, *args)
    for compiled in (jit(f, exact=True), jit(f)):
        np.testing.assert_allclose(numbers(compiled, *args), expected, rtol=1e-12, atol=1e-13)


@every_reduction
@pytest.mark.parametrize("size", SIZES)
def test_values_and_derivatives_are_those_of_a_list(reduce, size):
    X = np.random.default_rng(size).normal(size=(size, 2))

    def f(w):
        return reduce(vmap(lambda w, x: tanh(dot(w, x)), in_axes=(None, 0))(w, X))

    if reduce in OF_THE_TABLE.values():  # and does not add up as NumPy does
        assert jit(f, exact=True)(W) == f(W)
    for derivative in (f, value_and_grad(f), hessian(f)):
        assert_agree(derivative, W)


@every_reduction
@settings(max_examples=15, deadline=None)
@given(xs=st.lists(st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.5, inf, -inf, nan]) | st.floats(-3, 3), min_size=1))
def test_special_numbers_and_ties(reduce, xs):
    f = value_and_grad(lambda w, x: reduce(vmap(lambda w, x: w + x, in_axes=(None, 0))(w, x)))
    x, (compiled, by_default) = np.array(xs), COMPILED.setdefault(reduce, (jit(f, exact=True), jit(f)))
    value, slope = f(0.0, x)
    assert reduce not in OF_THE_TABLE.values() or repr(compiled(0.0, x)[0]) == repr(value)
    for found in (compiled(0.0, x), by_default(0.0, x)):
        np.testing.assert_allclose(found, (value, slope), rtol=1e-12, atol=1e-13)


COMPILED = {}


def test_a_tie_shares_the_slope_equally():
    slopes = jit(vmap(grad(lambda x, w: x * w), in_axes=(0, None)))
    assert slopes(np.ones(3), 2.0).tolist() == [2.0, 2.0, 2.0]
    X = np.array([-1.0, -2.0, 0.5, -3.0])
    for f in (grad, jit):
        slope = f(lambda w: np.max(vmap(lambda w, x: relu(w * x), in_axes=(None, 0))(w, X)))
        assert slope(0.0) == 0.0
    f = grad(lambda w: amin(vmap(lambda w, x: w * relu(x), in_axes=(None, 0))(w, X)))
    assert f(1.0) == jit(f)(1.0) == 0.0


@pytest.mark.parametrize("axis", [None, 0, 1, 2, -1, (0, 1), (1, 2), (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_axes(axis, keepdims):
    X = np.random.default_rng(0).integers(-2, 3, size=(5, 2, 3)) / 2  # with ties

    def reduced(X, w):
        h = vmap(lambda x: x * w)(X)
        return h.max(axis=axis, keepdims=keepdims), np.min(h, axis, keepdims=keepdims)

    def one(w):
        return sum(np.sum(np.cos(part)) for part in reduced(X, w))

    assert flatten(jit(reduced, exact=True)(X, 1.5)) == flatten(reduced(X, 1.5))
    assert_agree(value_and_grad(one), 1.5)


@pytest.mark.parametrize("threads", [1, 2])
def test_many_samples_in_chunks(threads):
    x = np.random.default_rng(1).normal(size=100_003)

    def f(x, w):
        h = vmap(lambda x: w * x)(x)
        return h.max(), h.min(), h.sum(), logsumexp(h)

    largest, smallest, total, log_total = jit(f, threads=threads)(x, 2.0)
    assert (largest, smallest) == (2 * x.max(), 2 * x.min())
    assert (total, log_total) == pytest.approx((2 * x.sum(), math.log(np.exp(2 * x).sum())), rel=1e-10)


def test_one_loop_finds_sums_and_extremes_of_any_number_of_samples():
    def f(x):
        return np.max(vmap(exp)(x)), np.sum(vmap(exp)(x)), np.min(vmap(exp)(x))

    compiled = jit(f)
    for size in SIZES:
        x = np.linspace(0.0, 1.0, size)
        assert compiled(x) == pytest.approx((np.exp(x).max(), np.exp(x).sum(), np.exp(x).min()))
        assert compiled.stats(x) is compiled.stats()
    program = TracedFunction(f, (x,), {}, exact=False).program
    [*_, loop] = [step for step in program.body.steps if isinstance(step, Samples)]
    assert len(loop.body.results) == 3
    assert "max over i" in compiled.program(np.ones(2))


OF_TRUTHS = {
    "or": lambda a, b: (a > 0) + (b > 0) + (a == b),
    "and": lambda a, b: ((a > 0) * (b > 0), np.multiply.outer(a > 0, b < 0)),
    "the larger": lambda a, b: (np.maximum(a > 0, b > 0), np.minimum(a > 0, b > 0)),
    "known ones": lambda a, b: ((a > 0) + True, (a > 0) * False, np.array([True, False, True, False]) + (b > 0)),
    "counts": lambda a, b: ((a > 0).sum() + np.sum(b > 0), ((a > 0) + (b > 0)).sum(), np.cumsum(a > 0), (a > 0).mean()),
    "numbers": lambda a, b: ((a > 0) * b, 1 + (a > 0), (a > 0) + 0.5, (a > 0).astype(int) + (b > 0).astype(float)),
    "masks": lambda a, b: (a[(a > 0) + (b > 0)].sum(), np.where((a > 0) * (b > 0), a, b), ~((a > 0) + (b > 0))),
    "added": lambda a, b: np.add.reduce(np.stack([a > 0, b > 0])),
    "one": lambda a, b: float(a[0] > 0) + float(b[1] > 0),
}


@pytest.mark.parametrize("f", OF_TRUTHS.values(), ids=OF_TRUTHS)
def test_comparisons_of_arrays_are_truths_as_in_numpy(f):
    a, b = np.array([1.0, -2.0, 0.0, 3.0]), np.array([1.0, 2.0, -1.0, -0.5])
    np.testing.assert_equal(numbers(jit(f), a, b), numbers(f, a, b))


@pytest.mark.parametrize(
    "f",
    [
        lambda r, s: r + s,
        lambda r, s: (~r) + (r & s),
        lambda r, s: (r | s) - (r ^ s),
        lambda r, s: (r > s) + (s > 0),
        lambda r, s: (r & (s > 0)) + s,
    ],
    ids=["added", "connected", "subtracted", "compared", "with a truth"],
)
def test_bools_of_arguments_are_floats_and_stay_so_when_they_are_connected(f):
    r, s = np.array([True, True, False, False]), np.array([True, False, True, False])
    w = np.arange(1.0, 5.0)
    weighted = value_and_grad(lambda w, r, s: (w * f(r, s)).sum())
    np.testing.assert_equal(numbers(jit(weighted), w, r, s), numbers(weighted, w, r, s))


@pytest.mark.parametrize("f", [lambda a: (a > 0) - (a < 0), lambda a: -(a > 0)], ids=["-", "negative"])
def test_truths_are_not_subtracted_as_in_numpy(f):
    with pytest.raises(TypeError, match=r"numpy boolean (subtract|negative)"):
        jit(f)(np.array([1.0, -1.0]))
