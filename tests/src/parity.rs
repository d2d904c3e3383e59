//! Comparison of our numbers with a fixture's.

use std::{cell::RefCell, rc::Rc};

use clel_autograd::Var;
use clel_tensor::{Device, Tensor};

use crate::{
    Fixture, devices,
    fixture::{Array, Elements},
};

/// What a test cannot go on from: a missing tensor, an error of the library.
pub type Failure = Box<dyn std::error::Error>;

/// The largest max|a − b| / max|b| that counts as equal in f32.
pub const TOLERANCE: f64 = 1e-4;

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
}

#[derive(Debug, Default)]
struct Tally {
    compared: usize,
    worst: f64,
    differences: Vec<String>,
}

/// Runs `check` with a fixture on every device.
///
/// # Panics
/// With the names and errors of all tensors that differ, or if `check` fails or compares nothing.
pub fn on_every_device(fixture: &str, check: impl Fn(&Case<'_>) -> Result<(), Failure>) {
    let file = Fixture::open(fixture).unwrap_or_else(|e| panic!("{e}"));
    let mut problems = Vec::new();
    for device in devices() {
        let case = Case {
            fixture: &file,
            device,
            prefix: String::new(),
            tally: Rc::default(),
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

    /// A tensor as it is stored: NHWC images, vectors, linear weights \[out, in\].
    ///
    /// # Errors
    /// There is none of that name; what the device reports.
    pub fn tensor(&self, key: &str) -> Result<Tensor, Failure> {
        let Array { shape, elements } = self.fixture.array(&self.full(key))?;
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
        match &self.fixture.array(&self.full(key))?.elements {
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
        let Array { shape, elements } = self.fixture.array(&full)?;
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
        if error > TOLERANCE || error.is_nan() {
            tally
                .differences
                .push(format!("{full}: relative error {error:.1e}"));
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
