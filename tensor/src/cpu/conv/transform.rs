//! The transforms of Winograd's minimal filtering F(m×m, 3×3) (Lavin and Gray, "Fast Algorithms for
//! Convolutional Neural Networks", 2015, section 4): the three of `y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A`, and the adjoints of two of them for the
//! weight gradient.
//!
//! A vector register holds the same place of as many channels as it has lanes.

// Tiles are indexed by row and column, which iterators would only hide.
#![allow(clippy::needless_range_loop)]

use crate::cpu::real::Real;
use crate::cpu::simd::{Portable, Simd};
use crate::winograd::{FOUR, TWO};

/// Side of the largest input tile.
pub(super) const MAX_IN: usize = 6;
/// Side of the largest output tile.
pub(super) const MAX_OUT: usize = 4;

/// One-dimensional transforms; of the arrays only the first `IN` or `OUT` places count.
pub(super) trait Tile {
    /// m: outputs along one axis.
    const OUT: usize;
    /// m + 2: inputs along one axis.
    const IN: usize;
    /// `G g`
    ///
    /// # Safety
    /// The processor must have the instruction set `S`.
    unsafe fn weights<S: Simd>(g: [S::V; 3]) -> [S::V; MAX_IN];
    /// `Bᵀ d`
    ///
    /// # Safety
    /// As for `weights`.
    unsafe fn input<S: Simd>(d: [S::V; MAX_IN]) -> [S::V; MAX_IN];
    /// `Aᵀ m`
    ///
    /// # Safety
    /// As for `weights`.
    unsafe fn output<S: Simd>(m: [S::V; MAX_IN]) -> [S::V; MAX_OUT];
    /// `A g`, the adjoint of `output`
    ///
    /// # Safety
    /// As for `weights`.
    unsafe fn spread<S: Simd>(g: [S::V; MAX_OUT]) -> [S::V; MAX_IN];
    /// `Gᵀ m`, the adjoint of `weights`
    ///
    /// # Safety
    /// As for `weights`.
    unsafe fn collect<S: Simd>(m: [S::V; MAX_IN]) -> [S::V; 3];
}

/// F(2×2, 3×3): 16 products for 4 outputs, 2.25 times fewer than the definition; points 0, ±1, ∞.
pub(super) struct F2;
/// F(4×4, 3×3): 36 products for 16 outputs, 4 times fewer; points 0, ±√½, ±√2, ∞.
pub(super) struct F4;

impl Tile for F2 {
    const OUT: usize = TWO;
    const IN: usize = TWO + 2;
    #[inline(always)]
    unsafe fn weights<S: Simd>(g: [S::V; 3]) -> [S::V; MAX_IN] {
        // SAFETY: passed on to the caller.
        unsafe {
            let zero = S::splat(S::T::ZERO);
            let half = S::splat(S::T::from_f64(0.5));
            let ends = S::multiply_add(half, S::add(g[0], g[2]), zero);
            let middle = S::multiply_add(half, g[1], zero);
            let (sum, difference) = (S::add(ends, middle), S::subtract(ends, middle));
            [g[0], sum, difference, g[2], zero, zero]
        }
    }
    #[inline(always)]
    unsafe fn input<S: Simd>(d: [S::V; MAX_IN]) -> [S::V; MAX_IN] {
        // SAFETY: passed on to the caller.
        unsafe {
            let zero = S::splat(S::T::ZERO);
            [
                S::subtract(d[0], d[2]),
                S::add(d[1], d[2]),
                S::subtract(d[2], d[1]),
                S::subtract(d[1], d[3]),
                zero,
                zero,
            ]
        }
    }
    #[inline(always)]
    unsafe fn output<S: Simd>(m: [S::V; MAX_IN]) -> [S::V; MAX_OUT] {
        // SAFETY: passed on to the caller.
        unsafe {
            let zero = S::splat(S::T::ZERO);
            [
                S::add(m[0], S::add(m[1], m[2])),
                S::subtract(S::subtract(m[1], m[2]), m[3]),
                zero,
                zero,
            ]
        }
    }
    #[inline(always)]
    unsafe fn spread<S: Simd>(g: [S::V; MAX_OUT]) -> [S::V; MAX_IN] {
        // SAFETY: passed on to the caller.
        unsafe {
            let zero = S::splat(S::T::ZERO);
            let (sum, difference) = (S::add(g[0], g[1]), S::subtract(g[0], g[1]));
            [g[0], sum, difference, S::subtract(zero, g[1]), zero, zero]
        }
    }
    #[inline(always)]
    unsafe fn collect<S: Simd>(m: [S::V; MAX_IN]) -> [S::V; 3] {
        // SAFETY: passed on to the caller.
        unsafe {
            let zero = S::splat(S::T::ZERO);
            let half = S::splat(S::T::from_f64(0.5));
            let ends = S::multiply_add(half, S::add(m[1], m[2]), zero);
            let middle = S::multiply_add(half, S::subtract(m[1], m[2]), zero);
            [S::add(m[0], ends), middle, S::add(ends, m[3])]
        }
    }
}

/// √½ and √2: with these points the errors are about those of the definition; with the usual 1 and 2 six times as large.
const NEAR: f64 = std::f64::consts::FRAC_1_SQRT_2;
const FAR: f64 = std::f64::consts::SQRT_2;

impl Tile for F4 {
    const OUT: usize = FOUR;
    const IN: usize = FOUR + 2;
    #[inline(always)]
    unsafe fn weights<S: Simd>(g: [S::V; 3]) -> [S::V; MAX_IN] {
        // SAFETY: passed on to the caller.
        unsafe {
            let c = |x: f64| S::splat(S::T::from_f64(x));
            let product = |x: f64, v: S::V| S::multiply_add(c(x), v, c(0.0));
            let near = product(-2.0 / 3.0, S::multiply_add(c(0.5), g[2], g[0]));
            let near_odd = product(NEAR * -2.0 / 3.0, g[1]);
            let far = product(1.0 / 6.0, S::multiply_add(c(2.0), g[2], g[0]));
            let far_odd = product(FAR / 6.0, g[1]);
            [
                g[0],
                S::add(near, near_odd),
                S::subtract(near, near_odd),
                S::add(far, far_odd),
                S::subtract(far, far_odd),
                g[2],
            ]
        }
    }
    #[inline(always)]
    unsafe fn input<S: Simd>(d: [S::V; MAX_IN]) -> [S::V; MAX_IN] {
        // SAFETY: passed on to the caller.
        unsafe {
            let c = |x: f64| S::splat(S::T::from_f64(x));
            let near = S::multiply_add(c(-2.0), d[2], d[4]);
            let near_odd = S::multiply_add(c(-2.0), d[1], d[3]);
            let far = S::multiply_add(c(-0.5), d[2], d[4]);
            let far_odd = S::multiply_add(c(-0.5), d[1], d[3]);
            [
                S::multiply_add(c(-2.5), d[2], S::add(d[0], d[4])),
                S::multiply_add(c(NEAR), near_odd, near),
                S::multiply_add(c(-NEAR), near_odd, near),
                S::multiply_add(c(FAR), far_odd, far),
                S::multiply_add(c(-FAR), far_odd, far),
                S::multiply_add(c(-2.5), d[3], S::add(d[1], d[5])),
            ]
        }
    }
    #[inline(always)]
    unsafe fn output<S: Simd>(m: [S::V; MAX_IN]) -> [S::V; MAX_OUT] {
        // SAFETY: passed on to the caller.
        unsafe {
            let c = |x: f64| S::splat(S::T::from_f64(x));
            let zero = c(0.0);
            let (near, near_odd) = (S::add(m[1], m[2]), S::subtract(m[1], m[2]));
            let (far, far_odd) = (S::add(m[3], m[4]), S::subtract(m[3], m[4]));
            let product = |x: f64, v: S::V| S::multiply_add(c(x), v, zero);
            [
                S::add(m[0], S::add(near, far)),
                S::multiply_add(c(NEAR), near_odd, product(FAR, far_odd)),
                S::multiply_add(c(0.5), near, product(2.0, far)),
                S::multiply_add(
                    c(NEAR / 2.0),
                    near_odd,
                    S::multiply_add(c(2.0 * FAR), far_odd, m[5]),
                ),
            ]
        }
    }
    #[inline(always)]
    unsafe fn spread<S: Simd>(g: [S::V; MAX_OUT]) -> [S::V; MAX_IN] {
        // SAFETY: passed on to the caller.
        unsafe {
            let c = |x: f64| S::splat(S::T::from_f64(x));
            let near = S::multiply_add(c(0.5), g[2], g[0]);
            let near_odd = S::multiply_add(c(0.5), g[3], g[1]);
            let far = S::multiply_add(c(2.0), g[2], g[0]);
            let far_odd = S::multiply_add(c(2.0), g[3], g[1]);
            [
                g[0],
                S::multiply_add(c(NEAR), near_odd, near),
                S::multiply_add(c(-NEAR), near_odd, near),
                S::multiply_add(c(FAR), far_odd, far),
                S::multiply_add(c(-FAR), far_odd, far),
                g[3],
            ]
        }
    }
    #[inline(always)]
    unsafe fn collect<S: Simd>(m: [S::V; MAX_IN]) -> [S::V; 3] {
        // SAFETY: passed on to the caller.
        unsafe {
            let c = |x: f64| S::splat(S::T::from_f64(x));
            let product = |x: f64, v: S::V| S::multiply_add(c(x), v, c(0.0));
            let (near, near_odd) = (S::add(m[1], m[2]), S::subtract(m[1], m[2]));
            let (far, far_odd) = (S::add(m[3], m[4]), S::subtract(m[3], m[4]));
            let third = product(1.0 / 3.0, S::subtract(far, near));
            [
                S::multiply_add(
                    c(-2.0 / 3.0),
                    near,
                    S::multiply_add(c(1.0 / 6.0), far, m[0]),
                ),
                S::multiply_add(c(NEAR * -2.0 / 3.0), near_odd, product(FAR / 6.0, far_odd)),
                S::add(third, m[5]),
            ]
        }
    }
}

/// `G g Gᵀ` of `columns` filters, `g` being \[tap\]\[columns\]: one row of `columns` in each plane of `to`.
pub(super) type Weights<T> = unsafe fn(g: *const T, columns: usize, to: *mut T, plane: usize);
/// `Bᵀ d B` of one tile for all channels: `pixels` lead to the tile's pixels row by row; the result goes to
/// `to`, one plane of `plane` elements for each place.
pub(super) type Input<T> =
    unsafe fn(pixels: &[*const T; MAX_IN * MAX_IN], channels: usize, to: *mut T, plane: usize);
/// `Aᵀ m A` of one tile for all channels: `from` is planes as above; `pixels` lead to the output pixels row by row.
pub(super) type Output<T> =
    unsafe fn(from: *const T, plane: usize, channels: usize, pixels: &[*mut T; MAX_OUT * MAX_OUT]);

/// `A g Aᵀ` of one tile of cotangents for all channels: `pixels` lead to the output pixels row by row; the result as [`Input`]'s.
pub(super) type Spread<T> =
    unsafe fn(pixels: &[*const T; MAX_OUT * MAX_OUT], channels: usize, to: *mut T, plane: usize);
/// `Gᵀ m G` for `columns` weights: `from` is planes as above; to one row of weights for each tap, `row` elements apart.
pub(super) type Collect<T> =
    unsafe fn(from: *const T, plane: usize, columns: usize, to: *mut T, row: usize);

/// The transforms of one instruction set.
#[derive(Clone, Copy)]
pub(super) struct Transforms<T> {
    /// Numbers of channels must be multiples of this.
    pub lanes: usize,
    pub weights: Weights<T>,
    pub input: Input<T>,
    pub output: Output<T>,
    pub spread: Spread<T>,
    pub collect: Collect<T>,
}

/// A transform in two dimensions: `line` along every column of a tile, of `from` places a side, then along every row of what that gives, of `to`.
/// Places are counted row by row.
///
/// # Safety
/// The processor must have `S`.
#[inline(always)]
unsafe fn both_ways<S: Simd, const FROM: usize, const TO: usize>(
    [from, to]: [usize; 2],
    load: impl Fn(usize) -> S::V,
    line: impl Fn([S::V; FROM]) -> [S::V; TO],
    store: impl Fn(usize, S::V),
) {
    // SAFETY: passed on to the caller.
    let zero = unsafe { S::splat(S::T::ZERO) };
    let mut half = [[zero; FROM]; TO];
    for j in 0..from {
        let mut column = [zero; FROM];
        for i in 0..from {
            column[i] = load(i * from + j);
        }
        let column = line(column);
        for i in 0..to {
            half[i][j] = column[i];
        }
    }
    for i in 0..to {
        let row = line(half[i]);
        for j in 0..to {
            store(i * to + j, row[j]);
        }
    }
}

/// See [`Weights`].
///
/// # Safety
/// The processor must have `S`; `g` must hold nine rows of `columns`, a multiple of the lanes, and every plane of `to` one.
#[inline(always)]
unsafe fn weights<S: Simd, W: Tile>(g: *const S::T, columns: usize, to: *mut S::T, plane: usize) {
    // SAFETY: all offsets stay within what the caller promises.
    unsafe {
        for c in (0..columns).step_by(S::LANES) {
            both_ways::<S, 3, MAX_IN>(
                [3, W::IN],
                #[inline(always)]
                |i| S::load(g.add(i * columns + c)),
                #[inline(always)]
                |v| W::weights::<S>(v),
                #[inline(always)]
                |i, v| S::store(to.add(i * plane + c), v),
            );
        }
    }
}

/// See [`Input`].
///
/// # Safety
/// The processor must have `S`; the tile's pointers must lead to `channels` elements, a multiple of the lanes, `to`
/// to as many in each plane.
#[inline(always)]
unsafe fn input<S: Simd, W: Tile>(
    pixels: &[*const S::T; MAX_IN * MAX_IN],
    channels: usize,
    to: *mut S::T,
    plane: usize,
) {
    // SAFETY: all offsets stay within what the caller promises.
    unsafe {
        for c in (0..channels).step_by(S::LANES) {
            both_ways::<S, MAX_IN, MAX_IN>(
                [W::IN, W::IN],
                #[inline(always)]
                |i| S::load(pixels[i].add(c)),
                #[inline(always)]
                |v| W::input::<S>(v),
                #[inline(always)]
                |i, v| S::store(to.add(i * plane + c), v),
            );
        }
    }
}

/// See [`Output`].
///
/// # Safety
/// The processor must have `S`; every plane of `from` must hold `channels` elements, a multiple of the lanes, and the
/// tile's pointers lead to as many.
#[inline(always)]
unsafe fn output<S: Simd, W: Tile>(
    from: *const S::T,
    plane: usize,
    channels: usize,
    pixels: &[*mut S::T; MAX_OUT * MAX_OUT],
) {
    // SAFETY: all offsets stay within what the caller promises.
    unsafe {
        for c in (0..channels).step_by(S::LANES) {
            both_ways::<S, MAX_IN, MAX_OUT>(
                [W::IN, W::OUT],
                #[inline(always)]
                |i| S::load(from.add(i * plane + c)),
                #[inline(always)]
                |v| W::output::<S>(v),
                #[inline(always)]
                |i, v| S::store(pixels[i].add(c), v),
            );
        }
    }
}

/// See [`Spread`].
///
/// # Safety
/// As for [`input`], with the output tile's pointers.
#[inline(always)]
unsafe fn spread<S: Simd, W: Tile>(
    pixels: &[*const S::T; MAX_OUT * MAX_OUT],
    channels: usize,
    to: *mut S::T,
    plane: usize,
) {
    // SAFETY: all offsets stay within what the caller promises.
    unsafe {
        for c in (0..channels).step_by(S::LANES) {
            both_ways::<S, MAX_OUT, MAX_IN>(
                [W::OUT, W::IN],
                #[inline(always)]
                |i| S::load(pixels[i].add(c)),
                #[inline(always)]
                |v| W::spread::<S>(v),
                #[inline(always)]
                |i, v| S::store(to.add(i * plane + c), v),
            );
        }
    }
}

/// See [`Collect`].
///
/// # Safety
/// The processor must have `S`; every plane of `from` must hold `columns` elements, a multiple of the lanes, and so must nine rows of `to`.
#[inline(always)]
unsafe fn collect<S: Simd, W: Tile>(
    from: *const S::T,
    plane: usize,
    columns: usize,
    to: *mut S::T,
    row: usize,
) {
    // SAFETY: all offsets stay within what the caller promises.
    unsafe {
        for c in (0..columns).step_by(S::LANES) {
            both_ways::<S, MAX_IN, 3>(
                [W::IN, 3],
                #[inline(always)]
                |i| S::load(from.add(i * plane + c)),
                #[inline(always)]
                |v| W::collect::<S>(v),
                #[inline(always)]
                |i, v| S::store(to.add(i * row + c), v),
            );
        }
    }
}

/// Instantiates the transforms for an instruction set.
macro_rules! transforms {
    ($simd:ty, $tile:ty $(, $features:literal)?) => {{
        $(#[target_feature(enable = $features)])?
        unsafe fn weights_tile(g: *const f32, columns: usize, to: *mut f32, plane: usize) {
            // SAFETY: passed on to the caller.
            unsafe { weights::<$simd, $tile>(g, columns, to, plane) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn input_tile(
            pixels: &[*const f32; MAX_IN * MAX_IN],
            channels: usize,
            to: *mut f32,
            plane: usize,
        ) {
            // SAFETY: passed on to the caller.
            unsafe { input::<$simd, $tile>(pixels, channels, to, plane) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn output_tile(
            from: *const f32,
            plane: usize,
            channels: usize,
            pixels: &[*mut f32; MAX_OUT * MAX_OUT],
        ) {
            // SAFETY: passed on to the caller.
            unsafe { output::<$simd, $tile>(from, plane, channels, pixels) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn spread_tile(
            pixels: &[*const f32; MAX_OUT * MAX_OUT],
            channels: usize,
            to: *mut f32,
            plane: usize,
        ) {
            // SAFETY: passed on to the caller.
            unsafe { spread::<$simd, $tile>(pixels, channels, to, plane) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn collect_tile(from: *const f32, plane: usize, columns: usize, to: *mut f32, row: usize) {
            // SAFETY: passed on to the caller.
            unsafe { collect::<$simd, $tile>(from, plane, columns, to, row) }
        }
        Transforms {
            lanes: <$simd as Simd>::LANES,
            weights: weights_tile,
            input: input_tile,
            output: output_tile,
            spread: spread_tile,
            collect: collect_tile,
        }
    }};
}

/// Those that this processor has, widest registers first.
macro_rules! available {
    ($tile:ty) => {{
        let mut sets = [None; 4];
        #[cfg(target_arch = "x86_64")]
        {
            use crate::cpu::simd::{Avx2, Avx512};
            if is_x86_feature_detected!("avx512f") {
                sets[0] = Some(transforms!(Avx512<f32>, $tile, "avx512f"));
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets[1] = Some(transforms!(Avx2<f32>, $tile, "avx2,fma"));
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            use crate::cpu::simd::Neon;
            sets[2] = Some(transforms!(Neon<f32>, $tile));
        }
        sets[3] = Some(transforms!(Portable<f32>, $tile));
        sets.into_iter().flatten()
    }};
}

/// All that this processor has.
#[cfg(test)]
pub(super) fn every(outputs: usize) -> Vec<Transforms<f32>> {
    if outputs == FOUR {
        available!(F4).collect()
    } else {
        available!(F2).collect()
    }
}

/// The widest transforms that fit these numbers of channels.
pub(super) fn transforms(outputs: usize, channels: [usize; 2]) -> Option<Transforms<f32>> {
    let fits = |t: &Transforms<f32>| channels.iter().all(|c| c.is_multiple_of(t.lanes));
    if outputs == FOUR {
        available!(F4).find(fits)
    } else {
        available!(F2).find(fits)
    }
}
