"""What cannot be compiled is never baked in: an error names the line and says what to write instead."""

import copy
import functools
import inspect
import math
import pickle

import numpy as np
import pytest

from autograd_engine import Value, constant, exp, grad, gradient, hypot, jit, maximum, mean, sin, vmap, where
from autograd_engine import sum as total
from autograd_engine.compiler import TraceError
from autograd_engine.compiler.trace import traced
from autograd_engine.primitives import PRIMITIVES, clip, dot, prod

BRANCHES = {
    "in": (lambda x: x * (x in [1.0, 2.0]), "branches on"),
    "index of": (lambda x: [1.0, 2.0].index(x), "branches on"),
    "filter": (lambda x: list(filter(None, [x])), "branches on a number"),
    "np.max": (
        lambda x: np.max([x, 1.0], where=[True, False], initial=0.0),
        r"write amax\(x\), with amax of autograd_engine, instead of np\.max, or",
    ),
    "np.clip": (
        lambda x: np.clip([x, 1.0], 0, 1, dtype=object),
        r"write np\.array\(\[clip\(t, low, high\) for t in x\]\), with clip of autograd_engine, instead of np\.clip",
    ),
    "np.fmin": (
        lambda x: np.fmin([x, 1.0], [1, x], dtype=object),
        r"write np.array\(\[minimum\(s, t\) for s, t in zip\(x, y\)\]\), w",
    ),
    "np.unique": (lambda x: np.unique([x, 1.0]), "np.frompyfunc"),
    "an array method": (
        lambda x: np.array([x, 1.0]).max(initial=0.0, where=[True, False]),
        r"branches on .* write amax\(x\)",
    ),
}

NOT_KNOWN = {
    "float": (lambda x: float(x), "asks for the float"),
    "complex": (lambda x: complex(x), "asks for the float"),
    "math.sin": (lambda x: math.sin(x), "use the functions of autograd_engine"),
    "range": (lambda x: list(range(x)), "asks for the float"),
    "%": (lambda x: "%f" % x, "asks for the float"),  # noqa: UP031
    "a float array": (lambda x: np.array([x], dtype=float), "asks for the float"),
    "putting into a float array": (lambda x: np.zeros(2).__setitem__(0, x), "arrays of dtype=object, and pass"),
    "a format": (lambda x: f"{x:.2f}", "formats a number that is not known"),
    "data": (lambda x: x.data, r"uses \.data of a number that is not known"),
    "grad": (lambda x: x.grad, r"uses \.grad"),
    "label": (lambda x: x.label, r"uses \.label"),
    "backward": (lambda x: (x * x).backward(), r"uses \.backward .* taken by grad"),
}


@pytest.mark.parametrize(("f", "message"), [*BRANCHES.values(), *NOT_KNOWN.values()], ids=[*BRANCHES, *NOT_KNOWN])
def test_the_error_names_the_line_and_the_remedy(f, message):
    line = inspect.getsourcelines(f)[1]
    for of_f, argument in [(f, 2.0), (vmap(f), np.array([2.0, 3.0])), (lambda x: grad(f)(x), 2.0)]:
        with pytest.raises(TraceError, match=message) as raised:
            jit(of_f)(argument)
        assert f"{__file__}:{line} (" in str(raised.value)


def clipped_in_a_loop(v, clipped):
    a = np.array(v)
    for _ in range(30):
        a = clipped(1.1 * a)
    return a.sum()


def test_clip_works_in_a_loop_and_so_does_what_is_advised_instead():
    v = np.array([0.3, -0.02, 0.01])
    for clipped in (lambda x: np.clip(x, -1.0, 2.0), lambda x: np.array([clip(t, -1.0, 2.0) for t in x])):
        f = functools.partial(clipped_in_a_loop, clipped=clipped)
        np.testing.assert_allclose(jit(f)(v), f(v))
        np.testing.assert_allclose(jit(grad(f))(v), grad(f)(v))


def asserts(x):
    assert x > 0
    return x


def test_statements():
    with pytest.raises(TraceError, match="check the arguments before the call") as raised:
        jit(asserts)(2.0)
    assert f"{__file__}:{inspect.getsourcelines(asserts)[1] + 1} (" in str(raised.value)


def test_a_branch_without_source():
    message = (
        r"<string>:1 branches on .* in <lambda>\(\), which cannot be rewritten because its source is not known; write"
    )
    with pytest.raises(TraceError, match=message):
        jit(eval("lambda x: x if x > 0 else -x"))(1.0)


def test_missing_attributes_are_missing():
    with pytest.raises(AttributeError, match="no attribute 'item'"):
        jit(lambda x: x.item())(1.0)
    with pytest.raises(AttributeError, match="data"):
        jit(lambda x: setattr(x, "data", 3.0))(1.0)


def test_what_looks_like_a_branch_and_is_none():
    assert jit(lambda x: x if isinstance(x, object) else None)(2.0) == 2.0
    assert jit(lambda x: {x: x * 2}[x])(2.0) == 4.0
    assert jit(lambda x: x * (x == 2.0) + 10 * (x != 2.0))(2.0) == 2.0
    assert jit(lambda x: (f"{x}", x)[1])(2.0) == 2.0
    with pytest.raises(TypeError):
        jit(lambda x: x < "a")(1.0)
    with pytest.raises(TypeError):
        jit(lambda x: x + "a")(1.0)
    with pytest.raises(TypeError):
        jit(lambda x: "a" - x)(1.0)
    with pytest.raises(TypeError, match=r"exp2\(\)|hypot\(\): expected a real number"):
        jit(lambda x: hypot(x, "a"))(1.0)


def test_arrays_have_no_truth_value():
    with pytest.raises(ValueError, match="ambiguous"):
        jit(lambda x: 1.0 if x else 2.0)(np.ones(3))
    assert jit(lambda x: 1.0 if x else 2.0)(np.ones(1)) == 1.0
    with pytest.raises(AttributeError, match="nothing"):
        jit(lambda x: x.nothing)(np.ones(3))
    assert jit(lambda x: len(repr(x)) * x.sum())(np.ones(1)) == len("<array argument of shape (1,)>")


def test_operators_are_those_of_floats():
    def f(x, y):
        rest = [round(x), round(x, 2), round(x, -1), math.floor(x), math.ceil(y), divmod(x, y), divmod(7.0, y), +x, -x]
        return [x + y, 1 + x, x - y, 1 - x, x * y, x / y, 1 / x, x // y, x % y, x**2, 2**x, 7 % y, 7 // y, abs(y), rest]

    found = jit(f, exact=True)(13.456, -2.5)
    expected = f(13.456, -2.5)
    assert found[:-1] == expected[:-1]
    assert found[-1] == [float(x) if not isinstance(x, tuple) else x for x in expected[-1]]


def test_conditions():
    def f(x, y):
        both, either, one = (x > 0) & (y > 0), (x > 0) | (y > 0), (x > 0) ^ (y > 0)
        counts = (x > 0) + (y >= 0) * 2.0 + (x == y) - (x != y) + (x <= y) * (x < y)
        return [where(c, x, y) for c in (both, either, one, both & True, False | either, x)] + [counts]

    for x in (-1.0, 0.0, 2.0):
        for y in (-3.0, 0.0, 2.0):
            assert jit(f, exact=True)(x, y) == f(x, y)
            np.testing.assert_array_equal(np.array(jit(vmap(f))([x, 0.0], [y, 0.0]))[:, 0], f(x, y))
    assert jit(lambda x: where(~(x > 0), 1.0, 2.0))(3.0) == 2.0
    assert jit(lambda x: where(~~(x > 0), 1.0, 2.0))(3.0) == 1.0
    with pytest.raises(TypeError):
        jit(lambda x: (x > 0) & "a")(1.0)


@pytest.mark.parametrize("name", [name for name in dir(Value) if isinstance(getattr(Value, name), type(exp))])
def test_methods_are_those_of_values(name):
    arity = getattr(Value, name).arity
    arguments = [0.5, 0.75, 2.0, 3.0][: arity or 2]
    f = jit(lambda *xs: getattr(xs[0], name)(*xs[1:]), exact=True)
    np.testing.assert_array_equal(f(*arguments), getattr(Value(arguments[0]), name)(*arguments[1:]).data)


# --- Values that are not arguments ---------------------------------------------------------------------------------

weight = Value(3.0, "weight")
OUTSIDE = {
    "x * v": lambda x: x * weight,
    "v * x": lambda x: weight * x,
    "v - x": lambda x: weight - x,
    "v / x": lambda x: weight / x,
    "v ** x": lambda x: weight**x,
    "v % x": lambda x: weight % x,
    "v // x": lambda x: weight // x,
    "divmod": lambda x: divmod(weight, x),
    "v > x": lambda x: (weight > x) * x,
    "x > v": lambda x: (x > weight) * x,
    "v == x": lambda x: (weight == x) * x,
    "computed": lambda x: (weight * 2).detach() * x,
    "maximum(v, x)": lambda x: maximum(weight, x),
    "maximum(x, v)": lambda x: maximum(x, weight),
    "method": lambda x: weight.hypot(x),
    "clip": lambda x: clip(weight, x, 1.0),
    "sum": lambda x: total([weight, x]),
    "sum, last": lambda x: total([x, weight]),
    "dot": lambda x: dot([weight], [x]),
    "dot, last": lambda x: dot([x], [weight]),
    "prod": lambda x: prod([weight, x]),
    "where": lambda x: where(x > 0, weight, x),
    "np.maximum": lambda x: np.maximum(weight, x),
    "np.add": lambda x: np.add(weight, x),
    "array on the left": lambda x: np.array([weight, 1.0]) * x,
    "array on the right": lambda x: x * np.array([weight, 1.0]),
    "matmul": lambda x: np.array([weight, weight]) @ np.array([x, x]),
    "in a derivative": lambda x: grad(lambda y: y * weight * x)(x),
    "result": lambda x: [x, weight],
    "in vmap": lambda x: vmap(lambda y: y * weight)(np.arange(3.0)).sum(),
    "shared by vmap": lambda x: vmap(lambda y, w: y * w, in_axes=(0, None))(np.arange(3.0), weight).sum(),
    "mapped": lambda x: vmap(lambda w: x * w)(np.array([weight, weight])),
}


@pytest.mark.parametrize("f", OUTSIDE.values(), ids=OUTSIDE)
def test_a_value_from_outside_is_named(f):
    with pytest.raises(TraceError, match=r"Value\(data=(3|6).0, .*constant\(value\)"):
        jit(f)(2.0)
    assert weight.grad == 0.0


def test_a_constant_is_asked_for():
    assert jit(lambda x: x * constant(weight))(2.0) == 6.0


@pytest.mark.parametrize("name", [name for name, op in PRIMITIVES.items() if (op.arity or 2) > 1])
def test_every_primitive_refuses_a_value_in_any_place(name):
    op = PRIMITIVES[name]
    for i in range(op.arity or 2):
        with pytest.raises(TraceError, match="label='weight'"):
            jit(lambda x, i=i: op(*[weight if k == i else x for k in range(op.arity or 2)]))(0.5)


# --- numbers of another trace ----------------------------------------------------------------------------------------


def leaked():
    kept = []
    jit(lambda x: kept.extend([x, sin(x), x > 0]) or x)(2.0)
    return kept


@pytest.mark.parametrize("use", [exp, lambda x: x * 2, lambda x: 2 - x, lambda x: x > 1, lambda x: where(x, 1.0, 2.0)])
def test_numbers_are_of_no_use_after_their_trace(use):
    for x in leaked():
        with pytest.raises(TraceError, match="after its tracing"):
            use(x)


@pytest.mark.parametrize("i", range(3))
@pytest.mark.parametrize("use", [lambda x, y: x, lambda x, y: y * x, lambda x, y: exp(x * 3.0) + y])
def test_numbers_are_of_no_use_in_another_trace(use, i):
    x = leaked()[i]
    with pytest.raises(TraceError, match="another compiled function, or of an earlier call"):
        jit(lambda y: use(x, y))(1.0)


def test_gradient_of_traced_numbers():
    def f(x):
        y = x * x * x
        slope = gradient(y, x)
        return slope, gradient(slope, [x])[0]

    assert jit(f)(2.0) == (12.0, 12.0)
    with pytest.raises(TypeError, match="needs Values as inputs, got float"):
        jit(lambda x: gradient(x * x, [1.0]))(2.0)


# --- copies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_is_of_the_same_numbers(copied):
    numbers = np.array([1.0, 2.0, 3.0])
    square = vmap(lambda x: x * x)
    assert jit(lambda x: copied(x) * 2.0 + copied(x * 3.0))(2.0) == 10.0
    assert jit(lambda p: copied(p)["w"][0] * 2.0)({"w": [2.0]}) == 4.0
    assert jit(lambda x: where(copied(x > 0), 1.0, 2.0))(3.0) == 1.0
    assert jit(lambda x: copied(x).sum())(numbers) == 6.0
    assert jit(lambda x: (copied(np.exp(x)) / np.exp(x)).sum())(numbers) == pytest.approx(3.0)
    assert jit(lambda x: np.maximum(copied(copied(x)), 2.0).sum())(numbers) == 7.0
    assert jit(lambda x: (copied(square(x)) + square(x)).sum())(numbers) == 28.0
    np.testing.assert_array_equal(jit(lambda x: copied(square(x)))(numbers), [1.0, 4.0, 9.0])
    np.testing.assert_array_equal(jit(grad(lambda x: copied(x).sum()))(numbers), np.ones(3))


def test_a_copied_argument_can_be_changed():
    def f(x):
        changed = copy.copy(x)
        changed[0] = 10.0
        return changed.sum() + x[0]

    assert jit(f)(np.array([1.0, 2.0])) == 13.0


def test_a_copy_of_a_long_computation():
    def f(x):
        for _ in range(20_000):
            x = x + 1.0
        return copy.deepcopy(x)

    assert jit(f)(1.0) == 20_001.0


# --- arrays of another trace -----------------------------------------------------------------------------------------

NUMBERS = np.array([1.0, 2.0, 3.0])


def leaked_array(f=lambda x: x):
    kept = []
    jit(lambda x: kept.append(f(x)) or 1.0)(NUMBERS)
    return kept[0]


USES_OF_AN_ARRAY = {
    "x[0]": lambda x, y: y * x[0],
    "+": lambda x, y: y + x,
    "sum": lambda x, y: y + x.sum(),
    "np.sum": lambda x, y: y + np.sum(x),
    "mean": lambda x, y: mean(x) * y,
    "vmap": lambda x, y: vmap(lambda number: number * y)(x).sum(),
    "ufunc": lambda x, y: np.exp(x).sum() + y,
    "copy": lambda x, y: copy.copy(x).sum() + y,
    "comparison": lambda x, y: where((x > 0)[0], y, 1.0),
    "pickle": lambda x, y: pickle.loads(pickle.dumps(x)).sum() + y,
    "result": lambda x, y: x,
}


@pytest.mark.parametrize("f", [lambda x: x, lambda x: vmap(lambda number: number * 2)(x)], ids=["argument", "vmap"])
@pytest.mark.parametrize("use", USES_OF_AN_ARRAY.values(), ids=USES_OF_AN_ARRAY)
def test_arrays_are_of_no_use_in_another_trace(use, f):
    x = leaked_array(f)
    for argument in (2.0, NUMBERS):
        with pytest.raises(TypeError, match=r"another compiled function, or of an earlier call|picked one by one"):
            jit(lambda y: use(x, y))(argument)


@pytest.mark.parametrize("f", [lambda x: x, lambda x: vmap(lambda number: number * 2)(x)], ids=["argument", "vmap"])
def test_arrays_are_of_no_use_after_their_trace(f):
    x = leaked_array(f)
    for use in (lambda x: x + 1.0, lambda x: x.sum(), np.exp, mean, lambda x: vmap(exp)(x)):
        with pytest.raises(TraceError, match="after its tracing"):
            use(x)
    assert "array" in repr(x) or "vmap" in repr(x)


CLOSE_OVER_IT = "must not be an argument of the compiled function: close over it"
COUNTS = {
    "range": (lambda n: sum(1.0 for _ in range(n)), r"works as `for i in range\(n\)`"),
    "a list": (lambda n: len([1.0] * n), CLOSE_OVER_IT),
}


@pytest.mark.parametrize(("f", "message"), COUNTS.values(), ids=COUNTS)
def test_a_count_is_no_argument(f, message):
    with pytest.raises(TraceError, match=message):
        jit(f)(3.0)


@pytest.mark.parametrize("pick", [lambda x: x[x > 1], lambda x: (x * 1.0)[x > 1]])
def test_numbers_that_conditions_pick_are_reduced(pick):
    assert jit(lambda x: pick(x).sum())(NUMBERS) == NUMBERS[NUMBERS > 1].sum()
    assert jit(lambda x: pick(x).max())(NUMBERS) == NUMBERS[NUMBERS > 1].max()


@pytest.mark.parametrize(
    "pick", [lambda x: x[x > 1].std(), lambda x: x[..., x > 1].sum(), lambda x: x[x > 1][0], lambda x: x[x > 1]]
)
def test_numbers_are_not_picked_by_conditions(pick):
    with pytest.raises(TypeError, match=r"write where\(condition, x, 0.0\)"):
        jit(pick)(NUMBERS)


@pytest.mark.parametrize(
    "product", [lambda a, b: a @ b, np.matmul, np.dot, np.inner], ids=["@", "matmul", "dot", "inner"]
)
@pytest.mark.parametrize("length", range(1, 12))
def test_a_long_function_is_left_outside_of_the_products_of_numpy(monkeypatch, product, length):
    """Where a number raises, `@` of NumPy frees some results twice, and `np.dot` goes on with the error set."""
    monkeypatch.setattr(traced, "LONG", 4 + length)

    def f(x):
        a = np.array([[x, 2.0 * x], [3.0 * x, 4.0 * x]])
        return product(a, a).sum() * x

    assert jit(f)(2.0) == f(2.0)
