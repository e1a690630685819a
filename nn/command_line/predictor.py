"""A trained network with its scales and names: from the rows of a table to answers in the table's own terms."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn.checks import Array, FilePath
from nn.datasets import TEST_FRACTION, Standardisation, n_outputs
from nn.modules import Module
from nn.saving import load_with_metadata, save
from nn.tensor_files import ModelFileError


@dataclass(frozen=True)
class Predictor:
    """A network that takes standardised inputs, and how its inputs and outputs are to be read.

    With two classes the network has one output, the logit of the second class; with more it has a logit for
    each. Without classes it has one output, the target in the standard units of `target_scale`. With an
    `image_shape`, (height, width), the network takes images (1, height, width), else rows of features.
    `split_seed` and `test_fraction` are what its data were split with, so that its test part can be found again in the
    data with the `fingerprint`; that is empty where it was trained on several tables, whose test parts overlap.
    `categories` are those of the data set.
    """

    model: Module
    input_scale: Standardisation
    target_scale: Standardisation | None
    feature_names: tuple[str, ...]
    target_name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int] | None = None
    split_seed: int = 0
    test_fraction: float = TEST_FRACTION
    fingerprint: str = ""
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def n_outputs(self) -> int:
        """How many outputs the network has."""
        return n_outputs(self.class_names)

    def filled(self, X: Array) -> Array:
        """`X` with the mean of the training rows for nan, a missing cell."""
        return np.where(np.isnan(X), self.input_scale.mean, X)

    def inputs(self, X: Array) -> Array:
        """The rows of `X` (rows, features) as the network takes them: standardised, and images as images."""
        Z = self.input_scale(self.filled(X))
        return Z if self.image_shape is None else Z.reshape(len(Z), 1, *self.image_shape)

    def outputs(self, X: Array) -> Array:
        """What the network answers to the rows of `X` (rows, features): (rows, outputs)."""
        answers = [[output.data for output in self.model(sample)] for sample in self.inputs(X).tolist()]
        return np.array(answers, dtype=np.float64).reshape(len(X), self.n_outputs)

    def probabilities(self, X: Array) -> Array:
        """The probability of each class for each row of `X`: (rows, classes)."""
        logits = self.outputs(X)
        if len(self.class_names) == 2:
            logits = np.hstack([np.zeros_like(logits), logits])
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: Array = powers / powers.sum(axis=1, keepdims=True)
        return probabilities

    def classes(self, X: Array) -> NDArray[np.int64]:
        """The index of the most probable class for each row of `X`."""
        indices: NDArray[np.int64] = np.argmax(self.probabilities(X), axis=1)
        return indices

    def targets(self, y: NDArray[np.int64] | Array) -> NDArray[np.int64] | Array:
        """`y` as the network should answer: unchanged for classes, else in standard units."""
        return y if self.target_scale is None else self.target_scale(y.astype(np.float64))

    def numbers(self, X: Array) -> Array:
        """The predicted target for each row of `X`, in the target's own unit (regression)."""
        return self.in_units(self.outputs(X))

    def in_units(self, outputs: Array) -> Array:
        """`outputs` (rows, 1) in the target's own unit: (rows,) (regression)."""
        assert self.target_scale is not None, "only for regression"
        return self.target_scale.invert(outputs)[:, 0]

    def save(self, path: FilePath) -> None:
        """Write it to a file, whole or not at all. Raises OSError."""
        described = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "model"}
        described["categories"] = {name: list(texts) for name, texts in self.categories.items()}
        for name, scale in described.items():
            if isinstance(scale, Standardisation):
                described[name] = {"mean": scale.mean.tolist(), "scale": scale.scale.tolist()}
        save(self.model, path, described)

    @classmethod
    def load(cls, path: FilePath) -> Predictor:
        """Read what `save` has written. Raises OSError and ModelFileError, the latter also for a network alone."""
        model, metadata = load_with_metadata(path)
        if not {"feature_names", "target_name", "class_names"} <= metadata.keys():
            raise ModelFileError(f"{path}: a network alone, without the names and units of its data")
        try:
            return _checked(model, metadata)
        except Exception as error:  # a model may refuse a sample with any error
            reason = " ".join(f"{type(error).__name__} {error}".split())
            raise ModelFileError(f"{path}: what is said about the data does not fit the network ({reason})") from None


def _checked(model: Module, metadata: Mapping[str, Any]) -> Predictor:
    """The predictor in a file, whose contents are not to be trusted: any error may be raised if they do not fit."""
    names = tuple(map(str, metadata["feature_names"]))
    classes = tuple(map(str, metadata["class_names"]))
    target_scale = metadata["target_scale"]
    predictor = Predictor(
        model,
        _from_lists(metadata["input_scale"], len(names)),
        None if target_scale is None else _from_lists(target_scale, 1),
        names,
        str(metadata["target_name"]),
        classes,
        metadata["image_shape"] and tuple(metadata["image_shape"]),
        operator.index(metadata["split_seed"]),
        # Earlier files have none of these.
        float(metadata.get("test_fraction", TEST_FRACTION)),
        str(metadata.get("fingerprint", "")),
        {str(column): tuple(map(str, texts)) for column, texts in metadata.get("categories", {}).items()},
    )
    if len(classes) == 1 or bool(classes) == (target_scale is not None):
        raise ValueError("the target has either two or more classes or a scale")
    if predictor.split_seed < 0 or not 0 < predictor.test_fraction < 1:
        raise ValueError("the data cannot have been split like that")
    if not all(np.isfinite(array).all() for array in model.arrays().values()):
        raise ValueError("a parameter is not finite")
    [sample] = predictor.inputs(np.zeros((1, len(names)))).tolist()
    if len(model(sample)) != predictor.n_outputs:
        raise ValueError("the number of outputs is another")
    return predictor


def _from_lists(lists: dict[str, Any], length: int) -> Standardisation:
    mean, scale = (np.array(lists[name], dtype=np.float64).reshape(length) for name in ("mean", "scale"))
    if not (np.isfinite([mean, scale]).all() and (scale > 0).all()):
        raise ValueError("a mean is finite, and a scale is finite and positive")
    return Standardisation(mean, scale)
