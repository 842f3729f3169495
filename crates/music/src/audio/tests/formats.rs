use super::files::{Coding, Made, flac, wav};
use super::{distance, frames_of, noise};
use crate::audio::{BANDS, Damage, Decoder, HOP, MelOptions, Scale};

/// All samples of a file.
fn samples_of(bytes: &[u8]) -> (Vec<f32>, Decoder) {
    let file = Made::new(bytes);
    let mut decoder = Decoder::open(file.path()).unwrap();
    let mut samples = Vec::new();
    while let Some(packet) = decoder.next().unwrap() {
        samples.extend_from_slice(packet);
    }
    (samples, decoder)
}

fn mean(samples: &[f32], channels: usize) -> Vec<f32> {
    samples.chunks(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect()
}

#[test]
fn wav_of_every_width_and_up_to_eight_channels() {
    for coding in Coding::ALL {
        for channels in [1, 2, 3, 4, 5, 6, 7, 8] {
            let samples = noise(5000 * channels, 3);
            let (got, decoder) = samples_of(&wav(&samples, 22_050, channels as u16, coding));
            let step = if matches!(coding, Coding::U8) { 1.0 / 128.0 } else { 1.0 / 32768.0 };
            let distance = distance(&got, &mean(&samples, channels));
            assert!(distance <= step, "{distance} with {coding:?}, {channels} channels");
            let sound = decoder.sound();
            assert_eq!((sound.rate, sound.channels), (22_050, channels as u32));
            assert_eq!(sound.seconds, Some(5000.0 / 22_050.0));
        }
    }
}

#[test]
fn flac_as_wav() {
    for channels in [1, 2, 8] {
        let samples = noise(10_000 * channels, 4);
        let (got, decoder) = samples_of(&flac(&samples, 44_100, channels as u16));
        let (expected, _) = samples_of(&wav(&samples, 44_100, channels as u16, Coding::S16));
        assert!(distance(&got, &expected) < 1e-6);
        assert_eq!((decoder.sound().codec, decoder.failed_packets()), ("flac", 0));
    }
}

#[test]
fn frames_are_as_many_as_the_samples_at_16_khz_have_hops() {
    for rate in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000] {
        for length in [1, 10, 500, 5000] {
            let file = Made::new(&wav(&noise(length, 2), rate, 1, Coding::S16));
            let (frames, damage, seconds) = frames_of(file.path(), MelOptions::default(), 7).unwrap();
            let samples = (length as u64 * 16_000).div_ceil(u64::from(rate)) as usize;
            assert_eq!(frames.len(), (1 + samples / HOP) * BANDS, "{length} at {rate}");
            assert!(frames.iter().all(|value| value.is_finite()));
            assert_eq!((damage, seconds), (Damage::default(), length as f64 / f64::from(rate)));
        }
    }
}

#[test]
fn silence_is_the_floor_everywhere() {
    let file = Made::new(&wav(&[0.0; 44_100], 44_100, 2, Coding::S16));
    let (frames, ..) = frames_of(file.path(), MelOptions::default(), 100).unwrap();
    assert!(frames.iter().all(|&value| value == Scale::FLOOR.ln()));
}

#[test]
fn samples_that_are_no_numbers_are_zeros_and_counted() {
    let mut samples = noise(30_000, 9);
    let mut zeros = samples.clone();
    for (at, broken) in [(7, f32::NAN), (900, f32::INFINITY), (901, f32::NEG_INFINITY), (20_000, 1e30)] {
        (samples[at], zeros[at]) = (broken, 0.0);
    }
    for coding in [Coding::F32, Coding::F64] {
        let [got, expected] = [&samples, &zeros]
            .map(|samples| Made::new(&wav(samples, 44_100, 1, coding)))
            .map(|file| frames_of(file.path(), MelOptions::default(), 100).unwrap());
        assert_eq!(distance(&got.0, &expected.0), 0.0);
        assert_eq!(got.1, Damage { failed_packets: 0, broken_samples: 4 });
    }
}

#[test]
fn slices_of_any_size_hold_the_same_frames() {
    let file = Made::new(&wav(&noise(90_000, 1), 44_100, 2, Coding::S16));
    let (whole, ..) = frames_of(file.path(), MelOptions::default(), 1000).unwrap();
    for slice in [1, 2, 13] {
        assert_eq!(frames_of(file.path(), MelOptions::default(), slice).unwrap().0, whole);
    }
}
