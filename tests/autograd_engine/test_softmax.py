"""softmax and log_softmax: the last digits of values and slopes, infinities, arrays, compiled code, bad input."""

import math
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from autograd_engine import Value, hessian, jacobian, jit, log_softmax, logsumexp, softmax
from tests.laws.judge import ulps

SPREAD = st.lists(st.floats(-60.0, 60.0) | st.floats(-300.0, 300.0), min_size=1, max_size=6)


def exact(xs):
    """The shares, how much each is off 1, and their logarithms."""
    powers = [mp.exp(mpf(x)) for x in xs]
    total = mp.fsum(powers)
    others = [mp.fsum(powers[:i] + powers[i + 1 :]) for i in range(len(xs))]
    return [p / total for p in powers], [o / total for o in others], [mp.log(p / total) for p in powers]


@settings(max_examples=100)
@given(SPREAD)
def test_values_and_slopes_have_their_digits(xs):
    with mp.workprec(2500):
        shares, others, logarithms = exact(xs)
        spread = max(1.0, max(xs) - min(xs), max(map(abs, xs)))
        rounding = 2 * math.ulp(spread)  # of the differences that become exponents
        for found, share in zip(softmax(xs), shares):
            assert ulps(found, share, 2 * rounding * share) <= 6
        for found, logarithm in zip(log_softmax(xs), logarithms):
            assert abs(found - logarithm) <= 8 * rounding * min(1, abs(logarithm))
        slopes, of_logarithms = jacobian(softmax)(xs), jacobian(log_softmax)(xs)
        for i in range(len(xs)):
            for j in range(len(xs)):
                slope = shares[i] * (others[i] if i == j else -shares[j])
                assert abs(slopes[i][j] - slope) <= 20 * rounding * max(abs(slope), 1e-300)
                slope = others[i] if i == j else -shares[j]
                assert abs(of_logarithms[i][j] - slope) <= 20 * rounding * abs(slope)


@pytest.mark.parametrize(
    ("xs", "shares", "logarithms"),
    [
        ([], [], []),
        ([3.0], [1.0], [0.0]),
        ([inf, 1.0, inf], [0.5, 0.0, 0.5], [-math.log(2), -inf, -math.log(2)]),
        ([-inf, -inf], [0.5, 0.5], [-math.log(2)] * 2),
        ([-inf, 5.0], [0.0, 1.0], [-inf, 0.0]),
        ([1.0, nan], [nan, nan], [nan, nan]),
    ],
)
def test_infinities_share_and_nan_spreads(xs, shares, logarithms):
    np.testing.assert_array_equal(softmax(xs), shares)
    np.testing.assert_array_equal(log_softmax(xs), logarithms)
    np.testing.assert_array_equal([x.data for x in softmax(map(Value, xs))], shares)
    if not xs:
        assert logsumexp(xs) == -inf
    else:
        np.testing.assert_array_equal(jacobian(logsumexp)(xs), shares)


def test_an_array_stays_one():
    x = np.array([1.0, -2.0, 0.5])
    weights = np.array([3.0, 1.0, 2.0])
    for f in (softmax, log_softmax):
        assert f(x).dtype == float
        np.testing.assert_array_equal(f(x), f(x.tolist()))
        expected = hessian(lambda x, f=f: float(weights[0]) * f(x)[0] + f(x)[1] + 2 * f(x)[2])(x.tolist())

        def weighed(x, f=f):
            return weights @ f(x)

        np.testing.assert_allclose(hessian(weighed)(x), expected, rtol=1e-12, atol=1e-15)
        for compiled in (jit(hessian(weighed)), jit(hessian(weighed), exact=True)):
            np.testing.assert_allclose(compiled(x), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("f", [softmax, log_softmax])
def test_bad_input_has_a_sentence(f):
    with pytest.raises(TypeError, match=r"softmax\(\) needs a sequence of numbers, got float: 1.0"):
        f(1.0)
    with pytest.raises(ValueError, match=r"softmax\(\) needs one row of numbers, got an array of shape \(2, 3\)"):
        f(np.ones((2, 3)))
    with pytest.raises(TypeError, match=r"expected a real number .* got str: 'a'"):
        f([1.0, "a"])
