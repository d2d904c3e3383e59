"""What the fixtures of both networks share: conditioned random parameters, state by name, training steps."""

import torch
from torch.nn import functional as F


@torch.no_grad()
def randomise(network, draw):
    """Draws every parameter and state anew, at scales that keep outputs and gradients near one.

    Nothing stays at 0 or 1, and spectral norm's vectors are two iterations from random, so that mistakes show."""
    network.to(draw.dtype)
    for name, value in network.named_parameters():
        if value.ndim > 1:
            value.copy_(draw.normal(*value.shape, scale=value[0].numel() ** -0.5))
        elif name.endswith("weight"):  # BatchNorm
            value.copy_(draw.normal(*value.shape, scale=0.2, mean=1.0))
        else:
            value.copy_(draw.normal(*value.shape, scale=0.1))
    for name, value in network.named_buffers():
        if name.endswith("running_mean"):
            value.copy_(draw.normal(*value.shape, scale=0.1))
        elif name.endswith("running_var"):
            value.copy_(draw.uniform(*value.shape, low=0.5, high=1.5))
        elif name.endswith(("_u", "_v")):
            value.copy_(F.normalize(draw.normal(*value.shape), dim=0))
    for module in network.modules():
        if hasattr(module, "parametrizations"):
            norm = module.parametrizations.weight[0]
            norm._power_method(module.parametrizations.weight.original.flatten(1), 2)
    return network


def state(network):
    """The state dict without BatchNorm's step counters."""
    return {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}


def changed_by_forward(network):
    """BatchNorm statistics and spectral-norm vectors."""
    endings = ("running_mean", "running_var", "_u", "_v")
    return {k: v for k, v in network.named_buffers() if k.endswith(endings)}


def parameter_gradients(objective, network):
    names, parameters = zip(*network.named_parameters())
    return dict(zip(names, torch.autograd.grad(objective, parameters)))
