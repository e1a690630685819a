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
}
ORDERED = {
    "sort": lambda x, y: weighted(np.sort([x, y, x * y, 0.5])),
    "the places": lambda x, y: weighted(np.argsort([x, y, x * y, 0.7])) + np.argmax([x, y]) * x,
    "the place of the smallest": lambda x, y: np.array([x, y, x * y])[np.array([x, y, x * y]).argmin()],
    "median": lambda x, y: np.median(np.array([x, y, x * y])),
    "the largest of all": lambda x, y: np.linalg.norm(np.array([x, y, x * y]), np.inf),
}


def sorts_in_place(x, y):
    values, array = [x, y, x * y, 0.7], np.array([x, y, x * y, 0.7])
    values.sort(reverse=True)
    array.sort()
    return weighted(values) + 3.0 * weighted(array)


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
