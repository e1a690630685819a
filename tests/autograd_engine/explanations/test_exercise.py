"""Exercises: right answers pass, usual mistakes are named, and everything follows from the seed."""

import json
import math
import random
import re

import nbformat
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from autograd_engine import (
    PRIMITIVES,
    Exercise,
    Value,
    arcsin,
    dot,
    exercise,
    exp,
    gradient,
    maximum,
    sigmoid,
    sin,
    tanh,
)
from autograd_engine.explanations.names import Names, reading_order
from autograd_engine.graph import topological_order
from tests.autograd_engine.explanations.reader import chained, statements
from tests.laws.strategies import expressions, points


def chain_network():
    s0, w0, w1, w2 = Value(2.0, "s0"), Value(2.0, "w0"), Value(1.0, "w1"), Value(0.5, "w2")
    s1 = sigmoid(w0 * s0)
    s2 = sigmoid(w1 * s1)
    s1.label, s2.label = "s1", "s2"
    out = w2 * s2
    out.label = "out"
    return out, w0


def three_paths():
    x = Value(1.0, "x")
    a, b, c = 3 * x, exp(x), sin(x)
    a.label, b.label, c.label = "a", "b", "c"
    g = a + b + c
    g.label = "g"
    return g, x


def remark(task, asked, answer):
    """What is said about that answer to the blank that asks for this."""
    [blank] = [blank for blank in task.blanks if blank.asks_for == asked]
    [mark] = [mark for mark in task.check({blank.name: answer}).marks if mark.blank == blank.name]
    assert not mark.right
    return mark.remark


def all_blanks(out, x):
    """An exercise with as many blanks as it can have, where each formula gives its derivative."""
    try:
        return exercise(out, x, blanks=1000)
    except ValueError as error:
        if "take another point" not in str(error):
            raise
        reject()


def number_of(sign, nodes):
    """d a/d b of the graph, or ∂a/∂b of one operation."""
    local, top, by = re.fullmatch(r"(?:d |(∂))(\S+)/(?:d |∂)(\S+)", sign).groups()
    top, by = nodes[top], nodes[by]
    if not local:
        return gradient(top, [by])[0].data
    [slope] = [slope for parent, slope in zip(top.parents, top.local_derivatives()) if parent is by]
    return slope


def exercise_of(f, at, blanks, seed):
    """The graph of f at a point, its first input, and an exercise with as many blanks as it can have."""
    x, y = Value(at[0], "x"), Value(at[1], "y")
    out = f(x, y)
    assume(out is not x and any(node is x for node in topological_order([out])))
    most = len(all_blanks(out, x).blanks)
    task = exercise(out, x, blanks=blanks, seed=seed)
    assert len(task.blanks) == min(blanks, most)
    return out, x, task


@settings(max_examples=60)
@given(expressions(max_steps=4), points(), st.integers(1, 8), st.integers(0, 10**6))
def test_the_equations_are_right_and_no_answer_is_visible(f, at, blanks, seed):
    out, _, task = exercise_of(f, at, blanks, seed)
    names = Names(reading_order([out]))
    names.name(out, "out")
    nodes = {names.name(node).text: node for node in topological_order([out])}
    numbers = {name: node.data for name, node in nodes.items()}
    answers = {f"({blank.name})": f"({blank.answer!r})" for blank in task.blanks}
    below = task.text.partition("\nfind ")[2].partition("\n")[2]
    for left, rights in statements("\n".join(line.removeprefix("  ") for line in below.splitlines())):
        result = rights[-1][1]
        right_side_alone = [right for _, right in rights[:-1] if re.fullmatch(r"-?[\d.]+(e[-+]\d+)?", right)]
        assert not (result in answers and right_side_alone), task.text
        values = [] if left.startswith("path") else [number_of(left, nodes)]
        for _, right in rights:
            for name, answer in answers.items():
                right = right.replace(name, answer)
            right = re.sub(r"(d |∂)[^\s/(]+/(d |∂)[^\s)]+", lambda sign: f"({number_of(sign[0], nodes)!r})", right)
            values.append(chained(right, numbers))
        assert values == pytest.approx([values[0]] * len(values), rel=0.02, abs=0.02 * max(map(abs, values))), task.text


@settings(max_examples=100)
@given(expressions(max_steps=5), points(), st.integers(1, 4), st.integers(0, 10**6))
def test_no_blank_is_had_by_dividing_or_subtracting(f, at, blanks, seed):
    _, _, task = exercise_of(f, at, blanks, seed)
    below = task.text.partition("\nfind ")[2].partition("\n")[2]
    for _, rights in statements("\n".join(line.removeprefix("  ") for line in below.splitlines())):
        *_, made_of, result = [right for _, right in rights] if len(rights) > 1 else ["", ""]
        letters = set(re.findall(r"\([A-Z]+\)", made_of))
        if len(letters) == 1 and not re.search(r"[^\W\d]", re.sub(r"\([A-Z]+\)|e[-+]\d+", "", made_of)):
            assert re.search(r"\([A-Z]+\)", result), task.text


def test_a_square_is_asked_for_without_its_answer():
    x = Value(3.0, "x")
    lines = str(exercise(x * x, x, blanks=2)).splitlines()
    assert lines[3:] == ["find (A), (B)", "  path 1 = x = (A)", "  path 2 = x = (A)", "  d out/d x = (A) + (A) = (B)"]
    assert str(exercise(3 * x, x)).splitlines()[-1] == "  d out/d x = (A)"
    cube = str(exercise(x * x * x, x))
    assert "path 2 = ∂out/∂v1 · x" in cube
    assert exercise(x * x, x, blanks=5) == exercise(x * x, x, blanks=2)


@given(st.floats())
def test_every_wrong_answer_gets_a_reason(answer):
    task = all_blanks(*three_paths())
    for mark in task.check({blank.name: answer for blank in task.blanks}).marks:
        assert mark.right or mark.remark


@settings(max_examples=40)
@given(expressions(max_steps=4), points(), st.integers(1, 8), st.integers(0, 10**6))
def test_the_answers_are_right_and_the_last_is_the_gradient(f, at, blanks, seed):
    out, x, task = exercise_of(f, at, blanks, seed)
    assert task.blanks[-1].answer == gradient(out, [x])[0]
    grade = task.check({blank.name: blank.answer for blank in task.blanks})
    assert grade
    assert grade.right == len(task.blanks)
    for blank in task.blanks:
        assert f"({blank.name})" in task.text
        assert rf"\boxed{{{blank.name}}}" in task.markdown
        for what, number in blank.mistakes:
            assert not task.check({blank.name: number}).marks[[b.name for b in task.blanks].index(blank.name)].right, (
                what
            )
    assert Exercise.from_json(task.to_json()) == task


def test_the_same_seed_gives_the_same_exercise():
    first, again, other = (exercise(*chain_network(), seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first.to_json() == again.to_json()
    assert first != other
    state = random.getstate()
    exercise(*chain_network())
    assert random.getstate() == state


def test_the_text():
    assert str(exercise(*chain_network(), blanks=2, seed=1)).splitlines()[-5:] == [
        "find (A), (B)",
        "  d out/d w0 = ∂out/∂s2 · ∂s2/∂v2 · ∂v2/∂s1 · ∂s1/∂v1 · ∂v1/∂w0",
        "             = w2 · (A) · w1 · s1(1-s1) · s0",
        "             = 0.5 · (A) · 1 · 0.01766 · 2",
        "             = (B)",
    ]


def test_all_blanks():
    out, w0 = chain_network()
    task = all_blanks(out, w0)
    assert [blank.asks_for for blank in task.blanks] == [
        "∂out/∂s2",
        "∂s2/∂v2",
        "∂v2/∂s1",
        "∂s1/∂v1",
        "∂v1/∂w0",
        "d out/d w0",
    ]
    assert [blank.name for blank in task.blanks] == list("ABCDEF")


def test_a_recursion_can_be_asked_for_too():
    w, x = Value(0.7, "w"), Value(0.5, "x")
    h = tanh(w * x)
    layer = [Value(0.1 * i, f"w{i}") for i in range(12)]
    units = [tanh(v * h) for v in layer]
    out = dot(layer, units)
    task = all_blanks(out, w)
    assert [blank.name for blank in task.blanks][24:28] == ["Y", "Z", "AA", "AB"]
    assert any(" from " not in blank.asks_for and blank.asks_for.startswith("d out/d v") for blank in task.blanks)
    assert task.check({blank.name: blank.answer for blank in task.blanks})


# --- mistakes ----------------------------------------------------------------------------------------------------


def test_a_forgotten_path_and_an_overwritten_one():
    g, x = three_paths()
    task = all_blanks(g, x)
    parts = [3.0, math.exp(1.0), math.cos(1.0)]
    total = sum(parts)
    assert remark(task, "d g/d x", total - parts[0]) == "path 1 is forgotten"
    assert remark(task, "d g/d x", total - parts[1]) == "path 2 is forgotten"
    assert remark(task, "d g/d x", parts[2]).startswith("the paths are overwritten instead of accumulated")
    assert remark(task, "d g/d x", total - 2 * parts[0]) == "the sign of path 1 is wrong"
    assert remark(task, "d g/d x", -total) == "the sign is wrong"
    assert (
        remark(task, "d g/d x", parts[0] + parts[1] + math.cos(math.sin(1.0))) == "∂c/∂x is taken at the wrong argument"
    )
    assert remark(task, "path 2 of d g/d x", -math.exp(1.0)) == "the sign is wrong"
    assert remark(task, "d g/d x", 1234.5) == "too large in size; a hint says how to begin"
    assert remark(task, "d g/d x", 0.1) == "too small in size; a hint says how to begin"
    assert remark(task, "d g/d x", -1234.5) == "the sign is wrong, and so is the size"
    assert remark(task, "d g/d x", total * 1.03) == "close, but not to three significant digits"
    assert remark(task, "d g/d x", math.inf) == "the answer is a finite number"


def test_the_derivative_of_the_activation_at_the_wrong_argument():
    out, w0 = chain_network()
    task = all_blanks(out, w0)
    s1 = sigmoid(4.0)
    s2 = sigmoid(s1)
    at_its_value = sigmoid(s2) * (1 - sigmoid(s2))
    with_its_argument = s1 * (1 - s1)
    assert remark(task, "∂s2/∂v2", at_its_value) == "∂s2/∂v2 is taken at the wrong argument"
    assert remark(task, "∂s2/∂v2", with_its_argument) == "∂s2/∂v2 is taken at the wrong argument"
    wrong = 0.5 * at_its_value * 1.0 * s1 * (1 - s1) * 2.0
    assert remark(task, "d out/d w0", wrong) == "∂s2/∂v2 is taken at the wrong argument"
    assert remark(task, "d out/d w0", s2 * (1 - s2) * s1 * (1 - s1) * 2.0) == "the factor ∂out/∂s2 is missing"
    assert remark(task, "∂s2/∂v2", s2) == "this is the value of s2, not its derivative"
    assert remark(task, "∂s2/∂v2", -s2 * (1 - s2)) == "the sign is wrong"


def test_rounding_and_what_is_added_instead_of_multiplied():
    out, w0 = chain_network()
    task = all_blanks(out, w0)
    assert remark(task, "∂s1/∂v1", 0.018) == "rounded too early: three significant digits are asked for"
    factors = [blank.answer for blank in task.blanks[:-1]]
    assert remark(task, "d out/d w0", sum(factors)) == "the factors of a path are multiplied, not added up"
    g, x = three_paths()
    paths = [3.0, math.exp(1.0), math.cos(1.0)]
    assert remark(all_blanks(g, x), "d g/d x", math.prod(paths)) == "the paths are added up, not multiplied"


def test_powers_angles_and_exchanged_arguments_are_told_apart():
    t, x, y = Value(3.0, "t"), Value(40.0, "x"), Value(4.0, "y")
    power, wave, ratio = 2.0 * t**3, 5.0 * sin(x), 7.0 * (x / y)
    [_, by_y] = gradient(x / y, [x, y])
    task, wrong = all_blanks(power, t), "∂v1/∂t: the exponent "
    assert remark(task, "∂v1/∂t", 3 * 3.0**3) == wrong + "stays the same, and does not become 1 less"
    assert remark(task, "∂v1/∂t", 3.0**2) == wrong + "comes to the front as a factor"
    assert remark(task, "d out/d t", 2 * 3 * 3.0**3) == wrong + "stays the same, and does not become 1 less"
    degrees = "the calculator takes ∂v1/∂x in degrees, not in radians"
    assert remark(all_blanks(wave, x), "d out/d x", 5 * math.cos(math.radians(40.0))) == degrees
    task, other = all_blanks(ratio, x), "this has ∂v1/∂y in the place of ∂v1/∂x"
    assert remark(task, "∂v1/∂x", by_y.data) == other
    assert remark(task, "d out/d x", 7 * by_y.data) == other
    assert remark(task, "∂v1/∂x", 4.0) == "∂v1/∂x is turned upside down"
    assert remark(all_blanks(t**3 + sin(t), t), "d out/d t", 27.0 + math.sin(3.0)) == (
        "this is the value of out, not its derivative"
    )


@pytest.mark.parametrize(
    ("f", "formulas"),
    [
        (tanh, ["1 - a", "1 + a²", "a²"]),
        (sigmoid, ["1 - a", "a(1+a)"]),
        (arcsin, ["1/(1-z²)", "1/sqrt(1 + z²)", "1/sqrt(1 - z)"]),
        (PRIMITIVES["log1p"], ["1/(1-z)"]),
    ],
)
def test_what_a_formula_with_a_slip_gives_is_named_by_that_formula(f, formulas):
    z, k = Value(0.75, "z"), Value(-0.3, "k")
    a = f(z)
    a.label = "a"
    task, product = all_blanks(a * a, z), all_blanks(k * a, z)
    for formula in formulas:
        wrong = chained(formula, {"a": a.data, "z": z.data})
        assert remark(task, "∂a/∂z", wrong) == f"∂a/∂z is not {formula}"
        assert remark(product, "d out/d z", k.data * wrong) == f"∂a/∂z is not {formula}"


def test_the_slope_of_another_activation_and_a_number_from_another_place_are_named():
    z, x = Value(0.75, "z"), Value(0.2, "x")
    for f, other in ((tanh, sigmoid), (sigmoid, tanh)):
        a = f(z * x)
        a.label = "a"
        task, name = all_blanks(a, z), other.name
        [slope] = gradient(other(at := Value(z.data * x.data)), [at])
        assert remark(task, "∂a/∂v1", slope.data) == f"∂a/∂v1: this is the derivative of {name}, not of {f.name}"
        assert remark(task, "∂a/∂v1", 0.2) == "this is ∂v1/∂z"
        assert remark(task, "∂a/∂v1", 0.15) == "this is the value of v1, not its derivative"
        assert remark(task, "d a/d z", slope.data * 0.2).startswith("∂a/∂v1: this is the derivative of")


@pytest.mark.parametrize(
    ("answer", "right", "message"),
    [
        ("0,198", True, "the comma is read as a decimal point"),
        (" +,198 ", True, "the comma is read as a decimal point"),
        ("-0,198", False, "the sign is wrong"),
        ("1,198", False, "is this comma one of thousands or of decimals"),
        ((0, 198), False, "write 0.5 with a point; 0,5 is two numbers"),
    ],
)
def test_a_decimal_comma(answer, right, message):
    [mark, _] = exercise(*chain_network(), blanks=2, seed=1).check({"A": answer}).marks
    assert (mark.right, message in mark.remark) == (right, True)


def test_the_repr_gives_no_answer_away():
    task = exercise(*chain_network(), blanks=2, seed=1)
    assert all(repr(blank.answer)[:6] not in repr(task) for blank in task.blanks)
    assert "hints" not in repr(task)


def test_hints_go_from_what_to_do_to_the_numbers():
    task = exercise(*chain_network(), blanks=2, seed=1)
    what = "Differentiate s2 = σ(v2) with respect to v2"
    assert [task.hint("A", step) for step in (1, 2, 3)] == [what, *["(A) = s2(1-s2)"] * 2]
    assert [task.hint("B", step) for step in (1, 2, 3, 4, 9)] == [
        "Multiply the local derivatives along the path",
        "(B) = ∂out/∂s2 · ∂s2/∂v2 · ∂v2/∂s1 · ∂s1/∂v1 · ∂v1/∂w0",
        "(B) = w2 · (A) · w1 · s1(1-s1) · s0",
        *["(B) = 0.5 · (A) · 1 · 0.01766 · 2"] * 2,
    ]
    with pytest.raises(ValueError, match="there is no blank C; the blanks are A, B"):
        task.hint("C")


@settings(max_examples=40)
@given(expressions(max_steps=4), points(), st.integers(1, 8), st.integers(0, 10**6))
def test_no_hint_is_the_answer_itself_and_the_solution_has_no_blank(f, at, blanks, seed):
    _, _, task = exercise_of(f, at, blanks, seed)
    assert "boxed" not in task.solution
    for blank in task.blanks:
        assert blank.hints
        for hint in blank.hints:
            assert not re.fullmatch(r"\(\w+\) = -?[\d.]+(e[-+]\d+)?", hint), (task.text, hint)


# --- answers -----------------------------------------------------------------------------------------------------


def test_answers_may_be_formulas_and_rounded():
    task = exercise(*chain_network(), blanks=2, seed=1)
    assert task.check({"A": "s2*(1-s2)", "B": "w2 * s2*(1-s2) * w1 * s1*(1-s1) * s0"})
    assert task.check({"A": 0.198, "B": "3.50e-3"})
    assert not task.check({"A": 0.2, "B": 0.0035})


@pytest.mark.parametrize("answer", [None, ""])
def test_no_answer(answer):
    task = exercise(*chain_network(), blanks=2, seed=1)
    assert str(task.check({"B": answer})) == "(A) no answer: wrong\n(B) no answer: wrong\n0 of 2 right"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("s2*(", "not complete"),
        ("s3", "nothing is called s3 here; there are "),
        ("open('f')", "open"),
        ([1.0], "expected a real number"),
        (1j, "expected a real number"),
        (10**400, "fits a float"),
        ("nan", ""),
        (math.inf, ""),
    ],
)
def test_an_answer_that_is_no_number_is_wrong(answer, message):
    mark = exercise(*chain_network(), blanks=1).check({"A": answer}).marks[0]
    assert not mark.right
    assert message in str(mark)


def test_an_unknown_blank():
    with pytest.raises(ValueError, match="there is no blank Z; the blanks are A, B"):
        exercise(*chain_network(), blanks=2).check({"Z": 1.0})


# --- files -------------------------------------------------------------------------------------------------------


def test_json_is_plain():
    content = json.loads(exercise(*chain_network(), blanks=2).to_json())
    assert content.keys() == {"text", "markdown", "blanks", "values", "solution"}
    assert content["values"]["s1"] == sigmoid(4.0)


@pytest.mark.parametrize("content", ["", "[]", "{}", "3", '{"text": "", "markdown": "", "blanks": [{}], "values": {}}'])
def test_what_is_no_exercise_is_refused(content):
    with pytest.raises(ValueError, match="not an exercise in JSON"):
        Exercise.from_json(content)


def test_the_cells_of_a_notebook_run(capsys):
    task = exercise(*chain_network(), blanks=2, seed=1)
    cells = task.to_cells()
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.from_dict(cell | {"id": f"cell-{i}"}) for i, cell in enumerate(cells)]
    )
    nbformat.validate(notebook)
    assert cells[0]["source"] == task._repr_markdown_()
    code = cells[1]["source"]
    assert '"A": None,  # ∂s2/∂v2\n' in code
    assert len(code.splitlines()) == 9
    assert "0.198" not in code
    assert "mistake" not in code
    exec(code, {})
    assert capsys.readouterr().out == "(A) no answer: wrong\n(B) no answer: wrong\n0 of 2 right\n"


# --- what is refused ---------------------------------------------------------------------------------------------


def test_what_cannot_be_an_exercise_is_refused():
    out, w0 = chain_network()
    x = Value(0.0, "x")
    with pytest.raises(ValueError, match="nothing to differentiate: out was not computed from wrt"):
        exercise(out, x)
    with pytest.raises(ValueError, match="nothing to differentiate: out was not computed from wrt"):
        exercise(x, x)
    with pytest.raises(ValueError, match="finite numbers"):
        exercise(x**0.5, x)
    with pytest.raises(ValueError, match=r"take another point: at this one \[x > 0\] does not give the derivative"):
        exercise(maximum(x, 0.0) * 2, x)
    v = x
    for _ in range(200):
        v = sin(v)
    with pytest.raises(ValueError, match="the graph has 201 nodes, more than 100"):
        exercise(v, x)
    for blanks in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="blanks is a number of at least 1"):
            exercise(out, w0, blanks=blanks)
    with pytest.raises(TypeError, match=r"exercise\(\) takes a Value as wrt, got float"):
        exercise(out, 2.0)
    with pytest.raises(TypeError, match=r"exercise\(\) takes a Value as out, got float"):
        exercise(2.0, w0)
