//! The energy network f, its weights constants: W/σ is computed before.

use crate::Framework;

type Stages = &'static [(usize, usize)];

/// Widths and blocks of the stages; [side, channels] of an image; [hidden, f].
fn layout(model: &str) -> (Stages, [usize; 2], [usize; 2]) {
    match model {
        "tiny" => (&[(32, 1), (64, 1), (64, 1)], [8, 1], [256, 64]),
        "resnet_small" => (
            &[(64, 1), (64, 1), (128, 1), (128, 1)],
            [32, 3],
            [2048, 128],
        ),
        _ => (
            &[(128, 2), (128, 2), (256, 2), (256, 2)],
            [32, 3],
            [2048, 128],
        ),
    }
}

/// [side, channels] of an image.
pub fn image(model: &str) -> [usize; 2] {
    layout(model).1
}

/// Widths of the head: pooled, hidden, f.
pub fn hidden(model: &str) -> [usize; 3] {
    let (stages, _, [hidden, f]) = layout(model);
    [stages[stages.len() - 1].0, hidden, f]
}

/// Distinct [inputs, outputs, kernel, side] of the convolutions.
pub fn convolutions(model: &str) -> Vec<[usize; 4]> {
    let (stages, [mut side, channels], _) = layout(model);
    let mut width = stages[0].0;
    let mut all = vec![[channels, width, 3, side]];
    for (i, &(next, _)) in stages.iter().enumerate() {
        side = if i > 0 { side / 2 } else { side };
        all.extend([[width, next, 3, side], [next, next, 3, side]]);
        if width != next {
            all.push([width, next, 1, side]);
        }
        width = next;
    }
    let mut distinct = Vec::new();
    for shape in all {
        if !distinct.contains(&shape) {
            distinct.push(shape);
        }
    }
    distinct
}

pub struct Conv<F: Framework> {
    weight: F::Image,
    bias: Option<F::Vector>,
    pad: usize,
}

pub struct Linear<F: Framework> {
    weight: F::Matrix,
    bias: F::Vector,
}

struct Block<F: Framework> {
    first: Conv<F>,
    second: Conv<F>,
    shortcut: Option<Conv<F>>,
}

pub struct Network<F: Framework> {
    stem: Conv<F>,
    stages: Vec<Vec<Block<F>>>,
    head: [Linear<F>; 2],
}

impl<F: Framework> Conv<F> {
    fn new(f: &F, inputs: usize, outputs: usize, kernel: usize) -> Self {
        // about what a spectral norm of 1 leaves
        let deviation = 0.5 / ((inputs * kernel * kernel) as f64).sqrt();
        Conv {
            weight: f.image([outputs, inputs, kernel, kernel], deviation),
            bias: (kernel > 1).then(|| f.zeros(outputs)),
            pad: kernel / 2,
        }
    }

    fn forward(&self, f: &F, x: &F::Image) -> F::Image {
        f.conv(x, &self.weight, self.bias.as_ref(), self.pad)
    }
}

impl<F: Framework> Block<F> {
    fn new(f: &F, inputs: usize, outputs: usize) -> Self {
        Block {
            first: Conv::new(f, inputs, outputs, 3),
            second: Conv::new(f, outputs, outputs, 3),
            shortcut: (inputs != outputs).then(|| Conv::new(f, inputs, outputs, 1)),
        }
    }

    fn forward(&self, f: &F, x: &F::Image) -> F::Image {
        let h = self.first.forward(f, &f.leaky(x));
        let h = self.second.forward(f, &f.leaky(&h));
        match &self.shortcut {
            None => f.add(x, &h),
            Some(shortcut) => f.add(&shortcut.forward(f, x), &h),
        }
    }
}

impl<F: Framework> Network<F> {
    pub fn new(f: &F, model: &str) -> Self {
        let (stages, [_, channels], _) = layout(model);
        let mut width = stages[0].0;
        let stem = Conv::new(f, channels, width, 3);
        let mut block = |next: usize| {
            let block = Block::new(f, width, next);
            width = next;
            block
        };
        let stages = stages
            .iter()
            .map(|&(next, blocks)| (0..blocks).map(|_| block(next)).collect())
            .collect();
        let [pooled, hidden, out] = hidden(model);
        let linear = |i, o| Linear {
            weight: f.matrix([i, o], 0.01),
            bias: f.zeros(o),
        };
        Network {
            stem,
            stages,
            head: [linear(pooled, hidden), linear(hidden, out)],
        }
    }

    /// f of images, [N, F].
    pub fn features(&self, f: &F, x: &F::Image) -> F::Matrix {
        let mut h = self.stem.forward(f, &f.normalise(x));
        for (i, stage) in self.stages.iter().enumerate() {
            h = if i > 0 { f.pool(&h) } else { h };
            for block in stage {
                h = block.forward(f, &h);
            }
        }
        let [first, second] = &self.head;
        let h = f.linear(&f.mean(&f.leaky(&h)), &first.weight, &first.bias);
        f.linear(&f.leaky_rows(&h), &second.weight, &second.bias)
    }
}
