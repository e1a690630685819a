"""The options of the command `train`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter, Token

from nn.commands.options import DATA, DESCENT, FLAG, NETWORK, RESULTS, DescentOptions, Fraction, OptimizerName, at_least
from nn.modules import ACTIVATIONS


def _widths(_: Any, tokens: Sequence[Token]) -> tuple[int, ...]:
    text = tokens[0].value
    if text == "none":
        return ()
    if not re.fullmatch(r"0*[1-9]\d{0,8}(,0*[1-9]\d{0,8})*", text):
        raise ValueError(f'{text!r} are no widths; write them with commas, such as 16,16, or "none"')
    return tuple(map(int, text.split(",")))


def _activation(_: Any, name: str | None) -> None:
    if name is not None and name not in ACTIVATIONS:
        raise ValueError(f"choose from {', '.join(ACTIVATIONS)}")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TrainOptions(DescentOptions):
    """The options of `train`. None stands for what suits the data set."""

    target: Annotated[str | None, DATA] = None
    """Column of the CSV file to predict (default: the last)."""
    task: Annotated[Literal["auto", "classification", "regression"], DATA] = "auto"
    """What the target is. auto: regression if its cells are numbers, unless they are at most 20 different whole
    numbers."""
    ignore: Annotated[tuple[str, ...], Parameter(show_default=False, metavar="COLUMN"), DATA] = ()
    """Column of the CSV file to leave out, such as a name or a number of the row; may be given several times."""
    test_fraction: Annotated[Fraction | None, DATA] = None
    """Share of the samples to hold out as a test part (default: 0.3)."""
    model: Annotated[Literal["mlp", "conv"] | None, NETWORK] = None
    """mlp: a multi-layer perceptron; conv: a convolution and a pooling before it, for images (default: mlp)."""
    hidden: Annotated[tuple[int, ...] | None, Parameter(converter=_widths, n_tokens=1, metavar="N,N,..."), NETWORK] = (
        None
    )
    """Widths of the hidden layers, such as 16,16; none for no hidden layer (default: by data set)."""
    channels: Annotated[int | None, at_least(1), NETWORK] = None
    """Channels of the convolution (default: 8)."""
    activation: Annotated[str | None, Parameter(validator=_activation), NETWORK] = None
    """Activation function: relu, tanh, sigmoid, ... (default: tanh for mlp, relu for conv)."""
    resume: Annotated[Path | None, NETWORK] = None
    """Go on with the network in this file, which train has written from the same kind of data. On the same file the
    test part stays the same; where rows have changed, a warning says that the network has learned some of it."""
    optimizer: Annotated[OptimizerName, DESCENT] = "adam"
    """How to use the gradients. sgd is plain gradient descent, momentum and nesterov are sgd with a momentum of 0.9."""
    warm_up: Annotated[int, at_least(0), DESCENT] = 0
    """Number of epochs in which the learning rate first rises to --lr."""
    epochs: Annotated[int | None, at_least(1), DESCENT] = None
    """How often to go through the training data (default: by data set)."""
    batch_size: Annotated[int | None, at_least(1), DESCENT] = None
    """Samples per step (default: by data set)."""
    no_jit: Annotated[bool, FLAG, DESCENT] = False
    """Do not compile the training where that would pay. The results are the same up to rounding."""
    early_stopping: Annotated[int | None, at_least(1), DESCENT] = None
    """Stop after so many epochs without a new lowest loss on a validation part, a fifth of the training part, and
    keep the weights of the best epoch."""
    seed: Annotated[int, at_least(0), RESULTS] = 0
    """Of the split, the first weights and the order of the samples: the same seed gives the same files."""
    out: Annotated[Path | None, RESULTS] = None
    """Directory for the results (default: runs/NAME)."""
    quiet: Annotated[bool, FLAG, RESULTS] = False
    """Print nothing but errors."""

    @property
    def ask_for_a_network(self) -> bool:
        """Whether an option says what the network is to be."""
        return (self.model, self.hidden, self.channels, self.activation) != (None,) * 4
