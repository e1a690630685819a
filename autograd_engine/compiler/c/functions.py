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
from autograd_engine.compiler.c.statements import Entry, Line, at, block, copied, kind
from autograd_engine.compiler.program.choices import apart, sides
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
    return _Writer(program, source, outputs, name, _Memory(), len(program) <= PART).lines()


def _index(start: int, step: int) -> str:
    if not step:
        return str(start)
    offset = "i" if step == 1 else f"{step} * i"
    return f"{start} + {offset}" if start else offset


class _Memory:
    """How many numbers the array `memory` has, and which buffer belongs to what."""

    def __init__(self) -> None:
        self.size = 0
        self.buffers: dict[tuple[int, int, int], int] = {}

    def place(self, samples: int | None = None) -> str:
        """Another number in the array, or one for each of `samples` samples, as an expression."""
        start = self.size
        self.size += 1 if samples is None else samples
        return f"memory[{_index(start, int(samples is not None))}]"

    def buffer(self, program: Program, i: int, place: int) -> int:
        """The number of the buffer of an instruction, or of its carry in a place."""
        return self.buffers.setdefault((id(program), i, place), len(self.buffers))


class _Writer:
    def __init__(
        self,
        program: Program,
        source: Source,
        outputs: Sequence[Output],
        name: str,
        memory: _Memory,
        in_place: bool,
        prefix: str = "t",
    ) -> None:
        self.program, self.source, self.name, self.memory, self.in_place = program, source, name, memory, in_place
        self.places: dict[int, str] = {}  # where in memory the numbers are that another piece needs
        self.needed: set[int] = set()  # what loops around samples need
        self.line = Line(program, prefix, self._operand, self.entry, memory.buffer)
        self._divide()
        self._assign(outputs)
        self._share()

    def _divide(self) -> None:
        """Cut the shared code and the loops of each stage into pieces."""
        program = self.program
        found = [line for line in lines(program.body) if line.instructions]
        self.rounds = {i: _Rounds(self, i) for line in found if line.rounds for i in line.instructions}
        self.pieces = [(line, [] if line.rounds else parts(program, line.instructions)) for line in found]
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
        shared |= {x: program.instructions[x].batch != SHARED for x in self.needed if x in homes}
        for i, home in homes.items():
            for x in program.instructions[i].operands:
                if x in homes and homes[x] != home and program.instructions[x].operation not in IN_BUFFERS:
                    every = program.instructions[x].batch != SHARED and homes[x][0] is not home[0]
                    shared[x] = shared.get(x, False) or every
        for outputs in self.rest.values():
            shared.update({output.operand: False for output in outputs if output.operand in homes})
        for x, every in shared.items():
            self.places[x] = self.memory.place(self.source.sizes[program.instructions[x].batch] if every else None)

    def need(self, x: int) -> None:
        """Have memory for an operand that a loop around samples needs."""
        if x >= 0 and self.program.instructions[x].operation not in IN_BUFFERS:
            self.needed.add(x)

    def steps(self, functions: list[str]) -> list[str]:
        """The pieces in order; if they are functions, their calls, and these are added to `functions`."""
        body: list[str] = []
        alone = len(self.pieces) == 1 and not self.sums and self.in_place and self.line.prefix == "t"
        for line, pieces in self.pieces:
            if line.rounds:
                body += self.rounds[line.instructions[0]].all(functions)
                continue
            steps: list[str] = []
            for number, piece in enumerate(pieces):
                statements = self._statements(piece)
                if self.in_place:
                    steps += statements
                else:
                    loop = "" if line.batch == SHARED else f"_batch_{line.batch}"
                    of = self.line.prefix[1:]
                    text, call = self._piece(f"@{self.name}_stage_{of}{line.stage}{loop}_part_{number}", statements)
                    functions += text
                    steps.append(call)
            for i in line.sums:
                neutral = REDUCTIONS[self.program.instructions[i].operation][1]
                body.append(f"{self.places[i]} = {literal(neutral)};")
            if line.batch != SHARED:
                steps = self.loop(line.batch, steps)
            elif self.in_place and not alone:
                steps = block("{", steps)
            body += steps
        return body

    def lines(self) -> list[str]:
        """The pieces, and the function that calls them in order."""
        functions: list[str] = []
        body = self.steps(functions)
        for batch, outputs in self.rest.items():
            copies = [f"{self._target(output)} = {self.text(output.operand)};" for output in outputs]
            body += copies if batch == SHARED else self.loop(batch, copies)
        if self.name != "evaluate":
            body = ["double value;", *body, "return value;"]
        if self.memory.buffers:
            count = len(self.memory.buffers)
            start = [f"double *buffers[{count}] = {{0}};", f"size_t rooms[{count}] = {{0}};"]
            body = [*start, *body]
            body.insert(
                len(body) - (self.name != "evaluate"), f"for (size_t k = 0; k < {count}; k++) free(buffers[k]);"
            )
        if "inputs" not in set(re.findall(r"\w+", "\n".join(body))):
            body = ["(void)inputs;", *body]
        if self.memory.size:
            much = "static ", "  /* too much for the stack, so one call at a time */"
            before, after = much if self.memory.size > STACK else ("", "")
            body = [f"{before}double memory[{self.memory.size}];{after}", *body]
        return [*functions, *block(f"{HEADS[self.name]} {{", body)]

    def _piece(self, name: str, statements: list[str]) -> tuple[list[str], str]:
        """A piece as a function whose parameters are what it uses, and the call of it."""
        words = set(re.findall(r"\w+", "\n".join(statements)))
        used = [parameter for parameter in _PARAMETERS if parameter.lstrip("&") in words]
        head = f"static void {name}({', '.join(_PARAMETERS[parameter] for parameter in used)}) {{"
        return [*block(head, statements), ""], f"{name}({', '.join(used)});"

    def loop(self, batch: int, steps: list[str]) -> list[str]:
        """Steps for every sample of a batch."""
        return block(f"for (size_t i = 0; i < {self.source.sizes[batch]}; i++) {{", steps)

    def _statements(self, piece: Sequence[int]) -> list[str]:
        """The instructions of one piece."""
        program, lines = self.program, list[str]()
        here = set(piece)
        read: set[int] = set()
        of_sides = sides(program, piece)
        elsewhere = apart(of_sides)
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
                    lines.append(f"const {type_} {self.line.name(x)} = {kept};")
            if operation in REDUCTIONS:
                form = FORMS[REDUCTIONS[operation][0]].format(self.places[i], self._operand(operands[0]))
                lines.append(f"{self.places[i]} = {form};")
                continue
            if i in elsewhere:
                continue
            lines += self.line.statements(i, of_sides)
            if i in self.places:
                lines.append(f"{self.places[i]} = {self.line.name(i)};")
            for output in self.stores.get(i, ()):
                target = self._target(output)
                lines.append(f"{'*' if target == 'value' and not self.in_place else ''}{target} = t{i};")
        return lines

    def _operand(self, x: int) -> str:
        """An operand, as an expression, in a piece."""
        return self.line.name(x) if x in self.homes else self.text(x)

    def entry(self, x: int) -> Entry:
        """The entries of a stack."""
        operation, operands, _ = self.program.instructions[x]
        return self.source.entry(operands) if operation == "array" else self.line.stack(x)

    def text(self, x: int) -> str:
        """An operand, as an expression, that no statement of this piece computes."""
        if x < 0:
            return literal(self.program.constants[-1 - x])
        operation, operands, _ = self.program.instructions[x]
        if operation == "result" and operands[0] in self.rounds:
            return self.rounds[operands[0]].carry(self.line.whole(operands[1]))
        return self.source.text(operation, operands) if operation in FROM_OUTSIDE else self.places[x]

    def _target(self, output: Output) -> str:
        """The left side of the assignment to an output. Output 0 is the value; the gradient follows."""
        if self.name == "evaluate":
            return f"outputs[{_index(output.place, output.step)}]"
        return f"gradient[{output.place - 1}]" if output.place else "value"


class _Rounds(_Writer):
    """The rounds of a loop around samples, instruction i of what `outer` writes.

    What is carried lies in memory, since a round is several loops and perhaps functions.
    """

    def __init__(self, outer: _Writer, i: int) -> None:
        self.outer, self.i, self.of = outer, i, outer.program.loops[i]
        memory, sizes = outer.memory, outer.source.sizes
        numbers = [k for k in range(self.of.carries) if k not in self.of.memories]
        of_samples = {k: sizes[batch] for k, batch in self.of.rows.items()}
        self.carries = {k: memory.place(of_samples.get(k)) for k in numbers}
        self.done = memory.place()
        self.index = memory.place() if self.of.backwards else self.done
        prefix = f"{outer.line.name(i)}_"
        super().__init__(self.of.body, outer.source, [], outer.name, memory, outer.in_place, prefix)
        for x in self._operands[: 1 + self.of.carries]:
            outer.need(x)

    def _share(self) -> None:
        for x in self.of.body.outputs:
            self.need(x)
        for operation, operands, _ in self.program.instructions:
            if operation == "captured":
                self.outer.need(self._captured(operands[0]))
        super()._share()

    @property
    def _operands(self) -> Sequence[int]:
        return self.outer.program.instructions[self.i].operands

    def _captured(self, place: int) -> int:
        return self._operands[1 + self.of.carries + self.of.stacks + place]

    def carry(self, place: int) -> str:
        """What is carried in a place, or -1 for the number of rounds, as an expression."""
        return self.done if place < 0 else self.carries[place]

    def entry(self, x: int) -> Entry:
        """The entries of a stack."""
        operation, operands, _ = self.program.instructions[x]
        if operation == "carry":
            return self._memory(operands[0])
        if operation == "read":
            return self.outer.entry(self._operands[1 + self.of.carries + operands[0]]).of(f"(size_t){self.index}")
        return self.outer.entry(self._captured(operands[0])) if operation == "captured" else super().entry(x)

    def _memory(self, place: int, size: int = 0) -> Entry:
        return self.outer.line.memory(self.i, place, size)

    def text(self, x: int) -> str:
        """An operand, as an expression, that no statement of this piece computes."""
        operation, operands, batch = self.program.instructions[x] if x >= 0 else ("", (), SHARED)
        if operation == "carry":
            return self.carries[operands[0]]
        if operation == "index":
            return self.index
        if operation == "read":
            entry = self.outer.entry(self._operands[1 + self.of.carries + operands[0]])
            index = f"(size_t){self.index}"
            return entry(index) if batch == SHARED else entry(f"{self.source.sizes[batch]} * {index} + i")
        return self.outer.text(self._captured(operands[0])) if operation == "captured" else super().text(x)

    def all(self, functions: list[str]) -> list[str]:
        """All rounds."""
        of, name, line, outputs = self.of, self.outer.line.name(self.i), self.outer.line, list(self.of.body.outputs)
        count, starts = self._operands[0], self._operands[1:]
        lines: list[str] = []
        for k, size in of.memories.items():
            lines += [line.room(self.i, str(size), 1, k), copied(self.outer.entry(starts[k]), self._memory(k), size)]
        continues = None if of.counted else self._condition(outputs.pop(0))
        following = outputs[: of.carries]
        kept, stacks = outputs[of.carries :][: of.kept], outputs[of.carries + of.kept :][: len(of.copies)]
        samples = list(enumerate(outputs[of.carries + of.kept + len(of.copies) :], of.kept + len(of.copies)))
        sizes = [self.source.sizes[batch] for batch in of.kept_rows]
        lines += self._set([(k, self.outer.text(starts[k])) for k in self.carries])
        if of.counted:
            lines.append(f"const size_t {name}_n = {line.rounds(count, self.outer.text(count))};")
            lines += [line.room(self.i, f"{name}_n", of.kept)] if kept else []
            head = f"for (size_t {name}_j = 0; {name}_j < {name}_n; {name}_j++) {{"
        else:
            lines += [f"size_t {name}_j = 0;", f"int {name}_go = {self.outer.text(count)} != 0.0;"]
            head = f"while ({name}_go) {{"
        rounds = [f"{self.done} = (double){name}_j;"]
        rounds += [f"{self.index} = (double)({name}_n - 1 - {name}_j);"] if of.backwards else []
        index = f"(size_t){self.index}"
        keeping = [list[str](), list[str]()]
        for place, x in enumerate(stacks, of.kept):
            size = of.copies[place - of.kept]
            target = self._memory(of.carries + place, size).of(index)
            room = line.room(self.i, f"{size} * ({index} + 1)", 1, of.carries + place)
            keeping[of.body.instructions[x].operation == "carry"] += [room, copied(self.entry(x), target, size)]
        rounds += [*keeping[True], *self.steps(functions)]
        rounds += [line.room(self.i, f"({name}_j + 1)", of.kept)] if kept and not of.counted else []
        buffer = self.memory.buffer(self.outer.program, self.i, -1) if kept else 0
        rounds += [f"buffers[{buffer}][{at(index, of.kept, k)}] = {self.text(x)};" for k, x in enumerate(kept)]
        for (place, x), size, batch in zip(samples, sizes, of.kept_rows):
            kept_here = self._memory(of.carries + place)(f"{size} * {index} + i")
            rounds.append(line.room(self.i, f"{size} * ({index} + 1)", 1, of.carries + place))
            rounds += self.loop(batch, [f"{kept_here} = {self.text(x)};"])
        rounds += keeping[False]
        for k, size in of.memories.items():
            if (end := self.entry(following[k]))("k") != self._memory(k)("k"):
                rounds.append(copied(end, self._memory(k), size))
        rounds += [] if continues is None else [f"{name}_go = {continues};", f"{name}_j++;"]
        rounds += self._set([(k, self.text(following[k])) for k in self.carries])
        last = f"{self.done} = (double){name}_{'n' if of.counted else 'j'};"
        return [*lines, *block(head, rounds), last]

    def _condition(self, x: int) -> str:
        return f"{self.text(x)} != 0.0"

    def _set(self, texts: Sequence[tuple[int, str]]) -> list[str]:
        """Set what is carried, all of it at once."""
        lines: list[str] = []
        for batch in (SHARED, *sorted({*self.of.rows.values()})):
            here = [(k, text) for k, text in texts if self.of.rows.get(k, SHARED) == batch]
            steps = [f"const double f{k} = {text};" for k, text in here]
            steps += [f"{self.carries[k]} = f{k};" for k, _ in here]
            lines += ([*block("{", steps)] if here else []) if batch == SHARED else self.loop(batch, steps)
        return lines


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
