//! The derivative of an expression is an expression: reverse accumulation over the node list.

use super::{Binary, Expr, Node, build::Builder};

impl Expr {
    /// ∂self/∂input n, as an expression of the same inputs.
    ///
    /// Random numbers, comparisons and the condition of a selection have derivative 0.
    pub fn derivative(&self, n: u8) -> Expr {
        let mut builder = Builder::new();
        let place = builder.append_all(self, &|_| None);
        let mut cotangent: Vec<Option<u16>> = vec![None; self.nodes.len()];
        cotangent[self.root()] = Some(builder.constant(1.0));
        let mut total = builder.constant(0.0);
        for (i, node) in self.nodes.iter().enumerate().rev() {
            let Some(gy) = cotangent[i] else { continue };
            let value = |p: &Builder, o: u16| Expr {
                nodes: p.nodes.clone(),
                root: place[usize::from(o)],
            };
            let mut send = |builder: &mut Builder, o: u16, g: u16| {
                let slot = &mut cotangent[usize::from(o)];
                *slot = Some(match *slot {
                    None => g,
                    Some(old) => builder.binary(Binary::Add, old, g),
                });
            };
            match *node {
                Node::Input(m) => {
                    if m == n {
                        total = builder.binary(Binary::Add, total, gy);
                    }
                }
                Node::Const(_) | Node::Random(..) => {}
                Node::Unary(f, a) => {
                    let d = f.derivative(value(&builder, a));
                    let d = builder.append(&d, &|_| None);
                    let g = builder.scaled(d, gy);
                    send(&mut builder, a, g);
                }
                Node::Binary(f, a, b) => {
                    let [da, db] = f.derivative(value(&builder, a), value(&builder, b));
                    for (o, d) in [(a, da), (b, db)] {
                        let d = builder.append(&d, &|_| None);
                        let g = builder.scaled(d, gy);
                        send(&mut builder, o, g);
                    }
                }
                Node::Select(c, a, b) => {
                    let zero = builder.constant(0.0);
                    let c = place[usize::from(c)];
                    let ga = builder.select(c, gy, zero);
                    let gb = builder.select(c, zero, gy);
                    send(&mut builder, a, ga);
                    send(&mut builder, b, gb);
                }
            }
        }
        builder.finish(total)
    }
}

impl Builder {
    /// The product of a derivative and what comes from above, two nodes. What a mask leaves out is 0, even if the other factor is infinite:
    /// the maximum of x and 0 does not change with x < 0, however fast what follows does.
    fn scaled(&mut self, d: u16, gy: u16) -> u16 {
        for (mask, other) in [(d, gy), (gy, d)] {
            let zero = self.constant(0.0);
            match self.nodes[usize::from(mask)] {
                Node::Select(c, a, b) if a == zero => {
                    let b = self.scaled(b, other);
                    return self.select(c, zero, b);
                }
                Node::Select(c, a, b) if b == zero => {
                    let a = self.scaled(a, other);
                    return self.select(c, a, zero);
                }
                Node::Binary(Binary::Lt | Binary::Le | Binary::Eq, ..) => {
                    return self.select(mask, other, zero);
                }
                // no change at all, whatever it would be multiplied by
                _ if mask == zero => return zero,
                _ => {}
            }
        }
        self.binary(Binary::Mul, gy, d)
    }
}

impl Expr {
    /// This derivative times `gy`, which may be infinite where a mask leaves it out.
    pub fn scaled(self, gy: Expr) -> Expr {
        let mut builder = Builder { nodes: self.nodes };
        let gy = builder.append(&gy, &|_| None);
        let root = builder.scaled(self.root, gy);
        builder.finish(root)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Unary;
    use super::*;

    /// Central difference in f64 (step 1e-5, error about 1e-9).
    fn numeric(e: &Expr, at: &[f64], n: usize) -> f64 {
        let h = 1e-5;
        let (mut up, mut down) = (at.to_vec(), at.to_vec());
        up[n] += h;
        down[n] -= h;
        (e.eval(&up) - e.eval(&down)) / (2.0 * h)
    }

    fn check(e: &Expr, at: &[f64]) {
        for n in 0..at.len() {
            let d = e.derivative(n as u8);
            let (got, want) = (d.eval(at), numeric(e, at, n));
            assert!(
                (got - want).abs() < 1e-6 * (1.0 + want.abs()),
                "{e:?} at {at:?}: {got} {want}"
            );
            for m in 0..at.len() {
                let (got, want) = (d.derivative(m as u8).eval(at), numeric(&d, at, m));
                assert!(
                    (got - want).abs() < 1e-5 * (1.0 + want.abs()),
                    "order 2 {e:?} at {at:?}"
                );
            }
        }
    }

    #[test]
    fn every_function_to_order_two() {
        for f in Unary::ALL {
            for x in [0.3, 0.9, 1.7] {
                // in the middle of an expression, with a coefficient that is not one
                check(
                    &((Expr::input(0) * 1.3).unary(f) * -0.7 + Expr::input(0)),
                    &[x],
                );
            }
        }
        for f in Binary::ALL {
            for at in [[0.3, 0.8], [1.7, 0.4], [0.6, 1.1]] {
                let e = (Expr::input(0) * 1.3).binary(f, Expr::input(1) * 0.9) * -0.7;
                check(&(e * Expr::input(0)), &at);
            }
        }
    }

    #[test]
    fn selection_sends_the_gradient_to_the_chosen_side() {
        let x = Expr::input(0);
        let e = x
            .clone()
            .less_than(0.0)
            .select(x.clone() * 0.2, x.clone() * x);
        check(&e, &[-0.8]);
        check(&e, &[1.4]);
    }

    #[test]
    fn what_a_mask_leaves_out_is_zero_even_times_infinity() {
        let x = Expr::input(0);
        let relu = x.clone().maximum(0.0);
        let clamped = x.clone().maximum(-1.0).minimum(1.0);
        let chosen = x.clone().less_than(0.0).select(x.clone() * 2.0, 7.0);
        let rooted = x.clone().maximum(0.0).sqrt();
        for (e, at) in [(&relu, -1.0), (&clamped, -2.0), (&chosen, 2.0)] {
            let d = e.derivative(0).scaled(Expr::input(1));
            assert_eq!(d.eval(&[at, f64::INFINITY]), 0.0, "{e:?}");
        }
        assert_eq!(rooted.derivative(0).eval(&[-1.0]), 0.0);
        let inside = relu.derivative(0).scaled(Expr::input(1));
        assert_eq!(inside.eval(&[1.0, f64::INFINITY]), f64::INFINITY);
    }

    #[test]
    fn the_derivative_of_a_quotient_of_small_numbers() {
        let quotient = Expr::input(0) / Expr::input(1);
        // −a/b², of which b² alone would be 0 in f64
        assert_eq!(quotient.derivative(1).eval(&[1e-200, 1e-200]), -1e200);
    }

    #[test]
    fn linear_functions_forget_their_inputs() {
        let e = Expr::input(0) * 3.0 + Expr::input(1);
        assert_eq!(e.derivative(0).as_constant(), Some(3.0));
        assert_eq!(e.derivative(1).as_constant(), Some(1.0));
        assert_eq!(e.derivative(2).as_constant(), Some(0.0));
    }
}
