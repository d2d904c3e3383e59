//! The operations on [`Var`](crate::Var): each computes with tensors and records its rule. They take and return what the
//! tensor operations of the same name do.

mod index;
mod matmul;
mod pointwise;
mod reduce;
mod spatial;
mod view;
