//! `clel runs`, through the program.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use crate::support::tiny::{finished_run, train};
use crate::support::{PROGRAM, Run, clel, object, refused, run, text};
use serde_json::Value;

/// Copies a directory.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).unwrap()),
        }
    }
}

/// The line of a table that begins with a word.
fn line<'a>(run: &'a Run, word: &str) -> &'a str {
    let mut lines = run.stdout.lines();
    lines
        .find(|line| line.trim_start().starts_with(word))
        .unwrap_or_else(|| panic!("{word} is not in {run:?}"))
}

#[test]
fn every_run_is_a_line_whatever_its_state() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let whole = train(&at("whole"), &["--set", "train.iterations=2"]);
    assert_eq!(whole.code, Some(0), "{whole:?}");
    for name in ["begun", "busy", "cut", "headless", "lost", "mangled"] {
        copy(&finished_run().join("run"), &at(name));
    }
    fs::create_dir(at("empty")).unwrap();
    // what is no directory is no run, nor is one without a file of a run
    fs::write(at("notes.txt"), "not a run").unwrap();
    fs::create_dir(at("notes")).unwrap();
    fs::write(at("notes/notes.txt"), "not a run").unwrap();
    fs::remove_file(at("headless").join("config.toml")).unwrap();
    let lock = File::create(at("busy").join("lock")).unwrap();
    lock.lock().unwrap();
    let checkpoint = at("cut").join("checkpoints/step-00000002.safetensors");
    let long = fs::metadata(&checkpoint).unwrap().len();
    File::options()
        .write(true)
        .open(checkpoint)
        .unwrap()
        .set_len(long - 5)
        .unwrap();
    let metrics = at("begun").join("metrics.jsonl");
    let mut lines = fs::read_to_string(&metrics).unwrap();
    lines += "{\"step\":2,\"event\":\"went back\"}\n{\"step\":3,\"gap\"";
    fs::write(metrics, lines).unwrap();
    fs::write(at("mangled").join("metrics.jsonl"), "{\"step\":1}\nnoise\n").unwrap();
    fs::write(at("mangled").join("summary.json"), "{}").unwrap();
    fs::write(at("lost").join("config.toml"), "seed = \"none\"").unwrap();

    let list = clel(&["runs", &text(folder.path())]);
    assert_eq!(list.code, Some(0), "{list:?}");
    for (name, parts) in [
        ("whole", vec!["finished", "digits", "tiny", "2 of 2"]),
        ("begun", vec!["unfinished", "2 of 1500"]),
        ("begun: on the way", vec!["went back"]),
        ("busy", vec!["training now", "2 of 1500"]),
        ("cut", vec!["damaged", "2 of 1500"]),
        (
            "cut: damaged",
            vec!["step-00000002.safetensors", "bytes are there"],
        ),
        ("headless: damaged", vec!["there is no config.toml in it"]),
        ("lost: damaged", vec!["config.toml", "seed"]),
        ("mangled: damaged: ", vec!["metrics.jsonl: line 2"]),
    ] {
        for part in parts {
            assert!(line(&list, name).contains(part), "{name}: {part}: {list:?}");
        }
    }
    assert!(list.stdout.contains("not a summary of a run"), "{list:?}");
    // read for figures and for the best checkpoint, and told once
    assert_eq!(list.stdout.matches("metrics.jsonl: line 2").count(), 1);
    assert!(!list.stdout.contains("notes"), "{list:?}");
    assert!(!list.stdout.contains("empty"), "{list:?}");

    let listing = object(&clel(&["runs", &text(folder.path()), "--json"]));
    let runs = listing["runs"].as_array().unwrap();
    let states: Vec<&str> = runs.iter().map(|r| r["state"].as_str().unwrap()).collect();
    let [damaged, unfinished] = ["damaged", "unfinished"];
    let expected = [
        unfinished, "training", damaged, damaged, damaged, damaged, "finished",
    ];
    assert_eq!(states, expected);
    // figures are those that the run wrote
    let written = fs::read_to_string(at("whole").join("metrics.jsonl")).unwrap();
    let last: Value = serde_json::from_str(written.lines().last().unwrap()).unwrap();
    assert_eq!(runs[6]["figures"]["gap"], last["gap"]);
    let summary = fs::read_to_string(at("whole").join("summary.json")).unwrap();
    assert_eq!(
        runs[6]["summary"],
        serde_json::from_str::<Value>(&summary).unwrap()
    );
}

/// A path in the system's own spelling.
fn spelt(parts: &[&str]) -> String {
    text(&parts.iter().collect::<std::path::PathBuf>())
}

/// The runs of an experiment are listed with the others, and alone; a name that is no text is in nobody's way.
#[test]
fn runs_are_listed_wherever_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder
        .path()
        .join(spelt(&["guide", "runs", "base", "seed-1"]));
    copy(&finished_run().join("run"), &place);
    fs::write(folder.path().join("guide/experiment.toml"), "").unwrap();
    fs::create_dir(folder.path().join("guide/runs/late")).unwrap();
    let list = clel(&["runs", &text(folder.path())]);
    line(&list, &spelt(&["guide", "runs", "base", "seed-1"]));
    assert!(!list.stdout.contains("damaged"), "{list:?}");
    let guide = text(&folder.path().join("guide"));
    let list = clel(&["runs", &guide]);
    line(&list, &spelt(&["runs", "base", "seed-1"]));
    // where a run is expected, its runs are named
    for arguments in [&["watch", &guide][..], &["train", "--resume", &guide]] {
        let parts = ["not a run directory: it is an experiment's", &text(&place)];
        refused(arguments, &parts);
    }
    // and those of a folder of runs, the experiment's among them
    copy(&place, &folder.path().join("alone"));
    let both = text(folder.path());
    for arguments in [
        &["watch", &both][..],
        &["report", &both],
        &["train", "--resume", &both],
    ] {
        let alone = text(&folder.path().join("alone"));
        let named = format!(
            "not a run directory: it is a folder of runs: {alone}, {}",
            text(&place)
        );
        refused(arguments, &[&named]);
    }
    for i in 0..4 {
        copy(&place, &folder.path().join(format!("more-{i}")));
    }
    let more = format!("and 2 more, which `clel runs {both}` lists");
    refused(&["report", &both], &[&more]);
    // a part of a run is told with the run
    let alone = folder.path().join("alone");
    let named = format!("of the run {}: name that", text(&alone));
    for (part, kind) in [
        (
            "checkpoints/step-00000002.safetensors",
            "it is a checkpoint ",
        ),
        ("checkpoints", "it is a part "),
        ("metrics.jsonl", "it is a part "),
    ] {
        let part = text(&alone.join(part));
        for arguments in [
            &["train", "--resume", &part][..],
            &["watch", &part],
            &["report", &part],
            &["runs", &part],
        ] {
            refused(arguments, &[&format!("{kind}{named}")]);
        }
    }
    let best = text(&alone.join("best"));
    for command in ["report", "runs", "watch"] {
        refused(&[command, &best], &[&format!("it is a checkpoint {named}")]);
    }
    let headless = folder.path().join("alone");
    fs::remove_file(headless.join("config.toml")).unwrap();
    refused(
        &["watch", &text(&headless)],
        &["there is no config.toml in it"],
    );
    let blank = folder.path().join("blank");
    fs::create_dir(&blank).unwrap();
    fs::write(blank.join("experiment.toml"), "").unwrap();
    refused(&["watch", &text(&blank)], &["which has no runs yet"]);
    fs::remove_dir_all(&blank).unwrap();
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt;
        let odd = std::ffi::OsStr::from_bytes(b"odd-\xff");
        copy(&place, &folder.path().join(odd));
        let listing = object(&clel(&["runs", &text(folder.path()), "--json"]));
        let runs = listing["runs"].as_array().unwrap();
        let name = runs.last().unwrap()["run"].as_str().unwrap();
        assert!(name.ends_with("odd-\u{fffd}"), "{name}");
        let mut named = Command::new(PROGRAM);
        named.args(["train", "--device", "cpu", "--out"]).arg(odd);
        run(&mut named).told(2, &["--out", "must be UTF-8"]);
    }
}

/// Copies of a run with other last gaps, one of them without; the first two are finished, as far as their words go, or ended sick.
fn many(folder: &Path) {
    for (name, gap) in [("r2", "0.25"), ("r10", "-3"), ("r1", "\"NaN\""), ("x", "7")] {
        let at = folder.join(name);
        copy(&finished_run().join("run"), &at);
        let mut lines = fs::read_to_string(at.join("metrics.jsonl")).unwrap();
        lines += &format!("{{\"step\":2,\"gap\":{gap}}}\n");
        if name == "r2" {
            let text = "sick: too wide; the run ended with it";
            lines += &format!("{{\"step\":2,\"event\":\"{text}\",\"state\":\"sick\"}}\n");
        }
        fs::write(at.join("metrics.jsonl"), lines).unwrap();
    }
}

#[test]
fn runs_are_told_in_the_order_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    many(folder.path());
    let place = text(folder.path());
    let told = |more: &[&str]| -> Vec<String> {
        let listed = clel(&[&["runs", &place, "--json"], more].concat());
        let runs = object(&listed)["runs"].clone();
        let names = runs.as_array().unwrap().iter().map(|run| {
            let run = Path::new(run["run"].as_str().unwrap());
            text(Path::new(run.file_name().unwrap()))
        });
        names.collect()
    };
    for (more, expected) in [
        (&[][..], ["r1", "r2", "r10", "x"]),
        (&["--reverse"], ["x", "r10", "r2", "r1"]),
        (&["--sort", "-name"], ["x", "r10", "r2", "r1"]),
        (&["--sort", "gap"], ["r10", "r2", "x", "r1"]),
        (&["--sort", "-gap"], ["x", "r2", "r10", "r1"]),
        (&["--sort=gap", "--reverse"], ["x", "r2", "r10", "r1"]),
        // equal ones are by name
        (&["--sort", "-iterations"], ["r1", "r2", "r10", "x"]),
        (&["--sort", "state"], ["r1", "r10", "x", "r2"]),
    ] {
        assert_eq!(told(more), expected, "{more:?}");
    }
    assert_eq!(told(&["--state", "sick"]), ["r2"]);
    assert_eq!(
        told(&["--state", "unfinished", "--reverse"]),
        ["x", "r10", "r1"]
    );
    assert_eq!(told(&["--state", "finished,sick,unfinished"]).len(), 4);
    let table = clel(&["runs", &place, "--sort", "gap"]);
    let names: Vec<&str> = table.stdout.lines().skip(1).take(4).collect();
    assert!(
        names[0].starts_with("r10 ") && names[2].starts_with("x "),
        "{table:?}"
    );
    let none = clel(&["runs", &place, "--state", "failed,damaged"]);
    assert!(
        none.code == Some(0) && none.stdout.contains("no run in"),
        "{none:?}"
    );
    let missing = ["--sort gapp", "is none of name, changed, iterations", "gap"];
    refused(&["runs", &place, "--sort", "gapp"], &missing);
    // those that are compared stand in the order given, if no other is asked for
    let [a, b] = ["r2", "r10"].map(|name| text(&folder.path().join(name)));
    for (more, first) in [(&[][..], &a), (&["--sort", "gap"], &b)] {
        let compared = clel(&[&["runs", &a, &b], more].concat());
        assert!(
            compared.stdout.trim_start().starts_with(first.as_str()),
            "{compared:?}"
        );
    }
}

/// On a terminal nothing is broken within a word, and a name has one line.
#[cfg(unix)]
#[test]
fn a_list_is_as_wide_as_the_terminal() {
    use crate::support::terminal::Terminal;

    let folder = tempfile::tempdir().unwrap();
    many(folder.path());
    let odd = folder.path().join("two\nlines");
    copy(&folder.path().join("x"), &odd);
    let metrics = odd.join("metrics.jsonl");
    let mut lines = fs::read_to_string(&metrics).unwrap();
    let words: Vec<String> = (0..60).map(|i| format!("word{i}")).collect();
    lines += &format!("{{\"step\":2,\"event\":\"{}\"}}\n", words.join(" "));
    fs::write(metrics, lines).unwrap();
    let place = text(folder.path());
    let told = |arguments: &[&str]| {
        let left = Terminal::start(PROGRAM, &[&["runs"], arguments].concat(), &[]).end();
        assert_eq!(left.code, 0, "{left:?}");
        left.text
    };
    let whole = |text: &str, word: &str| text.split_whitespace().any(|found| found == word);
    let table = told(&[&place]);
    assert!(table.contains("two\\nlines "), "{table}");
    for word in &words {
        assert!(whole(&table, word), "{word} is not in\n{table}");
    }
    // compared, runs that do not stand beside one another are below
    let runs: Vec<String> = (0..4).map(|_| text(&folder.path().join("x"))).collect();
    let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
    let compared = told(&runs.repeat(3));
    assert_eq!(
        compared.matches(" iterations").count() + compared.matches("\niterations").count(),
        compared.matches("settings that differ").count(),
        "{compared}"
    );
    // a table with this name would not fit
    let long = "n".repeat(100);
    copy(&folder.path().join("x"), &folder.path().join(&long));
    let blocks = told(&[&place]);
    for part in [&long[..], "  state unfinished · data digits", "gap 7.0000"] {
        assert!(blocks.contains(part), "{part} is not in\n{blocks}");
    }
}

/// What a table says that is printed on a terminal of so many columns.
#[cfg(unix)]
fn on_columns(columns: u32, arguments: &[&str]) -> String {
    use crate::support::terminal::Terminal;

    let narrow = format!("stty cols {columns}; exec \"$0\" \"$@\"");
    let shell = ["-c", &narrow, PROGRAM, "runs"];
    let left = Terminal::start("sh", &[&shell, arguments].concat(), &[]).end();
    assert_eq!(left.code, 0, "{left:?}");
    left.text
}

/// Where there is no room for all columns, that of what the runs are ordered by is there, and one of long words is shortened before it goes.
#[cfg(unix)]
#[test]
fn a_narrow_list_keeps_what_matters() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "x"] {
        copy(&finished_run().join("run"), &folder.path().join(name));
    }
    let place = text(folder.path());
    let headings = |columns: u32, key: &str| {
        let table = on_columns(columns, &[&place, "--sort", key]);
        let mut lines = table.lines();
        let heading = lines.find(|line| line.starts_with("run "));
        let words = heading.unwrap_or_else(|| panic!("no table:\n{table}"));
        words.split("  ").map(|w| w.trim().to_owned()).collect()
    };
    let usual: Vec<String> = headings(60, "name");
    for key in ["time", "E(data)", "E(samples)"] {
        assert!(!usual.contains(&key.to_owned()), "{usual:?}");
        for down in ["", "-"] {
            let found: Vec<String> = headings(60, &format!("{down}{key}"));
            assert!(found.contains(&key.to_owned()), "{key}: {found:?}");
        }
    }
    // a figure that has no column otherwise
    assert!(headings(60, "energy_loss").contains(&"energy_loss".to_owned()));
    let whole = clel(&["runs", &place, "--sort", "-energy_loss"]);
    let metrics = fs::read_to_string(folder.path().join("x/metrics.jsonl")).unwrap();
    assert!(metrics.contains("\"energy_loss\""), "{metrics}");
    assert!(whole.stdout.contains(" energy_loss "), "{whole:?}");

    let time = folder.path().join("x/time.json");
    let spent = fs::read_to_string(&time).unwrap();
    let long = "a card of a name that goes on and on and on and on";
    fs::write(&time, spent.replace("\"cpu\"", &format!("\"{long}\""))).unwrap();
    let wide = clel(&["runs", &place]).stdout;
    assert!(wide.contains(long), "{wide}");
    let shortened = on_columns(170, &[&place]);
    assert!(
        shortened.contains(" a card of ") && shortened.contains('…'),
        "{shortened}"
    );
    assert!(!shortened.contains("no room"), "{shortened}");
    assert!(on_columns(80, &[&place]).contains("no room: device, "));
}

/// A list has a line for what happened last to a run, and its damage below; of a run that is named all is told.
#[test]
fn a_list_is_not_buried_under_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    many(folder.path());
    let at = folder.path().join("r1");
    let metrics = at.join("metrics.jsonl");
    let mut lines = fs::read_to_string(&metrics).unwrap();
    for i in 1..=5 {
        lines += &format!("{{\"step\":2,\"event\":\"went back {i}\"}}\n");
    }
    fs::write(&metrics, lines).unwrap();
    let broken = folder.path().join("r10/metrics.jsonl");
    let lines = fs::read_to_string(&broken).unwrap();
    fs::write(broken, format!("noise\n{}{lines}", "more\n".repeat(4))).unwrap();
    let list = clel(&["runs", &text(folder.path())]);
    let told: Vec<&str> = list.stdout.lines().skip(5).collect();
    let place = text(&at);
    let first =
        format!("r1: on the way: from iteration 2: went back 5 … and 4 more: `clel runs {place}`");
    assert_eq!(told[0], first);
    assert!(
        told[1].starts_with("r2: on the way: from iteration 2: sick: too wide"),
        "{told:?}"
    );
    assert!(told[2].starts_with("r10: damaged: ") && told[4].contains(" … and 2 more: "));
    assert_eq!(told.len(), 5, "{told:?}");
    let alone = clel(&["runs", &place]).stdout;
    let compared = clel(&["runs", &place, &text(&folder.path().join("x"))]).stdout;
    for i in 1..=5 {
        let text = format!("from iteration 2: went back {i}");
        assert!(
            alone.contains(&text) && compared.contains(&text),
            "{alone}{compared}"
        );
    }
}

/// A list looks at the length of the newest checkpoint; whoever names a run is told what `--resume` would come to.
#[test]
fn checkpoints_of_a_run_that_is_named_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("run");
    let [every, kept] = ["log.checkpoint_every=1", "log.checkpoints_kept=0"];
    let trained = train(&at, &["--steps", "3", "--set", every, "--set", kept]);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let damage = |step: usize| {
        let path = at.join(format!("checkpoints/step-0000000{step}.safetensors"));
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let (place, other) = (text(&at), text(&finished_run().join("run")));
    let told = |arguments: &[&str]| clel(&[&["runs"], arguments].concat()).stdout;
    assert!(!told(&[&place]).contains("damaged"));
    damage(1);
    // nobody needs that one
    assert!(!told(&[&place]).contains("damaged"));
    damage(3);
    for named in [&[&place[..]][..], &[&place, &other]] {
        let told = told(named);
        assert!(told.contains("step-00000003.safetensors: "), "{told}");
        assert!(told.contains("checksum"), "{told}");
        assert!(!told.contains("step-00000001"), "{told}");
    }
    assert!(!told(&[&text(folder.path())]).contains("damaged"));
    let many = [&place[..], &other, &other, &other, &other];
    assert!(!told(&many).contains("checksum"));
    damage(2);
    let all = told(&[&place]);
    for step in 1..=3 {
        assert!(
            all.contains(&format!("step-0000000{step}.safetensors: ")),
            "{all}"
        );
    }
    let end = format!(
        "all of its 3 checkpoints are damaged: `clel train --resume {place}` has nothing to go on from"
    );
    assert!(all.contains(&end), "{all}");
    let state = &object(&clel(&["runs", &place, "--json"]))["runs"][0]["state"];
    assert_eq!(state, "damaged");
}

/// TensorBoard is told what a run costs; its metrics, which are the same each time, are not.
#[test]
fn speed_is_for_tensorboard_alone() {
    let run = finished_run().join("run");
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert!(!metrics.contains("speed"), "{metrics}");
    let mut files = fs::read_dir(run.join("events")).unwrap();
    let events = fs::read(files.next().unwrap().unwrap().path()).unwrap();
    let told = |tag: &str| {
        events
            .windows(tag.len())
            .filter(|at| *at == tag.as_bytes())
            .count()
    };
    assert_eq!(told("speed/iterations per second"), 1, "between two lines");
    assert_eq!(told("speed/memory of arrays, MiB"), 2);
}

/// What files of a run hold does not move a terminal's cursor, nor do letters come out that the locale lacks.
#[test]
fn what_is_listed_is_text() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("run");
    copy(&finished_run().join("run"), &at);
    let metrics = at.join("metrics.jsonl");
    let mut lines = fs::read_to_string(&metrics).unwrap();
    lines += "{\"event\":\"\\u001b[31mred\\u001b]0;pwn\\u0007 \\u009b2J\",\"step\":2}\n";
    fs::write(metrics, lines).unwrap();
    let place = text(&at);
    let spelled = "\\u{1b}[31mred\\u{1b}]0;pwn\\u{7} \\u{9b}2J";
    for arguments in [&[&place[..]][..], &[&place, &place]] {
        let list = clel(&[&["runs"], arguments].concat());
        for part in [spelled, "Fréchet"] {
            assert!(list.stdout.contains(part), "{part} is not in {list:?}");
        }
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!list.stdout.contains(control), "{list:?}");
        // which Windows does not have
        if cfg!(windows) {
            continue;
        }
        let mut plain = Command::new(PROGRAM);
        plain.arg("runs").args(arguments).env("LC_ALL", "C");
        let plain = run(&mut plain).stdout;
        assert!(plain.is_ascii() && plain.contains("Frechet"), "{plain}");
    }
    let json = clel(&["runs", &place, "--json"]);
    assert!(
        !json.stdout.trim_end().contains(char::is_control),
        "{json:?}"
    );
    let told = &object(&json)["runs"][0]["interventions"][0];
    assert_eq!(told, "\u{1b}[31mred\u{1b}]0;pwn\u{7} \u{9b}2J");
    let resumed = crate::support::tiny::resume(&at, "3");
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert!(resumed.stdout.contains(spelled), "{resumed:?}");
}

/// What a letter becomes counts where columns line up.
#[cfg(unix)]
#[test]
fn columns_line_up_in_ascii() {
    let folder = tempfile::tempdir().unwrap();
    copy(&finished_run().join("run"), &folder.path().join("é"));
    let place = text(folder.path());
    let run_text = text(&folder.path().join("é"));
    let mut list = Command::new(PROGRAM);
    let list = run(list.args(["runs", &place]).env("LC_ALL", "C"));
    let (head, row) = (line(&list, "run"), line(&list, "\\u{e9}"));
    assert_eq!(head.find("state"), row.find("unfinished"), "{list:?}");
    // and other commands print no more
    let mut ood = Command::new(PROGRAM);
    ood.args(["ood", "--device", "cpu", "--checkpoint", &run_text]);
    let ood = run(ood
        .args(["--in", "digits", "--out", "interp"])
        .env("LC_ALL", "C"));
    assert!(ood.code == Some(0) && ood.stdout.is_ascii(), "{ood:?}");
    let mut eval = Command::new(PROGRAM);
    eval.args(["eval", "--device", "cpu", "--checkpoint", &run_text]);
    let eval = run(eval.env("LC_ALL", "C"));
    assert!(eval.code == Some(0) && eval.stdout.is_ascii(), "{eval:?}");
}

#[test]
fn two_runs_differ_in_what_was_set() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (finished_run().join("run"), folder.path().join("other"));
    let other = [
        "--steps",
        "1",
        "--set",
        "seed=3",
        "--set",
        "sampler.clip=0.5",
    ];
    let trained = train(&b, &other);
    assert_eq!(trained.code, Some(0), "{trained:?}");
    let (a, b) = (text(&a), text(&b));
    let table = clel(&["runs", &a, &b]);
    assert_eq!(table.code, Some(0), "{table:?}");
    let words = |name: &str| -> Vec<String> {
        line(&table, name)
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(words("seed"), ["seed", "0", "3"]);
    assert_eq!(words("sampler.clip"), ["sampler.clip", "not", "set", "0.5"]);
    assert_eq!(words("gap").len(), 3);
    assert!(!table.stdout.contains("sampler.steps"), "{table:?}");
    let differences = &object(&clel(&["runs", &a, &b, "--json"]))["differences"];
    assert_eq!(differences["seed"], serde_json::json!([0, 3]));
    assert_eq!(differences["sampler.clip"], serde_json::json!([null, 0.5]));
    assert_eq!(differences.as_object().unwrap().len(), 2);
}

#[test]
fn runs_that_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let none = run(Command::new(PROGRAM).arg("runs").current_dir(folder.path()));
    assert_eq!(none.code, Some(0), "{none:?}");
    assert!(none.stdout.contains("no folder runs here yet"), "{none:?}");
    let missing = text(&folder.path().join("missing"));
    refused(&["runs", &missing], &["cannot read", "missing"]);
    refused(
        &["runs", &text(&finished_run().join("run")), &missing],
        &["missing is not a run directory"],
    );
}
