// Functions whose built-in versions differ from driver to driver: written out, so that they are
// within 4 units in the last place, and NaN, infinities and zeros behave as on the CPU.
// NaN and infinities are told apart by their bits: compilers may assume that x = x.

alias T = vec4<f32>;

fn is_nan(x: T) -> vec4<bool> {
    return (bitcast<vec4<u32>>(x) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
}

// Anything but zero, NaN too.
fn is_true(x: T) -> vec4<bool> {
    return (bitcast<vec4<u32>>(x) & vec4<u32>(0x7fffffffu)) != vec4<u32>(0u);
}

fn non_finite(x: T) -> T {
    let exponent = vec4<u32>(0x7f800000u);
    return T((bitcast<vec4<u32>>(x) & exponent) == exponent);
}

// NaN if either is: the built-in functions may drop it.
fn max_of(a: T, b: T) -> T {
    return select(select(max(a, b), b, is_nan(b)), a, is_nan(a));
}

fn min_of(a: T, b: T) -> T {
    return select(select(min(a, b), b, is_nan(b)), a, is_nan(a));
}

fn sign_of(x: T) -> T {
    return T(x > T(0.0)) - T(x < T(0.0));
}

// eʳ − 1 for |r| <= ½ ln 2: polynomial of Cephes' expf.
fn exp_near_zero(r: T) -> T {
    let p = ((((1.9875692e-4 * r + 1.3981999e-3) * r + 8.333452e-3) * r + 4.1665796e-2) * r
        + 0.16666666) * r + 0.5;
    return (p * r) * r + r;
}

// eˣ = 2ⁿ eʳ, |r| <= ½ ln 2.
fn safe_exp(x: T) -> T {
    let clamped = clamp(x, T(-105.0), T(89.0));
    let n = floor(clamped * 1.442695 + 0.5);
    let r = (clamped - n * 0.693359375) + n * 2.1219444e-4;
    let y = exp_near_zero(r) + 1.0;
    // 2ⁿ in two factors: neither overflows nor is denormal
    let i = vec4<i32>(n);
    let half = i >> vec4<u32>(1u);
    let a = bitcast<T>(vec4<u32>(half + 127) << vec4<u32>(23u));
    let b = bitcast<T>(vec4<u32>(i - half + 127) << vec4<u32>(23u));
    let infinite = bitcast<T>(select(vec4<u32>(0u), vec4<u32>(0x7f800000u), x > T(88.72284)));
    let finite = select((y * a) * b, infinite, x > T(88.72284));
    return select(finite, x, is_nan(x));
}

// eˣ − 1
fn safe_exp_m1(x: T) -> T {
    let near = select(exp_near_zero(x), x, x == T(0.0));
    return select(safe_exp(x) - 1.0, near, abs(x) < T(0.34));
}

// 2 artanh t, |t| <= 0.172.
fn twice_artanh(t: T) -> T {
    let t2 = t * t;
    return t * (2.0 + t2 * (0.6666667 + t2 * (0.4 + t2 * (0.2857143 + t2 * 0.2222222))));
}

// ln x = e ln 2 + 2 artanh((m − 1) / (m + 1)), m in [√½, √2).
fn safe_ln(x: T) -> T {
    let small = x < T(1.1754944e-38);
    let bits = bitcast<vec4<u32>>(select(x, x * 16777216.0, small));
    let e = bitcast<vec4<i32>>(bits - vec4<u32>(0x3f3504f3u)) >> vec4<u32>(23u);
    let m = bitcast<T>(bits - (bitcast<vec4<u32>>(e) << vec4<u32>(23u)));
    let series = twice_artanh((m - 1.0) / (m + 1.0));
    let n = T(e) - select(T(0.0), T(24.0), small);
    let value = n * 0.693359375 + (series - n * 2.1219444e-4);
    // −∞ for 0, NaN below; +∞ and NaN stay
    let word = bitcast<vec4<u32>>(x);
    let zero = (word & vec4<u32>(0x7fffffffu)) == vec4<u32>(0u);
    let special = bitcast<T>(select(vec4<u32>(0x7fc00000u), vec4<u32>(0xff800000u), zero));
    let negative = word >= vec4<u32>(0x80000000u);
    let stays = (word >= vec4<u32>(0x7f800000u)) & !negative;
    return select(select(value, special, zero | negative), x, stays);
}

// ln(1 + x)
fn safe_ln_1p(x: T) -> T {
    let near = (x > T(-0.29)) & (x < T(0.41));
    return select(safe_ln(1.0 + x), twice_artanh(x / (2.0 + x)), near);
}

// tanh x: polynomial of Cephes' tanhf near 0, else 1 − 2 / (e²ˣ + 1).
fn safe_tanh(x: T) -> T {
    let a = min(abs(x), T(10.0));
    let z = a * a;
    let p = (((-5.7049887e-3 * z + 2.0639089e-2) * z - 5.3739716e-2) * z + 0.13331442) * z
        - 0.3333328;
    let near = a + a * (z * p);
    let far = 1.0 - 2.0 / (safe_exp(2.0 * a) + 1.0);
    let value = select(far, near, a < T(0.625));
    return select(select(value, -value, x < T(0.0)), x, is_nan(x) | (a == T(0.0)));
}

// 1 / (1 + e⁻ˣ), from e^−|x| <= 1.
fn safe_sigmoid(x: T) -> T {
    let e = safe_exp(-abs(x));
    return select(e, T(1.0), x >= T(0.0)) / (1.0 + e);
}

// sin x and cos x: x − n π/2 in three parts (Cody and Waite), |n| < 2¹⁵, then the polynomials of Cephes' sinf and cosf. Beyond, where
// neighbours in f32 are 0.002 apart and more, what the driver has.
fn quadrant_sin(x: T, shift: vec4<i32>) -> T {
    let n = floor(x * 0.63661975 + 0.5);
    let r = ((x - n * 1.5703125) - n * 4.8351287841796875e-4) - n * 3.1391647865e-7;
    let r2 = r * r;
    let sine = r + r * (r2 * (-0.16666655 + r2 * (8.3321609e-3 - r2 * 1.9515296e-4)));
    let cosine = 1.0 - 0.5 * r2
        + r2 * (r2 * (4.1666646e-2 + r2 * (-1.3887316e-3 + r2 * 2.4433157e-5)));
    let quadrant = vec4<i32>(n) + shift;
    let odd = (quadrant & vec4<i32>(1)) != vec4<i32>(0);
    let value = select(sine, cosine, odd);
    return select(value, -value, (quadrant & vec4<i32>(2)) != vec4<i32>(0));
}

const NAN = vec4<u32>(0x7fc00000u);

fn safe_sin(x: T) -> T {
    let near = clamp(x, T(-3e4), T(3e4));
    let value = select(clamp(sin(x), T(-1.0), T(1.0)), quadrant_sin(near, vec4<i32>(0)), near == x);
    return select(select(value, x, abs(x) < T(1e-4)), bitcast<T>(NAN), non_finite(x) > T(0.0));
}

fn safe_cos(x: T) -> T {
    let near = clamp(x, T(-3e4), T(3e4));
    let value = select(clamp(cos(x), T(-1.0), T(1.0)), quadrant_sin(near, vec4<i32>(1)), near == x);
    return select(value, bitcast<T>(NAN), non_finite(x) > T(0.0));
}

// aᵇ of any sign and size, as C's: the built-in function is undefined for a < 0, and drivers differ at 0 and infinity.
fn safe_pow(a: T, b: T) -> T {
    let one = vec4<u32>(0x3f800000u);
    let infinite = vec4<u32>(0x7f800000u);
    let a_word = bitcast<vec4<u32>>(a);
    let b_word = bitcast<vec4<u32>>(b);
    let a_size = a_word & vec4<u32>(0x7fffffffu);
    let b_size = b_word & vec4<u32>(0x7fffffffu);
    let falls = b_word >= vec4<u32>(0x80000000u);
    let negative = a_word >= vec4<u32>(0x80000000u);
    // beyond 2²⁴ all are even
    let whole = (b_size >= vec4<u32>(0x4b800000u)) | (floor(b) == b);
    let odd = whole & (b_size < vec4<u32>(0x4b800000u)) & (floor(b * 0.5) * 2.0 != b);
    var size = bitcast<vec4<u32>>(pow(abs(a), b));
    // of 0 and of infinity; and to an infinite power
    let to_infinity = b_size == infinite;
    size = select(size, select(vec4<u32>(0u), infinite, falls), a_size == vec4<u32>(0u));
    size = select(size, select(infinite, vec4<u32>(0u), falls), a_size == infinite);
    size = select(size, select(vec4<u32>(0u), infinite, (a_size > one) != falls), to_infinity);
    size = select(size, one, (a_size == one) & to_infinity);
    let value = select(size, size ^ vec4<u32>(0x80000000u), negative & odd);
    let fractional = negative & !whole & (a_size != vec4<u32>(0u)) & (a_size != infinite);
    let undefined = fractional | (a_size > infinite) | (b_size > infinite);
    let always_one = (b_size == vec4<u32>(0u)) | (a_word == one);
    return bitcast<T>(select(select(value, NAN, undefined), one, always_one));
}

// Truncated towards zero, held to what u32 can say; 0 for NaN.
fn to_u32(x: T) -> vec4<u32> {
    let value = vec4<u32>(clamp(x, T(0.0), T(4294967040.0)));
    let large = select(value, vec4<u32>(0xffffffffu), x >= T(4294967296.0));
    return select(large, vec4<u32>(0u), is_nan(x));
}
