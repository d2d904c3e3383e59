//! The pages of `clel report` and `clel watch` in a browser: what their script draws, and what it does when it is asked.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::tiny::train;
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

/// What a page has become after a few seconds of its own time.
fn dom(browser: &Path, address: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let mut process = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args(["--window-size=1200,2400", "--virtual-time-budget=10000"])
        .arg("--dump-dom")
        .arg(format!("--user-data-dir={}", profile.path().display()))
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
    assert_eq!(seen["newest"], serde_json::json!(["3", "4"]));
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
    assert_eq!(seen["share"], serde_json::json!([0.465, 1]));
    assert_eq!(seen["beside"], true);
    assert!(
        seen["settings"].as_str().unwrap().contains("[sampler]"),
        "{seen}"
    );
}

#[test]
fn several_runs_are_side_by_side() {
    let Some(browser) = browser() else { return };
    let dir = tempfile::tempdir().unwrap();
    let places = ["one", "two"].map(|name| dir.path().join(name));
    places.iter().for_each(|place| run(place));
    let page = dir.path().join("both.html");
    let [one, two] = [text(&places[0]), text(&places[1])];
    assert_eq!(
        clel(&["report", &one, &two, "--out", &text(&page)]).code,
        Some(0)
    );
    let seen = found(
        &browser,
        &page,
        "return { rows: texts('#runs tr td:first-child'), pictures: all('#side img').filter((i) => i.naturalWidth > 0).length,
legends: all('#curves .uplot').map((plot) => plot.querySelectorAll('.u-series').length) };",
    );
    let rows = seen["rows"].as_array().unwrap();
    assert!(
        rows.iter().any(|r| r == "one") && rows.iter().any(|r| r == "two"),
        "{seen}"
    );
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
