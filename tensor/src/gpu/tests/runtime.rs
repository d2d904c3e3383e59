//! Memory, batches, errors.

use super::super::faults::lock;
use super::*;
use crate::Error;

fn floats(n: usize) -> Vec<u8> {
    (0..n).flat_map(|i| (i as f32).to_le_bytes()).collect()
}

#[test]
fn bytes_come_back() {
    let Some(gpu) = test_gpu() else { return };
    for bytes in [
        vec![],
        floats(1),
        floats(5),
        floats(1_000_003),
        vec![1, 2, 3],
    ] {
        let buffer = gpu.upload(&bytes).unwrap();
        assert_eq!(buffer.bytes(), bytes.len());
        assert_eq!(gpu.read(&buffer, bytes.len()).unwrap(), bytes);
        let part = bytes.len() / 8 * 4;
        let read = pollster::block_on(gpu.read_async(&buffer, part)).unwrap();
        assert_eq!(read, bytes[..part]);
    }
}

/// A thread that waits may find its callback in the hands of another one.
#[test]
fn threads_read_at_the_same_time() {
    let Some(gpu) = test_gpu() else { return };
    std::thread::scope(|scope| {
        for t in 0..4 {
            let gpu = &gpu;
            scope.spawn(move || {
                for i in 0..100 {
                    let bytes = floats(1 + (t * 37 + i) % 50);
                    let buffer = gpu.upload(&bytes).unwrap();
                    assert_eq!(gpu.read(&buffer, bytes.len()).unwrap(), bytes);
                }
            });
        }
    });
}

#[test]
fn memory_is_recycled_and_reported() {
    let Some(gpu) = test_gpu() else { return };
    let a = gpu.upload(&floats(1000)).unwrap();
    assert_eq!(gpu.memory().live, 4096);
    gpu.flush().unwrap();
    drop(a);
    assert_eq!((gpu.memory().live, gpu.memory().pooled), (0, 4096));
    let b = gpu.upload(&floats(900)).unwrap();
    assert_eq!((gpu.memory().live, gpu.memory().pooled), (4096, 0));
    drop(b);
    gpu.trim();
    assert_eq!((gpu.memory().pooled, gpu.memory().peak), (0, 4096));
}

/// Of what is in use by turns, nothing is given back and made anew when it is used again; what is not used any more makes room for what is.
#[test]
fn the_pool_keeps_what_was_in_use_at_once() {
    let Some(gpu) = test_gpu() else { return };
    let arrays = |megabytes: usize| -> Vec<GpuBuffer> {
        let array = || gpu.output("sum", megabytes << 20).unwrap();
        (0..30).map(|_| array()).collect()
    };
    let released = || gpu.inner.pool.released();
    for _ in 0..3 {
        drop(arrays(16));
    }
    assert_eq!((released(), gpu.memory().pooled), (0, 480 << 20));
    for _ in 0..3 {
        drop(arrays(24));
        drop(arrays(16));
    }
    assert_eq!((released(), gpu.memory().pooled), (0, 1200 << 20));
    // twice the most that was in use are 1440 MiB: eight of the oldest make room
    for _ in 0..3 {
        drop(arrays(12));
    }
    assert_eq!((released(), gpu.memory().pooled), (8, 1432 << 20));
    gpu.trim();
    let few = arrays(16);
    drop(few);
    assert_eq!((released(), gpu.memory().pooled), (8, 480 << 20));
}

#[test]
fn arrays_above_the_limit_are_named() {
    let Some(gpu) = test_gpu() else { return };
    let error = gpu.output("sum", (128 << 20) + 4).unwrap_err();
    assert!(matches!(
        error,
        Error::OutOfMemory {
            bytes: 134_217_732,
            ..
        }
    ));
    assert!(
        error
            .to_string()
            .contains("max_storage_buffer_binding_size 134217728")
    );
    // and the device goes on
    let buffer = gpu.upload(&floats(3)).unwrap();
    assert_eq!(gpu.read(&buffer, 12).unwrap(), floats(3));
}

#[test]
fn a_lost_device_is_an_error_everywhere() {
    let Some(gpu) = test_gpu() else { return };
    let buffer = gpu.upload(&floats(3)).unwrap();
    gpu.destroy();
    for _ in 0..2 {
        let lost = |result: Result<(), Error>| matches!(result, Err(Error::DeviceLost { .. }));
        assert!(lost(gpu.read(&buffer, 12).map(drop)));
        assert!(lost(
            pollster::block_on(gpu.read_async(&buffer, 12)).map(drop)
        ));
        assert!(lost(gpu.upload(&floats(3)).map(drop)));
        assert!(lost(gpu.output("sum", 4).map(drop)));
        assert!(lost(gpu.flush()));
    }
}

/// As of a driver that gives a batch up without telling wgpu.
#[test]
fn a_batch_that_does_not_end_is_a_loss() {
    let Some(gpu) = test_gpu() else { return };
    let buffer = gpu.upload(&floats(3)).unwrap();
    for _ in 0..3 {
        gpu.fill_with_nan(&gpu.output("poison", 256).unwrap())
            .unwrap();
        gpu.flush().unwrap();
        assert_eq!(gpu.read(&buffer, 12).unwrap(), floats(3));
    }
    lock(&gpu.inner.batch).ended().miss_one();
    for _ in 0..2 {
        let error = gpu.read(&buffer, 12).unwrap_err();
        assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
    }
    assert!(gpu.wait().is_err());
}

/// wgpu loses a device that has no memory for a submission; what helps is less work, not the same again.
#[test]
fn a_device_without_memory_for_its_work_is_full() {
    let Some(gpu) = test_gpu() else { return };
    // what follows from it may be told first
    gpu.inner.faults.record(wgpu::Error::Validation {
        source: "invalid".into(),
        description: "invalid".to_owned(),
    });
    gpu.inner.faults.gone("Unknown", "Out of memory");
    let error = gpu.wait().unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
}

/// Systems reset a card that is too long at one batch.
#[test]
fn a_batch_has_no_more_than_so_many_multiply_adds() {
    let Some(gpu) = test_gpu() else { return };
    // cards of their own may have more
    if gpu.summary().kind == crate::gpu::AdapterKind::Discrete {
        return;
    }
    let serial = || lock(&gpu.inner.batch).serial();
    let launch = |multiply_adds| {
        gpu.is_to_multiply(multiply_adds).unwrap();
        gpu.fill_with_nan(&gpu.output("poison", 256).unwrap())
            .unwrap();
        serial()
    };
    let first = launch(15_000_000_000);
    assert_eq!(launch(4_000_000_000), first);
    assert_eq!(launch(15_000_000_000), first + 1);
    assert_eq!(launch(90_000_000_000), first + 2);
    assert_eq!(launch(1), first + 3);
}

/// Whatever is under way in another thread at that moment fails by the loss, not by what the lost device refused.
#[test]
fn a_device_lost_at_any_moment_is_lost() {
    let Some(shared) = test_gpu() else { return };
    for round in 0..20 {
        let gpu = shared.reopen().unwrap();
        let lost = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_micros(200 * round));
                gpu.destroy();
            });
            loop {
                let once = || {
                    let buffer = gpu.upload(&floats(64))?;
                    let sum = gpu.output("poison", 256)?;
                    gpu.fill_with_nan(&sum)?;
                    gpu.read(&buffer, 12)
                };
                if let Err(error) = once() {
                    break error;
                }
            }
        });
        assert!(matches!(lost, Error::DeviceLost { .. }), "{lost}");
    }
}

#[test]
fn no_such_adapter_lists_what_is_there() {
    if test_gpu().is_none() {
        return;
    }
    // the number after the last is no part of a name
    let beyond = crate::gpu::adapters_now().len().to_string();
    for wanted in ["99", "1000000", "no such card", &beyond] {
        let error = find_adapter(wanted).unwrap_err().to_string();
        assert!(error.contains("the adapters are 0: "), "{error}");
    }
}

/// As of the 4090 in a card's name.
#[test]
fn a_number_beyond_the_list_is_a_part_of_a_name() {
    let Some(gpu) = test_gpu() else { return };
    let name = &gpu.summary().name;
    let mut numbers = name.split(|c: char| !c.is_ascii_digit());
    if let Some(number) = numbers.find(|n| n.parse().is_ok_and(|n: usize| n >= 100)) {
        let (found, _) = find_adapter(number).unwrap();
        assert!(found.name.contains(number), "{found:?}");
    }
}

#[test]
fn a_device_without_a_clock_says_so_and_goes_on() {
    let Some(gpu) = test_gpu() else { return };
    let device = crate::Device::Wgpu(gpu);
    let x = crate::Tensor::uniform(&[5], crate::RngKey::new(0, 0), &device).unwrap();
    let (done, launches) = crate::profile(|| x.add_scalar(1.0)?.to_vec::<f32>());
    let error = done.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Unsupported {
                op: "pointwise",
                ..
            }
        ) && error
            .to_string()
            .contains("does not tell when a launch begins"),
        "{error}"
    );
    assert_eq!(launches, []);
    assert!(x.add_scalar(1.0).unwrap().to_vec::<f32>().is_ok());
}
