//! Batches that are read before they are asked for.

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle, available_parallelism};

use super::{ImageSet, Images};
use crate::Result;

/// Threads at most.
const THREADS: usize = 8;
/// Finished batches that wait at each thread.
const WAITING: usize = 2;

/// Batches of a set's images, one after another. Where the set is not in memory and the system has threads, these read the next ones while the current
/// one is worked on: thread t of T reads the batches t, t + T, t + 2T, …, so what comes out does not depend on how many there are.
pub struct Ahead {
    next: usize,
    kind: Kind,
}

enum Kind {
    Direct(ImageSet, Box<dyn FnMut(u64) -> Option<Vec<usize>> + Send>),
    Threads(Vec<Reading>),
}

/// What a thread has read, and the thread until it has been waited for.
type Reading = (Receiver<Message>, Option<JoinHandle<()>>);

/// A batch; `None` after the last one.
type Message = Option<Result<Images>>;

impl Ahead {
    /// The batches whose indices `indices` gives for 0, 1, 2, … until it gives none.
    pub fn new<F>(set: &ImageSet, indices: F) -> Ahead
    where
        F: FnMut(u64) -> Option<Vec<usize>> + Clone + Send + 'static,
    {
        let reading = match set.in_memory() {
            Some(_) => None,
            // a system that gives no threads lets batches wait to be asked for
            None => Ahead::threads(set, &indices).ok(),
        };
        let kind = match reading {
            Some(threads) => Kind::Threads(threads),
            None => Kind::Direct(set.clone(), Box::new(indices)),
        };
        Ahead { next: 0, kind }
    }

    /// Starts the threads.
    fn threads<F>(set: &ImageSet, indices: &F) -> io::Result<Vec<Reading>>
    where
        F: FnMut(u64) -> Option<Vec<usize>> + Clone + Send + 'static,
    {
        let count = available_parallelism().map_or(1, |n| n.get()).min(THREADS);
        let start = |thread: usize| {
            let (send, receive) = sync_channel(WAITING);
            let (set, indices) = (set.clone(), indices.clone());
            let work = move || read(&set, indices, thread..usize::MAX, count, &send);
            Ok((receive, Some(Builder::new().spawn(work)?)))
        };
        (0..count).map(start).collect()
    }
}

/// What a thread does, until the last batch or until nobody listens.
fn read<F>(
    set: &ImageSet,
    mut indices: F,
    batches: std::ops::Range<usize>,
    step: usize,
    send: &SyncSender<Message>,
) where
    F: FnMut(u64) -> Option<Vec<usize>>,
{
    for batch in batches.step_by(step) {
        let images = indices(batch as u64).map(|indices| set.read(&indices));
        let last = images.is_none();
        if send.send(images).is_err() || last {
            return;
        }
    }
}

impl Iterator for Ahead {
    type Item = Result<Images>;

    fn next(&mut self) -> Option<Result<Images>> {
        let batch = self.next;
        self.next += 1;
        match &mut self.kind {
            Kind::Direct(set, indices) => Some(set.read(&indices(batch as u64)?)),
            Kind::Threads(threads) => {
                let at = batch % threads.len();
                let (receive, handle) = &mut threads[at];
                match receive.recv() {
                    Ok(message) => message,
                    // the thread is gone: after its last batch, or by a panic, which is passed on
                    Err(_) => match handle.take().map(JoinHandle::join) {
                        Some(Err(panic)) => resume_unwind(panic),
                        _ => None,
                    },
                }
            }
        }
    }
}
