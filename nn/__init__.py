"""Neural networks of scalar Values: modules, losses, optimisers and training.

What programs import is in the modules of this folder, by theme. Networks are made of what is in `modules`,
`perceptrons`, `units`, `convolution` and `recurrent`; `losses`, `optimizers` and `schedules` are what trains them, and
`saving` keeps them in files and `onnx_files` exchanges them. `training` has `fit`; `datasets`, `plots` and `sklearn`
(estimators for scikit-learn) are imported by name; `command_line` and `playground` are the two programs built on them.

>>> from nn import MLP, SGD, accuracy, fit, hinge_loss
>>> model = MLP(2, [8, 1], seed=1)
>>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [-1, 1, 1, -1]
>>> history = fit(model, X, y, hinge_loss, SGD(model.parameters(), lr=0.3), epochs=50, accuracy=accuracy)
>>> history.accuracy[-1]
1.0
"""

from typing import TYPE_CHECKING

from autograd_engine.installed import attributes
from nn.convolution import AvgPool1d, AvgPool2d, Conv1d, Conv2d, Linear, MaxPool1d, MaxPool2d
from nn.initializers import (
    constant,
    kaiming_normal,
    kaiming_uniform,
    lecun_normal,
    lecun_uniform,
    xavier_normal,
    xavier_uniform,
    zeros,
)
from nn.least_squares import least_squares, scipy_problem
from nn.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    l1_loss,
    l1_penalty,
    l2_penalty,
    mean_squared_error,
    squared_error,
)
from nn.minimize import Backtracking, Descent, minimize
from nn.modules import ACTIVATIONS, Module
from nn.optimizer import Optimizer
from nn.optimizers import SGD, Adagrad, Adam, AdamW, RMSprop
from nn.perceptrons import MLP, Layer, Neuron
from nn.recurrent import GRU, LSTM, RNN, FinalState
from nn.saving import load, save
from nn.schedules import cosine_annealing, exponential_decay, in_sequence, linear_warm_up, step_decay
from nn.tensor_files import ModelFileError
from nn.training.accuracy import accuracy
from nn.training.clipping import clip_gradients
from nn.training.fit import evaluate, fit
from nn.training.history import History
from nn.units import Activation, BatchNorm, Dropout, Flatten, Perceptron, Sequential, Softmax

if TYPE_CHECKING:
    from nn.onnx_files import from_onnx, to_onnx

__getattr__ = attributes(__name__, {"from_onnx": "nn.onnx_files", "to_onnx": "nn.onnx_files"})

__all__ = ["ACTIVATIONS", "MLP", "Layer", "Module", "Neuron"]
__all__ += ["Activation", "BatchNorm", "Dropout", "Flatten", "Perceptron", "Sequential", "Softmax"]
__all__ += ["GRU", "LSTM", "RNN", "FinalState"]
__all__ += ["AvgPool1d", "AvgPool2d", "Conv1d", "Conv2d", "Linear", "MaxPool1d", "MaxPool2d"]
__all__ += ["constant", "kaiming_normal", "kaiming_uniform", "lecun_normal", "lecun_uniform"]
__all__ += ["xavier_normal", "xavier_uniform", "zeros"]
__all__ += ["binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "hinge_loss", "huber_loss"]
__all__ += ["l1_loss", "l1_penalty", "l2_penalty", "mean_squared_error", "squared_error"]
__all__ += ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop"]
__all__ += ["cosine_annealing", "exponential_decay", "in_sequence", "linear_warm_up", "step_decay"]
__all__ += ["History", "accuracy", "clip_gradients", "evaluate", "fit"]
__all__ += ["ModelFileError", "from_onnx", "load", "save", "to_onnx"]
__all__ += ["Backtracking", "Descent", "least_squares", "minimize", "scipy_problem"]
