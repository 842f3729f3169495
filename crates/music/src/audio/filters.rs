//! The mel filter bank.

use super::{BANDS, RATE, WINDOW};

/// Bins of the spectrum of a window.
pub(super) const BINS: usize = WINDOW / 2 + 1;

/// Triangular filters that are evenly spaced on Slaney's mel scale from 0 to half of [`RATE`], each of unit area (Slaney,
/// "Auditory Toolbox", 1998; as `librosa.filters.mel(norm='slaney', htk=False)`).
pub struct MelFilters {
    /// First bin and weights of each filter: most weights of a row would be 0.
    rows: Vec<(usize, Vec<f32>)>,
}

impl Default for MelFilters {
    fn default() -> Self {
        let top = mel_of(f64::from(RATE) / 2.0);
        let corners: Vec<f64> = (0..BANDS + 2).map(|place| hertz_of(top * place as f64 / (BANDS + 1) as f64)).collect();
        let rows = corners.windows(3).map(|corners| triangle([corners[0], corners[1], corners[2]])).collect();
        MelFilters { rows }
    }
}

impl MelFilters {
    /// Writes to `mel` (BANDS) what each filter lets through of `power` (BINS).
    pub fn apply(&self, power: &[f32], mel: &mut [f32]) {
        for ((first, weights), out) in self.rows.iter().zip(mel) {
            *out = weights.iter().zip(&power[*first..]).map(|(weight, power)| weight * power).sum();
        }
    }

    /// The weight of each bin (BINS) in the filter of `band`.
    pub fn row(&self, band: usize) -> Vec<f32> {
        let (first, weights) = &self.rows[band];
        let mut row = vec![0.0; BINS];
        row[*first..first + weights.len()].copy_from_slice(weights);
        row
    }
}

/// First bin and weights of the filter that rises from the first corner to the second and falls to the third, in hertz.
fn triangle([low, centre, high]: [f64; 3]) -> (usize, Vec<f32>) {
    let hertz = |bin: usize| bin as f64 * f64::from(RATE) / WINDOW as f64;
    let weight = |bin: usize| {
        let side = ((hertz(bin) - low) / (centre - low)).min((high - hertz(bin)) / (high - centre));
        (side.max(0.0) * 2.0 / (high - low)) as f32
    };
    let first = (0..BINS).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
    (first, (first..BINS).map(weight).take_while(|&weight| weight > 0.0).collect())
}

/// Up to 1 kHz a mel is 200/3 Hz; above, 27 mels are a factor of 6.4.
const LINEAR: f64 = 200.0 / 3.0;
const KNEE: f64 = 1000.0;

fn mel_of(hertz: f64) -> f64 {
    if hertz < KNEE { hertz / LINEAR } else { KNEE / LINEAR + 27.0 * (hertz / KNEE).ln() / 6.4f64.ln() }
}

fn hertz_of(mel: f64) -> f64 {
    let knee = KNEE / LINEAR;
    if mel < knee { mel * LINEAR } else { KNEE * ((mel - knee) / 27.0 * 6.4f64.ln()).exp() }
}
