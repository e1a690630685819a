"""Scalar reverse-mode automatic differentiation: readable, right, explained and fast.

>>> from autograd_engine import Value, exp
>>> x = Value(0.5, label="x")
>>> y = x * exp(-x)
>>> y.backward()
>>> x.grad
0.3032653298563167
"""

from typing import TYPE_CHECKING

# From a module as deep as the primitives, NumPy takes a tenth longer to import.
import numpy  # noqa: F401

from autograd_engine import linalg as linalg
from autograd_engine import numpy_functions as numpy_functions
from autograd_engine import numpy_sorting as numpy_sorting
from autograd_engine import primitives
from autograd_engine.constants import stop_gradient as stop_gradient
from autograd_engine.control_flow import cond as cond
from autograd_engine.control_flow import fori_loop as fori_loop
from autograd_engine.control_flow import scan as scan
from autograd_engine.control_flow import switch as switch
from autograd_engine.control_flow import while_loop as while_loop
from autograd_engine.custom import checkpoint as checkpoint
from autograd_engine.custom import custom_derivative as custom_derivative
from autograd_engine.derivatives import grad as grad
from autograd_engine.derivatives import gradient as gradient
from autograd_engine.derivatives import hessian as hessian
from autograd_engine.derivatives import hvp as hvp
from autograd_engine.derivatives import jacobian as jacobian
from autograd_engine.derivatives import jvp as jvp
from autograd_engine.derivatives import value_and_grad as value_and_grad
from autograd_engine.derivatives import vjp as vjp
from autograd_engine.draw import draw as draw
from autograd_engine.draw import to_svg as to_svg
from autograd_engine.implicit import fixed_point as fixed_point
from autograd_engine.implicit import root as root
from autograd_engine.installed import attributes
from autograd_engine.mapping import vmap as vmap
from autograd_engine.primitives import *

# Named like builtins, so `from autograd_engine import *` leaves these out: they must be imported explicitly.
from autograd_engine.primitives import abs as abs
from autograd_engine.primitives import pow as pow
from autograd_engine.primitives import round as round
from autograd_engine.primitives import sum as sum
from autograd_engine.softmax import log_softmax as log_softmax
from autograd_engine.softmax import softmax as softmax
from autograd_engine.value import Value as Value

__version__ = "0.1.0"  # the build reads this line

if TYPE_CHECKING:
    from autograd_engine.check import GradientError as GradientError
    from autograd_engine.check import check_gradients as check_gradients
    from autograd_engine.compiler.c.export import to_c as to_c
    from autograd_engine.compiler.jit import constant as constant
    from autograd_engine.compiler.jit import jit as jit
    from autograd_engine.compiler.trace.errors import TraceError as TraceError
    from autograd_engine.complex_numbers import Complex as Complex
    from autograd_engine.diagnosis.debug import NotFiniteError as NotFiniteError
    from autograd_engine.diagnosis.debug import debug as debug
    from autograd_engine.diagnosis.why import Diagnosis as Diagnosis
    from autograd_engine.diagnosis.why import why as why
    from autograd_engine.explanations.exercise import Exercise as Exercise
    from autograd_engine.explanations.exercise import exercise as exercise
    from autograd_engine.explanations.explain import explain as explain
    from autograd_engine.explanations.formula import formula as formula
    from autograd_engine.explanations.steps import steps as steps
    from autograd_engine.interactive import to_html as to_html
    from autograd_engine.interactive.sheet import exercise_sheet as exercise_sheet
    from autograd_engine.nlp import nlp_problem as nlp_problem
    from autograd_engine.ranks import distributed as distributed
    from autograd_engine.roundings import accuracy as accuracy
    from autograd_engine.series import taylor as taylor

# Not every program needs these, so they are imported when they are first asked for.
_LATER = {
    "accuracy": "autograd_engine.roundings",
    "check_gradients": "autograd_engine.check",
    "Complex": "autograd_engine.complex_numbers",
    "constant": "autograd_engine.compiler",
    "debug": "autograd_engine.diagnosis.debug",
    "Diagnosis": "autograd_engine.diagnosis.why",
    "distributed": "autograd_engine.ranks",
    "Exercise": "autograd_engine.explanations.exercise",
    "exercise": "autograd_engine.explanations.exercise",
    "exercise_sheet": "autograd_engine.interactive.sheet",
    "explain": "autograd_engine.explanations.explain",
    "formula": "autograd_engine.explanations.formula",
    "GradientError": "autograd_engine.check",
    "jit": "autograd_engine.compiler",
    "nlp_problem": "autograd_engine.nlp",
    "NotFiniteError": "autograd_engine.diagnosis.debug",
    "steps": "autograd_engine.explanations.steps",
    "taylor": "autograd_engine.series",
    "to_c": "autograd_engine.compiler",
    "to_html": "autograd_engine.interactive",
    "TraceError": "autograd_engine.compiler",
    "why": "autograd_engine.diagnosis.why",
}


__getattr__ = attributes(__name__, _LATER)


def __dir__() -> list[str]:
    return [*globals(), *_LATER]


if not TYPE_CHECKING:  # type checkers read the names off the imports
    __all__ = [
        *primitives.__all__,
        *("Value", "checkpoint", "cond", "custom_derivative", "draw", "fixed_point", "fori_loop", "grad", "gradient"),
        *("hessian", "hvp", "jacobian", "jvp", "log_softmax", "root", "scan", "softmax", "stop_gradient", "switch"),
        *("to_svg", "value_and_grad", "vjp", "vmap", "while_loop"),
        *_LATER,
    ]
