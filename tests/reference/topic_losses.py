"""Both losses with the gradients to their inputs."""

import torch
from torch.nn import functional as F

import losses


def energy(draw, out):
    """Cases differ in alpha and beta; `paper` has the paper's values."""
    for case, alpha, beta in [("paper", 1.0, 0.01), ("strong_guide", 0.3, 0.7)]:
        inputs = {name: draw.normal(5, 6, scale=0.6).requires_grad_() for name in ("f_pos", "g_pos", "f_neg")}
        z = F.normalize(draw.normal(5, 6))
        loss, parts = losses.energy_loss(**inputs, z=z, alpha=alpha, beta=beta)
        grads = torch.autograd.grad(loss, list(inputs.values()))
        out.put_all(f"{case}.", {**inputs, "z": z, "loss": loss, **parts})
        out.put_all(f"{case}.", {f"grad_{name}": grad for name, grad in zip(inputs, grads)})
        out.note(**{case: dict(alpha=alpha, beta=beta)})


def byol(draw, out):
    """Rows i and i + n are the two views of image i; neither input is normalised. In `alone` there is one image."""
    for case, rows in [("several", 10), ("alone", 2)]:
        predictions = draw.normal(rows, 8, scale=2.0).requires_grad_()
        targets = draw.normal(rows, 8, scale=0.5)
        loss = losses.byol(predictions, targets)
        (grad_predictions,) = torch.autograd.grad(loss, predictions)
        out.put_all(f"{case}.", dict(predictions=predictions, targets=targets, loss=loss))
        out.put_all(f"{case}.", dict(grad_predictions=grad_predictions))


def nt_xent(draw, out):
    """Rows i and i + n of y are the two views of image i; y and negatives are not normalised."""
    cases = [("samples_as_negatives", 0.2, True), ("views_only", 0.2, False), ("warm", 0.7, True)]
    for case, temperature, with_samples in cases:
        y = draw.normal(10, 8, scale=2.0).requires_grad_()
        tensors = {"y": y}
        if with_samples:
            tensors["negatives"] = draw.normal(5, 8, scale=0.5)
        loss = losses.nt_xent(y, temperature, tensors.get("negatives"))
        (grad_y,) = torch.autograd.grad(loss, y)
        out.put_all(f"{case}.", {**tensors, "loss": loss, "grad_y": grad_y})
        out.note(**{case: dict(temperature=temperature)})
