"""The network on tensors, the whole batch in a matrix product: JAX and PyTorch.

Layers are pairs (weight (out, in), bias (out,)); the loss is the mean squared error.
"""

import pytest


def jax():
    """JAX in double precision, set to run a kernel in the calling thread, which is its fastest way on one core."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    return jax


def torch():
    """PyTorch on one thread."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


def jax_mlp(activation, layers, X, y, on_device):
    """A function of nothing: value and gradient by `jax.jit`, called with NumPy arrays or with its own arrays."""
    module = jax()
    nonlinear = {"relu": module.nn.relu, "tanh": module.numpy.tanh}[activation]

    def loss(layers, X, y):
        for i, (weight, bias) in enumerate(layers):
            X = X @ weight.T + bias
            if i < len(layers) - 1:
                X = nonlinear(X)
        return module.numpy.mean((X[:, 0] - y) ** 2)

    step = module.jit(module.value_and_grad(loss))
    arguments = module.device_put((layers, X, y)) if on_device else (layers, X, y)
    return lambda: module.block_until_ready(step(*arguments))


def torch_mlp(activation, layers, X, y):
    """A function of nothing: value and gradient of tensors that PyTorch holds already."""
    module = torch()
    functional, nonlinear = module.nn.functional, getattr(module, activation)
    layers = [[module.tensor(array, requires_grad=True) for array in layer] for layer in layers]
    leaves = [tensor for layer in layers for tensor in layer]
    inputs, targets = module.from_numpy(X), module.from_numpy(y)

    def step():
        out = inputs
        for i, (weight, bias) in enumerate(layers):
            out = functional.linear(out, weight, bias)
            if i < len(layers) - 1:
                out = nonlinear(out)
        loss = functional.mse_loss(out[:, 0], targets)
        return loss.item(), module.autograd.grad(loss, leaves)

    return step
