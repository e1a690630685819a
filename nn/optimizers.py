"""The rules of optimisation: arrays of parameters and gradients in, an array of new parameters out.

The formulas and the names are PyTorch's. What the optimisers have in common is in `optimizer.py`.

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

from collections.abc import Callable
from functools import partial

import numpy as np

from nn.checks import Array, at_least_0
from nn.optimizer import Optimizer, Parameters, Setting
from nn.schedules import Schedule


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
        self._total = self._total + gradients * gradients
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
        self._mean_square = self.alpha * self._mean_square + (1 - self.alpha) * gradients * gradients
        variance = self._mean_square
        if self.centered:
            self._mean = self._mean + (1 - self.alpha) * (gradients - self._mean)
            # Where the gradient hardly changes, rounding can take the difference below 0, which has no root.
            variance = np.maximum(variance - self._mean * self._mean, 0.0)
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
        self._mean_square = beta2 * self._mean_square + (1 - beta2) * gradients * gradients
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
    the gradient, whose size cancels; here it keeps its size, even without a gradient:

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


# Below a few thousand numbers it is the count of NumPy's operations that costs time, so needless ones are left out.


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
