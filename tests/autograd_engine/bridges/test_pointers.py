"""to_ctypes and to_scipy: C functions that give the bits of jit, with nobody holding Python's lock."""

import ctypes
import gc
import threading
import weakref
from warnings import catch_warnings, simplefilter

import numpy as np
import pytest
from hypothesis import given, settings

from autograd_engine import exp, fori_loop, grad, jit, log, mean, scan, sin, sqrt, value_and_grad, vmap, where
from autograd_engine.bridges import to_ctypes, to_scipy
from tests.autograd_engine.bridges.numbers import SAMPLES, bits
from tests.laws.strategies import expressions, points

scipy_integrate = pytest.importorskip("scipy.integrate")


def numbers_of(function, count, *inputs):
    """What a C function writes for these inputs."""
    given, found = np.array(inputs, dtype=float), np.full(count + 1, 7.0)
    function(np.ctypeslib.as_ctypes(given), np.ctypeslib.as_ctypes(found))
    assert found[count] == 7.0  # no number more
    return found[:count].tolist()


def flat(result):
    return np.hstack([np.ravel(part) for part in result]).tolist()


@settings(max_examples=12)
@given(expressions(smooth=False, choices=True, max_steps=6), points())
def test_random_programs_have_our_bits(program, point):
    both = value_and_grad(program, (0, 1))
    for exact in (False, True):
        value, slopes = jit(both, exact=exact)(*point)
        assert bits(numbers_of(to_ctypes(jit(both, exact=exact), 2), 3, *point)) == bits([value, *slopes])
        value = jit(program, exact=exact)(*point)
        assert bits(to_ctypes(jit(program, exact=exact), 2)(*point)) == bits(value)
        of_array = to_scipy(jit(program, exact=exact), 2)
        with catch_warnings():
            simplefilter("ignore", scipy_integrate.IntegrationWarning)  # of what is not smooth
            found, expected = [
                scipy_integrate.quad(f, 0.0, 1.0, args=(point[1],))[0] for f in (of_array, jit(program, exact=exact))
            ]
        assert found == pytest.approx(expected, nan_ok=True, abs=1e-9)


def likelihood(mu, sigma):
    """With sums over samples that lie outside, an average that every sample needs, and a loop."""
    X = SAMPLES[:, 0]
    center = mean(vmap(lambda x: exp(-mu * x))(X))
    spread = fori_loop(0, 30, lambda i, s: sin(s) + sigma, sigma)
    return mean(vmap(lambda x: ((x - center) / spread) ** 2)(X)) + log(sigma)


def recurrence(x):
    """With stacks, which the way back reads."""
    return scan(lambda carry, k: (sin(carry) + x * k, carry), x, np.arange(40.0))[0]


def loops_of_samples(x):
    return mean(vmap(lambda s: fori_loop(0, 20, lambda i, c: sin(c) + x, s))(SAMPLES[:50, 0]))


@pytest.mark.parametrize(
    ("f", "point"),
    [(likelihood, (0.3, 1.2)), (recurrence, (0.4,)), (loops_of_samples, (0.4,))],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_batches_loops_and_stacks(f, point):
    both = value_and_grad(f, tuple(range(len(point))))
    c_function, expected = to_ctypes(both, len(point)), flat(jit(both, threads=1)(*point))
    for _ in range(3):
        assert bits(numbers_of(c_function, len(expected), *point)) == bits(expected)


def test_a_dead_branch_does_not_make_nan():
    slope = grad(lambda x: where(x > 0, sqrt(x), 2 * x))
    c_function = to_ctypes(slope, 1)
    assert [c_function(x) for x in (0.0, -1.0, 4.0)] == [2.0, 2.0, 0.25]
    assert np.isnan(to_ctypes(grad(sqrt), 1)(-1.0))


def test_nested_integrals_and_their_derivatives():
    found = scipy_integrate.nquad(to_scipy(lambda x, y: x * y * y), [[0, 1], [0, 2]])
    assert found[0] == pytest.approx(4 / 3)
    slope = to_scipy(grad(lambda x, a: exp(-a * x), 1), 2)
    assert scipy_integrate.quad(slope, 0, np.inf, args=(2.0,))[0] == pytest.approx(-1 / 4)
    assert scipy_integrate.quad(to_scipy(sin, 1), 0, np.pi)[0] == 2.0


def test_another_number_of_arguments_is_nan():
    of_array = to_scipy(lambda x, a: x * a).function
    inputs = (ctypes.c_double * 3)(2.0, 3.0, 4.0)
    assert of_array(2, inputs) == 6.0
    assert np.isnan(of_array(3, inputs))


def test_an_index_out_of_range_is_nan():
    data = [1.0, 2.0, 3.0]
    f = to_ctypes(lambda x: fori_loop(0, 20, lambda i, c: c + data[x], 0.0))
    assert f(1.0) == 40.0
    assert np.isnan(f(3.0))


def test_several_threads_at_once():
    c_function, wanted = to_ctypes(recurrence), jit(recurrence)
    points = np.linspace(-1, 1, 8).tolist()
    expected, found = [wanted(x) for x in points], {x: set() for x in points}

    def run(x):
        for _ in range(300):
            found[x].add(c_function(x))

    threads = [threading.Thread(target=run, args=(x,)) for x in points]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(found.values()) == [{x} for x in expected]


def test_the_pointer_keeps_the_code_alive_and_nothing_else_does():
    c_function = to_ctypes(lambda x: x + 1)
    entry = weakref.ref(c_function.entry)
    address = ctypes.cast(c_function, ctypes.c_void_p).value
    gc.collect()
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(address)(1.0) == 2.0
    del c_function
    gc.collect()
    assert entry() is None
    low_level = to_scipy(lambda x: x + 1)
    gc.collect()
    assert scipy_integrate.quad(low_level, 0, 1)[0] == 1.5


def test_numba():
    numba = pytest.importorskip("numba")
    c_function, slopes = to_ctypes(likelihood), to_ctypes(value_and_grad(likelihood, (0, 1)), 2)

    @numba.njit(parallel=True)
    def many(points, values, found):
        for i in numba.prange(len(points)):
            values[i] = c_function(points[i, 0], points[i, 1])
            slopes(points[i].ctypes, found[i].ctypes)

    points = np.random.default_rng(1).uniform(0.5, 1.5, (20, 2))
    values, found = np.empty(20), np.empty((20, 3))
    many(points, values, found)
    assert bits(values) == bits([jit(likelihood, threads=1)(*p) for p in points])
    both = jit(value_and_grad(likelihood, (0, 1)), threads=1)
    assert bits(found) == bits([flat(both(*p)) for p in points])


@pytest.mark.parametrize("bridge", [to_ctypes, to_scipy])
@pytest.mark.parametrize(
    ("f", "count", "error", "message"),
    [
        (1, None, TypeError, r"needs a function, got int"),
        (lambda *x: x[0], None, TypeError, r"cannot tell how many numbers <lambda>\(\) takes; give count"),
        (sin, -1, ValueError, r"count must be a whole number of at least 0, got -1"),
        (sin, 1.5, ValueError, r"count must be a whole number of at least 0, got 1.5"),
        (lambda x: vmap(lambda s: s * x)(SAMPLES[:, 0]), None, TypeError, r"<lambda>\(\) returns what vmap does"),
        (lambda x: [], None, TypeError, r"<lambda>\(\) returns none"),
    ],
)
def test_what_is_refused(bridge, f, count, error, message):
    with pytest.raises(error, match=rf"^{bridge.__name__}\(\).*{message}"):
        bridge(f, count)


def test_scipy_takes_one_number():
    with pytest.raises(TypeError, match=r"returns one number, but <lambda>\(\) returns 2 in a container"):
        to_scipy(lambda x: [x, x])
