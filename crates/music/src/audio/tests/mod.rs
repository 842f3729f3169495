mod damaged;
mod files;
mod formats;
mod mel;
mod ranges;
mod resampler;

use super::{AudioError, BANDS, Damage, MelOptions, MelReader};
use std::path::Path;

/// All frames of a file, or of a part, in slices of `slice` frames.
fn frames_of(path: &Path, options: MelOptions, slice: usize) -> Result<(Vec<f32>, Damage, f64), AudioError> {
    let mut reader = MelReader::open(path, options)?;
    let mut frames = Vec::new();
    let mut out = vec![0.0; slice * BANDS];
    loop {
        let count = reader.read(&mut out)?;
        frames.extend_from_slice(&out[..count * BANDS]);
        if count < slice {
            return Ok((frames, reader.damage(), reader.seconds()));
        }
    }
}

/// Noise from −1 to 1.
fn noise(length: usize, mut seed: u32) -> Vec<f32> {
    let step = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(step).take(length).collect()
}

/// The largest difference.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
