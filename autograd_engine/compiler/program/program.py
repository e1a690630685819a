"""A program: instructions, and the blocks and regions in which they are executed."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from autograd_engine.forks import Lazy

SHARED = -1
"""Stands for the batch of an instruction that belongs to no batch."""
CONDITIONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not", "as_bits"})
"""Operations whose result is a condition, not a number."""
OF_BODY = frozenset({"carry", "read", "index", "captured"})
"""What the body of a loop gets: numbers by their place among the carries, stacks and captured operands of the loop."""
FROM_OUTSIDE = frozenset({"scalar", "element", "sample", "size", "array"}) | OF_BODY
"""Instructions that read a number: in place of operands they have numbers that say where it comes from."""
CHANGES = frozenset({"put", "add_at", "add_all"})
"""Instructions that change a stack, their second operand, where it lies; it is their result. The first operand is the
number that replaces an entry, or is added to one, at an index, the third; or a stack that is added to it."""
STACKS = frozenset({"array", "stack", "table", "zeros", "memory"}) | CHANGES
"""Instructions whose result is a stack of numbers in memory."""
OF_LOOP = frozenset({"result", "stack", "memory"})
"""What is taken of a loop: it stands next to it."""
REDUCTIONS = {"batch_sum": ("add", -0.0), "batch_max": ("maximum", -math.inf), "batch_min": ("minimum", math.inf)}
"""Instructions that reduce the samples of a batch to one number: by which operation, and what changes no result. They
are known after the loop over the samples."""
IN_BUFFERS = STACKS | {"loop"}
"""Instructions whose result is not a number: it lies in a buffer, or is taken by instructions of its own."""

_WHOLE = frozenset({"floor", "ceil", "round", "index", "checked", "as_number"})
_STAY_WHOLE = frozenset({"add", "sub", "mul", "fma", "fms", "fnma", "neg", "abs", "where", "copysign"})


class Instruction(NamedTuple):
    """One operation. An operand is the number of an earlier instruction; or, for constants, -1, -2, and so on.

    An instruction of a batch stands for one number per sample; `batch` is SHARED for one that stands for one number.
    """

    operation: str
    operands: tuple[int, ...]
    batch: int = SHARED


@dataclass
class Block:
    """The numbers of instructions, and regions, in order. `results` are the instructions that are used after it."""

    steps: list[int | Region]
    results: tuple[int, ...] = ()


@dataclass
class Region:
    """A step with a block that may be executed more than once, or not at all."""

    body: Block


@dataclass
class Samples(Region):
    """A loop over the samples of a batch. What its body adds up over them is known only after the loop.

    Loops of the same stage do not need each other's sums.
    """

    stage: int
    batch: int


@dataclass
class Rounds(Region):
    """The rounds of a loop around samples, after the other loops of its stage. What it leaves is known only after it.

    The body is that of the program which the instruction `loop` executes.
    """

    stage: int
    loop: int


@dataclass
class LoopForm:
    """How a loop goes, and what its numbers are.

    The operands of the instruction are how many rounds there are (with `counted`, else whether there is a first one),
    then what is carried into the first round, then the stacks that are read, then what the body uses from outside.
    The outputs of the body are, unless `counted`, whether there is another round; what is carried on; what is kept.
    A "result" of the loop is, by its second operand, -1 for the number of rounds or the place of a carry; a "stack" of
    it is the place of what is kept. With `backwards` rounds are numbered from the last.

    Some carries are stacks, of which `memories` has the number of entries: the loop begins with a copy, which its body
    changes, and what has become of it is a "memory" of the loop. After the numbers that are kept come stacks, of which
    a copy is kept with the `copies` number of entries: of a carry, as it was when the round began.

    What is kept has room for the `bound` of the rounds, where that is known. A copy is of all that, however many there
    were.

    Where the loop is around samples, a carry may be a number of each sample of a batch: `rows` has its batch. So may
    what is kept after all others: `kept_rows` has the batches.
    """

    counted: bool
    backwards: bool
    carries: int
    stacks: int
    kept: int
    memories: dict[int, int] = field(default_factory=dict)
    copies: list[int] = field(default_factory=list)
    rows: dict[int, int] = field(default_factory=dict)
    kept_rows: list[int] = field(default_factory=list)
    bound: int | None = None


@dataclass
class Loop(LoopForm):
    """What a "loop" instruction executes: a program, once in every round."""

    body: Program = field(kw_only=True)

    @property
    def around(self) -> bool:
        """Whether the body holds loops over samples: the loop is a region then, no line of the code around it."""
        return any(isinstance(step, Region) for step in self.body.body.steps)


def whole_rounds(count: float) -> int:
    """How many rounds a loop of this many has: one for what is left of a whole number, none for nan."""
    if not count > 0:
        return 0
    return math.ceil(count) if count < 2**63 else 2**63 - 1


@dataclass
class Program:
    """What a traced function computes.

    `body` says in which order the instructions are executed, and which of them in loops. It does not contain those
    FROM_OUTSIDE, which are read where they are needed. `outputs` are operands, `loops` what "loop" instructions do.
    If a strong zero was left out, `guarded()` is the program with all of them, for when a result, or one of the
    instructions that are `watched`, is NaN.
    """

    instructions: list[Instruction]
    constants: list[float]
    body: Block
    outputs: list[int]
    loops: dict[int, Loop] = field(default_factory=dict)
    recorded: int = 0
    watched: list[int] = field(default_factory=list)
    guarded: Callable[[], Program] | None = None

    @Lazy
    def last_uses(self) -> dict[int, int]:
        """The instruction that uses each operand last where it is executed, in every straight line that uses it.

        The order of execution is that of `body`: what belongs to samples waits for the shared code of its stage.
        """
        regions = [step for step in self.body.steps if isinstance(step, Region)]
        last: dict[int, int] = {}
        for line in (self.body.steps, *[[x.loop] if isinstance(x, Rounds) else x.body.steps for x in regions]):
            users = [i for i in line if isinstance(i, int) and self.instructions[i].operation not in FROM_OUTSIDE]
            here = {x: i for i in users for x in self.instructions[i].operands}
            last |= {x: i if last.get(x, i) == i else -1 for x, i in here.items()}
        return last

    @Lazy
    def uses(self) -> Counter[int]:
        """How often each operand is used, by instructions, as an output and by who looks for nan."""
        computed = [operands for operation, operands, _ in self.instructions if operation not in FROM_OUTSIDE]
        return Counter(itertools.chain(self.outputs, self.watched, *computed))

    @Lazy
    def whole(self) -> set[int]:
        """The operands that are known to be whole numbers, infinite or nan."""
        whole = {-1 - k for k, x in enumerate(self.constants) if not math.isfinite(x) or x % 1 == 0}
        for i, (operation, operands, _) in enumerate(self.instructions):
            if operation in _STAY_WHOLE:
                chosen = {"where": operands[1:], "copysign": operands[:1]}
                if whole.issuperset(chosen.get(operation, operands)):
                    whole.add(i)
            elif operation in _WHOLE:
                whole.add(i)
        return whole

    def __len__(self) -> int:
        return len(self.instructions) + sum(len(loop.body) for loop in self.loops.values())
