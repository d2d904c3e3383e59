//! How products are to be computed, remembered with what is launched later.

use crate::{
    precision::{MatmulPrecision, matmul_precision, with_matmul_precision},
    winograd::{Winograd, winograd, with_winograd},
};

/// What a thread has chosen of how products are computed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choices {
    winograd: Winograd,
    precision: MatmulPrecision,
}

impl Choices {
    /// Those that hold on this thread.
    pub fn now() -> Choices {
        Choices {
            winograd: winograd(),
            precision: matmul_precision(),
        }
    }

    /// Runs `f` with them.
    pub fn hold<R>(self, f: impl FnOnce() -> R) -> R {
        with_winograd(self.winograd, || with_matmul_precision(self.precision, f))
    }
}
