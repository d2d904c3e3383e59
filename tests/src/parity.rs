//! Comparison of our numbers with a fixture's.

use std::collections::{BTreeMap, BTreeSet};
use std::{cell::RefCell, rc::Rc};

use clel_autograd::Var;
use clel_tensor::{Device, Tensor};

use crate::{
    Fixture,
    devices::with_all_kernels,
    fixture::{Array, Elements},
};

/// What a test cannot go on from: a missing tensor, an error of the library.
pub type Failure = Box<dyn std::error::Error>;

/// What any tensor's max|a − b| / max|b| may be at most, on any device.
const LARGEST: f64 = 1e-4;
/// Rounding that every tensor has, also where PyTorch's own happens to be less.
const ROUNDING: f64 = 3e-7;

/// The max|a − b| / max|b| that counts as equal, for a tensor in which PyTorch's f32 differs from its f64 by `noise`. Sums in another order are as far
/// from either; measured are up to thirteen times that noise on the CPU. Functions of graphics hardware are allowed to be coarser.
fn tolerance(device: &Device, noise: f64) -> f64 {
    let times = if device.is_cpu() { 30.0 } else { 300.0 };
    (times * noise.max(ROUNDING)).min(LARGEST)
}

/// A fixture, or the part of it under a prefix, on one device. Comparisons are collected, so that one run
/// names everything that differs.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// The file.
    pub fixture: &'a Fixture,
    /// Where the library computes.
    pub device: &'a Device,
    prefix: String,
    tally: Rc<RefCell<Tally>>,
    /// PyTorch's f32 against its f64, by tensor.
    noise: Rc<BTreeMap<String, f64>>,
}

#[derive(Debug, Default)]
struct Tally {
    compared: usize,
    worst: f64,
    differences: Vec<String>,
    /// Tensors that the test has looked at.
    read: BTreeSet<String>,
}

/// Runs `check` with a fixture on every device.
///
/// # Panics
/// With the names and errors of all tensors that differ, or if `check` fails, compares nothing, or leaves a tensor of the fixture aside.
pub fn on_every_device(fixture: &str, check: impl Fn(&Case<'_>) -> Result<(), Failure>) {
    let file = Fixture::open(fixture).unwrap_or_else(|e| panic!("{e}"));
    let noise = file.note("float32_error").unwrap_or_else(|e| panic!("{e}"));
    let noise = Rc::new(noise);
    let mut problems = Vec::new();
    for device in with_all_kernels() {
        let case = Case {
            fixture: &file,
            device,
            prefix: String::new(),
            tally: Rc::default(),
            noise: Rc::clone(&noise),
        };
        if let Err(error) = check(&case) {
            problems.push(format!("{device}: {error}"));
        }
        let tally = case.tally.borrow();
        eprintln!(
            "{fixture} on {device}: {} tensors, worst relative error {:.1e}",
            tally.compared, tally.worst
        );
        if tally.compared == 0 {
            problems.push(format!("{device}: nothing was compared"));
        }
        let unread = file.keys_under("").filter(|key| !tally.read.contains(*key));
        let unread: Vec<&str> = unread.collect();
        if !unread.is_empty() {
            problems.push(format!("{device}: nobody looked at {}", unread.join(", ")));
        }
        problems.extend(tally.differences.iter().map(|d| format!("{device}: {d}")));
    }
    assert!(
        problems.is_empty(),
        "{fixture} differs from PyTorch\n  {}",
        problems.join("\n  ")
    );
}

impl Case<'_> {
    /// The part of the fixture whose keys start with `PREFIX.`.
    pub fn under(&self, prefix: &str) -> Self {
        Case {
            prefix: format!("{}{prefix}.", self.prefix),
            ..self.clone()
        }
    }

    /// Names of all tensors of this part.
    pub fn keys(&self) -> Vec<String> {
        let keys = self.fixture.keys_under(&self.prefix);
        keys.map(str::to_owned).collect()
    }

    /// Whether this part has a tensor of that name.
    pub fn has(&self, key: &str) -> bool {
        self.fixture.array(&self.full(key)).is_ok()
    }

    fn array(&self, key: &str) -> Result<&Array, Failure> {
        let full = self.full(key);
        let array = self.fixture.array(&full)?;
        self.tally.borrow_mut().read.insert(full);
        Ok(array)
    }

    /// A tensor as it is stored: NHWC images, vectors, linear weights \[out, in\].
    ///
    /// # Errors
    /// There is none of that name; what the device reports.
    pub fn tensor(&self, key: &str) -> Result<Tensor, Failure> {
        let Array { shape, elements } = self.array(key)?;
        Ok(match elements {
            Elements::F32(v) => Tensor::from_slice(v, shape, self.device)?,
            Elements::U32(v) => Tensor::from_slice(v, shape, self.device)?,
        })
    }

    /// A convolution's weight, stored \[out, in, kh, kw\], as \[out, kh, kw, in\].
    ///
    /// # Errors
    /// Those of [`Case::tensor`].
    pub fn filter(&self, key: &str) -> Result<Tensor, Failure> {
        Ok(self.tensor(key)?.permute(&[0, 2, 3, 1])?.contiguous()?)
    }

    /// A tensor to differentiate with respect to.
    ///
    /// # Errors
    /// Those of [`Case::tensor`].
    pub fn leaf(&self, key: &str) -> Result<Var, Failure> {
        Ok(Var::leaf(self.tensor(key)?))
    }

    /// Numbers of a tensor, on the host.
    ///
    /// # Errors
    /// There is none of that name, or it holds integers.
    pub fn numbers(&self, key: &str) -> Result<&[f32], Failure> {
        match &self.array(key)?.elements {
            Elements::F32(v) => Ok(v),
            Elements::U32(_) => Err(format!("{key} holds integers").into()),
        }
    }

    /// Compares a result with the tensor `key`.
    ///
    /// # Errors
    /// There is no such tensor; what the device reports.
    pub fn same(&self, key: &str, found: &Tensor) -> Result<(), Failure> {
        let full = self.full(key);
        let Array { shape, elements } = self.array(key)?;
        let Elements::F32(expected) = elements else {
            return Err(format!("{full} holds integers").into());
        };
        let mut tally = self.tally.borrow_mut();
        tally.compared += 1;
        if found.shape() != shape {
            let why = format!("{full}: shape {:?}, expected {shape:?}", found.shape());
            tally.differences.push(why);
            return Ok(());
        }
        let error = relative_error(&found.to_vec::<f32>()?, expected);
        tally.worst = tally.worst.max(error);
        let noise = self.noise.get(&full).copied().unwrap_or_default();
        let most = tolerance(self.device, noise);
        if error > most || error.is_nan() {
            let why = format!("{full}: relative error {error:.1e}, expected at most {most:.1e}");
            tally.differences.push(why);
        }
        Ok(())
    }

    /// Compares a result of ours in \[out, kh, kw, in\] with a tensor stored \[out, in, kh, kw\].
    ///
    /// # Errors
    /// Those of [`Case::same`].
    pub fn same_filter(&self, key: &str, found: &Tensor) -> Result<(), Failure> {
        self.same(key, &found.permute(&[0, 3, 1, 2])?)
    }

    /// What the names of this part begin with in the file.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

/// max|a − b| / max|b|; max|a| where b is all zeros.
fn relative_error(found: &[f32], expected: &[f32]) -> f64 {
    // NaN, once met, stays: f64::max would drop it
    let larger = |m: f64, v: f64| {
        if m.is_nan() || m > v.abs() {
            m
        } else {
            v.abs()
        }
    };
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, larger);
    let pairs = found.iter().zip(expected);
    let difference = largest(&mut pairs.map(|(a, b)| f64::from(*a) - f64::from(*b)));
    let scale = largest(&mut expected.iter().map(|b| f64::from(*b)));
    if scale > 0.0 {
        difference / scale
    } else {
        difference
    }
}

#[cfg(test)]
mod tests {
    use super::relative_error;

    #[test]
    fn relative_errors_of_known_pairs() {
        assert_eq!(relative_error(&[1.0, 2.0], &[1.0, 4.0]), 0.5);
        assert_eq!(relative_error(&[0.5], &[0.0]), 0.5);
        assert!(relative_error(&[f32::NAN, 0.0], &[1.0, 1.0]).is_nan());
    }
}
