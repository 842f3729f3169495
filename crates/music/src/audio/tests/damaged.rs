use super::files::{Coding, Made, flac, wav};
use super::{frames_of, noise};
use crate::audio::{AudioError, BANDS, Damage, Fault, MelOptions};
use proptest::prelude::*;
use std::path::Path;

fn read(bytes: &[u8]) -> Result<(Vec<f32>, Damage, f64), AudioError> {
    frames_of(Made::new(bytes).path(), MelOptions::default(), 100)
}

fn fault(bytes: &[u8]) -> Fault {
    read(bytes).expect_err("it should be refused").fault
}

#[test]
fn what_is_no_file_is_refused() {
    let open = |path: &Path| frames_of(path, MelOptions::default(), 1).err().unwrap();
    assert!(matches!(open(Path::new("/none/such")).fault, Fault::Io(_)));
    assert!(open(Path::new("/none/such")).to_string().starts_with("/none/such cannot be read: "));
    assert!(matches!(open(&std::env::temp_dir()).fault, Fault::NotAFile("a directory")));
    #[cfg(unix)]
    assert!(matches!(open(Path::new("/dev/zero")).fault, Fault::NotAFile("a pipe or a device")));
    assert!(matches!(fault(b""), Fault::Empty));
}

#[test]
fn what_is_no_sound_is_refused() {
    let zeros = vec![0; 100_000];
    let text = "What is written here is no sound. ".repeat(5000);
    let random: Vec<u8> = noise(300_000, 5).iter().map(|value| (value * 128.0 + 128.0) as u8).collect();
    for bytes in [b"R" as &[u8], b"text", text.as_bytes(), &zeros, &random] {
        let fault = fault(bytes);
        assert!(matches!(fault, Fault::UnknownFormat | Fault::Header(_) | Fault::NoSamples { .. }), "{fault:?}");
    }
}

#[test]
fn a_wav_file_without_samples_is_refused() {
    assert!(matches!(fault(&wav(&[], 44_100, 2, Coding::S16)), Fault::NoSamples { failed_packets: 0, .. }));
    let whole = wav(&noise(5000, 1), 44_100, 2, Coding::S16);
    for length in [4, 12, 20, 36, 44] {
        assert!(read(&whole[..length]).is_err(), "{length}");
    }
}

#[test]
fn rates_that_are_none_are_refused() {
    for rate in [0, 1, 999, 768_001, 40_000_000] {
        let fault = fault(&wav(&noise(50, 1), rate, 1, Coding::S16));
        assert!(matches!(fault, Fault::Rate(got) if got == rate) || rate == 0, "{fault:?}");
    }
}

#[test]
fn a_wav_file_that_lies_about_its_length_is_read_to_its_end() {
    let whole = wav(&noise(50_000, 8), 44_100, 1, Coding::S16);
    let expected = read(&whole).unwrap();
    let with = |riff: u32, data: u32| {
        let mut bytes = whole.clone();
        bytes[4..8].copy_from_slice(&riff.to_le_bytes());
        bytes[40..44].copy_from_slice(&data.to_le_bytes());
        bytes
    };
    let data = 100_000;
    for (riff, data) in [
        (0, 0),
        (u32::MAX, u32::MAX),
        (u32::MAX, data),
        (5, data),
        (0, data),
        (36 + data, data * 9),
        (0, u32::MAX),
        (u32::MAX, 0),
    ] {
        let got = read(&with(riff, data)).unwrap();
        assert!(got == expected, "{riff} {data}: {} frames", got.0.len() / BANDS);
    }
    // Of fewer samples than there are the rest may be anything.
    assert_eq!(read(&with(36 + data, data / 2)).unwrap().2, 25_000.0 / 44_100.0);
}

#[test]
fn a_file_that_is_cut_off_is_read_up_to_there() {
    let samples = noise(50_000, 8);
    for whole in [wav(&samples, 44_100, 1, Coding::S16), flac(&samples, 44_100, 1)] {
        let (expected, ..) = read(&whole).unwrap();
        let (got, damage, seconds) = read(&whole[..whole.len() / 2]).unwrap();
        assert!((0.4..0.6).contains(&(seconds * 44_100.0 / 50_000.0)), "{seconds}");
        assert!(damage.failed_packets <= 1);
        // But for the frames that reach over the end and, through the filter, for two more.
        let same = got.len() - 4 * BANDS;
        assert!(got[..same] == expected[..same]);
    }
}

#[test]
fn tags_with_pictures_are_skipped() {
    let whole = flac(&noise(20_000, 8), 44_100, 1);
    let expected = read(&whole).unwrap();
    let tag = |size: usize, marker: u8| {
        let mut tag = b"ID3\x04\0\0".to_vec();
        tag.extend([21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8));
        tag.extend(std::iter::repeat_n(marker, size));
        tag
    };
    for tags in [tag(0, 0), tag(3_000_000, 0xff), [tag(100, 1), tag(300, 0xff)].concat()] {
        assert!(read(&[tags, whole.clone()].concat()).unwrap() == expected);
    }
    assert!(read(&tag(5000, 0xff)).is_err());
    assert!(read(&tag(5000, 0xff)[..100]).is_err());
}

#[test]
fn what_a_damaged_packet_leaves_is_read() {
    let samples = noise(100_000, 8);
    let mut bytes = flac(&samples, 44_100, 1);
    let middle = bytes.len() / 2;
    bytes[middle..middle + 3000].fill(0x55);
    let (frames, damage, seconds) = read(&bytes).unwrap();
    assert!(seconds > 80_000.0 / 44_100.0, "{seconds}");
    assert_eq!(damage.failed_packets, 1);
    assert!(frames.iter().all(|value| value.is_finite()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn damage_gives_frames_or_an_error(
        is_flac: bool,
        damage in prop::collection::vec((0usize..20_000, any::<u8>()), 1..20),
        header in prop::collection::vec((0usize..60, any::<u8>()), 0..3),
        length in 1usize..20_000,
    ) {
        let samples = noise(8000, 8);
        let mut bytes = if is_flac { flac(&samples, 16_000, 1) } else { wav(&samples, 16_000, 1, Coding::S16) };
        for (place, byte) in damage.into_iter().chain(header) {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        bytes.truncate(length);
        if let Ok((frames, _, seconds)) = read(&bytes) {
            prop_assert!(frames.iter().all(|value| value.is_finite()));
            prop_assert!(seconds > 0.0);
        }
    }
}
