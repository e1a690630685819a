"""The notebooks run from top to bottom, and what is stored in them is what their cells show."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NAMES = ["control_flow", "digits", "from_scratch", "lecture_1", "lecture_2", "lecture_3", "lecture_4"]
NAMES += ["second_derivatives", "tests_of_gradients", "tour"]
WIDTH = 555  # points of a page, about 740 pixels


# Complains of a picture made in the notebook itself that has numbers along an axis and does not say of what.
EVERY_AXIS_SAYS_WHAT_IT_SHOWS = nbformat.v4.new_code_cell("""
from matplotlib.figure import Figure

def _draw(self, renderer, draw=Figure.draw):
    draw(self, renderer)
    for axes in self.axes if hasattr(self, "number") else ():
        for axis in (axes.xaxis, axes.yaxis):
            if any(label.get_visible() and label.get_text() for label in axis.get_ticklabels()):
                assert axis.get_label_text(), f"an axis without a name in the picture {axes.get_title()}"

Figure.draw = _draw
del Figure
""")


def solutions(notebook):
    """A cell that runs the code in the solutions and prints what differs from what they say."""
    code = re.findall(r"^```python\n(.*?)^```$", notebook.cells[-1].source, re.MULTILINE | re.DOTALL)
    run = "import doctest\ndoctest.run_docstring_examples({!r}, globals(), optionflags=doctest.ELLIPSIS)"
    return nbformat.v4.new_code_cell(run.format("\n".join(code)))


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def shown(cell):
    """What a cell shows, without what may differ from one machine to the next: digits, spaces and pictures."""
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            parts += [output.text] if output.name == "stdout" else []
        else:
            parts += [output.data.get("text/plain", ""), *sorted(output.data)]
    return re.sub(r"[-+]?\d[\d.,e+-]*|\s+", " # ", "".join(parts)).split()


def test_the_notebooks_are_all_there():
    assert [path.stem for path in NOTEBOOKS] == NAMES


@pytest.mark.filterwarnings("default")  # those of the kernel's machinery are not ours
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_shows_what_is_stored(path, tmp_path):
    stored, run = read(path), read(path)
    run.cells = [EVERY_AXIS_SAYS_WHAT_IT_SHOWS, *run.cells, solutions(run)]
    patience = {"timeout": 600, "startup_timeout": 600, "iopub_timeout": 600}  # seconds; what a cell shows may be late
    NotebookClient(run, **patience, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    assert run.cells[-1].outputs == []
    run.cells = run.cells[1:-1]
    assert not [output.text for output in outputs(run) if output.get("name") == "stderr"]
    for before, now in zip(code_cells(stored), code_cells(run)):
        assert set(shown(now)) == set(shown(before)), before.source
    if path.stem == "digits":  # the perceptron comes first
        text = "".join(output.get("text", "") for output in outputs(run))
        assert float(re.findall(r"([\d.]+)% of the held-out images", text)[0]) >= 95


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestStored:
    def test_it_was_run_from_top_to_bottom(self, path):
        assert [cell.execution_count for cell in code_cells(read(path))] == [
            i + 1 for i in range(len(code_cells(read(path))))
        ]

    def test_nothing_went_to_stderr(self, path):
        wrong = [x for x in outputs(read(path)) if x.output_type == "error" or x.get("name") == "stderr"]
        assert wrong == []

    def test_it_tells_its_goal_and_ends_with_exercises(self, path):
        cells = read(path).cells
        assert cells[0].source.startswith("# ")
        assert "**Goal.**" in cells[0].source
        assert "## Exercises" in cells[-1].source

    def test_every_exercise_has_a_solution_to_open(self, path):
        exercises = read(path).cells[-1].source
        folded = r"^\d+\. .*?\n\n<details><summary>Solution</summary>\n\n.+?\n\n</details>$"
        count = len(re.findall(folded, exercises, re.MULTILINE | re.DOTALL))
        assert count == len(re.findall(r"^\d+\. ", exercises, re.MULTILINE)) > 2

    def test_its_pictures_lie_within_the_page(self, path):
        drawings = "".join(output.get("data", {}).get("image/svg+xml", "") for output in outputs(read(path)))
        assert all(float(width) <= WIDTH for width in re.findall(r"min-width:([\d.]+)pt", drawings))

    def test_it_stands_alone(self, path):
        texts = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
        assert not re.findall(r"(?i)the lectures?\b|\(lecture \d", texts)

    def test_it_is_small_and_holds_no_trace_of_a_machine(self, path):
        text = path.read_text(encoding="utf-8")
        assert len(text) < 400_000
        assert not re.findall(r"/home/|/root/|/tmp/|/Users/|C:\\|site-packages|iopub|Warning", text)
        notebook = json.loads(text)
        assert notebook["metadata"].keys() == {"kernelspec", "language_info"}
        assert notebook["metadata"]["language_info"] == {"name": "python"}
        assert not [cell for cell in notebook["cells"] if cell["metadata"]]
