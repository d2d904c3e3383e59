//! Run directories that cannot be written to, through the program: what only reads works, what writes says so with code 2, and nothing is lost.
//!
//! Permissions do not bind the superuser, who may be running these tests, so the directory is a file system of its own, mounted
//! to be read only, where the system lets this user make one.

use std::path::{Path, PathBuf};

use crate::support::apart::apart;
use crate::support::tiny::{SETTINGS, finished_run, train};
use crate::support::{PROGRAM, Run, text};

/// Copies the run `$1` to a file system at `$2` that then is read only, and does the rest.
const READ_ONLY: &str = r#"
run=$1 place=$2; shift 2
mount -t tmpfs tmpfs "$place" && cp -r "$run/." "$place" && mount -o remount,ro "$place" || exit 77
exec "$@"
"#;

#[test]
fn what_only_reads_works_and_what_writes_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("run");
    std::fs::create_dir(&place).unwrap();
    let (source, place) = (text(&finished_run().join("run")), text(&place));
    let clel = |arguments: &[&str]| {
        let common = [&source, &place, PROGRAM];
        apart(READ_ONLY, &[&common[..], arguments].concat())
    };
    for (arguments, file) in [
        (
            &[
                "train", "--device", "cpu", "--steps", "4", "--resume", &place,
            ][..],
            "lock",
        ),
        (
            &["train", "--device", "cpu", "--out", &format!("{place}/new")],
            "new",
        ),
        (&["report", &place], "report.html"),
        (
            &[
                "sample",
                "--device",
                "cpu",
                "--checkpoint",
                &place,
                "--steps",
                "1",
                "--out",
                &format!("{place}/out"),
            ],
            "out",
        ),
    ] {
        let Some(refused) = clel(arguments) else {
            return;
        };
        refused.told(2, &["cannot write", file, "Read-only file system"]);
        let advice = refused.stderr.contains("elsewhere by --out FILE");
        assert_eq!(advice, arguments[0] == "report", "{refused:?}");
    }
    let (page, out) = (
        text(&dir.path().join("page.html")),
        text(&dir.path().join("out")),
    );
    for arguments in [
        &["runs", &place, "--json"][..],
        &["report", &place, "--out", &page],
        &[
            "sample",
            "--device",
            "cpu",
            "--checkpoint",
            &place,
            "--steps",
            "1",
            "--count",
            "2",
            "--out",
            &out,
        ],
    ] {
        let done = clel(arguments).unwrap();
        assert_eq!(done.code, Some(0), "{done:?}");
    }
}

/// Trains at `$1`, a file system of its own; when there is a second checkpoint, their folder becomes read only; goes on when it no longer
/// is. Leaves in `$2` the run, the messages of the failure and the iteration that was saved.
const IN_THE_MIDDLE: &str = r#"
place=$1 results=$2; shift 2
mount -t tmpfs tmpfs "$place" || exit 77
"$@" --out "$place/run" > /dev/null 2> "$results/messages" &
saved="$place/run/checkpoints"
trap 'kill $! 2> /dev/null' EXIT
while ! ls "$saved" 2> /dev/null | grep -q 2.safetensors; do kill -0 $! || exit 78; sleep 0.02; done
mount --bind "$saved" "$saved" || exit 77
# refused while a file is being written
while ! mount -o remount,bind,ro "$saved" 2> /dev/null; do kill -0 $! || exit 78; sleep 0.002; done
wait $!
code=$?
umount "$saved"
step=$(ls "$saved" | tail -n 1 | tr -d a-z.- | sed s/^0*//)
echo "$step" > "$results/step"
"$1" train --device cpu --resume "$place/run" --steps $((step + 3)) > /dev/null || exit 79
cp -r "$place/run" "$results/run"
exit $code
"#;

#[test]
fn a_run_goes_on_when_it_can_be_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let (place, results) = (dir.path().join("place"), dir.path().join("results"));
    for folder in [&place, &results] {
        std::fs::create_dir(folder).unwrap();
    }
    let (place, results_) = (text(&place), text(&results));
    let every = ["--set", "log.checkpoint_every=1", "--steps", "100000"];
    let settings: Vec<&str> = SETTINGS.iter().flat_map(|s| ["--set", s]).collect();
    let program = [&place, &results_, PROGRAM, "train", "--device", "cpu"];
    let arguments = [&program[..], &settings, &every].concat();
    let Some(script) = apart(IN_THE_MIDDLE, &arguments) else {
        return;
    };
    let messages = std::fs::read_to_string(results.join("messages")).unwrap();
    let told = Run {
        stderr: messages,
        ..script
    };
    told.told(2, &["cannot write", "checkpoints", "Read-only file system"]);

    let step = std::fs::read_to_string(results.join("step")).unwrap();
    let last = step.trim().parse::<u64>().unwrap() + 3;
    let whole = dir.path().join("whole");
    let uninterrupted = train(
        &whole,
        &[&every[..2], &["--steps", &last.to_string()]].concat(),
    );
    assert_eq!(uninterrupted.code, Some(0), "{uninterrupted:?}");
    let files = |run: &Path| -> Vec<Vec<u8>> {
        let files = [
            PathBuf::from("metrics.jsonl"),
            format!("samples/step-{last:08}.png").into(),
            format!("checkpoints/step-{last:08}.safetensors").into(),
        ];
        files
            .map(|file| std::fs::read(run.join(file)).unwrap())
            .into()
    };
    assert!(files(&results.join("run")) == files(&whole));
}
