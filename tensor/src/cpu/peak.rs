//! What the processor could do at most: the yardstick of benchmarks.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::real::Real;
use super::simd::Simd;

/// Independent sums: latency times instructions per cycle is 8 on x86-64 and up to 16 on AArch64; with two
/// operands more they fit the registers.
const SUMS: usize = if cfg!(target_arch = "aarch64") {
    24
} else {
    12
};
/// Rounds of all sums in one run of the loop: about a millisecond.
const ROUNDS: usize = 1 << 18;

/// Number of threads that kernels run on.
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// The largest number of f32 operations a second that all threads together reach within `time`, in
/// multiply-adds (two operations each) on registers alone, with the widest instructions that kernels use.
pub fn peak_flops(time: Duration) -> f64 {
    let (spin, lanes) = widest();
    let operations = (2 * SUMS * lanes * ROUNDS * threads()) as f64;
    let started = Instant::now();
    let mut best = 0.0f64;
    while best == 0.0 || started.elapsed() < time {
        let begin = Instant::now();
        // SAFETY: `widest` asks the processor.
        rayon::broadcast(|_| black_box(unsafe { spin(black_box(0.999)) }));
        best = best.max(operations / begin.elapsed().as_secs_f64());
    }
    best
}

/// The loop for this processor, and the elements of one of its registers.
fn widest() -> (unsafe fn(f32) -> f32, usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use super::simd::{Avx2, Avx512};
        #[target_feature(enable = "avx512f")]
        unsafe fn avx512(x: f32) -> f32 {
            // SAFETY: passed on to the caller.
            unsafe { spin::<Avx512<f32>>(x) }
        }
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2(x: f32) -> f32 {
            // SAFETY: passed on to the caller.
            unsafe { spin::<Avx2<f32>>(x) }
        }
        if is_x86_feature_detected!("avx512f") {
            return (avx512, Avx512::<f32>::LANES);
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return (avx2, Avx2::<f32>::LANES);
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        use super::simd::Neon;
        (spin::<Neon<f32>>, Neon::<f32>::LANES)
    }
    #[cfg(not(target_arch = "aarch64"))]
    {
        use super::simd::Portable;
        (spin::<Portable<f32>>, Portable::<f32>::LANES)
    }
}

/// `ROUNDS` multiply-adds `s ← s·x + x` for each of the sums.
///
/// # Safety
/// The processor must have the instruction set `S`.
#[inline(always)]
unsafe fn spin<S: Simd>(x: S::T) -> S::T {
    // SAFETY: the caller vouches for the instructions; `out` holds a register.
    unsafe {
        let factor = S::splat(x);
        let mut sums = [factor; SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = S::multiply_add(*sum, factor, factor);
            }
        }
        let mut out = [S::T::ZERO; 16];
        let mut total = S::T::ZERO;
        for sum in sums {
            S::store(out.as_mut_ptr(), sum);
            total += out[0];
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sums converge to x / (1 − x), so the loop does what it is paid for.
    #[test]
    fn every_sum_is_computed() {
        let (spin, lanes) = widest();
        assert!(lanes <= 16);
        // SAFETY: `widest` asks the processor.
        let found = unsafe { spin(0.5) };
        assert_eq!(found, SUMS as f32);
    }

    #[test]
    fn the_peak_is_a_rate() {
        let peak = peak_flops(Duration::from_millis(5));
        assert!(peak.is_finite() && peak > 1e8, "{peak}");
    }
}
