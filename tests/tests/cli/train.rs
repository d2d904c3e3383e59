//! `clel train`, through the program.

use std::path::Path;

use crate::support::tiny::{finished_run, resume, train, train_on};
use crate::support::{clel, refused, text};

#[test]
fn a_run_leaves_everything_in_its_directory() {
    let run = finished_run().join("run");
    for file in [
        "config.toml",
        "metrics.jsonl",
        "summary.json",
        "samples/step-00000002.png",
        "checkpoints/step-00000002.safetensors",
    ] {
        assert!(run.join(file).is_file(), "{file}");
    }
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let steps: Vec<u64> = metrics
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["step"].as_u64().unwrap())
        .collect();
    assert_eq!(steps, [1, 2]);
    let grid = image::open(run.join("samples/step-00000002.png")).unwrap();
    // Four images of 8×8, enlarged eight times, two in a row, borders of 2.
    assert_eq!((grid.width(), grid.height()), (134, 134));
}

/// Four iterations at once against two and two: the same bytes. Returns the folder with the run `parts`.
fn resumes_exactly(device: &str, settings: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
    for (out, steps) in [(&whole, "4"), (&parts, "2")] {
        let run = train_on(device, out, &[&["--steps", steps], settings].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    let parts_text = text(&parts);
    let resume = ["train", "--device", device, "--resume", &parts_text];
    let run = clel(&[&resume[..], &["--steps", "4"]].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    for file in [
        "checkpoints/step-00000004.safetensors",
        "metrics.jsonl",
        "samples/step-00000004.png",
    ] {
        let read = |run: &Path| std::fs::read(run.join(file)).unwrap();
        assert!(
            read(&whole) == read(&parts),
            "{file} differs on {device} with {settings:?}"
        );
    }
    dir
}

#[test]
fn a_resumed_run_writes_what_the_uninterrupted_one_does() {
    resumes_exactly("cpu", &[]);
    resumes_exactly("cpu", &["--set", "sampler.augmentation=affine"]);
    // without the guide the projector is not trained
    resumes_exactly("cpu", &["--set", "loss.beta=0"]);
}

#[test]
fn webgpu_trains_resumes_samples_and_judges() {
    if clel_tests::devices()
        .iter()
        .all(clel_tensor::Device::is_cpu)
    {
        eprintln!("skipped: no WebGPU adapter");
        return;
    }
    let dir = resumes_exactly("wgpu", &[]);
    let (run, out) = (
        text(&dir.path().join("parts")),
        text(&dir.path().join("out")),
    );
    let model = ["--checkpoint", &run, "--device", "wgpu"];
    let few = ["--count", "2", "--steps", "2", "--out", &out];
    let sampled = clel(&[&["sample"], &model[..], &few].concat());
    assert_eq!(sampled.code, Some(0), "{sampled:?}");
    let picture = text(&dir.path().join("digit.png"));
    image::GrayImage::new(8, 8).save(&picture).unwrap();
    let energy = |device: &str| -> f64 {
        let judged = clel(&[
            "energy",
            "--json",
            "--images",
            &picture,
            "--checkpoint",
            &run,
            "--device",
            device,
        ]);
        assert_eq!(judged.code, Some(0), "{judged:?}");
        let line: serde_json::Value = serde_json::from_str(judged.stdout.trim()).unwrap();
        line["energy"].as_f64().unwrap()
    };
    let (gpu, cpu) = (energy("wgpu"), energy("cpu"));
    assert!((gpu - cpu).abs() <= 1e-4 * cpu, "{gpu} {cpu}");
}

#[test]
fn a_changed_configuration_is_not_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    assert_eq!(train(&out, &["--steps", "2"]).code, Some(0));
    let config = out.join("config.toml");
    let toml = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, toml.replace("batch = 4", "batch = 5")).unwrap();
    let arguments = ["train", "--device", "cpu", "--resume", &text(&out)];
    refused(
        &arguments,
        &["config.toml", "undo the change", " instead of "],
    );
}

#[test]
fn what_cannot_begin_leaves_no_directory_behind() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    for (setting, part) in [
        ("data.mean=[0.1, 0.2]", "data.mean"),
        ("model.network=resnet_large", "expected at least 32×32"),
        ("sampler.buffer=288230376151711744", "must be at most"),
        ("eval.samples=99999999999999999", "must be at most"),
    ] {
        let run = train(&out, &["--set", setting]);
        assert_eq!(run.code, Some(2), "{setting}: {run:?}");
        assert!(run.stderr.contains(part), "{setting}: {run:?}");
        assert!(!out.exists(), "{setting}");
    }
    // but one that was there, for whoever made it, with nothing in it as before
    std::fs::create_dir(&out).unwrap();
    let run = train(&out, &["--set", "model.network=resnet_large"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0);
}

#[test]
fn settings_that_do_not_exist_name_the_nearest() {
    refused(
        &["train", "--set", "sampler.step=5"],
        &[
            "unknown key `sampler.step`",
            "did you mean `sampler.steps`?",
        ],
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("my.toml");
    std::fs::write(&file, "seed = 3\n[train]\nbach = 5\n").unwrap();
    refused(
        &["train", "--config", &text(&file)],
        &["my.toml:3: unknown key `train.bach`", "`train.batch`"],
    );
}

#[test]
fn values_that_make_no_sense_are_refused() {
    refused(
        &[
            "train",
            "--set",
            "sampler.step_size=-1",
            "--set",
            "train.batch=1",
        ],
        &[
            "sampler.step_size = -1",
            "train.batch = 1",
            "must be at least 2",
        ],
    );
    refused(
        &["train", "--preset", "mnist"],
        &[
            "invalid value 'mnist' for '--preset",
            "[possible values: digits, fashion, ",
        ],
    );
}

#[test]
fn a_run_directory_is_not_overwritten() {
    let run = finished_run().join("run");
    refused(
        &["train", "--device", "cpu", "--out", &text(&run)],
        &["exists already", "--resume"],
    );
}

#[test]
fn what_is_no_run_is_not_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let path = text(dir.path());
    refused(
        &["train", "--resume", &path],
        &["is not a run directory", "config.toml"],
    );
    let nowhere = text(&dir.path().join("nowhere"));
    refused(
        &["train", "--resume", &nowhere],
        &["nowhere is not a run directory: there is no such directory"],
    );
    refused(
        &["train", "--resume", &path, "--preset", "digits"],
        &["cannot be used with"],
    );
}

#[test]
fn data_that_are_not_there_leave_no_directory_behind() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    refused(
        &[
            "train",
            "--device",
            "cpu",
            "--preset",
            "cifar10",
            "--set",
            "data.path=/no/such/folder",
            "--out",
            &text(&out),
        ],
        &["cannot read /no/such/folder"],
    );
    assert!(!out.exists());
}

/// A folder that holds nothing is as good as none; what holds something else than a run is none to go on with.
#[test]
fn an_empty_folder_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    std::fs::create_dir(&run).unwrap();
    let trained = train(&run, &["--steps", "1"]);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let other = dir.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("notes"), "").unwrap();
    let refused = train(&other, &[]);
    refused.told(2, &["other exists already; choose another `--out`"]);
    assert!(!refused.stderr.contains("--resume"), "{refused:?}");
    // killed after its first file, when the data had not been looked at
    let config = std::fs::read_to_string(run.join("config.toml")).unwrap();
    let found = |line: &&str| !["shape", "mean", "std"].iter().any(|k| line.starts_with(k));
    let lines: Vec<&str> = config.lines().filter(found).collect();
    assert!(lines.len() < config.lines().count());
    std::fs::remove_dir_all(&run).unwrap();
    std::fs::create_dir(&run).unwrap();
    std::fs::write(run.join("config.toml"), lines.join("\n")).unwrap();
    let resumed = resume(&run, "1");
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert_eq!(
        std::fs::read_to_string(run.join("config.toml")).unwrap(),
        config
    );
}

/// What is told of settings that have no effect is told to those who look, and written down once.
#[test]
fn what_does_not_change_is_written_once() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let set = ["--steps", "1", "--set", "sampler.schedule=cosine"];
    let told = "sampler.schedule has no effect";
    assert!(train(&run, &set).stderr.contains(told));
    for steps in ["2", "3"] {
        let resumed = resume(&run, steps);
        assert!(resumed.stderr.contains(told), "{resumed:?}");
    }
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert_eq!(metrics.matches(told).count(), 1, "{metrics}");
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let mut devices = std::process::Command::new(crate::support::PROGRAM);
    devices
        .arg("devices")
        .env("CLEL_DEVICE", "")
        .env("XDG_RUNTIME_DIR", "/tmp");
    assert!(devices.output().unwrap().status.success());
    refused(&["devices", "--device", ""], &["error: "]);
    // it comes to the run that is not there
    let mut train = std::process::Command::new(crate::support::PROGRAM);
    train.args(["train", "--resume", "nothing"]);
    let unset = crate::support::run(train.env("CLEL_PICTURES", ""));
    unset.told(2, &["not a run directory"]);
    let train = ["train", "--resume", "nothing", "--pictures", ""];
    refused(&train, &["--pictures"]);
}

/// Not that there is no such option.
#[test]
fn negative_numbers_are_values() {
    for arguments in [
        &["train", "--steps", "-1"][..],
        &[
            "classifier",
            "--data",
            "digits",
            "--out",
            "x",
            "--seed",
            "-1",
        ],
        &["bench", "--batch", "-1"],
        &["watch", "x", "--port", "-1"],
        &[
            "import", "x", "--model", "resnet", "--out", "x", "--step", "-1",
        ],
    ] {
        let option = arguments[arguments.len() - 2];
        refused(arguments, &["'-1' for '", option]);
    }
    refused(&["doctor", "--seconds", "-1"], &["--seconds -1: must be "]);
}
