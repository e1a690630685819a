"""Norms, powers and exponentials of matrices."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from math import inf, nan
from typing import Any, cast

import numpy as np

from autograd_engine.linalg.eigenvalues import eigenvalues_of
from autograd_engine.linalg.elimination import inv
from autograd_engine.linalg.loops import exponential, is_long
from autograd_engine.linalg.matrices import (
    Matrix,
    are_plain,
    arrays_of,
    check_matrices,
    exchanged,
    identity,
    inner,
    is_known,
    known,
    over_stacks,
    product,
    size,
    times,
    transposed,
)
from autograd_engine.number_arrays import as_numbers, number_array
from autograd_engine.primitives import abs, maximum, minimum, pow, sqrt, sum


def matrix_power(a: Any, n: int) -> Any:
    """Matrices (..., m, m) to the power of a whole number n: products, of the inverses if n is negative.

    Raises LinAlgError where a matrix is not square, or is singular and n is negative; TypeError unless n is a whole
    number.

    >>> from autograd_engine import grad, linalg
    >>> grad(lambda x: linalg.matrix_power([[1.0, x], [0.0, 1.0]], 5)[0, 1])(3.0)
    5.0
    """
    [a] = arrays_of("matrix_power", a=a)
    check_matrices("matrix_power", "a", a)
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError(f"matrix_power(): n must be a whole number, got {n!r:.60}") from None
    if n < 0:
        a, n = inv(a), -n
    if are_plain(a):
        return np.linalg.matrix_power(a, n)

    def power(A: Any) -> Any:
        result: Any = None
        square, rest = A, n
        while rest:
            if rest % 2:
                result = square if result is None else product(result, square)
            rest //= 2
            square = product(square, square) if rest else square
        return (result or identity(len(A)),)

    return over_stacks(power, (a, 2))[0]


def expm(a: Any) -> Any:
    """The exponentials I + a + a²/2! + a³/3! + … of matrices (..., n, n).

    The series is taken of a / 2^s, of which nothing is left after sixteen terms, and then squared s times. Compiled, a
    matrix of at most 7 rows is squared at most 16 times, and gives nan where the sums of columns of |a| exceed 32768.
    Raises LinAlgError where a matrix is not square.

    Source: N. J. Higham, Functions of Matrices (2008), chapters 4.2 and 10.3.

    >>> from autograd_engine import grad, linalg
    >>> grad(lambda t: linalg.expm([[0.0, t], [0.0, 0.0]])[0, 1])(3.0)
    1.0
    """
    [a] = arrays_of("expm", a=a)
    check_matrices("expm", "a", a)
    return over_stacks(lambda A: (_exponential(A),), (a, 2))[0] if a.size else np.zeros(a.shape)


_MOST_SQUARINGS = 16  # where the size of the matrix is not known
_COEFFICIENTS = [1 / math.factorial(k) for k in range(17)]


def _exponential(A: Matrix) -> Matrix:
    if is_long((6 + _MOST_SQUARINGS) * len(A) ** 3):
        return cast(Matrix, exponential(as_numbers(A), _COEFFICIENTS).tolist())
    squarings, scale = _squarings(functools.reduce(maximum, [sum(map(size, column)) for column in transposed(A)]))
    A = [[times(x, scale) for x in row] for row in A]
    powers = [identity(len(A)), A]
    for _ in range(3):
        powers.append(product(powers[-1], A))
    # Four powers at a time, so that six products are enough.
    fourth = powers.pop()
    result = [[times(_COEFFICIENTS[16], x) for x in row] for row in fourth]
    for k in (12, 8, 4, 0):
        result = result if k == 12 else product(result, fourth)
        coefficients = [1.0, *_COEFFICIENTS[k : k + 4]]
        result = [[inner(coefficients, numbers) for numbers in zip(*rows)] for rows in zip(result, *powers)]
    for condition in squarings:
        result, _ = exchanged(condition, result, product(result, result))
    return result


def _squarings(length: Any) -> tuple[list[Any], Any]:
    """A condition for each squaring: whether it is needed for a matrix of this norm; and the factor 2^-s."""
    if is_known(length):
        # An infinite or nan matrix has no better exponential for being squared.
        squarings: list[Any] = [True for k in range(1024) if inf > length > 2.0 ** (k - 1)]
        return squarings, 0.5 ** len(squarings)
    squarings = [length > 2.0 ** (k - 1) for k in range(_MOST_SQUARINGS)]
    factors = [exchanged(condition, 1.0, 0.5)[0] for condition in squarings]
    beyond = exchanged(length > 2.0 ** (_MOST_SQUARINGS - 1), 1.0, nan)[0]
    return squarings, functools.reduce(times, factors, beyond)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of a vector or matrix, or of those along one or two axes of an array.

    `ord` is None or 2 for the Euclidean length of a vector; any other number p for (Σ|x|^p)^(1/p), inf and -inf for the
    largest and smallest |x|, 0 for how many numbers are not 0. For matrices it is None or "fro" for the length of all
    numbers, 1 and inf for the largest sum of a column and of a row, -1 and -inf for the smallest, and 2 for the largest
    singular value.
    With no `ord` and no `axis`, an array of any shape counts as one vector. `keepdims` keeps the axes, with length 1.

    The derivative at a vector of zeros is 0. Raises ValueError for an `ord` that is not defined for what
    `axis` selects.

    >>> from autograd_engine import grad, linalg
    >>> grad(linalg.norm)(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """
    [x] = arrays_of("norm", x=x)
    compute: Callable[[Any], Any] | None
    if are_plain(x):
        return np.linalg.norm(x, ord, axis, keepdims)
    np.linalg.norm(np.ones(x.shape), ord, axis)  # raises what NumPy raises
    axes = tuple(range(x.ndim)) if axis is None else tuple([i % x.ndim for i in np.atleast_1d(axis).tolist()])
    if axis is None and ord is None:
        vectors, own = x.reshape(-1), 1
    else:
        vectors, own = np.moveaxis(x, axes, range(-len(axes), 0)), len(axes)
    compute = (_VECTOR_NORMS if own == 1 else _MATRIX_NORMS).get(ord)
    if compute is None and own == 2:
        raise ValueError(f'norm(): the norm of order {ord!r} of a matrix has no derivatives here; take "fro", 1 or inf')
    compute = compute or functools.partial(_power_norm, p=float(ord))
    [result] = over_stacks(lambda numbers: (compute(numbers),), (vectors, own))
    if not keepdims:
        return result
    return number_array(np.ravel(result).tolist(), [1 if i in axes else length for i, length in enumerate(x.shape)])


def cond(x: Any, p: Any = None) -> Any:
    """The condition number of square matrices: the norm of each, of order `p`, times that of its inverse.

    None stands for the order 2, as for NumPy; the other orders are those of `norm`, and so are errors. A singular
    matrix raises LinAlgError; compiled, it gives inf or nan.

    >>> from autograd_engine import grad, linalg
    >>> grad(lambda a: linalg.cond([[a, 0.0], [0.0, 1.0]]))(3.0)
    1.0
    """
    [x] = arrays_of("cond", x=x)
    if are_plain(x):
        return np.linalg.cond(x, p)
    check_matrices("cond", "x", x)
    order = 2 if p is None else p
    return norm(x, order, (-2, -1)) * norm(inv(x), order, (-2, -1))


def _length(numbers: Sequence[Any]) -> Any:
    return sqrt(inner(numbers, numbers))


def _power_norm(numbers: Sequence[Any], p: float) -> Any:
    return pow(sum([pow(abs(x), p) for x in numbers]), 1 / p)


def _absolute_sum(numbers: Sequence[Any]) -> Any:
    return sum(map(abs, numbers))


def _largest(numbers: Sequence[Any]) -> Any:
    return functools.reduce(maximum, map(abs, numbers))


def _smallest(numbers: Sequence[Any]) -> Any:
    return functools.reduce(minimum, map(abs, numbers))


def _of_all(A: Matrix) -> Any:
    return _length([x for row in A for x in row])


def _largest_singular_value(A: Matrix) -> Any:
    columns = transposed(A)
    return sqrt(eigenvalues_of(product(columns, A) if len(A) > len(columns) else product(A, columns))[-1])


_VECTOR_NORMS: dict[Any, Callable[[Any], Any]] = {
    None: _length,
    2: _length,
    1: _absolute_sum,
    inf: _largest,
    -inf: _smallest,
    0: lambda numbers: sum([exchanged(known(x) != 0, 0.0, 1.0)[0] for x in numbers]),
}
_MATRIX_NORMS: dict[Any, Callable[[Any], Any]] = {
    None: _of_all,
    "fro": _of_all,
    2: _largest_singular_value,
    inf: lambda A: _largest(list(map(_absolute_sum, A))),
    -inf: lambda A: _smallest(list(map(_absolute_sum, A))),
    1: lambda A: _largest(list(map(_absolute_sum, transposed(A)))),
    -1: lambda A: _smallest(list(map(_absolute_sum, transposed(A)))),
}
