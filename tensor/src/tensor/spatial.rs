//! Convolution and pooling of images \[N, H, W, C\].

use super::Tensor;
use crate::{
    DType, Error, Result,
    primitive::{Conv2d, ConvPass, Pool2d, PoolPass, Primitive},
};

impl Tensor {
    /// Convolution of images \[N,H,W,C\] with `weight` \[O,KH,KW,C\], `stride` on both axes, `pad`
    /// zeros on every side; \[N,OH,OW,O\] with `OH = (H + 2·pad − KH) / stride + 1`.
    ///
    /// # Errors
    /// [`Error::Shapes`] if the shapes do not fit, [`Error::DType`] unless both are of one type of floating point.
    pub fn conv2d(&self, weight: &Tensor, stride: usize, pad: usize) -> Result<Tensor> {
        let g = conv_geometry("conv2d", self.shape(), weight.shape(), stride, pad)?;
        let out = [g.n, g.oh, g.ow, g.o];
        same_type("conv2d", self, weight)?;
        Tensor::launch(
            &Primitive::Conv(ConvPass::Forward, g),
            &[self, weight],
            &out,
        )
    }

    /// The gradient of [`conv2d`](Tensor::conv2d) with respect to its images: `self` is the
    /// output's gradient \[N,OH,OW,O\], `shape` the images' shape.
    ///
    /// # Errors
    /// [`Error::Shapes`] if the shapes do not fit, [`Error::DType`] unless both are of one type of floating point.
    pub fn conv2d_input_grad(
        &self,
        weight: &Tensor,
        shape: &[usize],
        stride: usize,
        pad: usize,
    ) -> Result<Tensor> {
        let op = "conv2d_input_grad";
        let g = conv_geometry(op, shape, weight.shape(), stride, pad)?;
        check_output(op, self.shape(), &g)?;
        same_type(op, self, weight)?;
        Tensor::launch(
            &Primitive::Conv(ConvPass::InputGrad, g),
            &[self, weight],
            shape,
        )
    }

    /// The gradient of [`conv2d`](Tensor::conv2d) with respect to its weight: `self` is the images, `grad`
    /// the output's gradient \[N,OH,OW,O\], `shape` the weight's shape.
    ///
    /// # Errors
    /// [`Error::Shapes`] if the shapes do not fit, [`Error::DType`] unless both are of one type of floating point.
    pub fn conv2d_weight_grad(
        &self,
        grad: &Tensor,
        shape: &[usize],
        stride: usize,
        pad: usize,
    ) -> Result<Tensor> {
        let op = "conv2d_weight_grad";
        let g = conv_geometry(op, self.shape(), shape, stride, pad)?;
        check_output(op, grad.shape(), &g)?;
        same_type(op, self, grad)?;
        Tensor::launch(
            &Primitive::Conv(ConvPass::WeightGrad, g),
            &[self, grad],
            shape,
        )
    }

    /// Mean of windows of `k`×`k`; padding counts as zeros.
    ///
    /// # Errors
    /// [`Error::Shape`] if the window does not fit, [`Error::DType`] for u32.
    pub fn avg_pool2d(&self, k: usize, stride: usize, pad: usize) -> Result<Tensor> {
        let g = pool_geometry("avg_pool2d", self.shape(), k, stride, pad)?;
        let out = [g.n, g.oh, g.ow, g.c];
        Tensor::launch(&Primitive::Pool(PoolPass::Average, g), &[self], &out)
    }

    /// The adjoint of [`avg_pool2d`](Tensor::avg_pool2d): each element of \[N,OH,OW,C\] spread over its
    /// window in `shape` \[N,H,W,C\], times 1/k².
    ///
    /// # Errors
    /// [`Error::Shapes`] if the shapes do not fit, [`Error::DType`] for u32.
    pub fn avg_pool2d_spread(
        &self,
        shape: &[usize],
        k: usize,
        stride: usize,
        pad: usize,
    ) -> Result<Tensor> {
        let op = "avg_pool2d_spread";
        let g = pool_geometry(op, shape, k, stride, pad)?;
        if self.shape() != [g.n, g.oh, g.ow, g.c] {
            let why = format!("expected [{}, {}, {}, {}]", g.n, g.oh, g.ow, g.c);
            return Err(Error::Shapes {
                op,
                lhs: self.shape().to_vec(),
                rhs: shape.to_vec(),
                why,
            });
        }
        Tensor::launch(&Primitive::Pool(PoolPass::Spread, g), &[self], shape)
    }

    /// For each window of `k`×`k`, the position (u32) of its first maximum in this array read in row-major
    /// order, or of its first NaN. `x.flatten(0)?.gather(&index)` are the maxima.
    ///
    /// # Errors
    /// [`Error::Shape`] if the window does not fit, [`Error::DType`] for u32.
    pub fn max_pool2d_index(&self, k: usize, stride: usize, pad: usize) -> Result<Tensor> {
        let g = pool_geometry("max_pool2d", self.shape(), k, stride, pad)?;
        if pad > k / 2 {
            let why = format!("padding {pad} is more than half the window {k}");
            return Err(Error::Shape {
                op: "max_pool2d",
                shape: self.shape().to_vec(),
                why,
            });
        }
        let out = [g.n, g.oh, g.ow, g.c];
        Tensor::launch(&Primitive::Pool(PoolPass::MaxIndex, g), &[self], &out)
    }

    /// Maximum of windows of `k`×`k`, NaN where the window holds one; padding is never chosen.
    ///
    /// # Errors
    /// [`Error::Shape`] if the window does not fit, [`Error::DType`] for u32.
    pub fn max_pool2d(&self, k: usize, stride: usize, pad: usize) -> Result<Tensor> {
        self.flatten(0)?
            .gather(&self.max_pool2d_index(k, stride, pad)?)
    }
}

/// Both factors of a product are of one type of floating point.
pub(super) fn same_type(op: &'static str, a: &Tensor, b: &Tensor) -> Result<()> {
    let found = [a, b].map(Tensor::dtype);
    match found {
        [a, b] if a == b && a.is_float() => Ok(()),
        [a, b] => Err(Error::DType {
            op,
            expected: if a.is_float() { a } else { DType::F32 },
            found: if a.is_float() { b } else { a },
        }),
    }
}

/// Number of windows along an axis; `None` where there is none.
fn windows(len: usize, k: usize, stride: usize, pad: usize) -> Option<usize> {
    if k == 0 {
        return None;
    }
    let padded = pad.checked_mul(2)?.checked_add(len)?;
    Some(padded.checked_sub(k)?.checked_div(stride)? + 1)
}

fn conv_geometry(
    op: &'static str,
    x: &[usize],
    weight: &[usize],
    stride: usize,
    pad: usize,
) -> Result<Conv2d> {
    let fail = |why: String| Error::Shapes {
        op,
        lhs: x.to_vec(),
        rhs: weight.to_vec(),
        why,
    };
    let (&[n, h, w, c], &[o, kh, kw, wc]) = (x, weight) else {
        return Err(fail(
            "expected images [N,H,W,C] and a weight [O,KH,KW,C]".into(),
        ));
    };
    if c != wc {
        return Err(fail(format!(
            "the images have {c} channels, the weight takes {wc}"
        )));
    }
    let small = || {
        fail(format!(
            "no window of {kh}×{kw} in the image (stride {stride}, padding {pad})"
        ))
    };
    let oh = windows(h, kh, stride, pad).ok_or_else(small)?;
    let ow = windows(w, kw, stride, pad).ok_or_else(small)?;
    Ok(Conv2d {
        n,
        h,
        w,
        c,
        o,
        kh,
        kw,
        stride,
        pad,
        oh,
        ow,
    })
}

fn check_output(op: &'static str, grad: &[usize], g: &Conv2d) -> Result<()> {
    let want = [g.n, g.oh, g.ow, g.o];
    if grad == want {
        return Ok(());
    }
    let why = "the output's gradient must have the second shape".into();
    Err(Error::Shapes {
        op,
        lhs: grad.to_vec(),
        rhs: want.to_vec(),
        why,
    })
}

fn pool_geometry(
    op: &'static str,
    x: &[usize],
    k: usize,
    stride: usize,
    pad: usize,
) -> Result<Pool2d> {
    let fail = |why: String| Error::Shape {
        op,
        shape: x.to_vec(),
        why,
    };
    let &[n, h, w, c] = x else {
        return Err(fail("expected images [N,H,W,C]".into()));
    };
    let small = || fail(format!("no window of {k} (stride {stride}, padding {pad})"));
    let at = |len| windows(len, k, stride, pad);
    let (oh, ow) = (at(h).ok_or_else(small)?, at(w).ok_or_else(small)?);
    Ok(Pool2d {
        n,
        h,
        w,
        c,
        k,
        stride,
        pad,
        oh,
        ow,
    })
}
