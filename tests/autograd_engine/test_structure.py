"""Nested data survives being taken apart and put together, and every function of functions."""

import collections
import dataclasses
from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import Value, check_gradients, grad, hessian, jacobian, jit, jvp, to_c, value_and_grad, vjp, vmap
from autograd_engine.structure import flatten, leaves_of, leaves_with_paths, map_leaves

Point = namedtuple("Point", "x y")


@dataclasses.dataclass
class Line:
    slope: Any
    offset: Any = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Positive:
    """Refuses what a derivative may well be."""

    value: Any
    double: Any = dataclasses.field(init=False, default=None)
    rest: Any = None

    def __post_init__(self):
        if not self.value > 0:
            raise ValueError("value must be positive")


trees = st.recursive(
    st.floats(allow_nan=False),
    lambda inner: (
        inner.map(lambda x: [x, None])
        | st.builds(Line, inner, st.none() | inner)
        | st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.builds(Point, inner, inner)
    ),
    max_leaves=12,
)


@given(trees)
def test_flatten_and_back_is_the_identity(tree):
    leaves, structure = flatten(tree)
    again = structure(leaves)
    assert again == tree
    assert type(again) is type(tree)
    assert structure.size == len(leaves)


@given(trees, trees)
def test_structures_are_equal_where_the_shapes_are(one, other):
    same = flatten(one)[1] == flatten(other)[1]
    zeros = [flatten(tree)[1]([0.0] * flatten(tree)[1].size) for tree in (one, other)]
    assert same == (zeros[0] == zeros[1] and repr(zeros[0]) == repr(zeros[1]))


@given(trees)
def test_every_walk_meets_the_same_numbers_in_the_same_order(tree):
    leaves, structure = flatten(tree)
    assert list(leaves_of(tree)) == leaves
    for fields in (False, True):
        paths = list(leaves_with_paths(tree, "tree", fields=fields))
        assert [leaf for _, leaf in paths] == leaves
        assert [eval(path, {"tree": tree}) for path, _ in paths] == leaves
    assert repr(map_leaves(str, tree)) == repr(structure([str(x) for x in leaves]))
    assert repr(structure.filled(leaves, lambda own, shape: str(*own))) == repr(map_leaves(str, tree))


@given(trees)
def test_a_container_in_which_nothing_changes_can_be_kept(tree):
    both = [tree, ("changes",)]
    mapped = map_leaves(lambda x: "changed" if x == "changes" else x, both, keep=True)
    assert mapped[0] is tree
    assert mapped[1:] == [("changed",)]
    assert both == [tree, ("changes",)]


def test_lists_can_be_leaves():
    tree = {"a": [1.0, 2.0], "b": ([3.0], Point([4.0], 5.0))}
    paths = [("['a']", [1.0, 2.0]), ("['b'][0]", [3.0]), ("['b'][1][0]", [4.0]), ("['b'][1][1]", 5.0)]
    assert list(leaves_with_paths(tree, lists=False)) == paths
    assert map_leaves(np.sum, tree, lists=False) == {"a": 3.0, "b": (3.0, Point(4.0, 5.0))}


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2)])
def test_arrays_keep_their_shape_and_become_floats(shape):
    array = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    leaves, structure = flatten({"a": array})
    again = structure([float(x) for x in leaves])["a"]
    assert again.shape == shape
    assert again.dtype == float
    np.testing.assert_array_equal(again, array)


def test_arrays_of_values_are_object_arrays():
    _, structure = flatten(np.zeros(2))
    again = structure([Value(1.0), Value(2.0)])
    assert again.dtype == object


def test_a_wrong_number_of_leaves_is_refused():
    with pytest.raises(ValueError, match="holds 2 numbers, got 1"):
        flatten([1.0, 2.0])[1]([1.0])


class AttrDict(dict):
    """Items are attributes, found as in many libraries."""

    __getattr__ = dict.__getitem__


class Bunch(dict):
    def __init__(self, **items):
        super().__init__(items)
        self.__dict__ = self


class Pair(tuple):
    def __new__(cls, a, b):
        return super().__new__(cls, (a, b))


class Named(dict):
    def __init__(self, name, items):
        super().__init__(items)
        self.name = name


DICTS = [
    AttrDict(a=2.0, b=3.0),
    Bunch(a=2.0, b=3.0),
    collections.OrderedDict(a=2.0, b=3.0),
    collections.defaultdict(lambda: 4.0, a=2.0, b=3.0),
    collections.Counter(a=2, b=3),
]


def product(d):
    more = d["c"] if isinstance(d, collections.defaultdict) else 4.0
    return (d.a * d.b if hasattr(d, "a") else d["a"] * d["b"]) * more


def like(found, d, **items):
    """Whether something is a dict of the same class, with these items."""
    default = not isinstance(d, collections.defaultdict) or found.default_factory is d.default_factory
    return type(found) is type(d) and dict(found) == items and default


@pytest.mark.parametrize("d", DICTS, ids=lambda d: type(d).__name__)
@pytest.mark.parametrize("wrap", [lambda f: f, jit])
def test_dicts_of_every_class_stay_what_they_are(d, wrap):
    assert like(wrap(grad(product))(d), d, a=12.0, b=8.0)
    value, slopes = wrap(value_and_grad(product))(d)
    assert value == 24.0
    assert like(slopes, d, a=12.0, b=8.0)
    twice = wrap(jacobian(grad(product)))(d)
    assert like(twice["a"], d, a=0.0, b=4.0)
    assert like(wrap(lambda d: d)(d), d, a=2.0, b=3.0)
    assert jvp(product, (d,), ({"a": 1.0, "b": 1.0},)) == (24.0, 20.0)
    check_gradients(product, d)
    check_gradients(product, d, gradient=lambda d: {"a": d["b"] * 4.0, "b": d["a"] * 4.0})

    arrays = flatten(d)[1]([np.array([1.0, 2.0]), np.array([3.0, 5.0])])
    found = wrap(vmap(lambda d: flatten(d)[1]([product(d), d["a"]])))(arrays)
    assert type(found) is type(d)
    assert found["a"].tolist() == [12.0, 40.0]
    assert found["b"].tolist() == [1.0, 2.0]


def test_kernels_tell_defaults_apart():
    f = jit(lambda d: d["a"] * d["missing"])
    assert [f(collections.defaultdict(default, a=3.0)) for default in (float, lambda: 2.0, float)] == [0.0, 6.0, 0.0]


def refused(wrap):
    return [wrap(f) for f in (grad(product), jacobian(product), value_and_grad(product), vmap(product))]


@pytest.mark.parametrize("call", [*refused(lambda f: f), *refused(jit), lambda d: check_gradients(product, d)])
def test_a_dict_that_cannot_be_made_again_is_refused_in_a_sentence(call):
    with pytest.raises(TypeError, match=r"a Named cannot be made empty and then given its items; give a dict$"):
        call(Named("it", {"a": np.ones(2), "b": np.ones(2)}))


@pytest.mark.parametrize("call", [*refused(lambda f: f)[:-1], *refused(jit)])
def test_a_tuple_that_cannot_be_made_again_is_refused_in_a_sentence(call):
    with pytest.raises(TypeError, match="a Pair cannot be made of a list of its parts; give a list, a tuple or a Name"):
        call(Pair(np.ones(2), np.ones(2)))


def sizes(p):
    """A number of a nested dataclass in which some things are None."""
    line, positive = p["line"], p["positive"]
    assert positive.double is None
    assert p["nothing"] == [None]
    return line.slope * positive.value * (line.offset if positive.rest is None else positive.rest)


PARAMS = {"line": Line(-2.0, 5.0), "positive": Positive(3.0), "nothing": [None]}


@pytest.mark.parametrize("wrap", [lambda f: f, jit])
def test_dataclasses_and_none_stay_what_they_are(wrap):
    slopes = wrap(grad(sizes))(PARAMS)
    assert type(slopes["positive"]) is Positive
    assert dataclasses.astuple(slopes["positive"]) == (-10.0, None, None)
    assert slopes["line"] == Line(15.0, -6.0)
    assert slopes["nothing"] == [None]
    assert wrap(value_and_grad(sizes))(PARAMS)[0] == -30.0
    assert wrap(lambda p: p)(PARAMS) == PARAMS
    assert wrap(hessian(sizes))(PARAMS)["line"].slope["positive"].value == 5.0
    assert wrap(jacobian(lambda x: Line(x**2)))(3.0) == Line(6.0, 0.0)
    assert wrap(lambda p: jvp(sizes, (p,), (p,)))(PARAMS) == (-30.0, -90.0)
    assert wrap(lambda p: vjp(lambda p: p["line"], p)[1](Line(1.0, 2.0)))(PARAMS)[0]["line"] == Line(1.0, 2.0)


@pytest.mark.parametrize("wrap", [lambda f: f, jit])
def test_dataclasses_and_none_are_mapped(wrap):
    lines = Line(np.array([1.0, 2.0]), np.ones((2, 3)))
    found = wrap(vmap(lambda line, scale: Line(line.slope * scale, [line.offset, None]), in_axes=(0, None)))(lines, 3.0)
    assert type(found) is Line
    assert found.slope.tolist() == [3.0, 6.0]
    assert found.offset[0].tolist() == np.ones((2, 3)).tolist()
    assert found.offset[1] is None
    shared = vmap(lambda x, line: x * line.slope if line.offset is None else x, in_axes=(0, None))
    assert wrap(shared)(np.array([1.0, 2.0]), Line(4.0, None)).tolist() == [4.0, 8.0]
    with pytest.raises(ValueError, match=r"argument 0.slope has 3 samples, but argument 0.offset has 2"):
        wrap(vmap(sizes))(Line(np.ones(3), np.ones(2)))


def test_fields_are_named():
    assert jit(lambda p: p["line"].slope).program(PARAMS).startswith("%0 = p['line'].slope\n")
    assert "p['positive'].value" in to_c(sizes, PARAMS)
    assert [slope.by for slope in check_gradients(sizes, PARAMS).first] == [
        "p['line'].slope",
        "p['line'].offset",
        "p['positive'].value",
    ]
    with pytest.raises(TypeError, match=r"p\['line'\].slope: expected a real number .* got str"):
        jit(sizes)({"line": Line("steep")})


def test_a_given_gradient_has_the_fields_of_the_point():
    def f(line):
        return line.slope * line.offset

    check_gradients(f, Line(2.0, 3.0), gradient=lambda line: Line(line.offset, line.slope))
    check_gradients(lambda p: p[0], [2.0, None], gradient=lambda p: [1.0, None])
    for slopes, message in [
        ([3.0, 2.0], "for line a Line, got list of 2"),
        (Line(3.0, [2.0]), r"for line\.offset one number, got list of 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            check_gradients(f, Line(2.0, 3.0), gradient=lambda line, slopes=slopes: slopes)
    with pytest.raises(ValueError, match=r"for p\[1\] None, got float"):
        check_gradients(lambda p: p[0], [2.0, None], gradient=lambda p: [1.0, 0.0])


def test_what_is_none_and_in_no_container_is_refused():
    for call in (lambda: grad(sizes)(None), lambda: jit(lambda x: None)(1.0), lambda: jit(sizes)(None)):
        with pytest.raises(TypeError, match=r"expected a real number .* NoneType"):
            call()


def test_a_kernel_belongs_to_what_is_none():
    f = jit(lambda line: line.slope if line.offset is None else line.offset)
    assert [f(Line(1.0, None)), f(Line(1.0, 2.0)), f(Line(3.0, None))] == [1.0, 2.0, 3.0]
