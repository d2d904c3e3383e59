//! What one Langevin step costs: time and launches, with weights normalised every step and once a run.
//!
//!     cargo run --release -p clel --example langevin_cost -- [device] [preset] [steps]

use std::time::Instant;

use clel::config::Layers;
use clel::model::{EnergyNetwork, Normalisation};
use clel::sampler::Langevin;
use clel_nn::{Init, Mode, hold_weights};
use clel_tensor::{DType, Device, RngKey, Tensor, count_launches};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let word = |i: usize, default: &str| arguments.get(i).cloned().unwrap_or(default.into());
    let device = Device::parse(&word(0, "cpu"))?;
    let preset = word(1, "digits");
    let config = Layers::preset(&preset)?.build()?;
    let steps: usize = word(2, "50").parse()?;
    let [h, w, c] = if preset == "digits" {
        [8, 8, 1]
    } else {
        [32, 32, 3]
    };
    let normalisation = Normalisation {
        mean: vec![0.3; c],
        std: vec![0.35; c],
    };
    let mut init = Init::new(RngKey::new(0, 0), DType::F32, &device);
    let network = EnergyNetwork::new(&config.model, &normalisation, &mut init)?;
    let start = Tensor::uniform(&[config.train.batch, h, w, c], RngKey::new(0, 1), &device)?;
    start.realize()?;
    for hold in [false, true] {
        let langevin = Langevin {
            steps,
            ..Langevin::of(&config.sampler)
        };
        let energy = |x: &clel_autograd::Var| network.energy(x, Mode::Train);
        let once = |langevin: &Langevin| langevin.run(&energy, &start, RngKey::new(0, 2));
        let run = |langevin: &Langevin| -> clel::Result<()> {
            let chains = if hold {
                hold_weights(|| once(langevin))
            } else {
                once(langevin)
            };
            chains?.images.to_vec::<f32>()?;
            Ok(())
        };
        run(&Langevin {
            steps: 2,
            ..langevin.clone()
        })?;
        let begin = Instant::now();
        let (done, counts) = count_launches(|| run(&langevin));
        done?;
        let each = begin.elapsed().as_secs_f64() * 1e6 / steps as f64;
        let launches = counts.values().sum::<u64>() as f64 / steps as f64;
        println!("hold_weights {hold}: {each:.0} µs and {launches:.1} launches a step {counts:?}");
    }
    Ok(())
}
