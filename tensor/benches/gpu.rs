//! GFLOP/s of the heavy kernels: `cargo bench -p clel-tensor --bench gpu [-- WORD…]` runs the
//! cases whose name holds one of the words. `CLEL_BENCH_FAMILY=direct|tiled` chooses the family.

use std::time::Instant;

use clel_tensor::gpu::{Family, Gpu, GpuOptions, find_adapter};
use clel_tensor::primitive::{
    Conv2d, ConvPass, Gather, MatMul, Pool2d, PoolPass, Primitive, Reduce, ReduceKind,
};

fn conv(n: usize, side: usize, c: usize, o: usize, stride: usize) -> Conv2d {
    let out = (side + 2 - 3) / stride + 1;
    Conv2d {
        n,
        h: side,
        w: side,
        c,
        o,
        kh: 3,
        kw: 3,
        stride,
        pad: 1,
        oh: out,
        ow: out,
    }
}

/// Name, primitive, input lengths, floating-point operations (0: report bytes).
fn cases() -> Vec<(String, Primitive, Vec<usize>, f64)> {
    let mut all = Vec::new();
    for (size, at, bt) in [
        (1024, false, false),
        (1024, false, true),
        (1024, true, false),
        (256, false, true),
    ] {
        let shape = MatMul {
            batch: 1,
            m: size,
            n: size,
            k: size,
            a_transposed: at,
            b_transposed: bt,
            a_batched: true,
            b_batched: true,
        };
        let letter = |t: bool| if t { 't' } else { 'n' };
        all.push((
            format!("matmul {}{} {size}³", letter(at), letter(bt)),
            Primitive::MatMul(shape),
            vec![size * size; 2],
            2.0 * (size * size * size) as f64,
        ));
    }
    for (n, side, c, o, stride) in [
        (16, 32, 64, 64, 1),
        (16, 32, 16, 16, 1),
        (16, 32, 3, 64, 1),
        (16, 32, 64, 128, 2),
        (64, 8, 64, 64, 1),
    ] {
        let s = conv(n, side, c, o, stride);
        let (x, w) = (n * side * side * c, o * 9 * c);
        let y = n * s.oh * s.ow * o;
        let flops = 2.0 * (y * 9 * c) as f64;
        for (pass, sizes) in [
            (ConvPass::Forward, [x, w]),
            (ConvPass::InputGrad, [y, w]),
            (ConvPass::WeightGrad, [x, y]),
        ] {
            all.push((
                format!("{pass:?} {n}×{side}²×{c}→{o}/{stride}"),
                Primitive::Conv(pass, s),
                sizes.to_vec(),
                flops,
            ));
        }
    }
    for (outer, len, inner) in [(1, 1 << 24, 1), (1 << 14, 1 << 10, 1), (64, 1 << 10, 256)] {
        let shape = Reduce { outer, len, inner };
        all.push((
            format!("sum {outer}×{len}×{inner}"),
            Primitive::Reduce(ReduceKind::Sum, shape),
            vec![outer * len * inner],
            0.0,
        ));
    }
    let pool = Pool2d {
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
    all.push((
        "avg_pool2d 64×32²×64".to_owned(),
        Primitive::Pool(PoolPass::Average, pool),
        vec![64 * 32 * 32 * 64],
        0.0,
    ));
    let gather = Gather {
        rows: 10_000,
        picks: 64,
        inner: 3072,
    };
    all.push((
        "gather 64 of 10000×3072".to_owned(),
        Primitive::Gather(gather),
        vec![10_000 * 3072, 64],
        0.0,
    ));
    all
}

/// Processor time of this process, which software rasterisers use: on a busy machine it says
/// more than the clock does. NaN where `/proc` does not tell.
fn processor_seconds() -> f64 {
    let ticks = std::fs::read_to_string("/proc/self/stat")
        .ok()
        .and_then(|stat| {
            let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
            let user: f64 = fields.next()?.parse().ok()?;
            let system: f64 = fields.next()?.parse().ok()?;
            Some(user + system)
        });
    ticks.map_or(f64::NAN, |t| t / 100.0)
}

fn main() -> Result<(), clel_tensor::Error> {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let family = match std::env::var("CLEL_BENCH_FAMILY").as_deref() {
        Ok("direct") => Some(Family::Direct),
        Ok("tiled") => Some(Family::Tiled),
        _ => None,
    };
    let options = GpuOptions {
        family,
        ..GpuOptions::default()
    };
    let gpu = pollster::block_on(Gpu::open_with(find_adapter("")?, options))?;
    println!("{gpu:?}");
    for (name, primitive, sizes, flops) in cases() {
        if !words.is_empty() && !words.iter().any(|w| name.contains(w.as_str())) {
            continue;
        }
        let mut buffers = Vec::new();
        for size in &sizes {
            buffers.push(gpu.upload(bytemuck::cast_slice(&vec![0.5f32; *size]))?);
        }
        let inputs: Vec<_> = buffers.iter().collect();
        gpu.read(&gpu.run(&primitive, &inputs)?, 4)?;
        let mut best = f64::INFINITY;
        let mut rounds = 0;
        let before = processor_seconds();
        let start_all = Instant::now();
        while rounds < 3 || start_all.elapsed().as_secs_f64() < 0.3 {
            let start = Instant::now();
            gpu.read(&gpu.run(&primitive, &inputs)?, 4)?;
            best = best.min(start.elapsed().as_secs_f64());
            rounds += 1;
        }
        let processor = (processor_seconds() - before) / f64::from(rounds);
        let bytes = 4.0 * (sizes.iter().sum::<usize>() + primitive.output_len()) as f64;
        let (work, unit) = if flops > 0.0 {
            (flops / 1e9, "GFLOP")
        } else {
            (bytes / 1e9, "GB")
        };
        println!(
            "{name:32} {:9.2} ms {:8.2} {unit}/s {:8.2} {unit} per processor second",
            best * 1e3,
            work / best,
            work / processor
        );
    }
    Ok(())
}
