"""Sweeps in slots give what the sweep of `graph.py` gives, bit for bit, whatever happens meanwhile."""

import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import PRIMITIVES, Value, dot, relu, sum, value_and_grad
from autograd_engine import backward as module
from autograd_engine.graph import reverse_sweep, topological_order
from autograd_engine.primitives import Primitive
from autograd_engine.rows import Rows
from autograd_engine.value import edges
from nn import MLP
from tests.laws.strategies import expressions, points


def assert_bits_of_the_generic_sweep(output):
    order = topological_order([output])
    cotangents = reverse_sweep(order, {output: 1.0}, edges)
    output.zero_grad()
    output.backward()
    assert [node.grad.hex() for node in order] == [(0.0 + cotangents.get(node, 0.0)).hex() for node in order]


@given(st.data())
def test_gradients_of_expressions_have_the_bits_of_the_generic_sweep(data):
    expression = data.draw(expressions())
    assert_bits_of_the_generic_sweep(expression(*map(Value, data.draw(points()))))


@given(st.integers(0, 1000), st.sampled_from(["relu", "tanh", "elu", "linear"]))
def test_gradients_of_a_model_have_the_bits_of_the_generic_sweep(seed, activation):
    model = MLP(2, [4, 3, 1], activation, seed)
    samples = [[0.5, -1.0], [0.0, Value(2.0)], [math.inf, 1.0]]
    losses = [relu(1 - model(sample)[0]) for sample in samples]
    parameters = model.parameters()
    assert_bits_of_the_generic_sweep(sum(losses) / 3 + 1e-4 * dot(parameters, parameters))


@given(st.data())
def test_the_order_is_the_topological_order(data):
    output = data.draw(expressions())(*map(Value, data.draw(points())))
    assert list(map(id, module.order_of_values([output]))) == list(map(id, topological_order([output])))


def test_a_tuple_is_not_taken_for_listed_before_its_members_are():
    x = Value(3.0)
    shared = (x * 2.0, x * 5.0)
    [inner] = Rows([(Value(1.0), Value(2.0))]).dots(shared)
    [outer] = Rows([shared]).dots((x, inner + 0.0))
    order = module.order_of_values([outer])
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order)
    assert all(place[parent] < place[node] for node in order for parent in node.parents)
    assert_bits_of_the_generic_sweep(outer)


def test_the_local_derivatives_of_a_dot_are_those_of_its_row():
    weights, inputs = tuple(map(Value, (2.0, 3.0, 5.0))), (Value(7.0), 11.0, Value(13.0))
    [node] = Rows([weights]).dots(inputs)
    node.backward()
    by_row = PRIMITIVES["dot"].partials(node.data, *node.operands)
    assert [x.grad for x in node.parents] == [d for x, d in zip(node.arguments, by_row) if isinstance(x, Value)]


def test_zero_times_infinity_is_zero_in_a_dot():
    weights, inputs = (Value(math.inf), Value(0.0)), (Value(0.0), Value(1.0))
    [node] = Rows([weights]).dots(inputs)
    node.backward(math.inf)
    assert [x.grad for x in (*weights, *inputs)] == [0.0, math.inf, math.inf, 0.0]


def test_whoever_comes_second_gets_the_same():
    x = Value(0.7)
    y = (x * x).tanh() * x
    y.backward()
    once = x.grad
    y.zero_grad()
    with module._slots_in_use:
        y.backward()
    assert x.grad == once


def test_derivatives_of_functions_have_the_bits_of_the_generic_sweep():
    def f(x, y, z):
        hidden = [(x * y).tanh(), x / (y * y + 1.0), dot([x, y], [y, 3.0])]
        return sum(hidden) * hidden[0]

    point = (0.3, -0.7, 2.0)  # nothing depends on the last one
    value, slopes = value_and_grad(f, argnums=(0, 1, 2))(*point)
    with module._slots_in_use:
        assert value_and_grad(f, argnums=(0, 1, 2))(*point) == (value, slopes)
    assert slopes[2] == 0.0
    leaves = list(map(Value, point))
    f(*leaves).backward()
    assert tuple(leaf.grad for leaf in leaves) == slopes


def primitive(name, partials):
    """A row of somebody's own, which leaves the table at once."""
    return PRIMITIVES.pop(Primitive(name, name, lambda x: 3.0 * x, partials, "Three times x.").name)


def test_a_rule_that_calls_backward_disturbs_nothing():
    x = Value(2.0)
    square = x * x

    def partials(out, y):
        square.backward()
        return (3.0,)

    y = primitive("nested", partials)(square) + square
    y.backward()
    assert x.grad == 4.0 * 4.0 + 4.0  # of y, and of the inner call


def test_an_interrupted_sweep_adds_nothing_and_the_next_one_works():
    x = Value(2.0)
    calls = []

    def partials(out, y):
        calls.append(y)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return (3.0,)

    y = primitive("interrupted", partials)(x * x) + x
    with pytest.raises(KeyboardInterrupt):
        y.backward()
    assert x.grad == y.grad == 0.0
    y.backward()
    assert x.grad == 13.0


def test_threads_that_share_parameters_add_up():
    w = Value(2.0)
    graphs = [[(w * w * (1.0 + i)).tanh() * 0.0 + w * w for i in range(50)] for _ in range(4)]

    def work(outputs):
        for output in outputs:
            output.backward()

    threads = [threading.Thread(target=work, args=(outputs,)) for outputs in graphs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert w.grad == 200 * 4.0
