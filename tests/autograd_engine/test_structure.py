"""Nested data survives being taken apart and put together, and every function of functions."""

import collections
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import Value, check_gradients, grad, jacobian, jit, jvp, value_and_grad, vmap
from autograd_engine.structure import flatten, leaves_of, leaves_with_paths, map_leaves

Point = namedtuple("Point", "x y")

trees = st.recursive(
    st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
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
