"""The C files: compiled with the compiler of this system they give the bits of the compiled function."""

import ctypes
import itertools
import math
import re
import subprocess
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_engine import (
    PRIMITIVES,
    TraceError,
    Value,
    exp,
    hessian,
    jacobian,
    jit,
    maximum,
    mean,
    sigmoid,
    sin,
    sqrt,
    tanh,
    to_c,
    value_and_grad,
    vmap,
    where,
)
from autograd_engine import sum as sum_of
from autograd_engine.compiler.c import functions as c_functions
from autograd_engine.compiler.c.forms import FORMS, helpers, literal
from autograd_engine.compiler.c.functions import Output, Source, function
from autograd_engine.compiler.llvm.lower import LOWERINGS
from autograd_engine.compiler.program import regions
from autograd_engine.compiler.program.program import CONDITIONS, Instruction, Program
from autograd_engine.compiler.program.regions import divided
from autograd_engine.structure import flatten
from tests.c_compiler import COMPILER, cc, needs_compiler
from tests.laws.rows import special_points
from tests.laws.strategies import expressions, points

POINTS = [0.0, 5e-324, 1e-9, 0.5, 1.0, 1.5, 2.5, 3.0, 22.0, 710.0, 1e22, 1.7976931348623157e308, inf]
SPECIAL = [nan, *POINTS, *[-x for x in POINTS]]


class Files:
    """Several files, compiled together. `evaluate(name, numbers)` is all that a file's function gives."""

    def __init__(self, folder, texts, optimisation="-O2"):
        shared = cc(folder, "\n".join(texts.values()), optimisation, "-shared", "-fPIC")
        self.library, self.texts = ctypes.CDLL(str(shared)), texts

    def evaluate(self, name, numbers):
        outputs = int(re.search(r"_outputs = (\d+)", self.texts[name]).group(1))
        given, found = (ctypes.c_double * len(numbers))(*numbers), (ctypes.c_double * outputs)()
        if hasattr(self.library, f"{name}_evaluate"):
            getattr(self.library, f"{name}_evaluate")(given, found)
            return list(found)
        functions = [getattr(self.library, f"{name}_{part}") for part in ("value", "value_and_gradient")]
        for f in functions:
            f.restype = ctypes.c_double
        value = functions[1](given, found)
        assert same_bits([functions[0](given)], [value])
        return [value, *found[: outputs - 1]]


def same_bits(a, b):
    a, b = np.array(a, dtype=float), np.array(b, dtype=float)
    return ((a.view(np.int64) == b.view(np.int64)) | (np.isnan(a) & np.isnan(b))).all()


def numbers_of(f, args):
    return flatten(f(*args))[0]


def arity(op):
    return op.arity if op.arity is not None else 4


def slopes_too(f, count):
    return jit(value_and_grad(f, tuple(range(count))), exact=True)


# --- the table ---------------------------------------------------------------------------------------------


def test_every_operation_that_can_be_lowered_has_a_form():
    assert sorted(FORMS) == sorted(LOWERINGS)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    texts = {name: to_c(op, *[0.5] * arity(op), name=name) for name, op in PRIMITIVES.items()}
    return Files(tmp_path_factory.mktemp("rows"), texts)


@needs_compiler
@pytest.mark.parametrize("name", PRIMITIVES)
def test_every_row_and_its_gradient(rows, name):
    op = PRIMITIVES[name]
    count, draw = arity(op), np.random.default_rng(0)
    grid = list(itertools.product(SPECIAL, repeat=count)) if count < 3 else draw.choice(SPECIAL, (400, count)).tolist()
    middle = (draw.choice([-1.0, 1.0], (200, count)) * 10.0 ** draw.uniform(-9, 3, (200, count))).tolist()
    compiled = slopes_too(op, count)
    for point in [*grid, *middle]:
        found, right = rows.evaluate(name, point), numbers_of(compiled, point)
        assert same_bits(found, right), (point, found, right)


UNCONDITIONAL = {
    "identity": lambda x: x,
    "fma": lambda x, y, z: float(np.longdouble(x) * np.longdouble(y) + np.longdouble(z)),
    "fms": lambda x, y, z: float(np.longdouble(x) * np.longdouble(y) - np.longdouble(z)),
    "fnma": lambda x, y, z: float(np.longdouble(z) - np.longdouble(x) * np.longdouble(y)),
    "product0": lambda x, y: -0.0 if x == 0 or y == 0 else x * y,
    "as_number": lambda x: float(x != 0),
    "not": lambda x: float(not x),
    "and": lambda x, y: float(x != 0 and y != 0),
    "or": lambda x, y: float(x != 0 or y != 0),
    "xor": lambda x, y: float((x != 0) != (y != 0)),
    "lt": lambda x, y: float(x < y),
    "le": lambda x, y: float(x <= y),
    "gt": lambda x, y: float(x > y),
    "ge": lambda x, y: float(x >= y),
    "eq": lambda x, y: float(x == y),
    "ne": lambda x, y: float(x != y),
}
TAKES_CONDITIONS = {"not", "and", "or", "xor", "as_number"}


def of_one_operation(name, count):
    """A file with one operation in it, whatever the compiler of programs would have made of it."""
    instructions = [Instruction("scalar", (i,)) for i in range(count)]
    inputs = tuple(range(count))
    if name in TAKES_CONDITIONS:
        instructions += [Instruction("as_bits", (i,)) for i in range(count)]
        inputs = tuple(range(count, 2 * count))
    instructions.append(Instruction(name, inputs))
    if name in CONDITIONS:
        instructions.append(Instruction("as_number", (len(instructions) - 1,)))
    last = len(instructions) - 1
    program = Program(instructions, [], divided(instructions), [last])
    code = function(program, Source(range(count), {}, [], []), [Output(last, 0)], "evaluate")
    text = "\n".join(["void @evaluate(const double *inputs, double *outputs);", *helpers(code), *code])
    return text.replace("@", f"only_{name}_") + f"\nenum {{ only_{name}_outputs = 1 }};\n"


@needs_compiler
def test_operations_that_are_no_rows(tmp_path):
    arities = {name: rule.__code__.co_argcount for name, rule in UNCONDITIONAL.items()}
    texts = {f"only_{name}": of_one_operation(name, count) for name, count in arities.items()}
    first = next(iter(texts))
    files = Files(tmp_path, {**texts, first: "#include <math.h>\n" + texts[first]})
    for name, rule in UNCONDITIONAL.items():
        moderate = name in ("fma", "fms", "fnma")  # where a sum in extended precision rounds like one of doubles
        numbers = [0.5, -1.5, 3.0, 2.0**-30, 1 + 2.0**-30] if moderate else [nan, 0.0, -0.0, 1.0, -2.5, inf, -inf]
        for point in itertools.product(numbers, repeat=arities[name]):
            assert same_bits(files.evaluate(f"only_{name}", point), [rule(*point)]), (name, point)


@needs_compiler
def test_special_points(rows, tmp_path):
    def is_a_row(point):  # its file exists: the numbers that it was made at are in its self-test alone
        op = PRIMITIVES.get(point.text)
        return op is point.function and arity(op) == len(point.inputs)

    others = {f"p{k}": p for k, p in enumerate(special_points()) if not is_a_row(p)}
    files = Files(tmp_path, {name: to_c(p.function, *p.inputs, name=name) for name, p in others.items()})
    found = [(p, rows.evaluate(p.text, p.inputs)) for p in special_points() if is_a_row(p)]
    for point, numbers in [*found, *((p, files.evaluate(name, p.inputs)) for name, p in others.items())]:
        for number, right in zip(numbers, [point.value, *point.slopes]):
            assert right is ... or number == pytest.approx(right, rel=point.digits, abs=0.0, nan_ok=True), point


@needs_compiler
@settings(max_examples=3)
@given(
    st.lists(expressions(smooth=False, choices=True, max_steps=5), min_size=12, max_size=12),
    st.lists(points(), min_size=6, max_size=6),
)
def test_random_programs(tmp_path_factory, programs, where_to):
    texts = {f"e{k}": to_c(f, 0.5, 0.25, name=f"e{k}") for k, f in enumerate(programs)}
    files = Files(tmp_path_factory.mktemp("random"), texts, "-O1")
    for k, f in enumerate(programs):
        compiled = slopes_too(f, 2)
        for point in where_to:
            assert same_bits(files.evaluate(f"e{k}", point), numbers_of(compiled, point)), (f, point)


# --- structures, samples, long programs --------------------------------------------------------------------

RANDOM = np.random.default_rng(1)
W, X, Y = RANDOM.normal(size=(2, 3)), RANDOM.normal(size=(7, 2)), RANDOM.normal(size=7)
WEIGHTS = np.linspace(0.5, 1.5, 7)
CUBE = RANDOM.normal(size=(2, 3, 4))


def network(params, x):
    hidden = [tanh(x[0] * params["w"][0, j] + x[1] * params["w"][1, j] + params["b"][j]) for j in range(3)]
    return where((hidden[0] > 0) & (hidden[1] < 0.5), hidden[0] - hidden[2], maximum(hidden[1], hidden[2]))


def loss(params, X, Y):
    return mean(vmap(lambda p, x, y: (network(p, x) - y) ** 2, in_axes=(None, 0, 0))(params, X, Y))


def normalised(scale, Y):
    centre = mean(vmap(lambda y: y)(Y))
    deviation = sqrt(mean(vmap(lambda y, m: (y - m) ** 2, in_axes=(0, None))(Y, centre)) + 1e-3)
    return sum_of(
        vmap(lambda y, s, m, d: sin(s * (y - m) / d), in_axes=(0, None, None, None))(Y, scale, centre, deviation)
    )


PARAMS = {"w": W, "b": [0.1, -0.2, 0.3]}
PROGRAMS = {
    "structures": (lambda p, q: {"a": [p[0] * q["x"], (p[1], 2.0)], "b": p[0] ** 2}, ([1.5, -2.0], {"x": 3})),
    "arrays": (lambda w, v: w @ v, (W, np.array([1, 2, 3]))),
    "jacobian_of": (jacobian(lambda v: [v[0] * v[1], exp(v[0])]), (np.array([0.5, 2.0]),)),
    "hessian_of": (hessian(lambda v: sin(v[0]) * v[1] ** 3), ([0.5, 2.0],)),
    "nothing_of_inputs": (lambda x: [3.25, -0.0, nan, -inf, 0.1], (1.0,)),
    "no_input_at_all": (lambda x: 4.5, (1.0,)),
    "itself": (lambda x, y: (y, x, y), (1.0, -0.0)),
    "a_condition": (lambda x, y: [x < y, (x < y) ^ (y > 2)], (1.0, 2.0)),
    "training": (value_and_grad(loss), (PARAMS, X, Y)),
    "unrolled": (lambda p, x, y: loss({"w": W, "b": p}, x, y), ([0.1, -0.2, 0.3], X[:2], Y[:2])),
    "stages": (value_and_grad(normalised), (1.5, Y)),
    "samples": (vmap(network, in_axes=(None, 0)), (PARAMS, X)),
    "middle_axis": (vmap(lambda x: x.sum(axis=0) * x[0, 1], in_axes=1), (CUBE,)),
    "last_axis": (vmap(lambda x, y: {"p": x * y, "s": sigmoid(x[0, 0])}, in_axes=(-1, 0)), (CUBE, Y[:4])),
    "shared_rows": (vmap(lambda y, a: [y, a, exp(a), 2.5, y * a], in_axes=(0, None)), (Y, 0.5)),
    "sums_and_rows": (lambda s, y: (s * sum_of(vmap(sin)(y)), vmap(lambda t: [t > s, t * s])(y)), (0.3, Y)),
    "sum_of_zeros": (lambda y: [sum_of(vmap(lambda t: -0.0 * t * t)(y))], (Y,)),
    "constant_samples": (lambda a: sum_of(vmap(lambda w, a: exp(w * a), in_axes=(0, None))(WEIGHTS, a)), (0.5,)),
    "two_batches": (
        lambda a, x, y: [sum_of(vmap(lambda t: t * t)(x)) * a, mean(vmap(lambda t, a: t + a, in_axes=(0, None))(y, a))],
        (0.5, Y, CUBE[0, :, 0]),
    ),
}


@needs_compiler
@pytest.mark.parametrize(("piece", "stack"), [(400, 2**15), (3, 0)], ids=["in place", "in pieces"])
def test_programs(tmp_path, monkeypatch, piece, stack):
    for module in (regions, c_functions):
        monkeypatch.setattr(module, "PART", piece)
    monkeypatch.setattr(c_functions, "STACK", stack)
    texts = {name: to_c(f, *args, name=name) for name, (f, args) in PROGRAMS.items()}
    assert ("static double memory" in texts["stages"]) == ("_part_0(" in texts["stages"]) == (piece == 3)
    files = Files(tmp_path, texts)
    for name, (f, args) in PROGRAMS.items():
        leaves, structure = flatten(args)
        plain = f"{name}_value(" in texts[name]
        compiled = slopes_too(f, len(args)) if plain else jit(f, exact=True, threads=1)
        for shift in (0.0, 0.25, -1.0):
            numbers = [x + shift for x in leaves]
            right = numbers_of(compiled, structure([float(x) for x in numbers]))
            assert same_bits(files.evaluate(name, numbers), right), (name, shift)


@needs_compiler
@pytest.mark.parametrize("samples", [np.ones(3), np.ones((3, 0))], ids=["unused", "empty"])
def test_constants_that_are_mapped_for_nothing_are_left_out(tmp_path, samples):
    text = to_c(lambda w: mean(vmap(lambda c: w * w)(samples)), 2.0)
    assert "constant" not in text
    assert Files(tmp_path, {"f": text}).evaluate("f", [3.0]) == [9.0, 6.0]


@needs_compiler
def test_a_long_program(tmp_path):
    def steps(x, v):
        for _ in range(120):
            x, v = x + 0.01 * v, v - 0.01 * sin(x)
        return x

    text = to_c(steps, 1.0, 0.5)
    assert text.count("static void steps_value_and_gradient_stage_0_part_") > 1
    found = Files(tmp_path, {"steps": text}, "-O1").evaluate("steps", [0.3, -0.2])
    assert same_bits(found, numbers_of(slopes_too(steps, 2), (0.3, -0.2)))


# --- the file ------------------------------------------------------------------------------------------------


def area(width, *sides):
    return width * sides[0] + exp(sides[1])


@needs_compiler
def test_the_self_test(tmp_path):
    text = to_c(area, 2.0, 3.0, 0.5)
    done = subprocess.run([cc(tmp_path, text, "-O2", "-DSELF_TEST")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "OK: 4 cases\n")
    right = area(2.0, 3.0, 0.5)
    damaged = text.replace(f"        {right.hex()},", f"        {math.nextafter(right, inf).hex()},")
    done = subprocess.run([cc(tmp_path, damaged, "-O2", "-DSELF_TEST")], capture_output=True, text=True)
    said = (
        f"case 0, number 0 of the result: found {short_hex(right)}, expected {short_hex(math.nextafter(right, inf))}\n"
    )
    assert (done.returncode, done.stdout) == (1, said)
    tolerant = cc(tmp_path, damaged, "-O2", "-DSELF_TEST", "-DTOLERANCE=1e-12")
    assert subprocess.run([tolerant], capture_output=True).returncode == 0


def short_hex(x):
    """As C prints %a."""
    return re.sub(r"\.?0*p", "p", x.hex())


@needs_compiler
@pytest.mark.parametrize("name", ["training", "samples", "nothing_of_inputs"])
def test_the_self_test_of_structures(tmp_path, name):
    f, args = PROGRAMS[name]
    program = cc(tmp_path, to_c(f, *args, name=name), "-O1", "-DSELF_TEST")
    assert subprocess.run([program], capture_output=True, text=True).stdout == "OK: 4 cases\n"


@needs_compiler
@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda w, X: sum_of(vmap(lambda w, x: w, in_axes=(None, 0))(w, X)), (0.1, np.ones(7))),
        (lambda w, Y: vmap(lambda w, y: y * w, in_axes=(None, 0))(w, Y).sum(), (0.3, RANDOM.normal(size=(7, 3)))),
    ],
    ids=["shared", "rows"],
)
def test_the_self_test_where_the_gradient_adds_in_another_order(tmp_path, f, args):
    program = cc(tmp_path, to_c(f, *args), "-O2", "-DSELF_TEST")
    assert subprocess.run([program], capture_output=True, text=True).stdout == "OK: 4 cases\n"


@needs_compiler
def test_it_does_not_compile_with_fast_math(tmp_path):
    (tmp_path / "f.c").write_text(to_c(area, 2.0, 3.0, 0.5))
    command = [COMPILER, "-std=c99", "-ffast-math", "-fsyntax-only", str(tmp_path / "f.c")]
    assert "without -ffast-math" in subprocess.run(command, capture_output=True, text=True).stderr


def test_the_comment_says_what_is_where():
    text = to_c(area, 2.0, 3.0, 0.5)
    for line in ["inputs[0]  width", "inputs[1]  sides[0]", "inputs[2]  sides[1]"]:
        assert f" * {line}\n" in text
    text = to_c(value_and_grad(loss), PARAMS, X, Y)
    for line in [
        "inputs[0..5]    params['w'], 2 x 3",
        "inputs[7]       params['b'][1]",
        "inputs[9..22]   X, 7 x 2",
        "inputs[23..29]  Y, 7",
        "outputs[0]     result[0]",
        "outputs[1..6]  result[1]['w'], 2 x 3",
    ]:
        assert f" * {line}\n" in text


def test_empty_arrays_have_no_line():
    text = to_c(lambda x, nothing: 2 * x, 1.0, np.zeros((0, 3)))
    assert "inputs[0]  x\n" in text
    assert "nothing" not in text


def test_the_text_is_the_same_every_time():
    first, second = (to_c(value_and_grad(loss), PARAMS, X, Y) for _ in range(2))
    assert first == second
    assert first.isascii()


@pytest.mark.parametrize("args", [(2.0, 3.0), (2, np.float32(3.0)), (np.array(2), True + 2)], ids=str)
def test_numbers_of_any_kind_make_the_same_file(args):
    assert to_c(lambda x, y: x * y, *args) == to_c(lambda x, y: x * y, 2.0, 3.0)


def test_the_file_is_written(tmp_path):
    text = to_c(area, 2.0, 3.0, 0.5, path=tmp_path / "area.c")
    assert (tmp_path / "area.c").read_text() == text
    with pytest.raises(OSError, match=r"missing.area\.c'$"):
        to_c(area, 2.0, 3.0, 0.5, path=tmp_path / "missing" / "area.c")


@pytest.mark.parametrize(
    ("name", "expected"), [("<lambda>", "f"), ("_hidden", "hidden"), ("größe_2", "gre_2"), ("Ω", "f")]
)
def test_names_that_c_does_not_know(name, expected):
    def f(x):
        return x * x

    f.__name__ = name
    assert f"double {expected}_value(const double *inputs);" in to_c(f, 1.0)


@needs_compiler
def test_no_name_ends_the_comment(tmp_path):
    text = to_c(lambda p: p["*/ int x; /*"] * p["ü\n"] * p["??/"], {"*/ int x; /*": 1.0, "ü\n": 2.0, "??/": 1.0})
    assert text.isascii()
    cc(tmp_path, text, "-fsyntax-only")


def test_few_cases_where_there_are_many_numbers():
    text = to_c(vmap(lambda x: 2 * x), np.zeros(5000))
    assert "points[1][f_inputs]" in text
    assert "for (size_t i = 0; i < 5000; i++) {" in text


def test_a_compiled_function_can_be_given():
    assert to_c(jit(area), 2.0, 3.0, 0.5) == to_c(area, 2.0, 3.0, 0.5)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: to_c(3.0, 1.0), TypeError, "to_c() needs a function, got float"),
        (lambda: to_c(area, 2.0, "x", 1.0), TypeError, "to_c(): sides[0]: expected a real number"),
        (lambda: to_c(area, Value(2.0), 1.0, 1.0), TypeError, "to_c(): width: expected a real number"),
        (lambda: to_c(lambda: 1.0), ValueError, "to_c() needs at least one number in the example, got none"),
        (lambda: to_c(lambda x: [], 1.0), ValueError, "needs a function that returns at least one number, got none"),
        (lambda: to_c(vmap(lambda x: []), np.ones(2)), ValueError, "returns at least one number, got none"),
        (lambda: to_c(vmap(sin), np.zeros(0)), ValueError, "to_c() needs at least one number in the example"),
        (lambda: to_c(area, 1.0, 1.0, 1.0, name="2d"), ValueError, "name must be letters, digits and _"),
        (lambda: to_c(area, 1.0, 1.0, 1.0, name=3), ValueError, "beginning with a letter, got 3"),
        (lambda: to_c(area, 1.0, 1.0, 1.0, name=""), ValueError, "beginning with a letter, got ''"),
        (lambda: to_c(lambda x: [1.0].index(x), 1.0), TraceError, "branches on a comparison"),
    ],
)
def test_errors_say_what_was_wrong(call, error, sentence):
    with pytest.raises(error) as caught:
        call()
    assert sentence in str(caught.value)


@given(st.floats())
def test_literals_keep_their_bits(x):
    text = re.sub(r" /\*.*?\*/", "", literal(x)).strip("()")
    spelled = {"NAN": nan, "INFINITY": inf, "-INFINITY": -inf}
    found = spelled[text] if text in spelled else float.fromhex(text) if "0x" in text else float(text)
    assert same_bits([found], [x])
