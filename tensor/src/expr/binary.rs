//! Functions of two numbers: one row each.

use super::{Expr, unary::Scalar};

/// A function of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binary {
    /// a + b
    Add,
    /// a − b
    Sub,
    /// a · b
    Mul,
    /// a / b
    Div,
    /// the larger, NaN if either is; the gradient goes to a where a ≥ b
    Max,
    /// the smaller, NaN if either is; the gradient goes to a where a ≤ b
    Min,
    /// aᵇ for a > 0
    Pow,
    /// 1 where a < b, else 0
    Lt,
    /// 1 where a ≤ b, else 0
    Le,
    /// 1 where a = b, else 0
    Eq,
}

impl Binary {
    /// Every function, for tests and tables.
    pub const ALL: [Binary; 10] = [
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Div,
        Binary::Max,
        Binary::Min,
        Binary::Pow,
        Binary::Lt,
        Binary::Le,
        Binary::Eq,
    ];

    /// The function's value.
    #[inline(always)]
    pub fn apply<T: Scalar>(self, a: T, b: T) -> T {
        #[allow(clippy::eq_op, reason = "the definition of NaN")]
        let is_nan = |x: T| x != x;
        let truth = |t: bool| if t { T::ONE } else { T::ZERO };
        match self {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Div => a / b,
            Binary::Max => {
                if a >= b || is_nan(a) {
                    a
                } else {
                    b
                }
            }
            Binary::Min => {
                if a <= b || is_nan(a) {
                    a
                } else {
                    b
                }
            }
            Binary::Pow => a.power(b),
            Binary::Lt => truth(a < b),
            Binary::Le => truth(a <= b),
            Binary::Eq => truth(a == b),
        }
    }

    /// WGSL text of the function for the operands `a` and `b`, four-vectors: `T` is `vec4<f32>`.
    pub fn wgsl(self, a: &str, b: &str) -> String {
        match self {
            Binary::Add => format!("({a} + {b})"),
            Binary::Sub => format!("({a} - {b})"),
            Binary::Mul => format!("({a} * {b})"),
            Binary::Div => format!("({a} / {b})"),
            Binary::Max => format!("max_of({a}, {b})"),
            Binary::Min => format!("min_of({a}, {b})"),
            Binary::Pow => format!("safe_pow({a}, {b})"),
            Binary::Lt => format!("T({a} < {b})"),
            Binary::Le => format!("T({a} <= {b})"),
            Binary::Eq => format!("T({a} == {b})"),
        }
    }

    /// `[df/da, df/db]` as expressions of `a` and `b`; comparisons have derivative 0.
    pub fn derivative(self, a: Expr, b: Expr) -> [Expr; 2] {
        let one = || Expr::constant(1.0);
        let zero = || Expr::constant(0.0);
        // selections, so that even an infinite gradient is 0 where they leave it out
        let masks = |takes_a: Expr| {
            let to_b = takes_a.clone().select(0.0, 1.0);
            [takes_a.select(1.0, 0.0), to_b]
        };
        match self {
            Binary::Add => [one(), one()],
            Binary::Sub => [one(), Expr::constant(-1.0)],
            Binary::Mul => [b, a],
            Binary::Div => [b.clone().recip(), -(a / b.clone()) / b],
            Binary::Max => {
                let takes_a = b.less_equal(a);
                masks(takes_a)
            }
            Binary::Min => {
                let takes_a = a.less_equal(b);
                masks(takes_a)
            }
            Binary::Pow => {
                let to_a = b.clone() * a.clone().pow(b.clone() - one());
                [to_a, a.clone().pow(b) * a.ln()]
            }
            Binary::Lt | Binary::Le | Binary::Eq => [zero(), zero()],
        }
    }
}
