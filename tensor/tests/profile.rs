//! Launches timed one by one.

mod common;

use clel_tensor::{DType, Device, Result, RngKey, Tensor, count_launches, profile};

/// Those that tell times; Mesa's rasteriser does.
fn devices() -> impl Iterator<Item = Device> {
    common::devices().into_iter().filter(|device| match device {
        Device::Cpu => true,
        Device::Wgpu(gpu) => {
            let told = gpu.has_clock();
            assert!(told || !device.to_string().contains("llvmpipe"), "{device}");
            told
        }
    })
}

#[test]
fn each_launch_is_told_with_its_time_and_amounts() -> Result<()> {
    for device in devices() {
        let x = Tensor::uniform(&[2, 8, 8, 4], RngKey::new(0, 1), &device)?;
        let w = Tensor::uniform(&[8, 3, 3, 4], RngKey::new(0, 2), &device)?;
        let half = Tensor::ones(&[5, 8], DType::F32, &device)?;
        for t in [&x, &w, &half] {
            t.realize()?;
        }
        let work = || -> Result<Tensor> {
            let y = x.conv2d(&w, 2, 1)?;
            y.realize()?;
            let s = y.sum(&[1, 2], false)?.add_scalar(1.0)?;
            let p = s.matmul_t(&half, false, true)?;
            p.realize()?;
            Ok(p)
        };
        let plain = work()?.to_vec::<f32>()?;
        let begin = std::time::Instant::now();
        let ((made, counts), launches) = profile(|| count_launches(work));
        let wall = begin.elapsed().as_secs_f64();
        // the numbers are those of a run that nobody times
        assert_eq!(made?.to_vec::<f32>()?, plain, "{device}");

        let told: Vec<&str> = launches.iter().map(|l| l.work.as_str()).collect();
        let expected = [
            "conv2d 4->8 3x3/2 on 8x8 b2",
            "sum of 16 for 2x8",
            "pointwise 1 operation, 1 -> 1 arrays, 16 elements",
            "matmul 2x5x8",
        ];
        assert_eq!(told, expected, "{device}");
        let amounts: Vec<(u64, u64)> = launches
            .iter()
            .map(|l| (l.multiply_adds, l.bytes))
            .collect();
        let conv = (2 * 4 * 4 * 8) * 3 * 3 * 4;
        let [x, w, y, s] = [2 * 64 * 4, 8 * 9 * 4, 2 * 16 * 8, 2 * 8];
        let bytes = [x + w + y, y + s, s + s, s + 5 * 8 + 2 * 5].map(|n| 4 * n);
        let expected = [
            (conv, bytes[0]),
            (0, bytes[1]),
            (0, bytes[2]),
            (2 * 5 * 8, bytes[3]),
        ];
        assert_eq!(amounts, expected, "{device}");

        let seconds: f64 = launches.iter().map(|l| l.seconds).sum();
        assert!(launches.iter().all(|l| l.seconds >= 0.0), "{launches:?}");
        assert!(
            0.0 < seconds && seconds < wall,
            "{device}: {seconds}, {wall}"
        );
        for launch in &launches {
            let of_kernels: f64 = launch.kernels.iter().map(|(_, s)| s).sum();
            let expected = if device.is_cpu() { 0.0 } else { launch.seconds };
            assert_eq!(of_kernels, expected, "{device}: {launch:?}");
        }
        let kernels: usize = launches.iter().map(|l| l.kernels.len().max(1)).sum();
        assert_eq!(kernels as u64, counts.values().sum::<u64>(), "{device}");
    }
    Ok(())
}

#[test]
fn an_inner_profile_is_part_of_the_outer_and_nothing_is_noted_afterwards() -> Result<()> {
    for device in devices() {
        let launch = |n: usize| -> Result<()> {
            let x = Tensor::uniform(&[n], RngKey::new(0, 0), &device)?;
            x.add_scalar(1.0)?.realize()?;
            Ok(())
        };
        let (inner, outer) = profile(|| -> Result<usize> {
            launch(3)?;
            let (done, inner) = profile(|| launch(5));
            done?;
            launch(7)?;
            Ok(inner.len())
        });
        launch(9)?;
        let ends = |n: &str| outer.iter().filter(|l| l.work.ends_with(n)).count();
        assert_eq!((inner?, outer.len()), (1, 3), "{device}");
        assert_eq!(
            ["3 elements", "5 elements", "7 elements"].map(ends),
            [1, 1, 1],
            "{outer:?}"
        );
    }
    Ok(())
}
