"""Compiled functions in other frameworks. Each is imported when its function is called."""

from autograd_engine.bridges.jax import to_jax
from autograd_engine.bridges.torch import to_torch

__all__ = ["to_jax", "to_torch"]
