//! `clel doctor`, `clel runs`, `clel completions`, `clel man` and `--json`, through the program.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use crate::support::tiny::{finished_run, train};
use crate::support::{PROGRAM, Run, clel, refused, run, text};
use clel_tensor::Device;
use clel_tensor::gpu::{Family, kernels_version};
use clel_tests::devices;
use serde_json::{Value, json};

/// The one JSON object that a command printed.
fn object(run: &Run) -> Value {
    assert_eq!(run.stdout.lines().count(), 1, "{run:?}");
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

/// `clel doctor` in a folder, on the CPU, as quick as it goes.
fn doctor(folder: &Path, more: &[&str], environment: &[(&str, &str)]) -> Run {
    let mut command = Command::new(PROGRAM);
    let arguments = ["doctor", "--seconds", "0", "--device", "cpu"];
    command.args(arguments).args(more).current_dir(folder);
    run(command.envs(environment.iter().copied()))
}

#[test]
fn settings_tell_what_they_mean() {
    let told = clel(&["settings", "momentum", "--preset", "cifar10"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    let lines: Vec<&str> = told.stdout.lines().collect();
    assert_eq!(lines, ["train.encoder.momentum = 0.9", "    Momentum."]);
    refused(
        &["settings", "momentun"],
        &["momentun", "no setting's name"],
    );
    refused(
        &["settings", "--preset", "mnist"],
        &["no preset", "fashion"],
    );
    let schema = object(&clel(&["settings", "--json"]));
    let sampler = schema["properties"]["sampler"]["$ref"].as_str().unwrap();
    let sampler = schema.pointer(sampler.trim_start_matches('#')).unwrap();
    assert_eq!(sampler["properties"]["steps"]["type"], "integer");
    assert!(sampler["required"].is_null());
}

#[test]
fn the_doctor_tests_every_device() {
    let folder = tempfile::tempdir().unwrap();
    let run = doctor(folder.path(), &["--json"], &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let report = object(&run);
    assert_eq!(report["can_train"], true, "{report}");
    let tested = report["self_test"].as_array().unwrap();
    assert_eq!(
        tested.len(),
        report["adapters"].as_array().unwrap().len() + 1
    );
    for device in tested {
        let checks = device["checks"].as_array().unwrap();
        assert_eq!(checks.len(), 6, "{device}");
        for check in checks {
            let [found, allowed, rate] =
                ["difference", "allowed", "rate"].map(|k| check[k].as_f64());
            assert!(found.is_some() && found <= allowed, "{check}");
            assert!(rate > Some(0.0), "{check}");
        }
    }
    // the trial leaves nothing behind
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_doctor_says_what_is_missing_and_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("runs"), "a file").unwrap();
    let nothing = text(&folder.path().join("no-driver.json"));
    let environment = [
        ("VK_DRIVER_FILES", nothing.as_str()),
        ("VK_ICD_FILENAMES", &nothing),
        ("RAYON_NUM_THREADS", "1"),
    ];
    let run = doctor(folder.path(), &[], &environment);
    assert_eq!(run.code, Some(1), "{run:?}");
    let mut parts = vec![
        "problem: nothing can be written in runs: it is a file",
        "clel train --out DIR",
        "one processor thread",
        "training cannot run here",
    ];
    if cfg!(target_os = "linux") {
        parts.extend(["warning: no WebGPU adapter", "mesa-vulkan-drivers"]);
    }
    for part in parts {
        assert!(run.stdout.contains(part), "{part} is not in {run:?}");
    }
}

/// A device that there is none of, by a word that could name one.
#[test]
fn the_doctor_examines_a_machine_without_the_device_that_was_named() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = text(&folder.path().join("no-driver.json"));
    let without = |arguments: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.env("VK_DRIVER_FILES", &nothing);
        command.env("VK_ICD_FILENAMES", &nothing);
        command.current_dir(folder.path());
        run(command.args(arguments))
    };
    let said = |run: &Run, parts: &[&str]| {
        assert_eq!((run.code, &*run.stderr), (Some(1), ""), "{run:?}");
        for part in parts {
            assert!(run.stdout.contains(part), "{part} is not in {run:?}");
        }
    };
    let examine = ["doctor", "--seconds", "0", "--device"];
    let named = without(&[&examine[..], &["wgpu:nobody's card"]].concat());
    said(
        &named,
        &[
            "problem: no device \"wgpu:nobody's card\": ",
            "matrix product",
            "compute with `--device cpu`",
            "training cannot run here",
        ],
    );
    let asked = without(&["devices", "--device", "wgpu:nobody's card"]);
    asked.told(1, &["; `clel doctor` says what to do\n"]);
    if cfg!(target_os = "linux") {
        let hidden = format!("; VK_DRIVER_FILES={nothing} says which drivers to take");
        for command in ["train", "bench", "devices", "tune"] {
            without(&[command, "--device", "wgpu"]).told(1, &["no device \"wgpu\"", &hidden]);
        }
        let parts = [
            "problem: no device \"wgpu\": no Vulkan",
            "warning: no WebGPU adapter",
            &format!("VK_DRIVER_FILES={nothing} and VK_ICD_FILENAMES={nothing}"),
            "fix: unset VK_DRIVER_FILES and VK_ICD_FILENAMES",
            "mesa-vulkan-drivers",
        ];
        said(&without(&[&examine[..], &["wgpu"]].concat()), &parts);
        let told = object(&without(&[&examine[..], &["wgpu", "--json"]].concat()));
        assert_eq!(
            [&told["device"], &told["can_train"]],
            [&json!("wgpu"), &json!(false)]
        );
    }
}

/// By the file that `clel tune` keeps: damaged, of another version, and whole.
#[test]
fn the_doctor_knows_whether_a_device_is_tuned() {
    let Some(gpu) = devices().iter().find_map(|device| match device {
        Device::Wgpu(gpu) => Some(gpu),
        Device::Cpu => None,
    }) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let cache = text(folder.path());
    let environment = [("CLEL_CACHE", cache.as_str())];
    let name = format!("wgpu:{}", gpu.summary().index);
    let mut forget = Command::new(PROGRAM);
    forget.args(["tune", "--forget", "--device", &name]);
    let nothing = run(forget.envs(environment)).stdout;
    let file = nothing.trim().split_once(" in ").unwrap().1;
    let tuned = || {
        let run = doctor(folder.path(), &["--json"], &environment);
        assert_eq!(run.code, Some(0), "{run:?}");
        let report = object(&run);
        let mut tested = report["self_test"].as_array().unwrap().iter();
        let own = tested.find(|tested| tested["device"] == name);
        own.unwrap()["tuned"].clone()
    };
    let said = |parts: &[&str]| {
        let run = doctor(folder.path(), &[], &environment);
        assert_eq!((run.code, &*run.stderr), (Some(0), ""), "{run:?}");
        for part in parts {
            assert!(run.stdout.contains(part), "{part} is not in {run:?}");
        }
    };

    fs::write(file, "adapter = 3").unwrap();
    let damage = format!("warning: {name} is not tuned: {file}: line 1: invalid type");
    let fix = format!("`clel tune --forget --device {name}` removes it");
    said(&[&damage, &fix, "training can run here"]);
    assert_eq!(tuned(), json!({ "file": file, "state": "damaged" }));

    let summary = gpu.summary();
    let adapter = format!("{}, {}, {}", summary.name, summary.backend, summary.driver);
    let write = |kernels: &str, ways: &str| {
        let text = format!("adapter = {adapter:?}\nkernels = {kernels:?}\n[ways]\n{ways}\n");
        fs::write(file, text).unwrap();
    };
    // a rasteriser has nothing that could be tuned
    let has_tiles = gpu.family() == Family::Tiled;
    let told = |words: &str, state: serde_json::Value| {
        let words = format!("{name} {words}");
        said(&[if has_tiles {
            &words
        } else {
            "training can run here"
        }]);
        let state = if has_tiles { state } else { json!(null) };
        assert_eq!(tuned(), state, "{words}");
    };
    write("of yesterday", "");
    told(
        "was tuned for another version of this program",
        json!({ "file": file, "state": "outdated" }),
    );
    write(&kernels_version(), "forward = \"by heart\"");
    said(&[&format!("{file}: forward: there is no way \"by heart\"")]);
    write(
        &kernels_version(),
        "forward = \"winograd 4\"\ninput_grad = \"winograd 2\"",
    );
    told(
        "is tuned for 2 products",
        json!({ "file": file, "state": "tuned", "products": 2 }),
    );
    // what is no file cannot be mended by `clel tune`
    fs::remove_file(file).unwrap();
    fs::create_dir(file).unwrap();
    said(&[file, "fix: remove it, or put its permissions right"]);
}

#[test]
fn the_doctor_refuses_what_it_cannot_examine() {
    refused(&["doctor", "--device", "abacus"], &["no device \"abacus\""]);
    refused(
        &["doctor", "--seconds=-1"],
        &["--seconds -1", "must be a number from 0 to 600"],
    );
}

/// Copies a directory.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).unwrap()),
        }
    }
}

/// The line of a table that begins with a word.
fn line<'a>(run: &'a Run, word: &str) -> &'a str {
    let mut lines = run.stdout.lines();
    lines
        .find(|line| line.trim_start().starts_with(word))
        .unwrap_or_else(|| panic!("{word} is not in {run:?}"))
}

#[test]
fn every_run_is_a_line_whatever_its_state() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let whole = train(&at("whole"), &["--set", "train.iterations=2"]);
    assert_eq!(whole.code, Some(0), "{whole:?}");
    for name in ["begun", "busy", "cut", "headless", "lost", "mangled"] {
        copy(&finished_run().join("run"), &at(name));
    }
    fs::create_dir(at("empty")).unwrap();
    // what is no directory is no run, nor is one without a file of a run
    fs::write(at("notes.txt"), "not a run").unwrap();
    fs::create_dir(at("notes")).unwrap();
    fs::write(at("notes/notes.txt"), "not a run").unwrap();
    fs::remove_file(at("headless").join("config.toml")).unwrap();
    let lock = File::create(at("busy").join("lock")).unwrap();
    lock.lock().unwrap();
    let checkpoint = at("cut").join("checkpoints/step-00000002.safetensors");
    let long = fs::metadata(&checkpoint).unwrap().len();
    File::options()
        .write(true)
        .open(checkpoint)
        .unwrap()
        .set_len(long - 5)
        .unwrap();
    let metrics = at("begun").join("metrics.jsonl");
    let mut lines = fs::read_to_string(&metrics).unwrap();
    lines += "{\"step\":2,\"event\":\"went back\"}\n{\"step\":3,\"gap\"";
    fs::write(metrics, lines).unwrap();
    fs::write(at("mangled").join("metrics.jsonl"), "{\"step\":1}\nnoise\n").unwrap();
    fs::write(at("mangled").join("summary.json"), "{}").unwrap();
    fs::write(at("lost").join("config.toml"), "seed = \"none\"").unwrap();

    let list = clel(&["runs", &text(folder.path())]);
    assert_eq!(list.code, Some(0), "{list:?}");
    for (name, parts) in [
        ("whole", vec!["finished", "digits", "tiny", "2 of 2"]),
        ("begun", vec!["unfinished", "2 of 1500"]),
        ("begun: on the way", vec!["went back"]),
        ("busy", vec!["training now", "2 of 1500"]),
        ("cut", vec!["damaged", "2 of 1500"]),
        (
            "cut: damaged",
            vec!["step-00000002.safetensors", "bytes are there"],
        ),
        ("headless: damaged", vec!["there is no config.toml in it"]),
        ("lost: damaged", vec!["config.toml", "seed"]),
        ("mangled: damaged: ", vec!["metrics.jsonl: line 2"]),
    ] {
        for part in parts {
            assert!(line(&list, name).contains(part), "{name}: {part}: {list:?}");
        }
    }
    assert!(list.stdout.contains("not a summary of a run"), "{list:?}");
    // read for figures and for the best checkpoint, and told once
    assert_eq!(list.stdout.matches("metrics.jsonl: line 2").count(), 1);
    assert!(!list.stdout.contains("notes"), "{list:?}");
    assert!(!list.stdout.contains("empty"), "{list:?}");

    let listing = object(&clel(&["runs", &text(folder.path()), "--json"]));
    let runs = listing["runs"].as_array().unwrap();
    let states: Vec<&str> = runs.iter().map(|r| r["state"].as_str().unwrap()).collect();
    let [damaged, unfinished] = ["damaged", "unfinished"];
    let expected = [
        unfinished, "training", damaged, damaged, damaged, damaged, "finished",
    ];
    assert_eq!(states, expected);
    // figures are those that the run wrote
    let written = fs::read_to_string(at("whole").join("metrics.jsonl")).unwrap();
    let last: Value = serde_json::from_str(written.lines().last().unwrap()).unwrap();
    assert_eq!(runs[6]["figures"]["gap"], last["gap"]);
    let summary = fs::read_to_string(at("whole").join("summary.json")).unwrap();
    assert_eq!(
        runs[6]["summary"],
        serde_json::from_str::<Value>(&summary).unwrap()
    );
}

/// A path in the system's own spelling.
fn spelt(parts: &[&str]) -> String {
    text(&parts.iter().collect::<std::path::PathBuf>())
}

/// The runs of an experiment are listed with the others, and alone; a name that is no text is in nobody's way.
#[test]
fn runs_are_listed_wherever_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder
        .path()
        .join(spelt(&["guide", "runs", "base", "seed-1"]));
    copy(&finished_run().join("run"), &place);
    fs::write(folder.path().join("guide/experiment.toml"), "").unwrap();
    fs::create_dir(folder.path().join("guide/runs/late")).unwrap();
    let list = clel(&["runs", &text(folder.path())]);
    line(&list, &spelt(&["guide", "runs", "base", "seed-1"]));
    assert!(!list.stdout.contains("damaged"), "{list:?}");
    let guide = text(&folder.path().join("guide"));
    let list = clel(&["runs", &guide]);
    line(&list, &spelt(&["runs", "base", "seed-1"]));
    // where a run is expected, its runs are named
    for arguments in [&["watch", &guide][..], &["train", "--resume", &guide]] {
        let parts = ["not a run directory: it is an experiment's", &text(&place)];
        refused(arguments, &parts);
    }
    let blank = folder.path().join("blank");
    fs::create_dir(&blank).unwrap();
    fs::write(blank.join("experiment.toml"), "").unwrap();
    refused(&["watch", &text(&blank)], &["which has no runs yet"]);
    fs::remove_dir_all(&blank).unwrap();
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt;
        let odd = std::ffi::OsStr::from_bytes(b"odd-\xff");
        copy(&place, &folder.path().join(odd));
        let listing = object(&clel(&["runs", &text(folder.path()), "--json"]));
        let runs = listing["runs"].as_array().unwrap();
        let name = runs[1]["run"].as_str().unwrap();
        assert!(name.ends_with("odd-\u{fffd}"), "{name}");
        let mut named = Command::new(PROGRAM);
        named.args(["train", "--device", "cpu", "--out"]).arg(odd);
        run(&mut named).told(2, &["--out", "must be UTF-8"]);
    }
}

/// Copies of a run with other last gaps, one of them without; the first two are finished, as far as their words go, or ended sick.
fn many(folder: &Path) {
    for (name, gap) in [("r2", "0.25"), ("r10", "-3"), ("r1", "\"NaN\""), ("x", "7")] {
        let at = folder.join(name);
        copy(&finished_run().join("run"), &at);
        let mut lines = fs::read_to_string(at.join("metrics.jsonl")).unwrap();
        lines += &format!("{{\"step\":2,\"gap\":{gap}}}\n");
        if name == "r2" {
            let text = "sick: too wide; the run ended with it";
            lines += &format!("{{\"step\":2,\"event\":\"{text}\",\"state\":\"sick\"}}\n");
        }
        fs::write(at.join("metrics.jsonl"), lines).unwrap();
    }
}

#[test]
fn runs_are_told_in_the_order_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    many(folder.path());
    let place = text(folder.path());
    let told = |more: &[&str]| -> Vec<String> {
        let listed = clel(&[&["runs", &place, "--json"], more].concat());
        let runs = object(&listed)["runs"].clone();
        let names = runs.as_array().unwrap().iter().map(|run| {
            let run = Path::new(run["run"].as_str().unwrap());
            text(Path::new(run.file_name().unwrap()))
        });
        names.collect()
    };
    for (more, expected) in [
        (&[][..], ["r1", "r2", "r10", "x"]),
        (&["--reverse"], ["x", "r10", "r2", "r1"]),
        (&["--sort", "-name"], ["x", "r10", "r2", "r1"]),
        (&["--sort", "gap"], ["r10", "r2", "x", "r1"]),
        (&["--sort", "-gap"], ["x", "r2", "r10", "r1"]),
        (&["--sort=gap", "--reverse"], ["x", "r2", "r10", "r1"]),
        // equal ones are by name
        (&["--sort", "-iterations"], ["r1", "r2", "r10", "x"]),
        (&["--sort", "state"], ["r1", "r10", "x", "r2"]),
    ] {
        assert_eq!(told(more), expected, "{more:?}");
    }
    assert_eq!(told(&["--state", "sick"]), ["r2"]);
    assert_eq!(
        told(&["--state", "unfinished", "--reverse"]),
        ["x", "r10", "r1"]
    );
    assert_eq!(told(&["--state", "finished,sick,unfinished"]).len(), 4);
    let table = clel(&["runs", &place, "--sort", "gap"]);
    let names: Vec<&str> = table.stdout.lines().skip(1).take(4).collect();
    assert!(
        names[0].starts_with("r10 ") && names[2].starts_with("x "),
        "{table:?}"
    );
    let none = clel(&["runs", &place, "--state", "failed,damaged"]);
    assert!(
        none.code == Some(0) && none.stdout.contains("no run in"),
        "{none:?}"
    );
    let missing = ["--sort gapp", "is none of name, changed, iterations", "gap"];
    refused(&["runs", &place, "--sort", "gapp"], &missing);
    // those that are compared stand in the order given, if no other is asked for
    let [a, b] = ["r2", "r10"].map(|name| text(&folder.path().join(name)));
    for (more, first) in [(&[][..], &a), (&["--sort", "gap"], &b)] {
        let compared = clel(&[&["runs", &a, &b], more].concat());
        assert!(
            compared.stdout.trim_start().starts_with(first.as_str()),
            "{compared:?}"
        );
    }
}

/// On a terminal nothing is broken within a word, and a name has one line.
#[cfg(unix)]
#[test]
fn a_list_is_as_wide_as_the_terminal() {
    use crate::support::terminal::Terminal;

    let folder = tempfile::tempdir().unwrap();
    many(folder.path());
    let odd = folder.path().join("two\nlines");
    copy(&folder.path().join("x"), &odd);
    let metrics = odd.join("metrics.jsonl");
    let mut lines = fs::read_to_string(&metrics).unwrap();
    let words: Vec<String> = (0..60).map(|i| format!("word{i}")).collect();
    lines += &format!("{{\"step\":2,\"event\":\"{}\"}}\n", words.join(" "));
    fs::write(metrics, lines).unwrap();
    let place = text(folder.path());
    let told = |arguments: &[&str]| {
        let left = Terminal::start(PROGRAM, &[&["runs"], arguments].concat(), &[]).end();
        assert_eq!(left.code, 0, "{left:?}");
        left.text
    };
    let whole = |text: &str, word: &str| text.split_whitespace().any(|found| found == word);
    let table = told(&[&place]);
    assert!(table.contains("two\\nlines "), "{table}");
    for word in &words {
        assert!(whole(&table, word), "{word} is not in\n{table}");
    }
    // compared, runs that do not stand beside one another are below
    let runs: Vec<String> = (0..4).map(|_| text(&folder.path().join("x"))).collect();
    let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
    let compared = told(&runs.repeat(3));
    assert_eq!(
        compared.matches(" iterations").count() + compared.matches("\niterations").count(),
        compared.matches("settings that differ").count(),
        "{compared}"
    );
    // a table with this name would not fit
    let long = "n".repeat(100);
    copy(&folder.path().join("x"), &folder.path().join(&long));
    let blocks = told(&[&place]);
    for part in [&long[..], "  state unfinished · data digits", "gap 7.0000"] {
        assert!(blocks.contains(part), "{part} is not in\n{blocks}");
    }
}

/// TensorBoard is told what a run costs; its metrics, which are the same each time, are not.
#[test]
fn speed_is_for_tensorboard_alone() {
    let run = finished_run().join("run");
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert!(!metrics.contains("speed"), "{metrics}");
    let mut files = fs::read_dir(run.join("events")).unwrap();
    let events = fs::read(files.next().unwrap().unwrap().path()).unwrap();
    let told = |tag: &str| {
        events
            .windows(tag.len())
            .filter(|at| *at == tag.as_bytes())
            .count()
    };
    assert_eq!(told("speed/iterations per second"), 1, "between two lines");
    assert_eq!(told("speed/memory of arrays, MiB"), 2);
}

/// What files of a run hold does not move a terminal's cursor, nor do letters come out that the locale lacks.
#[test]
fn what_is_listed_is_text() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("run");
    copy(&finished_run().join("run"), &at);
    let metrics = at.join("metrics.jsonl");
    let mut lines = fs::read_to_string(&metrics).unwrap();
    lines += "{\"event\":\"\\u001b[31mred\\u001b]0;pwn\\u0007 \\u009b2J\",\"step\":2}\n";
    fs::write(metrics, lines).unwrap();
    let place = text(&at);
    let spelled = "\\u{1b}[31mred\\u{1b}]0;pwn\\u{7} \\u{9b}2J";
    for arguments in [&[&place[..]][..], &[&place, &place]] {
        let list = clel(&[&["runs"], arguments].concat());
        for part in [spelled, "Fréchet"] {
            assert!(list.stdout.contains(part), "{part} is not in {list:?}");
        }
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!list.stdout.contains(control), "{list:?}");
        // which Windows does not have
        if cfg!(windows) {
            continue;
        }
        let mut plain = Command::new(PROGRAM);
        plain.arg("runs").args(arguments).env("LC_ALL", "C");
        let plain = run(&mut plain).stdout;
        assert!(plain.is_ascii() && plain.contains("Frechet"), "{plain}");
    }
    let json = clel(&["runs", &place, "--json"]);
    assert!(
        !json.stdout.trim_end().contains(char::is_control),
        "{json:?}"
    );
    let told = &object(&json)["runs"][0]["interventions"][0];
    assert_eq!(told, "\u{1b}[31mred\u{1b}]0;pwn\u{7} \u{9b}2J");
    let resumed = crate::support::tiny::resume(&at, "3");
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert!(resumed.stdout.contains(spelled), "{resumed:?}");
}

#[test]
fn two_runs_differ_in_what_was_set() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (finished_run().join("run"), folder.path().join("other"));
    let other = [
        "--steps",
        "1",
        "--set",
        "seed=3",
        "--set",
        "sampler.clip=0.5",
    ];
    let trained = train(&b, &other);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let (a, b) = (text(&a), text(&b));
    let table = clel(&["runs", &a, &b]);
    assert_eq!(table.code, Some(0), "{table:?}");
    let words = |name: &str| -> Vec<String> {
        line(&table, name)
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(words("seed"), ["seed", "0", "3"]);
    assert_eq!(words("sampler.clip"), ["sampler.clip", "not", "set", "0.5"]);
    assert_eq!(words("gap").len(), 3);
    assert!(!table.stdout.contains("sampler.steps"), "{table:?}");
    let differences = &object(&clel(&["runs", &a, &b, "--json"]))["differences"];
    assert_eq!(differences["seed"], serde_json::json!([0, 3]));
    assert_eq!(differences["sampler.clip"], serde_json::json!([null, 0.5]));
    assert_eq!(differences.as_object().unwrap().len(), 2);
}

#[test]
fn runs_that_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let none = run(Command::new(PROGRAM).arg("runs").current_dir(folder.path()));
    assert_eq!(none.code, Some(0), "{none:?}");
    assert!(none.stdout.contains("no folder runs here yet"), "{none:?}");
    let missing = text(&folder.path().join("missing"));
    refused(&["runs", &missing], &["cannot read", "missing"]);
    refused(
        &["runs", &text(&finished_run().join("run")), &missing],
        &["missing is not a run directory"],
    );
}

#[test]
fn shells_complete_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = clel(&["completions", shell]);
        assert_eq!(script.code, Some(0), "{script:?}");
        for part in ["doctor", "checkpoint", "completions"] {
            assert!(script.stdout.contains(part), "{shell}: {part}");
        }
    }
    // sets, devices, folders
    let bash = clel(&["completions", "bash"]).stdout;
    for offered in [
        "compgen -W \"digits cifar10 ",
        "compgen -W \"auto cpu wgpu\"",
        "compopt -o plusdirs",
    ] {
        assert!(bash.contains(offered), "{offered}");
    }
    refused(
        &["completions", "abacus"],
        &["invalid value 'abacus'", "bash"],
    );
}

#[test]
fn every_command_has_a_manual_page() {
    let page = clel(&["man"]);
    assert!(page.stdout.contains(".TH clel 1"), "{page:?}");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("share/man1");
    let written = clel(&["man", "--out", &text(&out)]);
    assert_eq!(written.code, Some(0), "{written:?}");
    let help = clel(&["--help"]).stdout;
    let commands = help.split("Commands:").nth(1).unwrap().lines().skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .collect();
    assert!(commands.len() > 8, "{commands:?}");
    for command in commands {
        let page = fs::read_to_string(out.join(format!("clel-{command}.1"))).unwrap();
        assert!(page.contains(".SH OPTIONS"), "{command}");
        assert!(page.contains("Examples:"), "{command}");
        let parts = ["DESCRIPTION", "\"EXIT STATUS\"", "EXAMPLES", "VERSION"];
        let places = parts.map(|part| page.find(&format!("\n.SH {part}\n")));
        assert!(places.is_sorted() && places[0].is_some(), "{page}");
    }
    let train = fs::read_to_string(out.join("clel-train.1")).unwrap();
    assert!(train.contains("Ctrl\\-C ends it"), "{train}");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    refused(&["man", "--out", &text(&file)], &["cannot write", "file"]);
}

/// What is said of a command beyond its line in the list of all.
#[test]
fn the_help_of_a_command_is_whole() {
    for (command, part) in [
        ("train", "Ctrl-C ends it after the iteration, saved"),
        ("doctor", "Exit code 0"),
        ("tune", "CLEL_CACHE"),
        ("sample", "sample.json"),
    ] {
        let help = clel(&[command, "--help"]).stdout;
        let words: Vec<&str> = help.split_whitespace().collect();
        assert!(words.join(" ").contains(part), "{command}: {help}");
    }
    let all = clel(&["--help"]).stdout;
    assert!(all.contains("\n  train        Trains a model\n"), "{all}");
    assert!(all.contains("\n  130  "), "{all}");
}

#[test]
fn results_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let trained = object(&train(&path("run"), &["--steps", "1", "--json"]));
    assert_eq!(trained["run"], text(&path("run")));
    let end = |told: &Value| ["finished", "state", "iteration"].map(|name| told[name].clone());
    assert_eq!(end(&trained), [json!(false), json!("unfinished"), json!(1)]);
    assert_eq!(trained["why"], json!(null));
    let summary = fs::read_to_string(path("run").join("summary.json")).unwrap();
    assert_eq!(
        trained["summary"],
        serde_json::from_str::<Value>(&summary).unwrap()
    );

    let (run, out) = (text(&path("run")), text(&path("out")));
    let sampled = object(&clel(&[
        "sample",
        "--checkpoint",
        &run,
        "--count",
        "3",
        "--steps",
        "2",
        "--device",
        "cpu",
        "--out",
        &out,
        "--json",
    ]));
    assert_eq!(
        (&sampled["samples"], &sampled["steps"]),
        (&3.into(), &2.into())
    );
    for file in ["picture", "tensors"] {
        assert!(
            Path::new(sampled[file].as_str().unwrap()).is_file(),
            "{sampled}"
        );
    }
    let devices = object(&clel(&["devices", "--device", "cpu", "--json"]));
    assert_eq!(devices["takes"], "cpu");

    // one object, however it ends
    let whole = train(&path("whole"), &["--set", "train.iterations=2", "--json"]);
    assert_eq!(
        end(&object(&whole)),
        [json!(true), json!("finished"), json!(2)]
    );
    let sick = ["--json", "--steps", "9", "--set", "health.energy=1e-9"];
    let sick = train(&path("sick"), &sick);
    sick.told(1, &["(health.energy)"]);
    let told = object(&sick);
    assert_eq!(end(&told), [json!(false), json!("sick"), json!(1)]);
    assert_eq!(told["run"], text(&path("sick")));
    let why = told["why"].as_str().unwrap();
    assert!(why.contains("(health.energy)"), "{told}");
    let checkpoint = path("whole").join("checkpoints/step-00000002.safetensors");
    fs::write(checkpoint, "x").unwrap();
    let resume = ["train", "--device", "cpu", "--json", "--resume"];
    let damaged = clel(&[&resume[..], &[&text(&path("whole"))]].concat());
    damaged.told(2, &["not a whole safetensors file"]);
    let told = object(&damaged);
    assert_eq!(end(&told), [json!(false), json!("failed"), json!(2)]);
}
