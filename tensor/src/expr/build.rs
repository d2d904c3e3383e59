//! Making expressions: joining, simplifying, sharing equal nodes.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{Binary, Expr, Node, Unary};

/// The largest whole exponent of which a power becomes products.
const LARGEST_PRODUCT: f64 = 8.0;

/// Adds nodes to a list, sharing equal ones and folding constants.
pub(super) struct Builder {
    pub nodes: Vec<Node>,
}

impl Builder {
    pub fn new() -> Builder {
        Builder { nodes: Vec::new() }
    }

    fn constant_at(&self, i: u16) -> Option<f64> {
        match self.nodes[usize::from(i)] {
            Node::Const(v) => Some(v),
            _ => None,
        }
    }

    /// Position of a node equal to this one, added if there is none. The lists are short (fusion
    /// caps them), so a scan beats a hash table.
    pub fn add(&mut self, node: Node) -> u16 {
        let same = |n: &Node| match (n, &node) {
            (Node::Const(a), Node::Const(b)) => a.to_bits() == b.to_bits(),
            (a, b) => a == b,
        };
        if let Some(i) = self.nodes.iter().position(same) {
            return i as u16;
        }
        assert!(
            self.nodes.len() <= usize::from(u16::MAX),
            "an expression of more than 65536 operations"
        );
        self.nodes.push(node);
        (self.nodes.len() - 1) as u16
    }

    pub fn constant(&mut self, v: f64) -> u16 {
        self.add(Node::Const(v))
    }

    pub fn unary(&mut self, f: Unary, a: u16) -> u16 {
        if let Some(v) = self.constant_at(a) {
            return self.constant(f.apply(v));
        }
        match (f, self.nodes[usize::from(a)]) {
            (Unary::Neg, Node::Unary(Unary::Neg, inner)) => inner,
            _ => self.add(Node::Unary(f, a)),
        }
    }

    /// Only identities that hold for every operand are used: x·0 is not 0 for an infinite x.
    pub fn binary(&mut self, f: Binary, a: u16, b: u16) -> u16 {
        match (f, self.constant_at(a), self.constant_at(b)) {
            (_, Some(x), Some(y)) => self.constant(f.apply(x, y)),
            (Binary::Add, Some(0.0), _) => b,
            (Binary::Add | Binary::Sub, _, Some(0.0)) => a,
            (Binary::Sub, Some(0.0), _) => self.unary(Unary::Neg, b),
            (Binary::Mul, Some(1.0), _) => b,
            (Binary::Mul | Binary::Div, _, Some(1.0)) => a,
            (Binary::Mul, Some(-1.0), _) => self.unary(Unary::Neg, b),
            (Binary::Mul | Binary::Div, _, Some(-1.0)) => self.unary(Unary::Neg, a),
            (Binary::Pow, _, Some(e)) if e.abs() <= LARGEST_PRODUCT && e.fract() == 0.0 => {
                self.whole_power(a, e as i32)
            }
            _ => self.add(Node::Binary(f, a, b)),
        }
    }

    /// A power as products, which are exact to a rounding each, and of which negative bases are as good as others.
    fn whole_power(&mut self, a: u16, e: i32) -> u16 {
        match e {
            0 => self.constant(1.0),
            1 => a,
            ..0 => {
                let power = self.whole_power(a, -e);
                self.unary(Unary::Recip, power)
            }
            _ => {
                let half = self.whole_power(a, e / 2);
                let square = self.binary(Binary::Mul, half, half);
                match e % 2 {
                    0 => square,
                    _ => self.binary(Binary::Mul, square, a),
                }
            }
        }
    }

    pub fn select(&mut self, c: u16, a: u16, b: u16) -> u16 {
        match self.constant_at(c) {
            Some(v) => {
                if v != 0.0 {
                    a
                } else {
                    b
                }
            }
            None if a == b => a,
            None => self.add(Node::Select(c, a, b)),
        }
    }

    /// Appends `e`, its n-th input replaced by the node `inputs(n)`; returns its root's position.
    pub fn append(&mut self, e: &Expr, inputs: &dyn Fn(u8) -> Option<u16>) -> u16 {
        self.append_all(e, inputs)[e.root()]
    }

    /// The same, but returns the positions of all of the expression's nodes.
    pub fn append_all(&mut self, e: &Expr, inputs: &dyn Fn(u8) -> Option<u16>) -> Vec<u16> {
        let mut at: Vec<u16> = Vec::with_capacity(e.nodes.len());
        for node in &e.nodes {
            let p = |i: u16| at[usize::from(i)];
            let here = match *node {
                Node::Input(n) => match inputs(n) {
                    Some(i) => i,
                    None => self.add(*node),
                },
                Node::Const(v) => self.constant(v),
                Node::Unary(f, a) => self.unary(f, p(a)),
                Node::Binary(f, a, b) => self.binary(f, p(a), p(b)),
                Node::Select(c, a, b) => self.select(p(c), p(a), p(b)),
                Node::Random(..) => self.add(*node),
            };
            at.push(here);
        }
        at
    }

    /// The expression at `root`, without nodes that it does not need.
    pub fn finish(self, root: u16) -> Expr {
        let (nodes, roots) = prune(&self.nodes, &[root]);
        Expr {
            nodes,
            root: roots[0],
        }
    }
}

/// Keeps only what the roots need; returns the nodes and the roots' new positions.
pub(super) fn prune(nodes: &[Node], roots: &[u16]) -> (Vec<Node>, Vec<u16>) {
    let mut needed = vec![false; nodes.len()];
    for &r in roots {
        needed[usize::from(r)] = true;
    }
    for i in (0..nodes.len()).rev() {
        if needed[i] {
            operands(&nodes[i]).for_each(|o| needed[usize::from(o)] = true);
        }
    }
    let mut place = vec![0u16; nodes.len()];
    let mut kept = Vec::with_capacity(nodes.len());
    for (i, node) in nodes.iter().enumerate().filter(|(i, _)| needed[*i]) {
        let p = |o: u16| place[usize::from(o)];
        let moved = match *node {
            Node::Unary(f, a) => Node::Unary(f, p(a)),
            Node::Binary(f, a, b) => Node::Binary(f, p(a), p(b)),
            Node::Select(c, a, b) => Node::Select(p(c), p(a), p(b)),
            leaf => leaf,
        };
        place[i] = kept.len() as u16;
        kept.push(moved);
    }
    let roots = roots.iter().map(|&r| place[usize::from(r)]).collect();
    (kept, roots)
}

fn operands(node: &Node) -> impl Iterator<Item = u16> {
    let all = match *node {
        Node::Unary(_, a) => [Some(a), None, None],
        Node::Binary(_, a, b) => [Some(a), Some(b), None],
        Node::Select(c, a, b) => [Some(c), Some(a), Some(b)],
        _ => [None; 3],
    };
    all.into_iter().flatten()
}

impl Expr {
    /// This expression with its n-th input replaced by `parts[n]`; missing parts stay inputs.
    pub fn substitute(&self, parts: &[Expr]) -> Expr {
        let mut builder = Builder::new();
        let at: Vec<u16> = parts.iter().map(|p| builder.append(p, &|_| None)).collect();
        let root = builder.append(self, &|n| at.get(usize::from(n)).copied());
        builder.finish(root)
    }

    /// This expression with its inputs renumbered: input n becomes `to[n]`.
    pub fn renumber(&self, to: &[u8]) -> Expr {
        let mut e = self.clone();
        for node in &mut e.nodes {
            if let Node::Input(n) = node {
                *n = to[usize::from(*n)];
            }
        }
        e
    }

    /// `f(self)`.
    pub fn unary(self, f: Unary) -> Expr {
        let mut builder = Builder { nodes: self.nodes };
        let root = builder.unary(f, self.root);
        builder.finish(root)
    }

    /// `f(self, other)`.
    pub fn binary(self, f: Binary, other: Expr) -> Expr {
        let mut builder = Builder { nodes: self.nodes };
        let b = builder.append(&other, &|_| None);
        let root = builder.binary(f, self.root, b);
        builder.finish(root)
    }

    /// `a` where `self` is not zero, else `b`.
    pub fn select(self, a: impl Into<Expr>, b: impl Into<Expr>) -> Expr {
        let mut builder = Builder { nodes: self.nodes };
        let a = builder.append(&a.into(), &|_| None);
        let b = builder.append(&b.into(), &|_| None);
        let root = builder.select(self.root, a, b);
        builder.finish(root)
    }
}

impl From<f64> for Expr {
    fn from(v: f64) -> Expr {
        Expr::constant(v)
    }
}

macro_rules! unary_methods {
    ($($(#[$doc:meta])* $name:ident $f:ident;)*) => {
        impl Expr { $($(#[$doc])* pub fn $name(self) -> Expr { self.unary(Unary::$f) })* }
    };
}
unary_methods! {
    /// |x|
    abs Abs;
    /// −1, 0 or 1
    sign Sign;
    /// eˣ
    exp Exp;
    /// eˣ − 1, with all its digits near 0
    exp_m1 ExpM1;
    /// natural logarithm
    ln Ln;
    /// ln(1 + x), with all its digits near 0
    ln_1p Ln1P;
    /// √x
    sqrt Sqrt;
    /// 1 / x
    recip Recip;
    /// sin x
    sin Sin;
    /// cos x
    cos Cos;
    /// tanh x
    tanh Tanh;
    /// 1 / (1 + e⁻ˣ)
    sigmoid Sigmoid;
    /// the largest integer ≤ x
    floor Floor;
    /// 1 where NaN or infinite, else 0
    non_finite NonFinite;
}

macro_rules! binary_methods {
    ($($(#[$doc:meta])* $name:ident $f:ident;)*) => {
        impl Expr {
            $($(#[$doc])* pub fn $name(self, other: impl Into<Expr>) -> Expr {
                self.binary(Binary::$f, other.into())
            })*
        }
    };
}
binary_methods! {
    /// The larger of the two.
    maximum Max;
    /// The smaller of the two.
    minimum Min;
    /// `self` to the power `other`, for `self` > 0.
    pow Pow;
    /// 1 where `self` < `other`, else 0.
    less_than Lt;
    /// 1 where `self` ≤ `other`, else 0.
    less_equal Le;
    /// 1 where both are equal, else 0.
    equal Eq;
}

macro_rules! operators {
    ($($trait:ident $method:ident $f:ident;)*) => {$(
        impl<R: Into<Expr>> $trait<R> for Expr {
            type Output = Expr;
            fn $method(self, other: R) -> Expr {
                self.binary(Binary::$f, other.into())
            }
        }
    )*};
}
operators! { Add add Add; Sub sub Sub; Mul mul Mul; Div div Div; }

impl Neg for Expr {
    type Output = Expr;
    fn neg(self) -> Expr {
        self.unary(Unary::Neg)
    }
}
