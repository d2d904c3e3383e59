//! `clel sample` and `clel energy`, through the program.

use std::path::{Path, PathBuf};

use crate::support::tiny::finished_run;
use crate::support::{clel, refused, text};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

fn run_path() -> String {
    text(&finished_run().join("run"))
}

fn checkpoint() -> PathBuf {
    finished_run().join("run/checkpoints/step-00000002.safetensors")
}

/// The tensor `samples` that a command wrote.
fn samples(folder: &Path) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(folder.join("samples.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor("samples").unwrap();
    let words = view.data().as_chunks::<4>().0;
    let values = words.iter().map(|w| f32::from_le_bytes(*w)).collect();
    (view.shape().to_vec(), values)
}

#[test]
fn samples_are_a_picture_and_a_tensor_and_follow_the_seed() {
    let dir = tempfile::tempdir().unwrap();
    let sample = |name: &str, seed: &str| {
        let out = dir.path().join(name);
        let run = clel(&[
            "sample",
            "--checkpoint",
            &run_path(),
            "--count",
            "5",
            "--steps",
            "3",
            "--seed",
            seed,
            "--augment",
            "weak",
            "--device",
            "cpu",
            "--out",
            &text(&out),
        ]);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(image::open(out.join("samples.png")).is_ok());
        samples(&out)
    };
    let (shape, first) = sample("a", "1");
    assert_eq!(shape, [5, 8, 8, 1]);
    assert!(first.iter().all(|v| (0.0..=1.0).contains(v)));
    assert_eq!(sample("b", "1").1, first);
    assert_ne!(sample("c", "2").1, first);
}

#[test]
fn chains_may_start_from_images() {
    let dir = tempfile::tempdir().unwrap();
    let start = dir.path().join("start.png");
    image::GrayImage::from_fn(8, 8, |x, y| image::Luma([(x * 30 + y) as u8]))
        .save(&start)
        .unwrap();
    let out = dir.path().join("out");
    let run = clel(&[
        "sample",
        "--checkpoint",
        &text(&checkpoint()),
        "--init",
        &text(&start),
        "--steps",
        "0",
        "--device",
        "cpu",
        "--out",
        &text(&out),
    ]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let (shape, values) = samples(&out);
    assert_eq!(shape, [1, 8, 8, 1]);
    for (i, v) in values.iter().enumerate() {
        let byte = (i % 8 * 30 + i / 8) as f32;
        assert!((v - (byte + 0.5) / 256.0).abs() < 1e-6);
    }
    refused(
        &[
            "sample",
            "--checkpoint",
            &run_path(),
            "--device",
            "cpu",
            "--out",
            &text(&out),
        ],
        &["exists already"],
    );
}

#[test]
fn energies_are_a_table_or_json() {
    let dir = tempfile::tempdir().unwrap();
    let picture = dir.path().join("a.png");
    image::GrayImage::from_pixel(8, 8, image::Luma([100]))
        .save(&picture)
        .unwrap();
    let bytes = vec![100u8; 2 * 64];
    let view = TensorView::new(safetensors::Dtype::U8, vec![2, 8, 8, 1], &bytes).unwrap();
    let tensors = dir.path().join("b.safetensors");
    std::fs::write(
        &tensors,
        safetensors::serialize([("images", view)], None).unwrap(),
    )
    .unwrap();

    let energies = |images: &Path| -> Vec<serde_json::Value> {
        let run = clel(&[
            "energy",
            "--checkpoint",
            &run_path(),
            "--images",
            &text(images),
            "--json",
            "--device",
            "cpu",
        ]);
        assert_eq!(run.code, Some(0), "{run:?}");
        run.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let (one, two) = (energies(&picture), energies(&tensors));
    assert_eq!((one.len(), two.len()), (1, 2));
    assert_eq!(two[1]["image"], "images[1]");
    let (energy, joint) = (
        one[0]["energy"].as_f64().unwrap(),
        one[0]["joint_energy"].as_f64().unwrap(),
    );
    assert!(energy >= 0.0);
    // |E(x, z) − E(x)| ≤ β = 0.01, since both directions have length 1.
    assert!(
        (energy - joint).abs() <= 0.0101 && energy != joint,
        "{energy} {joint}"
    );
    for row in &two {
        let other = row["energy"].as_f64().unwrap();
        assert!((other - energy).abs() <= 1e-5 * energy, "{other} {energy}");
    }

    let table = clel(&[
        "energy",
        "--checkpoint",
        &run_path(),
        "--images",
        &text(&picture),
        "--device",
        "cpu",
    ]);
    assert_eq!(table.stdout.lines().count(), 2, "{table:?}");
    assert!(table.stdout.contains("E(x, z)"), "{table:?}");
}

#[test]
fn damaged_checkpoints_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(checkpoint()).unwrap();
    let file = dir.path().join("c.safetensors");
    let energy = |parts: &[&str]| {
        let path = text(&file);
        refused(
            &[
                "energy",
                "--checkpoint",
                &path,
                "--images",
                "x.png",
                "--device",
                "cpu",
            ],
            parts,
        );
    };
    energy(&["c.safetensors", "os error 2"]);
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    energy(&["c.safetensors: not a whole safetensors file"]);

    // The same file with one array of another shape.
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let whole = SafeTensors::deserialize(&bytes).unwrap();
    let (name, view) = whole
        .iter()
        .find(|(name, _)| name.starts_with("ema_ebm.") && name.ends_with("weight"))
        .unwrap();
    let (name, shape) = (name.to_owned(), view.shape().to_vec());
    let count: usize = shape.iter().product();
    let tensors = whole.iter().map(|(other, view)| {
        let shape = if other == name {
            vec![count]
        } else {
            view.shape().to_vec()
        };
        (
            other.to_owned(),
            TensorView::new(view.dtype(), shape, view.data()).unwrap(),
        )
    });
    let tensors: Vec<_> = tensors.collect();
    let mut metadata = header.metadata().clone().unwrap();
    // or the change itself is what is told
    metadata.remove("checksum");
    std::fs::write(
        &file,
        safetensors::serialize(tensors, Some(metadata)).unwrap(),
    )
    .unwrap();
    energy(&["c.safetensors", &name, &format!("{shape:?}")]);

    // A safetensors file that is no checkpoint.
    let view = TensorView::new(safetensors::Dtype::U8, vec![1], &[1]).unwrap();
    std::fs::write(&file, safetensors::serialize([("a", view)], None).unwrap()).unwrap();
    energy(&["metadata `format`", "not a checkpoint"]);
}

#[test]
fn images_that_do_not_fit_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let picture = dir.path().join("a.png");
    let energy = |parts: &[&str]| {
        let path = text(&picture);
        refused(
            &[
                "energy",
                "--checkpoint",
                &run_path(),
                "--images",
                &path,
                "--device",
                "cpu",
            ],
            parts,
        );
    };
    energy(&["cannot read", "a.png"]);
    std::fs::write(&picture, "no picture").unwrap();
    energy(&["a.png: unreadable image"]);
    image::GrayImage::new(9, 8).save(&picture).unwrap();
    energy(&["found 8×9×1, expected 8×8×1"]);
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = text(&dir.path().join("out"));
    let sample = |more: &[&str], parts: &[&str]| {
        let run = run_path();
        let mut arguments = vec![
            "sample",
            "--checkpoint",
            &run,
            "--device",
            "cpu",
            "--out",
            &out,
        ];
        arguments.extend(more);
        refused(&arguments, parts);
    };
    sample(&["--count", "0"], &["--count 0: must lie in 1..="]);
    sample(
        &["--noise", "nan"],
        &["--noise NaN: must be a finite number"],
    );
    sample(
        &["--augment", "medium"],
        &["invalid value 'medium'", "affine"],
    );
    assert!(!dir.path().join("out").exists());
}
