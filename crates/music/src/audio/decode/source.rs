//! The bytes of a sound file, without what only costs memory and with lengths that are true.

use super::lengths::{Correction, corrections};
use crate::audio::error::{AudioError, Fault};
use std::fs::{File, metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use symphonia::core::io::MediaSource;

/// The bytes of a file behind the ID3v2 tags that it begins with: those may hold pictures of any size, which nobody needs
/// here and would have in memory. In place of lengths that cannot be there are others.
pub(super) struct Source {
    file: File,
    start: u64,
    length: u64,
    corrections: Vec<Correction>,
}

impl Source {
    /// Opens a regular file that is not empty.
    pub fn open(path: &Path) -> Result<Source, AudioError> {
        let fault = |fault| AudioError::new(path, fault);
        // Before it is opened, since to open a pipe is to wait for who writes to it.
        let kind = metadata(path).map_err(|error| fault(Fault::Io(error)))?;
        if kind.is_dir() {
            return Err(fault(Fault::NotAFile("a directory")));
        }
        if !kind.is_file() {
            return Err(fault(Fault::NotAFile("a pipe or a device")));
        }
        if kind.len() == 0 {
            return Err(fault(Fault::Empty));
        }
        Source::of(path, kind.len()).map_err(|error| fault(Fault::Io(error)))
    }

    fn of(path: &Path, length: u64) -> io::Result<Source> {
        let mut file = File::open(path)?;
        let start = end_of_tags(&mut file, length)?;
        let mut source = Source { file, start, length: length - start, corrections: Vec::new() };
        source.corrections = corrections(&mut source, length - start)?;
        source.seek(SeekFrom::Start(0))?;
        Ok(source)
    }
}

/// Where the ID3v2 tags end; 0 without any, or where they are longer than the file.
fn end_of_tags(file: &mut File, length: u64) -> io::Result<u64> {
    const HEADER: u64 = 10;
    let mut end = 0;
    while end + HEADER < length {
        let mut header = [0; HEADER as usize];
        file.seek(SeekFrom::Start(end))?;
        file.read_exact(&mut header)?;
        let [b'I', b'D', b'3', _, _, flags, size @ ..] = header else { break };
        // Seven bits a byte; the flag 0x10 promises a footer as long as the header.
        let size = size.iter().fold(0, |sum, byte| (sum << 7) | u64::from(byte & 0x7f));
        let next = end + HEADER + size + if flags & 0x10 == 0 { 0 } else { HEADER };
        if next >= length {
            break;
        }
        end = next;
    }
    Ok(end)
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.corrections.is_empty() {
            return self.file.read(into);
        }
        let from = self.file.stream_position()? - self.start;
        let count = self.file.read(into)?;
        for (place, bytes) in &self.corrections {
            for (at, &byte) in (*place..).zip(bytes) {
                if (from..from + count as u64).contains(&at) {
                    into[(at - from) as usize] = byte;
                }
            }
        }
        Ok(count)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(place) => SeekFrom::Start(self.start.saturating_add(place)),
            other => other,
        };
        let place = self.file.seek(to)?;
        place.checked_sub(self.start).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

impl MediaSource for Source {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length)
    }
}
