"""What is promised about the packages as a whole."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import autograd_engine
import nn

ROOT = Path(__file__).parent.parent
EXTRAS = [
    "cyclopts",
    "graphviz",
    "hypothesis",
    "llvmlite",
    "malt",
    "matplotlib",
    "pytest",
    "rich",
    "safetensors",
    "scipy",
]
EXTRAS += ["sklearn", "onnx", "onnxruntime"]
SELDOM = [
    "autograd_engine.check",
    "autograd_engine.compiler",
    "autograd_engine.explanations",
    "nn.onnx_files",
    "tempfile",
]
# The reading order: a module imports only from modules before it, and a package stands after its own.
READING_ORDER = """
autograd_engine: forks installed
autograd_engine.primitives: plain row_functions primitive arithmetic rounding sums reductions exponentials
autograd_engine.primitives: trigonometry special normal gamma beta_functions power_series quadrature
autograd_engine.primitives: incomplete incomplete_beta bessel activations expansions
autograd_engine: primitives graph calls number_arrays numpy_functions numpy_sorting softmax number backward copying
autograd_engine: value rows
autograd_engine: structure arguments constants expressions
autograd_engine: files differences runs sparsity derivatives mapping control_flow custom implicit
autograd_engine.linalg: loops matrices elimination factorisations eigenvalues powers
autograd_engine: linalg given_gradient
autograd_engine.diagnosis: origins
autograd_engine: slopes check roundings series complex_numbers clear_numbers labels graph_parts draw
autograd_engine.explanations: symbols notation mathml names results chain_rule tidy statements formula steps wording
autograd_engine.explanations: mistakes tasks explain exercise
autograd_engine: explanations
autograd_engine.diagnosis: rewrites as_python matching causes trials value_paths gradient_paths lost_digits why debug
autograd_engine: diagnosis testing pytest_plugin
autograd_engine.interactive: javascript printing sheet
autograd_engine: interactive
autograd_engine.compiler: library apart
autograd_engine.compiler.trace: errors traced words reductions arrays array_trace stacks indices results slopes loops
autograd_engine.compiler.trace: segments masks items gathering looped
autograd_engine.compiler.trace: recorder
autograd_engine.compiler.trace: blocks matrices sparse
autograd_engine.compiler: trace arguments
autograd_engine.compiler.statements: conditions tables views contents choice twins cases iterables indices memory
autograd_engine.compiler.statements: repeat operators calls pure
autograd_engine.compiler.statements: paths source conversion rewrite
autograd_engine.compiler: statements
autograd_engine.compiler.program: program regions choices rules bodies simplify build listing traced_function
autograd_engine.compiler: program
autograd_engine.compiler.llvm: host builder instructions vector_math calls lower layout order packs rows
autograd_engine.compiler.llvm: products memory helpers stacks lanes abreast straight body rounds loops product_loops
autograd_engine.compiler.llvm: modules cache native executable entry turns
autograd_engine.compiler: llvm kernel jit
autograd_engine.compiler.c: forms statements functions file export
autograd_engine.compiler: c
autograd_engine: compiler nlp ranks
autograd_engine.bridges: function torch jax pointers vectorized
autograd_engine: bridges
autograd_engine
nn: extras checks tensor_files initializers schedules optimizer optimizers losses grids modules perceptrons
nn: convolution units recurrent flat_function minimize least_squares
nn.plots: style functions predictions progress
nn: plots
nn.training: progress history accuracy clipping early_stopping samples steps recordings random_sources random_draws
nn.training: checkpoints symbolic_copy compiled epochs spread fit
nn: training csv_tables datasets saving json_text
nn: onnx_operators onnx_bodies onnx_forms onnx_files
nn.sklearn: samples function_regressor perceptrons
nn: sklearn
nn
nn.playground: layout data kinds settings lessons engine training frames inspection words script
nn.playground: landscape session server
nn: playground
nn.command_line: terminal options ranks output assignments descent_picture networks predictor results report
nn.command_line: minimize explain topics exercises playground predict train commands main entry
nn: command_line
autograd_engine: __main__
"""
ORDER = [
    f"{package}.{name}" if name else package
    for package, _, names in (line.partition(": ") for line in READING_ORDER.split("\n") if line)
    for name in names.split() or [""]
]


@pytest.mark.parametrize("package", ["autograd_engine", "nn"])
def test_import_is_light(package):
    program = f"import sys, {package}; print([name for name in {EXTRAS + SELDOM!r} if name in sys.modules])"
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


def test_no_module_takes_the_name_of_what_is_imported_later():
    modules = {module.name for module in pkgutil.iter_modules(autograd_engine.__path__)}
    assert not modules & set(autograd_engine._LATER)  # importing the module would put it in the place of the function


def files() -> dict[str, Path]:
    """The files of both packages by the names of their modules."""
    paths = [path for package in ("autograd_engine", "nn") for path in (ROOT / package).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imported(source: str) -> list[str]:
    """The modules of both packages that a module imports: at its top, inside of functions, and for types only."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name their package"
            submodules = [f"{node.module}.{name.name}" for name in node.names]  # or names that are no modules
            found += [name if name in ORDER else str(node.module) for name in submodules]
    return [name for name in found if name.partition(".")[0] in ("autograd_engine", "nn")]


def climbing(module: str, source: str) -> list[str]:
    """The modules that a module imports although they do not come before it."""
    return [name for name in imported(source) if name not in ORDER[: ORDER.index(module)]]


def test_the_reading_order_names_every_module_once():
    assert set(ORDER) == files().keys()
    assert len(ORDER) == len(set(ORDER))


@pytest.mark.parametrize("module", sorted(files()))
def test_modules_import_only_what_comes_before_them(module):
    source = files()[module].read_text(encoding="utf-8")
    assert climbing(module, source) == []


@pytest.mark.parametrize(
    "source",
    [
        "from autograd_engine.value import Value",
        "from autograd_engine import value",
        "import autograd_engine.value",
        "def f():\n    from autograd_engine.value import Value",
        "if TYPE_CHECKING:\n    from autograd_engine import value as v",
        "def f():\n    import autograd_engine",
        "from autograd_engine.graph import reverse_sweep",
    ],
)
def test_an_import_that_climbs_is_found_wherever_it_stands(source):
    assert climbing("autograd_engine.graph", source)
    assert not climbing("nn.modules", source)


@pytest.mark.parametrize(
    ("folder", "most"), [("autograd_engine", 450), ("autograd_engine/primitives", 200), ("nn", 450)]
)
def test_every_file_of_the_packages_can_be_read_at_a_sitting(folder, most):
    paths = [path for path in (ROOT / folder).rglob("*.*") if path.suffix in {".py", ".js", ".css", ".html"}]
    lengths = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n") for path in paths}
    assert {path: lines for path, lines in lengths.items() if lines > most} == {}


def test_importing_everything_hides_no_builtin():
    names: dict[str, object] = {}
    exec("from autograd_engine import *", names)
    assert not {"sum", "abs", "round", "pow", "max", "min"} & names.keys()
    assert "tanh" in names


def test_the_top_level_holds_what_was_agreed():
    expected = {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "docs",
        "autograd_engine",
        "nn",
        "tests",
        "notebooks",
    }
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert expected <= found


def test_the_package_runs_as_the_command():
    done = subprocess.run([sys.executable, "-m", "autograd_engine", "--version"], capture_output=True, encoding="utf-8")
    assert (done.stdout, done.stderr) == (f"autograd-engine {autograd_engine.__version__}\n", "")
