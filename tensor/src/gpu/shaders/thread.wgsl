// Number of this thread in a launch folded into two dimensions.
fn thread_number(group: vec3<u32>, groups: vec3<u32>, local: u32) -> u32 {
    return (group.y * groups.x + group.x) * 64u + local;
}

// Upper word of a · b; WGSL has no 64-bit product.
fn high_word(a: u32, b: u32) -> u32 {
    let al = a & 0xffffu;
    let ah = a >> 16u;
    let bl = b & 0xffffu;
    let bh = b >> 16u;
    let middle = ah * bl + ((al * bl) >> 16u);
    let middle2 = al * bh + (middle & 0xffffu);
    return ah * bh + (middle >> 16u) + (middle2 >> 16u);
}

// ⌊n / d⌋ for n < 2³¹ by a multiplication; `magic` is (⌈2^(31+l) / d⌉, l), l = ⌈log₂ d⌉.
fn divide(n: u32, magic: vec2<u32>) -> u32 {
    return high_word(n << 1u, magic.x) >> magic.y;
}
