"""What a function receives for arrays that are not of 64-bit floats: floats to compute with, and indices to pick by."""

import copy
import functools
import pickle

import numpy as np
import pytest

from autograd_engine import (
    TraceError,
    checkpoint,
    cond,
    grad,
    hessian,
    jacobian,
    jit,
    scan,
    value_and_grad,
    vjp,
    vmap,
)
from autograd_engine.number import Float

X = np.array([0.5, -1.5, 2.5, 3.5])
WHOLE = ["i1", "u1", ">i2", "i8", "u8"]


def changed_copy(k):
    other = k.copy()
    other += 0.5
    other[0] = 0.25
    return other


COMPUTED = {
    "wraps": lambda k: k * 200 + k[:1] - k[1:2],
    "overflows": lambda k: k**50,
    "a negative power": lambda k: (k + 1) ** -1,
    "a division by zero": lambda k: k // (k - k[0]),
    "a remainder": lambda k: -k % 2,
}
RESULTS = COMPUTED | {
    "sums": lambda k: k.sum() + k.mean() + k.max() + k.prod() + k.std() + np.median(k),
    "products": lambda k: k.dot(k) + k @ k + np.dot(k, k) + np.einsum("i,i", k, k) + np.outer(k, k).trace(),
    "arrays like it": lambda k: np.zeros_like(k) + np.full_like(k, 0.5) + np.ones(k.shape, k.dtype) / 2,
    "a copy": changed_copy,
    "an order": lambda k: np.sort(k)[::-1] / 2 + np.cumsum(k) / 4 + k.cumsum() / 8 + np.unique(k)[0],
    "entries": lambda k: np.array(
        [1 / (2 * x) for x in k[1:]] + [k[0] ** 40, k.tolist()[1] ** 40, next(iter(k.flat)) ** 40]
    ),
    "rows": lambda k: np.stack([row / 3 for row in k.reshape(-1, 1)]) + k[None].T ** 40 + k[:, None].ravel()[1] ** 40,
    "a test": lambda k: np.where(k > 1, k, 0.25) + (k == 2) + np.clip(k, 0.5, 1.5) + k.round() / 2,
    "another memory": lambda k: (
        k.astype(float) / 3 + copy.deepcopy(k) ** 40 + copy.copy(k) ** 40 + pickle.loads(pickle.dumps(k)) ** 40
    ),
    "lists": lambda k: np.concatenate([k, (k / 2)]) + np.tile([k, k], 1)[0, 0],
    "words": lambda k: np.array([f"{k} {k!r}"]),
}


@pytest.mark.parametrize("dtype", [*WHOLE, "f2", "f4", "?"])
@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_what_is_computed_is_what_floats_give(result, dtype):
    k = np.array([1, 3, 2] if dtype != "?" else [1, 0, 1], dtype)
    with np.errstate(all="ignore"):
        found = []
        grad(lambda w, k: found.append(result(k)) or w)(1.0, k)
        np.testing.assert_array_equal(found[0], result(k.astype(float)))
        if result in COMPUTED.values():
            np.testing.assert_array_equal(jit(result, exact=True)(k), found[0])


@pytest.mark.parametrize("scalar", [np.uint8(200), np.int8(-100), np.float32(0.1), np.float16(0.1), np.bool_(True)])
def test_a_number_of_numpy_is_one_of_python(scalar):
    f = value_and_grad(lambda w, s: w * (s * 200 + s + s))
    assert f(0.1, scalar) == f(0.1, float(scalar)) == jit(f, exact=True)(0.1, scalar)


PICKS = {
    "brackets": lambda x, k: (x[k] ** 2).sum(),
    "brackets of plain numbers": lambda x, k: (X[k] * x[0]).sum(),
    "of two axes": lambda x, k: (np.multiply.outer(x, x)[k, k[::-1]]).sum(),
    "each": lambda x, k: sum([x[i] * x[i - 1] for i in k]),
    "a list": lambda x, k: [1.0, 2.0, 3.0, 4.0][k[1]] * x.sum(),
    "a count": lambda x, k: sum([x[0] ** 2 for _ in range(k[1])]),
    "a slice": lambda x, k: (x[k[0] : k[1]] ** 2).sum(),
    "take": lambda x, k: (np.take(x, k) ** 2).sum() + np.take_along_axis(x, k, 0).sum(),
    "repeat": lambda x, k: (np.repeat(x[:3], k) ** 2).sum(),
    "delete": lambda x, k: (np.delete(x, k) ** 2).sum(),
    "an index of an index": lambda x, k: x[k[k[0] :]].sum() + x[k.reshape(-1, 1).T].sum() + x[k.tolist()[1]],
    "a test": lambda x, k: (x[:3][k > 1] ** 2).sum(),
    "a place": lambda x, k: (x.reshape(2, 2)[np.unravel_index(k, (2, 2))] ** 2).sum(),
}
FORMS = {
    "grad": lambda f, k: grad(f)(X, k),
    "by keyword": lambda f, k: grad(lambda x, *, k: f(x, k))(X, k=k),
    "nested": lambda f, k: grad(lambda x, data: f(x, data["k"][0]))(X, {"k": [k]}),
    "hessian": lambda f, k: hessian(f)(X, k),
    "jacobian": lambda f, k: jacobian(lambda x, k: [f(x, k)])(X, k)[0],
    "vjp": lambda f, k: vjp(lambda x: grad(f)(x, k), X)[1](X)[0],
    "vmap": lambda f, k: vmap(f, in_axes=(None, 0))(X, np.stack([k, k[::-1], k])),
    "another axis": lambda f, k: vmap(grad(f), in_axes=(None, 1))(X, np.stack([k, k[::-1], k], axis=1)),
    "shared": lambda f, k: vmap(grad(f), in_axes=(0, None))(np.stack([X, X + 1]), k),
    "checkpoint": lambda f, k: grad(lambda x, k: checkpoint(f)(x, k))(X, k),
    "cond": lambda f, k: grad(lambda x: cond(x[0] > 0, f, f, x, k))(X),
    "scan": lambda f, k: grad(lambda x: scan(lambda c, k: (c + f(x, k), None), 0.0, np.stack([k, k[::-1]]))[0])(X),
    "jit of it": lambda f, k: jit(lambda x: grad(f)(x, k))(X),
}


@pytest.mark.parametrize("dtype", ["i8", "u1"])
@pytest.mark.parametrize("pick", PICKS.values(), ids=PICKS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_an_array_of_whole_numbers_picks_as_if_it_were_closed_over(form, pick, dtype):
    k = np.array([1, 3, 2], dtype)
    expected = form(lambda x, k: pick(x, np.array([int(i) for i in k])), k)
    np.testing.assert_array_equal(form(pick, k), expected)


def test_it_belongs_to_the_caller():
    k = np.array([1, 3, 2])

    def changes(x, k):
        k[0] = 2
        return x[k].sum()

    def adds(x, k):
        k += 1
        return x[k].sum()

    for f in (changes, adds):
        with pytest.raises(TypeError, match=r"cannot be changed in place; change a copy, x.astype\(float\)"):
            grad(f)(X, k)
    assert k.tolist() == [1, 3, 2]


def test_a_float_is_an_index_if_it_is_whole():
    assert vmap(lambda x, i: x[i])(np.eye(3), [2.0, 1.0, 0.0]).tolist() == [0.0, 1.0, 0.0]
    with pytest.raises(TypeError, match=r"an index or a count must be a whole number, got 0.5"):
        range(Float(0.5))


COMPILED = {
    **{name: PICKS[name] for name in ("brackets", "brackets of plain numbers", "of two axes", "each", "a list")},
    "of a sum": lambda x, k: (2 * x)[k].sum(),
    "in samples": lambda x, k: vmap(lambda row, i: row[i] * x[0])(np.ones((3, 4)) * 2, k).sum(),
    "of rows": lambda x, k: np.multiply.outer(x, x)[k].sum() + np.multiply.outer(x, x)[k, 1:].sum(),
    "taken": lambda x, k: (np.take(x, k) ** 2).sum() + np.take(np.multiply.outer(x, x), k, axis=1)[0, 1],
}


@pytest.mark.parametrize("pick", COMPILED.values(), ids=COMPILED)
def test_jit_compiles_an_index_that_is_an_argument(pick):
    compiled, slopes = jit(pick), jit(grad(pick))
    for k in (np.array([1, 3, 2]), np.array([0, 0, -1])):
        assert compiled(X, k) == pytest.approx(pick(X, k), rel=1e-14)
        np.testing.assert_allclose(slopes(X, k), grad(pick)(X, k), rtol=1e-14)


def test_jit_refuses_a_count_that_is_an_argument():
    with pytest.raises(TraceError, match="works as `for i in range"):
        jit(PICKS["a count"])(X, np.array([1, 3, 2]))


@pytest.mark.parametrize("bounds", [(1, 3), (0, 4), (2, 2), (3, 1), (-3, -1), (0, -1), (-9, 9)])
def test_jit_compiles_a_slice_whose_length_is_not_known(bounds):
    pick = PICKS["a slice"]
    compiled, slopes = jit(pick), jit(grad(pick))
    for k in (np.array([1, 3, 2]), np.array([*bounds, 0])):
        assert compiled(X, k) == pytest.approx(pick(X, k), rel=1e-14)
        np.testing.assert_allclose(slopes(X, k), grad(pick)(X, k), rtol=1e-14)


def without(x, k):
    rest = 1.0 * x
    rest[k] = 0.0
    return rest.sum()


def in_a_loop(x, k):
    total = 0.0
    for i in range(len(X)):
        if k[i]:
            total = total + x[i] ** 2
    return total


MASKED = {
    "picked": lambda x, k: (x[k] ** 2).sum(),
    "of a slice": lambda x, k: x[1:][k[1:]].prod(),
    "in rows": lambda x, k: (x[:, None] * x)[k].sum(),
    "in two axes": lambda x, k: (x[:, None] * x)[k[:, None] & k].sum(),
    "the others": lambda x, k: x[~k].sum() + 2.0 * x[k | ~k].mean() + x[k ^ k].sum(),
    "replaced": without,
    "branches": in_a_loop,
    "counted": lambda x, k: x[0] * (k.sum() + k[0]) + (k * x).sum() + np.where(k, x, 0.5).sum(),
}


@pytest.mark.parametrize("f", MASKED.values(), ids=MASKED)
def test_an_array_of_bools_is_a_mask_as_if_it_were_closed_over(f):
    compiled = jit(value_and_grad(f))
    for mask in ([True, False, True, True], [False, True, True, False]):
        k = np.array(mask)
        value, slopes = value_and_grad(functools.partial(f, k=k))(X)
        for given in (value_and_grad(f), compiled):
            found, found_slopes = given(X, k)
            assert found == pytest.approx(value, rel=1e-14)
            np.testing.assert_allclose(found_slopes, slopes, rtol=1e-14)


def test_each_sample_has_a_mask_of_its_own():
    masks = np.array([[True, False, True, True], [False, True, True, False]])
    for total in (vmap(lambda x, k: x[k].sum()), jit(vmap(lambda x, k: x[k].sum()))):
        np.testing.assert_array_equal(total(X * np.ones((2, 1)), masks), [X[mask].sum() for mask in masks])


def test_a_kernel_for_a_mask_is_none_for_indices():
    total = jit(lambda x, k: x[k].sum())
    for k in (np.array([False, True]), np.array([0, 1]), np.array([False, True])):
        assert total(X[:2], k) == X[:2][k].sum()
