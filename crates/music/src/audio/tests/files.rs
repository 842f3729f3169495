//! Sound files as tests write them.

use std::fs::{remove_file, write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A file that goes with its owner.
pub struct Made(PathBuf);

impl Made {
    pub fn new(bytes: &[u8]) -> Made {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("aurochs-music-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        write(&path, bytes).unwrap();
        Made(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        remove_file(&self.0).unwrap();
    }
}

/// How the samples of a wav file are written.
#[derive(Clone, Copy, Debug)]
pub enum Coding {
    U8,
    S16,
    S24,
    S32,
    F32,
    F64,
}

impl Coding {
    pub const ALL: [Coding; 6] = [Coding::U8, Coding::S16, Coding::S24, Coding::S32, Coding::F32, Coding::F64];

    pub fn bytes(self) -> usize {
        match self {
            Coding::U8 => 1,
            Coding::S16 => 2,
            Coding::S24 => 3,
            Coding::S32 | Coding::F32 => 4,
            Coding::F64 => 8,
        }
    }

    fn append(self, sample: f32, bytes: &mut Vec<u8>) {
        let scaled = |scale: f64| (f64::from(sample) * scale).round().clamp(-scale, scale - 1.0);
        match self {
            Coding::U8 => bytes.push((scaled(128.0) + 128.0) as u8),
            Coding::S16 => bytes.extend((scaled(32768.0) as i16).to_le_bytes()),
            Coding::S24 => bytes.extend(&(scaled(8_388_608.0) as i32).to_le_bytes()[..3]),
            Coding::S32 => bytes.extend((scaled(2_147_483_648.0) as i32).to_le_bytes()),
            Coding::F32 => bytes.extend(sample.to_le_bytes()),
            Coding::F64 => bytes.extend(f64::from(sample).to_le_bytes()),
        }
    }
}

/// A wav file of samples (frames × channels).
pub fn wav(samples: &[f32], rate: u32, channels: u16, coding: Coding) -> Vec<u8> {
    let mut data = Vec::new();
    samples.iter().for_each(|&sample| coding.append(sample, &mut data));
    let width = coding.bytes() as u16 * channels;
    let tag: u16 = if matches!(coding, Coding::F32 | Coding::F64) { 3 } else { 1 };
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    bytes.extend(tag.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * u32::from(width)).to_le_bytes());
    bytes.extend(width.to_le_bytes());
    bytes.extend((coding.bytes() as u16 * 8).to_le_bytes());
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

/// A FLAC file of 16-bit samples (frames × channels), uncompressed: each block of 4096 frames is a frame of verbatim
/// subframes (RFC 9639).
pub fn flac(samples: &[f32], rate: u32, channels: u16) -> Vec<u8> {
    const BLOCK: usize = 4096;
    let frames = samples.len() / usize::from(channels);
    let mut bytes = b"fLaC".to_vec();
    bytes.extend([0x80, 0, 0, 34]);
    bytes.extend((BLOCK as u16).to_be_bytes().repeat(2));
    bytes.extend([0; 6]);
    let described = u64::from(rate) << 44 | u64::from(channels - 1) << 41 | 15 << 36 | frames as u64;
    bytes.extend(described.to_be_bytes());
    bytes.extend([0; 16]);
    for (number, block) in samples.chunks(BLOCK * usize::from(channels)).enumerate() {
        let length = block.len() / usize::from(channels);
        let start = bytes.len();
        // The length is that of 16 bits at the end of the header; the rate is that of the file; 16 bits a sample.
        bytes.extend([0xff, 0xf8, 0x70, ((channels - 1) as u8) << 4 | 4 << 1]);
        bytes.extend(char::from_u32(number as u32).unwrap().to_string().bytes());
        bytes.extend((length as u16 - 1).to_be_bytes());
        bytes.push(crc8(&bytes[start..]));
        for channel in 0..usize::from(channels) {
            bytes.push(1 << 1);
            for frame in block.chunks(usize::from(channels)) {
                let sample = (frame[channel] * 32768.0).round().clamp(-32768.0, 32767.0) as i16;
                bytes.extend(sample.to_be_bytes());
            }
        }
        bytes.extend(crc16(&bytes[start..]).to_be_bytes());
    }
    bytes
}

fn crc8(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .fold(0, |crc, byte| (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 0x07 }))
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x8005 })
    })
}
