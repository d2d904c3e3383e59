// The beginning of a kernel with a subgroup of 8 for each TM rows from m0 on and 32·TNV columns, 4 of each lane from n0 on, of each product or part of
// one, which is `part`. params.subgroups of them, params.tiles a part, params.tiles_n beside one another. The body follows.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(subgroup_id) of_group: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let subgroup = (group.y * groups.x + group.x) * 8u + of_group;
    if subgroup >= params.subgroups {
        return;
    }
    let part = divide(subgroup, params.tiles_magic);
    let tile = subgroup - part * params.tiles;
    let tile_m = divide(tile, params.tiles_n_magic);
    let m0 = tile_m * $TMu;
    let n0 = (tile - tile_m * params.tiles_n) * ${TNV * 32}u + lane * 4u;
