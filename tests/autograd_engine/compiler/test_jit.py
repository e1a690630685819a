"""jit: functions of numbers become native code. What exactness is held to is in test_exact.py."""

import collections
import copy
import functools
import gc
import math
import pickle
import threading
import weakref
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from autograd_engine import (
    Value,
    constant,
    cos,
    dot,
    exp,
    grad,
    hessian,
    jacobian,
    jit,
    jvp,
    log,
    mean,
    relu,
    sin,
    sqrt,
    tanh,
    to_c,
    value_and_grad,
    vmap,
    where,
)
from autograd_engine.compiler import Jitted, TraceError, kernel
from autograd_engine.compiler.program.program import Samples
from autograd_engine.compiler.program.regions import PART
from autograd_engine.compiler.program.traced_function import TracedFunction
from autograd_engine.primitives import PRIMITIVES
from autograd_engine.primitives import sum as total
from autograd_engine.structure import flatten
from tests.laws.allowances import slope_allowance, value_allowance
from tests.laws.judge import exact, exact_slope, ulps
from tests.laws.rows import special_points
from tests.laws.strategies import expressions, points, wide

ALLOWED = 8  # units in the last place for each primitive
Pair = collections.namedtuple("Pair", "first second")


def test_the_slope_of_a_mean_is_nan_with_it():
    f = value_and_grad(lambda w, X: mean(vmap(lambda w, x: w + x, in_axes=(None, 0))(w, X)))
    for X in (np.array([1.0, 2.0]), np.array([math.inf, -math.inf]), np.array([1.0, math.nan])):
        assert repr(jit(f)(1.0, X)) == repr(f(1.0, X))


SCALED = {
    "mean": mean,
    "half a sum": lambda h: total(h) / 2,
    "sum / n": lambda h: h.sum() / 3.0,
    "half a mean": lambda h: np.mean(h) / 2,
    "mean of two means": lambda h: (mean(h) + np.mean(h)) / 2 + 1.0,
}


@pytest.mark.parametrize("reduce", SCALED.values(), ids=SCALED)
@pytest.mark.parametrize("derivative", [grad, value_and_grad])
def test_the_slope_of_a_scaled_sum_is_nan_with_it_and_does_not_wait_for_it(reduce, derivative):
    f = derivative(lambda w, X: reduce(vmap(lambda w, x: w + x, in_axes=(None, 0))(w, X)))
    compiled = jit(f)
    for X in ([1.0, 2.0], [math.inf, -math.inf], [1.0, math.nan], [math.inf, 1.0]):
        assert repr(compiled(1.0, np.array(X))) == repr(f(1.0, np.array(X)))
    program = TracedFunction(f, (1.0, np.array(X)), {}, exact=False).program
    assert len([step for step in program.body.steps if isinstance(step, Samples)]) == 1


def test_division_by_a_constant_zero_has_derivatives():
    assert jit(grad(lambda x: x / 0.0))(1.0) == grad(lambda x: x / 0.0)(1.0) == math.inf
    assert grad(grad(lambda x: x * x / 0.0))(1.0) == jit(grad(grad(lambda x: x * x / 0.0)))(1.0) == math.inf


# --- accuracy of the default mode -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRIMITIVES)
@settings(max_examples=1, phases=[Phase.generate])
@given(data=st.data())
def test_each_primitive_is_within_8_units_in_the_last_place(name, data):
    op = PRIMITIVES[name]
    first = data.draw(wide(op))
    rows = data.draw(st.lists(wide(op).filter(lambda row: len(row) == len(first)), min_size=8, max_size=8))
    f = value_and_grad(op, tuple(range(len(first))))
    lanes = flatten(jit(vmap(f))(*np.array(rows).T))[0]
    scalar = jit(f)
    for i, row in enumerate(rows):
        for out, *slopes in (flatten(scalar(*row))[0], np.array(lanes).reshape(-1, len(rows)).T[i].tolist()):
            value = exact(op.name, row)
            if value is None:
                continue
            assert ulps(out, value, value_allowance(op, row, value)) <= ALLOWED, row
            for k, slope in enumerate(slopes):
                right = exact_slope(op.name, row, k)
                if right is not None:
                    allowance = slope_allowance(op, row, k, f(*row)[1][k], value, right)
                    assert ulps(slope, right, allowance) <= ALLOWED, (row, k)


@functools.cache
def with_slopes(function, count):
    """A function of so many numbers with its slopes, and compiled, for numbers and for samples: once for all points."""
    f = value_and_grad(function, tuple(range(count)))
    return f, jit(f), jit(vmap(f))


@pytest.mark.parametrize("lanes", [False, True])
@pytest.mark.parametrize("point", special_points(), ids=repr)
def test_special_points(point, lanes):
    f, compiled, mapped = with_slopes(point.function, len(point.inputs))
    expected = flatten(f(*point.inputs))[0]
    found = mapped(*[np.full(9, x) for x in point.inputs]) if lanes else compiled(*point.inputs)
    numbers = np.array(flatten(found)[0]).reshape(len(expected), -1)
    np.testing.assert_allclose(numbers, np.array(expected)[:, None] + 0 * np.isnan(numbers), rtol=ALLOWED * 2**-52)


@settings(max_examples=5, phases=[Phase.generate])
@given(st.lists(expressions(), min_size=20, max_size=20), st.lists(points(), min_size=5, max_size=5))
def test_random_programs_and_their_gradients(programs, pairs):
    functions = [value_and_grad(program, (0, 1)) for program in programs]
    compiled = jit(lambda x, y: [f(x, y) for f in functions])
    for pair in pairs:
        for f, found in zip(functions, compiled(*pair)):
            value, slopes = f(*pair)
            assert found[0] == pytest.approx(value, rel=1e-9, abs=1e-9)
            assert found[1] == pytest.approx(slopes, rel=1e-7, abs=1e-7)


# --- arguments and results ---------------------------------------------------------------------------------------


def test_results_have_the_structure_that_the_function_returned():
    f = jit(lambda p: {"pair": Pair(p.first * 2, [p.second]), "rest": (1, True, np.float32(0.5), p.first)})
    assert f(Pair(1.0, 2.0)) == {"pair": Pair(2.0, [2.0]), "rest": (1.0, 1.0, 0.5, 1.0)}
    arrays = jit(lambda x: [x.T, x[0], x.reshape(3, 2), x @ x.T, x.sum(axis=0), np.exp(x), 2 * x])
    x = np.arange(6.0).reshape(2, 3)
    for found, expected in zip(arrays(x), [x.T, x[0], x.reshape(3, 2), x @ x.T, x.sum(axis=0), np.exp(x), 2 * x]):
        np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize(
    "number", [3, True, np.float32(2.5), np.int8(3), np.array(1.5), Fraction(1, 4), 2**70, math.inf, math.nan, -0.0]
)
def test_all_sorts_of_real_numbers(number):
    found, expected = jit(lambda x: [x, x * 2])(number), float(number)
    np.testing.assert_array_equal(found, [expected, expected * 2])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, ">f8", np.int64, np.uint8, bool, object])
def test_all_sorts_of_arrays(dtype):
    x = np.array([[0, 1], [1, 1]]).astype(dtype)
    np.testing.assert_array_equal(jit(lambda x: x.sum(axis=0))(x), [1.0, 2.0])


def test_empty_arguments_and_results():
    assert jit(lambda x: [x, total(x)])([]) == [[], 0.0]
    assert jit(lambda x: {"a": (), "b": x.sum()})(np.empty((0, 3))) == {"a": (), "b": 0.0}
    assert jit(lambda: 3)() == 3.0
    assert jit(lambda x: np.array([]) * x)(2.0).shape == (0,)


def test_other_containers_count_as_those_they_extend():
    double = jit(lambda d: {key: 2 * x for key, x in d.items()})
    assert double(collections.OrderedDict(a=1.0)) == {"a": 2.0}
    assert jit(lambda xs: xs[0])(type("Mine", (list,), {})([4.0])) == 4.0


def test_keywords_and_defaults():
    def f(x, *rest, scale=2.0, **more):
        return x * scale + total(rest) + total(more.values())

    compiled = jit(f)
    for args, keywords in [((1.0,), {}), ((1.0, 2.0), {"scale": 3.0}), ((1.0,), {"other": 5.0, "scale": 1.0})]:
        assert compiled(*args, **keywords) == f(*args, **keywords)


def test_arguments_and_keywords_are_told_apart():
    def f(x, numbers=None, k=0.0):
        return x * 10 + (numbers["k"] * 100 if numbers else k)

    compiled = jit(f)
    assert compiled(1.0, {"k": 2.0}) == 210.0
    assert compiled(1.0, k=2.0) == 12.0


def test_another_structure_is_another_kernel():
    f = jit(lambda d: [x * 2 for x in (d.values() if isinstance(d, dict) else d)])
    assert f({"a": 1.0, "b": 3.0}) == f([1.0, 3.0]) == f((1.0, 3.0)) == [2.0, 6.0]
    assert f({"b": 1.0, "a": 3.0, "c": 0.0}) == [2.0, 6.0, 0.0]
    difference = jit(lambda d: d["a"] - d["b"])
    assert difference({"a": 1.0, "b": 3.0}) == difference({"b": 3.0, "a": 1.0}) == -2.0


def loss(params, x=1.0, *rest, scale=1.0):
    return params["w"][0] * x * scale


@pytest.mark.parametrize(
    ("args", "keywords", "message"),
    [
        (({"w": [1.0, 2.0, "a"]},), {}, r"loss\(\): params\['w'\]\[2\]: expected a real number .* got str: 'a'"),
        ((None,), {}, r"params: expected a real number .* NoneType.*; if that is meant, name it in static_argnames"),
        (({"w": [1j]},), {}, r"params\['w'\]\[0\]: .* complex"),
        (({"w": [10**400]},), {}, r"params\['w'\]\[0\]: expected a number that fits a float"),
        (({"w": np.array(["a"])},), {}, r"params\['w'\]: expected an array of real numbers, got dtype <U1"),
        (({"w": np.array([1j])},), {}, r"params\['w'\]: expected an array of real numbers"),
        (({"w": np.array([1.0, None])},), {}, r"params\['w'\]: expected a real number .* NoneType"),
        (({"w": [1.0]}, "x"), {}, r"loss\(\): x: "),
        (({"w": [1.0]}, 1.0, 2.0, "r"), {}, r"loss\(\): rest\[1\]: "),
        (({"w": [1.0]},), {"scale": object()}, r"loss\(\): scale: "),
        (({1.0},), {}, r"loss\(\): params: .* set"),
    ],
)
def test_what_is_no_number_is_named(args, keywords, message):
    for call in (jit(loss), jit(loss).program):
        with pytest.raises(TypeError, match=message):
            call(*args, **keywords)


def test_errors_of_functions_without_a_signature_name_the_place():
    class Callable:
        def __call__(self, x):
            return x

    for f, name in [(dict, "dict"), (Callable(), "Callable"), (functools.partial(loss, x=1.0), "partial")]:
        with pytest.raises(TypeError, match=rf"{name}\(\): (argument 0|x|params)"):
            jit(f)("no")


@pytest.mark.parametrize(
    ("f", "message"),
    [(lambda x: None, "NoneType"), (lambda x: "a", "str"), (lambda x: x.batch.size if x.batch else 1j, "complex")],
)
def test_what_is_returned_must_be_numbers(f, message):
    with pytest.raises(TypeError, match=f"what the function returned: expected a real number .*{message}"):
        jit(f)(1.0)


def test_what_cannot_be_compiled():
    with pytest.raises(TypeError, match="needs a function, got int"):
        jit(3)
    for threads in (0, -1, 1.5):
        with pytest.raises(ValueError, match="threads must be a whole number of at least 1"):
            jit(sin, threads=threads)


def test_errors_of_the_function_come_through():
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        jit(loss)()
    with pytest.raises(KeyError, match="w"):
        jit(loss)({"v": 1.0})


# --- calls do not disturb each other ----------------------------------------------------------------------------


def test_results_and_arguments_share_no_memory():
    x = np.arange(4.0)
    for f in (jit(lambda x: x), jit(lambda x: x * 2.0), jit(vmap(lambda x: x * 2.0))):
        first = f(x)
        kept = first.copy()
        second = f(x + 1)
        assert not np.shares_memory(first, second)
        assert not np.shares_memory(first, x)
        np.testing.assert_array_equal(first, kept)
        first[:] = 99.0
        np.testing.assert_array_equal(f(x), kept)


def test_arrays_that_change_in_place_are_read_anew():
    x = np.arange(6.0).reshape(3, 2)
    for f in (jit(lambda x: x.sum()), jit(lambda x: vmap(lambda row: row.sum())(x).sum())):
        before = f(x)
        x[1, 1] += 10
        assert f(x) == before + 10


def test_a_read_only_array_is_read():
    x = np.arange(3.0)
    x.setflags(write=False)
    assert jit(lambda x: x.sum())(x) == jit(lambda x: vmap(lambda x: x)(x).sum())(x) == 3.0


def test_an_array_argument_cannot_be_changed():
    def add(x):
        x += 1
        return x

    def put(x):
        x[0] = 1.0
        return x

    def copied(x):
        x = np.array(x)
        x[0] = 5.0
        return x.sum()

    for f in (add, put):
        with pytest.raises(TraceError, match="cannot be changed in place"):
            jit(f)(np.ones(3))
    with pytest.raises(ValueError, match="read-only"):
        jit(lambda x: put(x.T))(np.ones((3, 3)))
    assert jit(copied)(np.ones(3)) == 7.0


def test_threads_call_and_compile_at_once():
    f = value_and_grad(lambda w, x: total([tanh(w * number) for number in x]))
    compiled = jit(f)
    failures = []

    def work(start):
        for i in range(8):
            w, x = 0.3 * start, np.arange(1.0, 2.0 + (start + i) % 3)
            if compiled(w, x) != pytest.approx(f(w, x)):
                failures.append((w, x))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_tracing_in_one_thread_leaves_the_others_alone():
    inside, done = threading.Event(), threading.Event()

    def slow(x):
        inside.set()
        assert done.wait(60)
        return x * 2

    thread = threading.Thread(target=jit(slow), args=(1.0,))
    thread.start()
    assert inside.wait(60)
    assert grad(lambda x: x * x)(3.0) == 6.0
    assert isinstance(Value(2.0) * 3.0, Value)
    done.set()
    thread.join()


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interrupted_trace_leaves_nothing_behind(interruption):
    fail = True

    def f(x):
        vmap(lambda x: grad(lambda x: x * x)(x))(np.arange(3.0))
        if fail:
            raise interruption
        return x * 2

    compiled = jit(f)
    with pytest.raises(interruption):
        compiled(1.0)
    assert grad(lambda x: x * x)(3.0) == 6.0
    np.testing.assert_array_equal(vmap(lambda x: x * x)(np.arange(3.0)), [0.0, 1.0, 4.0])
    fail = False
    assert compiled(1.0) == 2.0


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))])
def test_copies_are_compiled_anew(duplicate):
    original = jit(exp, exact=True, threads=2)
    original(1.0)
    found = duplicate(original)
    assert (found.function, found.exact, found.threads) == (exp, True, 2)
    assert found(1.0) == math.exp(1.0)


# --- in other functions ----------------------------------------------------------------------------------------


def test_derivatives_of_compiled_functions():
    f = jit(lambda x: x * sin(x))
    assert grad(f)(0.5) == grad(f.function)(0.5)
    assert hessian(jit(lambda p: p[0] ** 2 * p[1]))([1.0, 2.0]) == [[4.0, 2.0], [2.0, 0.0]]
    x = Value(0.5)
    f(x).backward()
    assert x.grad == grad(f.function)(0.5)
    assert jit(np.sum)(np.array([Value(1.0), 2.0], dtype=object)).data == 3.0


def test_compiled_functions_in_compiled_functions():
    inner = jit(lambda x: x * x + 1)
    assert jit(lambda x: inner(x) * 2)(3.0) == 20.0
    assert jit(jit(lambda x: x + 1))(1.0) == 2.0
    assert jit(grad(inner))(3.0) == 6.0
    np.testing.assert_array_equal(jit(vmap(inner))(np.arange(3.0)), [1.0, 2.0, 5.0])
    np.testing.assert_array_equal(vmap(inner)(np.arange(3.0)), [1.0, 2.0, 5.0])


def test_an_inner_function_may_use_the_numbers_of_the_outer_one():
    outer = jit(lambda a: jit(lambda b: b * a)(2.0))
    assert outer(3.0) == 6.0
    assert outer(5.0) == 10.0
    np.testing.assert_array_equal(jit(vmap(outer.function))(np.arange(3.0)), [0.0, 2.0, 4.0])


def test_constant():
    weight = Value(3.0)
    f = jit(lambda x: x * constant(weight) + constant(2))
    assert f(1.0) == 5.0
    weight.data = 100.0
    assert f(1.0) == 5.0
    with pytest.raises(TypeError, match="expected a real number"):
        constant("3")


def test_what_happens_while_tracing_happens_once():
    calls = []
    f = jit(lambda x: calls.append(1) or x * 2)
    assert [f(1.0), f(2.0), f(3)] == [2.0, 4.0, 6.0]
    assert len(calls) == 1


def test_a_detached_number_is_a_constant_for_derivatives():
    assert jit(grad(lambda x: x * x.detach()))(3.0) == 3.0


# --- the strong zero ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exactly", [True, False])
def test_what_is_not_chosen_cannot_spoil_the_gradient(exactly):
    for f in (
        lambda x: where(x > 0, sqrt(x), 0.0),
        lambda x: where(x > 0, relu(sqrt(x)), 0.0),
        lambda x: where(x == x, 1.0, exp(x * 1e308 * 1e308)),
        lambda x: tanh(where(x > 0, 1 / x, x)),
    ):
        compiled = jit(value_and_grad(f), exact=exactly)
        lanes = jit(vmap(value_and_grad(f)), exact=exactly)
        points = [-1.0, 0.0, 2.0]
        for i, x in enumerate(points):
            expected = flatten(value_and_grad(f)(x))[0]
            np.testing.assert_allclose(flatten(compiled(x))[0], expected, rtol=1e-14)
            np.testing.assert_allclose([column[i] for column in lanes(np.array(points))], expected, rtol=1e-14)


@pytest.mark.parametrize(
    "f",
    [
        lambda w: w[1] * log(w[0]),
        lambda w: log(w[0]) * w[1] + w[0],
        lambda w: w[1] * sqrt(w[0]) + w[1] * w[0],
        lambda w: w[1] * exp(2 * log(w[0])) + w[1] * w[1] * log(w[0]),
        lambda w: where(w[0] > 0, w[1] * log(w[0]), w[0] * w[1]),
    ],
)
def test_a_zero_times_an_infinite_slope_has_the_same_second_derivatives_in_both_orders(f):
    expected = np.array(hessian(f)([0.0, 0.0]))
    np.testing.assert_array_equal(expected, expected.T)
    for exactly in (True, False):
        np.testing.assert_array_equal(jit(hessian(f), exact=exactly)([0.0, 0.0]), expected)
        np.testing.assert_array_equal(hessian(jit(f, exact=exactly))([0.0, 0.0]), expected)


# --- looking inside -----------------------------------------------------------------------------------------------


def test_program_of_a_scalar_function():
    f = jit(lambda x, y: x * y + cos(x))
    assert f.program(1.0, 2.0) == "%0 = x\n%1 = y\n%2 = cos %0\n%3 = fma %0, %1, %2\nreturn %3"
    assert f.program() == f.program(1.0, 2.0)


def test_program_of_a_batch():
    def squares(params, X, *, offset):
        return mean(vmap(lambda x: (dot(params["w"], x) - offset) ** 2)(X))

    text = jit(squares, exact=True).program({"w": [1.0, 2.0]}, np.eye(2), offset=1.0)
    assert text.splitlines() == [
        "%0    = params['w'][0]",
        "%1[i] = X[i, 0]",
        "%2[i] = mul %0, %1[i]",
        "%3    = params['w'][1]",
        "%4[i] = X[i, 1]",
        "%5[i] = mul %3, %4[i]",
        "%6[i] = add %2[i], %5[i]",
        "%7    = offset",
        "%8[i] = sub %6[i], %7",
        "%9[i] = pow %8[i], 2.0",
        "%10   = sum over i: %9[i]",
        "%11   = number of samples i",
        "%12   = div %10, %11",
        "return %12",
    ]


def test_program_names_elements_constants_and_many_results():
    def f(p, A):
        return [p.first, *A.ravel().tolist(), vmap(lambda a, b: a[1] * b, in_axes=(1, 0))(A, np.arange(3.0))]

    lines = jit(f).program(Pair(1.0, 2.0), np.ones((2, 3))).splitlines()
    assert "%0    = p.first" in lines
    assert any(line.endswith("= A[1, 2]") for line in lines)
    assert any(line.endswith("= A[1, i]") for line in lines)
    assert any(line.endswith("= constant1[i]") for line in lines)
    assert lines[-2].startswith("return %0, ")
    assert lines[-1].startswith("       %")


def test_llvm_assembly_and_stats(monkeypatch):
    times = iter([10.0, 11.0, 14.0])
    monkeypatch.setattr(kernel, "time", SimpleNamespace(perf_counter=lambda: next(times)))
    f = jit(lambda x: sin(x) * 2)
    f(1.0)
    assert "define" in f.llvm()
    assert "ret" in f.assembly(2.0)
    stats = f.stats()
    assert (stats.recorded, stats.instructions) == (3, 3)
    assert stats.code_bytes > 0
    assert (stats.trace_seconds, stats.compile_seconds) == (1.0, 3.0)


def test_repr_and_documentation():
    assert repr(jit(loss)) == "jit(loss)"
    assert isinstance(jit(exp), Jitted)
    assert jit(exp).__doc__ == exp.__doc__
    assert not hasattr(jit(exp), "forward")


def test_many_outputs_that_need_no_code_are_stored_by_short_functions():
    f = jit(lambda x, A: [*([1.5, x] * 500), *(np.zeros(1000) + 2.0), *A[::-1]])  # not as they lie in A
    A = np.arange(1000.0)
    assert f(3.0, A) == [*([1.5, 3.0] * 500), *[2.0] * 1000, *A[::-1]]
    stored = [function.count("store double") for function in f.llvm().split("define void")]
    assert max(stored) <= PART < sum(stored) == 3000


# --- static arguments, methods, pickling --------------------------------------------------------------------------


def test_it_decorates_with_options():
    @jit(exact=True)
    def double(x):
        return 2 * x

    assert (double(1.5), double.exact) == (3.0, True)


def test_static_arguments_are_handed_over_as_they_are():
    seen = []

    @jit(static_argnames=("kind", "n"))
    def f(x, kind, *, n=2):
        seen.append((kind, n))
        return total([x] * n) if kind is None else relu(x) if kind == "relu" else -x

    assert [f(-1.0, "relu"), f(-1.0, kind="neg"), f(-1.0, None), f(-1.0, None, n=3)] == [0.0, 1.0, -2.0, -3.0]
    assert [f(-5.0, None, n=3), f(-5.0, "relu")] == [-15.0, 0.0]
    assert seen == [("relu", 2), ("neg", 2), (None, 2), (None, 3)]
    assert f(Value(3.0), "neg").data == -3.0
    assert f.program(1.0, "neg") == "%0 = x\n%1 = neg %0\nreturn %1"
    assert f.program() == f.program(1.0, None, n=3)


def test_static_arguments_of_other_types_are_other_arguments():
    f = jit(lambda n, x: x if n is True else 2 * x, static_argnames="n")
    assert [f(True, 3.0), f(1, 3.0), f(1.0, 3.0)] == [3.0, 6.0, 6.0]


def test_wrong_static_arguments():
    with pytest.raises(ValueError, match="static_argnames has 'y', which f does not take"):
        jit(named_f, static_argnames="y")
    for names in (3, [1]):
        with pytest.raises(TypeError, match="static_argnames must be a name or a list of names, got"):
            jit(named_f, static_argnames=names)
    with pytest.raises(TypeError, match=r"static arguments must be hashable: .*unhashable type: 'list'"):
        jit(named_f, static_argnames="x")([1.0])
    for argument in ("relu", None):
        with pytest.raises(TypeError, match=r"f\(\): x: expected a real number.*; .* in static_argnames"):
            jit(named_f)(argument)


def named_f(x):
    return 3 * x


named_f.__name__ = "f"


class Model:
    def __init__(self, factor):
        self.factor, self.traced = factor, 0

    @jit
    def times(self, x):
        self.traced += 1
        return self.factor * x

    @jit(static_argnames="n")
    def power(self, x, n):
        return self.factor * x**n


def test_a_method_is_compiled_for_each_object():
    two, three = Model(2.0), Model(3.0)
    assert [two.times(1.0), two.times(5.0), three.times(1.0), Model(4.0).times(1.0)] == [2.0, 10.0, 3.0, 4.0]
    assert (two.traced, three.traced) == (1, 1)
    assert [two.power(3.0, 2), two.power(3.0, n=3)] == [18.0, 54.0]
    assert two.times(Value(3.0)).data == 6.0
    assert "mul" in two.times.program()
    gone = weakref.ref(two)
    del two
    gc.collect()
    assert gone() is None


def test_a_method_of_what_takes_no_weak_references():
    class Slots:
        __slots__ = ()

        @jit
        def m(self, x):
            return x

    with pytest.raises(TypeError, match=r"cannot compile the method m of a Slots, which takes no weak references"):
        Slots().m(1.0)


@jit(exact=True)
def decorated(x):
    return 2 * x


def test_a_decorated_function_is_pickled_by_its_name():
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    assert pickle.loads(pickle.dumps(Model.times)) is Model.times
    assert pickle.loads(pickle.dumps(Model(3.0).times))(2.0) == 6.0
    again = pickle.loads(pickle.dumps(jit(loss, exact=True, static_argnames="scale")))
    assert (again.function, again.exact, again.static) == (loss, True, ("scale",))


def test_looking_inside_needs_arguments():
    f = jit(named_f)
    for look in (f.program, f.stats, f.llvm, f.assembly):
        with pytest.raises(TypeError, match=r"f\(\) is not compiled yet: call it first, or give example arguments"):
            look()
    with pytest.raises(TypeError, match=r"f\(\): x: expected a plain number, got a Value"):
        f.program(Value(1.0))
    assert jit(lambda: 2.0).program() == "return 2.0"


class Point(tuple):
    def __new__(cls, x, y):
        return super().__new__(cls, (x, y))


class Numbers(list):
    pass


def test_containers_of_ones_own():
    assert jit(lambda v: v[0] * v[1])(Numbers([2.0, 3.0])) == 6.0
    for call, name in [(jit(named_f), r"f\(\)"), (lambda p: to_c(named_f, p), r"to_c\(\)")]:
        with pytest.raises(TypeError, match=rf"{name}: x: a Point cannot be made of a list of its parts; give a list"):
            call([Point(1.0, 2.0)])


@pytest.mark.parametrize("make", [np.ma.masked_array, np.asmatrix])
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_arrays_that_compute_in_ways_of_their_own_are_refused(make):
    with pytest.raises(TypeError, match=r"x: expected a plain array, got a (MaskedArray|matrix); give"):
        jit(lambda x: x.sum())(make([1.0, 2.0]))


CLOSURES = {
    "uses": lambda x: lambda y: x * y * y,
    "uses a result": lambda x: lambda y: exp(x) * y,
    "returns": lambda x: lambda y: [x, y * x],
    "holds": lambda x: lambda y: {"a": [x * x]}["a"][0] + y,
}


@pytest.mark.parametrize("close_over", CLOSURES.values(), ids=CLOSURES)
@pytest.mark.parametrize("wrap", [lambda f: f, jit], ids=["uncompiled", "compiled around"])
def test_a_compiled_function_may_use_the_variable_of_a_derivative_around_it(close_over, wrap):
    def through(transform):
        return lambda x: (transform(close_over(x))(2.0), x)

    for derivative in (jacobian, lambda f: jacobian(jacobian(f)), lambda f: lambda x: jvp(f, (x,), (1.0,))):
        assert wrap(derivative(through(jit)))(0.5) == derivative(through(lambda f: f))(0.5)


def test_no_constant_is_made_of_the_variable_of_a_derivative():
    with pytest.raises(TraceError, match="depends on the variable of a derivative") as caught:
        grad(lambda x: jit(lambda y: x * y).program(2.0))(3.0)
    assert "constant" not in str(caught.value)
