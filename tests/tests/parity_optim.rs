//! Trajectories of optimisers, schedules and averages against PyTorch, on given gradients.

use std::collections::BTreeMap;

use clel_nn::optim::{Adam, Ema, Optimizer, Schedule, Sgd, ema_decay};
use clel_nn::{Module, Parameter, State, Visitor};
use clel_tensor::Tensor;
use clel_tests::{Case, Failure, on_every_device};

/// Row i of an array.
fn row(t: &Tensor, i: usize) -> Result<Tensor, Failure> {
    Ok(t.slice(0, i, 1)?.squeeze(0)?)
}

/// Compares values over time with a fixture's [steps, …].
fn same_over_time(case: &Case<'_>, key: &str, values: &[Tensor]) -> Result<(), Failure> {
    let rows = values.iter().map(|v| v.unsqueeze(0));
    let rows: Vec<Tensor> = rows.collect::<Result<_, _>>()?;
    case.same(key, &Tensor::concat(&rows.iter().collect::<Vec<_>>(), 0)?)
}

/// Steps through the fixture's gradients, at the learning rates that it records and `schedule` must give.
fn check_trajectory(
    file: &Case<'_>,
    optimiser: &mut dyn Optimizer,
    schedule: Schedule,
) -> Result<(), Failure> {
    let names = ["matrix", "vector", "small", "sparse"];
    let mut live = Vec::new();
    for name in names {
        live.push((name.to_owned(), Parameter::new(file.tensor(name)?)));
    }
    let parameters: Vec<(String, &Parameter)> =
        live.iter().map(|(name, p)| (name.clone(), p)).collect();
    let mut after: BTreeMap<&str, Vec<Tensor>> = BTreeMap::new();
    let (lr, rates): (f64, _) = (file.fixture.note("lr")?, file.numbers("rates")?);
    for (step, expected) in rates.iter().enumerate() {
        let rate = lr * schedule.factor(step as u64);
        assert!(
            (rate - f64::from(*expected)).abs() <= 1e-7 * lr,
            "step {step}: {rate}"
        );
        let mut gradients = Vec::new();
        for name in names {
            gradients.push(row(&file.under("grad").tensor(name)?, step)?);
        }
        optimiser.step(&parameters, &gradients, rate)?;
        for (name, (_, p)) in names.iter().zip(&parameters) {
            after.entry(name).or_default().push(p.tensor());
        }
    }
    for (name, values) in after {
        same_over_time(&file.under("after"), name, &values)?;
    }
    let mut moments = 0;
    for (name, value) in optimiser.state()? {
        // ours is `matrix.momentum`, the fixture's `momentum.matrix`
        if let Some((parameter, moment)) = name.split_once('.') {
            file.under(moment).same(parameter, &value)?;
            moments += 1;
        }
    }
    assert_eq!(moments, names.len());
    Ok(())
}

#[test]
fn adam_with_warm_up() {
    on_every_device("adam", |file| {
        let betas = file.fixture.note("betas")?;
        let mut adam = Adam::new(betas, file.fixture.note("eps")?, 0.0)?;
        let steps = file.fixture.note("warmup")?;
        check_trajectory(file, &mut adam, Schedule::WarmUp { steps })
    });
}

#[test]
fn momentum_with_weight_decay_and_cosine() {
    on_every_device("sgd", |file| {
        let momentum = file.fixture.note("momentum")?;
        let mut sgd = Sgd::new(momentum, file.fixture.note("weight_decay")?)?;
        let steps = file.fixture.note("iterations")?;
        check_trajectory(file, &mut sgd, Schedule::Cosine { steps })
    });
}

struct Holder {
    parameter: Parameter,
    buffer: State,
}

impl Module for Holder {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        v.parameter("parameter", &self.parameter);
        v.state("buffer", &self.buffer);
    }
}

/// Plain copies before iteration half_life/batch, averages from there; buffers are always copied.
#[test]
fn averages() {
    on_every_device("ema", |file| {
        let (batch, half_life): (usize, f64) =
            (file.fixture.note("batch")?, file.fixture.note("half_life")?);
        let holder = |parameter, buffer| Holder {
            parameter: Parameter::new(parameter),
            buffer: State::new(buffer),
        };
        let initial = file.under("initial");
        let average = holder(initial.tensor("parameter")?, initial.tensor("buffer")?);
        let (seen, buffers) = (file.tensor("parameter")?, file.tensor("buffer")?);
        let (mut parameters, mut states) = (Vec::new(), Vec::new());
        for (step, expected) in file.numbers("decay")?.iter().enumerate() {
            let copied = ((step + 1) as f64) < half_life / batch as f64;
            let decay = if copied {
                0.0
            } else {
                ema_decay(batch, half_life)
            };
            assert!(
                (decay - f64::from(*expected)).abs() < 1e-7,
                "step {step}: {decay}"
            );
            let live = holder(row(&seen, step)?, row(&buffers, step)?);
            Ema::update(&live, &average, decay)?;
            parameters.push(average.parameter.tensor());
            states.push(average.buffer.tensor());
        }
        let case = file.under("average");
        same_over_time(&case, "parameter", &parameters)?;
        same_over_time(&case, "buffer", &states)
    });
}
