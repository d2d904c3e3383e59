//! Reverse-mode differentiation of any order in sixty lines, for numbers instead of arrays: all of `clel-autograd` in small.
//!
//!     cargo run --example 00_micro_autograd

use std::{cell::Cell, collections::BTreeMap, error::Error, rc::Rc};

use clel_pictures::{Colour, Output, Panel, Picture};

// ANCHOR: micro
/// A number, and how it was made. Cloning copies a handle.
#[derive(Clone)]
struct Var(Rc<Node>);

struct Node {
    id: u64,
    value: f64,
    op: Op,
}

enum Op {
    Leaf,
    Add(Var, Var),
    Mul(Var, Var),
    Sin(Var),
    Cos(Var),
}

thread_local!(static NEXT: Cell<u64> = const { Cell::new(0) });

impl Var {
    fn new(value: f64, op: Op) -> Var {
        // grows with time, so that operands have smaller numbers than what was made of them
        let id = NEXT.replace(NEXT.get() + 1);
        Var(Rc::new(Node { id, value, op }))
    }
    fn leaf(value: f64) -> Var {
        Var::new(value, Op::Leaf)
    }
    fn add(&self, b: &Var) -> Var {
        Var::new(self.0.value + b.0.value, Op::Add(self.clone(), b.clone()))
    }
    fn mul(&self, b: &Var) -> Var {
        Var::new(self.0.value * b.0.value, Op::Mul(self.clone(), b.clone()))
    }
    fn sin(&self) -> Var {
        Var::new(self.0.value.sin(), Op::Sin(self.clone()))
    }
    fn cos(&self) -> Var {
        Var::new(self.0.value.cos(), Op::Cos(self.clone()))
    }

    /// The table of rules: what of the result's gradient `g` reaches each operand. Written in the operations above, so that
    /// a gradient can be differentiated again.
    fn rule(&self, g: &Var) -> Vec<(Var, Var)> {
        match &self.0.op {
            Op::Leaf => vec![],
            Op::Add(a, b) => vec![(a.clone(), g.clone()), (b.clone(), g.clone())],
            Op::Mul(a, b) => vec![(a.clone(), g.mul(b)), (b.clone(), g.mul(a))],
            Op::Sin(a) => vec![(a.clone(), g.mul(&a.cos()))],
            Op::Cos(a) => vec![(a.clone(), g.mul(&a.sin()).mul(&Var::leaf(-1.0)))],
        }
    }
}

/// ∂output/∂input: from the newest step to the oldest, each step's gradient is complete when its turn comes.
fn grad(output: &Var, input: &Var) -> Var {
    let mut waiting = BTreeMap::from([(output.0.id, (output.clone(), Var::leaf(1.0)))]);
    while let Some((id, (step, g))) = waiting.pop_last() {
        if id == input.0.id {
            return g;
        }
        for (operand, part) in step.rule(&g) {
            let sum = match waiting.remove(&operand.0.id) {
                Some((_, so_far)) => so_far.add(&part),
                None => part,
            };
            waiting.insert(operand.0.id, (operand, sum));
        }
    }
    Var::leaf(0.0)
}
// ANCHOR_END: micro

/// f(x) = x · sin x, f′(x) = sin x + x · cos x, f″(x) = 2 cos x − x · sin x.
fn derivatives(at: f64) -> [f64; 3] {
    let x = Var::leaf(at);
    let f = x.mul(&x.sin());
    let first = grad(&f, &x);
    let second = grad(&first, &x);
    [f.0.value, first.0.value, second.0.value]
}

fn main() -> Result<(), Box<dyn Error>> {
    let picture = Picture::new("00_micro_autograd")?;
    let points: Vec<f64> = (0..=200).map(|i| f64::from(i) * 0.06 - 6.0).collect();
    let mut worst = 0.0f64;
    for &x in &points {
        let by_hand = [
            x * x.sin(),
            x.sin() + x * x.cos(),
            2.0 * x.cos() - x * x.sin(),
        ];
        for (found, wanted) in derivatives(x).iter().zip(by_hand) {
            worst = worst.max((found - wanted).abs());
        }
    }
    writeln!(
        Output,
        "f, f′ and f″ differ from those by hand by at most {worst:.1e}"
    )?;
    assert!(worst < 1e-12);

    let curve = |n: usize| points.iter().map(|&x| (x, derivatives(x)[n])).collect();
    let panel = Panel::new("x·sin x and two derivatives", -6.0..6.0, -10.0..7.0)
        .line("x·sin x", Colour::Black, curve(0))
        .line("first derivative", Colour::Blue, curve(1))
        .line("second derivative", Colour::Orange, curve(2));
    picture.draw(&[panel])
}
