"""The Values that a drawing or an explanation is given, and the names by which they are to be called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from autograd_engine.primitives import as_text
from autograd_engine.value import Value

Values = Value | Iterable[Value]


def as_values(value_or_values: Values, name: str) -> tuple[Value, ...]:
    """The Values in the argument called `name`: one, or several. Raises TypeError for anything else."""
    if isinstance(value_or_values, Value):
        return (value_or_values,)
    if not isinstance(value_or_values, Iterable) or isinstance(value_or_values, (str, bytes)):
        raise TypeError(f"{name} takes Values, got {type(value_or_values).__name__}: {value_or_values!r:.60}")
    values = tuple(value_or_values)
    for value in values:
        if not isinstance(value, Value):
            raise TypeError(f"{name} takes Values, got a {type(value).__name__} among them: {value!r:.60}")
    return values


def parameters_and_labels(
    parameters: Values | Mapping[str, Value], names: Mapping[str, Value] | None
) -> tuple[set[Value], dict[Value, str]]:
    """The Values in `parameters`, and the names of nodes from `names` or else the keys of `parameters`."""
    labels = {} if names is None else labels_of(names, "names")
    if not isinstance(parameters, Mapping):
        return set(as_values(parameters, "parameters")), labels
    keys = labels_of(parameters, "parameters")
    return set(keys), keys | labels


def labels_of(names: Mapping[str, Value], argument: str) -> dict[Value, str]:
    """For each Value of a mapping its name. Raises TypeError or ValueError, about that argument, if it is none."""
    if not isinstance(names, Mapping):
        raise TypeError(f"{argument} maps names to Values, got {type(names).__name__}: {names!r:.60}")
    for name, node in names.items():
        as_text(f"a name in {argument}", name)
        if not isinstance(node, Value):
            raise TypeError(f"{argument} maps a name to a Value, got {type(node).__name__} for {name!r:.60}")
    return {node: name for name, node in names.items()}


def elided(text: str, most: int) -> str:
    """A long text without its middle, as its end tells w[0, 1] from w[0, 2]."""
    if len(text) <= most:
        return text
    end = re.search(r"(\[[^\]]*\]|\d*)(#\d+)?$", text[-most:])[0]  # type: ignore[index]  # it matches the empty text too
    return f"{text[: most - 1 - len(end)]}…{end}" if len(end) < most else f"{text[: most - 1]}…"
