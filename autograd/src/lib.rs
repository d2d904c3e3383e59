//! Reverse-mode differentiation of any order.
