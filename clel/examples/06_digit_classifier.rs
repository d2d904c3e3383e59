//! A small convolutional network learns to read handwritten digits, in seconds.
//!
//!     cargo run --example 06_digit_classifier

use std::error::Error;

use clel::data::{Order, digits};
use clel_autograd::{Var, no_grad};
use clel_nn::loss::cross_entropy;
use clel_nn::optim::{Adam, Optimizer, Schedule, gradients};
use clel_nn::{
    Activation, AvgPool2d, BatchNorm, Conv2d, ConvOptions, GlobalAvgPool2d, Init, Layer, Linear,
    LinearOptions, Mode, Module, Sequential,
};
use clel_pictures::{Colour, Output, Panel, Picture};
use clel_tensor::{DType, Device, RngKey, Tensor};

const STEPS: u64 = 250;
const BATCH: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let picture = Picture::new("06_digit_classifier")?;
    let device = Device::auto()?;
    let data = digits();
    let labels = data.train.labels.unwrap_or_default();

    // ANCHOR: network
    let mut init = Init::new(RngKey::new(1, 0), DType::F32, &device);
    let conv = ConvOptions {
        pad: 1,
        ..ConvOptions::default()
    };
    let network = Sequential::new()
        .push(Conv2d::new(&mut init, 1, 16, 3, &conv)?)
        .push(BatchNorm::new(&mut init, 16)?)
        .push(Activation::Relu)
        .push(AvgPool2d::tiles(2))
        .push(Conv2d::new(&mut init, 16, 32, 3, &conv)?)
        .push(BatchNorm::new(&mut init, 32)?)
        .push(Activation::Relu)
        .push(GlobalAvgPool2d)
        .push(Linear::new(&mut init, 32, 10, &LinearOptions::default())?);
    // ANCHOR_END: network
    writeln!(
        Output,
        "{} parameters on {device}",
        network.parameter_count()
    )?;

    // ANCHOR: training
    let mut adam = Adam::default();
    let schedule = Schedule::Cosine { steps: STEPS };
    let mut order = Order::new(labels.len(), BATCH, RngKey::new(1, 1));
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let indices = order.batch(step);
        let pixels = data.train.images.read(indices)?.to_unit();
        let x = Tensor::from_slice(&pixels, &[indices.len(), 8, 8, 1], &device)?;
        let wanted: Vec<u32> = indices.iter().map(|&i| labels[i]).collect();
        let logits = network.forward(&Var::constant(x), Mode::Train)?;
        let loss = cross_entropy(&logits, &wanted)?;
        losses.push((step as f64, loss.tensor().item()?));
        let parameters = network.parameters();
        let gradients = gradients(loss, &parameters)?;
        adam.step(&parameters, &gradients, 0.02 * schedule.factor(step))?;
    }
    // ANCHOR_END: training

    // images that it has never seen
    let pixels = data.test.images.read_all()?.to_unit();
    let labels = data.test.labels.unwrap_or_default();
    let x = Var::constant(Tensor::from_slice(
        &pixels,
        &[labels.len(), 8, 8, 1],
        &device,
    )?);
    let logits = no_grad(|| network.forward(&x, Mode::Eval))?;
    let said = logits.tensor().argmax(1)?.to_vec::<u32>()?;
    let (wrong, right): (Vec<usize>, Vec<usize>) =
        (0..labels.len()).partition(|&i| said[i] != labels[i]);
    let accuracy = right.len() as f64 / labels.len() as f64;
    writeln!(
        Output,
        "{:.1} % of {} held-out digits are read correctly",
        100.0 * accuracy,
        labels.len()
    )?;
    assert!(accuracy > 0.95, "the network did not learn to read");

    // the mistakes first
    let mut shown = Vec::new();
    let mut captions = Vec::new();
    for &i in wrong.iter().chain(&right).take(48) {
        shown.extend_from_slice(&pixels[i * 64..(i + 1) * 64]);
        captions.push(match said[i] == labels[i] {
            true => (said[i].to_string(), Colour::Green),
            false => (format!("{} for {}", said[i], labels[i]), Colour::Red),
        });
    }
    let title = format!("digits as read; {} of {} wrong", wrong.len(), labels.len());
    picture.draw(&[
        Panel::images(&title, 8, [8, 8], shown, captions),
        Panel::new("loss, step by step", 0.0..STEPS as f64, 0.0..2.5).line(
            "",
            Colour::Blue,
            losses,
        ),
    ])
}
