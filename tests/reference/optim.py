"""Optimisers with their schedules, and the average of a network, as the official training uses them."""

import torch


def energy_optimiser(parameters, lr, warmup):
    """Adam, betas (0, 0.999); iteration t = 0, 1, ... runs at lr * min(1, (t + 1) / warmup)."""
    adam = torch.optim.Adam(parameters, lr=lr, betas=(0.0, 0.999))
    return adam, torch.optim.lr_scheduler.LambdaLR(adam, lambda t: min(1.0, (t + 1) / warmup))


def encoder_optimiser(parameters, lr, momentum, weight_decay, iterations):
    """SGD, momentum, weight decay added to the gradient; iteration t runs at lr * (1 + cos(pi * t / iterations)) / 2."""
    sgd = torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay)
    return sgd, torch.optim.lr_scheduler.CosineAnnealingLR(sgd, iterations)


@torch.no_grad()
def update_average(average, network, iteration, batch, half_life):
    """To be called at the start of iteration 1, 2, ..., before the optimiser's step.

    Parameters: decay 0.5 ** (batch / half_life), a plain copy while iteration < half_life / batch. Buffers: copied."""
    decay = 0.0 if iteration < half_life / batch else 0.5 ** (batch / half_life)
    for kept, live in zip(average.parameters(), network.parameters()):
        kept.mul_(decay).add_(live, alpha=1 - decay)
    for kept, live in zip(average.buffers(), network.buffers()):
        kept.copy_(live)
    return decay
