//! A device that is lost in the middle of training.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clel::report::{Lines, Overview, State, page};
use clel::train::{Ended, Job, Observer, Trainer, run, run_observed};
use clel_nn::Module;
use clel_tensor::Device;
use clel_tests::{devices, tiny};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// A run of 30 tiny iterations.
fn job(dir: &Path, device: &Device) -> Outcome<Job> {
    let settings = [
        "train.iterations=30",
        "log.checkpoint_every=3",
        "eval.samples=0",
    ];
    Ok(tiny::job(dir, device, &settings)?)
}

/// The run opens the device again, goes on from its last checkpoint, says so, and ends with the bytes of an undisturbed run.
#[test]
fn a_lost_device_is_opened_again() -> Outcome {
    let dir = tempfile::tempdir()?;
    for device in devices() {
        let Device::Wgpu(gpu) = device else { continue };
        let whole = dir.path().join("whole");
        assert!(matches!(
            run(job(&whole, device)?, &mut Lines::default())?,
            Ended::Finished(_)
        ));
        // a device of its own: others use that one
        let own = Device::Wgpu(gpu.reopen()?);
        let parts = dir.path().join("parts");
        let disturbed = job(&parts, &own)?;
        let ended = AtomicBool::new(false);
        let ended = std::thread::scope(|scope| {
            scope.spawn(|| {
                let checkpoint = parts.join("checkpoints/step-00000006.safetensors");
                while !checkpoint.exists() && !ended.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                if let Device::Wgpu(gpu) = &own {
                    gpu.destroy();
                }
            });
            let outcome = run(disturbed, &mut Lines::default());
            ended.store(true, Ordering::Relaxed);
            outcome
        });
        let Ended::Finished(summary) = ended? else {
            panic!("stopped by nobody");
        };
        let [told] = &summary.interventions[..] else {
            panic!("{:?}", summary.interventions);
        };
        let told = format!("{told:?}");
        assert!(
            told.contains("was lost") && told.contains("goes on from iteration"),
            "{told}"
        );
        for file in [
            "checkpoints/step-00000030.safetensors",
            "samples/step-00000030.png",
        ] {
            let read = |run: &Path| std::fs::read(run.join(file));
            assert!(read(&whole)? == read(&parts)?, "{file} differs");
        }
    }
    Ok(())
}

/// Loses the run's device each time it looks.
struct Destroyer;

impl Observer for Destroyer {
    fn look(&mut self, trainer: &Trainer, _: Option<f64>) -> clel::Result<()> {
        for (_, parameter) in trainer.average().energy.parameters() {
            if let Device::Wgpu(gpu) = parameter.tensor().device() {
                gpu.destroy();
            }
        }
        Ok(())
    }
}

/// A run whose device is lost again and again ends, and whatever shows the run says so; with another device it goes on.
#[test]
fn a_device_lost_for_good_is_on_record() -> Outcome {
    let dir = tempfile::tempdir()?;
    for device in devices() {
        let Device::Wgpu(gpu) = device else { continue };
        let own = Device::Wgpu(gpu.reopen()?);
        let place = dir.path().join("run");
        let lost = job(&place, &own)?;
        let directory = lost.run.clone();
        let Err(error) = run_observed(lost, &mut Lines::default(), &mut Destroyer) else {
            panic!("there was a device");
        };
        assert!(error.to_string().contains("was lost"), "{error}");
        let told = Overview::of(&place);
        assert_eq!(told.state, State::Failed);
        let (last, before) = told.interventions.split_last().ok_or("nothing is told")?;
        assert!(
            last.starts_with("failed: device") && last.ends_with("; the run ended with it"),
            "{last}"
        );
        let again = |text: &String| text.contains("goes on from iteration");
        assert!(before.iter().all(again) && before.len() == 5, "{before:?}");
        let shown = page(&directory)?;
        assert!(shown.contains("\"state\":\"failed\"") && shown.contains(last.as_str()));
    }
    Ok(())
}
