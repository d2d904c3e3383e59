"""The official implementation's whole model, as its state dict names it (github.com/hankook/CLEL, models/ebm.py, models/sampler.py)."""

import torch
from torch import nn

import encoder
from energy_model import EnergyNetwork


class Sampler(nn.Module):
    """The replay buffer `memory` [M, C, H, W], a buffer in PyTorch's sense too."""

    def __init__(self, memory):
        super().__init__()
        self.register_buffer("memory", memory)


class JointModel(nn.Module):
    """Networks, averages and replay buffer. The augmentations that the official one has as well hold no arrays."""

    def __init__(self, energy_config, encoder_config, memory):
        super().__init__()
        self.ebm, self.ema_ebm = EnergyNetwork(energy_config), EnergyNetwork(energy_config)
        self.sampler = Sampler(memory)
        self.encoder, self.ema_encoder = encoder.build(encoder_config), encoder.build(encoder_config)

    @torch.no_grad()
    def count(self, iterations):
        """What BatchNorms have counted after so many iterations: two batches each, averages one iteration behind."""
        for network, seen in ((self.encoder, iterations), (self.ema_encoder, iterations - 1)):
            for name, value in network.named_buffers():
                if name.endswith("num_batches_tracked"):
                    value.fill_(2 * seen)


def keys(model):
    """Every key of the state dict with its shape."""
    return {key: list(value.shape) for key, value in model.state_dict().items()}
