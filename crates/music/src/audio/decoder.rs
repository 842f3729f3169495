//! From the bytes of a file to mono samples.

use super::RATES;
use super::error::{AudioError, Fault};
use super::source::Source;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use symphonia::core::audio::conv::IntoSample;
use symphonia::core::audio::sample::Sample;
use symphonia::core::audio::{Audio, AudioBuffer, GenericAudioBufferRef};
use symphonia::core::codecs::audio::{AudioCodecId, AudioDecoder, well_known};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatReader, SeekMode, SeekTo, Track, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;
use symphonia::core::units::{TimeBase, Timestamp};
use symphonia::default::{get_codecs, get_probe};

/// Packets in a row that the format can make nothing of, after which the rest of the file is given up.
const MOST_FAILURES: u32 = 1000;
/// Samples that are missing between two packets for one to have been lost: the shortest packet of any codec has as many.
const LEAST_GAP: i64 = 32;
/// Values beyond this, 120 dB above full scale, are as broken as those that are no numbers: their power would overflow.
const MOST_SAMPLE: f32 = 1e6;

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
    failed_packets: u64,
    first_failure: Option<String>,
    broken_samples: u64,
}

impl Decoder {
    /// Opens the file and decodes up to the first samples.
    pub fn open(path: &Path) -> Result<Decoder, AudioError> {
        let fault = |fault| AudioError::new(path, fault);
        let stream = MediaSourceStream::new(Box::new(Source::open(path)?), Default::default());
        let format = get_probe()
            .probe(&Default::default(), stream, Default::default(), Default::default())
            .map_err(|error| fault(probe_fault(error)))?;
        let track = format.default_track(TrackType::Audio).ok_or_else(|| fault(Fault::NoTrack))?;
        let decoder = decoder_of(track).map_err(fault)?;
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
        if self.format.seek(SeekMode::Accurate, to).is_err() {
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
            let packet = match self.format.next_packet() {
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
        let buffer = match self.decoder.decode(packet) {
            Ok(buffer) => buffer,
            Err(error) => {
                self.fail(error.to_string());
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
        self.broken_samples += match buffer {
            GenericAudioBufferRef::U8(buffer) => mix(buffer, &mut self.samples),
            GenericAudioBufferRef::U16(buffer) => mix(buffer, &mut self.samples),
            GenericAudioBufferRef::U24(buffer) => mix(buffer, &mut self.samples),
            GenericAudioBufferRef::U32(buffer) => mix(buffer, &mut self.samples),
            GenericAudioBufferRef::S8(buffer) => mix(buffer, &mut self.samples),
            GenericAudioBufferRef::S16(buffer) => mix(buffer, &mut self.samples),
            GenericAudioBufferRef::S24(buffer) => mix(buffer, &mut self.samples),
            GenericAudioBufferRef::S32(buffer) => mix(buffer, &mut self.samples),
            GenericAudioBufferRef::F32(buffer) => mix(buffer, &mut self.samples),
            GenericAudioBufferRef::F64(buffer) => mix(buffer, &mut self.samples),
        };
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

    /// Where a packet's first sample is, if timestamps count samples.
    fn place(&self, packet: &Packet) -> Option<i64> {
        let track = self.format.tracks().iter().find(|track| track.id == self.track)?;
        let counts_samples = track.time_base == TimeBase::try_from_recip(self.sound.rate);
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
        let Ok(decoder) = decoder_of(track) else { return false };
        (self.track, self.decoder) = (track.id, decoder);
        // Timestamps begin anew.
        (self.origin, self.expected) = (None, None);
        true
    }
}

fn decoder_of(track: &Track) -> Result<Box<dyn AudioDecoder>, Fault> {
    let Some(params) = track.codec_params.as_ref().and_then(|params| params.audio()) else {
        return Err(Fault::NoTrack);
    };
    get_codecs().make_audio_decoder(params, &Default::default()).map_err(|error| match error {
        Error::Unsupported(_) if get_codecs().get_audio_decoder(params.codec).is_none() => {
            Fault::UnknownCodec(name_of(params.codec))
        }
        error => Fault::Header(error.to_string()),
    })
}

/// The name of a codec that cannot be decoded here, but may be met in a format that is known.
fn name_of(codec: AudioCodecId) -> String {
    let name = match codec {
        well_known::CODEC_ID_OPUS => "Opus",
        well_known::CODEC_ID_SPEEX => "Speex",
        well_known::CODEC_ID_AC3 => "AC-3",
        well_known::CODEC_ID_EAC3 => "E-AC-3",
        well_known::CODEC_ID_ADPCM_MS | well_known::CODEC_ID_ADPCM_IMA_WAV => "ADPCM",
        other => return format!("an unknown codec ({other})"),
    };
    name.into()
}

fn probe_fault(error: Error) -> Fault {
    match error {
        Error::IoError(error) if error.kind() != ErrorKind::UnexpectedEof => Fault::Io(error),
        Error::IoError(_) => Fault::Header("it ends too early".into()),
        Error::Unsupported(reason) if reason.starts_with("core (probe)") => Fault::UnknownFormat,
        error => Fault::Header(error.to_string()),
    }
}

fn seconds_of(track: &Track) -> Option<f64> {
    let base = track.time_base?;
    let seconds = track.duration?.get() as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get());
    (seconds > 0.0).then_some(seconds)
}

/// Writes the means of the channels to `mono`; gives how many were broken.
fn mix<S: Sample + IntoSample<f32>>(buffer: &AudioBuffer<S>, mono: &mut Vec<f32>) -> u64 {
    let mut planes = buffer.iter_planes();
    let convert = |&sample: &S| -> f32 { sample.into_sample() };
    if let Some(first) = planes.next() {
        mono.extend(first.iter().map(convert));
    }
    for plane in planes {
        for (sum, sample) in mono.iter_mut().zip(plane) {
            *sum += convert(sample);
        }
    }
    let share = 1.0 / buffer.num_planes() as f32;
    let mut broken = 0;
    for sample in mono {
        *sample *= share;
        let is_broken = sample.is_nan() || sample.abs() > MOST_SAMPLE;
        broken += u64::from(is_broken);
        if is_broken {
            *sample = 0.0;
        }
    }
    broken
}
