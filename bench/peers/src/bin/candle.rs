//! `candle --what step --model resnet_small --batch 16`

use candle_core::{Device, Result, Tensor, Var};
use clap::Parser;
use clel_peers::{Framework, Network, Options, Session, run};

struct Candle;

/// All shapes here fit.
fn fits(result: Result<Tensor>) -> Tensor {
    result.expect("shapes that fit")
}

fn leaky(x: &Tensor) -> Result<Tensor> {
    x.maximum(&(x * 0.2)?)
}

fn step(x: &Tensor, f: &Network<Candle>) -> Result<Tensor> {
    let x = Var::from_tensor(x)?;
    let energy = (f.features(&Candle, &x).sqr()?.sum_all()? * 0.5)?;
    let gradients = energy.backward()?;
    let gradient = gradients.get(&x).expect("the image has a gradient");
    let noise = x.randn_like(0.0, 0.001)?;
    ((x.as_detached_tensor() - (gradient * 100.0)?)? + noise)?.clamp(0f32, 1f32)
}

impl Framework for Candle {
    type Image = Tensor;
    type Matrix = Tensor;
    type Vector = Tensor;

    fn image(&self, shape: [usize; 4], deviation: f64) -> Tensor {
        fits(Tensor::randn(
            0f32,
            deviation as f32,
            shape.to_vec(),
            &Device::Cpu,
        ))
    }
    fn matrix(&self, shape: [usize; 2], deviation: f64) -> Tensor {
        fits(Tensor::randn(
            0f32,
            deviation as f32,
            shape.to_vec(),
            &Device::Cpu,
        ))
    }
    fn zeros(&self, len: usize) -> Tensor {
        fits(Tensor::zeros(len, candle_core::DType::F32, &Device::Cpu))
    }
    fn conv(&self, x: &Tensor, w: &Tensor, bias: Option<&Tensor>, pad: usize) -> Tensor {
        let y = fits(x.conv2d(w, pad, 1, 1, 1));
        match bias {
            None => y,
            Some(bias) => fits(
                bias.reshape((1, (), 1, 1))
                    .and_then(|bias| y.broadcast_add(&bias)),
            ),
        }
    }
    fn conv_input_grad(&self, g: &Tensor, w: &Tensor, pad: usize) -> Tensor {
        fits(g.conv_transpose2d(w, pad, 0, 1, 1))
    }
    fn conv_weight_grad(&self, x: &Tensor, _: &Tensor, g: &Tensor, pad: usize) -> Tensor {
        let turned = |t: &Tensor| fits(t.transpose(0, 1));
        turned(&fits(turned(x).conv2d(&turned(g), pad, 1, 1, 1)))
    }
    fn normalise(&self, x: &Tensor) -> Tensor {
        fits(x.affine(4.0, -2.0))
    }
    fn leaky(&self, x: &Tensor) -> Tensor {
        fits(leaky(x))
    }
    fn leaky_rows(&self, x: &Tensor) -> Tensor {
        fits(leaky(x))
    }
    fn add(&self, a: &Tensor, b: &Tensor) -> Tensor {
        fits(a + b)
    }
    fn pool(&self, x: &Tensor) -> Tensor {
        fits(x.avg_pool2d(2))
    }
    fn mean(&self, x: &Tensor) -> Tensor {
        fits(x.mean((2, 3)))
    }
    fn matmul(&self, a: &Tensor, b: &Tensor) -> Tensor {
        fits(a.matmul(b))
    }
    fn linear(&self, x: &Tensor, w: &Tensor, bias: &Tensor) -> Tensor {
        fits(x.matmul(w).and_then(|y| y.broadcast_add(bias)))
    }
    fn langevin_step(&self, x: &Tensor, f: &Network<Self>) -> Tensor {
        fits(step(x, f))
    }
    fn wait(&self) {}
}

fn main() {
    let options = Options::parse();
    run(
        &Candle,
        &mut Session::new(options, "candle".into(), "0.11.1"),
    );
}
