//! Arrays: shapes that broadcast, chains that become one kernel, products, convolutions, random numbers.
//!
//!     cargo run --example 01_tensors

use std::error::Error;

use clel_pictures::{Output, Panel, Picture};
use clel_tensor::{DType, Device, RngKey, Tensor, count_launches};

const SIDE: usize = 160;

/// Height of the water around a stone that fell at (x₀, y₀): cos(12 r) / (1 + 2 r).
fn ripples(x: &Tensor, y: &Tensor, [x0, y0]: [f64; 2]) -> clel_tensor::Result<Tensor> {
    let (dx, dy) = (x.sub_scalar(x0)?, y.sub_scalar(y0)?);
    let r = dx.mul(&dx)?.add(&dy.mul(&dy)?)?.sqrt()?;
    r.mul_scalar(12.0)?
        .cos()?
        .div(&r.mul_scalar(2.0)?.add_scalar(1.0)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let picture = Picture::new("01_tensors")?;
    // graphics hardware if there is any, else the CPU; everything below means the same on both
    let device = Device::auto()?;
    writeln!(Output, "device: {device}")?;

    // a row [1, n] and a column [n, 1]: together they broadcast to [n, n]
    let axis = Tensor::arange(SIDE, DType::F32, &device)?
        .mul_scalar(2.0 / SIDE as f64)?
        .sub_scalar(1.0)?;
    let (x, y) = (axis.reshape(&[1, SIDE])?, axis.reshape(&[SIDE, 1])?);

    // ANCHOR: chain
    // nothing is computed until somebody needs it, and then all at once: one kernel for the plane, and one for each row and
    // column of squares that is broadcast to it
    let (water, launches) = count_launches(|| {
        let water = ripples(&x, &y, [-0.4, -0.3])?.add(&ripples(&x, &y, [0.5, 0.4])?)?;
        water.realize()?;
        Ok::<Tensor, clel_tensor::Error>(water)
    });
    writeln!(Output, "two stones, 23 operations, launches: {launches:?}")?;
    // ANCHOR_END: chain
    let water = water?;
    assert_eq!(launches.values().sum::<u64>(), 1 + 4);

    // reductions, and a product: the mean of each row as a matrix-vector product
    let means = water.mean(&[1], false)?;
    let weights = Tensor::full(&[SIDE, 1], 1.0 / SIDE as f64, DType::F32, &device)?;
    let products = water.matmul(&weights)?.reshape(&[SIDE])?;
    let difference = means.sub(&products)?.abs()?.max(&[0], false)?.item()?;
    writeln!(
        Output,
        "row means, made in two ways, differ by {difference:.1e}"
    )?;
    assert!(difference < 1e-5);

    // an image is [N, H, W, C], a kernel [O, KH, KW, C]: Laplace's, which is large where the water is curved; without padding the
    // outermost pixels have no place in the result
    let kernel = [0.0f32, 1.0, 0.0, 1.0, -4.0, 1.0, 0.0, 1.0, 0.0];
    let kernel = Tensor::from_slice(&kernel, &[1, 3, 3, 1], &device)?;
    let curved = water
        .reshape(&[1, SIDE, SIDE, 1])?
        .conv2d(&kernel, 1, 0)?
        .reshape(&[SIDE - 2, SIDE - 2])?;

    // random numbers depend on (seed, stream, step, element) alone: drawn twice, they are the same
    let key = RngKey::new(7, 0);
    let noise = Tensor::normal(&[SIDE, SIDE], key, &device)?;
    let again = Tensor::normal(&[SIDE, SIDE], key, &device)?;
    assert_eq!(noise.to_vec::<f32>()?, again.to_vec::<f32>()?);
    let noisy = water.add(&noise.mul_scalar(0.3)?)?;

    // errors say what did not fit
    let wrong = water.matmul(&Tensor::zeros(&[3, 3], DType::F32, &device)?);
    writeln!(Output, "an error: {}", wrong.unwrap_err())?;

    let panel = |title: &str, t: &Tensor, bound: f64| -> clel_tensor::Result<Panel> {
        let values: Vec<f64> = t.to_vec::<f32>()?.into_iter().map(f64::from).collect();
        Ok(Panel::new(title, -1.0..1.0, -1.0..1.0).heat(t.shape()[1], values, -bound..bound))
    };
    let panels = [
        panel("two stones in water", &water, 1.0)?,
        panel("its curvature: a convolution", &curved, 0.04)?,
        panel("with normal noise", &noisy, 1.0)?,
    ];
    picture.draw(&panels)
}
