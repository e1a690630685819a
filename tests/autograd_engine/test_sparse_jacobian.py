"""Laws of the sparse Jacobian: the dense one without its zeros, and without ever being it."""

from __future__ import annotations

import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import Value, dot, grad, jacobian, sin, sqrt, where

scipy_sparse = pytest.importorskip("scipy.sparse")


@st.composite
def sparse_functions(draw: st.DrawFn) -> tuple[Any, list[float]]:
    """A function in which each output depends on a few inputs, over shared intermediate results."""
    n = draw(st.integers(1, 6))
    places = st.integers(0, n - 1)
    middle = draw(st.lists(st.tuples(places, places), min_size=1, max_size=5))
    last = draw(st.lists(st.tuples(st.integers(0, len(middle) - 1), places), max_size=6))

    def f(x: Any) -> list[Any]:
        z = [sin(x[i]) * x[j] for i, j in middle]
        return [z[k] * x[i] + z[0] * (k > 1) for k, i in last] + [2.0, x[0]]

    return f, draw(st.lists(st.floats(-2, 2), min_size=n, max_size=n))


@given(sparse_functions())
def test_it_is_the_dense_jacobian(drawn: tuple[Any, list[float]]) -> None:
    f, x = drawn
    matrix = jacobian(f, sparse=True)(x)
    assert scipy_sparse.issparse(matrix)
    assert matrix.format == "csr"
    assert matrix.has_canonical_format
    np.testing.assert_allclose(matrix.toarray(), np.array(jacobian(f)(x)), rtol=1e-13, atol=1e-15)


def test_only_what_an_output_depends_on_is_stored() -> None:
    matrix = jacobian(lambda x: [x[i] * x[(i + 1) % 50] for i in range(50)], sparse=True)([1.5] * 50)
    assert (matrix.shape, matrix.nnz) == ((50, 50), 100)


def test_rows_and_columns_are_in_the_order_of_the_numbers() -> None:
    def f(p: Any, unused: Any, q: Any) -> Any:
        return {"first": [p["b"] * 2, p["a"][1] * 3], "second": (q.sum() * 5, 7.0)}

    args: tuple[Any, ...] = ({"a": [1.0, 1.0], "b": 1.0}, 1.0, np.ones((2, 2)))
    matrix = jacobian(f, argnums=(0, 2), sparse=True)(*args)
    expected = np.zeros((4, 7))
    expected[0, 2], expected[1, 1], expected[2, 3:] = 2, 3, 5
    assert (matrix.toarray() == expected).all()
    assert (jacobian(f, sparse=True)(*args).toarray() == expected[:, :3]).all()


def test_a_single_number_is_a_matrix_of_one() -> None:
    assert jacobian(lambda x: x**2, sparse=True)(3.0).toarray().tolist() == [[6.0]]
    assert jacobian(lambda x: [], sparse=True)(3.0).shape == (0, 1)
    assert jacobian(lambda x: [1.0, 2.0], sparse=True)([3.0, 4.0]).nnz == 0


def test_an_output_may_be_returned_twice_and_an_input_at_once() -> None:
    def f(x: Any) -> Any:
        product = x[0] * x[1]
        return [product, x[1], product]

    assert jacobian(f, sparse=True)([2.0, 3.0]).toarray().tolist() == [[3.0, 2.0], [0.0, 1.0], [3.0, 2.0]]


def test_a_dead_branch_cannot_spoil_it() -> None:
    matrix = jacobian(lambda x: [where(x > 0, sqrt(x), 0.0)], sparse=True)(-1.0)
    assert (matrix.nnz, matrix.toarray().tolist()) == (1, [[0.0]])


def test_a_function_may_use_values_of_its_own() -> None:
    weight = Value(4.0)
    assert jacobian(lambda x: [weight * x, weight], sparse=True)(3.0).toarray().tolist() == [[4.0], [0.0]]


def test_it_cannot_be_differentiated_again() -> None:
    with pytest.raises(TypeError, match=r"^jacobian\(sparse=True\) is a matrix of floats, which cannot be differentia"):
        grad(lambda x: jacobian(lambda y: [y * y], sparse=True)(x)[0, 0])(3.0)
    with pytest.raises(TypeError, match="cannot be differentiated again"):
        grad(lambda x: jacobian(lambda y: [y * x], sparse=True)(1.0)[0, 0])(3.0)


def test_without_scipy_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(ImportError, match="needs SciPy: pip install scipy"):
        jacobian(lambda x: [x], sparse=True)(3.0)


def test_a_matrix_of_parameters_takes_memory_for_its_entries_alone() -> None:
    """The fourth lecture's h = Wx, smaller: the dense Jacobian, 300 x 15,000, would take 36 MB."""
    m, n = 300, 50
    draws = np.random.default_rng(0)
    W, x = draws.normal(size=(m, n)), draws.normal(size=n)
    f = jacobian(lambda W: [dot(row, x) for row in W], sparse=True)
    tracemalloc.start()
    matrix = f(W)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (matrix.shape, matrix.nnz) == ((m, m * n), m * n)
    assert peak < 20e6
    assert matrix @ W.ravel() == pytest.approx(W @ x, rel=1e-12)
    assert (matrix.data.reshape(m, n) == x).all()
