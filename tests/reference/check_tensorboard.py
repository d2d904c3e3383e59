"""Reads the event files of a run back with TensorBoard's own package, and compares them with what the run directory holds besides.

    pip install tensorboard
    cargo run -p clel --release -- train --steps 200 --out /tmp/run --set log.grid_every=50 --set log.checkpoint_every=50
    python3 tests/reference/check_tensorboard.py /tmp/run

Scalars must be the numbers in metrics.jsonl, images the bytes of the PNG files, histograms of weights the distributions of the arrays in
the checkpoints, histograms of energies have the mean that metrics.jsonl tells. Last run with tensorboard 2.21.0.
"""

import json
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def arrays(path):
    """The f32 arrays of a safetensors file, by name."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    for name, known in header.items():
        if name != "__metadata__" and known["dtype"] == "F32":
            start, end = known["data_offsets"]
            yield name, struct.unpack(f"<{(end - start) // 4}f", body[start:end])


def close(a, b, scale=1.0):
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b), scale)


def main(run):
    events = EventAccumulator(str(run / "events"), size_guidance={"scalars": 0, "images": 0, "tensors": 0, "histograms": 0})
    events.Reload()
    tags = events.Tags()
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    lines = {line.pop("step"): line for line in lines if "event" not in line}

    scalars = 0
    for name in tags["scalars"]:
        for found in events.Scalars(name):
            assert close(found.value, lines[found.step][name], 0.0), (name, found)
            scalars += 1
    assert scalars == sum(len(line) for line in lines.values()), "scalars are missing"

    images = events.Images("samples")
    for found in images:
        png = (run / "samples" / f"step-{found.step:08}.png").read_bytes()
        assert found.encoded_image_string == png, found.step
        assert struct.unpack(">II", png[16:24]) == (found.width, found.height), found.step
    assert images, "no images"

    compared = 0
    for name in tags["histograms"]:
        kind, of = name.split("/", 1)
        for found in events.Histograms(name):
            h = found.histogram_value
            assert sum(h.bucket) == h.num and len(h.bucket) == len(h.bucket_limit), name
            assert list(h.bucket_limit) == sorted(h.bucket_limit) and h.bucket_limit[-1] == h.max, name
            if kind == "energies":
                assert close(h.sum / h.num, lines[found.step][f"E({of})"], 0.0), (name, found.step)
                compared += 1
                continue
            file = run / "checkpoints" / f"step-{found.step:08}.safetensors"
            # files hold a convolution's numbers in another order, which a distribution does not see
            for array, values in arrays(file) if file.exists() else []:
                if array == f"ebm.{of}":
                    assert (h.min, h.max, h.num) == (min(values), max(values), len(values)), name
                    assert close(h.sum, sum(values)) and close(h.sum_squares, sum(v * v for v in values)), name
                    left = [h.min, *h.bucket_limit[:-1]]
                    for low, high, count in zip(left, h.bucket_limit, h.bucket):
                        last = high == h.max
                        inside = sum(low <= v and (v < high or last and v <= high) for v in values)
                        # a number at the very edge of a bucket may be counted on either side
                        assert abs(inside - count) <= 2, (name, low, high, inside, count)
                    compared += 1
    energies = 2 * len(lines)
    assert compared > energies, "no weights were compared: there is no checkpoint at the step of a grid"
    print(f"{scalars} scalars, {len(images)} images, {compared} histograms: as in {run}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
