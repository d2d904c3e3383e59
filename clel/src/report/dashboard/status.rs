//! How the run stands, in words: how far, how fast, how long, with how much memory.

use std::time::Instant;

use super::shown::Shown;
use crate::report::pace::duration;

/// `training · 510/1500 · 11.4 it/s · 45 s so far, 1 min 27 s left`, as much of it as is no wider than `room`; the time so far goes first.
pub(super) fn course(shown: &Shown, now: Instant, room: usize) -> String {
    let mut parts = vec![shown.state().into_owned()];
    if shown.last > 0 {
        parts.push(format!("{}/{}", shown.step, shown.last));
    }
    parts.extend(shown.pace.rate_in_words());
    let so_far = format!("{} so far", so_far(shown, now));
    let left = shown.pace.left(now).filter(|_| shown.step < shown.last);
    let left = left.map(|seconds| format!("{} left", duration(seconds)));
    let times = match &left {
        Some(left) => format!("{so_far}, {left}"),
        None => so_far,
    };
    let all = [&parts[..], &[times]].concat().join(" · ");
    parts.extend(left);
    match wide(&all) <= room {
        true => all,
        false => parts.join(" · "),
    }
}

/// As many parts of [`course`] as one line of `room` columns holds, the first ones.
pub(super) fn in_one_line(shown: &Shown, now: Instant, room: usize) -> String {
    let mut text = course(shown, now, 0);
    while wide(&text) > room
        && let Some((shorter, _)) = text.rsplit_once(" · ")
    {
        text.truncate(shorter.len());
    }
    text
}

/// The time of the run's earlier parts and of this one.
fn so_far(shown: &Shown, now: Instant) -> String {
    duration(shown.before + now.saturating_duration_since(shown.begun).as_secs_f64())
}

/// `45 s so far · memory 123 MiB, peak 150 MiB · checkpoint 500, 12 s ago`, as much of it as is no wider than `room`; the time where `course` has
/// no room for it.
pub(super) fn rest(shown: &Shown, now: Instant, course: &str, room: usize) -> String {
    let time = format!("{} so far", so_far(shown, now));
    let time = (!course.contains(&time)).then_some(time);
    let memory = shown.memory;
    let memory = (memory.peak > 0).then(|| {
        let live = format!("memory {}", bytes(memory.live));
        let peak = format!("{live}, peak {}", bytes(memory.peak));
        [live, peak]
    });
    let [live, peak] = match memory {
        Some(texts) => texts.map(Some),
        None => [None, None],
    };
    let checkpoint = shown.saved.map(|(step, _)| format!("checkpoint {step}"));
    let saved = match (shown.saved, &checkpoint) {
        (Some((_, Some(at))), Some(checkpoint)) => {
            let ago = now.saturating_duration_since(at).as_secs_f64();
            Some(format!("{checkpoint}, {} ago", duration(ago)))
        }
        _ => checkpoint.clone(),
    };
    // the best that fits
    let choices = [
        [&time, &peak, &saved],
        [&time, &live, &saved],
        [&time, &live, &checkpoint],
        [&None, &live, &saved],
        [&None, &live, &checkpoint],
        [&None, &live, &None],
    ];
    let texts = choices.map(|parts| {
        let parts = parts.into_iter().flatten().map(String::as_str);
        parts.collect::<Vec<_>>().join(" · ")
    });
    let fitting = texts.into_iter().find(|text| wide(text) <= room);
    fitting.unwrap_or_default()
}

/// Columns of the screen.
pub(super) fn wide(text: &str) -> usize {
    text.chars().count()
}

/// Bytes as people say them.
fn bytes(count: u64) -> String {
    let kib = count as f64 / 1024.0;
    match kib {
        0.0..1024.0 => format!("{kib:.0} KiB"),
        1024.0..1_048_576.0 => format!("{:.0} MiB", kib / 1024.0),
        _ => format!("{:.2} GiB", kib / 1_048_576.0),
    }
}
