"""1,000,000 samples of the network 2-16-16-1, value and gradient, on one rank and on two."""

import json

from tests.mpi import needs_mpi, on_ranks

# The first rank takes turns between all samples and its share of them; meanwhile the other one sleeps or has the rest.
TURNS = """
import json, statistics, time
import numpy as np
from mpi4py import MPI
from autograd_engine import distributed

def loss(p, x, y):
    h = np.tanh(p[:32].reshape(16, 2) @ x + p[32:48])
    h = np.tanh(p[48:304].reshape(16, 16) @ h + p[304:320])
    return (p[320:336] @ h + p[336] - y) ** 2

def spent(f, *args):
    wall, cpu = time.perf_counter(), time.process_time()
    result = f(*args)
    return result, time.perf_counter() - wall, time.process_time() - cpu

world, rng = MPI.COMM_WORLD, np.random.default_rng(0)
n, p = 1_000_000, 0.3 * rng.normal(size=337)
X, y = rng.normal(size=(n, 2)), rng.normal(size=n)
one, two = distributed(loss, world.Split(world.rank)), distributed(loss, world)
mine, times = two.share(n), {"one": [], "two": []}
compute, sums = two._of_block, []

def timed(*args):
    result, _, cpu = spent(compute, *args)
    sums[-1] += cpu
    return result

two._of_block = timed
for turn in range(10):
    if world.rank == 0:
        alone, wall, cpu = spent(one, p, X, y)
        times["one"].append((wall, cpu))
    rest = world.Ibarrier()
    while not rest.Test():
        time.sleep(0.01)
    sums.append(0.0)
    together, wall, _ = spent(two, p, X[mine], y[mine])
    times["two"].append((wall, sums[-1]))
if world.rank == 0:
    assert together[0] == alone[0] and (together[1] == alone[1]).all()
    medians = {ranks: [statistics.median(part[1:]) for part in zip(*of)] for ranks, of in times.items()}
    print(json.dumps(medians))
"""


@needs_mpi
def test_two_ranks_against_one(benchmark, show, two_cores):
    done = benchmark.pedantic(on_ranks, args=(2, "-c", TURNS), rounds=1)
    assert done.returncode == 0, done.stderr
    medians = json.loads(done.stdout)
    for i, what in enumerate(("on the wall", "of processor time for the sums")):
        one, two = medians["one"][i], medians["two"][i]
        times = f"{1e3 * two:.3g} ms against {1e3 * one:.3g} ms"
        show(f"two ranks against one, times as fast {what}", one / two, "1.8", times)
