//! Bounds on similarities, for blocks of rows at a time.

use super::measure::{RowTerms, Similarity};
use crate::csr::Csr;
use std::ops::Range;

/// Most blocks. The more, the tighter their bounds, and the longer a row takes to work them out.
const MOST: u64 = 256;

/// Blocks from one mark to the next: of long columns is known where those after each mark begin.
const MARKED: usize = if cfg!(test) { 2 } else { 8 };

/// Pairs from which a column is long, so that marks take no more than a byte or so for each pair.
const LONG: usize = if cfg!(test) { 3 } else { 128 };

/// Of columns that are not long.
const NO_MARKS: u32 = u32::MAX;

/// Rows in blocks of about as many pairs each, and what bounds the similarity of any row to those of a block.
///
/// σ(i, j) = Σᵤ gᵤ xᵤᵢ xᵤⱼ is at most the smaller of (Σᵤ gᵤ xᵤᵢ) maxᵤ xᵤⱼ and maxᵤ xᵤᵢ (Σᵤ gᵤ xᵤⱼ): without weights, than the
/// smaller count. Where rows lie by falling number of pairs, as datasets lay them out, the rows of a block are much alike in
/// both, and what a row of it must have in common to be among the best is known well. In another order the bounds hold, but spare
/// less.
#[derive(Default)]
pub(super) struct Blocks {
    /// (blocks + 1) Block b is rows `bounds[b]..bounds[b + 1]`.
    bounds: Vec<u32>,
    /// (blocks) The largest Σᵤ gᵤ xᵤⱼ.
    totals: Vec<f64>,
    /// (blocks) The largest xᵤⱼ.
    most: Vec<f64>,
    /// (blocks) The least rⱼ.
    right: Vec<f64>,
    /// (columns) The place of the marks of each.
    marks_of: Vec<u32>,
    /// (long columns × (marks + 1)) How many pairs of the column come before each mark, and how many it has.
    marks: Vec<u32>,
}

impl Blocks {
    /// `indptr` is that of the rows, `by_column` the matrix transposed, `terms` what is known of each row.
    pub fn new(indptr: &[u64], by_column: Csr<'_>, terms: impl Fn(usize) -> RowTerms) -> Blocks {
        let rows = indptr.len().saturating_sub(1);
        if rows == 0 {
            return Blocks::default();
        }
        let each = (indptr[rows].saturating_sub(indptr[0]) / MOST).max(1);
        let mut blocks = Blocks { bounds: vec![0], ..Blocks::default() };
        let mut begin = indptr[0];
        let empty = (0.0f64, 0.0f64, f64::INFINITY);
        let mut block = empty;
        for row in 0..rows {
            let RowTerms { right, total, most, .. } = terms(row);
            block = (block.0.max(total), block.1.max(most), block.2.min(right));
            if indptr[row + 1].saturating_sub(begin) >= each || row + 1 == rows {
                blocks.bounds.push(row as u32 + 1);
                blocks.totals.push(block.0);
                blocks.most.push(block.1);
                blocks.right.push(block.2);
                (block, begin) = (empty, indptr[row + 1]);
            }
        }
        blocks.mark(by_column);
        blocks
    }

    fn mark(&mut self, by_column: Csr<'_>) {
        let marks: Vec<u32> = self.bounds.iter().copied().step_by(MARKED).chain([u32::MAX]).collect();
        for column in 0..by_column.rows() {
            let (rows, _) = by_column.row(column);
            if rows.len() < LONG {
                self.marks_of.push(NO_MARKS);
                continue;
            }
            self.marks_of.push(self.marks.len() as u32);
            let mut before = 0;
            for &mark in &marks {
                before += rows[before..].partition_point(|&row| row < mark);
                self.marks.push(before as u32);
            }
        }
    }

    /// The least range between marks that has all blocks whose bound, of [`Blocks::bound`], is `score` or more.
    pub fn reaching(&self, score: f32, bounds: &[f64]) -> Range<usize> {
        let may = |&bound: &f64| bound >= f64::from(score);
        let first = bounds.iter().position(may).unwrap_or(bounds.len());
        let end = bounds.iter().rposition(may).map_or(first, |last| last + 1);
        first / MARKED * MARKED..end.next_multiple_of(MARKED).min(self.len())
    }

    /// Which of the pairs of a column lie in `blocks`, which are between marks; `rows` are those of the column.
    #[inline(always)]
    pub fn pairs_of(&self, blocks: &Range<usize>, column: u32, rows: &[u32]) -> Range<usize> {
        let place = self.marks_of[column as usize];
        if place != NO_MARKS {
            let at = |block: usize| self.marks[place as usize + block.div_ceil(MARKED)] as usize;
            return at(blocks.start)..at(blocks.end);
        }
        let all = self.rows_of(blocks.clone());
        let begin = rows.partition_point(|&row| row < all.start);
        begin..begin + rows[begin..].partition_point(|&row| row < all.end)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.totals.len()
    }

    /// The rows of some of them.
    pub fn rows_of(&self, blocks: Range<usize>) -> Range<u32> {
        self.bounds[blocks.start]..self.bounds[blocks.end]
    }

    /// The least rⱼ of some of them.
    pub fn least_right_of(&self, blocks: Range<usize>) -> f64 {
        self.right[blocks].iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Writes to `bounds` what no similarity of `row` to a row of each block exceeds, in single precision too.
    pub fn bound(&self, similarity: &Similarity, row: &RowTerms, bounds: &mut Vec<f64>) {
        bounds.clear();
        bounds.extend((0..self.len()).map(|block| {
            let sum = (row.total * self.most[block]).min(self.totals[block] * row.most);
            let bound = similarity.at_most(sum, row.left, self.right[block]);
            // A denominator that is not above 0 bounds nothing.
            if bound > 0.0 { bound } else { f64::INFINITY }
        }));
    }
}
