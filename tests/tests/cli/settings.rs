//! The settings of a run that goes on: changed, told, gone.

use crate::support::tiny::{resume, train};
use crate::support::{clel, text};

/// Whoever changed them, and whatever was told of them before.
#[test]
fn what_is_new_of_the_settings_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let file = run.join("config.toml");
    let newest = run.join("checkpoints/step-00000003.safetensors");
    let begun = train(&run, &["--steps", "2", "--set", "log.checkpoint_every=2"]);
    assert_eq!(begun.code, Some(0), "{begun:?}");
    let by_hand = |energy: &str| {
        let settings = std::fs::read_to_string(&file).unwrap();
        let mut lines: Vec<&str> = settings.lines().collect();
        let line = lines.iter_mut().find(|line| line.starts_with("energy = "));
        *line.unwrap() = energy;
        std::fs::write(&file, lines.join("\n")).unwrap();
    };
    type Way<'a> = (&'a dyn Fn(), &'a [&'a str], &'a str);
    let ways: [Way<'_>; 4] = [
        (
            &|| {},
            &["--set", "health.energy=20"],
            "health.energy = 20.0 instead of 10.0",
        ),
        (
            &|| by_hand("energy = 30.0"),
            &[],
            "health.energy = 30.0 instead of 20.0",
        ),
        (
            &|| by_hand("energy = 40.0"),
            &["--set", "log.grid_every=7"],
            "health.energy = 40.0 instead of 30.0, log.grid_every = 7 instead of 250",
        ),
        (
            &|| std::fs::write(&file, "").unwrap(),
            &[],
            "health.energy = 10.0 instead of 40.0, log.grid_every = 250 instead of 7",
        ),
    ];
    for (change, more, told) in ways {
        change();
        let place = text(&run);
        let resume = [
            "train", "--device", "cpu", "--resume", &place, "--steps", "3",
        ];
        let resumed = clel(&[&resume[..], more].concat());
        assert_eq!(resumed.code, Some(0), "{resumed:?}");
        let told = format!("goes on with other settings: {told}\n");
        assert!(resumed.stderr.contains(&told), "{told}{resumed:?}");
        // as if it had ended before it was saved
        std::fs::remove_file(&newest).unwrap();
        let again = clel(&resume);
        assert_eq!(again.code, Some(0), "{again:?}");
        assert!(!again.stderr.contains("other settings"), "{again:?}");
        std::fs::remove_file(&newest).unwrap();
    }
}

/// As the loss of power may leave the file of settings.
#[test]
fn settings_that_are_gone_come_from_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let file = run.join("config.toml");
    assert_eq!(train(&run, &["--steps", "2"]).code, Some(0));
    let settings = std::fs::read(&file).unwrap();
    for nothing in [&b""[..], b"\0\0\0\n"] {
        std::fs::write(&file, nothing).unwrap();
        let place = text(&run);
        let told = clel(&["runs", &place]);
        let says = format!("empty; `clel train --resume {place}` gives it");
        assert!(told.stdout.contains(&says), "{told:?}");
        let resumed = resume(&run, "3");
        assert_eq!(resumed.code, Some(0), "{resumed:?}");
        let told = "config.toml was empty; it has the settings of ";
        assert!(resumed.stderr.contains(told), "{resumed:?}");
        assert_eq!(std::fs::read(&file).unwrap(), settings);
    }
    // other damage is for people
    std::fs::write(&file, &settings[..settings.len() / 2]).unwrap();
    assert_eq!(resume(&run, "4").code, Some(2));
}
