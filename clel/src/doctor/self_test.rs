//! A few operations of each kind, compared with the same in f64, and how fast they are.

use std::time::Duration;

use clel_tensor::{Device, RngKey, Tensor, random};
use serde::Serialize;

use crate::bench::Times;
use crate::{Error, Result};

/// Sides of the matrices.
const SIDE: usize = 256;
/// Images, height, width and channels of a feature map.
const MAP: [usize; 4] = [8, 16, 16, 32];
/// Filters, their height and width, and channels.
const FILTERS: [usize; 4] = [32, 3, 3, 32];
/// Random numbers drawn.
const DRAWN: usize = 1 << 16;

/// How one kind of operation did on a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// What was computed.
    pub operation: &'static str,
    /// The largest difference from the reference, over the reference's largest value; none if the device failed.
    pub difference: Option<f64>,
    /// The largest difference that rounding explains.
    pub allowed: f64,
    /// Operations or bytes a second, in billions.
    pub rate: Option<f64>,
    /// GFLOP/s or GB/s.
    pub unit: &'static str,
    /// What the device reported.
    pub failure: Option<String>,
}

impl Check {
    /// Whether the device did right.
    pub fn passed(&self) -> bool {
        self.difference.is_some_and(|found| found <= self.allowed)
    }
}

/// One kind of operation.
struct Operation {
    name: &'static str,
    allowed: f64,
    /// Billions of operations or bytes of one run.
    amount: f64,
    unit: &'static str,
    run: fn(&Inputs) -> clel_tensor::Result<Tensor>,
}

const GIGA: f64 = 1e-9;
const ELEMENTS: f64 = (MAP[0] * MAP[1] * MAP[2] * MAP[3]) as f64;
const CONVOLUTION: f64 = 2.0 * ELEMENTS * (FILTERS[0] * FILTERS[1] * FILTERS[2]) as f64 * GIGA;

/// Those whose reference is the same in f64.
const OPERATIONS: [Operation; 5] = [
    Operation {
        name: "pointwise",
        allowed: 1e-5,
        amount: 12.0 * ELEMENTS * GIGA,
        unit: "GB/s",
        run: |on| on.x.mul(&on.y)?.exp()?.add(&on.x)?.maximum_scalar(0.5),
    },
    Operation {
        name: "matrix product",
        allowed: 1e-4,
        amount: 2.0 * (SIDE * SIDE * SIDE) as f64 * GIGA,
        unit: "GFLOP/s",
        run: |on| on.a.matmul(&on.b),
    },
    Operation {
        name: "convolution",
        allowed: 1e-4,
        amount: CONVOLUTION,
        unit: "GFLOP/s",
        run: |on| on.x.conv2d(&on.w, 1, 1),
    },
    Operation {
        name: "its input gradient",
        allowed: 1e-4,
        amount: CONVOLUTION,
        unit: "GFLOP/s",
        run: |on| on.y.conv2d_input_grad(&on.w, on.x.shape(), 1, 1),
    },
    Operation {
        name: "sums",
        allowed: 1e-4,
        amount: 4.0 * ELEMENTS * GIGA,
        unit: "GB/s",
        run: |on| on.x.sum(&[0, 1, 2], false),
    },
];

/// Numbers in −½..½, the same on every device.
struct Inputs {
    x: Tensor,
    y: Tensor,
    w: Tensor,
    a: Tensor,
    b: Tensor,
}

impl Inputs {
    fn on(
        device: &Device,
        make: fn(&[f64], &[usize], &Device) -> clel_tensor::Result<Tensor>,
    ) -> Result<Inputs> {
        let array = |stream: u32, shape: &[usize]| -> Result<Tensor> {
            let words = words(RngKey::new(0, stream), shape.iter().product());
            let values: Vec<f64> = words
                .iter()
                .map(|w| f64::from(random::uniform(*w)) - 0.5)
                .collect();
            Ok(make(&values, shape, device)?)
        };
        Ok(Inputs {
            x: array(0, &MAP)?,
            y: array(1, &MAP)?,
            w: array(2, &FILTERS)?,
            a: array(3, &[SIDE, SIDE])?,
            b: array(4, &[SIDE, SIDE])?,
        })
    }
}

/// The first `count` random words of a key.
fn words(key: RngKey, count: usize) -> Vec<u32> {
    (0u32..)
        .flat_map(|block| key.block(block))
        .take(count)
        .collect()
}

/// What the operations come to: in f64 by the CPU, and for random numbers one by one, without a kernel.
pub struct Reference {
    computed: Vec<Vec<f64>>,
    normal: Vec<f64>,
}

impl Reference {
    /// Computes it.
    ///
    /// # Errors
    /// None that a healthy CPU has.
    pub fn new() -> Result<Reference> {
        let inputs = Inputs::on(&Device::Cpu, Tensor::from_slice::<f64>)?;
        let computed = OPERATIONS
            .iter()
            .map(|operation| Ok((operation.run)(&inputs)?.to_vec::<f64>()?));
        let words = words(RngKey::new(0, 5), DRAWN);
        let pairs = words.as_chunks::<2>().0.iter();
        let normal = pairs.flat_map(|[a, b]| random::normal_pair(*a, *b).map(f64::from));
        Ok(Reference {
            computed: computed.collect::<Result<_>>()?,
            normal: normal.collect(),
        })
    }

    /// Compares a device with it, and measures each kind of operation for about `time`.
    pub fn check(&self, device: &Device, time: Duration) -> Vec<Check> {
        let inputs = Inputs::on(device, |values, shape, device| {
            let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
            Tensor::from_slice(&values, shape, device)
        });
        let mut checks = Vec::new();
        for (operation, right) in OPERATIONS.iter().zip(&self.computed) {
            let run = || match &inputs {
                Ok(inputs) => Ok((operation.run)(inputs)?),
                Err(error) => Err(Error::Numbers {
                    what: "self-test",
                    why: error.in_one_line(),
                }),
            };
            checks.push(check(
                operation.name,
                operation.allowed,
                (operation.amount, operation.unit),
                right,
                device,
                time,
                run,
            ));
        }
        let draw = || Ok(Tensor::normal(&[DRAWN], RngKey::new(0, 5), device)?);
        let amount = (4.0 * DRAWN as f64 * GIGA, "GB/s");
        checks.push(check(
            "random numbers",
            1e-5,
            amount,
            &self.normal,
            device,
            time,
            draw,
        ));
        checks
    }
}

fn check(
    operation: &'static str,
    allowed: f64,
    (amount, unit): (f64, &'static str),
    right: &[f64],
    device: &Device,
    time: Duration,
    run: impl Fn() -> Result<Tensor>,
) -> Check {
    let attempt = || -> Result<(f64, f64)> {
        let found = run()?.to_vec::<f32>()?;
        let times = Times::measure(time, || {
            run()?.realize()?;
            Ok(device.wait()?)
        })?;
        Ok((difference(&found, right), amount / times.median_s))
    };
    let (result, failure) = match attempt() {
        Ok(result) => (Some(result), None),
        Err(error) => (None, Some(error.in_one_line())),
    };
    Check {
        operation,
        difference: result.map(|(difference, _)| difference),
        allowed,
        rate: result.map(|(_, rate)| rate),
        unit,
        failure,
    }
}

/// The largest difference, over the largest value; infinite if the numbers are not as many, or one is NaN.
fn difference(found: &[f32], right: &[f64]) -> f64 {
    if found.len() != right.len() {
        return f64::INFINITY;
    }
    let scale = right.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
    let differences = found
        .iter()
        .zip(right)
        .map(|(f, r)| (f64::from(*f) - r).abs());
    let worst = differences.fold(0.0, |most: f64, d| {
        if d <= most {
            most
        } else {
            d.max(if d.is_nan() { f64::INFINITY } else { d })
        }
    });
    worst / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_passes_and_wrong_numbers_do_not() -> Result<()> {
        let mut reference = Reference::new()?;
        let checks = reference.check(&Device::Cpu, Duration::ZERO);
        assert_eq!(checks.len(), 6);
        assert!(checks.iter().all(Check::passed), "{checks:?}");
        assert!(
            checks.iter().all(|c| c.rate.is_some_and(|rate| rate > 0.0)),
            "{checks:?}"
        );
        for right in &mut reference.computed {
            right[7] += 1.0;
        }
        reference.normal[DRAWN - 1] += 0.01;
        let checks = reference.check(&Device::Cpu, Duration::ZERO);
        assert!(!checks.iter().any(Check::passed), "{checks:?}");
        Ok(())
    }

    #[test]
    fn numbers_that_are_none_or_too_few_differ_without_bound() {
        assert_eq!(
            difference(&[1.0, f32::NAN, 3.0], &[1.0, 2.0, 3.0]),
            f64::INFINITY
        );
        assert_eq!(difference(&[1.0], &[1.0, 2.0]), f64::INFINITY);
        assert_eq!(difference(&[1.0, -3.5], &[1.0, -4.0]), 0.125);
    }
}
