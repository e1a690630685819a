"""Laws of the topological order and the sweeps, on random graphs."""

import gc
import subprocess
import sys
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import Value, prod, sum, tanh
from autograd_engine.graph import forward_sweep, reverse_sweep, topological_order
from autograd_engine.value import edges
from tests.laws.strategies import expressions, points


@given(st.data())
def test_parents_come_first_and_every_node_once(data):
    expression = data.draw(expressions())
    output = expression(*map(Value, data.draw(points())))
    order = topological_order([output])
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order)
    assert order[-1] is output
    assert all(place[parent] < place[node] for node in order for parent in node.parents)


def test_order_stops_where_it_is_told():
    x = Value(2.0)
    middle = x * 3.0
    output = middle + 1.0
    assert topological_order([output], {middle}) == [middle, output]


@given(st.data(), st.integers(-30, 30), st.sampled_from([-1.0, 1.0]))
def test_sweep_is_linear_in_the_seed(data, power, sign):
    expression = data.draw(expressions())
    leaves = list(map(Value, data.draw(points())))
    output = expression(*leaves)
    order = topological_order([output])
    seed = sign * 2.0**power  # multiplies without rounding, so that every bit is decided
    one = reverse_sweep(order, {output: 1.0}, edges)
    swept = reverse_sweep(order, {output: seed}, edges)
    for node in order:
        expected = seed * one.get(node, 0.0)
        assert swept.get(node, 0.0) == expected or abs(expected) < 1e-280


@given(st.data())
def test_forward_mode_agrees_with_reverse_mode(data):
    expression = data.draw(expressions())
    leaves = list(map(Value, data.draw(points())))
    directions = data.draw(st.tuples(*[st.floats(-2, 2)] * len(leaves)))
    output = expression(*leaves)
    order = topological_order([output])
    cotangents = reverse_sweep(order, {output: 1.0}, edges)
    tangents = forward_sweep(order, dict(zip(leaves, directions)), edges)
    terms = [cotangents.get(leaf, 0.0) * direction for leaf, direction in zip(leaves, directions)]
    scale = max(map(abs, terms), default=0.0)
    assert tangents.get(output, 0.0) == pytest.approx(sum(terms), rel=1e-9, abs=1e-9 * scale + 1e-12)


@given(st.data())
def test_two_runs_give_the_same_bits(data):
    expression = data.draw(expressions())
    point = data.draw(points())
    first, second = list(map(Value, point)), list(map(Value, point))
    expression(*first).backward()
    expression(*second).backward()
    assert [x.grad.hex() for x in first] == [x.grad.hex() for x in second]


PROGRAM = """
from autograd_engine import Value, sin, exp, sum
x = [Value(0.1 * i) for i in range(40)]
out = sum([sin(a) * exp(b) / (1 + a * a) for a in x for b in x[::3]])
out.backward()
print(out.data.hex(), *[v.grad.hex() for v in x])
"""


def test_processes_agree_bit_for_bit():
    runs = [
        subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=env).stdout
        for env in ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2"})
    ]
    assert runs[0] == runs[1]


def test_a_chain_of_a_million_needs_no_recursion_and_is_freed_at_once():
    gc.collect()
    gc.disable()
    try:
        x = Value(1.0)
        y = x
        for _ in range(1_000_000):
            y = y * 1.000001
        y.backward()
        assert x.grad == pytest.approx(1.000001**1_000_000, rel=1e-9)
        middle = weakref.ref(y.parents[0])
        del y
        assert middle() is None
    finally:
        gc.enable()


def test_a_graph_dies_with_its_last_reference():
    gc.collect()
    gc.disable()
    try:
        x = Value(0.5)
        y = tanh(x * x) + x / (1 + x)
        y.backward()
        nodes = [weakref.ref(node) for node in topological_order([y]) if node is not x]
        del y
        assert all(node() is None for node in nodes)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_zero_cotangent_stops_an_infinite_slope():
    x = Value(0.0)
    y = 0.0 * (x**0.5) + x
    y.backward()
    assert x.grad == 1.0


def test_a_zero_tangent_stops_an_infinite_slope():
    x, y = Value(0.0), Value(1.0)
    output = x**0.5 * y
    tangents = forward_sweep(topological_order([output]), {x: 0.0, y: 1.0}, edges)
    assert tangents.get(output, 0.0) == 0.0


def test_many_paths_add_up_without_being_walked_one_by_one():
    x = Value(1.0)
    y = x
    for _ in range(200):
        y = y + y
    y.backward()
    assert x.grad == 2.0**200


def test_rows_of_many_inputs_take_many_inputs():
    xs = [Value(1.0 + 1e-5 * i) for i in range(10_000)]
    out = sum(xs) * prod(xs[:50])
    out.backward()
    assert all(x.grad > 0 for x in xs)


class Symbol:
    """A number of which only the text is known: it has no truth value, and its comparisons are symbols too."""

    def __init__(self, text):
        self.text = text

    def __bool__(self):
        raise AssertionError("a symbol was asked for its truth value")

    def __eq__(self, other):
        return Symbol(f"{self.text} == {other}")

    __ne__ = __lt__ = __eq__
    __hash__ = object.__hash__

    def __add__(self, other):
        return Symbol(f"{self.text} + {other.text}")

    def pull(self, factor):
        return None if self.text == "nothing" else Symbol(f"{getattr(factor, 'text', factor)}*{self.text}")

    push = pull


def test_the_sweeps_carry_numbers_that_cannot_be_compared():
    x, y = Value(2.0), Value(3.0)
    product = x * y
    output = product + x
    order = topological_order([output])
    names = {product: ("dx", "dy"), output: (1.0, 1.0)}

    def symbolic(node):
        return [(p, Symbol(n) if isinstance(n, str) else n) for p, n in zip(node.arguments, names[node])]

    cotangents = reverse_sweep(order, {output: Symbol("c")}, symbolic)
    assert (cotangents[x].text, cotangents[y].text) == ("1.0*c + 1.0*c*dx", "1.0*c*dy")
    tangents = forward_sweep(order, {x: Symbol("s"), y: 1.0}, symbolic)
    assert tangents[output].text == "1.0*s*dx + 1.0*dy + 1.0*s"
    names[product] = "nothing", 0.0
    assert reverse_sweep(order, {output: Symbol("c")}, symbolic).keys() == {x, product, output}
    assert product not in forward_sweep(order, {x: Symbol("s"), y: 0.0}, symbolic)


def test_local_derivatives_may_be_ints_in_a_row_of_ones_own():
    x = Value(2.0)
    order = topological_order([output := x * 3.0])

    def ints(node):
        return [(x, 3), (x, 0)]

    assert reverse_sweep(order, {output: 1.0}, ints)[x] == forward_sweep(order, {x: 1.0}, ints)[output] == 3.0
