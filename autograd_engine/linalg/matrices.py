"""What the functions of linear algebra share: their arguments, stacks of matrices, and sums of products.

The algorithms run on matrices as lists of rows of any numbers: floats, Values, numbers that a compiler traces. A step
that depends on the size of a number (which row is the pivot?) looks at the data of Values, and is a `where` for numbers
that are not known yet, so both do the same operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from autograd_engine.linalg import loops
from autograd_engine.number_arrays import as_numbers, number_array
from autograd_engine.primitives import as_float, div, dot, where
from autograd_engine.runs import is_node
from autograd_engine.structure import float_array
from autograd_engine.value import Value

LinAlgError = np.linalg.LinAlgError
Matrix = list[list[Any]]


def arrays_of(caller: str, **given: Any) -> list[Any]:
    """The arguments of a call as arrays of floats, or of objects where one of them holds recorded numbers.

    If one of them is empty, none has numbers that matter, and all are of floats. Raises TypeError, which names the
    argument, for anything but real numbers.
    """
    arrays = [_array_of(f"{caller}(): {name}", x) for name, x in given.items()]
    if any(not array.size for array in arrays):
        return [np.broadcast_to(np.eye(*x.shape[-2:]) if x.ndim > 1 else 0.0, x.shape) for x in arrays]
    return arrays


def _array_of(name: str, x: Any) -> Any:
    try:
        array = float_array(x if isinstance(x, np.ndarray) else np.asarray(x))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None
    if array.dtype == np.float64:
        return array
    return number_array([x if is_node(x) else as_float(x, name) for x in array.ravel().tolist()], array.shape)


def are_plain(*arrays: Any) -> bool:
    """Whether all arrays are of floats, so that NumPy can compute the result."""
    return all(array.dtype != object for array in arrays)


def of_numpy(name: str, *arrays: Any, **options: Any) -> Any:
    """What the function of np.linalg gives for arrays of floats; its LinAlgError says which one raised it."""
    try:
        return getattr(np.linalg, name)(*arrays, **options)
    except LinAlgError as error:
        raise LinAlgError(f"{name}(): {error}") from None


def check_matrices(caller: str, name: str, array: Any, square: bool = True) -> None:
    """Raise LinAlgError unless `array` is a matrix or a stack of matrices, and they are square where they must be."""
    if array.ndim < 2 or (square and array.shape[-1] != array.shape[-2]):
        expected = "square matrices (..., n, n)" if square else "matrices (..., m, n)"
        raise LinAlgError(f"{caller}(): {name} must hold {expected}, got the shape {array.shape}")


def check_stacks(caller: str, *arrays: Any) -> None:
    """Raise LinAlgError unless the axes before the matrices can be broadcast."""
    stacks = [array.shape[:-2] for array in arrays]
    try:
        np.broadcast_shapes(*stacks)
    except ValueError:
        shapes = " and ".join(map(str, stacks))
        raise LinAlgError(f"{caller}(): the axes before the matrices do not fit together: {shapes}") from None


def over_stacks(function: Callable[..., tuple[Any, ...]], *operands: tuple[Any, int]) -> list[Any]:
    """Call `function` for each matrix of a stack, and return its results as arrays with the axes of the stack first.

    An operand is an array and how many of its last axes belong to one matrix or vector; the axes before them are
    broadcast. `function` gets nested lists, and returns a tuple of numbers and nested lists.
    """
    own = [array.shape[array.ndim - axes :] for array, axes in operands]
    stack = np.broadcast_shapes(*[array.shape[: array.ndim - axes] for array, axes in operands])
    parts = [np.broadcast_to(array, stack + shape).reshape(-1, *shape) for (array, _), shape in zip(operands, own)]
    results = [function(*[part.tolist() for part in matrices]) for matrices in zip(*parts)]
    return [_stacked(column, stack) for column in zip(*results)]


def _stacked(results: Sequence[Any], stack: tuple[int, ...]) -> Any:
    flat, shape = list(results), stack
    while isinstance(flat[0], list):
        shape = (*shape, len(flat[0]))
        flat = [x for row in flat for x in row]
    return number_array(flat, shape) if shape else flat[0]


def identity(n: int) -> Matrix:
    """The rows of the identity matrix."""
    rows: Matrix = np.eye(n).tolist()
    return rows


def transposed(rows: Matrix) -> Matrix:
    """The columns of a matrix."""
    return [list(column) for column in zip(*rows)]


def product(A: Matrix, B: Matrix) -> Matrix:
    """The product of two matrices, a `dot` for each number of it where it is straight code."""
    if all(x.__class__ is float for rows in (A, B) for row in rows for x in row):
        with np.errstate(all="ignore"):  # inf and nan are results
            numbers: Matrix = (np.array(A) @ np.array(B)).tolist()
        return numbers
    looped = loops.product(as_numbers(A), as_numbers(B))
    if looped is not NotImplemented:
        return cast(Matrix, looped.tolist())
    columns = transposed(B)
    return [[inner(row, column) for column in columns] for row in A]


def inner(xs: Sequence[Any], ys: Sequence[Any]) -> Any:
    """x₁y₁ + x₂y₂ + … without the products in which one factor is a plain 0."""
    pairs = [(x, y) for x, y in zip(xs, ys) if not (_is_zero(x) or _is_zero(y))]
    if len(pairs) == 1:
        return times(*pairs[0])
    return dot(*zip(*pairs)) if pairs else 0.0


def times(x: Any, y: Any) -> Any:
    """x · y, where a plain 0 or 1 makes no product."""
    if _is_zero(x) or _is_zero(y):
        return 0.0
    if x.__class__ is float and x == 1.0:
        return y
    return x if y.__class__ is float and y == 1.0 else x * y


def difference(x: Any, y: Any) -> Any:
    """x - y, where a plain 0 is not subtracted."""
    return x if _is_zero(y) else x - y


def minus(x: Any, xs: Sequence[Any], ys: Sequence[Any]) -> Any:
    """x - (x₁y₁ + x₂y₂ + …)."""
    return difference(x, inner(xs, ys))


def quotient(x: Any, y: Any) -> Any:
    """x / y, and 0 for a plain 0."""
    return x if _is_zero(x) else div(x, y)


def _is_zero(x: Any) -> bool:
    return x.__class__ is float and not x


def known(x: Any) -> Any:
    """The data of a Value, any other number as it is: for decisions, which have no derivatives."""
    return x.data if x.__class__ is Value else x


def size(x: Any) -> Any:
    """|x|, to be compared: a float where it is known."""
    return abs(known(x))


def is_known(x: Any) -> bool:
    """Whether x is a number that is known, and can be asked for its size."""
    return x.__class__ is Value or x.__class__ is float


def is_known_zero(x: Any) -> bool:
    """Whether x is 0; False for a number that is not known yet."""
    return is_known(x) and not x


def exchanged(condition: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """(y, x) where the condition is true, else (x, y); numbers or lists of them."""
    if isinstance(condition, (bool, np.bool_)):
        return (y, x) if condition else (x, y)
    if isinstance(x, list):
        pairs = [exchanged(condition, *pair) for pair in zip(x, y)]
        return [x for x, _ in pairs], [y for _, y in pairs]
    return where(condition, y, x), where(condition, x, y)
