    // What was brought becomes f16 and goes to workgroup memory.
#for Q QA
    let brought_a_$Q = settled(new_a_$Q);
#end
#for Q QB
    let brought_b_$Q = settled(new_b_$Q);
#end
#if SPLIT
#if READY
#for Q QA
    tile_a[from_a + to_a_$Q] = to_halves(brought_a_$Q.xy);
    lost_a[from_a + to_a_$Q] = to_halves(brought_a_$Q.zw);
#end
#for Q QB
    tile_b[from_b + to_b_$Q] = to_halves(brought_b_$Q.xy);
    lost_b[from_b + to_b_$Q] = to_halves(brought_b_$Q.zw);
#end
#else
    var least = vec4<u32>(SMALL);
#for Q QA
    least = min(least, size(brought_a_$Q));
    var half_a_$Q = cut(brought_a_$Q);
#end
#for Q QB
    least = min(least, size(brought_b_$Q));
    var half_b_$Q = cut(brought_b_$Q);
#end
    if any(least < vec4<u32>(SMALL)) {
#for Q QA
        half_a_$Q = cut_small(brought_a_$Q);
#end
#for Q QB
        half_b_$Q = cut_small(brought_b_$Q);
#end
    }
#for Q QA
    tile_a[from_a + to_a_$Q] = vec4<f16>(half_a_$Q);
    lost_a[from_a + to_a_$Q] = vec4<f16>(loss(brought_a_$Q, half_a_$Q));
#end
#for Q QB
    tile_b[from_b + to_b_$Q] = vec4<f16>(half_b_$Q);
    lost_b[from_b + to_b_$Q] = vec4<f16>(loss(brought_b_$Q, half_b_$Q));
#end
#endif
#else
#for Q QA
    tile_a[from_a + to_a_$Q] = to_halves(brought_a_$Q);
#end
#for Q QB
    tile_b[from_b + to_b_$Q] = to_halves(brought_b_$Q);
#end
#endif
