//! `clel train` on a terminal: what is drawn, and that the terminal is whole afterwards, however the run ends.
#![cfg(unix)]

mod cli;

use std::path::Path;
use std::time::Duration;

use clel::report::{RunDir, face};
use clel_tensor::Device;
use cli::terminal::Terminal;
use cli::tiny::{SETTINGS, resume};
use cli::{PROGRAM, text};

/// Starts a run of the smallest model on a terminal.
fn train(out: &Path, more: &[&str]) -> Terminal {
    let out = text(out);
    let mut arguments = vec!["train", "--device", "cpu", "--out", &out];
    arguments.extend(SETTINGS.iter().flat_map(|s| ["--set", s]));
    arguments.extend(more);
    Terminal::start(PROGRAM, &arguments, &[])
}

const ENDLESS: [&str; 4] = ["--steps", "1000000", "--set", "log.grid_every=1"];
const SMALL: &str = "runs/small";

#[test]
fn ctrl_c_saves_and_leaves_the_terminal_whole() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join(SMALL);
    let mut terminal = train(&run, &ENDLESS);
    let frame = terminal.wait_for(&[
        "clel train",
        SMALL,
        "it/s",
        "left",
        "iB, peak",
        "training",
        "E(x)  data samples noise",
        "gap E(data)",
        "mean |∇E|",
        "|x_K",
        "pixels at 0 or 1",
        "samples, iteration",
        "▀▀▀",
        "⠤",
        "Ctrl-C saves and ends",
    ]);
    println!("{frame}");
    assert!(terminal.is_taken());
    terminal.resize(70, 18);
    let smaller = terminal.wait_for(&["E(x)", "figures", "training"]);
    assert!(
        smaller.lines().all(|l| l.chars().count() <= 70),
        "{smaller}"
    );
    terminal.resize(50, 12);
    terminal.wait_for(&["E(samples)", "training"]);
    terminal.resize(120, 40);
    terminal.press("\x0c");
    terminal.wait_for(&["mean |∇E|", "figures"]);
    terminal.press("\x03");
    let left = terminal.end();
    assert_eq!(left.code, 130, "{left:?}");
    assert!(left.whole, "{left:?}");
    assert!(left.text.contains("stopped after iteration"), "{left:?}");
    let (step, _) = RunDir::open(&run).unwrap().latest_checkpoint().unwrap();
    assert!(left.text.contains(&format!("iteration {step}")), "{left:?}");
    assert_eq!(resume(&run, &(step + 1).to_string()).code, Some(0));
}

#[test]
fn other_ends_leave_it_whole_too() {
    let dir = tempfile::tempdir().unwrap();
    let out = |name: &str| dir.path().join(name);

    let terminal = train(&out("signal"), &ENDLESS);
    terminal.wait_for(&["E(x)"]);
    terminal.signal("-TERM");
    let left = terminal.end();
    assert!(left.code == 130 && left.whole, "{left:?}");

    // the second one does not wait for an iteration without end
    let long = ["sampler.steps=1000000", "eval.samples=0"];
    let long: Vec<&str> = long.iter().flat_map(|s| ["--set", s]).collect();
    let mut terminal = train(&out("hurried"), &long);
    terminal.wait_for(&["clel train", "training"]);
    terminal.press("\x03");
    terminal.wait_for(&["stopping after this iteration"]);
    terminal.press("\x03");
    let left = terminal.end();
    assert!(left.code == 1 && left.whole, "{left:?}");

    let wild = ["--set", "train.ebm.lr=1e3", "--set", "train.ebm.warmup=0"];
    let back = ["health.policy=roll_back", "health.rollbacks=1"];
    let back = back.iter().flat_map(|s| ["--set", s]);
    let sick: Vec<&str> = wild.into_iter().chain(back).collect();
    let left = train(&out("sick"), &sick).end();
    assert!(left.code == 1 && left.whole, "{left:?}");
    for part in ["warning: sick: ", "error: training: "] {
        assert!(left.text.contains(part), "{left:?}");
    }

    let left = train(&out("whole"), &["--steps", "3"]).end();
    assert!(left.code == 0 && left.whole, "{left:?}");
    assert!(left.text.contains("3 iterations, "), "{left:?}");
}

#[test]
fn plain_lines_are_there_for_the_asking() {
    let dir = tempfile::tempdir().unwrap();
    let terminal = train(&dir.path().join("run"), &["--plain", "--steps", "3"]);
    let left = terminal.end();
    assert!(left.code == 0 && left.whole, "{left:?}");
    assert!(left.text.contains("step 3/3 · E(data)"), "{left:?}");
    assert!(!left.text.contains('┌'), "{left:?}");
}

/// The system would stop a process in the background that takes its terminal, and nobody would know why.
#[test]
fn in_the_background_there_are_lines() {
    let dir = tempfile::tempdir().unwrap();
    let script = "set -m; \"$0\" \"$@\" & wait";
    let run = text(&dir.path().join("run"));
    let program = ["-c", script, PROGRAM, "train", "--device", "cpu"];
    let settings: Vec<&str> = SETTINGS.iter().flat_map(|s| ["--set", s]).collect();
    let more = ["--out", &run, "--steps", "3"];
    let arguments = [&program[..], &settings, &more].concat();
    let left = Terminal::start("sh", &arguments, &[]).end();
    assert!(left.code == 0 && left.whole, "{left:?}");
    assert!(left.text.contains("step 3/3"), "{left:?}");
    assert!(!left.text.contains('┌'), "{left:?}");
}

/// Names this test, in a process of its own, as the one that panics.
const PANICS: &str = "CLEL_TEST_PANICS_ON_A_TERMINAL";

#[test]
fn a_panic_leaves_it_whole() {
    if std::env::var_os(PANICS).is_some() {
        let run =
            RunDir::create(&std::env::temp_dir().join(format!("clel-{}", std::process::id())));
        let run = run.unwrap();
        run.discard();
        let _face = face(&run, &Device::Cpu, &Default::default(), false);
        std::thread::sleep(Duration::from_millis(500));
        panic!("something that nobody foresaw");
    }
    let own = std::env::current_exe().unwrap();
    let arguments = ["--exact", "a_panic_leaves_it_whole", "--nocapture"];
    let terminal = Terminal::start(&text(&own), &arguments, &[(PANICS, "1")]);
    terminal.wait_for(&["clel train", "preparing"]);
    let left = terminal.end();
    assert!(left.whole, "{left:?}");
    assert!(left.text.contains("nobody foresaw"), "{left:?}");
}
