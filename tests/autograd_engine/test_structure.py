"""Nested data survives being taken apart and put together."""

from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import Value
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
