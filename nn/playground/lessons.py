"""Lessons for the playground: settings in which something can be seen, what to watch, what to try, and why it is so.

>>> LESSONS["overfitting"].title
'Overfitting'
>>> LESSONS["overfitting"].as_json()["query"].startswith("data=circle&samples=60")
True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nn.playground.settings import Settings


@dataclass(frozen=True)
class Try:
    """Something to try: the words on its button, and the settings that change. The training begins anew."""

    words: str
    changes: Mapping[str, Any]


@dataclass(frozen=True)
class Lesson:
    """What to `watch` with these settings, what to try then, and `why`; `tab` is the view that is open."""

    title: str
    settings: Settings
    watch: str
    tries: tuple[Try, ...]
    why: str
    tab: str = "graph"

    def as_json(self) -> dict[str, Any]:
        """The lesson for the page."""
        tries = [{"words": one.words, "changes": dict(one.changes)} for one in self.tries]
        texts = {"title": self.title, "watch": self.watch, "why": self.why, "tab": self.tab}
        return {**texts, "query": self.settings.query(), "tries": tries}


LESSONS = {
    "why-depth": Lesson(
        "Why depth",
        Settings(data="spiral", noise=0.0, hidden=(), optimizer="adam", lr=0.03, seed=15),
        "Press play. Without a hidden layer the network can only draw one straight border between orange and "
        "blue, and no straight line separates two spirals: the loss stops falling early.",
        (
            Try("One layer of 8 neurons", {"hidden": [8]}),
            Try("Two layers of 8 neurons", {"hidden": [8, 8]}),
        ),
        "A neuron of the first layer sees one straight edge: point at it to see which. The next layer adds such "
        "edges up, so its neurons see corners and bends, and the one after that combines bends into curves. Each "
        "layer builds on what the one before it has found.",
    ),
    "dead-relus": Lesson(
        "Dead ReLUs",
        Settings(hidden=(8, 8), activation="relu", lr=1.0, seed=3),
        "Press play and point at the neurons of the second hidden layer. Their maps are blank: they give 0 for "
        "every point. The loss stays near 0.7, which is as good as guessing.",
        (
            Try("A learning rate of 0.1", {"lr": 0.1}),
            Try("Leaky ReLUs", {"activation": "leaky_relu", "lr": 0.1}),
        ),
        "ReLU is 0 for negative sums, and there its slope is 0 too. One step that is too large can push a neuron "
        "below 0 for all points; then no gradient comes through it, no step changes it, and it stays dead. "
        "Smaller steps avoid that, and a leaky ReLU keeps a small slope everywhere.",
    ),
    "vanishing-gradients": Lesson(
        "Vanishing gradients",
        Settings(data="circle", hidden=(6, 6, 6, 6, 6, 6), activation="sigmoid", lr=0.1),
        "Press play: nothing is learnt. Deltas by layer has a bar for each delta, the derivative of the loss with "
        "respect to the neuron's sum. From the output back to layer 1 they become thousands of times smaller.",
        (
            Try("tanh instead", {"activation": "tanh"}),
            Try("Two layers only", {"hidden": [6, 6]}),
        ),
        "On the way back every layer multiplies the delta by weights and by the slope of its activation. The "
        "slope of the sigmoid is at most 1/4, so after six layers little is left and the first layers hardly "
        "move. The slope of tanh is up to 1, and its outputs lie around 0.",
        "deltas",
    ),
    "learning-rate-too-large": Lesson(
        "Learning rate too large",
        Settings(data="xor", hidden=(6,), lr=10.0),
        "Press play and watch the loss: it jumps up instead of falling, and the picture flickers from step to step.",
        (
            Try("A learning rate of 0.3", {"lr": 0.3}),
            Try("A learning rate of 0.001", {"lr": 0.001}),
        ),
        "The gradient says which way is downhill where we stand. A large step goes so far that it lands on the "
        "other side of the valley, higher than before. A tiny step is safe, but takes forever. Look at the loss "
        "landscape: the way of the training is drawn on it.",
        "landscape",
    ),
    "overfitting": Lesson(
        "Overfitting",
        Settings(data="circle", samples=60, noise=0.4, train=0.4, hidden=(8, 8), optimizer="adam", lr=0.03),
        "Press play and compare the two losses. The training loss goes to 0, while the loss on points that the "
        "network has never seen falls first and then rises. Show the test points: the border bends around single "
        "training points.",
        (
            Try("A penalty on the weights (L2)", {"penalty": "l2", "rate": 0.03}),
            Try("More points", {"samples": 500, "train": 0.8}),
        ),
        "Many weights and few points: the network can learn each point by heart, its noise included. What it "
        "learns by heart does not help with new points. More points leave less to learn by heart, and a penalty "
        "makes large weights, which sharp bends need, expensive.",
    ),
}
"""By the names that links use."""
