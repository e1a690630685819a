"""Sums over ranks: what one process computes, with the same bits for any number of ranks; errors end all of them."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from autograd_engine import jit, mean, value_and_grad, vmap
from autograd_engine.ranks import BLOCKS, Share, distributed
from tests.autograd_engine.bridges.numbers import bits
from tests.mpi import needs_mpi, on_ranks

SIZES = [1, 2, 7, 8, 9, 150, 1025, 3001]


class Of:
    """A rank, as `Share` wants to know it."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size


@pytest.mark.parametrize("samples", [0, *SIZES, 10**6])
@pytest.mark.parametrize("at_once", [None, 1, 40, 500])
def test_shares_are_whole_blocks_and_together_all_samples(samples, at_once):
    blocks = {Share(samples, Of(0, 1), at_once).size}
    for size in (1, 2, 3, 4, 7, 200):
        shares = [Share(samples, Of(rank, size), at_once) for rank in range(size)]
        blocks |= {share.size for share in shares}
        assert [i for share in shares for i in (share.mine.start, share.mine.stop)][1:-1:2] == [
            share.mine.start for share in shares[1:]
        ]
        assert (shares[0].mine.start, shares[-1].mine.stop) == (0, samples)
        assert [shares[0].of(rank) for rank in range(size)] == [share.mine.stop - share.mine.start for share in shares]
        if not samples:
            continue
        assert shares[0].blocks <= BLOCKS
        branches = [branch for rank in range(size) for branch in shares[0].branches(rank)]
        assert [low for low, _ in branches] == [0, *[high for _, high in branches[:-1]]]
        assert branches[-1][1] == shares[0].blocks
        for share in shares:
            assert all(share.block(low).start >= share.mine.start for low, _ in share.branches(share.rank))
    assert len(blocks) == 1


def loss(p, x, y):
    """Of one sample."""
    error = p["v"] @ np.tanh(p["W"] @ x + p["b"]) - y
    return error**2 if y > 0 else 0.5 * error**2


def data(n):
    """Parameters and n samples."""
    rng = np.random.default_rng(1)
    p = {"W": rng.normal(size=(3, 2)), "b": [0.5, -1.0, 0.25], "v": rng.normal(size=3)}
    return p, rng.normal(size=(n, 2)), rng.normal(size=n)


def numbers(f, n):
    """The value and the derivatives with respect to all parameters at these samples, of a function of one's share."""
    p, X, y = data(n)
    value, gradient = f(p, X, y)
    return [value, *gradient["W"].ravel(), *gradient["b"], *gradient["v"]]


RESULTS = """
import sys
from autograd_engine import jit
from autograd_engine.ranks import distributed
from tests.autograd_engine.test_ranks import SIZES, data, loss
for f in (loss, jit(loss, exact=True)):
    for reduction in ("mean", "sum"):
        g = distributed(f, reduction=reduction)
        for n in SIZES:
            p, X, y = data(n)
            mine = g.share(n)
            value, gradient = g(p, X[mine], y[mine])
            assert type(gradient["b"]) is list
            if g.ranks.rank == 0:
                print(value.hex(), *[float(x).hex() for x in [*gradient["W"].ravel(), *gradient["b"], *gradient["v"]]])
"""


@needs_mpi
def test_any_number_of_ranks_gives_the_same_bits_and_the_value_of_one_process():
    outputs = {}
    for n in (1, 2, 3, 4):
        done = on_ranks(n, "-c", RESULTS)
        assert done.returncode == 0, done.stderr
        outputs[n] = done.stdout
    assert outputs[1] == outputs[2] == outputs[3] == outputs[4]
    lines = iter([[float.fromhex(x) for x in line.split()] for line in outputs[1].splitlines()])
    together = jit(value_and_grad(lambda p, X, y: mean(vmap(lambda x, y: loss(p, x, y))(X, y))))
    for _ in ("plain", "exact"):
        for factor in (lambda n: 1, lambda n: n):
            for n in SIZES:
                expected = np.array(numbers(together, n)) * factor(n)
                np.testing.assert_allclose(next(lines), expected, rtol=1e-12, atol=1e-14 * np.abs(expected).max())


ERRORS = """
import sys
import numpy as np
from mpi4py import MPI
from autograd_engine.ranks import RankError, distributed
rank = MPI.COMM_WORLD.rank
def f(w, x):
    if faulty and rank == 1:
        raise OverflowError("no luck")
    return w * x
def attempt(w, *samples):
    try:
        distributed(f)(w, *samples)
    except Exception as error:
        print(f"{rank} {type(error).__name__}: {error}", flush=True)
    MPI.COMM_WORLD.barrier()
x = np.ones(8)
faulty = False
attempt(1.0, "text" if rank == 1 else x)
attempt(1.0, *([x, x[:5]] if rank == 1 else [x, x]))
attempt(1.0, x[: 3 + rank])
attempt([1.0] * (1 + rank), x)
attempt(1.0, x[:0])
faulty = True
attempt(1.0, x)
"""


@needs_mpi
def test_an_error_of_one_rank_ends_the_call_on_all():
    done = on_ranks(2, "-c", ERRORS)
    assert done.returncode == 0, done.stderr
    lines = sorted(done.stdout.splitlines())
    share = (
        "ValueError: f(): rank 0 has 3 of 7 samples, but its share is 0; give each rank those in the slice .share(7)"
    )
    size = "ValueError: f(): rank 1 has 2 parameters, rank 0 has 1"
    none = "ValueError: f() needs at least one sample, got none on any rank"
    text = "f(): argument 1: expected an array of real numbers, got dtype <U4"
    lengths = "f(): expected arrays of as many samples each, got 8, 5"
    assert lines == sorted(
        [f"{rank} {message}" for rank in (0, 1) for message in (share, size, none)]
        + [f"1 TypeError: {text}", f"0 RankError: rank 1: {text}"]
        + [f"1 ValueError: {lengths}", f"0 RankError: rank 1: {lengths}"]
        + ["1 OverflowError: no luck", "0 RankError: rank 1: no luck"]
    )


def alone():
    """A communicator of one rank, in the place of mpi4py's."""
    return SimpleNamespace(
        Get_rank=lambda: 0,
        Get_size=lambda: 1,
        allgather=lambda x: [x],
        Allgather=lambda sent, received: received.__setitem__(0, sent),
        Allgatherv=lambda sent, received: received[0].__setitem__(slice(None), sent),
    )


def test_options():
    with pytest.raises(TypeError, match=r"^distributed\(\) needs a function, got int$"):
        distributed(1)
    with pytest.raises(ValueError, match=r"^distributed\(\): reduction must be \"mean\" or \"sum\", got 'max'$"):
        distributed(abs, reduction="max")
    one, two = (distributed(jit(loss, exact=True, threads=n), alone()) for n in (1, 2))
    assert bits(numbers(one, 150)) == bits(numbers(two, 150))


def test_without_mpi(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(
        ImportError, match=r"^distributed\(\) needs mpi4py: pip install mpi4py \(the extra mpi brings it"
    ):
        distributed(abs)
