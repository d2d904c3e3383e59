//! 3×3 convolutions of stride 1 by Winograd's minimal filtering: transformed tiles of the image, for each
//! of their places one product with the transformed weights, and back ([`super::transform`]).
//!
//! f32 only: f64 is for checks and keeps to the definition. Against f64 (64 channels, uniform numbers, in units of rounding of the results' root
//! mean square) the largest error is 54 for F4 and 13 for F2, where the definition's sums have 41: `cpu/tests/conv.rs`.

use std::ops::Range;

use rayon::prelude::*;

use super::PARALLEL_MULTIPLIES;
use super::kernel::{Kernels, MAX_ROWS, Tap, kernels_f32};
use super::transform::{MAX_IN, MAX_OUT, Transforms, transforms};
use crate::Result;
use crate::cpu::epilogue::{Finish, Worker};
use crate::cpu::memory::PoolVec;
use crate::cpu::shared::Shared;
use crate::primitive::{Conv2d, ConvPass};
use crate::winograd::{FOUR, TWO, Tiling, cheapest};

/// Tiles of one task. More share each read of the weights; fewer stay in the second-level cache.
const TASK_TILES: usize = 32;
/// Up to this many tiles, all threads share each of the three phases; beyond, each takes tasks of its own.
const FEW_TILES: usize = 96;

/// What the transforms of one tile cost for each channel, in multiply-adds of the kernel.
pub(super) const fn transform_cost(outputs: usize) -> f64 {
    if outputs == FOUR { 300.0 } else { 110.0 }
}

/// A pass that this module computes: images \[n, h, w, c\] to \[n, oh, ow, o\].
pub(super) struct Plan {
    tiling: Tiling,
    transforms: Transforms<f32>,
    kernels: Kernels<f32>,
}

/// What one call works on.
struct Job<'a> {
    x: &'a [f32],
    /// As many as input channels.
    zeros: &'a [f32],
    /// The weight, as the pass is given it.
    weight: &'a [f32],
    sink: Sink<'a>,
}

/// Where the pixels go: into an array, or through a kernel.
#[derive(Clone, Copy)]
enum Sink<'a> {
    Plain(Shared<f32>),
    Through(&'a Finish<'a>),
}

/// A thread's way into the sink; through a kernel with room for the pixels of some lines of tiles, and an interpreter.
enum Writer<'a> {
    Plain(Shared<f32>),
    Through {
        finish: &'a Finish<'a>,
        pixels: PoolVec<f32>,
        worker: Worker<'a>,
    },
}

/// Memory of transformed tiles and their products.
struct Scratch {
    /// Own what `planes` leads to.
    _memory: [PoolVec<f32>; 2],
    planes: Planes,
}

/// Transformed tiles `v` and their products `m`: a plane for each place of the tile, in which each tile has a row.
struct Planes {
    v: Shared<f32>,
    m: Shared<f32>,
    v_plane: usize,
    m_plane: usize,
    /// Elements of a row of `m`: output channels, rounded up to whole tiles of the kernel.
    m_row: usize,
}

impl Plan {
    /// How to compute the pass, if this is quicker than the definition.
    pub fn new(pass: ConvPass, s: &Conv2d) -> Option<Plan> {
        let t = Tiling::of(pass, s, TWO)?;
        let defined = t.tap_pixels() as f64 * (t.c * t.o) as f64;
        let tiling = cheapest(pass, s, defined, |t| {
            let channels = t.tiles() as f64 * (t.c + t.o) as f64;
            let weights = (3 * t.places()) as f64 * (t.c * t.o) as f64;
            t.multiplies() + channels * transform_cost(t.outputs) + weights
        })?;
        Some(Plan {
            tiling,
            transforms: transforms(tiling.outputs, [tiling.c, tiling.o])?,
            kernels: kernels_f32(tiling.o),
        })
    }

    /// Column tiles of the kernel.
    fn panels(&self) -> usize {
        self.tiling.o.div_ceil(self.kernels.columns)
    }

    /// Elements from place to place of a transformed column tile, and of the whole.
    fn panel(&self) -> [usize; 2] {
        let plane = odd_lines(self.tiling.c * self.kernels.columns);
        [plane, self.tiling.places() * plane]
    }

    /// Transforms the weights of a column tile to `u`, \[place\]\[input channel\]\[columns of a tile\].
    fn weights(&self, weight: &[f32], p: usize, u: *mut f32) {
        let width = self.kernels.columns;
        let [plane, _] = self.panel();
        let first = p * width;
        let columns = width.min(self.tiling.o - first);
        // the weight is [columns, 3, 3, c] forward, and [c, 3, 3, columns] with the taps reversed backward
        let at = |column: usize, tap: usize, c: usize| match self.tiling.pass {
            ConvPass::Forward => (column * 9 + tap) * self.tiling.c + c,
            _ => (c * 9 + 8 - tap) * self.tiling.o + column,
        };
        let mut g = [0.0; 9 * MAX_WIDTH];
        for c in 0..self.tiling.c {
            for (tap, row) in g.chunks_exact_mut(width).take(9).enumerate() {
                for (j, g) in row[..columns].iter_mut().enumerate() {
                    *g = weight[at(first + j, tap, c)];
                }
            }
            // SAFETY: `g` holds nine rows; one row of `width` elements in each plane of `u`, which is this task's. The
            // transforms are those of this processor.
            unsafe {
                (self.transforms.weights)(g.as_ptr(), width, u.wrapping_add(c * width), plane)
            };
        }
    }

    /// The pass: images and weight to images.
    pub fn run(&self, x: &[f32], weight: &[f32]) -> Result<PoolVec<f32>> {
        let mut y = PoolVec::uninit(
            self.tiling.pass.name(),
            self.tiling.n * self.tiling.oh * self.tiling.ow * self.tiling.o,
        )?;
        self.run_into(x, weight, Sink::Plain(Shared(y.as_mut_ptr())))?;
        Ok(y)
    }

    /// The pass through a kernel into its outputs.
    pub fn run_through(&self, x: &[f32], weight: &[f32], finish: &Finish<'_>) -> Result<()> {
        self.run_into(x, weight, Sink::Through(finish))
    }

    fn run_into(&self, x: &[f32], weight: &[f32], sink: Sink<'_>) -> Result<()> {
        let tiles = self.tiling.tiles();
        if tiles * self.tiling.o == 0 {
            return Ok(());
        }
        let zeros = PoolVec::filled(self.tiling.pass.name(), self.tiling.c, 0.0)?;
        let job = Job {
            x,
            zeros: &zeros,
            weight,
            sink,
        };
        let parallel =
            tiles * self.tiling.places() * self.tiling.c * self.tiling.o >= PARALLEL_MULTIPLIES;
        if tiles <= FEW_TILES && parallel {
            self.by_phases(&job)
        } else {
            self.by_tasks(parallel, &job)
        }
    }

    fn by_phases(&self, job: &Job<'_>) -> Result<()> {
        let lines = self.tiling.n * self.tiling.th;
        let tiles = lines * self.tiling.tw;
        let scratch = self.scratch(tiles)?;
        let planes = &scratch.planes;
        (0..tiles)
            .into_par_iter()
            .with_min_len(2)
            .for_each(|t| self.transform_in(t..t + 1, 0, job, planes));
        // each column tile's weights are transformed and used while they are in the cache
        let [plane, panel] = self.panel();
        (0..self.panels()).into_par_iter().try_for_each_init(
            || PoolVec::uninit(self.tiling.pass.name(), panel),
            |u, p| {
                let u = u.as_mut().map_err(|e| e.clone())?.as_mut_ptr();
                self.weights(job.weight, p, u);
                for place in 0..self.tiling.places() {
                    self.multiply(tiles, place, p, u.wrapping_add(place * plane), planes);
                }
                Ok(())
            },
        )?;
        (0..lines).into_par_iter().try_for_each_init(
            || self.writer(job.sink, 1),
            |writer, line| {
                let writer = writer.as_mut().map_err(|e| e.clone())?;
                self.finish(line..line + 1, 0, planes, writer);
                Ok(())
            },
        )
    }

    fn by_tasks<'a>(&self, parallel: bool, job: &Job<'a>) -> Result<()> {
        let [plane, panel] = self.panel();
        let mut all = PoolVec::uninit(self.tiling.pass.name(), self.panels() * panel)?;
        let u = Shared(all.as_mut_ptr());
        let weights = |p: usize| self.weights(job.weight, p, u.at(p * panel));
        if parallel {
            (0..self.panels()).into_par_iter().for_each(weights);
        } else {
            (0..self.panels()).for_each(weights);
        }
        let lines = self.tiling.n * self.tiling.th;
        let per_task = (TASK_TILES / self.tiling.tw).clamp(1, lines);
        let start = || -> Result<(Scratch, Writer<'a>)> {
            Ok((
                self.scratch(per_task * self.tiling.tw)?,
                self.writer(job.sink, per_task)?,
            ))
        };
        let task = |state: &mut Result<(Scratch, Writer<'a>)>, i: usize| -> Result<()> {
            let (scratch, writer) = state.as_mut().map_err(|e| e.clone())?;
            let planes = &scratch.planes;
            let range = i * per_task..lines.min((i + 1) * per_task);
            let tiles = range.start * self.tiling.tw..range.end * self.tiling.tw;
            self.transform_in(tiles.clone(), tiles.start, job, planes);
            for place in 0..self.tiling.places() {
                for p in 0..self.panels() {
                    let u = u.at(p * panel + place * plane);
                    self.multiply(tiles.len(), place, p, u, planes);
                }
            }
            self.finish(range, tiles.start, planes, writer);
            Ok(())
        };
        let tasks = lines.div_ceil(per_task);
        if parallel {
            (0..tasks).into_par_iter().try_for_each_init(start, task)
        } else {
            let mut state = start();
            (0..tasks).try_for_each(|i| task(&mut state, i))
        }
    }

    /// What a thread needs to write up to `lines` lines of tiles.
    fn writer<'a>(&self, sink: Sink<'a>, lines: usize) -> Result<Writer<'a>> {
        Ok(match sink {
            Sink::Plain(y) => Writer::Plain(y),
            Sink::Through(finish) => {
                let len = lines * self.tiling.outputs * self.tiling.ow * self.tiling.o;
                Writer::Through {
                    finish,
                    pixels: PoolVec::uninit(self.tiling.pass.name(), len)?,
                    worker: finish.worker(),
                }
            }
        })
    }

    /// Turns the products of whole lines of tiles into pixels.
    fn finish(&self, lines: Range<usize>, origin: usize, from: &Planes, writer: &mut Writer<'_>) {
        let tiles = lines.start * self.tiling.tw..lines.end * self.tiling.tw;
        match writer {
            Writer::Plain(y) => self.transform_out(tiles, origin, from, *y),
            Writer::Through {
                finish,
                pixels,
                worker,
            } => {
                let start = self.line_start(lines.start);
                let len = self.line_start(lines.end) - start;
                let to = Shared(pixels.as_mut_ptr().wrapping_sub(start));
                self.transform_out(tiles, origin, from, to);
                // SAFETY: every line belongs to one task.
                unsafe { finish.run(worker, start, &pixels[..len]) };
            }
        }
    }

    /// The output element at which a line of tiles starts.
    fn line_start(&self, line: usize) -> usize {
        let row =
            line / self.tiling.th * self.tiling.oh + line % self.tiling.th * self.tiling.outputs;
        row * self.tiling.ow * self.tiling.o
    }

    fn scratch(&self, tiles: usize) -> Result<Scratch> {
        let m_row = self.panels() * self.kernels.columns;
        let v_plane = odd_lines(tiles * self.tiling.c);
        let m_plane = odd_lines(tiles.next_multiple_of(self.kernels.rows) * m_row);
        let mut v = PoolVec::uninit(self.tiling.pass.name(), self.tiling.places() * v_plane)?;
        let mut m = PoolVec::uninit(self.tiling.pass.name(), self.tiling.places() * m_plane)?;
        let planes = Planes {
            v: Shared(v.as_mut_ptr()),
            m: Shared(m.as_mut_ptr()),
            v_plane,
            m_plane,
            m_row,
        };
        Ok(Scratch {
            _memory: [v, m],
            planes,
        })
    }

    /// Transforms tiles of the image into the planes, where tile number `origin` is the first.
    fn transform_in(&self, tiles: Range<usize>, origin: usize, job: &Job<'_>, to: &Planes) {
        for tile in tiles {
            let pixels = input_pixels(&self.tiling, tile, 0, job.x, job.zeros);
            let at = to.v.at((tile - origin) * self.tiling.c);
            // SAFETY: all pointers lead to the `c` channels of a pixel or to as many zeros, and `at` to
            // this tile's row in every plane; the transforms are those of this processor.
            unsafe { (self.transforms.input)(&pixels, self.tiling.c, at, to.v_plane) };
        }
    }

    /// The products of the first `tiles` rows at one place with a column tile's transformed weights.
    fn multiply(&self, tiles: usize, place: usize, p: usize, u: *const f32, to: &Planes) {
        let v = to.v.at(place * to.v_plane);
        let m = to.m.at(place * to.m_plane + p * self.kernels.columns);
        for first in (0..tiles).step_by(self.kernels.rows) {
            // rows beyond the last tile repeat it; `m` has room for their results
            let row = |r: usize| (first + r).min(tiles - 1) * self.tiling.c;
            let tap = Tap {
                rows: std::array::from_fn(|r| v.wrapping_add(row(r)).cast_const()),
                weights: 0,
            };
            let out: [*mut f32; MAX_ROWS] =
                std::array::from_fn(|r| m.wrapping_add((first + r) * to.m_row));
            // SAFETY: rows of `v` that `transform_in` wrote, a plane of `c` rows that `weights` wrote, and
            // rows of `m`, of which the kernel uses its own number; the plane holds a multiple of that.
            unsafe { (self.kernels.gather)(&[tap], self.tiling.c, u, &out) };
        }
    }

    /// Transforms products back into output pixels.
    fn transform_out(&self, tiles: Range<usize>, origin: usize, from: &Planes, y: Shared<f32>) {
        let mut spare = [0.0; MAX_WIDTH];
        for tile in tiles {
            let [image, top, left] = self.tiling.corner(tile);
            let m = from.m.at((tile - origin) * from.m_row).cast_const();
            let whole = top + self.tiling.outputs <= self.tiling.oh
                && left + self.tiling.outputs <= self.tiling.ow;
            let pixel = |i: usize, j: usize| {
                y.at(
                    (((image * self.tiling.oh) + top + i) * self.tiling.ow + left + j)
                        * self.tiling.o,
                )
            };
            let mut pixels = [spare.as_mut_ptr(); MAX_OUT * MAX_OUT];
            let each = (0..self.tiling.outputs)
                .flat_map(|i| (0..self.tiling.outputs).map(move |j| (i, j)));
            if whole {
                for (i, j) in each {
                    pixels[i * self.tiling.outputs + j] = pixel(i, j);
                }
                // SAFETY: this tile's rows of all planes, and pixels of `o` channels that no other
                // task writes.
                unsafe { (self.transforms.output)(m, from.m_plane, self.tiling.o, &pixels) };
                continue;
            }
            // at the edge, register by register, so that what lies outside goes into a spare one
            let lanes = self.transforms.lanes;
            for c in (0..self.tiling.o).step_by(lanes) {
                for (i, j) in each.clone() {
                    if top + i < self.tiling.oh && left + j < self.tiling.ow {
                        pixels[i * self.tiling.outputs + j] = pixel(i, j).wrapping_add(c);
                    }
                }
                // SAFETY: as above, for one register of channels; `spare` holds one.
                unsafe {
                    (self.transforms.output)(m.wrapping_add(c), from.m_plane, lanes, &pixels);
                }
            }
        }
    }
}

/// Where the pixels of a tile's input are, row by row, from a channel on; in the padding, zeros.
pub(super) fn input_pixels(
    t: &Tiling,
    tile: usize,
    channel: usize,
    x: &[f32],
    zeros: &[f32],
) -> [*const f32; MAX_IN * MAX_IN] {
    let [image, top, left] = t.corner(tile);
    let mut pixels = [zeros.as_ptr(); MAX_IN * MAX_IN];
    for i in 0..t.inputs {
        // wraps above any height in the padding
        let row = (top + i).wrapping_sub(t.pad);
        if row >= t.h {
            continue;
        }
        let line = (image * t.h + row) * t.w;
        for j in 0..t.inputs {
            let column = (left + j).wrapping_sub(t.pad);
            if column < t.w {
                pixels[i * t.inputs + j] = x[(line + column) * t.c + channel..].as_ptr();
            }
        }
    }
    pixels
}

/// Elements from plane to plane: an odd number of cache lines, lest all planes fall into the same set of the cache.
pub(super) fn odd_lines(elements: usize) -> usize {
    (elements.div_ceil(16) | 1) * 16
}

/// Elements of the widest column tile or register.
const MAX_WIDTH: usize = 64;
