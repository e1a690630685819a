"""Simplification: smaller programs, and in the exact mode the same bits."""

import itertools
import math
import operator
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import asin, exp, grad, jit, log, maximum, mean, relu, sin, sqrt, vmap, where
from autograd_engine import sum as total
from autograd_engine.compiler import kernel
from autograd_engine.compiler.program.simplify import Simplifier
from autograd_engine.primitives import PRIMITIVES, dot, neg, prod

NUMBERS = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 3.0, 5e-324, 1e308, math.inf, -math.inf, math.nan]


def same(a, b):
    return (a != a and b != b) or struct.pack("d", a) == struct.pack("d", b)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "maximum", "fmod", "where", "hypot"])
def test_no_constant_costs_a_bit_in_the_exact_mode(name):
    op = PRIMITIVES[name]
    for constant, flipped in itertools.product(NUMBERS, [False, True]):

        def f(x, constant=constant, flipped=flipped):
            return op(*([1.0] * (op.arity - 2)), *((constant, x) if flipped else (x, constant)))

        compiled = jit(f, exact=True)
        for x in NUMBERS:
            assert same(compiled(x), f(x)), (constant, x)


@given(st.floats(), st.floats(), st.sampled_from(["add", "sub", "mul", "div", "pow", "arctan2", "copysign"]))
def test_constants_are_folded_to_the_bits_of_the_row(x, y, name):
    simplifier = Simplifier(exact=True)
    place = simplifier.emit(name, (simplifier.constant(x), simplifier.constant(y)))
    assert place < 0
    assert same(simplifier.constants[-1 - place], PRIMITIVES[name](x, y))


@pytest.mark.parametrize(
    ("name", "numbers", "result"),
    [("neg", [0.0], -0.0), ("lt", [1.0, 2.0], 1.0), ("ge", [math.nan, 2.0], 0.0), ("exp", [0.0], 1.0)]
    + [("sum", [], 0.0), ("prod", [], 1.0), ("dot", [], 0.0), ("sum", [1.0, 2.0], 3.0), ("dot", [2.0, 3.0], 6.0)],
)
def test_operations_of_constants_are_constants(name, numbers, result):
    simplifier = Simplifier(exact=True)
    place = simplifier.emit(name, tuple(map(simplifier.constant, numbers)))
    assert same(simplifier.constants[-1 - place], result)


def test_constants_are_told_apart_by_their_bits():
    simplifier = Simplifier(exact=True)
    places = [simplifier.constant(x) for x in (0.0, -0.0, math.nan, 1.0)]
    assert len(set(places)) == 4
    assert places == [simplifier.constant(x) for x in (0.0, -0.0, math.nan, 1.0)]


@pytest.mark.parametrize("exactly", [True, False])
@pytest.mark.parametrize(
    ("f", "text"),
    [
        (lambda x: x * 1.0, "return %0"),
        (lambda x: 1.0 * x / 1, "return %0"),
        (lambda x: x + -0.0, "return %0"),
        (lambda x: x - 0.0, "return %0"),
        (lambda x: neg(neg(x)), "return %0"),
        (lambda x: x**1, "return %0"),
        (lambda x: x**0, "return 1.0"),
        (lambda x: where(True, x, sin(x)), "return %0"),
        (lambda x: where(x > 0, x, x), "return %0"),
        (lambda x: where((x > 0) & False, sin(x), x), "return %0"),
        (lambda x: where((x > 0) | True, x, sin(x)), "return %0"),
        (lambda x: where((x > 0) ^ (x > 0), sin(x), x), "return %0"),
        (lambda x: [sin(x), 0 * 3.0][1], "return 0.0"),
        (lambda x: [total([]), prod([]), dot([], []), 2], "return 0.0, 1.0, 0.0, 2.0"),
    ],
)
def test_what_computes_nothing_is_gone(f, text, exactly):
    lines = jit(f, exact=exactly).program(2.0).splitlines()
    assert lines[-1] == text
    assert len(lines) == 1 + ("%0" in text)


@pytest.mark.parametrize("exactly", [True, False])
@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x * -1.0, "neg %0"),
        (lambda x: x / 4, "mul 0.25, %0"),
        (lambda x: -x * -x, "mul %0, %0"),
        (lambda x: 2 + -x, "sub 2.0, %0"),
        (lambda x: x - -x, "add %0, %0"),
        (lambda x: -0.0 - x, "neg %0"),
    ],
)
def test_simpler_forms(f, expected, exactly):
    compiled = jit(f, exact=exactly)
    assert compiled.program(2.0).splitlines()[1:-1] == [f"%1 = {expected}"]
    for x in NUMBERS:
        assert same(compiled(x), f(x)) or not exactly


def test_what_is_computed_twice_is_computed_once():
    lines = jit(lambda x, y: [sin(x * y) + 1, sin(y * x) + 1, x > y, y < x]).program(1.0, 2.0).splitlines()
    assert sum("sin" in line for line in lines) == 1
    assert sum("mul" in line for line in lines) == 1


def test_the_default_mode_contracts():
    def f(x, y, z):
        return [x * y + z, z - x * y, x * y - z, x**2, x**-1, x**3]

    text = jit(lambda x, y, z: [x * y + z]).program(1.0, 2.0, 3.0)
    assert "fma" in text
    assert "fnma" in jit(lambda x, y, z: z - x * y).program(1.0, 2.0, 3.0)
    assert "fms" in jit(lambda x, y, z: x * y - z).program(1.0, 2.0, 3.0)
    assert "pow" not in jit(f).program(1.0, 2.0, 3.0)
    exact = jit(f, exact=True).program(1.0, 2.0, 3.0)
    assert "fm" not in exact
    assert exact.count("pow") == 3
    assert jit(f)(1.1, 2.3, -3.7) == pytest.approx(f(1.1, 2.3, -3.7), rel=1e-15)


def test_a_product_that_others_need_is_not_contracted():
    assert "fma" not in jit(lambda x, y: [x * y + 1, x * y]).program(1.0, 2.0)


def test_sums_over_samples_contract_products():
    text = jit(lambda x: mean(vmap(lambda x: x * x)(x))).program(np.ones(3))
    assert "sum over i: %0[i] * %0[i]" in text
    text = jit(lambda x: [(squares := vmap(lambda x: x * x)(x)), mean(squares)]).program(np.ones(3))
    assert "%1[i] = mul %0[i], %0[i]" in text
    assert "sum over i: %1[i]\n" in text


def test_a_product_of_what_all_samples_share_stays_out_of_the_loop():
    assert "fma" not in jit(lambda x, a, b: vmap(lambda x: a * b + x)(x)).program(np.ones(3), 1.0, 2.0)


def test_what_comes_after_a_sum_over_samples_contracts_too():
    text = jit(lambda x, a, b: [vmap(lambda x: x * x)(x).sum() * a + b, a * b - 1]).program(np.ones(3), 1.0, 2.0)
    assert "[i] * %" in text
    assert "fma" in text
    assert "fms" in text
    assert "mul" not in text


def test_the_strong_zero_is_left_out_only_where_no_condition_depends_on_it():
    f = grad(lambda x: exp(relu(sin(x) * x)))
    compiled = jit(f)
    assert "product0" not in compiled.program(1.0)
    assert "product0" in jit(f, exact=True).program(1.0)
    bent = jit(lambda x: where(grad(lambda x: sqrt(x) * maximum(x, 0.0) * sin(x))(x) > 1, 1.0, 2.0))
    assert "product0" in bent.program(1.0)
    for x in (-1.0, 0.0, 2.0, math.inf, math.nan):
        np.testing.assert_allclose(compiled(x), f(x))
        assert bent(x) == bent.function(x)


@pytest.mark.parametrize(
    "f",
    [
        lambda v: sqrt(maximum(v, 0.0)) * sin(v),
        lambda v: where(v > 0.5, sqrt(v - 0.5), 0.0) + where(v > 0.5, log(v - 0.5), v),
        lambda v: maximum(v - 0.5, 0.0) * sqrt(abs(v)),
        lambda v: where(v > 0.5, (v - 0.5) ** 0.3 * asin(v), v * v),
    ],
)
def test_a_branch_that_does_not_matter_costs_no_second_run(f, monkeypatch):
    made, executable = [], kernel.Executable
    monkeypatch.setattr(kernel, "Executable", lambda *args: made.append(executable(*args)) or made[-1])
    points = np.linspace(-1.0, 1.0, 21)  # at 0, 0.5 and below these slopes are infinite or nan
    compiled = jit(vmap(grad(f)))
    np.testing.assert_allclose(compiled(points), [grad(f)(float(x)) for x in points], rtol=1e-13)
    assert len(made) == 1  # and none with all strong zeros


@pytest.mark.parametrize("divisor", [1.0, 2.0, -8.0, 2.0**60, 2.0**900])
@pytest.mark.parametrize("f", [operator.floordiv, operator.mod, PRIMITIVES["fmod"]])
def test_no_bit_is_lost_in_a_division_by_a_power_of_two(f, divisor):
    points = [*NUMBERS, -5e-324, 4503599627370497.5, -1e308, 3e20, -7.25, 1e-310]
    for exactly in (True, False):
        compiled = jit(vmap(lambda x: f(x, divisor)), exact=exactly)(np.array(points))
        for x, computed in zip(points, compiled):
            assert same(float(computed), float(f(x, divisor))), x
    assert "fmod" not in jit(lambda x: f(x, divisor)).program(1.0)


@given(st.floats(), st.integers(0, 1023))
def test_a_quotient_rounded_down_is_that_of_python(x, exponent):
    assert same(PRIMITIVES["floordiv"](x, 2.0**exponent), x // 2.0**exponent)


def test_adding_zero_is_left_out_where_only_a_result_could_tell():
    assert "0.0" not in jit(lambda x: x + 0.0).program(1.0)
    assert "add" in jit(lambda x: x + 0.0, exact=True).program(1.0)
    assert jit(lambda x: 1 / (x + 0.0))(-0.0) == math.inf
