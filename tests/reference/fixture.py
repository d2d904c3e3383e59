"""How a fixture is drawn, measured against float64 and written."""

import json
import math

import numpy as np
import torch
from torch.nn import functional as F

NOISE_LIMIT = 2e-5  # of float32 against float64: a fifth of the tolerance of the parity tests
SHAKE, SHAKE_LIMIT = 3e-7, 3e-5  # relative change of every number drawn, and of what comes out


class Draws:
    """Seeded float32 numbers, cast to the precision under test, so that both precisions start equal.

    A shaken source moves each by a relative SHAKE: what then moves far, a ReLU's kink say, is no fit reference."""

    def __init__(self, seed, dtype, shaken=None):
        self.generator = torch.Generator().manual_seed(seed)
        self.dtype = dtype
        self.hand = None if shaken is None else torch.Generator().manual_seed(shaken)

    def normal(self, *shape, scale=1.0, mean=0.0):
        return self.cast(torch.randn(shape, generator=self.generator) * scale + mean)

    def uniform(self, *shape, low=0.0, high=1.0):
        return self.cast(torch.rand(shape, generator=self.generator) * (high - low) + low)

    def images(self, *leading, side, channels):
        """Smooth random fields with a little noise [..., side, side, channels]; white noise looks all alike to a network."""
        n = math.prod(leading)
        coarse = torch.rand(n, channels, 3, 3, generator=self.generator) * 1.4 - 0.2
        fine = F.interpolate(coarse, size=(side, side), mode="bicubic", align_corners=False)
        fine = fine + 0.05 * torch.randn(fine.shape, generator=self.generator)
        return self.cast(nhwc(fine.clamp(0, 1)).reshape(*leading, side, side, channels))

    def cast(self, drawn):
        drawn = drawn.to(self.dtype)
        if self.hand is not None:
            drawn = drawn * (1 + SHAKE * torch.randn(drawn.shape, generator=self.hand))
        return drawn

    def integers(self, *shape, low=0, high=2):
        return torch.randint(low, high, shape, generator=self.generator)

    def distinct(self, count, below):
        return torch.randperm(below, generator=self.generator)[:count]


class Fixture:
    """Named tensors and metadata strings of one file."""

    def __init__(self):
        self.tensors, self.metadata = {}, {}

    def put(self, **tensors):
        self.put_all("", tensors)

    def put_all(self, prefix, tensors):
        for name, value in tensors.items():
            key = f"{prefix}{name}"
            assert key not in self.tensors, f"{key} written twice"
            self.tensors[key] = value.detach().clone().contiguous()

    def note(self, **values):
        """Hyperparameters; whatever is not a string becomes JSON."""
        for name, value in values.items():
            self.metadata[name] = value if isinstance(value, str) else json.dumps(value)


def nhwc(t):
    """[N, C, H, W] -> [N, H, W, C]; leading axes before N are kept."""
    return t.movedim(-3, -1)


def nchw(t):
    return t.movedim(-1, -3)


def build(topic, seed):
    """The float32 fixture of a topic, its noise against float64 and the effect of shaking, each relative by tensor."""
    single, double = run(topic, seed, torch.float32), run(topic, seed, torch.float64)
    noise = differences(single, double)
    shaken = {}
    for hand in range(3):
        for key, value in differences(run(topic, seed, torch.float64, hand), double).items():
            shaken[key] = max(value, shaken.get(key, 0.0))
    single.note(
        torch=torch.__version__.split("+")[0],
        seed=seed,
        float32_error={key: float(f"{value:.1e}") for key, value in noise.items() if value},
    )
    return single, noise, shaken


def run(topic, seed, dtype, shaken=None):
    torch.manual_seed(seed)
    fixture = Fixture()
    topic(Draws(seed, dtype, shaken), fixture)
    return fixture


def differences(found, exact):
    """max|a - b| / max|b| for each tensor of numbers."""
    out = {}
    for key, a in found.tensors.items():
        assert torch.isfinite(a).all(), f"{key} is not finite"
        if a.is_floating_point() and a.numel():
            b = exact.tensors[key]
            difference, scale = (a.double() - b).abs().max().item(), b.abs().max().item()
            out[key] = difference / scale if scale else difference
    return out


def encode(fixture):
    """The safetensors format by hand: the library's metadata order changes from run to run."""
    header = {"__metadata__": dict(sorted(fixture.metadata.items()))}
    chunks, offset = [], 0
    for key, value in sorted(fixture.tensors.items()):
        if value.is_floating_point():
            name, array = "F32", value.numpy().astype("<f4")
        else:
            name, array = "U32", value.numpy().astype("<u4")
        data = array.tobytes()
        header[key] = {"dtype": name, "shape": list(value.shape), "data_offsets": [offset, offset + len(data)]}
        chunks.append(data)
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([np.uint64(len(text)).astype("<u8").tobytes(), text, *chunks])
