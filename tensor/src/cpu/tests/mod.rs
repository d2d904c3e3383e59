//! Every primitive against plain f64 loops, over random geometries.
//!
//! Inputs are small integers, so sums of products are exact in f32 in any order and results
//! are compared for equality. Dropped buffers are filled with NaN in this build, so an element
//! that a kernel forgets to write does not go unnoticed.

mod conv;
mod matmul;
mod moves;
mod pool;
mod reduce;
#[cfg(not(target_family = "wasm"))] // which has one thread
mod threads;

use super::{CpuBuffer, CpuView, run};
use crate::primitive::Primitive;
use crate::{DType, Error};

/// Integers in −4..=4, the same for the same seed.
fn integers(len: usize, seed: u32) -> Vec<f64> {
    let key = crate::RngKey::new(seed.into(), 0);
    (0..len as u32)
        .map(|i| f64::from(key.block(i)[0] % 9) - 4.0)
        .collect()
}

/// Runs `primitive` on float inputs (and u32 ones after them), in f32 and in f64, and compares
/// with `want`: within `tolerance`, or exactly if it is 0.
fn check(
    primitive: &Primitive,
    floats: &[&[f64]],
    index: Option<&[u32]>,
    want: &[f64],
    tolerance: f64,
) {
    for dtype in [DType::F32, DType::F64] {
        let buffers: Vec<CpuBuffer> = floats
            .iter()
            .map(|x| CpuView::F64(x).convert("test", dtype).unwrap())
            .collect();
        let mut views: Vec<CpuView> = buffers.iter().map(CpuBuffer::view).collect();
        views.extend(index.map(CpuView::U32));
        let got = run(primitive, &views).unwrap();
        assert_eq!(got.dtype(), primitive.output_dtype(dtype), "{primitive:?}");
        assert_eq!(got.len(), want.len(), "{primitive:?}");
        let got = got.view().convert("test", DType::F64).unwrap();
        for (i, (got, want)) in (got.view().elements::<f64>("test").unwrap())
            .iter()
            .zip(want)
            .enumerate()
        {
            let fits = got == want || (got - want).abs() <= tolerance;
            assert!(
                fits,
                "{primitive:?} {dtype}: element {i} is {got}, not {want}"
            );
        }
    }
}

#[test]
fn wrong_inputs_are_errors() {
    let sum = Primitive::Reduce(
        crate::primitive::ReduceKind::Sum,
        crate::primitive::Reduce {
            outer: 2,
            len: 3,
            inner: 1,
        },
    );
    let short = run(&sum, &[CpuView::F32(&[0.0; 5])]).unwrap_err();
    assert!(matches!(short, Error::Shape { op: "sum", .. }), "{short:?}");
    let none = run(&sum, &[]).unwrap_err();
    assert!(matches!(none, Error::Shape { op: "sum", .. }), "{none:?}");
    let integers = run(&sum, &[CpuView::U32(&[0; 6])]).unwrap_err();
    assert!(
        matches!(integers, Error::DType { op: "sum", .. }),
        "{integers:?}"
    );
}
