"""NumPy functions that compare numbers, of lists and of arrays made by np.array: compiled as uncompiled."""

import math

import numpy as np
import pytest

from autograd_engine import jit, value_and_grad

POINTS = [(1.3, 0.4), (-0.5, 2.0), (0.5, 0.5), (1.0, 1.0), (0.0, -0.0), (2.0, math.nan), (math.nan, 1.0)]


def numbers(x, y):
    return np.array([x, y, x * y, 0.5, y * 1.0])


def table(x, y):
    return np.array([[x, y], [x * y, 1.0], [0.3 * x, y]])


def weighted(found):
    return sum([(k + 1.0) * t for k, t in enumerate(np.ravel(found).tolist())])


def fall(x, y):
    path = np.cumprod(np.array([1.0 + 0.1 * x * math.cos(k * 1.0) + 0.01 * y for k in range(12)]))
    return (1.0 - path / np.maximum.accumulate(path)).max()


def of_windows(x, y):
    path, total = np.array([x * math.cos(k * 1.0) + y for k in range(25)]), 0.0
    for k in range(4, 25):
        total = total + path[k - 4 : k].max() * path[k - 2 : k].min()
    return total


FUNCTIONS = {
    "max": lambda x, y: np.max(numbers(x, y)) + 2.0 * numbers(x, y).max(),
    "min": lambda x, y: np.min(numbers(x, y)) + 2.0 * numbers(x, y).min(),
    "of a list": lambda x, y: np.max([x, y, 1.0]) + 2.0 * np.amin([x, y]),
    "along an axis": lambda x, y: weighted(table(x, y).max(axis=0)) + weighted(np.min(table(x, y), -1)),
    "along both axes": lambda x, y: np.max(table(x, y), axis=(0, 1)) + table(x, y).min(),
    "with its axes": lambda x, y: weighted(table(x, y) - table(x, y).max(axis=1, keepdims=True)),
    "with a first number": lambda x, y: numbers(x, y).max(initial=0.7) + np.min([x, y], initial=0.2),
    "the range": lambda x, y: np.ptp(table(x, y)) + weighted(np.ptp(table(x, y), axis=0)),
    "maximum": lambda x, y: weighted(np.maximum(numbers(x, y), 0.5)) + weighted(np.maximum(1, numbers(x, y))),
    "of two arrays": lambda x, y: weighted(np.minimum(table(x, y), table(y, x))) + weighted(np.fmax([x, y], [y, x])),
    "of a row and a table": lambda x, y: weighted(np.maximum(table(x, y), np.array([x, 0.4]))),
    "clip": lambda x, y: weighted(np.clip(numbers(x, y), 0.0, 1.0)) + weighted(numbers(x, y).clip(0.5, None)),
    "reduce": lambda x, y: np.maximum.reduce(numbers(x, y)) + weighted(np.minimum.reduce(table(x, y))),
    "accumulate": lambda x, y: weighted(np.maximum.accumulate(numbers(x, y))) + fall(x, y),
    "outer": lambda x, y: weighted(np.minimum.outer(np.array([x, 1.0]), np.array([y, 0.5]))),
    "windows": of_windows,
    "without nan": lambda x, y: np.nanmax(numbers(x, y)) + 2.0 * np.nanmin([x, y, 0.3]) + np.nanmax(table(x, y)),
    "without nan along an axis": lambda x, y: weighted(np.nanmin(table(x, y), axis=1, keepdims=True) * table(x, y)),
    "sums without nan": lambda x, y: np.nansum(numbers(x, y)) + np.nanprod([x, y]) + weighted(np.nancumsum([x, y])),
    "means without nan": lambda x, y: np.nanmean(numbers(x, y)) + np.nanvar(table(x, y)),
    "all of them close": lambda x, y: x * np.count_nonzero([x, y]) if np.allclose([x, y], [1.3, 0.4]) else y,
    "the same": lambda x, y: x if np.array_equal([x, y], np.array([x, 1.0 * y])) else 3.0 * x,
    "close": lambda x, y: x if np.isclose(np.array([x, y]), [1.0, 1.0]).all() else y if np.isclose(x, 0.5) else 2 * x,
}
ORDERED = {
    "sort": lambda x, y: weighted(np.sort([x, y, x * y, 0.5])),
    "the places": lambda x, y: weighted(np.argsort([x, y, x * y, 0.7])) + np.argmax([x, y]) * x,
    "partition": lambda x, y: np.partition([x, y, x * y, 0.5], 1)[1],
    "the places of a partition": lambda x, y: (
        np.argpartition([x, y, x * y, 0.7], 2)[2] + numbers(x, y).argpartition(0)[0] * x
    ),
    "the place of the smallest": lambda x, y: np.array([x, y, x * y])[np.array([x, y, x * y]).argmin()],
    "median": lambda x, y: np.median(np.array([x, y, x * y])),
    "the largest of all": lambda x, y: np.linalg.norm(np.array([x, y, x * y]), np.inf),
}


def sorts_in_place(x, y):
    values, array = [x, y, x * y, 0.7], np.array([x, y, x * y, 0.7])
    values.sort(reverse=True)
    array.sort()
    parted = numbers(x, y)
    parted.partition(2)
    return weighted(values) + 3.0 * weighted(array) + parted[2]


@pytest.mark.filterwarnings("ignore:invalid value")  # of NumPy, about the nan
@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_extremes(f):
    compiled, exact = [jit(value_and_grad(f, argnums=(0, 1)), exact=exact) for exact in (False, True)]
    for point in POINTS:
        value, slopes = value_and_grad(f, argnums=(0, 1))(*point)
        np.testing.assert_array_equal(exact(*point)[0], value)
        np.testing.assert_allclose(exact(*point)[1], slopes, rtol=1e-14)
        np.testing.assert_allclose(compiled(*point)[0], value, rtol=1e-13)
        np.testing.assert_allclose(compiled(*point)[1], slopes, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("f", [*ORDERED.values(), sorts_in_place], ids=[*ORDERED, "in place"])
def test_orders(f):
    compiled = jit(value_and_grad(f, argnums=(0, 1)))
    for point in POINTS[:2]:
        value, slopes = value_and_grad(f, argnums=(0, 1))(*point)
        np.testing.assert_allclose(compiled(*point)[0], value, rtol=1e-13)
        np.testing.assert_allclose(compiled(*point)[1], slopes, rtol=1e-12)


OF_ARGUMENTS = {
    "max": lambda a: np.max(a) + 2.0 * a.min() + np.ptp(a),
    "maximum": lambda a: weighted(np.maximum(a, 0.5)) + weighted(np.fmin(a, a[::-1])),
    "clip": lambda a: weighted(np.clip(a, -0.5, 1.0)) + weighted(a.clip(None, 0.5)),
    "methods": lambda a: np.maximum.reduce(a) + weighted(np.minimum.accumulate(a)) + weighted(np.maximum.outer(a, a)),
    "made of it": lambda a: np.max(2.0 * a) + np.max(a[[1, 0]], axis=0),
}
ARRAYS = {
    "by the table": lambda a, k: a * k,
    "as objects": lambda a, k: np.array([k * t for t in a]),
    "with floats": lambda a, k: np.array([k * t for t in a]) if k > 1.0 else np.array([1.0, 1.0]),
}


def assert_equal_beside_a_branch(f):
    """Values and first derivatives are the uncompiled ones, to the bit if `exact`, at ties and nan too."""
    compiled, exact = [jit(value_and_grad(f, argnums=(0, 1)), exact=exact) for exact in (False, True)]
    for *array, x in [(*point, sign * 0.7) for point in POINTS for sign in (1.0, -1.0)]:
        value, slopes = value_and_grad(f, argnums=(0, 1))(np.array(array), x)
        for found, tolerance in ((exact, 0.0), (compiled, 1e-13)):
            np.testing.assert_allclose(found(np.array(array), x)[0], value, rtol=tolerance)
            for one, other in zip(found(np.array(array), x)[1], slopes):
                np.testing.assert_allclose(one, other, rtol=tolerance)


@pytest.mark.parametrize("f", OF_ARGUMENTS.values(), ids=OF_ARGUMENTS)
def test_arrays_of_arguments_follow_the_table_beside_a_branch(f):
    def beside(a, x):
        return f(a) * (2.0 * x if x > 0.0 else x)

    assert_equal_beside_a_branch(beside)


@pytest.mark.filterwarnings("ignore:invalid value")  # of NumPy, about the nan
@pytest.mark.parametrize("made", ARRAYS.values(), ids=ARRAYS)
def test_what_a_branch_chooses_compares_as_the_arrays_do(made):
    def chosen(a, x):
        b = made(a, 2.0) if x > 0.0 else made(a, 1.0)
        picked = b[[int(x), 1]]
        return np.max(b) * x + weighted(np.clip(b, -0.5, 1.0)) + np.max(picked) + np.min(np.take(b, [1, int(x)]))

    assert_equal_beside_a_branch(chosen)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("made", list(ARRAYS.values())[:2], ids=list(ARRAYS)[:2])
def test_what_a_loop_changes_compares_as_the_arrays_do(made):
    def changed(a, x):
        b, total = made(a, 1.0), 0.0
        while x < 2.0:
            b[0], x = b[1], x + 1.0
            total = total + np.max(b) + weighted(np.maximum(b, 0.5))
        return total + weighted(np.clip(b, -0.5, 1.0))

    assert_equal_beside_a_branch(changed)
