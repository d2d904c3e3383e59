        // What this thread brings for the next steps; if there are none, whatever is there. Not in a branch: where branches meet, compilers
        // move numbers from register to register, and wait for them.
        k0 += $DEPTHu;
#if EVEN
        // the last ones again rather than what lies behind them
        step = next(step, select(0u, $DEPTHu, k0 < k_end));
        along_a = fours(offset_a(step));
#for Q QA
        let new_a_$Q = four_a(row_a_$Q, step, along_a, 0u, 0u, 1u);
#end
#else
#if AK
        step_a = next(step_a, $DEPTHu);
        along_a = offset_a(step_a);
#endif
#for Q QA
#if AK
        let new_a_$Q = four_a(row_a_$Q, step_a, along_a, m0 + am_$Q, k0 + ak, k_end);
#else
        step_a_$Q = next(step_a_$Q, $DEPTHu);
        let new_a_$Q = four_a(row_a_$Q, step_a_$Q, offset_a(step_a_$Q), m0 + am_$Q, k0 + ak_$Q, k_end);
#endif
#end
#endif
#if EVEN
        along_b = fours(offset_b(step));
#for Q QB
        let new_b_$Q = four_b(row_b_$Q, step, along_b, 0u, 0u, 1u);
#end
#else
#if BK
        step_b = next(step_b, $DEPTHu);
        along_b = offset_b(step_b);
#endif
#for Q QB
#if BK
        let new_b_$Q = four_b(row_b_$Q, step_b, along_b, n0 + bn_$Q, k0 + bk, k_end);
#else
        step_b_$Q = next(step_b_$Q, $DEPTHu);
        let new_b_$Q = four_b(row_b_$Q, step_b_$Q, offset_b(step_b_$Q), n0 + bn_$Q, k0 + bk_$Q, k_end);
#endif
#end
#endif
