"""What a setting of the playground may be: how it is checked, and how it is written in a URL."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

from nn.playground.data import EXTENT, MOST_POINTS

LARGEST_WEIGHT = 1e6


class SettingsError(ValueError):
    """A setting that is not possible. The message is one line that says which, and what is."""


@dataclass(frozen=True)
class Kind:
    """What a setting may be.

    `check(name, value)` returns the value as it is kept, or raises SettingsError. `to_text` writes it for a URL;
    `from_text` reads that again, and leaves a text that makes no sense as it is, for `check` to refuse. `shown` is what
    the page is told: the options, or the lowest and highest number.
    """

    check: Callable[[str, Any], Any]
    to_text: Callable[[Any], str]
    from_text: Callable[[str], Any]
    shown: dict[str, Any] = field(default_factory=dict)


def choice(options: tuple[str, ...]) -> Kind:
    """One of several texts."""

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in options:
            raise SettingsError(f"{name} must be one of {', '.join(options)}, got {value!r:.60}")
        return value

    return Kind(check, str, str, {"options": options})


def choices(options: tuple[str, ...]) -> Kind:
    """At least one of several texts, each once, in the order of the options."""

    def check(name: str, value: Any) -> tuple[str, ...]:
        if not _is_list(value) or not value or not all(isinstance(item, str) and item in options for item in value):
            raise SettingsError(f"{name} must be a list of at least one of {', '.join(options)}, got {value!r:.60}")
        return tuple(option for option in options if option in value)

    return Kind(check, ",".join, lambda text: text.split(","), {"options": options})


def number(low: float, high: float) -> Kind:
    """A number in a range."""

    def check(name: str, value: Any) -> float:
        if not _is_number(value) or not low <= value <= high:
            raise SettingsError(f"{name} must be a number from {low:g} to {high:g}, got {value!r:.60}")
        return float(value)

    return Kind(check, lambda value: f"{value!r}".removesuffix(".0"), _number_or_text, {"low": low, "high": high})


def whole(low: int, high: int) -> Kind:
    """A whole number in a range."""

    def check(name: str, value: Any) -> int:
        if not _is_number(value) or not low <= value <= high or value != int(value):
            raise SettingsError(f"{name} must be a whole number from {low} to {high}, got {value!r:.60}")
        return int(value)

    return Kind(check, str, _number_or_text, {"low": low, "high": high})


def widths(layers: int, neurons: int) -> Kind:
    """The number of neurons in each layer, with a limit to both."""
    width = whole(1, neurons)

    def check(name: str, value: Any) -> tuple[int, ...]:
        if not _is_list(value) or len(value) > layers:
            raise SettingsError(f"{name} must be a list of at most {layers} widths, got {value!r:.60}")
        return tuple(width.check(f"{name}: each width", item) for item in value)

    return Kind(
        check,
        lambda value: ",".join(map(str, value)),
        lambda text: [_number_or_text(item) for item in text.split(",")] if text else [],
        {"layers": layers, "neurons": neurons},
    )


def _check_points(name: str, value: Any) -> tuple[tuple[float, ...], ...]:
    if not _is_list(value) or len(value) > MOST_POINTS:
        raise SettingsError(f"{name} must be a list of at most {MOST_POINTS} points, got {value!r:.60}")
    limits = (EXTENT, EXTENT, 1.0)
    for i, point in enumerate(value):
        fits = _is_list(point) and len(point) == 3
        if not fits or not all(_is_number(x) and abs(x) <= limit for x, limit in zip(point, limits)):
            raise SettingsError(
                f"{name}: point {i} must be x1 and x2 from {-EXTENT:g} to {EXTENT:g} and a target from -1 to 1, "
                f"got {point!r:.60}"
            )
    return tuple(tuple(map(float, point)) for point in value)


POINTS = Kind(
    _check_points,
    lambda value: " ".join(",".join(f"{x:g}" for x in point) for point in value),
    lambda text: [[_number_or_text(item) for item in point.split(",")] for point in text.split()],
)
"""User-defined points: x1, x2 and a target of each."""


def texts(count: int, longest: int) -> Kind:
    """So many short texts in one line each, or none."""

    def check(name: str, value: Any) -> tuple[str, ...]:
        fits = _is_list(value) and len(value) in (0, count)
        if not fits or not all(
            isinstance(text, str) and 0 < len(text) <= longest and text.isprintable() for text in value
        ):
            wanted = f"{count} texts of 1 to {longest} characters that can be printed, or none"
            raise SettingsError(f"{name} must be {wanted}, got {value!r:.60}")
        return tuple(value)

    return Kind(
        check,
        lambda value: ",".join(quote(text, safe="") for text in value),
        lambda text: [unquote(item) for item in text.split(",")] if text else [],
    )


def _check_scales(name: str, value: Any) -> tuple[float, ...]:
    if not _is_list(value) or len(value) not in (0, 6) or not all(map(_is_number, value)) or not all(value[1::2]):
        raise SettingsError(
            f"{name} must be an offset and a factor that is not 0 for x1, x2 and the target, or none, got {value!r:.60}"
        )
    return tuple(map(float, value))


SCALES = Kind(
    _check_scales,
    lambda value: ",".join(f"{x:g}" for x in value),
    lambda text: [_number_or_text(item) for item in text.split(",")] if text else [],
)
"""An offset and a factor for x1, x2 and the target, or none: offset + factor · what is shown is what it means."""


def _check_weights(name: str, value: Any) -> tuple[float, ...]:
    if not _is_list(value) or not all(_is_number(weight) and abs(weight) <= LARGEST_WEIGHT for weight in value):
        raise SettingsError(f"{name} must be a list of finite numbers up to {LARGEST_WEIGHT:g}, got {value!r:.60}")
    return tuple(map(float, value))


def _decoded(text: str) -> Any:
    try:
        return np.frombuffer(base64.b64decode(text, altchars=b"-_", validate=True), dtype="<f8").tolist()
    except (binascii.Error, ValueError):
        return text


WEIGHTS = Kind(
    _check_weights,
    lambda value: base64.urlsafe_b64encode(np.array(value, dtype="<f8").tobytes()).decode(),
    _decoded,
)
"""All parameters of a network, or none; in a URL the base64 of their 64-bit floats, low byte first."""


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _is_number(value: Any) -> bool:
    # A whole number may be too large to be compared as a float: no setting is as large as 1e300.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e300 < value < 1e300


def _number_or_text(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
