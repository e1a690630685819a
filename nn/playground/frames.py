"""A frame: a moment of the training as bytes, with all that the page paints.

It is a JSON header on one line, then the arrays that the header lists, low byte first. The header is filled up with
spaces so that the first array begins at a multiple of 8 bytes; the arrays of 8-byte numbers come first.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np
import numpy.typing as npt

from nn.checks import Array
from nn.playground.data import EXTENT, features
from nn.playground.training import Training

NEURON_SIDE, OUTPUT_SIDE = 36, 72  # of the heat maps, in points
LEVELS, NOT_A_NUMBER = 127, -128  # a heat map has whole numbers from -LEVELS to LEVELS for -1 to 1


def frame(training: Training, rival: Training | None = None) -> bytes:
    """The training as it is now, and that of a second network, whose arrays are called rival_."""
    arrays = _arrays(training)
    if rival is not None:
        arrays |= {f"rival_{name}": array for name, array in _arrays(rival).items()}
        arrays = dict(sorted(arrays.items(), key=lambda item: -item[1].itemsize))
    header = {
        "steps": training.steps,
        "epoch": training.epoch,
        "fresh": training.is_fresh,
        "arrays": [[name, array.dtype.name, list(array.shape)] for name, array in arrays.items()],
    }
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 1) % 8) + b"\n"
    return text + b"".join(array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays.values())


def _arrays(training: Training) -> dict[str, npt.NDArray[Any]]:
    engine, parameters, names = training.engine, training.parameters, training.settings.features
    neurons = engine.activations(parameters, _grid(NEURON_SIDE, names))
    neurons[-1] = training.network.shown(neurons[-1])
    output = training.network.shown(engine.outputs(parameters, _grid(OUTPUT_SIDE, names)))
    return {
        "figures": np.array(training.figures()),
        "weights": parameters,
        "gradient": training.gradient,
        "change": training.last_change(),
        "maps": _levels(neurons).reshape(-1, NEURON_SIDE, NEURON_SIDE),
        "output": _levels(output).reshape(OUTPUT_SIDE, OUTPUT_SIDE),
    }


def _levels(numbers: Array) -> npt.NDArray[np.int8]:
    """Numbers, of which those from -1 to 1 are told apart, as those of a heat map."""
    with np.errstate(invalid="ignore"):
        levels = np.where(np.isnan(numbers), NOT_A_NUMBER, np.rint(np.clip(numbers, -1, 1) * LEVELS))
    return levels.astype(np.int8)


@functools.lru_cache(maxsize=32)
def _grid(side: int, names: tuple[str, ...]) -> Array:
    """What the network sees of the points of a picture, row by row from the top left: (side², features)."""
    centres = EXTENT * ((np.arange(side) + 0.5) * 2 / side - 1)
    x1, x2 = np.meshgrid(centres, -centres)
    return features(np.stack([x1.ravel(), x2.ravel()], axis=1), names)
