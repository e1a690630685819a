"""What a release consists of: its version, its files, and the Pythons that it is tested on."""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import autograd_engine

ROOT = Path(__file__).parent.parent
VERSION = autograd_engine.__version__
CODE = r"(autograd_engine|nn)/[\w/]+\.(py|js|css|html|svg|typed)"
WHEEL = [CODE, r"autograd_engine_(command|pytest)\.py", r"autograd_engine-[\d.]+\.dist-info/[\w/.-]+"]
SOURCE = [
    CODE,
    r"tests/[\w/-]+\.(py|csv|json|c|cpp|hpp)",
    r"docs/[\w-]+\.md|docs/conda/recipe\.yaml",
    r"docs/site/[\w/]+\.(py|css|js|html)",
    r"notebooks/\w+\.ipynb",
    r"\.github/([\w-]+\.(svg|png)|dependabot\.yml|workflows/\w+\.yml)",
    r"README\.md|CHANGELOG\.md|CITATION\.cff|LICENSE|pyproject\.toml|\.gitignore|PKG-INFO",
]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with a wheel and a source distribution of this tree."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def code():
    """The files of both packages; a wheel has the entry points of the command and of pytest beside them."""
    paths = [path for package in ("autograd_engine", "nn") for path in (ROOT / package).rglob("*")]
    files = {path.relative_to(ROOT).as_posix() for path in paths if "__pycache__" not in path.parts and path.is_file()}
    return files - {"nn/command_line/entry.py", "autograd_engine/pytest_plugin.py"}


def assert_meant(names, patterns):
    assert [name for name in names if not re.fullmatch("|".join(patterns), name)] == []
    assert code() <= set(names)


def test_the_wheel_holds_the_packages_and_the_command(built):
    with zipfile.ZipFile(built / f"autograd_engine-{VERSION}-py3-none-any.whl") as wheel:
        assert_meant(wheel.namelist(), WHEEL)


def test_the_source_distribution_holds_what_its_tests_need(built):
    with tarfile.open(built / f"autograd_engine-{VERSION}.tar.gz") as source:
        names = [name.partition("/")[2] for name in source.getnames()]
    assert_meant(names, SOURCE)
    needed = [path for folder in ("tests", "docs", "notebooks", ".github") for path in (ROOT / folder).rglob("*.*")]
    kept = {path.relative_to(ROOT).as_posix() for path in needed if path.is_file()}
    assert [name for name in kept if re.fullmatch("|".join(SOURCE), name) and name not in names] == []


def test_the_version_is_the_last_one_of_the_changelog():
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert versions[0] == VERSION


def test_the_oldest_python_that_is_promised_is_tested():
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    tested = re.findall(r'"(3\.\d+)"', re.findall(r"python: \[(.+)\]", workflow)[0])
    promised = re.findall(r'requires-python = ">=(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert [tested[0]] == promised
    assert [int(version.partition(".")[2]) for version in tested] == list(range(10, 10 + len(tested)))


def test_the_workflows_name_their_actions_by_commits():
    for path in (ROOT / ".github" / "workflows").iterdir():
        used = re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))
        assert [x for x in used if not re.fullmatch(r"\./[\w./]+|[\w/-]+@[0-9a-f]{40} # v[\d.]+", x)] == []


def test_the_recipe_for_conda_needs_what_the_wheel_needs():
    recipe = (ROOT / "docs" / "conda" / "recipe.yaml").read_text(encoding="utf-8")
    assert re.findall(r'version: "(.+)"', recipe) == [VERSION]
    run = re.findall(r"    - (\S+)(?: (>=\S+))?", recipe.partition("  run:")[2].partition("\ntests:")[0])
    listed = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    python = re.findall(r'requires-python = "(.+)"', listed)[0]
    wheel = re.findall(r'^    "([\w-]+)(>=[\w.]+)', listed.partition("\ndependencies = [")[2].partition("\n]")[0], re.M)
    # Conda has Graphviz itself, of any version, and calls the package of Python that writes its graphs otherwise.
    named = {"graphviz-pure": "graphviz", "graphviz": "python-graphviz"}
    expected = {named.get(name, name): "" if name == "graphviz-pure" else version for name, version in wheel}
    assert dict(run) == {"python": python, **expected}
    assert "      pip_check: false" in recipe  # by default the recipe's test asks pip, which misses graphviz-pure
