//! Which checkpoint is the best, where the encoder of each is another one.

use super::super::{
    kept::Kept,
    quality::{Quality, quality},
};
use super::*;
use crate::data::{Dataset, ImageSet, load};

/// Samples that are judged, of the eight chains.
const JUDGED: &str = "eval.samples=6";

/// The digits as they come with the program.
fn digits() -> Dataset {
    load(&config(&[]).data, 0).unwrap()
}

fn values(samples: &ImageSet) -> Vec<f32> {
    samples.in_memory().unwrap().to_unit()
}

fn figure(of: &Quality, name: &str) -> Option<f64> {
    let figure = of.figures.iter().find(|figure| figure.0 == name);
    figure.map(|figure| figure.1)
}

#[test]
fn the_best_samples_are_judged_as_if_they_were_the_newest() {
    let data = digits();
    let (mut later, _) = trained(&[JUDGED], 3);
    let (earlier, _) = trained(&[JUDGED], 1);
    let best = quality(&earlier, &data, None).unwrap();
    assert_eq!(figure(&best, "best_relative_frechet"), None);
    let alone = quality(&later, &data, None).unwrap();
    let both = quality(&later, &data, best.samples.as_ref()).unwrap();
    for figure in &alone.figures {
        assert!(both.figures.contains(figure), "{figure:?} has changed");
    }
    later.buffer = earlier.buffer;
    let swapped = quality(&later, &data, None).unwrap();
    let expected = figure(&swapped, "relative_frechet");
    assert_ne!(expected, figure(&alone, "relative_frechet"));
    assert_eq!(figure(&both, "best_relative_frechet"), expected);
    // what another encoder said of them is another number
    assert_ne!(figure(&best, "relative_frechet"), expected);
}

#[test]
fn the_best_samples_are_those_of_the_file_if_it_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::create(&dir.path().join("run")).unwrap();
    let (trainer, _) = trained(&[JUDGED], 1);
    let judged = quality(&trainer, &digits(), None).unwrap();
    let config = trainer.config.clone();
    let path = run.checkpoint_path(1);
    trainer.save(&path).unwrap();
    let mut metrics = run.metrics(0).unwrap();
    metrics.write(1, &judged.figures).unwrap();
    let history = run.history().unwrap();

    let kept = |config| Kept::of(&run, config, 1, &history).unwrap();
    let expected = judged.samples.as_ref().map(values).unwrap();
    assert_eq!(expected.len(), 6 * 64);
    let mut resumed = kept(&config);
    assert_eq!(resumed.samples().map(values), Some(expected.clone()));
    // one that goes on knows them, wherever the file is
    let mut going_on = Kept::of(&run, &config, 0, &History::default()).unwrap();
    assert!(going_on.samples().is_none(), "nothing has been judged");
    going_on.judge(7, judged);
    assert_eq!(going_on.samples().map(values), Some(expected));
    // an encoder that rests says the same at all times
    let mut frozen = config.clone();
    frozen.encoder.latents = crate::config::Latents::Frozen;
    assert!(kept(&frozen).samples().is_none());
    let mut by_encoder = config.clone();
    by_encoder.log.best = crate::config::Best::NearestNeighbour;
    assert!(kept(&by_encoder).samples().is_none());
    std::fs::write(&path, "no checkpoint").unwrap();
    assert!(kept(&config).samples().is_none());
}

/// A run that goes on knows the same best one as the lines tell.
#[test]
fn the_best_one_is_the_one_that_its_lines_tell() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::create(&dir.path().join("run")).unwrap();
    let mut config = config(&[]);
    config.log.checkpoints_kept = 1;
    let mut kept = Kept::of(&run, &config, 0, &History::default()).unwrap();
    let mut metrics = run.metrics(0).unwrap();
    let mut after = |step, newest, before: Option<f64>| {
        let mut figures = vec![("relative_frechet", newest)];
        figures.extend(before.map(|before| ("best_relative_frechet", before)));
        metrics.write(step, &figures).unwrap();
        let samples = None;
        kept.judge(step, Quality { figures, samples });
        std::fs::write(run.checkpoint_path(step), "x").unwrap();
        kept.saved(step, false).unwrap();
        let steps = |all: Vec<(u64, _)>| all.into_iter().map(|one| one.0).collect::<Vec<_>>();
        let there = steps(run.checkpoints().unwrap());
        let history = run.history().unwrap();
        Kept::of(&run, &config, step, &history).unwrap();
        assert_eq!(steps(run.checkpoints().unwrap()), there);
        there
    };
    assert_eq!(after(1, 0.1, None), [1]);
    assert_eq!(after(2, 0.3, Some(0.4)), [2]);
    assert_eq!(after(3, 0.2, Some(0.15)), [2, 3]);
    assert_eq!(after(4, 0.9, Some(0.8)), [2, 4]);
    assert_eq!(after(5, 0.9, Some(0.95)), [5]);
}
