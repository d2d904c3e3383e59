//! The loss of a regression.

use clel_autograd::Var;

use crate::{Error, Result};

/// The mean squared error (1/n)·Σᵢ (xᵢ − yᵢ)² over all n elements of two arrays of one shape; PyTorch's `mse_loss`.
///
/// ```
/// use clel_nn::{autograd::Var, loss::mse, tensor::{Device, Tensor}};
/// let [x, y] = [[1.0f32, 5.0], [2.0, 3.0]].map(|v| Tensor::from_slice(&v, &[2], &Device::Cpu));
/// assert_eq!(mse(&Var::leaf(x?), &y?.into())?.tensor().item()?, 2.5); // (1 + 4)/2
/// # Ok::<(), clel_nn::Error>(())
/// ```
///
/// # Errors
/// [`Error::Loss`] for two shapes, which would otherwise broadcast, or no element; what the device reports.
pub fn mse(x: &Var, y: &Var) -> Result<Var> {
    if x.shape() != y.shape() || x.tensor().is_empty() {
        return Err(Error::Loss {
            loss: "mse",
            found: format!("shapes {:?} and {:?}", x.shape(), y.shape()),
            expected: "two equal ones that are not empty".into(),
        });
    }
    let error = x.sub(y)?;
    Ok(error.mul(&error)?.mean_all()?)
}
