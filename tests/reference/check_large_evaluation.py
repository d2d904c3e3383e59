#!/usr/bin/env python3
"""Optional: the figures of `clel eval` for 50 000 images but the kernel distance, by torch and numpy alone, in the features of a file of `clel classifier`.
The parts of the inception score are taken in the order of the images here, and drawn by the seed there: its last digits differ.

    clel classifier --data fashion --iterations 400 --out classifier.safetensors
    python3 tests/reference/check_large_evaluation.py classifier.safetensors images.safetensors
    clel eval --images images.safetensors --data fashion --split test --features classifier:classifier.safetensors --json

Makes `images.safetensors`, the first 50 000 training images of Debian's dataset-fashion-mnist, if it is not there.
"""

import gzip
import json
import os
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

N = 50_000
SETS = "/usr/share/datasets/fashion-mnist/{}-images-idx3-ubyte.gz"
BLOCK = 2000


def idx(name):
    data = gzip.open(SETS.format(name)).read()[16:]
    return np.frombuffer(data, np.uint8).reshape(-1, 28, 28, 1)


def read(path):
    """The f32 arrays of a safetensors file."""
    data = open(path, "rb").read()
    length = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header.pop("__metadata__", None)
    array = lambda e: np.frombuffer(body[slice(*e["data_offsets"])], np.float32).reshape(e["shape"])
    return {name: torch.from_numpy(array(e).copy()) for name, e in header.items()}


def bytes_of(path):
    """The 8-bit images of a safetensors file."""
    data = open(path, "rb").read()
    length = struct.unpack("<Q", data[:8])[0]
    entry, body = json.loads(data[8 : 8 + length])["images"], data[8 + length :]
    return np.frombuffer(body[slice(*entry["data_offsets"])], np.uint8).reshape(entry["shape"])


def write(path, images):
    data = np.ascontiguousarray(images).tobytes()
    header = {"images": {"dtype": "U8", "shape": images.shape, "data_offsets": [0, len(data)]}}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)


@torch.no_grad()
def features(weights, images):
    """Features [n, 128] and probabilities [n, classes]; 8-bit images are the middles of their levels."""
    found, probabilities = [], []
    for part in np.array_split(images, len(images) // 500):
        x = (torch.from_numpy(part.copy()).float().permute(0, 3, 1, 2) + 0.5) / 256
        shape = (1, -1, 1, 1)
        x = (x - weights["normalize.mean"].reshape(shape)) / weights["normalize.std"].reshape(shape)
        for i in (1, 2, 3):
            x = F.avg_pool2d(x, 2) if i > 1 else x
            x = F.conv2d(x, weights[f"conv{i}.weight"], padding=1)
            norm = [weights[f"bn{i}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
            x = F.relu(F.batch_norm(x, *norm, eps=1e-5))
        f = x.mean((2, 3))
        found.append(f.double())
        probabilities.append(F.linear(f, weights["linear.weight"], weights["linear.bias"]).double().softmax(1))
    return torch.cat(found), torch.cat(probabilities)


def frechet(a, b):
    """pytorch-fid's formula, the root's trace through symmetric matrices."""
    (m1, s1), (m2, s2) = ((x.mean(0), torch.cov(x.T)) for x in (a, b))
    w, v = torch.linalg.eigh(s1)
    half = (v * w.clamp(min=0).sqrt()) @ v.T
    roots = torch.linalg.eigvalsh(half @ s2 @ half).clamp(min=0).sqrt().sum()
    return ((m1 - m2) ** 2).sum() + s1.trace() + s2.trace() - 2 * roots


def inception_score(p):
    scores = [(q * (q.log() - q.mean(0).log())).sum(1).mean().exp() for q in p.split(len(p) // 10)]
    return torch.stack(scores).mean(), torch.stack(scores).std(unbiased=False)


def distances(a, b):
    for start in range(0, len(a), BLOCK):
        yield start, torch.cdist(a[start : start + BLOCK], b, compute_mode="use_mm_for_euclid_dist")


def radii(x):
    found = []
    for start, d in distances(x, x):
        d[torch.arange(len(d)), start + torch.arange(len(d))] = float("inf")
        found.append(d.topk(5, largest=False).values[:, [2, 4]])
    return torch.cat(found)


def manifold(samples, reference):
    of_samples, of_reference = radii(samples), radii(reference)
    precise, recalled, covered, inside = torch.zeros(len(samples), dtype=bool), [], [], 0
    for start, d in distances(reference, samples):
        r = of_reference[start : start + len(d)]
        precise |= (d <= r[:, :1]).any(0)
        recalled.append((d <= of_samples[:, 0]).any(1))
        within = d < r[:, 1:]
        inside += within.sum()
        covered.append(within.any(1))
    mean = lambda flags: torch.cat(flags).double().mean()
    return precise.double().mean(), mean(recalled), inside / (5 * len(samples)), mean(covered)


if __name__ == "__main__":
    weights, path = read(sys.argv[1]), sys.argv[2]
    if not os.path.exists(path):
        write(path, idx("train")[:N])
    images = bytes_of(path)
    (a, p), (b, _) = features(weights, images), features(weights, idx("t10k"))
    print("frechet %.12f" % frechet(a, b))
    print("inception score %.12f ± %.12f" % inception_score(p))
    print("precision %.6f, recall %.6f, density %.6f, coverage %.6f" % manifold(a, b))
