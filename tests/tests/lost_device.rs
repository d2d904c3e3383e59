//! A device that is lost in the middle of training.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clel::report::{Face, Lines, Memory, Overview, State, Stretch, page};
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

fn device_of(trainer: &Trainer) -> Option<Device> {
    let parameters = trainer.average().energy.parameters();
    parameters.first().map(|(_, p)| p.tensor().device().clone())
}

/// Knows the device on which a run goes on.
struct Watcher<'a>(&'a RefCell<Option<Device>>);

impl Observer for Watcher<'_> {
    fn look(&mut self, trainer: &Trainer, _: Option<f64>) -> clel::Result<()> {
        *self.0.borrow_mut() = device_of(trainer);
        Ok(())
    }
}

/// Loses that device after each iteration from the fourth on.
struct Destroyer<'a>(&'a RefCell<Option<Device>>);

impl Face for Destroyer<'_> {
    fn iteration(&mut self, step: u64, _: Memory) {
        if let (4.., Some(Device::Wgpu(gpu))) = (step, &*self.0.borrow()) {
            gpu.destroy();
        }
    }

    fn begin(&mut self, _: &Stretch<'_>) {}
    fn figures(&mut self, _: u64, _: &[(&str, f64)]) {}
    fn samples(&mut self, _: u64, _: [usize; 4], _: &[f32]) {}
    fn event(&mut self, _: u64, _: &str) {}
    fn doing(&mut self, _: &str) {}
}

/// A run whose device is lost again and again ends, and whatever shows the run says so; with another device it goes on.
#[test]
fn a_device_lost_for_good_is_on_record() -> Outcome {
    let dir = tempfile::tempdir()?;
    for device in devices() {
        let Device::Wgpu(gpu) = device else { continue };
        let own = Device::Wgpu(gpu.reopen()?);
        let place = dir.path().join("run");
        let mut lost = job(&place, &own)?;
        // none but those of checkpoints
        lost.config.log.metrics_every = 0;
        let directory = lost.run.clone();
        let at = RefCell::new(None);
        let (mut face, mut observer) = (Destroyer(&at), Watcher(&at));
        let Err(error) = run_observed(lost, &mut face, &mut observer) else {
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
        // the iteration that it had come to has no figures; that of the checkpoint has
        let history = directory.history()?;
        assert_eq!(history.events().last(), Some(&(4, last.clone())));
        assert_eq!(history.points("gap").map(|(step, _)| step).max(), Some(3));
        let mut told = false;
        for file in std::fs::read_dir(place.join("events"))? {
            let bytes = std::fs::read(file?.path())?;
            told |= bytes
                .windows(last.len())
                .any(|part| part == last.as_bytes());
        }
        assert!(told, "TensorBoard is not told");
        let shown = page(&directory)?.html;
        assert!(shown.contains("\"state\":\"failed\"") && shown.contains(last.as_str()));
    }
    Ok(())
}

/// A run of which nothing can be read once its device is open again has failed, and says by what.
#[test]
fn a_loss_that_nothing_follows_is_on_record() -> Outcome {
    let dir = tempfile::tempdir()?;
    for device in devices() {
        let Device::Wgpu(gpu) = device else { continue };
        let own = Device::Wgpu(gpu.reopen()?);
        let place = dir.path().join("run");
        let mut spoilt = Spoiler(place.join("checkpoints/step-00000003.safetensors"));
        let Err(error) = run_observed(job(&place, &own)?, &mut Lines::default(), &mut spoilt)
        else {
            panic!("there was a checkpoint");
        };
        let error = error.to_string();
        for part in [
            "was lost",
            "it is open again, but",
            "step-00000003.safetensors",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        let told = Overview::of(&place);
        let last = told.interventions.last().ok_or("nothing is told")?;
        assert!(last.contains("step-00000003.safetensors"), "{last}");
        std::fs::remove_file(&spoilt.0)?;
        assert_eq!(Overview::of(&place).state, State::Failed);
    }
    Ok(())
}

/// Spoils a checkpoint when it is there, and loses the device.
struct Spoiler(PathBuf);

impl Observer for Spoiler {
    fn look(&mut self, trainer: &Trainer, _: Option<f64>) -> clel::Result<()> {
        if self.0.exists() {
            std::fs::write(&self.0, "nothing").map_err(clel::Error::write(&self.0))?;
            if let Some(Device::Wgpu(gpu)) = device_of(trainer) {
                gpu.destroy();
            }
        }
        Ok(())
    }
}
