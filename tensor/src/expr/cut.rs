//! Expressions over more inputs than one kernel can read, cut in two.

use std::collections::BTreeSet;

use super::{Expr, Node, build::Builder};

impl Expr {
    /// The part over the most inputs that are no more than `most`, but for the whole, and what is left, in which input `n` stands for that part.
    /// `None` if there is no operation but the last.
    pub(crate) fn cut(&self, most: usize, n: u8) -> Option<[Expr; 2]> {
        let mut read: Vec<BTreeSet<u8>> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let of = |operands: &[u16]| {
                let all = operands.iter().flat_map(|&o| &read[usize::from(o)]);
                all.copied().collect()
            };
            let here = match *node {
                Node::Input(n) => BTreeSet::from([n]),
                Node::Const(_) | Node::Random(..) => BTreeSet::new(),
                Node::Unary(_, a) => of(&[a]),
                Node::Binary(_, a, b) => of(&[a, b]),
                Node::Select(c, a, b) => of(&[c, a, b]),
            };
            read.push(here);
        }
        let operation = |i: &usize| !matches!(self.nodes[*i], Node::Input(_) | Node::Const(_));
        let fitting = (0..self.root()).filter(|i| operation(i) && read[*i].len() <= most);
        let place = fitting.max_by_key(|i| read[*i].len())?;
        let mut builder = Builder::new();
        let part = builder.append_all(self, &|_| None)[place];
        let part = builder.finish(part);
        let mut nodes = self.nodes.clone();
        nodes[place] = Node::Input(n);
        let rest = Expr {
            nodes,
            root: self.root,
        };
        // without what only the part needs
        Some([part, rest.substitute(&[])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_make_the_whole() {
        let sum = (1..9).fold(Expr::input(0), |sum, n| sum * 0.5 + Expr::input(n).exp());
        let [part, rest] = sum.cut(6, 9).unwrap();
        let used = |e: &Expr| (0..10).filter(|n| e.uses(*n)).count();
        assert_eq!([used(&part), used(&rest)], [6, 4]);
        let mut at: Vec<f64> = (0..9).map(|i| 0.1 * f64::from(i)).collect();
        let whole = sum.eval(&at);
        at.push(part.eval(&at));
        assert_eq!(rest.eval(&at), whole);
        assert!(Expr::input(0).exp().cut(6, 1).is_none());
    }
}
