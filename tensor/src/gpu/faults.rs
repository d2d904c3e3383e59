//! What went wrong on the device, kept until a caller can be told.
//!
//! wgpu reports most failures by callback, after the call that caused them. They are stored here
//! and returned as typed errors by the next flush or read and by every later call: after a
//! refused command the contents of the buffers can no longer be trusted.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use crate::{Error, Result};

/// What wgpu says of a device that it gave up for want of memory.
const OUT_OF_MEMORY: &str = "Out of memory";

/// The first failure of one device. A loss outranks what it caused.
#[derive(Debug)]
pub(super) struct Faults {
    device: String,
    any: AtomicBool,
    first: Mutex<Option<Error>>,
    /// The first failure is known not to be a loss.
    settled: AtomicBool,
}

impl Faults {
    /// Starts listening on `device`, which errors call `name`.
    pub(super) fn watch(device: &wgpu::Device, name: String) -> Arc<Self> {
        let faults = Arc::new(Faults {
            device: name,
            any: AtomicBool::new(false),
            first: Mutex::new(None),
            settled: AtomicBool::new(false),
        });
        let seen = Arc::clone(&faults);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| seen.record(error)));
        let seen = Arc::clone(&faults);
        device.set_device_lost_callback(move |reason, message| {
            seen.gone(&format!("{reason:?}"), &message);
        });
        faults
    }

    /// `Err` with the first failure, if there was one.
    pub(super) fn check(&self) -> Result<()> {
        if !self.any.load(Ordering::Acquire) {
            return Ok(());
        }
        match &*lock(&self.first) {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// True once it has been looked for a loss behind the first failure, in vain.
    pub(super) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Relaxed)
    }

    /// It has been.
    pub(super) fn settle(&self) {
        self.settled.store(true, Ordering::Relaxed);
    }

    /// Keeps why wgpu gave the device up: want of memory for a submission or an upload is one of its reasons.
    pub(super) fn gone(&self, reason: &str, message: &str) {
        match message {
            OUT_OF_MEMORY => {
                let mut first = lock(&self.first);
                // what the device refuses then follows from that
                if matches!(*first, None | Some(Error::Device { .. })) {
                    *first = Some(self.out_of_memory(message.to_owned()));
                }
                self.any.store(true, Ordering::Release);
            }
            _ => drop(self.lost(format!("{reason}: {message}"))),
        }
    }

    fn out_of_memory(&self, why: String) -> Error {
        Error::OutOfMemory {
            op: "device",
            device: self.device.clone(),
            bytes: 0,
            why,
        }
    }

    /// Keeps the first failure.
    fn keep(&self, error: Error) {
        lock(&self.first).get_or_insert(error);
        self.any.store(true, Ordering::Release);
    }

    /// Keeps an error reported by wgpu.
    pub(super) fn record(&self, error: wgpu::Error) {
        let error = match error {
            wgpu::Error::OutOfMemory { source } => self.out_of_memory(source.to_string()),
            other => self.refused(other.to_string()),
        };
        self.keep(error);
    }

    /// Keeps the loss of the device, and returns it.
    pub(super) fn lost(&self, why: String) -> Error {
        let loss = Error::DeviceLost {
            device: self.device.clone(),
            why,
        };
        let mut first = lock(&self.first);
        if !matches!(*first, Some(Error::DeviceLost { .. })) {
            *first = Some(loss.clone());
        }
        self.any.store(true, Ordering::Release);
        loss
    }

    /// The error for something the driver refused, in its words.
    pub(super) fn refused(&self, why: String) -> Error {
        Error::Device {
            device: self.device.clone(),
            why,
        }
    }
}

/// Locks even after a panic in another thread: the guarded data are valid after each statement.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
