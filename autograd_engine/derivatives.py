"""Derivatives of functions: gradient, grad, value_and_grad, jacobian, hessian, hvp, jvp, vjp.

The functions take and return numbers, or nested lists, tuples, dicts and arrays of numbers, and so do their
derivatives. All of them nest to any order, because the sweep runs on Values as well as on floats.

A function is run once on fresh Values. If its result depends on nothing but its arguments, the derivatives are
floats. If it also depends on Values from outside (the parameters of a model, or the point of an outer
derivative), the derivatives are Values, which can be differentiated with respect to those.

>>> from autograd_engine.primitives import sin
>>> grad(grad(sin))(0.5)
-0.479425538604203
>>> hessian(lambda p: p[0] ** 2 * p[1])([3.0, 5.0])
[[10.0, 6.0], [6.0, 0.0]]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_engine.copying import FunctionOf
from autograd_engine.graph import reverse_sweep, topological_order
from autograd_engine.number_arrays import number_array
from autograd_engine.primitives import identity
from autograd_engine.runs import (
    Outputs,
    Run,
    between,
    carried,
    is_node,
    is_of_batch,
    leaves_with,
    matching,
    name_of,
    number_of,
    user_function,
)
from autograd_engine.sparsity import interacting, matrix_of, unrolled
from autograd_engine.structure import Structure, flatten
from autograd_engine.value import Value

_MANY = 4  # with this many times more outputs than inputs, forward sweeps win, although a single one is slower


def gradient(output: Value, inputs: Any) -> Any:
    """d(output)/d(input) as Values, which can be differentiated again, in the structure of `inputs`.

    `inputs` is a Value, or nested lists, tuples, dicts or arrays of Values, from anywhere in the graph. Inputs that the
    output does not depend on get 0. No `.grad` is changed. Raises TypeError if anything is not a Value.

    >>> x = Value(3.0)
    >>> slope = gradient(x**3, x)
    >>> slope.data, gradient(slope, x).data
    (27.0, 18.0)
    """
    if not is_node(output):
        raise TypeError(f"gradient() needs a Value as output, got {type(output).__name__}")
    leaves, structure = flatten(inputs)
    for leaf in leaves:
        if not is_node(leaf):
            raise TypeError(f"gradient() needs Values as inputs, got {type(leaf).__name__}")
    cotangents = carried(reverse_sweep, between(leaves, topological_order([output])), {output: 1.0}, as_nodes=True)
    return structure([_as_node(cotangents.get(leaf, 0.0), output) for leaf in leaves])


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of `f`, a function of numbers that returns one number.

    `argnums` selects the positional arguments to differentiate with respect to: one index, or several for a tuple of
    gradients. Each gradient has the structure of its argument. With `has_aux`, `f` returns a pair `(number, aux)`,
    and the result is `(gradient, aux)`.

    Raises TypeError if f does not return one number, IndexError if an index has no argument.

    >>> grad(lambda x, y: x * y**2, argnums=(0, 1))(2.0, 3.0)
    (9.0, 12.0)
    """
    return FunctionOf(_gradient, f, "grad", argnums, has_aux)


def _gradient(
    f: Callable[..., Any], caller: str, argnums: int | Sequence[int], has_aux: bool, /, *args: Any, **keywords: Any
) -> Any:
    value, slopes = _value_and_gradient(f, caller, argnums, has_aux, *args, **keywords)
    return (slopes, value[1]) if has_aux else slopes


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns `(f(...), gradient)` from one run of `f`; arguments and errors as for `grad`.

    With `has_aux` it returns `((value, aux), gradient)`.

    >>> value_and_grad(lambda w: w["a"] * w["b"])({"a": 2.0, "b": 5.0})
    (10.0, {'a': 5.0, 'b': 2.0})
    >>> value_and_grad(lambda x: (x * x, "a remark"), has_aux=True)(3.0)
    ((9.0, 'a remark'), 6.0)
    """

    return FunctionOf(_value_and_gradient, f, "value_and_grad", argnums, has_aux)


def _value_and_gradient(
    f: Callable[..., Any], caller: str, argnums: int | Sequence[int], has_aux: bool, /, *args: Any, **keywords: Any
) -> tuple[Any, Any]:
    run = Run(caller, f, args, keywords, argnums, together=True)
    output, aux = run.output if has_aux else (run.output, None)
    output = one_number(caller, output, f)
    trace = run.trace([output])
    value, slopes = trace.number(output), run.gradient(trace.pull({output: 1.0}))
    return ((value, trace.numbers_in(aux)), slopes) if has_aux else (value, slopes)


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, sparse: bool = False) -> Callable[..., Any]:
    """The derivatives of every number that `f` returns with respect to every number of its argument(s).

    The result has the structure of what f returns, with the structure of the argument in place of each number; an
    array of shape S differentiated with respect to an array of shape T gives an array of shape S + T. It takes one
    reverse sweep per output, or one forward sweep per input if there are many more outputs than inputs.

    With `sparse` the result is a `scipy.sparse.csr_array` of floats, with a row for each number returned and a column
    for each number of the argument, both in the order in which they are written. A sweep then visits only what its
    output was computed from; inputs that the output does not depend on take neither time nor memory. Every other entry
    is stored, zero or not, so the pattern does not depend on the point. Under `jit` it is found once.

    Raises TypeError if f does not return numbers, or if a sparse Jacobian would have to be differentiated again;
    IndexError if an index has no argument; ImportError for a sparse Jacobian without SciPy.

    >>> jacobian(lambda p: [p[0] * p[1], p[0] + p[1]])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 1.0]]
    """

    return FunctionOf(_sparse_jacobian, f, argnums) if sparse else FunctionOf(_jacobian, f, "jacobian", argnums)


def _jacobian(f: Callable[..., Any], caller: str, argnums: int | Sequence[int], /, *args: Any, **keywords: Any) -> Any:
    run = Run(caller, f, args, keywords, argnums)
    outputs = Outputs(caller, run.output)
    trace = run.trace(outputs.numbers)
    block = np.empty((outputs.structure.size, run.structure.size), dtype=object)
    if outputs.of_batches or _MANY * len(run.inputs) <= len(outputs.numbers):
        for j, x in enumerate(run.inputs):
            for i, slope in enumerate(leaves_with(outputs.leaves, trace.push({x: 1.0}, outputs.numbers))):
                block[i, j] = slope
    else:
        for i, output in enumerate(outputs.numbers):
            block[i] = trace.pull({output: 1.0})
    return _assemble(outputs.structure, run.structure, block)


def _sparse_jacobian(f: Callable[..., Any], argnums: int | Sequence[int], /, *args: Any, **keywords: Any) -> Any:
    with unrolled("jacobian") as compiled:
        run = Run("jacobian", f, args, keywords, argnums)
        if compiled:
            return compiled.jacobian("jacobian", run)
    rows = _rows("jacobian", run, Outputs("jacobian", run.output).numbers)
    return matrix_of("jacobian", rows, len(run.inputs))


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, sparse: bool = False) -> Callable[..., Any]:
    """The second derivatives of `f`, a function that returns one number: the Jacobian of its gradient.

    An argument of n numbers has n² second derivatives, from n sweeps; an array of shape S gives one of shape S + S.
    If a single direction is enough, `hvp(f)` takes the time of a few runs of f, whatever n is.

    With `sparse` the result is a `scipy.sparse.csr_array`, with a row and a column for each number of the argument. It
    has an entry, zero or not, for every two numbers that f does not combine by linear operations alone; so its pattern
    does not depend on the point, and is symmetric. Errors are those of `grad`, and of `jacobian` with `sparse`.

    >>> hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    if sparse:
        return FunctionOf(_sparse_hessian, f, argnums)
    return FunctionOf(_jacobian, FunctionOf(_gradient, f, "hessian", argnums, False), "hessian", argnums)


def _sparse_hessian(f: Callable[..., Any], argnums: int | Sequence[int], /, *args: Any, **keywords: Any) -> Any:
    with unrolled("hessian") as compiled:
        run = Run("hessian", f, args, keywords, argnums)
        output = one_number("hessian", run.output, f)
        slopes: dict[Any, Any] = {}
        if is_node(output):
            slopes = carried(reverse_sweep, run.trace([output]).order, {output: 1.0}, as_nodes=True)
        gradient, pattern = [slopes.get(x, 0.0) for x in run.inputs], interacting(output, run.inputs)
        if compiled:
            return compiled.hessian(run, gradient, pattern)
    rows = _rows("hessian", run, gradient)
    return matrix_of("hessian", [{j: row.get(j, 0.0) for j in of_row} for row, of_row in zip(rows, pattern)], len(rows))


def hvp(f: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """The product of the Hessian of `f`, a function of one argument that returns one number, with a vector.

    `hvp(f)(x, v)` has the structure of x, and so has v: it is the derivative of the gradient along v, in the time of a
    few runs of f, however many numbers x has. The Hessian is never made. Raises ValueError if x and v differ in their
    structure, and what `grad` raises.

    >>> hvp(lambda x: x[0] ** 2 * x[1])([3.0, 5.0], [1.0, 0.0])
    [10.0, 6.0]
    """
    return FunctionOf(_hvp, f)


def _hvp(f: Callable[..., Any], x: Any, v: Any, /) -> Any:
    matching("hvp", "a vector", v, "point", flatten(x)[1])
    return jvp(FunctionOf(_gradient, f, "hvp", 0, False), (x,), (v,))[1]


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Forward mode: `(f(*primals), J @ tangents)`, the change of the outputs along a direction of the inputs.

    `primals` is the tuple of arguments, even if there is only one, and `tangents` has the same structure; the second
    result has the structure of the outputs. It takes one sweep, however many outputs there are. Raises ValueError if
    the structures differ, TypeError if either, or what f returns, holds something that is not a number.

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (6.0, 3.0)
    """
    if not isinstance(primals, (list, tuple)) or not isinstance(tangents, (list, tuple)):
        raise TypeError("jvp() needs primals and tangents as tuples with an entry for each argument: (x,) for f(x)")
    run = Run("jvp", f, tuple(primals), {}, range(len(primals)))
    directions = matching("jvp", "tangents", tuple(tangents), "primals", run.structure)
    outputs = Outputs("jvp", run.output)
    trace = run.trace(outputs.numbers, directions)
    slopes = trace.push(dict(zip(run.inputs, directions)), outputs.numbers)
    return outputs(map(trace.number, outputs.numbers)), outputs(slopes)


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Reverse mode: `(f(*primals), pullback)`, where `pullback(cotangents)` is the tuple `cotangents @ J`.

    `cotangents` has the structure of what f returns. The result of `pullback` is a tuple with one entry for each of
    `primals`, even if there is only one. Each call takes one sweep, however many inputs there are. Raises ValueError
    if the structure differs, TypeError if something is not a number.

    >>> outputs, pullback = vjp(lambda x, y: [x * y, x + y], 2.0, 3.0)
    >>> outputs, pullback([1.0, 10.0])
    ([6.0, 5.0], (13.0, 12.0))
    """
    run = Run("vjp", f, primals, {}, range(len(primals)), together=True)
    outputs = Outputs("vjp", run.output)

    def pullback(cotangents: Any) -> tuple[Any, ...]:
        given = outputs.matching(cotangents)
        seeds: dict[Any, Any] = {}
        for output, cotangent in zip(outputs.numbers, given):
            seeds[output] = seeds[output] + cotangent if output in seeds else cotangent
        slopes: tuple[Any, ...] = run.gradient(run.trace(outputs.numbers, given).pull(seeds))
        return slopes

    trace = run.trace(outputs.numbers)
    return outputs(map(trace.number, outputs.numbers)), pullback


def flattened(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that returns the numbers in what `f` returns, one after another, as an array.

    Compiled, those that are computed alike take the code of one, as in sparse derivatives.

    >>> flattened(lambda x: {"a": [x, 2 * x], "b": 3 * x})(1.0)
    array([1., 2., 3.])
    """
    return FunctionOf(_flattened, f)


def _flattened(f: Callable[..., Any], /, *args: Any, **keywords: Any) -> Any:
    with unrolled("jit") as compiled:
        output = user_function.get()(f)(*args, **keywords)
        if compiled:
            return compiled.numbers(output)
    numbers = Outputs("flattened", output).numbers
    return number_array(numbers, (len(numbers),))


def _rows(caller: str, run: Run, outputs: Sequence[Any]) -> list[dict[int, float]]:
    """The derivatives of each output, with respect to the column of the input, for the inputs that it depends on."""
    trace = run.trace(outputs)
    if run.nested or trace.needs_a_variable:
        raise TypeError(f"{caller}(sparse=True) is a matrix of floats, which cannot be differentiated again")
    columns = {x: column for column, x in enumerate(run.inputs)}
    on_the_way = set(trace.order)
    rows = []
    for output in outputs:
        nodes = topological_order([output], stop=columns) if is_node(output) else []
        order = [node for node in nodes if node in on_the_way]
        slopes = carried(reverse_sweep, order, {output: 1.0}, as_nodes=False)
        rows.append({columns[x]: slopes.get(x, 0.0) for x in order if x in columns})
    return rows


def _as_node(x: Any, like: Any) -> Any:
    """A number as a node of the type of `like`, but not as a leaf, which would be a variable."""
    return x if is_node(x) else like.record(identity, x)


def one_number(caller: str, output: Any, f: Callable[..., Any]) -> Any:
    """The one number that `f` returned. Raises TypeError, naming the caller, where it is not one."""
    leaves, structure = flatten(output)
    if structure.kind is np.ndarray and structure.keys == ():
        [output] = leaves
    elif structure.kind is not None:
        held = f"{structure.kind.__name__} of {structure.size}"
        raise TypeError(f"{caller}() needs {name_of(f)}() to return one number, got a {held}; use jacobian()")
    return number_of(caller, f"what {name_of(f)}() returned", output)


def _assemble(outputs: Structure, inputs: Structure, block: Any) -> Any:
    """A matrix of derivatives, one row per output and one column per input, in the structure of both."""

    def of_output(rows: Any, shape: tuple[int, ...]) -> Any:
        return inputs.filled(rows.T, lambda columns, of_input: _derivative(columns.T, shape, of_input))

    return outputs.filled(block, of_output)


def _derivative(block: Any, of_output: tuple[int, ...], of_input: tuple[int, ...]) -> Any:
    """The derivatives of one output with respect to one input: an array unless both are single numbers."""
    if is_of_batch(first := block[0, 0]):
        return first.stacked(block[0], of_input)
    shape = (*of_output, *of_input)
    return Structure(np.ndarray if shape else None, shape, (), block.size)(block.ravel().tolist())
