//! What cannot end well is refused before anything is computed, in words that say what would; through the program.

use crate::support::arrays::write_images;
use crate::support::desk::Desk;
use crate::support::tiny::{finished_run, train};
use crate::support::{PROGRAM, Run, clel, object, refused, text};

fn run_path() -> String {
    text(&finished_run().join("run"))
}

impl Desk {
    /// A file of so many images of 8×8.
    fn images(&self, name: &str, n: usize) -> String {
        write_images(&self.path(name), [n, 8, 8, 1], None);
        text(&self.path(name))
    }
}

/// A command on the CPU that must be refused before it prints a line.
fn silent(arguments: &[&str], parts: &[&str]) {
    let run: Run = clel(&[arguments, &["--device", "cpu"]].concat());
    run.told(2, parts);
    assert_eq!(run.stdout, "", "{run:?}");
}

#[test]
fn too_few_images_for_a_figure_are_told_at_once() {
    let desk = Desk::new();
    let judged = |file: &str, more: &[&str], parts: &[&str]| {
        let usual = ["eval", "--images", file, "--data", "digits"];
        silent(
            &[&usual[..], &["--features", "digits"], more].concat(),
            parts,
        );
    };
    let one = desk.images("one.safetensors", 1);
    let few = "images to judge, for the figure";
    judged(
        &one,
        &[],
        &[few, "frechet: found 1, expected at least 2", "--figures"],
    );
    let nine = desk.images("nine.safetensors", 9);
    judged(
        &nine,
        &[],
        &[few, "inception-score: found 9, expected at least 10"],
    );
    let five = desk.images("five.safetensors", 5);
    judged(
        &five,
        &["--figures", "manifold"],
        &["found 5, expected at least 6"],
    );
    let reference = ["--data", "safetensors", "--path", &five];
    let run = ["eval", "--checkpoint", &run_path()].map(str::to_owned);
    let run: Vec<&str> = run.iter().map(String::as_str).collect();
    let parts = ["images of the reference, for the figure manifold: found 5"];
    silent(&[&run[..], &reference].concat(), &parts);
    let chains = [
        "--protocol",
        "final",
        "--samples",
        "3",
        "--features",
        "digits",
    ];
    silent(&[&run[..], &chains].concat(), &["inception-score: found 3"]);
    // as many as a figure needs are enough
    let told = clel(&[
        "eval",
        "--images",
        &five,
        "--data",
        "digits",
        "--features",
        "digits",
        "--figures",
        "frechet,kernel",
    ]);
    assert_eq!(told.code, Some(0), "{told:?}");
}

#[test]
fn all_sets_are_opened_before_one_is_scored() {
    let desk = Desk::new();
    let good = format!("safetensors:{}", desk.images("good.safetensors", 12));
    std::fs::write(desk.path("bad.safetensors"), "no such file").unwrap();
    let bad = format!("safetensors:{}", text(&desk.path("bad.safetensors")));
    let run = run_path();
    let ood = |out: &str, parts: &[&str]| {
        let arguments = ["ood", "--checkpoint", &run, "--in", "digits", "--out", out];
        silent(&arguments, parts);
    };
    ood(&format!("{good},{bad}"), &["bad.safetensors"]);
    ood(
        &format!("{good},svhn"),
        &["svhn lies in a folder or file: svhn:PATH"],
    );
}

/// The embedded digits have no path, whoever names one.
#[test]
fn a_path_of_the_digits_is_refused_everywhere() {
    let desk = Desk::new();
    let (run, out) = (run_path(), text(&desk.path("out")));
    let path = ["--data", "digits", "--path", "elsewhere"];
    let given = desk.images("given.safetensors", 12);
    let parts = ["digits with the path elsewhere: the digits are part of the program"];
    for command in [
        &["train", "--out", &out][..],
        &["classifier", "--out", &out],
        &["eval", "--checkpoint", &run],
        &["eval", "--images", &given, "--features", "digits"],
        &[
            "sample",
            "--checkpoint",
            &run,
            "--class",
            "3",
            "--out",
            &out,
        ],
    ] {
        silent(&[command, &path].concat(), &parts);
    }
    let outside = [
        "ood",
        "--checkpoint",
        &run,
        "--in",
        "digits:elsewhere",
        "--out",
        "interp",
    ];
    silent(&outside, &parts);
    assert!(!desk.path("out").exists());
}

#[test]
fn a_run_without_latents_says_what_works() {
    let desk = Desk::new();
    let trained = train(
        &desk.path("run"),
        &["--steps", "1", "--set", "encoder.latents=none"],
    );
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let run = text(&desk.path("run"));
    let ood = [
        "ood",
        "--checkpoint",
        &run,
        "--in",
        "digits",
        "--out",
        "interp",
    ];
    silent(
        &ood,
        &[
            "--beta 0.1",
            "--beta 0 leaves out",
            "encoder.latents is none",
        ],
    );
    let told = clel(&[&ood[..], &["--beta", "0"]].concat());
    assert_eq!(told.code, Some(0), "{told:?}");
    let eval = ["eval", "--checkpoint", &run];
    silent(
        &eval,
        &[
            "--features encoder: ",
            "--features, digits",
            "latents is none",
        ],
    );
    let digits = ["--features", "digits", "--figures", "frechet"];
    let told = clel(&[&eval[..], &digits].concat());
    assert_eq!(told.code, Some(0), "{told:?}");
}

#[test]
fn messages_name_the_option_that_is_meant() {
    let desk = Desk::new();
    let (animation, out) = (text(&desk.path("mix.gif")), text(&desk.path("out")));
    std::fs::write(desk.path("mix.gif"), "there").unwrap();
    let run = run_path();
    let sample = [
        "sample",
        "--checkpoint",
        &run,
        "--out",
        &out,
        "--animate",
        &animation,
    ];
    silent(
        &sample,
        &["mix.gif: exists already; choose another file for --animate"],
    );
    // what PyTorch saves: a ZIP archive, or a pickle
    for (name, start) in [
        ("new.ckpt", &b"PK\x03\x04\0\0\x08\x08\0\0"[..]),
        ("old.pth", b"\x80\x02\x8a\nl\xfc\x9cF\xf9"),
    ] {
        std::fs::write(desk.path(name), start).unwrap();
        let file = text(&desk.path(name));
        let parts = [
            name,
            "a pickle, as PyTorch saves",
            "tools/ckpt_to_safetensors.py",
        ];
        refused(
            &["import", &file, "--model", "resnet", "--out", &out],
            &parts,
        );
        let network = format!("inception:{file}");
        silent(
            &["eval", "--checkpoint", &run, "--features", &network],
            &parts,
        );
    }
}

/// Pictures that are not read are told with their endings, once.
#[test]
fn pictures_that_are_left_out_are_told() {
    let desk = Desk::new();
    for class in ["a", "b"] {
        let folder = desk.path("photos").join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for i in 0..8u8 {
            let image = image::GrayImage::from_pixel(8, 8, image::Luma([20 * i]));
            image.save(folder.join(format!("{i}.png"))).unwrap();
        }
        for name in ["x.bmp", "y.BMP", "z.gif", "notes.txt"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
    }
    let (photos, out) = (
        text(&desk.path("photos")),
        text(&desk.path("net.safetensors")),
    );
    let few = ["--iterations", "1", "--batch", "4", "--device", "cpu"];
    let fit = [
        "classifier",
        "--data",
        "images",
        "--path",
        &photos,
        "--out",
        &out,
    ];
    let fitted = clel(&[&fit[..], &few].concat());
    assert_eq!(fitted.code, Some(0), "{fitted:?}");
    let told = "photos (images without 4 .bmp, 2 .gif): 14 training images of 2 classes";
    assert!(fitted.stdout.contains(told), "{fitted:?}");

    let run = run_path();
    let energies = clel(&[
        "energy",
        "--checkpoint",
        &run,
        "--images",
        &photos,
        "--device",
        "cpu",
    ]);
    assert_eq!(energies.code, Some(0), "{energies:?}");
    assert_eq!(energies.stdout.lines().count(), 17, "{energies:?}");
    assert_eq!(
        energies.stderr.matches("warning: ").count(),
        1,
        "{energies:?}"
    );
    let told = "photos: left out 4 .bmp, 2 .gif; only .png, .jpg, .jpeg and .webp are read";
    assert!(energies.stderr.contains(told), "{energies:?}");

    std::fs::remove_dir_all(desk.path("photos/b")).unwrap();
    for i in 0..8 {
        std::fs::remove_file(desk.path(&format!("photos/a/{i}.png"))).unwrap();
    }
    let nothing = ["energy", "--checkpoint", &run, "--images", &photos];
    silent(
        &nothing[..5],
        &[
            "no images here",
            "sub-folders of them; there are 2 .bmp, 1 .gif",
        ],
    );
}

/// Where memory does not suffice for what was asked, that is told, and nothing is in the way of asking for less.
#[cfg(target_os = "linux")]
#[test]
fn samples_that_do_not_fit_the_memory_are_told() {
    let desk = Desk::new();
    let (image, mask) = (desk.images("a.safetensors", 1), desk.path("mask.png"));
    let white = image::GrayImage::from_pixel(8, 8, image::Luma([255]));
    white.save(&mask).unwrap();
    let (out, mask) = (desk.path("out"), text(&mask));
    let limited = "ulimit -v 2000000 && exec \"$0\" sample --device cpu --count 10000000 \"$@\"";
    for more in [&[][..], &["--inpaint", &image, "--mask", &mask]] {
        let mut command = std::process::Command::new("sh");
        command.args([
            "-c",
            limited,
            crate::support::PROGRAM,
            "--checkpoint",
            &run_path(),
        ]);
        command.args(["--out", &text(&out)]).args(more);
        command.env("RAYON_NUM_THREADS", "2");
        crate::support::run(&mut command).told(1, &["10000000 images", "ask for fewer"]);
        assert!(!out.exists());
    }
}

/// In words of people, about what they have typed.
#[test]
fn settings_are_told_as_people_have_them() {
    let desk = Desk::new();
    refused(
        &["train", "--set", "seed=1.5"],
        &["--set seed=1.5: `seed`: 1.5 is no whole number"],
    );
    refused(
        &["train", "--set", "train.batch=-3"],
        &["`train.batch`: -3 is no whole number from 0"],
    );
    refused(
        &["train", "--set", "sampler.noise=much"],
        &["`sampler.noise`: \"much\" is no number"],
    );
    refused(
        &["train", "--set", "seed=1e30"],
        &["--set seed=1e30: `seed`: 1e30 is no whole number"],
    );
    refused(
        &["train", "--set", "health.policy=rollback"],
        &["`health.policy`: rollback is none of stop, roll_back"],
    );
    refused(
        &["bench", "--batch", "0"],
        &["train.batch = 0 (--batch 0): must be at least"],
    );
    let file = text(&desk.path("paper.toml"));
    std::fs::write(&file, "seeds = [1]\n[base]\n[variant.a]\n").unwrap();
    refused(
        &["train", "--config", &file],
        &["is an experiment", &format!("`clel experiment {file}`")],
    );
    std::fs::write(&file, "[data]\npath = \"photos\"\n").unwrap();
    refused(
        &["train", "--config", &file],
        &["digits with the path photos", "data.path"],
    );
}

/// The folder that `clel sample` writes holds a grid, which is no image of the model's size, beside the samples.
#[test]
fn a_grid_of_samples_says_where_they_are() {
    let desk = Desk::new();
    let (run, folder) = (run_path(), desk.path("s1"));
    std::fs::create_dir(&folder).unwrap();
    let grid = folder.join("samples.png");
    image::GrayImage::new(26, 36).save(&grid).unwrap();
    let size = format!("size of {}: found 36×26×1, expected 8×8×1", text(&grid));
    let judged = ["eval", "--data", "digits", "--features", "digits"];
    let energy = ["energy", "--checkpoint", &run];
    for given in [&folder, &grid] {
        let images = ["--images", &text(given)].map(str::to_owned);
        let images: Vec<&str> = images.iter().map(String::as_str).collect();
        let told = clel(&[&energy[..], &images, &["--device", "cpu"]].concat());
        told.told(2, &[&size]);
        assert!(!told.stderr.contains("beside it"), "{told:?}");
    }
    write_images(&folder.join("samples.safetensors"), [12, 8, 8, 1], None);
    let beside = format!("name {}", text(&folder.join("samples.safetensors")));
    for given in [&folder, &grid] {
        let given = text(given);
        for command in [&energy[..], &judged] {
            let images = ["--images", &given, "--device", "cpu"];
            silent(&[command, &images[..2]].concat(), &[&size, &beside]);
        }
    }
}

/// What is set to no number would otherwise be taken for all cores without a word.
#[test]
fn a_number_of_threads_that_is_none_is_told() {
    let threads = |set: &str| {
        let mut command = std::process::Command::new(crate::support::PROGRAM);
        command.args(["settings", "seed"]);
        crate::support::run(command.env("RAYON_NUM_THREADS", set))
    };
    let told = threads("abc");
    assert_eq!(told.code, Some(0), "{told:?}");
    let warning = "warning: RAYON_NUM_THREADS=abc is no number of threads; all cores are used";
    assert_eq!(told.stderr.trim_end(), warning);
    for set in ["0", "1"] {
        let silent = threads(set);
        assert_eq!((silent.code, &*silent.stderr), (Some(0), ""), "{silent:?}");
    }
}

/// A replay buffer that finds no room is named, with one that does, and no directory is left.
#[test]
#[cfg(target_os = "linux")]
fn a_buffer_that_does_not_fit_the_memory_is_told() {
    let desk = Desk::new();
    let out = desk.path("run");
    let limited = "ulimit -v 2000000 && exec \"$0\" train --device cpu --set sampler.buffer=10000000 --out \"$1\"";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", limited, crate::support::PROGRAM, &text(&out)]);
    command.env("RAYON_NUM_THREADS", "2");
    let parts = [
        "sampler.buffer=10000000 images takes 2442 MiB",
        "start again with `--set sampler.buffer=",
    ];
    crate::support::run(&mut command).told(1, &parts);
    assert!(!out.exists());
}

#[test]
fn keys_that_are_none_are_told_where_all_are() {
    let told = |setting: &str, part: &str| refused(&["train", "--set", setting], &[part]);
    told("sampler.stesp=3", "did you mean `sampler.steps`?");
    told("sampler.walkers=3", "`clel settings` lists all keys");
    told(
        "log=3",
        "it is a section, with log.best, log.checkpoint_every, ",
    );
}

/// Who has typed no option does not know its name.
#[test]
fn what_a_variable_says_is_told_as_such() {
    let told = |name: &str, part: &str| {
        let mut command = std::process::Command::new(PROGRAM);
        let output = command
            .args(["train", "--json"])
            .env(name, "foo")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains(part) && output.status.code() == Some(2),
            "{said}"
        );
    };
    told(
        "CLEL_PICTURES",
        "invalid value 'foo' for 'CLEL_PICTURES, the variable of --pictures",
    );
    told("CLEL_DEVICE", "the variable CLEL_DEVICE names it");
    let typed = clel(&["train", "--pictures", "foo"]);
    typed.told(2, &["invalid value 'foo' for '--pictures"]);
}

#[test]
fn what_is_not_there_is_told_as_that() {
    for (data, path) in [
        ("mnist", "nope"),
        ("images", "nope"),
        ("cifar10", "nope.tar.gz"),
    ] {
        let run = clel(&["train", "--device", "cpu", "--data", data, "--path", path]);
        run.told(2, &[&format!("cannot read {path}")]);
    }
    refused(
        &["eval"],
        &["--checkpoint PATH", "--images PATH and --data NAME"],
    );
    let desk = Desk::new();
    let run = desk.path("run");
    let digits = text(&finished_run().join("run/checkpoints/step-00000002.safetensors"));
    let out = text(&desk.path("out"));
    let import = ["import", &digits, "--model", "resnet", "--out", &out];
    refused(
        &import,
        &["is a checkpoint of clel already", "--checkpoint"],
    );
    // a run without a checkpoint, and with one that is none
    std::fs::create_dir_all(run.join("checkpoints")).unwrap();
    std::fs::copy(
        finished_run().join("run/config.toml"),
        run.join("config.toml"),
    )
    .unwrap();
    let run = text(&run);
    let sample = [
        "sample",
        "--device",
        "cpu",
        "--checkpoint",
        &run,
        "--out",
        &out,
    ];
    refused(
        &sample,
        &[&format!(
            "{run}: there is no checkpoint in it, so there is no model yet"
        )],
    );
    std::fs::write(format!("{run}/checkpoints/step-00000002.safetensors"), "no").unwrap();
    let settings = text(&desk.path("run").join("config.toml"));
    refused(
        &["train", "--device", "cpu", "--resume", &run],
        &[
            "its only checkpoint is damaged",
            &format!("`clel train --config {settings} --out NEW`"),
        ],
    );
}

/// Names with commas, and such that begin with a hyphen.
#[test]
fn classes_are_found_by_any_name() {
    let desk = Desk::new();
    for class in ["fl,at", "-round", "long"] {
        let folder = desk.path("images").join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for i in 0..4 {
            let shade = image::GrayImage::from_pixel(8, 8, image::Luma([40 * i]));
            shade.save(folder.join(format!("{i}.png"))).unwrap();
        }
    }
    let images = text(&desk.path("images"));
    let rows = |out: &str, classes: &str| {
        let out = text(&desk.path(out));
        let run = run_path();
        let sampled = clel(&[
            "sample",
            "--device",
            "cpu",
            "--json",
            "--checkpoint",
            &run,
            "--steps",
            "1",
            "--count",
            "2",
            "--data",
            "images",
            "--path",
            &images,
            &format!("--class={classes}"),
            "--out",
            &out,
        ]);
        assert_eq!(sampled.code, Some(0), "{sampled:?}");
        object(&sampled)["conditions"].as_array().map(Vec::len)
    };
    assert_eq!(rows("one", "fl,at"), Some(1));
    assert_eq!(rows("two", "-round,long"), Some(2));
}
