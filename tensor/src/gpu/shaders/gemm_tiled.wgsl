// c[m, n] = Σₖ a(m, k) · b(k, n) in workgroup memory: a workgroup makes BM × BN outputs, DEPTH steps
// of k at a time; each thread keeps TM × TN outputs in registers. The threads may be SLICES teams, each of
// which takes its part of every DEPTH steps; their sums are added in the end.
// While one part of the operands is multiplied, the next is on its way from memory to registers, where it is made ready afterwards. With two
// BUFFERS it is stored beside the part before it, so that nobody waits for the last to have read that: one barrier for each DEPTH steps, not two.
// A long k may be cut into `splits` parts, whose products are added afterwards: c[splits, batch, m, n].
// THROUGH (one split): vec4s go through `finish`, with what it takes beside them, to `store`: see pointwise_text.rs.
// Grid: one workgroup for each BM × BN tile of each product.

#if THROUGH
#include philox
#include numerics
#endif
// Four numbers as they lie in memory.
alias Stored = vec4<$ELEMENT>;
#include gemm_operands
#if !THROUGH
#if VC
@group(1) @binding(2) var<storage, read_write> c: array<vec4<$RESULT>>; // [splits, batch, m, n]
#else
@group(1) @binding(2) var<storage, read_write> c: array<$RESULT>;       // [splits, batch, m, n]
#endif
#endif

// An operand that is contiguous along k lies in workgroup memory line by line, a vec4 holding four
// steps of k: [BM, DEPTH / 4 and a gap against bank conflicts]. Else step by step: [DEPTH, BM / 4].
// Lines of b are ordered so that a thread's four neighbours are a quarter of the tile apart.
var<workgroup> tile_a: array<vec4<f32>, ${SPACEA * BUFFERS}>;
var<workgroup> tile_b: array<vec4<f32>, ${SPACEB * BUFFERS}>;

@compute @workgroup_size($THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
#include gemm_first
    // and where in workgroup memory it puts that
#for Q QA
#if AK
    let to_a_$Q = am_$Q * $PITCHu + ak / 4u;
#else
    let to_a_$Q = local + ${Q * THREADS}u;
#endif
#end
#for Q QB
#if BK
    let to_b_$Q = (bn_$Q & 3u) * $GROUPBu + (bn_$Q >> 2u) * $PITCHu + bk / 4u;
#else
    let to_b_$Q = local + ${Q * THREADS}u;
#endif
#end

    // Which block of outputs is this thread's: (y, x) of ROWS × COLUMNS.
#if PAIRED
    // Of 32 neighbours 4 × 8, such that threads n and n ^ 1 share y, and n and n ^ 2 share x: NVIDIA's cards make two requests instead of
    // four of a load of vec4s from workgroup memory where all such pairs read the same (forums.developer.nvidia.com/t/77228).
    let warp = local % $TEAMu / 32u;
    let x = (local & 1u) + ((local >> 1u) & 6u) + warp % ${COLUMNS / 8}u * 8u;
    let y = ((local >> 1u) & 1u) + ((local >> 3u) & 2u) + warp / ${COLUMNS / 8}u * 4u;
#else
    let x = local % $COLUMNSu;
    let y = local / $COLUMNSu % $ROWSu;
#endif
    let slice = local / $TEAMu;
#for I TM
#for J ${TN / 4}
    var acc_$I_$J = vec4<f32>();
#end
#end
#if BUFFERS == 2
    var from_a = 0u;
    var from_b = 0u;
#else
    let from_a = 0u;
    let from_b = 0u;
#endif
#include gemm_tiled_keep
    workgroupBarrier();
    while k0 < k_end {
#include gemm_next
#for Q ${DEPTH / 4 / SLICES}
        {
            let four = slice * ${DEPTH / 4 / SLICES}u + $Qu;
#if AK
#for I TM
            let a_$I = tile_a[from_a + (y + ${I * ROWS}u) * $PITCHu + four];
#end
#else
#for K 4
#for I ${TM / 4}
            let a_$K_$I = tile_a[from_a + (four * 4u + $Ku) * ${BM / 4}u + y + ${I * ROWS}u];
#end
#end
#endif
#for J ${TN / 4}
#if BK
#for P 4
            let b_$J_$P = tile_b[from_b + (x + ${J * COLUMNS}u) * $PITCHu + four + ${GROUPB * P}u];
#end
#endif
#for K 4
#if BK
            let b_$J_$K_n = vec4<f32>(b_$J_0[$K], b_$J_1[$K], b_$J_2[$K], b_$J_3[$K]);
#else
            let b_$J_$K_n = tile_b[from_b + (four * 4u + $Ku) * ${BN / 4}u + x + ${J * COLUMNS}u];
#endif
#for I TM
#if AK
            acc_$I_$J = fma(vec4<f32>(a_$I[$K]), b_$J_$K_n, acc_$I_$J);
#else
            acc_$I_$J = fma(vec4<f32>(a_$K_${I / 4}[${I % 4}]), b_$J_$K_n, acc_$I_$J);
#endif
#end
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
#include gemm_tiled_keep
        workgroupBarrier();
    }

    // the sums of the teams, by way of workgroup memory
#if SLICES == 4
    if slice == 2u {
#for I TM
#for J ${TN / 4}
        tile_a[local - ${TEAM * 2}u + ${TN / 4 * I + J * TEAM}u] = acc_$I_$J;
#end
#end
    }
    if slice == 3u {
#for I TM
#for J ${TN / 4}
        tile_b[local - ${TEAM * 3}u + ${TN / 4 * I + J * TEAM}u] = acc_$I_$J;
#end
#end
    }
    workgroupBarrier();
    if slice == 0u {
#for I TM
#for J ${TN / 4}
        acc_$I_$J += tile_a[local + ${TN / 4 * I + J * TEAM}u];
#end
#end
    }
    if slice == 1u {
#for I TM
#for J ${TN / 4}
        acc_$I_$J += tile_b[local - $TEAMu + ${TN / 4 * I + J * TEAM}u];
#end
#end
    }
#endif
#if !ONE
#if SLICES == 4
    workgroupBarrier();
#endif
    if slice == 1u {
#for I TM
#for J ${TN / 4}
        tile_a[local - $TEAMu + ${TN / 4 * I + J * TEAM}u] = acc_$I_$J;
#end
#end
    }
    workgroupBarrier();
    if slice != 0u {
        return;
    }
#for I TM
#for J ${TN / 4}
    acc_$I_$J += tile_a[local + ${TN / 4 * I + J * TEAM}u];
#end
#end
#endif

#if THROUGH
#for G ${TM / 4}
    {
        // what these four rows take is all asked for before any of it is waited for, and nothing of it belongs to a branch, where
        // compilers would move it
#for J ${TN / 4}
        let n_$J = (x + ${J * COLUMNS}u) * 4u;
#end
#for I 4
#if AK
        let m_$I = m0 + y + ${G * 4 + I * ROWS}u;
#else
        let m_$I = m0 + (y + ${G * ROWS}u) * 4u + $Iu;
#endif
        let place_$I = place_c(m_$I, n0, tile.split);
#for J ${TN / 4}
        let real_$I_$J = place_$I.real & (n0 + n_$J < params.n);
        let at_$I_$J = select(0u, (place_$I.at + n_$J) >> 2u, real_$I_$J);
        let others_$I_$J = bring(at_$I_$J);
#end
#end
#for I 4
#for J ${TN / 4}
        let results_$I_$J = finish(others_$I_$J, acc_${G * 4 + I}_$J);
#end
#end
#for I 4
#for J ${TN / 4}
        if real_$I_$J {
            store(at_$I_$J, results_$I_$J);
        }
#end
#end
    }
#end
#else
#for I TM
    {
#if AK
        let m = m0 + y + ${I * ROWS}u;
#else
        let m = m0 + (y + ${I / 4 * ROWS}u) * 4u + ${I % 4}u;
#endif
        let place = place_c(m, n0, tile.split);
        if place.real {
#for J ${TN / 4}
            let n_$J = (x + ${J * COLUMNS}u) * 4u;
#if VC
            if n0 + n_$J < params.n {
                c[(place.at + n_$J) >> 2u] = vec4<$RESULT>(acc_$I_$J);
            }
#else
#for P 4
            if n0 + n_$J + $Pu < params.n {
                c[place.at + n_$J + $Pu] = $RESULT(acc_$I_$J[$P]);
            }
#end
#endif
#end
        }
    }
#end
#endif
}
