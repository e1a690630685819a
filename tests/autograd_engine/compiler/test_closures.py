"""Variables that functions share, changed by branches and loops: what a closure reads afterwards is as uncompiled."""

from contextvars import ContextVar

import pytest

from autograd_engine import TraceError, jit, value_and_grad

POINTS = (1.3, 0.2, -0.7, -2.1)
SCALE: ContextVar[float] = ContextVar("scale", default=1.0)


def a_lambda(x):
    k = x
    f = lambda: 2.0 * k  # noqa: E731
    if x > 0.5:
        k = x * x
    return f()


def a_lambda_of_a_list(x):
    k = x
    fs = [lambda: 2.0 * k, lambda: k * k]
    for _ in range(20):
        if k < 2.0:
            k = k + 0.3
    return fs[0]() * fs[1]()


def lambdas_of_rounds(x):
    fs = []
    for k in range(3):
        x = x + k
        last = x if x > 1.0 else -x
        fs.append(lambda: last * k)  # noqa: B023
    return sum([f() for f in fs])


def a_variable_of_a_loop(x):
    f = lambda: 2.0 * k  # noqa: E731
    for k in (x, 1.0, -x):
        if k > 0.0:
            break
    return f()


def a_generator(x):
    k = x
    parts = (k * part for part in (1.0, 2.0))
    if x > 0.5:
        k = x * x
    return sum(parts)


def nonlocal_in_a_branch(x):
    total = x

    def add(y):
        nonlocal total
        if y > 0.0:
            total = total + y * y
        elif y < -1.0:
            total = 0.5 * total

    add(x)
    add(1.0 - x)
    return total


def nonlocal_in_loops(x):
    total = x

    def grow(y):
        nonlocal total
        while total < y:
            total = total + 0.5
        for _ in range(20):
            total = 0.9 * total + 0.1 * x

    grow(2.0 * x)
    grow(2.0)
    return total * x


def nonlocal_that_is_set_outside(x):
    total = x

    def add(y):
        nonlocal total
        total = total + y
        return total

    if x > 0.5:
        total = x * x
    return add(1.0)


def nonlocal_twice(x):
    total = x

    def add():
        nonlocal total
        if x > 0.5:

            def deeper():
                nonlocal total
                total = 3.0 * total

            deeper()

    add()
    return total * x


def a_global(x):
    def keep(y):
        global KEPT
        KEPT = y
        if y > 0.5:
            KEPT = -2.0 * y

    keep(x)
    return KEPT * x


KEPT = 0.0


def a_context_variable(x):
    SCALE.set(2.0)
    if x > 0.5:
        SCALE.set(x)
    for _ in range(20):
        SCALE.set(0.9 * SCALE.get() + 0.1 * x)
    return x * SCALE.get()


def parameters_with_the_names_of_variables(x):
    def double(y, *rest):
        return 2.0 * y + len(rest)

    triple = lambda z: 3.0 * z  # noqa: E731
    if x > 0.5:
        y = double(x)
        z, rest = y, x
    else:
        y = triple(x)
        z, rest = x, y
    return y + z * rest


PROGRAMS = [
    *(a_lambda, a_lambda_of_a_list, lambdas_of_rounds, a_variable_of_a_loop, a_generator, nonlocal_in_a_branch),
    *(nonlocal_in_loops, nonlocal_that_is_set_outside, nonlocal_twice, a_global, a_context_variable),
    parameters_with_the_names_of_variables,
]


@pytest.mark.parametrize("f", PROGRAMS)
def test_what_a_closure_reads_is_as_uncompiled(f, every_function_is_long):
    compiled, exact = jit(value_and_grad(f)), jit(value_and_grad(f), exact=True)
    for x in POINTS:
        expected = value_and_grad(f)(x)
        assert exact(x)[0] == expected[0]
        assert exact(x) == pytest.approx(expected, rel=1e-13)
        assert compiled(x) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_whole_numbers_that_no_double_holds_are_refused():
    def of_a_branch(x):
        n = 2**53
        if x > 0.0:
            n += 1
        return x * (n - 2**53)

    def of_a_loop(x):
        n = 10**400
        while x < 5.0:
            x, n = x + 1.0, n + 1
        return x * (n % 7)

    for f, digits in ((of_a_branch, 16), (of_a_loop, 401)):
        with pytest.raises(TraceError, match=f"a whole number of {digits} digits.*exact up to"):
            jit(f)(0.7)
