//! `clel doctor`, `clel completions`, `clel man` and `--json`, through the program.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::tiny::train;
use crate::support::{PROGRAM, Run, clel, object, refused, run, text};
use clel_tensor::Device;
use clel_tensor::gpu::{Family, kernels_version};
use clel_tests::devices;
use serde_json::{Value, json};

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
    assert_eq!(
        lines,
        ["train.encoder.momentum = 0.9", "    Momentum of SGD."]
    );
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

/// Where a run or a file is expected, bash gets no options to offer, and so offers files.
#[cfg(target_os = "linux")]
#[test]
fn bash_completes_files_where_they_are_expected() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    fs::write(&script, clel(&["completions", "bash"]).stdout).unwrap();
    let offered = |words: &[&str]| -> Vec<String> {
        let complete = "source \"$1\"; shift; compopt() { :; }
            COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1))
            registered=$(complete -p clel); registered=${registered##* -F }
            [[ $(complete -p clel) == *' -o default '* ]] || exit 3
            ${registered%% *} clel \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"
            printf '%s\\n' \"${COMPREPLY[@]}\"";
        let mut bash = Command::new("bash");
        let arguments = ["--norc", "-c", complete, "bash", &text(&script), "clel"];
        bash.args(arguments).args(words).current_dir(folder.path());
        let told = run(&mut bash);
        assert!(told.code == Some(0) && told.stderr.is_empty(), "{told:?}");
        let lines = told.stdout.lines().filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    for words in [
        &["runs", ""][..],
        &["runs", "ru"],
        &["report", "runs/a", ""],
        &["watch", ""],
        &["experiment", ""],
        &["import", ""],
        &["train", "--resume", ""],
    ] {
        assert_eq!(offered(words), [""; 0], "{words:?}");
    }
    for (words, word) in [
        (&["run"][..], "runs"),
        (&["runs", "--s"], "--sort"),
        (&["runs", "--state", "si"], "sick"),
        (&["train", ""], "--resume"),
        (&["completions", ""], "zsh"),
        (&["report", "--out", ""], "script"),
    ] {
        assert!(offered(words).contains(&word.to_owned()), "{words:?}");
    }
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
        // line by line
        assert!(page.contains("\n.SH EXAMPLES\n.nf\n  "), "{page}");
        assert!(page.contains("\n.fi\n.SH VERSION"), "{page}");
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
