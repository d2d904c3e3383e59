//! The best checkpoint of a run, through the program: kept, named, and found.

use std::path::Path;

use crate::support::tiny::{resume, train};
use crate::support::{clel, refused, text};
use serde_json::Value;

/// A checkpoint after each iteration, of which the newest is kept.
const EVERY: [&str; 4] = [
    "--set",
    "log.checkpoint_every=1",
    "--set",
    "log.checkpoints_kept=1",
];

fn lines(run: &Path) -> Vec<Value> {
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let lines = metrics
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// The last iteration whose samples were nearer to the data than those of the best one before it, in the encoder of the iteration.
fn best(run: &Path) -> u64 {
    let mut best = None;
    for line in lines(run) {
        let Some(distance) = line["relative_frechet"].as_f64() else {
            continue;
        };
        let before = line["best_relative_frechet"].as_f64();
        assert_eq!(before.is_some(), best.is_some(), "{line}");
        for distance in before.iter().chain([&distance]) {
            assert!(*distance > 0.0 && distance.is_finite(), "{line}");
        }
        if before.is_none_or(|before| distance < before) {
            best = line["step"].as_u64();
        }
    }
    best.unwrap()
}

/// The iterations of the checkpoints.
fn kept(run: &Path) -> Vec<u64> {
    let files = std::fs::read_dir(run.join("checkpoints")).unwrap();
    let mut steps: Vec<u64> = files
        .map(|file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            let digits = name.strip_prefix("step-").unwrap();
            digits
                .strip_suffix(".safetensors")
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    steps.sort_unstable();
    steps
}

/// The newest, and the best if it is another one.
fn expected(run: &Path, last: u64) -> Vec<u64> {
    let mut steps = vec![best(run), last];
    steps.dedup();
    steps
}

#[test]
fn it_is_kept_named_and_found() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
    for (run, steps) in [(&whole, "8"), (&parts, "3")] {
        let trained = train(run, &[&EVERY[..], &["--steps", steps]].concat());
        assert_eq!(trained.code, Some(0), "{trained:?}");
    }
    for line in lines(&whole) {
        let share = line["nearest_neighbour"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&share), "{line}");
    }
    assert_eq!(kept(&parts), expected(&parts, 3));
    assert_eq!(kept(&whole), expected(&whole, 8));
    // a run that was stopped and goes on judges and keeps what the other does
    assert_eq!(resume(&parts, "8").code, Some(0));
    assert_eq!(lines(&parts), lines(&whole));
    assert_eq!(kept(&parts), kept(&whole));

    let step = best(&whole);
    let told = clel(&["runs", &text(&whole), &text(&parts), "--json"]);
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    let named = &told["runs"][0]["best"];
    assert_eq!(
        (&named["step"], &named["by"]),
        (&step.into(), &"relative_frechet".into())
    );
    let table = clel(&["runs", &text(&whole), &text(&parts)]);
    assert!(table.stdout.contains("best checkpoint"), "{table:?}");

    let sample = |checkpoint: &Path, out: &str| {
        let out = dir.path().join(out);
        let model = [
            "sample",
            "--device",
            "cpu",
            "--checkpoint",
            &text(checkpoint),
        ];
        let few = ["--count", "2", "--steps", "2", "--out", &text(&out)];
        let run = clel(&[&model[..], &few].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        std::fs::read(out.join("samples.safetensors")).unwrap()
    };
    let file = |step| whole.join(format!("checkpoints/step-{step:08}.safetensors"));
    let found = sample(&whole.join("best"), "best");
    assert!(found == sample(&file(step), "file"), "another checkpoint");
    if step != 8 {
        assert!(found != sample(&whole, "newest"), "the newest checkpoint");
    }
    let judged = ["eval", "--device", "cpu", "--protocol", "encoder"];
    let judged = clel(&[&judged[..], &["--checkpoint", &text(&whole.join("best"))]].concat());
    assert_eq!(judged.code, Some(0), "{judged:?}");

    let report = clel(&["report", &text(&whole)]);
    assert_eq!(report.code, Some(0), "{report:?}");
    let page = std::fs::read_to_string(whole.join("report.html")).unwrap();
    assert!(
        page.contains(&format!("\"best\":{{\"step\":{step},")),
        "it is not in the report"
    );
}

/// A run that goes back keeps the best of what it did before, and what it does afterwards is judged with it.
#[test]
fn going_back_does_not_lose_it() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let settings = [
        "train.ebm.lr=1e3",
        "train.ebm.warmup=10000",
        "log.checkpoint_every=3",
        "health.policy=roll_back",
        "health.rate_factor=1e-9",
    ];
    let settings: Vec<&str> = settings.iter().flat_map(|s| ["--set", s]).collect();
    let trained = train(&run, &[&EVERY[..], &settings, &["--steps", "30"]].concat());
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let back = |line: &Value| Some(line["event"].as_str()?.contains("went back"));
    let times = lines(&run).iter().filter_map(back).count();
    assert!(times > 0, "{:?}", lines(&run));
    assert_eq!(kept(&run), expected(&run, 30));
}

#[test]
fn who_does_not_want_it_has_none() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let none = ["--steps", "4", "--set", "log.best=none"];
    let trained = train(&run, &[&EVERY[..], &none].concat());
    assert_eq!(trained.code, Some(0), "{trained:?}");
    assert_eq!(kept(&run), [4]);
    for figure in ["relative_frechet", "best_relative_frechet"] {
        let there = |line: &Value| line.get(figure).is_some();
        assert!(!lines(&run).iter().any(there), "{figure}");
    }
    let path = text(&run.join("best"));
    refused(
        &["energy", "--checkpoint", &path, "--images", "no.png"],
        &["log.best"],
    );
    // without latents there is nothing to measure it in
    let unguided = dir.path().join("unguided");
    let none = ["--steps", "2", "--set", "encoder.latents=none"];
    let trained = train(&unguided, &[&EVERY[..], &none].concat());
    assert_eq!(trained.code, Some(0), "{trained:?}");
    assert_eq!(kept(&unguided), [2]);
    let path = text(&unguided.join("best"));
    refused(
        &["export", "--checkpoint", &path, "--out", "no"],
        &[
            &format!("error: {path}: no checkpoint of "),
            "has been judged yet",
        ],
    );
}

/// A process that is killed between saving and removing leaves one checkpoint too many, even if there is nothing more to iterate.
#[test]
fn what_a_killed_process_left_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let more = [&EVERY[..], &["--steps", "3", "--set", "eval.samples=0"]].concat();
    assert_eq!(train(&run, &more).code, Some(0));
    assert_eq!(kept(&run), [3]);
    let file = |step: u64| run.join(format!("checkpoints/step-{step:08}.safetensors"));
    std::fs::copy(file(3), file(2)).unwrap();
    assert_eq!(resume(&run, "3").code, Some(0));
    assert_eq!(kept(&run), [3]);
}
