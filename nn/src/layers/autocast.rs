//! Convolutions of images that are stored in half the bytes, and gradients through them.

use std::cell::RefCell;

use clel_autograd::{Error as GradError, GradOptions, Var, grad, grad_releasing};
use clel_tensor::{DType, Expr, Tensor};

use super::scoped::with_value;
use crate::{Error, Result};

thread_local! {
    static STORED: RefCell<Option<DType>> = const { RefCell::new(None) };
    static CUTS: RefCell<Option<Vec<Cut>>> = const { RefCell::new(None) };
}

/// The largest number among those that gradients of f16 begin with. On their way they may become 4096 times as large, until they are infinite, and
/// 250 000 times as small, until they lose bits.
const LARGEST: f64 = 16.0;
/// Lest zero be divided by itself.
const SMALLEST: f64 = 1e-30;

/// Runs `f` with the images that this thread's [`Conv2d`](crate::Conv2d)s read and write stored in a type, and their weights converted to it
/// (inside [`hold_weights`](crate::hold_weights) once); what of `torch.autocast` concerns convolutions. `F16` takes half the memory and, on
/// graphics hardware, half the time to move it; products are added in f32 all the same. Activations, sums of images and pools compute in the
/// type that they are given; layers with weights of other kinds compute in the weights' own.
///
/// Gradients are f16 where the images are, and most of them too small for it: see [`autocast_grad`].
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
    with_value(&STORED, dtype, f).0
}

/// A place where f16 is converted to a wider type: what lies before it, and what goes on after it, for whose gradient it is a leaf.
struct Cut {
    narrow: Var,
    wide: Var,
}

/// The value of `f` inside [`autocast`] to f16, and the gradient of the sum of its elements with respect to the leaf `x`, both in f32 or wider. Where
/// f16 becomes a wider type, the gradient is multiplied on its way back by a number that lets f16 hold it, and in the end divided: what
/// `torch.amp.GradScaler` is for, but the number follows from the gradient itself, at each such place.
///
/// `f` may not take gradients itself: they would end at the first such place.
///
/// # Errors
/// Those of `f` and of [`grad`]; what the device reports, if it has no f16 say.
pub fn autocast_grad<E: From<Error>>(
    x: &Var,
    f: impl FnOnce() -> Result<Var, E>,
) -> Result<(Tensor, Tensor), E> {
    let value = || {
        let value = autocast(DType::F16, f)?;
        Ok::<_, E>(widened(&value, DType::F32)?)
    };
    let (value, cuts) = with_value(&CUTS, Vec::new(), value);
    let value = value?;
    Ok((
        value.tensor().clone(),
        scaled(value, cuts.unwrap_or_default(), x)?,
    ))
}

/// The gradient of a value, from each cut, the last first, to what lies before it.
fn scaled(value: Var, mut cuts: Vec<Cut>, x: &Var) -> Result<Tensor> {
    let mut found = Found {
        of_cuts: vec![None; cuts.len()],
        of_x: None,
    };
    found.add(value, &cuts, x, None)?;
    while let Some(Cut { narrow, .. }) = cuts.pop() {
        let Some(g) = found.of_cuts.pop().flatten() else {
            continue;
        };
        let g = g.into_tensor();
        // what is infinite for one image is so for that image alone
        let size = Expr::input(0).non_finite();
        let size = size.select(Expr::constant(0.0), Expr::input(0).abs());
        let axes: Vec<usize> = (0..g.rank()).collect();
        let largest = Tensor::pointwise(&size, &[&g])?.max(&axes, false)?;
        let unit = Expr::input(0).maximum(SMALLEST) / LARGEST;
        let unit = Tensor::pointwise(&unit, &[&largest])?;
        let seed = g.div(&unit)?.to_dtype(narrow.tensor().dtype())?;
        found.add(narrow, &cuts, x, Some((seed, unit)))?;
    }
    let missing = || GradError::Unused {
        input: 0,
        shape: x.shape().to_vec(),
    };
    Ok(found.of_x.ok_or_else(missing)?.into_tensor())
}

/// Gradients as far as they have been followed.
struct Found {
    /// With respect to what goes on after each cut.
    of_cuts: Vec<Option<Var>>,
    of_x: Option<Var>,
}

impl Found {
    /// Adds what passes through `from`; its cotangent, if it is not ones, is given divided by a unit.
    fn add(
        &mut self,
        from: Var,
        cuts: &[Cut],
        x: &Var,
        seed: Option<(Tensor, Tensor)>,
    ) -> Result<()> {
        let (seed, unit) = seed.unzip();
        let options = GradOptions {
            seeds: seed.map(|seed| vec![seed.into()]),
            ..GradOptions::default()
        };
        let add = |sum: &mut Option<Var>, part: Var| -> Result<()> {
            let part = match &unit {
                None => part,
                Some(unit) => part.to_dtype(unit.dtype())?.mul(&unit.clone().into())?,
            };
            *sum = Some(match sum.take() {
                None => part,
                Some(sum) => sum.add(&part)?,
            });
            Ok(())
        };
        for (sum, cut) in self.of_cuts.iter_mut().zip(cuts) {
            if let Some(part) = used(grad(&[&from], &[&cut.wide], &options))? {
                add(sum, part)?;
            }
        }
        match used(grad_releasing(vec![from], &[x], &options))? {
            Some(part) => add(&mut self.of_x, part),
            None => Ok(()),
        }
    }
}

/// A gradient, if what it was asked for with respect to is used.
fn used(found: clel_autograd::Result<Vec<Var>>) -> Result<Option<Var>> {
    match found {
        Ok(mut all) => Ok(all.pop()),
        Err(GradError::Unused { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// An image for a convolution whose weights are of a type, and the type in which that computes.
pub(super) fn image(x: &Var, weights: DType) -> Result<(Var, DType)> {
    match STORED.with_borrow(|stored| *stored) {
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
        Some(cuts) if x.requires_grad() => {
            let wide = Var::leaf(x.tensor().to_dtype(dtype)?);
            cuts.push(Cut {
                narrow: x.clone(),
                wide: wide.clone(),
            });
            Ok(wide)
        }
        _ => Ok(x.to_dtype(dtype)?),
    })
}
