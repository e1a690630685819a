"""Derivatives of functions: structures, nesting, agreement between the modes."""

import copy
import inspect
import math
import multiprocessing
import pickle
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import (
    Value,
    arctan2,
    cos,
    dot,
    exp,
    grad,
    gradient,
    hessian,
    hvp,
    jacobian,
    jit,
    jvp,
    log,
    runs,
    sin,
    sqrt,
    stop_gradient,
    tanh,
    value_and_grad,
    vjp,
    vmap,
)
from autograd_engine.graph import topological_order
from tests.laws.strategies import expressions, points


class Point(NamedTuple):
    x: float
    y: float


@given(st.data())
def test_grad_is_what_backward_finds(data):
    expression, point = data.draw(expressions()), data.draw(points())
    leaves = list(map(Value, point))
    output = expression(*leaves)
    output.backward()
    value, slopes = value_and_grad(expression, argnums=(0, 1))(*point)
    assert value == output.data
    assert slopes == tuple(leaf.grad for leaf in leaves)
    assert type(value) is float


@given(st.data())
def test_the_gradient_as_a_graph_has_the_same_bits(data):
    expression = data.draw(expressions(smooth=False))
    leaves = list(map(Value, data.draw(points())))
    output = expression(*leaves)
    output.backward()
    for leaf, slope in zip(leaves, gradient(output, leaves)):
        assert slope.data == leaf.grad or (math.isnan(slope.data) and math.isnan(leaf.grad))


@given(st.data())
def test_second_derivatives_match_differences_of_the_first(data):
    expression, point = data.draw(expressions(max_steps=5)), data.draw(points())
    first = grad(expression, argnums=(0, 1))
    second = hessian(expression, argnums=(0, 1))(*point)
    h = 1e-4
    for j in range(2):

        def at(steps, j=j):
            return first(*(x + steps * h if i == j else x for i, x in enumerate(point)))

        for i in range(2):
            wide = (8 * (at(1)[i] - at(-1)[i]) - (at(2)[i] - at(-2)[i])) / (12 * h)
            narrow = (8 * (at(0.5)[i] - at(-0.5)[i]) - (at(1)[i] - at(-1)[i])) / (6 * h)
            scale = max(1.0, abs(narrow), abs(at(0)[i]))
            assert second[i][j] == pytest.approx(narrow, rel=1e-5, abs=2 * abs(wide - narrow) + 1e-7 * scale)


@given(st.data())
def test_hessians_are_symmetric(data):
    expression, point = data.draw(expressions()), data.draw(points())
    (xx, xy), (yx, yy) = hessian(expression, argnums=(0, 1))(*point)
    scale = max(map(abs, (xx, xy, yx, yy)))
    assert xy == pytest.approx(yx, rel=1e-6, abs=1e-9 * scale + 1e-12)


@given(st.data())
def test_jvp_and_vjp_and_grad_agree(data):
    expression, point = data.draw(expressions()), data.draw(points())
    directions = data.draw(st.tuples(st.floats(-2, 2), st.floats(-2, 2)))
    slopes = grad(expression, argnums=(0, 1))(*point)
    value, moved = jvp(expression, point, directions)
    output, pullback = vjp(expression, *point)
    assert value == output
    assert pullback(1.0) == slopes
    scale = max(abs(s * d) for s, d in zip(slopes, directions))
    assert moved == pytest.approx(slopes[0] * directions[0] + slopes[1] * directions[1], rel=1e-9, abs=1e-9 * scale)


@pytest.mark.parametrize("order", range(1, 6))
def test_grad_nests_to_any_order(order):
    f = sin
    for _ in range(order):
        f = grad(f)
    cycle = [math.sin, math.cos, lambda x: -math.sin(x), lambda x: -math.cos(x)]
    assert f(0.7) == pytest.approx(cycle[order % 4](0.7), rel=1e-14)


def test_variables_of_nested_derivatives_are_not_mixed_up():
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(2.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(x))(3.0) == 6.0
    assert grad(lambda w: grad(lambda x: w * x * x)(3.0))(2.0) == 6.0
    assert grad(lambda x: jvp(lambda y: y**3, (x,), (1.0,))[1])(2.0) == 12.0
    assert grad(lambda x: vjp(lambda y: y**3, x)[1](x)[0])(2.0) == 36.0
    assert jvp(grad(lambda x: x**4), (2.0,), (1.0,)) == (32.0, 48.0)


def test_second_derivatives_through_a_zero_cotangent():
    assert grad(grad(lambda x: sin(x) ** 2))(0.0) == 2.0
    assert hessian(lambda x, y: x * y, argnums=(0, 1))(0.0, 0.0) == ((0.0, 1.0), (1.0, 0.0))


def test_a_zero_tangent_stops_an_infinite_slope_for_nodes_too():
    along = value_and_grad(lambda t: jvp(sqrt, (0.0,), (t,))[1])
    assert along(0.0) == jit(along)(0.0) == (0.0, math.inf)  # the slope of t * inf, which is 0 at 0, is inf


def test_structures_come_back_as_they_went_in():
    def f(model, point):
        return model["w"][0] * point.x + model["w"][1] * point.y**2 + model["b"]

    model, point = {"w": [2.0, 3.0], "b": 5.0}, Point(7.0, 11.0)
    by_model, by_point = grad(f, argnums=(0, 1))(model, point)
    assert by_model == {"w": [7.0, 121.0], "b": 1.0}
    assert by_point == Point(2.0, 66.0)
    assert type(by_point) is Point


def test_arrays_give_arrays():
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    slopes = grad(lambda m: np.sum(np.exp(m) * m))(a)
    assert slopes.dtype == float
    np.testing.assert_allclose(slopes, np.exp(a) * (1 + a), rtol=1e-15)
    j = jacobian(lambda x: a @ x)(np.ones(2))
    np.testing.assert_array_equal(j, a)
    assert j.dtype == float
    assert jacobian(lambda m: m * m)(a).shape == (2, 2, 2, 2)
    assert hessian(lambda x: (x @ x) ** 2)(np.ones(2)).tolist() == [[16.0, 8.0], [8.0, 16.0]]


def test_jacobians_of_nested_outputs():
    j = jacobian(lambda p: {"sum": p["x"] + p["y"][1], "products": (p["x"] * p["y"][0], 1.0)})(
        {"x": 2.0, "y": np.array([3.0, 4.0])}
    )
    assert j["sum"]["x"] == 1.0
    np.testing.assert_array_equal(j["sum"]["y"], [0.0, 1.0])
    assert j["products"][0]["x"] == 3.0
    np.testing.assert_array_equal(j["products"][0]["y"], [2.0, 0.0])
    assert j["products"][1]["x"] == 0.0


def test_the_jacobian_of_a_composition_is_the_product():
    def inner(x):
        return np.array([x[0] * x[1], sin(x[0]), exp(x[1])])

    def outer(y):
        return np.array([y[0] + y[1] * y[2], y[2] ** 2])

    x = np.array([0.3, 0.7])
    product = jacobian(outer)(np.array([v if isinstance(v, float) else v.data for v in inner(x)])) @ jacobian(inner)(x)
    np.testing.assert_allclose(jacobian(lambda x: outer(inner(x)))(x), product, rtol=1e-14)


def test_total_derivative_of_the_lecture():
    def f(x, y, z):
        return x**2 + y**3 + z**4

    t = 1.7
    assert grad(lambda t: f(t, t, 1.0))(t) == pytest.approx(2 * t + 3 * t**2, rel=1e-15)
    assert grad(lambda z1, z2: z1**2 + z2)(1.0, -1.0) == 2.0


def test_what_depends_on_values_of_the_outside_stays_a_graph():
    w = Value(3.0)
    slope = grad(lambda x: w * x * x)(2.0)
    assert isinstance(slope, Value)
    slope.backward()
    assert w.grad == 4.0
    assert isinstance(grad(lambda x: x * x)(Value(2.0)), Value)


def test_gradient_by_any_node_and_in_any_structure():
    x, y = Value(2.0), Value(3.0)
    q = x * y
    out = q * q + y
    slopes = gradient(out, {"q": q, "leaves": (x, y)})
    assert slopes["q"].data == 12.0
    assert [slope.data for slope in slopes["leaves"]] == [36.0, 25.0]  # by all paths, those through q too
    assert gradient(out, Value(1.0)).data == 0.0
    assert (x.grad, y.grad) == (0.0, 0.0)


def test_gradient_as_a_graph_uses_the_values_of_the_forward_run():
    x = Value(2.0)
    y = x**3
    x.data = 10.0
    assert gradient(y, x).data == 12.0


def test_aux_is_handed_on():
    f = value_and_grad(lambda x: (x * x, {"note": "kept"}), has_aux=True)
    assert f(3.0) == ((9.0, {"note": "kept"}), 6.0)
    assert grad(lambda x: (x * x, "kept"), has_aux=True)(3.0) == (6.0, "kept")


def test_keywords_and_other_arguments_are_passed_through():
    f = grad(lambda a, x, *, power: a * x**power, argnums=1)
    assert f(2, 3.0, power=2) == 12.0
    assert grad(lambda a, x: a * x, argnums=-1)(5.0, 1.0) == 5.0
    assert f.__name__ == "<lambda>"


def test_functions_that_ignore_their_argument():
    assert grad(lambda x: 5.0)(1.0) == 0.0
    assert jacobian(lambda x: [1.0, x])(2.0) == [0.0, 1.0]
    assert jvp(lambda x: 1, (2.0,), (1.0,)) == (1.0, 0.0)
    assert vjp(lambda x: 1, 2.0)[1](1.0) == (0.0,)
    assert grad(lambda x: x)(2.0) == 1.0
    assert vjp(lambda x: [x, x, x * x], 2.0)[1]([1.0, 10.0, 100.0]) == (411.0,)


def test_integer_points_are_fine():
    assert grad(lambda x: x**2)(3) == 6.0
    assert grad(lambda x: x[0] * x[1])(np.array([2, 3])).tolist() == [3.0, 2.0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: grad(lambda x: [x, x])(1.0), TypeError, r"one number, got a list of 2; use jacobian\(\)"),
        (lambda: grad(lambda x: None)(1.0), TypeError, "returned.*got NoneType"),
        (lambda: grad(lambda x: x)("1"), TypeError, "the arguments.*got str"),
        (lambda: grad(lambda x: x, argnums=1)(1.0), IndexError, "argnums=1.*1 positional"),
        (lambda: grad(lambda x: x, argnums="0")(1.0), TypeError, "a whole number or several, got '0'"),
        (lambda: hessian(lambda x, y: x * y, argnums=(0, -2))(1.0, 2.0), ValueError, "names an argument twice"),
        (lambda: jvp(tanh, 1.0, 1.0), TypeError, r"tuples with an entry for each argument"),
        *[
            (lambda of=of: of(None)([1.0]), TypeError, rf"^{of.__name__}\(\) needs a function, got NoneType$")
            for of in (grad, jacobian, vmap)
        ],
        (lambda: jacobian(lambda x: [x, "a"])(1.0), TypeError, r"jacobian\(\).*got str"),
        (lambda: jvp(tanh, (1.0,), ([1.0],)), ValueError, "tangents of the same structure"),
        (lambda: vjp(tanh, 1.0)[1]([1.0]), ValueError, "cotangents of the same structure"),
        (lambda: gradient(1.0, Value(1.0)), TypeError, "Value as output, got float"),
        (lambda: gradient(Value(1.0), [1.0]), TypeError, "Values as inputs, got float"),
    ],
)
def test_bad_input_gets_one_clear_sentence(call, error, message):
    with pytest.raises(error, match=message) as raised:
        call()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: copy.deepcopy({"x": [x]})["x"][0]])
def test_a_variable_copies_to_itself_as_a_number_does(copied):
    assert grad(lambda x: copied(x) ** 2)(3.0) == 6.0
    assert grad(lambda x: copied(x * x) * x)(3.0) == 27.0
    assert hessian(lambda x: copied(x) ** 3)(2.0) == 12.0
    with pytest.raises(pickle.PicklingError):
        grad(lambda x: pickle.loads(pickle.dumps(x)) ** 2)(3.0)


def test_many_outputs_of_few_inputs_go_forward_and_agree_with_reverse_mode():
    def outputs(x, y):
        return [sin(x * k) * y if k % 3 else 2.0 for k in range(12)]

    tall = jacobian(outputs, argnums=(0, 1))(0.3, 0.7)
    rows = [grad(lambda x, y, k=k: outputs(x, y)[k], argnums=(0, 1))(0.3, 0.7) for k in range(12) if k % 3]
    assert [tall[k] for k in range(12) if k % 3] == [pytest.approx(row, rel=1e-15) for row in rows]
    assert tall[0] == (0.0, 0.0)
    w = Value(2.0)
    slopes = jacobian(lambda x: [w * x * k for k in range(5)])(3.0)
    assert [slope.data for slope in slopes] == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert gradient(slopes[4], w).data == 4.0


def test_an_inner_derivative_does_not_look_at_what_came_before_it(monkeypatch):
    seen = []

    def counting(outputs, stop=()):
        order = topological_order(outputs, stop)
        seen.append(len(order))
        return order

    def energy(q, p):
        return p * p / 2 - cos(q)

    def motion(q, steps=30):
        p = 0.5
        for _ in range(steps):
            p = p - 0.1 * grad(energy, 0)(q, p)
            q = q + 0.1 * grad(energy, 1)(q, p)
        return q

    expected = (motion(1.0 + 1e-6) - motion(1.0 - 1e-6)) / 2e-6
    monkeypatch.setattr(runs, "topological_order", counting)
    assert grad(motion)(1.0) == pytest.approx(expected, rel=1e-8)
    assert max(seen) < 10  # the nodes of one energy, not those of the steps before


def test_the_arrays_of_a_function_follow_the_rows_where_numpy_would_compare():
    value, slopes = value_and_grad(lambda x: np.maximum(x, 1.0).sum())(np.array([math.nan, 1.0, 2.0]))
    assert math.isnan(value)
    assert (math.isnan(slopes[0]), *slopes[1:]) == (True, 0.5, 1.0)
    assert grad(lambda x: np.exp(np.minimum(x, 0)).sum())(np.array([-1.0, 1.0])).tolist() == [math.exp(-1), 0.0]
    assert grad(lambda x: np.clip(x, 0, 1).sum())(np.array([0.0, 0.5, 2.0])).tolist() == [0.5, 1.0, 0.0]
    assert grad(lambda x: x.max() + np.max(x))(np.array([1.0, 3.0, 3.0])).tolist() == [0.0, 1.0, 1.0]
    assert grad(lambda x: np.logaddexp(x, x[::-1]).sum())(np.array([2.0, 2.0])).tolist() == [1.0, 1.0]
    assert grad(lambda x: np.std(x))(np.array([1.0, 3.0])).tolist() == [-0.5, 0.5]
    assert grad(lambda x: np.where(np.isfinite(x), x, 0.0).sum())(np.array([1.0, math.inf])).tolist() == [1.0, 0.0]

    def in_place(x):
        x = x * 2.0
        x += 1.0
        np.add.at(x, [0, 0], 5.0)
        return (x**2).sum()

    assert grad(in_place)(np.array([1.0, 2.0])).tolist() == [52.0, 20.0]
    assert repr(jacobian(lambda x: [np.maximum(x, 0.0)])(np.array([1.0]))) == "[array([[1.]])]"


def test_what_is_handed_on_is_of_numbers():
    (value, aux), slope = value_and_grad(lambda x: (x * x, {"twice": 2 * x, "name": "x"}), has_aux=True)(3.0)
    assert (value, aux, slope) == (9.0, {"twice": 6.0, "name": "x"}, 6.0)
    assert type(aux["twice"]) is float

    untouched = {"counts": np.array([1, 2]), "names": np.array(["a", "b"]), "half": np.float32(0.5)}
    (_, aux), _ = value_and_grad(lambda x: (x * x, (untouched, [x], np.array([x, 2.0]))), has_aux=True)(3.0)
    assert aux[0] is untouched
    assert aux[1] == [3.0]
    assert aux[2].dtype == float
    assert grad(lambda x: grad(lambda y: (y * x, y * x), has_aux=True)(2.0)[1])(5.0) == 2.0


def test_a_derivative_is_never_minus_zero():
    slope = grad(lambda y: -(y * y))
    assert math.copysign(1.0, slope(0.0)) == 1.0
    value, _ = value_and_grad(lambda x: arctan2(slope(x), -1.0))(0.0)
    assert value == arctan2(slope(0.0), -1.0) == math.pi


NAMED = {
    "grad": lambda f: grad(f),
    "value_and_grad": lambda f: value_and_grad(f),
    "hessian": lambda f: hessian(f),
    "jacobian": lambda f: jacobian(f),
    "hvp": lambda f: lambda x: hvp(f)(x, x),
    "vjp": lambda f: lambda x: vjp(f, x),
    "jvp": lambda f: lambda x: jvp(f, (x,), (x,)),
}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("f", [lambda x: None, lambda x: "text", lambda x: [x, "text"]])
def test_what_returns_no_number_is_refused_in_the_name_of_the_function_called(name, f):
    for of_f in (NAMED[name](f), jit(NAMED[name](f))):
        with pytest.raises(TypeError, match=rf"^{name}\(\)"):
            of_f(1.5)
    with pytest.raises(TypeError, match=rf"^{name}\(\), in "):
        NAMED[name](f)("text")


def test_one_number_may_come_as_an_array_without_axes():
    assert grad(lambda x: np.where(x > 0, x**2, 0.0))(3.0) == 6.0


def test_nothing_to_differentiate_by():
    w = Value(2.0)
    value, slopes = value_and_grad(lambda p: w * 2)([])
    assert (value.data, slopes) == (4.0, [])
    assert value_and_grad(lambda p: w * p, argnums=())(3.0)[0].data == 6.0
    assert vjp(lambda: w * 2)[0].data == 4.0
    assert jvp(lambda: w * 2, (), ())[0].data == 4.0
    assert grad(lambda x: value_and_grad(lambda p: x * 2)({})[0])(1.0) == 2.0


def test_a_real_function_of_many_variables():
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=30), rng.normal(size=30)

    def loss(w):
        return log(1 + exp(-dot(w, x)))

    z = float(w @ x)
    np.testing.assert_allclose(grad(loss)(w), -x / (1 + math.exp(z)), rtol=1e-12)
    np.testing.assert_allclose(
        hessian(loss)(w), np.outer(x, x) * math.exp(z) / (1 + math.exp(z)) ** 2, rtol=1e-9, atol=1e-300
    )


def cubed(x, scale=1.0):
    """scale * x³."""
    return scale * x**3


@grad
def slope_of_square(x):
    return x * x


TRANSFORMED = [
    grad(cubed),
    value_and_grad(cubed),
    jacobian(cubed),
    hessian(cubed),
    grad(grad(cubed)),
    jit(grad(cubed)),
    grad(jit(cubed)),
    slope_of_square,
]
MAPPED = [vmap(cubed), vmap(vmap(grad(cubed))), jit(vmap(cubed)), vmap(cubed, in_axes=[-1])]


@pytest.mark.parametrize(("f", "x"), [(f, 2.0) for f in TRANSFORMED] + [(f, np.eye(2)) for f in MAPPED])
def test_what_is_made_of_functions_of_a_module_can_be_pickled(f, x):
    assert np.array_equal(pickle.loads(pickle.dumps(f))(x), f(x))
    assert np.array_equal(copy.deepcopy(f)(x), f(x))


def test_a_pool_of_processes_computes_derivatives():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for f in (grad(cubed), jit(grad(cubed))):
            assert pool.map(f, [1.0, 2.0]) == [3.0, 12.0]


def test_a_derivative_has_the_name_and_the_signature_of_its_function():
    class Model:
        slope = grad(lambda self, x: 3 * x, argnums=1)

    assert Model().slope(2.0) == 3.0
    for f in (grad(cubed), value_and_grad(cubed), jacobian(cubed)):
        assert (f.__name__, f.__doc__, inspect.signature(f)) == ("cubed", cubed.__doc__, inspect.signature(cubed))
    assert grad(lambda f, argnums: f * argnums)(2.0, argnums=5.0) == 5.0


@given(expressions(max_steps=4), st.floats(-2.0, 2.0))
def test_through_a_stopped_number_flows_no_derivative_of_any_order(expression, a):
    for order in (1, 2, 3):

        def of(f, order=order):
            for _ in range(order):
                f = grad(f)
            return f

        found = of(lambda x: expression(stop_gradient(x), x))(a)
        assert type(found) is float
        assert found == of(lambda x: expression(a, x))(a)
    assert stop_gradient(a) is a


@pytest.mark.parametrize("compiled", [lambda f: f, jit])
def test_arrays_and_nested_data_are_stopped(compiled):
    def f(p):
        stopped = stop_gradient({"p": [p["a"], Point(p["b"], 1.0)], "name": "none"})
        assert (type(stopped["p"][1]), stopped["name"]) == (Point, "none")
        return (stopped["p"][0] * p["a"] ** 2).sum() + stopped["p"][1].x * p["b"] ** 3

    def mean_of_products(w, X):
        return (stop_gradient(vmap(lambda x: w * x)(X)) * vmap(lambda x: w * x)(X) * stop_gradient(X)).sum()

    slopes = compiled(grad(f))({"a": np.array([1.0, 2.0]), "b": 3.0})
    assert (slopes["a"].tolist(), slopes["b"], slopes["a"].dtype) == ([2.0, 8.0], 81.0, float)
    assert compiled(grad(mean_of_products))(2.0, np.arange(3.0)) == 18.0
    assert compiled(vmap(grad(lambda x: stop_gradient(x) * x)))(np.arange(3.0)).tolist() == [0.0, 1.0, 2.0]
    assert compiled(vmap(lambda x: x.detach() * x))(np.arange(3.0)).tolist() == [0.0, 1.0, 4.0]


def test_a_detached_number_makes_no_derivative_a_value():
    for found in (grad(lambda x: x.detach() * x)(2.0), hessian(lambda x: x.detach() * x**2)(1.0)):
        assert (type(found), found) == (float, 2.0)
    x = Value(2.0).detach()
    x.data = 3.0
    assert x.op is None


@pytest.mark.parametrize("transformed", [grad, jit, lambda f: jit(grad(f))], ids=["grad", "jit", "both"])
def test_an_error_of_the_function_keeps_the_one_that_it_handled(transformed):
    def f(x):
        try:
            {}["missing"]
        except KeyError:
            raise TypeError("mine")  # noqa: B904
        return x

    with pytest.raises(TypeError, match="mine") as raised:
        transformed(f)(1.0)
    assert isinstance(raised.value.__context__, KeyError)
    assert not raised.value.__suppress_context__
