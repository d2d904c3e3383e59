"""The two losses of a mini-batch of n images and n model samples."""

import torch
from torch.nn import functional as F

from energy_model import energy


def energy_loss(f_pos, g_pos, f_neg, z, alpha, beta):
    """mean(E(x, z)) - mean(E(x~)) + alpha * mean(E(x)^2 + E(x~)^2); z carries no gradient. Returns (loss, parts)."""
    e_pos, e_neg = energy(f_pos), energy(f_neg)
    similarity = F.cosine_similarity(g_pos, z.detach())
    loss = (e_pos - e_neg).mean() - beta * similarity.mean() + alpha * (e_pos**2 + e_neg**2).mean()
    return loss, dict(energy_pos=e_pos, energy_neg=e_neg, similarity=similarity)


def byol(predictions, targets):
    """Grill et al. 2020, eq. 2, for both orders of the views: rows i and i + n are the two views of image i; no gradient to the targets.

    Each view's prediction is compared with the other view's target, |p/|p| - t/|t||^2 = 2 - 2 cos; sum over the orders, mean over images."""
    n = len(predictions) // 2
    p, t = F.normalize(predictions), F.normalize(targets.detach())
    one, other = (p[:n] - t[n:]).pow(2).sum(1), (p[n:] - t[:n]).pow(2).sum(1)
    return (one + other).mean()


def nt_xent(y, temperature, negatives=None):
    """SimCLR's loss over 2n views. Rows i and i + n of y are the two views of image i; neither input is normalised.

    Each anchor is compared with the other 2n - 1 views and with all of `negatives`; the loss is the mean over 2n anchors."""
    n = len(y) // 2
    y = F.normalize(y)
    others = y if negatives is None else torch.cat([y, F.normalize(negatives.detach())])
    logits = y @ others.T / temperature
    itself = torch.eye(len(y), len(others), dtype=torch.bool)
    partner = torch.arange(2 * n).roll(n)
    return F.cross_entropy(logits.masked_fill(itself, float("-inf")), partner)
