"""The command `explain`."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from autograd_engine import Value, exp, explain, sin
from nn.command_line.main import main


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_value_gradients_and_derivations(capsys):
    assert main(["explain", "exp(x*y) + sin(x)", "x=1.5", "y=0.5"]) == 0
    printed = capsys.readouterr().out
    x, y = Value(1.5, "x"), Value(0.5, "y")
    out = exp(x * y) + sin(x)
    out.label = "out"
    out.backward()
    rows = [line.split() for line in printed.splitlines()]
    assert ["x", "1.5", f"{x.grad:.10g}"] in rows
    assert ["y", "0.5", f"{y.grad:.10g}"] in rows
    assert ["out", f"{out.data:.10g}", "1"] in rows
    for leaf in (x, y):
        assert str(explain(out, leaf)) in printed
    assert not list(Path().iterdir())


def test_a_variable_named_out(capsys):
    assert main(["explain", "out * 2", "out=3"]) == 0
    assert "d result/d out = 2" in capsys.readouterr().out


def test_a_formula_that_is_a_variable(capsys):
    assert main(["explain", "-x", "x=pi/2"]) == 0
    assert main(["explain", "x", "x=3"]) == 0
    assert capsys.readouterr().out.endswith("d x/d x = 1\n")


def test_the_picture_and_the_page(capsys):
    assert main(["explain", "x*y", "x=2", "y=3", "--svg", "graph.svg", "--html", "graph.html"]) == 0
    assert "Written: graph.svg\nWritten: graph.html\n" in capsys.readouterr().out
    assert ET.parse("graph.svg").getroot().tag.endswith("svg")
    assert "<html" in Path("graph.html").read_text(encoding="utf-8")


def test_a_file_that_cannot_be_written_is_one_line(capsys):
    assert main(["explain", "x*y", "x=2", "y=3", "--svg", "no/where.svg"]) == 2
    assert capsys.readouterr().err == "autograd-engine: no/where.svg: No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["FORMULA"]),
        (["x +", "x=1"], ["not complete"]),
        (["x*y", "x=1"], ["no value for y; add one, such as y=0"]),
        (["x", "y=1"], ["no variable 'y'; it has x"]),
        (["x", "x"], ["'x' is no value; write it as x=0"]),
        (["x", "x=1", "x=2"], ["x has two values"]),
        (["x", "x=one"], ["'one' is not a finite number"]),
        (["x", "x=1+"], ["'1+' is not a finite number"]),
        (["1 + 2"], ["has no variable, so there is nothing to differentiate"]),
        (["x > 3", "x=1"], ["'x > 3' is a comparison"]),
        (["open(x)", "x=1"], ["'open' is not a function"]),
        (["x", "x=1", "--colour"], ["--colour"]),
        (["x", "x=1", "--svg", "a.png"], ["--svg a.png", "ends in .svg"]),
        (["x", "x=1", "--html", "a.svg"], ["--html a.svg", "ends in .html or .htm"]),
        (["+".join(["sin(2*x)"] * 700), "x=1", "--svg", "a.svg"], ["--svg a.svg", "2000 nodes", "--html folds it"]),
    ],
)
def test_what_is_refused(capsys, arguments, parts):
    assert main(["explain", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("autograd-engine: ")
    assert err.count("\n") == 1
    for part in parts:
        assert part in err
    assert not list(Path().iterdir())


def test_without_graphviz_a_picture_is_refused(capsys, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("drawing needs Graphviz")

    monkeypatch.setattr("nn.command_line.explain.to_svg", fail)
    assert main(["explain", "x", "x=1", "--svg", "a.svg"]) == 2
    assert capsys.readouterr() == ("", "autograd-engine: --svg a.svg: drawing needs Graphviz\n")
