"""Steps: what is told about a backward pass is what backward() does, bit for bit."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import Value, exp, sin, steps, where
from tests.laws.strategies import expressions, points


def lecture_example():
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    q = x + y
    q.label = "q"
    f = q * z
    f.label = "f"
    return f, q, (x, y, z)


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


def ancestors(node):
    return {node}.union(*map(ancestors, node.parents))


@given(expressions(smooth=False), points(), st.floats(-2, 2))
def test_the_steps_are_those_of_backward(f, at, seed):
    x, y = Value(at[0], "x"), Value(at[1], "y")
    out = f(x, y)
    told = steps(out, seed)
    assert all(node.grad == 0 for node in ancestors(out))
    out.backward(seed)
    totals = {out: seed}
    for i, step in enumerate(told):
        assert step.number == i + 1
        assert same(step.cotangent, totals[step.node])
        assert same(step.cotangent, step.node.grad)
        parents = [contribution.parent for contribution in step.contributions]
        if step.cotangent:
            assert len(parents) == len(step.node.parents)
            assert all(a is b for a, b in zip(parents, step.node.parents))
            local = [contribution.local_derivative for contribution in step.contributions]
            assert all(map(same, local, step.node.local_derivatives()))
        for contribution in step.contributions:
            if contribution.local_derivative:
                expected = step.cotangent * contribution.local_derivative
                assert same(contribution.number, expected)
            else:
                assert contribution.number == 0.0
            totals[contribution.parent] = contribution.total
    for leaf in {x, y} & totals.keys():
        assert same(leaf.grad, totals[leaf])
    assert {node for node in ancestors(out) if node.grad} <= totals.keys()
    assert len({step.node for step in told}) == len(told)


def test_the_text_of_a_step():
    f, q, _ = lecture_example()
    told = steps(f)
    assert [step.node for step in told] == [f, q]
    assert [step.name for step in told] == ["f", "q"]
    assert str(told[0]) == (
        "1. f = q·z. Coming in: 1\n     q gets 1 · z = 1 · (-4) = -4\n     z gets 1 · q = 1 · 3 = 3"
    )
    assert str(told) == f"{told[0]}\n{told[1]}"
    assert str(told[1:]) == str(told[1])


def test_what_comes_over_several_paths_is_added_up():
    x = Value(3.0, "x")
    assert str(steps(x * x)).splitlines()[1:] == [
        "     x gets 1 · x = 1 · 3 = 3",
        "     x gets 1 · x = 1 · 3 = 3, together 6",
    ]


def test_the_table():
    f, *_ = lecture_example()
    lines = steps(f).markdown.splitlines()
    assert lines[2:] == [
        r"| 1 | $f = q \, z$ | 1 | $q$ | $1 \cdot z$ | -4 | -4 |",
        r"| | | | $z$ | $1 \cdot q$ | 3 | 3 |",
        r"| 2 | $q = x + y$ | -4 | $x$ | $-4 \cdot 1$ | -4 | -4 |",
        r"| | | | $y$ | $-4 \cdot 1$ | -4 | -4 |",
    ]
    assert steps(f)._repr_markdown_() == steps(f).markdown


@given(st.text(max_size=60))
def test_no_label_breaks_the_table(label):
    x = Value(2.0, label)
    for row in steps(exp(x) * x).markdown.splitlines():
        assert row.count("|") == 8
        assert "<" not in row


def test_where_nothing_goes_on():
    x = Value(-1.0, "x")
    inner = sin(x)
    told = steps(where(x > 0, inner, 2 * x))
    assert inner not in {step.node for step in told}
    assert [c.number for c in told[0].contributions] == [0.0, 1.0]
    assert "nothing goes on" in str(steps(sin(x), 0.0))
    assert len(steps(sin(x) * 1.0, 0.0)) == 1
    assert steps(sin(x), 0.0).markdown.endswith("| 0 | | | | |")


def test_of_a_leaf_there_are_none():
    assert list(steps(Value(2.0))) == []
    assert str(steps(Value(2.0))) == ""


def test_a_deep_graph_is_told_in_part():
    v = Value(0.5, "x")
    for _ in range(3000):
        v = sin(v)
    told = steps(v)
    assert len(told) == 3000
    assert "… 2,941 more steps …" in str(told)
    assert "| … | 2,941 more |" in told.markdown
    assert len(str(told).splitlines()) < 130


def test_nan_goes_everywhere():
    x = Value(-1.0, "x")
    assert math.isnan(steps(x**0.5)[0].contributions[0].total)


def test_other_names():
    f, _, (x, *_) = lecture_example()
    assert "2. q = first + y" in str(steps(f, names={"first": x}))


@pytest.mark.parametrize(
    ("arguments", "message"), [((2.0,), r"steps\(\) takes a Value, got float"), ((Value(1.0), "1"), "a real number")]
)
def test_what_is_refused(arguments, message):
    with pytest.raises(TypeError, match=message):
        steps(*arguments)
