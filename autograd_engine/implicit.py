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

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_engine.arguments import check_function, float_arguments
from autograd_engine.calls import Call
from autograd_engine.control_flow import cond, recorder, while_loop
from autograd_engine.custom import Again, custom_derivative, data, filled, nodes_in
from autograd_engine.number_arrays import number_array
from autograd_engine.primitives import abs, identity, maximum, minimum, where
from autograd_engine.runs import is_node, number_of, user_function, variable
from autograd_engine.structure import flatten, float_arrays, numbers_like
from autograd_engine.value import Value

_Numbers = Sequence[Any]
_Step = Callable[[Sequence[Any]], list[Any]]
_Run = Callable[[_Numbers], Again]


def root(f: Callable[..., Any], x0: Any, *args: Any, tolerance: float = 1e-9, rounds: int = 100) -> Any:
    """The x near `x0` for which `f(x, *args)` is 0, with derivatives of every order with respect to `args`.

    `x0` is a number, an array, or nested lists, tuples and dicts of them, and so is x; `f` returns as many numbers. The
    search is Newton's, with shorter steps where a full one does not reduce the residual. It ends with a step below
    `tolerance`, relative to the largest absolute value that the number has had on the way. No derivative flows through
    `x0`. Values that `f` uses besides its arguments count as arguments.

    Raises RuntimeError if it has not converged within `rounds` rounds, LinAlgError where the Jacobian of f is singular;
    TypeError where f or x0 hold no numbers; ValueError where f does not return as many numbers as x0 holds. In a
    compiled function x is nan where the search fails, and derivatives are inf or nan where the Jacobian at x is
    singular.

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

    search = _newton if problem.recorder is None else _recorded_newton
    return problem.solution(equations, lambda x, f: search(x, f, tolerance, rounds))


def fixed_point(g: Callable[..., Any], x0: Any, *args: Any, tolerance: float = 1e-12, rounds: int = 1000) -> Any:
    """The x to which x = g(x, *args) leads from `x0`, with derivatives of every order with respect to `args`.

    `x0` is a number, an array, or nested lists, tuples and dicts of them; `g` returns the same structure. The search
    has converged when no number changes by more than `tolerance`, relative to the largest absolute value that it has
    had on the way; it goes on from there while the changes shrink. No derivative flows through `x0`. Values that `g`
    uses besides its arguments count as arguments.

    Raises RuntimeError if it has not converged within `rounds` rounds; ValueError where g returns another structure;
    LinAlgError, TypeError as `root`, and so in a compiled function.

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

    search = _iteration if problem.recorder is None else _recorded_iteration
    return problem.solution(once, lambda x, f: search(x, f, tolerance, rounds), _changes)


def _changes(step: _Step, numbers: Sequence[Any]) -> list[Any]:
    return [x - y for x, y in zip(numbers, step(numbers))]


class _Problem:
    """A function of unknowns and arguments, taken apart."""

    def __init__(self, caller: str, f: Callable[..., Any], x0: Any, args: Sequence[Any]) -> None:
        check_function(caller, f)
        self.caller, self.f = caller, user_function.get()(f)
        self.args = float_arguments(caller, args)[0]
        self.inputs = nodes_in(self.args)
        leaves, self.structure = flatten(float_arrays(x0, f"{caller}(): x0"))
        numbers = [number_of(caller, "x0", x) for x in leaves]
        self.recorder = None if variable.get() is Value else recorder.get()
        self.start, self.count = list(map(data, numbers)), len(numbers)

    def call(self, numbers: Sequence[Any]) -> Any:
        """What f returns for unknowns followed by arguments."""
        return self.f(self.structure(numbers[: self.count]), *filled(self.args, numbers[self.count :]))

    def solution(
        self,
        step: _Step,
        search: Callable[[_Numbers, _Run], _Numbers],
        equations: Callable[[_Step, Sequence[Any]], list[Any]] = lambda step, numbers: step(numbers),
    ) -> Any:
        """What `search` finds by runs of `step` at several x, as a function of the arguments.

        `equations`, made of the step, give the derivatives: they are 0 there.
        """
        own = len(self.inputs)
        if self.recorder is not None:
            return self._recorded(self.recorder, step, search, equations)

        def found(arguments: _Numbers) -> _Numbers:
            return search(self.start, lambda numbers: Again(step, [*numbers, *arguments]))

        def solved(numbers: Sequence[Any]) -> list[Any]:
            return equations(step, numbers)

        def again(results: Sequence[Any], numbers: Sequence[Any]) -> Again:
            if list(map(data, numbers)) == inputs:  # f itself may find other Values in its variables by now
                return Again(at_solution.replayed, [*results, *numbers])
            return Again(solved, [*results, *numbers[:own]], outer, numbers[own:])

        arguments = list(map(data, self.inputs))
        x = found(arguments)
        at_solution = Again(solved, [*x, *arguments])
        outer = at_solution.used_besides([*x, *arguments])
        inputs = [*arguments, *map(data, outer)]
        call = Call(self.caller, lambda numbers: found(numbers[:own]), self._pulled(again))
        call.latest = inputs, x
        return self.structure(call.results([*self.inputs, *outer]))

    def _recorded(self, recording: Any, step: _Step, search: Any, equations: Any) -> Any:
        """The solution in a function that a compiler traces."""
        if not self.count:
            return self.structure([])
        n, own = self.count, self.count + len(self.inputs)

        def found(step: _Step, numbers: Sequence[Any]) -> _Numbers:
            x = search(numbers[:n], lambda x: Again(step, [*x, *numbers[n:own]]))
            return [number.detach() for number in x]

        def again_with(outer: Sequence[Any]) -> _Step:
            return lambda numbers: closed([*numbers, *outer])

        def again(results: Sequence[Any], numbers: Sequence[Any]) -> Again:
            closed_step = again_with(numbers[own:])
            return Again(lambda x: equations(closed_step, x), [*results, *numbers[n:own]], numbers[own:])

        # Where there are samples, each input is a number of every sample. The start is among them, since a loop around
        # records the search again with other numbers.
        start = [x.detach() if is_node(x) else variable.get()(x) for x in self.start]
        inputs = [*start, *[x.record(identity, x) for x in self.inputs]]
        x = found(step, inputs)
        at_solution = Again(step, [*x, *inputs[n:]])
        outer, closed = recording.closed(at_solution.inputs, at_solution.outputs)
        pulled, zeros = self._pulled(again), [0.0] * n

        def pushed(call: Call, numbers: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
            run = again(call.results(numbers), numbers)
            rates = run.push([*zeros, *tangents[n:]])
            found: list[Any] = _solve(_array(_jacobian(run, n)), _array([-x for x in rates])).tolist()
            return found

        call = Call(
            self.caller,
            lambda numbers: found(again_with(numbers[own:]), numbers),
            lambda *given: [*zeros, *pulled(*given)],
            pushed,
        )
        call.has_series = False
        call.latest = [*inputs, *outer], x
        return self.structure(call.results([*inputs, *outer]))

    def _pulled(self, again: Callable[[Sequence[Any], Sequence[Any]], Again]) -> Callable[..., list[Any]]:
        """The pull of a call, by a run of the equations at its results and inputs."""

        def pulled(call: Call, numbers: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
            run = again(call.results(numbers), numbers)
            jacobian = _array(_jacobian(run, self.count))
            weights = _solve(jacobian.T, _array([-x for x in cotangents]))
            return run.pull(weights.tolist())[self.count :]

        return pulled


def _newton(x: _Numbers, run: _Run, tolerance: float, rounds: int) -> _Numbers:
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


def _recorded_newton(x: _Numbers, run: _Run, tolerance: float, rounds: int) -> _Numbers:
    """What `_newton` finds, by a loop that a compiler records; nan where that raises an error.

    A round is one evaluation, which is accepted or leads to a step of half the length. The first is at x itself.
    """
    number = variable.get()

    def once(state: Any) -> Any:
        x, step, largest, size, share, i, excess = state
        nearer = [a - share * b for a, b in zip(x, step)]
        again = run(nearer)
        residual = _array(again.outputs)
        norm = np.linalg.norm(residual)
        accepted = (norm <= (1 - 1e-4 * share) * size) | (share <= 2 * _SHORTEST)
        following = np.linalg.solve(_array(_jacobian(again, len(x))), residual).tolist()
        following = [where(norm > 0.0, a, norm) for a in following]
        reached = [maximum(a, abs(b)) for a, b in zip(largest, nearer)]
        exceeds = functools.reduce(maximum, [abs(a) - tolerance * b for a, b in zip(following, reached)])
        accepted_state = [nearer, following, reached, norm, 1.0, i + 1.0, exceeds]
        return cond(accepted, lambda: accepted_state, lambda: [x, step, largest, size, share / 2, i, excess])

    zeros = [number(0.0) for _ in x]
    start = [list(x), zeros, [abs(a) for a in x], *map(number, (np.inf, 1.0, -1.0, np.inf))]
    x, step, *_, i, excess = while_loop(lambda state: (state[6] > 0.0) & (state[5] < rounds - 1.0), once, start)
    converged = (excess <= 0.0) & (i < float(rounds))
    return [where(converged, a - b, np.nan) for a, b in zip(x, step)]


def _iteration(x: _Numbers, run: _Run, tolerance: float, rounds: int) -> _Numbers:
    """The fixed point to which `run` leads from x."""
    largest, least, since, change = np.abs(x), np.inf, 0, np.inf
    for _ in range(rounds):
        before, x = np.array(x), [data(number) for number in run(x).outputs]
        largest = np.maximum(largest, np.abs(x))
        change = max((np.abs(before - x) / np.where(largest, largest, 1.0)).tolist(), default=0.0)
        since = 0 if change < least else since + 1  # rounds; changes need not shrink in each of them
        least = min(change, least)
        if not change or (least <= tolerance and since == _PATIENCE):
            break
    if least <= tolerance:
        return x
    raise RuntimeError(
        f"fixed_point() has not converged after {rounds} rounds; the last one changed a number by {change:.3g} of its "
        "largest value"
    )


def _recorded_iteration(x: _Numbers, run: _Run, tolerance: float, rounds: int) -> _Numbers:
    """What `_iteration` finds, by a loop that a compiler records; nan where that raises an error."""

    def once(state: Any) -> Any:
        before, largest, least, since, _, i = state
        x = run(before).outputs
        largest = [maximum(a, abs(b)) for a, b in zip(largest, x)]
        changes = [abs(a - b) / where(c > 0.0, c, 1.0) for a, b, c in zip(before, x, largest)]
        change = functools.reduce(maximum, changes)
        return [x, largest, minimum(change, least), where(change < least, 0.0, since + 1.0), change, i + 1.0]

    def goes_on(state: Any) -> Any:
        _, _, least, since, change, i = state
        return (change > 0.0) & ((least > tolerance) | (since < float(_PATIENCE))) & (i < float(rounds))

    start = [list(x), [abs(a) for a in x], *map(variable.get(), (np.inf, 0.0, np.inf, 0.0))]
    x, _, least, *_ = while_loop(goes_on, once, start)
    return [where(least <= tolerance, a, np.nan) for a in x]


_PATIENCE = 8
"""For how many rounds a fixed point that has converged may still become more accurate without doing so."""

_SHORTEST = 2.0**-30
"""The share of a full step of Newton's method at which it gives up."""


def _values(again: Again) -> Any:
    return np.array([data(number) for number in again.outputs])


def _jacobian(again: Again, unknowns: int) -> list[list[Any]]:
    """The derivatives of what was computed with respect to the unknowns, which come first among the inputs."""
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
