//! The rows of a matrix that are most like one, which may be a row of it or not.

use super::accumulator::{Accumulator, Sum};
use super::blocks::Blocks;
use super::measure::{Measure, RowTerms, Similarity, Weighting};
use super::positive;
use super::selection::Selection;
use crate::csr::Csr;
use std::ops::Range;

/// Blocks of rows that are looked at first, as a share of all.
const FIRST_SHARE: usize = 8;
/// Rows of a range that cost as much to sweep as an addition does to list.
const SWEPT_PER_ADDITION: u64 = 2;

/// A matrix to look in.
pub(super) struct Matrix<'a> {
    pub similarity: Similarity,
    /// (columns × rows) Rows rise within a column.
    pub by_column: Csr<'a>,
    /// (columns) gᵤ.
    pub weights: &'a [f64],
    /// (rows) rⱼ.
    pub right: &'a [f64],
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
    bounds: Vec<f64>,
}

impl Matrix<'_> {
    /// Offers `selection` all rows that may be among the best.
    ///
    /// With `blocks`, not all of the rows are looked at. First come those of the blocks around the one with the highest
    /// bound; the more similar what they give, the fewer of the others can be better, and each further stage takes as many
    /// blocks again until none is left that can. What is left out could not have changed the result.
    pub fn nearest(&self, row: &Row<'_>, blocks: Option<&Blocks>, selection: &mut Selection, buffers: &mut Buffers) {
        let Buffers { counts, sums, bounds } = buffers;
        let rows = self.right.len();
        counts.grow(if self.similarity.counts() { rows } else { 0 });
        sums.grow(if self.similarity.counts() { 0 } else { rows });
        let Similarity { measure, weighting, .. } = self.similarity;
        let (weights, right, similarity) = (self.weights, self.right, self.similarity);
        let own_right = row.terms.right;
        match (weighting, measure) {
            _ if similarity.counts() => self.find(row, blocks, selection, counts, bounds, |_, _| (), |_, _, _| 1),
            (Weighting::None, _) => {
                self.find(row, blocks, selection, sums, bounds, |u, _| weights[u as usize], |own, _, _| own);
            }
            (Weighting::Weight, Measure::Bm25 { .. } | Measure::Rp3Beta { .. }) => {
                let own = |u: u32, w| weights[u as usize] * similarity.value(w, own_right);
                let term = |own, other: u32, w| positive(own * similarity.value(w, right[other as usize]));
                self.find(row, blocks, selection, sums, bounds, own, term);
            }
            (Weighting::Weight, _) => {
                let own = |u: u32, w: f32| weights[u as usize] * f64::from(w);
                self.find(row, blocks, selection, sums, bounds, own, |own, _, w| positive(own * f64::from(w)));
            }
        }
    }

    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn find<S: Sum, Own: Copy>(
        &self,
        row: &Row<'_>,
        blocks: Option<&Blocks>,
        selection: &mut Selection,
        sums: &mut Accumulator<S>,
        bounds: &mut Vec<f64>,
        own: impl Fn(u32, f32) -> Own,
        term: impl Fn(Own, u32, f32) -> S,
    ) {
        let Some(blocks) = blocks else {
            let all = 0..self.right.len() as u32;
            self.look(row, std::slice::from_ref(&all), None, selection, sums, &own, &term);
            return;
        };
        blocks.bound(&self.similarity, &row.terms, bounds);
        let count = bounds.len();
        let highest = (0..count).fold(0, |best, block| if bounds[block] > bounds[best] { block } else { best });
        let (mut begin, mut end) = (highest, highest);
        let mut wanted = (count / FIRST_SHARE).max(1);
        loop {
            let threshold = f64::from(selection.threshold());
            let (last_begin, last_end) = (begin, end);
            while end - begin < wanted {
                let before = if begin > 0 { bounds[begin - 1] } else { -1.0 };
                let after = if end < count { bounds[end] } else { -1.0 };
                if before.max(after) < threshold {
                    break;
                }
                if before > after { begin -= 1 } else { end += 1 }
            }
            if (begin, end) == (last_begin, last_end) {
                // Those next to them cannot be better: perhaps one farther away.
                begin = (0..begin).find(|&block| bounds[block] >= threshold).unwrap_or(begin);
                end = (end..count).rfind(|&block| bounds[block] >= threshold).map_or(end, |block| block + 1);
                if (begin, end) == (last_begin, last_end) {
                    return;
                }
            }
            let parts = [begin..last_begin, last_end..end];
            let least_right = parts.iter().map(|part| blocks.least_right(part)).fold(f64::INFINITY, f64::min);
            let rows = parts.map(|part| blocks.rows(&part));
            let additions = row.additions * (end - begin - (last_end - last_begin)) as u64 / count as u64;
            self.look(row, &rows, Some(Stage { least_right, additions }), selection, sums, &own, &term);
            selection.settle();
            wanted = 2 * (end - begin);
        }
    }

    /// Offers `selection` the rows in `ranges`.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn look<S: Sum, Own: Copy>(
        &self,
        row: &Row<'_>,
        ranges: &[Range<u32>],
        stage: Option<Stage>,
        selection: &mut Selection,
        sums: &mut Accumulator<S>,
        own: &impl Fn(u32, f32) -> Own,
        term: &impl Fn(Own, u32, f32) -> S,
    ) {
        let rows = self.right.len();
        let width: u64 = ranges.iter().map(|range| u64::from(range.end - range.start)).sum();
        // Where the sums are many, to look at all costs less than to list those that there are.
        let is_swept = stage.as_ref().is_some_and(|stage| width < stage.additions * SWEPT_PER_ADDITION);
        for (&column, &weight) in row.columns.iter().zip(row.weights) {
            let own = own(column, weight);
            let (others, weights) = self.by_column.row(column as usize);
            for range in ranges {
                let (others, weights) = part(others, weights, range, rows);
                let term = |k| term(own, others[k], weights[k]);
                if is_swept { sums.add_unlisted(others, term) } else { sums.add(others, term) }
            }
        }
        if let Some(own) = row.own {
            sums.take(own);
        }
        let RowTerms { left, .. } = row.terms;
        let similarity = self.similarity;
        let score = |other: u32, sum: S| similarity.of(sum.value(), left, self.right[other as usize]) as f32;
        let least_right = stage.map_or(0.0, |stage| stage.least_right);
        let least = |selection: &Selection| S::least(similarity.least_sum(selection.threshold(), left, least_right));
        let mut needed = least(selection);
        if is_swept {
            for range in ranges {
                sums.sweep(range.clone(), needed, |other, sum| {
                    if selection.offer(other, score(other, sum)) {
                        needed = least(selection);
                    }
                    needed
                });
            }
        } else {
            sums.drain(|other, sum| {
                if sum >= needed && sum > S::default() && selection.offer(other, score(other, sum)) {
                    needed = least(selection);
                }
            });
        }
    }
}

/// What is known of the rows that one stage looks at.
struct Stage {
    /// The least rⱼ.
    least_right: f64,
    /// How many sums there are to add up, about.
    additions: u64,
}

/// The entries of a row of the transposed matrix in `range`, which is that of `rows` at the most.
#[inline(always)]
fn part<'a>(others: &'a [u32], weights: &'a [f32], range: &Range<u32>, rows: usize) -> (&'a [u32], &'a [f32]) {
    let begin = if range.start == 0 { 0 } else { others.partition_point(|&other| other < range.start) };
    let end = if range.end as usize == rows {
        others.len()
    } else {
        begin + others[begin..].partition_point(|&other| other < range.end)
    };
    (&others[begin..end], &weights[begin..end])
}
