#!/usr/bin/env python3
"""Runs `clel bench` and its peers in turn on the same work, and prints a table of times and ratios.

    cargo build --release -p clel
    cargo build --release --manifest-path bench/peers/Cargo.toml --features burn,candle   (wgpu for --wgpu)
    python3 bench/peers/run.py --what step --model resnet_small,resnet --batch 16,64
    python3 bench/peers/run.py --what step,conv --gpu --precision high      a card of NVIDIA's, with Vulkan and CUDA
    python3 bench/peers/run.py --what step --gpu --precision medium --theirs tf32      of the same error, 3e-4: images stay f32

PyTorch runs in the interpreter that PEERS_PYTHON names (default python3), with this process's PYTHONPATH. A peer that is not there is left
out. Each program is a process of its own for each part of the work; they take turns, round after round, and each case counts with
its best round's median. Ratios are ours / theirs: below 1 we are faster, or smaller.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BINARIES = HERE / "target/release"
# no augmentation on either side
PLAIN = ["augmentation.encoder=none", "augmentation.ebm=none", "sampler.augmentation=none"]
# train.matmul_precision, and the same in bench.py
PRECISIONS = {"highest": "f32", "high": "tf32", "medium": "amp"}


def words(text):
    return text.split(",")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", type=words, default=words("step,conv,matmul"), help="also pointwise, array (of PyTorch) and train")
    parser.add_argument("--model", type=words, default=words("resnet_small,resnet"), help="also tiny")
    parser.add_argument("--batch", type=words, default=words("16,64"))
    parser.add_argument("--peers", type=words, default=words("pytorch,flex,ndarray,candle"))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", default="2", help="for each case in each round")
    parser.add_argument("--wgpu", action="store_true", help="Langevin steps of ours and of burn on WebGPU instead")
    parser.add_argument("--gpu", action="store_true", help="ours on WebGPU against PyTorch on CUDA, of the same card")
    parser.add_argument("--precision", default="highest", choices=PRECISIONS, help="of products on the GPU")
    parser.add_argument("--theirs", choices=PRECISIONS.values(), help="PyTorch's, if not f32, tf32, amp for highest, high, medium")
    parser.add_argument("--save", type=Path, help="also write all reports there, as JSON")
    a = parser.parse_args()
    a.theirs = a.theirs or PRECISIONS[a.precision]
    return a


def parts(a):
    """The work in pieces: what, model, batch, and whether W/sigma is held during a sampler call."""
    for what in a.what:
        # these have neither a network nor a batch
        once = what in ("pointwise", "array")
        for model in a.model[:1] if once else a.model:
            for batch in a.batch[:1] if once else a.batch:
                for held in ["true", "false"] if what in ("step", "train") else ["true"]:
                    yield what, model, batch, held


def command(program, a, what, model, batch, held):
    """What to run, or None where the program does not do that."""
    same = ["--what", what, "--model", model, "--batch", batch, "--seconds", a.seconds, "--json"]
    if program.startswith("clel"):
        binary = os.environ.get("CLEL", str(ROOT / "target/release/clel"))
        settings = [f"sampler.cache_spectral={held}", f"train.matmul_precision={a.precision}"]
        # AMP stores images in f16
        settings += ["sampler.storage=f16"] if a.gpu and a.theirs == "amp" and a.precision == "medium" else []
        settings += PLAIN if what == "train" else []
        sets = [word for setting in settings for word in ("--set", setting)]
        return [binary, "bench", "--device", "wgpu" if a.wgpu or a.gpu else "cpu", *same, *sets]
    if program == "pytorch graphs" and what == "train":
        return None
    if program.startswith("pytorch"):
        line = [os.environ.get("PEERS_PYTHON", "python3"), str(HERE / "pytorch/bench.py"), *same, "--held", held]
        # as many as the others take by themselves
        line += ["--threads", str(len(os.sched_getaffinity(0)))]
        line += ["--device", "cuda", "--precision", a.theirs] if a.gpu else []
        return line + (["--graph"] if program.endswith("graphs") else [])
    if what in ("train", "pointwise", "array") or held == "false":
        return None
    if program == "candle":
        return [str(BINARIES / "candle"), *same]
    return [str(BINARIES / "burn"), *same, "--backend", program]


def measure(program, a, part):
    line = command(program, a, *part)
    if line is None or (line[0].startswith("/") and not Path(line[0]).exists()):
        return None
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"{program}, {part}: {done.stderr.strip()[-500:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout)


def cell(value, ours, unit):
    if value is None:
        return "–"
    ratio = f" ({ours / value:.2f})" if ours and ours is not value else ""
    return f"{value:.4g} {unit}{ratio}"


def main():
    a = arguments()
    programs = ["clel", "wgpu"] if a.wgpu else ["clel", *a.peers]
    if a.gpu:
        programs = ["clel", "pytorch", "pytorch graphs"]
    what = ["step"] if a.wgpu else a.what
    a.what = what
    best, reports, titles = {}, [], {}
    for part in parts(a):
        for _ in range(a.rounds):
            for program in programs:
                report = measure(program, a, part)
                if report is None:
                    continue
                reports.append(report)
                titles[program] = f"{report['program']} {report['version']}, {report['threads']} threads"
                titles[program] += f", {report['device']}" if a.gpu else ""
                print(f"{titles[program]}: {' '.join(part)}", file=sys.stderr)
                figures = {case["name"]: (case["median_s"] * 1e3, "ms") for case in report["cases"]}
                if part[0] in ("step", "train"):
                    name = report["cases"][0]["name"]
                    figures[f"{name}: peak memory"] = (report["peak_memory_mib"], "MiB")
                    if a.wgpu:
                        first = report.get("first_s") or report["cases"][0].get("first_s")
                        figures[f"{name}: start to first step"] = (first, "s")
                for name, (value, unit) in figures.items():
                    row = best.setdefault(name, ({}, unit))[0]
                    row[program] = min(value, row.get(program, value))
    shown = [program for program in programs if program in titles]
    print("| |" + "|".join(titles[program] for program in shown) + "|")
    print("|---" * (len(shown) + 1) + "|")
    for name, (row, unit) in best.items():
        ours = row.get("clel")
        cells = [cell(row.get(program), ours, unit) for program in shown]
        print(f"| {name} |" + "|".join(cells) + "|")
    if a.save:
        a.save.write_text(json.dumps(reports, indent=1))


if __name__ == "__main__":
    main()
