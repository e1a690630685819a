"""JSON that every reader takes: without inf and nan, for which the format has no number."""

from __future__ import annotations

import json
import math
from typing import Any

from autograd_engine.structure import flatten


def to_json(data: Any, indent: int | None = None) -> str:
    """Nested dicts, lists and tuples as JSON text; inf and nan become null."""
    leaves, structure = flatten(data)
    finite = [None if isinstance(x, float) and not math.isfinite(x) else x for x in leaves]
    return json.dumps(structure(finite), indent=indent, allow_nan=False)
