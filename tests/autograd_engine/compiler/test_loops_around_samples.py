"""Loops around samples under jit, equal to the uncompiled loops: values bit for bit, derivatives of every order."""

import signal
import subprocess
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_engine import (
    cond,
    exp,
    fori_loop,
    grad,
    jacobian,
    jit,
    jvp,
    mean,
    scan,
    sin,
    sqrt,
    tanh,
    to_c,
    value_and_grad,
    vmap,
    where,
    while_loop,
)
from autograd_engine.compiler.llvm import executable
from autograd_engine.compiler.trace import recorder
from autograd_engine.structure import flatten
from tests.autograd_engine.compiler.test_loops import bodies
from tests.c_compiler import cc, needs_compiler
from tests.nested import numbers

GENERATOR = np.random.default_rng(0)
X, Y = GENERATOR.normal(size=(21, 2)), GENERATOR.normal(size=21)
Z = GENERATOR.normal(size=9)
W = np.array([0.3, -0.2, 0.1])


@pytest.fixture(autouse=True)
def few_rounds_make_a_loop(monkeypatch):
    monkeypatch.setattr(recorder, "UNROLLED", 3)


def error(w, x, y):
    return (tanh(w[0] * x[0] + w[1] * x[1]) + w[2] - y) ** 2


def loss(w, X, Y):
    return mean(vmap(lambda x, y: error(w, x, y))(X, Y))


def descent(w, X, Y, Z, n=6):
    return fori_loop(0, 5, lambda i, w: w - 0.1 * np.array(grad(loss)(w, X, Y)), w)


def momentum(w, X, Y, Z, n=6):
    def step(state, i):
        w, v = state
        value, slope = value_and_grad(loss)(w, X, Y)
        v = 0.9 * v + np.array(slope)
        return (w - 0.1 * v, v), value * i

    state, losses = scan(step, (w, np.zeros(3)), np.arange(5.0))
    return [*state[0], sum(losses), losses[3]]


def until_flat(w, X, Y, Z, n=6):
    def steep(state):
        _, slope, n = state
        return (sum(slope * slope) > 0.01) & (n < 6)

    def step(state):
        w, slope, n = state
        new = w - 0.2 * slope
        return new, np.array(grad(loss)(new, X, Y)), n + 1

    return while_loop(steep, step, (w, np.array(grad(loss)(w, X, Y)), 0.0))


def of_two_batches(w, X, Y, Z, n=6):
    def step(i, w):
        total = 9.0 * mean(vmap(lambda z: exp(-z * w[0]))(Z))
        shift = mean(vmap(lambda x, y: sin(x[0] * total + w[1]) * y)(X, Y))
        return np.array([w[1] * 0.5 + shift, w[0] * 0.9 - 0.1 * shift, w[2] + total * 0.01])

    return fori_loop(0, 5, step, w)


def of_features(w, X, Y, Z, n=6):
    features = vmap(lambda x: exp(x[0] * w[2]))(X)

    def step(i, s):
        return s * 0.9 + 0.1 * mean(vmap(lambda f, y: sin(f * s * w[0]) * y + f)(features, Y))

    return fori_loop(0, 5, step, w[1])


def nested(w, X, Y, Z, n=6):
    def epoch(k, w):
        of_z = grad(lambda w: mean(vmap(lambda z: error(w, (z, 1.0), 0.3))(Z)))
        w = fori_loop(0, 4, lambda i, w: w - 0.05 * np.array(of_z(w)) - 0.001 * i, w)
        return w * (1 - 0.01 * k) + 0.1 * mean(vmap(lambda z: sin(z * w[0]))(Z))

    return fori_loop(0, 5, epoch, w)


def with_loops_of_each_sample(w, X, Y, Z, n=6):
    def of_sample(x, y):
        return fori_loop(0, 5, lambda i, h: tanh(h * w[0] + x[0] * w[1] + 0.01 * i), y)

    return fori_loop(0, 5, lambda i, s: s * 0.5 + mean(vmap(of_sample)(X, Y)), w[2])


def with_shared_loops(w, X, Y, Z, n=6):
    def step(i, s):
        s = fori_loop(0, 5, lambda j, t: sin(t * w[0] + 0.1 * i) * 0.9, s)
        return s + mean(vmap(lambda z: exp(-s * z * z))(Z)) * w[1]

    return fori_loop(0, 5, step, w[2])


def of_an_array(w, X, Y, Z, n=6):
    rates = np.linspace(0.1, 0.2, 5)
    return fori_loop(0, 5, lambda i, w: w - rates[i] * np.array(grad(loss)(w, X, Y)) * Y[i], w)


def backwards(w, X, Y, Z, n=6):
    return scan(lambda c, r: (c * r[0] + mean(vmap(lambda z: sin(z * c) * w[0])(Z)) * r[1], c), w[1], X, reverse=True)


def particles(w, X, Y, Z, n=6):
    def step(i, state):
        place, middle = state
        place = vmap(lambda p: p + 0.1 * tanh(w[0] * (middle - p)) + 0.01 * w[1] * sin(p))(place)
        return place, mean(place)

    place, middle = fori_loop(0, 5, step, (vmap(lambda z: z * w[2])(Z), 0.5))
    return middle + mean(place * place)


def swapped(w, X, Y, Z, n=6):
    def step(i, state):
        a, b, s = state
        return b, a, s * 0.9 + 0.1 * mean(vmap(lambda z: tanh(z * a))(Z)) * w[2]

    return fori_loop(0, 5, step, (w[0], w[1], 0.0))


def nothing_of_samples_is_left(w, X, Y, Z, n=6):
    return fori_loop(0, 5, lambda i, s: s * 0.9 + mean(vmap(lambda z: w[0] + 0 * z * z)(Z)), w[1])


def three_deep(w, X, Y, Z, n=6):
    def below(depth, s):
        if not depth:
            return s * 0.5 + mean(vmap(lambda z: tanh(z * w[1] - s * w[0]))(Z))
        return fori_loop(0, 4, lambda i, s: below(depth - 1, s) + w[2] * i, s)

    return below(3, w[0])


def a_list_that_rounds_change(w, X, Y, Z, n=6):
    a = [w[0] * k for k in range(5)]
    s = w[2]
    for i in range(n):
        s = s * 0.9 + a[(i + 3) % 5] * a[i % 5] + mean(vmap(lambda x, y: a[(x[0] > 0) * 3 + 1] * y)(X, Y))
        a[i % 5] = w[1] * i * 0.1
        s = s + mean(vmap(lambda x, y: a[(x[0] > 0) * 2 + 1] * y)(X, Y))
        a[(i + 7) % 5] = s
    return s + sum(a)


def a_list_that_loops_of_each_sample_read(w, X, Y, Z, n=6):
    a = [w[0] * k * 0.1 for k in range(5)]
    s = w[2]
    for i in range(n):
        of_sample = lambda z: fori_loop(0, 5, lambda j, h: sin(h * w[1] + a[(i + 3) % 5] + a[i % 5]), z)  # noqa: B023, E731
        m = mean(vmap(of_sample)(Z))
        a[i % 5] = w[1] * i * 0.1
        s = s * 0.9 + m * m * s
    return s + sum(a)


def branches(w, X, Y, Z, n=6):
    def step(i, s):
        total = mean(vmap(lambda z: sqrt(z * z + s * s + 1.0))(Z))
        return cond(total > 1.5, lambda s: s * 0.5 + total * w[0], lambda s: s + w[1], s)

    return fori_loop(0, 5, step, w[2])


PROGRAMS = [
    descent,
    momentum,
    until_flat,
    of_two_batches,
    of_features,
    nested,
    with_loops_of_each_sample,
    with_shared_loops,
    of_an_array,
    backwards,
    particles,
    swapped,
    nothing_of_samples_is_left,
    three_deep,
    a_list_that_rounds_change,
    a_list_that_loops_of_each_sample_read,
    branches,
]
DIRECTION = np.array([1.0, -2.0, 0.5])


def one_number(f):
    """A function of the weights alone that returns a number, in which all that f returns counts."""
    return lambda w, n=6: sum([x * (1 + 0.3 * k) for k, x in enumerate(flatten(f(w, X, Y, Z, n))[0])])


DERIVATIVES = {
    "value": lambda f: lambda w, n: f(w, X, Y, Z, n),
    "gradient": lambda f: value_and_grad(one_number(f)),
    "forward": lambda f: lambda w, n: jvp(lambda w: one_number(f)(w, n), (w,), (DIRECTION,)),
    "hessian times vector": lambda f: lambda w, n: jvp(lambda w: grad(one_number(f))(w, n), (w,), (DIRECTION,)),
    "gradient of the gradient": lambda f: grad(lambda w, n: sum(np.array(grad(one_number(f))(w, n)) * DIRECTION)),
}


@pytest.mark.parametrize("order", DERIVATIVES)
@pytest.mark.parametrize("f", PROGRAMS)
def test_a_loop_around_samples_and_its_derivatives_equal_the_uncompiled_ones(f, order):
    derivative = DERIVATIVES[order](f)
    expected = numbers(derivative(W, 6))
    for exact in (True, False) if order in ("value", "gradient") else (False,):
        found = numbers(jit(derivative, exact=exact)(W, 6.0))
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)
        if exact and order == "value":
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("f", PROGRAMS)
def test_their_gradients_are_those_of_finite_differences(f):
    g, slopes = jit(one_number(f)), jit(grad(one_number(f)))(W, 6.0)
    for step, slope in zip(1e-5 * np.eye(3), slopes):
        assert (g(W + step, 6.0) - g(W - step, 6.0)) / 2e-5 == pytest.approx(slope, rel=1e-6, abs=1e-8)


@needs_compiler
@pytest.mark.parametrize("f", PROGRAMS)
def test_loops_around_samples_in_c(f, tmp_path):
    program = cc(tmp_path, to_c(one_number(f), W, 6.0, name="slopes"), "-O1", "-DSELF_TEST")
    assert subprocess.run([program], capture_output=True, text=True).stdout.startswith("OK")


OVER_SAMPLES = [
    lambda a, b: a * 0.5 + mean(vmap(lambda z: tanh(z * a - b))(Z)),
    lambda a, b: mean(vmap(lambda z: where(z > a, z * b, sin(a)))(Z)),
    lambda a, b: mean(vmap(lambda z: fori_loop(0, 3, lambda i, h: sin(h * a + z), b))(Z)),
    lambda a, b: a * 0.9 + b * 0.1,
]


@settings(max_examples=25)
@given(bodies(3, OVER_SAMPLES), st.lists(st.floats(-2, 2), min_size=2, max_size=2))
def test_random_nested_loops_around_samples(body, point):
    def f(p):
        s = body((p[0], p[1], p[0] * p[1]), p)
        return s[0] + s[1] * s[2]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "UNROLLED", 0)
        compiled, slopes = jit(f, exact=True), jit(grad(f))
        for p in (point, [0.3, 1.1]):
            np.testing.assert_array_equal(compiled(p), f(p))
            np.testing.assert_allclose(slopes(p), grad(f)(p), rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("f", [descent, particles])
def test_one_kernel_takes_any_number_of_samples(f):
    compiled = jit(f)
    for samples in (1, 40, 3000):
        x, y, z = GENERATOR.normal(size=(samples, 2)), GENERATOR.normal(size=samples), GENERATOR.normal(size=samples)
        np.testing.assert_allclose(numbers(compiled(W, x, y, z)), numbers(f(W, x, y, z)), rtol=1e-9)
    assert compiled.program(W, x, y, z).count("loop, ") == 1


def test_threads_and_the_order_of_additions_do_not_change_a_bit(monkeypatch):
    monkeypatch.setattr(executable, "WORTH_THREADS", 1000)
    x, y = GENERATOR.normal(size=(5000, 2)), GENERATOR.normal(size=5000)
    of_features_too = lambda w, x, y: [*descent(w, x, y, y), of_features(w, x, y, y), particles(w, x, y, y)]  # noqa: E731
    found = [jit(of_features_too, threads=threads)(W, x, y) for threads in (1, 2, 3)]
    assert found[0] == found[1] == found[2]


def test_a_million_rounds_are_compiled_at_once():
    def step(i, s):
        return s + 1e-6 * mean(vmap(lambda z: sin(z + s))(Z))

    slow = jit(value_and_grad(lambda s, n: fori_loop(0, n, step, s)))
    assert slow(0.5, 10.0)[0] == pytest.approx(fori_loop(0, 10, step, 0.5), rel=1e-15)
    assert slow.stats().instructions < 60
    with pytest.raises(IndexError, match="out of bounds"):
        jit(lambda s, k: fori_loop(0, 50, lambda i, t: t + mean(vmap(lambda z: Z[z + k + i])(np.arange(9.0))), s))(
            0.0, 1.0
        )


def test_ctrl_c_ends_a_loop_around_samples():
    def interrupt(number, frame):
        raise KeyboardInterrupt

    endless = jit(lambda s: while_loop(lambda s: s > 0, lambda s: s + mean(vmap(lambda z: z * z * s)(Z)) * 1e-9, s))
    before = signal.signal(signal.SIGVTALRM, interrupt)
    try:
        endless(-1.0)
        started = time.thread_time()
        with pytest.raises(KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.2)  # of its own time, however busy the machine is
            endless(1.0)
        assert time.thread_time() - started < 5.0
        assert endless(-1.0) == -1.0
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_a_vmap_result_in_the_state_keeps_its_shape():
    with pytest.raises(TypeError, match="must stay one of the same shape"):
        jit(lambda x, z: fori_loop(0, 9, lambda i, s: vmap(sin)(z), vmap(sin)(x)))(X[:, 0], Z)
    with pytest.raises(TypeError, match="must stay one of the same shape"):
        jit(lambda x, n: fori_loop(0, n, lambda i, s: 1.0, vmap(sin)(x)))(X[:, 0], 20.0)


ROWS = np.array([GENERATOR.permutation(21)[:4] for _ in range(6)])


def by_index(w, X, Y, rows):
    def of_batch(w, row):
        return mean(vmap(lambda k: error(w, X[k], Y[k]))(row))

    return fori_loop(0, 6, lambda i, w: w - 0.1 * np.array(grad(of_batch)(w, rows[i])), w)


def by_rows(w, X, Y, rows):
    def step(w, row):
        return w - 0.1 * np.array(grad(loss)(w, X[row], Y[row])), None

    return scan(step, w, rows)[0]


def by_an_index_that_is_computed(w, X, Y, rows):
    def step(i, w):
        k = (i * 2) % 6
        return w - 0.1 * np.array(grad(loss)(w, X[rows[k]], Y[rows[5 - k]]))

    return fori_loop(0, 6, step, w)


def backwards_by_rows(w, X, Y, rows):
    return scan(
        lambda c, row: (c * 0.5 + mean(vmap(lambda x: sin(x[1] * w[0] * c))(X[row])), None), w[1], rows, reverse=True
    )[0]


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("f", [by_index, by_rows, by_an_index_that_is_computed, backwards_by_rows])
def test_batches_are_gathered_by_index_in_the_kernel(f, exact):
    compiled, slopes = jit(f, exact=exact), jit(jacobian(f), exact=exact)
    found = numbers(compiled(W, X, Y, ROWS))
    (np.testing.assert_array_equal if exact else np.testing.assert_allclose)(found, numbers(f(W, X, Y, ROWS)))
    np.testing.assert_allclose(numbers(slopes(W, X, Y, ROWS)), numbers(jacobian(f)(W, X, Y, ROWS)), rtol=1e-10)
    assert "sum over" in compiled.program(W, X, Y, ROWS)
    beyond = np.where(ROWS[3, 2] == ROWS, 21, ROWS)
    with pytest.raises(IndexError, match="index 21 is out of bounds for axis 0 with size 21"):
        compiled(W, X, Y, beyond)


def test_samples_that_were_gathered_can_be_picked_one_by_one():
    f = lambda X, row: sum(vmap(lambda x: exp(x[0]))(X[row])[1:3])  # noqa: E731
    assert jit(f)(X, ROWS[0].astype(float)) == pytest.approx(f(X, ROWS[0]), rel=1e-15)


@pytest.mark.parametrize("samples", [[0.0, 1.0, 2.0], [1.0, np.nan, 2.0], [np.inf, 1.0]])
def test_the_slope_of_a_mean_that_is_nan_is_nan_in_a_loop_too(samples):
    def trained(w, x, n):
        def step(i, state):
            x, w = state
            return vmap(lambda x: x + 1.0)(x), w - 0.1 * grad(lambda w: mean(vmap(lambda x: 2.0 * w + x)(x)))(w)

        return fori_loop(0, n, step, (vmap(lambda x: x)(x), w))[1]

    np.testing.assert_allclose(jit(trained)(1.0, np.array(samples), 20.0), trained(1.0, np.array(samples), 20))
