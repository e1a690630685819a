"""Laws of checkpoints: a training goes on as if it had never ended, or says why it cannot."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograd_engine import Value
from nn import (
    SGD,
    Activation,
    Adam,
    BatchNorm,
    Dropout,
    History,
    Linear,
    ModelFileError,
    Module,
    Optimizer,
    Sequential,
    accuracy,
    binary_cross_entropy_with_logits,
    cosine_annealing,
    fit,
    l2_penalty,
    load,
    save,
    squared_error,
)
from nn.optimizers import OPTIMIZERS
from nn.training.random_sources import random_state, set_random_state

X = np.random.default_rng(0).normal(size=(20, 3))
Y = (X[:, 0] > 0) * 1.0
EPOCHS = 9


class EndedError(Exception):
    """The training ends here."""


def network() -> Sequential:
    return Sequential(
        Linear(3, 4, seed=1), Dropout(0.3, seed=2), BatchNorm(4), Activation("tanh"), Linear(4, 1, seed=3)
    )


def run(
    build: Callable[[], Module] = network,
    optimize: Callable[[Any], Optimizer] = lambda parameters: Adam(parameters, lr=cosine_annealing(0.05, 200)),
    end_after: int | None = None,
    **options: Any,
) -> tuple[list[Any], History]:
    """A training from its beginning: all the bits that it leaves behind, and its history."""
    model = build()
    optimizer = optimize(model.parameters())

    def end(history: History) -> None:
        if len(history.loss) == end_after:
            raise EndedError

    settings: dict[str, Any] = {
        "X": X,
        "y": Y,
        "loss": binary_cross_entropy_with_logits,
        "batch_size": 6,
        "validation": (X[:5], Y[:5]),
        "accuracy": accuracy,
        "epochs": EPOCHS,
        "seed": 5,
        "jit": False,
        "callback": None if end_after is None else end,
    }
    history = fit(model, optimizer=optimizer, **settings | options)
    arrays = [*model.arrays().values(), *optimizer.state_dict().values()]
    figures = [history.loss, history.accuracy, history.validation_loss, history.validation_accuracy]
    return [np.asarray(x).tobytes() for x in (*arrays, *figures)], history


def interrupted(path: Path, ends: list[int], **options: Any) -> tuple[list[Any], History]:
    """A training that ends after these epochs and goes on each time from its last checkpoint."""
    for end in ends:
        with pytest.raises(EndedError):
            run(end_after=end, checkpoint=path, resume=path if path.exists() else None, **options)
    return run(checkpoint=path, resume=path, **options)


# --- the same bits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jit", [True, False])
@pytest.mark.parametrize("every", [1, 2])
def test_a_training_in_parts_ends_with_the_bits_of_a_whole_one(tmp_path: Path, jit: bool, every: int) -> None:
    expected, _ = run(jit=jit)
    found, history = interrupted(tmp_path / "checkpoint", [3, 4, 8], jit=jit, checkpoint_every=every)
    assert found == expected
    assert history.jit is jit


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_on(tmp_path: Path, name: str) -> None:
    options: dict[str, Any] = {"build": lambda: Linear(3, 1), "optimize": lambda p: OPTIMIZERS[name](p, 0.1)}
    assert interrupted(tmp_path / "checkpoint", [4], **options)[0] == run(**options)[0]


@pytest.mark.parametrize("end", [2, 5, 6])
def test_early_stopping_goes_on_with_its_best_epoch(tmp_path: Path, end: int) -> None:
    options: dict[str, Any] = {
        "build": lambda: Linear(3, 1),
        "optimize": lambda parameters: SGD(parameters, lr=9.0),
        "early_stopping": 5,
        "epochs": 50,
    }
    expected, whole = run(**options)
    assert whole.stopped_early
    found, history = interrupted(tmp_path / "checkpoint", [end], **options)
    assert (found, history.best_epoch, history.stopped_early) == (expected, whole.best_epoch, True)
    again, history = run(resume=tmp_path / "checkpoint", **options)
    assert (again, history.best_epoch, history.stopped_early) == (expected, whole.best_epoch, True)


def test_more_epochs_may_be_asked_for(tmp_path: Path) -> None:
    run(epochs=4, checkpoint=tmp_path / "checkpoint", checkpoint_every=100)
    found, history = run(epochs=7, resume=tmp_path / "checkpoint")
    assert found == run(epochs=7)[0]
    assert history.seconds > 0
    assert run(epochs=2, resume=tmp_path / "checkpoint")[0] == run(epochs=4)[0]


def test_a_training_goes_on_compiled_or_not_as_it_began(tmp_path: Path) -> None:
    for jit in (True, False):
        run(lambda: Linear(3, 1), epochs=2, jit=jit, checkpoint=tmp_path / "checkpoint")
        _, history = run(lambda: Linear(3, 1), epochs=110, jit=None, resume=tmp_path / "checkpoint")
        assert history.jit is jit


def test_parameters_of_the_optimizer_alone_go_on(tmp_path: Path) -> None:
    def options() -> dict[str, Any]:
        scale = Value(1.0)
        return {
            "optimize": lambda parameters: SGD([*parameters, scale], lr=0.1, momentum=0.9),
            "penalty": lambda model: (scale - 3.0) ** 2,
        }

    expected = run(**options())[0]
    with pytest.raises(EndedError):
        run(end_after=4, checkpoint=tmp_path / "checkpoint", **options())
    assert run(resume=tmp_path / "checkpoint", **options())[0] == expected


@pytest.mark.parametrize(
    "make",
    [
        *[lambda kind=kind: np.random.Generator(kind(7)) for kind in (np.random.PCG64, np.random.MT19937)],
        *[lambda kind=kind: np.random.Generator(kind(7)) for kind in (np.random.Philox, np.random.SFC64)],
        lambda: np.random.RandomState(7),
        lambda: random.Random(7),
    ],
)
def test_the_state_of_every_source_of_random_numbers_can_be_written(make: Callable[[], Any]) -> None:
    source, other = make(), make()

    def draw(source: Any) -> list[float]:
        normal = source.gauss if isinstance(source, random.Random) else source.normal
        return [normal(0.0, 1.0) for _ in range(3)]

    draw(source)
    state = json.loads(json.dumps(random_state(source)))
    expected = draw(source)
    set_random_state(other, state)
    assert draw(other) == expected


# --- killed -------------------------------------------------------------------------------------------------------

PROGRAM = """
import os, signal, sys
import numpy as np
from tests.nn.training.test_checkpoints import run
moment, after, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
calls = 0
def kill(*args, **keywords):
    global calls
    calls += 1
    if calls == after:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **keywords)
module, name = {"step": ("numpy", "argsort"), "writing": ("os", "fsync"), "replacing": ("os", "replace")}[moment]
original = getattr(sys.modules[module], name)
setattr(sys.modules[module], name, kill)
def loss(output, target):
    np.argsort([0])
    return (output - target) ** 2
bits, _ = run(loss=loss, epochs=5, checkpoint=path, resume=path if os.path.exists(path) else None)
sys.stdout.buffer.write(b"".join(bits))
"""


def process(moment: str, after: int, path: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", PROGRAM, moment, str(after), str(path)]
    return subprocess.run(command, capture_output=True, check=False, cwd=Path(__file__).parents[3])


NEVER = 10**9


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return process("step", NEVER, tmp_path_factory.mktemp("undisturbed") / "checkpoint").stdout


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
@pytest.mark.parametrize(("moment", "after"), [("step", 110), ("writing", 1), ("writing", 3), ("replacing", 2)])
def test_a_killed_training_goes_on(tmp_path: Path, undisturbed: bytes, moment: str, after: int) -> None:
    """SIGKILL within a step, before a file is whole, and before it takes the place of the last one."""
    killed = process(moment, after, tmp_path / "checkpoint")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(undisturbed) > 500
    assert process("step", NEVER, tmp_path / "checkpoint").stdout == undisturbed


# --- what does not fit --------------------------------------------------------------------------------------------


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"X": X + 1.0}, "on other data"),
    ({"y": 1.0 - Y}, "on other data"),
    ({"validation": (X[:6], Y[:6])}, "on other validation data"),
    ({"validation": None}, "on other validation data"),
    ({"build": lambda: Linear(3, 1)}, r"whose model is 'Sequential\( 0: Linear.*, and not 'Linear\(3 -> 1, 4"),
    (
        {"loss": squared_error},
        "whose loss is '<function binary_cross_entropy_with_logits>', and not '<function squared_error>'",
    ),
    ({"optimize": lambda p: SGD(p, lr=0.05)}, "whose optimizer is 'Adam', and not 'SGD'"),
    ({"optimize": lambda p: Adam(p, lr=0.05)}, r"whose lr is \['cosine_annealing\(lr=0.05, .*, and not \[0.05\]"),
    ({"optimize": lambda p: Adam(p, cosine_annealing(0.05, 9))}, "whose lr is .*200.*, and not .*T_max=9"),
    ({"optimize": lambda p: Adam(p, cosine_annealing(0.05, 200), betas=(0.5, 0.9))}, r"whose betas is \[0.9, 0.999\]"),
    ({"batch_size": 7}, "whose batch_size is 6, and not 7"),
    ({"early_stopping": 3}, "whose early_stopping is None, and not 3"),
    (
        {"penalty": lambda model: l2_penalty(model.parameters())},
        "whose penalty is None, and not '<function .*lambda>>'",
    ),
    ({"accuracy": None}, "whose accuracy is '<function accuracy>', and not None"),
    ({"clip_norm": 1.0}, "whose clip_norm is None, and not 1.0"),
    ({"clip_value": 2}, "whose clip_value is None, and not 2"),
    ({"jit": True}, "whose jit is False, and not True"),
]


def test_a_checkpoint_that_is_no_path_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match=r"^checkpoint must be a str or a Path, got 5$"):
        run(checkpoint=5)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("checkpoints") / "checkpoint"
    run(epochs=2, checkpoint=path)
    return path.read_bytes()


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_a_checkpoint_of_another_training_is_refused(
    tmp_path: Path, content: bytes, change: dict[str, Any], message: str
) -> None:
    path = tmp_path / "checkpoint"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=f"^{path}: the checkpoint is of a training {message}") as error:
        run(resume=path, **change)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == content


class Stubborn(SGD):
    """An optimiser that takes over no state but its own."""

    def load_state_dict(self, state: Any) -> None:
        if state["steps"]:
            raise ValueError("no")


def test_what_does_not_fit_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path, models = tmp_path / "checkpoint", []

    def build() -> Module:
        models.append(network())
        return models[-1]

    options: dict[str, Any] = {"build": build, "optimize": lambda p: Stubborn(p, lr=0.1)}
    run(epochs=2, checkpoint=path, **options)
    with pytest.raises(ModelFileError, match=r"the checkpoint does not fit the training \(no\)$"):
        run(resume=path, **options)
    before = network().arrays()
    assert all((array == before[name]).all() for name, array in models[-1].arrays().items())


def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    model, damaged, checkpoint = tmp_path / "model", tmp_path / "damaged", tmp_path / "checkpoint"
    save(network(), model)
    with pytest.raises(ModelFileError, match=r"a safetensors file, but not a checkpoint of autograd-engine$"):
        run(resume=model)
    checkpoint.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"a safetensors file, but not a model of autograd-engine$"):
        load(checkpoint)
    for kept in (content[:-1], content[:-9] + b"\1" + content[-8:], b""):
        damaged.write_bytes(kept)
        with pytest.raises(ModelFileError, match=r"damaged"):
            run(resume=damaged)
    with pytest.raises(FileNotFoundError):
        run(resume=tmp_path / "missing")


def test_what_cannot_be_written_is_said_before_the_training(tmp_path: Path) -> None:
    model, before = network(), network().arrays()
    optimizer = SGD(model.parameters(), lr=0.1)
    for options, error in (
        ({"checkpoint": tmp_path / "missing" / "file"}, OSError),
        ({"checkpoint": tmp_path / "file", "checkpoint_every": 0}, ValueError),
        ({"checkpoint": tmp_path / "file", "checkpoint_every": 1.5}, TypeError),
    ):
        with pytest.raises(error):
            fit(model, X, Y, squared_error, optimizer, epochs=1, **options)
    assert all((array == before[name]).all() for name, array in model.arrays().items())
    assert os.listdir(tmp_path) == []
