"""Which instructions of a loop's body are alike and become one instruction on a vector.

A network that is written unit by unit does the same for each unit. Instructions whose operands are computed alike, all
the way back to what the body gets, form a class; a pack is some of a class. It asks for packs of its operands, lane by
lane, so a class is divided after the classes of what uses it. None of a class can depend on another, nor a pack on
itself by way of others, since whatever uses an instruction stands higher above what the body gets. The idea is that of
superword level parallelism (Larsen and Amarasinghe, 2000); sums keep their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from autograd_engine.compiler.llvm.instructions import INSTRUCTIONS
from autograd_engine.compiler.llvm.vector_math import VECTOR_MATH
from autograd_engine.compiler.program.choices import Sides, apart
from autograd_engine.compiler.program.program import CHANGES, FROM_OUTSIDE, IN_BUFFERS, Loop, Program

Pack = tuple[int, ...]
Place = tuple[object, int]
"""Where a number lies in memory: what it belongs to, and how many doubles after the beginning of that."""

_COMMUTATIVE = frozenset({"add", "mul", "product0", "eq", "ne", "and", "or", "xor", "fma", "fnma", "fms"})
"""Whose first two operands may change places."""
_OF_CONDITIONS = {"and": 2, "or": 2, "xor": 2, "not": 1, "where": 1, "as_number": 1}
"""How many operands, from the first, are conditions."""
_BY_CONSTANT = frozenset({"maximum", "minimum", "copysign"})
"""Whose instructions depend on what is constant."""
_IN_ORDER = CHANGES | IN_BUFFERS | {"checked"}
"""What changes memory, or may end the call: this stays in order."""
_READ = frozenset({"pick", "entry"})
"""What reads memory that other instructions change."""
_COSTS = {**dict.fromkeys(VECTOR_MATH, 20), "div": 4, "sqrt": 4}
"""What an operation takes in a lane; others take 1, as does a number that changes between lanes and registers."""
_SHUFFLE = 3
"""What it takes to make a vector of lanes of two others."""
LONGEST = 15_000
"""Instructions. The body of a loop that has more would take longer to compile in vectors."""
_DEEP = 16
"""How far down operands are followed to find the order of lanes."""


@dataclass
class Packing:
    """The body of a loop: `steps` in order, each an instruction or a pack; `operands` has those of packs in all lanes.

    The numbers in `carried`, packs themselves, are carried as vectors. What is kept lies in the order of `stores`:
    places, several together where these are of a pack.
    """

    steps: Sequence[int | Pack]
    stores: Sequence[Pack]
    operands: dict[Pack, list[Pack]] = field(default_factory=dict)
    carried: list[Pack] = field(default_factory=list)

    @property
    def offsets(self) -> list[int]:
        """Where what is kept lies, by its place."""
        order = {k: at for at, k in enumerate([k for places in self.stores for k in places])}
        return [order[k] for k in range(len(order))]


def packing(loop: Loop, sides: Sides, lanes: int, functions: bool, place: Callable[[int], Place | None]) -> Packing:
    """How the body of a loop is packed for vectors of so many lanes, calls of functions too if these have a form for
    vectors. `place` says where what the body reads lies in a round, by number of the stack."""
    short = lanes > 1 and len(loop.body.instructions) <= LONGEST
    packs = _Packs(loop, sides, lanes, functions, place) if short else None
    if packs is None or not packs.of:
        return Packing(range(len(loop.body.instructions)), [(k,) for k in range(loop.kept)])
    operands = {pack: packs.operands(pack) for pack in packs.of.values()}
    return Packing(list(packs.steps()), packs.stores(), operands, packs.carried)


def side_by_side(program: Program, xs: Pack, place: Callable[[int], Place | None]) -> bool:
    """Whether these are numbers that the body reads, and lie side by side."""
    if any(x < 0 or program.instructions[x].operation != "read" for x in xs):
        return False
    places = [place(program.instructions[x].operands[0]) for x in xs]
    first = places[0]
    return first is not None and places == [(first[0], first[1] + k) for k in range(len(xs))]


class _Packs:
    """The packs of a body, while they are found."""

    def __init__(
        self, loop: Loop, sides: Sides, lanes: int, functions: bool, place: Callable[[int], Place | None]
    ) -> None:
        self.loop, self.program, self.lanes, self.place = loop, loop.body, lanes, place
        self.sides, self.apart = sides, apart(sides)
        self.operations = INSTRUCTIONS.keys() | (VECTOR_MATH.keys() if functions else ())
        self.of: dict[int, Pack] = {}
        self.carried: list[Pack] = []
        outputs = self.program.outputs[not loop.counted :]
        self.following, self.kept = outputs[: loop.carries], outputs[loop.carries : loop.carries + loop.kept]
        self._classify()
        self._divide()
        self._prune()

    def _classify(self) -> None:
        """The class of each instruction, and how high it stands."""
        instructions = self.program.instructions
        known: dict[object, int] = {}
        self.classes, self.heights = list[int](), list[int]()
        self.members: list[list[int]] = []
        self.waits_for: dict[int, list[int]] = {}
        since: list[int] = []  # what reads memory after the last line that changes some, and that line
        for i, (operation, operands, _) in enumerate(instructions):
            if operation in FROM_OUTSIDE:
                height = 0
                key: tuple[object, ...] = (operation,)
            else:
                if operation in _IN_ORDER:
                    self.waits_for[i], since = since, [i]
                elif operation in _READ:
                    since.append(i)
                needed = [x for x in (*operands, *self.waits_for.get(i, ())) if x >= 0]
                height = 1 + max([self.heights[x] for x in needed], default=0)
                key = (operation, height)
                if self.may_be_packed(i):
                    of_operands = [self._class(operation, x) for x in operands]
                    if operation in _COMMUTATIVE:
                        of_operands[:2] = sorted(of_operands[:2])
                    key = (operation, height, *of_operands)
            number = known.setdefault(key, len(known))
            if number == len(self.members):
                self.members.append([])
            self.members[number].append(i)
            self.classes.append(number)
            self.heights.append(height)

    def _class(self, operation: str, x: int) -> int:
        """The class of an operand; that of all constants is -1, where it does not matter which."""
        return self.classes[x] if x >= 0 else x if operation in _BY_CONSTANT else -1

    def may_be_packed(self, i: int) -> bool:
        """Whether an instruction may become a lane."""
        operation, operands, _ = self.program.instructions[i]
        if operation not in self.operations or i in self.apart or i in self.sides:
            return False
        return all(x >= 0 for x in operands[: _OF_CONDITIONS.get(operation, 0)])

    def _divide(self) -> None:
        """Divide the classes into packs, from the highest."""
        asked: dict[int, dict[Pack, None]] = {}
        for k in sorted(range(len(self.members)), key=lambda k: -self.heights[self.members[k][0]]):
            members = self.members[k]
            packs = list(asked.get(k, ()))
            if self.may_be_packed(members[0]):
                packs += self._cut(members, packs)
            elif not self._is_carried(members[0]):
                continue
            for pack in packs:
                if self.of.keys().isdisjoint(pack):
                    self.of.update(dict.fromkeys(pack, pack))
                    for xs in self.operands(pack):
                        if min(xs) >= 0 and len(set(xs)) == len(xs) and len({self.classes[x] for x in xs}) == 1:
                            asked.setdefault(self.classes[xs[0]], {})[xs] = None

    def _cut(self, members: list[int], asked: Collection[Pack]) -> Iterator[Pack]:
        """Packs of what no pack asks for."""
        taken = {i for pack in asked for i in pack}
        members = [i for i in members if i not in taken]
        if len(members) > 1 and self._descend(members[0], members[-1]):
            members.reverse()
        for k in range(0, len(members), self.lanes):
            if len(members) > k + 1:
                yield tuple(members[k : k + self.lanes])

    def _descend(self, i: int, j: int) -> bool:
        """Whether what i gets first lies after what j gets."""
        for _ in range(_DEEP):
            (operation, xs, _), (_, ys, _) = self.program.instructions[i], self.program.instructions[j]
            if operation in FROM_OUTSIDE:
                return xs > ys
            pairs = [(x, y) for x, y in zip(self.ordered(i), self.ordered(j)) if x != y and min(x, y) >= 0]
            if not pairs or not self.may_be_packed(i):
                break
            i, j = pairs[0]
        return False

    def ordered(self, i: int) -> tuple[int, ...]:
        """The operands of an instruction in the order of their classes."""
        operation, operands, _ = self.program.instructions[i]
        if operation in _COMMUTATIVE and self._class(operation, operands[0]) > self._class(operation, operands[1]):
            return operands[1], operands[0], *operands[2:]
        return operands

    def operands(self, pack: Pack) -> list[Pack]:
        """The operands of a pack, each in all lanes."""
        return [] if self._is_carried(pack[0]) else list(zip(*map(self.ordered, pack)))

    def _is_carried(self, i: int) -> bool:
        return self.program.instructions[i].operation == "carry"

    def _prune(self) -> None:
        """Keep the packs that pay, together with those that they exchange vectors with."""
        while packs := set(self.of.values()):
            followed = dict(self._followed(packs))
            lost = [pack for pack in packs if self._is_carried(pack[0]) and pack not in followed]
            if not lost:
                groups, paid = self._paid(packs, followed)
                total = Counter[Pack]()
                for pack in packs:
                    total[groups.of(pack)] += paid[pack]
                lost = [pack for pack in packs if total[groups.of(pack)] <= 0]
            if not lost:
                break
            for pack in lost:
                for i in pack:
                    del self.of[i]
        self.carried = sorted(followed) if packs else []

    def _paid(self, packs: Collection[Pack], followed: Mapping[Pack, Pack]) -> tuple[_Groups, Counter[Pack]]:
        """What each pack saves, and which belong together."""
        groups, paid = _Groups(), Counter[Pack]()
        uses = self.program.uses.copy()
        uses.subtract([x for x in self.kept if x in self.of])  # which is stored as lanes
        for pack, after in followed.items():
            groups.unite(pack, after)
            uses.subtract(after)
        for pack in packs:
            if not self._is_carried(pack[0]):
                paid[pack] = (len(pack) - 1) * _COSTS.get(self.program.instructions[pack[0]].operation, 1)
            for xs in self.operands(pack):
                sources = {self.of.get(x, ()) for x in xs}
                if sources == {xs} or (len(sources) <= 2 and () not in sources):
                    uses.subtract(xs)
                    for source in sources:
                        groups.unite(pack, source)
                    paid[pack] -= 0 if sources == {xs} else _SHUFFLE
                elif len(set(xs)) == 1:
                    paid[pack] -= int(xs[0] >= 0)
                elif side_by_side(self.program, xs, self.place):
                    paid[pack] += len(xs) - 1
                elif any(x >= 0 and self.program.instructions[x].operation != "captured" for x in xs):
                    paid[pack] -= len(xs)
        for pack in packs:
            paid[pack] -= sum([uses[i] > 0 for i in pack])
        return groups, paid

    def _followed(self, packs: Collection[Pack]) -> Iterator[tuple[Pack, Pack]]:
        """The packs of what is carried that a pack replaces at the end of a round, lane by lane."""
        for pack in packs:
            if self._is_carried(pack[0]):
                xs = tuple([self.following[self._number(i)] for i in pack])
                if self.of.get(xs[0]) == xs:
                    yield pack, xs

    def _number(self, i: int) -> int:
        return self.program.instructions[i].operands[0]

    def stores(self) -> list[Pack]:
        """The places of what is kept, those side by side that are lanes of one pack."""
        found: list[Pack] = []
        done: set[int] = set()
        places = {x: k for k, x in reversed([*enumerate(self.kept)])}
        for k, x in enumerate(self.kept):
            if k not in done:
                pack = tuple([places.get(i, k) for i in self.of.get(x, (x,))])
                found.append(pack if len({*pack}) == len(pack) and done.isdisjoint(pack) else (k,))
                done.update(found[-1])
        return found

    def steps(self) -> Iterator[int | Pack]:
        """The instructions and the packs, each after what it needs."""
        done: set[int] = set()
        for first in range(len(self.program.instructions)):
            stack = [first]
            while stack:
                i = stack.pop()
                if i < 0:
                    i = -1 - i
                    if i not in done:
                        pack = self.of.get(i, (i,))
                        done.update(pack)
                        if i in self.of:
                            if not self._is_carried(i):
                                yield pack
                        elif i not in self.apart:
                            yield i
                elif i not in done:
                    stack.append(-1 - i)
                    for member in self.of.get(i, (i,)):
                        stack += [x for x in reversed(self._needed(member)) if x not in done]

    def _needed(self, i: int) -> list[int]:
        operation, operands, _ = self.program.instructions[i]
        if operation in FROM_OUTSIDE:
            return []
        of_sides = [x for side in self.sides.get(i, ()) for x in side]
        return [x for x in (*operands, *self.waits_for.get(i, ()), *of_sides) if x >= 0]


class _Groups:
    """Packs that belong together."""

    def __init__(self) -> None:
        self._leads: dict[Pack, Pack] = {}

    def of(self, pack: Pack) -> Pack:
        """The pack that stands for a group."""
        while (lead := self._leads.get(pack, pack)) != pack:
            self._leads[pack] = self._leads.get(lead, lead)
            pack = lead
        return pack

    def unite(self, pack: Pack, other: Pack) -> None:
        """Make one group of two."""
        self._leads[self.of(pack)] = self.of(other)
