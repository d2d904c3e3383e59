"""The encoders, narrow: outputs, gradients of <y, grad_y> to the image and to every parameter, running statistics."""

import copy
from dataclasses import asdict, replace

import torch

import encoder
from encoder import PRESETS
from fixture import nchw, nhwc
from networks import changed_by_forward, parameter_gradients, randomise, state

NARROW = {
    "tiny": replace(PRESETS["tiny"], width=8, hidden=32, latent=16),
    "resnet18": replace(PRESETS["resnet18"], width=4, hidden=32, latent=16),
}


def encoder_fixture(draw, out, name, images, side):
    config = NARROW[name]
    network = randomise(encoder.build(config), draw)
    out.note(preset=name, config=asdict(config))
    x = nchw(draw.images(images, side=side, channels=config.channels)).requires_grad_()
    grad_y = draw.normal(images, config.latent)
    out.put(x=nhwc(x), grad_y=grad_y)
    out.put_all("initial.", state(network))
    for mode in ("train", "eval"):
        copied = copy.deepcopy(network).train(mode == "train")  # both modes start from `initial.`
        y = copied(x)
        (grad_x,) = torch.autograd.grad(y, x, grad_y, retain_graph=True)
        out.put_all(f"{mode}.", dict(y=y, grad_x=nhwc(grad_x)))
        out.put_all(f"{mode}.grad.", parameter_gradients((y * grad_y).sum(), copied))
        if mode == "train":
            out.put_all("train.after.", changed_by_forward(copied))


def tiny(draw, out):
    encoder_fixture(draw, out, "tiny", images=8, side=8)


def resnet18(draw, out):
    encoder_fixture(draw, out, "resnet18", images=8, side=16)
