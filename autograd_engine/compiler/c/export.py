"""to_c: write a function of numbers as a C file that needs nothing but the C library.

The file computes what jit(f, exact=True) computes, from the same program. functions.py writes the functions, forms.py
the expressions, and file.py the rest of the file: the comment that says what is where, and the self-test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from math import prod
from os import PathLike
from typing import Any

from autograd_engine.arguments import check_function
from autograd_engine.compiler.arguments import check_containers, named_arguments
from autograd_engine.compiler.c.file import Entry, array, c_file, entries
from autograd_engine.compiler.c.functions import Output, Source, function
from autograd_engine.compiler.jit import jit
from autograd_engine.compiler.program.program import SHARED
from autograd_engine.compiler.program.traced_function import TracedFunction
from autograd_engine.compiler.trace.matrices import SparseArray
from autograd_engine.compiler.trace.words import Word
from autograd_engine.derivatives import value_and_grad
from autograd_engine.files import write_atomically
from autograd_engine.primitives import as_float
from autograd_engine.structure import Structure, flatten

__all__ = ["to_c"]

CASES = 4  # of the self-test; fewer if they would hold more numbers than CASE_NUMBERS
CASE_NUMBERS = 4000


def to_c(f: Callable[..., Any], *example: Any, path: str | PathLike[str] | None = None, name: str | None = None) -> str:
    r"""The text of a C99 file that computes `f` for arguments like `example`; also written to `path`, if given.

    `f` takes and returns what it may under `jit`: numbers, or nested lists, tuples, dicts and arrays. The shapes are
    those of `example`; a `vmap` becomes a loop over its number of samples. All numbers in the arguments, one after
    another, are the `inputs` of the C functions. If f returns one number, there are two functions:

        double NAME_value(const double *inputs);
        double NAME_value_and_gradient(const double *inputs, double *gradient);

    Both return the value; `gradient` receives its derivatives with respect to all inputs. To differentiate with
    respect to some of the arguments only, pass `value_and_grad(f, argnums)`. That, like any other function that
    returns more than one number, becomes

        void NAME_evaluate(const double *inputs, double *outputs);

    `name` is NAME, by default the name of `f`. A comment in the file lists the inputs and outputs. Several threads may
    call the functions at once, unless these need more than 256 KiB of memory, which is then static.

    Compiled without -ffast-math, the file gives the bits of `jit(f, exact=True)` if both use the same C library (NaNs
    count as equal); NAME_value_and_gradient gives those of `value_and_grad(f, argnums)` for all arguments, whose
    value may have been added up in a different order. With -DSELF_TEST the file has a `main` that checks this at
    stored points, prints OK or the first difference, and returns 0 or 1; -DTOLERANCE=1e-12 allows for another C
    library.

    Raises TypeError if the example holds something that is not a number; ValueError if there is no number in the
    example or in the result, or if `name` cannot begin a name in C; TraceError as jit does; OSError if the file cannot
    be written.

    >>> text = to_c(lambda x, y: [x * y, 2 * (x + y)], 2.0, 3.0, name="rectangle")
    >>> print(text.partition("\n\n#ifdef SELF_TEST")[0].rpartition("\n\n")[2])
    void rectangle_evaluate(const double *inputs, double *outputs) {
        const double t2 = inputs[0] * inputs[1];
        outputs[0] = t2;
        const double t3 = inputs[0] + inputs[1];
        const double t4 = 2.0 * t3;
        outputs[1] = t4;
    }
    """
    check_function("to_c", f)
    prefix = _default_name(f) if name is None else name
    if not isinstance(prefix, str) or not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", prefix):
        raise ValueError(f"to_c(): name must be letters, digits and _, beginning with a letter, got {name!r}")
    names = [of_argument for of_argument, _ in named_arguments(f, example, {})]
    arguments = tuple([_numbers(of, argument) for of, argument in zip(names, example)])
    leaves, structure = flatten(arguments)
    if not leaves:
        raise ValueError("to_c() needs at least one number in the example, got none")
    inputs = [entry for of, argument in zip(names, arguments) for entry in entries(of, argument)]
    traced = TracedFunction(f, arguments, {}, exact=True)
    for kind, what in ((SparseArray, "a sparse derivative"), (Word, "a word, such as a str")):
        if _holds(traced.structure, kind):
            raise ValueError(f"to_c() writes functions that return numbers; it got {what}")
    if not traced.program.outputs:
        raise ValueError("to_c() needs a function that returns at least one number, got none")
    if traced.structure.kind is None and traced.leaves[0].batch == SHARED:
        both = value_and_grad(f, tuple(range(len(arguments))))
        parts = {"value": f, "value_and_gradient": both}
        programs = {"value": traced, "value_and_gradient": TracedFunction(both, arguments, {}, exact=True)}
    else:
        parts, programs = {"evaluate": f}, {"evaluate": traced}
    code: list[str] = []
    for part, of_part in programs.items():
        lines = function(of_part.program, _source(part, of_part, inputs), _outputs(of_part), part)
        code += [*_constants(part, of_part, "\n".join(lines)), *lines, ""]
    cases = 1 if traced.sites else min(CASES, CASE_NUMBERS // len(leaves))  # others may have no valid indices
    points = [leaves, *[_moved(leaves, k) for k in range(1, cases)]]
    # For each function by itself: a gradient takes arrays apart, so that the value beside it adds up in another order.
    results = {part: _results(of_part, [structure(point) for point in points]) for part, of_part in parts.items()}
    text = c_file(
        prefix,
        inputs,
        results=list(entries("result", results[part][0])),
        code=code[:-1],
        points=points,
        expected={part: [flatten(result)[0] for result in of_part] for part, of_part in results.items()},
    )
    if path is not None:
        write_atomically(path, text.encode())
    return text


def _holds(structure: Structure, kind: type) -> bool:
    return structure.kind is kind or any(_holds(child, kind) for child in structure.children)


def _default_name(f: Callable[..., Any]) -> str:
    """The part of a function's name that is valid in C, or "f" if nothing is left."""
    return re.sub("[^A-Za-z0-9_]", "", getattr(f, "__name__", "").replace("<lambda>", "")).lstrip("_0123456789") or "f"


def _numbers(name: str, argument: Any) -> Any:
    """An argument of the example, its numbers converted to floats and arrays of floats."""
    check_containers(f"to_c(): {name}", argument)
    leaves, structure = flatten(argument)
    return structure([as_float(x, f"to_c(): {name}") for x in leaves])


def _results(f: Callable[..., Any], points: Sequence[Any]) -> list[Any]:
    """What the file must compute at each point."""
    compiled = jit(f, exact=True, threads=1)
    return [compiled(*point) for point in points]


def _source(part: str, traced: TracedFunction, inputs: Sequence[Entry]) -> Source:
    """Where the numbers of a traced function come from, when all numbers of its arguments lie side by side."""
    scalars, arrays, start = list[int](), dict[int, tuple[str, int]](), 0
    for _, size, shape in inputs:
        if shape:
            arrays[len(arrays)] = "inputs", start
        else:
            scalars.append(start)
        start += size
    shapes = {number: array.shape_to_map for number, array in enumerate(traced.arrays.arguments)}
    for k, constant in enumerate(traced.arrays.constants):
        arrays[-1 - k], shapes[-1 - k] = (_constant_name(part, k), 0), constant.shape_to_map
    views = [(number, length, prod(shapes[number][axis + 1 :])) for number, axis, length in traced.arrays.views]
    return Source(scalars, arrays, views, [batch.size for batch in traced.batches])


def _outputs(traced: TracedFunction) -> list[Output]:
    """Where the numbers of the result go, with all of them side by side."""
    operands, outputs, start = iter(traced.program.outputs), list[Output](), 0
    for leaf in traced.leaves:
        if leaf.batch == SHARED:
            outputs.append(Output(next(operands), start))
            start += 1
        else:
            size = prod(leaf.shape)
            outputs += [Output(next(operands), start + k, leaf.batch, size) for k in range(size)]
            start += size * traced.batches[leaf.batch].size
    return outputs


def _constant_name(part: str, k: int) -> str:
    return f"@{part}_constant_{k}"


def _constants(part: str, traced: TracedFunction, code: str) -> list[str]:
    """Definitions of the arrays that `code` maps and that are not arguments."""
    return [
        line
        for k, constant in enumerate(traced.arrays.constants)
        if f"{_constant_name(part, k)}[" in code
        for line in [*array(_constant_name(part, k), constant.plain.ravel().tolist()), ""]
    ]


def _moved(point: Sequence[float], k: int) -> list[float]:
    """The k-th point near `point`: multiples of the golden ratio spread the numbers evenly."""
    return [x + ((i + 1) * k * 0.6180339887498949 % 1 - 0.5) * (abs(x) + 1) / 4 for i, x in enumerate(point)]
