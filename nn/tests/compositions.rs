//! What there is no layer for, made of what there is: the recipes of the book.

use clel_nn::{
    Activation, Init, Layer, Linear, LinearOptions, Mode, Module, Result, Sequential,
    autograd::Var,
    optim::{Adam, Optimizer, gradients},
};
use clel_tensor::{DType, Device, RngKey, Tensor};

// ANCHOR: dropout
/// Each element 0 with probability `rate`, else divided by 1 − `rate`. Every call takes a key of its own: `key.at(iteration)`.
fn dropout(x: &Var, rate: f64, key: RngKey, mode: Mode) -> Result<Var> {
    if mode == Mode::Eval {
        return Ok(x.clone());
    }
    let kept =
        Tensor::uniform(x.shape(), key, x.tensor().device())?.less_than_scalar(1.0 - rate)?;
    Ok(x.mul(&kept.into())?.mul_scalar(1.0 / (1.0 - rate))?)
}
// ANCHOR_END: dropout

// ANCHOR: convolution
/// A convolution whose height and width differ, with dilation and groups: of images [N, H, W, C] with a weight [O, KH, KW, C/groups].
struct Convolution {
    stride: [usize; 2],
    pad: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
}

impl Convolution {
    fn apply(&self, x: &Var, weight: &Var) -> Result<Var> {
        let around = self.pad.map(|pad| (pad, pad));
        let x = x.pad(&[(0, 0), around[0], around[1], (0, 0)])?;
        // dilation is a larger window with zeros in between
        let mut window = weight.shape().to_vec();
        for (side, d) in window[1..3].iter_mut().zip(self.dilation) {
            *side = (*side - 1) * d + 1;
        }
        let [dh, dw] = self.dilation;
        let weight = weight.embed(&window, &[0; 4], &[1, dh, dw, 1])?;
        // each group of output channels sees input channels of its own
        let (outputs, channels) = (window[0] / self.groups, window[3]);
        let group = |n: usize| -> Result<Var> {
            let weight = weight.slice(0, n * outputs, outputs)?;
            Ok(x.slice(3, n * channels, channels)?.conv2d(&weight, 1, 0)?)
        };
        let groups = (0..self.groups).map(group).collect::<Result<Vec<_>>>()?;
        let all = Var::concat(&groups.iter().collect::<Vec<_>>(), 3)?;
        // of all windows those that the strides reach; equal strides are conv2d's own, which computes no others
        let [rows, columns] =
            [1, 2].map(|axis| (all.shape()[axis] - 1) / self.stride[axis - 1] + 1);
        let y = all.slice_step(1, 0, rows, self.stride[0])?;
        Ok(y.slice_step(2, 0, columns, self.stride[1])?)
    }
}
// ANCHOR_END: convolution

fn sines(shape: &[usize], step: f64) -> Result<Tensor> {
    let values = (0..shape.iter().product()).map(|i| (i as f64 * step).sin());
    let values: Vec<f64> = values.collect();
    Ok(Tensor::from_slice(&values, shape, &Device::Cpu)?)
}

#[test]
fn dropout_keeps_the_mean() -> Result<()> {
    let x = Var::constant(Tensor::ones(&[100, 100], DType::F32, &Device::Cpu)?);
    let key = RngKey::new(1, 0);
    let y = dropout(&x, 0.2, key, Mode::Train)?
        .tensor()
        .to_vec::<f32>()?;
    assert!(y.iter().all(|v| *v == 0.0 || *v == 1.25));
    let mean = y.iter().sum::<f32>() / y.len() as f32;
    assert!((mean - 1.0).abs() < 0.02, "{mean}");
    let same = dropout(&x, 0.2, key, Mode::Eval)?;
    assert!(same.tensor().same(x.tensor()));
    Ok(())
}

/// The expected numbers are those of `torch.nn.functional.conv2d` (PyTorch 2.15.0), every seventeenth.
#[test]
fn convolutions_of_any_kind_are_pytorchs() -> Result<()> {
    let how = Convolution {
        stride: [2, 3],
        pad: [1, 2],
        dilation: [2, 3],
        groups: 2,
    };
    let x = sines(&[2, 4, 7, 8], 0.3)?.permute(&[0, 2, 3, 1])?;
    let weight = sines(&[6, 2, 3, 2], 0.7)?.permute(&[0, 2, 3, 1])?;
    let y = how.apply(&x.into(), &weight.into())?;
    let y = y.tensor().permute(&[0, 3, 1, 2])?;
    assert_eq!(y.shape(), [2, 6, 3, 3]);
    let y = y.to_vec::<f64>()?;
    let expected = [
        -0.6809605544583919,
        -1.1684726778046968,
        -0.9534890999749992,
        0.6943010180351061,
        0.32423807886966666,
        -2.0700280547576173,
        1.1011122402432718,
    ];
    for (found, expected) in y.iter().step_by(17).zip(expected) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    Ok(())
}

#[test]
fn what_is_frozen_stays() -> Result<()> {
    let mut init = Init::new(RngKey::new(1, 0), DType::F32, &Device::Cpu);
    let usual = LinearOptions::default();
    let network = Sequential::new()
        .push(Linear::new(&mut init, 3, 4, &usual)?)
        .push(Activation::Silu)
        .push(Linear::new(&mut init, 4, 1, &usual)?);
    let x = Tensor::normal(&[8, 3], RngKey::new(2, 0), &Device::Cpu)?.into();
    let before: Vec<Tensor> = network
        .parameters()
        .iter()
        .map(|(_, p)| p.tensor())
        .collect();
    let mut adam = Adam::default();
    // ANCHOR: freeze
    let mut trained = network.parameters();
    trained.retain(|(name, _)| !name.starts_with("0."));
    let loss = network.forward(&x, Mode::Train)?.mean_all()?;
    adam.step(&trained, &gradients(loss, &trained)?, 1e-3)?;
    // ANCHOR_END: freeze
    let kept = network.parameters().into_iter().zip(&before);
    let kept: Vec<bool> = kept.map(|((_, p), old)| p.tensor().same(old)).collect();
    assert_eq!(kept, [true, true, false, false]);
    Ok(())
}
