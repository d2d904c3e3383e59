"""The Langevin sampler and one iteration of training, without augmentation."""

import contextlib
import copy

import torch
from torch.nn import functional as F
from torch.nn.utils import parametrize

from networks import ENERGY, Encoder, Energy

STEP_SIZE, NOISE = 100.0, 0.001
ALPHA, BETA, TAU = 1.0, 0.01, 0.2
BUFFER, RESTART = 10_000, 0.001


def energy(f):
    return 0.5 * f.square().sum(1)


def langevin_step(network, x):
    """x <- clamp(x - 100 * grad E + 0.001 * noise, 0, 1)"""
    x = x.requires_grad_(True)
    (gradient,) = torch.autograd.grad(energy(network(x)).sum(), x)
    with torch.no_grad():
        return x.sub(gradient, alpha=STEP_SIZE).add_(torch.randn_like(x), alpha=NOISE).clamp_(0, 1)


def held(hold):
    """Within it, W/sigma is computed once (hold), or in every forward with a power iteration, as in the official code."""
    return parametrize.cached() if hold else contextlib.nullcontext()


class Trainer:
    def __init__(self, name, batch, layout, hold, steps):
        side, channels = ENERGY[name][1]
        self.batch, self.layout, self.hold, self.steps = batch, layout, hold, steps
        self.network = Energy(name).to(memory_format=layout).train()
        self.encoder = Encoder().to(memory_format=layout).train()
        self.average = copy.deepcopy(self.network), copy.deepcopy(self.encoder)
        self.adam = torch.optim.Adam(self.network.parameters(), lr=1e-4, betas=(0.0, 0.999))
        self.sgd = torch.optim.SGD(self.encoder.parameters(), lr=0.03, momentum=0.9, weight_decay=5e-4)
        self.buffer = torch.rand(BUFFER, channels, side, side)

    def iterate(self, images):
        self.update_averages()
        images = images.to(memory_format=self.layout)
        samples = self.sample()

        f, f_samples = self.network(images), self.network(samples)
        g = F.normalize(self.network.projection(f))
        with torch.no_grad():
            z = F.normalize(self.encoder(images))
            negatives = F.normalize(self.network.projection(f_samples))
        real, fake = energy(f), energy(f_samples)
        loss = (real - BETA * (g * z).sum(1)).mean() - fake.mean()
        loss = loss + ALPHA * (real.square() + fake.square()).mean()

        y = F.normalize(self.encoder(torch.cat([images, images])))
        loss = loss + contrastive(y, negatives)
        self.adam.zero_grad()
        self.sgd.zero_grad()
        loss.backward()
        self.adam.step()
        self.sgd.step()
        return loss.item()

    def sample(self):
        index = torch.randperm(BUFFER)[: self.batch]
        x = self.buffer[index]
        fresh = torch.rand(self.batch, 1, 1, 1) < RESTART
        x = torch.where(fresh, torch.rand_like(x), x).to(memory_format=self.layout)
        self.network.requires_grad_(False)
        with held(self.hold):
            for _ in range(self.steps):
                x = langevin_step(self.network, x)
        self.network.requires_grad_(True)
        self.buffer[index] = x.detach()
        return x.detach()

    @torch.no_grad()
    def update_averages(self):
        decay = 0.5 ** (self.batch / 20_000)
        for average, live in zip(self.average, (self.network, self.encoder)):
            torch._foreach_lerp_(list(average.parameters()), list(live.parameters()), 1 - decay)


def contrastive(y, negatives):
    """NT-Xent over 2n views with the samples' directions as further negatives."""
    logits = torch.cat([y @ y.T - 1e9 * torch.eye(len(y)), y @ negatives.T], 1) / TAU
    positive = torch.arange(len(y)).roll(len(y) // 2)
    return F.cross_entropy(logits, positive)
