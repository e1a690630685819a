"""Loops that keep little for their derivatives: the bits of those that keep everything, in less memory."""

import pickle
import subprocess
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_engine import (
    checkpoint,
    custom_derivative,
    exp,
    fori_loop,
    grad,
    hessian,
    jit,
    scan,
    sin,
    to_c,
    value_and_grad,
    vmap,
    while_loop,
)
from autograd_engine.compiler.trace import loops, recorder, segments
from tests.autograd_engine.compiler import test_indices, test_loops, test_loops_around_samples, test_statement_loops
from tests.c_compiler import cc, needs_compiler
from tests.nested import numbers

XS, YS = np.linspace(0.4, 0.9, 21), np.linspace(0.3, 0.6, 21)


@pytest.fixture
def short_loops_are_cut(monkeypatch):
    """Loops of a few rounds are cut too, and derivatives go back."""
    monkeypatch.setattr(segments, "FEW", 1)
    monkeypatch.setattr(loops, "pulled_forward", lambda *args: None)


def same_bits(f, *args, **options):
    """Check that f computes the same when its loops may keep nothing; return the compiled function."""
    whole, cut = jit(f, memory=None, **options), jit(f, memory=0, **options)
    np.testing.assert_array_equal(numbers(cut(*args)), numbers(whole(*args)))
    if "keep" in whole.program():
        assert cut.program() != whole.program()
    return cut


@pytest.mark.usefixtures("short_loops_are_cut")
@pytest.mark.parametrize("f", test_loops.PROGRAMS)
def test_values_and_gradients_keep_their_bits(f):
    same_bits(value_and_grad(f, (0, 1)), 0.7, 0.3, exact=True)
    same_bits(vmap(value_and_grad(f, (0, 1))), XS, YS)


@pytest.mark.usefixtures("short_loops_are_cut")
@pytest.mark.parametrize("f", [test_loops.recurrent, test_loops.newton, test_loops.a_while_in_a_for])
def test_second_derivatives_are_those_of_the_uncompiled_function(f):
    found = numbers(jit(hessian(f, (0, 1)), memory=0)(0.7, 0.3))
    np.testing.assert_allclose(found, numbers(hessian(f, (0, 1))(0.7, 0.3)), rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("short_loops_are_cut", "every_function_is_long")
@pytest.mark.parametrize("f", test_statement_loops.PROGRAMS)
def test_loops_of_statements_keep_their_bits(f):
    same_bits(value_and_grad(f, (0, 1)), 1.3, 0.6)


@pytest.mark.usefixtures("short_loops_are_cut")
@pytest.mark.parametrize("f", test_loops_around_samples.PROGRAMS)
def test_loops_around_samples_keep_their_bits(f, monkeypatch):
    monkeypatch.setattr(recorder, "UNROLLED", 0)
    slopes = value_and_grad(test_loops_around_samples.one_number(f))
    same_bits(slopes, test_loops_around_samples.W, 9.0, exact=True)


@pytest.mark.usefixtures("short_loops_are_cut")
@pytest.mark.parametrize("f", test_indices.READING + test_indices.WRITING, ids=lambda f: f.__name__)
def test_loops_that_pick_and_change_entries_keep_their_bits(f):
    same_bits(value_and_grad(f, (0, 2)), test_indices.A, 6.0, 0.5, exact=True)


@settings(max_examples=25)
@given(test_loops.bodies(2), st.lists(st.floats(-2, 2), min_size=2, max_size=2))
def test_random_loops_keep_their_bits(body, point):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "UNROLLED", 0)
        patch.setattr(segments, "FEW", 0)
        patch.setattr(loops, "pulled_forward", lambda *args: None)
        same_bits(value_and_grad(lambda p: sum(body((p[0], p[1], p[0] * p[1]), p))), point, exact=True)


def pendulum(controls, n):
    def step(i, state):
        angle, speed = state
        return angle + 1e-3 * speed, speed + 1e-3 * (controls[i // 1000] - sin(angle))

    return fori_loop(0, n, step, (0.5, 0.0))[0]


def until(controls, end):
    def swings(state):
        return state[2] < end

    def step(state):
        angle, speed, time = state
        force = controls[0] + controls[1] * time
        return angle + 1e-3 * speed, speed + 1e-3 * (force - sin(angle)), time + 1.0

    return while_loop(swings, step, (0.5, 0.0, 0.0))[0]


def kept(jitted):
    """The bytes of the buffers of the newest kernel of a function, which has run."""
    [work] = jitted._compiled.last().executable.pool
    return sum(size for _, size in work._buffers)


@pytest.mark.usefixtures("short_loops_are_cut")
@pytest.mark.parametrize(("f", "controls"), [(pendulum, np.linspace(0, 1, 40)), (until, np.linspace(0, 1, 20))])
def test_a_loop_over_the_limit_keeps_the_states_of_few_rounds(f, controls):
    slopes, whole = (jit(value_and_grad(f), memory=memory) for memory in (100_000, None))
    np.testing.assert_array_equal(numbers(slopes(controls, 40_000.0)), numbers(whole(controls, 40_000.0)))
    assert kept(slopes) < 30_000 < 300_000 < kept(whole)


@pytest.mark.usefixtures("short_loops_are_cut")
def test_results_of_very_many_rounds_are_not_followed_one_by_one():
    def path(x):
        return sum(scan(lambda s, _: (sin(s * x) + 0.5, s * x), x, length=1500)[1])

    same_bits(value_and_grad(path), 0.7)


def test_a_loop_within_the_limit_is_left_as_it_is():
    slopes = jit(value_and_grad(pendulum), memory=10e6)
    program = slopes.program(np.ones(40), 1000.0)
    slopes(np.ones(40), 40_000.0)  # some 2 MB
    assert slopes.program() == program


@pytest.mark.usefixtures("short_loops_are_cut")
def test_the_limit_goes_with_the_function():
    class Model:
        @jit(memory=0)
        def slope(self, x, n):
            return grad(power)(x, n)

    bound = Model().slope
    copied = pickle.loads(pickle.dumps(jit(grad(power), memory=0)))
    for compiled in (bound, copied):
        assert compiled(0.5, 200.0) == pytest.approx(grad(power)(0.5, 200))
        assert compiled.program().count("loop, ") == 5


def power(x, n):
    return fori_loop(0, n, lambda i, s: sin(s * x), x)


@pytest.mark.parametrize("memory", [-1, "64 MB", float("nan")])
def test_a_limit_is_a_number_of_bytes(memory):
    with pytest.raises(ValueError, match="memory must be a number of bytes, or None for no limit, got"):
        jit(sin, memory=memory)


def stepwise(step):
    return lambda x, y: fori_loop(0, 300, lambda i, s: step(s, x, y), (x, y))[0]


def piece(s, x, y):
    return sin(s[0] * x) * s[1], exp(-s[1] * y) + s[0]


@pytest.mark.usefixtures("short_loops_are_cut")
def test_of_a_checkpoint_in_a_loop_only_what_is_carried_is_kept():
    kept_too, carried = (jit(value_and_grad(stepwise(f), (0, 1)), exact=True) for f in (piece, checkpoint(piece)))
    assert carried(0.7, 0.4) == kept_too(0.7, 0.4)
    assert ("keep %2.0, %2.1\n" in carried.program(), "keep %2.0, %2.1\n" in kept_too.program()) == (True, False)
    second = jit(hessian(stepwise(checkpoint(piece)), (0, 1)))(0.7, 0.4)
    np.testing.assert_allclose(second, hessian(stepwise(piece), (0, 1))(0.7, 0.4), rtol=1e-9)


def halved_where_large(n, x):
    s = x
    for _ in range(int(n)):
        s = s * 0.5 if s > 1 else s + x
    return s


def steeper_where_positive(cotangent, out, n, x):
    if x > 0:
        return 0.0, cotangent * 2
    return 0.0, cotangent * 3 * out


@pytest.mark.parametrize(
    "f",
    [checkpoint(halved_where_large), custom_derivative(halved_where_large, steeper_where_positive)],
    ids=["checkpoint", "custom_derivative"],
)
@pytest.mark.parametrize("x", [0.4, -0.4])
def test_statements_of_a_function_within_are_rewritten(f, x):
    same = partial(f, 3.0)
    assert jit(same)(x) == pytest.approx(same(x))
    np.testing.assert_allclose(jit(value_and_grad(same))(x), value_and_grad(same)(x))


@needs_compiler
@pytest.mark.usefixtures("short_loops_are_cut")
def test_loops_in_a_checkpoint_are_cut_in_c_too(tmp_path):
    f = checkpoint(stepwise(piece))
    compiled = jit(value_and_grad(f, (0, 1)), exact=True)
    assert compiled(0.7, 0.4) == jit(value_and_grad(stepwise(piece), (0, 1)), exact=True)(0.7, 0.4)
    assert compiled.program().count("loop, ") == 5
    program = cc(tmp_path, to_c(f, 0.7, 0.4, name="steps"), "-O1", "-DSELF_TEST")
    assert subprocess.run([program], capture_output=True, text=True).stdout.startswith("OK")


def test_a_third_derivative_of_segments_that_add_up_in_an_array_is_refused():
    def f(a, n):
        return fori_loop(0, n, lambda i, s: s + 0.1 * sin(s * a[1]) * a[i], a[0]) ** 2

    a = np.array([0.3, 0.7, -0.4, 1.1])
    second = hessian(f)
    third = grad(lambda a, n: second(a, n)[0, 1] + second(a, n)[2, 2])
    np.testing.assert_allclose(jit(second, memory=100)(a, 4), second(a, 4), rtol=1e-12)
    np.testing.assert_allclose(jit(third)(a, 4), third(a, 4), rtol=1e-12)
    with pytest.raises(TypeError, match=r"a third derivative .* would keep more than jit\(memory=...\) allows"):
        jit(third, memory=100)(a, 4)
