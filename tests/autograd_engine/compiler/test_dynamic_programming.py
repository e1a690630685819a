"""Loops in loops that fill a table: what their derivatives keep grows with the cells, not with cells times rows."""

import subprocess

import numpy as np
import pytest

from autograd_engine import exp, grad, hessian, jacobian, jit, log, sin, sqrt, to_c, value_and_grad, vmap
from tests.c_compiler import cc, needs_compiler
from tests.nested import numbers

pytestmark = pytest.mark.usefixtures("every_function_is_long")

A, B = np.random.default_rng(0).normal(size=18), np.random.default_rng(1).normal(size=19)


def softest_path(a, b, g):
    """Soft dynamic time warping (Cuturi and Blondel 2017) in a table of two axes."""
    n, m = len(a), len(b)
    table = np.full((n + 1, m + 1), 30.0, dtype=object)
    table[0, 0] = 0.0
    for i in range(1, n + 1):
        for k in range(1, m + 1):
            before = exp(-table[i - 1, k] / g) + exp(-table[i, k - 1] / g) + exp(-table[i - 1, k - 1] / g)
            table[i, k] = (a[i - 1] - b[k - 1]) ** 2 - g * log(before)
    return table[n, m]


def in_one_row(a, b, g):
    """Each round of the outer loop goes on with the row that the inner one has left."""
    row = np.zeros(300, dtype=object)
    for i in range(len(a)):
        for k in range(len(b)):
            row[k + 1] = sin(row[k + 1] * g + row[k] * a[i]) + b[k] * row[k + 2]
        row[0] = row[0] * g + row[len(b)] * a[i]
    return row[len(b)] + row[0] * row[1]


def twice_over(a, b, g):
    """Two inner loops, the second of which reads what the first has changed, and a number that both carry."""
    cells, total = np.full(300, 0.3, dtype=object), g
    for i in range(len(a)):
        for k in range(len(b)):
            cells[k] = 0.4 * cells[k] * sin(total) + 0.1 * a[i] * b[k]
            total = 0.7 * total + 0.1 * cells[k + 1] * g
        for k in range(len(b) - 1):
            cells[k + 1] = 0.2 * exp(-cells[k] * cells[k]) * total + 0.3 * cells[k + 1]
    return total + cells[2] * cells[len(b)]


def between_all_pairs(a, b, g):
    """Three loops, each of which carries the table (Floyd and Warshall's, with a soft minimum)."""
    n = len(a)
    table = np.array([abs(x - y) + 0.5 for x in a for y in b[:n]], dtype=object).reshape(n, n)
    for k in range(n):
        for i in range(n):
            for j in range(n):
                there = table[i, k] + table[k, j]
                table[i, j] = 0.5 * (table[i, j] + there) - g * log(exp(table[i, j] - there) + exp(there - table[i, j]))
    return table[0, n - 1] + table[3, 4] * table[4, 3]


def order_of_products(a, b, g):
    """Matrix chain multiplication with a soft minimum: how many rounds the inner loops have depends on the outer ones,
    and one of the numbers that they read is the same in all rounds."""
    n = len(a)
    cost = np.zeros((n, n), dtype=object)
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j, total = i + length - 1, 0.0
            for k in range(i, j):
                total = total + exp(-(cost[i, k] + cost[k + 1, j] + 0.1 * a[i] * b[k] * a[j]) * g)
            cost[i, j] = -log(total)
    return cost[0, n - 1]


def by_cholesky(a, b, g):
    """The logarithm of a determinant, by Cholesky's factors."""
    n = len(a)
    factors = np.zeros((n, n), dtype=object)
    for i in range(n):
        for j in range(i + 1):
            x = g * a[i] * a[j] + b[i] * b[j] + (3.0 if i == j else 0.0)
            for k in range(j):
                x = x - factors[i, k] * factors[j, k]
            factors[i, j] = sqrt(x) if i == j else x / factors[j, j]
    total = 0.0
    for i in range(n):
        total = total + 2 * log(factors[i, i])
    return total


def read_from_all_sides(a, b, g):
    """Two inner loops and the outer one read the array that the outer one changes."""
    cells = np.full(300, 0.2, dtype=object)
    for i in range(len(a)):
        x, y = g, 0.1 * cells[3]
        for k in range(len(b)):
            x = 0.5 * x + 0.1 * cells[k] * b[k]
        for k in range(i):
            y = sin(y) + 0.1 * cells[k + 1] * cells[k] * x
        cells[i + 1] = x * a[i] + y * cells[i]
        cells[2 * i] = 0.3 * cells[2 * i] + 0.1 * x * y
    return cells[4] * cells[len(a)] + cells[11]


FUNCTIONS = [
    softest_path,
    in_one_row,
    twice_over,
    order_of_products,
    by_cholesky,
    read_from_all_sides,
    between_all_pairs,
]
functions = pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)


def same(x, y):
    np.testing.assert_allclose(numbers(x), numbers(y), rtol=1e-12, atol=1e-14)


@functions
def test_tables_have_the_slopes_of_uncompiled_code(f):
    of_all = value_and_grad(f, argnums=(0, 1, 2))
    same(jit(of_all)(A, B, 0.8), of_all(A, B, 0.8))


@functions
@pytest.mark.parametrize("twice", [lambda f: hessian(f, argnums=2), lambda f: jacobian(grad(f), argnums=2)])
def test_tables_have_the_second_slopes_of_uncompiled_code(f, twice):
    same(jit(twice(f))(A, B, 0.8), twice(f)(A, B, 0.8))


@functions
def test_tables_have_them_in_every_lane(f):
    rows = np.random.default_rng(2).normal(size=(3, 18))
    of_rows = vmap(value_and_grad(f, argnums=(0, 2)), in_axes=(0, None, None))
    same(jit(of_rows)(rows, B, 0.8), of_rows(rows, B, 0.8))


@pytest.mark.parametrize("f", FUNCTIONS[:3], ids=lambda f: f.__name__)
def test_no_round_keeps_the_whole_table(f):
    program = jit(value_and_grad(f, argnums=(0, 1, 2))).kernel(A, B, 0.8).program
    kept = [entries for loop in program.loops.values() for entries in loop.copies]
    assert kept
    assert max(kept) == len(B)  # entries of a row, in every round


@needs_compiler
@functions
def test_c_has_the_same_slopes(f, tmp_path):
    program = cc(tmp_path, to_c(value_and_grad(f), A, B, 0.8, name="f"), "-DSELF_TEST")
    assert "OK" in subprocess.run([program], capture_output=True, text=True, check=True).stdout


def from_special_numbers(a, b, g):
    """A table of constants, some of them special, and of numbers; the number picked last is one of the constants."""
    cells = [-0.0, np.inf, np.nan, -np.inf, 5e-324, g * 2.0, *[0.1 * k for k in range(30)], a[0]]
    for i in range(18):
        cells[i + 5] = cells[i + 6] * a[i] + cells[36 - i]
    return cells[5] + cells[9], *cells[:5], *cells[30:]


def test_special_numbers_of_a_long_table_keep_their_bits():
    expected = numbers(from_special_numbers(A, B, 0.8)).tobytes()
    compiled = jit(from_special_numbers, exact=True)
    assert numbers(compiled(A, B, 0.8)).tobytes() == expected
    assert compiled.llvm(A, B, 0.8).count(" constant [37 x double]") == 1
    gammas = np.linspace(0.1, 1.0, 9)
    of_all = vmap(from_special_numbers, in_axes=(None, None, 0))
    same(jit(of_all)(A, B, gammas), of_all(A, B, gammas))


@needs_compiler
def test_c_keeps_them(tmp_path):
    program = cc(tmp_path, to_c(from_special_numbers, A, B, 0.8, name="f"), "-DSELF_TEST")
    assert "OK" in subprocess.run([program], capture_output=True, text=True, check=True).stdout
