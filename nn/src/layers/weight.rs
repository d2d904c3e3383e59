//! The weight of a linear map, spectrally normalised or not.

use clel_autograd::Var;
use clel_tensor::{DType, Tensor};

use super::{held::held_or, spectral::SpectralNorm};
use crate::{FileOrder, Fill, Init, Mode, Module, Parameter, Result, Visitor};

/// The weight of a linear map: \[out, in\] or, for a convolution, \[O, KH, KW, C\].
///
/// With spectral norm the layer uses W/σ (`Mode::Train` first does one power iteration), and the names are those of
/// `torch.nn.utils.parametrizations.spectral_norm`: parameter `parametrizations.weight.original`, states
/// `parametrizations.weight.0._u` and `._v`. Without, the parameter is `weight`.
#[derive(Debug)]
pub struct Weight {
    original: Parameter,
    norm: Option<SpectralNorm>,
}

impl Weight {
    /// A weight of `shape` (rank 2, or 4 for a convolution).
    ///
    /// # Errors
    /// What the device reports.
    pub fn new(
        init: &mut Init,
        shape: &[usize],
        fill: Fill,
        spectral_norm: bool,
    ) -> Result<Weight> {
        let orders = match *shape {
            [_, kh, kw, channels] => [
                FileOrder::ConvWeight,
                FileOrder::Flattened {
                    sides: [kh, kw],
                    channels,
                },
            ],
            _ => [FileOrder::Same; 2],
        };
        Weight::with_orders(init, shape, fill, spectral_norm, orders)
    }

    /// The same with how files order the weight and a vector over its columns.
    pub(super) fn with_orders(
        init: &mut Init,
        shape: &[usize],
        fill: Fill,
        spectral_norm: bool,
        [order, columns]: [FileOrder; 2],
    ) -> Result<Weight> {
        let value = init.fill(fill, shape)?;
        let norm = spectral_norm
            .then(|| SpectralNorm::new(init, &value, columns))
            .transpose()?;
        Ok(Weight {
            original: Parameter::with_order(value, order),
            norm,
        })
    }

    /// The weight to use: W, or W/σ. See also [`hold_weights`](crate::hold_weights).
    ///
    /// # Errors
    /// What the device reports.
    pub fn value(&self, mode: Mode) -> Result<Var> {
        match &self.norm {
            None => Ok(self.original.var()),
            Some(norm) => {
                let original = self.original.var();
                let dtype = original.tensor().dtype();
                held_or(original.tensor(), dtype, || norm.apply(&original, mode))
            }
        }
    }

    /// The same in a type, to which it is converted.
    pub(super) fn value_in(&self, dtype: DType, mode: Mode) -> Result<Var> {
        converted(&self.original, dtype, || self.value(mode))
    }

    /// The numbers of W.
    pub fn tensor(&self) -> Tensor {
        self.original.tensor()
    }
}

/// What becomes of a parameter, in a type.
pub(super) fn converted(
    parameter: &Parameter,
    dtype: DType,
    value: impl FnOnce() -> Result<Var>,
) -> Result<Var> {
    let original = parameter.tensor();
    if original.dtype() == dtype {
        return value();
    }
    held_or(&original, dtype, || Ok(value()?.to_dtype(dtype)?))
}

impl Module for Weight {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        match &self.norm {
            None => v.parameter("weight", &self.original),
            Some(norm) => {
                v.parameter("parametrizations.weight.original", &self.original);
                v.nested("parametrizations.weight.0", |v| norm.visit(v));
            }
        }
    }
}
