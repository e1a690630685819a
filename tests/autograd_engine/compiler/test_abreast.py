"""Loops whose rounds do not need each other are done many rounds at a time, and others one by one."""

import itertools

import numpy as np
import pytest

from autograd_engine import exp, jit, value_and_grad
from autograd_engine.compiler.llvm import straight
from autograd_engine.compiler.llvm.host import width
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
