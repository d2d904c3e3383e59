    // What was brought goes to workgroup memory.
#for Q QA
    tile_a[from_a + to_a_$Q] = vec4<f32>(settled(new_a_$Q));
#end
#for Q QB
#if QUADSB < THREADS
    if local < $QUADSBu {
        tile_b[from_b + to_b_$Q] = vec4<f32>(settled(new_b_$Q));
    }
#else
    tile_b[from_b + to_b_$Q] = vec4<f32>(settled(new_b_$Q));
#endif
#end
