"""The division of a program into shared code and loops over samples."""

import gc

import numpy as np
import pytest

from autograd_engine import TraceError, exp, jit, value_and_grad, vmap
from autograd_engine.compiler.program.program import FROM_OUTSIDE, SHARED, Instruction, Program
from autograd_engine.compiler.program.regions import PART, cut, divided, lines, parts
from autograd_engine.compiler.program.traced_function import TracedFunction


def standardised(w, X):
    h = vmap(lambda x: x * w[0])(X)
    return (vmap(exp)(h - h.mean()) * w[1]).sum() * w[1]


def two_batches(w, X, Y):
    total = vmap(lambda x: exp(x * w[0]))(X).sum()
    return vmap(lambda y: y * w[1] * total)(Y).mean() * total


X, Y, W = np.linspace(-1, 1, 5), np.linspace(0, 1, 7), np.array([0.5, 2.0])
PROGRAMS = {
    "shared": (lambda x, y: x * exp(y), (0.5, 2.0)),
    "standardised": (standardised, (W, X)),
    "its gradient": (value_and_grad(standardised), (W, X)),
    "two batches": (value_and_grad(two_batches), (W, X, Y)),
}


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "default"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_instruction_is_computed_once_and_after_its_operands(name, exact):
    f, arguments = PROGRAMS[name]
    program = TracedFunction(f, arguments, {}, exact).program
    outside = {i for i, (operation, *_) in enumerate(program.instructions) if operation in FROM_OUTSIDE}
    done: list[int] = []
    known = set(outside)
    waiting: list[int] = []  # sums, which are known after their loop
    for line in lines(program.body):
        if line.batch == SHARED:
            known.update(waiting)
        for i in line.instructions:
            operation, operands, of_batch = program.instructions[i]
            assert of_batch == (SHARED if operation == "batch_sum" else line.batch)
            assert known.issuperset(x for x in operands if x >= 0)
            done.append(i)
            if operation != "batch_sum":
                known.add(i)
        waiting += line.sums
    assert sorted(done) == sorted(set(range(len(program))) - outside)


@pytest.mark.parametrize("length", [0, 1, PART, PART + 1, 5 * PART - 1])
def test_parts_are_the_line_and_of_about_equal_length(length):
    parts = cut(list(range(length)))
    assert [i for part in parts for i in part] == list(range(length))
    assert all(len(part) <= PART for part in parts)
    assert len({len(part) for part in parts}) <= 2


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was(enabled):
    try:
        gc.enable() if enabled else gc.disable()
        jit(exp)(1.0)
        assert gc.isenabled() == enabled
        left_over = []
        jit(lambda x: left_over.append(x) or x)(1.0)
        with pytest.raises(TraceError):  # raised while the program is built
            jit(lambda x: x * left_over[0])(1.0)
        assert gc.isenabled() == enabled
    finally:
        gc.enable()


def test_no_part_begins_between_a_loop_and_its_results():
    instructions = [Instruction("scalar", (0,))]
    for _ in range(2 * PART + 1):
        loop = len(instructions)
        instructions += [Instruction("loop", (0,)), Instruction("stack", (loop, -1)), Instruction("result", (loop, -1))]
    for k in range(0, 20, 3):  # wherever the cuts are
        line = range(1 + k, len(instructions))
        for part in parts(Program(instructions, [0.0], divided(instructions), []), line):
            taken = [i for i in part if instructions[i].operation != "loop"]
            assert {instructions[i].operands[0] for i in taken} <= set(part)
