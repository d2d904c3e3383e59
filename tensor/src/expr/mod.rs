//! Pointwise mathematics as data.
//!
//! An [`Expr`] is a scalar function of some inputs, kept as a list of [`Node`]s in which every
//! operand stands before its use. From this one definition come the CPU loop, the WGSL text and
//! the derivative: adding a function means adding one variant and its rows in `unary.rs` or
//! `binary.rs`, and its name where the CPU compiles a loop for each and where methods are made.
//!
//! ```
//! use clel_tensor::Expr;
//! let x = Expr::input(0);
//! let leaky = x.clone().maximum(x * 0.2);
//! assert_eq!(leaky.eval(&[-3.0]), -0.6000000000000001);
//! ```

mod binary;
mod build;
mod cut;
mod derivative;
mod elementary;
mod kernel;
mod unary;

pub use binary::Binary;
pub use unary::{Scalar, Unary};

pub(crate) use kernel::{Access, PointwiseKernel};

use crate::RngKey;

/// A distribution of random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// Uniform on \[0, 1).
    Uniform,
    /// Normal with mean 0 and variance 1.
    Normal,
}

/// One scalar operation; operands are positions of earlier nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Node {
    /// The element of the n-th input.
    Input(u8),
    /// A constant. Backends pass it as a parameter, so its value is not part of a kernel's text.
    Const(f64),
    /// A function of one number.
    Unary(Unary, u16),
    /// A function of two numbers.
    Binary(Binary, u16, u16),
    /// The second operand where the first is not zero, else the third.
    Select(u16, u16, u16),
    /// The random number that belongs to the output element.
    Random(Distribution, RngKey),
}

/// A scalar function of inputs `0..inputs()`. See the [module's](self) documentation.
///
/// What is no number or infinite goes through it as on paper, but for what a GPU's compiler cancels: x − x may be 0 there for any x, and
/// (x + y) − y may be x, so that sums are not rounded by adding and subtracting a large number.
///
/// An expression of more than 65536 operations cannot be made: that panics.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    nodes: Vec<Node>,
    root: u16,
}

impl Expr {
    /// The n-th input.
    pub fn input(n: u8) -> Expr {
        Expr {
            nodes: vec![Node::Input(n)],
            root: 0,
        }
    }

    /// A constant.
    pub fn constant(value: f64) -> Expr {
        Expr {
            nodes: vec![Node::Const(value)],
            root: 0,
        }
    }

    /// A random number for every element of the output, which must have the shape that the key
    /// is meant for: the number depends on the element's position.
    pub fn random(distribution: Distribution, key: RngKey) -> Expr {
        Expr {
            nodes: vec![Node::Random(distribution, key)],
            root: 0,
        }
    }

    /// The operations, operands first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node whose value the expression has.
    pub fn root(&self) -> usize {
        self.root.into()
    }

    /// One more than the highest input used; 0 without inputs.
    pub fn inputs(&self) -> usize {
        let used = self.nodes.iter().filter_map(|n| match n {
            Node::Input(i) => Some(usize::from(*i) + 1),
            _ => None,
        });
        used.max().unwrap_or(0)
    }

    /// True where the n-th input occurs.
    pub fn uses(&self, n: u8) -> bool {
        self.nodes.contains(&Node::Input(n))
    }

    /// The value, if the expression is a constant.
    pub fn as_constant(&self) -> Option<f64> {
        match self.nodes[self.root()] {
            Node::Const(v) => Some(v),
            _ => None,
        }
    }

    /// Which input it is, if it is one as it stands.
    pub(crate) fn as_input(&self) -> Option<usize> {
        match self.nodes[self.root()] {
            Node::Input(n) => Some(usize::from(n)),
            _ => None,
        }
    }

    /// Number of operations, inputs and constants not counted: the size that fusion caps.
    pub fn cost(&self) -> usize {
        let free = |n: &&Node| !matches!(n, Node::Input(_) | Node::Const(_));
        self.nodes.iter().filter(free).count()
    }

    /// The value for given inputs, element 0 of random numbers. For tests and small uses.
    pub fn eval(&self, inputs: &[f64]) -> f64 {
        let mut values = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let at = |i: u16| -> f64 { values[usize::from(i)] };
            let value = match *node {
                Node::Input(i) => inputs[usize::from(i)],
                Node::Const(v) => v,
                Node::Unary(f, a) => f.apply(at(a)),
                Node::Binary(f, a, b) => f.apply(at(a), at(b)),
                Node::Select(c, a, b) => at(if at(c) != 0.0 { a } else { b }),
                Node::Random(distribution, key) => {
                    let words = key.block(0);
                    f64::from(match distribution {
                        Distribution::Uniform => crate::random::uniform(words[0]),
                        Distribution::Normal => crate::random::normal_pair(words[0], words[1])[0],
                    })
                }
            };
            values.push(value);
        }
        values[self.root()]
    }
}
