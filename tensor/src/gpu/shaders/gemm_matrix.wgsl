// c[m, n] = Σₖ a(m, k) · b(k, n) on matrix units, which multiply BLOCK × BLOCK blocks of f16 and add in f32. A workgroup
// of subgroups of SUBGROUP threads makes BM × BN outputs, DEPTH steps of k at a time, each subgroup SM × SN of them. Operands become f16
// on their way to workgroup memory, or are such already; if SPLIT, what that loses is kept as a second f16, times 2¹⁰ lest it be denormal, and
// multiplied too, all but the product of the two losses: 21 bits of each factor count (Ootomo and Yokota, IJHPCA 36, 2022, section 3).
// Otherwise as gemm_tiled, two BUFFERS too.

enable wgpu_cooperative_matrix;
#if THROUGH
#include philox
#include numerics
#endif
// Four numbers as they lie in memory: halves by pairs; READY, both halves of each, first those of the numbers, then those of what they lost.
#if READY
alias Stored = vec4<u32>;
#else
#if PAIRS
alias Stored = vec2<u32>;
#else
alias Stored = vec4<$ELEMENT>;
#endif
#endif
#include gemm_operands
#if !THROUGH
@group(1) @binding(2) var<storage, read_write> c: array<vec4<$RESULT>>; // [splits, batch, m, n]
#endif

// Four halves each; an operand contiguous along k line by line, else step by step, with gaps against bank conflicts.
var<workgroup> tile_a: array<vec4<f16>, ${SPACEA * BUFFERS}>;
var<workgroup> tile_b: array<vec4<f16>, ${SPACEB * BUFFERS}>;
#if SPLIT
var<workgroup> lost_a: array<vec4<f16>, ${SPACEA * BUFFERS}>;
var<workgroup> lost_b: array<vec4<f16>, ${SPACEB * BUFFERS}>;
#endif
// STAGED blocks of each subgroup, side by side, on their way to memory: PITCHC vec4s from line to line, with a gap against bank conflicts.
var<workgroup> blocks: array<vec4<f32>, ${BLOCK * PITCHC * THREADS / SUBGROUP}>;

#if PAIRS
fn to_halves(x: vec2<u32>) -> vec4<f16> {
    return vec4<f16>(vec4<f32>(unpack2x16float(x.x), unpack2x16float(x.y)));
}
#else
#if SPLIT
#include split
#else
fn to_halves(x: Stored) -> vec4<f16> {
    return vec4<f16>(x);
}
#endif
#endif

@compute @workgroup_size($THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
#include gemm_first
#for Q QA
#if AK
    let to_a_$Q = am_$Q * $PITCHAu + ak / 4u;
#else
    let to_a_$Q = ak_$Q * $PITCHAu + am_$Q / 4u;
#endif
#end
#for Q QB
#if BK
    let to_b_$Q = bn_$Q * $PITCHBu + bk / 4u;
#else
    let to_b_$Q = bk_$Q * $PITCHBu + bn_$Q / 4u;
#endif
#end
    let subgroup = local / $SUBGROUPu;
    let m_own = subgroup / ${BN / SN}u * $SMu;
    let n_own = subgroup % ${BN / SN}u * $SNu;
#for I ${SM / BLOCK}
#for J ${SN / BLOCK}
    var acc_$I_$J = coop_mat$BLOCKx$BLOCK<f32, C>();
#if SPLIT
    var rest_$I_$J = coop_mat$BLOCKx$BLOCK<f32, C>();
#endif
#end
#end
#if BUFFERS == 2
    var from_a = 0u;
    var from_b = 0u;
#else
    let from_a = 0u;
    let from_b = 0u;
#endif
#include gemm_matrix_keep
    workgroupBarrier();
    while k0 < k_end {
#include gemm_next
#for K ${DEPTH / BLOCK}
        {
#for I ${SM / BLOCK}
#if AK
            let at_a_$I = from_a + (m_own + ${I * BLOCK}u) * $PITCHAu + ${K * BLOCK / 4}u;
            let a_$I = coopLoadT<coop_mat$BLOCKx$BLOCK<f16, A>>(&tile_a[at_a_$I], $PITCHAu);
#if SPLIT
            let a_$I_lost = coopLoadT<coop_mat$BLOCKx$BLOCK<f16, A>>(&lost_a[at_a_$I], $PITCHAu);
#endif
#else
            let at_a_$I = from_a + ${K * BLOCK * PITCHA}u + m_own / 4u + ${I * BLOCK / 4}u;
            let a_$I = coopLoad<coop_mat$BLOCKx$BLOCK<f16, A>>(&tile_a[at_a_$I], $PITCHAu);
#if SPLIT
            let a_$I_lost = coopLoad<coop_mat$BLOCKx$BLOCK<f16, A>>(&lost_a[at_a_$I], $PITCHAu);
#endif
#endif
#end
#for J ${SN / BLOCK}
#if BK
            let at_b_$J = from_b + (n_own + ${J * BLOCK}u) * $PITCHBu + ${K * BLOCK / 4}u;
            let b_$J = coopLoad<coop_mat$BLOCKx$BLOCK<f16, B>>(&tile_b[at_b_$J], $PITCHBu);
#if SPLIT
            let b_$J_lost = coopLoad<coop_mat$BLOCKx$BLOCK<f16, B>>(&lost_b[at_b_$J], $PITCHBu);
#endif
#else
            let at_b_$J = from_b + ${K * BLOCK * PITCHB}u + n_own / 4u + ${J * BLOCK / 4}u;
            let b_$J = coopLoadT<coop_mat$BLOCKx$BLOCK<f16, B>>(&tile_b[at_b_$J], $PITCHBu);
#if SPLIT
            let b_$J_lost = coopLoadT<coop_mat$BLOCKx$BLOCK<f16, B>>(&lost_b[at_b_$J], $PITCHBu);
#endif
#endif
#for I ${SM / BLOCK}
            acc_$I_$J = coopMultiplyAdd(a_$I, b_$J, acc_$I_$J);
#if SPLIT
            rest_$I_$J = coopMultiplyAdd(a_$I, b_$J_lost, rest_$I_$J);
            rest_$I_$J = coopMultiplyAdd(a_$I_lost, b_$J, rest_$I_$J);
#endif
#end
#end
        }
#end
#if BUFFERS == 2
        from_a = $SPACEAu - from_a;
        from_b = $SPACEBu - from_b;
#else
        workgroupBarrier();
#endif
#include gemm_matrix_keep
        workgroupBarrier();
    }

    let lane = local % $SUBGROUPu;
    let own_blocks = subgroup * ${BLOCK * PITCHC}u;
#for I ${SM / BLOCK}
#for S ${SN / BLOCK / STAGED}
    {
        // what this thread stores of these blocks
#for H ${BLOCK * BLOCK * STAGED / 4 / SUBGROUP}
        let line_$H = (lane + ${H * SUBGROUP}u) / ${BLOCK * STAGED / 4}u;
        let column_$H = (lane + ${H * SUBGROUP}u) % ${BLOCK * STAGED / 4}u;
        let n_$H = n0 + n_own + ${S * STAGED * BLOCK}u + column_$H * 4u;
        let place_$H = place_c(m0 + m_own + ${I * BLOCK}u + line_$H, n_$H, tile.split);
        let real_$H = place_$H.real & (n_$H < params.n);
#if THROUGH
        let at_$H = select(0u, place_$H.at >> 2u, real_$H);
        let others_$H = bring(at_$H);
#endif
#end
        workgroupBarrier();
#for J STAGED
#if SPLIT
        let block_$J = acc_$I_${S * STAGED + J} + rest_$I_${S * STAGED + J} * 0.0009765625;
#else
        let block_$J = acc_$I_${S * STAGED + J};
#endif
        coopStoreT(block_$J, &blocks[own_blocks + ${J * BLOCK / 4}u], $PITCHCu);
#end
        workgroupBarrier();
#for H ${BLOCK * BLOCK * STAGED / 4 / SUBGROUP}
        let four_$H = blocks[own_blocks + line_$H * $PITCHCu + column_$H];
#if THROUGH
        let results_$H = finish(others_$H, four_$H);
#endif
#end
#for H ${BLOCK * BLOCK * STAGED / 4 / SUBGROUP}
        if real_$H {
#if THROUGH
            store(at_$H, results_$H);
#else
            c[place_$H.at >> 2u] = vec4<$RESULT>(four_$H);
#endif
        }
#end
    }
#end
#end
}
