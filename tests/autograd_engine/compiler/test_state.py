"""Objects, deques, closures and whatever else has a state, changed by branches and loops: as uncompiled, or refused."""

import random
from collections import UserDict, UserList, deque
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from autograd_engine import TraceError, cond, fori_loop, jit, scan, sin, switch, value_and_grad, while_loop

POINTS = (1.3, 0.2, -0.7, -2.1)


class Settings:
    rate = 0.5


class Controller:
    """Proportional and integral, of one that moves with it."""

    def __init__(self, gain):
        self.gain, self.total, self.last = gain, 0.0, 0.0

    def __call__(self, error):
        self.total += 0.1 * error
        change, self.last = error - self.last, error
        return self.gain * error + self.total + 0.1 * change


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a):
        self.a, self.b = a, 1.0


@dataclass(slots=True)
class Body:
    position: list
    velocity: list

    def move(self, step):
        self.position = [p + step * v for p, v in zip(self.position, self.velocity)]


class Counted:
    count = 0.0

    @property
    def twice(self):
        return 2.0 * self.count

    @twice.setter
    def twice(self, x):
        self.count = x / 2.0


class Adder:
    """A method that changes what its module holds."""

    def add(self, x):
        HELD.append(x)


HELD = []


def of_a_deque(x):
    last = deque([x, 2.0 * x], maxlen=2)
    if x > 0.5:
        last.append(sin(x))
    else:
        last.append(x * x)
    return last[0] - last[1] * len(last)


def of_a_namespace(x):
    state = SimpleNamespace(a=x, of=SimpleNamespace(b=[x]))
    if x > 0.5:
        state.a = 3.0 * x
    else:
        state.of.b[0] = x * x
    return state.a * state.of.b[0]


def of_slots(x):
    state, body = Slotted(x), Body([x, 1.0], [2.0, x])
    if x > 0.0:
        state.b = 3.0 * x
        body.move(0.1)
    else:
        state.a = x * x
    return state.a * state.b + body.position[0] * body.position[1]


def of_a_user_list(x):
    values, names = UserList([x, 1.0]), UserDict(a=x)
    if x > 0.0:
        values[0] = x * x
    else:
        names["a"] = sin(x)
    return values[0] * names["a"]


def of_a_class(x):
    Settings.rate = 0.5
    if x > 0.0:
        Settings.rate = x
    return x * Settings.rate


def of_a_function(x):
    of_a_function.calls = 0.0
    if x > 0.0:
        of_a_function.calls += x
    else:
        of_a_function.calls -= 2.0
    return x * of_a_function.calls


def of_a_property(x):
    counted = Counted()
    counted.count = x
    if x > 0.0:
        counted.twice = x * x
    return counted.twice + x


def of_a_method_with_a_name(x):
    out = []
    push = out.append
    if x > 0.0:
        push(x)
    else:
        push(2.0 * x)
    return out[0] * len(out)


def of_a_default(x):
    out = []

    def push(y, out=out, *, again=out):
        out.append(y)
        again[0] = out[0] + 1.0

    if x > 0.0:
        push(x)
    else:
        push(2.0 * x)
    return out[0] * len(out)


def of_what_a_method_reaches(x):
    HELD.clear()
    adder = Adder()
    if x > 0.0:
        adder.add(x)
    else:
        adder.add(x * x)
    return HELD[0] * len(HELD)


def of_random_numbers(x):
    drawn, plain = np.random.default_rng(0), random.Random(0)
    if x > 0.0:
        x = x * drawn.random()
        y = x + plain.random()
    else:
        x = x - drawn.random()
        y = x * plain.random()
    return y * drawn.random() * plain.random()


def of_a_bytearray(x):
    seen = bytearray(3)
    if x > 0.0:
        seen[1] += 1
        y = x
    else:
        seen[1] += 1
        y = x * x
    return y * seen[1]


def of_a_view_of_memory(x):
    numbers = np.zeros(3)
    view = memoryview(numbers)
    if x > 0.0:
        view[0] += 2.0
    else:
        x = 3.0 * x
        view[0] += 2.0
    return x * numbers[0]


class Ones:
    """An iterator whose state is an attribute."""

    def __init__(self):
        self.taken = 0.0

    def __next__(self):
        self.taken += 1.0
        return self.taken


def of_an_iterator_of_the_user(x):
    ones = Ones()
    if x > 0.0:
        x = x * next(ones)
    else:
        x = 3.0 * x * next(ones)
        next(ones)
    return x * ones.taken


class Unit:
    """Equal to others of its name."""

    def __init__(self, name):
        self.name = name

    def __eq__(self, other):
        return self.name == other.name

    __hash__ = None


def of_equal_objects(x):
    if x > 0.0:
        unit, y = Unit("m"), 2.0 * x
    else:
        unit, y = Unit("m"), x * x
    return y * len(unit.name)


BRANCHES = [
    *(of_a_deque, of_a_namespace, of_slots, of_a_user_list, of_a_class, of_a_function, of_a_property),
    *(of_a_method_with_a_name, of_a_default, of_what_a_method_reaches, of_random_numbers, of_a_bytearray),
    *(of_a_view_of_memory, of_an_iterator_of_the_user, of_equal_objects),
]


def until_an_attribute_is_large(x):
    state = SimpleNamespace(y=x * x + 0.1, rounds=0)
    while state.y < 20.0:
        state.y = state.y * 1.4 + 0.1 * x
        state.rounds += 1
    return state.y * state.rounds


def with_a_controller(x):
    control, y, t = Controller(x), 0.0, 0.0
    while t < 3.0:
        y += 0.1 * control(1.0 - y)
        t += 0.1
    return y


def with_bodies(x):
    bodies = [Body([1.0, 0.0], [0.0, 1.0 + 0.1 * x]), Body([-1.0, x], [0.0, -0.5])]
    t = 0.01 * x
    while t < 0.3:
        for body in bodies:
            pull = sum([p * p for p in body.position]) ** 1.5
            body.velocity = [v - 0.02 * p / pull for v, p in zip(body.velocity, body.position)]
        for body in bodies:
            body.move(0.02)
        t += 0.02
    return bodies[0].position[0] * bodies[1].position[1]


def with_slots(x):
    state = Slotted(abs(x) + 0.1)
    while state.a < 9.0:
        state.a, state.b = state.a * 1.3 + 0.01 * state.b, state.a
    return state.b


def with_the_last_values(x):
    last, y = deque([0.0, x, 1.0], maxlen=3), x * x
    while y < 30.0:
        last.append(y)
        y = 1.1 * y + 0.1 * sum(last) + 0.3
    return y * last[0]


def with_a_dict(x):
    state = {"y": abs(x) + 0.2, "rounds": 0}
    while state["y"] < 20.0:
        state["y"] = state["y"] * 1.3
        state["rounds"] += 1
    return state["y"] * state["rounds"]


def with_a_counter(x):
    rounds = 0.0

    def count():
        nonlocal rounds
        rounds += 1.0
        return rounds

    y = x * x + 0.1
    while y < 20.0:
        y = 1.2 * y + 0.01 * count()
    return y * rounds


def with_two_names(x):
    state = SimpleNamespace(y=x * x)
    same = state
    while state.y < 10.0:
        state.y = state.y * 1.5
        same.y = same.y + 1.0
    return state.y + 2.0 * same.y


def with_an_array(x):
    state = SimpleNamespace(a=np.array([x, x * x + 0.1]), b=[x, 0.0])
    while state.a[1] < 10.0:
        state.a = 1.5 * state.a + x * x
        state.b[1] += state.a[0]
    return state.a[0] * state.b[1]


def with_new_lists_that_change(x):
    state, other = SimpleNamespace(a=[x, 1.0], y=x * x), [1.0, 2.0]
    while state.y < 5.0:
        state.a[1] = state.a[1] + 0.1
        state.a = [0.5 * state.a[0] + 1.0, state.a[1]]
        other[0] = other[0] + 0.1 * x
        other = [other[0], state.a[0]]
        state.y = state.y + abs(state.a[1])
    return state.y * state.a[0] + other[0] * other[1]


def with_loops_in_loops(x):
    state = SimpleNamespace(y=x * x + 0.5, inner=0.0)
    while state.y < 20.0:
        state.inner = 0.0
        while state.inner < state.y:
            state.inner += 1.7
        if state.inner > 4.0:
            state.y += 0.1 * x
        state.y += state.inner
    return state.y


def in_many_rounds(x):
    control, last, y = Controller(0.3 * x), deque([0.0, 0.0], maxlen=2), 0.0
    for k in range(60):
        y += 0.1 * control(1.0 - y) + 0.01 * last[0] * k
        last.append(y)
    return y


LOOPS = [
    *(until_an_attribute_is_large, with_a_controller, with_bodies, with_slots, with_the_last_values, with_a_dict),
    *(with_a_counter, with_two_names, with_an_array, with_loops_in_loops, in_many_rounds),
    with_new_lists_that_change,
]


@pytest.mark.parametrize("f", [*BRANCHES, *LOOPS])
def test_what_is_changed_is_as_uncompiled(f, every_function_is_long):
    compiled, exact = jit(value_and_grad(f)), jit(value_and_grad(f), exact=True)
    for x in POINTS:
        expected = value_and_grad(f)(x)
        assert exact(x)[0] == expected[0]
        assert exact(x) == pytest.approx(expected, rel=1e-13)  # the sums over rounds are in another order
        assert compiled(x) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert ("loop" in compiled.program()) == (f in LOOPS)


def draws_on_one_side(x):
    drawn = random.Random(0)
    y = x * drawn.random() if x > 0.0 else x
    return y * drawn.random()


def takes_from_an_iterator(x):
    items = iter([1.0, 2.0, 3.0])
    if x > 0.0:
        x = x * next(items)
    return x * next(items)


def runs_over_an_iterator(x):
    items = map(float, range(4))
    if x > 0.0:
        for item in items:
            x = x * item + 1.0
    return x * sum(items)


def takes_from_an_iterator_in_a_loop(x):
    items = map(float, range(100))
    while x < 5.0:
        x = x + 1.0 + next(items)
    return x


def picks_items(pick):
    def f(x):
        items = iter([1.0, 2.0, 3.0])
        if x > 0.0:
            x = pick(items, x)
        return x * sum(items)

    f.__name__ = pick.__name__
    return f


class Holding:
    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return self.items


def by_names(items, x):
    first, *_ = items
    return x * first


def by_a_star(items, x):
    return max(*items) * x


def in_a_list(items, x):
    return len([*items]) * x


def by_in(items, x):
    return x + (2.0 in items)


def into_a_slice(items, x):
    kept = [x]
    kept[1:] = items
    return kept[-1] * x


def onto_a_list(items, x):
    kept = [x]
    kept += items
    return kept[-1] * x


def by_a_comprehension(items, x):
    return sum([x * item for item in items])


def by_a_generator(items, x):
    return sum(x * item for item in items)


def from_an_object(items, x):
    return sum(Holding(items)) * x


def in_a_for_over_an_object(items, x):
    for item in Holding(items):
        x = x * item
    return x


PICKS = [
    *(by_names, by_a_star, in_a_list, by_in, into_a_slice, onto_a_list, by_a_comprehension, by_a_generator),
    *(from_an_object, in_a_for_over_an_object),
]


def changes_a_set(x):
    seen = {0}
    if x > 0.0:
        seen.add(1)
    return x * len(seen)


def makes_an_attribute(x):
    state = SimpleNamespace(y=x)
    while state.y < 5.0:
        state.y = state.y + 1.0
        state.last = state.y
    return state.last


def chooses_an_object(x):
    a, b = SimpleNamespace(y=x), SimpleNamespace(y=2.0 * x)
    chosen = a if x > 0.0 else b
    return chosen.y


def changes_a_list_with_another_name(x):
    state = SimpleNamespace(a=[x, 1.0], y=x * x)
    other = state.a
    while state.y < 5.0:
        state.a[1] = state.a[1] + 0.1
        state.a = [0.5 * state.a[0] + 1.0, state.a[1]]
        state.y = state.y + state.a[1]
    return state.y * other[1]


def changes_a_chosen_object(x):
    a, b = Body([x], [1.0]), Body([1.0], [x])
    chosen = a if x > 0.0 else b
    chosen.position = [5.0 * x]
    return a.position[0] + b.position[0]


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (draws_on_one_side, "draw random numbers before it"),
        (takes_from_an_iterator, "takes items from an iterator in a branch"),
        (runs_over_an_iterator, "takes items from an iterator in a branch"),
        (takes_from_an_iterator_in_a_loop, "takes items from an iterator in a branch"),
        *((picks_items(pick), "takes items from an iterator in a branch") for pick in PICKS),
        (changes_a_set, r"leaves a set that it changes as \{0, 1\} where it holds and as \{0\} elsewhere"),
        (makes_an_attribute, "not add or remove 'last'; give it a value before the loop"),
        (chooses_an_object, "as a SimpleNamespace where it holds and as another SimpleNamespace elsewhere"),
        (changes_a_list_with_another_name, "changes a list which may be the same as one with another name"),
        (changes_a_chosen_object, "changes a Body which may be the same as one with another name"),
    ],
)
def test_what_cannot_be_compiled_is_refused(f, words):
    with pytest.raises(TraceError, match=words):
        jit(value_and_grad(f))(0.7)


def test_what_a_module_holds_is_as_uncompiled(tmp_path, monkeypatch):
    (tmp_path / "held.py").write_text("held, count = [], 0.0\n\ndef hold(x):\n    held.append(x)\n")
    monkeypatch.syspath_prepend(tmp_path)

    def f(x):
        import held

        held.held.clear()
        held.count = x
        if x > 0.0:
            held.hold(x)
            held.count = x * x
        else:
            held.hold(3.0 * x)
        return held.held[0] * len(held.held) * held.count

    for x in POINTS:
        assert jit(value_and_grad(f), exact=True)(x) == value_and_grad(f)(x)


def counts_rounds(x):
    rounds = [0.0]

    def body(i, y):
        rounds[0] += 1.0
        return 1.1 * y

    return fori_loop(0, 30, body, x) * rounds[0]


def draws_in_rounds(x):
    drawn = np.random.default_rng(0)
    end, path = scan(lambda y, t: (0.9 * y + t * drawn.random(), y), x, np.linspace(0.0, 1.0, 25))
    return end + path[3] * drawn.random()


def keeps_a_table(x):
    tables = {}

    def step(y, t):
        if "table" not in tables:
            tables["table"] = np.linspace(0.0, 1.0, 3)
        return y * 0.9 + t * tables["table"][1], y

    return scan(step, x, np.linspace(0.0, 1.0, 25))[0] + len(tables)


@pytest.mark.parametrize(
    ("f", "loops"),
    [(counts_rounds, False), (draws_in_rounds, False), (keeps_a_table, True)],
)
def test_functions_that_change_something_are_run_as_often_as_they_count(f, loops):
    compiled = jit(value_and_grad(f))
    for x in POINTS:
        assert compiled(x) == pytest.approx(value_and_grad(f)(x), rel=1e-12)
    assert ("loop" in compiled.program()) == loops


def appends_on_one_side(x):
    out = []
    cond(x > 0.0, lambda y: out.append(y), lambda y: out.append(2.0 * y), x)
    return out[0]


def counts_in_a_switch(x):
    state = SimpleNamespace(calls=0.0)

    def counted(y):
        state.calls = state.calls + 1.0
        return y

    return switch(1.0 * (x > 0.0), [counted, lambda y: 2.0 * y], x) * state.calls


def adds_up_in_a_while(x):
    total = [0.0]

    def body(y):
        total[0] = total[0] + y
        return 1.5 * y

    return while_loop(lambda y: y < 9.0, body, x) * total[0]


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (
            appends_on_one_side,
            r"is given to cond\(\) changes a list in place, and runs only while it is traced; let it",
        ),
        (counts_in_a_switch, r"is given to cond\(\) changes a dict in place"),
        (adds_up_in_a_while, r"is given to while_loop\(\) changes a list in place"),
    ],
)
def test_functions_that_change_something_where_they_cannot_be_run_are_refused(f, words):
    with pytest.raises(TraceError, match=words):
        jit(value_and_grad(f))(0.7)


def test_refusals_leave_everything_as_it_was():
    state, last, drawn = SimpleNamespace(y=1.0), deque([1.0, 2.0]), random.Random(0)
    before = drawn.getstate()

    def f(x):
        while x < 5.0:
            x = x + 1.0
            state.y, state.new = x, x
            last.append(x + drawn.random())
        return x

    with pytest.raises(TraceError):
        jit(f)(0.7)
    assert (vars(state), last, drawn.getstate()) == ({"y": 1.0}, deque([1.0, 2.0]), before)
