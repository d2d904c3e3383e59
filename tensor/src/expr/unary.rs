//! Functions of one number: one row each.

use super::{Expr, elementary};

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unary {
    /// −x
    Neg,
    /// |x|
    Abs,
    /// −1, 0 or 1
    Sign,
    /// eˣ
    Exp,
    /// eˣ − 1, with all its digits near 0
    ExpM1,
    /// natural logarithm
    Ln,
    /// ln(1 + x), with all its digits near 0
    Ln1P,
    /// √x
    Sqrt,
    /// 1 / x
    Recip,
    /// sin x, radians
    Sin,
    /// cos x, radians
    Cos,
    /// tanh x
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// the largest integer ≤ x
    Floor,
    /// 1 where x is NaN or infinite, else 0
    NonFinite,
}

/// The floating-point types that the functions are written for.
pub trait Scalar:
    Copy
    + PartialOrd
    + std::ops::Neg<Output = Self>
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// The function of this number: the library's, but for those of f32 in `elementary.rs`, which vectorise.
    fn call(self, f: Unary) -> Self;
    /// `self` to the power `e`.
    fn power(self, e: Self) -> Self;
}

macro_rules! scalar {
    ($t:ty, $functions:ident) => {
        impl Scalar for $t {
            const ZERO: $t = 0.0;
            const ONE: $t = 1.0;
            #[inline(always)]
            fn call(self, f: Unary) -> $t {
                match f {
                    Unary::Neg => -self,
                    Unary::Abs => self.abs(),
                    Unary::Sign => {
                        if self > 0.0 {
                            1.0
                        } else if self < 0.0 {
                            -1.0
                        } else {
                            0.0
                        }
                    }
                    Unary::Exp => $functions::exp(self),
                    Unary::ExpM1 => $functions::exp_m1(self),
                    Unary::Ln => $functions::ln(self),
                    Unary::Ln1P => $functions::ln_1p(self),
                    Unary::Sqrt => self.sqrt(),
                    Unary::Recip => 1.0 / self,
                    Unary::Sin => self.sin(),
                    Unary::Cos => self.cos(),
                    Unary::Tanh => $functions::tanh(self),
                    // both branches stay finite for any x
                    Unary::Sigmoid => {
                        let e = $functions::exp(-self.abs());
                        (if self >= 0.0 { 1.0 } else { e }) / (1.0 + e)
                    }
                    Unary::Floor => self.floor(),
                    Unary::NonFinite => f64::from(!self.is_finite()) as $t,
                }
            }
            #[inline(always)]
            fn power(self, e: $t) -> $t {
                self.powf(e)
            }
        }
    };
}
scalar!(f32, elementary);
scalar!(f64, f64);

impl Unary {
    /// Every function, for tests and tables.
    pub const ALL: [Unary; 15] = [
        Unary::Neg,
        Unary::Abs,
        Unary::Sign,
        Unary::Exp,
        Unary::ExpM1,
        Unary::Ln,
        Unary::Ln1P,
        Unary::Sqrt,
        Unary::Recip,
        Unary::Sin,
        Unary::Cos,
        Unary::Tanh,
        Unary::Sigmoid,
        Unary::Floor,
        Unary::NonFinite,
    ];

    /// The function's value.
    #[inline(always)]
    pub fn apply<T: Scalar>(self, x: T) -> T {
        x.call(self)
    }

    /// WGSL text of the function for the operand `x`, a `vec4<f32>`. `safe_*`, `sign_of` and
    /// `non_finite` are defined in `numerics.wgsl`.
    pub fn wgsl(self, x: &str) -> String {
        match self {
            Unary::Neg => format!("(-{x})"),
            Unary::Abs => format!("abs({x})"),
            Unary::Sign => format!("sign_of({x})"),
            Unary::Exp => format!("safe_exp({x})"),
            Unary::ExpM1 => format!("safe_exp_m1({x})"),
            Unary::Ln => format!("safe_ln({x})"),
            Unary::Ln1P => format!("safe_ln_1p({x})"),
            Unary::Sqrt => format!("sqrt({x})"),
            Unary::Recip => format!("(1.0 / {x})"),
            Unary::Sin => format!("safe_sin({x})"),
            Unary::Cos => format!("safe_cos({x})"),
            Unary::Tanh => format!("safe_tanh({x})"),
            Unary::Sigmoid => format!("safe_sigmoid({x})"),
            Unary::Floor => format!("floor({x})"),
            Unary::NonFinite => format!("non_finite({x})"),
        }
    }

    /// df/dx as an expression of `x`; steps (sign, floor) have derivative 0, and |x| has 0 at 0.
    pub fn derivative(self, x: Expr) -> Expr {
        match self {
            Unary::Neg => Expr::constant(-1.0),
            Unary::Abs => x.sign(),
            Unary::Sign | Unary::Floor | Unary::NonFinite => Expr::constant(0.0),
            Unary::Exp | Unary::ExpM1 => x.exp(),
            Unary::Ln => x.recip(),
            Unary::Ln1P => (x + 1.0).recip(),
            Unary::Sqrt => x.sqrt().recip() * 0.5,
            Unary::Recip => -(x.clone() * x).recip(),
            Unary::Sin => x.cos(),
            Unary::Cos => -x.sin(),
            Unary::Tanh => {
                let y = x.tanh();
                Expr::constant(1.0) - y.clone() * y
            }
            Unary::Sigmoid => {
                let y = x.sigmoid();
                y.clone() * (Expr::constant(1.0) - y)
            }
        }
    }
}
