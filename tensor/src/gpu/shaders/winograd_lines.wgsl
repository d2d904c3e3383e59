// The one-dimensional transforms of Winograd's F(OUT×OUT, 3×3), for four channels at once: `cpu/conv/transform.rs` has the same, and
// says why these points.
struct Inputs {
#for I ${OUT + 2}
    v$I: vec4<f32>,
#end
}
struct Outputs {
#for I OUT
    v$I: vec4<f32>,
#end
}

// G g
fn weight_line(g0: vec4<f32>, g1: vec4<f32>, g2: vec4<f32>) -> Inputs {
#if OUT == 4
    let near = -2.0 / 3.0 * (g0 + 0.5 * g2);
    let near_odd = -0.47140452079103168 * g1;
    let far = 1.0 / 6.0 * (g0 + 2.0 * g2);
    let far_odd = 0.23570226039551584 * g1;
    return Inputs(g0, near + near_odd, near - near_odd, far + far_odd, far - far_odd, g2);
#else
    let ends = 0.5 * (g0 + g2);
    let middle = 0.5 * g1;
    return Inputs(g0, ends + middle, ends - middle, g2);
#endif
}

// Bᵀ d
fn input_line(d: Inputs) -> Inputs {
#if OUT == 4
    let near = d.v4 - 2.0 * d.v2;
    let near_odd = 0.70710678118654752 * (d.v3 - 2.0 * d.v1);
    let far = d.v4 - 0.5 * d.v2;
    let far_odd = 1.41421356237309505 * (d.v3 - 0.5 * d.v1);
    return Inputs(
        d.v0 + d.v4 - 2.5 * d.v2,
        near + near_odd,
        near - near_odd,
        far + far_odd,
        far - far_odd,
        d.v1 + d.v5 - 2.5 * d.v3,
    );
#else
    return Inputs(d.v0 - d.v2, d.v1 + d.v2, d.v2 - d.v1, d.v1 - d.v3);
#endif
}

// Aᵀ m
fn output_line(m: Inputs) -> Outputs {
#if OUT == 4
    let near = m.v1 + m.v2;
    let near_odd = 0.70710678118654752 * (m.v1 - m.v2);
    let far = m.v3 + m.v4;
    let far_odd = 1.41421356237309505 * (m.v3 - m.v4);
    return Outputs(
        m.v0 + near + far,
        near_odd + far_odd,
        0.5 * near + 2.0 * far,
        0.5 * near_odd + 2.0 * far_odd + m.v5,
    );
#else
    return Outputs(m.v0 + m.v1 + m.v2, m.v1 - m.v2 - m.v3);
#endif
}
