//! Why a file gives no sound.

use super::RATES;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A file that cannot be read as sound, and what is the matter with it.
#[derive(Debug)]
pub struct AudioError {
    /// As it was asked for.
    pub path: PathBuf,
    /// What is the matter.
    pub fault: Fault,
}

/// What is the matter with a file.
#[derive(Debug)]
pub enum Fault {
    /// The system does not open it or does not read from it.
    Io(io::Error),
    /// It is a directory, a pipe or a device.
    NotAFile(&'static str),
    /// It has no bytes.
    Empty,
    /// Its bytes are of no format that is known here.
    UnknownFormat,
    /// Its format is known, but its beginning is damaged or asks for what is not supported.
    Header(String),
    /// It has no track of sound, such as a film without any.
    NoTrack,
    /// Its sound is coded in a way that is not known here.
    UnknownCodec(String),
    /// Samples a second, out of [`RATES`].
    Rate(u32),
    /// Its format is known, but no sample could be decoded.
    NoSamples {
        /// Packets that could not be decoded.
        failed_packets: u64,
        /// What was said of the first of them.
        first_failure: Option<String>,
    },
}

impl AudioError {
    pub(in crate::audio) fn new(path: &Path, fault: Fault) -> AudioError {
        AudioError { path: path.to_owned(), fault }
    }
}

impl Error for AudioError {}

impl fmt::Display for AudioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.fault {
            Fault::Io(error) => write!(f, "{path} cannot be read: {error}"),
            Fault::NotAFile(kind) => write!(f, "{path} must be a sound file, but is {kind}"),
            Fault::Empty => write!(f, "{path} must be a sound file, but is empty"),
            Fault::UnknownFormat => {
                write!(
                    f,
                    "{path} is no sound file of a known format: expected wav, flac, mp3, ogg (vorbis) or m4a (aac, alac)"
                )
            }
            Fault::Header(reason) => {
                write!(f, "{path} is damaged at its beginning, or of an unknown kind: {reason}; convert it anew")
            }
            Fault::NoTrack => write!(f, "{path} has no track of sound"),
            Fault::UnknownCodec(codec) => write!(
                f,
                "{path} is coded by {codec}: expected PCM, FLAC, MP3, Vorbis, AAC-LC or ALAC; convert it to one of these"
            ),
            Fault::Rate(rate) => {
                let (least, most) = (RATES.start(), RATES.end());
                write!(f, "{path} must have from {least} to {most} samples a second, got {rate}")
            }
            Fault::NoSamples { failed_packets: 0, .. } => write!(f, "{path} has no samples"),
            Fault::NoSamples { failed_packets, first_failure } => {
                let reason = first_failure.as_deref().unwrap_or("unknown");
                write!(
                    f,
                    "{path} is damaged: none of its {failed_packets} packets can be decoded, the first for: {reason}"
                )
            }
        }
    }
}
