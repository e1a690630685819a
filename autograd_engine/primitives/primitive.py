"""What a row of the table is: a primitive operation with its local derivatives.

Calling a primitive on plain numbers evaluates it. Otherwise the first argument that has a method `record` takes over
the call, so the table need not know about Values; or a method `apply_primitive`, which what consists of numbers has.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any, ClassVar

from autograd_engine.forks import Lazy, new_lock
from autograd_engine.primitives.plain import as_float
from autograd_engine.primitives.row_functions import checked_forward, checked_partials, inputs_of, module_of


class _Table(dict[str, "Primitive"]):
    """The rows by name. Iterating leaves out families, whose rows are made when they are looked up, and `apart`."""

    families: ClassVar[dict[str, Callable[[int], Primitive]]] = {}
    apart: ClassVar[dict[str, Primitive]] = {}  # rows inside of others; see `expansions`

    def __missing__(self, name: str) -> Primitive:
        stem = name.rstrip("0123456789")
        if stem == name or stem not in self.families:
            return self.apart[name]
        return self.families[stem](int(name[len(stem) :]))


PRIMITIVES = _Table()
_PLAIN = frozenset({float, bool})
_MISSING = object()


class Primitive:
    """One row of the table: an operation with its local derivatives.

    `name` is unique; `symbol` is what drawings show; `forward(*inputs)` returns a float and never raises;
    `partials(out, *inputs)` returns ∂out/∂input for each input; `composite` says that `forward` is
    written with other primitives. `derivative` is what a textbook writes for `partials`, which may be written for
    accuracy instead: for each input a formula of the inputs' names, `out` and π, or one formula of any of them where
    their number is free. It is for people; nothing computes with it. `doc` is one line, which `help` shows with the
    derivative below it. Creating a row adds it to `PRIMITIVES`.

    `forward` gets floats; `partials` gets floats, Values or symbols, and must not branch on them with `if`.

    Raises ValueError if the name is taken, except by the same module: running a notebook cell again replaces the row
    that it made before. A call raises TypeError if the number of inputs differs from what `partials` takes, or if an
    input is not a number.

    >>> cube = Primitive("cube", "x³", lambda x: x * x * x, lambda out, x: (3 * x * x,), "x to the power of 3.")
    >>> from autograd_engine import grad
    >>> cube(2), grad(cube)(2), grad(grad(cube))(2)
    (8.0, 12.0, 12.0)
    >>> del PRIMITIVES["cube"]
    """

    latex = ""
    saturates = activation = False
    module: tuple[Any, ...] | None = None

    def __init__(
        self,
        name: str,
        symbol: str,
        forward: Callable[..., float],
        partials: Callable[..., Sequence[Any]],
        doc: str,
        *,
        composite: bool = False,
        derivative: str | tuple[str, ...] = (),
    ) -> None:
        self.module = module_of(partials)
        if name in PRIMITIVES and (self.module is None or PRIMITIVES[name].module != self.module):
            raise ValueError(f"there is a primitive named {name!r} already; choose another name")
        self.name, self.symbol, self.composite = name, symbol, composite
        self.derivative = (derivative,) if isinstance(derivative, str) else derivative
        self.doc = doc
        self.__name__ = name
        inputs, self.arity = inputs_of(partials)
        self.forward, self.partials = checked_forward(name, forward), checked_partials(name, partials)
        rules = "".join(f"\n∂out/∂{x} = {formula}" for x, formula in zip(inputs, self.derivative))
        self.__doc__ = f"{doc}\n{rules}" if rules else doc
        PRIMITIVES[name] = self

    def __call__(self, x: Any = _MISSING, y: Any = _MISSING, z: Any = _MISSING, /, *more: Any, **keywords: Any) -> Any:
        """The value for plain numbers; a recorded node if an argument is a Value."""
        # Fast paths for the calls that rules make. The rest of the function does the same in up to twice the time.
        arity = self.arity
        if arity == 1:
            if y is _MISSING and not keywords:
                if x.__class__ is float:
                    return self.forward(x)
                if record := getattr(x, "record", None):
                    return record(self, x)
        elif arity == 2:
            if x.__class__ is float and y.__class__ is float and z is _MISSING and not keywords:
                return self.forward(x, y)
        elif (
            arity == 3
            and x.__class__ in _PLAIN  # for `where`, whose first input is a condition
            and y.__class__ is float
            and z.__class__ is float
            and not more
            and not keywords
        ):
            return self.forward(x, y, z)
        args = tuple([arg for arg in (x, y, z, *more) if arg is not _MISSING])
        if keywords or (len(args) != self.arity and self.arity is not None):
            args = self._bind(args, keywords)
        plain = True
        for arg in args:
            if arg.__class__ not in _PLAIN:
                if record := getattr(arg, "record", None) or getattr(arg, "apply_primitive", None):
                    return record(self, *args)
                plain = False
        if plain:
            return float(self.forward(*args))
        return float(self.forward(*[as_float(x, f"{self.name}()") for x in args]))

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Bind the primitive as a method: with `tanh` as a class attribute, `v.tanh()` is `tanh(v)`."""
        return self if instance is None else MethodType(self, instance)

    @Lazy
    def __signature__(self) -> inspect.Signature:
        """A call takes what `partials` takes after `out`."""
        inputs = inspect.signature(self.partials).parameters.values()
        return inspect.Signature([i.replace(annotation=i.empty) for i in inputs][1:])

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> Any:
        return _named, (self.name,)

    def _bind(self, args: Sequence[Any], keywords: dict[str, Any]) -> tuple[Any, ...]:
        try:
            bound = self.__signature__.bind(*args, **keywords)
        except TypeError:
            takes, given = f"{self.name}{self.__signature__}", len(args) + len(keywords)
            raise TypeError(f"{takes} was called with {given} arguments") from None
        bound.apply_defaults()
        return bound.args


def row(
    name: str,
    forward: Callable[..., float],
    partials: Callable[..., Sequence[Any]],
    doc: str,
    derivative: str | tuple[str, ...] = (),
    *,
    symbol: str = "",
    latex: str = "",
    composite: bool = False,
    saturates: bool = False,
    activation: bool = False,
) -> Primitive:
    """Make a row of this library. Tests check what it returns, so a call need not.

    `latex` is its name in LaTeX if that differs. `saturates` means that its slope vanishes gradually, which a diagnosis
    then names as the reason; `activation` means that the layers of networks accept its name.
    """
    op = Primitive(name, symbol or name, forward, partials, doc, composite=composite, derivative=derivative)
    op.forward, op.partials, op.module = forward, partials, None  # with no module, the row cannot be replaced
    op.latex, op.saturates, op.activation = latex, saturates, activation
    return op


def family(name: str, make: Callable[[int], Primitive], last: int) -> Callable[[int], Primitive]:
    """A function from m to the row name0, name1, name2, … up to `last`; each row is made once, by `make`.

    That function raises ValueError unless m is an int from 0 to `last`.
    """
    rows: dict[int, Primitive] = {}
    lock = new_lock()

    def member(m: int) -> Primitive:
        if type(m) is not int or not 0 <= m <= last:
            raise ValueError(f"{name}(m, x) needs a plain whole number m from 0 to {last}, got {m!r:.60}")
        with lock:
            if m not in rows:
                rows[m] = make(m)
                PRIMITIVES.pop(f"{name}{m}", None)
        return rows[m]

    PRIMITIVES.families[name] = member
    return member


def _named(name: str) -> Primitive:
    """Look up a row when it is unpickled."""
    try:
        return PRIMITIVES[name]
    except KeyError:
        raise LookupError(f"no primitive is named {name!r}; import the module that defines it first") from None
