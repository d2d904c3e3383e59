//! Where there is no room to write, through the program: code 1, the file and the reason are told, and what was there stays.
//!
//! The limit of the size of a file (`ulimit -f`) stands in for a full disk, since anyone may set it; a small file system of its
//! own is filled where the system lets this user make one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::arrays::{Arrays, write};
#[cfg(target_os = "linux")]
use crate::support::tiny::SETTINGS;
use crate::support::tiny::{finished_run, train};
use crate::support::{Run, clel, run, text};
use safetensors::Dtype;

/// Runs `clel` with files of at most so many bytes, or, as shells differ in their units, of twice as many.
fn limited(bytes: u64, arguments: &[&str]) -> Run {
    // without the trap, the first write beyond the limit would end the program by a signal
    let script = "ulimit -f \"$0\" && trap '' XFSZ && exec \"$@\"";
    let blocks = (bytes / 512).to_string();
    let mut command = Command::new("sh");
    command.args(["-c", script, &blocks, crate::support::PROGRAM]);
    run(command.args(arguments))
}

/// Names of the entries of a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The files that two runs must agree on: all but those with times in them.
fn results(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let file = |name: &str| (name.into(), std::fs::read(run.join(name)).unwrap());
    [
        "config.toml",
        "metrics.jsonl",
        "samples/step-00000004.png",
        "checkpoints/step-00000004.safetensors",
    ]
    .map(file)
    .into()
}

const EVERY_STEP: [&str; 2] = ["--set", "log.checkpoint_every=1"];

/// Four iterations without interruption.
fn uninterrupted(dir: &Path) -> PathBuf {
    let whole = dir.join("whole");
    let run = train(&whole, &[&EVERY_STEP[..], &["--steps", "4"]].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    whole
}

#[test]
fn a_checkpoint_that_finds_no_room_leaves_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let started = train(&run, &[&EVERY_STEP[..], &["--steps", "2"]].concat());
    assert_eq!(started.code, Some(0), "{started:?}");
    let folder = run.join("checkpoints");
    let newest = folder.join("step-00000002.safetensors");
    let (before, saved) = (names(&folder), std::fs::read(&newest).unwrap());
    let config = std::fs::read(run.join("config.toml")).unwrap();

    let resume = ["train", "--device", "cpu", "--resume", &text(&run)];
    let resume = [&resume[..], &["--steps", "4"]].concat();
    let refused = limited(saved.len() as u64 / 3, &resume);
    refused.told(
        1,
        &[
            "cannot write",
            "step-00000003.safetensors",
            "File too large",
        ],
    );
    assert_eq!(names(&folder), before);
    assert!(std::fs::read(&newest).unwrap() == saved);
    assert!(std::fs::read(run.join("config.toml")).unwrap() == config);

    // with room for less it is TensorBoard's file that fails, or the metrics, and those there were are still there
    let metrics = run.join("metrics.jsonl");
    let lines = std::fs::read(&metrics).unwrap();
    limited(0, &resume).told(1, &["cannot write", "events.out.tfevents"]);
    assert!(std::fs::read(&metrics).unwrap() == lines);
    let half = lines.len() as u64 / 2;
    limited(half, &resume).told(1, &["cannot write", "metrics.jsonl"]);
    assert!(std::fs::read(&metrics).unwrap() == lines);

    let resumed = clel(&resume);
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert!(results(&run) == results(&uninterrupted(dir.path())));
}

#[test]
fn a_run_that_cannot_write_a_thing_leaves_no_directory() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let begun = limited(0, &["train", "--device", "cpu", "--out", &text(&out)]);
    begun.told(1, &["cannot write", "config.toml", "File too large"]);
    assert!(!out.exists());
}

#[test]
fn samples_that_find_no_room_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    // one grey everywhere: a small picture of a large array
    let images = dir.path().join("grey.safetensors");
    let grey = (Dtype::U8, vec![400, 8, 8, 1], vec![100; 400 * 64]);
    write(&images, &Arrays::from([("images".to_owned(), grey)]));
    let checkpoint = finished_run().join("run");
    let (checkpoint, images) = (text(&checkpoint), text(&images));
    let sample = |bytes: u64| {
        let model = ["sample", "--device", "cpu", "--checkpoint", &checkpoint];
        let chains = ["--init", &images, "--steps", "0", "--out", &text(&out)];
        limited(bytes, &[&model[..], &chains].concat())
    };
    sample(0).told(1, &["cannot write", "samples.png", "File too large"]);
    assert!(!out.exists());
    sample(4 * 400 * 64 / 3).told(
        1,
        &["cannot write", "samples.safetensors", "File too large"],
    );
    // the picture is whole, and nothing is half there
    assert_eq!(names(&out), ["samples.png"]);
    assert!(image::open(out.join("samples.png")).is_ok());
}

#[test]
fn output_that_finds_no_room_is_told() {
    if !Path::new("/dev/full").exists() {
        eprintln!("skipped: this system has no /dev/full");
        return;
    }
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "exec \"$@\" > /dev/full",
        "sh",
        crate::support::PROGRAM,
    ]);
    let devices = run(command.args(["devices", "--device", "cpu"]));
    devices.told(1, &["cannot write standard output", "No space left"]);
}

/// In a mount name space of its own: makes a file system of `$2` KiB at `$1`, trains there, fills it but for `$3` KiB, goes on,
/// empties it, goes on again, and leaves the run in `$4` and the messages of the failure in `$4/messages`.
#[cfg(target_os = "linux")]
const FULL_DISK: &str = r#"
disk=$1 size=$2 spare=$3 results=$4; shift 4
mount -t tmpfs -o size="${size}k" tmpfs "$disk" || exit 77
"$@" --out "$disk/run" --steps 2 > /dev/null || exit 78
head -c "${spare}k" /dev/zero > "$disk/spare"
cat /dev/zero > "$disk/filler" 2> /dev/null
rm "$disk/spare"
"$1" train --device cpu --resume "$disk/run" --steps 4 > /dev/null 2> "$results/messages"
code=$?
cp -r "$disk/run" "$results/full"
rm "$disk/filler"
"$1" train --device cpu --resume "$disk/run" --steps 4 > /dev/null || exit 79
cp -r "$disk/run" "$results/run"
exit $code
"#;

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_keeps_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, results_) = (dir.path().join("disk"), dir.path().join("results"));
    std::fs::create_dir(&disk).unwrap();
    std::fs::create_dir(&results_).unwrap();
    let checkpoint = finished_run().join("run/checkpoints/step-00000002.safetensors");
    let kib = std::fs::metadata(&checkpoint).unwrap().len() / 1024;
    let (size, spare) = ((6 * kib).to_string(), (kib / 2).to_string());
    let settings: Vec<&str> = SETTINGS.iter().flat_map(|s| ["--set", s]).collect();
    let (disk, folder) = (text(&disk), text(&results_));
    let common = [&disk, &size, &spare, &folder];
    let program = [crate::support::PROGRAM, "train", "--device", "cpu"];
    let arguments = [
        &common.map(String::as_str)[..],
        &program,
        &settings,
        &EVERY_STEP,
    ]
    .concat();
    let Some(script) = crate::support::apart::apart(FULL_DISK, &arguments) else {
        return;
    };
    let messages = std::fs::read_to_string(results_.join("messages")).unwrap();
    let told = Run {
        stderr: messages,
        ..script
    };
    told.told(
        1,
        &["cannot write", "step-00000003.safetensors", "No space left"],
    );
    let left = names(&results_.join("full/checkpoints"));
    assert_eq!(
        left,
        ["step-00000001.safetensors", "step-00000002.safetensors"]
    );
    assert!(results(&results_.join("run")) == results(&uninterrupted(dir.path())));
}

/// Where nothing can be told nothing has begun, and no folder is left in the way of the same command.
#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_told_has_not_begun() {
    let dir = tempfile::tempdir().unwrap();
    let out = text(&dir.path().join("run"));
    let script = "exec \"$@\" >/dev/full";
    let into = |arguments: &[&str]| {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh", crate::support::PROGRAM]);
        run(command.args(arguments))
    };
    let told = ["cannot write standard output"];
    into(&["train", "--device", "cpu", "--out", &out]).told(1, &told);
    assert!(!dir.path().join("run").exists());
    into(&["--help"]).told(1, &told);
    into(&["train", "--help"]).told(1, &told);
}
