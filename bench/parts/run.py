#!/usr/bin/env python3
"""Finds what a product's time on a graphics card goes into, by leaving out one part of its kernel at a time.

    cargo build --release -p clel
    python3 bench/parts/run.py --precision medium --model resnet --batch 64
    python3 bench/parts/run.py --write /tmp/parts       only the changed shaders, a folder for each part

For each part a copy of the shaders lacks it, which CLEL_SHADERS has `clel bench` take. What such kernels compute is wrong, but how much
sooner they are done shows what the part costs, and whether it is hidden behind others: times without two parts that run at the same
time are both as long as the whole. Read with that in mind: a part that takes registers may cost by that alone. The columns:

whole      the kernel as it is
unread     nothing is loaded from the operands: numbers are made of the positions
near       what is loaded are the first 4096 numbers of each or fewer, which the nearest cache holds
unstored   what is loaded is split, rounded and stored to workgroup memory in the first turn only, after it only compared
single     the multiplications of one vec4 of a thread's results, or one block of a subgroup's, remain, and what they load from workgroup
           memory
alone      nothing but multiplications, and loads from workgroup memory, from turn to turn: neither loads from memory, nor stores, nor barriers
unended    few of the results go to memory, the sum of all among them

Milliseconds, medians, and in brackets the share of the whole. The kernels are those that are tiled in workgroup memory, gemm_tiled and
gemm_matrix, as they are untuned; Winograd's filtering is off. Software rasterisers run others, of which this tells nothing.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHADERS = ROOT / "tensor/src/gpu/shaders"
KERNELS = ("gemm_tiled", "gemm_matrix")


class Sources:
    """The shaders' texts on their way to be changed."""

    def __init__(self):
        self.texts = {name: (SHADERS / f"{name}.wgsl").read_text() for name in (*KERNELS, "gemm_operands")}

    def change(self, name, old, new, span=None):
        """Replaces text wherever it stands between the two marks; that it stands somewhere is made sure of."""
        text = self.texts[name]
        start, end = (text.index(mark) for mark in span) if span else (0, len(text))
        if old not in text[start:end]:
            sys.exit(f"{name}.wgsl has changed, and bench/parts must follow: there is no {old!r}")
        self.texts[name] = text[:start] + text[start:end].replace(old, new) + text[end:]

    def write(self, folder):
        folder.mkdir(parents=True)
        for name, text in self.texts.items():
            (folder / f"{name}.wgsl").write_text(text)


def whole(sources):
    pass


# numbers from a half to one, no two the same
MADE = """
fn made(at: u32) -> Stored {
    let bits = (vec4<u32>(at, at + 1u, at + 2u, at + 3u) & vec4<u32>(0x7fffffu)) | vec4<u32>(0x3f000000u);
    return Stored(bitcast<vec4<f32>>(bits));
}"""
MADE_PAIRS = """
fn made(at: u32) -> Stored {
    return (vec2<u32>(at, at + 1u) & vec2<u32>(0x3ff03ffu)) | vec2<u32>(0x38003800u);
}"""
MADE_READY = MADE_PAIRS.replace("vec2", "vec4").replace("at, at + 1u", "at, at + 1u, at + 2u, at + 3u")


def unread(sources):
    for operand in "ab":
        # in vec4s, or in numbers
        for shifted, at in (("", "(row.at + offset) << 2u"), (" >> 2u", "row.at + offset")):
            sources.change("gemm_operands", f"{operand}[select(0u, row.at + offset, real){shifted}]", f"made({at})")
        # the few that are no vectors
        sources.change("gemm_operands", f"{operand}[select(0u, at, real)]", "made(at).x")
    sources.change("gemm_matrix", "alias Stored = vec2<u32>;", "alias Stored = vec2<u32>;" + MADE_PAIRS)
    sources.change("gemm_matrix", "alias Stored = vec4<u32>;", "alias Stored = vec4<u32>;" + MADE_READY)
    for kernel in KERNELS:
        sources.change(kernel, "alias Stored = vec4<$ELEMENT>;", "alias Stored = vec4<$ELEMENT>;" + MADE)


def near(sources):
    for at in ("row.at + offset", "at"):
        sources.change("gemm_operands", f"select(0u, {at}, real)", f"select(0u, ({at}) & 1023u, real)")


LOOP = ("    while k0 < k_end {\n", "\n    }\n\n")
MULTIPLYING = ("#include gemm_next", "#if BUFFERS == 2\n        from_a = $SPACEA")


def unstored(sources):
    for kernel, number, behind in (
        ("gemm_tiled", "f32", "    // the sums of the teams"),
        ("gemm_matrix", "f16", "    let lane = local"),
    ):
        # or else nothing would be loaded, or it would be loaded in a branch
        greatest = "".join(f"#for Q Q{x}\n        greatest = max(greatest, settled(new_{x.lower()}_$Q));\n#end\n" for x in "AB")
        sources.change(kernel, f"#include {kernel}_keep\n", greatest, LOOP)
        # what is spare is 0, which no compiler knows
        kept = f"    if k0 == params.spare + 1u {{\n        tile_a[local] = vec4<{number}>({number}(greatest.x));\n    }}\n"
        sources.change(kernel, behind, kept + behind)
        sources.change(kernel, LOOP[0], "    var greatest = Stored();\n" + LOOP[0])


def single(sources):
    for kernel, rows, columns in (("gemm_tiled", "TM", "${TN / 4}"), ("gemm_matrix", "${SM / BLOCK}", "${SN / BLOCK}")):
        sources.change(kernel, f"#for I {rows}\n", "#for I 1\n", MULTIPLYING)
        sources.change(kernel, f"#for J {columns}\n", "#for J 1\n", MULTIPLYING)


def alone(sources):
    for kernel in KERNELS:
        sources.change(kernel, f"#include {kernel}_keep\n", "", LOOP)
        sources.change(kernel, "        workgroupBarrier();\n", "", LOOP)
        sources.change(kernel, "#include gemm_next\n", "        k0 += $DEPTHu;\n")


def unended(sources):
    results = "    let lane = local % $SUBGROUPu;\n"
    sources.change("gemm_matrix", "#for I ${SM / BLOCK}\n#for S ${SN / BLOCK / STAGED}\n", "#for I 1\n#for S 1\n")
    sums = "acc_0_0 = acc_0_0 + acc_$I_$J;\n#if SPLIT\n    rest_0_0 = rest_0_0 + rest_$I_$J;\n#endif\n"
    sources.change("gemm_matrix", results, f"#for I ${{SM / BLOCK}}\n#for J ${{SN / BLOCK}}\n    {sums}#end\n#end\n{results}")
    sum_of_all = "#for I TM\n#for J ${TN / 4}\n    acc_0_0 += acc_$I_$J;\n#end\n#end\n"
    sources.change("gemm_tiled", "#for G ${TM / 4}\n", sum_of_all + "#for G 1\n")
    plain = "    {\n#if AK\n        let m = m0 + y"
    sources.change("gemm_tiled", "#for I TM\n" + plain, sum_of_all + "#for I 1\n" + plain)


PARTS = [whole, unread, near, unstored, single, alone, unended]


def written(folder):
    """The folder of each variant, made in this one."""
    for part in PARTS:
        sources = Sources()
        part(sources)
        sources.write(folder / part.__name__)
    return {part.__name__: folder / part.__name__ for part in PARTS}


def clel(*arguments, **variables):
    """What the program says as JSON."""
    program = os.environ.get("CLEL", str(ROOT / "target/release/clel"))
    done = subprocess.run([program, *arguments, "--json"], capture_output=True, text=True, env=os.environ | variables, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr.strip()[-2000:])
    return json.loads(done.stdout)


def measure(a, shaders, untuned):
    """Milliseconds of each case, with the shaders in a folder; in an empty one nothing is tuned."""
    settings = ["--set", f"train.matmul_precision={a.precision}", "--set", "train.winograd=off"]
    report = clel("bench", "--device", a.device, "--what", "conv", "--model", a.model, "--batch", a.batch, "--seconds", a.seconds,
                  *settings, CLEL_SHADERS=str(shaders), CLEL_CACHE=str(untuned))
    return {case["name"]: case["median_s"] * 1e3 for case in report["cases"]}


def card(word):
    """The name of the device that a word names."""
    devices = clel("devices", "--device", word)
    adapter = next((adapter for adapter in devices["adapters"] if adapter["name"] in devices["takes"]), None)
    if adapter is None or adapter["kind"] == "software":
        sys.exit(f"--device {word} is no graphics card; --write does without one")
    return adapter["name"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", default="highest", choices=["highest", "high", "medium"], help="of products")
    parser.add_argument("--model", default="resnet")
    parser.add_argument("--batch", default="64")
    parser.add_argument("--device", default="wgpu")
    parser.add_argument("--seconds", default="0.1", help="for each case")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the shaders there, which must be new, and measure nothing")
    a = parser.parse_args()
    if a.write and a.write.exists():
        parser.error(f"{a.write} is there already")
    if a.write:
        return print("\n".join(map(str, written(a.write).values())))
    name = card(a.device)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (untuned := folder / "cache").mkdir()
        columns = {part: measure(a, shaders, untuned) for part, shaders in written(folder / "shaders").items()}
    print(f"{name}, {a.precision}\n\n| |" + "|".join(columns) + "|\n" + "|---" * (len(columns) + 1) + "|")
    for case, time in columns["whole"].items():
        cells = [f"{column[case]:.3f} ({column[case] / time:.2f})" for column in columns.values()]
        print(f"| {case} |" + "|".join(cells) + "|")


if __name__ == "__main__":
    main()
