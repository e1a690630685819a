"""LLVM IR becomes functions that can be called: for this machine's CPU, kept on disk, freed with the kernel.

llvmlite is imported when the first kernel is made.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autograd_engine.files import write_atomically

_lock = threading.RLock()  # LLVM is not to be entered twice
if hasattr(os, "register_at_fork"):
    # A child has only the thread that forked: what another one left half done, LLVM's own locks too, would stay so.
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


@functools.cache
def llvm() -> Any:
    """The module llvmlite.binding, ready for use."""
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
def target() -> tuple[str, str]:
    """The name of the CPU and its features, as LLVM writes them."""
    binding = llvm()
    features = dict(binding.get_host_cpu_features())
    features["prefer-256-bit"] = False
    return binding.get_host_cpu_name(), ",".join(f"{'+' if on else '-'}{name}" for name, on in sorted(features.items()))


@functools.cache
def width() -> int:
    """How many doubles a vector register of this machine holds."""
    features = target()[1].split(",")
    return 8 if "+avx512f" in features else 4 if "+avx" in features else 2


@functools.cache
def _machine(level: int) -> Any:
    binding = llvm()
    cpu, features = target()
    triple = binding.Target.from_triple(binding.get_process_triple())
    return triple.create_target_machine(cpu=cpu, features=features, opt=level, reloc="pic", codemodel="small", jit=True)


def compiled(modules: Sequence[str], level: int) -> list[bytes]:
    """The object code of each module, at LLVM's optimisation level: from the cache, or made now and put there."""
    cache = _Cache(modules, level)
    objects = cache.read()
    if objects is None:
        objects = []
        with progress(len(modules)) as step:
            for module in modules:
                with _lock:  # for each anew, so that a fork does not wait for all
                    objects.append(_object(module, level))
                step()
        cache.write(objects)
    return objects


def assembly(modules: Sequence[str], level: int) -> str:
    """The modules in the assembly language of this machine."""
    with _lock:
        return "\n".join(_machine(level).emit_assembly(_parsed(module)) for module in modules)


def _parsed(module: str) -> Any:
    binding = llvm()
    return binding.parse_assembly(module, binding.create_context())  # a context of its own, which goes with the module


def _object(module: str, level: int) -> bytes:
    image: bytes = _machine(level).emit_object(_parsed(module))
    return image


class Library:
    """Object code, linked into this process. It goes with this object."""

    def __init__(self, objects: Iterable[bytes], exports: Iterable[str]) -> None:
        with _lock:
            builder = llvm().JITLibraryBuilder().add_current_process()
            for image in objects:
                builder.add_object_img(image)
            for name in exports:
                builder.export_symbol(name)
            number = next(_numbers)
            linker = _linker(number // 200)  # it remembers every name, so now and then there is a new one
            self._tracker = builder.link(linker, f"kernel_{number}")
            self._linker = linker  # goes after what it has linked

    def function(self, name: str, arguments: int) -> Callable[..., None]:
        """A function of `arguments` integers or addresses. The GIL is free while it runs."""
        function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * arguments)(self._tracker[name])
        function.library = self  # type: ignore[attr-defined]
        return function


_numbers = itertools.count()


@functools.lru_cache(maxsize=1)
def _linker(generation: int) -> Any:
    """What links libraries into this process."""
    return llvm().create_lljit_compiler(_machine(1))


MOST_ENTRIES = 1000


def _cache_folder() -> Path | None:
    """The folder of the cache, None for no cache: also where nobody knows the user's home, as in some containers."""
    folder = os.environ.get("AUTOGRAD_ENGINE_CACHE")
    if folder == "":
        return None
    try:
        if folder is not None:
            return Path(folder).expanduser()
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(base) / "autograd_engine"
    except RuntimeError:
        return None


class _Cache:
    """Object code on disk, in the folder AUTOGRAD_ENGINE_CACHE (default: the user's cache folder; "" for none).

    An entry's name says what it was made of: the code, the CPU and the versions of LLVM. It begins with a hash
    of the rest, so that what is damaged is made anew.
    """

    def __init__(self, modules: Sequence[str], level: int) -> None:
        folder = _cache_folder()
        binding = llvm()
        made_of = [*modules, *target(), str(binding.llvm_version_info), binding.get_process_triple(), str(level)]
        key = hashlib.sha256("\0".join(made_of).encode()).hexdigest()
        self.path = folder / f"{key}.kernel" if folder else None

    def read(self) -> list[bytes] | None:
        """The entry, None where there is none that is sound."""
        if self.path is None:
            return None
        try:
            data = self.path.read_bytes()
        except OSError:
            return None
        check, data = data[:32], data[32:]
        if hashlib.sha256(data).digest() != check:
            return None
        objects = []
        while data:
            size = int.from_bytes(data[:8], "little")
            objects.append(data[8 : 8 + size])
            data = data[8 + size :]
        return objects

    def write(self, objects: Iterable[bytes]) -> None:
        """Keep an entry. A cache that cannot be written is none."""
        if self.path is None:
            return
        data = b"".join(len(image).to_bytes(8, "little") + image for image in objects)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, hashlib.sha256(data).digest() + data)
            entries = sorted(self.path.parent.glob("*.kernel"), key=os.path.getmtime)
            for old in entries[:-MOST_ENTRIES]:
                old.unlink(missing_ok=True)
        except OSError:
            return


@contextmanager
def progress(steps: int) -> Iterator[Callable[[], None]]:
    """On a terminal, a line that tells how far compiling is, once it has taken a second."""
    start, done, shown = time.perf_counter(), 0, False

    def step() -> None:
        nonlocal done, shown
        done += 1
        passed = time.perf_counter() - start
        if passed > 1 and sys.stderr.isatty():
            bar = "━" * (30 * done // steps)
            left = passed * (steps - done) / done
            sys.stderr.write(f"\rcompiling {bar:╌<30} {100 * done // steps:3} %, about {left:.0f} s left ")
            sys.stderr.flush()
            shown = True

    try:
        yield step
    finally:
        if shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
