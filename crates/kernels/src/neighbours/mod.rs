//! Neighbours: of each item those whose users are most alike (Sarwar, Karypis, Konstan & Riedl 2001), of a user those whose
//! items are, and lists from them.
//!
//! [`Training`] finds for each row the most similar others, [`Lookup`] those of one that need not be in the matrix. [`rank`] recommends: the sums
//! of similarities to a history. All add sparse rows in a dense array (`accumulator`) and keep the best (`selection`);
//! none holds the dense matrix of all similarities. What is said of items here holds for users, with the matrix transposed.

mod blocks;
mod lookup;
mod measure;
mod nearest;
pub mod rank;
#[cfg(test)]
mod tests;

pub use lookup::{Lookup, LookupError, Query};
pub use measure::{Measure, RowTerms, Similarity, Weighting};

use crate::csr::{Csr, CsrError};
use crate::selection::Selection;
use crate::simd::Simd;
use blocks::Blocks;
use nearest::{Bounded, Buffers, Matrix, Row};
use std::fmt;
use std::ops::Range;

/// The similarities of all rows of a matrix, as [`Measure`] defines them.
///
/// Sums are in double precision where they are no counts, by ascending column, rounded once: the same bits however the rows are
/// divided.
#[derive(Clone, Copy)]
pub struct Training<'a> {
    by_row: Csr<'a>,
    by_column: Csr<'a>,
    /// How alike two rows are.
    pub similarity: Similarity,
    /// Similar rows that are kept of each.
    pub limit: usize,
    /// Additions from which sums are swept; None where that is decided by what it costs.
    swept_from: Option<u64>,
}

/// Buffers kept from one call to the next.
#[derive(Default)]
pub struct Scratch {
    buffers: Buffers,
    selection: Selection,
    kept: Vec<(u32, f32)>,
    /// What the next row's last neighbour may be as similar as. Rows of about as many pairs, as those that follow each other are,
    /// have their last neighbours about as far away.
    guess: f32,
}

/// What is to be known before the work is divided, to write: see [`Training::plan`].
pub struct PlanMut<'a> {
    /// (rows) [`RowTerms::left`].
    pub left: &'a mut [f64],
    /// (rows) [`RowTerms::right`].
    pub right: &'a mut [f64],
    /// (rows) [`RowTerms::total`].
    pub totals: &'a mut [f64],
    /// (rows) [`RowTerms::most`].
    pub most: &'a mut [f64],
    /// (columns) gᵤ of [`Measure`].
    pub weights: &'a mut [f64],
    /// (rows + 1) Where each row's additions begin when those of all are counted.
    pub costs: &'a mut [u64],
    /// (rows + 1) Where its neighbours begin when each row has room for as many as it can have.
    pub starts: &'a mut [u64],
}

/// What the search needs of a plan; of each the first values of [`PlanMut`].
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct Plan<'a> {
    pub left: &'a [f64],
    pub right: &'a [f64],
    pub totals: &'a [f64],
    pub most: &'a [f64],
    pub weights: &'a [f64],
}

impl Plan<'_> {
    fn terms(&self, row: usize) -> RowTerms {
        RowTerms { left: self.left[row], right: self.right[row], total: self.totals[row], most: self.most[row] }
    }
}

/// Where the neighbours of a range of rows go: those of its n-th row from `starts[n] - starts[0]` on.
pub struct Output<'a> {
    /// (rows of the range + 1), from [`Training::plan`].
    pub starts: &'a [u64],
    /// (`starts.last - starts[0]`) Most similar first, of equal similarities the lower row first.
    pub indices: &'a mut [u32],
    /// (`starts.last - starts[0]`) Their similarities, above 0.
    pub similarities: &'a mut [f32],
    /// (rows of the range) How many each has.
    pub counts: &'a mut [u32],
}

impl<'a> Training<'a> {
    /// `by_row` is (rows × columns), `by_column` the same matrix transposed; weights are above 0. Reads both whole.
    ///
    /// # Errors
    /// Names the first row that is damaged.
    pub fn new(by_row: Csr<'a>, by_column: Csr<'a>, similarity: Similarity, limit: usize) -> Result<Self, CsrError> {
        by_row.check(by_column.rows())?;
        by_column.check(by_row.rows())?;
        Ok(Training { by_row, by_column, similarity, limit, swept_from: None })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.by_row.rows()
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.by_column.rows()
    }

    /// Makes the plan. Costs O(pairs).
    pub fn plan(&self, plan: PlanMut<'_>) {
        let PlanMut { left, right, totals, most, weights, costs, starts } = plan;
        let rows = self.rows();
        for terms in [&left, &right, &totals, &most] {
            assert_eq!(terms.len(), rows);
        }
        assert!(costs.len() == rows + 1 && starts.len() == rows + 1);
        self.similarity.column_weights(self.by_column, rows, weights);
        let mean_length = self.similarity.mean_length(self.by_row);
        (costs[0], starts[0]) = (0, 0);
        for row in 0..rows {
            let (columns, own) = self.by_row.row(row);
            let terms = self.similarity.row_terms(columns, own, weights, mean_length);
            (left[row], right[row], totals[row], most[row]) = (terms.left, terms.right, terms.total, terms.most);
            let additions = self.additions(columns);
            // Each column has the row itself too.
            let others = (additions as usize).saturating_sub(columns.len()).min(rows - 1);
            costs[row + 1] = costs[row] + additions;
            starts[row + 1] = starts[row] + others.min(self.limit) as u64;
        }
    }

    fn additions(&self, columns: &[u32]) -> u64 {
        columns.iter().map(|&column| self.by_column.row(column as usize).0.len() as u64).sum()
    }

    /// What [`Training::neighbours`] needs, once for any number of ranges. Reads the pairs once.
    pub fn search<'p>(&self, plan: Plan<'p>) -> TrainingSearch<'a, 'p> {
        let rows = self.rows();
        for terms in [plan.left, plan.right, plan.totals, plan.most] {
            assert_eq!(terms.len(), rows);
        }
        assert_eq!(plan.weights.len(), self.columns());
        let blocks = Blocks::new(self.by_row.indptr, self.by_column, |row| plan.terms(row));
        TrainingSearch { training: *self, plan, blocks }
    }
}

/// A [`Training`] with its plan.
pub struct TrainingSearch<'a, 'p> {
    training: Training<'a>,
    plan: Plan<'p>,
    blocks: Blocks,
}

impl TrainingSearch<'_, '_> {
    /// Finds the neighbours of `rows`.
    pub fn neighbours(&self, rows: Range<usize>, output: Output<'_>, scratch: &mut Scratch) {
        let TrainingSearch { training, plan, blocks } = self;
        let Scratch { buffers, selection, kept, guess } = scratch;
        let Output { starts, indices, similarities, counts } = output;
        assert!(starts.len() == rows.len() + 1 && counts.len() == rows.len());
        let similarity = training.similarity;
        let matrix = Matrix { similarity, by_column: training.by_column, weights: plan.weights, right: plan.right };
        let simd = Simd::detect();
        for (n, number) in rows.enumerate() {
            let (columns, weights) = training.by_row.row(number);
            let row = Row { columns, weights, terms: plan.terms(number), own: Some(number as u32), allowed: None };
            let bounded = Bounded { blocks, by_row: training.by_row, swept_from: training.swept_from, guess: *guess };
            selection.reset(training.limit);
            matrix.nearest(&row, Some(bounded), selection, buffers, simd);
            *guess = selection.threshold();
            given(selection, &similarity, kept);
            let places = (starts[n] - starts[0]) as usize..(starts[n + 1] - starts[0]) as usize;
            let places = indices[places.clone()].iter_mut().zip(&mut similarities[places]);
            counts[n] = 0;
            for ((index, similarity), &found) in places.zip(kept.iter()) {
                (*index, *similarity) = found;
                counts[n] += 1;
            }
        }
    }
}

/// Writes what was selected to `kept`, as it is given out.
fn given(selection: &mut Selection, similarity: &Similarity, kept: &mut Vec<(u32, f32)>) {
    kept.clear();
    kept.extend(selection.sorted().map(|(row, score)| (row, similarity.raised(score))));
    if similarity.locality != 1.0 {
        // What was apart may be equal now.
        kept.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    }
}

/// Why a matrix of neighbours is refused.
#[derive(Clone, Debug, PartialEq)]
pub enum NeighboursError {
    /// Its rows do not lie within it, or name items that there are not.
    Matrix(CsrError),
    /// A similarity is not finite and above 0.
    #[allow(missing_docs)]
    Similarity { item: usize, similarity: f32 },
    /// The neighbours of an item are not the most similar first, of equal similarities the lower item first.
    #[allow(missing_docs)]
    Order { item: usize },
    /// An item is a neighbour of its own, or a neighbour twice.
    #[allow(missing_docs)]
    Twice { item: usize, neighbour: u32 },
}

impl fmt::Display for NeighboursError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NeighboursError::Matrix(error) => error.fmt(f),
            NeighboursError::Similarity { item, similarity } => {
                write!(f, "similarities must be finite and above 0, but row {item} has {similarity}")
            }
            NeighboursError::Order { item } => write!(f, "the similarities of row {item} must fall, but do not"),
            NeighboursError::Twice { item, neighbour } => {
                write!(f, "row {item} must name other items, each once, but names {neighbour} again")
            }
        }
    }
}

impl std::error::Error for NeighboursError {}

/// Reads all of `neighbours` (items × items), similarities as weights, and checks that it is what [`Training`] makes.
///
/// # Errors
/// Names the first item whose neighbours are damaged.
pub fn check(neighbours: Csr<'_>) -> Result<(), NeighboursError> {
    let items = neighbours.rows();
    // The last item that had each as a neighbour, counted from 1.
    let mut last_of = vec![0; items];
    (0..items).try_for_each(|item| {
        let (others, similarities) = neighbours.checked_row(item, items).map_err(NeighboursError::Matrix)?;
        if let Some(&similarity) =
            similarities.iter().find(|&&similarity| !(similarity > 0.0 && similarity < f32::INFINITY))
        {
            return Err(NeighboursError::Similarity { item, similarity });
        }
        let places = || others.iter().zip(similarities);
        if !places().is_sorted_by(|a, b| a.1 > b.1 || (a.1 == b.1 && a.0 <= b.0)) {
            return Err(NeighboursError::Order { item });
        }
        last_of[item] = item + 1;
        match others.iter().find(|&&other| std::mem::replace(&mut last_of[other as usize], item + 1) == item + 1) {
            Some(&neighbour) => Err(NeighboursError::Twice { item, neighbour }),
            None => Ok(()),
        }
    })
}

/// `product`, above 0 even where a damaged file holds 0 or NaN. That of two floats is exact in double precision and never
/// rounds to 0.
#[inline(always)]
fn positive(product: f64) -> f64 {
    product.max(f64::MIN_POSITIVE)
}
