"""Everything a user of the playground can choose, in one frozen object that comes from JSON or from a URL.

>>> settings = Settings.from_query("data=xor&hidden=4,2&lr=0.1")
>>> settings.data, settings.hidden, settings.lr
('xor', (4, 2), 0.1)
>>> settings.query()
'data=xor&hidden=4%2C2&lr=0.1'
>>> settings.changed({"noise": 0.25}).noise
0.25
>>> settings.changed({"noise": -1})
Traceback (most recent call last):
    ...
nn.playground.kinds.SettingsError: noise must be a number from 0 to 0.5, got -1
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from nn.modules import ACTIVATIONS
from nn.optimizers import OPTIMIZERS
from nn.playground.data import FEATURES, GENERATED, LONGEST_NAME, MOST_POINTS, feature_labels
from nn.playground.kinds import (
    POINTS,
    SCALES,
    WEIGHTS,
    Kind,
    SettingsError,
    choice,
    choices,
    number,
    texts,
    whole,
    widths,
)
from nn.playground.layout import layout

OWN = "own"
MOST_LAYERS, MOST_NEURONS = 6, 8
MOST_DRAWS = 99
MOST_QUERY = 60_000  # characters; the longest possible state needs about 20,000


def _setting(default: Any, kind: Kind) -> Any:
    return field(default=default, metadata={"kind": kind})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is trained on what, and how. Raises SettingsError unless all of it is possible.

    `points` are the user's, for the data set "own", with the names and scales that `Pasted` has. `weights`, if given,
    are the initial parameters in the order of `MLP.parameters()`; otherwise they are drawn from `seed`, as the points
    are, and `init`, which the points do not depend on. If there is a `rival`, it is a second network on the same
    points, which differs in what `rival_` names.
    """

    problem: str = _setting("classification", choice(("classification", "regression")))
    data: str = _setting("moons", choice((*GENERATED, OWN)))
    samples: int = _setting(400, whole(10, MOST_POINTS))
    noise: float = _setting(0.1, number(0, 0.5))
    train: float = _setting(0.5, number(0.1, 0.9))
    seed: int = _setting(1, whole(0, 999_999))
    points: tuple[tuple[float, float, float], ...] = _setting((), POINTS)
    columns: tuple[str, ...] = _setting((), texts(3, LONGEST_NAME))
    classes: tuple[str, ...] = _setting((), texts(2, LONGEST_NAME))
    scales: tuple[float, ...] = _setting((), SCALES)
    features: tuple[str, ...] = _setting(("x1", "x2"), choices(FEATURES))
    hidden: tuple[int, ...] = _setting((6, 4), widths(MOST_LAYERS, MOST_NEURONS))
    activation: str = _setting("tanh", choice(ACTIVATIONS))
    optimizer: str = _setting("sgd", choice(tuple(OPTIMIZERS)))
    lr: float = _setting(0.03, number(1e-6, 100))
    penalty: str = _setting("none", choice(("none", "l1", "l2")))
    rate: float = _setting(0.003, number(0, 10))
    batch: int = _setting(10, whole(1, MOST_POINTS))
    init: int = _setting(0, whole(0, MOST_DRAWS))
    rival: str = _setting("no", choice(("no", "yes")))
    rival_optimizer: str = _setting("adam", choice(tuple(OPTIMIZERS)))
    rival_lr: float = _setting(0.03, number(1e-6, 100))
    rival_init: int = _setting(0, whole(0, MOST_DRAWS))
    weights: tuple[float, ...] = _setting((), WEIGHTS)

    def __post_init__(self) -> None:
        for one in fields(self):
            object.__setattr__(self, one.name, one.metadata["kind"].check(one.name, getattr(self, one.name)))
        expected = self.n_parameters
        if self.weights and len(self.weights) != expected:
            raise SettingsError(f"weights must be {expected} numbers for this network, got {len(self.weights)}")

    @property
    def n_parameters(self) -> int:
        """How many weights and biases the network has."""
        return layout((len(self.features), *self.hidden, 1))[-1].end

    @property
    def labels(self) -> dict[str, str]:
        """What each feature is called: by the names of the columns, where the points have some."""
        return feature_labels(self.columns if self.data == OWN else ())

    @classmethod
    def from_query(cls, query: str) -> Settings:
        """The settings in the query part of a URL; what it does not name is the default. Raises SettingsError."""
        if len(query) > MOST_QUERY:
            raise SettingsError(f"the link is too long: {len(query)} characters, at most {MOST_QUERY}")
        kinds = {one.name: one.metadata["kind"] for one in fields(cls)}
        pairs = parse_qsl(query, keep_blank_values=True)
        return cls().changed({name: kinds[name].from_text(text) if name in kinds else text for name, text in pairs})

    def query(self) -> str:
        """The query part of a URL, for `from_query`; defaults are left out."""
        return urlencode(
            {
                one.name: one.metadata["kind"].to_text(value)
                for one in fields(self)
                if (value := getattr(self, one.name)) != one.default
            }
        )

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """These settings with some of them replaced. Raises SettingsError, also for one that does not exist.

        Weights fit one network only, so they go where the network changes.
        """
        for name in changes:
            if name not in _NAMES:
                raise SettingsError(f"there is no setting {name!r:.60}; the settings are {', '.join(_NAMES)}")
        new: dict[str, Any] = dict(changes)
        if not new.keys().isdisjoint(RESTART):
            new = {"weights": ()} | new
        return replace(self, **new)

    def of_rival(self) -> Settings:
        """The settings of the second network."""
        own = {name.removeprefix("rival_"): getattr(self, name) for name in _NAMES if name.startswith("rival_")}
        return replace(self, **own, rival="no", weights=())

    def as_json(self) -> dict[str, Any]:
        """The settings as JSON, without the weights."""
        settings = asdict(self)
        del settings["weights"]
        return settings


_NAMES = tuple(one.name for one in fields(Settings))
RESTART = frozenset(
    {
        *("problem", "data", "samples", "noise", "train", "seed", "points", "features", "hidden", "activation"),
        *("init", "rival", "rival_init"),
    }
)
"""The settings with which a training starts anew: other data, or another network."""


def ranges() -> dict[str, dict[str, Any]]:
    """What each setting may be, for the page."""
    return {one.name: one.metadata["kind"].shown for one in fields(Settings)}
