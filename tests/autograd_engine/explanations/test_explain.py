"""Explanations: the text of the lectures, and on random graphs the gradient, whatever the form."""

import cProfile
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_engine import (
    PRIMITIVES,
    Value,
    dot,
    exercise,
    exp,
    explain,
    formula,
    gradient,
    log,
    prod,
    relu,
    sigmoid,
    sin,
    sqrt,
    steps,
    tanh,
    to_svg,
    where,
)
from autograd_engine import sum as sum_values
from autograd_engine.explanations.notation import text
from autograd_engine.explanations.statements import WIDTH, wrapped
from autograd_engine.explanations.symbols import times
from nn import MLP, Layer, Sequential, squared_error
from tests.laws.strategies import expressions, points

FORMS = ["paths", "states", "deltas"]


def labelled(**nodes):
    for label, node in nodes.items():
        node.label = label
    return nodes.values()


def chain_network():
    s0, w0, w1, w2 = labelled(s0=Value(2.0), w0=Value(2.0), w1=Value(1.0), w2=Value(0.5))
    x1 = w0 * s0
    s1 = sigmoid(x1)
    x2 = w1 * s1
    s2 = sigmoid(x2)
    out = w2 * s2
    labelled(x1=x1, s1=s1, x2=x2, s2=s2, out=out)
    return out, w0, w1, w2


# --- the lectures ------------------------------------------------------------------------------------------------


def test_lecture_2_the_product_of_the_chain_network():
    out, w0, w1, w2 = chain_network()
    assert str(explain(out, w2)) == "d out/d w2 = s2 = 0.7275"
    assert str(explain(out, w1)) == (
        "d out/d w1 = w2 · s2(1-s2) · s1\n           = 0.5 · 0.19824 · 0.98201\n           = 0.09734"
    )
    explanation = explain(out, w0)
    assert explanation.text == (
        "d out/d w0 = w2 · s2(1-s2) · w1 · s1(1-s1) · s0\n"
        "           = 0.5 · 0.19824 · 1 · 0.0176627 · 2\n"
        "           = 0.003501"
    )
    assert explanation.markdown == explanation._repr_markdown_()
    assert (
        r"\frac{\mathrm{d} \mathit{out}}{\mathrm{d} w_{0}} &= w_{2} \cdot s_{2}(1-s_{2}) \cdot w_{1}"
        r" \cdot s_{1}(1-s_{1}) \cdot s_{0} \\" in explanation.markdown
    )
    [path] = explanation.paths
    assert [factor.text for factor in path.factors] == ["w2", "s2(1-s2)", "w1", "s1(1-s1)", "s0"]
    assert path.factors[1].latex == "s_{2}(1-s_{2})"
    assert math.prod(factor.number for factor in path.factors) == pytest.approx(explanation.number, rel=1e-14)


def two_layers():
    """The network of lecture 1: units k listen to units j, and all of them are named as there."""
    x = Value(0.5, "x")
    a, w = [], []
    for j, (weight, bias) in enumerate([(0.3, 0.1), (-0.2, 0.4)]):
        w.append(Value(weight, f"w{j}"))
        z = w[-1] * x + Value(bias, f"b{j}")
        a.append(tanh(z))
        labelled(**{f"z{j}": z, f"a{j}": a[-1]})
    outputs = []
    for k in range(2):
        v = [Value(0.5 - 0.3 * j + 0.2 * k, f"v{k}{j}") for j in range(2)]
        z = dot(v, a)
        y = tanh(z)
        labelled(**{f"u{k}": z, f"y{k}": y})
        outputs.append(y)
    C = 0.5 * ((outputs[0] - 1.0) ** 2 + (outputs[1] + 1.0) ** 2)
    C.label = "C"
    return C, w[0], x


def test_lecture_1_the_recursion_of_the_deltas():
    C, w0, _ = two_layers()
    lines = explain(C, w0, form="deltas").text.splitlines()
    assert lines[0] == "By recursion, with δ(v) = d C/d v:"
    symbols = [line for line in lines if re.match(r"\S.* = .*[a-z]", line)]
    assert symbols[1:] == [
        "δ(u0) = (1-y0²) · (y0-1)",
        "δ(u1) = (1-y1²) · (y1+1)",
        "δ(z0) = (1-a0²) · (v00 · δ(u0) + v10 · δ(u1))",
        "d C/d w0 = x · δ(z0)",
    ]


def test_lecture_3_the_recursion_of_the_states():
    C, w0, x = two_layers()
    lines = explain(C, w0, form="states").text.splitlines()
    assert "d C/d a0 = (y0-1) · (1-y0²) · v00 + (y1+1) · (1-y1²) · v10" in lines
    assert "d C/d w0 = (d C/d a0) · (1-a0²) · x" in lines
    assert "d C/d x = (d C/d a0) · (1-a0²) · w0 + (d C/d a1) · (1-a1²) · w1" in explain(C, x, form="states").text


def test_lecture_3_the_total_derivative():
    t = Value(3.0, "t")
    g = t**2 + t**3
    g.label = "g"
    assert str(explain(g, t)) == "d g/d t = 2·t + 3·t²\n        = 6 + 27\n        = 33"


def test_lecture_4_x_plus_y_times_z():
    x, y, z = labelled(x=Value(-2.0), y=Value(5.0), z=Value(-4.0))
    f = (x + y) * z
    f.label = "f"
    assert [str(explain(f, v)) for v in (x, y, z)] == ["d f/d x = z = -4", "d f/d y = z = -4", "d f/d z = x + y = 3"]


def test_lecture_4_the_node_with_a_seed():
    w, x, v, y, u = (Value(number, label) for label, number in zip("wxvyu", (1.0, 2.0, 3.0, 4.0, 2.0)))
    h = w * x + v * y
    c = u * h
    labelled(h=h, c=c)
    assert str(explain(c, w, seed=2.0)) == "d L/d w = dL/dc · u · x\n        = 2 · 2 · 2\n        = 8"
    assert str(explain(c, u, seed=2.0)) == "d L/d u = dL/dc · h\n        = 2 · 14\n        = 28"
    assert explain(c, h, seed=2.0).number == 4.0


# --- on any graph ------------------------------------------------------------------------------------------------


def product_of(factors, start):
    for factor in factors:
        start = times(start, factor.number)
    return start


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=40)
@given(f=expressions(smooth=False, max_steps=5), at=points())
def test_every_form_adds_up_to_the_gradient(form, f, at):
    x, y = Value(at[0], "x"), Value(at[1], "y")
    out = f(x, y)
    for wrt in (x, y):
        explanation = explain(out, wrt, form=form)
        assert explanation.number == gradient(out, [wrt])[0] or math.isnan(explanation.number)
        known = {out: 1.0}
        for term in explanation.terms:
            share = product_of(term.common, 1.0)
            paths = [product_of(path.factors, known[path.source]) for path in term.paths]
            assert list(map(repr, paths)) == [repr(path.number) for path in term.paths]  # nan equals nan in this
            if all(map(math.isfinite, paths)):
                sizes = sum(abs(path * share) for path in paths)
                assert math.fsum(paths) * share == pytest.approx(term.number, rel=1e-9, abs=1e-13 * sizes + 1e-300)
            known[term.node] = term.number
        assert explanation.terms[-1].node is wrt
        assert explanation.text
        assert explanation.markdown


@settings(max_examples=40)
@given(expressions(smooth=False), points())
def test_every_factor_is_a_local_derivative_of_the_graph(f, at):
    x, y = Value(at[0], "x"), Value(at[1], "y")
    for term in explain(f(x, y), x).terms:
        for factor in [*term.common, *(factor for path in term.paths for factor in path.factors)]:
            parents = [i for i, argument in enumerate(factor.child.arguments) if isinstance(argument, Value)]
            local = factor.child.local_derivatives()[parents.index(factor.position)]
            assert factor.number == local or math.isnan(local)
            assert factor.child.arguments[factor.position] is factor.parent
            assert factor.text == text(factor.symbol)


def test_a_path_with_a_zero_is_zero_whatever_else_is_on_it():
    x = Value(-1.0, "x")
    out = where(False, x**0.5, 0.0) + 2 * x
    explanation = explain(out, x)
    assert explanation.number == 2.0
    assert sorted(path.number for path in explanation.paths) == [0.0, 2.0]


# --- as on a blackboard ------------------------------------------------------------------------------------------


def first_line(f, *numbers, wrt=0, **options):
    leaves = [Value(number, name) for name, number in zip("abc", numbers)]
    return explain(f(*leaves), leaves[wrt], **options).text.splitlines()[0].partition(" = ")[2]


@pytest.mark.parametrize(
    ("f", "written"),
    [
        (lambda a, b: a * a * a * a, "4·a³ = 32"),
        (lambda a, b: a * a, "2·a = 4"),
        (lambda a, b: a + a, "2"),
        (lambda a, b: a * a * b * a * sin(b), "3·a² · sin(b) · b"),
        (lambda a, b: a**2 * a * b - a, "-1 + 3·a² · b"),
        (lambda a, b: dot([a, b], [a, b]), "2·a = 4"),
        (lambda a, b: 0.5 * (a - b) ** 2, "a - b = 1.5"),
        (lambda a, b: 0.5 * (b - a) ** 2, "-(b-a) = 1.5"),
        (lambda a, b: -(-a * b) * -1.0, "-b = -0.5"),
        (lambda a, b: b * exp(-a), "-b · exp(-a)"),
        (lambda a, b: 3 * (b - a) ** 2, "-3 · 2·(b-a)"),
        (lambda a, b: sin(b / (0 - a)), "cos(b/(0-a)) · b/(0-a)²"),
        (lambda a, b: a * b - a * b, "b - b"),
        (lambda a, b: where(False, sin(a), b) + a * b, "b = 0.5"),
    ],
)
def test_a_derivative_is_tidied(f, written):
    assert first_line(f, 2.0, 0.5) == written


def test_nothing_is_hidden_in_full():
    assert first_line(lambda a: a * a * a * a, 2.0, full=True) == "v2 + a · a·a + a · a · a + a · a · a"
    assert first_line(lambda a: -(-a * 3.0) * 0.0, 2.0, full=True) == "0 · (-1) · 3 · (-1) = 0"
    x = Value(0.5, "x")
    v = x
    for _ in range(30):
        v = sin(v)
    assert "more" not in explain(v, x, full=True).text
    wide = explain(sum_values([Value(1.0 + i, f"w{i}") * sin(x) for i in range(30)]), x, full=True)
    assert all(f"w{i} · " in wide.text for i in range(30))


# --- many paths, and many nodes ----------------------------------------------------------------------------------


def test_paths_are_never_enumerated_where_they_explode():
    x = Value(1.1, "x")
    v = x
    for _ in range(300):
        v = 0.4 * v * v + 0.1 * v
    profile = cProfile.Profile()
    explanation = profile.runcall(explain, v, x)
    assert explanation.form == "deltas"
    assert sum(entry.callcount for entry in profile.getstats()) < 200_000
    assert len(explanation.text.splitlines()) < 60
    assert "more such nodes: δ(" in explanation.text
    assert r"\text{and 297 more such nodes}" in explanation.markdown


def test_a_long_chain_is_shown_by_its_ends():
    x = Value(0.5, "x")
    v = x
    for _ in range(20_000):
        v = sin(v)
    explanation = explain(v, x)
    assert "… (19,992 more) …" in explanation.text
    assert len(explanation.paths[0].factors) == 20_000
    assert len(explanation.text) < 1500


def test_neurons_of_one_kind_are_folded():
    model = MLP(2, [16, 16, 1], "tanh", seed=0)
    [out] = model([Value(0.5, "x1"), Value(-1.0, "x2")])
    out.label = "out"
    explanation = explain(out, model.layers[0].neurons[0].weight[0], names=model.named_parameters())
    lines = explanation.text.splitlines()
    assert explanation.form == "deltas"
    assert any(
        re.fullmatch(r"  and 15 more such neurons: δ\(v\d+\) = \S+, δ.*, …, δ\(v\d+\) = \S+", line) for line in lines
    )
    assert any(
        re.match(r"δ\(v\d+\) = \(1-tanh\(v\d+\)²\) · \(2.weight\[0, 0\] · δ\(v\d+\) \+ .*", line) for line in lines
    )
    assert re.search(r"d out/d 0.weight\[0, 0\] = x1 · δ\(v\d+\)", explanation.text)
    assert "more such values" in explanation.text
    assert len(lines) < 40


def test_a_graph_of_many_different_nodes_is_cut():
    x = Value(0.5, "x")
    v = x
    functions = [sin, tanh, exp, sigmoid, relu]
    for i in range(200):
        inner = v
        for k in range(7):
            inner = functions[(i >> k) % 5](inner)
        v = v * inner + inner
    text = explain(v, x, form="states").text
    assert "more nodes, of other forms" in text
    assert len(text.splitlines()) < 200


def test_a_sum_of_many_paths_is_cut_and_a_long_line_broken():
    x = Value(0.5, "x")
    terms = [Value(1.0 + i, f"weight_{i}") * sin(x) for i in range(30)]
    wide = explain(sum_values(terms), x, form="paths")
    assert len(wide.paths) == 30
    assert "… (23 more) …" in wide.text
    few = explain(sum_values(terms[:8]), x)
    assert few.text.splitlines()[:8] == [
        "d out/d x = weight_0 · cos(x)",
        *(f"            + weight_{i} · cos(x)" for i in range(1, 8)),
    ]
    assert few.markdown.count(r"\\ &\quad + ") == 21


def test_no_line_is_long_and_the_next_ones_are_aligned():
    model = MLP(2, [16, 16, 1], "tanh", seed=0)
    [out] = model([Value(0.5, "x1"), Value(-1.0, "x2")])
    names = model.named_parameters()
    lines = explain(out, names["0.weight[0, 0]"], names=names).text.splitlines()
    assert max(map(len, lines)) <= WIDTH + 2  # what is defined is indented
    assert lines[5:8] == [
        "δ(v2) = (1-tanh(v2)²) · (2.weight[0, 0] · δ(v50) + 2.weight[1, 0] · δ(v53) + 2.weight[2, 0] · δ(v56)",
        "                         + 2.weight[3, 0] · δ(v59) + 2.weight[4, 0] · δ(v62) + 2.weight[5, 0] · δ(v65)",
        "                         + … (9 more) … + 2.weight[15, 0] · δ(v95))",
    ]


@given(expressions(), points())
def test_wrapping_changes_blanks_only(f, at):
    leaves = [Value(x, f"a long label, (number {i} - of 2") for i, x in enumerate(at)]
    line = text(formula(f(*leaves)).expression)
    for start in 0, 10, 50:
        lines = wrapped(" " * start + line, start).split("\n")
        assert all(len(part) - len(part.lstrip()) >= start for part in lines)
        assert " ".join(part.strip() for part in lines) == line


def test_what_cannot_be_broken_is_not():
    assert wrapped("x" * 200, 0) == "x" * 200
    assert wrapped(f"a = f({'x' * 120} + y)", 4) == f"a = f({'x' * 120} + y)"


def test_what_is_mentioned_and_has_no_label_is_defined_once():
    x = Value(0.5, "x")
    s = sigmoid(2 * x * x + 1)
    assert str(explain(s * s, x).text.partition("where\n")[2]).count(" = σ(") == 1
    lines = explain(s * s, x, form="states").text.splitlines()
    assert lines[lines.index("where") :] == [
        "where",
        "  v4 = σ(v3) = 0.8176",
        "  v3 = 2·x·x + 1 = 1.5",
    ]


def test_all_texts_about_a_graph_agree_on_names():
    x = Value(0.5, "x")
    u = sin(x * x)
    out = exp(u) * u
    assert "v2 = sin(x·x)" in formula(out).text
    assert "v2 = sin(x·x)" in explain(out, x, form="states").text
    assert "v2 = sin(v1)" in exercise(out, x).text
    assert [step.name for step in steps(out)] == ["out", "v3", "v2", "v1"]


def test_equal_labels_are_numbered_as_one_reads():
    model = MLP(2, [2, 1], "tanh", seed=0)
    [out] = model([Value(0.5, "x1"), Value(-1.0, "x2")])
    for layer, neuron, weight, name in [(0, 0, 0, "w0"), (0, 1, 1, "w1#2"), (1, 0, 0, "w0#3"), (1, 0, 1, "w1#3")]:
        wrt = model.layers[layer].neurons[neuron].weight[weight]
        assert explain(out, wrt).text.startswith(f"d out/d {name} = ")


def test_names_that_are_never_shown_are_not_made_up():
    x, y = Value(0.5, "x"), Value(2.0)
    assert "where" in str(explain(x * sin(sin(sin(y))), x))
    assert "where" not in str(explain(sin(x) + sin(sin(sin(y))), x))


# --- ends --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [None, *FORMS])
def test_by_itself(form):
    x = Value(2.0, "x")
    assert str(explain(x, x, form=form)) == "d x/d x = 1"
    assert str(explain(Value(1.0), x, form=form)) == "d out/d x = 0\nbecause out was not computed from it"
    y = x * 3
    y.label = "y"
    assert str(explain(y, y, form=form, seed=3.0)) == "d L/d y = dL/dy = 3"
    assert "because out was not computed from it" in explain(Value(1.0), x).markdown


@pytest.mark.parametrize("form", FORMS)
def test_by_a_result(form):
    out, *_ = chain_network()
    s1 = out.parents[1].parents[0].parents[1]
    assert s1.label == "s1"
    assert explain(out, s1, form=form).number == gradient(out, [s1])[0]


def test_grad_and_data_stay():
    out, w0, *_ = chain_network()
    out.backward()
    before = [(node.data, node.grad) for node in (out, w0)]
    explain(out, w0)
    assert [(node.data, node.grad) for node in (out, w0)] == before


@given(st.text(max_size=60))
def test_any_label_is_harmless(label):
    x = Value(2.0, label)
    explanation = explain(sin(x) * x, x, form="paths")
    for character in "<>`":
        assert character not in explanation.markdown
    assert explanation.markdown.count("$") == 4 + ("where" in explanation.markdown) * 4
    assert explanation.markdown.count("{") == explanation.markdown.count("}")
    assert all(line.isprintable() for line in explanation.text.split("\n"))


def test_not_finite_numbers_are_shown():
    x = Value(0.0, "x")
    assert "= inf" in explain(x**0.5, x).text
    assert r"\infty" in explain(x**0.5, x).markdown
    assert "= nan" in explain(Value(-1.0, "y") ** 0.5 * x, x).text


def test_more_digits():
    out, _, _, w2 = chain_network()
    assert str(explain(out, w2, digits=12)) == "d out/d w2 = s2 = 0.727507613504"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: explain(2.0, x), TypeError, "takes a Value as out, got float: 2.0"),
        (lambda x: explain(x, "x"), TypeError, "takes a Value as wrt, got str: 'x'"),
        (lambda x: explain(sin, x), TypeError, "takes a Value as out, got Primitive"),
        (lambda x: explain(x), TypeError, r"explain\(out, wrt\) takes one node as wrt, such as an input of out: out$"),
        (lambda x: explain(x, x, form="tree"), ValueError, "form is one of paths, states, deltas, got 'tree'"),
        (lambda x: explain(x, x, digits=0), ValueError, "digits is at least 1, got 0"),
        (lambda x: explain(x, x, seed="2"), TypeError, "expected a real number"),
        (lambda x: explain(x, x, names={"x": 1}), TypeError, "names maps a name to a Value"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(Value(1.0))


def test_without_wrt_the_inputs_are_listed():
    x = Value(0.5, "x")
    with pytest.raises(TypeError, match=r"an input of out: height, y, v3$"):
        explain(sin(x) * Value(1.0, "y") + Value(2.0), names={"height": x})
    with pytest.raises(TypeError, match=r"w0, w1, .*, w9, … \(10 more\) …, w20$"):
        explain(sum_values([Value(1.0, f"w{i}") for i in range(21)]))


# --- rules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", PRIMITIVES.values(), ids=lambda op: op.name)
def test_every_row_explains_its_rule(op):
    rule = explain(op)
    assert rule.op is op
    assert op.doc in str(rule)
    assert len(rule.partials) == (op.arity or len(rule.partials))
    assert rule._repr_markdown_().count("$$") == 2 + 2 * bool(rule.computed)


def test_a_rule_in_words():
    assert str(explain(sigmoid)) == (
        "σ(x): 1 / (1 + exp(-x)), the logistic.\n"
        "∂σ(x)/∂x = σ(x)(1-σ(x))\n"
        "computed as\n"
        "  ∂σ(x)/∂x = exp(where(x < 0, x, -x))/(1+exp(where(x < 0, x, -x)))²"
    )
    assert "∂(x1·x2·x3)/∂x1 = x3·x2" in str(explain(prod))
    assert "∂(x1·y1+x2·y2)/∂y2 = x2" in str(explain(dot))
    assert "∂(x1+x2+x3)/∂x2 = 1" in str(explain(sum_values))


def test_the_constants_of_rules_are_called_by_name():
    assert "∂gelu(x)/∂x = (1+erf(x/sqrt(2)))/2 + x·exp(-x²/2)/sqrt(2·π)" in explain(PRIMITIVES["gelu"]).text
    assert "∂log2(x)/∂x = 1/(x·ln(2))\ncomputed as\n  ∂log2(x)/∂x = 1/ln(2)/x" in explain(PRIMITIVES["log2"]).text
    assert "∂log10(x)/∂x = 1/(x·ln(10))" in explain(PRIMITIVES["log10"]).text
    assert "∂(2^x)/∂x = 2^x·ln(2)" in explain(PRIMITIVES["exp2"]).text
    for op in PRIMITIVES.values():
        for line in explain(op).partials:
            assert not re.search(r"\d\.\d{3}", line.text)
    x = Value(3.0, "x")
    assert str(explain(PRIMITIVES["log2"](x), x)) == "d out/d x = 1/(x·ln(2)) = 0.4809"
    assert "out·ln(2)" in explain(2.0**x, x).text
    assert "1.41421·x" in formula(2**0.5 * x).text  # a number of the graph stays what it is


def test_a_condition_that_was_known_is_not_shown():
    x = Value(2.0, "x")
    assert explain(where(x > 0, log(x), 0.0) * x, x).text == (
        "d out/d x = ln(x) + x · 1/x\n          = 0.6931 + 2 · 0.5\n          = 0.6931 + 1\n          = 1.693"
    )
    dead = where(x < 0, sqrt(x), exp(x))
    assert str(formula(dead + 3 * x)) == "exp(x) + 3·x"
    assert formula(dead + 3 * x).latex == r"e^{x} + 3 \, x"
    assert str(explain(dead + 3 * x, x)).startswith("d out/d x = exp(x) + 3\n")
    assert str(explain(dead + 3 * x, x, full=True)).startswith(
        "d out/d x = 1 · 0 · 1/(2·sqrt(x)) + 1 · 1 · exp(x) + 1 · 3\n"
    )
    assert "[x ≠ 0]" in explain(where(x, x * x, 0.0), x).text


def test_minus_zero_has_its_sign():
    zero, x = Value(-0.0, "zero"), Value(2.0, "x")
    assert str(explain(zero * x, x)) == "d out/d x = zero\n          = -0\n          = 0"
    assert "zero = -0" in str(exercise(zero * x + x, x))
    assert ">-0<" in to_svg(zero)


def test_a_network_with_a_loss_is_explained_in_the_names_of_its_parameters():
    model = Sequential(Layer(2, 3, "sigmoid", seed=0), Layer(3, 2, "sigmoid", seed=1))
    loss = squared_error(model([0.5, -1.0]), [1.0, 0.0])
    loss.backward()
    for name, parameter in model.named_parameters().items():
        explanation = explain(loss, parameter, names=model.named_parameters())
        assert explanation.number == parameter.grad
        assert f"d out/d {name} = " in explanation.text
