"""Drawings are judged by the DOT text and by the structure of the SVG, never by its bytes."""

import functools
import importlib.metadata
import math
import operator
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter

import graphviz
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograd_engine import Value, dot, relu, where
from autograd_engine import sum as sum_values
from autograd_engine.draw import NUMBER_FONT, TEXT_FONT, draw, to_svg
from nn import MLP
from tests.random_graphs import random_graph

SVG = "{http://www.w3.org/2000/svg}"
TOOLTIP = "{http://www.w3.org/1999/xlink}title"


def lecture_example():
    x, y, z = Value(-2, "x"), Value(5, "y"), Value(-4, "z")
    q = x + y
    q.label = "q"
    f = q * z
    f.label = "f"
    f.backward()
    return f


def neuron(n):
    weights = [Value(0.1 * i + 0.1, f"w{i}") for i in range(n)]
    inputs = [Value(float(i), f"x{i}") for i in range(n)]
    bias = Value(0.25, "b")
    return relu(dot(weights, inputs) + bias), [*weights, bias]


def chain(length):
    v = Value(1.0, "start")
    for _ in range(length):
        v = v.tanh()
    return v


def groups(svg, kind):
    """What stands in each node (or edge) of the picture, by its title: the texts, in order."""
    found = {}
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        if group.get("class") == kind:
            title = group.findtext(f"{SVG}title")
            texts = [text.text.strip() for text in group.iter(f"{SVG}text")]
            assert {a.get(TOOLTIP) for a in group.iter(f"{SVG}a")} == {title}
            found.setdefault(title, []).append(texts)
    return found


def nodes(svg):
    return [texts for same_title in groups(svg, "node").values() for texts in same_title]


def edge_labels(svg):
    return [text for same_title in groups(svg, "edge").values() for texts in same_title for text in texts]


def attribute(dot_text, node, name):
    line = next(line for line in dot_text.splitlines() if line.startswith(f"\t{node} [label"))
    return re.search(rf'(?<=\s){name}=("[^"]*"|[^\s\]]+)', line)[1].strip('"')


# --- what is shown ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_the_lecture_example_shows_values_gradients_and_local_derivatives(direction):
    svg = to_svg(lecture_example(), direction=direction)
    assert sorted(nodes(svg)) == sorted(
        [
            ["x", "data", "-2", "grad", "-4"],
            ["y", "data", "5", "grad", "-4"],
            ["z", "data", "-4", "grad", "3"],
            ["+", "q", "data", "3", "grad", "-4"],
            ["×", "f", "data", "-12", "grad", "1"],
        ]
    )
    assert sorted(edge_labels(svg)) == ["-4", "1", "1", "3"]
    assert ">-12<" in svg  # for a text search, too


def test_the_tooltip_is_the_kind_and_the_repr():
    f = lecture_example()
    assert {f"output: {f!r}", f"result: {f.parents[0]!r}", f"input: {f.parents[1]!r}"} <= groups(
        to_svg(f), "node"
    ).keys()


def test_both_edges_of_a_square_are_drawn():
    a = Value(3.0, "a")
    svg = to_svg(a * a)
    assert edge_labels(svg) == ["3", "3"]
    assert draw(a * a).source.count("->") == 2


def test_an_edge_for_each_use_and_a_node_for_each_constant():
    x = Value(2.0, "x")
    svg = to_svg(3 * x + x * 3)
    assert sorted(edge_labels(svg)) == ["1", "1", "3", "3"]
    assert groups(svg, "node")["constant: 3.0"] == [["3"], ["3"]]


@pytest.mark.parametrize(
    ("number", "text"),
    [(math.nan, "nan"), (-math.inf, "-inf"), (1 / 3, "0.333333"), (1e-300, "1e-300"), (123456789.0, "1.23457e+08")],
)
def test_numbers_have_six_digits(number, text):
    assert nodes(to_svg(Value(number))) == [["data", text, "grad", "0"]]


def test_dead_branches_show_their_zero():
    x = Value(-1.0, "x")
    assert sorted(edge_labels(to_svg(where(x > 0, x.sqrt(), 2 * x)))) == ["0", "1", "2", "nan"]


def test_the_kinds_of_node_differ_in_shape_and_in_colour():
    output, parameters = neuron(1)
    dot_text = draw(output * 2.0, parameters=parameters).source
    by_label = {
        label: line.split(" [")[0].strip()
        for line in dot_text.splitlines()
        if " -> " not in line
        for label in re.findall("<B>(.*?)</B>", line) + re.findall('tooltip="?(output|result|constant)', line)
    }
    looks = {
        kind: tuple(attribute(dot_text, by_label[kind], name) for name in ("shape", "style", "fillcolor", "color"))
        for kind in ("w0", "x0", "result", "output", "constant")
    }
    assert (
        len({(shape, style) for shape, style, _, _ in looks.values()}) == 4
    )  # outputs are results with a thick border
    assert float(attribute(dot_text, by_label["output"], "penwidth")) > 2
    assert len({fill for _, _, fill, _ in looks.values()}) == 5
    assert attribute(dot_text, by_label["b"], "shape") == looks["w0"][0]


def test_a_parameter_is_known_by_identity_and_not_by_its_data():
    a, b = Value(1.0, "a"), Value(1.0, "b")
    titles = groups(to_svg(a * b, parameters=[b]), "node")
    assert {f"input: {a!r}", f"parameter: {b!r}"} <= titles.keys()
    assert groups(to_svg(a * b, parameters=b), "node").keys() == titles.keys()


def test_nodes_are_called_by_other_names():
    output, _ = neuron(1)
    [w, x], b = output.parents[0].parents[0].parents, output.parents[0].parents[1]
    svg = to_svg(output, parameters={"weight[0]": w, "bias": b}, names={"height": x, "y": output, "offset": b})
    assert {"weight[0]", "height", "offset", "y"} <= {text for texts in nodes(svg) for text in texts}
    assert [title.partition(":")[0] for title in groups(svg, "node")].count("parameter") == 2
    assert not {"w0", "x0", "b"} & {text for texts in nodes(svg) for text in texts}
    assert "parameter: " not in to_svg(output, parameters={})


def test_a_network_is_drawn_with_the_names_of_its_parameters():
    model = MLP(2, [2, 1], seed=0)
    [output] = model([0.5, -1.0])
    svg = to_svg(output, parameters=model.named_parameters())
    assert svg.count("<title>parameter: ") == 9
    assert model.named_parameters().keys() <= {text for texts in nodes(svg) for text in texts}


def test_factors_of_a_dot_product_stand_in_pairs():
    output, _ = neuron(30)
    dot_text = draw(output).source
    labels = dict(re.findall(r"^\t(n\d+) \[.*<B>(.*?)</B>", dot_text, re.M))
    tails = [labels.get(tail) for tail in re.findall(r"(n\d+) -> ", dot_text)]
    assert tails[:60] == [f"{kind}{i}" for i in range(30) for kind in "wx"]
    assert len(edge_labels(to_svg(output))) == 63


def points_of(path):
    """Points along a path of cubic curves, close to each other."""
    x, y = (list(map(float, numbers)) for numbers in zip(*re.findall(r"([-\d.]+),([-\d.]+)", path)))
    for k in range(0, len(x) - 3, 3):
        for t in (i / 50 for i in range(51)):
            shares = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3]
            yield sum(map(operator.mul, shares, x[k:])), sum(map(operator.mul, shares, y[k:]))


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_no_line_runs_through_a_number(direction):
    weights = [Value(0.1 * i + 0.1, f"w{i}") for i in range(5)]
    svg = to_svg(dot(weights, [1.0, 2.0, 3.0, 4.0, 5.0]), direction=direction)
    edges = [group for group in ET.fromstring(svg).iter(f"{SVG}g") if group.get("class") == "edge"]
    lines = [point for edge in edges for path in edge.iter(f"{SVG}path") for point in points_of(path.get("d"))]
    numbers = [text for edge in edges for text in edge.iter(f"{SVG}text")]
    assert len(numbers) == 5
    for number in numbers:
        middle, bottom, half = float(number.get("x")), float(number.get("y")), 3 * len(number.text.strip())
        assert not any(abs(x - middle) < half and bottom - 7 < y < bottom for x, y in lines)


def test_several_outputs_share_one_picture():
    x = Value(2.0, "x")
    y, z = x.exp(), x.sqrt()
    titles = groups(to_svg([y, z, y]), "node")
    assert titles.keys() == {f"input: {x!r}", f"output: {y!r}", f"output: {z!r}"}


def test_the_same_graph_gives_the_same_text():
    assert draw(lecture_example()).source == draw(lecture_example()).source


def test_equal_numbers_are_different_nodes():
    x = Value(1.0)
    y = Value(1.0)
    assert len(nodes(to_svg(x * y))) == 3


# --- a part of the graph ------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", range(6))
def test_depth_counts_edges_from_the_output(depth):
    svg = to_svg(chain(4), depth=depth)
    assert sum("data" in texts for texts in nodes(svg)) == min(depth, 4) + 1
    assert (["… 1 more"] in nodes(svg)) == (depth < 4)


def test_depth_takes_the_shortest_way_to_a_node():
    x = Value(0.5, "x")
    svg = to_svg(x + x.exp().exp().exp(), depth=2)
    assert {texts[0] for texts in nodes(svg)} == {"x", "exp", "+", "… 1 more"}


def test_what_is_left_out_is_counted():
    output, _ = neuron(16)
    svg = to_svg(output, depth=2)
    assert groups(svg, "node")["left out: 32 of 32 arguments"] == [["… 32 more"]]


def test_of_long_sums_the_first_terms_are_drawn():
    output, weights = neuron(16)
    svg = to_svg(output, terms=3)
    assert {texts[0] for texts in nodes(svg)} == {
        *("w0", "x0", "w1", "x1", "w2", "x2"),
        *("b", "+", "·", "relu", "… 26 more"),
    }
    assert {texts[0] for texts in nodes(to_svg(output, terms=16))} == {texts[0] for texts in nodes(to_svg(output))}
    with_constants = dot(weights, [float(i) for i in range(17)]) + sum_values(weights)
    assert len(nodes(to_svg(with_constants, terms=2, limit=3 + 2 + 2))) == 3 + 2 + 2 + 2
    assert len(nodes(to_svg(with_constants, terms=2, depth=1))) == 3 + 2
    assert "… 30 more" in {texts[0] for texts in nodes(to_svg(output, around=output.parents[0].parents[0], terms=1))}


def test_what_belongs_to_no_drawn_term_is_left_out():
    x = Value(0.5, "x")
    svg = to_svg(sum_values([x, x.sin(), x.cos().exp()]) * x.tanh(), terms=2)
    assert {texts[0] for texts in nodes(svg)} == {"x", "sin", "Σ", "tanh", "×", "… 1 more"}


def test_constants_are_cut_off_with_the_parents():
    x = Value(2.0, "x")
    y = 2 * x.exp()
    assert ["2"] not in nodes(to_svg(y, depth=0))
    assert ["… 2 more"] in nodes(to_svg(y, depth=0))
    assert ["2"] in nodes(to_svg(y, depth=1))


def test_around_draws_parents_and_children():
    a = Value(0.5, "a")
    b = a.exp()
    c = 3 * b
    c.label = "c"
    d = c.sin() + a
    other = c.cos()
    svg = to_svg([d * d, other, c.tanh()], around=c, depth=1)
    assert {texts[0] for texts in nodes(svg)} == {"exp", "3", "×", "sin", "cos", "tanh", "… 1 more"}
    assert nodes(svg).count(["… 1 more"]) == 2  # a before exp, + behind sin
    two = to_svg([d * d, other], around=c)
    assert {texts[0] for texts in nodes(two)} == {"a", "exp", "3", "×", "sin", "cos", "tanh", "+", "… 1 more"} - {
        "tanh"
    }
    assert [texts[0] for texts in nodes(to_svg(d, around=c, depth=0))].count("×") == 1


def test_around_emphasises_the_node():
    f = lecture_example()
    assert draw(f).source.count("penwidth=2.4") == 1
    assert draw(f, around=f.parents[0]).source.count("penwidth=2.4") == 2


def test_a_big_graph_is_refused_with_its_size_and_the_ways_out():
    with pytest.raises(
        ValueError, match=r"600 nodes \(600 Values and 0 constants\).*limit=500.*depth=.*around=.*limit="
    ):
        draw(chain(599))
    with pytest.raises(ValueError, match=r"1002 nodes \(2 Values and 1000 constants\)"):
        draw(dot([Value(1.0)] * 1000, [2.0] * 1000))
    assert len(nodes(to_svg(chain(20), limit=21))) == 21
    with pytest.raises(ValueError, match="21 nodes"):
        to_svg(chain(20), limit=20)


def test_a_huge_graph_is_refused_and_can_be_narrowed():
    end = middle = chain(10)
    for i in range(100_000):
        end = end + 1.0
        if i == 50_000:
            middle = end
    with pytest.raises(ValueError, match="200011 nodes"):
        draw(end)
    assert end._repr_svg_() is None
    assert len(nodes(to_svg(end, depth=3))) == 8
    assert len(nodes(to_svg(end, around=middle))) == 5 + 4 + 2


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (3.0, {}, TypeError, "value_or_values takes Values, got float: 3.0"),
        ("text", {}, TypeError, "value_or_values takes Values, got str"),
        ([Value(1), 2.0], {}, TypeError, "value_or_values takes Values, got a float among them"),
        ([], {}, ValueError, "nothing to draw"),
        (Value(1), {"parameters": [1.0]}, TypeError, "parameters takes Values"),
        (Value(1), {"parameters": {"w": 1.0}}, TypeError, "parameters maps a name to a Value, got float for 'w'"),
        (Value(1), {"names": {"w": "x"}}, TypeError, "names maps a name to a Value, got str for 'w'"),
        (Value(1), {"names": ["w"]}, TypeError, "names maps names to Values, got list"),
        (Value(1), {"direction": "RL"}, ValueError, "'LR' .* or 'TB' .*, got 'RL'"),
        (Value(1), {"depth": -1}, ValueError, "depth is a number of edges, 0 or more, got -1"),
        (Value(1), {"depth": "3"}, ValueError, "depth .* got '3'"),
        (Value(1), {"terms": 0}, ValueError, "terms is a number of at least 1, got 0"),
        (Value(1), {"around": Value(1)}, ValueError, "around is not a node of the graph"),
        (Value(1), {"around": "x"}, TypeError, "around is a Value, got str"),
    ],
)
def test_wrong_arguments(arguments, options, error, message):
    with pytest.raises(error, match=message):
        draw(arguments, **options)


# --- labels -------------------------------------------------------------------------------------------------


def elements(svg):
    """The elements of a drawing with their attributes' names, apart from what a longer text changes."""
    return Counter((element.tag, *sorted(element.attrib)) for element in ET.fromstring(svg).iter())


@functools.cache
def plain_elements():
    """Those of a drawing with a plain label."""
    return elements(to_svg(Value(1.0, "plain") * 2.0))


def visible(label):
    line = " ".join(label.split())
    if len(line) > 40:
        end = re.search(r"(\[[^\]]*\]|\d*)(#\d+)?$", line[-40:])[0]
        end = end if len(end) < 40 else ""
        line = line[: 39 - len(end)] + "…" + end
    return "".join(c if c.isprintable() else "\ufffd" for c in line)


@settings(deadline=None, max_examples=150)
@given(st.text(min_size=1) | st.text(alphabet="<>&\"'\\NGELT\n\r\t;#lt[]{}|-/x0 ", min_size=1))
@example('<b>&"\n')
@example(r"\N\G\E\T\H\L\l\r\n \\ \\\\N")
@example("&lt;b&gt;&amp;&#60;&#x3c;&nbsp;")
@example("</B></TD></TR></TABLE>><script>alert(1)</script>")
@example("]]><!-- --><![CDATA[<?xml?>")
@example("<TABLE></TABLE>")
@example('" onload="alert(1)"; a -> b [label="')
@example("\x00\x01\x1b[31m\x7f\x85\u2028\u202e\ufffe\uffff")
@example("日本語 ünïcode \U0001f680")
@example("x" * 100_000)
@example("\\")
def test_any_label_is_shown_as_text_and_nothing_else(label):
    marked = Value(1.0, label)
    svg = to_svg(marked * 2.0)
    expected = ["data", "1", "grad", "0"]
    if visible(label):
        assert elements(svg) == plain_elements()
        expected = [visible(label).strip(), *expected]
    assert expected in nodes(svg)
    assert draw(marked * 2.0).source.count("->") == 2


def test_a_long_label_ends_with_an_ellipsis():
    assert nodes(to_svg(Value(1.0, "x" * 1000)))[0][0] == "x" * 39 + "…"
    assert nodes(to_svg(Value(1.0, "x" * 1000 + "[3, 12]")))[0][0] == "x" * 32 + "…[3, 12]"


def test_a_title_stands_above_the_picture():
    svg = to_svg(Value(1.0, "x"), title="Loss of <sample 3> & co")
    assert "Loss of &lt;sample 3&gt; &amp; co" in svg
    assert "Loss" not in to_svg(Value(1.0, "x"))


def test_a_label_of_white_space_is_no_label():
    assert nodes(to_svg(Value(1.0, " \n\t"))) == [["data", "1", "grad", "0"]]


# --- files and layout ---------------------------------------------------------------------------------------


def test_the_file_has_the_text(tmp_path):
    path = tmp_path / "graph.svg"
    svg = to_svg(lecture_example(), path)
    assert path.read_text(encoding="utf-8") == svg
    assert svg.startswith("<svg ")
    assert to_svg(Value(1.0), str(path)) == path.read_text(encoding="utf-8") != svg
    assert os.listdir(tmp_path) == ["graph.svg"]


def test_nothing_is_written_on_failure(tmp_path):
    with pytest.raises(ValueError):
        to_svg(chain(10), tmp_path / "graph.svg", limit=3)
    with pytest.raises(OSError):
        to_svg(chain(10), tmp_path)  # a directory
    with pytest.raises(FileNotFoundError):
        to_svg(chain(10), tmp_path / "missing" / "graph.svg")
    assert os.listdir(tmp_path) == []
    assert not list(tmp_path.parent.glob("*.part"))


def test_a_value_and_a_drawing_show_themselves_in_a_notebook():
    f = lecture_example()
    assert sorted(edge_labels(f._repr_svg_())) == ["-4", "1", "1", "3"]
    [(kind, svg)] = draw(f)._repr_mimebundle_(include=None, exclude=None).items()
    assert (kind, nodes(svg)) == ("image/svg+xml", nodes(to_svg(f)))
    assert chain(300)._repr_svg_() is None
    assert isinstance(draw(f), graphviz.Digraph)


@pytest.mark.parametrize(("length", "direction"), [(2, "LR"), (8, "TB"), (20, "LR")], ids=["fits", "high", "long"])
def test_a_notebook_makes_a_drawing_fit_and_keeps_it_readable(length, direction):
    value = chain(length)
    svg = draw(value)._repr_mimebundle_()["image/svg+xml"]
    assert value._repr_svg_() == svg
    root = ET.fromstring(svg)
    width = float(root.get("width").removesuffix("pt"))
    assert root.get("style") == f"max-width:100%;min-width:{0.8 * width:.0f}pt;height:auto"
    assert svg.replace(f' style="{root.get("style")}"', "") == to_svg(value, direction=direction)
    as_asked = draw(value, direction="LR")._repr_mimebundle_()["image/svg+xml"]
    assert re.sub(' style="[^"]*"', "", as_asked) == to_svg(value)


def test_no_program_is_needed(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert len(nodes(to_svg(lecture_example()))) == 5


@pytest.fixture
def without_graphviz(monkeypatch):
    """No package that brings Graphviz along, and no program on the PATH."""

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    monkeypatch.setenv("PATH", "")


@pytest.mark.skipif(os.name == "nt", reason="the program in this test is a shell script")
@pytest.mark.parametrize("missing", [False, True])
def test_the_program_dot_draws_only_where_the_package_is_missing(tmp_path, monkeypatch, request, missing):
    if missing:
        request.getfixturevalue("without_graphviz")
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\necho "<?xml version=\'1.0\'?>"\necho "<svg>$*</svg>"\necho Fontconfig >&2\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (to_svg(lecture_example()) == "<svg>-Tsvg</svg>\n") is missing


def test_without_graphviz_the_error_says_what_to_install(without_graphviz, tmp_path):
    with pytest.raises(RuntimeError, match=r"pip install graphviz-pure.*program dot") as error:
        to_svg(lecture_example(), tmp_path / "graph.svg")
    assert "\n" not in str(error.value)
    assert os.listdir(tmp_path) == []
    assert lecture_example()._repr_svg_() is None


def test_a_picture_that_graphviz_refuses_is_an_error():
    picture = draw(lecture_example())
    picture.body.append("->")
    with pytest.raises(RuntimeError, match=r"Graphviz cannot draw this: .*syntax error"):
        picture._repr_mimebundle_()


def test_drawing_says_nothing(capfd):
    to_svg(Value(1.0, "∞ ü 漢") * 2)
    assert capfd.readouterr() == ("", "")


def test_boxes_are_as_wide_as_their_text_in_the_widest_usual_font():
    """The boxes of texts in Verdana or DejaVu Sans, whose letters take 0.6 of their height and more."""
    for label in "parameters[0].weight", "WWWW":
        svg = to_svg(relu(Value(1.0, label)))
        [group, _] = ET.fromstring(svg).iterfind(f".//{SVG}g[@class='node']")
        texts = list(group.iter(f"{SVG}text"))
        assert {text.get("font-family") for text in texts} == {TEXT_FONT, NUMBER_FONT}
        corners = [float(point.split(",")[0]) for point in group.find(f".//{SVG}polygon").get("points").split()]
        assert max(corners) - min(corners) > 0.6 * 11 * len(label)


def test_a_drawing_imports_what_others_do_not_need():
    late = {"graphviz", "subprocess", "importlib.metadata", "html", "pathlib", "numpy.typing"}
    script = f"import numpy, sys; late = {late} - sys.modules.keys(); import autograd_engine.draw"
    script += "; sys.exit(len(late & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("argument", ["names", "parameters"])
def test_a_name_that_is_no_text_is_refused_and_nothing_is_written(argument, tmp_path):
    v = Value(1.0)
    for name, error, message in ((7, TypeError, "must be a str, got int: 7"), ("\ud800", ValueError, "lone surrogate")):
        with pytest.raises(error, match=f"^a name in {argument} .*{message}"):
            to_svg(v, tmp_path / "v.svg", **{argument: {name: v}})
    assert not list(tmp_path.iterdir())


def test_a_neuron_of_constants_is_drawn():
    output = sum_values([Value(1.0, "a"), 2.0, 3.0])
    assert sorted(texts[0] for texts in nodes(to_svg(output))) == ["2", "3", "a", "Σ"]


# --- overlaps -----------------------------------------------------------------------------------------------


def rectangles(svg):
    """The boxes of the nodes and the numbers on edges of a drawing, as left, top, right, bottom."""
    boxes, numbers = [], []
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        if group.get("class") == "node":
            points = []
            for element in group.iter():
                if element.tag.endswith("ellipse"):
                    x, y, rx, ry = (float(element.get(name)) for name in ("cx", "cy", "rx", "ry"))
                    points += [(x - rx, y - ry), (x + rx, y + ry)]
                written = re.findall(r"-?[\d.]+", element.get("points") or element.get("d") or "")
                points += zip(map(float, written[::2]), map(float, written[1::2]))
            xs, ys = zip(*points)
            boxes.append((min(xs), min(ys), max(xs), max(ys)))
        if group.get("class") == "edge":
            for element in group.iter(f"{SVG}text"):
                x, y, half = float(element.get("x")), float(element.get("y")), 3.0 * len(element.text.strip())
                numbers.append((x - half, y - 7, x + half, y + 1))
    return boxes, numbers


@pytest.mark.parametrize(("direction", "seeds"), [("LR", range(100)), ("TB", range(100, 200))])
def test_in_random_graphs_numbers_lie_on_no_box_number_or_line(direction, seeds):
    count = 0
    for seed in seeds:
        svg = to_svg(random_graph(seed), direction=direction)
        boxes, numbers = rectangles(svg)
        edges = [group for group in ET.fromstring(svg).iter(f"{SVG}g") if group.get("class") == "edge"]
        lines = [point for edge in edges for path in edge.iter(f"{SVG}path") for point in points_of(path.get("d"))]
        for i, (left, top, right, bottom) in enumerate(numbers):
            others = {*boxes, *numbers[:i]} - {numbers[i]}  # the same number at the same place is of a twin, as in x·x
            for a, b, c, d in others:
                assert not (left < c and a < right and top < d and b < bottom), seed
            count += 1
            assert not any(left < x < right and top < y < bottom - 1 for x, y in lines), seed
    assert count > 1000
