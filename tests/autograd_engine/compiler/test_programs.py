"""Programs that people compute for a living, as they write them in plain Python: compiled equals uncompiled."""

import functools
from math import pi

import numpy as np
import pytest

from autograd_engine import (
    checkpoint,
    cos,
    exp,
    grad,
    hessian,
    hvp,
    jacobian,
    jit,
    jvp,
    log,
    mean,
    ndtr,
    sin,
    sqrt,
    stop_gradient,
    tanh,
    value_and_grad,
    vmap,
)
from tests.autograd_engine.compiler.test_statements import same_bits
from tests.nested import numbers

DRAW = np.random.default_rng(0)
PROGRAMS = {}


def program(*point, by):
    """A function of numbers or arrays with the point where it is tried, and the arguments of its gradient."""

    def kept(f):
        PROGRAMS[f.__name__] = f, point, by
        return f

    return kept


@program(100.0, 0.2, 0.03, 95.0, 1.5, True, by=(0, 1, 2))
def black_scholes(spot, vol, rate, strike, years, is_call):
    if years <= 0:
        return max(spot - strike, 0.0) if is_call else max(strike - spot, 0.0)
    d1 = (log(spot / strike) + (rate + vol**2 / 2) * years) / (vol * sqrt(years))
    d2 = d1 - vol * sqrt(years)
    if is_call:
        return spot * ndtr(d1) - strike * exp(-rate * years) * ndtr(d2)
    return strike * exp(-rate * years) * ndtr(-d2) - spot * ndtr(-d1)


NORMALS = DRAW.normal(size=(30, 18, 2))


def heston_path(spot, v0, kappa, theta, xi, rho, rate, normals, strike=100.0, barrier=88.0, years=1.0):
    dt = years / len(normals)
    s, v = spot, v0
    for z in normals:
        positive, w = max(v, 0.0), rho * z[0] + sqrt(1 - rho * rho) * z[1]
        s = s * exp((rate - 0.5 * positive) * dt + sqrt(positive * dt) * z[0])
        v = v + kappa * (theta - positive) * dt + xi * sqrt(positive * dt) * w
        if s < barrier:
            return 0.0
    return exp(-rate * years) * max(s - strike, 0.0)


@program(100.0, 0.04, 1.5, 0.04, 0.6, -0.7, 0.02, by=tuple(range(7)))
def heston(*parameters):
    return mean(vmap(lambda normals: heston_path(*parameters, normals))(NORMALS))


def discounts(swap_rates):
    found, annuity, discount = [], 0.0, 1.0
    for swap in swap_rates:
        rate = swap  # of this year, by Newton's method
        error = 1.0
        while abs(error) > 1e-13:
            factor = discount * exp(-rate)
            error = swap * (annuity + factor) - (1 - factor)
            rate = rate - error / (-(swap + 1) * factor)
        discount = discount * exp(-rate)
        annuity += discount
        found.append(discount)
    return found


@program(np.array([0.01, 0.015, 0.02, 0.022, 0.025]), by=0)
def bootstrap(swap_rates):
    return sum(-log(discount) / years for years, discount in enumerate(discounts(swap_rates), start=1))


@program(100.0, 105.0, 0.3, 0.05, 1.0, by=tuple(range(5)))
def american_put(spot, strike, vol, rate, years, steps=25):
    dt = years / steps
    up = exp(vol * sqrt(dt))
    p = (exp(rate * dt) - 1 / up) / (up - 1 / up)
    discount = exp(-rate * dt)
    v = [max(strike - spot * up ** (2 * j - steps), 0.0) for j in range(steps + 1)]
    for i in range(steps - 1, -1, -1):
        for j in range(i + 1):
            hold = discount * (p * v[j + 1] + (1 - p) * v[j])
            v[j] = max(hold, strike - spot * up ** (2 * j - i))
    return v[0]


OBSERVED = DRAW.normal(size=40)


@program(0.1, 0.2, 0.9, 1.1, by=(0, 1, 2, 3))
def kalman(q, r, a, c):
    m, P, total = 0.0, 1.0, 0.0
    for z in OBSERVED:
        m, P = a * m, a * a * P + q
        S = c * P * c + r
        if np.isnan(z):
            continue
        e = z - c * m
        K = P * c / S
        m, P = m + K * e, (1 - K * c) * P
        total += 0.5 * (log(2 * pi * S) + e * e / S)
    return total


@program(1e-2, 0.05, 0.9, by=(0, 1, 2))
def garch(omega, alpha, beta):
    variance, likelihood = omega / (1 - alpha - beta), 0.0
    for r in OBSERVED:
        if variance <= 0:
            return -np.inf
        likelihood -= 0.5 * (log(variance) + r**2 / variance)
        variance = omega + alpha * r**2 + beta * variance
    return likelihood


SYMBOLS = DRAW.integers(0, 4, size=30)


@program(DRAW.normal(size=(3, 3)), DRAW.normal(size=(3, 4)), by=(0, 1))
def hidden_markov(transitions, emissions):
    A = [[exp(x) / sum(exp(y) for y in row) for x in row] for row in transitions]
    B = [[exp(x) / sum(exp(y) for y in row) for x in row] for row in emissions]
    alpha, likelihood = [B[i][SYMBOLS[0]] / 3 for i in range(3)], 0.0
    for o in SYMBOLS[1:]:
        alpha = [sum(alpha[i] * A[i][j] for i in range(3)) * B[j][o] for j in range(3)]
        scale = sum(alpha)
        alpha = [a / scale for a in alpha]
        likelihood += log(scale)
    return likelihood


@program(np.array([0.3, -0.5, 0.8, 0.2, 1.1, -0.4]), by=0)
def arm(q):
    T = np.eye(4)
    for i in range(6):
        c, s = cos(q[i]), sin(q[i])
        if i % 2 == 0:
            R = np.array([[c, -s, 0, 0.1], [s, c, 0, 0.2 * i], [0, 0, 1, 0.3], [0, 0, 0, 1]])
        else:
            R = np.array([[1, 0, 0, 0.4], [0, c, -s, 0.0], [0, s, c, 0.1 * i], [0, 0, 0, 1]])
        T = T @ R
    return T[0, 3] + 2 * T[1, 3] + 3 * T[2, 3]


@program(np.array([0.1, -0.2, 5.0, 1.0]), 0.05, by=(0, 1))
def cart_pole(gains, angle):
    x, dx, dangle, cost = 0.0, 0.0, 0.0, 0.0
    for t in range(50):  # noqa: B007, it is read after the loop
        force = gains[0] * x + gains[1] * dx + gains[2] * angle + gains[3] * dangle
        if force > 3:
            force = 3.0
        elif force < -3:
            force = -3.0
        inner = (force + 0.05 * dangle**2 * sin(angle)) / 1.1
        turn = (9.8 * sin(angle) - cos(angle) * inner) / (0.5 * (4 / 3 - 0.1 * cos(angle) ** 2 / 1.1))
        push = inner - 0.05 * turn * cos(angle) / 1.1
        x, dx = x + 0.02 * dx, dx + 0.02 * push
        angle, dangle = angle + 0.02 * dangle, dangle + 0.02 * turn
        cost += angle**2 + 0.1 * x**2
        if abs(angle) > 0.5:
            break
    return cost / (t + 1)


def lotka_volterra(state, p):
    x, y = state
    return np.array([p[0] * x - p[1] * x * y, p[2] * x * y - p[3] * y])


MEASURED = DRAW.uniform(0.5, 1.5, size=(5, 2))


@program(np.array([1.1, 0.4, 0.1, 0.4]), np.array([1.0, 0.5]), by=(0, 1))
def runge_kutta_fit(p, state):
    loss, h = 0.0, 0.05
    for measured in MEASURED:
        for _ in range(20):
            k1 = lotka_volterra(state, p)
            k2 = lotka_volterra(state + h / 2 * k1, p)
            k3 = lotka_volterra(state + h / 2 * k2, p)
            k4 = lotka_volterra(state + h * k3, p)
            state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        loss += ((state - measured) ** 2).sum()
    return loss


SEEN_BY, SEEN, PIXELS = DRAW.integers(0, 3, 24), DRAW.integers(0, 8, 24), DRAW.normal(size=(24, 2))


@program(DRAW.normal(size=(3, 4)) * 0.1, DRAW.normal(size=(8, 3)) + 5, by=(0, 1))
def bundle_adjustment(cameras, points):
    def error(camera, point, pixel):
        turn, dx, dy, focal = cameras[camera]
        x, y, z = points[point]
        x, y = cos(turn) * x - sin(turn) * y + dx, sin(turn) * x + cos(turn) * y + dy
        if z <= 0.1:
            return 1.0
        u, v = exp(focal) * x / z - pixel[0], exp(focal) * y / z - pixel[1]
        square = u * u + v * v
        return square if square < 1 else 2 * sqrt(square) - 1

    return mean(vmap(error)(SEEN_BY, SEEN, PIXELS))


FEATURES, LABELS = DRAW.normal(size=(5, 2)), DRAW.integers(0, 2, 5)
KICKS, LUCK = DRAW.normal(size=(4, 2)), DRAW.uniform(size=4)


def log_posterior(w):
    total = -0.5 * (w[0] ** 2 + w[1] ** 2)
    for x, y in zip(FEATURES, LABELS):
        score = w[0] * x[0] + w[1] * x[1]
        total += y * score - log(1 + exp(score))
    return total


@program(np.array([0.1, -0.3]), 0.3, by=(0, 1))
def hamiltonian_monte_carlo(w, step):
    slope = grad(log_posterior)
    accepted = 0
    for p, luck in zip(KICKS, LUCK):
        q, before = w, log_posterior(w) - 0.5 * (p * p).sum()
        p = p + step / 2 * slope(q)
        for leap in range(4):
            q = q + step * p
            p = p + (step if leap < 3 else step / 2) * slope(q)
        if log(luck) < log_posterior(q) - 0.5 * (p * p).sum() - before:
            w = q
            accepted += 1
    return (w * w).sum() + accepted


KNOTS = np.sort(DRAW.uniform(0, 10, 25))
HEIGHTS = np.sin(KNOTS)


@program(4.2, HEIGHTS, by=(0, 1))
def spline_by_bisection(x, heights):
    low, high = 0, len(KNOTS) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if KNOTS[middle] <= x:
            low = middle
        else:
            high = middle
    t = (x - KNOTS[low]) / (KNOTS[high] - KNOTS[low])
    return (1 - t) * heights[low] + t * heights[high] + t * (1 - t) * (heights[high] - heights[low])


@program(4.2, HEIGHTS, by=(0, 1))
def spline_by_searchsorted(x, heights):
    i = np.searchsorted(KNOTS, x) - 1
    t = (x - KNOTS[i]) / (KNOTS[i + 1] - KNOTS[i])
    slope = (heights[i + 1] - heights[i - 1]) / 2
    rest = heights[i + 1] - heights[i] - slope
    return heights[i] + t * slope + t * t * (3 - 2 * t) * rest + np.interp(x + 1, KNOTS, heights)


@program(DRAW.normal(size=(6, 3)), by=0)
def informed_network(weights):
    def u(x):
        total = 0.0
        for w, b, a in weights:
            total += a * tanh(w * x + b)
        return total

    def residual(x):
        bend = grad(grad(u))(x)
        return (bend + u(x) if x < 0.5 else bend) ** 2

    return mean(vmap(residual)(np.linspace(0, 1, 11))) + u(0.0) ** 2


@program(1.3, 0.8, by=(0, 1))
def bouncing_ball(height, bounce):
    speed, bounces, t = 0.0, 0, 0.0
    while t < 2.0:
        speed -= 9.81 * 0.01
        height += speed * 0.01
        t += 0.01
        if height < 0:
            height, speed = -height, -bounce * speed
            bounces += 1
            if bounces == 3:
                break
    return height + 0.1 * speed + bounces


@program(np.sin(np.arange(60.0)), by=0)
def pendulum_control(controls):
    angle, speed, cost = 3.0, 0.0, 0.0
    for u in controls:
        torque = min(max(u, -0.9), 0.9)
        speed += 0.05 * (torque - sin(angle) - 0.1 * speed)
        angle += 0.05 * speed
        cost += 0.05 * (angle**2 + 0.01 * u**2)
    return cost


SYMMETRIC = np.cov(DRAW.normal(size=(5, 40))) + np.eye(5)


@program(SYMMETRIC, by=0)
def log_determinant_by_cholesky(A):
    n = len(A)
    L = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            s = A[i][j]
            for k in range(j):
                s -= L[i][k] * L[j][k]
            L[i][j] = sqrt(s) if i == j else s / L[j][j]
    return 2 * sum(log(L[i][i]) for i in range(n))


@program(DRAW.normal(size=(5, 5)), DRAW.normal(size=5), by=(0, 1))
def solved_by_elimination(A, b):
    n = len(b)
    A, b = A.copy(), list(b)
    for k in range(n):
        pivot = max(range(k, n), key=lambda i: abs(A[i, k]))
        for j in range(k, n):
            A[k, j], A[pivot, j] = A[pivot, j], A[k, j]
        b[k], b[pivot] = b[pivot], b[k]
        for i in range(k + 1, n):
            factor = A[i, k] / A[k, k]
            for j in range(k, n):
                A[i, j] -= factor * A[k, j]
            b[i] -= factor * b[k]
    x = [0.0] * n
    for i in range(n - 1, -1, -1):
        x[i] = (b[i] - sum(A[i, j] * x[j] for j in range(i + 1, n))) / A[i, i]
    return x[0] + 2 * x[n - 1]


@program(DRAW.normal(size=(5, 5)), by=0)
def determinant_of_an_array(A):
    A, sign, n = A.copy(), 1.0, len(A)
    for k in range(n):
        pivot = k + np.argmax(np.abs(A[k:, k]))
        if pivot != k:
            for j in range(n):
                A[k, j], A[pivot, j] = A[pivot, j], A[k, j]
            sign = -sign
        for i in range(k + 1, n):
            A[i, k:] -= A[i, k] / A[k, k] * A[k, k:]
    return sign * np.prod(np.diag(A))


@program(0.4, 1.2, by=(0, 1))
def checkpointed(x, rate):
    def piece(x):
        for _ in range(20):
            x = x + 0.02 * sin(rate * x) if x < 1 else x - 0.01 * x
        return x

    for _ in range(3):
        x = checkpoint(piece)(x)
    return x


@program(0.4, 1.2, by=(0, 1))
def frozen_target(x, rate):
    for _ in range(30):
        x = x - 0.1 * (x - stop_gradient(x * rate)) * rate
    return x


@pytest.fixture(params=["as it is", "as a long one"])
def length(request):
    if request.param != "as it is":
        request.getfixturevalue("every_function_is_long")


@functools.cache
def uncompiled(name):
    """The value and the slopes of a program, for both lengths."""
    f, point, by = PROGRAMS[name]
    value, slopes = value_and_grad(f, by)(*point)
    assert value == pytest.approx(numbers(f(*point))[0], rel=1e-14)
    return value, slopes


@pytest.mark.usefixtures("length")
@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled_equals_uncompiled(name):
    f, point, by = PROGRAMS[name]
    value, slopes = uncompiled(name)
    for exact in (False, True):
        found, found_slopes = jit(value_and_grad(f, by), exact=exact)(*point)
        if exact:
            same_bits(found, value)
        assert found == pytest.approx(value, rel=1e-11)
        np.testing.assert_allclose(numbers(found_slopes), numbers(slopes), rtol=1e-11, atol=1e-13)


LANES = {
    "options": (lambda s: black_scholes(s, 0.2, 0.03, 95.0, s - 80.0, s < 100.0), [60.0, 80.0, 95.0, 120.0]),
    "puts": (lambda s: american_put(s, 105.0, 0.3, 0.05, 1.0), [60.0, 95.0, 120.0]),
    "balls": (lambda h: bouncing_ball(h, 0.8), [0.05, 0.5, 1.3, 4.0, 20.0]),
    "look-ups": (lambda x: spline_by_bisection(x, HEIGHTS), [3.0, 5.0, 8.0]),
    "searches": (lambda x: spline_by_searchsorted(x, HEIGHTS), [3.0, 5.0, 8.0]),
    "carts": (lambda angle: cart_pole([0.1, -0.2, 5.0, 1.0], angle), [0.0, 0.1, 0.45, -0.6]),
}


@pytest.mark.usefixtures("length")
@pytest.mark.parametrize("name", LANES)
def test_every_sample_goes_its_own_way(name):
    f, points = LANES[name]
    expected = [value_and_grad(f)(point) for point in points]
    for exact in (False, True):
        values, slopes = jit(vmap(value_and_grad(f)), exact=exact)(np.array(points))
        for i, (value, slope) in enumerate(expected):
            if exact:
                same_bits(values[i], value)
            assert (values[i], slopes[i]) == pytest.approx((value, slope), rel=1e-11, abs=1e-13)


STILL = np.zeros(60)
OTHERS = {
    "Jacobian of a curve": (jacobian(discounts), (np.array([0.01, 0.015, 0.02, 0.022]),)),
    "gamma of a put": (grad(grad(lambda s: american_put(s, 105.0, 0.3, 0.05, 1.0, steps=6))), (100.0,)),
    "Hessian of GARCH": (hessian(lambda p: garch(*p)), (np.array([1e-2, 0.05, 0.9]),)),
    "tangent of a swing": (lambda x: jvp(pendulum_control, (x,), (np.cos(x),)), (STILL,)),
    "Hessian of a swing times a vector": (lambda x: hvp(pendulum_control)(x, np.cos(x)), (STILL,)),
    "curvature of a bounce": (grad(grad(lambda height: bouncing_ball(height, 0.8))), (1.3,)),
}


@pytest.mark.usefixtures("length")
@pytest.mark.parametrize("name", OTHERS)
def test_other_derivatives(name):
    derivative, point = OTHERS[name]
    np.testing.assert_allclose(numbers(jit(derivative)(*point)), numbers(derivative(*point)), rtol=1e-10, atol=1e-12)
