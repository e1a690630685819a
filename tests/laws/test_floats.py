"""Numbers are floats: arrays of every other type give what they give as 64-bit floats, and masks are not lost."""

import numpy as np
import pytest

import nn
from autograd_engine import (
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
)
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
