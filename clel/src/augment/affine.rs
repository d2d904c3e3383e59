//! The gentle augmentation of digits: rotation, scale, shift, brightness.

use clel_tensor::{DType, Expr, Tensor};

use super::{Draws, image_shape, per_image};
use crate::{Error, Result};

/// What happens to one image.
///
/// In coordinates with the centre at 0 and the edges at −1 and 1, x to the right and y downwards, the result at p is the image at
/// `scale · R p + shift`, R = \[\[cos, −sin\], \[sin, cos\]\] of the rotation: bilinear between pixels, zeros outside. Then the
/// brightness, clamped to \[0, 1\]. PyTorch's `affine_grid` and `grid_sample(align_corners=False)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// Angle, radians.
    pub rotation: f64,
    /// How much of the image is seen: above 1, the content shrinks.
    pub scale: f64,
    /// Shift of the place looked at, (x, y), in halves of the image.
    pub shift: [f64; 2],
    /// Factor of every pixel.
    pub brightness: f64,
}

impl Affine {
    pub(super) fn draw(draws: &mut Draws) -> Affine {
        Affine {
            rotation: draws.uniform(-0.15, 0.15),
            scale: draws.uniform(0.85, 1.15),
            shift: [draws.uniform(-0.2, 0.2), draws.uniform(-0.2, 0.2)],
            brightness: draws.uniform(0.8, 1.2),
        }
    }
}

/// Pixel numbers up to this, and quotients of them, are exact enough in f32, in which indices are computed.
const EXACT: usize = 1 << 22;

pub(super) fn apply(images: &Tensor, params: &[Affine]) -> Result<Tensor> {
    let [n, h, w, c] = image_shape(images, Some(params.len()))?;
    if h * w > EXACT {
        return Err(Error::Mismatch {
            what: "pixels of an image for the affine augmentation".into(),
            found: (h * w).to_string(),
            expected: format!("at most {EXACT}"),
        });
    }
    // as many images at once as have exact pixel numbers
    let chunk = EXACT / (h * w).max(1);
    if n > chunk {
        let mut parts = Vec::new();
        for (i, p) in params.chunks(chunk).enumerate() {
            parts.push(apply(&images.slice(0, i * chunk, p.len())?, p)?);
        }
        return Ok(Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0)?);
    }

    let device = images.device();
    let column = |f: fn(&Affine) -> f64| per_image(params.iter().map(f), 3, device);
    let pixel = Tensor::arange(n * h * w, DType::U32, device)?.reshape(&[n, h * w, 1])?;
    let corner = Tensor::arange(4, DType::U32, device)?.reshape(&[1, 1, 4])?;
    let inputs = [
        &column(|p| p.scale * p.rotation.cos())?,
        &column(|p| p.scale * p.rotation.sin())?,
        &column(|p| p.shift[0])?,
        &column(|p| p.shift[1])?,
        &pixel,
        &corner,
    ];
    let [x, y] = source(h, w);
    let index = Tensor::pointwise(&corner_index(&x, &y, h, w), &inputs)?.to_dtype(DType::U32)?;
    let corners = images.reshape(&[n * h * w, c])?.gather(&index)?;
    let part = |v: Expr| Tensor::pointwise(&(v.clone() - v.floor()), &inputs[..5]);
    let (u, v) = (part(x)?, part(y)?);
    Tensor::realize_all(&[&u, &v])?;

    let seen = |k| corners.slice(2, k, 1)?.squeeze(2);
    let between =
        |a: Expr, b: Expr, t: u8| (Expr::constant(1.0) - Expr::input(t)) * a + Expr::input(t) * b;
    let [a, b, below_a, below_b] = [0, 1, 2, 3].map(Expr::input);
    let blended = between(between(a, b, 4), between(below_a, below_b, 4), 5);
    let inputs = [&seen(0)?, &seen(1)?, &seen(2)?, &seen(3)?, &u, &v];
    let blended = Tensor::pointwise(&blended, &inputs)?;
    let brightness = per_image(params.iter().map(|p| p.brightness), 3, device)?;
    let bright = (Expr::input(0) * Expr::input(1)).maximum(0.0).minimum(1.0);
    Ok(Tensor::pointwise(&bright, &[&blended, &brightness])?.reshape(&[n, h, w, c])?)
}

/// The quotient `a / b` of whole numbers, rounded down: asked half-way between the jumps, where rounding cannot cross one.
fn whole_quotient(a: Expr, b: usize) -> Expr {
    ((a + 0.5) / b as f64).floor()
}

/// Where in the image, in pixels (x, y), the output pixel looks. Inputs: scaled cosine and sine, shift (x, y), and the
/// pixel's number among those of all images.
fn source(h: usize, w: usize) -> [Expr; 2] {
    let [cos, sin, shift_x, shift_y, pixel] = [0, 1, 2, 3, 4].map(Expr::input);
    let within = pixel.clone() - whole_quotient(pixel, h * w) * (h * w) as f64;
    let row = whole_quotient(within.clone(), w);
    let column = within - row.clone() * w as f64;
    let (h, w) = (h as f64, w as f64);
    let px = (column * 2.0 + 1.0) / w - 1.0;
    let py = (row * 2.0 + 1.0) / h - 1.0;
    let x = cos.clone() * px.clone() - sin.clone() * py.clone() + shift_x;
    let y = sin * px + cos * py + shift_y;
    [((x + 1.0) * w - 1.0) / 2.0, ((y + 1.0) * h - 1.0) / 2.0]
}

/// The number of the pixel at one of the four corners around (x, y), among those of all images; outside the image, one that no
/// pixel has, for which `gather` gives zeros. Inputs 4 and 5: the output pixel's number, and the corner's (right + 2 · below).
fn corner_index(x: &Expr, y: &Expr, h: usize, w: usize) -> Expr {
    let (pixel, corner) = (Expr::input(4), Expr::input(5));
    let below = whole_quotient(corner.clone(), 2);
    let right = corner - below.clone() * 2.0;
    let (x, y) = (x.clone().floor() + right, y.clone().floor() + below);
    let within = |v: Expr, len: usize| {
        Expr::constant(0.0).less_equal(v.clone()) * v.less_equal((len - 1) as f64)
    };
    let inside = within(x.clone(), w) * within(y.clone(), h);
    let first = whole_quotient(pixel, h * w) * (h * w) as f64;
    inside.select(first + y * w as f64 + x, 4e9)
}
