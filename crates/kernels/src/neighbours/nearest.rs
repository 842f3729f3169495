//! The rows of a matrix that are most like one, which may be a row of it or not.

use super::accumulator::{Accumulator, Dense, Sum};
use super::blocks::Blocks;
use super::measure::{Measure, RowTerms, Similarity, Weighting};
use super::positive;
use super::selection::Selection;
use crate::csr::Csr;
use crate::simd::{Kernel, Lanes, Simd};

/// Bytes of sums that take as long to sweep as one addition takes longer when it is listed.
const SWEPT_FOR_ADDITION: usize = 64;

/// Cache lines of a column's rows that are fetched while those of the one before are added: from there on the processor follows.
const PREFETCHED_LINES: usize = 8;

/// A matrix to look in.
pub(super) struct Matrix<'a> {
    pub similarity: Similarity,
    /// (columns × rows)
    pub by_column: Csr<'a>,
    /// (columns) gᵤ.
    pub weights: &'a [f64],
    /// (rows) rⱼ.
    pub right: &'a [f64],
}

/// What a matrix needs for sweeps.
#[derive(Clone, Copy)]
pub(super) struct Sweeping<'a> {
    pub blocks: &'a Blocks,
    /// (rows × columns) Columns rise within a row.
    pub by_row: Csr<'a>,
    /// Additions from which a row is swept; None where that is decided by what it costs.
    pub from: Option<u64>,
}

/// The row that others are to be like.
pub(super) struct Row<'a> {
    pub columns: &'a [u32],
    /// As long as `columns`.
    pub weights: &'a [f32],
    pub terms: RowTerms,
    /// Its number, where it is one of the matrix's: it is not like itself.
    pub own: Option<u32>,
    /// How many pairs its columns have.
    pub additions: u64,
}

/// Buffers kept from one row to the next.
#[derive(Default)]
pub(super) struct Buffers {
    counts: Accumulator<u32>,
    sums: Accumulator<f64>,
    dense: (Dense<u8>, Dense<u16>, Dense<u32>, Dense<f64>),
    bounds: Vec<f64>,
}

/// A call of [`Matrix::nearest`].
struct Nearest<'a> {
    matrix: &'a Matrix<'a>,
    row: &'a Row<'a>,
    sweeping: Option<Sweeping<'a>>,
    selection: &'a mut Selection,
    buffers: &'a mut Buffers,
}

impl Kernel for Nearest<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Nearest { matrix, row, sweeping, selection, buffers } = self;
        matrix.nearest_by(l, row, sweeping, selection, buffers);
    }
}

impl Matrix<'_> {
    /// Offers `selection` all rows that may be among the best.
    ///
    /// Sums are listed in an [`Accumulator`], or, where they are many, swept from a [`Dense`] array. Counts have the narrowest type
    /// that holds the columns of the row, so that the array stays in a near cache. Sums of gᵤ are swept as whole numbers that are
    /// not smaller, in as little room; those that are large enough, a few dozen, are added up again from both rows.
    pub fn nearest(
        &self,
        row: &Row<'_>,
        sweeping: Option<Sweeping<'_>>,
        selection: &mut Selection,
        buffers: &mut Buffers,
        simd: Simd,
    ) {
        simd.run(Nearest { matrix: self, row, sweeping, selection, buffers });
    }

    #[inline(always)]
    fn nearest_by<L: Lanes>(
        &self,
        l: L,
        row: &Row<'_>,
        sweeping: Option<Sweeping<'_>>,
        selection: &mut Selection,
        buffers: &mut Buffers,
    ) {
        let Buffers { counts, sums, dense, bounds } = buffers;
        let Similarity { measure, weighting, .. } = self.similarity;
        let (weights, right, similarity) = (self.weights, self.right, self.similarity);
        let (rows, own_right, left) = (right.len(), row.terms.right, row.terms.left);
        let is_counted = similarity.counts();
        let most = row.columns.len();
        // (bytes of a sum)
        let width = match (weighting, is_counted) {
            (Weighting::Weight, _) => 8,
            (_, true) if most <= usize::from(u8::MAX) => 1,
            (_, true) if most <= usize::from(u16::MAX) => 2,
            (_, false) if most <= usize::from(u16::MAX) / 4 => 2,
            _ => 4,
        };
        let swept = sweeping
            .filter(|sweeping| row.additions >= sweeping.from.unwrap_or((rows * width / SWEPT_FOR_ADDITION) as u64));
        let counted = |_: &Sweeping<'_>, other: u32, sum: f64| similarity.of(sum, left, right[other as usize]) as f32;
        let summed = |sweeping: &Sweeping<'_>, other: u32, _: f64| {
            let sum = self.sum_of(row, sweeping.by_row.row(other as usize).0);
            similarity.of(sum, left, right[other as usize]) as f32
        };
        // gᵤ in units that leave room for rounding up.
        let scale = |largest: f64| (largest - most as f64) / row.terms.total;
        match (swept, weighting, measure, width) {
            (Some(sweep), Weighting::None, _, 1) => {
                let sums = (&mut dense.0, bounds, 1.0);
                self.sweep(l, row, sweep, selection, sums, |_, _| (), |_, _, _| 1, counted);
            }
            (Some(sweep), Weighting::None, _, 2) if is_counted => {
                let sums = (&mut dense.1, bounds, 1.0);
                self.sweep(l, row, sweep, selection, sums, |_, _| (), |_, _, _| 1, counted);
            }
            (Some(sweep), Weighting::None, _, _) if is_counted => {
                let sums = (&mut dense.2, bounds, 1.0);
                self.sweep(l, row, sweep, selection, sums, |_, _| (), |_, _, _| 1, counted);
            }
            (Some(sweep), Weighting::None, _, 2) => {
                let scale = scale(f64::from(u16::MAX));
                let own = |u: u32, _| (weights[u as usize] * scale).ceil() as u16;
                let sums = (&mut dense.1, bounds, scale);
                self.sweep(l, row, sweep, selection, sums, own, |own, _, _| own, summed);
            }
            (Some(sweep), Weighting::None, _, _) => {
                let scale = scale(f64::from(u32::MAX));
                let own = |u: u32, _| (weights[u as usize] * scale).ceil() as u32;
                let sums = (&mut dense.2, bounds, scale);
                self.sweep(l, row, sweep, selection, sums, own, |own, _, _| own, summed);
            }
            (_, Weighting::None, _, _) if is_counted => {
                self.list(row, selection, counts, |_, _| (), |_, _, _| 1);
            }
            (_, Weighting::None, _, _) => {
                self.list(row, selection, sums, |u, _| weights[u as usize], |own, _, _| own);
            }
            (_, Weighting::Weight, Measure::Bm25 { .. } | Measure::Rp3Beta { .. }, _) => {
                let own = |u: u32, w| weights[u as usize] * similarity.value(w, own_right);
                let term = |own, other: u32, w| positive(own * similarity.value(w, right[other as usize]));
                match swept {
                    Some(sweep) => {
                        self.sweep(l, row, sweep, selection, (&mut dense.3, bounds, 1.0), own, term, counted);
                    }
                    None => self.list(row, selection, sums, own, term),
                }
            }
            (_, Weighting::Weight, _, _) => {
                let own = |u: u32, w: f32| weights[u as usize] * f64::from(w);
                let term = |own, _: u32, w| positive(own * f64::from(w));
                match swept {
                    Some(sweep) => {
                        self.sweep(l, row, sweep, selection, (&mut dense.3, bounds, 1.0), own, term, counted);
                    }
                    None => self.list(row, selection, sums, own, term),
                }
            }
        }
    }

    /// Σᵤ gᵤ over the columns that `row` and a row of the matrix have both, by ascending column.
    #[inline(never)]
    fn sum_of(&self, row: &Row<'_>, other: &[u32]) -> f64 {
        let (few, many) = if row.columns.len() < other.len() { (row.columns, other) } else { (other, row.columns) };
        let (mut sum, mut rest) = (0.0, many);
        for &column in few {
            rest = &rest[rest.partition_point(|&other| other < column)..];
            if rest.first() == Some(&column) {
                sum += self.weights[column as usize];
            }
        }
        sum
    }

    #[inline(always)]
    fn list<S: Sum, Own: Copy>(
        &self,
        row: &Row<'_>,
        selection: &mut Selection,
        sums: &mut Accumulator<S>,
        own: impl Fn(u32, f32) -> Own,
        term: impl Fn(Own, u32, f32) -> S,
    ) {
        sums.grow(self.right.len());
        for (&column, &weight) in row.columns.iter().zip(row.weights) {
            let own = own(column, weight);
            let (others, weights) = self.by_column.row(column as usize);
            sums.add(others, |k| term(own, others[k], weights[k]));
        }
        if let Some(own) = row.own {
            sums.take(own);
        }
        sums.drain(|other, sum| {
            if sum > S::default() {
                let similarity = self.similarity.of(sum.value(), row.terms.left, self.right[other as usize]);
                selection.offer(other, similarity as f32);
            }
        });
    }

    /// `scale`: what sums are of those whose similarity `score` gives, at the least.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn sweep<L: Lanes, S: Sum, Own: Copy>(
        &self,
        l: L,
        row: &Row<'_>,
        sweeping: Sweeping<'_>,
        selection: &mut Selection,
        (sums, bounds, scale): (&mut Dense<S>, &mut Vec<f64>, f64),
        own: impl Fn(u32, f32) -> Own,
        term: impl Fn(Own, u32, f32) -> S,
        score: impl Fn(&Sweeping<'_>, u32, f64) -> f32,
    ) {
        sums.grow(self.right.len());
        for (at, (&column, &weight)) in row.columns.iter().zip(row.weights).enumerate() {
            if let Some(&next) = row.columns.get(at + 1) {
                let begin = self.by_column.row(next as usize).0.as_ptr().cast::<f32>();
                for line in 0..PREFETCHED_LINES {
                    // Beyond the end it costs a line of another column.
                    l.prefetch(begin.wrapping_add(16 * line));
                }
            }
            let own = own(column, weight);
            let (others, weights) = self.by_column.row(column as usize);
            sums.add(others, |k| term(own, others[k], weights[k]));
        }
        if let Some(own) = row.own {
            sums.clear(own);
        }
        let (blocks, left) = (sweeping.blocks, row.terms.left);
        blocks.bound(&self.similarity, &row.terms, bounds);
        let count = bounds.len();
        let highest = (0..count).fold(0, |best, block| if bounds[block] > bounds[best] { block } else { best });
        // From the block with the highest bound outwards, so that the threshold rises soon.
        let (mut begin, mut end) = (highest, highest);
        while end - begin < count {
            let before = if begin > 0 { bounds[begin - 1] } else { -1.0 };
            let after = if end < count { bounds[end] } else { -1.0 };
            let block = if end == count || before > after { begin - 1 } else { end };
            (begin, end) = (begin.min(block), end.max(block + 1));
            if bounds[block] < f64::from(selection.threshold()) {
                continue;
            }
            let least_right = blocks.least_right(block);
            let least = |selection: &Selection| {
                S::least(self.similarity.least_sum(selection.threshold(), left, least_right) * scale)
            };
            let mut needed = least(selection);
            sums.sweep(blocks.rows(block), needed, |other, sum| {
                if selection.offer(other, score(&sweeping, other, sum.value())) {
                    needed = least(selection);
                }
                needed
            });
            selection.settle();
        }
        sums.reset();
    }
}
