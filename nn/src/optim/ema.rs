//! The exponential moving average of a network.

use clel_tensor::{Expr, Tensor};

use crate::{Error, Module, Result, Slot};

/// Averages the parameters of a live network in a second instance of it.
///
/// ```
/// use clel_nn::{BatchNorm, Init, Module, optim::Ema};
/// use clel_tensor::{DType, Device, RngKey, Tensor};
/// let mut init = Init::new(RngKey::new(1, 0), DType::F32, &Device::Cpu);
/// let (live, average) = (BatchNorm::new(&mut init, 1)?, BatchNorm::new(&mut init, 1)?);
/// live.parameters()[0].1.set(Tensor::from_slice(&[5.0f32], &[1], &Device::Cpu)?)?;
/// Ema::update(&live, &average, 0.75)?;
/// assert_eq!(average.parameters()[0].1.tensor().item()?, 2.0); // ¾·1 + ¼·5
/// # Ok::<(), clel_nn::Error>(())
/// ```
#[derive(Debug)]
pub struct Ema;

impl Ema {
    /// average ← decay·average + (1 − decay)·live for every parameter, in one launch; states are copied. A decay of 0 is a plain copy.
    ///
    /// # Errors
    /// [`Error::Networks`] if the two differ in names or shapes, before anything is changed; [`Error::Setting`]
    /// unless 0 ≤ decay ≤ 1; what the device reports.
    pub fn update(live: &dyn Module, average: &dyn Module, decay: f64) -> Result<()> {
        if !(0.0..=1.0).contains(&decay) {
            return Err(Error::Setting {
                what: "Ema: decay",
                value: decay,
                expected: "0 ≤ decay ≤ 1",
            });
        }
        let (from, to) = (live.slots(), average.slots());
        check_twins(&from, &to)?;
        let mix = Expr::input(0) * decay + Expr::input(1) * (1.0 - decay);
        let averaged = |slot: &Slot<'_>| matches!(slot, Slot::Parameter(_)) && decay > 0.0;
        let [old, seen] = [&to, &from].map(|slots| -> Vec<Tensor> {
            let chosen = slots.iter().filter(|(_, slot)| averaged(slot));
            chosen.map(|(_, slot)| slot.tensor()).collect()
        });
        let [new] = Tensor::pointwise_lists([&mix], &[&old, &seen])?;
        let mut new = new.into_iter();
        for ((_, live), (_, slot)) in from.iter().zip(&to) {
            let mixed = if averaged(slot) { new.next() } else { None };
            // arrays never change, so a copy is a handle
            slot.set(mixed.unwrap_or_else(|| live.tensor()))?;
        }
        Ok(())
    }
}

fn check_twins(from: &[(String, Slot<'_>)], to: &[(String, Slot<'_>)]) -> Result<()> {
    let describe = |(name, slot): &(String, Slot<'_>)| {
        let kind = match slot {
            Slot::Parameter(_) => "parameter",
            Slot::State(_) => "state",
        };
        format!("{kind} `{name}`: {:?}", slot.tensor())
    };
    for i in 0..from.len().max(to.len()) {
        let [live, average] =
            [from, to].map(|s| s.get(i).map_or("nothing more".to_owned(), describe));
        if live != average {
            return Err(Error::Networks { live, average });
        }
    }
    Ok(())
}

/// The decay 0.5^(batch/half_life) with which a value's share in the average halves every `half_life` images.
pub fn ema_decay(batch: usize, half_life: f64) -> f64 {
    0.5f64.powf(batch as f64 / half_life)
}
