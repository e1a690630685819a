"""Loops under jit: equal to the uncompiled loops, values bit for bit, derivatives of every order to rounding."""

import ctypes
import functools
import gc
import os
import signal
import subprocess
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import (
    cond,
    cos,
    exp,
    fori_loop,
    grad,
    hessian,
    jacobian,
    jit,
    jvp,
    scan,
    sin,
    sqrt,
    tanh,
    to_c,
    value_and_grad,
    vjp,
    vmap,
    where,
    while_loop,
)
from autograd_engine.compiler.trace import recorder
from tests.c_compiler import cc, needs_compiler
from tests.nested import numbers

XS = np.linspace(0.1, 1.0, 40)


def recurrent(p, q):
    def step(state, x):
        h, m, r = state
        new = tanh(p * x + q * h)
        return (new, m * 0.9 + new * r, r * 0.99 + h * 0.01), new * m

    (h, m, r), ys = scan(step, (0.0, 0.1, 1.0), XS)
    return h + m * r + sum(ys)


def newton(x, y):
    root, rounds = while_loop(
        lambda state: abs(state[0] * state[0] - x) > 1e-13,
        lambda state: (0.5 * (state[0] + x / state[0]), state[1] + 1),
        (1.0, 0.0),
    )
    return root * y + rounds


def nested(x, y):
    def outer(i, s):
        return fori_loop(0, 20, lambda j, t: t * 0.95 + sin(t * x + i * 0.01) * 0.05 * y, s)

    return fori_loop(0, 25, outer, x * y)


def a_while_in_a_for(x, y):
    def body(i, s):
        return while_loop(lambda t: t * t > 2.0, lambda t: t * 0.7 + 0.01 * y, s + exp(0.01 * x * i))

    return fori_loop(0, 30, body, x)


def branches(x, y):
    def body(i, s):
        return cond(s > 1.0, lambda s: s / (1 + x * x), lambda s: s * (1.0 + 0.1 * y) + 0.05, s)

    return fori_loop(0, 50, body, x)


def backwards(x, y):
    carry, (a, b) = scan(lambda c, z: (c * x + z, (c, c * z * y)), 0.5, XS, reverse=True)
    return sum(a * b) + carry


def a_shift_register(x, y):
    return fori_loop(0, 40, lambda i, s: (s[1], s[2], s[0] * x + s[1] * y), (x, y, 1.0))[2]


def as_many_rounds_as_a_number_says(x, y):
    return fori_loop(0, round(20 + 10 * x), lambda i, s: s * 0.9 + sin(s * y), x)


def slopes_in_the_body(x, y):
    slope = grad(lambda s: sin(s * x) * s)
    return fori_loop(0, 20, lambda i, s: s - 0.1 * y * slope(s), 0.5)


def of_computed_numbers(x, y):
    return scan(lambda c, z: (c * y + z, c), 0.0, np.array([x * k for k in range(1, 30)]))[0]


def a_scan_of_computed_numbers_in_a_for(x, y):
    def body(i, s):
        ys = scan(lambda c, z: (c * y * 0.5 + sin(z), c), 0.0, np.array([s / k for k in range(1, 20)]))[1]
        return sum(ys) * 0.05

    return fori_loop(0, 20, body, x)


def a_condition_that_becomes_a_number(x, y):
    def body(i, s):
        return fori_loop(0, 20, lambda j, t: (t[0], t[1] * 0.9 + t[0]), (s[1] * y, s[0] * x))

    a, b = fori_loop(0, 20, lambda i, s: body(i, (s[0], s[1] * 0.1)), (x > 0, y))
    kept = fori_loop(0, 20, lambda i, s: (fori_loop(0, 20, lambda j, t: (t[0], t[1] * y), s)[0] * x, y), (x > 0, y))
    return a * x + b + kept[0]


def numbers_from_outside_that_depend_on_each_other(x, y):
    z = x * y
    return fori_loop(0, 20, lambda i, s: s * 0.9 + sin(z) * y + z * 0.1, x)


PROGRAMS = [
    recurrent,
    newton,
    nested,
    a_while_in_a_for,
    branches,
    backwards,
    a_shift_register,
    as_many_rounds_as_a_number_says,
    slopes_in_the_body,
    of_computed_numbers,
    a_scan_of_computed_numbers_in_a_for,
    a_condition_that_becomes_a_number,
    numbers_from_outside_that_depend_on_each_other,
]
DERIVATIVES = {
    "value": lambda f: f,
    "gradient": lambda f: value_and_grad(f, (0, 1)),
    "forward": lambda f: lambda x, y: jvp(f, (x, y), (0.3, -1.0)),
    "hessian": lambda f: hessian(f, (0, 1)),
    "hessian times vector": lambda f: lambda x, y: jvp(grad(f, (0, 1)), (x, y), (1.0, 2.0)),
    "third": lambda f: grad(grad(grad(f))),
}


def check(found, expected, bits=False):
    if bits:
        np.testing.assert_array_equal(numbers(found), numbers(expected))
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-10, atol=1e-11)


@functools.cache
def uncompiled(f, order):
    """Points with what the uncompiled derivative says there, for both modes."""
    return [(point, DERIVATIVES[order](f)(*point)) for point in [(0.7, 0.4), (1.1, 0.9)]]


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("order", DERIVATIVES)
@pytest.mark.parametrize("f", PROGRAMS)
def test_a_loop_and_its_derivatives_equal_the_uncompiled_ones(f, order, exact):
    compiled = jit(DERIVATIVES[order](f), exact=exact)
    for point, expected in uncompiled(f, order):
        check(compiled(*point), expected, bits=exact and order == "value")


OVER_SAMPLES = {
    "values": lambda f: vmap(f),
    "gradients": lambda f: vmap(value_and_grad(f, (0, 1))),
    "hessians": lambda f: vmap(hessian(f, (0, 1))),
    "gradient of the mean": lambda f: (
        lambda a, b: value_and_grad(lambda p, q: vmap(lambda x, y: f(x * p, y * q))(a, b).mean(), (0, 1))(1.0, 0.9)
    ),
    "gradient of the variance": lambda f: (
        lambda a, b: value_and_grad(
            lambda p: ((vmap(lambda x, y: f(x * p, y))(a, b) - vmap(f)(a, b).mean()) ** 2).mean()
        )(0.9)
    ),
    "residuals": lambda f: lambda a, b: jacobian(lambda p: vmap(lambda x, y: f(x * p, y))(a, b))(0.9),
}


@functools.cache
def uncompiled_over_samples(f, order):
    """Samples with what the uncompiled function says of them, for both modes."""
    generator = np.random.default_rng(1)
    batches = [generator.uniform(0.2, 1.3, (2, samples)) for samples in (1, 5, 37)]
    return [(batch, OVER_SAMPLES[order](f)(*batch)) for batch in batches]


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("order", OVER_SAMPLES)
@pytest.mark.parametrize("f", PROGRAMS)
def test_every_sample_has_a_loop_of_its_own(f, order, exact):
    compiled = jit(OVER_SAMPLES[order](f), exact=exact)
    for batch, expected in uncompiled_over_samples(f, order):
        check(compiled(*batch), expected)


@needs_compiler
@pytest.mark.parametrize("f", PROGRAMS)
def test_loops_in_c(f, tmp_path):
    def of_samples(p):
        return vmap(lambda x: f(x * p, 0.4))(np.array([0.5, 0.9, 1.2])).mean()

    for name, g, point in [("one", f, (0.7, 0.4)), ("samples", value_and_grad(of_samples), (0.9,))]:
        program = cc(tmp_path, to_c(g, *point, name=name), "-O1", "-DSELF_TEST")
        assert subprocess.run([program], capture_output=True, text=True).stdout.startswith("OK")


FUNCTIONS = [
    lambda a, b: a * b,
    lambda a, b: a + sin(b),
    lambda a, b: where(a < b, a * 0.5, b),
    lambda a, b: tanh(a - b),
]


@st.composite
def bodies(draw, depth, functions=FUNCTIONS):
    """A function of a state of three numbers and of two parameters, with loops and branches."""
    kind = draw(st.sampled_from(["step", "step", "both", *(["for", "while", "if"] if depth else [])]))
    if kind == "step":
        to, a, b = draw(st.tuples(*[st.integers(0, 2)] * 3))
        g, k = draw(st.sampled_from(functions)), draw(st.sampled_from([0, 1]))

        def step(s, p):
            new = list(s)
            new[to] = g(s[a] * 0.9, s[b] + p[k])
            return tuple(new)

        return step
    first = draw(bodies(depth - (kind != "both"), functions)) if depth else None
    second = draw(bodies(max(depth - 1, 0), functions))
    first = first or second
    if kind == "both":
        return lambda s, p: second(first(s, p), p)
    if kind == "if":
        a = draw(st.integers(0, 2))
        return lambda s, p: cond(s[a] > p[0], lambda s: first(s, p), lambda s: second(s, p), s)
    if kind == "for":
        rounds = draw(st.integers(0, 4))
        return lambda s, p: fori_loop(0, rounds, lambda i, s: first((s[0], s[1] + 0.01 * i, s[2]), p), s)

    def limited(s, p):
        def body(state):
            n, s = state
            return n + 1, first(s, p)

        return while_loop(lambda state: (state[0] < 4) & (state[1][0] < 5.0), body, (0.0 * p[0], s))[1]

    return limited


@given(bodies(3), st.lists(st.floats(-2, 2), min_size=2, max_size=2))
def test_random_nested_loops_and_branches(body, point):
    def f(p):
        s = body((p[0], p[1], p[0] * p[1]), p)
        return s[0] + s[1] * s[2]

    points = [point, [0.3, 1.1]]
    samples = np.array(points * 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "UNROLLED", 0)
        compiled, slopes = jit(f, exact=True), jit(grad(f), exact=True)
        for p in points:
            check(compiled(p), f(p), bits=True)
            check(slopes(p), grad(f)(p))
        check(jit(vmap(f), exact=True)(samples), vmap(f)(samples), bits=True)
        check(jit(vmap(grad(f)))(samples), vmap(grad(f))(samples))


def test_a_loop_of_a_million_rounds_is_compiled_at_once_and_needs_no_memory_without_derivatives():
    steps = jit(lambda x: fori_loop(0, 10_000_000, lambda i, s: s + (x - s) * 1e-6, 0.0))
    assert steps(1.0) == pytest.approx(1.0 - np.exp(-10.0), rel=1e-5)
    assert steps.stats().instructions < 20
    assert "loop, 10000000.0 rounds" in steps.program()


def test_the_number_of_rounds_may_differ_from_call_to_call():
    power = jit(value_and_grad(lambda x, n: fori_loop(0, n, lambda i, s: s * x, 1.0)))
    for n in (0, 1, 5, 40):
        assert power(1.1, float(n)) == pytest.approx((1.1**n, n * 1.1 ** (n - 1)), rel=1e-13)
    assert power(1.1, -3.0) == (1.0, 0.0)


def test_a_loop_whose_body_computes_nothing():
    assert jit(lambda x, n: fori_loop(0, n, lambda i, s: 1.0, x))(2.0, 20.0) == 1.0


@pytest.mark.parametrize("exact", [False, True])
def test_a_slope_may_be_the_number_of_rounds(exact):
    slope = grad(lambda w: w * sqrt(w) + 2 * w)  # 2 at 0, with the strong zero of the chain rule

    def nested(w):
        inner = lambda j, u: fori_loop(0, slope(w * u), lambda i, s: s + 1.0, u)  # noqa: E731
        return fori_loop(0, 20, inner, 1.0)

    for f in (lambda w: fori_loop(0, slope(w), lambda i, s: s + 1.0, 0.0), nested):
        assert jit(f, exact=exact)(0.0) == f(0.0) > 1


def test_no_derivative_goes_through_the_number_of_a_round():
    f = grad(lambda n, x: fori_loop(n, n + 20, lambda i, s: s * x + i * 0.5, 0.0), (0, 1))
    check(jit(f)(3.0, 0.5), f(3.0, 0.5))


def test_a_loop_of_the_results_of_a_vmap():
    f = lambda xs: fori_loop(0, 20, lambda i, s: s * 0.9 + 0.1, vmap(sin)(xs))  # noqa: E731
    check(jit(f)(XS), f(XS))
    g = lambda xs, n: fori_loop(0, n, lambda i, s: s * 0.9, vmap(sin)(xs))  # noqa: E731
    check(jit(g)(XS, 20.0), g(XS, 20))


def test_what_is_left_of_a_number_of_rounds_is_one_round_whatever_the_other_samples_do():
    def rounds(n):
        return fori_loop(0, n, lambda i, s: s + 1.0, 0.0)

    counts = np.array([2.5, 3.0, 0.0, -1.5, np.nan, 0.2, 7.9, 1.0, 2.5])
    expected = [3.0, 3.0, 0.0, 0.0, 0.0, 1.0, 8.0, 1.0, 3.0]
    assert [jit(rounds)(n) for n in counts] == expected
    assert jit(vmap(rounds))(counts).tolist() == expected
    assert jit(vmap(lambda n, x: rounds(n) + 0 * x, in_axes=(None, 0)))(2.5, counts[:4]).tolist() == [3.0] * 4


def test_what_does_not_change_is_computed_before_the_loop():
    text = jit(lambda x, y: fori_loop(0, 99, lambda i, s: s * exp(x) + sqrt(y), 1.0)).program(0.1, 2.0)
    assert max(text.index("exp"), text.index("sqrt")) < text.index("loop")
    one = jit(lambda x: fori_loop(0, 99, lambda i, s: (s[0] + x, s[1] * cos(x)), (0.0, 1.0))[1])
    assert "carry 1" not in one.program(0.1)  # the other number does not matter


def test_strong_zeros_stay_only_where_a_condition_depends_on_them():
    plain = jit(value_and_grad(lambda x: fori_loop(0, 99, lambda i, s: where(s > x, s * exp(-x), s + x), 1.0)))
    assert "product0" not in plain.program(0.5)

    def turning(x):
        slope = grad(lambda z: sin(z * x) * exp(z))
        return fori_loop(0, 99, lambda i, s: where(slope(s) > 0, s * 0.9, s * 1.1), x)

    assert "product0" in jit(turning).program(0.5)
    assert jit(turning, exact=True)(0.5) == turning(0.5)


def test_short_loops_are_straight_lines():
    assert "loop" not in jit(lambda x: fori_loop(0, 16, lambda i, s: s * x, 1.0)).program(2.0)


def test_a_loop_with_a_vmap_in_its_body_stays_a_loop():
    def f(p):
        return fori_loop(0, 20, lambda i, s: s - 0.1 * vmap(lambda x: x * s)(XS).mean(), p)

    def g(p):
        return while_loop(lambda s: s > 1, lambda s: s - vmap(lambda x: x * s)(XS).mean(), p)

    for h in (f, g):
        compiled = jit(value_and_grad(h))
        check(compiled(2.0), value_and_grad(h)(2.0))
        assert compiled.program(2.0).count("loop, ") == 2


def test_results_of_every_round():
    f = lambda p: scan(lambda c, x: (c * p + x, {"c": c, "pair": (x * c, np.array([c, p]))}), 0.5, XS)  # noqa: E731
    check(jit(f, exact=True)(0.9), f(0.9), bits=True)
    outputs, pullback = vjp(f, 0.9)
    compiled = jit(lambda p: vjp(f, p)[1](outputs))
    check(compiled(0.9), pullback(outputs))
    check(jit(jacobian(f))(0.9), jacobian(f)(0.9))


def test_arrays_that_are_read_round_by_round():
    def f(data, p):
        def step(c, row):
            x, pair = row["x"], row["pair"]
            return c * p + x * pair[0] - pair[1], c

        return scan(step, 0.0, data)[1].sum()

    data = {"x": XS, "pair": np.random.default_rng(0).normal(size=(40, 2))}
    check(jit(value_and_grad(f, (0, 1)))(data, 0.9), value_and_grad(f, (0, 1))(data, 0.9))
    compiled = jit(f)
    for _ in range(2):
        check(compiled(data, 0.9), f(data, 0.9))
        data["x"] = data["x"] * 2  # the second call reads other numbers


def test_an_argument_is_read_where_it_lies_however_long_it_is():
    program = jit(lambda rows: scan(lambda total, row: (total + row[0] * row[1], None), 0.0, rows)[0]).program
    short, long = (str(program(np.ones((length, 2)))).split("\n") for length in (20, 80))
    assert len(short) == len(long)


def test_a_signal_ends_a_long_loop_and_the_kernel_goes_on_working():
    steps = jit(lambda n, x: fori_loop(0, n, lambda i, s: s * 0.5 + x, 0.0))
    assert steps(30.0, 1.0) == pytest.approx(2.0)

    def raise_it(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGVTALRM, raise_it)
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.05)  # of its own time, however busy the machine is
            steps(1e15, 1.0)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    assert steps(30.0, 1.0) == pytest.approx(2.0)


def test_arrays_of_a_loop_after_one_that_was_ended():
    def f(n, x):
        start = fori_loop(0, n, lambda i, s: sin(s * x), 1.0)
        return sum(scan(lambda c, z: (sin(c * x) + z, c), start, XS)[1])

    slopes = jit(value_and_grad(f, 1), exact=True, memory=None)  # a derivative that goes back
    with pytest.raises(MemoryError):  # in the first call, so that no loop has had any memory before
        slopes(1e17, 1.0)
    check(slopes(20.0, 0.9), value_and_grad(f, 1)(20, 0.9))


def test_a_derivative_that_does_not_fit_into_memory():
    slope = jit(grad(lambda x, n: fori_loop(0, n, lambda i, s: sin(s * x), 1.0)), exact=True, memory=None)
    with pytest.raises(MemoryError, match="not enough memory for what the derivative of a loop keeps"):
        slope(1.0, 1e17)
    assert slope(1.0, 20.0) == pytest.approx(grad(lambda x: fori_loop(0, 20, lambda i, s: sin(s * x), 1.0))(1.0))


@pytest.mark.parametrize("samples", [False, True])
def test_entries_of_a_loop_that_comes_after_one_that_was_stopped(samples):
    def f(x, n):
        slope = grad(lambda x: fori_loop(0, n, lambda i, s: sin(s * x), 1.0))(x)
        last, ys = scan(lambda c, x: (sin(c + slope * x), c), 0.5, XS)
        return ys[0] + ys[-1] * last

    g, x = (vmap(f, in_axes=(0, None)), XS) if samples else (f, 0.7)
    compiled = jit(g, exact=True, memory=None)
    with pytest.raises(MemoryError):
        compiled(x, 1e17)
    check(compiled(x, 20.0), g(x, 20))


def test_threads_have_buffers_of_their_own():
    slope = jit(value_and_grad(nested, (0, 1)))
    expected = [slope(0.1 * k, 0.4) for k in range(8)]
    found = [None] * 8

    def work(k):
        for _ in range(50):
            found[k] = slope(0.1 * k, 0.4)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected
    many = np.random.default_rng(0).uniform(0.2, 1.2, (2, 20_000))
    check(jit(vmap(grad(newton)), threads=2)(*many), jit(vmap(grad(newton)), threads=1)(*many), bits=True)


def test_buffers_are_freed_with_the_kernel():
    def memory():
        with open(f"/proc/{os.getpid()}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    if not os.path.exists("/proc/self/statm"):
        pytest.skip("needs /proc")

    def once():
        slope = jit(grad(lambda x, n: fori_loop(0, n, lambda i, s: sin(s * x), 1.0)))
        slope(1.0, 1e6)  # 16 MB

    once()
    gc.collect()
    before = memory()
    for _ in range(10):
        once()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    assert memory() - before < 60e6
