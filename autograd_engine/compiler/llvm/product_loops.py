"""The loops of products with matrices, in LLVM IR: each is a function for the blocks of a tile.

Several rows, and of sums several columns, are computed together, in registers: what is loaded for one serves all.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from autograd_engine.compiler.llvm.builder import Builder
from autograd_engine.compiler.llvm.layout import Layout
from autograd_engine.compiler.llvm.loops import Function
from autograd_engine.compiler.llvm.lower import lowered
from autograd_engine.compiler.llvm.memory import Section
from autograd_engine.compiler.llvm.order import SIDE
from autograd_engine.compiler.llvm.products import Product, Sums

TOGETHER = 8
"""Vectors that a product adds up together: as many as a processor begins until the first of them is done."""


@dataclass
class _Loop:
    """A loop while it is written: the number of the round, and vectors, which a round replaces."""

    index: str
    vectors: list[str]


class _Writer:
    """Writes the lines of a function for the blocks of a tile."""

    def __init__(self, section: Section, layout: Layout) -> None:
        self.section, self.layout = section, layout
        self.vectors = range(layout.vectors)
        self.builder = Builder(layout.width, layout.exact, "m")
        self.lines, self._label, self._loops = self.builder.lines, "entry", 0
        self.lines.append("entry:")
        self.slots = self.at("%memory", layout.width * len(section.sums))
        self._of_block = layout.block * len(section.slots)

    @contextmanager
    def loop(self, rounds: int | str, vectors: Sequence[str] = ()) -> Iterator[_Loop]:
        """What is written in the block is repeated, with these vectors at first."""
        name, before = f"loop{self._loops}", self._label
        self._loops += 1
        self.lines += [f"br label %{name}", f"{name}:"]
        head, begun = len(self.lines), [f"%{name}.{k}" for k in range(len(vectors))]
        loop = _Loop(f"%{name}.i", [*begun])
        self._label = name
        yield loop
        phis = [f"%{name}.i = phi i64 [ 0, %{before} ], [ %{name}.next, %{self._label} ]"]
        for phi, first, last in zip(begun, vectors, loop.vectors):
            phis.append(f"{phi} = phi {self.builder.type} [ {first}, %{before} ], [ {last}, %{self._label} ]")
        self.lines[head:head] = phis
        self.lines += [
            f"%{name}.next = add i64 %{name}.i, 1",
            f"%{name}.more = icmp slt i64 %{name}.next, {rounds}",
            f"br i1 %{name}.more, label %{name}, label %{name}.end",
            f"{name}.end:",
        ]
        self._label = f"{name}.end"

    @contextmanager
    def blocks(self, vectors: Sequence[str] = ()) -> Iterator[tuple[_Loop, str]]:
        """A loop over the blocks of the tile; what comes with it is the address of a block's slots."""
        b, block = self.builder, self.layout.block
        rounded = b.emit(f"add i64 {b.emit('sub i64 %to, %from')}, {block - 1}")
        with self.loop(b.emit(f"sdiv i64 {rounded}, {block}"), vectors) as loop:
            yield loop, self.at(self.slots, 0, loop.index, self._of_block)

    def at(self, pointer: str, doubles: int, index: str = "0", of_index: int = 0) -> str:
        """The address that many doubles after another, and in each round `of_index` more."""
        b = self.builder
        if of_index:
            now = index if of_index == 1 else b.emit(f"mul i64 {index}, {of_index}")
            pointer = b.emit(f"getelementptr double, ptr {pointer}, i64 {now}")
        return b.emit(f"getelementptr double, ptr {pointer}, i64 {doubles}") if doubles else pointer

    def load(self, address: str, vector: int = 0) -> str:
        """The vector at an address, or that many vectors after it."""
        return self.builder.emit(
            f"load {self.builder.type}, ptr {self.at(address, vector * self.layout.width)}, align 8"
        )

    def store(self, name: str, address: str, vector: int = 0) -> None:
        """Store a vector at an address, or that many vectors after it."""
        at = self.at(address, vector * self.layout.width)
        self.lines.append(f"store {self.builder.type} {name}, ptr {at}, align 8")

    def numbers(self, slots: str, vector: Sequence[int], first: int, count: int, turn: str) -> list[str]:
        """The addresses of as many numbers of a vector from the first one on, and in each turn of those that follow."""
        places, block = self.section.products.lie(vector), self.layout.block
        start = self.at(slots, (places.first + first * places.step) * block, turn, count * places.step * block)
        return [self.at(start, k * places.step * block) for k in range(count)]

    def valid(self, block: str) -> list[str]:
        """Which lanes of a block, by its number, hold a sample."""
        b, width = self.builder, self.layout.width
        lanes = ", ".join(f"i64 {lane}" for lane in range(width))
        begun = b.emit(f"add i64 %from, {b.emit(f'mul i64 {block}, {self.layout.block}')}")
        found = []
        for v in self.vectors:
            left = b.emit(f"sub i64 %to, {b.emit(f'add i64 {begun}, {v * width}')}")
            found.append(b.emit(f"icmp slt <{width} x i64> <{lanes}>, {b.splat('i64', left)}"))
        return found


def function(signature: str, loop: Product | Sums, section: Section, layout: Layout) -> Function:
    """The loops of a product or of sums."""
    writer = _Writer(section, layout)
    if isinstance(loop, Product):
        _product(writer, loop)
    else:
        _sums(writer, loop)
    return Function(signature, "\n".join(writer.lines), writer.builder.declarations, inner_loops=True)


def _product(w: _Writer, loop: Product) -> None:
    """A matrix times a vector: over the numbers goes the innermost loop, for some rows at once."""
    vectors = len(w.vectors)
    kind, where = loop.source
    entry = 0 if kind == "scalar" else w.layout.array(*where)
    matrix = w.builder.emit(f"load ptr, ptr {w.builder.emit(f'getelementptr i64, ptr %context, i64 {entry}')}")
    with w.blocks() as (_, slots):
        for first, rounds, rows in _tiles(len(loop.results), TOGETHER // vectors):
            with w.loop(rounds) as turn:
                of_rows = w.at(matrix, loop.first + first * loop.by_row, turn.index, rows * loop.by_row)
                with w.loop(len(loop.numbers), [w.builder.constant(-0.0)] * (rows * vectors)) as step:
                    entries = w.at(of_rows, 0, step.index, loop.by_number)
                    [at] = w.numbers(slots, loop.numbers, 0, 1, step.index)
                    number = [w.load(at, v) for v in w.vectors]
                    for row in range(rows):
                        entry_at = w.at(entries, row * loop.by_row)
                        factor = w.builder.splat("double", w.builder.emit(f"load double, ptr {entry_at}, align 8"))
                        for v, k in enumerate(range(row * vectors, (row + 1) * vectors)):
                            step.vectors[k] = lowered(w.builder, "fma", [factor, number[v], step.vectors[k]])
                totals = iter(step.vectors)
                for at in w.numbers(slots, loop.results, first, rows, turn.index):
                    for v in w.vectors:
                        w.store(next(totals), at, v)


def _sums(w: _Writer, loop: Sums) -> None:
    """Sums over the samples of the products of each row with each column: over the blocks goes the innermost loop."""
    b, (number, by_row), width = w.builder, loop.places, w.layout.width
    tiles = itertools.product(_tiles(len(loop.rows), SIDE, SIDE // 2), _tiles(len(loop.columns), SIDE))
    for (row, down, rows), (column, across, columns) in tiles:
        with w.loop(down) as of_rows, w.loop(across) as of_columns:
            corner = w.at("%memory", (number + row * by_row + column) * width, of_rows.index, rows * by_row * width)
            corner = w.at(corner, 0, of_columns.index, columns * width)
            addresses = [w.at(corner, (r * by_row + c) * width) for r in range(rows) for c in range(columns)]
            with w.blocks([w.load(address) for address in addresses]) as (block, slots):
                left = w.numbers(slots, loop.rows, row, rows, of_rows.index)
                right = w.numbers(slots, loop.columns, column, columns, of_columns.index)
                for v, valid in enumerate(w.valid(block.index)):
                    factors, others = [w.load(at, v) for at in left], [w.load(at, v) for at in right]
                    for k, (x, y) in enumerate(itertools.product(factors, others)):
                        total = lowered(b, "fma", [x, y, block.vectors[k]])
                        block.vectors[k] = lowered(b, "where", [valid, total, block.vectors[k]])
            for address, total in zip(addresses, block.vectors):
                w.store(total, address)


def _tiles(count: int, size: int, least: int = 0) -> Iterator[tuple[int, int, int]]:
    """Tiles of this size, and one of what is left: the first that is in them, how many tiles, and their size.

    Where smaller ones leave nothing, there is only one kind to compile; they have at least more than half of the size,
    or `least`.
    """
    even = max(smaller for smaller in range(1, size + 1) if count % smaller == 0)
    if even >= (least or size // 2 + 1):
        size = even
    if count >= size:
        yield 0, count // size, size
    if count % size:
        yield count - count % size, 1, count % size
