use proptest::prelude::*;

use super::{check, integers};
use crate::primitive::{Pool2d, PoolPass, Primitive};

fn check_pooling(s: &Pool2d) {
    let x = integers(s.n * s.h * s.w * s.c, 1);
    let g = integers(s.n * s.oh * s.ow * s.c, 2);
    let scale = 1.0 / (s.k * s.k) as f64;
    let mut average = vec![0.0; g.len()];
    let mut spread = vec![0.0; x.len()];
    let mut index = vec![f64::from(u32::MAX); g.len()];
    for at in 0..g.len() {
        let (c, j, i, n) = (
            at % s.c,
            at / s.c % s.ow,
            at / (s.c * s.ow) % s.oh,
            at / (s.c * s.ow * s.oh),
        );
        let mut best = f64::NEG_INFINITY;
        for (di, dj) in (0..s.k).flat_map(|i| (0..s.k).map(move |j| (i, j))) {
            let h = (i * s.stride + di).wrapping_sub(s.pad);
            let w = (j * s.stride + dj).wrapping_sub(s.pad);
            if h < s.h && w < s.w {
                let from = ((n * s.h + h) * s.w + w) * s.c + c;
                average[at] += x[from] * scale;
                spread[from] += g[at] * scale;
                if x[from] > best {
                    best = x[from];
                    index[at] = from as f64;
                }
            }
        }
    }
    check(
        &Primitive::Pool(PoolPass::Average, *s),
        &[&x],
        None,
        &average,
        1e-5,
    );
    check(
        &Primitive::Pool(PoolPass::Spread, *s),
        &[&g],
        None,
        &spread,
        1e-5,
    );
    check(
        &Primitive::Pool(PoolPass::MaxIndex, *s),
        &[&x],
        None,
        &index,
        0.0,
    );
}

fn geometry(
    (n, h, w, c): (usize, usize, usize, usize),
    (k, stride, pad): (usize, usize, usize),
) -> Option<Pool2d> {
    let out = |len: usize| Some((len + 2 * pad).checked_sub(k)? / stride + 1);
    Some(Pool2d {
        n,
        h,
        w,
        c,
        k,
        stride,
        pad,
        oh: out(h)?,
        ow: out(w)?,
    })
}

proptest! {
    #[test]
    fn small_geometries(
        image in (0..4usize, 0..9usize, 0..9usize, 0..20usize),
        window in (1..5usize, 1..5usize, 0..6usize),
    ) {
        let s = geometry(image, window);
        prop_assume!(s.is_some());
        check_pooling(&s.unwrap());
    }
}

#[test]
fn parallel_sizes() {
    for window in [(2, 2, 0), (3, 2, 1), (8, 8, 0)] {
        check_pooling(&geometry((9, 32, 33, 16), window).unwrap());
    }
}
