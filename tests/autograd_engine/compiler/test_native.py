"""Native code: the cache on disk, the memory of kernels, threads."""

import gc
import itertools
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

from autograd_engine import dot, jit, mean, sin, tanh, value_and_grad, vmap
from autograd_engine.compiler.llvm import cache as disk
from autograd_engine.compiler.llvm import executable, host, native
from autograd_engine.compiler.llvm.layout import SMALLEST_CHUNK

pytest.importorskip("llvmlite")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOGRAD_ENGINE_CACHE", str(tmp_path))
    return tmp_path


def entries(folder):
    return sorted(Path(folder).glob("*.kernel"))


def count_compilations(monkeypatch):
    made = []
    compile_module = native._object
    monkeypatch.setattr(native, "_object", lambda *args: made.append(1) or compile_module(*args))
    return made


def test_a_kernel_is_compiled_once_and_then_read_from_the_cache(cache, monkeypatch):
    made = count_compilations(monkeypatch)
    assert jit(lambda x: sin(x) * 3)(0.5) == jit(lambda x: sin(x) * 3)(0.5)
    assert len(entries(cache)) == 1
    assert len(made) == 1


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-1], lambda data: data[:100] + b"?" + data[101:]]
)
def test_a_damaged_entry_is_made_anew(cache, damage):
    expected = jit(lambda x: sin(x) * 4)(0.5)
    [entry] = entries(cache)
    sound = entry.read_bytes()
    entry.write_bytes(damage(sound))
    assert jit(lambda x: sin(x) * 4)(0.5) == expected
    assert entry.read_bytes() == sound


def test_the_cache_is_shared_by_processes(cache):
    program = "from autograd_engine import jit, sin; print(repr(jit(lambda x: sin(x) * 5)(0.5)))"
    texts = {subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(texts) == len(entries(cache)) == 1
    assert jit(lambda x: sin(x) * 5)(0.5) == float(texts.pop())
    assert len(entries(cache)) == 1


def test_the_oldest_entries_go(cache, monkeypatch):
    monkeypatch.setattr(disk, "MOST_ENTRIES", 2)
    for k in range(4):
        jit(lambda x, k=k: x * (k + 0.1))(1.0)
    assert len(entries(cache)) == 2


@pytest.mark.parametrize("setting", ["", "/proc/nowhere"])
def test_without_a_cache_it_works_all_the_same(setting, monkeypatch):
    monkeypatch.setenv("AUTOGRAD_ENGINE_CACHE", setting)
    assert jit(lambda x: x + 1)(1.0) == 2


def test_the_memory_of_kernels_comes_back(cache, monkeypatch):
    monkeypatch.setenv("AUTOGRAD_ENGINE_CACHE", "")

    def resident():
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    def compile_some(first, count):
        for k in range(first, first + count):
            assert jit(lambda x, k=k: sin(x * (k + 0.5)))(0.0) == 0

    if not Path("/proc/self/statm").exists():
        pytest.skip("there is no /proc to read the memory from")
    compile_some(0, 50)
    before = resident()
    compile_some(50, 100)
    assert resident() - before < 3e6  # a kernel and its trace take more than 100 KB


def network(samples, **options):
    draws = np.random.default_rng(0)
    arguments = draws.normal(size=(20, 3)), draws.normal(size=(samples, 3)), draws.normal(size=samples)

    def loss(w, x, y):
        return (sum([tanh(dot(row, x)) for row in w]) - y) ** 2

    return jit(value_and_grad(lambda w, X, Y: mean(vmap(loss, in_axes=(None, 0, 0))(w, X, Y))), **options), arguments


@pytest.mark.parametrize("samples", [1, 7, SMALLEST_CHUNK, SMALLEST_CHUNK + 1, 5 * SMALLEST_CHUNK + 3])
def test_the_number_of_threads_does_not_change_a_bit(samples, monkeypatch):
    monkeypatch.setattr(executable, "WORTH_THREADS", 0)
    results = []
    for threads in (1, 2, 3):
        step, arguments = network(samples, threads=threads)
        value, slope = step(*arguments)
        results.append((value, slope.tolist()))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("samples", [1, 7, SMALLEST_CHUNK + 1])
def test_the_width_of_the_vector_unit_changes_nothing_but_rounding(samples, monkeypatch):
    results = []
    for width in (2, 4, 8):
        monkeypatch.setattr(executable, "width", lambda width=width: width)
        step, arguments = network(samples)
        value, slope = step(*arguments)
        results.append([value, *slope.ravel()])
        assert f"<{width} x double>" in step.llvm()
    w, X, y = network(samples)[1]
    mean_of_squares = np.mean((np.tanh(X @ w.T).sum(axis=1) - y) ** 2)
    assert [value for value, *_ in results] == pytest.approx([mean_of_squares] * 3, rel=1e-13)
    for found in results[1:]:
        assert found == pytest.approx(results[0], rel=1e-12, abs=1e-13)


@pytest.mark.parametrize(("features", "width"), [({"avx", "avx2", "avx512f"}, 8), ({"avx", "avx2"}, 4), ({"sse2"}, 2)])
def test_the_width_is_that_of_the_widest_registers(features, width, monkeypatch):
    monkeypatch.setattr(host, "host_features", lambda: features)
    assert host.width.__wrapped__() == width


def test_calls_from_several_threads_do_not_disturb_each_other():
    step, (w, X, Y) = network(64)
    points = [w + k for k in range(8)]
    expected = [step(point, X, Y)[0] for point in points]
    found = [[] for _ in points]

    def work(k):
        for _ in range(200):
            found[k].append(step(points[k], X, Y)[0])

    workers = [threading.Thread(target=work, args=(k,)) for k in range(len(points))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [set(values) for values in found] == [{value} for value in expected]


def interrupted(call, moment, action):
    """The result of a call before whose bytecode number `moment` something happens, and whether it had so many."""
    numbers = itertools.count()
    happened = []

    def trace(frame, event, argument):
        frame.f_trace_opcodes = True
        if event == "opcode" and next(numbers) == moment:
            happened.append(action())
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return call(), happened
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("argument", [0.5, [0.5]], ids=["of numbers", "of a list"])
def test_other_calls_may_take_all_workspaces_at_any_moment(argument):
    f = jit(lambda x: sin(x[0] if isinstance(x, list) else x))
    expected = f(argument)
    [kernel] = f._kernels.values()
    pool = kernel.executable.pool
    for moment in itertools.count():
        assert len(pool) == 1
        found, happened = interrupted(lambda: f(argument), moment, pool.clear)
        assert found == expected
        if not happened:
            break
        f(argument)
        del pool[1:]
    assert moment > 20


def test_compiling_shows_how_far_it_is(monkeypatch, capsys):
    times = iter(range(100))
    monkeypatch.setattr(native.time, "perf_counter", lambda: float(next(times)))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with native.progress(4) as step:
        for _ in range(4):
            step()
    shown = capsys.readouterr().err
    assert "50 %, about" in shown
    assert shown.endswith("\r\x1b[K")


def test_without_llvmlite_there_is_one_clear_sentence():
    program = (
        "import sys; sys.modules['llvmlite'] = None; sys.modules['llvmlite.binding'] = None\n"
        "from autograd_engine import jit\n"
        "try: jit(lambda x: x)(1.0)\nexcept ImportError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "jit() needs llvmlite: pip install llvmlite\n"


def test_importing_the_package_does_not_import_llvmlite():
    program = "import sys, autograd_engine; assert 'llvmlite' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("sizes", [(10**6, 10), (10, 10**6)])
def test_an_array_that_was_resized_is_read_at_its_new_place(sizes):
    f = jit(lambda X: vmap(lambda x: x + 1)(X))
    X = np.ones(sizes[0])
    for size in sizes:
        X.resize(size, refcheck=False)
        assert f(X).shape == (size,)


def test_a_kernel_does_not_keep_arrays_alive():
    f = jit(lambda w, X: mean(vmap(lambda x: w * x)(X)))
    X = np.ones(1000)
    f(2.0, X)
    gone = weakref.ref(X)
    del X
    assert gone() is None


@pytest.mark.parametrize("setting", [None, "~/kernels"])
def test_where_there_is_no_home_there_is_no_cache(setting, monkeypatch):
    def nobody(*arguments):
        raise KeyError

    for name in ("HOME", "USERPROFILE", "HOMEDRIVE", "HOMEPATH", "XDG_CACHE_HOME", "AUTOGRAD_ENGINE_CACHE"):
        monkeypatch.delenv(name, raising=False)
    if setting:
        monkeypatch.setenv("AUTOGRAD_ENGINE_CACHE", setting)
    pwd = pytest.importorskip("pwd")
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert jit(lambda x: x + 6)(1.0) == 7


def test_the_folder_of_the_cache_may_begin_with_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("AUTOGRAD_ENGINE_CACHE", "~/kernels")
    assert jit(lambda x: x + 7)(1.0) == 8
    assert len(entries(tmp_path / "kernels")) == 1


def test_a_large_batch_can_be_computed_when_the_process_ends():
    program = (
        "import atexit, numpy as np\n"
        "from autograd_engine import jit, mean, vmap\n"
        "from autograd_engine.compiler.llvm import executable\n"
        "executable.WORTH_THREADS = 0\n"
        "f = jit(lambda X: mean(vmap(lambda x: x * x)(X)), threads=2)\n"
        "X = np.ones(10_000)\n"
        "f(X)\n"
        "atexit.register(lambda: print(f(X)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("1.0\n", "")


def output(program):
    """What a new process without a cache prints."""
    environment = {**os.environ, "AUTOGRAD_ENGINE_CACHE": ""}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    return run.stdout


def test_whoever_enters_llvm_holds_the_lock():
    program = (
        "import gc, threading\n"
        "import numpy as np\n"
        "from llvmlite.binding import ffi\n"
        "from autograd_engine import jit, sin, vmap\n"
        "from autograd_engine.compiler.llvm import host\n"
        "inside = []\n"
        "ffi.register_lock_callback(lambda: inside.append(host._lock._is_owned()), lambda: None)\n"
        "for k in range(250):\n"  # more than one linker links, so that one of them goes
        "    assert jit(lambda x: x + k)(1.0) == 1 + k\n"
        "f = jit(lambda X: vmap(lambda x: sin(x) ** 1.5 / 3)(X))\n"
        "f(np.ones(9))\n"
        "f.assembly()\n"
        "gc.collect()\n"
        "entered, done = threading.Event(), threading.Event()\n"
        "def stay():\n"
        "    with host.llvm():\n"
        "        entered.set()\n"
        "        done.wait()\n"
        "other = threading.Thread(target=stay, daemon=True)\n"
        "other.start()\n"
        "entered.wait()\n"
        "del f\n"  # this waits for nobody
        "gc.collect()\n"
        "assert len(host._unused) == 1\n"
        "done.set()\n"
        "other.join()\n"
        "jit(lambda x: x * 2)(1.0)\n"
        "assert not host._unused\n"
        "print(len(inside) > 1000, all(inside))"
    )
    assert output(program) == "True True\n"


PAGES_FAR_APART = """
import ctypes, mmap
from autograd_engine import exp, jit, sin

f = jit(lambda x: sum([sin(x * k) * exp(x / k + 0.1 * k) for k in range(1, 40)]))
with_all_imported = jit(sin)(0.5)
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
reserved = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000
size, terabytes = 1 << 40, []
while size >= mmap.PAGESIZE:  # take all addresses
    at = libc.mmap(None, size, 0, reserved, -1, 0)
    if at == ctypes.c_void_p(-1).value:
        size >>= 1
    elif size == 1 << 40:
        terabytes.append(at)
low, *others = sorted(terabytes)
libc.munmap(low, 1 << 30)
for at in others:  # the first to be given are single pages
    libc.munmap(at + (1 << 39), mmap.PAGESIZE)
print(len(others), f(0.5))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="takes Linux's addresses")
def test_the_sections_of_a_kernel_lie_together_however_memory_is_taken(cache):
    run = subprocess.run([sys.executable, "-c", PAGES_FAR_APART], capture_output=True, text=True, check=True)
    pages, value = run.stdout.split()
    assert int(pages) > 1
    assert float(value) == pytest.approx(sum([np.sin(0.5 * k) * np.exp(0.5 / k + 0.1 * k) for k in range(1, 40)]))
