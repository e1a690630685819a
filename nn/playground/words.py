"""What the playground says in formulas, as HTML with MathML: of a neuron, and of each step of a point's way through the
network and back."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from autograd_engine import primitives
from autograd_engine.explanations import mathml
from autograd_engine.explanations.names import named
from autograd_engine.explanations.notation import latex, text
from autograd_engine.explanations.statements import Sentence, Statement, derivative
from autograd_engine.explanations.symbols import HALF, Call, Name, Number, Product, Sum, Symbol
from nn.modules import resolve_activation
from nn.playground.layout import LayerLayout, layout
from nn.playground.settings import Settings

DIGITS = 3
MOST_PRODUCTS = 4  # of more, the results alone are shown

_HERE = Name("HERE", "HERE")
LOSS, OUTPUT = named("loss"), named("output")

Pairs = Sequence[tuple[float, float]]


def neuron_formula(settings: Settings, parameters: Sequence[float], k: int, j: int) -> str:
    """What neuron j of layer k computes, with its weights as numbers."""
    layers = _layers(settings)
    layer, start = layers[k], layers[k].start + j * layers[k].inputs
    sources = [_a(k - 1, i) for i in range(layer.inputs)] if k else _features(settings)
    terms = [_number(w) * name for w, name in zip(parameters[start : start + layer.inputs], sources)]
    total = Sum((*terms, _number(parameters[layer.bias + j])))
    if k == len(layers) - 1:
        return mathml.page(Statement(OUTPUT, (total,)).inline)
    before, after = latex(_activated(settings, _HERE)).split(_HERE.text)
    name, _, inside = Statement(_a(k, j), (total,)).inline.partition("= ")
    return mathml.page(f"{name}= {before}{inside.removesuffix('$')}{after}$")


def steps_of(flow: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The `steps` of a flow (see `inspection.flow`) and the `order` of the deltas, as pairs of indices.

    A step has the `lines` that light up, with the product at each of them and, where there is no room, its result;
    whether it goes `back`; up to which neuron the outputs are known (`upTo`), how many deltas are (`known`); and
    `words`.
    """
    steps = _Steps(flow, settings)
    return {"order": steps.order, "steps": list(steps)}


class _Steps:
    """The steps, one after the other."""

    def __init__(self, flow: dict[str, Any], settings: Settings) -> None:
        self.flow, self.settings, self.layers = flow, settings, _layers(settings)
        self.last = len(self.layers) - 1
        self.order = [(k, j) for k, layer in enumerate(self.layers) for j in range(layer.neurons)][::-1]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        inputs = zip(_features(self.settings), self.flow["inputs"])
        values = ", ".join(Statement(name, (_number(x),)).inline for name, x in inputs)
        yield self._step(f"Training point {self.flow['sample'] + 1} comes in: {values}.", up_to=(-1, 0))
        for k, j in reversed(self.order):
            yield self._forward(k, j)
        yield self._judge()
        for known, (k, j) in enumerate(self.order, start=1):
            if k < self.last:
                yield self._gather(k, j, known)
            yield self._weights(k, j, known)
        done = "Now every weight has its gradient: a step of the optimiser changes all of them at once, by the mean "
        done += "over a batch."
        yield self._step(done, back=True, known=len(self.order))

    def _forward(self, k: int, j: int) -> dict[str, Any]:
        layer, parameters, number = self.layers[k], self.flow["parameters"], _number(self.flow["sums"][k][j])
        pairs = [(parameters[layer.start + j * layer.inputs + i], x) for i, x in enumerate(self._inputs(k))]
        z, a = self._z(k, j), self._a(k, j)
        statements = [Statement(z, (_sum([*_products(pairs), _number(parameters[layer.bias + j])]), number))]
        words = "A neuron adds up weight times input, and its bias"
        if z is not a:
            words += f"; then comes {_name(self.settings)}"
            result = _number(self.flow["outputs"][k][j])
            statements.append(Statement(a, (_activated(self.settings, number), result)))
        return self._step(f"{words}.", statements, self._lines(k, j, pairs), up_to=(k, j))

    def _judge(self) -> dict[str, Any]:
        output, target = self.flow["outputs"][self.last][0], _number(self.flow["target"])
        loss, slope = _number(self.flow["loss"]), _number(self.flow["gradients"][self.last][0])
        by_output = derivative(LOSS, OUTPUT)
        if self.settings.problem == "classification":
            p, guess = Name("p"), _number(primitives.sigmoid(output))
            known = Statement(p, (Call(primitives.sigmoid, (_number(output),)), guess)).inline
            sentence = f"{known} and {Sentence('the class is {}: the loss is {}.', (target, loss)).markdown}"
            rights = (_minus(p, Name("class", r"\mathit{class}")), _minus(guess, target))
        else:
            aim = Name("target", r"\mathit{target}")
            formula = Product((HALF, (OUTPUT - aim) ** 2))
            words = "The output is {} and the target {}: the loss is {} = {}."
            sentence = Sentence(words, (_number(output), target, formula, loss)).markdown
            rights = (_minus(OUTPUT, aim), _minus(_number(output), target))
        return self._step(sentence, [Statement(by_output, (*rights, slope))], back=True, known=1)

    def _gather(self, k: int, j: int, known: int) -> dict[str, Any]:
        """What neuron j of layer k receives from the layer after it, times the slope of its activation."""
        after, parameters = self.layers[k + 1], self.flow["parameters"]
        weights = [parameters[after.start + n * after.inputs + j] for n in range(after.neurons)]
        pairs = list(zip(self.flow["deltas"][k + 1], weights))
        lines = [_line(k + 1, n, j, pair) for n, pair in enumerate(pairs)]
        gradient, slope, delta = (self.flow[what][k][j] for what in ("gradients", "slopes", "deltas"))
        statements = [Statement(derivative(LOSS, _a(k, j)), (_sum(_products(pairs)), _number(gradient)))]
        if self._z(k, j) is not self._a(k, j):
            z, name = _number(self.flow["sums"][k][j]), _name(self.settings)
            sign = Name(f"{name}'({text(z)})", rf"\operatorname{{{name}}}'({latex(z)})")
            rights = (Product((_number(gradient), sign)), _product((gradient, slope)), _number(delta))
            statements.append(Statement(derivative(LOSS, _z(k, j)), rights))
        words = Sentence("What comes back to {}: delta times weight, over all lines.", (_a(k, j),)).markdown
        return self._step(words, statements, lines, back=True, known=known)

    def _weights(self, k: int, j: int, known: int) -> dict[str, Any]:
        """The gradients of the weights of neuron j of layer k: its delta times their inputs."""
        delta, inputs = self.flow["deltas"][k][j], self._inputs(k)
        pairs = [(delta, x) for x in inputs]
        source = _a(k - 1, 0) if k else _features(self.settings)[0]
        symbols = Product((derivative(LOSS, self._z(k, j)), source))
        results = (symbols, _product(pairs[0]), _number(delta * inputs[0]))
        statements = [
            Statement(derivative(LOSS, named(f"w{k + 1}[{j + 1},1]")), results),
            Statement(derivative(LOSS, named(f"b{k + 1}[{j + 1}]")), (_number(delta),)),
        ]
        words = "The gradient of a weight: delta times its input."
        return self._step(words, statements, self._lines(k, j, pairs), back=True, known=known)

    def _step(
        self,
        words: str,
        statements: Iterable[Statement] = (),
        lines: Sequence[dict[str, Any]] = (),
        *,
        up_to: tuple[int, int] | None = None,
        back: bool = False,
        known: int = 0,
    ) -> dict[str, Any]:
        page = mathml.page("\n\n".join([words, *(statement.inline for statement in statements)]))
        return {"words": page, "lines": lines, "back": back, "upTo": up_to or (self.last, 0), "known": known}

    def _lines(self, k: int, j: int, pairs: Pairs) -> list[dict[str, Any]]:
        return [_line(k, j, i, pair) for i, pair in enumerate(pairs)]

    def _inputs(self, k: int) -> list[float]:
        inputs: list[float] = self.flow["outputs"][k - 1] if k else self.flow["inputs"]
        return inputs

    def _a(self, k: int, j: int) -> Name:
        return OUTPUT if k == self.last else _a(k, j)

    def _z(self, k: int, j: int) -> Name:
        """The sum that goes into the activation: the output itself where there is none."""
        return self._a(k, j) if k == self.last or self.settings.activation == "linear" else _z(k, j)


def _layers(settings: Settings) -> list[LayerLayout]:
    return layout((len(settings.features), *settings.hidden, 1))


def _features(settings: Settings) -> list[Name]:
    return [named(settings.labels[name]) for name in settings.features]


@functools.cache
def _a(k: int, j: int) -> Name:
    """The output of a neuron in a hidden layer."""
    return named(f"a{k + 1}[{j + 1}]")


@functools.cache
def _z(k: int, j: int) -> Name:
    """What goes into its activation."""
    return named(f"z{k + 1}[{j + 1}]")


def _name(settings: Settings) -> str:
    return settings.activation.replace("_", " ")


def _activated(settings: Settings, x: Symbol) -> Symbol:
    activation = resolve_activation(settings.activation)
    return x if activation is None else Call(activation, (x,))


def _number(x: float) -> Number:
    return Number(x, DIGITS)


def _product(pair: tuple[float, float]) -> Product:
    return Product(tuple(map(_number, pair)))


def _products(pairs: Pairs) -> list[Symbol]:
    return [_number(x * y) if len(pairs) > MOST_PRODUCTS else _product((x, y)) for x, y in pairs]


def _sum(terms: Sequence[Symbol]) -> Symbol:
    return terms[0] if len(terms) == 1 else Sum(tuple(terms))


def _minus(x: Symbol, y: Symbol) -> Sum:
    return Sum((x, Call(primitives.neg, (y,))))


def _line(k: int, j: int, i: int, pair: tuple[float, float]) -> dict[str, Any]:
    x, y = pair
    result = text(_number(x * y))
    return {"k": k, "j": j, "i": i, "text": f"{text(_product(pair))} = {result}", "short": result}
