//! Optimisers: they replace parameters by better ones, given gradients.
//!
//! ```
//! use clel_nn::{Init, Layer, Linear, LinearOptions, Mode, Module, optim::{Adam, Optimizer, gradients}};
//! use clel_tensor::{DType, Device, RngKey, Tensor};
//! let mut init = Init::new(RngKey::new(1, 0), DType::F32, &Device::Cpu);
//! let net = Linear::new(&mut init, 3, 1, &LinearOptions::default())?;
//! let x = Tensor::normal(&[16, 3], RngKey::new(2, 0), &Device::Cpu)?;
//! let mut adam = Adam::default();
//! let mut losses = Vec::new();
//! for _ in 0..50 {
//!     let y = net.forward(&x.clone().into(), Mode::Train)?;
//!     let loss = y.mul(&y)?.mean_all()?;
//!     losses.push(loss.tensor().item()?);
//!     let parameters = net.parameters();
//!     adam.step(&parameters, &gradients(loss, &parameters)?, 0.05)?;
//! }
//! assert!(losses[49] < losses[0] / 10.0);
//! # Ok::<(), clel_nn::Error>(())
//! ```

mod adam;
mod clip;
mod ema;
mod moments;
mod schedule;
mod sgd;

use std::collections::{BTreeMap, HashSet};

use clel_autograd::{Error as GradError, GradOptions, Var, grad_releasing};
use clel_tensor::{Expr, Tensor};

use crate::{Error, Parameter, Result};

pub use adam::Adam;
pub use clip::{clip_by_norm, clip_by_value};
pub use ema::{Ema, ema_decay};
pub use schedule::Schedule;
pub use sgd::Sgd;

/// Something that replaces parameters by better ones.
pub trait Optimizer: Send {
    /// One step with learning rate `rate`. `gradients[i]` has the shape of `parameters[i]`; names tell apart what the
    /// optimiser remembers of each, so no two are equal ([`Module::named_parameters`](crate::Module::named_parameters) puts a prefix in
    /// front of a module's). Nothing changes if the lists do not fit together.
    ///
    /// # Errors
    /// [`Error::Gradients`]; what the device reports.
    fn step(
        &mut self,
        parameters: &[(String, &Parameter)],
        gradients: &[Tensor],
        rate: f64,
    ) -> Result<()>;

    /// Everything that it remembers, by name, elements in memory's order: with it
    /// [`load_state`](Optimizer::load_state) continues as if never interrupted.
    ///
    /// # Errors
    /// What the device reports.
    fn state(&self) -> Result<Vec<(String, Tensor)>>;

    /// Takes over a state made for the same parameters; nothing changes if it does not fit them.
    ///
    /// # Errors
    /// [`Error::OptimizerState`]; [`Error::Gradients`] for two parameters of one name.
    fn load_state(
        &mut self,
        parameters: &[(String, &Parameter)],
        state: &BTreeMap<String, Tensor>,
    ) -> Result<()>;
}

/// The gradients of a scalar with respect to each parameter; frees what the scalar was made from as it goes.
///
/// # Errors
/// [`Error::Gradients`] for more than one number, or none; if it does not depend on one of them, which it names: a layer that was not used, or
/// one whose weight was [held](crate::hold_weights) ([`gradients_or_zeros`] gives zeros instead); what the device reports.
pub fn gradients(objective: Var, parameters: &[(String, &Parameter)]) -> Result<Vec<Tensor>> {
    gradients_with(objective, parameters, &GradOptions::default())
}

/// [`gradients`], with zeros for parameters that the scalar does not depend on. For objectives made of ∇ₓE, say: the bias of the last layer
/// moves E and not its gradient.
///
/// ```
/// use clel_nn::{Init, Layer, Linear, LinearOptions, Mode, Module, autograd::{GradOptions, Var, grad}};
/// use clel_nn::optim::{gradients, gradients_or_zeros};
/// use clel_tensor::{DType, Device, RngKey, Tensor};
/// let mut init = Init::new(RngKey::new(1, 0), DType::F32, &Device::Cpu);
/// let energy = Linear::new(&mut init, 3, 1, &LinearOptions::default())?;
/// let x = Var::leaf(Tensor::normal(&[8, 3], RngKey::new(2, 0), &Device::Cpu)?);
/// let objective = || -> clel_nn::Result<Var> {
///     let e = energy.forward(&x, Mode::Train)?;
///     let score = grad(&[&e], &[&x], &GradOptions::recorded())?.remove(0);
///     Ok(score.mul(&score)?.sum_all()?)
/// };
/// let parameters = energy.parameters();
/// let refused = gradients(objective()?, &parameters).unwrap_err().to_string();
/// assert!(refused.contains("`bias`"));
/// assert_eq!(gradients_or_zeros(objective()?, &parameters)?[1].item()?, 0.0);
/// # Ok::<(), clel_nn::Error>(())
/// ```
///
/// # Errors
/// [`Error::Gradients`] for more than one number, or none; what the device reports.
pub fn gradients_or_zeros(
    objective: Var,
    parameters: &[(String, &Parameter)],
) -> Result<Vec<Tensor>> {
    let options = GradOptions {
        allow_unused: true,
        ..GradOptions::default()
    };
    gradients_with(objective, parameters, &options)
}

fn gradients_with(
    objective: Var,
    parameters: &[(String, &Parameter)],
    options: &GradOptions,
) -> Result<Vec<Tensor>> {
    // of any rank, as PyTorch has it
    if objective.tensor().len() != 1 {
        return Err(Error::Gradients {
            why: format!(
                "the objective has shape {:?}; a scalar is needed, its sum or its mean",
                objective.tensor().shape()
            ),
        });
    }
    let leaves: Vec<Var> = parameters.iter().map(|(_, p)| p.var()).collect();
    let leaves: Vec<&Var> = leaves.iter().collect();
    let found = grad_releasing(vec![objective], &leaves, options)
        .map_err(|error| named(error, parameters))?;
    Ok(found.into_iter().map(Var::into_tensor).collect())
}

/// The error with a parameter's name where it has its number.
fn named(error: GradError, parameters: &[(String, &Parameter)]) -> Error {
    let why = match error {
        GradError::Unused { input, .. } => format!(
            "the objective does not depend on `{}`; was it computed without it, detached, or made inside `no_grad` or `hold_weights`? \
             `gradients_or_zeros` gives zeros instead",
            parameters[input].0
        ),
        GradError::Constant { input, .. } => {
            format!("`{}` is bound to a constant", parameters[input].0)
        }
        error => return error.into(),
    };
    Error::Gradients { why }
}

/// Refuses parameters of which two have one name: what is remembered of one would be the other's.
fn check_names(parameters: &[(String, &Parameter)]) -> Result<()> {
    let mut seen = HashSet::with_capacity(parameters.len());
    match parameters.iter().find(|(name, _)| !seen.insert(name)) {
        None => Ok(()),
        Some((name, _)) => Err(Error::Gradients {
            why: format!(
                "two parameters are named `{name}`; `named_parameters` puts a prefix in front of the names of each module"
            ),
        }),
    }
}

/// Refuses gradients that do not belong to the parameters.
fn check_gradients(parameters: &[(String, &Parameter)], gradients: &[Tensor]) -> Result<()> {
    check_names(parameters)?;
    if parameters.len() != gradients.len() {
        return Err(Error::Gradients {
            why: format!(
                "{} gradients for {} parameters",
                gradients.len(),
                parameters.len()
            ),
        });
    }
    for ((name, p), g) in parameters.iter().zip(gradients) {
        let p = p.tensor();
        if p.shape() != g.shape() || p.dtype() != g.dtype() || p.device() != g.device() {
            return Err(Error::Gradients {
                why: format!("`{name}` is {p:?}, its gradient {g:?}"),
            });
        }
    }
    Ok(())
}

/// A gradient of weights `p` that decay: g + λp, and g as it is without decay.
fn with_decay(g: Expr, p: &Expr, weight_decay: f64) -> Expr {
    match weight_decay {
        0.0 => g,
        _ => g + p.clone() * weight_decay,
    }
}

pub(crate) fn values(parameters: &[(String, &Parameter)]) -> Vec<Tensor> {
    parameters.iter().map(|(_, p)| p.tensor()).collect()
}

pub(crate) fn set_all(parameters: &[(String, &Parameter)], values: Vec<Tensor>) -> Result<()> {
    let mut all = parameters.iter().zip(values);
    all.try_for_each(|((_, p), value)| p.set(value))
}

/// Refuses the first setting that is out of its range: (what, value, whether it fits, what would).
pub(crate) fn check_settings(settings: &[(&'static str, f64, bool, &'static str)]) -> Result<()> {
    match settings.iter().find(|(.., fits, _)| !fits) {
        None => Ok(()),
        Some(&(what, value, _, expected)) => Err(Error::Setting {
            what,
            value,
            expected,
        }),
    }
}

fn check_rate(what: &'static str, rate: f64) -> Result<()> {
    let fits = rate.is_finite() && rate >= 0.0;
    check_settings(&[(what, rate, fits, "a finite number ≥ 0")])
}
