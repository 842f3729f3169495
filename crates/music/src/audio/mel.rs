//! Frames of mel bands from samples that come in pieces.

use super::filters::{BINS, MelFilters};
use super::{BANDS, HOP, WINDOW};
use realfft::num_complex::Complex64;
use realfft::{RealFftPlanner, RealToComplex};
use std::f64::consts::PI;
use std::sync::Arc;

/// What the values of a frame are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The power in each band.
    Power,
    /// The natural logarithm of that, with [`Scale::FLOOR`] for what is less.
    Log,
}

impl Scale {
    /// The least power whose logarithm is taken.
    pub const FLOOR: f32 = 1e-10;
}

/// Frames of [`BANDS`] mel bands: the squared magnitudes of a periodic Hann window's Fourier transform, through
/// [`MelFilters`]. Frame k is centred at sample k·[`HOP`]; before and behind the samples there are zeros, so that n samples
/// have 1 + n/HOP frames (`librosa.feature.melspectrogram(n_fft=512, hop_length=256, n_mels=96, center=True,
/// pad_mode='constant')`).
pub struct Mel {
    scale: Scale,
    filters: MelFilters,
    /// In single precision bands 80 dB below the loudest were up to 8e-4 off (of 400 sounds of 5 s); in double, 4e-7.
    transform: Arc<dyn RealToComplex<f64>>,
    window: Vec<f64>,
    /// Samples that the next frames need, the first of its window at `next`.
    samples: Vec<f32>,
    next: usize,
    windowed: Vec<f64>,
    spectrum: Vec<Complex64>,
    scratch: Vec<Complex64>,
    power: Vec<f32>,
}

impl Mel {
    /// For samples from the first of a sound on.
    pub fn new(scale: Scale) -> Mel {
        Mel::behind(scale, &[0.0; WINDOW / 2])
    }

    /// For samples that continue `before`, with which the window of the first frame begins.
    pub(super) fn behind(scale: Scale, before: &[f32]) -> Mel {
        let transform = RealFftPlanner::new().plan_fft_forward(WINDOW);
        let hann = |place: usize| 0.5 - 0.5 * (2.0 * PI * place as f64 / WINDOW as f64).cos();
        Mel {
            scale,
            filters: MelFilters::default(),
            window: (0..WINDOW).map(hann).collect(),
            samples: before.to_vec(),
            next: 0,
            windowed: transform.make_input_vec(),
            spectrum: transform.make_output_vec(),
            scratch: transform.make_scratch_vec(),
            power: vec![0.0; BINS],
            transform,
        }
    }

    /// Appends to `frames` those that are complete with `samples`.
    pub fn push(&mut self, samples: &[f32], frames: &mut Vec<f32>) {
        self.samples.extend_from_slice(samples);
        while self.samples.len() >= self.next + WINDOW {
            self.frame(frames);
            self.next += HOP;
        }
        self.samples.drain(..self.next);
        self.next = 0;
    }

    /// Appends the frames that reach over the end of the samples. None may be pushed after it.
    pub fn finish(&mut self, frames: &mut Vec<f32>) {
        self.push(&[0.0; WINDOW / 2], frames);
    }

    fn frame(&mut self, frames: &mut Vec<f32>) {
        let samples = &self.samples[self.next..][..WINDOW];
        for ((out, sample), weight) in self.windowed.iter_mut().zip(samples).zip(&self.window) {
            *out = f64::from(*sample) * weight;
        }
        self.transform
            .process_with_scratch(&mut self.windowed, &mut self.spectrum, &mut self.scratch)
            .expect("the buffers are those of the transform");
        for (power, value) in self.power.iter_mut().zip(&self.spectrum) {
            *power = value.norm_sqr() as f32;
        }
        let start = frames.len();
        frames.resize(start + BANDS, 0.0);
        let frame = &mut frames[start..];
        self.filters.apply(&self.power, frame);
        if self.scale == Scale::Log {
            frame.iter_mut().for_each(|value| *value = value.max(Scale::FLOOR).ln());
        }
    }
}
