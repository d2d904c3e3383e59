//! Layers one after the other.

use clel_autograd::Var;

use crate::{Layer, Mode, Module, Result, Visitor};

/// Layers one after the other, named by their index: `0.weight`, `2.bias`.
#[derive(Default)]
pub struct Sequential {
    layers: Vec<Box<dyn Layer>>,
}

impl Sequential {
    /// No layer: the identity.
    pub fn new() -> Sequential {
        Sequential::default()
    }

    /// With one more layer at the end.
    #[must_use]
    pub fn push(mut self, layer: impl Layer + 'static) -> Sequential {
        self.layers.push(Box::new(layer));
        self
    }

    /// Number of layers.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// True without any layer.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }
}

impl Module for Sequential {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        for (i, layer) in self.layers.iter().enumerate() {
            v.module(&i.to_string(), layer);
        }
    }
}

impl Layer for Sequential {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        self.forward_last(x.clone(), mode)
    }

    fn forward_last(&self, x: Var, mode: Mode) -> Result<Var> {
        let mut layers = self.layers.iter();
        layers.try_fold(x, |y, layer| layer.forward_last(y, mode))
    }
}
