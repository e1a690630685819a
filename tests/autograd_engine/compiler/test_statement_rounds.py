"""Loops whose rounds differ by more than what a loop carries: unrolled, or refused, never a wrong number."""

import itertools

import numpy as np
import pytest

from autograd_engine import TraceError, Value, jacobian, jit, sin, value_and_grad
from autograd_engine.compiler.trace import traced
from tests.nested import numbers

DATA = np.random.default_rng(0).normal(size=60)
TABLE = np.random.default_rng(1).normal(size=(60, 3))
LARGE = 10**17 * np.arange(40)
POINTS = [(1.3, 0.6), (0.9, 0.8), (2.2, 0.4)]


def test_what_a_loop_cannot_do_is_unrolled():
    def in_place(x):
        a = {0: x, 1: x, 2: x}
        for k in range(40):
            a[k % 3] = a[k % 3] + sin(x * k)
        return a[0] * a[1] + a[2]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traced, "LONG", 30)
        compiled = jit(value_and_grad(in_place), exact=True)
        assert compiled(0.7) == value_and_grad(in_place)(0.7)
        assert "loop" not in compiled.program()


def reads_what_it_appends(x, y):
    path = [x]
    for _ in range(30):
        path.append(path[-1] * 0.9 + y)
    return sum(path)


def counts_what_it_appends(x, y):
    path = []
    for k in range(30):
        if not path:
            x = x + 1.0
        if len(path) > 20:
            x = x * 0.9
        path.append(x + y * k)
    return sum(path)


def iterates_over_what_it_appends(x, y):
    path = [x]
    for _ in range(10):
        for _ in path:
            y = y * 1.001
        for k in range(20):
            path.append(x * y * k)
    return y + sum(path)


def appends_what_is_no_number(x, y):
    functions, marks = [], []
    for k in range(30):
        functions.append(lambda v, k=k: v * k)
        marks.append((k, "even", TABLE[k, 0] > 0))
        x = x * 0.9 + y
    return sum([f(x) for f in functions]) + DATA[marks[7][0]] + len(marks[3][1]) + (y if marks[4][2] else x)


def catches_what_is_refused(x, y):
    path = [x]
    for k in range(30):
        try:
            x = x * 0.9 + y * path[-1]
        except Exception:
            x = x + 100.0
        path.append(x * k)
    return x


def changes_an_array_of_two_names(x, y):
    state = np.array([x, x * y], dtype=object)
    same = state
    for k in range(30):
        state *= 0.9
        state += y * k
    return state[0] * same[1] + same[0]


def reads_another_name(x, y):
    state = np.array([x, x * y], dtype=object)
    same = state
    for _ in range(30):
        state *= 0.9
        x = x + same[0] * y
    return state[0] * x


def appends_the_array_that_it_changes(x, y):
    state, path = np.array([x, x * y], dtype=object), []
    for k in range(30):
        state *= 0.9
        state += y * k
        path.append(state)
    return sum([row[0] * row[1] for row in path])


def sets_a_variable_in_some_rounds(x, y):
    for k in range(30):
        if k == 7:
            found = x * y
        x = 0.9 * x + k
    return x + found


def becomes_a_number(x, y):
    found, total = False, y
    for k in range(30):
        total = 0.9 * total + found
        found = x + 0.1 * k
    return total + found


def looks_up_rounds(x, y):
    weights = {k: 0.1 * k for k in range(0, 30, 2)}
    for k in range(30):
        if k % 3 in {1, 2} or k in weights:
            x = 0.9 * x + weights.get(k, 5.0) * y
        if isinstance(k, int) and type(k) is int and k not in {3, 4}:
            x = x + len(str(k)) + len(f"{k}")
    return x


def divides_by_the_number_of_a_round(x, y):
    for k in range(30):
        try:
            x = 0.9 * x + y / k + 1 // k + 1 % k
        except ZeroDivisionError:
            x = x + 1.0
    return x


def computes_with_large_integers(x, y):
    for r in LARGE:
        x = 0.9 * x + y * ((r + 7) % 10)
    return x


def takes_items_twice(x, y):
    pairs = zip(DATA, range(60))
    total = x
    for r, k in pairs:
        total = 0.9 * total + r * x + k * y
    for r, _ in pairs:
        total = total + 100.0 * r
    return total


def takes_some_items(x, y):
    numbered = enumerate(DATA, -5)
    total = x
    for k, r in numbered:
        total = 0.9 * total + r * x + k * y
        if k == 20:
            break
    for k, r in numbered:
        total = total + 0.1 * k * r
    return total


def takes_an_item_in_every_round(x, y):
    items = iter([0.1 * k for k in range(30)])
    total = x
    for _ in range(30):
        total = 0.9 * total + next(items) * y
    return total


def draws_random_numbers(x, y):
    generator = np.random.default_rng(3)
    counter = itertools.count()
    for _ in range(30):
        for _ in range(20):
            x = x + 0.1 * generator.normal() * y
        x = 0.9 * x + next(counter)
    return x


def counts_in_an_attribute(x, y):
    def scaled(z):
        scaled.calls += 1
        return z * scaled.calls

    scaled.calls = 0
    for _ in range(30):
        x = 0.9 * x + (scaled(y) if y > 0.5 else 1.0)
    return x


@pytest.mark.usefixtures("every_function_is_long")
@pytest.mark.parametrize(
    "f",
    [
        becomes_a_number,
        sets_a_variable_in_some_rounds,
        changes_an_array_of_two_names,
        reads_another_name,
        appends_the_array_that_it_changes,
        looks_up_rounds,
        divides_by_the_number_of_a_round,
        computes_with_large_integers,
        takes_items_twice,
        takes_some_items,
        takes_an_item_in_every_round,
        draws_random_numbers,
        counts_in_an_attribute,
        reads_what_it_appends,
        counts_what_it_appends,
        iterates_over_what_it_appends,
        appends_what_is_no_number,
        catches_what_is_refused,
    ],
)
def test_programs_that_must_not_stay_loops_equal_the_uncompiled_function(f):
    compiled, slopes = jit(f, exact=True), jit(value_and_grad(f, (0, 1)))
    for point in POINTS:
        # On Values, since of plain floats the builtin sum compensates the roundings from Python 3.12 on.
        assert compiled(*point) == f(*map(Value, point))
        np.testing.assert_allclose(numbers(slopes(*point)), numbers(value_and_grad(f, (0, 1))(*point)), rtol=1e-9)


def takes_items_until(x):
    items = iter([1.0] * 30)
    for r in items:
        x = x + r
        if x > 5:
            break
    for r in items:
        x = x + r
    return x


def draws_until(x):
    generator = np.random.default_rng(3)
    while x < 5:
        x = x + generator.random()
    return x


@pytest.mark.parametrize(
    ("f", "words"), [(takes_items_until, "run over a slice"), (draws_until, "draw random numbers before")]
)
def test_what_no_loop_can_do_is_an_error_that_says_what_to_do(f, words):
    with pytest.raises(TraceError, match=words):
        jit(f)(0.5)


def controlled(controls, angle):
    speed = total = 0.0
    for k in range(len(controls)):
        speed = speed + 1e-3 * (controls[k] - 9.81 * sin(angle))
        angle = angle + 1e-3 * speed
        total = total + angle * angle + 0.01 * controls[k] * controls[k] + controls[-1 - k] * angle
    return total


def same(found, expected):
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-11, atol=1e-12)


@pytest.mark.usefixtures("every_function_is_long")
def test_an_array_that_is_differentiated_stays_one_piece():
    """It is read where it lies, and its gradient is copied as a whole."""
    controls = np.sin(np.arange(50.0))
    compiled = jit(value_and_grad(controlled))
    same(compiled(controls, 1.0), value_and_grad(controlled)(controls, 1.0))
    assert "table" not in compiled.program(controls, 1.0)
    longer = np.sin(np.arange(400.0))
    assert len(compiled.llvm(longer, 1.0)) < 1.1 * len(compiled.llvm(controls, 1.0))


@pytest.mark.usefixtures("every_function_is_long")
def test_results_of_all_rounds_are_copied_as_a_whole():
    def path(angle, n=60):
        found, angles = [angle], []
        for _ in range(n):
            angle = angle + 0.01 * sin(angle)
            found.append(angle)
            angles.append(2 * angle)
        return np.array(found[1:]), np.array(angles)[::-1], found[-1] * angles[3]

    compiled = jit(path)
    same(compiled(0.7), path(0.7))
    same(jit(jacobian(lambda x: path(x)[0]))(0.7), jacobian(lambda x: path(x)[0])(0.7))
    assert compiled.llvm(0.7).count("store double") < 70  # of 121 results, 60 go backwards


def changes_what_comes(a, v):
    total = 0.0
    for i, x in enumerate(v):
        total = 0.5 * total + sin(x)
        v[(i + 1) % len(v)] = total
    return total + v[3]


def changes_rows(a, m):
    total = 0.0
    for row in m:
        total = 0.5 * total + row[0]
        row[1] = total
    for i, row in enumerate(m):
        total = 0.5 * total + row[1]
        m[(i + 1) % len(m), 0] = total
    return total + m[3, 1] * m[2, 0]


def changes_what_comes_in_a_loop(a, v):
    total = 0.0
    for y in a:
        for i, x in enumerate(v):
            total = 0.5 * total + sin(x)
            v[(i + 1) % len(v)] = total
        for x in v:
            v[0] = v[0] * y + x
    return total + v[0]


NUMBERS = np.linspace(0.1, 1.0, 17)


@pytest.mark.usefixtures("every_function_is_long")
@pytest.mark.parametrize(
    ("f", "made"),
    [
        (changes_what_comes, lambda a: [x * y for x in a for y in NUMBERS]),
        (changes_what_comes, lambda a: np.array([x * y for x in a for y in NUMBERS])),
        (changes_what_comes_in_a_loop, lambda a: [0.1 * x for x in a]),
        (changes_rows, lambda a: np.array([[x * y for y in NUMBERS] for x in a])),
    ],
)
def test_a_loop_may_change_what_it_runs_over(f, made):
    slopes = value_and_grad(lambda a: f(a, made(a)))
    np.testing.assert_allclose(numbers(jit(slopes)(NUMBERS)), numbers(slopes(NUMBERS)), rtol=1e-11, atol=1e-13)
