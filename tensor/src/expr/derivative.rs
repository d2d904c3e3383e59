//! The derivative of an expression is an expression: reverse accumulation over the node list.

use super::{Expr, Node, build::Builder};

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
                    Some(old) => builder.binary(super::Binary::Add, old, g),
                });
            };
            match *node {
                Node::Input(m) => {
                    if m == n {
                        total = builder.binary(super::Binary::Add, total, gy);
                    }
                }
                Node::Const(_) | Node::Random(..) => {}
                Node::Unary(f, a) => {
                    let d = f.derivative(value(&builder, a));
                    let d = builder.append(&d, &|_| None);
                    let g = builder.binary(super::Binary::Mul, gy, d);
                    send(&mut builder, a, g);
                }
                Node::Binary(f, a, b) => {
                    let [da, db] = f.derivative(value(&builder, a), value(&builder, b));
                    for (o, d) in [(a, da), (b, db)] {
                        let d = builder.append(&d, &|_| None);
                        let g = builder.binary(super::Binary::Mul, gy, d);
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

#[cfg(test)]
mod tests {
    use super::super::{Binary, Unary};
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
    fn linear_functions_forget_their_inputs() {
        let e = Expr::input(0) * 3.0 + Expr::input(1);
        assert_eq!(e.derivative(0).as_constant(), Some(3.0));
        assert_eq!(e.derivative(1).as_constant(), Some(1.0));
        assert_eq!(e.derivative(2).as_constant(), Some(0.0));
    }
}
