// Linked lists of the picks of each row: first[row] and next[pick] hold 1 + a pick, 0 ends a list.
// STEP clear: no lists (a thread for each row). STEP link: every pick is put in front of its
// row's list, in the order of arrival (a thread for each pick). STEP sort: each list is sorted by
// merging runs of 1, 2, 4, … picks (a thread for each row), so that sums do not depend on that
// order. Grid: threads = rows or picks, 64 a workgroup.

struct Params {
    threads: u32,
    rows: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> index: array<u32>;              // [picks]
@group(1) @binding(1) var<storage, read_write> first: array<atomic<u32>>; // [rows]
@group(1) @binding(2) var<storage, read_write> next: array<u32>;         // [picks]

#include thread

#include each_thread
#if STEP == clear
    atomicStore(&first[thread], 0u);
#endif
#if STEP == link
    let row = index[thread];
    if row < params.rows {
        next[thread] = atomicExchange(&first[row], thread + 1u);
    }
#endif
#if STEP == sort
    var head = atomicLoad(&first[thread]);
    if head == 0u || next[head - 1u] == 0u {
        return;
    }
    var run = 1u;
    loop {
        var p = head;
        var tail = 0u;
        var merges = 0u;
        head = 0u;
        while p != 0u {
            merges += 1u;
            // q starts one run after p
            var q = p;
            var left = 0u;
            while left < run && q != 0u {
                left += 1u;
                q = next[q - 1u];
            }
            var right = run;
            while left > 0u || (right > 0u && q != 0u) {
                var taken: u32;
                if left > 0u && (right == 0u || q == 0u || p < q) {
                    taken = p;
                    p = next[p - 1u];
                    left -= 1u;
                } else {
                    taken = q;
                    q = next[q - 1u];
                    right -= 1u;
                }
                if tail == 0u {
                    head = taken;
                } else {
                    next[tail - 1u] = taken;
                }
                tail = taken;
            }
            p = q;
        }
        next[tail - 1u] = 0u;
        if merges <= 1u {
            break;
        }
        run *= 2u;
    }
    atomicStore(&first[thread], head);
#endif
}
