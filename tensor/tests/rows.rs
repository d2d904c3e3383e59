//! Writing rows: in place where nobody else holds the array, which nobody can tell from the numbers.

mod common;

use clel_tensor::{DType, Device, Error, RngKey, Tensor, count_launches};
use common::devices;

fn array(device: &Device) -> Result<Tensor, Error> {
    let t = Tensor::arange(12, DType::F32, device)?.reshape(&[4, 3])?;
    // a view of numbers that are there already is no array of its own
    t.add_scalar(0.0)
}

const WRITTEN: [f32; 12] = [
    0.0, 1.0, 2.0, -4.0, -5.0, -6.0, 6.0, 7.0, 8.0, -1.0, -2.0, -3.0,
];

#[test]
fn rows_are_written_wherever_others_look() -> Result<(), Error> {
    for device in devices() {
        let new = [-1.0f32, -2.0, -3.0, -4.0, -5.0, -6.0];
        let rows = Tensor::from_slice(&new, &[2, 3], &device)?;
        let mut alone = array(&device)?;
        alone.realize()?;
        let (written, launches) = count_launches(|| alone.set_rows(&[3, 1], &rows));
        written?;
        assert_eq!(alone.to_vec::<f32>()?, WRITTEN, "{device}");
        assert_eq!(launches.is_empty(), device.is_cpu(), "{launches:?}");

        // held by a clone, by a view, and by something that is not computed yet
        let mut shared = array(&device)?;
        let before = shared.clone();
        shared.set_rows(&[3, 1], &rows)?;
        assert_eq!(shared.to_vec::<f32>()?, WRITTEN, "{device}");
        assert_eq!(before.to_vec::<f32>()?, array(&device)?.to_vec::<f32>()?);
        let mut viewed = array(&device)?;
        let (view, later) = (viewed.slice(0, 3, 1)?, viewed.mul_scalar(2.0)?);
        viewed.set_rows(&[3, 1], &rows)?;
        assert_eq!(view.to_vec::<f32>()?, [9.0, 10.0, 11.0], "{device}");
        assert_eq!(later.to_vec::<f32>()?[9..], [18.0, 20.0, 22.0], "{device}");
        assert_eq!(viewed.to_vec::<f32>()?, WRITTEN, "{device}");

        // made of itself, in another order
        let mut itself = array(&device)?;
        let turned = itself.slice(0, 0, 2)?.flip(0)?;
        itself.set_rows(&[0, 1], &turned)?;
        drop(turned);
        assert_eq!(
            itself.to_vec::<f32>()?[..6],
            [3.0, 4.0, 5.0, 0.0, 1.0, 2.0],
            "{device}"
        );
        let doubled = itself.slice(0, 2, 1)?.mul_scalar(2.0)?;
        itself.set_rows(&[2], &doubled)?;
        assert_eq!(itself.to_vec::<f32>()?[6..9], [12.0, 14.0, 16.0]);
        itself.set_rows(&[], &Tensor::zeros(&[0, 3], DType::F32, &device)?)?;
        assert_eq!(itself.to_vec::<f32>()?[6..9], [12.0, 14.0, 16.0]);
    }
    Ok(())
}

#[test]
fn what_are_no_rows_of_it_is_refused() -> Result<(), Error> {
    let cpu = Device::Cpu;
    let mut x = Tensor::normal(&[4, 3], RngKey::new(1, 0), &cpu)?;
    let before = x.to_vec::<f32>()?;
    let rows = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &cpu);
    for (places, rows, told) in [
        (&[1, 2][..], rows(&[1, 3])?, "expected rows [2, 3]"),
        (&[1], rows(&[1, 4])?, "expected rows [1, 3]"),
        (&[4], rows(&[1, 3])?, "there is no row 4"),
        (&[1], Tensor::zeros(&[1, 3], DType::F64, &cpu)?, "f64"),
    ] {
        let error = x.set_rows(places, &rows).unwrap_err().to_string();
        assert!(
            error.starts_with("set_rows: ") && error.contains(told),
            "{error}"
        );
    }
    assert_eq!(x.to_vec::<f32>()?, before);
    Ok(())
}
