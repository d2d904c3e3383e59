use std::time::{Duration, Instant};

use super::histogram::Histogram;
use super::pace::Pace;
use super::*;
use crate::Error;
use crate::config::{Best, Layers};

#[test]
fn a_grid_enlarges_pixels_and_keeps_borders() {
    let grid = Grid {
        columns: 2,
        scale: 3,
        border: 1,
    };
    // Three images of 1×2 pixels: black-white, white-black, grey-grey.
    let picture = grid
        .draw([3, 1, 2, 1], &[0.0, 1.0, 1.0, 0.0, 0.5, 0.5])
        .unwrap()
        .into_luma8();
    assert_eq!(picture.dimensions(), (2 * (2 * 3 + 1) + 1, 2 * (3 + 1) + 1));
    let row = |y: u32| {
        (0..15)
            .map(|x| picture.get_pixel(x, y).0[0])
            .collect::<Vec<u8>>()
    };
    let (b, w) = (96, 255);
    assert_eq!(row(0), [b; 15]);
    assert_eq!(row(1), [b, 0, 0, 0, w, w, w, b, w, w, w, 0, 0, 0, b]);
    assert_eq!(row(3), row(1));
    assert_eq!(row(4), [b; 15]);
    assert_eq!(row(5)[..8], [b, 128, 128, 128, 128, 128, 128, b]);
    assert_eq!(row(5)[8..], [b; 7]);
}

#[test]
fn colours_keep_their_channels_through_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("g.png");
    let grid = Grid {
        columns: 1,
        scale: 1,
        border: 0,
    };
    grid.write_png(&path, [1, 1, 2, 3], &[1.0, 0.0, 0.25, 0.0, 2.0, -1.0])
        .unwrap();
    let back = image::open(&path).unwrap().into_rgb8();
    assert_eq!(back.into_raw(), [255, 0, 64, 0, 255, 0]);
    let error = grid
        .write_png(&dir.path().join("no/g.png"), [0, 1, 2, 3], &[])
        .unwrap_err();
    assert!(
        matches!(error, Error::Write { .. } | Error::Image { .. }),
        "{error}"
    );
    assert!(grid.draw([1, 1, 2, 3], &[0.0]).is_err());
    assert!(grid.draw([1, 1, 1, 2], &[0.0; 2]).is_err());
}

#[test]
fn layout_follows_the_images() {
    assert_eq!(
        Grid::for_images([100, 8, 8, 1]),
        Grid {
            columns: 10,
            scale: 8,
            border: 2
        }
    );
    assert_eq!(
        Grid::for_images([5, 128, 64, 3]),
        Grid {
            columns: 3,
            scale: 1,
            border: 2
        }
    );
}

#[test]
fn metrics_survive_a_crash_and_a_resume() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("metrics.jsonl");
    let mut metrics = Metrics::create(&path).unwrap();
    for step in [10, 20, 30] {
        metrics
            .write(step, &[("energy", 0.5), ("gap", f64::NAN)])
            .unwrap();
    }
    drop(metrics);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        text.lines().next(),
        Some(r#"{"energy":0.5,"gap":"NaN","step":10}"#)
    );
    // A crash in the middle of a line.
    std::fs::write(&path, format!("{text}{{\"step\": 4")).unwrap();
    let mut metrics = Metrics::resume(&path, 20).unwrap();
    metrics.write(25, &[]).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let last = text.lines().last();
    assert_eq!((text.lines().count(), last), (3, Some(r#"{"step":25}"#)));

    std::fs::write(&path, "{\"step\": 1}\nhello\n").unwrap();
    let error = Metrics::resume(&path, 5).unwrap_err().to_string();
    assert!(error.contains("line 2: not a JSON object"), "{error}");
    assert!(Metrics::create(&path).is_err());
}

#[test]
fn a_run_directory_is_never_taken_twice() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/run");
    let run = RunDir::create(&path).unwrap();
    let error = RunDir::create(&path).unwrap_err();
    assert!(matches!(error, Error::RunExists { .. }));
    assert!(error.to_string().contains("--resume"), "{error}");
    let error = RunDir::open(&path).unwrap_err().to_string();
    assert!(
        error.contains("is not a run directory: there is no config.toml"),
        "{error}"
    );

    let config = Layers::preset("digits").unwrap().build().unwrap();
    run.write_config(&config).unwrap();
    assert_eq!(RunDir::open(&path).unwrap().read_config().unwrap(), config);
    assert!(run.metrics(0).is_ok());

    let numbered = |n: &str| dir.path().join("runs").join(n);
    for name in ["digits-001", "digits-002"] {
        let run = RunDir::create_numbered(&dir.path().join("runs"), "digits").unwrap();
        assert_eq!(run.path(), numbered(name));
    }
}

#[test]
fn the_newest_checkpoints_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::create(&dir.path().join("r")).unwrap();
    assert!(
        run.latest_checkpoint()
            .unwrap_err()
            .to_string()
            .contains("no checkpoint")
    );
    for step in [500, 20, 1500] {
        std::fs::write(run.checkpoint_path(step), "x").unwrap();
    }
    std::fs::write(run.path().join("checkpoints/step-9.safetensors.tmp"), "x").unwrap();
    assert_eq!(
        run.latest_checkpoint().unwrap(),
        (1500, run.checkpoint_path(1500))
    );
    run.prune_checkpoints(0, None).unwrap();
    run.prune_checkpoints(2, None).unwrap();
    let steps = || -> Vec<u64> { run.checkpoints().unwrap().iter().map(|c| c.0).collect() };
    assert_eq!(steps(), [500, 1500]);
    run.prune_checkpoints(1, Some(500)).unwrap();
    assert_eq!(steps(), [500, 1500]);
}

#[test]
fn the_best_checkpoint_is_one_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::create(&dir.path().join("r")).unwrap();
    let best = |by| {
        let best = run.best_checkpoint(by).unwrap()?;
        Some((best.step, best.value))
    };
    assert_eq!(best(Best::RelativeFrechet), None);
    let mut metrics = run.metrics(0).unwrap();
    for (step, frechet, share) in [
        (10, 0.5, 0.9),
        (20, 0.2, 0.7),
        (30, 0.3, 0.9),
        (40, f64::NAN, 0.8),
    ] {
        let values = [("relative_frechet", frechet), ("nearest_neighbour", share)];
        metrics.write(step, &values).unwrap();
        metrics.write(step + 5, &[("gap", -1.0)]).unwrap();
    }
    assert_eq!(best(Best::RelativeFrechet), None, "there is no file");
    for step in [10, 15, 30, 40] {
        std::fs::write(run.checkpoint_path(step), "x").unwrap();
    }
    assert_eq!(best(Best::RelativeFrechet), Some((30, 0.3)));
    assert_eq!(best(Best::NearestNeighbour), Some((10, 0.9)));
    assert_eq!(best(Best::None), None);
    std::fs::write(run.checkpoint_path(20), "x").unwrap();
    assert_eq!(best(Best::RelativeFrechet), Some((20, 0.2)));
}

#[test]
fn progress_says_rate_and_time_left() {
    let line = |first, step, seconds| {
        let start = Instant::now();
        let now = start + Duration::from_secs(seconds);
        let mut pace = Pace::new(first, 1000, start);
        pace.done(step, now);
        lines::line(&pace, now, &[("E(data)".to_owned(), -0.00123)])
    };
    assert_eq!(
        line(0, 100, 10),
        "E(data) -1.23e-3 · 10.0 it/s · 1 min 30 s left"
    );
    assert_eq!(
        line(900, 910, 40),
        "E(data) -1.23e-3 · 4.0 s/it · 6 min 00 s left"
    );
    assert_eq!(line(5, 5, 40), "E(data) -1.23e-3");
}

#[test]
fn a_rate_is_that_of_the_last_minute() {
    let start = Instant::now();
    let at = |seconds: u64| start + Duration::from_secs(seconds);
    let mut pace = Pace::new(0, 10_000, start);
    assert_eq!((pace.rate(), pace.left(start)), (None, None));
    // ten a second for ten minutes, then one a second
    for second in 1..=600 {
        pace.done(10 * second, at(second));
    }
    assert_eq!(pace.rate(), Some(10.0));
    for second in 601..=700 {
        pace.done(6000 + (second - 600), at(second));
    }
    assert_eq!(pace.rate(), Some(1.0));
    assert_eq!(pace.left(at(700)), Some(3900.0));
    // a long iteration takes from the time that is left, and never more than all of it
    assert_eq!(pace.left(at(800)), Some(3800.0));
    assert_eq!(pace.left(at(99_999)), Some(0.0));
    // two looks at one instant, or at one before, are no infinite rate
    let mut still = Pace::new(0, 10, at(5));
    still.done(1, at(5));
    still.done(2, at(1));
    assert_eq!((still.rate(), still.left(at(1))), (None, None));
}

#[test]
fn event_records_are_those_of_tensorboard() {
    // Written by tensorboard 2.21's RecordWriter: Event(wall_time=1.0, file_version="brain.Event:2") and
    // Event(wall_time=2.5, step=300, summary=[Value(tag="energy", simple_value=0.5)]).
    let hex = |bytes: Vec<u8>| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert_eq!(
        hex(events::framed(&events::version(1.0))),
        "1800000000000000a37f4b2209000000000000f03f1a0d627261696e2e4576656e743a3286bf577a"
    );
    assert_eq!(
        hex(events::framed(&events::scalars(
            2.5,
            300,
            &[("energy", 0.5)]
        ))),
        "1d00000000000000602fdf2309000000000000044010ac022a0f0a0d0a06656e65726779150000003f6834a531"
    );
}

#[test]
fn a_histogram_is_the_message_that_tensorboard_writes() {
    // Written by tensorboard 2.21's RecordWriter: Event(wall_time=2.5, step=300, summary=[Value(tag="w", histo=HistogramProto(min=-1,
    // max=2, num=3, sum=1, sum_squares=5, bucket_limit=[0.5, 2], bucket=[2, 1]))]).
    let found = Histogram {
        low: -1.0,
        high: 2.0,
        count: 3.0,
        sum: 1.0,
        squares: 5.0,
        limits: vec![0.5, 2.0],
        counts: vec![2.0, 1.0],
    };
    let bytes = events::framed(&events::histogram(2.5, 300, "w", &found));
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(
        hex,
        "6600000000000000723b876a09000000000000044010ac022a580a560a01772a5109000000000000f0bf1100000000000000401900000000000008402100\
         0000000000f03f2900000000000014403210000000000000e03f00000000000000403a100000000000000040000000000000f03fdffb0c39"
    );
}

#[test]
fn a_histogram_counts_every_finite_number_once() {
    // 0 to 29 and a half: the middle of each of 30 buckets, and both ends
    let mut values: Vec<f32> = (0..30).map(|i| i as f32 + 0.5).collect();
    values.extend([0.0, 30.0, f32::NAN, f32::INFINITY]);
    let found = Histogram::of(&values).unwrap();
    assert_eq!((found.low, found.high, found.count), (0.0, 30.0, 32.0));
    assert_eq!((found.sum, found.squares), (480.0, 9897.5));
    let mut counts = vec![1.0; 30];
    (counts[0], counts[29]) = (2.0, 2.0);
    assert_eq!(found.counts, counts);
    let limits: Vec<f64> = (1..=30).map(f64::from).collect();
    assert_eq!(found.limits, limits);

    let same = Histogram::of(&[0.1; 5]).unwrap();
    assert_eq!((same.limits.len(), &same.counts[..]), (1, &[5.0][..]));
    assert_eq!(same.limits[0], f64::from(0.1_f32));
    assert_eq!(Histogram::of(&[f32::NAN]), None);
    assert_eq!(Histogram::of(&[]), None);
}

/// TensorBoard reads files by name: one of a later time comes later, whatever the clock says.
#[test]
fn an_event_file_comes_after_those_that_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let name = |second: u64| format!("events.out.tfevents.{second}.clel");
    let future = 4_000_000_000;
    std::fs::write(dir.path().join(name(future)), "of a clock that ran ahead").unwrap();
    std::fs::write(dir.path().join("events.out.tfevents.x.clel"), "").unwrap();
    Events::create(dir.path()).unwrap();
    assert!(dir.path().join(name(future + 1)).is_file());
}

#[test]
fn two_event_files_of_one_second_do_not_collide() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut events = Events::create(dir.path()).unwrap();
        events.scalars(1, &[("a", 1.0)]).unwrap();
        events.png(1, "samples", (1, 1), b"not looked at").unwrap();
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn a_summary_is_a_table_and_a_file() {
    let digits = crate::eval::DigitReport {
        images: 100,
        frechet: 1.5,
        recognised: 0.93,
        kinds: [9; 10],
    };
    let set = |name: &str, digits| Judged {
        name: name.to_owned(),
        images: 100,
        encoder_frechet: Some(0.25),
        digits,
    };
    let summary = Summary {
        interventions: vec![],
        iterations: 1500,
        seconds: 90.0,
        judged: vec![set("samples", Some(digits)), set("held-out images", None)],
        nearest_neighbour: Some(0.975),
        pictures: vec!["runs/a/samples/final.png".into()],
    };
    let text = summary.to_string();
    for part in [
        "1500 iterations, 1 min 30 s\n",
        "100 samples                               0.250               1.50   93 %: [9, 9",
        "held-out images: 97.5 %",
        "\nruns/a/samples/final.png",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("summary.json");
    summary.write(&path).unwrap();
    let back: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(back["judged"][0]["digits"]["frechet"], 1.5);
}

#[test]
fn animations_come_back_frame_by_frame() {
    use image::AnimationDecoder;
    let dir = tempfile::tempdir().unwrap();
    let grid = Grid {
        columns: 2,
        scale: 4,
        border: 1,
    };
    for channels in [1, 3] {
        let shape = [2, 2, 3, channels];
        let size: usize = shape.iter().product();
        let frame = |k: usize| {
            (0..size)
                .map(|i| ((i * 7 + k * 31) % 256) as f32 / 256.0)
                .collect()
        };
        let frames: Vec<Vec<f32>> = (0..5).map(frame).collect();
        for name in ["a.gif", "a.png", "a.APNG"] {
            let path = dir.path().join(name);
            let kind = Animation::of(&path).unwrap();
            kind.write(&path, &grid, shape, &frames).unwrap();
            let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
            let back = match kind {
                Animation::Gif => {
                    let gif = image::codecs::gif::GifDecoder::new(file).unwrap();
                    gif.into_frames().collect_frames().unwrap()
                }
                Animation::Apng => {
                    let png = image::codecs::png::PngDecoder::new(file).unwrap();
                    png.apng().unwrap().into_frames().collect_frames().unwrap()
                }
            };
            assert_eq!(back.len(), 5, "{name}");
            for (back, values) in back.iter().zip(&frames) {
                // few colours: both kinds keep them all
                let drawn = grid.draw(shape, values).unwrap().into_rgba8();
                assert_eq!(back.buffer(), &drawn, "{name}");
            }
            let shown = |frame: &image::Frame| frame.delay().numer_denom_ms();
            assert_eq!(
                [0, 4].map(|i| shown(&back[i])),
                [(80, 1), (2000, 1)],
                "{name}"
            );
        }
    }
    let path = dir.path().join("b.gif");
    assert!(
        Animation::Apng
            .write(&path, &grid, [2, 2, 3, 1], &[])
            .is_err()
    );
    assert_eq!(Animation::of(&dir.path().join("b.mp4")), None);
    assert!(!path.exists());
}
