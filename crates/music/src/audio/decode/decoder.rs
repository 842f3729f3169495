//! From the bytes of a file to mono samples.

use super::mono::mono_of;
use super::source::Source;
use super::track::{decoder_of, probe_fault, seconds_of, trims};
use crate::audio::RATES;
use crate::audio::error::{AudioError, Fault};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use symphonia::core::codecs::audio::AudioDecoder;
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatReader, SeekMode, SeekTo, Track, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;
use symphonia::core::units::{TimeBase, Timestamp};
use symphonia::default::get_probe;

/// Packets in a row that the format can make nothing of, after which the rest of the file is given up.
const MOST_FAILURES: u32 = 1000;
/// Samples that are missing between two packets for one to have been lost: the shortest packet of any codec has as many.
const LEAST_GAP: i64 = 32;
/// Packets that are wholly behind the end by the header, as many as encoders add, after which the header is wrong.
const MOST_BEHIND: u32 = 3;

/// What a file says of its sound; rate and channels are those of its first packet.
#[derive(Clone, Debug)]
pub struct Sound {
    /// Samples a second of each channel.
    pub rate: u32,
    /// Channels, of which samples are the mean.
    pub channels: u32,
    /// Such as `mp3`.
    pub codec: &'static str,
    /// The length by the beginning of the file, which need not be true, if it has one.
    pub seconds: Option<f64>,
}

/// Mono samples of a file, a packet at a time: the mean of the channels, ±1 at full scale.
///
/// What cannot be decoded is left out and counted. Samples that are no finite numbers, or beyond ±10⁶, are 0 and counted.
pub struct Decoder {
    path: PathBuf,
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    sound: Sound,
    /// Of the last packet; `waiting` before it was given.
    samples: Vec<f32>,
    waiting: bool,
    /// Of the timestamps, where they count samples; that of the first one.
    origin: Option<i64>,
    /// Place in the file of the first of `samples`, by its timestamp.
    position: Option<i64>,
    /// Where the next packet's would be, if none was left out before it.
    expected: Option<i64>,
    /// Packets behind the end by the header, where the samples around the sound are left out here.
    behind: u32,
    failed_packets: u64,
    first_failure: Option<String>,
    broken_samples: u64,
}

impl Decoder {
    /// Opens the file and decodes up to the first samples.
    pub fn open(path: &Path) -> Result<Decoder, AudioError> {
        let fault = |fault| AudioError::new(path, fault);
        let stream = MediaSourceStream::new(Box::new(Source::open(path)?), Default::default());
        let probe = || get_probe().probe(&Default::default(), stream, Default::default(), Default::default());
        let format = unless_panic(probe)
            .unwrap_or_else(|| Err(Error::DecodeError(PANIC)))
            .map_err(|error| fault(probe_fault(error)))?;
        let track = format.default_track(TrackType::Audio).ok_or_else(|| fault(Fault::NoTrack))?;
        let decoder = unless_panic(|| decoder_of(track)).unwrap_or_else(|| Err(Fault::Header(PANIC.into())));
        let decoder = decoder.map_err(fault)?;
        let sound = Sound { rate: 0, channels: 0, codec: decoder.codec_info().short_name, seconds: seconds_of(track) };
        let mut opened = Decoder {
            path: path.to_owned(),
            track: track.id,
            format,
            decoder,
            sound,
            samples: Vec::new(),
            waiting: false,
            origin: None,
            position: None,
            expected: None,
            behind: 0,
            failed_packets: 0,
            first_failure: None,
            broken_samples: 0,
        };
        if !opened.decode()? {
            let Decoder { failed_packets, first_failure, .. } = opened;
            return Err(fault(Fault::NoSamples { failed_packets, first_failure }));
        }
        if !RATES.contains(&opened.sound.rate) {
            return Err(fault(Fault::Rate(opened.sound.rate)));
        }
        opened.waiting = true;
        opened.origin = opened.position;
        Ok(opened)
    }

    /// What is known of the file.
    pub fn sound(&self) -> &Sound {
        &self.sound
    }

    /// Packets that could not be decoded so far.
    pub fn failed_packets(&self) -> u64 {
        self.failed_packets
    }

    /// Samples so far that were broken in at least one channel.
    pub fn broken_samples(&self) -> u64 {
        self.broken_samples
    }

    /// The next samples; none at the end.
    #[allow(clippy::should_implement_trait)] // what it lends ends with the next call
    pub fn next(&mut self) -> Result<Option<&[f32]>, AudioError> {
        if !std::mem::take(&mut self.waiting) && !self.decode()? {
            return Ok(None);
        }
        Ok(Some(&self.samples))
    }

    /// Goes to a packet before `sample`, and gives where the next samples are in the file: not behind it. Gives nothing where
    /// that is not known; then, as after an error, nothing more can be had of this decoder.
    ///
    /// `lead` samples before that are decoded first, for codecs whose packets depend on those before them.
    pub fn seek(&mut self, sample: u64, lead: u64) -> Result<Option<u64>, AudioError> {
        let Some(origin) = self.origin else { return Ok(None) };
        let target = i64::try_from(sample.saturating_sub(lead)).unwrap_or(i64::MAX).saturating_add(origin.max(0));
        let to = SeekTo::Timestamp { ts: Timestamp::new(target), track_id: self.track };
        if !unless_panic(|| self.format.seek(SeekMode::Accurate, to).is_ok()).unwrap_or(false) {
            return Ok(None);
        }
        self.decoder.reset();
        self.expected = None;
        let damage = (self.failed_packets, self.first_failure.take(), self.broken_samples);
        loop {
            if !self.decode()? {
                return Ok(None);
            }
            let Some(position) = self.position else { return Ok(None) };
            let Ok(start) = u64::try_from(position.saturating_sub(origin)) else { return Ok(None) };
            if start > sample {
                return Ok(None);
            }
            if start + self.samples.len() as u64 > sample.saturating_sub(lead / 2) {
                // What failed before this lacked what had come before it.
                (self.failed_packets, self.first_failure, self.broken_samples) = damage;
                self.waiting = true;
                return Ok(Some(start));
            }
        }
    }

    /// Decodes the next packet that has samples; false at the end.
    fn decode(&mut self) -> Result<bool, AudioError> {
        let mut failures = 0;
        loop {
            let Some(read) = unless_panic(|| self.format.next_packet()) else {
                self.fail(PANIC.into());
                return Ok(false);
            };
            let packet = match read {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(false),
                Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
                Err(Error::IoError(error)) => return Err(AudioError::new(&self.path, Fault::Io(error))),
                Err(Error::ResetRequired) => {
                    if !self.take_next_track() {
                        return Ok(false);
                    }
                    continue;
                }
                Err(error) => {
                    self.fail(error.to_string());
                    failures += 1;
                    if failures == MOST_FAILURES {
                        return Ok(false);
                    }
                    continue;
                }
            };
            failures = 0;
            if packet.track_id == self.track && self.take(&packet) {
                return Ok(true);
            }
        }
    }

    /// The samples of a packet; false where there are none.
    fn take(&mut self, packet: &Packet) -> bool {
        self.samples.clear();
        let decoder = &mut self.decoder;
        let buffer = match unless_panic(|| decoder.decode(packet)) {
            Some(Ok(buffer)) => buffer,
            Some(Err(error)) => {
                self.fail(error.to_string());
                return false;
            }
            None => {
                self.fail(PANIC.into());
                self.decoder.reset();
                return false;
            }
        };
        let (rate, channels) = (buffer.spec().rate(), buffer.num_planes());
        if buffer.frames() == 0 || channels == 0 {
            return false;
        }
        if self.sound.rate != 0 && rate != self.sound.rate {
            let expected = self.sound.rate;
            self.fail(format!("a packet has {rate} samples a second after others of {expected}"));
            return false;
        }
        if self.sound.rate == 0 {
            (self.sound.rate, self.sound.channels) = (rate, channels as u32);
        }
        self.broken_samples += mono_of(buffer, &mut self.samples);
        if trims(self.track()) && !self.trim(packet) {
            return false;
        }
        self.position = self.place(packet);
        self.count_gap();
        self.expected = self.position.map(|position| position.saturating_add(self.samples.len() as i64));
        true
    }

    /// Counts packets that the format left out without a word, such as those of an Ogg page with a wrong checksum, as one.
    fn count_gap(&mut self) {
        let (Some(expected), Some(position)) = (self.expected, self.position) else { return };
        if position.saturating_sub(expected) >= LEAST_GAP {
            self.fail(format!("{} samples are missing at sample {expected}", position - expected));
        }
    }

    /// Leaves out the samples that the encoder put around the sound; false where none is left.
    fn trim(&mut self, packet: &Packet) -> bool {
        let length = self.samples.len();
        let most = |trimmed: u64| usize::try_from(trimmed).unwrap_or(length).min(length);
        let (start, mut end) = (most(packet.trim_start.get()), most(packet.trim_end.get()));
        self.behind += u32::from(end == length);
        // Such as that of the first of several files that were joined.
        if self.behind > MOST_BEHIND {
            end = 0;
        }
        self.samples.truncate(length - end);
        self.samples.drain(..start.min(length - end));
        !self.samples.is_empty()
    }

    fn track(&self) -> &Track {
        let track = self.format.tracks().iter().find(|track| track.id == self.track);
        track.expect("the format has the track whose packets it gives")
    }

    /// Where a packet's first sample is, if timestamps count samples.
    fn place(&self, packet: &Packet) -> Option<i64> {
        let counts_samples = self.track().time_base == TimeBase::try_from_recip(self.sound.rate);
        let trimmed = i64::try_from(packet.trim_start.get()).ok()?;
        if counts_samples { packet.pts.get().checked_add(trimmed) } else { None }
    }

    fn fail(&mut self, reason: String) {
        // What is missing then is no other failure.
        self.expected = None;
        self.failed_packets += 1;
        self.first_failure.get_or_insert(reason);
    }

    /// Of a file that consists of several, one behind the other; false where the next has no sound.
    fn take_next_track(&mut self) -> bool {
        let Some(track) = self.format.default_track(TrackType::Audio) else { return false };
        let Some(Ok(decoder)) = unless_panic(|| decoder_of(track)) else { return false };
        (self.track, self.decoder) = (track.id, decoder);
        // Timestamps begin anew.
        (self.origin, self.expected) = (None, None);
        true
    }
}

/// What is said of bytes that symphonia panics at: its sums overflow for some damaged headers, where overflows are checked.
const PANIC: &str = "the decoder cannot cope with it";

/// What `call` gives; nothing where it panics.
fn unless_panic<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}
