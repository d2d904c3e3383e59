//! The program as its users run it: one program of tests, so that they run side by side and share the run that many look at.

mod support;

mod bench;
mod best;
mod beyond;
#[cfg(unix)]
mod browser;
mod checkpoints;
#[cfg(target_os = "linux")]
mod clock;
#[cfg(unix)]
mod dashboard;
mod data;
mod devices;
mod ensemble;
mod eval;
#[cfg(unix)]
mod experiment;
#[cfg(unix)]
mod full_disk;
mod generate;
mod judge;
mod models;
mod official;
#[cfg(target_os = "linux")]
mod read_only;
mod refusals;
mod report;
mod runs;
mod settings;
#[cfg(unix)]
mod survival;
mod tools;
mod train;
#[cfg(unix)]
mod watch;
