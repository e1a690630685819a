"""The command `predict`: what a trained network predicts for the rows of a file."""

import csv
import io
import sys
from pathlib import Path
from typing import Annotated

from autograd_engine.files import write_atomically
from nn.command_line.options import FLAG, CommandError
from nn.command_line.predictor import Predictor
from nn.datasets import read_columns


def predict(
    model: Path,
    data: Path,
    /,
    *,
    probabilities: Annotated[bool, FLAG] = False,
    out: Path | None = None,
) -> int:
    """Predict the target of every row of a CSV file, as CSV: the class and its probability, or the number.

    Columns are found by their names; others, such as the target itself, are ignored.

    Parameters
    ----------
    model
        A file model.safetensors that train has written.
    data
        A CSV file with a header.
    probabilities
        Add a column for each class with its probability.
    out
        File to write to (default: stdout).
    """
    predictor = Predictor.load(model)
    X = read_columns(data, predictor.feature_names)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    classes = predictor.class_names
    if probabilities and not classes:
        raise CommandError(f"--probabilities: {model} predicts the number {predictor.target_name!r} and no classes")
    if classes:
        each = classes if probabilities else ()
        writer.writerow([predictor.target_name, "probability", *(f"probability of {name}" for name in each)])
        for shares in predictor.probabilities(X):
            k = shares.argmax()
            writer.writerow([classes[k], *(f"{share:.6f}" for share in (shares[k], *shares[: len(each)]))])
    else:
        writer.writerow([predictor.target_name])
        writer.writerows([repr(number)] for number in predictor.numbers(X).tolist())
    if out is not None:
        write_atomically(out, text.getvalue().encode())
    else:
        sys.stdout.buffer.write(text.getvalue().encode())  # always UTF-8, like the file that was read
        sys.stdout.flush()
    return 0
