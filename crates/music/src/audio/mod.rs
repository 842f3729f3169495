//! From a sound file to its log-mel spectrogram, a slice at a time: [`Decoder`] gives mono samples at the rate of the
//! file, [`Resampler`] brings them to [`RATE`], [`Mel`] makes frames of them. [`MelReader`] is all three in a row.

mod decode;
mod error;
mod filters;
mod low_pass;
mod mel;
mod reader;
mod resampler;

#[cfg(test)]
mod tests;

pub use decode::{Decoder, Sound};
pub use error::{AudioError, Fault};
pub use filters::MelFilters;
pub use mel::{Mel, Scale};
pub use reader::{Damage, MelOptions, MelReader};
pub use resampler::{RATES, Resampler};

/// Samples a second that spectrograms are made of.
pub const RATE: u32 = 16_000;
/// Samples of a window, and of its Fourier transform.
pub const WINDOW: usize = 512;
/// Samples from one frame to the next.
pub const HOP: usize = 256;
/// Mel bands of a frame.
pub const BANDS: usize = 96;
