"""jit(f, exact=True) gives the bits of f: random programs over the whole table, special points, every lane."""

import functools
import operator
import struct

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from autograd_engine import grad, hessian, jacobian, jit, jvp, scan, tanh, value_and_grad, vjp, vmap, where
from autograd_engine.compiler.llvm import executable
from autograd_engine.compiler.llvm.layout import CHUNKS, SMALLEST_CHUNK
from autograd_engine.primitives import PRIMITIVES
from autograd_engine.structure import flatten
from tests.laws.rows import special_points
from tests.laws.strategies import ANY, anything, expressions, points

SPECIAL = st.sampled_from([0.0, -0.0, 1.0, -1.0, float("inf"), float("-inf"), float("nan")])
GENERATE = (Phase.generate,)  # a failure names its program and point; shrinking all fifty takes minutes
# Many programs go into one function, since a kernel takes milliseconds whatever it holds.
PROGRAMS = st.lists(expressions(smooth=False, choices=True), min_size=50, max_size=50)
PAIRS = points() | st.tuples(SPECIAL, SPECIAL) | st.tuples(ANY, ANY)


def bits(result):
    """The numbers of a result by their bits; all NaNs are one."""
    return ["nan" if x != x else struct.pack("d", x) for x in flatten(result)[0]]


def together(functions):
    """One function that returns what all of them return."""
    return lambda *args: [f(*args) for f in functions]


def assert_same_bits(functions, pairs):
    compiled = jit(together(functions), exact=True)
    for pair in pairs:
        for f, found in zip(functions, compiled(*pair)):
            expected = f(*pair)
            assert bits(found) == bits(expected), (f, pair, found, expected)


# 20 examples of 50 programs each: 1,000 programs, half of them with their gradients, at three points.
@settings(max_examples=20, phases=GENERATE)
@given(PROGRAMS, st.lists(PAIRS, min_size=3, max_size=3))
def test_random_programs_and_their_gradients(programs, pairs):
    assert_same_bits([*programs[::2], *[value_and_grad(program, (0, 1)) for program in programs[1::2]]], pairs)


def with_a_condition(program):
    """A number that is compared before the sweep comes to what else it is used for."""

    def chosen(x, y):
        s = program(x, y)
        return (x - s) * y + tanh(where((s < x) | (s > y), x, x * y))

    return value_and_grad(chosen, (0, 1))


@settings(max_examples=4, phases=GENERATE)
@given(PROGRAMS, st.lists(PAIRS, min_size=3, max_size=3))
def test_a_condition_does_not_change_the_order_of_sums(programs, pairs):
    assert_same_bits(list(map(with_a_condition, programs)), pairs)


def second_derivative(program):
    return grad(lambda x, y: grad(program)(x, y))


def curvature(program):
    return lambda x, y: hessian(lambda p: program(*p))([x, y])


def both_modes(program):
    """A tangent, a cotangent and a jacobian."""

    def all_of_them(x, y):
        def twice(p):
            return [program(*p), p[0] * p[1]]

        outputs, pullback = vjp(twice, [x, y])
        return jvp(twice, ([x, y],), ([1.0, y],)), outputs, pullback([x, 1.0]), jacobian(twice)([x, y])

    return all_of_them


@pytest.mark.parametrize("transform", [second_derivative, curvature, both_modes])
@settings(max_examples=4, phases=GENERATE)
@given(
    programs=st.lists(expressions(smooth=False, choices=True, max_steps=4), min_size=8, max_size=8),
    pairs=st.lists(points(), min_size=3),
)
def test_derivatives_of_derivatives(transform, programs, pairs):
    functions = [transform(program) for program in programs]
    compiled = jit(together(functions), exact=True)
    for pair in pairs[:3]:
        for f, found in zip(functions, compiled(*pair)):
            expected = f(*pair)
            assert bits(found) == bits(expected), (f, pair)


@pytest.mark.parametrize("name", PRIMITIVES)
@settings(max_examples=1, phases=GENERATE)
@given(data=st.data())
def test_every_primitive_everywhere(name, data):
    op = PRIMITIVES[name]
    rows = data.draw(st.lists(anything(op), min_size=40, max_size=40))
    for count in {len(row) for row in rows}:
        f = value_and_grad(op, tuple(range(count)))
        compiled = jit(f, exact=True)
        for row in rows:
            if len(row) == count:
                assert bits(compiled(*row)) == bits(f(*row)), row


def of_samples(functions):
    """One function of a sample x, a pair of numbers."""
    return lambda x: [f(x[0], x[1]) for f in functions]


def layouts(array):
    """The same numbers, laid out in all the ways that NumPy has."""
    rows, columns = array.shape
    wide = np.full((2 * rows, 3 * columns), 7.0)
    wide[::2, 1::3] = array
    return [array, np.asfortranarray(array), wide[::2, 1::3], np.ascontiguousarray(array[::-1])[::-1]]


@settings(max_examples=3, phases=GENERATE)
@given(
    st.lists(expressions(smooth=False, choices=True), min_size=25, max_size=25),
    st.lists(PAIRS, min_size=20, max_size=20),
)
def test_every_lane_and_every_batch_size(programs, pairs):
    functions = [*programs, *[value_and_grad(program, (0, 1)) for program in programs]]
    compiled = jit(vmap(of_samples(functions)), exact=True)
    expected = [bits(of_samples(functions)(list(pair))) for pair in pairs]
    for samples in range(1, len(pairs) + 1):
        arrays = layouts(np.array(pairs[:samples]))
        for array in arrays if samples in (1, 7, 20) else arrays[:1]:
            columns = flatten(compiled(array))[0]
            found = np.array(columns).reshape(-1, samples).T
            assert [bits(row.tolist()) for row in found] == expected[:samples]


@pytest.mark.parametrize("width", [2, 4, 8])
@settings(max_examples=1, phases=GENERATE)
@given(
    st.lists(expressions(smooth=False, choices=True), min_size=8, max_size=8),
    st.lists(PAIRS, min_size=11, max_size=11),
)
def test_every_width_of_the_vector_unit(width, programs, pairs):
    f = of_samples([*programs, *[value_and_grad(program, (0, 1)) for program in programs]])
    expected = [bits(f(list(pair))) for pair in pairs]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executable, "width", lambda: width)
        compiled = jit(vmap(f), exact=True)
        summed = jit(lambda X: vmap(lambda x: 0.1 * x[0])(X).sum(), exact=True)
        for samples in (1, 2, 3, 4, 5, 8, 11):
            for array in layouts(np.array(pairs[:samples])):
                found = np.array(flatten(compiled(array))[0]).reshape(-1, samples).T
                assert [bits(row.tolist()) for row in found] == expected[:samples]
                assert bits(summed(array)) == bits(
                    functools.reduce(operator.add, [0.1 * x for x, _ in pairs[:samples]])
                )
        assert f"<{width} x double>" in compiled.llvm()


@given(st.lists(expressions(), min_size=3, max_size=3), st.sampled_from([np.float32, np.float16, np.int8, np.bool_]))
@settings(max_examples=4, phases=GENERATE)
def test_arrays_of_other_types(programs, dtype):
    array = np.array([[0, 1], [1, 1], [0, 0], [1, 0], [2, -1]]).astype(dtype)
    f = of_samples(programs)
    found = jit(vmap(f), exact=True)(array)
    assert bits(np.array(found).T) == bits([f(row) for row in array.astype(float).tolist()])


def test_a_loop_through_an_array_of_any_layout_that_is_closed_over():
    def weighted(rows):
        return lambda x: scan(lambda total, row: (total * row[0] + x * row[1], total), 0.0, rows)[0]

    numbers = np.random.default_rng(0).normal(size=(40, 2))
    for rows in layouts(numbers):
        assert jit(weighted(rows), exact=True)(0.7) == weighted(numbers)(0.7)


@functools.cache
def with_slopes(function, count):
    """A function of so many numbers with its slopes, and compiled, for numbers and for samples: once for all points."""
    f = value_and_grad(function, tuple(range(count)))
    return f, jit(f, exact=True), jit(vmap(f), exact=True)


@pytest.mark.parametrize("point", special_points(), ids=repr)
def test_special_points(point):
    f, compiled, mapped = with_slopes(point.function, len(point.inputs))
    expected = bits(f(*point.inputs))
    assert bits(compiled(*point.inputs)) == expected
    found = mapped(*[np.full(11, x) for x in point.inputs])
    lanes = np.array(flatten(found)[0]).reshape(-1, 11).T.tolist()
    assert [bits(lane) for lane in lanes] == [expected] * 11


@functools.cache
def second_slope(function):
    """The second slope of a function of a number, and compiled: once for all points."""
    f = grad(grad(function))
    return f, jit(f, exact=True)


@pytest.mark.parametrize("point", [p for p in special_points() if p.second is not ...], ids=repr)
def test_second_derivatives_at_special_points(point):
    f, compiled = second_slope(point.function)
    assert bits(compiled(*point.inputs)) == bits(f(*point.inputs))


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40))
def test_sums_over_samples_are_added_in_order(numbers):
    x = np.array(numbers)
    assert bits(total(x)) == bits(functools.reduce(operator.add, [0.1 * n for n in numbers]))


@pytest.mark.parametrize("samples", [SMALLEST_CHUNK, SMALLEST_CHUNK + 1, (CHUNKS + 1) * SMALLEST_CHUNK + 1])
def test_sums_over_many_samples_are_added_in_order(samples):
    x = np.random.default_rng(samples).normal(size=samples)
    assert bits(total(x)) == bits(functools.reduce(operator.add, [0.1 * n for n in x.tolist()]))


total = jit(lambda x: vmap(lambda x: 0.1 * x)(x).sum(), exact=True)
