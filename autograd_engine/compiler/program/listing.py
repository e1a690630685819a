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

from autograd_engine.compiler.program.program import FROM_OUTSIDE, OF_BODY, REDUCTIONS, SHARED, Program
from autograd_engine.compiler.program.regions import summed_batch
from autograd_engine.compiler.trace.array_trace import ArrayTrace
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
        if operation == "array":
            place, offset, record = source
            shapes = [shape for _, shape in self.arrays] + self.constants
            name = self.arrays[place][0] if place < len(self.arrays) else f"constant{place - len(self.arrays) + 1}"
            return f"{name}[{', '.join(map(str, _indices(offset, shapes[place])))}] and on, by {record}"
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
    outputs = iter(_Lines(program, names).outputs)
    rows = iter(lambda: ", ".join(islice(outputs, SHOWN)), "")
    return "\n".join([*_Lines(program, names).lines(), "return " + ",\n       ".join(rows)]).rstrip()


class _Lines:
    """The lines of a program, or of the body of the loop with the name `of`, whose numbers begin with that name."""

    def __init__(self, program: Program, names: Names, of: str = "") -> None:
        self.program, self.names, self.of = program, names, of

    @property
    def outputs(self) -> list[str]:
        """What the program returns."""
        return [self.operand(x) for x in self.program.outputs]

    def operand(self, x: int) -> str:
        """The text of an operand."""
        if x < 0:
            return repr(self.program.constants[-1 - x])
        name = f"{self.of}.{x}" if self.of else f"%{x}"
        batch = self.program.instructions[x].batch
        return name if batch == SHARED else f"{name}[{_index(batch)}]"

    def lines(self) -> list[str]:
        """One line for an instruction, except for loops."""
        pairs = [(self.operand(i), *self._text(i)) for i in range(len(self.program.instructions))]
        width = max([len(number) for number, *_ in pairs], default=0)
        return [line for number, text, body in pairs for line in (f"{number:{width}} = {text}", *body)]

    def _text(self, i: int) -> tuple[str, list[str]]:
        """The text of an instruction, and the lines of its body."""
        operation, operands, batch = self.program.instructions[i]
        if operation in OF_BODY:
            return " ".join([operation, *map(str, operands)]), []
        if operation in FROM_OUTSIDE:
            return self.names.leaf(operation, operands, _index(batch)), []
        if operation in REDUCTIONS:
            reduced = _index(summed_batch(self.program.instructions, operands))
            what = operation.removeprefix("batch_")
            return f"{what} over {reduced}: {' * '.join(map(self.operand, operands))}", []
        texts = list(map(self.operand, operands))
        if operation == "loop":
            return self._loop(i, texts)
        if operation in ("result", "stack", "entry"):
            place = int(self.program.constants[-1 - operands[1]])
            what = "number of rounds" if place < 0 else f"{operation} {place}"
            return f"{what} of {texts[0]}", []
        return f"{operation} {', '.join(texts)}", []

    def _loop(self, i: int, operands: list[str]) -> tuple[str, list[str]]:
        """A loop: how many rounds, what each begins with, and its body."""
        loop = self.program.loops[i]
        count, *others = operands
        inner = _Lines(loop.body, self.names, self.operand(i).partition("[")[0])
        head = f"loop, {count} rounds" if loop.counted else f"loop, if {count}"
        outputs = inner.outputs
        carried = [] if loop.counted else [f"while {outputs.pop(0)}"]
        starts = [others.pop(0) for _ in range(loop.carries)]
        stacks = [others.pop(0) for _ in range(loop.stacks)]
        if loop.backwards:
            head += " backwards"
        for word, texts in (("carrying", starts), ("reading", stacks), ("with", others)):
            if texts:
                head += f", {word} {', '.join(texts)}"
        for word, texts in (("carry", outputs[: loop.carries]), ("keep", outputs[loop.carries :])):
            if texts:
                carried.append(f"{word} {', '.join(texts)}")
        return head, [f"    {line}" for line in [*inner.lines(), *carried]]


def _index(batch: int) -> str:
    """The letter of a batch: i, j, k and so on."""
    letters = ascii_lowercase[8:]
    return letters[batch] if 0 <= batch < len(letters) else f"i{batch}"


def _indices(i: int, shape: Sequence[int]) -> tuple[int, ...]:
    """The indices of element i, in row-major order, of an array of this shape."""
    return tuple([int(k) for k in np.unravel_index(i, tuple(shape))]) if shape else ()
