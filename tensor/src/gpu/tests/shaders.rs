//! Every permutation of every shader, without a device: parsed, validated and translated to
//! SPIR-V, Metal and HLSL. Where `CLEL_SPIRV` names a folder, the SPIR-V is left there, for `bench/count`.

use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};

use crate::expr::{Access, Distribution, PointwiseKernel};
use crate::gpu::layout::Layout;
use crate::gpu::matrix::tests::UNITS;
use crate::gpu::matrix::{Factors, MatrixUnits, matrix_program};
use crate::gpu::template::{Program, finished};
use crate::gpu::tiled::Vectors;
use crate::gpu::tiles::{TILES, Tile, Unit};
use crate::gpu::{
    conv, ended, launch, matmul, reduce, rows, through, tiled, windows, winograd, winograd_lanes,
};
use crate::primitive::{ConvPass, PoolPass};
use crate::winograd::{FOUR, TWO};
use crate::{DType, Expr, RngKey};

/// Shaders that others include.
const INCLUDED: [&str; 16] = [
    "thread",
    "each_tile",
    "each_thread",
    "philox",
    "numerics",
    "order",
    "gemm_first",
    "gemm_next",
    "gemm_matrix_keep",
    "gemm_tiled_keep",
    "split",
    "gemm_operands",
    "lanes_rows",
    "winograd_back",
    "winograd_forth",
    "winograd_lines",
];

/// What kernels for matrix units may use.
const MATRIX_CAPABILITIES: Capabilities = Capabilities::SHADER_FLOAT16
    .union(Capabilities::SHADER_FLOAT16_IN_FLOAT32)
    .union(Capabilities::COOPERATIVE_MATRIX);

fn all_programs() -> Vec<Program> {
    let mut all = vec![launch::poison_program(), ended::ended_program()];
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
    let mut tiles = |operands: tiled::Operands| {
        for tile in tiles_of(Unit::Registers) {
            all.push(tiled::tiled_program(
                &tile,
                operands,
                Vectors::All,
                true,
                false,
            ));
            for vectors in [Vectors::All, Vectors::Left, Vectors::None] {
                all.push(tiled::tiled_program(&tile, operands, vectors, false, false));
            }
        }
    };
    for transposed in [(false, false), (false, true), (true, false), (true, true)] {
        tiles(tiled::Operands::matmul(transposed));
    }
    for pass in [ConvPass::Forward, ConvPass::InputGrad, ConvPass::WeightGrad] {
        tiles(tiled::Operands::conv(pass));
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
    all.extend(both.map(|one| windows::sum_program([3, 2, 3], one)));
    for outputs in [TWO, FOUR] {
        all.extend(transforms(outputs, false));
        all.push(winograd::output_program(outputs, false));
    }
    all
}

/// Winograd's of weights and images, whose results are `split` for matrix units or not.
fn transforms(outputs: usize, split: bool) -> [Program; 3] {
    let weight = |back| winograd::weight_program(outputs, back, split);
    [
        weight(false),
        weight(true),
        winograd::input_program(outputs, split),
    ]
}

/// The same program for arrays of f16, if it is one that they have.
fn of_halves(program: &Program) -> Program {
    program.clone().of(DType::F16).to(DType::F16)
}

fn tiles_of(unit: Unit) -> impl Iterator<Item = Tile> {
    TILES.into_iter().filter(move |tile| tile.unit == unit)
}

/// Each tile of matrix units, on each kind of these with its workgroup memory.
fn matrix_tiles() -> impl Iterator<Item = (MatrixUnits, u32, Tile)> {
    tiles_of(Unit::Matrix).flat_map(|tile| UNITS.map(|(units, space)| (units, space, tile)))
}

fn matrix_programs() -> Vec<Program> {
    let passes = [ConvPass::Forward, ConvPass::InputGrad, ConvPass::WeightGrad];
    let transposed = [(false, false), (false, true), (true, false), (true, true)];
    let products = transposed.map(tiled::Operands::matmul).into_iter();
    let operands: Vec<_> = products.chain(passes.map(tiled::Operands::conv)).collect();
    let mut all = Vec::from(
        [TWO, FOUR]
            .map(|outputs| transforms(outputs, true))
            .as_flattened(),
    );
    for (units, space, tile) in matrix_tiles() {
        for operands in &operands {
            for even in [false, true] {
                let program =
                    |factors| matrix_program(units, &tile, *operands, even, factors, false, space);
                all.extend([Factors::Split, Factors::Ready, Factors::Rounded].map(program));
                all.push(of_halves(&program(Factors::Halves)));
            }
        }
    }
    all
}

/// Checks WGSL text and translates it to SPIR-V, as wgpu does for Vulkan.
fn to_spirv(
    key: &str,
    source: &str,
    capabilities: Capabilities,
) -> (naga::Module, ModuleInfo, Vec<u32>) {
    let source = &finished(source.to_owned());
    let module = naga::front::wgsl::parse_str(source)
        .unwrap_or_else(|error| panic!("{key}: {}", error.emit_to_string(source)));
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .validate(&module)
        .unwrap_or_else(|error| panic!("{key}: {}", error.emit_to_string(source)));
    // as wgpu has it where the checks are left out
    let options = spv::Options {
        lang_version: (1, 6),
        flags: spv::WriterFlags::empty(),
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        force_loop_bounding: false,
        emit_int_div_checks: false,
        ..spv::Options::default()
    };
    let words = spv::write_vec(&module, &info, &options, None)
        .unwrap_or_else(|error| panic!("{key} to SPIR-V: {error}"));
    assert!(words.len() > 50, "{key}");
    (module, info, words)
}

/// Leaves a kernel for `bench/count`, if that is asked for.
fn keep(program: &Program, words: &[u32]) {
    let Some(folder) = std::env::var_os("CLEL_SPIRV").filter(|folder| !folder.is_empty()) else {
        return;
    };
    let key = program.key();
    let (file, names) = key.split_once(' ').unwrap_or((&key, "all"));
    let folder = std::path::Path::new(&folder).join(file);
    // names of files have an end: what follows from the other names is left out
    let follows = |name: &&str| {
        ["PITCH", "SPACE", "GROUPB", "Q"]
            .iter()
            .any(|it| name.starts_with(it))
    };
    let names: Vec<&str> = names.split(' ').filter(|name| !follows(name)).collect();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join(names.join("_") + ".spv"), bytes))
        .unwrap_or_else(|error| panic!("{key}: {error}"));
}

/// Translates what runs on Vulkan alone, and leaves it for `bench/count`.
fn check_for_vulkan(program: &Program, source: &str, capabilities: Capabilities) {
    let (_, _, words) = to_spirv(&program.key(), source, capabilities);
    keep(program, &words);
}

/// Translates WGSL text as wgpu does for Vulkan, whose SPIR-V it returns, Metal and DX12.
pub(super) fn translate(key: &str, source: &str) -> Vec<u32> {
    let halves = source.contains("f16");
    let (capabilities, shader_model) = match halves {
        true => (Capabilities::SHADER_FLOAT16, hlsl::ShaderModel::V6_2),
        false => (Capabilities::empty(), hlsl::ShaderModel::V5_1),
    };
    let (module, info, words) = to_spirv(key, source, capabilities);
    let options = msl::Options {
        fake_missing_bindings: true,
        ..msl::Options::default()
    };
    let (text, _) = msl::write_string(&module, &info, &options, &msl::PipelineOptions::default())
        .unwrap_or_else(|error| panic!("{key} to Metal: {error}"));
    assert!(text.contains("kernel void"), "{key}");
    let options = hlsl::Options {
        shader_model,
        fake_missing_bindings: true,
        ..hlsl::Options::default()
    };
    let mut text = String::new();
    hlsl::Writer::new(&mut text, &options, &hlsl::PipelineOptions::default())
        .write(&module, &info, None)
        .unwrap_or_else(|error| panic!("{key} to HLSL: {error}"));
    assert!(text.contains("numthreads"), "{key}");
    words
}

#[test]
fn every_permutation_is_portable() {
    let programs = all_programs();
    for program in &programs {
        let key = program.key();
        let source = program.expand().unwrap_or_else(|error| panic!("{error}"));
        keep(program, &translate(&key, &source));
        // the word alone, in a comment even, asks the device for such
        assert!(!source.contains("f16"), "{key}");
        let halves = of_halves(program);
        let its = halves.expand().unwrap_or_else(|error| panic!("{error}"));
        if its != source {
            keep(&halves, &translate(&halves.key(), &its));
        }
    }
    // only Vulkan has such matrix units
    for program in matrix_programs() {
        let source = program.expand().unwrap_or_else(|error| panic!("{error}"));
        check_for_vulkan(&program, &source, MATRIX_CAPABILITIES);
    }
    // only software Vulkan takes these
    let mut lanes = Vec::new();
    for vectors in [1, 2] {
        for bt in [false, true] {
            for held in [0, 64] {
                lanes.push(matmul::lanes_program(vectors, bt, held));
                // weight gradients hold nothing
                let of_gradient = !bt && held == 0;
                lanes.push(windows::lanes_program(of_gradient, vectors, bt, held));
            }
            lanes.extend([TWO, FOUR].map(|outputs| winograd_lanes::program(outputs, vectors, bt)));
        }
    }
    for program in &lanes {
        let source = program.expand().unwrap_or_else(|error| panic!("{error}"));
        let capabilities = Capabilities::SUBGROUP | Capabilities::SUBGROUP_BARRIER;
        check_for_vulkan(program, &source, capabilities);
    }
    // the file of every program appears
    let mut files: Vec<String> = programs
        .iter()
        .chain(&matrix_programs())
        .chain(&lanes)
        .filter_map(|p| Some(p.key().split(' ').next()?.to_owned()))
        .collect();
    files.sort();
    files.dedup();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/gpu/shaders");
    let mut there: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .filter(|name| !INCLUDED.contains(&name.as_str()))
        .collect();
    there.sort();
    assert_eq!(files, there);
}

/// Convolutions with what follows them: bias and activation, a residual sum with two results, noise, numbers read across rows.
#[test]
fn convolutions_with_an_epilogue_are_portable() {
    let access = |strides: &[isize]| Access {
        dtype: DType::F32,
        offset: 0,
        strides: strides.to_vec(),
    };
    let x = Expr::input;
    let relu = |e: Expr| e.maximum(0.0);
    let noise = || Expr::random(Distribution::Normal, RngKey::new(1, 2));
    let row = access(&[0, 0, 0, 1]);
    let whole = access(&[512, 64, 8, 1]);
    let across = access(&[512, 8, 64, 1]);
    let kernels = [
        ("bias", vec![relu(x(0) + x(1))], vec![row.clone()]),
        (
            "residual",
            vec![x(0) + x(1) + x(2), relu(x(0) + x(1) + x(2))],
            vec![row, whole],
        ),
        (
            "noise",
            vec![x(0) + noise() * 0.1 + x(1), x(0)],
            vec![across],
        ),
        ("scale", vec![x(0) * 2.0], vec![]),
    ];
    let kernels = kernels.into_iter();
    let both = kernels.flat_map(|k| [DType::F32, DType::F16].map(|dtype| (k.clone(), dtype)));
    // THEN is for the names of files alone
    for ((then, exprs, others), dtype) in both {
        let mut inputs = vec![access(&[512, 64, 8, 1])];
        inputs.extend(others);
        inputs.iter_mut().for_each(|input| input.dtype = dtype);
        let exprs: Vec<_> = exprs.into_iter().map(|e| (e, dtype)).collect();
        let kernel = PointwiseKernel::new(&[2, 8, 8, 8], &exprs, inputs, DType::F32);
        let layout = Layout::of(&kernel);
        for outputs in [TWO, FOUR] {
            let program = winograd::output_program(outputs, true)
                .of(dtype)
                .set("THEN", then);
            let source = through::text(&program, 1, &kernel, &layout).unwrap();
            keep(&program, &translate(&program.key(), &source));
        }
        for pass in [ConvPass::Forward, ConvPass::InputGrad] {
            for tile in tiles_of(Unit::Registers) {
                let operands = tiled::Operands::conv(pass);
                let program = tiled::tiled_program(&tile, operands, Vectors::All, true, true);
                let program = program.of(dtype).set("THEN", then);
                let source = through::text(&program, 2, &kernel, &layout).unwrap();
                keep(&program, &translate(&program.key(), &source));
            }
            for (units, space, tile) in matrix_tiles() {
                let operands = tiled::Operands::conv(pass);
                let every = match dtype {
                    DType::F16 => vec![Factors::Halves],
                    _ => vec![Factors::Split, Factors::Rounded],
                };
                for factors in every {
                    let program =
                        matrix_program(units, &tile, operands, true, factors, true, space);
                    let program = program.of(dtype).set("THEN", then);
                    let source = through::text(&program, 2, &kernel, &layout).unwrap();
                    check_for_vulkan(&program, &source, MATRIX_CAPABILITIES);
                }
            }
        }
    }
}
