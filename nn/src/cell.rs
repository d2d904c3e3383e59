//! Cells for what a layer learns and what it remembers.

use std::sync::{PoisonError, RwLock};

use clel_autograd::Var;
use clel_tensor::Tensor;

use crate::{Error, Result};

/// How the elements of an array are ordered in a file, where PyTorch's order differs from ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FileOrder {
    /// As in memory.
    #[default]
    Same,
    /// A convolution's weight: \[O, KH, KW, C\] in memory, \[O, C, KH, KW\] in files.
    ConvWeight,
    /// The last axis runs over a flattened image or window: in memory in the order of \[H, W, C\], in files in that of \[C, H, W\].
    /// The weight of a [`Linear`](crate::Linear) that reads flattened images; spectral norm's v of a convolution.
    Flattened {
        /// Height H and width W.
        sides: [usize; 2],
        /// Channels C.
        channels: usize,
    },
}

impl FileOrder {
    /// The shape that an array of `shape` has in a file.
    pub fn file_shape(self, shape: &[usize]) -> Vec<usize> {
        match (self, shape) {
            (FileOrder::ConvWeight, &[o, kh, kw, c]) => vec![o, c, kh, kw],
            _ => shape.to_vec(),
        }
    }

    /// An array of memory's order in the file's.
    ///
    /// # Errors
    /// A shape that this order does not describe.
    pub fn to_file(self, memory: &Tensor) -> Result<Tensor> {
        Ok(match self {
            FileOrder::Same => memory.clone(),
            FileOrder::ConvWeight => memory.permute(&[0, 3, 1, 2])?.contiguous()?,
            FileOrder::Flattened {
                sides: [h, w],
                channels,
            } => memory
                .reshape(&[rows(memory), h, w, channels])?
                .permute(&[0, 3, 1, 2])?
                .reshape(memory.shape())?,
        })
    }

    /// An array of the file's order in memory's.
    ///
    /// # Errors
    /// A shape that this order does not describe.
    pub fn from_file(self, file: &Tensor) -> Result<Tensor> {
        Ok(match self {
            FileOrder::Same => file.clone(),
            FileOrder::ConvWeight => file.permute(&[0, 2, 3, 1])?.contiguous()?,
            FileOrder::Flattened {
                sides: [h, w],
                channels,
            } => file
                .reshape(&[rows(file), channels, h, w])?
                .permute(&[0, 2, 3, 1])?
                .reshape(file.shape())?,
        })
    }
}

/// How often an array has its last axis.
fn rows(array: &Tensor) -> usize {
    array
        .shape()
        .split_last()
        .map_or(1, |(_, rows)| rows.iter().product())
}

/// Something that is trained: gradients are taken with respect to it, optimisers replace it, averages (EMA) average it.
#[derive(Debug)]
pub struct Parameter {
    value: RwLock<Var>,
    order: FileOrder,
}

impl Parameter {
    /// A parameter with an initial value.
    pub fn new(value: Tensor) -> Parameter {
        Parameter::with_order(value, FileOrder::Same)
    }

    /// A parameter whose elements PyTorch orders otherwise.
    pub fn with_order(value: Tensor, order: FileOrder) -> Parameter {
        Parameter {
            value: RwLock::new(Var::leaf(value)),
            order,
        }
    }

    /// The value as a leaf: the same one until it is replaced, so `grad` can be asked for it.
    pub fn var(&self) -> Var {
        let value = self.value.read();
        value.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The value.
    pub fn tensor(&self) -> Tensor {
        self.var().into_tensor()
    }

    /// Replaces the value, by a new leaf.
    ///
    /// # Errors
    /// [`Error::Cell`] unless shape, type and device stay; what the device reports.
    pub fn set(&self, value: Tensor) -> Result<()> {
        self.bind(Var::leaf(value))
    }

    /// Replaces the value by something computed: gradients then flow through the layer to what it was computed from.
    /// For functional use, such as gradient checks and optimisers that are differentiated themselves.
    ///
    /// # Errors
    /// [`Error::Cell`] unless shape, type and device stay; what the device reports.
    pub fn bind(&self, value: Var) -> Result<()> {
        check_replacement(&self.tensor(), value.tensor())?;
        *self.value.write().unwrap_or_else(PoisonError::into_inner) = value;
        Ok(())
    }

    /// How files order the elements.
    pub fn order(&self) -> FileOrder {
        self.order
    }
}

/// Something that a layer remembers but that no gradient trains; averages (EMA) copy it.
#[derive(Debug)]
pub struct State {
    value: RwLock<Tensor>,
    order: FileOrder,
}

impl State {
    /// A state with an initial value.
    pub fn new(value: Tensor) -> State {
        State::with_order(value, FileOrder::Same)
    }

    /// A state whose elements PyTorch orders otherwise.
    pub fn with_order(value: Tensor, order: FileOrder) -> State {
        State {
            value: RwLock::new(value),
            order,
        }
    }

    /// The value.
    pub fn tensor(&self) -> Tensor {
        let value = self.value.read();
        value.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the value.
    ///
    /// # Errors
    /// [`Error::Cell`] unless shape, type and device stay; what the device reports.
    pub fn set(&self, value: Tensor) -> Result<()> {
        check_replacement(&self.tensor(), &value)?;
        *self.value.write().unwrap_or_else(PoisonError::into_inner) = value;
        Ok(())
    }

    /// How files order the elements.
    pub fn order(&self) -> FileOrder {
        self.order
    }
}

/// Also computes the new value: a lazy one would keep the old one alive, and with it, step by step, all before it.
fn check_replacement(old: &Tensor, new: &Tensor) -> Result<()> {
    let same =
        old.shape() == new.shape() && old.dtype() == new.dtype() && old.device() == new.device();
    if !same {
        return Err(Error::Cell {
            expected: format!("{old:?}"),
            found: format!("{new:?}"),
        });
    }
    new.realize()?;
    Ok(())
}
