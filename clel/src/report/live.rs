//! A run's page over HTTP, for this machine alone.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clel_nn::files::read_regular;
use tiny_http::{Header, Method, Request, Response, Server};

use super::history::History;
use super::watched::Watched;
use super::{RunDir, Spent, page};
use crate::{Error, Result};

/// Between two looks whether to end, and whether metrics have come.
const LOOK: Duration = Duration::from_millis(100);

/// Looks at the metrics between two whether anybody is training.
const LOOKS: u32 = 10;

/// Serves the page of a run.
pub struct Live {
    run: RunDir,
    watched: Mutex<Watched>,
    /// The metrics, as far as they have been shown.
    history: Mutex<History>,
    server: Server,
    address: SocketAddr,
}

/// What a request gets: status, type, body.
type Answer = (u16, &'static str, Vec<u8>);

impl Live {
    /// Takes a port of 127.0.0.1, which no other machine reaches; 0 is any free one.
    ///
    /// # Errors
    /// The port cannot be had.
    pub fn bind(run: &RunDir, port: u16) -> Result<Live> {
        let refused = |error: std::io::Error| {
            let why = match error.kind() {
                ErrorKind::AddrInUse => {
                    "another program has this port; choose another one, or 0 for any that is free"
                        .to_owned()
                }
                ErrorKind::PermissionDenied => {
                    "this user may not have this port; choose one above 1023, or 0 for any that is free"
                        .to_owned()
                }
                ErrorKind::Unsupported => {
                    return Error::Unsupported {
                        what: "a page that follows the run",
                        why: "this system has no ports for WebAssembly; `clel report` writes the same page into a file"
                            .to_owned(),
                    };
                }
                _ => format!("the port cannot be had: {error}"),
            };
            Error::Argument {
                argument: format!("--port {port}"),
                why,
            }
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let server = Server::from_listener(listener, None)
            .map_err(|error| refused(std::io::Error::other(error.to_string())))?;
        Ok(Live {
            run: run.clone(),
            watched: Mutex::default(),
            history: Mutex::default(),
            server,
            address,
        })
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is true.
    ///
    /// # Errors
    /// The port is lost.
    pub fn serve(&self, stop: &AtomicBool) -> Result<()> {
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // an answer takes its time where a run is long, in which nobody would look
            scope.spawn(|| self.look(&ended));
            let served = self.answer_all(stop);
            ended.store(true, Ordering::Relaxed);
            served
        })
    }

    /// Looks when lines of metrics come until `ended` is true.
    fn look(&self, ended: &AtomicBool) {
        let file = self.run.metrics_path();
        let mut known = None;
        let mut training = false;
        for look in 0.. {
            if ended.load(Ordering::Relaxed) {
                return;
            }
            if look % LOOKS == 0 {
                training = self.run.is_training();
            }
            let state = file.metadata().ok();
            let state = state.map(|state| (state.len(), page::changed(&state)));
            if !training {
                self.watched().rests();
                known = None;
            } else if state != known
                && let Some(step) = self.run.last_step()
            {
                known = state;
                self.watched().at(step, Instant::now(), || self.until());
            }
            std::thread::sleep(LOOK);
        }
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn history(&self) -> std::sync::MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The iteration with which the process that trains ends: that of the whole run, unless it was told to stop before.
    fn until(&self) -> Option<u64> {
        let spent = Spent::read(&self.run.time_path()).ok().flatten();
        let until = spent.and_then(|spent| spent.until);
        until.or_else(|| Some(self.run.read_config().ok()?.train.iterations as u64))
    }

    fn answer_all(&self, stop: &AtomicBool) -> Result<()> {
        while !stop.load(Ordering::Relaxed) {
            match self.server.recv_timeout(LOOK) {
                // what a page asks for has no body; the library would read a body to its end, whatever length it claims
                Ok(Some(request)) if has_body(&request) => std::mem::forget(request),
                Ok(Some(request)) => self.answer(request),
                Ok(None) => {}
                Err(error) => {
                    return Err(Error::Argument {
                        argument: self.address.to_string(),
                        why: format!("the port is lost: {error}"),
                    });
                }
            }
        }
        Ok(())
    }

    fn answer(&self, request: Request) {
        let (status, kind, body) = self.found(&request);
        // its length is known, whatever its size
        let mut response = Response::from_data(body)
            .with_status_code(status)
            .with_chunked_threshold(usize::MAX);
        for (name, value) in [("Content-Type", kind), ("Cache-Control", "no-store")] {
            if let Ok(header) = Header::from_bytes(name, value) {
                response.add_header(header);
            }
        }
        // a reader who has gone away needs no answer, and one who does not read must not keep others waiting
        std::thread::spawn(move || request.respond(response));
    }

    fn found(&self, request: &Request) -> Answer {
        if !Self::is_asked_for(request) {
            return plain(403, "this page is for 127.0.0.1 and localhost alone");
        }
        if !matches!(request.method(), Method::Get | Method::Head) {
            return plain(405, "this page can only be read");
        }
        let path = request.url();
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let told = |result: Result<String>, kind| match result {
            Ok(text) => (200, kind, text.into_bytes()),
            Err(error) => plain(500, &error.in_one_line()),
        };
        match path {
            "/" => told(
                page::live_page(&self.run, &mut self.history()),
                "text/html; charset=utf-8",
            ),
            "/content" => told(
                page::live_content(&self.run, &mut self.history()),
                "application/json",
            ),
            "/version" => plain(200, &page::version(&self.run)),
            "/pace" => plain(200, &self.watched().told(Instant::now())),
            other => match self.picture(other) {
                Some(png) => (200, "image/png", png),
                None => plain(404, "there is nothing here"),
            },
        }
    }

    /// Whether a page of this address asks. A name that somebody lets point to this machine must not open the run to that name's pages.
    fn is_asked_for(request: &Request) -> bool {
        let host = request.headers().iter().find(|h| h.field.equiv("Host"));
        host.is_some_and(|host| is_this_machine(host.value.as_str()))
    }

    /// `/samples/NAME.png` of the run. A name with anything but letters, digits and dashes is none, so that no path leads elsewhere.
    fn picture(&self, path: &str) -> Option<Vec<u8>> {
        let name = path.strip_prefix("/samples/")?.strip_suffix(".png")?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || !name.chars().all(plain) {
            return None;
        }
        read_regular(&self.run.picture_path(name)).ok()
    }
}

/// Whether a host, perhaps with a port, is a name that only this machine can give itself. The port is whatever a tunnel has at its other end.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .any(|own| name.eq_ignore_ascii_case(own))
}

/// Whether a request says that something follows its head.
fn has_body(request: &Request) -> bool {
    let said = |h: &Header| {
        h.field.equiv("Transfer-Encoding")
            || h.field.equiv("Content-Length") && h.value.as_str().trim() != "0"
    };
    request.headers().iter().any(said)
}

fn plain(status: u16, text: &str) -> Answer {
    let kind = "text/plain; charset=utf-8";
    (status, kind, text.as_bytes().to_vec())
}
