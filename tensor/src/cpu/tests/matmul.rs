use proptest::prelude::*;

use super::{check, integers};
use crate::primitive::{MatMul, Primitive};

fn check_product(s: &MatMul) {
    let a = integers(if s.a_batched { s.batch } else { 1 } * s.m * s.k, 1);
    let b = integers(if s.b_batched { s.batch } else { 1 } * s.k * s.n, 2);
    let mut c = vec![0.0; s.batch * s.m * s.n];
    for (at, c) in c.iter_mut().enumerate() {
        let (batch, i, j) = (at / (s.m * s.n), at / s.n % s.m, at % s.n);
        for k in 0..s.k {
            let in_a = if s.a_transposed {
                k * s.m + i
            } else {
                i * s.k + k
            };
            let in_b = if s.b_transposed {
                j * s.k + k
            } else {
                k * s.n + j
            };
            let a_start = if s.a_batched { batch * s.m * s.k } else { 0 };
            let b_start = if s.b_batched { batch * s.k * s.n } else { 0 };
            *c += a[a_start + in_a] * b[b_start + in_b];
        }
    }
    check(&Primitive::MatMul(*s), &[&a, &b], None, &c, 0.0);
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), Just(1), 2..9usize, 9..70usize]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn all_transpositions_and_batchings(
        batch in 0..6usize,
        m in length(),
        n in length(),
        k in length(),
        a_transposed: bool,
        b_transposed: bool,
        a_batched: bool,
        b_batched: bool,
    ) {
        check_product(&MatMul {
            batch, m, n, k, a_transposed, b_transposed, a_batched, b_batched,
        });
    }
}

#[test]
fn large_and_flat() {
    for (batch, m, n, k) in [
        (1, 150, 130, 170),
        (12, 40, 40, 40),
        (3, 70, 90, 80),
        (1, 700, 1, 600),
        (1, 1, 700, 600),
        (1, 1, 1, 100_000),
        (1, 300, 400, 1),
        (2, 1, 900, 300),
    ] {
        for transposed in 0..4 {
            check_product(&MatMul {
                batch,
                m,
                n,
                k,
                a_transposed: transposed & 1 != 0,
                b_transposed: transposed & 2 != 0,
                a_batched: true,
                b_batched: true,
            });
        }
    }
}
