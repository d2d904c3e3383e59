"""Layers with state: BatchNorm over several steps, spectral norm over several power iterations."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from topic_layers import record

STEPS = 4


def batchnorm(draw, out, layer, shape):
    """STEPS training steps `train.0` ..., running statistics after each, then `eval`."""
    layer.to(draw.dtype)
    with torch.no_grad():
        layer.weight.copy_(draw.normal(shape[1], scale=0.3, mean=1.0))
        layer.bias.copy_(draw.normal(shape[1], scale=0.3))
        layer.running_mean.copy_(draw.normal(shape[1], scale=0.2))
        layer.running_var.copy_(draw.uniform(shape[1], low=0.5, high=1.5))
    out.note(eps=layer.eps, momentum=layer.momentum, steps=STEPS)
    out.put_all("initial.", statistics(layer))
    for step in range(STEPS + 1):
        case = f"train.{step}" if step < STEPS else "eval"
        layer.train(step < STEPS)
        x = draw.normal(*shape, scale=1.0 + 0.2 * step, mean=0.3 * step).requires_grad_()
        y = layer(x)
        record(draw, out, case, y, {"x": x}, {"weight": layer.weight, "bias": layer.bias})
        if step < STEPS:
            out.put_all(f"{case}.", statistics(layer))


def statistics(layer):
    return {"running_mean": layer.running_mean, "running_var": layer.running_var}


def batchnorm1d(draw, out):
    batchnorm(draw, out, nn.BatchNorm1d(6), (8, 6))


def batchnorm2d(draw, out):
    batchnorm(draw, out, nn.BatchNorm2d(5), (3, 5, 4, 6))


LAYERS = {
    "conv3x3": lambda: nn.Conv2d(4, 6, 3, bias=False),
    "conv1x1": lambda: nn.Conv2d(7, 5, 1, bias=False),
    "linear": lambda: nn.Linear(9, 6, bias=False),
}


def spectral_norm(draw, out):
    """Per layer: u, v drawn -> after 15 iterations (`constructed`) -> STEPS training uses -> one use in eval mode."""
    out.note(eps=1e-12, construction_iterations=15, steps=STEPS)
    for case, make in LAYERS.items():
        layer = parametrizations.spectral_norm(make()).to(draw.dtype)
        original, norm = layer.parametrizations.weight.original, layer.parametrizations.weight[0]
        flat = original.shape[0], original[0].numel()
        with torch.no_grad():
            original.copy_(draw.normal(*original.shape, scale=flat[1] ** -0.5))
            norm._u.copy_(F.normalize(draw.normal(flat[0]), dim=0))
            norm._v.copy_(F.normalize(draw.normal(flat[1]), dim=0))
        out.put_all(f"{case}.", {"original": original, "drawn.u": norm._u, "drawn.v": norm._v})
        norm._power_method(original.detach().flatten(1), 15)
        out.put_all(f"{case}.constructed.", {"u": norm._u, "v": norm._v})
        # Far from converged again, so that each iteration is seen.
        with torch.no_grad():
            norm._u.copy_(F.normalize(norm._u + draw.normal(flat[0], scale=0.5), dim=0))
            norm._v.copy_(F.normalize(norm._v + draw.normal(flat[1], scale=0.3), dim=0))
        out.put_all(f"{case}.initial.", {"u": norm._u, "v": norm._v})
        for step in range(STEPS + 1):
            layer.train(step < STEPS)
            weight = layer.weight
            grad_weight = draw.normal(*original.shape)
            (grad_original,) = torch.autograd.grad(weight, original, grad_weight)
            sigma = torch.dot(norm._u, original.flatten(1) @ norm._v)
            tensors = dict(weight=weight, grad_weight=grad_weight, grad_original=grad_original, sigma=sigma)
            stage = f"train.{step}" if step < STEPS else "eval"
            out.put_all(f"{case}.{stage}.", {**tensors, "u": norm._u, "v": norm._v})
