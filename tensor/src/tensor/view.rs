//! Views: other shapes and orders of the same elements, without copying.

use super::{Lazy, Tensor};
use crate::{
    Device, Error, Expr, Result,
    layout::{ALIGNMENT, Layout, broadcast_shapes, elements},
};

impl Tensor {
    /// The same elements under another layout. A constant stays one.
    fn view(&self, mut layout: Layout) -> Result<Tensor> {
        if layout.len() == 0 {
            // a place in storage that has none
            layout.offset = 0;
        }
        if let Some(v) = self.constant_value() {
            let lazy = Lazy {
                expr: Expr::constant(v),
                inputs: vec![],
            };
            return Ok(Tensor::from_lazy(
                lazy,
                self.dtype(),
                &layout.shape,
                self.device(),
            ));
        }
        let storage = self.storage()?;
        Ok(Tensor::from_storage(
            storage,
            self.dtype(),
            layout,
            self.device(),
        ))
    }

    fn check_axis(&self, op: &'static str, axis: usize) -> Result<()> {
        if axis < self.rank() {
            return Ok(());
        }
        let why = format!("has no axis {axis}");
        Err(Error::Shape {
            op,
            shape: self.shape().to_vec(),
            why,
        })
    }

    /// The elements side by side in row-major order, where a kernel can be given them: this array if they lie so, else a copy.
    ///
    /// # Errors
    /// What the device reports.
    pub fn contiguous(&self) -> Result<Tensor> {
        // a GPU cannot bind an array anywhere in a buffer
        let start = self.layout().offset * self.dtype().size();
        let placed = matches!(self.device(), Device::Cpu) || start.is_multiple_of(ALIGNMENT);
        if self.layout().is_contiguous() && placed {
            return Ok(self.clone());
        }
        self.copied()
    }

    /// True where the elements stand side by side from the start of their storage.
    pub(super) fn is_plain(&self) -> bool {
        self.layout().is_contiguous() && self.layout().offset == 0
    }

    /// The same elements in storage of their own.
    pub(super) fn copied(&self) -> Result<Tensor> {
        self.realize()?;
        let lazy = Lazy {
            expr: Expr::input(0),
            inputs: vec![self.clone()],
        };
        let copy = Tensor::from_lazy(lazy, self.dtype(), self.shape(), self.device());
        copy.realize()?;
        Ok(copy)
    }

    /// The same elements in row-major order as an array of `shape`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of elements differs.
    pub fn reshape(&self, shape: &[usize]) -> Result<Tensor> {
        if shape == self.shape() {
            return Ok(self.clone());
        }
        if elements("reshape", shape)? != self.len() {
            let why = format!("{} elements cannot take shape {shape:?}", self.len());
            return Err(Error::Shape {
                op: "reshape",
                shape: self.shape().to_vec(),
                why,
            });
        }
        if self.layout().is_contiguous() {
            let offset = self.layout().offset;
            return self.view(Layout {
                offset,
                ..Layout::contiguous(shape)
            });
        }
        let copy = self.contiguous()?;
        copy.view(Layout {
            offset: copy.layout().offset,
            ..Layout::contiguous(shape)
        })
    }

    /// All axes from `first` on joined into one.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no such axis.
    pub fn flatten(&self, first: usize) -> Result<Tensor> {
        self.check_axis("flatten", first)?;
        let mut shape = self.shape()[..first].to_vec();
        shape.push(self.shape()[first..].iter().product());
        self.reshape(&shape)
    }

    /// Axis i of the result is axis `axes[i]` of this array.
    ///
    /// # Errors
    /// [`Error::Shape`] if `axes` is not a permutation of the axes.
    pub fn permute(&self, axes: &[usize]) -> Result<Tensor> {
        let mut seen = axes.to_vec();
        seen.sort_unstable();
        if !seen.iter().copied().eq(0..self.rank()) {
            let why = format!("{axes:?} is not a permutation of its axes");
            return Err(Error::Shape {
                op: "permute",
                shape: self.shape().to_vec(),
                why,
            });
        }
        let l = self.layout();
        self.view(Layout {
            shape: axes.iter().map(|&a| l.shape[a]).collect(),
            strides: axes.iter().map(|&a| l.strides[a]).collect(),
            offset: l.offset,
        })
    }

    /// Two axes exchanged.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no such axis.
    pub fn transpose(&self, a: usize, b: usize) -> Result<Tensor> {
        self.check_axis("transpose", a)?;
        self.check_axis("transpose", b)?;
        let mut axes: Vec<usize> = (0..self.rank()).collect();
        axes.swap(a, b);
        self.permute(&axes)
    }

    /// Repeated along axes of length 1, and along new axes in front, to `shape`.
    ///
    /// # Errors
    /// [`Error::Shapes`] if this array does not broadcast to `shape`.
    pub fn expand(&self, shape: &[usize]) -> Result<Tensor> {
        if shape == self.shape() {
            return Ok(self.clone());
        }
        elements("expand", shape)?;
        let fits = broadcast_shapes("expand", self.shape(), shape);
        if fits.ok().as_deref() != Some(shape) {
            let why = "an axis can only grow from 1".into();
            let (lhs, rhs) = (self.shape().to_vec(), shape.to_vec());
            return Err(Error::Shapes {
                op: "expand",
                lhs,
                rhs,
                why,
            });
        }
        let l = self.layout();
        let strides = l.broadcast_strides(shape);
        self.view(Layout {
            shape: shape.to_vec(),
            strides,
            offset: l.offset,
        })
    }

    /// The elements `start .. start + len` of one axis.
    ///
    /// # Errors
    /// [`Error::Shape`] if the range leaves the axis.
    pub fn slice(&self, axis: usize, start: usize, len: usize) -> Result<Tensor> {
        self.slice_step(axis, start, len, 1)
    }

    /// `len` elements of one axis: `start`, `start + step`, …
    ///
    /// # Errors
    /// [`Error::Shape`] if the range leaves the axis or `step` is 0.
    pub fn slice_step(&self, axis: usize, start: usize, len: usize, step: usize) -> Result<Tensor> {
        self.check_axis("slice", axis)?;
        let last = len.saturating_sub(1).saturating_mul(step);
        let end = start.saturating_add(last).saturating_add(len.min(1));
        if end > self.shape()[axis] || step == 0 {
            let why = format!("axis {axis} has no {len} elements from {start} in steps of {step}");
            return Err(Error::Shape {
                op: "slice",
                shape: self.shape().to_vec(),
                why,
            });
        }
        let mut layout = self.layout().clone();
        if len > 0 {
            layout.offset = layout
                .offset
                .wrapping_add_signed(start as isize * layout.strides[axis]);
        }
        layout.shape[axis] = len;
        if len > 1 {
            layout.strides[axis] *= step as isize;
        }
        self.view(layout)
    }

    /// One axis in reverse order.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no such axis.
    pub fn flip(&self, axis: usize) -> Result<Tensor> {
        self.check_axis("flip", axis)?;
        let mut layout = self.layout().clone();
        let last = layout.shape[axis].saturating_sub(1) as isize;
        layout.offset = layout
            .offset
            .wrapping_add_signed(last * layout.strides[axis]);
        layout.strides[axis] = -layout.strides[axis];
        self.view(layout)
    }

    /// A new axis of length 1 in front of `axis`.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no such place.
    pub fn unsqueeze(&self, axis: usize) -> Result<Tensor> {
        if axis > self.rank() {
            self.check_axis("unsqueeze", axis)?;
        }
        let mut layout = self.layout().clone();
        layout.shape.insert(axis, 1);
        layout.strides.insert(axis, 0);
        self.view(layout)
    }

    /// Without the axis, whose length must be 1.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no such axis or its length is not 1.
    pub fn squeeze(&self, axis: usize) -> Result<Tensor> {
        self.check_axis("squeeze", axis)?;
        if self.shape()[axis] != 1 {
            let why = format!("axis {axis} is not of length 1");
            return Err(Error::Shape {
                op: "squeeze",
                shape: self.shape().to_vec(),
                why,
            });
        }
        let mut layout = self.layout().clone();
        layout.shape.remove(axis);
        layout.strides.remove(axis);
        self.view(layout)
    }
}
