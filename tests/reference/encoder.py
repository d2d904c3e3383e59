"""The contrastive encoders h: ResNet-18 for small images under torchvision's names, and a tiny one."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from energy_model import DIGITS, Normalize


@dataclass(frozen=True)
class EncoderConfig:
    """Widths of an encoder. Fixtures use the presets' structure with narrower widths."""

    kind: str  # "resnet18", "resnet18_7x7" (torchvision's first convolution) or "tiny"
    width: int  # channels of the first convolution
    hidden: int  # hidden width of the MLP `fc`
    latent: int  # length of the output
    channels: int = 3
    mean: tuple = (0.4914, 0.4822, 0.4465)
    std: tuple = (0.2470, 0.2435, 0.2616)


PRESETS = {
    "tiny": EncoderConfig("tiny", 32, 256, 64, **DIGITS),
    "resnet18": EncoderConfig("resnet18", 64, 2048, 128),
    "resnet18_7x7": EncoderConfig("resnet18_7x7", 64, 2048, 128),
}


class BasicBlock(nn.Module):
    """relu(shortcut(x) + bn2(conv2(relu(bn1(conv1(x)))))), He et al. 2016."""

    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        nn.init.zeros_(self.bn2.weight)  # each residual branch starts as nothing
        self.downsample = None
        if stride != 1 or c_in != c_out:
            conv = nn.Conv2d(c_in, c_out, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(c_out))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(shortcut + self.bn2(self.conv2(h)))


class ResNet18(nn.Module):
    """forward(x[N, C, H, W]) -> [N, latent], not normalised. Stage widths w, 2w, 4w, 8w; no max-pool."""

    def __init__(self, config):
        super().__init__()
        w = config.width
        side, stride = (7, 2) if config.kind == "resnet18_7x7" else (3, 1)
        conv = nn.Conv2d(config.channels, w, side, stride, side // 2, bias=False)
        self.conv1 = nn.Sequential(Normalize(config.mean, config.std), conv)
        self.bn1 = nn.BatchNorm2d(w)
        for i in range(4):
            c_in, c_out = (w if i == 0 else w * 2 ** (i - 1)), w * 2**i
            stage = nn.Sequential(BasicBlock(c_in, c_out, 1 if i == 0 else 2), BasicBlock(c_out, c_out, 1))
            self.add_module(f"layer{i + 1}", stage)
        self.fc = head(8 * w, config.hidden, config.latent)
        kaiming_fan_out(self)

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        h = self.layer4(self.layer3(self.layer2(self.layer1(h))))
        return self.fc(h.mean(dim=(2, 3)))


class TinyEncoder(nn.Module):
    """Five 3x3 BatchNorm convolutions: widths w, 2w, 2w, 4w, 4w, strides 1, 2, 1, 2, 1."""

    def __init__(self, config):
        super().__init__()
        w = config.width
        conv = nn.Conv2d(config.channels, w, 3, 1, 1, bias=False)
        self.conv1 = nn.Sequential(Normalize(config.mean, config.std), conv)
        self.bn1 = nn.BatchNorm2d(w)
        widths, strides = (w, 2 * w, 2 * w, 4 * w, 4 * w), (1, 2, 1, 2, 1)
        for i in range(1, 5):
            conv = nn.Conv2d(widths[i - 1], widths[i], 3, strides[i], 1, bias=False)
            self.add_module(f"conv{i + 1}", conv)
            self.add_module(f"bn{i + 1}", nn.BatchNorm2d(widths[i]))
        self.fc = head(4 * w, config.hidden, config.latent)
        kaiming_fan_out(self)

    def forward(self, x):
        for i in range(1, 6):
            x = F.relu(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x)))
        return self.fc(x.mean(dim=(2, 3)))


def build(config):
    return TinyEncoder(config) if config.kind == "tiny" else ResNet18(config)


def head(c_in, hidden, c_out):
    return nn.Sequential(
        nn.Linear(c_in, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, c_out)
    )


def kaiming_fan_out(network):
    """torchvision's initialisation of a ResNet's convolutions; linears keep PyTorch's default."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
