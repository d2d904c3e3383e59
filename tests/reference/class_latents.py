#!/usr/bin/env python3
"""Optional: why samples of some classes of digits come out better than others, by PyTorch's networks of this folder: where the projector and the encoder
put training digits, and samples, beside the latents of the classes.

    clel sample --checkpoint runs/digits --class all --count 1000 --judge digits --out samples
    python3 tests/reference/class_latents.py runs/digits/checkpoints/step-00001500.safetensors samples/samples.safetensors

For each class: the share of images whose ĝ(f(x)) lies nearest to the latent of their own class, or of the class asked for; the mean cos(ĝ(f(x)), z) and cos(h(x), z) with that latent; the mean energy.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import encoder
import energy_model

DIGITS = Path(__file__).parents[2] / "clel/data/digits.bin"
TRAINING = 1500


def read(path):
    """The f32 arrays of a safetensors file."""
    data = open(path, "rb").read()
    length = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    entries = {name: e for name, e in header.items() if name != "__metadata__" and e["dtype"] == "F32"}
    array = lambda e: np.frombuffer(body[slice(*e["data_offsets"])], np.float32).reshape(e["shape"])
    return {name: torch.from_numpy(array(e).copy()) for name, e in entries.items()}


def load(network, weights, prefix):
    own = {name[len(prefix) :]: w for name, w in weights.items() if name.startswith(prefix)}
    result = network.load_state_dict(own, strict=False)
    missing = [name for name in result.missing_keys if "num_batches" not in name]
    assert not missing and not result.unexpected_keys, result
    return network.eval()


@torch.no_grad()
def main(checkpoint, *samples):
    weights = read(checkpoint)
    f_and_g = load(energy_model.EnergyNetwork(energy_model.PRESETS["tiny"]), weights, "ema_ebm.")
    h = load(encoder.build(encoder.PRESETS["tiny"]), weights, "ema_encoder.")
    records = np.frombuffer(DIGITS.read_bytes(), np.uint8).reshape(-1, 65)[:TRAINING]
    labels = torch.from_numpy(records[:, 0].astype(np.int64))
    digits = torch.from_numpy((records[:, 1:].astype(np.float32) + 0.5) / 17).reshape(-1, 1, 8, 8)
    latents = F.normalize(h(digits))
    classes = torch.stack([F.normalize(latents[labels == c].mean(0), dim=0) for c in range(10)])

    sets = [("training digits", digits, labels)]
    for path in samples:
        images = read(path)["samples"].permute(0, 3, 1, 2)
        sets.append((path, images, torch.arange(len(images)) // (len(images) // 10)))
    for name, images, wanted in sets:
        f, g = f_and_g(images)
        guided = F.normalize(g) @ classes.T
        nearest = guided.argmax(1)
        cosine = F.normalize(h(images)) @ classes.T
        print(f"{name}: class, images, nearest by g, cos of g, cos of h, energy")
        for c in range(10):
            own = wanted == c
            share = (nearest[own] == c).double().mean()
            print(f"  {c} {own.sum():5} {share:.2f} {guided[own, c].mean():5.2f} {cosine[own, c].mean():5.2f} {energy_model.energy(f[own]).mean():.2e}")


if __name__ == "__main__":
    main(*sys.argv[1:])
