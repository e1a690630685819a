"""Nonlinear programs for solvers: the structure and the entries are those of the dense derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograd_engine import exp, grad, hessian, jacobian, jit, nlp_problem, sin, sum, vmap

scipy_sparse = pytest.importorskip("scipy.sparse")
optimize = pytest.importorskip("scipy.optimize")

N = 12


def objective(x: Any) -> Any:
    return sum([(x[i] - i) ** 2 + exp(x[i] * x[i - 1] / 50.0) for i in range(N)])


def constraints(x: Any) -> Any:
    return {"pairs": vmap(lambda a, b: sin(a) - a * b)(x[1:], x[:-1]), "ends": [x[0] + x[N - 1]]}


@pytest.fixture(scope="module")
def problem() -> Any:
    return nlp_problem(objective, constraints, x0=np.ones(N))


def test_the_entries_are_where_the_structure_says(problem: Any) -> None:
    draws = np.random.default_rng(0)
    x, multipliers = draws.normal(size=N), draws.normal(size=N)

    def flat(x: Any) -> Any:
        found = constraints(x)
        return np.concatenate([found["pairs"], found["ends"]])

    assert problem.objective(x) == pytest.approx(objective(x))
    np.testing.assert_allclose(problem.gradient(x), grad(objective)(x), rtol=1e-12)
    np.testing.assert_allclose(problem.constraints(x), flat(x).astype(float), rtol=1e-12)
    dense = np.zeros((N, N))
    dense[problem.jacobianstructure()] = problem.jacobian(x)
    np.testing.assert_allclose(dense, jacobian(flat)(x), rtol=1e-12, atol=1e-14)
    rows, columns = problem.hessianstructure()
    assert (rows >= columns).all()
    dense = np.zeros((N, N))
    dense[rows, columns] = dense[columns, rows] = problem.hessian(x, multipliers, 0.5)
    expected = hessian(lambda x: 0.5 * objective(x) + (multipliers * flat(x)).sum())(x)
    np.testing.assert_allclose(dense, expected, rtol=1e-11, atol=1e-13)


def test_without_constraints_there_are_none() -> None:
    problem = nlp_problem(objective, x0=np.ones(N))
    x = np.linspace(0.0, 1.0, N)
    assert problem.constraints(x).shape == problem.jacobian(x).shape == (0,)
    assert problem.sparse_jacobian(x).shape == (0, N)
    np.testing.assert_allclose(problem.sparse_hessian(x, [], 2.0).toarray(), 2.0 * hessian(objective)(x), rtol=1e-12)


@pytest.mark.parametrize("ready", [True, False])
def test_the_number_of_variables_is_that_of_any_point(ready: bool) -> None:
    problem = nlp_problem(objective, constraints)
    if ready:
        problem.objective(np.ones(N))
        assert len(problem.jacobianstructure()[0]) == 2 * N
    else:
        for structure in problem.jacobianstructure, problem.hessianstructure:
            with pytest.raises(ValueError, match=r"structure\(\) has to know how many variables there are; give"):
                structure()


def test_wrong_arguments_are_refused(problem: Any) -> None:
    with pytest.raises(TypeError, match=r"^nlp_problem\(\): constraints must be a function, got list$"):
        nlp_problem(objective, [])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^nlp_problem\(\): objective must be a function, got NoneType$"):
        nlp_problem(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^nlp_problem\(\): x0 must be an array \(n,\) of numbers, got one of shape "):
        nlp_problem(objective, constraints, np.ones((2, 2)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^nlp_problem\(\): x must be an array of numbers, got str$"):
        problem.objective("text")
    with pytest.raises(ValueError, match=r"^expected an array of 12 multipliers, got one of shape \(3,\)$"):
        problem.hessian(np.ones(N), np.ones(3), 1.0)


def test_scipy_takes_sparse_derivatives(problem: Any) -> None:
    bounds = np.zeros(N)
    constraint = optimize.NonlinearConstraint(
        problem.constraints,
        bounds,
        bounds,
        jac=problem.sparse_jacobian,
        hess=lambda x, v: problem.sparse_hessian(x, v, 0.0),
    )
    found = optimize.minimize(
        problem.objective,
        np.full(N, 0.1),
        jac=problem.gradient,
        hess=lambda x: problem.sparse_hessian(x, np.zeros(N)),
        constraints=[constraint],
        method="trust-constr",
        options={"gtol": 1e-9, "xtol": 1e-12},
    )
    dense = optimize.minimize(
        problem.objective,
        np.full(N, 0.1),
        jac=problem.gradient,
        constraints=[
            {"type": "eq", "fun": problem.constraints, "jac": lambda x: problem.sparse_jacobian(x).toarray()},
        ],
        method="SLSQP",
        options={"ftol": 1e-12},
    )
    assert dense.success
    assert abs(problem.constraints(found.x)).max() < 1e-7
    assert found.fun == pytest.approx(dense.fun, rel=1e-6)


def test_least_squares_takes_a_sparse_jacobian() -> None:
    def rosenbrock(x: Any) -> Any:
        return np.concatenate([vmap(lambda a, b: 10.0 * (b - a * a))(x[:-1], x[1:]), 1.0 - x])

    residuals, slopes = jit(rosenbrock), jit(jacobian(rosenbrock, sparse=True))
    found = optimize.least_squares(residuals, np.full(50, 0.5), jac=slopes, method="trf", tr_solver="lsmr")
    np.testing.assert_allclose(found.x, np.ones(50), atol=1e-5)


def test_ipopt_solves_it(problem: Any) -> None:
    cyipopt = pytest.importorskip("cyipopt")
    solver = cyipopt.Problem(n=N, m=N, problem_obj=problem, lb=None, ub=None, cl=np.zeros(N), cu=np.zeros(N))
    solver.add_option("print_level", 0)
    solver.add_option("sb", "yes")
    solver.add_option("tol", 1e-10)
    x, info = solver.solve(np.full(N, 0.1))
    assert info["status"] == 0
    assert abs(problem.constraints(x)).max() < 1e-8
