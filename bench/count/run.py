#!/usr/bin/env python3
"""Counts what drivers make of the kernels, without a card: registers, and the instructions of the longest loop.

    mkdir /tmp/kernels && CLEL_SPIRV=/tmp/kernels cargo test -p clel-tensor portable
    python3 bench/count/run.py '/tmp/kernels/gemm_tiled/OP=forward*EVEN=1_THROUGH=0*BM=128*'
    python3 bench/count/run.py --cards nvidia --assembly FILE

Compiles SPIR-V with Mesa's drivers for NVIDIA's and AMD's cards (NVK and RADV, 26 or newer), for which Mesa's libraries of its `drm-shim`
pretend that there is a card. Debian has them: mesa-vulkan-drivers and mesa-drm-shim, in sid when this was written (in a folder:
`debootstrap sid FOLDER`, and all of this in `chroot FOLDER`). Besides it takes `pip install vulkan`. Makers' own drivers make other code of
the same text: what they measure on a card counts, this tells where to look. Columns of the table, for each kernel and card:

registers      of a thread; `spilled`: of those, how many do not fit and go through memory
resident       subgroups that one part of the card (NVIDIA: SM, AMD: SIMD) can keep at a time
loop           instructions of the loop with the most of them, as a subgroup runs them; of a kernel without loops, all
multiply       of those, multiply-adds of vectors, or of blocks on matrix units
workgroup      loads from and stores to workgroup memory
memory         loads from memory
moves          from register to register: how many is the compiler's doing more than the text's
bytes          what one thread loads from memory in a turn of the loop
-              the driver cannot make it, as of tiles that need more workgroup memory than the card has

`--order` shows L for a load from memory, w for a store to it, W for waiting for a load, s for a choice between two numbers,
S and r for workgroup memory stored to and read, B for a barrier, M for multiplying; `M16` are 16 of them; and, behind a bar, what comes
after the loop. What is loaded for the next turn is there in time only if nothing waits for it or chooses between its numbers before the Ms.
"""

import argparse
import collections
import glob
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

# what makes a driver see a card, by the library that pretends it and the card's name for that
CARDS = {
    "nvidia": {"LD_PRELOAD": "libnouveau_noop_drm_shim.so", "NOUVEAU_CHIPSET": "172"},  # GA102
    "amd": {"LD_PRELOAD": "libamdgpu_noop_drm_shim.so", "AMDGPU_GPU_ID": "navi31"},
}
MAGIC = bytes([0x03, 0x02, 0x23, 0x07])  # of SPIR-V
DRIVERS = {"nvidia": "NVK", "amd": "RADV"}
# what a mnemonic begins with
TO_WORKGROUP = ("ds_store", "ds_write", "st.shared")
FROM_WORKGROUP = ("ds_load", "ds_read", "ld.shared", "ldsm")
KINDS = {
    "multiply": ("v_fma_f", "v_fmac", "v_dual_fmac", "v_pk_fma", "v_wmma", "ffma", "hfma2", "hmma"),
    "workgroup": TO_WORKGROUP + FROM_WORKGROUP,
    "memory": ("buffer_load", "global_load", "ld.global"),
    "moves": ("mov", "v_mov", "v_dual_mov", "v_swap"),
}
COLUMNS = ["registers", "spilled", "resident", "loop", *KINDS, "bytes"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", help="SPIR-V, or patterns of it")
    parser.add_argument("--cards", type=lambda text: text.split(","), default=list(CARDS), help="nvidia,amd")
    parser.add_argument("--order", action="store_true", help="in what order things are done, instead of the table")
    parser.add_argument("--assembly", action="store_true", help="the drivers' assembly instead of the table")
    parser.add_argument("--as", dest="card", help=argparse.SUPPRESS)
    options = parser.parse_args()
    files = sorted({file for given in options.files for file in glob.glob(given) or [given]})
    for file in files:
        if not os.path.isfile(file):
            parser.error(f"no such file: {file}")
        if Path(file).read_bytes()[:4] != MAGIC:
            parser.error(f"{file} is no SPIR-V")
    for card in options.cards:
        if card not in CARDS:
            parser.error(f"no such card: {card} (nvidia, amd)")
    if options.card:
        return compile_for(options.card, files[0])
    rows = {card: counted(card, files) for card in dict.fromkeys(options.cards)}
    if options.assembly:
        for card, of_card in rows.items():
            for file, row in zip(files, of_card):
                print(f"==== {card}: {file}\n{row['assembly']}")
        return
    common, names = shortened(files)
    print(common + "\n")
    if not options.order:
        print(" | ".join(["kernel", "card", *COLUMNS]))
    for at, name in enumerate(names):
        for card in rows:
            row = rows[card][at]
            cells = [order(row["assembly"])] if options.order else [str(row[column]) for column in COLUMNS]
            print(" | ".join([name, card, *cells]))


def counted(card, files):
    """A row for each file, each made by a process of its own: it must see such a card, and drivers that meet a kernel that they
    cannot make, as tiles that need more workgroup memory than the card has, end it."""
    env = os.environ | CARDS[card] | {"MESA_SHADER_CACHE_DISABLE": "1"}
    rows, why = [], ""
    for file in files:
        run = subprocess.run([sys.executable, __file__, "--as", card, file], env=env, capture_output=True, text=True, check=False)
        why = why or run.stderr
        rows.append(json.loads(run.stdout) if run.returncode == 0 else dict.fromkeys([*COLUMNS, "assembly"], "-"))
    if all(row["assembly"] == "-" for row in rows):
        sys.exit(f"{why}{card}: {DRIVERS[card]} behind {CARDS[card]['LD_PRELOAD']} made nothing of it")
    if why:
        failed = sum(row["assembly"] == "-" for row in rows)
        print(f"{card}: {failed} of {len(rows)} kernels could not be made; of the first it was said:\n{why}", file=sys.stderr)
    return rows


def shortened(files):
    """What all names share, and of each name the rest."""
    words = [Path(file).stem.split("_") for file in files]
    shared = [word for word in words[0] if all(word in its for its in words)]
    rest = [" ".join(word for word in its if word not in shared) for its in words]
    return " ".join([Path(files[0]).parent.name, *shared]), [name or "this" for name in rest]


# ---- in the process that sees the card

def compile_for(card, file):
    try:
        import vulkan as vk
    except ImportError as error:
        sys.exit(f"{error}; `pip install vulkan` helps")
    instance = vk.vkCreateInstance(vk.VkInstanceCreateInfo(
        pApplicationInfo=vk.VkApplicationInfo(apiVersion=vk.VK_MAKE_VERSION(1, 3, 0))), None)
    found = [p for p in vk.vkEnumeratePhysicalDevices(instance)
             if DRIVERS[card] in vk.vkGetPhysicalDeviceProperties(p).deviceName]
    if not found:
        sys.exit(f"{card}: no {DRIVERS[card]} among the Vulkan drivers")
    device = opened(vk, found[0])
    layout = layout_of(vk, device)
    print(json.dumps(compiled(vk, device, layout, Path(file).read_bytes())))
    sys.stdout.flush()
    os._exit(0)  # closing a device that is not there is not worth waiting for


def opened(vk, physical):
    there = {e.extensionName for e in vk.vkEnumerateDeviceExtensionProperties(physical, None)}
    wanted = ["VK_KHR_pipeline_executable_properties", "VK_KHR_cooperative_matrix"]
    chain = vk.VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR(pipelineExecutableInfo=True)
    chain = vk.VkPhysicalDeviceVulkan12Features(
        pNext=chain, shaderFloat16=True, vulkanMemoryModel=True, vulkanMemoryModelDeviceScope=True)
    chain = vk.VkPhysicalDeviceVulkan11Features(
        pNext=chain, storageBuffer16BitAccess=True, uniformAndStorageBuffer16BitAccess=True)
    if wanted[1] in there:
        chain = vk.VkPhysicalDeviceCooperativeMatrixFeaturesKHR(pNext=chain, cooperativeMatrix=True)
    queue = vk.VkDeviceQueueCreateInfo(queueFamilyIndex=0, queueCount=1, pQueuePriorities=[1.0])
    return vk.vkCreateDevice(physical, vk.VkDeviceCreateInfo(
        pNext=chain, pQueueCreateInfos=[queue],
        ppEnabledExtensionNames=[name for name in wanted if name in there]), None)


def layout_of(vk, device):
    """Parameters in set 0, arrays in set 1, as the project's kernels have them."""
    def bindings(count, kind):
        return vk.vkCreateDescriptorSetLayout(device, vk.VkDescriptorSetLayoutCreateInfo(pBindings=[
            vk.VkDescriptorSetLayoutBinding(binding=n, descriptorType=kind, descriptorCount=1,
                                            stageFlags=vk.VK_SHADER_STAGE_COMPUTE_BIT) for n in range(count)
        ]), None)
    sets = [bindings(1, vk.VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC),
            bindings(16, vk.VK_DESCRIPTOR_TYPE_STORAGE_BUFFER)]
    return vk.vkCreatePipelineLayout(device, vk.VkPipelineLayoutCreateInfo(pSetLayouts=sets), None)


def compiled(vk, device, layout, code):
    module = vk.vkCreateShaderModule(device, vk.VkShaderModuleCreateInfo(codeSize=len(code), pCode=code), None)
    stage = vk.VkPipelineShaderStageCreateInfo(stage=vk.VK_SHADER_STAGE_COMPUTE_BIT, module=module, pName="main")
    flags = (vk.VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR
             | vk.VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR)
    pipeline = vk.vkCreateComputePipelines(device, None, 1, [
        vk.VkComputePipelineCreateInfo(flags=flags, stage=stage, layout=layout)], None)
    pipeline = pipeline[0] if hasattr(pipeline, "__len__") else pipeline
    figures, assembly = told(vk, device, pipeline)
    figure = lambda *names: next((figures[name] for name in names if name in figures), "?")
    blocks, after = blocks_of(assembly)
    loop = instructions(blocks, longest_loop(blocks, after))
    counts = collections.Counter(kind for line in loop for kind in [kind_of(mnemonic(line))] if kind)
    return {
        "registers": figure("VGPRs", "Number of GPRs"),
        "spilled": figure("Spilled VGPRs", "Spills to memory"),
        "resident": figure("Subgroups per SIMD", "Max warps/SM"),
        "loop": len(loop),
        **{kind: counts[kind] for kind in KINDS},
        "bytes": sum(width(line) for line in loop if kind_of(mnemonic(line)) == "memory"),
        "assembly": assembly,
    }


def told(vk, device, pipeline):
    """The driver's statistics by name, and its assembly."""
    ffi = vk.ffi
    call = lambda name: ffi.cast("PFN_" + name, vk.lib.vkGetDeviceProcAddr(device, name.encode()))
    which = ffi.new("VkPipelineExecutableInfoKHR*", {
        "sType": vk.VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, "pipeline": pipeline, "executableIndex": 0})

    def listed(function, kind, tag):
        count = ffi.new("uint32_t*")
        call(function)(device, which, count, ffi.NULL)
        items = ffi.new(kind + "[]", count[0])
        for item in items:
            item.sType = tag
        call(function)(device, which, count, items)
        return call(function), count, items

    _, _, items = listed("vkGetPipelineExecutableStatisticsKHR", "VkPipelineExecutableStatisticKHR",
                         vk.VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR)
    figures = {ffi.string(item.name).decode(): item.value.u64 for item in items}
    again, count, items = listed(
        "vkGetPipelineExecutableInternalRepresentationsKHR", "VkPipelineExecutableInternalRepresentationKHR",
        vk.VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR)
    texts = [ffi.new("char[]", item.dataSize + 1) for item in items]
    for item, text in zip(items, texts):
        item.pData = text
    again(device, which, count, items)
    names = [ffi.string(item.name).decode() for item in items]
    return figures, next(ffi.string(text).decode(errors="replace")
                         for name, text in zip(names, texts) if "ssembly" in name)


# ---- reading assembly

def mnemonic(line):
    """`hmma.m16n8k16.f32` of NVK's ` @p1 r0..4 = hmma.m16n8k16.f32 r4..8 …`, `v_fmac_f32` of RADV's."""
    text = re.sub(r"^@\S+\s+", "", line.split("//")[0].split(";")[0].strip())
    text = text.split(" = ", 1)[-1]
    return text.split(None, 1)[0] if text else ""


def kind_of(name):
    transposes = name.startswith("movm")  # a block in registers
    return next((kind for kind, starts in KINDS.items() if name.startswith(starts) and not transposes), None)


LETTERS = {
    "L": KINDS["memory"],
    "M": KINDS["multiply"],
    "S": TO_WORKGROUP,
    "r": FROM_WORKGROUP,
    "s": ("v_cndmask", "sel"),
    "w": ("buffer_store", "global_store", "st.global"),
    "B": ("s_barrier", "bar"),
}


def order(assembly):
    """A letter for each thing that the longest loop does, and how often it does so in a row; then what comes after it."""
    blocks, after = blocks_of(assembly)
    loop = longest_loop(blocks, after)
    followed = sorted(set().union(*(reached(at, after) for at in loop)) - set(loop))
    # what a loop loads at its end it waits for at its begin, or after it
    loading = set()
    in_letters(instructions(blocks, loop), loading)
    return " | ".join(in_letters(instructions(blocks, places), loading) for places in (loop, followed) if places)


def in_letters(lines, loading):
    """The letters of instructions, where loads from memory have the counters `loading`, which it keeps up to date."""
    letters = []
    for line in lines:
        letters += ["W"] if waits_for(line, loading) else []
        letters += [letter for letter, starts in LETTERS.items() if mnemonic(line).startswith(starts)]
    runs = ((letter, len(list(same))) for letter, same in itertools.groupby(letters))
    return " ".join(letter + (str(times) if times > 1 else "") for letter, times in runs)


def waits_for(line, loading):
    """Whether an instruction waits for loads from memory. AMD's cards have one that does; on NVIDIA's each may wait until `wt` of six
    counters, of which a load has taken `wr`; `loading` are those that loads have now, which this keeps up to date."""
    name = mnemonic(line)
    counters = re.search(r"\bwt=([01]+)", line)
    awaited = {at for at, bit in enumerate(reversed(counters[1])) if bit == "1"} if counters else set()
    waits = bool(awaited & loading) or "s_waitcnt" in name and "vmcnt" in line or "s_wait_loadcnt" in name
    loading -= awaited
    if (taken := re.search(r"\bwr:(\d)", line)) and kind_of(name) == "memory":
        loading.add(int(taken[1]))
    return waits


def width(line):
    """Bytes that a thread loads."""
    name = mnemonic(line)
    if words := re.search(r"dwordx?(\d*)$", name):
        return 4 * int(words[1] or 1)
    bits = re.search(r"[bui](\d+)$", name)
    return int(bits[1]) // 8 if bits else 4


def blocks_of(assembly):
    """Blocks of instructions, and what each may be followed by."""
    blocks, labels = [], {}
    for line in assembly.splitlines():
        head = re.match(r"^(?:block(?:\.u)? (\d+) |(BB\d+):)", line)
        if head:
            labels[head[1] or head[2]] = len(blocks)
            blocks.append(([], []))
        elif end := re.match(r"^\} -> \[(.*)\]", line):
            blocks[-1][1].extend(word.strip() for word in end[1].split(",") if word.strip())
        elif blocks and line.strip():
            blocks[-1][0].append(line)
            if jump := re.match(r"^\s+s_c?branch\w*\s+(BB\d+)", line):
                blocks[-1][1].append(jump[1])
    after = []
    for at, (lines, targets) in enumerate(blocks):
        falls = "BB0" in labels and not (lines and re.match(r"^\s+s_(branch|endpgm)\b", lines[-1]))
        nexts = {labels[target] for target in targets if target in labels}
        after.append(nexts | ({at + 1} if falls and at + 1 < len(blocks) else set()))
    return [lines for lines, _ in blocks], after


def reached(start, after):
    """Blocks that may follow one, at whatever distance."""
    found, ends = set(), [start]
    while ends:
        for following in after[ends.pop()] - found:
            found.add(following)
            ends.append(following)
    return found


def longest_loop(blocks, after):
    """The blocks of the loop that has the most instructions: of all that may follow one another around and around. All, without loops."""
    places = range(len(blocks))
    reach = [reached(at, after) for at in places]
    loops = [[other for other in places if other in reach[at] and at in reach[other]] for at in places]
    return max(loops, key=lambda loop: len(instructions(blocks, loop)), default=[]) or list(places)


def instructions(blocks, places):
    return [line for at in places for line in blocks[at] if mnemonic(line)]


if __name__ == "__main__":
    main()
