use super::files::{Coding, Made, flac, wav};
use super::{frames_of, noise};
use crate::audio::{BANDS, MelOptions};

fn part(file: &Made, from: f64, to: f64) -> Vec<f32> {
    frames_of(file.path(), MelOptions { from, to, ..MelOptions::default() }, 50).unwrap().0
}

#[test]
fn the_frames_of_a_part_are_those_of_the_whole() {
    let samples = noise(11 * 44_100, 6);
    let mut files: Vec<_> = [8_000, 16_000, 22_050, 44_100]
        .map(|rate| Made::new(&wav(&samples[..11 * rate as usize], rate, 1, Coding::S16)))
        .into();
    files.push(Made::new(&flac(&samples, 44_100, 1)));
    files.push(Made::new(&wav(&samples, 44_101, 1, Coding::S16)));
    for file in &files {
        let whole = part(file, 0.0, f64::INFINITY);
        let frames = whole.len() / BANDS;
        // 0.016 s is a frame; from 5 s on the file is not decoded from its beginning.
        for (from, to, expected) in [
            (0.0, 1.0, 0..63),
            (0.016, 0.032, 1..2),
            (0.5, 0.5, 32..32),
            (2.0, 1.0, 125..125),
            (1.001, 2.0, 63..125),
            (6.4, 8.0, 400..500),
            (10.99, 400.0, 687..frames),
            (9.0, f64::INFINITY, 563..frames),
        ] {
            assert!(part(file, from, to) == whole[expected.start * BANDS..expected.end * BANDS], "{from} to {to}");
        }
        assert!(part(file, 11.1, 20.0).is_empty());
        assert!(part(file, 1e300, f64::INFINITY).is_empty());
    }
}
