"""For test suites: `assert_gradients` checks derivatives at points that are drawn, `approx` compares Values.

The points come from hypothesis, which looks for the smallest one that fails; the judge at each is `check_gradients`.
Hypothesis, pytest and the frameworks are imported only where they are used.

>>> from autograd_engine import log, sin
>>> assert_gradients(lambda x, y: x * sin(y) + log(x), order=2)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from math import inf, nan, prod, ulp
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from autograd_engine.check import GradientError, check_gradients
from autograd_engine.diagnosis.debug import debug
from autograd_engine.installed import imported
from autograd_engine.number import ieee
from autograd_engine.runs import float_of, name_of, parameters_of, positional
from autograd_engine.structure import Structure, flatten, leaves_of, leaves_with_paths, map_leaves, numbers_like

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["Approx", "approx", "assert_gradients", "points"]

FrameworkName: TypeAlias = Literal["torch", "jax"]

_LARGEST = 10.0  # of the numbers that are drawn by default
_STEP = 1e-3  # how near no kink may be, as a share of the number or of 1


def assert_gradients(
    f: Callable[..., Any],
    *arguments: Any,
    order: int = 1,
    gradient: Callable[..., Any] | None = None,
    framework: FrameworkName | None = None,
    max_examples: int = 25,
) -> None:
    """Check the derivatives of `f` against finite differences at points that hypothesis draws.

    Each of `arguments` is a strategy of hypothesis, for numbers or nested data of numbers, or what this argument always
    is; without any they are `points(f)`. Where there is no strategy, the one point is checked. The judge is
    `check_gradients`, which measures its tolerances; `order=2` checks the second derivatives too.

    Checked is what the engine finds, or else the result of `gradient`, a function that returns all slopes at the same
    arguments, as `check_gradients` takes it. With `framework` ("torch" or "jax") `f` and `gradient` take tensors or
    arrays of that framework, of 64 bits, and without `gradient` the framework's own derivatives are checked.

    Raises GradientError at the smallest point found that fails. The report begins with the call; it names the guilty
    node, and the line that made it, where the engine's derivatives are wrong. Raises ValueError if no point can be
    drawn or `f` has no finite value at one, TypeError as `check_gradients` does; ImportError without the framework, or
    without hypothesis if something is to be drawn.

    >>> from hypothesis import strategies as st
    >>> def hypotenuse(sides):
    ...     return (sides["a"] ** 2 + sides["b"] ** 2) ** 0.5
    >>> side = st.floats(0.1, 100)
    >>> assert_gradients(hypotenuse, st.fixed_dictionaries({"a": side, "b": side}), order=2)
    >>> assert_gradients(np.sin, st.floats(-5, 5), gradient=lambda x: 1 - x * x / 2)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autograd_engine.check.GradientError: sin(1.0) is the smallest point found that fails
    1 of 1 derivatives disagrees with finite differences
    ...
    """
    subject = _Subject("assert_gradients", f, gradient, framework)
    failing: Sequence[Any] = arguments

    def check(point: Sequence[Any]) -> None:
        nonlocal failing
        failing = point  # at last the smallest, which hypothesis tries once more
        subject.check(point, order)

    drawn = not arguments or any(map(_is_strategy, arguments))
    try:
        _search(check, subject, arguments, max_examples) if drawn else check(arguments)
    except GradientError:
        try:
            with debug():
                subject.check(failing, order)
        except GradientError as with_lines:
            error = with_lines
        call = f"{name_of(f)}({', '.join(map(repr, failing))})"
        where = f"{call} is the smallest point found that fails" if drawn else f"at {call}"
        raise GradientError(f"{where}\n{error}", error.check) from None


def points(
    f: Callable[..., Any], *arguments: Any, framework: FrameworkName | None = None
) -> SearchStrategy[tuple[Any, ...]]:
    """A strategy of hypothesis for the arguments of `f`, as a tuple, where `f` is finite and smooth.

    There is no kink, jump, pole or end of the domain within about a thousandth of each number, or of 1 for numbers
    below 1. `arguments` and `framework` are as for `assert_gradients`; without arguments there is a number from -10 to
    10 for each parameter of `f` that has no default. Where `f` raises ArithmeticError, ValueError or AssertionError it
    is not defined.

    Raises TypeError if it cannot be told how many numbers `f` takes; ImportError without hypothesis.

    >>> from autograd_engine import sqrt
    >>> from hypothesis import find
    >>> find(points(lambda x, y: sqrt(x - 2) / y), lambda point: True)
    (3.0, 1.0)
    """
    subject = _Subject("points", f, None, framework)
    return _points(subject, arguments).filter(subject.is_smooth)  # type: ignore[no-any-return]


def approx(expected: Any, rel: float | None = None, abs: float | None = None, nan_ok: bool = False) -> Approx:
    """`pytest.approx` for Values and nested data: equal to what has the same structure and nearly the same numbers.

    `expected` is a number or nested lists, tuples, dicts, dataclasses and arrays of numbers, Values among them; lists,
    tuples and arrays may stand for one another. The tolerances are those of `pytest.approx`, number by number. A
    failing assertion shows the paths of the numbers that differ. Raises TypeError for what is not a number; ImportError
    without pytest.

    >>> from autograd_engine import Value, gradient
    >>> w, b = Value(0.1), Value(0.2)
    >>> {"sum": w + b, "slopes": gradient(w * b, [w, b])} == approx({"sum": 0.3, "slopes": (0.2, 0.1)})
    True
    >>> print(approx([0.3, 0.4], abs=0.01).differences([w + b, w]))
    ['[1]: 0.1, expected 0.4 ± 0.01']
    """
    of_number = functools.partial(imported("approx", "pytest", "testing").approx, rel=rel, abs=abs, nan_ok=nan_ok)
    return Approx(expected, of_number)


class Approx:
    """What `approx` returns: equal to nested data with nearly the same numbers."""

    __array_ufunc__ = None  # an array on the left leaves the comparison to us
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, expected: Any, of_number: Callable[[float], Any]) -> None:
        listed = map_leaves(lambda x: x.tolist() if isinstance(x, np.ndarray) else x, expected)
        self._structure = flatten(listed)[1]
        self._expected = [(path, of_number(float_of(x))) for path, x in leaves_with_paths(listed)]

    def differences(self, actual: Any) -> list[str]:
        """A line for each number that differs, or one that says where the structure does; none where all is equal."""
        try:
            numbers = [float_of(x) for x in numbers_like(self._structure, actual, "the result")]
        except ValueError as error:
            return [f"expected {error}"]
        except TypeError as error:
            return [str(error)]
        pairs = zip(numbers, self._expected)
        return [f"{path or 'the number'}: {x!r}, expected {near}" for x, (path, near) in pairs if x != near]

    def __eq__(self, actual: object) -> bool:
        return not self.differences(actual)

    def __repr__(self) -> str:
        return f"approx({self._structure([near for _, near in self._expected])!r})"


# --- the function under test -----------------------------------------------------------------------------------------


class _Framework(NamedTuple):
    """A number or an array as the framework's own, the way back, and the gradient of a function in all arguments."""

    own: Callable[[Any], Any]
    plain: Callable[[Any], Any]
    gradient: Callable[[Callable[..., Any]], Callable[..., Any]]
    in_64_bits: Callable[[], AbstractContextManager[Any]] = nullcontext

    def on_floats(self, g: Callable[..., Any]) -> Callable[..., Any]:
        """A function of the framework's numbers as one of floats and arrays of them."""

        @functools.wraps(g)  # for the names of its parameters
        def of_floats(*args: Any) -> Any:
            with self.in_64_bits():
                return map_leaves(self.plain, g(*map_leaves(self.own, args)))

        return of_floats

    def slope(self, g: Callable[..., Any], i: int) -> Callable[..., Any]:
        """Number i of the gradient of g, as a function of the framework's numbers."""

        @functools.wraps(g)
        def of_own(*args: Any) -> Any:
            place = i
            for slopes in leaves_of(self.gradient(g)(*args)):
                if place < prod(slopes.shape):
                    return slopes.reshape(-1)[place]
                place -= prod(slopes.shape)

        return of_own


class _Subject:
    """What is tested: a function of floats and arrays, or of a framework's, and the gradient, if one is given."""

    def __init__(self, caller: str, f: Callable[..., Any], gradient: Any, framework: FrameworkName | None) -> None:
        if not callable(f):
            raise TypeError(f"{caller}() needs a function first, got {type(f).__name__}")
        if framework is not None and framework not in _FRAMEWORKS:
            raise ValueError(f"framework must be {' or '.join(map(repr, _FRAMEWORKS))}, got {framework!r:.60}")
        self.caller, self.given, self.gradient = caller, f, gradient
        self.framework = _FRAMEWORKS[framework](caller) if framework else None
        self.f = self.framework.on_floats(f) if self.framework else f

    def check(self, point: Sequence[Any], order: int) -> None:
        """Raises GradientError where a derivative is wrong."""
        if self.framework is None:
            check_gradients(self.f, *point, order=order, gradient=self.gradient)
            return
        f, on_floats, gradient_of = self.given, self.framework.on_floats, self.framework.gradient
        second = order == 2 and self.gradient is None
        slopes = on_floats(self.gradient or gradient_of(f))
        check = check_gradients(self.f, *point, order=1 if second else order, gradient=slopes)
        for i, by in enumerate([slope.by for slope in check.first] if second else []):
            slope = self.framework.slope(f, i)
            try:
                check_gradients(on_floats(slope), *point, gradient=on_floats(gradient_of(slope)))
            except GradientError as error:
                raise GradientError(f"of the slope with respect to {by}:\n{error}", error.check) from None

    def is_smooth(self, point: Sequence[Any]) -> bool:
        """Whether f is finite near a point, and looks straighter the nearer one looks, by each number."""
        leaves, structure = flatten(tuple(point))
        with np.errstate(all="ignore"):
            return all(self._is_smooth_by(i, leaves, structure) for i in range(len(leaves)))

    def _is_smooth_by(self, i: int, leaves: Sequence[float], structure: Structure) -> bool:
        def at(x: float) -> float:
            try:
                return float_of(self.f(*structure([ieee(float(y)) for y in (*leaves[:i], x, *leaves[i + 1 :])])))
            except (ArithmeticError, ValueError, AssertionError):
                return nan

        x = float(leaves[i])
        here, step = at(x), _STEP * max(1.0, abs(x))
        far_left, left, right, far_right = [(at(x + h) - here) / h for h in (-step, -step / 2, step / 2, step)]
        steepest = max(abs(far_left), abs(far_right))
        rounding = 1e-6 * steepest + 8 * ulp(here) / step
        # Of a smooth function the slopes to both sides differ half as much at half the step; at a kink they differ as
        # much as before. At a jump, a pole or a root's beginning they become steeper.
        straighter = abs(right - left) <= 0.75 * abs(far_right - far_left) + rounding
        return straighter and max(abs(left), abs(right)) <= 1.25 * steepest + rounding < inf


def _torch(caller: str) -> _Framework:
    torch = imported(caller, "torch")

    def own(x: Any) -> Any:
        return torch.tensor(np.asarray(x, dtype=np.float64), requires_grad=True)

    def plain(x: Any) -> Any:
        return torch.as_tensor(x).detach().numpy()[()]

    def gradient(f: Callable[..., Any]) -> Callable[..., Any]:
        def slopes(*args: Any) -> Any:
            leaves = list(leaves_of(args))
            output = f(*args) + 0.0 * leaves[0].sum()  # so that a constant has a gradient, too
            found = iter(torch.autograd.grad(output, leaves, create_graph=True, materialize_grads=True))
            return map_leaves(lambda _: next(found), args)

        return slopes

    return _Framework(own, plain, gradient)


def _jax(caller: str) -> _Framework:
    jax = imported(caller, "jax")

    def gradient(f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: jax.grad(f, argnums=tuple(range(len(args))))(*args)

    return _Framework(jax.numpy.asarray, lambda x: np.asarray(x)[()], gradient, lambda: jax.enable_x64(True))


_FRAMEWORKS = {"torch": _torch, "jax": _jax}


# --- the points ------------------------------------------------------------------------------------------------------


def _search(check: Callable[[Sequence[Any]], None], subject: _Subject, arguments: Any, max_examples: int) -> None:
    """Check points that are drawn; the error is that of the smallest, which was checked last."""
    hypothesis = imported(subject.caller, "hypothesis", "testing")
    strategy = _points(subject, arguments)
    settings = hypothesis.settings(
        max_examples=max_examples,
        deadline=None,
        database=None,  # it would mix up the functions, which are all tested by the same one
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    try:
        settings(hypothesis.given(strategy if arguments else strategy.filter(subject.is_smooth))(check))()
    except hypothesis.errors.Unsatisfiable:
        name = name_of(subject.given)
        raise ValueError(
            f"{subject.caller}() found no point where {name}() is finite and smooth; give strategies of its arguments"
        ) from None


def _points(subject: _Subject, arguments: Sequence[Any]) -> Any:
    """The strategy for the arguments as they are given, or for as many numbers as the function takes."""
    strategies = imported(subject.caller, "hypothesis", "testing").strategies
    if not arguments:
        arguments = [strategies.floats(-_LARGEST, _LARGEST)] * _parameters(subject)
    return strategies.tuples(*[x if _is_strategy(x) else strategies.just(x) for x in arguments])


def _is_strategy(x: Any) -> bool:
    return hasattr(x, "example") and hasattr(x, "flatmap")


def _parameters(subject: _Subject) -> int:
    """How many arguments the function must have."""
    needed = [p for p in positional(parameters_of(subject.given)) if p.default is p.empty]
    if not needed:
        name = name_of(subject.given)
        raise TypeError(f"{subject.caller}() cannot tell how many numbers {name}() takes; give strategies of them")
    return len(needed)
