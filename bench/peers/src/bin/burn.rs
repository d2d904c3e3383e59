//! `burn --what step --model resnet_small --batch 16 --backend flex`

use burn::tensor::activation::leaky_relu;
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Distribution, Tensor, module};
use clap::Parser;
use clel_peers::{Framework, Network, Options, Session, run};

struct Burn(Device);

fn options(pad: usize) -> ConvOptions<2> {
    ConvOptions::new([1, 1], [pad, pad], [1, 1], 1)
}

impl Framework for Burn {
    type Image = Tensor<4>;
    type Matrix = Tensor<2>;
    type Vector = Tensor<1>;

    fn image(&self, shape: [usize; 4], deviation: f64) -> Tensor<4> {
        Tensor::random(shape, Distribution::Normal(0.0, deviation), &self.0)
    }
    fn matrix(&self, shape: [usize; 2], deviation: f64) -> Tensor<2> {
        Tensor::random(shape, Distribution::Normal(0.0, deviation), &self.0)
    }
    fn zeros(&self, len: usize) -> Tensor<1> {
        Tensor::zeros([len], &self.0)
    }
    fn conv(
        &self,
        x: &Tensor<4>,
        w: &Tensor<4>,
        bias: Option<&Tensor<1>>,
        pad: usize,
    ) -> Tensor<4> {
        module::conv2d(x.clone(), w.clone(), bias.cloned(), options(pad))
    }
    fn conv_input_grad(&self, g: &Tensor<4>, w: &Tensor<4>, pad: usize) -> Tensor<4> {
        let options = ConvTransposeOptions::new([1, 1], [pad, pad], [0, 0], [1, 1], 1);
        module::conv_transpose2d(g.clone(), w.clone(), None, options)
    }
    fn conv_weight_grad(
        &self,
        x: &Tensor<4>,
        w: &Tensor<4>,
        g: &Tensor<4>,
        pad: usize,
    ) -> Tensor<4> {
        module::conv2d_weight_backward(x.clone(), w.clone(), g.clone(), options(pad))
    }
    fn normalise(&self, x: &Tensor<4>) -> Tensor<4> {
        (x.clone() - 0.5) / 0.25
    }
    fn leaky(&self, x: &Tensor<4>) -> Tensor<4> {
        leaky_relu(x.clone(), 0.2)
    }
    fn leaky_rows(&self, x: &Tensor<2>) -> Tensor<2> {
        leaky_relu(x.clone(), 0.2)
    }
    fn add(&self, a: &Tensor<4>, b: &Tensor<4>) -> Tensor<4> {
        a.clone() + b.clone()
    }
    fn pool(&self, x: &Tensor<4>) -> Tensor<4> {
        let options = AvgPoolOptions {
            kernel_size: [2, 2],
            stride: [2, 2],
            padding: [(0, 0); 2],
            count_include_pad: true,
            ceil_mode: false,
        };
        module::avg_pool2d(x.clone(), options)
    }
    fn mean(&self, x: &Tensor<4>) -> Tensor<2> {
        let [n, c, h, w] = x.dims();
        x.clone().reshape([n, c, h * w]).mean_dim(2).reshape([n, c])
    }
    fn matmul(&self, a: &Tensor<2>, b: &Tensor<2>) -> Tensor<2> {
        a.clone().matmul(b.clone())
    }
    fn linear(&self, x: &Tensor<2>, w: &Tensor<2>, bias: &Tensor<1>) -> Tensor<2> {
        module::linear(x.clone(), w.clone(), Some(bias.clone()))
    }
    fn langevin_step(&self, x: &Tensor<4>, f: &Network<Self>) -> Tensor<4> {
        let x = x.clone().autodiff().require_grad();
        let energy = f.features(self, &x).powi_scalar(2).sum() * 0.5;
        let mut gradients = energy.backward();
        let gradient = x
            .grad_remove(&mut gradients)
            .expect("the image has a gradient");
        let x = x.without_autodiff();
        let noise = x.random_like(Distribution::Normal(0.0, 0.001));
        (x - gradient * 100.0 + noise).clamp(0.0, 1.0)
    }
    fn wait(&self) {
        self.0.sync().expect("the device answers");
    }
}

fn main() {
    let options = Options::parse();
    let device = match options.backend.as_str() {
        "flex" => Device::flex(),
        #[allow(deprecated)]
        "ndarray" => Device::ndarray(),
        #[cfg(feature = "wgpu")]
        "wgpu" => Device::wgpu(Default::default()),
        other => {
            eprintln!("error: --backend {other}: flex, ndarray, or wgpu with the feature `wgpu`");
            std::process::exit(2)
        }
    };
    let program = format!("burn ({})", options.backend);
    run(&Burn(device), &mut Session::new(options, program, "0.22.1"));
}
