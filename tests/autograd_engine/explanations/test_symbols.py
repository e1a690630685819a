"""Symbols: the rules of the table can be read, and what is read is what is computed."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd_engine import PRIMITIVES, Primitive, exp, maximum, where
from autograd_engine.explanations.notation import latex, text
from autograd_engine.explanations.symbols import (
    Call,
    Name,
    Number,
    Product,
    Sum,
    computed_partials,
    symbolic_partials,
    textbook,
)
from tests.laws.strategies import domain

neg = PRIMITIVES["neg"]
x, y, z = Name("x"), Name("y"), Name("z")


@pytest.mark.parametrize("op", PRIMITIVES.values(), ids=lambda op: op.name)
@given(data=st.data())
def test_what_a_textbook_writes_is_what_the_row_computes(op, data):
    inputs = data.draw(domain(op))
    assume(op.name not in ("sinc", "j1", "i1e") or abs(inputs[0]) > 0.01)  # where the textbook's form has no digits
    out = op(*inputs)
    expected = op.partials(out, *inputs)
    written = symbolic_partials(op, Number(out), list(map(Number, inputs)))
    assert len(written) == len(expected)
    for symbol, partial in zip(written, expected):
        [number] = _numbers([symbol])
        assert number == pytest.approx(float(partial), rel=1e-9, abs=1e-12), text(symbol)


def _numbers(symbols):
    """The numbers of expressions of numbers; what has a relation or π in it is not folded on the way."""
    return [_number(symbol) for symbol in symbols]


def _number(symbol):
    if isinstance(symbol, Number):
        return symbol.value
    if isinstance(symbol, Name):
        assert symbol.text == "π"
        return math.pi
    if isinstance(symbol, Call):
        return symbol.op(*_numbers(symbol.args))
    left, right = _number(symbol.left), _number(symbol.right)
    relations = {"<": left < right, ">": left > right, "==": left == right, "!=": left != right}
    return float(relations[symbol.sign])


@pytest.mark.parametrize("op", [op for op in PRIMITIVES.values() if op.derivative], ids=lambda op: op.name)
def test_a_textbook_derivative_has_a_formula_per_input(op):
    assert len(textbook(op)) == (op.arity or 1)
    assert {name for formula in textbook(op) for name in formula.names} <= {"out", "π", *op.__signature__.parameters}


@pytest.mark.parametrize("op", PRIMITIVES.values(), ids=lambda op: op.name)
def test_a_readable_derivative_is_short(op):
    inputs = [Name(name) for name in "abcd"[: op.arity or 4]]
    for partial in symbolic_partials(op, Name("out"), inputs):
        assert len(text(partial)) < 60
        assert len(latex(partial)) < 120


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        (1 * x, "x"),
        (x * 1, "x"),
        (0 * x, "0"),
        (x + 0, "x"),
        (0 + x, "x"),
        (x - 0, "x"),
        (0 - x, "-x"),
        (x / 1, "x"),
        (x**1, "x"),
        (x**0, "1"),
        (neg(neg(x)), "x"),
        (-1 * x, "-x"),
        (x * 2, "2·x"),
        (2 * Number(3.0), "6"),
        (where(Number(1.0), x, y), "x"),
        (where(Number(0.0), x, y), "y"),
        (where(x > 0, y, math.nan), "y"),
        (where(x > 0, y, y), "y"),
        (where(x == x, y, z), "y"),
        (where(x > 0, y, z), "where(x > 0, y, z)"),
        (where(x, y, z), "where(x, y, z)"),
        (where((x > 0) & (y != 1), 2, 3), "where((x > 0) and (y ≠ 1), 2, 3)"),
        (where((x <= 0) | (y >= 1), 2, 3), "where((x ≤ 0) or (y ≥ 1), 2, 3)"),
        (y * (x < 0), "y·[x < 0]"),
        (maximum(x, 2) // y % 3, "mod(floordiv(max(x, 2), y), 3)"),
        (abs(x) * 2.5, "2.5·|x|"),
    ],
)
def test_what_is_obvious_is_simplified(symbol, expected):
    assert text(symbol) == expected


@pytest.mark.parametrize(
    ("symbol", "plain", "set_in_latex"),
    [
        (x + y * z, "x + y·z", r"x + y \, z"),
        ((x + y) * z, "(x+y)·z", r"(x+y) \, z"),
        (z * (x + y), "z(x+y)", "z(x+y)"),
        (2 * (x + y), "2·(x+y)", "2(x+y)"),
        ((x + y) * (x - y), "(x+y)(x-y)", "(x+y)(x-y)"),
        (x / y * (y - z), "x/y·(y-z)", r"\frac{x}{y}(y-z)"),
        (x**0.5 * (y - z), "x^0.5·(y-z)", "x^{0.5}(y-z)"),
        (x - (y - z), "x - (y-z)", "x - (y-z)"),
        (x - y + z, "x - y + z", "x - y + z"),
        (x + -y, "x - y", "x - y"),
        (x - -y, "x + y", "x + y"),
        (x + -2.0, "x - 2", "x - 2"),
        (x - y * -2.0, "x + 2·y", r"x + 2 \, y"),
        (-(x + y), "-(x+y)", "-(x+y)"),
        (x * -y, "x·(-y)", r"x \, (-y)"),
        (x / (y * z), "x/(y·z)", r"\frac{x}{y \, z}"),
        (x / y / z, "x/y/z", r"\frac{\frac{x}{y}}{z}"),
        (-x / y, "-x/y", r"-\frac{x}{y}"),
        ((x + y) / z, "(x+y)/z", r"\frac{x + y}{z}"),
        (x**2, "x²", "x^{2}"),
        (x**-1, "x⁻¹", "x^{-1}"),
        (x**0.5, "x^0.5", "x^{0.5}"),
        ((x * y) ** z, "(x·y)^z", r"(x \, y)^{z}"),
        (x ** (y + 1), "x^(y+1)", "x^{y + 1}"),
        ((-x) ** 2, "(-x)²", "(-x)^{2}"),
        ((x**2) ** 3, "(x²)³", "(x^{2})^{3}"),
        ((x / y) ** 2, "(x/y)²", r"\left(\frac{x}{y}\right)^{2}"),
        (exp(x) ** 2, "exp(x)²", "(e^{x})^{2}"),
        (x * Number(1e-5), "1e-05·x", r"1 \times 10^{-5} \, x"),
        (x * math.inf, "inf·x", r"\infty \, x"),
        (x * math.nan, "nan·x", r"\mathrm{nan} \, x"),
        (Product((x, y + 1, -z)), "x · (y+1) · (-z)", r"x \cdot (y+1) \cdot (-z)"),
        (Sum((Product((Number(-2.0), x)), Product((Number(-3.0), y)))), "-2 · x - 3 · y", r"-2 \cdot x - 3 \cdot y"),
        (PRIMITIVES["leaky_relu"](x, 0.5), "leaky_relu(x, 0.5)", r"\operatorname{leaky\_relu}(x, 0.5)"),
        (where(x > 0, y, z), "where(x > 0, y, z)", r"\begin{cases} y & x \gt 0 \\ z & \text{else} \end{cases}"),
        (where(x, y, z), "where(x, y, z)", r"\begin{cases} y & x \ne 0 \\ z & \text{else} \end{cases}"),
        (PRIMITIVES["floor"](x / y), "⌊x/y⌋", r"\left\lfloor \frac{x}{y} \right\rfloor"),
        (PRIMITIVES["xlogy"](x, y), "x·ln(y)", r"x \, \ln(y)"),
        (PRIMITIVES["exp2"](x), "2^x", "2^{x}"),
        (PRIMITIVES["digamma"](x), "ψ(x)", r"\psi(x)"),
        (PRIMITIVES["polygamma2"](x), "polygamma2(x)", r"\psi^{(2)}(x)"),
        (PRIMITIVES["sum"](x), "x", "x"),
        (PRIMITIVES["sum"](x, y), "x + y", "x + y"),
        (PRIMITIVES["dot"](x, y), "x·y", r"x \, y"),
        (Call(PRIMITIVES["prod"], ()), "1", "1"),
        (Call(PRIMITIVES["identity"], (x,)) * 2, "2·x", r"2 \, x"),
    ],
)
def test_how_it_is_written(symbol, plain, set_in_latex):
    assert text(symbol) == plain
    assert latex(symbol) == set_in_latex


def test_the_middle_of_a_long_sum_is_left_out():
    xs = [Name(f"x{i}") for i in range(20)]
    assert text(PRIMITIVES["sum"](*xs)) == "x0 + x1 + x2 + x3 + x4 + x5 + … + x19"
    assert text(PRIMITIVES["prod"](*xs)) == "x0·x1·x2·x3·x4·x5·…·x19"


def test_a_symbol_is_neither_true_nor_false():
    with pytest.raises(TypeError, match=r"where\(condition"):
        bool(x > 0)


@pytest.mark.parametrize(
    "partials", [lambda out, x: (2.0 if x > 0 else 1.0,), lambda out, x: (math.exp(x),), lambda out, x: (x.data,)]
)
def test_a_rule_that_symbols_cannot_run_has_a_name_still(partials):
    op = Primitive("branching", "b", lambda x: x, partials, "A row of somebody's own.")
    try:
        assert [text(d) for d in symbolic_partials(op, y, [x])] == ["branching'"]
    finally:
        del PRIMITIVES["branching"]


def test_a_row_without_a_textbook_derivative_is_read_as_it_is():
    assert PRIMITIVES["mul"].derivative == ()
    for partials in (symbolic_partials, computed_partials):
        assert [text(d) for d in partials(PRIMITIVES["mul"], z, [x, y])] == ["y", "x"]
