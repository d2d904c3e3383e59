//! Affine maps of feature vectors.

use clel_autograd::Var;

use super::{Weight, autocast::widened, check_dtype};
use crate::{
    Error, FileOrder, Fill, Init, Layer, Mode, Module, Parameter, Result, Visitor, init::product,
};

/// How a [`Linear`] is made. The default is PyTorch's: a bias, weights and bias uniform on ±1/√in, no spectral norm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearOptions {
    /// The weight's initial values.
    pub weight: Fill,
    /// The bias's initial values; `None` for no bias.
    pub bias: Option<Fill>,
    /// Whether the weight is divided by its largest singular value.
    pub spectral_norm: bool,
}

impl Default for LinearOptions {
    fn default() -> LinearOptions {
        LinearOptions {
            weight: Fill::FanInUniform,
            bias: Some(Fill::FanInUniform),
            spectral_norm: false,
        }
    }
}

/// `y = x·Wᵀ + b`: \[…, in\] → \[…, out\] with W \[out, in\].
///
/// One that reads flattened images \[H, W, C\] is made by [`after_flatten`](Linear::after_flatten): PyTorch flattens \[C, H, W\], so files
/// have the weight's columns in another order, and [`new`](Linear::new) would put every weight in the wrong place.
///
/// ```
/// use clel_nn::{Init, Layer, Linear, LinearOptions, Mode};
/// use clel_tensor::{DType, Device, RngKey, Tensor};
/// let mut init = Init::new(RngKey::new(1, 0), DType::F32, &Device::Cpu);
/// let linear = Linear::new(&mut init, 10, 4, &LinearOptions::default())?;
/// let x = Tensor::zeros(&[32, 10], DType::F32, &Device::Cpu)?;
/// assert_eq!(linear.forward(&x.into(), Mode::Eval)?.shape(), [32, 4]);
/// # Ok::<(), clel_nn::Error>(())
/// ```
#[derive(Debug)]
pub struct Linear {
    weight: Weight,
    bias: Option<Parameter>,
}

impl Linear {
    /// A map of `inputs` to `outputs` features.
    ///
    /// # Errors
    /// [`Error::Setting`] for none of either; what the device reports.
    pub fn new(
        init: &mut Init,
        inputs: usize,
        outputs: usize,
        options: &LinearOptions,
    ) -> Result<Linear> {
        Linear::with_order(init, inputs, outputs, options, FileOrder::Same)
    }

    /// A map of images \[H, W, C\] that a [`Flatten`](crate::Flatten) has made vectors of, in the order of the axes given here, to `outputs`
    /// features. In files the weight's columns are in the order of \[C, H, W\], for PyTorch's `Flatten` and `Linear`.
    ///
    /// ```
    /// use clel_nn::{Conv2d, ConvOptions, Flatten, Init, Layer, Linear, LinearOptions, Mode, Sequential};
    /// use clel_tensor::{DType, Device, RngKey, Tensor};
    /// let mut init = Init::new(RngKey::new(1, 0), DType::F32, &Device::Cpu);
    /// let net = Sequential::new()
    ///     .push(Conv2d::new(&mut init, 3, 8, 3, &ConvOptions::default())?)
    ///     .push(Flatten)
    ///     .push(Linear::after_flatten(&mut init, [4, 6, 8], 10, &LinearOptions::default())?);
    /// let x = Tensor::zeros(&[2, 6, 8, 3], DType::F32, &Device::Cpu)?;
    /// assert_eq!(net.forward(&x.into(), Mode::Eval)?.shape(), [2, 10]);
    /// # Ok::<(), clel_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`new`](Linear::new).
    pub fn after_flatten(
        init: &mut Init,
        [height, width, channels]: [usize; 3],
        outputs: usize,
        options: &LinearOptions,
    ) -> Result<Linear> {
        let inputs = product(&[height, width, channels]);
        let order = FileOrder::Flattened {
            sides: [height, width],
            channels,
        };
        Linear::with_order(init, inputs, outputs, options, order)
    }

    fn with_order(
        init: &mut Init,
        inputs: usize,
        outputs: usize,
        options: &LinearOptions,
        order: FileOrder,
    ) -> Result<Linear> {
        if inputs == 0 || outputs == 0 {
            return Err(Error::Setting {
                what: "Linear: features",
                value: 0.0,
                expected: "at least 1",
            });
        }
        let shape = [outputs, inputs];
        let (fill, norm) = (options.weight, options.spectral_norm);
        let weight = Weight::with_orders(init, &shape, fill, norm, [order; 2])?;
        let bias = options.bias.map(|fill| {
            let values = init.fill_for(fill, &[outputs], inputs)?;
            Ok::<_, Error>(Parameter::new(values))
        });
        Ok(Linear {
            weight,
            bias: bias.transpose()?,
        })
    }

    /// The weight \[out, in\].
    pub fn weight(&self) -> &Weight {
        &self.weight
    }

    /// The bias \[out\].
    pub fn bias(&self) -> Option<&Parameter> {
        self.bias.as_ref()
    }
}

impl Module for Linear {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        self.weight.visit(v);
        if let Some(bias) = &self.bias {
            v.parameter("bias", bias);
        }
    }
}

impl Layer for Linear {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let weight = self.weight.tensor();
        let inputs = weight.shape()[1];
        if x.rank() < 2 || x.shape().last() != Some(&inputs) {
            return Err(Error::Input {
                layer: "Linear",
                shape: x.shape().to_vec(),
                expected: format!("[N, …, {inputs}]"),
            });
        }
        let x = widened(x, weight.dtype())?;
        check_dtype("Linear", &x, weight.dtype())?;
        let y = x.matmul_t(&self.weight.value(mode)?, false, true)?;
        match &self.bias {
            None => Ok(y),
            Some(bias) => Ok(y.add(&bias.var())?),
        }
    }
}
