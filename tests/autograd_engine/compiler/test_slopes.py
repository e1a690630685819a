"""Loops whose slopes by a few numbers are carried along with their rounds, instead of in a loop back."""

import numpy as np
import pytest

from autograd_engine import exp, fori_loop, grad, hessian, jacobian, jit, sin, value_and_grad, vmap, while_loop
from tests.nested import numbers

START = (1.0, 0.0, 0.1, 9.81)


def pendulum(angle, speed, drag, gravity, steps=40):
    def step(i, state):
        angle, speed = state
        return angle + 1e-2 * speed, speed - 1e-2 * (gravity * sin(angle) + drag * speed)

    angle, speed = fori_loop(0, steps, step, (angle, speed))
    return angle + 0.5 * speed


def halved(x, a):
    def step(state):
        x, total, unused = state
        return x * 0.5, total + exp(-a * x) * a, unused + 1.0

    return while_loop(lambda state: state[0] > 1e-3, step, (x, a * x, 0.0))[1]


def goes_back(f, *point):
    return "backwards" in jit(f).program(*point)


def test_few_numbers_are_carried_along_and_many_are_not():
    assert not goes_back(grad(pendulum, (0, 1)), *START)
    assert not goes_back(grad(pendulum, (2,)), *START)
    assert not goes_back(grad(halved), 1.0, 0.5)

    def many(rates):
        return fori_loop(0, 40, lambda i, x: x + 0.01 * sum(rate * sin(k * x) for k, rate in enumerate(rates)), 1.0)

    assert goes_back(grad(many), np.ones(30))
    program = jit(grad(pendulum, (0, 1))).program(*START)
    assert "keep" not in program
    assert program.count("loop,") == 1


@pytest.mark.parametrize("rounds", [0.0, 1.0, 40.0])
@pytest.mark.parametrize("by", [(0,), (1, 3), (0, 1, 2, 3)])
def test_they_equal_the_uncompiled_ones(rounds, by):
    f = value_and_grad(pendulum, by)
    expected = numbers(f(*START, rounds))
    np.testing.assert_allclose(numbers(jit(f)(*START, rounds)), expected, rtol=1e-12, atol=1e-14)
    alone = np.linspace(0.5, 1.5, 7)
    found = jit(vmap(lambda x: f(x, *START[1:], rounds)))(alone)
    expected = [f(x, *START[1:], rounds) for x in alone.tolist()]
    np.testing.assert_allclose(found[0], [value for value, _ in expected], rtol=1e-12)
    np.testing.assert_allclose(np.array(found[1]).T, [slopes for _, slopes in expected], rtol=1e-12, atol=1e-14)


def test_derivatives_of_higher_order_and_several_results():
    whole = lambda p: pendulum(*p)  # noqa: E731
    point = np.array(START)
    np.testing.assert_allclose(jit(hessian(whole))(point), hessian(whole)(point), rtol=1e-11, atol=1e-13)
    third = grad(grad(grad(halved, 1), 1), 1)
    assert jit(third)(1.0, 0.5) == pytest.approx(third(1.0, 0.5), rel=1e-11)
    both = lambda x, a: [halved(x, a), halved(x * a, 0.3)]  # noqa: E731
    np.testing.assert_allclose(jit(jacobian(both, (0, 1)))(1.0, 0.5), jacobian(both, (0, 1))(1.0, 0.5), rtol=1e-12)


def test_slopes_of_one_result_are_not_differentiated_for_the_next():
    def angles(p):
        at = fori_loop(0, 30, lambda i, x: x + 1e-2 * sin(p[1] * x), p[0])
        return [at * sin(at + x) for x in p]

    point = np.linspace(0.3, 0.7, 9)
    np.testing.assert_allclose(jit(jacobian(angles))(point), jacobian(angles)(point), rtol=1e-12)
    assert not goes_back(jacobian(angles), point)


def test_samples_with_rounds_of_their_own():
    starts = np.geomspace(1e-4, 10.0, 11)
    values, slopes = jit(vmap(lambda x: value_and_grad(halved, (0, 1))(x, 0.5)))(starts)
    expected = [value_and_grad(halved, (0, 1))(x, 0.5) for x in starts.tolist()]
    np.testing.assert_allclose(values, [value for value, _ in expected], rtol=1e-13)
    np.testing.assert_allclose(np.array(slopes).T, [both for _, both in expected], rtol=1e-12)


def test_the_exact_mode_goes_back():
    assert "backwards" in jit(grad(pendulum, (0,)), exact=True).program(*START)
