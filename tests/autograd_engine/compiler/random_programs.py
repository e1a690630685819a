"""Programs drawn at random: nested branches and loops that read and change lists and arrays, by several names."""

import itertools
import random

import numpy as np

G = [0.5, -0.25, 0.75, 1.25, -1.5]
C = np.linspace(-1.0, 1.0, 5)


class Box:
    def __init__(self, v):
        self.v = v

    def bump(self, i, x):
        self.v[i] += x
        return self.v[i]


def bump(v, i, x):
    v[i] = v[i] * 0.5 + x
    return v[i]


def swap(v, i, j):
    v[i], v[j] = v[j], v[i]


def total(v):
    t = 0.0
    for q in v:
        t = t + q
    return t


def mixed(v, w, i):
    u = list(v)
    u[i] = w[i] * 0.5
    return u


STARTS = [
    ["v = [q * x for q in a[:5]]", "w = [0.0] * 5"],
    ["v = [x, y, x * y, 0.5, 1.0]", "w = [0.1, 0.2, 0.3, 0.4, 0.5]"],
    ["v = list(a)", "w = [y] * 5"],
    ["v = a * x", "w = np.zeros(5) + x * 0.0"],
    ["v = a * y", "w = [q for q in a]"],
    ["v = [0.0] * 5", "w = [x] * 5"],
]
NAMES = [
    ["z = v", "z = w", "z = [0.3] * 5"],
    ["o = Box(v)", "o = Box([0.1, x, y, 0.2, 0.3])"],
    ["d = {'p': w}", "d = {'p': [x, y, 0.0, 0.1, 0.2]}"],
    ["t = (1.0, z)", "t = (1.0, [0.0] * 5)"],
]
NEW_NAMES = [
    "v, w = w, v",
    "v = list(w)",
    "w = v[:]",
    "z = v",
    "v = z",
    "w = z",
    "z = z[:]",
    "o.v = w",
    "w = o.v",
    "z, w = v, z",
]
RESULT = (
    "s + v[0] * 1.0 + v[1] * 0.7 - v[2] * x + w[3] * v[4] + sum(w) * 0.3 + z[1] * 0.9 - z[i % 5] * 0.4 + o.v[2] * 0.3 "
    "+ d['p'][1] * 0.2 + t[1][4] * 0.6 + sum(v) * 0.1"
)


def program(seed, rounds=()):
    """The lines of a function f(a, n, x, y); a for in it may have one of `rounds` many rounds."""
    return _Drawn(seed, rounds).lines()


class _Drawn:
    def __init__(self, seed, rounds):
        self.random, self.rounds = random.Random(seed), rounds
        self.lists, self.integers, self.numbers = ["v", "w"], ["n", "i"], ["x", "y", "s"]
        self.fresh, self.loops = itertools.count(), 0

    def one_of(self, *things):
        return self.random.choice(things)

    def happens(self, probability):
        return self.random.random() < probability

    def lines(self):
        start = self.one_of(*STARTS) + ["i = 1", "s = x * 0.5"] + [self.one_of(*names) for names in NAMES]
        self.lists.append("z")
        body = start + self.block(3, self.random.randint(2, 4)) + [f"return {RESULT}"]
        return ["def f(a, n, x, y):", *indented(body)]

    def integer(self, depth=1):
        if depth == 0 or self.happens(0.4):
            return self.one_of(*self.integers)
        a, b = self.integer(depth - 1), self.integer(depth - 1)
        some = [f"({a} + {b})", f"({a} * 3 + 1)", f"({a} - {b})", f"({a} * {b})", f"({a} // 2)"]
        return self.one_of(*some, f"({a} + {self.random.randint(0, 4)})", str(self.random.randint(0, 9)))

    def index(self):
        k = self.integer(self.random.randint(0, 2))
        some = [f"{k} % 5", f"{k} % 5", f"({k}) % 4 + 1", f"{k} % 5 - 5", f"-1 - ({k} % 5)", f"{k} % 3", "0", "-1", "2"]
        return self.one_of(*some, f"int({k} % 5 + 0.7)", f"({k} % 9) // 2", f"min({k} % 7, 4)")

    def list(self):
        return self.one_of(*self.lists)

    def item(self, of=None):
        return f"{of or self.list()}[{self.index()}]"

    def number(self, depth=2):
        if depth == 0 or self.happens(0.25):
            return self.one_of(*self.numbers)
        if self.happens(0.4):
            return self.item(self.one_of(self.list(), self.list(), self.list(), "a", "G", "C"))
        a, b, v = self.number(depth - 1), self.number(depth - 1), self.list()
        return self.one_of(
            f"sin({a} + {b})",
            f"0.5 * {a} * {b}",
            f"tanh({a} - 0.3 * {b})",
            f"({a} - {b}) * 0.4",
            f"max({a}, {b})",
            f"sin({a}) * {b}",
            f"({a} if {self.condition()} else {b})",
            f"0.1 * sum({v})",
            f"0.5 * (({v})[1] + {a})",
            f"0.1 * total({v})",
            f"0.2 * max({v})",
            f"0.1 * sum({v}[1:4])",
            f"0.3 * len({v}) * {a} * 0.2",
        )

    def condition(self):
        a, b = self.number(1), self.number(1)
        return self.one_of(
            f"{a} < {b}",
            f"{a} > 0.1",
            f"{self.integer()} % 2 == 0",
            f"{self.integer()} > {self.integer()}",
            f"{a} < 0.3 and {b} > -0.2",
            f"not {a} > {b}",
            f"{self.integer()} % 3 != 1",
        )

    def change(self):
        """Lines that change a list or an array in place."""
        v = self.list()
        return self.one_of(
            [f"{self.item(v)} = {self.number()}"],
            [f"{self.item(v)} = {self.number()}"],
            [f"{self.item(v)} += 0.3 * {self.number()}"],
            [f"{self.item(v)} *= 0.7"],
            [f"j0 = {self.index()}", f"j1 = {self.index()}", f"{v}[j0], {v}[j1] = {v}[j1], {v}[j0]"],
            [f"{self.item(v)}, s = {self.number()}, {self.number()}"],
            [f"s = s * 0.5 + bump({v}, {self.index()}, {self.number(1)})"],
            [f"swap({v}, {self.index()}, {self.index()})"],
            [f"{v}[1:3] = [{self.number(1)}, {self.number(1)}]"],
            [f"{self.item('o.v')} = {self.number()}"],
            [f"s = 0.5 * s + o.bump({self.index()}, {self.number(1)}) * 0.1"],
            [self.item("d['p']") + f" = {self.number()}"],
            [f"{self.item('t[1]')} = {self.number(1)}"],
            [f"s = s * 0.3 + {self.item('o.v')} - " + self.item("d['p']") + f" * {self.item('t[1]')}"],
        )

    def block(self, depth, count=None):
        return [line for _ in range(count or self.random.randint(1, 2)) for line in self.statement(depth)]

    def statement(self, depth):
        k = self.random.random()
        if k < 0.12:
            return [f"{self.one_of('s', 'x', 'y')} = {self.number()}"]
        if k < 0.2:
            return [f"i = ({self.integer(2)}) % 11"]
        if k < 0.55 or depth == 0:
            return self.change()
        if k < 0.65:
            sides = [f"if {self.condition()}:", *indented(self.block(depth - 1))]
            return sides + (["else:", *indented(self.block(depth - 1))] if self.happens(0.5) else [])
        if k < 0.75:
            return self.while_loop(depth)
        if k < 0.88:
            return self.for_loop(depth)
        if k < 0.92:
            return self.copy()
        if k < 0.95:
            return [f"for q in {self.list()}:", "    s = s * 0.7 + q * 0.2"]
        return [self.one_of(*NEW_NAMES) if k < 0.975 else f"s = 0.4 * s + sum({self.list()}) * 0.1"]

    def while_loop(self, depth):
        k, bound = f"k{next(self.fresh)}", self.one_of("n", "n % 4", "n", "3", "i % 3", "n + 1")
        body = self.rounds_of(k, depth)
        if self.happens(0.2):
            body += [f"if {self.condition()}:", "    break"]
        if self.happens(0.1):
            body += [f"if {self.condition()}:", f"    {k} += 2", "    continue"]
        if self.happens(0.08):
            body += [f"if {self.condition()}:", f"    return {self.number()} + sum(v) * 0.1"]
        return [f"{k} = 0", f"while {k} < {bound}:", *indented(body), f"    {k} += 1"]

    def for_loop(self, depth):
        k = f"k{next(self.fresh)}"
        bound = self.one_of("range(n)", "range(3)", "range(n)", "range(1, 4)", "range(5)")
        if self.rounds and not self.loops:
            bound = f"range({self.one_of(*self.rounds)})"
        body = self.rounds_of(k, depth)
        if self.happens(0.15):
            body += [f"if {self.condition()}:", self.one_of("    break", "    continue"), *self.block(0, 1)]
        if self.happens(0.06):
            body += [f"if {self.condition()}:", f"    return {self.number()} + sum(w) * 0.1"]
        return [f"for {k} in {bound}:", *indented(body)]

    def rounds_of(self, k, depth):
        self.loops += 1
        self.integers.append(k)
        body = self.block(depth - 1)
        self.integers.remove(k)
        self.loops -= 1
        return body

    def copy(self):
        """Lines that make a list or an array and change it."""
        u, v = f"u{next(self.fresh)}", self.list()
        made = self.one_of(
            f"[{self.number(1)}, {self.number(1)}, 0.2, x, y]",
            f"list({v})",
            f"{v}[:]",
            "[0.0] * 5",
            f"mixed({v}, {self.list()}, {self.index()})",
            f"[q * 0.5 for q in {v}]",
            f"{v}.copy()",
        )
        used = f"s = s * 0.5 + {self.item(u)} + 0.1 * {self.item(u)}"
        return [f"{u} = {made}", f"{self.item(u)} = {self.number(1)}", used]


def indented(lines):
    """The lines of a block."""
    return ["    " + line for line in lines]
