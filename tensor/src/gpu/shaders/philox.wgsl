// Philox4x32-10 (Salmon et al., SC 2011) and the distributions, operation by operation as in
// random.rs: uniform numbers are equal on all devices, normal ones to the last bits. Needs thread.

// Upper and lower word of a · b.
fn multiply_wide(a: u32, b: u32) -> vec2<u32> {
    return vec2<u32>(high_word(a, b), a * b);
}

fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = counter;
    var k = key;
    for (var round = 0u; round < 10u; round += 1u) {
        let p0 = multiply_wide(0xD2511F53u, c.x);
        let p1 = multiply_wide(0xCD9E8D57u, c.z);
        c = vec4<u32>(p1.x ^ c.y ^ k.x, p1.y, p0.x ^ c.w ^ k.y, p0.y);
        k += vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

// Four uniform numbers in [0, 1): the upper 24 bits.
fn uniform4(words: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(words >> vec4<u32>(8u)) * (1.0 / 16777216.0);
}

// ln x on (0, 1].
fn random_ln(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    let e = bitcast<i32>(bits - 0x3f3504f3u) >> 23u;
    let m = bitcast<f32>(bits - (bitcast<u32>(e) << 23u));
    let t = (m - 1.0) / (m + 1.0);
    let t2 = t * t;
    let series = t * (2.0 + t2 * (0.6666667 + t2 * (0.4 + t2 * (0.2857143 + t2 * 0.2222222))));
    return f32(e) * 0.69314718 + series;
}

// (sin 2πu, cos 2πu) for u in [0, 1).
fn sin_cos_turns(u: f32) -> vec2<f32> {
    let q = floor(u * 4.0 + 0.5);
    let d = (u - q * 0.25) * 6.2831855;
    let d2 = d * d;
    let s = d * (1.0 + d2 * (-0.16666667 + d2 * (8.333333e-3 + d2 * (-1.984127e-4 + d2 * 2.7557319e-6))));
    let c = 1.0 + d2 * (-0.5 + d2 * (4.1666666e-2 + d2 * (-1.3888889e-3 + d2 * 2.4801588e-5)));
    let quarter = u32(q) & 3u;
    let swapped = select(vec2<f32>(s, c), vec2<f32>(c, s), (quarter & 1u) == 1u);
    let negative = vec2<bool>(quarter >= 2u, quarter == 1u || quarter == 2u);
    return select(swapped, -swapped, negative);
}

// Two standard normal numbers from two words (Box–Muller).
fn normal_pair(a: u32, b: u32) -> vec2<f32> {
    let u1 = f32((a >> 8u) + 1u) * (1.0 / 16777216.0);
    let r = sqrt(-2.0 * random_ln(u1));
    let sc = sin_cos_turns(f32(b >> 8u) * (1.0 / 16777216.0));
    return vec2<f32>(r * sc.y, r * sc.x);
}

// Four standard normal numbers.
fn normal4(words: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(normal_pair(words.x, words.y), normal_pair(words.z, words.w));
}
