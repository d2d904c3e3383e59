//! What goes beyond the paper, through the program: latents from elsewhere, activations, schedules, several models together.

mod cli;

use std::path::Path;

use cli::tiny::{finished_run, resume, train};
use cli::{clel, refused, text};

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
fn several_models_draw_together() {
    let dir = tempfile::tempdir().unwrap();
    let second = dir.path().join("second");
    let trained = train(
        &second,
        &["--steps", "2", "--set", "seed=7", "--set", "model.width=6"],
    );
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let (first, second) = (text(&finished_run().join("run")), text(&second));
    let draw = |name: &str, models: &[&str], more: &[&str]| {
        let out = dir.path().join(name);
        let usual = [
            "sample", "--json", "--device", "cpu", "--steps", "3", "--count", "4",
        ];
        let out_text = text(&out);
        let out_argument = ["--out", &out_text];
        let run = clel(&[&usual[..], &out_argument, models, more].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        let record: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        (
            std::fs::read(out.join("samples.safetensors")).unwrap(),
            record,
        )
    };
    let (alone, record) = draw("alone", &["--checkpoint", &first], &[]);
    assert_eq!(record["ensemble"], serde_json::json!([]));
    let both = ["--checkpoint", &first, "--ensemble", &second];
    let (together, record) = draw("together", &both, &[]);
    assert_ne!(alone, together);
    let member = &record["ensemble"][0];
    assert_eq!(
        (&member["checkpoint"], &member["iteration"]),
        (&second.as_str().into(), &2.into())
    );
    // the same the other way round, and a model with itself is itself
    let turned = ["--checkpoint", &second, "--ensemble", &first];
    assert_eq!(draw("turned", &turned, &[]).0, together);
    let itself = ["--checkpoint", &first, "--ensemble", &first];
    assert_eq!(draw("itself", &itself, &[]).0, alone);
    // led by classes, each by its own encoder; in columns too
    let (classes, record) = draw("classes", &both, &["--class", "3,8", "--guidance", "0.5"]);
    assert_eq!(record["ensemble"][0]["guidance"], 0.5);
    assert_ne!(
        classes,
        draw(
            "first-classes",
            &both[..2],
            &["--class", "3,8", "--guidance", "0.5"]
        )
        .0
    );
    draw(
        "morphs",
        &both,
        &["--interpolate", "class:3", "class:8", "--frames", "2"],
    );
}

#[test]
fn models_that_cannot_draw_together_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let first = text(&finished_run().join("run"));
    let images = dir.path().join("images");
    std::fs::create_dir(&images).unwrap();
    for i in 0..6 {
        let image = image::GrayImage::from_fn(12, 12, |x, y| image::Luma([(i * 20 + x * y) as u8]));
        image.save(images.join(format!("{i}.png"))).unwrap();
    }
    let larger = dir.path().join("larger");
    let path = text(&images);
    let trained = train(
        &larger,
        &[
            "--steps",
            "1",
            "--data",
            "images",
            "--path",
            &path,
            "--set",
            "eval.samples=0",
        ],
    );
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let (missing, out) = (
        text(&dir.path().join("missing.safetensors")),
        text(&dir.path().join("out")),
    );
    let usual = [
        "sample",
        "--device",
        "cpu",
        "--steps",
        "1",
        "--out",
        &out,
        "--checkpoint",
        &first,
        "--ensemble",
    ];
    refused(
        &[&usual[..], &[missing.as_str()]].concat(),
        &["missing.safetensors"],
    );
    let told = [
        "a model of the ensemble",
        "found [12, 12, 1], expected [8, 8, 1]",
    ];
    refused(&[&usual[..], &[text(&larger).as_str()]].concat(), &told);
    assert!(!Path::new(&out).exists());
}

#[test]
fn a_frozen_encoder_that_cannot_be_had_leaves_no_directory_behind() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let run = text(&finished_run().join("run"));
    let missing = text(&dir.path().join("missing.safetensors"));
    for (file, more, parts) in [
        (
            missing.as_str(),
            "seed=1",
            ["missing.safetensors", "No such file"],
        ),
        (
            &run,
            "encoder.width=6",
            ["encoder.width = 4", "encoder.width = 6"],
        ),
        (
            &text(dir.path()),
            "seed=1",
            ["is not a run directory", "config.toml"],
        ),
    ] {
        let file = format!("encoder.file={file}");
        let frozen = ["--set", "encoder.latents=frozen", "--set", &file];
        let told = train(&out, &[&frozen[..], &["--set", more]].concat());
        told.told(2, &parts);
        assert!(!out.exists(), "{told:?}");
    }
    train(&out, &["--set", "encoder.latents=frozen"]).told(2, &["encoder.file"]);
}
