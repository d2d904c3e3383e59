//! What goes beyond the paper, through the program: latents from elsewhere, activations, schedules.

use std::path::Path;

use crate::support::tiny::{finished_run, resume, train};
use crate::support::{clel, text};

const LAST: &str = "checkpoints/step-00000004.safetensors";

/// Trains four iterations at once in `whole`, two and two in `parts`, doing `between` in the middle, and compares the checkpoints byte by byte.
fn in_two_parts(dir: &Path, settings: &[&str], between: impl Fn()) {
    let (whole, parts) = (dir.join("whole"), dir.join("parts"));
    for (out, steps) in [(&whole, "4"), (&parts, "2")] {
        let run = train(out, &[&["--steps", steps], settings].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    between();
    let run = resume(&parts, "4");
    assert_eq!(run.code, Some(0), "{run:?}");
    let [whole, parts] = [whole, parts].map(|run| std::fs::read(run.join(LAST)).unwrap());
    assert!(whole == parts, "{settings:?}");
}

#[test]
fn a_run_on_a_frozen_encoder_needs_its_file_once() {
    let dir = tempfile::tempdir().unwrap();
    let given = dir.path().join("given.safetensors");
    let checkpoint = "run/checkpoints/step-00000002.safetensors";
    std::fs::copy(finished_run().join(checkpoint), &given).unwrap();
    let file = format!("encoder.file={}", given.display());
    let frozen = ["--set", "encoder.latents=frozen", "--set", &file];
    in_two_parts(dir.path(), &frozen, || {
        std::fs::remove_file(&given).unwrap()
    });
    // it leads samples to classes
    let (run, out) = (
        text(&dir.path().join("parts")),
        text(&dir.path().join("out")),
    );
    let model = ["--checkpoint", &run, "--device", "cpu"];
    let asked = [
        "--class", "3", "--count", "2", "--steps", "2", "--out", &out,
    ];
    let sampled = clel(&[&["sample"], &model[..], &asked].concat());
    assert_eq!(sampled.code, Some(0), "{sampled:?}");
}

#[test]
fn a_run_that_bootstraps_its_latents_resumes_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let byol = [
        "--set",
        "encoder.latents=byol",
        "--set",
        "loss.negatives=false",
    ];
    in_two_parts(dir.path(), &byol, || {});
    let told = train(&dir.path().join("mixed"), &byol[..2]);
    told.told(2, &["loss.negatives = true", "BYOL has no negatives"]);
}

#[test]
fn schedules_and_activations_train_resume_and_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        "sampler.schedule=cosine",
        "sampler.step_size_end=0.1",
        "sampler.steps=4",
        "model.activation=silu",
    ];
    let settings: Vec<&str> = settings.iter().flat_map(|s| ["--set", s]).collect();
    in_two_parts(dir.path(), &settings, || {});
    let model = [
        "--checkpoint",
        &text(&dir.path().join("parts")),
        "--device",
        "cpu",
    ];
    let few = ["--protocol", "final", "--samples", "8", "--rounds", "1"];
    let judged = clel(&[&["eval"], &model[..], &few].concat());
    let words = "schedule cosine to 0.1 of the step size and 1 of the noise";
    assert!(judged.stdout.contains(words), "{judged:?}");
    let out = text(&dir.path().join("out"));
    let few = ["--count", "2", "--steps", "6", "--out", &out];
    let sampled = clel(&[&["sample", "--json"], &model[..], &few].concat());
    let record: serde_json::Value = serde_json::from_str(&sampled.stdout).unwrap();
    assert_eq!(record["schedule"], words["schedule ".len()..], "{record}");
    assert_eq!(record["steps_a_round"], 4, "{record}");
}

#[test]
fn a_frozen_encoder_that_cannot_be_had_leaves_no_directory_behind() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let run = text(&finished_run().join("run"));
    let missing = text(&dir.path().join("missing.safetensors"));
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let empty = text(&empty);
    for (file, more, parts) in [
        (
            missing.as_str(),
            "seed=1",
            ["missing.safetensors", "os error 2"],
        ),
        (
            &run,
            "encoder.width=6",
            ["encoder.width = 4", "encoder.width = 6"],
        ),
        (&empty, "seed=1", ["is not a run directory", "config.toml"]),
    ] {
        let file = format!("encoder.file={file}");
        let frozen = ["--set", "encoder.latents=frozen", "--set", &file];
        let told = train(&out, &[&frozen[..], &["--set", more]].concat());
        told.told(2, &parts);
        assert!(!out.exists(), "{told:?}");
    }
    train(&out, &["--set", "encoder.latents=frozen"]).told(2, &["encoder.file"]);
}
