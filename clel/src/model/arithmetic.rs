//! How much an energy network computes.

use super::network::layout;
use crate::config::{ModelConfig, Network};

/// One convolution of an energy network, of stride 1, padded so that the image keeps its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolution {
    /// Channels of its input.
    pub inputs: usize,
    /// Channels of its output.
    pub outputs: usize,
    /// Side of its kernel.
    pub kernel: usize,
    /// Rows of the image.
    pub height: usize,
    /// Columns of the image.
    pub width: usize,
}

impl Convolution {
    /// Multiply-adds for one image, those on padding included.
    pub fn multiply_adds(&self) -> usize {
        self.height * self.width * self.outputs * self.inputs * self.kernel * self.kernel
    }
}

/// The convolutions of f on images \[H, W, C\], in the order in which they run.
pub fn convolutions(config: &ModelConfig, [h, w, c]: [usize; 3]) -> Vec<Convolution> {
    let (stages, branches) = layout(config);
    let mut all = Vec::new();
    for branch in 0..branches {
        let mut side = [h >> branch, w >> branch];
        let mut add = |[inputs, outputs]: [usize; 2], kernel, [height, width]: [usize; 2]| {
            all.push(Convolution {
                inputs,
                outputs,
                kernel,
                height,
                width,
            });
        };
        let mut width = stages.first().map_or(0, |s| s.0);
        add([c, width], 3, side);
        for (i, &(next, blocks)) in stages.iter().enumerate() {
            if i > 0 {
                side = side.map(|s| s / 2);
            }
            for _ in 0..blocks {
                add([width, next], 3, side);
                add([next, next], 3, side);
                if width != next {
                    add([width, next], 1, side);
                }
                width = next;
            }
        }
    }
    all
}

/// \[inputs, outputs\] of the linear layers of f.
pub fn linears(config: &ModelConfig) -> [[usize; 2]; 2] {
    let (stages, branches) = layout(config);
    let pooled = stages.last().map_or(0, |s| s.0) * branches;
    [[pooled, config.hidden], [config.hidden, config.latent]]
}

/// Multiply-adds of f for one image \[H, W, C\].
pub fn multiply_adds(config: &ModelConfig, shape: [usize; 3]) -> usize {
    let convolutions = convolutions(config, shape).into_iter();
    let linears = linears(config).into_iter();
    convolutions.map(|c| c.multiply_adds()).sum::<usize>()
        + linears.map(|[i, o]| i * o).sum::<usize>()
}

/// The side and the channels of the images that a network is made for.
pub fn usual_shape(network: Network) -> [usize; 3] {
    match network {
        Network::Tiny => [8, 8, 1],
        Network::Resnet64 => [64, 64, 3],
        Network::ResnetSmall | Network::Resnet | Network::ResnetLarge => [32, 32, 3],
    }
}
