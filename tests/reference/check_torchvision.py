"""Optional: our colour formulas, bicubic crop and ResNet-18 against torchvision (needs it on the path; made with 0.29)."""

import itertools

import torch
import torchvision
from torchvision.transforms import functional as T

import augment
import encoder


def difference(ours, theirs):
    return (ours - theirs).abs().max().item()


def colours():
    x = torch.rand(16, 3, 7, 5)
    x[0] = x[0, :1]
    x[1] = (x[1] > 0.5).float()
    pairs = {
        "brightness": (augment.brightness, T.adjust_brightness, (0.3, 0.6, 1.4)),
        "contrast": (augment.contrast, T.adjust_contrast, (0.3, 0.6, 1.4)),
        "saturation": (augment.saturation, T.adjust_saturation, (0.0, 0.6, 1.4)),
        "hue": (augment.hue, T.adjust_hue, (-0.5, -0.1, 0.0, 0.07, 0.5)),
    }
    for name, (ours, theirs, factors) in pairs.items():
        worst = max(difference(ours(x, torch.full((16,), f)), theirs(x, f)) for f in factors)
        print(f"{name:12} {worst:.1e}")
        assert worst < 2e-6
    assert difference(augment.grayscale(x), T.rgb_to_grayscale(x, 3)) < 1e-6
    assert difference(augment.flip(x), T.hflip(x)) == 0
    factors = (1.3, 0.7, 0.65, -0.08)
    functions = (T.adjust_brightness, T.adjust_contrast, T.adjust_saturation, T.adjust_hue)
    worst = 0.0
    for order in itertools.permutations(range(4)):
        theirs = x
        for which in order:
            theirs = functions[which](theirs, factors[which])
        ours = augment.jitter(x, torch.tensor([factors] * 16), torch.tensor([order] * 16))
        worst = max(worst, difference(ours, theirs))
    print(f"{'24 orders':12} {worst:.1e}")
    assert worst < 4e-6


def crop():
    x = torch.rand(1, 3, 12, 10)
    for box in [(0, 0, 12, 10), (2, 1, 7, 5), (3, 3, 1, 1)]:
        options = dict(size=(12, 10), interpolation=T.InterpolationMode.BICUBIC, antialias=False)
        theirs = T.resized_crop(x, *box, **options).clamp(0, 1)
        assert difference(augment.crop_bicubic(x, torch.tensor([box]), (12, 10)), theirs) == 0
    print("crop         equal")


def resnet():
    ours = encoder.build(encoder.PRESETS["resnet18"])
    theirs = torchvision.models.resnet18(zero_init_residual=True)
    shapes = {k.replace("conv1.1.", "conv1.", 1) if k.startswith("conv1.1.") else k: v for k, v in ours.state_dict().items()}
    body = {k: v for k, v in shapes.items() if not k.startswith(("conv1.", "fc."))}
    missing = theirs.load_state_dict(body, strict=False)
    assert sorted(missing.missing_keys) == ["conv1.weight", "fc.bias", "fc.weight"] and not missing.unexpected_keys
    theirs.conv1, theirs.maxpool, theirs.fc = ours.conv1, torch.nn.Identity(), ours.fc
    x = torch.rand(3, 3, 32, 32)
    print(f"resnet18     {difference(ours.eval()(x), theirs.eval()(x)):.1e}")
    assert difference(ours(x), theirs(x)) < 1e-6


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.backends.mkldnn.enabled = False
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}")
    colours(), crop(), resnet()
