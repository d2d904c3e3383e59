// y[i, :] = x[index[i], :], zeros where index[i] >= rows. Words are copied, whatever their type.
// One thread writes one T (a word, or four with VEC). Grid: threads = picks · inner, 64 a workgroup.

#if VEC
alias T = vec4<u32>;
#else
alias T = u32;
#endif
struct Params {
    threads: u32,
    inner: u32,       // T's in a row
    inner_magic: vec2<u32>,
    rows: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> x: array<T>;        // [rows, inner]
@group(1) @binding(1) var<storage, read> index: array<u32>;  // [picks]
@group(1) @binding(2) var<storage, read_write> y: array<T>;  // [picks, inner]

#include thread

#include each_thread
    let pick = divide(thread, params.inner_magic);
    let row = index[pick];
    var value = T();
    if row < params.rows {
        value = x[row * params.inner + (thread - pick * params.inner)];
    }
    y[thread] = value;
}
