//! 3×3 convolutions of stride 1 by Winograd's minimal filtering: transformed tiles of the image, for each of their places one product with
//! the transformed weights by the kernels of matrix products, and back.

use super::launch::{Launch, WORKGROUP};
use super::run::magic;
use super::template::{Program, program};
use super::through::Store;
use super::way::Plan;
use super::{Family, Gpu, GpuBuffer};
use crate::precision::{MatmulPrecision, matmul_precision};
use crate::primitive::{Conv2d, ConvPass, MatMul, Primitive};
use crate::winograd::{Tiling, cheapest};
use crate::{DType, Result};

/// What a byte to or from memory and a launch cost, in multiply-adds of the products, and what part of the definition's cost must not be reached.
struct Costs {
    byte: f64,
    launch: f64,
    margin: f64,
}

/// Software Vulkan was measured: 10 billion multiply-adds and 8 GB a second on two cores, 40 µs a launch. Of graphics hardware an H200 was: 15 trillion
/// multiply-adds a second in f32, 30 of two halves a factor on matrix units, 3 TB and, less what overlaps, 3 µs a launch. In f32 its memory and
/// launches are taken for less than half as fast as they are, since on smaller cards they are the slower part. `clel tune` measures.
const fn costs(family: Family, on_units: bool) -> Costs {
    match (family, on_units) {
        (Family::Direct, _) => Costs {
            byte: 1.25,
            launch: 4e5,
            margin: 1.0,
        },
        (Family::Tiled, false) => Costs {
            byte: 12.0,
            launch: 1.2e8,
            margin: 0.9,
        },
        (Family::Tiled, true) => Costs {
            byte: 10.0,
            launch: 9e7,
            margin: 0.9,
        },
    }
}

/// Launches beyond the one that the definition takes.
const MORE_LAUNCHES: f64 = 3.0;

pub(super) fn weight_program(outputs: usize, back: bool, split: bool) -> Program {
    program!("winograd_weight")
        .set("OUT", outputs)
        .set("BACK", u8::from(back))
        .set("SPLIT", u8::from(split))
}

pub(super) fn input_program(outputs: usize, split: bool) -> Program {
    program!("winograd_input")
        .set("OUT", outputs)
        .set("BRANCH", 0)
        .set("SPLIT", u8::from(split))
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
            return cheapest(pass, s, f64::INFINITY, Tiling::multiplies);
        }
        let Costs {
            byte,
            launch,
            margin,
        } = costs(self.family(), self.on_units());
        let slowness = |primitive| {
            let tile = self
                .work(&primitive, DType::F32)
                .map(|work| self.tile(&work, None));
            tile.map_or(1.0, |tile| tile.slowness())
        };
        let defined = slowness(Primitive::Conv(pass, *s))
            * (s.n * s.oh * s.ow * 9) as f64
            * (s.c * s.o) as f64;
        cheapest(pass, s, margin * defined, |t| {
            let image = t.n * (t.h * t.w * t.c + t.oh * t.ow * t.o);
            let weights = (9 + 2 * t.places()) * t.c * t.o;
            // tiles and products are written once and read once, unless they stay in a core's cache
            let (tiles, launches) = match self.lanes_filter(t) {
                true => (0.0, 1.0),
                false => {
                    let tiles = (t.tiles() * t.places()) as f64 * (t.c + t.o) as f64;
                    (2.0 * tiles, MORE_LAUNCHES)
                }
            };
            let bytes = 4.0 * (image as f64 + tiles + weights as f64);
            let multiplies = slowness(Primitive::MatMul(product(t))) * t.multiplies();
            multiplies + bytes * byte + launches * launch
        })
    }

    /// Whether matrix units make the products, of two halves a factor.
    fn on_units(&self) -> bool {
        self.has_matrix_units() && matmul_precision() == MatmulPrecision::High
    }

    /// Whether an array can hold all transformed tiles, all products, all transformed weights.
    pub(super) fn has_room(&self, t: &Tiling) -> bool {
        let [places, tiles, c, o] = [t.places(), t.tiles(), t.c, t.o].map(|n| n as u64);
        self.holds(places * (tiles * c.max(o)).max(c * o))
    }

    /// A convolution's pass in tiles: its image and its weight, in the order of [`ConvPass`]. What lies between the transforms is f32, or for matrix
    /// units two halves of each number, in the same place.
    pub(super) fn in_tiles(
        &self,
        t: &Tiling,
        dtype: DType,
        inputs: [&GpuBuffer; 2],
        store: Store<'_>,
    ) -> Result<()> {
        let [x, weight] = inputs;
        let inner = Primitive::MatMul(product(t));
        let (plan, split) = match self.plan(&inner, DType::F32) {
            Some(Plan::Tiled(work, tile)) if self.on_units() => {
                (Some(Plan::Tiled(work.of_halves(), tile)), true)
            }
            plan => (plan, false),
        };
        let u = self.transformed(t, dtype, split, weight)?;
        let v = self.transformed_image(t, dtype, split, x)?;
        let m = match plan {
            Some(plan) => {
                let m = self.output(t.pass.name(), inner.output_len() * 4)?;
                self.carry_out(&plan, &inner, [&v, &u], Store::Plain(&m))?;
                m
            }
            None => self.run(&inner, DType::F32, &[&v, &u])?,
        };
        let pixels = Transform {
            lines: t.tiles(),
            channels: t.o,
        };
        let params = pixels.params(grid(t).chain([t.oh, t.ow].map(|n| n as u32)));
        let program = output_program(t.outputs, store.through());
        match store {
            Store::Plain(y) => self.transform(t, &program.to(dtype), &pixels, &params, [&m, y]),
            Store::Through(through) => {
                let (name, groups) = (t.pass.name(), pixels.groups());
                self.launch_through(name, &program, &[&m], params, groups, through)
            }
        }
    }

    /// The transformed weights, \[places, o, c\] in the terms of the forward pass.
    pub(super) fn transformed(
        &self,
        t: &Tiling,
        dtype: DType,
        split: bool,
        weight: &GpuBuffer,
    ) -> Result<GpuBuffer> {
        let back = t.pass == ConvPass::InputGrad;
        let program = weight_program(t.outputs, back, split).of(dtype);
        let form = format!("{} o={} c={}", program.key(), t.o, t.c);
        weight.in_form(form, || {
            let u = self.output(t.pass.name(), t.places() * t.o * t.c * 4)?;
            let [lines, channels] = if back { [t.c, t.o] } else { [t.o, t.c] };
            let weights = Transform { lines, channels };
            self.transform(t, &program, &weights, &weights.params([]), [weight, &u])?;
            Ok(u)
        })
    }

    /// The transformed tiles of an image, \[places, tiles, c\].
    fn transformed_image(
        &self,
        t: &Tiling,
        dtype: DType,
        split: bool,
        x: &GpuBuffer,
    ) -> Result<GpuBuffer> {
        let tiles = t.tiles();
        let v = self.output(t.pass.name(), t.places() * tiles * t.c * 4)?;
        let images = Transform {
            lines: tiles,
            channels: t.c,
        };
        let params = images.params(grid(t).chain([t.h, t.w, t.pad].map(|n| n as u32)));
        let program = input_program(t.outputs, split).of(dtype);
        self.transform(t, &program, &images, &params, [x, &v])?;
        Ok(v)
    }

    fn transform(
        &self,
        t: &Tiling,
        program: &Program,
        transform: &Transform,
        params: &[u32],
        [read, written]: [&GpuBuffer; 2],
    ) -> Result<()> {
        let launch = Launch {
            name: t.pass.name(),
            read: &[read],
            written: &[written],
            params,
            groups: transform.groups(),
        };
        self.launch(program, &launch)
    }
}

/// What the transforms must know to find a tile.
fn grid(t: &Tiling) -> impl Iterator<Item = u32> {
    let sides = [t.tw, t.th];
    let magics = sides.into_iter().flat_map(magic);
    magics.chain(sides.map(|n| n as u32))
}

/// What is multiplied for all places: transformed tiles \[places, tiles, c\] by transformed weights.
pub(super) fn product(t: &Tiling) -> MatMul {
    MatMul {
        batch: t.places(),
        m: t.tiles(),
        n: t.o,
        k: t.c,
        a_batched: true,
        b_batched: true,
        a_transposed: false,
        b_transposed: t.pass == ConvPass::Forward,
    }
}
