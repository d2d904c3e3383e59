//! The whole method on the embedded digits, small: an energy network, a contrastive encoder that guides it, a replay buffer of
//! Langevin chains. In 20 seconds most chains of noise become digits; `clel train` does it in full.
//!
//!     cargo run --example 08_clel_on_digits

use std::error::Error;

use clel::config::Layers;
use clel::data::{Order, digits};
use clel::eval::DigitClassifier;
use clel::train::Trainer;
use clel_pictures::{Colour, Corner, Output, Panel, Picture};
use clel_tensor::{Device, RngKey};

const ITERATIONS: u64 = 300;

fn main() -> Result<(), Box<dyn Error>> {
    let picture = Picture::new("08_clel_on_digits")?;
    let device = Device::auto()?;
    let data = digits();

    // the program's own settings, smaller
    let mut settings = Layers::preset("digits")?;
    for change in [
        "model.width=16",
        "encoder.width=16",
        "sampler.buffer=400",
        "train.batch=32",
        "train.ebm.warmup=50",
        "train.iterations=300",
    ] {
        settings.set(change)?;
    }
    let mut config = settings.build()?;
    let [n, h, w, c] = data.train.images.shape();
    let (mean, std) = data.train.images.channel_statistics()?;
    config.data.shape = Some([h, w, c]);
    (config.data.mean, config.data.std) = (Some(mean), Some(std));

    // ANCHOR: training
    let mut trainer = Trainer::new(&config, &device)?;
    let before = trainer.buffer().images().to_vec::<f32>()?;
    let mut order = Order::new(n, config.train.batch, RngKey::new(config.seed, 0));
    let (mut of_data, mut of_samples) = (Vec::new(), Vec::new());
    for i in 0..ITERATIONS {
        let images = data.train.images.read(order.batch(i))?;
        let batch = trainer.draw(&images)?;
        let outcome = trainer.iterate(&batch)?;
        of_data.push((i as f64, 1000.0 * outcome.data.mean_all()?.item()?));
        of_samples.push((i as f64, 1000.0 * outcome.samples.mean_all()?.item()?));
    }
    // ANCHOR_END: training
    let after = trainer.buffer().images().to_vec::<f32>()?;

    let judge = DigitClassifier::embedded()?;
    let (first, last) = (judge.judge(&before)?, judge.judge(&after)?);
    writeln!(
        Output,
        "of {} chains {:.0} % pass for digits before training, {:.0} % after it; of each kind {:?}",
        last.images,
        100.0 * first.recognised,
        100.0 * last.recognised,
        last.kinds
    )?;
    writeln!(
        Output,
        "Fréchet distance to the digits: {:.0} before, {:.1} after",
        first.frechet, last.frechet
    )?;
    assert!(
        last.recognised > 0.5 && last.frechet < first.frechet / 10.0,
        "no digits were learnt"
    );

    let top = of_data
        .iter()
        .chain(&of_samples)
        .map(|p| p.1)
        .fold(0.0, f64::max);
    let grid = |title: &str, images: &[f32]| {
        Panel::images(title, 8, [8, 8], images[..64 * 64].to_vec(), vec![])
    };
    picture.draw(&[
        grid("chains before training", &before),
        grid("the same chains after it", &after),
        Panel::new("energies × 1000", 0.0..ITERATIONS as f64, 0.0..1.2 * top) // room for the legend
            .along("iteration")
            .legend(Corner::UpperRight)
            .line("of data", Colour::Blue, of_data)
            .line("of samples", Colour::Orange, of_samples),
    ])
}
