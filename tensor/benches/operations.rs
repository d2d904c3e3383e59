//! The heavy operations on the CPU and, if there is one, on a WebGPU device: `cargo bench -p clel-tensor [-- FILTER]`.
//!
//! Rates: `elem` is a floating-point operation, two for a multiply-add, on padding as well (Gelem/s is GFLOP/s); `B` is a byte
//! read or written. `CLEL_BENCH_FAMILY=direct` or `tiled` chooses the WebGPU kernels.

use std::time::Duration;

use clel_tensor::gpu::{Family, Gpu, GpuOptions, find_adapter};
use clel_tensor::{Device, Expr, Result, RngKey, Tensor, expr::Distribution};
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// The CPU, and the first adapter with the chosen kernels.
fn devices() -> Result<Vec<(&'static str, Device)>> {
    let family = match std::env::var("CLEL_BENCH_FAMILY").as_deref() {
        Ok("direct") => Some(Family::Direct),
        Ok("tiled") => Some(Family::Tiled),
        _ => None,
    };
    let options = GpuOptions {
        family,
        ..GpuOptions::default()
    };
    let mut devices = vec![("cpu", Device::Cpu)];
    match find_adapter("") {
        Ok(adapter) => {
            let gpu = pollster::block_on(Gpu::open_with(adapter, options))?;
            devices.push(("wgpu", Device::Wgpu(gpu)));
        }
        Err(error) => eprintln!("only on the CPU: {error}"),
    }
    for (word, device) in &devices {
        eprintln!("{word}: {device}, {} threads", clel_tensor::cpu::threads());
    }
    Ok(devices)
}

/// Uniform numbers, computed.
fn numbers(shape: &[usize], stream: u32, device: &Device) -> Result<Tensor> {
    let x = Tensor::uniform(shape, RngKey::new(0, stream), device)?;
    x.realize()?;
    Ok(x)
}

/// Measures an operation with its result computed.
fn measure(
    group: &mut Group<'_>,
    name: String,
    work: Throughput,
    device: &Device,
    run: impl Fn() -> Result<Tensor>,
) -> Result<()> {
    // what cannot run is an error, not a panic in the loop below
    run()?.realize()?;
    group.throughput(work);
    group.bench_function(name, |b| {
        b.iter(|| {
            let done = run().and_then(|y| {
                y.realize()?;
                device.wait()
            });
            done.expect("has run before");
        });
    });
    Ok(())
}

fn matmul(group: &mut Group<'_>, device: &Device) -> Result<()> {
    for (batch, m, n, k) in [
        (1, 1024, 1024, 1024),
        (1, 64, 256, 64),
        (1, 64, 2048, 128),
        (64, 64, 64, 64),
    ] {
        for (at, bt) in [(false, false), (false, true), (true, false)] {
            let a = numbers(&if at { [batch, k, m] } else { [batch, m, k] }, 0, device)?;
            let b = numbers(&if bt { [batch, n, k] } else { [batch, k, n] }, 1, device)?;
            let letter = |t: bool| if t { 'T' } else { 'N' };
            let name = format!("{batch}x{m}x{n}x{k} {}{}", letter(at), letter(bt));
            let work = Throughput::Elements((2 * batch * m * n * k) as u64);
            measure(group, name, work, device, || a.matmul_t(&b, at, bt))?;
        }
    }
    Ok(())
}

fn conv(group: &mut Group<'_>, device: &Device) -> Result<()> {
    // images, side, channels in and out, stride
    for (n, side, ci, co, stride) in [
        (16, 32, 64, 64, 1),
        (16, 32, 128, 128, 1),
        (16, 32, 3, 64, 1),
        (64, 16, 128, 128, 1),
        (64, 8, 256, 256, 1),
        (64, 32, 64, 128, 2),
        (64, 8, 32, 32, 1),
        (64, 4, 64, 64, 1),
    ] {
        let out = (side - 1) / stride + 1;
        let x = numbers(&[n, side, side, ci], 0, device)?;
        let w = numbers(&[co, 3, 3, ci], 1, device)?;
        let g = numbers(&[n, out, out, co], 2, device)?;
        let work = Throughput::Elements((2 * n * out * out * co * 9 * ci) as u64);
        let name = |pass: &str| format!("{n}x{side}x{side} {ci}-{co} stride {stride}, {pass}");
        measure(group, name("forward"), work.clone(), device, || {
            x.conv2d(&w, stride, 1)
        })?;
        measure(group, name("input gradient"), work.clone(), device, || {
            g.conv2d_input_grad(&w, x.shape(), stride, 1)
        })?;
        measure(group, name("weight gradient"), work, device, || {
            x.conv2d_weight_grad(&g, w.shape(), stride, 1)
        })?;
    }
    Ok(())
}

/// What is bound by memory.
fn memory(group: &mut Group<'_>, device: &Device) -> Result<()> {
    let bytes = |elements: usize| Throughput::Bytes(4 * elements as u64);
    for (shape, axis) in [
        ([1, 1 << 22, 1], 1),
        ([1, 65_536, 64], 1),
        ([64, 65_536, 1], 1),
    ] {
        let x = numbers(&shape, 0, device)?;
        let name = |op: &str| format!("{op} {shape:?}");
        measure(group, name("sum"), bytes(x.len()), device, || {
            x.sum(&[axis], false)
        })?;
        measure(group, name("argmax"), bytes(x.len()), device, || {
            x.argmax(axis)
        })?;
    }
    let x = numbers(&[64, 32, 32, 64], 0, device)?;
    let pooled = bytes(x.len() * 5 / 4);
    measure(
        group,
        "average pool 64x32x32x64".into(),
        pooled,
        device,
        || x.avg_pool2d(2, 2, 0),
    )?;
    let [a, b] = [0, 1].map(|stream| numbers(&[1 << 22], stream, device));
    let (a, b) = (a?, b?);
    let noise = Expr::random(Distribution::Normal, RngKey::new(0, 2));
    let update = Expr::input(0) - Expr::input(1) * 100.0 + noise * 0.001;
    for (name, expr) in [
        ("a + b", Expr::input(0) + Expr::input(1)),
        (
            "clamp(a - 100 b + noise, 0, 1)",
            update.maximum(0.0).minimum(1.0),
        ),
    ] {
        let run = || Tensor::pointwise(&expr, &[&a, &b]);
        measure(
            group,
            format!("{name}, 4194304"),
            bytes(3 * a.len()),
            device,
            run,
        )?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    type Suite = fn(&mut Group<'_>, &Device) -> Result<()>;
    let suites: [(&str, Suite); 3] = [("matmul", matmul), ("conv", conv), ("memory", memory)];
    for (word, device) in devices()? {
        for (name, suite) in suites {
            let mut group = criterion.benchmark_group(format!("{word} {name}"));
            group.sample_size(10);
            group.warm_up_time(Duration::from_millis(200));
            group.measurement_time(Duration::from_millis(500));
            suite(&mut group, &device)?;
            group.finish();
        }
    }
    criterion.final_summary();
    Ok(())
}
