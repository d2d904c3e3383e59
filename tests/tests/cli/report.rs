//! `clel report` through the binary.

use crate::support::tiny::{resume, train};
use crate::support::{clel, refused, text};

/// What the page's script is given.
fn content(page: &str) -> serde_json::Value {
    let start = "<script type=\"application/json\" id=\"content\">";
    let (_, rest) = page.split_once(start).expect("the content");
    let (json, _) = rest.split_once("</script>").expect("its end");
    serde_json::from_str(json).expect("JSON")
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
    let steps: Vec<_> = content["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| &l["step"])
        .collect();
    assert_eq!(steps, [1, 2, 3, 3]);
    assert_eq!(content["metrics"][3]["event"], "</script><b>{{script}}");
    assert_eq!(content["grids"].as_array().unwrap().len(), 3);
    let groups = content["groups"].as_array().unwrap();
    let figures = groups.iter().flat_map(|g| g["figures"].as_array().unwrap());
    let known: Vec<&str> = figures.map(|f| f["name"].as_str().unwrap()).collect();
    // each line has but figures whose names are known, and people's names for them
    for name in content["metrics"][0].as_object().unwrap().keys() {
        assert!(name == "step" || known.contains(&&name[..]), "{name}");
    }
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
    for loads in ["src=\"", "href=\"", "@import", "url("] {
        assert!(!page.contains(loads), "{loads} in the page");
    }
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
    assert_eq!(words[1..], ["1 h 00 min of training".to_owned(), version]);
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
    let run = crate::support::tiny::finished_run().join("run");
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
    let trained = train(&run, &["--steps", "1"]);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    std::fs::write(run.join("metrics.jsonl"), "{\"step\":1}\nnothing\n").unwrap();
    refused(&["report", &text(&run)], &["metrics.jsonl: line 2"]);
    std::fs::write(run.join("metrics.jsonl"), "").unwrap();
    std::fs::write(run.join("summary.json"), "{\n!").unwrap();
    refused(&["report", &text(&run)], &["summary.json: line 2"]);
}
