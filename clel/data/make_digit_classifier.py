#!/usr/bin/env python3
"""Trains the classifier of digits whose features judge samples, and writes digit_classifier.safetensors.

Made with PyTorch 2.15 on the training part of digits.bin alone: 64 → 128 → 32 → 11, ReLU, on
de-quantised images with small shifts. The eleventh kind is "no digit": uniform noise, digits with
their pixels in random order, and digits mixed half and half with noise; without it the classifier
is sure of noise too.
The last lines printed are the constants of the test in clel/src/eval/digits.rs.
"""

import pathlib

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy

here = pathlib.Path(__file__).parent
torch.manual_seed(0)
torch.set_num_threads(1)

records = np.frombuffer((here / "digits.bin").read_bytes(), np.uint8).reshape(-1, 65)
labels = torch.from_numpy(records[:, 0].astype(np.int64))
values = torch.from_numpy(records[:, 1:].astype(np.float32))
train, test = slice(0, 1500), slice(1500, None)

hidden = torch.nn.Linear(64, 128)
feature = torch.nn.Linear(128, 32)
logits = torch.nn.Linear(32, 11)
parameters = [p for layer in (hidden, feature, logits) for p in layer.parameters()]
optimiser = torch.optim.Adam(parameters, lr=2e-3, weight_decay=1e-4)
epochs = 120
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)


def features(x):
    return torch.relu(feature(torch.relu(hidden(x))))


def shifted(x):
    """Each image moved by −1, 0 or 1 pixel, mostly 0, with empty margins."""
    padded = torch.nn.functional.pad(x.view(-1, 8, 8), (1, 1, 1, 1))
    moves = torch.multinomial(torch.tensor([0.15, 0.7, 0.15]), 2 * len(x), True).view(-1, 2)
    return torch.stack([p[r : r + 8, c : c + 8] for p, (r, c) in zip(padded, moves)]).view(-1, 64)


def no_digits(x):
    """As many images that are no digits, a third of each sort."""
    noise = torch.rand_like(x)
    order = torch.rand_like(x).argsort(1)
    sorts = torch.stack([noise, x.gather(1, order), 0.5 * x + 0.5 * noise])
    return sorts[torch.arange(len(x)) % 3, torch.arange(len(x))]


for epoch in range(epochs):
    for index in torch.randperm(1500).split(100):
        x = shifted((values[index] + torch.rand(len(index), 64)) / 17)
        x = torch.cat([x, no_digits(x)])
        y = torch.cat([labels[index], torch.full((len(index),), 10)])
        loss = cross_entropy(logits(features(x)), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    schedule.step()

with torch.no_grad():
    x = (values + 0.5) / 17
    guess = logits(features(x))
    for part, name in ((train, "train"), (test, "test")):
        right = (guess[part].argmax(1) == labels[part]).sum().item()
        print(name, right, "of", len(guess[part]))
    print("torch", torch.__version__)
    print("logits of test image 0:", [round(v, 5) for v in guess[1500].tolist()])
    print("sum of all test features:", features(x[test]).double().sum().item())

names = {"hidden": hidden, "feature": feature, "logits": logits}
tensors = {}
for name, layer in names.items():
    tensors[f"{name}.weight"] = layer.weight.detach().contiguous()
    tensors[f"{name}.bias"] = layer.bias.detach().contiguous()
save_file(tensors, here / "digit_classifier.safetensors")
