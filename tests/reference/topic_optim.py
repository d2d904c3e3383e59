"""Twenty steps of each optimiser with its schedule on given gradients, and of the average."""

import torch
from torch import nn

import optim

STEPS = 20


def trajectory(draw, out, make):
    """parameter NAME, gradients `grad.NAME`[STEPS, ...] -> `after.NAME`[STEPS, ...] and the rate of each step."""
    # `small` has gradients near Adam's epsilon, `sparse` has exact zeros.
    parameters = {"matrix": draw.normal(6, 5), "vector": draw.normal(7), "small": draw.normal(4), "sparse": draw.normal(8)}
    grads = {k: draw.normal(STEPS, *v.shape) for k, v in parameters.items()}
    grads["small"] = grads["small"] * 1e-7
    grads["sparse"] = grads["sparse"] * (draw.uniform(STEPS, 8) < 0.3)
    out.put(**parameters)
    out.put_all("grad.", grads)
    live = {k: nn.Parameter(v.clone()) for k, v in parameters.items()}
    optimiser, schedule = make(list(live.values()))
    after, rates = {k: [] for k in live}, []
    for step in range(STEPS):
        for name, p in live.items():
            p.grad = grads[name][step].clone()
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
        for name, p in live.items():
            after[name].append(p.detach().clone())
    out.put_all("after.", {k: torch.stack(v) for k, v in after.items()})
    out.put(rates=torch.tensor(rates, dtype=draw.dtype))
    return live, optimiser


def adam(draw, out):
    live, optimiser = trajectory(draw, out, lambda p: optim.energy_optimiser(p, lr=0.02, warmup=8))
    out.put_all("second_moment.", {k: optimiser.state[p]["exp_avg_sq"] for k, p in live.items()})
    out.note(lr=0.02, betas=[0.0, 0.999], eps=1e-8, warmup=8, steps=STEPS)


def sgd(draw, out):
    options = dict(lr=0.03, momentum=0.9, weight_decay=5e-4, iterations=STEPS)
    live, optimiser = trajectory(draw, out, lambda p: optim.encoder_optimiser(p, **options))
    out.put_all("momentum.", {k: optimiser.state[p]["momentum_buffer"] for k, p in live.items()})
    out.note(**options, steps=STEPS)


class Holder(nn.Module):
    def __init__(self, parameter, buffer):
        super().__init__()
        self.parameter = nn.Parameter(parameter.clone())
        self.register_buffer("buffer", buffer.clone())


def ema(draw, out):
    """Live values `parameter`, `buffer`[STEPS, ...] seen at the start of iteration 1, 2, ... -> `average.*`, `decay`."""
    batch, half_life = 64, 640
    seen = {"parameter": draw.normal(STEPS, 5, 3), "buffer": draw.normal(STEPS, 4)}
    average = Holder(draw.normal(5, 3), draw.normal(4))
    out.put_all("initial.", average.state_dict())
    kept, decays = {"parameter": [], "buffer": []}, []
    for step in range(STEPS):
        live = Holder(seen["parameter"][step], seen["buffer"][step])
        decays.append(optim.update_average(average, live, step + 1, batch, half_life))
        for name, value in average.state_dict().items():
            kept[name].append(value.clone())
    out.put(**seen, decay=torch.tensor(decays, dtype=draw.dtype))
    out.put_all("average.", {k: torch.stack(v) for k, v in kept.items()})
    out.note(batch=batch, half_life=half_life, steps=STEPS)
