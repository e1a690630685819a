"""vmap: the same results as a loop and as a kernel; sums over samples, several phases, and what does not fit."""

import collections

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_engine import (
    TraceError,
    Value,
    dot,
    exp,
    grad,
    hessian,
    jacobian,
    jit,
    jvp,
    logsumexp,
    maximum,
    mean,
    relu,
    sin,
    sqrt,
    tanh,
    value_and_grad,
    vjp,
    vmap,
    where,
)
from autograd_engine.primitives import sum as total
from autograd_engine.structure import flatten

X = np.random.default_rng(0).normal(size=(7, 3))
Y = np.arange(7.0) / 3
W = [0.3, -0.2, 0.7]
SIZES = [1, 2, 7, 8, 9, 16, 31, 100]


def assert_agree(f, *args, rtol=1e-12, atol=1e-13):
    """jit(f), in both modes, gives what f gives."""
    expected, structure = flatten(f(*args))
    for compiled in (jit(f), jit(f, exact=True)):
        found, of_found = flatten(compiled(*args))
        assert of_found == structure
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def loss(w, x, y):
    return (tanh(dot(w, x)) - y) ** 2


def mean_loss(w, X, Y):
    return mean(vmap(loss, in_axes=(None, 0, 0))(w, X, Y))


# --- without a compiler -------------------------------------------------------------------------------------------


def test_it_is_a_loop():
    np.testing.assert_array_equal(vmap(lambda x: x * x)(np.arange(3.0)), [0.0, 1.0, 4.0])
    assert vmap(lambda x: x * x)([1.0, 2.0]).tolist() == [1.0, 4.0]
    result = vmap(lambda p: {"sum": p["x"].sum() + p["y"], "pair": (p["y"], p["x"])})({"x": X, "y": Y})
    np.testing.assert_allclose(result["sum"], X.sum(axis=1) + Y)
    np.testing.assert_array_equal(result["pair"][1], X)
    assert vmap(lambda x: x)(np.arange(3)).dtype == float


def test_axes():
    for axis in (0, 1, -1, -2):
        found = vmap(lambda x: x.sum(), in_axes=axis)(X)
        np.testing.assert_allclose(found, X.sum(axis=1 - axis % 2))
    np.testing.assert_allclose(vmap(lambda w, x: w * x, in_axes=[None, 0])(2.0, Y), 2 * Y)


@pytest.mark.parametrize("wrap", [lambda f: f, jit])
@pytest.mark.parametrize(
    ("in_axes", "args", "message"),
    [
        ((0,), (X, Y), "in_axes has 1 entries, but the function was called with 2 arguments"),
        (None, (X, Y), "no argument is mapped"),
        ((None, None), (X, Y), "no argument is mapped"),
        ((0, 0), (X, Y[:3]), "argument 0 has 7 samples, but argument 1 has 3"),
        ((1, 0), (X, Y), "argument 0 has 3 samples, but argument 1 has 7"),
        ((2, 0), (X, Y), r"argument 0 should be mapped over axis 2, but has an array of shape \(7, 3\)"),
        ((0, 0), (X, 2.0), r"argument 1 should be mapped over axis 0, but has an array of shape \(\)"),
        ((0, 0), (np.empty((0, 3)), np.empty(0)), "at least one sample"),
    ],
)
def test_what_does_not_fit(wrap, in_axes, args, message):
    with pytest.raises(ValueError, match=message):
        wrap(vmap(lambda x, y: y, in_axes=in_axes))(*args)


def test_every_sample_returns_the_same_structure():
    lengths = iter([1, 2])
    with pytest.raises(ValueError, match="same structure and shapes for every sample"):
        vmap(lambda x: [x] * next(lengths))(np.arange(2.0))


# --- as a kernel ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda X, Y: vmap(lambda x, y: {"o": x.sum() * y, "p": (x, 1.0, [y, 2 * x])})(X, Y),
        lambda X, Y: vmap(lambda x: x.sum(), in_axes=1)(X),
        lambda X, Y: (vmap(lambda x: x.sum())(X), vmap(lambda x: x.sum(), in_axes=-1)(X)),
        lambda X, Y: vmap(lambda x: x.sum() * X[0, 0])(X),
        lambda X, Y: vmap(lambda x: x @ x + np.exp(x).sum() + x[-1])(X),
        lambda X, Y: vmap(lambda x, y: y * where(x[0] > 0, x[1], sin(x[2])))(X, Y),
        lambda X, Y: vmap(lambda x, y: loss([1.0, x[0], 2.0], x, y))(X, Y),
        lambda X, Y: vmap(lambda x: vmap(lambda y: x[0] * y)(Y))(X),
        lambda X, Y: vmap(vmap(lambda x: x * x))(X),
        lambda X, Y: vmap(lambda x: mean(vmap(lambda y: x[0] * y)(Y)))(X),
        lambda X, Y: vmap(lambda x, t: x[0] * t)(X, [float(i) for i in range(7)]),
        lambda X, Y: vmap(lambda x, t: x[0] * t)(X, np.arange(7)),
        lambda X, Y: vmap(lambda x: 1.0)(Y),
        lambda X, Y: vmap(lambda x: X[0, 1])(Y),
        lambda X, Y: jacobian(vmap(sin))(Y),
        lambda X, Y: vmap(hessian(lambda x: x[0] ** 2 * exp(x[1])))(X),
        lambda X, Y: vmap(lambda x: jvp(lambda x: x[0] * x[1], (x,), (x,)))(X),
    ],
)
def test_jit_of_vmap_is_vmap(f):
    assert_agree(f, X, Y)


def test_arguments_that_are_trees():
    Data = collections.namedtuple("Data", "x y")
    assert_agree(vmap(lambda d: d["data"].x.sum() * d["data"].y), {"data": Data(X, Y)})
    assert_agree(lambda w, d: vmap(lambda w, d: Data(d.y, w["a"]), in_axes=(None, 0))(w, d), {"a": 2.0}, Data(X, Y))


REDUCTIONS = {
    "mean": mean,
    "sum": total,
    ".mean()": lambda v: v.mean(),
    ".sum()": lambda v: v.sum(),
    "np.mean": np.mean,
    "np.sum": np.sum,
    ".mean(axis=0)": lambda v: v.mean(axis=0),
    "np.sum(axis=0)": lambda v: np.sum(v, axis=0),
    ".sum(axis=-1)": lambda v: v.sum(axis=-1),
}


@pytest.mark.parametrize("reduce", REDUCTIONS.values(), ids=REDUCTIONS)
def test_reductions(reduce):
    def f(w, X, Y):
        return reduce(vmap(loss, in_axes=(None, 0, 0))(w, X, Y))

    assert_agree(f, W, X, Y)
    assert_agree(value_and_grad(f, (0, 1)), W, X, Y)


def test_reductions_of_arrays():
    def outputs(X):
        return vmap(lambda x: np.array([[x[0], 2 * x[1]], [x[2], 1.0], [x[0] * x[1], x[2]]]))(X)

    for axis in (None, 0, 1, 2, -1):
        assert_agree(lambda X, axis=axis: outputs(X).sum(axis=axis), X)
        assert_agree(lambda X, axis=axis: outputs(X).mean(axis=axis), X)
    assert_agree(lambda X: outputs(X)[:, 1].sum(axis=0) + outputs(X)[..., 1].mean(axis=0)[:2], X)


@pytest.mark.parametrize("samples", SIZES)
def test_summed_gradients_of_shared_parameters(samples):
    draw = np.random.default_rng(samples)
    X, Y = draw.normal(size=(samples, 3)), draw.normal(size=samples)
    assert_agree(value_and_grad(mean_loss), W, X, Y)
    assert_agree(value_and_grad(mean_loss), np.array(W), np.asfortranarray(X), Y[::-1])


def test_hessian_and_tangents_of_a_mean():
    assert_agree(hessian(mean_loss), W, X, Y)
    assert_agree(lambda w, X, Y: jvp(lambda w: mean_loss(w, X, Y), (w,), ([1.0, 2.0, -1.0],)), W, X, Y)
    assert_agree(grad(lambda w, X, Y: total(g * g for g in grad(mean_loss)(w, X, Y))), W, X, Y)


def test_gradients_of_each_sample():
    assert_agree(vmap(grad(loss), in_axes=(None, 0, 0)), W, X, Y)
    assert_agree(lambda w, X, Y: vmap(lambda x, y: grad(lambda w: loss(w, x, y))(w))(X, Y), W, X, Y)
    assert_agree(vmap(value_and_grad(loss, (0, 1, 2)), in_axes=(None, 0, 0)), W, X, Y)


def normalised(w, X):
    """Batch normalisation: statistics over the batch are used for each sample again."""
    h = vmap(dot, in_axes=(None, 0))(w, X)
    centre = h.mean()
    spread = vmap(lambda a: (a - centre) ** 2)(h).mean()
    return mean(vmap(lambda a: tanh((a - centre) / sqrt(spread + 1e-5)))(h))


def normalised_as_arrays(w, X):
    h = vmap(dot, in_axes=(None, 0))(w, X)
    h = h - h.mean()
    return (np.tanh(h / np.sqrt((h * h).mean() + 1e-5)) ** 3).mean()


@pytest.mark.parametrize("f", [normalised, normalised_as_arrays])
def test_several_phases(f):
    assert_agree(f, W, X)
    assert_agree(value_and_grad(f, (0, 1)), W, X)
    assert_agree(lambda w, X: vmap(lambda x: x - f(w, X))(X), W, X)


def test_two_batches():
    def f(w, X, Y):
        return mean(vmap(lambda x: dot(w, x) ** 2)(X)) * mean(vmap(lambda y: y * w[0])(Y))

    assert_agree(value_and_grad(f), W, X, np.arange(4.0))
    compiled = jit(f)
    for lengths in [(7, 7), (7, 4), (5, 5), (2, 3)]:
        args = W, np.ones((lengths[0], 3)), np.arange(1.0, 1.0 + lengths[1])
        assert compiled(*args) == pytest.approx(f(*args))


def test_numpy_of_the_samples():
    assert_agree(lambda X: np.exp(vmap(lambda x: x.sum())(X)) * 2 + 1, X)
    assert_agree(lambda X: vmap(lambda x: x)(X) * X + X[0], X)
    assert_agree(lambda X: np.where(vmap(lambda x: x)(X) > 0.5, X, -1.0), X)
    assert_agree(lambda X: np.where(X >= 0.5, X, -1.0) + np.maximum(X, 0.1) + (X < 0) * 2, X)
    assert_agree(lambda X: vmap(lambda x: x)(X) @ np.eye(3)[:, :2], X)
    assert_agree(lambda X: vmap(lambda x: x)(X) @ X[0], X)
    assert_agree(lambda X: np.frompyfunc(maximum, 2, 1)(vmap(lambda x: 2 * x)(X), 0.3), X)
    assert_agree(lambda X: np.where(X, vmap(lambda x: 2 * x)(X), 1.0) + X * vmap(lambda x: x)(X), X)
    assert_agree(lambda X: [np.concatenate([X, X[:2]]), np.stack((X, X)), np.dot(X, X[0])], X)
    assert_agree(lambda X: np.stack(collections.namedtuple("Pair", "a b")(X, X)), X)
    assert_agree(lambda X: np.ones((1, 3)) - vmap(lambda x: x)(X) ** 2, X)


@settings(max_examples=20)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_one_kernel_takes_any_number_of_samples(sizes):
    traces = []

    def f(x):
        return mean(vmap(lambda x: traces.append(1) or x * x)(x))

    compiled = jit(f)
    for size in sizes:
        x = np.linspace(-1.0, 2.0, size)
        assert compiled(x) == pytest.approx(np.mean(x * x))
    assert len(traces) == 1


@pytest.mark.parametrize(
    "f",
    [
        lambda x: vmap(lambda x: 2 * x)(x).sum() / len(x),
        lambda x: vmap(lambda x: 2 * x)(x).sum() / x.shape[0],
        lambda x: total(2 * number for number in x) / x.size,
        lambda x: (lambda h: h.sum() / len(h))(vmap(lambda x: 2 * x)(x)),
    ],
)
def test_what_asks_for_the_length_is_traced_anew(f):
    compiled = jit(f)
    for size in (3, 4, 3, 9):
        x = np.arange(float(size))
        assert compiled(x) == pytest.approx(2 * x.mean())


def test_no_samples_are_refused_in_later_calls_too():
    compiled = jit(vmap(lambda x: x * 2))
    compiled(np.arange(3.0))
    with pytest.raises(ValueError, match="at least one sample"):
        compiled(np.empty(0))


def test_an_array_of_the_outside_fixes_the_number_of_samples():
    numbers = np.arange(3.0)
    compiled = jit(lambda x: vmap(lambda x, y, z: x * y + z)(x, numbers, numbers))
    np.testing.assert_array_equal(compiled(np.ones(3)), 2 * numbers)
    numbers[:] = 9.0
    np.testing.assert_array_equal(compiled(np.ones(3)), [0.0, 2.0, 4.0])  # as it was when the function was traced
    with pytest.raises(ValueError, match="argument 0 has 4 samples, but argument 1 has 3"):
        compiled(np.ones(4))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda X: list(vmap(relu)(X)), r"test_vmap.py:\d+ .*iterated over"),
        (lambda X: vmap(relu)(X)[0], r"test_vmap.py:\d+ .*picked one by one"),
        (lambda X: vmap(relu)(X).prod(), r"no \.prod while tracing"),
        (lambda X: vmap(relu)(X).max(initial=1.0), r"max\(\) of the result of vmap takes axis and keepdims only"),
        (lambda X: logsumexp(vmap(lambda x: np.array([x, x]))(X)), "takes one number of each sample"),
        (lambda X: np.std(vmap(relu)(X)), "numpy.std does not take"),
        (lambda X: np.add.reduce(vmap(relu)(X)), "no add.reduce"),
        (lambda X: np.sqrt(X, where=vmap(relu)(X) > 0, out=np.zeros_like(X)), "one by one"),
        (lambda X: np.sqrt(vmap(relu)(X), where=X > 0), "computed with where="),
        (lambda X: 1.0 if vmap(relu)(X) else 2.0, "no truth value"),
        (lambda X: vmap(lambda x: np.array([x, x]))(X) @ vmap(relu)(X), "left factor only"),
        (lambda X: X @ vmap(relu)(X), "left factor only"),
        (lambda X: vmap(relu)(X) + np.arange(9.0), r"shape \(9,\) does not fit"),
        (lambda X: vmap(relu)(X) + vmap(lambda x: [x, x])(X)[0] + vmap(lambda x: np.array([x, x]))(X), "fit together"),
        (lambda X: total(vmap(lambda x: np.array([x, x]))(X)), "take one number of each sample"),
        (lambda X: vmap(lambda x: np.array([x, x]))(vmap(relu)(X)) and 1.0, "no truth value"),
        (lambda X: vmap(lambda x: x, in_axes=1)(vmap(lambda x: np.array([x, x]))(X)), "over axis 0 only"),
        (lambda X: vmap(lambda x, h: x, in_axes=(0, None))(X, vmap(relu)(X)), "only where in_axes maps it"),
        (lambda X: vmap(lambda x, h: x, in_axes=(0, None))(X, [vmap(relu)(X)]), "only where in_axes maps it"),
        (lambda X: exp(vmap(relu)(X)), "result of vmap"),
    ],
)
def test_what_a_kernel_cannot_do_with_samples(f, message):
    with pytest.raises(TypeError, match=message):
        jit(f)(np.arange(3.0))


def keep_a_sample(X, use):
    kept = []
    vmap(lambda x: kept.append(x) or x)(X)
    return use(kept[0])


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda x: x, "a number of a single sample"),
        (lambda x: x * 2.0, "a number of a single sample"),
        (lambda x: x + keep_a_sample(np.arange(5.0), lambda y: y), "samples of two batches, of "),
        (lambda x: vmap(lambda y: x * y)(np.arange(5.0)), "samples of two batches, of "),
    ],
)
def test_samples_stay_inside_of_their_vmap(use, message):
    with pytest.raises(TraceError, match=message):
        jit(lambda X: keep_a_sample(X, use))(np.arange(3.0))


@pytest.mark.parametrize(("order", "axis"), [("C", 2), ("C", 1), ("F", 0), ("F", 2)])
def test_an_array_filled_anew_is_read_anew(order, axis):
    A = np.ones((2, 3, 4), order=order)
    f = jit(vmap(lambda x: x.sum(), in_axes=axis))
    for factor in (1.0, 5.0):
        A[...] = factor
        assert f(A).tolist() == [factor * (24 // A.shape[axis])] * A.shape[axis]


def test_an_array_mapped_along_two_axes_has_a_kernel_for_each_shape():
    f = jit(lambda A: [mean(vmap(lambda x: x.sum(), in_axes=axis)(A)) for axis in (0, 1)])
    for shape in ((3, 4), (5, 4), (5, 2), (3, 3), (4, 4)):
        assert f(np.ones(shape)) == [shape[1], shape[0]]


@pytest.mark.parametrize("key", [np.s_[:, :, None], np.s_[:, None, :], np.s_[None, :, :], np.s_[:, :, None, None]])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_axes_of_length_one_may_have_any_stride(key, axis):
    A = np.arange(6.0).reshape(2, 3)[key]
    expected = np.moveaxis(A, axis, 0).reshape(A.shape[axis], -1)
    assert jit(vmap(lambda x: x.ravel() * 2, in_axes=axis))(A).tolist() == (expected * 2).tolist()


def test_an_outside_array_refilled_while_tracing_is_taken_as_it_is_then():
    def f(X):
        buffer, results = np.zeros(3), []
        for k in (0.0, 1.0, 1.0, -0.0):
            buffer[:] = k
            results.append(vmap(lambda x, b: x + b)(X, buffer))
        return results

    X = np.array([-0.0, 2.0, 3.0])
    for found, k in zip(jit(f)(X), (0.0, 1.0, 1.0, -0.0)):
        assert found.tobytes() == (X + k).tobytes()


# --- the result of one vmap in another -------------------------------------------------------------------------------


def of_all(use):
    """A function of an array in which each sample, and its square, meet the squares of all samples."""

    def f(x):
        squares = vmap(lambda number: number * number)(x)
        return vmap(lambda number: use(squares, number))(x)

    return f


@pytest.mark.parametrize(
    "use",
    [
        lambda squares, x: total(squares * x),
        lambda squares, x: mean(np.exp(-((squares - x) ** 2))),
        lambda squares, x: grad(lambda x: total((squares - x) ** 2))(x),
        lambda squares, x: np.where(squares > 1.0, x, 0.0).sum(),
        lambda squares, x: (squares * [x]).sum(),
    ],
)
def test_a_sample_does_not_meet_all_results(use):
    with pytest.raises(TraceError, match="meets a number of a single sample"):
        jit(of_all(use))(np.array([1.0, 2.0, 3.0]))


def test_a_product_of_all_results_with_a_sample():
    def f(x):
        pairs = vmap(lambda x: np.array([x, x]))(x)
        return vmap(lambda x: (pairs @ np.array([x, x])).sum())(x)

    with pytest.raises(TraceError, match="meets a number of a single sample"):
        jit(f)(np.array([1.0, 2.0, 3.0]))


def test_all_results_are_not_those_of_a_sample():
    with pytest.raises(TraceError, match="returned the result of another vmap"):
        jit(of_all(lambda squares, x: squares * 2.0))(np.array([1.0, 2.0, 3.0]))


@pytest.mark.parametrize(
    "use",
    [
        lambda squares, x: total(squares) * x,
        lambda squares, x: (2.0 * squares + np.arange(1.0)).sum() * x - mean(squares),
        lambda squares, x: np.exp(-squares).mean() + x,
    ],
)
def test_what_is_reduced_meets_each_sample(use):
    assert_agree(of_all(use), np.array([1.0, 2.0, 3.0]))
    assert_agree(grad(lambda x: of_all(use)(x).sum()), np.array([1.0, 2.0, 3.0]))


# --- the result of vmap with other operands ---------------------------------------------------------------------------

LEFT = {
    "s * B": lambda s, B, X: s * B,
    "s - B": lambda s, B, X: s - B,
    "s + B": lambda s, B, X: s + B,
    "s / B": lambda s, B, X: s / B,
    "s ** B": lambda s, B, X: s**B,
    "s % B": lambda s, B, X: s % B,
    "s > B": lambda s, B, X: np.where(s > B, s, B),
    "mean(B) - B": lambda s, B, X: mean(B) - B,
    "B.sum() * B": lambda s, B, X: B.sum() * B,
    "X[0] * B": lambda s, B, X: X[0] * B,
    "np.maximum": lambda s, B, X: np.maximum(s, B),
    "np.hypot": lambda s, B, X: np.hypot(s * 2, B),
    "exp(s) * X": lambda s, B, X: exp(s) * X + np.maximum(s, X),
    "divmod": lambda s, B, X: divmod(B, s),
    "array": lambda s, B, X: np.array([s]) - B,
    "array of numbers": lambda s, B, X: np.exp(X)[:1] * B,
}


@pytest.mark.parametrize("use", LEFT.values(), ids=LEFT)
def test_numbers_to_the_left_of_samples(use):
    assert_agree(lambda s, X: use(s, vmap(lambda x: x * x)(X), X), 2.0, np.array([1.0, 2.0, 3.0]))


def test_a_value_to_the_left_of_samples_is_named():
    with pytest.raises(TraceError, match="which is not an argument of the compiled function"):
        jit(lambda X: Value(2.0) * vmap(relu)(X))(np.arange(3.0))


@pytest.mark.parametrize("convert", [np.asarray, np.array, lambda B: np.array([B, B]), lambda B: np.asarray(B, float)])
def test_samples_are_no_array_of_numbers(convert):
    with pytest.raises(TraceError, match="iterated over"):
        jit(lambda X: convert(vmap(relu)(X)))(np.arange(3.0))


BROADCAST = [((3,), (1,)), ((3,), (1, 1)), ((3,), (1, 3)), ((3,), (1, 2)), ((3,), (2, 3)), ((3,), (3, 1)), ((3,), ())]
BROADCAST += [((1,), (1, 3)), ((3, 2), (2,)), ((3, 2), (1,)), ((3, 2), (1, 2)), ((3, 2), (3, 1)), ((3, 2), (1, 1))]
BROADCAST += [((3, 2), (1, 3, 2)), ((3, 2), (3,)), ((3, 2), (2, 3, 2)), ((3, 1), (1, 3)), ((2,), (3,)), ((1,), (3,))]


@pytest.mark.parametrize(("of_samples", "other"), BROADCAST)
def test_samples_are_broadcast_as_by_numpy_or_not_at_all(of_samples, other):
    x, y = np.arange(1.0, 1.0 + np.prod(of_samples)).reshape(of_samples), 10.0 * np.ones(other)
    square = vmap(lambda x: x * x)
    for f in (lambda x, y: square(x) - y, lambda x, y: y - square(x), lambda x, y: np.where(square(x) > 4.0, y, 0.0)):
        expected, found = outcome(f, x, y), outcome(jit(f), x, y)
        if isinstance(found, str):
            assert "broadcast" in found or "does not fit" in found
            assert isinstance(expected, str) or x.ndim != y.ndim or len(x) == 1
        else:
            assert found.shape == expected.shape
            np.testing.assert_array_equal(found, expected)


def outcome(f, *args):
    """What a function returns, or the words of its error."""
    try:
        return f(*args)
    except (TraceError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("axis", [None, 0, 1, 2, -1, -3, 3, -4, (0, 1), (1, 2), (0, 2), (0, 1, 2), (0, 0), (0, 3), ()])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("method", ["sum", "mean"])
def test_axes_of_reductions(method, keepdims, axis):
    def f(X):
        samples = vmap(lambda x: np.array([[x[0], 2 * x[1]], [x[2], 1.0], [x[0] * x[1], x[2]]]))(X)
        return getattr(samples, method)(axis=axis, keepdims=keepdims)

    expected = outcome(f, X)
    if isinstance(expected, str):
        assert outcome(jit(f), X) == expected
    else:
        assert_agree(f, X)


def test_axes_of_numbers():
    for reduce in (np.sum, np.mean):
        assert_agree(lambda y, reduce=reduce: reduce(vmap(lambda y: y * 2)(y), keepdims=True), Y)
        with pytest.raises(ValueError, match="out of bounds"):
            jit(lambda y, reduce=reduce: reduce(vmap(lambda y: y * 2)(y), axis=1))(Y)
        with pytest.raises(TraceError, match=r"takes axis and keepdims only, not dtype"):
            jit(lambda y, reduce=reduce: reduce(vmap(lambda y: y * 2)(y), dtype=float))(Y)


# --- conditions of arrays -------------------------------------------------------------------------------------------

SPECIAL = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 2.0])
CONDITIONS = {
    "isnan": np.isnan,
    "isinf": np.isinf,
    "isfinite": np.isfinite,
    "signbit": np.signbit,
    "nan_to_num": np.nan_to_num,
    "nan_to_num of other numbers": lambda x: np.nan_to_num(x * 2.0, nan=1.0, posinf=2.0, neginf=3.0),
    "where": lambda x: np.where(x > 0.0, x * 2.0, 0.0),
    "where isnan": lambda x: np.where(np.isnan(x), 7.0, x),
    "where of a part": lambda x: np.where(x[1:] > 1.0, x[1:] * 2.0, x[:-1]),
    "where of known conditions": lambda x: np.where(np.arange(6) > 2, x, -x),
    "where of numbers": lambda x: np.where(x, 1.0, x),
    "maximum of a part": lambda x: np.maximum(x[2:], 0.5),
    "not": lambda x: np.where(~(x[:4] > 1.0), 1.0, x[0]),
}


@pytest.mark.parametrize("f", CONDITIONS.values(), ids=CONDITIONS)
def test_conditions_of_arrays(f):
    expected = np.asarray(f(SPECIAL), dtype=float)
    for exact in (False, True):
        np.testing.assert_array_equal(jit(f, exact=exact)(SPECIAL), expected)
    rows = np.stack([SPECIAL, 1.0 + SPECIAL])
    np.testing.assert_array_equal(jit(vmap(f))(rows), vmap(f)(rows))


@pytest.mark.parametrize("wrap", [lambda f: f, jit])
def test_derivatives_through_conditions_of_arrays(wrap):
    x = np.array([-1.0, 2.0, np.nan])
    f = wrap(grad(lambda x: (np.where(x > 0.0, x * x, 3.0 * x)[:2] + np.nan_to_num(x)[1:] * 5.0).sum()))
    np.testing.assert_array_equal(f(x), [3.0, 9.0, 0.0])


def test_comparisons_of_values_are_booleans():
    found = []

    def f(x):
        room = np.empty(2, dtype=bool)
        found.extend([x > 1.0, x[0] > np.float64(1.0), np.greater(x, 1.0, out=room), np.isnan(x), np.isnan(x[0])])
        with pytest.raises(TypeError, match="leave out copy=False"):
            np.nan_to_num(x, copy=False)
        return x[x > 1.0].sum()

    np.testing.assert_array_equal(grad(f)(np.array([1.0, 2.0])), [0.0, 1.0])
    assert [x.tolist() for x in map(np.asarray, found)] == [[False, True], False, [False, True], [False] * 2, False]
    assert all(np.asarray(x).dtype == bool for x in found)


# --- arguments and errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda f: f, jit])
def test_keywords_are_shared_by_all_samples(wrap):
    f = wrap(
        lambda x, y, k: vmap(lambda x, y=1.0, *, weights, power: (x + y) * weights[1] ** power)(x, weights=k, power=y)
    )
    np.testing.assert_array_equal(f(np.arange(3.0), 2.0, [5.0, 3.0]), [9.0, 18.0, 27.0])
    np.testing.assert_array_equal(wrap(vmap(lambda x, k: x * k))(np.arange(3.0), k=2.0), [0.0, 2.0, 4.0])
    with pytest.raises(ValueError, match="no argument is mapped"):
        wrap(vmap(lambda x: x))(x=np.arange(3.0))


@pytest.mark.parametrize("wrap", [lambda f: f, jit])
@pytest.mark.parametrize("in_axes", ["0", 0.0, ("0",), ({"a": 0},), {"a": 0}])
def test_axes_are_whole_numbers(wrap, in_axes):
    with pytest.raises(TypeError, match="in_axes must be an int or None"):
        wrap(vmap(lambda x: x["a"], in_axes=in_axes))({"a": Y})


@pytest.mark.parametrize("wrap", [lambda f: f, jit])
def test_the_key_of_an_argument_is_named(wrap):
    with pytest.raises(ValueError, match=r"argument 0\['a'\] has 7 samples, but argument 0\['b'\]\[1\] has 4"):
        wrap(vmap(lambda d: d["a"]))({"a": Y, "b": (Y, Y[:4])})
    with pytest.raises(ValueError, match=r"argument 0\['b'\] should be mapped over axis 0"):
        wrap(vmap(lambda d: d["a"]))({"a": Y, "b": 2.0})


def test_results_without_numbers():
    assert vmap(lambda y: np.zeros(0))(Y).shape == (7, 0)
    assert vmap(lambda y: np.zeros((2, 0)))(Y).shape == (7, 2, 0)
    for f in (lambda y: np.zeros(0), lambda y: (y, np.zeros((2, 0)))):
        with pytest.raises(TraceError, match="no numbers in it"):
            jit(vmap(f))(Y)


def test_products_of_numbers_of_the_samples():
    assert_agree(lambda y: vmap(lambda y: y * y)(y) @ y, Y)
    assert_agree(grad(lambda y: vmap(lambda y: y * y)(y) @ y), Y)
    with pytest.raises(TraceError, match="cannot be multiplied with a matrix"):
        jit(lambda y: vmap(lambda y: y * y)(y) @ np.eye(7))(Y)
    with pytest.raises(TraceError, match=r"shape \(3,\) does not fit the result of vmap, of shape \(samples\)"):
        jit(lambda y: vmap(lambda y: y * y)(y) @ np.ones(3))(Y)


def test_comparisons_of_mixed_numbers_are_booleans():
    found = []
    numbers = np.array([np.float64(1.0), np.float64(3.0)], dtype=object)
    grad(lambda x: found.append(np.concatenate([x, numbers]) > np.float64(1.5)) or x[0])(np.array([1.0, 2.0]))
    assert found[0].dtype == bool
    assert found[0].tolist() == [False, True, False, True]


def test_one_kernel_serves_batches_of_any_size_under_a_derivative_too():
    def loss(w, X, y):
        return mean(vmap(lambda w, x, y: (dot(w, x) - y) ** 2, in_axes=(None, 0, 0))(w, X, y))

    step = jit(value_and_grad(loss))
    w = np.array([0.5, -1.0])
    step(w, np.ones((8, 2)), np.ones(8))
    program, stats = step.program(), step.stats()
    for n in (3, 24, 100):
        X, y = np.full((n, 2), 0.5), np.zeros(n)
        assert step(w, X, y)[0] == pytest.approx(loss(w, X, y))
        assert step.stats(w, X, y) is stats
    assert step.program() == program


RESULTS_OF_VMAP = {
    "numbers": lambda w, X: vmap(lambda x: w[0] * exp(x[0] * w[1]) - x[2])(X),
    "arrays": lambda w, X: vmap(lambda x: np.array([[w[0] * x[0], tanh(w[1] * x[1])]]))(X),
    "structures": lambda w, X: {"of samples": vmap(lambda x: (x[0] * w[2], sin(w[0])))(X), "shared": w[0] * w[1]},
    "after a sum": lambda w, X: vmap(lambda h: h - vmap(lambda x: x[0] * w[0])(X).mean())(
        vmap(lambda x: w[1] * x[1])(X)
    ),
    "constant": lambda w, X: vmap(lambda x: 2.0)(X),
}


@pytest.mark.parametrize("f", RESULTS_OF_VMAP.values(), ids=RESULTS_OF_VMAP)
def test_derivatives_of_what_vmap_returns(f):
    w, tangent = np.array(W), np.array([1.0, -2.0, 0.5])

    def backwards(w, X):
        outputs, pullback = vjp(lambda w: f(w, X), w)
        return outputs, pullback(outputs)

    assert_agree(jacobian(f), w, X)
    assert_agree(jacobian(jacobian(f)), w, X)
    assert_agree(jacobian(lambda scale, X: f(scale * w, X)), 1.5, X)
    assert_agree(lambda w, X: jvp(lambda w: f(w, X), (w,), (tangent,)), w, X)
    assert_agree(backwards, w, X)
    cotangents = f(w, X)  # arrays that are known, or arguments
    assert_agree(lambda w, X: vjp(lambda w: f(w, X), w)[1](cotangents), w, X)
    assert_agree(lambda w, X, given: vjp(lambda w: f(w, X), w)[1](given), w, X, cotangents)
    assert_agree(lambda w, X: jvp(lambda w: jacobian(f)(w, X), (w,), (tangent,))[1], w, X)


def test_the_jacobian_of_residuals_takes_any_number_of_samples():
    slopes = jit(jacobian(RESULTS_OF_VMAP["numbers"]))
    for samples in SIZES:
        data = np.random.default_rng(samples).normal(size=(samples, 3))
        np.testing.assert_allclose(slopes(np.array(W), data), jacobian(RESULTS_OF_VMAP["numbers"])(np.array(W), data))
        assert slopes.stats(np.array(W), data) is slopes.stats(np.array(W), X)


@pytest.mark.parametrize("wrong", [lambda X: 1.0, lambda X: X[:-1], lambda X: X, lambda X: 2 * X[:, 0]])
def test_a_cotangent_of_what_vmap_returns_is_one_too(wrong):
    def product(w, X):
        return vjp(lambda w: vmap(lambda x: w[0] * x[0])(X), w)[1](wrong(X))

    with pytest.raises(TypeError, match="the cotangent of a vmap result must be a vmap result of the same shape"):
        jit(product)(np.array(W), X)
