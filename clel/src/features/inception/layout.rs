//! Which convolutions the network has, block by block, under torchvision's names.

use clel_autograd::Var;
use clel_nn::{AvgPool2d, Init, Layer, MaxPool2d, Mode, Module, Result, Visitor};
use clel_tensor::Tensor;

use super::unit::{Unit, Window};

/// Branches side by side; their outputs are joined along the channels.
pub(super) struct Mixed(Vec<Branch>);

/// A pool, then a chain of units, then perhaps two units side by side on the chain's end.
#[derive(Default)]
struct Branch {
    pool: Option<Pool>,
    chain: Vec<(String, Unit)>,
    split: Vec<(String, Unit)>,
}

/// Over windows of 3×3.
#[derive(Clone, Copy)]
enum Pool {
    /// Stride 1; the mean of what lies inside the image.
    Average,
    /// Stride 1; the maximum.
    Maximum,
    /// Stride 2, no padding; the maximum.
    Half,
}

impl Pool {
    fn apply(self, x: &Var, mode: Mode) -> Result<Var> {
        let average = AvgPool2d {
            kernel: 3,
            stride: 1,
            pad: 1,
        };
        let maximum = |stride, pad| MaxPool2d {
            kernel: 3,
            stride,
            pad,
        };
        match self {
            Pool::Average => {
                let [h, w] = [x.shape()[1], x.shape()[2]];
                let ones: Var =
                    Tensor::ones(&[1, h, w, 1], x.tensor().dtype(), x.tensor().device())?.into();
                let share = average.forward(&ones, mode)?;
                Ok(average.forward(x, mode)?.div(&share)?)
            }
            Pool::Maximum => maximum(1, 1).forward(x, mode),
            Pool::Half => maximum(2, 0).forward(x, mode),
        }
    }
}

impl Module for Mixed {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        for branch in &self.0 {
            for (name, unit) in branch.chain.iter().chain(&branch.split) {
                v.module(name, unit);
            }
        }
    }
}

impl Layer for Mixed {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let mut parts = Vec::new();
        for branch in &self.0 {
            let mut h = match branch.pool {
                Some(pool) => pool.apply(x, mode)?,
                None => x.clone(),
            };
            for (_, unit) in &branch.chain {
                h = unit.forward(&h, mode)?;
            }
            for (_, unit) in &branch.split {
                parts.push(unit.forward(&h, mode)?);
            }
            if branch.split.is_empty() {
                parts.push(h);
            }
        }
        Ok(Var::concat(&parts.iter().collect::<Vec<_>>(), 3)?)
    }
}

/// Makes the units of a branch, one after another.
struct Builder<'a> {
    init: &'a mut Init,
    branch: Branch,
    channels: usize,
}

impl<'a> Builder<'a> {
    fn new(init: &'a mut Init, channels: usize) -> Builder<'a> {
        Builder {
            init,
            branch: Branch::default(),
            channels,
        }
    }

    fn pool(mut self, pool: Pool) -> Self {
        self.branch.pool = Some(pool);
        self
    }

    /// One more unit in the chain.
    fn then(mut self, name: &str, channels: usize, window: Window) -> Result<Self> {
        let unit = Unit::new(self.init, [self.channels, channels], window)?;
        self.branch.chain.push((name.to_owned(), unit));
        self.channels = channels;
        Ok(self)
    }

    /// The chain's end goes through a row and a column window of three.
    fn split(mut self, names: [&str; 2], channels: usize) -> Result<Branch> {
        for (name, kernel) in names.into_iter().zip([[1, 3], [3, 1]]) {
            let unit = Unit::new(self.init, [self.channels, channels], Window::same(kernel))?;
            self.branch.split.push((name.to_owned(), unit));
        }
        Ok(self.branch)
    }

    fn end(self) -> Branch {
        self.branch
    }
}

const ONE: Window = Window {
    kernel: [1, 1],
    stride: 1,
    pad: [0, 0],
};

/// The five convolutions before the first block.
pub(super) fn stem(init: &mut Init) -> Result<Vec<(&'static str, Unit)>> {
    let three = Window::same([3, 3]);
    let layers = [
        ("Conv2d_1a_3x3", [3, 32], Window::inside(3, 2)),
        ("Conv2d_2a_3x3", [32, 32], Window::inside(3, 1)),
        ("Conv2d_2b_3x3", [32, 64], three),
        ("Conv2d_3b_1x1", [64, 80], ONE),
        ("Conv2d_4a_3x3", [80, 192], Window::inside(3, 1)),
    ];
    let units =
        layers.map(|(name, channels, window)| Ok((name, Unit::new(init, channels, window)?)));
    units.into_iter().collect()
}

/// The eleven blocks.
pub(super) fn mixed(init: &mut Init) -> Result<Vec<(&'static str, Mixed)>> {
    Ok(vec![
        ("Mixed_5b", a(init, 192, 32)?),
        ("Mixed_5c", a(init, 256, 64)?),
        ("Mixed_5d", a(init, 288, 64)?),
        ("Mixed_6a", b(init, 288)?),
        ("Mixed_6b", c(init, 128)?),
        ("Mixed_6c", c(init, 160)?),
        ("Mixed_6d", c(init, 160)?),
        ("Mixed_6e", c(init, 192)?),
        ("Mixed_7a", d(init)?),
        ("Mixed_7b", e(init, 1280, Pool::Average)?),
        ("Mixed_7c", e(init, 2048, Pool::Maximum)?),
    ])
}

/// 35×35.
fn a(init: &mut Init, channels: usize, pooled: usize) -> Result<Mixed> {
    let three = Window::same([3, 3]);
    Ok(Mixed(vec![
        Builder::new(init, channels)
            .then("branch1x1", 64, ONE)?
            .end(),
        Builder::new(init, channels)
            .then("branch5x5_1", 48, ONE)?
            .then("branch5x5_2", 64, Window::same([5, 5]))?
            .end(),
        Builder::new(init, channels)
            .then("branch3x3dbl_1", 64, ONE)?
            .then("branch3x3dbl_2", 96, three)?
            .then("branch3x3dbl_3", 96, three)?
            .end(),
        Builder::new(init, channels)
            .pool(Pool::Average)
            .then("branch_pool", pooled, ONE)?
            .end(),
    ]))
}

/// 35×35 to 17×17.
fn b(init: &mut Init, channels: usize) -> Result<Mixed> {
    let half = Window::inside(3, 2);
    Ok(Mixed(vec![
        Builder::new(init, channels)
            .then("branch3x3", 384, half)?
            .end(),
        Builder::new(init, channels)
            .then("branch3x3dbl_1", 64, ONE)?
            .then("branch3x3dbl_2", 96, Window::same([3, 3]))?
            .then("branch3x3dbl_3", 96, half)?
            .end(),
        Builder::new(init, channels).pool(Pool::Half).end(),
    ]))
}

/// 17×17, with windows of seven in one direction.
fn c(init: &mut Init, width: usize) -> Result<Mixed> {
    let (row, column) = (Window::same([1, 7]), Window::same([7, 1]));
    Ok(Mixed(vec![
        Builder::new(init, 768).then("branch1x1", 192, ONE)?.end(),
        Builder::new(init, 768)
            .then("branch7x7_1", width, ONE)?
            .then("branch7x7_2", width, row)?
            .then("branch7x7_3", 192, column)?
            .end(),
        Builder::new(init, 768)
            .then("branch7x7dbl_1", width, ONE)?
            .then("branch7x7dbl_2", width, column)?
            .then("branch7x7dbl_3", width, row)?
            .then("branch7x7dbl_4", width, column)?
            .then("branch7x7dbl_5", 192, row)?
            .end(),
        Builder::new(init, 768)
            .pool(Pool::Average)
            .then("branch_pool", 192, ONE)?
            .end(),
    ]))
}

/// 17×17 to 8×8.
fn d(init: &mut Init) -> Result<Mixed> {
    let half = Window::inside(3, 2);
    Ok(Mixed(vec![
        Builder::new(init, 768)
            .then("branch3x3_1", 192, ONE)?
            .then("branch3x3_2", 320, half)?
            .end(),
        Builder::new(init, 768)
            .then("branch7x7x3_1", 192, ONE)?
            .then("branch7x7x3_2", 192, Window::same([1, 7]))?
            .then("branch7x7x3_3", 192, Window::same([7, 1]))?
            .then("branch7x7x3_4", 192, half)?
            .end(),
        Builder::new(init, 768).pool(Pool::Half).end(),
    ]))
}

/// 8×8, each chain ending in a row and a column window.
fn e(init: &mut Init, channels: usize, pool: Pool) -> Result<Mixed> {
    Ok(Mixed(vec![
        Builder::new(init, channels)
            .then("branch1x1", 320, ONE)?
            .end(),
        Builder::new(init, channels)
            .then("branch3x3_1", 384, ONE)?
            .split(["branch3x3_2a", "branch3x3_2b"], 384)?,
        Builder::new(init, channels)
            .then("branch3x3dbl_1", 448, ONE)?
            .then("branch3x3dbl_2", 384, Window::same([3, 3]))?
            .split(["branch3x3dbl_3a", "branch3x3dbl_3b"], 384)?,
        Builder::new(init, channels)
            .pool(pool)
            .then("branch_pool", 192, ONE)?
            .end(),
    ]))
}
