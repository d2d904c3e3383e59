//! `clel import` and `clel export` against PyTorch's state dicts of the official model, and against what it computes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::arrays::{Arrays, read, write};
use crate::support::{clel, refused, text};
use clel::config::Layers;
use clel::official::state_dict;
use clel::train::{Trainer, load_networks};
use clel_nn::Mode;
use clel_tensor::{Device, f16};
use clel_tests::{Failure, Fixture};
use safetensors::Dtype;

const MODELS: [&str; 4] = ["resnet_small", "resnet", "resnet64", "resnet_large"];
/// Of one tensor, max|a − b| / max|b|.
const TOLERANCE: f32 = 1e-4;

/// The state dict of a fixture, as the official implementation holds it: counters are i64.
fn official(model: &str) -> Arrays {
    let all = read(&Fixture::path(&format!("official_{model}"))).into_iter();
    let state =
        all.filter_map(|(name, array)| Some((name.strip_prefix("state.")?.to_owned(), array)));
    let wide = |(name, (dtype, shape, bytes)): (String, (Dtype, Vec<usize>, Vec<u8>))| {
        if dtype != Dtype::U32 {
            return (name, (dtype, shape, bytes));
        }
        let value = u32::from_le_bytes(bytes.try_into().unwrap());
        let bytes = i64::from(value).to_le_bytes().to_vec();
        (name, (Dtype::I64, shape, bytes))
    };
    state.map(wide).collect()
}

/// Those whose names begin with one of `prefixes`.
fn only(all: &Arrays, prefixes: &[&str]) -> Arrays {
    let chosen = all
        .iter()
        .filter(|(name, _)| prefixes.iter().any(|p| name.starts_with(p)));
    chosen
        .map(|(name, array)| (name.clone(), array.clone()))
        .collect()
}

/// Settings that give a model the widths of its fixture.
fn settings(fixture: &Fixture) -> Result<Vec<String>, Failure> {
    let (energy, encoder): (serde_json::Value, serde_json::Value) =
        (fixture.note("energy")?, fixture.note("encoder")?);
    Ok(vec![
        format!("model.width={}", energy["stages"][0][0]),
        format!("model.hidden={}", energy["hidden"]),
        format!("model.latent={}", energy["features"]),
        format!("encoder.width={}", encoder["width"]),
        format!("encoder.hidden={}", encoder["hidden"]),
        format!("loss.beta={}", fixture.note::<f64>("beta")?),
        format!("sampler.step_size={}", fixture.note::<f64>("step_size")?),
        "sampler.steps=2".into(),
        "train.batch=2".into(),
    ])
}

/// `clel import` of these arrays, with the settings of the model's fixture.
fn import(arrays: &Arrays, model: &str, more: &[&str]) -> crate::support::Run {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("official.safetensors");
    write(&file, arrays);
    let fixture = Fixture::open(&format!("official_{model}")).unwrap();
    let settings = settings(&fixture).unwrap();
    let file = text(&file);
    let mut arguments = vec!["import", &file, "--model", model];
    for setting in &settings {
        arguments.extend(["--set", setting]);
    }
    arguments.extend(more);
    clel(&arguments)
}

/// The checkpoint that comes of it.
fn imported(arrays: &Arrays, model: &str, folder: &Path) -> PathBuf {
    let out = folder.join(format!("{model}.safetensors"));
    let run = import(arrays, model, &["--out", &text(&out), "--json"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let told: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(told["checkpoint"], text(&out));
    out
}

fn floats(array: &(Dtype, Vec<usize>, Vec<u8>)) -> Vec<f32> {
    let words = array.2.as_chunks::<4>().0;
    words.iter().map(|w| f32::from_le_bytes(*w)).collect()
}

fn close(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = |v: &mut dyn Iterator<Item = f32>| v.fold(0.0f32, |m, x| m.max(x.abs()));
    let difference = largest(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    let scale = largest(&mut expected.iter().copied());
    assert!(found.iter().all(|v| v.is_finite()), "{what}");
    assert!(
        scale > 0.0 && difference <= TOLERANCE * scale,
        "{what}: {difference} of {scale}"
    );
}

/// What `clel energy` says of each image.
fn energies(checkpoint: &Path, images: &Path) -> Vec<serde_json::Value> {
    let (checkpoint, images) = (text(checkpoint), text(images));
    let run = clel(&[
        "energy",
        "--checkpoint",
        &checkpoint,
        "--images",
        &images,
        "--json",
        "--device",
        "cpu",
    ]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let rows = run.stdout.lines().map(serde_json::from_str);
    rows.collect::<Result<_, _>>().unwrap()
}

/// Compares energies, latents and chains of a checkpoint's averages with the fixture's `case`.
fn computes(checkpoint: &Path, model: &str, case: &str, folder: &Path) -> Result<(), Failure> {
    let expected = read(&Fixture::path(&format!("official_{model}")));
    let values = |name: &str| floats(&expected[&format!("{case}.{name}")]);
    let images = folder.join("images.safetensors");
    write(
        &images,
        &BTreeMap::from([("images".to_owned(), expected["x"].clone())]),
    );
    let (checkpoint_text, images_text) = (text(checkpoint), text(&images));
    let rows = energies(checkpoint, &images);
    for name in ["energy", "joint_energy"] {
        let found: Vec<f32> = rows
            .iter()
            .filter_map(|r| r[name].as_f64())
            .map(|v| v as f32)
            .collect();
        close(&format!("{model} {case} {name}"), &found, &values(name));
    }

    let x =
        clel_tensor::Tensor::from_slice(&floats(&expected["x"]), &expected["x"].1, &Device::Cpu)?;
    let loaded = load_networks(checkpoint, &Device::Cpu)?;
    let z = loaded.average.encoder.latent(&x.into(), Mode::Eval)?;
    close(
        &format!("{model} {case} latent"),
        &z.tensor().to_vec::<f32>()?,
        &values("latent"),
    );

    let fixture = Fixture::open(&format!("official_{model}"))?;
    let steps = fixture.note::<usize>("steps")?.to_string();
    let out = folder.join(format!("{model}-{case}"));
    let run = clel(&[
        "sample",
        "--checkpoint",
        &checkpoint_text,
        "--init",
        &images_text,
        "--steps",
        &steps,
        "--noise",
        "0",
        "--device",
        "cpu",
        "--out",
        &text(&out),
    ]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let samples = read(&out.join("samples.safetensors"));
    let chain = floats(&samples["samples"]);
    // where the chains went to, not where they started: a chain that stands still would prove nothing
    let start = floats(&expected["x"]);
    let moved =
        |chain: &[f32]| -> Vec<f32> { chain.iter().zip(&start).map(|(a, b)| a - b).collect() };
    let right = moved(&values("chain"));
    assert!(right.iter().any(|v| v.abs() > 0.05), "{model} {case}");
    close(&format!("{model} {case} chain"), &moved(&chain), &right);
    Ok(())
}

#[test]
fn imported_models_compute_what_pytorch_does() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    for model in MODELS {
        let state = official(model);
        let whole = imported(&state, model, folder.path());
        computes(&whole, model, "average", folder.path())?;
        std::fs::remove_file(&whole)?;
        // without averages, the networks themselves
        let live = only(&state, &["ebm.", "encoder.", "sampler."]);
        let live = imported(&live, model, folder.path());
        computes(&live, model, "live", folder.path())?;
    }
    Ok(())
}

#[test]
fn what_is_exported_is_what_was_imported() {
    let folder = tempfile::tempdir().unwrap();
    for model in MODELS {
        let state = official(model);
        let checkpoint = imported(&state, model, folder.path());
        let out = folder.path().join(format!("{model}-out.safetensors"));
        let run = clel(&[
            "export",
            "--checkpoint",
            &text(&checkpoint),
            "--out",
            &text(&out),
            "--json",
        ]);
        assert_eq!(run.code, Some(0), "{run:?}");
        let told: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(
            (&told["iteration"], &told["arrays"]),
            (&7.into(), &state.len().into())
        );
        // names, types, shapes and every bit
        let exported = read(&out);
        assert_eq!(
            exported.keys().collect::<Vec<_>>(),
            state.keys().collect::<Vec<_>>()
        );
        for (name, array) in &state {
            assert!(exported[name] == *array, "{model}: {name}");
        }

        let again = folder.path().join(format!("{model}-again"));
        std::fs::create_dir(&again).unwrap();
        let again = imported(&exported, model, &again);
        assert!(
            std::fs::read(&again).unwrap() == std::fs::read(&checkpoint).unwrap(),
            "{model}"
        );
    }
}

#[test]
fn a_model_saved_in_halves_is_widened() {
    let folder = tempfile::tempdir().unwrap();
    let state = official("resnet_small");
    let half = |array: &(Dtype, Vec<usize>, Vec<u8>)| -> Vec<f16> {
        floats(array).into_iter().map(f16::from_f32).collect()
    };
    // what PyTorch's `.half()` does: counters stay
    let saved = |(name, array): (&String, &(Dtype, Vec<usize>, Vec<u8>))| {
        if array.0 != Dtype::F32 {
            return (name.clone(), array.clone());
        }
        let bytes = half(array).iter().flat_map(|v| v.to_le_bytes()).collect();
        (name.clone(), (Dtype::F16, array.1.clone(), bytes))
    };
    let halves: Arrays = state.iter().map(saved).collect();
    let count = halves.values().filter(|a| a.0 == Dtype::F16).count();
    let out = folder.path().join("told.safetensors");
    let run = import(&halves, "resnet_small", &["--out", &text(&out)]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let note = format!("{count} arrays of 16-bit floats: widened");
    assert!(run.stdout.contains(&note), "{run:?}");

    let back = folder.path().join("back.safetensors");
    let run = clel(&["export", "--checkpoint", &text(&out), "--out", &text(&back)]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let back = read(&back);
    assert!(back.keys().eq(state.keys()));
    let floating = state.iter().filter(|(_, array)| array.0 == Dtype::F32);
    for (name, array) in floating {
        let wide: Vec<f32> = half(array).into_iter().map(f32::from).collect();
        assert_eq!((back[name].0, &back[name].1), (Dtype::F32, &array.1));
        assert!(floats(&back[name]) == wide, "{name}");
    }
}

#[test]
fn names_and_shapes_are_the_official_ones_at_full_width() -> Result<(), Failure> {
    for model in MODELS {
        let preset = match model {
            "resnet_small" => "cifar10-small",
            "resnet" => "cifar10",
            "resnet64" => "celeba64",
            _ => "cifar10-large",
        };
        let mut layers = Layers::preset(preset)?;
        let side = if model == "resnet64" { 64 } else { 32 };
        for setting in [
            "data.path=.",
            &format!("data.shape=[{side}, {side}, 3]"),
            "data.mean=[0.4914, 0.4822, 0.4465]",
            "data.std=[0.247, 0.2435, 0.2616]",
            "sampler.buffer=64",
        ] {
            layers.set(setting)?;
        }
        let trainer = Trainer::new(&layers.build()?, &Device::Cpu)?;
        let fixture = Fixture::open(&format!("official_{model}"))?;
        let shapes: Vec<Vec<usize>> = fixture.note("full_shapes")?;
        let names = official(model).into_keys();
        let mut expected: BTreeMap<String, Vec<usize>> = names.zip(shapes).collect();
        assert_eq!(
            expected.insert("sampler.memory".into(), vec![64, 3, side, side]),
            Some(vec![10000, 3, side, side])
        );
        let found: BTreeMap<String, Vec<usize>> = state_dict(&trainer).into_iter().collect();
        assert_eq!(found, expected, "{model}");
    }
    Ok(())
}

#[test]
fn one_network_alone_crosses_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let state = official("resnet_small");
    for (network, other) in [("ebm", "encoder"), ("encoder", "ebm")] {
        let own: Arrays = only(&state, &[&format!("{network}.")])
            .into_iter()
            .map(|(name, array)| (name[network.len() + 1..].to_owned(), array))
            .collect();
        let inner = folder.path().join(network);
        std::fs::create_dir(&inner).unwrap();
        let checkpoint = imported(&own, "resnet_small", &inner);
        for only in [network.to_owned(), format!("ema_{network}")] {
            let out = inner.join(format!("{only}-alone.safetensors"));
            let run = clel(&[
                "export",
                "--checkpoint",
                &text(&checkpoint),
                "--only",
                &only,
                "--out",
                &text(&out),
            ]);
            assert_eq!(run.code, Some(0), "{run:?}");
            assert!(
                run.stdout.contains(&format!("`{other}` is untrained")),
                "{run:?}"
            );
            let exported = read(&out);
            // the average counts one iteration less
            let counts = |name: &str| name.ends_with("num_batches_tracked");
            assert!(exported.keys().eq(own.keys()));
            assert!(
                own.iter()
                    .all(|(name, a)| counts(name) || exported[name] == *a)
            );
        }
        if network == "encoder" {
            let images = inner.join("images.safetensors");
            let black = (Dtype::U8, vec![1, 32, 32, 3], vec![0; 32 * 32 * 3]);
            write(&images, &BTreeMap::from([("images".to_owned(), black)]));
            refused(
                &[
                    "energy",
                    "--checkpoint",
                    &text(&checkpoint),
                    "--images",
                    &text(&images),
                    "--device",
                    "cpu",
                ],
                &["network `ebm`", "had no `ebm`"],
            );
        }
    }
}

#[test]
fn an_energy_network_alone_has_no_joint_energy() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = only(&official("resnet_small"), &["ema_ebm.", "sampler.memory"]);
    let checkpoint = imported(&state, "resnet_small", folder.path());
    let images = folder.path().join("images.safetensors");
    let all = read(&Fixture::path("official_resnet_small"));
    write(
        &images,
        &BTreeMap::from([("images".to_owned(), all["x"].clone())]),
    );
    let rows = energies(&checkpoint, &images);
    assert!(
        rows.iter().all(|row| row["joint_energy"].is_null()),
        "{rows:?}"
    );
    let found: Vec<f32> = rows
        .iter()
        .map(|row| row["energy"].as_f64().unwrap() as f32)
        .collect();
    close("energy", &found, &floats(&all["average.energy"]));

    state.retain(|name, _| name == "sampler.memory");
    let run = import(&state, "resnet_small", &["--out", "never.safetensors"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("no network here"), "{run:?}");
}

#[test]
fn wrong_files_are_told_with_every_array() {
    let good = official("resnet_small");
    let refused = |arrays: &Arrays, model: &str, parts: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out.safetensors");
        let run = import(arrays, model, &["--out", &text(&out)]);
        assert_eq!(run.code, Some(2), "{run:?}");
        for part in parts {
            assert!(run.stderr.contains(part), "{part} is not in {run:?}");
        }
        assert!(!run.stderr.contains("panicked") && !out.exists(), "{run:?}");
    };
    let mut bad = good.clone();
    bad.remove("ebm.head.2.bias");
    bad.remove("encoder.layer2.0.bn1.running_mean");
    bad.insert("ebm.extra".into(), (Dtype::F32, vec![1], vec![0; 4]));
    bad.insert("swa.more".into(), (Dtype::F32, vec![1], vec![0; 4]));
    let (_, shape, bytes) = bad["ema_ebm.stem.1.bias"].clone();
    bad.insert(
        "ema_ebm.stem.1.bias".into(),
        (Dtype::F32, vec![1, shape[0]], bytes.clone()),
    );
    bad.insert(
        "encoder.fc.0.weight".into(),
        (Dtype::F64, vec![1], vec![0; 8]),
    );
    refused(
        &bad,
        "resnet_small",
        &[
            "missing (2): ebm.head.2.bias; encoder.layer2.0.bn1.running_mean",
            "superfluous (2): ebm.extra; swa.more",
            &format!("ema_ebm.stem.1.bias [1, {0}], expected [{0}]", shape[0]),
            "encoder.fc.0.weight F64, expected F32 or F16",
        ],
    );

    let mut bad = good.clone();
    bad.insert(
        "sampler.memory".into(),
        (Dtype::F32, vec![2, 4, 16, 16], vec![0; 8192]),
    );
    refused(
        &bad,
        "resnet_small",
        &["sampler.memory [2, 4, 16, 16], expected ["],
    );

    let mut bad = good.clone();
    let (dtype, shape, mut bytes) = bad["sampler.memory"].clone();
    bytes[4..8].copy_from_slice(&(-1f32).to_le_bytes());
    bad.insert("sampler.memory".into(), (dtype, shape, bytes));
    refused(
        &bad,
        "resnet_small",
        &["array `sampler.memory`: -1 at position 1, expected pixels in 0..=1"],
    );

    let mut bad = good.clone();
    let (dtype, shape, mut bytes) = bad["ebm.head.0.weight"].clone();
    bytes[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
    bad.insert("ebm.head.0.weight".into(), (dtype, shape, bytes));
    refused(
        &bad,
        "resnet_small",
        &["ebm.head.0.weight", "NaN at position 1"],
    );

    refused(
        &good,
        "resnet",
        &[
            ":\n  by its names it is `--model resnet_small`\n  missing (",
            "; … and ",
        ],
    );

    // a state dict has hundreds of arrays
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.safetensors");
    let run = import(&good, "resnet", &["--out", &text(&out)]);
    let longest = run.stderr.lines().map(|line| line.chars().count()).max();
    assert!(longest < Some(1000), "{run:?}");
}

#[test]
fn training_goes_on_from_an_import() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images.safetensors");
    let pixels: Vec<u8> = (0..6 * 16 * 16 * 3).map(|i| (i * 37 % 251) as u8).collect();
    write(
        &images,
        &BTreeMap::from([("images".to_owned(), (Dtype::U8, vec![6, 16, 16, 3], pixels))]),
    );
    let run_directory = folder.path().join("run");
    let path = format!("data.path={}", images.display());
    let run = import(
        &official("resnet_small"),
        "resnet_small",
        &[
            "--run",
            &text(&run_directory),
            "--set",
            "data.source=safetensors",
            "--set",
            &path,
            "--set",
            "train.iterations=9",
            "--set",
            "eval.samples=4",
            "--set",
            "eval.rounds=1",
            "--set",
            "log.grid_images=3",
        ],
    );
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(
        run.stdout.contains("iteration 7") && run.stdout.contains("moments start at zero"),
        "{run:?}"
    );
    let run = clel(&[
        "train",
        "--resume",
        &text(&run_directory),
        "--device",
        "cpu",
    ]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let out = folder.path().join("after.safetensors");
    let run = clel(&[
        "export",
        "--checkpoint",
        &text(&run_directory),
        "--out",
        &text(&out),
    ]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let after = read(&out);
    let count = |name: &str| i64::from_le_bytes(after[name].2.clone().try_into().unwrap());
    assert_eq!(count("encoder.bn1.num_batches_tracked"), 18);
    assert_eq!(count("ema_encoder.bn1.num_batches_tracked"), 16);
}

#[test]
fn a_model_that_is_not_official_is_not_exported() {
    let checkpoint = text(&crate::support::tiny::finished_run().join("run"));
    let out = tempfile::tempdir().unwrap().path().join("out.safetensors");
    refused(
        &["export", "--checkpoint", &checkpoint, "--out", &text(&out)],
        &[
            "networks for the official implementation: found tiny with",
            "activation = leaky_relu",
            "resnet_small, resnet, resnet64 or resnet_large",
        ],
    );
}
