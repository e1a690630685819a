"""Scalar programs in the systems made for them: CasADi and heyoka.

`program(sin)` gives a function of scalars that uses this sine.
"""

import numpy as np
import pytest


def casadi(program, point):
    """A function of nothing: value and gradient by CasADi's virtual machine, through its call without copies."""
    module = pytest.importorskip("casadi")
    inputs = [module.SX.sym(f"x{i}") for i in range(len(point))]
    output = program(module.sin)(*inputs)
    function = module.Function("f", inputs, [output, module.gradient(output, module.vertcat(*inputs))])

    buffer, call = function.buffer()
    arguments, value, gradient = [np.array([x]) for x in point], np.empty(1), np.empty(len(point))
    for i, argument in enumerate(arguments):
        buffer.set_arg(i, memoryview(argument))
    buffer.set_res(0, memoryview(value))
    buffer.set_res(1, memoryview(gradient))

    def step(keep_alive=(function, buffer, arguments)):
        call()
        return value[0], gradient

    return step


def heyoka(program, point):
    """A function of nothing: value and gradient by heyoka's compiled function, written into an array it keeps.

    Its caches are emptied first, so that it compiles.
    """
    module = pytest.importorskip("heyoka")
    module.llvm_state.set_diskcache_enabled(False)
    module.llvm_state.clear_memcache()
    inputs = list(module.make_vars(*(f"x{i}" for i in range(len(point)))))
    output = program(module.sin)(*inputs)
    tensors = module.diff_tensors([output], diff_args=inputs, diff_order=1)
    gradient = [tensors[(0, *unit)] for unit in np.eye(len(point), dtype=int)]
    function = module.cfunc([output, *gradient], inputs)
    argument, results = np.array(point), np.empty(1 + len(point))

    def step():
        function(argument, outputs=results)
        return results[0], results[1:]

    return step
