//! `clel bench`, through the program.

use std::path::Path;
use std::process::Command;

use crate::support::{clel, refused};
use clel_tensor::Device;
use clel_tests::devices;
use serde_json::Value;

/// Runs it on the CPU for as short a time as there is and reads its JSON.
fn measured(arguments: &[&str]) -> Value {
    let mut all = vec![
        "bench",
        "--device",
        "cpu",
        "--seconds",
        "0",
        "--model",
        "tiny",
        "--json",
    ];
    all.extend(arguments);
    let run = clel(&all);
    assert_eq!(run.code, Some(0), "{run:?}");
    serde_json::from_str(&run.stdout).expect("one JSON object")
}

fn names(report: &Value) -> Vec<&str> {
    let cases = report["cases"].as_array().expect("cases");
    cases.iter().filter_map(|c| c["name"].as_str()).collect()
}

#[test]
fn the_table_has_a_line_for_each_case() {
    let run = clel(&[
        "bench",
        "--device",
        "cpu",
        "--seconds",
        "0.05",
        "--what",
        "pointwise,array",
    ]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(
        lines[0].starts_with("clel ") && lines[0].contains("threads"),
        "{run:?}"
    );
    assert!(lines[1].contains("median"), "{run:?}");
    assert_eq!(run.stdout.matches("GB/s").count(), 23, "{run:?}");
    assert!(run.stdout.contains("peak memory"), "{run:?}");
}

#[test]
fn operations_have_rates_and_shares_of_the_peak() {
    let report = measured(&["--what", "matmul,conv", "--batch", "2"]);
    let names = names(&report);
    assert!(names.contains(&"matmul 1024x1024x1024"), "{names:?}");
    assert!(
        names.contains(&"conv 32->64 3x3 on 4x4 b2, input gradient"),
        "{names:?}"
    );
    let mut distinct = names.clone();
    distinct.dedup();
    assert_eq!(distinct, names);
    let peak = report["peak"]["gflops"].as_f64().expect("a peak");
    for case in report["cases"].as_array().expect("cases") {
        let number = |key: &str| {
            case[key]
                .as_f64()
                .unwrap_or_else(|| panic!("{key}: {case}"))
        };
        assert!(
            number("min_s") <= number("median_s") && number("p10_s") <= number("p90_s"),
            "{case}"
        );
        let share = number("share_of_peak");
        assert!((share - number("rate") / peak).abs() < 1e-9, "{case}");
        assert_eq!(number("launches"), 1.0, "{case}");
    }
    assert!(report["threads"].as_u64().expect("threads") > 0);
}

#[test]
fn steps_and_iterations_follow_the_settings() {
    let small = [
        "--batch",
        "2",
        "--what",
        "step,train",
        "--set",
        "sampler.steps=2",
        "--set",
        "model.width=4",
        "--set",
        "encoder.width=4",
        "--set",
        "sampler.buffer=4",
    ];
    let held = measured(&small);
    assert_eq!(
        names(&held),
        [
            "step tiny b2, weights held",
            "train tiny b2 K2, weights held"
        ]
    );
    let step = &held["cases"][0];
    assert!(step["graph_nodes"].as_f64() > Some(10.0), "{step}");
    let with = [&small[..], &["--set", "sampler.cache_spectral=false"]].concat();
    let iterated = measured(&with);
    assert_eq!(names(&iterated)[0], "step tiny b2, power iteration");
    let launches = |report: &Value| report["cases"][0]["launches"].as_f64();
    assert!(launches(&iterated) > launches(&held));
}

/// The smallest step that there is.
const STEP: [&str; 6] = ["--what", "step", "--batch", "2", "--set", "model.width=4"];

#[test]
fn the_operations_of_a_step_are_told_one_by_one() {
    let short = ["--set", "sampler.steps=3", "--profile"];
    let report = measured(&[&STEP[..], &short].concat());
    let case = &report["cases"][0];
    let kinds = case["profile"]["kinds"].as_array().expect("kinds");
    let sum = |key: &str| -> f64 { kinds.iter().filter_map(|k| k[key].as_f64()).sum() };
    assert!((sum("count") - case["launches"].as_f64().unwrap()).abs() < 1e-9);
    let run = case["profile"]["run_s"].as_f64().expect("a time");
    assert!((0.0..run).contains(&sum("seconds")), "{case}");
    let first = kinds
        .iter()
        .find(|k| k["work"] == "conv2d 1->4 3x3 on 8x8 b2");
    let first = first.unwrap_or_else(|| panic!("no first layer in {case}"));
    assert!(first["gflops"].as_f64() > Some(0.0), "{first}");
    let noise = "pointwise 9 operations, 3 -> 2 arrays, 128 elements";
    assert!(kinds.iter().any(|k| k["work"] == noise), "{case}");
    // without being asked for nothing is told
    assert!(measured(&STEP)["cases"][0].get("profile").is_none());
}

#[test]
fn operations_are_rows_below_their_case() {
    for device in devices() {
        let device = match device {
            Device::Cpu => "cpu",
            Device::Wgpu(gpu) if !gpu.has_clock() => continue,
            Device::Wgpu(_) => "wgpu",
        };
        let fixed = [
            "bench",
            "--device",
            device,
            "--seconds",
            "0",
            "--model",
            "tiny",
            "--profile",
        ];
        let run = clel(&[&fixed[..], &STEP].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        let rows: Vec<&str> = run.stdout.lines().collect();
        assert!(rows[2].starts_with("step tiny b2"), "{run:?}");
        assert!(
            rows[3].starts_with("  its operations") && rows[4].contains(" % "),
            "{run:?}"
        );
        let last = rows.iter().find(|row| row.starts_with("  all operations"));
        assert!(
            last.is_some_and(|row| row.contains("that this run took")),
            "{run:?}"
        );
    }
}

#[test]
fn what_cannot_be_measured_is_one_message_and_code_2() {
    refused(
        &["bench", "--what", "energy"],
        &["invalid value 'energy'", "pointwise"],
    );
    refused(
        &["bench", "--model", "resnet50"],
        &["invalid value 'resnet50'", "resnet_small"],
    );
    refused(
        &["bench", "--batch", "1"],
        &["train.batch = 1", "must be at least 2"],
    );
    refused(
        &["bench", "--seconds=-1"],
        &["--seconds -1", "from 0 to 3600"],
    );
    refused(
        &["bench", "--set", "sampler.step=1"],
        &["did you mean `sampler.steps`?"],
    );
    refused(
        &["bench", "--device", "abacus"],
        &["expected auto, cpu, wgpu"],
    );
}

/// `clel tune` has nothing to do on a CPU, and forgets what it kept; a damaged file of its is told of and otherwise left alone.
#[test]
fn tuning_is_for_graphics_hardware() {
    refused(
        &["tune", "--device", "cpu"],
        &["--device cpu", "name a WebGPU adapter"],
    );
    if !devices().iter().any(|d| matches!(d, Device::Wgpu(_))) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let tune = |arguments: &[&str]| {
        let mut command = Command::new(crate::support::PROGRAM);
        command.args(arguments).args(["--device", "wgpu"]);
        crate::support::run(command.env("CLEL_CACHE", folder.path()))
    };
    let nothing = tune(&["tune", "--forget"]);
    assert_eq!(nothing.code, Some(0), "{nothing:?}");
    let (_, path) = nothing.stdout.trim().split_once(" in ").expect("a path");
    std::fs::write(path, "adapter = 3").expect("written");
    let warned = tune(&["devices"]);
    assert_eq!(warned.code, Some(0), "{warned:?}");
    assert!(warned.stderr.contains("warning: not tuned"), "{warned:?}");
    assert!(warned.stderr.contains("clel tune --forget"), "{warned:?}");
    assert!(tune(&["tune", "--forget"]).stdout.contains("is removed"));
    let told = tune(&["tune", "--forget", "--json"]).stdout;
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["forgotten"], false);
    assert_eq!(told["file"], path);
    assert_eq!(tune(&["devices"]).stderr, "");
}

/// A changed shader is tried without building: the program says so, and what is wrong with the text.
#[test]
fn shaders_are_taken_from_a_folder() {
    if !devices().iter().any(|d| matches!(d, Device::Wgpu(_))) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let bench = |folder: &Path| {
        let mut command = Command::new(crate::support::PROGRAM);
        command.args(["bench", "--device", "wgpu", "--what", "pointwise"]);
        command.args(["--seconds", "0"]);
        crate::support::run(command.env("CLEL_SHADERS", folder))
    };
    let told = |folder: &Path, code, parts: [&str; 2]| {
        let run = bench(folder);
        assert_eq!(run.code, Some(code), "{run:?}");
        assert!(!run.stderr.contains("panicked"), "{run:?}");
        for part in parts {
            assert!(run.stderr.contains(part), "{part} is not in {run:?}");
        }
    };
    let warning = "warning: CLEL_SHADERS: kernels are made from the shaders in";
    told(folder.path(), 0, [warning, ""]);
    std::fs::write(folder.path().join("philox.wgsl"), "fn philox() { so }").expect("written");
    told(folder.path(), 1, ["kernel pointwise", "fn philox() { so }"]);
    told(&folder.path().join("none"), 1, [warning, "is no folder"]);
}
