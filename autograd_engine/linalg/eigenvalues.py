"""Eigenvalues and eigenvectors of symmetric matrices.

Unlike the factors in the other modules, they have no finite formula in the numbers of a matrix. So each is the result
of a row of the table whose inputs are the numbers of the lower triangle, and whose local derivatives are formulas of
the eigenvalues and eigenvectors again. Floats come from LAPACK, and compiled numbers from Jacobi's rotations.

Sources: M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation,
2008; G. H. Golub and C. F. Van Loan, Matrix Computations, 4th edition (2013), chapter 8.5.
"""

from __future__ import annotations

import functools
import itertools
import math
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from autograd_engine.linalg.matrices import (
    Matrix,
    are_plain,
    arrays_of,
    check_matrices,
    difference,
    exchanged,
    identity,
    inner,
    of_numpy,
    over_stacks,
    times,
    transposed,
)
from autograd_engine.primitives import Primitive, copysign, div, dot, hypot, sqrt
from autograd_engine.primitives.primitive import family, row

_LARGEST = 100  # rows of a matrix


class Eigh(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Any
    eigenvectors: Any


def eigh(a: Any, UPLO: str = "L") -> Eigh:
    """The eigenvalues (..., n), in ascending order, and eigenvectors (..., n, n) of symmetric matrices (..., n, n).

    The vectors are the columns. As in NumPy only one triangle of `a` is read, the lower one, or the upper one if UPLO
    is "U"; the derivatives with respect to the rest are 0. The sign of a vector is arbitrary: what NumPy gives
    it for the lower triangle. A compiled function computes by another method, to an error of some 1e-15 times the
    largest eigenvalue, and may give it the other sign.

    Where two eigenvalues are equal, their vectors have no derivatives: these are infinite or nan, and large nearby. An
    eigenvalue has a kink there and gets one of its slopes; the sum of the two is smooth, and its derivatives are right.

    Raises LinAlgError where a matrix is not square, and ValueError for another UPLO or more than 100 rows.

    >>> from autograd_engine import grad, linalg
    >>> grad(lambda x: linalg.eigh([[x, 0.0], [0.0, 1.0]]).eigenvalues[1])(3.0)
    1.0
    """
    a = _checked("eigh", a, UPLO)
    if are_plain(a):
        return Eigh(*of_numpy("eigh", a))
    return Eigh(*over_stacks(lambda A: (eigenvalues_of(A), _eigenvectors(_triangle(A))), (a, 2)))


def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """The eigenvalues of `eigh` alone.

    >>> from autograd_engine import hessian, linalg
    >>> hessian(lambda x: linalg.eigvalsh([[3.0, x], [x, 1.0]])[1])(0.0)
    1.0
    """
    a = _checked("eigvalsh", a, UPLO)
    if are_plain(a):
        return of_numpy("eigvalsh", a)
    return over_stacks(lambda A: (eigenvalues_of(A),), (a, 2))[0]


def eigenvalues_of(A: Matrix) -> list[Any]:
    """The eigenvalues of one matrix, from its lower triangle."""
    return list(_eigenvalues(_triangle(A)))


def _checked(caller: str, a: Any, UPLO: str) -> Any:
    """The argument as matrices whose lower triangle is to be read."""
    [a] = arrays_of(caller, a=a)
    check_matrices(caller, "a", a)
    if UPLO not in ("L", "U"):
        raise ValueError(f'{caller}(): UPLO must be "L" or "U", got {UPLO!r:.60}')
    if a.shape[-1] > _LARGEST and not are_plain(a):
        raise ValueError(f"{caller}(): derivatives are for matrices of up to {_LARGEST} rows, got {a.shape[-1]}")
    return a if UPLO == "L" else np.swapaxes(a, -1, -2)


def _triangle(A: Matrix) -> tuple[Any, ...]:
    """The numbers of the lower triangle, by rows."""
    return tuple([A[i][j] for i, j in _places(len(A))])


def _places(n: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(n) for j in range(i + 1)]


def _rows_of(numbers: Sequence[Any]) -> int:
    return (math.isqrt(8 * len(numbers) + 1) - 1) // 2


def _eigenvalues(numbers: tuple[Any, ...]) -> Sequence[Any]:
    """The eigenvalues, as nodes where there are nodes among the numbers."""
    if _are_floats(numbers):
        return _by_lapack(numbers)[0]
    return [_eigenvalue(k)(*numbers) for k in range(_rows_of(numbers))]


def _eigenvectors(numbers: tuple[Any, ...]) -> Matrix:
    """The matrix of eigenvectors, as nodes where there are nodes among the numbers."""
    if _are_floats(numbers):
        return _by_lapack(numbers)[1]
    n = _rows_of(numbers)
    return [[_eigenvector(i * _LARGEST + k)(*numbers) for k in range(n)] for i in range(n)]


def _are_floats(numbers: Sequence[Any]) -> bool:
    return all(x.__class__ is float for x in numbers)


def _eigenvalue_row(k: int) -> Primitive:
    def partials(out: Any, *numbers: Any) -> list[Any]:
        n = _rows_of(numbers)
        v = [_eigenvector(i * _LARGEST + k)(*numbers) for i in range(n)]
        return [v[i] * v[i] if i == j else 2.0 * v[i] * v[j] for i, j in _places(n)]

    return row(
        f"eigenvalue{k}",
        lambda *numbers: _decomposition(numbers)[0][k],
        partials,
        f"Eigenvalue {k}, counted from the lowest, of a symmetric matrix, by its lower triangle.",
        symbol=f"λ{k}",
        latex=rf"\lambda_{{{k}}}",
        composite=True,
    )


def _eigenvector_row(place: int) -> Primitive:
    i, k = divmod(place, _LARGEST)

    def partials(out: Any, *numbers: Any) -> list[Any]:
        n = _rows_of(numbers)
        eigenvalues, V = _eigenvalues(numbers), _eigenvectors(numbers)
        others = [m for m in range(n) if m != k]
        # A change of the matrix adds to the vector some of each other vector: as much as it mixes the two, divided by
        # the distance of their eigenvalues.
        weights = [div(V[i][m], eigenvalues[k] - eigenvalues[m]) for m in others]
        mixed = [dot(weights, [V[p][m] for m in others]) for p in range(n)]
        return [mixed[p] * V[p][k] if p == q else mixed[p] * V[q][k] + mixed[q] * V[p][k] for p, q in _places(n)]

    return row(
        f"eigenvector{place}",
        lambda *numbers: _decomposition(numbers)[1][i][k],
        partials,
        f"Number {i} of the eigenvector to eigenvalue {k} of a symmetric matrix, by its lower triangle.",
        symbol=f"v{i}_{k}",
        latex=f"v_{{{i},{k}}}",
        composite=True,
    )


_eigenvalue = family("eigenvalue", _eigenvalue_row, last=_LARGEST - 1)
_eigenvector = family("eigenvector", _eigenvector_row, last=_LARGEST**2 - 1)


def _decomposition(numbers: tuple[Any, ...]) -> tuple[list[Any], Matrix]:
    """The eigenvalues and the matrix of eigenvectors, of floats or of numbers that are not known."""
    return _by_lapack(numbers) if _are_floats(numbers) else _last.decomposition(numbers)


@functools.lru_cache(maxsize=64)
def _by_lapack(numbers: tuple[float, ...]) -> tuple[list[float], list[list[float]]]:
    n = _rows_of(numbers)
    A = np.zeros((n, n))
    A[np.tril_indices(n)] = numbers
    if not np.isfinite(A).all():  # LAPACK can overlook a nan
        return [math.nan] * n, [[math.nan] * n] * n
    values, vectors = np.linalg.eigh(A)
    return values.tolist(), vectors.tolist()


class _Last(threading.local):
    """The last decomposition of unknown numbers in this thread: each of its results asks for it once.

    It does not keep them alive. What was found in the body of a loop is not used outside of it.
    """

    key: tuple[Any, ...] = ()
    references: tuple[Any, ...] = ()

    def decomposition(self, numbers: tuple[Any, ...]) -> tuple[list[Any], Matrix]:
        n = _rows_of(numbers)
        key = tuple([x if x.__class__ is float else id(x) for x in numbers])
        found = [x if x.__class__ is float else x() for x in self.references]
        if self.key != key or not all(map(_is_at_hand, found)):
            values, V = _by_rotations(numbers)
            found = [*values, *itertools.chain(*V), *numbers]
            with suppress(TypeError):  # symbols take no weak references
                self.references = tuple([x if x.__class__ is float else weakref.ref(x) for x in found])
                self.key = key
        return found[:n], [found[n * i : n * (i + 1)] for i in range(1, n + 1)]


def _is_at_hand(x: Any) -> bool:
    return x is not None and getattr(x, "is_at_hand", True)


_last = _Last()


def _by_rotations(numbers: tuple[Any, ...]) -> tuple[list[Any], Matrix]:
    """Jacobi's method with a fixed number of sweeps, found enough for clustered and badly scaled matrices too."""
    n = _rows_of(numbers)
    A, columns = identity(n), identity(n)
    for (i, j), x in zip(_places(n), numbers):
        A[i][j] = A[j][i] = x
    for _ in range(1 if n == 2 else min(n + 2, 12)):
        for p, q in itertools.combinations(range(n), 2):
            apart, twice = A[q][q] - A[p][p], 2.0 * A[p][q]
            tangent = exchanged(twice == 0, div(twice, apart + copysign(hypot(apart, twice), apart)), 0.0)[0]
            if tangent.__class__ is float:  # a plain 0
                continue
            cosine = div(1.0, sqrt(tangent * tangent + 1.0))
            sine = tangent * cosine
            A[p][p], A[q][q] = A[p][p] - tangent * A[p][q], A[q][q] + tangent * A[p][q]
            A[p][q] = A[q][p] = 0.0
            for r in range(n):
                if r not in (p, q):
                    A[r][p], A[r][q] = A[p][r], A[q][r] = _turned(A[r][p], A[r][q], cosine, sine)
                columns[p][r], columns[q][r] = _turned(columns[p][r], columns[q][r], cosine, sine)
    values = [A[k][k] for k in range(n)]
    for end in range(n - 1, 0, -1):  # into ascending order
        for k in range(end):
            larger = values[k] > values[k + 1]
            values[k], values[k + 1] = exchanged(larger, values[k], values[k + 1])
            columns[k], columns[k + 1] = exchanged(larger, columns[k], columns[k + 1])
    return values, transposed(columns)


def _turned(x: Any, y: Any, cosine: Any, sine: Any) -> tuple[Any, Any]:
    return difference(times(cosine, x), times(sine, y)), inner((sine, cosine), (x, y))
