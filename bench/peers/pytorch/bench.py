"""Times PyTorch on the work that `clel bench` does; the same options, and as JSON the same names.

PYTHONPATH=... python3 bench.py --what step --model resnet_small --batch 16
"""

import argparse
import json
import platform
import statistics
import time

import torch
from torch.nn import functional as F

from networks import ENERGY, Energy
from training import Trainer, held, langevin_step

# replay CUDA graphs of the work instead of launching it anew; set by --graph
GRAPH = False
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def measure(run, seconds):
    """Times of single runs: warm-up of a fifth of the time, then at least three runs (one, if it takes a minute). On a GPU, where a
    launch returns before the work is done, a time is the mean of as many runs in a row as take five milliseconds."""
    on_gpu = torch.get_default_device().type == "cuda"
    wait = torch.cuda.synchronize if on_gpu else lambda: None
    run()
    wait()
    if on_gpu and GRAPH:
        run = captured(run)
    start, runs = time.perf_counter(), 0
    while True:
        run()
        wait()
        runs += 1
        spent = time.perf_counter() - start
        if spent > seconds / 5:
            break
    pieces = max(1, min(60, int(0.005 * runs / spent))) if on_gpu else 1
    times, start = [], time.perf_counter()
    while True:
        begin = time.perf_counter()
        for _ in range(pieces):
            run()
        wait()
        now = time.perf_counter()
        times.append((now - begin) / pieces)
        total = now - start
        if total > seconds and (len(times) >= 3 or total > 60):
            return sorted(times)


def captured(run):
    """The launches of a run as a CUDA graph, and how to run it again."""
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def case(name, times, note=""):
    at = lambda q: times[round(q * (len(times) - 1))]
    return {
        "name": name,
        "median_s": statistics.median(times),
        "min_s": times[0],
        "p10_s": at(0.1),
        "p90_s": at(0.9),
        "runs": len(times),
        "note": note,
    }


def fastest(name, seconds, make):
    """The case in the layout with the smaller median."""
    cases = [case(name, measure(make(layout), seconds), word) for word, layout in LAYOUTS.items()]
    return min(cases, key=lambda c: c["median_s"])


def steps(model, batch, seconds, holds):
    for hold in holds:
        # held weights are known by the address of their module, which must not be another's before
        alive = []

        def make(layout):
            network = Energy(model).to(memory_format=layout).train().requires_grad_(False)
            alive.append(network)
            side, channels = ENERGY[model][1]
            x = torch.rand(batch, channels, side, side).to(memory_format=layout)
            state = [x]

            def run():
                stepped = langevin_step(network, state[0].detach())
                # a graph's input stays where it is
                state[0] = state[0].copy_(stepped) if GRAPH else stepped

            return run

        with held(hold):
            kind = "weights held" if hold else "power iteration"
            yield fastest(f"step {model} b{batch}, {kind}", seconds, make)


def trains(model, batch, seconds, holds, langevin_steps):
    side, channels = ENERGY[model][1]
    images = torch.rand(batch, channels, side, side)
    for hold in holds:
        kind = "weights held" if hold else "power iteration"

        def make(layout):
            trainer = Trainer(model, batch, layout, hold, langevin_steps)
            return lambda: trainer.iterate(images)

        yield fastest(f"train {model} b{batch} K{langevin_steps}, {kind}", seconds, make)


def conv_shapes(model):
    """Distinct (inputs, outputs, kernel, side) of a network's convolutions."""
    stages, (side, channels), _, _ = ENERGY[model]
    width = stages[0][0]
    shapes = [(channels, width, 3, side)]
    for i, (out, _) in enumerate(stages):
        side = side // 2 if i else side
        shapes += [(width, out, 3, side), (out, out, 3, side)]
        shapes += [(width, out, 1, side)] if width != out else []
        width = out
    return list(dict.fromkeys(shapes))


def convs(model, batch, seconds):
    for c_in, c_out, k, side in conv_shapes(model):
        for direction in ("forward", "input gradient", "weight gradient"):

            def make(layout):
                x = torch.rand(batch, c_in, side, side).to(memory_format=layout)
                w = torch.rand(c_out, c_in, k, k).to(memory_format=layout)
                if direction == "forward":
                    return lambda: F.conv2d(x, w, padding=k // 2)
                y = torch.rand(batch, c_out, side, side).to(memory_format=layout)
                pad, mask = [k // 2] * 2, [direction[0] == "i", direction[0] == "w", False]
                return lambda: torch.ops.aten.convolution_backward(
                    y, x, w, None, [1, 1], pad, [1, 1], False, [0, 0], 1, mask
                )

            name = f"conv {c_in}->{c_out} {k}x{k} on {side}x{side} b{batch}, {direction}"
            yield fastest(name, seconds, make)


def matmuls(model, batch, seconds):
    a, b = torch.rand(1024, 1024), torch.rand(1024, 1024)
    yield case("matmul 1024x1024x1024", measure(lambda: a @ b, seconds))
    stages, _, hidden, latent = ENERGY[model]
    for n, k in ((hidden, stages[-1][0]), (latent, hidden)):
        x, w = torch.rand(batch, k), torch.rand(n, k)
        yield case(f"matmul {batch}x{n}x{k}", measure(lambda: F.linear(x, w), seconds))


def pointwise(_model, _batch, seconds):
    a, b, c = torch.rand(3, 1 << 22)

    operations = {
        "a + b": lambda: a + b,
        "min(leaky(a b + c) - a, 1)": lambda: (F.leaky_relu(a * b + c, 0.2) - a).clamp(max=1),
        "clamp(a - 100 b + noise, 0, 1)": lambda: torch.add(a, b, alpha=-100).add(torch.randn_like(a), alpha=0.001).clamp(0, 1),
        "exp(a)": a.exp,
        "tanh(a)": a.tanh,
        "silu(a)": lambda: F.silu(a),
        "softplus(a)": lambda: F.softplus(a),
        "sin(a)": a.sin,
        "pow(a, b)": lambda: torch.pow(a, b),
    }
    for name, operation in operations.items():
        yield case(f"pointwise {name}, 16 MiB each", measure(operation, seconds))


def arrays(_model, _batch, seconds):
    side = 2048
    square, row, column = torch.rand(side, side), torch.rand(1, side), torch.rand(side, 1)
    halves = square.half()
    # as ours lie: channels last
    images = torch.rand(64, 32, 32, 64).permute(0, 3, 1, 2)

    operations = {
        "a + row": lambda: square + row,
        "a + column": lambda: square + column,
        "transpose": lambda: square.T.contiguous(),
        "channels first": images.contiguous,
        "to f16": square.half,
        "from f16": halves.float,
        "sum": square.sum,
        "sum of rows": lambda: square.sum(0),
        "sum of columns": lambda: square.sum(1),
        "max of columns": lambda: square.amax(1),
        "softmax": lambda: square.softmax(1),
        "logsumexp": lambda: square.logsumexp(1),
        "avg_pool2d 2x2": lambda: F.avg_pool2d(images, 2),
        "max_pool2d 2x2": lambda: F.max_pool2d(images, 2),
    }
    for name, operation in operations.items():
        yield case(f"array {name}, 4 Mi elements", measure(operation, seconds))


def peak_memory_mib():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024


def on_cuda(a):
    global GRAPH
    torch.set_default_device("cuda")
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = a.precision == "tf32"
    if a.precision == "amp":
        torch.set_autocast_enabled("cuda", True)
        torch.set_autocast_dtype("cuda", torch.float16)
        # weights change under a graph, and between steps
        torch.set_autocast_cache_enabled(False)
    GRAPH = a.graph


def device_name(a):
    if a.device == "cuda":
        return f"{torch.cuda.get_device_name()} ({a.precision}{', graphs' if a.graph else ''})"
    return f"cpu ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--what", default="matmul,conv,step")
    parser.add_argument("--model", default="resnet_small", choices=ENERGY)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--held", default="true,false", help="W/sigma once a sampler call, or in every forward")
    parser.add_argument("--langevin-steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--precision", default="f32", choices=["f32", "tf32", "amp"], help="of products and convolutions, on CUDA")
    parser.add_argument("--graph", action="store_true", help="replay Langevin steps and single operations as CUDA graphs")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    if "train" in a.what and a.model == "tiny":
        parser.error("the encoder here is for 32x32 images: --what train needs another --model")
    torch.set_num_threads(a.threads)
    assert torch.backends.mkldnn.is_available()
    if a.device == "cuda":
        on_cuda(a)
    holds = [word == "true" for word in a.held.split(",")]
    kinds = {
        "matmul": matmuls,
        "conv": convs,
        "pointwise": pointwise,
        "array": arrays,
        "step": lambda *known: steps(*known, holds),
        "train": lambda *known: trains(*known, holds, a.langevin_steps),
    }
    cases = []
    for what in a.what.split(","):
        for c in kinds[what](a.model, a.batch, a.seconds):
            cases.append(c)
            if not a.json:
                times = f"{c['median_s'] * 1e3:9.3f} ms, min {c['min_s'] * 1e3:9.3f}"
                print(f"{c['name']:56} {times}  {c['note']}", flush=True)
    report = {
        "program": "PyTorch",
        "version": torch.__version__,
        "device": device_name(a),
        "threads": torch.get_num_threads(),
        "peak_memory_mib": peak_memory_mib(),
        "cases": cases,
    }
    if a.json:
        print(json.dumps(report))
    else:
        print(f"PyTorch {torch.__version__}, {a.threads} threads, peak {report['peak_memory_mib']:.0f} MiB, {report['device']}")


if __name__ == "__main__":
    main()
