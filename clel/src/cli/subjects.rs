//! Which networks a measurement is about; arguments of several commands.

use crate::Result;
use crate::bench::Subject;
use crate::config::Network;

#[derive(Debug, clap::Args)]
pub(super) struct Subjects {
    /// Networks whose shapes, steps and iterations are measured, each with the settings of its preset.
    #[arg(
        long,
        value_name = "NETWORK",
        value_delimiter = ',',
        default_value = "resnet_small"
    )]
    model: Vec<Network>,
    /// Images in a batch.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "16")]
    batch: Vec<usize>,
    /// Overrides one setting of training; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Subjects {
    /// Each network with each size of batch.
    pub(super) fn all(&self) -> Result<Vec<Subject>> {
        let mut subjects = Vec::new();
        for network in &self.model {
            for batch in &self.batch {
                subjects.push(Subject::new(*network, *batch, &self.set)?);
            }
        }
        Ok(subjects)
    }
}
