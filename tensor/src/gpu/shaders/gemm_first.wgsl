    // Which tile this is, and what this thread brings from memory: its vec4 new_a_Q is the four neighbours of a from line am_Q of the
    // tile and step ak_Q on, new_b_Q those of b. Those of the first steps:
    let number = group.y * groups.x + group.x;
    if number >= params.groups {
        return;
    }
    let tile = enter(number);
    let m0 = tile.m;
    let n0 = tile.n;
    let k_end = tile.k_end;
    var k0 = tile.k;

#for Q QA
#if AK
    let am_$Q = (local + ${Q * THREADS}u) / ${DEPTH / 4}u;
    let ak_$Q = (local + ${Q * THREADS}u) % ${DEPTH / 4}u * 4u;
#else
    let am_$Q = (local + ${Q * THREADS}u) % ${BM / 4}u * 4u;
    let ak_$Q = (local + ${Q * THREADS}u) / ${BM / 4}u;
#endif
    let row_a_$Q = row_a(m0 + am_$Q);
    var step_a_$Q = step_of(k0 + ak_$Q);
    var new_a_$Q = four_a(row_a_$Q, step_a_$Q, m0 + am_$Q, k0 + ak_$Q, k_end);
#end
#for Q QB
#if BK
    let bn_$Q = (local + ${Q * THREADS}u) / ${DEPTH / 4}u;
    let bk_$Q = (local + ${Q * THREADS}u) % ${DEPTH / 4}u * 4u;
#else
    let bn_$Q = (local + ${Q * THREADS}u) % ${BN / 4}u * 4u;
    let bk_$Q = (local + ${Q * THREADS}u) / ${BN / 4}u;
#endif
    let row_b_$Q = row_b(n0 + bn_$Q);
    var step_b_$Q = step_of(k0 + bk_$Q);
    var new_b_$Q = four_b(row_b_$Q, step_b_$Q, n0 + bn_$Q, k0 + bk_$Q, k_end);
#end
