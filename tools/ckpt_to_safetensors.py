#!/usr/bin/env python3
"""Takes the state dict out of a PyTorch checkpoint and saves it as safetensors, for `clel import` and `clel eval`.

    python3 tools/ckpt_to_safetensors.py logs/cifar10/last.ckpt official.safetensors

The same for Inception-v3's weights (`clel eval --features inception:FILE`), from the file that pytorch-fid downloads:

    python3 tools/ckpt_to_safetensors.py pt_inception-2015-12-05-6726825d.pth inception.safetensors

Reads what the official implementation saves (`model` beside optimisers and counters), what Lightning saves
(`state_dict`), and plain state dicts. Needs torch and safetensors.
"""

import argparse
import os
import pickle
import sys

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file


def state_dict(loaded):
    for key in ("model", "state_dict"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not loaded or not all(torch.is_tensor(v) for v in loaded.values()):
        raise SystemExit("error: no state dict here: expected tensors by name, alone or under `model` or `state_dict`")
    return loaded


def check_kind(path):
    """Refuses what `torch.save` has not written: that is a ZIP archive, or in old versions a pickle or a tar archive."""
    try:
        with open(path, "rb") as file:
            start = file.read(512)
    except OSError as error:
        sys.exit(f"error: {path} cannot be read: {error.strerror}")
    if start[:4] != b"PK\x03\x04" and start[:1] != b"\x80" and start[257:262] != b"ustar":
        sys.exit(f"error: {path} is no PyTorch checkpoint: it begins with {start[:8]!r}, neither a ZIP archive nor a pickle")


def check_new(path):
    """Refuses a file that is there already, and one in a folder that is not: before the checkpoint is read."""
    if os.path.lexists(path):
        sys.exit(f"error: {path} exists already; choose another file")
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        sys.exit(f"error: {path} cannot be written: there is no folder {folder}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("out")
    parser.add_argument("--strip", default="", metavar="PREFIX", help="take only names with this beginning, without it: `model.`")
    parser.add_argument("--trust", action="store_true", help="unpickle anything: only for files from people you trust")
    options = parser.parse_args()
    check_kind(options.checkpoint)
    check_new(options.out)
    try:
        loaded = torch.load(options.checkpoint, map_location="cpu", weights_only=not options.trust)
    except pickle.UnpicklingError as error:
        sys.exit(f"error: {options.checkpoint} holds more than arrays; if you trust its source, add --trust\n  {str(error)[:300]}")
    except (OSError, EOFError, RuntimeError) as error:
        sys.exit(f"error: {options.checkpoint} is no PyTorch checkpoint: {error or type(error).__name__}")
    state = state_dict(loaded)
    chosen = {name[len(options.strip) :]: value for name, value in state.items() if name.startswith(options.strip)}
    if not chosen:
        known = ", ".join(list(state)[:5])
        sys.exit(f"error: no name in {options.checkpoint} begins with {options.strip} (--strip); its first are {known}")
    # arrays that share memory, or are views, are written out one by one
    try:
        save_file({name: value.detach().clone().contiguous() for name, value in chosen.items()}, options.out)
    except (OSError, SafetensorError) as error:
        sys.exit(f"error: {options.out} cannot be written: {error}")
    print(f"{len(chosen)} arrays, {sum(v.numel() for v in chosen.values()):,} numbers -> {options.out}")


if __name__ == "__main__":
    main()
