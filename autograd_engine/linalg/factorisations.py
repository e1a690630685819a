"""Factors of matrices, and least squares by them.

Source: G. H. Golub and C. F. Van Loan, Matrix Computations, 4th edition (2013), chapters 4.2, 5.2, 5.3 and 5.6. The
signs are those of LAPACK.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from autograd_engine.linalg.elimination import back_substituted
from autograd_engine.linalg.loops import is_long, lower_factor, reflected, triangle
from autograd_engine.linalg.matrices import (
    LinAlgError,
    Matrix,
    are_plain,
    arrays_of,
    check_matrices,
    difference,
    exchanged,
    identity,
    inner,
    is_known,
    is_known_zero,
    known,
    minus,
    of_numpy,
    over_stacks,
    quotient,
    size,
    times,
    transposed,
)
from autograd_engine.number_arrays import as_numbers, number_array
from autograd_engine.primitives import copysign, maximum, sqrt


class QR(NamedTuple):
    """What `qr` returns."""

    Q: Any
    R: Any


class LeastSquares(NamedTuple):
    """What `lstsq` returns."""

    x: Any
    residuals: Any
    rank: int
    s: Any


def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """The lower triangular L with a = L Lᵀ, for symmetric positive definite matrices (..., n, n).

    With `upper` it is the upper triangular U with a = Uᵀ U. As in NumPy only one triangle of `a` is read, the lower one
    for L; the derivatives with respect to the rest are 0. Raises LinAlgError where a matrix is not square or not
    positive definite; compiled, the latter gives nan or inf, if not in the factor then in its derivatives.

    >>> from autograd_engine import grad, linalg
    >>> grad(lambda a: linalg.cholesky(a)[1, 1])(np.array([[4.0, 2.0], [2.0, 5.0]]))
    array([[ 0.0625,  0.    ],
           [-0.25  ,  0.25  ]])
    """
    [a] = arrays_of("cholesky", a=a)
    check_matrices("cholesky", "a", a)
    if are_plain(a):
        factor = of_numpy("cholesky", np.swapaxes(a, -1, -2) if upper else a)
    else:
        [factor] = over_stacks(lambda A: (_lower_factor(transposed(A) if upper else A),), (a, 2))
    return np.swapaxes(factor, -1, -2) if upper else factor


def qr(a: Any, mode: str = "reduced") -> Any:
    """Q with orthonormal columns and the upper triangular R with a = Q R, for matrices (..., m, n).

    With k = min(m, n) the shapes are (..., m, k) and (..., k, n); (..., m, m) and (..., m, n) if `mode` is "complete".
    If it is "r", only R is returned. The columns of `a` must be independent, the first m - 1 of them if there are more:
    where they are not, the factors have no derivatives, and LinAlgError is raised for a column of which nothing is
    left; compiled, the factors have nan. Raises ValueError for another mode.

    >>> from autograd_engine import grad, linalg
    >>> grad(lambda x: linalg.qr([[0.0, 1.0], [x, 2.0]]).R[0, 0])(3.0)
    -1.0
    """
    [a] = arrays_of("qr", a=a)
    check_matrices("qr", "a", a, square=False)
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f'qr(): mode must be "reduced", "complete" or "r", got {mode!r:.60}')
    m, n = a.shape[-2:]
    rows = m if mode == "complete" else min(m, n)
    if are_plain(a):
        factors: Any = np.linalg.qr(a, mode)  # type: ignore[call-overload]
        return factors if mode == "r" else QR(*factors)

    def factors_of(A: Matrix) -> tuple[Matrix, Matrix]:
        reflectors, signs, R = _triangle(A)
        Q = _reflected(reflectors[::-1], identity(m)[:rows])
        return (
            transposed([[times(sign, x) for x in column] for sign, column in zip(signs, Q)]),
            [[times(sign, x) for x in row] for sign, row in zip(signs, R[:rows])],
        )

    Q, R = over_stacks(factors_of, (a, 2))
    return R if mode == "r" else QR(Q, R)


def lstsq(a: Any, b: Any, rcond: float | None = None) -> LeastSquares:
    """The x of least |a @ x - b|² for a matrix `a` (m, n) and a vector `b` (m,) or matrix (m, k), by column.

    If several are equally good (m < n), it is the one of least |x|². The result is NumPy's `(x, residuals, rank, s)`:
    the residuals are the least |a @ x - b|² of each column, none unless m > n. `rank` and the singular values `s` are
    plain numbers, without derivatives; `rcond` is the ratio to the largest below which one counts as 0. In a compiled
    function, and where there is an inf or nan in `a`, they are not known: `rank` is min(m, n), and `s` is None.

    Raises LinAlgError where the shapes do not fit, and where the rank of a matrix with derivatives is less than
    min(m, n), because x has none there; compiled, x has inf or nan then.

    >>> from autograd_engine import grad, linalg
    >>> grad(lambda a: linalg.lstsq([[a], [0.0]], [3.0, 1.0]).x[0])(2.0)
    -0.75
    """
    a, b = arrays_of("lstsq", a=a, b=b)
    check_matrices("lstsq", "a", a, square=False)
    if a.ndim > 2:
        raise LinAlgError(f"lstsq(): a must be one matrix (m, n), got the shape {a.shape}; use vmap for several")
    if b.ndim not in (1, 2) or len(b) != len(a):
        raise LinAlgError(f"lstsq(): b of shape {b.shape} does not fit a matrix of shape {a.shape}")
    if are_plain(a, b):
        return LeastSquares(*of_numpy("lstsq", a, b, rcond=rcond))
    A, columns = a.tolist(), (b[:, None] if b.ndim == 1 else b).T.tolist()
    (m, n), rank, s = a.shape, min(a.shape), None
    data = number_array([known(x) for x in a.ravel().tolist()], a.shape)
    if are_plain(data) and (are_plain(a) or np.isfinite(data).all()):
        inverse, _, rank, s = of_numpy("lstsq", data, np.eye(m), rcond=rcond)
    if are_plain(a):
        X = [[inner(row, column) for row in inverse.tolist()] for column in columns]
        rest = [[minus(y, row, x) for y, row in zip(column, A)] for column, x in zip(columns, X)]
    elif rank < min(m, n):
        raise LinAlgError(f"lstsq(): a has the rank {rank}, less than {min(m, n)}, so x has no derivatives")
    elif m >= n:
        reflectors, _, R = _triangle(A)
        turned = _reflected(reflectors, columns)
        X = [back_substituted([row[i:] for i, row in enumerate(R[:n])], column[:n]) for column in turned]
        rest = [column[n:] for column in turned]
    else:
        reflectors, _, R = _triangle(transposed(A))
        # Substitution from the first row on is that from the last row on, with everything in reverse order.
        L = [column[i::-1] for i, column in enumerate(transposed(R[:m]))]
        Y = [back_substituted(L[::-1], column[::-1])[::-1] + [0.0] * (n - m) for column in columns]
        X, rest = _reflected(reflectors[::-1], Y), []
    x = number_array([number for numbers in zip(*X) for number in numbers], (n, *b.shape[1:]))
    residuals = [inner(column, column) for column in rest] if rank == n < m else []
    return LeastSquares(x, number_array(residuals, (len(residuals),)), int(rank), s)


def pinv(a: Any) -> Any:
    """The pseudoinverse of a matrix (m, n), or of each in an array of them: the x of least |a @ x - 1|².

    Raises LinAlgError where the rank of a matrix with derivatives is less than min(m, n), as `lstsq` does.

    >>> from autograd_engine import grad, linalg
    >>> grad(lambda a: linalg.pinv([[a], [0.0]])[0, 0])(2.0)
    -0.25
    """
    [a] = arrays_of("pinv", a=a)
    check_matrices("pinv", "a", a, square=False)
    if are_plain(a):
        return of_numpy("pinv", a)
    [inverse] = over_stacks(lambda A: (lstsq(A, np.eye(len(A))).x.tolist(),), (a, 2))
    return inverse


def _lower_factor(A: Matrix) -> Matrix:
    if is_long(sum([not is_known_zero(x) for row in A for x in row]) * len(A) / 4):
        return cast(Matrix, lower_factor(as_numbers(A)).tolist())
    L: Matrix = []
    for i, numbers in enumerate(A):
        row: list[Any] = []
        for j in range(i):
            row.append(quotient(minus(numbers[j], row, L[j]), L[j][j]))
        square = minus(numbers[i], row, row)
        if is_known(square) and square <= 0:
            raise LinAlgError(f"cholesky(): the matrix is not positive definite: its leading {i + 1} rows are not")
        L.append([*row, sqrt(square)])
    return [row + [0.0] * (len(A) - len(row)) for row in L]


Reflector = tuple[int, list[Any], Any]
"""The matrix I - tau v vᵀ as (k, v from its k-th number on, tau). The k-th number is 1, those before it are 0."""


def _triangle(A: Matrix) -> tuple[list[Reflector], list[Any], Matrix]:
    """R (m, n) and the reflectors whose product Q has a = Q R, with the sign for each row of R and column of Q that
    makes them LAPACK's: it does not reflect a column that is a multiple of a unit vector."""
    m, columns = len(A), transposed(A)
    if is_long(2 * m * len(columns) ** 2):
        below, factors, row_signs = triangle(as_numbers(A))
        found = [(k, [1.0, *below[k + 1 :, k].tolist()], factor) for k, factor in enumerate(factors.tolist())]
        upper = [[0.0] * min(i, len(row)) + row[i:] for i, row in enumerate(below.tolist())]
        return found, row_signs.tolist(), upper
    reflectors: list[Reflector] = []
    signs: list[Any] = [1.0] * m
    for k in range(min(m - 1, len(columns))):
        first, *below = columns[k][k:]
        length = _length([first, *below])
        if is_known_zero(length):
            raise LinAlgError(f"qr(): nothing is left of column {k}, so the factors have no derivatives")
        end = -copysign(length, first)
        v = [1.0, *[quotient(x, first - end) for x in below]]
        reflectors.append((k, v, quotient(end - first, end)))
        signs[k], _ = exchanged(functools.reduce(maximum, map(size, below)) == 0, 1.0, -1.0)
        columns[k:] = [columns[k][:k] + [end] + [0.0] * (m - k - 1), *_reflected(reflectors[-1:], columns[k + 1 :])]
    return reflectors, signs, transposed(columns)


def _length(numbers: list[Any]) -> Any:
    """The Euclidean length, with the numbers scaled where their squares would be too large or too small."""
    largest = functools.reduce(maximum, map(size, numbers))
    scale, _ = exchanged(largest > 1e140, exchanged(largest < 1e-140, 1.0, 2.0**600)[0], 2.0**-600)
    scaled = [times(scale, x) for x in numbers]
    length = sqrt(inner(scaled, scaled))
    return length if scale.__class__ is float and scale == 1.0 else quotient(length, scale)


def _reflected(reflectors: Sequence[Reflector], columns: Sequence[list[Any]]) -> list[list[Any]]:
    """Columns multiplied by the reflectors, by the first one first."""
    if len(reflectors) > 1 and is_long(4 * sum([len(v) for _, v, _ in reflectors]) * len(columns)):
        V = np.full((len(columns[0]), len(reflectors)), 0.0, dtype=object)
        for k, v, _ in reflectors:
            V[k:, k] = v
        from_the_last = reflectors[0][0] > 0
        factors = [factor for _, _, factor in reflectors][:: -1 if from_the_last else 1]
        turned = reflected(as_numbers(V), as_numbers(factors), as_numbers(columns).T, from_the_last)
        return cast(Matrix, turned.T.tolist())
    for k, v, tau in reflectors:
        steps = [times(tau, inner(v, column[k:])) for column in columns]
        columns = [
            column[:k] + [difference(x, times(step, y)) for x, y in zip(column[k:], v)]
            for column, step in zip(columns, steps)
        ]
    return list(columns)
