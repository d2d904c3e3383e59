//! Every permutation of every shader, without a device: parsed, validated and translated to
//! SPIR-V, Metal and HLSL.

use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ValidationFlags, Validator};

use crate::gpu::template::Program;
use crate::gpu::{conv, launch, matmul, reduce, rows, tiled};
use crate::primitive::{ConvPass, PoolPass};

fn all_programs() -> Vec<Program> {
    let mut all = vec![launch::poison_program()];
    let both = [false, true];
    for vec in both {
        all.push(rows::gather_program(vec));
        all.push(rows::concat_program(vec));
        for listed in both {
            all.push(rows::scatter_program(vec, listed));
        }
        for pass in [PoolPass::Average, PoolPass::Spread] {
            all.push(reduce::pool_program(pass, vec));
        }
        all.push(reduce::argmax_program(vec));
        for sum in both {
            all.push(reduce::reduce_program(sum, vec, false));
        }
    }
    for sum in both {
        all.push(reduce::reduce_program(sum, false, true));
    }
    all.push(reduce::pool_program(PoolPass::MaxIndex, false));
    all.extend(["clear", "link", "sort"].map(rows::lists_program));
    all.extend((1..=8).map(rows::embed_program));
    for vec in both {
        for transposed in [(false, false), (false, true), (true, false), (true, true)] {
            let operands = tiled::Operands::matmul(transposed);
            all.push(tiled::tiled_program(operands, vec));
        }
        for pass in [ConvPass::Forward, ConvPass::InputGrad, ConvPass::WeightGrad] {
            all.push(tiled::tiled_program(tiled::Operands::conv(pass), vec));
        }
    }
    for block in matmul::BLOCKS {
        for bits in 0..8u8 {
            let bit = |n: u8| bits >> n & 1 == 1;
            all.push(matmul::direct_program(block, (bit(0), bit(1)), bit(2)));
        }
        for pass in [ConvPass::Forward, ConvPass::InputGrad, ConvPass::WeightGrad] {
            all.extend(both.map(|vec| conv::direct_program(pass, block, vec)));
        }
    }
    all
}

/// Translates WGSL text as wgpu does for Vulkan, Metal and DX12.
pub(super) fn translate(key: &str, source: &str) {
    let module = naga::front::wgsl::parse_str(source)
        .unwrap_or_else(|error| panic!("{key}: {}", error.emit_to_string(source)));
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{key}: {}", error.emit_to_string(source)));
    let words = spv::write_vec(&module, &info, &spv::Options::default(), None)
        .unwrap_or_else(|error| panic!("{key} to SPIR-V: {error}"));
    assert!(words.len() > 50, "{key}");
    let options = msl::Options {
        fake_missing_bindings: true,
        ..msl::Options::default()
    };
    let (text, _) = msl::write_string(&module, &info, &options, &msl::PipelineOptions::default())
        .unwrap_or_else(|error| panic!("{key} to Metal: {error}"));
    assert!(text.contains("kernel void"), "{key}");
    let options = hlsl::Options {
        fake_missing_bindings: true,
        ..hlsl::Options::default()
    };
    let mut text = String::new();
    hlsl::Writer::new(&mut text, &options, &hlsl::PipelineOptions::default())
        .write(&module, &info, None)
        .unwrap_or_else(|error| panic!("{key} to HLSL: {error}"));
    assert!(text.contains("numthreads"), "{key}");
}

#[test]
fn every_permutation_is_portable() {
    let programs = all_programs();
    for program in &programs {
        let key = program.key();
        let source = program.expand().unwrap_or_else(|error| panic!("{error}"));
        translate(&key, &source);
    }
    // the file of every program appears
    let mut files: Vec<String> = programs
        .iter()
        .filter_map(|p| Some(p.key().split(' ').next()?.to_owned()))
        .collect();
    files.sort();
    files.dedup();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/gpu/shaders");
    let mut there: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .filter(|name| !["thread", "philox", "numerics", "order"].contains(&name.as_str()))
        .collect();
    there.sort();
    assert_eq!(files, there);
}
