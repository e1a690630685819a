"""The command `exercises`."""

import json
import re
from pathlib import Path
from random import Random

import pytest

from autograd_engine import exercise
from autograd_engine.interactive import printing
from nn.command_line.main import main
from nn.command_line.topics import TOPICS

COURSE = Path(__file__).parents[3] / "docs" / "course.md"


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def seeds(page):
    return [int(seed) for seed in re.findall(r'data-seed="(\d+)"', Path(page).read_text(encoding="utf-8"))]


def test_the_topics_are_those_of_the_course():
    assert re.findall(r"^\* Sheet \(`(\w+)`\)", COURSE.read_text(encoding="utf-8"), re.MULTILINE) == list(TOPICS)


@pytest.mark.parametrize("name", TOPICS)
def test_a_topic_has_three_tasks_with_other_numbers_for_each_seed(name):
    sheets = set()
    for seed in range(10):
        tasks = [exercise(out, wrt, blanks=blanks, seed=seed) for out, wrt, blanks in TOPICS[name].draw(Random(seed))]
        assert len(tasks) == 3
        assert not any(re.search(r"\be =", task.text) for task in tasks)  # beside exp, which is written as e too
        assert all(task.check({blank.name: blank.answer for blank in task.blanks}) for task in tasks)
        sheets.add(tuple(task.text for task in tasks))
    assert len(sheets) > 4


def test_a_page_of_a_topic(capsys):
    assert main(["exercises", "chain", "paths", "--sheets", "3", "--seed", "4"]) == 0
    assert seeds("exercises.html") == [4, 5, 6]
    page = Path("exercises.html").read_text(encoding="utf-8")
    assert "<title>The chain rule on a chain, Many paths</title>" in page
    assert page.count("<section>") == 18
    printed = capsys.readouterr().out
    assert printed.startswith("Written: exercises.html\n")
    assert "exercises.html#seed=6 is the last of 3 sheets" in printed
    before = page
    assert main(["exercises", "chain", "paths", "--sheets", "3", "--seed", "4"]) == 0
    assert Path("exercises.html").read_text(encoding="utf-8") == before


def test_a_formula_asks_for_each_variable_at_one_of_its_numbers():
    arguments = ["-w*tanh(v*x)", "w=0.5,pi", "v=-1", "x=2", "--title", "Mine", "--sheets", "8", "--blanks", "1"]
    assert main(["exercises", *arguments, "--out", "sheet.ipynb"]) == 0
    cells = json.loads(Path("sheet.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    assert text.startswith("# Mine")
    assert text.count("<details>") == 24
    assert set(re.findall(r"^w &= (\S+)", text, re.MULTILINE)) == {"0.5", "3.142"}
    assert set(re.findall(r"\\frac\{\\mathrm\{d\} \\mathit\{out\}\}\{\\mathrm\{d\} (\w)\}", text)) == {"w", "v", "x"}
    assert "find **A**" in text
    assert "**B**" not in text


def test_paper_is_two_files(capsys, monkeypatch):
    monkeypatch.setattr("autograd_engine.interactive.sheet.printed", str.encode)
    assert main(["exercises", "xor", "--out", "sheet.pdf", "--sheets", "1"]) == 0
    assert capsys.readouterr().out == "Written: sheet.pdf\nWritten: sheet-solutions.pdf\n"
    assert b"Exclusive or" in Path("sheet.pdf").read_bytes()
    assert b"Solutions: Exclusive or" in Path("sheet-solutions.pdf").read_bytes()


def test_paper_without_a_browser_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr(printing, "_PROGRAMS", ())
    assert main(["exercises", "xor", "--out", "sheet.pdf"]) == 2
    assert capsys.readouterr().err.startswith("autograd-engine: --out sheet.pdf: a PDF is printed by Chrome")
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["WHAT"]),
        (["chian"], ["'chian' is no topic; there are neuron, cost, chain, surface"]),
        (["chain", "x=3"], ["'x=3' is no topic"]),
        (["x*y", "chain"], ["'x*y' is no topic"]),
        (["x +", "x=1"], ["not complete"]),
        (["x*y", "x=1"], ["no value for y; add one, such as y=0"]),
        (["x*2", "x=1,"], ["'' is not a finite number"]),
        (["x*2", "x=1,oops"], ["'oops' is not a finite number"]),
        (["x", "x=1"], ["'x' is a variable: there is no derivation"]),
        (["x > 3", "x=1"], ["'x > 3' is a comparison"]),
        (["x**0.5", "x=0"], ["the sheet with seed 0: an exercise needs finite numbers"]),
        (["chain", "--out", "sheet.png"], ["--out sheet.png", "ends in .html or .htm or .ipynb or .pdf"]),
        (["chain", "--out", "no/sheet.html"], ["no/sheet.html: No such file or directory"]),
        (["chain", "--sheets", "0"], ["--sheets", "'0' is not a whole number of at least 1"]),
        (["chain", "--blanks", "1.5"], ["--blanks", "'1.5' is not a whole number of at least 1"]),
        (["chain", "--seed", "-1"], ["--seed", "'-1' is not a whole number of at least 0"]),
    ],
)
def test_what_is_refused(capsys, arguments, parts):
    assert main(["exercises", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("autograd-engine: ")
    assert err.count("\n") == 1
    for part in parts:
        assert part in err
    assert not list(Path().iterdir())
