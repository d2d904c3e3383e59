//! Langevin steps against PyTorch: in training mode with a power iteration each step, in eval mode, clipped, with given noise, and with
//! schedules of step size and noise.

use std::collections::BTreeMap;

use clel::config::{Network, StepShape};
use clel::sampler::{Langevin, Numbers, StepSchedule};
use clel_autograd::Var;
use clel_nn::Mode;
use clel_tensor::{RngKey, Tensor};
use clel_tests::{EnergyShape, load, on_every_device, same_values};
use serde::Deserialize;

#[derive(Deserialize)]
struct Options {
    steps: usize,
    step_size: f64,
    clip: Option<f64>,
    #[serde(default)]
    sigma: f64,
}

#[test]
fn langevin_chains() {
    on_every_device("sgld", |file| {
        let shape: EnergyShape = file.fixture.note("config")?;
        let net = shape.build(file, Network::Tiny)?;
        let cases: BTreeMap<String, Options> = file.fixture.note("cases")?;
        assert_eq!(cases.len(), 4);
        for (name, options) in cases {
            let case = file.under(&name);
            load(&file.under("initial"), &net)?;
            let mode = if name == "eval" {
                Mode::Eval
            } else {
                Mode::Train
            };
            let energy = |x: &Var| net.energy(x, mode);
            let langevin = Langevin {
                steps: options.steps,
                step_size: options.step_size,
                noise: options.sigma,
                clip: options.clip,
                ..Langevin::default()
            };
            let mut images = file.tensor("x")?;
            let (mut states, mut energies) = (Vec::new(), Vec::new());
            for k in 0..options.steps {
                let given = if case.has("noise") {
                    Some(case.tensor("noise")?.slice(0, k, 1)?.squeeze(0)?)
                } else {
                    None
                };
                let unused = Numbers::Drawn(RngKey::new(0, 0));
                let noise = given.as_ref().map_or(unused, Numbers::Given);
                let step = langevin.step(&energy, &images, noise)?;
                images = step.images;
                states.push(images.unsqueeze(0)?);
                energies.push(step.energies.unsqueeze(0)?);
            }
            let stack = |t: &[Tensor]| Tensor::concat(&t.iter().collect::<Vec<_>>(), 0);
            case.same("states", &stack(&states)?)?;
            case.same("energies", &stack(&energies)?)?;
            let after = if mode == Mode::Train {
                case.under("after")
            } else {
                file.under("initial")
            };
            same_values(&after, &net)?;
            if options.sigma == 0.0 {
                // the whole run at once
                load(&file.under("initial"), &net)?;
                let chains = langevin.run(&energy, &file.tensor("x")?, RngKey::new(0, 0))?;
                let last = chains.images.to_vec::<f32>()?;
                assert_eq!(last, images.to_vec::<f32>()?, "{name} on {}", file.device);
            }
        }
        Ok(())
    });
}

#[test]
fn scheduled_chains() {
    on_every_device("sgld_scheduled", |file| {
        let shape: EnergyShape = file.fixture.note("config")?;
        let net = shape.build(file, Network::Tiny)?;
        load(&file.under("initial"), &net)?;
        let energy = |x: &Var| net.energy(x, Mode::Eval);
        let number = |key: &str| file.fixture.note::<f64>(key);
        let steps: usize = file.fixture.note("steps")?;
        let noise = file.tensor("noise")?;
        let noise = (0..steps).map(|k| noise.slice(0, k, 1)?.squeeze(0));
        let noise: Vec<Tensor> = noise.collect::<Result<_, _>>()?;
        for shape in [StepShape::Linear, StepShape::Cosine, StepShape::Geometric] {
            let langevin = Langevin {
                steps,
                step_size: number("step_size")?,
                noise: number("sigma")?,
                schedule: StepSchedule {
                    shape,
                    step_size_end: number("step_size_end")?,
                    noise_end: number("noise_end")?,
                    steps,
                },
                ..Langevin::default()
            };
            let chains = langevin.run_given(&energy, &file.tensor("x")?, &noise)?;
            let case = file.under(shape.name());
            case.same("end", &chains.images)?;
            let mean: f64 = case.tensor("energies")?.mean_all()?.item()?;
            let found = chains.statistics()?.last_energy;
            assert!((found - mean).abs() < 1e-4 * mean, "{found} {mean}");
        }
        Ok(())
    });
}
