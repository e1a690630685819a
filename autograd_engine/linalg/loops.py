"""The algorithms for matrices of compiled functions that are too large to be written out as straight code.

Here they are loops over the entries of arrays, which a compiler records as loops: it rewrites the functions of this
module as it does those of the user. Each sum has the order that it has in the straight code, so the bits are the same.

Source: M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation,
in Advances in Automatic Differentiation (2008), sections 2.2 and 2.3, for the derivatives that are stated.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import numpy as np

from autograd_engine.control_flow import recorder
from autograd_engine.custom import custom_derivative
from autograd_engine.number_arrays import as_numbers
from autograd_engine.primitives import abs, copysign, maximum, sqrt

_LONG = 10_000
"""How many operations of one call may be straight code."""


def is_long(operations: float) -> bool:
    """Whether a compiler is recording, and what takes so many operations is to be loops."""
    return recorder.get() is not None and operations > _LONG


def _looped(f: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(f)
    def in_loops(*args: Any) -> Any:
        with recorder.get().rolling() as loops:
            return loops(f)(*args)

    return in_loops


def product(A: Any, B: Any) -> Any:
    """A @ B; NotImplemented where straight code serves: there are few products, or hardly more than entries."""
    if A.ndim != 2 or B.ndim != 2 or A.shape[1] != len(B):
        return NotImplemented
    products, entries = A.size * B.shape[1], A.size + B.size + len(A) * B.shape[1]
    return _product(as_numbers(A), as_numbers(B)) if products > 4 * entries and is_long(products) else NotImplemented


def _multiplied(A: Any, B: Any) -> Any:
    C = np.full((len(A), B.shape[1]), 0.0, dtype=object)
    for i in range(len(A)):
        for j in range(B.shape[1]):
            total = -0.0
            for k in range(len(B)):
                total = total + A[i, k] * B[k, j]
            C[i, j] = total
    return C


def _pull_of_product(cotangent: Any, C: Any, A: Any, B: Any) -> Any:
    return _product(cotangent, B.T), _product(A.T, cotangent)


_product = custom_derivative(_looped(_multiplied), _pull_of_product)


def _pivots(A: Any) -> Any:
    """The sign of the exchanges of rows and columns, and the pivots of elimination that takes the largest number left.

    Where only zeros are left, they are the rest of the pivots.
    """
    n, turn, A = len(A), 1.0, np.array(A, dtype=object)
    largest = np.full(n, 0.0, dtype=object)
    for k in range(n):
        for i in range(k, n):
            largest[i] = abs(A[i, k])
            for j in range(k + 1, n):
                largest[i] = maximum(largest[i], abs(A[i, j]))
        for i in range(k + 1, n):
            if largest[i] > largest[k]:
                largest[i], largest[k], turn = largest[k], largest[i], -turn
                for j in range(k, n):
                    A[i, j], A[k, j] = A[k, j], A[i, j]
        for j in range(k + 1, n):
            if abs(A[k, j]) > abs(A[k, k]):
                turn = -turn
                for i in range(k, n):
                    A[i, j], A[i, k] = A[i, k], A[i, j]
        if A[k, k] != 0.0:
            for i in range(k + 1, n):
                factor = A[i, k] / A[k, k]
                for j in range(k + 1, n):
                    A[i, j] = A[i, j] - factor * A[k, j]
    return turn, np.diag(A)


pivots_in_loops = _looped(_pivots)


def _exponential(A: Any, coefficients: Sequence[float]) -> Any:
    """The exponential, by the sixteen terms of its series that have these coefficients."""
    n, scale, length = len(A), 1.0, 0.0
    for j in range(n):
        total = 0.0
        for i in range(n):
            total = total + abs(A[i, j])
        length = maximum(length, total)
    half = length
    while 0.5 < half < inf:
        scale, half = 0.5 * scale, 0.5 * half
    A = np.array(A, dtype=object)
    for i in range(n):
        for j in range(n):
            A[i, j] = A[i, j] * scale
    square = _product(A, A)
    cube = _product(square, A)
    fourth = _product(cube, A)
    result = np.array(fourth, dtype=object)
    for i in range(n):
        for j in range(n):
            result[i, j] = coefficients[16] * result[i, j]
    for k in (12, 8, 4, 0):
        if k < 12:
            result = _product(result, fourth)
        for i in range(n):
            for j in range(n):
                number = result[i, j] + coefficients[k] if i == j else result[i, j]
                number = number + coefficients[k + 1] * A[i, j]
                number = number + coefficients[k + 2] * square[i, j]
                result[i, j] = number + coefficients[k + 3] * cube[i, j]
    while 0.5 < length < inf:
        result, length = _product(result, result), 0.5 * length
    return result


exponential = _looped(_exponential)


def _solved(A: Any, B: Any) -> Any:
    """X with A X = B, by A = P L U with ones on the diagonal of L."""
    n, m = B.shape
    A, X = np.array(A, dtype=object), np.array(B, dtype=object)  # A becomes L and U
    for k in range(n):
        for i in range(k, n):
            total = -0.0
            for j in range(k):
                total = total + A[i, j] * A[j, k]
            A[i, k] = A[i, k] - total
            if abs(A[i, k]) > abs(A[k, k]):
                for j in range(n):
                    A[i, j], A[k, j] = A[k, j], A[i, j]
                for j in range(m):
                    X[i, j], X[k, j] = X[k, j], X[i, j]
        for j in range(k + 1, n):
            total = -0.0
            for i in range(k):
                total = total + A[k, i] * A[i, j]
            A[k, j] = A[k, j] - total
        for i in range(k + 1, n):
            A[i, k] = A[i, k] / A[k, k]
    for c in range(m):
        for i in range(n):
            total = -0.0
            for j in range(i):
                total = total + A[i, j] * X[j, c]
            X[i, c] = X[i, c] - total
        for i in range(n - 1, -1, -1):
            total = -0.0
            for j in range(i + 1, n):
                total = total + A[i, j] * X[j, c]
            X[i, c] = (X[i, c] - total) / A[i, i]
    return X


def _pull_of_solved(cotangent: Any, X: Any, A: Any, B: Any) -> Any:
    by_B = solved(A.T, cotangent)
    return -(by_B @ X.T), by_B


solved = custom_derivative(_looped(_solved), _pull_of_solved)


def _lower_factor(A: Any) -> Any:
    """The lower triangular L with A = L Lᵀ."""
    L = np.full(A.shape, 0.0, dtype=object)
    for i in range(len(A)):
        for j in range(i):
            total = -0.0
            for k in range(j):
                total = total + L[i, k] * L[j, k]
            L[i, j] = (A[i, j] - total) / L[j, j]
        total = -0.0
        for k in range(i):
            total = total + L[i, k] * L[i, k]
        L[i, i] = sqrt(A[i, i] - total)
    return L


lower_factor = _looped(_lower_factor)


@_looped
def _reflect(columns: Any, c: Any, V: Any, k: Any, factor: Any) -> None:
    """Reflect a column, by the vector in column k of V, below the diagonal, where 1 stands."""
    total = columns[k, c]
    for i in range(k + 1, len(V)):
        total = total + V[i, k] * columns[i, c]
    step = factor * total
    columns[k, c] = columns[k, c] - step
    for i in range(k + 1, len(V)):
        columns[i, c] = columns[i, c] - step * V[i, k]


def _triangle(A: Any) -> Any:
    """R with the reflectors below its diagonal, their factors, and the signs of the rows; see `factorisations`."""
    (m, n), A = A.shape, np.array(A, dtype=object)
    factors, signs = np.full(min(m - 1, n), 0.0, dtype=object), np.full(m, 1.0, dtype=object)
    for k in range(len(factors)):
        largest_below = 0.0
        for i in range(k + 1, m):
            largest_below = maximum(largest_below, abs(A[i, k]))
        largest = maximum(abs(A[k, k]), largest_below)
        scale = 2.0**-600 if largest > 1e140 else 2.0**600 if largest < 1e-140 else 1.0
        total = -0.0
        for i in range(k, m):
            total = total + (scale * A[i, k]) * (scale * A[i, k])
        end = -copysign(sqrt(total) / scale, A[k, k])
        for i in range(k + 1, m):
            A[i, k] = A[i, k] / (A[k, k] - end)
        factors[k], A[k, k] = (end - A[k, k]) / end, end
        if largest_below == 0.0:
            signs[k] = -1.0
        for c in range(k + 1, n):
            _reflect(A, c, A, k, factors[k])
    return A, factors, signs


triangle = _looped(_triangle)


def _reflected(V: Any, factors: Any, columns: Any, from_the_last: bool) -> Any:
    """Columns (m, p) multiplied by the reflectors whose vectors are below the diagonal of V, where 1 stands."""
    p, columns = columns.shape[1], np.array(columns, dtype=object)
    for k in range(len(factors))[:: -1 if from_the_last else 1]:
        for c in range(p):
            _reflect(columns, c, V, k, factors[k])
    return columns


reflected = _looped(_reflected)
