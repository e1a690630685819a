"""The command `predict`: what a trained network says about the rows of a file."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

from autograd_engine.files import write_atomically
from nn import datasets
from nn.predictor import Predictor


def predict(model: Path, data: Path, /, *, out: Path | None = None) -> int:
    """Predict the target of every row of a CSV file, as CSV: the class and its probability, or the number.

    Columns are found by their names; others, such as the target itself, are ignored.

    Parameters
    ----------
    model
        A file model.safetensors that train has written.
    data
        A CSV file with a header.
    out
        File to write to (default: stdout).
    """
    predictor = Predictor.load(model)
    X = datasets.read_columns(data, predictor.feature_names)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if predictor.class_names:
        writer.writerow([predictor.target_name, "probability"])
        for probabilities in predictor.probabilities(X):
            k = probabilities.argmax()
            writer.writerow([predictor.class_names[k], f"{probabilities[k]:.6f}"])
    else:
        writer.writerow([predictor.target_name])
        writer.writerows([repr(number)] for number in predictor.numbers(X).tolist())
    if out is not None:
        write_atomically(out, text.getvalue().encode())
    else:
        sys.stdout.buffer.write(text.getvalue().encode())  # UTF-8 wherever it goes, like the file that was read
        sys.stdout.flush()
    return 0
