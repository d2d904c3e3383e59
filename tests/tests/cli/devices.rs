//! `clel devices` and the help texts, through the program.

use crate::support::{clel, refused};

#[test]
fn the_list_names_the_cpu_and_what_was_asked_for() {
    let run = clel(&["devices", "--device", "cpu"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stdout.starts_with("cpu      native code"), "{run:?}");
    assert!(run.stdout.ends_with("`cpu` takes cpu\n"), "{run:?}");
}

/// Training would say that `sampler.storage=f16` has no effect on a rasteriser.
#[test]
fn halves_are_told_of_hardware_alone() {
    let run = clel(&["devices", "--device", "cpu"]);
    let mut lines = run.stdout.lines();
    while let Some(line) = lines.next() {
        let limits = match line.contains(" (software, ") {
            true => lines.next().unwrap_or_default(),
            false => continue,
        };
        assert!(
            limits.contains("workgroups") && !limits.contains("16-bit"),
            "{run:?}"
        );
    }
}

#[test]
fn a_device_that_is_not_there_is_one_message() {
    // of this machine's, which no other word puts right
    clel(&["devices", "--device", "wgpu:99"]).told(1, &["no device \"wgpu:99\""]);
    refused(
        &["devices", "--device", "abacus"],
        &["expected auto, cpu, wgpu, wgpu:NUMBER"],
    );
}

#[test]
fn every_command_explains_itself_with_examples() {
    let overview = clel(&["--help"]);
    assert_eq!(overview.code, Some(0), "{overview:?}");
    for command in ["train", "sample", "energy", "bench", "devices"] {
        assert!(
            overview.stdout.contains(&format!("  {command} ")),
            "{overview:?}"
        );
        let help = clel(&[command, "--help"]);
        assert_eq!(help.code, Some(0), "{help:?}");
        for part in [
            "Usage:",
            "--device",
            "Examples:",
            &format!("clel {command}"),
        ] {
            assert!(help.stdout.contains(part), "{part} is not in {help:?}");
        }
    }
}

#[test]
fn a_command_that_is_not_there_is_code_2() {
    refused(&["trian"], &["unrecognized subcommand 'trian'"]);
}
