//! Whether an adapter's limits do for the presets.

use clel_tensor::gpu::AdapterSummary;

use super::Finding;
use crate::Result;
use crate::config::{Config, Layers, PRESETS, Source};
use crate::model::{convolutions, usual_shape};

/// Too few arrays for kernels, or the presets whose largest array an adapter cannot hold.
///
/// # Errors
/// None with the presets that come with the program.
pub fn too_small(adapter: &AdapterSummary) -> Result<Option<Finding>> {
    if !adapter.has_arrays() {
        return Ok(Some(Finding::warning(
            format!(
                "wgpu:{}: kernels of at most {} arrays, too few for most operations",
                adapter.index, adapter.max_storage_buffers
            ),
            "train with `--device cpu`",
        )));
    }
    let most = adapter.max_binding_bytes.min(adapter.max_buffer_bytes);
    let mut without = Vec::new();
    for (preset, _) in PRESETS {
        let mut layers = Layers::preset(preset)?;
        // nothing is read from there
        layers.set("data.path=unread")?;
        let bytes = largest_array(&layers.build()?);
        if bytes > most {
            without.push(format!("{preset} ({} MiB)", bytes.div_ceil(1 << 20)));
        }
    }
    if without.is_empty() {
        return Ok(None);
    }
    Ok(Some(Finding::warning(
        format!(
            "wgpu:{}: arrays of at most {} MiB, too small for the settings of {}",
            adapter.index,
            most >> 20,
            without.join(", ")
        ),
        "train those with a smaller sampler.buffer and train.batch, or with `--device cpu`",
    )))
}

/// Bytes of the replay buffer or of the widest feature map of f, whichever is more.
fn largest_array(config: &Config) -> u64 {
    let shape = config.data.shape.unwrap_or(match config.data.source {
        Source::Celeba => [64, 64, 3],
        _ => usual_shape(config.model.network),
    });
    let buffer = config.sampler.buffer * shape.iter().product::<usize>();
    let maps = convolutions(&config.model, shape).into_iter();
    let widest = maps.map(|c| c.height * c.width * c.outputs.max(c.inputs));
    let widest = widest.max().unwrap_or(0) * config.train.batch;
    4 * buffer.max(widest) as u64
}

#[cfg(test)]
mod tests {
    use clel_tensor::gpu::AdapterKind;

    use super::*;

    #[test]
    fn webgpus_smallest_arrays_do_for_digits_and_not_for_celeba() -> Result<()> {
        let mut adapter = AdapterSummary {
            index: 3,
            name: "small".to_owned(),
            backend: "Vulkan".to_owned(),
            driver: String::new(),
            kind: AdapterKind::Integrated,
            max_binding_bytes: 128 << 20,
            max_buffer_bytes: 256 << 20,
            max_storage_buffers: 8,
            max_workgroup_threads: 256,
            max_workgroup_bytes: 16 << 10,
            f16: false,
            matrix_units: None,
        };
        let finding = too_small(&adapter)?.map(|finding| finding.what);
        let what = finding.unwrap_or_default();
        // 10 000 · 64 · 64 · 3 · 4 bytes
        assert!(
            what.contains("wgpu:3") && what.contains("celeba64 (469 MiB)"),
            "{what}"
        );
        assert!(!what.contains("digits"), "{what}");
        adapter.max_binding_bytes = 2 << 30;
        adapter.max_buffer_bytes = 2 << 30;
        assert_eq!(too_small(&adapter)?, None);
        adapter.max_storage_buffers = 2;
        let finding = too_small(&adapter)?.map(|finding| finding.what);
        assert_eq!(
            finding.as_deref(),
            Some("wgpu:3: kernels of at most 2 arrays, too few for most operations")
        );
        Ok(())
    }
}
