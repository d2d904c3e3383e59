//! A clock that is set while a run goes on, by libfaketime (Debian's package `faketime`): rates and times left stay what they are, and
//! so do the results.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::tiny::{SETTINGS, train};
use crate::support::{PROGRAM, text};

/// The library that gives a process another clock.
fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten();
    let folders = folders.map(|folder| folder.path());
    let places = folders.chain(["/usr/lib64", "/usr/local/lib"].map(PathBuf::from));
    let mut files = places.map(|place| place.join("faketime/libfaketimeMT.so.1"));
    files.find(|file| file.is_file())
}

/// A run whose clock is as far from the true one as a file says.
struct Run {
    process: Child,
    messages: PathBuf,
}

impl Run {
    fn start(library: &Path, dir: &Path, arguments: &[&str]) -> Run {
        let messages = dir.join("messages");
        let mut command = Command::new(PROGRAM);
        command
            .args(["train", "--device", "cpu", "--json"])
            .args(arguments);
        command.env("LD_PRELOAD", library);
        command.env("FAKETIME_TIMESTAMP_FILE", dir.join("clock"));
        command.env("FAKETIME_NO_CACHE", "1");
        // what the system promises never to set
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command.env("DONT_FAKE_MONOTONIC", "1");
        command.env_remove("CLEL_DEVICE").stdin(Stdio::null());
        command.stdout(Stdio::null());
        command.stderr(std::fs::File::create(&messages).unwrap());
        Run {
            process: command.spawn().unwrap(),
            messages,
        }
    }

    /// The lines about how far it is, once there are so many.
    fn lines(&self, count: usize) -> Vec<String> {
        let begin = Instant::now();
        loop {
            let text = std::fs::read_to_string(&self.messages).unwrap();
            let lines = text.lines().filter(|line| line.starts_with("step "));
            let lines: Vec<String> = lines.map(str::to_owned).collect();
            if lines.len() >= count {
                return lines;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "{text}");
            sleep(Duration::from_millis(20));
        }
    }
}

/// The names of the event files, in the order in which TensorBoard reads them, with the time that each begins with.
fn events(run: &Path) -> Vec<(String, f64)> {
    let files = std::fs::read_dir(run.join("events")).unwrap();
    let mut files: Vec<(String, f64)> = files
        .map(|file| {
            let file = file.unwrap();
            let bytes = std::fs::read(file.path()).unwrap();
            // length, its checksum, and the tag of the first field, a time
            let time = f64::from_le_bytes(bytes[13..21].try_into().unwrap());
            (file.file_name().into_string().unwrap(), time)
        })
        .collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

#[test]
fn a_clock_that_is_set_changes_nothing() {
    let Some(library) = library() else {
        eprintln!("skipped: no libfaketime (Debian's package faketime)");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let set = |by: &str| std::fs::write(dir.path().join("clock"), by).unwrap();
    let (run, whole) = (dir.path().join("run"), dir.path().join("whole"));
    let run_text = text(&run);
    let settings = SETTINGS.iter().flat_map(|s| ["--set", s]);
    let new: Vec<&str> = settings.chain(["--out", &run_text]).collect();

    set("+0d");
    let mut first = Run::start(
        &library,
        dir.path(),
        &[&new[..], &["--steps", "1000000"]].concat(),
    );
    first.lines(1);
    set("+9000d");
    // a line every five seconds, and not at once or in 25 years
    let lines = first.lines(2);
    set("-9000d");
    let pid = first.process.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(first.process.wait().unwrap().code(), Some(130));
    let rate = lines[1]
        .split(" · ")
        .find_map(|part| part.strip_suffix(" it/s"));
    let rate: f64 = rate.expect("a rate").parse().unwrap();
    assert!(rate > 0.1 && rate < 1e5, "{lines:?}");
    assert!(lines[1].ends_with(" left"), "{lines:?}");

    let metrics = |run: &Path| std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let last = (metrics(&run).lines().count() + 2).to_string();
    let resume = ["--resume", &run_text, "--steps", &last];
    let mut second = Run::start(&library, dir.path(), &resume);
    assert!(second.process.wait().unwrap().success());
    let summary = std::fs::read_to_string(run.join("summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    let seconds = summary["seconds"].as_f64().unwrap();
    assert!((0.0..1e5).contains(&seconds), "{summary}");
    // the clock really was another one, and yet the files are in order
    let [(_, before), (_, after)] = &events(&run)[..] else {
        panic!("{:?}", events(&run));
    };
    assert!(before - after > 8000.0 * 86400.0, "{before} {after}");

    let uninterrupted = train(&whole, &["--steps", &last]);
    assert_eq!(uninterrupted.code, Some(0), "{uninterrupted:?}");
    assert!(metrics(&run) == metrics(&whole));
}
