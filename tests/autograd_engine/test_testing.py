"""Laws of assert_gradients, points and approx: wrong derivatives are found at small points, right ones pass."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import autograd_engine as ag
from autograd_engine import PRIMITIVES, Primitive, Value, pytest_plugin, sin, tanh
from autograd_engine.check import GradientError
from autograd_engine.structure import leaves_of, map_leaves
from autograd_engine.testing import approx, assert_gradients, points
from tests.laws.strategies import Expression, expressions

NUMBERS = st.floats(-2.0, 2.0)


@pytest.fixture
def bad_square() -> Iterator[Primitive]:
    """A square whose slope is wrong above 2."""
    yield Primitive("bad_square", "bad_square", lambda x: x * x, lambda out, x: (2 * x + 0.5 * (x > 2),), "Of a test.")
    PRIMITIVES.pop("bad_square")


# --- assert_gradients ------------------------------------------------------------------------------------------------


@settings(max_examples=5, suppress_health_check=list(HealthCheck))
@given(expressions(max_steps=4))
def test_right_derivatives_pass_wherever_they_are_tried(expression: Expression) -> None:
    assert_gradients(expression, NUMBERS, NUMBERS, max_examples=3)


@pytest.mark.parametrize("f", [ag.log, ag.arccosh, ag.relu, ag.cbrt, lambda x, y: ag.maximum(x, y), lambda x: 3.0])
def test_without_arguments_the_points_are_those_of_the_function(f: Any) -> None:
    assert_gradients(f, order=2, max_examples=5)


def test_the_smallest_point_the_guilty_node_and_its_line_are_named(bad_square: Primitive) -> None:
    def f(x: Any, y: Any) -> Any:
        shifted = x + 1
        return bad_square(shifted) * 0.5 + y

    with pytest.raises(GradientError) as caught:
        assert_gradients(f, st.integers(-100, 100), st.floats(-100, 100))
    message = str(caught.value)
    assert message.startswith("f(2, 0.0) is the smallest point found that fails\n1 of 2 derivatives disagrees")
    assert "guilty: the partials of bad_square, at a node = bad_square(3) = 9" in message
    line = f.__code__.co_firstlineno + 2
    assert f"line: {__file__}:{line}, in f: return bad_square(shifted) * 0.5 + y" in message
    assert [slope.agrees for slope in caught.value.check.first] == [False, True]


def test_a_kink_that_may_be_to_blame_is_named_with_its_line() -> None:
    def f(x: Any) -> Any:
        return ag.maximum(x, 2 * x) - ag.maximum(x, 2 * x) * 0.99 - ag.relu(x)  # at 0 the slopes of the parts add up

    with pytest.raises(GradientError, match=rf"(?s)^at f\(0.0\)\n.*hint.*line: {re.escape(__file__)}:"):
        assert_gradients(f, 0.0)


def test_second_derivatives_are_checked_if_asked_for() -> None:
    square = Primitive("half_bad", "half_bad", lambda x: x * x, lambda out, x: (ag.stop_gradient(2 * x),), "Of a test.")
    try:
        assert_gradients(square, NUMBERS)
        with pytest.raises(GradientError, match="x, x"):
            assert_gradients(square, NUMBERS, order=2)
    finally:
        PRIMITIVES.pop("half_bad")


def test_strategies_and_fixed_arguments_go_together() -> None:
    seen = []

    def f(point: Any, scale: float, data: Any) -> Any:
        seen.append((scale, data))
        return tanh(point["w"][0]) * scale + point["w"][1] * data[0]

    assert_gradients(f, st.fixed_dictionaries({"w": st.tuples(NUMBERS, NUMBERS)}), 2.0, [3.0, 4.0], max_examples=3)
    assert (2.0, [3.0, 4.0]) in seen


def test_a_gradient_of_ones_own_is_checked_for_functions_of_numpy() -> None:
    def f(x: Any) -> Any:
        return float(np.sum(np.sin(x) ** 2))

    vectors = arrays(float, 3, elements=NUMBERS)
    assert_gradients(f, vectors, gradient=lambda x: np.sin(2 * x))
    with pytest.raises(GradientError, match=r"f\(array\(.*\) is the smallest point"):
        assert_gradients(f, vectors, gradient=lambda x: np.sin(x))


class Scale(NamedTuple):
    """An argument with structure."""

    a: float
    b: float


@pytest.mark.parametrize("framework", ["torch", "jax"])
@pytest.mark.filterwarnings("default")
def test_derivatives_of_other_frameworks_are_checked_in_their_own_numbers(framework: Any) -> None:
    package = pytest.importorskip(framework)
    functions = package if framework == "torch" else package.numpy

    def f(x: Any, scale: Scale) -> Any:
        assert x.dtype == functions.float64
        return functions.tanh(x * scale.a).sum() * scale.b

    constant = package.Tensor.detach if framework == "torch" else package.lax.stop_gradient
    arguments = (np.array([0.5, -1.0]), Scale(0.3, 2.0))
    assert_gradients(f, *arguments, framework=framework)
    assert_gradients(lambda x, y: functions.sin(x) * y, framework=framework, order=2, max_examples=1)
    with pytest.raises(GradientError, match=r"by .*\nx\[1\] .* WRONG\nx\[0\]|by .*\nx\[0\] .* WRONG\nx\[1\]"):
        assert_gradients(lambda x, scale: f(constant(x), scale), *arguments, framework=framework)

    def square(x: Any, y: Any) -> Any:
        c = constant(x)
        return 2 * x * c - c * c + y  # a square with the right slope, as a constant

    assert_gradients(square, 0.5, 0.0, framework=framework)
    with pytest.raises(GradientError, match="of the slope with respect to x:\n1 of 2"):
        assert_gradients(square, 0.5, 0.0, framework=framework, order=2)
    given = package.func.grad if framework == "torch" else package.grad
    assert_gradients(functions.sin, 0.5, gradient=given(functions.sin), framework=framework)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: assert_gradients(3.0), TypeError, r"assert_gradients\(\) needs a function first, got float"),
        (lambda: assert_gradients(sin, order=3), ValueError, "order must be 1 or 2, got 3"),
        (
            lambda: assert_gradients(sin, framework="caffe"),
            ValueError,
            "framework must be 'torch' or 'jax', got 'caffe'",
        ),
        (lambda: points(max), TypeError, r"points\(\) cannot tell how many numbers max\(\) takes; give strategies"),
        (lambda: points(lambda *xs: xs[0]), TypeError, "give strategies of them"),
        (lambda: assert_gradients(lambda x: ag.sqrt(-1 - x * x)), ValueError, "no point where <lambda>() is finite"),
        (lambda: assert_gradients(ag.log, st.just(-1.0)), ValueError, "f is nan at the point"),
        (lambda: assert_gradients(lambda x: math.exp(x)), TypeError, "cannot run f on Values"),
        (lambda: approx(["a"]), TypeError, "expected a real number"),
    ],
)
def test_what_cannot_be_tested_is_refused_in_a_sentence(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message.replace("<lambda>()", r"<lambda>\(\)")):
        call()


@pytest.mark.parametrize(
    ("package", "call"),
    [
        ("hypothesis", lambda: assert_gradients(sin)),
        ("hypothesis", lambda: points(sin)),
        ("pytest", lambda: approx(1.0)),
        ("torch", lambda: assert_gradients(sin, framework="torch")),
    ],
)
def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, package: str, call: Any) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"\(\) needs {package}: pip install {package}( \(the extra testing|$)"):
        call()
    assert_gradients(sin, 0.5)  # which needs nothing


# --- points ----------------------------------------------------------------------------------------------------------

# Functions with the distance of a point from where they are not smooth.
KINKED = {
    "abs": (ag.abs, lambda x: abs(x), 1),
    "relu, moved": (lambda x: 1e6 + ag.relu(x - 1), lambda x: abs(x - 1), 1),
    "root": (ag.sqrt, lambda x: x, 1),
    "cube root": (ag.cbrt, lambda x: abs(x), 1),
    "pole": (lambda x: 1 / x, lambda x: abs(x), 1),
    "steps": (lambda x: ag.floor(x) + x, lambda x: abs(x - round(x)), 1),
    "crossing": (lambda x, y: ag.maximum(x, y), lambda x, y: abs(x - y), 2),
    "guarded": (lambda x: math.log(x), lambda x: x, 1),
}


@pytest.mark.parametrize(("f", "distance", "arguments"), KINKED.values(), ids=KINKED)
def test_points_keep_their_distance_from_kinks_and_ends(f: Any, distance: Any, arguments: int) -> None:
    numbers = st.builds(lambda whole, part: whole + part, st.integers(-2, 2), st.floats(-2e-3, 2e-3))

    @settings(max_examples=50)
    @given(points(f, *[numbers] * arguments))
    def keeps(point: Any) -> None:
        assert distance(*point) > 1e-4

    keeps()


@settings(max_examples=10)
@given(expressions(max_steps=4), st.data())
def test_points_of_smooth_functions_are_anywhere(expression: Expression, data: st.DataObject) -> None:
    xs = data.draw(st.tuples(NUMBERS, NUMBERS))
    assert data.draw(points(expression, *map(st.just, xs))) == xs


# --- approx and the plugin -------------------------------------------------------------------------------------------

TREES = st.recursive(
    st.floats(-1e6, 1e6),
    lambda parts: st.lists(parts) | st.tuples(parts, parts) | st.dictionaries(st.text(max_size=2), parts, max_size=3),
    max_leaves=8,
)


@given(TREES)
def test_approx_is_pytests_number_by_number(tree: Any) -> None:
    off = map_leaves(lambda x: Value(x * (1 + 1e-7)), tree)
    far = map_leaves(lambda x: Value(x + 1e-3 * (1 + abs(x))), tree)
    assert off == approx(tree)
    assert tree == approx(off)
    assert far == approx(tree, rel=2e-3, abs=2e-3)
    assert len(approx(tree).differences(far)) == len(list(leaves_of(tree)))


def test_approx_takes_arrays_of_values_and_what_stands_for_them() -> None:
    values = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
    assert values == approx([[1.0, 2.0], (3.0, 4.0)])
    assert values.tolist() == approx(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert Value(0.1) + Value(0.2) == approx(0.3)
    assert approx(math.nan, nan_ok=True) == Value(math.nan)
    assert values != approx([1.0, 2.0])
    assert approx({"a": 1.0}) != {"b": Value(1.0)}
    assert repr(approx({"a": [Value(1.0)]})) == f"approx({{'a': [{pytest.approx(1.0)}]}})"


def test_approx_says_where_numbers_or_structures_differ() -> None:
    near = approx({"w": np.ones((2, 2)), "b": 0.0}, abs=0.5)
    assert near.differences({"w": [[Value(1.0), 2.0], [1.0, 1.0]], "b": 1}) == [
        "['w'][0][1]: 2.0, expected 1.0 ± 0.5",
        "['b']: 1.0, expected 0.0 ± 0.5",
    ]
    assert near.differences({"w": [[1.0], [1.0]], "b": 0.0}) == [
        "expected for the result['w'][0] a list, tuple or array of 2, got list of 1"
    ]
    assert approx(1.0).differences("one") == ["expected a real number (int, float or NumPy scalar), got str: 'one'"]


FAILING = """
from autograd_engine import Value
from autograd_engine.structure import leaves_of, map_leaves
from autograd_engine.testing import approx

def test_values():
    assert {"w": [Value(1.0), Value(2.0)]} == approx({"w": [1.0, 3.0]})

def test_others():
    assert [1, 2] == [1, 3]
"""


def test_the_plugin_shows_the_paths_of_the_numbers_that_differ(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(FAILING)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "autograd_engine.pytest_plugin", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, "test_it.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "['w'][1]: 2.0, expected 3.0 ± 3.0e-06" in done.stdout
    assert "At index 1 diff: 2 != 3" in done.stdout


def test_the_plugin_imports_nothing_of_ours() -> None:
    file = pytest_plugin.__file__
    program = f"import runpy, sys; runpy.run_path({file!r}); print(sys.modules.keys() & {{'numpy', 'autograd_engine'}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
