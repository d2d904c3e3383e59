"""The energy networks, narrow: outputs, both energies, gradients to the image and to every parameter, train and eval."""

import copy
from dataclasses import asdict, replace

import torch
from torch import nn
from torch.nn import functional as F

import energy_model
from energy_model import DIGITS, PRESETS, EnergyNetwork, joint_energy
from fixture import nchw, nhwc
from networks import changed_by_forward, parameter_gradients, randomise, state

BETA, ALPHA = 0.5, 1.0  # a beta at which the projector's gradients matter


def narrow(name):
    """A preset with all widths divided, so that a fixture stays small."""
    small = {
        "tiny": dict(stages=((8, 1), (16, 1), (16, 1)), hidden=32, features=16),
        "resnet_small": dict(stages=((4, 1), (4, 1), (8, 1), (8, 1)), hidden=32, features=8),
        "resnet": dict(stages=((4, 2), (4, 2), (8, 2), (8, 2)), hidden=32, features=8),
        "resnet64": dict(stages=((2, 2), (4, 2), (4, 2), (8, 2), (8, 2)), hidden=32, features=8),
        "resnet_large": dict(stages=((4, 2),) * 4, hidden=32, features=8),
    }
    return replace(PRESETS[name], **small[name])


def energy_fixture(draw, out, name, images, side, act=None, **other):
    config = replace(narrow(name), **other)
    network = randomise(EnergyNetwork(config, act), draw)
    described = asdict(config) if act is None else dict(asdict(config), activation=type(act).__name__.lower())
    out.note(preset=name, config=described, alpha=ALPHA, beta=BETA, objective=objective.__doc__)
    x = nchw(draw.images(images, side=side, channels=config.channels)).requires_grad_()
    z = F.normalize(draw.normal(images, config.features))
    out.put(x=nhwc(x), z=z)
    out.put_all("initial.", state(network))
    for mode in ("train", "eval"):
        copied = copy.deepcopy(network).train(mode == "train")  # both modes start from `initial.`
        f, g = copied(x)
        e, joint = energy_model.energy(f), joint_energy(f, g, z, BETA)
        (grad_x,) = torch.autograd.grad(e.sum(), x, retain_graph=True)
        (grad_x_joint,) = torch.autograd.grad(joint.sum(), x, retain_graph=True)
        tensors = dict(f=f, g=g, energy=e, joint_energy=joint, grad_x=nhwc(grad_x), grad_x_joint=nhwc(grad_x_joint))
        out.put_all(f"{mode}.", tensors)
        out.put_all(f"{mode}.grad.", parameter_gradients(objective(e, joint), copied))
        if mode == "train":
            out.put_all("train.after.", changed_by_forward(copied))


def objective(e, joint):
    """mean(E(x, z)) + alpha * mean(E(x)^2)"""
    return joint.mean() + ALPHA * e.pow(2).mean()


def tiny(draw, out):
    energy_fixture(draw, out, "tiny", images=4, side=8)


def tiny_silu(draw, out):
    stages = ((3, 1), (6, 1), (6, 1))
    energy_fixture(draw, out, "tiny", images=3, side=8, act=nn.SiLU(), stages=stages, hidden=12, features=6)


def resnet_small(draw, out):
    energy_fixture(draw, out, "resnet_small", images=3, side=16)


def resnet_small_odd(draw, out):
    """28 → 14 → 7 → 3: the last pool leaves out a row and a column."""
    stages = ((3, 1), (3, 1), (6, 1), (6, 1))
    energy_fixture(draw, out, "resnet_small", images=2, side=28, stages=stages, hidden=16, **DIGITS)


def resnet(draw, out):
    energy_fixture(draw, out, "resnet", images=2, side=16)


def resnet_large(draw, out):
    energy_fixture(draw, out, "resnet_large", images=2, side=32)
