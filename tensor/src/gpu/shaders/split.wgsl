// Numbers as two halves each: the part that f16 has bits for, and what that loses, times 2¹⁰.

// What orders numbers by their size: their bits without the sign, less one, so that 0, of which no bit is lost, comes last.
fn size(x: vec4<f32>) -> vec4<u32> {
    let bits = bitcast<vec4<u32>>(x);
    return bits + bits - vec4<u32>(1u);
}
// Of 2⁻¹⁴, the least number of which f16 has ten bits of the fraction.
const SMALL = 0x70ffffffu;

// The part of numbers that f16 has bits for: ten of the fraction. By their bits, since a compiler may take a number that is converted there and
// back for the number itself: NVIDIA's does.
fn cut(x: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) & vec4<u32>(0xffffe000u));
}
// The same where some may be below 2⁻¹⁴, of which f16 has a bit less for each power of two.
fn cut_small(x: vec4<f32>) -> vec4<f32> {
    let bits = bitcast<vec4<u32>>(x);
    let exponent = (bits >> vec4<u32>(23u)) & vec4<u32>(255u);
    let fewer = vec4<u32>(113u) - min(exponent, vec4<u32>(113u));
    let kept = bits & (vec4<u32>(0xffffe000u) << min(fewer, vec4<u32>(10u)));
    return select(bitcast<vec4<f32>>(kept), vec4<f32>(), fewer > vec4<u32>(10u));
}
fn loss(x: vec4<f32>, half: vec4<f32>) -> vec4<f32> {
    return (x - half) * 1024.0;
}
// Four numbers: the first halves by pairs, then the second.
fn split(x: vec4<f32>) -> vec4<u32> {
    var half = cut(x);
    if any(size(x) < vec4<u32>(SMALL)) {
        half = cut_small(x);
    }
    let lost = loss(x, half);
    return vec4<u32>(
        pack2x16float(half.xy),
        pack2x16float(half.zw),
        pack2x16float(lost.xy),
        pack2x16float(lost.zw),
    );
}
