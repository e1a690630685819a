"""MathML: what a browser shows is the formula that the text has, and its number."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograd_engine import PRIMITIVES, Value, exercise, explain, formula, where
from autograd_engine.explanations.mathml import STYLE, displayed, inline, line
from autograd_engine.explanations.mathml import page as page_of
from autograd_engine.explanations.statements import Statement
from autograd_engine.explanations.statements import displayed as displayed_lines
from autograd_engine.explanations.symbols import Name
from tests.autograd_engine.explanations.reader import evaluated


def children(element):
    return "".join(map(read, element))


def bracketed(element):
    return f"({read(element)})"


def read(element):
    """MathML as plain text that the reader of texts understands."""
    parts = list(element)
    if element.tag in ("mi", "mn", "mtext"):
        return element.text
    if element.tag == "mo":
        return {"−": "-", "\u2062": "·", "{": ""}.get(element.text, element.text)
    if element.tag == "mspace":
        return ""
    if element.tag == "mfrac":
        return f"({bracketed(parts[0])}/{bracketed(parts[1])})"
    if element.tag == "msup":
        base, exponent = read(parts[0]), bracketed(parts[1])
        return f"exp{exponent}" if base == "e" else f"{base}^{exponent}"
    if element.tag == "msub":
        return read(parts[0]) + read(parts[1])
    if element.tag == "msubsup":
        return f"{read(parts[0])}{read(parts[1])}^{bracketed(parts[2])}"
    if element.tag == "msqrt":
        return f"sqrt({children(element)})"
    if element.tag == "mroot":
        return f"cbrt({read(parts[0])})"
    return children(element)


# The rows whose names in LaTeX are those of the reader.
READ = {"add", "sub", "mul", "div", "neg", "pow", "square", "sum", "dot", "exp", "sin", "cos", "tanh", "sqrt", "log"}


@st.composite
def graphs(draw):
    """A result of these rows, in which each is the argument of the next."""
    node = x = Value(draw(st.sampled_from([0.5, 1.0, 1.5])), "x_1")
    y = Value(draw(st.sampled_from([-0.5, 2.0])), "y")
    for name in draw(st.lists(st.sampled_from(sorted(READ)), min_size=1, max_size=4)):
        others = st.sampled_from([x, y, 2.0, -3.0, 0.25])
        count = PRIMITIVES[name].arity or 2
        node = PRIMITIVES[name](*draw(st.permutations([node, *(draw(others) for _ in range(count - 1))])))
    return node, {"x1": x.data, "y": y.data}


@settings(max_examples=150)
@given(graphs())
def test_what_is_set_reads_back_to_its_number(graph):
    out, numbers = graph
    written = formula(out)
    assume(not written.definitions and abs(out.data) < 1e6)
    text = re.sub(r"\)(?=[A-Za-z(])", ")·", read(ElementTree.fromstring(inline(written.latex))))
    assert evaluated(text, numbers) == pytest.approx(out.data, rel=1e-4, abs=1e-6)


def corpus():
    x, y, z = Value(1.5, "x"), Value(0.5, "y"), Value(2.0, "</math><b>&")
    yield from (explain(op).markdown for op in PRIMITIVES.values())
    yield explain(x * z.sin() / z, z).markdown
    yield explain(where(x > y, x * y, x), x, full=True).markdown
    yield formula(where(y, x * y, abs(x))).markdown
    task = exercise((x * y).sin() * x, x, blanks=2)
    yield from (task.markdown, task.solution)


@pytest.mark.parametrize("markdown", list(corpus()), ids=lambda _: "")
def test_every_text_is_well_formed_and_nothing_of_it_is_markup(markdown):
    content = page_of(markdown)
    assert "$" not in content
    tree = ElementTree.fromstring(f"<body>{content}</body>")
    assert {element.tag for element in tree.iter()} <= {
        *("body", "div", "p", "b", "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msup", "msub"),
        *("msubsup", "msqrt", "mroot", "munder", "mtable", "mtr", "mtd"),
    }
    assert not re.search(r"\\(?!\\)[a-z]", "".join(tree.itertext()))


def test_how_it_is_set():
    one, two = (f"<mrow><mn>{digit}</mn></mrow>" for digit in (1, 2))
    assert inline("-x_{1}^{2}") == (f'<math><mo form="prefix">−</mo><msubsup><mi>x</mi>{one}{two}</msubsup></math>')
    for minus in ("x - 1", "x-1", "x_{1} - 1", "{} - 1"):  # between two, with the white on both sides
        assert "<mo>−</mo><mn>1</mn>" in inline(minus)
    assert inline(r"\mathrm{d} \mathit{loss}") == (
        '<math><mi mathvariant="normal">d</mi><mspace width="0.15em"/><mi class="italic">loss</mi></math>'
    )
    assert line("**A** = -0.5, a - 1, well-known") == "<b>A</b> = −0.5, a − 1, well-known"
    assert displayed(r"\boxed{A}") == '<math display="block"><mrow class="blank"><mi>A</mi></mrow></math>'


@given(st.text(max_size=40))
def test_any_label_stays_text(label):
    x = Value(2.0, label)
    ElementTree.fromstring(f"<body>{page_of(explain(x.sin() * x, x).markdown)}</body>")


def test_no_formula_is_longer_than_mathjax_takes():
    line = Statement(Name("x"), (Name("y" * 400),))
    formulas = re.findall(r"\$\$(.*?)\$\$", displayed_lines([line] * 30), re.DOTALL)
    assert max(map(len, formulas)) < 5000
    assert sum(formula.count(line.latex) for formula in formulas) == 30


def test_an_index_goes_below_its_line_and_an_exponent_stays_beside_its_base(page):
    page.set_content(f"<style>{STYLE}</style>{inline('w_{1} + x^{2}')}")
    is_installed = """
        const write = document.createElement("canvas").getContext("2d");
        const { fontFamily } = getComputedStyle(document.querySelector("math"));
        const width = (family) => (write.font = `40px ${family}`, write.measureText("x + 1 = ∂").width);
        width(fontFamily.replace(/, math$/, ", monospace")) !== width("monospace")"""
    if not page.evaluate(is_installed):
        pytest.skip("needs a font for mathematics: apt-get install fonts-dejavu-extra")
    boxes = "scripts => [...scripts.children].map(child => child.getBoundingClientRect())"
    base, index = page.locator("msub").evaluate(boxes)
    assert index["bottom"] > base["bottom"] + 0.2 * base["height"]
    base, exponent = page.locator("msup").evaluate(boxes)
    assert exponent["bottom"] > base["top"] + 0.2 * base["height"]


def test_words_in_a_formula_stay_on_their_line_in_a_narrow_window(page):
    path = r"\text{path 1}"
    wide = displayed(
        rf"\begin{{aligned}} {path} &= \frac{{a}}{{b}} \cdot \frac{{b}}{{c}} \cdot \frac{{c}}{{d}} \end{{aligned}}"
    )
    page.set_content(f"<style>{STYLE}</style><div style='width: 5em'>{wide}</div><p>{inline(path)}</p>")
    narrow, free = page.locator("mtext").evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
    assert narrow == free
