//! From values to bins: bin b of a feature holds the values above cut b − 1 and not above cut b.

use crate::initialise::mix;

/// Features of a block: their bins of one row lie side by side, which one load of eight bytes reads.
pub const LANES: usize = 8;

/// Bins of values of a feature at most.
pub const MOST_BINS: usize = 255;

/// The bin of missing values.
pub const MISSING: u8 = 255;

/// Rows that cuts are learned from, at most; of more, one of each so many. With all of 80,000 rows of 200 features bins
/// took .41 s, with these .19, and trees were no better (AUC .7651, with these .7656).
const MOST_SAMPLED: usize = 1 << 15;

/// Blocks that hold `features`; the last may have lanes to spare.
pub fn blocks(features: usize) -> usize {
    features.div_ceil(LANES)
}

/// The cuts between at most `most` bins, ascending, each finite: halfway between neighbouring values where there are no
/// more of these than bins, else such that bins hold about equally many rows. Missing values have no part in it. Of
/// many rows a sample is looked at.
pub fn learn_cuts(column: &[f32], most: usize, scratch: &mut Vec<f32>) -> Vec<f32> {
    scratch.clear();
    let step = column.len().div_ceil(MOST_SAMPLED).max(1);
    let finite = |value: f32| value.clamp(-f32::MAX, f32::MAX);
    // Which one of them is drawn: rows may come in groups of as many.
    let sample = column.chunks(step).enumerate().map(|(at, own)| own[mix(at as u64) as usize % own.len()]);
    scratch.extend(sample.filter(|value| !value.is_nan()).map(finite));
    scratch.sort_unstable_by(f32::total_cmp);
    let values: &[f32] = scratch;
    let most = most.clamp(1, MOST_BINS);
    let runs = || values.chunk_by(|a, b| a == b);
    let is_few = runs().take(most + 1).count() <= most;
    let mut cuts = Vec::new();
    let (mut left, mut bins, mut held) = (values.len(), most, 0);
    let mut runs = runs().peekable();
    while let (Some(run), Some(next)) = (runs.next(), runs.peek()) {
        held += run.len();
        let share = left.div_ceil(bins);
        // A value of more rows than a bin's share has a bin of its own.
        if is_few || (bins > 1 && (held >= share || next.len() >= share)) {
            cuts.push(between(run[0], next[0]));
            (left, bins, held) = (left - held, bins.saturating_sub(1).max(1), 0);
        }
    }
    cuts
}

/// A number from `low` to before `high`, halfway where one lies there.
fn between(low: f32, high: f32) -> f32 {
    let middle = low / 2.0 + high / 2.0;
    if middle >= low && middle < high { middle } else { low }
}

/// Writes the bins of up to [`LANES`] columns with their cuts to `bins` (rows).
pub fn fill_block(columns: &[&[f32]], cuts: &[&[f32]], bins: &mut [[u8; LANES]]) {
    for (lane, (column, cuts)) in columns.iter().zip(cuts).enumerate() {
        let mut padded = [f32::INFINITY; 256];
        padded[..cuts.len()].copy_from_slice(cuts);
        for (row, &value) in bins.iter_mut().zip(*column) {
            row[lane] = if value.is_nan() { MISSING } else { bin_of(value, &padded) };
        }
    }
}

/// The number of cuts below `value`: by halving, without a branch.
#[inline(always)]
fn bin_of(value: f32, cuts: &[f32; 256]) -> u8 {
    let mut below = 0usize;
    for step in [128, 64, 32, 16, 8, 4, 2, 1] {
        below += if cuts[(below + step - 1) & 255] < value { step } else { 0 };
    }
    below as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cases, most};
    use proptest::prelude::*;

    /// The twin: counts.
    fn naive_bin(value: f32, cuts: &[f32]) -> u8 {
        if value.is_nan() { MISSING } else { cuts.iter().filter(|&&cut| cut < value).count() as u8 }
    }

    fn value() -> impl Strategy<Value = f32> {
        prop_oneof![
            4 => -9i8..9,
            1 => Just(0i8),
        ]
        .prop_map(f32::from)
        .boxed()
        .prop_union(prop_oneof![any::<f32>(), Just(f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY)].boxed())
    }

    proptest! {
        #![proptest_config(cases(200))]

        #[test]
        fn bins_keep_the_order_of_values(values in prop::collection::vec(value(), 0..most(600)), bins in 1usize..=255) {
            let cuts = learn_cuts(&values, bins, &mut Vec::new());
            prop_assert!(cuts.len() < bins);
            prop_assert!(cuts.windows(2).all(|pair| pair[0] < pair[1]) && cuts.iter().all(|cut| cut.is_finite()));
            let mut filled = vec![[0; LANES]; values.len()];
            fill_block(&[&[], &values], &[&[], &cuts], &mut filled);
            for (value, bin) in values.iter().zip(&filled) {
                prop_assert_eq!(bin[1], naive_bin(*value, &cuts));
                prop_assert!(value.is_nan() == (bin[1] == MISSING));
            }
            // Where there are no more values than bins, each has its own.
            let mut distinct: Vec<f32> =
                values.iter().filter(|v| !v.is_nan()).map(|v| v.clamp(-f32::MAX, f32::MAX)).collect();
            distinct.sort_by(f32::total_cmp);
            distinct.dedup();
            if distinct.len() <= bins {
                prop_assert_eq!(cuts.len(), distinct.len().saturating_sub(1));
            }
        }
    }

    #[test]
    fn bins_hold_about_equally_many_rows() {
        let rows = if cfg!(miri) { 300 } else { 10_000 };
        let values: Vec<f32> = (0..rows).map(|row| ((row * 7919) % rows) as f32).collect();
        let cuts = learn_cuts(&values, 50, &mut Vec::new());
        assert_eq!(cuts.len(), 49);
        for bin in 0..50u8 {
            let held = values.iter().filter(|&&value| naive_bin(value, &cuts) == bin).count();
            assert!(held.abs_diff(rows / 50) <= 1, "bin {bin} holds {held}");
        }
    }

    #[test]
    fn a_frequent_value_has_a_bin_of_its_own() {
        let values: Vec<f32> = (0..1000).map(|row| if row % 2 == 0 { 500.5 } else { row as f32 }).collect();
        let cuts = learn_cuts(&values, 8, &mut Vec::new());
        let bin = naive_bin(500.5, &cuts);
        let others = values.iter().filter(|&&value| value != 500.5 && naive_bin(value, &cuts) == bin);
        assert_eq!(others.count(), 0);
        assert!(cuts.len() >= 6);
    }
}
