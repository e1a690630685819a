"""jit: a function of numbers becomes a kernel.

On the first call with arguments of a structure the function is run once on symbols (tracing.py), what it recorded
becomes a program (program.py, simplify.py), that becomes LLVM IR (emit.py, lower.py) and that native code
(native.py). Later calls copy numbers in, run the kernel (kernel.py) and copy numbers out.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_engine.compiler.kernel import Kernel, Stats
from autograd_engine.compiler.tracing import Traced, context
from autograd_engine.primitives import as_float
from autograd_engine.value import Value


def jit(f: Callable[..., Any], *, exact: bool = False, threads: int | None = None) -> Jitted:
    """A function that computes what `f` does, as native code.

    `f` takes and returns numbers, or nested lists, tuples, dicts and arrays of numbers. It may be anything made of
    this package's functions: `jit(value_and_grad(loss))`, `jit(vmap(f, in_axes=(None, 0)))`. It is run once for each
    structure and shapes of its arguments, on symbols; so what it does besides computing (printing, drawing random
    numbers, reading files) happens then and never again, and what it reads from the outside is fixed then. The
    length of an axis that is only given to `vmap` may differ from call to call. Every number that it returns becomes a
    float, every array one of floats.

    A derivative by an array takes the array apart: code for each of its numbers. Where there is one derivative for
    each sample, `vmap(grad(f))` needs it once for all.

    Choices between numbers are written with `where`, `maximum`, ...; an `if` on an argument raises TraceError. A
    Value that is not an argument raises TraceError too, unless it is wrapped in `constant(value)`.

    By default products and sums are contracted to one rounding and functions of many samples come from a vector
    library: within 8 units in the last place for each operation. With `exact` every result has the bits that the
    uncompiled function gives, only sums over samples are added from the first sample to the last, also in gradients,
    and the sum of a number that all samples share is its product with their number.
    `threads` is the most that large batches are split over, default: as many as there are cores. The results do not
    depend on it.

    Called with Values, the function runs uncompiled, so that `grad(jit(f))` is right, if slow: write
    `jit(grad(f))`.

    Raises TypeError where f is not a function, ValueError where `threads` is not a whole number of at least 1. A call
    raises TypeError where an argument holds something that is no number, and TraceError, at the first of its kind,
    where f cannot be compiled.

    >>> from autograd_engine import exp, value_and_grad
    >>> slope = jit(value_and_grad(lambda x: x * exp(-x)))
    >>> slope(1.0)
    (0.36787944117144233, 0.0)
    """
    if not callable(f):
        raise TypeError(f"jit() needs a function, got {type(f).__name__}")
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise ValueError(f"jit(): threads must be a whole number of at least 1, got {threads!r}")
    return Jitted(f, exact, threads)


def constant(value: Any) -> float:
    """The present number of a Value (or a number itself), which a compiled function then takes as fixed.

    It is read when the function is traced, at its first call. (`nn.constant` is something else, an initialiser of
    weights.) Raises TypeError for what is no number.

    >>> rate = Value(0.5)
    >>> scaled = jit(lambda x: x * constant(rate))
    >>> scaled(8.0)
    4.0
    >>> rate.data = 1.0  # too late: the 0.5 is part of the code
    >>> scaled(8.0)
    4.0
    """
    return value.data if isinstance(value, Value) else as_float(value)


def named_arguments(f: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> list[tuple[str, Any]]:
    """Each argument with the name that the function has for it."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "")
    names += [f"{rest}[{i}]" if rest else f"argument {len(names) + i}" for i in range(len(args) - len(names))]
    return [*zip(names, args), *keywords.items()]


class Jitted:
    """A compiled function. `program`, `llvm`, `assembly` and `stats` show what became of it.

    >>> print(jit(lambda x: x * x + 1.0).program(2.0))
    %0 = x
    %1 = fma %0, %0, 1.0
    return %1
    """

    def __init__(self, f: Callable[..., Any], exact: bool, threads: int | None) -> None:
        functools.update_wrapper(self, f, updated=())
        self.function, self.exact, self.threads = f, exact, threads
        self._kernels: dict[Any, Kernel] = {}
        self._flat: dict[int, Kernel] = {}  # those for so many plain floats
        self._lock = threading.RLock()

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """The result, in the structure in which the function returned it."""
        if {*map(type, args)} == _ONLY_FLOATS and not keywords and (flat := self._flat.get(len(args))):
            return flat.of_numbers(args)
        scalars: list[float] = []
        arrays: list[Any] = []
        try:
            structure = _take(args, scalars, arrays)
            if keywords:
                structure = structure, _take(keywords, scalars, arrays)
        except _NotANumberError as found:
            if found.symbol:
                return self.function(*args, **keywords)
            raise TypeError(self._complaint(args, keywords)) from None
        kernel = self._kernels.get((structure, *[array.shape for array in arrays]) if arrays else structure)
        if kernel is None:
            if context.nodes is not None:  # inside of another function that is traced, whose numbers it may use
                return self.function(*args, **keywords)
            kernel = self._kernel(args, keywords, structure, arrays)
        return kernel(scalars, arrays)

    def program(self, *args: Any, **keywords: Any) -> str:
        """The simplified program for arguments like these, one instruction a line. Without arguments: the last one."""
        return str(self._for(args, keywords).program)

    def llvm(self, *args: Any, **keywords: Any) -> str:
        """The program as LLVM IR."""
        return self._for(args, keywords).llvm()

    def assembly(self, *args: Any, **keywords: Any) -> str:
        """The program in the assembly language of this machine."""
        return self._for(args, keywords).assembly()

    def stats(self, *args: Any, **keywords: Any) -> Stats:
        """How long tracing and compiling took and what came of it."""
        return self._for(args, keywords).stats

    def __repr__(self) -> str:
        return f"jit({_name(self.function)})"

    def __reduce__(self) -> Any:
        return Jitted, (self.function, self.exact, self.threads)  # whose kernels are compiled anew

    def _for(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Kernel:
        if not args and not keywords and self._kernels:
            return list(self._kernels.values())[-1]
        arrays: list[Any] = []
        try:
            structure = _take(args, [], arrays)
            if keywords:
                structure = structure, _take(keywords, [], arrays)
        except _NotANumberError:
            raise TypeError(self._complaint(args, keywords)) from None
        return self._kernel(args, keywords, structure, arrays)

    def _kernel(self, args: tuple[Any, ...], keywords: dict[str, Any], structure: Any, arrays: list[Any]) -> Kernel:
        """The kernel for arguments like these: one that fits, or a new one."""
        shapes = tuple(array.shape for array in arrays)
        key = (structure, *shapes) if arrays else structure
        with self._lock:
            if key not in self._kernels:
                fitting = [kernel for kernel in self._kernels.values() if kernel.fits(structure, shapes)]
                self._kernels[key] = fitting[0] if fitting else self._compile(args, keywords, structure)
            if {*map(type, args)} == _ONLY_FLOATS and not keywords:
                self._flat[len(args)] = self._kernels[key]
            return self._kernels[key]

    def _compile(self, args: tuple[Any, ...], keywords: dict[str, Any], structure: Any) -> Kernel:
        return Kernel(
            self.function,
            args,
            keywords,
            structure,
            self.exact,
            self.threads,
            named_arguments(self.function, args, keywords),
        )

    def _complaint(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> str:
        faults = itertools.starmap(_fault, named_arguments(self.function, args, keywords))
        return f"{_name(self.function)}(): {next(filter(None, faults))}"


def _name(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", type(f).__name__)


class _NotANumberError(Exception):
    """Found in the arguments: a Value or a traced number (`symbol`), or something that is no number at all."""

    def __init__(self, message: str, symbol: bool = False) -> None:
        super().__init__(message)
        self.symbol = symbol


def _take(tree: Any, scalars: list[float], arrays: list[Any]) -> Any:
    """Collect the numbers and the arrays of an argument; return what is left of it, to compare structures by."""
    kind = tree.__class__
    if kind is np.ndarray and tree.dtype is _FLOAT64 and tree.ndim:
        arrays.append(tree)
        return np.ndarray
    if kind is float:
        scalars.append(tree)
        return float
    if kind is tuple or kind is list:
        return (kind, *[_take(part, scalars, arrays) for part in tree])
    if kind is dict:
        return (kind, *tree, *[_take(part, scalars, arrays) for part in tree.values()])
    if isinstance(tree, (tuple, list)):  # a named one, or somebody's own
        return (kind, *[_take(part, scalars, arrays) for part in tree])
    if isinstance(tree, dict):
        return (kind, *tree, *[_take(part, scalars, arrays) for part in tree.values()])
    if isinstance(tree, np.ndarray):
        if tree.dtype == object:
            numbers: list[float] = []
            _take(tree.ravel().tolist(), numbers, [])
            tree = np.array(numbers).reshape(tree.shape)
        if tree.dtype.kind not in "fiub":
            raise _NotANumberError(f"expected an array of real numbers, got dtype {tree.dtype}")
        if tree.ndim:
            arrays.append(np.array(tree, dtype=np.float64))
            return np.ndarray
        tree = tree.item()
    elif isinstance(tree, (Value, Traced)) or hasattr(tree, "shape_to_map"):
        raise _NotANumberError("", symbol=True)
    try:
        scalars.append(as_float(tree))
    except (TypeError, OverflowError) as error:
        raise _NotANumberError(str(error)) from None
    return float


def _fault(name: str, tree: Any) -> str:
    """Where in an argument something is not a number, and what is wrong with it; "" if all is well."""
    if isinstance(tree, dict):
        parts = [(f"{name}[{key!r}]", part) for key, part in tree.items()]
    elif isinstance(tree, (list, tuple)):
        parts = [(f"{name}[{i}]", part) for i, part in enumerate(tree)]
    else:
        try:
            _take(tree, [], [])
        except _NotANumberError as found:
            return f"{name}: {found}"
        return ""
    return next(filter(None, itertools.starmap(_fault, parts)), "")


_FLOAT64 = np.dtype(np.float64)
_ONLY_FLOATS = {float}
