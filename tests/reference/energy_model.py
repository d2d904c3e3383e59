"""The energy network f and its directional projector g, in the layout of the official checkpoints.

Lee et al., "Guiding Energy-Based Models via Contrastive Latent Variables", ICLR 2023.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


@dataclass(frozen=True)
class EnergyConfig:
    """Widths of an energy network. Fixtures use the presets' structure with narrower widths."""

    stages: tuple  # ((width, blocks), ...); every stage after the first starts with AvgPool 2
    branches: int = 1  # branch b sees the image average-pooled by 2**b
    hidden: int = 2048  # hidden width of head and projector
    features: int = 128  # length of f and of g
    channels: int = 3
    mean: tuple = (0.4914, 0.4822, 0.4465)
    std: tuple = (0.2470, 0.2435, 0.2616)


DIGITS = dict(channels=1, mean=(0.3,), std=(0.35,))

PRESETS = {
    "tiny": EnergyConfig(((32, 1), (64, 1), (64, 1)), hidden=256, features=64, **DIGITS),
    "resnet_small": EnergyConfig(((64, 1), (64, 1), (128, 1), (128, 1))),
    "resnet": EnergyConfig(((128, 2), (128, 2), (256, 2), (256, 2))),
    "resnet64": EnergyConfig(((64, 2), (128, 2), (128, 2), (256, 2), (256, 2))),
    "resnet_large": EnergyConfig(((256, 2),) * 4, branches=3),
}


class Normalize(nn.Module):
    """(x - mean) / std per channel; both are buffers, so they travel with a checkpoint."""

    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))

    def forward(self, x):
        return (x - self.mean[:, None, None]) / self.std[:, None, None]


class PreActivationBlock(nn.Module):
    """shortcut(x) + conv2(act(conv1(act(x)))); the shortcut sees x before the activation."""

    def __init__(self, c_in, c_out, act):
        super().__init__()
        self.act = act
        self.conv1 = spectral_norm(conv3x3(c_in, c_out))
        self.conv2 = spectral_norm(conv3x3(c_out, c_out))
        if c_in != c_out:
            self.shortcut = spectral_norm(initialise(nn.Conv2d(c_in, c_out, 1, bias=False)))
        else:
            self.shortcut = nn.Identity()

    def forward(self, x):
        return self.shortcut(x) + self.conv2(self.act(self.conv1(self.act(x))))


class EnergyNetwork(nn.Module):
    """forward(x[N, C, H, W]) -> f[N, features], g(f)[N, features]; E(x) = |f|^2 / 2. The paper's activation is LeakyReLU 0.2."""

    def __init__(self, config, act=None):
        super().__init__()
        self.config = config
        self.act = act or nn.LeakyReLU(0.2)
        # One branch is called `stem`, `stages`; three are `stem1`, `stages1`, ...
        self.suffixes = [""] if config.branches == 1 else [str(b + 1) for b in range(config.branches)]
        for suffix in self.suffixes:
            width = config.stages[0][0]
            stem = spectral_norm(conv3x3(config.channels, width))
            self.add_module(f"stem{suffix}", nn.Sequential(Normalize(config.mean, config.std), stem))
            self.add_module(f"stages{suffix}", stages(config.stages, self.act))
        last = config.stages[-1][0] * config.branches
        self.head = mlp(last, config.hidden, config.features, self.act, bias=True)
        self.projection = mlp(config.features, config.hidden, config.features, self.act, bias=False)

    def forward(self, x):
        pooled = []
        for b, suffix in enumerate(self.suffixes):
            seen = F.avg_pool2d(x, 2**b) if b else x
            h = getattr(self, f"stages{suffix}")(getattr(self, f"stem{suffix}")(seen))
            pooled.append(self.act(h).mean(dim=(2, 3)))
        f = self.head(torch.cat(pooled, dim=1))
        return f, self.projection(f)


def energy(f):
    """E(x) = |f(x)|^2 / 2, one value an image."""
    return f.pow(2).sum(dim=1) / 2


def joint_energy(f, g, z, beta):
    """E(x, z) = E(x) - beta * <g/|g|, z>, z already of unit length."""
    return energy(f) - beta * (F.normalize(g) * z).sum(dim=1)


def stages(widths, act):
    c_in, out = widths[0][0], []
    for i, (width, blocks) in enumerate(widths):
        parts = [nn.AvgPool2d(2)] if i else []
        for _ in range(blocks):
            parts.append(PreActivationBlock(c_in, width, act))
            c_in = width
        out.append(nn.Sequential(*parts))
    return nn.Sequential(*out)


def mlp(c_in, hidden, c_out, act, bias):
    layers = [nn.Linear(c_in, hidden, bias), act, nn.Linear(hidden, c_out, bias)]
    return nn.Sequential(*map(initialise, layers))


def conv3x3(c_in, c_out):
    return initialise(nn.Conv2d(c_in, c_out, 3, padding=1))


def initialise(layer):
    """Convolutions Kaiming-normal (fan in, gain 1), linears N(0, 0.01), biases 0."""
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="linear")
    elif isinstance(layer, nn.Linear):
        nn.init.normal_(layer.weight, 0.0, 0.01)
    if getattr(layer, "bias", None) is not None:
        nn.init.zeros_(layer.bias)
    return layer
