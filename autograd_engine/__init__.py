"""Scalar reverse-mode automatic differentiation: readable, right, explained and fast.

>>> from autograd_engine import Value, exp
>>> x = Value(0.5, label="x")
>>> y = x * exp(-x)
>>> y.backward()
>>> x.grad
0.3032653298563167
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from autograd_engine.check import GradientError, check_gradients
from autograd_engine.derivatives import grad, gradient, hessian, jacobian, jvp, value_and_grad, vjp
from autograd_engine.draw import draw, to_svg
from autograd_engine.mapping import vmap
from autograd_engine.primitives import (
    PRIMITIVES,
    Primitive,
    acos,
    acosh,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cbrt,
    ceil,
    clip,
    copysign,
    cos,
    cosh,
    dot,
    elu,
    erf,
    erfc,
    exp,
    exp2,
    expm1,
    floor,
    fmod,
    gelu,
    heaviside,
    hypot,
    leaky_relu,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    maximum,
    mean,
    minimum,
    prod,
    reciprocal,
    relu,
    sigmoid,
    sign,
    silu,
    sin,
    sinc,
    sinh,
    softplus,
    softsign,
    sqrt,
    square,
    tan,
    tanh,
    trunc,
    where,
    xlogy,
)

# Named like builtins, and left to an explicit import: `from autograd_engine import *` does not replace those.
from autograd_engine.primitives import abs as abs
from autograd_engine.primitives import pow as pow
from autograd_engine.primitives import round as round
from autograd_engine.primitives import sum as sum
from autograd_engine.value import Value

if TYPE_CHECKING:
    from autograd_engine.compiler.c.export import to_c
    from autograd_engine.compiler.jit import constant, jit
    from autograd_engine.compiler.trace.errors import TraceError
    from autograd_engine.diagnosis.debug import NotFiniteError, debug
    from autograd_engine.diagnosis.why import Diagnosis, why
    from autograd_engine.explanations.exercise import Exercise, exercise
    from autograd_engine.explanations.explain import explain
    from autograd_engine.explanations.formula import formula
    from autograd_engine.explanations.steps import steps
    from autograd_engine.interactive import to_html

# What not every program needs is imported when it is first asked for.
_LATER = {
    "constant": "autograd_engine.compiler",
    "debug": "autograd_engine.diagnosis.debug",
    "Diagnosis": "autograd_engine.diagnosis.why",
    "Exercise": "autograd_engine.explanations.exercise",
    "exercise": "autograd_engine.explanations.exercise",
    "explain": "autograd_engine.explanations.explain",
    "formula": "autograd_engine.explanations.formula",
    "jit": "autograd_engine.compiler",
    "NotFiniteError": "autograd_engine.diagnosis.debug",
    "steps": "autograd_engine.explanations.steps",
    "to_c": "autograd_engine.compiler",
    "to_html": "autograd_engine.interactive",
    "TraceError": "autograd_engine.compiler",
    "why": "autograd_engine.diagnosis.why",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = thing = getattr(import_module(_LATER[name]), name)
    return thing


def __dir__() -> list[str]:
    return [*globals(), *_LATER]


__all__ = [
    "PRIMITIVES",
    "Diagnosis",
    "Exercise",
    "GradientError",
    "NotFiniteError",
    "Primitive",
    "TraceError",
    "Value",
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "ceil",
    "check_gradients",
    "clip",
    "constant",
    "copysign",
    "cos",
    "cosh",
    "debug",
    "dot",
    "draw",
    "elu",
    "erf",
    "erfc",
    "exercise",
    "exp",
    "exp2",
    "explain",
    "expm1",
    "floor",
    "fmod",
    "formula",
    "gelu",
    "grad",
    "gradient",
    "heaviside",
    "hessian",
    "hypot",
    "jacobian",
    "jit",
    "jvp",
    "leaky_relu",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "maximum",
    "mean",
    "minimum",
    "prod",
    "reciprocal",
    "relu",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinc",
    "sinh",
    "softplus",
    "softsign",
    "sqrt",
    "square",
    "steps",
    "tan",
    "tanh",
    "to_c",
    "to_html",
    "to_svg",
    "trunc",
    "value_and_grad",
    "vjp",
    "vmap",
    "where",
    "why",
    "xlogy",
]
