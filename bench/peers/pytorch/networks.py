"""The networks of CLEL in PyTorch: energy network, projector, ResNet-18 encoder."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

# widths and blocks of the stages, image (side, channels), hidden width and length of f
ENERGY = {
    "tiny": ([(32, 1), (64, 1), (64, 1)], (8, 1), 256, 64),
    "resnet_small": ([(64, 1), (64, 1), (128, 1), (128, 1)], (32, 3), 2048, 128),
    "resnet": ([(128, 2), (128, 2), (256, 2), (256, 2)], (32, 3), 2048, 128),
}


def conv(c_in, c_out, kernel, bias=True):
    layer = nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=bias)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
    if bias:
        nn.init.zeros_(layer.bias)
    return spectral_norm(layer)


def mlp(c_in, hidden, c_out, bias):
    layers = [nn.Linear(c_in, hidden, bias=bias), nn.LeakyReLU(0.2), nn.Linear(hidden, c_out, bias=bias)]
    for linear in layers[::2]:
        nn.init.normal_(linear.weight, std=0.01)
        if bias:
            nn.init.zeros_(linear.bias)
    return nn.Sequential(*layers)


class Block(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.first, self.second = conv(c_in, c_out, 3), conv(c_out, c_out, 3)
        self.shortcut = nn.Identity() if c_in == c_out else conv(c_in, c_out, 1, bias=False)

    def forward(self, x):
        h = self.first(F.leaky_relu(x, 0.2))
        return self.shortcut(x) + self.second(F.leaky_relu(h, 0.2))


class Energy(nn.Module):
    """f: images [N, C, H, W] to [N, latent]; `projection` is g."""

    def __init__(self, name):
        super().__init__()
        stages, (_, channels), hidden, latent = ENERGY[name]
        width = stages[0][0]
        layers = [conv(channels, width, 3)]
        for i, (out, blocks) in enumerate(stages):
            layers += [nn.AvgPool2d(2)] if i else []
            for _ in range(blocks):
                layers.append(Block(width, out))
                width = out
        self.trunk = nn.Sequential(*layers)
        self.head = mlp(width, hidden, latent, bias=True)
        self.projection = mlp(latent, hidden, latent, bias=False)

    def forward(self, x):
        h = F.leaky_relu(self.trunk((x - 0.5) / 0.25), 0.2)
        return self.head(h.mean((2, 3)))


class EncoderBlock(nn.Module):
    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(c_out), nn.BatchNorm2d(c_out)
        nn.init.zeros_(self.bn2.weight)
        self.shortcut = nn.Identity()
        if stride != 1 or c_in != c_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out)
            )

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)) + self.shortcut(x))


class Encoder(nn.Module):
    """ResNet-18 for 32x32 images with an MLP head: [N, 3, 32, 32] to [N, 128]."""

    def __init__(self):
        super().__init__()
        layers = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
        width = 64
        for out, stride in [(64, 1), (128, 2), (256, 2), (512, 2)]:
            layers += [EncoderBlock(width, out, stride), EncoderBlock(out, out, 1)]
            width = out
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Linear(512, 2048, bias=False), nn.BatchNorm1d(2048), nn.ReLU(), nn.Linear(2048, 128)
        )

    def forward(self, x):
        return self.head(self.trunk((x - 0.5) / 0.25).mean((2, 3)))
