"""What the nodes of a graph are called in a text: by their labels, or by short names made up here."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from autograd_engine import primitives
from autograd_engine.explanations.symbols import DIGITS, Call, Mention, Name, Number, Relation, Symbol
from autograd_engine.labels import elided, labels_of
from autograd_engine.value import Value

MOST_CHARACTERS = 40
WRITTEN_OUT = 2  # a node without a label that mentions at most this many names stands as its expression

_NAME = re.compile(r"(?=.*[^\W\d_])[\w.]+'*(\[[\w, ]+\])?(#\d+)?")
_PARTS = re.compile(r"([^\W\d_]+)_?(\d*)('*)(?:\[([\w, ]+)\])?(?:#(\d+))?")
_GREEK = frozenset(
    ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu")
    + ("xi", "pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega")
)
# What has a meaning to LaTeX, Markdown or HTML, as signs that look alike and have none.
_HARMLESS = str.maketrans(
    {"\\": "∖", "{": "❴", "}": "❵", "$": "＄", "&": "＆", "^": "ˆ", "~": "∼", "`": "ˋ", "|": "∣", "*": "∗"}
    | {"<": "‹", ">": "›", "%": r"\%", "#": r"\#", "_": r"\_"}
)


class Names:
    """The names of the nodes in `order`, no two alike.

    A node is called by its name in `given`, or else by its label, of which only what stands before an equals sign
    counts: "z = w·x + b" is z. Equal labels are numbered (w, w#2). What has no label is v1, v2, …; `made_up` lists
    those that were mentioned. Both count in the given order: with `reading_order`, all texts about a graph agree.
    Constants have `digits` significant digits, at least 6. Raises TypeError where `given` is not of Values by name.
    """

    def __init__(self, order: Iterable[Value], given: Mapping[str, Value] | None = None, digits: int = DIGITS) -> None:
        self.digits = max(digits, DIGITS)
        self._names: dict[Value, Name] = {}
        self._mentions: dict[Value, Mention] = {}
        self._taken: set[str] = set()
        self._wishes: dict[Value, str] = {}
        self.made_up: list[Value] = []
        for node, name in labels_of(given or {}, "names").items():
            self._call(node, _cleaned(name))
        without = []
        for node in order:
            if node in self._names:
                continue
            if label := _cleaned(node.label.partition("=")[0]):
                self._call(node, label)
            else:
                without.append(node)
        free = (name for k in itertools.count(1) if (name := f"v{k}") not in self._taken)
        self._numbered = dict(zip(without, free))

    def __contains__(self, node: Value) -> bool:
        return node in self._names

    def name(self, node: Value, wish: str = "") -> Name:
        """The name of a node; where it has no label, `wish` if that is free, else its number: v1, v2 and so on."""
        if node not in self._names and node in self._wishes:
            self._call(node, self._wishes[node])
            self.made_up.append(node)
        if node not in self._names:
            self._call(node, wish if wish and wish not in self._taken else self._numbered[node])
            self.made_up.append(node)
        return self._names[node]

    def symbol(self, x: Any) -> Symbol:
        """How an argument is mentioned: a constant as a number, a small node without a label as its expression.

        A name is made up only when the mention is written, so that what is never written needs none.
        """
        if not isinstance(x, Value):
            return Number(x, self.digits)
        if x not in self._mentions:
            self._mentions[x] = Mention(functools.partial(self._mentioned, x))
        return self._mentions[x]

    def wish(self, node: Value, name: str) -> None:
        """Call a node by that name where it is mentioned, unless it has a label; it may be none of the graph."""
        self._wishes[node] = name

    def expression(self, node: Value) -> Symbol:
        """The operation that made a node."""
        return called(node, tuple(map(self.symbol, node.arguments)))

    def _mentioned(self, node: Value) -> Symbol:
        if not self._is_named(node) and node not in self._numbered:  # made for the text
            return self.expression(node)
        if self._is_named(node) or self._names_in(node, 1) > WRITTEN_OUT:
            return self.name(node)
        return self.expression(node)

    def _names_in(self, node: Value, depth: int) -> int:
        """How many names the expression of a node would mention, or more than allowed if it nests too deeply."""
        parents = node.parents
        if len(parents) > WRITTEN_OUT:
            return len(parents)
        return sum(
            1 if self._is_named(x) else self._names_in(x, depth - 1) if depth else WRITTEN_OUT + 1 for x in parents
        )

    def _is_named(self, node: Value) -> bool:
        return node in self._names or node in self._wishes or node.op is None

    def _call(self, node: Value, name: str) -> None:
        unique, count = name, 1
        while unique in self._taken:
            count += 1
            unique = f"{name}#{count}"
        self._taken.add(unique)
        self._names[node] = named(unique)


def called(node: Value, args: tuple[Symbol, ...]) -> Symbol:
    """The operation that made a node. xlogy is written x·ln(y), except where that is not its 0."""
    assert node.op is not None
    call = Call(node.op, args)
    if node.op is primitives.xlogy and node.data == 0 and not 0 < node.operands[1] < math.inf:
        return Call(primitives.where, (Relation("==", args[0], Number(0.0)), Number(0.0), call))
    return call


def reading_order(outputs: Iterable[Value]) -> list[Value]:
    """The nodes of a graph as a reader meets them: each after its arguments, these from left to right.

    A leaf comes where it is used first, so that the weights of the first neuron of a network come first.
    """
    order: list[Value] = []
    seen: set[Value] = set()

    def leaves(node: Value) -> Iterable[Value]:
        return dict.fromkeys(x for x in node.parents if x.op is None and x not in seen)

    stack: list[Any] = list(outputs)[::-1]
    while stack:
        node = stack.pop()
        if node is None:  # the results that the node below this mark was computed from are listed
            node = stack.pop()
            order += (found := leaves(node))
            seen.update(found)
            order.append(node)
        elif node not in seen:
            seen.add(node)
            if node.op is None:
                order.append(node)
            else:
                stack += [node, None, *(x for x in reversed(node.parents) if x.op and x not in seen)]
    return order


def named(name: str) -> Name:
    """The symbol of that name, in angle quotes if it could be taken for more than a name."""
    return Name(name if _NAME.fullmatch(name) else f"‹{name}›", _latex(name))


def _cleaned(label: str) -> str:
    line = elided(" ".join(str(label).split()), MOST_CHARACTERS)
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)


def _latex(name: str) -> str:
    """w0 is w with the index 0, out is set in italics, alpha is the letter; anything else is text."""
    parts = _PARTS.fullmatch(name)
    if parts is None:
        return rf"\text{{{name.translate(_HARMLESS)}}}"
    stem, digits, primes, index, count = parts.groups()
    letters = rf"\{stem}" if stem in _GREEK else stem if len(stem) == 1 else rf"\mathit{{{stem}}}"
    below = ",".join(part.replace("_", r"\_") for part in (digits, (index or "").replace(" ", "")) if part)
    return letters + primes + (f"_{{{below}}}" if below else "") + (f"^{{({count})}}" if count else "")
