//! Weight gradients of 3×3 convolutions of stride 1 by Winograd's minimal filtering: the adjoint with respect to the weight of what
//! [`super::winograd`] computes, `dw = Gᵀ[Σ_tiles (A g Aᵀ) ⊙ (Bᵀ d B)]G`. For each place of a tile the sum is a product of two
//! matrices.
//!
//! f32 only, as there.

use std::ops::Range;

use rayon::prelude::*;

use super::PARALLEL_MULTIPLIES;
use super::kernel::{Kernels, Run, kernels_f32};
use super::transform::{MAX_OUT, Transforms, transforms};
use super::winograd::{input_pixels, odd_lines, transform_cost};
use crate::Result;
use crate::cpu::memory::PoolVec;
use crate::primitive::{Conv2d, ConvPass};
use crate::winograd::{TWO, Tiling, cheapest};

const OP: &str = "conv2d_weight_grad";
/// Tiles that are transformed before they are multiplied: their places stay in the first-level cache one by one.
const BLOCK: usize = 32;
/// Sums that one task keeps in the second-level cache, roughly.
const TASK_SUMS: usize = 1 << 18;
/// Tasks that a large pass is cut into. Not the number of threads, on which results must not depend.
const TASKS: usize = 16;
/// Tasks that a small pass is cut into, even where they transform the same cotangents.
const FEWEST_TASKS: usize = 8;

/// How the pass is cut: into parts of the tiles times groups of input channels.
pub(super) struct Plan {
    tiling: Tiling,
    /// Their registers are at most as wide as the kernels', whose columns are whole registers of theirs.
    transforms: Transforms<f32>,
    kernels: Kernels<f32>,
    parts: usize,
    /// Input channels of a group: whole column tiles of the kernel.
    channels: usize,
}

impl Plan {
    /// How to compute the pass, if this is quicker than the definition.
    pub fn new(s: &Conv2d) -> Option<Plan> {
        // the tiles are those of the forward pass
        let pass = ConvPass::Forward;
        let t = Tiling::of(pass, s, TWO)?;
        let defined = t.tap_pixels() as f64 * (t.c * t.o) as f64;
        let kernels = kernels_f32(s.c);
        let tiling = cheapest(pass, s, defined, |t| {
            let (parts, channels) = cut(t, kernels.columns);
            let tiles = t.tiles() as f64 * (t.c + t.o * t.c.div_ceil(channels)) as f64;
            // those of a weight's sums as much as those of a channel's tile
            let weights = parts as f64 * (t.c * t.o) as f64;
            t.multiplies() + (tiles + weights) * transform_cost(t.outputs)
        })?;
        let (parts, channels) = cut(&tiling, kernels.columns);
        Some(Plan {
            tiling,
            transforms: transforms(tiling.outputs, [tiling.c, tiling.o])?,
            kernels,
            parts,
            channels,
        })
    }

    /// The cotangent of the weight for a cotangent g of y.
    pub fn run(&self, x: &[f32], g: &[f32]) -> Result<PoolVec<f32>> {
        let t = &self.tiling;
        let mut dw = PoolVec::uninit(OP, t.o * 9 * t.c)?;
        if dw.is_empty() {
            return Ok(dw);
        }
        let groups = t.c.div_ceil(self.channels);
        let zeros = PoolVec::filled(OP, t.c.max(t.o), 0.0)?;
        let tiles = t.tiles();
        let task = |i: usize| {
            let (part, group) = (i / groups, i % groups);
            let tiles = tiles * part / self.parts..tiles * (part + 1) / self.parts;
            let first = group * self.channels;
            self.task(tiles, first..t.c.min(first + self.channels), x, g, &zeros)
        };
        let tasks = 0..self.parts * groups;
        let partial: Vec<PoolVec<f32>> = if t.multiplies() >= PARALLEL_MULTIPLIES as f64 {
            tasks.into_par_iter().map(task).collect::<Result<_>>()?
        } else {
            tasks.map(task).collect::<Result<_>>()?
        };
        let sum = |(row, dw): (usize, &mut [f32])| {
            for (group, dw) in dw.chunks_mut(self.channels).enumerate() {
                let own = row * dw.len()..(row + 1) * dw.len();
                dw.copy_from_slice(&partial[group][own.clone()]);
                for part in 1..self.parts {
                    let sums = &partial[part * groups + group][own.clone()];
                    dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw += *sum);
                }
            }
        };
        if dw.len() * self.parts > 1 << 16 {
            dw.par_chunks_exact_mut(t.c).enumerate().for_each(sum);
        } else {
            dw.chunks_exact_mut(t.c).enumerate().for_each(sum);
        }
        Ok(dw)
    }

    /// What some tiles give to the weights of some input channels: \[output channel, tap, channel\].
    fn task(
        &self,
        tiles: Range<usize>,
        channels: Range<usize>,
        x: &[f32],
        g: &[f32],
        zeros: &[f32],
    ) -> Result<PoolVec<f32>> {
        let (t, kernels) = (&self.tiling, &self.kernels);
        let (rows, columns) = (kernels.rows, kernels.columns);
        let (o_tiles, c_tiles) = (t.o.div_ceil(rows), channels.len().div_ceil(columns));
        let places = t.places();
        // a row for each tile in a plane for each place; what lies behind the channels in a row is multiplied too, and left out
        let [d_row, g_row] = [c_tiles * columns, o_tiles * rows].map(odd_lines);
        let [d_plane, g_plane] = [d_row, g_row].map(|row| odd_lines(BLOCK * row));
        let mut d_planes = PoolVec::<f32>::uninit(OP, places * d_plane)?;
        let mut g_planes = PoolVec::<f32>::uninit(OP, places * g_plane)?;
        let mut sums = PoolVec::filled(OP, o_tiles * c_tiles * places * rows * columns, 0.0)?;
        for first in tiles.clone().step_by(BLOCK) {
            let block = first..tiles.end.min(first + BLOCK);
            for (i, tile) in block.clone().enumerate() {
                let pixels = input_pixels(t, tile, channels.start, x, zeros);
                let cotangents = self.cotangents(tile, g, zeros);
                // SAFETY: all pointers lead to the channels of a pixel or to as many zeros; `i` is below BLOCK, so that its row lies in
                // every plane. The transforms are those of this processor, and the channels a multiple of their lanes.
                unsafe {
                    let to = d_planes.as_mut_ptr().add(i * d_row);
                    (self.transforms.input)(&pixels, channels.len(), to, d_plane);
                    let to = g_planes.as_mut_ptr().add(i * g_row);
                    (self.transforms.spread)(&cotangents, t.o, to, g_plane);
                }
            }
            let run = [Run {
                g: 0,
                x: 0,
                len: block.len(),
            }];
            for place in 0..places {
                let d = &d_planes[place * d_plane..];
                let g = &g_planes[place * g_plane..];
                for o_tile in 0..o_tiles {
                    for c_tile in 0..c_tiles {
                        let at = ((o_tile * c_tiles + c_tile) * places + place) * rows * columns;
                        let sums = &mut sums[at..at + rows * columns];
                        let (g, d) = (&g[o_tile * rows..], &d[c_tile * columns..]);
                        // SAFETY: the planes have a row for each tile of the block; `sums` is a tile of the kernel, which is this processor's.
                        unsafe {
                            let row = [g_row, d_row];
                            (kernels.outer)(
                                &run,
                                row,
                                1,
                                g.as_ptr(),
                                d.as_ptr(),
                                sums.as_mut_ptr(),
                            );
                        }
                    }
                }
            }
        }
        let mut dw = PoolVec::uninit(OP, t.o * 9 * channels.len())?;
        for o in 0..t.o {
            for c_tile in 0..c_tiles {
                let tile = o / rows * c_tiles + c_tile;
                let from = &sums[(tile * places * rows + o % rows) * columns..];
                let first = c_tile * columns;
                let width = columns.min(channels.len() - first);
                let to = &mut dw[o * 9 * channels.len() + first..];
                // SAFETY: a row of `columns` sums for each place of the tile, and of `width` weights for each tap; both are multiples of the lanes.
                unsafe {
                    let plane = rows * columns;
                    (self.transforms.collect)(
                        from.as_ptr(),
                        plane,
                        width,
                        to.as_mut_ptr(),
                        channels.len(),
                    );
                }
            }
        }
        Ok(dw)
    }

    /// Where the cotangents of a tile's outputs are; those beyond the edge are zero.
    fn cotangents(&self, tile: usize, g: &[f32], zeros: &[f32]) -> [*const f32; MAX_OUT * MAX_OUT] {
        let t = &self.tiling;
        let [image, top, left] = t.corner(tile);
        let mut pixels = [zeros.as_ptr(); MAX_OUT * MAX_OUT];
        for (k, pixel) in pixels[..t.outputs * t.outputs].iter_mut().enumerate() {
            let (row, column) = (top + k / t.outputs, left + k % t.outputs);
            if row < t.oh && column < t.ow {
                *pixel = g[((image * t.oh + row) * t.ow + column) * t.o..].as_ptr();
            }
        }
        pixels
    }
}

/// Parts of the tiles, and input channels of a group, for a kernel of so many columns.
fn cut(t: &Tiling, columns: usize) -> (usize, usize) {
    let c_tiles = t.c.div_ceil(columns).max(1);
    let sums = t.places() * t.o * columns;
    let fit = (TASK_SUMS / sums.max(1)).clamp(1, c_tiles);
    let most_parts = t.tiles().div_ceil(BLOCK).max(1);
    let groups = c_tiles.div_ceil(fit);
    let wanted = FEWEST_TASKS.div_ceil(most_parts).min(c_tiles);
    let per_group = c_tiles.div_ceil(groups.max(wanted));
    let groups = c_tiles.div_ceil(per_group);
    let parts = TASKS.div_ceil(groups).min(most_parts);
    (parts, per_group * columns)
}

#[cfg(test)]
mod tests {
    use super::super::kernel::sets_f32;
    use super::super::transform::every;
    use super::super::weight_grad::weight_grad;
    use super::*;
    use crate::winograd::FOUR;

    /// The same numbers as f32 and f64.
    fn numbers(len: usize, seed: usize) -> (Vec<f32>, Vec<f64>) {
        let each = (0..len).map(|i| ((i * 7919 + seed) % 101) as f32 / 101.0 - 0.5);
        each.map(|x| (x, f64::from(x))).unzip()
    }

    /// Not only the instructions that are picked here: the others are for other processors. Tiles at the edges of images, columns and rows of the
    /// kernels that hang over, several groups and parts.
    #[test]
    fn every_instruction_set_agrees_with_the_definition_in_f64() {
        for (n, [h, w], [c, o], pad) in [
            (3, [7, 9], [48, 64], 1),
            (2, [12, 8], [112, 16], 0),
            (40, [4, 5], [16, 80], 2),
        ] {
            let [oh, ow] = [h, w].map(|len| len + 2 * pad - 2);
            #[rustfmt::skip]
            let s = Conv2d { n, h, w, c, o, kh: 3, kw: 3, stride: 1, pad, oh, ow };
            let (x, x64) = numbers(n * h * w * c, 1);
            let (g, g64) = numbers(n * oh * ow * o, 2);
            let want = weight_grad(&s, &x64, &g64).unwrap();
            let square: f64 = want.iter().map(|v| v * v).sum();
            let unit = (square / want.len() as f64).sqrt() * f64::from(f32::EPSILON);
            for outputs in [TWO, FOUR] {
                let tiling = Tiling::of(ConvPass::Forward, &s, outputs).unwrap();
                for transforms in every(outputs) {
                    // a kernel's registers are as wide at least
                    let lanes = transforms.lanes;
                    let whole = |k: &Kernels<f32>| k.columns.is_multiple_of(lanes);
                    for kernels in sets_f32().flatten().filter(whole) {
                        let (parts, channels) = cut(&tiling, kernels.columns);
                        let rows = kernels.rows;
                        let plan = Plan {
                            tiling,
                            transforms,
                            kernels,
                            parts,
                            channels,
                        };
                        let got = plan.run(&x, &g).unwrap();
                        let errors = got.iter().zip(&want[..]);
                        let errors = errors.map(|(got, want)| (f64::from(*got) - want).abs());
                        let worst = errors.fold(0.0, f64::max) / unit;
                        // 46 was the largest seen, without fused multiply-adds
                        assert!(worst < 69.0, "{s:?} F{outputs} {rows} rows: {worst}");
                    }
                }
            }
        }
    }
}
