"""The network on the page as a Python script that runs on its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from nn.optimizers import OPTIMIZERS
from nn.playground.engine import LOSSES, PENALTIES
from nn.playground.settings import OWN, Settings
from nn.playground.training import Training

_TEMPLATE = '''\
"""A network from the playground of autograd-engine, with the weights it had after {steps} steps.

Run it with: python {name}
"""

import numpy as np
{not_finite}
from nn import {imports}
from nn.playground.data import {data_imports}

# The points, and what the network sees of them.
{points}
X = features(points, {features})
{targets}train, test = split(len(X), train={settings.train}, seed={settings.seed})

# The network, with the weights that it had on the page.
model = MLP({n_in}, {widths}, activation="{settings.activation}")
model.load_arrays({{
{arrays}
}})


def judged(rows):
    """The mean loss and the accuracy."""
    if not len(rows):
        return "no points"
    loss, share = evaluate(model, X[rows], y[rows], {loss}, accuracy)
    return f"loss {{loss:.6f}}, accuracy {{share:.1%}}"


print("training points:", judged(train))
print("test points:    ", judged(test))

# And this is how the training goes on.
optimizer = {optimizer}(model.parameters(), {keywords})
fit(model, X[train], y[train], {loss}, optimizer, epochs=10, batch_size={settings.batch}{penalty}, seed={settings.seed})
print("after 10 more epochs")
print("training points:", judged(train))
print("test points:    ", judged(test))
'''
FILE_NAME = "playground.py"


def _origin(settings: Settings) -> str:
    """A comment on what the columns of pasted points were."""
    if not settings.columns:
        return ""
    pairs = list(zip(settings.scales[::2], settings.scales[1::2])) or [(0.0, 1.0)] * 3
    was = [f"{name!r} = {offset:g} + {factor:g} · x" for name, (offset, factor) in zip(settings.columns, pairs)]
    classes = f"; -1 is {settings.classes[0]!r}, 1 is {settings.classes[1]!r}" if settings.classes else ""
    return f"    # {', '.join(was)}{classes}\n"


def script(training: Training) -> str:
    """The text of a script that makes the same points and the same network, judges it, and trains it on."""
    settings = training.settings
    maker: Any = OPTIMIZERS[settings.optimizer]
    optimizer = getattr(maker, "func", maker).__name__
    keywords = {"lr": settings.lr} | getattr(maker, "keywords", {})
    loss, penalty = LOSSES[settings.problem].__name__, ""
    imports = {"MLP", "accuracy", "evaluate", "fit", optimizer, loss}
    if settings.penalty != "none":
        function = PENALTIES[settings.penalty].__name__
        imports.add(function)
        weights = "[w for layer in model.layers for neuron in layer.neurons for w in neuron.weight]"
        penalty = f",\n    penalty=lambda model: {settings.rate!r} * {function}({weights})"
    if settings.data == OWN:
        data_imports = "features, split"
        rows = _origin(settings) + "".join(f"    {point},\n" for point in settings.points)
        points = f"rows = np.array([\n{rows}]).reshape(-1, 3)\npoints, y = rows[:, :2], rows[:, 2]"
    else:
        data_imports = "features, generate, split"
        points = (
            f'points, y = generate("{settings.data}", samples={settings.samples}, noise={settings.noise!r}, '
            f"seed={settings.seed})"
        )
    arrays = "\n".join(f'    "{name}": {array.tolist()},' for name, array in training.loaded_model().arrays().items())
    return _TEMPLATE.format(
        steps=training.steps,
        name=FILE_NAME,
        imports=", ".join(sorted(imports, key=lambda name: (not name.isupper(), name.islower(), name))),
        data_imports=data_imports,
        points=points,
        features=list(settings.features),
        targets="y = (y > 0).astype(float)\n" if settings.problem == "classification" else "",
        settings=settings,
        n_in=len(settings.features),
        widths=list(training.network.widths),
        arrays=arrays,
        not_finite="" if np.isfinite(training.parameters).all() else "from numpy import inf, nan\n",
        loss=loss,
        optimizer=optimizer,
        keywords=", ".join(f"{name}={value!r}" for name, value in keywords.items()),
        penalty=penalty,
    )
