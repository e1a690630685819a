"""A program: a straight line of instructions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from autograd_engine.compiler.trace.arrays import ArrayTrace


SHARED = -1


CONDITIONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not", "as_bits"})
"""Operations whose result is a condition, not a number."""


LEAVES = FROM_OUTSIDE = frozenset({"scalar", "element", "sample", "size"})
"""Instructions without operands: their numbers say where the value comes from."""


@dataclass
class Names:
    """What the numbers from outside are called: the scalars, and the arrays with their shapes.

    `views` says for each mapped axis which array it belongs to and which of its axes it is. An array that is no
    argument has a negative number, -1 the first.
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
            names._add(name, argument)
        return names

    def _add(self, name: str, tree: Any) -> None:
        if isinstance(tree, np.ndarray) and tree.ndim:
            self.arrays.append((name, tree.shape))
        elif isinstance(tree, dict):
            for key, part in tree.items():
                self._add(f"{name}[{key!r}]", part)
        elif isinstance(tree, (list, tuple)):
            fields = getattr(tree, "_fields", None)
            for i, part in enumerate(tree):
                self._add(f"{name}.{fields[i]}" if fields else f"{name}[{i}]", part)
        else:
            self.scalars.append(name)

    def leaf(self, operation: str, source: tuple[int, ...], index: str) -> str:
        """What comes from outside; `index` is that of the samples."""
        if operation == "scalar":
            return self.scalars[source[0]]
        if operation == "size":
            return f"number of samples {batch_index(source[0])}"
        if operation == "element":
            name, shape = self.arrays[source[0]]
            return f"{name}[{', '.join(map(str, _place(source[1], shape)))}]"
        number, axis = self.views[source[0]]
        name, shape = self.arrays[number] if number >= 0 else (f"constant{-number}", self.constants[-1 - number])
        axis %= len(shape)
        place = list(map(str, _place(source[1], shape[:axis] + shape[axis + 1 :])))
        return f"{name}[{', '.join([*place[:axis], index, *place[axis:]])}]"


@dataclass
class Program:
    """The instructions of a traced function.

    `batches[i]` is the number of the batch that instruction i belongs to, SHARED for none. `outputs` are operands.
    Where a strong zero was left out, `guarded()` is the program that has them all, for results that are NaN.
    """

    operations: list[str]
    operands: list[tuple[int, ...]]
    batches: list[int]
    constants: list[float]
    outputs: list[int]
    recorded: int = 0
    guarded: Callable[[], Program] | None = None
    names: Names = field(default_factory=Names)

    def __len__(self) -> int:
        return len(self.operations)

    def __str__(self) -> str:
        from autograd_engine.compiler.program.listing import listing

        return listing(self, self.names)


def batch_index(batch: int) -> str:
    """The letter of a batch: i, j, k and so on."""
    letters = ascii_lowercase[8:]
    return letters[batch] if 0 <= batch < len(letters) else f"i{batch}"


def _place(i: int, shape: Sequence[int]) -> tuple[int, ...]:
    """The indices of the number at place i of an array."""
    return tuple([int(k) for k in np.unravel_index(i, tuple(shape))]) if shape else ()
