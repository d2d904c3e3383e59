//! Convolutions of images that are stored in half the bytes, and gradients through them.

use std::cell::{Cell, RefCell};

use clel_autograd::{GradOptions, Var, grad_releasing};
use clel_tensor::{DType, Tensor};

use crate::{Error, Result};

thread_local! {
    static STORED: Cell<Option<DType>> = const { Cell::new(None) };
    static CUTS: RefCell<Option<Vec<Cut>>> = const { RefCell::new(None) };
}

/// The largest number among those that gradients of f16 begin with. What follows from it is smaller, as a rule, and between 6·10⁻⁵ and 65 504
/// f16 has all its bits.
const LARGEST: f64 = 256.0;
/// Lest zero be divided by itself.
const SMALLEST: f64 = 1e-30;

/// Runs `f` with the images that this thread's [`Conv2d`](crate::Conv2d)s read and write stored in a type, and their weights converted to it
/// (inside [`hold_weights`](crate::hold_weights) once); what of `torch.autocast` concerns convolutions. `F16` takes half the memory and, on
/// graphics hardware, half the time to move it; products are added in f32 all the same. Activations, sums of images and pools compute in the
/// type that they are given; layers with weights of other kinds compute in the weights' own.
///
/// ```
/// use clel_nn::{Conv2d, ConvOptions, Init, Layer, Mode, autocast};
/// use clel_tensor::{DType, Device, RngKey, Tensor};
/// let mut init = Init::new(RngKey::new(1, 0), DType::F32, &Device::Cpu);
/// let conv = Conv2d::new(&mut init, 3, 16, 3, &ConvOptions::default())?;
/// let x = Tensor::zeros(&[4, 8, 8, 3], DType::F32, &Device::Cpu)?.into();
/// let y = autocast(DType::F16, || conv.forward(&x, Mode::Eval))?;
/// assert_eq!(y.tensor().dtype(), DType::F16);
/// # Ok::<(), clel_nn::Error>(())
/// ```
pub fn autocast<R>(dtype: DType, f: impl FnOnce() -> R) -> R {
    /// Puts back what held before, even if `f` panics.
    struct Restore(Option<DType>);
    impl Drop for Restore {
        fn drop(&mut self) {
            STORED.set(self.0);
        }
    }
    let _restore = Restore(STORED.replace(Some(dtype)));
    f()
}

/// A place where f16 is converted to a wider type: what lies before it and what goes on after it, for whose gradient it is a leaf.
struct Cut {
    narrow: Var,
    wide: Var,
}

/// The value of `f` inside [`autocast`] to f16, and the gradient of the sum of its elements with respect to the leaf `x`. Where f16 becomes a wider
/// type, the gradient is multiplied on its way back by a number that lets f16 hold it, and in the end divided: what `torch.amp.GradScaler`
/// is for, but the number follows from the gradient itself, at each such place.
///
/// # Errors
/// Those of `f`; what the device reports, if it has no f16 say.
pub fn autocast_grad<E: From<Error>>(
    x: &Var,
    f: impl FnOnce() -> Result<Var, E>,
) -> Result<(Tensor, Tensor), E> {
    let (value, cuts) = with_cuts(|| autocast(DType::F16, f));
    let value = value?;
    Ok((value.tensor().clone(), scaled(value, cuts, x)?))
}

/// Runs `f` with every conversion of f16 to a wider type cut.
fn with_cuts<R>(f: impl FnOnce() -> R) -> (R, Vec<Cut>) {
    /// Puts back what held before, even if `f` panics.
    struct Restore(Option<Vec<Cut>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CUTS.replace(self.0.take());
        }
    }
    let _restore = Restore(CUTS.replace(Some(Vec::new())));
    let result = f();
    (result, CUTS.take().unwrap_or_default())
}

/// The gradient of a value, from each cut, the last first, to what lies before it.
fn scaled(value: Var, mut cuts: Vec<Cut>, x: &Var) -> Result<Tensor> {
    let options = |seeds| GradOptions {
        seeds,
        allow_unused: true,
        ..GradOptions::default()
    };
    let leaves = |cuts: &[Cut]| -> Vec<Var> {
        let wide = cuts.iter().map(|cut| cut.wide.clone());
        [x.clone()].into_iter().chain(wide).collect()
    };
    let all = leaves(&cuts);
    let all: Vec<&Var> = all.iter().collect();
    let mut found = grad_releasing(vec![value], &all, &options(None))?;
    while let Some(cut) = cuts.pop() {
        let g = found.remove(1 + cuts.len()).into_tensor();
        let size = g.abs()?.max(&(0..g.rank()).collect::<Vec<_>>(), false)?;
        let unit = size.maximum(&Tensor::full(&[], SMALLEST, g.dtype(), g.device())?)?;
        let unit = unit.mul_scalar(1.0 / LARGEST)?;
        let seed = g.div(&unit)?.to_dtype(cut.narrow.tensor().dtype())?;
        let before = leaves(&cuts);
        let before: Vec<&Var> = before.iter().collect();
        let parts = grad_releasing(vec![cut.narrow], &before, &options(Some(vec![seed.into()])))?;
        for (found, part) in found.iter_mut().zip(parts) {
            *found = found.add(&part.mul(&unit.clone().into())?)?;
        }
    }
    Ok(found.remove(0).into_tensor())
}

/// An image for a convolution whose weights are of a type, and the type in which that computes.
pub(super) fn image(x: &Var, weights: DType) -> Result<(Var, DType)> {
    match STORED.get() {
        Some(dtype) => Ok((x.to_dtype(dtype)?, dtype)),
        None => Ok((widened(x, weights)?, weights)),
    }
}

/// What convolutions stored as f16, in a type to go on with.
pub(super) fn widened(x: &Var, dtype: DType) -> Result<Var> {
    if x.tensor().dtype() != DType::F16 || dtype == DType::F16 {
        return Ok(x.clone());
    }
    CUTS.with_borrow_mut(|cuts| match cuts {
        None => Ok(x.to_dtype(dtype)?),
        Some(cuts) => {
            let wide = Var::leaf(x.tensor().to_dtype(dtype)?);
            cuts.push(Cut {
                narrow: x.clone(),
                wide: wide.clone(),
            });
            Ok(wide)
        }
    })
}
