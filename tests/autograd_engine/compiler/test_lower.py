"""Each lowering, compiled on its own: the bits of the row's forward, or within 8 units in the last place of it."""

import ctypes
import functools
import itertools
import math
import operator
import subprocess
import sys
from fractions import Fraction
from math import inf, nan

import llvmlite.binding as llvm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import primitives
from autograd_engine.compiler import TraceError, jit, to_c
from autograd_engine.compiler.llvm import calls as functions
from autograd_engine.compiler.llvm import instructions, vector_math
from autograd_engine.compiler.llvm.builder import Builder
from autograd_engine.compiler.llvm.lower import LOWERINGS, lowered
from autograd_engine.primitives import PRIMITIVES, Primitive
from tests.laws.judge import exact as exact_value
from tests.laws.judge import ulps
from tests.laws.rows import special_points

BASIC = {name: op for name, op in PRIMITIVES.items() if not op.composite and op.arity is not None}
WIDTHS = [1, 2, 4, 8]
ALLOWED = 8  # units in the last place, where exactness is not asked for

TINY, LARGE = 5e-324, 1.7976931348623157e308
ENDS = [
    709.782712893384,
    709.7827128933841,
    -708.3964185322641,
    -745.1332191019411,
    -745.1332191019412,
    1024.0,
    -1074.9,
]
POINTS = [
    0.0,
    1.0,
    0.4,
    0.5,
    1.5,
    2.0,
    2.5,
    3.0,
    TINY,
    2.0**-1022,
    1e-9,
    22.0,
    710.0,
    2.0**40,
    2.0**53 + 2,
    1e22,
    LARGE,
    inf,
]
SPECIAL = [nan, *POINTS, *[-x for x in POINTS], *ENDS]

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()


class Compiled:
    """A function over arrays: `write` appends the lines for one block of lanes and returns the result."""

    def __init__(self, write, arity, width, exact, optimisation=0, **settings):
        self.builder = b = Builder(width, exact, **settings)
        pointers = [f"ptr %p{i}" for i in range(arity)]
        numbers = [f"%x{i}" for i in range(arity)]
        loads = []
        for i, name in enumerate(numbers):
            loads += [f"%a{i} = getelementptr double, ptr %p{i}, i64 %i", f"{name} = load {b.type}, ptr %a{i}, align 8"]
        result = write(b, *numbers)
        text = f"""
define void @block({", ".join([*pointers, "ptr %out", "i64 %i"])}) {{
{chr(10).join([*loads, *b.lines])}
%a = getelementptr double, ptr %out, i64 %i
store {b.type} {result}, ptr %a, align 8
ret void
}}"""
        features = llvm.get_host_cpu_features()
        features["prefer-256-bit"] = False
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(), features=features.flatten(), opt=optimisation, jit=True
        )
        assert all(map(llvm.address_of_symbol, b.symbols))
        module = llvm.parse_assembly("\n".join([*b.declarations, text]))
        module.verify()
        self.engine = llvm.create_mcjit_compiler(module, machine)
        address = self.engine.get_function_address("block")
        self.block = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (arity + 1), ctypes.c_int64)(address)

    def __call__(self, *arrays):
        width, count = self.builder.width, len(arrays[0])
        padded = [np.concatenate([x, np.ones(-count % width)]) for x in arrays]
        out = np.empty_like(padded[0])
        for i in range(0, len(out), width):
            self.block(*[x.ctypes.data for x in padded], out.ctypes.data, i)
        return out[:count]


@functools.cache
def compiled(name, width, exact, **settings):
    arity = BASIC[name].arity

    def write(b, *numbers):
        if name == "where":
            numbers = [lowered(b, "as_bits", numbers[:1]), *numbers[1:]]
        return lowered(b, name, numbers)

    return Compiled(write, arity, width, exact, **settings)


@functools.cache
def inputs(arity):
    """All pairs of special points, and random doubles: of the whole range, and of the middle of it."""
    draw = np.random.default_rng(arity)
    grid = np.array(list(itertools.product(SPECIAL, repeat=min(arity, 2)))).T
    grid = np.concatenate([grid, draw.choice(SPECIAL, (arity - len(grid), grid.shape[1]))])
    bits = draw.integers(0, 2**64, (arity, 200), dtype=np.uint64).view(float)
    middle = draw.choice([-1.0, 1.0], (arity, 800)) * 10.0 ** draw.uniform(-9, 3, (arity, 800))
    inside = draw.uniform(-1.0, 1.0, (arity, 200))
    near_turns = np.nextafter(np.round(draw.uniform(-1e4, 1e4, (arity, 200))) * (math.pi / 2), inf)
    return np.concatenate([grid, bits, middle, inside, near_turns], axis=1)


@functools.cache
def expected(name):
    op = BASIC[name]
    return np.array([float(op.forward(*map(float, column))) for column in inputs(op.arity).T])


def same_bits(a, b):
    return (a.view(np.int64) == b.view(np.int64)) | (np.isnan(a) & np.isnan(b))


def units_off(found, right):
    """By how many units in the last place; an infinity counts as 2**1024."""
    with np.errstate(all="ignore"):
        unit = np.spacing(np.minimum(abs(right), LARGE))
        off = abs(np.clip(found, -LARGE, LARGE) / unit - np.clip(right, -LARGE, LARGE) / unit)
        off += np.isinf(found) ^ np.isinf(right)
        off[np.isnan(found) ^ np.isnan(right)] = inf
    return np.where(np.isnan(found) & np.isnan(right), 0.0, off)


def test_every_basic_row_has_a_lowering():
    assert [name for name in BASIC if name not in LOWERINGS] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", BASIC)
def test_exact_mode_gives_the_bits_of_the_row(name, width):
    numbers = inputs(BASIC[name].arity)
    for optimisation in (0, 2) if width in (1, 8) else (0,):
        found = compiled(name, width, True, optimisation=optimisation)(*numbers)
        wrong = np.flatnonzero(~same_bits(found, expected(name)))
        assert not len(wrong), (numbers[:, wrong[0]], found[wrong[0]], expected(name)[wrong[0]])


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", BASIC)
def test_default_mode_is_within_units_of_the_row(name, width):
    numbers = inputs(BASIC[name].arity)
    off = units_off(compiled(name, width, False)(*numbers), expected(name))
    worst = np.argmax(off)
    assert off[worst] <= ALLOWED, (numbers[:, worst], off[worst])


@pytest.mark.parametrize("name", BASIC)
def test_default_mode_is_within_units_of_the_exact_value(name):
    kernels = [compiled(name, width, False) for width in (1, 8)]
    numbers = inputs(BASIC[name].arity)[:, -1400::14]
    for column, *found in zip(numbers.T.tolist(), *[kernel(*numbers) for kernel in kernels]):
        right = exact_value(name, column)
        if right is not None:
            assert max(ulps(x, right) for x in found) <= ALLOWED, column


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["expm1", "tanh", "sin"])
def test_the_smallest_number_is_kept(name, width):
    x = np.array([TINY, -TINY, 3 * TINY])
    assert compiled(name, width, False)(x).tolist() == x.tolist()


@pytest.mark.parametrize("point", [p for p in special_points() if p.text in BASIC and p.value is not ...], ids=repr)
@pytest.mark.parametrize("exact", [True, False])
def test_special_points(point, exact):
    if isinstance(point.function, Primitive):
        found = compiled(point.function.name, 8, exact)(*[np.full(8, x) for x in point.inputs])
        assert np.array_equal(found, np.full(8, point.value), equal_nan=True)


NO_FUSED, NO_AVX512, ALL = frozenset({"sse2"}), frozenset({"sse2", "fma"}), vector_math.host_features()


@pytest.fixture
def host(monkeypatch, request):
    """As if this machine could do no more than that."""
    cached = [compiled, functions._helper, functions._vector_symbol]
    for function in cached:
        function.cache_clear()
    for module in (functions, instructions, vector_math):
        monkeypatch.setattr(module, "host_features", lambda: request.param)
    yield request.param
    for function in cached:
        function.cache_clear()


@pytest.mark.parametrize("host", [NO_FUSED, NO_AVX512], indirect=True)
@pytest.mark.parametrize("name", ["exp", "exp2", "expm1", "tanh", "sin", "cos", "log", "pow"])
def test_lesser_machines_have_the_same_accuracy(name, host):
    for width in WIDTHS:
        kernel = compiled(name, width, False)
        assert not any(symbol.startswith(("_ZGVd", "_ZGVe")) for symbol in kernel.builder.symbols)
        off = units_off(kernel(*inputs(BASIC[name].arity)), expected(name))
        assert off.max() <= ALLOWED


@pytest.mark.parametrize("host", [NO_FUSED], indirect=True)
def test_without_the_instruction_nothing_is_fused(host):
    b = Builder(4, exact=False)
    lowered(b, "fma", ["%x", "%y", "%z"])
    assert "llvm.fmuladd" in b.lines[0]


def test_without_vector_library_each_lane_calls_the_c_library(monkeypatch):
    monkeypatch.setattr(llvm, "address_of_symbol", lambda name: None)
    functions._vector_symbol.cache_clear()
    b = Builder(8, exact=False)
    lowered(b, "arccosh", ["%x"])
    functions._vector_symbol.cache_clear()
    assert b.symbols == {"acosh"}


def test_exp2_follows_the_row_of_older_pythons(monkeypatch):
    monkeypatch.delattr(math, "exp2", raising=False)
    b = Builder(1, exact=True)
    lowered(b, "exp2", ["%x"])
    assert b.symbols == {"pow"}


@pytest.mark.parametrize("host", [NO_AVX512, ALL], indirect=True)
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_angles_next_to_multiples_of_a_quarter_turn(name, host):
    # Where a sine is tiny the reduction must be right to twice the precision, up to where the C library takes over.
    draw = np.random.default_rng(0)
    turns = np.round(2.0 ** draw.uniform(0, 40, 20_000))
    angles = turns * (math.pi / 2)
    found, right = compiled(name, 8, False)(angles), np.array([getattr(math, name)(x) for x in angles])
    assert units_off(found, right).max() <= ALLOWED


COMPARISONS = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
}


@pytest.mark.parametrize("width", [1, 8])
@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons(name, width):
    x, y = inputs(2)
    kernel = Compiled(lambda b, x, y: lowered(b, "as_number", [lowered(b, name, [x, y])]), 2, width, True)
    assert same_bits(kernel(x, y), COMPARISONS[name](x, y).astype(float)).all()


@pytest.mark.parametrize("width", [1, 8])
@pytest.mark.parametrize("name", ["and", "or", "xor"])
def test_connectives(name, width):
    def write(b, x, y):
        condition = lowered(b, name, [lowered(b, "as_bits", [x]), lowered(b, "as_bits", [y])])
        return lowered(b, "as_number", [lowered(b, "not", [condition])])

    x, y = inputs(2)
    right = ~getattr(operator, f"{name}_" if name != "xor" else name)(x != 0, y != 0)
    assert same_bits(Compiled(write, 2, width, True)(x, y), right.astype(float)).all()


@pytest.mark.parametrize("exact", [True, False])
def test_a_zero_factor_makes_the_product_zero(exact):
    x, y = inputs(2)
    kernel = Compiled(lambda b, x, y: lowered(b, "product0", [x, y]), 2, 8, exact)
    with np.errstate(all="ignore"):
        right = np.where((x == 0) | (y == 0), -0.0 if exact else 0.0, x * y)
    assert same_bits(kernel(x, y), right).all()


MODERATE = st.floats(-1e9, 1e9)


@given(MODERATE, MODERATE, MODERATE)
def test_fused_operations_round_once(x, y, z):
    signs = {"fma": (1, 1), "fms": (1, -1), "fnma": (-1, 1)}
    for name, (of_product, of_z) in signs.items():
        found = fused(name)(*[np.full(2, number) for number in (x, y, z)])
        right = of_product * Fraction(x) * Fraction(y) + of_z * Fraction(z)
        assert found.tolist() == [float(right)] * 2


@functools.cache
def fused(name):
    return Compiled(lambda b, *numbers: lowered(b, name, numbers), 3, 2, True)


@given(MODERATE, MODERATE, MODERATE)
def test_exact_mode_fuses_nothing(x, y, z):
    found = separate()(*[np.full(8, number) for number in (x, y, z)])
    assert found.tolist() == [x * y + z] * 8


@functools.cache
def separate():
    return Compiled(lambda b, x, y, z: lowered(b, "add", [lowered(b, "mul", [x, y]), z]), 3, 8, True, optimisation=2)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("constant", [0.0, -0.0, 1.0, -inf, nan])
@pytest.mark.parametrize("name", ["maximum", "minimum", "copysign"])
def test_constants_as_operands(name, constant, exact):
    x, op = inputs(1)[0], BASIC[name]
    for swapped in (False, True):

        def write(b, x, swapped=swapped):
            operands = [x, b.constant(constant)]
            return lowered(b, name, operands[::-1] if swapped else operands)

        found = Compiled(write, 1, 8, exact)(x)
        right = np.array([op.forward(constant, t) if swapped else op.forward(t, constant) for t in x.tolist()])
        assert (same_bits(found, right) | ((found == right) & (not exact))).all()


@pytest.mark.parametrize("width", [1, 4])
def test_constants_keep_their_bits(width):
    for number in [*SPECIAL, 0.1, -nan]:
        found = Compiled(lambda b, x, number=number: lowered(b, "neg", [b.constant(-number)]), 1, width, True)(
            np.ones(4)
        )
        assert same_bits(found, np.full(4, number)).all()


def test_builders_with_prefixes_share_a_function():
    scalar, lanes = Builder(1, False, "s"), Builder(8, False, "v")
    names = [lowered(b, "add", ["%x", "%x"]) for b in (scalar, lanes)]
    assert len(set(names)) == 2
    assert lowered(Builder(1, False), "add", ["%x", "%x"]) == "%1"


def test_a_primitive_without_a_lowering(monkeypatch):
    monkeypatch.setattr(primitives.primitive, "PRIMITIVES", dict(PRIMITIVES))
    twice = Primitive("twice", "2", lambda x: 2.0 * x, lambda out, x: (2.0,), "Twice x.")
    for call, tool in [(lambda: jit(twice)(1.0), "jit"), (lambda: to_c(twice, 1.0), "to_c")]:
        with pytest.raises(
            TraceError, match=rf"{tool} cannot .* the primitive twice: write it with composite=True, or"
        ):
            call()


def test_importing_does_not_import_llvmlite():
    program = "import sys, autograd_engine.compiler.llvm.lower; print('llvmlite' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "False"
