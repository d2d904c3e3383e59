//! The CPU device: native loops, SIMD and threads behind the same primitives as the GPU.
//!
//! Results do not depend on the number of threads: work is cut at places that depend on the
//! geometry alone, and partial results are added in a fixed order.

mod buffer;
mod conv;
mod embed;
mod epilogue;
mod gather;
mod linger;
mod lists;
mod matmul;
mod memory;
mod peak;
mod pointwise;
mod pool;
mod real;
mod reduce;
mod shared;
mod simd;
#[cfg(test)]
mod tests;
mod turned;
mod workers;

pub use buffer::{CpuBuffer, CpuView};
pub(crate) use epilogue::Epilogue;
pub(crate) use linger::Awake;
pub(crate) use lists::{List, pointwise_lists};
pub use memory::{CpuMemory, PoolVec, cpu_memory, trim_cpu_memory};
pub use peak::{peak_flops, threads};
pub(crate) use pointwise::pointwise;
pub use workers::on_workers;

use crate::primitive::{Primitive, ReduceKind};
use crate::{DType, Element, Error, Result};
use rayon::prelude::*;
use real::Real;

/// Below this many elements (read or written) a kernel stays on the calling thread: waking
/// another costs some 5 µs, in which one core copies this much.
const PARALLEL_ELEMENTS: usize = 1 << 15;

/// Executes one primitive. Inputs are contiguous and row-major, with the lengths that the
/// geometry implies.
///
/// # Errors
/// * `DType` if the element types of the inputs are not what the primitive takes,
/// * `Shape` if an input is missing or has not the length that the geometry implies,
/// * `OutOfMemory` for the output or for scratch space.
pub fn run(primitive: &Primitive, inputs: &[CpuView<'_>]) -> Result<CpuBuffer> {
    check_lengths(primitive, inputs)?;
    let op = primitive.name();
    match (inputs.first().map(|x| x.dtype()), primitive) {
        (Some(DType::F32), _) => run_real::<f32>(primitive, inputs),
        (Some(DType::F16), _) => run_halves(primitive, inputs),
        (Some(DType::F64), _) => run_real::<f64>(primitive, inputs),
        (Some(DType::U32), Primitive::Gather(s)) => {
            let index = inputs[1].elements(op)?;
            Ok(gather::gather::<u32>(s, inputs[0].elements(op)?, index)?.into())
        }
        (Some(DType::U32), Primitive::Embed(s)) => {
            Ok(embed::embed::<u32>(s, inputs[0].elements(op)?)?.into())
        }
        (Some(DType::U32), Primitive::Concat(s)) => {
            Ok(embed::concat::<u32>(s, &all_elements(op, inputs)?)?.into())
        }
        (Some(DType::U32), _) => Err(Error::DType {
            op,
            expected: DType::F32,
            found: DType::U32,
        }),
        (None, _) => Err(Error::Shape {
            op,
            shape: vec![],
            why: "needs an input".into(),
        }),
    }
}

/// A primitive and what follows it in one kernel: the outputs of the epilogue. `None` where it takes two.
pub(crate) fn run_through(
    primitive: &Primitive,
    inputs: &[CpuView<'_>],
    epilogue: Epilogue<'_>,
) -> Result<Option<Vec<CpuBuffer>>> {
    check_lengths(primitive, inputs)?;
    match (primitive, inputs) {
        (Primitive::Conv(pass, s), [CpuView::F32(a), CpuView::F32(b)]) => {
            conv::conv_through(*pass, s, a, b, epilogue)
        }
        _ => Ok(None),
    }
}

/// Computes in f32 and rounds the result: on the CPU f16 is for agreeing with GPUs, not for speed.
fn run_halves(primitive: &Primitive, inputs: &[CpuView<'_>]) -> Result<CpuBuffer> {
    let op = primitive.name();
    let wide = |x: &CpuView<'_>| match x.dtype() {
        DType::F16 => x.convert(op, DType::F32).map(Some),
        _ => Ok(None),
    };
    let widened = inputs.iter().map(wide).collect::<Result<Vec<_>>>()?;
    let read = inputs.iter().zip(&widened);
    let read = read.map(|(x, wide)| wide.as_ref().map_or(*x, CpuBuffer::view));
    let output = run_real::<f32>(primitive, &read.collect::<Vec<_>>())?;
    match primitive.output_dtype(DType::F16) {
        DType::F16 => output.view().convert(op, DType::F16),
        _ => Ok(output),
    }
}

fn run_real<T: Real>(primitive: &Primitive, inputs: &[CpuView<'_>]) -> Result<CpuBuffer> {
    let op = primitive.name();
    let x: &[T] = inputs[0].elements(op)?;
    let second = || inputs[1].elements::<T>(op);
    let index = || inputs[1].elements::<u32>(op);
    Ok(match primitive {
        Primitive::MatMul(s) => T::buffer(matmul::matmul(s, x, second()?)?),
        Primitive::Conv(pass, s) => conv::conv(*pass, s, x, second()?)?,
        Primitive::Reduce(ReduceKind::Sum, s) => T::buffer(reduce::sum(s, x)?),
        Primitive::Reduce(ReduceKind::Max, s) => T::buffer(reduce::max(s, x)?),
        Primitive::Reduce(ReduceKind::ArgMax, s) => reduce::argmax(s, x)?.into(),
        Primitive::Pool(pass, s) => pool::pool(*pass, s, x)?,
        Primitive::Gather(s) => T::buffer(gather::gather(s, x, index()?)?),
        Primitive::ScatterAdd(s) => T::buffer(gather::scatter_add(s, x, index()?)?),
        Primitive::Embed(s) => T::buffer(embed::embed(s, x)?),
        Primitive::Concat(s) => T::buffer(embed::concat(s, &all_elements(op, inputs)?)?),
    })
}

fn all_elements<'a, T: Element>(op: &'static str, inputs: &[CpuView<'a>]) -> Result<Vec<&'a [T]>> {
    inputs.iter().map(|x| x.elements(op)).collect()
}

/// Calls `row(i, y_row)` for each of the rows of an output, in parallel if there is much to do.
fn each_row<U: Element>(y: &mut [U], row_len: usize, row: impl Fn(usize, &mut [U]) + Sync) {
    if row_len == 0 {
        return;
    }
    let rows = (PARALLEL_ELEMENTS / 4 / row_len).max(1);
    let task = |(i, y): (usize, &mut [U])| {
        for (j, y) in y.chunks_mut(row_len).enumerate() {
            row(i * rows + j, y);
        }
    };
    if y.len() <= PARALLEL_ELEMENTS {
        y.chunks_mut(rows * row_len).enumerate().for_each(task);
    } else {
        y.par_chunks_mut(rows * row_len).enumerate().for_each(task);
    }
}

/// The kernels index without looking back, so the lengths are checked once, here.
fn check_lengths(primitive: &Primitive, inputs: &[CpuView<'_>]) -> Result<()> {
    let want = primitive.input_lens();
    let met: Vec<usize> = inputs.iter().map(|x| x.len()).collect();
    if want == met {
        return Ok(());
    }
    Err(Error::Shape {
        op: primitive.name(),
        shape: met,
        why: format!("inputs must have {want:?} elements for {primitive:?}"),
    })
}
