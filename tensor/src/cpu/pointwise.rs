//! The CPU loop of pointwise kernels: an interpreter that runs each operation over a block of
//! elements at a time. A block of every intermediate fits the L1/L2 cache, so a fused chain reads
//! its inputs and writes its outputs once; the inner loops are plain and vectorise.

use half::{f16, slice::HalfFloatSliceExt};
use rayon::prelude::*;

use super::{CpuBuffer, CpuView, simd::widest, turned::turned};
use crate::{
    DType, Result,
    expr::{Access, Binary, Distribution, Node, PointwiseKernel, Scalar, Unary},
    layout::{Layout, is_contiguous},
    random::{self, RngKey},
};

/// Elements that an operation is run over at a time.
pub(super) const BLOCK: usize = 1024;

/// Elements × operations below which one thread is quicker than waking the others.
pub(super) const PARALLEL_WORK: usize = 1 << 16;

/// Runs a kernel; one buffer for each root.
pub(crate) fn pointwise(
    kernel: &PointwiseKernel,
    inputs: &[CpuView<'_>],
) -> Result<Vec<CpuBuffer>> {
    if let Some(outputs) = with_turned(kernel, inputs)? {
        return Ok(outputs);
    }
    let mut outputs = Vec::with_capacity(kernel.roots.len());
    for (_, dtype) in &kernel.roots {
        outputs.push(CpuBuffer::uninit("pointwise", *dtype, kernel.len())?);
    }
    match kernel.compute {
        // f64 has every u32
        DType::F64 | DType::U32 => run::<f64>(kernel, inputs, &mut outputs),
        _ => run::<f32>(kernel, inputs, &mut outputs),
    }
    Ok(outputs)
}

/// Runs a kernel on copies of those inputs that are read across their rows, if there are any.
fn with_turned(kernel: &PointwiseKernel, inputs: &[CpuView<'_>]) -> Result<Option<Vec<CpuBuffer>>> {
    let copies = kernel.inputs.iter().zip(inputs);
    let copies = copies.map(|(access, view)| turned(view, access, &kernel.shape));
    let mut copies = copies.collect::<Result<Vec<_>>>()?;
    if let ([Node::Input(0)], [(0, dtype)]) = (&kernel.nodes[..], &kernel.roots[..])
        && *dtype == inputs[0].dtype()
    {
        return Ok(copies.swap_remove(0).map(|copy| vec![copy]));
    }
    if copies.iter().all(Option::is_none) {
        return Ok(None);
    }
    let mut kernel = kernel.clone();
    let mut read = inputs.to_vec();
    for (n, copy) in copies.iter().enumerate() {
        if let Some(copy) = copy {
            let Layout {
                strides, offset, ..
            } = Layout::contiguous(&kernel.shape);
            (kernel.inputs[n].strides, kernel.inputs[n].offset) = (strides, offset);
            read[n] = copy.view();
        }
    }
    pointwise(&kernel, &read).map(Some)
}

/// The type that a kernel computes in.
pub(super) trait Compute: Scalar + Default + Send + Sync + 'static {
    fn from_f64(v: f64) -> Self;
    fn from_f32(v: f32) -> Self;
    fn from_f16(v: f16) -> Self;
    fn from_u32(v: u32) -> Self;
    /// Truncated towards zero, negative numbers and NaN to 0.
    fn to_u32(self) -> u32;
    fn to_f32(self) -> f32;
    fn to_f16(self) -> f16;
    fn to_f64(self) -> f64;
    /// `from_f16` of each, with the processor's instruction where it has one.
    fn widen(halves: &[f16], to: &mut [Self]);
    /// `to_f16` of each, with the processor's instruction where it has one.
    fn narrow(values: &[Self], to: &mut [f16]);
    /// The view's elements as they are, where its type is the one computed in.
    fn direct<'a>(view: &CpuView<'a>) -> Option<&'a [Self]>;
    /// The output's elements, where its type is the one computed in.
    fn direct_mut<'a>(out: &'a mut Out<'_>) -> Option<&'a mut [Self]>;
}

macro_rules! compute {
    ($t:ident $variant:ident $half:ident $widen:ident $narrow:ident) => {
        impl Compute for $t {
            fn from_f64(v: f64) -> $t {
                v as $t
            }
            fn from_f32(v: f32) -> $t {
                v as $t
            }
            fn from_f16(v: f16) -> $t {
                v.to_f32() as $t
            }
            fn from_u32(v: u32) -> $t {
                v as $t
            }
            fn to_u32(self) -> u32 {
                self as u32
            }
            fn to_f32(self) -> f32 {
                self as f32
            }
            fn to_f16(self) -> f16 {
                f16::$half(self)
            }
            fn to_f64(self) -> f64 {
                self as f64
            }
            fn widen(halves: &[f16], to: &mut [$t]) {
                halves.$widen(to);
            }
            fn narrow(values: &[$t], to: &mut [f16]) {
                to.$narrow(values);
            }
            fn direct<'a>(view: &CpuView<'a>) -> Option<&'a [$t]> {
                match view {
                    CpuView::$variant(v) => Some(v),
                    _ => None,
                }
            }
            fn direct_mut<'a>(out: &'a mut Out<'_>) -> Option<&'a mut [$t]> {
                match out {
                    Out::$variant(v) => Some(v),
                    _ => None,
                }
            }
        }
    };
}
compute!(f32 F32 from_f32 convert_to_f32_slice convert_from_f32_slice);
compute!(f64 F64 from_f64 convert_to_f64_slice convert_from_f64_slice);

/// Part of one output.
pub(super) enum Out<'a> {
    F32(&'a mut [f32]),
    F16(&'a mut [f16]),
    F64(&'a mut [f64]),
    U32(&'a mut [u32]),
}

impl<'a> Out<'a> {
    pub fn of(buffer: &'a mut CpuBuffer) -> Out<'a> {
        match buffer {
            CpuBuffer::F32(v) => Out::F32(v),
            CpuBuffer::F16(v) => Out::F16(v),
            CpuBuffer::F64(v) => Out::F64(v),
            CpuBuffer::U32(v) => Out::U32(v),
        }
    }

    pub fn split_at(self, at: usize) -> (Out<'a>, Out<'a>) {
        macro_rules! split {
            ($v:ident $variant:ident) => {{
                let at = at.min($v.len());
                let (a, b) = $v.split_at_mut(at);
                (Out::$variant(a), Out::$variant(b))
            }};
        }
        match self {
            Out::F32(v) => split!(v F32),
            Out::F16(v) => split!(v F16),
            Out::F64(v) => split!(v F64),
            Out::U32(v) => split!(v U32),
        }
    }

    #[inline(always)]
    fn store<T: Compute>(&mut self, at: usize, values: Operand<'_, T>, len: usize) {
        macro_rules! store {
            ($v:ident $convert:ident) => {
                match values {
                    Operand::Slice(s) => {
                        for (o, s) in $v[at..at + len].iter_mut().zip(s) {
                            *o = s.$convert();
                        }
                    }
                    Operand::Splat(s) => $v[at..at + len].fill(s.$convert()),
                }
            };
        }
        match self {
            Out::F32(v) => store!(v to_f32),
            Out::F16(v) => match values {
                Operand::Slice(s) => T::narrow(s, &mut v[at..at + len]),
                Operand::Splat(s) => v[at..at + len].fill(s.to_f16()),
            },
            Out::F64(v) => store!(v to_f64),
            Out::U32(v) => store!(v to_u32),
        }
    }
}

/// The values of one node over a block.
#[derive(Clone, Copy)]
enum Operand<'a, T> {
    Slice(&'a [T]),
    Splat(T),
}

fn run<T: Compute>(kernel: &PointwiseKernel, inputs: &[CpuView<'_>], outputs: &mut [CpuBuffer]) {
    let len = kernel.len();
    let work = len * kernel.nodes.len().max(4);
    let threads = if work < PARALLEL_WORK {
        1
    } else {
        rayon::current_num_threads()
    };
    // several parts a thread even out unequal speeds; whole blocks keep random numbers aligned
    let part = len.div_ceil(threads * 4).next_multiple_of(BLOCK);
    let mut rest: Vec<Out<'_>> = outputs.iter_mut().map(Out::of).collect();
    if threads == 1 {
        return Interpreter::<T>::new(kernel, inputs, false).range(0, len, &mut rest, &[]);
    }
    let mut parts = Vec::new();
    let mut start = 0;
    while start < len {
        let (now, later): (Vec<_>, Vec<_>) = rest.into_iter().map(|o| o.split_at(part)).unzip();
        parts.push((start, part.min(len - start), now));
        rest = later;
        start += part;
    }
    parts.into_par_iter().for_each(|(start, len, mut outputs)| {
        Interpreter::<T>::new(kernel, inputs, false).range(start, len, &mut outputs, &[]);
    });
}

pub(super) struct Interpreter<'a, T> {
    kernel: &'a PointwiseKernel,
    inputs: &'a [CpuView<'a>],
    /// Whether the elements of input 0 are handed to `range`.
    given: bool,
    /// For each node, a block of values; empty where the node is read in place or is a constant.
    slots: Vec<Vec<T>>,
}

impl<'a, T: Compute> Interpreter<'a, T> {
    /// With `given`, the elements of input 0 are handed to `range`.
    pub fn new(kernel: &'a PointwiseKernel, inputs: &'a [CpuView<'a>], given: bool) -> Self {
        let block = BLOCK.min(kernel.len());
        let slots = kernel.nodes.iter().map(|node| match *node {
            Node::Const(_) => Vec::new(),
            Node::Input(0) if given => Vec::new(),
            Node::Input(n) if in_place::<T>(kernel, inputs, n).is_some() => Vec::new(),
            _ => vec![T::default(); block],
        });
        Interpreter {
            kernel,
            inputs,
            given,
            slots: slots.collect(),
        }
    }

    /// Computes the elements `start .. start + len`; `own` are input 0's, if they are given.
    pub fn range(&mut self, start: usize, len: usize, outputs: &mut [Out<'_>], own: &[T]) {
        widest(
            #[inline(always)]
            || self.range_any(start, len, outputs, own),
        );
    }

    // what follows is inlined, to be compiled for each kind of registers
    #[inline(always)]
    fn range_any(&mut self, start: usize, len: usize, outputs: &mut [Out<'_>], own: &[T]) {
        let at_once = self.written_at_once();
        let mut done = 0;
        while done < len {
            let block = BLOCK.min(len - done);
            let own = own.get(done..done + block).unwrap_or(&[]);
            let last = at_once.and_then(|n| T::direct_mut(&mut outputs[n]));
            let stored = at_once.filter(|_| last.is_some());
            self.block(
                start + done,
                block,
                own,
                last.map(|out| &mut out[done..done + block]),
            );
            for (n, (out, (root, _))) in outputs.iter_mut().zip(&self.kernel.roots).enumerate() {
                if stored == Some(n) {
                    continue;
                }
                let values = self.operand(&self.slots, *root, start + done, block, own);
                out.store(done, values, block);
            }
            done += block;
        }
    }

    /// The output that the last operation may write by itself, since nothing else needs its results.
    fn written_at_once(&self) -> Option<usize> {
        // an operation, no constant or input that is read where it lies
        let last = self.slots.last().filter(|slot| !slot.is_empty());
        let last = last.map(|_| self.slots.len() - 1)?;
        let of_last = |(root, _): &(u16, DType)| usize::from(*root) == last;
        let mut outputs = self.kernel.roots.iter();
        let output = outputs.position(of_last)?;
        (!outputs.any(of_last)).then_some(output)
    }

    /// Runs all operations over a block; the last one writes its results to `last`, if that is given.
    #[inline(always)]
    fn block(&mut self, start: usize, len: usize, own: &[T], mut last: Option<&mut [T]>) {
        for i in 0..self.kernel.nodes.len() {
            let mut slot = std::mem::take(&mut self.slots[i]);
            let at = |n: u16| self.operand(&self.slots, n, start, len, own);
            let out = match &mut last {
                Some(last) if i + 1 == self.kernel.nodes.len() => &mut **last,
                _ if slot.is_empty() => &mut [][..],
                _ => &mut slot[..len],
            };
            match self.kernel.nodes[i] {
                Node::Const(_) => {}
                Node::Input(n) => {
                    if !out.is_empty() {
                        let n = usize::from(n);
                        let (view, access) = (&self.inputs[n], &self.kernel.inputs[n]);
                        let shape = &self.kernel.shape;
                        match view {
                            CpuView::F32(v) => {
                                load(v, access, shape, start, out, T::from_f32, each(T::from_f32))
                            }
                            CpuView::F16(v) => {
                                load(v, access, shape, start, out, T::from_f16, T::widen)
                            }
                            CpuView::F64(v) => {
                                load(v, access, shape, start, out, T::from_f64, each(T::from_f64))
                            }
                            CpuView::U32(v) => {
                                load(v, access, shape, start, out, T::from_u32, each(T::from_u32))
                            }
                        }
                    }
                }
                Node::Unary(f, a) => unary(f, at(a), out),
                Node::Binary(f, a, b) => binary(f, at(a), at(b), out),
                Node::Select(c, a, b) => select(at(c), at(a), at(b), out),
                Node::Random(distribution, key) => random(distribution, key, start, out),
            }
            self.slots[i] = slot;
        }
    }

    #[inline(always)]
    fn operand<'s>(
        &'s self,
        slots: &'s [Vec<T>],
        node: u16,
        start: usize,
        len: usize,
        own: &'s [T],
    ) -> Operand<'s, T> {
        match self.kernel.nodes[usize::from(node)] {
            Node::Const(v) => Operand::Splat(T::from_f64(v)),
            Node::Input(0) if self.given => Operand::Slice(own),
            Node::Input(n) => match in_place::<T>(self.kernel, self.inputs, n) {
                Some(InPlace::Whole(values)) => Operand::Slice(&values[start..start + len]),
                Some(InPlace::Single(value)) => Operand::Splat(value),
                None => Operand::Slice(&slots[usize::from(node)][..len]),
            },
            _ => Operand::Slice(&slots[usize::from(node)][..len]),
        }
    }
}

/// An input that needs no copy into a block.
enum InPlace<'a, T> {
    Whole(&'a [T]),
    Single(T),
}

fn in_place<'a, T: Compute>(
    kernel: &PointwiseKernel,
    inputs: &[CpuView<'a>],
    n: u8,
) -> Option<InPlace<'a, T>> {
    let access = &kernel.inputs[usize::from(n)];
    let values = T::direct(&inputs[usize::from(n)])?;
    if kernel.len() == 0 {
        return Some(InPlace::Whole(&[]));
    }
    if access.strides.iter().all(|&s| s == 0) {
        return Some(InPlace::Single(values[access.offset]));
    }
    let contiguous = is_contiguous(&kernel.shape, &access.strides);
    contiguous.then(|| InPlace::Whole(&values[access.offset..access.offset + kernel.len()]))
}

/// Converts one element after another.
#[inline(always)]
fn each<S: Copy, T>(convert: impl Fn(S) -> T) -> impl Fn(&[S], &mut [T]) {
    move |from, to| to.iter_mut().zip(from).for_each(|(t, s)| *t = convert(*s))
}

/// Copies a strided input's elements `start ..` into a block; `convert_all` is for those that lie side by side.
#[inline(always)]
fn load<S: Copy, T: Copy>(
    values: &[S],
    access: &Access,
    shape: &[usize],
    start: usize,
    out: &mut [T],
    convert: impl Fn(S) -> T,
    convert_all: impl Fn(&[S], &mut [T]),
) {
    let Some((&stride, outer_strides)) = access.strides.split_last() else {
        return out.fill(convert(values[access.offset]));
    };
    let (inner, outer_shape) = (shape[shape.len() - 1], &shape[..shape.len() - 1]);
    let (mut row, mut column) = (start / inner, start % inner);
    let mut done = 0;
    while done < out.len() {
        let mut base = access.offset as isize;
        let mut r = row;
        for (&len, &stride) in outer_shape.iter().zip(outer_strides).rev() {
            base += (r % len) as isize * stride;
            r /= len;
        }
        let run = (inner - column).min(out.len() - done);
        let first = base + column as isize * stride;
        let target = &mut out[done..done + run];
        match stride {
            0 => target.fill(convert(values[first as usize])),
            1 => convert_all(&values[first as usize..first as usize + run], target),
            _ => {
                for (i, t) in target.iter_mut().enumerate() {
                    *t = convert(values[(first + i as isize * stride) as usize]);
                }
            }
        }
        done += run;
        row += 1;
        column = 0;
    }
}

/// Expands a match over an enum so that each arm's loop is compiled for one function.
macro_rules! each {
    ($f:expr, $enum:ident { $($variant:ident)* }, $go:ident) => {
        match $f { $($enum::$variant => $go!($enum::$variant),)* }
    };
}

#[inline(always)]
fn unary<T: Compute>(f: Unary, a: Operand<'_, T>, out: &mut [T]) {
    macro_rules! go {
        ($f:path) => {
            match a {
                Operand::Slice(a) => out.iter_mut().zip(a).for_each(|(o, a)| *o = $f.apply(*a)),
                Operand::Splat(a) => out.fill($f.apply(a)),
            }
        };
    }
    each!(f, Unary {
        Neg Abs Sign Exp ExpM1 Ln Ln1P Sqrt Recip Sin Cos Tanh Sigmoid Floor NonFinite
    }, go);
}

#[inline(always)]
fn binary<T: Compute>(f: Binary, a: Operand<'_, T>, b: Operand<'_, T>, out: &mut [T]) {
    macro_rules! go {
        ($f:path) => {
            match (a, b) {
                (Operand::Slice(a), Operand::Slice(b)) => out
                    .iter_mut()
                    .zip(a)
                    .zip(b)
                    .for_each(|((o, a), b)| *o = $f.apply(*a, *b)),
                (Operand::Slice(a), Operand::Splat(b)) => out
                    .iter_mut()
                    .zip(a)
                    .for_each(|(o, a)| *o = $f.apply(*a, b)),
                (Operand::Splat(a), Operand::Slice(b)) => out
                    .iter_mut()
                    .zip(b)
                    .for_each(|(o, b)| *o = $f.apply(a, *b)),
                (Operand::Splat(a), Operand::Splat(b)) => out.fill($f.apply(a, b)),
            }
        };
    }
    each!(f, Binary { Add Sub Mul Div Max Min Pow Lt Le Eq }, go);
}

#[inline(always)]
fn select<T: Compute>(c: Operand<'_, T>, a: Operand<'_, T>, b: Operand<'_, T>, out: &mut [T]) {
    // one loop for each kind of branch; a constant condition has been folded away unless an
    // input is a single broadcast element
    let pick = |c: T, a: T, b: T| if c != T::ZERO { a } else { b };
    match (c, a, b) {
        (Operand::Slice(c), Operand::Slice(a), Operand::Slice(b)) => {
            for (((o, c), a), b) in out.iter_mut().zip(c).zip(a).zip(b) {
                *o = pick(*c, *a, *b);
            }
        }
        (Operand::Slice(c), Operand::Slice(a), Operand::Splat(b)) => {
            out.iter_mut()
                .zip(c)
                .zip(a)
                .for_each(|((o, c), a)| *o = pick(*c, *a, b));
        }
        (Operand::Slice(c), Operand::Splat(a), Operand::Slice(b)) => {
            out.iter_mut()
                .zip(c)
                .zip(b)
                .for_each(|((o, c), b)| *o = pick(*c, a, *b));
        }
        (Operand::Slice(c), Operand::Splat(a), Operand::Splat(b)) => {
            out.iter_mut().zip(c).for_each(|(o, c)| *o = pick(*c, a, b));
        }
        (Operand::Splat(c), a, b) => match if c != T::ZERO { a } else { b } {
            Operand::Slice(s) => out.copy_from_slice(s),
            Operand::Splat(s) => out.fill(s),
        },
    }
}

/// Fills a block with the random numbers of the elements `start ..`, `start` a multiple of 4.
#[inline(always)]
fn random<T: Compute>(distribution: Distribution, key: RngKey, start: usize, out: &mut [T]) {
    debug_assert!(
        start.is_multiple_of(4),
        "elements {start} .. of a random array"
    );
    for (i, numbers) in out.chunks_mut(4 * random::LANES).enumerate() {
        let words = key.blocks((start / 4 + i * random::LANES) as u32);
        let values = match distribution {
            Distribution::Uniform => random::uniforms(words),
            Distribution::Normal => random::normals(words),
        };
        for (lane, four) in numbers.chunks_mut(4).enumerate() {
            for (o, values) in four.iter_mut().zip(&values) {
                *o = T::from_f32(values[lane]);
            }
        }
    }
}

#[cfg(test)]
mod tests;
