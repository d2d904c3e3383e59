// y = the 3×3 convolution of x, of stride 1, by Winograd's F(OUT×OUT, 3×3) in one launch, for software rasterisers: block after block, a workgroup
// transforms TM tiles, multiplies them by the transformed weights with lanes that share rows, and transforms back. What lies in between
// is in a part of v and m that is the workgroup's own and stays in the processor's cache.
// The lanes of a subgroup wait for one another at `subgroupBarrier`, which the translation orders for the subgroup's memory only; that
// v and m are ordered too is so because a software rasteriser's lanes are one vector, which stores and loads in order. Hence not for graphics hardware.
// BT: the transformed weights are [places, o, c], else [places, c, o]. c is a multiple of 8, o of 4.
// Grid: any number of workgroups of 8 share the work: blocks of tiles · parts of the columns.

struct Params {
    work: u32,               // blocks · parts
    parts: u32,
    parts_magic: vec2<u32>,
    tiles: u32,              // of all images
    part: u32,               // columns of a part in groups of 32·TNV
    part_magic: vec2<u32>,
    c: u32,
    o: u32,
    c_magic: vec2<u32>,      // of c / 4
    part_quads_magic: vec2<u32>, // of 8·TNV·part
    tw_magic: vec2<u32>,
    th_magic: vec2<u32>,
    tw: u32,                 // tiles along the axes of an image
    th: u32,
    h: u32,
    w: u32,
    pad: u32,
    oh: u32,
    ow: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(1) @binding(0) var<storage, read> x: array<vec4<f32>>;       // [n, h, w, c]
@group(1) @binding(1) var<storage, read> b: array<vec4<f32>>;       // transformed weights
@group(1) @binding(2) var<storage, read_write> v: array<vec4<f32>>; // [workgroups, places, TM, c]
@group(1) @binding(3) var<storage, read_write> m: array<vec4<f32>>; // [workgroups, places, TM, 32·TNV·part]
@group(1) @binding(4) var<storage, read_write> y: array<vec4<f32>>; // [n, oh, ow, o]

#include thread
#include winograd_lines

fn column_of_a(k: u32) -> u32 {
    return k;
}
fn number_of_a(row: u32, column: u32) -> f32 {
    let at = row + column;
    return v[at >> 2u][at & 3u];
}

// the image of a tile, and its place in it
struct Corner {
    image: u32,
    line: u32,
    column: u32,
}
fn corner(tile: u32) -> Corner {
    let line = divide(tile, params.tw_magic);
    let image = divide(line, params.th_magic);
    return Corner(image, (line - image * params.th) * $OUTu, (tile - line * params.tw) * $OUTu);
}

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let depth = params.c;
    let columns = params.o;
    let quads_in = params.c >> 2u;
    let quads_out = params.o >> 2u;
    let part_quads = params.part * ${TNV * 8}u;
    let v_stride = $TMu * quads_in;
    let m_stride = $TMu * part_quads;
    let v_first = group.x * $PLACESu * v_stride;
    let m_first = group.x * $PLACESu * m_stride;

    for (var work = group.x; work < params.work; work += groups.x) {
        let block = divide(work, params.parts_magic);
        let part = work - block * params.parts;
        let first_tile = block * $TMu;

        // tiles beyond the last repeat it and are not stored
        for (var i = lane; i < v_stride; i += 8u) {
            let row = divide(i, params.c_magic);
            let quads = quads_in;
            let quad = i - row * quads;
            let at = corner(min(first_tile + row, params.tiles - 1u));
            let image = at.image;
            // wraps below zero in the padding
            let top = at.line - params.pad;
            let left = at.column - params.pad;
            let v_at = v_first + i;
#include winograd_forth
        }
        subgroupBarrier();

        for (var i = 0u; i < $PLACESu * params.part; i++) {
            let place = divide(i, params.part_magic);
            let tile_n = i - place * params.part;
            let n0 = (part * params.part + tile_n) * ${TNV * 32}u + lane * 4u;
            let b_first = place * depth * columns;
            let k_first = 0u;
            let a_first = (v_first + place * v_stride) * 4u;
#for I TM
            let row_$I = a_first + $Iu * depth;
#end
#include lanes_rows
            let m_place = m_first + place * m_stride + tile_n * ${TNV * 8}u + lane;
#for I TM
#for J TNV
            m[m_place + $Iu * part_quads + ${J * 8}u] = acc_$I_$J;
#end
#end
        }
        subgroupBarrier();

        for (var i = lane; i < m_stride; i += 8u) {
            let row = divide(i, params.part_quads_magic);
            let quads = quads_out;
            let quad = part * part_quads + i - row * part_quads;
            let tile = first_tile + row;
            if quad < quads && tile < params.tiles {
                let at = corner(tile);
                let image = at.image;
                let top = at.line;
                let left = at.column;
                let m_at = m_first + i;
#include winograd_back
            }
        }
    }
}
