"""A rewritten function does what Python does: each of these branches on its argument, so that it is rewritten."""

import contextlib
import functools

import numpy as np
import pytest

from autograd_engine import jit, value_and_grad, vmap
from autograd_engine import sum as total
from autograd_engine.compiler.statements.source import definition
from tests.autograd_engine.compiler.test_random_statements import defined
from tests.autograd_engine.compiler.test_statements import same_bits

POINTS = [-2.0, -0.5, 0.0, 0.3, 1.0, 2.5]
PROGRAMS = {}


def program(f):
    PROGRAMS[f.__name__] = f
    return f


@program
def assignments(x, /, k=2, *rest, scale=1.0, **named):
    import math as m

    a = b = x * k
    c, *d = [a, b, x]
    (e, f), g = (c, d[0]), d[-1]
    u = [1, 2, 3][1:][::-1]
    u[0:1], numbers = [7, 8], {"z": x, 0: 1, 1: 2}
    del numbers[0]
    w = named.get("w", 4) if named else 5
    if x > 0:
        a = a * scale
    return a + e + f + g + sum(u) + numbers["z"] + len(numbers) + w + m.pi + len(rest)


@program
def comprehensions(x):
    products = [i * j for i in range(3) for j in range(i) if j % 2 == 0]
    sets, squares = {i % 2 for i in products}, {i: i * x for i in range(3)}
    functions = [lambda t, i=i: t * i if t > i else i for i in range(3)]
    return functions[2](x) + sum(products) + len(sets) + squares[2] + total(f(x) for f in functions)


@program
def loops_with_else(x):
    total, k = 0.0, 0
    for i in range(3):
        for j in range(4):
            if x * i > j + 0.5:
                total += x + j
                break
            if j == i + 2:
                continue
        else:
            total -= 2.0 * x
            if x > 2:
                break
    else:
        total *= 3.0
    while k < x:
        k += 1
        if k > 2:
            break
    else:
        total += 0.5 * x
    for _ in "ab":
        total += x
    else:
        total = total / 2

    def first_above(limit):
        for i in range(3):
            if i * x > limit:
                return i * x
        else:
            limit = -limit
        return limit * x

    return total + first_above(0.5) + first_above(3.0)


@program
def exceptions(x):
    try:
        {}["missing"]
    except KeyError as error:
        message = str(error)
    else:
        message = ""
    finally:
        ended = 1.0
    with contextlib.suppress(ZeroDivisionError):
        ended = 1 / 0
    if x > 0.5:
        ended = x
    return x * ended + len(message)


@program
def whiles(x):
    n, y = 0, x
    while True:
        n += 1
        if n > 4:
            break
        if n == 2:
            continue
        if y > n:
            y = y - n * x
    return y + n


@program
def nested_loops(x):
    r = 0.0
    for i in range(3):
        for j in range(4):
            if i * j > 3 and x > 0:
                break
            if x < j:
                continue
            for k in range(2):
                if x > k + i:
                    r += x
                else:
                    break
        r += j
        if r > 40:
            return r * x
    return r


@program
def a_return_out_of_with(x):
    with np.errstate(all="ignore"):
        for i in range(3):
            with contextlib.suppress(ValueError):
                if x > i:
                    return x * i
    return -x


@program
def a_return_out_of_try(x):
    for i in range(3):
        try:
            if x > i + 1:
                return x
            if x < 0:
                break
        finally:
            x = x + 1.0
    return x * 7


@program
def results_of_several_parts(x):
    def parts(t):
        if t > 0:
            return t, {"a": -t}
        return 2 * t, {"a": 1.0}

    a, rest = parts(x)
    return a * rest["a"]


@program
def none_and_texts(x, y=None):
    if y is None:
        y = x
    for kind in ("a", "b"):
        if kind == "a" and x > 0:
            y = y * 3
        elif kind != "a" or x > -1:
            y = y - 1
    return y if kind == "b" else 0.0


@program
def nested_conditional_expressions(x):
    return (1.0 if x > 2 else 2.0 if x > 1 else x) + (x > 0) * (x if not x > 1 else 0.0)


@program
def counts(x):
    c = 0
    for t in (0.1, 0.5, 1.5):
        if x > t:
            c += 1
    return c * x + (c == 2) + (3.0 if c > 1 else 0.0)


@program
def numpy_arrays(x):
    v = np.linspace(0, 1, 4) * x
    out = np.empty(4, dtype=object)
    for i, e in enumerate(v):
        out[i] = e if e > 0.5 else 0.0
    return out.sum() + max(v) + min(*v)


@program
def a_state_in_a_dict(x):
    state = {"p": x, "h": []}
    for _ in range(3):
        if state["p"] > 1:
            state["p"] = state["p"] / 2
        else:
            state["p"] = state["p"] * 3 + 1
        state["h"].append(state["p"])
    return sum(state["h"][1:], 0.0)


@program
def a_bouncing_ball(x):
    h, v = 1.0, 0.0
    for _ in range(60):
        v -= 0.1
        h += 0.1 * v
        if h < 0:
            h, v = -h, -x * v
    return h


@program
def a_determinant_with_pivots(x):
    a, det = [[2.0, x, 1.0], [x, 3.0, 0.5], [1.0, x * x, 4.0]], 1.0
    for k in range(3):
        for i in range(k + 1, 3):
            if abs(a[i][k]) > abs(a[k][k]):
                a[i], a[k] = a[k], a[i]
                det = -det
        for i in range(k + 1, 3):
            m = a[i][k] / a[k][k]
            for j in range(k, 3):
                a[i][j] -= m * a[k][j]
        det *= a[k][k]
    return det


@program
def a_recursion_to_a_depth(x, n=4):
    if n == 0:
        return x
    return a_recursion_to_a_depth(x * 0.5 if x > 1 else x + 1, n - 1)


@program
def a_while_on_numbers(x):
    n = 0
    while x > 0.1:
        x = x / 2
        n += 1
    return x * n


@program
def a_root_by_newton(x):
    y, old = 1.0, 0.0
    while abs(y - old) > 1e-12:
        old = y
        y = 0.5 * (y + (x * x + 1) / y)
    return y


@program
def a_while_that_is_left(x):
    s = 0.0
    while True:
        s = s + x + 0.2
        if s > 10 or x <= 0:
            break
        if s > 5:
            s = s * 1.5
            continue
        s += 0.1
    return s


@program
def a_while_in_a_for(x):
    t = 0.0
    for i in range(3):
        y = x + i
        while y > 1:
            y = y - 0.7
        t += y * x if y > 0.5 else y
    return t


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_does_what_python_does(name):
    f = PROGRAMS[name]
    compiled = jit(value_and_grad(f), exact=True)
    for x in POINTS:
        same_bits(compiled(x), value_and_grad(f)(x))
    of_many = vmap(value_and_grad(f))
    for found, expected in zip(jit(of_many, exact=True)(np.array(POINTS)), of_many(np.array(POINTS))):
        same_bits(found, expected)


def test_arguments_are_passed_as_python_passes_them():
    def f(x, /, y=2.0, *more, z=3.0, **named):
        return (x if x > 0 else y) * z + sum(more) + sum(named.values())

    calls = [((1.0,), {}), ((-1.0, 4.0, 5.0, 6.0), {"z": 7.0, "w": 8.0}), ((-1.0,), {"y": 9.0})]
    for args, named in calls:
        assert jit(f)(*args, **named) == f(*args, **named)
        assert jit(functools.partial(f, y=0.5))(args[0]) == f(args[0], y=0.5)


def test_static_arguments_decide_as_python_does():
    @functools.partial(jit, static_argnames="kind")
    def f(x, kind):
        if kind == "double" or x > 10:
            return 2 * x
        return x

    assert [f(1.0, "double"), f(1.0, kind="single"), f(20.0, kind="single")] == [2.0, 1.0, 40.0]


def test_compiled_methods_are_rewritten():
    class Clipped:
        low = 0.5

        @jit
        def of(self, x):
            return x if x > self.low else self.low

    clipped = Clipped()
    assert [clipped.of(0.1), clipped.of(2.0)] == [0.5, 2.0]


def test_equal_code_of_two_files_is_told_apart():
    source = ["def f(x):", "    return [1.0, 2.0][9] if x is None else x if x > 0 else missing"]
    for f in (defined(source), defined(source)):
        with pytest.raises(TypeError, match="raises NameError") as raised:
            jit(f)(1.0)
        assert f"{f.__code__.co_filename}:2 (" in str(raised.value)


@pytest.mark.parametrize("kind", ["if x > 0:", "while x > 0:", "for _ in (x,):"])
def test_functions_of_every_length_are_found(kind):
    # Where a jump just reaches over 255 units of code, what has been imported decides whether it takes another one.
    for length in range(10, 30):
        body = [f"    {kind}", *["        x = np.sin(x)"] * length]
        f = defined(["import numpy as np", "def f(x):", *body, "    return x"])
        assert definition(f.__code__, {}).name == "f"


def test_a_source_that_has_changed_does_not_count(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "changing_module.py"
    file.write_text("def f(x):\n    return x if x > 0 else 1.0\n")
    import changing_module

    file.write_text("def f(x):\n    return x if x > 0 else 2.0\n\n")
    with pytest.raises(TypeError, match="its source is not known"):
        jit(changing_module.f)(-1.0)
