"""The algorithms for matrices of compiled functions that are too large to be written out as straight code.

Here they are loops over the entries of arrays, which a compiler records as loops: it rewrites the functions of this
module as it does those of the user. Each sum has the order that it has in the straight code, so the bits are the same.

Source: M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation,
in Advances in Automatic Differentiation (2008), sections 2.2 and 2.3, for the derivatives that are stated.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_engine.control_flow import recorder
from autograd_engine.custom import custom_derivative
from autograd_engine.number_arrays import as_numbers
from autograd_engine.primitives import sqrt

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


_product = custom_derivative(_looped(_multiplied), lambda cotangent, C, A, B: (cotangent @ B.T, A.T @ cotangent))


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
