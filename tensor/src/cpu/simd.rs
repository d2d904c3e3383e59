//! Vector instructions behind one trait, so that a micro-kernel is written once.

use super::real::Real;

/// Runs `f`, whose loops become instructions for the widest registers that this processor has: the same operations, and so the same
/// results. Only what is inlined into `f` does: a closure marked `#[inline(always)]`, and functions that are.
#[inline(always)]
pub(super) fn widest<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor has the instructions.
        return unsafe { with_avx512(f) };
    } else if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the instructions.
        return unsafe { with_avx2(f) };
    }
    f()
}

/// # Safety
/// The processor must have AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn with_avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// # Safety
/// The processor must have AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn with_avx512<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// A vector register of `LANES` elements and the instructions that the kernels need.
///
/// # Safety
/// The methods may only run on a processor that has the instruction set; they are inlined into
/// functions that enable it.
pub(super) unsafe trait Simd {
    type T: Real;
    type V: Copy;
    const LANES: usize;
    /// All lanes `x`.
    unsafe fn splat(x: Self::T) -> Self::V;
    /// Reads `LANES` elements, of any alignment.
    unsafe fn load(from: *const Self::T) -> Self::V;
    /// Writes `LANES` elements, of any alignment.
    unsafe fn store(to: *mut Self::T, v: Self::V);
    /// `a · b + c`.
    unsafe fn multiply_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a + b`.
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a − b`.
    unsafe fn subtract(a: Self::V, b: Self::V) -> Self::V;
}

/// What the compiler makes of arrays, on any processor: SSE2 on x86-64.
pub(super) struct Portable<T>(std::marker::PhantomData<T>);

// SAFETY: no instruction set is needed beyond the target's own.
unsafe impl<T: Real> Simd for Portable<T> {
    type T = T;
    type V = [T; 4];
    const LANES: usize = 4;
    #[inline(always)]
    unsafe fn splat(x: T) -> [T; 4] {
        [x; 4]
    }
    #[inline(always)]
    unsafe fn load(from: *const T) -> [T; 4] {
        // SAFETY: the caller passes a pointer to `LANES` readable elements.
        unsafe { from.cast::<[T; 4]>().read() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut T, v: [T; 4]) {
        // SAFETY: the caller passes a pointer to `LANES` writable elements.
        unsafe { to.cast::<[T; 4]>().write(v) }
    }
    #[inline(always)]
    unsafe fn multiply_add(a: [T; 4], b: [T; 4], c: [T; 4]) -> [T; 4] {
        let mut y = c;
        for lane in 0..4 {
            y[lane] = a[lane].multiply_add(b[lane], c[lane]);
        }
        y
    }
    #[inline(always)]
    unsafe fn add(a: [T; 4], b: [T; 4]) -> [T; 4] {
        std::array::from_fn(|lane| a[lane] + b[lane])
    }
    #[inline(always)]
    unsafe fn subtract(a: [T; 4], b: [T; 4]) -> [T; 4] {
        std::array::from_fn(|lane| a[lane] - b[lane])
    }
}

/// 256-bit registers with fused multiply-add (x86-64-v3).
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx2<T>(std::marker::PhantomData<T>);
/// 512-bit registers (x86-64-v4).
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx512<T>(std::marker::PhantomData<T>);
/// 128-bit registers, of which every AArch64 has 32, with fused multiply-add.
#[cfg(target_arch = "aarch64")]
pub(super) struct Neon<T>(std::marker::PhantomData<T>);

/// The intrinsics of AArch64, with x86's order of operands.
#[cfg(target_arch = "aarch64")]
mod neon {
    pub(super) use std::arch::aarch64::*;

    /// `a · b + c`.
    #[inline(always)]
    pub(super) unsafe fn fused_f32(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: every AArch64 has the instruction.
        unsafe { vfmaq_f32(c, a, b) }
    }

    /// `a · b + c`.
    #[inline(always)]
    pub(super) unsafe fn fused_f64(a: float64x2_t, b: float64x2_t, c: float64x2_t) -> float64x2_t {
        // SAFETY: every AArch64 has the instruction.
        unsafe { vfmaq_f64(c, a, b) }
    }
}
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64 as x86;

/// An instruction set by the names that its intrinsics have in a module.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! simd {
    ($isa:ident, $t:ty, $arch:ident::$v:ident, $lanes:literal, $splat:ident, $load:ident, $store:ident, $fma:ident, $add:ident, $sub:ident) => {
        // SAFETY: the methods are the instructions they are named after.
        unsafe impl Simd for $isa<$t> {
            type T = $t;
            type V = $arch::$v;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn splat(x: $t) -> Self::V {
                // SAFETY: the caller enables the instruction set.
                unsafe { $arch::$splat(x) }
            }
            #[inline(always)]
            unsafe fn load(from: *const $t) -> Self::V {
                // SAFETY: as above, and `from` points to `LANES` readable elements.
                unsafe { $arch::$load(from) }
            }
            #[inline(always)]
            unsafe fn store(to: *mut $t, v: Self::V) {
                // SAFETY: as above, and `to` points to `LANES` writable elements.
                unsafe { $arch::$store(to, v) }
            }
            #[inline(always)]
            unsafe fn multiply_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                // SAFETY: the caller enables the instruction set.
                unsafe { $arch::$fma(a, b, c) }
            }
            #[inline(always)]
            unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
                // SAFETY: the caller enables the instruction set.
                unsafe { $arch::$add(a, b) }
            }
            #[inline(always)]
            unsafe fn subtract(a: Self::V, b: Self::V) -> Self::V {
                // SAFETY: the caller enables the instruction set.
                unsafe { $arch::$sub(a, b) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
simd!(
    Avx2,
    f32,
    x86::__m256,
    8,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    _mm256_sub_ps
);
#[cfg(target_arch = "x86_64")]
simd!(
    Avx2,
    f64,
    x86::__m256d,
    4,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_fmadd_pd,
    _mm256_add_pd,
    _mm256_sub_pd
);
#[cfg(target_arch = "x86_64")]
simd!(
    Avx512,
    f32,
    x86::__m512,
    16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    _mm512_sub_ps
);
#[cfg(target_arch = "x86_64")]
simd!(
    Avx512,
    f64,
    x86::__m512d,
    8,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_fmadd_pd,
    _mm512_add_pd,
    _mm512_sub_pd
);
#[cfg(target_arch = "aarch64")]
simd!(
    Neon,
    f32,
    neon::float32x4_t,
    4,
    vdupq_n_f32,
    vld1q_f32,
    vst1q_f32,
    fused_f32,
    vaddq_f32,
    vsubq_f32
);
#[cfg(target_arch = "aarch64")]
simd!(
    Neon,
    f64,
    neon::float64x2_t,
    2,
    vdupq_n_f64,
    vld1q_f64,
    vst1q_f64,
    fused_f64,
    vaddq_f64,
    vsubq_f64
);
