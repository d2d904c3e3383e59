//! `clel report` through the binary.

use std::path::{Path, PathBuf};

use clel::experiment::{Experiment, ExperimentResults};
use serde_json::json;

use crate::support::tiny::{finished_run, resume, train};
use crate::support::{clel, refused, text};

/// What the page's script is given.
fn content(page: &str) -> serde_json::Value {
    let start = "<script type=\"application/json\" id=\"content\">";
    let (_, rest) = page.split_once(start).expect("the content");
    let (json, _) = rest.split_once("</script>").expect("its end");
    serde_json::from_str(json).expect("JSON")
}

/// What a page shows is part of it, its icon too.
fn loads_nothing(page: &str) {
    let icon = "<link rel=\"icon\" href=\"data:image/svg+xml,";
    let rest = page.replacen(icon, "", 1);
    assert!(rest != page, "no icon");
    for loads in ["src=\"", "href=\"", "@import", "url("] {
        assert!(!rest.contains(loads), "{loads} in the page");
    }
}

#[test]
fn a_page_holds_the_whole_run() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("a &amp; b's run");
    let trained = train(&run, &["--steps", "3", "--set", "log.grid_every=1"]);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    // as if somebody's text were to end the script
    let metrics = run.join("metrics.jsonl");
    let mut lines = std::fs::read_to_string(&metrics).unwrap();
    lines.push_str("{\"step\":3,\"event\":\"</script><b>{{script}}\"}\n{\"step\":4,\"cut");
    std::fs::write(&metrics, lines).unwrap();

    let changed = || {
        let listed = clel(&["runs", &text(&run), "--json"]).stdout;
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        listed["runs"][0]["changed"].clone()
    };
    let before = changed();
    let report = clel(&["report", &text(&run), "--json"]);
    assert_eq!(report.code, Some(0), "{report:?}");
    assert_eq!(changed(), before);
    let told: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(told["report"], text(&run.join("report.html")));
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    let content = content(&page);
    assert_eq!(content["name"], "a &amp; b's run");
    let told = json!({ "step": 3, "text": "</script><b>{{script}}" });
    assert_eq!(content["events"], json!([told]));
    assert_eq!(content["grids"].as_array().unwrap().len(), 3);
    let plots = content["plots"].as_array().unwrap();
    let written = std::fs::read_to_string(&metrics).unwrap();
    let first: serde_json::Value = serde_json::from_str(written.lines().next().unwrap()).unwrap();
    // figures have people's names, of which each has a curve
    for name in first.as_object().unwrap().keys() {
        assert!(!plots.iter().any(|plot| plot["title"] == *name), "{name}");
    }
    let energies = &plots[0]["courses"];
    assert_eq!(energies[0]["label"], "E(data)");
    assert_eq!(energies[0]["steps"], json!([1, 2, 3]));
    assert_eq!(energies[0]["values"][0], first["E(data)"]);
    // the newest ones stand at the top
    let last: serde_json::Value = serde_json::from_str(written.lines().nth(2).unwrap()).unwrap();
    let gap = json!({ "label": "gap", "value": last["gap"], "step": 3 });
    assert!(content["latest"].as_array().unwrap().contains(&gap));
    let kinds = &content["summary"]["judged"][0]["digits"]["kinds"];
    assert_eq!(kinds.as_array().unwrap().len(), 10);
    let url = content["grids"][0]["url"].as_str().unwrap();
    assert!(
        url.starts_with("data:image/png;base64,iVBORw0KGgo"),
        "{url}"
    );
    assert!(content["config"].as_str().unwrap().contains("[sampler]"));
    assert_eq!(content["summary"]["iterations"], 3);
    // the same words as in the list of runs
    let told: serde_json::Value =
        serde_json::from_str(&clel(&["runs", &text(&run), "--json"]).stdout).unwrap();
    for name in ["state", "iterations", "planned"] {
        assert_eq!(content[name], told["runs"][0][name], "{name}");
    }
    assert_eq!(content["state"], "unfinished");
    assert_eq!(content["summary"]["device"], "cpu");
    loads_nothing(&page);
    assert_eq!(page.matches("</script>").count(), 3);
}

/// The time of all parts of a run is its time, wherever that is told.
#[test]
fn time_adds_up() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let read = |file: &str| -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(run.join(file)).unwrap()).unwrap()
    };
    let seconds = |file: &str| read(file)["seconds"].as_f64().unwrap();
    let trained = train(&run, &["--steps", "2"]);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    assert!(seconds("summary.json") <= seconds("time.json"));
    let mut spent = read("time.json");
    assert_eq!(spent["device"], "cpu");
    // as if it had taken an hour
    let hour = seconds("time.json") + 3600.0;
    spent["seconds"] = hour.into();
    std::fs::write(run.join("time.json"), spent.to_string()).unwrap();
    let resumed = resume(&run, "3");
    let told = "\n3 iterations, 1 h 00 min\n";
    assert!(resumed.stdout.contains(told), "{resumed:?}");
    assert!(hour < seconds("summary.json") && hour < seconds("time.json"));
    assert_eq!(read("time.json")["begun"], spent["begun"]);
    let place = text(&run);
    let listed = clel(&["runs", &place]).stdout;
    assert!(listed.contains("  1 h 00 min  cpu     20"), "{listed}");
    let told = || {
        let report = clel(&["report", &place]);
        assert_eq!(report.code, Some(0), "{report:?}");
        let content = content(&std::fs::read_to_string(run.join("report.html")).unwrap());
        let words = content["spent"].as_array().unwrap().iter();
        let words = words.map(|word| word.as_str().unwrap().to_owned());
        (content["device"].clone(), words.collect::<Vec<_>>())
    };
    let (device, words) = told();
    assert_eq!(device, "cpu");
    assert!(words[0].starts_with("begun 20"), "{words:?}");
    let version = format!("clel {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(words[1..], ["took 1 h 00 min".to_owned(), version]);
    // before the end of a part, and of a version that kept no time
    std::fs::remove_file(run.join("summary.json")).unwrap();
    assert_eq!(told(), (device, words));
    std::fs::remove_file(run.join("time.json")).unwrap();
    assert_eq!(told(), (serde_json::Value::Null, Vec::new()));
    assert_eq!(resume(&run, "4").code, Some(0));
    assert!(read("time.json")["begun"].is_null());
    // damage is told, and in nobody's way
    std::fs::write(run.join("time.json"), "{\"seconds\":-1}").unwrap();
    let resumed = resume(&run, "5");
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert!(
        resumed.stderr.contains("not the time of a run"),
        "{resumed:?}"
    );
}

/// A run is copied without what is large to be shown elsewhere; what is missing is made again where it goes on.
#[test]
fn a_copy_without_its_folders_is_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let trained = train(&run, &["--steps", "1"]);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    for folder in ["events", "samples"] {
        std::fs::remove_dir_all(run.join(folder)).unwrap();
    }
    let resumed = resume(&run, "2");
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert!(run.join("samples/step-00000002.png").is_file());
    for folder in ["checkpoints", "samples"] {
        std::fs::remove_dir_all(run.join(folder)).unwrap();
        let listed = clel(&["runs", &text(&run)]).stdout;
        assert!(listed.contains("unfinished"), "{listed}");
        let report = clel(&["report", &text(&run)]);
        assert_eq!(report.code, Some(0), "{report:?}");
    }
    resume(&run, "3").told(2, &["there is no checkpoint in it"]);
}

/// A page takes the place of a page, and of nothing else.
#[test]
fn no_other_file_is_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let run = finished_run().join("run");
    let at = |name: &str| text(&dir.path().join(name));
    std::fs::write(at("thesis.html"), "<html>mine").unwrap();
    let report = |out: &str| clel(&["report", &text(&run), "--out", &at(out)]);
    report("thesis.html").told(2, &["thesis.html exists already"]);
    assert_eq!(
        std::fs::read_to_string(at("thesis.html")).unwrap(),
        "<html>mine"
    );
    for _ in 0..2 {
        assert_eq!(report("page.html").code, Some(0));
    }
    // a run is called what its directory is
    let mut here = std::process::Command::new(crate::support::PROGRAM);
    here.args(["report", ".", "--out", &at("page.html")]);
    let told = crate::support::run(here.current_dir(&run));
    assert_eq!(told.code, Some(0), "{told:?}");
    let page = std::fs::read_to_string(at("page.html")).unwrap();
    assert_eq!(content(&page)["name"], "run");
}

#[test]
fn a_run_that_goes_on_has_a_page_too() {
    let dir = tempfile::tempdir().unwrap();
    let (run, page) = (dir.path().join("run"), dir.path().join("page.html"));
    let trained = train(&run, &["--steps", "1"]);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    std::fs::remove_file(run.join("summary.json")).unwrap();
    let report = clel(&["report", &text(&run), "--out", &text(&page)]);
    assert_eq!(report.code, Some(0), "{report:?}");
    let content = content(&std::fs::read_to_string(&page).unwrap());
    assert!(content["summary"].is_null());
}

#[test]
fn what_is_no_run_has_none() {
    let dir = tempfile::tempdir().unwrap();
    refused(&["report", &text(dir.path())], &["not a run directory"]);
    let run = dir.path().join("run");
    refused(
        &["report", &text(&run), &text(dir.path())],
        &["run", "not a run directory"],
    );
    let out = dir.path().join("experiment");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("experiment.toml"), "").unwrap();
    refused(&["report", &text(&out)], &["has come to no run yet"]);
}

/// A copy of the run that the tests share, without its checkpoints.
fn copied(to: &Path) -> PathBuf {
    let from = finished_run().join("run");
    std::fs::create_dir_all(to.join("samples")).unwrap();
    for file in ["config.toml", "metrics.jsonl", "summary.json", "time.json"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    for file in ["step-00000002.png", "fresh-chains.png"] {
        std::fs::copy(
            from.join("samples").join(file),
            to.join("samples").join(file),
        )
        .unwrap();
    }
    to.to_owned()
}

/// Of a damaged file a page shows the rest, and says so.
#[test]
fn damage_costs_no_page() {
    let dir = tempfile::tempdir().unwrap();
    let shown = |name: &str, file: &str, damaged: &dyn Fn(Vec<u8>) -> Vec<u8>, told: &str| {
        let run = copied(&dir.path().join(name));
        let path = run.join(file);
        std::fs::write(&path, damaged(std::fs::read(&path).unwrap())).unwrap();
        let report = clel(&["report", &text(&run)]);
        assert_eq!(report.code, Some(0), "{report:?}");
        assert!(report.stderr.contains(told), "{told}: {report:?}");
        assert!(report.stderr.starts_with("warning: "), "{report:?}");
        let content = content(&std::fs::read_to_string(run.join("report.html")).unwrap());
        let damage = content["damage"][0].as_str().unwrap();
        assert!(damage.contains(told), "{damage}");
        content
    };
    let curves = |content: &serde_json::Value| content["plots"].as_array().unwrap().len();
    let replaced = |_| b"{\n!".to_vec();
    let found = shown("summary", "summary.json", &replaced, "summary.json: line 2");
    assert!(curves(&found) > 5 && found["summary"].is_null());
    assert_eq!(found["state"], "damaged");
    let found = shown("config", "config.toml", &replaced, "config.toml");
    assert!(curves(&found) > 5 && found["config"] == "{\n!");
    let between = |metrics: Vec<u8>| {
        let end = metrics.iter().position(|b| *b == b'\n').unwrap();
        [&metrics[..end], b"\nnothing", &metrics[end..]].concat()
    };
    let found = shown(
        "metrics",
        "metrics.jsonl",
        &between,
        "metrics.jsonl: line 2",
    );
    assert_eq!(found["plots"][0]["courses"][0]["steps"], json!([1, 2]));
    // each damaged line
    let around = |metrics: Vec<u8>| [b"nothing\n", &between(metrics)[..]].concat();
    let found = shown("lines", "metrics.jsonl", &around, "metrics.jsonl: line 1");
    let second = found["damage"][1].as_str().unwrap();
    assert!(second.contains("metrics.jsonl: line 3"), "{second}");
    let png = "samples/step-00000002.png";
    let half = |png: Vec<u8>| png[..png.len() / 2].to_vec();
    let flipped = |mut png: Vec<u8>| {
        let middle = png.len() / 2;
        png[middle] ^= 0x55;
        png
    };
    for (name, damaged) in [("half", &half as &dyn Fn(_) -> _), ("flipped", &flipped)] {
        let found = shown(name, png, damaged, "step-00000002.png: not a");
        assert!(found["grids"][0]["url"].is_null(), "{found}");
        assert_eq!(found["state"], "unfinished");
    }
}

/// Metrics that somebody has cut are not taken for the whole run.
#[test]
fn figures_that_end_too_early_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let run = copied(&dir.path().join("run"));
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let first = metrics.lines().next().unwrap();
    std::fs::write(run.join("metrics.jsonl"), format!("{first}\n")).unwrap();
    let told = || {
        let report = clel(&["report", &text(&run)]);
        assert_eq!(report.code, Some(0), "{report:?}");
        let page = std::fs::read_to_string(run.join("report.html")).unwrap();
        (report.stderr, content(&page))
    };
    let (stderr, found) = told();
    assert_eq!(stderr, "");
    // one line is no curve, and has figures
    assert_eq!(found["plots"], json!([]));
    assert_eq!(found["latest"][0]["label"], "E(data)");
    let checkpoint = "checkpoints/step-00000002.safetensors";
    std::fs::create_dir(run.join("checkpoints")).unwrap();
    let from = finished_run().join("run").join(checkpoint);
    std::fs::copy(from, run.join(checkpoint)).unwrap();
    let (stderr, found) = told();
    let words = "figures end at iteration 1; the newest checkpoint is of iteration 2";
    assert!(stderr.contains(words), "{stderr}");
    assert_eq!(found["damage"], json!([words]));
    assert_eq!(found["grids"][0]["name"], "2");
    // a line that was not due yet is not missing
    let config = std::fs::read_to_string(run.join("config.toml")).unwrap();
    let config = config.replace("metrics_every = 1\n", "metrics_every = 3\n");
    std::fs::write(run.join("config.toml"), config).unwrap();
    assert_eq!(told().0, "");
}

/// Pictures say what they show; those of the end of a run go when it goes on.
#[test]
fn pictures_are_of_the_iteration_that_they_name() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    assert_eq!(train(&run, &["--steps", "1"]).code, Some(0));
    let captions = || {
        assert_eq!(clel(&["report", &text(&run)]).code, Some(0));
        let content = content(&std::fs::read_to_string(run.join("report.html")).unwrap());
        let all = content["pictures"].as_array().unwrap().iter();
        let captions: Vec<_> = all.map(|one| one["caption"].clone()).collect();
        (captions, content["grids"][0]["caption"].clone())
    };
    let fresh = "fresh chains, 1 × 2 steps, after iteration 1";
    let grid = "samples of the replay buffer after iteration 1";
    let before = "before training";
    assert_eq!(captions(), (vec![json!(before), json!(fresh)], json!(grid)));
    let shared = clel::report::RunDir::open(&run).unwrap();
    shared.remove_summary().unwrap();
    assert_eq!(captions(), (vec![json!(before)], json!(grid)));
}

/// Several runs, or those of an experiment, are one page.
#[test]
fn runs_are_shown_over_one_another() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("guide");
    let run = |variant: &str| copied(&out.join("runs").join(variant).join("seed-0"));
    let (with, without) = (run("with-guide"), run("without"));
    let file = "title = \"Does it help?\"\nseeds = [0]\nbase.preset = \"digits\"\n[variant.without]\n\
                [variant.\"With guide\"]\n[curves]\nevery = 5\nfeatures = \"digits\"\n";
    std::fs::write(out.join("experiment.toml"), file).unwrap();
    let experiment = Experiment::parse(file, "guide.toml").unwrap();
    let results = out.join("results.json");
    ExperimentResults::of(&experiment).write(&results).unwrap();
    std::fs::write(without.join("summary.json"), "{").unwrap();
    let config = std::fs::read_to_string(with.join("config.toml")).unwrap();
    let other = config.replace("seed = 0\n", "seed = 3\n");
    std::fs::write(with.join("config.toml"), other).unwrap();
    let report = clel(&["report", &text(&out), "--json"]);
    assert_eq!(report.code, Some(0), "{report:?}");
    let told: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(told["report"], text(&out.join("report.html")));
    // in the order of the file
    assert_eq!(told["runs"], json!([text(&without), text(&with)]));
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    let shown = content(&page);
    assert_eq!(shown["name"], "Does it help?");
    assert_eq!(shown["about"], "guide: 2 runs of 2 variants");
    let damage = shown["damage"][0].as_str().unwrap();
    assert!(damage.starts_with("without seed-0: "), "{damage}");
    let energy = &shown["plots"][0];
    assert_eq!(energy["title"], "E(data)");
    for (place, name) in ["without", "With guide"].into_iter().enumerate() {
        let course = &energy["courses"][place];
        assert_eq!(
            (&course["label"], &course["place"]),
            (&json!(name), &json!(place))
        );
        assert_eq!(course["steps"], json!([1, 2]));
        let run = &shown["runs"][place];
        assert_eq!(
            (&run["name"], &run["iterations"]),
            (&json!(format!("{name} seed-0")), &json!(2))
        );
        let url = run["grid"]["url"].as_str().unwrap();
        assert!(url.starts_with("data:image/png;base64,"), "{url}");
        assert_eq!(run["latest"][0]["label"], "E(data)");
    }
    assert_eq!(shown["runs"][0]["state"], "damaged");
    assert_eq!(shown["runs"][1]["state"], "unfinished");
    assert_eq!(shown["differences"], json!([["seed", ["0", "3"]]]));
    // the same figures as `clel runs` prints
    let compared = clel(&["runs", &text(&without), &text(&with)]).stdout;
    let ends = shown["ends"].as_array().unwrap();
    assert_eq!(ends.len(), 3, "{ends:?}");
    for end in ends {
        let heading = end["heading"].as_str().unwrap();
        assert!(
            compared.contains(heading),
            "{heading} is not in\n{compared}"
        );
        for figure in end["figures"].as_array().unwrap() {
            assert!(figure["values"][0].is_null(), "{figure}");
            let value = figure["values"][1].as_str().unwrap();
            assert!(compared.contains(value), "{value} is not in\n{compared}");
        }
    }
    assert_eq!(shown["results"][0]["tables"][0][1][0], "without");
    loads_nothing(&page);
    // named one by one, each once, into this folder
    let mut here = std::process::Command::new(crate::support::PROGRAM);
    here.args(["report", &text(&with), &text(&without), &text(&with)]);
    let told = crate::support::run(here.current_dir(dir.path()));
    assert_eq!(told.stdout, "report.html\n", "{told:?}");
    let shown = content(&std::fs::read_to_string(dir.path().join("report.html")).unwrap());
    assert_eq!(shown["runs"].as_array().unwrap().len(), 2);
    assert_eq!(shown["runs"][0]["name"], "with-guide/seed-0");
    assert_eq!(shown["results"], json!([]));
    // with the experiment that one of them is of
    let mut here = std::process::Command::new(crate::support::PROGRAM);
    here.args(["report", &text(&with), "guide"]);
    let told = crate::support::run(here.current_dir(dir.path()));
    assert_eq!(told.code, Some(0), "{told:?}");
    let shown = content(&std::fs::read_to_string(dir.path().join("report.html")).unwrap());
    let names: Vec<_> = shown["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["name"])
        .collect();
    assert_eq!(names, ["guide: With guide seed-0", "guide: without seed-0"]);
    let curves = shown["plots"][0]["courses"].as_array().unwrap().iter();
    let labels: Vec<_> = curves.map(|course| &course["label"]).collect();
    assert_eq!(labels, ["guide: With guide", "guide: without"]);
    // with variants of one name in two experiments
    let again = dir.path().join("again");
    let other = copied(&again.join("runs/without/seed-0"));
    std::fs::write(again.join("experiment.toml"), file).unwrap();
    let mut here = std::process::Command::new(crate::support::PROGRAM);
    here.args(["report", "guide/", "again", &text(&other)]);
    let told = crate::support::run(here.current_dir(dir.path()));
    assert_eq!(told.code, Some(0), "{told:?}");
    let shown = content(&std::fs::read_to_string(dir.path().join("report.html")).unwrap());
    assert_eq!(shown["name"], "3 runs");
    for (i, name) in ["guide: without", "guide: With guide", "again: without"]
        .into_iter()
        .enumerate()
    {
        let run = &shown["runs"][i];
        assert_eq!(run["name"], format!("{name} seed-0"));
        assert_eq!(run["place"], i);
    }
    assert_eq!(shown["results"][0]["title"], "Does it help? (guide)");
    // what says what the experiment is costs no page
    std::fs::write(out.join("experiment.toml"), "").unwrap();
    std::fs::write(results, "{").unwrap();
    let report = clel(&["report", &text(&out)]);
    assert_eq!(report.code, Some(0), "{report:?}");
    let shown = content(&std::fs::read_to_string(out.join("report.html")).unwrap());
    for (i, file) in ["experiment.toml", "results.json"].into_iter().enumerate() {
        assert!(report.stderr.contains(file), "{report:?}");
        let damage = shown["damage"][i].as_str().unwrap();
        assert!(damage.contains(file), "{damage}");
    }
    assert_eq!(shown["name"], "guide");
    assert_eq!(shown["runs"][0]["name"], "with-guide seed-0");
}
