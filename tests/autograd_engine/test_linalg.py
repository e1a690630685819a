"""Laws of linear algebra: NumPy's values, derivatives that finite differences confirm, and compiled the same."""

import copy
import pickle

import mpmath
import numpy as np
import pytest

from autograd_engine import (
    Value,
    check_gradients,
    explain,
    fori_loop,
    grad,
    hessian,
    jacobian,
    jit,
    jvp,
    linalg,
    mean,
    sqrt,
    to_html,
    to_svg,
    vmap,
    why,
)
from autograd_engine.graph import topological_order
from autograd_engine.number_arrays import NumberArray, number_array


def draws(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def values_of(array):
    array = np.asarray(array, dtype=float)
    return number_array([Value(x) for x in array.ravel().tolist()], array.shape)


def data_of(x):
    """The numbers in what a function returned, as float arrays."""
    if isinstance(x, tuple):
        return tuple(map(data_of, x))
    array = np.asarray(x, dtype=object)
    return np.array([x.data if isinstance(x, Value) else x for x in array.ravel()], dtype=float).reshape(array.shape)


def assert_same(found, expected, rtol=1e-12, atol=1e-13):
    if isinstance(expected, tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected):
            assert_same(one, other, rtol, atol)
    else:
        assert np.shape(found) == np.shape(expected)
        np.testing.assert_allclose(data_of(found), expected, rtol, atol)


SQUARE = {
    "solve": lambda A: np.linalg.solve(A, draws(A.shape[-1], seed=1)),
    "solve of matrices": lambda A: np.linalg.solve(A, draws(A.shape[-1], 2, seed=1)),
    "inv": np.linalg.inv,
    "det": np.linalg.det,
    "slogdet": lambda A: tuple(np.linalg.slogdet(A)),
    "expm": linalg.expm,
    "matrix_power 5": lambda A: np.linalg.matrix_power(A, 5),
    "matrix_power -2": lambda A: np.linalg.matrix_power(A, -2),
    "pinv": np.linalg.pinv,
    "cond 1": lambda A: np.linalg.cond(A, 1),
    "matrix_power 0": lambda A: np.linalg.matrix_power(A, 0) + 0 * A,
}
FACTORS = {
    "cholesky": lambda A: np.linalg.cholesky(A @ np.swapaxes(A, -1, -2) + np.eye(A.shape[-1])),
    "upper cholesky": lambda A: linalg.cholesky(A @ np.swapaxes(A, -1, -2) + np.eye(A.shape[-1]), upper=True),
    "qr": lambda A: tuple(np.linalg.qr(A)),
    "r of qr": lambda A: np.linalg.qr(A, "r"),
}


def projections(A):
    """For each eigenvector the matrix that projects onto it, which does not depend on its sign."""
    V = np.linalg.eigh(A)[1]
    return V[..., :, None, :] * V[..., None, :, :]


SPECTRAL = {
    "eigenvalues": lambda A: np.linalg.eigh(A)[0],
    "eigenvectors": lambda A: np.linalg.eigh(A)[1],
    "projections": projections,
    "eigvalsh": lambda A: np.linalg.eigvalsh(A),
    "cond": np.linalg.cond,
    "norm 2": lambda A: np.linalg.norm(A, 2, axis=(-2, -1)),
}
NORMS = {
    f"norm {ord!r} over {axis}": (lambda A, ord=ord, axis=axis: np.linalg.norm(A, ord, axis))
    for axis, orders in [
        (None, [None, "fro", 1, -1, np.inf, -np.inf]),
        (1, [None, 1, 2, 3, 2.5, -1, 0, np.inf, -np.inf]),
    ]
    for ord in orders
}
FUNCTIONS = SQUARE | FACTORS | SPECTRAL | NORMS


def scalar(f):
    """A number that depends on all results of f."""

    def weighted(A):
        results = f(A)
        total = 0.0
        for i, result in enumerate(results if isinstance(results, tuple) else (results,)):
            numbers = np.asarray(result, dtype=object).ravel()
            total = total + sum(x * weight for x, weight in zip(numbers, draws(numbers.size, seed=i)))
        return total

    return weighted


@pytest.fixture(params=FUNCTIONS)
def function(request):
    return FUNCTIONS[request.param]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6])
def test_values_are_those_of_numpy(function, n):
    A = draws(n, n)
    assert_same(function(values_of(A)), function(A), rtol=1e-10, atol=1e-12)


def test_leading_axes_are_those_of_numpy(function):
    A = draws(2, 1, 3, 3)
    if function not in NORMS.values():
        assert_same(function(values_of(A)), function(A))


def test_forward_mode_and_reverse_mode_agree(function):
    A, direction = draws(3, 3), draws(3, 3, seed=3)
    f = scalar(function)
    assert jvp(f, (A,), (direction,))[1] == pytest.approx((grad(f)(A) * direction).sum(), rel=1e-11, abs=1e-11)


def check_derivatives(f, A):
    """Hold the gradient, and its change along one direction, against finite differences."""
    along, weights = draws(*A.shape, seed=2), draws(*A.shape, seed=3)
    check_gradients(f, A)
    check_gradients(lambda t: (weights * grad(f)(A + t * along)).sum(), 0.0)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_derivatives_agree_with_finite_differences(function, n):
    A = draws(n, n)
    check_derivatives(scalar(function), A)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "eigenvectors"])
@pytest.mark.parametrize("n", [2, 4])
def test_compiled_they_are_the_same(name, n):
    A = draws(n, n)
    f = scalar(FUNCTIONS[name])
    value = jit(f, exact=True)(A)
    expected = data_of(f(values_of(A)))
    assert value == (pytest.approx(expected, rel=1e-13) if name in SPECTRAL else expected)
    assert_same(jit(grad(f))(A), grad(f)(A), rtol=1e-11, atol=1e-11)
    if n == 2:
        second = grad(lambda A: (grad(f)(A) * A).sum())
        assert_same(jit(second)(A), second(A), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "eigenvectors"])
def test_samples_have_matrices_of_their_own(name):
    A = draws(5, 3, 3)
    f = scalar(FUNCTIONS[name])
    assert_same(jit(vmap(grad(f)))(A), vmap(grad(f))(A), rtol=1e-11, atol=1e-11)


RECTANGULAR = {
    "qr": lambda A: tuple(np.linalg.qr(A)),
    "complete qr": lambda A: tuple(np.linalg.qr(A, mode="complete")),
    "lstsq": lambda A: tuple(np.linalg.lstsq(A, draws(len(A), seed=1), rcond=None)[:2]),
    "lstsq of matrices": lambda A: tuple(np.linalg.lstsq(A, draws(len(A), 2, seed=1), rcond=None)[:2]),
    "lstsq by b": lambda A: tuple(np.linalg.lstsq(draws(4, len(A), seed=1).T, A, rcond=None)[:2]),
}


@pytest.mark.parametrize("shape", [(1, 3), (3, 1), (3, 3), (4, 2), (2, 4)])
@pytest.mark.parametrize("name", RECTANGULAR)
def test_matrices_need_not_be_square(name, shape):
    function, A = RECTANGULAR[name], draws(*shape)
    assert_same(function(values_of(A)), function(A))
    f = scalar(function)
    check_derivatives(f, A)
    assert jit(f, exact=True)(A) == data_of(f(values_of(A)))
    assert_same(jit(grad(f))(A), grad(f)(A), rtol=1e-11, atol=1e-11)


def test_the_signs_of_qr_are_those_of_numpy_and_derivatives_stay_right_where_they_jump():
    for A in (np.triu(draws(3, 3)), -np.eye(3), draws(3, 3), np.eye(4, 2)):
        assert_same(np.linalg.qr(values_of(A)), tuple(np.linalg.qr(A)))
        assert_same(jit(lambda A: tuple(np.linalg.qr(A)))(A), tuple(np.linalg.qr(A)))
        assert_same(jacobian(lambda A: np.matmul(*np.linalg.qr(A)))(A), np.eye(A.size).reshape(A.shape * 2), atol=1e-12)


def test_one_triangle_of_a_symmetric_matrix_is_read():
    A = np.array([[4.0, 2.0], [2.0, 5.0]])
    for upper, zero in ((False, (0, 1)), (True, (1, 0))):
        slopes = grad(lambda A, upper=upper: linalg.cholesky(A, upper=upper).sum())(A)
        assert slopes[zero] == 0.0
        assert slopes[zero[::-1]] != 0.0


def test_least_squares_tell_the_rank_and_the_singular_values():
    A, b = draws(4, 2), draws(4, seed=1)
    expected = np.linalg.lstsq(A, b, rcond=None)
    found = linalg.lstsq(values_of(A), b)
    assert_same(found.x, expected[0])
    assert_same(found.residuals, expected[1])
    assert found.rank == 2
    assert_same(found.s, expected[3])
    assert jit(lambda A: tuple(linalg.lstsq(A, b)))(A)[2:] == (2, None)


def test_least_squares_by_the_right_hand_side_alone_need_no_rank():
    A = np.ones((3, 2))
    x, residuals, rank, _ = linalg.lstsq(A, values_of([1.0, 2.0, 6.0]))
    assert_same(x, [1.5, 1.5])
    assert (rank, len(residuals)) == (1, 0)
    assert_same(jacobian(lambda b: np.linalg.lstsq(A, b, rcond=None)[0])(np.ones(3)), np.full((2, 3), 1 / 6))
    with pytest.raises(np.linalg.LinAlgError, match=r"^lstsq\(\): a has the rank 1, less than 2, so x has no deriv"):
        linalg.lstsq(values_of(A), [1.0, 2.0, 6.0])


@pytest.mark.parametrize("A", [[[1.0, 2.0], [2.0, 1.0]], [[0.0]], [[-1.0]]])
def test_only_positive_definite_matrices_have_a_cholesky_factor(A):
    for make in (values_of, np.array):
        with pytest.raises(np.linalg.LinAlgError, match=r"^cholesky\(\): .*not positive definite"):
            linalg.cholesky(make(A))
    assert not np.isfinite(jit(grad(lambda A: linalg.cholesky(A).sum()))(np.array(A))).all()


def test_a_dependent_column_leaves_nothing_to_reflect():
    with pytest.raises(np.linalg.LinAlgError, match=r"^qr\(\): nothing is left of column 1, so the factors have"):
        linalg.qr(values_of([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]))


# --- eigenvalues and exponentials ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_compiled_eigenvectors_are_eigenvectors(n):
    for A in (draws(n, n), np.diag(10.0 ** np.linspace(-8, 8, n)) + 1.0, np.ones((n, n)), np.eye(n), np.zeros((n, n))):
        A = A + A.T
        size = abs(A).max() + 1e-300
        values, V = jit(lambda A: tuple(np.linalg.eigh(A)))(A)
        assert_same(V.T @ V, np.eye(n), atol=3e-14)
        assert_same((V * values) @ V.T / size, A / size, atol=3e-14)
        assert_same(values / size, np.linalg.eigvalsh(A) / size, atol=3e-14)


def test_one_triangle_is_read_for_eigenvalues():
    A = draws(3, 3)
    for uplo, triangle in (("L", np.tril(A)), ("U", np.triu(A))):
        whole = triangle + triangle.T - np.diag(np.diag(A))
        values, V = linalg.eigh(values_of(A), UPLO=uplo)
        assert_same((data_of(V) * data_of(values)) @ data_of(V).T, whole)
        assert_same(linalg.eigvalsh(values_of(A), uplo), linalg.eigvalsh(A, uplo))
        assert_same(V, linalg.eigh(A, uplo).eigenvectors)
        slopes = grad(lambda A, uplo=uplo: linalg.eigvalsh(A, uplo)[0])(A)
        assert (slopes[triangle == 0] == 0).all()
        assert (slopes[triangle != 0] != 0).all()


def test_equal_eigenvalues_have_a_smooth_sum_and_vectors_without_derivatives():
    A = np.diag([2.0, 1.0, 1.0])
    for compiled in (lambda f: f, jit):
        assert_same(compiled(grad(lambda A: np.linalg.eigvalsh(A)[:2].sum()))(A), np.diag([0.0, 1.0, 1.0]))
        assert_same(compiled(grad(lambda A: np.linalg.eigvalsh(A)[2]))(A), np.diag([1.0, 0.0, 0.0]))
        assert np.isnan(compiled(grad(lambda A: np.linalg.eigh(A)[1][2, 0]))(A)).any()


def test_what_has_no_eigenvalues_is_nan():
    w, V = linalg.eigh(values_of([[np.nan, 1.0], [1.0, 2.0]]))
    assert np.isnan(data_of(w)).all()
    assert np.isnan(data_of(V)).all()
    w[0].backward()


def test_third_derivatives_of_an_eigenvalue_are_those_of_its_formula():
    def by_formula(x):
        return (3 + x + sqrt((3 - x) ** 2 + 4 * x**2)) / 2

    f = lambda x: linalg.eigvalsh([[3.0, x], [x, x]])[1]  # noqa: E731
    for _ in range(4):
        assert f(0.7) == pytest.approx(by_formula(0.7), rel=1e-12)
        f, by_formula = grad(f), grad(by_formula)


@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, -40.0])
def test_exponentials_are_those_of_mpmath(scale):
    A = draws(4, 4) * scale
    with mpmath.workdps(60):
        expected = np.array(mpmath.expm(mpmath.matrix(A.tolist())).tolist(), dtype=float)
    allowed = 1e-15 * (1 + abs(A).sum()) * abs(expected).max()
    for found in (linalg.expm(A), linalg.expm(values_of(A)), jit(linalg.expm)(A)):
        assert abs(data_of(found) - expected).max() <= allowed


@pytest.mark.parametrize("x", [0.5, -0.5, 0.5000001, 3.9, 4.1])
def test_no_digit_is_left_to_a_further_term_of_the_series(x):
    expected = pytest.approx(np.exp(x), rel=4e-15)
    assert linalg.expm([[x]])[0, 0] == expected
    assert jit(linalg.expm)(np.array([[x]]))[0, 0] == expected


def test_exponentials_beyond_the_squarings_of_a_compiled_function_are_nan():
    A = np.diag([-1e5, -1.0])  # at its seventeenth squaring
    assert_same(linalg.expm(values_of(A)), np.diag([0.0, np.exp(-1.0)]), rtol=1e-8)
    assert np.isnan(jit(linalg.expm)(A)).any()
    assert np.isnan(linalg.expm([[np.nan]])).all()
    assert linalg.expm(np.diag([1000.0, 0.0]))[0, 0] == np.inf
    assert linalg.expm(np.zeros((0, 0))).shape == (0, 0)


# --- shapes and arguments ------------------------------------------------------------------------------------------


def test_arrays_of_floats_are_left_to_numpy():
    A, b = draws(3, 3), draws(3)
    assert (linalg.solve(A, b) == np.linalg.solve(A, b)).all()
    assert (linalg.inv(A) == np.linalg.inv(A)).all()
    assert linalg.det(A) == np.linalg.det(A)
    assert linalg.norm(A, "fro") == np.linalg.norm(A, "fro")
    assert linalg.solve([[2, 0], [0, 4]], [1, 1]).tolist() == [0.5, 0.25]


def test_a_plain_array_of_values_needs_the_functions_of_this_package():
    A = np.array([[Value(2.0), 1.0], [1.0, Value(3.0)]])
    assert type(A) is np.ndarray
    assert isinstance(linalg.inv(A), NumberArray)
    assert linalg.det(A).data == 5.0


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3, 3), (3,)),
        ((3, 3), (3, 2)),
        ((4, 3, 3), (3, 2)),
        ((2, 1, 3, 3), (5, 3, 1)),
        ((3, 3), (4, 3, 2)),
        ((4, 3, 3), (3,)),
    ],
)
def test_systems_are_broadcast_as_in_numpy(a, b):
    A, B = draws(*a), draws(*b, seed=1)
    expected = np.linalg.solve(A, B)
    for found in (linalg.solve(values_of(A), B), linalg.solve(A, values_of(B)), linalg.solve(A, B)):
        assert_same(found, expected)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    ("shape", "ord", "axis"),
    [((4,), None, None), ((2, 3, 4), None, None), ((2, 3, 4), 1, (2, 0)), ((2, 3, 4), "fro", (-2, -1)), ((2, 3), 3, 0)],
)
def test_norms_along_axes_are_those_of_numpy(shape, ord, axis, keepdims):
    x = draws(*shape)
    assert_same(linalg.norm(values_of(x), ord, axis, keepdims), np.linalg.norm(x, ord, axis, keepdims))


@pytest.mark.parametrize("shape", [(0, 0), (0, 2, 2), (3, 0, 0)])
def test_empty_matrices_are_as_in_numpy(shape):
    empty = np.empty(shape, dtype=object).view(NumberArray)
    assert_same(linalg.det(empty), np.linalg.det(np.zeros(shape)))
    assert linalg.inv(empty).shape == shape
    assert linalg.solve(values_of(draws(2, 2)), np.zeros((2, 0))).shape == (2, 0)
    assert linalg.cholesky(empty).shape == shape
    assert linalg.expm(empty).shape == shape
    assert linalg.eigh(empty).eigenvalues.shape == shape[:-1]
    assert linalg.qr(empty).Q.shape == shape


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda V: linalg.inv(V(2, 3)),
            r"inv\(\): a must hold square matrices .*, got the shape \(2, 3\)",
        ),
        (lambda V: linalg.det(V(2)), r"det\(\): a must hold square matrices .*\(2,\)"),
        (
            lambda V: linalg.solve(V(2, 2), V(3)),
            r"solve\(\): b of shape \(3,\) does not fit matrices of shape \(2, 2",
        ),
        (lambda V: linalg.solve(V(2, 2), V()), r"solve\(\): b of shape \(\) does not fit"),
        (
            lambda V: linalg.solve(V(2, 2, 2), V(3, 2, 2)),
            r"solve\(\): the axes before the matrices do not fit together: \(2,\) and \(3,\)",
        ),
        (lambda V: linalg.slogdet(V(3, 2)), r"slogdet\(\): a must hold square"),
        (lambda V: linalg.eigh(V(3, 2)), r"eigh\(\): a must hold square"),
        (lambda V: linalg.eigvalsh(V(2)), r"eigvalsh\(\): a must hold square"),
        (lambda V: linalg.expm(V(3, 2)), r"expm\(\): a must hold square"),
        (lambda V: linalg.cholesky(V(3, 2)), r"cholesky\(\): a must hold square"),
        (lambda V: linalg.qr(V(3)), r"qr\(\): a must hold matrices \(\.\.\., m, n\), got the shape \(3,\)"),
        (
            lambda V: linalg.lstsq(V(2, 3, 3), V(3)),
            r"lstsq\(\): a must be one matrix .* \(2, 3, 3\)",
        ),
        (
            lambda V: linalg.lstsq(V(3, 3), V(2)),
            r"lstsq\(\): b of shape \(2,\) does not fit a matrix",
        ),
        (lambda V: linalg.matrix_power(V(3, 2), 2), r"matrix_power\(\): a must hold square"),
    ],
)
def test_shapes_that_do_not_fit_are_named(call, sentence):
    for make in (lambda *shape: values_of(draws(*shape)), draws):
        with pytest.raises(np.linalg.LinAlgError, match="^" + sentence):
            call(make)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: linalg.inv([[1j]]), r"inv\(\): a: expected a real number .* complex"),
        (lambda: linalg.inv([["x"]]), r"inv\(\): a: expected a real number .* str"),
        (lambda: linalg.solve([[1.0]], [None]), r"solve\(\): b: expected a real number .* NoneType"),
        (lambda: linalg.det(np.ma.masked_array([[1.0]])), r"det\(\): a: expected a plain array, got a MaskedArray"),
        (lambda: linalg.matrix_power(np.eye(2), 1.5), r"matrix_power\(\): n must be a whole number, got 1\.5"),
        (lambda: linalg.qr(np.eye(2), "raw"), r"qr\(\): mode must be \"reduced\", \"complete\" or \"r\", got 'raw'"),
        (lambda: linalg.eigh(np.eye(2), "l"), r"eigh\(\): UPLO must be \"L\" or \"U\", got 'l'"),
        (
            lambda: linalg.eigh(values_of(np.eye(101))),
            r"eigh\(\): derivatives are for matrices of up to 100 rows, got 101",
        ),
        (lambda: linalg.inv([[1.0, 2.0], [3.0]]), r"inv\(\): a: "),
        (
            lambda: linalg.norm(values_of(np.eye(2)), "nuc"),
            r"norm\(\): the norm of order 'nuc'",
        ),
        (lambda: linalg.norm(values_of(np.ones(2)), "fro"), r"Invalid norm order"),
        (lambda: linalg.norm(values_of(np.ones((2, 2))), None, 2), r"axis 2 is out of bounds"),
    ],
)
def test_arguments_that_are_none_are_named(call, sentence):
    with pytest.raises((TypeError, ValueError), match="^" + sentence):
        call()


# --- singular and ill-conditioned ----------------------------------------------------------------------------------

SINGULAR = {
    "zeros": np.zeros((4, 4)),
    "ones": np.ones((4, 4)),
    "rank 3, first columns independent": np.diag([1.0, 2.0, 3.0, 0.0]),
    "rank 3, first column zero": np.diag([0.0, 2.0, 3.0, 1.0])[[1, 0, 2, 3]],
    "rank 3, first columns dependent": np.array([[1.0, 2, 0, 1], [2, 4, 1, 0], [4, 8, 0, 2], [1, 2, 4, 1]]),
    "rank 2": np.diag([1.0, 0.0, 0.0, 2.0]),
}


def determinant(A):
    """By expansion along the first row."""
    if len(A) == 1:
        return A[0][0]
    minors = [[row[:j] + row[j + 1 :] for row in A[1:]] for j in range(len(A))]
    return sum((-1) ** j * x * determinant(minor) for j, (x, minor) in enumerate(zip(A[0], minors)))


@pytest.mark.parametrize("name", SINGULAR)
def test_derivatives_of_the_determinant_are_right_where_it_is_zero(name):
    A = SINGULAR[name]
    by_expansion = lambda A: determinant(A.tolist())  # noqa: E731
    assert linalg.det(values_of(A)).data == 0
    assert jit(linalg.det)(A) == 0
    assert_same(grad(linalg.det)(A), grad(by_expansion)(A), atol=1e-12)
    assert_same(jit(grad(linalg.det))(A), grad(by_expansion)(A), atol=1e-12)
    assert_same(hessian(linalg.det)(A), hessian(by_expansion)(A), atol=1e-11)


@pytest.mark.parametrize("name", SINGULAR)
def test_a_singular_matrix_has_no_inverse(name):
    A = SINGULAR[name]
    for call in (linalg.inv, lambda A: linalg.solve(A, np.ones(4)), lambda A: linalg.matrix_power(A, -1)):
        with pytest.raises(np.linalg.LinAlgError, match=r"^(inv|solve)\(\): .*[Ss]ingular"):
            call(values_of(A))
        with pytest.raises(np.linalg.LinAlgError, match=r"^(inv|solve)\(\): .*[Ss]ingular"):
            call(A)
        assert not np.isfinite(jit(call)(A)).all()
    sign, logarithm = linalg.slogdet(values_of(A))
    assert (sign, logarithm.data) == (0.0, -np.inf)
    assert jit(lambda A: tuple(linalg.slogdet(A)))(A) == (0.0, -np.inf)
    slopes = grad(lambda A: linalg.slogdet(A).logabsdet)
    assert not np.isfinite(slopes(A)).all()
    assert not np.isfinite(jit(slopes)(A)).all()


def test_ill_conditioned_systems_lose_no_more_than_their_condition():
    n = 8
    hilbert = np.array([[1 / (i + j + 1) for j in range(n)] for i in range(n)])
    with mpmath.workdps(60):
        exact = mpmath.matrix(hilbert.tolist()) ** -1
        inverse = np.array(exact.tolist(), dtype=float)
        determinant = float(mpmath.det(mpmath.matrix(hilbert.tolist())))
    allowed = 1e-15 * np.linalg.cond(hilbert)
    size = abs(inverse).max()
    assert abs(data_of(linalg.inv(values_of(hilbert))) - inverse).max() <= allowed * size
    assert linalg.det(values_of(hilbert)).data == pytest.approx(determinant, rel=allowed)
    slopes = grad(lambda A: linalg.slogdet(A).logabsdet)(hilbert)
    assert abs(slopes - inverse.T).max() <= allowed * size


@pytest.mark.parametrize("n", [4, 8])
def test_derivatives_at_ill_conditioned_matrices_lose_no_more_than_the_condition(n):
    hilbert = np.array([[1 / (i + j + 1) for j in range(n)] for i in range(n)])
    b, c = np.ones(n), np.arange(1.0, n + 1)
    with mpmath.workdps(60):
        inverse = mpmath.matrix(hilbert.tolist()) ** -1
        x, y = inverse * mpmath.matrix(b.tolist()), inverse.T * mpmath.matrix(c.tolist())
        by_solution = -np.array((y * x.T).tolist(), dtype=float)
        by_logarithm = np.array(inverse.tolist(), dtype=float)
    solved = grad(lambda A: c @ np.linalg.solve(A, b))
    least = grad(lambda A: c @ np.linalg.lstsq(A, b, rcond=None)[0])
    factor = grad(lambda A: sum(np.log(x) for x in np.diag(np.linalg.cholesky(A))))
    for found, expected in [
        (solved(hilbert), by_solution),
        (jit(solved)(hilbert), by_solution),
        (least(hilbert), by_solution),
        (factor(hilbert) + factor(hilbert).T, by_logarithm),
    ]:
        assert abs(found - expected).max() <= 1e-15 * np.linalg.cond(hilbert) * abs(expected).max()


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_columns_whose_squares_are_out_of_range_are_factorised(scale):
    A = draws(3, 2) * scale
    expected = np.linalg.qr(A)
    for Q, R in (linalg.qr(values_of(A)), jit(lambda A: tuple(np.linalg.qr(A)))(A)):
        assert_same(Q, expected.Q)
        assert_same(data_of(R) / scale, expected.R / scale)
    by_scale = jacobian(lambda A: np.linalg.qr(A)[0])(A) * scale
    assert_same(by_scale, jacobian(lambda A: np.linalg.qr(A)[0])(A / scale))


def test_no_pivot_is_small_although_the_first_number_is():
    A = np.array([[1e-20, 1.0], [1.0, 1.0]])
    for function in (linalg.inv, jit(linalg.inv)):
        assert_same(function(values_of(A) if function is linalg.inv else A), [[-1.0, 1.0], [1.0, 0.0]], atol=1e-15)


def test_determinants_beyond_the_range_of_floats_have_a_logarithm():
    A = 1e-200 * np.eye(3)[[1, 0, 2]]
    assert linalg.slogdet(values_of(A)).sign == -1.0
    assert linalg.slogdet(values_of(A)).logabsdet.data == pytest.approx(3 * np.log(1e-200))


def test_nan_spreads_and_does_not_raise():
    A = draws(3, 3)
    A[1, 2] = np.nan
    assert np.isnan(data_of(linalg.inv(values_of(A)))).any()
    assert np.isnan(linalg.det(values_of(A)).data)
    assert np.isnan(data_of(linalg.cholesky(values_of(A @ A.T)))).any()
    assert np.isnan(data_of(linalg.qr(values_of(A)).R)).any()
    assert np.isnan(data_of(linalg.lstsq(values_of(A), np.ones(3)).x)).any()


def test_the_norm_of_zeros_has_the_slope_zero():
    assert grad(linalg.norm)(np.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    assert jit(grad(linalg.norm))(np.zeros(3)).tolist() == [0.0, 0.0, 0.0]


# --- graphs --------------------------------------------------------------------------------------------------------


def test_graphs_of_solutions_are_ordinary_graphs():
    A, b = values_of(draws(3, 3)), values_of(draws(3, seed=1))
    total = linalg.solve(A, b).sum()
    total.backward()
    slopes = grad(lambda b: linalg.solve(draws(3, 3), b).sum())(draws(3, seed=1))
    assert_same(np.array([x.grad for x in b]), slopes)
    for other in (copy.deepcopy(total), pickle.loads(pickle.dumps(total))):
        assert other.data == total.data
    assert "<svg" in to_svg(linalg.det(values_of(draws(2, 2))))
    x = Value(3.0, label="x")
    assert str(explain(linalg.det([[x, 1.0], [2.0, 5.0]]), x)).endswith("= 5")
    values, vectors = linalg.eigh([[x, 1.0], [1.0, 2.0]])
    total = values[0] * vectors[1, 0]
    expected = explain(total, x).number
    total.backward()
    assert x.grad == pytest.approx(expected)
    assert pickle.loads(pickle.dumps(total)).data == total.data
    assert "λ0" in to_svg(total)
    assert "<html" in to_html(total)
    assert str(why(total))
    zero = linalg.slogdet(np.array([[Value(0.0)]])).logabsdet
    assert "log" in str(why(zero))


def test_zeros_in_a_matrix_make_no_nodes():
    n = 30
    A = np.diag(values_of(2 + draws(n) ** 2))
    A = np.where(np.eye(n, dtype=bool), A, 0.0)
    assert len(topological_order([linalg.solve(A, np.ones(n)).sum()])) <= 5 * n


def test_a_loss_over_samples_compiles():
    X, y = draws(20, 2, 2), draws(20, 2, seed=1)

    def loss(w, X, y):
        return mean(vmap(lambda x, y: (np.linalg.solve(x + np.eye(2) * 5 * w, y) ** 2).sum())(X, y))

    assert jit(grad(loss))(1.0, X, y) == pytest.approx(grad(loss)(1.0, X, y), rel=1e-12)


def test_what_is_found_in_a_loop_stays_in_the_loop():
    A = draws(3, 3)
    A = A @ A.T + np.eye(3)

    def f(A):
        x = fori_loop(0, 30, lambda i, x: np.linalg.solve(A, x) / 2 + np.linalg.eigvalsh(A), np.ones(3))
        return x.sum() + np.linalg.eigvalsh(A)[2]

    assert_same(jit(grad(f))(A), grad(f)(A))


def test_the_jacobian_of_an_inverse_is_minus_the_product_of_inverses():
    A = draws(3, 3)
    inverse = np.linalg.inv(A)
    assert_same(jacobian(np.linalg.inv)(A), -np.einsum("ij,kl->iljk", inverse, inverse).transpose(0, 1, 2, 3))
