#!/usr/bin/env python3
"""Tests of what the scripts beside this one make of what programs tell them.

    python3 bench/test.py
"""

import importlib.util
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent


def script(name):
    spec = importlib.util.spec_from_file_location(name, HERE / name / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# of Mesa 26.2.6, but for what does not matter here
NVK = """\
block.u 0 L2 [] -> {
      r12..16   = ld.global.a64.constant.b128 [r8+ur8..10], pT         // delay=2 wt=000011 rd:0 wr:1
} -> [1]
block.u 1 L3 [0, 2] -> {
                  st.shared.strong.cta.b128 [r16.x16+rZ] r64..68       // delay=2 wt=000010 rd:1
                  bar.sync                                             // delay=6 yld
} -> [2]
block 2 L4 [1] -> {
      r12..16   = ld.global.a64.constant.b128 [r8+ur8..10], pT         // delay=2 rd:0 wr:1
      r1        = ld.global.a64.b32 [r8+ur8..10], pT                   // delay=2 rd:0 wr:1
      r0..4     = ldsm.16.m8n8.x4 [r9]                                 // delay=2
      r5        = movm.16.m8n8.trans r5                                // delay=2
      r6        = mov r7                                               // delay=2
      r20..24   = hmma.m16n8k16.f32 r0..4 r5..7 r20..24                // delay=2
      r20..24   = hmma.m16n8k16.f32 r0..4 r8..10 r20..24               // delay=2
@!p3              bra pT L3                                            // delay=1 wt=000001
} -> [1, 3]
block 3 L5 [2] -> {
      r4        = mov r12                                              // delay=2 wt=000010
                  st.global.a64.b128 [r0] r4..8                        // delay=1
} -> []
"""
RADV = """\
BB0:
	buffer_load_b128 v[12:15], v15, s[32:35], 0 offen           ; e05c0000 80480c0f
	s_branch BB2                                                ; bfa00001
BB1:
	s_barrier                                                   ; bfbd0000
BB2:
	s_waitcnt vmcnt(0)                                          ; bf8903f7
	v_cndmask_b32_e64 v3, 0, v3, s[2:3]                         ; d5010003
	ds_store_b128 v1, v[2:5]                                    ; db7c0000
	s_waitcnt lgkmcnt(0)                                        ; bf89fc07
	ds_load_b128 v[2:5], v1                                     ; dbfc0000
	v_dual_fmac_f32 v1, v2, v3 :: v_dual_fmac_f32 v4, v5, v6    ; ca000000
	buffer_load_b64 v[12:13], v15, s[32:35], 0 offen            ; e0580000
	s_cbranch_scc0 BB1                                          ; bfa10047
BB3:
	buffer_store_b128 v[12:15], v3, s[0:3], 0 offen             ; e0740000
	s_endpgm                                                    ; bfb00000
"""


class Count(unittest.TestCase):
    count = script("count")

    def longest_loop(self, assembly):
        blocks, after = self.count.blocks_of(assembly)
        return self.count.instructions(blocks, self.count.longest_loop(blocks, after))

    def test_instructions_have_names_and_kinds(self):
        for line, name, kind in [
            ("@!p1 r0..4 = hmma.m16n8k16.f32 r4..8 r9..11 r0..4 // delay=2", "hmma.m16n8k16.f32", "multiply"),
            ("      r5        = movm.16.m8n8.trans r5", "movm.16.m8n8.trans", None),
            ("\tv_mov_b32_e32 v1, v2 ; 7e020302", "v_mov_b32_e32", "moves"),
            ("      r0..4 = ldsm.16.m8n8.x4 [r9]", "ldsm.16.m8n8.x4", "workgroup"),
            ("// nothing", "", None),
        ]:
            self.assertEqual(self.count.mnemonic(line), name)
            self.assertEqual(self.count.kind_of(name), kind)

    def test_bytes_of_loads(self):
        for line, bytes_ in [
            ("r12..16 = ld.global.a64.constant.b128 [r8]", 16),
            ("buffer_load_b64 v[12:13], v15", 8),
            ("global_load_dwordx3 v[0:2], v3", 12),
            ("buffer_load_dword v0, v3", 4),
        ]:
            self.assertEqual(self.count.width(line), bytes_)

    def test_the_loop_is_found(self):
        self.assertEqual(len(self.longest_loop(NVK)), 10)
        self.assertEqual(len(self.longest_loop(RADV)), 9)
        # without one, all
        straight = "BB0:\n\tv_mov_b32_e32 v1, v2\nBB1:\n\ts_endpgm\n"
        self.assertEqual(len(self.longest_loop(straight)), 2)

    def test_the_order_of_the_loop_and_of_what_comes_after(self):
        self.assertEqual(self.count.order(NVK), "W S B L2 r M2 | W w")
        self.assertEqual(self.count.order(RADV), "B W s S r M L | w")

    def test_names_are_shortened_to_what_differs(self):
        files = ["/k/gemm/OP=matmul_AK=1_BM=64.spv", "/k/gemm/OP=matmul_AK=1_BM=128.spv"]
        self.assertEqual(self.count.shortened(files), ("gemm OP=matmul AK=1", ["BM=64", "BM=128"]))


class Parts(unittest.TestCase):
    parts = script("parts")

    def test_every_part_is_found_in_the_shaders_of_today(self):
        with tempfile.TemporaryDirectory() as folder:
            texts = {}
            for name, shaders in self.parts.written(Path(folder)).items():
                files = [*self.parts.KERNELS, "gemm_operands"]
                texts[name] = {file: (shaders / f"{file}.wgsl").read_text() for file in files}
        changed = {
            name: [file for file, text in its.items() if text != texts["whole"][file]] for name, its in texts.items()
        }
        kernels, operands = list(self.parts.KERNELS), ["gemm_operands"]
        self.assertEqual(changed, {
            "whole": [],
            "unread": kernels + operands,
            "near": operands,
            "unstored": kernels,
            "single": kernels,
            "alone": kernels,
            "unended": kernels,
        })

    def test_a_part_that_is_not_there_is_told(self):
        with self.assertRaisesRegex(SystemExit, "gemm_tiled.wgsl has changed"):
            self.parts.Sources().change("gemm_tiled", "what is not there", "")


class Peers(unittest.TestCase):
    peers = script("peers")

    def test_cells_have_ratios_to_ours(self):
        ours = 2.0
        self.assertEqual(self.peers.cell(ours, ours, "ms"), "2 ms")
        self.assertEqual(self.peers.cell(4.0, ours, "ms"), "4 ms (0.50)")
        self.assertEqual(self.peers.cell(None, ours, "ms"), "–")


if __name__ == "__main__":
    unittest.main()
