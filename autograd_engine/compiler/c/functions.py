"""Writing a program as C functions: one statement per instruction, loops over samples, long programs in pieces.

The shared code and the loops of each stage are cut into pieces, each a static function; a program no longer than one
piece has its code in place. What one piece computes and another needs goes through the array `memory`.

In all text @ stands for the prefix of the file's names; see forms.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from autograd_engine.compiler.c.forms import FORMS, literal
from autograd_engine.compiler.c.statements import Entry, Line, block, kind
from autograd_engine.compiler.program.program import FROM_OUTSIDE, IN_BUFFERS, REDUCTIONS, SHARED, Program
from autograd_engine.compiler.program.regions import PART, lines, parts

__all__ = ["HEADS", "Output", "Source", "function"]

STACK = 2**15  # doubles; a larger `memory` is static instead of on the stack


@dataclass(frozen=True)
class Source:
    """Where the numbers of a program come from.

    `scalars` has the index of each scalar in `inputs`. `arrays` has, for each array, its name in C and the index of
    its first number there. `views` has, for each mapped axis, its array, its length and how far two samples are apart.
    `sizes` has the number of samples of each batch.
    """

    scalars: Sequence[int]
    arrays: dict[int, tuple[str, int]]
    views: Sequence[tuple[int, int, int]]
    sizes: Sequence[int]

    def text(self, operation: str, operands: tuple[int, ...]) -> str:
        """An instruction without operands, as an expression; in it, i is the number of the sample."""
        first = operands[0]
        if operation == "scalar":
            return f"inputs[{self.scalars[first]}]"
        if operation == "size":
            return literal(float(self.sizes[first]))
        if operation == "element":
            name, start = self.arrays[first]
            return f"{name}[{start + operands[1]}]"
        array, length, step = self.views[first]
        name, start = self.arrays[array]
        outer, inner = divmod(operands[1], step)
        return f"{name}[{_index(start + outer * length * step + inner, step)}]"

    def entry(self, operands: tuple[int, ...]) -> Entry:
        """The entries of an array that is read as a stack."""
        place, offset, record = operands
        arguments = sum(number >= 0 for number in self.arrays)
        name, start = self.arrays[place if place < arguments else arguments - 1 - place]
        return Entry(lambda index: f"{name}[{start + offset} + {record} * {index}]")


@dataclass(frozen=True)
class Output:
    """Where an operand goes: `place` is its index in the outputs; the samples of a batch are `step` numbers apart."""

    operand: int
    place: int
    batch: int = SHARED
    step: int = 0


HEADS = {
    "value": "double @value(const double *inputs)",
    "value_and_gradient": "double @value_and_gradient(const double *inputs, double *gradient)",
    "evaluate": "void @evaluate(const double *inputs, double *outputs)",
}
"""The functions that a file may offer."""


def function(program: Program, source: Source, outputs: Sequence[Output], name: str) -> list[str]:
    """The lines of the function `name`, one of HEADS, preceded by those of its pieces."""
    return _Writer(program, source, outputs, name).lines()


def _index(start: int, step: int) -> str:
    if not step:
        return str(start)
    offset = "i" if step == 1 else f"{step} * i"
    return f"{start} + {offset}" if start else offset


class _Writer:
    def __init__(self, program: Program, source: Source, outputs: Sequence[Output], name: str) -> None:
        self.program, self.source, self.name = program, source, name
        self.in_place = len(program) <= PART
        self.memory = 0
        self.places: dict[int, str] = {}  # where in memory the numbers are that another piece needs
        self.buffers: dict[tuple[int, int, int], int] = {}
        self.line = Line(program, "t", self._operand, self._entry, self._buffer)
        self._divide()
        self._assign(outputs)
        self._share()

    def _divide(self) -> None:
        """Cut the shared code and the loops of each stage into pieces."""
        program = self.program
        self.pieces = [
            (line, parts(program, line.instructions)) for line in lines(self.program.body) if line.instructions
        ]
        self.sums = [i for line, _ in self.pieces for i in line.sums]
        self.homes = {
            i: (line, number) for line, pieces in self.pieces for number, piece in enumerate(pieces) for i in piece
        }

    def _assign(self, outputs: Sequence[Output]) -> None:
        """Decide which outputs are stored where their operand is computed, and which at the end, batch by batch."""
        self.stores: dict[int, list[Output]] = {}
        self.rest: dict[int, list[Output]] = {}
        for output in outputs:
            x = output.operand
            computed = x in self.homes and self.program.instructions[x].operation not in REDUCTIONS
            if computed and self.program.instructions[x].batch == output.batch:
                self.stores.setdefault(x, []).append(output)
            else:
                self.rest.setdefault(output.batch, []).append(output)

    def _share(self) -> None:
        """Give memory to what another piece needs: one number, or one per sample if that piece is in another loop."""
        program, homes = self.program, self.homes
        shared = dict.fromkeys(self.sums, False)
        for i, home in homes.items():
            for x in program.instructions[i].operands:
                if x in homes and homes[x] != home and program.instructions[x].operation not in IN_BUFFERS:
                    every = program.instructions[x].batch != SHARED and homes[x][0] is not home[0]
                    shared[x] = shared.get(x, False) or every
        for outputs in self.rest.values():
            shared.update({output.operand: False for output in outputs if output.operand in homes})
        for x, every in shared.items():
            self.places[x] = f"memory[{_index(self.memory, int(every))}]"
            self.memory += self.source.sizes[program.instructions[x].batch] if every else 1

    def lines(self) -> list[str]:
        """The pieces, and the function that calls them in order."""
        functions: list[str] = []
        body: list[str] = []
        alone = len(self.pieces) == 1 and not self.sums and self.in_place
        for line, pieces in self.pieces:
            steps: list[str] = []
            for number, piece in enumerate(pieces):
                statements = self._statements(piece)
                if self.in_place:
                    steps += statements
                else:
                    loop = "" if line.batch == SHARED else f"_batch_{line.batch}"
                    text, call = self._piece(f"@{self.name}_stage_{line.stage}{loop}_part_{number}", statements)
                    functions += text
                    steps.append(call)
            for i in line.sums:
                neutral = REDUCTIONS[self.program.instructions[i].operation][1]
                body.append(f"{self.places[i]} = {literal(neutral)};")
            if line.batch != SHARED:
                steps = self._loop(line.batch, steps)
            elif self.in_place and not alone:
                steps = block("{", steps)
            body += steps
        for batch, outputs in self.rest.items():
            copies = [f"{self._target(output)} = {self._text(output.operand)};" for output in outputs]
            body += copies if batch == SHARED else self._loop(batch, copies)
        if self.name != "evaluate":
            body = ["double value;", *body, "return value;"]
        if self.buffers:
            count = len(self.buffers)
            start = [f"double *buffers[{count}] = {{0}};", f"size_t rooms[{count}] = {{0}};"]
            body = [*start, *body]
            body.insert(
                len(body) - (self.name != "evaluate"), f"for (size_t k = 0; k < {count}; k++) free(buffers[k]);"
            )
        if "inputs" not in set(re.findall(r"\w+", "\n".join(body))):
            body = ["(void)inputs;", *body]
        if self.memory:
            much = "static ", "  /* too much for the stack, so one call at a time */"
            before, after = much if self.memory > STACK else ("", "")
            body = [f"{before}double memory[{self.memory}];{after}", *body]
        return [*functions, *block(f"{HEADS[self.name]} {{", body)]

    def _piece(self, name: str, statements: list[str]) -> tuple[list[str], str]:
        """A piece as a function whose parameters are what it uses, and the call of it."""
        words = set(re.findall(r"\w+", "\n".join(statements)))
        used = [parameter for parameter in _PARAMETERS if parameter.lstrip("&") in words]
        head = f"static void {name}({', '.join(_PARAMETERS[parameter] for parameter in used)}) {{"
        return [*block(head, statements), ""], f"{name}({', '.join(used)});"

    def _loop(self, batch: int, steps: list[str]) -> list[str]:
        return block(f"for (size_t i = 0; i < {self.source.sizes[batch]}; i++) {{", steps)

    def _statements(self, piece: Sequence[int]) -> list[str]:
        """The instructions of one piece."""
        program, lines = self.program, list[str]()
        here = set(piece)
        read: set[int] = set()
        for i in piece:
            operation, operands, _ = program.instructions[i]
            for x in operands:
                if (
                    x in self.homes
                    and x not in here
                    and x not in read
                    and self.program.instructions[x].operation not in IN_BUFFERS
                ):
                    read.add(x)
                    type_ = kind(program.instructions[x].operation)
                    kept = self.places[x] if type_ == "double" else f"{self.places[x]} != 0.0"
                    lines.append(f"const {type_} t{x} = {kept};")
            if operation in REDUCTIONS:
                form = FORMS[REDUCTIONS[operation][0]].format(self.places[i], self._operand(operands[0]))
                lines.append(f"{self.places[i]} = {form};")
                continue
            lines += self.line.statements(i)
            if i in self.places:
                lines.append(f"{self.places[i]} = t{i};")
            for output in self.stores.get(i, ()):
                target = self._target(output)
                lines.append(f"{'*' if target == 'value' and not self.in_place else ''}{target} = t{i};")
        return lines

    def _operand(self, x: int) -> str:
        """An operand, as an expression, in a piece."""
        return f"t{x}" if x in self.homes else self._text(x)

    def _entry(self, x: int) -> Entry:
        operation, operands, _ = self.program.instructions[x]
        return self.source.entry(operands) if operation == "array" else self.line.stack(x)

    def _buffer(self, program: Program, i: int, place: int) -> int:
        return self.buffers.setdefault((id(program), i, place), len(self.buffers))

    def _text(self, x: int) -> str:
        """An operand, as an expression, that no statement of this piece computes."""
        if x < 0:
            return literal(self.program.constants[-1 - x])
        operation, operands, _ = self.program.instructions[x]
        return self.source.text(operation, operands) if operation in FROM_OUTSIDE else self.places[x]

    def _target(self, output: Output) -> str:
        """The left side of the assignment to an output. Output 0 is the value; the gradient follows."""
        if self.name == "evaluate":
            return f"outputs[{_index(output.place, output.step)}]"
        return f"gradient[{output.place - 1}]" if output.place else "value"


_PARAMETERS = {
    "inputs": "const double *inputs",
    "memory": "double *memory",
    "&value": "double *value",
    "gradient": "double *gradient",
    "outputs": "double *outputs",
    "buffers": "double **buffers",
    "rooms": "size_t *rooms",
    "i": "size_t i",
}
"""What a piece may be passed: as written in the call, and its declaration."""
