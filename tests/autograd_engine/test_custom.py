"""Functions with a derivative of their own, and functions that run again for their derivatives."""

import copy
import functools
import gc
import itertools
import math
import pickle
import random
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import (
    Value,
    cbrt,
    check_gradients,
    checkpoint,
    cos,
    custom_derivative,
    draw,
    exp,
    explain,
    fixed_point,
    fori_loop,
    grad,
    gradient,
    hessian,
    hypot,
    jacobian,
    jit,
    jvp,
    log,
    mean,
    root,
    scan,
    sin,
    stop_gradient,
    tanh,
    taylor,
    to_html,
    value_and_grad,
    vjp,
    vmap,
)
from autograd_engine import sum as total
from autograd_engine.graph import topological_order
from autograd_engine.structure import flatten

NUMBERS = st.floats(-2.0, 2.0)


def parts(x: Any, y: Any) -> Any:
    """A function of a number and a dict that returns both kinds too."""
    total = sin(x) * y["a"][0] + y["b"]
    return {"total": total, "both": [total * y["a"][1], exp(x * 0.3)], "array": np.stack([x * x, y["a"][0] * x])}


def parts_as_floats(x: Any, y: Any) -> Any:
    if isinstance(x, float):  # it sees no Values; a compiler's numbers it does see
        assert all(isinstance(number, float) for number in (y["a"][0], y["a"][1], y["b"]))
    return parts(x, y)


def pull_of_parts(cotangent: Any, out: Any, x: Any, y: Any) -> Any:
    total = cotangent["total"] + cotangent["both"][0] * y["a"][1]
    by_x = total * cos(x) * y["a"][0] + cotangent["both"][1] * 0.3 * out["both"][1]
    by_x = by_x + cotangent["array"][0] * 2 * x + cotangent["array"][1] * y["a"][0]
    by_first = total * sin(x) + cotangent["array"][1] * x
    return by_x, {"a": [by_first, cotangent["both"][0] * out["total"]], "b": total}


def as_numbers(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f`, of a number and a dict, as a function of four numbers to an array."""

    def of_numbers(p: Any) -> Any:
        out = f(p[0], {"a": np.stack([p[1], p[2]]), "b": p[3]})
        return np.stack([out["total"], *out["both"], *out["array"]])

    return of_numbers


POINT = np.array([0.7, -1.1, 0.4, 0.9])
OWN = [custom_derivative(parts_as_floats, pull_of_parts), checkpoint(parts)]
OWN_BY_NAME = pytest.mark.parametrize("own", OWN, ids=["custom_derivative", "checkpoint"])


def close(found: Any, expected: Any) -> bool:
    """Whether nested data holds the same numbers, but for rounding."""
    (numbers, structure), (others, like) = flatten(found), flatten(expected)
    return structure == like and numbers == pytest.approx(others, rel=1e-12, abs=1e-14)


@OWN_BY_NAME
def test_derivatives_of_every_order_are_those_of_the_function(own):
    f, g = as_numbers(parts), as_numbers(own)
    assert g(POINT).tolist() == f(POINT).tolist()
    for transformed in (
        jacobian,
        lambda f: lambda p: jvp(f, (p,), (p[::-1],)),
        lambda f: lambda p: vjp(f, p)[1](np.arange(5.0)),
        lambda f: hessian(lambda p: (f(p) ** 2).sum()),
        lambda f: jacobian(jacobian(f)),
        lambda f: lambda p: jvp(grad(lambda p: f(p).sum()), (p,), (p,)),
        lambda f: lambda p: grad(lambda p: jvp(f, (p,), (p,))[1].sum())(p),
        lambda f: lambda p: grad(grad(grad(lambda x: (f(p * x) ** 3).sum())))(0.8),
        lambda f: lambda p: jacobian(f, sparse=True)(p).toarray(),
        lambda f: vmap(grad(lambda x: f(POINT * x).sum())),
    ):
        assert close(transformed(g)(POINT), transformed(f)(POINT))


@OWN_BY_NAME
def test_forward_sweeps_are_those_of_the_function(own):
    f, g = (lambda x, h=h: as_numbers(h)(np.stack([x, *POINT[1:]])) for h in (parts, own))
    assert close(jacobian(g)(0.7), jacobian(f)(0.7))  # more than four times as many outputs as inputs
    assert close(jacobian(jacobian(g))(0.7), jacobian(jacobian(f))(0.7))


@OWN_BY_NAME
def test_gradients_add_up_in_values(own):
    leaves = {h: list(map(Value, POINT)) for h in (parts, own)}
    for h, xs in leaves.items():
        out = as_numbers(h)(np.array(xs))
        (out[0] * out[1] + out.sum()).backward()
        out[2].backward(3.0)
    assert close([x.grad for x in leaves[own]], [x.grad for x in leaves[parts]])


@OWN_BY_NAME
def test_compiled_derivatives_are_those_of_the_function(own):
    f, g = as_numbers(parts), as_numbers(own)

    def loss(h: Any) -> Any:
        return lambda p, X: mean(vmap(lambda x: (h(p * x) ** 2).sum())(X))

    X = np.array([0.3, -0.8, 1.2])
    for transformed in (value_and_grad, hessian):
        expected = transformed(loss(f))(POINT, X)
        assert close(transformed(loss(g))(POINT, X), expected)
        assert close(jit(transformed(loss(g)))(POINT, X), expected)
    assert close(jit(jacobian(g))(POINT), jacobian(f)(POINT))
    each = vmap(grad(lambda p, x: g(p * x).sum()), in_axes=(None, 0))
    assert close(jit(each)(POINT, X), np.array([grad(lambda p, x=x: f(p * x).sum())(POINT) for x in X]))


@OWN_BY_NAME
def test_compiled_loops_may_call_them(own):
    def rounds(h: Any) -> Any:
        return lambda p: (fori_loop(0, 40, lambda i, p: np.tanh(h(p))[:4] + 0.1 * p, p) ** 2).sum()

    f, g = rounds(as_numbers(parts)), rounds(as_numbers(own))
    assert close(jit(value_and_grad(g))(POINT), value_and_grad(f)(POINT))
    assert close(jit(vmap(grad(g)))(np.stack([POINT, 0.5 * POINT])), vmap(grad(f))(np.stack([POINT, 0.5 * POINT])))
    along_x = jit(grad(grad(lambda x: g(np.stack([x, *POINT[1:]])))))
    assert close(along_x(0.7), grad(grad(lambda x: f(np.stack([x, *POINT[1:]]))))(0.7))


@OWN_BY_NAME
def test_a_sweep_asks_once_for_all_results(own):
    calls = []

    def counted(*args: Any) -> Any:
        calls.append(args)
        return parts(*args) if own is OWN[1] else pull_of_parts(*args)

    g = as_numbers(checkpoint(counted) if own is OWN[1] else custom_derivative(parts, counted))
    before = 1 if own is OWN[1] else 0  # the run for the values
    grad(lambda p: (g(p) ** 2).sum())(POINT)
    assert len(calls) == before + 1
    out = g(np.array(list(map(Value, POINT))))
    calls.clear()
    (out[0] * out[3] + out.sum()).backward()
    assert len(calls) == 1
    calls.clear()
    jvp(g, (POINT,), (POINT,))
    assert len(calls) == (2 if own is OWN[1] else 5)  # without a rule for tangents, a pull for each result
    calls.clear()
    grad(lambda p: gradient((g(p) ** 2).sum(), p[0]))(POINT)
    assert len(calls) == before + 2


@OWN_BY_NAME
def test_results_are_nodes_with_all_arguments_for_parents(own):
    xs = [Value(x, label=f"x{i}") for i, x in enumerate(POINT)]
    out = as_numbers(own)(np.array(xs))
    assert out[1].parents == tuple(xs)
    assert out[1].arguments is out[2].arguments  # however many results there are, they are held once
    assert list(out[1].local_derivatives()) == pytest.approx(jacobian(as_numbers(parts))(POINT)[1].tolist())
    assert "parts" in draw(out[1]).source
    text = explain(out[1] * 2, wrt=xs[0]).text  # a rule that runs on symbols is read off
    assert ("parts_1'" if own is OWN[1] else "x2·cos(x0)·x1") in text
    with pytest.raises(ValueError, match=r"parts.* is not in the table of primitives"):
        to_html(out[1])
    total, copied = out.sum(), copy.deepcopy(out.sum())
    total.backward()
    copied.backward()
    assert [x.grad for x in xs] == [x.grad for x in copied_leaves(copied)]


def copied_leaves(x: Value) -> list[Value]:
    leaves = [node for node in topological_order([x]) if node.op is None]
    return sorted(leaves, key=lambda leaf: leaf.label)


def test_a_function_named_like_a_row_is_not_taken_for_it():
    def relu(x):
        return 2 * x

    out = custom_derivative(relu, lambda cotangent, out, x: 2 * cotangent)(Value(-1.0))
    assert out.op.name == "relu_"
    assert "relu" in draw(out).source
    with pytest.raises(ValueError, match="relu_ is not in the table of primitives"):
        to_html(out)


@pytest.mark.parametrize("own", [checkpoint(cbrt), custom_derivative(cbrt, lambda cotangent, out, x: cotangent)])
def test_an_operation_can_be_called_with_other_numbers(own):
    out = own(Value(8.0))
    assert (out.data, out.op(27.0), out.op(8.0)) == (2.0, cbrt(27.0), 2.0)
    assert root(lambda x, a: x**3 - a, 1.0, Value(8.0)).op(27.0) == pytest.approx(3.0, rel=1e-15)


@pytest.mark.parametrize("make", [lambda x: checkpoint(lambda y: y * x)(x), lambda x: root(lambda y: y - x, 0.0)])
def test_a_graph_with_calls_goes_with_its_last_reference(make):
    gc.disable()
    try:
        out = make(Value(3.0))
        out.backward()
        grad(lambda x: gradient(make(x), x))(2.0)
        kept = weakref.ref(out), weakref.ref(out.op.call)
        del out
        assert [ref() for ref in kept] == [None, None]
    finally:
        gc.enable()


def test_a_function_may_use_whatever_takes_floats():
    erf = custom_derivative(math.erf, lambda cotangent, out, x: cotangent * 2 / math.sqrt(math.pi) * exp(-x * x))
    check_gradients(erf, 0.3)
    check_gradients(lambda x: grad(erf)(x), 0.3)

    def slope(cotangent, out, x):
        return cotangent * math.cos(x)  # for first derivatives only

    only_first = custom_derivative(math.sin, slope)
    assert grad(only_first)(0.3) == math.cos(0.3)
    with pytest.raises(TypeError, match="a Value cannot become a float"):
        grad(grad(only_first))(0.3)


@pytest.mark.parametrize("slope", [grad, lambda f: grad(grad(f)), jacobian, lambda f: lambda x: taylor(f, 2)(x)[2]])
def test_a_pull_may_use_values_that_something_around_it_is_differentiated_by(slope):
    def f(a: Any) -> Any:
        b = tanh(a) * a
        return slope(custom_derivative(exp, lambda cotangent, out, x: b * x * cotangent))(0.7)

    check_gradients(f, 1.3)
    check_gradients(grad(f), 1.3)
    check_gradients(lambda a: jvp(f, (a,), (1.0,))[1], 1.3)
    for by_a in (grad(f), grad(grad(f))):
        assert jit(by_a)(1.3) == pytest.approx(by_a(1.3))


def test_derivatives_depend_on_the_values_that_a_pull_uses():
    factor = Value(2.0)
    doubled = custom_derivative(lambda x: 2 * x, lambda cotangent, out, x: cotangent * factor)
    slope = grad(doubled)(3.0)
    slope.backward()
    assert (slope.data, factor.grad) == (2.0, 1.0)
    x = Value(3.0)
    doubled(x).backward()
    assert repr(x.grad) == "2.0"


def test_without_anything_to_differentiate_by_a_checkpoint_is_its_function():
    assert checkpoint(lambda x: (x, "text"))(1) == (1, "text")
    assert vmap(lambda x: 1 / checkpoint(lambda y: y)(x))(np.zeros(1)).tolist() == [math.inf]


def test_a_checkpoint_may_copy_its_arguments_and_return_a_number_twice():
    def f(x):
        y = copy.deepcopy([x, x])
        return [y[0] ** 2, z := y[0] * y[1] * x, z]

    assert jacobian(checkpoint(f))(3.0) == jacobian(f)(3.0) == [6.0, 27.0, 27.0]
    assert grad(lambda x: sin(checkpoint(f)(x)[1]) + checkpoint(lambda x: x)(x))(2.0) == 1 + 12 * math.cos(8.0)
    assert grad(lambda x: total([y * k for k, y in enumerate(checkpoint(f)(x))]))(3.0) == 27.0 * 3


def test_what_a_checkpoint_uses_may_reach_it_in_many_ways():
    def f(x, w):
        for _ in range(100):
            w = w + w * 1e-3
        return x * w

    def power(x, w):
        for _ in range(60):
            x = (x * w + x * w) / 2
        return x

    for h in (f, power):
        expected = grad(lambda x, w, h=h: h(x, w), argnums=(0, 1))(2.0, 0.9)
        assert close(grad(lambda x, w, h=h: checkpoint(lambda y: h(y, w))(x), argnums=(0, 1))(2.0, 0.9), expected)


def test_numbers_follow_ieee_754_where_something_is_differentiated():
    inverse = custom_derivative(lambda x: 1 / x, lambda cotangent, out, x: -cotangent / x**2)
    assert value_and_grad(inverse)(0.0) == (math.inf, -math.inf)
    assert value_and_grad(checkpoint(lambda x: 1 / x))(0.0) == (math.inf, -math.inf)


def test_what_is_not_differentiated_by_reaches_the_function_as_it_is():
    X = np.arange(3.0)

    def f(name, x, count, X, *, scale):
        assert (name, count, type(count)) == ("name", 3, int)
        assert scale is X
        return x * count * X.sum()

    def pull(cotangent, out, name, x, count, X, *, scale):
        assert (name, count) == ("name", 3)
        return None, cotangent * count * X.sum(), None, "ignored"

    for own in (custom_derivative(f, pull), checkpoint(f)):
        assert value_and_grad(own, argnums=1)("name", 2.0, 3, X, scale=X) == (18.0, 9.0)
    assert checkpoint(f)("name", 2.0, 3, X, scale=X) == custom_derivative(f, pull)("name", 2.0, 3, X, scale=X) == 18.0


@given(x=NUMBERS, y=NUMBERS)
def test_a_checkpoint_has_the_bits_of_its_function(x, y):
    def f(x, y):
        return tanh(x * y) + hypot(x, y) * sin(x) ** 2 + x * 3

    assert value_and_grad(checkpoint(f), argnums=(0, 1))(x, y) == value_and_grad(f, argnums=(0, 1))(x, y)
    assert grad(grad(checkpoint(f)))(x, y) == pytest.approx(grad(grad(f))(x, y), rel=1e-12, abs=1e-12)


def test_a_checkpoint_keeps_none_of_its_nodes():
    def piece(x, _):
        return checkpoint(lambda x: [x := x + 0.01 * cos(x) for _ in range(100)][-1])(x), None

    x = Value(0.5)
    out, _ = scan(piece, x, length=10)
    assert len(topological_order([out])) == 11
    out.backward()
    plain = grad(lambda x: [x := x + 0.01 * cos(x) for _ in range(1000)][-1])
    assert x.grad == pytest.approx(plain(0.5), rel=1e-13)


def test_a_checkpoint_may_use_values_that_are_not_its_arguments():
    def f(w, x, own):
        doubled = 2 * w
        return own(lambda x: (sin(doubled * x) + w) * doubled)(x) + own(lambda: doubled**2)()

    for order in (grad, hessian, lambda f, argnums: grad(lambda w, x: grad(grad(f))(w, x), argnums)):
        expected = order(lambda w, x: f(w, x, lambda g: g), argnums=(0, 1))(0.3, 0.8)
        assert close(order(lambda w, x: f(w, x, checkpoint), argnums=(0, 1))(0.3, 0.8), expected)
    w, x = Value(0.3), Value(0.8)
    doubled = 2 * w
    out = checkpoint(lambda x: sin(doubled * x))(x)
    assert out.parents == (x, doubled)
    assert gradient(out, doubled).data == pytest.approx(0.8 * math.cos(0.48))
    assert grad(lambda x: gradient(checkpoint(lambda y: y * x * w)(x), w))(3.0) == 6.0
    assert grad(lambda x: checkpoint(lambda y: y * stop_gradient(x))(x))(3.0) == 3.0
    compiled = jit(grad(lambda w, x: f(w, x, checkpoint), argnums=(0, 1)))
    assert close(compiled(0.3, 0.8), grad(lambda w, x: f(w, x, lambda g: g), argnums=(0, 1))(0.3, 0.8))


CLOSURES = {
    "a checkpoint": lambda x, y, own: own(lambda q: q * y * sin(x))(x),
    "in a checkpoint": lambda x, y, own: own(lambda q: own(lambda s: sin(s * y) * x * q)(q) * y)(x),
    "in a root": lambda x, y, own: root(lambda s: s + s**3 - own(lambda q: sin(q * y) * x)(x), 0.3),
    "around a root": lambda x, y, own: own(lambda q: root(lambda s: s - cos(s * 0.3) * sin(x) - s * y * q, 0.3))(x),
    "around a fixed point": lambda x, y, own: own(lambda q: fixed_point(lambda s: 0.3 * sin(s * x) + y * q, 0.3))(y),
}


@pytest.mark.parametrize("f", CLOSURES.values(), ids=CLOSURES)
def test_what_a_checkpoint_uses_besides_its_arguments_has_derivatives_of_every_order(f):
    def series_and_nested(own):
        def along(t, x=0.7):
            return f(x + t, 0.4 - 2 * t, own)

        orders = [along, grad(along), grad(grad(along)), grad(grad(grad(along)))]
        nested = [order(0.0) / math.factorial(k) for k, order in enumerate(orders)]
        by_x = jacobian(lambda x: taylor(functools.partial(along, x=x), 2)(0.0))(0.7)
        return taylor(along, 3)(0.0), nested, by_x

    series, nested, by_x = series_and_nested(checkpoint)
    expected, _, slopes = series_and_nested(lambda g: g)
    assert close(series, expected)
    assert close(nested, expected)
    assert close(by_x, slopes)


def test_checkpoints_nest():
    def f(x):
        inner = checkpoint(lambda y: sin(y) * x)
        return inner(inner(x) * 2) + log(2 + x)

    assert close(value_and_grad(checkpoint(f))(0.6), value_and_grad(f)(0.6))
    assert close(grad(grad(checkpoint(f)))(0.6), grad(grad(f))(0.6))
    check_gradients(checkpoint(f), 0.6, order=2)


def test_a_leaf_that_has_changed_since():
    x, w = Value(2.0), Value(3.0)
    out, with_w = checkpoint(lambda x: x**3)(x), checkpoint(lambda x: x * w)(x)
    x.data = w.data = 10.0
    out.backward()
    assert x.grad == 12.0
    assert gradient(out, x).data == 12.0
    with pytest.raises(ValueError, match=r"was 3\.0 then and is 10\.0 now"):
        with_w.backward()


def never(*args: Any) -> Any:
    raise AssertionError


def cubed(x: Any) -> Any:
    return x**3


def pull_of_cubed(cotangent: Any, out: Any, x: Any) -> Any:
    return cotangent * 3 * x**2


def test_they_are_pickled_like_their_functions():
    for own in (checkpoint(cubed), custom_derivative(cubed, pull_of_cubed)):
        assert grad(pickle.loads(pickle.dumps(own)))(2.0) == 12.0
        assert own.__name__ == "cubed"


def set_anew(x: Any, y: Any, times: int = 1) -> Any:
    """A number from a checkpoint that uses a variable, which is another Value by the time it runs again."""
    for _ in range(times):
        x = checkpoint(lambda: sin(x))()  # noqa: B023 - that is the point
    out, x = x, y
    return out


TURNS = itertools.cycle([sin, cos])
WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: checkpoint(3), TypeError, r"checkpoint\(\) needs a function, got int"),
    (lambda: custom_derivative(3, never), TypeError, r"custom_derivative\(\): f must be a function, got int"),
    (lambda: custom_derivative(never, 3), TypeError, r"custom_derivative\(\): pull must be a function, got int"),
    (
        lambda: grad(checkpoint(lambda x: "a"))(1.0),
        TypeError,
        r"checkpoint\(\), in what <lambda>\(\) returned: expected",
    ),
    (
        lambda: grad(custom_derivative(lambda x: "a", never))(1.0),
        TypeError,
        r"<lambda>\(\), in what it returned: expected",
    ),
    (
        lambda: grad(lambda x: custom_derivative(lambda y: x * y, never)(x))(1.0),
        TypeError,
        r"<lambda>\(\) has a derivative of its own, but uses a Value that is not among its arguments",
    ),
    (
        lambda: jit(grad(lambda x: custom_derivative(lambda y: x * y, never)(x)))(1.0),
        TypeError,
        r"<lambda>\(\) has a derivative of its own, but uses a Value that is not among its arguments",
    ),
    (
        lambda: grad(lambda x: custom_derivative(cubed, pull_of_cubed)(x=x))(1.0),
        TypeError,
        r"cubed\(\) has a derivative of its own, with respect to positional arguments only",
    ),
    (
        lambda: grad(custom_derivative(lambda x, y: x, lambda c, out, x, y: c))(1.0, 2.0),
        ValueError,
        r"the pull of <lambda>\(\) must return a tuple of 2 cotangents, one for each argument, got one number",
    ),
    (
        lambda: grad(custom_derivative(cubed, lambda c, out, x: (c, c)))(1.0),
        ValueError,
        r"the pull of cubed\(\) must return a cotangent, got tuple of 2",
    ),
    (
        lambda: grad(custom_derivative(lambda x: x["a"], lambda c, out, x: ({"b": c},)))({"a": 1.0}),
        ValueError,
        r"must return the structure of the arguments: for argument 0 a dict with the keys 'a', got dict",
    ),
    (
        lambda: grad(custom_derivative(cubed, lambda c, out, x: "a"))(1.0),
        TypeError,
        r"cubed\(\), in what its pull returned: expected a real number",
    ),
    (
        lambda: grad(lambda x: checkpoint(lambda y: next(TURNS)(y * x))(x))(1.0),
        ValueError,
        "does not do the same again",
    ),
    (
        lambda: grad(lambda x: checkpoint(lambda y: y * x * random.random())(x))(1.0),
        ValueError,
        "does not do the same again",
    ),
    (lambda: grad(set_anew, argnums=(0, 1))(1.0, 2.0), ValueError, "such as that of a loop, make it an argument"),
    (lambda: grad(set_anew, argnums=(0, 1))(1.0, 1.0), ValueError, "such as that of a loop, make it an argument"),
    (lambda: grad(set_anew)(1.0, 2.0, times=30), ValueError, "such as that of a loop, make it an argument"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_bad_input_is_one_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call()
