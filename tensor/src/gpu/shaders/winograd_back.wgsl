// y = (Aᵀ m A) of the tile m[place · m_stride + m_at] whose corner is at (top, left) of `image`, in the channels of `quad`, of which there are
// `quads`. Pixels beyond the edge are not stored. THROUGH as in winograd_output.
#for J ${OUT + 2}
    let column_$J = output_line(Inputs(
#for I ${OUT + 2}
        m[${OUT + 2 * I + J}u * m_stride + m_at],
#end
    ));
#end
#for I OUT
    {
        let at = ((image * params.oh + top + $Iu) * params.ow + left) * quads + quad;
#for J OUT
        let real_$J = (top + $Iu < params.oh) & (left + $Ju < params.ow);
#if THROUGH
        let at_$J = select(0u, at + $Ju * quads, real_$J);
        let others_$J = bring(at_$J);
#endif
#end
        let row = output_line(Inputs(
#for J ${OUT + 2}
            column_$J.v$I,
#end
        ));
#if THROUGH
#for J OUT
        let results_$J = finish(others_$J, row.v$J);
#end
#endif
#for J OUT
        if real_$J {
#if THROUGH
            store(at_$J, results_$J);
#else
            y[at + $Ju * quads] = vec4<$RESULT>(row.v$J);
#endif
        }
#end
    }
#end
