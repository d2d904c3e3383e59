//! Numbers of the replay buffer.

use super::*;

#[test]
fn the_noise_of_the_buffer_is_uniform_and_that_of_restarts_another() {
    let (count, shape) = (200, [8, 8, 1]);
    let key = RngKey::new(7, 3);
    let buffer = ReplayBuffer::fresh(count, shape, key, &Device::Cpu).unwrap();
    let own = buffer.images().to_vec::<f32>().unwrap();
    assert_uniform(&own);
    assert_all_differ(&own, 64);
    assert_eq!(buffer.ages(), [0; 200]);

    let mut draw = Draw::random(100, count, 1.0, RngKey::new(7, 6));
    let start = |draw: &Draw, step| {
        let fresh = Numbers::Drawn(RngKey::new(7, 7).at(step));
        let start = buffer.start(draw, fresh).unwrap();
        start.to_vec::<f32>().unwrap()
    };
    let [once, later] = [0, 1].map(|step| start(&draw, step));
    for restarted in [&once, &later] {
        assert_uniform(restarted);
    }
    assert_all_differ(&[own.clone(), once.clone(), later].concat(), 64);

    // a chain starts from the same numbers whether or not its neighbours start again
    draw.restarted[1..].fill(false);
    let one = start(&draw, 0);
    assert_eq!(one[..64], once[..64]);
    for (row, &place) in draw.indices.iter().enumerate().skip(1) {
        assert_eq!(one[row * 64..][..64], own[place * 64..][..64]);
    }
}

#[test]
fn a_batch_has_no_chain_twice() {
    let mut hits = [0; 70];
    for step in 0..500 {
        let mut draw = Draw::random(64, 70, 0.5, RngKey::new(6, 6).at(step));
        assert_eq!((draw.indices.len(), draw.restarted.len()), (64, 64));
        draw.indices.iter().for_each(|&i| hits[i] += 1);
        draw.indices.sort_unstable();
        draw.indices.dedup();
        assert_eq!(draw.indices.len(), 64);
    }
    // each is expected 457 times, with a standard deviation of 6.3
    assert!(hits.iter().all(|h| (425..490).contains(h)), "{hits:?}");
    // of a buffer with fewer chains than the batch has images, all are drawn once
    let mut all = Draw::random(9, 5, 0.5, RngKey::new(6, 6));
    all.indices.sort_unstable();
    assert_eq!(all.indices, [0, 1, 2, 3, 4]);
    assert_eq!(all.restarted.len(), 5);
}
