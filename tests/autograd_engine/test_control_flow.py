"""Branches and loops as functions: what Python's own statements do, and the derivatives of that."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import (
    Value,
    check_gradients,
    cond,
    cos,
    fori_loop,
    grad,
    hessian,
    jacobian,
    jit,
    jvp,
    maximum,
    scan,
    sin,
    switch,
    value_and_grad,
    vmap,
    while_loop,
)
from autograd_engine.control_flow import recorder

NUMBERS = st.floats(-2.0, 2.0)


class State(NamedTuple):
    x: Any
    v: Any


# Each as it is written with the functions, and as Python writes it.
def power(x: Any) -> Any:
    return fori_loop(1, 6, lambda i, y: y * sin(x) + i, 1)


def power_in_python(x: Any) -> Any:
    y = 1.0
    for i in range(1, 6):
        y = y * sin(x) + i
    return y


def halved(x: Any) -> Any:
    return while_loop(lambda s: abs(s[0]) > 0.3, lambda s: (s[0] * 0.5 + 0.1 * sin(x), s[1] + s[0] * x), (x, 0))[1]


def halved_in_python(x: Any) -> Any:
    s, total = x, 0.0
    while abs(s) > 0.3:
        s, total = s * 0.5 + 0.1 * sin(x), total + s * x
    return total


def swing(x: Any) -> Any:
    def step(s: State, dt: Any) -> Any:
        v = s.v - dt * sin(s.x)
        return State(s.x + dt * v, v), s.x * v

    state, products = scan(step, State(x, 0.5), [0.1, 0.2, 0.3])
    return state.x + products.sum()


def swing_in_python(x: Any) -> Any:
    v, total = 0.5, 0.0
    for dt in [0.1, 0.2, 0.3]:
        before, v = x, v - dt * sin(x)
        x = x + dt * v
        total += before * v  # not by sum(), which compensates the roundings of floats from Python 3.12 on
    return x + total


def chosen(x: Any) -> Any:
    inner = cond(x > 0.0, lambda y: y**2, lambda y: sin(y) * x, x)
    return switch(x + 1, [lambda y: y, lambda y: y * y * x, lambda y: cos(y)], inner)


def chosen_in_python(x: Any) -> Any:
    y = x**2 if x > 0 else sin(x) * x
    return y if x + 1 < 1 else y * y * x if x + 1 < 2 else cos(y)


def nested(x: Any) -> Any:
    def outer(i: int, s: Any) -> Any:
        inner = while_loop(lambda t: t < 1.0, lambda t: t * 1.5 + 0.2, abs(s))
        return cond(inner > 1.2, lambda: inner * x, lambda: inner - x + i)

    return fori_loop(0, 4, outer, x)


def nested_in_python(x: Any) -> Any:
    s = x
    for i in range(4):
        t = abs(s)
        while t < 1.0:
            t = t * 1.5 + 0.2
        s = t * x if t > 1.2 else t - x + i
    return s


PAIRS = [
    (power, power_in_python),
    (halved, halved_in_python),
    (swing, swing_in_python),
    (chosen, chosen_in_python),
    (nested, nested_in_python),
]
PAIRS_BY_NAME = pytest.mark.parametrize(("f", "in_python"), PAIRS, ids=[f.__name__ for f, _ in PAIRS])


@PAIRS_BY_NAME
@given(x=NUMBERS)
def test_values_and_derivatives_are_those_of_the_statements(f, in_python, x):
    assert f(x) == in_python(x)
    assert isinstance(f(x), float)
    assert value_and_grad(f)(x) == value_and_grad(in_python)(x)
    assert grad(grad(f))(x) == grad(grad(in_python))(x)
    assert jvp(grad(f), (x,), (1.0,)) == jvp(grad(in_python), (x,), (1.0,))


@PAIRS_BY_NAME
def test_derivatives_are_those_of_finite_differences(f, in_python):
    check_gradients(f, 0.7)
    check_gradients(f, 0.7, order=2)


@PAIRS_BY_NAME
def test_a_vmap_of_them_is_a_loop(f, in_python):
    xs = np.array([-1.5, -0.4, 0.3, 1.2])
    assert vmap(f)(xs).tolist() == [in_python(x) for x in xs.tolist()]
    assert vmap(grad(f))(xs).tolist() == [grad(in_python)(x) for x in xs.tolist()]


def test_numbers_of_a_vmap_follow_ieee_754_in_a_loop():
    def inverse(x):
        return fori_loop(0, 1, lambda i, y: 1 / y, x)

    assert vmap(inverse)(np.array([0.0, 2.0])).tolist() == [np.inf, 0.5]
    assert scan(lambda c, x: (c, 1 / x), 0, [])[1].shape == (0,)


def test_results_of_a_vmap_are_part_of_a_state():
    def total(X):
        return fori_loop(0, 3, lambda i, y: 2 * y + i, vmap(sin)(X)).sum()

    X = np.array([0.3, 1.2, -0.5])
    assert jit(total)(X) == pytest.approx(total(X), rel=1e-14)


@pytest.mark.parametrize("f", [power, swing])
def test_what_does_not_depend_on_numbers_is_compiled(f):
    assert jit(value_and_grad(f))(0.7) == pytest.approx(value_and_grad(f)(0.7), rel=1e-14)


def test_hessians_go_through_arrays_in_the_state():
    a = np.array([[0.5, 0.2], [-0.3, 0.8]])

    def energy(x):
        end, path = scan(lambda s, _: ({"x": np.sin(a @ s["x"])}, (s["x"] ** 2).sum()), {"x": x}, length=4)
        return path.sum() + (end["x"] ** 3).sum()

    check_gradients(energy, np.array([0.3, -0.7]), order=2)
    matrix = hessian(energy)(np.array([0.3, -0.7]))
    assert matrix == pytest.approx(matrix.T, rel=1e-12)


def test_only_the_branch_that_is_taken_is_called():
    def never(*operands):
        raise AssertionError

    assert cond(True, lambda x: x, never, 3.0) == 3.0
    assert cond(np.bool_(False), never, lambda x: x, 3.0) == 3.0
    assert cond(Value(0.0), never, lambda: 1.0) == 1.0
    assert switch(1, [never, lambda: 5.0, never]) == 5.0


@given(index=st.integers(-9, 9) | st.floats(-9, 9), count=st.integers(1, 6))
def test_an_index_of_a_branch_is_rounded_down_and_clamped(index, count):
    branches = [lambda x, k=k: (k, x) for k in range(count)]
    assert switch(index, branches, "x") == (min(max(int(np.floor(index)), 0), count - 1), "x")
    assert switch(Value(index), branches, "x") == switch(index, branches, "x")


@given(xs=st.lists(NUMBERS, max_size=6), reverse=st.booleans())
def test_a_scan_keeps_the_order_of_its_entries(xs, reverse):
    carry, ys = scan(lambda c, x: (c * 0.5 + x, c), 1.0, np.array(xs), reverse=reverse)
    c, expected = 1.0, []
    for x in xs[::-1] if reverse else xs:
        expected.append(c)
        c = c * 0.5 + x
    assert carry == c
    assert isinstance(ys, np.ndarray)
    assert ys.tolist() == (expected[::-1] if reverse else expected)


def test_entries_have_the_structure_of_xs_and_results_that_of_y():
    xs = {"a": np.arange(6).reshape(3, 2), "b": ([1, 2, 3], [[Value(4.0)], [5], [6]])}

    def step(c, x):
        assert x["a"].dtype == float
        assert x["a"].shape == (2,)
        assert type(x["b"]) is tuple
        assert type(x["b"][0]) is float
        return c, {"row": maximum(x["b"][1][0], x["b"][0]), "pair": [x["a"], None]}

    carry, ys = scan(step, None, xs)
    assert carry is None
    assert list(ys["row"]) == [4.0, 5.0, 6.0]
    assert isinstance(ys["row"][0], Value)
    assert ys["pair"][0].tolist() == xs["a"].tolist()
    assert ys["pair"][1] is None


@pytest.mark.parametrize("xs", [np.zeros((0, 2)), None])
def test_without_rounds_the_results_are_empty_and_the_state_is_the_first(xs):
    calls = []

    def step(c, x):
        calls.append(x)
        return (c[0] + 1.0, c[1]), {"y": 1 / (c[0] - 1.0) if xs is None else x / 0.0, "c": c[1]}

    first = np.array([1, 2])
    carry, ys = scan(step, (5, first), xs, length=0)
    assert carry[0] == 5.0
    assert carry[1].tolist() == [1.0, 2.0]
    assert ys["y"].shape == (0,) if xs is None else (0, 2)
    assert ys["c"].shape == (0, 2)
    assert len(calls) == 1

    def never(*args):
        raise AssertionError

    assert fori_loop(3, 3, never, 5) == fori_loop(3, -3, never, 5) == while_loop(lambda s: False, never, 5) == 5.0
    assert type(fori_loop(3, 3, never, 5)) is float


def test_numbers_of_the_state_are_floats_and_what_was_given_stays():
    first = {"n": 1, "a": np.array([1, 2])}

    def body(i, s):
        assert type(s["n"]) is float
        assert s["a"].dtype == float
        s["a"][0] += 1
        return {"a": s["a"] > 1.5, "n": 2 * i}

    end = fori_loop(0, 2, body, first)
    assert end["a"].tolist() == [1.0, 0.0]
    assert next(iter(end.items())) == ("n", 2.0)
    assert first["a"].tolist() == [1, 2]


def test_bounds_are_whole_numbers_of_any_kind():
    for bound in (3, 3.0, np.int64(3), Value(3.0)):
        assert fori_loop(0, bound, lambda i, s: s + i, 0) == 3.0
        assert scan(lambda c, x: (c + 1, c), 0, length=bound)[0] == 3.0


def test_rows_of_nested_lists_follow_the_table():
    rows = [[0.0, 1.0], [2.0, -1.0]]
    expected = jit(grad(lambda x: vmap(lambda row: np.maximum(row, 0.0).sum())(x).sum()))(np.array(rows))
    assert expected.tolist() == [[0.5, 1.0], [1.0, 0.0]]
    assert grad(lambda x: vmap(lambda row: np.maximum(row, 0.0).sum())(x).sum())(rows) == expected.tolist()
    assert (
        grad(lambda x: scan(lambda c, row: (c + np.maximum(row, 0.0).sum(), None), 0, x)[0])(rows) == expected.tolist()
    )


def test_derivatives_go_through_the_results_of_each_round():
    check_gradients(lambda x: scan(lambda c, x: (c * x, c + x), x[0], x, reverse=True)[1].sum(), np.array([0.5, 2, 3]))
    slopes = jacobian(lambda x: scan(lambda c, _: (c * x, c), 1.0, length=4)[1])(2.0)
    assert slopes.tolist() == [0.0, 1.0, 4.0, 12.0]


def identity(*args: Any) -> Any:
    return args[-1]


WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: cond([], identity, identity), TypeError, r"cond\(\), in pred: expected a real number .*, got list"),
    (lambda: cond(1, 2, identity), TypeError, r"cond\(\): if_true must be a function, got int"),
    (lambda: cond(1, identity, 2), TypeError, r"cond\(\): if_false must be a function, got int"),
    (lambda: switch("a", [identity]), TypeError, r"switch\(\), in index: expected a real number"),
    (lambda: switch(0, []), ValueError, r"switch\(\) needs at least one branch"),
    (lambda: switch(0, identity), TypeError, r"switch\(\): branches must be a list of functions, got function"),
    (lambda: switch(0, [identity, 3]), TypeError, r"switch\(\): branch 1 must be a function, got int"),
    (lambda: while_loop(1, identity, 0), TypeError, r"while_loop\(\): cond must be a function, got int"),
    (
        lambda: while_loop(lambda s: None, identity, 0),
        TypeError,
        r"while_loop\(\), in what cond returned: expected a r",
    ),
    (lambda: while_loop(identity, identity, "a"), TypeError, r"while_loop\(\), in init: expected a real number"),
    (lambda: while_loop(identity, lambda s: "a", 1), TypeError, r"while_loop\(\), in what a round returned: expected"),
    (lambda: while_loop(identity, lambda s: (s, s), 1), TypeError, r"for the state one number, got tuple of 2"),
    (
        lambda: fori_loop(0, 2, lambda i, s: {"x": s["x"]}, {"x": 1, "v": 2}),
        TypeError,
        r"for the state a dict with the",
    ),
    (
        lambda: fori_loop(0, 2, lambda i, s: [s[0], np.ones(3)], [1, np.ones(2)]),
        TypeError,
        r"state\[1\] a list",
    ),
    (lambda: fori_loop(0, 2, None, 1), TypeError, r"fori_loop\(\): body must be a function, got NoneType"),
    (lambda: fori_loop(0.5, 2, identity, 1), ValueError, r"fori_loop\(\): lower must be a whole number, got 0.5"),
    (lambda: fori_loop(0, np.nan, identity, 1), ValueError, r"fori_loop\(\): upper must be a whole number, got nan"),
    (lambda: fori_loop(0, "3", identity, 1), TypeError, r"fori_loop\(\), in upper: expected a real number"),
    (lambda: scan(identity, 1), ValueError, r"scan\(\) needs xs or length"),
    (lambda: scan(identity, 1, length=-1), ValueError, r"scan\(\): length must not be negative, got -1"),
    (lambda: scan(identity, 1, length=1.5), ValueError, r"scan\(\): length must be a whole number, got 1.5"),
    (lambda: scan(identity, 1, [1, 2], 3), ValueError, r"scan\(\): length is 3, but xs has 2 entries"),
    (lambda: scan(identity, 1, 2.0), ValueError, r"scan\(\): xs should be mapped over axis 0, but has an"),
    (lambda: scan(identity, 1, ([1, 2], [3])), ValueError, r"scan\(\): xs\[0\] has 2 samples, but xs\[1\] has 1"),
    (lambda: scan(identity, 1, np.ma.ones(3)), TypeError, r"scan\(\): xs: expected a plain array"),
    (lambda: fori_loop(0, 1, identity, np.ma.ones(3)), TypeError, r"fori_loop\(\): init: expected a plain array"),
    (lambda: scan(lambda c, x: c, 1, [1, 2]), TypeError, r"step must return a pair \(carry, y\), got float"),
    (lambda: scan(lambda c, x: (c, c, c), 1, [1]), TypeError, r"step must return a pair \(carry, y\), got tuple of 3"),
    (
        lambda: scan(lambda c, x: (c, [1] * int(x)), 1, [1, 2]),
        TypeError,
        r"for y a list, tuple or array of 1, got list",
    ),
    (lambda: scan(lambda c, x: (c, "a"), 1, [1, 2]), TypeError, r"scan\(\), in what a round returned: expected a real"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_bad_input_is_one_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call()


class Recorder:
    """Records calls, except those that have "run" among their operands."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        def record(*args):
            self.calls.append((name, args))
            return NotImplemented if args[-1] == ("run",) else ("recorded", name)

        return record


def test_a_recorder_gets_what_has_been_checked():
    token = recorder.set(made := Recorder())
    try:
        pred = Value(1.0)
        assert cond(pred, identity, identity, 3.0, np.array([1])) == ("recorded", "cond")
        assert cond(pred, identity, identity, "run") == "run"
        assert cond(True, identity, identity, 5.0) == 5.0
        assert while_loop(identity, identity, [1, np.array([2])]) == ("recorded", "while_loop")
        assert fori_loop(0, 3.0, identity, 1) == ("recorded", "fori_loop")
        assert scan(identity, 1, np.array([1, 2]), reverse=1) == ("recorded", "scan")
    finally:
        recorder.reset(token)
    names = [name for name, _ in made.calls]
    assert names == ["cond", "cond", "while_loop", "fori_loop", "scan"]
    assert made.calls[0][1][0] is pred
    assert repr(made.calls[2][1][-1]) == "[1.0, array([2.])]"
    assert repr(made.calls[3][1]) == repr((0, 3, identity, 1.0))
    assert repr(made.calls[4][1]) == repr((identity, 1.0, np.array([1.0, 2.0]), 2, True))
