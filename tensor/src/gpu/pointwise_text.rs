//! The WGSL text of a pointwise kernel, and its key.
//!
//! Constants, strides, offsets, lengths and random keys are parameters: two kernels that differ
//! in nothing else share a pipeline.

use std::fmt::Write;

use super::layout::{Layout, Load, Walk};
use super::template::Program;
use crate::DType;
use crate::expr::{Distribution, Node, PointwiseKernel};

/// Prelude of every kernel.
const PRELUDE: &str = "#include thread\n#include philox\n#include numerics\n";

/// Key under which the compiled kernel is kept: the walk, the inputs, the operations, the roots.
pub(super) fn key(kernel: &PointwiseKernel, layout: &Layout) -> String {
    let mut key = format!("pointwise {:?}{}", layout.walk, kernel.shape.len());
    for (input, load) in kernel.inputs.iter().zip(&layout.loads) {
        let _ = write!(key, " {load:?}:{}", input.dtype);
    }
    for node in &kernel.nodes {
        let _ = match node {
            Node::Input(n) => write!(key, " in{n}"),
            Node::Const(_) => write!(key, " const"),
            Node::Unary(f, a) => write!(key, " {f:?}({a})"),
            Node::Binary(f, a, b) => write!(key, " {f:?}({a},{b})"),
            Node::Select(c, a, b) => write!(key, " Select({c},{a},{b})"),
            Node::Random(distribution, _) => write!(key, " {distribution:?}"),
        };
    }
    for (root, dtype) in &kernel.roots {
        let _ = write!(key, " ->{root}:{dtype}");
    }
    key
}

/// The parameters, in the order of the struct that [`text`] declares.
pub(super) fn params(kernel: &PointwiseKernel, layout: &Layout) -> Vec<u32> {
    let mut words = vec![kernel.len().div_ceil(4) as u32];
    words.extend(field_words(kernel, layout));
    words
}

/// The values of [`fields`].
pub(super) fn field_words(kernel: &PointwiseKernel, layout: &Layout) -> Vec<u32> {
    let mut words = vec![(kernel.len().max(1) - 1) as u32];
    for node in &kernel.nodes {
        match node {
            Node::Const(value) => words.push((*value as f32).to_bits()),
            Node::Random(_, key) => words.extend(key.words()),
            _ => {}
        }
    }
    if layout.walk != Walk::Flat {
        for (axis, len) in kernel.shape.iter().enumerate().skip(1) {
            let quads = layout.walk == Walk::Rows && axis + 1 == kernel.shape.len();
            let len = if quads { len / 4 } else { *len };
            words.extend(super::run::magic(len));
            words.push(len as u32);
        }
    }
    for input in &kernel.inputs {
        words.push(input.offset as u32);
        words.extend(input.strides.iter().map(|s| *s as i32 as u32));
    }
    words
}

/// The WGSL text, of threads that make four elements in each of so many turns.
pub(super) fn text(
    kernel: &PointwiseKernel,
    layout: &Layout,
    turns: u64,
) -> Result<String, String> {
    // Writing to a string does not fail.
    let mut out = format!(
        "struct Params {{\nthreads: u32,\n{}}}\n",
        fields(kernel, layout)
    );
    out.push_str("@group(0) @binding(0) var<uniform> params: Params;\n");
    let _ = arrays(&mut out, kernel, layout, None, 0);
    out.push_str(&Program::new("pointwise", PRELUDE).expand()?);
    out.push_str(
        "@compute @workgroup_size(256)\n\
         fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: \
         vec3<u32>, @builtin(local_invocation_index) local: u32) {\n\
         let thread = (group.y * groups.x + group.x) * 256u + local;\n",
    );
    match turns {
        1 => out.push_str("{ let t = thread;\n"),
        _ => {
            let _ = writeln!(
                out,
                "for (var turn = 0u; turn < {turns}u; turn += 1u) {{ let t = thread * {turns}u + turn;"
            );
        }
    }
    out.push_str("if t >= params.threads { return; }\n");
    let _ = coordinates(&mut out, kernel, layout);
    let _ = operations(&mut out, kernel, layout, None);
    for (n, result) in results(kernel).iter().enumerate() {
        let _ = writeln!(out, "y{n}[t] = {result};");
    }
    out.push_str("}\n}\n");
    Ok(out)
}

/// The arrays, from binding `first` on, and three functions of four elements each: `bring(t)` loads what they take beside input `own`,
/// `finish(others, own)` computes the results from that and from `own`, which is in a register, and `store(t, results)` stores them. Apart,
/// so that whoever makes several can have all loads on their way before the first is waited for. Needs the prelude and the [`fields`].
pub(super) fn finish(
    kernel: &PointwiseKernel,
    layout: &Layout,
    own: usize,
    first: usize,
) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = arrays(&mut out, kernel, layout, Some(own), first);
    let others = || (0..kernel.inputs.len()).filter(|n| *n != own);
    out.push_str("struct Others {\nt: u32,\n");
    for n in others() {
        let word = word(kernel.inputs[n].dtype);
        let kind = match layout.loads[n] {
            Load::Splat => word.to_owned(),
            _ => format!("vec4<{word}>"),
        };
        let _ = writeln!(out, "x{n}: {kind},");
    }
    out.push_str("}\nstruct Results {\n");
    for (n, (_, dtype)) in kernel.roots.iter().enumerate() {
        let _ = writeln!(out, "y{n}: vec4<{}>,", word(*dtype));
    }
    out.push_str("}\nfn bring(t: u32) -> Others {\n");
    let _ = coordinates(&mut out, kernel, layout);
    let loads: String = others()
        .map(|n| format!(", {}", loaded(n, kernel, layout)))
        .collect();
    let _ = writeln!(out, "return Others(t{loads});\n}}");
    out.push_str("fn finish(others: Others, own: T) -> Results {\nlet t = others.t;\n");
    let _ = operations(&mut out, kernel, layout, Some(own));
    let results = results(kernel).join(", ");
    let _ = writeln!(out, "return Results({results});\n}}");
    out.push_str("fn store(t: u32, results: Results) {\n");
    for n in 0..kernel.roots.len() {
        let _ = writeln!(out, "y{n}[t] = results.y{n};");
    }
    out.push_str("}\n");
    out
}

/// The fields of the parameters, but for the number of threads.
pub(super) fn fields(kernel: &PointwiseKernel, layout: &Layout) -> String {
    let mut out = String::new();
    let _ = write_fields(&mut out, kernel, layout);
    out
}

fn write_fields(out: &mut String, kernel: &PointwiseKernel, layout: &Layout) -> std::fmt::Result {
    writeln!(out, "last: u32,")?;
    for (i, node) in kernel.nodes.iter().enumerate() {
        match node {
            Node::Const(_) => writeln!(out, "c{i}: f32,")?,
            Node::Random(..) => {
                for word in ["k0", "k1", "s0", "s1", "stream"] {
                    writeln!(out, "r{i}_{word}: u32,")?;
                }
            }
            _ => {}
        }
    }
    if layout.walk != Walk::Flat {
        for axis in 1..kernel.shape.len() {
            writeln!(out, "m{axis}: u32,\nl{axis}: u32,\nlen{axis}: u32,")?;
        }
    }
    for n in 0..kernel.inputs.len() {
        writeln!(out, "o{n}: u32,")?;
        for axis in 0..kernel.shape.len() {
            writeln!(out, "s{n}_{axis}: u32,")?;
        }
    }
    Ok(())
}

/// Declares the arrays read, but for `own`, and then those written.
fn arrays(
    out: &mut String,
    kernel: &PointwiseKernel,
    layout: &Layout,
    own: Option<usize>,
    first: usize,
) -> std::fmt::Result {
    let mut binding = first;
    for (n, (input, load)) in kernel.inputs.iter().zip(&layout.loads).enumerate() {
        if own == Some(n) {
            continue;
        }
        let element = match (load, word(input.dtype)) {
            (Load::Vector, word) => format!("vec4<{word}>"),
            (_, word) => word.to_owned(),
        };
        writeln!(
            out,
            "@group(1) @binding({binding}) var<storage, read> x{n}: array<{element}>;"
        )?;
        binding += 1;
    }
    for (n, (_, dtype)) in kernel.roots.iter().enumerate() {
        let word = word(*dtype);
        writeln!(
            out,
            "@group(1) @binding({binding}) var<storage, read_write> y{n}: array<vec4<{word}>>;"
        )?;
        binding += 1;
    }
    Ok(())
}

/// What shaders call a type; they have no f64.
pub(super) const fn word(dtype: DType) -> &'static str {
    match dtype {
        DType::U32 => "u32",
        DType::F16 => "f16",
        DType::F32 | DType::F64 => "f32",
    }
}

/// Positions `p{input}` (element, of the first of four) or `p{input}_{lane}`.
fn coordinates(out: &mut String, kernel: &PointwiseKernel, layout: &Layout) -> std::fmt::Result {
    let rank = kernel.shape.len();
    let lanes: &[&str] = match layout.walk {
        Walk::Flat => return Ok(()),
        Walk::Rows => &[""],
        Walk::Any => &["_0", "_1", "_2", "_3"],
    };
    for (lane, suffix) in lanes.iter().enumerate() {
        match layout.walk {
            Walk::Rows => writeln!(out, "let e{suffix}_{rank} = t;")?,
            _ => writeln!(
                out,
                "let e{suffix}_{rank} = min(4u * t + {lane}u, params.last);"
            )?,
        }
        for axis in (1..rank).rev() {
            let above = axis + 1;
            writeln!(
                out,
                "let e{suffix}_{axis} = divide(e{suffix}_{above}, vec2<u32>(params.m{axis}, \
                 params.l{axis}));\n\
                 let i{suffix}_{axis} = e{suffix}_{above} - e{suffix}_{axis} * params.len{axis};"
            )?;
        }
        writeln!(out, "let i{suffix}_0 = e{suffix}_1;")?;
        for (n, load) in layout.loads.iter().enumerate() {
            // Only what the key tells may decide about the text: along rows a splat may change from row to row, with
            // elements on their own it is one number.
            if layout.walk == Walk::Any && *load == Load::Splat {
                if lane == 0 {
                    writeln!(out, "let p{n} = params.o{n};")?;
                }
                continue;
            }
            write!(out, "let p{n}{suffix} = params.o{n}")?;
            for axis in 0..rank {
                let quads = layout.walk == Walk::Rows && axis + 1 == rank;
                let four = if quads { "4u * " } else { "" };
                write!(out, " + {four}i{suffix}_{axis} * params.s{n}_{axis}")?;
            }
            writeln!(out, ";")?;
            debug_assert!(*load != Load::Scattered || layout.walk == Walk::Any);
        }
    }
    Ok(())
}

fn operations(
    out: &mut String,
    kernel: &PointwiseKernel,
    layout: &Layout,
    own: Option<usize>,
) -> std::fmt::Result {
    for (i, node) in kernel.nodes.iter().enumerate() {
        let value = match node {
            Node::Input(n) if own == Some(usize::from(*n)) => "own".to_owned(),
            Node::Input(n) => {
                let n = usize::from(*n);
                let loaded = match own {
                    Some(_) => format!("others.x{n}"),
                    None => loaded(n, kernel, layout),
                };
                computable(&loaded, layout.loads[n], kernel.compute)
            }
            Node::Const(_) => format!("T(params.c{i})"),
            Node::Unary(f, a) => f.wgsl(&format!("v{a}")),
            Node::Binary(f, a, b) => f.wgsl(&format!("v{a}"), &format!("v{b}")),
            Node::Select(c, a, b) => format!("select(v{b}, v{a}, is_true(v{c}))"),
            Node::Random(distribution, _) => {
                let function = match distribution {
                    Distribution::Uniform => "uniform4",
                    Distribution::Normal => "normal4",
                };
                format!(
                    "{function}(philox(vec4<u32>(t, params.r{i}_s0, params.r{i}_s1, \
                     params.r{i}_stream), vec2<u32>(params.r{i}_k0, params.r{i}_k1)))"
                )
            }
        };
        writeln!(out, "let v{i} = {value};")?;
    }
    Ok(())
}

/// The results, each as what it is stored as.
fn results(kernel: &PointwiseKernel) -> Vec<String> {
    let stored = |(root, dtype): &(u16, DType)| match dtype {
        DType::U32 if kernel.compute != DType::U32 => format!("to_u32(v{root})"),
        DType::F16 => format!("vec4<f16>(v{root})"),
        DType::F32 | DType::F64 | DType::U32 => format!("v{root}"),
    };
    kernel.roots.iter().map(stored).collect()
}

/// What is loaded of an input: four elements, or of a splat one.
fn loaded(n: usize, kernel: &PointwiseKernel, layout: &Layout) -> String {
    let rank = kernel.shape.len();
    let flat = layout.walk == Walk::Flat;
    let word = word(kernel.inputs[n].dtype);
    let four = |lane: &dyn Fn(usize) -> String| {
        let lanes: Vec<String> = (0..4).map(lane).collect();
        format!("vec4<{word}>({})", lanes.join(", "))
    };
    match layout.loads[n] {
        Load::Vector if flat => format!("x{n}[(params.o{n} >> 2u) + t]"),
        Load::Vector => format!("x{n}[p{n} >> 2u]"),
        Load::Splat if flat => format!("x{n}[params.o{n}]"),
        Load::Splat => format!("x{n}[p{n}]"),
        // the last thread may stand on the end
        Load::Strided if flat => {
            four(&|lane| format!("x{n}[params.o{n} + min(4u * t + {lane}u, params.last)]"))
        }
        Load::Strided => four(&|lane| match lane {
            0 => format!("x{n}[p{n}]"),
            _ => format!("x{n}[p{n} + {lane}u * params.s{n}_{}]", rank - 1),
        }),
        Load::Scattered => four(&|lane| format!("x{n}[p{n}_{lane}]")),
    }
}

/// What was loaded, as four elements of what a kernel computes in.
fn computable(loaded: &str, load: Load, compute: DType) -> String {
    let (four, one) = match compute {
        DType::U32 => ("vec4<u32>", "u32"),
        _ => ("T", "f32"),
    };
    match load {
        Load::Splat => format!("{four}({one}({loaded}))"),
        _ => format!("{four}({loaded})"),
    }
}
