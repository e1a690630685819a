"""What one open page does: it receives messages, trains, and answers.

A message is a JSON object with a "type", the name of one of the methods below `# messages`, and that method's
arguments. The answers are objects with a "type" too: "settings" where what is trained changed, "error" with one
sentence, or what was asked for. A frame is the picture of a moment of the training, see `frames.py`.
"""

from __future__ import annotations

import inspect as signatures
import json
import math
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from nn.datasets import DataError
from nn.playground.data import EXTENT, GENERATED, generate, pasted
from nn.playground.frames import frame
from nn.playground.inspection import Selection, flow, inspect
from nn.playground.kinds import LARGEST_WEIGHT, SettingsError, number
from nn.playground.landscape import landscape
from nn.playground.lessons import LESSONS
from nn.playground.script import FILE_NAME, script
from nn.playground.settings import OWN, RESTART, Settings, ranges
from nn.playground.training import Training
from nn.playground.words import neuron_formula, steps_of

Answer: TypeAlias = "dict[str, Any] | bytes"

LARGEST_MESSAGE = 64 * 1024  # characters
PREVIEW = 90  # points of each data set, to choose it by
WEIGHT = number(-LARGEST_WEIGHT, LARGEST_WEIGHT)
SPEEDS = (1, 10, 100, 1000, 0)  # steps a second; 0 is as many as possible


class MessageError(ValueError):
    """A message that cannot be understood. Its text is one line for the user."""


class Session:
    """The state behind one page. Not for two threads at once.

    `playing` says whether `advance` is to be called: it trains for a moment.
    """

    def __init__(self) -> None:
        self.playing = False
        self.settings = Settings()
        self._since = self._due = self._picture_seconds = 0.0
        self._speed = 0
        self._use(self.settings)

    def answer(self, text: str) -> list[Answer]:
        """What is to be sent back for a message; a mistake in it is one answer of type "error".

        Its `to` is the type of the message, if that could be read.
        """
        name = None
        try:
            name, message = self._read(text)
            return self._handler(name, message)()
        except (MessageError, SettingsError, DataError) as error:
            return [_error(error, name)]

    def _read(self, text: str) -> tuple[str, dict[str, Any]]:
        if len(text) > LARGEST_MESSAGE:
            raise MessageError(f"the message is too long: {len(text)} characters, at most {LARGEST_MESSAGE}")
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            raise MessageError("the message is not JSON") from None
        if not isinstance(message, dict):
            raise MessageError("the message must be a JSON object")
        name = message.pop("type", None)
        if not isinstance(name, str) or name not in _MESSAGES:
            raise MessageError(f"the message must have a type, one of {', '.join(_MESSAGES)}, got {name!r:.60}")
        return name, message

    def _handler(self, name: str, message: dict[str, Any]) -> Callable[[], list[Answer]]:
        method = getattr(self, name)
        expected = signatures.signature(method).parameters
        if message.keys() != expected.keys():
            got = ", ".join(sorted(message)) or "nothing"
            raise MessageError(f"{name} takes {', '.join(expected) or 'nothing'}, got {got:.100}")
        return lambda: method(**message)

    # messages

    def open(self, query: Any) -> list[Answer]:
        """Begin with the settings in the query part of a URL, or with the defaults if they are not possible."""
        if not isinstance(query, str):
            raise MessageError("query must be a text")
        self.playing = False
        refused: list[Answer] = []
        try:
            self._use(Settings.from_query(query))
        except SettingsError as error:
            self._use(Settings())
            refused.append(_error(error, "open"))
        return self._everything() + refused

    def change(self, changes: Any) -> list[Answer]:
        """Replace some settings; the training starts anew if it cannot go on with them."""
        if not isinstance(changes, dict):
            raise MessageError("changes must be an object of settings")
        settings = self.settings.changed(changes)
        if changes.keys().isdisjoint({*RESTART, "weights"}):
            self.settings = settings
            self.training.change(settings)
            if self.rival:
                self.rival.change(settings.of_rival())
        else:
            self._use(settings)
        return self._everything()

    def paste(self, text: Any) -> list[Answer]:
        """Use the points in a CSV text."""
        if not isinstance(text, str):
            raise MessageError("text must be a text")
        found = pasted(text)
        problem = "classification" if found.classes else "regression"
        return self.change({"data": OWN, "problem": problem, **found._asdict()})

    def play(self, speed: Any) -> list[Answer]:
        """Train until told otherwise, at `speed` steps a second, or as fast as possible if it is 0."""
        if speed not in SPEEDS or isinstance(speed, bool):
            raise MessageError(f"speed must be one of {', '.join(map(str, SPEEDS))}, got {speed!r:.60}")
        self.training.require_points()
        self._speed, self.playing = speed, True
        self._since, self._due = time.monotonic(), 0.0
        return [self.state()]

    def pause(self) -> list[Answer]:
        """Stop training."""
        self.playing = False
        return [self.state(), self.frame()]

    def step(self) -> list[Answer]:
        """Make a single step."""
        self.playing = False
        self._step()
        return [self.state(), self.frame()]

    def reset(self) -> list[Answer]:
        """Go back to the parameters drawn at the beginning."""
        self.playing = False
        self._use(self.settings.changed({"weights": ()}))
        return self._everything()

    def set(self, index: Any, number: Any) -> list[Answer]:
        """Set one weight or bias."""
        i = _index("index", index, len(self.training.parameters))
        self.training.set_parameter(i, WEIGHT.check("number", number))
        return [self.frame()]

    def inspect(self, layer: Any, neuron: Any, input: Any, sample: Any) -> list[Answer]:
        """The graph of a neuron, or of a weight where there is an `input`, for one training point."""
        self.training.require_points()
        layers = self.training.network.layers
        k = _index("layer", layer, len(layers))
        j = _index("neuron", neuron, layers[k].neurons)
        i = None if input is None else _index("input", input, layers[k].inputs + 1)
        row = _index("sample", sample, len(self.training.train.X))
        return [{"type": "inspection", **inspect(self.training, Selection(k, j, i), row)}]

    def flow(self, sample: Any) -> list[Answer]:
        """All numbers of one training point's way through the network and back."""
        self.training.require_points()
        row = _index("sample", sample, len(self.training.train.X))
        numbers = flow(self.training, row)
        return [{"type": "flow", **numbers, **steps_of(numbers, self.settings)}]

    def formula(self, layer: Any, neuron: Any, rival: Any) -> list[Answer]:
        """What a neuron computes, with its weights as numbers, of the second network if `rival` is true."""
        training = self.rival if rival else self.training
        if not isinstance(rival, bool) or training is None:
            raise MessageError("rival must be true or false, and true only where there is a second network")
        layers = training.network.layers
        k = _index("layer", layer, len(layers))
        j = _index("neuron", neuron, layers[k].neurons)
        words = neuron_formula(self.settings, training.parameters.tolist(), k, j)
        return [{"type": "formula", "layer": k, "neuron": j, "rival": rival, "words": words}]

    def landscape(self, first: Any, second: Any) -> list[Answer]:
        """The loss over two of the parameters."""
        self.training.require_points()
        count = len(self.training.parameters)
        pair = {"first": _index("first", first, count), "second": _index("second", second, count)}
        if first == second:
            raise MessageError("first and second must be two different parameters")
        found = landscape(self.training, **pair)
        arrays = {"losses": found.losses.tolist(), "trail": found.trail.tolist()}
        return [{"type": "landscape", **pair, "ranges": [found.first, found.second], **arrays}]

    def script(self) -> list[Answer]:
        """The network as a Python script."""
        return [{"type": "script", "name": FILE_NAME, "text": script(self.training)}]

    # training

    def advance(self, seconds: float) -> list[Answer]:
        """Train for that long, or for as many steps as are due by now; return a frame, and more if the training ended.

        It trains at least as long as the last frame took to make, so that a slow network is not all pictures.
        """
        now = time.monotonic()
        deadline = now + max(seconds, self._picture_seconds)
        steps = math.inf if not self._speed else math.floor((now - self._since) * self._speed - self._due)
        done = 0
        while done < steps and time.monotonic() < deadline:
            self._step()
            done += 1
        # Steps missed are given up, or a slow network would never catch up.
        self._due = (now - self._since) * self._speed if done < steps else self._due + done
        trained = time.monotonic()
        answers: list[Answer] = [self.frame()]
        self._picture_seconds = time.monotonic() - trained
        if not all(np.isfinite(training.parameters).all() for training in self._trainings()):
            self.playing = False
            message = "the weights are no longer finite numbers; lower the learning rate and reset"
            answers += [self.state(), {"type": "error", "message": message, "to": "play"}]
        return answers

    def frame(self) -> bytes:
        """The training as it is now, see `frames.py`."""
        return frame(*self._trainings())

    def _use(self, settings: Settings) -> None:
        self.training = Training(settings)
        self.rival = Training(settings.of_rival()) if settings.rival == "yes" else None
        self.settings = settings
        self.playing = self.playing and bool(len(self.training.train.X))

    def _trainings(self) -> list[Training]:
        return [self.training] if self.rival is None else [self.training, self.rival]

    def _step(self) -> None:
        for training in self._trainings():
            training.step()

    def state(self) -> Answer:
        """Whether it is playing, and the settings as the query part of a URL."""
        return {"type": "state", "playing": self.playing, "query": self.settings.query()}

    def _everything(self) -> list[Answer]:
        training = self.training
        settings = {
            "type": "settings",
            "settings": self.settings.as_json(),
            "train": np.column_stack([training.train.X, training.train.y]).tolist(),
            "test": np.column_stack([training.test.X, training.test.y]).tolist(),
            "names": training.names(),
            "labels": self.settings.labels,
        }
        return [settings, self.state(), self.frame()]


_MESSAGES = (
    *("open", "change", "paste", "play", "pause", "step", "reset", "set"),
    *("inspect", "flow", "formula", "landscape", "script"),
)


def welcome() -> dict[str, Any]:
    """What a page has to know before anything else: what the settings may be."""
    previews = {}
    for name in GENERATED:
        X, y = generate(name, samples=PREVIEW, noise=0.02, seed=0)
        previews[name] = np.column_stack([X, y]).round(2).tolist()
    lessons = {name: lesson.as_json() for name, lesson in LESSONS.items()}
    page = {"speeds": SPEEDS, "extent": EXTENT, "previews": previews, "lessons": lessons}
    return {"type": "welcome", "ranges": ranges(), **page}


def _error(error: ValueError, to: str | None) -> Answer:
    return {"type": "error", "message": " ".join(str(error).split()), "to": to}


def _index(name: str, number: Any, below: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < below:
        raise MessageError(f"{name} must be a whole number from 0 to {below - 1}, got {number!r:.60}")
    return number
