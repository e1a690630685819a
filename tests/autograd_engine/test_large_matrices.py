"""Laws of matrices that a compiled function deals with in loops: what straight code computes, in few instructions."""

import numpy as np
import pytest

from autograd_engine import Value, custom_derivative, grad, hessian, jit, jvp, linalg, mean, value_and_grad, vmap
from autograd_engine.linalg import loops
from autograd_engine.number_arrays import number_array

FUNCTIONS = {
    "solve": lambda A: linalg.solve(A, np.cos(np.arange(len(A)))),
    "solve for columns": lambda A: linalg.solve(A, A[:, ::-1] ** 2),
    "inv": linalg.inv,
    "cholesky": lambda A: linalg.cholesky(A @ A.T + np.eye(len(A))),
    "upper": lambda A: linalg.cholesky(A + 20 * np.eye(len(A)), upper=True),
    "det": linalg.det,
    "slogdet": lambda A: number_array(list(linalg.slogdet(A)), (2,)),
    "qr": lambda A: np.concatenate(list(linalg.qr(A))),
    "qr of columns": lambda A: linalg.qr(A[:, ::2] + A[:, :1], "complete").Q,
    "lstsq": lambda A: linalg.lstsq(A, A[:, 0] ** 2 + np.arange(len(A))).x,
    "lstsq of columns": lambda A: linalg.lstsq(A[:, ::2], A[::-1] ** 2).x,
    "expm": linalg.expm,
    "matrix_power": lambda A: linalg.matrix_power(A, 5),
    "product": lambda A: A @ (A + 1.0).T,
    "product with a constant": lambda A: A @ np.vander(np.linspace(-1.0, 1.0, len(A))),
}


@pytest.fixture(params=FUNCTIONS)
def function(request):
    return FUNCTIONS[request.param]


@pytest.fixture(autouse=True)
def always_in_loops(request, monkeypatch):
    if "large" not in request.fixturenames:
        monkeypatch.setattr(loops, "_LONG", -1)


@pytest.fixture
def large():
    """For tests of matrices that are large indeed."""


def draws(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def scalar(f):
    """A number of what f returns, to which each number contributes another share."""

    def of_matrix(A):
        numbers = np.ravel(f(A))
        return (np.sin(np.arange(1.0, len(numbers) + 1)) * numbers).sum()

    return of_matrix


def on_values(f, A):
    """What f returns for Values, as floats."""
    result = np.asarray(f(number_array([Value(x) for x in A.ravel().tolist()], A.shape)))
    return np.array([x.data if isinstance(x, Value) else x for x in result.ravel()]).reshape(result.shape)


@pytest.mark.parametrize("n", [1, 2, 5, 17])
def test_values_have_the_bits_of_straight_code(function, n):
    A = draws(n, n)
    np.testing.assert_allclose(jit(function)(A), function(A), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(jit(function, exact=True)(A), on_values(function, A))


def test_rows_are_exchanged_as_in_straight_code():
    for seed in range(5):
        A = np.sign(draws(6, 6, seed=seed)) + 3 * np.eye(6)[::-1]  # many pivots are as large as others
        for f in (FUNCTIONS["solve"], linalg.inv):
            np.testing.assert_array_equal(jit(f, exact=True)(A), on_values(f, A))


@pytest.mark.parametrize("n", [1, 4, 17])
def test_gradients_are_those_of_the_uncompiled_function(function, n):
    A = draws(n, n)
    expected = grad(scalar(function))(A)
    np.testing.assert_allclose(jit(grad(scalar(function)))(A), expected, rtol=1e-9, atol=1e-10 * np.abs(expected).max())


def test_so_are_second_derivatives_and_tangents(function):
    A, f = draws(3, 3), scalar(function)
    np.testing.assert_allclose(jit(hessian(f))(A), hessian(f)(A), rtol=1e-9, atol=1e-9)
    tangent = draws(3, 3, seed=1)
    found = jit(lambda A: jvp(f, (A,), (tangent,)))(A)
    np.testing.assert_allclose(found, jvp(f, (A,), (tangent,)), rtol=1e-9)


def test_samples_have_matrices_of_their_own(function):
    f = scalar(function)
    samples = draws(5, 4, 4)
    np.testing.assert_allclose(jit(vmap(f))(samples), [f(A) for A in samples], rtol=1e-9)
    total = jit(grad(lambda samples: mean(vmap(f)(samples))))
    np.testing.assert_allclose(total(samples), [grad(f)(A) / 5 for A in samples], rtol=1e-8, atol=1e-10)


def test_a_singular_matrix_gives_inf_or_nan():
    A = np.ones((4, 4))
    assert not np.isfinite(jit(linalg.inv)(A)).any()
    assert not np.isfinite(jit(lambda A: linalg.cholesky(A - 2.0))(A)[-1]).any()


def test_a_nan_spreads():
    A = draws(4, 4)
    A[1, 2] = np.nan
    assert np.isnan(jit(linalg.inv)(A)).any()


def test_products_that_do_not_fit_raise_the_error_of_numpy():
    for x, y in ((draws(3, 4), draws(3, 4)), (draws(3, 4), draws(2))):
        with pytest.raises(ValueError, match="mismatch in its core dimension"):
            jit(lambda x, y: x @ y)(x, y)


@pytest.mark.parametrize(
    ("name", "n"), [("solve", 24), ("inv", 24), ("cholesky", 36), ("product", 24), ("slogdet", 20), ("qr", 20)]
)
def test_large_matrices_take_few_instructions_for_each_entry(large, name, n):
    A, f = draws(n, n) + 10 * np.eye(n), scalar(FUNCTIONS[name])
    compiled = jit(value_and_grad(f))
    value, gradient = compiled(A)
    np.testing.assert_allclose(value, f(A), rtol=1e-10)
    step = draws(n, n, seed=1) / n
    slope = (f(A + 1e-5 * step) - f(A - 1e-5 * step)) / 2e-5
    np.testing.assert_allclose((gradient * step).sum(), slope, rtol=1e-6)
    assert compiled.stats(A).instructions < 12 * n**2  # straight code has 20 to 100 times as many


def test_a_factor_of_mostly_zeros_stays_straight_code(large):
    def last_pivot(x):
        n = len(x)
        rows = [[x[i] + 4.0 if i == j else float(abs(i - j) == 1) for j in range(n)] for i in range(n)]
        return linalg.cholesky(rows)[-1, -1]

    x = np.abs(draws(60))
    compiled = jit(last_pivot)
    assert compiled(x) == pytest.approx(last_pivot(x), rel=1e-12)
    assert "loop" not in str(compiled.program(x))
    assert compiled.stats(x).instructions < 10 * len(x)


def test_the_results_of_a_call_share_what_it_was_called_with(large):
    shifted = custom_derivative(lambda x: [number + 1 for number in x], lambda cotangent, out, x: cotangent)
    seen = []

    def f(x):
        y = shifted(list(x))
        seen.append([number.arguments for number in y])
        return sum(y)

    for gradient in (grad(f), jit(grad(f))):
        assert gradient(np.arange(3.0)).tolist() == [1.0] * 3
        assert seen[-1][0] is seen[-1][1] is seen[-1][2]
