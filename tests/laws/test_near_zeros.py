"""logaddexp where exp(x) + exp(y) is nearly 1: floats nearest to its zeros, and floats at all distances from them."""

import ctypes
import functools
import itertools
import math

import numpy as np
import pytest
from mpmath import mp, mpf

from autograd_engine import accuracy, jit, logaddexp, to_c, vmap
from tests.c_compiler import cc, needs_compiler
from tests.laws.allowances import BAR
from tests.laws.judge import exact, ulps


@functools.cache
def near_zeros():
    """Pairs of negative numbers, some of them tiny and some equal but for the last bits, and the exact values."""
    draw, pairs = np.random.default_rng(0), [(-1.6888252876262282, -0.2047977924182267), (-math.log(2), -math.log(2))]
    for x in [*draw.uniform(-0.7, 0, 150), *-(10.0 ** draw.uniform(-150, 0, 50))]:
        with mp.workprec(2000):
            y = float(mp.log(-mp.expm1(mpf(x))))
        distance = draw.choice([0, 0, 1, 3]) if draw.uniform() < 0.5 else int(10 ** draw.uniform(1, 14))
        pair = [float(x), y + float(distance * draw.choice([-1, 1]) * math.ulp(y))]
        pairs.append(tuple(draw.permutation(pair).tolist()))
    return pairs, [exact("logaddexp", pair) for pair in pairs]


def assert_accurate(found):
    pairs, values = near_zeros()
    for pair, number, right in zip(pairs, found, values):
        assert abs(right) < abs(max(pair)) / 4
        assert ulps(number, right) <= BAR / 2, (pair, number, float(right))


def filled(x, y):
    """What is written by a loop, for whose rounds compiled code has lanes."""
    out = [0.0] * len(x)
    for i in range(len(x)):
        out[i] = logaddexp(x[i], y[i])
    return np.array(out)


def test_uncompiled():
    assert_accurate(list(itertools.starmap(logaddexp, near_zeros()[0])))


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("of_many", [vmap(logaddexp), filled])
def test_compiled(of_many, exact):
    pairs = near_zeros()[0]
    right = list(itertools.starmap(logaddexp, pairs))
    assert jit(of_many, exact=exact)(*np.array(pairs).T).tolist() == right  # the same bits in both modes
    one = jit(logaddexp, exact=exact)
    assert list(itertools.starmap(one, pairs[:40])) == right[:40]


@needs_compiler
def test_in_c(tmp_path):
    text = to_c(logaddexp, 0.5, 0.5, name="f")
    library = ctypes.CDLL(str(cc(tmp_path, text, "-O2", "-shared", "-fPIC")))
    library.f_value.restype = ctypes.c_double
    for pair in near_zeros()[0]:
        assert library.f_value((ctypes.c_double * 2)(*pair)) == logaddexp(*pair), pair


def test_lanes_beside_a_zero_keep_their_values():
    x, y = near_zeros()[0][0]
    pairs = [(x, y), (3.0, 1.0), (math.inf, math.inf), (-math.inf, -math.inf), (math.nan, 1.0), (0.0, -50.0), (y, x)]
    pairs = [(x, y), (3.0, 1.0), (math.inf, math.inf), (-math.inf, -math.inf), (math.nan, 1.0), (0.0, -50.0), (y, x)]
    beside = np.array(pairs).T
    found, right = jit(vmap(logaddexp))(*beside), list(map(logaddexp, *beside))
    np.testing.assert_allclose(found, right, rtol=1e-15)
    assert found[0] == right[0] == found[-1]


def test_an_estimate_of_the_error_says_so():
    x, y = near_zeros()[0][0]
    assert accuracy(logaddexp)(x, y).value.digits > 15
