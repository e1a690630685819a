"""A trained network with what surrounds it: from the rows of a table to answers in the table's own words."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn import saving
from nn.datasets import Array, Standardisation, n_outputs
from nn.modules import Module
from nn.saving import ModelFileError


@dataclass(frozen=True)
class Predictor:
    """A network that takes standardised inputs, and how its inputs and outputs are to be read.

    With two classes the network has one output, the logit of the second class; with more it has a logit for
    each. Without classes it has one output, the target in the standard units of `target_scale`. With an
    `image_shape`, (height, width), the network takes images (1, height, width), else rows of features.
    `split_seed` is what its data were split with, so that its test part can be found again.
    """

    model: Module
    input_scale: Standardisation
    target_scale: Standardisation | None
    feature_names: tuple[str, ...]
    target_name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int] | None = None
    split_seed: int = 0

    @property
    def n_outputs(self) -> int:
        """How many outputs the network has."""
        return n_outputs(self.class_names)

    def inputs(self, X: Array) -> Array:
        """The rows of `X` (rows, features) as the network takes them: standardised, and images as images."""
        Z = self.input_scale(X)
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
        """`y` as the network is to answer it: as it is for classes, else in standard units."""
        return y if self.target_scale is None else self.target_scale(y.astype(np.float64))

    def numbers(self, X: Array) -> Array:
        """The predicted target for each row of `X`, in the target's own unit (regression)."""
        return self.in_units(self.outputs(X))

    def in_units(self, outputs: Array) -> Array:
        """`outputs` (rows, 1) in the target's own unit: (rows,) (regression)."""
        assert self.target_scale is not None, "only for regression"
        return self.target_scale.invert(outputs)[:, 0]

    def save(self, path: str | PathLike[str]) -> None:
        """Write it to a file, whole or not at all. Raises OSError."""
        saving.save(
            self.model,
            path,
            {
                "feature_names": self.feature_names,
                "target_name": self.target_name,
                "class_names": self.class_names,
                "input_scale": _as_lists(self.input_scale),
                "target_scale": self.target_scale and _as_lists(self.target_scale),
                "image_shape": self.image_shape,
                "split_seed": self.split_seed,
            },
        )

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Predictor:
        """Read what `save` has written. Raises OSError and ModelFileError, the latter also for a network alone."""
        model, metadata = saving.load_with_metadata(path)
        try:
            names = tuple(map(str, metadata["feature_names"]))
            predictor = cls(
                model,
                _from_lists(metadata["input_scale"], len(names)),
                metadata["target_scale"] and _from_lists(metadata["target_scale"], 1),
                names,
                str(metadata["target_name"]),
                tuple(map(str, metadata["class_names"])),
                metadata["image_shape"] and tuple(metadata["image_shape"]),
                int(metadata["split_seed"]),
            )
            [sample] = predictor.inputs(np.zeros((1, len(names)))).tolist()
            if len(model(sample)) != predictor.n_outputs or predictor.split_seed < 0:
                raise ValueError
        except (KeyError, TypeError, ValueError):
            raise ModelFileError(f"{path}: a network alone, without the names and units of its data") from None
        return predictor


def _as_lists(scale: Standardisation) -> dict[str, list[float]]:
    return {"mean": scale.mean.tolist(), "scale": scale.scale.tolist()}


def _from_lists(lists: dict[str, Any], length: int) -> Standardisation:
    mean, scale = (np.array(lists[name], dtype=np.float64).reshape(length) for name in ("mean", "scale"))
    return Standardisation(mean, scale)
