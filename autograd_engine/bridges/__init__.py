"""Compiled functions in other frameworks. Each is imported when its function is called."""

from autograd_engine.bridges.torch import to_torch

__all__ = ["to_torch"]
