//! What a Langevin step and an update of the weights cost beside time: kernels launched, against a committed list; and memory, which
//! must not grow.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;

use clel::config::{Config, Layers, StepShape};
use clel::data::Images;
use clel::model::{EnergyNetwork, Normalisation, usual_shape};
use clel::sampler::{Langevin, Statistics, StepSchedule};
use clel::train::{Networks, Trainer};
use clel_autograd::recorded_nodes;
use clel_nn::optim::{Adam, Ema, Optimizer, Sgd};
use clel_nn::{Init, Mode, Module, hold_weights};
use clel_tensor::gpu::{Family, Gpu, GpuOptions, find_adapter};
use clel_tensor::{DType, Device, RngKey, Tensor, count_launches, cpu::cpu_memory};
use clel_tests::{devices, is_software, with_halves};

/// Memory is counted for the whole process, so the tests take turns.
static TURN: Mutex<()> = Mutex::new(());

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const HALVES: &str = "sampler.storage=f16";

/// Settings and devices whose steps are recorded.
fn cases() -> Vec<(&'static str, Device)> {
    let usual = devices()
        .iter()
        .map(|device| ("data.path=unused", device.clone()));
    let halves = with_halves().map(|device| (HALVES, device));
    usual.chain(halves).collect()
}

/// The network of a preset with another setting, and a batch for it.
fn subject_with(
    setting: &str,
    preset: &str,
    batch: usize,
    device: &Device,
) -> Outcome<(Config, EnergyNetwork, Tensor)> {
    let mut layers = Layers::preset(preset)?;
    layers.set("data.path=unused")?;
    layers.set(setting)?;
    let config = layers.build()?;
    let [h, w, c] = usual_shape(config.model.network);
    let normalisation = Normalisation {
        mean: vec![0.3; c],
        std: vec![0.35; c],
    };
    let mut init = Init::new(RngKey::new(0, 0), DType::F32, device);
    let network = EnergyNetwork::new(&config.model, &normalisation, &mut init)?;
    let start = Tensor::uniform(&[batch, h, w, c], RngKey::new(0, 1), device)?;
    start.realize()?;
    Ok((config, network, start))
}

fn chain(
    config: &Config,
    network: &EnergyNetwork,
    start: &Tensor,
    steps: usize,
) -> Outcome<Tensor> {
    let langevin = Langevin {
        steps,
        ..Langevin::of(&config.sampler)
    };
    let energy = |x: &clel_autograd::Var| network.energy(x, Mode::Train);
    let chains = hold_weights(|| langevin.run(&energy, start, RngKey::new(0, 2)))?;
    chains.images.realize()?;
    Ok(chains.images)
}

/// Launches of one step with weights held: those of four steps less those of three. Of a third step, the first that is repeated, are launches
/// that make of a weight what the later ones multiply with.
fn launches_of_a_step(
    setting: &str,
    preset: &str,
    batch: usize,
    device: &Device,
) -> Outcome<BTreeMap<&'static str, u64>> {
    let (config, network, start) = subject_with(setting, preset, batch, device)?;
    let count = |steps| {
        let (done, counts) = count_launches(|| chain(&config, &network, &start, steps));
        done.map(|_| counts)
    };
    let (three, mut four) = (count(3)?, count(4)?);
    for (name, n) in &mut four {
        *n -= three.get(name).copied().unwrap_or(0);
    }
    four.retain(|_, n| *n > 0);
    Ok(four)
}

/// Launches of what changes the weights after the gradients are there: both optimisers and both averages, at the second time, when all
/// moments exist.
fn launches_of_an_update(preset: &str, device: &Device) -> Outcome<BTreeMap<&'static str, u64>> {
    let mut layers = Layers::preset(preset)?;
    layers.set("data.path=unused")?;
    let mut config = layers.build()?;
    let [h, w, c] = usual_shape(config.model.network);
    config.data.shape = Some([h, w, c]);
    config.data.mean = Some(vec![0.3; c]);
    config.data.std = Some(vec![0.35; c]);
    let networks = Networks::new(&config, device)?;
    let average = Networks::new(&config, device)?;
    let gradients = |module: &dyn Module| -> Outcome<Vec<Tensor>> {
        let all = module.parameters().into_iter();
        let copies = all.map(|(_, p)| Ok(p.tensor().mul_scalar(0.1)?.realize()?.clone()));
        copies.collect()
    };
    let energy_gradients = gradients(&networks.energy)?;
    let encoder_gradients = gradients(&networks.encoder)?;
    let mut adam = Adam::default();
    let mut sgd = Sgd::new(0.9, 5e-4)?;
    let mut update = || -> Outcome {
        Ema::update(&networks.energy, &average.energy, 0.9)?;
        Ema::update(&networks.encoder, &average.encoder, 0.9)?;
        adam.step(&networks.energy.parameters(), &energy_gradients, 1e-4)?;
        sgd.step(&networks.encoder.parameters(), &encoder_gradients, 1e-4)?;
        Ok(())
    };
    update()?;
    let (done, counts) = count_launches(update);
    done.map(|()| counts)
}

/// Launches of the second iteration of a tiny training whose chains go one step each.
fn launches_of_an_iteration(device: &Device) -> Outcome<BTreeMap<&'static str, u64>> {
    let config = clel_tests::tiny::config(&[
        "sampler.steps=1",
        "train.ema_half_life=1",
        "data.shape=[8, 8, 1]",
        "data.mean=[0.3]",
        "data.std=[0.35]",
    ])?;
    let shape = [4, 8, 8, 1];
    let bytes = (0..4 * 8 * 8).map(|i| (i * 37 % 251) as u8).collect();
    let images = Images::from_levels(shape, bytes, 256).ok_or("256 levels fit the shape")?;
    let mut trainer = Trainer::new(&config, device)?;
    let mut iterate = || trainer.iterate(&trainer.draw(&images)?).map(drop);
    iterate()?;
    let (done, counts) = count_launches(iterate);
    Ok(done.map(|()| counts)?)
}

#[test]
fn steps_launch_what_is_listed() -> Outcome {
    let _turn = TURN.lock();
    let mut found = String::new();
    let mut list = |what: &str, on: &str, counts: BTreeMap<&'static str, u64>| -> Outcome {
        write!(found, "{what} {on}: {}", counts.values().sum::<u64>())?;
        for (name, n) in counts {
            write!(found, ", {name} {n}")?;
        }
        Ok(writeln!(found)?)
    };
    let step = |preset: &str, batch: usize, device: &Device| {
        launches_of_a_step("data.path=unused", preset, batch, device)
    };
    for preset in ["digits", "cifar10-small", "cifar10"] {
        list(preset, "cpu", step(preset, 1, &Device::Cpu)?)?;
        let update = launches_of_an_update(preset, &Device::Cpu)?;
        list(&format!("{preset} update"), "cpu", update)?;
    }
    let iteration = launches_of_an_iteration(&Device::Cpu)?;
    list("digits iteration", "cpu", iteration)?;
    // graphics hardware cuts long sums into other parts; the large networks would take minutes on a rasteriser
    if devices().iter().any(is_software) {
        for (on, family) in [("direct", Family::Direct), ("tiled", Family::Tiled)] {
            // with what every rasteriser has
            let options = GpuOptions {
                family: Some(family),
                smallest_limits: true,
                ..GpuOptions::default()
            };
            let gpu = pollster::block_on(Gpu::open_with(find_adapter("")?, options))?;
            let (on, device) = (&format!("wgpu {on}"), Device::Wgpu(gpu));
            list("digits", on, step("digits", 1, &device)?)?;
            list(
                "digits update",
                on,
                launches_of_an_update("digits", &device)?,
            )?;
            list("digits iteration", on, launches_of_an_iteration(&device)?)?;
            if family == Family::Direct {
                // here minimal filtering pays: three launches for a convolution
                let large = step("cifar10-small", 16, &device)?;
                list("cifar10-small, batch 16,", on, large)?;
            }
        }
        // images are converted in no launch of its own, but for what scales their gradient
        if let Some(device) = with_halves() {
            let halves = launches_of_a_step(HALVES, "digits", 1, &device)?;
            list("digits", "wgpu tiled, of halves", halves)?;
        }
        // one, where the lanes of a rasteriser's threads tell one another numbers
        let gpu = Gpu::open(find_adapter("")?)?;
        if gpu.has_lanes() {
            let large = step("cifar10", 16, &Device::Wgpu(gpu))?;
            list("cifar10, batch 16,", "wgpu by lanes", large)?;
        }
    }
    let listed = include_str!("../fixtures/launches.txt");
    for line in found.lines() {
        assert!(
            listed.lines().any(|l| l == line),
            "not in tests/fixtures/launches.txt: a step, an update, an iteration now launch\n{found}"
        );
    }
    // what this machine cannot do is not looked for
    let has = |on: &str| found.contains(on);
    let is_here = |line: &&str| {
        let of = [
            " cpu: ",
            " wgpu direct: ",
            " wgpu tiled: ",
            "of halves: ",
            "by lanes: ",
        ];
        of.iter().any(|on| line.contains(on) && has(on))
    };
    for line in listed.lines().filter(is_here) {
        assert!(
            found.lines().any(|l| l == line),
            "no more in use, but in tests/fixtures/launches.txt: {line}"
        );
    }
    Ok(())
}

/// Whatever the non-linearity, it and its derivative are part of the same kernels.
#[test]
fn a_step_launches_as_much_with_every_activation() -> Outcome {
    let _turn = TURN.lock();
    for device in devices() {
        let of = |activation: &str| {
            let setting = format!("model.activation={activation}");
            launches_of_a_step(&setting, "digits", 1, device)
        };
        let usual = of("leaky_relu")?;
        for activation in ["relu", "elu", "silu", "gelu", "softplus"] {
            assert_eq!(of(activation)?, usual, "{activation} on {device}");
        }
    }
    Ok(())
}

/// Bytes held by arrays, and kept for reuse.
fn memory(device: &Device) -> [u64; 2] {
    match device {
        Device::Cpu => [cpu_memory().live as u64, cpu_memory().pooled as u64],
        Device::Wgpu(gpu) => [gpu.memory().live, gpu.memory().pooled],
    }
}

#[test]
fn two_hundred_steps_take_no_more_memory_than_twenty() -> Outcome {
    let _turn = TURN.lock();
    for (setting, device) in &cases() {
        let (config, network, start) = subject_with(setting, "digits", 2, device)?;
        let run = |steps| -> Outcome<[u64; 2]> {
            chain(&config, &network, &start, steps)?.to_vec::<f32>()?;
            Ok(memory(device))
        };
        let (few, many) = (run(20)?, run(200)?);
        assert_eq!(many[0], few[0], "{device}: bytes in arrays");
        match device {
            // threads that happen to work at the same time need scratch space of their own
            Device::Cpu => assert!(many[1] <= few[1] + few[1] / 4, "{few:?}, then {many:?}"),
            Device::Wgpu(_) => assert_eq!(many[1], few[1], "{device}: bytes in the pool"),
        }
    }
    Ok(())
}

/// A run whose steps are recorded and repeated has the bits of one whose steps are made anew, and records nothing for differentiation
/// after its second step, also where step size and noise follow a schedule. Where each step is a power iteration, none is repeated.
#[test]
fn repeated_steps_change_nothing() -> Outcome {
    let _turn = TURN.lock();
    for (setting, device) in &cases() {
        let run = |steps,
                   capture: bool,
                   held: bool,
                   falling: bool|
         -> Outcome<(Vec<f32>, Statistics, u64)> {
            let (config, network, start) = subject_with(setting, "digits", 2, device)?;
            let mut langevin = Langevin {
                steps,
                capture,
                ..Langevin::of(&config.sampler)
            };
            if falling {
                langevin.schedule = StepSchedule {
                    shape: StepShape::Cosine,
                    step_size_end: 0.1,
                    noise_end: 0.5,
                    steps: 6,
                };
            }
            let energy = |x: &clel_autograd::Var| network.energy(x, Mode::Train);
            let before = recorded_nodes();
            let run = || langevin.run(&energy, &start, RngKey::new(0, 2));
            let chains = if held { hold_weights(run) } else { run() }?;
            let nodes = recorded_nodes() - before;
            Ok((chains.images.to_vec()?, chains.statistics()?, nodes))
        };
        for (held, falling) in [(true, false), (false, false), (true, true)] {
            let (images, statistics, nodes) = run(6, true, held, falling)?;
            let (plain, plainly, each) = run(6, false, held, falling)?;
            assert_eq!(images, plain, "{device}, weights held: {held}");
            assert_eq!(statistics, plainly, "{device}, weights held: {held}");
            let wanted = match held {
                true => run(2, false, held, falling)?.2,
                false => each,
            };
            assert!(nodes == wanted && nodes > 0, "{device}: {nodes}, {wanted}");
        }
    }
    Ok(())
}

/// Beyond the first steps of a run, nothing is allocated on a GPU and nothing bound anew.
#[test]
fn repeated_steps_make_no_buffers_and_no_bind_groups() -> Outcome {
    let _turn = TURN.lock();
    for (setting, device) in &cases() {
        let Device::Wgpu(gpu) = device else { continue };
        let (config, network, start) = subject_with(setting, "digits", 2, device)?;
        let made = |steps| -> Outcome<[u64; 2]> {
            let before = gpu.bind_groups();
            chain(&config, &network, &start, steps)?.to_vec::<f32>()?;
            let memory = gpu.memory();
            Ok([gpu.bind_groups() - before, memory.live + memory.pooled])
        };
        let [_, bytes] = made(50)?;
        let [groups, still] = made(400)?;
        assert_eq!(still, bytes, "{device}: bytes in buffers");
        // each step has 50 launches and more; those at both ends of a run meet other buffers each time, which takes 365. Where other tests came before,
        // there may be no room for more meanwhile: then all go, and are made once more
        assert!(groups < 2 * 400, "{device}: {groups} bind groups");
    }
    Ok(())
}
