"""The application: the commands `train`, `predict`, `minimize`, `explain`, `exercises` and `playground`, each from its
own file.

The options of a command are a dataclass, in which a field is at once a flag, its help text and its validation.
"""

from __future__ import annotations

from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from autograd_engine import __version__
from autograd_engine.expressions import ExpressionError
from nn.command_line.exercises import exercises
from nn.command_line.explain import explain
from nn.command_line.minimize import minimize
from nn.command_line.options import CommandError
from nn.command_line.output import LenientConsole
from nn.command_line.playground import playground
from nn.command_line.predict import predict
from nn.command_line.train import train
from nn.datasets import DataError
from nn.extras import MissingExtraError
from nn.tensor_files import ModelFileError

USER_ERRORS = (CycloptsError, CommandError, DataError, ExpressionError, MissingExtraError, ModelFileError)


def _examples(*commands: str) -> str:
    return "\n".join(["Examples:", "```", *(f"autograd-engine {command}" for command in commands), "```"])


EXPLAIN = 'explain "exp(x*y) + sin(x)" x=1.5 y=0.5'
MINIMIZE = 'minimize "(x - 5)**2" x=0 --lr 0.25'
CSV = "train tests/data/flowers.csv --target species --out flowers"

app = App(
    name="autograd-engine",
    help="Scalar values that know their derivatives: train a small network of them, use it, minimise or explain a "
    "formula.",
    help_epilogue=_examples("train iris", EXPLAIN, MINIMIZE),
    version=f"autograd-engine {__version__}",
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
    result_action="return_value",
    exit_on_error=False,
    print_error=False,
    console=LenientConsole(),
)
app.command(train, help_epilogue=_examples("train iris", "train digits --model conv --epochs 3", CSV))
app.command(predict, help_epilogue=_examples("predict flowers/model.safetensors tests/data/new-flowers.csv"))
app.command(
    minimize,
    usage="Usage: autograd-engine minimize [OPTIONS] FORMULA START...",
    help_epilogue=_examples(MINIMIZE, 'minimize "(x - 1)**2 + cosh(y)" x=0 y=2 --out path.svg'),
)
app.command(
    explain,
    usage="Usage: autograd-engine explain [OPTIONS] FORMULA VALUE...",
    help_epilogue=_examples(EXPLAIN, 'explain "sigmoid(w*x + b)" w=0.5 x=2 b=-1 --svg neuron.svg'),
)
app.command(
    exercises,
    usage="Usage: autograd-engine exercises [OPTIONS] TOPIC... | FORMULA VALUES...",
    help_epilogue=_examples("exercises chain --sheets 30", 'exercises "sigmoid(w*x)" w=0.5,1 x=2,3 --out sheet.ipynb'),
)
app.command(playground, help_epilogue=_examples("playground", "playground --port 0 --no-browser"))
app.register_install_completion_command(help="Let bash, zsh, fish or PowerShell complete commands and options.")


def run(arguments: Sequence[str]) -> int:
    """Run the command in `arguments` and return the exit code. Raises `USER_ERRORS` and OSError."""
    with app.console:  # writes help as a whole: who reads one line of it, as `head -1` does, breaks no pipe
        code = app(list(arguments))
    return code if isinstance(code, int) else 0
