"""Ten Langevin steps from one start, in training mode (a power iteration each step), in eval mode, clipped, and with given noise."""

import copy
from dataclasses import asdict

from energy_model import EnergyNetwork
from fixture import nchw, nhwc
from networks import changed_by_forward, randomise, state
from sampler import chain
from topic_energy import narrow

CASES = {
    "train": dict(steps=10, step_size=0.2),
    "eval": dict(steps=10, step_size=0.2),
    "clipped": dict(steps=3, step_size=0.2, clip=0.1),
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
