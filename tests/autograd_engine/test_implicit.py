"""Solutions of equations, and their derivatives by the implicit function theorem."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import (
    Value,
    cbrt,
    check_gradients,
    cos,
    exp,
    fixed_point,
    grad,
    gradient,
    hessian,
    jacobian,
    jvp,
    log,
    root,
    sin,
    sqrt,
    tanh,
    value_and_grad,
    vmap,
)
from autograd_engine.graph import topological_order


@given(a=st.floats(0.1, 50.0), x0=st.floats(0.3, 20.0))
def test_a_root_in_closed_form_has_its_derivatives_of_every_order(a, x0):
    def solved(a):
        return root(lambda x, a: x * x * x - a, x0, a)

    f, g = cbrt, solved
    for _ in range(4):
        assert g(a) == pytest.approx(f(a), rel=1e-12)
        f, g = grad(f), grad(g)


@given(m=st.floats(-3.0, 3.0), e=st.floats(0.0, 0.9))
def test_kepler(m, e):
    anomaly = root(lambda x: x - e * sin(x) - m, m)
    assert anomaly - e * math.sin(anomaly) == pytest.approx(m, abs=1e-14)
    slopes = grad(lambda m, e: root(lambda x, m, e: x - e * sin(x) - m, m, m, e), argnums=(0, 1))(m, e)
    scale = 1 - e * math.cos(anomaly)
    assert slopes == pytest.approx((1 / scale, math.sin(anomaly) / scale), rel=1e-11, abs=1e-14)


def jvp_of_one(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: jvp(f, (x,), (1.0,))[1]


class Point(NamedTuple):
    x: Any
    y: Any


def circle_and_line(p: Point, r: Any, slope: Any) -> Any:
    return {"circle": p.x**2 + p.y**2 - r**2, "line": [p.y - slope["m"] * p.x]}


def crossing(r: Any, m: Any) -> Point:
    return root(circle_and_line, Point(1, 2), r, {"m": m})


def crossing_in_closed_form(r: Any, m: Any) -> Point:
    x = r / sqrt(1 + m * m)
    return Point(x, m * x)


def test_a_system_in_closed_form_has_its_derivatives_of_every_order():
    point = (5.0, 0.75)
    for order in (
        lambda f: f,
        lambda f: jacobian(f, argnums=(0, 1)),
        lambda f: jacobian(jacobian(f, argnums=(0, 1)), argnums=(0, 1)),
        lambda f: hessian(lambda r, m: f(r, m).x * f(r, m).y, argnums=(0, 1)),
        lambda f: lambda r, m: jvp(f, (r, m), (2.0, 3.0)),
        lambda f: grad(grad(grad(lambda r, m: f(r, m).y, 1), 1), 1),
        lambda f: (
            lambda r, m: vmap(grad(lambda r, m: f(r, m).x, argnums=(0, 1)))(np.array([r, 2 * r]), np.array([m, 3]))
        ),
    ):
        found, expected = order(crossing)(*point), order(crossing_in_closed_form)(*point)
        assert _flat(found) == pytest.approx(_flat(expected), rel=1e-11)
    assert type(crossing(*point)) is Point


def _flat(tree: Any) -> list[float]:
    return [x for part in tree for x in _flat(part)] if isinstance(tree, (tuple, list, np.ndarray)) else [tree]


def chain(x: Any, a: Any) -> Any:
    """As many equations as unknowns, coupled to their neighbours."""
    left, right = np.concatenate([[0.0], x[:-1]]), np.concatenate([x[1:], [1.0]])
    return 4 * x + np.tanh(x) * a["a"] - left - right * a["b"] - a["c"]


def test_arrays_are_solved_for_and_differentiated_by_arrays():
    a = {"a": np.array([0.5, 1.0, -0.7]), "b": 0.4, "c": np.arange(3)}
    x = root(chain, np.zeros(3), a)
    assert chain(x, a) == pytest.approx(np.zeros(3), abs=1e-14)
    check_gradients(lambda a: (root(chain, np.zeros(3), a) ** 3).sum(), a, order=2)


def test_derivatives_take_no_further_run_however_many_numbers_there_are():
    runs = []

    def counted(x, a):
        runs.append(x)
        return chain(x, a)

    a = {"a": np.array([0.5, 1.0, -0.7, 0.3]), "b": 0.4, "c": np.arange(4)}
    grad(lambda a: (root(counted, np.zeros(4), a) ** 3).sum())(a)
    searched = len(runs)
    root(counted, np.zeros(4), a)
    assert searched == len(runs) - searched


@pytest.mark.parametrize("solve", [root, lambda f, x0, *args: fixed_point(lambda x, *args: x - f(x, *args), x0, *args)])
def test_an_equation_may_use_a_variable_that_has_changed_since(solve):
    def chain(a, solved):
        x = a
        for _ in range(40):
            x = solved(lambda x, y: 1.5 * x + 0.3 * sin(x) - y, x)
        return x

    def nested(a, solved):
        return solved(lambda x, y: x + 0.2 * sin(solved(lambda z, x: z + 0.3 * sin(z) - x, x)) - y, chain(a, solved))

    def closed(f, y):
        return solve(lambda x: f(x, y), 1.0)

    def in_a_loop(a):
        x = a
        for _ in range(40):
            x = solve(lambda x_: 1.5 * x_ + 0.3 * sin(x_) - x, 1.0)  # noqa: B023 - that is the point
        y, x = x, None
        return solve(lambda x: x + 0.2 * sin(closed(lambda z, x: z + 0.3 * sin(z) - x, x)) - y, 1.0)

    passed = functools.partial(nested, solved=lambda f, y: solve(f, 1.0, y))
    for derivative in (grad, lambda f: grad(grad(f)), jvp_of_one, lambda f: grad(jvp_of_one(f))):
        assert derivative(in_a_loop)(0.7) == pytest.approx(derivative(passed)(0.7), rel=1e-9)


def test_fixed_points_in_closed_form_have_their_derivatives_of_every_order():
    def heron(a):
        return fixed_point(lambda x, a: (x + a / x) / 2, 1.0, a)

    f, g = sqrt, heron
    for _ in range(4):
        assert g(7.0) == pytest.approx(f(7.0), rel=1e-11)
        f, g = grad(f), grad(g)


def test_fixed_points_of_systems():
    def layer(x, w):
        return {"b": tanh(w[0] * x["a"][0] + 0.3), "a": np.stack([sin(x["b"] * w[1]), x["a"][0] * 0.5])}

    def total(w):
        x = fixed_point(layer, {"a": np.zeros(2), "b": 0}, w)
        assert list(x) == ["a", "b"]
        return x["a"].sum() * x["b"]

    check_gradients(total, [0.6, 0.8], order=2)


def test_values_that_the_equation_uses_besides_its_arguments_count():
    a = Value(4.0)
    x = root(lambda x: x * x - a * a, 1.0)
    x.backward()
    assert (x.data, a.grad) == (4.0, 1.0)
    assert grad(grad(lambda a: root(lambda x: x**3 - a, 1.0)))(2.0) == pytest.approx(grad(grad(cbrt))(2.0))
    assert grad(lambda a: fixed_point(lambda x: a * cos(x), 0.5))(1.0) == pytest.approx(
        grad(lambda a: fixed_point(lambda x, a: a * cos(x), 0.5, a))(1.0)
    )
    doubled = 2 * a
    assert gradient(root(lambda x: log(x) - doubled, 1.0), doubled).data == pytest.approx(math.exp(8.0))


def test_the_graph_of_a_solution_is_one_node_for_each_number():
    a, b = Value(5.0), Value(0.75)
    point = crossing(a, b)
    assert topological_order([point.x, point.y]) == [a, b, point.x, point.y]
    assert point.x.parents == (a, b)
    assert list(point.x.local_derivatives()) == pytest.approx([0.8, -1.92])


def test_no_derivative_flows_through_the_start():
    assert grad(lambda x0: root(lambda x: x * x - 2, x0))(1.0) == 0.0
    assert grad(lambda x0, a: root(lambda x, a: x * x - a, x0, a) * x0, argnums=(0, 1))(1.0, 4.0) == (2.0, 0.25)


@pytest.mark.parametrize("x0", [-3.0, 4.0, 20.0])
def test_newton_takes_shorter_steps_where_full_ones_lead_away(x0):
    assert root(lambda x: np.arctan(x - 1), x0) == pytest.approx(1.0, abs=1e-15)  # full steps oscillate ever wider
    assert root(lambda x: log(x) - 1, abs(x0)) == pytest.approx(math.e, rel=1e-15)  # nan below 0


@given(scale=st.sampled_from([1e-150, 1e-9, 1.0, 1e9, 1e150]), units=st.sampled_from([1e-100, 1.0, 1e100]))
def test_what_counts_as_converged_depends_on_no_unit(scale, units):
    found = root(lambda x: units * (exp(x / scale) - 2.0), scale)
    assert found == pytest.approx(scale * math.log(2.0), rel=1e-14)
    assert fixed_point(lambda x: scale * cos(x / scale), scale) == pytest.approx(scale * 0.739085133215161, rel=1e-11)


@pytest.mark.parametrize("x0", [0.5, -1.0, 0.0])
def test_a_root_at_zero_converges(x0):
    assert root(lambda x: sin(x) + x**3, x0) == pytest.approx(0.0, abs=1e-15)
    assert fixed_point(lambda x: 0.25 * x, x0) == pytest.approx(0.0, abs=1e-12)


def test_a_number_that_is_only_noise_in_the_end_converges():
    def equations(p, a):
        return [exp(p[1]) - a, p[0] + 1e5 * (p[1] - math.log(a)) * (1 + p[0])]

    for a in (2.1, 2.3, 3.7, 5.9):
        assert root(equations, [1.0, 1.0], a) == pytest.approx([0.0, math.log(a)], abs=1e-10)


def test_what_is_left_out_is_left_alone():
    assert root(lambda x: [], []) == []
    assert root(lambda x, name: x - {"one": 1.0}[name], 0, "one") == 1.0
    assert value_and_grad(lambda a: root(lambda x: x - 3.0, 1.0) * a)(2.0) == (6.0, 3.0)


WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: root(3, 1.0), TypeError, r"root\(\) needs a function, got int"),
    (lambda: root(sin, "a"), TypeError, r"root\(\), in x0: expected a real number"),
    (lambda: root(lambda x: "a", 1.0), TypeError, r"root\(\), in what f returned: expected a real number"),
    (lambda: root(lambda x: [x, x], 1.0), ValueError, r"as many numbers as there are unknowns, 1, got 2"),
    (
        lambda: root(lambda x: x * x + 1, 1.3),
        RuntimeError,
        r"root\(\) has not converged after 100 rounds, where the la",
    ),
    (lambda: root(lambda x: x * x + 1, 1.3, rounds=7), RuntimeError, "has not converged after 7 rounds"),
    (
        lambda: root(lambda x: x * x + 1, 0.0),
        np.linalg.LinAlgError,
        "singular after 0 rounds, where the largest residu",
    ),
    (lambda: root(lambda x: log(x), -1.0), RuntimeError, "largest residual is nan"),
    (
        lambda: grad(lambda a: root(lambda x, a: x * x - a, 0.0, a))(0.0),
        np.linalg.LinAlgError,
        "singular at the soluti",
    ),
    (lambda: fixed_point(3, 1.0), TypeError, r"fixed_point\(\) needs a function, got int"),
    (lambda: fixed_point(lambda x: [x], 1.0), ValueError, r"the structure of x0: for x one number, got list of 1"),
    (
        lambda: fixed_point(lambda x: 2 * x, 1.0, rounds=5),
        RuntimeError,
        "after 5 rounds; the last one changed a number",
    ),
    (lambda: fixed_point(lambda x: x * math.nan, 1.0, rounds=5), RuntimeError, "the last one changed a number by nan"),
    (lambda: fixed_point(lambda x: x + "a", 1.0), TypeError, "unsupported operand"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_bad_input_is_one_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call()
