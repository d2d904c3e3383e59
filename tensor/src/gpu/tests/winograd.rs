//! Minimal filtering on the device: against the definition in f64, and with what follows it.

use proptest::prelude::*;

use super::primitives::numbers;
use super::*;
use crate::DType;
use crate::gpu::way::Plan;
use crate::primitive::{Conv2d, ConvPass, Primitive};
use crate::{Winograd, with_winograd};

/// Devices of both families that filter wherever they can; of the direct one also with lanes that share rows, where there are such.
fn filtering() -> Vec<Gpu> {
    [
        (Family::Direct, true),
        (Family::Direct, false),
        (Family::Tiled, true),
    ]
    .into_iter()
    .filter_map(|(family, smallest_limits)| {
        test_gpu_with(GpuOptions {
            family: Some(family),
            always_winograd: true,
            smallest_limits,
            ..TEST_OPTIONS
        })
    })
    .collect()
}

pub(in crate::gpu) fn geometry(
    [n, h, w]: [usize; 3],
    [c, o]: [usize; 2],
    pad: usize,
) -> Option<Conv2d> {
    let out = |len: usize| Some((len + 2 * pad).checked_sub(3)? + 1);
    Some(Conv2d {
        n,
        h,
        w,
        c,
        o,
        kh: 3,
        kw: 3,
        stride: 1,
        pad,
        oh: out(h)?,
        ow: out(w)?,
    })
}

/// Any image, any padding up to 2, tiles that reach beyond the edge.
#[test]
fn any_geometry() {
    let devices = filtering();
    let channels = |all: &'static [usize]| proptest::sample::select(all);
    let sizes = (
        0usize..4,
        1usize..12,
        1usize..12,
        channels(&[4, 20, 24, 72]),
        channels(&[4, 20, 24, 40, 72, 132]),
    );
    let drawn = (sizes, 0usize..3, any::<bool>());
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(60)
    };
    proptest!(config, |(((n, h, w, c, o), pad, back) in drawn)| {
        let s = geometry([n, h, w], [c, o], pad);
        prop_assume!(s.is_some());
        let pass = [ConvPass::Forward, ConvPass::InputGrad][usize::from(back)];
        for gpu in &devices {
            for (choice, limit) in [(Winograd::Two, 40.0), (Winograd::Four, 130.0)] {
                let error = with_winograd(choice, || error(gpu, pass, s.unwrap()));
                prop_assert!(error < limit, "{s:?} {choice:?} {pass:?}: {error}");
            }
        }
    });
}

/// By lanes in one launch: both sizes of tiles, both numbers of columns a lane, both layouts of the weights, and edges of all.
#[test]
fn lanes_filter_whatever_suits_them() {
    // the direct one with all limits
    let Some(gpu) = filtering().into_iter().nth(1).filter(has_lanes) else {
        return;
    };
    for (channels, pad) in [([24, 72], 0), ([72, 24], 1), ([40, 136], 2)] {
        let s = geometry([3, 7, 10], channels, pad).unwrap();
        for (choice, limit) in [(Winograd::Two, 40.0), (Winograd::Four, 130.0)] {
            for pass in [ConvPass::Forward, ConvPass::InputGrad] {
                let error = with_winograd(choice, || error(&gpu, pass, s));
                assert!(error < limit, "{s:?} {choice:?} {pass:?}: {error}");
            }
        }
    }
    let keys = gpu.compiled().into_iter();
    let by_lanes: Vec<String> = keys
        .filter(|key| key.starts_with("winograd_lanes"))
        .collect();
    assert_eq!(by_lanes.len(), 8, "{by_lanes:?}");
}

/// The largest error of a pass, as a multiple of the rounding unit times the root mean square of the exact result.
fn error(gpu: &Gpu, pass: ConvPass, s: Conv2d) -> f64 {
    let primitive = Primitive::Conv(pass, s);
    let inputs: Vec<Vec<f32>> = primitive
        .input_lens()
        .into_iter()
        .zip(0..)
        .map(|(len, salt)| numbers(len, salt))
        .collect();
    let exact: Vec<Vec<f64>> = inputs
        .iter()
        .map(|x| x.iter().map(|x| f64::from(*x)).collect())
        .collect();
    let want = naive::run(&primitive, &exact);
    if want.is_empty() {
        return 0.0;
    }
    let buffers: Vec<GpuBuffer> = inputs
        .iter()
        .map(|x| gpu.upload(bytemuck::cast_slice(x)).unwrap())
        .collect();
    let output = gpu
        .run(&primitive, DType::F32, &[&buffers[0], &buffers[1]])
        .unwrap();
    let got: Vec<f32> = bytemuck::pod_collect_to_vec(&gpu.read(&output, want.len() * 4).unwrap());
    let square: f64 = want.iter().map(|v| v * v).sum();
    let size = (square / want.len() as f64).sqrt();
    let errors = got
        .iter()
        .zip(&want)
        .map(|(g, w)| (f64::from(*g) - w).abs());
    errors.fold(0.0, f64::max) / (size * f64::from(f32::EPSILON))
}

/// As near to f64 as the CPU's filtering: its test has the same shapes and limits.
#[test]
fn errors_are_those_of_the_cpu() {
    for gpu in filtering() {
        for (image, channels, limits) in [
            ([4, 32, 32], [64, 64], [63.0, 24.0, 85.0]),
            ([16, 4, 4], [128, 64], [54.0, 24.0, 130.0]),
        ] {
            let s = geometry(image, channels, 1).unwrap();
            let choices = [Winograd::Off, Winograd::Two, Winograd::Four];
            for (choice, limit) in choices.into_iter().zip(limits) {
                for pass in [ConvPass::Forward, ConvPass::InputGrad] {
                    let error = with_winograd(choice, || error(&gpu, pass, s));
                    println!(
                        "{:?} {image:?} {choice:?} {pass:?} {error:.1}",
                        gpu.family()
                    );
                    assert!(error < limit, "{s:?} {choice:?} {pass:?}: {error}");
                }
            }
        }
    }
}

/// Filtering is chosen where it saves time, and not where somebody forbids it.
#[test]
fn it_is_chosen_where_it_pays() {
    let Some(gpu) = test_gpu() else { return };
    let launches = |choice, side: usize| {
        let s = geometry([2, side, side], [32, 32], 1).unwrap();
        let primitive = Primitive::Conv(ConvPass::Forward, s);
        let zeros = |len: &usize| gpu.upload(&vec![0; len * 4]).unwrap();
        let inputs: Vec<GpuBuffer> = primitive.input_lens().iter().map(zeros).collect();
        gpu.reset_launches();
        with_winograd(choice, || {
            gpu.run(&primitive, DType::F32, &[&inputs[0], &inputs[1]])
        })
        .unwrap();
        gpu.launches().values().sum::<u64>()
    };
    if gpu.family() == Family::Direct {
        // the weight's transform, and all the rest by lanes where there are such
        let wanted = if gpu.inner.lanes { 2 } else { 4 };
        assert_eq!(launches(Winograd::Four, 32), wanted);
        assert_eq!(launches(Winograd::Four, 3), 1);
    }
    assert_eq!(launches(Winograd::Off, 32), 1);
}

/// Where an array would be too large for what an indirect way makes in between, the direct kernels run: nothing is allocated here.
#[test]
fn without_room_the_definition_is_computed() {
    let Some(gpu) = test_gpu_with(GpuOptions {
        family: Some(Family::Direct),
        ..GpuOptions::default()
    }) else {
        return;
    };
    let limit = gpu.array_limit() as usize / 4;
    let planned = |s: Conv2d| gpu.plan(&Primitive::Conv(ConvPass::InputGrad, s), DType::F32);
    // an image of a few channels whose windows take 28 numbers a pixel
    let few = |n| geometry([n, 32, 32], [3, 32], 1).unwrap();
    let most = limit / (32 * 32 * 28);
    assert_eq!(planned(few(most)).is_some(), gpu.inner.lanes);
    assert!(planned(few(most + 1)).is_none());
    // weights that become four times as large
    let filtered = |plan| match plan {
        Some(Plan::Filtered(t, _) | Plan::FilteredByLanes(t)) => t.outputs == 4,
        _ => false,
    };
    let wide = |c| geometry([1, 32, 32], [c, c], 1).unwrap();
    let most = (limit / 36).isqrt() / 4 * 4;
    assert!(filtered(planned(wide(most))));
    assert!(!filtered(planned(wide(most + 4))));
}
