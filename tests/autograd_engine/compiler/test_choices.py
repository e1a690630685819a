"""What only one side of a choice needs is computed only where that side is chosen."""

import re

import numpy as np
import pytest

from autograd_engine import cos, exp, grad, jit, log, sin, to_c, value_and_grad, vmap, where
from autograd_engine.compiler.program.choices import sides
from autograd_engine.compiler.program.program import Block, Instruction, Program
from tests.autograd_engine.compiler.test_c import Files
from tests.c_compiler import needs_compiler

POINTS = np.array([(-1.5, 0.5), (-1.5, 2.0), (0.5, 0.5), (0.5, 2.0), (2.0, -1.0), (0.0, 1.0), (1.0, 3.0)])


def nested(x, y):
    if x > 0:
        if y > 1:
            return exp(x) + sin(y) * x
        z = log(1 + x) * y
    else:
        z = x * exp(y)
    return z + cos(x)


def in_a_loop(x, y):
    total = 0.0
    for k in range(40):
        total += exp(0.1 * x) * (y * y + 0.1) if total < 3.0 else -(sin(total) ** 2) / (k + 1)
    return total


def of_powers(x, y):
    return where(x > 0.3, (x * x + 0.1) ** y, 1.0) * where(y > 1, 2.0, (1 + x * x) ** (y * x))


FUNCTIONS = [nested, in_a_loop, of_powers]


@pytest.mark.parametrize("exactly", [True, False])
@pytest.mark.parametrize("f", FUNCTIONS)
def test_choices_in_samples_and_alone_are_those_of_python(f, exactly):
    with_slopes = value_and_grad(f, (0, 1))
    alone = jit(with_slopes, exact=exactly)
    values, slopes = jit(vmap(with_slopes), exact=exactly)(*POINTS.T)
    for i, point in enumerate(POINTS.tolist()):
        expected = np.ravel([with_slopes(*point)[0], *with_slopes(*point)[1]])
        found = np.ravel([values[i], slopes[0][i], slopes[1][i]])
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        np.testing.assert_allclose(np.ravel([alone(*point)[0], *alone(*point)[1]]), expected, rtol=1e-12)
        if exactly and f is not in_a_loop:
            assert found.tolist() == expected.tolist()


@needs_compiler
def test_c_has_an_if_for_each_side(tmp_path):
    files = Files(tmp_path, {f.__name__: to_c(f, 1.0, 2.0, name=f.__name__) for f in FUNCTIONS})
    for f in FUNCTIONS:
        assert "    if (" in files.texts[f.__name__]
        for point in POINTS.tolist():
            value, slopes = value_and_grad(f, (0, 1))(*point)
            np.testing.assert_allclose(files.evaluate(f.__name__, point), [value, *slopes], rtol=1e-12)


def calls_without_a_jump(text):
    """The functions that the lines of LLVM IR before the first jump call."""
    line = text.partition("define void @stage_0(")[2].partition("br i1")[0]
    return re.findall(r"call double @(\w+)", line)


def test_no_call_of_a_side_stands_before_the_choice():
    f = jit(lambda x, y: where(x > 0, exp(x) * sin(x), log(y)) + cos(y))
    f(1.0, 2.0)
    text = f.llvm()
    assert len(re.findall(r"^C\d+\.[01]:", text, re.MULTILINE)) == 2
    assert not {"exp", "log"} & set(calls_without_a_jump(text))


def test_what_both_sides_or_others_need_stays_outside():
    program = Program(
        [
            Instruction("scalar", (0,)),
            Instruction("gt", (0, -1)),
            Instruction("exp", (0,)),
            Instruction("sin", (2,)),
            Instruction("log", (2,)),
            Instruction("where", (1, 3, 4)),
            Instruction("cos", (0,)),
            Instruction("where", (1, 6, 0)),
            Instruction("add", (6, 7)),
            Instruction("where", (1, 5, 8)),
            Instruction("mul", (0, 0)),
            Instruction("where", (1, 9, 10)),
        ],
        [0.0],
        Block([*range(1, 12)]),
        [11],
    )
    found = sides(program, range(1, 12))
    assert found == {5: ([3], [4]), 9: ([2, 5], [6, 7, 8]), 11: ([9], [])}


def test_grad_of_a_choice_never_sees_the_other_side():
    f = jit(grad(lambda x: where(x > 1, log(x - 1), exp(-x))))
    for x in (-2.0, 0.5, 1.0, 3.0):
        assert f(x) == pytest.approx(grad(lambda x: where(x > 1, log(x - 1), exp(-x)))(x), rel=1e-13)
