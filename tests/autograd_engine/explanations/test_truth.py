"""What is printed is true: read back, each formula has the number that stands beside it, at special points too."""

import functools
import itertools
import math
import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_engine import PRIMITIVES, Value, arccosh, arcsin, beta, exp, explain, maximum, sin, sqrt, steps
from autograd_engine.graph import topological_order
from nn import binary_cross_entropy_with_logits, cross_entropy
from tests.autograd_engine.explanations.reader import chained, evaluated, statements
from tests.laws.strategies import expressions, points
from tests.random_graphs import random_graph

SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -3.0, math.inf, -math.inf, math.nan]
STRONG_ZERO = "zero times anything is zero"
FORMS = ["paths", "states", "deltas"]
CANCELLED = "paths cancel before they meet what is not finite"


@st.composite
def graphs(draw):
    """A result and its two leaves: rows of the whole table at any point, where ties are frequent."""
    leaves = [Value(draw(st.sampled_from(SPECIAL)), "x"), Value(draw(st.sampled_from(SPECIAL)), "y")]
    known = [*leaves, 0.0, 2.0]
    for op in draw(st.lists(st.sampled_from(list(PRIMITIVES.values())), min_size=1, max_size=4)):
        latest = known[-1] if len(known) > 4 else leaves[0]
        others = [draw(st.sampled_from(known)) for _ in range((op.arity or 2) - 1)]
        known.append(op(*draw(st.permutations([latest, *others]))))
    return known[-1], leaves


def same(a, b, tolerance=1e-9):
    return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=tolerance, abs_tol=1e-9)


def read(explanation, leaves):
    """The statements of an explanation, what its names stand for, and whether the strong zero is named."""
    top, _, below = explanation.text.partition("\nwhere\n")
    definitions = {}
    for left, rights in statements("\n".join(line.removeprefix("  ") for line in below.splitlines())):
        definitions[left] = rights
    numbers = {leaf.label: leaf.data for leaf in leaves}
    numbers |= {left: evaluated(rights[-1][1], {}) for left, rights in definitions.items()}
    lines = statements(re.sub("(?m)^(By|.* takes the place of ).*\n?", "", top))
    return lines, definitions, numbers, STRONG_ZERO in top


@pytest.mark.parametrize("form", [None, *FORMS])
@settings(max_examples=150)
@given(graph=graphs(), full=st.booleans())
def test_every_formula_of_an_explanation_has_its_number(form, graph, full):
    out, leaves = graph
    for wrt in leaves:
        explanation = explain(out, wrt, form=form, digits=17, full=full)
        lines, definitions, numbers, strong_zero = read(explanation, leaves)
        for formula, value in re.findall(r"takes the place of (.+), which would be (\S+) here", explanation.text):
            assert same(evaluated(formula, {"out": out.data, **numbers}), evaluated(value, {})), explanation.text
        for left, rights in definitions.items():
            for _, right in rights[:-1]:
                assert same(evaluated(right, numbers), numbers[left]), explanation.text
        numbers.setdefault("out", out.data)
        known = {}
        for left, rights in lines:
            *shown, (_, result) = rights
            number = evaluated(result, {})
            for _, right in shown:
                right = functools.reduce(lambda text, sign: text.replace(sign, known[sign]), known, right)
                found = chained(right, numbers, strong_zero)
                assert same(found, number) or (found != found and CANCELLED in explanation.text), explanation.text
            known[f"({left})" if left.startswith("d ") else left] = f"({result})"


@pytest.mark.parametrize("digits", [9, 12, 17])
def test_constants_have_the_digits_that_are_asked_for(digits):
    x, y = Value(1.25, "x"), Value(0.0, "y")
    for out in (x * 0.123456789123 * (y + 1), x**2.123456789123 / 1.000030001, 2 * beta(x * x * 1.00001, y)):
        explanation = explain(out, x, digits=digits)
        lines, _, numbers, _ = read(explanation, [x, y])
        for _, [(_, formula), *_, (_, result)] in lines:
            found = evaluated(formula, {"out": out.data, **numbers})
            assert same(found, evaluated(result, {}), 10.0 ** (2 - digits)), explanation.text


@settings(max_examples=150)
@given(
    expressions(smooth=False),
    points(),
    st.sampled_from(["paths", "states", "deltas"]),
    st.integers(1, 6),
    st.booleans(),
)
def test_every_line_is_true_in_the_digits_that_are_printed(f, at, form, digits, full):
    x, y = Value(at[0], "x"), Value(at[1], "y")
    written = explain(f(x, y), x, form=form, digits=digits, full=full).text
    for _, rights in statements(written.partition("\nwhere\n")[0]):
        *shown, (sign, result) = rights
        for _, right in shown:
            if sign == "=" and not re.search("[^-0-9.e+ ·()]", right):
                assert is_printed(exactly(right), result, digits), (right, result)


def with_a_loss(seed):
    """A result and its nodes: a random graph as it is, or with a loss whose derivative everybody knows."""
    out = random_graph(seed)
    first = topological_order([out])[0]
    losses = [
        lambda: out,
        lambda: (out - 0.7) ** 2 / 2,
        lambda: cross_entropy([first, out, 0.5], 1),
        lambda: binary_cross_entropy_with_logits(out, 1.0),
    ]
    loss = losses[seed % 4]()
    loss.label = "loss"
    return loss, topological_order([loss])


def test_every_printed_line_equals_its_number_to_its_digits_on_1000_graphs():
    count = 0
    graphs = ((seed, *with_a_loss(seed)) for seed in itertools.count())
    finite = (graph for graph in graphs if all(math.isfinite(node.data) for node in graph[2]))
    for seed, out, nodes in itertools.islice(finite, 1000):
        leaves = [node for node in nodes if node.op is None]
        x, options = leaves[seed % len(leaves)], {"full": seed % 3 == 0}
        lines, definitions, *_ = read(explain(out, x, **options), leaves)
        precise, same_definitions, numbers, strong_zero = read(explain(out, x, digits=17, **options), leaves)
        numbers |= {node.label: node.data for node in nodes if node.label}
        known = {}
        shown = zip([*definitions.items(), *lines], [*same_definitions.items(), *precise], strict=True)
        for (left, rights), (same_left, same_rights) in shown:
            number = evaluated(same_rights[-1][1], {})
            assert left == same_left
            assert is_printed(Fraction(number), rights[-1][1])
            for _, right in rights[:-1]:
                if "…" in right:
                    continue
                if not re.search("[^-0-9.e+ ·()]", right):
                    assert rights[-1][0] == "≈" or is_printed(exactly(right), rights[-1][1]), (seed, left, right)
                else:
                    found, slack = at_its_constants(right, known, numbers, strong_zero)
                    close = abs(found - number) <= slack or same(found, number)
                    assert close or is_printed(Fraction(found), rights[-1][1]), (seed, left, right)
                count += 1
            if left not in definitions:
                known[f"({left})" if left.startswith("d ") else left] = f"({same_rights[-1][1]})"
    assert count > 3000


def at_its_constants(right, known, numbers, strong_zero):
    """The value of a formula, and how far it may be off because its constants are printed with six digits."""

    def value(written):
        return chained(
            functools.reduce(lambda text, sign: text.replace(sign, known[sign]), known, written), numbers, strong_zero
        )

    found = value(right)
    constants = [x for x in re.finditer(r"(?<![\w.])\d+\.\d+(e[-+]\d+)?", right) if len(x[0].lstrip("0.")) >= 4]
    moved = (value(f"{right[: x.start()]}({float(x[0]) * (1 + 5e-6)!r}){right[x.end() :]}") for x in constants)
    return found, sum(abs(other - found) for other in moved)


def is_printed(number, result, digits=4):
    """Whether a number is another one as it is printed: to half of its last digit."""
    printed, whole = Fraction(result), "." not in result and "e" not in result
    last = math.floor(math.log10(abs(printed))) - digits + 1 if printed else -300
    # Whole numbers have as many digits as they take.
    return abs(number - printed) <= Fraction(10) ** (min(last, 0) if whole else last) * Fraction("0.500001")


def exactly(right):
    """The value of sums and products of decimal numbers."""
    return eval(re.sub(r"[\d.]+(e[-+]\d+)?", lambda x: f'Fraction("{x[0]}")', right).replace("·", "*"))


def test_what_a_difference_of_almost_equal_numbers_loses_is_not_called_equal():
    x = Value(0.0, "x")
    written = explain(cross_entropy([x, -33.0], 0), x).text
    assert "= -1 + 0.9999999999999953\n          ≈ -4.663e-15" in written


def test_digits_are_added_where_the_printed_numbers_would_not_add_up():
    x, y = Value(1.5, "x"), Value(0.5, "y")
    assert str(explain(exp(x * y) + sin(x), x)).splitlines()[1:] == [
        "          = 2.117 · 0.5 + 0.07074",
        "          = 1.0585 + 0.070737",
        "          = 1.129",
    ]
    noise = explain(0.1 * x + 0.2 * x - 0.3 * x, x)
    assert str(noise).endswith("≈ 5.551e-17")
    assert r"&\approx 5.551" in noise.markdown


def test_a_tie_and_a_point_without_a_slope_are_named():
    x, y = Value(2.0, "x"), Value(2.0, "y")
    tie = explain(3.0 * maximum(x, y), x)
    tied = "which would be 0 here: at a tie each side has half of the slope"
    assert str(tie).splitlines() == [
        *("d out/d x = 3 · ½", "          = 3 · 0.5", "          = 1.5"),
        f"½ takes the place of [x > y], {tied}",
    ]
    assert "\n\n$\\tfrac{1}{2}$ takes the place of $[x \\gt y]$, which would be $0$ here: at" in tie.markdown
    n, d = Value(0.0, "n"), Value(0.0, "d")
    assert "nan takes the place of 1/d, which would be inf here" in str(explain(n / d, n))
    assert str(steps(maximum(x, y))).splitlines()[1:] == [
        "     x gets 1 · ½ = 1 · 0.5 = 0.5",
        "     y gets 1 · ½ = 1 · 0.5 = 0.5",
        f"     ½ takes the place of [x > y], {tied}",
        f"     ½ takes the place of [y > x], {tied}",
    ]
    assert "$[x \\gt y]$" in steps(maximum(x, y)).markdown


def test_the_strong_zero_is_named_where_it_decides():
    x = Value(0.0, "x")
    assert STRONG_ZERO in str(explain(x * sqrt(x), x))
    assert STRONG_ZERO in str(steps(sqrt(x * 0.0)))
    assert STRONG_ZERO not in str(explain(x * sin(x), x))


def test_paths_that_cancel_before_a_nan_are_named():
    x = Value(0.0, "x")
    y = arccosh(x)
    assert str(explain(y - y, x)).endswith("≈ 0\n" + CANCELLED + ", and zero times anything is zero")
    asin = arcsin(Value(1.0, "one"))
    assert CANCELLED in str(explain(PRIMITIVES["fmod"](asin, asin), asin.parents[0]))  # inf - inf
    assert CANCELLED not in str(explain(y + y, x)) + str(explain(sin(x) - sin(x), x))


def test_many_notes_are_cut():
    xs = [Value(1.0, f"x{i}") for i in range(30)]
    out = xs[0]
    for x in xs[1:]:
        out = maximum(out, x)
    assert "\nand 22 more such numbers\n" in str(explain(out, xs[0], form="states")) + "\n"
