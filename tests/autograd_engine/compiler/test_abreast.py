"""Loops whose rounds do not need each other are done many rounds at a time, and others one by one."""

import itertools
import math

import numpy as np
import pytest
from mpmath import mp, mpf

from autograd_engine import dot, exp, jit, value_and_grad
from autograd_engine.compiler.llvm import straight, vector_math
from autograd_engine.compiler.llvm.host import width
from autograd_engine.primitives import PRIMITIVES
from tests.nested import numbers

ENTRIES = np.random.default_rng(0).uniform(0.2, 1.0, 64)
SHIFTS = list(itertools.product(range(3), range(3)))


@pytest.fixture
def abreast(monkeypatch):
    """Whether each loop that has been compiled does many rounds at a time."""
    found, independent = [], straight.independent

    def noted(loop, lanes):
        found.append(independent(loop, lanes))
        return found[-1]

    monkeypatch.setattr(straight, "independent", noted)
    return lambda: [bool(shifts) for shifts in found]


def close(found, expected):
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-12, atol=1e-14)


def shifted(reads, writes):
    def f(entries, x, n):
        v, total = list(entries), x
        for i in range(n):
            v[i + writes] = exp(-x * v[i + reads]) + 0.01 * i * v[i + 1]
            total += x * v[i + writes] if v[i + writes] < 0.5 else x**i
        return total + v[0] * v[4] + v[17] * v[18]

    return f


@pytest.mark.parametrize(("reads", "writes"), SHIFTS)
def test_entries_that_other_rounds_change(abreast, reads, writes):
    f = shifted(reads, writes)
    compiled = jit(f)
    for n in (0, 5, 8, 23):
        close(compiled(ENTRIES, 0.9, n), f(ENTRIES, 0.9, n))
    before = max(writes - reads, writes - 1)  # how many rounds after its writing an entry is read
    assert abreast() == [width() > 1 and before <= 0]


@pytest.mark.parametrize(("reads", "writes"), [(1, 0), (2, 1), (0, 2)])
def test_their_slopes(reads, writes):
    def slopes(entries, x, n):
        return value_and_grad(lambda entries, x: shifted(reads, writes)(entries, x, n), (0, 1))(entries, x)

    compiled = jit(slopes)
    for n in (7, 21):
        close(compiled(ENTRIES, 0.9, n), slopes(ENTRIES, 0.9, n))


@pytest.mark.parametrize("rows", [1, 9, 40])
def test_slopes_of_triangular_loops(rows):
    """What rounds keep lies number by number, and the last rounds of each row are fewer than a vector holds."""

    def f(entries, x):
        v, total = list(entries), 0.0
        for i in range(rows - 1, -1, -1):
            for j in range(i + 1):
                v[j] = exp(-v[j + 1] * x) * v[j] + x**j
                total += v[j] * entries[j]
        return dot(v, ENTRIES) + total

    of_all = value_and_grad(f, (0, 1))
    close(jit(of_all)(ENTRIES, 0.7), of_all(ENTRIES, 0.7))


def test_an_index_that_is_out_of_range(abreast):
    f = shifted(1, 0)
    compiled = jit(f)
    compiled(ENTRIES, 0.9, len(ENTRIES) - 1)
    assert abreast() == [width() > 1]
    with pytest.raises(IndexError, match="64"):
        compiled(ENTRIES, 0.9, len(ENTRIES))


def test_a_sum_that_rounds_ask_for_is_added_up_in_order(abreast):
    def f(x, n):
        total, spread = x, 0.0
        for i in range(n):
            total += x * i
            spread += 1 / total
        return total, spread

    close(jit(f)(0.3, 40), f(0.3, 40))
    assert abreast() == [False]


BASES = [2.0, 0.5, 3.0, 1.02, *np.nextafter(1.0, [0.0, 2.0]), 5e-324, 1e-310, 1.7e308, 2.0**-1022]
SPECIAL = [0.0, -0.0, 1.0, -1.0, -2.0, -0.7, np.inf, -np.inf, np.nan]
EXPONENTS = [0.0, 1.0, -1.0, 2.0, 3.0, 0.3, -1.7, 40.0, -41.0, np.inf, -np.inf, np.nan, 1e300, -1e300, 5e-324, 1e19]
NO_AVX512 = frozenset({"sse2", "fma"})


def powers(base, exponents, n):
    found = list(exponents)
    for i in range(n):
        found[i] = base ** exponents[i]
    return found


@pytest.fixture(scope="module", params=[vector_math.host_features(), NO_AVX512])
def compiled_powers(request):
    """The function on this machine, and as on one that cannot scale by powers of 2."""
    compiled = jit(powers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vector_math, "host_features", lambda: request.param)
        compiled(2.0, np.ones(40), 40)
        compiled(2.0, np.ones(26), 26)
    return compiled


@pytest.mark.parametrize("base", [*BASES, *np.exp(np.random.default_rng(1).uniform(-700, 700, 20)), *ENTRIES[:20]])
def test_powers_of_a_base_that_stays_the_same(compiled_powers, base):
    """They begin with the logarithm of the base, of which more than 64 bits are needed: results are within 4 units."""
    with mp.workprec(200):
        most = 1074 / abs(math.log2(base))
        exponents = [float(x) for x in np.random.default_rng(2).uniform(-most, most, 40)]
        for found, exponent in zip(compiled_powers(base, np.array(exponents), 40), exponents):
            exact = mpf(base) ** exponent
            if exact >= 2**1024:
                assert found == np.inf
            else:
                assert abs(found - exact) <= 4 * math.ulp(exact)


@pytest.mark.parametrize("base", [*SPECIAL, *BASES])
def test_special_powers_of_a_base_that_stays_the_same(compiled_powers, base):
    exponents = np.array([*EXPONENTS, *SPECIAL, 0.0])
    expected = [PRIMITIVES["pow"].forward(base, float(x)) for x in exponents]
    np.testing.assert_allclose(compiled_powers(base, exponents, len(exponents)), expected, rtol=1e-15, atol=5e-324)


def test_powers_of_constants(abreast):
    def f(n):
        total = 0.0
        for i in range(n):
            total += 1.02**i + (-0.5) ** i + 1.0**i + 0.0**i
        return total

    close(jit(f)(43), f(43))
    assert abreast() == [width() > 1]
