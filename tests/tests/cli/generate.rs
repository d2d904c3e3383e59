//! `clel sample` that is asked for something: classes, images, compositions, holes, noise; through the program.

use std::path::PathBuf;

use crate::support::faces::faces;
use crate::support::tiny::finished_run;
use crate::support::{Run, clel, refused, text};
use image::{AnimationDecoder, GrayImage, Luma};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

/// A drawing of 8×8, a mask whose right half is to be filled, and a folder for results.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let drawing = GrayImage::from_fn(8, 8, |x, y| Luma([(x * 30 + y) as u8]));
        drawing.save(dir.path().join("a.png")).unwrap();
        let mask = GrayImage::from_fn(8, 8, |x, _| Luma([if x < 4 { 0 } else { 255 }]));
        mask.save(dir.path().join("mask.png")).unwrap();
        Desk(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        text(&self.path(name))
    }

    /// `clel sample` of a run into a folder of this name.
    fn sample_of(&self, run: &str, name: &str, more: &[&[&str]]) -> Run {
        let out = self.text(name);
        let usual = [
            "sample",
            "--checkpoint",
            run,
            "--device",
            "cpu",
            "--out",
            &out,
        ];
        clel(&[&usual[..], &more.concat()].concat())
    }

    /// The same of the tiny run.
    fn run(&self, name: &str, more: &[&[&str]]) -> Run {
        self.sample_of(&text(&finished_run().join("run")), name, more)
    }

    /// Samples into a folder of this name; what it says of itself.
    fn sample(&self, name: &str, more: &[&str]) -> serde_json::Value {
        let done = self.run(name, &[&["--json"], more]);
        assert_eq!(done.code, Some(0), "{done:?}");
        let file = std::fs::read(self.path(name).join("sample.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&file).unwrap();
        assert_eq!(
            record,
            serde_json::from_str::<serde_json::Value>(&done.stdout).unwrap()
        );
        record
    }

    fn refused(&self, more: &[&str], parts: &[&str]) {
        self.run("refused", &[&["--steps", "1"], more])
            .told(2, parts);
        assert!(!self.path("refused").exists());
    }

    /// The tensor `samples`, image by image.
    fn images(&self, name: &str) -> Vec<Vec<f32>> {
        let bytes = std::fs::read(self.path(name).join("samples.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let view = file.tensor("samples").unwrap();
        let words = view.data().as_chunks::<4>().0;
        let values: Vec<f32> = words.iter().map(|w| f32::from_le_bytes(*w)).collect();
        values.chunks(64).map(<[f32]>::to_vec).collect()
    }

    fn size(&self, name: &str) -> (u32, u32) {
        image::image_dimensions(self.path(name)).unwrap()
    }
}

/// Side of an image in a picture, with its border.
const CELL: u32 = 66;

#[test]
fn each_class_is_a_row_and_is_judged() {
    let desk = Desk::new();
    let common = ["--steps", "3", "--guidance", "2", "--judge", "digits"];
    let with = |more: &[&'static str]| [&common[..], more].concat();
    let all = desk.sample("all", &with(&["--class", "all", "--count", "20"]));
    assert_eq!(
        (&all["samples"], &all["guidance"]),
        (&20.into(), &2.0.into())
    );
    assert_eq!((&all["seed"], &all["steps"]), (&0.into(), &3.into()));
    assert_eq!(all["conditions"].as_array().unwrap().len(), 10);
    assert_eq!(all["conditions"][3]["asked"], "class:3");
    let rows = all["agreement"]["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &all["agreement"]["n"]), (10, &20.into()));
    for (class, row) in rows.iter().enumerate() {
        assert_eq!(row["classes"], serde_json::json!([class]));
        let taken = row["taken"].as_array().unwrap();
        assert_eq!(taken.iter().map(|n| n.as_u64().unwrap()).sum::<u64>(), 2);
    }
    assert_eq!(desk.size("all/samples.png"), (2 * CELL + 2, 10 * CELL + 2));

    // the same noise with another weight is led elsewhere; another class too
    let images = desk.images("all");
    desk.sample("weak", &["--steps", "3", "--class", "all", "--count", "20"]);
    assert_ne!(images, desk.images("weak"));
    let two = desk.sample("two", &with(&["--class", "3,3", "--count", "4"]));
    assert_eq!(two["agreement"]["rows"].as_array().unwrap().len(), 2);

    let told = desk.run("told", &[&common, &["--class", "3", "--count", "2"]]);
    assert_eq!(told.code, Some(0), "{told:?}");
    for part in [
        "asked for, with β = 2: class:3",
        "of 2 samples",
        "embedded classifier",
        "     9  none",
        "none: for nothing that has a class",
    ] {
        assert!(told.stdout.contains(part), "{told:?}");
    }
}

#[test]
fn conditions_compose() {
    let desk = Desk::new();
    let a = desk.text("a.png");
    let (image, half) = (format!("image:{a}"), format!("image:{a}*0.5"));
    let steps = ["--steps", "2", "--count", "2", "--guidance", "5"];
    let with = |name: &str, more: &[&str]| desk.sample(name, &[&steps[..], more].concat());
    let like = with("like", &["--like", &a, "--judge", "digits"]);
    assert_eq!(like["agreement"]["rows"].as_array().unwrap().len(), 1);
    with("towards", &["--towards", &image]);
    assert_eq!(desk.images("like"), desk.images("towards"));

    let sum = [
        "--towards",
        "class:3",
        "--towards",
        &half,
        "--away",
        "class:8*0.25",
    ];
    let sum = with("sum", &sum);
    assert_eq!(
        sum["conditions"][0]["weights"],
        serde_json::json!([1.0, 0.5, -0.25])
    );
    assert_eq!(sum["conditions"][0]["class"], serde_json::Value::Null);
    // the order of a sum's terms is no matter, to rounding
    with(
        "turned",
        &[
            "--away",
            "class:8*0.25",
            "--towards",
            &half,
            "--towards",
            "class:3",
        ],
    );
    let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-4;
    let pairs = desk.images("sum").concat();
    let turned = desk.images("turned").concat();
    assert!(pairs.iter().zip(&turned).all(near));
    let minus = with("minus", &["--class", "3", "--away", "class:8"]);
    assert_eq!(minus["conditions"][0]["class"], 3);
    assert_eq!(minus["conditions"][0]["asked"], "class:3 - class:8");
}

#[test]
fn a_row_between_two_conditions_has_one_noise() {
    let desk = Desk::new();
    let a = format!("image:{}", desk.text("a.png"));
    let more = [
        "--steps", "2", "--count", "3", "--frames", "4", "--judge", "digits",
    ];
    let record = desk.sample(
        "arc",
        &[&more[..], &["--interpolate", "class:3", &a]].concat(),
    );
    let asked = record["conditions"].as_array().unwrap().iter();
    let asked: Vec<_> = asked.map(|c| c["asked"].as_str().unwrap()).collect();
    assert_eq!(asked, ["class:3", "0.33", "0.67", &a]);
    assert_eq!(
        (record["samples"].as_u64(), desk.images("arc").len()),
        (Some(12), 12)
    );
    assert_eq!(desk.size("arc/samples.png"), (4 * CELL + 2, 3 * CELL + 2));

    // between two ends either is meant, where it is of a class
    let rows = record["agreement"]["rows"].as_array().unwrap();
    let means = |row: usize| rows[row]["classes"].as_array().unwrap();
    assert_eq!(means(0), &[serde_json::json!(3)]);
    for inner in [1, 2] {
        assert!(means(inner).contains(&3.into()), "{rows:?}");
        assert!(means(3).iter().all(|end| means(inner).contains(end)));
    }

    desk.sample(
        "point",
        &[&more[..], &["--interpolate", "class:3", "class:3"]].concat(),
    );
    let images = desk.images("point");
    for row in images.chunks(4) {
        assert!(row.iter().all(|image| image == &row[0]));
    }
    assert_ne!(images[0], images[4]);
}

#[test]
fn holes_are_filled_and_the_rest_stays() {
    let desk = Desk::new();
    let (a, mask) = (desk.text("a.png"), desk.text("mask.png"));
    let more = [
        "--inpaint",
        &a,
        "--mask",
        &mask,
        "--steps",
        "5",
        "--count",
        "3",
    ];
    let record = desk.sample(
        "filled",
        &[&more[..], &["--class", "3", "--judge", "digits"]].concat(),
    );
    assert_eq!(record["agreement"]["n"], 3);
    // of a damaged image nobody knows the class, unless it is told
    let judged = |out: &str, more: &[&str]| {
        let all = [
            &[
                "--inpaint",
                &a,
                "--mask",
                &mask,
                "--steps",
                "1",
                "--judge",
                "digits",
            ],
            more,
        ];
        desk.sample(out, &all.concat())["agreement"].clone()
    };
    let unknown = judged("unknown", &[]);
    assert_eq!(
        (&unknown["n"], &unknown["accuracy"]),
        (&0.into(), &serde_json::Value::Null)
    );
    let told = judged("told", &["--expected", "7"]);
    assert_eq!(
        (&told["n"], &told["rows"][0]["classes"]),
        (&8.into(), &serde_json::json!([7]))
    );
    let images = desk.images("filled");
    assert_eq!(images.len(), 3);
    for image in &images {
        for (i, v) in image.iter().enumerate() {
            let byte = (i % 8 * 30 + i / 8) as f32;
            assert!(i % 8 >= 4 || *v == (byte + 0.5) / 256.0, "{i}");
        }
    }
    assert_ne!(images[0], images[1]);
    let given = image::open(desk.path("filled/given.png"))
        .unwrap()
        .into_luma8();
    assert_eq!(given.get_pixel(2 + 7 * 8, 2).0, [128]);
    assert_eq!(given.get_pixel(2 + 3 * 8, 2).0, [90]);
}

/// Images with classes are judged by them.
#[test]
fn noise_is_taken_from_images() {
    let desk = Desk::new();
    let values: Vec<u8> = (0..2 * 64).map(|i| (i * 37 % 256) as u8).collect();
    let images = TensorView::new(safetensors::Dtype::U8, vec![2, 8, 8, 1], &values).unwrap();
    let labels = TensorView::new(safetensors::Dtype::U8, vec![2], &[1, 4]).unwrap();
    let file = safetensors::serialize([("images", images), ("labels", labels)], None).unwrap();
    std::fs::write(desk.path("noisy.safetensors"), file).unwrap();
    let noisy = desk.text("noisy.safetensors");
    let denoise = ["--denoise", &noisy, "--judge", "digits"];
    desk.refused(
        &[&denoise[..], &["--expected", "3"]].concat(),
        &["--expected 3: the given images have classes"],
    );
    let record = desk.sample("free", &denoise);
    // what a training iteration takes
    assert_eq!(
        (&record["samples"], &record["steps"]),
        (&2.into(), &2.into())
    );
    let rows = record["agreement"]["rows"].as_array().unwrap();
    let classes: Vec<_> = rows.iter().map(|row| &row["classes"]).collect();
    assert_eq!(classes, [&serde_json::json!([1]), &serde_json::json!([4])]);
    assert_eq!(record["agreement"]["n"], 2);
    // held by noise far below a step's, the images hardly move
    desk.sample(
        "held",
        &[&denoise[..], &["--sigma", "0.0001", "--steps", "4"]].concat(),
    );
    for (v, byte) in desk.images("held").concat().iter().zip(&values) {
        assert!((v - (f32::from(*byte) + 0.5) / 256.0).abs() < 1e-4);
    }
    assert_ne!(desk.images("free"), desk.images("held"));
}

#[test]
fn chains_are_shown_over_time_and_end_the_same() {
    let desk = Desk::new();
    let more = ["--class", "1,2", "--count", "6", "--steps", "10"];
    desk.sample("plain", &more);
    let gif = desk.text("chain.gif");
    let seen = desk.sample(
        "seen",
        &[&more[..], &["--animate", &gif, "--every", "4"]].concat(),
    );
    assert_eq!(desk.images("plain"), desk.images("seen"));
    assert_eq!(
        seen["over_time"]["frames"],
        serde_json::json!([0, 4, 8, 10])
    );
    assert_eq!(seen["over_time"]["chains"], serde_json::json!([0, 3]));
    assert_eq!(
        desk.size("seen/over-time.png"),
        (4 * CELL + 2, 2 * CELL + 2)
    );
    let file = std::io::BufReader::new(std::fs::File::open(&gif).unwrap());
    let frames = image::codecs::gif::GifDecoder::new(file)
        .unwrap()
        .into_frames();
    let frames = frames.collect_frames().unwrap();
    assert_eq!(frames.len(), 4);
    // the grid of the samples at half its size
    assert_eq!(frames[3].buffer().dimensions(), (3 * 34 + 2, 2 * 34 + 2));
    desk.refused(&["--animate", &gif], &["chain.gif", "exists already"]);
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let desk = Desk::new();
    let (a, mask) = (desk.text("a.png"), desk.text("mask.png"));
    let (wide, black) = (desk.text("wide.png"), desk.text("black.png"));
    GrayImage::new(9, 8).save(&wide).unwrap();
    GrayImage::new(8, 8).save(&black).unwrap();
    let cases: [(&[&str], &[&str]); 35] = [
        (
            &["--class", "12"],
            &["class `12`", "there are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"],
        ),
        (
            &["--class", "all", "--count", "15"],
            &["15 samples: must be a multiple of 10"],
        ),
        (
            &["--like", &wide],
            &["wide.png", "found 8×9×1, expected 8×8×1"],
        ),
        (
            &["--towards", "colour:red"],
            &["expected class:NAME or image:PATH"],
        ),
        (
            &["--away", "class:3*-1"],
            &["`-1` after `*`", "a number above 0"],
        ),
        (
            &["--towards", "image:none.png"],
            &["none.png", "os error 2"],
        ),
        (&["--guidance", "2"], &["--guidance 2", "--class, --like"]),
        (
            &["--guidance", "nan", "--class", "1"],
            &["--guidance NaN: must be a finite"],
        ),
        (
            &["--guidance", "1e308", "--class", "1"],
            &["--guidance 1e308: must be at most 3.4028235e38"],
        ),
        (&["--interpolate", "class:1"], &["2 values required"]),
        (
            &["--interpolate", "class:1", "class:2", "--class", "1"],
            &["cannot be used with"],
        ),
        (
            &["--interpolate", "class:1", "class:2", "--frames", "1"],
            &["--frames 1: must lie in 2..="],
        ),
        (&["--inpaint", &a], &["--mask"]),
        (
            &["--inpaint", &a, "--mask", &wide],
            &["mask", "found 8×9, expected 8×8"],
        ),
        (&["--inpaint", &a, "--mask", &black], &["no white pixel"]),
        (
            &["--inpaint", &a, "--mask", &mask, "--init", &a],
            &["cannot be used with"],
        ),
        (
            &["--inpaint", &a, "--mask", &mask, "--augment", "weak"],
            &["--augment weak: would move"],
        ),
        (
            &["--denoise", &a, "--sigma", "0"],
            &["--sigma 0: must be a finite number above 0"],
        ),
        (
            &["--denoise", &a, "--sigma", "-1"],
            &["--sigma -1: must be a finite number above 0"],
        ),
        (
            &["--noise", "-1"],
            &["--noise -1: must be a finite number, 0 or above"],
        ),
        (
            &["--denoise", &a, "--count", "4"],
            &["has 1 image, and one chain starts at each", "--seed"],
        ),
        (
            &["--class", "3", "--judge", "digits", "--expected", "3"],
            &["--expected 3: conditions say"],
        ),
        (
            &["--denoise", &a, "--sigma", "1", "--noise", "0"],
            &["--noise 0"],
        ),
        (
            &["--animate", "nowhere/chain.gif"],
            &["there is no folder nowhere"],
        ),
        (
            &["--animate", "chain.mp4"],
            &["--animate chain.mp4: must end in .gif"],
        ),
        (&["--judge", "encoder"], &["--judge encoder", "take digits"]),
        // what nothing would look at
        (&["--denoise", &a, "--mask", &mask], &["--mask: is where"]),
        (&["--init", &a, "--mask", &mask], &["--mask: is where"]),
        (&["--init", &a, "--sigma", "0.2"], &["--sigma: is of"]),
        (
            &["--inpaint", &a, "--mask", &mask, "--sigma", "0.3"],
            &["--sigma: is of"],
        ),
        (
            &["--interpolate", "class:1", "class:2", "--sigma", "0.3"],
            &["--sigma: is of"],
        ),
        (&["--frames", "9"], &["--frames: is of --interpolate"]),
        (
            &["--like", &a, "--class-images", "9"],
            &["--class-images: makes latents of classes"],
        ),
        (
            &["--data", "digits"],
            &["--data: is where classes are from"],
        ),
        (
            &["--like", &a, "--data", "digits"],
            &["--data: is where classes are from"],
        ),
    ];
    for (arguments, parts) in cases {
        desk.refused(arguments, parts);
    }
    // two images, two conditions: which are the rows?
    std::fs::create_dir(desk.path("two")).unwrap();
    for name in ["two/a.png", "two/b.png"] {
        std::fs::copy(&a, desk.path(name)).unwrap();
    }
    let two = desk.text("two");
    let what = &["a row is either"];
    desk.refused(&["--class", "1,2", "--like", &two], what);
    desk.refused(
        &["--class", "1,2", "--inpaint", &two, "--mask", &mask],
        what,
    );
}

/// It is not the checkpoint's fault where the energies of a condition are not finite.
#[test]
fn too_much_of_a_condition_is_told() {
    let desk = Desk::new();
    let far = ["--class", "1", "--guidance", "3e38", "--steps", "2"];
    let told = desk.run("far", &[&far]);
    told.told(1, &["a pixel became NaN", "or --noise, --guidance or"]);
    assert!(!desk.path("far").exists());
}

/// A run without the guide, whose chains have no temperature.
#[test]
fn models_that_cannot_be_asked_are_named() {
    let desk = Desk::new();
    let run = desk.text("run");
    let zero = ["--set", "loss.beta=0", "--set", "sampler.noise=0"];
    let trained =
        crate::support::tiny::train(&desk.path("run"), &[&["--steps", "1"], &zero[..]].concat());
    assert_eq!(trained.code, Some(0), "{trained:?}");
    desk.sample_of(&run, "out", &[&["--class", "1"]])
        .told(2, &["--checkpoint", &run, "loss.beta = 0"]);
    // of several models, the one that is meant
    let member = format!("--ensemble {run}: was trained with loss.beta = 0");
    desk.run("out", &[&["--class", "1", "--ensemble", &run]])
        .told(2, &[&member]);
    let a = desk.text("a.png");
    desk.sample_of(&run, "out", &[&["--denoise", &a, "--sigma", "0.2"]])
        .told(2, &["--sigma 0.2", "the run's sampler.noise = 0"]);
}

#[test]
fn attributes_of_faces_are_classes() {
    let desk = Desk::new();
    faces(&desk.path("faces"));
    let path = format!("data.path={}", desk.text("faces"));
    let data = [
        "--set",
        "data.source=celeba",
        "--set",
        &path,
        "--set",
        "data.size=[8,8]",
    ];
    let trained = crate::support::tiny::train(
        &desk.path("run"),
        &[&["--steps", "1", "--set", "eval.samples=0"][..], &data].concat(),
    );
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let (run, judge) = (desk.text("run"), desk.text("judge.safetensors"));
    let classifier = [
        "classifier",
        "--data",
        "celeba",
        "--path",
        &desk.text("faces"),
    ]
    .map(str::to_owned);
    let classifier: Vec<&str> = classifier.iter().map(String::as_str).collect();
    let few = [
        "--iterations",
        "2",
        "--batch",
        "4",
        "--device",
        "cpu",
        "--out",
        &judge,
    ];
    let fitted = clel(&[&classifier[..], &few, &["--attribute", "Smiling"]].concat());
    assert_eq!(fitted.code, Some(0), "{fitted:?}");
    refused(
        &[&classifier[..], &few[..6], &["--out", &desk.text("b")]].concat(),
        &["--data celeba", "--attribute Smiling"],
    );

    let few_steps = ["--json", "--steps", "1", "--count", "2"];
    let sample = |out: &str, more: &[&str]| desk.sample_of(&run, out, &[&few_steps, more]);
    let done = sample(
        "a",
        &[
            "--class",
            "Smiling,not-Smiling",
            "--away",
            "class:Eyeglasses",
        ],
    );
    assert_eq!(done.code, Some(0), "{done:?}");
    let record: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    let classes: Vec<_> = (0..2)
        .map(|i| record["conditions"][i]["class"].as_u64())
        .collect();
    assert_eq!(classes, [Some(1), Some(0)]);
    sample("b", &["--class", "Laughing"])
        .told(2, &["no attribute `Laughing`", "Smiling, Eyeglasses"]);
    sample("c", &["--class", "all"]).told(2, &["until an attribute is named"]);
    // a judge of images of another size is refused before anything is drawn
    sample(
        "d",
        &[
            "--class",
            "Smiling",
            "--judge",
            &format!("classifier:{judge}"),
        ],
    )
    .told(2, &["8×8×3", "expected 64×64×3"]);
    assert!(!desk.path("d").exists());
}
