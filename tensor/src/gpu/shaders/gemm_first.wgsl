    // Which tile this is, and what this thread brings from memory: its vec4 new_a_Q is the four neighbours of a from line am_Q of the
    // tile and step ak (or ak_Q) on, new_b_Q those of b. Those of the first steps:
    let number = group.y * groups.x + group.x;
    if number >= params.groups {
        return;
    }
    let tile = enter(number);
    let m0 = tile.m;
    let n0 = tile.n;
    let k_end = tile.k_end;
    var k0 = tile.k;

#if EVEN
    var step = step_of(k0);
    var along_a = fours(offset_a(step));
    var along_b = fours(offset_b(step));
#endif
#if AK
    // all of a thread's belong to the same steps
    let ak = local % ${DEPTH / 4}u * 4u;
#if !EVEN
    var step_a = step_of(k0 + ak);
    var along_a = offset_a(step_a);
#endif
#endif
#for Q QA
#if AK
    let ak_$Q = ak;
    let am_$Q = (local + ${Q * THREADS}u) / ${DEPTH / 4}u;
#else
    let ak_$Q = (local + ${Q * THREADS}u) / ${BM / 4}u;
    let am_$Q = (local + ${Q * THREADS}u) % ${BM / 4}u * 4u;
#endif
#if EVEN
    let row_a_$Q = even_a(m0 + am_$Q, ak_$Q);
    let new_a_$Q = four_a(row_a_$Q, step, along_a, m0 + am_$Q, k0 + ak_$Q, k_end);
#else
    let row_a_$Q = row_a(m0 + am_$Q);
#if AK
    let new_a_$Q = four_a(row_a_$Q, step_a, along_a, m0 + am_$Q, k0 + ak, k_end);
#else
    var step_a_$Q = step_of(k0 + ak_$Q);
    let new_a_$Q = four_a(row_a_$Q, step_a_$Q, offset_a(step_a_$Q), m0 + am_$Q, k0 + ak_$Q, k_end);
#endif
#endif
#end
#if BK
    // all of a thread's belong to the same steps
    let bk = local % ${DEPTH / 4}u * 4u;
#if !EVEN
    var step_b = step_of(k0 + bk);
    var along_b = offset_b(step_b);
#endif
#endif
#for Q QB
#if BK
    let bk_$Q = bk;
    let bn_$Q = (local + ${Q * THREADS}u) / ${DEPTH / 4}u;
#else
    // where there are more threads than vec4s, those beyond bring one again that nobody stores
    let bk_$Q = min((local + ${Q * THREADS}u) / ${BN / 4}u, ${DEPTH - 1}u);
    let bn_$Q = (local + ${Q * THREADS}u) % ${BN / 4}u * 4u;
#endif
#if EVEN
    let row_b_$Q = even_b(n0 + bn_$Q, bk_$Q);
    let new_b_$Q = four_b(row_b_$Q, step, along_b, n0 + bn_$Q, k0 + bk_$Q, k_end);
#else
    let row_b_$Q = own(row_b(n0 + bn_$Q), local);
#if BK
    let new_b_$Q = four_b(row_b_$Q, step_b, along_b, n0 + bn_$Q, k0 + bk, k_end);
#else
    var step_b_$Q = step_of(k0 + bk_$Q);
    let new_b_$Q = four_b(row_b_$Q, step_b_$Q, offset_b(step_b_$Q), n0 + bn_$Q, k0 + bk_$Q, k_end);
#endif
#endif
#end
