//! The run directory: what it keeps, and how it is found again.

use crate::Error;
use crate::config::{Best, Layers};
use crate::report::{End, Lost, Metrics, Overview, RunDir, State};

#[test]
fn metrics_survive_a_crash_and_a_resume() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("metrics.jsonl");
    let mut metrics = Metrics::create(&path).unwrap();
    for step in [10, 20, 30] {
        metrics
            .write(step, &[("energy", 0.5), ("gap", f64::NAN)])
            .unwrap();
    }
    drop(metrics);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        text.lines().next(),
        Some(r#"{"energy":0.5,"gap":"NaN","step":10}"#)
    );
    // A crash in the middle of a line.
    std::fs::write(&path, format!("{text}{{\"step\": 4")).unwrap();
    let mut metrics = Metrics::resume(&path, 20).unwrap();
    metrics.write(25, &[]).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let last = text.lines().last();
    assert_eq!((text.lines().count(), last), (3, Some(r#"{"step":25}"#)));

    assert_eq!(metrics.lost(), []);
    assert!(Metrics::create(&path).is_err());

    // where others hold it open, Windows puts nothing in its place
    drop(metrics);
    // damage after what the run goes on from, whatever it is, costs nothing
    for junk in [&b"hello\n"[..], b"\0\0\xff\n{}\n", b"{\"step\": 7}\n[]\n"] {
        std::fs::write(&path, [b"{\"step\": 1}\n", junk].concat()).unwrap();
        let error = Metrics::read(&path).unwrap_err().to_string();
        assert!(error.contains("not a JSON object"), "{error}");
        let mut metrics = Metrics::resume(&path, 5).unwrap();
        let [lost] = &metrics.lost()[..] else {
            panic!("one loss");
        };
        assert!(
            lost.figures && lost.text.contains("was damaged; figures of iterations after 1 up to 5 may be missing, and the figures that came later are dropped"),
            "{lost:?}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"step\": 1}\n");
    }
    // before it, it is for a person to decide
    std::fs::write(&path, "{\"step\": 1}\nhello\n{\"step\": 5}\n").unwrap();
    let error = Metrics::resume(&path, 5).unwrap_err().to_string();
    for part in [
        "line 2: not a JSON object",
        "Without this line it can be used again",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

fn texts(lost: Vec<Lost>) -> Vec<String> {
    lost.into_iter().map(|lost| lost.text).collect()
}

/// An end before the end is what the run has come to, until it goes on; then it is an event.
#[test]
fn an_early_end_is_told_until_the_run_goes_on() {
    for (end, state) in [(End::Sick, State::Sick), (End::Failed, State::Failed)] {
        // after the iteration that the run goes on from, and at it
        for step in [12, 10] {
            told_until_the_run_goes_on(end, state, step);
        }
    }
}

fn told_until_the_run_goes_on(end: End, state: State, step: u64) {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::create(&dir.path().join("r")).unwrap();
    let config = Layers::preset("digits").unwrap().build().unwrap();
    run.write_config(&config).unwrap();
    let mut metrics = run.metrics(0).unwrap();
    metrics.write(10, &[("gap", 0.1)]).unwrap();
    let text = "NaN, or gone; the run ended with it";
    metrics.end(step, text, end).unwrap();
    let told = Overview::of(run.path());
    assert_eq!((told.state, told.iterations), (state, step));
    assert_eq!(told.interventions, [text]);
    drop(metrics);
    let mut metrics = run.metrics(10).unwrap();
    let lost = texts(metrics.lost());
    assert_eq!(
        lost,
        ["the run had ended (NaN, or gone) and was resumed from iteration 10"]
    );
    metrics.event(10, &lost[0]).unwrap();
    let told = Overview::of(run.path());
    assert_eq!((told.state, told.iterations), (State::Unfinished, 10));
    assert_eq!(told.interventions, lost);
    let lines = std::fs::read_to_string(run.metrics_path()).unwrap();
    assert!(!lines.contains("\"state\""), "{lines}");
    drop(metrics);
    assert_eq!(run.metrics(10).unwrap().lost(), []);
}

/// Where a run goes back further than it has before, what happened in between stays, figures do not.
#[test]
fn what_happened_outlives_the_iterations_after_which_it_did() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::create(&dir.path().join("r")).unwrap();
    let mut metrics = run.metrics(0).unwrap();
    for step in [10, 20, 30] {
        metrics.event(step, &format!("after {step}")).unwrap();
        metrics.write(step, &[("gap", 0.1)]).unwrap();
    }
    metrics.end(30, "gone", End::Failed).unwrap();
    drop(metrics);
    let mut metrics = run.metrics(10).unwrap();
    let lost = texts(metrics.lost());
    assert_eq!(metrics.moved(), ["after 20", "after 30"]);
    metrics.event(10, &lost[0]).unwrap();
    metrics.write(20, &[("gap", 0.2)]).unwrap();
    let told = [
        "after 10",
        "after 20",
        "after 30",
        "the run had ended (gone) and was resumed from iteration 10",
    ];
    assert_eq!(run.events().unwrap(), told);
    let history = run.history().unwrap();
    assert_eq!(history.steps(), [10, 20]);
    let happened = |run: &RunDir| -> Vec<u64> {
        let history = run.history().unwrap();
        history.events().iter().map(|event| event.0).collect()
    };
    assert_eq!(happened(&run), [10, 20, 30, 10]);
    drop(metrics);
    // once more, from before all of it
    assert_eq!(run.metrics(5).unwrap().lost(), []);
    assert_eq!(run.events().unwrap(), told);
    assert_eq!(happened(&run), [10, 20, 30, 10]);
    assert_eq!(run.history().unwrap().highest(), 5);
}

#[test]
fn a_run_directory_is_never_taken_twice() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/run");
    let run = RunDir::create(&path).unwrap();
    let error = RunDir::open(&path).unwrap_err().to_string();
    assert!(
        error.contains("is not a run directory: there is no config.toml"),
        "{error}"
    );

    let config = Layers::preset("digits").unwrap().build().unwrap();
    run.write_config(&config).unwrap();
    assert_eq!(RunDir::open(&path).unwrap().read_config().unwrap(), config);
    assert!(run.metrics(0).is_ok());
    let error = RunDir::create(&path).unwrap_err();
    assert!(matches!(error, Error::RunExists { .. }));
    assert!(error.to_string().contains("--resume"), "{error}");

    let numbered = |n: &str| dir.path().join("runs").join(n);
    for name in ["digits-001", "digits-002"] {
        let run = RunDir::create_numbered(&dir.path().join("runs"), "digits").unwrap();
        assert_eq!(run.path(), numbered(name));
    }
}

/// A process that has the run but has not begun it keeps it from a second one; what one leaves that was killed then is taken over.
#[test]
fn a_run_that_is_about_to_begin_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run");
    let (first, begun) = RunDir::at(&path).unwrap();
    assert!(!begun);
    let lock = first.lock().unwrap();
    let (second, begun) = RunDir::at(&path).unwrap();
    assert!(!begun);
    let error = second.lock().unwrap_err();
    assert!(matches!(error, Error::RunBusy { .. }), "{error}");
    drop(lock);
    let (third, begun) = RunDir::at(&path).unwrap();
    assert!(!begun && third.lock().is_ok());
    // killed while it wrote the first file
    std::fs::write(path.join("config.toml.7-0.partial"), "x").unwrap();
    assert!(RunDir::create(&path).is_ok());
    for there in ["samples/mine.png", "mine.txt"] {
        std::fs::write(path.join(there), "x").unwrap();
        let error = RunDir::at(&path).unwrap_err();
        // no advice to go on with what is no run
        assert!(matches!(error, Error::OutputExists { .. }), "{error}");
        std::fs::remove_file(path.join(there)).unwrap();
    }
}

#[test]
fn the_newest_checkpoints_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::create(&dir.path().join("r")).unwrap();
    assert!(
        run.latest_checkpoint()
            .unwrap_err()
            .to_string()
            .contains("no checkpoint")
    );
    for step in [500, 20, 1500] {
        std::fs::write(run.checkpoint_path(step), "x").unwrap();
    }
    std::fs::write(run.path().join("checkpoints/step-9.safetensors.tmp"), "x").unwrap();
    assert_eq!(
        run.latest_checkpoint().unwrap(),
        (1500, run.checkpoint_path(1500))
    );
    run.prune_checkpoints(0, &[]).unwrap();
    run.prune_checkpoints(2, &[]).unwrap();
    let steps = || -> Vec<u64> { run.checkpoints().unwrap().iter().map(|c| c.0).collect() };
    assert_eq!(steps(), [500, 1500]);
    run.prune_checkpoints(1, &[500]).unwrap();
    assert_eq!(steps(), [500, 1500]);
}

/// A program that copies a file as Windows' own does lets nobody remove it meanwhile.
#[cfg(windows)]
#[test]
fn a_checkpoint_that_is_being_copied_stays_until_the_next_time() {
    use std::os::windows::fs::OpenOptionsExt;

    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::create(&dir.path().join("r")).unwrap();
    for step in [1, 2, 3] {
        std::fs::write(run.checkpoint_path(step), "x").unwrap();
    }
    let mut copying = std::fs::File::options();
    let copying = copying.read(true).share_mode(1);
    let copying = copying.open(run.checkpoint_path(1)).unwrap();
    let steps = || -> Vec<u64> { run.checkpoints().unwrap().iter().map(|c| c.0).collect() };
    run.prune_checkpoints(1, &[]).unwrap();
    assert_eq!(steps(), [1, 3]);
    drop(copying);
    run.prune_checkpoints(1, &[]).unwrap();
    assert_eq!(steps(), [3]);
}

#[test]
fn the_best_checkpoint_is_one_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::create(&dir.path().join("r")).unwrap();
    let best = |by| {
        let best = run.best_checkpoint(by).unwrap()?;
        Some((best.step, best.value))
    };
    assert_eq!(best(Best::RelativeFrechet), None);
    let mut metrics = run.metrics(0).unwrap();
    for (step, frechet, share) in [
        (10, 0.5, 0.9),
        (20, 0.2, 0.7),
        (30, 0.3, 0.9),
        (40, f64::NAN, 0.8),
    ] {
        let values = [("relative_frechet", frechet), ("nearest_neighbour", share)];
        metrics.write(step, &values).unwrap();
        metrics.write(step + 5, &[("gap", -1.0)]).unwrap();
    }
    assert_eq!(best(Best::RelativeFrechet), None, "there is no file");
    for step in [10, 15, 30, 40] {
        std::fs::write(run.checkpoint_path(step), "x").unwrap();
    }
    assert_eq!(best(Best::RelativeFrechet), Some((30, 0.3)));
    assert_eq!(best(Best::NearestNeighbour), Some((10, 0.9)));
    assert_eq!(best(Best::None), None);
    std::fs::write(run.checkpoint_path(20), "x").unwrap();
    assert_eq!(best(Best::RelativeFrechet), Some((20, 0.2)));
}

/// The encoder of each line is another one, so only values of one line compare.
#[test]
fn the_best_checkpoint_is_known_from_what_one_encoder_says_of_two() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::create(&dir.path().join("r")).unwrap();
    let mut metrics = run.metrics(0).unwrap();
    let mut after = |step, newest, before: Option<f64>| {
        let mut values = vec![("relative_frechet", newest), ("nearest_neighbour", newest)];
        values.extend(before.map(|before| ("best_relative_frechet", before)));
        metrics.write(step, &values).unwrap();
        std::fs::write(run.checkpoint_path(step), "x").unwrap();
        let best = |by| run.best_checkpoint(by).unwrap().unwrap().step;
        [best(Best::RelativeFrechet), best(Best::NearestNeighbour)]
    };
    assert_eq!(after(10, 0.1, None), [10, 10]);
    assert_eq!(after(20, 0.3, Some(0.4)), [20, 20]);
    assert_eq!(after(30, 0.2, Some(0.15)), [20, 20]);
    assert_eq!(after(40, 0.5, Some(0.5)), [20, 40], "not better");
    // where the samples of the best one could not be read, its own value has to do
    assert_eq!(after(50, 0.35, None), [20, 40]);
    assert_eq!(after(60, 0.25, None), [60, 40]);
}
