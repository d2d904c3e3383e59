// The beginning of a kernel with a thread for each piece of work, of which there are params.threads. The body follows.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = thread_number(group, groups, local);
    if thread >= params.threads {
        return;
    }
