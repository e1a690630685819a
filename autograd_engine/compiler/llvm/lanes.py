"""Vectors of numbers of a straight line: operands side by side, and lanes of them as single numbers again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from autograd_engine.compiler.llvm.builder import Builder
from autograd_engine.compiler.llvm.calls import in_lanes
from autograd_engine.compiler.llvm.lower import lowered
from autograd_engine.compiler.llvm.packs import Pack
from autograd_engine.compiler.llvm.vector_math import VECTOR_MATH
from autograd_engine.compiler.program.program import CONDITIONS, Program

_REDUCE = "llvm.vector.reduce.fadd"


def lanes_reduced(builder: Builder, row: str, width: int, lanes: str, start: str = "") -> str:
    """The number that a row makes of the lanes of a vector, by two at a time, beginning with `start` if it is given."""
    kind = f"<{width} x double>"
    if row == "add":
        builder.declarations.add(f"declare double @{_REDUCE}.v{width}f64(double, {kind})")
        order, start = ("", start) if builder.exact else ("reassoc ", "-0.0")
        return builder.emit(f"call {order}double @{_REDUCE}.v{width}f64(double {start}, {kind} {lanes})")
    for lane in range(width):
        number = builder.emit(f"extractelement {kind} {lanes}, i32 {lane}")
        start = lowered(builder, row, [start, number]) if start else number
    return start


class Scalars(Protocol):
    """The line whose numbers they are."""

    program: Program
    builder: Builder

    def operand(self, x: int) -> list[str]:
        """The name of a number, as a list of one."""


class Lanes:
    """Vectors of numbers of a line of scalars: `names` has those that there are, by the numbers in their lanes.

    The last lanes of a vector that has more of them hold any numbers.
    """

    def __init__(self, line: Scalars) -> None:
        self.line = line
        self.names: dict[Pack, str] = {}
        self.packs: dict[int, Pack] = {}
        self._builders: dict[int, Builder] = {}

    def builder(self, count: int) -> Builder:
        """What writes lines on vectors with room for so many numbers, among those of the line."""
        width = 1 << (count - 1).bit_length()
        if width not in self._builders:
            self._builders[width] = self.line.builder.wider(width)
        return self._builders[width]

    def define(self, pack: Pack, name: str) -> None:
        """Say which vector holds the numbers of a pack."""
        self.names[pack] = name
        self.packs.update(dict.fromkeys(pack, pack))

    def compute(self, pack: Pack, operands: Sequence[Pack]) -> None:
        """Append the lines of the instructions of a pack, given their operands in all lanes."""
        b, operation = self.builder(len(pack)), self.line.program.instructions[pack[0]].operation
        names = [self.vector(xs) for xs in operands]
        self.define(
            pack, in_lanes(b, operation, names[0]) if operation in VECTOR_MATH else lowered(b, operation, names)
        )

    def lane(self, x: int) -> str:
        """A number of a pack by itself."""
        pack = self.packs[x]
        b, kind = self.builder(len(pack)), self._kind(x)
        vector = f"<{b.width} x {kind}> {self.names[pack]}"
        return self.line.builder.emit(f"extractelement {vector}, i64 {pack.index(x)}")

    def vector(self, xs: Pack) -> str:
        """The vector of numbers, or of conditions."""
        if xs not in self.names:
            self.names[xs] = self._made(xs)
        return self.names[xs]

    def _made(self, xs: Pack) -> str:
        b, kind = self.builder(len(xs)), self._kind(xs[0])
        if max(xs) < 0:
            texts = [self.line.operand(x)[0] for x in xs]
            return b.constant(self.line.program.constants[-1 - xs[0]]) if len({*xs}) == 1 else _literal(texts, b.width)
        if len({*xs}) == 1:
            return b.splat(kind, self.line.operand(xs[0])[0])
        sources = list(dict.fromkeys([self.packs.get(x, ()) for x in xs]))
        if () not in sources and len(sources) <= 2:
            widths = {self.builder(len(pack)).width for pack in sources}
            if len(widths) == 1:
                return self._shuffled(xs, sources, b.width, f"<{widths.pop()} x {kind}>")
        name = "zeroinitializer"
        for lane, x in enumerate(xs):
            name = b.emit(f"insertelement <{b.width} x {kind}> {name}, {kind} {self.line.operand(x)[0]}, i64 {lane}")
        return name

    def _shuffled(self, xs: Pack, sources: Sequence[Pack], width: int, kind: str) -> str:
        """Lanes of one vector or two."""
        room = self.builder(len(sources[0])).width
        lanes = [sources.index(self.packs[x]) * room + self.packs[x].index(x) for x in xs]
        lanes += lanes[:1] * (width - len(lanes))
        operands = f"{kind} {self.names[sources[0]]}, {kind} {self.names[sources[-1]]}"
        mask = ", ".join([f"i32 {lane}" for lane in lanes])
        return self.builder(len(xs)).emit(f"shufflevector {operands}, <{width} x i32> <{mask}>")

    def _kind(self, x: int) -> str:
        return "i1" if x >= 0 and self.line.program.instructions[x].operation in CONDITIONS else "double"

    def load(self, count: int, address: str) -> str:
        """So many numbers from an address on."""
        b = self.builder(count)
        if count == b.width:
            return b.emit(f"load {b.type}, ptr {address}, align 8")
        function, mask = f"@llvm.masked.load.v{b.width}f64.p0", _first(count, b.width)
        b.declarations.add(f"declare {b.type} {function}(ptr, i32, {b.bits}, {b.type})")
        return b.emit(f"call {b.type} {function}(ptr {address}, i32 8, {b.bits} {mask}, {b.type} zeroinitializer)")

    def store(self, pack: Pack, address: str) -> None:
        """The numbers of a pack to an address and on."""
        b, name = self.builder(len(pack)), self.vector(pack)
        if len(pack) == b.width:
            b.lines.append(f"store {b.type} {name}, ptr {address}, align 8")
            return
        function, mask = f"@llvm.masked.store.v{b.width}f64.p0", _first(len(pack), b.width)
        b.declarations.add(f"declare void {function}({b.type}, ptr, i32, {b.bits})")
        b.lines.append(f"call void {function}({b.type} {name}, ptr {address}, i32 8, {b.bits} {mask})")


def _literal(texts: list[str], width: int) -> str:
    """Constants in the lanes of a vector, the last of them in those that are left."""
    texts = texts + texts[-1:] * (width - len(texts))
    return f"<{', '.join([f'double {text}' for text in texts])}>"


def _first(count: int, width: int) -> str:
    """The mask of the first lanes."""
    return f"<{', '.join([f'i1 {str(lane < count).lower()}' for lane in range(width)])}>"
