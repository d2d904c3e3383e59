//! What a gradient occupies on the way. One test, since all tests of a process share the memory.

use clel_autograd::{GradOptions, Result, Var, grad, grad_releasing};
use clel_tensor::{DType, Device, Tensor, cpu::cpu_memory};

const LEN: usize = 1 << 20;

/// 24 short arrays are saved after a long one, whose gradient is the last.
fn loss(x: &Var) -> Result<Var> {
    let mut y = x.exp()?.slice(0, 0, LEN / 8)?;
    for _ in 0..24 {
        y = y.tanh()?;
        y.tensor().realize()?;
    }
    y.sum_all()
}

#[test]
fn what_a_step_saved_goes_with_it() -> Result<()> {
    let x = Var::leaf(Tensor::zeros(&[LEN], DType::F32, &Device::Cpu)?);
    let options = GradOptions::default();
    let finish = |g: Vec<Var>| g[0].tensor().to_vec::<f32>().map_err(Into::into);
    let released: Result<Vec<f32>> = finish(grad_releasing(vec![loss(&x)?], &[&x], &options)?);
    let least = cpu_memory().peak;
    let loss = loss(&x)?;
    let kept: Result<Vec<f32>> = finish(grad(&[&loss], &[&x], &options)?);
    assert_eq!(released?, kept?);
    // the long gradient comes on top of all that was saved, not in its place
    let more = cpu_memory().peak - least;
    assert!(more >= LEN * size_of::<f32>(), "{more} bytes more");
    Ok(())
}
