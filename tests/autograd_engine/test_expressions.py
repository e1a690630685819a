"""Formulas compute what Python computes, and hold nothing but formulas."""

import contextlib
import math
import warnings

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import autograd_engine
from autograd_engine import PRIMITIVES, Value
from autograd_engine.expressions import FUNCTIONS, Expression, ExpressionError, parse

formulas = st.recursive(
    st.sampled_from(["x", "y", "2", "0.5", "1e-3", "pi"]),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/"]), inner)
        | st.builds("-{}".format, inner)
        | st.builds("{}({})".format, st.sampled_from(["sin", "exp", "tanh", "atan"]), inner)
        | st.builds("where({} < {}, {}, {})".format, inner, inner, inner, inner)
    ),
    max_leaves=8,
)


@given(formulas, st.floats(-2, 2), st.floats(-2, 2))
def test_a_formula_is_what_python_makes_of_it(text, x, y):
    numbers = {"x": x, "y": y}
    f = parse(text)
    got = f(**{name: numbers[name] for name in f.names})
    try:
        expected = eval(text, {**vars(autograd_engine), "pi": math.pi, **numbers})
    except ZeroDivisionError:
        return  # a formula follows IEEE 754
    assert got == expected or (math.isnan(got) and math.isnan(expected))


def test_names_come_in_order_of_appearance():
    assert parse("b*a + b - sin(c)*pi").names == ("b", "a", "c")
    assert parse("1 + 2").names == ()
    assert parse(" x ")(x=2.0) == 2.0


def test_a_formula_of_values_has_gradients():
    x = Value(3.0)
    parse("(x - 5)**2")(x=x).backward()
    assert x.grad == -4.0


def test_every_function_of_the_table_can_be_called():
    assert {op.name for op in PRIMITIVES.values() if op.name != "dot"} <= {
        getattr(function, "name", "") for function in FUNCTIONS.values()
    }
    assert parse("sum(1, 2, 3) + prod(2, 3) + max(1, 2) + atan2(0, 1) + 7 // 2 + 7 % 4")() == 20.0
    assert parse("1 / 0 + 10**400")() == math.inf


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not complete"),
        ("x +", "not complete"),
        ("(x", "not complete"),
        ("x = 3", "not complete"),
        ("import os", "not complete"),
        ("x.real", "attribute"),
        ("x[0]", "index"),
        ("[x]", r"hold '\[x\]'$"),
        ("lambda: x", "lambda"),
        ("x if x else y", "where"),
        ("x and y", "where"),
        ("x < y < z", "hold 'x < y < z'$"),
        ("x ^ 2", r"\*\*"),
        ("x + ~y", "hold '~y'$"),
        ("'text'", "only numbers"),
        ("True", "only numbers"),
        ("1j", "only numbers"),
        ("f'{x}'", r"hold .f'{x}'.$"),
        ("open('f')", "open"),
        ("__import__('os')", "__import__"),
        ("__builtins__", "__builtins__"),
        ("x.__class__()", "x.__class__"),
        ("(lambda: x)()", "that"),
        ("sin", r"sin\(\.\.\.\)"),
        ("sin()", "sin"),
        ("sin(x, y)", "sin"),
        ("sin(x=1)", "named arguments"),
        ("sin(*x)", "arguments"),
        ("(y := 3)", ":="),
        ("[x for x in y]", r"hold '\[x for x in y\]'$"),
        ("x" * 10_001, "10001 characters"),
        ("-" * 5000 + "x", "too deeply"),
        ("(" * 300 + "x" + ")" * 300, "too deeply|not complete"),
        ("\0", "in the formula|not complete"),
    ],
)
def test_what_is_no_formula_is_refused_by_name(text, message):
    with pytest.raises(ExpressionError, match=message) as error:
        parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("ln(x) + ln x", "log(x) + log(x)"),
        ("2x + 3 y", "2 * x + 3 * y"),
        ("-1.5x - .5(x + y)", "-1.5 * x - 0.5 * (x + y)"),
        ("2e3x + 2e + 2exp(x)", "2e3 * x + 2 * e + 2 * exp(x)"),
        ("x*2y", "x * 2 * y"),
        ("sin x - cos y", "sin(x) - cos(y)"),
        ("2sin x", "2 * sin(x)"),
        ("2·x × y ÷ 4 − x·y²", "2 * x * y / 4 - x * y**2"),
        ("x² - 2x³y + x⁻¹", "x**2 - 2 * x**3 * y + x**-1"),
        ("x²(y + 1)", "x**2 * (y + 1)"),
        ("-x¹⁰", "-(x**10)"),
        ("|x| + 2|x - y|²", "abs(x) + 2 * abs(x - y) ** 2"),
        ("x2 + 0x10 + 1_000", "x2 + 16 + 1000"),
    ],
)
def test_the_signs_of_the_blackboard_are_read_where_they_mean_one_thing(text, python):
    found, expected = parse(text), parse(python)
    assert found.text == text
    assert found.names == expected.names
    numbers = dict.fromkeys(found.names, 0.7)
    assert found(**numbers) == expected(**numbers)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1/2x", r"write 2\*x, and what belongs together in parentheses$"),
        ("1/2(x + 1)", r"write 2\*\(\.\.\.\), and what"),
        ("x**2y", r"write 2\*y, and"),
        ("sin x*y", r"write sin\(\.\.\.\), with parentheses$"),
        ("sin x²", r"in the formula 'sin x²' write sin\("),
        ("sin 2x", r"write sin\("),
        ("sin²(x)", r"sin\(\.\.\.\)"),
        ("x|y", r"written abs\(x\)"),
    ],
)
def test_what_can_be_read_in_two_ways_is_answered_with_the_right_spelling(text, message):
    with pytest.raises(ExpressionError, match=message) as error:
        parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["1and x", "2(x)", "'\\d'", "0x1for x in y", "1 is x"])
def test_warnings_of_the_parser_reach_nobody(text):
    with warnings.catch_warnings(), contextlib.suppress(ExpressionError):
        warnings.simplefilter("error")
        parse(text)


@given(st.text() | st.text(alphabet="xy+-*/().,0123456789e<>=[]'\" |²⁻·−sin", max_size=40))
@example("9" * 400)
@example("9" * 5000)
@example("1_000")
def test_any_text_is_a_formula_or_one_clear_error(text):
    with contextlib.suppress(ExpressionError):
        assert isinstance(parse(text), Expression)


@pytest.mark.parametrize("numbers", [{}, {"x": 1.0}, {"x": 1.0, "z": 2.0}, {"x": 1.0, "y": 1.0, "z": 2.0}])
def test_the_variables_must_be_given(numbers):
    with pytest.raises(TypeError, match="variables x, y"):
        parse("x + y")(**numbers)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if len(name) > 3])
def test_a_slip_in_a_name_is_answered_with_the_name(name):
    slip = name[:2] + name[1:]
    if slip not in FUNCTIONS:
        with pytest.raises(ExpressionError, match=rf"did you mean (\w+ or )*{name}( or \w+)*\?$"):
            parse(f"{slip}(x)")


def test_a_name_like_no_other_is_answered_in_a_line():
    with pytest.raises(ExpressionError, match=r"^'foo' is not a function of a formula; .{,60}$"):
        parse("foo(x)")
