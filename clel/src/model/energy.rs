//! The energies, as functions of the networks' outputs.
//!
//! Sign and scale (Lee et al., "Guiding Energy-Based Models via Contrastive Latent Variables", ICLR 2023, eq. 5–7):
//! **p(x, z) ∝ exp(−E(x, z))**, so a low energy is a likely image, and Langevin dynamics go down the gradient of E.
//!
//! ```text
//! E(x)    = ½ ‖f(x)‖²                                the marginal p(x) ∝ exp(−E(x))
//! E(x, z) = ½ ‖f(x)‖² − β ⟨g(f(x)) / ‖g(f(x))‖, z⟩    z on the unit sphere
//! ```
//!
//! The direction has length 1, so that ∫ exp(β⟨ĝ, z⟩) dz is the same for every x: what is left of E(x, z) when z is integrated
//! out is E(x), and p(z | x) is a von Mises–Fisher density around ĝ.

use clel_autograd::Var;
use clel_tensor::Expr;

use crate::{Error, Result};

/// The shortest length by which a vector is divided, as in PyTorch's `normalize`.
const SHORTEST: f64 = 1e-12;

/// E(x) = ½‖f‖² of features f \[N, d\]: \[N\].
///
/// ```
/// use clel_tensor::{Device, Tensor};
/// let f = Tensor::from_slice(&[3.0f32, 4.0], &[1, 2], &Device::Cpu)?;
/// assert_eq!(clel::model::energy(&f.into())?.tensor().to_vec::<f32>()?, [12.5]);
/// # Ok::<(), clel::Error>(())
/// ```
///
/// # Errors
/// f is not of rank 2; what the device reports.
// ANCHOR: energy
pub fn energy(f: &Var) -> Result<Var> {
    rows(f)?;
    let half_square = Expr::input(0) * Expr::input(0) * 0.5;
    Ok(Var::pointwise(&half_square, &[f])?.sum(&[1], false)?)
}
// ANCHOR_END: energy

/// E(x, z) = ½‖f‖² − β⟨g/‖g‖, z⟩ of features f \[N, d\], directions g \[N, d\] and latents z of length 1, \[N, d\] or
/// \[1, d\] for all: \[N\].
///
/// # Errors
/// Shapes that do not fit; what the device reports.
// ANCHOR: joint
pub fn joint_energy(f: &Var, g: &Var, z: &Var, beta: f64) -> Result<Var> {
    let guide = similarity(g, z)?.mul_scalar(beta)?;
    let energy = energy(f)?;
    same_shape("directions of the images", guide.shape(), energy.shape())?;
    Ok(energy.sub(&guide)?)
}
// ANCHOR_END: joint

/// ⟨g/‖g‖, z⟩ row by row of g \[N, d\] and z, \[N, d\] or \[1, d\] for all; the cosine if z has length 1: \[N\].
///
/// # Errors
/// Shapes that do not fit; what the device reports.
pub fn similarity(g: &Var, z: &Var) -> Result<Var> {
    let [n, d] = rows(g)?;
    if *z.shape() != [1, d] {
        same_shape("latents", z.shape(), &[n, d])?;
    }
    Ok(direction(g)?.mul(z)?.sum(&[1], false)?)
}

/// v/‖v‖ of each row of \[N, d\].
///
/// # Errors
/// v is not of rank 2; what the device reports.
// ANCHOR: direction
pub fn direction(v: &Var) -> Result<Var> {
    rows(v)?;
    let square = v.mul(v)?.sum(&[1], true)?;
    // the bound is within the root, whose derivative at 0 is infinite
    let length = Expr::input(1).maximum(SHORTEST * SHORTEST).sqrt();
    Ok(Var::pointwise(&(Expr::input(0) / length), &[v, &square])?)
}
// ANCHOR_END: direction

/// \[N, d\] of an array that has a row for each image.
pub(crate) fn rows(v: &Var) -> Result<[usize; 2]> {
    match *v.shape() {
        [n, d] => Ok([n, d]),
        _ => Err(Error::Mismatch {
            what: "vectors of images".to_owned(),
            found: format!("{:?}", v.shape()),
            expected: "[N, d], a row for each image".to_owned(),
        }),
    }
}

/// Refuses shapes of which broadcasting would make something that nobody meant.
pub(crate) fn same_shape(what: &str, found: &[usize], expected: &[usize]) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Mismatch {
        what: what.to_owned(),
        found: format!("{found:?}"),
        expected: format!("{expected:?}"),
    })
}
