"""Ten Langevin steps from one start, in training mode (a power iteration each step), in eval mode, clipped, and with given noise."""

import copy
import math
from dataclasses import asdict, replace

from energy_model import EnergyNetwork
from fixture import nchw, nhwc
from networks import changed_by_forward, randomise, state
from sampler import chain, langevin_step
from topic_energy import narrow

CASES = {
    "train": dict(steps=10, step_size=0.2),
    "eval": dict(steps=10, step_size=0.2),
    "clipped": dict(steps=3, step_size=0.2, clip=0.02),
    "noisy": dict(steps=3, step_size=0.2, sigma=0.05),
}


def sgld(draw, out):
    config = narrow("tiny")
    network = randomise(EnergyNetwork(config), draw)
    x = nchw(draw.images(4, side=8, channels=config.channels))
    out.note(config=asdict(config), cases=CASES)
    out.put(x=nhwc(x))
    out.put_all("initial.", state(network))
    for case, options in CASES.items():
        copied = copy.deepcopy(network).train(case != "eval")
        noises = nchw(draw.normal(options["steps"], 4, 8, 8, 1)) if case == "noisy" else None
        if noises is not None:
            out.put_all(f"{case}.", {"noise": nhwc(noises)})
        states, energies = chain(copied, x, noises=noises, **options)
        out.put_all(f"{case}.", {"states": nhwc(states), "energies": energies})
        if case != "eval":
            out.put_all(f"{case}.after.", changed_by_forward(copied))


SCHEDULED = dict(steps=6, step_size=0.2, sigma=0.05, step_size_end=0.1, noise_end=0.5)


def scheduled(draw, out):
    """Step size and noise change over the steps, from themselves to themselves times their ends; in eval mode, noise given."""
    o = SCHEDULED
    config = replace(narrow("tiny"), stages=((3, 1), (6, 1), (6, 1)), hidden=12, features=6)
    network = randomise(EnergyNetwork(config), draw).eval()
    start = nchw(draw.images(3, side=8, channels=config.channels))
    noises = nchw(draw.normal(o["steps"], 3, 8, 8, 1))
    out.note(config=asdict(config), **o)
    out.put(x=nhwc(start), noise=nhwc(noises))
    out.put_all("initial.", state(network))
    for shape, factor in SHAPES.items():
        x = start
        for k in range(o["steps"]):
            t = k / (o["steps"] - 1)
            step_size = o["step_size"] * factor(o["step_size_end"], t)
            sigma = o["sigma"] * factor(o["noise_end"], t)
            x, energies = langevin_step(network, x, step_size, noises[k], sigma)
        out.put_all(f"{shape}.", {"end": nhwc(x), "energies": energies})


SHAPES = {
    "linear": lambda end, t: (1 - t) + end * t,
    "cosine": lambda end, t: end + (1 - end) * (1 + math.cos(math.pi * t)) / 2,
    "geometric": lambda end, t: math.exp(t * math.log(end)),
}
