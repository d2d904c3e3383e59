//! Augmentations with given parameters against PyTorch and torchvision's formulas.

use clel::augment::{Affine, CropBox, Params, Recolour, Strong, Weak, recolour};
use clel_tensor::Tensor;
use clel_tests::{Case, Failure, on_every_device};

/// Integers of a tensor, one row for each image.
fn rows(case: &Case<'_>, key: &str) -> Result<Vec<Vec<usize>>, Failure> {
    let tensor = case.tensor(key)?;
    let width = tensor.shape().get(1).copied().unwrap_or(1);
    let numbers = tensor.to_vec::<u32>()?;
    let row = |r: &[u32]| r.iter().map(|&v| v as usize).collect();
    Ok(numbers.chunks(width).map(row).collect())
}

fn flags(case: &Case<'_>, key: &str) -> Result<Vec<bool>, Failure> {
    Ok(rows(case, key)?.iter().map(|r| r[0] != 0).collect())
}

/// The change of column `which`: brightness, contrast, saturation, hue.
fn change(which: usize, factor: f32) -> Recolour {
    let factor = f64::from(factor);
    match which {
        0 => Recolour::Brightness(factor),
        1 => Recolour::Contrast(factor),
        2 => Recolour::Saturation(factor),
        _ => Recolour::Hue(factor),
    }
}

/// For each image its four changes in their order.
fn jitters(case: &Case<'_>) -> Result<Vec<[Recolour; 4]>, Failure> {
    let factors = case.numbers("factors")?.chunks(4);
    let orders = rows(case, "orders")?;
    let one = |(f, o): (&[f32], &Vec<usize>)| std::array::from_fn(|k| change(o[k], f[o[k]]));
    Ok(factors.zip(&orders).map(one).collect())
}

#[test]
fn each_change_of_colour() {
    on_every_device("augment_colour", |file| {
        let x = file.tensor("x")?;
        for (name, which) in [
            ("brightness", 0),
            ("contrast", 1),
            ("saturation", 2),
            ("hue", 3),
            ("hue_wide", 3),
        ] {
            let case = file.under(name);
            let factors = case.numbers("factor")?;
            let round = factors.iter().map(|&f| change(which, f)).collect();
            case.same("y", &recolour(&x, &[round])?)?;
        }
        let grey = vec![Recolour::Saturation(0.0); x.shape()[0]];
        file.same("grayscale", &recolour(&x, &[grey])?)?;
        file.same("flip", &x.flip(2)?)
    });
}

#[test]
fn jitter_in_all_orders() {
    on_every_device("augment_jitter_orders", |file| {
        let jitters = jitters(file)?;
        let round = |k: usize| jitters.iter().map(|j| j[k]).collect();
        let rounds: Vec<Vec<Recolour>> = (0..4).map(round).collect();
        file.same("y", &recolour(&file.tensor("x")?, &rounds)?)
    });
}

#[test]
fn strong() {
    on_every_device("augment_strong", |file| {
        let (jittered, grey, flip) = (
            flags(file, "jittered")?,
            flags(file, "greyed")?,
            flags(file, "flipped")?,
        );
        let jitters = jitters(file)?;
        let boxes = rows(file, "boxes")?;
        let one = |i: usize| Strong {
            crop: CropBox {
                top: boxes[i][0],
                left: boxes[i][1],
                height: boxes[i][2],
                width: boxes[i][3],
            },
            jitter: jittered[i].then_some(jitters[i]),
            grey: grey[i],
            flip: flip[i],
        };
        let params = Params::Strong((0..boxes.len()).map(one).collect());
        file.same("y", &params.apply(&file.tensor("x")?)?)
    });
}

#[test]
fn weak() {
    on_every_device("augment_weak", |file| {
        let corners = rows(file, "corners")?;
        let flipped = flags(file, "flipped")?;
        let one = |(c, &flip): (&Vec<usize>, &bool)| Weak {
            top: c[0],
            left: c[1],
            flip,
        };
        let params = Params::Weak(corners.iter().zip(&flipped).map(one).collect());
        file.same("y", &params.apply(&file.tensor("x")?)?)
    });
}

#[test]
fn affine() {
    on_every_device("augment_affine", |file| {
        let numbers = |key| file.numbers(key);
        let (rotation, scale) = (numbers("rotation")?, numbers("scale")?);
        let (shift, brightness) = (numbers("shift")?, numbers("brightness")?);
        let one = |i: usize| Affine {
            rotation: rotation[i].into(),
            scale: scale[i].into(),
            shift: [shift[2 * i].into(), shift[2 * i + 1].into()],
            brightness: brightness[i].into(),
        };
        let params = Params::Affine((0..rotation.len()).map(one).collect());
        let y: Tensor = params.apply(&file.tensor("x")?)?;
        file.same("y", &y)
    });
}
