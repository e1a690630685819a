"""Systems of equations and determinants, by Gaussian elimination.

`solve` and `inv` use Crout's form with the largest pivot of each column, which takes one `dot` for each number of the
factors. `det` and `slogdet` take the largest of all numbers that are left as pivot. So the pivots of a singular matrix
are at the end, where nothing is divided by them, and derivatives stay right.

Source: G. H. Golub and C. F. Van Loan, Matrix Computations, 4th edition (2013), chapters 3.2 and 3.4.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from autograd_engine.custom import custom_derivative
from autograd_engine.linalg.loops import is_long, pivots_in_loops, solved
from autograd_engine.linalg.matrices import (
    LinAlgError,
    Matrix,
    are_plain,
    arrays_of,
    check_matrices,
    check_stacks,
    exchanged,
    identity,
    inner,
    is_known_zero,
    known,
    minus,
    of_numpy,
    over_stacks,
    quotient,
    size,
    transposed,
)
from autograd_engine.number_arrays import as_numbers
from autograd_engine.primitives import log, maximum, prod, sign, sum, where

_HIGHEST_ORDER = 8  # of the derivatives of a determinant whose matrix has a much lower rank: they cost 2^order


class Slogdet(NamedTuple):
    """What `slogdet` returns."""

    sign: Any
    logabsdet: Any


def solve(a: Any, b: Any) -> Any:
    """The solution x of a @ x = b, for matrices `a` (..., n, n) and a vector `b` (n,) or matrices `b` (..., n, k).

    As in NumPy, b is a vector only if it has one axis, and leading axes are broadcast. Raises LinAlgError where the
    shapes do not fit or a matrix is singular; compiled, the solution of a singular system has inf or nan instead.

    >>> from autograd_engine import grad, linalg
    >>> linalg.solve([[2.0, 1.0], [1.0, 3.0]], [3.0, 5.0])
    array([0.8, 1.4])
    >>> grad(lambda b: linalg.solve([[2.0, 0.0], [1.0, 4.0]], b).sum())(np.array([3.0, 5.0]))
    array([0.375, 0.25 ])
    """
    a, b = arrays_of("solve", a=a, b=b)
    check_matrices("solve", "a", a)
    if not b.ndim or b.shape[-2:][0] != a.shape[-1]:
        raise LinAlgError(f"solve(): b of shape {b.shape} does not fit matrices of shape {a.shape[-2:]}")
    columns = b[:, None] if b.ndim == 1 else b
    check_stacks("solve", a, columns)
    if are_plain(a, b):
        x = of_numpy("solve", a, columns.reshape((1,) * (a.ndim - columns.ndim) + columns.shape))
    else:
        [x] = over_stacks(lambda A, B: (_solution("solve", A, B),), (a, 2), (columns, 2))
    return x[..., 0] if b.ndim == 1 else x


def inv(a: Any) -> Any:
    """The inverses of matrices (..., n, n).

    Raises LinAlgError where a matrix is not square or singular; compiled, the inverse of a singular one has inf or nan.

    >>> from autograd_engine import grad, linalg
    >>> grad(lambda x: linalg.inv([[x, 1.0], [0.0, 2.0]])[0, 1])(2.0)
    0.125
    """
    [a] = arrays_of("inv", a=a)
    check_matrices("inv", "a", a)
    if are_plain(a):
        return of_numpy("inv", a)
    return over_stacks(lambda A: (_solution("inv", A, identity(len(A))),), (a, 2))[0]


def det(a: Any) -> Any:
    """The determinants of matrices (..., n, n).

    Up to n = 3 it is the sum of the products, right at every matrix to every order. From n = 4 on it comes from
    elimination; there the value and the first derivatives are right at every matrix, singular ones included, and so are
    those of higher order, except where a compiled function meets a matrix of rank n - 2 or less.

    Raises LinAlgError where a matrix is not square.

    >>> from autograd_engine import grad, linalg
    >>> grad(linalg.det)(np.array([[1.0, 2.0], [2.0, 4.0]]))
    array([[ 4., -2.],
           [-2.,  1.]])
    """
    [a] = arrays_of("det", a=a)
    check_matrices("det", "a", a)
    return np.linalg.det(a) if are_plain(a) else over_stacks(lambda A: (_determinant(A),), (a, 2))[0]


def slogdet(a: Any) -> Any:
    """The signs and the logarithms of the absolute values of the determinants of matrices (..., n, n).

    The result is a pair `(sign, logabsdet)`, which neither overflows nor underflows. The sign has the derivative 0. A
    singular matrix gives (0, -inf), and derivatives not all of which are finite. Raises LinAlgError where a matrix is
    not square.

    >>> from autograd_engine import grad, linalg
    >>> grad(lambda x: linalg.slogdet([[x, 0.0], [1.0, 1.0]]).logabsdet)(4.0)
    0.25
    """
    [a] = arrays_of("slogdet", a=a)
    check_matrices("slogdet", "a", a)
    if are_plain(a):
        return Slogdet(*np.linalg.slogdet(a))
    return Slogdet(*over_stacks(_sign_and_logarithm, (a, 2)))


def _solution(caller: str, A: Matrix, B: Matrix) -> Matrix:
    """The matrix X with A X = B, by A = P L U with ones on the diagonal of L."""
    if is_long(1.5 * len(A) ** 2 * (len(A) + len(B[0]))):
        return cast(Matrix, solved(as_numbers(A), as_numbers(B)).tolist())
    n = len(A)
    A, B = list(A), list(B)
    L: Matrix = [[] for _ in A]
    U: Matrix = []  # the rows, from the diagonal on
    for k in range(n):
        above = [row[k - i] for i, row in enumerate(U)]
        column = [minus(A[i][k], L[i], above) for i in range(k, n)]
        sizes = list(map(size, column))
        for i in range(k + 1, n):
            larger = sizes[i - k] > sizes[0]
            for items, one, other in ((A, k, i), (B, k, i), (L, k, i), (column, 0, i - k), (sizes, 0, i - k)):
                items[one], items[other] = exchanged(larger, items[one], items[other])
        if is_known_zero(column[0]):
            raise LinAlgError(f"{caller}(): the matrix is singular: elimination leaves only zeros in column {k}")
        U.append([column[0], *[minus(A[k][j], L[k], [row[j - i] for i, row in enumerate(U)]) for j in range(k + 1, n)]])
        for i in range(k + 1, n):
            L[i].append(quotient(column[i - k], column[0]))
    columns = []
    for numbers in zip(*B):
        y: list[Any] = []
        for row, number in zip(L, numbers):
            y.append(minus(number, row, y))
        columns.append(back_substituted(U, y))
    return transposed(columns)


def back_substituted(U: Matrix, y: Sequence[Any]) -> list[Any]:
    """The vector x with U x = y, for an upper triangular U given by its rows from the diagonal on."""
    x: list[Any] = []
    for [pivot, *row], number in zip(reversed(U), reversed(y)):
        x.insert(0, quotient(minus(number, row, x), pivot))
    return x


def _determinant(A: Matrix) -> Any:
    if len(A) <= 3:
        return _expansion(A)
    turn, pivots, rest = _pivots(A)
    if not rest:
        return prod([turn, *pivots])
    # The determinant of r rows of zeros has derivatives from order r on.
    return prod([turn, *pivots, _expansion(rest) if len(rest) <= _HIGHEST_ORDER else 0.0])


def _sign_and_logarithm(A: Matrix) -> tuple[Any, Any]:
    if _is_eliminated_in_loops(A):
        sign_of_A, logarithm = _in_loops(as_numbers(A))
        return sign_of_A, logarithm
    return _of_pivots(A)


def _of_pivots(A: Matrix) -> tuple[Any, Any]:
    """The sign and the logarithm, by the derivatives of elimination."""
    turn, pivots, rest = _pivots(A)
    pivots += [row[0] for row in rest[:1]]  # a zero
    sizes = [where(pivot < 0, -pivot, pivot) for pivot in pivots]  # the slope of |x| at 0 would hide the pole of log
    return prod([turn, *[sign(known(pivot)) for pivot in pivots]]), sum(list(map(log, sizes)))


_in_loops = custom_derivative(
    lambda A: _of_pivots(A.tolist()),
    lambda cotangent, out, A: cotangent[1] * solved(A.T, as_numbers(np.eye(len(A)))),
)


def _is_eliminated_in_loops(A: Matrix) -> bool:
    return is_long(4 * len(A) ** 3)


def _pivots(A: Matrix) -> tuple[Any, list[Any], Matrix]:
    """The pivots of elimination that takes the largest number left, and the sign of the permutation.

    When only zeros are left, as far as is known, that matrix of zeros is returned too, which can still have
    derivatives; else the third part is the matrix without rows.
    """
    if _is_eliminated_in_loops(A):
        exchanges, numbers = pivots_in_loops(as_numbers(A))
        return exchanges, numbers.tolist(), []
    turn: Any = 1.0
    pivots: list[Any] = []
    while A:
        turn = _begun_with_the_largest(A, [functools.reduce(maximum, map(size, row)) for row in A], turn)
        columns = transposed(A)
        turn = _begun_with_the_largest(columns, list(map(size, A[0])), turn)
        [pivot, *row], *below = transposed(columns)
        if is_known_zero(pivot):
            return turn, pivots, [[pivot, *row], *below]
        pivots.append(pivot)
        # An unknown pivot may be 0, and then so is all that is left.
        factors = [exchanged(pivot == 0, quotient(first, pivot), 0.0)[0] for first, *_ in below]
        A = [[minus(x, [factor], [y]) for x, y in zip(xs, row)] for factor, [_, *xs] in zip(factors, below)]
    return turn, pivots, []


def _begun_with_the_largest(rows: Matrix, sizes: list[Any], turn: Any) -> Any:
    """Exchange rows until the first is the one of the largest size; returns `turn`, negated by each exchange."""
    for i in range(1, len(rows)):
        larger = sizes[i] > sizes[0]
        rows[0], rows[i] = exchanged(larger, rows[0], rows[i])
        sizes[0], sizes[i] = exchanged(larger, sizes[0], sizes[i])
        turn, _ = exchanged(larger, turn, -turn)
    return turn


def _expansion(A: Matrix) -> Any:
    """The determinant by expansion along the rows, without division: right whatever the numbers are."""
    minors: dict[tuple[int, ...], Any] = {(): 1.0}
    for count, row in enumerate(reversed(A), 1):
        minors = {
            columns: inner(
                [row[j] if i % 2 == 0 else -row[j] for i, j in enumerate(columns)],
                [minors[columns[:i] + columns[i + 1 :]] for i in range(count)],
            )
            for columns in itertools.combinations(range(len(A)), count)
        }
    [determinant] = minors.values()
    return determinant
