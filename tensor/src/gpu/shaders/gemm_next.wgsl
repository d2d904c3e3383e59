        // What this thread brings for the next steps, if there are any.
        k0 += $DEPTHu;
        if k0 < k_end {
#for Q QA
            step_a_$Q = next(step_a_$Q);
            new_a_$Q = four_a(row_a_$Q, step_a_$Q, m0 + am_$Q, k0 + ak_$Q, k_end);
#end
#for Q QB
            step_b_$Q = next(step_b_$Q);
            new_b_$Q = four_b(row_b_$Q, step_b_$Q, n0 + bn_$Q, k0 + bk_$Q, k_end);
#end
        }
