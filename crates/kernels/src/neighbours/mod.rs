//! Item-item neighbours: the items whose users are most alike (Sarwar, Karypis, Konstan & Riedl 2001), and lists from them.
//!
//! [`Cosine`] trains: for each item the most similar others. [`rank`] recommends: the sums of similarities to a history.
//! Both add sparse rows in a dense array ([`accumulator`]) and keep the best ([`selection`]); neither holds the dense
//! matrix of all similarities.

pub(crate) mod accumulator;
pub mod rank;
pub(crate) mod selection;
#[cfg(test)]
mod tests;

use crate::csr::{Csr, CsrError};
use accumulator::{Accumulator, Sum};
use selection::Selection;
use std::fmt;
use std::ops::Range;

/// What a pair of user and item counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighting {
    /// 1.
    None,
    /// Its weight in the data.
    Weight,
}

/// The similarity of items i and j: with w the weights of [`Weighting`],
///
/// ```text
/// s(i, j) = Σᵤ w_ui w_uj / (‖i‖ ‖j‖ + shrinkage),   ‖i‖ = √ Σᵤ w_ui²
/// ```
///
/// in double precision, sums by ascending user, rounded once: the same bits however the items are divided.
#[derive(Clone, Copy)]
pub struct Cosine<'a> {
    by_item: Csr<'a>,
    by_user: Csr<'a>,
    /// What pairs count.
    pub weighting: Weighting,
    /// Added to the product of the norms; not negative. It makes similarities that few users support smaller.
    pub shrinkage: f64,
    /// Similar items that are kept of each item.
    pub limit: usize,
}

/// Buffers kept from one call to the next.
#[derive(Default)]
pub struct Scratch {
    counts: Accumulator<u32>,
    sums: Accumulator<f64>,
    selection: Selection,
}

/// Where the neighbours of a range of items go: those of its n-th item from `starts[n] - starts[0]` on.
pub struct Output<'a> {
    /// (items of the range + 1), from [`Cosine::plan`].
    pub starts: &'a [u64],
    /// (`starts.last - starts[0]`) Most similar first, of equal similarities the lower item first.
    pub indices: &'a mut [u32],
    /// (`starts.last - starts[0]`) Their similarities, from 0 (exclusive) to 1.
    pub similarities: &'a mut [f32],
    /// (items of the range) How many each has.
    pub counts: &'a mut [u32],
}

impl<'a> Cosine<'a> {
    /// `by_item` is (items × users), `by_user` the same matrix transposed; weights are above 0. Reads both whole.
    ///
    /// # Errors
    /// Names the first row that is damaged.
    pub fn new(
        by_item: Csr<'a>,
        by_user: Csr<'a>,
        weighting: Weighting,
        shrinkage: f64,
        limit: usize,
    ) -> Result<Self, CsrError> {
        by_item.check(by_user.rows())?;
        by_user.check(by_item.rows())?;
        Ok(Cosine { by_item, by_user, weighting, shrinkage, limit })
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.by_item.rows()
    }

    /// What is to be known before the work is divided. Writes to `norms` (items) ‖i‖; to `costs` (items + 1) where each
    /// item's additions begin when those of all are counted; to `starts` (items + 1) where its neighbours begin when
    /// each item has room for as many as it can have. Costs O(pairs).
    pub fn plan(&self, norms: &mut [f64], costs: &mut [u64], starts: &mut [u64]) {
        let items = self.items();
        assert!(norms.len() == items && costs.len() == items + 1 && starts.len() == items + 1);
        (costs[0], starts[0]) = (0, 0);
        for item in 0..items {
            let (users, weights) = self.by_item.row(item);
            let square: f64 = match self.weighting {
                Weighting::None => users.len() as f64,
                Weighting::Weight => weights.iter().map(|&w| f64::from(w) * f64::from(w)).sum(),
            };
            norms[item] = square.sqrt();
            let additions: usize = users.iter().map(|&user| self.by_user.row(user as usize).0.len()).sum();
            // Each user has the item itself too.
            let others = additions.saturating_sub(users.len()).min(items - 1);
            costs[item + 1] = costs[item] + additions as u64;
            starts[item + 1] = starts[item] + others.min(self.limit) as u64;
        }
    }

    /// Finds the neighbours of `items`. `norms` is that of [`Cosine::plan`].
    ///
    /// Costs an addition at a random place for each pair of each user of each item, and about twice as much again for
    /// each item that these reach: on brunch reads (485,115 items, 11.3M pairs) 8.2 · 10⁹ additions, 10 ns each in all.
    /// Tried without gain there: floats instead of counts (the same to 1.2 times the time), doubles for all (1.4 times),
    /// flags of touched cache lines instead of the list of columns (0.9 to 1.1 times), a dense pass with vectors over all
    /// sums where many are touched, prefetching, and a first look in single precision.
    pub fn neighbours(&self, items: Range<usize>, norms: &[f64], output: Output<'_>, scratch: &mut Scratch) {
        let Scratch { counts, sums, selection } = scratch;
        match self.weighting {
            Weighting::None => self.find(items, norms, output, counts, selection, |_, _| 1, f64::from),
            Weighting::Weight => {
                self.find(items, norms, output, sums, selection, positive_product, |sum| sum);
            }
        }
    }

    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn find<S: Sum>(
        &self,
        items: Range<usize>,
        norms: &[f64],
        output: Output<'_>,
        sums: &mut Accumulator<S>,
        selection: &mut Selection,
        product: impl Fn(f32, f32) -> S,
        value: impl Fn(S) -> f64,
    ) {
        let Output { starts, indices, similarities, counts } = output;
        assert!(norms.len() == self.items() && starts.len() == items.len() + 1 && counts.len() == items.len());
        sums.grow(self.items());
        for (n, item) in items.enumerate() {
            let (users, weights) = self.by_item.row(item);
            for (&user, &own) in users.iter().zip(weights) {
                let (columns, others) = self.by_user.row(user as usize);
                sums.add(columns, |k| product(own, others[k]));
            }
            sums.take(item as u32);
            selection.reset(self.limit);
            let norm = norms[item];
            sums.drain(|other, sum| {
                let similarity = value(sum) / (norm * norms[other as usize] + self.shrinkage);
                // Rounding may carry a cosine beyond 1.
                selection.offer(other, similarity.min(1.0) as f32);
            });
            let places = (starts[n] - starts[0]) as usize..(starts[n + 1] - starts[0]) as usize;
            let places = indices[places.clone()].iter_mut().zip(&mut similarities[places]);
            counts[n] = 0;
            for ((index, similarity), found) in places.zip(selection.sorted()) {
                (*index, *similarity) = found;
                counts[n] += 1;
            }
        }
    }
}

/// Why a matrix of neighbours is refused.
#[derive(Clone, Debug, PartialEq)]
pub enum NeighboursError {
    /// Its rows do not lie within it, or name items that there are not.
    Matrix(CsrError),
    /// A similarity is not above 0 and at most 1.
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
                write!(f, "similarities must be above 0 and at most 1, but row {item} has {similarity}")
            }
            NeighboursError::Order { item } => write!(f, "the similarities of row {item} must fall, but do not"),
            NeighboursError::Twice { item, neighbour } => {
                write!(f, "row {item} must name other items, each once, but names {neighbour} again")
            }
        }
    }
}

impl std::error::Error for NeighboursError {}

/// Reads all of `neighbours` (items × items), similarities as weights, and checks that it is what [`Cosine`] makes.
///
/// # Errors
/// Names the first item whose neighbours are damaged.
pub fn check(neighbours: Csr<'_>) -> Result<(), NeighboursError> {
    let items = neighbours.rows();
    // The last item that had each as a neighbour, counted from 1.
    let mut last_of = vec![0; items];
    (0..items).try_for_each(|item| {
        let (others, similarities) = neighbours.checked_row(item, items).map_err(NeighboursError::Matrix)?;
        if let Some(&similarity) = similarities.iter().find(|&&similarity| !(similarity > 0.0 && similarity <= 1.0)) {
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

/// `a` times `b`, which is exact in double precision and never rounds to 0; above 0 even where a damaged file holds 0 or NaN.
#[inline(always)]
fn positive_product(a: f32, b: f32) -> f64 {
    (f64::from(a) * f64::from(b)).max(f64::MIN_POSITIVE)
}
