"""The report of a training: how good the predictor is, and pictures of its training and of what it does."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_engine.draw import to_svg
from autograd_engine.value import Value
from nn.command_line.predictor import Predictor
from nn.datasets import Dataset
from nn.grids import grid
from nn.training.accuracy import accuracy
from nn.training.progress import decimal
from nn.training.samples import Loss
from nn.units import Sequential

# What a reader can still follow in one picture.
MOST_NODES = 70
MOST_TERMS = 9  # of a weighted sum: the window of the usual convolution, 3 × 3, is shown whole


class Merit(NamedTuple):
    """How a figure of merit is labelled and printed."""

    label: str
    shown: Callable[[float], str]


MERITS = {
    "loss": Merit("loss", lambda loss: decimal(loss, 4)),
    "accuracy": Merit("accuracy", lambda share: f"{share:.1%}"),
    "r_squared": Merit("R²", lambda share: "-" if math.isnan(share) else decimal(share, 3)),
    "root_mean_squared_error": Merit("root mean squared error", lambda error: f"{error:.4g}"),
}


def judge(predictor: Predictor, part: Dataset, loss: Loss) -> dict[str, float]:
    """The figures of merit of one part of the data, by the names in `MERITS`. R² is nan if all targets are equal."""
    outputs = predictor.outputs(part.X)
    targets = predictor.targets(part.y).tolist()
    pairs = [(row[0] if len(row) == 1 else row, target) for row, target in zip(outputs.tolist(), targets)]
    judged = {"loss": float(np.mean([loss(*pair) for pair in pairs]))}
    if predictor.class_names:
        return judged | {"accuracy": float(np.mean([accuracy(*pair) for pair in pairs]))}
    with np.errstate(over="ignore"):  # if the training diverged
        squares = float(np.mean((predictor.in_units(outputs) - part.y) ** 2))
    spread = float(np.var(part.y))
    r_squared = 1 - squares / spread if spread else math.nan
    return judged | {"r_squared": r_squared, "root_mean_squared_error": math.sqrt(squares)}


def figures(predictor: Predictor, losses: Mapping[str, Sequence[float]], test: Dataset) -> dict[str, bytes]:
    """The plots, by file name, as PNG. `losses` are those after each epoch, by what they were measured on."""
    import nn.plots as plots  # here, because matplotlib takes half a second

    classes = predictor.class_names
    made = {"loss.png": plots.loss_curve(losses)}
    if not classes:
        numbers = predictor.numbers(test.X)
        made["prediction.png"] = plots.predicted_against_true(test.y, numbers, name=test.target_name)
    elif len(predictor.feature_names) == 2:
        made["decision_boundary.png"] = plots.decision_boundary(
            predictor.probabilities,
            test.X,
            test.y,
            class_names=classes,
            feature_names=predictor.feature_names,
            title="Decision boundary and test samples",
        )
    else:
        made["confusion_matrix.png"] = plots.confusion_matrix(
            test.y, predictor.classes(test.X), class_names=classes, title="Test samples"
        )
    if predictor.image_shape is not None:
        kernels = predictor.model.arrays()["0.weight"]
        made["kernels.png"] = plots.images(kernels[:, 0], title="Kernels of the convolution", signed=True)
    files = {}
    for name, figure in made.items():
        content = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of characters missing in the font
            figure.savefig(content, format="png")
        files[name] = content.getvalue()
    return files


def drawings(predictor: Predictor, test: Dataset, loss: Loss) -> dict[str, bytes]:
    """The graphs of one neuron and of one sample's loss, by file name, as SVG. RuntimeError without Graphviz."""
    # Each is drawn before the next is made: they share their parameters, and a backward() is for the gradients of one.
    [target], classes = test.y[:1].tolist(), predictor.class_names
    which = f"first test sample, {predictor.target_name} = {classes[target] if classes else f'{target:.6g}'}"
    neuron = _drawing(_neuron(predictor, test), predictor.model.parameters(), f"A neuron for the {which}")
    sample = _drawing(_sample(predictor, test, loss), predictor.model.named_parameters(), f"The loss of the {which}")
    return {"neuron.svg": neuron.encode(), "sample.svg": sample.encode()}


def _inputs(predictor: Predictor, test: Dataset) -> Any:
    """The first test sample as Values with the names of the features, in the structure that the network takes."""
    sample = predictor.inputs(test.X[:1])[0]
    values = [Value(number, name) for number, name in zip(sample.ravel().tolist(), predictor.feature_names)]
    return grid(values, sample.shape).tolist()


def _neuron(predictor: Predictor, test: Dataset) -> Value:
    """The output of one neuron for the first test sample, after backward()."""
    inputs = _inputs(predictor, test)
    model = predictor.model
    output = _of_convolution(model, inputs) if isinstance(model, Sequential) else _of_layer(model, inputs)
    model.zero_grad()
    output.label = "output"
    output.backward()
    return output


def _of_layer(model: Any, inputs: Any) -> Value:
    """The first neuron of the layer of an MLP with the fewest inputs, to be readable."""
    chosen = min(range(len(model.layers)), key=lambda i: model.layers[i].n_in)
    for layer in model.layers[:chosen]:
        inputs = [Value(output.data, f"h{i}") for i, output in enumerate(layer(inputs))]
    output: Value = model.layers[chosen].neurons[0](inputs)
    return output


def _of_convolution(model: Any, inputs: Any) -> Value:
    """The channel with the largest output in the middle of the image."""
    convolution, activation = model[0], model[1]
    [image] = inputs
    (height, width), (tall, wide) = np.shape(image), convolution.kernel_size
    top, left = (height - tall) // 2, (width - wide) // 2
    window = [row[left : left + wide] for row in image[top : top + tall]]
    outputs: list[Value] = [channel[0][0] for channel in activation(convolution([window]))]
    return max(outputs, key=lambda output: output.data)


def _sample(predictor: Predictor, test: Dataset, loss: Loss) -> Value:
    """The loss of the first test sample, after backward()."""
    outputs = predictor.model(_inputs(predictor, test))
    names = predictor.class_names
    for output, name in zip(outputs, names if len(names) > 2 else [*names[1:], predictor.target_name]):
        output.label = name
    predictor.model.zero_grad()
    result: Value = loss(outputs[0] if len(outputs) == 1 else outputs, predictor.targets(test.y[:1]).tolist()[0])
    result.label = "loss"
    result.backward()
    return result


def _drawing(value: Value, parameters: Iterable[Value] | Mapping[str, Value], title: str) -> str:
    """The graph as SVG, as much of it as stays readable."""
    for depth in range(20, 0, -1):
        try:
            return to_svg(value, parameters=parameters, depth=depth, terms=MOST_TERMS, limit=MOST_NODES, title=title)
        except ValueError:  # too many nodes
            continue
    return to_svg(value, parameters=parameters, depth=0, title=title)
