//! Damaged checkpoints, through every command that reads one: told by file and array, passed over where a run has an older one, else
//! refused with code 2; and nothing is lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::arrays::{Arrays, Metadata, read_all, write_all};
use crate::support::tiny::{finished_run, train};
use crate::support::{clel, refused, text};
use clel::report::RunDir;
use safetensors::Dtype;

/// What a checkpoint holds, to be changed and written again.
#[derive(Clone)]
struct Content {
    arrays: Arrays,
    metadata: Metadata,
}

impl Content {
    fn read(path: &Path) -> Content {
        let (arrays, metadata) = read_all(path);
        Content { arrays, metadata }
    }

    fn write(&self, path: &Path) {
        write_all(path, &self.arrays, self.metadata.clone());
    }

    /// The array of this name as one row.
    fn flatten(&mut self, key: &str) {
        let shape = &mut self.arrays.get_mut(key).unwrap().1;
        *shape = vec![shape.iter().product()];
    }

    /// Another text in an entry of the metadata.
    fn replace(&mut self, entry: &str, old: &str, new: &str) {
        let metadata = self.metadata.as_mut().unwrap();
        let text = metadata.get_mut(entry).unwrap();
        assert!(text.contains(old), "{text}");
        *text = text.replace(old, new);
    }

    fn set(&mut self, key: &str, at: usize, value: f32) {
        let data = &mut self.arrays.get_mut(key).unwrap().2;
        data[4 * at..4 * at + 4].copy_from_slice(&value.to_le_bytes());
    }
}

/// Writes a damaged form of a checkpoint to a path.
type Damage = Box<dyn Fn(&Path)>;

/// Ways to spoil the networks of a checkpoint, with what a message about it must say beside the file's name.
fn damages(good: &Path) -> Vec<(Damage, Vec<String>)> {
    let bytes = std::fs::read(good).unwrap();
    let content = Content::read(good);
    let weight = "ema_ebm.stages.1.1.shortcut.parametrizations.weight.original".to_owned();
    let shape = format!("{:?}", content.arrays[&weight].1);
    let mut all: Vec<(Damage, Vec<String>)> = Vec::new();
    for len in [0, 7, 1000, bytes.len() / 2, bytes.len() - 1] {
        let part = bytes[..len].to_vec();
        let damage = move |path: &Path| std::fs::write(path, &part).unwrap();
        let words = vec![
            "not a whole safetensors file".into(),
            format!("{len} bytes"),
        ];
        all.push((Box::new(damage), words));
    }
    let mut changed = |change: &dyn Fn(&mut Content), words: &[&str]| {
        let mut content = content.clone();
        change(&mut content);
        let words = words.iter().map(|w| (*w).to_owned()).collect();
        all.push((Box::new(move |path: &Path| content.write(path)), words));
    };
    changed(
        &|c| c.flatten(&weight),
        &[&weight, &shape, "expected", "has shape [32]"],
    );
    changed(
        &|c| drop(c.arrays.remove(&weight)),
        &["there is no array", &weight],
    );
    changed(
        &|c| c.set(&weight, 5, f32::NAN),
        &[&weight, &shape, "NaN at position 5", "finite"],
    );
    changed(
        &|c| c.set("encoder.conv1.1.weight", 0, f32::NEG_INFINITY),
        &["encoder.conv1.1.weight", "-inf at position 0"],
    );
    changed(
        &|c| c.arrays.get_mut(&weight).unwrap().0 = Dtype::I32,
        &[&weight, "I32", "expected F32"],
    );
    // settings that pretend more than the file has
    changed(
        &|c| c.replace("config", "hidden = 8", "hidden = 16000"),
        &[
            "`config`",
            "networks larger than the arrays of the file",
            "16000",
        ],
    );
    changed(&|c| c.metadata = None, &["`format`", "not a checkpoint"]);
    all.push((
        Box::new(|path| std::fs::write(path, "# a picture, or some other file").unwrap()),
        vec!["not a whole safetensors file".into()],
    ));
    all
}

/// Every file below a folder with its bytes.
fn everything(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.clone(), std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn sample_and_energy_refuse_them_and_make_no_directory() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.safetensors");
    let out = dir.path().join("out");
    let good = finished_run().join("run/checkpoints/step-00000002.safetensors");
    for (damage, words) in damages(&good) {
        damage(&file);
        let mut parts: Vec<&str> = words.iter().map(String::as_str).collect();
        parts.push("c.safetensors");
        let common = ["--device", "cpu", "--checkpoint", &text(&file)];
        let sample = ["sample", "--steps", "1", "--out", &text(&out)];
        refused(&[&sample[..], &common].concat(), &parts);
        refused(
            &[&["energy", "--images", "no.png"][..], &common].concat(),
            &parts,
        );
        assert!(!out.exists());
    }
}

#[test]
fn a_run_goes_on_from_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let every = ["--steps", "2", "--set", "log.checkpoint_every=1"];
    let trained = train(&run, &every);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let newest = run.join("checkpoints/step-00000002.safetensors");
    let saved = dir.path().join("good.safetensors");
    std::fs::copy(&newest, &saved).unwrap();

    let mut all = damages(&saved);
    let content = Content::read(&saved);
    let mut changed = |change: &dyn Fn(&mut Content), words: &[&str]| {
        let mut content = content.clone();
        change(&mut content);
        let words = words.iter().map(|w| (*w).to_owned()).collect();
        let damage: Damage = Box::new(move |path: &Path| content.write(path));
        all.push((damage, words));
    };
    // what only training reads
    let moment = "adam.head.0.weight.second_moment";
    changed(
        &|c| c.flatten(moment),
        &[moment, "found f32 [64]", "expected f32 [8, 8]"],
    );
    changed(
        &|c| drop(c.arrays.remove(moment)),
        &[moment, "found nothing", "[8, 8]"],
    );
    changed(
        &|c| c.flatten("sampler.memory"),
        &["`sampler.memory`", "f32 [512]", "expected f32 [8, 8, 8, 1]"],
    );
    changed(
        &|c| c.flatten("sampler.ages"),
        &["`sampler.ages`", "u32 [16]", "expected u32 [8, 2]"],
    );
    changed(
        &|c| c.arrays.get_mut("sampler.ages").unwrap().0 = Dtype::F32,
        &["`sampler.ages`", "f32 [8, 2]", "expected u32 [8, 2]"],
    );
    changed(
        &|c| drop(c.arrays.remove("sampler.ages")),
        &["no array `sampler.ages`"],
    );
    changed(
        &|c| c.set("sampler.memory", 64, f32::INFINITY),
        &["`sampler.memory`", "inf at position 64"],
    );
    changed(
        &|c| c.replace("config", "buffer = 8", "buffer = 10000000"),
        &[
            "`sampler.memory`",
            "[8, 8, 8, 1]",
            "expected f32 [10000000, 8, 8, 1]",
        ],
    );
    changed(
        &|c| c.replace("step", "2", "1"),
        &["`step`", "1, which is not the iteration of the file's name"],
    );
    // a disk that has lost it
    #[cfg(unix)]
    all.push((
        Box::new(|path: &Path| {
            std::fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/nowhere", path).unwrap();
        }),
        vec!["is damaged, and the checkpoint before it is used".to_owned()],
    ));

    let resume = [
        "train",
        "--device",
        "cpu",
        "--resume",
        &text(&run),
        "--steps",
        "2",
    ];
    for (damage, words) in &all {
        damage(&newest);
        let resumed = clel(&resume);
        assert_eq!(resumed.code, Some(0), "{resumed:?}");
        let told = &resumed.stderr;
        assert!(
            told.contains("warning: ") && told.contains("step-00000002.safetensors"),
            "{told}"
        );
        for word in words {
            assert!(told.contains(word), "{word} is not in {told}");
        }
        // the lost iteration is there again, to the last bit, and what happened is on record
        assert!(std::fs::read(&newest).unwrap() == std::fs::read(&saved).unwrap());
        let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        assert!(metrics.contains("\"event\""), "{metrics}");
    }

    // nothing to go on from: refused, and nothing is touched
    let oldest = run.join("checkpoints/step-00000001.safetensors");
    for path in [&oldest, &newest] {
        std::fs::write(path, "nothing").unwrap();
    }
    let before = everything(&run);
    refused(&resume, &["step-00000002.safetensors", "7 bytes"]);
    assert!(before == everything(&run));
}

/// A run that has come to no checkpoint yet begins anew; one that has ended keeps what is left of it.
#[test]
fn without_a_checkpoint_a_run_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let trained = train(&run, &["--steps", "2"]);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let checkpoint = run.join("checkpoints/step-00000002.safetensors");
    let saved = std::fs::read(&checkpoint).unwrap();
    std::fs::remove_file(&checkpoint).unwrap();
    let place = text(&run);
    let resume = [
        "train", "--device", "cpu", "--resume", &place, "--steps", "2",
    ];
    let before = everything(&run);
    refused(&resume, &["there is no checkpoint in it"]);
    assert!(before == everything(&run));
    std::fs::remove_file(run.join("summary.json")).unwrap();
    let resumed = clel(&resume);
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert!(resumed.stderr.contains("no checkpoint yet"), "{resumed:?}");
    assert!(std::fs::read(&checkpoint).unwrap() == saved);

    // more iterations than pass without a checkpoint: it had one, and its metrics are not to go too
    let run = dir.path().join("saved");
    let trained = train(&run, &["--set", "log.checkpoint_every=1", "--steps", "3"]);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    for checkpoint in std::fs::read_dir(run.join("checkpoints")).unwrap() {
        std::fs::remove_file(checkpoint.unwrap().path()).unwrap();
    }
    std::fs::remove_file(run.join("summary.json")).unwrap();
    let before = everything(&run);
    let place = text(&run);
    let resume = ["train", "--device", "cpu", "--resume", &place];
    refused(&resume, &["there is no checkpoint in it"]);
    assert!(before == everything(&run));
}

/// Figures that are gone are told, once, and none of a run that has all of them.
#[test]
fn lost_metrics_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let trained = train(&run, &["--steps", "6"]);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let metrics = run.join("metrics.jsonl");
    let lines = std::fs::read_to_string(&metrics).unwrap();
    let without = |gone: &[usize]| {
        let left = lines.split_inclusive('\n').enumerate();
        let left = left
            .filter(|(i, _)| !gone.contains(i))
            .map(|(_, line)| line);
        std::fs::write(&metrics, left.collect::<String>()).unwrap();
    };
    let told = |resumed: &crate::support::Run| {
        assert_eq!(resumed.code, Some(0), "{resumed:?}");
        let all = std::fs::read_to_string(&metrics).unwrap();
        all.matches("metrics.jsonl has lost").count()
    };
    let resume = |steps: &str| crate::support::tiny::resume(&run, steps);
    assert_eq!(told(&resume("7")), 0);
    without(&[1, 3]);
    let resumed = resume("8");
    assert_eq!(told(&resumed), 1, "{resumed:?}");
    let words = "metrics.jsonl has lost 3 of its lines, of iterations 2 to 7";
    assert!(resumed.stderr.contains(words), "{resumed:?}");
    assert_eq!(told(&resume("9")), 1);
    std::fs::remove_file(&metrics).unwrap();
    let resumed = resume("10");
    assert!(
        resumed
            .stderr
            .contains("9 of its lines, of iterations 1 to 9"),
        "{resumed:?}"
    );
}

/// Nothing is left to do, wherever the run lies by now: it takes no time, and its pictures are its own.
#[test]
fn a_run_that_has_ended_says_what_it_came_to() {
    let dir = tempfile::tempdir().unwrap();
    let (run, moved) = (dir.path().join("run"), dir.path().join("moved"));
    let trained = train(&run, &["--steps", "1"]);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    std::fs::rename(&run, &moved).unwrap();
    let before = everything(&moved);
    let resumed = crate::support::tiny::resume(&moved, "1");
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    let why = "no iteration is left to do: the run was to stop after iteration 1 and has 1 of its 1500 already";
    assert!(resumed.stderr.contains(why), "{resumed:?}");
    let picture = text(&moved.join("samples").join("fresh-chains.png"));
    assert!(resumed.stdout.contains(&picture), "{resumed:?}");
    assert!(before == everything(&moved));
}

/// `--steps` ends a run before its end, and not after it; a later end is a setting, also of a run that has come to its first one. Its iterations are those
/// of a run that was that long from the beginning, where no schedule is over all of them.
#[test]
fn a_run_goes_on_beyond_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let [run, straight] = ["run", "straight"].map(|name| dir.path().join(name));
    let constant = ["--set", "train.encoder.schedule=constant"];
    let settings = |iterations, steps| {
        let more = ["--set", iterations, "--steps", steps];
        [&constant[..], &more].concat()
    };
    let trained = train(&run, &settings("train.iterations=2", "5"));
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let said = "--steps 5: the run ends with iteration 2, its last (train.iterations); `--set train.iterations=5` makes it longer";
    assert!(trained.stdout.contains(said), "{trained:?}");
    let place = text(&run);
    let on = |more: &[&str]| {
        let always = ["train", "--device", "cpu", "--resume", &place];
        clel(&[&always, more].concat())
    };
    let resumed = on(&["--steps", "5"]);
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert!(resumed.stdout.contains(said), "{resumed:?}");
    let done = format!(
        "the run has all its 2. It goes on for more with `clel train --resume {place} --set"
    );
    assert!(resumed.stderr.contains(&done), "{resumed:?}");

    // as it says
    let longer = on(&["--set", "train.iterations=5"]);
    assert_eq!(longer.code, Some(0), "{longer:?}");
    let told = "goes on with other settings: train.iterations = 5 instead of 2";
    assert!(longer.stderr.contains(told), "{longer:?}");
    assert_eq!(
        train(&straight, &settings("train.iterations=5", "5")).code,
        Some(0)
    );
    let arrays =
        |run: &Path| Content::read(&run.join("checkpoints/step-00000005.safetensors")).arrays;
    assert!(arrays(&run) == arrays(&straight));
    let run = RunDir::open(&run).unwrap();
    assert_eq!(run.events().unwrap(), [told]);
    assert_eq!(run.read_config().unwrap().train.iterations, 5);

    // the one that the run had ended with was no stop
    assert!(run.checkpoint_path(2).exists());

    // to a later end and back to an earlier one, as long as that is not over
    for iterations in ["900", "6"] {
        let setting = format!("train.iterations={iterations}");
        let longer = on(&["--set", &setting, "--steps", "6"]);
        assert_eq!(longer.code, Some(0), "{longer:?}");
    }
    let told = format!("{told}; {}", run.events().unwrap()[1..].join("; "));
    assert_eq!(
        told,
        "goes on with other settings: train.iterations = 5 instead of 2; goes on with other settings: train.iterations = 900 instead of 5"
    );
    assert_eq!(run.read_config().unwrap().train.iterations, 6);

    // what an iteration depends on stays
    for (setting, part) in [
        ("train.iterations=4", "train.iterations = 4, and 6 are done"),
        (
            "sampler.steps=3",
            "sampler.steps = 3 instead of 2, which may not change where a run goes on. These may: train.iterations, ",
        ),
    ] {
        let refused = on(&["--set", setting, "--set", "health.energy=20"]);
        refused.told(2, &[part]);
    }
    let energy = || run.read_config().unwrap().health.energy;
    assert_eq!(energy(), 10.0);

    // one that cannot go on does not keep the settings
    let metrics = run.path().join("metrics.jsonl");
    let whole = std::fs::read_to_string(&metrics).unwrap();
    std::fs::write(&metrics, whole.replacen('{', "", 1)).unwrap();
    let longer = ["--set", "train.iterations=8", "--set", "health.energy=20"];
    on(&longer).told(2, &["metrics.jsonl", "line 1"]);
    assert_eq!(energy(), 10.0);
    std::fs::write(&metrics, whole).unwrap();
    assert_eq!(on(&[&longer[..], &["--steps", "7"]].concat()).code, Some(0));
    // what is told of other ones is what they were before, whatever a checkpoint has
    std::fs::remove_file(run.checkpoint_path(7)).unwrap();
    let again = on(&["--set", "health.energy=30"]);
    let told = "settings: health.energy = 30.0 instead of 20.0\n";
    assert!(again.stderr.contains(told), "{again:?}");
}

/// Numbers come out otherwise on another device, which whoever compares runs must be able to see.
#[test]
fn another_device_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let trained = train(&run, &["--steps", "1"]);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let time = run.join("time.json");
    let spent = std::fs::read_to_string(&time).unwrap();
    assert!(spent.contains("\"cpu\""), "{spent}");
    std::fs::write(&time, spent.replace("\"cpu\"", "\"wgpu (A card)\"")).unwrap();
    let told = || std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    for steps in ["2", "3"] {
        let resumed = crate::support::tiny::resume(&run, steps);
        assert_eq!(resumed.code, Some(0), "{resumed:?}");
    }
    let words = "the run goes on with cpu, and had wgpu (A card) before";
    assert_eq!(told().matches(words).count(), 1, "{}", told());
}

#[test]
fn what_was_told_of_one_is_told_when_the_one_before_is_damaged_too() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let settings = ["log.checkpoint_every=1", "log.checkpoints_kept=3"];
    let settings = settings.iter().flat_map(|s| ["--set", s]);
    let trained = train(
        &run,
        &["--steps", "3"]
            .into_iter()
            .chain(settings)
            .collect::<Vec<_>>(),
    );
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let name = |step| format!("step-0000000{step}.safetensors");
    let damage = |step| std::fs::write(run.join("checkpoints").join(name(step)), "x").unwrap();
    damage(3);
    assert_eq!(crate::support::tiny::resume(&run, "3").code, Some(0));
    damage(3);
    damage(2);
    assert_eq!(crate::support::tiny::resume(&run, "3").code, Some(0));
    // the second resumption dropped the iteration that the first one went on from, but not that it did
    let listed = clel(&["runs", &text(&run), "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let told = listed["runs"][0]["interventions"].as_array().unwrap();
    let of = |step| {
        let named = told.iter().filter(|t| t.to_string().contains(&name(step)));
        named.count()
    };
    assert_eq!((told.len(), of(3), of(2)), (3, 2, 1), "{told:?}");
    for step in 1..=3 {
        damage(step);
    }
    let place = text(&run);
    let names = [1, 2, 3].map(name);
    let named = names.each_ref().map(String::as_str);
    refused(
        &["train", "--device", "cpu", "--resume", &place],
        &[&["all of its 3 checkpoints are damaged"], &named[..]].concat(),
    );
}

#[test]
fn sampling_from_a_run_passes_over_them() {
    let dir = tempfile::tempdir().unwrap();
    let (run, out) = (dir.path().join("run"), dir.path().join("out"));
    let trained = train(&run, &["--steps", "2", "--set", "log.checkpoint_every=1"]);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let newest = run.join("checkpoints/step-00000002.safetensors");
    let mut bytes = std::fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&newest, bytes).unwrap();
    let sample = ["sample", "--device", "cpu", "--steps", "1", "--count", "2"];
    let paths = ["--checkpoint", &text(&run), "--out", &text(&out)];
    let sampled = clel(&[&sample[..], &paths].concat());
    assert_eq!(sampled.code, Some(0), "{sampled:?}");
    assert!(sampled.stderr.contains("checksum"), "{sampled:?}");
}
