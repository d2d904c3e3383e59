//! `clel experiment`: variants over seeds, gone on with after an interruption.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::tiny::SETTINGS;
use crate::support::{PROGRAM, clel, refused, text};
use serde_json::Value;

/// Two variants that finish and one that is sick at once, with two seeds each.
fn file(folder: &Path, iterations: usize) -> String {
    let mut toml = "title = \"Tiny\"\nseeds = [3, 4]\n[base]\npreset = \"digits\"\n".to_owned();
    for setting in SETTINGS {
        toml += &format!("{}\n", setting.replacen('=', " = ", 1));
    }
    toml += &format!(
        "train.iterations = {iterations}
[variant.\"with latents\"]
[variant.\"without latents\"]
encoder.latents = \"none\"
[variant.sick]
health.energy = 1e-12
[curves]
every = 2
features = \"digits\"
samples = 8
fresh = 4
rounds = 1
[end]
ood = [\"interp\"]
chains = [1, 2]
chain_samples = 4
[figures]
guide = [\"with latents\", \"without latents\"]
"
    );
    let path = folder.join("tiny.toml");
    std::fs::write(&path, toml).unwrap();
    text(&path)
}

fn perform(file: &str, out: &Path) -> crate::support::Run {
    let out = text(out);
    clel(&["experiment", file, "--out", &out, "--device", "cpu"])
}

fn results(out: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(out.join("results.json")).unwrap()).unwrap()
}

/// The state of a run.
fn state(results: &Value, variant: usize, run: usize) -> &Value {
    &results["variants"][variant]["runs"][run]["state"]
}

/// What was measured, without what the clock said.
fn measured(run: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run.join("measurements.jsonl")).unwrap();
    let line = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("seconds an iteration");
        line
    };
    text.lines().map(line).collect()
}

/// Width of a PNG picture, and whether there is anything in it.
fn picture(path: &Path) -> (u32, bool) {
    let picture = image::open(path).unwrap().to_rgb8();
    let colourful = |p: &image::Rgb<u8>| p[0].abs_diff(p[2]) > 60;
    (picture.width(), picture.pixels().any(colourful))
}

#[test]
fn table_curves_and_runs_that_are_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (file(dir.path(), 4), dir.path().join("out"));
    let run = perform(&file, &out);
    assert_eq!(run.code, Some(0), "{run:?}");
    for part in [
        "6 of 6: sick, seed 4",
        "health.energy",
        "0 of 2, 2 sick",
        "AUROC, interp, β = 0.1",
    ] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    let first = results(&out);
    for variant in [0, 1] {
        let one = &first["variants"][variant]["runs"][1];
        assert_eq!(one["state"], "complete");
        assert_eq!(one["points"].as_array().unwrap().len(), 3, "{one}");
        assert!(one["points"][2]["figures"]["Fréchet, buffer"].is_f64());
        assert!(one["end"]["chains"][1].is_f64() && one["end"]["auroc"][0][0].is_f64());
        // a score with the encoder, where there is one
        assert_eq!(one["end"]["auroc"][0][1].is_f64(), variant == 0);
    }
    let neighbours =
        |i: usize| &first["variants"][i]["runs"][0]["points"][2]["figures"]["1-NN accuracy"];
    assert!(neighbours(0).is_f64() && neighbours(1).is_null());
    let table = std::fs::read_to_string(out.join("table.md")).unwrap();
    assert!(table.contains("| without latents | 2 of 2 |"), "{table}");
    assert!(table.contains("sick, seed 3, was sick: E(data)"), "{table}");
    // once, and what to do about it is a message
    assert_eq!(table.matches("health.energy").count(), 2, "{table}");
    let advice = "start a new one from its settings";
    assert!(
        !table.contains(advice) && !run.stdout.contains(advice),
        "{run:?}"
    );
    assert_eq!(run.stderr.matches(advice).count(), 2, "{run:?}");
    // other settings would be none of the file's
    assert!(!run.stderr.contains("--resume"), "{run:?}");
    let sick = text(&out.join("runs/sick/seed-3"));
    let own = ["the settings of the run are those of its experiment"];
    refused(
        &["train", "--resume", &sick, "--set", "health.energy=100"],
        &own,
    );
    assert_eq!(
        results(&out)["variants"][2]["runs"][0]["interventions"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    for name in [
        "buffer-iterations",
        "buffer-seconds",
        "fresh-iterations",
        "neighbours-iterations",
        "chains",
    ] {
        let path = out.join(format!("guide-{name}"));
        assert_eq!(picture(&path.with_extension("png")), (900, true), "{name}");
        let svg = std::fs::read_to_string(path.with_extension("svg")).unwrap();
        assert!(
            svg.contains("without latents") && svg.contains("<polyline"),
            "{svg}"
        );
    }

    // a checkpoint cut short, and measurements that are none
    let damaged = out.join("runs/with-latents/seed-3");
    let checkpoint = damaged.join("checkpoints/step-00000004.safetensors");
    let bytes = std::fs::read(&checkpoint).unwrap();
    std::fs::write(&checkpoint, &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(
        out.join("runs/without-latents/seed-4/measurements.jsonl"),
        "none\n",
    )
    .unwrap();
    let run = perform(&file, &out);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(
        run.stderr.contains("checkpoint before it is used"),
        "{run:?}"
    );
    let second = results(&out);
    assert_eq!(state(&second, 0, 0), "complete");
    assert_eq!(std::fs::read(&checkpoint).unwrap(), bytes, "it is redone");
    let why = &state(&second, 1, 1)["failed"];
    assert!(
        why.as_str().unwrap().contains("measurements.jsonl"),
        "{why}"
    );
    // nothing else was done again
    assert_eq!(
        first["variants"][0]["runs"][1],
        second["variants"][0]["runs"][1]
    );
    assert_eq!(state(&first, 2, 0), state(&second, 2, 0));

    // a file that says something else of runs that are there
    let changed = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, changed.replace("fresh = 4", "fresh = 5")).unwrap();
    let kept = ["experiment.toml", "table.md", "results.json"].map(|name| out.join(name));
    let before = kept.clone().map(|path| std::fs::read(path).unwrap());
    perform(&file, &out).told(2, &["other [curves]", "choose another --out"]);
    std::fs::write(
        &file,
        changed.replace("sampler.steps = 2", "sampler.steps = 3"),
    )
    .unwrap();
    perform(&file, &out).told(2, &["sampler.steps = 2 instead of 3"]);
    assert!(before == kept.map(|path| std::fs::read(path).unwrap()));
}

#[test]
fn goes_on_where_it_was_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let (file, whole, parts) = (
        file(dir.path(), 40),
        dir.path().join("whole"),
        dir.path().join("parts"),
    );
    let mut command = Command::new(PROGRAM);
    command
        .args(["experiment", &file, "--device", "cpu", "--out"])
        .arg(&parts);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    let begin = Instant::now();
    // the first run is finished, the second one going on
    while !parts
        .join("runs/without-latents/seed-3/measurements.jsonl")
        .exists()
    {
        assert!(begin.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(2));
    }
    let id = child.id().to_string();
    let send = |signal: &str| {
        let sent = Command::new("kill").args([signal, id.as_str()]).status();
        assert!(sent.unwrap().success());
    };
    // it has the directory to itself, also while it rests
    send("-STOP");
    perform(&file, &parts).told(2, &["another process is training in", &text(&parts)]);
    send("-TERM");
    send("-CONT");
    let told = child.wait_with_output().unwrap();
    assert_eq!(told.status.code(), Some(130));
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("stopped; the same command goes on"), "{told}");
    // the runs that have not begun count
    for table in [
        told,
        std::fs::read_to_string(parts.join("table.md")).unwrap(),
    ] {
        for count in ["1 of 2", "0 of 2"] {
            assert!(table.contains(count), "{count} is not in {table}");
        }
    }
    let stopped = results(&parts);
    assert_eq!(state(&stopped, 0, 0), "complete");
    assert_eq!(state(&stopped, 1, 0), "unfinished");

    // images may be held otherwise, or lie elsewhere
    let held = std::fs::read_to_string(&file).unwrap();
    let held = held.replacen("[base]\n", "[base]\ndata.memory = 7\n", 1);
    std::fs::write(&file, held).unwrap();
    assert_eq!(perform(&file, &parts).code, Some(0));
    assert_eq!(perform(&file, &whole).code, Some(0));
    for run in [
        "with-latents/seed-3",
        "without-latents/seed-3",
        "without-latents/seed-4",
    ] {
        let run = Path::new("runs").join(run);
        assert_eq!(
            measured(&parts.join(&run)),
            measured(&whole.join(&run)),
            "{run:?}"
        );
    }
}

#[test]
fn bad_files_are_told_by_line_and_key() {
    let dir = tempfile::tempdir().unwrap();
    let good = std::fs::read_to_string(file(dir.path(), 4)).unwrap();
    let path = text(&dir.path().join("bad.toml"));
    let out = text(&dir.path().join("out"));
    for (from, to, parts) in [
        (
            "[variant.sick]",
            "[variant.sick]\nsampler.step = 3",
            ["bad.toml:22", "did you mean `sampler.steps`"],
        ),
        (
            "samples = 8",
            "sample = 8",
            ["bad.toml:26", "did you mean `curves.samples`"],
        ),
        ("[end]", "[ends]", ["bad.toml:29", "did you mean `end`"]),
        (
            "features = \"digits\"",
            "features = \"encoder\"",
            ["`curves.features`", "do not compare"],
        ),
        (
            "every = 2",
            "every = \"often\"",
            ["bad.toml:24", "`curves.every`"],
        ),
        ("\"interp\"", "\"interpol\"", ["`end.ood`", "expected NAME"]),
        (
            "seeds = [3, 4]",
            "seeds = [3, 3]",
            ["bad.toml:2", "different numbers"],
        ),
        (
            "\"without latents\"]\n",
            "\"nothing\"]\n",
            ["`figures.guide`", "none of the variants"],
        ),
        (
            "preset = \"digits\"",
            "preset = \"digit\"",
            ["`base.preset`", "there is no preset `digit`"],
        ),
        (
            "sampler.buffer = 8",
            "sampler.buffer = 2",
            ["sampler.buffer = 2", "bad.toml:11"],
        ),
        (
            "[base]",
            "[base]\nlog.checkpoint_every = 5",
            ["`base.log.checkpoint_every`", "curves.every"],
        ),
    ] {
        assert!(good.contains(from), "{from}");
        // the last place, so that a figure's list of variants is met and not a section
        let place = good.rfind(from).unwrap();
        let bad = format!("{}{to}{}", &good[..place], &good[place + from.len()..]);
        std::fs::write(&path, bad).unwrap();
        refused(&["experiment", &path, "--out", &out], &parts);
    }
    std::fs::write(&path, good).unwrap();
    let other = text(dir.path());
    refused(
        &["experiment", &path, "--out", &other],
        &["something else than an experiment"],
    );
    assert!(!Path::new(&out).exists());
}
