//! The two register-blocked inner loops of convolution.
//!
//! Both keep a tile of `rows × columns` sums in registers. In `gather` a row of the tile is one
//! output pixel, whose inputs are reached by one pointer for each tap of the kernel; in `outer`
//! a row is one output channel, and the loop runs over pixels, or over one place of many transformed tiles.

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

/// `sums[row·columns + j] += Σ_run Σ_{i < len} g[(run.g + i)·pixel[0] + row] · x[(run.x + i·step)·pixel[1] + j]`: a pixel
/// takes so many elements in each panel, `rows` and `columns` at the least.
pub(super) type Outer<T> =
    unsafe fn(runs: &[Run], pixel: [usize; 2], step: usize, g: *const T, x: *const T, sums: *mut T);

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
    pixel: [usize; 2],
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
            let mut g = g.add(run.g * pixel[0]);
            let mut x = x.add(run.x * pixel[1]);
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
                g = g.wrapping_add(pixel[0]);
                // after the last step not read, and perhaps further behind than one
                x = x.wrapping_add(step * pixel[1]);
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
            pixel: [usize; 2],
            step: usize,
            g: *const <$simd as Simd>::T,
            x: *const <$simd as Simd>::T,
            sums: *mut <$simd as Simd>::T,
        ) {
            // SAFETY: passed on to the caller.
            unsafe { outer::<$simd, $rows, $vectors>(runs, pixel, step, g, x, sums) }
        }
        Kernels {
            rows: $rows,
            columns: $vectors * <$simd as Simd>::LANES,
            gather: gather_tile,
            outer: outer_tile,
        }
    }};
}

/// Defines the tile sizes of each instruction set that this processor has, best first, as
/// \[one vector wide for few columns, the usual one\]; and the function that picks one.
///
/// As many sums as hide the latency of multiply-add and leave registers for a row of weights:
/// there are 16 registers with AVX2, 32 with AVX-512 and NEON.
macro_rules! pick {
    ($pick:ident, $sets:ident, $t:ty) => {
        pub(super) fn $sets() -> impl Iterator<Item = [Kernels<$t>; 2]> {
            let mut sets = [None; 4];
            #[cfg(target_arch = "x86_64")]
            {
                use crate::cpu::simd::{Avx2, Avx512};
                if is_x86_feature_detected!("avx512f") {
                    sets[0] = Some([
                        kernels!(Avx512<$t>, 8 x 1, "avx512f"),
                        kernels!(Avx512<$t>, 8 x 2, "avx512f"),
                    ]);
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    sets[1] = Some([
                        kernels!(Avx2<$t>, 8 x 1, "avx2,fma"),
                        kernels!(Avx2<$t>, 6 x 2, "avx2,fma"),
                    ]);
                }
            }
            #[cfg(target_arch = "aarch64")]
            {
                use crate::cpu::simd::Neon;
                sets[2] = Some([kernels!(Neon<$t>, 8 x 1), kernels!(Neon<$t>, 6 x 4)]);
            }
            sets[3] = Some([kernels!(Portable<$t>, 8 x 1), kernels!(Portable<$t>, 4 x 2)]);
            sets.into_iter().flatten()
        }

        /// The kernels of this processor for `n` columns.
        pub(crate) fn $pick(n: usize) -> Kernels<$t> {
            let portable = [kernels!(Portable<$t>, 8 x 1), kernels!(Portable<$t>, 4 x 2)];
            let [narrow, wide] = $sets().next().unwrap_or(portable);
            if n <= narrow.columns { narrow } else { wide }
        }
    };
}

pick!(kernels_f32, sets_f32, f32);
pick!(kernels_f64, sets_f64, f64);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::real::Real;

    /// Small integers, so that every order of adding gives the same.
    fn integers<T: Real>(len: usize) -> Vec<T> {
        (0..len)
            .map(|i| T::from_f64((i * 7 % 11) as f64 - 5.0))
            .collect()
    }

    fn check_gather<T: Real>(k: &Kernels<T>) {
        let (depth, taps) = (5, 3);
        let x: Vec<T> = integers(200);
        let panel: Vec<T> = integers(taps * depth * k.columns);
        let start = |row: usize, tap: usize| (row * 13 + tap * 29) % 190;
        let list: Vec<Tap<T>> = (0..taps)
            .map(|tap| Tap {
                rows: std::array::from_fn(|row| x[start(row, tap)..].as_ptr()),
                weights: tap * depth * k.columns,
            })
            .collect();
        let mut y = vec![T::ONE; MAX_ROWS * k.columns];
        let base = y.as_mut_ptr();
        let out = std::array::from_fn(|row| base.wrapping_add(row * k.columns));
        // SAFETY: every tap reads `depth` elements of `x` from below 190, and the panel; `out`
        // are rows of `y`.
        unsafe { (k.gather)(&list, depth, panel.as_ptr(), &out) };
        for row in 0..k.rows {
            for j in 0..k.columns {
                let mut want = T::ZERO;
                for tap in 0..taps {
                    for i in 0..depth {
                        let weight = panel[(tap * depth + i) * k.columns + j];
                        want += x[start(row, tap) + i] * weight;
                    }
                }
                assert_eq!(y[row * k.columns + j], want, "{} x {}", k.rows, k.columns);
            }
        }
        assert!(y[k.rows * k.columns..].iter().all(|y| *y == T::ONE));
    }

    fn check_outer<T: Real>(k: &Kernels<T>) {
        let (pixels, step) = (20, 2);
        let g: Vec<T> = integers(pixels * k.rows);
        let x: Vec<T> = integers(2 * pixels * k.columns);
        let runs = [(1, 3, 4), (7, 0, 1), (9, 12, 9)].map(|(g, x, len)| Run { g, x, len });
        let mut sums: Vec<T> = integers(k.rows * k.columns);
        let mut want = sums.clone();
        for run in runs {
            for i in 0..run.len {
                for row in 0..k.rows {
                    for j in 0..k.columns {
                        want[row * k.columns + j] +=
                            g[(run.g + i) * k.rows + row] * x[(run.x + i * step) * k.columns + j];
                    }
                }
            }
        }
        // SAFETY: the runs stay below 20 pixels of `g` and 40 of `x`.
        unsafe {
            (k.outer)(
                &runs,
                [k.rows, k.columns],
                step,
                g.as_ptr(),
                x.as_ptr(),
                sums.as_mut_ptr(),
            )
        };
        assert_eq!(sums, want, "{} x {}", k.rows, k.columns);
    }

    /// Not only the one that is picked here: the others are for other processors.
    #[test]
    fn every_instruction_set_gives_the_same() {
        for k in sets_f32().flatten() {
            check_gather(&k);
            check_outer(&k);
        }
        for k in sets_f64().flatten() {
            check_gather(&k);
            check_outer(&k);
        }
    }
}
