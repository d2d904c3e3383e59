"""Five whole iterations of the tiny model with every draw given."""

import copy
from dataclasses import asdict

import torch
from torch.nn import functional as F

import augment
import encoder
import losses
import optim
from energy_model import EnergyNetwork
from fixture import nchw, nhwc
from networks import randomise, state
from sampler import chain
from topic_augment import affine_parameters
from topic_encoder import NARROW
from topic_energy import narrow

ITERATIONS, BATCH, BUFFER = 5, 8, 20
OPTIONS = dict(
    iterations=ITERATIONS,
    batch=BATCH,
    steps=4,
    step_size=0.2,
    sigma=0.01,
    alpha=1.0,
    beta=0.1,
    temperature=0.2,
    ema_half_life=24,  # plain copies before iteration 3, averages from there
    energy_lr=1e-3,
    energy_warmup=3,
    encoder_lr=0.003,  # ten times smaller than the paper's: five iterations at 0.03 amplify rounding too far
    momentum=0.9,
    weight_decay=0.5,  # a thousand times the paper's, whose effect on five iterations is below the tolerance
)


def five_iterations(draw, out):
    """Draws of iteration i are row i of `images`, `indices`, `restart`, `fresh`, `noise`, `chains.*`, `latent.*`, `views.*`."""
    o = OPTIONS
    ebm = randomise(EnergyNetwork(narrow("tiny")), draw).train()
    enc = randomise(encoder.build(NARROW["tiny"]), draw).train()
    averages = {"ebm": copy.deepcopy(ebm), "encoder": copy.deepcopy(enc)}
    networks = {"ebm": ebm, "encoder": enc}
    for name, network in networks.items():
        out.put_all(f"initial.{name}.", state(network))
    out.note(**o, config=dict(ebm=asdict(narrow("tiny")), encoder=asdict(NARROW["tiny"])))

    buffer = nchw(draw.images(BUFFER, side=8, channels=1))
    given = dict(
        images=draw.images(ITERATIONS, BATCH, side=8, channels=1),
        indices=torch.stack([draw.distinct(BATCH, BUFFER) for _ in range(ITERATIONS)]),
        restart=draw.integers(ITERATIONS, BATCH),
        fresh=draw.uniform(ITERATIONS, BATCH, 8, 8, 1),
        noise=draw.normal(ITERATIONS, o["steps"], BATCH, 8, 8, 1),
    )
    latent = affine_parameters(draw, ITERATIONS, BATCH)
    views = affine_parameters(draw, ITERATIONS, 2 * BATCH)
    chains = affine_parameters(draw, ITERATIONS, BATCH)
    out.put(buffer=nhwc(buffer), **given)
    out.put_all("latent.", latent)
    out.put_all("views.", views)
    out.put_all("chains.", chains)

    adam = optim.energy_optimiser(ebm.parameters(), o["energy_lr"], o["energy_warmup"])
    sgd = optim.encoder_optimiser(
        enc.parameters(), o["encoder_lr"], o["momentum"], o["weight_decay"], o["iterations"]
    )
    log = {}
    for i in range(ITERATIONS):
        for name, network in networks.items():
            optim.update_average(averages[name], network, i + 1, BATCH, o["ema_half_life"])

        x_pos, indices = nchw(given["images"][i]), given["indices"][i]
        start = augment.choose(given["restart"][i], nchw(given["fresh"][i]), buffer[indices])
        start = augment.affine(start, **rows(chains, i))
        states, _ = chain(ebm, start, o["steps"], o["step_size"], nchw(given["noise"][i]), o["sigma"])
        x_neg = states[-1]
        buffer[indices] = x_neg

        f_pos, g_pos = ebm(x_pos)  # one power iteration for the data ...
        f_neg, g_neg = ebm(x_neg)  # ... and one for the samples
        with torch.no_grad():  # in training mode: updates BatchNorm's statistics
            z = F.normalize(enc(augment.affine(x_pos, **rows(latent, i))))
        loss_ebm, parts = losses.energy_loss(f_pos, g_pos, f_neg, z, o["alpha"], o["beta"])
        y = enc(augment.affine(torch.cat([x_pos, x_pos]), **rows(views, i)))
        loss_encoder = losses.nt_xent(y, o["temperature"], g_neg)

        rates = [optimiser.param_groups[0]["lr"] for optimiser, _ in (adam, sgd)]
        for optimiser, _ in (adam, sgd):
            optimiser.zero_grad()
        (loss_ebm + loss_encoder).backward()
        for optimiser, schedule in (adam, sgd):
            optimiser.step()
            schedule.step()

        record = dict(loss_ebm=loss_ebm, loss_encoder=loss_encoder, samples=nhwc(x_neg), **parts)
        record["rates"] = torch.tensor(rates, dtype=draw.dtype)
        for name, value in record.items():
            log.setdefault(name, []).append(value.detach().clone())
    out.put_all("log.", {name: torch.stack(values) for name, values in log.items()})
    out.put_all("final.", {"buffer": nhwc(buffer)})
    for name, network in networks.items():
        out.put_all(f"final.{name}.", state(network))
        out.put_all(f"final.{name}_average.", state(averages[name]))


def rows(parameters, i):
    return {name: value[i] for name, value in parameters.items()}
