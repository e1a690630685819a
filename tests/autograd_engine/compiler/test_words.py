"""States that are words: str, None, members of an Enum, tuples of them. Compiled equals uncompiled, slopes included."""

import enum
import random
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from autograd_engine import TraceError, hessian, jit, to_c, value_and_grad, vmap
from tests.autograd_engine.compiler.test_random_statements import defined

POINTS = [(0.7, -0.4), (-0.3, 0.9), (1.6, 0.2), (-1.2, -0.8)]


class Phases(enum.Enum):
    REST = 0
    RUN = 1
    STOP = 2

    @property
    def is_moving(self):
        return self is Phases.RUN


WORDS = ['"open"', '"closed"', "None", "Phases.REST", "Phases.RUN", '("open", Phases.RUN)']
TABLE = {"open": 0.5, "closed": -0.3, None: 1.2, Phases.REST: 0.8, ("open", Phases.RUN): 0.1}


class Machine:
    """The source of a random state machine."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.words = self.draw.sample(WORDS[:5], 3)
        self.pairs = [f"({one}, {other})" for one in self.words for other in self.words[:2]]

    def source(self):
        """The lines of a function, which returns a number and the states."""
        rounds = self.draw.choice(["range(n)", "range(3)", "while"])
        loop = ["i = 0", f"while i < n and {self.test('state')}:"] if rounds == "while" else [f"for i in {rounds}:"]
        return [
            "def f(n, x, y):",
            f"    state, other, flag = {self.draw.choice(self.words)}, {self.draw.choice(self.words)}, x > y",
            f"    both, it = {self.draw.choice(self.pairs)}, SimpleNamespace(mode={self.draw.choice(self.words)})",
            "    counts = {key: 0.0 for key in TABLE}",
            "    counts[Phases.RUN] = 1.0",
            "    a, b = x * y, x + 0.5",
            *[f"    {line}" for line in loop],
            *[f"        {line}" for line in [*self.block(2), *(["i += 1"] if rounds == "while" else [])]],
            f"    {self.statement()}",
            "    return a * x + b * y + sum(counts.values()), state, other, both, it.mode, flag",
        ]

    def block(self, depth):
        lines = []
        for _ in range(self.draw.randint(1, 3)):
            if depth and self.draw.random() < 0.6:
                lines += [f"if {self.condition()}:", *self.indented(depth - 1)]
                for _ in range(self.draw.randint(0, 2)):
                    lines += [f"elif {self.condition()}:", *self.indented(depth - 1)]
                if self.draw.random() < 0.5:
                    lines += ["else:", *self.indented(depth - 1)]
            else:
                lines.append(self.statement())
        return lines

    def indented(self, depth):
        return [f"    {line}" for line in self.block(depth)]

    def condition(self):
        number = f"{self.draw.choice('xyab')} {self.draw.choice('<>')} {self.draw.uniform(-1, 1):.2f}"
        variable = self.draw.choice(["state", "other", "it.mode"])
        tests = [number, self.test(variable), self.test(variable), "flag", f"both == {self.draw.choice(self.pairs)}"]
        test = self.draw.choice(tests)
        forms = ["{}", "not {}", "{} and " + number, "{} or " + self.test("other")]
        return self.draw.choice(forms).format(test)

    def test(self, variable):
        word, another = self.draw.sample(self.words, 2)
        return self.draw.choice(
            [
                f"{variable} == {word}",
                f"{variable} != {word}",
                f"{variable} is {word if word[0] != chr(34) else None}",
                f"{variable} is not None",
                f"{variable} in ({word}, {another})",
                f"{variable} not in [{word}]",
                f"{variable} == other",
                f"isinstance({variable}, str)",
                f"({variable}, other) == ({word}, {another})",
                f"bool({variable})",
            ]
        )

    def statement(self):
        word, another = self.draw.sample(self.words, 2)
        variable = self.draw.choice(["state", "other", "it.mode"])
        return self.draw.choice(
            [
                f"{variable} = {word}",
                f"{variable} = {word} if {self.condition()} else {another}",
                "state, other = other, state",
                f"both = {self.draw.choice(self.pairs)} if {self.condition()} else (state, other)",
                f"state = both[{self.draw.randint(0, 1)}]",
                f"flag = {self.condition()}",
                f"a = sin(a) + TABLE.get({variable}, 0.2) * x",
                f"b += {{{', '.join(f'{word}: {number}' for word, number in zip(self.words, ['x', '0.3', 'y * y']))}}}"
                f"[{variable}]",
                f"counts[{variable}] += a",
                f"a, b = b, exp(-a * a) if {self.test(variable)} else y",
            ]
        )


def check_machine(seed):
    f = defined(Machine(seed).source(), Phases=Phases, TABLE=TABLE, SimpleNamespace=SimpleNamespace)

    def slopes(n, x, y):
        return value_and_grad(lambda x, y: f(n, x, y)[0], (0, 1))(x, y)

    compiled, with_slopes, of_many = jit(f, exact=True), jit(slopes), jit(vmap(f, in_axes=(None, 0, 0)))
    for n in (0, 2, 5):
        expected = [f(n, *point) for point in POINTS]
        for point, of_point in zip(POINTS, expected):
            assert compiled(n, *point) == of_point
            found, uncompiled = with_slopes(n, *point), slopes(n, *point)
            assert np.allclose([found[0], *found[1]], [uncompiled[0], *uncompiled[1]], rtol=1e-9, atol=1e-9)
        numbers, *states = of_many(n, *np.array(POINTS).T)
        assert np.allclose(numbers, [of_point[0] for of_point in expected])
        for k, (state, other, both, mode, flag) in enumerate(x[1:] for x in expected):
            found = [x if x is None else x[k] for x in (states[0], states[1], *states[2], *states[3:])]
            assert found == [state, other, *both, mode, flag]
    if seed % 8 == 0:
        curvature = hessian(lambda v: f(3, v[0], v[1])[0])
        assert np.allclose(jit(curvature)(np.array(POINTS[0])), curvature(np.array(POINTS[0])), rtol=1e-8, atol=1e-8)


@settings(max_examples=3, phases=[Phase.generate])
@given(st.integers(0, 10**9))
def test_random_machines(seed):
    check_machine(seed)


def heated(power):
    mode, temperature = "on", 15.0
    for _ in range(5_000):
        if temperature > 21.0:
            mode = "off"
        elif temperature < 19.0:
            mode = "on"
        temperature += 1e-2 * ({"off": 0.0, "on": power}[mode] - 0.2 * (temperature - 10.0))
    return temperature, mode, len(mode)


def test_a_loop_of_many_rounds_stays_one():
    compiled = jit(heated, exact=True)
    assert compiled.stats(4.0).instructions < 50
    for power in (-1.0, 0.5, 4.0):
        assert compiled(power) == heated(power)
    slope = value_and_grad(lambda power: heated(power)[0])
    assert jit(slope, exact=True)(4.0) == slope(4.0)


def moving(x):
    phase = Phases.REST
    log = []
    for _ in range(30):
        if phase is Phases.REST and x > 0.3:
            phase = Phases.RUN
        elif phase is Phases.RUN:
            x = x * 0.9
            phase = Phases.RUN if x > 0.2 else Phases.STOP
        log.append((phase, x))
    return x * phase.value + phase.is_moving, phase.name, log[3]


def test_what_a_member_of_an_enum_has_is_as_uncompiled(every_function_is_long):
    for x in (0.1, 0.4, 8.0):
        assert jit(moving)(x) == moving(x)


def unset(x):
    best = None
    if x > 0:
        best = x
    return best


def missing(x):
    return {"up": 1.0}["up" if x > 0 else "down"]


def key_first_made(x):
    return {"up" if x > 0 else "down": x}


def text(x):
    return f"{'up' if x > 0 else 'down'}"


def listed(x):
    states, i = ["up"] * 3, 0
    while i < x:
        states[i] = "down" if x > 2 * i else "up"
        i += 1
    return states


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (unset, "leaves best as a number where it holds and as None elsewhere; start with a number, such as nan"),
        (
            missing,
            r"raises KeyError \('down'\) where a word, one of 'up', 'down', is 'down'; compiled code raises noth",
        ),
        (key_first_made, "takes the hash of one of 'up', 'down', and which one it is, is known only when .* by =="),
        (listed, "becomes one of its items; keep a number for each word there"),
        (text, "takes the text of one of 'up', 'down', and which one it is, is known only when"),
    ],
)
def test_what_cannot_be_done_with_a_word_is_refused(f, words):
    with pytest.raises(TraceError, match=words):
        jit(f)(0.7)


def test_c_has_no_words():
    with pytest.raises(ValueError, match="writes functions that return numbers; it got a word, such as a str"):
        to_c(lambda x: (x, "up"), 1.0)


def test_a_word_that_stays_what_it_is_is_returned_too():
    assert jit(lambda x: [x, "a"])(1.0) == [1.0, "a"]
