"""A program as text for people: one instruction per line, with the names of the function's arguments.

Numbers that differ from sample to sample carry an index, a letter for each batch of samples:

    %0    = w
    %1[i] = X[i, 0]
    %2[i] = mul %0, %1[i]
    %3    = sum over i: %2[i]
    return %3
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from string import ascii_lowercase
from typing import Any

import numpy as np

from autograd_engine.compiler.program.program import FROM_OUTSIDE, SHARED, Program
from autograd_engine.compiler.program.regions import summed_batch
from autograd_engine.compiler.trace.arrays import ArrayTrace
from autograd_engine.structure import leaves_with_paths

SHOWN = 6  # outputs per line


@dataclass
class Names:
    """The names of the numbers from outside: of the scalars, and of the arrays with their shapes.

    `views` has, for each mapped axis, the number of its array and its place among that array's axes. Arrays that are
    not arguments have negative numbers, beginning with -1.
    """

    scalars: list[str] = field(default_factory=list)
    arrays: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    views: list[tuple[int, int]] = field(default_factory=list)
    constants: list[tuple[int, ...]] = field(default_factory=list)

    @staticmethod
    def of(arguments: Iterable[tuple[str, Any]], arrays: ArrayTrace) -> Names:
        """The names for arguments, `(name, argument)` each."""
        constants = [constant.plain.shape for constant in arrays.constants]
        names = Names(views=[(number, axis) for number, axis, _ in arrays.views], constants=constants)
        for name, argument in arguments:
            for path, leaf in leaves_with_paths(argument, name, fields=True):
                if isinstance(leaf, np.ndarray) and leaf.ndim:
                    names.arrays.append((path, leaf.shape))
                else:
                    names.scalars.append(path)
        return names

    def leaf(self, operation: str, source: tuple[int, ...], index: str) -> str:
        """The text for a number from outside; `index` is the letter for the samples."""
        if operation == "scalar":
            return self.scalars[source[0]]
        if operation == "size":
            return f"number of samples {_index(source[0])}"
        if operation == "element":
            name, shape = self.arrays[source[0]]
            return f"{name}[{', '.join(map(str, _indices(source[1], shape)))}]"
        number, axis = self.views[source[0]]
        name, shape = self.arrays[number] if number >= 0 else (f"constant{-number}", self.constants[-1 - number])
        axis %= len(shape)
        others = list(map(str, _indices(source[1], shape[:axis] + shape[axis + 1 :])))
        return f"{name}[{', '.join([*others[:axis], index, *others[axis:]])}]"


def listing(program: Program, names: Names) -> str:
    """The text of a program."""

    def operand(x: int) -> str:
        if x < 0:
            return repr(program.constants[-1 - x])
        batch = program.instructions[x].batch
        return f"%{x}" if batch == SHARED else f"%{x}[{_index(batch)}]"

    lines = []
    for i, (operation, operands, batch) in enumerate(program.instructions):
        if operation in FROM_OUTSIDE:
            text = names.leaf(operation, operands, _index(batch))
        elif operation == "batch_sum":
            summed = _index(summed_batch(program.instructions, operands))
            text = f"sum over {summed}: {' * '.join(map(operand, operands))}"
        else:
            text = f"{operation} {', '.join(map(operand, operands))}"
        lines.append((operand(i), text))
    width = max([len(number) for number, _ in lines], default=0)
    outputs = iter(map(operand, program.outputs))
    rows = iter(lambda: ", ".join(islice(outputs, SHOWN)), "")
    return "\n".join(
        [*[f"{number:{width}} = {text}" for number, text in lines], "return " + ",\n       ".join(rows)]
    ).rstrip()


def _index(batch: int) -> str:
    """The letter of a batch: i, j, k and so on."""
    letters = ascii_lowercase[8:]
    return letters[batch] if 0 <= batch < len(letters) else f"i{batch}"


def _indices(i: int, shape: Sequence[int]) -> tuple[int, ...]:
    """The indices of element i, in row-major order, of an array of this shape."""
    return tuple([int(k) for k in np.unravel_index(i, tuple(shape))]) if shape else ()
