"""Indices that are known only at a call: picked, put and added to, in straight lines, loops, samples and C."""

import bisect
import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import fori_loop, grad, hessian, jacobian, jit, maximum, sin, to_c, value_and_grad, vmap
from autograd_engine.compiler.statements import twins
from autograd_engine.compiler.trace.traced import Traced
from tests.c_compiler import cc, needs_compiler
from tests.nested import numbers

A = np.random.default_rng(0).normal(size=7)
MATRIX = np.random.default_rng(1).normal(size=(3, 4))
KNOTS = np.linspace(-2.0, 2.0, 9)


def walk(a, n, x):
    i = k = 0
    while k < n:
        x = x + sin(a[i]) * x
        i = (i * 3 + 1) % 7
        k += 1
    return x


def a_loop_in_a_loop(a, n, x):
    i, k, s = 0, 0, x
    while k < n:
        j, t = 0, 0.3
        while j < k:
            t = t * sin(a[i]) + s * a[j % 7]
            i = (i * 3 + 1) % 7
            j += 1
        s = s + 0.1 * t
        k += 1
    return s


def from_the_end(a, n, x):
    k, total = 1, 0.0
    while k <= n:
        total = total * x + a[-k] * a[k - 1]
        k += 1
    return total


def first_above(a, n, x):
    i = 0
    while i < n and a[i] < x:
        i += 1
    return a[i] * x if i < n else x * x


def guarded(a, n, x):
    if n < 7:
        return a[n] * x
    return a[0] - x


def of_rows(a, n, x):
    row = MATRIX[n % 3]
    return (row * x).sum() + MATRIX[n % 3, n % 4] * MATRIX[1, n % 4] + MATRIX[n % 3, 1:3].sum()


def items_of_lists(a, n, x):
    return [1.5, 2.5, 3.5][n % 3] * x + [x, x * x, a[1]][n % 3]


def plain_numbers_among_others(a, n, x):
    mixed = [x, KNOTS[2], 2, True, np.int64(3)]
    return mixed[n % 5] * x + np.array([x, KNOTS[3], 1, x * x], dtype=object)[n % 4]


def whole_part(a, n, x):
    return a[int(n / 2.5)] * x + a[n // 3]


def running_sums(a, n, x):
    s = [0.0] * 8
    k = 0
    while k < n:
        s[k + 1] = s[k] + sin(a[k]) * a[k - 1] * x
        k = k + 1
    return s[3] * s[7] + s[-1] + s[1] * s[2]


def counts(a, n, x):
    h = [0.0] * 5
    k = 0
    while k < n:
        h[(k * k + 1) % 5] += a[k] ** 2 * x
        k += 1
    return sum([h[k] * h[k] for k in range(5)])


def bubble_sort(a, n, x):
    v = [y * x for y in a]
    k = 0
    while k < n:
        for j in range(6):
            if v[j] > v[j + 1]:
                v[j], v[j + 1] = v[j + 1], v[j]
        k += 1
    return v[0] * 1 + v[1] * 2 + v[2] * 3 + v[3] * v[4] + v[5] * v[6]


def writes_in_branches(a, n, x):
    v = [0.0] * 4
    k = 0
    while k < n:
        if a[k] > 0:
            v[k % 4] = v[k % 4] + a[k] * x
        else:
            v[(k + 1) % 4] = a[k] - v[0]
        k += 1
    return v[0] + 2 * v[1] + 3 * v[2] * x + 4 * v[3]


def an_array_of_two_axes(a, n, x):
    m = np.outer(a[:3], a[:3]) * x
    k = 0
    while k < n:
        i = k % 3
        m[i, (i + 1) % 3] = m[i, i] * 0.5 + m[(i + 2) % 3, 0]
        m[i] = m[i] * 1.1
        k += 1
    return m.sum() + m[0, 1]


def reads_as_a_whole(a, n, x):
    v = [y * x for y in a]
    k = 0
    while k < n:
        v[k] = 0.1 * sum(v) + max(v) * len(v) + v[0]
        for y in v:
            x = x + 0.01 * y
        v[1:3] = [v[2] * 0.5, sum(v[3:5])]
        k += 1
    return v[0] * v[2] + x


def a_tree(a, n, x):
    v = [a[j] * x for j in range(7)]
    i = n - 1
    while i >= 0:
        j = 0
        while j <= i:
            v[j] = max(0.5 * v[j] + 0.4 * v[j + 1], a[j] - x)
            j += 1
        i -= 1
    return v[0]


def copies_in_rounds(a, n, x):
    v, k = [y * x for y in a], 0
    while k < n:
        before = list(v)
        v[k] = before[k] * 0.5 + before[(k + 1) % 7]
        v[(k + 1) % 7] = before[k] - v[k] * before[(k + 1) % 7]
        k += 1
    return v[0] + 2 * v[1] + 3 * v[2] * v[6]


def reads_what_it_began_with(a, n, x):
    v, w, k = list(a), list(a), 0
    while k < n:
        v[k % 5] = v[k % 5] * 0.5 + a[(k + 2) % 5] * x + w[0]
        w[(k + 1) % 5] = v[k] - a[k % 5]
        k += 1
    return v[0] + w[1] * v[2]


def a_copy_between_loops(a, n, x):
    v, k = [y * x for y in a], 0
    while k < n:
        v[k] = v[k] * 2 + 1
        k += 1
    w = list(v)
    while k < 7:
        v[k], w[k - 1] = w[k] - 1, v[k - 1] * x
        k += 1
    return v[0] + w[0] * v[6] + w[6] + w[n]


def writes_in_a_straight_line(a, n, x):
    b = a * x
    b[n % 7] = x * b[n % 7]
    c = list(b)
    c[0], c[n % 7] = c[n % 7], c[0]
    return b.sum() + b[0] * b[1] + c[0] * 2 + c[1] * c[2]


READING = [
    walk,
    a_loop_in_a_loop,
    from_the_end,
    first_above,
    guarded,
    of_rows,
    items_of_lists,
    plain_numbers_among_others,
    whole_part,
]
WRITING = [
    running_sums,
    counts,
    bubble_sort,
    writes_in_branches,
    an_array_of_two_axes,
    reads_as_a_whole,
    a_tree,
    copies_in_rounds,
    reads_what_it_began_with,
    a_copy_between_loops,
    writes_in_a_straight_line,
]
PROGRAMS = pytest.mark.parametrize("f", READING + WRITING, ids=lambda f: f.__name__)
COUNTS = [0, 1, 3, 6]


def same(found, expected):
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-11, atol=1e-12)


@PROGRAMS
def test_compiled_equals_uncompiled(f):
    compiled, exact = jit(f), jit(f, exact=True)
    for n in COUNTS:
        same(compiled(A, n, 0.8), f(A, n, 0.8))
        assert exact(A, n, 0.8) == f(A, n, 0.8)


@PROGRAMS
def test_derivatives_equal_those_of_the_uncompiled_function(f):
    def slopes(a, n, x):
        return value_and_grad(lambda a, x: f(a, n, x), argnums=(0, 1))(a, x)

    def curvature(a, n, x):
        return hessian(lambda a: f(a, n, x))(a), jacobian(lambda x: f(a, n, x))(x)

    first, second = jit(slopes), jit(curvature)
    for n in COUNTS:
        same(first(A, n, 0.8), slopes(A, n, 0.8))
        same(second(A, n, 0.8), curvature(A, n, 0.8))


@PROGRAMS
def test_samples_go_their_own_ways(f):
    counts, xs = np.arange(19.0) % 7, np.linspace(0.5, 0.9, 19)

    def of_samples(a, counts, xs):
        return vmap(lambda n, x: value_and_grad(lambda a, x: f(a, n, x), argnums=(0, 1))(a, x))(counts, xs)

    def total(a, counts, xs):
        return grad(lambda a: vmap(lambda n, x: f(a, n, x))(counts, xs).sum())(a)

    each = [value_and_grad(lambda a, x, n=int(n): f(a, n, x), argnums=(0, 1))(A, x) for n, x in zip(counts, xs)]
    values, (of_a, of_x) = jit(of_samples)(A, counts, xs)
    same(values, [v for v, _ in each])
    same(of_a, [g for _, (g, _) in each])
    same(of_x, [g for _, (_, g) in each])
    same(jit(total)(A, counts, xs), sum([g for _, (g, _) in each]))


def scaled(v, n):
    k = 0
    while k < n:
        v[k] = v[k] * 3.0 + 1.0
        k += 1


def test_samples_pick_from_a_list_as_it_was_then():
    """What is shared is computed before the samples, so a list that is picked from must not be changed meanwhile."""

    def picks(a, n, indices):
        v = [x * 1.0 for x in a]
        scaled(v, n)
        before = vmap(lambda i: v[i])(indices)
        at_mean = v[indices.sum() % 7]
        scaled(v, n)
        return before, at_mean, vmap(lambda i: v[i])(indices), v[0]

    def expected(a, n, indices):
        v = list(a)
        scaled(v, n)
        before, at_mean = [v[i] for i in indices], v[sum(indices) % 7]
        scaled(v, n)
        return before, at_mean, [v[i] for i in indices], v[0]

    indices = [0, 3, 2, 5, 1, 6, 4, 2, 0]
    same(jit(picks)(A, 4, np.array(indices, dtype=float)), expected(A, 4, indices))


@needs_compiler
@PROGRAMS
def test_c_computes_the_same(f, tmp_path):
    def slopes(a, n, x):
        return value_and_grad(lambda a, x: f(a, n, x), argnums=(0, 1))(a, x)

    program = cc(tmp_path, to_c(slopes, A, 5.0, 0.8, name="f"), "-DSELF_TEST")
    assert "OK" in subprocess.run([program], capture_output=True, text=True, check=True).stdout


@needs_compiler
@pytest.mark.parametrize("x", [0.8, 1.2])
def test_c_picks_numbers_that_do_not_count(x, tmp_path):
    def slopes_on_one_side(a, n, x):
        if x > 1:
            return grad(lambda v: fori_loop(0, n, lambda k, s: sin(s * v) + maximum(x, a[k % 7]), v))(x)
        return x * a[1]

    program = cc(tmp_path, to_c(slopes_on_one_side, A, 5.0, x, name="f"), "-DSELF_TEST")
    assert subprocess.run([program], capture_output=True, text=True).stdout.startswith("OK")


def test_an_index_out_of_range_is_the_index_error_of_the_line():
    def picks(a, i):
        return a[i] * 2  # here

    def within_a_loop(a, n):
        k = 0
        while k < n:
            a[k] * 1.0
            k += 1
        return a[k - 1] + a[k]  # here

    compiled = jit(picks)
    for index, message in [
        (7, "index 7 is out of bounds for axis 0 with size 7"),
        (-8, "index -8 is"),
        (1.5, "got 1.5"),
    ]:
        with pytest.raises(IndexError, match=message) as raised:
            compiled(A, index)
        assert "# here" in str(raised.value)
        assert compiled(A, -7) == A[0] * 2  # and the kernel goes on
    looped = jit(within_a_loop)
    assert looped(A, 3) == within_a_loop(A, 3)
    with pytest.raises(IndexError, match=r"# here\): index 7 is out"):
        looped(A, 7)
    with pytest.raises(IndexError, match="index 9 is out of bounds"):
        jit(lambda a, indices: vmap(lambda i: a[i])(indices))(A, np.array([0.0, 9.0, 1.0]))
    with pytest.raises(IndexError):
        jit(lambda a, i: a[i])(A, np.nan)


def test_a_write_out_of_range_is_an_index_error():
    def writes(n):
        v = [0.0] * 4
        k = 0
        while k < n:
            v[k] = k * 2.0
            k += 1
        return v[1]

    compiled = jit(writes)
    assert compiled(4) == 2.0
    with pytest.raises(IndexError, match="index 4 is out of bounds for axis 0 with size 4"):
        compiled(9)


def test_arrays_of_indices_pick_arrays():
    compiled = jit(lambda m, i: (m[i] * 2.0).sum(axis=1))
    indices = np.array([2.0, 0.0, 2.0, 1.0])
    same(compiled(MATRIX, indices), (MATRIX[[2, 0, 2, 1]] * 2.0).sum(axis=1))


def looked_up(knots, heights, x):
    low, high = 0, len(knots) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if knots[middle] <= x:
            low = middle
        else:
            high = middle
    share = (x - knots[low]) / (knots[low + 1] - knots[low])
    return heights[low] + share * (heights[low + 1] - heights[low])


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=20))
def test_looking_up_by_bisection(xs):
    f = jit(lambda heights, xs: vmap(lambda x: looked_up(KNOTS, heights, x))(xs))
    heights = KNOTS**3
    same(f(heights, np.array(xs)), np.interp(xs, KNOTS, heights))


def test_a_list_changed_as_a_whole_cannot_stay_a_list_of_a_loop():
    def reverses(a, n):
        v, k = [x * 1.0 for x in a], 0
        while k < n:
            v[0] = v[0] + v[k]
            v.reverse()
            k += 1
        return v[0]

    with pytest.raises(TypeError, match="can change the items of a list, but it is changed as a whole"):
        jit(reverses)(A, 5)


def rows_divided(m, n):
    m, k = m * 1.0, 0
    while k < n:
        row = m[k]
        m[k] = row / (row.sum() + row[k])
        j = k + 1
        while j < 3:
            m[j] = m[j] - m[j, k] * m[k]
            j += 1
        k += 1
    return m.sum() + m[0, 1] * m[1, 2]


def changes_a_row(m, n):
    m = m * 1.0
    row = m[n]
    row[0] = 2.0
    return m.sum()


def changes_rows(m, n):
    m, k = m * 1.0, 0
    while k < n:
        row = m[k]
        row[k] = row[0] * 2
        k += 1
    return m.sum()


def reads_a_row_that_changes(m, n):
    m = m * 1.0
    row = m[n]
    m[0, 0], m[1, 0] = 2.0, 3.0
    m += 1.0
    return row[0]


def reads_a_row_that_a_branch_changes(m, n):
    m = m * 1.0
    row = m[n]
    if m[0, 0] > 0:
        m[1, 0] = 3.0
    return row[0]


def changes_rows_in_branches(m, n):
    m = m * 1.0
    row = m[n]
    if m[0, 1] > 0:
        row[0] = 3.0
    else:
        row[1] = m[0, 0]
    return (m * m).sum() + row[0] * row[1]


def changes_one_of_two_rows(m, n):
    m = m * 1.0
    row = m[n]
    if m[0, 0] > 0:
        row = m[n - 1]
    other = m[n] if m[0, 1] > 0 else m[n - 1]
    row[0], other[1] = 3.0, m[0, 0]
    return (m * m).sum() + (row * other).sum()


def changes_columns(m, n):
    m, k = m * 1.0, 0
    while k < n:
        column = m[:, k]
        column[1:] = column[0] * 2
        column /= m[k, 2]
        m[k] -= m[k + 1] * column[0]
        k += 1
    return (m * m).sum()


def fills_rows_from_the_one_before(m, n):
    m, i = m * 1.0, 1
    while i <= n:
        row, before = m[i], m[i - 1]
        j = 1
        while j < 3:
            row[j] = before[j] + row[j - 1] * before[j - 1]
            j += 1
        i += 1
    return (m * m).sum()


def reads_a_row_as_a_whole_that_a_branch_changes(m, n):
    m = m * 1.0
    row = m[n]
    if m[0, 0] > 0:
        m[1, 0] = 3.0
    return row.sum()


def changes_a_window(m, n):
    m = m * 1.0
    window = m[n - 1 : n + 1]
    window[0, 0] = 2.0
    return m.sum()


def changes_what_may_be_a_row(m, n):
    m = m * 1.0
    row = m[n] if m[0, 0] > 0 else m[0]
    row[0] = 2.0
    return m.sum()


def reads_rows_that_change(m, n):
    m, k = m * 1.0, 0
    while k < n:
        row = m[1:]
        m[k, 0] = 3.0
        m[k, 1] = row[0, 0] * 2
        k += 1
    return m.sum()


def test_a_row_of_an_array_is_part_of_it():
    """As in NumPy; what cannot be compiled like that is refused."""
    for f in (
        rows_divided,
        reads_a_row_that_changes,
        reads_rows_that_change,
        changes_a_row,
        changes_rows,
        reads_a_row_that_a_branch_changes,
        changes_rows_in_branches,
        changes_one_of_two_rows,
        changes_columns,
        fills_rows_from_the_one_before,
    ):
        for n in (1, 2):
            slopes = value_and_grad(lambda m, n, f=f: f(m, n))
            same(jit(slopes, exact=True)(MATRIX, n), slopes(MATRIX, n))
    for f, message in [
        (changes_a_window, r"changes a part of an array .* by a\[i, j\] = x"),
        (changes_what_may_be_a_row, r"changes a part of an array"),
        (reads_a_row_as_a_whole_that_a_branch_changes, "cannot be read after a branch or a loop changed it"),
    ]:
        with pytest.raises(TypeError, match=message):
            jit(f)(MATRIX, 1)


def by_bisection(m, n):
    edges = [m[0, 0], m[0, 0] + n, 9.0]
    i = bisect.bisect(edges, m[0, 0] + 0.5 * n * n)
    return edges[bisect.bisect_left(KNOTS, n) - 8] * m[1, i] + bisect.bisect_right([0, 1, 2], 1, 0, 2)


def by_order_in_a_copy(m, n):
    v = np.array(m[n])
    k = np.argmax(v)
    v[k] = v[np.argmin(v)] * 2
    return np.sort(v)[1] * v[np.argsort(v)[0]]


def one_argument_or_another_array(m, n):
    start = m
    if m[0, 0] < n:
        m = m * 2.0
    v = sin(m[0, 0])
    return v * m.sum() + start[1, 1]


def test_what_looks_up_compares_and_chooses():
    for f in (by_bisection, by_order_in_a_copy, one_argument_or_another_array):
        for n in (1, 2):
            slopes = value_and_grad(lambda m, n, f=f: f(m, n))
            same(jit(slopes)(MATRIX, n), slopes(MATRIX, n))
    with pytest.raises(TypeError, match=r"of which only a call knows how many there are"):
        jit(lambda m: np.nonzero(m > 0)[0])(MATRIX)
    with pytest.raises(TypeError, match=r"holds more than numbers before; fill it with numbers there"):
        jit(fills_a_list_of_none)(MATRIX, 2)


def fills_a_list_of_none(m, n):
    v, i = [None] * 3, 0
    while i < n:
        v[i] = m[i, 0]
        i += 1
    return v[0]


def test_a_long_loop_that_changes_rows_is_unrolled(every_function_is_long):
    def halves(m, n):
        m = m * 1.0
        for k in range(20):
            row = m[k % 3 :]
            row[0, n] = row[0, n] * 0.5
        return m.sum()

    same(jit(halves)(MATRIX, 1), halves(MATRIX, 1))


def test_what_an_inner_loop_leaves_is_not_copied():
    """Each loop in a loop changes the array of the outer one where it lies."""
    assert jit(a_tree).program(A, 5, 0.8).count("memory") == 2
    assert jit(a_tree).llvm(A, 5, 0.8).count("call ptr @room") == 1  # for what the list holds at first


def test_a_list_of_equal_numbers_is_picked_from_and_changed(every_function_is_long):
    def of_equal(x, n):
        found = []
        for _ in range(30):
            found.append(x * 2.0)
        picked, k = 0.0, 0
        while k < n:
            picked = picked + found[(k * 7) % 30] * x
            found[k] = found[k + 1] * 0.5
            k += 1
        return picked + found[3]

    compiled = jit(value_and_grad(of_equal))
    for n in (0, 5):
        same(compiled(0.7, n), value_and_grad(of_equal)(0.7, n))


def test_a_function_that_is_kept_beyond_its_trace_still_works():
    kept = []

    def keeps(x):
        def items(k):
            v = [1.0, 2.0]
            v[k] = 5.0
            return A[k] + v[0]

        kept.append(items)
        return x * items(1) if x > 0 else x

    assert jit(keeps)(1.0) == keeps(1.0)
    assert kept[1](1) == kept[-1](1) == A[1] + 1.0


ELSEWHERE = """
import os, sys, threading
from autograd_engine import jit, value_and_grad
from autograd_engine.compiler.llvm import native
from tests.autograd_engine.compiler.test_indices import A, a_copy_between_loops, bubble_sort, same
if sys.argv[1] == "again":
    native._object = None  # nothing is compiled: kernels come from the cache, and lie elsewhere
for f in (a_copy_between_loops, bubble_sort):
    slopes = lambda a, n, x: value_and_grad(lambda a, x: f(a, n, x), argnums=(0, 1))(a, x)
    compiled, found = jit(slopes), {}
    def work(n):
        for _ in range(30):
            found[n] = compiled(A, n, 0.8)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    for n in range(6):
        same(found[n], slopes(A, n, 0.8))
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
    else:
        same(compiled(A, 5, 0.8), found[5])
        same(jit(slopes)(A, 4, 0.8), found[4])
        os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_threads_forks_and_the_cache_give_the_same_results(tmp_path):
    path = tmp_path / "elsewhere.py"  # a file, since its functions are rewritten
    path.write_text(ELSEWHERE)
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "AUTOGRAD_ENGINE_CACHE": str(tmp_path / "kernels"), "PYTHONPATH": root}
    for run in ("first", "again"):
        subprocess.run([sys.executable, "-W", "ignore", str(path), run], check=True, env=environment)


def test_compilations_leave_nothing_behind():
    def recorded():
        gc.collect()
        return sum(isinstance(x, (Traced, twins.Twin)) for x in gc.get_objects())

    def once():
        def f(a, n, x):
            v = w = [y * x for y in a]
            if x > 0.5:
                v = w[:]
            for k in range(n):
                v[k % 7] = w[k] + a[a > 0].sum()
            return v[0] + w[1] * v[2]

        return jit(value_and_grad(lambda a, x: f(a, 4, x)))(A, 0.8), jit(f)(A, 4, 0.8)

    once()
    before = recorded()
    for _ in range(3):
        once()
    assert recorded() <= before


@pytest.mark.parametrize("following", [lambda k: k + k, lambda k: k + 1])
@pytest.mark.parametrize("steps", [40, 3000])
def test_an_index_may_be_computed_in_any_number_of_steps(following, steps):
    def f(knots, x):
        k = int(x)
        for _ in range(steps):
            k = following(k)
        return knots[k]

    knots = np.arange(4000.0) ** 2
    assert jit(f)(knots, 0.5) == f(knots, 0.5)
