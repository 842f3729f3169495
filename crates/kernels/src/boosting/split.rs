//! The best split of a leaf by one feature, from its histogram.

use super::bins::MISSING;
use super::histogram::{Histogram, Sums};
use super::loss::Scale;

/// What splits must keep to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// λ, from 0.
    pub l2: f64,
    /// Rows of a leaf, at least; from 1.
    pub minimum_rows: u32,
    /// H of a leaf, at least.
    pub minimum_hessian: f64,
    /// What a split must gain more than.
    pub minimum_gain: f64,
}

/// A split: rows of bins up to `bin` go to the left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    /// See [`super`].
    pub gain: f64,
    pub bin: u8,
    /// Where missing values go.
    pub missing_left: bool,
    /// The sums of the rows on the left.
    pub left: Sums,
}

/// The best split of a leaf with these sums by a feature of `bins` bins, the first of equally good ones; nothing where
/// none keeps to the rule.
///
/// Where a leaf has no missing values, they go to the side with more rows.
#[inline(always)]
pub fn best_split(histogram: &Histogram, bins: usize, total: Sums, rule: &Rule, scale: &Scale) -> Option<Split> {
    let missing = histogram[MISSING as usize];
    let has_missing = scale.count(missing) > 0;
    let mut search = Search::new(total, rule, scale);
    // With missing values on the right also all others can be on the left.
    search.scan(&histogram[..if has_missing { bins } else { bins.saturating_sub(1) }], [0, 0], false);
    if has_missing {
        search.scan(&histogram[..bins.saturating_sub(1)], missing, true);
    }
    let (bin, with_missing, left) = search.best?;
    let gain = search.gain(left);
    let missing_left = if has_missing { with_missing } else { 2 * scale.count(left) >= scale.count(total) };
    (gain > rule.minimum_gain).then_some(Split { gain, bin, missing_left, left })
}

struct Search<'a> {
    total: Sums,
    whole: [f64; 2],
    scale: &'a Scale,
    rule: &'a Rule,
    /// λ and the least H, in units of the second derivative.
    l2: f64,
    minimum_hessian: f64,
    /// The two parts of a fraction, so that none has to be divided.
    most: [f64; 2],
    best: Option<(u8, bool, Sums)>,
}

impl<'a> Search<'a> {
    #[inline(always)]
    fn new(total: Sums, rule: &'a Rule, scale: &'a Scale) -> Self {
        Search {
            total,
            whole: scale.whole(total),
            scale,
            rule,
            l2: rule.l2 / scale.hessian,
            minimum_hessian: rule.minimum_hessian / scale.hessian,
            most: [-1.0, 1.0],
            best: None,
        }
    }

    /// Looks at the splits after each of the bins, with `left` on the left beside them.
    #[inline(always)]
    fn scan(&mut self, bins: &[Sums], mut left: Sums, missing_left: bool) {
        let (rows, least) = (self.scale.count(self.total), i64::from(self.rule.minimum_rows));
        for (bin, sums) in bins.iter().enumerate() {
            if sums[1] == 0 {
                continue; // It has no rows: the split is the one before, or that of the missing on the other side.
            }
            left = [left[0] + sums[0], left[1] + sums[1]];
            let count = self.scale.count(left);
            if count < least {
                continue;
            }
            if rows - count < least {
                break;
            }
            let [g, h] = self.scale.whole(left);
            let [other_g, other_h] = [self.whole[0] - g, self.whole[1] - h];
            if h < self.minimum_hessian || other_h < self.minimum_hessian {
                continue;
            }
            let (h, other_h) = (h + self.l2, other_h + self.l2);
            let [above, below] = [g * g * other_h + other_g * other_g * h, h * other_h];
            if above * self.most[1] > self.most[0] * below {
                self.most = [above, below];
                self.best = Some((bin as u8, missing_left, left));
            }
        }
    }

    fn gain(&self, left: Sums) -> f64 {
        let right = [self.total[0] - left[0], self.total[1] - left[1]];
        let of = |sums: Sums| {
            let [g, h] = self.scale.sums(sums);
            score(g, h, self.rule.l2)
        };
        of(left) + of(right) - of(self.total)
    }
}

/// G² / (H + λ), 0 where there is nothing to divide by.
fn score(g: f64, h: f64, l2: f64) -> f64 {
    if h + l2 > 0.0 { g * g / (h + l2) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::histogram::STRIDE;
    use super::*;
    use crate::{cases, most};
    use proptest::prelude::*;

    /// The twin: of all thresholds and both sides for the missing, by the rows themselves. The most that can be gained.
    fn naive(rows: &[(u8, f64, f64)], bins: usize, rule: &Rule) -> Option<f64> {
        let sums = |own: &dyn Fn(u8) -> bool| {
            rows.iter().filter(|row| own(row.0)).fold((0, 0.0, 0.0), |(n, g, h), row| (n + 1, g + row.1, h + row.2))
        };
        let total = sums(&|_| true);
        let mut best: Option<f64> = None;
        for bin in 0..bins {
            for missing_left in [false, true] {
                let is_left = |own: u8| if own == MISSING { missing_left } else { own as usize <= bin };
                let (left, right) = (sums(&is_left), sums(&|own| !is_left(own)));
                if left.0.min(right.0) < rule.minimum_rows || left.2.min(right.2) < rule.minimum_hessian {
                    continue;
                }
                let of = |(_, g, h): (u32, f64, f64)| score(g, h, rule.l2);
                let gain = of(left) + of(right) - of(total);
                if gain > rule.minimum_gain && best.is_none_or(|best| gain > best) {
                    best = Some(gain);
                }
            }
        }
        best
    }

    proptest! {
        #![proptest_config(cases(300))]

        #[test]
        fn the_best_split_is_that_of_looking_at_all(
            rows in prop::collection::vec((0u8..9, -64i32..64, 1i32..64), 1..most(60)),
            missing in any::<bool>(),
            l2 in 0u8..3,
            minimum_rows in 1u32..5,
            minimum_hessian in 0u8..3,
        ) {
            let bin = |own: u8| if own == 8 { if missing { MISSING } else { 0 } } else { own };
            // Multiples of powers of 2: exact as they are rounded.
            let rows: Vec<_> = rows.iter().map(|&(own, g, h)| (bin(own), f64::from(g) / 64.0, f64::from(h) / 64.0)).collect();
            let rule = Rule {
                l2: f64::from(l2),
                minimum_rows,
                minimum_hessian: f64::from(minimum_hessian),
                minimum_gain: 0.0,
            };
            let scale = Scale::new(rows.len(), 1.0, 1.0);
            let (mut histogram, mut total) = ([[0; 2]; STRIDE], [0; 2]);
            for &(bin, g, h) in &rows {
                let own = scale.round([g, h]);
                let sums = &mut histogram[bin as usize];
                *sums = [sums[0] + own[0], sums[1] + own[1]];
                total = [total[0] + own[0], total[1] + own[1]];
            }
            let found = best_split(&histogram, 8, total, &rule, &scale);
            let expected = naive(&rows, 8, &rule);
            match (found, expected) {
                (Some(found), Some(expected)) => {
                    prop_assert!((found.gain - expected).abs() < 1e-9 * expected.max(1.0), "{} {}", found.gain, expected);
                    let is_left = |own: u8| if own == MISSING { found.missing_left } else { own <= found.bin };
                    let left: f64 = rows.iter().filter(|row| is_left(row.0)).map(|row| row.1).sum();
                    prop_assert!((scale.sums(found.left)[0] - left).abs() < 1e-9);
                }
                // A gain of next to nothing may be rounded to nothing.
                (None, expected) => prop_assert!(expected.is_none_or(|gain| gain < 1e-9)),
                (found, None) => prop_assert!(found.is_none_or(|split| split.gain < 1e-9)),
            }
        }
    }
}
