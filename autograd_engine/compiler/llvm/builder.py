"""The lines of LLVM IR of one function body."""

from __future__ import annotations

import struct

_TO_BITS = struct.Struct(">d").pack


class Builder:
    """The lines of LLVM IR of one function body that works on `width` numbers at once.

    `lines` holds the instructions, `declarations` what the module must hold besides (declarations and helper
    functions, each a complete piece of text), `symbols` the C functions that must be found when it is linked.
    `type` is the type of a number here and `bits` that of a condition.

    With different prefixes several builders can write into one function. Without a prefix the results are %1,
    %2 and so on, which LLVM reads twice as fast as names; then the lines must stay in their order, and arguments
    and blocks need names of their own.

    >>> b = Builder(8, exact=True)
    >>> b.emit(f"fadd {b.type} %x, {b.constant(1.0)}")
    '%1'
    >>> b.lines
    ['%1 = fadd <8 x double> %x, splat (double 0x3ff0000000000000)']
    """

    __slots__ = (
        "_count",
        "_name",
        "_wider",
        "bits",
        "declarations",
        "exact",
        "lines",
        "separator",
        "symbols",
        "type",
        "width",
    )

    def __init__(self, width: int, exact: bool, prefix: str = "") -> None:
        self.width = width
        self.exact = exact
        self.type = "double" if width == 1 else f"<{width} x double>"
        self.bits = "i1" if width == 1 else f"<{width} x i1>"
        self.lines: list[str] = []
        self.declarations: set[str] = set()
        self.symbols: set[str] = set()
        self.separator = f", {self.type} "
        self._name = f"%{prefix}"
        self._count = 0
        self._wider: dict[int, Builder] = {}

    def constant(self, x: float) -> str:
        """The operand for a number, with its very bits."""
        text = f"0x{_TO_BITS(x).hex()}"
        return text if self.width == 1 else f"splat (double {text})"

    def wider(self, width: int) -> Builder:
        """What writes lines on vectors among those of this builder."""
        found = self._wider.get(width)
        if found is None:
            found = self._wider[width] = Builder(width, self.exact, f"w{width}.")
            found.lines, found.declarations, found.symbols = self.lines, self.declarations, self.symbols
        return found

    def emit(self, instruction: str) -> str:
        """Append one instruction; return the name of its result."""
        self._count = count = self._count + 1
        name = f"{self._name}{count}"
        self.lines.append(f"{name} = {instruction}")
        return name

    def splat(self, kind: str, scalar: str) -> str:
        """A scalar of some kind, such as `double`, in all lanes."""
        if self.width == 1:
            return scalar
        vector = f"<{self.width} x {kind}>"
        one = self.emit(f"insertelement {vector} poison, {kind} {scalar}, i64 0")
        return self.emit(f"shufflevector {vector} {one}, {vector} poison, <{self.width} x i32> zeroinitializer")
