"""What is promised about the packages as a whole."""

import importlib
import pkgutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import autograd_engine
import nn

ROOT = Path(__file__).parent.parent
EXTRAS = ["cyclopts", "graphviz", "llvmlite", "matplotlib", "pygraphviz", "rich", "safetensors", "scipy", "sklearn"]
# The reading order: each module imports only from those before it.
ORDER = [
    "primitives",
    "number_arrays",
    "expressions",
    "graph",
    "backward",
    "copying",
    "value",
    "structure",
    "derivatives",
    "differences",
    "check",
    "files",
    "draw",
    "explanations",
    "diagnosis",
    "interactive",
    "mapping",
    "compiler",
]


@pytest.mark.parametrize("package", ["autograd_engine", "nn"])
def test_import_is_light(package):
    program = f"import sys, {package}; print([name for name in {EXTRAS!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("package", [autograd_engine, nn], ids=lambda package: package.__name__)
def test_every_public_name_is_there_and_documented(package):
    for name in package.__all__:
        thing = getattr(package, name)
        if callable(thing):
            assert thing.__doc__, name
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        assert importlib.import_module(module.name).__doc__, module.name


def test_modules_import_only_what_comes_before_them():
    for i, name in enumerate(ORDER):
        path = ROOT / "autograd_engine" / name
        files = sorted(path.glob("*.py")) or [path.with_suffix(".py")]  # a module may be a package
        for line in "\n".join(file.read_text(encoding="utf-8") for file in files).splitlines():
            if line.startswith("from autograd_engine"):  # "from autograd_engine.graph import …" or "… import graph"
                words = line.replace(".", " ").split()
                imported = {word.strip(",") for word in words[3:]} if words[2] == "import" else {words[2]}
                assert imported <= set(ORDER[: i + path.is_dir()]), f"{name}: {line}"


def test_importing_everything_hides_no_builtin():
    names: dict[str, object] = {}
    exec("from autograd_engine import *", names)
    assert not {"sum", "abs", "round", "pow", "max", "min"} & names.keys()
    assert "tanh" in names


def test_the_top_level_holds_what_was_agreed():
    expected = {"pyproject.toml", "README.md", "LICENSE", "autograd_engine", "nn", "tests", "notebooks"}
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert expected <= found


def test_version():
    assert version("autograd-engine")
