"""Optimisers: what to do with the gradients once backward() has filled them in.

How to read this file: a rule of optimisation is the method `rule`, arrays in and an array out; the formulas are
PyTorch's, and so are the names. `Optimizer` is the rest: it checks the settings, lets them differ from one group
of parameters to the next, and counts the steps, so that a learning rate can depend on them. `step` takes the
numbers out of the Values and puts them back; a loop that has arrays already calls `update`.

A gradient of inf or nan is not caught: it makes its parameters inf or nan, and the loss shows it.

>>> from autograd_engine.value import Value
>>> x = Value(1.0)
>>> optimizer = SGD([x], lr=0.1)
>>> for _ in range(100):
...     optimizer.zero_grad()
...     ((x - 5) ** 2).backward()
...     optimizer.step()
>>> round(x.data, 6)
5.0
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from nn.checks import (
    Parameters,
    Schedule,
    at_least_0,
    check_parameters,
    learning_rate,
    parameter_groups,
    setting,
    whole_number,
)

Array: TypeAlias = npt.NDArray[np.float64]

Setting: TypeAlias = "float | Array"
"""A number, or an array of one number for each parameter where the groups differ."""


class Optimizer(ABC):
    """Changes `parameters`, leaf Values, by their gradients, at a learning rate `lr`.

    `lr` is a number or a `Schedule`, a function of the step's number, and may be set at any time. `settings` are
    the other numbers of the rule; the rule finds them as attributes. Where the parameters come in groups, a
    group may have an `lr` and settings of its own; what it does not name it has from the optimiser.

    Raises TypeError where a parameter is not a Value, and ValueError where there is none, where one is given
    twice or is the result of an operation, where a group names an unknown setting, or where a setting is out
    of its range. What a schedule returns is checked when its step comes.

    `state_dict()` is what it has learned so far, for a training that goes on later. A rule of your own names in
    `remembers` the attributes, arrays of shape (n,), that it carries from one step to the next.

    An optimiser of your own is a `rule` (parameters, gradients and what it returns are arrays (n,)):

    >>> from autograd_engine import Value
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
        groups = parameter_groups(parameters, type(self).__name__)
        self.parameters = [parameter for group in groups for parameter in group["params"]]
        check_parameters(self.parameters, type(self).__name__)
        self.steps = 0
        self._sizes = [len(group["params"]) for group in groups]
        self._rates = [learning_rate(group.get("lr", lr)) for group in groups]
        for name in settings:
            setattr(self, name, self._spread([setting(name, group.get(name, settings[name])) for group in groups]))
        for name in (name for group in groups for name in group if name not in ("params", "lr", *settings)):
            raise ValueError(f"a group sets {name!r}; it can set {', '.join(['lr', *settings])}")

    @property
    def lr(self) -> Any:
        """The learning rate of the next step: a number, or where groups differ an array of one per parameter.

        Setting it, to a number of at least 0 or to a schedule, sets it for all parameters.
        """
        return self._spread([setting("lr", rate(self.steps)) if callable(rate) else rate for rate in self._rates])

    @lr.setter
    def lr(self, lr: float | Schedule) -> None:
        self._rates = [learning_rate(lr)] * len(self._sizes)

    @abstractmethod
    def rule(self, parameters: Array, gradients: Array, lr: Setting) -> Array:
        """The new parameters, all in one array of shape (n,), from the old ones and their gradients.

        `lr` is the learning rate of this step: a number, or an array like them. `self.steps` counts the steps before.
        """

    def update(self, parameters: Array, gradients: Array) -> Array:
        """Make one step on arrays of shape (n,): return the new parameters. The Values stay as they are."""
        with np.errstate(all="ignore"):  # inf and nan go their way, as they do in a Value
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

        The settings, the learning rate and the parameters are not in it: make the optimiser with the same, load the
        model's state, then this one, and the training goes on to the bit.

        >>> from autograd_engine import Value
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

        All or nothing: raises ValueError or TypeError, and changes nothing, where a name is missing or unknown, or
        where an array has another shape or is not of real numbers.
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


class SGD(Optimizer):
    """Gradient descent, with momentum, Nesterov's too, and weight decay.

    gradient <- gradient + weight_decay parameter
    velocity <- momentum velocity + (1 - dampening) gradient, in the first step the gradient itself
    parameter <- parameter - lr velocity, or with `nesterov` - lr (gradient + momentum velocity)

    Without momentum it is computed as (1 - lr weight_decay) parameter - lr gradient: with `weight_decay=1` that
    is, to the bit, the textbook rule b <- (1 - alpha) b - alpha delta. Nesterov's momentum (Sutskever, Martens,
    Dahl and Hinton, "On the importance of initialization and momentum in deep learning", 2013) needs a
    `momentum` above 0 and no `dampening`, else ValueError is raised.

    With a momentum of 0.9 the velocity grows up to ten times the gradient, and so do the steps: take a smaller `lr`.

    >>> from autograd_engine import Value
    >>> x = Value(0.0)
    >>> optimizer = SGD([x], lr=0.1, momentum=0.9)
    >>> for _ in range(3):
    ...     x.grad = -1.0
    ...     optimizer.step()
    ...     print(round(x.data, 3))
    0.1
    0.29
    0.561
    """

    momentum: Setting
    dampening: Setting
    weight_decay: Setting
    remembers = ("_velocity",)
    _velocity: Array | None = None

    def __init__(
        self,
        parameters: Parameters,
        lr: float | Schedule = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(parameters, lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay)
        if nesterov and not (np.all(self.momentum) and not np.any(self.dampening)):
            raise ValueError("nesterov needs a momentum above 0 and a dampening of 0")
        self.nesterov = nesterov

    def rule(self, parameters: Array, gradients: Array, lr: Setting) -> Array:
        """See the class."""
        if _is_zero(self.momentum):
            return (1.0 - lr * self.weight_decay) * parameters - lr * gradients
        gradients = _decayed(gradients, parameters, self.weight_decay)
        if self._velocity is None:
            self._velocity = gradients
        else:
            new = gradients if _is_zero(self.dampening) else (1.0 - self.dampening) * gradients
            self._velocity = self.momentum * self._velocity + new
        if self.nesterov:
            return parameters - lr * (gradients + self.momentum * self._velocity)
        if isinstance(self.momentum, np.ndarray):  # of some groups it may be 0
            return parameters - lr * np.where(self.momentum, self._velocity, gradients)
        return parameters - lr * self._velocity


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer, "Adaptive Subgradient Methods", 2011).

    total <- total + gradient²
    parameter <- parameter - lr / (1 + lr_decay steps before) gradient / (√total + eps)

    The total begins at `initial_accumulator_value`, the same for all groups. `weight_decay` times the parameter is
    added to the gradient.

    The total never falls, so under a steady gradient of any size the steps go down like lr / √t in step t = 1, 2, ...

    >>> from autograd_engine import Value
    >>> x = Value(0.0)
    >>> optimizer = Adagrad([x], lr=1.0)
    >>> for _ in range(4):
    ...     before, x.grad = x.data, -1000.0
    ...     optimizer.step()
    ...     print(round(x.data - before, 3))
    1.0
    0.707
    0.577
    0.5
    """

    lr_decay: Setting
    weight_decay: Setting
    eps: Setting
    remembers = ("_total",)

    def __init__(
        self,
        parameters: Parameters,
        lr: float | Schedule = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(parameters, lr, lr_decay=lr_decay, weight_decay=weight_decay, eps=eps)
        self.initial_accumulator_value = at_least_0("initial_accumulator_value", initial_accumulator_value)
        self._total: Array = np.full(len(self.parameters), self.initial_accumulator_value)

    def rule(self, parameters: Array, gradients: Array, lr: Setting) -> Array:
        """See the class."""
        gradients = _decayed(gradients, parameters, self.weight_decay)
        self._total = self._total + gradients**2
        lr = lr / (1.0 + self.steps * self.lr_decay)
        return parameters - lr * gradients / (np.sqrt(self._total) + self.eps)


class RMSprop(Optimizer):
    """RMSprop (Hinton, "Neural Networks for Machine Learning", lecture 6, 2012).

    mean_square <- alpha mean_square + (1 - alpha) gradient²
    velocity <- momentum velocity + gradient / (√mean_square + eps)
    parameter <- parameter - lr velocity

    With `centered` the square of the mean gradient is taken off mean_square (Graves, "Generating Sequences With
    Recurrent Neural Networks", 2013). `weight_decay` times the parameter is added to the gradient.

    The mean begins at 0 and nothing makes up for that, as Adam does: the first step is 1 / √(1 - alpha) times as long
    as `lr`, ten times with the default. A smaller `alpha` forgets faster.

    >>> from autograd_engine import Value
    >>> x = Value(0.0)
    >>> optimizer = RMSprop([x], lr=0.01)
    >>> x.grad = -5.0
    >>> optimizer.step()
    >>> round(x.data, 6)
    0.1
    """

    alpha: Setting
    eps: Setting
    weight_decay: Setting
    momentum: Setting
    remembers = ("_mean", "_mean_square", "_velocity")

    def __init__(
        self,
        parameters: Parameters,
        lr: float | Schedule = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(parameters, lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)
        self.centered = centered
        self._mean, self._mean_square, self._velocity = np.zeros((3, len(self.parameters)))

    def rule(self, parameters: Array, gradients: Array, lr: Setting) -> Array:
        """See the class."""
        gradients = _decayed(gradients, parameters, self.weight_decay)
        self._mean_square = self.alpha * self._mean_square + (1 - self.alpha) * gradients**2
        variance = self._mean_square
        if self.centered:
            self._mean = self._mean + (1 - self.alpha) * (gradients - self._mean)
            # Where the gradient hardly changes, rounding can take the difference below 0, which has no root.
            variance = np.maximum(variance - self._mean**2, 0.0)
        self._velocity = self.momentum * self._velocity + gradients / (np.sqrt(variance) + self.eps)
        return parameters - lr * self._velocity


class Adam(Optimizer):
    """Adam (Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015).

    mean <- beta1 mean + (1 - beta1) gradient, mean_square <- beta2 mean_square + (1 - beta2) gradient²
    parameter <- parameter - lr mean / (1 - beta1^t) / (√(mean_square / (1 - beta2^t)) + eps) in step t = 1, 2, ...

    `betas` are two numbers from 0 to below 1. `weight_decay` times the parameter is added to the gradient, or with
    `decoupled_weight_decay` the parameter is first multiplied by 1 - lr weight_decay. `amsgrad` takes the largest
    mean_square so far (Reddi, Kale and Kumar, "On the Convergence of Adam and Beyond", 2018).

    The size of a gradient cancels: `lr` is about how far each parameter moves in a step, whatever its gradient is.

    >>> from autograd_engine import Value
    >>> steep, flat = Value(1.0), Value(1.0)
    >>> optimizer = Adam([steep, flat], lr=0.1)
    >>> steep.grad, flat.grad = 1000.0, 0.001
    >>> optimizer.step()
    >>> round(steep.data, 4), round(flat.data, 4)
    (0.9, 0.9)
    """

    betas: tuple[Setting, Setting]
    eps: Setting
    weight_decay: Setting
    remembers = ("_mean", "_mean_square", "_largest")

    def __init__(
        self,
        parameters: Parameters,
        lr: float | Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay)
        self.amsgrad = amsgrad
        self.decoupled_weight_decay = decoupled_weight_decay
        self._mean, self._mean_square, self._largest = np.zeros((3, len(self.parameters)))

    def rule(self, parameters: Array, gradients: Array, lr: Setting) -> Array:
        """See the class."""
        if self.decoupled_weight_decay:
            parameters = (1.0 - lr * self.weight_decay) * parameters
        else:
            gradients = _decayed(gradients, parameters, self.weight_decay)
        beta1, beta2 = self.betas
        self._mean = beta1 * self._mean + (1 - beta1) * gradients
        self._mean_square = beta2 * self._mean_square + (1 - beta2) * gradients**2
        mean_square = self._mean_square
        if self.amsgrad:
            mean_square = self._largest = np.maximum(self._largest, mean_square)
        # Both means start at 0, which the divisions make up for.
        mean = self._mean / (1 - beta1 ** (self.steps + 1))
        deviation = np.sqrt(mean_square / (1 - beta2 ** (self.steps + 1)))
        return parameters - lr * mean / (deviation + self.eps)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019).

    The parameter is first multiplied by 1 - lr weight_decay, then moved as `Adam` moves it. There a decay is part of
    the gradient, whose size cancels; here it has the size that it is given, also where there is no gradient:

    >>> from autograd_engine import Value
    >>> decoupled, coupled = Value(1.0), Value(1.0)
    >>> AdamW([decoupled], lr=0.1, weight_decay=0.5).step()
    >>> Adam([coupled], lr=0.1, weight_decay=0.5).step()
    >>> round(decoupled.data, 4), round(coupled.data, 4)
    (0.95, 0.9)
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float | Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay=True)


# A step on a few thousand numbers takes NumPy little longer than one on ten, so it pays to leave operations out.


def _is_zero(setting: Setting) -> bool:
    """Whether a setting is 0 for all parameters."""
    return not setting.any() if isinstance(setting, np.ndarray) else setting == 0


def _decayed(gradients: Array, parameters: Array, weight_decay: Setting) -> Array:
    """The gradients with `weight_decay` times the parameters added."""
    return gradients if _is_zero(weight_decay) else gradients + weight_decay * parameters


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": SGD,
    "momentum": partial(SGD, momentum=0.9),
    "nesterov": partial(SGD, momentum=0.9, nesterov=True),
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}
