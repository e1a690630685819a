"""The code in the README and in the documentation runs and prints what it says, and its links lead somewhere."""

import doctest
import linecache
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from autograd_engine import PRIMITIVES
from nn.playground.lessons import LESSONS
from nn.playground.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PARSERS = [SkipParser(), PythonCodeBlockParser(doctest_optionflags=doctest.ELLIPSIS)]
# Its lines are added to a copy of the repository by a test of their own.
EXECUTED = [page for page in PAGES if page.name != "adding-a-primitive.md"]
BLOCKS = [(page, block) for page in EXECUTED for block in Sybil(PARSERS).parse(page).examples()]
COMMANDS = [
    (page, command, output)
    for page in PAGES
    for block in re.findall(r"^```console\n(.+?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for command, output in re.findall(
        r"^\$ .venv/bin/autograd-engine ((?:exercises|explain|minimize) .+)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE
    )
]
LINKS = [
    (page, target)
    for page in [*PAGES, ROOT / "CHANGELOG.md"]
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text(encoding="utf-8"))
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder for what each page's examples write; primitives that they define go again."""
    known = set(PRIMITIVES)
    yield {page: tmp_path_factory.mktemp(page.stem) for page in PAGES}
    for name in PRIMITIVES.keys() - known:
        del PRIMITIVES[name]


# In order: a block may use what an earlier one of its page defined.
@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=lambda x: x.name if isinstance(x, Path) else f"line {x.line}")
def test_block(page, block, folders, monkeypatch):
    monkeypatch.chdir(folders[page])
    if isinstance(block.parsed, doctest.Example):  # Python finds its source as that of a notebook's cell
        block.path, source = f"{page}:{block.line}", block.parsed.source
        linecache.cache[f"<doctest {block.path}[0]>"] = len(source), None, source.splitlines(keepends=True), block.path
    block.evaluate()


@pytest.mark.parametrize(("page", "command", "output"), COMMANDS, ids=lambda x: x.name if isinstance(x, Path) else None)
def test_command(page, command, output, folders):
    program = "import sys; from nn.command_line.main import main; sys.exit(main(sys.argv[1:]))"
    arguments = [sys.executable, "-c", program, *shlex.split(command)]
    done = subprocess.run(arguments, capture_output=True, encoding="utf-8", check=True, cwd=folders[page])
    assert [line.rstrip() for line in done.stdout.strip().splitlines()] == output.strip().splitlines()


@pytest.mark.parametrize(("page", "target"), LINKS, ids=lambda x: x.name if isinstance(x, Path) else x)
def test_a_link_leads_somewhere(page, target):
    file, _, anchor = target.partition("#")
    goal = (page.parent / file).resolve() if file else page
    assert goal.exists()
    if anchor:
        heads = re.findall(r"^#+ (.+)$", goal.read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in [re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_to_the_playground_is_one_that_it_takes(page):
    links = re.findall(r"http://127.0.0.1:8000/#([^)\s`]+)", page.read_text(encoding="utf-8"))
    for query in links:
        tab = "tab=(graph|weights|deltas|landscape|script)"
        of_the_page = re.compile(rf"(?:^|&)({tab}|look=\d\.\d|lesson=[\w-]+)(?=&|$)")
        settings = Settings.from_query(of_the_page.sub("", query))
        for lesson in re.findall(r"\blesson=([\w-]+)", query):
            assert settings in (LESSONS[lesson].settings, Settings())  # which the lesson brings along
    assert len(links) > 8 or page.name != "course.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_a_page_names_exist(page):
    for file in re.findall(r"`((?:autograd_engine|nn|tests|docs)/[\w/]+(?:\.py|/))`", page.read_text(encoding="utf-8")):
        assert (ROOT / file).exists(), file


def test_the_readme_is_short_and_the_pages_have_examples():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 250
    assert len(BLOCKS) >= 40
    assert {command.split()[0] for _, command, _ in COMMANDS} == {"exercises", "explain", "minimize"}


def test_every_page_is_in_the_list_of_pages():
    listed = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in listed
