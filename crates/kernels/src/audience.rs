//! Which users an article is for: scores of all users, and those that score most.
//!
//! A score is a sum of *legs*, ways of telling whether a user will like it: each is the product of the user's row of a matrix
//! with a vector of the article. Users above a bound are found by counting scores by their leading bits first (a radix
//! selection), so that no more than those of one count too many are sorted.

use crate::bitmap::{Bitmap, allows};
use crate::simd::{BLOCK, Kernel, Lanes, Simd};

/// One way of scoring users.
#[derive(Clone, Copy)]
pub struct Leg<'a> {
    /// (users × stride) Rows of some users, one after the other.
    pub rows: &'a [f32],
    /// (stride) A multiple of [`BLOCK`].
    pub vector: &'a [f32],
}

/// Writes to `scores` (users) what they hold plus the product of each row of `leg` with its vector. O(users · stride).
///
/// # Panics
/// When the sizes do not fit together.
pub fn add_leg(leg: Leg<'_>, scores: &mut [f32], simd: Simd) {
    let stride = leg.vector.len();
    assert!(stride > 0 && stride.is_multiple_of(BLOCK), "the stride must be a multiple of {BLOCK}");
    assert_eq!(leg.rows.len(), scores.len() * stride, "there must be a row for each score");
    simd.run(AddLeg { leg, scores });
}

struct AddLeg<'a> {
    leg: Leg<'a>,
    scores: &'a mut [f32],
}

impl Kernel for AddLeg<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let AddLeg { leg: Leg { rows, vector }, scores } = self;
        let stride = vector.len();
        let mut quads = scores.chunks_exact_mut(4);
        let mut first = 0;
        for quad in &mut quads {
            let mut sums = [l.splat(0.0); 4];
            for at in (0..stride).step_by(L::WIDTH) {
                // SAFETY: the width divides the stride, and four rows from `first` on lie in `rows`.
                unsafe {
                    let factor = l.load(vector.as_ptr().add(at));
                    for (row, sum) in sums.iter_mut().enumerate() {
                        *sum = l.mul_add(l.load(rows.as_ptr().add((first + row) * stride + at)), factor, *sum);
                    }
                }
            }
            for (score, sum) in quad.iter_mut().zip(l.sum4(sums)) {
                *score += sum;
            }
            first += 4;
        }
        for score in quads.into_remainder() {
            let mut sum = l.splat(0.0);
            for at in (0..stride).step_by(L::WIDTH) {
                // SAFETY: as above, of one row.
                unsafe {
                    let factor = l.load(vector.as_ptr().add(at));
                    sum = l.mul_add(l.load(rows.as_ptr().add(first * stride + at)), factor, sum);
                }
            }
            *score += l.sum(sum);
            first += 1;
        }
    }
}

/// Leading bits by which scores are counted.
const BITS: u32 = 16;
/// How many counts there are.
pub const COUNTS: usize = 1 << BITS;

/// The count of a score: never falls while scores rise. None of a NaN.
#[inline(always)]
fn count_of(score: f32) -> Option<usize> {
    let bits = score.to_bits();
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    (!score.is_nan()).then_some((ordered >> (32 - BITS)) as usize)
}

/// Adds to `counts` ([`COUNTS`]) the scores of users who may come, of whom the first is `first`. NaN is no score.
///
/// # Panics
/// When there are fewer counts.
pub fn count(scores: &[f32], first: u32, eligible: Option<Bitmap<'_>>, counts: &mut [u32]) {
    assert!(counts.len() >= COUNTS, "there must be {COUNTS} counts");
    for (user, &score) in (first..).zip(scores) {
        if let Some(at) = count_of(score)
            && allows(eligible, user)
        {
            counts[at] += 1;
        }
    }
}

/// The least count such that those from it on have `limit` users, or as many as there are.
pub fn bound(counts: &[u32], limit: u64) -> u32 {
    let mut left = limit;
    for (at, &count) in counts.iter().enumerate().rev() {
        if left <= u64::from(count) {
            return at as u32;
        }
        left -= u64::from(count);
    }
    0
}

/// Appends the users who may come and whose scores have the count `bound` or a higher one.
pub fn take(scores: &[f32], first: u32, eligible: Option<Bitmap<'_>>, bound: u32, taken: &mut (Vec<u32>, Vec<f32>)) {
    for (user, &score) in (first..).zip(scores) {
        if count_of(score).is_some_and(|at| at >= bound as usize) && allows(eligible, user) {
            taken.0.push(user);
            taken.1.push(score);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitmap::words_of;
    use crate::{cases, most};
    use proptest::prelude::*;

    fn legs() -> impl Strategy<Value = (Vec<f32>, Vec<f32>, usize)> {
        (0..most(40), 1..4usize).prop_flat_map(|(users, blocks)| {
            let stride = blocks * BLOCK;
            let numbers = |n| proptest::collection::vec(-2.0..2.0f32, n);
            (numbers(users * stride), numbers(stride), Just(stride))
        })
    }

    proptest! {
        #![proptest_config(cases(64))]

        #[test]
        fn a_leg_adds_the_products_of_rows_and_vector((rows, vector, stride) in legs()) {
            let users = rows.len() / stride;
            for simd in Simd::available() {
                let mut scores: Vec<f32> = (0..users).map(|user| user as f32).collect();
                add_leg(Leg { rows: &rows, vector: &vector }, &mut scores, simd);
                for (user, score) in scores.iter().enumerate() {
                    let row = &rows[user * stride..(user + 1) * stride];
                    let naive: f64 = row.iter().zip(&vector).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    prop_assert!((f64::from(*score) - user as f64 - naive).abs() < 1e-3);
                }
            }
        }

        #[test]
        fn the_users_taken_are_those_that_score_most(
            scores in proptest::collection::vec(
                prop_oneof![
                    8 => -3.0..3.0f32,
                    1 => Just(f32::NAN),
                    1 => proptest::sample::select(vec![0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, 1e-40, f32::MAX]),
                ],
                0..most(200),
            ),
            limit in 0..220u64,
            first in 0..70u32,
            barred in proptest::collection::btree_set(0..270u32, 0..90),
        ) {
            let allowed: Vec<u32> = (0..270).filter(|user| !barred.contains(user)).collect();
            let words = words_of(&allowed, 270);
            let eligible = Some(Bitmap::new(&words));
            let mut counts = vec![0; COUNTS];
            count(&scores, first, eligible, &mut counts);
            let bound = bound(&counts, limit);
            let mut taken = (vec![], vec![]);
            take(&scores, first, eligible, bound, &mut taken);
            let mut all: Vec<(u32, f32)> = (first..)
                .zip(scores.iter().copied())
                .filter(|(user, score)| !score.is_nan() && !barred.contains(user))
                .collect();
            prop_assert_eq!(counts.iter().sum::<u32>() as usize, all.len());
            let least = (limit as usize).min(all.len());
            prop_assert!(taken.0.len() >= least);
            all.sort_by(|a, b| b.1.total_cmp(&a.1));
            // Whoever scores more than one of those that are needed is among them.
            for (user, score) in &all[..least] {
                let at = taken.0.iter().position(|other| other == user);
                prop_assert_eq!(at.map(|at| taken.1[at].to_bits()), Some(score.to_bits()));
            }
        }
    }
}
