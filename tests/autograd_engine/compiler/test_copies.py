"""Lists that compiled loops carry and keep are copied and cleared as blocks of memory: all entries, and no others."""

import numpy as np
import pytest

from autograd_engine import dot, jit, mean, sin, value_and_grad, vmap
from tests.nested import numbers

ENTRIES = np.random.default_rng(0).uniform(0.2, 1.0, 21)
WEIGHTS = np.random.default_rng(1).normal(size=21)
SAMPLES = np.random.default_rng(2).uniform(0.2, 1.0, (19, 21))


def reads_what_it_began_with(a, x, n):
    first = [x * y for y in a]
    v = list(first)
    for k in range(n):
        v[k] = v[k + 1] * v[k] + first[k]
    return dot(v, WEIGHTS) + dot(first, a) * v[20]


def keeps_what_it_changes(a, x, n):
    v, total = list(a[1:]), 0.0
    for k in range(n):
        for i in range(19):
            v[i] = sin(v[i + 1] * x) + 0.1 * k
        total = total + dot(v, WEIGHTS[1:])
    return total + v[0] * v[19]


def goes_around_samples(a, x, n):
    v = list(a)
    for k in range(n):
        v[k] = x * mean(vmap(lambda z, y: sin(z * v[3]) * y, in_axes=(0, None))(WEIGHTS, v[k]))
        for i in range(20):
            v[i] = 0.5 * v[i + 1] * x - 0.3 * v[i] * v[k]
    return dot(v, WEIGHTS)


def begins_anew(a, x, n):
    v, total = list(a), x
    for k in range(n):
        w = [0.0] * 21
        for i in range(k + 1, 21):
            w[i] = w[i] + x * v[i - 1] + w[i - 1] * 0.5
        for i in range(20):
            v[i] = v[i] * 0.5 + w[20 - i]
        total = total + w[20] * w[k + 1]
    return total + dot(v, WEIGHTS)


functions = pytest.mark.parametrize(
    "f", [reads_what_it_began_with, keeps_what_it_changes, goes_around_samples, begins_anew], ids=lambda f: f.__name__
)


def same(found, expected):
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-12, atol=1e-14)


def with_slopes(f):
    return lambda a, x, n: value_and_grad(lambda a, x: f(a, x, n), (0, 1))(a, x)


@functions
def test_lists_have_the_slopes_of_uncompiled_code(f):
    compiled = jit(with_slopes(f))
    for n in (0, 5):
        same(compiled(ENTRIES, 0.7, n), with_slopes(f)(ENTRIES, 0.7, n))
    assert "llvm.mem" in compiled.llvm(ENTRIES, 0.7, 5)


@functions
def test_lists_keep_every_bit(f):
    assert jit(f, exact=True)(ENTRIES, 0.7, 5) == f(ENTRIES, 0.7, 5)


@functions
def test_lists_have_them_in_every_lane(f):
    of_samples = vmap(with_slopes(f), in_axes=(0, None, None))
    for n in (0, 5):
        same(jit(of_samples)(SAMPLES, 0.7, n), of_samples(SAMPLES, 0.7, n))
