"""Python's while, for, break and append in compiled functions that stay loops: equal to the uncompiled function."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import exp, grad, hessian, jit, jvp, log, sin, value_and_grad, vmap, while_loop
from autograd_engine.compiler.llvm.stacks import Stacks
from tests.nested import numbers

DATA = np.random.default_rng(0).normal(size=60)
SQUARE = np.random.default_rng(4).normal(size=(20, 20))
TABLE = np.random.default_rng(1).normal(size=(60, 3))


def newton(x, y):
    root, rounds = x, 0
    while abs(root * root - x) > 1e-12:
        root = 0.5 * (root + x / root)
        rounds += 1
    return root * y + rounds


def bouncing_ball(x, y):
    height, speed, hits, t = x, 0.0, 0, 0.0
    while hits < 2:
        speed = speed - 9.81 * 0.01
        height = height + speed * 0.01
        if height < 0:
            height, speed = -height, -y * speed
            hits += 1
        t += 0.01
    return height * speed + t


def steps(x, y):
    for i in range(40):
        x, y = x + 0.01 * y, y - 0.01 * (9.81 * sin(x) + 0.1 * y * i)
    return x * y


def likelihood(x, y):
    variance, total = x, 0.0
    for r in DATA:
        total += log(variance) + r * r / variance
        variance = 0.1 + 0.1 * y * r * r + 0.5 * variance
    return total


def several_at_once(x, y):
    total = 0.0
    for i, (row, r) in enumerate(zip(TABLE, DATA)):
        new = row[0] * x + row[1] * y
        total += new * new * r + 0.01 * i
    return total * new


def indices(x, y):
    total = 0.0
    for i in range(1, 20):
        total = (
            0.9 * total + (DATA[3 * i] * x - DATA[i - 1] * y) ** 2 * TABLE[2 * i, 1] + TABLE[20 - i][0] * TABLE[i].sum()
        )
    return total


def a_loop_that_may_end(x, y):
    total = x
    for k in range(50):
        total = total * 1.1 + 0.01 * k
        if total > 5 + y:
            break
        if total < 0.9:
            continue
        total = total - 0.01 * y
    return total


def what_every_round_appends(x, y):
    found = [x]
    for k in range(30):
        x = x + 0.1 * sin(x * y + k)
        found.append((x, x * y))
    return found[3][1] * found[-1][0] + found[0]


def one_in_another(x, y):
    total = 0.0
    for i in range(20):
        term = x
        for j in range(20):
            term = term * 0.9 + exp(-y * j) * 0.1
        total += term * (i + 1)
    return total


def a_truth_value_that_becomes_a_number(x, y):
    factor = x > 0
    while factor * y > 0.01:
        factor = factor * 0.5 * y
    return factor * x


def returns_from_within(x, y):
    while x < 100:
        x = x * (1.5 + y)
        if x > 20:
            return x * y
    return x


def returns_from_an_endless_loop(x, y):
    rounds = 0
    while True:
        rounds += 1
        new = x - 0.1 * sin(x * y)
        if new < 0.8 * y:
            return new + rounds
        if rounds > 30:
            return x * y
        x = new


def an_array_that_conditions_on_it_change(x, y):
    a = np.array([x, y, x * y, x - y])
    rounds = 0
    while (a > 0.2).any():
        a[a > 0.2] *= 0.5
        a[rounds % 4] += 0.01 * a[a < 0.1].sum() + 0.02 * a[a > 0.1].max() if rounds < 3 else 0.0
        rounds += 1
    return a.sum() * rounds


def rows_of_a_matrix(x, y):
    total = x
    for i in range(20):
        for j in range(20):
            total = 0.9 * total + SQUARE[i][j] * y * x
    return total


def a_power_series(x, y):
    total, factorial = 0.0, 1
    for i in range(1, 30):
        factorial *= i
        total += (x - y) ** i / factorial + 0.5 ** (i - 1) * y * (i - 3)
    return total


def hidden_markov(x, y):
    means, weights, total = [x, y, x * y, sin(x * y)], [0.25] * 4, 0.0
    for r in DATA:
        mixed = [0.8 * w + 0.2 * v for w, v in zip(weights, weights[1:] + weights[:1])]
        joint = [w * exp(-0.5 * (r - mean) ** 2) for w, mean in zip(mixed, means)]
        total += log(sum(joint))
        weights = [w / sum(joint) for w in joint]
    return total


def begins_with_nothing(x, y):
    largest, ball = None, SimpleNamespace(speed=y)
    for i, (row, r) in enumerate(zip(TABLE, DATA)):
        height = x * r + y * row[1]
        if largest is None or height > largest:
            largest = height
        if not hasattr(ball, "place"):
            ball.place = x
        ball.place += 0.01 * i * ball.speed
    return largest * ball.place


def counts_by_key(x, y):
    sums, before = {}, None
    for r in DATA.tolist():
        sums["all"] = sums.get("all", x) + r * y
        if before is not None and before * r < 0:
            sums["all"] = sums["all"] + x * abs(before - r)
        before = r
    return sums["all"]


def begins_anew_in_each_row(x, y):
    best, v = None, [x * r + y for r in DATA[:18]]
    for i in range(20):
        row = None
        for k, z in enumerate(v):
            if k + 1 < len(v) and z > 2:
                v[k + 1] = 0.9 * v[k + 1]
            row = z * x if row is None else row + z / (i + 1)
        if best is None or row < best:
            best = row
        if row > 1e3:
            break
    return best


PROGRAMS = [
    hidden_markov,
    rows_of_a_matrix,
    a_power_series,
    newton,
    bouncing_ball,
    steps,
    likelihood,
    several_at_once,
    indices,
    a_loop_that_may_end,
    what_every_round_appends,
    one_in_another,
    a_truth_value_that_becomes_a_number,
    returns_from_within,
    returns_from_an_endless_loop,
    an_array_that_conditions_on_it_change,
    begins_with_nothing,
    counts_by_key,
]
POINTS = [(1.3, 0.6), (0.9, 0.8), (2.2, 0.4)]


@pytest.mark.usefixtures("every_function_is_long")
@pytest.mark.parametrize("f", [*PROGRAMS, begins_anew_in_each_row])
def test_loops_of_statements_equal_the_uncompiled_function(f):
    compiled, exact = jit(f), jit(f, exact=True)
    slopes, curvature = jit(value_and_grad(f, (0, 1))), jit(hessian(f, (0, 1)))
    for point in POINTS:
        assert exact(*point) == f(*point)
        np.testing.assert_allclose(compiled(*point), f(*point), rtol=1e-12)
        np.testing.assert_allclose(numbers(slopes(*point)), numbers(value_and_grad(f, (0, 1))(*point)), rtol=1e-9)
        expected = numbers(hessian(f, (0, 1))(*point))
        np.testing.assert_allclose(numbers(curvature(*point)), expected, rtol=1e-8, atol=1e-9)
    assert "loop" in compiled.program()


@pytest.mark.usefixtures("every_function_is_long")
@pytest.mark.parametrize("f", PROGRAMS)
def test_loops_of_statements_over_samples(f):
    a, b = np.random.default_rng(2).uniform([[0.8], [0.3]], [[2.3], [0.8]], (2, 21))
    mapped = vmap(value_and_grad(f, (0, 1)))
    np.testing.assert_allclose(numbers(jit(mapped)(a, b)), numbers(mapped(a, b)), rtol=1e-9)
    np.testing.assert_array_equal(jit(vmap(f), exact=True)(a, b), vmap(f)(a, b))


def test_short_functions_have_no_loops_where_none_is_needed():
    assert "loop" not in jit(steps).program(1.0, 0.5)


def test_a_long_for_is_compiled_as_fast_as_a_short_one():
    def long(x):
        for _ in range(1_000_000):
            x = x + 1e-6 * sin(x)
        return x

    compiled = jit(value_and_grad(long))
    assert compiled.stats(1.0).instructions < 30
    value, slope = compiled(1.0)
    assert value == pytest.approx(2 * np.arctan(np.tan(0.5) * np.e), rel=1e-5)
    assert slope == pytest.approx(np.sin(value) / np.sin(1.0), rel=1e-5)


def test_a_list_that_loops_hand_on_is_followed_once_for_each(monkeypatch):
    def handed_on(x, y, loops):
        v = [x, y]
        for _ in range(loops):
            i = 0
            while v[i] < 5:
                v[i] = v[i] + 0.1 + x
                i = 1 - i
        return v[0] * v[1]

    def counted(stacks, x):
        asked.append(x)
        assert len(asked) < 3000
        return root(stacks, x)

    asked, root = [], Stacks.root
    monkeypatch.setattr(Stacks, "root", counted)
    compiled = jit(handed_on, static_argnames="loops")
    assert compiled(0.3, 0.2, loops=20) == pytest.approx(handed_on(0.3, 0.2, 20), rel=1e-12)


@pytest.mark.usefixtures("every_function_is_long")
def test_arrays_with_derivatives_are_read_by_index():
    def filtered(parameters, observations):
        q, r, a = parameters
        mean, variance, total = 0.0, 1.0, 0.0
        for k in range(len(observations)):
            mean, variance = a * mean, a * a * variance + q
            spread, error = variance + r, observations[k] - mean
            total += log(spread) + error * error / spread
            gain = variance / spread
            mean, variance = mean + gain * error, (1 - gain) * variance
        return total

    def smooth(x):
        total = 0.0
        for i in range(len(x) - 1):
            total += (x[i + 1] - x[i] * 0.9) ** 2
        return total

    for f, args in [(filtered, ([0.1, 0.2, 0.9], DATA)), (smooth, (DATA,))]:
        compiled = jit(value_and_grad(f))
        np.testing.assert_allclose(numbers(compiled(*args)), numbers(value_and_grad(f)(*args)), rtol=1e-10)
        assert "loop" in compiled.program()
    other = DATA[::-1].copy()
    assert jit(filtered)([0.1, 0.2, 0.9], other) == pytest.approx(filtered([0.1, 0.2, 0.9], other), rel=1e-12)


def beyond_the_end(x):
    total = x
    for i in range(60):
        total = total * 0.9 + DATA[i - 1]  # DATA[-1] in the first round
    return total


@pytest.mark.usefixtures("every_function_is_long")
def test_indices_that_count_from_the_end_in_some_rounds():
    assert jit(beyond_the_end, exact=True)(0.5) == beyond_the_end(0.5)


def after_what_may_have_ended(x, y):
    for k in range(2):
        if x > 2 + k:
            return x * y
        for i in range(30):
            x = x * 1.01 + 0.01 * i * y
            if x > 4:
                break
    return x


@pytest.mark.usefixtures("every_function_is_long")
def test_a_loop_that_may_not_begin_stays_one():
    compiled = jit(value_and_grad(after_what_may_have_ended, (0, 1)))
    for point in [*POINTS, (0.1, 0.1), (2.5, 1.0)]:
        expected = value_and_grad(after_what_may_have_ended, (0, 1))(*point)
        np.testing.assert_allclose(numbers(compiled(*point)), numbers(expected), rtol=1e-10)
    assert "loop" in compiled.program()


def test_a_while_that_counts_stays_a_loop():
    def slow(x):
        n = 0
        while n < 10_000_000:
            x, last = x * 0.9999 + 1e-4, x
            n += 1
        return x * last + n

    assert jit(slow)(3.0) == pytest.approx(10_000_001.0, rel=1e-12)


@given(st.integers(0, 30), st.floats(0.1, 2.0), st.floats(-2.0, 2.0))
def test_the_length_of_a_range_may_be_an_argument(n, x, y):
    value, slope = RANGED(x, y, float(n))
    assert value == ranged(x, y, n)
    assert slope == pytest.approx(grad(ranged)(x, y, n), rel=1e-12, abs=1e-12)


def ranged(x, y, n):
    total = y
    for k in range(2, n, 3):
        if total > 3:
            total = total / 2
        total = total * x + k
    return total


RANGED = jit(value_and_grad(ranged), exact=True)


@pytest.mark.parametrize("order", ["jvp", "grad of jvp", "grad"])
def test_a_loop_sees_an_entry_as_it_was_before_the_loop_around_it_changes_it(order):
    def f(x, y, n):
        u, b = [x, y], x
        for _ in range(n):
            u[1] = 0.5 * u[1] + while_loop(lambda v: v < 3.0, lambda v: v + 1 + u[1] * v, b)
            b = 0.5 * b
        return u[1]

    def forward(x, y, n):
        return jvp(lambda x, y: f(x, y, n), (x, y), (1.0, 0.5))[1]

    g = {"jvp": forward, "grad of jvp": grad(forward, (0, 1)), "grad": grad(f, (0, 1))}[order]
    for n in (1, 2, 4):
        np.testing.assert_allclose(jit(g)(0.8, 0.3, n), g(0.8, 0.3, n), rtol=1e-12)


def ends_early(a, b, g):
    total = 0.0
    for x, y in zip(a, b):
        total += x * sin(y)
        if x > g:
            break
    return total


def inner_loops_that_end_early(a, b, g):
    total = 0.0
    for i in range(len(b)):
        for j in range(len(a)):
            if a[j] * g > b[i]:
                total += a[j] * b[i]
                break
        else:
            total -= g
    return total


@pytest.mark.usefixtures("every_function_is_long")
@pytest.mark.parametrize("f", [ends_early, inner_loops_that_end_early])
def test_what_a_loop_does_not_reach_has_no_slope(f):
    """However far the loop before it, or the same one in an earlier call, has come."""
    a, b = np.random.default_rng(0).normal(size=(2, 20))
    of_all = value_and_grad(f, argnums=(0, 1, 2))
    compiled, exact = jit(of_all), jit(of_all, exact=True)
    lanes = vmap(of_all, in_axes=(None, None, 0))
    limits = np.array([5.0, 1.0, 0.3, 0.8, 0.1])
    for g in limits:
        np.testing.assert_allclose(numbers(compiled(a, b, g)), numbers(of_all(a, b, g)), rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(numbers(exact(a, b, g)), numbers(of_all(a, b, g)), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(numbers(jit(lanes)(a, b, limits)), numbers(lanes(a, b, limits)), rtol=1e-12, atol=1e-13)
    second = hessian(lambda a: f(a, b, 0.4) ** 2)
    np.testing.assert_allclose(jit(second)(a), second(a), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("change", ["one entry", "another loop", "both"])
def test_a_gradient_needs_what_an_inner_loop_left_before_it_was_changed(change):
    """The loop back reads the array as the first inner loop left it, or runs that again."""

    def f(A):
        A = np.array(A, dtype=object)
        for k in range(19):
            for i in range(20):
                A[i, k] = 0.9 * A[i, k]
            if change != "another loop":
                A[k, k] = 0.5 * A[k, k]
            if change != "one entry":
                for i in range(20):
                    A[k, i] = 0.3 * A[k, i] + 0.1 * A[k, 0]
            for c in range(20):
                for i in range(20):
                    A[i, c] = A[i, c] - 0.1 * A[i, c] * A[i, k]
        return (A * weights).sum()

    weights, A = np.random.default_rng(0).normal(size=(2, 20, 20))
    compiled = jit(grad(f))
    np.testing.assert_allclose(compiled(A), grad(f)(A), rtol=1e-9)
    assert "backwards" in compiled.program(A)
