"""The laws of the table: each is asserted for every row, on inputs drawn by hypothesis.

The judges are finite differences of the row's own forward function, and mpmath for the last digits.
"""

import functools
import inspect
import itertools
import math
import pickle
from fractions import Fraction
from math import inf, nan

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

import autograd_engine
from autograd_engine import Value, grad, jit, primitives
from autograd_engine.derivatives import gradient
from autograd_engine.primitives import PRIMITIVES, Primitive, as_float
from tests.laws.allowances import BAR, bar_of, slope_allowance, value_allowance
from tests.laws.judge import NORMAL, exact, exact_slope, ulps
from tests.laws.rows import ROWS, special_points
from tests.laws.strategies import anything, domain, expressions, points, wide

COMPOSITE = [op for op in PRIMITIVES.values() if op.composite]
every_row = pytest.mark.parametrize("op", PRIMITIVES.values(), ids=lambda op: op.name)

# Where the table says so itself: the result does not look at an input, whatever it is.
UNSELECTED = {"where", "heaviside", "leaky_relu", "elu", "pow", "xlogy"}
# The derivatives of these do not depend on the inputs, not even on nan.
LINEAR = {"identity", "add", "sub", "neg", "sum"}


def same(x, y):
    """Equal as bits are, except that one nan is like another."""
    return (x != x and y != y) or (x == y and math.copysign(1, x) == math.copysign(1, y))


def slopes(op, inputs):
    """The partials at floats, by IEEE rules where Python's floats refuse to divide by zero."""
    return op(*map(Value, inputs)).local_derivatives()


def central_difference(f, inputs, i, step=1e-3):
    """The derivative with respect to the i-th input, to the fourth order of the step."""

    def moved(steps):
        return f(*inputs[:i], inputs[i] + steps * step, *inputs[i + 1 :])

    return (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * step)


# --- finite differences ------------------------------------------------------------------------------------


def disagreement(op, inputs):
    """What is wrong with the row's partials at `inputs`, by finite differences of its forward; None if nothing."""
    out = op(*inputs)
    for i, partial in enumerate(slopes(op, inputs)):
        if (op.name, i) == ("where", 0):
            continue  # the condition is no number to move
        expected = central_difference(op.forward, inputs, i)
        if partial != pytest.approx(expected, rel=1e-6, abs=1e-8 * max(1.0, math.fabs(out))):
            return f"d/d(input {i}) of {op.name}{inputs} is {partial}, finite differences say {expected}"
    return None


@every_row
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_partials_match_finite_differences(op, data):
    assert disagreement(op, data.draw(domain(op))) is None


@settings(max_examples=60, deadline=None)
@given(expressions(), points())
def test_expressions_of_the_table_match_finite_differences(f, point):
    leaves = [Value(x) for x in point]
    out = f(*leaves)
    assert same(out.data, f(*point))
    out.backward()
    for i, leaf in enumerate(leaves):
        expected = central_difference(f, point, i)
        assert leaf.grad == pytest.approx(expected, rel=1e-5, abs=1e-5)


# --- the last digits ---------------------------------------------------------------------------------------

TINY_TO_HUGE = [
    *(5e-324, 1e-310, NORMAL, 1e-300, 1e-200, 1e-154, 1e-100, 1e-20, 1e-16, 1e-8, 1e-3, 0.1, 0.25, 0.5, 0.999),
    *(1 - 1e-9, math.nextafter(1, 0), 1.0, math.nextafter(1, 2), 1 + 1e-9, 1.5, math.pi / 2, 2.0, math.e, 3.0, 10.0),
    *(18.0, 20.0, 25.0, 26.5, 27.2, 30.0, 37.5, 38.4, 40.5, 300.0, 355.0, 700.0, 709.7, 709.9, 744.4, 745.2, 1022.5),
    *(1e4, 1e8, 2.0**52 - 0.5, 2.0**53, 1e16, 1e100, 1e154, 1e158, 1e200, 1e300, 1.7976931348623157e308),
]
NASTY = [0.0, *TINY_TO_HUGE, *(-x for x in TINY_TO_HUGE)]
NASTY_PAIRS = [0.0, 5e-324, 1e-300, -0.5, 0.5, math.nextafter(1, 2), -3.0, 3.0, -700.25, 700.25, -1e300, 1e300]


def assert_accurate(op, inputs):
    value = exact(op.name, inputs)
    if value is None:
        return  # a pole: the special points have it
    out = op(*inputs)
    error = ulps(out, value, value_allowance(op, inputs, value))
    assert error <= BAR, f"{op.name}{inputs} is {out!r}: {error} ulp off {value}"
    for i, partial in enumerate(slopes(op, inputs)):
        slope = exact_slope(op.name, inputs, i)
        if slope is not None:
            error = ulps(partial, slope, slope_allowance(op, inputs, i, partial, value, slope))
            assert error <= BAR, f"d/d(input {i}) of {op.name}{inputs} is {partial!r}: {error} ulp off {slope}"


@every_row
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_values_and_partials_are_accurate_over_all_doubles(op, data):
    assert_accurate(op, data.draw(wide(op)))


@every_row
def test_values_and_partials_are_accurate_at_nasty_points(op):
    nasty = (
        [(x,) for x in NASTY] if op.arity == 1 else itertools.product(NASTY_PAIRS, repeat=2) if op.arity == 2 else []
    )
    for inputs in [*nasty, *ROWS[op.name].nasty]:
        assert_accurate(op, inputs)


@pytest.mark.parametrize("m", [2, 3, 5])
@settings(max_examples=30, deadline=None)
@given(x=st.floats(1e-3, 1e6) | st.floats(1e6, 1e40) | st.floats(-40.0, -1e-3))
@example(x=1249708569322.6973)
def test_polygamma_is_accurate(m, x):
    # Below 0 a power of the cotangent counts too, which multiplies its error, and the terms may cancel.
    with mp.workprec(400):
        expected = mp.psi(m, mpf(x)) if x > 0 or x % 1 else mpf("nan")
        other = 0 if x > 0 else bar_of(mp.psi(m, 1 - mpf(x)), expected) if x % 1 else 0
    assert ulps(primitives.polygamma(m, x), expected, other) <= BAR + (0 if x > 0 else 2 * m)


INCOMPLETE = ("gammainc", "gammaincc", "betainc")
SHAPES, SHARES = st.floats(-3.0, 3.0).map(lambda power: 10.0**power), st.floats(1e-3, 0.999)


@settings(max_examples=8, deadline=None)
@given(a=SHAPES, b=SHAPES, share=SHARES | SHARES.map(lambda share: share**8))
def test_incomplete_functions_are_accurate(a, b, share):
    for name in INCOMPLETE[:2]:
        assert_accurate(PRIMITIVES[name], (a, b))
        assert_accurate(PRIMITIVES[name], (a, 2 * a * share))
    assert_accurate(PRIMITIVES["betainc"], (a, b, share))
    assert_accurate(PRIMITIVES["betainc"], (a, b, min(0.999, 2 * share * a / (a + b))))


def test_polygamma_is_the_slope_of_the_one_before():
    x = Value(0.7)
    node = primitives.lgamma(x)
    for m in range(4):
        node = gradient(node, x)
        assert node.data == primitives.polygamma(m, 0.7)
    row = primitives.polygamma(3, x).op
    assert pickle.loads(pickle.dumps(row)) is row is PRIMITIVES["polygamma3"]
    assert "polygamma3" not in list(PRIMITIVES)


@pytest.mark.parametrize("m", [-1, 1.0, True, "1", 101, 10**9])
def test_polygamma_takes_a_plain_whole_number(m):
    with pytest.raises(ValueError, match=r"^polygamma\(m, x\) needs a plain whole number m from 0 to 100, got"):
        primitives.polygamma(m, 1.0)


# --- higher orders -----------------------------------------------------------------------------------------

SMOOTH_AT_ZERO = [
    *("identity", "neg", "square", "exp", "exp2", "expm1", "log1p", "sin", "cos", "tan", "arcsin", "arccos", "arctan"),
    *("sinh", "cosh", "tanh", "arcsinh", "arctanh", "erf", "erfc", "sinc", "sigmoid", "softplus", "silu", "gelu"),
    *("ndtr", "log_ndtr", "erfinv", "j0", "j1"),
]


def derivative_of_order(op, inputs, indices):
    """The derivative with respect to the inputs `indices`, one after the other, through Values."""
    leaves = [Value(x) for x in inputs]
    node = op(*leaves)
    for i in indices:
        node = gradient(node, leaves[i])
    return node.data


def exact_derivative_of_order(op, inputs, indices):
    with mp.workprec(400):
        orders = tuple(indices.count(i) for i in range(len(inputs)))
        at = tuple(map(mpf, inputs))
        if len(inputs) == 1:
            return float(mp.diff(ROWS[op.name].exact, at[0], orders[0]))
        return float(mp.diff(ROWS[op.name].exact, at, orders))


@every_row
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_second_and_third_derivatives_are_exact(op, data):
    inputs = data.draw(domain(op))
    moving = range(1 if op.name == "where" else 0, len(inputs))
    for order in (2, 3):
        indices = data.draw(st.lists(st.sampled_from(moving), min_size=order, max_size=order))
        expected = exact_derivative_of_order(op, inputs, indices)
        assert derivative_of_order(op, inputs, indices) == pytest.approx(expected, rel=1e-8, abs=1e-8), (
            inputs,
            indices,
        )


@every_row
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_derivatives_of_partials_match_their_finite_differences(op, data):
    inputs = data.draw(domain(op))
    moving = range(1 if op.name == "where" else 0, len(inputs))
    i, j = data.draw(st.sampled_from(moving)), data.draw(st.sampled_from(moving))
    expected = central_difference(lambda *xs: slopes(op, xs)[i], inputs, j)
    assert derivative_of_order(op, inputs, [i, j]) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", SMOOTH_AT_ZERO)
def test_derivatives_at_zero_are_exact_up_to_the_fifth(name):
    op = PRIMITIVES[name]
    for order in range(1, 6):
        expected = exact_derivative_of_order(op, (0.0,), [0] * order)
        assert derivative_of_order(op, (0.0,), [0] * order) == pytest.approx(expected, rel=1e-12, abs=1e-12), order


@pytest.mark.parametrize(
    ("name", "inputs", "indices"),
    [
        ("logaddexp", (0.7, 0.7), (0, 0)),
        ("logaddexp", (0.7, 0.7), (0, 1)),
        ("logaddexp", (0.7, 0.7), (0, 0, 1, 1)),
        ("xlogy", (0.0, 2.0), (0, 1)),
        ("xlogy", (0.0, 2.0), (1, 0, 1)),
        ("pow", (2.0, 0.0), (0, 1)),
        ("pow", (2.0, 0.0), (0, 0, 1)),
        ("pow", (2.0, 1.0), (0, 0)),
        ("pow", (3.0, 0.5), (0, 0, 1)),
        ("hypot", (0.0, 2.0), (0, 0)),
        ("hypot", (3.0, 3.0), (0, 1)),
        ("arctan2", (2.0, 2.0), (0, 1)),
        ("arctan2", (0.0, 2.0), (0, 0, 0)),
        ("prod", (0.0, 0.0, 3.0), (0, 1, 2)),
        ("dot", (0.0, 2.0), (0, 1)),
        ("div", (0.0, 2.0), (0, 1, 1)),
    ],
)
def test_mixed_derivatives_are_exact_where_the_rule_has_a_special_case(name, inputs, indices):
    op = PRIMITIVES[name]
    assert derivative_of_order(op, inputs, indices) == pytest.approx(
        exact_derivative_of_order(op, inputs, indices), rel=1e-9, abs=1e-9
    )


# --- one text, two number types ------------------------------------------------------------------------------


@every_row
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_partials_of_values_equal_partials_of_floats(op, data):
    inputs = data.draw(anything(op) | wide(op))
    out = op(*inputs)
    try:
        floats = op.partials(out, *inputs)
    except ZeroDivisionError:
        floats = slopes(op, inputs)
    values = op.partials(Value(out), *map(Value, inputs))
    for d, v in zip(floats, values):
        assert same(float(d), v.data if isinstance(v, Value) else float(v)), (inputs, floats, values)


@pytest.mark.parametrize("op", COMPOSITE, ids=lambda op: op.name)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_forward_of_composite_rows_is_the_same_on_values(op, data):
    inputs = data.draw(anything(op) | wide(op))
    out = op.forward(*map(Value, inputs))
    assert same(op(*inputs), out.data if isinstance(out, Value) else out), inputs


# --- special points ------------------------------------------------------------------------------------------


def agrees(found, expected, point):
    if expected is ...:
        return True
    if point.digits and math.isfinite(expected):
        return found == pytest.approx(expected, rel=point.digits, abs=0)
    return found == expected or (found != found and expected != expected)


@pytest.mark.parametrize("point", special_points(), ids=repr)
def test_special_points(point):
    value = point.function(*point.inputs)
    assert type(value) is float
    assert agrees(value, point.value, point), value
    if point.value == 0:
        assert same(value, point.value)
    leaves = [Value(x) for x in point.inputs]
    out = point.function(*leaves)
    assert same(out.data if isinstance(out, Value) else out, value)
    if isinstance(out, Value):  # the dead branch of where() leaves a constant
        out.backward()
    found = [leaf.grad for leaf in leaves]
    assert all(agrees(d, expected, point) for d, expected in zip(found, point.slopes)), found
    if point.second is not ...:
        (leaf,) = leaves
        assert gradient(gradient(out, leaf), leaf).data == point.second


# --- nan, infinities, and whatever else a float can be ---------------------------------------------------------


@every_row
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_forward_takes_all_floats_and_returns_a_float(op, data):
    inputs = data.draw(anything(op))
    assert type(op(*inputs)) is float
    assert type(op.forward(*inputs)) is float


# Polynomials, whose higher derivatives do not depend on the input, and inputs that others are multiplied with.
POLYNOMIALS = LINEAR | {"mul", "dot", "prod", "square", "where", "leaky_relu"}
FACTORS = {"xlogy": 0, "elu": 1, "heaviside": 1}
OUTSIDE = {1: [nan, inf, -inf, 0.0, -0.0, 1.0, -1.0, 1.5, -2.0, 1e300], 2: [nan, inf, -inf, 0.0, 1.0, -2.0, 0.5]}


def derivatives_that_stay_nan():
    """Each row at points inside and outside of its domain, and the inputs to differentiate with respect to."""
    for op in PRIMITIVES.values():
        if op.name in POLYNOMIALS:
            continue
        arity = op.arity or 2
        for inputs in itertools.product(OUTSIDE.get(arity, [nan, 0.0, 1.0]), repeat=arity):
            factor = FACTORS.get(op.name)
            if (factor is None or math.isfinite(inputs[factor])) and not (op.name == "pow" and inputs[0] != inputs[0]):
                for i in set(range(arity)) - {factor}:
                    yield op, inputs, i


def test_what_is_nan_stays_nan_in_every_order():
    for op, inputs, i in derivatives_that_stay_nan():
        for j in [i] if op.name in FACTORS or op.name == "pow" else range(len(inputs)):
            leaves = list(map(Value, inputs))
            node, of_order = op(*leaves), []
            for k in (i, j, i):
                of_order.append(node.data)
                node = gradient(node, leaves[k])
            of_order.append(node.data)
            are_nan = [x != x for x in of_order]
            assert are_nan == sorted(are_nan), (op, inputs, (i, j, i), of_order)


@pytest.mark.parametrize("exact", [False, True])
def test_what_is_nan_stays_nan_in_compiled_derivatives(exact):
    def orders(op, i):
        def f(*inputs):
            return op(*inputs)

        first = grad(f, i)
        return lambda *inputs: [first(*inputs), grad(first, i)(*inputs), grad(grad(first, i), i)(*inputs)]

    points = {}
    for op, inputs, i in derivatives_that_stay_nan():
        if op.name not in ("lgamma", "digamma", "beta", "betaln", *INCOMPLETE):  # which take seconds to compile
            points.setdefault((op, i), []).append(inputs)
    for (op, i), of_op in points.items():
        f = orders(op, i)
        compiled = jit(f, exact=exact)
        for inputs in of_op:
            for found, expected in zip(compiled(*inputs), f(*inputs)):
                assert (found != found) == (expected != expected), (op, inputs, i, found, expected)


@every_row
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_nan_in_is_nan_out(op, data):
    inputs = list(data.draw(domain(op)))
    i = data.draw(st.integers(0, len(inputs) - 1))
    inputs[i] = nan
    if op.name in UNSELECTED:
        return
    assert math.isnan(op(*inputs)), inputs
    if op.name not in LINEAR | {"mul", "dot", "prod"}:
        assert all(map(math.isnan, slopes(op, inputs))), (inputs, slopes(op, inputs))


@pytest.mark.parametrize("name", ["heaviside", "leaky_relu", "elu", "xlogy"])
def test_nan_in_the_first_input_is_nan_out(name):
    op = PRIMITIVES[name]
    assert math.isnan(op(nan, 0.5))
    assert math.isnan(slopes(op, (nan, 0.5))[0]) or name == "xlogy"  # which is linear in x


@every_row
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_nan_value_has_no_finite_slope(op, data):
    inputs = data.draw(anything(op))
    if math.isnan(op(*inputs)) and op.name not in LINEAR | {"where", "mul", "dot", "prod", "heaviside"}:
        found = slopes(op, inputs)
        assert not any(map(math.isfinite, found)) or op.name in UNSELECTED, (inputs, found)


@pytest.mark.parametrize(
    ("name", "at_minus_inf", "at_inf"),
    [
        ("sigmoid", (0.0, 0.0), (1.0, 0.0)),
        ("tanh", (-1.0, 0.0), (1.0, 0.0)),
        ("erf", (-1.0, 0.0), (1.0, 0.0)),
        ("erfc", (2.0, 0.0), (0.0, 0.0)),
        ("arctan", (-math.pi / 2, 0.0), (math.pi / 2, 0.0)),
        ("arcsinh", (-inf, 0.0), (inf, 0.0)),
        ("softplus", (0.0, 0.0), (inf, 1.0)),
        ("softsign", (-1.0, 0.0), (1.0, 0.0)),
        ("silu", (0.0, 0.0), (inf, 1.0)),
        ("gelu", (0.0, 0.0), (inf, 1.0)),
        ("sinc", (0.0, 0.0), (0.0, 0.0)),
        ("relu", (0.0, 0.0), (inf, 1.0)),
        ("cbrt", (-inf, 0.0), (inf, 0.0)),
        ("reciprocal", (0.0, 0.0), (0.0, 0.0)),
        ("exp", (0.0, 0.0), (inf, inf)),
        ("expm1", (-1.0, 0.0), (inf, inf)),
    ],
)
def test_limits_at_infinity(name, at_minus_inf, at_inf):
    for x, (value, slope) in ((-inf, at_minus_inf), (inf, at_inf)):
        assert PRIMITIVES[name](x) == value
        assert slopes(PRIMITIVES[name], (x,)) == (slope,)
        node = Value(x)
        assert not math.isnan(gradient(gradient(PRIMITIVES[name](node), node), node).data) or name in ("exp", "expm1")


@pytest.mark.parametrize(
    ("name", "inputs", "expected"),
    [
        ("hypot", (1.0, -inf), (0.0, -1.0)),
        ("arctan2", (1.0, inf), (0.0, 0.0)),
        ("arctan2", (inf, inf), (0.0, 0.0)),
        ("logaddexp", (inf, 1.0), (1.0, 0.0)),
        ("logaddexp", (-inf, 1.0), (0.0, 1.0)),
        ("logaddexp", (inf, -inf), (1.0, 0.0)),
        ("maximum", (inf, 1.0), (1.0, 0.0)),
        ("fmod", (2.0, inf), (1.0, 0.0)),
        ("mod", (2.0, inf), (1.0, 0.0)),
        ("pow", (inf, -1.0), (0.0, 0.0)),
        ("pow", (inf, 0.5), (0.0, inf)),
    ],
)
def test_limits_of_two_inputs_at_infinity(name, inputs, expected):
    assert slopes(PRIMITIVES[name], inputs) == expected


# --- calls ---------------------------------------------------------------------------------------------------


@every_row
def test_other_numbers_are_converted(op):
    uses = op.arity or 2
    expected = op(*[1.0] * uses)
    for one in (1, True, Fraction(1), np.float64(1), np.float32(1), np.int64(1), np.bool_(True)):
        result = op(*[one] * uses)
        assert type(result) is float
        assert same(result, expected)
        assert same(op(Value(1.0), *[one] * (uses - 1)).data, expected)


@every_row
@pytest.mark.parametrize(
    "wrong", ["1.0", None, 1j, [1.0], np.array([1.0, 2.0]), object()], ids=lambda x: type(x).__name__
)
def test_what_is_no_number_is_refused(op, wrong):
    uses = op.arity or 2
    name = type(wrong).__name__
    for arguments in ([wrong] * uses, [1.0] * (uses - 1) + [wrong], [Value(1.0)] * (uses - 1) + [wrong]):
        with pytest.raises(TypeError, match=rf"^{op.name}\(\): expected a real number .*{name}"):
            op(*arguments)


def test_an_int_that_no_float_holds_is_refused():
    with pytest.raises(OverflowError, match=r"fits a float"):
        primitives.exp(10**400)


def test_as_float_takes_real_numbers_only():
    assert [as_float(x) for x in (1, True, Fraction(1, 2), np.float32(0.5))] == [1.0, 1.0, 0.5, 0.5]
    with pytest.raises(TypeError, match=r"got autograd_engine\.value\.Value"):
        as_float(Value(1.0))
    with pytest.raises(TypeError, match=r"^row 3: expected a real number"):
        as_float("1", "row 3")
    with pytest.raises(OverflowError, match=r"^row 3: expected a number that fits a float"):
        as_float(10**400, "row 3")


@every_row
def test_a_wrong_number_of_arguments_is_refused(op):
    if op.arity is not None:
        for arguments in ([], [1.0] * (op.arity + 1), [Value(1.0)] * (op.arity + 1)):
            with pytest.raises(TypeError, match=rf"^{op.name}\(.*\) was called with {len(arguments)} arguments"):
                op(*arguments)


def test_an_unknown_keyword_is_refused():
    with pytest.raises(TypeError, match=r"leaky_relu\(x, negative_slope=0\.01\) was called with 2 arguments"):
        primitives.leaky_relu(1.0, slope=0.2)


def test_parameters_have_names_and_defaults():
    assert primitives.leaky_relu(-1.0) == -0.01
    assert primitives.leaky_relu(-1.0, negative_slope=0.2) == primitives.leaky_relu(-1.0, 0.2) == -0.2
    assert primitives.elu(-1.0, alpha=2) == 2 * primitives.elu(-1.0) == 2 * math.expm1(-1.0)
    assert primitives.clip(5, low=0, high=1) == primitives.clip(x=5, low=0, high=1) == 1.0
    slope = Value(0.2)
    primitives.leaky_relu(Value(-3.0), negative_slope=slope).backward()
    assert slope.grad == -3.0


class Rules:
    def bound(self, out, x, y=2.0):
        return y, x


@pytest.mark.parametrize(
    ("partials", "arity", "inputs"),
    [
        (lambda out, x, y: (y, x), 2, ["x", "y"]),
        (lambda out, *x: (1.0,) * len(x), None, ["x"]),
        (functools.partial(lambda k, out, x: (k,), 2.0), 1, ["x"]),
        (functools.wraps(lambda out, x, y: None)(lambda *inputs: inputs[:0:-1]), 2, ["x", "y"]),
        (Rules().bound, 2, ["x", "y"]),
    ],
    ids=["function", "any number", "partial", "wrapped", "method"],
)
def test_a_row_takes_what_its_partials_take_after_out(partials, arity, inputs):
    op = Primitive("product", "·", lambda x, y=2.0: x * y, partials, "x * y.", derivative=("∂",) * len(inputs))
    del PRIMITIVES["product"]
    assert op.arity == arity
    assert list(inspect.signature(op).parameters) == inputs
    assert op.__doc__ == "x * y.\n" + "".join(f"\n∂out/∂{x} = ∂" for x in inputs)


@pytest.mark.parametrize("name", ["sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh"])
def test_short_names_of_inverse_functions(name):
    assert getattr(primitives, f"a{name}") is PRIMITIVES[f"arc{name}"]


# --- rows that copy something of Python's -----------------------------------------------------------------------

DIVISORS = st.floats(allow_nan=False).filter(bool)


@settings(max_examples=300, deadline=None)
@given(st.floats() | st.integers(-20, 20).map(float), DIVISORS | st.integers(1, 7).map(float) | st.floats(-3, -0.1))
def test_floordiv_and_mod_are_pythons(x, y):
    assert same(primitives.floordiv(x, y), x // y)
    assert same(primitives.mod(x, y), x % y)
    assert same(primitives.fmod(x, y), math.fmod(x, y) if math.isfinite(x) else nan)
    assert (Value(x) // y).data == (x // y) or x // y != x // y


@given(st.floats())
def test_division_by_zero_follows_ieee(x):
    for zero in (0.0, -0.0):
        with np.errstate(all="ignore"):
            assert same(primitives.div(x, zero), float(np.float64(x) / zero))
        assert same(primitives.floordiv(x, zero), primitives.div(x, zero))
        assert math.isnan(primitives.mod(x, zero))


@given(st.floats(), st.floats())
def test_power_is_numpys_which_is_c99s(x, y):
    with np.errstate(all="ignore"):
        expected = float(np.power(np.float64(x), np.float64(y)))
    found = primitives.pow(x, y)
    assert same(found, expected) or found == pytest.approx(expected, rel=1e-15)


NUMBERS = st.lists(st.floats(-1e10, 1e10), max_size=12)


@settings(deadline=None)
@given(NUMBERS, NUMBERS)
def test_sums_and_products_run_from_left_to_right(xs, ys):
    pairs = list(zip(xs, ys))
    total, product, scalar = (xs or [0.0])[0], (xs or [1.0])[0], pairs[0][0] * pairs[0][1] if pairs else 0.0
    for x in xs[1:]:
        total, product = total + x, product * x
    for x, y in pairs[1:]:
        scalar += x * y
    assert same(primitives.sum(iter(xs)), total)
    assert same(primitives.prod(iter(xs)), product)
    assert same(primitives.dot([x for x, _ in pairs], [y for _, y in pairs]), scalar)


def test_sums_and_products_are_one_node():
    xs = [Value(1.0), 2, Value(3.0)]
    assert primitives.sum(xs).parents == primitives.prod(xs).parents == (xs[0], xs[2])
    assert len(primitives.dot(xs, xs).parents) == 4


def test_sums_of_nothing():
    assert (primitives.sum([]), primitives.prod([]), primitives.dot([], [])) == (0.0, 1.0, 0.0)


def test_dot_needs_sequences_of_one_length():
    with pytest.raises(ValueError, match=r"dot\(\) needs two sequences of one length, got 2 and 1 numbers"):
        primitives.dot([1.0, 2.0], [3.0])


# --- the table itself --------------------------------------------------------------------------------------------


@every_row
def test_rows_are_described(op):
    assert PRIMITIVES[op.name] is op
    assert repr(op) == f"<primitive {op.name}>"
    assert op.__name__ == op.name
    assert op.symbol
    assert op.doc.endswith(".")
    assert op.name in ROWS


@every_row
def test_help_shows_the_rule(op):
    if not hasattr(autograd_engine, op.name) or op.arity is None:
        return  # an operator stands for it, or a function that takes a sequence
    assert len(op.derivative) == op.arity
    assert op.__doc__.splitlines() == [
        op.doc,
        "",
        *[f"∂out/∂{x} = {formula}" for x, formula in zip(op.__signature__.parameters, op.derivative)],
    ]


@every_row
def test_rows_are_public(op):
    if op.name in ("identity", "add", "sub", "mul", "div", "neg", "mod", "floordiv"):
        return  # an operator stands for it
    assert callable(getattr(autograd_engine, op.name))


@every_row
def test_pickling_keeps_the_identity(op):
    assert pickle.loads(pickle.dumps(op)) is op


def test_an_unknown_name_cannot_be_unpickled():
    restore, _ = primitives.exp.__reduce__()
    with pytest.raises(LookupError, match="no primitive is named 'nonsense'"):
        restore("nonsense")


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="there is a primitive named 'exp' already"):
        Primitive("exp", "e", math.exp, lambda out, x: (out,), "Again.")
    assert PRIMITIVES["exp"] is primitives.exp


def test_a_cell_that_runs_once_more_replaces_its_primitive(monkeypatch):
    monkeypatch.setattr(primitives.primitive, "PRIMITIVES", dict(PRIMITIVES))
    cell = "line = Primitive('line', '/', lambda x: {0} * x, lambda out, x: ({0},), 'A line.')"
    notebook, other = ({"__name__": name, "Primitive": Primitive} for name in ("__main__", "other"))
    for slope in (2.0, 3.0):
        exec(cell.format(slope), notebook)
        assert notebook["line"](1.0) == primitives.primitive.PRIMITIVES["line"](1.0) == slope
    with pytest.raises(ValueError, match="there is a primitive named 'line' already"):
        exec(cell.format(4.0), other)
    assert primitives.primitive.PRIMITIVES["line"] is notebook["line"]


def test_a_primitive_is_a_method_as_a_class_attribute():
    class Number(float):
        tanh = primitives.tanh

    assert Number.tanh is primitives.tanh
    assert Number(0.5).tanh() == primitives.tanh(0.5)


def test_a_new_row_is_ready_for_use(monkeypatch):
    monkeypatch.setattr(primitives.primitive, "PRIMITIVES", dict(PRIMITIVES))
    cube = Primitive("cube", "x³", lambda x: x * x * x, lambda out, x: (3 * x * x,), "x * x * x.", composite=True)
    x = Value(2.0)
    cube(x).backward()
    assert (x.grad, derivative_of_order(cube, (2.0,), [0, 0])) == (12.0, 12.0)
    assert "cube" not in PRIMITIVES


def test_a_user_defined_row_is_held_to_its_word(monkeypatch):
    monkeypatch.setattr(primitives.primitive, "PRIMITIVES", dict(PRIMITIVES))
    triple = Primitive("triple", "3", lambda x, y, z: x + y + z, lambda out, x, y, z: (1.0, 1.0), "Two for three.")
    with pytest.raises(ValueError, match=r"the partials of triple must be a tuple of 3.*; got \(1\.0, 1\.0\)"):
        triple(*map(Value, (1.0, 2.0, 3.0))).backward()
    bare = Primitive("bare", "b", lambda x: x, lambda out, x: 1.0, "Not a tuple.")
    with pytest.raises(ValueError, match=r"the partials of bare must be a tuple of 1.*; got 1\.0"):
        gradient(bare(x := Value(1.0)), x)
    step = Primitive("step", "s", lambda x: 1 if x > 0 else 0, lambda out, x: (0,), "Whole numbers.")
    assert type(step(Value(-1.0)).data) is float
    nothing = Primitive("nothing", "n", lambda x: None, lambda out, x: (0.0,), "No result.")
    with pytest.raises(TypeError, match=r"nothing\(\): expected a real number .* got NoneType"):
        nothing(Value(1.0))


def test_the_partials_of_a_user_defined_row_follow_ieee(monkeypatch):
    monkeypatch.setattr(primitives.primitive, "PRIMITIVES", dict(PRIMITIVES))
    root = Primitive("root", "r", lambda x: x, lambda out, x: (x**0.5,), "Complex below 0, for Python.")
    big = Primitive("big", "b", lambda x: x, lambda out, x: (x**2,), "An OverflowError, for Python.")
    assert math.isnan(slopes(root, (-1.0,))[0])
    assert slopes(big, (1e200,)) == (inf,)
