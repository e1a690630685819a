"""The command `train`: from a data set to a trained network, its figures of merit and its pictures."""

import math
import re
import shlex
import signal
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from cyclopts import Parameter, Token
from rich.table import Table

import nn.datasets as datasets
from nn.command_line.networks import Recipe, convolutional, perceptron, recipe
from nn.command_line.options import (
    DATA,
    DESCENT,
    FLAG,
    NETWORK,
    RESULTS,
    CommandError,
    DescentOptions,
    Fraction,
    OptimizerName,
    at_least,
    with_hints,
)
from nn.command_line.output import console, left_out, table, warn
from nn.command_line.predictor import Predictor
from nn.command_line.ranks import all_processes, first_does, rank, together
from nn.command_line.report import MERITS, drawings, figures, judge
from nn.command_line.results import CHECKPOINT, METRICS, MODEL, Results, metrics
from nn.csv_tables import Missing
from nn.datasets import CellError, DataError, Dataset, Standardisation
from nn.extras import extra
from nn.losses import binary_cross_entropy_with_logits, cross_entropy, mean_squared_error
from nn.modules import ACTIVATIONS, Module
from nn.optimizers import OPTIMIZERS
from nn.tensor_files import ModelFileError, is_checkpoint
from nn.training.accuracy import accuracy
from nn.training.fit import fit
from nn.training.history import History
from nn.training.samples import Loss
from nn.training.steps import Accuracy
from nn.units import Sequential


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
    """The options of `train`. None means what suits the data set."""

    target: Annotated[str | None, DATA] = None
    """Column of the CSV file to predict (default: the last)."""
    task: Annotated[Literal["auto", "classification", "regression"], DATA] = "auto"
    """What the target is. auto: regression if its cells are numbers, unless they are at most 20 different whole
    numbers."""
    ignore: Annotated[tuple[str, ...], Parameter(show_default=False, metavar="COLUMN"), DATA] = ()
    """Column of the CSV file to leave out, such as a name or a number of the row; may be given several times."""
    missing: Annotated[Missing | None, DATA] = None
    """What to do with missing cells of the CSV file: drop leaves their rows out, mean fills in the mean of the training
    rows."""
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
    test part stays the same; where rows have changed, a warning says that the network has learned some of it. With a
    checkpoint, and otherwise the same command, go on where that training was, as if it had not ended."""
    optimizer: Annotated[OptimizerName, DESCENT] = "adam"  # type: ignore[valid-type]
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
    """Stop after that many epochs without a new lowest loss on a validation part, a fifth of the training part, and
    keep the weights of the best epoch."""
    checkpoint_every: Annotated[int | None, at_least(1), RESULTS] = None
    """Write a checkpoint every N epochs, from which --resume goes on bit for bit, even if train was killed."""
    seed: Annotated[int, at_least(0), RESULTS] = 0
    """Of the split, the first weights and the order of the samples: the same seed gives the same files."""
    out: Annotated[Path | None, RESULTS] = None
    """Directory for the results (default: runs/NAME)."""
    quiet: Annotated[bool, FLAG, RESULTS] = False
    """Print nothing but errors."""

    @property
    def ask_for_a_network(self) -> bool:
        """Whether an option describes the network."""
        return (self.model, self.hidden, self.channels, self.activation) != (None,) * 4

    @property
    def judged_by(self) -> str:
        """The part of the data that is judged after each epoch."""
        return "test" if self.early_stopping is None else "validation"


LR = {"sgd": 0.1, "adagrad": 0.1, "rmsprop": 0.01}
DEFAULT_LR = 0.03
VALIDATION_FRACTION = 0.2
PURPOSES = {"train": "train", "validation": "validate", "test": "test"}


def train(data: str, /, options: TrainOptions | None = None) -> int:
    """Train a network on a data set, show how good it is, and write the model, metrics and pictures.

    A part of the samples is held out as a test part. Ctrl-C ends the training and keeps what was learned. Processes
    that mpiexec starts train together, and the first of them prints and writes.

    Parameters
    ----------
    data
        iris, breast_cancer, digits, moons, xor, or a CSV file with a header.
    """
    with extra("train"):
        import safetensors  # noqa: F401 - where it is missing, that is said before a training and not after it

    options = options or TrainOptions()
    screen = console(quiet=options.quiet or rank() > 0)
    with all_processes() as comm, ExitStack() as written:
        if comm is not None and options.no_jit:
            raise CommandError("--no-jit: what several processes train is always compiled")
        plan, parts = first_does(comm, lambda: _prepared(data, options))
        predictor, epochs, batch_size = plan.predictor, plan.epochs, plan.batch_size
        training, held_out = (_spread(comm, predictor, parts, name) for name in ("train", options.judged_by))
        with together(comm):
            model, batches = predictor.model, math.ceil(len(training[0]) / batch_size)
            lr = options.lr or LR.get(options.optimizer, DEFAULT_LR)
            rate = options.rate(epochs * batches, lr, options.warm_up * batches)
            optimizer = OPTIMIZERS[options.optimizer](model.parameters(), rate)
            results = Results(options.out or Path("runs", Path(data).stem), screen)
            if rank() == 0:
                written.enter_context(results)
            screen.print(plan.summary)
            screen.print(f"{model}\n{options.described(lr)}, {epochs} {'epoch' if epochs == 1 else 'epochs'}\n")
            loss, right = _criteria(predictor)

        history = fit(
            model,
            *training,
            loss,
            optimizer,
            epochs=epochs,
            batch_size=batch_size,
            validation=held_out,
            early_stopping=options.early_stopping,
            accuracy=right,
            seed=options.seed,
            progress=False if options.quiet else None,
            jit=False if options.no_jit else None,
            checkpoint=results.path / CHECKPOINT if options.checkpoint_every else None,
            checkpoint_every=options.checkpoint_every or 1,
            resume=plan.checkpoint,
            comm=comm,
        )
        if not all(np.isfinite(array).all() for array in model.arrays().values()):
            raise CommandError(f"the training diverged, parameters became inf or nan: lower --lr, which was {lr:g}")
        ended = 128 + signal.SIGINT if history.interrupted else 0
        if parts is None:
            return ended

        results.save(predictor)  # first, so that no later failure loses what was learned
        name = options.judged_by
        judged = {part: judge(predictor, samples, loss) for part, samples in parts.items()}
        # Drawn before anything is printed, so that messages of Graphviz do not appear amid the results.
        pictures = figures(predictor, {"train": history.loss, name: history.validation_loss}, parts["test"])
        try:
            pictures |= drawings(predictor, parts["test"], loss)
        except RuntimeError as error:  # there is no Graphviz
            warn(error)
        screen.print(_table(judged))
        screen.print(f"\n{_ended(history, epochs)} Written:")
        results.show(MODEL)
        results.write({METRICS: metrics(history, name, judged)})
        results.write(pictures)
        return ended


class _Plan(NamedTuple):
    """What every process has to know of a training, besides the samples."""

    predictor: Predictor
    epochs: int
    batch_size: int
    checkpoint: Path | None
    summary: str


def _prepared(data: str, options: TrainOptions) -> tuple[_Plan, dict[str, Dataset]]:
    """The plan of a training and the parts of its data."""
    dataset = _dataset(data, options)
    checkpoint = options.resume if options.resume is not None and is_checkpoint(options.resume) else None
    resumed = None if options.resume is None or checkpoint else Predictor.load(options.resume)
    kind = options.model or ("conv" if resumed and resumed.image_shape else "mlp")
    usual = recipe(dataset, kind)
    if resumed:
        _check(resumed, dataset, kind, usual, options)
    split_seed = resumed.split_seed if resumed else options.seed
    test_fraction = resumed.test_fraction if resumed else options.test_fraction or datasets.TEST_FRACTION
    parts = _parts(dataset, split_seed, test_fraction, validation=options.judged_by == "validation")
    if resumed:
        predictor = _warned(resumed, dataset, options)
    else:
        network = _network(dataset, kind, usual, options)
        predictor = _predictor(network, parts["train"], split_seed, test_fraction, dataset.fingerprint())
    parts = {part: replace(samples, X=predictor.filled(samples.X)) for part, samples in parts.items()}
    epochs, batch_size = options.epochs or usual.epochs, options.batch_size or usual.batch_size
    return _Plan(predictor, epochs, batch_size, checkpoint, _summary(dataset, parts)), parts


def _spread(comm: Any, predictor: Predictor, parts: Mapping[str, Dataset] | None, name: str) -> tuple[Any, Any]:
    """The inputs and targets of a part of the data, which the first process has, as `fit` takes them."""
    arrays = (None, None) if parts is None else (predictor.inputs(parts[name].X), predictor.targets(parts[name].y))
    if comm is None:
        return arrays
    from nn.training.spread import Scattered  # which imports the compiler

    return Scattered(comm, arrays[0]), Scattered(comm, arrays[1])


def _dataset(data: str, options: TrainOptions) -> Dataset:
    """The named data set, or the CSV file where `data` looks like one."""
    if datasets.is_file(data):
        try:
            return datasets.read_csv(data, options.target, options.task, options.ignore, options.missing)
        except CellError as error:
            ignore = f"; --ignore {shlex.quote(error.column)} leaves the column out" if error.is_feature else ""
            raise DataError(f"{with_hints(error)}{ignore}") from None
    if options.target is not None or options.task != "auto" or options.ignore or options.missing:
        raise DataError(f"--target, --task, --ignore and --missing are for CSV files, and {data!r} is not one")
    return datasets.load(data)


def _parts(dataset: Dataset, seed: int, test_fraction: float, *, validation: bool) -> dict[str, Dataset]:
    """The data set in parts, in the order in which they are shown."""
    training, test = datasets.split(dataset, seed, test_fraction)
    if not validation:
        return {"train": training, "test": test}
    try:
        training, held_out = datasets.split(training, seed, VALIDATION_FRACTION)
    except DataError as error:
        why = "besides those of the test part, since --early-stopping holds out a validation part as well"
        raise DataError(f"{error}, {why}") from None
    return {"train": training, "validation": held_out, "test": test}


def _network(dataset: Dataset, kind: str, usual: Recipe, options: TrainOptions) -> Module:
    """The network that the options ask for. Raises CommandError if it does not suit the data."""
    hidden = usual.hidden if options.hidden is None else options.hidden
    if kind == "conv":
        if dataset.image_shape is None:
            raise CommandError(f"--model conv is for images, such as the data set digits; {dataset.name} holds none")
        return convolutional(dataset, options.channels or 8, hidden, options.activation or "relu", options.seed)
    if options.channels is not None:
        raise CommandError("--channels is for --model conv")
    return perceptron(dataset, hidden, options.activation or "tanh", options.seed)


def _predictor(model: Module, training: Dataset, split_seed: int, test_fraction: float, fingerprint: str) -> Predictor:
    """The network with the scales and names of its training data."""
    return Predictor(
        model,
        Standardisation.of(training.X),
        None if training.class_names else Standardisation.of(training.y[:, None].astype(np.float64)),
        training.feature_names,
        training.target_name,
        training.class_names,
        training.image_shape if isinstance(model, Sequential) else None,
        split_seed,
        test_fraction,
        fingerprint,
        training.categories,
    )


def _check(predictor: Predictor, dataset: Dataset, kind: str, usual: Recipe, options: TrainOptions) -> None:
    """Raise ModelFileError if the predictor to go on with does not fit the data or the options."""
    for what, its, ours in (
        ("features", predictor.feature_names, dataset.feature_names),
        ("target", (predictor.target_name,), (dataset.target_name,)),
        ("classes", predictor.class_names, dataset.class_names),
    ):
        if its != ours:
            raise ModelFileError(
                f"{options.resume}: the model has the {what} {_listed(its)}, but {dataset.name} has {_listed(ours)}"
            )
    if options.test_fraction not in (None, predictor.test_fraction):
        was = f"{options.resume} was trained with {predictor.test_fraction:g}, and its test part stays the same"
        raise CommandError(f"--test-fraction {options.test_fraction:g}: {was}")
    if options.ask_for_a_network:
        asked = _network(dataset, kind, usual, options)
        if repr(asked) != repr(predictor.model):
            found, wanted = (" ".join(repr(model).split()) for model in (predictor.model, asked))
            raise ModelFileError(f"{options.resume}: the model is {found}, but the options ask for {wanted}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "") if names else "none"


def _warned(predictor: Predictor, dataset: Dataset, options: TrainOptions) -> Predictor:
    """The predictor to go on with. If it has learned from other rows, no test part can be trusted from now on."""
    if predictor.fingerprint == dataset.fingerprint():
        return predictor
    learned = f"the model was not trained on these very rows of {dataset.name} in this order"
    warn(f"{options.resume}: {learned}, so the test part holds some that it has learned and looks too good")
    return replace(predictor, fingerprint="")


def _summary(dataset: Dataset, parts: dict[str, Dataset]) -> str:
    target = f"{len(dataset.class_names)} classes" if dataset.class_names else "a number as target"
    sizes = ", ".join(f"{len(part.X)} to {PURPOSES[name]}" for name, part in parts.items())
    lines = [f"{dataset.name}: {len(dataset.X)} samples ({sizes}), {len(dataset.feature_names)} features, {target}"]
    for column, texts in dataset.categories.items():
        lines.append(f"column {column!r} holds texts: a feature, 0 or 1, for each of {', '.join(texts)}")
    lines += left_out(dataset.dropped, dataset.without_target)
    if gaps := int(np.isnan(dataset.X).any(axis=1).sum()):
        have = "sample has" if gaps == 1 else "samples have"
        lines.append(f"{gaps} {have} missing cells, filled in with the mean of those to train")
    return "\n".join(lines)


def _table(judged: Mapping[str, Mapping[str, float]]) -> Table:
    """The figures of merit, a row for each part of the data."""
    rows = [(part, *(MERITS[name].shown(number) for name, number in merits.items())) for part, merits in judged.items()]
    return table(("", *(MERITS[name].label for name in judged["test"])), rows)


def _criteria(predictor: Predictor) -> tuple[Loss, Accuracy | None]:
    """The loss of one sample, and the accuracy (None for regression)."""
    if not predictor.class_names:
        return mean_squared_error, None
    return binary_cross_entropy_with_logits if predictor.n_outputs == 1 else cross_entropy, accuracy


def _ended(history: History, epochs: int) -> str:
    """How long the training took, and why it ended early if it did."""
    seen, best = len(history.loss), ""
    if history.best_epoch is not None:
        best = f" The weights are those of epoch {history.best_epoch}, which had the lowest validation loss."
    if history.interrupted:
        return f"Interrupted after {seen} of {epochs} epochs; what was learned so far is kept.{best}"
    ended = f"Stopped early after {seen} of {epochs} epochs" if seen < epochs else "Trained"
    return f"{ended} for {history.seconds:.1f} s.{best}"
