"""taylor: its coefficients are those of nested derivatives and of mpmath, for every row, along every curve."""

import functools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from autograd_engine import (
    arctan2,
    checkpoint,
    cond,
    cos,
    custom_derivative,
    exp,
    fori_loop,
    grad,
    hypot,
    jacobian,
    jit,
    jvp,
    lgamma,
    mean,
    root,
    sin,
    sqrt,
    stop_gradient,
    sum,
    taylor,
    vmap,
    where,
    while_loop,
)
from autograd_engine.compiler.trace import traced
from autograd_engine.primitives import PRIMITIVES
from tests.laws.rows import ROWS
from tests.laws.strategies import KINKED, domain, expressions, points

SLOW = {"beta", "betaln", "digamma", "lgamma"}  # in mpmath, to hundreds of digits
SMOOTH = [op for op in PRIMITIVES.values() if op.arity and op.name not in KINKED | SLOW]
EVERY = pytest.mark.parametrize("op", PRIMITIVES.values(), ids=lambda op: op.name)


def nested(f, order):
    """The coefficients of a function of one number by nested derivatives."""
    derivatives = [f]
    for _ in range(order):
        derivatives.append(lambda t, f=derivatives[-1]: jvp(f, (t,), (1.0,))[1])
    return [f(0.0) / math.factorial(k) for k, f in enumerate(derivatives)]


def along(f, x, v):
    return lambda t: f(*[a + t * b for a, b in zip(x, v)])


def agree(found, expected, rel):
    """Whether coefficients agree, relative to the larger of those from the same order on, as for a radius of 1."""
    size = max(map(abs, expected), default=0.0)
    return found == pytest.approx(expected, rel=rel, abs=rel * size)


@EVERY
@settings(max_examples=10)
@given(data=st.data())
def test_coefficients_of_every_row_are_those_of_nested_derivatives(op, data):
    x = data.draw(domain(op))
    v = tuple(data.draw(st.sampled_from([0.0, 1.0, -0.5])) for _ in x)
    assert agree(taylor(op, 4, v)(*x), nested(along(op, x, v), 4), 1e-9)


@pytest.mark.parametrize("op", SMOOTH, ids=lambda op: op.name)
@settings(max_examples=1)
@given(data=st.data())
def test_coefficients_of_every_smooth_row_are_those_of_mpmath(op, data):
    x = data.draw(domain(op))
    v = (0.25, -0.5, 0.125)[: len(x)]
    with mp.workprec(360):
        curve = along(lambda *xs: ROWS[op.name].exact(*xs), list(map(mpf, x)), list(map(mpf, v)))
        expected = list(map(float, mp.taylor(curve, 0, 6, h=mp.ldexp(1, -50))))
    assert agree(taylor(op, 6, v)(*x), expected, 1e-12)


@settings(max_examples=30)
@given(expressions(), points(), points())
def test_coefficients_of_programs_are_those_of_nested_derivatives(f, x, v):
    assert agree(taylor(f, 3, v)(*x), nested(along(f, x, v), 3), 1e-8)


def test_the_time_and_the_depth_do_not_grow_as_those_of_nested_derivatives():
    assert taylor(sin, 60)(0.3)[60] == pytest.approx(math.sin(0.3) / math.factorial(60))
    binomial = [math.comb(100, k) * 1.1 ** (100 - k) for k in range(101)]
    assert taylor(lambda x: x**100, 100)(1.1) == pytest.approx(binomial)
    assert math.isfinite(taylor(lgamma, 90)(2.3)[90])  # whose rule leads to ever further rows
    deep = taylor(lambda x: functools.reduce(lambda y, _: 0.5 * y + x, range(20_000), x), 2)(1.0)
    assert deep == pytest.approx([2.0, 2.0, 0.0])


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: x**3, 0.0, [0.0, 0.0, 0.0, 1.0, 0.0]),
        (lambda x: x**2, -2.0, [4.0, -4.0, 1.0, 0.0, 0.0]),
        (lambda x: x**0, 0.0, [1.0, 0.0, 0.0, 0.0, 0.0]),
        (lambda x: where(x > 0, sqrt(x), 2 * x), 0.0, [0.0, 2.0, 0.0, 0.0, 0.0]),
        (lambda x: abs(x) * x, -1.0, [-1.0, 2.0, -1.0, 0.0, 0.0]),
        (lambda x: 1 / (1 - x), 0.0, [1.0] * 5),
        (lambda x: stop_gradient(x) * x, 3.0, [9.0, 3.0, 0.0, 0.0, 0.0]),
        (lambda x: 7, 3.0, [7.0, 0.0, 0.0, 0.0, 0.0]),
        (lambda x: x, 3.0, [3.0, 1.0, 0.0, 0.0, 0.0]),
    ],
)
def test_special_points(f, x, expected):
    assert taylor(f, 4)(x) == expected
    assert jit(taylor(f, 4))(x) == expected


def test_a_path_is_a_curve():
    x, v, a = [0.3, -0.2], [1.0, 2.0], [0.5, -1.0]

    def f(x, y):
        return {"f": exp(x) * cos(y), "x": [x]}

    found = taylor(f, 5, v, a)(*x)
    composed = taylor(lambda t: f(*[x + v * t + a * t * t for x, v, a in zip(x, v, a)]), 5)(0.0)
    for one, other in zip(found, composed):
        assert one["f"] == pytest.approx(other["f"], rel=1e-13)
        assert one["x"] == pytest.approx(other["x"])
    assert len(taylor(f, 1, v, a)(*x)) == 2


ROTATION = np.array([[0.0, 0.3], [-0.3, 0.1]])
PROGRAMS = {
    "arrays": lambda x: sum(np.tanh(x) * x[::-1] ** 3),
    "gradients": lambda x: grad(lambda y: (y**4).sum() * x[0])(x),
    "mapped": lambda x: mean(vmap(lambda y: sin(y * x[0]))(x)),
    "systems": lambda x: np.linalg.solve(np.eye(2) + ROTATION * x, x),
    "loops": lambda x: fori_loop(0, 30, lambda i, y: np.sin(y) * x + 1, x),
    "branches": lambda x: x[0] ** 2.5 if x[0] > x[1] else -x[0],
    "angles": lambda x: arctan2(x[0], x[1]) * hypot(x[0], 1.0),
    "checkpoints": lambda x: checkpoint(lambda x: (np.tanh(x) * x).sum())(x),
    "closures": lambda x: checkpoint(lambda y: sin(y * x[1]) * x[0])(x[0] * x[1]),
}
X, V = np.array([0.4, 0.3]), np.array([1.0, -0.5])


@pytest.mark.parametrize("f", PROGRAMS.values(), ids=PROGRAMS)
def test_what_a_program_is_made_of(f):
    found = taylor(f, 3, (V,))(X)
    for k, expected in enumerate(nested(lambda t: np.asarray(f(X + t * V)), 3)):
        np.testing.assert_allclose(found[k], np.asarray(expected, dtype=float), rtol=1e-9, atol=1e-12)
    if f is not PROGRAMS["checkpoints"]:
        for one, other in zip(jit(lambda x, v: taylor(f, 3, (v,))(x))(X, V), found):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-14)


STEPS = np.array([0.5, 2.0, -1.0])


def rolled(x):
    for _ in range(60):
        x = x + 0.1 * (sin(x) if x > 1.0 else cos(x) * x)
    return x


CHOSEN = {
    "a loop of many rounds": rolled,
    "cond": lambda x: cond(x > 1.0, sin, lambda x: x * x, x),
    "an item of known numbers": lambda x: STEPS[int(3 * x)] * x**3,
    "one of some items": lambda x: sum([x * x if k == int(2 * x) else sin(k * x) for k in range(3)]),
}


@pytest.mark.parametrize("f", CHOSEN.values(), ids=CHOSEN)
def test_compiled_series_go_through_what_is_chosen_at_a_call(f, monkeypatch):
    monkeypatch.setattr(traced, "LONG", 500)
    compiled = jit(taylor(f, 3))
    for x in (0.3, 0.8):
        np.testing.assert_allclose(compiled(x), taylor(f, 3)(x), rtol=1e-11)


def until(x):
    while x < 3.0:
        x = x + x * x
    return x


UNKNOWN = {
    "while": until,
    "while_loop": lambda x: while_loop(lambda x: x < 3.0, lambda x: x + x * x, x),
    "fori_loop": lambda x: fori_loop(0, 30 * x, lambda i, y: y * x, x),
    "an item": lambda x: np.array([x, x * x])[int(x)],
}


@pytest.mark.parametrize("f", UNKNOWN.values(), ids=UNKNOWN)
def test_compiled_series_refuse_what_has_none(f):
    with pytest.raises(
        TypeError, match=r"^taylor\(\) cannot be compiled where a loop .* or an item an index, .* by grad"
    ):
        jit(taylor(f, 3))(0.3)


def test_calls_with_derivatives_of_their_own():
    cube_root = taylor(lambda x: root(lambda y, x: y**3 - x, 1.0, x), 3)(2.0)
    assert cube_root == pytest.approx(taylor(lambda x: x ** (1 / 3), 3)(2.0))
    own = custom_derivative(math.sin, lambda cotangent, out, x: cotangent * cos(x))
    assert taylor(own, 4)(0.5) == pytest.approx(taylor(sin, 4)(0.5))


@pytest.mark.parametrize("from_x", [sin, lambda x: 1.5, lambda x: where(x > 0, x * x, 1.0)])
def test_a_pull_may_use_what_depends_on_the_variable(from_x):
    def f(x):
        c = from_x(x)
        return custom_derivative(exp, lambda cotangent, out, y: c * y * cotangent * out)(2 * x) * x

    expected = nested(lambda t: f(0.4 + t), 4)
    assert taylor(f, 4)(0.4) == pytest.approx(expected)
    assert jit(taylor(f, 4))(0.4) == pytest.approx(expected)
    by_a = jacobian(lambda a: taylor(lambda x: f(a * x), 3)(0.4))
    assert by_a(1.5) == pytest.approx(jacobian(lambda a: np.array(nested(lambda t: f(a * (0.4 + t)), 3)))(1.5))
    assert jit(by_a)(1.5) == pytest.approx(by_a(1.5))


def test_coefficients_have_derivatives():
    by_x = grad(lambda x: taylor(sin, 3)(x)[3])
    assert by_x(0.3) == pytest.approx(math.sin(0.3) / 6)
    assert jit(by_x)(0.3) == pytest.approx(by_x(0.3))
    by_v = grad(lambda v: taylor(sin, 3, (v,))(0.3)[3])
    assert by_v(2.0) == pytest.approx(-3 * 4 * math.cos(0.3) / 6)
    by_w = grad(lambda w: taylor(lambda x: sin(w * x), 3)(0.0)[3])
    assert by_w(2.0) == pytest.approx(-3 * 4 / 6)
    assert taylor(lambda x: taylor(exp, 2)(x)[2], 1)(0.0) == [0.5, 0.5]


def solution(f, y, order):
    """The Taylor coefficients of the solution of y' = f(y)."""
    coefficients = [y]
    for k in range(order):
        path = [(c,) for c in coefficients[1:]]
        coefficients.append(taylor(f, k, *(path or [(np.zeros_like(y),)]))(y)[k] / (k + 1))
    return coefficients


def test_a_differential_equation_by_taylor_series():
    def kepler(state):
        x, y, u, v = state
        cubed = (x * x + y * y) ** 1.5
        return np.array([u, v, -x / cubed, -y / cubed])

    state, steps = np.array([0.5, 0.0, 0.0, math.sqrt(3.0)]), 60  # an ellipse of eccentricity 1/2
    for _ in range(steps):
        state = np.polyval(solution(kepler, state, 12)[::-1], 2 * math.pi / steps)
    np.testing.assert_allclose(state, [0.5, 0.0, 0.0, math.sqrt(3.0)], atol=1e-7)


def test_what_cannot_be_done_is_said():
    for order in (-1, 1.5, None, "2"):
        with pytest.raises(ValueError, match=r"taylor\(\) needs a whole number from 0 on for the order, got"):
            taylor(sin, order)
    with pytest.raises(TypeError, match=r"of a function of more than one number needs a direction: taylor\(f, order, "):
        taylor(lambda x, y: x, 1)(1.0, 2.0)
    with pytest.raises(ValueError, match=r"taylor\(\) needs the path of the same structure and shapes as the arg"):
        taylor(lambda x, y: x, 1, (1.0,))(1.0, 2.0)
    with pytest.raises(TypeError, match=r"parts of the path as tuples with an entry for each argument: \(v,\)"):
        taylor(sin, 1, 1.0)(1.0)
    with pytest.raises(TypeError, match=r"taylor\(\), in the arguments: expected a real number"):
        taylor(sin, 1)("a")
    with pytest.raises(TypeError, match=r"taylor\(\), in what the function returned: expected a real number"):
        taylor(lambda x: "a", 1)(1.0)


def test_it_can_be_pickled():
    assert pickle.loads(pickle.dumps(taylor(sin, 2)))(0.5) == taylor(sin, 2)(0.5)
