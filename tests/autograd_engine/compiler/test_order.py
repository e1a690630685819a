"""The order in which samples are computed, and the sums that stay in registers."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from autograd_engine import dot, exp, jit, maximum, mean, relu, structure, value_and_grad, vmap
from autograd_engine.compiler.llvm import modules
from autograd_engine.compiler.llvm.executable import Executable
from autograd_engine.compiler.llvm.order import LATENCY, SIDE, TOGETHER, interleaved, tiles
from autograd_engine.compiler.program.program import SHARED
from tests.laws.strategies import expressions, points

DRAWS = np.random.default_rng(0)
SIZES = ((9, 3), (9, 9), (1, 9))
LAYERS = [(DRAWS.normal(size=size), DRAWS.normal(size=size[0])) for size in SIZES]
X = DRAWS.normal(size=(2100, 3))


def network(layers, x):
    for weights, biases in layers:
        x = [relu(dot(row, x) + b) for row, b in zip(weights, biases)]
    return x[0]


def step(**options):
    return jit(value_and_grad(lambda layers, X: mean(vmap(network, in_axes=(None, 0))(layers, X))), **options)


def flat(result):
    value, layers = result
    return np.concatenate([[value], *[np.ravel(array) for layer in layers for array in layer]])


@pytest.fixture(scope="module")
def program():
    return step().kernel(LAYERS, X).program


def samples(program):
    return [
        i for i, (operation, _, batch) in enumerate(program.instructions) if batch != SHARED and operation != "sample"
    ]


@pytest.mark.parametrize("latency", [1, 2, LATENCY])
def test_everything_comes_once_and_after_its_operands(program, latency):
    line = samples(program)
    found = interleaved(program, line, latency)
    assert sorted(found) == line
    place = {i: k for k, i in enumerate(found)}
    for i in found:
        assert all(place[x] < place[i] for x in program.instructions[i].operands if x in place)


def test_few_lines_wait_for_the_line_before(program):
    def waiting(line):
        return sum(x in program.instructions[i].operands for x, i in itertools.pairwise(line))

    line = samples(program)
    assert waiting(interleaved(program, line, 1)) == waiting(line)
    assert waiting(interleaved(program, line, LATENCY)) < waiting(line) / 4


def test_sums_of_products_are_made_in_tiles(program):
    sums = [i for i, (operation, _, _) in enumerate(program.instructions) if operation == "batch_sum"]
    groups = tiles(program, sums)
    assert sorted(itertools.chain(*groups)) == sums
    assert max(map(len, groups)) <= TOGETHER
    read = sum(len({x for i in group for x in program.instructions[i].operands}) for group in groups)
    assert read < 1.2 * len(sums)  # one by one they would read twice as many
    assert len(groups) < len(sums) / SIDE


def test_sums_are_neither_read_nor_written_in_a_block():
    text = step().llvm(LAYERS, X)
    bodies = re.findall(r"define void @body_\w+\([^)]*%from[^{]*\{(.*?)\n\}", text, re.DOTALL)
    blocks = [re.search(r"\nblock:\n(.*?)\ndone:", body, re.DOTALL) for body in bodies]
    with_sums = [block[1] for block in blocks if block and "%total" in block[1]]
    assert len(with_sums) > 5
    for block in with_sums:
        assert not re.search(r"%total\d+\.at|%memory\b", block)


def test_a_sample_that_several_functions_use_is_gathered_once():
    kernel = step().kernel(LAYERS, X)
    gathered = re.findall(r"= call <\d+ x double> @llvm\.masked\.gather", kernel.llvm())
    assert len(gathered) == X.shape[1] * kernel.executable.layout.vectors


@pytest.mark.parametrize("quickly", [0, 4000])
def test_in_whatever_memory_sums_lie_they_are_the_same(monkeypatch, quickly):
    expected = flat(step()(LAYERS, X))
    monkeypatch.setattr(modules, "QUICKLY", quickly)
    compiled = step()
    np.testing.assert_array_equal(flat(compiled(LAYERS, X)), expected)
    np.testing.assert_allclose(expected, flat(step(exact=True)(LAYERS, X)), rtol=1e-9, atol=1e-12)


@settings(max_examples=10, phases=[Phase.generate])
@given(st.lists(expressions(), min_size=5, max_size=5), st.lists(points(), min_size=11, max_size=11))
def test_what_is_compiled_quickly_has_the_same_bits(programs, pairs):
    functions = vmap(lambda x, y: [value_and_grad(program, (0, 1))(x, y) for program in programs])
    arguments = np.array(pairs).T
    for exact in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(modules, "QUICKLY", 2**63)
            compiled = jit(functions, exact=exact)
            kernel, (expected, _) = compiled.kernel(*arguments), structure.flatten(compiled(*arguments))
            patch.setattr(modules, "QUICKLY", 0)  # for the same program: tracing takes most of the time
            patch.setattr(kernel, "executable", Executable(kernel.program, kernel._traced, exact, None))
            patch.setattr(kernel, "_guarded", None)
            found, _ = structure.flatten(compiled(*arguments))
        np.testing.assert_array_equal(found, expected)


def test_reductions_of_all_kinds_stay_in_registers():
    def spread(w, x):
        scores = vmap(lambda row: exp(w * row[0]) + row[1])(x)
        return np.max(scores) - np.min(scores) + np.sum(scores), maximum(np.max(scores), 0.0)

    compiled = jit(spread)
    assert "%total2 = phi" in compiled.llvm(0.3, X)
    for n in (1, 7, 100, 2100):
        value, _ = compiled(0.3, X[:n])
        assert value == pytest.approx(spread(0.3, X[:n])[0], rel=1e-12)
