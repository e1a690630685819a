"""Solutions of equations, whose derivatives follow from the equation and not from the search: root and fixed_point.

If f(x, a) = 0 goes on to hold while a changes, then ∂f/∂x · dx/da = −∂f/∂a (the implicit function theorem): the
derivatives of x take one system of linear equations, however many rounds the search took.

>>> from autograd_engine.derivatives import grad
>>> def square_root(a):
...     return root(lambda x, a: x * x - a, 1.0, a)
>>> square_root(4.0), grad(square_root)(4.0), grad(grad(square_root))(4.0)
(2.0, 0.25, -0.03125)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_engine.arguments import float_arguments
from autograd_engine.calls import Call
from autograd_engine.custom import Again, custom_derivative, data, filled, nodes_in
from autograd_engine.number_arrays import number_array
from autograd_engine.runs import number_of, variable
from autograd_engine.structure import flatten, float_arrays, numbers_like
from autograd_engine.value import Value

_Numbers = Sequence[float]


def root(f: Callable[..., Any], x0: Any, *args: Any, tolerance: float = 1e-9, rounds: int = 100) -> Any:
    """The x near `x0` for which `f(x, *args)` is 0, with derivatives of every order by the numbers in `args`.

    `x0` is a number, an array, or nested lists, tuples and dicts of them, and so is x; `f` returns as many numbers. The
    search is Newton's, with shorter steps where a full one does not reduce the residual. It ends with a step below
    `tolerance`, relative to the largest absolute value that the number has had on the way. No derivative flows through
    `x0`. Values that `f` uses besides its arguments count as arguments.

    Raises RuntimeError if it has not converged after so many `rounds`, LinAlgError where the Jacobian of f is singular;
    TypeError in a compiled function, and where f or x0 hold no numbers; ValueError where f returns another number of
    numbers.

    >>> root(lambda p, r: [p[0] ** 2 + p[1] ** 2 - r**2, p[0] - p[1]], [1.0, 2.0], 5.0)
    [3.5355339059327378, 3.5355339059327378]
    """
    problem = _Problem("root", f, x0, args)

    def equations(numbers: Sequence[Any]) -> list[Any]:
        found = flatten(problem.call(numbers))[0]
        if len(found) != problem.count:
            raise ValueError(
                f"root(): f must return as many numbers as there are unknowns, {problem.count}, got {len(found)}"
            )
        return [number_of("root", "what f returned", x) for x in found]

    return problem.solution(equations, lambda x, f: _newton(x, f, tolerance, rounds))


def fixed_point(g: Callable[..., Any], x0: Any, *args: Any, tolerance: float = 1e-12, rounds: int = 1000) -> Any:
    """The x to which x = g(x, *args) leads from `x0`, with derivatives of every order by the numbers in `args`.

    `x0` is a number, an array, or nested lists, tuples and dicts of them; `g` returns the same structure. The search
    has converged when no number changes by more than `tolerance`, relative to the largest absolute value that it has
    had on the way; it goes on from there while the changes shrink. No derivative flows through `x0`. Values that `g`
    uses besides its arguments count as arguments.

    Raises RuntimeError if it has not converged after so many `rounds`; ValueError where g returns another structure;
    LinAlgError, TypeError as `root`.

    >>> from autograd_engine.primitives import cos
    >>> fixed_point(lambda x, a: a * cos(x), 0.5, 1.0)
    0.7390851332151607
    """
    problem = _Problem("fixed_point", g, x0, args)

    def once(numbers: Sequence[Any]) -> list[Any]:
        try:
            found = numbers_like(problem.structure, problem.call(numbers), "x")
        except ValueError as error:
            raise ValueError(f"fixed_point(): g must return the structure of x0: {error}") from None
        return [number_of("fixed_point", "what g returned", x) for x in found]

    def search(x: _Numbers, step: Callable[[_Numbers], Again]) -> _Numbers:
        largest, least, since = np.abs(x), np.inf, 0
        for _ in range(rounds):
            before, x = np.array(x), [data(number) for number in step(x).outputs]
            largest = np.maximum(largest, np.abs(x))
            change = max((np.abs(before - x) / np.where(largest, largest, 1.0)).tolist(), default=0.0)
            since = 0 if change < least else since + 1  # rounds; changes need not shrink in each of them
            least = min(change, least)
            if not change or (least <= tolerance and since == _PATIENCE):
                break
        if least <= tolerance:
            return x
        raise RuntimeError(
            f"fixed_point() has not converged after {rounds} rounds; the last one changed a number by {change:.3g} of "
            "its largest value"
        )

    def residual(numbers: Sequence[Any]) -> list[Any]:
        return [x - y for x, y in zip(numbers, once(numbers))]

    return problem.solution(residual, search, once)


class _Problem:
    """A function of unknowns and arguments, taken apart."""

    def __init__(self, caller: str, f: Callable[..., Any], x0: Any, args: Sequence[Any]) -> None:
        if not callable(f):
            raise TypeError(f"{caller}() needs a function, got {type(f).__name__}")
        self.caller, self.f = caller, f
        self.args = float_arguments(caller, args)[0]
        self.inputs = nodes_in(self.args)
        leaves, self.structure = flatten(float_arrays(x0, f"{caller}(): x0"))
        numbers = [number_of(caller, "x0", x) for x in leaves]
        if variable.get() is not Value:
            raise TypeError(f"{caller}() searches with numbers that are known; call it outside of compiled functions")
        self.start, self.count = list(map(data, numbers)), len(numbers)

    def call(self, numbers: Sequence[Any]) -> Any:
        """What f returns for unknowns followed by arguments."""
        return self.f(self.structure(numbers[: self.count]), *filled(self.args, numbers[self.count :]))

    def solution(
        self,
        equations: Callable[[Sequence[Any]], list[Any]],
        search: Callable[[_Numbers, Callable[[_Numbers], Again]], _Numbers],
        step: Callable[[Sequence[Any]], list[Any]] | None = None,
    ) -> Any:
        """What `search` finds by runs of `step` at several x, as a function of the arguments.

        `equations`, which give the derivatives, are 0 there; they are also the step unless there is another.
        """
        own = len(self.inputs)

        def found(arguments: _Numbers) -> _Numbers:
            return search(self.start, lambda numbers: Again(step or equations, [*numbers, *arguments]))

        def pulled(call: Call, numbers: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
            again = Again(equations, [*call.results(numbers), *numbers[:own]], outer, numbers[own:])
            jacobian = _array(_jacobian(again, self.count))
            weights = _solve(jacobian.T, _array([-x for x in cotangents]))
            return again.pull(weights.tolist())[self.count :]

        arguments = list(map(data, self.inputs))
        x = found(arguments)
        outer = Again(equations, [*x, *arguments]).used_besides([*x, *arguments])
        call = Call(self.caller, lambda numbers: found(numbers[:own]), pulled)
        call.latest = [*arguments, *map(data, outer)], x
        return self.structure(call.results([*self.inputs, *outer]))


def _newton(x: _Numbers, run: Callable[[_Numbers], Again], tolerance: float, rounds: int) -> _Numbers:
    """The root near x of what `run` computes.

    Newton's method with the step halved until the residual decreases (Dennis and Schnabel 1983, algorithm A6.3.1, with
    halves in place of its interpolation).
    """
    again, largest = run(x), np.abs(x)
    residual = _values(again)
    for i in range(rounds):
        if not residual.any():
            return x
        try:
            step = np.linalg.solve(_jacobian(again, len(x)), residual)
        except np.linalg.LinAlgError:
            raise np.linalg.LinAlgError(
                f"root(): the Jacobian of f is singular after {i} rounds, where the largest residual is "
                f"{np.abs(residual).max():.3g}; begin elsewhere"
            ) from None
        if (np.abs(step) <= tolerance * largest).all():
            return [float(number) for number in x - step]
        share, size = 1.0, np.linalg.norm(residual)
        while share > _SHORTEST:
            nearer = [float(number) for number in x - share * step]
            again = run(nearer)
            residual = _values(again)
            if np.linalg.norm(residual) <= (1 - 1e-4 * share) * size:
                break
            share /= 2
        x, largest = nearer, np.maximum(largest, np.abs(nearer))
    raise RuntimeError(
        f"root() has not converged after {rounds} rounds, where the largest residual is {np.abs(residual).max():.3g}; "
        "begin nearer to the root, or allow more rounds"
    )


_PATIENCE = 8
"""For how many rounds a fixed point that has converged may still become more accurate without doing so."""

_SHORTEST = 2.0**-30
"""The share of a full step of Newton's method at which it gives up."""


def _values(again: Again) -> Any:
    return np.array([data(number) for number in again.outputs])


def _jacobian(again: Again, unknowns: int) -> list[list[Any]]:
    """The derivatives of what was computed by the unknowns, which come first among the inputs."""
    rows = range(len(again.outputs))
    return [again.pull([float(i == j) for j in rows])[:unknowns] for i in rows]


def _array(numbers: Sequence[Any]) -> Any:
    """Numbers, in one list or a list of rows, as an array."""
    leaves, _ = flatten(numbers)
    return number_array(leaves, np.shape(numbers))


def _solved(matrix: Any, vector: Any) -> Any:
    try:
        return np.linalg.solve(matrix, vector)
    except np.linalg.LinAlgError:
        raise np.linalg.LinAlgError(
            "the Jacobian is singular at the solution, so the solution has no derivatives there"
        ) from None


def _pull_of_solved(cotangent: Any, out: Any, matrix: Any, vector: Any) -> Any:
    by_vector = _solve(matrix.T, cotangent)
    return -np.multiply.outer(by_vector, out), by_vector


_solve = custom_derivative(_solved, _pull_of_solved)
"""The solution of a system of linear equations, with derivatives of every order."""
