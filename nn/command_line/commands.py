"""The application: the commands `train`, `predict`, `minimize`, `explain` and `playground`, each from its own file.

The options of a command are a dataclass, in which a field is at once a flag, its help text and its validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import safetensors  # noqa: F401 - where it is missing, that is said before a training and not after it
from cyclopts import App, CycloptsError, Parameter

from autograd_engine.expressions import ExpressionError
from nn.command_line.explain import explain
from nn.command_line.minimize import minimize
from nn.command_line.options import CommandError
from nn.command_line.playground import playground
from nn.command_line.predict import predict
from nn.command_line.train import train
from nn.datasets import DataError
from nn.saving import ModelFileError

USER_ERRORS = (CycloptsError, CommandError, DataError, ExpressionError, ModelFileError)

app = App(
    name="autograd-engine",
    help="Scalar values that know their derivatives: train a small network of them, use it, minimise or explain a "
    "formula.",
    version=lambda: f"autograd-engine {version('autograd-engine')}",
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
    result_action="return_value",
    exit_on_error=False,
    print_error=False,
)
app.command(train)
app.command(predict)
app.command(minimize, usage="Usage: autograd-engine minimize [OPTIONS] FORMULA START...")
app.command(explain, usage="Usage: autograd-engine explain [OPTIONS] FORMULA VALUE...")
app.command(playground)


def run(arguments: Sequence[str]) -> int:
    """Run the command in `arguments` and return the exit code. Raises `USER_ERRORS` and OSError."""
    code = app(list(arguments))
    return code if isinstance(code, int) else 0
