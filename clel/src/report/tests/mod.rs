mod compare;
mod events;
mod run_dir;
#[cfg(feature = "program")]
mod watched;

use std::time::{Duration, Instant};

use super::pace::Pace;
use super::*;
use crate::Error;

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
        device: "cpu".to_owned(),
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
        "100 samples                               0.250               1.50\n",
        "100 samples                        93 %  9  9",
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
