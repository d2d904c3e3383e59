//! Maxima, their positions and `logsumexp` of arrays that hold NaN and infinities: as PyTorch has them, on every device.

use clel_tensor::{DType, Device, Result, Tensor};

mod common;

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;

/// Calls `check` with the CPU in f32 and f64, and with WebGPU where there is an adapter.
fn on_every_device(check: impl Fn(&Device, DType) -> Result<()>) {
    check(&Device::Cpu, DType::F32).unwrap();
    check(&Device::Cpu, DType::F64).unwrap();
    if let Some(gpu) = common::gpu() {
        check(&gpu, DType::F32).unwrap();
    }
}

fn array(x: &[f32], shape: &[usize], device: &Device, dtype: DType) -> Result<Tensor> {
    Tensor::from_slice(x, shape, device)?.to_dtype(dtype)
}

/// The same numbers, NaN for NaN.
#[track_caller]
fn same(found: &Tensor, expected: &[f32]) {
    let found = found.to_dtype(DType::F32).unwrap().to_vec::<f32>().unwrap();
    let equal = |(a, b): (&f32, &f32)| a == b || (a.is_nan() && b.is_nan());
    assert!(
        found.len() == expected.len() && found.iter().zip(expected).all(equal),
        "{found:?} is not {expected:?}"
    );
}

/// The expected numbers are those of PyTorch 2.15: `amax`, `argmax`, `logsumexp`, `max_pool2d`.
#[test]
fn as_in_pytorch() {
    on_every_device(|device, dtype| {
        #[rustfmt::skip]
        let rows = [
            1.0, NAN, 3.0, NAN,
            NAN, -INF, INF, 2.0,
            -INF, -INF, -INF, -INF,
            INF, 1.0, INF, NAN,
            -0.0, 0.0, -1.0, -2.0,
            4.0, 5.0, 5.0, NAN,
        ];
        let x = array(&rows, &[6, 4], device, dtype)?;
        same(&x.max(&[1], false)?, &[NAN, NAN, -INF, NAN, 0.0, NAN]);
        same(&x.max(&[0], false)?, &[NAN, NAN, INF, NAN]);
        assert_eq!(x.argmax(1)?.to_vec::<u32>()?, [1, 0, 0, 3, 0, 3]);
        assert_eq!(x.argmax(0)?.to_vec::<u32>()?, [1, 0, 1, 0]);
        same(&x.logsumexp(&[0], false)?, &[NAN, NAN, INF, NAN]);
        let all = x.logsumexp(&[1], false)?;
        same(&all.slice(0, 0, 4)?, &[NAN, NAN, -INF, NAN]);
        same(&all.slice(0, 5, 1)?, &[NAN]);
        let sum = 2.0 + (-1f64).exp() + (-2f64).exp();
        assert!((all.slice(0, 4, 1)?.item()? - sum.ln()).abs() < 1e-6);

        #[rustfmt::skip]
        let image = [
            1.0, 2.0, NAN, 0.0,
            3.0, NAN, 1.0, NAN,
            5.0, 6.0, NAN, NAN,
            8.0, 7.0, -INF, NAN,
        ];
        let pooled = array(&image, &[1, 4, 4, 1], device, dtype)?.max_pool2d(2, 1, 0)?;
        same(&pooled, &[NAN, NAN, NAN, NAN, NAN, NAN, 8.0, NAN, NAN]);
        Ok(())
    });
}

/// A NaN in any place of an axis is found, whichever part of the kernel looks there: long axes are cut, short ones side by side.
#[test]
fn wherever_it_stands() {
    on_every_device(|device, dtype| {
        for [outer, len, inner] in [
            [1, 70_000, 1],
            [1, 40_001, 1],
            [3, 300, 1],
            [2, 67, 8],
            [2, 3_000, 5],
            [1, 2_000, 300],
        ] {
            let finite = |i: usize| (i as u64 * 7919 % 1000) as f32 - 500.0;
            let plain: Vec<f32> = (0..outer * len * inner).map(finite).collect();
            for place in [0, 1, len / 2, len - 2, len - 1] {
                let mut x = plain.clone();
                let (row, column) = (outer - 1, inner / 2);
                let at = |l: usize| (row * len + l) * inner + column;
                x[at(place)] = NAN;
                x[at(len - 1)] = NAN; // a second one, which is not the first
                let x = array(&x, &[outer, len, inner], device, dtype)?;
                let (max, first) = (x.max(&[1], false)?, x.argmax(1)?.to_vec::<u32>()?);
                let max = max.to_dtype(DType::F32)?.to_vec::<f32>()?;
                for slot in 0..outer * inner {
                    let (o, i) = (slot / inner, slot % inner);
                    let line = (0..len).map(|l| plain[(o * len + l) * inner + i]);
                    if slot == row * inner + column {
                        assert!(max[slot].is_nan(), "{len} × {inner}, NaN at {place}");
                        assert_eq!(first[slot] as usize, place, "{len} × {inner}");
                    } else {
                        let largest = line.clone().fold(-INF, f32::max);
                        assert_eq!(max[slot], largest);
                        let position = line.clone().position(|v| v == largest);
                        assert_eq!(Some(first[slot] as usize), position);
                    }
                }
            }
        }
        Ok(())
    });
}

#[test]
fn a_window_takes_its_first() {
    on_every_device(|device, dtype| {
        // every place of a window of 3 × 3 holds a NaN in one of the nine channels; the last place in all but one
        let mut x: Vec<f32> = (0..9 * 9).map(|i| (i * 37 % 81) as f32).collect();
        for c in 0..9 {
            x[c * 9 + c] = NAN;
            x[8 * 9 + c] = NAN;
        }
        let x = array(&x, &[1, 3, 3, 9], device, dtype)?;
        let index = x.max_pool2d_index(3, 1, 0)?.to_vec::<u32>()?;
        let expected: Vec<u32> = (0..9).map(|c| c * 9 + c).collect();
        assert_eq!(index, expected);
        same(&x.max_pool2d(3, 1, 0)?, &[NAN; 9]);
        Ok(())
    });
}
