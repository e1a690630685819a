"""Lists, dicts and arrays with several names, of which only a call can tell which is which."""

from dataclasses import dataclass

import numpy as np
import pytest

from autograd_engine import TraceError, jit, value_and_grad, vmap
from tests.nested import numbers

POINTS = [(0.7, 0.3), (-0.4, 0.6), (5.0, -1.0), (-1.5, -2.0)]
RIGHT, REFUSED = [], []


def right(f):
    RIGHT.append(f)
    return f


def refused(f):
    REFUSED.append(f)
    return f


@right
def a_copy_on_one_side(x, y):
    w = [x, y, 1.0]
    z = w
    if x > 0:
        w = w[:]
    w[0] = 5.0 * x
    return z[0] * 3 + w[0]


@right
def another_list_on_one_side(x, y):
    w, v = [x, y, 1.0], [y, x * y, 2.0]
    z = w
    if x > 0:
        w = v
    w[0] = 5.0 * x
    v[1] = 7.0 * y
    z[2] = x * x
    return z[0] * 3 + w[0] + v[0] * 2 + w[1] + z[1] + w[2] * 3 + v[2]


@right
def two_names_bound_alike(x, y):
    v, w = [x, y, 1.0], [y, x, 2.0]
    z = v
    if x > 0:
        v = z = w
    v[0] = 3.0
    return z[0] * x + w[0] * y


@right
def swapped_lists(x, y):
    v, w = [x, y, 1.0], [y, x, 2.0]
    z = v
    if x > y:
        v, w = w, v
    v[0], w[1] = w[1] * x, 3.0
    return v[0] + 2 * w[0] + 3 * w[1] + z[0] * z[1]


@right
def a_chain_of_branches(x, y):
    v, w = [x, y, 1.0], [y, x, 2.0]
    z = v
    for k in range(4):
        if x > 0.2 * k:
            v = list(w)
        elif y > 0:
            w = v
        v[k % 3] = v[k % 3] + k * x
        w[(k + 1) % 3] = w[0] * y
    return sum(v) + 2 * sum(w) + 3 * sum(z) + v[1] * w[2] * z[0]


@right
def a_loop_changes_them(x, y):
    v, w = [x, y, 1.0], [y, x, 2.0]
    z = v
    if x > 0:
        v = w
    k = 0
    while k < 3 + (y > 0):
        v[k % 3] = v[k % 3] * 0.5 + z[0] + w[1]
        z[(k + 1) % 3] = x
        k += 1
    return sum(v) + 2 * sum(w) + 3 * sum(z) + v[1] * w[2] * z[0]


@right
def the_largest_row(x, y):
    rows = [[x, 1.0], [y, 2.0], [x * y, 3.0]]
    best = max(rows, key=lambda row: row[0])
    best[1] = 7.0
    best.reverse()
    return sum([row[1] * (k + 1) for k, row in enumerate(rows)])


@right
def lists_in_lists(x, y):
    w = [[x, y], [y, 1.0]]
    row = w[0]
    if x > 0:
        w = [w[1], w[0]]
    w[0][0] = 9.0
    return row[0] + w[0][0] * 2 + w[1][0] * 3


@right
def an_array_changed_as_a_whole(x, y):
    w, v = np.array([x, y, 1.0]), np.array([y, x * y, 2.0])
    z = w
    if x > 0:
        w = v
    w += 1.0
    return z.sum() * 2 + w[1] + v[2] * 3


@right
def parts_of_arrays(x, y):
    v, w = np.array([x, y, 1.0]), np.array([y, y, 3.0])
    if x > 0:
        w = v[:]
    w[0] = 5.0
    v[1] = 7.0
    return v[0] * x + w[0] * y + w[1] * 3 + v[2]


@right
def parts_of_arrays_in_rounds(x, y):
    v, w = np.array([x, y, 1.0]), np.array([y, y, 3.0])
    for k in range(1, 4):
        if x > 0.3 * k:
            w = v[:]
        x = 0.5 * (v[1] + x)
    v[1:3] = [0.3 * y, w[0]]
    return w[1] * x + w[2] + v[1] * v[2]


@right
def rows_of_arrays(x, y):
    w = np.outer([x, y], [1.0, y])
    row = w[0]
    if x > 0:
        w = w * 2.0
    w[0, 0] = 9.0
    row[1] = 4.0
    return row[0] + w[0][0] * 2 + w[0, 1] * 3


@right
def dicts(x, y):
    d, e = {"a": x, "b": y}, {"a": y, "b": 1.0}
    g = d
    if x > 0:
        d = e
    d["a"] = 4.0
    return g["a"] + 2 * e["a"] + 3 * d["a"]


def first_set(v, x):
    v[0] = x
    return v


@right
def names_in_functions(x, y):
    v, w = [x, y], [y, 2.0]
    kept = first_set(v if x > 0 else w, 3.0 * x)
    kept[1] = y
    return v[0] + 2 * w[0] + 3 * v[1] + 4 * w[1]


@right
def lists_made_in_rounds(x, y):
    w, v = [x, y], [y, 1.0]
    while x < 3:
        x = x + 1
        new = list(w)
        new[0] = x
        w = new
        v, w = w, v
        v[1] = x
    w[1] = 2.0
    return w[0] + w[1] * x + v[1]


@right
def no_other_name(x, y):
    w = [x, y]
    while x < 3:
        x = x + 1
        w[0] = x
        w = [w[1], w[0]]
    w[0] = 2.0
    return w[0] * w[1]


@refused
def a_name_from_before_a_loop(x, y):
    w = [x, y, 1.0]
    z = w
    while x < 3:
        x = x + 1
        w = [x, y, 2.0]
    w[0] = 10.0
    return z[0] + w[0] * 2


@refused
def changed_in_the_first_round(x, y):
    w = [x, y, 1.0]
    z = w
    while x < 3:
        x = x + 1
        w[0] = x * 2
        w = list(w)
    return z[0] + w[0] * 2


@refused
def a_part_that_a_loop_takes(x, y):
    v, w = np.array([x, y]), np.array([y, 1.0])
    while x < 3:
        x = x + 1
        w = v[:]
    w[0] = x
    return v[0] + w[1]


@refused
def a_list_that_grows(x, y):
    w = [x, y, 1.0]
    z = w
    if x > 0:
        w = w + []
    w.append(y)
    return len(z) * x + w[-1]


@dataclass
class Fields:
    a: float


@refused
def an_object(x, y):
    w, v = Fields(x), Fields(y)
    z = w
    if x > 0:
        w = v
    w.a = 3.0
    return z.a + v.a * 2


@pytest.mark.parametrize("f", RIGHT, ids=lambda f: f.__name__)
def test_changes_reach_every_name(f):
    slopes = value_and_grad(f, (0, 1))
    compiled, exact, mapped = jit(slopes), jit(f, exact=True), jit(vmap(slopes))(*np.array(POINTS).T)
    for k, point in enumerate(POINTS):
        expected = numbers(slopes(*point))
        assert exact(*point) == f(*point)
        np.testing.assert_allclose(numbers(compiled(*point)), expected, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose([mapped[0][k], *(x[k] for x in mapped[1])], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("f", REFUSED, ids=lambda f: f.__name__)
def test_what_cannot_be_told_is_refused(f):
    with pytest.raises(TraceError, match=r"test_names.py:\d+ .* may be the same as one with another name"):
        jit(f)(*POINTS[0])
