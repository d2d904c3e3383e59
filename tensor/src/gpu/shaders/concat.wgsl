// Copies one input of a concatenation to its place: y[o, start + i] = x[o, i].
// One thread copies one T (a word, or four with VEC). Grid: threads = outer · row, 64 a workgroup.

#if VEC
alias T = vec4<u32>;
#else
alias T = u32;
#endif
struct Params {
    threads: u32,
    row: u32,         // T's of the input for each o: len · inner
    row_magic: vec2<u32>,
    out_row: u32,     // T's of the output for each o
    start: u32,       // T's before this input
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> x: array<T>;        // [outer, row]
@group(1) @binding(1) var<storage, read_write> y: array<T>;  // [outer, out_row]

#include thread

#include each_thread
    let o = divide(thread, params.row_magic);
    y[o * params.out_row + params.start + (thread - o * params.row)] = x[thread];
}
