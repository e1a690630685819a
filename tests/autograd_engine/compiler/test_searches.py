"""root and fixed_point in compiled functions: what they find, and derivatives of it, are those of the engine."""

import math
from typing import Any

import numpy as np
import pytest

from autograd_engine import (
    cond,
    cos,
    fixed_point,
    fori_loop,
    grad,
    hessian,
    jacobian,
    jit,
    jvp,
    log,
    mean,
    root,
    scan,
    sin,
    tanh,
    taylor,
    vmap,
    while_loop,
)
from autograd_engine.structure import flatten


def agree(f: Any, *args: Any, modes: tuple[bool, ...] = (False,)) -> None:
    """f compiled and f itself return the same numbers, up to rounding, with these settings of `exact`."""
    plain = flatten(f(*args))
    for exact in modes:
        compiled = flatten(jit(f, exact=exact)(*args))
        assert compiled[1] == plain[1]
        np.testing.assert_allclose(np.array(compiled[0], float), np.array(plain[0], float), rtol=1e-9, atol=1e-11)


def kepler(m: Any, e: Any) -> Any:
    return root(lambda x, m, e: x - e * sin(x) - m, m, m, e)


def kepler_closed(m: Any, e: Any) -> Any:
    return root(lambda x: x - e * sin(x) - m, m)


def oscillating(a: Any, b: Any) -> Any:
    return fixed_point(lambda x, a: a * cos(x) * b, 0.5, a)


def pair(r: Any, m: Any) -> Any:
    return root(lambda p, r: [p[0] ** 2 + p[1] ** 2 - r * r, p[1] - m * p[0]], [1, 2], r)


def layers(w: Any, b: Any) -> Any:
    def layer(x: Any) -> Any:
        return {"b": tanh(w * x["a"][0] + 0.3), "a": np.stack([sin(x["b"] * b), x["a"][0] * 0.5])}

    return fixed_point(layer, {"a": np.zeros(2), "b": 0})


def chain(x: Any, a: Any, b: Any) -> Any:
    left, right = np.concatenate([[0.0], x[:-1]]), np.concatenate([x[1:], [1.0]])
    return 4 * x + np.tanh(x) * a - left - right * b - a


def three(a: Any, b: Any) -> Any:
    return root(lambda x: chain(x, a, b), np.zeros(3))


def total(f: Any) -> Any:
    return lambda *args: sum(x * x * (i + 1) for i, x in enumerate(flatten(f(*args))[0]))


SOLUTIONS = [kepler, kepler_closed, oscillating, pair, layers, three]
BOTH = (0, 1)


@pytest.mark.parametrize("solution", SOLUTIONS)
def test_values_and_derivatives_of_every_order_are_those_of_the_engine(solution):
    f = total(solution)
    for g in (
        solution,
        grad(f, argnums=BOTH),
        hessian(f, argnums=BOTH),
        grad(grad(grad(f), 1)),
        lambda a, b: jvp(f, (a, b), (1.0, 2.0)),
        lambda a, b: jvp(grad(f), (a, b), (1.0, 2.0)),
    ):
        agree(g, 0.7, 0.4, modes=(False, True))


@pytest.mark.parametrize("solution", SOLUTIONS)
def test_derivatives_are_the_limits_of_differences(solution):
    f, h = jit(total(solution)), 1e-5
    slopes = jit(grad(total(solution), argnums=BOTH))(0.7, 0.4)
    differences = (f(0.7 + h, 0.4) - f(0.7 - h, 0.4)) / (2 * h), (f(0.7, 0.4 + h) - f(0.7, 0.4 - h)) / (2 * h)
    assert slopes == pytest.approx(differences, rel=1e-7)


@pytest.mark.parametrize("solution", [kepler, kepler_closed, oscillating, pair])
def test_each_sample_is_solved_for_itself(solution):
    f, a, b = total(solution), np.linspace(0.2, 0.9, 40), np.linspace(0.3, 0.8, 40)
    for g in (
        lambda a, b: vmap(f)(a, b),
        lambda a, b: vmap(grad(f, argnums=BOTH))(a, b),
        lambda a, b: vmap(hessian(f, argnums=BOTH))(a, b),
        grad(lambda a, b: mean(vmap(f)(a, b)), argnums=BOTH),
    ):
        agree(g, a, b)
    shared = lambda b, a: mean(vmap(lambda x: f(x, b))(a))  # noqa: E731
    for g in (grad(shared, argnums=BOTH), grad(grad(shared))):
        agree(g, 0.4, a)


def test_one_sample_that_fails_leaves_the_others_alone():
    found = jit(lambda a: vmap(lambda a: root(lambda x: x * x - a, 1.3))(a))(np.append(np.arange(1.0, 30.0), -1.0))
    assert found[:-1] == pytest.approx(np.sqrt(np.arange(1.0, 30.0)))
    assert math.isnan(found[-1])


@pytest.mark.parametrize("solution", [kepler, kepler_closed, oscillating])
def test_a_search_in_a_loop_has_its_derivatives(solution):
    def repeated(a: Any, b: Any) -> Any:
        return fori_loop(0, 20, lambda i, x: 0.5 * solution(x, b) + 0.1 * a, a)

    def by_statements(a: Any, b: Any) -> Any:
        x = a
        for _ in range(30):
            x = 0.5 * solution(x, b) + 0.1 * a
        return x

    def until(a: Any, b: Any) -> Any:
        return while_loop(lambda x: x > 0.3, lambda x: 0.5 * solution(x, b) - 0.01 * a, a)

    def scanned(a: Any, b: Any) -> Any:
        return scan(lambda x, y: (0.5 * solution(x + y, b), x), a, np.linspace(0.0, 0.2, 20))[0]

    for f in (repeated, by_statements, until, scanned):
        for g in (f, grad(f, argnums=BOTH), grad(grad(f)), lambda a, b, f=f: jvp(f, (a, b), (1.0, 2.0))):
            agree(g, 0.7, 0.4)
    agree(grad(lambda a, b: fori_loop(0, 20, lambda i, x: 0.5 * grad(solution)(x, b) + 0.1 * a, a)), 0.7, 0.4)


def test_an_equation_may_hold_branches_loops_and_derivatives():
    def by_statements(x: Any, a: Any) -> Any:
        power = 1.0
        for _ in range(20):
            power = power * x
        return power - a if x > 1.0 else x - a

    for f in (
        lambda a: root(by_statements, 1.2, a),
        lambda a: root(lambda x: cond(x > 1.0, lambda: x * x - a, lambda: x - a), 3.0),
        lambda a: root(grad(lambda x: (x - a) ** 4 + x * x), 3.0),
        lambda a: root(lambda x: root(lambda y: y**3 - x, 1.0) - a, 3.0),
        lambda a: root(lambda x, power: x**3 - power, 3.0, fori_loop(0, 20, lambda i, x: x * 1.01, a)),
        lambda a: root(lambda x: x**3 - (lambda b: fori_loop(0, 20, lambda i, x: x * b, 1.0))(1 + a / 9), 3.0),
    ):
        for g in (f, grad(f), grad(grad(f))):
            agree(g, 1.5)


def test_an_equation_may_use_arrays_and_samples():
    def cubes(x: Any, a: Any) -> Any:
        return scan(lambda sum_, y: (sum_ + (x - y) ** 3, None), 0.0, a)[0]

    a = np.linspace(0.0, 1.0, 17)
    for f in (
        lambda a: root(lambda x: cubes(x, a), 3.0),
        lambda a: root(cubes, 3.0, a),
        lambda a: root(lambda x: x - mean(vmap(lambda y: cos(x * y))(a)), 1.0),
        lambda a: fori_loop(0, 20, lambda i, x: root(lambda y: cubes(y, a) - x, 2.0), 0.5),
    ):
        for g in (f, grad(f), grad(lambda a, f=f: grad(f)(a) @ a), lambda a, f=f: jvp(f, (a,), (a * a,))):
            agree(g, a)


@pytest.mark.parametrize("samples", [20, 200])
def test_an_equation_may_hold_means_over_samples(samples):
    def mean_of(s: Any, z: Any) -> Any:
        return root(lambda x: x * s - mean(vmap(lambda y: cos(s * y) * x + y * y)(z)), 1.0)

    def mean_of_computed(s: Any, z: Any) -> Any:
        return mean_of(s, vmap(lambda y: sin(y * s) + y)(z))

    z = np.linspace(0.0, 1.0, samples)
    for f in (mean_of, mean_of_computed):
        for g in (f, grad(f), grad(grad(f)), grad(f, 1), lambda s, z, f=f: jvp(lambda s: f(s, z), (s,), (2.0,))):
            agree(g, 1.1, z)
    agree(grad(lambda s, z: fori_loop(0, 20, lambda i, x: mean_of(x + 0.5, z), s)), 1.1, z)


@pytest.mark.parametrize("of", [lambda a: a, lambda a: a * a])
def test_samples_may_share_an_array(of):
    def cubes(b: Any, a: Any) -> Any:
        return root(lambda x: scan(lambda total, y: (total + (x - y) ** 3, None), 0.0, of(a))[0] - b, 3.0)

    a, b = np.linspace(0.0, 1.0, 20), np.linspace(1.0, 2.0, 20)
    agree(lambda a, b: vmap(grad(lambda b: cubes(b, a)))(b), a, b)
    agree(grad(lambda a, b: mean(vmap(lambda b: cubes(b, a))(b)), argnums=BOTH), a, b)


def test_a_list_that_a_loop_changes_may_be_in_the_equation():
    def changed(a: Any) -> Any:
        x, w = a[0], [0.0] * 20
        for i in range(20):
            w[i] = a[i] * x
            x = root(lambda t, y: t**3 + t - y, 1.0, w[i])
        return x + sum(w)

    f, a, h = jit(changed), np.linspace(1.0, 2.0, 20), 1e-6
    differences = [(f(a + h * unit) - f(a - h * unit)) / (2 * h) for unit in np.eye(20)]
    assert jit(grad(changed))(a) == pytest.approx(differences, rel=1e-7)


def test_what_cannot_be_compiled_is_said():
    with pytest.raises(TypeError, match=r"taylor\(\) of root\(\) cannot be compiled; take derivatives by grad"):
        jit(taylor(lambda a: root(lambda x: x**3 - a, 1.0), 3))(2.0)


def test_a_search_is_in_units_of_its_own():
    for scale in (1e-150, 1.0, 1e150):
        agree(lambda s: root(lambda x: 1e100 * (log(x / s) - 2.0), s), scale)
        assert jit(lambda s: fixed_point(lambda x: s * cos(x / s), s))(scale) == pytest.approx(scale * 0.73908513321516)


def test_the_start_may_be_unknown_and_has_no_derivative():
    agree(grad(lambda x0, a: root(lambda x, a: x * x - a, x0, a) * x0, argnums=BOTH), 1.0, 4.0)
    agree(jacobian(lambda x0, a: root(lambda x: x * x - a, x0), argnums=BOTH), np.array([1.0, 2.0]), np.array([4.0, 5]))
    agree(lambda a: [a, root(lambda x: [], []), root(lambda x: x * x - 2, 1.0), fixed_point(cos, 1.0)], 3.0)
    for x0 in (-3.0, 4.0, 20.0):
        agree(lambda x0: root(lambda x: np.arctan(x - 1.0), x0), x0)


@pytest.mark.parametrize(
    "f",
    [
        lambda a: root(lambda x: x * x + a, 1.3),
        lambda a: root(lambda x: x * x + a, 0.0),
        lambda a: root(lambda x: x * x - 100 * a, 1.3, rounds=3),
        lambda a: root(lambda x: log(x) - a, -1.0),
        lambda a: fixed_point(lambda x: 2 * a * x, 1.0, rounds=5),
        lambda a: fixed_point(lambda x: x * a * math.nan, 1.0),
    ],
)
def test_a_search_that_fails_gives_nan_where_the_engine_raises(f):
    with pytest.raises((RuntimeError, np.linalg.LinAlgError)):
        f(1.0)
    assert math.isnan(jit(f)(1.0))


def test_the_last_round_counts_alike():
    for solution in (
        lambda n: lambda a: root(lambda x: x * x - a, 1.0, rounds=n),
        lambda n: lambda a: fixed_point(lambda x: (x + a / x) / 2, 1.0, rounds=n),
    ):
        for rounds in range(9):
            try:
                solution(rounds)(7.0)
                fails = False
            except RuntimeError:
                fails = True
            assert math.isnan(jit(solution(rounds))(7.0)) == fails
