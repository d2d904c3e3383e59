//! Pointwise operations. One rule serves them all: the derivative of an expression is an expression.

use clel_tensor::{
    DType, Expr, Tensor,
    expr::{Binary, Unary},
};

use crate::{
    Result, Var,
    error::named,
    rules::{Op, PointwiseRule},
};

impl Var {
    /// See [`Tensor::pointwise`]. Any expression is differentiable.
    ///
    /// # Errors
    /// Those of `Tensor::pointwise`.
    pub fn pointwise(expr: &Expr, inputs: &[&Var]) -> Result<Var> {
        let tensors: Vec<&Tensor> = inputs.iter().map(|v| v.tensor()).collect();
        let value = Tensor::pointwise(expr, &tensors)?;
        Ok(Var::record(value, inputs, || {
            let mut saved: Vec<usize> = Vec::new();
            let rules = inputs.iter().enumerate().map(|(n, v)| {
                if !v.requires_grad() {
                    return None;
                }
                rule(expr, n as u8, inputs.len(), &mut saved)
            });
            let rules = rules.collect();
            (
                Op::Pointwise(rules),
                saved.iter().map(|&i| inputs[i].clone()).collect(),
            )
        }))
    }

    /// A function f of each element that is linear piece by piece: `f` of the element, and its `slope` as a function
    /// of f's value. Unlike [`pointwise`](Var::pointwise) it keeps the result for the derivative and not the operand, which
    /// then need not be stored at all. The slope's own derivative is zero.
    ///
    /// ```
    /// use clel_autograd::{GradOptions, Var, grad};
    /// use clel_tensor::{Device, Expr, Tensor};
    /// let x = Var::leaf(Tensor::from_slice(&[-3.0f32, 2.0], &[2], &Device::Cpu)?);
    /// let relu = Expr::input(0).maximum(0.0);
    /// let slope = Expr::constant(0.0).less_than(Expr::input(0));
    /// let y = Var::piecewise_linear(&relu, &slope, &x)?;
    /// let g = grad(&[&y], &[&x], &GradOptions::default())?;
    /// assert_eq!(g[0].tensor().to_vec::<f32>()?, [0.0, 1.0]);
    /// # Ok::<(), clel_autograd::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `Tensor::pointwise`.
    pub fn piecewise_linear(f: &Expr, slope: &Expr, x: &Var) -> Result<Var> {
        let value = Tensor::pointwise(f, &[x.tensor()])?;
        let result = Var::constant(value.clone());
        Ok(Var::record(value, &[x], || {
            let expr = slope.clone().scaled(Expr::input(1));
            let rule = PointwiseRule {
                expr,
                saved: vec![0],
            };
            (Op::Pointwise(vec![Some(rule)]), vec![result])
        }))
    }

    /// See [`Tensor::to_dtype`]; differentiable between types of floating point.
    ///
    /// # Errors
    /// Those of `Tensor::to_dtype`.
    pub fn to_dtype(&self, dtype: DType) -> Result<Var> {
        if dtype == self.tensor().dtype() {
            return Ok(self.clone());
        }
        let value = self.tensor().to_dtype(dtype)?;
        if !dtype.is_float() {
            return Ok(Var::constant(value));
        }
        let from = self.tensor().dtype();
        Ok(Var::record(value, &[self], || (Op::Cast(from), vec![])))
    }
}

/// The rule for operand n, or `None` if the expression does not change with it. Operands that it
/// needs are added to `saved`.
fn rule(expr: &Expr, n: u8, operands: usize, saved: &mut Vec<usize>) -> Option<PointwiseRule> {
    let derivative = expr.derivative(n);
    if derivative.as_constant() == Some(0.0) {
        return None;
    }
    let used: Vec<usize> = (0..operands)
        .filter(|&i| derivative.uses(i as u8))
        .collect();
    let mut place = vec![0u8; operands];
    used.iter()
        .enumerate()
        .for_each(|(at, &i)| place[i] = at as u8);
    let expr = derivative
        .renumber(&place)
        .scaled(Expr::input(used.len() as u8));
    let mut keep = |i: usize| {
        saved.iter().position(|&s| s == i).unwrap_or_else(|| {
            saved.push(i);
            saved.len() - 1
        })
    };
    let saved = used.into_iter().map(&mut keep).collect();
    Some(PointwiseRule { expr, saved })
}

macro_rules! unary_methods {
    ($($name:ident $f:ident),*) => {
        impl Var {$(
            #[doc = concat!("See [`Tensor::", stringify!($name), "`].")]
            ///
            /// # Errors
            /// Those of the tensor operation.
            pub fn $name(&self) -> Result<Var> {
                let e = Expr::input(0).unary(Unary::$f);
                named(stringify!($name), Var::pointwise(&e, &[self]))
            }
        )*}
    };
}
unary_methods! {
    neg Neg, abs Abs, sign Sign, exp Exp, exp_m1 ExpM1, ln Ln, ln_1p Ln1P, sqrt Sqrt, recip Recip, sin Sin, cos Cos, tanh Tanh,
    sigmoid Sigmoid, floor Floor, non_finite NonFinite
}

macro_rules! binary_methods {
    ($($name:ident $scalar:ident $f:ident),*) => {
        impl Var {$(
            #[doc = concat!("See [`Tensor::", stringify!($name), "`].")]
            ///
            /// # Errors
            /// Those of the tensor operation.
            pub fn $name(&self, other: &Var) -> Result<Var> {
                let e = Expr::input(0).binary(Binary::$f, Expr::input(1));
                // one operand twice is one operand: its gradient is then complete in one term
                let twice = self.node().zip(other.node()).is_some_and(|(a, b)| a.id == b.id);
                let result = match twice && self.tensor().same(other.tensor()) {
                    true => Var::pointwise(&e.renumber(&[0, 0]), &[self]),
                    false => Var::pointwise(&e, &[self, other]),
                };
                named(stringify!($name), result)
            }

            #[doc = concat!("See [`Tensor::", stringify!($scalar), "`].")]
            ///
            /// # Errors
            /// Those of the tensor operation.
            pub fn $scalar(&self, other: f64) -> Result<Var> {
                let e = Expr::input(0).binary(Binary::$f, Expr::constant(other));
                named(stringify!($scalar), Var::pointwise(&e, &[self]))
            }
        )*}
    };
}
binary_methods! {
    add add_scalar Add, sub sub_scalar Sub, mul mul_scalar Mul, div div_scalar Div,
    maximum maximum_scalar Max, minimum minimum_scalar Min, pow pow_scalar Pow,
    less_than less_than_scalar Lt, less_equal less_equal_scalar Le, equal equal_scalar Eq
}

impl Var {
    /// See [`Tensor::clamp`]; the gradient passes where the element is within the bounds.
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn clamp(&self, low: f64, high: f64) -> Result<Var> {
        let e = Expr::input(0).maximum(low).minimum(high);
        named("clamp", Var::pointwise(&e, &[self]))
    }

    /// See [`Tensor::select`]; `self` gets no gradient.
    ///
    /// # Errors
    /// Those of the tensor operation.
    pub fn select(&self, a: &Var, b: &Var) -> Result<Var> {
        let e = Expr::input(0).select(Expr::input(1), Expr::input(2));
        named("select", Var::pointwise(&e, &[self, a, b]))
    }
}
