//! Logistic regression over hashed features, learned as outcomes come: FTRL-proximal (McMahan et al. 2013, "Ad Click
//! Prediction: a View from the Trenches", algorithm 1). One thread learns, any number predicts meanwhile.
//!
//! With z and n of a feature, its weight is 0 where |z| ≤ λ₁, and else −(z − sgn(z) λ₁) / ((β + √n) / α + λ₂). A step
//! with the gradient g adds g − σ w to z and g² to n, where σ = (√(n + g²) − √n) / α.
//!
//! Clicks come late: of an impression without a click only so much is known that none came while the share F of its
//! click delays passed. Its loss is −ln(1 − p F), with the gradient p F (1 − p) / (1 − p F) by the score: a part of
//! that of a negative, p, and all of it at F = 1. A click has p − 1. At the true p the gradient is 0 on average
//! whatever F is (the likelihood of Chapelle 2014, with a delay curve that is given). What an impression counted as
//! before is taken back when more is known of it.

use crate::bpr::sigmoid::sigmoids;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Columns that features are made of, at the most.
pub const MOST_COLUMNS: usize = 32;
/// The number of weights is two to the power of at most so much.
pub const MOST_BITS: u32 = 28;

/// Weights as the bits of `f32`, two to the power of some number of them. They are only touched atomically.
#[derive(Clone, Copy)]
pub struct Weights<'a> {
    words: &'a [AtomicU32],
    shift: u32,
}

impl<'a> Weights<'a> {
    /// # Errors
    /// When there are not two to the power of 1 to [`MOST_BITS`] of them.
    pub fn new(words: &'a [AtomicU32]) -> Result<Self, String> {
        let bits = words.len().checked_ilog2().unwrap_or(0);
        if !words.len().is_power_of_two() || !(1..=MOST_BITS).contains(&bits) {
            return Err(format!("weights must be two to the power of 1 to {MOST_BITS}, got {}", words.len()));
        }
        Ok(Weights { words, shift: 64 - bits })
    }

    /// Number of weights.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    #[inline(always)]
    fn at(&self, hash: u64) -> f32 {
        f32::from_bits(self.words[self.index(hash)].load(Ordering::Relaxed))
    }

    /// The upper bits of a hash are the best mixed ones.
    #[inline(always)]
    fn index(&self, hash: u64) -> usize {
        (hash >> self.shift) as usize
    }
}

/// Rows of categorical features: each value of each column, each pair of values of crossed columns, and one that all
/// rows have.
pub struct Features<'a> {
    rows: usize,
    columns: Vec<&'a [AtomicU32]>,
    /// Columns that differ from row to row.
    varying: Vec<usize>,
    /// Pairs of columns, of which one differs at least.
    crosses: Vec<[usize; 2]>,
    /// (columns) Hashes of the columns that have one value for all rows.
    constants: [u64; MOST_COLUMNS],
    /// Hashes of the features that all rows have.
    common: Vec<u64>,
}

impl<'a> Features<'a> {
    /// A column has a value for each of the `rows`, or one for all; `crosses` are pairs of numbers of columns. Other
    /// threads may change values meanwhile.
    ///
    /// # Errors
    /// When a column has another length, there are more than [`MOST_COLUMNS`], or a cross names none.
    pub fn new(rows: usize, columns: Vec<&'a [AtomicU32]>, crosses: &[u32]) -> Result<Self, String> {
        if columns.len() > MOST_COLUMNS {
            return Err(format!("there must be at most {MOST_COLUMNS} columns, got {}", columns.len()));
        }
        if let Some(column) = columns.iter().find(|column| column.len() != rows && column.len() != 1) {
            return Err(format!("columns must have {rows} values, or 1 for all rows, got {}", column.len()));
        }
        if !crosses.len().is_multiple_of(2) {
            return Err(format!("crosses must be pairs of columns, got {} numbers", crosses.len()));
        }
        if let Some(column) = crosses.iter().find(|&&column| column as usize >= columns.len()) {
            return Err(format!("crosses must be of columns below {}, got {column}", columns.len()));
        }
        let is_constant = |column: usize| columns[column].len() == 1;
        let mut constants = [0; MOST_COLUMNS];
        let mut common = vec![mix(0)];
        let mut varying = Vec::new();
        for column in 0..columns.len() {
            if is_constant(column) {
                constants[column] = hash_value(column, columns[column][0].load(Ordering::Relaxed));
                common.push(constants[column]);
            } else {
                varying.push(column);
            }
        }
        let pairs = crosses.chunks_exact(2).map(|pair| [pair[0] as usize, pair[1] as usize]);
        let (constant, crosses): (Vec<_>, Vec<_>) =
            pairs.partition(|pair| pair.iter().all(|&column| is_constant(column)));
        common.extend(constant.iter().map(|&[a, b]| hash_pair(constants[a], constants[b])));
        Ok(Features { rows, columns, varying, crosses, constants, common })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Features of each row.
    pub fn width(&self) -> usize {
        self.common.len() + self.varying.len() + self.crosses.len()
    }

    /// Calls `visit` with the hash of each feature of a row that not all rows have.
    #[inline(always)]
    fn visit_varying(&self, row: usize, mut visit: impl FnMut(u64)) {
        let mut hashes = self.constants;
        for &column in &self.varying {
            let hash = hash_value(column, self.columns[column][row].load(Ordering::Relaxed));
            // Below MOST_COLUMNS, which the compiler sees by the mask.
            hashes[column % MOST_COLUMNS] = hash;
            visit(hash);
        }
        for &[a, b] in &self.crosses {
            visit(hash_pair(hashes[a % MOST_COLUMNS], hashes[b % MOST_COLUMNS]));
        }
    }

    fn visit(&self, row: usize, mut visit: impl FnMut(u64)) {
        self.common.iter().copied().for_each(&mut visit);
        self.visit_varying(row, visit);
    }

    /// Writes the probability of a click of each of `rows` to `out`.
    ///
    /// # Panics
    /// When `out` is not as long as `rows`, or these are not below [`Features::rows`].
    pub fn predict(&self, weights: Weights<'_>, rows: Range<usize>, out: &mut [f32]) {
        assert!(rows.end <= self.rows && rows.len() == out.len());
        let common: f32 = self.common.iter().map(|&hash| weights.at(hash)).sum();
        for (row, out) in rows.zip(out) {
            let mut score = common;
            self.visit_varying(row, |hash| score += weights.at(hash));
            *out = sigmoids(score).1;
        }
    }
}

/// Step sizes and regularization.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// α, above 0.
    pub alpha: f64,
    /// β, from 0.
    pub beta: f64,
    /// λ₁, from 0: a feature has a weight only where its z is beyond.
    pub l1: f64,
    /// λ₂, from 0.
    pub l2: f64,
}

impl Rates {
    /// # Errors
    /// Names the one that is out of range.
    pub fn check(&self) -> Result<(), String> {
        if !(self.alpha > 0.0 && self.alpha.is_finite()) {
            return Err(format!("alpha must be a number above 0, got {}", self.alpha));
        }
        let others = [("beta", self.beta), ("l1", self.l1), ("l2", self.l2)];
        match others.into_iter().find(|(_, value)| !(*value >= 0.0 && value.is_finite())) {
            Some((name, value)) => Err(format!("{name} must be a number from 0, got {value}")),
            None => Ok(()),
        }
    }

    /// The weight of a feature by its z and n.
    pub fn weight(&self, z: f64, n: f64) -> f64 {
        if z.abs() <= self.l1 {
            return 0.0;
        }
        -(z - z.signum() * self.l1) / ((self.beta + n.sqrt()) / self.alpha + self.l2)
    }
}

/// What is known of an impression.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Whether a click has come.
    pub clicked: bool,
    /// F of its age, from 0 to 1: the share of click delays that have passed.
    pub now: f32,
    /// F of its age when it was last learned from, 0 where it is new.
    pub before: f32,
    /// How often it counts.
    pub weight: f32,
}

impl Outcome {
    /// The gradient of the loss by the score, less what it was when it was last learned from; at the click probability
    /// `p`.
    pub fn gradient(&self, p: f64) -> f64 {
        let missed = |share: f32| p * f64::from(share) * (1.0 - p) / (1.0 - p * f64::from(share));
        let known = if self.clicked { p - 1.0 } else { missed(self.now) };
        f64::from(self.weight) * (known - missed(self.before))
    }
}

/// Learns from rows in order. `sums` has z and n of each weight, one pair after the other. Only one thread may learn.
///
/// # Panics
/// When there are not as many outcomes as rows, or not twice as many sums as weights.
pub fn learn(
    weights: Weights<'_>,
    sums: &mut [f64],
    features: &Features<'_>,
    rates: Rates,
    outcomes: impl ExactSizeIterator<Item = Outcome>,
) {
    assert!(outcomes.len() == features.rows && sums.len() == 2 * weights.len());
    let mut indices = Vec::with_capacity(features.width());
    for (row, outcome) in outcomes.enumerate() {
        indices.clear();
        features.visit(row, |hash| indices.push(weights.index(hash)));
        let weight_at = |index: usize| f64::from(f32::from_bits(weights.words[index].load(Ordering::Relaxed)));
        let score: f64 = indices.iter().map(|&index| weight_at(index)).sum();
        // At 1 the gradient of what is without a click would be 0 / 0.
        let p = (1.0 / (1.0 + (-score).exp())).clamp(1e-9, 1.0 - 1e-9);
        let gradient = outcome.gradient(p);
        if gradient == 0.0 {
            continue;
        }
        for &index in &indices {
            let (z, n) = (sums[2 * index], sums[2 * index + 1]);
            let next = n + gradient * gradient;
            let z = z + gradient - (next.sqrt() - n.sqrt()) / rates.alpha * weight_at(index);
            (sums[2 * index], sums[2 * index + 1]) = (z, next);
            weights.words[index].store((rates.weight(z, next) as f32).to_bits(), Ordering::Relaxed);
        }
    }
}

#[inline(always)]
fn hash_value(column: usize, value: u32) -> u64 {
    mix((column as u64 + 1) << 32 | u64::from(value))
}

/// Not the same both ways around, so that a cross of a column with itself is a feature of its own.
#[inline(always)]
fn hash_pair(a: u64, b: u64) -> u64 {
    mix(a ^ b.rotate_left(23).wrapping_mul(0xd6e8_feb8_6659_fd93))
}

/// Of each bit of `x`, about half of the upper bits depend on it (Stafford's mix13, less its last step, which mixes
/// the lower ones).
#[inline(always)]
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cases, most};
    use proptest::prelude::*;
    use std::collections::{HashMap, HashSet};

    fn words(values: &[u32]) -> Vec<AtomicU32> {
        values.iter().map(|&value| AtomicU32::new(value)).collect()
    }

    const RATES: Rates = Rates { alpha: 0.1, beta: 1.0, l1: 0.5, l2: 1.0 };

    /// The names of a row's features: what is hashed, without hashes.
    fn names(columns: &[Vec<u32>], crosses: &[u32], row: usize) -> Vec<(usize, u32, usize, u32)> {
        let value = |column: usize| *columns[column].get(row).unwrap_or(&columns[column][0]);
        let own = (0..columns.len()).map(|column| (column + 1, value(column), 0, 0));
        let pairs = crosses.chunks(2).map(|pair| {
            let [a, b] = [pair[0] as usize, pair[1] as usize];
            (a + 1, value(a), b + 1, value(b))
        });
        std::iter::once((0, 0, 0, 0)).chain(own).chain(pairs).collect()
    }

    /// As the paper has it, with features by name and the weight made anew from z and n each time.
    #[derive(Default)]
    struct Naive(HashMap<(usize, u32, usize, u32), (f64, f64)>);

    impl Naive {
        fn predict(&self, names: &[(usize, u32, usize, u32)]) -> f64 {
            let score: f64 = names.iter().filter_map(|name| self.0.get(name)).map(|&(z, n)| RATES.weight(z, n)).sum();
            1.0 / (1.0 + (-score).exp())
        }

        fn learn(&mut self, names: &[(usize, u32, usize, u32)], outcome: Outcome) {
            let g = outcome.gradient(self.predict(names));
            for &name in names {
                let (z, n) = self.0.entry(name).or_default();
                let w = RATES.weight(*z, *n);
                *z += g - ((*n + g * g).sqrt() - n.sqrt()) / RATES.alpha * w;
                *n += g * g;
            }
        }
    }

    proptest! {
        #![proptest_config(cases(100))]

        #[test]
        fn learns_and_predicts_as_the_naive_twin_does(
            values in prop::collection::vec((0u32..4, 0u32..9, any::<bool>(), 0.0f32..=1.0, 0.0f32..=1.0), 1..most(60)),
            constant in 0u32..5,
        ) {
            let rows = values.len();
            let (first, second) = values.iter().map(|row| (row.0, row.1)).unzip();
            let columns = [first, vec![constant], second];
            let crosses = [0, 1, 2, 0, 1, 1];
            let atomic = columns.each_ref().map(|column: &Vec<u32>| words(column));
            let features = Features::new(rows, atomic.iter().map(Vec::as_slice).collect(), &crosses).unwrap();
            prop_assert_eq!(features.width(), 7);
            // So many that a few dozen features rarely have one in common.
            let memory = words(&vec![0; 1 << 16]);
            let weights = Weights::new(&memory).unwrap();
            let mut sums = vec![0.0; 2 << 16];
            let outcomes = values.iter().map(|&(_, _, clicked, now, before)| {
                Outcome { clicked, now, before: before.min(now), weight: 1.0 }
            });
            learn(weights, &mut sums, &features, RATES, outcomes.clone());
            let mut naive = Naive::default();
            let (mut indices, mut distinct) = (HashSet::new(), HashSet::new());
            for (row, outcome) in outcomes.enumerate() {
                let names = names(&columns, &crosses, row);
                naive.learn(&names, outcome);
                distinct.extend(names);
                features.visit(row, |hash| {
                    indices.insert(weights.index(hash));
                });
            }
            prop_assume!(indices.len() == distinct.len());
            let mut out = vec![0.0; rows];
            features.predict(weights, 0..rows, &mut out);
            for (row, &p) in out.iter().enumerate() {
                let expected = naive.predict(&names(&columns, &crosses, row));
                prop_assert!((f64::from(p) / expected - 1.0).abs() < 1e-3, "row {row}: {p} for {expected}");
            }
            let mut part = vec![0.0; rows / 2];
            features.predict(weights, rows - rows / 2..rows, &mut part);
            prop_assert_eq!(&part[..], &out[rows - rows / 2..]);
        }

        #[test]
        fn the_gradient_is_0_on_average_at_the_true_probability(
            p in 0.001f64..0.9,
            first in 0.0f32..=1.0,
            second in 0.0f32..=1.0,
        ) {
            let (first, second) = (first.min(second), first.max(second));
            let of = |clicked, before, now| Outcome { clicked, before, now, weight: 1.0 }.gradient(p);
            // Seen twice: a click before the first, between both, or none.
            let early = p * f64::from(first) * of(true, 0.0, first);
            let late = p * f64::from(second - first) * (of(false, 0.0, first) + of(true, first, second));
            let none = (1.0 - p * f64::from(second)) * (of(false, 0.0, first) + of(false, first, second));
            prop_assert!((early + late + none).abs() < 1e-6);
            // All that is known at once counts the same as bit by bit.
            prop_assert!((of(false, 0.0, first) + of(false, first, second) - of(false, 0.0, second)).abs() < 1e-9);
            prop_assert!((of(false, 0.0, 1.0) - p).abs() < 1e-9);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_in_words() {
        let three = words(&[1, 2, 3]);
        assert_eq!(Weights::new(&three).err().unwrap(), "weights must be two to the power of 1 to 28, got 3");
        let error = |rows, columns, crosses: &[u32]| Features::new(rows, columns, crosses).err().unwrap();
        assert_eq!(error(2, vec![&three[..]], &[]), "columns must have 2 values, or 1 for all rows, got 3");
        assert_eq!(error(3, vec![&three[..]], &[0]), "crosses must be pairs of columns, got 1 numbers");
        assert_eq!(error(3, vec![&three[..]], &[0, 1]), "crosses must be of columns below 1, got 1");
        assert_eq!(error(3, vec![&three[..]; 33], &[]), "there must be at most 32 columns, got 33");
        assert_eq!(Rates { l1: -1.0, ..RATES }.check().unwrap_err(), "l1 must be a number from 0, got -1");
        assert_eq!(Rates { alpha: f64::NAN, ..RATES }.check().unwrap_err(), "alpha must be a number above 0, got NaN");
    }
}
