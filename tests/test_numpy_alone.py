"""Where only NumPy can be imported, as in a browser (Pyodide), all works but native code and pictures."""

import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

BLOCK = """\
import sys
from importlib.metadata import packages_distributions
for name in packages_distributions().keys() - {"numpy", "autograd_engine", "nn"}:
    sys.modules[name] = None
from autograd_engine import *
x = Value(2.0, label="x")
y = x * x * exp(-x)
"""


@pytest.fixture
def run(tmp_path):
    """What a program prints that can import nothing but the standard library, NumPy and these packages."""

    def printed(program: str) -> str:
        file = tmp_path / "program.py"  # jit reads the source of functions
        file.write_text(BLOCK + program)
        done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return printed


def test_the_engine_explanations_and_pages(run):
    printed = run(
        "from autograd_engine import linalg\n"
        "y.backward()\n"
        "print(x.grad == grad(lambda x: x * x * exp(-x))(2.0), hessian(lambda p: p[0] * p[1])([3.0, 5.0]))\n"
        "print(explain(y, x) != '', steps(y) != '', '<html' in to_html(y), why(y) != '')\n"
        "print(bool(check_gradients(exp, 1.0)))\n"
        "print(linalg.det([[x, 1.0], [1.0, x]]).data, y._repr_svg_())\n"
    )
    assert printed == "True [[0.0, 1.0], [1.0, 0.0]]\nTrue True True True\nTrue\n3.0 None\n"


def test_networks(run):
    printed = run(
        "import numpy as np, nn\n"
        "X = np.linspace(-1.0, 1.0, 300).reshape(-1, 2)\n"
        "model = nn.MLP(2, [4, 1], seed=1)\n"
        "fitted = nn.fit(model, X, X.sum(axis=1), nn.squared_error, nn.Adam(model.parameters(), lr=0.01), epochs=20)\n"
        "print(fitted.loss[-1] < fitted.loss[0], fitted.jit, fitted.jit_reason)\n"
        "print(nn.minimize(lambda x: (x - 3) ** 2, 0.0).reason)\n"
    )
    assert printed == "True False ImportError: jit=True needs llvmlite: pip install llvmlite\nconverged\n"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ("jit(exp)(1.0)", "ImportError: jit() needs llvmlite: pip install llvmlite"),
        ("to_c(exp, 1.0)", "ImportError: jit() needs llvmlite: pip install llvmlite"),
        (
            "jit(clipped)(1.0)",
            "ImportError: jit() needs diastatic-malt for statements that depend on the arguments: "
            "pip install diastatic-malt",
        ),
        ("draw(y)", "RuntimeError: drawing needs the package graphviz: pip install graphviz"),
        ("to_svg(y)", "RuntimeError: drawing needs the package graphviz: pip install graphviz"),
    ],
)
def test_what_needs_more_says_what(run, call, sentence):
    program = (
        "def clipped(x):\n    return x if x > 0 else 0.0\n"
        f"try:\n    {call}\nexcept Exception as error:\n    print(f'{{type(error).__name__}}: {{error}}')\n"
    )
    assert run(program) == sentence + "\n"


def test_nothing_that_is_not_pure_python_is_required_in_a_browser():
    tomllib = pytest.importorskip("tomllib", reason="the standard library has it since Python 3.11")
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    needed = [Requirement(line) for line in project["dependencies"]]
    found = {of.name for of in needed if of.marker is None or of.marker.evaluate({"sys_platform": "emscripten"})}
    assert found == {"cyclopts", "graphviz", "numpy", "rich"}
