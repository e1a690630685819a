"""What units compute, as nodes of ONNX: for those that are no operator, or one that ONNX Runtime has in float32 alone.

Each function writes nodes, from the attributes and the names of the inputs and tensors that the unit's form has, and
returns the names of the outputs. The samples of a batch stand in the first axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from autograd_engine.primitives import heaviside
from nn.onnx_operators import Element, Nodes
from nn.units import Activation

Attributes: TypeAlias = "dict[str, Any]"

_FREE = (1 << 63) - 1  # "to the end", in a Slice


def weighted_sums(nodes: Nodes, attributes: Attributes, x: str, *tensors: str) -> Sequence[str]:
    """The sums of a Linear."""
    return [nodes("Gemm", x, *tensors, transB=1)]


def perceptron(nodes: Nodes, attributes: Attributes, x: str, *tensors: str) -> Sequence[str]:
    """The sums and the threshold; at nan it is nan, as here."""
    return [heaviside(Element(nodes, *weighted_sums(nodes, {}, x, *tensors)), 0.0).name]


def neuron(nodes: Nodes, attributes: Attributes, x: str, weight: str, bias: str) -> Sequence[str]:
    """One number for each sample."""
    z = nodes("Add", nodes("MatMul", x, weight), bias)
    return [nodes.apply(Activation(attributes["activation"]).activation, z)]


def _shifted(nodes: Nodes, attributes: Attributes, x: str) -> list[str]:
    """For each position in the window, the numbers that stand there, over all windows."""
    kernel, strides, pads = (attributes[name] for name in ("kernel_shape", "strides", "pads"))
    n = len(kernel)
    if any(pads):
        before_and_after = [0, 0, *pads[:n], 0, 0, *pads[n:]]
        x = nodes("Pad", x, nodes.constant(np.array(before_and_after)))
    axes, steps = nodes.constant(np.arange(2, n + 2)), nodes.constant(np.array(strides))
    found = []
    for start in np.ndindex(*kernel):
        ends = [at - k + 1 or _FREE for at, k in zip(start, kernel)]
        found.append(nodes("Slice", x, nodes.constant(np.array(start)), nodes.constant(np.array(ends)), axes, steps))
    return found


def convolution(nodes: Nodes, attributes: Attributes, x: str, weight: str, bias: str = "") -> Sequence[str]:
    """The numbers of each window side by side, in the last axis, times the weights."""
    n = len(attributes["kernel_shape"])
    last, first = [0, *range(2, n + 2), 1], [0, n + 1, *range(1, n + 1)]
    windows = nodes("Transpose", nodes("Concat", *_shifted(nodes, attributes, x), axis=1), perm=last)
    # (out, in, kernel...) as (kernel..., in) by out
    weight = nodes("Transpose", weight, perm=[*range(2, n + 2), 1, 0])
    shape = nodes("Concat", nodes.constant(np.array([-1])), nodes("Shape", weight, start=n + 1), axis=0)
    sums = nodes("MatMul", windows, nodes("Reshape", weight, shape))
    return [nodes("Transpose", nodes("Add", sums, bias) if bias else sums, perm=first)]


def means(nodes: Nodes, attributes: Attributes, x: str) -> Sequence[str]:
    """The means of windows, in which padding counts as zeros."""
    total = nodes("Sum", *_shifted(nodes, attributes, x))
    return [nodes("Div", total, nodes.constant(float(math.prod(attributes["kernel_shape"]))))]


def recurrent_layers(
    cls: type[Any], nodes: Nodes, attributes: Attributes, x: str, tensors: Sequence[str]
) -> Sequence[str]:
    """Loops over the rows, which stand in the first axis, one for each layer and direction."""
    rows, of_cell, left = nodes("Transpose", x, perm=[1, 0, 2]), 4 if attributes["bias"] else 2, list(tensors)
    samples, cells = nodes("Shape", x, start=0, end=1), []
    for _ in range(attributes["num_layers"]):
        sides = []
        for reverse in range(1 + attributes["bidirectional"]):
            own, left = left[:of_cell], left[of_cell:]
            shape = nodes("Concat", samples, nodes("Shape", own[1], start=1), axis=0)
            zeros = nodes("Expand", nodes.constant(0.0), shape)
            body = _loop(cls, nodes, attributes, own)
            scanned = nodes(
                "Scan",
                *[*[zeros] * cls.states, rows],
                outputs=cls.states + 1,
                num_scan_inputs=1,
                scan_input_directions=[reverse],
                scan_output_directions=[reverse],
                body=body,
            )
            cells.append(scanned[:-1])
            sides.append(scanned[-1])
        rows = nodes("Concat", *sides, axis=2)
    one = nodes.constant(np.array([1]))
    last = [nodes("Concat", *[nodes("Unsqueeze", state, one) for state in part], axis=1) for part in zip(*cells)]
    return [nodes("Transpose", rows, perm=[1, 0, 2]), *last]


def _loop(cls: type[Any], nodes: Nodes, attributes: Attributes, tensors: Sequence[str]) -> Any:
    """What a cell does with one row, as a graph from the states and the row to the new states and the outputs."""
    helper, inner = nodes.onnx.helper, Nodes(nodes.dtype, f"{nodes.name()}_")
    states = [inner.name() for _ in range(cls.states)]
    row = inner.name()

    def sums(x: str, *tensors: str) -> list[list[Element]]:
        [z] = weighted_sums(inner, {}, x, *tensors)
        names = inner("Split", z, outputs=cls.gates, num_outputs=cls.gates, axis=1) if cls.gates > 1 else [z]
        return [[Element(inner, name)] for name in names]

    nonlinearity = {name: x for name, x in attributes.items() if name == "nonlinearity"}
    cell = cls(1, 1, **nonlinearity)  # whose `_next` is for any numbers
    new = cell._next(sums(row, *tensors[::2]), sums(states[0], *tensors[1::2]), *[[Element(inner, s)] for s in states])
    names = [part[0].name for part in new]
    names.append(inner("Identity", names[0]))
    kind = helper.np_dtype_to_tensor_dtype(nodes.dtype)
    infos = [
        [helper.make_tensor_value_info(name, kind, [None, None]) for name in group] for group in ([*states, row], names)
    ]
    return helper.make_graph(inner.nodes, "cell", *infos)


def final_state(nodes: Nodes, attributes: Attributes, outputs: str, h: str, *c: str) -> Sequence[str]:
    """The last of the states, as many of them as one output has numbers."""
    flat = nodes("Flatten", h)
    start = nodes("Neg", nodes("Shape", outputs, start=2))
    axis = nodes.constant(np.array([1]))
    return [nodes("Slice", flat, start, nodes.constant(np.array([_FREE])), axis)]
