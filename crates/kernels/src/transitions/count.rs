//! How often one item comes near another.

use super::{SESSION_END, Scratch};
use crate::accumulator::Accumulator;
use crate::selection::Selection;
use std::fmt;
use std::ops::Range;

/// Which steps count, and what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    /// The farthest item after (or before) another to which a step leads, from 1.
    pub window: usize,
    /// What a step counts beside one that is shorter by one item, above 0 and at most 1.
    pub decay: f64,
    /// What a step back counts beside the same one ahead, 0 to 1.
    pub backward: f64,
}

/// The steps of sessions from item to item, counted: c(i, j) = Σ w(b) decay^(b − a − 1) over the places a of i and b > a of j in
/// one session with b − a ≤ window, and `backward` times that of j and i, w(b) being the weight of place b. Of an item to itself
/// none is counted: that it comes again says nothing of others.
///
/// Sums are in double precision, in the order of the places: the same bits however the rows are divided.
#[derive(Clone, Copy)]
pub struct Training<'a> {
    tokens: &'a [u32],
    weights: Option<&'a [f32]>,
    indptr: &'a [u64],
    places: &'a [u32],
    steps: Steps,
    limit: usize,
}

/// Why sessions are refused.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum TransitionsError {
    /// There is no such item.
    Item { place: usize, item: u32, items: usize },
    /// There are not as many weights as places.
    Weights { expected: usize, got: usize },
    /// More places than can be numbered.
    Places { got: usize },
    /// The places of an item do not lie within the sessions.
    Occurrences { item: usize },
    /// A number is out of its range.
    Steps(Steps),
    /// A row of probabilities is damaged.
    Row { row: usize },
}

impl fmt::Display for TransitionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransitionsError::Item { place, item, items } => {
                write!(f, "sessions must hold items below {items}, but place {place} has {item}")
            }
            TransitionsError::Weights { expected, got } => {
                write!(f, "{expected} places need as many weights, got {got}")
            }
            TransitionsError::Places { got } => write!(f, "sessions must have less than 2³² places, got {got}"),
            TransitionsError::Occurrences { item } => {
                write!(f, "the places of item {item} must lie within the sessions, but do not")
            }
            TransitionsError::Steps(Steps { window, decay, backward }) => write!(
                f,
                "window must be from 1, decay above 0 and at most 1, backward from 0 to 1, got {window}, {decay}, {backward}"
            ),
            TransitionsError::Row { row } => write!(f, "row {row} must lie within the matrix, with items in it"),
        }
    }
}

impl std::error::Error for TransitionsError {}

/// What is to be known before the work is divided, to write: see [`PlanMut::make`].
pub struct PlanMut<'a> {
    /// (items + 1) Where the places of each item begin.
    pub indptr: &'a mut [u64],
    /// (places that are no ends) Where each item occurs, ascending.
    pub places: &'a mut [u32],
    /// (items + 1) Where its transitions begin when each item has room for as many as it can have.
    pub starts: &'a mut [u64],
}

impl PlanMut<'_> {
    /// Makes the plan of the sessions in `tokens` for `limit` transitions of each item. O(places).
    ///
    /// # Errors
    /// Names the place whose item there is not.
    pub fn make(self, tokens: &[u32], steps: Steps, limit: usize) -> Result<(), TransitionsError> {
        let PlanMut { indptr, places, starts } = self;
        let items = indptr.len() - 1;
        assert_eq!(starts.len(), items + 1);
        if tokens.len() > u32::MAX as usize {
            return Err(TransitionsError::Places { got: tokens.len() });
        }
        indptr.fill(0);
        for (place, &item) in tokens.iter().enumerate().filter(|&(_, &item)| item != SESSION_END) {
            let count = indptr.get_mut(item as usize + 1).ok_or(TransitionsError::Item { place, item, items })?;
            *count += 1;
        }
        starts[0] = 0;
        let ways = if steps.backward > 0.0 { 2 } else { 1 };
        for item in 0..items {
            let most = (indptr[item + 1] * ways).saturating_mul(steps.window as u64).min(items as u64 - 1);
            starts[item + 1] = starts[item] + most.min(limit as u64);
            indptr[item + 1] += indptr[item];
        }
        assert_eq!(places.len() as u64, indptr[items]);
        // Where the next place of each item goes; afterwards each is where the next item's begin.
        for (place, &item) in tokens.iter().enumerate().filter(|&(_, &item)| item != SESSION_END) {
            let next = &mut indptr[item as usize];
            places[*next as usize] = place as u32;
            *next += 1;
        }
        indptr.copy_within(0..items, 1);
        indptr[0] = 0;
        Ok(())
    }
}

/// Where the best of a range of rows go: those of its n-th row from `starts[n] - starts[0]` on.
pub struct Output<'a> {
    /// (rows of the range + 1), from [`PlanMut`].
    pub starts: &'a [u64],
    /// (`starts.last - starts[0]`) Highest value first, of equal ones the lower item first.
    pub indices: &'a mut [u32],
    /// (`starts.last - starts[0]`) Above 0.
    pub values: &'a mut [f32],
    /// (rows of the range) How many each has.
    pub counts: &'a mut [u32],
}

impl Output<'_> {
    /// Writes what was selected for row `n` of the range.
    pub(super) fn write(&mut self, n: usize, selection: &mut Selection) {
        let places = (self.starts[n] - self.starts[0]) as usize..(self.starts[n + 1] - self.starts[0]) as usize;
        let places = self.indices[places.clone()].iter_mut().zip(&mut self.values[places]);
        self.counts[n] = 0;
        for ((index, value), found) in places.zip(selection.sorted()) {
            (*index, *value) = found;
            self.counts[n] += 1;
        }
    }
}

impl<'a> Training<'a> {
    /// `tokens` are items with [`SESSION_END`] after each session; `weights` (tokens) are above 0; `indptr` and `places` are of a
    /// plan. Reads all.
    ///
    /// # Errors
    /// Says what is out of range.
    pub fn new(
        tokens: &'a [u32],
        weights: Option<&'a [f32]>,
        (indptr, places): (&'a [u64], &'a [u32]),
        steps: Steps,
        limit: usize,
    ) -> Result<Self, TransitionsError> {
        let Steps { window, decay, backward } = steps;
        if window == 0 || !(decay > 0.0 && decay <= 1.0) || !(0.0..=1.0).contains(&backward) {
            return Err(TransitionsError::Steps(steps));
        }
        if let Some(weights) = weights.filter(|weights| weights.len() != tokens.len()) {
            return Err(TransitionsError::Weights { expected: tokens.len(), got: weights.len() });
        }
        let items = indptr.len().saturating_sub(1);
        let is_item = |&token: &u32| token == SESSION_END || (token as usize) < items;
        if let Some(place) = tokens.iter().position(|token| !is_item(token)) {
            return Err(TransitionsError::Item { place, item: tokens[place], items });
        }
        for item in 0..items {
            let own = places.get(indptr[item] as usize..indptr[item + 1] as usize);
            if own.is_none_or(|own| own.iter().any(|&place| place as usize >= tokens.len())) {
                return Err(TransitionsError::Occurrences { item });
            }
        }
        Ok(Training { tokens, weights, indptr, places, steps, limit })
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.indptr.len() - 1
    }

    /// Counts the transitions of `rows`, and keeps the best of each; `totals` (rows of the range) get the sum of all of each.
    pub fn count(&self, rows: Range<usize>, mut output: Output<'_>, totals: &mut [f64], scratch: &mut Scratch) {
        let Scratch { sums, selection } = scratch;
        assert!(
            output.starts.len() == rows.len() + 1 && output.counts.len() == rows.len() && totals.len() == rows.len()
        );
        sums.grow(self.items());
        for (n, row) in rows.enumerate() {
            for &place in &self.places[self.indptr[row] as usize..self.indptr[row + 1] as usize] {
                self.add_steps(row as u32, place as usize, sums);
            }
            selection.reset(self.limit);
            let mut total = 0.0;
            sums.drain(|item, sum| {
                total += sum;
                selection.offer(item, sum as f32);
            });
            totals[n] = total;
            output.write(n, selection);
        }
    }

    /// Adds the steps from the item at `place`.
    #[inline(always)]
    fn add_steps(&self, own: u32, place: usize, sums: &mut Accumulator<f64>) {
        let Steps { window, decay, backward } = self.steps;
        let weight = |at: usize| self.weights.map_or(1.0, |weights| f64::from(weights[at]));
        let mut factor = 1.0;
        for at in place + 1..(place + 1 + window).min(self.tokens.len()) {
            let item = self.tokens[at];
            if item == SESSION_END {
                break;
            }
            if item != own {
                sums.add(&[item], |_| positive(factor * weight(at)));
            }
            factor *= decay;
        }
        if backward == 0.0 {
            return;
        }
        let mut factor = backward * weight(place);
        for at in (place.saturating_sub(window)..place).rev() {
            let item = self.tokens[at];
            if item == SESSION_END {
                break;
            }
            if item != own {
                sums.add(&[item], |_| positive(factor));
            }
            factor *= decay;
        }
    }
}

/// Above 0, even where it would round to it: the accumulator lists what is.
#[inline(always)]
pub(super) fn positive(term: f64) -> f64 {
    term.max(f64::MIN_POSITIVE)
}
