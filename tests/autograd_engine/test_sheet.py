"""The page of an exercise sheet, as its readers use it, and the same sheet as a notebook and on paper."""

import json
import random
import re
import shutil

import nbformat
import pytest

from autograd_engine import Value, exercise, exercise_sheet, exp, sigmoid, sin, to_html
from autograd_engine.explanations import mathml
from autograd_engine.interactive import printing
from autograd_engine.interactive import sheet as sheets


def tasks(seed):
    rng = random.Random(seed)
    x, w, b, t = (Value(rng.choice([0.5, 1.0, 1.5, 2.0, -1.0]), name) for name in "xwbt")
    g = t**2 + t**3
    g.label = "g"
    s = sigmoid(w * x + b)
    s.label = "s"
    return [exercise(g, t, blanks=1), exercise(0.5 * (s - t) ** 2, w, blanks=3, seed=seed), exercise(x * sin(x), x)]


@pytest.fixture
def sheet(page, tmp_path):
    """Opens a sheet from disk, with what stands after the # of its address."""

    def open_sheet(address="", exercises=tasks, **options):
        exercise_sheet(exercises, tmp_path / "sheet.html", **options)
        page.goto("about:blank")  # or another address of the same file would not load it again
        page.goto((tmp_path / "sheet.html").as_uri() + address)
        return page

    return open_sheet


def rows(page):
    return page.locator("main .answer").all()


def verdict(page, place, answer):
    """What the page says to an answer, and whether it takes it for right."""
    row = rows(page)[place]
    row.locator("input").fill(answer)
    row.get_by_role("button", name="Check").click()
    return row.locator(".verdict").inner_text(), "right" in row.get_attribute("class")


def test_right_answers_are_counted(sheet):
    page = sheet("#seed=3")
    blanks = [blank for task in tasks(3) for blank in task.blanks]
    assert page.locator("#score").inner_text() == f"0 of {len(blanks)} right"
    for place, blank in enumerate(blanks):
        assert verdict(page, place, f"{blank.answer:.4g}") == ("Right.", True)
        assert page.locator("#score").inner_text() == f"{place + 1} of {len(blanks)} right"
    assert verdict(page, 0, "") == ("", False)
    assert page.locator("#score").inner_text() == f"{len(blanks) - 1} of {len(blanks)} right"


def test_the_page_says_what_check_says(sheet):
    page = sheet("#seed=1")
    for place, (task, blank) in enumerate((one, blank) for one in tasks(1) for blank in one.blanks):
        wrong = [number for _, number in blank.mistakes]
        others = [1234.5, -1234.5, 1e-5, float(f"{blank.answer:.1g}"), blank.answer * 1.03]
        for number in [*wrong, *others]:
            [mark] = [mark for mark in task.check({blank.name: number}).marks if mark.blank == blank.name]
            said = ("Right" if mark.right else "Not yet") + (f": {mark.remark}." if mark.remark else ".")
            assert verdict(page, place, repr(number)) == (said, mark.right)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("1,000", "Not yet: is this comma one of thousands or of decimals? Leave it out, or write a point."),
        ("two", "Not yet: a number, please, such as 0.25, −3, 1/4 or 2e−3."),
        ("1/0", "Not yet: the answer is a finite number."),
    ],
)
def test_what_is_no_number_is_asked_about(sheet, answer, said):
    assert verdict(sheet(), 0, answer) == (said, False)


def test_a_number_may_have_a_comma_a_minus_sign_and_be_a_fraction(sheet):
    t = Value(-0.25, "t")
    page = sheet(exercises=exercise(t * t, t, blanks=1))
    for answer in ("-0.5", "−0.5", "-1/2", "−5e−1"):
        assert verdict(page, 0, answer) == ("Right.", True)
    assert verdict(page, 0, "-0,5") == ("Right: the comma is read as a decimal point.", True)


def test_hints_come_one_by_one(sheet):
    page = sheet()
    [blank] = tasks(0)[0].blanks
    row = rows(page)[0]
    button = row.get_by_role("button", name="Hint")
    for count in range(1, len(blank.hints) + 1):
        button.click()
        shown = row.locator("li").evaluate_all("lines => lines.map((line) => line.innerHTML)")
        assert shown == list(map(mathml.line, blank.hints_markdown[:count]))
    assert not button.is_visible()
    assert page.evaluate("document.activeElement.matches('input')")  # not lost with the button


def test_what_is_asked_for_and_hints_are_formulas(sheet):
    x = Value(2.0, "x")
    task = exercise(sin(x * x) * x + exp(3 * x), x, seed=1)
    page = sheet(exercises=task)
    for row, blank in zip(rows(page), task.blanks, strict=True):
        asked = row.locator(".asked")
        assert asked.locator("mfrac").count() == blank.asks_for.count("/") > 0
        assert row.get_by_label(f"{blank.name}: {blank.asks_for} =").count() == 1  # what a screen reader says
        names = set(re.findall(r"v(\d)", blank.asks_for))
        assert set(asked.locator("msub :nth-child(2)").all_text_contents()) == names


def test_the_seed_and_the_view_stand_in_the_address(sheet):
    page = sheet("#seed=2")
    assert page.locator("#seed").inner_text() == "Seed 2"
    first = page.locator("main").inner_text()
    assert not page.locator(".solution").first.is_visible()
    page.get_by_role("button", name="Other numbers").click()
    page.locator("#seed", has_text="Seed 3").wait_for()
    page.wait_for_url("**#seed=3")
    assert page.locator("main").inner_text() != first
    page.get_by_role("button", name="Solutions").click()
    page.wait_for_url("**#seed=3&view=solutions")
    page.locator("main section .solution").first.wait_for()
    assert not page.locator("main section .task").first.is_visible()
    page.go_back()
    page.locator("main section .task").first.wait_for()
    assert sheet("#seed=99", seeds=[5, 6]).locator("#seed").inner_text() == "Seed 5"


def test_what_is_printed_is_the_view_that_is_shown(sheet):
    page = sheet("#seed=0")
    page.emulate_media(media="print")
    assert page.locator("main math").first.is_visible()
    assert page.get_by_text("Seed 0").is_visible()  # or nobody would know which solutions belong to it
    assert not page.get_by_role("button", name="Hint").first.is_visible()
    assert not page.locator("main .solution").first.is_visible()


DARKNESS = """["backgroundColor", "color"].map(property =>
    getComputedStyle(document.body)[property].match(/\\d+/g).map(Number).reduce((sum, channel) => sum + channel))"""


@pytest.mark.parametrize("kind", ["sheet", "graph"])
def test_a_dark_screen_has_a_dark_page_and_paper_is_white(page, tmp_path, kind):
    if kind == "sheet":
        exercise_sheet(tasks, tmp_path / "page.html")
    else:
        to_html(Value(2.0, "x") * 3, tmp_path / "page.html")
    page.goto((tmp_path / "page.html").as_uri())
    for scheme, media, is_dark in (("light", "screen", False), ("dark", "screen", True), ("dark", "print", False)):
        page.emulate_media(color_scheme=scheme, media=media)
        background, ink = page.evaluate(DARKNESS)
        assert (background < 120 and ink > 600) if is_dark else (background == 765 and ink < 200), (scheme, media)


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(sheet, page, width):
    page.set_viewport_size({"width": width, "height": 800})
    assert sheet().evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_keyboard_scrolls_a_formula_where_it_is_wider_than_the_window(sheet, page):
    x = Value(2.0, "a_rather_long_name")
    page = sheet(exercises=exercise(exp(sin(x * x) * x), x, seed=1))
    reached = "[...document.querySelectorAll('main .formula')].map(({ tabIndex }) => tabIndex === 0)"
    is_wide = "[...document.querySelectorAll('main .formula')].map(one => one.scrollWidth > one.clientWidth)"
    drawn = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
    page.set_viewport_size({"width": 320, "height": 800})
    page.evaluate(drawn)
    assert any(page.evaluate(reached))
    assert page.evaluate(reached) == page.evaluate(is_wide)
    page.set_viewport_size({"width": 1920, "height": 800})
    page.evaluate(drawn)
    assert not any(page.evaluate(reached))


def test_labels_stay_text(sheet):
    x = Value(2.0, "</script><b>&x")
    x.label = "<img src=x onerror=alert(1)>"
    page = sheet(exercises=[exercise(x * x + x, x)], title="<i>title</i> $x")
    assert page.locator("img, i").count() == 0
    assert page.title() == "<i>title</i> $x"


def test_the_same_exercises_give_the_same_page():
    assert exercise_sheet(tasks) == exercise_sheet(tasks)


def test_what_is_no_sheet_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"exercise_sheet\(\) takes Exercises, got float: 2.0"):
        exercise_sheet([2.0])
    with pytest.raises(ValueError, match="at least one seed and one exercise"):
        exercise_sheet([])
    with pytest.raises(ValueError, match="at least one seed and one exercise"):
        exercise_sheet(tasks, seeds=[])
    with pytest.raises(ValueError, match=r"seeds are whole numbers, got \['a'\]"):
        exercise_sheet(tasks, seeds=["a"])
    with pytest.raises(OSError, match="nowhere"):
        exercise_sheet(tasks, tmp_path / "nowhere" / "sheet.html")


# --- as a notebook, and on paper ------------------------------------------------------------------------------------


def test_the_notebook_grades_and_has_the_solutions_folded(tmp_path, capsys):
    path = tmp_path / "sheet.ipynb"
    exercise_sheet(tasks, path, title="The chain rule", seeds=[3, 4])
    nbformat.validate(nbformat.read(path, as_version=4))
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    wanted = [task for seed in (3, 4) for task in tasks(seed)]
    assert texts[:2] == ["# The chain rule", "## Seed 3"]
    solutions = [text for text in texts if text.startswith("<details>")]
    assert len(solutions) == len(code) == len(wanted)
    for task, source, solution in zip(wanted, code, solutions):
        assert task.markdown in texts
        assert task.solution in solution
        for blank in task.blanks:
            assert f"**{blank.name}** = " in solution
            source = source.replace(f'"{blank.name}": None', f'"{blank.name}": {blank.answer!r}')
        exec(source, {})
        assert f"{len(task.blanks)} of {len(task.blanks)} right" in capsys.readouterr().out


@pytest.mark.parametrize("solved", [False, True])
def test_on_paper_tasks_and_solutions_are_apart(page, tmp_path, solved):
    text = sheets._on_paper("<i>", {seed: tasks(seed) for seed in (3, 4)}, solved)
    (tmp_path / "paper.html").write_text(text, encoding="utf-8")
    page.goto((tmp_path / "paper.html").as_uri())
    page.emulate_media(media="print")
    assert page.locator("h1").all_inner_texts() == ["Solutions: <i>" if solved else "<i>"] * 2
    assert page.locator("#seed").all_inner_texts() == ["Seed 3", "Seed 4"]
    assert page.locator(".solution:visible").count() == 6 * solved
    assert page.locator(".task:visible").count() == 6 * (not solved)
    assert page.locator("button:visible, script").count() == 0


def test_a_pdf_has_the_tasks_and_another_one_the_solutions(tmp_path):
    if not any(map(shutil.which, printing._PROGRAMS)):
        pytest.skip("needs Chromium: apt-get install chromium-headless-shell")
    exercise_sheet(tasks, tmp_path / "sheet.pdf", seeds=[1, 2])
    assert {path.name for path in tmp_path.iterdir()} == {"sheet.pdf", "sheet-solutions.pdf"}
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert content.startswith(b"%PDF")
        assert len(re.findall(rb"/Type /Page\b", content)) >= 2  # each seed begins a page


def test_where_nothing_prints_one_is_told_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(printing, "_PROGRAMS", ("no-such-browser",))
    with pytest.raises(RuntimeError, match=r"Chrome, Chromium or Edge.* write the sheet as \.html"):
        exercise_sheet(tasks, tmp_path / "sheet.pdf")
    monkeypatch.setattr(printing, "_PROGRAMS", ("true",))
    with pytest.raises(RuntimeError, match="true does not print"):
        exercise_sheet(tasks, tmp_path / "sheet.pdf")
    assert list(tmp_path.iterdir()) == []


def test_the_header_covers_nothing_that_the_keyboard_reaches(sheet):
    page = sheet()
    fields = page.locator("main input")
    fields.last.focus()
    for _ in range(3 * fields.count() - 3):
        page.keyboard.press("Shift+Tab")
        assert page.evaluate("""() => {
            const [field, header] = [document.activeElement, document.querySelector("header")];
            return field.getBoundingClientRect().top >= header.getBoundingClientRect().bottom;
        }""")
