//! Random numbers that depend on what they are for alone, not on what was drawn before: the same for any division of the work.

use crate::initialise::mix;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers by SplitMix64 (Steele, Lea & Flood 2014), whose beginning its keys decide.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of these keys: seed, epoch, and what else tells it from others.
    pub fn new(keys: &[u64]) -> Random {
        Random(keys.iter().fold(0, |state, &key| mix(state ^ mix(key.wrapping_add(GOLDEN)))))
    }

    /// The next 64 bits.
    #[inline(always)]
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A whole number below `end`, by 32 bits: each is as likely as another to within `end` / 2³².
    #[inline(always)]
    pub fn below(&mut self, end: u32) -> u32 {
        scaled(self.bits(), end)
    }
}

/// The upper half of `bits` as a whole number below `end`.
#[inline(always)]
pub fn scaled(bits: u64, end: u32) -> u32 {
    (((bits >> 32) * u64::from(end)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_each_of_their_keys() {
        let first = |keys: &[u64]| Random::new(keys).bits();
        assert_eq!(first(&[1, 2, 3]), first(&[1, 2, 3]));
        let streams = [first(&[1, 2, 3]), first(&[0, 2, 3]), first(&[1, 0, 3]), first(&[1, 2, 0]), first(&[2, 1, 3])];
        for (at, stream) in streams.iter().enumerate() {
            assert!(!streams[..at].contains(stream));
        }
    }

    #[test]
    fn numbers_below_an_end_are_evenly_spread() {
        let mut random = Random::new(&[7]);
        let mut counts = [0u32; 10];
        let draws = if cfg!(miri) { 100 } else { 100_000 };
        for _ in 0..draws {
            counts[random.below(10) as usize] += 1;
        }
        if !cfg!(miri) {
            // 10,000 each, with a standard deviation of 95.
            assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 500), "{counts:?}");
        }
    }
}
