"""One training in the playground: the points, the parameters and the optimiser, step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from nn.checks import Array
from nn.optimizers import OPTIMIZERS
from nn.perceptrons import MLP
from nn.playground.data import features, generate, split
from nn.playground.engine import Network, engine_of
from nn.playground.kinds import SettingsError
from nn.playground.settings import OWN, Settings

LONGEST_TRAIL = 400


class Points(NamedTuple):
    """Points X (n, 2) with targets from -1 to 1, and as the network sees them: inputs (n, d), its own targets (n,)."""

    X: Array
    y: Array
    inputs: Array
    targets: Array


class Figures(NamedTuple):
    """Mean loss and share of correct points; nan if there are no points."""

    train_loss: float
    test_loss: float
    train_accuracy: float
    test_accuracy: float


class Trail:
    """The way of the parameters: at most `LONGEST_TRAIL` points of it, evenly spread over the steps."""

    def __init__(self) -> None:
        self.points: list[Array] = []
        self._stride, self._noted = 1, 0

    def note(self, parameters: Array) -> None:
        """Keep these parameters if it is their turn."""
        if self._noted % self._stride == 0:
            self.points.append(parameters)
            if len(self.points) > LONGEST_TRAIL:
                self.points = self.points[::2]
                self._stride *= 2
        self._noted += 1


class Training:
    """A network going down the gradient from the parameters in `settings`, or from drawn ones.

    `parameters` is an array (p,) that is replaced and never changed; `steps` counts the steps so far. Raises
    SettingsError if there is nothing to train with.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.data == OWN:
            rows = np.array(settings.points).reshape(-1, 3)
            X, y = rows[:, :2], rows[:, 2]
        else:
            X, y = generate(settings.data, samples=settings.samples, noise=settings.noise, seed=settings.seed)
        n_in = len(settings.features)
        self.network = Network(n_in, (*settings.hidden, 1), settings.activation, settings.problem, settings.penalty)
        targets, inputs = self.network.targets(y), features(X, settings.features)
        parts = split(len(X), settings.train, settings.seed) if len(X) else (np.arange(0),) * 2
        self.train, self.test = (Points(X[rows], y[rows], inputs[rows], targets[rows]) for rows in parts)
        self.model = self.network.model(settings.seed + settings.init)
        self._drawn = np.array([value.data for value in self.model.parameters()])
        self.parameters: Array = np.array(settings.weights) if settings.weights else self._drawn
        self.gradient: Array = np.zeros_like(self.parameters)
        self._last_step = self.parameters, self.parameters  # from where to where
        self.steps = 0
        self.trail = Trail()
        self.trail.note(self.parameters)
        self._draws = np.random.default_rng(settings.seed)
        self._waiting = np.arange(0)
        self._follow(settings)
        self.optimizer = OPTIMIZERS[settings.optimizer](self.model.parameters(), lr=settings.lr)

    def change(self, settings: Settings) -> None:
        """Go on with other settings of the descent; a new optimiser starts without a memory."""
        before = self.settings
        self.network = replace(self.network, penalty=settings.penalty)
        self._follow(settings)
        if settings.optimizer != before.optimizer:
            self.optimizer = OPTIMIZERS[settings.optimizer](self.model.parameters(), lr=settings.lr)
        self.optimizer.lr = settings.lr

    def _follow(self, settings: Settings) -> None:
        self.settings = settings
        self.engine = engine_of(self.network)

    @property
    def is_fresh(self) -> bool:
        """Whether the parameters are still the drawn ones, which follow from the settings."""
        return self.parameters is self._drawn

    @property
    def epoch(self) -> float:
        """How often each point was trained with, on average."""
        n = len(self.train.X)
        batches = -(-n // self.settings.batch)
        return self.steps / batches if n else 0.0

    def step(self) -> None:
        """One step of the optimiser on the next batch; the order of the points is drawn anew in each epoch."""
        self.require_points()
        if not len(self._waiting):
            self._waiting = self._draws.permutation(len(self.train.X))
        batch, self._waiting = self._waiting[: self.settings.batch], self._waiting[self.settings.batch :]
        X, y = self.train.inputs[batch], self.train.targets[batch]
        self.gradient = self.engine.gradient(self.parameters, X, y, self.settings.rate)
        before, self.parameters = self.parameters, self.optimizer.update(self.parameters, self.gradient)
        self._last_step = before, self.parameters
        self.steps += 1
        self.trail.note(self.parameters)

    def last_change(self) -> Array:
        """What the last step added to each parameter (p,), 0 before the first; `gradient` is what it went by."""
        before, after = self._last_step
        with np.errstate(invalid="ignore"):
            return after - before

    def require_points(self) -> None:
        """Raise SettingsError if there is nothing to train with."""
        if not len(self.train.X):
            raise SettingsError("there are no points to train with: click into the output to add some")

    def names(self) -> list[str]:
        """A name for each parameter, with layers, neurons and inputs counted from 1: w2[3,1] and b2[3]."""
        found: list[str] = []
        for k, layer in enumerate(self.network.layers, start=1):
            found += [f"w{k}[{j},{i}]" for j in range(1, layer.neurons + 1) for i in range(1, layer.inputs + 1)]
            found += [f"b{k}[{j}]" for j in range(1, layer.neurons + 1)]
        return found

    def set_parameter(self, index: int, number: float) -> None:
        """Set one weight or bias by hand."""
        self.parameters = self.parameters.copy()
        self.parameters[index] = number
        self.trail.note(self.parameters)

    def figures(self) -> Figures:
        """How good the network is now."""
        (train_loss, train_accuracy), (test_loss, test_accuracy) = map(self._judged, (self.train, self.test))
        return Figures(train_loss, test_loss, train_accuracy, test_accuracy)

    def _judged(self, points: Points) -> tuple[float, float]:
        if not len(points.X):
            return np.nan, np.nan
        outputs = self.engine.outputs(self.parameters, points.inputs)
        loss = self.engine.mean_loss(self.parameters, points.inputs, points.targets)
        return loss, float(self.network.right(outputs, points.targets).mean())

    def optimizer_state(self) -> dict[str, Array]:
        """What the optimiser remembers of each parameter so far, by the names in its formulas; arrays (p,)."""
        memory = {name.lstrip("_").replace("_", " "): array for name, array in vars(self.optimizer).items()}
        return {
            name: array
            for name, array in memory.items()
            if isinstance(array, np.ndarray) and array.shape == self.parameters.shape and array.any()
        }

    def loaded_model(self) -> MLP:
        """A separate module with the current parameters, labelled by their names."""
        model = self.network.model()
        for value, number, name in zip(model.parameters(), self.parameters.tolist(), self.names()):
            value.data, value.label = number, name
        return model
