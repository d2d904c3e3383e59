//! 3×3 convolutions of stride 1 by Winograd's minimal filtering: transformed tiles of the image, for each of their places one product with
//! the transformed weights by the kernels of matrix products, and back.

use super::launch::{Launch, WORKGROUP};
use super::run::magic;
use super::template::{Program, program};
use super::through::Store;
use super::{Family, Gpu, GpuBuffer};
use crate::Result;
use crate::primitive::{Conv2d, ConvPass, MatMul, Primitive};
use crate::winograd::{Tiling, cheapest};

/// What a byte to or from memory and a launch cost, in multiply-adds of the products. Software Vulkan was measured: 10 billion
/// multiply-adds and 8 GB a second on two cores, 40 µs a launch. Graphics hardware: an H200's launch and multiply-adds were, its memory is taken
/// for half as fast as it is, since on smaller cards it is the slower part. There `clel tune` measures.
const fn costs(family: Family) -> (f64, usize) {
    match family {
        Family::Direct => (1.25, 400_000),
        Family::Tiled => (12.0, 120_000_000),
    }
}

/// Launches beyond the one that the definition takes.
const MORE_LAUNCHES: usize = 3;

pub(super) fn weight_program(outputs: usize, back: bool) -> Program {
    program!("winograd_weight")
        .set("OUT", outputs)
        .set("BACK", u8::from(back))
}

pub(super) fn input_program(outputs: usize) -> Program {
    program!("winograd_input").set("OUT", outputs)
}

pub(super) fn output_program(outputs: usize, through: bool) -> Program {
    program!("winograd_output")
        .set("OUT", outputs)
        .set("THROUGH", u8::from(through))
}

/// One of the transforms: a thread for each four channels of each line.
struct Transform {
    lines: usize,
    channels: usize,
}

impl Transform {
    fn threads(&self) -> usize {
        self.lines * self.channels / 4
    }

    fn groups(&self) -> u64 {
        (self.threads() as u64).div_ceil(WORKGROUP)
    }

    /// The parameters that all begin with, and those of one.
    fn params(&self, rest: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let quads = self.channels / 4;
        let mut params = vec![self.threads() as u32, quads as u32];
        params.extend(magic(quads));
        params.extend(rest);
        params
    }
}

impl Gpu {
    /// The tiling that is likely to be quicker than the definition.
    pub(super) fn quickest(&self, pass: ConvPass, s: &Conv2d) -> Option<Tiling> {
        if self.inner.options.always_winograd {
            return cheapest(pass, s, usize::MAX, Tiling::multiplies);
        }
        let (byte, launch) = costs(self.family());
        let defined = s.n * s.oh * s.ow * 9 * s.c * s.o;
        cheapest(pass, s, defined, |t| {
            let image = t.n * (t.h * t.w * t.c + t.oh * t.ow * t.o);
            let tiles = t.tiles() * t.places() * (t.c + t.o);
            let weights = (9 + 2 * t.places()) * t.c * t.o;
            // tiles and products are written once and read once
            let bytes = 4 * (image + 2 * tiles + weights);
            t.multiplies() + (bytes as f64 * byte) as usize + MORE_LAUNCHES * launch
        })
    }

    /// Whether one array can hold all transformed tiles.
    pub(super) fn has_room(&self, t: &Tiling) -> bool {
        let limits = &self.inner.limits;
        let limit = limits
            .max_storage_buffer_binding_size
            .min(limits.max_buffer_size);
        let elements = t.places() * t.tiles() * t.c.max(t.o);
        elements < 1 << 31 && elements as u64 * 4 <= limit
    }

    /// A convolution's pass in tiles: its image and its weight, in the order of [`ConvPass`].
    pub(super) fn in_tiles(
        &self,
        t: &Tiling,
        [x, weight]: [&GpuBuffer; 2],
        store: Store<'_>,
    ) -> Result<()> {
        let name = t.pass.name();
        let back = t.pass == ConvPass::InputGrad;
        let launch = |program: &Program, transform: &Transform, params: &[u32], read, written| {
            self.launch(
                program,
                &Launch {
                    name,
                    read: &[read],
                    written: &[written],
                    params,
                    groups: transform.groups(),
                },
            )
        };
        let (places, tiles) = (t.places(), t.tiles());

        let u = self.output(name, places * t.o * t.c * 4)?;
        // the weight is [o, 3, 3, c] in the terms of the forward pass
        let [lines, channels] = if back { [t.c, t.o] } else { [t.o, t.c] };
        let weights = Transform { lines, channels };
        let program = weight_program(t.outputs, back);
        launch(&program, &weights, &weights.params([]), weight, &u)?;

        let v = self.output(name, places * tiles * t.c * 4)?;
        let grid = || {
            let magics = [t.tw, t.th].into_iter().flat_map(magic);
            magics.chain([t.tw, t.th].map(|n| n as u32))
        };
        let images = Transform {
            lines: tiles,
            channels: t.c,
        };
        let params = images.params(grid().chain([t.h, t.w, t.pad].map(|n| n as u32)));
        launch(&input_program(t.outputs), &images, &params, x, &v)?;

        let product = Primitive::MatMul(MatMul {
            batch: places,
            m: tiles,
            n: t.o,
            k: t.c,
            a_batched: true,
            b_batched: true,
            a_transposed: false,
            b_transposed: !back,
        });
        let m = self.run(&product, &[&v, &u])?;

        let pixels = Transform {
            lines: tiles,
            channels: t.o,
        };
        let params = pixels.params(grid().chain([t.oh, t.ow].map(|n| n as u32)));
        let program = output_program(t.outputs, store.through());
        match store {
            Store::Plain(y) => launch(&program, &pixels, &params, &m, y),
            Store::Through(through) => {
                self.launch_through(name, &program, &[&m], params, pixels.groups(), through)
            }
        }
    }
}
