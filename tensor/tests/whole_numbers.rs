//! Arrays of u32: moved as they are, and refused where only floating point has a meaning.

mod common;

use clel_tensor::{DType, Error, Result, Tensor};
use common::devices;

/// Neither is an f32.
const ODD: [u32; 4] = [(1 << 24) + 1, u32::MAX, 7, 3_000_000_001];

#[test]
fn every_bit_is_kept() -> Result<()> {
    for device in devices() {
        let x = Tensor::from_slice(&ODD, &[2, 2], &device)?;
        let turned = x.transpose(0, 1)?.contiguous()?.to_vec::<u32>()?;
        assert_eq!(turned, [ODD[0], ODD[2], ODD[1], ODD[3]], "{device}");
        let mirrored = x.flip(1)?.to_vec::<u32>()?;
        assert_eq!(mirrored, [ODD[1], ODD[0], ODD[3], ODD[2]], "{device}");
        let repeated = x.slice(0, 1, 1)?.expand(&[3, 2])?.to_vec::<u32>()?;
        assert_eq!(repeated, [ODD[2], ODD[3]].repeat(3), "{device}");
        // on a GPU a part that does not begin where a kernel could read it is copied
        let part = x.reshape(&[4])?.slice(0, 1, 3)?.to_vec::<u32>()?;
        assert_eq!(part, ODD[1..], "{device}");
        // long enough for whole vectors along rows
        let long: Vec<u32> = (0..96).map(|i| u32::MAX - i).collect();
        let rows = Tensor::from_slice(&long, &[8, 12], &device)?.slice(1, 4, 8)?;
        let wanted: Vec<u32> = long.chunks(12).flat_map(|row| row[4..].to_vec()).collect();
        assert_eq!(rows.to_vec::<u32>()?, wanted, "{device}");
        let full = Tensor::full(&[3], f64::from(ODD[3]), DType::U32, &device)?;
        assert_eq!(full.to_vec::<u32>()?, [ODD[3]; 3], "{device}");
    }
    Ok(())
}

#[test]
fn sums_and_the_like_want_floating_point() -> Result<()> {
    for device in devices() {
        let x = Tensor::from_slice(&ODD, &[4], &device)?;
        let images = x.reshape(&[1, 2, 2, 1])?;
        let rows = Tensor::from_slice(&[0u32, 1, 0, 1], &[4], &device)?;
        for refused in [
            x.argmax(0),
            x.sum_all(),
            x.max(&[0], false),
            // of one element each
            x.reshape(&[4, 1])?.sum(&[1], false),
            x.reshape(&[4, 1])?.mean(&[1], false),
            x.reshape(&[4, 1])?.logsumexp(&[1], false),
            images.avg_pool2d(2, 2, 0),
            images.max_pool2d_index(2, 2, 0),
            x.scatter_add(&rows, 2),
        ] {
            let e = refused.expect_err("u32 have no sum");
            assert!(
                matches!(
                    e,
                    Error::DType {
                        found: DType::U32,
                        ..
                    }
                ),
                "{device}: {e}"
            );
        }
    }
    Ok(())
}
