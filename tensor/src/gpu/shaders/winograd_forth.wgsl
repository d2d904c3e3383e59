// v[place · v_stride + v_at] = (Bᵀ d B)[place] of the tile d of x whose corner is at (top, left) of `image`, in the channels of `quad`, of which
// there are `quads`. BRANCH: on rasterisers a branch around what lies outside of the image costs less than it saves, on cards more.
#for I ${OUT + 2}
    let real_$I = top + $Iu < params.h;
    let row_$I = (image * params.h + top + $Iu) * params.w;
#end
#for J ${OUT + 2}
    let j_$J = left + $Ju;
#for I ${OUT + 2}
#if BRANCH
    let inside_$I_$J = real_$I && j_$J < params.w;
#else
    let inside_$I_$J = real_$I & (j_$J < params.w);
#endif
    let d_$I_$J = select(vec4<f32>(), vec4<f32>(x[select(0u, (row_$I + j_$J) * quads + quad, inside_$I_$J)]), inside_$I_$J);
#end
    let column_$J = input_line(Inputs(
#for I ${OUT + 2}
        d_$I_$J,
#end
    ));
#end
#for I ${OUT + 2}
    let out_$I = input_line(Inputs(
#for J ${OUT + 2}
        column_$J.v$I,
#end
    ));
#for J ${OUT + 2}
#if SPLIT
    v[${OUT + 2 * I + J}u * v_stride + v_at] = split(out_$I.v$J);
#else
    v[${OUT + 2 * I + J}u * v_stride + v_at] = out_$I.v$J;
#endif
#end
#end
