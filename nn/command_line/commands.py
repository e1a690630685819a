"""The commands `train`, `predict`, `minimize`, `explain` and `playground`, a file for each.

The options of a command are a dataclass; a field of it is at once a flag, its help and its validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import safetensors  # noqa: F401 - where it is missing, that is said before a training and not after it
from cyclopts import App, CycloptsError, Parameter

from autograd_engine.expressions import ExpressionError
from nn.command_line import explain, minimize, playground, predict, train
from nn.command_line.options import CommandError
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
app.command(train.train)
app.command(predict.predict)
app.command(minimize.minimize, usage="Usage: autograd-engine minimize [OPTIONS] FORMULA START...")
app.command(explain.explain, usage="Usage: autograd-engine explain [OPTIONS] FORMULA VALUE...")
app.command(playground.playground)


def run(arguments: Sequence[str]) -> int:
    """Run the command in `arguments` and return the exit code. Raises `USER_ERRORS` and OSError."""
    code = app(list(arguments))
    return code if isinstance(code, int) else 0
