"""What `train` writes to a directory: the model, the metrics, and the pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from rich.console import Console

from autograd_engine.files import write_atomically
from nn.command_line.predictor import Predictor
from nn.json_text import to_json
from nn.training.history import History

MODEL, METRICS, CHECKPOINT = "model.safetensors", "metrics.json", "checkpoint.safetensors"
PICTURES = (
    *("loss.png", "prediction.png", "decision_boundary.png", "confusion_matrix.png", "kernels.png"),
    *("neuron.svg", "sample.svg"),
)


class Results:
    """The directory `path` while a training fills it; if the training fails, the directories made for it go again.

    Entering it raises OSError if it cannot be written to, so that this is known before the training.
    """

    def __init__(self, path: Path, screen: Console) -> None:
        self.path, self.screen = path, screen
        self._made = [directory for directory in (path, *path.parents) if not directory.exists()]

    def __enter__(self) -> Results:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            self._tidy_up()
            error.filename = str(self.path)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is not None:
            self._tidy_up()

    def save(self, predictor: Predictor) -> None:
        """Write the model, and delete the files of an earlier one, which would not fit it."""
        stale = (METRICS, *PICTURES) if (self.path / MODEL).exists() else ()
        predictor.save(self.path / MODEL)
        for name in stale:
            (self.path / name).unlink(missing_ok=True)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write files by their names, and print where they are."""
        for name, content in files.items():
            write_atomically(self.path / name, content)
            self.show(name)

    def show(self, name: str) -> None:
        """Print where a file is."""
        self.screen.print(f"  {self.path / name}")

    def _tidy_up(self) -> None:
        for directory in self._made:
            with suppress(OSError):  # it is not empty, or was never made
                directory.rmdir()


def metrics(history: History, held_out: str, judged: Mapping[str, Mapping[str, float]]) -> bytes:
    """The metrics as JSON: lists over the epochs, and those of the model that was written.

    `held_out` is the part that was judged after each epoch. inf and nan become null.
    """
    epochs = {
        "train": {"loss": history.loss, "accuracy": history.accuracy},
        held_out: {"loss": history.validation_loss, "accuracy": history.validation_accuracy},
    }
    measured = {
        "epochs": {part: {name: list(line) for name, line in lines.items() if line} for part, lines in epochs.items()},
        "final": dict(judged),
        "best_epoch": history.best_epoch,
        "interrupted": history.interrupted,
    }
    return (to_json(measured, indent=2) + "\n").encode()
