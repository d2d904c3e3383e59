//! The two register-blocked inner loops of convolution.
//!
//! Both keep a tile of `rows × columns` sums in registers. In `gather` a row of the tile is one
//! output pixel, whose inputs are reached by one pointer for each tap of the kernel; in `outer`
//! a row is one output channel, and the loop runs over pixels.

// Tiles are indexed by row and vector, which iterators would only hide.
#![allow(clippy::needless_range_loop)]

use crate::cpu::simd::{Portable, Simd};

/// Rows of the largest tile.
pub(super) const MAX_ROWS: usize = 8;

/// Where the rows of a tile find the inputs that one tap of the kernel multiplies.
#[derive(Clone, Copy)]
pub(super) struct Tap<T> {
    /// For each row, `depth` contiguous elements.
    pub rows: [*const T; MAX_ROWS],
    /// Start of the tap's weights in the panel.
    pub weights: usize,
}

/// Pixels that are consecutive in both panels of a weight gradient.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// First pixel in the panel of cotangents.
    pub g: usize,
    /// First pixel in the panel of inputs.
    pub x: usize,
    pub len: usize,
}

/// `out[row][..columns] (+)= Σ_tap Σ_{k < depth} tap.rows[row][k] · panel[tap.weights + k·columns ..]`
pub(super) type Gather<T> =
    unsafe fn(taps: &[Tap<T>], depth: usize, panel: *const T, out: &[*mut T; MAX_ROWS]);

/// `sums[row·columns + j] += Σ_run Σ_{i < len} g[(run.g + i)·rows + row] · x[(run.x + i·step)·columns + j]`
pub(super) type Outer<T> =
    unsafe fn(runs: &[Run], step: usize, g: *const T, x: *const T, sums: *mut T);

/// The kernels of one tile size.
#[derive(Clone, Copy)]
pub(crate) struct Kernels<T> {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) gather: Gather<T>,
    pub(super) outer: Outer<T>,
}

/// See [`Gather`].
///
/// # Safety
/// The processor must have the instruction set `S`; the first `ROWS` pointers of every tap must
/// lead to `depth` elements, `panel` to what the taps use of it, `out` to a row of columns each.
#[inline(always)]
unsafe fn gather<S: Simd, const ROWS: usize, const VECTORS: usize>(
    taps: &[Tap<S::T>],
    depth: usize,
    panel: *const S::T,
    out: &[*mut S::T; MAX_ROWS],
) {
    // SAFETY: all offsets stay within what the caller promises.
    unsafe {
        let zero = S::splat(S::T::default());
        let mut sums = [[zero; VECTORS]; ROWS];
        for tap in taps {
            let mut weights = panel.add(tap.weights);
            for k in 0..depth {
                let mut b = [zero; VECTORS];
                for v in 0..VECTORS {
                    b[v] = S::load(weights.add(v * S::LANES));
                }
                for row in 0..ROWS {
                    let a = S::splat(*tap.rows[row].add(k));
                    for v in 0..VECTORS {
                        sums[row][v] = S::multiply_add(a, b[v], sums[row][v]);
                    }
                }
                weights = weights.add(VECTORS * S::LANES);
            }
        }
        for row in 0..ROWS {
            for v in 0..VECTORS {
                S::store(out[row].add(v * S::LANES), sums[row][v]);
            }
        }
    }
}

/// See [`Outer`].
///
/// # Safety
/// The processor must have the instruction set `S`; the pixels of all runs must lie in the
/// panels, and `sums` must hold a tile.
#[inline(always)]
unsafe fn outer<S: Simd, const ROWS: usize, const VECTORS: usize>(
    runs: &[Run],
    step: usize,
    g: *const S::T,
    x: *const S::T,
    sums: *mut S::T,
) {
    let columns = VECTORS * S::LANES;
    // SAFETY: all offsets stay within what the caller promises.
    unsafe {
        let zero = S::splat(S::T::default());
        let mut acc = [[zero; VECTORS]; ROWS];
        for row in 0..ROWS {
            for v in 0..VECTORS {
                acc[row][v] = S::load(sums.add(row * columns + v * S::LANES));
            }
        }
        for run in runs {
            let mut g = g.add(run.g * ROWS);
            let mut x = x.add(run.x * columns);
            for _ in 0..run.len {
                let mut b = [zero; VECTORS];
                for v in 0..VECTORS {
                    b[v] = S::load(x.add(v * S::LANES));
                }
                for row in 0..ROWS {
                    let a = S::splat(*g.add(row));
                    for v in 0..VECTORS {
                        acc[row][v] = S::multiply_add(a, b[v], acc[row][v]);
                    }
                }
                g = g.add(ROWS);
                x = x.add(step * columns);
            }
        }
        for row in 0..ROWS {
            for v in 0..VECTORS {
                S::store(sums.add(row * columns + v * S::LANES), acc[row][v]);
            }
        }
    }
}

/// Instantiates both kernels for an instruction set and a tile size.
macro_rules! kernels {
    ($simd:ty, $rows:literal x $vectors:literal $(, $features:literal)?) => {{
        $(#[target_feature(enable = $features)])?
        unsafe fn gather_tile(
            taps: &[Tap<<$simd as Simd>::T>],
            depth: usize,
            panel: *const <$simd as Simd>::T,
            out: &[*mut <$simd as Simd>::T; MAX_ROWS],
        ) {
            // SAFETY: passed on to the caller.
            unsafe { gather::<$simd, $rows, $vectors>(taps, depth, panel, out) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn outer_tile(
            runs: &[Run],
            step: usize,
            g: *const <$simd as Simd>::T,
            x: *const <$simd as Simd>::T,
            sums: *mut <$simd as Simd>::T,
        ) {
            // SAFETY: passed on to the caller.
            unsafe { outer::<$simd, $rows, $vectors>(runs, step, g, x, sums) }
        }
        Kernels {
            rows: $rows,
            columns: $vectors * <$simd as Simd>::LANES,
            gather: gather_tile,
            outer: outer_tile,
        }
    }};
}

/// Defines the function that picks the kernels for `n` columns on this processor.
///
/// Tile sizes: as many sums as hide the latency of multiply-add and leave registers for a row
/// of weights (16 registers with AVX2, 32 with AVX-512); one vector wide where few columns are.
macro_rules! pick {
    ($name:ident, $t:ty) => {
        pub(crate) fn $name(n: usize) -> Kernels<$t> {
            #[cfg(target_arch = "x86_64")]
            {
                use crate::cpu::simd::{Avx2, Avx512};
                if is_x86_feature_detected!("avx512f") {
                    return if n <= Avx512::<$t>::LANES {
                        kernels!(Avx512<$t>, 8 x 1, "avx512f")
                    } else {
                        kernels!(Avx512<$t>, 8 x 2, "avx512f")
                    };
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    return if n <= Avx2::<$t>::LANES {
                        kernels!(Avx2<$t>, 8 x 1, "avx2,fma")
                    } else {
                        kernels!(Avx2<$t>, 6 x 2, "avx2,fma")
                    };
                }
            }
            if n <= 4 {
                kernels!(Portable<$t>, 8 x 1)
            } else {
                kernels!(Portable<$t>, 4 x 2)
            }
        }
    };
}

pick!(kernels_f32, f32);
pick!(kernels_f64, f64);
