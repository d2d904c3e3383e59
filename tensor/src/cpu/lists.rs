//! The CPU's loop of pointwise kernels over lists of arrays.

use rayon::prelude::*;

use super::pointwise::{BLOCK, Compute, Interpreter, Out, PARALLEL_WORK};
use super::{CpuBuffer, CpuView};
use crate::{
    DType, Result,
    expr::{Access, PointwiseKernel},
    layout::Place,
};

/// The arrays of a list.
pub(crate) enum List<'a> {
    /// Side by side, each at its place.
    Joined(CpuView<'a>),
    /// Each by itself.
    Apart(Vec<CpuView<'a>>),
}

/// Runs a kernel over flat arrays, one buffer for each root; of inputs and outputs only the given places, which ascend, are read and
/// written. It draws no random numbers.
pub(crate) fn pointwise_lists(
    kernel: &PointwiseKernel,
    places: &[Place],
    lists: &[List<'_>],
) -> Result<Vec<CpuBuffer>> {
    let outputs = kernel.roots.iter();
    let outputs = outputs.map(|(_, dtype)| CpuBuffer::uninit("pointwise", *dtype, kernel.len()));
    let mut outputs = outputs.collect::<Result<Vec<_>>>()?;
    match kernel.compute {
        DType::F64 => run::<f64>(kernel, places, lists, &mut outputs),
        _ => run::<f32>(kernel, places, lists, &mut outputs),
    }
    Ok(outputs)
}

fn run<T: Compute>(
    kernel: &PointwiseKernel,
    places: &[Place],
    lists: &[List<'_>],
    outputs: &mut [CpuBuffer],
) {
    let access = |input: &Access| Access {
        dtype: input.dtype,
        offset: 0,
        strides: vec![1],
    };
    let arrays = places.iter().enumerate().map(|(i, place)| {
        let kernel = PointwiseKernel {
            shape: vec![place.len],
            inputs: kernel.inputs.iter().map(access).collect(),
            ..kernel.clone()
        };
        let inputs = lists.iter().map(|list| match list {
            List::Joined(view) => view.slice(place.start, place.len),
            List::Apart(views) => views[i],
        });
        (kernel, inputs.collect::<Vec<_>>())
    });
    let arrays: Vec<(PointwiseKernel, Vec<CpuView<'_>>)> = arrays.collect();

    let len: usize = places.iter().map(|place| place.len).sum();
    let alone = len * kernel.nodes.len().max(4) < PARALLEL_WORK;
    // several parts a thread even out unequal speeds
    let part = match alone {
        true => len,
        false => len.div_ceil(rayon::current_num_threads() * 4),
    };
    let part = part.max(1).next_multiple_of(BLOCK);
    let mut rest: Vec<Out<'_>> = outputs.iter_mut().map(Out::of).collect();
    let (mut parts, mut at) = (Vec::new(), 0);
    let mut take = |n: usize| -> Vec<Out<'_>> {
        let halves = std::mem::take(&mut rest).into_iter().map(|o| o.split_at(n));
        let (now, later) = halves.unzip();
        rest = later;
        now
    };
    for (place, (kernel, inputs)) in places.iter().zip(&arrays) {
        take(place.start - at);
        at = place.start + place.len;
        for start in (0..place.len).step_by(part) {
            let n = part.min(place.len - start);
            parts.push((kernel, inputs, start, n, take(n)));
        }
    }
    let compute = |(kernel, inputs, start, n, mut outputs): Part<'_>| {
        Interpreter::<T>::new(kernel, inputs, false).range(start, n, &mut outputs, &[]);
    };
    match alone {
        true => parts.into_iter().for_each(compute),
        false => parts.into_par_iter().for_each(compute),
    }
}

/// An array's kernel and inputs, the elements to compute from where on, and where they go.
type Part<'a> = (
    &'a PointwiseKernel,
    &'a Vec<CpuView<'a>>,
    usize,
    usize,
    Vec<Out<'a>>,
);
