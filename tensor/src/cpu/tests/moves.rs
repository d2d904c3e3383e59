use proptest::prelude::*;

use super::super::{CpuView, run};
use super::{check, integers};
use crate::primitive::{Concat, Embed, Gather, Primitive};

fn check_gather(s: &Gather) {
    let x = integers(s.rows * s.inner, 1);
    let g = integers(s.picks * s.inner, 2);
    let key = crate::RngKey::new(3, 0);
    let index: Vec<u32> = (0..s.picks as u32)
        .map(|i| key.block(i)[0] % (s.rows as u32 + 2))
        .map(|i| if i > s.rows as u32 { u32::MAX } else { i })
        .collect();
    let mut gathered = vec![0.0; g.len()];
    let mut scattered = vec![0.0; x.len()];
    for (pick, row) in index.iter().map(|i| *i as usize).enumerate() {
        if row < s.rows {
            for j in 0..s.inner {
                gathered[pick * s.inner + j] = x[row * s.inner + j];
                scattered[row * s.inner + j] += g[pick * s.inner + j];
            }
        }
    }
    check(&Primitive::Gather(*s), &[&x], Some(&index), &gathered, 0.0);
    check(
        &Primitive::ScatterAdd(*s),
        &[&g],
        Some(&index),
        &scattered,
        0.0,
    );
    let x: Vec<u32> = x.iter().map(|x| (*x + 4.0) as u32).collect();
    let got = run(
        &Primitive::Gather(*s),
        &[CpuView::U32(&x), CpuView::U32(&index)],
    )
    .unwrap();
    for (pick, row) in index.iter().map(|i| *i as usize).enumerate() {
        let got = &got.view().elements::<u32>("test").unwrap()[pick * s.inner..][..s.inner];
        if row < s.rows {
            assert_eq!(got, &x[row * s.inner..][..s.inner]);
        } else {
            assert!(got.iter().all(|x| *x == 0));
        }
    }
}

fn check_embed(s: &Embed) {
    let x = integers(s.shape.iter().product(), 1);
    let mut y = vec![0.0; s.out.iter().product()];
    for (from, x) in x.iter().enumerate() {
        let (mut rest, mut to, mut inner) = (from, 0, 1);
        for axis in (0..s.shape.len()).rev() {
            to += (s.start[axis] + rest % s.shape[axis] * s.step[axis]) * inner;
            rest /= s.shape[axis];
            inner *= s.out[axis];
        }
        y[to] = *x;
    }
    check(&Primitive::Embed(s.clone()), &[&x], None, &y, 0.0);
}

/// Axes as (length, zeros before, step, zeros after).
fn embedding(axes: &[(usize, usize, usize, usize)]) -> Embed {
    let span = |len: usize, step: usize| if len == 0 { 0 } else { (len - 1) * step + 1 };
    Embed {
        shape: axes.iter().map(|a| a.0).collect(),
        out: axes.iter().map(|a| a.1 + span(a.0, a.2) + a.3).collect(),
        start: axes.iter().map(|a| a.1).collect(),
        step: axes.iter().map(|a| a.2).collect(),
    }
}

fn check_concat(s: &Concat) {
    let inputs: Vec<Vec<f64>> = (0..s.lens.len())
        .map(|i| integers(s.outer * s.lens[i] * s.inner, i as u32))
        .collect();
    let mut y = vec![];
    for i in 0..s.outer {
        for (x, len) in inputs.iter().zip(&s.lens) {
            y.extend_from_slice(&x[i * len * s.inner..][..len * s.inner]);
        }
    }
    let inputs: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
    check(&Primitive::Concat(s.clone()), &inputs, None, &y, 0.0);
}

proptest! {
    #[test]
    fn gather_and_scatter(rows in 0..30usize, picks in 0..60usize, inner in 0..20usize) {
        check_gather(&Gather { rows, picks, inner });
    }

    #[test]
    fn embed(axes in prop::collection::vec((0..5usize, 0..3usize, 1..4usize, 0..3usize), 0..5)) {
        check_embed(&embedding(&axes));
    }

    #[test]
    fn concat(
        outer in 0..5usize,
        lens in prop::collection::vec(0..5usize, 1..5),
        inner in 0..5usize,
    ) {
        check_concat(&Concat { outer, lens, inner });
    }
}

#[test]
fn parallel_sizes() {
    for (rows, picks, inner) in [(500, 700, 70), (50_000, 60_000, 1), (3, 40_000, 2)] {
        check_gather(&Gather { rows, picks, inner });
    }
    let whole = |len| (len, 0, 1, 0);
    check_embed(&embedding(&[
        whole(9),
        (32, 1, 1, 1),
        (32, 1, 1, 1),
        whole(16),
    ]));
    check_embed(&embedding(&[
        whole(9),
        (16, 0, 2, 1),
        (16, 1, 2, 0),
        whole(16),
    ]));
    check_embed(&embedding(&[whole(1), (400, 0, 1, 0), (100, 3, 2, 0)]));
    check_concat(&Concat {
        outer: 300,
        lens: vec![100, 0, 57],
        inner: 3,
    });
}
