//! `clel train` on a terminal: what is drawn, and that the terminal is whole afterwards, however the run ends.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::pixels::{of_kitty, of_sixels};
use crate::support::terminal::{Answers, KITTY, Other, SILENT, SIXEL, Terminal, USUAL};
use crate::support::tiny::{SETTINGS, finished_run, resume};
use crate::support::{PROGRAM, text};
use clel::report::{Look, RunDir, face};
use clel_tensor::Device;
use image::{GrayImage, RgbaImage};

/// Starts a run of the smallest model on a terminal.
fn train(out: &Path, more: &[&str]) -> Terminal {
    train_on(USUAL, out, more)
}

/// The same on one that gives these answers.
fn train_on(answers: Answers, out: &Path, more: &[&str]) -> Terminal {
    let out = text(out);
    let mut arguments = vec!["train", "--device", "cpu", "--out", &out];
    arguments.extend(SETTINGS.iter().flat_map(|s| ["--set", s]));
    arguments.extend(more);
    Terminal::of(answers, PROGRAM, &arguments, &[])
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
        "so far",
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
    let smaller = terminal.wait_for(&["E(x)", "Tab: page 1/", "training"]);
    assert!(
        smaller.lines().all(|l| l.chars().count() <= 70),
        "{smaller}"
    );
    // back from the first page to the last ones, and on to the second one
    terminal.press("\x1b[Z");
    terminal.wait_for(&["samples, iteration", "Tab: page", "training"]);
    terminal.press("\x1b[Z");
    terminal.wait_for(&["figures", "saturated pixels", "training"]);
    terminal.press("\t\t\x1b[C");
    terminal.wait_for(&["pixels at 0 or 1", "Tab: page 2/"]);
    terminal.press("\x1b[D");
    terminal.wait_for(&["E(x)", "Tab: page 1/"]);
    terminal.resize(50, 12);
    terminal.wait_for(&["E(x)", "Tab: page 1/1", "training"]);
    // the first key after that is heard
    terminal.press("\x1b[Z");
    terminal.wait_for(&["samples, iteration", "▀▀"]);
    terminal.press("\t");
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

/// Runs a command as a shell's job, with a run as its arguments; when it stops the shell says so, and lets it `go_on` at a key. A stop may come in the
/// middle of a frame: CAN ends a sequence that was not written to its end.
fn job(job: &str, go_on: &str, out: &Path) -> Terminal {
    let script = format!(
        "set -m; {job}; code=$?; while [ $code -gt 130 ]; do printf '\\030\\nthe shell has it\\n'; read key; {go_on}; code=$?; done; exit $code"
    );
    in_a_shell(&script, out, &ENDLESS)
}

/// Runs a script of which `"$0" "$@"` is the program with a run of the smallest model.
fn in_a_shell(script: &str, out: &Path, more: &[&str]) -> Terminal {
    let run = text(out);
    let program = ["-c", script, PROGRAM, "train", "--device", "cpu"];
    let settings: Vec<&str> = SETTINGS.iter().flat_map(|s| ["--set", s]).collect();
    let arguments = [&program[..], &settings, &["--out", &run], more].concat();
    Terminal::start("sh", &arguments, &[])
}

/// A stop leaves the shell a terminal as it was; then all is drawn again. Ctrl-Z stops a script too that waits for the program, else no shell would
/// hear of it.
#[test]
fn a_stop_leaves_the_terminal_to_the_shell() {
    let dir = tempfile::tempdir().unwrap();
    let alone = "\"$0\" \"$@\"";
    let script = "sh -c '\"$0\" \"$@\"; exit $?' \"$0\" \"$@\"";
    for (command, stop) in [
        (alone, "\x1a"),
        (alone, "-TSTP"),
        (alone, "-STOP"),
        (script, "\x1a"),
    ] {
        let run = dir.path().join(format!("run-{}-{stop:?}", command.len()));
        let mut terminal = job(command, "fg", &run);
        terminal.wait_for(&["E(x)", "training"]);
        match stop.strip_prefix('-') {
            Some(_) => terminal.signal(stop),
            None => terminal.press(stop),
        }
        terminal.wait_for(&["the shell has it"]);
        // a stop that none is told of leaves it as it is
        assert!(
            stop == "-STOP" || terminal.is_whole(),
            "{command}, {stop:?}"
        );
        terminal.press("\n");
        terminal.wait_until_gone("the shell has it");
        terminal.wait_for(&["E(x)", "training"]);
        terminal.press("\x03");
        let left = terminal.end();
        assert!(left.code == 130 && left.whole, "{left:?}");
    }
}

/// What is typed to the shell is not for a run that goes on in the background; the system would stop it when it reads that.
#[test]
fn in_the_background_the_shell_has_the_keys() {
    let dir = tempfile::tempdir().unwrap();
    let go_on = "bg; read one; read two; jobs; read three; fg";
    let mut terminal = job("\"$0\" \"$@\"", go_on, &dir.path().join("run"));
    terminal.wait_for(&["E(x)", "training"]);
    terminal.press("\x1a");
    terminal.wait_for(&["the shell has it"]);
    terminal.press("\n");
    for line in ["one\n", "two\n"] {
        // a few frames
        std::thread::sleep(Duration::from_millis(500));
        terminal.press(line);
    }
    terminal.wait_for(&["Running"]);
    terminal.press("three\n");
    terminal.wait_until_gone("Running");
    terminal.wait_for(&["E(x)", "training"]);
    terminal.press("\x03");
    let left = terminal.end();
    assert!(left.code == 130 && left.whole, "{left:?}");
}

/// A terminal without a shell, as a window or a container has it that was opened for the run: nobody could let it go on.
#[test]
fn without_a_shell_nothing_stops() {
    let dir = tempfile::tempdir().unwrap();
    let mut terminal = train(&dir.path().join("run"), &ENDLESS);
    terminal.wait_for(&["E(x)", "training"]);
    terminal.press("\x1a");
    terminal.signal("-TSTP");
    terminal.press("\x03");
    let left = terminal.end();
    assert!(left.code == 130 && left.whole, "{left:?}");
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

/// Its owner says that it has no other characters than those of ASCII, or none of the colours.
#[test]
fn what_the_terminal_lacks_is_done_without() {
    let dir = tempfile::tempdir().unwrap();
    let start = |name: &str, more: &[&str], lacks: (&str, &str)| {
        let run = text(&dir.path().join(name));
        let settings = SETTINGS.iter().flat_map(|s| ["--set", s]);
        let mut arguments = vec!["train", "--device", "cpu", "--out", &run];
        arguments.extend(settings.chain(more.iter().copied()));
        Terminal::start(PROGRAM, &arguments, &[lacks])
    };
    for (name, lacks) in [("dumb", "dumb"), ("nameless", "")] {
        let left = start(name, &["--steps", "3"], ("TERM", lacks)).end();
        assert!(left.code == 0 && left.whole, "{left:?}");
        assert!(left.text.contains("step 3/3"), "{left:?}");
        assert!(!left.text.contains('┌'), "{left:?}");
    }
    // another name says nothing
    let mut terminal = start("unknown", &ENDLESS, ("TERM", "nonsense"));
    terminal.wait_for(&["E(x)", "checkpoint", "training"]);
    terminal.press("\x03");
    assert_eq!(terminal.end().code, 130);
    let left = start("ascii", &["--steps", "3"], ("LC_ALL", "C")).end();
    assert!(left.code == 0 && left.whole, "{left:?}");
    assert!(left.text.contains("step 3/3 | E(data)"), "{left:?}");
    assert!(left.text.is_ascii(), "{left:?}");
    let mut terminal = start("grey", &ENDLESS, ("NO_COLOR", "1"));
    let frame = terminal.wait_for(&["samples, iteration", "data⠒ samples•", "▓"]);
    assert!(!frame.contains('▀'), "{frame}");
    terminal.press("\x03");
    assert_eq!(terminal.end().code, 130);
}

#[test]
fn plain_lines_are_there_for_the_asking() {
    let dir = tempfile::tempdir().unwrap();
    let terminal = train(&dir.path().join("run"), &["--plain", "--steps", "3"]);
    let left = terminal.end();
    assert!(left.code == 0 && left.whole, "{left:?}");
    for part in [
        "step 3/3 · E(data)",
        "drawing samples before training",
        "judging samples of the replay buffer",
        "drawing and judging fresh chains, 1 × 2 steps",
    ] {
        assert!(left.text.contains(part), "{left:?}");
    }
    assert!(!left.text.contains('┌'), "{left:?}");
}

/// Who sends messages to a file has the terminal for the dashboard, and finds what happened in the file while the run goes on.
#[test]
fn messages_to_a_file_leave_the_dashboard() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    std::fs::create_dir(&run).unwrap();
    // one that has not begun, of which it is told that it begins
    let config = finished_run().join("run/config.toml");
    std::fs::copy(config, run.join("config.toml")).unwrap();
    let (run, file) = (text(&run), dir.path().join("messages"));
    let script = format!("exec \"$0\" \"$@\" 2> '{}'", file.display());
    let program = ["-c", &script, PROGRAM, "train", "--device", "cpu"];
    let arguments = [&program[..], &["--resume", &run]].concat();
    let mut terminal = Terminal::start("sh", &arguments, &[]);
    let told = "warning: no checkpoint yet: the run begins at iteration 0\n";
    terminal.wait_for(&["E(x)", "training"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), told);
    assert!(terminal.is_taken());
    terminal.press("\x03");
    let left = terminal.end();
    assert!(left.code == 130 && left.whole, "{left:?}");
    assert!(!left.text.contains("warning: "), "{left:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), told);

    // what it goes on from is seen before anything is drawn
    let arguments = [&arguments[..], &["--set", "log.grid_every=0"]].concat();
    let mut terminal = Terminal::start("sh", &arguments, &[]);
    terminal.wait_for(&["E(x)", "training", "samples, iteration"]);
    terminal.press("\x03");
    assert_eq!(terminal.end().code, 130);
}

/// As `script` makes one that has no terminal itself.
#[test]
fn a_terminal_of_no_size_has_whole_lines() {
    let dir = tempfile::tempdir().unwrap();
    let folder = text(dir.path());
    let script = "stty cols 0 rows 0; program=\"$0\"; folder=\"$1\"; shift; \"$program\" \"$@\" && \"$program\" runs \"$folder\"";
    let run = text(&dir.path().join("run"));
    let program = ["-c", script, PROGRAM, &folder, "train", "--device", "cpu"];
    let settings: Vec<&str> = SETTINGS.iter().flat_map(|s| ["--set", s]).collect();
    let more = ["--out", &run, "--steps", "3"];
    let arguments = [&program[..], &settings, &more].concat();
    let left = Terminal::start("sh", &arguments, &[]).end();
    assert!(left.code == 0 && left.whole, "{left:?}");
    for part in ["step 3/3", "3 iterations, ", "state       data"] {
        assert!(left.text.contains(part), "{part} is not in {left:?}");
    }
    assert!(!left.text.contains('┌'), "{left:?}");
}

/// The system would stop a process in the background that takes its terminal, and nobody would know why.
#[test]
fn in_the_background_there_are_lines() {
    let dir = tempfile::tempdir().unwrap();
    let script = "set -m; \"$0\" \"$@\" & wait";
    let left = in_a_shell(script, &dir.path().join("run"), &["--steps", "3"]).end();
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
        let _face = face(&run, &Device::Cpu, &Default::default(), Look::default());
        std::thread::sleep(Duration::from_millis(500));
        panic!("something that nobody foresaw");
    }
    let own = std::env::current_exe().unwrap();
    let arguments = [
        "--exact",
        "dashboard::a_panic_leaves_it_whole",
        "--nocapture",
    ];
    let terminal = Terminal::start(&text(&own), &arguments, &[(PANICS, "1")]);
    terminal.wait_for(&["clel train", "preparing"]);
    let left = terminal.end();
    assert!(left.whole, "{left:?}");
    assert!(left.text.contains("nobody foresaw"), "{left:?}");
}

/// The images in a grid, each a row of bytes of 8×8 pixels, which are the means of squares; none if they do not lie like that.
fn images(picture: &RgbaImage, columns: u32, scale: u32) -> Option<Vec<Vec<u8>>> {
    let cell = 8 * scale + 2;
    let rows = (picture.height() - 2) / cell;
    let fits = (columns * cell + 2, rows * cell + 2) == picture.dimensions();
    let pixel = |image: u32, at: u32| {
        let x = 2 + image % columns * cell + at % 8 * scale;
        let y = 2 + image / columns * cell + at / 8 * scale;
        let square = (0..scale * scale).map(|i| picture.get_pixel(x + i % scale, y + i / scale));
        let levels: Vec<u8> = square.map(|pixel| pixel.0[0]).collect();
        let sum: u32 = levels.iter().map(|level| u32::from(*level)).sum();
        (sum / (scale * scale)) as u8
    };
    let image = |image| (0..64).map(|at| pixel(image, at)).collect();
    fits.then(|| (0..columns * rows).map(image).collect())
}

/// Whether a picture shows the four images of one of the grids that the run has written, with grey levels not further away than this.
fn is_of(run: &Path, picture: &RgbaImage, tolerance: u8) -> bool {
    let (width, height) = picture.dimensions();
    let places = (1..=4_u32).flat_map(|columns| (1..60_u32).map(move |scale| (columns, scale)));
    let mut places = places.filter(|(columns, scale)| {
        let cell = 8 * scale + 2;
        width == columns * cell + 2 && height == 4_u32.div_ceil(*columns) * cell + 2
    });
    let (columns, scale) = places.next().expect("a grid of four");
    let shown = images(picture, columns, scale).unwrap();
    let mut files = std::fs::read_dir(run.join("samples")).unwrap();
    files.any(|file| {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|e| e != "png") {
            return false;
        }
        let written: GrayImage = image::open(&path).unwrap().to_luma8();
        let written = image::DynamicImage::from(written).to_rgba8();
        let written = images(&written, 2, 8).expect("as grids are written");
        let pairs = shown.iter().flatten().zip(written.iter().flatten());
        let furthest = pairs.map(|(a, b)| a.abs_diff(*b)).max();
        println!("{}: at most {furthest:?} away", path.display());
        furthest.is_some_and(|furthest| furthest <= tolerance)
    })
}

/// A new grid now and then, of images that have much of black and white in them.
const PICTURES: [&str; 6] = [
    "--steps",
    "1000000",
    "--set",
    "log.grid_every=40",
    "--set",
    "sampler.restart=1.0",
];

/// Names this test, in a process of its own, as the one that trains.
const TRAINS: &str = "CLEL_TEST_TRAINS_ON_A_TERMINAL";

/// A program that uses the library and knows nothing of signals.
#[test]
fn ctrl_c_needs_no_handler() {
    if std::env::var_os(TRAINS).is_some() {
        let run =
            RunDir::create(&std::env::temp_dir().join(format!("clel-{}", std::process::id())));
        let run = run.unwrap();
        run.discard();
        let stop = Arc::<AtomicBool>::default();
        let mut face = face(&run, &Device::Cpu, &stop, Look::default());
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
        }
        face.doing("saving what there is");
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    let own = std::env::current_exe().unwrap();
    let arguments = [
        "--exact",
        "dashboard::ctrl_c_needs_no_handler",
        "--nocapture",
    ];
    let mut terminal = Terminal::start(&text(&own), &arguments, &[(TRAINS, "1")]);
    terminal.wait_for(&["clel train", "preparing"]);
    terminal.press("\x03");
    terminal.wait_for(&["saving what there is"]);
    // who presses it again does not want to wait
    terminal.press("\x03");
    let left = terminal.end();
    assert!(left.code != 0 && left.whole, "{left:?}");

    // and while the terminal is asked what it can
    let trains = [(TRAINS, "1")];
    let start = || Terminal::of(SILENT, &text(&own), &arguments, &trains);
    let mut terminal = start();
    terminal.wait_for_bytes("\x1b[5n", 1);
    terminal.press("\x03");
    terminal.wait_for(&["saving what there is"]);
    let mut hurried = start();
    hurried.wait_for_bytes("\x1b[5n", 1);
    hurried.press("\x03\x03");
    terminal.press("\x03");
    for terminal in [terminal, hurried] {
        let left = terminal.end();
        assert!(left.code != 0 && left.whole, "{left:?}");
    }
}

/// The dashboard's terminal goes away, and errors go to another one.
#[test]
fn lines_go_on_where_the_dashboard_fails() {
    let dir = tempfile::tempdir().unwrap();
    let other = Other::open();
    let script = format!("trap '' HUP; exec \"$0\" \"$@\" 2> {}", other.name());
    let terminal = in_a_shell(&script, &dir.path().join("run"), &ENDLESS);
    terminal.wait_for(&["E(x)", "training"]);
    assert!(!other.text().contains("step "), "{}", other.text());
    let mut process = terminal.hang_up();
    other.wait_for(&[
        "warning: there is no dashboard any more: ",
        "/1500 · E(data) ",
    ]);
    let id = process.process_id().unwrap().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status();
    assert!(sent.unwrap().success());
    // saved, and what is said about it cannot be
    assert_eq!(process.wait().unwrap().exit_code(), 1);
    let run = RunDir::open(&dir.path().join("run")).unwrap();
    assert!(run.latest_checkpoint().unwrap().0 > 0);
}

#[test]
fn kitty_shows_pixels() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join(SMALL);
    let mut terminal = train_on(KITTY, &run, &PICTURES);
    let bytes = terminal.wait_for_bytes(",m=0;", 3);
    terminal.wait_for(&["samples, iteration", "\u{10EEEE}", "figures"]);
    terminal.press("\x03");
    let left = terminal.end();
    assert!(left.code == 130 && left.whole, "{left:?}");
    let pictures = of_kitty(&bytes);
    assert!(pictures.len() >= 2, "{}", pictures.len());
    for picture in pictures {
        // as large as the panel lets it be: 34 characters
        assert!(
            (200..=340).contains(&picture.width()),
            "{:?}",
            picture.dimensions()
        );
        assert!(is_of(&run, &picture, 0));
    }
}

#[test]
fn sixels_show_pixels() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join(SMALL);
    let mut terminal = train_on(SIXEL, &run, &PICTURES);
    let bytes = terminal.wait_for_bytes("\x1bP", 3);
    terminal.press("\x03");
    let left = terminal.end();
    assert!(left.code == 130 && left.whole, "{left:?}");
    let pictures = of_sixels(&bytes);
    assert!(pictures.len() >= 2, "{}", pictures.len());
    for picture in pictures {
        assert!(
            (180..=306).contains(&picture.width()),
            "{:?}",
            picture.dimensions()
        );
        // its colours are dithered: 8 away was seen, and other pictures are 200 away
        assert!(is_of(&run, &picture, 16));
    }
}

#[test]
fn blocks_are_there_for_the_asking() {
    let dir = tempfile::tempdir().unwrap();
    let more = [&ENDLESS[..], &["--pictures", "blocks"]].concat();
    let mut terminal = train_on(KITTY, &dir.path().join(SMALL), &more);
    terminal.wait_for(&["samples, iteration", "▀▀▀"]);
    terminal.press("\x03");
    // nothing was asked
    assert_eq!(of_kitty(&terminal.wait_for_bytes("▀", 1)).len(), 0);
    let bytes = terminal.wait_for_bytes("▀", 1);
    assert!(!String::from_utf8_lossy(&bytes).contains("\x1b[5n"));
    assert_eq!(terminal.end().code, 130);
}

/// What is pressed while nobody answers is heard.
#[test]
fn a_silent_terminal_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut terminal = train_on(SILENT, &dir.path().join("asked"), &ENDLESS);
    terminal.wait_for_bytes("\x1b[5n", 1);
    terminal.press("\x03");
    let left = terminal.end();
    assert!(left.code == 130 && left.whole, "{left:?}");
    let mut terminal = train_on(SILENT, &dir.path().join("later"), &ENDLESS);
    terminal.wait_for(&["samples, iteration", "▀▀▀"]);
    terminal.press("\x03");
    let left = terminal.end();
    assert!(left.code == 130 && left.whole, "{left:?}");
}
