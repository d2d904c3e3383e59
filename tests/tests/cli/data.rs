//! Data sets through the program: shorthands, sets that are not held in memory, files that are not what they should be.

use std::path::Path;
use std::process::Command;

use crate::support::tiny::{SETTINGS, resume, train};
use crate::support::{PROGRAM, clel, refused, run, text};
use clel::report::RunDir;

/// Two classes of twelve images of 8×8 and a file that is none.
fn images(folder: &Path) {
    for class in ["a", "b"] {
        let folder = folder.join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for i in 0..12u8 {
            let shade = |x: u32, y: u32| image::Luma([(x * 30) as u8 ^ (y * 20) as u8 ^ (i * 21)]);
            let picture = image::GrayImage::from_fn(8, 8, shade);
            picture.save(folder.join(format!("{i}.png"))).unwrap();
        }
        std::fs::write(folder.join("notes.txt"), "no image").unwrap();
    }
}

/// The last checkpoint's arrays, and the metrics.
fn result(run: &Path) -> (crate::support::arrays::Arrays, String) {
    let arrays = crate::support::arrays::read(&run.join("checkpoints/step-00000009.safetensors"));
    (
        arrays,
        std::fs::read_to_string(run.join("metrics.jsonl")).unwrap(),
    )
}

#[test]
fn a_set_that_is_not_held_in_memory_trains_alike_and_resumes_to_the_last_bit() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("images");
    images(&folder);
    let path = text(&folder);
    let source = ["--data", "images", "--path", &path, "--set"];
    // epochs of five batches: nine iterations cross from one into the next
    let of = |name: &str, memory: &str, steps: &str| {
        let run = dir.path().join(name);
        let more = [&source[..], &[memory, "--steps", steps]].concat();
        let trained = train(&run, &more);
        assert_eq!(trained.code, Some(0), "{trained:?}");
        assert!(trained.stdout.contains("1-NN accuracy"), "{trained:?}");
        run
    };
    let held = of("held", "data.memory=1", "9");
    let read = of("read", "data.memory=0", "9");
    let parts = of("parts", "data.memory=0", "3");
    let resumed = resume(&parts, "9");
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    let expected = result(&held);
    assert!(expected == result(&read), "not held, not the same");
    assert!(expected == result(&parts), "resumed, not the same");
}

/// A run that goes on with other images says so: it cannot be repeated.
#[test]
fn images_that_have_changed_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("images");
    images(&folder);
    let (run, path) = (dir.path().join("run"), text(&folder));
    let more = ["--data", "images", "--path", &path, "--steps", "2"];
    let none_held_out = ["--set", "data.test_share=0", "--set", "eval.samples=0"];
    let trained = train(&run, &[&more[..], &none_held_out].concat());
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let told = |steps: &str| {
        let resumed = resume(&run, steps);
        assert_eq!(resumed.code, Some(0), "{resumed:?}");
        let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let changes = metrics.matches("the training images have changed").count();
        (resumed.stderr.contains("have changed"), changes)
    };
    assert_eq!(told("3"), (false, 0));
    for i in 0..4 {
        std::fs::remove_file(folder.join(format!("b/{i}.png"))).unwrap();
    }
    assert_eq!(told("4"), (true, 1));
    assert_eq!(told("5"), (false, 1));
    // as many, but of other classes
    std::fs::rename(folder.join("b/4.png"), folder.join("a/12.png")).unwrap();
    assert_eq!(told("6"), (true, 2));
}

/// Where images lie is nothing that an iteration depends on.
#[test]
fn a_run_goes_on_with_images_that_have_moved() {
    let dir = tempfile::tempdir().unwrap();
    images(&dir.path().join("images"));
    let of = |name: &str, steps: &str| {
        let out = dir.path().join(name);
        let mut command = Command::new(PROGRAM);
        command
            .current_dir(dir.path())
            .arg("train")
            .arg("--out")
            .arg(&out);
        command.args(SETTINGS.iter().flat_map(|s| ["--set", s]));
        let source = ["--device", "cpu", "--data", "images", "--path", "images"];
        let trained = run(command.args(source).args(["--steps", steps]));
        assert_eq!(trained.code, Some(0), "{trained:?}");
        out
    };
    let (whole, parts) = (of("whole", "9"), of("parts", "3"));
    let moved = dir.path().join("photos");
    std::fs::rename(dir.path().join("images"), &moved).unwrap();

    let (run, out) = (text(&parts), text(&dir.path().join("samples")));
    let from = format!("{run}, whose data.path is images, which was looked for in ");
    let to = format!("`clel train --resume {run} --set data.path=…`");
    let train = ["train", "--device", "cpu", "--resume", &run];
    refused(&train, &[&from, &to]);
    let eval = ["eval", "--device", "cpu", "--checkpoint", &run];
    let named = "`--data images --path …`";
    let from = "step-00000003.safetensors, whose data.path is images, which was";
    refused(&eval, &[from, named]);
    let sample = ["sample", "--device", "cpu", "--checkpoint", &run];
    let class = ["--class", "a", "--out", &out];
    refused(&[&sample[..], &class].concat(), &[from, named]);

    let path = format!("data.path={}", moved.display());
    let there = ["--set", &path, "--set", "data.memory=0", "--steps", "9"];
    let resumed = clel(&[&train[..], &there].concat());
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    let told = "goes on with other settings: data.memory = 0 instead of 1024, data.path = ";
    assert!(resumed.stderr.contains(told), "{resumed:?}");
    assert!(!resumed.stderr.contains("have changed"), "{resumed:?}");
    assert!(result(&whole).0 == result(&parts).0, "moved, not the same");
}

/// What was done before an image that cannot be read is not lost to it.
#[test]
fn an_unreadable_image_ends_a_run_that_is_saved() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("images");
    images(&folder);
    let path = text(&folder);
    // nothing reads all of them before the first iteration
    let usual = [
        "--data",
        "images",
        "--path",
        &path,
        "--set",
        "data.memory=0",
        "--set",
        "data.mean=[0.5]",
        "--set",
        "data.std=[0.25]",
        "--steps",
        "9",
        "--set",
    ];
    let with = |name: &str, setting: &str| {
        let out = dir.path().join(name);
        (train(&out, &[&usual[..], &[setting]].concat()), out)
    };
    let (trained, whole) = with("whole", "eval.samples=0");
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let broken = folder.join("b/7.png");
    let bytes = std::fs::read(&broken).unwrap();
    std::fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
    let unread = Path::new("b").join("7.png");
    let unread = format!("{}: unreadable image", unread.display());
    let told = |ended: crate::support::Run, out: &Path| {
        let (step, _) = RunDir::open(out).unwrap().latest_checkpoint().unwrap();
        let saved = format!(
            "images that are needed after iteration {step} cannot be read; iteration {step} is saved: once they can be read, `clel train --resume {}`",
            out.display()
        );
        ended.told(2, &[&saved, &unread]);
        let listed = clel(&["runs", &text(out)]);
        assert!(
            listed.stdout.contains(&format!("failed at {step}")),
            "{listed:?}"
        );
        step
    };
    // where a checkpoint is judged by it, and where it is learnt from
    let (judged, out) = with("judged", "log.checkpoint_every=1");
    assert_eq!(told(judged, &out), 1);
    let (learnt, out) = with("learnt", "eval.samples=0");
    let step = told(learnt, &out);
    assert_eq!(told(resume(&out, "9"), &out), step);
    std::fs::write(&broken, &bytes).unwrap();
    assert_eq!(resume(&out, "9").code, Some(0));
    assert!(result(&whole).0 == result(&out).0, "resumed, not the same");
}

#[test]
fn a_damaged_image_ends_the_run_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("images");
    images(&folder);
    let broken = folder.join("b/7.png");
    let bytes = std::fs::read(&broken).unwrap();
    std::fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
    let told = Path::new("b").join("7.png");
    let told = format!("{}: unreadable image", told.display());
    for memory in ["data.memory=0", "data.memory=1"] {
        let run = dir.path().join("run");
        let path = text(&folder);
        let more = [
            "--data", "images", "--path", &path, "--set", memory, "--steps", "9",
        ];
        train(&run, &more).told(2, &[&told, "expected a whole PNG file"]);
        assert!(
            !run.exists(),
            "a run of which nothing was done is left behind"
        );
    }
}

/// What has the name of a file and is none is told as what it is.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let place = text(dir.path());
    for (name, file) in [
        ("mnist", "train-images-idx3-ubyte"),
        ("fashion", "train-images-idx3-ubyte.gz"),
        ("cifar10", "cifar-10-binary.tar.gz"),
        ("cifar10", "data_batch_1.bin"),
        ("svhn", "train_32x32.mat"),
    ] {
        let path = dir.path().join(file);
        let arguments = ["train", "--device", "cpu", "--data", name, "--path", &place];
        std::fs::create_dir(&path).unwrap();
        refused(
            &arguments,
            &["cannot read", file, "a folder, and not a file"],
        );
        std::fs::remove_dir(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        refused(&arguments, &["cannot read", file, "a pipe or a device"]);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/nowhere", &path).unwrap();
        let told = clel(&arguments);
        assert_eq!(told.code, Some(2), "{told:?}");
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn sets_that_are_not_there_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let empty = text(dir.path());
    let out = dir.path().join("run");
    let out_text = text(&out);
    for (name, parts) in [
        ("cifar10", ["no images here", "data_batch_1.bin"]),
        ("cifar100", ["no images here", "train.bin"]),
        ("svhn", ["cannot read", "train_32x32.mat"]),
        ("imagenet32", ["no images here", "train_data_batch_1.npz"]),
        ("celeba", ["cannot read", "list_eval_partition.txt"]),
        ("dtd", ["no images here", ".png"]),
        ("mnist", ["no images here", "train-images-idx3-ubyte"]),
        ("fashion", ["no images here", "train-images-idx3-ubyte"]),
        ("images", ["no images here", ".png"]),
        ("safetensors", ["cannot read", "because: "]),
    ] {
        let arguments = [
            "train", "--device", "cpu", "--data", name, "--path", &empty, "--out", &out_text,
        ];
        refused(&arguments, &parts);
        assert!(!out.exists(), "{name}");
    }
    refused(
        &["train", "--path", &empty],
        &["--path", "name the data set that lies there"],
    );
    refused(
        &["train", "--data", "cifar10"],
        &["data.path: this source needs a path"],
    );
    refused(
        &[
            "train",
            "--data",
            "mnist",
            "--path",
            &empty,
            "--set",
            "data.size=[8,8]",
        ],
        &["only image files are resized"],
    );
    for (settings, parts) in [
        (
            ["data.mean=[0.3, 0.2]", "data.std=[0.2]"],
            ["data.std", "one number a channel, 2 as data.mean has"],
        ),
        (
            ["data.mean=[0.3, 0.2, 0.1]", "data.std=[0.2, 0.1, 0.1]"],
            [
                "data.mean, for UCI handwritten digits, 8×8: found 3 numbers",
                "1: one for each channel of its 8×8×1 images",
            ],
        ),
    ] {
        let [mean, std] = settings;
        refused(
            &["train", "--out", &out_text, "--set", mean, "--set", std],
            &parts,
        );
        assert!(!out.exists());
    }
    refused(
        &["train", "--set", "data.attribute=Smiling"],
        &["only celeba has attributes"],
    );
    let unknown = clel(&["train", "--data", "lsun"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("imagenet32"), "{unknown:?}");
}
