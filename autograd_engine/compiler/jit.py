"""jit: compile a function of numbers.

The first call with arguments of a new structure makes a kernel (kernel.py), which traces the function and compiles
what was recorded. Later calls copy numbers in, run the kernel and copy numbers out.
"""

from __future__ import annotations

import copy
import functools
import os
import threading
import weakref
from collections.abc import Callable, Hashable, Sequence
from types import MethodType
from typing import Any, NamedTuple, overload
from uuid import uuid4

from autograd_engine.arguments import check_function, float_arguments
from autograd_engine.compiler.arguments import (
    ANY_NUMBER,
    ONLY_FLOATS,
    NotANumberError,
    StaticArguments,
    check_containers,
    fault_of,
    named_arguments,
    take,
)
from autograd_engine.compiler.kernel import Kernel, Stats
from autograd_engine.compiler.llvm.executable import KeepsTooMuchError
from autograd_engine.compiler.trace.errors import OuterVariableError
from autograd_engine.compiler.trace.traced import context
from autograd_engine.copying import name_in_module
from autograd_engine.runs import float_of, name_of, parameters_of, user_function

MEMORY = 256e6
"""Bytes that loops may keep for their derivatives, by default."""


@overload
def jit(
    f: Callable[..., Any],
    *,
    exact: bool = ...,
    threads: int | None = ...,
    static_argnames: str | Sequence[str] = ...,
    memory: float | None = ...,
) -> Jitted: ...


@overload
def jit(
    f: None = ...,
    *,
    exact: bool = ...,
    threads: int | None = ...,
    static_argnames: str | Sequence[str] = ...,
    memory: float | None = ...,
) -> Callable[[Callable[..., Any]], Jitted]: ...


def jit(
    f: Callable[..., Any] | None = None,
    *,
    exact: bool = False,
    threads: int | None = None,
    static_argnames: str | Sequence[str] = (),
    memory: float | None = MEMORY,
) -> Jitted | Callable[[Callable[..., Any]], Jitted]:
    """A function that computes what `f` does, as native code.

    `f` takes and returns numbers, or nested lists, tuples, dicts and arrays of numbers. It may combine any functions
    of this package: `jit(value_and_grad(loss))`, `jit(vmap(f, in_axes=(None, 0)))`. For each new structure or shape of
    its arguments it is run on symbols, once, or twice where a statement depends on them. Whatever else it does
    (printing, drawing random numbers, reading files) happens only then, and what it reads from outside is fixed then.
    The length of an axis that is only passed to `vmap` may differ from call to call. Every number that it returns
    becomes a float, every array an array of floats.

    A derivative with respect to an array takes the array apart: it needs code for each number. If every sample has
    its own derivative, `vmap(grad(f))` needs the code only once.

    Where an `if`, `and`, `break`, `return` or the like depends on the arguments, the function is rewritten so that both
    sides are computed and the right one counts, and so are the user's functions that it calls. What cannot be
    rewritten, such as an `assert` on an argument, raises TraceError, which names the line. So does a Value that is not
    an argument, unless it is wrapped in `constant(value)`.

    By default products and sums are contracted to one rounding, and functions of many samples come from a vector
    library: within 8 units in the last place for each operation. With `exact`, values and first derivatives have the
    bits that the uncompiled function gives on Values, with these exceptions: sums over samples, also in gradients, are
    added from the first sample to the last; the sum of a number that all samples share is the number times how many
    samples there are; what a number that is used three times contributes to derivatives may be added up in another
    order in functions with hundreds of paths, beside numbers that NumPy or `sorted` chooses by comparing others, as
    np.where, np.sort and np.interp do, and from the rounds of a loop that stays one. Second derivatives may differ
    in the last bit, since the rules of uncompiled functions evaluate constants as floats; so may first derivatives
    through `linalg`, and what comes from its `eigh`.

    `threads` limits how many threads a large batch is split over; by default there is one per core. The results do not
    depend on it.

    Where the loops of a call want to keep more than `memory` bytes for their derivatives, the function is run on
    symbols and compiled again. Of n rounds its loops then keep the states of about 2 sqrt(n), and run all of them
    twice; with `exact`, values and first derivatives keep their bits. With None there is no limit.

    It can be pickled where f can. A process that receives it more than once, as a worker of Dask does, compiles it
    once: what it reads from outside is fixed there as it is here.

    The arguments named in `static_argnames` are passed to the function unchanged: a choice such as "relu", None, a
    bool for an `if`, or the length of a `range`. They must be hashable, and each combination has its own kernels.

    As a decorator it works on methods too. The method gets its object unchanged, and each object has its own kernels,
    which keep the attributes that it had when the method was traced: pass numbers that change as arguments.
    `@jit(exact=True)` decorates with options.

    Called with Values, the function runs uncompiled, so `grad(jit(f))` is right but slow: write `jit(grad(f))`. It
    also runs uncompiled when it uses the variable of an enclosing derivative.

    Raises TypeError if f is not a function, ValueError if `threads` is not a whole number of at least 1 or `memory` not
    a number of at least 0. A call raises
    TypeError if an argument holds something that is not a number, and the first call of its kind raises TraceError if
    f cannot be compiled.

    >>> from autograd_engine import exp, value_and_grad
    >>> slope = jit(value_and_grad(lambda x: x * exp(-x)))
    >>> slope(1.0)
    (0.36787944117144233, 0.0)
    """
    if f is not None:
        check_function("jit", f)
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise ValueError(f"jit(): threads must be a whole number of at least 1, got {threads!r}")
    if memory is not None and not (isinstance(memory, (int, float)) and memory >= 0):
        raise ValueError(f"jit(): memory must be a number of bytes, or None for no limit, got {memory!r}")
    names = [static_argnames] if isinstance(static_argnames, str) else static_argnames
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"jit(): static_argnames must be a name or a list of names, got {static_argnames!r}")
    options = Options(exact, threads, tuple(names), memory)
    return Jitted(f, options) if f is not None else lambda f: Jitted(f, options)


def constant(value: Any) -> float:
    """The current number of a Value, or a number itself, to be fixed in a compiled function.

    It is read when the function is traced, at its first call. (`nn.constant` is something else: an initialiser of
    weights.) Raises TypeError for anything that is not a number.

    >>> from autograd_engine import Value
    >>> rate = Value(0.5)
    >>> scaled = jit(lambda x: x * constant(rate))
    >>> scaled(8.0)
    4.0
    >>> rate.data = 1.0  # too late: the 0.5 is part of the code
    >>> scaled(8.0)
    4.0
    """
    return float_of(value)


class Options(NamedTuple):
    """The options of `jit`."""

    exact: bool = False
    threads: int | None = None
    static: tuple[str, ...] = ()
    memory: float | None = MEMORY


class _Compiled:
    """The kernels of a function. It does not hold the function, so it does not keep the object of a method alive."""

    def __init__(self) -> None:
        self.kernels: dict[Any, Kernel] = {}
        self.flat: dict[int, Kernel] = {}  # by the number of arguments, if all of them are floats
        self.variants: dict[Any, _Compiled] = {}  # for each combination of static arguments
        self.parts: dict[Any, _Compiled] = {}  # of what is made of the function, as a bridge does
        self.name = ""  # under which other processes know it
        self._locks: dict[int, threading.RLock] = {}

    @property
    def lock(self) -> threading.RLock:
        """The lock of this process: after a fork, the lock of the parent may be held by a thread that is not there."""
        return self._locks.setdefault(os.getpid(), threading.RLock())

    def last(self) -> Kernel | None:
        """The newest kernel."""
        kernels = list(self.kernels.values())
        for variant in self.variants.values():
            kernels += variant.kernels.values()
        return kernels[-1] if kernels else None


class Jitted:
    """A compiled function. `program`, `llvm`, `assembly` and `stats` show what it was compiled to.

    >>> print(jit(lambda x: x * x + 1.0).program(2.0))
    %0 = x
    %1 = fma %0, %0, 1.0
    return %1
    """

    def __init__(self, f: Callable[..., Any], options: Options, compiled: _Compiled | None = None) -> None:
        functools.update_wrapper(self, f, updated=())
        self.function, self.options = f, options
        self.exact, self.threads, self.static, self.memory = options
        self._compiled = _Compiled() if compiled is None else compiled
        self._kernels, self._flat = self._compiled.kernels, self._compiled.flat
        self._of_objects: dict[int, tuple[Any, _Compiled]] = {}  # by the id of a method's object, with a weak reference
        self._static = StaticArguments(f, self.static) if self.static else None

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """The result, in the structure in which the function returned it."""
        if {*map(type, args)} == ONLY_FLOATS and not keywords and (flat := self._flat.get(len(args))):
            try:
                return flat.of_numbers(args)
            except KeepsTooMuchError:  # see below; suppress() would take a quarter of the call
                pass
        if self._static:
            variant, args, keywords = self._variant(self._static, args, keywords)
            return variant(*args, **keywords)
        scalars: list[float] = []
        arrays: list[Any] = []
        try:
            structure = take(args, scalars, arrays)
            if keywords:
                structure = structure, take(keywords, scalars, arrays)
        except NotANumberError as found:
            if found.symbol:
                return self._uncompiled(args, keywords)
            raise TypeError(self._complaint(args, keywords)) from None
        kernel = self._kernels.get((structure, *[array.shape for array in arrays]) if arrays else structure)
        if kernel is None:
            if context.nodes is not None:  # inside another function being traced, whose numbers it may use
                return self._uncompiled(args, keywords)
            try:
                kernel = self._kernel(args, keywords, structure, arrays)
            except OuterVariableError:
                return self._uncompiled(args, keywords)
        try:
            return kernel(scalars, arrays)
        except KeepsTooMuchError:
            return self._in_segments(kernel, args, keywords, structure, arrays)(scalars, arrays)

    def blank(self, *args: Any) -> Any:
        """A result for arguments like these, of its structure and shapes, with any numbers: nothing is computed."""
        arrays: list[Any] = []
        return self._kernel(args, {}, take(args, [], arrays), arrays).blank(arrays)

    def _uncompiled(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        given, named = float_arguments(name_of(self.function), args, keywords)
        return user_function.get()(self.function)(*given, **named)

    def program(self, *args: Any, **keywords: Any) -> str:
        """The simplified program for arguments like these, one instruction per line; without arguments, the newest."""
        return self.kernel(*args, **keywords).listing()

    def llvm(self, *args: Any, **keywords: Any) -> str:
        """The program as LLVM IR."""
        return self.kernel(*args, **keywords).llvm()

    def assembly(self, *args: Any, **keywords: Any) -> str:
        """The program in the assembly language of this machine."""
        return self.kernel(*args, **keywords).assembly()

    def stats(self, *args: Any, **keywords: Any) -> Stats:
        """How long tracing and compiling took, and the size of the result."""
        return self.kernel(*args, **keywords).stats

    def __repr__(self) -> str:
        return f"jit({name_of(self.function)})"

    def __get__(self, instance: Any, owner: type | None = None) -> Jitted:
        """Bind the function as a method of `instance`, which the function gets unchanged."""
        if instance is None:
            return self
        bound = MethodType(self.function, instance)
        return Jitted(bound, self.options, self._compiled_for(instance))

    def _compiled_for(self, instance: Any) -> _Compiled:
        """The kernels of the method for this object. They live as long as the object."""
        key, of_objects = id(instance), self._of_objects
        with self._compiled.lock:
            if key not in of_objects:
                try:
                    reference = weakref.ref(instance, lambda _: of_objects.pop(key, None))
                except TypeError:
                    raise TypeError(
                        f"jit cannot compile the method {name_of(self.function)} of a {type(instance).__name__}, which "
                        "takes no weak references; add '__weakref__' to its __slots__, or compile a function"
                    ) from None
                of_objects[key] = reference, _Compiled()
            return of_objects[key][1]

    def __reduce__(self) -> Any:
        """Pickle by name if that finds it, as for any function; else by its parts, to be compiled once a process."""
        if isinstance(self.function, MethodType):
            return getattr, (self.function.__self__, self.function.__name__)
        if name := name_in_module(self):
            return name
        self._compiled.name = self._compiled.name or uuid4().hex
        return _received, (self._compiled.name, self.function, self.options)

    def __deepcopy__(self, memo: Any) -> Jitted:
        """A copy with kernels of its own, since the function may be an object that changes."""
        if isinstance(self.function, MethodType):
            bound: Jitted = getattr(copy.deepcopy(self.function.__self__, memo), self.function.__name__)
            return bound
        if name_in_module(self):
            return self
        return Jitted(copy.deepcopy(self.function, memo), self.options)

    def part(self, key: Hashable, f: Callable[..., Any]) -> Jitted:
        """`f`, which is made of this function in the way `key`, with the same options, compiled for both at once."""
        compiled = self._compiled.parts.setdefault(key, _Compiled())
        return Jitted(f, self.options._replace(static=()), compiled)

    def _variant(
        self, static: StaticArguments, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[Jitted, tuple[Any, ...], dict[str, Any]]:
        """The function with the static arguments fixed, and the other arguments."""
        key, f, args, keywords = static.taken_out(args, keywords)
        try:
            with self._compiled.lock:
                compiled = self._compiled.variants.setdefault(key, _Compiled())
        except TypeError as error:
            raise TypeError(f"{name_of(self.function)}(): static arguments must be hashable: {error}") from None
        return Jitted(f, self.options._replace(static=()), compiled), args, keywords

    def kernel(self, *args: Any, **keywords: Any) -> Kernel:
        """The kernel for arguments like these, compiled if there is none yet; without arguments, the newest."""
        if not args and not keywords:
            last = self._compiled.last()
            if last is not None:
                return last
            if any(p.default is p.empty and p.kind not in ANY_NUMBER for p in parameters_of(self.function)):
                raise TypeError(
                    f"{name_of(self.function)}() is not compiled yet: call it first, or give example arguments"
                )
        if self._static:
            variant, args, keywords = self._variant(self._static, args, keywords)
            return variant.kernel(*args, **keywords)
        arrays: list[Any] = []
        try:
            structure = take(args, [], arrays)
            if keywords:
                structure = structure, take(keywords, [], arrays)
        except NotANumberError:
            raise TypeError(self._complaint(args, keywords)) from None
        return self._kernel(args, keywords, structure, arrays)

    def _kernel(self, args: tuple[Any, ...], keywords: dict[str, Any], structure: Any, arrays: list[Any]) -> Kernel:
        """The kernel for arguments like these: one that fits, or a new one."""
        shapes = tuple(array.shape for array in arrays)
        key = (structure, *shapes) if arrays else structure
        with self._compiled.lock:
            if key not in self._kernels:
                fitting = [kernel for kernel in self._kernels.values() if kernel.fits(structure, shapes)]
                self._kernels[key] = fitting[0] if fitting else self._compile(args, keywords, structure)
            if {*map(type, args)} == ONLY_FLOATS and not keywords:
                self._flat[len(args)] = self._kernels[key]
            return self._kernels[key]

    def _in_segments(
        self, kernel: Kernel, args: tuple[Any, ...], keywords: dict[str, Any], structure: Any, arrays: list[Any]
    ) -> Kernel:
        """A kernel whose loops keep little, in place of one."""
        with self._compiled.lock:
            keys = [key for key, one in self._kernels.items() if one is kernel]  # none if another thread was faster
            again = self._compile(args, keywords, structure, in_segments=True) if keys else None
            for kernels in (self._kernels, self._flat):
                kernels |= {key: again for key, one in kernels.items() if again and one is kernel}
            return self._kernel(args, keywords, structure, arrays)

    def _compile(
        self, args: tuple[Any, ...], keywords: dict[str, Any], structure: Any, in_segments: bool = False
    ) -> Kernel:
        arguments = named_arguments(self.function, args, keywords)
        if any(argument is None for _, argument in arguments):
            raise TypeError(self._complaint(args, keywords))
        for name, argument in arguments:
            check_containers(f"{name_of(self.function)}(): {name}", argument)
        memory = None if self.memory is None else int(min(self.memory, 2**62))
        return Kernel(
            self.function, args, keywords, structure, self.exact, self.threads, arguments, memory, in_segments
        )

    def _complaint(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> str:
        arguments = named_arguments(self.function, args, keywords)
        fault, argument = next((fault, x) for name, x in arguments if (fault := fault_of(name, x)))
        hint = "; if that is meant, name it in static_argnames" if argument is None or isinstance(argument, str) else ""
        return f"{name_of(self.function)}(): {fault}{hint}"


@functools.lru_cache(maxsize=128)
def _compiled_here(name: str) -> _Compiled:
    """The kernels in this process of a function that came from another one, perhaps more than once."""
    compiled = _Compiled()
    compiled.name = name
    return compiled


def _received(name: str, f: Callable[..., Any], options: Options) -> Jitted:
    return Jitted(f, options, _compiled_here(name))
