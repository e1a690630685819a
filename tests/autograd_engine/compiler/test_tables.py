"""Lists of lists of numbers that loops fill: compiled, they are what they are uncompiled."""

import numpy as np
import pytest

from autograd_engine import exp, hessian, jit, log, sin, sqrt, value_and_grad, vmap
from tests.nested import numbers

pytestmark = pytest.mark.usefixtures("every_function_is_long")

A, B = np.random.default_rng(0).normal(size=18), np.random.default_rng(1).normal(size=19)


def softest_path(a, b, g):
    """Soft dynamic time warping (Cuturi and Blondel 2017)."""
    n, m = len(a), len(b)
    table = [[30.0] * (m + 1) for _ in range(n + 1)]
    table[0][0] = 0.0
    for i in range(1, n + 1):
        for k in range(1, m + 1):
            before = exp(-table[i - 1][k] / g) + exp(-table[i][k - 1] / g) + exp(-table[i - 1][k - 1] / g)
            table[i][k] = (a[i - 1] - b[k - 1]) ** 2 - g * log(before)
    return table[n][m]


def edit_distance(a, b, g):
    table = [[0.0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(len(a) + 1):
        table[i][0] = g * i
    for j in range(len(b) + 1):
        table[0][j] = g * j
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            changed = table[i - 1][j - 1] + abs(a[i - 1] - b[j - 1])
            table[i][j] = min(table[i - 1][j] + g, table[i][j - 1] + g, changed)
    return table[-1][-1] + sum(table[3]) + len(table[2])


def by_cholesky(a, b, g):
    n = len(a)
    factors = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            x = g * a[i] * a[j] + b[i] * b[j] + (3.0 if i == j else 0.0)
            for k in range(j):
                x -= factors[i][k] * factors[j][k]
            factors[i][j] = sqrt(x) if i == j else x / factors[j][j]
    return 2 * sum([log(factors[i][i]) for i in range(n)])


def product_of_matrices(a, b, g):
    one = [[sin(x * (j + 1)) for j in range(17)] for x in a]
    other = [[g * y + 0.1 * j for j in range(4)] for y in b[:17]]
    product = [[0.0] * 4 for _ in a]
    for i in range(len(a)):
        for j in range(4):
            for k in range(17):
                product[i][j] += one[i][k] * other[k][j]
    return sum(product[2]) + product[-1][-1]


def hidden_states(a, b, g):
    """The forward algorithm of a hidden Markov model (Rabiner 1989), with constants in the table of transitions."""
    step = [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [g, 0.3, 0.3]]
    alpha = [[0.0] * 3 for _ in a]
    for s in range(3):
        alpha[0][s] = exp(-((a[0] - s) ** 2))
    for t in range(1, len(a)):
        for s in range(3):
            alpha[t][s] = sum([alpha[t - 1][r] * step[r][s] for r in range(3)]) * exp(-((a[t] - s) ** 2))
    return log(sum(alpha[-1]))


def rows_that_are_copies(a, b, g):
    table = [[0.0] * len(b) for _ in a]
    table[0] = [g * y for y in b]
    for i in range(1, len(a)):
        table[i] = table[i - 1][:]
        for j in range(1, len(b)):
            table[i][j] = table[i][j - 1] * 0.3 + table[i][j] * a[i]
        table[i - 1] = table[i].copy()
    return sum(table[-1]) + table[0][3]


def rows_that_are_new(a, b, g):
    table = [[1.0] * len(b) for _ in a]
    for i in range(1, len(a)):
        new = [0.0] * len(b)
        for j in range(1, len(b)):
            new[j] = new[j - 1] * g + table[i - 1][j] * a[i] + b[j]
        table[i] = new
    return sum(table[-1]) + sum(table[3])


def rows_with_names(a, b, g):
    table = [[1.0] * len(b) for _ in a]
    top, last = table[0], table[-1]
    for i in range(1, len(a)):
        row, before = table[i], table[i - 1]
        for j in range(1, len(b)):
            row[j] = row[j - 1] * g + before[j] * a[i] + b[j] + 0.01 * top[j]
            top[j] = 0.9 * top[j]
        row[0] = row[-1] + sum(row) * 0.1 + max(before) + len(row)
        last[1] += row[2]
    return sum(table[-1]) + sum(top) + table[3][0]


def rows_one_after_another(a, b, g):
    one = [[g * x + y for y in b] for x in a]
    other = [[x + g * y for y in b] for x in a]
    total = 0.0
    for row in one:
        for j in range(len(b)):
            row[j] = row[j] * 0.5 + g
            total = 0.9 * total + row[j] * row[0]
    for i, (u, v) in enumerate(zip(one, other)):
        for x, y in zip(u, v):
            total = 0.9 * total + sin(x * y)
        u[i] = total
    return total + one[3][3] + one[3][4]


def one_of_two_rows(a, b, g):
    table = [[0.5 * g] * len(b) for _ in a]
    for i in range(1, len(a)):
        row = table[i - 1] if a[i] > 0 else table[i]
        for j in range(len(b)):
            row[j] = 0.9 * row[j] + b[j]
    return sum(table[-1]) + sum(table[2])


def changed(row, k, x):
    row[k] = row[k - 1] + x
    return row


def rows_given_to_functions(a, b, g):
    table = [[0.5] * len(b) for _ in a]
    for i in range(len(a)):
        for j in range(len(b)):
            table[i][0] = 0.1 * changed(table[i], j, g * a[i])[j]
        table[i][1] += np.sum(np.array(table[i]) * b) + ([0.5] + table[i])[1]
    return sum(table[-1])


def a_table_of_three_axes(a, b, g):
    table = [[[0.1] * 3 for _ in range(4)] for _ in a]
    for i in range(len(a)):
        for j in range(4):
            for k in range(3):
                table[i][j][k] = g * a[i] + sin(table[i - 1][j][k] + table[i - 1][j - 1][k - 1] * b[j])
        cells = table[i][2]
        cells[0] = cells[1] * 0.5
    return table[-1][-1][-1] + sum(table[3][2])


def in_while_loops(a, b, g):
    table, i = [[0.5] * 6 for _ in a], 1
    while i < len(a):
        j = 1
        while j < 6:
            table[i][j] = g * table[i - 1][j] + 0.3 * table[i][j - 1] + a[i]
            j += 1
        i += 1
    return table[-1][-1]


def elimination_with_pivots(a, b, g):
    """A determinant by Gauss's elimination; the largest number of a column decides about the row."""
    n, det = len(a), 1.0
    m = [
        [g * x * y + (1.0 if (i + 3) % n == j else 0.1 * (i * j % 5)) for j, y in enumerate(b[:n])]
        for i, x in enumerate(a)
    ]
    for c in range(n):
        pivot = c
        for r in range(c + 1, len(m)):
            if abs(m[r][c]) > abs(m[pivot][c]):
                pivot = r
        if pivot != c:
            m[c], m[pivot] = m[pivot], m[c]
            det = -det
        top = m[c]
        det *= top[c]
        for r in range(c + 1, n):
            factor = m[r][c] / top[c]
            for k in range(c, n):
                m[r][k] -= factor * top[k]
    m[1][2] += g
    return det + m[1][2] * m[2][2] + sum(m[0])


def rows_exchanged_in_a_loop_in_a_loop(a, b, g):
    table = [[x, g * x, g * g] for x in a]
    for i in range(1, len(a)):
        for k in range(len(a) - 1):
            if table[k][0] > table[k + 1][0]:
                table[k], table[k + 1] = table[k + 1], table[k]
        table[0][1] += b[i] * table[-1][2]
        table[3], table[0] = table[0], table[3]
    return sum([x * y + z * y for (x, y, z), y in zip(table, b)])


ROLLED = [
    elimination_with_pivots,
    rows_exchanged_in_a_loop_in_a_loop,
    softest_path,
    edit_distance,
    by_cholesky,
    product_of_matrices,
    hidden_states,
    rows_that_are_copies,
    rows_that_are_new,
    rows_with_names,
    rows_one_after_another,
    one_of_two_rows,
    rows_given_to_functions,
    a_table_of_three_axes,
    in_while_loops,
]


def one_list_as_every_row(a, b, g):
    table = [[0.1] * 3] * len(a)
    for i in range(len(a)):
        for j in range(3):
            table[i][j] = g * table[i - 1][j] + a[i] * b[j]
    return table[0][2] + table[3][1]


def rows_of_different_lengths(a, b, g):
    table = [[0.0] * (i + 1) for i in range(len(a))]
    for i in range(len(a)):
        for j in range(i + 1):
            table[i][j] = a[i] * b[j] * g + (table[i - 1][j] if j < i else 0.0)
    return sum(table[-1])


def rows_that_are_appended(a, b, g):
    table = [[g] * 4]
    for i in range(1, len(a)):
        table.append([g * a[i]] + [0.0] * 3)
        for j in range(1, 4):
            table[i][j] = table[i - 1][j] * 0.3 + table[i][j - 1] * b[j]
    return table[-1][-1]


def a_row_in_two_places(a, b, g):
    table = [[0.1 * j * x for j in range(3)] for x in a]
    for i in range(1, len(a)):
        if i % 5 == 0:
            table[i] = table[i - 1]
        table[i][1] = g * table[i][1] + b[i]
    return sum([sum(row) for row in table])


def a_new_row_with_another_name(a, b, g):
    table, row = [[0.1 * x] * 3 for x in a], [g, 0.0, 1.0]
    for i in range(1, len(a)):
        table[i] = row
        row[1] = row[1] * g + a[i] * table[i - 1][0]
        row = [x * g for x in row]
    return sum([sum(row) for row in table])


def rows_that_are_kept(a, b, g):
    table, kept = [[g * x, x, 1.0] for x in a], []
    for i in range(1, len(a)):
        kept.append(table[i])
    kept[3][1] = 7.0 * g
    return sum(table[4])


def a_row_that_is_left(a, b, g):
    table = [[g * x, x, 1.0] for x in a]
    row = table[0]
    for i in range(1, len(a)):
        row[2] = a[i] + table[i][1] * row[0]
        row = table[i]
    row[1] = 5.0
    return sum(row) + sum(table[-1]) + sum(table[2])


def a_row_where_a_loop_ends(a, b, g):
    table, i = [[g * x] * 3 for x in a], 0
    row = table[0]
    while row[1] < 0.3 and i < len(a) - 1:
        i += 1
        row = table[i]
    return sum(row)


def a_list_that_is_kept_while_it_changes(a, b, g):
    row, kept = [g, 0.0, 1.0], []
    for x in a:
        row[1] = row[1] * 0.5 + x
        kept.append(row)
    return sum(kept[2])


def rows_with_names_that_are_exchanged(a, b, g):
    table = [[x, g * x] for x in a]
    top, other = table[0], table[4]
    for i in range(1, len(a)):
        row = table[i]
        table[i], table[i - 1] = table[i - 1], table[i]
        row[0] += top[1] * b[i]
        top[1] += 0.1 * other[0]
    return sum(top) + 2.0 * sum(other) + sum(table[0]) * sum(table[-1])


UNROLLED = [
    rows_with_names_that_are_exchanged,
    one_list_as_every_row,
    rows_of_different_lengths,
    rows_that_are_appended,
    a_row_in_two_places,
    a_new_row_with_another_name,
    rows_that_are_kept,
    a_row_that_is_left,
    a_row_where_a_loop_ends,
    a_list_that_is_kept_while_it_changes,
]
functions = pytest.mark.parametrize("f", ROLLED + UNROLLED, ids=lambda f: f.__name__)
rolled = pytest.mark.parametrize("f", ROLLED, ids=lambda f: f.__name__)


def same(x, y):
    np.testing.assert_allclose(numbers(x), numbers(y), rtol=1e-11, atol=1e-13)


@functions
def test_compiled_tables_equal_uncompiled_ones(f):
    of_all = value_and_grad(f, argnums=(0, 1, 2))
    expected = of_all(A, B, 0.8)
    same(jit(of_all)(A, B, 0.8), expected)
    # The value on Values, since of plain floats the builtin sum compensates the roundings from Python 3.12 on.
    assert jit(f, exact=True)(A, B, 0.8) == expected[0]


@rolled
def test_loops_over_rows_stay_loops(f):
    assert jit(f).kernel(A, B, 0.8).program.loops


@pytest.mark.parametrize("f", [softest_path, rows_with_names, one_of_two_rows], ids=lambda f: f.__name__)
def test_tables_have_second_slopes_and_lanes(f):
    second = hessian(f, argnums=2)
    same(jit(second)(A, B, 0.8), second(A, B, 0.8))
    rows = np.random.default_rng(2).normal(size=(3, 18))
    of_rows = vmap(value_and_grad(f, argnums=(0, 2)), in_axes=(0, None, None))
    same(jit(of_rows)(rows, B, 0.8), of_rows(rows, B, 0.8))


def copies(a, n):
    table, i = [[x, x * x, 1.0] for x in a], 1
    while i < n:
        table[i] = table[i - 1][:]
        table[i + 1][:] = table[i]
        table[i][0] += table[i + 1][1]
        i += 2
    return sum([sum(row) for row in table])


def not_copies(a, n):
    table, i = [[x, x * x, 1.0] for x in a], 1
    while i < n:
        table[i] = table[i - 1]
        table[i][0] += 1.0
        i += 1
    return sum([sum(row) for row in table])


def test_rows_that_are_copied_where_only_a_call_knows_how_many():
    slopes = value_and_grad(lambda a, n: copies(a, n))
    compiled = jit(slopes, exact=True)
    for n in (1, 2, 6, 10):
        same(compiled(A, n), slopes(A, n))
    with pytest.raises(TypeError, match=r"becomes a row of it; put a copy there, row\[:\]"):
        jit(not_copies)(A, 6)


def test_a_table_is_still_a_list_of_lists_after_a_loop():
    def f(a, g):
        table = [[0.0, 1.0] for _ in a]
        for i in range(1, len(a)):
            table[i][0] = g * a[i] + table[i - 1][0]
        table.append([g])
        table[0] += table[1]
        return table

    assert jit(f, exact=True)(A, 0.8) == f(A, 0.8)


def test_an_index_outside_of_a_table_is_an_error_of_its_line():
    def f(a, g, k):
        table = [[g] * 3 for _ in a]
        for i in range(len(a)):
            table[i][k] = table[i - 1][k] * a[i]
        return table[-1][0]

    compiled = jit(f)
    assert compiled(A, 0.8, -1) == f(A, 0.8, -1)
    with pytest.raises(IndexError, match=r"test_tables.py:\d+ .*index 3 is out of bounds for axis 1 with size 3"):
        compiled(A, 0.8, 3)
