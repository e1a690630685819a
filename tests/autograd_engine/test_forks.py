"""A forked child can do whatever another thread of its parent was doing at the fork."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import importlib, os, signal, sys, threading
from autograd_engine import *

module, name, action = sys.argv[1:]
module = importlib.import_module(module)
original = getattr(module, name)
entered, forking, forked, parent = *(threading.Event() for _ in range(3)), os.getpid()
os.register_at_fork(before=forking.set)  # before what was registered earlier

def stay(*arguments, **keywords):
    if threading.current_thread() is other and os.getpid() == parent:
        entered.set()
        forking.wait()
        forked.wait(0.2)  # a fork that waits for this thread comes later
    return original(*arguments, **keywords)

setattr(module, name, stay)
x, f = Value(0.5), jit(lambda x: x + 1)
y = sin(x) * x
other = threading.Thread(target=exec, args=(action, globals()), daemon=True)
other.start()
assert entered.wait(60)
child = os.fork()
if not child:
    signal.alarm(60)
    exec(action)
    os._exit(42)
forked.set()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize(
    ("module", "name", "action"),
    [
        ("compiler.kernel", "TracedFunction", "f(1.0)"),
        ("compiler.llvm.memory", "parts", "jit(lambda x: x + 1)(1.0)"),
        ("compiler.llvm.host", "_binding", "jit(lambda x: x + 1)(1.0)"),
        ("runs", "between", "jvp(lambda x: sin(x) * x, (1.0,), (1.0,))"),
        ("primitives.gamma", "row", "polygamma(7, 1.0)"),
        ("explanations.chain_rule", "symbolic_partials", "explain(y, x)"),
        ("diagnosis.debug", "start_afresh", "with debug():\n    sin(x)"),
    ],
)
def test_a_child_can_do_what_another_thread_was_doing(module, name, action):
    quiet = ["-W", "ignore:This process:DeprecationWarning"]  # has threads: Python 3.12 says so of any such fork
    arguments = [f"autograd_engine.{module}", name, action]
    done = subprocess.run([sys.executable, *quiet, "-c", PROGRAM, *arguments], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("42\n", "")
