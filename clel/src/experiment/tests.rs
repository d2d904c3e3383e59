use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use clel_tensor::Device;
use serde_json::json;

use super::measure::{BUFFER, Judge, NEIGHBOUR, SECONDS};
use super::record::Record;
use super::*;
use crate::Error;
use crate::report::RunDir;

/// A complete run whose buffer has these distances, 10 iterations apart.
fn run(seed: u64, distances: &[f64], seconds: f64) -> RunResult {
    let point = |(i, d): (usize, &f64)| Point {
        iteration: 10 * i as u64,
        figures: match json!({BUFFER: d, SECONDS: seconds}) {
            serde_json::Value::Object(figures) => figures,
            _ => unreachable!(),
        },
    };
    RunResult {
        seed,
        directory: PathBuf::new(),
        state: State::Complete,
        points: distances.iter().enumerate().map(point).collect(),
        end: None,
        interventions: Vec::new(),
    }
}

fn variant(runs: Vec<RunResult>) -> VariantResult {
    let mut variant = VariantResult {
        name: "one".to_owned(),
        seconds_per_iteration: None,
        runs: Vec::new(),
    };
    runs.into_iter().for_each(|run| variant.add(run));
    variant
}

#[test]
fn a_spread_is_that_of_a_sample() {
    assert_eq!(Spread::of(&[]), None);
    let one = Spread::of(&[4.0]).unwrap();
    assert_eq!((one.n, one.mean, one.deviation), (1, 4.0, 0.0));
    let three = Spread::of(&[1.0, 3.0, 5.0]).unwrap();
    assert_eq!((three.mean, three.deviation), (3.0, 2.0));
    assert_eq!((three.least, three.most), (1.0, 5.0));
}

#[test]
fn curves_are_those_of_complete_runs() {
    let mut sick = run(3, &[100.0], 1.0);
    sick.state = State::Sick("NaN".to_owned());
    let v = variant(vec![
        run(1, &[8.0, 4.0, 2.0], 0.5),
        sick,
        run(2, &[10.0, 6.0], 0.5),
    ]);
    assert_eq!(v.complete().count(), 2);
    // the third point is of one run alone
    assert_eq!(v.iterations(BUFFER), [0, 10]);
    let last = v.last(BUFFER).unwrap();
    assert_eq!(
        (last.n, last.mean, last.least, last.most),
        (2, 5.0, 4.0, 6.0)
    );
    assert_eq!(v.last("something else"), None);
}

#[test]
fn equal_time_is_read_off_between_two_points() {
    // 0.5 s an iteration: 2.5 s are 5 iterations, half way between the first two points
    let v = variant(vec![run(1, &[8.0, 4.0, 2.0], 0.5)]);
    assert_eq!(v.seconds_per_iteration, Some(0.5));
    assert_eq!(v.after(BUFFER, 2.5).unwrap().mean, 6.0);
    assert_eq!(v.after(BUFFER, 10.0).unwrap().mean, 2.0);
    assert_eq!(v.after(BUFFER, 11.0), None, "it did not train so long");
    let slow = variant(vec![run(1, &[8.0, 4.0, 2.0], 1.0)]);
    assert_eq!(slow.after(BUFFER, 10.0).unwrap().mean, 4.0);
    let results = ExperimentResults {
        variants: vec![v, slow],
        ..ExperimentResults::of(&tiny(""))
    };
    assert_eq!(results.equal_time(), Some(10.0));
}

fn tiny(more: &str) -> Experiment {
    let text = format!(
        "title = \"t\"\nseeds = [1, 2]\n[base]\npreset = \"digits\"\nloss.beta = 0.5\n{more}\n\
         [variant.\"z, first\"]\n[variant.\"a second\"]\nloss.beta = 0.25\ntrain.ebm.lr = 1e-4\n\
         [curves]\nevery = 7\nfeatures = \"digits\""
    );
    Experiment::parse(&text, "tiny.toml").unwrap()
}

#[test]
fn a_variant_lies_over_the_base_and_the_preset() {
    let experiment = tiny("train.iterations = 70");
    let names = experiment
        .variants
        .iter()
        .map(|v| (v.name.as_str(), v.folder.as_str()));
    assert_eq!(
        names.collect::<Vec<_>>(),
        [("z, first", "z-first"), ("a second", "a-second")],
        "in the file's order"
    );
    let [first, second] = [0, 1].map(|i| experiment.variants[i].config(9).unwrap());
    assert_eq!((first.loss.beta, second.loss.beta), (0.5, 0.25));
    assert_eq!((first.train.ebm.lr, second.train.ebm.lr), (2e-3, 1e-4));
    for config in [first, second] {
        assert_eq!((config.seed, config.train.iterations), (9, 70));
        assert_eq!(config.log.checkpoint_every, 7);
    }
    assert_eq!(experiment.figures, [("all".to_owned(), vec![0, 1])]);
}

#[test]
fn the_experiments_of_the_repository_are_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/experiments");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let experiment = Experiment::read(&path).unwrap_or_else(|error| panic!("{error}"));
        assert!(experiment.variants.len() > 1, "{}", path.display());
        read += 1;
    }
    assert!(read >= 5);
}

/// What made a run sick is gone with the iterations in which it was, also after more has been measured.
#[test]
fn a_record_that_goes_back_forgets_what_came_later() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::create(&dir.path().join("run")).unwrap();
    let mut record = Record::read(&run).unwrap();
    for step in [0, 10, 20] {
        record.add(step, &[("gap", 0.5)]).unwrap();
    }
    record.sick("NaN").unwrap();
    assert_eq!(record.sickness(), Some("NaN"));
    record.back_to(10).unwrap();
    record.add(15, &[("gap", 0.4)]).unwrap();
    for record in [record, Record::read(&run).unwrap()] {
        assert_eq!(record.sickness(), None);
        let points = record.points();
        let steps: Vec<u64> = points.iter().map(|point| point.iteration).collect();
        assert_eq!(steps, [0, 10, 15]);
    }
}

/// The features of a reference that the seed does not choose are computed once.
#[test]
fn a_judge_is_for_all_seeds_that_hold_out_the_same() {
    let experiment = tiny("");
    let [config, other] = [1, 2].map(|seed| experiment.variants[0].config(seed).unwrap());
    let stop = AtomicBool::new(true);
    let judge = || Judge::new(&config, &experiment.curves, &Device::Cpu, &stop);
    assert!(matches!(judge(), Err(Error::Interrupted)));
    stop.store(false, Ordering::Relaxed);
    let mut judge = judge().unwrap();
    assert!(judge.is_for(&config) && judge.is_for(&other));
    judge.data.drawn = true;
    assert!(judge.is_for(&config) && !judge.is_for(&other));
}

/// Two variants with a run or two each, one of which was sick.
fn results() -> ExperimentResults {
    let mut results = ExperimentResults::of(&tiny("train.iterations = 70"));
    let mut sick = run(2, &[9.0], 0.5);
    sick.state = State::Sick("NaN".to_owned());
    sick.interventions = vec!["went back".to_owned()];
    let mut complete = run(1, &[8.0, 4.0], 0.5);
    complete.points[1]
        .figures
        .insert(NEIGHBOUR.to_owned(), json!(0.9));
    complete.end = Some(EndFigures {
        auroc: vec![vec![Some(0.5), None]],
        chains: vec![1.5],
    });
    results.end.ood = vec!["interp".to_owned()];
    results.end.chains = vec![3];
    results.variants[0].add(complete);
    results.variants[0].add(sick);
    results.variants[1].add(run(1, &[7.0, 5.0], 0.25));
    results
}

/// What somebody has called a variant, or the system has said, is no markup, neither in a cell nor in a paragraph of its own.
#[test]
fn names_are_no_markup() {
    let mut results = results();
    results.title = "a_b_c\n# d".to_owned();
    results.variants[0].name = "ohne <Latente> *|`".to_owned();
    results.variants[1].name = "1. [x](y) & \\".to_owned();
    results.variants[1].runs[0].state = State::Failed("a\n- b".to_owned());
    let markdown = markdown(&results);
    for part in [
        "### a\\_b\\_c \\# d\n",
        "| ohne \\<Latente\\> \\*\\|\\` | 1 of 2",
        "\n\nohne \\<Latente\\> \\*\\|\\`, seed 2, was sick: NaN\n",
        "| 1. \\[x\\](y) \\& \\\\ |",
        "\n\n1\\. \\[x\\](y) \\& \\\\, seed 1, failed: a - b\n",
    ] {
        assert!(markdown.contains(part), "{part:?} is not in\n{markdown}");
    }
}

/// Of an experiment that was stopped, what has not begun is missing, and told so.
#[test]
fn runs_that_have_not_begun_count() {
    let mut results = ExperimentResults::of(&tiny("train.iterations = 70"));
    results.variants[0].add(run(1, &[8.0, 4.0], 0.5));
    let markdown = markdown(&results);
    for part in [
        "| z, first | 1 of 2 |",
        "| a second | 0 of 2 |",
        "complete runs of seeds 1, 2. ",
    ] {
        assert!(markdown.contains(part), "{part:?} is not in\n{markdown}");
    }
    // an older version wrote no seeds
    results.seeds.clear();
    assert_eq!(results.all_seeds(), [1]);
}

/// What results say is read from their file alone, as the experiment may have another file by then.
#[test]
fn results_come_back_from_their_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("results.json");
    assert!(ExperimentResults::read(&path).unwrap().is_none());
    let results = results();
    results.write(&path).unwrap();
    let back = ExperimentResults::read(&path).unwrap().unwrap();
    let markdown = markdown(&results);
    assert_eq!(super::markdown(&back), markdown);
    for part in [
        "### t\n",
        "| z, first | 1 of 2, 1 sick | 0.500 | 4.00 |",
        "| AUROC, interp, β = 0.1 |",
        "seeds 1, 2. Fréchet",
        "\n\nz, first, seed 2, was sick: NaN\n\nz, first, seed 2: went back\n",
    ] {
        assert!(markdown.contains(part), "{part:?} is not in\n{markdown}");
    }
    std::fs::write(&path, "{\n\"title\": 3}").unwrap();
    let error = ExperimentResults::read(&path).unwrap_err().in_one_line();
    assert!(error.contains("results.json: line 2"), "{error}");
}

/// The runs of an experiment have the names and the order of its file, also those that it does not know; what cannot be read costs no more than itself.
#[test]
fn a_directory_is_shown_as_its_file_says() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("guide");
    for place in [
        "a-second/seed-1",
        "of-old/seed-1",
        "z-first/seed-10",
        "z-first/seed-2",
        "z-first/notes",
    ] {
        let run = RunDir::create(&out.join("runs").join(place)).unwrap();
        if !place.ends_with("notes") {
            let config = tiny("").variants[0].config(1).unwrap();
            run.write_config(&config).unwrap();
        }
    }
    let file = |text: &str| std::fs::write(out.join("experiment.toml"), text).unwrap();
    file(
        "title = \"t\"\nseeds = [1]\nbase.preset = \"digits\"\n[variant.\"z, first\"]\n[variant.\"A second\"]\n\
         [curves]\nevery = 7\nfeatures = \"digits\"",
    );
    let names = |shown: &Shown| {
        let runs = shown.runs.iter().map(|run| {
            let of = run.of.clone().unwrap();
            (of.variant, of.name)
        });
        let (variants, names): (Vec<_>, Vec<_>) = runs.unzip();
        (variants.join("|"), names.join("|"))
    };
    let shown = Shown::of(&out).unwrap();
    let variants = "z, first|z, first|A second|of-old";
    let runs = "z, first seed-2|z, first seed-10|A second seed-1|of-old seed-1";
    assert_eq!(names(&shown), (variants.to_owned(), runs.to_owned()));
    assert_eq!(shown.title, "t");
    // the file names one that has not begun
    assert_eq!(shown.about, "guide: 4 of 5 runs begun, of 3 variants");
    assert!(shown.results.is_none());
    assert_eq!(shown.damage.len(), 1, "{:?}", shown.damage);
    assert!(shown.damage[0].contains("notes"), "{:?}", shown.damage);

    results().write(&out.join("results.json")).unwrap();
    let found = Shown::of(&out).unwrap().results.unwrap();
    assert_eq!(found.tables[0][1][..2], ["z, first", "1 of 2, 1 sick"]);
    let notes = [
        "z, first, seed 2, was sick: NaN",
        "z, first, seed 2: went back",
    ];
    assert_eq!(found.notes[1..], notes);

    file("title = 3");
    let shown = Shown::of(&out).unwrap();
    let folders = "a-second|of-old|z-first|z-first";
    assert_eq!(names(&shown).0, folders);
    assert_eq!((&shown.title[..], shown.damage.len()), ("t", 2));
    assert!(
        shown.damage[0].contains("experiment.toml"),
        "{:?}",
        shown.damage
    );
    std::fs::write(out.join("results.json"), "{").unwrap();
    let shown = Shown::of(&out).unwrap();
    assert_eq!((&shown.title[..], shown.damage.len()), ("guide", 3));
    assert!(shown.results.is_none());
}
