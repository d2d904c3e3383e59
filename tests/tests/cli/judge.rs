//! `clel sample --judge`: a classifier of other classes than those asked for has no say; through the program.

use std::path::Path;

use crate::support::arrays::{read_all, write_all, write_images};
use crate::support::desk::Desk;
use crate::support::faces::faces;
use crate::support::tiny::{finished_run, train};
use crate::support::{Run, clel, text};
use image::{GrayImage, Luma};
use serde_json::Value;

impl Desk {
    /// Trains a classifier into a file of this name; how `--judge` names it.
    fn classifier(&self, name: &str, data: &str, path: &str, more: &[&str]) -> String {
        let (path, out) = (text(&self.path(path)), text(&self.path(name)));
        let usual = ["classifier", "--data", data, "--path", &path, "--out", &out];
        let few = ["--device", "cpu", "--iterations", "2", "--batch", "4"];
        let fitted = clel(&[&usual[..], &few, more].concat());
        assert_eq!(fitted.code, Some(0), "{fitted:?}");
        format!("classifier:{out}")
    }

    /// Two samples or so of a run, one step each.
    fn judged(&self, run: &Path, judge: &str, more: &[&str]) -> Run {
        let (run, out) = (text(run), text(&self.path("out")));
        let usual = ["sample", "--checkpoint", &run, "--out", &out, "--json"];
        let few = ["--device", "cpu", "--steps", "1", "--judge", judge];
        clel(&[&usual[..], &few, more].concat())
    }

    /// The same, which is judged; what was said of it, and the warnings.
    fn agreement(&self, run: &Path, judge: &str, more: &[&str]) -> (Value, String) {
        let done = self.judged(run, judge, more);
        assert_eq!(done.code, Some(0), "{done:?}");
        std::fs::remove_dir_all(self.path("out")).unwrap();
        let record: Value = serde_json::from_str(&done.stdout).unwrap();
        (record["agreement"].clone(), done.stderr)
    }

    /// The same, which is refused before anything is drawn.
    fn refused(&self, run: &Path, judge: &str, more: &[&str], parts: &[&str]) {
        self.judged(run, judge, more).told(2, parts);
        assert!(!self.path("out").exists());
    }

    /// Grey images of 8×8 in sub-folders of these names.
    fn folders(&self, name: &str, classes: &[&str]) -> String {
        for (i, class) in classes.iter().enumerate() {
            let folder = self.path(name).join(class);
            std::fs::create_dir_all(&folder).unwrap();
            for k in 0..2u8 {
                let image = GrayImage::from_pixel(8, 8, Luma([20 * i as u8 + k]));
                image.save(folder.join(format!("{k}.png"))).unwrap();
            }
        }
        text(&self.path(name))
    }
}

/// The file of a classifier as older programs wrote it, which say nothing of its classes.
fn forget(judge: &str) {
    let path = Path::new(judge.strip_prefix("classifier:").unwrap());
    let (arrays, mut metadata) = read_all(path);
    let forgotten = metadata.as_mut().and_then(|all| all.remove("classes"));
    assert!(forgotten.unwrap().contains("celeba"));
    write_all(path, &arrays, metadata);
}

#[test]
fn attributes_are_judged_by_classifiers_of_them() {
    let desk = Desk::new();
    faces(&desk.path("faces"));
    let path = format!("data.path={}", text(&desk.path("faces")));
    let run = desk.path("run");
    #[rustfmt::skip]
    let trained = train(&run, &[
        "--steps", "1", "--set", "eval.samples=0", "--set", "data.source=celeba", "--set", &path, "--set", "data.size=[8,8]",
    ]);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let sized = ["--size", "8,8", "--attribute"];
    let classifier = |attribute: &str| {
        let more = [&sized[..], &[attribute]].concat();
        desk.classifier(attribute, "celeba", "faces", &more)
    };
    let (smiling, glasses) = (classifier("Smiling"), classifier("Eyeglasses"));

    let asked = ["--class", "Smiling,not-Smiling", "--count", "4"];
    let (agreement, warnings) = desk.agreement(&run, &smiling, &asked);
    assert_eq!(
        (&agreement["n"], &agreement["rows"][0]["classes"]),
        (&4.into(), &serde_json::json!([1]))
    );
    assert_eq!(warnings, "");
    // what leads away from something else asks for the same
    let away = [&asked[..], &["--away", "class:Eyeglasses"]].concat();
    assert_eq!(desk.agreement(&run, &smiling, &away).0["n"], 4);

    // of several that are to be met at once, a judge counts those that it knows
    let both = [
        "--towards",
        "class:Smiling",
        "--towards",
        "class:Eyeglasses",
        "--count",
        "4",
    ];
    let (agreement, _) = desk.agreement(&run, &smiling, &both);
    assert_eq!(
        (&agreement["n"], &agreement["rows"][0]["classes"]),
        (&4.into(), &serde_json::json!([1]))
    );

    let parts = [
        "--judge classifier:",
        "found one of 2 classes (not-Eyeglasses, Eyeglasses)",
        "expected a judge of 2 classes (not-Smiling, Smiling)",
        "clel classifier --data celeba --attribute Smiling",
    ];
    desk.refused(&run, &glasses, &asked, &parts);
    desk.refused(
        &run,
        &smiling,
        &["--class", "Smiling,Eyeglasses", "--count", "4"],
        &["a judge of 2 classes (not-Eyeglasses, Eyeglasses)"],
    );
    desk.refused(
        &run,
        "digits",
        &asked,
        &["a judge of the classes of celeba"],
    );

    forget(&glasses);
    let (agreement, warnings) = desk.agreement(&run, &glasses, &asked);
    assert_eq!(agreement["n"], 4);
    assert!(
        warnings.contains("warning: --judge") && warnings.contains("is all that could be compared"),
        "{warnings}"
    );
}

#[test]
fn a_sample_of_several_classes_at_once_may_be_taken_for_any() {
    let desk = Desk::new();
    let run = finished_run().join("run");
    let both = [
        "--towards",
        "class:3",
        "--towards",
        "class:8*0.5",
        "--away",
        "class:1",
        "--count",
        "4",
    ];
    let (agreement, _) = desk.agreement(&run, "digits", &both);
    let row = &agreement["rows"][0];
    assert_eq!(
        (&agreement["n"], &row["classes"]),
        (&4.into(), &serde_json::json!([3, 8]))
    );
    let taken = |class: usize| row["taken"][class].as_u64().unwrap();
    assert_eq!(agreement["agreed"], taken(3) + taken(8));
}

#[test]
fn classes_of_other_sets_are_refused() {
    let desk = Desk::new();
    let run = finished_run().join("run");
    let asked = ["--class", "3", "--count", "2"];
    for (name, classes) in [("ten", 10), ("three", 3)] {
        let file = desk.path(&format!("{name}.set"));
        write_images(&file, [40, 8, 8, 1], Some(classes));
    }
    // numbers alone may be those of the digits, or not
    let ten = desk.classifier("ten", "safetensors", "ten.set", &[]);
    let (agreement, warnings) = desk.agreement(&run, &ten, &asked);
    assert_eq!(agreement["n"], 2);
    assert!(
        warnings.contains("10 classes of") && warnings.contains("is all that could be compared"),
        "{warnings}"
    );
    let three = desk.classifier("three", "safetensors", "three.set", &[]);
    let parts = [
        "3 classes of",
        "0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        "--judge digits",
    ];
    desk.refused(&run, &three, &asked, &parts);

    // names decide where there are some
    let digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let animals = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    desk.folders("digits", &digits);
    desk.folders("animals", &animals);
    let named = desk.classifier("named", "images", "digits", &[]);
    let (agreement, warnings) = desk.agreement(&run, &named, &asked);
    assert_eq!((&agreement["n"], warnings.as_str()), (&2.into(), ""));
    let strange = desk.classifier("strange", "images", "animals", &[]);
    desk.refused(&run, &strange, &asked, &["10 classes (a, b, c, d,"]);

    desk.refused(&run, &three, &["--expected", "3"], &["the classes 0 to 2"]);
    // only what is a judge is offered as one
    let parts = ["expected digits, classifier:FILE or cifar_resnet:FILE"];
    desk.refused(&run, "digits:foo", &asked, &parts);
}

/// Sub-folders are classes by their names, wherever these stand in the alphabet.
#[test]
fn given_images_are_of_the_classes_that_their_folders_say() {
    let desk = Desk::new();
    let run = finished_run().join("run");
    let given = desk.folders("given", &["3", "7"]);
    let (agreement, warnings) = desk.agreement(&run, "digits", &["--init", &given]);
    assert_eq!((&agreement["n"], warnings.as_str()), (&4.into(), ""));
    let rows = agreement["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{agreement}");
    for (class, row) in [3, 7].into_iter().zip(rows) {
        assert_eq!(row["classes"], serde_json::json!([class]), "{agreement}");
        let taken = row["taken"].as_array().unwrap();
        let n: u64 = taken.iter().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(n, 2, "{agreement}");
    }
    let given = desk.folders("animals", &["cat", "dog"]);
    let parts = ["cat, dog", "0, 1, 2, 3", "--judge digits"];
    desk.refused(&run, "digits", &["--init", &given], &parts);
    let numbered = desk.path("numbered.safetensors");
    write_images(&numbered, [12, 8, 8, 1], Some(12));
    let parts = ["found the label 11", "10 classes"];
    desk.refused(&run, "digits", &["--init", &text(&numbered)], &parts);
}
