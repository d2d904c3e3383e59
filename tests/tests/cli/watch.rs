//! `clel watch` through the binary.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::tiny::{SETTINGS, resume, train};
use crate::support::{PROGRAM, refused, text};

/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server, and the port it said it has.
pub struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Starts it for a run.
    pub fn start(run: &Path) -> Server {
        let mut command = Command::new(PROGRAM);
        command.args(["watch", &text(run)]).stdin(Stdio::null());
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("http://127.0.0.1:").unwrap();
        let port = port.strip_suffix('/').unwrap().parse().unwrap();
        Server { process, port }
    }

    /// Where it answers.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Status, head and body of what is answered to a request for a host.
    fn ask(&self, method: &str, path: &str, host: &str) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head, answer[end + 4..].to_vec())
    }

    fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let (status, _, body) = self.ask("GET", path, &format!("127.0.0.1:{}", self.port));
        (status, body)
    }

    fn text(&self, path: &str) -> String {
        let (status, body) = self.get(path);
        let text = String::from_utf8(body).unwrap();
        assert_eq!(status, 200, "{path}: {text}");
        text
    }

    fn content(&self) -> serde_json::Value {
        serde_json::from_str(&self.text("/content")).unwrap()
    }
}

/// One that a failed test leaves would hold the test's output open.
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A run of two iterations.
fn trained(run: &Path) {
    let settings = ["--steps", "2", "--set", "log.grid_every=1"];
    let trained = train(run, &settings);
    assert_eq!(trained.code, Some(0), "{trained:?}");
}

#[test]
fn a_page_follows_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    trained(&run);
    let mut server = Server::start(&run);
    let page = server.text("/");
    assert!(page.starts_with("<!doctype html>") && page.contains("uPlot"));
    assert!(page.contains("\"live\":true"), "it follows");

    let (before, content) = (server.text("/version"), server.content());
    assert_eq!(before, server.text("/version"));
    assert_eq!(server.text("/pace"), "", "nobody trains");
    let steps = |content: &serde_json::Value| {
        let course = &content["plots"][0]["courses"][0];
        course["steps"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(
        (steps(&content), content["grids"].as_array().unwrap().len()),
        (2, 2)
    );
    for kind in ["grids", "pictures"] {
        let url = content[kind][0]["url"].as_str().unwrap();
        assert!(
            url.starts_with("samples/") && url.contains(".png?"),
            "{url}"
        );
        let (status, png) = server.get(&format!("/{url}"));
        assert!(
            status == 200 && png.starts_with(b"\x89PNG"),
            "{url}: {status}"
        );
    }

    assert_eq!(resume(&run, "3").code, Some(0));
    assert_ne!(before, server.text("/version"));
    assert_eq!(steps(&server.content()), 3);

    // what is no longer whole is told, and the server lives on
    let metrics = std::fs::read(run.join("metrics.jsonl")).unwrap();
    std::fs::write(run.join("metrics.jsonl"), "nothing\n").unwrap();
    let told = server.content()["damage"].to_string();
    assert!(told.contains("metrics.jsonl: line 1"), "{told}");
    std::fs::write(run.join("metrics.jsonl"), metrics).unwrap();
    assert_eq!(steps(&server.content()), 3);

    let process = server.process.id().to_string();
    let sent = Command::new("kill").args(["-INT", &process]).status();
    assert!(sent.unwrap().success());
    assert_eq!(server.process.wait().unwrap().code(), Some(130));
}

/// A run that goes on until it is told to end.
struct Going(Child);

impl Going {
    fn start(run: &Path, more: &[&str]) -> Going {
        let mut command = Command::new(PROGRAM);
        command.args(["train", "--device", "cpu", "--out", &text(run)]);
        command.args(SETTINGS.iter().flat_map(|setting| ["--set", setting]));
        command.args(more).env_remove("CLEL_DEVICE");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Going(command.stderr(Stdio::null()).spawn().unwrap())
    }

    fn end(&mut self) {
        let process = self.0.id().to_string();
        let sent = Command::new("kill").args(["-INT", &process]).status();
        assert!(sent.unwrap().success());
        assert_eq!(self.0.wait().unwrap().code(), Some(130));
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for something that comes while a run goes on.
fn wait_for<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(50));
    }
}

/// Seconds of a number with its unit, and more of them: `1 min 30 s`.
fn seconds(words: &str) -> f64 {
    let words: Vec<&str> = words.split(' ').collect();
    let parts = words.chunks(2).map(|part| {
        let unit = match part[1] {
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3600.0,
            other => panic!("{other} in {words:?}"),
        };
        unit * part[0].parse::<f64>().unwrap()
    });
    parts.sum()
}

/// The time left is that of the process, which ends before the whole run does.
#[test]
fn the_pace_is_told_while_somebody_trains() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let until = 1e5;
    let far = ["--steps", "100000", "--set", "train.iterations=100000000"];
    let mut going = Going::start(&run, &far);
    wait_for("a run", || run.join("config.toml").is_file().then_some(()));
    let server = Server::start(&run);
    // as long as that is no rate of a few iterations
    let pace = wait_for("a pace", || {
        let pace = server.text("/pace");
        (!pace.is_empty()).then_some(pace)
    });
    let (rate, left) = pace.split_once(" · ").unwrap();
    let rate = match rate.split_once(' ').unwrap() {
        (rate, "it/s") => rate.parse::<f64>().unwrap(),
        (time, "s/it") => 1.0 / time.parse::<f64>().unwrap(),
        other => panic!("{other:?}"),
    };
    let left = seconds(left.strip_suffix(" left").unwrap());
    // both are rounded
    let ratio = left * rate / until;
    assert!((0.2..1.1).contains(&ratio), "{pace}");
    going.end();
    wait_for("an end", || server.text("/pace").is_empty().then_some(()));
    let content = server.content();
    assert_eq!(content["state"], "unfinished");
}

#[test]
fn nothing_else_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    trained(&run);
    std::fs::write(dir.path().join("secret.png"), "secret").unwrap();
    let server = Server::start(&run);
    for path in [
        "/nothing",
        "/config.toml",
        "/samples/",
        "/samples/nothing.png",
        "/samples/../../secret.png",
        "/samples/..%2F..%2Fsecret.png",
        "/samples/%2e%2e/%2e%2e/secret.png",
        "/samples//etc/passwd",
        "//",
    ] {
        let (status, body) = server.get(path);
        assert_eq!(status, 404, "{path}");
        assert!(!body.ends_with(b"secret"), "{path}");
    }
    let own = format!("localhost:{}", server.port);
    assert_eq!(server.ask("GET", "/version", &own).0, 200);
    let (status, head, body) = server.ask("HEAD", "/", &own);
    assert!(
        status == 200 && head.contains("text/html") && body.is_empty(),
        "{head}"
    );
    assert_eq!(server.ask("POST", "/", &own).0, 405);
    // a page of another name that points here
    let own = format!("elsewhere.example:{}", server.port);
    for host in [
        "elsewhere.example",
        &own,
        "localhost.elsewhere.example",
        "127.0.0.1:x:1",
    ] {
        assert_eq!(server.ask("GET", "/content", host).0, 403, "{host}");
    }
    // through a tunnel, whose other end has another port; and no body is a body of no length
    for host in [
        "localhost:1",
        "[::1]:9000",
        "127.0.0.1\r\nContent-Length: 0",
    ] {
        assert_eq!(server.ask("GET", "/version", host).0, 200, "{host}");
    }
}

#[test]
fn what_cannot_be_served_is_told() {
    let dir = tempfile::tempdir().unwrap();
    refused(&["watch", &text(dir.path())], &["not a run directory"]);
    let run = dir.path().join("run");
    trained(&run);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    refused(
        &["watch", &text(&run), "--port", &port],
        &["another program has this port", "0 for any that is free"],
    );
    refused(&["watch", &text(&run), "--port", "70000"], &["70000"]);
}
