"""Regenerates tests/fixtures/*.safetensors. `--check` compares with the committed files instead; names choose topics."""

import argparse
import sys
from pathlib import Path

import torch

import fixture
import topic_augment
import topic_byol
import topic_encoder
import topic_energy
import topic_layers
import topic_losses
import topic_normalisation
import topic_official
import topic_optim
import topic_sampler
import topic_training

FOLDER = Path(__file__).resolve().parent.parent / "fixtures"
TOPICS = {  # name: (function, seed)
    "conv2d": (topic_layers.conv2d, 1),
    "linear": (topic_layers.linear, 2),
    "activations": (topic_layers.activations, 3),
    "pools": (topic_layers.pools, 4),
    "batchnorm1d": (topic_normalisation.batchnorm1d, 5),
    "batchnorm2d": (topic_normalisation.batchnorm2d, 6),
    "spectral_norm": (topic_normalisation.spectral_norm, 7),
    "energy_tiny": (topic_energy.tiny, 8),
    "energy_tiny_silu": (topic_energy.tiny_silu, 32),
    "energy_resnet_small": (topic_energy.resnet_small, 9),
    "energy_resnet_small_odd": (topic_energy.resnet_small_odd, 29),
    "energy_resnet": (topic_energy.resnet, 10),
    "energy_resnet_large": (topic_energy.resnet_large, 11),
    "encoder_tiny": (topic_encoder.tiny, 12),
    "encoder_resnet18": (topic_encoder.resnet18, 110),
    "loss_energy": (topic_losses.energy, 14),
    "loss_nt_xent": (topic_losses.nt_xent, 15),
    "loss_byol": (topic_losses.byol, 30),
    "augment_crop": (topic_augment.crop, 16),
    "augment_colour": (topic_augment.colour, 17),
    "augment_jitter_orders": (topic_augment.jitter_orders, 18),
    "augment_strong": (topic_augment.strong, 19),
    "augment_weak": (topic_augment.weak, 20),
    "augment_affine": (topic_augment.affine, 21),
    "sgld": (topic_sampler.sgld, 22),
    "sgld_scheduled": (topic_sampler.scheduled, 33),
    "adam": (topic_optim.adam, 23),
    "sgd": (topic_optim.sgd, 24),
    "ema": (topic_optim.ema, 25),
    "official_resnet_small": (topic_official.resnet_small, 126),
    "official_resnet": (topic_official.resnet, 27),
    "official_resnet64": (topic_official.resnet64, 127),
    "official_resnet_large": (topic_official.resnet_large, 28),
    "byol": (topic_byol.steps, 31),
    "training": (topic_training.five_iterations, 105),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("topics", nargs="*", default=list(TOPICS), metavar="topic", help=", ".join(TOPICS))
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 unless every file is bit-equal")
    options = parser.parse_args()
    torch.backends.mkldnn.enabled = False
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    FOLDER.mkdir(exist_ok=True)
    total, wrong = 0, 0
    for name in options.topics:
        topic, seed = TOPICS[name]
        made, noise, shaken = fixture.build(topic, seed)
        data, path = fixture.encode(made), FOLDER / f"{name}.safetensors"
        worst, loosest = max(noise, key=noise.get), max(shaken, key=shaken.get)
        fit = noise[worst] <= fixture.NOISE_LIMIT and shaken[loosest] <= fixture.SHAKE_LIMIT
        if not fit:
            verdict = "ILL-CONDITIONED: choose another seed"
        elif options.check:
            verdict = "equal" if path.exists() and path.read_bytes() == data else "DIFFERS"
        else:
            verdict = "written"
            path.write_bytes(data)
        wrong += verdict not in ("equal", "written")
        total += len(data)
        print(f"{name:22} {len(made.tensors):4} tensors {len(data) / 1024:6.1f} KiB  {verdict}")
        print(f"    noise {noise[worst]:.1e} ({worst}), shaken {shaken[loosest]:.1e} ({loosest})")
    print(f"{total / 2**20:.2f} MiB in all")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
