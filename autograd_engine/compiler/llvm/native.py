"""LLVM IR becomes functions that can be called: for this machine's CPU, kept on disk, freed with the kernel."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import itertools
import sys
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from autograd_engine.compiler.llvm import cache
from autograd_engine.compiler.llvm.host import free, llvm, target


@functools.cache
def _machine() -> Any:
    cpu, features, triple, _ = target()
    with llvm() as binding:
        made_for = binding.Target.from_triple(triple)
        return made_for.create_target_machine(
            cpu=cpu, features=features, opt=1, reloc="pic", codemodel="small", jit=True
        )


def linked(modules: Sequence[str], exports: Iterable[str]) -> Library:
    """The modules as machine code: from the cache, or made now and put there."""
    name = hashlib.sha256("\0".join([*modules, *target()]).encode()).hexdigest()
    objects = cache.read(name)
    if objects is not None:
        with suppress(RuntimeError):  # LLVM cannot link it, as when a library of the system has become another
            return Library(objects, exports)
    objects = []
    with progress(len(modules)) as step:
        for module in modules:
            objects.append(_object(module))
            step()
    library = Library(objects, exports)
    cache.write(name, objects)
    return library


def assembly(modules: Sequence[str]) -> str:
    """The modules in the assembly language of this machine."""
    with llvm():
        return "\n".join(_machine().emit_assembly(_parsed(module)) for module in modules)


def _parsed(module: str) -> Any:
    with llvm() as binding:
        return binding.parse_assembly(module, binding.create_context())  # a context of its own, which goes with it


def _object(module: str) -> bytes:
    with llvm():  # for each module anew, so that a fork does not wait for all
        image: bytes = _machine().emit_object(_parsed(module))
        return image


class Library:
    """Object code, linked into this process; it goes with this object. Raises RuntimeError where LLVM refuses it."""

    def __init__(self, objects: Sequence[bytes], exports: Iterable[str]) -> None:
        self.size = sum(map(len, objects))
        with llvm() as binding:
            builder = binding.JITLibraryBuilder().add_current_process()
            for image in objects:
                builder.add_object_img(image)
            for name in exports:
                builder.export_symbol(name)
            number = next(_numbers)
            linker = _linker(number // 200)  # it remembers every name, so now and then there is a new one
            tracker = builder.link(linker, f"kernel_{number}")
            tracker.linker = linker  # goes after what it has linked
            self.addresses = {name: tracker[name] for name in exports}
            weakref.finalize(self, free, [tracker]).atexit = False

    def function(self, name: str, arguments: int) -> Callable[..., None]:
        """A function of `arguments` integers or addresses. The GIL is free while it runs."""
        function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * arguments)(self.addresses[name])
        function.library = self  # type: ignore[attr-defined]
        return function


_numbers = itertools.count()


@functools.lru_cache(maxsize=1)
def _linker(generation: int) -> Any:
    """What links libraries into this process.

    LLVM's other linker puts the sections of one library anywhere, and ends the process where two of them come to lie
    2 GB apart, as they can in one that has much memory mapped.
    """
    with llvm() as binding:
        return binding.create_lljit_compiler(_machine(), use_jit_link=True, suppress_errors=True)


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
