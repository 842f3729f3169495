use super::{distance, noise};
use crate::audio::{RATE, Resampler};
use proptest::prelude::*;
use std::f64::consts::PI;

fn resampled(samples: &[f32], rate: u32, piece: usize) -> Vec<f32> {
    let (mut resampler, mut outputs) = (Resampler::new(rate), Vec::new());
    samples.chunks(piece).for_each(|piece| resampler.push(piece, &mut outputs));
    resampler.finish(&mut outputs);
    outputs
}

/// Each output as a sum over all inputs, of weights that are computed for it: a sinc under a Kaiser window whose Bessel
/// functions are integrals.
fn naive(samples: &[f32], rate: u32) -> Vec<f32> {
    let ratio = (f64::from(RATE) / f64::from(rate)).min(1.0);
    let (cutoff, half) = (ratio * 0.9568, (126.4 - 7.95) / (2.285 * PI * ratio * 0.0864) / 2.0);
    let bessel = |x: f64| -> f64 {
        let steps = 60;
        (0..steps).map(|step| (x * (PI * (f64::from(step) + 0.5) / f64::from(steps)).cos()).exp()).sum::<f64>()
            / f64::from(steps)
    };
    let weight = |time: f64| {
        let place = time / half;
        if place.abs() >= 1.0 {
            return 0.0;
        }
        let angle = PI * cutoff * time;
        let sinc = if angle.abs() < 1e-12 { 1.0 } else { angle.sin() / angle };
        cutoff * sinc * bessel(0.1102 * (126.4 - 8.7) * (1.0 - place * place).sqrt()) / bessel(0.1102 * (126.4 - 8.7))
    };
    let count = (samples.len() as f64 * f64::from(RATE) / f64::from(rate)).ceil() as usize;
    let output = |at: usize| {
        let centre = at as f64 * f64::from(rate) / f64::from(RATE);
        samples.iter().enumerate().map(|(place, x)| f64::from(*x) * weight(place as f64 - centre)).sum::<f64>() as f32
    };
    (0..count).map(output).collect()
}

#[test]
fn outputs_are_those_of_the_definition() {
    // The last two need more phases than there are weights for.
    for rate in [8_000, 11_025, 22_050, 44_100, 48_000, 44_101, 15_999] {
        let samples = noise(400, rate);
        let distance = distance(&resampled(&samples, rate, 400), &naive(&samples, rate));
        assert!(distance < 5e-6, "{distance} at {rate}");
    }
}

#[test]
fn a_tone_keeps_its_frequency_place_and_height() {
    for rate in [8_000, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000] {
        let tone = |rate: u32, length: u32| -> Vec<f32> {
            (0..length).map(|at| (2.0 * PI * 1234.5 * f64::from(at) / f64::from(rate)).sin() as f32).collect()
        };
        let outputs = resampled(&tone(rate, rate / 4), rate, 999);
        assert_eq!(outputs.len(), RATE as usize / 4);
        let inner = 1000..3000;
        let distance = distance(&outputs[inner.clone()], &tone(RATE, RATE / 4)[inner]);
        assert!(distance < 5e-6, "{distance} at {rate}");
    }
}

#[test]
fn what_is_above_half_the_rate_is_gone() {
    let tone: Vec<f32> = (0..22_050).map(|at| (2.0 * PI * 8_100.0 * f64::from(at) / 44_100.0).sin() as f32).collect();
    let outputs = resampled(&tone, 44_100, 4096);
    let most = outputs[1500..6500].iter().fold(0.0f32, |most, x| most.max(x.abs()));
    assert!(most < 2e-6, "{most}");
}

#[test]
fn samples_at_the_rate_pass_unchanged() {
    let samples = noise(1000, 5);
    assert_eq!(resampled(&samples, RATE, 77), samples);
}

#[test]
fn a_constant_stays_so() {
    for rate in [8_000, 44_100, 44_101, 1_000, 768_000] {
        let outputs = resampled(&vec![0.5; rate as usize / 4], rate, 1000);
        assert!(outputs[1600..2400].iter().all(|x| (x - 0.5).abs() < 1e-6), "{rate}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn outputs_do_not_depend_on_the_pieces(rate in 1_000u32..200_000, length in 1usize..2000, piece in 1usize..1200, seed: u32) {
        let samples = noise(length, seed);
        let whole = resampled(&samples, rate, length);
        prop_assert_eq!(whole.len() as u64, (length as u64 * u64::from(RATE)).div_ceil(u64::from(rate)));
        prop_assert_eq!(resampled(&samples, rate, piece), whole);
    }
}
