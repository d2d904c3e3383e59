"""State dicts of the official model, narrow, and what it computes in eval mode: energies, latents, a chain without noise."""

from dataclasses import asdict, replace
from functools import lru_cache

import torch
from torch.nn import functional as F

import encoder
import energy_model
from energy_model import energy, joint_energy
from fixture import nchw, nhwc
from networks import randomise
from official import JointModel, keys
from sampler import chain
from topic_energy import narrow

ITERATIONS, STEPS, STEP_SIZE, BETA, CHAINS = 7, 5, 10.0, 0.5, 3


def official_fixture(draw, out, name, images, side, kind="resnet18"):
    energy_config = replace(narrow(name), hidden=16)
    encoder_config = replace(encoder.PRESETS[kind], width=2, hidden=16, latent=energy_config.features)
    model = JointModel(energy_config, encoder_config, nchw(draw.images(CHAINS, side=side, channels=3)))
    for network in (model.ebm, model.ema_ebm, model.encoder, model.ema_encoder):
        randomise(network, draw)
    model.count(ITERATIONS)
    out.note(preset=name, energy=asdict(energy_config), encoder=asdict(encoder_config), iterations=ITERATIONS)
    out.note(beta=BETA, steps=STEPS, step_size=STEP_SIZE, full_shapes=full_shapes(name, kind, list(keys(model))))
    out.put_all("state.", model.state_dict())
    x = nchw(draw.images(images, side=side, channels=3))
    out.put(x=nhwc(x))
    model.eval()
    for case, ebm, encode in (("live", model.ebm, model.encoder), ("average", model.ema_ebm, model.ema_encoder)):
        f, g = ebm(x)
        z = F.normalize(encode(x))
        end = chain(ebm, x, STEPS, STEP_SIZE)[0][-1]
        results = dict(energy=energy(f), joint_energy=joint_energy(f, g, z, BETA), latent=z, chain=nhwc(end))
        out.put_all(f"{case}.", results)


@lru_cache
def full_keys(name, kind):
    """Those of the model as it is trained on CIFAR-10, and with the 7×7 convolution on CelebA at 64×64."""
    side = 32 if kind == "resnet18" else 64
    memory = torch.empty(10000, 3, side, side, device="meta")
    return keys(JointModel(energy_model.PRESETS[name], encoder.PRESETS[kind], memory))


def full_shapes(name, kind, names):
    """Their shapes, in the alphabetical order of the names, which are those of the narrow model."""
    full = full_keys(name, kind)
    assert sorted(full) == sorted(names)
    return [full[key] for key in sorted(full)]


def resnet_small(draw, out):
    official_fixture(draw, out, "resnet_small", images=2, side=16)


def resnet(draw, out):
    official_fixture(draw, out, "resnet", images=2, side=16)


def resnet64(draw, out):
    # small, but not 32×32, so that the file is, too
    official_fixture(draw, out, "resnet64", images=2, side=20, kind="resnet18_7x7")


def resnet_large(draw, out):
    official_fixture(draw, out, "resnet_large", images=2, side=32)
