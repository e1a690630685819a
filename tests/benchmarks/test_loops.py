"""Loops of thousands of rounds with their gradients, written as users write them: statements of Python."""

import ctypes
import statistics
import time

import numpy as np
import pytest

from autograd_engine import jit, log, sin, value_and_grad, vmap
from tests.benchmarks.peers import adjoints

STEPS = 100_000
SWING = (1.0, 0.0, 0.1, 9.81)
RETURNS = np.random.default_rng(0).normal(size=5000) * 0.01
GARCH = (1e-6, 0.05, 0.9)
OBSERVATIONS = np.random.default_rng(1).normal(size=10_000)
FILTER = (0.1, 0.2, 0.9, 1.0)
PREY = (1.0, 0.5, 1.1, 0.4, 0.1, 0.4)
BALLS = np.random.default_rng(2).uniform(1.0, 2.0, 1000)


def pendulum(angle, speed, drag, gravity):
    for _ in range(STEPS):
        angle, speed = angle + 1e-4 * speed, speed - 1e-4 * (gravity * sin(angle) + drag * speed)
    return angle


def garch(omega, alpha, beta):
    variance, total = omega / (1 - alpha - beta), 0.0
    for r in RETURNS:
        total += log(variance) + r * r / variance
        variance = omega + alpha * r * r + beta * variance
    return 0.5 * total


def filtered(q, r, a, c):
    mean, variance, total = 0.0, 1.0, 0.0
    for k in range(len(OBSERVATIONS)):
        mean, variance = a * mean, a * a * variance + q
        spread, error = c * c * variance + r, OBSERVATIONS[k] - c * mean
        total += log(spread) + error * error / spread
        gain = variance * c / spread
        mean, variance = mean + gain * error, (1 - gain * c) * variance
    return total


def field(x, y, a, b, c, d):
    return a * x - b * x * y, c * x * y - d * y


def runge_kutta(x, y, *rates, h=1e-3):
    k1 = field(x, y, *rates)
    k2 = field(x + 0.5 * h * k1[0], y + 0.5 * h * k1[1], *rates)
    k3 = field(x + 0.5 * h * k2[0], y + 0.5 * h * k2[1], *rates)
    k4 = field(x + h * k3[0], y + h * k3[1], *rates)
    return x + h / 6 * (k1[0] + 2 * k2[0] + 2 * k3[0] + k4[0]), y + h / 6 * (k1[1] + 2 * k2[1] + 2 * k3[1] + k4[1])


def predators(x, y, a, b, c, d):
    for _ in range(10_000):
        x, y = runge_kutta(x, y, a, b, c, d)
    return x + y


def bouncing(height):
    speed, hits, t = 0.0, 0, 0.0
    while hits < 3:
        speed = speed - 9.81e-3
        height = height + 1e-3 * speed
        t = t + 1e-3
        if height < 0.0:
            height, speed = -height, -0.8 * speed
            hits = hits + 1
    return height + speed * t


def agree(ours, theirs, rel=1e-7):
    (value, slopes), (other, other_slopes) = ours, theirs
    np.testing.assert_allclose(value, np.asarray(other), rtol=rel)
    np.testing.assert_allclose(np.ravel(slopes), np.ravel([np.asarray(x) for x in other_slopes]), rtol=rel)


def jax_with_doubles():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    return jax


def test_pendulum_against_the_adjoint_in_c(compare, tmp_path):
    h, steps = ctypes.c_double(1e-4), ctypes.c_long(STEPS)
    theirs = adjoints.called(adjoints.library(tmp_path).pendulum, SWING, 2 * STEPS, 4, h, steps)
    ours = jit(value_and_grad(pendulum, (0, 1, 2, 3)))
    agree(ours(*SWING), theirs())
    compare(lambda: ours(*SWING), "the adjoint by hand in C, 100,000 steps", theirs, bar=1 / 1.3)


def test_garch_against_the_adjoint_in_c(compare, tmp_path):
    data, n = ctypes.c_void_p(RETURNS.ctypes.data), ctypes.c_long(len(RETURNS))
    theirs = adjoints.called(adjoints.library(tmp_path).garch, GARCH, len(RETURNS), 3, data, n)
    ours = jit(value_and_grad(garch, (0, 1, 2)))
    agree(ours(*GARCH), theirs())
    compare(lambda: ours(*GARCH), "the adjoint by hand in C, 5,000 observations", theirs, bar=1 / 1.2)


def test_garch_against_the_adjoint_in_numba(compare):
    numba = pytest.importorskip("numba")
    from math import log as of_floats

    @numba.njit(fastmath=False)
    def theirs(omega, alpha, beta, returns):
        n = len(returns)
        way = np.empty(n)
        variance, total = omega / (1 - alpha - beta), 0.0
        for i in range(n):
            square = returns[i] * returns[i]
            way[i] = variance
            total += of_floats(variance) + square / variance
            variance = omega + alpha * square + beta * variance
        back, by_omega, by_alpha, by_beta = 0.0, 0.0, 0.0, 0.0
        for i in range(n - 1, -1, -1):
            square, v = returns[i] * returns[i], way[i]
            by_omega += back
            by_alpha += back * square
            by_beta += back * v
            back = back * beta + 0.5 * (1 / v - square / (v * v))
        rest = 1 - alpha - beta
        by_rest = back * omega / (rest * rest)
        return 0.5 * total, (by_omega + back / rest, by_alpha + by_rest, by_beta + by_rest)

    ours = jit(value_and_grad(garch, (0, 1, 2)))
    agree(ours(*GARCH), theirs(*GARCH, RETURNS))
    compare(lambda: ours(*GARCH), "the adjoint by hand in numba", lambda: theirs(*GARCH, RETURNS), bar=1 / 1.2)


def test_kalman_filter_against_jax(compare):
    jax = jax_with_doubles()

    def scanned(q, r, a, c):
        def step(state, z):
            mean, variance, total = state
            mean, variance = a * mean, a * a * variance + q
            spread, error = c * c * variance + r, z - c * mean
            gain = variance * c / spread
            total = total + jax.numpy.log(spread) + error * error / spread
            return (mean + gain * error, (1 - gain * c) * variance, total), None

        return jax.lax.scan(step, (0.0, 1.0, 0.0), OBSERVATIONS)[0][2]

    theirs = jax.jit(jax.value_and_grad(scanned, (0, 1, 2, 3)))
    ours = jit(value_and_grad(filtered, (0, 1, 2, 3)))
    agree(ours(*FILTER), theirs(*FILTER))
    name = "JAX's scan, Kalman filter, 10,000 observations"
    compare(lambda: ours(*FILTER), name, lambda: jax.block_until_ready(theirs(*FILTER)), bar=10)


def test_runge_kutta_against_jax(compare):
    jax = jax_with_doubles()

    def scanned(x, y, a, b, c, d):
        step = lambda state, _: (runge_kutta(*state, a, b, c, d), None)  # noqa: E731
        x, y = jax.lax.scan(step, (x, y), None, length=10_000)[0]
        return x + y

    theirs = jax.jit(jax.value_and_grad(scanned, tuple(range(6))))
    ours = jit(value_and_grad(predators, tuple(range(6))))
    agree(ours(*PREY), theirs(*PREY))
    name = "JAX's scan, Runge-Kutta, 10,000 steps"
    compare(lambda: ours(*PREY), name, lambda: jax.block_until_ready(theirs(*PREY)), bar=10)


def test_bouncing_balls_against_jax(compare):
    jax = jax_with_doubles()

    def looped(height):
        def step(state):
            height, speed, hits, t = state
            speed = speed - 9.81e-3
            height = height + 1e-3 * speed
            below = height < 0.0
            height, speed = jax.numpy.where(below, -height, height), jax.numpy.where(below, -0.8 * speed, speed)
            return height, speed, hits + below, t + 1e-3

        height, speed, _, t = jax.lax.while_loop(lambda state: state[2] < 3, step, (height, 0.0, 0, 0.0))
        return height + speed * t

    theirs = jax.jit(jax.vmap(lambda h: jax.jvp(looped, (h,), (1.0,))))
    ours = jit(vmap(value_and_grad(bouncing)))
    agree(ours(BALLS), theirs(BALLS))
    name = "JAX's while_loop, forward mode, 1,000 bouncing balls"
    compare(lambda: ours(BALLS), name, lambda: jax.block_until_ready(theirs(BALLS)), bar=10, rounds=3)


PROGRAMS = {"pendulum": (pendulum, SWING), "Kalman filter": (filtered, FILTER), "Runge-Kutta": (predators, PREY)}


@pytest.mark.parametrize("name", PROGRAMS)
def test_first_calls(benchmark, show, no_cache, name):
    f, point = PROGRAMS[name]

    def first_call():
        start = time.process_time()
        jit(value_and_grad(f, tuple(range(len(point)))))(*point)
        return time.process_time() - start

    first_call()  # what is imported late is imported
    show(f"first call of {name}, in s", statistics.median(first_call() for _ in range(3)), bar="0.7")
    benchmark.pedantic(first_call, rounds=1)
