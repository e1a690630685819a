"""What is left in memory after many compilations whose functions are gone."""

import gc
import os
import time

import pytest

from autograd_engine import grad, jit, sin


def resident_megabytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def compile_distinct(functions):
    for k in functions:
        jit(grad(lambda x, k=k: sin(k * x) * x))(0.5)


def test_compilations_are_freed(benchmark, show, no_cache):
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("needs Linux to tell how much memory is used")
    compile_distinct(range(200))
    gc.collect()
    before, start = resident_megabytes(), time.process_time()
    benchmark.pedantic(compile_distinct, args=(range(200, 1200),), rounds=1)
    seconds = time.process_time() - start
    gc.collect()
    show("memory that 1,000 compilations leave behind, in MB", resident_megabytes() - before, bar="10")
    show("a compilation of a small function, in ms", seconds)
