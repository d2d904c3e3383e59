//! What a trainer and a run refuse: settings that make no sense, and batches that do not fit, before anything changes.

use super::*;
use crate::Error;
use crate::augment::Params;
use crate::config::{Augmentation, Latents};
use crate::data::{Dataset, ImageSet, Split};
use crate::report::Lines;
use crate::sampler::{Draw, Numbers};

fn refusal(config: &Config) -> String {
    match Trainer::new(config, &Device::Cpu) {
        Err(error @ Error::ConfigInvalid { .. }) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => "no error".to_owned(),
    }
}

#[test]
fn fields_that_make_no_sense_are_refused() {
    type Change = fn(&mut Config);
    let cases: [(Change, &str); 9] = [
        (|c| c.loss.tau = 0.0, "loss.tau = 0.0: must be"),
        (
            |c| c.sampler.step_size = f64::NAN,
            "sampler.step_size = nan",
        ),
        (|c| c.sampler.buffer = 0, "sampler.buffer = 0"),
        (|c| c.data.std = Some(vec![0.0]), "data.std = [0.0]"),
        (|c| c.encoder.latents = Latents::Frozen, "encoder.file: "),
        (
            |c| c.data.mean = Some(vec![0.1; 2]),
            "data.mean = [0.1, 0.1]",
        ),
        (|c| c.data.shape = Some([8, 8, 2]), "data.shape = [8, 8, 2]"),
        (|c| c.data.shape = None, "data.shape: not set"),
        (|c| c.seed = u64::MAX, "TOML"),
    ];
    assert_eq!(refusal(&config(&[])), "no error");
    for (change, wanted) in cases {
        let mut config = config(&[]);
        change(&mut config);
        let told = refusal(&config);
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
}

/// All that an iteration may change: arrays, and the ages of the chains.
fn state(trainer: &Trainer) -> (Vec<Vec<f32>>, Vec<u64>) {
    let networks = [trainer.live(), trainer.average()];
    let all = networks.iter().flat_map(|n| n.named());
    let all = all.flat_map(|(_, module)| numbers(module));
    let mut arrays: Vec<Vec<f32>> = all.map(|(_, values)| values).collect();
    let buffer = trainer.buffer();
    arrays.push(buffer.images().to_vec().unwrap());
    (arrays, buffer.ages().to_vec())
}

#[test]
fn a_batch_that_does_not_fit_changes_nothing() {
    let (mut trainer, _) = trained(&["augmentation.ebm=affine"], 1);
    let array = |shape: &[usize]| Tensor::uniform(shape, RngKey::new(9, 32), &Device::Cpu).unwrap();
    let (right, small) = (array(&[4, 8, 8, 1]), array(&[4, 8, 7, 1]));
    let three = [right.clone(), right.clone(), right.clone()];
    let narrow = [right.clone(), small.clone()];
    let few = Params::draw(Augmentation::Affine, 3, [8, 8], RngKey::new(9, 33));
    let before = state(&trainer);
    let data = Images::from_unit([4, 8, 8, 1], vec![0.5; 256]).unwrap();
    let drawn = || trainer.draw(&data).unwrap();
    let places = |indices: &[usize], flags| Draw {
        indices: indices.to_vec(),
        restarted: vec![true; flags],
    };
    let images = |images: &Tensor| Batch {
        images: images.clone(),
        ..drawn()
    };
    let noise = |noise| Batch {
        noise: Noise::Given(noise),
        ..drawn()
    };
    let draw = |draw| Batch { draw, ..drawn() };
    let [mut latent, mut views, mut chains, mut restart] = [drawn(), drawn(), drawn(), drawn()];
    (latent.latent, views.views, chains.chains) = (few.clone(), few.clone(), few);
    let one = trainer.draw(&data.select(&[0])).unwrap();
    restart.draw = places(&[0, 1, 2, 3], 4);
    restart.restart = Numbers::Given(&small);
    let cases = [
        ("[4, 8, 7, 1], expected [n, 8, 8, 1]", images(&small)),
        ("[0, 8, 8, 1]", images(&array(&[0, 8, 8, 1]))),
        ("found 1, expected at least 2", one),
        ("[4, 64]", images(&array(&[4, 64]))),
        (
            "f64, expected f32",
            images(&right.to_dtype(DType::F64).unwrap()),
        ),
        ("0 arrays, expected 2", noise(&[])),
        ("3 arrays, expected 2", noise(&three)),
        (
            "step: found [4, 8, 7, 1], expected [4, 8, 8, 1]",
            noise(&narrow),
        ),
        ("again: found [4, 8, 7, 1], expected [4, 8, 8, 1]", restart),
        ("latents: found 3", latent),
        ("views, two of each image: found 3", views),
        ("chains: found 3", chains),
        ("places [1, 1, 2, 3]", draw(places(&[1, 1, 2, 3], 4))),
        ("places [0, 1, 2, 8]", draw(places(&[0, 1, 2, 8], 4))),
        ("3 flags", draw(places(&[0, 1, 2, 3], 3))),
    ];
    for (wanted, batch) in cases {
        let told = match trainer.iterate(&batch) {
            Err(error @ Error::Mismatch { .. }) => error.to_string(),
            Err(other) => panic!("{wanted}: {other}"),
            Ok(_) => "no error".to_owned(),
        };
        assert!(told.contains(wanted), "{wanted}: {told}");
        assert!(state(&trainer) == before, "{wanted}");
        assert_eq!(trainer.step(), 1);
    }
    // and one that fits, with numbers that are given
    let two = [right.clone(), right.clone()];
    let fitting = Batch {
        noise: Noise::Given(&two),
        restart: Numbers::Given(&right),
        draw: places(&[7, 0, 1, 2], 4),
        ..trainer.draw(&data).unwrap()
    };
    trainer.iterate(&fitting).unwrap();
    for place in fitting.draw.indices {
        assert_eq!(trainer.buffer().ages()[place], 2);
    }
}

fn split(shape: [usize; 4], labels: Option<usize>) -> Split {
    let values = vec![0; shape.iter().product()];
    Split {
        images: Images::from_levels(shape, values, 256).unwrap().into(),
        labels: labels.map(|n| vec![0; n]),
    }
}

#[test]
fn parts_of_own_data_that_do_not_fit_end_no_run_but_at_its_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let begun = |config: Config, train: Split, test: Split| {
        let data = Dataset {
            name: "own".to_owned(),
            train,
            test,
            classes: None,
            drawn: false,
        };
        let job = Job {
            config,
            data,
            device: Device::Cpu,
            run: RunDir::create(&path).unwrap(),
            resume: false,
            stop_after: Some(1),
            stop: Default::default(),
        };
        let told = match run(job, &mut Lines::default()) {
            Err(error) => error.in_one_line(),
            Ok(_) => "no error".to_owned(),
        };
        assert!(!path.exists(), "{told}");
        told
    };
    let fits = || split([4, 8, 8, 1], Some(4));
    let few = split([4, 8, 8, 1], Some(3));
    for (train, test, wanted) in [
        (
            few.clone(),
            fits(),
            "the training images of own: found 3, expected 4, one for each",
        ),
        (
            fits(),
            split([2, 8, 8, 1], Some(3)),
            "the test images of own: found 3, expected 2",
        ),
        (
            fits(),
            split([2, 8, 6, 1], None),
            "test images of own: found 8×6×1, expected 8×8×1",
        ),
    ] {
        let told = begun(config(&[]), train, test);
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    let mut wrong = config(&[]);
    wrong.loss.tau = 0.0;
    let told = begun(wrong, fits(), fits());
    assert!(told.contains("loss.tau = 0.0"), "{told}");
    few.check("these").unwrap_err();
    assert!(split([0, 8, 8, 1], None).check("none").is_ok());
}

#[test]
fn samples_say_which_number_is_wrong() {
    let told = |values: Vec<f32>| {
        ImageSet::of_samples([8, 8, 1], values)
            .unwrap_err()
            .to_string()
    };
    let mut values = vec![0.5; 64];
    values[7] = 1.2;
    assert!(told(values.clone()).contains("value 7 is 1.2; pixels lie in 0..=1"));
    values[7] = f32::NAN;
    assert!(told(values).contains("value 7 is NaN: the energies"));
    assert!(told(vec![0.5; 65]).contains("65 values are no whole number of images of 8×8×1"));
}

/// A loop by hand with what the trainer tells of itself.
#[test]
fn a_trainer_tells_its_rates_and_what_they_are_for() {
    let names = |settings: &[&str]| {
        let (trainer, outcome) = trained(settings, 0);
        assert!(outcome.is_none());
        let all = trainer.energy_parameters().into_iter();
        all.map(|(name, _)| name).collect::<Vec<_>>()
    };
    let projector = |names: &[String]| names.iter().any(|name| name.starts_with("projection."));
    assert!(projector(&names(&[])));
    assert!(!projector(&names(&["loss.beta=0"])));
    let (trainer, _) = trained(&["train.ebm.warmup=4", "train.ebm.lr=0.01"], 1);
    let (_, outcome) = trained(&["train.ebm.warmup=4", "train.ebm.lr=0.01"], 2);
    assert_eq!(trainer.rates(), outcome.unwrap().rates);
    // half of the way up
    assert_eq!(trainer.rates()[0], 0.005);
}

/// Networks of a loop of one's own become a checkpoint.
#[test]
fn networks_put_into_a_trainer_are_saved_with_their_step() {
    let (own, _) = trained(&[], 2);
    let (mut trainer, _) = trained(&[], 0);
    for networks in [trainer.live(), trainer.average()] {
        clel_nn::optim::Ema::update(&own.live().energy, &networks.energy, 0.0).unwrap();
    }
    let wrong = trainer.set_progress(2, vec!["energy".to_owned()]);
    assert!(
        wrong
            .unwrap_err()
            .to_string()
            .contains("`energy`, expected `ebm`")
    );
    trainer.set_progress(2, vec!["encoder".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.safetensors");
    trainer.save(&path).unwrap();
    let loaded = load_networks(&path, &Device::Cpu).unwrap();
    assert_eq!(loaded.step, 2);
    assert!(loaded.is_trained("ebm") && !loaded.is_trained("encoder"));
    for networks in [&loaded.live, &loaded.average] {
        assert_eq!(numbers(&networks.energy), numbers(&own.live().energy));
    }
}
