//! How parameters and state are found by name, and what a layer is.

use clel_autograd::Var;
use clel_tensor::{Expr, Tensor};

use crate::optim::{set_all, values};
use crate::{Parameter, Result, State};

/// How a layer behaves: an argument of `forward`, not a hidden switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// BatchNorm normalises by the batch and updates its running statistics; spectral norm does a power iteration.
    Train,
    /// Running statistics and spectral-norm vectors are used as they are; nothing changes.
    Eval,
}

/// Something with parameters and state.
///
/// ```
/// use clel_nn::{BatchNorm, Init, Linear, LinearOptions, Module, Visitor};
/// use clel_tensor::{DType, Device, RngKey};
/// struct Net { fc: Linear, norm: BatchNorm }
/// impl Module for Net {
///     fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
///         v.module("fc", &self.fc);
///         v.module("norm", &self.norm);
///     }
/// }
/// let mut init = Init::new(RngKey::new(1, 0), DType::F32, &Device::Cpu);
/// let net = Net {
///     fc: Linear::new(&mut init, 4, 2, &LinearOptions::default())?,
///     norm: BatchNorm::new(&mut init, 2)?,
/// };
/// let names: Vec<String> = net.slots().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names[..3], ["fc.weight", "fc.bias", "norm.weight"]);
/// assert_eq!(net.states()[0].0, "norm.running_mean");
/// # Ok::<(), clel_nn::Error>(())
/// ```
pub trait Module: Send + Sync {
    /// Shows every parameter and state to the visitor, always in the same order.
    fn visit<'a>(&'a self, v: &mut Visitor<'a>);

    /// All parameters and states with their dotted names.
    fn slots(&self) -> Vec<(String, Slot<'_>)> {
        let mut v = Visitor::default();
        self.visit(&mut v);
        v.slots
    }

    /// All parameters with their dotted names.
    fn parameters(&self) -> Vec<(String, &Parameter)> {
        only_parameters(self.slots())
    }

    /// All parameters with `prefix` and a dot in front of their names, as PyTorch's `named_parameters(prefix)`: several modules that one
    /// optimiser trains are told apart by it.
    ///
    /// ```
    /// use clel_nn::{Init, Linear, LinearOptions, Module};
    /// use clel_tensor::{DType, Device, RngKey};
    /// let mut init = Init::new(RngKey::new(1, 0), DType::F32, &Device::Cpu);
    /// let [f, g] = [0; 2].map(|_| Linear::new(&mut init, 4, 2, &LinearOptions::default()));
    /// let (f, g) = (f?, g?);
    /// let mut both = f.named_parameters("f");
    /// both.extend(g.named_parameters("g"));
    /// let names: Vec<String> = both.into_iter().map(|(name, _)| name).collect();
    /// assert_eq!(names, ["f.weight", "f.bias", "g.weight", "g.bias"]);
    /// assert_eq!(f.named_parameters("")[0].0, "weight");
    /// # Ok::<(), clel_nn::Error>(())
    /// ```
    fn named_parameters(&self, prefix: &str) -> Vec<(String, &Parameter)> {
        let mut v = Visitor::default();
        v.nested(prefix, |v| self.visit(v));
        only_parameters(v.slots)
    }

    /// All states with their dotted names.
    fn states(&self) -> Vec<(String, &State)> {
        let slots = self.slots().into_iter();
        slots
            .filter_map(|(name, slot)| match slot {
                Slot::State(s) => Some((name, s)),
                Slot::Parameter(_) => None,
            })
            .collect()
    }

    /// Puts all parameters side by side, as optimisers and averages leave them: the memory of single ones can then be used before the
    /// first step.
    ///
    /// # Errors
    /// What the device reports.
    fn join_parameters(&self) -> Result<()> {
        let parameters = self.parameters();
        let [joined] = Tensor::pointwise_lists([&Expr::input(0)], &[&values(&parameters)])?;
        set_all(&parameters, joined)
    }

    /// How many numbers are trained.
    fn parameter_count(&self) -> usize {
        let parameters = self.parameters();
        parameters.iter().map(|(_, p)| p.tensor().len()).sum()
    }
}

/// A module with one input and one output.
pub trait Layer: Module {
    /// The output for a batch `x`.
    ///
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) for a shape that the layer does not take,
    /// [`Error::InputDType`](crate::Error::InputDType) for a type; what the device reports.
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var>;

    /// [`forward`](Layer::forward) of a batch that the caller does not need any more: a layer of several steps lets go of it after the first.
    ///
    /// # Errors
    /// Those of `forward`.
    fn forward_last(&self, x: Var, mode: Mode) -> Result<Var> {
        self.forward(&x, mode)
    }
}

impl<M: Module + ?Sized> Module for Box<M> {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        (**self).visit(v);
    }
}

impl<L: Layer + ?Sized> Layer for Box<L> {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        (**self).forward(x, mode)
    }

    fn forward_last(&self, x: Var, mode: Mode) -> Result<Var> {
        (**self).forward_last(x, mode)
    }
}

/// A parameter or a state.
#[derive(Debug, Clone, Copy)]
pub enum Slot<'a> {
    /// Trained.
    Parameter(&'a Parameter),
    /// Remembered.
    State(&'a State),
}

fn only_parameters(slots: Vec<(String, Slot<'_>)>) -> Vec<(String, &Parameter)> {
    let parameter = |(name, slot)| match slot {
        Slot::Parameter(p) => Some((name, p)),
        Slot::State(_) => None,
    };
    slots.into_iter().filter_map(parameter).collect()
}

/// Collects what [`Module::visit`] shows it, under the names of the modules around.
#[derive(Debug, Default)]
pub struct Visitor<'a> {
    prefix: String,
    slots: Vec<(String, Slot<'a>)>,
}

impl<'a> Visitor<'a> {
    /// Shows a parameter.
    pub fn parameter(&mut self, name: &str, parameter: &'a Parameter) {
        let name = format!("{}{name}", self.prefix);
        self.slots.push((name, Slot::Parameter(parameter)));
    }

    /// Shows a state.
    pub fn state(&mut self, name: &str, state: &'a State) {
        let name = format!("{}{name}", self.prefix);
        self.slots.push((name, Slot::State(state)));
    }

    /// Shows what a module inside shows, under `name`.
    pub fn module(&mut self, name: &str, module: &'a dyn Module) {
        self.nested(name, |v| module.visit(v));
    }

    /// Puts `name` and a dot in front of all that `f` shows; nothing where it is empty.
    pub fn nested(&mut self, name: &str, f: impl FnOnce(&mut Visitor<'a>)) {
        let outer = self.prefix.len();
        if !name.is_empty() {
            self.prefix.push_str(name);
            self.prefix.push('.');
        }
        f(self);
        self.prefix.truncate(outer);
    }
}
