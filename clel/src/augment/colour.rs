//! Changes of colour, each image its own: a round of them is one kernel a channel.

use clel_tensor::{Expr, Tensor};

use super::{image_shape, per_image};
use crate::{Error, Result};

/// A change of colour; formulas of torchvision's `transforms.functional` on float tensors. The results of the first three are
/// clamped to \[0, 1\]. On images of one channel, saturation and hue change nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Recolour {
    /// As it is.
    Keep,
    /// x · factor
    Brightness(f64),
    /// factor · x + (1 − factor) · (mean luma of the image)
    Contrast(f64),
    /// factor · x + (1 − factor) · (luma of the pixel)
    Saturation(f64),
    /// The hue in HSV turned by this share of a circle, within −½ to ½.
    Hue(f64),
}

impl Recolour {
    /// A number for the operation, and its factor.
    fn code(self, channels: usize) -> (f64, f64) {
        match self {
            Recolour::Brightness(f) => (BRIGHTNESS, f),
            Recolour::Contrast(f) => (CONTRAST, f),
            Recolour::Saturation(f) if channels == 3 => (SATURATION, f),
            Recolour::Hue(f) if channels == 3 => (HUE, f),
            _ => (KEEP, 0.0),
        }
    }
}

const KEEP: f64 = 0.0;
const BRIGHTNESS: f64 = 1.0;
const CONTRAST: f64 = 2.0;
const SATURATION: f64 = 3.0;
const HUE: f64 = 4.0;

/// ITU-R 601 luma as torchvision rounds it.
const LUMA: [f64; 3] = [0.2989, 0.587, 0.114];

/// Images \[N, H, W, C\] after rounds of changes: `rounds[k][i]` is what image i undergoes in round k.
///
/// # Errors
/// [`Error::Mismatch`] unless every round has a change for each image and C is 1 or 3; what the device reports.
pub fn recolour(images: &Tensor, rounds: &[Vec<Recolour>]) -> Result<Tensor> {
    let [_, _, _, channels] = image_shape(images, None)?;
    let mut planes = Vec::with_capacity(channels);
    for c in 0..channels {
        planes.push(images.slice(3, c, 1)?);
    }
    let mut changed = false;
    for round in rounds {
        image_shape(images, Some(round.len()))?;
        let codes: Vec<(f64, f64)> = round.iter().map(|r| r.code(channels)).collect();
        if codes.iter().any(|(op, _)| *op != KEEP) {
            planes = apply_round(&planes, &codes)?;
            changed = true;
        }
    }
    if !changed {
        return Ok(images.clone());
    }
    Ok(Tensor::concat(&planes.iter().collect::<Vec<_>>(), 3)?)
}

/// One change for each image, on channels \[N, H, W, 1\] apart.
fn apply_round(planes: &[Tensor], codes: &[(f64, f64)]) -> Result<Vec<Tensor>> {
    let device = planes[0].device();
    let has = |op: f64| codes.iter().any(|(o, _)| *o == op);
    let op = per_image(codes.iter().map(|c| c.0), 4, device)?;
    let factor = per_image(codes.iter().map(|c| c.1), 4, device)?;
    let colours: Vec<Expr> = (0..planes.len() as u8).map(Expr::input).collect();
    let mut inputs: Vec<&Tensor> = planes.iter().collect();
    let sum = if has(CONTRAST) {
        Some(Tensor::pointwise(&luma(&colours), &inputs)?.sum(&[1, 2, 3], true)?)
    } else {
        None
    };
    inputs.extend([&op, &factor]);
    inputs.extend(sum.as_ref());

    let at = planes.len() as u8;
    let [op, factor] = [at, at + 1].map(Expr::input);
    let is = |code: f64| op.clone().equal(code);
    let mut other = Expr::constant(0.0);
    if has(SATURATION) {
        other = is(SATURATION).select(luma(&colours), other);
    }
    if has(CONTRAST) {
        let pixels = (planes[0].len() / codes.len()) as f64;
        other = is(CONTRAST).select(Expr::input(at + 2) / pixels, other);
    }
    let mut outputs = Vec::with_capacity(planes.len());
    for (c, x) in colours.iter().enumerate() {
        let blend =
            factor.clone() * x.clone() + (Expr::constant(1.0) - factor.clone()) * other.clone();
        let mut y = blend.maximum(0.0).minimum(1.0);
        if has(HUE) {
            y = is(HUE).select(turned_hue(&colours, c, &factor)?, y);
        }
        y = is(KEEP).select(x.clone(), y);
        outputs.push(Tensor::pointwise(&y, &inputs)?);
    }
    Tensor::realize_all(&outputs.iter().collect::<Vec<_>>())?;
    Ok(outputs)
}

/// The luma of a pixel; that of a grey one is itself.
fn luma(colours: &[Expr]) -> Expr {
    let weighted = colours.iter().zip(LUMA).map(|(x, w)| x.clone() * w);
    match colours {
        [grey] => grey.clone(),
        _ => weighted.reduce(|a, b| a + b).unwrap_or(Expr::constant(0.0)),
    }
}

/// Channel `c` of a pixel whose hue is turned by `shift`: to HSV and back in closed form,
/// `v · (1 − s · clamp(min(k, 4 − k), 0, 1))` with `k = (n + 6h) mod 6` and n = 5, 3, 1 for red, green, blue.
fn turned_hue(colours: &[Expr], c: usize, shift: &Expr) -> Result<Expr> {
    let [r, g, b] = colours else {
        return Err(Error::Mismatch {
            what: "channels of images whose hue is turned".into(),
            found: colours.len().to_string(),
            expected: "3".into(),
        });
    };
    let (r, g, b) = (|| r.clone(), || g.clone(), || b.clone());
    let wrapped = |x: Expr, period: f64| x.clone() - (x / period).floor() * period;
    let value = r().maximum(g()).maximum(b());
    let chroma = value.clone() - r().minimum(g()).minimum(b());
    let grey = chroma.clone().equal(0.0);
    let divisor = grey.clone().select(1.0, chroma.clone());
    // the sector is that of the largest channel; red wins over green, green over blue
    let to_green = Expr::constant(2.0) + (b() - r()) / divisor.clone();
    let to_blue = Expr::constant(4.0) + (r() - g()) / divisor.clone();
    let sector = r().equal(value.clone()).select(
        (g() - b()) / divisor,
        g().equal(value.clone()).select(to_green, to_blue),
    );
    let hue = wrapped(sector / 6.0 + 1.0, 1.0);
    let hue = wrapped(hue + shift.clone(), 1.0);
    let saturation = chroma / grey.select(1.0, value.clone());
    let k = wrapped(hue * 6.0 + [5.0, 3.0, 1.0][c], 6.0);
    let far = k
        .clone()
        .minimum(Expr::constant(4.0) - k)
        .maximum(0.0)
        .minimum(1.0);
    Ok(value * (Expr::constant(1.0) - saturation * far))
}
