"""Packages that only some functions need, imported when these are called."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def imported(caller: str, package: str, extra: str = "") -> Any:
    """A package, for the function `caller`. Raises ImportError with one sentence where it is not installed."""
    try:
        return import_module(package)
    except ModuleNotFoundError:
        hint = f" (the extra {extra} brings it)" if extra else ""
        raise ImportError(f"{caller}() needs {package}: pip install {package}{hint}") from None
