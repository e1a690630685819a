"""Results of samples as arrays in C order, and the search for nan in them."""

import ctypes

import numpy as np
import pytest

from autograd_engine import exp, grad, jit, log, mean, sin, sqrt, vmap, where
from autograd_engine import sum as total
from autograd_engine.compiler.llvm import modules, native
from autograd_engine.compiler.llvm.builder import Builder
from autograd_engine.compiler.llvm.rows import in_memory, rows_of

SAMPLES = [1, 7, 16, 100, 2100]
DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(max(SAMPLES), 3))


@pytest.mark.parametrize("width", [2, 4, 8])
def test_vectors_hold_sample_after_sample(width):
    for count in range(1, width + 1):
        builder = Builder(width, exact=True)
        loads = []
        for k in range(count):
            at = builder.emit(f"getelementptr double, ptr %from, i64 {k * width}")
            loads.append(builder.emit(f"load {builder.type}, ptr {at}, align 8"))
        for k, vector in enumerate(in_memory(builder, loads)):
            at = builder.emit(f"getelementptr double, ptr %to, i64 {k * width}")
            builder.lines.append(f"store {builder.type} {vector}, ptr {at}, align 8")
        text = "\n".join(["define void @move(ptr %from, ptr %to) {", *builder.lines, "ret void", "}"])
        move = native.linked([text], ["move"]).function("move", 2)
        numbers, found = np.arange(1.0, 1 + count * width), np.zeros(count * width)
        move(ctypes.c_void_p(numbers.ctypes.data), ctypes.c_void_p(found.ctypes.data))
        np.testing.assert_array_equal(found.reshape(width, count), numbers.reshape(count, width).T)


def test_rows_have_every_number_of_an_array():
    for size in range(1, 40):
        rows = rows_of(range(100, 100 + size), 5, 8)
        assert {row.first + k: x for row in rows for k, x in enumerate(row.operands)} == dict(
            enumerate(range(100, 100 + size))
        )
        assert {len(row.operands) for row in rows} == {min(size, 8)}


def of_size(size):
    """Arrays of a size, of two numbers and one number; with constants, shared numbers, samples and conditions."""

    def f(w, x):
        numbers = [sin(w * x[0] + k) for k in range(size)]
        others = [where(x[1] > 0, w, x[2]), w * w][:size]
        return np.array(numbers), (np.array([*others, 2.0, x[1], x[2] > w]), exp(x[1]), w)

    return f


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 11, 16, 23])
@pytest.mark.parametrize("exact", [False, True])
def test_results_are_arrays_in_c_order(size, exact):
    mapped = vmap(of_size(size), in_axes=(None, 0))
    compiled = jit(mapped, exact=exact)
    for n in SAMPLES:
        first, (second, *others) = compiled(0.7, X[:n])
        expected_first, (expected_second, *expected_others) = mapped(0.7, X[: min(n, 20)])
        for array, expected in zip([first, second, *others], [expected_first, expected_second, *expected_others]):
            assert array.flags.c_contiguous
            assert array.shape[0] == n
            np.testing.assert_allclose(array[:20], np.asarray(expected, dtype=float), rtol=1e-14)


@pytest.mark.parametrize("quickly", [0, 4000])
def test_results_of_many_functions(monkeypatch, quickly):
    def f(x):
        numbers = [x[0]]
        for k in range(700):
            numbers.append(sin(numbers[-1] + k * x[1]))
        return np.array(numbers[:600]).reshape(-1, 3), np.array(numbers[-80:])

    expected = [np.asarray(array, dtype=float) for array in vmap(f)(X[:5].tolist())]
    monkeypatch.setattr(modules, "QUICKLY", quickly)
    for array, other in zip(jit(vmap(f))(X), expected):
        assert array.flags.c_contiguous
        np.testing.assert_allclose(array[:5], other, rtol=1e-9, atol=1e-12)


def test_numbers_of_one_array_from_several_loops_over_samples():
    def f(X):
        middle = mean(X[:, 0])
        spread = mean(vmap(lambda x: (x[0] - middle) ** 2)(X))
        return vmap(lambda x: np.array([sin(x[0]), x[0] - middle, (x[0] - middle) / sqrt(spread), spread]))(X)

    found, x = jit(f)(X), X[:, 0]
    expected = np.stack([np.sin(x), x - x.mean(), (x - x.mean()) / x.std(), np.full_like(x, x.var())], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_outputs_that_lie_side_by_side_are_copied_together():
    def f(x, xs, X, M):
        sums = [total(column) for column in vmap(lambda row: [sin(x * row[k % 3] + k) for k in range(40)])(X)]
        return [*sums, 2.0, *xs, *xs[3:], *xs[::-1], sin(x), *M.ravel()[5:33], *M[1], mean(X[:, 0]), *sums[1:], x]

    arguments = 0.5, list(map(float, range(20))), X[:50], np.arange(60.0).reshape(3, 20)
    expected = np.array(jit(f, exact=True)(*arguments))
    np.testing.assert_array_equal(expected, f(*arguments))
    compiled = jit(f)
    np.testing.assert_allclose(compiled(*arguments), expected, rtol=1e-12)
    [copies] = [text for text in compiled.llvm(*arguments).split("define ") if "@copies(" in text.partition("{")[0]]
    assert copies.count("call void @llvm.memcpy") == 6


@pytest.mark.parametrize("threads", [1, 2])
def test_a_nan_of_any_sample_is_found(threads, monkeypatch):
    """Where it is found, and only there, strong zeros are computed."""
    slope = grad(lambda x: 2 * x * log(x) * x + sqrt(abs(x)) * x)
    if threads == 2:
        monkeypatch.setattr("autograd_engine.compiler.llvm.executable.WORTH_THREADS", 0)
    for place in (0, 7, 1500, 2999):
        x = np.linspace(1.0, 2.0, 3000)
        compiled = jit(vmap(slope), threads=threads)
        compiled(x)
        [kernel] = compiled._kernels.values()
        assert kernel._guarded is None
        x[place] = 0.0
        np.testing.assert_allclose(compiled(x)[place], slope(0.0), rtol=1e-15)
        assert kernel._guarded is not None


def test_the_memory_of_a_result_is_that_of_the_call():
    compiled = jit(vmap(lambda x: x * 2.0))
    first = compiled(X)
    kept = first.copy()
    second = compiled(-X)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(second, -kept)
