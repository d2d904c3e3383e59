//! Forward pass and input gradient: `y[pixel, :] = Σ_tap x[at(pixel, tap), :] · weight[tap]`.

use rayon::prelude::*;

use super::PARALLEL_MULTIPLIES;
use super::kernel::{Kernels, MAX_ROWS, Tap};
use super::order::{Order, Pixel};
use crate::Result;
use crate::cpu::memory::PoolVec;
use crate::cpu::real::Real;
use crate::cpu::shared::Shared;
use crate::primitive::Conv2d;

/// Tiles that one task computes; they share each panel of weights while it is in the cache.
const TILES: usize = 8;
/// Input elements of a group of images that are walked together, position by position.
const GROUP_ELEMENTS: usize = 1 << 17;

/// Marks a tap that reads nothing: stays above any offset when another one is added.
const NONE: usize = usize::MAX / 4;

/// `y = x * weight`.
pub(super) fn forward<T: Real>(s: &Conv2d, x: &[T], weight: &[T]) -> Result<PoolVec<T>> {
    let axis = |out: usize, len: usize, taps: usize, pitch: usize| {
        Axis::new(out, len, taps, pitch, |i, tap| {
            (i * s.stride + tap).checked_sub(s.pad)
        })
    };
    let taps = s.kh * s.kw;
    let pass = Pass {
        op: "conv2d",
        images: s.n,
        rows: axis(s.oh, s.h, s.kh, s.w * s.c),
        cols: axis(s.ow, s.w, s.kw, s.c),
        depth: s.c,
        pitch: s.c,
        columns: s.o,
        period: 1,
    };
    pass.run(x, |o, tap, c| weight[(o * taps + tap) * s.c + c])
}

/// The cotangent of x for a cotangent g of y: every input pixel gathers the output pixels whose
/// windows hold it.
pub(super) fn input_grad<T: Real>(s: &Conv2d, g: &[T], weight: &[T]) -> Result<PoolVec<T>> {
    let axis = |out: usize, len: usize, taps: usize, pitch: usize| {
        Axis::new(out, len, taps, pitch, |i, tap| {
            let from = (i + s.pad).checked_sub(tap)?;
            from.is_multiple_of(s.stride).then_some(from / s.stride)
        })
    };
    let taps = s.kh * s.kw;
    let pass = Pass {
        op: "conv2d_input_grad",
        images: s.n,
        rows: axis(s.h, s.oh, s.kh, s.ow * s.o),
        cols: axis(s.w, s.ow, s.kw, s.o),
        depth: s.o,
        pitch: s.o,
        columns: s.c,
        period: s.stride,
    };
    pass.run(g, |c, tap, o| weight[(o * taps + tap) * s.c + c])
}

/// Where the taps of each output position read, along one axis.
pub(super) struct Axis {
    out: usize,
    len: usize,
    taps: usize,
    /// \[out, taps\], in elements of the input; `NONE` for a tap that falls outside.
    at: Vec<usize>,
}

impl Axis {
    pub fn new(
        out: usize,
        len: usize,
        taps: usize,
        pitch: usize,
        at: impl Fn(usize, usize) -> Option<usize>,
    ) -> Self {
        let at = (0..out * taps)
            .map(|i| at(i / taps, i % taps))
            .map(|p| p.filter(|p| *p < len).map_or(NONE, |p| p * pitch))
            .collect();
        Axis { out, len, taps, at }
    }
}

/// A pass over the pixels of an output \[images, rows.out, cols.out, columns\] that reads an
/// input \[images, rows.len, cols.len, depth\].
pub(super) struct Pass {
    pub op: &'static str,
    pub images: usize,
    pub rows: Axis,
    pub cols: Axis,
    /// Elements of a tap, and from one input pixel to the next.
    pub depth: usize,
    pub pitch: usize,
    pub columns: usize,
    /// Columns this far apart use the same taps.
    pub period: usize,
}

impl Pass {
    /// `weight(column, tap, k)` is read once for each weight.
    pub fn run<T: Real>(
        &self,
        x: &[T],
        weight: impl Fn(usize, usize, usize) -> T + Sync,
    ) -> Result<PoolVec<T>> {
        let pixels = self.images * self.rows.out * self.cols.out;
        let mut y = PoolVec::uninit(self.op, pixels * self.columns)?;
        if y.is_empty() {
            return Ok(y);
        }
        let kernels = T::kernels(self.columns);
        let taps = self.rows.taps * self.cols.taps;
        let work = pixels * self.columns * taps * self.depth;
        let parallel = work >= PARALLEL_MULTIPLIES;
        let panels = self.pack(&kernels, parallel, weight)?;
        let zeros = PoolVec::filled(self.op, self.depth, T::ZERO)?;
        let order = self.order(kernels.rows);
        let output = Shared(y.as_mut_ptr());
        let tiles = pixels.div_ceil(kernels.rows);
        let per_task = TILES.min(tiles.div_ceil(16));
        let task = |scratch: &mut Scratch<T>, i: usize| {
            let from = i * per_task * kernels.rows;
            let to = pixels.min(from + per_task * kernels.rows);
            self.compute(
                &kernels,
                &order,
                from..to,
                x,
                &zeros,
                &panels,
                &output,
                scratch,
            );
        };
        let tasks = tiles.div_ceil(per_task);
        if parallel {
            (0..tasks)
                .into_par_iter()
                .for_each_init(Scratch::default, task);
        } else {
            let mut scratch = Scratch::default();
            (0..tasks).for_each(|i| task(&mut scratch, i));
        }
        Ok(y)
    }

    /// The weights as \[column tile, tap, depth, columns of a tile\], zeros beyond the last column.
    fn pack<T: Real>(
        &self,
        kernels: &Kernels<T>,
        parallel: bool,
        weight: impl Fn(usize, usize, usize) -> T + Sync,
    ) -> Result<PoolVec<T>> {
        let (taps, width) = (self.rows.taps * self.cols.taps, kernels.columns);
        let tiles = self.columns.div_ceil(width);
        let mut panels = PoolVec::uninit(self.op, tiles * taps * self.depth * width)?;
        if panels.is_empty() {
            return Ok(panels);
        }
        let pack = |(i, panel): (usize, &mut [T])| {
            let (first, tap) = (i / taps * width, i % taps);
            let whole = width.min(self.columns - first);
            for (k, row) in panel.chunks_exact_mut(width).enumerate() {
                for (j, w) in row[..whole].iter_mut().enumerate() {
                    *w = weight(first + j, tap, k);
                }
                row[whole..].fill(T::ZERO);
            }
        };
        if parallel && panels.len() > 1 << 15 {
            (panels.par_chunks_mut(self.depth * width).enumerate()).for_each(pack);
        } else {
            (panels.chunks_mut(self.depth * width).enumerate()).for_each(pack);
        }
        Ok(panels)
    }

    /// The order in which pixels are put into tiles.
    fn order(&self, tile_rows: usize) -> Order {
        let image = self.rows.len * self.cols.len * self.pitch;
        let fit = GROUP_ELEMENTS / image.max(1);
        let group = if fit < tile_rows || self.images < tile_rows {
            1
        } else {
            self.images.div_ceil(self.images.div_ceil(fit))
        };
        let mut cols: Vec<usize> = (0..self.cols.out).collect();
        cols.sort_by_key(|j| j % self.period);
        Order {
            images: self.images,
            rows: self.rows.out,
            group,
            cols,
        }
    }

    /// Computes the pixels `range` of `order`.
    #[allow(clippy::too_many_arguments)]
    fn compute<T: Real>(
        &self,
        kernels: &Kernels<T>,
        order: &Order,
        range: std::ops::Range<usize>,
        x: &[T],
        zeros: &[T],
        panels: &[T],
        output: &Shared<T>,
        scratch: &mut Scratch<T>,
    ) {
        let taps = self.rows.taps * self.cols.taps;
        let width = kernels.columns;
        let panel_len = taps * self.depth * width;
        scratch.spare.resize(MAX_ROWS * width, T::ZERO);
        scratch.taps.clear();
        scratch.tiles.clear();
        let mut order = order.from(range.start);
        for first in range.clone().step_by(kernels.rows) {
            let rows = kernels.rows.min(range.end - first);
            let mut pixels = [Pixel::default(); MAX_ROWS];
            for pixel in &mut pixels[..rows] {
                *pixel = order.next();
            }
            let start = scratch.taps.len();
            self.find_taps(&pixels[..rows], width, x, zeros, &mut scratch.taps);
            let out = pixels.map(|p| {
                ((p.image * self.rows.out + p.row) * self.cols.out + p.col) * self.columns
            });
            scratch.tiles.push(Tile {
                rows,
                taps: start..scratch.taps.len(),
                out,
            });
        }
        for first in (0..self.columns).step_by(width) {
            let panel = panels[first / width * panel_len..].as_ptr();
            let whole = width.min(self.columns - first);
            let spare = scratch.spare.as_mut_ptr();
            for tile in &scratch.tiles {
                let mut out = [spare; MAX_ROWS];
                for (row, out) in out.iter_mut().enumerate() {
                    // SAFETY: a row of `spare`, or a pixel of the output at which `whole`
                    // columns are left.
                    *out = unsafe {
                        if row < tile.rows && whole == width {
                            output.at(tile.out[row] + first)
                        } else {
                            spare.add(row * width)
                        }
                    };
                }
                // SAFETY: `find_taps` made pointers to `depth` elements of `x` or `zeros`; the
                // panel holds all taps; `out` was made just above. The kernels are those of
                // this processor.
                unsafe {
                    (kernels.gather)(&scratch.taps[tile.taps.clone()], self.depth, panel, &out);
                }
                if whole < width {
                    for row in 0..tile.rows {
                        // SAFETY: `whole` columns are left at this pixel, which no other task
                        // writes.
                        unsafe {
                            let to = output.at(tile.out[row] + first);
                            std::ptr::copy_nonoverlapping(spare.add(row * width), to, whole);
                        }
                    }
                }
            }
        }
    }

    /// Appends the taps that read something for any of the pixels of a tile.
    fn find_taps<T: Real>(
        &self,
        pixels: &[Pixel],
        width: usize,
        x: &[T],
        zeros: &[T],
        taps: &mut Vec<Tap<T>>,
    ) {
        let image = self.rows.len * self.cols.len * self.pitch;
        let (kh, kw) = (self.rows.taps, self.cols.taps);
        for di in 0..kh {
            let mut row_at = [NONE; MAX_ROWS];
            for (at, p) in row_at.iter_mut().zip(pixels) {
                *at = p.image * image + self.rows.at[p.row * kh + di];
            }
            for dj in 0..kw {
                let mut rows = [zeros.as_ptr(); MAX_ROWS];
                let mut any = false;
                for (i, p) in pixels.iter().enumerate() {
                    let at = row_at[i] + self.cols.at[p.col * kw + dj];
                    if at < NONE {
                        rows[i] = x[at..].as_ptr();
                        any = true;
                    }
                }
                if any {
                    let weights = (di * kw + dj) * self.depth * width;
                    taps.push(Tap { rows, weights });
                }
            }
        }
    }
}

struct Tile {
    /// Pixels in use.
    rows: usize,
    /// Where its taps are in the scratch space.
    taps: std::ops::Range<usize>,
    /// Start of each pixel in the output.
    out: [usize; MAX_ROWS],
}

struct Scratch<T> {
    taps: Vec<Tap<T>>,
    tiles: Vec<Tile>,
    /// Takes the rows and columns of a tile that are outside the output.
    spare: Vec<T>,
}

impl<T> Default for Scratch<T> {
    fn default() -> Self {
        Scratch {
            taps: vec![],
            tiles: vec![],
            spare: vec![],
        }
    }
}
