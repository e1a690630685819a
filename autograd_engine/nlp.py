"""Constrained minimisation as solvers for nonlinear programs want it: functions, derivatives, and where these are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_engine.compiler.jit import jit
from autograd_engine.derivatives import flattened, grad, hessian, jacobian
from autograd_engine.primitives import dot
from autograd_engine.structure import flatten


def nlp_problem(
    objective: Callable[[Any], Any], constraints: Callable[[Any], Any] | None = None, x0: Sequence[float] | None = None
) -> NLPProblem:
    """What a solver needs to minimise `objective(x)` while `constraints(x)` stay in bounds, compiled.

    Both take an array of n numbers. `objective` returns one number, `constraints` numbers in any nested structure, m in
    all, which are taken one after another. The result has the methods that IPOPT calls through cyipopt, as in
    `cyipopt.Problem(n=n, m=m, problem_obj=nlp_problem(...), lb=..., ub=..., cl=..., cu=...)`; other solvers can call
    them too, and SciPy takes `sparse_jacobian` and `sparse_hessian`. `x0` says how many variables there are, for those
    who ask where the derivatives are before they ask for any.

    Raises TypeError if either is not a function, ValueError if x0 is not an array of numbers.

    >>> problem = nlp_problem(lambda x: x[0] * x[1], lambda x: x[0] ** 2 + x[2], x0=[1.0, 2.0, 3.0])
    >>> problem.jacobianstructure()
    (array([0, 0], dtype=int32), array([0, 2], dtype=int32))
    >>> problem.jacobian(np.array([5.0, 6.0, 7.0]))
    array([10.,  1.])
    >>> problem.hessianstructure(), problem.hessian(np.array([5.0, 6.0, 7.0]), np.array([3.0]), 1.0)
    ((array([0, 1], dtype=int32), array([0, 0], dtype=int32)), array([6., 1.]))
    """
    return NLPProblem(objective, constraints, x0)


class NLPProblem:
    """A nonlinear program; see `nlp_problem`. A method raises ValueError for an argument of the wrong shape,
    and whatever the function raises that it differentiates."""

    def __init__(
        self, objective: Callable[[Any], Any], constraints: Callable[[Any], Any] | None, x0: Sequence[float] | None
    ) -> None:
        for name, f in [("objective", objective), ("constraints", constraints)]:
            if not callable(f) and not (f is None and name == "constraints"):
                raise TypeError(f"nlp_problem(): {name} must be a function, got {type(f).__name__}")

        def flat(x: Any) -> Any:
            return [] if constraints is None else flatten(constraints(x))[0]

        def lagrangian(x: Any, multipliers: Any, factor: Any) -> Any:
            outputs = flat(x)
            total = factor * objective(x)
            return total + dot(list(multipliers), outputs) if outputs else total

        self._value, self._gradient = jit(objective), jit(flattened(grad(objective)))
        self._constraints = jit(flattened(constraints or flat))
        self._jacobian = jit(jacobian(constraints or flat, sparse=True))
        self._hessian = jit(hessian(lagrangian, sparse=True))
        # By the number of variables: how many constraints there are, which entries of the Hessian are not above its
        # diagonal.
        self._counts: dict[int, int] = {}
        self._below: dict[int, Any] = {}
        self._point = None if x0 is None else self._variables(x0, "x0")

    def objective(self, x: Any) -> float:
        """The value to be minimised."""
        value: float = self._value(self._variables(x))
        return value

    def gradient(self, x: Any) -> Any:
        """Its derivatives, an array (n,)."""
        return self._gradient(self._variables(x))

    def constraints(self, x: Any) -> Any:
        """The constraints, an array (m,)."""
        return self._constraints(self._variables(x))

    def sparse_jacobian(self, x: Any) -> Any:
        """The derivatives of the constraints, a csr_array (m, n)."""
        return self._jacobian(self._variables(x))

    def jacobian(self, x: Any) -> Any:
        """The stored entries of `sparse_jacobian`, an array."""
        return self.sparse_jacobian(x).data

    def jacobianstructure(self) -> tuple[Any, Any]:
        """The rows and the columns of these entries. Raises ValueError while the number of variables is unknown."""
        return _places(self.sparse_jacobian(self._known("jacobianstructure")))

    def sparse_hessian(self, x: Any, multipliers: Any, factor: float = 1.0) -> Any:
        """The second derivatives of `factor * objective(x) + multipliers @ constraints(x)`, a csr_array (n, n)."""
        x, multipliers = self._variables(x), np.asarray(multipliers, dtype=float)
        count = self._count(x)
        if multipliers.shape != (count,):
            raise ValueError(f"expected an array of {count} multipliers, got one of shape {multipliers.shape}")
        return self._hessian(x, multipliers, float(factor))

    def hessian(self, x: Any, lagrange: Any, obj_factor: float) -> Any:
        """The stored entries of `sparse_hessian` on and below the diagonal, an array."""
        if len(x) not in self._below:
            self._variables(x)
            self.hessianstructure()
        return self.sparse_hessian(x, lagrange, obj_factor).data[self._below[len(x)]]

    def hessianstructure(self) -> tuple[Any, Any]:
        """The rows and the columns of these entries. Raises ValueError while the number of variables is unknown."""
        x = self._known("hessianstructure")
        rows, columns = _places(self.sparse_hessian(x, np.ones(self._count(x))))
        below = self._below[len(x)] = rows >= columns
        return rows[below], columns[below]

    def _variables(self, x: Any, name: str = "x") -> Any:
        try:
            x = np.asarray(x, dtype=float)
        except (TypeError, ValueError):
            raise ValueError(f"nlp_problem(): {name} must be an array of numbers, got {type(x).__name__}") from None
        if x.ndim != 1 or not x.size:
            raise ValueError(f"nlp_problem(): {name} must be an array (n,) of numbers, got one of shape {x.shape}")
        self._point = x
        return x

    def _count(self, x: Any) -> int:
        """How many constraints there are."""
        if len(x) not in self._counts:
            self._counts[len(x)] = len(self._constraints(x))
        return self._counts[len(x)]

    def _known(self, caller: str) -> Any:
        if self._point is None:
            raise ValueError(f"{caller}() has to know how many variables there are; give nlp_problem() a point as x0")
        return self._point


def _places(matrix: Any) -> tuple[Any, Any]:
    """The row and the column of each entry of a csr_array."""
    return np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr)), matrix.indices
