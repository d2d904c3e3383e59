//! Normalised weights kept while a network is used many times without being trained.

use std::cell::RefCell;

use clel_autograd::Var;
use clel_tensor::{DType, Tensor};

use super::scoped::with_value;
use crate::Result;

thread_local! {
    /// Weights as they are trained, and what became of each.
    static HELD: RefCell<Option<Vec<Held>>> = const { RefCell::new(None) };
}

struct Held {
    original: Tensor,
    value: Var,
}

/// Runs `f` with each spectrally normalised weight W/σ of this thread computed at its first use only, and constant from then on; so is each
/// parameter of a convolution that [`autocast`](crate::autocast) converts. In
/// `Mode::Train` the power iteration therefore runs once, not in every forward pass.
///
/// For loops that go through a network many times with the same weights and ask for gradients to its input alone, a sampler's say:
/// gradients to the weights are not to be had inside. [`gradients`](crate::optim::gradients) of what was computed here refuses such a weight by
/// its name.
///
/// ```
/// use clel_nn::{Conv2d, ConvOptions, Init, Layer, Mode, Module, hold_weights};
/// use clel_tensor::{DType, Device, RngKey, Tensor};
/// let mut init = Init::new(RngKey::new(1, 0), DType::F32, &Device::Cpu);
/// let options = ConvOptions { spectral_norm: true, ..ConvOptions::default() };
/// let conv = Conv2d::new(&mut init, 2, 2, 1, &options)?;
/// let x = Tensor::ones(&[1, 1, 1, 2], DType::F32, &Device::Cpu)?.into();
/// let u = || conv.states()[0].1.tensor().to_vec::<f32>();
/// hold_weights(|| {
///     conv.forward(&x, Mode::Train)?;
///     let once = u()?;
///     conv.forward(&x, Mode::Train)?;
///     assert_eq!(once, u()?);
///     Ok::<(), clel_nn::Error>(())
/// })?;
/// # Ok::<(), clel_nn::Error>(())
/// ```
pub fn hold_weights<R>(f: impl FnOnce() -> R) -> R {
    with_value(&HELD, Vec::new(), f).0
}

/// What is held for `original` in a type, else what `compute` gives, which is of that type and then held if anything is.
pub(super) fn held_or(
    original: &Tensor,
    dtype: DType,
    compute: impl FnOnce() -> Result<Var>,
) -> Result<Var> {
    let is = |held: &&Held| held.original.same(original) && held.value.tensor().dtype() == dtype;
    let held = HELD.with_borrow(|held| {
        let all = held.as_ref()?;
        Some(all.iter().find(is).map(|held| held.value.clone()))
    });
    match held {
        None => compute(),
        Some(Some(value)) => Ok(value),
        Some(None) => {
            let value = compute()?.detach();
            value.tensor().realize()?;
            HELD.with_borrow_mut(|held| {
                if let Some(all) = held {
                    all.push(Held {
                        original: original.clone(),
                        value: value.clone(),
                    });
                }
            });
            Ok(value)
        }
    }
}
