"""Operators of ONNX: which there are, how a graph of them is written down, and what others are composed of.

How to read this file: `Nodes` writes a graph, node by node. An `Element` is a number type as `Value` is, for all
numbers of a tensor at once; calling a row of the table with one writes the row's ONNX operator, or what the row is
composed of. So no activation function is described here a second time.

What ONNX Runtime computes in float32 alone (`FLOAT32_ONLY`) is composed of other operators in float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_engine.number import Operators
from autograd_engine.primitives import PRIMITIVES, Primitive, abs, cos, div, exp, log, sin, sum, tanh, where
from nn.extras import extra

DOMAIN = "autograd_engine"
"""The domain of the functions in our files, each a unit or an operator that is composed of others."""

OPSET = 20  # the version of the standard operators in our files, and
IR_VERSION = 10  # that of the format, the first in which a function can have variants

OPERATORS = {
    **{"identity": "Identity", "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "neg": "Neg", "pow": "Pow"},
    **{"maximum": "Max", "minimum": "Min", "where": "Where", "reciprocal": "Reciprocal"},
    **{"abs": "Abs", "sign": "Sign", "floor": "Floor", "ceil": "Ceil", "round": "Round", "sqrt": "Sqrt"},
    **{"exp": "Exp", "log": "Log", "sin": "Sin", "cos": "Cos", "tan": "Tan"},
    **{"arcsin": "Asin", "arccos": "Acos", "arctan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh"},
    **{"arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh", "erf": "Erf"},
    **{"relu": "Relu", "sigmoid": "Sigmoid", "leaky_relu": "LeakyRelu", "elu": "Elu", "gelu": "Gelu"},
    **{"softplus": "Softplus", "softsign": "Softsign"},
}
"""The ONNX operator of each row of the table that is one."""

DEFAULTS: dict[str, dict[str, Any]] = {
    **{"LeakyRelu": {"alpha": 0.01}, "Elu": {"alpha": 1.0}},
    "Gelu": {"approximate": "none"},
}
"""The attributes of activations, which are what the rows have as defaults."""

FLOAT32_ONLY = frozenset(
    ["Conv", "AveragePool", "LeakyRelu", "Elu", "Gelu", "Softplus", "Softsign", "Erf", "Tan"]
    + ["Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"]
)

_COMPARISONS = {"lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual", "eq": "Equal"}


class Nodes:
    """The nodes of a graph or of a function, in the order in which they are computed."""

    def __init__(self, dtype: npt.DTypeLike, prefix: str = "") -> None:
        self.onnx, self.dtype, self.prefix = onnx_package(), np.dtype(dtype), prefix
        self.nodes: list[Any] = []
        self._named = 0

    def __call__(self, operator: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
        """Write a node; returns the name of its output, or a list of the names if `outputs` is not 1."""
        names = [self.name() for _ in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def name(self) -> str:
        """A new name."""
        self._named += 1
        return f"{self.prefix}{self._named}"

    def constant(self, array: npt.ArrayLike) -> str:
        """The name of an array that stands in the graph; floats in the graph's precision."""
        array = np.asarray(array)
        tensor = self.onnx.numpy_helper.from_array(rounded(array, self.dtype) if array.dtype.kind == "f" else array)
        return str(self("Constant", value=tensor))

    def has(self, operator: str) -> bool:
        """Whether ONNX Runtime computes the operator in the graph's precision."""
        return self.dtype == np.float32 or operator not in FLOAT32_ONLY

    def apply(self, op: Primitive | None, name: str) -> str:
        """The row `op` of every number of the tensor `name`. Raises TypeError if it has no form in ONNX."""
        return name if op is None else str(op(Element(self, name)).name)

    def function(self, operator: str, variant: str, inputs: Sequence[str], outputs: Sequence[str], **more: Any) -> Any:
        """The nodes as a function of the domain of this package."""
        opsets = [self.onnx.helper.make_opsetid("", OPSET)]
        return self.onnx.helper.make_function(
            DOMAIN, operator, inputs, outputs, self.nodes, opsets, overload=variant, **more
        )


class Element(Operators):
    """Any number of a tensor in a graph, with which a row of the table is recorded as nodes."""

    def __init__(self, nodes: Nodes, name: str) -> None:
        self.nodes, self.name = nodes, name

    def record(self, op: Primitive, *args: Any) -> Element:
        """Write the nodes of `op(*args)`."""
        operator = OPERATORS.get(op.name)
        if operator and self.nodes.has(operator):
            return self._node(operator, *(args[:1] if operator in DEFAULTS else args))
        if op.name in _COMPOSED:
            made: Any = _COMPOSED[op.name]
            return made(*args)  # type: ignore[no-any-return]
        if not op.composite:
            raise TypeError(f"{op.name} has no form in ONNX that ONNX Runtime computes in {self.nodes.dtype}")
        composed: Any = op.forward(*args)
        return composed  # type: ignore[no-any-return]

    def compare(self, name: str, other: Any) -> Element:
        """The comparison as a tensor of booleans."""
        if name == "ne":
            return self._node("Not", self.compare("eq", other))
        return self._node(_COMPARISONS[name], self, other)

    def __and__(self, other: Any) -> Element:
        return self._node("And", self, other)

    def __or__(self, other: Any) -> Element:
        return self._node("Or", self, other)

    def __bool__(self) -> bool:
        raise TypeError("a function that branches on its argument has no form in ONNX")

    def _node(self, operator: str, *args: Any) -> Element:
        names = [x.name if isinstance(x, Element) else self.nodes.constant(float(x)) for x in args]
        return Element(self.nodes, self.nodes(operator, *names))


def _expm1(x: Any) -> Any:
    return tanh(0.5 * x) * (exp(x) + 1.0)  # both factors keep the digits of a small x


def _log1p(x: Any) -> Any:
    u = 1.0 + x  # Goldberg's way: the error of u - 1 cancels that of log(u)
    return where(u == 1.0, x, where(u < math.inf, log(u) * div(x, where(u == 1.0, 1.0, u - 1.0)), u))


def _erfc(x: Any) -> Any:
    """The midpoint rule for an integral of erfc, with the residue of its poles; within 1e-15 for this step.

    Chiarella and Reichel, "On the evaluation of integrals related to the error function", 1968.
    """
    step = 0.5
    size = where(abs(x) < 30.0, abs(x), 30.0)
    square = size * size
    nodes = [((k + 0.5) * step) ** 2 for k in range(13)]
    total = sum([div(math.exp(-node), square + node) for node in nodes])
    right = 2 * step / math.pi * size * exp(-square) * total + div(2.0, 1.0 + exp(2 * math.pi / step * size))
    return where(x >= 0.0, right, where(x < 0.0, 2.0 - right, x))


_COMPOSED = {
    "expm1": _expm1,
    "log1p": _log1p,
    "erfc": _erfc,
    "erf": lambda x: 1.0 - _erfc(x),
    "tan": lambda x: div(sin(x), cos(x)),
    "sum": lambda *xs: _added(xs),
}
"""Of what rows are composed that ONNX, or ONNX Runtime in float64, does not have."""


def _added(xs: Sequence[Any]) -> Any:
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    return total


def rounded(array: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The array in another precision; what is too large for it becomes infinite."""
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(array, dtype=dtype)


def row_of(domain: str, operator: str) -> Primitive | None:
    """The row of one number for which an operator stands, if there is one."""
    names = [name for name, standard in OPERATORS.items() if standard == operator and domain in ("", DOMAIN)]
    names += [operator] if domain == DOMAIN else []
    rows = [PRIMITIVES[name] for name in names if name in PRIMITIVES]
    return next((op for op in rows if op.arity == 1 or operator in DEFAULTS), None)


def onnx_package() -> Any:
    """The package onnx with the parts that are used."""
    with extra("onnx"):
        import onnx
        import onnx.helper
        import onnx.numpy_helper
    return onnx
