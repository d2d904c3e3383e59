//! Measuring: how long operations, Langevin steps and training iterations take on a device.

mod machine;
mod operations;
mod profile;
mod session;
mod subject;
mod times;
mod training;

use clap::ValueEnum;

pub use machine::{Machine, Peak, peak_memory, processor};
pub use profile::{Kind, Profile};
pub use session::{Case, Session};
pub use subject::Subject;
pub use times::Times;
pub use training::products;

use crate::Result;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Work {
    /// Matrix products: 1024×1024×1024, and those of the network's head.
    Matmul,
    /// Each distinct convolution of the network, forward and both gradients.
    Conv,
    /// Pointwise operations on arrays that no cache holds.
    Pointwise,
    /// Broadcasts, copies, conversions, sums, pools and softmax of arrays of 4 Mi numbers.
    Array,
    /// One Langevin step, as training runs it.
    Step,
    /// One whole iteration of training, on random images.
    Train,
}

/// Measures `work` for one network and batch size.
///
/// # Errors
/// What the networks and the device report.
pub fn run(work: Work, subject: &Subject, session: &mut Session<'_>) -> Result<()> {
    subject.with_kernels(|| match work {
        Work::Matmul => operations::matmul(subject, session),
        Work::Conv => operations::conv(subject, session),
        Work::Pointwise => operations::pointwise(session),
        Work::Array => operations::array(session),
        Work::Step => training::step(subject, session),
        Work::Train => training::iteration(subject, session),
    })
}
