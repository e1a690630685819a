"""Numbers are floats by IEEE 754: data of every other type is taken as such, samples compute as such."""

import itertools
import math
import operator

import numpy as np
import pytest

import nn
from autograd_engine import (
    Value,
    check_gradients,
    exp,
    grad,
    hessian,
    jacobian,
    jit,
    jvp,
    sin,
    value_and_grad,
    vjp,
    vmap,
    where,
)
from autograd_engine.primitives import PRIMITIVES
from autograd_engine.structure import flatten

TYPES = ["?", "b", "h", "i", "q", "B", "H", "I", "Q", "e", "f", ">h", ">f", ">d"]
W = np.array([0.3, -1.5])
PROGRAMS = {
    "difference": lambda w, r: ((r[:1] - r[1:]) * w[0]).sum(),
    "product": lambda w, r: (r * r * r * w[1]).sum(),
    "negated": lambda w, r: (-r / 3 * w[0]).sum() + (r + r).sum() * w[1],
    "functions": lambda w, r: sum(exp(w[0] * x) * sin(x - y) for x, y in zip(r[1:], r)),
    "chosen": lambda w, r: np.where(r > 1, w[0] - r, r * w[1]).mean(),
}
TRANSFORMS = {
    "call": lambda f, r: jit(f)(W, r),
    "grad": lambda f, r: value_and_grad(f)(W, r),
    "grad of data": lambda f, r: grad(f, argnums=(0, 1))(W, r),
    "by keyword": lambda f, r: grad(lambda w, *, r: f(w, r["x"][0]))(W, r={"x": [r]}),
    "jacobian": lambda f, r: jacobian(lambda w, r: [f(w, r)])(W, r),
    "hessian": lambda f, r: hessian(f)(W, r),
    "jvp": lambda f, r: jvp(f, (W, r), (W, r)),
    "vjp": lambda f, r: vjp(f, W, r)[1](2.0),
    "vmap": lambda f, r: vmap(f, in_axes=(None, 0))(W, np.stack([r, r[::-1]])),
    "shared": lambda f, r: vmap(f, in_axes=(0, None))(np.stack([W, 2 * W]), r),
    "one axis": lambda f, r: vmap(lambda x: f(W, np.array([x, x * x])))(r),
    "check": lambda f, r: [slope.found for slope in check_gradients(f, W, r).first],
    "compiled": lambda f, r: jit(value_and_grad(f), exact=True)(W, r),
    "uncompiled": lambda f, r: grad(lambda w: jit(f)(w, r))(W),
    "inside": lambda f, r: jit(lambda w: grad(jit(f))(w, r))(W),
}


def bits(tree):
    leaves, structure = flatten(tree)
    return [float(x).hex() for x in leaves], structure


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_data_of_every_type_is_taken_as_floats(program, transform):
    run, f = TRANSFORMS[transform], PROGRAMS[program]
    for kind in TYPES:
        r = np.array([1, 0, 1] if kind == "?" else [3, 5, 100]).astype(kind)
        assert bits(run(f, r)) == bits(run(f, r.astype(float))), kind


@pytest.mark.parametrize("kind", TYPES)
def test_a_compiled_function_gives_the_slopes_of_the_uncompiled_one(kind):
    r = np.array([1, 2]).astype(kind)
    slope = grad(PROGRAMS["difference"])
    assert bits(slope(W, r)) == bits(jit(slope, exact=True)(W, r))
    assert slope(W, r)[0] == float(r[0]) - float(r[1])


def test_what_is_no_argument_stays_what_it_is():
    order = np.array([1, 0])
    assert grad(lambda w: w[order][0] * 3)(W).tolist() == [0.0, 3.0]
    data = np.array([1.0, 2.0])
    seen = []
    grad(lambda w, x, name: seen.extend([x, name]) or w[0])(W, [data], np.array(["a"]))
    assert seen[0][0] is data
    assert seen[1].tolist() == ["a"]


MASKED = np.ma.array([1.0, 2.0], mask=[False, True])
REFUSING = {
    "grad": lambda x: grad(lambda w, x: w * x[0])(1.0, x),
    "by it": lambda x: grad(lambda x: x[0])(x),
    "keyword": lambda x: value_and_grad(lambda w, x: w * x[0])(1.0, x=x),
    "jacobian": lambda x: jacobian(lambda x: x)(x),
    "hessian": lambda x: hessian(lambda x: x[0])({"a": x}),
    "jvp": lambda x: jvp(lambda x: x[0], (x,), (x,)),
    "tangents": lambda x: jvp(lambda x: x[0], (np.ones(2),), (x,)),
    "vjp": lambda x: vjp(lambda x: x[0], x),
    "cotangents": lambda x: vjp(lambda x: x, np.ones(2))[1](x),
    "vmap": lambda x: vmap(lambda x: x)(x),
    "shared": lambda x: vmap(lambda x, y: x, in_axes=(0, None))([1.0], x),
    "jit": lambda x: jit(lambda x: x[0])(x),
    "jit of Values": lambda x: grad(lambda w: jit(lambda w, x: w * x[0])(w, x))(1.0),
    "check_gradients": lambda x: check_gradients(lambda x: x[0], x),
    "minimize": lambda x: nn.minimize(lambda x: x[0] * x[0], x),
    "least_squares": lambda x: nn.least_squares(lambda x: [x[0]], x),
}


@pytest.mark.parametrize("call", REFUSING.values(), ids=REFUSING)
@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (MASKED, r"expected a plain array, got a MaskedArray; give .filled\(0.0\) of it, and its mask as weights$"),
        (
            np.ones((1, 2)).view(np.matrix),
            "expected a plain array, got a matrix; give np.asarray of it, and write @",
        ),
    ],
    ids=["masked", "matrix"],
)
def test_arrays_with_an_arithmetic_of_their_own_are_refused(call, x, sentence):
    with pytest.raises(TypeError, match=rf"(argument \d|x|x0|tangents|cotangents).*: {sentence}"):
        call(x)


POINTS = [0.0, -0.0, 1.0, -1.0, 2.0, -2.5, 0.5, 1e200, -1e200, 5e-324, math.inf, -math.inf, math.nan]
X, Y = map(np.array, zip(*itertools.product(POINTS, POINTS)))
NAMES = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lt", "ge", "eq", "ne"]
OPERATORS = {name: getattr(operator, name) for name in NAMES}
BINARY = {
    **OPERATORS,
    **{f"{f.__name__} {k}": lambda x, y, f=f, k=k: f(x, k) for f in OPERATORS.values() for k in (0, 2, 0.5, -1.0)},
    **{f"{k} {f.__name__}": lambda x, y, f=f, k=k: f(k, x) for f in OPERATORS.values() for k in (0, 2, 0.5, -1.0)},
    **{f.__name__: lambda x, y, f=f: f(x) for f in (operator.neg, operator.pos, abs, round, math.floor, math.ceil)},
    "decimals": lambda x, y: round(x, 2) + round(y, -1),
    "divmod": lambda x, y: list(divmod(x, y)),
    "choice": lambda x, y: where(x < y, x / y, y**x),
    "after a row": lambda x, y: 1.0 / exp(x) + sin(y) ** 0.5,
    "after a slope": lambda x, y: y / grad(lambda x: x * x)(x),
    "a slope": lambda x, y: grad(lambda x, y: x / y)(x, y),
}
ROWS = [row for row in PRIMITIVES.values() if row.arity in (1, 2)]


def numbers(f):
    return np.array(flatten(f)[0], dtype=float)


@pytest.mark.parametrize("name", BINARY)
def test_operators_on_samples_are_those_of_compiled_code(name):
    f = vmap(BINARY[name])
    expected = numbers(jit(f, exact=True)(X, Y))
    for found in (f(X, Y), f(X.tolist(), Y.tolist())):
        np.testing.assert_array_equal(numbers(found), expected)
        zeros = expected == 0
        np.testing.assert_array_equal(np.signbit(numbers(found)[zeros]), np.signbit(expected[zeros]))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_rows_of_samples_can_be_computed_with(row):
    def f(x, y):
        return 1.0 / row(*(x, y)[: row.arity])

    expected = [(1.0 / Value(row(*(x, y)[: row.arity]))).data for x, y in zip(X.tolist(), Y.tolist())]
    np.testing.assert_array_equal(vmap(f)(X, Y), expected)


def test_what_all_samples_share_follows_them():
    def f(p, x, n):
        return where(p["w"][0] > 0, x, 1.0 / p["w"][0]) + x**n

    args = {"w": [0.0]}, [-1.0, 4.0], 0.5
    found = vmap(f, in_axes=(None, 0, None))(*args)
    np.testing.assert_array_equal(found, [math.nan, math.inf])
    w = Value(2.0)
    values = vmap(lambda x: [x * w, x])([3.0, 4.0])
    assert [x.data for x in values[0]] == [6.0, 8.0]
    assert {type(x) for x in flatten(vmap(lambda x: np.array([x, x * w]))([3.0]))[0]} == {float, Value}


def test_checked_functions_follow_ieee_754():
    assert check_gradients(lambda x: where(x != 0, sin(x) / x, 1.0), 0.0).value == 1.0
    assert check_gradients(lambda p: where(p["x"] > 0, p["x"] ** 0.5, 1.0), {"x": -1.0}).first[0].found == 0.0
    assert check_gradients(lambda x: 1.0 / exp(1.0 / x), 0.0, gradient=lambda x: where(x < 0, 1.0 / x, 0.0))
