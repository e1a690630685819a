"""Training on several ranks of MPI: the same bits for any number of them, and one end for all."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nn import (
    Activation,
    Adam,
    BatchNorm,
    Dropout,
    History,
    Linear,
    Module,
    Sequential,
    accuracy,
    binary_cross_entropy_with_logits,
    fit,
    l2_penalty,
)
from tests.mpi import needs_mpi, on_ranks

X = np.random.default_rng(0).normal(size=(203, 3))
Y = (X[:, 0] * X[:, 1] > 0) * 1.0
CASES: list[dict[str, Any]] = [
    {"validation": (X[:50], Y[:50]), "accuracy": accuracy, "early_stopping": 2},
    {"batch_size": 60, "clip_norm": 0.5, "penalty": lambda model: 1e-3 * l2_penalty(model.parameters())},
    {"batch_size": 10, "validation": (X[:3], Y[:3]), "accuracy": lambda outputs, target: abs(outputs.data - target)},
]


def network() -> Module:
    return Sequential(Linear(3, 4, seed=1), Activation("tanh"), Dropout(0.2, seed=2), Linear(4, 1, seed=3))


def normalised() -> Module:
    return Sequential(Linear(3, 1), BatchNorm(1))


def run(build: Any = network, **options: Any) -> tuple[str, History]:
    """A training: every number that it leaves behind, in one line, and its history."""
    model = build()
    settings: dict[str, Any] = {"X": X, "y": Y, "loss": binary_cross_entropy_with_logits, "epochs": 5, "jit": True}
    history = fit(model, optimizer=Adam(model.parameters(), lr=0.05), **settings | options)
    figures = [history.loss, history.accuracy, history.validation_loss, history.validation_accuracy]
    numbers = np.concatenate([np.ravel(x) for x in (*model.arrays().values(), *figures)])
    return " ".join([x.hex() for x in numbers.tolist()]), history


def program(text: str) -> tuple[str, str]:
    """Arguments of Python for a program in which `rank` is the process's and `out` prints a line."""
    start = "import os, signal, sys\nfrom mpi4py import MPI\nfrom tests.nn.training.test_spread import *\n"
    start += (
        "comm = MPI.COMM_WORLD\nrank = comm.rank\nout = lambda *x: sys.stdout.write(' '.join(map(str, x)) + '\\n')\n"
    )
    return "-c", start + text


@needs_mpi
def test_any_number_of_ranks_gives_the_bits_of_one_and_the_figures_of_a_plain_training() -> None:
    every_case = program("for case in CASES:\n    line, _ = run(comm=comm, **case)\n    if rank == 0: out(line)")
    found = {}
    for n in (1, 2, 3, 4):
        done = on_ranks(n, *every_case)
        assert done.returncode == 0, done.stderr
        found[n] = done.stdout
    assert found[1] == found[2] == found[3] == found[4]
    for case, line in zip(CASES, found[1].splitlines(), strict=True):
        plain, ours = ([float.fromhex(x) for x in numbers.split()] for numbers in (run(**case)[0], line))
        np.testing.assert_allclose(ours, plain, rtol=1e-10)


TO_THE_END = (
    "line, history = run(comm=comm, epochs=6, **CASES[0], **options)\nif rank == 0: out(line, history.best_epoch)"
)
KILLED = """
def end(history):
    if len(history.loss) == 4 and rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
run(comm=comm, epochs=6, callback=end, **CASES[0], checkpoint="checkpoint", checkpoint_every=2)
out("not killed")
"""


@needs_mpi
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_a_rank_that_dies_ends_all_and_any_number_of_ranks_goes_on(tmp_path: Path) -> None:
    undisturbed = on_ranks(1, *program("options = {}\n" + TO_THE_END), cwd=tmp_path).stdout
    killed = on_ranks(3, *program(KILLED), cwd=tmp_path)
    assert killed.returncode != 0
    assert "not killed" not in killed.stdout
    resumed = on_ranks(2, *program("options = {'resume': 'checkpoint'}\n" + TO_THE_END), cwd=tmp_path)
    assert len(undisturbed) > 100, resumed.stderr
    assert resumed.stdout == undisturbed


ENDS = """
def attempt(name, **options):
    try:
        history = run(comm=comm, **options)[1]
        out(name, rank, len(history.loss), history.interrupted, history.stopped_early)
    except Exception as error:
        out(name, rank, type(error).__name__, error)
wrong = X.copy()
wrong[150, 1] = np.nan
attempt("row", X=wrong)
attempt("length", y=Y[:-1])
attempt("jit", jit=False)
attempt("statistics", build=normalised)
attempt("unwritable", checkpoint="missing/checkpoint")
attempt("loss", loss=lambda output, target: (output - target) ** 2 + 0.0 * output.data)
def press(history):
    if len(history.loss) == 2 and rank == 1:
        signal.raise_signal(signal.SIGINT)
attempt("interrupted", callback=press)
attempt("stopped", stop=lambda history: rank == 0 and len(history.loss) == 3)
"""


@needs_mpi
def test_what_ends_one_rank_ends_all() -> None:
    done = on_ranks(2, *program(ENDS))
    assert done.returncode == 0, done.stderr
    found = {(name, int(rank)): rest for name, rank, rest in (line.split(" ", 2) for line in done.stdout.splitlines())}
    first = "rank 1's share of X: row 46, column 1"
    assert found["row", 1].startswith(f"ValueError {first}")
    assert found["row", 0].startswith(f"RankError rank 1: {first}")
    compiled = "ValueError fit() with comm compiles the sums over the samples of a rank, but"
    for rank in (0, 1):
        assert found["length", rank] == "ValueError X has 203 rows, but y has 202 targets"
        assert found["jit", rank] == f"{compiled} jit is False"
        assert found["statistics", rank] == f"{compiled} the model has statistics over the batch"
        assert found["loss", rank].startswith(("TraceError ", "AttributeError "))
        assert found["interrupted", rank] == "2 True False"
        assert found["stopped", rank] == "3 False True"
    assert found["unwritable", 0].startswith("FileNotFoundError ")
    assert found["unwritable", 1].startswith("RankError rank 0: ")


def test_without_mpi(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(epochs=1, jit=None)[1].jit is False
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert run(epochs=1)[1].jit is True
