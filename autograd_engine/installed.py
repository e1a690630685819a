"""What only some programs need, imported when they ask for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def attributes(module: str, later: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a module some names of which are imported, each from where `later` says, when asked for."""

    def attribute(name: str) -> Any:
        if name not in later:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        thing = getattr(import_module(later[name]), name)
        setattr(sys.modules[module], name, thing)
        return thing

    return attribute


def imported(caller: str, package: str, extra: str = "") -> Any:
    """A package, for the function `caller`. Raises ImportError with one sentence where it is not installed."""
    try:
        return import_module(package)
    except ModuleNotFoundError:
        hint = f" (the extra {extra} brings it)" if extra else ""
        raise ImportError(f"{caller}() needs {package}: pip install {package}{hint}") from None
