//! Several models as one, `--ensemble`, through the program.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::support::arrays::write_images;
use crate::support::tiny::{finished_run, train};
use crate::support::{clel, refused, text};
use serde_json::Value;

const CHECKPOINT: &str = "checkpoints/step-00000002.safetensors";

/// Runs that the tests share.
struct Runs {
    dir: tempfile::TempDir,
}

impl Runs {
    fn path(&self, name: &str) -> String {
        text(&self.dir.path().join(name))
    }
}

/// `second`, of another seed and width; `copy.safetensors`, the checkpoint of [`finished_run`] under another name; `plain`, without latents; `larger`, of larger images.
fn runs() -> &'static Runs {
    static RUNS: OnceLock<Runs> = OnceLock::new();
    RUNS.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let images = dir.path().join("images.safetensors");
        write_images(&images, [6, 12, 12, 1], None);
        let path = text(&images);
        let larger = ["--data", "safetensors", "--path", &path, "--steps", "1"];
        for (name, settings) in [
            (
                "second",
                &["--steps", "2", "--set", "seed=7", "--set", "model.width=6"][..],
            ),
            ("plain", &["--steps", "1", "--set", "encoder.latents=none"]),
            ("larger", &larger),
        ] {
            let judged = ["--set", "eval.samples=0"];
            let run = train(&dir.path().join(name), &[settings, &judged].concat());
            assert_eq!(run.code, Some(0), "{run:?}");
        }
        let copy = dir.path().join("copy.safetensors");
        std::fs::copy(finished_run().join("run").join(CHECKPOINT), copy).unwrap();
        Runs { dir }
    })
}

fn first() -> String {
    text(&finished_run().join("run"))
}

/// Runs a command with `--json` on the CPU, by these models: its lines.
fn lines(command: &str, models: &[&str], arguments: &[&str]) -> Vec<Value> {
    let together = match models {
        [_] => vec!["--checkpoint", models[0]],
        _ => [&["--checkpoint", models[0], "--ensemble"], &models[1..]].concat(),
    };
    let usual = [command, "--device", "cpu", "--json"];
    let run = clel(&[&usual[..], &together, arguments].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    let lines = run.stdout.lines();
    lines.map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// A file of images for the tests.
fn images(dir: &Path, n: usize) -> PathBuf {
    let path = dir.join(format!("{n}.safetensors"));
    write_images(&path, [n, 8, 8, 1], None);
    path
}

/// E(x) and E(x, z) of images.
fn energies(models: &[&str], images: &Path) -> Vec<[f64; 2]> {
    let rows = lines("energy", models, &["--images", &text(images)]);
    let of = |row: &Value| ["energy", "joint_energy"].map(|name| row[name].as_f64().unwrap());
    rows.iter().map(of).collect()
}

#[test]
fn several_models_draw_together() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second, copy) = (
        first(),
        runs().path("second"),
        runs().path("copy.safetensors"),
    );
    let draw = |name: &str, models: &[&str], more: &[&str]| {
        let out = text(&dir.path().join(name));
        let usual = ["--steps", "3", "--count", "4", "--out", &out];
        let record = lines("sample", models, &[&usual[..], more].concat()).remove(0);
        let samples = dir.path().join(name).join("samples.safetensors");
        (std::fs::read(samples).unwrap(), record)
    };
    let (alone, record) = draw("alone", &[&first], &[]);
    assert_eq!(record["ensemble"], serde_json::json!([]));
    let both = [first.as_str(), &second];
    let (together, record) = draw("together", &both, &[]);
    assert_ne!(alone, together);
    let member = &record["ensemble"][0];
    assert_eq!(
        (&member["checkpoint"], &member["iteration"]),
        (&second.as_str().into(), &2.into())
    );
    // the same the other way round, and a model with its like is itself
    assert_eq!(draw("turned", &[&second, &first], &[]).0, together);
    assert_eq!(draw("copied", &[&first, &copy], &[]).0, alone);
    // led by classes, each by its own encoder; in columns too
    let led = ["--class", "3,8", "--guidance", "0.5"];
    let (classes, record) = draw("classes", &both, &led);
    assert_eq!(record["ensemble"][0]["guidance"], 0.5);
    assert_ne!(classes, draw("first-classes", &[&first], &led).0);
    let morphs = ["--interpolate", "class:3", "class:8", "--frames", "2"];
    draw("morphs", &both, &morphs);
}

#[test]
fn energies_together_are_means() {
    let dir = tempfile::tempdir().unwrap();
    let images = images(dir.path(), 5);
    let (first, second, copy) = (
        first(),
        runs().path("second"),
        runs().path("copy.safetensors"),
    );
    let [one, two] = [&first, &second].map(|run| energies(&[run], &images));
    let both = energies(&[&first, &second], &images);
    assert_eq!(both, energies(&[&second, &first], &images));
    assert_eq!(one, energies(&[&first, &copy], &images));
    for (i, mean) in both.iter().enumerate() {
        for (k, mean) in mean.iter().enumerate() {
            let [a, b] = [one[i][k], two[i][k]];
            assert!((mean - (a + b) / 2.0).abs() <= 1e-6 * a.abs().max(b.abs()));
            assert_ne!(a, b);
        }
    }
    // of three, and where one has no encoder
    let plain = runs().path("plain");
    let rows = lines(
        "energy",
        &[&first, &second, &plain],
        &["--images", &text(&images)],
    );
    let third = &lines("energy", &[&plain], &["--images", &text(&images)])[0];
    let sum = one[0][0] + two[0][0] + third["energy"].as_f64().unwrap();
    let mean = rows[0]["energy"].as_f64().unwrap();
    assert!((mean - sum / 3.0).abs() <= 1e-6 * mean, "{mean} {sum}");
    assert!(rows[0]["joint_energy"].is_null(), "{rows:?}");
}

#[test]
fn outliers_are_ranked_by_the_mean_energy() {
    let dir = tempfile::tempdir().unwrap();
    let (inside, outside) = (images(dir.path(), 12), dir.path().join("other.safetensors"));
    write_images(&outside, [9, 8, 8, 1], Some(2));
    // the same pattern would be the same images
    let mut bytes = std::fs::read(&outside).unwrap();
    // before nine labels
    let at = bytes.len() - 9 - 9 * 64;
    bytes[at..at + 9 * 64]
        .iter_mut()
        .enumerate()
        .for_each(|(i, v)| *v = v.wrapping_mul(3) ^ (i / 64) as u8);
    std::fs::write(&outside, bytes).unwrap();
    let (first, second) = (first(), runs().path("second"));
    let sets = [&inside, &outside].map(|path| format!("safetensors:{}", text(path)));
    let ranked = |models: &[&str], beta: &str| {
        let asked = ["--in", &sets[0], "--out", &sets[1], "--beta", beta];
        lines("ood", models, &asked).remove(0)
    };
    // β is what both were trained with, or leaves the encoders out
    for (k, beta) in ["0", "0.01"].into_iter().enumerate() {
        let found = ranked(&[&first, &second], beta);
        let known = energies(&[&first, &second], &inside);
        let other = energies(&[&first, &second], &outside);
        let pairs = known
            .iter()
            .flat_map(|a| other.iter().map(move |b| (a[k], b[k])));
        let won = pairs.map(|(a, b)| {
            if a < b {
                1.0
            } else if a == b {
                0.5
            } else {
                0.0
            }
        });
        let auroc = won.sum::<f64>() / (12 * 9) as f64;
        assert!(
            (found["auroc"].as_f64().unwrap() - auroc).abs() < 1e-9,
            "{found} {auroc}"
        );
        assert_eq!(found["ensemble"][0]["checkpoint"], second);
        assert_eq!(found["auroc"], ranked(&[&second, &first], beta)["auroc"]);
    }
    // a model without encoder has no part in a score with one
    let plain = runs().path("plain");
    assert!(ranked(&[&first, &plain], "0")["auroc"].is_f64());
    let guided = [
        "ood",
        "--device",
        "cpu",
        "--in",
        &sets[0],
        "--out",
        &sets[1],
        "--checkpoint",
        &first,
    ];
    refused(
        &[&guided[..], &["--ensemble", &plain]].concat(),
        &["plain", "network `encoder`", "not trained"],
    );
}

#[test]
fn chains_of_several_models_are_judged() {
    let (first, second, copy) = (
        first(),
        runs().path("second"),
        runs().path("copy.safetensors"),
    );
    let judged = |models: &[&str]| {
        let asked = [
            "--protocol",
            "final",
            "--features",
            "digits",
            "--samples",
            "12",
            "--rounds",
            "2",
            "--figures",
            "frechet",
        ];
        let rounds = lines("eval", models, &asked);
        assert_eq!(rounds.len(), 2);
        rounds
    };
    let alone = judged(&[&first]);
    let together = judged(&[&first, &second]);
    let figures = |rounds: &[Value]| {
        rounds
            .iter()
            .map(|r| r["frechet"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(figures(&alone), figures(&judged(&[&first, &copy])));
    assert_ne!(figures(&alone), figures(&together));
    assert_eq!(figures(&together), figures(&judged(&[&second, &first])));
    assert_eq!(alone[0]["sampler"]["ensemble"], serde_json::json!([]));
    let member = &together[0]["sampler"]["ensemble"][0];
    assert_eq!(
        (&member["checkpoint"], &member["iteration"]),
        (&second.as_str().into(), &2.into())
    );
    let told = clel(&[
        "eval",
        "--device",
        "cpu",
        "--checkpoint",
        &first,
        "--ensemble",
        &second,
        "--protocol",
        "final",
        "--samples",
        "6",
        "--rounds",
        "1",
    ]);
    let words = format!("together with {second}, iteration 2");
    assert!(told.stdout.contains(&words), "{told:?}");
}

#[test]
fn models_that_cannot_be_one_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let picture = text(&images(dir.path(), 2));
    let first = first();
    let (file, out) = (
        text(&finished_run().join("run").join(CHECKPOINT)),
        text(&dir.path().join("out")),
    );
    let (second, larger) = (runs().path("second"), runs().path("larger"));
    let missing = text(&dir.path().join("missing.safetensors"));
    for command in [
        &["sample", "--steps", "1", "--out", &out][..],
        &["energy", "--images", &picture],
        &["ood", "--in", "digits", "--out", "interp"],
        &["eval", "--protocol", "final", "--samples", "8"],
    ] {
        let usual = [
            command,
            &["--device", "cpu", "--checkpoint", &first, "--ensemble"],
        ]
        .concat();
        let refuse = |more: &[&str], parts: &[&str]| refused(&[&usual[..], more].concat(), parts);
        refuse(&[&missing], &["missing.safetensors", "os error 2"]);
        let told = ["a model of the ensemble", "found 12×12×1, expected 8×8×1"];
        refuse(&[&second, &larger], &told);
        // whatever a checkpoint is called
        for twice in [&[first.as_str()][..], &[&file], &[&second, &second]] {
            refuse(twice, &["given twice"]);
        }
        refuse(&[], &["a value is required for '--ensemble"]);
    }
    assert!(!Path::new(&out).exists());
    let eval = ["eval", "--device", "cpu", "--checkpoint", &first];
    for (asked, why) in [
        (&["--protocol", "encoder"][..], "the encoder of one model"),
        (&["--protocol", "buffer"], "the chains of one model"),
        (&[], "the chains of one model"),
        (&["--images", &picture], "--images"),
    ] {
        let all = [&eval[..], asked, &["--ensemble", &second]].concat();
        refused(&all, &["--ensemble: ", why, "--protocol final"]);
    }
    let alone = [
        "eval",
        "--device",
        "cpu",
        "--images",
        &picture,
        "--ensemble",
        &second,
    ];
    refused(&alone, &["--checkpoint"]);
}
