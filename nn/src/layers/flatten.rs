//! Images as vectors.

use clel_autograd::Var;

use crate::{Error, Layer, Mode, Module, Result, Visitor};

/// \[N, …\] → \[N, features\], in row-major order: images in that of \[H, W, C\], for a
/// [`Linear::after_flatten`](crate::Linear::after_flatten).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flatten;

impl Module for Flatten {
    fn visit<'a>(&'a self, _: &mut Visitor<'a>) {}
}

impl Layer for Flatten {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        if x.rank() == 0 {
            return Err(Error::Input {
                layer: "Flatten",
                shape: vec![],
                expected: "[N, …]".into(),
            });
        }
        let n = x.shape()[0];
        Ok(x.reshape(&[n, x.shape()[1..].iter().product()])?)
    }
}
