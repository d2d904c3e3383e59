"""Stochastic gradient Langevin dynamics on the marginal energy."""

import torch

from energy_model import energy


def langevin_step(network, x, step_size, noise=None, sigma=0.0, clip=None):
    """clamp(x - step_size * dE/dx + sigma * noise, 0, 1). Returns (x, energies before the step)."""
    x = x.detach().requires_grad_()
    e = energy(network(x)[0])
    (g,) = torch.autograd.grad(e.sum(), x)
    if clip is not None:
        g = g.clamp(-clip, clip)
    x = x.detach() - step_size * g
    if noise is not None:
        x = x + sigma * noise
    return x.clamp(0, 1), e.detach()


def chain(network, x, steps, step_size, noises=None, sigma=0.0, clip=None):
    """Returns the states after each step [steps, N, C, H, W] and the energies before each [steps, N]."""
    states, energies = [], []
    for k in range(steps):
        x, e = langevin_step(network, x, step_size, None if noises is None else noises[k], sigma, clip)
        states.append(x)
        energies.append(e)
    return torch.stack(states), torch.stack(energies)
