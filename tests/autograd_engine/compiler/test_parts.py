"""Rows, slices, arrays of indices and conditions as indices, known only at a call: as uncompiled, errors included."""

import numpy as np
import pytest

from autograd_engine import TraceError, jit, mean, value_and_grad, vmap
from autograd_engine import sum as total
from tests.nested import numbers

MATRIX = np.random.default_rng(1).normal(size=(4, 3))
PLACES = [(0, 1), (2, 0), (1, 1), (2, 2), (-1, 0)]
PROGRAMS = []


def program(f):
    PROGRAMS.append(f)
    return f


def of_all(m):
    return (m * np.arange(1.0, 1 + m.size).reshape(m.shape) * np.roll(m, 1)).sum()


@program
def rows_that_overwrite_each_other(m, k, p):
    b = m * 1.0
    b[k], b[p] = b[p], b[k]  # the second is a view of a row that has changed
    return of_all(b)


@program
def rows_as_a_loop_changes_them(m, k, p):
    b, i = m * 1.0, 0
    while i < k:
        row = b[i]
        b[i], b[p] = b[p] * 0.5, b[i]
        b[i + 1] = row + b[p]
        i += 1
    return of_all(b)


@program
def swapped_rows(m, k, p):
    b = m * 1.0
    b[[k, p]] = b[[p, k]]
    return of_all(b)


@program
def swapped_rows_in_a_loop(m, k, p):
    b, i = m * 1.0, 0
    while i < k:
        b[[i, p]] = b[[p, i]] * 1.5
        i += 1
    return of_all(b)


@program
def an_array_of_indices(m, k, p):
    b = np.zeros(4) + m[0, 0] * 0
    b[np.array([k, p, (k + p) % 4])] = m[0]
    b[[k, p]] += m[1, :2]
    b[[p, 2]] = 2.0
    return of_all(b)


@program
def several_arrays_of_indices(m, k, p):
    b = m * 1.0
    b[[k, p], [p, 1]] = [m[0, 0] ** 2, 3.0]
    b[[k, 0], 1:3] *= 2.0
    return of_all(b)


@program
def elimination_with_pivots(m, k, p):
    b, det = m[:3] + 2.0 * np.eye(3) * k, 1.0
    for c in range(3):
        pivot = max(range(c, 3), key=lambda r: abs(b[r, c]))
        if pivot != c:
            b[[c, pivot]] = b[[pivot, c]]
            det = -det
        det = det * b[c, c]
        for r in range(c + 1, 3):
            b[r] = b[r] - b[r, c] / b[c, c] * b[c]
    return det


@program
def slices(m, k, p):
    v = m.ravel()
    return (v[p : p + 3] * v[2 * p : 2 * p + 3]).sum() + m[p : p + 2, 1].sum() * m[p, p : p + 1][0] + len(v[p : p + 2])


@program
def slices_of_lists(m, k, p):
    v = list(m.ravel())
    v[p + 1 : p + 3] = [v[p] * 2.0, sum(v[1 + p : p + 4])]
    return of_all(np.array(v)) + v[p - 12 : p - 9][0]


@program
def slices_in_a_loop(m, k, p):
    v, s = m.ravel() * 1.0, 0.0
    for i in range(k):
        s = s + v[i : i + 2].sum()
        v[i + 1 : i + 3] = v[i : i + 2] * 0.5
    return of_all(v) + s


@program
def slices_of_any_length(m, k, p):
    v = m.ravel()
    return v[:k].sum() * v[0] + sum(v[p:]) + total(v[k : 3 * p] ** 2) + (m[:k] * 2.0).sum() + len(v[:p])


@program
def conditions(m, k, p):
    a = m.ravel()
    sums = a[a > 0].sum() * a[0] + sum(a[a < p]) + np.sum(a[a > 0.5] ** 2) + total(a[a != a[1]])
    return sums + mean(a[a > 0]) + (a[a > 0] * a[a > 0]).prod() + np.sum(a, where=a > 0.1) * len(a[a > 0])


@program
def conditions_on_rows(m, k, p):
    return of_all(m[m[:, 0] > 0].sum(axis=0)) + m[m > 0.1].mean() + m[(m > 0) & (m < 1 + k)].sum()


@program
def largest_where_conditions_hold(m, k, p):
    a = m.ravel()
    rows = m[m[:, 0] > m[:, 0].min()].max(axis=0)
    return a[a < 1].max() * np.min(a[a > -3]) + of_all(rows) + (a[a > 9].max() if a[0] > 9 else 0.0)


@program
def arrays_are_compared_number_by_number(m, k, p):
    b = np.array(m)
    if (b > 1.0).any() and not np.all(b[k] < 0):
        b[b > 0.5] *= 0.9
    for _ in range(3):
        b[np.logical_or(b < -1, b > 1)] *= 0.5
    return of_all(np.where(np.logical_not(b > m), b, 2.0 * m))


@program
def changed_where_conditions_hold(m, k, p):
    b = m * 1.0
    b[b > 0.3] = 0.5 * m[0, 0]
    b[b < -0.5] *= 2
    return of_all(b)


@program
def lists_of_lists(m, k, p):
    b = [list(row) for row in m]
    row = b[k]
    row[p] = 3.0 * b[p][0]
    b[1][1] = m[0, 0] + row[0]
    b[k], b[p] = b[p], b[k]
    b[p][2] = b[k][0] * row[1]
    return of_all(np.array(b)) + row[1] * sum(b[p])


@program
def elimination_of_lists_with_pivots(m, k, p):
    b, det = [[x + 0.1 * k for x in row] for row in m[:3]], 1.0
    for c in range(3):
        pivot = max(range(c, 3), key=lambda r: abs(b[r][c]))
        if pivot != c:
            b[c], b[pivot] = b[pivot], b[c]
            det = -det
        det = det * b[c][c]
        for r in range(c + 1, 3):
            factor = b[r][c] / b[c][c]
            for j in range(c, 3):
                b[r][j] -= factor * b[c][j]
    return det


@program
def lists_of_other_things(m, k, p):
    points = [{"a": m[i, 0], "b": m[i]} for i in range(4)]
    return points[k]["a"] * (points[p]["b"] * m[k]).sum() + [m[:2], m[1:3], m[2:]][p][0, 1]


@program
def lists_of_lists_in_a_loop(m, k, p):
    table, s = [list(row) for row in m], 0.0
    for i in range(k):
        s = s * 0.5 + table[i][p] * table[i + 1][0]
    return s


def slopes_of(f):
    return lambda m, k, p: value_and_grad(lambda m: f(m, k, p))(m)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_compiled_equals_uncompiled(f):
    slopes = slopes_of(f)
    compiled, exact = jit(slopes), jit(f, exact=True)
    expected = [slopes(MATRIX, *place) for place in PLACES]
    for place, of_place in zip(PLACES, expected):
        np.testing.assert_allclose(numbers(compiled(MATRIX, *place)), numbers(of_place), rtol=1e-11, atol=1e-12)
        assert exact(MATRIX, *place) == pytest.approx(of_place[0], rel=1e-14)
    mapped = jit(lambda m, *places: vmap(lambda k, p: slopes(m, k, p))(*places))
    values, gradients = mapped(MATRIX, *np.array(PLACES * 3, dtype=float).T)
    for j in range(3 * len(PLACES)):
        value, gradient = expected[j % len(PLACES)]
        np.testing.assert_allclose(values[j], value, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(gradients[j], gradient, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("f", "place", "message"),
    [
        (swapped_rows, (4, 0), "index 4 is out of bounds for axis 0 with size 4"),
        (an_array_of_indices, (0, -5), "index -5 is out of bounds for axis 0 with size 4"),
        (slices, (0, 3), "a slice of 2 entries does not lie within axis 0 with size 4"),
        (slices, (0, -1), "a slice of 3 entries does not lie within axis 0 with size 12"),
    ],
)
def test_what_lies_outside_is_an_error_that_names_the_line(f, place, message):
    with pytest.raises(IndexError, match=rf"test_parts.py:\d+ .*{message}"):
        jit(f)(MATRIX, *place)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[x > 0].std(),
        lambda x: x[x > 0][0],
        lambda x: (x[x > 0] * x[x < 1]).sum(),
        lambda x: next(iter(x[x > 0])),
        lambda x: np.sort(x[: x[0]]).sum(),
    ],
)
def test_what_needs_the_number_of_numbers_is_refused(f):
    with pytest.raises(TraceError, match="how many numbers"):
        jit(f)(np.array([0.5, 1.5]))


def test_the_largest_of_no_numbers_is_an_error_at_the_call():
    largest = jit(lambda x: x[x > 0].max() + np.min(x[x < 1]), exact=True)
    assert largest(np.array([0.5, 1.5])) == 2.0
    for x in ([-0.5, 0.5 - 1], [1.5, 2.5]):
        with pytest.raises(ValueError, match=r"test_parts.py:\d+ .*there is no largest or smallest number where no"):
            largest(np.array(x))


def test_what_does_not_fit_is_the_error_of_numpy():
    with pytest.raises(IndexError, match="boolean index did not match indexed array along axis 0; size of axis is 3"):
        jit(lambda x: x[(x > 0)[:2]].sum())(np.array([0.0, 1.0, 2.0]))
