//! Differentiable operations against PyTorch: values, and gradients of ⟨y, grad_y⟩.

use clel_autograd::{GradOptions, Var, grad};
use clel_tensor::Tensor;
use clel_tests::{Case, Failure, on_every_device};
use serde::Deserialize;

/// Gradients of ⟨y, grad_y⟩ with respect to `inputs`.
fn pull_back(case: &Case<'_>, y: &Var, inputs: &[&Var]) -> Result<Vec<Tensor>, Failure> {
    let options = GradOptions {
        seeds: Some(vec![Var::constant(case.tensor("grad_y")?)]),
        ..GradOptions::default()
    };
    let gradients = grad(&[y], inputs, &options)?;
    Ok(gradients.into_iter().map(Var::into_tensor).collect())
}

#[derive(Deserialize)]
struct Convolution {
    stride: usize,
    pad: usize,
    bias: bool,
}

#[test]
fn conv2d() {
    let cases = [
        "k3s1p1", "k3s2p1", "k3s1p0", "k1s1p0", "k1s2p0", "k5s3p2", "wide",
    ];
    on_every_device("conv2d", |file| {
        for name in cases {
            let case = file.under(name);
            let Convolution { stride, pad, bias } = file.fixture.note(name)?;
            let (x, weight) = (case.leaf("x")?, Var::leaf(case.filter("weight")?));
            let mut y = x.conv2d(&weight, stride, pad)?;
            let mut inputs = vec![&x, &weight];
            let added = if bias { Some(case.leaf("bias")?) } else { None };
            if let Some(b) = &added {
                y = y.add(b)?;
                inputs.push(b);
            }
            case.same("y", y.tensor())?;
            let gradients = pull_back(&case, &y, &inputs)?;
            case.same("grad_x", &gradients[0])?;
            case.same_filter("grad_weight", &gradients[1])?;
            if bias {
                case.same("grad_bias", &gradients[2])?;
            }
        }
        Ok(())
    });
}

#[derive(Deserialize)]
struct Window {
    kernel: usize,
    stride: usize,
    pad: usize,
}

#[test]
fn pools() {
    let cases = [
        "average_k2s2p0",
        "average_k2s2p0_odd",
        "average_k3s2p1",
        "maximum_k2s2p0",
        "maximum_k3s2p1",
    ];
    on_every_device("pools", |file| {
        for name in cases {
            let case = file.under(name);
            let Window {
                kernel,
                stride,
                pad,
            } = file.fixture.note(name)?;
            let x = case.leaf("x")?;
            let y = if name.starts_with("average") {
                x.avg_pool2d(kernel, stride, pad)?
            } else {
                x.max_pool2d(kernel, stride, pad)?
            };
            case.same("y", y.tensor())?;
            case.same("grad_x", &pull_back(&case, &y, &[&x])?[0])?;
        }
        let case = file.under("global_average");
        let x = case.leaf("x")?;
        let y = x.mean(&[1, 2], false)?;
        case.same("y", y.tensor())?;
        case.same("grad_x", &pull_back(&case, &y, &[&x])?[0])
    });
}

#[test]
fn bicubic_crops() {
    on_every_device("augment_crop", |case| {
        let boxes = case.tensor("boxes")?.to_dtype(clel_tensor::DType::F32)?;
        for (height, width) in [(12, 10), (6, 5), (9, 16)] {
            let y = case.tensor("x")?.resample_bicubic(&boxes, height, width)?;
            case.same(&format!("to_{height}x{width}.y"), &y.clamp(0.0, 1.0)?)?;
        }
        Ok(())
    });
}
