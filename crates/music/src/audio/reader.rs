//! Frames of a file, a slice at a time.

use super::decode::{Decoder, Sound};
use super::error::AudioError;
use super::mel::{Mel, Scale};
use super::resampler::Resampler;
use super::{BANDS, HOP, RATE, WINDOW};
use std::path::Path;

/// Seconds of a file that are rather decoded than skipped.
const SHORT: u64 = 5;
/// Seconds that are decoded before those that are asked for, since packets may depend on those before them.
const LEAD: f64 = 1.0;

/// Which frames of a file are read.
#[derive(Clone, Copy, Debug)]
pub struct MelOptions {
    /// What their values are.
    pub scale: Scale,
    /// The frames from this time on, in seconds, at least 0: frame k is at k·HOP/RATE.
    pub from: f64,
    /// The frames before this time; to the end when infinite.
    pub to: f64,
}

impl Default for MelOptions {
    fn default() -> Self {
        MelOptions { scale: Scale::Log, from: 0.0, to: f64::INFINITY }
    }
}

/// What was amiss in the part of a file that was read so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Packets that could not be decoded and were left out.
    pub failed_packets: u64,
    /// Samples that were no finite number, or beyond ±10⁶, in a channel: they count as 0.
    pub broken_samples: u64,
}

/// The frames of a file, [`BANDS`] values each, in order. A frame of a part of the file is the same as in the whole.
pub struct MelReader {
    decoder: Decoder,
    resampler: Resampler,
    mel: Mel,
    /// Samples to leave out at the rate of the file, and then at [`RATE`].
    skipped: u64,
    skipped_after: u64,
    /// Of the file, those skipped included.
    decoded: u64,
    first: u64,
    /// Frames that are still wanted.
    left: u64,
    resampled: Vec<f32>,
    frames: Vec<f32>,
    /// Values of `frames` that were given.
    given: usize,
    ended: bool,
}

impl MelReader {
    /// Opens a file up to its first samples.
    pub fn open(path: &Path, options: MelOptions) -> Result<MelReader, AudioError> {
        let mut decoder = Decoder::open(path)?;
        let first = frame_at(options.from);
        let left = frame_at(options.to).saturating_sub(first);
        let resampler = Resampler::new(decoder.sound().rate);
        let before = [0.0; WINDOW / 2];
        // The first sample of the first frame's window, and from where on inputs are needed: a time of both rates.
        let sample = first.saturating_mul(HOP as u64).saturating_sub(before.len() as u64);
        let (period, outputs) = resampler.period();
        let needed = (u128::from(sample / outputs) * u128::from(period)).min(u128::from(u64::MAX / 2)) as u64;
        let start = needed.saturating_sub(resampler.reach()) / period * period;
        let decoded = position(path, &mut decoder, start)?;
        Ok(MelReader {
            resampler,
            mel: Mel::behind(options.scale, if first == 0 { &before } else { &[] }),
            skipped: start - decoded,
            skipped_after: sample - start / period * outputs,
            decoded,
            decoder,
            first,
            left,
            resampled: Vec::new(),
            frames: Vec::new(),
            given: 0,
            ended: false,
        })
    }

    /// What is known of the file.
    pub fn sound(&self) -> &Sound {
        self.decoder.sound()
    }

    /// What was amiss so far.
    pub fn damage(&self) -> Damage {
        Damage { failed_packets: self.decoder.failed_packets(), broken_samples: self.decoder.broken_samples() }
    }

    /// The frame that was first asked for.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Seconds from the beginning of the file to where it was read; after the last frame of a file that was read to its end,
    /// its true length.
    pub fn seconds(&self) -> f64 {
        self.decoded as f64 / f64::from(self.sound().rate)
    }

    /// Writes the next frames to `out` (frames × BANDS) and gives how many: fewer than there is room for only at the end.
    pub fn read(&mut self, out: &mut [f32]) -> Result<usize, AudioError> {
        let room = out.len() / BANDS * BANDS;
        let mut written = 0;
        while written < room && self.left > 0 {
            if self.given == self.frames.len() && !self.fill()? {
                break;
            }
            let most = self.left.saturating_mul(BANDS as u64).min((room - written) as u64) as usize;
            let count = most.min(self.frames.len() - self.given);
            out[written..written + count].copy_from_slice(&self.frames[self.given..self.given + count]);
            self.given += count;
            written += count;
            self.left -= (count / BANDS) as u64;
        }
        Ok(written / BANDS)
    }

    /// Makes at least one more frame; false at the end.
    fn fill(&mut self) -> Result<bool, AudioError> {
        self.frames.clear();
        self.given = 0;
        while self.frames.is_empty() && !self.ended {
            self.resampled.clear();
            if let Some(samples) = self.decoder.next()? {
                self.decoded += samples.len() as u64;
                let kept = &samples[leading(&mut self.skipped, samples.len())..];
                self.resampler.push(kept, &mut self.resampled);
            } else {
                self.ended = true;
                self.resampler.finish(&mut self.resampled);
            }
            let kept = &self.resampled[leading(&mut self.skipped_after, self.resampled.len())..];
            self.mel.push(kept, &mut self.frames);
            // A part that begins behind the end has no frames, though there would be zeros for one.
            if self.ended && self.skipped_after == 0 {
                self.mel.finish(&mut self.frames);
            }
        }
        Ok(!self.frames.is_empty())
    }
}

/// How many of `count` are among those to skip, which become fewer.
fn leading(skipped: &mut u64, count: usize) -> usize {
    let now = (*skipped).min(count as u64);
    *skipped -= now;
    now as usize
}

/// The first frame that is not before `seconds`.
fn frame_at(seconds: f64) -> u64 {
    // A time that is meant to be that of a frame may lie behind it by its rounding.
    (seconds * f64::from(RATE) / HOP as f64 - 1e-6).ceil().max(0.0) as u64
}

/// Brings the decoder before sample `start`, and gives where it is.
fn position(path: &Path, decoder: &mut Decoder, start: u64) -> Result<u64, AudioError> {
    let rate = u64::from(decoder.sound().rate);
    if start <= SHORT * rate {
        return Ok(0);
    }
    if let Ok(Some(at)) = decoder.seek(start, (LEAD * rate as f64) as u64) {
        return Ok(at);
    }
    *decoder = Decoder::open(path)?;
    Ok(0)
}
