"""The statements of a straight line of a program in C, loops included.

A loop is a `for` or a `while` where it is executed. What it keeps of every round lies in a buffer on the heap, which
grows with the rounds and is freed when the function returns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autograd_engine.compiler.c.forms import FORMS, literal
from autograd_engine.compiler.program.choices import Sides, apart, sides
from autograd_engine.compiler.program.program import CHANGES, CONDITIONS, FROM_OUTSIDE, Loop, Program, whole_rounds
from autograd_engine.compiler.trace.errors import TraceError
from autograd_engine.compiler.trace.stacks import LONG_TABLE

__all__ = ["Line", "at", "block", "copied", "kind"]


@dataclass(frozen=True)
class Entry:
    """The expression for an entry of a stack, from that for its index. Stacks that lie one after the other, each of
    `size` entries, count as one."""

    text: Callable[[str], str]
    size: int = 0

    def __call__(self, index: str) -> str:
        return self.text(index)

    def of(self, index: str) -> Entry:
        """One of the stacks."""
        return Entry(lambda k: self.text(f"{self.size} * {index} + {k}"))


@dataclass(frozen=True)
class Line:
    """A straight line: its program, the beginning of its names, and what it finds outside of it.

    `text` gives the expression for an operand that no statement of the line computes, `entry` that for the entries of a
    stack, `buffer` the number of the buffer of an instruction, or of its carry in a place.
    """

    program: Program
    prefix: str
    text: Callable[[int], str]
    entry: Callable[[int], Entry]
    buffer: Callable[[Program, int, int], int]

    def name(self, i: int) -> str:
        """The name of the result of an instruction."""
        return f"{self.prefix}{i}"

    def statements(self, i: int, of_sides: Sides) -> list[str]:
        """The statements of an instruction; of a choice, with those of its sides."""
        operation, operands, _ = self.program.instructions[i]
        if i in of_sides:
            condition, *numbers = operands
            ways = [
                [
                    *[text for x in side for text in self.statements(x, of_sides)],
                    f"{self.name(i)} = {self.text(number)};",
                ]
                for side, number in zip(of_sides[i], numbers)
            ]
            first, second = block(f"if ({self.text(condition)}) {{", ways[0]), block("} else {", ways[1])
            return [f"double {self.name(i)};", *first[:-1], *second]
        if operation in ("stack", "memory"):
            return []
        if operation == "loop":
            return self._loop(i, self.program.loops[i])
        if operation == "table":
            return self._table(i, operands)
        if operation == "zeros":
            size, entry = self.whole(operands[0]), self.stack(i)
            return [self.room(i, str(size), 1), _each(size, lambda k: f"{entry(k)} = 0.0;")]
        if operation == "add_all":
            other, stack = map(self.entry, operands[:2])
            return [_each(self.whole(operands[2]), lambda k: f"{stack(k)} += {other(k)};")]
        if operation in CHANGES:
            x, stack, index = self.text(operands[0]), self.entry(operands[1]), self.text(operands[2])
            sign = "=" if operation == "put" else "+="
            return [f"if ({index} == {index}) {stack(f'(size_t){index}')} {sign} {x};"]
        if operation == "result":
            place, loop = self.whole(operands[1]), self.name(operands[0])
            text = f"(double){loop}_j" if place < 0 else f"{loop}_c{place}"
        elif operation == "entry":
            text = self.entry(operands[0])(str(self.whole(operands[1])))
        elif operation == "pick":
            index = self.text(operands[1])
            text = f"{index} == {index} ? {self.entry(operands[0])(f'(size_t){index}')} : NAN"
        elif operation == "checked":
            counts = "1" if operands[3] < 0 else self.text(operands[3])
            text = f"@checked({self.text(operands[0])}, {self.text(operands[1])}, {counts})"
        else:
            text = _form(operation).format(*map(self.text, operands))
        return [f"const {kind(operation)} {self.name(i)} = {text};"]

    def stack(self, x: int) -> Entry:
        """The entries of a stack that this line makes."""
        operation, operands, _ = self.program.instructions[x]
        if operation in CHANGES:
            return self.entry(operands[1])
        if operation == "memory":
            return self.memory(operands[0], self.whole(operands[1]))
        if operation != "stack":
            return self.memory(x, -1)
        place, loop = self.whole(operands[1]), self.program.loops[operands[0]]
        if place >= loop.kept:
            sizes = dict(enumerate(loop.copies, loop.kept))  # after stacks come numbers of samples
            return self.memory(operands[0], loop.carries + place, sizes.get(place, 0))
        buffer = self.buffer(self.program, operands[0], -1)
        return Entry(lambda index: f"buffers[{buffer}][{at(index, loop.kept, place)}]")

    def memory(self, i: int, place: int, size: int = 0) -> Entry:
        """The entries of the stack in a buffer of an instruction."""
        buffer = self.buffer(self.program, i, place)
        return Entry(lambda index: f"buffers[{buffer}][{index}]", size)

    def whole(self, x: int) -> int:
        """A constant operand that is a whole number."""
        return int(self.program.constants[-1 - x])

    def room(self, i: int, entries: str, record: int, place: int = -1) -> str:
        """Make room in a buffer of an instruction for a number of entries of `record` doubles."""
        buffer = self.buffer(self.program, i, place)
        size = entries if record == 1 else f"{record} * {entries}"
        return f"@room(&buffers[{buffer}], &rooms[{buffer}], {size});"

    def _table(self, i: int, numbers: Sequence[int]) -> list[str]:
        entry, size, long = self.stack(i), len(numbers), len(numbers) > LONG_TABLE
        stores = [f"{entry(str(k))} = {self.text(x)};" for k, x in enumerate(numbers) if x >= 0 or not long]
        if len(stores) < size:
            constants = ", ".join([self.text(x) if x < 0 else "0.0" for x in numbers])
            stores.insert(0, f"static const double {self.name(i)}_of[] = {{{constants}}};")
            stores.insert(1, _each(size, lambda k: f"{entry(k)} = {self.name(i)}_of[{k}];"))
        return [self.room(i, str(size), 1), *stores]

    def _loop(self, i: int, loop: Loop) -> list[str]:
        """All rounds of a loop."""
        name, count = self.name(i), self.program.instructions[i].operands[0]
        others = list(self.program.instructions[i].operands[1:])
        starts = [others.pop(0) for _ in range(loop.carries)]
        stacks = [self.entry(others.pop(0)) for _ in range(loop.stacks)]
        memories = {k: self.memory(i, k) for k in loop.memories}
        body = _body(self, name, loop, stacks, others, memories)
        lines = [f"double {name}_c{k} = {self.text(x)};" for k, x in enumerate(starts) if k not in memories]
        for place, size in loop.memories.items():
            lines += [self.room(i, str(size), 1, place), copied(self.entry(starts[place]), memories[place], size)]
        if loop.counted:
            lines.append(f"const size_t {name}_n = {self.rounds(count, self.text(count))};")
            most = f"{name}_n" if loop.bound is None else str(loop.bound)
            lines += [self.room(i, most, loop.kept)] if loop.kept else []
            head, index = f"for (size_t {name}_j = 0; {name}_j < {name}_n; {name}_j++) {{", f"{name}_j"
        else:
            lines += [f"size_t {name}_j = 0;", f"int {name}_go = {self.text(count)} != 0.0;"]
            head, index = f"while ({name}_go) {{", f"{name}_j"
        rounds = []
        if loop.backwards:
            index = f"{name}_i"
        of_sides = sides(loop.body, range(len(loop.body.instructions)))
        elsewhere = apart(of_sides)
        for m, (operation, _, _) in enumerate(loop.body.instructions):
            if operation not in FROM_OUTSIDE and m not in elsewhere:
                rounds += body.statements(m, of_sides)
        ends = loop.body.outputs
        memory_ends = {k: ends[k + (not loop.counted)] for k in memories}
        copies = list(enumerate(ends[len(ends) - len(loop.copies) :]))
        stacks_left = {*memory_ends.values(), *[x for _, x in copies]}
        outputs = ["" if x in stacks_left else body.text(x) for x in ends]
        if not loop.counted:
            rounds.append(f"{name}_go = {outputs.pop(0)};")
        following, kept = outputs[: loop.carries], outputs[loop.carries : loop.carries + loop.kept]
        for k, x in copies:
            place, size = loop.carries + loop.kept + k, loop.copies[k]
            target = self.memory(i, place, size).of(index)
            keeping = [self.room(i, f"{size} * ({index} + 1)", 1, place), copied(body.entry(x), target, size)]
            is_early = loop.body.instructions[x].operation == "carry"
            rounds = [*keeping, *rounds] if is_early else [*rounds, *keeping]
        if kept and not loop.counted:
            rounds.append(self.room(i, f"({name}_j + 1)", loop.kept))
        for k, x in memory_ends.items():
            if (end := body.entry(x))("k") != memories[k]("k"):
                rounds.append(copied(end, memories[k], loop.memories[k]))
        buffer = self.buffer(self.program, i, -1) if kept else 0
        rounds += [f"buffers[{buffer}][{at(index, loop.kept, k)}] = {text};" for k, text in enumerate(kept)]
        numbers = [(k, text) for k, text in enumerate(following) if k not in memories]
        rounds += [f"const double {name}_f{k} = {text};" for k, text in numbers]
        rounds += [f"{name}_c{k} = {name}_f{k};" for k, _ in numbers]
        rounds += [] if loop.counted else [f"{name}_j++;"]
        if any(re.search(rf"\b{name}_i\b", line) for line in rounds):
            rounds.insert(0, f"const size_t {name}_i = {name}_n - 1 - {name}_j;")
        return [*lines, *block(head, rounds)]

    def rounds(self, count: int, text: str) -> str:
        """How many rounds an operand with this text stands for."""
        if count < 0:
            return str(whole_rounds(self.program.constants[-1 - count]))
        return f"{text} > 0.0 ? (size_t)ceil({text}) : 0"


def _body(
    outer: Line, name: str, loop: Loop, stacks: Sequence[Entry], captured: Sequence[int], memories: dict[int, Entry]
) -> Line:
    """The body of a loop, as a line in the one around it."""
    program = loop.body

    def text(x: int) -> str:
        if x < 0:
            return literal(program.constants[-1 - x])
        operation, operands, _ = program.instructions[x]
        if operation == "carry":
            return f"{name}_c{operands[0]}"
        if operation == "index":
            return f"(double){name}_{'i' if loop.backwards else 'j'}"
        if operation == "read":
            return stacks[operands[0]](f"{name}_{'i' if loop.backwards else 'j'}")
        return outer.text(captured[operands[0]]) if operation == "captured" else line.name(x)

    def entry(x: int) -> Entry:
        operation, operands, _ = program.instructions[x]
        if operation == "carry":
            return memories[operands[0]]
        if operation == "read":
            return stacks[operands[0]].of(f"{name}_{'i' if loop.backwards else 'j'}")
        return outer.entry(captured[operands[0]]) if operation == "captured" else line.stack(x)

    line = Line(program, f"{name}_", text, entry, outer.buffer)
    return line


def _each(size: int, statement: Callable[[str], str]) -> str:
    return f"for (size_t k = 0; k < {size}; k++) {statement('k')}"


def copied(source: Entry, target: Entry, size: int) -> str:
    """Copy a stack."""
    return _each(size, lambda k: f"{target(k)} = {source(k)};")


def kind(operation: str) -> str:
    """The type of the result of an operation."""
    return "int" if operation in CONDITIONS else "double"


def block(head: str, lines: Sequence[str]) -> list[str]:
    """Lines in braces, the first of which ends the head."""
    return [head, *[f"    {line}" for line in lines], "}"]


def at(index: str, record: int, place: int) -> str:
    """The index of a number in a buffer that has `record` numbers of every round."""
    at = index if record == 1 else f"{record} * {index}"
    return f"{at} + {place}" if place else at


def _form(operation: str) -> str:
    form = FORMS.get(operation)
    if form is None:
        raise TraceError(
            f"to_c cannot write the primitive {operation}: write it with composite=True, or add a form to FORMS in "
            "autograd_engine.compiler.c.forms"
        )
    return form
