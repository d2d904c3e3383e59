// A number's place in the order by which a largest one is chosen: −∞ … −0 = 0 … ∞, then NaN. In
// integers, since compilers may assume that there is no NaN.
fn order(x: f32) -> i32 {
    let bits = bitcast<u32>(x);
    let size = bitcast<i32>(bits & 0x7fffffffu);
    let signed = select(size, -size, bits >= 0x80000000u);
    return select(signed, 0x7fffffff, size > 0x7f800000);
}
