"""Augmentations with given parameters, batched: every image x[i] of x[N, C, H, W] has its own.

Colour formulas are those of torchvision.transforms.functional on tensors (checked by check_torchvision.py)."""

import torch
from torch.nn import functional as F

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)


def crop_bicubic(x, boxes, size):
    """boxes[N, 4] = (top, left, height, width) in whole pixels; bicubic (a = -0.75), no antialiasing, edges of the box repeated."""
    out = []
    for image, (top, left, height, width) in zip(x, boxes.tolist()):
        cut = image[None, :, top : top + height, left : left + width]
        out.append(F.interpolate(cut, size=size, mode="bicubic", align_corners=False))
    return torch.cat(out).clamp(0, 1)


def grey(x):
    """Luma [N, 1, H, W]; an image of one channel is its own."""
    if x.shape[1] == 1:
        return x
    r, g, b = x.unbind(1)
    return (0.2989 * r + 0.587 * g + 0.114 * b)[:, None]


def blend(x, other, factor):
    f = factor[:, None, None, None]
    return (f * x + (1 - f) * other).clamp(0, 1)


def brightness(x, factor):
    return blend(x, torch.zeros_like(x), factor)


def contrast(x, factor):
    """Blends with the mean luma of the image."""
    return blend(x, grey(x).mean(dim=(1, 2, 3), keepdim=True), factor)


def saturation(x, factor):
    """Blends with the luma of each pixel."""
    return blend(x, grey(x), factor)


def hue(x, shift):
    """Turns the hue by `shift` of a full circle, in HSV."""
    r, g, b = x.unbind(1)
    value, low = x.amax(1), x.amin(1)
    chroma = value - low
    plain = chroma == 0
    safe = torch.where(plain, torch.ones_like(chroma), chroma)
    # The sector is that of the largest channel; r wins over g wins over b.
    sector = torch.where(
        r == value, (g - b) / safe, torch.where(g == value, 2 + (b - r) / safe, 4 + (r - g) / safe)
    )
    h = torch.fmod(sector / 6 + 1, 1.0)
    h = (h + shift[:, None, None]) % 1.0
    s = chroma / torch.where(plain, torch.ones_like(value), value)
    # Each channel in closed form: value * (1 - s * clamp(min(k, 4 - k), 0, 1)), k = (n + 6h) mod 6.
    channels = []
    for n in (5, 3, 1):
        k = (n + 6 * h) % 6
        channels.append(value * (1 - s * torch.minimum(k, 4 - k).clamp(0, 1)))
    return torch.stack(channels, dim=1)


def jitter(x, factors, orders):
    """factors[N, 4] = brightness, contrast, saturation, hue shift; orders[N, 4]: which of them comes first, second, ..."""
    functions = {BRIGHTNESS: brightness, CONTRAST: contrast, SATURATION: saturation, HUE: hue}
    out = []
    for i in range(len(x)):
        image = x[i : i + 1]
        for which in orders[i].tolist():
            image = functions[which](image, factors[i : i + 1, which])
        out.append(image)
    return torch.cat(out)


def grayscale(x):
    return grey(x).expand_as(x)


def flip(x):
    """Left to right."""
    return x.flip(-1)


def choose(mask, yes, no):
    """Per image: yes where mask[N] is not 0."""
    return torch.where(mask[:, None, None, None] != 0, yes, no)


def strong(x, boxes, jittered, factors, orders, greyed, flipped):
    """Crop, then (per image) colour jitter, greyscale, flip."""
    x = crop_bicubic(x, boxes, x.shape[-2:])
    x = choose(jittered, jitter(x, factors, orders), x)
    x = choose(greyed, grayscale(x), x)
    return choose(flipped, flip(x), x)


def weak(x, corners, flipped, pad=4):
    """Reflection padding, a crop of the old size whose top left is corners[N, 2] of the padded image, flip."""
    h, w = x.shape[-2:]
    padded = F.pad(x, [pad] * 4, mode="reflect")
    cut = torch.stack([p[:, t : t + h, l : l + w] for p, (t, l) in zip(padded, corners.tolist())])
    return choose(flipped, flip(cut), cut)


def affine(x, rotation, scale, shift, brightness):
    """The tiny encoder's augmentation; zeros outside the image, bilinear, then brightness, clamped.

    In coordinates with the centre at 0 and the edges at -1 and 1, the output at p = (px, py) is the input at
    scale * R(rotation) p + shift, R = [[cos, -sin], [sin, cos]]; shift[N, 2] = (x, y)."""
    cos, sin = scale * rotation.cos(), scale * rotation.sin()
    rows = [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), x.shape, align_corners=False)
    y = F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return (y * brightness[:, None, None, None]).clamp(0, 1)
