"""What an optimiser is: it checks parameters and settings, counts steps, and applies a rule; the rules follow.

The settings may differ from one group of parameters to the next, and the learning rate may depend on the number of
the step. `step` takes the numbers out of the Values and puts them back; a loop that has arrays calls `update`.

A gradient of inf or nan is not caught: it makes its parameters inf or nan, and the loss shows it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from autograd_engine.primitives import as_float
from autograd_engine.value import Value
from nn.checks import Array, at_least_0, of_kind, whole_number
from nn.schedules import Schedule

Parameters: TypeAlias = "Iterable[Value] | Iterable[Mapping[str, Any]]"
"""Leaf Values, or groups of them: `[{"params": values, "lr": 0.1}, {"params": others}]`."""

Setting: TypeAlias = "float | Array"
"""A number, or an array of one number for each parameter where the groups differ."""


class Optimizer(ABC):
    """Changes `parameters`, leaf Values, along their gradients, at a learning rate `lr`.

    `lr` is a number or a `Schedule`, a function of the step's number, and may be set at any time. `settings` are
    the other numbers of the rule, which finds them as attributes. Where the parameters come in groups, a
    group may have an `lr` and settings of its own; what it does not name, it takes from the optimiser.

    Raises TypeError if a parameter is not a Value, and ValueError if there is none, if one is given twice or is the
    result of an operation, if a group names an unknown setting, or if a setting is out of its range. What a schedule
    returns is checked when its step comes.

    `state_dict()` is what it has learned so far, for a training that goes on later. A user-defined
    rule names in `remembers` the attributes, arrays of shape (n,), that it carries from one step to the next.

    A user-defined optimiser needs only a `rule`; parameters, gradients and the result are arrays (n,):

    >>> class SignDescent(Optimizer):
    ...     def rule(self, parameters, gradients, lr):
    ...         return parameters - lr * np.sign(gradients)
    >>> x = Value(3.0)
    >>> optimizer = SignDescent([x], lr=0.5)
    >>> x.grad = 40.0
    >>> optimizer.step()
    >>> optimizer, x.data
    (SignDescent(lr=0.5), 2.5)
    """

    remembers: ClassVar[tuple[str, ...]] = ()

    def __init__(self, parameters: Parameters, lr: float | Schedule, **settings: Any) -> None:
        groups = _parameter_groups(parameters, type(self).__name__)
        self.parameters = [parameter for group in groups for parameter in group["params"]]
        _check_parameters(self.parameters, type(self).__name__)
        self.steps = 0
        self._sizes = [len(group["params"]) for group in groups]
        self._rates = [_learning_rate(group.get("lr", lr)) for group in groups]
        for name in settings:
            setattr(self, name, self._spread([_setting(name, group.get(name, settings[name])) for group in groups]))
        for name in (name for group in groups for name in group if name not in ("params", "lr", *settings)):
            raise ValueError(f"a group sets {name!r}; it can set {', '.join(['lr', *settings])}")

    @property
    def lr(self) -> Any:
        """The learning rate of the next step: a number, or where groups differ an array of one per parameter.

        Setting it, to a number of at least 0 or to a schedule, sets it for all parameters.
        """
        return self.lr_of(self.steps)

    @lr.setter
    def lr(self, lr: float | Schedule) -> None:
        self._rates = [_learning_rate(lr)] * len(self._sizes)

    def lr_of(self, step: int) -> Any:
        """The learning rate of a step by its number, 0 for the first, as the settings are now."""
        return self._spread([_setting("lr", rate(step)) if callable(rate) else rate for rate in self._rates])

    @property
    def is_uniform(self) -> bool:
        """Whether all parameters are in one group."""
        return len(self._sizes) == 1

    @abstractmethod
    def rule(self, parameters: Array, gradients: Array, lr: Setting) -> Array:
        """The new parameters, all in one array of shape (n,), from the old ones and their gradients.

        `lr` is the learning rate of this step: a number, or an array like them. `self.steps` counts the steps before.
        """

    def update(self, parameters: Array, gradients: Array) -> Array:
        """Make one step on arrays of shape (n,): return the new parameters. The Values stay as they are."""
        with np.errstate(all="ignore"):  # inf and nan pass, as they do in a Value
            new = self.rule(parameters, gradients, self.lr)
        self.steps += 1
        return new

    def step(self) -> None:
        """Replace the data of every parameter by the rule's new one."""
        data = np.array([parameter.data for parameter in self.parameters])
        gradients = np.array([parameter.grad for parameter in self.parameters])
        for parameter, number in zip(self.parameters, self.update(data, gradients).tolist()):
            parameter.data = number

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for parameter in self.parameters:
            parameter.grad = 0.0

    def state_dict(self) -> dict[str, Any]:
        """The number of `steps` so far and a copy of each array that the rule remembers, such as its means.

        The settings, the learning rate and the parameters are not in it: make the optimiser with the same
        ones, load the model's state, then this one, and the training continues bit for bit.

        >>> from nn import SGD
        >>> x = Value(1.0)
        >>> x.grad, optimizer = 0.5, SGD([x], lr=0.1, momentum=0.9)
        >>> optimizer.step()
        >>> optimizer.state_dict()
        {'steps': 1, 'velocity': array([0.5])}
        """
        kept = {name: getattr(self, attribute) for name, attribute in self._remembered().items()}
        return {"steps": self.steps} | {name: array.copy() for name, array in kept.items() if array is not None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the `state_dict()` of an optimiser of the same class for as many parameters.

        All or nothing: raises ValueError or TypeError, and changes nothing, if a name is missing or unknown, or an
        array has another shape or is not of real numbers.
        """
        names, who = self._remembered(), type(self).__name__
        # What is None before the first step is left out of a state as long as it is.
        needed = ["steps", *(name for name, kept in names.items() if getattr(type(self), kept, kept) is not None)]
        problems = [f"{name} is missing" for name in needed if name not in state]
        problems += [f"{name} is not part of it" for name in state if name not in ("steps", *names)]
        if problems:
            raise ValueError(f"the state does not fit the {who}: {'; '.join(problems)}")
        steps = whole_number(f"{who}: steps", state["steps"], at_least=0)
        arrays = {name: np.asarray(state[name]) for name in names if name in state}
        for name, array in arrays.items():
            if array.dtype.kind not in "fiu" or array.shape != (len(self.parameters),):
                expected = f"{len(self.parameters)} real numbers, one for each parameter"
                raise ValueError(f"{who}: {name} must be {expected}, got {array.dtype} of shape {array.shape}")
        self.steps = steps
        for name, attribute in names.items():
            setattr(self, attribute, arrays[name].astype(np.float64) if name in arrays else None)

    def _remembered(self) -> dict[str, str]:
        """The attributes that the rule remembers, by their names in a state."""
        return {attribute.lstrip("_"): attribute for attribute in self.remembers}

    def _spread(self, values: Sequence[Any]) -> Any:
        """A setting from its value in each group: the value itself where all have the same."""
        if all(value == values[0] for value in values):
            return values[0]
        return np.repeat(np.array(values, dtype=np.float64), self._sizes, axis=0).T

    def __repr__(self) -> str:
        settings = {"lr": self.lr} | {name: x for name, x in vars(self).items() if name[0] != "_"}
        del settings["parameters"], settings["steps"]
        shown = [f"{name}={'per group' if isinstance(x, np.ndarray) else x}" for name, x in settings.items()]
        return f"{type(self).__name__}({', '.join(shown)})"


def _parameter_groups(parameters: Parameters, who: str) -> list[dict[str, Any]]:
    """The parameters as groups, dicts with a list of "params" and perhaps settings; a plain list is one group."""
    if isinstance(parameters, Value):
        raise TypeError(f"{who} needs a list of parameters, got a single Value")
    given: list[Any] = list(of_kind("parameters", parameters, Iterable))
    if not any(isinstance(item, Mapping) for item in given):
        return [{"params": given}]
    for i, group in enumerate(given):
        if not isinstance(group, Mapping) or "params" not in group:
            raise ValueError(f'group {i} must be a dict with "params", got {group!r:.60}')
    return [{**group, "params": list(group["params"])} for group in given]


def _check_parameters(parameters: list[Any], who: str) -> None:
    """Raise TypeError or ValueError unless these are leaf Values, at least one, none of them twice."""
    if not parameters:
        raise ValueError(f"{who} needs at least one parameter, got none")
    for i, parameter in enumerate(parameters):
        if not isinstance(parameter, Value):
            raise TypeError(f"parameter {i} must be a Value, got {type(parameter).__name__}")
        if parameter.op is not None:
            raise ValueError(f"parameter {i} is the result of {parameter.op.name}; only leaves can be trained")
    if len(set(parameters)) < len(parameters):
        raise ValueError(f"{who} was given a parameter twice")


def _learning_rate(lr: Any) -> float | Schedule:
    return lr if callable(lr) else at_least_0("lr", lr)


def _setting(name: str, number: Any) -> Any:
    """A setting in its range: the pair of betas, or a number of at least 0."""
    if name != "betas":
        return at_least_0(name, number)
    if len(number) != 2 or not all(0 <= as_float(beta) < 1 for beta in number):
        raise ValueError(f"betas must be two numbers from 0 to below 1, got {number!r}")
    return float(number[0]), float(number[1])
