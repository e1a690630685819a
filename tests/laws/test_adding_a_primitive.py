"""What docs/adding-a-primitive.md says is enough: its lines, added to a copy of the repository, make a primitive."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "adding-a-primitive.md"
ADDED = re.findall(r"^   `(\S+\.py)`\n\n   ```python\n   (.+)\n   ```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

EVERY_BACK_END = """
import math
from autograd_engine import Value, arsinh, jit, to_c
from autograd_engine.interactive.javascript import emit
assert arsinh(0.7) == math.asinh(0.7) == jit(arsinh, exact=True)(0.7)
assert Value(0.7).arsinh().data == arsinh(0.7)
assert abs(jit(arsinh)(0.7) - arsinh(0.7)) < 1e-15
assert "asinh(" in to_c(arsinh, 0.5)
assert 'forward["arsinh"] = Math.asinh;' in emit([("arsinh", 1)])
"""


@pytest.fixture
def run(tmp_path):
    """Runs Python on a copy of the repository, with a primitive more."""
    for folder in ("autograd_engine", "nn", "tests/laws"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests" / "__init__.py").touch()
    for file, line in ADDED:
        with (tmp_path / file).open("a", encoding="utf-8") as text:
            text.write(line + "\n")

    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_primitive_takes_four_files():
    assert len({file for file, _ in ADDED}) == len(ADDED) == 4


def test_every_back_end_has_the_primitive(run):
    assert run("-c", EVERY_BACK_END) == (0, "")


def test_the_laws_hold_for_the_primitive(run):
    laws = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/laws/test_primitives.py", "-k", "arsinh")
    code, output = run(*laws)
    assert code == 0, output
    assert int(re.search(r"(\d+) passed", output)[1]) >= 10, output


def test_the_page_names_files_that_exist():
    for file in re.findall(r"`([\w/]+\.py)`", PAGE.read_text(encoding="utf-8")):
        assert (ROOT / file).is_file(), file
