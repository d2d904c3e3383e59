use proptest::prelude::*;

use super::{check, integers};
use crate::cpu::{CpuView, run};
use crate::primitive::{Conv2d, ConvPass, Primitive};
use crate::{Winograd, with_winograd};

/// Calls `f(x index, weight index, y index)` for every product of the convolution.
fn each_product(s: &Conv2d, mut f: impl FnMut(usize, usize, usize)) {
    for n in 0..s.n {
        for (i, j) in (0..s.oh).flat_map(|i| (0..s.ow).map(move |j| (i, j))) {
            for (di, dj) in (0..s.kh).flat_map(|i| (0..s.kw).map(move |j| (i, j))) {
                let h = (i * s.stride + di).wrapping_sub(s.pad);
                let w = (j * s.stride + dj).wrapping_sub(s.pad);
                if h >= s.h || w >= s.w {
                    continue;
                }
                for (o, c) in (0..s.o).flat_map(|o| (0..s.c).map(move |c| (o, c))) {
                    f(
                        ((n * s.h + h) * s.w + w) * s.c + c,
                        ((o * s.kh + di) * s.kw + dj) * s.c + c,
                        ((n * s.oh + i) * s.ow + j) * s.o + o,
                    );
                }
            }
        }
    }
}

/// Sums as they are defined, so that nothing is rounded.
fn check_all_passes(s: &Conv2d) {
    with_winograd(Winograd::Off, || check_exactly(s));
}

fn check_exactly(s: &Conv2d) {
    let x = integers(s.n * s.h * s.w * s.c, 1);
    let w = integers(s.o * s.kh * s.kw * s.c, 2);
    let g = integers(s.n * s.oh * s.ow * s.o, 3);
    let (mut y, mut dx, mut dw) = (vec![0.0; g.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
    each_product(s, |i, j, k| {
        y[k] += x[i] * w[j];
        dx[i] += g[k] * w[j];
        dw[j] += g[k] * x[i];
    });
    check(
        &Primitive::Conv(ConvPass::Forward, *s),
        &[&x, &w],
        None,
        &y,
        0.0,
    );
    check(
        &Primitive::Conv(ConvPass::InputGrad, *s),
        &[&g, &w],
        None,
        &dx,
        0.0,
    );
    check(
        &Primitive::Conv(ConvPass::WeightGrad, *s),
        &[&x, &g],
        None,
        &dw,
        0.0,
    );
}

/// A geometry with its output size, or none if the kernel is larger than the padded image.
fn geometry(
    (n, h, w): (usize, usize, usize),
    (c, o): (usize, usize),
    (kh, kw, stride, pad): (usize, usize, usize, usize),
) -> Option<Conv2d> {
    let out = |len: usize, k: usize| Some((len + 2 * pad).checked_sub(k)? / stride + 1);
    Some(Conv2d {
        n,
        h,
        w,
        c,
        o,
        kh,
        kw,
        stride,
        pad,
        oh: out(h, kh)?,
        ow: out(w, kw)?,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn small_geometries(
        image in (0..9usize, 0..10usize, 0..10usize),
        channels in (0..20usize, 0..20usize),
        kernel in (1..6usize, 1..6usize, 1..4usize, 0..4usize),
    ) {
        let s = geometry(image, channels, kernel);
        prop_assume!(s.is_some());
        check_all_passes(&s.unwrap());
    }

    #[test]
    fn usual_kernels(
        image in (1..9usize, 1..18usize, 1..18usize),
        c in prop::sample::select(vec![1, 3, 8, 16, 24, 33]),
        o in prop::sample::select(vec![1, 3, 8, 16, 31, 48]),
        (k, pad) in prop::sample::select(vec![(1, 0), (3, 1), (3, 0), (5, 2), (2, 0), (4, 1)]),
        stride in 1..3usize,
    ) {
        let s = geometry(image, (c, o), (k, k, stride, pad));
        prop_assume!(s.is_some());
        check_all_passes(&s.unwrap());
    }
}

/// The shapes of the models, large enough to run on several threads.
#[test]
fn model_shapes() {
    for (n, side, c, o, k, stride, pad) in [
        (16, 32, 3, 64, 3, 1, 1),
        (4, 32, 64, 64, 3, 1, 1),
        (5, 16, 64, 128, 3, 2, 1),
        (16, 8, 32, 32, 3, 1, 1),
        (16, 4, 64, 64, 3, 1, 1),
        (64, 2, 64, 64, 3, 1, 1),
        (7, 16, 64, 32, 1, 1, 0),
        (7, 16, 32, 64, 1, 2, 0),
        (3, 32, 16, 1, 3, 1, 1),
        (64, 4, 128, 10, 4, 1, 0),
        // bands of few images
        (2, 33, 3, 32, 3, 2, 1),
        (1, 40, 1, 40, 5, 1, 2),
    ] {
        check_all_passes(&geometry((n, side, side), (c, o), (k, k, stride, pad)).unwrap());
    }
}

/// The largest error of each pass by minimal filtering, as a multiple of the rounding unit times the root mean square of
/// the exact result.
fn winograd_errors(s: &Conv2d, choice: Winograd) -> [f64; 3] {
    let numbers = |len: usize, stream: u64| -> Vec<f32> {
        let key = crate::RngKey::new(stream, 7);
        let four = (0..len.div_ceil(4) as u32).flat_map(|i| key.block(i));
        four.map(crate::random::uniform)
            .map(|u| 2.0 * u - 1.0)
            .take(len)
            .collect()
    };
    let x = numbers(s.n * s.h * s.w * s.c, 1);
    let w = numbers(s.o * s.kh * s.kw * s.c, 2);
    let g = numbers(s.n * s.oh * s.ow * s.o, 3);
    let (mut y, mut dx, mut dw) = (vec![0.0; g.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
    each_product(s, |i, j, k| {
        y[k] += f64::from(x[i]) * f64::from(w[j]);
        dx[i] += f64::from(g[k]) * f64::from(w[j]);
        dw[j] += f64::from(g[k]) * f64::from(x[i]);
    });
    let passes = [
        (ConvPass::Forward, [&x, &w], &y),
        (ConvPass::InputGrad, [&g, &w], &dx),
        (ConvPass::WeightGrad, [&x, &g], &dw),
    ];
    passes.map(|(pass, inputs, want)| {
        let views = inputs.map(|input| CpuView::F32(input));
        let got = with_winograd(choice, || run(&Primitive::Conv(pass, *s), &views)).unwrap();
        let got = got.view().elements::<f32>("test").unwrap();
        let square: f64 = want.iter().map(|v| v * v).sum();
        let size = (square / want.len().max(1) as f64).sqrt();
        let error = |(got, want): (&f32, &f64)| (f64::from(*got) - want).abs();
        let worst = got.iter().zip(want).map(error).fold(0.0, f64::max);
        worst / (size * f64::from(f32::EPSILON))
    })
}

#[test]
fn minimal_filtering_against_f64() {
    // limits: half as much again as was measured
    for (image, channels, pad, limits, weight_limits) in [
        (
            (4, 32, 32),
            (64, 64),
            1,
            [63.0, 24.0, 85.0],
            [21.0, 17.0, 42.0],
        ),
        (
            (16, 4, 4),
            (128, 64),
            1,
            [54.0, 24.0, 130.0],
            [19.0, 15.0, 49.0],
        ),
        (
            (5, 7, 9),
            (16, 48),
            1,
            [33.0, 33.0, 61.0],
            [15.0, 15.0, 34.0],
        ),
        (
            (3, 8, 5),
            (40, 16),
            0,
            [22.0, 22.0, 28.0],
            [11.0, 11.0, 11.0],
        ),
        (
            (3, 6, 11),
            (16, 24),
            2,
            [29.0, 23.0, 40.0],
            [11.0, 11.0, 11.0],
        ),
        (
            (70, 2, 3),
            (32, 32),
            1,
            [26.0, 26.0, 26.0],
            [16.0, 16.0, 16.0],
        ),
        (
            (1, 1, 40),
            (64, 12),
            1,
            [18.0, 18.0, 18.0],
            [16.0, 16.0, 16.0],
        ),
    ] {
        let (k, stride) = (3, 1);
        let s = geometry(image, channels, (k, k, stride, pad)).unwrap();
        let choices = [Winograd::Off, Winograd::Two, Winograd::Four];
        let limits = limits.into_iter().zip(weight_limits);
        for (choice, (limit, weight_limit)) in choices.into_iter().zip(limits) {
            let errors @ [forward, input, weight] = winograd_errors(&s, choice);
            println!("{image:?} {channels:?} {choice:?} {errors:.1?}");
            let fits = forward < limit && input < limit && weight < weight_limit;
            assert!(fits, "{s:?} {choice:?}: {errors:?}");
        }
    }
}
