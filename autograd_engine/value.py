"""Value: a number that remembers how it was computed.

Every operation on a Value makes a new node, which records the primitive, its arguments and their values at
the moment of the call. That record is the node's local-derivative closure, taken apart: its code is the
primitive's `partials`, and what it captured is `data` and the recorded values. No node is referred to by the nodes
it was computed from, so a graph is free of cycles and is freed with the last reference to it.

>>> x, y = Value(-2.0, label="x"), Value(5.0, label="y")
>>> z = (x + y) * x
>>> z.backward()
>>> z.data, x.grad, y.grad
(-6.0, 1.0, -2.0)
"""

from __future__ import annotations

import numbers
import operator
import sys
from collections.abc import Callable
from typing import Any, ClassVar, final

import numpy as np

from autograd_engine import primitives
from autograd_engine.backward import add_gradients
from autograd_engine.copying import AllCopied, Ancestors, has_variables, is_being_copied, is_variable
from autograd_engine.graph import topological_order
from autograd_engine.number import INSTEAD_OF_MATH, Arithmetic
from autograd_engine.primitives import Primitive, as_float, as_text

new_node = object.__new__
"""Makes every node; debug() puts a function in its place that takes notice of them."""

_UNNAMED = ""  # the label of most Values, which needs no check


class _Leaves:
    """Shared by all leaves: `change` becomes a new object whenever the data of any leaf is set."""

    change: object = object()


leaves = _Leaves()


def _operator(op: Primitive) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """The method and the reflected method of a Python operator, from its row of the table."""
    forward = op.forward

    def method(self: Value, other: Any) -> Any:
        if other.__class__ is Value:
            y = other._float
        elif other.__class__ is float:
            y = other
        else:
            try:
                other = y = as_float(other)
            except TypeError:
                return NotImplemented  # Python then asks `other`, and names both types if that fails
        # What `record` does, without the call: making a node is the hottest path of all. Slot by slot, since one
        # assignment to eight of them takes 0.4 instead of 0.2 µs.
        node = new_node(Value)
        node._a = self
        node._b = other
        node._x = x = self._float
        node._y = y
        node._float = forward(x, y)
        node._grad = 0.0
        node.op = op
        node._label = ""
        return node

    def reflected(self: Value, other: Any) -> Any:
        if other.__class__ is not float:
            try:
                other = as_float(other)
            except TypeError:
                return NotImplemented
        y = self._float
        return _node(forward(other, y), op, other, self, other, y)

    return method, reflected


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A comparison of the data with another Value's or a number."""

    def method(self: Value, other: Any) -> Any:
        if other.__class__ is Value:
            return compare(self._float, other._float)
        if other.__class__ is float or other.__class__ is int:  # Python compares a float with an int of any size
            return compare(self._float, other)
        if isinstance(other, (numbers.Number, np.bool_)) and not isinstance(other, complex):
            return bool(compare(self._float, other))
        return NotImplemented

    return method


@final
class Value(Arithmetic):
    """A float with its gradient and the operation it came from.

    `data` is the number, `grad` what backward() has added up so far (0.0 at first), `label` a name for
    drawings, `op` the primitive that made it (None for a leaf).

    Operators, the functions of this package and those of NumPy return new Values; `math.exp` and the like raise
    TypeError. Comparisons compare the data. A result keeps the numbers that it was computed from, so changing a leaf
    afterwards does not falsify the gradient:

    >>> x = Value(3.0)
    >>> y = x * x
    >>> x.data = 10.0
    >>> y.backward()
    >>> y, x.grad
    (Value(data=9.0, grad=1.0, op=mul), 6.0)

    Raises TypeError unless `data` is a real number (int, float, bool, NumPy scalar) and `label` a str, and ValueError
    for a label with a lone surrogate, which no file can hold.
    """

    # The arguments of the call are in _a and _b, their values in _x and _y; where there are more than two, or
    # none, _a and _x are tuples, and so are _b and _y where two sequences were multiplied. One object per node
    # instead of two halves the work of the garbage collector. _cotangent is for `backward` alone.
    __slots__ = ("__weakref__", "_a", "_b", "_cotangent", "_float", "_grad", "_label", "_x", "_y", "op")

    def __init_subclass__(cls, **keywords: Any) -> None:
        raise TypeError("a Value cannot be subclassed: results of operations would be plain Values; wrap it instead")

    _float: float
    _grad: float
    _cotangent: float
    _a: Any
    _b: Any
    _x: Any
    _y: Any
    op: Primitive | None
    _label: str
    _repr_svg_: ClassVar[Callable[[Value], str | None]]  # what notebooks show; set by the module `draw`

    def __init__(self, data: Any, label: str = _UNNAMED) -> None:
        self._float = as_float(data)
        self._grad = 0.0
        self.op = None
        self._label = label if label is _UNNAMED else as_text("label", label)
        self._a = self._x = ()
        self._b = self._y = None

    @staticmethod
    def record(op: Primitive, *args: Any) -> Value:
        """The node of `op` called with `args`, numbers or Values."""
        if len(args) == 1 and args[0].__class__ is Value:
            return record_unary(op, args[0])
        operands = []
        for x in args:
            if x.__class__ is Value:
                operands.append(x._float)
            elif x.__class__ is float:
                operands.append(x)
            else:
                return _record_others(op, args)  # type: ignore[no-any-return]
        if len(args) == 2:
            (a, b), (x, y) = args, operands
            return _node(op.forward(x, y), op, a, b, x, y)
        return _node(op.forward(*operands), op, args, None, tuple(operands), None)

    def sibling(self, op: Any, result: Any, args: Any) -> Value:  # noqa: D102
        return _node(result, op, self._a, self._b, self._x, self._y)

    def operand(self, other: Any) -> Any:
        """`other` as a Value or a float, or NotImplemented if it is not a number."""
        if other.__class__ is Value or other.__class__ is float:
            return other
        try:
            return as_float(other)
        except TypeError:
            return NotImplemented

    @property
    def data(self) -> float:
        """The number. Setting it raises AttributeError unless this is a leaf: a result follows from its parents."""
        return self._float

    @data.setter
    def data(self, number: Any) -> None:
        if self.op is not None:
            raise AttributeError(f"only a leaf's data can be set; this Value is the result of {self.op.name}")
        self._float = as_float(number)
        leaves.change = object()

    @property
    def grad(self) -> float:
        """d(output)/d(self) times the seed, summed over all calls of backward() since the last zero_grad()."""
        return self._grad

    @grad.setter
    def grad(self, number: Any) -> None:
        self._grad = as_float(number)

    @property
    def label(self) -> str:
        """A name for drawings and texts."""
        return self._label

    @label.setter
    def label(self, text: str) -> None:
        self._label = as_text("label", text)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What `op` was called with: Values, and floats for constants."""
        if self._a.__class__ is tuple:
            arguments: tuple[Any, ...] = self._a if self._b is None else self._a + self._b
            return arguments
        return (self._a,) if self._b is None else (self._a, self._b)

    @property
    def operands(self) -> tuple[float, ...]:
        """The numbers that `op` was called with: the data of `arguments` at that moment."""
        if self._x.__class__ is tuple:
            operands: tuple[float, ...] = self._x if self._y is None else self._x + self._y
            return operands
        return (self._x,) if self._y is None else (self._x, self._y)

    @property
    def parents(self) -> tuple[Value, ...]:
        """The Values this one was computed from, one per use: `a * a` has the parents (a, a)."""
        return tuple([x for x in self.arguments if x.__class__ is Value])

    def local_derivatives(self) -> tuple[float, ...]:
        """∂self/∂parent for each of `parents`, at the values that the parents had when self was computed.

        >>> x = Value(3.0)
        >>> (x * x).local_derivatives()
        (3.0, 3.0)
        """
        if self.op is None:
            return ()
        return tuple([float(d) for x, d in edges(self) if x.__class__ is Value])

    def backward(self, seed: float = 1.0) -> None:
        """Add d(self)/d(node) times `seed` to `node.grad`, for self and every node it was computed from.

        In the chain rule zero times anything is zero, infinities included. Raises TypeError for a seed that is not a
        real number.

        >>> a = Value(3.0)
        >>> loss = a * a
        >>> loss.backward()
        >>> loss.backward()  # gradients add up
        >>> a.grad
        12.0
        """
        add_gradients(self, as_float(seed), partials)

    def zero_grad(self) -> None:
        """Set `grad` to 0.0 on self and every node it was computed from, leaves included.

        >>> w = Value(2.0)
        >>> loss = w * w
        >>> loss.backward()
        >>> loss.zero_grad()
        >>> w.grad
        0.0
        """
        for node in topological_order([self]):
            node._grad = 0.0

    def detach(self) -> Value:
        """A leaf with the same data and label, through which no gradient flows. See also `stop_gradient`.

        >>> x = Value(3.0)
        >>> (x * x.detach()).backward()
        >>> x.grad
        3.0
        """
        detached = Value(self._float, self.label)
        if has_variables():  # a leaf would count as a Value from outside and make derivatives Values
            become_constant(detached)
        return detached

    def pull(self, factor: Any) -> Any:
        """`factor * self` in the chain rule, where zero times anything is zero, with the factors as its derivatives: so
        a second derivative is the same whichever of its two numbers comes first."""
        product = factor * self
        if (not self or not factor) and product._float != product._float:
            product._float = 0.0
        return product

    push = pull

    # Written a second time for speed: with these operators and comparisons a node costs half as much.
    __add__, __radd__ = _operator(primitives.add)
    __sub__, __rsub__ = _operator(primitives.sub)
    __mul__, __rmul__ = _operator(primitives.mul)
    __truediv__, __rtruediv__ = _operator(primitives.div)
    _power, __rpow__ = _operator(primitives.pow)

    def __neg__(self) -> Value:
        return record_unary(primitives.neg, self)

    # `==` compares the data too, so that `loss == 0` means what it says.
    __lt__, __le__ = _comparison(operator.lt), _comparison(operator.le)
    __gt__, __ge__ = _comparison(operator.gt), _comparison(operator.ge)
    __eq__, __ne__ = _comparison(operator.eq), _comparison(operator.ne)
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return self._float != 0

    def __float__(self) -> float:
        if _is_for_a_test():
            return self._float
        raise TypeError(f"a Value cannot become a float and keep its gradient; {INSTEAD_OF_MATH}, or take x.data")

    def __int__(self) -> int:
        return int(self._float)  # of slope 0, so that no gradient is lost

    @property
    def __array__(self) -> Callable[..., Any]:
        """Test assertions see a number. Elsewhere a Value has no `__array__`, so NumPy treats it as an object."""
        if _is_for_a_test():
            return lambda dtype=None, copy=None: np.array(self._float, dtype)
        raise AttributeError

    def __repr__(self) -> str:
        op = f", op={self.op.name}" if self.op else ""
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self._float!r}, grad={self._grad!r}{op}{label})"

    def __format__(self, spec: str) -> str:
        return format(self._float, spec) if spec else str(self)

    def __copy__(self) -> Value:
        return self if is_variable(self) else _restore(*self._state())

    def __reduce__(self) -> Any:
        if is_variable(self):
            return "a variable of a function while it is differentiated"  # `copy` keeps the object, `pickle` raises
        if self.op is None or is_being_copied(self):
            return _restore, self._state()
        ancestors = Ancestors(self)
        return _after, (ancestors, *self._state()), AllCopied(ancestors)

    def __setstate__(self, state: None) -> None:
        """Do nothing: the node that `_after` returned is complete."""

    def _state(self) -> tuple[Any, ...]:
        return self._float, self._grad, self.op, self._label, self._a, self._b, self._x, self._y


numbers.Complex.register(Value)  # pytest.approx compares only these


def _is_for_a_test() -> bool:
    """Whether the caller of the caller is an assertion of NumPy's or pytest's, which only looks at the number."""
    name: str = sys._getframe(2).f_globals.get("__name__", "")
    return name.startswith(("numpy.testing", "_pytest"))


def _record_others(op: Primitive, args: tuple[Any, ...]) -> Any:
    """`Value.record` where the arguments are not all Values and floats."""
    for x in args:  # a number of another type, which accepts Values, or what consists of numbers
        if x.__class__ is not Value and (record := getattr(x, "record", None) or getattr(x, "apply_primitive", None)):
            return record(op, *args)
    caller = f"{op.name}()"
    return Value.record(op, *[x if x.__class__ is Value else as_float(x, caller) for x in args])


def record_unary(op: Primitive, x: Value) -> Value:
    """The node of `op`, a primitive of one number, called with `x`."""
    node = new_node(Value)
    node._a = x
    node._x = number = x._float
    node._b = node._y = None
    node._float = op.forward(number)
    node._grad = 0.0
    node.op = op
    node._label = ""
    return node


def _node(data: float, op: Primitive | None, a: Any, b: Any, x: Any, y: Any) -> Value:
    """A node of arguments and operands that have been checked."""
    node = new_node(Value)
    node._a = a
    node._b = b
    node._x = x
    node._y = y
    node._float = data
    node._grad = 0.0
    node.op = op
    node._label = ""
    return node


def become_constant(leaf: Value) -> None:
    """Turn a leaf, in place, into a node that was computed from a plain number."""
    leaf.op, leaf._a, leaf._x = primitives.identity, leaf._float, leaf._float


def partials(node: Value) -> Any:
    """The local derivatives of a node with respect to its arguments, as floats."""
    op, x, y = node.op, node._x, node._y
    try:
        if x.__class__ is tuple:
            return op.partials(node._float, *node.operands)  # type: ignore[union-attr]
        return op.partials(node._float, x) if y is None else op.partials(node._float, x, y)  # type: ignore[union-attr]
    except ArithmeticError:
        # Python's floats raise for 1 / 0 and 1e200 ** 2; Values follow IEEE 754.
        slopes = op.partials(Value(node._float), *map(Value, node.operands))  # type: ignore[union-attr]
        return [x._float if x.__class__ is Value else x for x in slopes]


def edges(node: Value) -> Any:
    """Pairs of an argument of a node and the local derivative with respect to it, as a float."""
    a, b = node._a, node._b
    if a.__class__ is tuple:
        return zip(node.arguments, partials(node))
    if b is None:
        return ((a, partials(node)[0]),)
    by_a, by_b = partials(node)
    return (a, by_a), (b, by_b)


def differentiable_edges(node: Value) -> Any:
    """Pairs of an argument of a node and the local derivative with respect to it, which can be differentiated again."""
    return zip(node.arguments, node.op.partials(node, *differentiable_operands(node)))  # type: ignore[union-attr]


def differentiable_operands(node: Value) -> list[Any]:
    """The arguments of a node, each with the value that it had at the call, should its data have changed since."""
    return [
        x
        if x.__class__ is float or x._float is then or x._float == then
        else _node(then, primitives.identity, x, None, then, None)
        for x, then in zip(node.arguments, node.operands)
    ]


def _restore(data: float, grad: float, op: Primitive | None, label: str, a: Any, b: Any, x: Any, y: Any) -> Value:
    node = _node(data, op, a, b, x, y)
    node._grad, node._label = grad, label
    return node


def _after(ancestors: list[Value], *state: Any) -> Value:
    return _restore(*state)
