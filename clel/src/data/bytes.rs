//! Numbers in the bytes of files, and how many bytes there can be.

/// What deflate can make of one byte, at most.
const RATIO: u64 = 1032;

/// The most bytes that so many packed ones can hold. Deflate is the closest of the codings that are read here.
pub(super) fn most_unpacked(packed: u64) -> u64 {
    packed.saturating_mul(RATIO)
}

/// Numbers of `N` bytes each; what is left at the end is left out.
pub(super) fn numbers<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|b| read(*b)).collect()
}
