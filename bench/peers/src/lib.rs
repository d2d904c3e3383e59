//! The work of `clel bench` for other Rust libraries: the same cases, names and JSON. A library is
//! described once, as a [`Framework`].

mod measure;
mod network;

pub use measure::{Options, Session};
pub use network::{Conv, Linear, Network, convolutions};

/// What the cases need of a library. Images are [N, C, H, W], weights of convolutions [O, C, K, K], of linear layers
/// [inputs, outputs].
pub trait Framework {
    type Image: Clone;
    type Matrix: Clone;
    type Vector;

    /// Normal numbers of that deviation.
    fn image(&self, shape: [usize; 4], deviation: f64) -> Self::Image;
    fn matrix(&self, shape: [usize; 2], deviation: f64) -> Self::Matrix;
    fn zeros(&self, len: usize) -> Self::Vector;

    fn conv(
        &self,
        x: &Self::Image,
        w: &Self::Image,
        bias: Option<&Self::Vector>,
        pad: usize,
    ) -> Self::Image;
    /// The gradient with respect to the input, given the output's; as the library's own backward pass computes it.
    fn conv_input_grad(&self, g: &Self::Image, w: &Self::Image, pad: usize) -> Self::Image;
    fn conv_weight_grad(
        &self,
        x: &Self::Image,
        w: &Self::Image,
        g: &Self::Image,
        pad: usize,
    ) -> Self::Image;
    /// (x − 0.5) / 0.25
    fn normalise(&self, x: &Self::Image) -> Self::Image;
    /// LeakyReLU 0.2
    fn leaky(&self, x: &Self::Image) -> Self::Image;
    fn leaky_rows(&self, x: &Self::Matrix) -> Self::Matrix;
    fn add(&self, a: &Self::Image, b: &Self::Image) -> Self::Image;
    /// Averages of 2×2 pixels.
    fn pool(&self, x: &Self::Image) -> Self::Image;
    /// Averages over all pixels, [N, C].
    fn mean(&self, x: &Self::Image) -> Self::Matrix;
    fn matmul(&self, a: &Self::Matrix, b: &Self::Matrix) -> Self::Matrix;
    fn linear(&self, x: &Self::Matrix, w: &Self::Matrix, bias: &Self::Vector) -> Self::Matrix;
    /// x ← clamp(x − 100 ∇½‖f(x)‖² + 0.001 ε, 0, 1)
    fn langevin_step(&self, x: &Self::Image, f: &Network<Self>) -> Self::Image
    where
        Self: Sized;
    /// Waits for the device.
    fn wait(&self);
}

/// Measures what the options ask for.
pub fn run<F: Framework>(framework: &F, session: &mut Session) {
    let options = session.options.clone();
    let n = options.batch;
    for what in &options.what {
        match what.as_str() {
            "matmul" => {
                let hidden = network::hidden(&options.model);
                for (m, n, k) in [
                    (1024, 1024, 1024),
                    (n, hidden[1], hidden[0]),
                    (n, hidden[2], hidden[1]),
                ] {
                    let (a, b) = (framework.matrix([m, k], 1.0), framework.matrix([k, n], 1.0));
                    session.measure(format!("matmul {m}x{n}x{k}"), || {
                        framework.matmul(&a, &b);
                        framework.wait();
                    });
                }
            }
            "conv" => {
                for [i, o, k, side] in convolutions(&options.model) {
                    let x = framework.image([n, i, side, side], 1.0);
                    let g = framework.image([n, o, side, side], 1.0);
                    let w = framework.image([o, i, k, k], 1.0);
                    let name = format!("conv {i}->{o} {k}x{k} on {side}x{side} b{n}");
                    session.measure(format!("{name}, forward"), || {
                        framework.conv(&x, &w, None, k / 2);
                        framework.wait();
                    });
                    session.measure(format!("{name}, input gradient"), || {
                        framework.conv_input_grad(&g, &w, k / 2);
                        framework.wait();
                    });
                    session.measure(format!("{name}, weight gradient"), || {
                        framework.conv_weight_grad(&x, &w, &g, k / 2);
                        framework.wait();
                    });
                }
            }
            "step" => {
                let network = Network::new(framework, &options.model);
                let [side, channels] = network::image(&options.model);
                let mut x = framework.image([n, channels, side, side], 0.3);
                session.measure(format!("step {} b{n}, weights held", options.model), || {
                    x = framework.langevin_step(&x, &network);
                    framework.wait();
                });
            }
            other => session.refuse(other),
        }
    }
    session.report();
}
