"""What all recorded numbers have in common: Python's operators, and the functions of the table as methods.

A number type defines what an operation on it does (`record`), what a comparison does (`compare`), and what it can be
combined with (`operand`). `Value` is such a type; so are the numbers that the compiler traces, and the symbols in which
explanations write down derivatives.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_engine import primitives
from autograd_engine.number_arrays import SCALES, apply_function, apply_ufunc
from autograd_engine.primitives import Primitive

Method = Callable[[Any, Any], Any]

INSTEAD_OF_MATH = (
    "use the functions of autograd_engine (exp, sin, ...) instead of those of math, put numbers into arrays of "
    "dtype=object"
)
"""Advice for code that asks a recorded number for its float."""


def _operator(op: Primitive) -> tuple[Method, Method]:
    """The method and the reflected method of a Python operator, from its row of the table."""

    def method(self: Operators, other: Any) -> Any:
        other = self.operand(other)
        return other if other is NotImplemented else self.record(op, self, other)

    def reflected(self: Operators, other: Any) -> Any:
        other = self.operand(other)
        return other if other is NotImplemented else self.record(op, other, self)

    return method, reflected


def _comparison(name: str) -> Method:
    return lambda self, other: self.compare(name, other)


class Operators:
    """Python's operators and comparisons, each from its row of the table. Hashing is by identity."""

    __slots__ = ()

    if TYPE_CHECKING:
        record: Callable[..., Any]  # (op, *args): the result of `op` called with `args`

    def operand(self, other: Any) -> Any:
        """`other` in the form that `record` takes, or NotImplemented: Python then asks `other`, and if that fails too,
        names both types."""
        return other

    def compare(self, name: str, other: Any) -> Any:
        """The comparison "lt", "le", "gt", "ge", "eq" or "ne" with another number."""
        return NotImplemented

    __add__, __radd__ = _operator(primitives.add)
    __sub__, __rsub__ = _operator(primitives.sub)
    __mul__, __rmul__ = _operator(primitives.mul)
    __truediv__, __rtruediv__ = _operator(primitives.div)
    __floordiv__, __rfloordiv__ = _operator(primitives.floordiv)
    __mod__, __rmod__ = _operator(primitives.mod)
    _power, __rpow__ = _operator(primitives.pow)
    __neg__, __abs__ = primitives.neg, primitives.abs
    __floor__, __ceil__, __trunc__ = primitives.floor, primitives.ceil, primitives.trunc
    __lt__, __le__ = _comparison("lt"), _comparison("le")
    __gt__, __ge__ = _comparison("gt"), _comparison("ge")
    __eq__, __ne__ = _comparison("eq"), _comparison("ne")
    __hash__ = object.__hash__

    def __pow__(self, exponent: Any, modulus: None = None) -> Any:
        return NotImplemented if modulus is not None else self._power(exponent)

    def __pos__(self) -> Any:
        return self

    def sibling(self, op: Any, result: Any, args: Any) -> Any:
        """The node of another operation with `args`, those of this node, whose `result` is known."""
        return self.record(op, *args)


class Arithmetic(Operators):
    """A number that also has the functions of the table as methods, and to which NumPy's functions apply."""

    __slots__ = ()

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    def __round__(self, digits: int | None = None) -> Any:
        """Round to `digits` decimals. The result is a recorded number even without `digits`.

        The number is scaled by a power of ten, as in NumPy, so 2.675 becomes 2.68. Python's own round(2.675, 2) goes
        by decimal digits and returns 2.67.
        """
        if digits is None:
            return primitives.round(self)
        scale = 10.0 ** min(abs(operator.index(digits)), 308)
        if digits < -308:  # more digits before the point than a float can have
            return primitives.where(abs(self) < math.inf, 0.0 * primitives.round(self), self)
        if digits < 0:
            return primitives.round(self / scale) * scale
        scaled = self * scale  # from 2**52 on self has no further decimals
        return primitives.where(abs(scaled) < 2.0**52, primitives.round(scaled) / scale, self)

    def clip(self, low: Any, high: Any, out: None = None) -> Any:
        """`clip(self, low, high)`, also for np.clip."""
        return primitives.clip(self, low, high)

    def round(self, decimals: int = 0, out: None = None) -> Any:
        """`round(self, decimals)`, also for np.round."""
        return self.__round__(decimals or None)

    rint = primitives.round  # NumPy's name

    def conjugate(self) -> Any:
        """The number itself, since it is real. np.var and np.std call this."""
        return self

    real = property(conjugate)
    imag = 0.0

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        """Apply a NumPy function to numbers, or to numbers and arrays, by element: `np.exp(v)`, `v * array`."""
        return apply_ufunc(ufunc, method, *inputs, **keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        """Call a NumPy function of arrays with a number among its arguments: `np.interp(v, xs, ys)`."""
        return apply_function(function, args, keywords)

    if TYPE_CHECKING:  # stands for the methods that are set below

        def __getattr__(self, name: str) -> Any: ...


# Every function of the table whose first input is a number is a method too: v.tanh() is tanh(v). NumPy calls these
# methods on arrays of numbers. Rows with an operator need no method, and the first input of `where` is a condition.
_NO_METHODS = {"identity", "add", "sub", "mul", "div", "neg", "mod", "floordiv", "pow", "where"}
for _name, _row in vars(primitives).items():
    if isinstance(_row, Primitive) and _name[0] != "_" and _name not in _NO_METHODS and _name not in vars(Arithmetic):
        setattr(Arithmetic, _name, _row)
for _name, _scale in SCALES.items():  # only for NumPy
    setattr(Arithmetic, _name, lambda self, scale=_scale: self * scale)


class Float(Arithmetic, float):  # type: ignore[misc]  # round and pow take recorded numbers
    """A float whose operators follow IEEE 754 by the rows of the table, as those of Values do, and never raise.

    >>> 1 / Float(0.0), Float(-1.0) ** 0.5
    (inf, nan)
    """

    __slots__ = ()

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        """To NumPy's functions it is a float, unless there are recorded numbers that they have to know of."""
        return function._implementation(*args, **keywords) if set(types) == {Float} else NotImplemented

    @staticmethod
    def record(op: Primitive, *args: Any) -> Any:
        """The result of `op`: a Float, unless there is a recorded number among `args`."""
        result = op(*[float(x) if x.__class__ is Float else x for x in args])
        return Float(result) if result.__class__ is float else result

    def operand(self, other: Any) -> Any:
        """A number; NotImplemented for what is none."""
        try:
            return other if hasattr(other, "record") else primitives.as_float(other)
        except TypeError:
            return NotImplemented

    def __index__(self) -> int:
        """A whole number is an index and a count. Raises TypeError for any other."""
        if not self.is_integer():
            raise TypeError(f"an index or a count must be a whole number, got {float(self)}")
        return int(self)

    def detach(self) -> Float:
        """The number itself, which nothing depends on; as of a Value."""
        return self

    __lt__, __le__, __gt__, __ge__ = float.__lt__, float.__le__, float.__gt__, float.__ge__
    __eq__, __ne__, __hash__ = float.__eq__, float.__ne__, float.__hash__


def ieee(x: Any) -> Any:
    """A plain float as a Float, anything else as it is."""
    return Float(x) if x.__class__ is float else x
