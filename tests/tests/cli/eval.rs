//! `clel eval`, `clel ood` and `clel classifier`, through the program.

use crate::support::arrays::{self, Arrays, write_images};
use crate::support::tiny::finished_run;
use crate::support::{clel, refused, text};
use safetensors::Dtype;
use serde_json::Value;

fn run_path() -> String {
    text(&finished_run().join("run"))
}

/// Runs a command with `--json` on the CPU: its lines.
fn lines(command: &str, arguments: &[&str]) -> Vec<Value> {
    let run = clel(&[&[command, "--device", "cpu", "--json"], arguments].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    let lines = run.stdout.lines();
    lines.map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn refuse(command: &str, arguments: &[&str], parts: &[&str]) {
    refused(&[&[command, "--device", "cpu"], arguments].concat(), parts);
}

/// A CIFAR-10 ResNet-8 of equal numbers.
fn resnet8() -> Arrays {
    let mut all = Arrays::new();
    let mut add = |name: String, shape: &[usize]| {
        let numbers = shape.iter().product::<usize>();
        let bytes = (0..numbers).flat_map(|i| (0.05 + (i % 5) as f32 * 0.01).to_le_bytes());
        all.insert(name, (Dtype::F32, shape.to_vec(), bytes.collect()));
    };
    let mut norms = vec![("bn1".to_owned(), 16)];
    add("conv1.weight".into(), &[16, 3, 3, 3]);
    add("linear.weight".into(), &[10, 64]);
    add("linear.bias".into(), &[10]);
    for (stage, [c, o]) in [[16, 16], [16, 32], [32, 64]].into_iter().enumerate() {
        let name = format!("layer{}.0", stage + 1);
        add(format!("{name}.conv1.weight"), &[o, c, 3, 3]);
        add(format!("{name}.conv2.weight"), &[o, o, 3, 3]);
        norms.extend([(format!("{name}.bn1"), o), (format!("{name}.bn2"), o)]);
    }
    for (name, width) in norms {
        for part in ["weight", "bias", "running_mean", "running_var"] {
            add(format!("{name}.{part}"), &[width]);
        }
    }
    all
}

#[test]
fn the_buffer_and_fresh_chains_are_judged() {
    let run = run_path();
    let buffer = lines("eval", &["--checkpoint", &run]);
    assert_eq!(buffer.len(), 1);
    let line = &buffer[0];
    assert_eq!((&line["n"], &line["reference_n"]), (&8.into(), &297.into()));
    assert_eq!(line["images"], "8 samples of the replay buffer");
    assert!(line["reference"].as_str().unwrap().ends_with("test images"));
    assert_eq!(line["sampler"]["steps"], 2);
    assert_eq!(line["checkpoint"], run);
    for figure in ["frechet", "precision", "recall", "density", "coverage"] {
        assert!(line[figure].is_f64(), "{figure} in {line}");
    }
    assert_eq!(line["kernel_distance"]["size"], 8);
    // an encoder is no classifier
    assert!(line["inception_score"].is_null());

    let fresh = |seed: &str| {
        let mut all = vec![
            "--checkpoint",
            &run,
            "--protocol",
            "final",
            "--samples",
            "12",
        ];
        all.extend(["--rounds", "3", "--features", "digits", "--seed", seed]);
        lines("eval", &all)
    };
    let first = fresh("1");
    assert_eq!(first.len(), 3);
    for (i, line) in first.iter().enumerate() {
        assert_eq!((&line["round"], &line["n"]), (&(i + 1).into(), &12.into()));
        assert_eq!(
            (&line["reference_n"], &line["seed"]),
            (&1500.into(), &1.into())
        );
        assert_eq!(line["inception_score"]["parts"], 10);
    }
    assert_eq!(fresh("1"), first);
    assert_ne!(fresh("2")[0]["frechet"], first[0]["frechet"]);

    // the file with the last round's samples is judged alike
    let dir = tempfile::tempdir().unwrap();
    let out = text(&dir.path().join("final.safetensors"));
    let drawn = [
        "--checkpoint",
        &run,
        "--protocol",
        "final",
        "--samples",
        "12",
    ];
    let kept = [
        "--rounds",
        "3",
        "--features",
        "digits",
        "--seed",
        "1",
        "--out",
        &out,
    ];
    let drawn = [&drawn[..], &kept].concat();
    assert_eq!(lines("eval", &drawn), first);
    let given = [
        "--images", &out, "--data", "digits", "--split", "train", "--seed", "1",
    ];
    let given = lines("eval", &[&given[..], &["--features", "digits"]].concat());
    assert_eq!(given[0]["frechet"], first[2]["frechet"]);
    refused(&[&["eval"], &drawn[..]].concat(), &["exists already"]);
    refused(
        &["eval", "--checkpoint", &run, "--out", "new"],
        &["--out", "--protocol final"],
    );

    let table = clel(&["eval", "--checkpoint", &run, "--device", "cpu"]);
    for part in [
        "features    the checkpoint's own",
        "n = 297",
        "restart 0.03",
        "seed        0",
        &format!("checkpoint  {run}"),
        "kernel distance: mean ± deviation over 100 subsets of 8",
    ] {
        assert!(table.stdout.contains(part), "{part} is not in {table:?}");
    }
}

#[test]
fn the_encoder_is_asked_for_neighbours_and_a_probe() {
    let all = [
        "--checkpoint",
        &run_path(),
        "--protocol",
        "encoder",
        "--neighbours",
        "3",
    ];
    let found = &lines("eval", &all)[0];
    assert_eq!(
        (&found["train_n"], &found["test_n"]),
        (&1500.into(), &297.into())
    );
    for figure in ["neighbour_accuracy", "probe_accuracy"] {
        // an encoder that has hardly learnt still knows more than chance, 0.1
        let share = found[figure].as_f64().unwrap();
        assert!((0.2..=1.0).contains(&share), "{figure} in {found}");
    }
}

#[test]
fn images_are_judged_in_the_features_of_given_weights() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| text(&dir.path().join(name));
    arrays::write(&dir.path().join("net.safetensors"), &resnet8());
    write_images(&dir.path().join("a.safetensors"), [12, 32, 32, 3], None);
    let network = format!("cifar_resnet:{}", at("net.safetensors"));
    let data = at("a.safetensors");
    let reference = ["--data", "safetensors", "--path", &data, "--images", &data];
    let arguments = [&reference[..], &["--features", &network]].concat();
    let found = &lines("eval", &arguments)[0];
    assert!(found["features"].as_str().unwrap().contains("ResNet-8 ("));
    assert!(found["frechet"].as_f64().unwrap() < 1e-6, "{found}");
    assert_eq!(
        (&found["precision"], &found["recall"]),
        (&1.0.into(), &1.0.into())
    );

    let spoilt = |name: &str, change: &dyn Fn(&mut Arrays)| {
        let mut all = resnet8();
        change(&mut all);
        arrays::write(&dir.path().join(name), &all);
        at(name)
    };
    for (network, parts) in [
        (
            spoilt("missing", &|a| drop(a.remove("layer2.0.bn1.bias"))),
            &["layer2.0.bn1.bias"][..],
        ),
        (
            spoilt("shape", &|a| {
                drop(a.insert("conv1.weight".into(), a["linear.bias"].clone()))
            }),
            &["conv1.weight", "[10]", "[16, 3, 3, 3]"],
        ),
        (
            spoilt("other", &|a| a.retain(|k, _| !k.starts_with("layer1"))),
            &["layer1.0.conv1.weight", "akamaster"],
        ),
        (
            spoilt("nan", &|a| {
                a.get_mut("linear.bias").unwrap().2[..4].copy_from_slice(&f32::NAN.to_le_bytes())
            }),
            &["linear.bias", "NaN"],
        ),
        (at("absent"), &["absent"]),
        (data.clone(), &["layer1.0.conv1.weight"]),
    ] {
        let network = format!("cifar_resnet:{network}");
        refuse(
            "eval",
            &[&reference[..], &["--features", &network]].concat(),
            parts,
        );
    }
    let inception = format!("inception:{}", at("net.safetensors"));
    let with_inception = [&reference[..], &["--features", &inception]].concat();
    refuse(
        "eval",
        &with_inception,
        &["net.safetensors", "Conv2d_1a_3x3.conv.weight"],
    );
    let classifier = format!("classifier:{}", at("net.safetensors"));
    let with_classifier = [&reference[..], &["--features", &classifier]].concat();
    refuse(
        "eval",
        &with_classifier,
        &["net.safetensors", "clel classifier"],
    );
    let few = [&arguments[..], &["--samples", "9"]].concat();
    refuse("eval", &few, &["inception-score", "found 9", "at least 10"]);
    let folder = dir.path().join("imagenet");
    for (part, count) in [("train", 14), ("val", 12)] {
        let folder = folder.join(part).join("n01");
        std::fs::create_dir_all(&folder).unwrap();
        for i in 0..count {
            let picture = image::RgbImage::from_pixel(40, 32, image::Rgb([i * 9, 70, 30]));
            picture.save(folder.join(format!("{i}.png"))).unwrap();
        }
    }
    // published figures of ImageNet 32 are against its validation images
    let imagenet = [
        "--data",
        "imagenet32",
        "--path",
        &text(&folder),
        "--images",
        &data,
    ];
    let against = [&imagenet[..], &["--features", &network]].concat();
    let line = &lines("eval", &against)[0];
    assert_eq!(line["reference_n"], 12, "{line}");
    assert!(
        line["reference"].as_str().unwrap().ends_with("test images"),
        "{line}"
    );
    let learnt = [&against[..], &["--split", "train"]].concat();
    assert_eq!(lines("eval", &learnt)[0]["reference_n"], 14);

    // some of them are drawn by the seed, and the output says so
    let some = |seed| {
        let some = ["--samples", "11", "--figures", "frechet", "--seed", seed];
        lines("eval", &[&arguments[..], &some].concat()).remove(0)
    };
    let told = format!("11 of 12 images of {data}, drawn by seed 3");
    assert_eq!(some("3")["images"], told);
    assert_eq!(some("3"), some("3"));
    assert!(
        ["4", "5", "6"]
            .iter()
            .any(|seed| some(seed)["frechet"] != some("3")["frechet"])
    );
    let many = [&arguments[..], &["--samples", "13"]].concat();
    refuse("eval", &many, &["--samples 13", "12 images"]);
}

#[test]
fn what_cannot_be_judged_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| text(&dir.path().join(name));
    write_images(&dir.path().join("small.safetensors"), [12, 8, 8, 1], None);
    write_images(&dir.path().join("wide.safetensors"), [12, 8, 9, 1], None);
    let (small, wide, run) = (at("small.safetensors"), at("wide.safetensors"), run_path());
    refuse("eval", &[], &["--checkpoint"]);
    refuse(
        "eval",
        &["--checkpoint", &run, "--features", "vgg"],
        &["inception:FILE"],
    );
    refuse(
        "eval",
        &["--checkpoint", &run, "--rounds", "0"],
        &["--rounds 0"],
    );
    refuse(
        "eval",
        &["--checkpoint", &run, "--data", "mnistt"],
        &["mnistt", "digits"],
    );
    for (more, told) in [
        (&["--rounds", "3"][..], "--rounds: is of fresh chains"),
        (&["--neighbours", "3"], "--neighbours: is of the encoder"),
        (
            &["--protocol", "encoder", "--samples", "9"],
            "--samples: --protocol encoder takes all",
        ),
        (
            &["--size", "8,8"],
            "--size: brings --images and the files of --data",
        ),
        (&["--size", "8"], "expected HEIGHT,WIDTH"),
    ] {
        let arguments = [&["--checkpoint", &run], more].concat();
        refuse("eval", &arguments, &[told]);
    }
    let resized = ["--images", &small, "--data", "digits", "--size", "8,8"];
    refuse(
        "eval",
        &resized,
        &["--size 8,8: only image files are resized"],
    );
    refuse("eval", &["--images", &small], &["--data"]);
    let images = ["--images", &small, "--data", "digits"];
    refuse("eval", &images, &["--features encoder", "--checkpoint"]);
    refuse(
        "eval",
        &["--checkpoint", &run, "--images", &wide],
        &["8×9×1", "8×8×1"],
    );
    let figures = ["--checkpoint", &run, "--figures", "inception-score"];
    refuse("eval", &figures, &["inception-score", "classifier"]);
    let unlabelled = [
        "--protocol",
        "encoder",
        "--data",
        "safetensors",
        "--path",
        &small,
    ];
    refuse(
        "eval",
        &[&["--checkpoint", &run], &unlabelled[..]].concat(),
        &["classes"],
    );
    let neighbours = [
        "--checkpoint",
        &run,
        "--protocol",
        "encoder",
        "--neighbours",
        "0",
    ];
    refuse("eval", &neighbours, &["nearest neighbours", "1 to 1500"]);
    let other = [
        "--checkpoint",
        &run,
        "--data",
        "safetensors",
        "--path",
        &wide,
    ];
    refuse("eval", &other, &["8×9×1", "8×8×1"]);
}

#[test]
fn outliers_are_told_from_what_was_learnt() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("colour.safetensors");
    write_images(&file, [20, 16, 12, 3], None);
    let colour = format!("safetensors:{},interp", text(&file));
    let found = lines(
        "ood",
        &[
            "--checkpoint",
            &run_path(),
            "--in",
            "digits",
            "--out",
            &colour,
        ],
    );
    assert_eq!(found.len(), 2);
    assert_eq!(
        (
            &found[0]["checkpoint"],
            &found[0]["positive"],
            &found[0]["augmentation"]
        ),
        (&run_path().into(), &"inside".into(), &"none".into())
    );
    for (line, n) in found.iter().zip([20, 197]) {
        assert_eq!(
            (&line["inside_n"], &line["outside_n"]),
            (&297.into(), &n.into())
        );
        for figure in ["auroc", "aupr", "fpr95"] {
            let value = line[figure].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&value), "{line}");
        }
    }
    // a set against itself: every score is in both
    let same = [
        "--checkpoint",
        &run_path(),
        "--in",
        "digits",
        "--out",
        "digits",
    ];
    let line = &lines("ood", &same)[0];
    assert_eq!(line["auroc"], 0.5, "{line}");
    let small = format!("safetensors:{}", text(&file));
    let few = [
        "--checkpoint",
        &run_path(),
        "--in",
        &small,
        "--out",
        "interp",
    ];
    refuse(
        "ood",
        &[&same[..], &["--beta", "-0.1"]].concat(),
        &["--beta -0.1: must be a finite number, 0 or above"],
    );
    refuse(
        "ood",
        &[&same[..], &["--beta", "1e39"]].concat(),
        &["--beta 1e39: must be at most 3.4028235e38"],
    );
    refuse("ood", &few, &["interp", "more than 100", "20"]);
    let unknown = [
        "--checkpoint",
        &run_path(),
        "--in",
        "digits",
        "--out",
        "nothing:x",
    ];
    refuse(
        "ood",
        &unknown,
        &["nothing", "NAME:PATH", "images, safetensors, or interp"],
    );
}

#[test]
fn a_classifier_of_ones_own_judges_images() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| text(&dir.path().join(name));
    write_images(&dir.path().join("set.safetensors"), [24, 8, 10, 1], Some(3));
    write_images(&dir.path().join("plain.safetensors"), [24, 8, 10, 1], None);
    let (set, out) = (at("set.safetensors"), at("net.safetensors"));
    let train = [
        "--data",
        "safetensors",
        "--path",
        &set,
        "--iterations",
        "3",
        "--batch",
        "8",
    ];
    let run = clel(
        &[
            &["classifier", "--device", "cpu", "--json", "--out", &out],
            &train[..],
        ]
        .concat(),
    );
    assert_eq!(run.code, Some(0), "{run:?}");
    let told: serde_json::Value = serde_json::from_str(&run.stdout).expect("one JSON object");
    assert_eq!(
        (&told["images"], &told["held_out"]),
        (&2.into(), &true.into())
    );
    assert_eq!(told["classifier"], out);
    let share = told["accuracy"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&share), "{told}");
    let network = format!("classifier:{out}");
    let judged = ["--images", &set, "--data", "safetensors", "--path", &set];
    let found = &lines("eval", &[&judged[..], &["--features", &network]].concat())[0];
    assert!(
        found["features"]
            .as_str()
            .unwrap()
            .starts_with("classifier of 3 classes")
    );
    assert!(found["frechet"].as_f64().unwrap() < 1e-6, "{found}");

    let encoder = ["--checkpoint", &run_path(), "--protocol", "encoder"];
    refuse(
        "eval",
        &[&encoder[..], &train[..4]].concat(),
        &["the set has no test images", "data.test_share"],
    );

    // files of several sizes, brought to one
    let folder = dir.path().join("files");
    for (class, [h, w]) in [("a", [9, 12]), ("b", [20, 10])] {
        let folder = folder.join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for i in 0..12u8 {
            let picture = image::GrayImage::from_fn(w, h, |x, y| image::Luma([(x * y) as u8 ^ i]));
            picture.save(folder.join(format!("{i}.png"))).unwrap();
        }
    }
    let files = text(&folder);
    let native = [
        "--data",
        "images",
        "--path",
        &files,
        "--out",
        &at("files.safetensors"),
    ];
    refuse("classifier", &native, &["20×10", "--size"]);
    let sized = [
        &native[..],
        &["--size", "8,10", "--iterations", "2", "--batch", "8"],
    ]
    .concat();
    let run = clel(&[&["classifier", "--device", "cpu"], &sized[..]].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    let judged = [
        "--images",
        &text(&folder.join("b")),
        "--data",
        "images",
        "--path",
        &files,
    ];
    let against = [&judged[..], &["--features", &network, "--size", "8,10"]].concat();
    assert_eq!(lines("eval", &against)[0]["n"], 12);

    refuse(
        "classifier",
        &[&train[..], &["--out", &out]].concat(),
        &["exists already"],
    );
    let other = at("other.safetensors");
    let plain = [
        "--data",
        "safetensors",
        "--path",
        &at("plain.safetensors"),
        "--out",
        &other,
    ];
    refuse("classifier", &plain, &["without classes"]);
    let nowhere = ["--data", "digits", "--out", &at("nowhere/net.safetensors")];
    refuse("classifier", &nowhere, &["--out: there is no folder"]);
    let lazy = ["--data", "digits", "--iterations", "0", "--out", &other];
    refuse("classifier", &lazy, &["--iterations 0"]);
    let digits = ["--images", &set, "--data", "digits", "--features", &network];
    refuse("eval", &digits, &["8×10×1"]);
}

#[test]
fn a_classifier_that_diverges_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("net.safetensors");
    let run = clel(&[
        "classifier",
        "--device",
        "cpu",
        "--data",
        "digits",
        "--rate",
        "1e30",
        "--iterations",
        "9",
        "--out",
        &text(&out),
    ]);
    run.told(1, &["its loss is", "in step", "a lower --rate helps"]);
    assert!(!out.exists());
}
