"""Random programs of nested statements: compiled equals uncompiled bit for bit, for every sample, slopes included."""

import itertools
import linecache

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from autograd_engine import TraceError, exp, grad, hessian, jacobian, jit, sin, tanh, value_and_grad, vjp, vmap
from autograd_engine.compiler.statements import paths
from autograd_engine.compiler.trace import traced
from tests.autograd_engine.compiler import random_programs
from tests.autograd_engine.compiler.test_statements import same_bits
from tests.nested import numbers

VARIABLES = ("x", "y", "a", "b")


@st.composite
def conditions(draw):
    variable, number = st.sampled_from(VARIABLES), st.floats(-1, 1).map(lambda x: f"{x:.2f}")
    comparison = f"{draw(variable)} {draw(st.sampled_from(['<', '<=', '>', '>=', '==']))} {draw(variable | number)}"
    forms = ["{}", "not {}", "{} and y < b", "{} or a > x", "-1 < {}", "not ({} or x > 0.5)"]
    return draw(st.sampled_from(forms)).format(comparison)


@st.composite
def expressions(draw):
    one, other = (draw(st.sampled_from(VARIABLES)) for _ in range(2))
    forms = ["{} + {}", "{} * {}", "{} - 0.3 * {}", "{} / {}", "sin({}) + {}", "tanh({} * {})", "max({}, {})"]
    choice = f"{{}} if {draw(conditions())} else {{}} if {draw(conditions())} else x"
    forms += ["min({}, {}, 0.5)", f"({choice})", "exp(-{} * {})"]
    return draw(st.sampled_from(forms)).format(one, other)


@st.composite
def blocks(draw, depth, loops):
    """The lines of a block of statements."""
    lines = []
    for _ in range(draw(st.integers(1, 2 - (loops and depth < 2)))):
        kind = draw(st.sampled_from(["assign", "add", "if", "if", "for", "return", "leave"]))
        if kind == "if" and depth:
            lines += [f"if {draw(conditions())}:", *draw(blocks(depth - 1, loops))]
            if draw(st.booleans()):
                lines += [f"elif {draw(conditions())}:", *draw(blocks(depth - 1, loops))]
            if draw(st.booleans()):
                lines += ["else:", *draw(blocks(depth - 1, loops))]
        elif kind == "for" and depth and not loops:
            lines += ["for i in range(2):", *draw(blocks(depth - 1, loops + 1))]
        elif kind == "return" and depth < 3:
            lines.append(f"return {draw(expressions())}")
            break
        elif kind == "leave" and loops:
            lines.append(draw(st.sampled_from(["break", "continue"])))
            break
        else:
            operator = "+=" if kind == "add" else "="
            lines.append(f"{draw(st.sampled_from(VARIABLES[1:]))} {operator} {draw(expressions())}")
    return ["    " + line for line in lines]


counter = itertools.count()


def defined(lines, name="f", **names):
    """The function of some lines of source, which Python finds as it finds those of a notebook."""
    source = [line + "\n" for line in lines]
    file = f"<source {next(counter)}>"
    linecache.cache[file] = len("".join(source)), None, source, file
    namespace = {"exp": exp, "sin": sin, "tanh": tanh, **names}
    exec(compile("".join(source), file, "exec"), namespace)
    return namespace[name]


@settings(max_examples=25, phases=[Phase.generate])  # a failure prints its program, and shrinking takes minutes
@given(blocks(3, 0))
def test_random_programs(block):
    f = defined(["def f(x, y):", "    a, b = x * y, x + 0.5", *block, "    return a * x + b * y"])
    with_slopes = value_and_grad(f, (0, 1))
    compiled = jit(with_slopes, exact=True)
    of_many = jit(vmap(with_slopes), exact=True)
    points = list(itertools.product([-1.3, -0.5, 0.0, 0.4], [-0.9, 0.0, 0.2, 2.0]))
    values, slopes = of_many(*np.array(points).T)
    for i, point in enumerate(points):
        value, slope = vmap(with_slopes)(*np.array([point]).T)  # IEEE arithmetic, of floats too
        same_bits(compiled(*point)[0], value[0])
        same_bits(compiled(*point)[1], [x[0] for x in slope])
        same_bits(values[i], value[0])
        same_bits([x[i] for x in slopes], [x[0] for x in slope])


A = np.random.default_rng(0).normal(size=5)
CALLS = [(0, 0.8, -0.3), (1, 0.3, 0.6), (3, -0.7, 0.2), (6, 0.9, 0.4)]
STEP = np.random.default_rng(1).normal(size=7)


def slopes_of(f):
    def slopes(a, n, x, y):
        return value_and_grad(lambda a, x, y: f(a, n, x, y), (0, 1, 2))(a, x, y)

    return slopes


def curvature_of(f):
    def curvature(a, n, x, y):
        return hessian(lambda a: f(a, n, x, y))(a), jacobian(lambda x: grad(lambda y: f(a, n, x, y))(y))(x)

    return curvature


def is_close(found, expected):
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-9, atol=1e-9)


def matches_differences(f, n, x, y, slopes):
    """Compare the slope in one direction, unless a condition changes or rounding dominates close by, or at a kink."""

    def at(h):
        return f(A + h * STEP[:5], n, x + h * STEP[5], y + h * STEP[6])

    coarse, fine = ((at(h) - at(-h)) / (2 * h) for h in (1e-5, 1e-6))
    scale = max(1.0, abs(fine))
    if abs(coarse - fine) < 1e-6 * scale and abs(at(1e-6) - 2 * at(0.0) + at(-1e-6)) < 1e-10 * scale:
        assert np.dot(numbers(slopes), STEP) == pytest.approx(fine, rel=1e-4, abs=1e-4)


ADDS_IN_ORDER = sum([1e16, 1.0, 1.0]) == 1e16
"""Whether sum adds floats as it adds Values, one after another. From Python 3.12 on it adds them more exactly."""


@pytest.mark.parametrize("rounds", [(), (17, 20, 33)], ids=["short", "long"])
@settings(phases=[Phase.generate])
@given(seed=st.integers(0, 10**9))
def test_random_programs_with_indices(rounds, seed):
    with pytest.MonkeyPatch.context() as patch:
        if rounds:
            patch.setattr(traced, "LONG", 30)
        lines = random_programs.program(seed, rounds)
        if not ADDS_IN_ORDER:
            lines = [line.replace("sum(", "total(") for line in lines]
        check_program(defined(lines, **vars(random_programs)), seed)


def check_program(f, seed):
    slopes, curvature = slopes_of(f), curvature_of(f)
    try:
        values, expected = [f(A.copy(), *call) for call in CALLS], [slopes(A, *call) for call in CALLS]
        second = [curvature(A, *call) for call in CALLS] if seed % 8 == 1 else []
    except (TypeError, UnboundLocalError):  # not for Values, or a variable without a value
        return
    if not np.all(np.abs(numbers(expected)) < 1e6):
        return
    try:
        exact, compiled = jit(f, exact=True), jit(slopes)
        for call, value, of_call in zip(CALLS, values, expected):
            assert exact(A, *call) == value
            is_close(compiled(A, *call), of_call)
            matches_differences(f, *call, of_call[1])
        if seed % 8 == 0:
            counts, xs, ys = np.array(CALLS * 5, dtype=float)[:19].T
            found = jit(lambda a, *samples: vmap(lambda *sample: slopes(a, *sample))(*samples))(A, counts, xs, ys)
            for k in range(19):
                is_close([x[k] for x in (found[0], *found[1])], expected[k % 4])
        of_second = jit(curvature)
        for call, of_call in zip(CALLS, second):
            is_close(of_second(A, *call), of_call)
    except TraceError:  # what is refused is not wrong
        return


def many_paths(x):
    for i in range(30):
        if x > i * 0.1:
            x = x * x + 0.1 * x
    return x * x * x


def vjp_of(f):
    return lambda *point: vjp(f, *point)[1](0.7)


def test_with_very_many_paths_only_the_last_bits_differ():
    found, expected = jit(value_and_grad(many_paths), exact=True)(0.7), value_and_grad(many_paths)(0.7)
    assert found[0] == expected[0]
    assert found[1] == pytest.approx(expected[1], rel=1e-14)


def several_ways(x, y):
    a = x * y
    if x > 0.2:
        a = sin(a) * x + y
    return a * x + x * y + exp(a) * x


@pytest.mark.parametrize(
    "of", [vjp_of, jacobian, lambda f: grad(lambda x, y: f(x, y) * x, (0, 1))], ids=["vjp", "jacobian", "grad"]
)
def test_every_reverse_sweep_has_the_bits_of_its_path(of):
    derivative = of(several_ways)
    compiled = jit(derivative, exact=True)
    for point in itertools.product([-1.3, 0.1, 0.7], [-0.9, 0.3]):
        same_bits(compiled(*point), derivative(*point))


def test_the_sweep_by_paths_is_needed(monkeypatch):
    monkeypatch.setattr(paths, "_MOST", 0)
    point = (0.7, 0.3)
    f = value_and_grad(several_ways, (0, 1))
    assert jit(f, exact=True)(*point)[0] == f(*point)[0]


def many_rounds(x):
    for i in range(400):
        if x > i:
            y = x * i
        else:
            continue
        if y > 1000:
            return y
    return x


def test_conditions_of_many_rounds_take_neither_depth_nor_time():
    compiled = jit(value_and_grad(many_rounds), exact=True)
    for x in (-1.0, 3.7, 50.5):
        same_bits(compiled(x), value_and_grad(many_rounds)(x))
