"""Layers without state: y, and the gradients of <y, grad_y>."""

import torch
from torch.nn import functional as F

from fixture import nhwc


def differentiate(y, grad_y, inputs):
    """{"grad_x": ..., ...} of <y, grad_y> for named inputs."""
    grads = torch.autograd.grad(y, list(inputs.values()), grad_y)
    return {f"grad_{name}": grad for name, grad in zip(inputs, grads)}


def record(draw, out, case, y, images, others=()):
    """Writes y, its cotangent, the inputs and their gradients under `case.`; images turn to NHWC."""
    inputs = {**images, **dict(others)}
    grad_y = draw.normal(*y.shape)
    grads = differentiate(y, grad_y, inputs)
    found = {"y": y, "grad_y": grad_y, **inputs, **grads}
    is_image = {"y", "grad_y", *images, *(f"grad_{name}" for name in images)}
    tensors = {k: nhwc(v) if k in is_image and v.ndim == 4 else v for k, v in found.items()}
    out.put_all(f"{case}.", tensors)


CONVOLUTIONS = {
    # case: (n, c_in, h, w, c_out, kernel, stride, pad, bias)
    "k3s1p1": (2, 5, 7, 6, 4, 3, 1, 1, True),
    "k3s2p1": (2, 4, 9, 8, 6, 3, 2, 1, False),
    "k3s1p0": (1, 3, 5, 8, 7, 3, 1, 0, True),
    "k1s1p0": (3, 6, 4, 5, 8, 1, 1, 0, False),
    "k1s2p0": (2, 8, 7, 8, 5, 1, 2, 0, True),
    "k5s3p2": (1, 2, 11, 10, 3, 5, 3, 2, True),
    "wide": (2, 32, 8, 8, 32, 3, 1, 1, True),
}


def conv2d(draw, out):
    for case, (n, c_in, h, w, c_out, k, stride, pad, bias) in CONVOLUTIONS.items():
        x = draw.normal(n, c_in, h, w).requires_grad_()
        weight = draw.normal(c_out, c_in, k, k, scale=(c_in * k * k) ** -0.5).requires_grad_()
        others = {"weight": weight}
        if bias:
            others["bias"] = draw.normal(c_out).requires_grad_()
        y = F.conv2d(x, weight, others.get("bias"), stride, pad)
        record(draw, out, case, y, {"x": x}, others)
        out.note(**{case: dict(stride=stride, pad=pad, bias=bias)})


def linear(draw, out):
    for case, (n, c_in, c_out, bias) in {"bias": (5, 7, 9, True), "plain": (1, 64, 33, False)}.items():
        x = draw.normal(n, c_in).requires_grad_()
        others = {"weight": draw.normal(c_out, c_in, scale=c_in**-0.5).requires_grad_()}
        if bias:
            others["bias"] = draw.normal(c_out).requires_grad_()
        record(draw, out, case, F.linear(x, others["weight"], others.get("bias")), {"x": x}, others)
        out.note(**{case: dict(bias=bias)})


def activations(draw, out):
    cases = {"leaky_relu": lambda x: F.leaky_relu(x, 0.2), "relu": F.relu, "silu": F.silu}
    for case, function in cases.items():
        x = draw.normal(3, 4, 5, 2, scale=2.0).requires_grad_()
        record(draw, out, case, function(x), {"x": x})
    # later than the others, so that these keep their draws; GELU by its tanh formula, softplus linear above 20
    smooth = {"elu": F.elu, "gelu": lambda x: F.gelu(x, approximate="tanh"), "softplus": F.softplus}
    for case, function in smooth.items():
        x = draw.normal(3, 4, 5, 2, scale=2.0).requires_grad_()
        record(draw, out, case, function(x), {"x": x})
    x = torch.tensor([-90.0, -20.0, -1e-3, 1e-3, 19.0, 21.0, 90.0], dtype=draw.dtype)
    for case, function in {**cases, **smooth}.items():
        record(draw, out, f"far.{case}", function(x.requires_grad_()), {"x": x})
    out.note(leaky_relu=dict(slope=0.2))


POOLS = {
    # case: (function, h, w, kernel, stride, pad); the average counts the padding's zeros
    "average_k2s2p0": (F.avg_pool2d, 8, 6, 2, 2, 0),
    "average_k2s2p0_odd": (F.avg_pool2d, 7, 9, 2, 2, 0),
    "average_k3s2p1": (F.avg_pool2d, 7, 8, 3, 2, 1),
    "maximum_k2s2p0": (F.max_pool2d, 8, 6, 2, 2, 0),
    "maximum_k3s2p1": (F.max_pool2d, 7, 8, 3, 2, 1),
}


def pools(draw, out):
    for case, (function, h, w, kernel, stride, pad) in POOLS.items():
        x = draw.normal(2, 3, h, w).requires_grad_()
        record(draw, out, case, function(x, kernel, stride, pad), {"x": x})
        out.note(**{case: dict(kernel=kernel, stride=stride, pad=pad)})
    x = draw.normal(2, 5, 4, 3).requires_grad_()
    record(draw, out, "global_average", x.mean(dim=(2, 3)), {"x": x})
