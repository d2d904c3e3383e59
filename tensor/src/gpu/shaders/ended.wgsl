// The last command of a batch: counts it, as one that ran to its end.

@group(0) @binding(0) var<storage, read_write> ended: u32;

@compute @workgroup_size(1)
fn main() {
    ended += 1u;
}
