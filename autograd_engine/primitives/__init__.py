"""The table: every operation, its forward function and its local derivatives.

How to read this package: a row of the table is a `Primitive`. Look at `mul` and `div` in `arithmetic` first, then at
`tanh` in `trigonometry`, whose derivative is written for accuracy. `forward` computes floats by C99 / IEEE 754 and
never raises: `exp(1000)` is inf, `1 / 0` is inf, `log(-1)` is nan. `partials(out, *inputs)` gives ∂out/∂input for
each input. It uses only operators and other primitives, so the same text runs on floats (backward), on Values
(higher orders) and on every other type with a method `record`.

The rules for special points: ties split equally, a convex kink has its minimum-norm subgradient, a flat
function has slope 0, NaN in means NaN out, and a NaN value never has a finite slope, which would hide it.

The forward of a *basic* row is one IEEE operation or one call of the C library. That of a *composite* row is
written with other primitives, so a compiler needs no lowering for it.

>>> tanh(0.5), maximum(2, 3), 1 - sigmoid(-800.0)
(0.46211715726000974, 3.0, 1.0)
>>> tanh.partials(tanh(20.0), 20.0)
(1.6993417021166355e-17,)
"""

from typing import TYPE_CHECKING

from autograd_engine.primitives.activations import *
from autograd_engine.primitives.arithmetic import *
from autograd_engine.primitives.bessel import *
from autograd_engine.primitives.beta_functions import *
from autograd_engine.primitives.expansions import *
from autograd_engine.primitives.exponentials import *
from autograd_engine.primitives.gamma import *
from autograd_engine.primitives.incomplete import *
from autograd_engine.primitives.incomplete_beta import *
from autograd_engine.primitives.normal import *
from autograd_engine.primitives.plain import as_float as as_float
from autograd_engine.primitives.plain import as_text as as_text
from autograd_engine.primitives.primitive import PRIMITIVES as PRIMITIVES
from autograd_engine.primitives.primitive import Primitive as Primitive
from autograd_engine.primitives.reductions import *
from autograd_engine.primitives.rounding import *
from autograd_engine.primitives.special import *
from autograd_engine.primitives.sums import *
from autograd_engine.primitives.trigonometry import *

if not TYPE_CHECKING:  # type checkers read the names off the imports
    # Rows with an operator, or with the name of a builtin, must be imported explicitly.
    _EXPLICIT = {"identity", "add", "sub", "mul", "div", "neg", "mod", "floordiv", "abs", "pow", "round", "sum"}
    _SHORT = {"acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "expit"}
    __all__ = sorted({"PRIMITIVES", "Primitive", "mean", "polygamma"} | _SHORT | PRIMITIVES.keys() - _EXPLICIT)
