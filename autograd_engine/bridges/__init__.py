"""Compiled functions where others want functions: in PyTorch, JAX, SciPy, Numba, C, and as NumPy's.

`function` is what goes over a bridge, with its derivatives. `torch` and `jax` import the framework when their function
is called. `pointers` need none: they are C functions.
"""

from autograd_engine.bridges.jax import to_jax
from autograd_engine.bridges.pointers import to_ctypes, to_scipy
from autograd_engine.bridges.torch import to_torch
from autograd_engine.bridges.vectorized import vectorized

__all__ = ["to_ctypes", "to_jax", "to_scipy", "to_torch", "vectorized"]
