//! Weight gradient: `dw[o, tap, c] = Σ_pixel g[pixel, o] · x[at(pixel, tap), c]`.

use rayon::prelude::*;

use super::PARALLEL_MULTIPLIES;
use super::kernel::{Kernels, Run};
use crate::Result;
use crate::cpu::memory::PoolVec;
use crate::cpu::real::Real;
use crate::primitive::Conv2d;

const OP: &str = "conv2d_weight_grad";
/// Pixels of a block: their panel of one column tile stays in the first-level cache.
const BLOCK_PIXELS: usize = 192;
/// Sums that one task keeps in the second-level cache.
const TASK_SUMS: usize = 1 << 16;
/// Tasks that a large pass is cut into. Not the number of threads, on which results must not
/// depend.
const TASKS: usize = 16;

/// The cotangent of the weight for a cotangent g of y.
pub(super) fn weight_grad<T: Real>(s: &Conv2d, x: &[T], g: &[T]) -> Result<PoolVec<T>> {
    let taps = s.kh * s.kw;
    let mut dw = PoolVec::uninit(OP, s.o * taps * s.c)?;
    if dw.is_empty() {
        return Ok(dw);
    }
    let kernels = T::kernels(s.c);
    let plan = Plan::new(s, &kernels);
    let partial = plan.each(|i| plan.task(&kernels, i, x, g))?;
    // The sums of the parts, in order, from tiles to OHWI.
    let (rows, columns) = (kernels.rows, kernels.columns);
    let o_tiles = s.o.div_ceil(rows);
    let write = |(o, dw): (usize, &mut [T])| {
        for (tap, dw) in dw.chunks_mut(s.c).enumerate() {
            for (c_tile, dw) in dw.chunks_mut(columns).enumerate() {
                let (group, c_tile) = (c_tile / plan.tiles, c_tile % plan.tiles);
                let tile = (c_tile * o_tiles + o / rows) * taps + tap;
                let at = (tile * rows + o % rows) * columns;
                dw.copy_from_slice(&partial[group][at..at + dw.len()]);
                for part in 1..plan.parts {
                    let sums = &partial[part * plan.groups + group][at..at + dw.len()];
                    dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw += *sum);
                }
            }
        }
    };
    if dw.len() * plan.parts > 1 << 16 {
        dw.par_chunks_mut(taps * s.c).enumerate().for_each(write);
    } else {
        dw.chunks_mut(taps * s.c).enumerate().for_each(write);
    }
    Ok(dw)
}

/// How the work is cut: into parts of the pixels times groups of column tiles.
struct Plan<'a> {
    s: &'a Conv2d,
    /// Images and output rows of a block of pixels.
    images: usize,
    rows: usize,
    /// Pixels of a block are ordered with images innermost.
    image_minor: bool,
    blocks: usize,
    /// Parts of the blocks, of equal length but the last.
    parts: usize,
    blocks_per_part: usize,
    /// Groups of column tiles, and tiles of a group.
    groups: usize,
    tiles: usize,
}

impl<'a> Plan<'a> {
    fn new<T>(s: &'a Conv2d, kernels: &Kernels<T>) -> Self {
        let pixels = (s.oh * s.ow).max(1);
        let most = (BLOCK_PIXELS / pixels).clamp(1, s.n.max(1));
        let images = s.n.div_ceil(s.n.div_ceil(most).max(1)).max(1); // blocks of equal size
        let rows = (BLOCK_PIXELS / s.ow.max(1)).clamp(1, s.oh.max(1));
        let blocks = s.n.div_ceil(images) * s.oh.div_ceil(rows);
        let c_tiles = s.c.div_ceil(kernels.columns);
        let sums = s.o * s.kh * s.kw * kernels.columns;
        let most = if blocks < TASKS {
            c_tiles.div_ceil(TASKS / blocks.max(1))
        } else {
            c_tiles
        };
        let tiles = (TASK_SUMS / sums.max(1)).clamp(1, most.max(1));
        let groups = c_tiles.div_ceil(tiles);
        let parts = TASKS.div_ceil(groups).min(blocks).max(1);
        let blocks_per_part = blocks.div_ceil(parts).max(1);
        Plan {
            s,
            images,
            rows,
            image_minor: images > s.ow,
            blocks,
            parts: blocks.div_ceil(blocks_per_part).max(1),
            blocks_per_part,
            groups,
            tiles,
        }
    }

    /// Runs all tasks; number `part · groups + group`.
    fn each<R: Send>(&self, task: impl Fn(usize) -> Result<R> + Sync + Send) -> Result<Vec<R>> {
        let s = self.s;
        let tasks = self.parts * self.groups;
        let work = s.n * s.oh * s.ow * s.o * s.kh * s.kw * s.c;
        if work >= PARALLEL_MULTIPLIES {
            (0..tasks).into_par_iter().map(task).collect()
        } else {
            (0..tasks).map(task).collect()
        }
    }

    /// Sums \[column tile of the group, row tile, tap, rows, columns\] over a part of the blocks.
    fn task<T: Real>(
        &self,
        kernels: &Kernels<T>,
        number: usize,
        x: &[T],
        g: &[T],
    ) -> Result<PoolVec<T>> {
        let s = self.s;
        let (part, group) = (number / self.groups, number % self.groups);
        let taps = s.kh * s.kw;
        let o_tiles = s.o.div_ceil(kernels.rows);
        let tile = kernels.rows * kernels.columns;
        let first_tile = group * self.tiles;
        let tiles = self.tiles.min(s.c.div_ceil(kernels.columns) - first_tile);
        let mut sums = PoolVec::filled(OP, tiles * taps * o_tiles * tile, T::ZERO)?;
        // Aligned memory: a row of a panel is one or two cache lines, and must not straddle.
        let pixels = self.images * self.rows * s.ow;
        let in_rows = s.h.min((self.rows - 1) * s.stride + s.kh);
        let mut g_panel = PoolVec::uninit(OP, o_tiles * pixels * kernels.rows)?;
        let mut x_panel = PoolVec::uninit(OP, self.images * in_rows * s.w * kernels.columns)?;
        let mut runs = vec![];
        let start = part * self.blocks_per_part;
        for block in start..self.blocks.min(start + self.blocks_per_part) {
            let block = Block::new(self, block);
            block.pack_g(kernels.rows, g, &mut g_panel);
            block.find_runs(&mut runs);
            for c_tile in 0..tiles {
                let first = (first_tile + c_tile) * kernels.columns;
                block.pack_x(first, kernels.columns, x, &mut x_panel);
                for o_tile in 0..o_tiles {
                    let g = &g_panel[o_tile * block.pixels() * kernels.rows..];
                    for (tap, runs) in runs.iter().enumerate() {
                        let at = ((c_tile * o_tiles + o_tile) * taps + tap) * tile;
                        let sums = &mut sums[at..at + tile];
                        // SAFETY: `find_runs` stays within the pixels of the block, which the
                        // panels hold; `sums` is a tile; the kernels are this processor's.
                        unsafe {
                            (kernels.outer)(
                                runs,
                                [kernels.rows, kernels.columns],
                                if self.image_minor { 1 } else { s.stride },
                                g.as_ptr(),
                                x_panel.as_ptr(),
                                sums.as_mut_ptr(),
                            );
                        }
                    }
                }
            }
        }
        Ok(sums)
    }
}

/// Some images and output rows.
struct Block<'a> {
    s: &'a Conv2d,
    image_minor: bool,
    /// First image, and how many.
    image: usize,
    images: usize,
    /// First output row, and how many.
    row: usize,
    rows: usize,
    /// First input row that any tap reads, and how many.
    in_row: usize,
    in_rows: usize,
}

impl<'a> Block<'a> {
    fn new(plan: &Plan<'a>, number: usize) -> Self {
        let s = plan.s;
        let bands = s.oh.div_ceil(plan.rows);
        let image = number / bands * plan.images;
        let row = number % bands * plan.rows;
        let rows = plan.rows.min(s.oh - row);
        let in_row = (row * s.stride).saturating_sub(s.pad).min(s.h);
        let in_end = ((row + rows - 1) * s.stride + s.kh)
            .saturating_sub(s.pad)
            .min(s.h);
        Block {
            s,
            image_minor: plan.image_minor,
            image,
            images: plan.images.min(s.n - image),
            row,
            rows,
            in_row,
            in_rows: in_end.saturating_sub(in_row),
        }
    }

    fn pixels(&self) -> usize {
        self.images * self.rows * self.s.ow
    }

    /// Number of a pixel in a panel of `rows` × `cols` per image.
    fn number(&self, rows: usize, cols: usize, image: usize, row: usize, col: usize) -> usize {
        if self.image_minor {
            (row * cols + col) * self.images + image
        } else {
            (image * rows + row) * cols + col
        }
    }

    /// The cotangents as \[row tile, pixel, rows\].
    fn pack_g<T: Real>(&self, width: usize, g: &[T], panel: &mut [T]) {
        let s = self.s;
        let tile = self.pixels() * width;
        for image in 0..self.images {
            for row in 0..self.rows {
                let from = ((self.image + image) * s.oh + self.row + row) * s.ow * s.o;
                let to = self.number(self.rows, s.ow, image, row, 0) * width;
                let step = if self.image_minor { self.images } else { 1 } * width;
                pack(
                    width,
                    &g[from..][..s.ow * s.o],
                    s.o,
                    &mut panel[to..],
                    step,
                    tile,
                );
            }
        }
    }

    /// The columns `first .. first + width` of the inputs as \[input pixel, columns\].
    fn pack_x<T: Real>(&self, first: usize, width: usize, x: &[T], panel: &mut [T]) {
        let s = self.s;
        if s.w == 0 {
            return;
        }
        let whole = width.min(s.c - first);
        for image in 0..self.images {
            for row in 0..self.in_rows {
                let from = ((self.image + image) * s.h + self.in_row + row) * s.w * s.c;
                let to = self.number(self.in_rows, s.w, image, row, 0) * width;
                let step = if self.image_minor { self.images } else { 1 } * width;
                let pixels = x[from..][..s.w * s.c].chunks_exact(s.c);
                for (pixel, to) in pixels.zip(panel[to..].chunks_mut(step)) {
                    to[..whole].copy_from_slice(&pixel[first..first + whole]);
                    to[whole..width].fill(T::ZERO);
                }
            }
        }
    }

    /// For each tap, the pixels for which it reads something.
    fn find_runs(&self, runs: &mut Vec<Vec<Run>>) {
        let s = self.s;
        runs.resize(s.kh * s.kw, vec![]);
        for (tap, runs) in runs.iter_mut().enumerate() {
            let (di, dj) = (tap / s.kw, tap % s.kw);
            runs.clear();
            // output columns for which the tap reads inside the image
            let left = s.pad.saturating_sub(dj).div_ceil(s.stride).min(s.ow);
            let right = (s.w + s.pad)
                .saturating_sub(dj)
                .div_ceil(s.stride)
                .min(s.ow);
            for row in 0..self.rows {
                let h = ((self.row + row) * s.stride + di).wrapping_sub(s.pad);
                if h >= s.h || left >= right {
                    continue;
                }
                let mut push = |image, col, len| {
                    let w = col * s.stride + dj - s.pad;
                    runs.push(Run {
                        g: self.number(self.rows, s.ow, image, row, col),
                        x: self.number(self.in_rows, s.w, image, h - self.in_row, w),
                        len,
                    });
                };
                if self.image_minor && s.stride == 1 {
                    push(0, left, (right - left) * self.images);
                } else if self.image_minor {
                    (left..right).for_each(|col| push(0, col, self.images));
                } else {
                    (0..self.images).for_each(|image| push(image, left, right - left));
                }
            }
        }
    }
}

/// Copies pixels of `channels` into tiles of `width` rows: the tiles of a pixel are `tile`
/// apart and those of its neighbour `step` further on.
fn pack<T: Real>(
    width: usize,
    from: &[T],
    channels: usize,
    to: &mut [T],
    step: usize,
    tile: usize,
) {
    match width {
        // a length known to the compiler makes each copy a move or two
        4 => pack_width::<T, 4>(from, channels, to, step, tile),
        6 => pack_width::<T, 6>(from, channels, to, step, tile),
        8 => pack_width::<T, 8>(from, channels, to, step, tile),
        _ => unreachable!("no kernel has {width} rows"),
    }
}

fn pack_width<T: Real, const WIDTH: usize>(
    from: &[T],
    channels: usize,
    to: &mut [T],
    step: usize,
    tile: usize,
) {
    for (i, pixel) in from.chunks_exact(channels).enumerate() {
        let (whole, rest) = pixel.as_chunks::<WIDTH>();
        for (j, rows) in whole.iter().enumerate() {
            to[i * step + j * tile..][..WIDTH].copy_from_slice(rows);
        }
        if !rest.is_empty() {
            let to = &mut to[i * step + whole.len() * tile..][..WIDTH];
            to[..rest.len()].copy_from_slice(rest);
            to[rest.len()..].fill(T::ZERO);
        }
    }
}
