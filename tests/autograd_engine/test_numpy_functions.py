"""NumPy's functions on recorded numbers: the results of floats, gradients, the same in compiled code; or a sentence."""

import math

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import TraceError, Value, grad, jit, jvp, linalg, value_and_grad, vmap
from autograd_engine.numpy_sorting import exchanges

X = np.array([0.5, -1.25, 2.1, 0.75, 3.2, -0.4])
KNOTS, HEIGHTS = [-2.0, -1.0, 0.0, 0.6, 1.5, 3.0], [0.3, 2.0, -1.0, 0.5, 0.25, 4.0]
SOME = np.array([True, False, True, True, False, True])


def table(x):
    return x.reshape(2, 3)


def holes(x):
    """The numbers with missing ones in between, a row of which is all there is in its column."""
    return np.where(np.array([[True, True, True, False], [True, False, True, True]]), np.resize(x, (2, 4)), math.nan)


WORKING = {
    "rad2deg": np.rad2deg,
    "deg2rad": np.deg2rad,
    "radians": lambda x: np.radians(x[:2]),
    "degrees": lambda x: np.degrees(table(x)),
    "sinc": np.sinc,
    "i0": np.i0,
    "fmax": lambda x: np.fmax(x, 0.6) + np.fmin(x, [math.nan, 1, 0, 0, 0, 0]),
    "interp": lambda x: np.interp(x, KNOTS, HEIGHTS),
    "interp with ends": lambda x: np.interp(table(1.9 * x), KNOTS, HEIGHTS, left=7.0, right=-1.0),
    "interp by heights": lambda x: np.interp([0.3, -9.0, 9.0, -1.0], KNOTS, x),
    "interp by knots": lambda x: np.interp([0.3, 5.0], np.cumsum(x * x), HEIGHTS),
    "interp of a number": lambda x: np.interp(x[0], KNOTS, HEIGHTS),
    "cov": lambda x: np.cov(table(x)),
    "cov of two": lambda x: np.cov(x, x**2, bias=True),
    "cov of columns": lambda x: np.cov(x.reshape(3, 2), rowvar=False, ddof=2),
    "variance": np.cov,
    "corrcoef": lambda x: np.corrcoef(x, x**2),
    "gradient": np.gradient,
    "gradient with a step": lambda x: np.gradient(x, 0.5, edge_order=2),
    "gradient at points": lambda x: np.gradient(x, np.array([0.0, 1.0, 3.0, 3.5, 6.0, 7.0]), edge_order=2),
    "gradient of two": lambda x: np.gradient(x[:2]),
    "gradient along axes": lambda x: np.stack(np.gradient(table(x), 2.0, [0.0, 1.0, 3.0])),
    "gradient along an axis": lambda x: np.gradient(table(x), axis=-1),
    "polyfit": lambda x: np.polyfit(KNOTS, x, 2),
    "polyfit with weights": lambda x: np.polyfit(KNOTS, x, 1, w=HEIGHTS),
    "polyfit of columns": lambda x: np.polyfit([1.0, 2.0, 4.0], x.reshape(3, 2), 1),
    "nansum": lambda x: np.nansum(holes(x)),
    "nansum along an axis": lambda x: np.nansum(holes(x), axis=0),
    "nanprod": lambda x: np.nanprod(holes(x), axis=1),
    "nancumsum": lambda x: np.nancumsum(holes(x)),
    "nancumprod": lambda x: np.nancumprod(holes(x), axis=1),
    "nanmean": lambda x: np.nanmean(holes(x), axis=0, keepdims=True),
    "nanvar": lambda x: np.nanvar(holes(x), axis=1, ddof=1),
    "nanstd": lambda x: np.nanstd(holes(x)),
    "nanstd where": lambda x: np.nanstd(holes(x), axis=1, where=[True, True, True, False]),
    "nanmax": lambda x: np.nanmax(holes(x)),
    "nanmin": lambda x: np.nanmin(holes(x), axis=0),
    "sum where": lambda x: np.sum(x, where=x > 0),
    "sum where it is known": lambda x: x.sum(where=SOME, initial=2.0),
    "sum where along an axis": lambda x: np.sum(table(x), axis=0, where=np.array([[True], [False]])),
    "prod where": lambda x: np.prod(x, where=SOME),
    "mean where": lambda x: np.mean(table(x), axis=1, where=table(x) < 3),
    "mean where it is known": lambda x: x.mean(where=SOME),
    "max where": lambda x: np.max(x, where=x < 2, initial=-math.inf),
    "max of a table": lambda x: table(x).max() + np.min(table(x)),
    "astype": lambda x: x.astype(float) * 2,
    "written where": lambda x: np.divide(x, x - 0.5, out=np.zeros_like(x), where=x > 0.6),
    "written in place": lambda x: (y := x * x - 1, np.sqrt(y, out=y, where=y > 0))[0],
    "two written where": lambda x: np.divmod(x, 0.65, out=(x * 1.0, x * 2.0), where=x > 0),
    "written where it is known": lambda x: np.add(x, 1.0, out=x * x, where=np.zeros_like(x, dtype=bool) | SOME),
    "select": lambda x: np.select([x > 1, x > 0], [x**2, 3 * x], default=-1.0),
    "where": lambda x: np.where(x[0] > 0, x[0] * x[1], 0.0),
    "logaddexp2": lambda x: np.logaddexp2(x, 1.5),
    "ldexp": lambda x: np.ldexp(x, 3),
    "a kind of numbers": lambda x: np.mean(x, dtype=float) * np.sum(x, dtype=np.float64) * np.var(x, dtype=float),
    "logical": lambda x: np.where(np.logical_and(x > 0, x < 2) | np.logical_not(x > -1), x**2, x),
    "any and all": lambda x: (
        np.where(np.any(table(x) > 3, axis=1), 2.0, 3.0) * x[:2] + np.where(np.all(x < 9), x[0], 0.0)
    ),
    "xor": lambda x: np.where(np.logical_xor(x > 0, x < 1), x, np.where(np.isclose(x, -1.2, atol=0.1), x**2, 1.0)),
    "count_nonzero": lambda x: np.count_nonzero(x > 0) * x + np.sum(np.count_nonzero(table(x) > 0.6, axis=0) * x[:3]),
    "piecewise": lambda x: np.piecewise(x, [x < 0, x > 1, x > 3], [np.square, 7.0, lambda x: x**3]),
    "piecewise otherwise": lambda x: np.piecewise(x, [x < 0], [lambda x, y: x * y, lambda x, y: x**y], 2.0),
    "average": lambda x: np.average(table(x), axis=1, weights=[1.0, 2.0, 0.5]) * np.average(x),
    "average by numbers": lambda x: np.average(x, weights=x * x) + np.average(table(x), axis=0, weights=table(x) ** 2),
    "linspace": lambda x: np.linspace(x[0], x[1], 5),
    "linspace of arrays": lambda x: np.linspace(x[:2], 3.0, 4, endpoint=False, axis=1),
    "logspace": lambda x: np.logspace(x[0], x[1], 4) + np.logspace(0.0, x[2], 4, base=2.0),
    "geomspace": lambda x: np.geomspace(x[0], x[2], 4) + np.geomspace(x[1], 3 * x[1], 4, endpoint=False),
}
SORTING = {
    "percentile": lambda x: np.percentile(x, 30),
    "percentiles": lambda x: np.percentile(table(x), [30, 60], axis=1, keepdims=True),
    "the nearest": lambda x: np.quantile(table(x), 0.3, axis=0, method="nearest"),
    "the lower": lambda x: np.quantile(x, [0.3, 0.9], method="lower"),
    "the higher": lambda x: np.quantile(x, [0.3, 0.9], method="higher"),
    "the midpoint": lambda x: np.quantile(x, [0.3, 0.9], method="midpoint", keepdims=True),
    "median": np.median,
    "medians": lambda x: np.median(table(x), axis=1, keepdims=True),
    "sort": np.sort,
    "sort a table": lambda x: np.sort(table(x), axis=0),
    "sort all of it": lambda x: np.sort(table(x), axis=None),
    "sort in place": lambda x: (y := x * 1.0, y.sort())[0],
    "many": lambda x: np.sort(np.concatenate([x * k + 0.1137 * k * k for k in range(1, 8)])),
    "argsort": lambda x: np.argsort(x) * x + x.argsort()[0],
    "partition": lambda x: np.partition(x, [1, 4])[[1, 4]] + (y := x * 1.0, y.partition(2))[0][2],
    "partition a table": lambda x: np.partition(table(x), -1, axis=0)[-1],
    "argpartition": lambda x: x[np.argpartition(x, 2)[2]] + x.argpartition(-2)[-2],
    "argmax": lambda x: (np.argmax(x) + x.argmin()) * x,
    "argmax of a table": lambda x: np.argmax(table(x), axis=1, keepdims=True) * table(x),
    "searchsorted": lambda x: np.searchsorted(KNOTS, x) * x + np.searchsorted(np.sort(x), 0.3, side="right"),
}
SKIPPING_NAN = {
    "nanpercentile": lambda x: np.nanpercentile(holes(x), 40, axis=1),
    "nanmedian": lambda x: np.nanmedian(holes(x)),
}


def weighed(f):
    """One number of all that `f` returns, each with a weight of its own."""

    def number(x):
        result = f(x)
        return np.sum(result * np.cos(np.arange(np.size(result))).reshape(np.shape(result)))

    return number


def differences(f, x, step=1e-4):
    """The gradient by central differences, to the fourth order."""

    def moved(i, by):
        return f(np.where(np.arange(len(x)) == i, x + by, x))

    near = [moved(i, step) - moved(i, -step) for i in range(len(x))]
    far = [moved(i, 2 * step) - moved(i, -2 * step) for i in range(len(x))]
    return (8 * np.array(near) - np.array(far)) / (12 * step)


@pytest.mark.filterwarnings("ignore:Degrees of freedom")
@pytest.mark.parametrize("name", [*WORKING, *SORTING, *SKIPPING_NAN])
def test_values_are_those_of_floats_and_gradients_those_of_differences(name):
    f = weighed({**WORKING, **SORTING, **SKIPPING_NAN}[name])
    value, slopes = value_and_grad(f)(X)
    assert value == pytest.approx(f(X), rel=1e-13)
    np.testing.assert_allclose(slopes, differences(f, X), rtol=1e-7, atol=1e-8)
    if name in SKIPPING_NAN:
        with pytest.raises(TypeError, match=r"branches on a comparison of numbers|skips no nan"):
            jit(f)(X)
    else:
        for exact in (False, True):
            compiled, compiled_slopes = jit(value_and_grad(f), exact=exact)(X)
            assert jit(f, exact=exact)(X) == pytest.approx(value, rel=1e-13)
            assert compiled == pytest.approx(value, rel=1e-13)
            np.testing.assert_allclose(compiled_slopes, slopes, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("method", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize(
    "numbers", [[-1e17, 1.0], [3e16, 1.0, -7.0], [math.inf, 1.0, -math.inf, 0.5], [-math.inf] * 2 + [1.0, 2.0]]
)
def test_quantiles_between_numbers_far_apart_are_those_of_numpy(numbers, method):
    def quantiles(x):
        return np.quantile(x, [0.0, 0.1, 0.25, 0.3, 0.5, 0.6, 0.7, 0.9, 1.0], method=method)

    x = np.array(numbers)
    with np.errstate(invalid="ignore"):
        expected = quantiles(x)  # nan where NumPy multiplies a weight of 0 by an infinite distance
    for found in (jvp(quantiles, (x,), (np.ones_like(x),))[0], jit(quantiles, exact=True)(x)):
        np.testing.assert_array_equal(np.where(np.isnan(expected), expected, found), expected)


def test_a_partition_has_nan_at_its_end():
    def second(x):
        return np.partition(x, 1)[1] + 2 * x[np.argpartition(x, 1)[1]]

    x = np.array([math.nan, 1.0, 2.0, 0.5])
    assert value_and_grad(second)(x)[0] == jit(second)(x) == second(x) == 3
    np.testing.assert_array_equal(grad(second)(x), [0.0, 3.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="kth"):
        grad(lambda x: np.partition(x, 4)[0])(x)


def test_functions_of_single_numbers():
    for f in (
        lambda v: np.interp(v, KNOTS, HEIGHTS),
        np.sinc,
        lambda v: np.i0(9 * v) + np.i0(30 * v),
        np.deg2rad,
        lambda v: np.where(v > 0, v * v, 0.0),
    ):
        assert np.ravel(f(Value(0.3)))[0].data == pytest.approx(float(f(0.3)), rel=1e-15)
        slope = (f(0.3 + 1e-6) - f(0.3 - 1e-6)) / 2e-6
        for found in (grad(f)(0.3), jit(grad(f))(0.3), vmap(grad(f))(np.array([0.3]))[0]):
            assert found == pytest.approx(slope, rel=1e-8)
    np.testing.assert_array_equal(vmap(lambda v: np.interp(v, KNOTS, HEIGHTS))(X), np.interp(X, KNOTS, HEIGHTS))
    assert grad(grad(np.sinc))(0.0) == pytest.approx(-(math.pi**2) / 3, rel=1e-14)
    assert grad(grad(np.i0))(0.0) == grad(grad(np.i0))(-0.0) == 0.5
    assert grad(grad(grad(grad(np.i0))))(0.0) == 0.375


def test_a_knot_has_the_slope_to_its_right_and_nan_stays_nan():
    slope = grad(lambda v: np.interp(v, [0.0, 1.0, 3.0], [0.0, 5.0, 6.0]))
    assert [slope(x) for x in (-1.0, 0.0, 0.5, 1.0, 3.0, 4.0)] == [0.0, 5.0, 5.0, 0.5, 0.0, 0.0]
    for f in (lambda v: np.interp(v, KNOTS, HEIGHTS), jit(lambda v: np.interp(v, KNOTS, HEIGHTS))):
        assert math.isnan(f(math.nan))
    nothing = np.array([math.nan, math.nan])
    for f in (np.nanmax, np.nanmean):
        assert math.isnan(jit(f)(nothing))


def test_nan_is_sorted_to_the_end_and_is_the_largest_and_the_smallest():
    numbers = np.array([2.0, math.nan, 0.5, math.nan, 1.0])
    for f in (
        np.sort,
        np.argmax,
        np.argmin,
        np.median,
        lambda x: np.searchsorted(KNOTS, x),
        lambda x: x.argmax(axis=0),
    ):
        of_values = value_and_grad(lambda x, f=f: (x.sum() * 0, f(x)), has_aux=True)(numbers)[0][1]
        for found in (jit(f)(numbers), of_values):
            np.testing.assert_array_equal(found, f(numbers))


HOLED = np.array([1.0, math.nan, 2.0])
COMPARISONS = {
    "close to itself": lambda x: np.allclose(x, x[::-1]),
    "close where nan is": lambda x: np.allclose(x, HOLED, equal_nan=True),
    "close by a tolerance": lambda x: np.allclose(2.0 * x, x, 1.0, atol=0.0),
    "close to infinity": lambda x: np.allclose([math.inf, 1.0, 2.0], x),
    "equal": lambda x: np.array_equal(x, x * 1.0),
    "equal where nan is": lambda x: np.array_equal(x, HOLED, equal_nan=True),
    "of another length": lambda x: np.array_equal(x, x[:2]),
    "of another shape": lambda x: np.array_equal(x.reshape(3, 1), x.reshape(1, 3)),
    "not even an array": lambda x: np.array_equal(x, [1.0, [2.0, 3.0]]),
    "equivalent": lambda x: np.array_equiv(x, [[1.0, 1.0, 1.0]] * 2),
    "equivalent to a number": lambda x: np.array_equiv(x, 0.0),
    "not to be spread": lambda x: np.array_equiv(x, x[:2]),
}


@pytest.mark.parametrize("compare", COMPARISONS.values(), ids=COMPARISONS)
def test_whole_arrays_are_compared_as_by_numpy(compare):
    def f(x):
        if compare(x):
            return np.sum(x * x)
        return x[0] * x[1] * 7

    rows = np.array([[1, 3, 2], HOLED, [math.inf, 1, 2], [1, 1, 1], [0, 0, 0], [1, 1 + 1e-9, 1]])
    value_and_slopes = value_and_grad(f)
    expected = [value_and_slopes(x) for x in rows]
    truths = [value_and_grad(lambda x: (x.sum(), compare(x)), has_aux=True)(x)[0][1] for x in rows]
    assert truths == [compare(x) for x in rows]
    assert {type(held) for held in truths} == {bool}
    compiled = jit(value_and_slopes, exact=True)
    samples = zip(*jit(lambda rows: vmap(value_and_slopes)(rows))(rows))
    for (value, slopes), found in zip(expected * 2, [*map(compiled, rows), *samples]):
        np.testing.assert_array_equal(found[0], value)
        np.testing.assert_array_equal(found[1], slopes)


def test_how_many_numbers_differ_is_not_known_in_a_compiled_function():
    numbers = np.array([2.0, 1.0, 2.0])
    assert grad(lambda x: np.sum(np.unique(x) * [1.0, 5.0]))(numbers).sum() == 6.0
    with pytest.raises(TypeError, match=r"known only when the compiled function is called.*np\.sort"):
        jit(lambda x: np.sum(np.unique(x)))(numbers)


CONNECTED = [np.any, np.all]
for connection in (np.logical_and, np.logical_or, np.logical_xor):
    CONNECTED += [connection.reduce, connection.accumulate, lambda x, axis, c=connection: c.reduceat(x, [0], axis)]


@pytest.mark.parametrize("shape", [(1,), (3,), (1, 3), (3, 1)])
def test_one_number_is_connected_to_a_truth_too(shape):
    x = np.array([-2.0, 0.0, 3.0])[: math.prod(shape)].reshape(shape)

    def found(x):
        return [f(x, axis=0) * 1.0 for f in CONNECTED]

    of_values = value_and_grad(lambda x: (x.sum() * 0, found(x)), has_aux=True)
    for each in (jit(found)(x), of_values(x)[0][1], jit(of_values)(x)[0][1]):
        for one, expected in zip(each, found(x)):
            np.testing.assert_array_equal(one, expected)


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.0, 2.0, 3.5]), min_size=1, max_size=40))
def test_sorting_networks_sort(numbers):
    places = list(numbers)
    for i, j in exchanges(len(places)):
        assert i < j
        if places[j] < places[i]:
            places[i], places[j] = places[j], places[i]
    assert places == sorted(numbers)


def test_what_is_found_is_an_index():
    def of_the_largest(x, y):
        return y[np.argmax(x)] * x[np.argsort(x)[0]] + max(x, key=lambda v: -v) + sorted(x, reverse=True)[1]

    y = np.cos(X)
    slopes = jit(grad(of_the_largest))(X, y)
    np.testing.assert_allclose(slopes, differences(lambda x: of_the_largest(x, y), X), atol=1e-9)
    assert jit(of_the_largest)(X, y) == of_the_largest(X, y)


@pytest.mark.parametrize("n", [1, 5, 16, 33])
def test_equal_numbers_keep_their_order(n):
    x = np.round(np.random.default_rng(n).normal(size=n))
    x[n // 2 :: 7] = math.nan

    def slopes(x):
        return grad(lambda x: (np.sort(x)[: n // 2] * np.arange(n // 2)).sum())(x)

    np.testing.assert_array_equal(jit(lambda x: np.argsort(x))(x), np.argsort(x, kind="stable"))
    np.testing.assert_array_equal(jit(slopes)(x), slopes(x))


def test_a_single_number_is_in_order():
    of_one = jit(lambda x: x[np.argsort(x)] * x[np.argmax(x)])
    np.testing.assert_array_equal(of_one(np.array([3.0])), [9.0])


REFUSED = {
    "interp with a period": (lambda x: np.interp(x, KNOTS, HEIGHTS, period=3.0), TypeError, "takes no period"),
    "interp of unlike lengths": (lambda x: np.interp(x, KNOTS, HEIGHTS[1:]), ValueError, "not of the same length"),
    "cov with weights": (lambda x: np.cov(x, aweights=KNOTS), TypeError, "takes no aweights"),
    "polyfit by x": (lambda x: np.polyfit(x, KNOTS, 1), TypeError, r"no derivatives with respect to x; .* x\.data"),
    "all of polyfit": (lambda x: np.polyfit(KNOTS, x, 1, full=True), TypeError, "leave out full= and cov="),
    "gradient of one": (lambda x: np.gradient(x[:1]), ValueError, "too small to calculate a numerical gradient"),
    "gradient by the step": (lambda x: np.gradient(KNOTS, x[0]), (TypeError, TraceError), "float"),
    "max where": (lambda x: np.max(x, where=SOME), ValueError, "needs initial=, the result where no number is left"),
    "select": (lambda x: np.select([x > 0], [x, x]), ValueError, "as many choices as conditions, got 2 and 1"),
    "a quantile at a number": (lambda x: np.quantile(x, x[0]), (TypeError, TraceError), "float"),
    "nanmean into an array": (lambda x: np.nanmean(x, out=np.zeros(())), TypeError, "argument 'out'"),
    "a function of SciPy": (lambda x: scipy.special.expi(x), TypeError, r"^expi\(\) takes floats only"),
    "histogram": (
        lambda x: np.histogram(x)[0],
        (TypeError, TraceError),
        r"^numpy\.histogram\(\) takes floats|branches",
    ),
    "written into floats": (lambda x: np.add(x, 1, out=np.zeros(6)), TypeError, "array of floats, out=; .*zeros_like"),
    "written nowhere": (lambda x: np.add(x, 1, where=x > 0), TypeError, "with where= needs out="),
    "modf": (lambda x: np.modf(x), TypeError, r"^numpy\.modf\(\) takes floats only, .* x\.data$"),
}


def test_whole_parts_are_flat_and_refused_where_they_cannot_be_compiled():
    f = weighed(lambda x: x * x.astype(int))
    np.testing.assert_allclose(grad(f)(X), grad(weighed(lambda x: x * np.trunc(x)))(X))
    with pytest.raises(TraceError, match="float"):
        jit(f)(X)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.linalg.svd(np.array([[x[0], 1.0], [2.0, x[1]]]))[1][0],
        lambda x: np.linalg.solve(np.array([[x[0], 1.0], [2.0, x[1]]]), np.array([1.0, 2.0]))[0],
        lambda x: np.fft.fft(np.array([x[0], x[1]])).real[0],
        lambda x: np.interp(0.5, [0.0, 1.0], np.array([x[0], x[1]])),
    ],
)
def test_what_numpy_computes_in_floats_alone_has_a_way_out(f):
    for of_f in (grad(f), grad(lambda x: grad(f)(x)[0]), jit(f), jit(grad(f))):
        with pytest.raises(TypeError, match=r"a function of autograd_engine\.linalg, such as solve") as raised:
            of_f(X)
        assert str(raised.value).count("in floats alone") == 1
    assert grad(lambda x: linalg.solve(np.array([[x[0], 1.0], [2.0, x[1]]]), [1.0, 2.0])[0])(X).shape == X.shape


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_has_a_sentence(name):
    f, kind, message = REFUSED[name]
    for of_f in (grad(weighed(f)), jit(f)):
        with pytest.raises(kind, match=message):
            of_f(X)
