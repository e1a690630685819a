"""Python's statements on numbers that are not known while tracing: compiled equals uncompiled, derivatives included."""

import functools
import math
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import pytest

from autograd_engine import Value, grad, jit, value_and_grad, vmap, where
from autograd_engine import sum as total


class Mode(IntEnum):
    OFF, WARM, COLD = 0, 1, 2


POINTS = [-2.0, -0.5, -0.0, 0.0, 0.3, 1.0, 2.5, math.inf, math.nan]
PROGRAMS = {}


def program(f):
    PROGRAMS[getattr(f, "__qualname__", type(f).__name__)] = f
    return f


def same_bits(found, expected):
    found, expected = np.asarray(found), np.asarray(expected.data if isinstance(expected, Value) else expected, float)
    assert found.shape == expected.shape
    assert np.array_equal(found, expected, equal_nan=True), (found, expected)
    zeros = expected == 0
    assert np.array_equal(np.signbit(found[zeros]), np.signbit(expected[zeros]))


@program
def an_if_with_early_returns(x):
    if x > 1:
        return x * x
    elif x > 0:
        if x < 0.5:
            return -x
        y = 3.0 * x
    else:
        y = x
    return y + 1.0


def helper(x, k=2.0, *, scale=1.0):
    if x > k:
        return x * k * scale
    return k


@program
def calls_of_functions(x):
    return helper(x) + helper(x, 0.2, scale=3.0) + helper(*(x,), **{"k": 0.1})


def twice(f):
    @functools.wraps(f)
    def wrapper(*args):
        return f(*args) * 2.0 if args[0] < 1 else f(*args)

    return wrapper


@program
@twice
def a_decorated_function(x):
    return x if x > 0 else -x * x


class Thing:
    __secret = 3.0
    scale = 2.0

    def __init__(self, b):
        if b > 0:
            self.b = b
        else:
            self.b = -b

    def method(self, x):
        if x > self.__secret or x < self.b:
            return x * self.scale
        return self.__hidden(x)

    def __hidden(self, x):
        return x - self.__secret if x > 1 else x * x * x

    def __call__(self, x):
        return self.method(x) if x > 0 else 0.5 * x


class Special(Thing):
    def method(self, x):
        if x < 2:
            return super().method(x) + 1.0
        return super().method(x)

    @staticmethod
    def of_none(x):
        return x if x > 0.1 else 0.1

    @classmethod
    def of_class(cls, x):
        return x * cls.scale if x > 0.1 else x


PROGRAMS |= {"a method": Thing(0.2).method, "an object": Thing(0.2), "an inherited method": Special(0.3).method}


@program
def classes(x):
    thing = Special(x)
    return thing.b * thing.of_none(x) + Special.of_class(x) + thing(x)


@program
def a_closure_that_changes(x):
    y = 3.0

    def inner(z):
        nonlocal y
        if z > 0:
            y = y + z
        return y * z

    return inner(x) + y


@program
def nested_functions(x):
    def power(t, n=2):
        if t > 0:
            return t**n
        return t

    return power(x) + (lambda t: t if t > 1 else t * t)(x) + [power(v, 3) for v in (x, x + 1)][1]


PROGRAMS |= {"a lambda": lambda x: x if x > 0 else -x, "another": lambda x: max(x, 0.5) * min(x, 1.0, x * x)}


@program
def a_while_on_plain_numbers(x):
    n = 0
    while n < 4:
        n += 1
        if x > n:
            x = x - 0.3 * n
        elif x < -n:
            continue
    return x * x


@program
def a_loop_with_break_and_continue(x):
    s, i = 0.0, 0
    for i in range(6):
        if x > 2 or i == 1:
            continue
        if s > 3 * x:
            break
        s += x * x + i
    return s + i * x


@program
def lists_in_loops(x):
    out = []
    for a, (b, c) in zip([1.0, 2.0, 3.0], enumerate([x, x * x, 2.0])):
        if c > a:
            out.append(b + c)
        else:
            out.append(a * x)
    out[0] *= 2
    if out[0] > 1:
        out[1:] = [x, x]
    return total(out)


@program
def dicts(x):
    d = {"a": x, "b": [1.0, x]}
    if x > 0:
        d["a"] = x * x
        d["b"][0] = 3.0 * x
    return d["a"] + d["b"][0] * d["b"][1]


class Pair(NamedTuple):
    a: float
    b: float


@dataclass
class Fields:
    a: float
    b: float = 2.0


@program
def structures(x):
    pair, fields, other = Pair(x, 1.0), Fields(x), Fields(1.0)
    if x > 0.5:
        pair, fields = Pair(1.0, x * x), Fields(x * x, b=x)
        other.a = x
    else:
        fields.b = 5.0
    return pair.a * pair.b + fields.a * fields.b * other.a


@program
def an_array_changed_on_one_side(x):
    a = np.array([x, 2 * x, 1.0])
    other = a
    if x > 0.2:
        a[1] = x * x
    else:
        a = a * 2.0
    return a.sum() + other[1]


def doubled_in_place(numbers):
    for i in range(len(numbers)):
        numbers[i] = 2 * numbers[i]


@program
def a_change_made_by_a_function(x):
    a = [x, x]
    b = a
    if x > 0:
        doubled_in_place(a)
    return b[0] * a[1]


@program
def a_search(x):
    for i in range(10):
        if x < i * 0.3:
            return x * i
    return 100.0 + x


@program
def an_interpolation(x):
    knots, heights = [0.0, 0.5, 1.0, 2.0], [1.0, 2.0, 0.0, 5.0]
    for i in range(3):
        if knots[i] <= x < knots[i + 1]:
            w = (x - knots[i]) / (knots[i + 1] - knots[i])
            return heights[i] * (1 - w) + heights[i + 1] * w
    return heights[0] if x < knots[0] else heights[-1]


@program
def a_root_to_a_tolerance(x):
    y = 1.0
    for _ in range(20):
        new = 0.5 * (y + (x * x + 1) / y)
        if abs(new - y) < 1e-12:
            break
        y = new
    return y


@program
def flags(x):
    done, k = False, 0.0
    for i in range(4):
        if not done and x < i * 0.5:
            done, k = True, x * i
    return k if done else x


@program
def a_number_as_a_condition(x):
    if x:
        return x + 1
    if not x:
        return x - 1


@program
def and_and_or_of_numbers(x):
    return (x and x * 2) + (x or 3.0) + (not x) + (x > 0 and x < 2)


@program
def any_all_bool(x):
    some = any(x > k for k in (0.1, 1.0))
    return x * some + 2 * x * all([x > -1, x < 2]) + bool(x > 0) + any([]) + all([])


@program
def the_first_of_equal_numbers(x):
    return max(x, -x, 0.0) + min([2 * x, x * x]) * max((x, 1), default=7) + max([1, 2], key=lambda t: -t)


@program
def functions_given_to_others(x):
    mapped = list(map(functools.partial(helper, k=1.0), [x, x - 1, x + 1]))
    return functools.reduce(lambda a, b: a * b if a > 0 else b, mapped) + functools.partial(helper, k=0.5)(x)


@program
def derivatives_inside(x):
    return grad(lambda t: t**3 if t > 0 else t * t)(x) + helper(x) + jit(helper)(x)


@functools.lru_cache
def remembered(x):
    return x if x > 0 else 2 * x


@program
def a_function_that_remembers(x):
    return remembered(x) + remembered(x)


@program
def try_and_with(x):
    try:
        y = x * 2 if x > 0 else x
    except ZeroDivisionError:
        y = 0.0
    finally:
        z = 1.0
    with np.errstate(all="ignore"):
        if y > 1:
            return y
    return y * z + 3


@program
def annotations(x: "Nowhere") -> "Nowhere":  # noqa: F821
    y: Nowhere = 1.0  # noqa: F821
    if x > 0:
        y = x
    return y


@program
def deleted_variables(x):
    t = x * 2
    if x > 0:
        u = t
        del t
    else:
        u = 1.0
    return u


@program
def a_global_variable(x):
    global of_the_module
    of_the_module = 1.0
    if x > 0:
        of_the_module = x
    return of_the_module * x


@program
def swapped_variables(x):
    a, b = x, 2.0
    if a > b:
        a, b = b, a
    return a * 3 + b


@program
def an_operand_computed_once(x):
    seen = []

    def once(y):
        seen.append(1)
        return y

    return x * (0 < once(x) < 3) + x * (0 < once(1.0) < once(x) != 2) + 0 * len(seen)


@program
def matches(x):
    mode, heat = Mode.OFF, 15.0
    for step in range(40):
        match mode:
            case Mode.OFF if heat < 18:
                mode = Mode.WARM
            case Mode.OFF if heat > 20:
                mode = Mode.COLD
            case Mode.WARM | Mode.COLD if 18.5 < heat < 20 + 0.1 * x:
                mode = Mode.OFF
        match step % 7, mode:
            case (3, Mode.WARM):
                continue
            case (6, _) | (_, Mode.COLD):
                pass
            case (_, (Mode.WARM | Mode.OFF) as other):
                heat += 0.01 * other
        match mode:
            case Mode.WARM:
                heat += x
            case Mode.COLD:
                heat -= x
            case warmth:
                heat -= 0.02 * (heat - 10 - warmth)
    return heat


@program
def matches_of_numbers(x):
    found = None
    match found:
        case None:
            found = x
        case _:
            found = 5.0
    match 2 * x:
        case v if v > 3:
            found = v * v
        case v if v < 0:
            return -v
    match x > 0.5, found:
        case above, y:
            return y * (3 if above else 2)


@program
def an_index_that_is_known(x):
    k = 0
    for i in range(3):
        if i > 1:
            k = i
    return [x, 2 * x, 3 * x][k] if x > 0 else x


@program
def sides_that_are_not_taken(x):
    if x > 0:
        return (x**0.5 + 1 / x) * x
    return where(x < 0, 1 / x, 0.0)


@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled_equals_uncompiled(name):
    f = PROGRAMS[name]
    with_slope, of_many = value_and_grad(f), vmap(value_and_grad(f))
    compiled, compiled_with_slope = jit(f, exact=True), jit(with_slope, exact=True)
    for x in POINTS:
        same_bits(compiled(x), f(Value(x)))
        same_bits(compiled_with_slope(x), with_slope(x))
    for found, expected in zip(jit(of_many, exact=True)(np.array(POINTS)), of_many(np.array(POINTS))):
        same_bits(found, expected)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_default_mode_is_close(name):
    f = value_and_grad(PROGRAMS[name])
    compiled = jit(f)
    for x in POINTS[:-2]:
        assert compiled(x) == pytest.approx(f(x), rel=1e-12, abs=1e-300)


def test_lambdas_on_one_line_are_told_apart():
    one, other = (lambda x: x if x > 0 else 1.0), (lambda x: x if x > 0 else 2.0)
    inside = lambda k: lambda x: x if x > k else 3.0  # noqa: E731
    assert [jit(f)(-1.0) for f in (one, other, inside(0))] == [1.0, 2.0, 3.0]


def test_a_branch_compiles_to_what_where_compiles_to():
    def branching(x, y):
        if x > y:
            x = x * y
        return x * y

    def choosing(x, y):
        return where(x > y, x * y, x) * y

    assert jit(value_and_grad(branching)).program(1.0, 2.0) == jit(value_and_grad(choosing)).program(1.0, 2.0)
