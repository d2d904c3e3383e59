#!/usr/bin/env python3
"""Features for `clel/src/features/tests.rs`: Inception-v3 by pytorch-fid 0.3.0 (with torchvision 0.29.2), and a CIFAR-10 ResNet-8
written down here after He et al. 2016 and akamaster/pytorch_resnet_cifar10.

Weights and images are a formula of their place, so that the tests make the same ones without a file.
"""

import numpy as np
import pytorch_fid.inception as fid
import torch
import torch.nn.functional as F
import torchvision


def numbers(stream, n):
    """n numbers of [0, 1): a counter through the finaliser of MurmurHash3."""
    h = np.arange(n, dtype=np.uint64) + np.uint64(stream) * np.uint64(0x9E3779B1)
    h &= np.uint64(0xFFFFFFFF)
    for shift, factor in [(16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)]:
        h ^= h >> np.uint64(shift)
        h = h * np.uint64(factor) & np.uint64(0xFFFFFFFF)
    return h.astype(np.float64) / 2**32


def state(shapes):
    """Values by name; the stream is the place among the names in alphabetical order."""
    values = {}
    for stream, name in enumerate(sorted(shapes)):
        shape = shapes[name]
        u = numbers(stream, int(np.prod(shape)))
        if len(shape) == 4:
            v = (2 * u - 1) * np.sqrt(6 / np.prod(shape[1:]))
        elif name.endswith(("running_var", "bn.weight", "bn1.weight", "bn2.weight")):
            v = 0.5 + u
        elif len(shape) == 2:
            v = 0.04 * u - 0.02
        else:
            v = u - 0.5
        values[name] = torch.from_numpy(v.astype(np.float32).reshape(shape))
    return values


def images(n, side):
    u = numbers(1000, n * side * side * 3).reshape(n, side, side, 3)  # NHWC
    smooth = u + np.arange(side)[:, None, None] / side
    return torch.from_numpy(np.floor(127.5 * smooth).astype(np.uint8)).permute(0, 3, 1, 2)


def show(name, features, logits):
    print(name, features.shape, "sums", ["%.6e" % s for s in features.double().sum(1)])
    print("  features", [["%.6e" % v for v in row[:4]] for row in features])
    print("  probabilities", [["%.6e" % v for v in row[:4]] for row in logits.softmax(1)])


torch.set_grad_enabled(False)
shapes = {k: v.shape for k, v in torchvision.models.inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False).state_dict().items()}
weights = state({k: s for k, s in shapes.items() if not k.endswith("num_batches_tracked")})
counters = {k: torch.tensor(0) for k in shapes if k.endswith("num_batches_tracked")}
fid.load_state_dict_from_url = lambda *_, **__: weights | counters
x = images(2, 20)
net = fid.InceptionV3([3]).eval()
found = net(x / 255.0)[0].flatten(1)
show("inception", found, found @ weights["fc.weight"].T)

blocks = 1
shapes = {"conv1.weight": (16, 3, 3, 3), "linear.weight": (10, 64), "linear.bias": (10,)}
norms = {"bn1": 16}
for stage, (c, o) in enumerate([(16, 16), (16, 32), (32, 64)], 1):
    for b in range(blocks):
        p = f"layer{stage}.{b}"
        shapes |= {f"{p}.conv1.weight": (o, c if b == 0 else o, 3, 3), f"{p}.conv2.weight": (o, o, 3, 3)}
        norms |= {f"{p}.bn1": o, f"{p}.bn2": o}
for p, c in norms.items():
    shapes |= {f"{p}.{k}": (c,) for k in ("weight", "bias", "running_mean", "running_var")}
w = state(shapes)


def norm(x, p):
    return F.batch_norm(x, *(w[f"{p}.{k}"] for k in ("running_mean", "running_var", "weight", "bias")))


x = images(2, 32) / 255.0
mean, std = (torch.tensor(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
h = norm(F.conv2d((x - mean) / std, w["conv1.weight"], padding=1), "bn1").relu()
for stage in (1, 2, 3):
    for b in range(blocks):
        p, stride = f"layer{stage}.{b}", 2 if stage > 1 and b == 0 else 1
        y = norm(F.conv2d(h, w[f"{p}.conv1.weight"], stride=stride, padding=1), f"{p}.bn1").relu()
        y = norm(F.conv2d(y, w[f"{p}.conv2.weight"], padding=1), f"{p}.bn2")
        if stride == 2:
            quarter = h.shape[1] * 2 // 4
            h = F.pad(h[:, :, ::2, ::2], (0, 0, 0, 0, quarter, quarter))
        h = (y + h).relu()
h = h.mean((2, 3))
show("cifar_resnet", h, h @ w["linear.weight"].T + w["linear.bias"])
