"""What Python's statements cannot do on numbers that are not known while tracing: one sentence that names the line."""

import gc
import inspect
import itertools
import pickle
import subprocess
import sys
import threading
import traceback
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from autograd_engine import TraceError, exp, jit, sin, value_and_grad, vmap
from autograd_engine.compiler.statements import operators, rewrite
from autograd_engine.compiler.trace.errors import NOT_REWRITTEN
from tests.autograd_engine.compiler.test_random_statements import defined

REFUSED = {}
_OF_A_LOOP = r"reads z, to which the loop at .* \(while x > 1:\) need not give a value, .*; give z one before the loop"


def refused(line, message):
    """A function that is refused, with the line of it, counted from the first, that the message names."""

    def decorated(f):
        REFUSED[f.__name__] = (f, line, message)
        return f

    return decorated


@refused(2, r"y must keep its structure from round to round of a loop that is compiled")
def a_while_that_changes_a_structure(x):
    y = [x]
    while x < 3:
        x, y = x * 2, [x, x]
    return y[0]


@refused(2, r"what changes from round to round of a loop that is compiled, but is no number; keep numbers in variables")
def a_while_that_changes_a_function(x):
    what = sin
    while x < 3:
        x, what = x * 2, exp
    return what(x)


@refused(3, _OF_A_LOOP)
def a_variable_of_a_while(x):
    while x > 1:
        x = z = x / 2
    return z


@refused(7, _OF_A_LOOP)
def a_variable_of_a_loop_and_of_its_else(x):
    while x > 1:
        x = z = x / 2
        if x > 30:
            break
    else:
        z = 3 * x
    return z


@refused(2, r"a loop that is compiled may change variables and append to lists, but it changes a list in place")
def a_while_that_appends(x):
    found = []
    while x < 3:
        x = x * 2
        found.append(x)
    return x


@refused(3, r"reads y, which has a value only on one side of the branch at .*:\d+ \(if x > 0:\); give y a value on")
def an_undefined_variable(x):
    if x > 0:
        y = x
    return y * 2


@refused(1, r"whether no_result\(\) returns a result or None depends on .*; let it return numbers in every case")
def no_result(x):
    if x > 0:
        return x


@refused(2, r"raises ValueError \(negative\) on one side of the branch at .*; compiled code raises nothing, so give a")
def an_exception(x):
    if x < 0:
        raise ValueError("negative")
    return x


@refused(
    2, "leaves y as a list of 2 where it holds and as one of 1 elsewhere; let both sides leave numbers in the same"
)
def another_length(x):
    y = [x]
    if x > 0:
        y = [x, x]
    return y[0]


@refused(2, "leaves d as a dict with 'b' where it holds and as one without it elsewhere; give 'b' a value on the other")
def another_key(x):
    d = {"a": x, "c": x}
    if x > 0:
        d = {"a": x, "b": x}
    return d["a"]


@refused(2, r"leaves a as an array of shape \(2,\) where it holds and as one of shape \(1,\) elsewhere; let both sides")
def another_shape(x):
    a = np.array([x])
    if x > 0:
        a = np.array([x, x])
    return a.sum()


@refused(2, "leaves a list that it changes as a list of 1 where it holds and as one of 0 elsewhere; let both sides")
def a_list_that_grows(x):
    out = []
    if x > 0:
        out.append(x)
    return x + len(out)


@refused(
    2, "a dict that it changes as a dict without 'last' where it holds .* give 'last' a value on the other side too"
)
def an_attribute_of_one_side(x):
    ball = SimpleNamespace(speed=x)
    if x > 0:
        ball.speed = 2 * x
    else:
        ball.last = x
    return ball.speed


@refused(1, "as 'up' where it holds and as a number elsewhere; let both sides leave numbers in the same structure")
def a_text_or_a_number(x):
    kind = "up" if x > 0 else 0.5
    return x if kind == "up" else 2 * x


@refused(
    1, "leaves the result as a tuple where it holds and as a number elsewhere; let both sides leave numbers in the"
)
def another_result(x):
    if x > 0:
        return x, x
    return x


@refused(1, "leaves the expression as a number where it holds and as None elsewhere; start with a number, such as nan")
def none(x):
    y = 1.0 if x > 0 else None
    return x if y is None else y


@refused(1, "ends a recursion by .*; write a for over a fixed range with a break in it")
def a_recursion(x):
    return x if x < 1 else a_recursion(x / 2)


@refused(1, "asserts something of .*; compiled code raises nothing, so check the arguments before the call, or the")
def an_assertion(x):
    assert x > 0, f"{x} is negative"
    return x


@refused(2, r"in a_generator\(\), which cannot be rewritten because there is a generator on line \d+ .return a list")
def a_generator(x):
    def numbers():
        if x > 0:
            yield x
        yield 1.0

    return sum(numbers())


@refused(1, "write a for statement with an if in it instead of the comprehension")
def a_comprehension(x):
    return sum([v for v in (x, 2.0) if v > 1])


@refused(1, r"because there is an assignment by := on line \d+ .write it as a statement before.")
def a_walrus(x):
    if (y := x * 2) > 1:
        return y
    return x


@refused(3, r"there is a match statement on line \d+ with other patterns than values, .* .write if and elif.")
def a_match(x):
    match [1]:
        case [1]:
            if x > 0:
                return x
    return 1.0


@refused(3, r"because locals\(\) on line \d+ needs the function as it is")
def local_names(x):
    y = 1.0
    names = locals()
    if x > 0:
        y = names["x"]
    return y


@refused(1, "sorts by a key that depends on .*; sort the numbers themselves")
def a_key(x):
    return sorted([x, 1.0], key=lambda t: -t)[0]


@refused(5, r"there is a generator on line .* write sorted\(numbers\) instead of numbers.sort\(\)")
def a_sort(x):
    def both():
        yield x

    numbers = [x, 1.0]
    numbers.sort()
    return numbers[0]


@refused(2, "asserts something of")
def a_refusal_that_is_caught(x):
    try:
        assert x > 1
    except Exception:
        return 7.0
    return x


@refused(1, "repeats 50 times, and its end depends on .*; write a for over a shorter range")
def a_loop_without_end(x):
    for i in itertools.count():
        if x < i:
            break
    return x


numbers = np.zeros(1001)


@refused(1, "changes an array of 1,001 numbers in place on one side of a branch .*; change it after the branch")
def a_large_array(x):
    if x > 0:
        numbers[3], numbers[4] = numbers[4], numbers[3] + 1.0
    return x


class Number:
    def __init__(self, x):
        self.x = x

    def __add__(self, other):
        return self.x if self.x > 0 else other


@pytest.mark.parametrize("name", REFUSED)
def test_one_sentence_names_the_line(name, monkeypatch):
    f, line, message = REFUSED[name]
    source, first = inspect.getsourcelines(f)
    line += first + next(i for i, text in enumerate(source) if text.startswith("def"))
    monkeypatch.setattr(operators, "_MANY", 50)
    for of_f, argument in [(f, 2.0), (vmap(f), np.array([2.0, 3.0])), (value_and_grad(f), 2.0)]:
        with pytest.raises(TraceError, match=message) as raised:
            jit(of_f)(argument)
        assert f"{__file__}:{line} (" in str(raised.value)
        assert "\n" not in str(raised.value)


def test_operators_of_classes_are_called_by_python():
    with pytest.raises(TraceError, match=r"return self.x if self.x > 0 else other.* branches on .* write where"):
        jit(lambda x: Number(x) + 1.0)(1.0)


def test_what_changed_before_an_error_is_as_before():
    kept = [1.0]

    def f(x):
        if x > 0:
            kept[0] = 2.0
            raise ValueError
        return x

    with pytest.raises(TraceError, match="raises ValueError"):
        jit(f)(1.0)
    assert kept == [1.0]


def test_tracebacks_name_the_line():
    def f(x):
        y = 1.0
        for i in range(3):
            if x > i:
                y = y + x
        return y + [1.0][7]

    with pytest.raises(IndexError) as raised:
        jit(f)(1.0)
    lines = [frame.lineno for frame in traceback.extract_tb(raised.tb) if frame.filename == __file__]
    assert inspect.getsourcelines(f)[1] + 5 in lines


def test_without_a_branch_nothing_is_rewritten():
    program = """
import sys
from autograd_engine import grad, jit, sin
def f(x, n=3):
    assert n > 0
    for i in range(n):
        if i > 1 and n < 5:
            x = sin(x)
    return x
print(jit(grad(f))(1.0) == grad(f)(1.0), "malt" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_nothing_is_printed():
    program = """
import warnings, linecache
warnings.simplefilter("error")
from autograd_engine import jit
source = "def f(x):\\n    return x if x > 0 else -x\\n"
linecache.cache["<cell>"] = len(source), None, source.splitlines(True), "<cell>"
exec(compile(source, "<cell>", "exec"))
assert jit(f)(-2.0) == 2.0
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""


def test_closures_have_their_present_values():
    bound = 1.0

    def f(x):
        return x if x > bound else bound

    assert jit(f)(0.5) == 1.0
    bound = 2.0
    assert jit(f)(0.5) == 2.0


def module_function(x):
    return x if x > 0 else -x


compiled_function = jit(module_function)


def test_pickling_is_as_before():
    assert compiled_function(-1.0) == 1.0
    assert pickle.loads(pickle.dumps(compiled_function))(-2.0) == 2.0


def test_what_is_rewritten_goes_with_the_function():
    f = defined(["def f(x):", "    return x if x > 0 else -x"])
    assert jit(f)(-1.0) == 1.0
    code = weakref.ref(f.__code__)
    assert code() in rewrite._factories
    del f
    gc.collect()
    assert code() is None
    without = eval("lambda x: x if x > 0 else -x")
    with pytest.raises(TraceError, match="source is not known"):
        jit(without)(1.0)
    assert without.__code__ in NOT_REWRITTEN


def test_threads_rewrite_at_the_same_time():
    functions = [
        defined(
            [
                "def f(x):",
                f"    for i in range({n}):",
                "        if x > i:",
                "            x = x + sin(x)",
                "    return x",
            ]
        )
        for n in range(2, 10)
    ]
    found = {}

    def run(n):
        for i, f in enumerate(functions):
            found[n, i] = jit(f, exact=True)(2.5)

    threads = [threading.Thread(target=run, args=[n]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {(n, i): f(2.5) for n in range(4) for i, f in enumerate(functions)}
