//! Probabilities of transitions, of one step or two.

use super::count::positive;
use super::{Output, Scratch, TransitionsError};
use crate::csr::Csr;
use std::ops::Range;

/// Of item i to item j ≠ i: ((1 − share) p(i, j) + share Σ p(i, m) p(m, j)) f(j), where p(i, j) = c(i, j) / C(i) and the sum is over
/// the `middle` most frequent m. A second step finds what is rarely seen to follow, by way of what often is.
///
/// Sums are in double precision, in the order of the transitions: the same bits however the rows are divided.
#[derive(Clone, Copy)]
pub struct TwoSteps<'a> {
    counts: Csr<'a>,
    totals: &'a [f64],
    factors: &'a [f64],
    share: f64,
    middle: usize,
    limit: usize,
}

impl<'a> TwoSteps<'a> {
    /// `counts` (items × items) and `totals` (items) are from [`super::Training`]; `factors` (items) is f, above 0. Reads all.
    ///
    /// # Errors
    /// Names the first row that is damaged.
    pub fn new(
        counts: Csr<'a>,
        (totals, factors): (&'a [f64], &'a [f64]),
        (share, middle): (f64, usize),
        limit: usize,
    ) -> Result<Self, TransitionsError> {
        let items = counts.rows();
        let row = (0..items).find(|&row| counts.checked_row(row, items).is_err());
        if let Some(row) = row.or((totals.len() != items || factors.len() != items).then_some(items)) {
            return Err(TransitionsError::Row { row });
        }
        Ok(TwoSteps { counts, totals, factors, share, middle, limit })
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.totals.len()
    }

    /// Transitions that item `row` can have at the most. O(`middle`).
    pub fn most(&self, row: usize) -> usize {
        let direct = self.counts.row(row).0;
        let indirect = if self.share > 0.0 { &direct[..direct.len().min(self.middle)] } else { &[] };
        let each = indirect.iter().map(|&item| self.counts.row(item as usize).0.len());
        (direct.len() + each.sum::<usize>()).min(self.items() - 1)
    }

    /// Finds the transitions of `rows`, and keeps the best of each.
    pub fn follow(&self, rows: Range<usize>, mut output: Output<'_>, scratch: &mut Scratch) {
        let Scratch { sums, selection } = scratch;
        assert!(output.starts.len() == rows.len() + 1 && output.counts.len() == rows.len());
        sums.grow(self.items());
        for (n, row) in rows.enumerate() {
            let (items, counts) = self.counts.row(row);
            let direct = (1.0 - self.share) / self.totals[row];
            sums.add(items, |k| positive(direct * f64::from(counts[k])));
            if self.share > 0.0 {
                for (&item, &count) in items.iter().zip(counts).take(self.middle) {
                    let item = item as usize;
                    let (others, second) = self.counts.row(item);
                    let step = self.share * f64::from(count) / (self.totals[row] * self.totals[item]);
                    sums.add(others, |k| positive(step * f64::from(second[k])));
                }
            }
            sums.take(row as u32);
            selection.reset(self.limit);
            sums.drain(|item, sum| {
                selection.offer(item, (sum * self.factors[item as usize]) as f32);
            });
            output.write(n, selection);
        }
    }
}
