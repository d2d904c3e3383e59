//! Pointwise operations: built as expressions, fused when chained.

use std::{cell::Cell, sync::Arc};

use super::{
    Lazy, Pending, Tensor, captured,
    launch::{merge_inputs, same_device},
};
use crate::{
    DType, Device, Error, Expr, Result,
    expr::{Binary, Unary},
    layout::broadcast_shapes,
    scoped::with_value,
    storage::Storage,
};

/// Operations in one fused kernel; longer chains are cut.
const MAX_COST: usize = 48;
/// Input arrays of one fused kernel: with an output they stay within WebGPU's 8 storage buffers.
const MAX_INPUTS: usize = 6;
/// Arrays that one launch may touch: WebGPU guarantees 8 storage buffers.
pub(super) const MAX_BUFFERS: usize = 8;

thread_local! {
    static FUSION: Cell<bool> = const { Cell::new(true) };
}

/// Runs `f` with every pointwise operation of this thread launched on its own. For finding out
/// whether fusion is at fault.
pub fn without_fusion<R>(f: impl FnOnce() -> R) -> R {
    with_value(&FUSION, false, f)
}

/// True unless inside [`without_fusion`].
pub(super) fn fusion() -> bool {
    FUSION.get()
}

impl Tensor {
    /// The array of `expr`'s values, element by element, over inputs that broadcast to one shape.
    ///
    /// Not computed before something needs it. Inputs are of one type of floating point, or u32, which is
    /// converted; the result is of that type, f32 if all are u32.
    ///
    /// # Errors
    /// [`Error::Shapes`], [`Error::Devices`] or [`Error::DType`] where inputs do not fit together; [`Error::TooFewArrays`] where there are fewer
    /// than the expression has.
    pub fn pointwise(expr: &Expr, inputs: &[&Tensor]) -> Result<Tensor> {
        Self::pointwise_named("pointwise", expr, inputs)
    }

    pub(super) fn pointwise_named(
        op: &'static str,
        expr: &Expr,
        inputs: &[&Tensor],
    ) -> Result<Tensor> {
        let device = same_device(op, inputs)?;
        check_inputs(op, expr, inputs.len())?;
        let mut shape = inputs[0].shape().to_vec();
        for t in &inputs[1..] {
            if t.shape() != shape {
                shape = broadcast_shapes(op, &shape, t.shape())?;
            }
        }
        let dtype = common_dtype(op, inputs)?;
        Self::expression(expr, inputs, dtype, &shape, &device)
    }

    /// As `pointwise`, but with everything given: also where there are no inputs.
    pub(super) fn expression(
        expr: &Expr,
        inputs: &[&Tensor],
        dtype: DType,
        shape: &[usize],
        device: &Device,
    ) -> Result<Tensor> {
        // also of an array that has no elements yet: a second array of the same would be stored beside it
        let same = expr.as_input().and_then(|n| inputs.get(n));
        if let Some(same) = same.filter(|t| t.shape() == shape && t.dtype() == dtype) {
            return Ok((*same).clone());
        }
        let fused = match fuse(expr, inputs, shape, dtype, true)? {
            None => fuse(expr, inputs, shape, dtype, false)?,
            some => some,
        };
        let Some(lazy) = fused else {
            return Self::in_parts(expr, inputs, dtype, shape, device);
        };
        let result = Tensor::from_lazy(lazy, dtype, shape, device);
        if !FUSION.get() {
            result.realize()?;
        }
        Ok(result)
    }

    /// An expression over more inputs than one kernel can read: a part of it first.
    fn in_parts(
        expr: &Expr,
        inputs: &[&Tensor],
        dtype: DType,
        shape: &[usize],
        device: &Device,
    ) -> Result<Tensor> {
        let place = u8::try_from(inputs.len()).ok();
        let [part, rest] =
            place
                .and_then(|n| expr.cut(MAX_INPUTS, n))
                .ok_or_else(|| Error::Unsupported {
                    op: "pointwise",
                    device: device.to_string(),
                    why: format!("{} inputs", inputs.len()),
                })?;
        // what one kernel computes is not rounded to halves on the way
        let wide = match dtype {
            DType::F16 => DType::F32,
            dtype => dtype,
        };
        let part = Self::expression(&part, inputs, wide, shape, device)?;
        part.realize()?;
        let inputs = [inputs, &[&part]].concat();
        Self::expression(&rest, &inputs, dtype, shape, device)
    }

    /// Computes the elements now, if that has not happened yet. Operations do it when they need it; to
    /// call it is worthwhile before a loop that would otherwise repeat the same expression.
    ///
    /// # Errors
    /// What the device reports.
    pub fn realize(&self) -> Result<&Tensor> {
        self.storage()?;
        Ok(self)
    }

    pub(super) fn storage(&self) -> Result<Arc<Storage>> {
        self.settle_older()?;
        loop {
            if let Some(value) = self.0.value.get() {
                return Ok(value.clone());
            }
            if self.waiting().is_some() {
                self.finish()?;
            } else if let Some((convolution, _)) = self.anchor() {
                convolution.finish_with(self)?;
            } else {
                self.compute()?;
            }
        }
    }

    /// While a computation is recorded: computes, beside the recording, an array made before it, which a repetition is to find as it is.
    fn settle_older(&self) -> Result<()> {
        if captured::is_older(&self.0) {
            captured::aside(|| self.storage())?;
        }
        Ok(())
    }

    /// Launches a pointwise expression over arrays that have elements.
    fn compute(&self) -> Result<()> {
        let pending = self.0.pending();
        match &*pending {
            Some(Pending::Pointwise(lazy)) => {
                let parts = [(lazy.clone(), self.dtype())];
                let value =
                    Tensor::launch_pointwise(self.shape(), self.device(), &parts)?.remove(0);
                self.0.settle(pending, value);
                Ok(())
            }
            _ if self.0.value.get().is_some() => Ok(()),
            _ => Err(Error::Device {
                device: self.device().to_string(),
                why: "an array has neither elements nor an expression".into(),
            }),
        }
    }

    /// Computes several arrays, those of one shape in common launches: an optimiser's new
    /// parameters and moments, say, each of which would otherwise read the gradient again.
    ///
    /// # Errors
    /// What the device reports.
    pub fn realize_all(tensors: &[&Tensor]) -> Result<()> {
        let mut waiting: Vec<(&Tensor, Lazy)> = Vec::new();
        for t in tensors {
            t.settle_older()?;
            if t.anchor().is_some() {
                t.realize()?;
            }
        }
        for t in tensors {
            if let Some(lazy) = t.lazy()
                && !waiting.iter().any(|(u, _)| u.same(t))
            {
                waiting.push((t, lazy));
            }
        }
        while let Some((first, _)) = waiting.first() {
            let (shape, device) = (first.shape(), first.device());
            let mut inputs = Vec::new();
            let (mut group, mut rest) = (Vec::new(), Vec::new());
            for (t, lazy) in waiting {
                let mut with = inputs.clone();
                merge_inputs(&mut with, &lazy.inputs);
                let fits = with.len() + group.len() < MAX_BUFFERS || group.is_empty();
                if FUSION.get() && fits && t.shape() == shape && t.device() == device {
                    inputs = with;
                    group.push((t, (lazy, t.dtype())));
                } else {
                    rest.push((t, lazy));
                }
            }
            if group.is_empty() {
                // fusion is off
                let (t, lazy) = rest.remove(0);
                group.push((t, (lazy, t.dtype())));
            }
            let (targets, parts): (Vec<&Tensor>, Vec<_>) = group.into_iter().unzip();
            let values = Tensor::launch_pointwise(targets[0].shape(), targets[0].device(), &parts)?;
            for (t, value) in targets.iter().zip(values) {
                t.0.settle(t.0.pending(), value);
            }
            waiting = rest;
        }
        Ok(())
    }

    /// The expression, if the elements are not computed yet.
    pub(super) fn lazy(&self) -> Option<Lazy> {
        if self.0.value.get().is_some() {
            return None;
        }
        match &*self.0.pending() {
            Some(Pending::Pointwise(lazy)) => Some(lazy.clone()),
            _ => None,
        }
    }

    /// The value of all elements, if it is known without computing.
    pub(super) fn constant_value(&self) -> Option<f64> {
        self.lazy().and_then(|l| l.expr.as_constant())
    }

    /// True where both read the same elements of the same storage in the same order.
    pub(super) fn same_elements(&self, other: &Tensor) -> bool {
        match (self.0.value.get(), other.0.value.get()) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b) && self.layout() == other.layout(),
            _ => false,
        }
    }
}

/// The expression with lazy inputs written out where `inline` allows it and they have the result's shape: an
/// input of another shape would be computed again for every repetition. Constants are always
/// written out. `None` if the kernel would grow too large.
fn fuse(
    expr: &Expr,
    inputs: &[&Tensor],
    shape: &[usize],
    dtype: DType,
    inline: bool,
) -> Result<Option<Lazy>> {
    Tensor::keep_one_anchor(inputs)?;
    let mut all = Vec::new();
    let mut parts = Vec::with_capacity(inputs.len());
    let mut inlined = false;
    for (n, t) in inputs.iter().enumerate() {
        if !expr.uses(n as u8) {
            parts.push(Expr::constant(0.0));
            continue;
        }
        if t.constant_value().is_none() {
            t.settle_older()?;
        }
        let lazy = t.lazy().filter(|l| {
            let same = t.shape() == shape && t.dtype() == dtype && inline;
            t.dtype().is_float() && (same || l.expr.as_constant().is_some())
        });
        match lazy {
            Some(lazy) => {
                inlined = true;
                parts.push(lazy.expr.renumber(&merge_inputs(&mut all, &lazy.inputs)));
            }
            None => {
                let joins =
                    fusion() && t.shape() == shape && t.dtype() == dtype && t.waiting().is_some();
                if !joins {
                    t.realize()?;
                }
                let place = merge_inputs(&mut all, &[(*t).clone()])[0];
                parts.push(Expr::input(place));
            }
        }
        if all.len() > usize::from(u8::MAX) {
            return Ok(None);
        }
    }
    let expr = expr.substitute(&parts);
    let too_large = all.len() > MAX_INPUTS || (inlined && expr.cost() > MAX_COST);
    // constants are written out in either case, which adds no cost
    if too_large && (inline || all.len() > MAX_INPUTS) {
        return Ok(None);
    }
    // simplification may have dropped inputs
    let mut places = vec![0; all.len()];
    let mut kept = Vec::with_capacity(all.len());
    for (n, t) in all.into_iter().enumerate() {
        if expr.uses(n as u8) {
            places[n] = kept.len() as u8;
            kept.push(t);
        }
    }
    Ok(Some(Lazy {
        expr: expr.renumber(&places),
        inputs: kept,
    }))
}

/// An error where an expression has inputs that are not there.
pub(super) fn check_inputs(op: &'static str, expr: &Expr, given: usize) -> Result<()> {
    match expr.inputs() {
        needed if needed > given => Err(Error::TooFewArrays { op, given, needed }),
        _ => Ok(()),
    }
}

pub(super) fn common_dtype(op: &'static str, inputs: &[&Tensor]) -> Result<DType> {
    let mut found = DType::U32;
    for t in inputs {
        match (found, t.dtype()) {
            (_, DType::U32) => {}
            (DType::U32, float) => found = float,
            (a, b) if a == b => {}
            (a, b) => {
                return Err(Error::DType {
                    op,
                    expected: a,
                    found: b,
                });
            }
        }
    }
    Ok(if found == DType::U32 {
        DType::F32
    } else {
        found
    })
}

macro_rules! unary_methods {
    ($($(#[$doc:meta])* $name:ident $f:ident;)*) => {
        impl Tensor {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// Those of [`Tensor::pointwise`].
            pub fn $name(&self) -> Result<Tensor> {
                Self::pointwise_named(stringify!($name), &Expr::input(0).unary(Unary::$f), &[self])
            }
        )*}
    };
}
unary_methods! {
    /// −x
    neg Neg;
    /// |x|
    abs Abs;
    /// −1, 0 or 1
    sign Sign;
    /// eˣ
    exp Exp;
    /// eˣ − 1, with all its digits near 0.
    exp_m1 ExpM1;
    /// Natural logarithm.
    ln Ln;
    /// ln(1 + x), with all its digits near 0.
    ln_1p Ln1P;
    /// √x
    sqrt Sqrt;
    /// 1 / x
    recip Recip;
    /// sin x, radians
    sin Sin;
    /// cos x, radians
    cos Cos;
    /// tanh x
    tanh Tanh;
    /// 1 / (1 + e⁻ˣ)
    sigmoid Sigmoid;
    /// The largest integer ≤ x.
    floor Floor;
    /// 1 where x is NaN or infinite, else 0.
    non_finite NonFinite;
}

macro_rules! binary_methods {
    ($($(#[$doc:meta])* $name:ident $scalar:ident $f:ident;)*) => {
        impl Tensor {$(
            $(#[$doc])*
            /// Shapes broadcast.
            ///
            /// # Errors
            /// Those of [`Tensor::pointwise`].
            pub fn $name(&self, other: &Tensor) -> Result<Tensor> {
                let e = Expr::input(0).binary(Binary::$f, Expr::input(1));
                Self::pointwise_named(stringify!($name), &e, &[self, other])
            }

            $(#[$doc])*
            /// The right operand is one number.
            ///
            /// # Errors
            /// Those of [`Tensor::pointwise`].
            pub fn $scalar(&self, other: f64) -> Result<Tensor> {
                let e = Expr::input(0).binary(Binary::$f, Expr::constant(other));
                Self::pointwise_named(stringify!($scalar), &e, &[self])
            }
        )*}
    };
}
binary_methods! {
    /// Sum.
    add add_scalar Add;
    /// Difference.
    sub sub_scalar Sub;
    /// Product.
    mul mul_scalar Mul;
    /// Quotient.
    div div_scalar Div;
    /// The larger of the two.
    maximum maximum_scalar Max;
    /// The smaller of the two.
    minimum minimum_scalar Min;
    /// Power, for a base > 0.
    pow pow_scalar Pow;
    /// 1 where less, else 0.
    less_than less_than_scalar Lt;
    /// 1 where less or equal, else 0.
    less_equal less_equal_scalar Le;
    /// 1 where equal, else 0.
    equal equal_scalar Eq;
}

impl Tensor {
    /// `low` where less, `high` where greater, else the element.
    ///
    /// # Errors
    /// Those of [`Tensor::pointwise`].
    pub fn clamp(&self, low: f64, high: f64) -> Result<Tensor> {
        let e = Expr::input(0).maximum(low).minimum(high);
        Self::pointwise_named("clamp", &e, &[self])
    }

    /// `a` where `self` is not zero, else `b`. Shapes broadcast.
    ///
    /// # Errors
    /// Those of [`Tensor::pointwise`].
    pub fn select(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let e = Expr::input(0).select(Expr::input(1), Expr::input(2));
        Self::pointwise_named("select", &e, &[self, a, b])
    }

    /// The same numbers in another type: to u32 truncated, negative ones to 0; to f16 rounded, infinite beyond 65 504.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a type that the device [has not](Device::supports), or what the device reports.
    pub fn to_dtype(&self, dtype: DType) -> Result<Tensor> {
        if dtype == self.dtype() {
            return Ok(self.clone());
        }
        self.device().check_dtype("to_dtype", dtype)?;
        // what is computed in f32 and not yet stored is rounded where it will be
        let unrounded = [self.dtype(), dtype] == [DType::F32, DType::F16] && fusion();
        self.settle_older()?;
        let lazy = match self.lazy().filter(|_| unrounded) {
            Some(lazy) => lazy,
            None => {
                // a convolution that waits may store it so
                if !unrounded || self.waiting().is_none() {
                    self.realize()?;
                }
                Lazy {
                    expr: Expr::input(0),
                    inputs: vec![self.clone()],
                }
            }
        };
        Ok(Tensor::from_lazy(lazy, dtype, self.shape(), self.device()))
    }
}
