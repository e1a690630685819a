"""Where the results of a program's instructions are kept.

Shared instructions are scalar code, those of a batch the body of a loop over its samples. Every straight line of the
program is cut into parts, each a function; what is needed beyond its part lies in memory.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from autograd_engine.compiler.llvm.layout import Layout, Loop
from autograd_engine.compiler.program.program import FROM_OUTSIDE, IN_BUFFERS, REDUCTIONS, SHARED, STACKS, Program
from autograd_engine.compiler.program.regions import lines, parts
from autograd_engine.forks import Lazy

TILE = 4
"""Blocks of samples that go through one part before the next part begins, while its code is at hand."""

COPIED = 16
"""Outputs. As many entries of a stack, or more, are copied as a whole."""

NO_CODE = FROM_OUTSIDE - {"sample"} | {"stack", "memory"} | REDUCTIONS.keys()
"""What has a value in the shared code without an instruction of its own: it is read where it is needed."""


@dataclass(eq=False)
class Section:
    """The shared code of a stage or the body of a loop, in parts, and the memory that it needs for itself.

    `sums` numbers the sums of a loop, and whatever else it reduces its samples to, those of a kind side by side,
    `slots` what crosses from part to part of it; `rows` are those of the batch's rows of outputs that an operand is
    stored in here.
    """

    stage: int
    batch: int
    program: Program
    instructions: dict[int, None] = field(default_factory=dict)
    sums: dict[int, int] = field(default_factory=dict)
    slots: dict[int, int] = field(default_factory=dict)
    rows: dict[int, list[int]] = field(default_factory=dict)

    @Lazy
    def parts(self) -> list[list[int]]:
        """The instructions, cut into what becomes one function each.

        A loop over samples that has stacks is not cut, since a part goes through several blocks before the next begins,
        and there is one buffer for a block.
        """
        operations = [self.program.instructions[i].operation for i in self.instructions]
        if self.batch != SHARED and not STACKS.isdisjoint(operations):
            return [list(self.instructions)]
        return parts(self.program, list(self.instructions))

    @property
    def loop(self) -> Loop:
        """What the functions around the body of a loop have to know."""
        return Loop(self.stage, self.batch, Counter([self.program.instructions[i].operation for i in self.sums]))


class Plan:
    """The division of a program; what it needs of memory is written into `layout`.

    `stages` are the sections in the order in which they are executed, of each stage the shared code first. `outputs`
    are the indices of the shared operands among the outputs. `kept` numbers what crosses from loop to loop,
    `shared_slots` what crosses from shared code to other sections, and the sums.
    """

    def __init__(self, program: Program, layout: Layout, rows: Sequence[int]) -> None:
        self.program, self.layout = program, layout
        self.buffers: dict[bool, dict[tuple[int, int, int], int]] = {}
        self._find_copies(rows)
        self._divide()
        self._assign_outputs(rows)
        self._assign_slots()

    def _find_copies(self, rows: Sequence[int]) -> None:
        """Outputs that are entries of a stack, one after the other, are copied as a whole: `copies` has the stack, its
        first entry, how many there are, and the index of the first output."""
        program = self.program
        computed = [operands for operation, operands, _ in program.instructions if operation not in FROM_OUTSIDE]
        uses = Counter(itertools.chain(program.outputs, *computed))
        self.copies: list[tuple[int, int, int, int]] = []
        self.copied: set[int] = set()
        run: list[int] = []
        place = 0

        def end() -> None:
            if len(run) >= COPIED:
                stack, first = self._entry(run[0])
                self.copies.append((stack, first, len(run), place - len(run)))
                self.copied.update(run)
            run.clear()

        for x, batch in zip(program.outputs, rows):
            if batch != SHARED:
                continue
            is_entry = x >= 0 and program.instructions[x].operation == "entry" and uses[x] == 1
            if not is_entry or (run and self._entry(x) != (self._entry(run[-1])[0], self._entry(run[-1])[1] + 1)):
                end()
            if is_entry:
                run.append(x)
            place += 1
        end()

    def _entry(self, i: int) -> tuple[int, int]:
        """The stack and the place of an entry."""
        stack, place = self.program.instructions[i].operands
        return stack, int(self.program.constants[-1 - place])

    def _divide(self) -> None:
        """A section for each straight line of the program."""
        instructions = self.program.instructions
        self.stages: list[list[Section]] = []
        self.ready = [0] * len(instructions)  # the stage from which on each is known
        for line in lines(self.program.body):
            section = self._section(line.stage, line.batch)
            kinds = list(REDUCTIONS)
            of_a_kind = sorted(line.sums, key=lambda i: kinds.index(instructions[i].operation))
            section.sums = {i: k for k, i in enumerate(of_a_kind)}
            for i in line.instructions:
                if i in self.copied:
                    continue
                self.ready[i] = line.stage + (i in section.sums)
                if line.batch != SHARED:
                    samples = [x for x in instructions[i].operands if x >= 0 and instructions[x].operation == "sample"]
                    section.instructions.update(dict.fromkeys(samples))  # read where first needed, in each loop anew
                section.instructions[i] = None

    def _section(self, stage: int, batch: int) -> Section:
        """The section of a stage with the shared code or the loop over a batch."""
        while len(self.stages) <= stage + (batch != SHARED):  # what a loop finds is used in the next stage
            self.stages.append([Section(len(self.stages), SHARED, self.program)])
        for section in self.stages[stage]:
            if section.batch == batch:
                return section
        section = Section(stage, batch, self.program)
        self.stages[stage].append(section)
        return section

    def _assign_outputs(self, rows: Sequence[int]) -> None:
        """Where each output is stored: the indices of shared operands, the rows of those of a batch."""
        instructions = self.program.instructions
        self.outputs: dict[int, list[int]] = {}
        self.layout.rows = [0] * self.layout.batches
        for operand, batch in zip(self.program.outputs, rows):
            if batch == SHARED:
                if operand not in self.copied:
                    self.outputs.setdefault(operand, []).append(self.layout.outputs)
                self.layout.outputs += 1
            else:
                section = self._section(self.ready[operand] if operand >= 0 else 0, batch)
                section.rows.setdefault(operand, []).append(self.layout.rows[batch])
                if operand >= 0 and instructions[operand].operation == "sample":
                    section.instructions[operand] = None
                self.layout.rows[batch] += 1
        self.layout.stages = [[section.loop for section in stage[1:]] for stage in self.stages]

    def _assign_slots(self) -> None:
        """Give memory to what is needed beyond the part where it is computed."""
        layout = self.layout
        operations, operands, batches = zip(*self.program.instructions) if self.program.instructions else ((), (), ())
        sections = list(itertools.chain(*self.stages))
        sums = [i for section in sections for i in section.sums]
        # What is watched lies side by side, and so do the sums of a loop.
        self.shared_slots = {x: slot for slot, x in enumerate([*self.program.watched, *sums])}
        layout.watched = len(self.program.watched)
        self.kept: dict[int, int] = {}
        layout.kept = [0] * layout.batches
        home: dict[int, tuple[Section, list[int]]] = {}  # of what is not a sample, which has one in every loop
        for section in sections:
            for part in section.parts:
                home.update(dict.fromkeys(part, (section, part)))
        for section in sections:
            slots, samples = section.slots, dict[int, list[int]]()
            for part in section.parts:
                for i in part:
                    if operations[i] == "sample":
                        samples[i] = part
                        continue
                    for x in operands[i]:
                        if x < 0 or operations[x] in NO_CODE or operations[x] in IN_BUFFERS:
                            continue
                        if operations[x] == "sample":
                            if samples[x] is not part:
                                slots.setdefault(x, len(slots))
                            continue
                        where, of = home[x]
                        if of is part:
                            continue
                        if batches[x] == SHARED:
                            self.shared_slots.setdefault(x, len(self.shared_slots))
                        elif where is section:
                            slots.setdefault(x, len(slots))
                        elif x not in self.kept:
                            batch = batches[x]
                            self.kept[x] = layout.kept[batch]
                            layout.kept[batch] += 1
        for section in sections:
            for x in section.rows:
                if x >= 0 and batches[x] == SHARED and operations[x] not in NO_CODE:
                    self.shared_slots.setdefault(x, len(self.shared_slots))
        layout.shared = len(self.shared_slots)
        layout.memory = max(
            [layout.width * len(section.sums) + TILE * layout.block * len(section.slots) for section in sections]
        )
