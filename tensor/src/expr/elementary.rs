//! Elementary functions of f32 without a branch or a call, so that loops over them become vector instructions; with the operations of the
//! shaders' ones (`numerics.wgsl`), nearly. No operation depends on the processor or on a library: neither do the results. (`ln` of `random.rs` is one of its own: the
//! bits of random numbers are not to change.)

/// Adding it rounds what is below 2²² to a whole number, which its last bits then are.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts; products of the first with whole numbers up to 2¹⁵ are exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// n and r with x = n ln 2 + r, |r| ≤ ½ ln 2, for |x| < 2¹⁵.
#[inline(always)]
fn reduced(x: f32) -> (i32, f32) {
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let whole = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    (whole, (x - n * LN_2[0]) - n * LN_2[1])
}

/// eʳ − 1 for |r| ≤ ½ ln 2: polynomial of Cephes' expf.
#[inline(always)]
fn exp_near_zero(r: f32) -> f32 {
    let p = 1.987_569_2e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 0.166_666_66;
    let p = p * r + 0.5;
    (p * r) * r + r
}

/// 2ⁿ for −126 ≤ n ≤ 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// y · 2ⁿ for −252 ≤ n ≤ 254, by two factors that neither overflow nor are denormal.
#[inline(always)]
fn scaled(y: f32, n: i32) -> f32 {
    let half = n >> 1;
    (y * power_of_two(half)) * power_of_two(n.wrapping_sub(half))
}

/// x in an interval; NaN stays.
#[inline(always)]
fn within(x: f32, low: f32, high: f32) -> f32 {
    let x = if x > high { high } else { x };
    if x < low { low } else { x }
}

/// eˣ
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // beyond, it is 0 or infinite
    let (n, r) = reduced(within(x, -105.0, 89.0));
    scaled(exp_near_zero(r) + 1.0, n)
}

/// eˣ − 1
#[inline(always)]
pub(super) fn exp_m1(x: f32) -> f32 {
    let (n, r) = reduced(within(x, -30.0, 89.0));
    let p = exp_near_zero(r);
    let s = power_of_two(n);
    let near = s * p + (s - 1.0);
    // where 1 is less than a unit in the last place, and 2ⁿ may be infinite
    let far = scaled(p + 1.0, n);
    let value = if x > 18.0 { far } else { near };
    if x == 0.0 { x } else { value }
}

/// 2 artanh t, |t| ≤ 0.172.
#[inline(always)]
fn twice_artanh(t: f32) -> f32 {
    let t2 = t * t;
    let p = 0.222_222_22;
    let p = p * t2 + 0.285_714_3;
    let p = p * t2 + 0.4;
    let p = p * t2 + 0.666_666_7;
    t * (p * t2) + 2.0 * t
}

/// ln x = n ln 2 + 2 artanh((m − 1) / (m + 1)), m in [√½, √2).
#[inline(always)]
pub(super) fn ln(x: f32) -> f32 {
    let denormal = x < f32::MIN_POSITIVE;
    let bits = (if denormal { x * 16_777_216.0 } else { x }).to_bits();
    let e = (bits.wrapping_sub(std::f32::consts::FRAC_1_SQRT_2.to_bits()) as i32) >> 23;
    let m = f32::from_bits(bits.wrapping_sub((e as u32) << 23));
    let n = (if denormal { e - 24 } else { e }) as f32;
    let value = n * LN_2[0] + (twice_artanh((m - 1.0) / (m + 1.0)) + n * LN_2[1]);
    let value = if x < 0.0 { f32::NAN } else { value };
    let value = if x == 0.0 { f32::NEG_INFINITY } else { value };
    // NaN and infinity stay
    if x < f32::INFINITY { value } else { x }
}

/// ln(1 + x)
#[inline(always)]
pub(super) fn ln_1p(x: f32) -> f32 {
    let near = twice_artanh(x / (2.0 + x));
    if x > -0.29 && x < 0.41 {
        near
    } else {
        ln(1.0 + x)
    }
}

/// tanh x: polynomial of Cephes' tanhf near 0, else 1 − 2 / (e²ˣ + 1).
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let a = within(x.abs(), 0.0, 10.0);
    let z = a * a;
    let p = -5.704_988_7e-3;
    let p = p * z + 2.063_909e-2;
    let p = p * z - 5.373_971_6e-2;
    let p = p * z + 0.133_314_42;
    let p = p * z - 0.333_332_8;
    let near = a + a * (z * p);
    let far = 1.0 - 2.0 / (exp(2.0 * a) + 1.0);
    (if a < 0.625 { near } else { far }).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    type F32 = fn(f32) -> f32;
    /// The function here, the library's in f32 and in f64, and the error allowed, in units in the last place.
    type Row = (&'static str, F32, F32, fn(f64) -> f64, f64);
    const ROWS: [Row; 5] = [
        ("exp", exp, f32::exp, f64::exp, 1.1),
        ("exp_m1", exp_m1, f32::exp_m1, f64::exp_m1, 1.7),
        ("ln", ln, f32::ln, f64::ln, 2.0),
        ("ln_1p", ln_1p, f32::ln_1p, f64::ln_1p, 2.8),
        ("tanh", tanh, f32::tanh, f64::tanh, 1.5),
    ];

    /// Distance of f32 from the next one away from 0.
    fn unit(v: f32) -> f64 {
        let size = v.abs();
        f64::from(f32::from_bits(size.to_bits() + 1)) - f64::from(size)
    }

    /// Numbers of every sign and size, NaN and infinities among them.
    fn everywhere() -> impl Iterator<Item = f32> {
        (0..=u32::MAX).step_by(4_001).map(f32::from_bits)
    }

    #[test]
    fn they_are_exact_to_some_units_in_the_last_place() {
        let edges = [
            0.34, 0.41, -0.29, 0.625, 10.0, 18.0, 30.0, 88.7, 89.0, -103.9, -105.0,
        ];
        let around = edges.into_iter().flat_map(|x: f32| {
            (0..2_000).map(move |i| f32::from_bits((x.to_bits() - 1_000).wrapping_add(i)))
        });
        for x in everywhere().chain(around) {
            for (name, f, _, exact, units) in ROWS {
                let (got, want) = (f(x), exact(f64::from(x)));
                if want.is_nan() || (want as f32).is_infinite() {
                    assert_eq!(got.to_string(), (want as f32).to_string(), "{name} {x:e}");
                    continue;
                }
                let error = (f64::from(got) - want).abs() / unit(want as f32);
                assert!(
                    error <= units,
                    "{name} {x:e}: {got:e} for {want:e}, {error}"
                );
            }
        }
    }

    #[test]
    fn special_values_are_those_of_the_library() {
        for x in [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, -1.0] {
            for (name, f, library, ..) in ROWS {
                let (got, want) = (f(x), library(x));
                let same = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
                // e⁻¹ and the like are no special values
                assert!(
                    same || x == -1.0 && want.abs() < 1.0,
                    "{name} {x}: {got} {want}"
                );
            }
        }
        assert!(ROWS.iter().all(|(_, f, ..)| f(f32::NAN).is_nan()));
    }
}
