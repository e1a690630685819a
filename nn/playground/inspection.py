"""One sample on its way through the network: the graph behind a neuron or a weight, with all its numbers.

The graph is a real one, of Values: what the page shows is what `backward()` does. Layers and neurons are counted
from 1, as people do: `w2[3,1]` is the weight in layer 2 of neuron 3 from its input 1, `z` is a weighted sum, `a`
what the activation makes of it.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from autograd_engine.draw import to_svg
from autograd_engine.explanations import mathml
from autograd_engine.explanations.explain import explain
from autograd_engine.explanations.names import named
from autograd_engine.explanations.statements import Statement, calculation, derivative, displayed
from autograd_engine.explanations.symbols import Number, Product
from autograd_engine.value import Value
from nn.perceptrons import MLP
from nn.playground.training import Training

DIGITS = 4

_drawing = threading.Lock()  # Graphviz keeps its state in global variables


class Selection(NamedTuple):
    """A neuron by the indices of its layer and, in it, its own; or with `input` the weight from that input, or the bias
    if it is the number of inputs."""

    layer: int
    neuron: int
    input: int | None = None


class Pass(NamedTuple):
    """One sample, forwards and backwards: the model, its inputs, sums, outputs of each layer, and the loss."""

    model: MLP
    inputs: list[Value]
    sums: list[list[Value]]
    outputs: list[list[Value]]
    loss: Value


def run_sample(training: Training, sample: int) -> Pass:
    """The pass of the training point number `sample`, every node labelled, every gradient there."""
    model = training.loaded_model()
    settings = training.settings
    names = [settings.labels[name] for name in settings.features]
    inputs = [Value(x, name) for x, name in zip(training.train.inputs[sample].tolist(), names)]
    numbers, sums, outputs = inputs, [], []
    for k, layer in enumerate(model.layers, start=1):
        numbers = layer(numbers)
        sums.append([a if layer.activation is None else a.parents[0] for a in numbers])
        outputs.append(numbers)
        for j, (z, a) in enumerate(zip(sums[-1], numbers), start=1):
            z.label, a.label = f"z{k}[{j}]", f"a{k}[{j}]"
    [output] = numbers
    output.label = "output"
    loss = training.network.loss(output, float(training.train.targets[sample]))
    loss.label = "loss"
    loss.backward()
    return Pass(model, inputs, sums, outputs, loss)


def inspect(training: Training, selection: Selection, sample: int) -> dict[str, Any]:
    """Everything about a neuron or a weight, by the keys below; texts are shown as they are."""
    run = run_sample(training, sample)
    k, j, i = selection
    neuron = run.model.layers[k].neurons[j]
    parameters = [*neuron.weight, neuron.bias]
    output, z = run.outputs[k][j], run.sums[k][j]
    node = output if i is None else parameters[i]
    before = run.outputs[k - 1] if k else run.inputs
    order = {value: index for index, value in enumerate(run.model.parameters())}
    memory = training.optimizer_state()
    root, around = (output, None) if i is None else (run.loss, node)
    with _drawing:
        svg = to_svg(root, around=around, depth=3, parameters=parameters)
    point = training.train
    return {
        **selection._asdict(),
        "sample": sample,
        "samples": len(point.X),
        "point": [*map(float, point.X[sample]), float(point.y[sample])],
        "output": run.outputs[-1][0].data,
        "loss": run.loss.data,
        "name": node.label,
        "value": node.data,
        "gradient": node.grad,
        "sum": z.data,
        "delta": z.grad,
        "parameters": [
            {
                "index": order[value],
                "name": value.label,
                "source": source.label if source is not None else "1",
                "input": source.data if source is not None else 1.0,
                "value": value.data,
                "gradient": value.grad,
                "memory": {name: float(array[order[value]]) for name, array in memory.items()},
            }
            for value, source in zip(parameters, (*before, None))
        ],
        "deltas": [[z.grad for z in layer] for layer in run.sums],
        "svg": svg,
        **chain_rule(run, node, z if i is None else node),
    }


def flow(training: Training, sample: int) -> dict[str, Any]:
    """All numbers of a sample's way through the network and back, a list for each layer: `sums` z, `outputs` a, the
    `gradients` d loss/d a, the `slopes` da/dz of the activation, and the `deltas` d loss/d z."""
    run = run_sample(training, sample)
    pairs = [list(zip(sums, outputs)) for sums, outputs in zip(run.sums, run.outputs)]
    return {
        "sample": sample,
        "inputs": [x.data for x in run.inputs],
        "sums": [[z.data for z, _ in layer] for layer in pairs],
        "outputs": [[a.data for _, a in layer] for layer in pairs],
        "gradients": [[a.grad for _, a in layer] for layer in pairs],
        "slopes": [[1.0 if z is a else a.local_derivatives()[0] for z, a in layer] for layer in pairs],
        "deltas": [[z.grad for z, _ in layer] for layer in pairs],
        "parameters": training.parameters.tolist(),
        "target": float(training.train.targets[sample]),
        "loss": run.loss.data,
    }


def chain_rule(run: Pass, node: Value, source: Value) -> dict[str, str]:
    """How d loss/d node comes about: by the output, by way of which alone a node has an influence on the loss.

    Where `source` is another node, the sum that an activation turned into `node`, it goes on to d loss/d source, the
    delta. It is the `rule` as plain text, and as HTML in `math`.
    """
    output = run.outputs[-1][0]
    parts = [explain(run.loss, output)]
    steps = []
    if node is not output:
        parts.append(explain(output, node))
        steps.append(_step(parts[0].number, output, parts[1].number, node))
    if source is not node:
        parts.append(explain(node, source))
        steps.append(_step(node.grad, node, parts[-1].number, source))
    whole = "\n".join(step.text for step in steps)
    return {
        "rule": "\n\n".join([whole] * bool(steps) + [part.text for part in parts]),
        "math": mathml.page("\n\n".join([displayed(steps)] * bool(steps) + [part.markdown for part in parts])),
    }


def _step(outer: float, node: Value, inner: float, source: Value) -> Statement:
    """d loss/d source as the product of d loss/d node, `outer`, and d node/d source, `inner`."""
    loss, middle, end = map(named, ("loss", node.label, source.label))
    symbols = Product((derivative(loss, middle), derivative(middle, end)))
    numbers, result = Product((Number(outer, DIGITS), Number(inner, DIGITS))), Number(outer * inner + 0.0, DIGITS)
    return calculation(derivative(loss, end), [symbols, numbers], result)  # 0, not -0
