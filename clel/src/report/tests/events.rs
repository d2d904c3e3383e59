//! What TensorBoard reads.

use crate::report::histogram::Histogram;
use crate::report::{Events, events};

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
fn what_happened_is_told_as_tensorboard_tells_it() {
    // Written by tensorboard 2.21's RecordWriter: Event(wall_time=2.5, step=301, session_log=SessionLog(status=START)) and
    // Event(wall_time=2.5, step=300, summary=[Value(tag="what happened", tensor=TensorProto(dtype=DT_STRING, tensor_shape={},
    // string_val=["sick"]), metadata=SummaryMetadata(plugin_data={plugin_name="text"}))]).
    let hex = |bytes: Vec<u8>| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert_eq!(
        hex(events::framed(&events::start(2.5, 300))),
        "100000000000000095fbfe1809000000000000044010ad023a0208019daf86af"
    );
    assert_eq!(
        hex(events::framed(&events::words(2.5, 300, "sick"))),
        "3500000000000000d6c55de609000000000000044010ac022a270a250a0d776861742068617070656e6564420a0807120042047369636b4a080a060a0474657874478662ea"
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
