"""Where the results of a program's instructions are kept.

Shared instructions are scalar code, those of a batch the body of a loop over its samples. Every straight line of the
program is cut into parts, each a function; what is needed beyond its part lies in memory. A *place* is a pair
(stage, batch), or (stage, SHARED): a line of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

from autograd_engine.compiler.llvm.layout import Layout, Loop
from autograd_engine.compiler.program.program import FROM_OUTSIDE, SHARED, Program
from autograd_engine.compiler.program.regions import cut, stages, straight

TILE = 4
"""Blocks of samples that go through one part before the next part begins, while its code is at hand."""

NO_CODE = FROM_OUTSIDE - {"sample"} | {"batch_sum"}
"""What has a value in the shared code without an instruction of its own: it is read where it is needed."""


class Plan:
    """The division of a program; what it needs of memory is written into `layout`.

    `parts` are the instructions at each place. `outputs` are the indices of the shared operands among the outputs,
    `rows` the rows that (batch, operand) is stored in. `sums` counts the sums of each loop, `slots` the numbers that
    cross from part to part of a loop, `kept` those that cross from loop to loop, `shared_slots` the shared ones.
    """

    def __init__(self, program: Program, layout: Layout, rows: Sequence[int]) -> None:
        self.program, self.layout = program, layout
        self._assign_outputs(rows)
        self._divide()
        self._assign_slots()

    def _assign_outputs(self, rows: Sequence[int]) -> None:
        """Where each output is stored: the indices of shared operands, the rows of those of a batch."""
        self.outputs: dict[int, list[int]] = {}
        self.rows: dict[tuple[int, int], list[int]] = {}
        self.layout.rows = [0] * self.layout.batches
        for operand, batch in zip(self.program.outputs, rows):
            if batch == SHARED:
                self.outputs.setdefault(operand, []).append(self.layout.outputs)
                self.layout.outputs += 1
            else:
                self.rows.setdefault((batch, operand), []).append(self.layout.rows[batch])
                self.layout.rows[batch] += 1

    def _divide(self) -> None:
        """Cut the lines of the program's stages into parts; count the sums of each loop."""
        instructions = self.program.instructions
        in_stages = stages(self.program.body)
        lines: dict[tuple[int, int], dict[int, None]] = {}
        self.sums: dict[tuple[int, int], dict[int, int]] = {}
        self.stage_of = [0] * len(instructions)
        for stage, (shared, loops) in enumerate(in_stages):
            lines[stage, SHARED] = dict.fromkeys(shared)
            for i in shared:
                self.stage_of[i] = stage
            for loop in loops:
                place = stage, loop.batch
                line = lines[place] = {}
                for i in straight(loop.body):
                    self.stage_of[i] = stage
                    for x in instructions[i].operands:
                        if x >= 0 and instructions[x].operation == "sample":
                            line[x] = None  # read where it is first needed, in each loop anew
                    line[i] = None
                for i in loop.body.results:
                    self.stage_of[i] = stage + 1
                if loop.body.results:
                    self.sums[place] = {i: k for k, i in enumerate(loop.body.results)}
        # In the order of the program, in which a loop of a later stage may begin before one of an earlier stage.
        begins = {
            place: next((i for i in line if instructions[i].operation != "sample"), 0) for place, line in lines.items()
        }
        lines = {place: lines[place] for place in sorted(lines, key=begins.__getitem__)}
        for batch, x in self.rows:
            line = lines.setdefault((self.stage_of[x] if x >= 0 else 0, batch), {})
            if x >= 0 and instructions[x].operation == "sample":
                line[x] = None
        last = max([stage + (batch != SHARED) for stage, batch in lines])
        self.layout.stages = [
            [Loop(s, b, len(self.sums.get((s, b), ()))) for s, b in sorted(lines) if s == stage and b != SHARED]
            for stage in range(last + 1)
        ]
        self.parts = {place: cut(list(line)) for place, line in lines.items()}
        # The sums of a loop lie side by side in the shared memory; the loops are in the order of their first sums.
        in_order = [i for of_loop in sorted(self.sums.values(), key=min) for i in of_loop]
        self.shared_slots = {i: slot for slot, i in enumerate(in_order)}

    def _assign_slots(self) -> None:
        """Give memory to what is needed beyond the part where it is computed."""
        layout = self.layout
        operations, operands, batches = zip(*self.program.instructions) if self.program.instructions else ((), (), ())
        self.kept: dict[int, int] = {}
        self.slots: dict[tuple[int, int], dict[int, int]] = {place: {} for place in self.parts}
        layout.kept = [0] * layout.batches
        home: dict[int, tuple[int, int, int]] = {}  # of what is not a sample, which has one in every loop
        for place, parts in self.parts.items():
            for number, part in enumerate(parts):
                home.update(dict.fromkeys(part, (*place, number)))
        for place, parts in self.parts.items():
            slots, samples = self.slots[place], dict[int, int]()
            for number, part in enumerate(parts):
                for i in part:
                    if operations[i] == "sample":
                        samples[i] = number
                        continue
                    for x in operands[i]:
                        if x < 0 or operations[x] in NO_CODE:
                            continue
                        if operations[x] == "sample":
                            if samples[x] != number:
                                slots.setdefault(x, len(slots))
                        elif home[x] == (*place, number):
                            continue
                        elif batches[x] == SHARED:
                            self.shared_slots.setdefault(x, len(self.shared_slots))
                        elif home[x][:2] == place:
                            slots.setdefault(x, len(slots))
                        elif x not in self.kept:
                            batch = batches[x]
                            self.kept[x] = layout.kept[batch]
                            layout.kept[batch] += 1
        for _, x in self.rows:
            if x >= 0 and batches[x] == SHARED and operations[x] not in NO_CODE:
                self.shared_slots.setdefault(x, len(self.shared_slots))
        layout.shared = len(self.shared_slots)
        layout.memory = max(
            [
                layout.width * len(self.sums.get(place, ())) + TILE * layout.block * len(slots)
                for place, slots in self.slots.items()
            ]
        )
