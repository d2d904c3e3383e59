//! The closed set of operations that a device must execute, besides pointwise mathematics.
//!
//! A primitive is data: geometry only, no storage. Both devices implement exactly these, on
//! contiguous row-major inputs, and write every element of their one contiguous output. The
//! set is closed under transposition, so the derivative of each is made of the others.

use std::fmt;

use crate::DType;

/// One operation on contiguous arrays.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Primitive {
    /// `c = op(a) · op(b)` for each batch. Inputs: a, b.
    MatMul(MatMul),
    /// One of the three convolution passes. Inputs: see [`ConvPass`].
    Conv(ConvPass, Conv2d),
    /// A reduction of the middle axis. Input: x\[outer, len, inner\]; output \[outer, inner\].
    Reduce(ReduceKind, Reduce),
    /// One of the pooling passes. Inputs and outputs: see [`PoolPass`].
    Pool(PoolPass, Pool2d),
    /// `y[i, :] = x[index[i], :]`, zeros where `index[i] >= rows`.
    /// Inputs: x\[rows, inner\], index\[picks\] u32; output \[picks, inner\].
    Gather(Gather),
    /// `y[index[i], :] += g[i, :]` into zeros; picks with `index[i] >= rows` are dropped.
    /// Inputs: g\[picks, inner\], index\[picks\] u32; output \[rows, inner\]. Deterministic.
    ScatterAdd(Gather),
    /// Writes x into zeros at `start + i·step` along every axis. Input: x; output: shape `out`.
    Embed(Embed),
    /// Joins inputs along the middle axis. Inputs: x_i\[outer, lens_i, inner\];
    /// output \[outer, Σ lens_i, inner\].
    Concat(Concat),
}

/// Geometry of a batched matrix product: `c[batch, m, n]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MatMul {
    /// Number of products.
    pub batch: usize,
    /// Rows of the product.
    pub m: usize,
    /// Columns of the product.
    pub n: usize,
    /// Length of the contracted axis.
    pub k: usize,
    /// a is stored \[k, m\] instead of \[m, k\].
    pub a_transposed: bool,
    /// b is stored \[n, k\] instead of \[k, n\].
    pub b_transposed: bool,
    /// a has one matrix for each batch; otherwise all batches share one.
    pub a_batched: bool,
    /// b has one matrix for each batch; otherwise all batches share one.
    pub b_batched: bool,
}

/// Geometry of a 2-D convolution: x\[n, h, w, c\] * weight\[o, kh, kw, c\] = y\[n, oh, ow, o\],
/// `y[n,i,j,o] = Σ x[n, i·stride + di − pad, j·stride + dj − pad, c] · weight[o, di, dj, c]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// Images.
    pub n: usize,
    /// Input rows.
    pub h: usize,
    /// Input columns.
    pub w: usize,
    /// Input channels.
    pub c: usize,
    /// Output channels.
    pub o: usize,
    /// Kernel rows.
    pub kh: usize,
    /// Kernel columns.
    pub kw: usize,
    /// Step of the window, both axes.
    pub stride: usize,
    /// Zeros added on every side.
    pub pad: usize,
    /// Output rows, `(h + 2·pad − kh) / stride + 1`.
    pub oh: usize,
    /// Output columns, `(w + 2·pad − kw) / stride + 1`.
    pub ow: usize,
}

/// The three passes of a convolution; the derivative of each is made of the other two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConvPass {
    /// Inputs x\[n,h,w,c\], weight\[o,kh,kw,c\]; output y\[n,oh,ow,o\].
    Forward,
    /// Inputs g\[n,oh,ow,o\], weight\[o,kh,kw,c\]; output \[n,h,w,c\].
    InputGrad,
    /// Inputs x\[n,h,w,c\], g\[n,oh,ow,o\]; output \[o,kh,kw,c\].
    WeightGrad,
}

impl ConvPass {
    /// See [`Primitive::name`].
    pub const fn name(self) -> &'static str {
        match self {
            ConvPass::Forward => "conv2d",
            ConvPass::InputGrad => "conv2d_input_grad",
            ConvPass::WeightGrad => "conv2d_weight_grad",
        }
    }
}

/// Geometry of a reduction over the middle axis of \[outer, len, inner\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reduce {
    /// Product of the axes before the reduced ones.
    pub outer: usize,
    /// Length of the reduced axis.
    pub len: usize,
    /// Product of the axes after the reduced ones.
    pub inner: usize,
}

/// What a reduction computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReduceKind {
    /// Sum; 0 for an empty axis. Partial sums keep the error at some tens of roundings, however long the axis.
    Sum,
    /// Maximum; −∞ for an empty axis.
    Max,
    /// Index (u32) of the first maximum.
    ArgMax,
}

/// Geometry of 2-D pooling: \[n, h, w, c\] to \[n, oh, ow, c\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pool2d {
    /// Images.
    pub n: usize,
    /// Input rows.
    pub h: usize,
    /// Input columns.
    pub w: usize,
    /// Channels.
    pub c: usize,
    /// Window side.
    pub k: usize,
    /// Step of the window, both axes.
    pub stride: usize,
    /// Padding on every side: zeros that count for the average, never chosen by the maximum.
    pub pad: usize,
    /// Output rows, `(h + 2·pad − k) / stride + 1`.
    pub oh: usize,
    /// Output columns, `(w + 2·pad − k) / stride + 1`.
    pub ow: usize,
}

/// The passes of pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PoolPass {
    /// Mean of each window (`1/k²`, padding counted). Input \[n,h,w,c\]; output \[n,oh,ow,c\].
    Average,
    /// The adjoint of `Average`: spreads each value over its window, times `1/k²`.
    /// Input \[n,oh,ow,c\]; output \[n,h,w,c\].
    Spread,
    /// Flat position (u32, into \[n·h·w·c\]) of the first maximum of each window.
    /// Input \[n,h,w,c\]; output \[n,oh,ow,c\].
    MaxIndex,
}

/// Geometry of a gather of rows, and of its adjoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gather {
    /// Rows of the table.
    pub rows: usize,
    /// Number of indices.
    pub picks: usize,
    /// Elements of one row.
    pub inner: usize,
}

/// Geometry of writing an array into a larger one of zeros; the adjoint of a strided slice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Embed {
    /// Shape of the input.
    pub shape: Vec<usize>,
    /// Shape of the output, of the same rank.
    pub out: Vec<usize>,
    /// Where the first element goes, along each axis.
    pub start: Vec<usize>,
    /// Distance between neighbours in the output, along each axis; at least 1.
    pub step: Vec<usize>,
}

/// Geometry of joining arrays along one axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Concat {
    /// Product of the axes before the joined one.
    pub outer: usize,
    /// Lengths of the joined axis, one for each input.
    pub lens: Vec<usize>,
    /// Product of the axes after the joined one.
    pub inner: usize,
}

impl Primitive {
    /// The name under which launches are counted and errors reported.
    pub const fn name(&self) -> &'static str {
        match self {
            Primitive::MatMul(_) => "matmul",
            Primitive::Conv(pass, _) => pass.name(),
            Primitive::Reduce(ReduceKind::Sum, _) => "sum",
            Primitive::Reduce(ReduceKind::Max, _) => "max",
            Primitive::Reduce(ReduceKind::ArgMax, _) => "argmax",
            Primitive::Pool(PoolPass::Average, _) => "avg_pool2d",
            Primitive::Pool(PoolPass::Spread, _) => "avg_pool2d_spread",
            Primitive::Pool(PoolPass::MaxIndex, _) => "max_pool2d_index",
            Primitive::Gather(_) => "gather",
            Primitive::ScatterAdd(_) => "scatter_add",
            Primitive::Embed(_) => "embed",
            Primitive::Concat(_) => "concat",
        }
    }

    /// Whether elements are moved as they are, so that u32 will do as well as floating point.
    pub const fn moves(&self) -> bool {
        matches!(
            self,
            Primitive::Gather(_) | Primitive::Embed(_) | Primitive::Concat(_)
        )
    }

    /// Number of elements of the output.
    pub fn output_len(&self) -> usize {
        match self {
            Primitive::MatMul(s) => s.batch * s.m * s.n,
            Primitive::Conv(ConvPass::Forward, s) => s.n * s.oh * s.ow * s.o,
            Primitive::Conv(ConvPass::InputGrad, s) => s.n * s.h * s.w * s.c,
            Primitive::Conv(ConvPass::WeightGrad, s) => s.o * s.kh * s.kw * s.c,
            Primitive::Reduce(_, s) => s.outer * s.inner,
            Primitive::Pool(PoolPass::Spread, s) => s.n * s.h * s.w * s.c,
            Primitive::Pool(_, s) => s.n * s.oh * s.ow * s.c,
            Primitive::Gather(s) => s.picks * s.inner,
            Primitive::ScatterAdd(s) => s.rows * s.inner,
            Primitive::Embed(s) => s.out.iter().product(),
            Primitive::Concat(s) => s.outer * s.lens.iter().sum::<usize>() * s.inner,
        }
    }

    /// Multiply-adds of a product or a convolution as it is defined; 0 for what neither is.
    pub fn multiply_adds(&self) -> u64 {
        let factors = match self {
            Primitive::MatMul(s) => vec![s.batch, s.m, s.n, s.k],
            Primitive::Conv(_, s) => vec![s.n, s.oh, s.ow, s.o, s.kh, s.kw, s.c],
            _ => return 0,
        };
        factors.into_iter().map(|n| n as u64).product()
    }

    /// Whether this is a product or a convolution whose every element is a sum of nothing, which is 0.
    pub fn sums_nothing(&self) -> bool {
        matches!(self, Primitive::MatMul(_) | Primitive::Conv(..)) && self.input_lens().contains(&0)
    }

    /// Number of elements of each input.
    pub fn input_lens(&self) -> Vec<usize> {
        match self {
            Primitive::MatMul(s) => vec![
                if s.a_batched { s.batch } else { 1 } * s.m * s.k,
                if s.b_batched { s.batch } else { 1 } * s.k * s.n,
            ],
            Primitive::Conv(pass, s) => {
                let x = s.n * s.h * s.w * s.c;
                let weight = s.o * s.kh * s.kw * s.c;
                let y = s.n * s.oh * s.ow * s.o;
                match pass {
                    ConvPass::Forward => vec![x, weight],
                    ConvPass::InputGrad => vec![y, weight],
                    ConvPass::WeightGrad => vec![x, y],
                }
            }
            Primitive::Reduce(_, s) => vec![s.outer * s.len * s.inner],
            Primitive::Pool(PoolPass::Spread, s) => vec![s.n * s.oh * s.ow * s.c],
            Primitive::Pool(_, s) => vec![s.n * s.h * s.w * s.c],
            Primitive::Gather(s) => vec![s.rows * s.inner, s.picks],
            Primitive::ScatterAdd(s) => vec![s.picks * s.inner, s.picks],
            Primitive::Embed(s) => vec![s.shape.iter().product()],
            Primitive::Concat(s) => s.lens.iter().map(|l| s.outer * l * s.inner).collect(),
        }
    }

    /// Element type of the output when the (first) input holds `input`.
    pub const fn output_dtype(&self, input: DType) -> DType {
        match self {
            Primitive::Reduce(ReduceKind::ArgMax, _) | Primitive::Pool(PoolPass::MaxIndex, _) => {
                DType::U32
            }
            _ => input,
        }
    }
}

/// The name with its geometry, as `conv2d 64->128 3x3/2 on 16x16 b64`: channels, window and stride, pixels, images.
impl fmt::Display for Primitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Primitive::MatMul(s) => {
                if s.batch > 1 {
                    write!(f, " {} of", s.batch)?;
                }
                write!(f, " {}x{}x{}", s.m, s.n, s.k)
            }
            Primitive::Conv(_, s) => {
                write!(f, " {}->{} {}x{}", s.c, s.o, s.kh, s.kw)?;
                if s.stride > 1 {
                    write!(f, "/{}", s.stride)?;
                }
                write!(f, " on {}x{} b{}", s.h, s.w, s.n)
            }
            Primitive::Reduce(_, s) => write!(f, " of {} for {}x{}", s.len, s.outer, s.inner),
            Primitive::Pool(_, s) => {
                let Pool2d {
                    n,
                    h,
                    w,
                    c,
                    k,
                    stride,
                    ..
                } = s;
                write!(f, " {c} {k}x{k}/{stride} on {h}x{w} b{n}")
            }
            Primitive::Gather(s) | Primitive::ScatterAdd(s) => {
                write!(f, " {} of {} rows of {}", s.picks, s.rows, s.inner)
            }
            Primitive::Embed(s) => write!(f, " {:?} in {:?}", s.shape, s.out),
            Primitive::Concat(s) => {
                write!(f, " {:?} of {}x{}", s.lens, s.outer, s.inner)
            }
        }
    }
}
