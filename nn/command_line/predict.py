"""The command `predict`: what a trained network predicts for the rows of a file."""

import csv
import io
import sys
from pathlib import Path
from typing import Annotated

import numpy as np

from autograd_engine.files import write_atomically
from nn.checks import Array
from nn.command_line.options import FLAG, CommandError, with_hints
from nn.command_line.output import left_out, warn
from nn.command_line.predictor import Predictor
from nn.csv_tables import Missing
from nn.datasets import CellError, DataError, is_file, load, read_columns


def predict(
    model: Path,
    data: str,
    /,
    *,
    probabilities: Annotated[bool, FLAG] = False,
    missing: Missing | None = None,
    out: Path | None = None,
) -> int:
    """Predict the target of every row of a CSV file, as CSV: the class and its probability, or the number.

    Columns are found by their names; others, such as the target itself, are ignored.

    Parameters
    ----------
    model
        A file model.safetensors that train has written.
    data
        A CSV file with a header, or a data set that train knows by name, such as iris.
    probabilities
        Add a column for each class with its probability.
    missing
        What to do with missing cells: drop leaves their rows out, mean fills in the mean of the training rows.
    out
        File to write to (default: stdout).
    """
    predictor = Predictor.load(model)
    X = _inputs(data, predictor, missing)
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


def _inputs(data: str, predictor: Predictor, missing: Missing | None) -> Array:
    """The features that the predictor needs, of the file or of the data set of that name."""
    if not is_file(data):
        if missing:
            raise DataError(f"--missing is for CSV files, and {data!r} is not one")
        return load(data).columns(predictor.feature_names)
    try:
        X = read_columns(data, predictor.feature_names, predictor.categories, missing and "mean")
    except CellError as error:
        raise with_hints(error) from None
    if missing != "drop":
        return X
    whole = ~np.isnan(X).any(axis=1)
    for line in left_out(len(X) - int(whole.sum())):
        warn(f"{data}: {line}")
    return X[whole]
