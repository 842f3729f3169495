//! Bounds on similarities, for blocks of rows at a time.

use super::measure::{RowTerms, Similarity};
use std::ops::Range;

/// Most blocks. The more, the tighter their bounds, and the longer a row takes to work them out.
const MOST: u64 = 256;

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
}

impl Blocks {
    /// `indptr` is that of the rows, `terms` what is known of each.
    pub fn new(indptr: &[u64], terms: impl Fn(usize) -> RowTerms) -> Blocks {
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
        blocks
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.totals.len()
    }

    /// The rows of a block.
    pub fn rows(&self, block: usize) -> Range<u32> {
        self.bounds[block]..self.bounds[block + 1]
    }

    /// The least rⱼ of a block.
    pub fn least_right(&self, block: usize) -> f64 {
        self.right[block]
    }

    /// Writes to `bounds` what no similarity of `row` to a row of each block exceeds, in single precision too.
    pub fn bound(&self, similarity: &Similarity, row: &RowTerms, bounds: &mut Vec<f64>) {
        bounds.clear();
        bounds.extend((0..self.len()).map(|block| {
            let sum = (row.total * self.most[block]).min(self.totals[block] * row.most);
            let bound = similarity.of(sum, row.left, self.right[block]) * (1.0 + 1e-6);
            // A denominator that is not above 0 bounds nothing.
            if bound > 0.0 { bound } else { f64::INFINITY }
        }));
    }
}
