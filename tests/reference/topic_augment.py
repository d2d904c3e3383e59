"""Each augmentation with given parameters."""

from itertools import permutations

import torch

import augment
from fixture import nchw, nhwc


def crop(draw, out):
    """Whole image, single pixels, strips and odd boxes, to the same and to other sizes."""
    x = nchw(draw.uniform(8, 12, 10, 3))
    boxes = torch.tensor(
        [[0, 0, 12, 10], [3, 2, 1, 1], [0, 9, 12, 1], [11, 0, 1, 10], [2, 1, 7, 5], [5, 4, 3, 6], [0, 0, 6, 5], [4, 3, 8, 7]]
    )
    out.put(x=nhwc(x), boxes=boxes)
    for height, width in [(12, 10), (6, 5), (9, 16)]:
        out.put_all(f"to_{height}x{width}.", {"y": nhwc(augment.crop_bicubic(x, boxes, (height, width)))})
    out.note(boxes="top, left, height, width", a=-0.75, clamp=[0, 1])


def colour(draw, out):
    """Each colour operation alone. Image 0 is grey, 1 has black, white and pure colours, the others are random."""
    x = nchw(draw.uniform(6, 5, 4, 3))
    x[0] = x[0, :1]
    corners = torch.tensor([[(i >> c) & 1 for c in range(3)] for i in range(8)], dtype=draw.dtype)
    x[1] = corners[torch.arange(20) % 8].T.reshape(3, 5, 4)
    out.put(x=nhwc(x), grayscale=nhwc(augment.grayscale(x)), flip=nhwc(augment.flip(x)))
    for name, low, high in [("brightness", 0.6, 1.4), ("contrast", 0.6, 1.4), ("saturation", 0.6, 1.4), ("hue", -0.1, 0.1)]:
        factor = draw.uniform(6, low=low, high=high)
        out.put_all(f"{name}.", {"factor": factor, "y": nhwc(getattr(augment, name)(x, factor))})
    half_turns = torch.tensor([-0.5, -0.3, 0.0, 0.2, 0.4, 0.5], dtype=draw.dtype)
    out.put_all("hue_wide.", {"factor": half_turns, "y": nhwc(augment.hue(x, half_turns))})


def jitter_orders(draw, out):
    """Image i is jittered in the i-th of the 24 orders."""
    x, orders = nchw(draw.uniform(24, 6, 5, 3)), torch.tensor(list(permutations(range(4))))
    factors = factors_of(draw, 24)
    out.put(x=nhwc(x), orders=orders, factors=factors, y=nhwc(augment.jitter(x, factors, orders)))
    out.note(columns=["brightness", "contrast", "saturation", "hue"])


def factors_of(draw, n):
    """The paper's ranges: 0.4 for the first three, 0.1 for the hue."""
    return torch.cat([draw.uniform(n, 3, low=0.6, high=1.4), draw.uniform(n, 1, low=-0.1, high=0.1)], 1)


def strong(draw, out):
    """All four steps. Image i has jitter, grey, flip switched by the bits of i."""
    n, side = 8, 16
    x = nchw(draw.uniform(n, side, side, 3))
    extent = draw.integers(n, 2, low=4, high=side + 1)
    corner = (draw.uniform(n, 2) * (side + 1 - extent)).long()
    bits = torch.arange(n)
    parameters = dict(
        boxes=torch.cat([corner, extent], 1),
        jittered=bits & 1,
        factors=factors_of(draw, n),
        orders=torch.stack([draw.distinct(4, 4) for _ in range(n)]),
        greyed=bits >> 1 & 1,
        flipped=bits >> 2 & 1,
    )
    out.put(x=nhwc(x), y=nhwc(augment.strong(x, **parameters)), **parameters)


def weak(draw, out):
    """The padded image is 8 larger; corners run over 0..=8."""
    x = nchw(draw.uniform(6, 8, 8, 3))
    corners = torch.cat([torch.tensor([[0, 0], [8, 8], [4, 4]]), draw.integers(3, 2, high=9)])
    flipped = torch.arange(6) % 2
    out.put(x=nhwc(x), corners=corners, flipped=flipped, y=nhwc(augment.weak(x, corners, flipped)))
    out.note(pad=4)


def affine(draw, out):
    """Image 0 is left as it is; the last two go beyond the ranges of training."""
    n = 8
    x = nchw(draw.uniform(n, 8, 8, 1))
    p = affine_parameters(draw, n)
    for name, value in dict(rotation=0.0, scale=1.0, shift=0.0, brightness=1.0).items():
        p[name][0] = value
    p["rotation"][-2:] = torch.tensor([1.2, -2.0], dtype=draw.dtype)
    p["shift"][-1] = torch.tensor([0.9, -0.6], dtype=draw.dtype)
    out.put(x=nhwc(x), y=nhwc(augment.affine(x, **p)), **p)


def affine_parameters(draw, *n):
    return dict(
        rotation=draw.uniform(*n, low=-0.15, high=0.15),
        scale=draw.uniform(*n, low=0.85, high=1.15),
        shift=draw.uniform(*n, 2, low=-0.2, high=0.2),
        brightness=draw.uniform(*n, low=0.8, high=1.2),
    )
