use proptest::prelude::*;

use super::super::{CpuView, run};
use super::{check, integers};
use crate::RngKey;
use crate::primitive::{Primitive, Reduce, ReduceKind};
use crate::random::uniform;

fn check_reductions(s: &Reduce) {
    let x = integers(s.outer * s.len * s.inner, 1);
    let (mut sum, mut max, mut argmax) = (vec![], vec![], vec![]);
    for at in 0..s.outer * s.inner {
        let (i, j) = (at / s.inner, at % s.inner);
        let column = (0..s.len).map(|k| x[(i * s.len + k) * s.inner + j]);
        let largest = column.clone().fold(f64::NEG_INFINITY, f64::max);
        sum.push(column.clone().sum());
        argmax.push(column.clone().position(|x| x == largest).unwrap_or(0) as f64);
        max.push(largest);
    }
    check(
        &Primitive::Reduce(ReduceKind::Sum, *s),
        &[&x],
        None,
        &sum,
        0.0,
    );
    check(
        &Primitive::Reduce(ReduceKind::Max, *s),
        &[&x],
        None,
        &max,
        0.0,
    );
    check(
        &Primitive::Reduce(ReduceKind::ArgMax, *s),
        &[&x],
        None,
        &argmax,
        0.0,
    );
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), Just(1), 2..6usize, 6..70usize]
}

proptest! {
    #[test]
    fn small_geometries(outer in length(), len in length(), inner in length()) {
        check_reductions(&Reduce { outer, len, inner });
    }
}

#[test]
fn long_axes_are_cut() {
    for (outer, len, inner) in [
        (1, 200_000, 1),
        (3, 70_001, 1),
        (1, 5_000, 64),
        (1, 3, 100_000),
        (2, 1_000, 300),
        (70_000, 2, 1),
    ] {
        check_reductions(&Reduce { outer, len, inner });
    }
}

/// Ten million numbers near 1/2: a running f32 sum is off by 1e-3, pairwise by 1e-6.
#[test]
fn a_sum_rounds_once() {
    let key = RngKey::new(1, 1);
    let x: Vec<f32> = (0..10_000_000 / 4)
        .flat_map(|b| key.block(b).map(uniform))
        .collect();
    let exact: f64 = x.iter().map(|x| f64::from(*x)).sum();
    let s = Reduce {
        outer: 1,
        len: x.len(),
        inner: 1,
    };
    let got = run(&Primitive::Reduce(ReduceKind::Sum, s), &[CpuView::F32(&x)]).unwrap();
    assert_eq!(got.view().elements::<f32>("test").unwrap(), [exact as f32]);
}
