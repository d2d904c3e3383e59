// acc_I_J = Σ over `depth` steps of a[row_I, k] · b[k, n_J …+ 4], for TM rows and columns n_J = n0 + 32·J. `number_of_a` and `column_of_a` tell where a
// is, whose steps begin at k_first. b begins at b_first, [depth, columns] or, BT, [columns, depth]; lanes beyond `columns` repeat the last ones.
#for J TNV
    let n_$J = n0 + ${J * 32}u;
#if BT
#for N 4
    let b_at_$J_$N = (b_first + (min(n_$J, columns - 4u) + $Nu) * depth) >> 2u;
#end
#else
    let b_at_$J = (b_first + min(n_$J, columns - 4u)) >> 2u;
#endif
#end
    let b_stride = columns >> 2u;
#for I TM
#for J TNV
    var acc_$I_$J = vec4<f32>();
#end
#end

    for (var k = 0u; k < depth; k += 8u) {
        let column = column_of_a(k_first + k + lane);
#for I TM
        let a_$I = number_of_a(row_$I, column);
#end
#for H 2
#if BT
#for J TNV
#for N 4
        let bt_$H_$J_$N = b[b_at_$J_$N + (k >> 2u) + $Hu];
#end
#end
#endif
#for Q 4
#for J TNV
#if BT
        let b_$H_$Q_$J = vec4<f32>(bt_$H_$J_0[$Q], bt_$H_$J_1[$Q], bt_$H_$J_2[$Q], bt_$H_$J_3[$Q]);
#else
        let b_$H_$Q_$J = b[b_at_$J + (k + ${H * 4 + Q}u) * b_stride];
#endif
#end
#for I TM
        {
            let a_i = subgroupBroadcast(a_$I, ${H * 4 + Q}u);
#for J TNV
            acc_$I_$J += a_i * b_$H_$Q_$J;
#end
        }
#end
#end
#end
    }
