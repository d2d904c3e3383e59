//! Runs that are killed, stopped, started twice, or fall sick.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::tiny::{SETTINGS, resume, train};
use crate::support::{PROGRAM, clel, text};
use clel_tensor::RngKey;

/// Starts `clel train` with more arguments, and does not wait.
fn start(more: &[&str]) -> Child {
    let mut command = Command::new(PROGRAM);
    command.args(["train", "--device", "cpu"]).args(more);
    command.env_remove("CLEL_DEVICE").stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Arguments of a new run in `out`.
fn new_run<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let settings = SETTINGS.iter().flat_map(|s| ["--set", s]);
    let out = ["--out", out].into_iter();
    out.chain(settings).chain(more.iter().copied()).collect()
}

/// Waits until `path` is there.
fn wait_for(path: &Path) {
    wait_until(|| path.exists(), &path.display().to_string());
}

fn wait_until(holds: impl Fn() -> bool, what: &str) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// The iterations of the checkpoints.
fn saved_steps(run: &Path) -> Vec<u64> {
    let Ok(files) = std::fs::read_dir(run.join("checkpoints")) else {
        return Vec::new();
    };
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let step = |name: String| {
        let digits = name
            .strip_prefix("step-")?
            .strip_suffix(".safetensors")?
            .to_owned();
        digits.parse().ok()
    };
    names.filter_map(step).collect()
}

/// Whether there is anything to go on from.
fn has_checkpoint(run: &Path) -> bool {
    !saved_steps(run).is_empty()
}

/// The iteration of the newest checkpoint.
fn newest_step(run: &Path) -> u64 {
    saved_steps(run).into_iter().max().unwrap()
}

/// The same bytes in both runs.
fn same_files(a: &Path, b: &Path, step: u64) {
    for file in [
        format!("checkpoints/step-{step:08}.safetensors"),
        format!("samples/step-{step:08}.png"),
        "metrics.jsonl".to_owned(),
        "config.toml".to_owned(),
    ] {
        let read = |run: &Path| std::fs::read(run.join(&file)).unwrap();
        assert!(read(a) == read(b), "{file} differs");
    }
}

/// A hundred times, killed at a moment that nobody chose, and gone on with: the end is that of a run without interruption.
#[test]
fn killed_a_hundred_times() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
    let (whole_text, parts_text) = (text(&whole), text(&parts));
    let every = ["--set", "log.checkpoint_every=2"];
    let settings = [&every[..], &["--set", "eval.samples=0"]].concat();
    // more than a hundred of these processes come to, on any machine
    let endless = ["--steps", "1000000"];
    for kill in 0..100 {
        let again = ["--resume", &parts_text];
        let arguments = match has_checkpoint(&parts) {
            true => [&again[..], &endless].concat(),
            false => {
                let _ = std::fs::remove_dir_all(&parts);
                new_run(&parts_text, &[&settings[..], &endless].concat())
            }
        };
        let mut child = start(&arguments);
        let [word, ..] = RngKey::new(1, 1).block(kill);
        std::thread::sleep(Duration::from_millis(u64::from(word % 150)));
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "kill {kill}: ended by itself, {ended:?}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let steps = newest_step(&parts) + 20;
    let end = steps.to_string();
    let more = [&settings[..], &["--steps", &end]].concat();
    let mut uninterrupted = start(&new_run(&whole_text, &more));
    let last = resume(&parts, &end);
    assert_eq!(last.code, Some(0), "{last:?}");
    assert!(uninterrupted.wait().unwrap().success());
    same_files(&whole, &parts, steps);
    let left = std::fs::read_dir(parts.join("checkpoints")).unwrap();
    let left: Vec<_> = left.map(|file| file.unwrap().path()).collect();
    assert_eq!(left.len(), 2, "half-written files are swept away: {left:?}");
}

#[test]
fn a_signal_stops_after_the_iteration_and_saves() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
    let parts_text = text(&parts);
    let mut child = start(&new_run(&parts_text, &["--steps", "100000"]));
    // an iteration is done
    let metrics = parts.join("metrics.jsonl");
    let told = || std::fs::metadata(&metrics).is_ok_and(|file| file.len() > 0);
    wait_until(told, "no line of metrics");
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let step = newest_step(&parts);
    let end = (step + 2).to_string();
    let resumed = resume(&parts, &end);
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    let run = train(&whole, &["--steps", &end]);
    assert_eq!(run.code, Some(0), "{run:?}");
    same_files(&whole, &parts, step + 2);
}

/// What takes long beside iterations, with a state that is saved or before there is any.
#[test]
fn a_signal_stops_the_drawing_of_samples() {
    let dir = tempfile::tempdir().unwrap();
    let (early, late) = (dir.path().join("early"), dir.path().join("late"));
    let (early_text, late_text) = (text(&early), text(&late));
    let hours = ["--steps", "1", "--set", "eval.samples=64", "--set"];
    let stopped = |mut child: Child, name: &str| {
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(130));
    };

    let before = [&hours[..], &["sampler.steps=10000000"]].concat();
    let child = start(&new_run(&early_text, &before));
    wait_for(&early.join("config.toml"));
    // so that it is drawing by then; earlier, it stops before it draws
    std::thread::sleep(Duration::from_millis(300));
    stopped(child, "-TERM");
    let drawn = early.join("samples/before-training.safetensors");
    assert!(!drawn.exists() && !has_checkpoint(&early));
    // it begins when it is resumed
    let child = start(&["--resume", &early_text]);
    let again = || std::fs::read_dir(early.join("events")).unwrap().count() > 1;
    wait_until(again, "the run does not go on");
    stopped(child, "-INT");

    // a session that ends tells of it by two signals, and neither is the second one that ends the program at once
    let slow = dir.path().join("slow");
    let slow_text = text(&slow);
    let wide = [&before[..], &["--set", "model.width=256"]].concat();
    let child = start(&new_run(&slow_text, &wide));
    wait_for(&slow.join("config.toml"));
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "-TERM");
    stopped(child, "-HUP");

    let after = [&hours[..], &["eval.rounds=10000000"]].concat();
    let child = start(&new_run(&late_text, &after));
    wait_for(&late.join("checkpoints/step-00000001.safetensors"));
    std::thread::sleep(Duration::from_millis(300));
    // tests that were started by `nohup` hand on that it is ignored
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|l| l.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let hangs_up = ignored.is_some_and(|mask| mask & 1 == 0);
    stopped(child, if hangs_up { "-HUP" } else { "-TERM" });
    assert!(has_checkpoint(&late) && !late.join("summary.json").exists());
}

#[test]
fn checkpoints_come_by_the_clock_too() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, plain) = (dir.path().join("clock"), dir.path().join("plain"));
    let clock_text = text(&clock);
    let often = ["--steps", "100000", "--set", "log.checkpoint_minutes=1e-9"];
    let mut child = start(&new_run(&clock_text, &often));
    let late = || saved_steps(&clock).iter().any(|step| *step > 3);
    wait_until(late, "no checkpoint by the clock");
    child.kill().unwrap();
    child.wait().unwrap();
    let left = saved_steps(&clock);
    assert!(left.len() <= 2, "each makes room for the next: {left:?}");
    // nothing else has changed
    let end = newest_step(&clock) + 2;
    let resumed = resume(&clock, &end.to_string());
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    let never = [
        "--steps",
        &end.to_string(),
        "--set",
        "log.checkpoint_minutes=0",
    ];
    let trained = train(&plain, &never);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    for file in ["metrics.jsonl", &format!("samples/step-{end:08}.png")] {
        let read = |run: &Path| std::fs::read(run.join(file)).unwrap();
        assert!(read(&clock) == read(&plain), "{file} differs");
    }
    assert_eq!(saved_steps(&plain), [end]);
}

/// Where a run stops is no part of what it writes, and with `log.checkpoints_kept` 0 every checkpoint stays.
#[test]
fn a_stop_between_intervals_leaves_no_trace_in_the_metrics() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
    let intervals = [
        "log.metrics_every=2",
        "log.checkpoint_every=4",
        "log.checkpoints_kept=0",
        "eval.samples=0",
    ];
    let settings: Vec<&str> = intervals.iter().flat_map(|s| ["--set", s]).collect();
    let until = |step, run| {
        let trained = train(run, &[&settings[..], &["--steps", step]].concat());
        assert_eq!(trained.code, Some(0), "{trained:?}");
    };
    until("3", &parts);
    let resumed = resume(&parts, "6");
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    until("6", &whole);
    same_files(&whole, &parts, 6);
    let mut left = saved_steps(&parts);
    left.sort_unstable();
    assert_eq!(left, [3, 4, 6]);
}

#[test]
fn a_second_process_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let run_text = text(&run);
    let more = ["--steps", "100000", "--set", "log.checkpoint_every=1"];
    let mut child = start(&new_run(&run_text, &more));
    wait_for(&run.join("checkpoints/step-00000001.safetensors"));
    let second = clel(&["train", "--device", "cpu", "--resume", &run_text]);
    second.told(2, &["another process is training in", &run_text]);
    assert_eq!(second.stdout, "", "nothing is said of what does not begin");
    child.kill().unwrap();
    child.wait().unwrap();
    // a dead process keeps nobody out
    assert_eq!(resume(&run, "1").code, Some(0));
}

#[test]
fn a_sick_run_stops_with_a_diagnosis() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let wild = [
        "--steps",
        "40",
        "--set",
        "train.ebm.lr=1e3",
        "--set",
        "train.ebm.warmup=0",
    ];
    let wild = [&wild[..], &["--set", "log.checkpoint_every=1"]].concat();
    let told = [
        "training: ",
        "after iteration",
        "health.policy=roll_back",
        "warning: sick: ",
    ];
    train(&run, &wild).told(1, &told);
    let last = |run: &std::path::Path| {
        let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let line: serde_json::Value =
            serde_json::from_str(metrics.lines().last().unwrap()).unwrap();
        line
    };
    // of the first iteration nothing is saved
    assert_eq!(last(&run)["state"], "sick");
    let run = dir.path().join("later");
    let fussy = [
        "--steps",
        "40",
        "--set",
        "log.checkpoint_every=1",
        "--set",
        "health.gradient=0.999",
    ];
    train(&run, &fussy).told(
        1,
        &[
            "(health.gradient)",
            "the last checkpoint is that of iteration",
        ],
    );
    let end = last(&run);
    let event = end["event"].as_str().unwrap();
    assert!(
        event.starts_with("sick: ") && event.ends_with("; the run ended with it"),
        "{end}"
    );
    let listed = clel(&["runs", &text(&run)]).stdout;
    for part in [&format!("sick at {}  ", end["step"]), event] {
        assert!(listed.contains(part), "{part}\n{listed}");
    }
    let page = dir.path().join("page.html");
    assert_eq!(
        clel(&["report", &text(&run), "--out", &text(&page)]).code,
        Some(0)
    );
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.contains("\"state\":\"sick\"") && page.contains(event));
    // resumed, it comes to the same; and says that it was resumed
    let again = resume(&run, "40");
    again.told(
        1,
        &[
            "the run had ended (sick: ",
            "and was resumed from iteration ",
        ],
    );
    assert_eq!(last(&run), end);
    // unless its owner says that it was not sick
    let place = text(&run);
    let cured = clel(&[
        "train",
        "--device",
        "cpu",
        "--resume",
        &place,
        "--steps",
        "40",
        "--set",
        "health.gradient=0.0",
    ]);
    assert_eq!(cured.code, Some(0), "{cured:?}");
    let told = "goes on with other settings: health.gradient = 0.0 instead of 0.999";
    assert!(cured.stderr.contains(told), "{cured:?}");
    assert_eq!(last(&run)["step"], 40);
    let run = dir.path().join("tries");
    let back = [
        "--set",
        "health.policy=roll_back",
        "--set",
        "health.rollbacks=2",
    ];
    let tried = train(&run, &[&wild[..], &back].concat());
    tried.told(
        1,
        &[
            "has gone back 2 times already",
            "warning: sick: ",
            "--set health.rolled_back=0 --set train.ebm.lr=1000 --set train.encoder.lr=0.03",
        ],
    );
    assert!(!tried.stderr.contains("health.policy"), "{tried:?}");
    let told = clel(&["runs", &text(&run)]).stdout;
    assert!(
        told.contains("sick at ") && told.contains("having gone back 2 times"),
        "{told}"
    );
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert!(metrics.contains("time 2 of 2"), "{metrics}");
}

#[test]
fn a_sick_run_goes_back_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let settings = [
        "train.ebm.lr=1e3",
        "train.ebm.warmup=0",
        "health.policy=roll_back",
        "health.rate_factor=1e-9",
    ];
    let settings = settings.iter().flat_map(|s| ["--set", s]);
    let arguments: Vec<&str> = ["--steps", "40"].into_iter().chain(settings).collect();
    let healed = train(&run, &arguments);
    assert_eq!(healed.code, Some(0), "{healed:?}");
    assert!(healed.stderr.contains("warning: sick: "), "{healed:?}");
    let read = |file: &str| std::fs::read_to_string(run.join(file)).unwrap();
    for file in ["metrics.jsonl", "summary.json"] {
        assert!(read(file).contains("went back to iteration 0"), "{file}");
    }
    assert!(read("config.toml").contains("rolled_back = 1"));
    // the run goes on with its new settings
    assert_eq!(resume(&run, "42").code, Some(0));
}

/// The state of iteration 2 is sick already, though its own figures do not say so.
#[test]
fn a_state_that_leads_to_sickness_again_is_not_gone_back_to() {
    let dir = tempfile::tempdir().unwrap();
    let back = |name: &str, kept: &str| {
        let run = dir.path().join(name);
        let settings = [
            "train.ebm.lr=0.3",
            "train.ebm.warmup=0",
            "health.energy=3",
            "log.checkpoint_every=1",
            kept,
            "health.policy=roll_back",
            "health.rollbacks=2",
            "health.rate_factor=1e-9",
        ];
        let settings = settings.iter().flat_map(|s| ["--set", s]);
        let arguments: Vec<&str> = ["--steps", "6"].into_iter().chain(settings).collect();
        let trained = train(&run, &arguments);
        let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        (trained, metrics)
    };
    let (healed, metrics) = back("two", "log.checkpoints_kept=2");
    assert_eq!(healed.code, Some(0), "{healed:?}");
    for told in [
        "went back to iteration 2, with",
        "went back to iteration 1, before iteration 2, from which it had fallen sick again",
    ] {
        assert_eq!(metrics.matches(told).count(), 1, "{metrics}");
    }
    // where nothing is before it, that remains
    let (sick, metrics) = back("one", "log.checkpoints_kept=1");
    assert_eq!(sick.code, Some(1), "{sick:?}");
    let told = "went back to iteration 2, with";
    assert_eq!(metrics.matches(told).count(), 2, "{metrics}");
}

/// With too little memory the error names a batch that fits, and that batch does.
#[test]
#[cfg(target_os = "linux")]
fn a_batch_too_large_is_told_with_one_that_fits() {
    let dir = tempfile::tempdir().unwrap();
    let limited = |arguments: &[&str]| {
        // the limit is on addresses, of which threads and libraries take their share
        let script = "ulimit -v 300000 && exec \"$0\" \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, PROGRAM, "train", "--device", "cpu"]);
        command.args(arguments);
        command
            .env("RAYON_NUM_THREADS", "2")
            .env("MALLOC_ARENA_MAX", "1");
        crate::support::run(&mut command)
    };
    let train = |run: &str, batch: &str| {
        let settings = [
            "sampler.steps=1",
            "eval.samples=0",
            "encoder.width=64",
            batch,
        ];
        let settings = settings.iter().flat_map(|s| ["--set", s]);
        let arguments = ["--out", run, "--steps", "2"].into_iter().chain(settings);
        limited(&arguments.collect::<Vec<_>>())
    };
    let large = dir.path().join("large");
    let refused = train(&text(&large), "train.batch=1200");
    let told = ["out of memory on cpu", "train.batch=1200 does not fit"];
    refused.told(1, &told);
    for part in told {
        assert_eq!(refused.stderr.matches(part).count(), 1, "{refused:?}");
    }
    let listed = clel(&["runs", &text(&large)]).stdout;
    for part in [
        "failed at 0",
        "failed: ",
        "train.batch=1200 does not fit",
        "; the run ended with it",
    ] {
        assert!(listed.contains(part), "{part}\n{listed}");
    }
    let resumed = limited(&["--resume", &text(&large)]);
    resumed.told(
        1,
        &[
            "the run had ended (failed: ",
            "resumed from iteration 0",
            told[1],
        ],
    );
    let (_, fits) = refused.stderr.split_once("and train.batch=").unwrap();
    let fits = fits.split_whitespace().next().unwrap();
    let small = text(&dir.path().join("small"));
    let trained = train(&small, &format!("train.batch={fits}"));
    assert_eq!(trained.code, Some(0), "{trained:?}");
}

/// Nobody has typed the name of the file that is missing.
#[test]
fn a_run_whose_directory_is_gone_is_no_wrong_input() {
    let dir = tempfile::tempdir().unwrap();
    let (run, elsewhere) = (dir.path().join("run"), dir.path().join("elsewhere"));
    let out = text(&run);
    let more = ["--steps", "1000000", "--set", "log.grid_every=1"];
    let mut command = Command::new(PROGRAM);
    command.args(["train", "--device", "cpu"]);
    command.args(new_run(&out, &more)).env_remove("CLEL_DEVICE");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&run.join("samples/step-00000002.png"));
    std::fs::rename(&run, &elsewhere).unwrap();
    let ended = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("run is gone: "), "{told}");
}
