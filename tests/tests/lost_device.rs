//! A device that is lost in the middle of training.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clel::report::Lines;
use clel::train::{Ended, Job, run};
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
