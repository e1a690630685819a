"""LLVM, which one thread enters at a time, and what it says of the processor of this machine.

llvmlite is imported when the first kernel is made.
"""

from __future__ import annotations

import functools
import platform
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from autograd_engine.forks import new_lock

_lock = new_lock()  # and so LLVM's own locks are free at a fork
_unused: deque[Any] = deque()


@contextmanager
def llvm() -> Iterator[Any]:
    """The module llvmlite.binding, for this thread alone; what outlives the block goes by `free`."""
    with _lock:
        _unused.clear()
        yield _binding()


def free(box: list[Any]) -> None:
    """Let go of the one thing in the box, when LLVM is entered next if another thread is in it now.

    This never waits, since the garbage collector calls it anywhere. Nothing else may hold the thing.
    """
    _unused.append(box.pop())
    if _lock.acquire(blocking=False):
        try:
            _unused.clear()
        finally:
            _lock.release()


@functools.cache
def _binding() -> Any:
    try:
        import llvmlite.binding as binding
    except ImportError:
        raise ImportError("jit() needs llvmlite: pip install llvmlite") from None
    # Code for one straight line after the other needs no scheduling: the processor reorders, and compiling is halved.
    binding.set_option("autograd-engine", "-enable-misched=false")
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    for library in ("libmvec.so.1", "libm.so.6"):  # where there is none, lowering finds that out symbol by symbol
        try:
            binding.load_library_permanently(library)
        except RuntimeError:
            continue
    return binding


@functools.cache
def target() -> tuple[str, str, str, str]:
    """What machine code depends on: the CPU, its features as LLVM writes them, the platform, LLVM's version."""
    with llvm() as binding:
        features = {**binding.get_host_cpu_features(), "prefer-256-bit": False}
        return (
            binding.get_host_cpu_name(),
            ",".join(f"{'+' if on else '-'}{name}" for name, on in sorted(features.items())),
            binding.get_process_triple(),
            str(binding.llvm_version_info),
        )


@functools.cache
def host_features() -> frozenset[str]:
    """What the processor of this machine can do, in LLVM's names."""
    features = {name[1:] for name in target()[1].split(",") if name[0] == "+"}
    return frozenset(features | {"fma"} if platform.machine().lower() in ("arm64", "aarch64") else features)


@functools.cache
def width() -> int:
    """How many doubles a vector register of this machine holds."""
    return 8 if "avx512f" in host_features() else 4 if "avx" in host_features() else 2
