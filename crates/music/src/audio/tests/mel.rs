use super::{distance, noise};
use crate::audio::{BANDS, HOP, Mel, MelFilters, RATE, Scale, WINDOW};
use proptest::prelude::*;
use std::f64::consts::PI;

/// Mel power by the definition: a sum over the samples for each bin, a sum over the bins for each band.
fn naive(samples: &[f32]) -> Vec<f32> {
    let filters = MelFilters::default();
    let rows: Vec<_> = (0..BANDS).map(|band| filters.row(band)).collect();
    let sample = |place: i64| usize::try_from(place).ok().and_then(|at| samples.get(at)).map_or(0.0, |&x| f64::from(x));
    let mut frames = Vec::new();
    for frame in 0..=samples.len() / HOP {
        let start = (frame * HOP) as i64 - (WINDOW / 2) as i64;
        let power: Vec<f64> = (0..=WINDOW / 2)
            .map(|bin| {
                let (mut real, mut imaginary) = (0.0, 0.0);
                for place in 0..WINDOW {
                    let hann = 0.5 - 0.5 * (2.0 * PI * place as f64 / WINDOW as f64).cos();
                    let angle = 2.0 * PI * (bin * place % WINDOW) as f64 / WINDOW as f64;
                    let value = hann * sample(start + place as i64);
                    real += value * angle.cos();
                    imaginary -= value * angle.sin();
                }
                real * real + imaginary * imaginary
            })
            .collect();
        for row in &rows {
            frames.push(row.iter().zip(&power).map(|(weight, power)| f64::from(*weight) * power).sum::<f64>() as f32);
        }
    }
    frames
}

fn mel(samples: &[f32], piece: usize, scale: Scale) -> Vec<f32> {
    let (mut mel, mut frames) = (Mel::new(scale), Vec::new());
    samples.chunks(piece).for_each(|piece| mel.push(piece, &mut frames));
    mel.finish(&mut frames);
    frames
}

#[test]
fn mel_power_is_that_of_the_definition() {
    for length in [1, 255, 256, 257, 512, 900] {
        let samples = noise(length, 7);
        let (expected, got) = (naive(&samples), mel(&samples, length, Scale::Power));
        assert_eq!(got.len(), (1 + length / HOP) * BANDS);
        let most = expected.iter().copied().fold(0.0, f32::max);
        for (expected, got) in expected.iter().zip(&got) {
            assert!((expected - got).abs() <= 2e-6 * expected.max(most * 1e-8), "{expected} {got} of {length}");
        }
    }
}

#[test]
fn the_logarithm_has_a_floor() {
    let samples = noise(1000, 3);
    let expected: Vec<f32> = mel(&samples, 1000, Scale::Power).iter().map(|power| power.max(1e-10).ln()).collect();
    assert_eq!(distance(&mel(&samples, 1000, Scale::Log), &expected), 0.0);
    assert!(mel(&[0.0; 1000], 1000, Scale::Log).iter().all(|&value| value == 1e-10f32.ln()));
}

#[test]
fn a_tone_is_in_the_band_of_its_frequency() {
    // A mel is 200/3 Hz below 1 kHz; there are 97 steps to mel 45.245.
    for band in [3, 10, 20] {
        let hertz = (band + 1) as f32 * 45.245_64 / 97.0 * 200.0 / 3.0;
        let samples: Vec<f32> =
            (0..4096).map(|at| (2.0 * std::f32::consts::PI * hertz * at as f32 / RATE as f32).sin()).collect();
        let frames = mel(&samples, 4096, Scale::Power);
        let frame = &frames[8 * BANDS..9 * BANDS];
        let loudest = (0..BANDS).max_by(|&a, &b| frame[a].total_cmp(&frame[b])).unwrap();
        assert_eq!(loudest, band);
    }
}

#[test]
fn each_filter_has_unit_area() {
    let filters = MelFilters::default();
    for band in 20..BANDS {
        let area: f32 = filters.row(band).iter().sum::<f32>() * RATE as f32 / WINDOW as f32;
        assert!((area - 1.0).abs() < 0.35, "{area} of {band}");
    }
    let all: f32 = (0..BANDS).map(|band| filters.row(band).iter().sum::<f32>()).sum();
    assert!((all * RATE as f32 / WINDOW as f32 / BANDS as f32 - 1.0).abs() < 0.01);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn frames_do_not_depend_on_the_pieces(length in 1usize..3000, piece in 1usize..1200, seed: u32) {
        let samples = noise(length, seed);
        prop_assert_eq!(mel(&samples, piece, Scale::Power), mel(&samples, length, Scale::Power));
    }
}
