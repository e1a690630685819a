"""Sparse derivatives of the constraints of an optimal-control problem, and of many small blocks."""

import statistics
import time
from itertools import pairwise

import numpy as np
import pytest

from autograd_engine import cos, exp, hessian, jacobian, jit, sin, vmap
from tests.benchmarks.peers import cart_pole


def mapped(z):
    """The defects of a cart-pole, with a vmap over the intervals."""
    points = z.reshape(-1, 5)
    return vmap(lambda a, b: np.array(cart_pole.defect(sin, cos, a, b)))(points[:-1], points[1:]).ravel()


def one_by_one(z):
    """The same in a loop of Python."""
    points = z.reshape(-1, 5)
    return [x for a, b in pairwise(points) for x in cart_pole.defect(sin, cos, a, b)]


def lagrangian(z, multipliers):
    return (np.array(one_by_one(z)) * multipliers).sum()


def timed(work):
    start = time.process_time()
    work()
    return time.process_time() - start


@pytest.mark.usefixtures("no_cache")
@pytest.mark.parametrize("of_casadi", ["its matrix", "its entries"])
@pytest.mark.parametrize("constraints", [mapped, one_by_one])
@pytest.mark.parametrize("n", [120, 200])
def test_jacobian_against_casadi(compare, show, n, constraints, of_casadi):
    z = np.random.default_rng(0).normal(size=5 * (n + 1))
    function, _ = cart_pole.casadi_functions(n)
    jit(lambda x: 2.0 * x)(1.0)  # the compiler is imported
    ours = jit(jacobian(constraints, sparse=True), threads=1)
    first_call = timed(lambda: ours(z))
    np.testing.assert_allclose(ours(z).toarray(), function(z).full(), rtol=1e-10, atol=1e-12)
    theirs = cart_pole.buffered(function, z)
    np.testing.assert_allclose(np.sort(theirs()), np.sort(function(z).nonzeros()))
    name = f"{n} intervals, {constraints.__name__.replace('_', ' ')}"
    if of_casadi == "its matrix":
        show(f"first call, {name}, in s", first_call, "1")
        compare(lambda: ours(z), f"CasADi with a matrix, {name}", lambda: function(z), bar=1)
    else:
        compare(lambda: ours(z), f"CasADi on memory of its own, {name}", theirs, bar=1)


@pytest.mark.usefixtures("no_cache")
def test_hessian_of_the_lagrangian_against_casadi(compare, show):
    n = 200
    draws = np.random.default_rng(0)
    z, multipliers = draws.normal(size=5 * (n + 1)), draws.normal(size=4 * n)
    jit(lambda x: 2.0 * x)(1.0)
    ours = jit(hessian(lagrangian, sparse=True), threads=1)
    show("first call, Hessian of 200 intervals, in s", timed(lambda: ours(z, multipliers)))
    _, function = cart_pole.casadi_functions(n)
    np.testing.assert_allclose(ours(z, multipliers).toarray(), function(z, multipliers).full(), rtol=1e-9, atol=1e-11)
    theirs = cart_pole.buffered(function, z, multipliers)
    compare(lambda: ours(z, multipliers), "CasADi on memory of its own, Hessian of 200 intervals", theirs, bar=1)


def block(p):
    a = sin(p[0]) * p[1:].sum()
    return np.array([a * p[k] + exp(-p[k + 1]) * p[9 - k] for k in range(5)])


@pytest.mark.usefixtures("no_cache")
def test_a_million_entries(benchmark, show):
    z = np.random.default_rng(0).normal(size=(20_000, 10))
    jit(lambda x: 2.0 * x)(1.0)
    ours = jit(jacobian(vmap(block), sparse=True), threads=1)
    show("first call, 1,000,000 entries, in s", timed(lambda: ours(z)))
    assert ours(z).nnz == 1_000_000
    show("a call, 1,000,000 entries, in ms", 1e3 * statistics.median(timed(lambda: ours(z)) for _ in range(20)))
    benchmark.pedantic(lambda: ours(z), rounds=3)
