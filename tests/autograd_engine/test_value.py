"""The node: operators, backward, what micrograd gets wrong, NumPy, copies and bad input."""

import copy
import io
import math
import operator
import pickle
import threading
import tracemalloc
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

import autograd_engine
from autograd_engine import PRIMITIVES, Value, dot, exp, grad, jit, primitives, relu, vmap
from autograd_engine.graph import topological_order
from autograd_engine.number_arrays import number_array
from autograd_engine.rows import Rows
from tests.laws.strategies import expressions, points

FLOATS = st.floats(-1e3, 1e3)
OPERATORS = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    divmod,
]


def same(a, b):
    """Equal floats, where nan equals nan."""
    return a == b or (math.isnan(a) and math.isnan(b))


def data(result):
    return tuple(x.data for x in result) if isinstance(result, tuple) else result.data


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
@given(x=FLOATS, y=FLOATS)
def test_operators_compute_what_floats_compute(op, x, y):
    try:
        expected = op(x, y)
    except (ZeroDivisionError, OverflowError):
        return  # where Python raises, the table of special points speaks
    if isinstance(expected, complex):
        expected = math.nan
    for result in (op(Value(x), Value(y)), op(Value(x), y), op(x, Value(y))):
        got = data(result)
        assert all(map(same, got, expected)) if isinstance(got, tuple) else same(got, expected)


UNARY_OPERATORS = [operator.neg, operator.pos, abs, math.floor, math.ceil, math.trunc, round]


@pytest.mark.parametrize("op", UNARY_OPERATORS, ids=lambda op: op.__name__)
@given(x=FLOATS)
def test_unary_operators_compute_what_floats_compute(op, x):
    assert op(Value(x)).data == op(x)


@pytest.mark.parametrize("x", [2.7, -2.7, 0.0, 3.0])
def test_the_whole_part_is_an_int_of_slope_0(x):
    def f(x):
        return [10.0, 20.0, 30.0, 40.0][int(x)] * x + math.trunc(x) * x

    slope = [10.0, 20.0, 30.0, 40.0][int(x)] + math.trunc(x)
    assert type(int(Value(x))) is int
    assert f(Value(x)).data == jit(f)(x) == f(x)
    assert grad(f)(x) == jit(grad(f))(x) == slope


@given(x=st.integers(-(10**6), 10**6), digits=st.integers(-4, 4))
def test_round_to_digits(x, digits):
    assert round(Value(x / 64), digits).data == pytest.approx(np.round(x / 64, digits), abs=1e-9)


@pytest.mark.parametrize("op", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne])
@given(x=FLOATS, y=FLOATS)
def test_comparisons_are_those_of_the_data(op, x, y):
    assert op(Value(x), Value(y)) is op(Value(x), y) is op(x, Value(y)) is op(x, y)


def test_equality_is_numeric_and_hashing_by_identity():
    loss = Value(1.0) - 1.0
    assert loss == 0
    assert loss == np.float64(0)
    assert loss is not None
    assert loss != "0"
    assert len({Value(2.0), Value(2.0)}) == 2
    assert not loss
    assert Value(math.nan) != Value(math.nan)


def test_reflected_pow_has_the_slope_of_an_exponential():
    v = Value(3.0)
    (2**v).backward()
    assert v.grad == pytest.approx(8 * math.log(2), rel=1e-15)


# --- what micrograd gets wrong ------------------------------------------------------------------------


def test_a_second_backward_adds_exactly_the_same_again():
    a = Value(3.0)
    loss = (a * a).tanh() * a
    loss.backward()
    once = a.grad
    loss.backward()
    assert a.grad == 2 * once


def test_losses_that_share_a_subgraph_add_up():
    a = Value(2.0)
    shared = a * a
    one, other = shared * 3.0, shared * 5.0
    one.backward()
    other.backward()
    assert a.grad == 3.0 * 4.0 + 5.0 * 4.0


def test_a_leaf_changed_after_the_forward_run_falsifies_nothing():
    x = Value(2.0)
    y = x**2
    x.data = 10.0
    y.backward()
    assert x.grad == 4.0


def test_division_is_one_rounding():
    assert (Value(49.0) / 49.0).data == 1.0
    assert (Value(1.0) / Value(49.0)).data == 1 / 49


def test_a_root_of_a_negative_number_is_nan_not_complex():
    assert math.isnan((Value(-2.0) ** 0.5).data)


def test_both_edges_of_a_square_are_there():
    a = Value(3.0)
    assert (a * a).parents == (a, a)
    assert (a * a).local_derivatives() == (3.0, 3.0)


def test_every_node_has_its_gradient():
    x, y, z = Value(-2.0), Value(5.0), Value(-4.0)
    q = x + y
    f = q * z
    f.backward()
    assert (f.data, q.grad, x.grad, y.grad, z.grad, f.grad) == (-12.0, -4.0, -4.0, -4.0, 3.0, 1.0)


# --- backward -------------------------------------------------------------------------------------------


@given(st.data())
def test_backward_agrees_with_finite_differences(data):
    expression = data.draw(expressions())
    point = data.draw(points())
    leaves = list(map(Value, point))
    expression(*leaves).backward()
    h = 1e-3
    for i, leaf in enumerate(leaves):

        def at(steps, i=i):
            return expression(*(x + steps * h if j == i else x for j, x in enumerate(point)))

        # The fourth-order central difference, and how far it is from the one of half the step.
        wide = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)
        narrow = (8 * (at(0.5) - at(-0.5)) - (at(1) - at(-1))) / (6 * h)
        scale = max(abs(at(0)), abs(narrow), 1.0)
        assert leaf.grad == pytest.approx(narrow, rel=1e-6, abs=2 * abs(wide - narrow) + 1e-9 * scale)


def test_backward_starts_from_the_seed():
    x = Value(3.0)
    (x * x).backward(2.0)
    assert x.grad == 12.0
    with pytest.raises(TypeError, match="real number"):
        (x * x).backward("1")


def test_zero_grad_clears_the_whole_graph():
    x = Value(3.0)
    y = x * x
    y.backward()
    y.zero_grad()
    assert (x.grad, y.grad) == (0.0, 0.0)


def test_a_leaf_is_its_own_output():
    x = Value(3.0)
    x.backward()
    assert x.grad == 1.0
    assert x.parents == x.arguments == x.operands == x.local_derivatives() == ()


def test_detach_cuts_the_graph():
    x = Value(2.0, label="x")
    y = (x * x).detach() * x
    y.backward()
    assert x.grad == 4.0
    assert x.detach().label == "x"


def test_a_node_knows_how_it_was_made():
    v = Value(2.0)
    node = 3 * v
    assert node.op is PRIMITIVES["mul"]
    assert node.arguments == (3.0, v)
    assert node.operands == (3.0, 2.0)
    assert node.parents == (v,)
    assert node.local_derivatives() == (3.0,)
    assert autograd_engine.clip(v, 0, 1).arguments == (v, 0.0, 1.0)
    assert exp(v).operands == (2.0,)


def test_local_derivatives_follow_ieee_where_floats_would_raise():
    zero = Value(0.0)
    assert zero.sqrt().local_derivatives() == (math.inf,)
    assert (1 / zero).local_derivatives() == (-math.inf,)


def test_threads_do_not_disturb_each_other():
    x = Value(0.5)
    outputs = [(x * i).tanh() for i in range(200)]
    copies = []

    def work():
        copies.append(copy.deepcopy(outputs))
        for y in copies[-1]:
            y.backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    totals = {topological_order([nodes[7]])[0].grad for nodes in copies}
    assert len(totals) == 1


def test_a_node_takes_at_most_230_bytes():
    x = Value(1.0)
    count = 20_000
    tracemalloc.start()
    try:
        y = x
        for _ in range(count // 2):
            y = (y + x) * 0.999999  # so that every node has a gradient of its own
        y.backward()
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / count <= 230


# --- data, labels, text -----------------------------------------------------------------------------------


NUMBERS = [2, True, Fraction(1, 2), np.float32(0.5), np.int64(3), np.bool_(True), np.float64(1)]


@pytest.mark.parametrize("number", NUMBERS)
def test_data_is_always_a_float(number):
    v = Value(number)
    assert type(v.data) is float
    assert v.data == float(number)
    assert type((v + number).data) is float
    v.grad = number
    assert type(v.grad) is float


@pytest.mark.parametrize("bad", ["2", None, 1j, [1.0], np.array([1.0]), np.array(1.0), Value(1.0), object()])
def test_what_is_no_real_number_is_refused_in_one_sentence(bad):
    with pytest.raises(TypeError, match="expected a real number") as error:
        Value(bad)
    assert "\n" not in str(error.value)
    leaf = Value(1.0)
    with pytest.raises(TypeError, match="expected a real number"):
        leaf.data = bad
    assert leaf.data == 1.0


@pytest.mark.parametrize("bad", [7, None, b"x", ["x"], math.nan, "\ud800", "a\udfffb"])
def test_a_label_that_is_no_text_is_refused_in_one_sentence(bad):
    error, message = (ValueError, "lone surrogate") if isinstance(bad, str) else (TypeError, "must be a str, got")
    x = Value(1.0, "x")
    for label_it in (lambda: Value(1.0, bad), lambda: setattr(x, "label", bad)):
        with pytest.raises(error, match=f"^label .*{message}") as caught:
            label_it()
        assert str(caught.value).isascii()
    assert x.label == "x"


@pytest.mark.parametrize("op", ["mean", "sum", "prod", "dot"])
def test_sums_of_what_is_no_sequence_are_refused_in_one_sentence(op):
    arguments = ([1.0], None) if op == "dot" else (None,)
    with pytest.raises(TypeError, match=rf"^{op}\(\) needs a sequence of numbers, got NoneType: None$"):
        getattr(primitives, op)(*arguments)


def test_a_number_too_large_for_a_float_is_refused():
    with pytest.raises(OverflowError, match="fits a float"):
        Value(10**400)


@pytest.mark.parametrize("other", [10**400, -(10**400), 2**53 + 1, Decimal("0.1"), Fraction(1, 10), math.nan, 0, True])
@pytest.mark.parametrize("number", [0.1, 1.0, 2.0**53, math.inf])
def test_comparisons_are_those_of_the_float(number, other):
    for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        assert compare(Value(number), other) is compare(number, other)
        assert compare(other, Value(number)) is compare(other, number)


@pytest.mark.parametrize("number", [2.5, -2.671, 0.0, 123456.789, 1e300, math.inf])
def test_rounding_goes_to_any_number_of_digits(number):
    for digits in (400, 309, 308, 15, 2, 0, -2, -308, -309, -400):
        assert round(Value(number), digits).data == pytest.approx(round(number, digits), rel=1e-12)
    with pytest.raises(TypeError, match="integer"):
        round(Value(number), 1.5)


def test_a_value_has_no_subclasses():
    with pytest.raises(TypeError, match="cannot be subclassed"):
        type("Special", (Value,), {})


@pytest.mark.parametrize("bad", ["2", None, 1j, [1.0]])
@pytest.mark.parametrize("op", [operator.add, operator.mul, operator.pow, operator.lt], ids=lambda op: op.__name__)
def test_operators_refuse_what_is_no_number(op, bad):
    for pair in ((Value(1.0), bad), (bad, Value(1.0))):
        with pytest.raises(TypeError, match="Value"):
            op(*pair)


def test_three_argument_pow_is_refused():
    with pytest.raises(TypeError):
        pow(Value(2.0), 3, 5)


def test_only_a_leaf_takes_new_data():
    y = Value(2.0) * 3.0
    with pytest.raises(AttributeError, match="result of mul"):
        y.data = 1.0


@pytest.mark.parametrize(
    "convert",
    [
        *(float, complex, math.exp, math.sqrt),
        lambda v: np.zeros(2).__setitem__(0, v),
        lambda v: np.zeros(2).fill(v),
        lambda v: np.zeros(2).__setitem__(slice(None), [v, v]),
        lambda v: np.array([v, v], dtype=float),
        lambda v: np.array([v, v]).astype(float),
    ],
)
def test_a_conversion_that_would_lose_the_gradient_fails_with_a_way_out(convert):
    with pytest.raises(TypeError, match=r"autograd_engine \(exp, sin, ...\) instead of those of math, .* x\.data$"):
        convert(Value(2.0))


@pytest.mark.parametrize("pack", [lambda x: x, lambda x: [x, x], lambda x: {"a": x}, lambda x: np.array([[x]])])
def test_pytest_compares_values_approximately(pack):
    v = Value(0.1) + Value(0.2)
    assert v != 0.3
    assert pack(v) == pytest.approx(pack(0.3))
    assert pack(0.3) == pytest.approx(pack(v))
    assert pack(v) == pytest.approx(pack(Value(0.3)))
    assert pack(v) != pytest.approx(pack(0.3001))
    assert pack(0.3001) != pytest.approx(pack(v))


@pytest.mark.parametrize(
    "pack", [lambda x: x, lambda x: [x, 1.0], lambda x: [[x], [x]], lambda x: number_array([x, x], (2, 1))]
)
@pytest.mark.parametrize(
    "check",
    [
        np.testing.assert_allclose,
        np.testing.assert_almost_equal,
        np.testing.assert_array_almost_equal,
        lambda x, y: np.testing.assert_array_less(x, 2.0) or np.testing.assert_allclose(x, y),
    ],
)
def test_numpy_compares_values_approximately(check, pack):
    v = Value(0.1) + Value(0.2)
    check(pack(v), pack(0.3))
    check(pack(0.3), pack(v))
    check(pack(v), pack(Value(0.3)))
    for bad in (pack(0.3001), pack(Value(0.3001)), pack(math.nan)):
        with pytest.raises(AssertionError):
            check(pack(v), bad)


def test_what_compares_numbers_does_not_make_arrays_of_values_floats():
    v = Value(0.5)
    assert not hasattr(v, "__array__")
    assert np.array([v, v]).tolist() == [v, v]
    assert np.array([v, v]).dtype == object
    assert Fraction(1, 2) == v
    assert (v.real, v.imag) == (v, 0.0)


def test_repr_and_format():
    x = Value(2.0, label="x")
    y = x * x
    y.backward()
    assert repr(x) == "Value(data=2.0, grad=4.0, label='x')"
    assert repr(y) == "Value(data=4.0, grad=1.0, op=mul)"
    assert f"{y:.2f} {y:8.1e}" == "4.00  4.0e+00"
    assert f"{y}" == str(y) == repr(y)


def test_methods_are_the_primitives():
    x = Value(0.3)
    for name, op in PRIMITIVES.items():
        if op.arity == 1 and name not in ("identity", "neg"):
            assert getattr(x, name)().op is op
    assert x.maximum(0.5).data == 0.5
    assert x.clip(0.4, 1).data == 0.4
    assert Value.tanh is autograd_engine.tanh


# --- NumPy ---------------------------------------------------------------------------------------------------


SCIPY = {
    **dict.fromkeys(("erf", "erfc", "erfinv", "erfcinv", "ndtr", "log_ndtr", "ndtri", "entr", "expit", "logit"), 0.3),
    **dict.fromkeys(("gammaln", "psi", "i0e", "i1e", "j0", "j1"), 2.5),
}


@pytest.mark.parametrize("name", SCIPY)
def test_functions_of_scipy_special_are_rows(name):
    function, x = getattr(scipy.special, name), SCIPY[name]
    expected = pytest.approx(function(x), rel=1e-14)
    for found in (function(Value(x)).data, jit(function)(x), vmap(function)(np.array([x]))[0]):
        assert found == expected
    step = 1e-5
    assert grad(function)(x) == pytest.approx((function(x + step) - function(x - step)) / (2 * step), rel=1e-8)
    array = np.array([x, x])
    assert grad(lambda x: function(x).sum())(array) == pytest.approx(grad(function)(x))


@pytest.mark.parametrize("name", ["beta", "betaln"])
def test_functions_of_scipy_special_take_two_values(name):
    function = getattr(scipy.special, name)
    assert function(Value(2.5), Value(1.5)).data == pytest.approx(function(2.5, 1.5), rel=1e-14)
    assert grad(function)(2.5, 1.5) == grad(getattr(primitives, name))(2.5, 1.5)


def test_numpy_functions_record():
    v = Value(0.5)
    assert np.exp(v).op is PRIMITIVES["exp"]
    assert (np.float64(2) * v).op is PRIMITIVES["mul"]
    assert (v * np.float64(2)).op is PRIMITIVES["mul"]
    assert np.maximum(v, 1).op is PRIMITIVES["maximum"]
    assert np.arctan2(v, 1).data == math.atan2(0.5, 1)
    assert np.logaddexp(v, v).data == pytest.approx(0.5 + math.log(2))
    assert np.less(v, 1) is np.True_ or np.less(v, 1) is True
    assert np.round(v) == 0
    assert (np.isfinite(v), np.isnan(v), np.isinf(Value(-math.inf)), np.signbit(Value(-0.0))) == (
        True,
        False,
        True,
        True,
    )
    assert np.trunc(Value(-1.5)) == np.clip(Value(-1.5), -1, 1) == -1.0
    assert [x.data for x in np.divmod(Value(5.0), 3.0)] == [1.0, 2.0]


@pytest.mark.parametrize("op", OPERATORS[:-1], ids=lambda op: op.__name__)
def test_values_and_arrays_work_element_by_element_in_both_orders(op):
    v, array = Value(2.5), np.array([[1.0, 2.0], [3.0, 4.0]])
    for result, expected in ((op(v, array), op(2.5, array)), (op(array, v), op(array, 2.5))):
        assert result.shape == (2, 2)
        assert result.dtype == object
        np.testing.assert_array_equal([[x.data for x in row] for row in result], expected)


def test_functions_over_object_arrays():
    values = np.array([Value(0.1 * i) for i in range(1, 5)])
    numbers = np.array([x.data for x in values])
    for function in (np.tanh, np.exp, np.sqrt, np.log1p, np.arcsin, np.cbrt, np.rint, np.abs, np.square):
        np.testing.assert_allclose([x.data for x in function(values)], function(numbers), rtol=1e-15)
    assert np.sum(values).data == pytest.approx(1.0)
    assert np.mean(values).data == pytest.approx(0.25)
    assert np.dot(values, numbers).data == pytest.approx(np.dot(numbers, numbers))
    assert (values @ values).data == pytest.approx(numbers @ numbers)
    np.sum(values * values).backward()
    assert values[1].grad == pytest.approx(0.4)
    assert [x.data for x in np.maximum(values, Value(0.25))] == [0.25, 0.25, *numbers[2:]]


def test_a_float_array_does_not_swallow_values():
    array = np.zeros(2)
    with pytest.raises(TypeError):
        array += Value(1.0)
    with pytest.raises(TypeError):
        array[0] = Value(1.0)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("linalg.matrix_rank", lambda x: np.linalg.matrix_rank(x * np.eye(2))),
        ("linalg.svd", lambda x: np.linalg.svd(x * np.eye(2))),
        ("linalg.eig", lambda x: np.linalg.eig(x * np.eye(2))),
        ("fft.fft", lambda x: np.fft.fft(x * np.ones(2))),
    ],
)
def test_functions_of_numpy_without_derivatives_say_what_to_write_instead(name, call):
    for transform in (call, grad(call), jit(call)):
        with pytest.raises(TypeError, match=rf"^numpy\.{name}\(\) takes floats only, .* x\.data$"):
            transform(Value(2.0) if transform is call else 2.0)


# --- copies ------------------------------------------------------------------------------------------------------


def copies(thing):
    return copy.deepcopy(thing), pickle.loads(pickle.dumps(thing)), pickle.loads(pickle.dumps(thing, protocol=2))


@given(st.data())
def test_a_copy_of_a_graph_has_a_life_of_its_own(data):
    expression = data.draw(expressions())
    leaves = [Value(x, label=f"x{i}") for i, x in enumerate(data.draw(points()))]
    output = expression(*leaves)
    for other_leaves, other in copies((leaves, output)):
        other.backward()
        assert all(leaf.grad == 0.0 for leaf in leaves)
        assert [leaf.label for leaf in other_leaves] == ["x0", "x1"]
        assert same(other.data, output.data)
        assert [n.op for n in topological_order([other])] == [n.op for n in topological_order([output])]
        output.backward()
        assert all(map(same, [x.grad for x in other_leaves], [x.grad for x in leaves]))
        output.zero_grad()


def test_a_copier_that_is_still_alive_disturbs_no_other():
    y = Value(1.0)
    for _ in range(20_000):
        y = y * 1.0
    pickler, memo = pickle.Pickler(io.BytesIO()), {}
    pickler.dump(y)
    copy.deepcopy(y, memo)
    other = pickle.loads(pickle.dumps(y))
    assert len(topological_order([other])) == 20_001


def test_copies_keep_what_nodes_share():
    x = Value(2.0)
    hidden = x * x
    one, other = hidden + 1.0, hidden * 3.0
    for copied_hidden, copied_one, copied_other in copies([hidden, one, other]):
        assert copied_one.parents == copied_other.parents == (copied_hidden,)
        assert copied_one.parents[0] is copied_hidden


def test_dots_of_a_layer_share_their_tuples_and_so_do_their_copies():
    rows, inputs = ((Value(1.0), Value(2.0)), (Value(3.0), Value(4.0))), (Value(5.0), 6.0)
    nodes = Rows(rows).dots(inputs)
    for row, node in zip(rows, nodes):
        assert node.data == dot(row, inputs).data
        assert node.arguments == (*row, *inputs)
        assert node.operands == (row[0].data, row[1].data, 5.0, 6.0)
        assert node.local_derivatives() == (5.0, 6.0, row[0].data)
    for one, other in copies(nodes):
        assert one.parents[2] is other.parents[2] is not inputs[0]
        (one + other).backward()
        assert one.parents[2].grad == 1.0 + 3.0
        assert inputs[0].grad == 0.0


def test_rows_follow_the_data_of_their_leaves_and_nodes_keep_what_they_saw():
    weight, x = Value(2.0), Value(3.0)
    rows = Rows([(weight,), (weight * 1.0,)])
    before = rows.dots((x,))
    weight.data = 5.0
    after = rows.dots((x,))
    assert [node.data for node in before + after] == [6.0, 6.0, 15.0, 6.0]  # a result keeps its number
    before[0].backward()
    after[0].backward()
    assert (x.grad, weight.grad) == (2.0 + 5.0, 3.0 + 3.0)


@pytest.mark.parametrize("rows", [[(Value(1.0), Value(2.0))], [(Value(1.0),), (Value(1.0), Value(2.0))]])
def test_rows_are_never_cut_to_the_length_of_the_inputs(rows):
    with pytest.raises(ValueError, match="one length, got 2 and 1 numbers"):
        Rows(rows).dots((3.0,))


def test_rows_of_constants_and_no_rows():
    assert Rows([(2.0, 3.0)]).dots((5.0, 7.0)) == [31.0]
    [node] = Rows([(2.0,)]).dots((Value(3.0),))
    assert node.local_derivatives() == (2.0,)
    assert Rows([]).dots((1.0,)) == []


@pytest.mark.parametrize("method", ["pull", "push"])
def test_zero_arrives_where_a_zero_meets_an_infinity(method):
    for x, y in ((0.0, math.inf), (math.inf, 0.0), (0.0, math.nan)):
        for factor in (x, Value(x)):
            product = getattr(Value(y), method)(factor)
            assert product.data == 0.0
            assert x in product.local_derivatives()
    assert getattr(Value(3.0), method)(2.0).data == 6.0
    assert getattr(Value(0.0), method)(2.0).data == 0.0
    assert math.isnan(getattr(Value(math.nan), method)(2.0).data)


def test_a_deep_graph_can_be_pickled_and_copied():
    x = Value(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    for other in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        other.backward()
        assert topological_order([other])[0].grad == 1.0
    assert x.grad == 0.0


def test_a_long_lived_pickler_keeps_working():
    x = Value(2.0)
    y = relu(x * 3.0)
    assert copy.copy(y).data == 6.0
    again = copy.deepcopy(y)
    assert again.parents[0] is not y.parents[0]
    assert copy.deepcopy(again).data == 6.0
