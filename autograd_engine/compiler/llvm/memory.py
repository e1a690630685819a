"""Where each instruction of a program is computed, and where its result is kept.

Shared instructions are scalar code, those of a batch the body of a loop over its samples. What a loop adds up over
its samples is known only after it, so a program falls into stages: shared code, loops, shared code that uses their
sums, loops again. A *place* is a pair (stage, batch), or (stage, SHARED).

A long straight line is cut into parts, each of which becomes a function, since the time a compiler takes for one
function grows faster than its length. What is needed beyond its part lies in memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from autograd_engine.compiler.llvm.layout import Layout, Loop
from autograd_engine.compiler.program.program import FROM_OUTSIDE, SHARED, Program
from autograd_engine.compiler.program.regions import cut

TILE = 4
"""Blocks of samples that go through one part before the next part begins, while its code is at hand."""

NO_CODE = FROM_OUTSIDE - {"sample"} | {"batch_sum"}
"""What has a value in the shared code without an instruction of its own: it is read where it is needed."""


class Plan:
    """The division of a program; what it needs of memory is written into `layout`.

    `parts` are the instructions at each place. `outputs` are the places of the shared operands among the outputs,
    `rows` the rows that (batch, operand) is stored in. `sums` counts the sums of each loop, `slots` the numbers that
    cross from part to part of a loop, `kept` those that cross from loop to loop, `shared_slots` the shared ones.
    """

    def __init__(self, program: Program, layout: Layout, rows: Sequence[int]) -> None:
        self.program, self.layout = program, layout
        self._place_outputs(rows)
        self._divide()
        self._place_crossings()

    def _place_outputs(self, rows: Sequence[int]) -> None:
        """Where each output is stored: the places of shared operands, the rows of those of a batch."""
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
        """Divide the instructions into stages, the stages into shared code and loops, and those into parts."""
        program = self.program
        stages = [0] * len(program)
        lines: dict[tuple[int, int], dict[int, None]] = {(0, SHARED): {}}
        sums: dict[tuple[int, int], list[int]] = {}

        def append(stage: int, batch: int, i: int, operands: tuple[int, ...]) -> None:
            line = lines.setdefault((stage, batch), {})
            for x in operands:
                if x >= 0 and program.operations[x] == "sample":
                    line[x] = None  # read where it is first needed, in each loop anew
            line[i] = None

        for i, (operation, operands) in enumerate(zip(program.operations, program.operands)):
            if operation in FROM_OUTSIDE:
                continue
            stages[i] = stage = max([stages[x] for x in operands if x >= 0], default=0)
            if operation == "batch_sum":
                batch = max([program.batches[x] for x in operands if x >= 0])
                append(stage, batch, i, operands)
                sums.setdefault((stage, batch), []).append(i)
                stages[i] += 1
            else:
                append(stage, program.batches[i], i, operands)
        for batch, x in self.rows:
            line = lines.setdefault((stages[x] if x >= 0 else 0, batch), {})
            if x >= 0 and program.operations[x] == "sample":
                line[x] = None
        last = max([stage + (batch != SHARED) for stage, batch in lines])
        self.layout.stages = [
            [Loop(s, b, len(sums.get((s, b), []))) for s, b in sorted(lines) if s == stage and b != SHARED]
            for stage in range(last + 1)
        ]
        self.parts = {place: cut(list(line)) for place, line in lines.items()}
        self.stage_of = stages
        # The sums of a loop lie side by side in the shared memory, in this order.
        self.sums = {place: {i: k for k, i in enumerate(of_loop)} for place, of_loop in sums.items()}
        in_order = [i for of_loop in sums.values() for i in of_loop]
        self.shared_slots = {i: slot for slot, i in enumerate(in_order)}

    def _place_crossings(self) -> None:
        """Give memory to what is needed beyond the part where it is computed."""
        program, layout = self.program, self.layout
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
                    if program.operations[i] == "sample":
                        samples[i] = number
                        continue
                    for x in program.operands[i]:
                        if x < 0 or program.operations[x] in NO_CODE:
                            continue
                        if program.operations[x] == "sample":
                            if samples[x] != number:
                                slots.setdefault(x, len(slots))
                        elif home[x] == (*place, number):
                            continue
                        elif program.batches[x] == SHARED:
                            self.shared_slots.setdefault(x, len(self.shared_slots))
                        elif home[x][:2] == place:
                            slots.setdefault(x, len(slots))
                        elif x not in self.kept:
                            batch = program.batches[x]
                            self.kept[x] = layout.kept[batch]
                            layout.kept[batch] += 1
        for _, x in self.rows:
            if x >= 0 and program.batches[x] == SHARED and program.operations[x] not in NO_CODE:
                self.shared_slots.setdefault(x, len(self.shared_slots))
        layout.shared = len(self.shared_slots)
        layout.memory = max(
            [
                layout.width * len(self.sums.get(place, ())) + TILE * layout.block * len(slots)
                for place, slots in self.slots.items()
            ]
        )
