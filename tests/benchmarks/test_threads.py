"""100,000 samples on one core and on two."""

import os
import time

import numpy as np
import pytest

from tests.benchmarks.test_mlp import compiled_step, flat, problem


@pytest.fixture
def two_cores(one_core):
    """Take back the one core that a benchmark otherwise has."""
    if (os.cpu_count() or 1) < 2 or not hasattr(os, "sched_setaffinity"):
        pytest.skip("needs two cores, and a system that lets a process choose them")
    os.sched_setaffinity(0, range(os.cpu_count()))
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("this process may use only one core")


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_two_threads_against_one(compare, two_cores, activation):
    arguments = problem(100_000)
    one, two = (compiled_step(activation, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(flat(one(*arguments)), flat(two(*arguments)))
    compare(lambda: two(*arguments), "one thread", lambda: one(*arguments), bar=1.8, clock=time.perf_counter)
