//! The filter of a resampler.

use aurochs_kernels::simd::BLOCK;
use std::f64::consts::PI;
use std::sync::{Arc, Mutex, PoisonError};

/// Where it begins to fall and where it has fallen, in shares of the half of the lower rate, and how deep, in dB. These are
/// those of soxr's `HQ` (20 bits): with others the bands above 7.3 kHz, where it falls, would be unlike soxr's.
const PASS: f64 = 0.9136;
const STOP: f64 = 1.0;
const ATTENUATION: f64 = 126.4;

/// Where a ratio needs more phases than this, weights are interpolated between those of so many to a sample of the lower rate:
/// the error is about 1e-6 of full scale. 44.1 kHz needs 160, 11.025 kHz 640.
const MOST_PHASES: u32 = 1024;

/// A sinc under a Kaiser window, sampled at the times that inputs have about an output.
pub(super) struct LowPass {
    /// Rows of `taps` weights whose sum is 1. Row p is for an output p/`rows` inputs behind input taps/2 − 1; behind the last
    /// row that is needed there is one for an output at input taps/2.
    pub weights: Vec<f32>,
    /// A multiple of [`BLOCK`].
    pub taps: usize,
    /// As many as there are phases, or fewer where weights are interpolated.
    pub rows: u32,
}

/// That from `down` to `up` samples, in lowest terms; the latest few are kept, since to make one takes milliseconds.
pub(super) fn low_pass(up: u32, down: u32) -> Arc<LowPass> {
    static LATEST: Mutex<Vec<([u32; 2], Arc<LowPass>)>> = Mutex::new(Vec::new());
    const KEPT: usize = 8;
    let latest = || LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, known)) = latest().iter().find(|(of, _)| *of == [up, down]) {
        return known.clone();
    }
    let made = Arc::new(LowPass::new(up, down));
    let mut latest = latest();
    if latest.len() == KEPT {
        latest.remove(0);
    }
    latest.push(([up, down], made.clone()));
    made
}

impl LowPass {
    fn new(up: u32, down: u32) -> LowPass {
        let ratio = (f64::from(up) / f64::from(down)).min(1.0);
        let rows = if up <= MOST_PHASES { up } else { (f64::from(MOST_PHASES) * ratio).ceil() as u32 };
        let response = Response::new(ratio);
        // Nothing is filtered where the rates are the same.
        let half = if up == down { 1 } else { response.half.ceil() as usize };
        let taps = (2 * half).next_multiple_of(BLOCK);
        let weights = (0..=rows).flat_map(|row| response.row(taps, f64::from(row) / f64::from(rows))).collect();
        LowPass { weights, taps, rows }
    }
}

/// The impulse response, a function of the time in inputs.
struct Response {
    cutoff: f64,
    half: f64,
    /// Of the window's polynomial in 1 − (time / half)², highest first: the power series of the modified Bessel function of
    /// order 0, of the root of that.
    coefficients: Vec<f64>,
}

impl Response {
    /// For a lower rate that is `ratio` of the rate of the inputs. The length and the window after Kaiser (1974).
    fn new(ratio: f64) -> Response {
        let beta = 0.1102 * (ATTENUATION - 8.7);
        let width = PI * ratio * (STOP - PASS);
        let next = |term: &(f64, f64)| Some((term.0 * beta * beta / 4.0 / (term.1 * term.1), term.1 + 1.0));
        let series = std::iter::successors(Some((1.0, 1.0)), next).map(|(coefficient, _)| coefficient);
        // Beyond 20 they only fall.
        let mut coefficients: Vec<f64> =
            series.enumerate().take_while(|&(k, term)| k < 20 || term > 1e-10).map(|(_, term)| term).collect();
        coefficients.reverse();
        Response {
            cutoff: ratio * (STOP + PASS) / 2.0,
            half: (ATTENUATION - 7.95) / (2.285 * width) / 2.0,
            coefficients,
        }
    }

    fn row(&self, taps: usize, phase: f64) -> Vec<f32> {
        let centre = (taps / 2 - 1) as f64 + phase;
        let weights: Vec<f64> = (0..taps).map(|tap| self.at(tap as f64 - centre)).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| (weight / sum) as f32).collect()
    }

    fn at(&self, time: f64) -> f64 {
        let place = time / self.half;
        if place.abs() >= 1.0 {
            return 0.0;
        }
        let angle = PI * self.cutoff * time;
        let sinc = if angle == 0.0 { 1.0 } else { angle.sin() / angle };
        let square = 1.0 - place * place;
        sinc * self.coefficients.iter().fold(0.0, |sum, coefficient| sum * square + coefficient)
    }
}
