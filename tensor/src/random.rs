//! Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy
//! as 1, 2, 3", SC 2011).
//!
//! A number depends on (seed, stream, step, element) and on nothing else, so that every device
//! draws the same and a resumed run draws what the uninterrupted one would.

use std::array::from_fn;

/// Names one array of random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RngKey {
    /// Seed of the run.
    pub seed: u64,
    /// Which use of randomness this is.
    pub stream: u32,
    /// Counts the draws from one stream.
    pub step: u64,
}

impl RngKey {
    /// The key for `step` 0 of `stream`.
    pub const fn new(seed: u64, stream: u32) -> Self {
        RngKey {
            seed,
            stream,
            step: 0,
        }
    }

    /// The same stream at another step.
    pub const fn at(self, step: u64) -> Self {
        RngKey { step, ..self }
    }

    /// The Philox key and the part of the counter shared by all elements, as the shaders get
    /// them: `[seed low, seed high, step low, step high, stream]`.
    pub const fn words(self) -> [u32; 5] {
        [
            self.seed as u32,
            (self.seed >> 32) as u32,
            self.step as u32,
            (self.step >> 32) as u32,
            self.stream,
        ]
    }

    /// The blocks `first .. first + LANES`, word by word: what a loop over lanes makes of them, registers do at once.
    #[inline(always)]
    pub(crate) fn blocks(self, first: u32) -> [[u32; LANES]; 4] {
        let [k0, k1, s0, s1, stream] = self.words();
        let counters = from_fn(|lane| first.wrapping_add(lane as u32));
        let shared = [s0, s1, stream].map(|word| [word; LANES]);
        philox([counters, shared[0], shared[1], shared[2]], [k0, k1])
    }

    /// Four random words for the elements `4·block .. 4·block + 4`.
    pub fn block(self, block: u32) -> [u32; 4] {
        let [k0, k1, s0, s1, stream] = self.words();
        philox4x32([block, s0, s1, stream], [k0, k1])
    }
}

/// Philox4x32 with ten rounds.
pub fn philox4x32(c: [u32; 4], k: [u32; 2]) -> [u32; 4] {
    philox(c.map(|word| [word]), k).map(|[word]| word)
}

/// Blocks that are made side by side.
pub(crate) const LANES: usize = 8;

/// The same of several counters, lane by lane.
#[inline(always)]
fn philox<const N: usize>(mut c: [[u32; N]; 4], mut k: [u32; 2]) -> [[u32; N]; 4] {
    const M0: u64 = 0xD251_1F53;
    const M1: u64 = 0xCD9E_8D57;
    for _ in 0..10 {
        let p0 = c[0].map(|word| M0 * u64::from(word));
        let p1 = c[2].map(|word| M1 * u64::from(word));
        c = [
            from_fn(|lane| (p1[lane] >> 32) as u32 ^ c[1][lane] ^ k[0]),
            p1.map(|product| product as u32),
            from_fn(|lane| (p0[lane] >> 32) as u32 ^ c[3][lane] ^ k[1]),
            p0.map(|product| product as u32),
        ];
        k = [
            k[0].wrapping_add(0x9E37_79B9),
            k[1].wrapping_add(0xBB67_AE85),
        ];
    }
    c
}

/// Four numbers of each of the lanes that they are made from.
#[inline(always)]
pub(crate) fn uniforms(words: [[u32; LANES]; 4]) -> [[f32; LANES]; 4] {
    words.map(|word| word.map(uniform))
}

/// The same of normal numbers.
#[inline(always)]
pub(crate) fn normals([a, b, c, d]: [[u32; LANES]; 4]) -> [[f32; LANES]; 4] {
    let mut numbers = [[0.0; LANES]; 4];
    for (pair, [a, b]) in [[a, b], [c, d]].into_iter().enumerate() {
        for lane in 0..LANES {
            let [x, y] = normal_pair(a[lane], b[lane]);
            numbers[2 * pair][lane] = x;
            numbers[2 * pair + 1][lane] = y;
        }
    }
    numbers
}

/// A uniform number in \[0, 1): the upper 24 bits, so that it is exact in f32.
#[inline(always)]
pub fn uniform(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Two standard normal numbers from two words (Box–Muller), written with the same f32
/// operations as the shader so that both devices agree to the last bits.
///
/// `r = √(−2 ln u₁)`, `u₁ ∈ (0, 1]`; the angle is `2π u₂`.
#[inline(always)]
pub fn normal_pair(a: u32, b: u32) -> [f32; 2] {
    let u1 = ((a >> 8) + 1) as f32 * (1.0 / 16_777_216.0);
    let r = (-2.0 * ln(u1)).sqrt();
    let [s, c] = sin_cos_turns(uniform(b));
    [r * c, r * s]
}

/// Natural logarithm on (0, 1] by range reduction and the atanh series; error below 2e-7 · |ln x| + 1e-7.
#[inline(always)]
fn ln(x: f32) -> f32 {
    // x = m · 2^e with m in [√½, √2)
    let bits = x.to_bits();
    let shifted = bits.wrapping_sub(0x3f35_04f3);
    let e = (shifted as i32) >> 23;
    let m = f32::from_bits(bits.wrapping_sub((e << 23) as u32));
    let t = (m - 1.0) / (m + 1.0);
    let t2 = t * t;
    let series =
        t * (2.0 + t2 * (0.666_666_7 + t2 * (0.4 + t2 * (0.285_714_3 + t2 * 0.222_222_2))));
    e as f32 * std::f32::consts::LN_2 + series
}

/// `[sin 2πu, cos 2πu]` for u in \[0, 1): reduced to an eighth turn, then Taylor polynomials.
#[inline(always)]
fn sin_cos_turns(u: f32) -> [f32; 2] {
    // quarter q and offset d in [-1/8, 1/8] turns; both exact in f32
    let q = (u * 4.0 + 0.5).floor();
    let d = (u - q * 0.25) * std::f32::consts::TAU;
    let d2 = d * d;
    let s = d
        * (1.0
            + d2 * (-0.166_666_67
                + d2 * (8.333_333e-3 + d2 * (-1.984_127e-4 + d2 * 2.755_731_9e-6))));
    let c =
        1.0 + d2 * (-0.5 + d2 * (4.166_666_6e-2 + d2 * (-1.388_888_9e-3 + d2 * 2.480_158_8e-5)));
    // sine and cosine of the quarter, without a branch: many are computed at once
    let quarter = q as i32 & 3;
    let [s, c] = if quarter & 1 == 1 { [c, s] } else { [s, c] };
    let sign = |negative: bool| if negative { -1.0 } else { 1.0 };
    [
        s * sign(quarter >= 2),
        c * sign(quarter == 1 || quarter == 2),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the Random123 distribution (kat_vectors, philox4x32 10).
    #[test]
    fn philox_known_answers() {
        assert_eq!(
            philox4x32([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox4x32([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
    }

    #[test]
    fn polynomials_match_the_library() {
        for i in 0..100_000u32 {
            let u = uniform(i.wrapping_mul(2_654_435_761));
            let [s, c] = sin_cos_turns(u);
            let angle = f64::from(u) * std::f64::consts::TAU;
            assert!((f64::from(s) - angle.sin()).abs() < 4e-7, "sin at {u}");
            assert!((f64::from(c) - angle.cos()).abs() < 4e-7, "cos at {u}");
            let v = u + 1.0 / 16_777_216.0;
            let want = f64::from(v).ln();
            assert!(
                (f64::from(ln(v)) - want).abs() < 2e-7 * want.abs() + 1e-7,
                "ln at {v}"
            );
        }
    }

    #[test]
    fn normal_moments() {
        let key = RngKey::new(7, 3);
        let mut sums = [0.0f64; 4];
        let n = 200_000;
        for b in 0..n / 4 {
            let w = key.block(b);
            for z in normal_pair(w[0], w[1])
                .into_iter()
                .chain(normal_pair(w[2], w[3]))
            {
                let z = f64::from(z);
                for (p, s) in sums.iter_mut().enumerate() {
                    *s += z.powi(p as i32 + 1);
                }
            }
        }
        let m: Vec<f64> = sums.iter().map(|s| s / f64::from(n)).collect();
        assert!(m[0].abs() < 0.01 && (m[1] - 1.0).abs() < 0.02, "{m:?}");
        assert!(m[2].abs() < 0.03 && (m[3] - 3.0).abs() < 0.1, "{m:?}");
    }
}
