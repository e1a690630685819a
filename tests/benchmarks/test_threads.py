"""100,000 samples on one core and on two."""

import time

import numpy as np
import pytest

from tests.benchmarks.test_mlp import compiled_step, flat, problem


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_two_threads_against_one(compare, two_cores, activation):
    arguments = problem(100_000)
    one, two = (compiled_step(activation, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(flat(one(*arguments)), flat(two(*arguments)))
    compare(
        lambda: two(*arguments), f"one thread, {activation}", lambda: one(*arguments), bar=1.8, clock=time.perf_counter
    )
