"""Laws of compiled sparse derivatives: the pattern and the values of uncompiled ones, which are those of dense ones."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from autograd_engine import (
    TraceError,
    abs,
    cond,
    exp,
    floor,
    fori_loop,
    grad,
    hessian,
    hvp,
    jacobian,
    jit,
    logsumexp,
    maximum,
    mean,
    scan,
    sigmoid,
    sin,
    softmax,
    sqrt,
    sum,
    to_c,
    vmap,
    where,
    while_loop,
)
from autograd_engine.compiler.trace import matrices, sparse
from autograd_engine.derivatives import flattened

scipy_sparse = pytest.importorskip("scipy.sparse")

FORMULAS = {
    "product": lambda x, y, p, c: x * y,
    "linear": lambda x, y, p, c: c * x - y / 4 + p,
    "input": lambda x, y, p, c: x,
    "constant": lambda x, y, p, c: c,
    "data": lambda x, y, p, c: p * p,
    "branch": lambda x, y, p, c: where(x > y, x * y, sigmoid(x)),
    "dead branch": lambda x, y, p, c: where(p > 100.0, sqrt(abs(x) + y * y), c * y),
    "largest": lambda x, y, p, c: maximum(x, y) * p,
    "steps": lambda x, y, p, c: floor(x) * y,
    "quotient": lambda x, y, p, c: (x + c) ** 2 / (1.0 + y * y + p * p),
    "both": lambda x, y, p, c: sin(x * p) * exp(-y) + x**3,
    "twice": lambda x, y, p, c: (x * y) * sin(x * y),
    "inner derivative": lambda x, y, p, c: grad(lambda s: sin(s * x) * s * y)(p),
}


@st.composite
def programs(draw: st.DrawFn) -> Any:
    """A function of two arrays of n numbers, in which several formulas are applied to all of the numbers or to some."""
    families = draw(
        st.lists(
            st.tuples(
                st.sampled_from(sorted(FORMULAS)),
                st.integers(0, 3),
                st.integers(0, 3),
                st.sampled_from(["one by one", "vmap", "vmap of parts"]),
                st.booleans(),
            ),
            min_size=1,
            max_size=2,
        )
    )
    total = draw(st.booleans())

    def f(x: Any, p: Any) -> Any:
        parts: list[Any] = []
        for name, shift, fewer, how, varying in families:
            formula, n = FORMULAS[name], len(p)
            m = max(n - shift - fewer, 1)
            c = np.arange(m) / 2.0 if varying else np.full(m, 1.5)
            first, second, data = x[:m], x[shift : shift + m], p[:m]
            if how == "one by one":
                parts.append(np.array([formula(*xs) for xs in zip(first, second, data, c.tolist())]))
            else:
                mapped = vmap(formula)(first, second, data, c)
                parts.append(mapped if how == "vmap" else mapped[1:] * x[0])
        if total:
            parts.append(np.array([sum(parts[0]) * x[0]]))
        return np.concatenate(parts)

    return f


N = 8
POINTS = [np.random.default_rng(seed).normal(size=(2, N)) for seed in range(2)]
X, Y = np.random.default_rng(2).normal(size=(2, 20))


def weighted(f: Any) -> Any:
    return lambda x, p: sum([(i + 1.0) * output for i, output in enumerate(f(x, p))])


def pattern(matrix: Any) -> Any:
    assert matrix.has_canonical_format
    return matrix.shape, matrix.indptr.tolist(), matrix.indices.tolist()


@settings(max_examples=320, deadline=None)
@given(programs())
def test_they_are_the_dense_ones_with_one_pattern_at_every_point(f: Any) -> None:
    for of, g in (jacobian, f), (hessian, weighted(f)):
        some, others = [of(g, sparse=True)(*point) for point in POINTS]
        assert pattern(some) == pattern(others)
        np.testing.assert_allclose(some.toarray(), of(g)(*POINTS[0]), rtol=1e-12, atol=1e-12)


@settings(max_examples=10, deadline=None, phases=[Phase.generate])  # to compile less often, ten programs at a time
@given(st.lists(programs(), min_size=10, max_size=10))
def test_compiled_they_are_the_uncompiled_ones(fs: Any) -> None:
    derivatives = [of for f in fs for of in (jacobian(f, sparse=True), hessian(weighted(f), sparse=True))]
    compiled = jit(lambda x, p: [derivative(x, p) for derivative in derivatives])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse, "ALIKE", 3)
        patch.setattr(matrices, "ALIKE", 3)
        compiled(*POINTS[0])
    for point in POINTS:
        for ours, derivative in zip(compiled(*point), derivatives):
            eager = derivative(*point)
            assert pattern(ours) == pattern(eager)
            np.testing.assert_allclose(ours.data, eager.data, rtol=1e-10, atol=1e-12)


def test_exact_they_have_the_bits_of_uncompiled_ones() -> None:
    def f(x: Any) -> Any:
        return [sin(x[i]) * x[i + 1] / (1.0 + x[i] * x[i]) for i in range(len(x) - 1)] + [exp(x[0]), x[3] * x[0]]

    def mapped(x: Any) -> Any:
        return vmap(lambda a, b: sin(a) * b + exp(a * b) * x[0])(x[1:], x[:-1])

    x = X
    for g in f, mapped:
        eager = jacobian(g, sparse=True)(x)
        assert (jit(jacobian(g, sparse=True), exact=True)(x).data == eager.data).all()


def stages(x: Any) -> Any:
    return vmap(lambda a, b: np.array([a[0] * b[1], sin(a[1]), b[0]]))(x[:-1], x[1:])


def test_a_vmap_is_one_formula_however_many_stages_there_are() -> None:
    compiled = jit(jacobian(lambda x: np.concatenate([np.ravel(stages(x)), x[0]]), sparse=True))
    sizes = []
    for n in 20, 60:
        x = np.random.default_rng(n).normal(size=(n, 2))
        matrix = compiled(x)
        eager = jacobian(lambda x: [stages(x), x[0]], sparse=True)(x)
        assert pattern(matrix) == pattern(eager)
        np.testing.assert_allclose(matrix.data, eager.data, rtol=1e-14)
        sizes.append(compiled.stats(x).instructions)
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    "g",
    [
        lambda y: [y, y[:, 0]],
        lambda y: {"a": y.reshape(-1), "b": y.sum(), "c": len(y), "d": y.shape[0]},
        lambda y: [row[0] for row in y],
        lambda y: y.reshape(3, -1),
        lambda y: np.hstack([y.ravel(), y.flatten(), [1.0]]),
        lambda y: np.concatenate([y, y], axis=1),
        lambda y: np.stack([y, 2.0 * y]),
        lambda y: vmap(lambda row: row[0] * row[1])(y),
        lambda y: y.T @ y,
        lambda y: np.maximum(y, 0.0),
    ],
)
def test_what_vmap_returned_is_an_array_like_any_other(g: Any) -> None:
    x = np.random.default_rng(0).normal(size=(10, 2))
    f = jacobian(lambda x: g(stages(x)), sparse=True)
    matrix, eager = jit(f)(x), f(x)
    assert pattern(matrix) == pattern(eager)
    np.testing.assert_allclose(matrix.data, eager.data, rtol=1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, t: vmap(lambda a: sin(a) * x[0])(x),  # an input twice for one sample
        lambda x, t: vmap(lambda a, b: a * b)(x, x[[0, 2, 1, 3, 4, 5, 6, 7, 9, 8]]),
        lambda x, t: vmap(lambda a: a * t)(x * 2.0),  # computed numbers
        lambda x, t: vmap(lambda a, s: a * s, in_axes=(0, None))(x, x[0] * x[1]),
        lambda x, t: vmap(lambda a: a * sum(x))(x),
        lambda x, t: vmap(lambda a, b: a * b)(x, np.arange(10.0)),
        lambda x, t: vmap(lambda a: 2.0 * a)(np.ones(10)),
        lambda x, t: vmap(lambda a: 3.0)(x),
        lambda x, t: vmap(lambda a, b: a * b)(np.array([*x[:5], 1.0, 2.0, 3.0, 4.0, t]), x),
        lambda x, t: [x[0] * x[1]] * 10,
        lambda x, t: [where(x[i] > t, x[i], i * 1.0) * floor(x[i]) for i in range(10)],
        lambda x, t: scan(lambda s, a: (s + a, s * a), 0.0, x)[1],
        lambda x, t: [fori_loop(0, 20, lambda k, s: s + k * x[1], x[0])],
        lambda x, t: softmax(x),
        lambda x, t: [cond(t > 0.0, lambda: x[0] * x[1], lambda: x[2])],
        lambda x, t: [y if y > t else y * y for y in x],
        lambda x, t: [1.0, 2.0],
        lambda x, t: [],
    ],
)
def test_programs_of_all_kinds(f: Any) -> None:
    x = np.random.default_rng(0).normal(size=10)
    for argnums in (0, (0, 1)):
        derivative = jacobian(f, argnums, sparse=True)
        matrix, eager = jit(derivative)(x, 0.3), derivative(x, 0.3)
        assert matrix.shape == eager.shape
        places = {*zip(*matrix.nonzero())}  # of what is not zero
        assert len(places) == np.count_nonzero(matrix.data)
        assert places == {*zip(*eager.nonzero())}
        np.testing.assert_allclose(matrix.toarray(), eager.toarray(), rtol=1e-12, atol=1e-15)


def test_terms_of_a_mean_are_one_formula_however_many_there_are() -> None:
    compiled = jit(hessian(lambda x: mean([sin(a * b) for a, b in pairwise(x)]), sparse=True))
    sizes = [compiled.stats(np.ones(n)).instructions for n in (20, 60)]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    "total",
    [
        lambda w, X, y: mean(vmap(lambda x, t: (sin(w[:2] @ x) - t) ** 2)(X, y)) + w[2] ** 3 * w[1],
        lambda w, X, y: np.sum(vmap(lambda x, t: exp(w[0] * x[0]) * t)(X, y)) / len(y) + w[2],
        lambda w, X, y: np.sum(vmap(lambda x, t: np.array([w[0] * x[0] * w[1], t * w[2]]))(X, y)),
        lambda w, X, y: vmap(lambda x: (w @ np.append(x, 1.0)) ** 2)(X).mean(axis=0) ** 2,
    ],
)
def test_a_sum_over_samples_that_share_the_parameters_stays_a_sum(total: Any) -> None:
    draw, w = np.random.default_rng(0), np.array([0.3, -0.2, 0.5])
    compiled, sizes = jit(hessian(total, sparse=True)), []
    for n in (20, 40):
        X, y = draw.normal(size=(n, 2)), draw.normal(size=n)
        eager = hessian(total, sparse=True)(w, X, y)
        assert pattern(compiled(w, X, y)) == pattern(eager)
        np.testing.assert_allclose(compiled(w, X, y).toarray(), eager.toarray(), rtol=1e-12, atol=1e-14)
        sizes.append(compiled.stats(w, X, y).instructions)
    assert sizes[0] == sizes[1]


def test_a_sum_over_samples_may_be_used_beside_the_samples() -> None:
    def f(w: Any, X: Any) -> Any:
        h = vmap(lambda x: sin(w @ x))(X)
        return h.sum() ** 2 + h[3] * w[0] + h[1:] @ h[:-1]

    w, X = np.array([0.3, -0.2]), np.random.default_rng(0).normal(size=(20, 2))
    np.testing.assert_allclose(jit(hessian(f, sparse=True))(w, X).toarray(), hessian(f)(w, X), rtol=1e-12)


@pytest.mark.parametrize(
    ("f", "entries"),
    [
        (lambda x: mean([a * a for a in x]), 20),  # a quotient by a constant combines nothing
        (lambda x: np.mean(vmap(lambda a, b: sin(a) * b)(x[1:], x[:-1])), 19 + 2 * 19),
        (lambda x: sum(x) / 7.0 + x[0] * x[1], 2),
        (lambda x: logsumexp(x[:3]), 9),
        (lambda x: while_loop(lambda s: s[0] < 3.0, lambda s: (s[0] + 1.0, s[1] * x[0]), (0.0, x[1]))[1], 3),
        (lambda x: fori_loop(0, 20, lambda k, s: s + x[0] * x[k % 3], x[3]), 5),
        (lambda x: x[0] if x[0] > x[1] else x[1] * x[2], None),
        (lambda x: fori_loop(0, 3.0 + 0.0 * x[2], lambda k, s: s * x[0] + x[3], x[1]), None),
    ],
)
def test_hessians_of_all_kinds(f: Any, entries: int | None) -> None:
    x = np.random.default_rng(0).normal(size=20)
    matrix = jit(hessian(f, sparse=True))(x)
    np.testing.assert_allclose(matrix.toarray(), hessian(f)(x), rtol=1e-9, atol=1e-12)
    if entries is not None:
        assert pattern(matrix) == pattern(hessian(f, sparse=True)(x))
        assert matrix.nnz == entries


def test_arguments_may_be_lists_and_dicts_of_numbers() -> None:
    def f(p: Any, q: Any) -> Any:
        return [a * b * q["t"] for a, b in zip(p["x"], p["x"][1:])]

    derivative = jacobian(f, argnums=(0, 1), sparse=True)
    args = {"x": [float(k) for k in range(20)]}, {"t": 3.0}
    matrix, eager = jit(derivative)(*args), derivative(*args)
    assert pattern(matrix) == pattern(eager)
    np.testing.assert_allclose(matrix.data, eager.data)


def test_it_may_be_returned_beside_other_results() -> None:
    def f(x: Any) -> Any:
        return np.array([a * b for a, b in pairwise(x)])

    x = X
    outputs, matrix = jit(lambda x: (f(x), jacobian(f, sparse=True)(2.0 * x)))(x)
    np.testing.assert_allclose(outputs, x[:-1] * x[1:])
    np.testing.assert_allclose(matrix.toarray(), jacobian(f)(2.0 * x))


def test_index_arrays_are_made_once_and_cannot_be_written() -> None:
    compiled = jit(jacobian(lambda x: [a * b for a, b in pairwise(x)], sparse=True))
    first, second = compiled(X), compiled(Y)
    assert first.indices is second.indices
    assert first.data is not second.data
    before = second.toarray()
    first.data[:] = 0.0
    with pytest.raises(ValueError, match="read-only"):
        first.eliminate_zeros()
    first.copy().eliminate_zeros()
    assert (second.toarray() == before).all()
    assert (compiled(Y).toarray() == before).all()


def test_calls_in_threads_do_not_disturb_each_other() -> None:
    compiled = jit(jacobian(lambda x: vmap(lambda a, b: sin(a) * b)(x[1:], x[:-1]), sparse=True))
    points = np.random.default_rng(0).normal(size=(4, 500))
    expected = [compiled(x).data for x in points]
    wrong: list[Any] = []

    def work(k: int) -> None:
        wrong.extend(k for _ in range(50) if (compiled(points[k]).data != expected[k]).any())

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_cannot_be_done_is_said() -> None:
    def f(x: Any) -> Any:
        return [a * b for a, b in pairwise(x)]

    x = X
    with pytest.raises(
        TypeError, match=r"^jacobian\(sparse=True\) is a matrix of floats, which cannot be differentiated"
    ):
        jit(jacobian(lambda x: jacobian(f, sparse=True)(x)))(x)
    with pytest.raises(TraceError, match=r"uses \.T of a sparse derivative, which a compiled function can only return"):
        jit(lambda x: jacobian(f, sparse=True)(x).T)(x)
    with pytest.raises(TraceError, match=r"jacobian\(sparse=True\) cannot be taken inside a vmap or a loop"):
        jit(vmap(jacobian(f, sparse=True)))(np.stack([X, Y]))
    with pytest.raises(ValueError, match=r"^to_c\(\) writes functions that return numbers; it got a sparse derivative"):
        to_c(jacobian(f, sparse=True), x)
    with pytest.raises(TypeError, match=r"^jacobian\(\), in what the function returned: expected a real number"):
        jit(jacobian(lambda x: ["text"], sparse=True))(x)
    with pytest.raises(TypeError, match=r"to return one number, got a list of 19; use jacobian\(\)"):
        jit(hessian(f, sparse=True))(x)


@settings(max_examples=5, deadline=None, phases=[Phase.generate])
@given(st.lists(programs(), min_size=10, max_size=10))
def test_numbers_in_one_array_are_those_of_the_function(fs: Any) -> None:
    compiled = jit(lambda x, p: [flattened(f)(x, p) for f in fs])
    x, p = POINTS[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse, "ALIKE", 3)
        patch.setattr(matrices, "ALIKE", 3)
        results = compiled(x, p)
    for ours, f in zip(results, fs):
        np.testing.assert_allclose(ours, f(x, p).astype(float), rtol=1e-12, atol=1e-14)


def test_the_program_can_be_read() -> None:
    compiled = jit(jacobian(lambda x: [a * b for a, b in pairwise(x)], sparse=True))
    compiled(X)
    assert "constant1[0, i]" in compiled.program()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_a_product_with_the_hessian_needs_no_hessian(seed: int) -> None:
    def f(p: Any) -> Any:
        return sin(p["a"][0] * p["a"][1]) * p["b"] + exp(p["b"]) * sum(p["a"])

    a, b, u, v = np.random.default_rng(seed).normal(size=(4, 2))
    x, along = {"a": a, "b": float(b[0])}, {"a": u, "b": float(v[0])}
    matrix = hessian(f, sparse=True)(x).toarray()
    product = matrix @ [*u, v[0]]
    for of in hvp(f), jit(hvp(f)):
        result = of(x, along)
        np.testing.assert_allclose([*result["a"], result["b"]], product, rtol=1e-10, atol=1e-12)


def test_a_vector_of_another_structure_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^hvp\(\) needs a vector of the same structure and shapes as the point$"):
        hvp(lambda x: x[0] * x[1])([1.0, 2.0], [1.0])
