"""The body of a loop while its program is simplified."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from autograd_engine.compiler.program.program import SHARED, Instruction, Loop, LoopForm, Program
from autograd_engine.compiler.program.regions import divided


@dataclass
class Body(LoopForm):
    """The body of a loop, while it may still be changed."""

    simplifier: Any = field(kw_only=True)  # that of its instructions
    outputs: list[int] = field(kw_only=True)
    flags: bytearray = field(default_factory=bytearray, kw_only=True)

    def decisive(self, operands: tuple[int, ...], results: set[tuple[str, int]]) -> list[int]:
        """Those of the loop's operands that a condition, in the loop or on one of the `results`, depends on.

        They are operations OF_LOOP with their places. What is decisive in the body is kept.
        """
        first = 0 if self.counted else 1
        roots = {self.carries + place if operation == "stack" else place for operation, place in results}
        ends, uses = self.outputs[first:], self.simplifier.uses(self.outputs)
        while True:  # a carry on which a condition depends is decisive at the end of a round too
            ends_of_roots = [ends[k] for k in roots if k >= 0]
            flags = self.simplifier.decisive(self.outputs, [*self.outputs[:first], *ends_of_roots])
            found = [
                (operation, source[0])
                for i, (operation, source) in enumerate(zip(self.simplifier.operations, self.simplifier.operands))
                if flags[i] and uses[i] and operation in ("carry", "read", "captured")
            ]
            more = {k for operation, k in found if operation == "carry"} - roots
            if not more:
                break
            roots |= more
        self.flags = flags
        start = {"carry": 1, "read": 1 + self.carries, "captured": 1 + self.carries + self.stacks}
        return [operands[0], *[operands[start[operation] + k] for operation, k in found]]

    def finished(self, guarded: bool) -> Loop:
        """The loop."""
        simplifier = self.simplifier
        instructions, outputs, loops = simplifier.finished(self.outputs, guarded, self.flags)
        outputs, watched = outputs[: len(self.outputs)], outputs[len(self.outputs) :]
        if watched:
            places = [k for k in range(self.carries) if k not in self.memories]
            if not places:
                return self.finished(guarded=True)
            place = min(places, key=lambda k: k in self.rows)  # rather a number than one of every sample
            end, batch = place + (not self.counted), self.rows.get(place, SHARED)
            for x in watched:  # makes what is carried nan, in which the caller looks for it
                instructions.append(Instruction("fma", (x, simplifier.constant(0.0), outputs[end]), batch))
                outputs[end] = len(instructions) - 1
        program = Program(instructions, simplifier.constants, divided(instructions, loops), outputs, loops)
        return Loop(**{one.name: getattr(self, one.name) for one in fields(LoopForm)}, body=program)
