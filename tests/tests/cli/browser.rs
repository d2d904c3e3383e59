//! The pages of `clel report` and `clel watch` in a browser: what their script draws, and what it does when it is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::tiny::{resume, train};
use crate::support::{clel, text};
use crate::watch::Server;

/// A page takes a second or two.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a browser is called.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// The browser of this machine. Without one a test passes over, unless `CLEL_REQUIRE_BROWSER=1`.
fn browser() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&folders).collect();
    let places = NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |f| f.join(name)));
    let found = places.into_iter().find(|place| place.is_file());
    let required = std::env::var("CLEL_REQUIRE_BROWSER").is_ok_and(|v| v == "1");
    assert!(
        found.is_some() || !required,
        "CLEL_REQUIRE_BROWSER=1, but there is none of {NAMES:?}"
    );
    found
}

/// For a browser without a window, on a machine that may have little.
const FLAGS: [&str; 5] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--window-size=1200,2400",
];

/// The flag for a browser that leaves nothing behind.
fn in_profile(profile: &tempfile::TempDir) -> String {
    format!("--user-data-dir={}", profile.path().display())
}

/// A browser with a page, which is asked and told by the DevTools protocol: JSON objects that end with a zero byte, by two pipes.
struct Browser {
    process: Child,
    _profile: tempfile::TempDir,
    input: ChildStdin,
    answers: Receiver<Value>,
    /// Requests so far.
    count: u64,
    /// By which the page is meant.
    session: Value,
}

impl Browser {
    fn open(browser: &Path, address: &str) -> Browser {
        let profile = tempfile::tempdir().unwrap();
        let mut process = Command::new("sh")
            // the protocol has the third and the fourth
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null"])
            .arg(browser)
            .args(FLAGS)
            .args(["--remote-debugging-pipe", &in_profile(&profile)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, answers) = channel();
        spawn(move || {
            for message in output.split(0) {
                let message: Value = serde_json::from_slice(&message.unwrap()).unwrap();
                // others tell what happens
                if message["id"].is_u64() && sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Browser {
            process,
            _profile: profile,
            input,
            answers,
            count: 0,
            session: Value::Null,
        };
        let page = browser.ask("Target.createTarget", json!({ "url": address }));
        let page = json!({ "targetId": page["targetId"], "flatten": true });
        browser.session = browser.ask("Target.attachToTarget", page)["sessionId"].clone();
        browser
    }

    fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.count += 1;
        let mut request = json!({ "id": self.count, "method": method, "params": parameters });
        if !self.session.is_null() {
            request["sessionId"] = self.session.clone();
        }
        write!(self.input, "{request}\0").unwrap();
        let answer = self.answers.recv_timeout(PATIENCE).unwrap();
        assert_eq!(answer["id"], self.count, "{answer}");
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// What a script on the page comes to; null where it fails, as on a page that is not there yet.
    fn value(&mut self, script: &str) -> Value {
        let script = json!({ "expression": script, "returnByValue": true });
        self.ask("Runtime.evaluate", script)["result"]["value"].clone()
    }

    /// Waits until a script comes to a value.
    fn wait_for(&mut self, script: &str, wanted: &Value) {
        let begun = Instant::now();
        loop {
            let found = self.value(script);
            if found == *wanted {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{script}: {found}");
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a page has become after a few seconds of its own time.
fn dom(browser: &Path, address: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let mut process = Command::new(browser)
        .args(FLAGS)
        .args(["--virtual-time-budget=10000", "--dump-dom"])
        .arg(in_profile(&profile))
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = process.stdout.take().unwrap();
    let reading = spawn(move || {
        let mut dom = String::new();
        output.read_to_string(&mut dom).map(|_| dom)
    });
    let begun = Instant::now();
    while !reading.is_finished() {
        if begun.elapsed() > PATIENCE {
            let _ = process.kill();
            panic!("the browser does not end");
        }
        sleep(Duration::from_millis(20));
    }
    assert!(process.wait().unwrap().success());
    reading.join().unwrap().unwrap()
}

/// Before the scripts of a page: keeps what goes wrong in them.
const WATCH: &str = "<script>const wrong = [];
addEventListener('error', (event) => wrong.push(String(event.message ?? event.target.src)), true);
addEventListener('unhandledrejection', (event) => wrong.push(String(event.reason)));</script>";

/// What a script finds on a written page that has been loaded; it returns it. The script has `all(selector)`, `texts(selector)` and `choose(id, value)`.
fn found(browser: &Path, page: &Path, script: &str) -> Value {
    let html = std::fs::read_to_string(page).unwrap();
    let ask = format!(
        "<script>addEventListener('load', () => {{
const all = (selector) => [...document.querySelectorAll(selector)];
const texts = (selector) => all(selector).map((element) => element.textContent);
const choose = (id, value) => {{ const e = document.getElementById(id); e.value = value; e.dispatchEvent(new Event('change')); }};
let seen; try {{ seen = (() => {{ {script} }})(); }} catch (error) {{ wrong.push(String(error)); }}
const told = document.createElement('script'); told.type = 'application/json'; told.id = 'told';
told.textContent = JSON.stringify({{ seen, wrong }}).replaceAll('<', '\\\\u003c'); document.body.append(told);
}});</script>"
    );
    let html = html
        .replacen("<head>", &format!("<head>{WATCH}"), 1)
        .replacen("</body>", &format!("{ask}</body>"), 1);
    let asked = page.with_extension("asked.html");
    std::fs::write(&asked, html).unwrap();
    let dom = dom(browser, &format!("file://{}", asked.display()));
    let begin = "<script type=\"application/json\" id=\"told\">";
    let told = dom
        .split(begin)
        .nth(1)
        .unwrap_or_else(|| panic!("nothing told:\n{dom}"));
    let told: Value = serde_json::from_str(told.split("</script>").next().unwrap()).unwrap();
    let mut wrong = told["wrong"].as_array().unwrap().clone();
    // that a size has changed twice within a frame, the second time in the next one
    wrong.retain(|text| !text.as_str().unwrap().starts_with("ResizeObserver loop"));
    assert!(wrong.is_empty(), "{wrong:?}");
    told["seen"].clone()
}

/// A run of four iterations with grids of samples, judged.
fn run(place: &Path) {
    let run = train(
        place,
        &["--set", "train.iterations=4", "--set", "log.grid_every=1"],
    );
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[test]
fn a_page_draws_and_answers() {
    let Some(browser) = browser() else { return };
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("run");
    run(&place);
    // judged at each iteration, always alike
    let metrics = place.join("metrics.jsonl");
    let lines = std::fs::read_to_string(&metrics).unwrap();
    let lines = lines.replace("\"saturated\"", "\"nearest_neighbour\":0.93,\"saturated\"");
    std::fs::write(&metrics, lines).unwrap();
    assert_eq!(clel(&["report", &text(&place)]).code, Some(0));
    let seen = found(
        &browser,
        &place.join("report.html"),
        "
const titles = () => texts('#curves .u-title');
const seen = { title: document.title, state: texts('#state')[0], tiles: texts('#latest dt'), plots: titles(), drawn: all('#curves canvas').length };
seen.colours = all('#curves canvas').map((canvas) => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size > 2);
const share = [...plots].find(([key]) => key.startsWith('1-nearest'))[1].drawn.scales.y;
seen.share = [share.min, share.max];
seen.picture = document.querySelector('#samples img').naturalWidth > 0;
const slider = document.querySelector('#samples input');
seen.newest = [slider.value, texts('#samples output')[0]];
slider.value = 0; slider.dispatchEvent(new Event('input'));
seen.first = texts('#samples output')[0];
choose('scale', 'linear'); seen.linear = titles();
choose('scale', 'logarithmic'); seen.logarithmic = titles();
const before = all('#curves .u-legend .u-off').length;
document.querySelector('#curves .u-legend .u-series:nth-child(2) .u-label').click();
seen.hidden = all('#curves .u-legend .u-off').length - before;
choose('smooth', '0.2'); seen.smooth = all('#curves .uplot').length;
seen.settings = texts('#config')[0];
const gap = parseFloat(getComputedStyle(document.querySelector('#curves .row')).columnGap);
const widths = Array.from({ length: 500 }, (_, i) => 900 + i);
seen.beside = widths.every((clientWidth) => 2 * size({ clientWidth }).width + gap <= clientWidth);
return seen;",
    );
    assert_eq!(seen["title"], "run");
    let state = seen["state"].as_str().unwrap();
    assert!(
        state.starts_with("finished: 4 of 4 iterations on cpu"),
        "{state}"
    );
    let plots = seen["plots"].as_array().unwrap();
    assert!(plots.len() > 5, "{plots:?}");
    assert_eq!(seen["drawn"], plots.len(), "{seen}");
    assert_eq!(seen["smooth"], plots.len(), "{seen}");
    assert!(
        seen["colours"]
            .as_array()
            .unwrap()
            .iter()
            .all(|c| c == true),
        "{seen}"
    );
    assert_eq!(seen["newest"], json!(["3", "4"]));
    assert_eq!(seen["first"], "1");
    assert_eq!(seen["picture"], true);
    let logarithmic = |name: &str| {
        let titles = seen[name].as_array().unwrap().iter();
        titles
            .filter(|title| title.as_str().unwrap().ends_with("· log"))
            .count()
    };
    assert_eq!(logarithmic("linear"), 0);
    assert!(logarithmic("logarithmic") > 5, "{seen}");
    assert_eq!(seen["hidden"], 1);
    // of a share there is nothing above 1
    assert_eq!(seen["share"], json!([0.465, 1]));
    assert_eq!(seen["beside"], true);
    assert!(
        seen["settings"].as_str().unwrap().contains("[sampler]"),
        "{seen}"
    );
}

/// A line of metrics.
const EVENT: &str = "{\"step\":4,\"event\":\"went back\"}\n";

/// Of long curves the means are drawn over what they lie between; on paper there is nothing to turn, and no heading stands over nothing.
#[test]
fn long_curves_have_means_and_paper_no_controls() {
    let Some(browser) = browser() else { return };
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("run");
    let settings = ["--steps", "1", "--set", "eval.samples=0"];
    assert_eq!(train(&place, &settings).code, Some(0));
    let page = text(&dir.path().join("page.html"));
    let report = || {
        let report = clel(&["report", &text(&place), "--out", &page]);
        assert_eq!(report.code, Some(0), "{report:?}");
        Browser::open(&browser, &format!("file://{page}"))
    };
    let metrics = place.join("metrics.jsonl");
    let line = |step: usize| format!("{{\"step\":{step},\"gap\":{}}}\n", step % 2);
    let short: String = (1..=4).map(line).collect();
    std::fs::write(&metrics, &short).unwrap();
    let drawn = "[...plots.values()].map(({ drawn }) => [drawn.series.length, drawn.series[1].alpha, \
                 [...new Set(drawn.data.at(-1))].filter((value) => value !== undefined)])";
    report().wait_for(drawn, &json!([[2, 1, [1, 0]]]));

    let long: String = (1..=4000).map(line).collect();
    std::fs::write(&metrics, EVENT.to_owned() + &long).unwrap();
    let mut page = report();
    page.wait_for(drawn, &json!([[3, 0.3, [0.5]]]));
    for part in ["'thinned'", "'marked'"] {
        let told = format!("document.getElementById({part}).textContent !== ''");
        assert_eq!(page.value(&told), true, "{part}");
    }
    let seen = "['#samples img', '#figures', '#turning', '#scale', '#curves canvas'].map((part) => document.querySelector(part).checkVisibility())";
    assert_eq!(page.value(seen), json!([true, false, false, true, true]));
    page.ask("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    assert_eq!(page.value(seen), json!([true, false, false, false, true]));
}

#[test]
fn several_runs_are_side_by_side() {
    let Some(browser) = browser() else { return };
    let dir = tempfile::tempdir().unwrap();
    let places = ["one", "two"].map(|name| dir.path().join(name));
    places.iter().for_each(|place| run(place));
    let metrics = places[1].join("metrics.jsonl");
    let lines = std::fs::read_to_string(&metrics).unwrap();
    std::fs::write(metrics, format!("{lines}{EVENT}")).unwrap();
    let page = dir.path().join("both.html");
    let [one, two] = [text(&places[0]), text(&places[1])];
    assert_eq!(
        clel(&["report", &one, &two, "--out", &text(&page)]).code,
        Some(0)
    );
    let seen = found(
        &browser,
        &page,
        "return { rows: texts('#runs tr td:first-child'), events: texts('#events li'), pictures: all('#side img').filter((i) => i.naturalWidth > 0).length,
legends: all('#curves .uplot').map((plot) => plot.querySelectorAll('.u-series').length) };",
    );
    let rows = seen["rows"].as_array().unwrap();
    assert!(
        rows.iter().any(|r| r == "one") && rows.iter().any(|r| r == "two"),
        "{seen}"
    );
    assert_eq!(seen["events"], json!(["two: from iteration 4: went back"]));
    assert_eq!(seen["pictures"], 2, "{seen}");
    // the iteration and both runs
    let legends = seen["legends"].as_array().unwrap();
    assert!(
        legends.len() > 5 && legends.iter().all(|l| l == 3),
        "{seen}"
    );
}

#[test]
fn a_live_page_is_drawn() {
    let Some(browser) = browser() else { return };
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("run");
    run(&place);
    let server = Server::start(&place);
    let dom = dom(&browser, &server.address());
    for part in [
        "finished: 4 of 4 iterations on cpu",
        "src=\"samples/",
        "class=\"uplot",
    ] {
        assert!(dom.contains(part), "{part} is not in {dom}");
    }
}

/// What comes while a page is open shows on it, without its being loaded again.
#[test]
fn a_live_page_follows_the_run() {
    let Some(browser) = browser() else { return };
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("run");
    let settings = ["--set", "train.iterations=9", "--steps", "4"];
    assert_eq!(train(&place, &settings).code, Some(0));
    let server = Server::start(&place);
    let mut page = Browser::open(&browser, &server.address());
    let seen = "[document.querySelector('#latest dd').textContent, [...plots.values()][0].drawn.data[0], \
                document.querySelectorAll('#samples img').length]";
    page.wait_for(seen, &json!(["4 of 9", [1, 2, 3, 4], 1]));
    // as a page that was loaded again would not have
    page.value("var kept = true");
    let newest = page.value("content.grids.at(-1).name");
    assert_eq!(newest, "4");
    assert_eq!(resume(&place, "6").code, Some(0));
    page.wait_for(seen, &json!(["6 of 9", [1, 2, 3, 4, 5, 6], 1]));
    assert_eq!(page.value("kept"), true);
    assert_eq!(
        page.value("document.querySelector('#samples output').textContent"),
        "6"
    );
    drop(server);
    let state = "document.getElementById('state').textContent.endsWith('; clel watch has ended')";
    page.wait_for(state, &json!(true));
}

/// The seeds of a variant have one line in the legend, which hides and shows all of them.
#[test]
fn the_seeds_of_a_variant_share_a_line_of_the_legend() {
    let Some(browser) = browser() else { return };
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("run");
    run(&place);
    let experiment = dir.path().join("experiment");
    for variant in ["free", "guided"] {
        for seed in ["seed-0", "seed-1"] {
            let copy = experiment.join("runs").join(variant).join(seed);
            std::fs::create_dir_all(&copy).unwrap();
            for file in ["config.toml", "metrics.jsonl"] {
                std::fs::copy(place.join(file), copy.join(file)).unwrap();
            }
        }
    }
    let file = "title = \"Guided?\"\nseeds = [0, 1]\nbase.preset = \"digits\"\n[variant.guided]\n[variant.free]\n\
                [curves]\nevery = 4\nfeatures = \"digits\"\n";
    std::fs::write(experiment.join("experiment.toml"), file).unwrap();
    assert_eq!(clel(&["report", &text(&experiment)]).code, Some(0));
    let seen = found(
        &browser,
        &experiment.join("report.html"),
        "
const lines = all('#curves .uplot').map((plot) => [...plot.querySelectorAll('.u-series')].filter((line) => getComputedStyle(line).display !== 'none'));
const shown = () => [...plots.values()][0].drawn.series.map(({ show }) => show);
const seen = { lines: lines.map((all) => all.map((line) => line.querySelector('.u-label').textContent)) };
const [_, guided, free] = lines[0].map((line) => line.querySelector('.u-label'));
guided.click(); seen.hidden = shown();
free.click(); seen.none = shown();
guided.click(); seen.again = shown();
return seen;",
    );
    let lines = seen["lines"].as_array().unwrap();
    assert!(lines.len() > 5, "{seen}");
    // each once, in the order of the experiment
    let expected = json!(["iteration", "guided", "free"]);
    assert!(lines.iter().all(|line| *line == expected), "{seen}");
    assert_eq!(seen["hidden"], json!([true, false, false, true, true]));
    assert_eq!(seen["none"], json!([true, false, false, false, false]));
    assert_eq!(seen["again"], json!([true, true, true, false, false]));
}
