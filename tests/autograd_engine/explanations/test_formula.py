"""Formulas: what is written, read again, has the value it stands for."""

import matplotlib.mathtext
import pytest
from hypothesis import given, settings

from autograd_engine import Value, dot, exp, formula, sigmoid, tanh
from autograd_engine.explanations.names import Names, reading_order
from autograd_engine.explanations.notation import text
from autograd_engine.explanations.symbols import Number
from tests.autograd_engine.explanations.reader import evaluated
from tests.laws.strategies import expressions, points


@given(expressions(), points())
def test_a_formula_read_again_has_the_value(f, at):
    leaves = [Value(x, f"x{i}") for i, x in enumerate(at)]
    found = formula(f(*leaves))
    numbers = {leaf.label: leaf.data for leaf in leaves}
    for line in found.definitions:
        numbers[line.left.text] = evaluated(text(line.rights[0]), numbers)
        assert numbers[line.left.text] == pytest.approx(line.rights[1].value, rel=1e-4, abs=1e-4)
    assert evaluated(text(found.expression), numbers) == pytest.approx(found.value.data, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(
    ("number", "written"),
    [(999_999.0, "999999"), (-999_999.0, "-999999"), (1e6, "1e+06"), (-1e6, "-1e+06"), (999_999.6, "1e+06")]
    + [(999_949.9, "9.999e+05"), (99_999.0, "99999"), (1234.5, "1234"), (0.0, "0"), (-0.0, "-0")],
)
def test_whole_numbers_below_a_million_have_all_their_digits(number, written):
    assert text(Number(number, 4)) == written


def test_a_whole_power_below_a_million_stands_above():
    x = Value(1.0, "x")
    assert [text(formula(x**n).expression) for n in (999_999, -999_999)] == ["x⁹⁹⁹⁹⁹⁹", "x⁻⁹⁹⁹⁹⁹⁹"]
    assert text(formula(x**1e6).expression) == "x^1e+06"


@settings(max_examples=15)
@given(expressions(max_steps=4), points())
def test_every_formula_can_be_set_by_a_latex(f, at):
    found = formula(f(*[Value(x, f"x{i}") for i, x in enumerate(at)]))
    matplotlib.mathtext.MathTextParser("path").parse(f"${found.latex}$")


def test_labels_are_used_and_few_parentheses():
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    q = x + y
    q.label = "q"
    assert str(formula(q * z)) == "(x+y)·z"
    assert formula(q * z).latex == r"(x+y) \, z"
    assert str(formula(q * z, expand=False)) == "q·z\nwhere\n  q = x + y = 3"
    assert str(formula(q * z, names={"a": x}, expand=True)) == "(a+y)·z"
    assert str(formula(x)) == "x"
    assert str(formula(Value(1.0))) == "v1"
    assert "$$\nq \\, z\n$$\n\nwhere\n\n$$\n\\begin{aligned}\nq &= x + y = 3" in formula(q * z, expand=False).markdown
    assert formula(q)._repr_markdown_() == "$$\nx + y\n$$"


def test_what_occurs_twice_is_named_once():
    x, y = Value(1.0, "x"), Value(2.0, "y")
    shared = exp(x * y + 1)
    assert str(formula(shared * tanh(shared))) == "v3·tanh(v3)\nwhere\n  v3 = exp(x·y + 1) = 20.09"
    shared.label = "e"
    assert str(formula(shared * tanh(shared))) == "e·tanh(e)\nwhere\n  e = exp(x·y + 1) = 20.09"
    square = x * x
    assert str(formula(square + square)) == "x·x + x·x"


def test_reading_order_is_from_left_to_right_and_inputs_to_output():
    a, b, c, d = (Value(1.0, label) for label in "abcd")
    left, right = a * b, c * a
    out = d * (left + right)
    assert [node.label or node.op.name for node in reading_order([out, c])] == list("ab") + [
        "mul",
        "c",
        "mul",
        "add",
        "d",
        "mul",
    ]
    assert [node.label for node in reading_order([a, a])] == ["a"]


def test_a_made_up_name_is_not_one_that_is_taken():
    v1, v2 = Value(1.0, "v1"), Value(2.0, "v3")
    shared = exp(v1 * v2)
    assert str(formula(shared * shared)).startswith("v4·v4\nwhere\n  v4 = exp(v1·v3)")


def test_an_exponential_expression_takes_linear_time():
    v = Value(1.0, "x")
    for _ in range(200):
        v = v * v * 0.5 + v
    assert len(str(formula(v))) < 3000
    for _ in range(20_000):
        v = tanh(v)
    written = str(formula(v))
    assert "more definitions" in written
    assert len(written) < 10_000


@pytest.mark.parametrize(
    ("label", "plain", "in_latex"),
    [
        ("w", "w", "w"),
        ("w0", "w0", "w_{0}"),
        ("w_12", "w_12", "w_{12}"),
        ("out", "out", r"\mathit{out}"),
        ("alpha", "alpha", r"\alpha"),
        ("beta1", "beta1", r"\beta_{1}"),
        ("x'", "x'", "x'"),
        ("weight[0, 1]", "weight[0, 1]", r"\mathit{weight}_{0,1}"),
        ("0.weight[3, 2]", "0.weight[3, 2]", r"\text{0.weight[3, 2]}"),
        ("z = w·x + b", "z", "z"),
        ("exp(1/x)", "‹exp(1/x)›", r"\text{exp(1/x)}"),
        (" two  words ", "‹two words›", r"\text{two words}"),
        ("$x$", "‹$x$›", r"\text{＄x＄}"),
        (r"\input{a}", r"‹\input{a}›", r"\text{∖input❴a❵}"),
        ("<script>", "‹<script>›", r"\text{‹script›}"),
        ("a|b", "‹a|b›", r"\text{a∣b}"),
        ("50%_#", "‹50%_#›", r"\text{50\%\_\#}"),
        ("a\nb\0", "‹a b\ufffd›", "\\text{a b\ufffd}"),
        ("9" * 100, "‹" + "9" * 39 + "…›", rf"\text{{{'9' * 39}…}}"),
        ("=", "v1", "v_{1}"),
    ],
)
def test_labels_become_names(label, plain, in_latex):
    x = Value(1.0, label)
    name = Names([x]).name(x)
    assert (name.text, name.latex) == (plain, in_latex)


def test_equal_labels_are_numbered():
    a, b = Value(1.0, "w"), Value(2.0, "w")
    assert str(formula(a * b)) == "w·w#2"
    assert "w^{(2)}" in formula(a * b).latex


@pytest.mark.parametrize("names", [{"a": 1.0}, {"a": "x"}])
def test_names_are_of_values(names):
    with pytest.raises(TypeError, match="names maps a name to a Value"):
        formula(Value(1.0), names=names)


def test_only_a_value_has_a_formula():
    with pytest.raises(TypeError, match=r"formula\(\) takes a Value, got float: 1.0"):
        formula(1.0)


def test_a_neuron_is_written_as_one():
    w, x = [Value(0.1 * i, f"w{i}") for i in range(3)], [Value(1.0, f"x{i}") for i in range(3)]
    assert str(formula(sigmoid(dot(w, x) + Value(0.0, "b")))) == "σ(w0·x0 + w1·x1 + w2·x2 + b)"
