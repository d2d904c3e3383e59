"""Steps of an encoder that learns by BYOL, with every view given."""

import copy
import math
from dataclasses import asdict, replace

import torch

import encoder
import losses
import optim
from encoder import PRESETS
from fixture import nchw
from networks import randomise, state

NARROW = replace(PRESETS["tiny"], width=4, hidden=16, latent=8)
OPTIONS = dict(
    iterations=4,
    lr=0.01,
    momentum=0.9,
    weight_decay=5e-4,
    target_decay=0.9,
)


def steps(draw, out):
    """Views of step i are row i of `views`: rows j and j + n of it are of one image. The target starts as a copy."""
    o, n = OPTIONS, 6
    online = randomise(encoder.build(NARROW), draw).train()
    predictor = randomise(encoder.head(NARROW.latent, NARROW.hidden, NARROW.latent), draw).train()
    target = copy.deepcopy(online)
    out.put_all("initial.encoder.", state(online))
    out.put_all("initial.predictor.", state(predictor))
    views = draw.images(o["iterations"], 2 * n, side=8, channels=1)
    out.put(views=views)
    out.note(**o, config=asdict(NARROW))

    parameters = [*online.parameters(), *predictor.parameters()]
    sgd, schedule = optim.encoder_optimiser(
        parameters, o["lr"], o["momentum"], o["weight_decay"], o["iterations"]
    )
    found = []
    for i in range(o["iterations"]):
        x = nchw(views[i])
        with torch.no_grad():
            targets = target(x)
        loss = losses.byol(predictor(online(x)), targets)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        schedule.step()
        follow(target, online, o["target_decay"], i, o["iterations"])
        found.append(loss.detach().clone())
    out.put(loss=torch.stack(found))
    for name, network in dict(encoder=online, target=target, predictor=predictor).items():
        out.put_all(f"final.{name}.", state(network))


@torch.no_grad()
def follow(target, online, base, k, steps):
    """Parameters: decay tau = 1 - (1 - base) (cos(pi k / K) + 1) / 2 after step k of K. Buffers: copied."""
    tau = 1 - (1 - base) * (math.cos(math.pi * k / steps) + 1) / 2
    for kept, live in zip(target.parameters(), online.parameters()):
        kept.mul_(tau).add_(live, alpha=1 - tau)
    for kept, live in zip(target.buffers(), online.buffers()):
        kept.copy_(live)
