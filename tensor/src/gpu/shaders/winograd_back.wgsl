// y = (Aᵀ m A) of the tile m[place · m_stride + m_at] whose corner is at (top, left) of `image`, in the channels of `quad`, of which there are
// `quads`. Pixels beyond the edge are not stored. THROUGH: handed to `finish` instead.
#for J ${OUT + 2}
    let column_$J = output_line(Inputs(
#for I ${OUT + 2}
        m[${OUT + 2 * I + J}u * m_stride + m_at],
#end
    ));
#end
#for I OUT
    if top + $Iu < params.oh {
        let row = output_line(Inputs(
#for J ${OUT + 2}
            column_$J.v$I,
#end
        ));
        let at = ((image * params.oh + top + $Iu) * params.ow + left) * quads + quad;
#for J OUT
        if left + $Ju < params.ow {
#if THROUGH
            finish(at + $Ju * quads, row.v$J);
#else
            y[at + $Ju * quads] = vec4<$RESULT>(row.v$J);
#endif
        }
#end
    }
#end
