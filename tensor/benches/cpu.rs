//! Rates of the CPU's heavy operations: `cargo bench -p clel-tensor --bench cpu [-- WORD…]` runs
//! the cases whose name holds all of the words.
//!
//! GFLOP/s count two operations for a multiply-add, also for those on padding; GB/s count the
//! input. The best run of half a second is what an idle machine would give.

use std::time::{Duration, Instant};

use clel_tensor::cpu::{CpuView, run};
use clel_tensor::primitive::{
    Conv2d, ConvPass, MatMul, Pool2d, PoolPass, Primitive, Reduce, ReduceKind,
};

/// Times one primitive, which does `work` operations or, if 0, is bound by memory.
fn time(name: &str, primitive: &Primitive, work: usize) {
    let name = format!("{} {name}", primitive.name());
    let mut words = std::env::args().skip(1).filter(|a| !a.starts_with('-'));
    if !words.all(|word| name.contains(&word)) {
        return;
    }
    let inputs: Vec<Vec<f32>> = primitive
        .input_lens()
        .into_iter()
        .map(|len| {
            (0..len)
                .map(|i| (i * 7919 % 1000) as f32 * 1e-3 - 0.5)
                .collect()
        })
        .collect();
    let views: Vec<CpuView<'_>> = inputs.iter().map(|x| CpuView::F32(x)).collect();
    let mut best = Duration::MAX;
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(500) {
        let start = Instant::now();
        match run(primitive, &views) {
            Ok(y) => drop(std::hint::black_box(y)),
            Err(e) => return println!("{name}: {e}"),
        }
        best = best.min(start.elapsed());
    }
    let (amount, unit) = match work {
        0 => (4 * views.iter().map(|x| x.len()).sum::<usize>(), "GB/s"),
        _ => (work, "GFLOP/s"),
    };
    let rate = amount as f64 / best.as_secs_f64() * 1e-9;
    println!(
        "{name:48} {:10.3} ms {rate:8.1} {unit}",
        best.as_secs_f64() * 1e3
    );
}

fn matmul() {
    for (batch, m, n, k) in [(1, 1024, 1024, 1024), (1, 64, 256, 64), (64, 64, 64, 64)] {
        for (a_transposed, b_transposed) in [(false, false), (false, true), (true, false)] {
            let s = MatMul {
                batch,
                m,
                n,
                k,
                a_transposed,
                b_transposed,
                a_batched: batch > 1,
                b_batched: batch > 1,
            };
            let kind = [a_transposed, b_transposed].map(|t| if t { 'T' } else { 'N' });
            let name = format!("{batch}x{m}x{n}x{k} {}{}", kind[0], kind[1]);
            time(&name, &Primitive::MatMul(s), 2 * batch * m * n * k);
        }
    }
}

fn conv() {
    // images, side, channels in and out, stride
    for (n, side, ci, co, stride) in [
        (64, 32, 64, 64, 1),
        (64, 16, 128, 128, 1),
        (16, 32, 128, 128, 1),
        (64, 8, 256, 256, 1),
        (64, 32, 64, 128, 2),
        (64, 8, 32, 32, 1),
        (64, 4, 64, 64, 1),
        (64, 2, 64, 64, 1),
        (64, 32, 3, 64, 1),
    ] {
        let out = (side - 1) / stride + 1;
        let s = Conv2d {
            n,
            h: side,
            w: side,
            c: ci,
            o: co,
            kh: 3,
            kw: 3,
            stride,
            pad: 1,
            oh: out,
            ow: out,
        };
        let work = 2 * n * out * out * co * 9 * ci;
        for pass in [ConvPass::Forward, ConvPass::InputGrad, ConvPass::WeightGrad] {
            let name = format!("{n}x{side}x{side} {ci}-{co} stride {stride}");
            time(&name, &Primitive::Conv(pass, s), work);
        }
    }
}

fn memory() {
    for (outer, len, inner) in [(1, 1 << 22, 1), (1, 65_536, 64), (64, 65_536, 1)] {
        for kind in [ReduceKind::Sum, ReduceKind::Max, ReduceKind::ArgMax] {
            let s = Reduce { outer, len, inner };
            let name = format!("{outer}x{len}x{inner}");
            time(&name, &Primitive::Reduce(kind, s), 0);
        }
    }
    for pass in [PoolPass::Average, PoolPass::Spread, PoolPass::MaxIndex] {
        let s = Pool2d {
            n: 64,
            h: 32,
            w: 32,
            c: 64,
            k: 2,
            stride: 2,
            pad: 0,
            oh: 16,
            ow: 16,
        };
        time("64x32x32x64 by 2", &Primitive::Pool(pass, s), 0);
    }
}

fn main() {
    matmul();
    conv();
    memory();
}
