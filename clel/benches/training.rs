//! The main job's work: a run of the sampler and a whole iteration. `cargo bench -p clel [-- FILTER]`, on the CPU, or on what
//! `CLEL_BENCH_DEVICE` names. For other networks, rates, memory and launches there is `clel bench`.

use std::time::Duration;

use clel::config::Layers;
use clel::data::{Order, digits};
use clel::sampler::Langevin;
use clel::train::Trainer;
use clel_autograd::Var;
use clel_nn::{Mode, hold_weights};
use clel_tensor::{Device, RngKey, Tensor, cpu::on_workers};
use criterion::Criterion;

fn main() -> clel::Result<()> {
    on_workers(measure)
}

fn measure() -> clel::Result<()> {
    let word = std::env::var("CLEL_BENCH_DEVICE").unwrap_or("cpu".into());
    let device = Device::parse(&word)?;
    eprintln!("on {device}, {} threads", clel_tensor::cpu::threads());
    let mut criterion = Criterion::default()
        .configure_from_args()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));

    let mut config = Layers::preset("digits")?.build()?;
    config.data.shape = Some([8, 8, 1]);
    (config.data.mean, config.data.std) = (Some(vec![0.3]), Some(vec![0.35]));
    let images = digits().train.images;
    let mut trainer = Trainer::new(&config, &device)?;

    let start = Tensor::uniform(&[config.train.batch, 8, 8, 1], RngKey::new(0, 1), &device)?;
    start.realize()?;
    for capture in [true, false] {
        let langevin = Langevin {
            capture,
            ..Langevin::of(&config.sampler)
        };
        let sample = || -> clel::Result<()> {
            let energy = |x: &Var| trainer.live().energy.energy(x, Mode::Eval);
            hold_weights(|| langevin.run(&energy, &start, RngKey::new(0, 2)))?;
            Ok(device.wait()?)
        };
        // what cannot run is an error, not a panic in the loop below
        sample()?;
        let way = if capture { "captured" } else { "anew" };
        criterion.bench_function(&format!("{} steps, {way}", langevin.steps), |b| {
            b.iter(|| sample().expect("has run before"));
        });
    }

    let mut order = Order::new(images.len(), config.train.batch, RngKey::new(0, 3));
    let mut iterate = || -> clel::Result<()> {
        let batch = trainer.draw(&images.read(order.batch(trainer.step()))?)?;
        trainer.iterate(&batch)?.energy_loss.item()?;
        Ok(device.wait()?)
    };
    iterate()?;
    criterion.bench_function("iteration", |b| {
        b.iter(|| iterate().expect("has run before"));
    });
    criterion.final_summary();
    Ok(())
}
