//! Products of arrays that hold infinities: what a kernel reads beyond the edges must not turn them into NaN.

use super::primitives::{families, numbers};
use super::*;
use crate::DType;
use crate::primitive::{MatMul, Primitive};

#[test]
fn an_infinity_in_the_last_step_stays_in_its_row() {
    for gpu in families() {
        for (m, n, k) in [(4, 4, 1), (5, 9, 2), (17, 33, 7), (8, 16, 5), (3, 70, 611)] {
            for (a_transposed, b_transposed) in
                [(false, false), (false, true), (true, false), (true, true)]
            {
                let s = MatMul {
                    batch: 1,
                    m,
                    n,
                    k,
                    a_transposed,
                    b_transposed,
                    a_batched: false,
                    b_batched: false,
                };
                let (mut a, b) = (numbers(m * k, 0), numbers(k * n, 1));
                let (row, last) = (m - 1, k - 1);
                a[if a_transposed {
                    last * m + row
                } else {
                    row * k + last
                }] = f32::INFINITY;
                let wide = |x: &[f32]| x.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
                let want = naive::run(&Primitive::MatMul(s), &[wide(&a), wide(&b)]);
                let [a, b] = [a, b].map(|x| gpu.upload(bytemuck::cast_slice(&x)).unwrap());
                let c = gpu
                    .run(&Primitive::MatMul(s), DType::F32, &[&a, &b])
                    .unwrap();
                let bytes = gpu.read(&c, want.len() * 4).unwrap();
                let got: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
                for (i, (got, want)) in got.iter().map(|v| f64::from(*v)).zip(&want).enumerate() {
                    assert_eq!(want.is_infinite(), i / n == row);
                    let close = got == *want || (got - want).abs() < 1e-5 * k as f64;
                    assert!(close, "{s:?}: element {i} is {got}, not {want}");
                }
            }
        }
    }
}
