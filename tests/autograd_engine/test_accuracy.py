"""accuracy: its estimates cover the errors of random programs, without being much too large."""

import math
import pickle
import random
import statistics

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from mpmath import mpf

from autograd_engine import (
    Value,
    accuracy,
    checkpoint,
    cos,
    exp,
    grad,
    jit,
    log,
    prod,
    root,
    sin,
    sqrt,
    sum,
    value_and_grad,
)
from autograd_engine.structure import flatten
from tests.laws.judge import exact_program
from tests.laws.strategies import expressions


def errors_of(f, xs):
    """For the value and each slope: the true error and the estimate."""
    found = accuracy(f, tuple(range(len(xs))))(*xs)
    numbers = [found.value.number, *found.gradient.number]
    estimates = [found.value.error, *found.gradient.error]
    return [(abs(mpf(x) - exact), error) for x, exact, error in zip(numbers, exact_program(f, xs), estimates)]


def test_the_estimates_cover_the_errors_of_random_programs_and_are_not_much_too_large():
    pairs = []

    @settings(max_examples=200, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(expressions(), st.integers(0, 2**32))
    def collect(f, seed):
        draw = random.Random(seed).uniform
        pairs.append(errors_of(f, (draw(-2, 2), draw(-2, 2))))

    collect()
    of_values, of_slopes = [errors[0] for errors in pairs], [pair for errors in pairs for pair in errors[1:]]
    for errors in (of_values, of_slopes):
        assert len([1 for true, estimate in errors if true <= estimate]) >= 0.99 * len(errors)
        assert statistics.median(estimate / true for true, estimate in errors if true) <= 100


LOSING = {
    "cancelling": (lambda x: (1 - cos(x)) / x**2, [1e-6]),
    "squares": (lambda x, y: x * x - y * y, [1.0, 1.0 - 1e-9]),
    "an exponential": (lambda x: exp(x) - 1, [1e-9]),
    "roots": (lambda x: sqrt(x + 1) - sqrt(x), [1e10]),
    "a long sum": (lambda x: sum([x] * 1000), [0.1]),
    "a long product": (lambda x: prod([x] * 100), [1.1]),
    "a constant quotient": (lambda x: x / 3, [1.0]),
    "a steep function": (lambda x: sin(x * 1e12 / 3), [0.1]),
    "powers": (lambda x: (x - 1) ** 7 - (x**7 - 7 * x**6), [1.01]),
}


@pytest.mark.parametrize(("f", "xs"), LOSING.values(), ids=LOSING)
def test_the_estimates_cover_what_cancellation_loses(f, xs):
    for true, estimate in errors_of(f, xs):
        assert true <= estimate
        assert estimate <= 1000 * true or estimate < 1e-13


def test_what_rounds_nothing_has_no_error():
    found = accuracy(lambda x, y: 2 * x - abs(y) / 4 + 1, (0, 1))(3.0, -5.0)
    assert (found.value.error, found.gradient.error) == (0.0, (0.0, 0.0))
    assert found.value.digits == pytest.approx(15.95, abs=0.01)


def test_numbers_are_those_of_value_and_grad_in_the_structure_of_the_argument():
    def f(w, x, scale=1.0):
        return sum([w["a"] * xi * w["b"][0] for xi in x]) * scale

    w, x = {"a": 0.3, "b": [0.7, 1.0]}, np.array([1, 2])
    found = accuracy(f, (0, 1))(w, x, scale=3.0)
    value, slopes = value_and_grad(f, (0, 1))(w, x, scale=3.0)
    assert found.value.number == value
    for part in (found.gradient.number, found.gradient.error, found.gradient.condition, found.gradient.digits):
        assert flatten(part)[1] == flatten(slopes)[1]
    assert flatten(found.gradient.number)[0] == flatten(slopes)[0]
    lines = repr(found).splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "f",
        *("wrt w['a']", "wrt w['b'][0]", "wrt w['b'][1]"),
        *("wrt x[0]", "wrt x[1]"),
    ]


def test_what_other_arguments_round_counts_too():
    alone = accuracy(lambda x, y: x * (y / 3))(2.1, 0.7)
    keyword = accuracy(lambda x, *, y: x * (y / 3))(2.1, y=0.7)
    assert alone.value.error == keyword.value.error > math.ulp(alone.value.number) / 2


def test_texts_and_counts_among_the_arguments_stay_what_they_are():
    names = np.array(["a", "b"])
    found = accuracy(lambda x, n, names, y: sum([x * y[0]] * n) * len(names))(0.3, 2, names, np.array([0.7]))
    assert found.value.number == pytest.approx(0.84)


def test_the_condition_number_is_how_much_a_change_of_the_inputs_grows():
    found = accuracy(log)(1.001)
    assert found.value.condition == pytest.approx(1 / log(1.001))
    assert found.gradient.condition == pytest.approx(1.0)
    assert accuracy(log)(1.0).value.condition == math.inf
    assert accuracy(lambda x: 3.0)(1.0).value.condition == 0.0


def test_calls_and_values_count_too():
    found = accuracy(lambda x: root(lambda y, x: y**3 - x, 1.0, x) * checkpoint(sin)(x))(Value(2.0))
    exact = 2 ** (1 / 3) * math.sin(2.0)
    assert abs(found.value.number - exact) <= found.value.error < 1e-14
    assert found.gradient.error < 1e-14


def test_results_beyond_all_floats_have_no_digits():
    found = accuracy(lambda x: exp(x) * exp(x))(600.0)
    assert (found.value.number, found.value.digits) == (math.inf, 0.0)
    assert accuracy(lambda x: x - x)(0.1).value.error == 0.0


def test_it_is_refused_where_it_has_no_meaning():
    with pytest.raises(TypeError, match=r"accuracy\(\) depends on the numbers; call it outside of compiled"):
        jit(lambda x: accuracy(sin)(x).value.number)(1.0)
    with pytest.raises(TypeError, match=r"accuracy\(\) needs <lambda>\(\) to return one number, got a list of 2"):
        accuracy(lambda x: [x, x])(1.0)
    with pytest.raises(TypeError, match=r"accuracy\(\), in the arguments: expected a real number"):
        accuracy(sin)("a")
    with pytest.raises(TypeError, match=r"accuracy\(\) needs a function"):
        accuracy(3.0)(1.0)


def test_a_function_can_be_pickled_and_differentiated_beside_it():
    again = pickle.loads(pickle.dumps(accuracy(sin)))
    assert again(0.5).gradient.number == grad(sin)(0.5)
