mod published;

use std::io::Write;

use super::*;
use crate::{Error, Result};

fn message(result: Result<Config>) -> String {
    match result {
        Ok(_) => "no error".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn file(text: &str) -> (tempfile::NamedTempFile, String) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let name = file.path().display().to_string();
    (file, name)
}

#[test]
fn every_preset_is_complete_and_sensible() {
    for (name, _) in PRESETS {
        let mut layers = Layers::preset(name).unwrap();
        layers.set("data.path=/data").unwrap();
        let config = layers.build().unwrap();
        assert_eq!(
            Config::parse(&config.to_toml(), "stored").unwrap(),
            config,
            "{name}"
        );
    }
}

#[test]
fn weights_beyond_32_bits_are_refused() {
    for key in [
        "loss.beta",
        "loss.alpha",
        "loss.tau",
        "sampler.step_size",
        "sampler.noise",
        "sampler.clip",
        "train.ebm.lr",
        "train.encoder.weight_decay",
    ] {
        let with = |value: &str| {
            let mut layers = Layers::preset("digits").unwrap();
            layers.set(&format!("{key}={value}")).unwrap();
            message(layers.build())
        };
        assert_eq!(with("3e38"), "no error", "{key}");
        let error = with("1e39");
        assert!(
            error.contains(key) && error.contains("must be at most 3.4028235e38"),
            "{error}"
        );
    }
    // what is divided by
    for [setting, told] in [
        ["loss.tau=1e-40", "must be at least 1.1754944e-38"],
        ["data.std=[1e-50]", "must be at least 1.1754944e-38"],
        ["data.std=[1e39]", "must be at most"],
        ["data.mean=[-1e39]", "must be at most"],
    ] {
        let mut layers = Layers::preset("digits").unwrap();
        for setting in ["data.mean=[0.5]", "data.std=[0.5]", setting] {
            layers.set(setting).unwrap();
        }
        let error = message(layers.build());
        assert!(error.contains(told), "{setting}: {error}");
    }
}

#[test]
fn images_too_small_for_the_network_are_told() {
    let with = |settings: &[&str]| {
        let mut layers = Layers::preset("digits").unwrap();
        settings.iter().for_each(|s| layers.set(s).unwrap());
        layers.build()
    };
    let told = "images of 8×8 are too small, it halves them until less than a pixel is left; expected at least 16×16";
    // once the shape is known: it is given, or the data are read
    let error = message(with(&["model.network=resnet64", "data.shape=[8, 8, 1]"]));
    assert!(
        error.contains("model.network = \"resnet64\"") && error.contains(told),
        "{error}"
    );
    let config = with(&["model.network=resnet64"]).unwrap();
    let error = config.check_size([8, 8]).unwrap_err().to_string();
    assert!(
        error.contains("model.network = resnet64") && error.contains(told),
        "{error}"
    );
    config.check_size([16, 20]).unwrap();
    assert!(config.check_size([20, 15]).is_err());
}

#[test]
fn a_preset_may_build_on_another() {
    let build = |name: &str| {
        let mut layers = Layers::preset(name).unwrap();
        layers.set("data.path=x").unwrap();
        layers.build().unwrap()
    };
    let mut small = build("cifar10-small");
    assert_eq!(
        (small.model.network, small.model.width),
        (Network::ResnetSmall, 64)
    );
    small.model = build("cifar10").model;
    assert_eq!(small, build("cifar10"));
}

#[test]
fn a_file_overrides_its_preset_and_arguments_override_the_file() {
    let (file, _) =
        file("preset = \"cifar10-small\"\n[data]\npath = \"d\"\n[sampler]\nsteps = 7\nnoise = 1");
    let mut layers = Layers::file(file.path()).unwrap();
    layers.set("sampler.steps = 9").unwrap();
    layers.set("sampler.clip=0.5").unwrap();
    layers.set("augmentation.encoder=weak").unwrap();
    let config = layers.build().unwrap();
    assert_eq!(config.sampler.steps, 9);
    assert_eq!(config.sampler.noise, 1.0);
    assert_eq!(config.sampler.clip, Some(0.5));
    assert_eq!(config.augmentation.encoder, Augmentation::Weak);
    assert_eq!(config.model.network, Network::ResnetSmall);
}

#[test]
fn none_makes_an_optional_setting_absent_and_a_word_stays_a_word() {
    let mut layers = Layers::preset("digits").unwrap();
    layers.set("sampler.clip=0.5").unwrap();
    layers.set("sampler.clip=none").unwrap();
    layers.set("augmentation.ebm=none").unwrap();
    layers.set("data.path=12").unwrap();
    let config = layers.build().unwrap();
    assert_eq!(config.sampler.clip, None);
    assert_eq!(config.augmentation.ebm, Augmentation::None);
    assert_eq!(config.data.path, Some("12".into()));
}

/// A setting that always has a value keeps it, or is refused, also one that no preset names.
#[test]
fn none_makes_no_other_setting_absent() {
    let usual = Layers::preset("digits").unwrap().build().unwrap();
    for key in usual.settings().keys() {
        let mut layers = Layers::preset("digits").unwrap();
        layers.set(&format!("{key}=none")).unwrap();
        if let Ok(config) = layers.build() {
            assert_eq!(config.settings()[key].as_str(), Some("none"), "{key}");
        }
    }
}

#[test]
fn unknown_keys_name_the_place_and_the_nearest_key() {
    let (file, name) = file("seed = 1\n\n[sampler]\nstep = 7\n");
    let error = Layers::file(file.path()).and_then(Layers::build);
    assert_eq!(
        message(error),
        format!("{name}:4: unknown key `sampler.step`; did you mean `sampler.steps`?")
    );
    let error = Layers::preset("digits").unwrap().set("train.ebm.beta=0.5");
    assert_eq!(
        error.unwrap_err().to_string(),
        "--set train.ebm.beta=0.5: unknown key `train.ebm.beta`; did you mean `train.ebm.beta1`?"
    );
}

#[test]
fn an_unknown_section_is_an_unknown_key() {
    let (file, name) = file("[smapler]\nsteps = 7\n");
    let error = message(Layers::file(file.path()).and_then(Layers::build));
    assert!(
        error.starts_with(&format!("{name}:1: unknown key `smapler`")),
        "{error}"
    );
    assert!(error.ends_with("did you mean `sampler`?"), "{error}");
}

#[test]
fn wrong_types_name_key_and_place() {
    let (file, name) = file("[train]\nbatch = \"many\"\n");
    let error = message(Layers::file(file.path()).and_then(Layers::build));
    assert!(
        error.starts_with(&format!("{name}:2: `train.batch`: \"many\" is no")),
        "{error}"
    );

    let mut layers = Layers::preset("digits").unwrap();
    layers.set("model.network=resnet50").unwrap();
    let error = message(layers.build());
    assert!(
        error.starts_with("--set model.network=resnet50: `model.network`"),
        "{error}"
    );
    assert!(error.contains("resnet_small"), "{error}");

    // an element stands where its list does
    let mut layers = Layers::preset("digits").unwrap();
    layers.set("data.shape=[1.5, 2, 3]").unwrap();
    assert_eq!(
        message(layers.build()),
        "--set data.shape=[1.5, 2, 3]: `data.shape[0]`: 1.5 is no whole number"
    );

    let mut layers = Layers::preset("digits").unwrap();
    layers.set("seed=-1").unwrap();
    let error = message(layers.build());
    assert!(error.starts_with("--set seed=-1: `seed`"), "{error}");
}

#[test]
fn broken_toml_names_the_line() {
    let (file, name) = file("seed = 1\n[sampler\n");
    let error = message(Layers::file(file.path()).and_then(Layers::build));
    assert!(
        error.starts_with(&format!("{name}:2: not valid TOML")),
        "{error}"
    );
}

#[test]
fn values_that_make_no_sense_are_all_reported() {
    let mut layers = Layers::preset("digits").unwrap();
    for set in [
        "sampler.step_size=nan",
        "sampler.noise=-0.1",
        "sampler.restart=1.5",
        "sampler.buffer=10",
        "train.ebm.beta2=1.0",
        "train.batch=1",
        "loss.tau=0",
        "data.source=cifar10",
    ] {
        layers.set(set).unwrap();
    }
    let error = message(layers.build());
    for part in [
        "sampler.step_size = nan (--set sampler.step_size=nan): must be a finite number above 0",
        "sampler.noise = -0.1",
        "sampler.restart = 1.5",
        "train.ebm.beta2 = 1.0",
        "train.batch = 1",
        "loss.tau = 0",
        "data.path: this source needs a path",
    ] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
}

#[test]
fn a_frozen_encoder_and_its_file_belong_together() {
    let told = |settings: &[&str]| {
        let mut layers = Layers::preset("digits").unwrap();
        for set in settings {
            layers.set(set).unwrap();
        }
        message(layers.build())
    };
    let missing = told(&["encoder.latents=frozen"]);
    assert!(missing.contains("encoder.file"), "{missing}");
    let unread = told(&["encoder.file=a.safetensors"]);
    assert!(
        unread.contains("encoder.latents = frozen alone"),
        "{unread}"
    );
    let both = ["encoder.latents=frozen", "encoder.file=a.safetensors"];
    assert_eq!(told(&both), "no error");
}

#[test]
fn schedules_of_the_sampler_have_ends_that_they_can_reach() {
    let told = |settings: &[&str]| {
        let mut layers = Layers::preset("digits").unwrap();
        for set in settings {
            layers.set(set).unwrap();
        }
        message(layers.build())
    };
    assert_eq!(
        told(&["sampler.schedule=linear", "sampler.noise_end=0"]),
        "no error"
    );
    let ends = told(&["sampler.schedule=geometric", "sampler.noise_end=0"]);
    assert!(ends.contains("sampler.noise_end = 0"), "{ends}");
    let unused = told(&["sampler.step_size_end=0.1"]);
    assert!(
        unused.contains("choose one with sampler.schedule"),
        "{unused}"
    );
    let word = told(&["sampler.schedule=cosin"]);
    assert!(word.contains("geometric"), "{word}");
}

#[test]
fn a_stored_configuration_must_be_complete() {
    let error = message(Config::parse("seed = 1", "run/config.toml"));
    assert!(
        error.contains("run/config.toml") && error.contains("missing field"),
        "{error}"
    );
}

#[test]
fn unknown_preset_lists_the_presets() {
    let error = Layers::preset("mnist").unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no preset `mnist`; there are digits, fashion, cifar10, cifar10-small, cifar10-large, imagenet32, celeba64"
    );
}

#[test]
fn no_equals_sign_is_explained() {
    let error = Layers::preset("digits").unwrap().set("seed").unwrap_err();
    assert!(matches!(error, Error::Argument { .. }));
    assert!(error.to_string().contains("key=value"), "{error}");
}

#[test]
fn a_limit_is_told_once() {
    for key in [
        "model.width",
        "model.latent",
        "encoder.hidden",
        "log.grid_images",
    ] {
        let mut layers = Layers::preset("digits").unwrap();
        layers.set(&format!("{key}=100000000")).unwrap();
        let told = message(layers.build());
        assert_eq!(told.matches("must be at most").count(), 1, "{told}");
        assert!(told.contains("16384"), "{told}");
    }
}

#[test]
fn a_preset_that_does_not_exist_is_told_with_its_line() {
    let (file, name) = file("seed = 1\npreset = \"digit\"\n");
    let told = message(Layers::file(file.path()).and_then(Layers::build));
    let place = format!("{name}:2: `preset`: there is no preset `digit`; there are digits, ");
    assert!(told.starts_with(&place), "{told}");
}
