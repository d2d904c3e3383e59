//! Losses and their gradients; the expected numbers are those of PyTorch 2.15.0.

use clel_nn::{
    Error, Result,
    autograd::{GradOptions, Var, check_grad, grad},
    loss::{cross_entropy, mse},
};
use clel_tensor::{Device, Tensor};

/// f(0), f(1), … in an array [3, 4].
fn numbers(f: impl Fn(f64) -> f64) -> Result<Tensor> {
    let values: Vec<f64> = (0..12).map(|i| f(f64::from(i))).collect();
    Ok(Tensor::from_slice(&values, &[3, 4], &Device::Cpu)?)
}

fn logits() -> Result<Var> {
    Ok(Var::leaf(numbers(|i| (0.7 * i).sin() * 3.0)?))
}

/// The loss and the first elements of its gradient.
fn check(loss: &Var, x: &Var, value: f64, slopes: &[f64]) -> Result<()> {
    let g = grad(&[loss], &[x], &GradOptions::default())?.remove(0);
    let found = [vec![loss.tensor().item()?], g.tensor().to_vec::<f64>()?].concat();
    for (found, expected) in found.iter().zip([&[value], slopes].concat()) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    Ok(())
}

#[test]
fn the_cross_entropy_is_pytorchs() -> Result<()> {
    let x = logits()?;
    let loss = cross_entropy(&x, &[3, 0, 2])?;
    let slopes = [
        0.008238533564911638,
        0.056910247659106614,
        0.15840761498510292,
        -0.22355639620912116,
        -0.04935481989799158,
    ];
    check(&loss, &x, 0.8745832110602253, &slopes)?;
    let f = |x: &[Var]| {
        cross_entropy(&x[0], &[3, 0, 2]).map_err(|e| match e {
            Error::Autograd(e) => e,
            Error::Tensor(e) => e.into(),
            e => panic!("{e}"),
        })
    };
    Ok(check_grad(&f, &[x.into_tensor()], 2)?)
}

#[test]
fn the_mean_squared_error_is_pytorchs() -> Result<()> {
    let x = logits()?;
    let loss = mse(&x, &numbers(f64::cos)?.into())?;
    let slopes = [
        -0.16666666666666666,
        0.23205845930748886,
        0.5620826710854205,
    ];
    check(&loss, &x, 6.565058179505409, &slopes)
}

#[test]
fn what_does_not_belong_together_is_refused() -> Result<()> {
    let x = logits()?;
    let row = Var::constant(x.tensor().slice(0, 0, 1)?);
    let none = Var::constant(x.tensor().slice(0, 0, 0)?);
    for (result, words) in [
        (
            cross_entropy(&x, &[3, 0]),
            "cross_entropy: 2 labels up to 3",
        ),
        (
            cross_entropy(&x, &[3, 0, 4]),
            "cross_entropy: 3 labels up to 4",
        ),
        (cross_entropy(&none, &[]), "cross_entropy: 0 labels"),
        (
            cross_entropy(&x.flatten(0)?, &[0; 12]),
            "cross_entropy: 12 labels",
        ),
        // PyTorch, which repeats the row, warns
        (mse(&x, &row), "mse: shapes [3, 4] and [1, 4]"),
        (mse(&none, &none), "mse: shapes [0, 4] and [0, 4]"),
    ] {
        let e = result.expect_err("it does not fit").to_string();
        assert!(e.starts_with(words), "{e}");
    }
    Ok(())
}
