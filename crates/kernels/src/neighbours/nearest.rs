//! The rows of a matrix that are most like one, which may be a row of it or not.

use super::blocks::Blocks;
use super::measure::{Measure, RowTerms, Similarity, Weighting};
use super::positive;
use crate::accumulator::{Accumulator, Dense, Sum};
use crate::bitmap::{Bitmap, allows};
use crate::csr::Csr;
use crate::selection::Selection;
use crate::simd::{Kernel, Lanes, Simd};
use std::ops::Range;

/// Bytes of sums that take as long to sweep as one addition takes longer when it is listed.
const SWEPT_FOR_ADDITION: usize = 128;

/// Cache lines of a column's rows that are fetched while those of the one before are added: from there on the processor follows.
const PREFETCHED_LINES: usize = 8;

/// A row with so many times the columns of another has these looked up in it.
const LOOKED_UP: usize = if cfg!(test) { 2 } else { 16 };

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

/// What spares a search most of the rows.
#[derive(Clone, Copy)]
pub(super) struct Bounded<'a> {
    pub blocks: &'a Blocks,
    /// (rows × columns) Columns rise within a row.
    pub by_row: Csr<'a>,
    /// Additions from which a row is swept; None where that is decided by what it costs.
    pub swept_from: Option<u64>,
    /// What the least of the best similarities may be; any number gives the same rows.
    pub guess: f32,
}

/// The row that others are to be like.
pub(super) struct Row<'a> {
    pub columns: &'a [u32],
    /// As long as `columns`.
    pub weights: &'a [f32],
    pub terms: RowTerms,
    /// Its number, where it is one of the matrix's: it is not like itself.
    pub own: Option<u32>,
    /// Of the rows that may be found, a bit each; all when absent, as it must be where rows are bounded.
    pub allowed: Option<Bitmap<'a>>,
}

/// Buffers kept from one row to the next.
#[derive(Default)]
pub(super) struct Buffers {
    counts: Accumulator<u32>,
    sums: Accumulator<f64>,
    dense: (Dense<u8>, Dense<u16>, Dense<u32>, Dense<f64>),
    /// (blocks) No similarity to a row of a block exceeds its bound.
    bounds: Vec<f64>,
    parts: Vec<Part>,
    /// (columns / 64) Of each column a bit, whether the row has it; none between rows.
    own: Vec<u64>,
}

/// The pairs of a column that fall into a range of rows.
struct Part {
    column: u32,
    weight: f32,
    /// Places among the entries of all columns.
    entries: Range<usize>,
}

/// The rows that a pass looks at, and what is known of them.
struct Pass<'a, 'b> {
    row: &'a Row<'a>,
    rows: Range<u32>,
    /// Their blocks.
    blocks: Range<usize>,
    /// No rⱼ of theirs is smaller.
    least_right: f64,
    parts: &'b [Part],
    bounds: &'b [f64],
    /// None where sums are to be listed.
    swept: Option<Bounded<'a>>,
}

/// A call of [`Matrix::nearest`].
struct Nearest<'a> {
    matrix: &'a Matrix<'a>,
    row: &'a Row<'a>,
    bounded: Option<Bounded<'a>>,
    selection: &'a mut Selection,
    buffers: &'a mut Buffers,
}

impl Kernel for Nearest<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Nearest { matrix, row, bounded, selection, buffers } = self;
        matrix.nearest_by(l, row, bounded, selection, buffers);
    }
}

impl Matrix<'_> {
    /// Offers `selection` all rows that may be among the best.
    ///
    /// Where rows are `bounded`, those of the blocks that may hold one as similar as was guessed are looked at first, then those of
    /// the blocks that may have a better one than the last of the best by then: where the guess was good, none. The pairs of a
    /// column rise by row, so that those of other rows are not even read.
    pub fn nearest(
        &self,
        row: &Row<'_>,
        bounded: Option<Bounded<'_>>,
        selection: &mut Selection,
        buffers: &mut Buffers,
        simd: Simd,
    ) {
        simd.run(Nearest { matrix: self, row, bounded, selection, buffers });
    }

    #[inline(always)]
    fn nearest_by<L: Lanes>(
        &self,
        l: L,
        row: &Row<'_>,
        bounded: Option<Bounded<'_>>,
        selection: &mut Selection,
        buffers: &mut Buffers,
    ) {
        let (mut bounds, mut parts) = (std::mem::take(&mut buffers.bounds), std::mem::take(&mut buffers.parts));
        bounds.clear();
        if let Some(bounded) = bounded {
            bounded.blocks.bound(&self.similarity, &row.terms, &mut bounds);
        }
        let mut done = 0..0;
        for step in 0..3 {
            let range = match (bounded, step) {
                (None, 0) => 0..0,
                (None, _) => break,
                (Some(Bounded { blocks, guess, .. }), 0) => {
                    done = blocks.reaching(guess, &bounds);
                    done.clone()
                }
                (Some(Bounded { blocks, .. }), 1) => blocks.reaching(selection.threshold(), &bounds).start..done.start,
                (Some(Bounded { blocks, .. }), _) => done.end..blocks.reaching(selection.threshold(), &bounds).end,
            };
            if bounded.is_some() && range.is_empty() {
                continue;
            }
            let (rows, least_right) = match bounded {
                Some(Bounded { blocks, .. }) => (blocks.rows_of(range.clone()), blocks.least_right_of(range.clone())),
                None => (0..self.right.len() as u32, 0.0),
            };
            let additions = self.parts(row, bounded.map(|bounded| (bounded.blocks, &range)), &mut parts);
            let swept = bounded.filter(|bounded| {
                let least = rows.len() * self.width(row) / SWEPT_FOR_ADDITION;
                additions >= bounded.swept_from.unwrap_or(least as u64)
            });
            let pass = Pass { row, rows, blocks: range, least_right, parts: &parts, bounds: &bounds, swept };
            self.pass(l, &pass, selection, buffers);
            selection.settle();
        }
        (buffers.bounds, buffers.parts) = (bounds, parts);
    }

    /// Writes to `parts` those of the columns of `row` that lie in a range of blocks, or all; gives how many pairs they have.
    #[inline(always)]
    fn parts(&self, row: &Row<'_>, blocks: Option<(&Blocks, &Range<usize>)>, parts: &mut Vec<Part>) -> u64 {
        parts.clear();
        let blocks = blocks.filter(|(blocks, range)| range.len() < blocks.len());
        let Csr { indptr, indices, .. } = self.by_column;
        let mut additions = 0;
        for (&column, &weight) in row.columns.iter().zip(row.weights) {
            let mut entries = indptr[column as usize] as usize..indptr[column as usize + 1] as usize;
            if let Some((blocks, range)) = blocks {
                let within = blocks.pairs_of(range, column, &indices[entries.clone()]);
                entries = entries.start + within.start..entries.start + within.end;
            }
            if !entries.is_empty() {
                additions += entries.len() as u64;
                parts.push(Part { column, weight, entries });
            }
        }
        additions
    }

    /// Bytes of a sum that holds what `row` adds up.
    fn width(&self, row: &Row<'_>) -> usize {
        let most = row.columns.len();
        match (self.similarity.weighting, self.similarity.counts()) {
            (Weighting::Weight, _) => 8,
            (_, true) if most <= usize::from(u8::MAX) => 1,
            (_, true) if most <= usize::from(u16::MAX) => 2,
            (_, false) if most <= usize::from(u16::MAX) / 4 => 2,
            _ => 4,
        }
    }

    /// Sums are listed in an [`Accumulator`], or, where they are many, swept from a [`Dense`] array. Counts have the narrowest type
    /// that holds the columns of the row, so that the array stays in a near cache. Other sums are swept as whole numbers that are
    /// not smaller, in as little room; those that are large enough, a few dozen, are added up again from both rows.
    #[inline(always)]
    fn pass<L: Lanes>(&self, l: L, pass: &Pass<'_, '_>, selection: &mut Selection, buffers: &mut Buffers) {
        let Buffers { counts, sums, dense, own: bits, .. } = buffers;
        let Pass { row, swept, .. } = *pass;
        let Similarity { measure, weighting, .. } = self.similarity;
        let (weights, right, similarity) = (self.weights, self.right, self.similarity);
        let (own_right, left) = (row.terms.right, row.terms.left);
        let is_counted = similarity.counts();
        let counted = |other: u32, sum: f64| similarity.of(sum, left, right[other as usize]) as f32;
        let width = self.width(row);
        let in_units = swept.is_some() && !is_counted && weighting == Weighting::None;
        if in_units {
            bits.resize(weights.len().div_ceil(64), 0);
            row.columns.iter().for_each(|&column| bits[column as usize / 64] |= 1 << (column % 64));
        }
        match (swept, weighting, measure, width) {
            (Some(sweep), Weighting::None, _, 1) => {
                self.sweep(l, pass, sweep, selection, (&mut dense.0, 1.0), |_, _| (), |_, _, _| 1, counted);
            }
            (Some(sweep), Weighting::None, _, 2) if is_counted => {
                self.sweep(l, pass, sweep, selection, (&mut dense.1, 1.0), |_, _| (), |_, _, _| 1, counted);
            }
            (Some(sweep), Weighting::None, _, _) if is_counted => {
                self.sweep(l, pass, sweep, selection, (&mut dense.2, 1.0), |_, _| (), |_, _, _| 1, counted);
            }
            (_, Weighting::None, _, _) if is_counted => {
                self.list(pass, selection, counts, |_, _| (), |_, _, _| 1);
            }
            (Some(sweep), Weighting::None, _, _) => {
                let summed = |other: u32, _: f64| {
                    let sum = self.sum_of(row, bits, sweep.by_row.row(other as usize).0);
                    similarity.of(sum, left, right[other as usize]) as f32
                };
                // gᵤ in units that leave room for rounding up.
                let scale = |largest: f64| (largest - row.columns.len() as f64) / row.terms.total;
                if width == 2 {
                    let scale = scale(f64::from(u16::MAX));
                    let units = |u: u32, _| (weights[u as usize] * scale).ceil() as u16;
                    self.sweep(l, pass, sweep, selection, (&mut dense.1, scale), units, |units, _, _| units, summed);
                } else {
                    let scale = scale(f64::from(u32::MAX));
                    let units = |u: u32, _| (weights[u as usize] * scale).ceil() as u32;
                    self.sweep(l, pass, sweep, selection, (&mut dense.2, scale), units, |units, _, _| units, summed);
                }
            }
            (_, Weighting::None, _, _) => {
                self.list(pass, selection, sums, |u, _| weights[u as usize], |own, _, _| own);
            }
            (_, Weighting::Weight, Measure::Bm25 { .. } | Measure::Rp3Beta { .. }, _) => {
                let own = |u: u32, w| weights[u as usize] * similarity.value(w, own_right);
                let term = |own, other: u32, w| positive(own * similarity.value(w, right[other as usize]));
                match swept {
                    Some(sweep) => self.sweep(l, pass, sweep, selection, (&mut dense.3, 1.0), own, term, counted),
                    None => self.list(pass, selection, sums, own, term),
                }
            }
            (_, Weighting::Weight, _, _) => {
                let own = |u: u32, w: f32| weights[u as usize] * f64::from(w);
                let term = |own, _: u32, w| positive(own * f64::from(w));
                match swept {
                    Some(sweep) => self.sweep(l, pass, sweep, selection, (&mut dense.3, 1.0), own, term, counted),
                    None => self.list(pass, selection, sums, own, term),
                }
            }
        }
        if in_units {
            row.columns.iter().for_each(|&column| bits[column as usize / 64] = 0);
        }
    }

    /// Σᵤ gᵤ over the columns that `row` and a row of the matrix have both, by ascending column; `bits` are those of the columns
    /// of `row`.
    #[inline(always)]
    fn sum_of(&self, row: &Row<'_>, bits: &[u64], others: &[u32]) -> f64 {
        let mut sum = 0.0;
        if row.columns.len() * LOOKED_UP < others.len() {
            for &column in row.columns {
                if others.binary_search(&column).is_ok() {
                    sum += self.weights[column as usize];
                }
            }
            return sum;
        }
        for &column in others {
            if bits[column as usize / 64] >> (column % 64) & 1 == 1 {
                sum += self.weights[column as usize];
            }
        }
        sum
    }

    #[inline(always)]
    fn list<S: Sum, Own: Copy>(
        &self,
        pass: &Pass<'_, '_>,
        selection: &mut Selection,
        sums: &mut Accumulator<S>,
        own: impl Fn(u32, f32) -> Own,
        term: impl Fn(Own, u32, f32) -> S,
    ) {
        let RowTerms { left, .. } = pass.row.terms;
        sums.grow(self.right.len());
        for Part { column, weight, entries } in pass.parts {
            let own = own(*column, *weight);
            let (others, weights) = self.entries(entries);
            sums.add(others, |k| term(own, others[k], weights[k]));
        }
        if let Some(own) = pass.row.own {
            sums.take(own);
        }
        let least = |selection: &Selection| {
            S::least(self.similarity.least_sum(selection.threshold(), false, left, pass.least_right))
        };
        let mut needed = least(selection);
        sums.drain(|other, sum| {
            if sum >= needed && sum > S::default() && allows(pass.row.allowed, other) {
                let similarity = self.similarity.of(sum.value(), left, self.right[other as usize]);
                if selection.offer(other, similarity as f32) {
                    needed = least(selection);
                }
            }
        });
    }

    /// `scale`: what sums are of those whose similarity `score` gives, at the least.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn sweep<L: Lanes, S: Sum, Own: Copy>(
        &self,
        l: L,
        pass: &Pass<'_, '_>,
        bounded: Bounded<'_>,
        selection: &mut Selection,
        (sums, scale): (&mut Dense<S>, f64),
        own: impl Fn(u32, f32) -> Own,
        term: impl Fn(Own, u32, f32) -> S,
        score: impl Fn(u32, f64) -> f32,
    ) {
        let Pass { row, rows, parts, bounds, .. } = pass;
        sums.grow(self.right.len());
        for (at, Part { column, weight, entries }) in parts.iter().enumerate() {
            if let Some(next) = parts.get(at + 1) {
                let begin = self.entries(&next.entries).0.as_ptr().cast::<f32>();
                for line in 0..PREFETCHED_LINES {
                    // Beyond the end it costs a line of another column.
                    l.prefetch(begin.wrapping_add(16 * line));
                }
            }
            let own = own(*column, *weight);
            let (others, weights) = self.entries(entries);
            sums.add(others, |k| term(own, others[k], weights[k]));
        }
        if let Some(own) = row.own {
            sums.clear(own);
        }
        let (blocks, left) = (bounded.blocks, row.terms.left);
        let Range { start: first, end: last } = pass.blocks;
        let highest = (first..last).fold(first, |best, block| if bounds[block] > bounds[best] { block } else { best });
        let at_most = |other: u32, sum| self.similarity.at_most(sum, left, self.right[other as usize]);
        // From the block with the highest bound outwards, so that the threshold rises soon.
        let (mut begin, mut end) = (highest, highest);
        while begin > first || end < last {
            let before = if begin > first { bounds[begin - 1] } else { -1.0 };
            let after = if end < last { bounds[end] } else { -1.0 };
            let block = if end == last || before > after { begin - 1 } else { end };
            (begin, end) = (begin.min(block), end.max(block + 1));
            if bounds[block] < f64::from(selection.threshold()) {
                continue;
            }
            let least_right = blocks.least_right_of(block..block + 1);
            let rows = blocks.rows_of(block..block + 1);
            let least = |selection: &Selection, first: u32| {
                let (threshold, must_exceed) = (selection.threshold(), selection.must_exceed(first));
                S::least(self.similarity.least_sum(threshold, must_exceed, left, least_right) * scale)
            };
            let mut needed = least(selection, rows.start);
            sums.sweep(rows, needed, |other, sum| {
                // Of units, what the least right of the block lets pass the own one may not.
                if scale != 1.0 && at_most(other, sum.value() / scale) < f64::from(selection.threshold()) {
                    return needed;
                }
                if selection.offer(other, score(other, sum.value())) {
                    needed = least(selection, other + 1);
                }
                needed
            });
            selection.settle();
        }
        sums.reset(rows.clone());
    }

    #[inline(always)]
    fn entries(&self, entries: &Range<usize>) -> (&[u32], &[f32]) {
        (&self.by_column.indices[entries.clone()], &self.by_column.weights[entries.clone()])
    }
}
